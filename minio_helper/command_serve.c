/*
 * command_serve.c - `minio-helper serve`: the endpoint from which SDKs refresh credentials by
 * themselves.
 *
 * Refuses to listen anywhere but on loopback or a Unix socket, and to serve a tenant without a
 * token of its own.
 */
#include "command.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "container_endpoint.h"
#include "credential_source.h"
#include "report.h"
#include "shared_options.h"
#include "secret_file.h"

#define DEFAULT_LISTEN "127.0.0.1:8099"
#define TOKEN_BYTES 32      /* random; twice as many hexadecimal digits */
#define TOKEN_LENGTH_MIN 16 /* of one that somebody else has written */
#define TOKEN_FILE_MAX 4096
#define TICK 1000 /* milliseconds: the client of Vault is looked after at least this often, */
#define BUSY 100  /* and after a fetch, which has it meanwhile, so soon */

struct wanted {
    struct vault_session_options session;
    const char *listen;
    const char *token_dir;
    long duration;
};

static const struct option_row rows[] = {
    {"listen", 'l', "ADDRESS",
     "loopback address and port, or path of a Unix socket;\n" DEFAULT_LISTEN
     " where none is given; port 0 takes a free one",
     option_take_text, offsetof(struct wanted, listen)},
    {"token-dir", 0, "DIR",
     "DIR/TENANT holds what a client must send as Authorization; made\n"
     "(0600, random) where it is missing",
     option_take_text, offsetof(struct wanted, token_dir)},
    OPTION_DURATION(struct wanted, duration),
    OPTION_TOKEN_CACHE(struct wanted, session),
};

static const struct usage usage = {
    .command = "serve",
    .arguments = "TENANT...",
    .summary =
        "Serve the S3 credentials of these tenants to AWS SDKs, which refresh by themselves.",
    .notes =
        "It prints the two variables that each tenant's application needs, and runs until SIGTERM\n"
        "or SIGINT. SIGHUP: the files of VAULT_*_FILE and of --token-dir are read anew, and all\n"
        "credentials are fetched anew when they are next asked for.\n"
        "\n"
        "example:\n"
        "  minio-helper serve --token-dir /run/minio-helper acme globex",
    .operands_least = 1,
    .operands_most = CONTAINER_ENDPOINT_TENANTS_MAX,
    .options = rows,
    .option_count = sizeof(rows) / sizeof(rows[0]),
};

/* Threads of the endpoint and the main one take turns at the one conversation with Vault. */
struct source {
    pthread_mutex_t lock; /* taken and stale; never held for long */
    pthread_cond_t turn;
    bool taken; /* somebody has the session, and may have it as long as Vault and STS take */
    bool stale; /* a SIGHUP came: the next turn is the main thread's */
    struct vault_session session;
    int cancel; /* an eventfd: ends a fetch */
    long duration;
};

struct serving {
    const struct wanted *wanted;
    char *const *tenants;
    size_t count;
    struct source source;
    struct container_endpoint *endpoint;
    bool busy; /* the session was taken: signals do not wait for it */
};

static void take_turn(struct source *source)
{
    pthread_mutex_lock(&source->lock);
    while (source->taken || source->stale)
        pthread_cond_wait(&source->turn, &source->lock);
    source->taken = true;
    pthread_mutex_unlock(&source->lock);
}

static void end_turn(struct source *source)
{
    pthread_mutex_lock(&source->lock);
    source->taken = false;
    pthread_cond_broadcast(&source->turn);
    pthread_mutex_unlock(&source->lock);
}

static enum vc_code fetch(void *ctx, const char *tenant, struct s3_credentials *out,
                          struct vc_error *err)
{
    struct source *source = ctx;
    const struct credential_request request = {
        .tenant = tenant, .secret = CREDENTIAL_SECRET, .duration = source->duration};
    enum vc_code code;

    take_turn(source);
    source->session.interrupt = source->cancel;
    code = credential_source_get(&source->session, &request, out, NULL, err);
    end_turn(source);
    if (code != VC_OK)
        report_note("tenant \"%s\": %s", tenant, err->message);
    return code;
}

/* ---- tokens ---- */

static bool write_whole(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, text, len);

        if (written <= 0)
            return false;
        text += written;
        len -= (size_t)written;
    }
    return true;
}

/* A new file with a random token; one that is there already is left alone. */
static enum vc_code make_token(const char *path, struct vc_error *err)
{
    unsigned char random[TOKEN_BYTES];
    char text[2 * TOKEN_BYTES + 1];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool done;

    if (fd < 0)
        return access(path, F_OK) == 0
                   ? VC_OK
                   : vc_error_set(err, VC_BAD_FILE, "cannot make token file \"%s\": %m", path);
    done = getrandom(random, sizeof(random), 0) == (ssize_t)sizeof(random);
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(text + 2 * i, 3, "%02x", random[i]);
    done = done && write_whole(fd, text, sizeof(text) - 1);
    close(fd);
    explicit_bzero(random, sizeof(random));
    explicit_bzero(text, sizeof(text));
    if (done)
        return VC_OK;
    unlink(path);
    return vc_error_set(err, VC_BAD_FILE, "cannot write token file \"%s\": %m", path);
}

static enum vc_code read_token(const char *path, struct vc_buf *token, struct vc_error *err)
{
    enum vc_code code = make_token(path, err);

    if (code == VC_OK)
        code = vc_secret_file_read(path, true, token, NULL, err);
    if (code != VC_OK)
        return code;
    if (token->len < TOKEN_LENGTH_MIN)
        return vc_error_set(err, VC_BAD_FILE, "token file \"%s\" holds less than %d characters",
                            path, TOKEN_LENGTH_MIN);
    for (size_t i = 0; i < token->len; i++)
        if (token->data[i] <= ' ' || token->data[i] > '~')
            return vc_error_set(err, VC_BAD_FILE,
                                "token file \"%s\" holds what no header can carry", path);
    return VC_OK;
}

/* Where the tenant's name is none, no path is made of it. */
static enum vc_code read_token_of(const struct serving *serving, size_t tenant,
                                  struct vc_buf *token, struct vc_error *err)
{
    const char *name = serving->tenants[tenant];
    char secret[VC_PATH_MAX + 1];
    char path[PATH_MAX];
    enum vc_code code =
        vault_session_path(&serving->source.session, name, CREDENTIAL_SECRET, secret, err);

    if (code != VC_OK)
        return code;
    snprintf(path, sizeof(path), "%s/%s", serving->wanted->token_dir, name);
    return read_token(path, token, err);
}

/* ---- running ---- */

static void announce(const struct serving *serving)
{
    const char *address = container_endpoint_address(serving->endpoint);

    for (size_t i = 0; i < serving->count; i++)
        printf("AWS_CONTAINER_CREDENTIALS_FULL_URI=%s" CONTAINER_ENDPOINT_PATH "%s\n"
               "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=%s/%s\n",
               address, serving->tenants[i], serving->wanted->token_dir, serving->tenants[i]);
    fflush(stdout);
}

/* What cannot be read anew stays as it was, and is said. In a turn. */
static void reload(struct serving *serving)
{
    struct vc_error err = {.code = VC_OK};
    enum vc_code code = vault_session_reload(&serving->source.session, &err);

    if (code != VC_OK)
        report_error(&err);
    for (size_t i = 0; i < serving->count; i++) {
        struct vc_buf token;

        vc_buf_init(&token, &vc_wiping_allocator, TOKEN_FILE_MAX);
        code = read_token_of(serving, i, &token, &err);
        if (code != VC_OK)
            report_error(&err);
        container_endpoint_renew(serving->endpoint, i, code == VC_OK ? vc_buf_text(&token) : NULL);
        vc_buf_free(&token);
    }
    report_note("serve: read anew");
}

/* True: it is time to end. */
static bool take_signal(struct serving *serving, int signals)
{
    struct signalfd_siginfo info;

    if (read(signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return false;
    pthread_mutex_lock(&serving->source.lock);
    serving->source.stale = info.ssi_signo == SIGHUP;
    pthread_cond_broadcast(&serving->source.turn);
    pthread_mutex_unlock(&serving->source.lock);
    return info.ssi_signo != SIGHUP;
}

static void look_after_session(struct serving *serving)
{
    struct source *source = &serving->source;
    bool stale;

    pthread_mutex_lock(&source->lock);
    serving->busy = source->taken;
    stale = source->stale && !source->taken;
    if (!serving->busy) {
        source->taken = true;
        source->stale = false;
    }
    pthread_mutex_unlock(&source->lock);
    if (serving->busy)
        return;
    if (stale)
        reload(serving);
    vc_client_run(source->session.client);
    end_turn(source);
}

/* Renews the token for Vault meanwhile. */
static void run_until_signal(struct serving *serving, int signals)
{
    struct pollfd watched[] = {{.fd = signals, .events = POLLIN}, {.events = POLLIN}};

    for (;;) {
        int ready;

        watched[1].fd = serving->busy ? -1 : vc_client_fd(serving->source.session.client);
        ready = poll(watched, sizeof(watched) / sizeof(watched[0]), serving->busy ? BUSY : TICK);
        if (ready > 0 && watched[0].revents != 0 && take_signal(serving, signals))
            return;
        look_after_session(serving);
    }
}

static enum vc_code serve(struct serving *serving, const char *const *tokens, struct vc_error *err)
{
    const struct container_endpoint_options options = {
        .listen = serving->wanted->listen,
        .tenants = (const char *const *)serving->tenants,
        .tokens = tokens,
        .tenant_count = serving->count,
        .fetch = fetch,
        .fetch_ctx = &serving->source,
    };
    sigset_t watched;
    int signals;

    sigemptyset(&watched);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGHUP);
    sigprocmask(SIG_BLOCK, &watched, NULL); /* before there are threads: they inherit it */
    signals = signalfd(-1, &watched, SFD_CLOEXEC);
    if (signals < 0)
        return vc_error_set(err, VC_INTERNAL, "cannot wait for signals: %m");
    serving->endpoint = container_endpoint_start(&options, err);
    if (serving->endpoint != NULL) {
        announce(serving);
        run_until_signal(serving, signals);
        container_endpoint_stop(serving->endpoint, serving->source.cancel);
    }
    close(signals);
    return serving->endpoint != NULL ? VC_OK : err->code;
}

static enum vc_code run(struct wanted *wanted, char *const *tenants, size_t count,
                        struct vc_error *err)
{
    static struct vc_buf tokens[CONTAINER_ENDPOINT_TENANTS_MAX];
    static const char *texts[CONTAINER_ENDPOINT_TENANTS_MAX];
    struct serving serving = {
        .wanted = wanted,
        .tenants = tenants,
        .count = count,
        .source = {.cancel = eventfd(0, EFD_CLOEXEC), .duration = wanted->duration}};
    enum vc_code code;

    pthread_mutex_init(&serving.source.lock, NULL);
    pthread_cond_init(&serving.source.turn, NULL);
    wanted->session.long_lived = true;
    code = vault_session_open(&serving.source.session, &wanted->session, err);
    for (size_t i = 0; i < count && code == VC_OK; i++) {
        vc_buf_init(&tokens[i], &vc_wiping_allocator, TOKEN_FILE_MAX);
        code = read_token_of(&serving, i, &tokens[i], err);
        texts[i] = vc_buf_text(&tokens[i]);
    }
    if (code == VC_OK)
        code = serve(&serving, texts, err);
    for (size_t i = 0; i < count; i++)
        vc_buf_free(&tokens[i]);
    vault_session_close(&serving.source.session);
    pthread_cond_destroy(&serving.source.turn);
    pthread_mutex_destroy(&serving.source.lock);
    if (serving.source.cancel >= 0)
        close(serving.source.cancel);
    return code;
}

int command_serve(int argc, char **argv)
{
    struct wanted wanted = {.listen = DEFAULT_LISTEN};
    struct vc_error err = {.code = VC_OK};
    char **operands;
    int status;
    size_t count = 0;

    if (!options_parse(&usage, argc, argv, &wanted, &operands, &status))
        return status;
    if (wanted.token_dir == NULL) {
        options_refuse(&usage, "an option is missing:", "--token-dir",
                       "a folder that only you can write, for the clients' tokens");
        return STATUS_USAGE;
    }
    while (operands[count] != NULL)
        count++;
    return run(&wanted, operands, count, &err) == VC_OK ? STATUS_DONE : report_error(&err);
}
