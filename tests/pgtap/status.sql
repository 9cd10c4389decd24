-- The views status and cached_secrets.
BEGIN;
SELECT plan(33);

SELECT tenant_vault.conninfo('acme') IS NOT NULL AS warm, tenant_vault.secret('dev/jwt') IS NOT NULL AS warm_too \gset

-- What the fetcher says of itself comes a moment after its answers.
DO $$
BEGIN
    FOR i IN 1..100 LOOP
        EXIT WHEN (SELECT logged_in AND vault_requests >= 2 FROM tenant_vault.status);
        PERFORM pg_sleep(0.1);
    END LOOP;
END
$$;

SELECT is(count(*), 1::bigint, 'status is one row') FROM tenant_vault.status;
SELECT cmp_ok(keeper_pid, '>', 0, 'the keeper runs') FROM tenant_vault.status;
SELECT cmp_ok(fetcher_pid, '>', 0, 'the fetcher runs') FROM tenant_vault.status;
SELECT isnt(keeper_pid, fetcher_pid, 'they are two processes') FROM tenant_vault.status;
SELECT cmp_ok(fetcher_started_at, '<=', clock_timestamp(), 'the fetcher was started in the past') FROM tenant_vault.status;
SELECT cmp_ok(fetcher_starts, '>=', 1::bigint, 'at least once') FROM tenant_vault.status;
SELECT is(waiters, 0, 'nobody waits') FROM tenant_vault.status;
SELECT matches(vault_address, '^http://127\.0\.0\.1:\d+$', 'Vault''s address is shown') FROM tenant_vault.status;
SELECT is(vault_health, 'active', 'so is Vault''s health') FROM tenant_vault.status;
SELECT ok(vault_reachable AND NOT outage, 'Vault is there') FROM tenant_vault.status;
SELECT ok(logged_in AND can_log_in_again, 'the fetcher is logged in and could log in again') FROM tenant_vault.status;
SELECT ok(token_renewable, 'its token can be renewed') FROM tenant_vault.status;
SELECT ok(token_ttl BETWEEN interval '1 minute' AND interval '1 hour', 'and has something like an hour left')
    FROM tenant_vault.status;
SELECT cmp_ok(vault_requests, '>=', 2::bigint, 'requests are counted') FROM tenant_vault.status;
SELECT cmp_ok(logins, '>=', 1::bigint, 'logins are counted') FROM tenant_vault.status;
SELECT is(login_failures + renewal_failures, 0::bigint, 'none has failed') FROM tenant_vault.status;
SELECT is(role_logins + role_logins_refused + role_logins_unchecked, 0::bigint, 'no enrolled role has come') FROM tenant_vault.status;
SELECT cmp_ok(cache_entries, '>=', 2::bigint, 'entries are counted') FROM tenant_vault.status;
SELECT cmp_ok(cache_slots, '>=', current_setting('tenant_vault.max_tenants')::bigint, 'there is a slot for each of max_tenants')
    FROM tenant_vault.status;
SELECT cmp_ok(cache_bytes, '<=', cache_size, 'the cache keeps to its size') FROM tenant_vault.status;

SELECT hits, vault_requests AS requests FROM tenant_vault.status \gset
SELECT is(count(tenant_vault.conninfo('acme')), 100::bigint, 'a hundred look-ups') FROM generate_series(1, 100);
SELECT cmp_ok(hits - :hits, '>=', 100::bigint, 'are a hundred hits') FROM tenant_vault.status;
SELECT cmp_ok(vault_requests - :requests, '<=', 2::bigint, 'and no request to Vault') FROM tenant_vault.status;

SELECT results_eq(
    $$SELECT kind, name, wanted_version, outcome FROM tenant_vault.cached_secrets
        WHERE name IN ('acme', 'dev/jwt') ORDER BY name$$,
    $$VALUES ('tenant', 'acme', NULL::bigint, 'ok'), ('secret', 'dev/jwt', NULL, 'ok')$$,
    'cached_secrets names what is cached');
SELECT ok(fetched_at <= clock_timestamp() AND fresh_until > clock_timestamp(), 'with its times')
    FROM tenant_vault.cached_secrets WHERE name = 'acme';
SELECT is(fresh_until - fetched_at, interval '5 minutes', 'it is fresh for cache_ttl')
    FROM tenant_vault.cached_secrets WHERE name = 'dev/jwt';
SELECT cmp_ok(version, '>=', 1::bigint, 'with its version') FROM tenant_vault.cached_secrets WHERE name = 'acme';
SELECT matches(created_time, '^\d{4}-\d\d-\d\dT', 'as Vault dates it') FROM tenant_vault.cached_secrets WHERE name = 'acme';
SELECT matches(request_id, '^[0-9a-f-]{36}$', 'with the request that Vault''s audit log knows')
    FROM tenant_vault.cached_secrets WHERE name = 'acme';
SELECT is(expires_at, NULL, 'without a lease it does not expire') FROM tenant_vault.cached_secrets WHERE name = 'acme';
SELECT is_empty($$SELECT c FROM tenant_vault.cached_secrets AS c WHERE c::text ~ 'password-1|signing-key'$$,
    'no value is shown');
SELECT tenant_vault.tenants() \g /dev/null
SELECT is(created_time, NULL, 'nothing stands where there is nothing') FROM tenant_vault.cached_secrets WHERE kind = 'list';
SELECT unalike(s::text, '%password%', 'nor in status') FROM tenant_vault.status AS s;

SELECT * FROM finish();
ROLLBACK;
