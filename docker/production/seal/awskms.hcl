# AWS KMS; the machine's instance profile may kms:Encrypt, kms:Decrypt and kms:DescribeKey this key.
# HashiCorp Vault has it built in. OpenBao from 2.7 on wants it as a plugin: a line
# plugin_directory, and plugin "kms" "awskms" with command and sha256sum of the file there.
seal "awskms" {
  region = "eu-central-1"
  kms_key_id = "alias/tenant-vault-unseal"
}
