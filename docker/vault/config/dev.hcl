# Read by the dev server beside its own settings. What is for one machine only goes into
# local.hcl, which git ignores.
default_lease_ttl = "1h"
max_lease_ttl = "768h"
