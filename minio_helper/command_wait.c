/*
 * command_wait.c - `minio-helper wait`: until Vault is alive, or until it lets us log in.
 *
 * For start-up scripts. What each look shows is a line on standard error. What waiting cannot mend
 * (a refused login, a missing setting) ends it at once, with that status; a login that Vault has
 * refused is not tried again, because a few of those lock the role out.
 */
#include "command.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "report.h"
#include "shared_options.h"
#include "vault_session.h"

#define MSEC_PER_SEC 1000
#define ATTEMPTS 30
#define INTERVAL                                                                                   \
    2 /* seconds; with 30 attempts, a minute in which a Vault starts and is unsealed               \
       */
#define ATTEMPTS_MAX 1000000 /* 11 days of one look a second: more is a slip of the finger */

struct wanted {
    long attempts;
    long interval; /* seconds */
    long deadline; /* seconds; 0: attempts times interval */
    bool login;
    struct vault_session_options session;
};

static bool take_attempts(const struct usage *usage, const char *value, void *member)
{
    long *attempts = member;

    return (options_number(value, attempts) && *attempts > 0 && *attempts <= ATTEMPTS_MAX) ||
           options_refuse(usage, "no such number of attempts", value, "1, 30, ...");
}

static bool take_for(const struct usage *usage, const char *value, void *member)
{
    bool *login = member;

    *login = strcmp(value, "login") == 0;
    return *login || strcmp(value, "alive") == 0 ||
           options_refuse(usage, "nothing to wait for:", value, "alive or login");
}

static const struct option_row rows[] = {
    {"attempts", 0, "N", "look so many times at most; 30 where it is not given", take_attempts,
     offsetof(struct wanted, attempts)},
    {"interval", 0, "TIME", "from one look to the next; 2s where it is not given",
     option_take_seconds, offsetof(struct wanted, interval)},
    {"deadline", 0, "TIME",
     "give up after this time, whatever takes so long; where it is not\n"
     "given, N times the interval",
     option_take_seconds, offsetof(struct wanted, deadline)},
    {"for", 0, "WHAT",
     "alive (where it is not given): Vault runs and is unsealed, active\n"
     "or standby; login: it lets us log in",
     take_for, offsetof(struct wanted, login)},
    OPTION_TOKEN_CACHE(struct wanted, session),
};

static const struct usage usage = {
    .command = "wait",
    .arguments = "",
    .summary =
        "Wait until Vault is alive, or until it lets us log in. Exit status 3 where that does\n"
        "not come about in time.",
    .notes = "A standby without a leader is alive and lets nobody log in.\n"
             "\n"
             "examples:\n"
             "  minio-helper wait && ./provision\n"
             "  minio-helper wait --for login --deadline 5m",
    .operands_least = 0,
    .operands_most = 0,
    .options = rows,
    .option_count = sizeof(rows) / sizeof(rows[0]),
};

/* What another look may find mended. VC_LOGIN_LOCKED would last longer than anyone waits here. */
static bool worth_waiting(enum vc_code code)
{
    return vc_code_is_outage(code) && code != VC_LOGIN_LOCKED;
}

/* One look: its number, until when it may take, and what it shows. */
struct look {
    long number;
    vc_msec until;
    const char *address; /* that is alive */
    enum vc_health health;
};

/* VC_OK where one of the addresses is alive; else what the last of them said. */
static enum vc_code find_alive(struct vault_session *session, struct look *look,
                               struct vc_error *err)
{
    enum vc_code code = VC_UNREACHABLE;

    for (size_t i = 0; code != VC_OK && i < session->settings.address_count; i++) {
        look->address = session->settings.addresses[i];
        code = vault_session_alive(session, i, look->until, &look->health, err);
        if (code != VC_OK)
            report_note("wait: look %ld: %s", look->number, err->message);
    }
    return code;
}

static enum vc_code look_for_life(struct vault_session *session, struct look *look,
                                  struct vc_error *err)
{
    enum vc_code code = find_alive(session, look, err);

    if (code == VC_OK)
        report_note("wait: look %ld: Vault at %s is alive (%s)", look->number, look->address,
                    vc_health_text(look->health));
    return code;
}

/*
 * None is tried with a Vault that is not alive. A standby without a leader answers a login in one
 * of several ways, none of which says so.
 */
static enum vc_code look_for_login(struct vault_session *session, struct look *look,
                                   struct vc_error *err)
{
    enum vc_code code = find_alive(session, look, err);

    if (code != VC_OK)
        return code;
    code = vault_session_login(session, look->until, err);
    if (code == VC_OK)
        report_note("wait: look %ld: logged in to Vault", look->number);
    else if (worth_waiting(code) && look->health != VC_HEALTH_ACTIVE)
        report_note("wait: look %ld: Vault at %s is a standby that cannot log us in: %s",
                    look->number, look->address, err->message);
    else
        report_note("wait: look %ld: %s", look->number, err->message);
    return code;
}

static void sleep_until(vc_msec until)
{
    const struct timespec at = {.tv_sec = until / MSEC_PER_SEC,
                                .tv_nsec = until % MSEC_PER_SEC * 1000000};

    while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

/* The last look's outcome. Looks begin interval apart, or when the one before has ended. */
static enum vc_code keep_looking(struct vault_session *session, const struct wanted *wanted,
                                 struct vc_error *err)
{
    vc_msec interval = (vc_msec)wanted->interval * MSEC_PER_SEC;
    vc_msec end = vc_now() + (wanted->deadline > 0 ? (vc_msec)wanted->deadline * MSEC_PER_SEC
                                                   : interval * wanted->attempts);
    struct look look = {.number = 1, .until = end};
    enum vc_code code;

    for (;; look.number++) {
        vc_msec next = vc_now() + interval;

        code = wanted->login ? look_for_login(session, &look, err)
                             : look_for_life(session, &look, err);
        if (!worth_waiting(code) || look.number == wanted->attempts || next >= end ||
            vc_now() >= end)
            return code;
        sleep_until(next);
    }
}

static enum vc_code run(const struct wanted *wanted, struct vc_error *err)
{
    struct vault_session session;
    enum vc_code code = vault_session_open(&session, &wanted->session, err);

    if (code == VC_OK)
        code = keep_looking(&session, wanted, err);
    vault_session_close(&session);
    return code;
}

int command_wait(int argc, char **argv)
{
    struct wanted wanted = {.attempts = ATTEMPTS,
                            .interval = INTERVAL,
                            .session.long_lived = true}; /* a token that is given is tried */
    struct vc_error err = {.code = VC_OK};
    char **operands;
    int status;

    if (!options_parse(&usage, argc, argv, &wanted, &operands, &status))
        return status;
    wanted.session.anonymous = !wanted.login;
    return run(&wanted, &err) == VC_OK ? STATUS_DONE : report_error(&err);
}
