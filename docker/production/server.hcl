# One node of the cluster. `configure` fills in what stands between at signs; docs/production.md
# says why each part is as it is.
cluster_name = "tenant-vault"
api_addr = "https://@API@"
cluster_addr = "https://@CLUSTER@"
default_lease_ttl = "1h"
max_lease_ttl = "768h"
ui = false

storage "raft" {
  path = "@DATA@"
  node_id = "@NAME@"
  performance_multiplier = 1
  @RETRY_JOIN@
}

listener "tcp" {
  address = "@LISTEN@:@API_PORT@"
  cluster_address = "@LISTEN@:@CLUSTER_PORT@"
  tls_cert_file = "@ETC@/tls/server.crt"
  tls_key_file = "@ETC@/tls/server.key"
  tls_min_version = "tls12"
}

# For Prometheus: nothing but numbers, and still there while the node is sealed.
listener "tcp" {
  address = "@LISTEN@:@METRICS_PORT@"
  tls_cert_file = "@ETC@/tls/server.crt"
  tls_key_file = "@ETC@/tls/server.key"
  tls_min_version = "tls12"
  telemetry {
    metrics_only = true
    unauthenticated_metrics_access = true
  }
}

telemetry {
  prometheus_retention_time = "24h"
  disable_hostname = true
}

@AUDIT@

@SEAL@
