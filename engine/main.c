/* SPDX-License-Identifier: Apache-2.0
 * azimuthd: configuration -> kernels -> storage -> network, and back. The
 * first SIGTERM or SIGINT drains, the second ends at once; SIGUSR1 opens the
 * audit log and the log file again, SIGHUP does, too, and reads the files of
 * TLS again. Exit status: 0 after a drain or --help, 1 cannot start or serve,
 * 2 wrong configuration. */
#include <config.h>

#include "base/budget.h"
#include "base/memory.h"
#include "engine/api/access.h"
#include "engine/api/api.h"
#include "engine/config.h"
#include "engine/index/cost.h"
#include "engine/index/crew.h"
#include "engine/kernel/kernel.h"
#include "engine/log.h"
#include "engine/metrics.h"
#include "engine/snapshot/snapshot.h"
#include "engine/storage/disk_heap.h"
#include "engine/storage/store.h"
#include "engine/wire/wire.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define THREADS_MAX         256u
#define REPLIES_SIZE_MAX    ((uint64_t)2 << 30) /* of all requests */
#define ARENA_SIZE_MAX      ((size_t)1 << 30)   /* of one request */
#define BODIES_REQUESTS_MAX 32u    /* full-size bodies held at once */
#define FILES_WANTED        16384u /* open at once: else a warning */
#define SERVER_HEADER       "azimuth/" PACKAGE_VERSION

/* jemalloc's, where it is linked: what was freed goes back to the system after
 * a second, also when nothing happens any more. */
extern const char *malloc_conf;
__attribute__((visibility("default"))) const char *malloc_conf =
    "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0";

extern char **environ;

struct process {
    struct server_config config;
    struct registry *registry;
    struct snapshots *snapshots;
    struct metrics *metrics;
    struct api *api;
    struct wire_tls tls;
    struct wire *wire;
};

/* What the signal handlers reach; set before they are installed. */
static struct process *running;
static atomic_uint signals_count;

static void
on_stop_signal(int number)
{
    (void)number;
    if (atomic_fetch_add(&signals_count, 1) > 0)
        _exit(1);
    int saved = errno;
    api_set_ready(running->api, false);
    wire_stop(running->wire);
    errno = saved;
}

static void
on_reopen_signal(int number)
{
    (void)number;
    api_reopen_audit(running->api);
    log_file_reopen();
}

static void
on_reload_signal(int number)
{
    on_reopen_signal(number);
    wire_reload(running->wire);
}

/* What they reach is about to be closed. */
static void
signals_ignore(void)
{
    struct sigaction action = { .sa_handler = SIG_IGN };
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

static void
signals_install(struct process *process)
{
    running = process;
    struct sigaction action = { .sa_handler = on_stop_signal,
                                .sa_flags = SA_RESTART };
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = on_reopen_signal;
    sigaction(SIGUSR1, &action, NULL);
    action.sa_handler = on_reload_signal;
    sigaction(SIGHUP, &action, NULL);
}

static void
on_report(void *ctx, const char *collection, const char *text)
{
    (void)ctx;
    if (collection[0] == '\0')
        log_event(LOG_LEVEL_INFO, "storage: %s", text);
    else
        log_event(LOG_LEVEL_INFO, "collection %s: %s", collection, text);
}

static void
on_metrics(void *ctx, struct metrics_text *text)
{
    const struct process *process = ctx;
    struct wire_counters counters;
    wire_counters(process->wire, &counters);
    const struct metrics_row rows[] = {
        { "http_connections_open", "gauge", "open connections",
          (double)counters.connections },
        { "http_connections_total", "counter", "accepted connections",
          (double)counters.connections_total },
        { "http_connections_refused_total", "counter",
          "connections past a limit", (double)counters.connections_refused },
        { "http_connections_timed_out_total", "counter",
          "connections ended because they were idle or too slow",
          (double)counters.connections_timedout },
        { "http_requests_in_flight", "gauge", "requests being read or answered",
          (double)counters.in_flight },
        { "http_request_bodies_bytes", "gauge", "memory held by request bodies",
          (double)counters.bodies_size },
    };
    metrics_rows(text, rows, sizeof(rows) / sizeof(rows[0]));
}

static unsigned
threads_of(uint64_t configured)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t count = configured > 0 ? configured
                     : cores > 0    ? (uint64_t)cores
                                    : 1;
    return count > THREADS_MAX ? THREADS_MAX : (unsigned)count;
}

/* As many descriptors as the system lets us have: connections and RocksDB
 * files share them. */
static void
limits_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (before != limit.rlim_max && setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        log_event(LOG_LEVEL_WARN, "cannot raise the limit of open files: %s",
                  strerror(errno));
        limit.rlim_cur = before;
    }
    if (limit.rlim_cur < FILES_WANTED)
        log_event(LOG_LEVEL_WARN,
                  "at most %llu files may be open: connections and collections "
                  "share them; raise the limit to %u (ulimit -n, "
                  "LimitNOFILE=)",
                  (unsigned long long)limit.rlim_cur, FILES_WANTED);
}

/* The words are checked: server_config_check(). */
static void
sink_configure(enum log_target target, const char *level, const char *format)
{
    struct log_sink sink = { LOG_LEVEL_INFO, LOG_FORMAT_TEXT };
    (void)log_level_parse(level, &sink.level);
    (void)log_format_parse(format, &sink.format);
    log_sink_set(target, &sink);
}

static enum engine_code
log_configure(const struct server_config *config, struct error *reterr)
{
    sink_configure(LOG_TO_STDERR, config->log_level, config->log_format);
    sink_configure(LOG_TO_FILE,
                   config->log_file_level != NULL ? config->log_file_level
                                                  : config->log_level,
                   config->log_file_format != NULL ? config->log_file_format
                                                   : config->log_format);
    if (config->has_log_file && !log_file_open(config->log_file))
        return error_set(reterr, ENGINE_EINPUT,
                         "logger.on_disk.log_file %s cannot be opened: %s",
                         config->log_file, strerror(errno));
    for (size_t i = 0; i < config->warnings_count; i++)
        log_event(LOG_LEVEL_INFO, "%s", config->warnings[i]);
    if (config->uri != NULL || config->bootstrap != NULL)
        log_event(LOG_LEVEL_WARN,
                  "--uri and --bootstrap are accepted, but this "
                  "version does not cluster: one node serves "
                  "alone");
    return ENGINE_OK;
}

static void
on_forget(void *ctx, struct span collection)
{
    const struct process *process = ctx;
    metrics_forget(process->metrics, collection);
}

static enum engine_code
storage_open(struct process *process, struct error *reterr)
{
    const struct server_config *config = &process->config;
    struct registry_options options = {
        .storage_path = config->storage_path,
        .background_threads = (uint32_t)config->background_threads,
        .checkpoint_interval_ms = config->checkpoint_interval_s * 1000,
        .report = on_report,
        .report_ctx = process,
        .forget = on_forget,
        .forget_ctx = process,
    };
    return registry_open(&options, &process->registry, reterr);
}

static enum engine_code
snapshots_start(struct process *process, struct error *reterr)
{
    const struct server_config *config = &process->config;
    struct snapshots_options options = {
        .registry = process->registry,
        .folder = config->snapshots_path,
        .file_size_max = config->snapshot_size_max_mb << 20,
        .may_fetch = config->may_fetch_snapshots,
        .peer = API_PEER_TEXT,
        .user_agent = SERVER_HEADER,
        .report = on_report,
        .report_ctx = process,
    };
    struct error why = { .text = "" };
    enum engine_code code = snapshots_open(&options, &process->snapshots, &why);
    if (code != ENGINE_OK)
        return error_set(reterr, code, "storage.snapshots_path: %s", why.text);
    if (config->storage_snapshot != NULL)
        code = snapshots_restore_storage(process->snapshots,
                                         config->storage_snapshot,
                                         config->replaces_by_snapshot, reterr);
    return code;
}

#define REQUEST_MEMORY_MIN ((uint64_t)32 << 20)
#define REQUEST_MEMORY_MAX ((uint64_t)4 << 30)

#define WRITE_BUFFERS_SIZE_MIN ((size_t)8 << 20)
#define LIMIT_SHARE            16

/* A sixteenth of the limit, between the two. */
static size_t
part_of(uint64_t limit, size_t least, size_t most)
{
    uint64_t part = limit / LIMIT_SHARE;
    return part < least ? least : part > most ? most : (size_t)part;
}

/* How much memory the data and the requests may take. */
static void
memory_configure(const struct server_config *config)
{
    uint64_t limit = config->memory_limit_mb > 0 ? config->memory_limit_mb << 20
                                                 : memory_limit_default("");
    uint64_t requests = config->request_memory_mb << 20;
    size_t cache = (size_t)config->block_cache_mb << 20;
    if (requests == 0) {
        requests = limit / 4;
        if (requests < REQUEST_MEMORY_MIN)
            requests = REQUEST_MEMORY_MIN;
        if (requests > REQUEST_MEMORY_MAX || limit == 0)
            requests = REQUEST_MEMORY_MAX;
    }
    if (limit > 0) {
        size_t buffers = part_of(limit, WRITE_BUFFERS_SIZE_MIN,
                                 STORE_WRITE_BUFFERS_SIZE_DEFAULT);
        store_write_buffers_resize(buffers);
        cache = part_of(limit, 1 << 20, cache);
    }
    memory_limit_set(limit);
    /* Pages of indexes that come back when they are asked for, then what was
     * written and is in no file yet. */
    memory_relief_set(disk_heap_relieve, store_relieve);
    atomic_store(&budget_requests.limit_size, requests);
    store_cache_resize(cache);
    log_event(LOG_LEVEL_INFO,
              "memory: at most %llu MiB, requests %llu MiB, block cache %llu "
              "MiB",
              (unsigned long long)(limit >> 20),
              (unsigned long long)(requests >> 20),
              (unsigned long long)cache >> 20);
}

static struct wire_tls
tls_of(const struct server_config *config)
{
    return (struct wire_tls){
        .cert = config->tls_cert,
        .key = config->tls_key,
        .ca_cert = config->tls_ca_cert,
        .verifies_clients = config->verifies_clients,
        .ttl_s = config->tls_ttl_s,
    };
}

static enum engine_code
network_open(struct process *process, struct error *reterr)
{
    const struct server_config *config = &process->config;
    size_t body_max = (size_t)config->request_size_max_mb << 20;
    uint64_t bodies = (uint64_t)body_max * BODIES_REQUESTS_MAX;
    uint64_t requests = atomic_load(&budget_requests.limit_size);
    if (bodies > requests)
        bodies = requests;
    process->tls = tls_of(config);
    struct wire_options options = {
        .tls = config->has_tls ? &process->tls : NULL,
        .host = config->host,
        .ports = { (uint16_t)config->http_port, (uint16_t)config->grpc_port },
        .has_grpc = true,
        .loops = threads_of(config->io_threads),
        .workers = threads_of(config->search_threads),
        .connections_max = (unsigned)config->connections_max,
        .in_flight_max = (unsigned)config->in_flight_max,
        .body_size_max = body_max,
        .bodies_size_max = bodies > body_max ? bodies : body_max,
        .replies_size_max =
            REPLIES_SIZE_MAX < requests ? REPLIES_SIZE_MAX : requests,
        .arena_size_max = ARENA_SIZE_MAX,
        .idle_timeout_ms = (unsigned)config->idle_timeout_s * 1000,
        .drain_timeout_ms = (unsigned)config->drain_timeout_s * 1000,
        .server = SERVER_HEADER,
        .handler = api_handler(process->api),
    };
    enum engine_code code = wire_open(&options, &process->wire, reterr);
    if (code == ENGINE_OK)
        crew_set(wire_lend, process->wire);
    return code;
}

static enum engine_code
process_open(struct process *process, struct error *reterr)
{
    const struct server_config *config = &process->config;
    enum engine_code code = kernel_select(config->kernel, reterr);
    if (code == ENGINE_OK)
        cost_measure();
    memory_configure(config);
    /* Before the storage, which says what to forget. */
    process->metrics = metrics_new(config->has_exemplars);
    if (code == ENGINE_OK && process->metrics == NULL)
        code = error_memory(reterr);
    if (code == ENGINE_OK)
        code = storage_open(process, reterr);
    if (code == ENGINE_OK)
        code = snapshots_start(process, reterr);
    if (code != ENGINE_OK)
        return code;
    struct api_options options = {
        .registry = process->registry,
        .snapshots = process->snapshots,
        .metrics = process->metrics,
        .config = config,
        .version = PACKAGE_VERSION,
        .write_metrics = on_metrics,
        .write_metrics_ctx = process,
    };
    code = api_open(&options, &process->api, reterr);
    if (code == ENGINE_OK)
        code = network_open(process, reterr);
    return code;
}

static void
process_close(struct process *process)
{
    crew_set(NULL, NULL);
    wire_close(process->wire);
    api_close(process->api);
    snapshots_close(process->snapshots);
    registry_close(process->registry);
    metrics_free(process->metrics);
    server_config_release(&process->config);
}

/* What is not served stands in the log, with the reason. */
static void
log_damaged(const struct process *process)
{
    struct arena arena;
    const struct damaged *damaged = NULL;
    size_t count = 0;
    arena_init(&arena, ARENA_SIZE_MAX);
    if (registry_damaged(process->registry, &arena, &damaged, &count, NULL) !=
        ENGINE_OK)
        count = 0;
    for (size_t i = 0; i < count; i++)
        log_event(
            LOG_LEVEL_ERROR,
            "collection %.*s is damaged and not served: %s: stop, put its "
            "folder %s back from a backup and start again, or DELETE the "
            "collection; until then it is left as it is",
            (int)damaged[i].name.size, damaged[i].name.data, damaged[i].cause,
            damaged[i].folder);
    arena_release(&arena);
}

/* Above it nothing can be stored. */
static void
warn_of_limit(void)
{
    uint64_t limit = memory_limit();
    uint64_t used = memory_look().resident_size;
    if (limit == 0 || used < limit)
        return;
    log_event(LOG_LEVEL_WARN,
              "the memory limit (storage.memory_limit_mb) of %llu MiB is below "
              "what the process takes after its start, %llu MiB: updates will "
              "be refused",
              (unsigned long long)(limit >> 20),
              (unsigned long long)(used >> 20));
}

static void
banner(const struct process *process)
{
    const struct server_config *config = &process->config;
    struct arena arena;
    const struct span *names = NULL;
    size_t count = 0;
    arena_init(&arena, ARENA_SIZE_MAX);
    if (registry_list(process->registry, &arena, &names, &count, NULL) !=
        ENGINE_OK)
        count = 0;
    arena_release(&arena);
    log_event(LOG_LEVEL_INFO,
              "azimuthd " PACKAGE_VERSION
              " listens on %s port %u (API %s, %u I/O threads, %u workers, %s "
              "kernels, API key %s, TLS %s)",
              config->host, (unsigned)wire_port(process->wire, WIRE_HTTP1),
              config->api_version, threads_of(config->io_threads),
              threads_of(config->search_threads), kernel_get()->name,
              config->api_key != NULL || config->alt_api_key != NULL ||
                      config->read_only_api_key != NULL
                  ? "asked for"
                  : "not set",
              config->has_tls ? "on" : "off");
    log_event(LOG_LEVEL_INFO,
              "a row of 1 KiB costs %.0f ns in sequence, %.0f ns at random",
              cost_row_ns(&cost_get()->sequence, 1024),
              cost_row_ns(&cost_get()->random, 1024));
    log_event(LOG_LEVEL_INFO, "gRPC listens on port %u",
              (unsigned)wire_port(process->wire, WIRE_GRPC));
    log_event(LOG_LEVEL_INFO, "storage %s holds %zu collections",
              config->storage_path, count);
    log_damaged(process);
    warn_of_limit();
}

static int
serve(struct process *process)
{
    struct error error = { .text = "" };
    limits_raise();
    enum engine_code code = process_open(process, &error);
    if (code != ENGINE_OK) {
        log_event(LOG_LEVEL_ERROR, "cannot start: %s", error.text);
        process_close(process);
        return code == ENGINE_EINPUT ? 2 : 1;
    }
    signals_install(process);
    api_set_ready(process->api, true);
    banner(process);
    unsigned unfinished = wire_run(process->wire);
    signals_ignore();
    if (unfinished > 0) {
        /* What they wrote so far is in the log of the storage. */
        log_event(LOG_LEVEL_ERROR,
                  "%u requests did not end within service.drain_timeout_sec: "
                  "ending without them",
                  unfinished);
        _exit(1);
    }
    log_event(LOG_LEVEL_INFO, "requests are finished: closing the storage");
    process_close(process);
    log_event(LOG_LEVEL_INFO, "end");
    return 0;
}

/* Whether the files that the configuration names, and the defaults that it has,
 * can be used. */
static enum engine_code
files_check(const struct server_config *config, struct error *reterr)
{
    struct access *access = NULL;
    const struct wire_tls tls = tls_of(config);
    enum engine_code code = access_open(config, &access, reterr);
    access_close(access);
    if (code == ENGINE_OK && config->has_tls)
        code = wire_tls_check(&tls, reterr);
    if (code == ENGINE_OK)
        code = api_check_defaults(config, reterr);
    return code;
}

/* What is asked for instead of serving; the exit status. */
static int
show(struct server_config *config, enum config_action action)
{
    if (action == CONFIG_PRINT) {
        struct bytes text;
        bytes_init(&text, CONFIG_FILE_SIZE_MAX);
        server_config_print(config, &text);
        fwrite(text.data, 1, text.size, stdout);
        bool is_whole = !bytes_failed(&text);
        bytes_release(&text);
        return is_whole ? 0 : 1;
    }
    if (action == CONFIG_CHECK) {
        for (size_t i = 0; i < config->warnings_count; i++)
            printf("%s\n", config->warnings[i]);
        puts("the configuration is good");
        return 0;
    }
    fputs(action == CONFIG_SHOW_HELP ? config_help
                                     : "azimuthd " PACKAGE_VERSION "\n",
          stdout);
    return 0;
}

int
main(int argc, char **argv)
{
    struct process process = { .registry = NULL };
    struct error error = { .text = "" };
    enum config_action action = CONFIG_SERVE;
    signal(SIGPIPE, SIG_IGN);
    enum engine_code code =
        server_config_load(argc, argv, (const char *const *)environ,
                           &process.config, &action, &error);
    server_config_hide(environ);
    if (code == ENGINE_OK && action == CONFIG_SERVE)
        code = log_configure(&process.config, &error);
    if (code == ENGINE_OK && action == CONFIG_CHECK)
        code = files_check(&process.config, &error);
    if (code != ENGINE_OK) {
        fprintf(stderr, "azimuthd: %s\n", error.text);
        server_config_release(&process.config);
        return 2;
    }
    if (action == CONFIG_SERVE)
        return serve(&process);
    int status = show(&process.config, action);
    server_config_release(&process.config);
    return status;
}
