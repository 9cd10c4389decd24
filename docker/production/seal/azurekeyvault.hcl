# Azure Key Vault; the machine's managed identity may wrap and unwrap with this key. HashiCorp Vault
# has it built in; OpenBao from 2.7 on wants a plugin (see awskms.hcl).
seal "azurekeyvault" {
  vault_name = "tenant-vault"
  key_name = "unseal"
}
