# What creating, rotating and dropping a tenant writes: that tenant's secrets, of one
# environment. Beside saas-postgres-policy it lets the extension do so; the role of this
# name is for provisioning scripts. The platform's own secrets stay out of reach.
path "@mount@/data/@prefix@/@environment@/tenants/+/+"     { capabilities = ["create", "read", "update", "delete"] }
path "@mount@/delete/@prefix@/@environment@/tenants/+/+"   { capabilities = ["update"] }
path "@mount@/undelete/@prefix@/@environment@/tenants/+/+" { capabilities = ["update"] }
path "@mount@/destroy/@prefix@/@environment@/tenants/+/+"  { capabilities = ["update"] }
path "@mount@/metadata/@prefix@/@environment@/tenants/*"   { capabilities = ["read", "list"] }
path "@mount@/metadata/@prefix@/@environment@/tenants/+/+" { capabilities = ["read", "list", "delete"] }

# The template says where a new tenant's database is.
path "@mount@/data/@prefix@/@environment@/database" { capabilities = ["read"] }

path "auth/token/lookup-self"  { capabilities = ["read"] }
path "auth/token/renew-self"   { capabilities = ["update"] }
path "auth/token/revoke-self"  { capabilities = ["update"] }
path "sys/capabilities-self"   { capabilities = ["update"] }
