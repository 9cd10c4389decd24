# What the MinIO server and its set-up read: the root key, and the key of the platform's
# user, which the set-up makes known to the server.
path "@mount@/data/@prefix@/@environment@/minio"     { capabilities = ["read"] }
path "@mount@/data/@prefix@/@environment@/s3"        { capabilities = ["read"] }
path "@mount@/metadata/@prefix@/@environment@/minio" { capabilities = ["read"] }
path "@mount@/metadata/@prefix@/@environment@/s3"    { capabilities = ["read"] }

path "auth/token/lookup-self"  { capabilities = ["read"] }
path "auth/token/renew-self"   { capabilities = ["update"] }
path "auth/token/revoke-self"  { capabilities = ["update"] }
path "sys/capabilities-self"   { capabilities = ["update"] }
