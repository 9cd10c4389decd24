# What the extension reads: the platform's secrets and every tenant's, of one environment.
path "@mount@/data/@prefix@/@environment@/*" { capabilities = ["read"] }

# tenants() lists them.
path "@mount@/metadata/@prefix@/@environment@/*" { capabilities = ["read", "list"] }

# The object store's root key is nothing to a database. (A slash at the end is another path to a
# policy, and the same secret to the engine.)
path "@mount@/data/@prefix@/@environment@/minio"       { capabilities = ["deny"] }
path "@mount@/data/@prefix@/@environment@/minio/*"     { capabilities = ["deny"] }
path "@mount@/metadata/@prefix@/@environment@/minio"   { capabilities = ["deny"] }
path "@mount@/metadata/@prefix@/@environment@/minio/*" { capabilities = ["deny"] }

# The token's own life, and the question by which an error can name the missing capability.
path "auth/token/lookup-self"  { capabilities = ["read"] }
path "auth/token/renew-self"   { capabilities = ["update"] }
path "auth/token/revoke-self"  { capabilities = ["update"] }
path "sys/capabilities-self"   { capabilities = ["update"] }
