# A hardware security module; its PIN comes from the environment (BAO_HSM_PIN, VAULT_HSM_PIN). Vault
# Enterprise has it built in; OpenBao from 2.7 on wants a plugin (see awskms.hcl).
seal "pkcs11" {
  lib = "/usr/lib/softhsm/libsofthsm2.so"
  slot = "0"
  key_label = "tenant-vault-unseal"
  mechanism = "0x1087"
}
