# What the application and its background jobs may do: read the platform's secrets of one
# environment. No tenant's secret, and nothing of another environment.
path "@mount@/data/@prefix@/@environment@/database" { capabilities = ["read"] }
path "@mount@/data/@prefix@/@environment@/jwt"      { capabilities = ["read"] }
path "@mount@/data/@prefix@/@environment@/s3"       { capabilities = ["read"] }

# Which secrets there are, and in which version: how a change is noticed.
path "@mount@/metadata/@prefix@/@environment@"          { capabilities = ["list"] }
path "@mount@/metadata/@prefix@/@environment@/"         { capabilities = ["list"] }
path "@mount@/metadata/@prefix@/@environment@/database" { capabilities = ["read"] }
path "@mount@/metadata/@prefix@/@environment@/jwt"      { capabilities = ["read"] }
path "@mount@/metadata/@prefix@/@environment@/s3"       { capabilities = ["read"] }

# The token's own life. Named here, because the roles do without the default policy.
path "auth/token/lookup-self"  { capabilities = ["read"] }
path "auth/token/renew-self"   { capabilities = ["update"] }
path "auth/token/revoke-self"  { capabilities = ["update"] }
path "sys/capabilities-self"   { capabilities = ["update"] }
