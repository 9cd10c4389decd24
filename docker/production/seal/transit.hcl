# The key stays in another Vault or OpenBao (its engine "transit"), whose token comes from
# VAULT_TOKEN in the environment of the server and is renewed by it.
seal "transit" {
  address = "https://seal-vault.example.com:8200"
  mount_path = "transit/"
  key_name = "unseal"
  tls_ca_cert = "@ETC@/seal-ca.crt"
}
