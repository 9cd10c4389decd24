-- What a new cluster has: the extension, in the database postgres, and the platform's own role
-- and database. The role has no password here: it logs in with that of tenants/platform in Vault.
CREATE EXTENSION tenant_vault;
CREATE ROLE platform LOGIN;
CREATE DATABASE platform OWNER platform;
SELECT tenant_vault.enroll('platform', 'platform');
