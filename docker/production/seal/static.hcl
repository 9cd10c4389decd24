# A key of 32 bytes in a file, which something else protects (systemd credentials, a secret of the
# orchestrator, an encrypted disk). OpenBao only. To change it: the new file here, the present one
# as previous_key_id and previous_key, restart node by node.
seal "static" {
  current_key_id = "1"
  current_key = "file://@ETC@/unseal.key"
}
