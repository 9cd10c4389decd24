# Google Cloud KMS; the machine's service account is cloudkms.cryptoKeyEncrypterDecrypter of this
# key. HashiCorp Vault has it built in; OpenBao from 2.7 on wants a plugin (see awskms.hcl).
seal "gcpckms" {
  project = "example"
  region = "europe-west3"
  key_ring = "tenant-vault"
  crypto_key = "unseal"
}
