/* SPDX-License-Identifier: Apache-2.0
 * azimuth-bench ingest: acknowledged upserts with wait=true by several clients
 * at once, in process into a folder or over HTTP to a port. */
#include "bench/ingest.h"
#include "bench/option.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLIENTS_MAX 256u
#define BATCH_MAX   4096u

const char ingest_payload[] =
    "{\"title\":\"A small document as many collections hold\",\"lang\":\"en\","
    "\"year\":2026,\"price\":19.95,\"is_public\":true,\"tags\":[\"alpha\","
    "\"beta\",\"gamma\"],\"text\":\"Some hundred characters of plain text that "
    "are stored with the point, given back on request and never looked at by "
    "the index of vectors.\"}";

static const char usage[] =
    "usage: azimuth-bench ingest --base B.npy (--folder DIR | --port N) "
    "[options]\n"
    "Upserts the rows of B with wait=true; ids are row numbers. Prints JSON.\n"
    "  --folder DIR      in process, into a new collection in DIR\n"
    "  --port N          over HTTP to 127.0.0.1, collection --name\n"
    "  --name NAME       a collection that exists (bench)\n"
    "  --points N        so many rows of B (all)\n"
    "  --batch N         points of one request (1000)\n"
    "  --clients N       connections or threads (1)\n"
    "  --payload         each point has a payload of 300 bytes\n"
    "  --index           with --folder: also waits until all is in the graph\n"
    "  --m N, --ef-construct N, --config JSON-MEMBERS   with --folder\n"
    "  --help\n";

struct options {
    const char *base;
    const char *folder;
    const char *name;
    const char *more;
    uint32_t port;
    uint32_t points;
    uint32_t batch;
    uint32_t clients;
    uint32_t m;
    uint32_t ef_construct;
    bool has_payload;
    bool is_indexed;
};

struct run {
    const struct options *options;
    struct npy_matrix base;
    struct shelf shelf;
    struct ingest_post *post; /* NULL: in process */
    size_t count;
    _Atomic size_t next;
    _Atomic bool is_failed;
    double *latencies; /* [request] seconds */
};

enum {
    OPTION_BASE = 256,
    OPTION_FOLDER,
    OPTION_PORT,
    OPTION_NAME,
    OPTION_POINTS,
    OPTION_BATCH,
    OPTION_CLIENTS,
    OPTION_PAYLOAD,
    OPTION_INDEX,
    OPTION_M,
    OPTION_EF_CONSTRUCT,
    OPTION_CONFIG,
    OPTION_HELP,
};

static const struct option long_options[] = {
    { "base", required_argument, NULL, OPTION_BASE },
    { "folder", required_argument, NULL, OPTION_FOLDER },
    { "port", required_argument, NULL, OPTION_PORT },
    { "name", required_argument, NULL, OPTION_NAME },
    { "points", required_argument, NULL, OPTION_POINTS },
    { "batch", required_argument, NULL, OPTION_BATCH },
    { "clients", required_argument, NULL, OPTION_CLIENTS },
    { "payload", no_argument, NULL, OPTION_PAYLOAD },
    { "index", no_argument, NULL, OPTION_INDEX },
    { "m", required_argument, NULL, OPTION_M },
    { "ef-construct", required_argument, NULL, OPTION_EF_CONSTRUCT },
    { "config", required_argument, NULL, OPTION_CONFIG },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 },
};

static bool
take_option(struct options *options, int key, const char *text)
{
    switch (key) {
    case OPTION_BASE:
        options->base = text;
        return true;
    case OPTION_FOLDER:
        options->folder = text;
        return true;
    case OPTION_NAME:
        options->name = text;
        return true;
    case OPTION_CONFIG:
        options->more = text;
        return true;
    case OPTION_PAYLOAD:
        options->has_payload = true;
        return true;
    case OPTION_INDEX:
        options->is_indexed = true;
        return true;
    case OPTION_PORT:
        return option_number("port", text, 65535, &options->port);
    case OPTION_POINTS:
        return option_number("points", text, INT32_MAX, &options->points);
    case OPTION_BATCH:
        return option_number("batch", text, BATCH_MAX, &options->batch);
    case OPTION_CLIENTS:
        return option_number("clients", text, CLIENTS_MAX, &options->clients);
    case OPTION_M:
        return option_number("m", text, 256, &options->m);
    case OPTION_EF_CONSTRUCT:
        return option_number("ef-construct", text, 8192,
                             &options->ef_construct);
    default:
        fputs(usage, stderr);
        return false;
    }
}

/* Exit status, or -1 to go on. */
static int
parse_options(int argc, char **argv, struct options *options)
{
    int key;
    while ((key = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (key == OPTION_HELP) {
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        }
        if (!take_option(options, key, optarg))
            return EXIT_FAILURE;
    }
    if (optind != argc || options->base == NULL ||
        (options->folder == NULL) == (options->port == 0)) {
        fputs(usage, stderr);
        return EXIT_FAILURE;
    }
    return -1;
}

static bool
put_batch(struct run *run, size_t first, size_t count)
{
    static _Thread_local uint64_t ids[BATCH_MAX];
    static _Thread_local const float *rows[BATCH_MAX];
    assert(count <= BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        ids[i] = first + i;
        rows[i] = run->base.values + (first + i) * run->base.dim;
    }
    return shelf_put(&run->shelf, ids, rows, count,
                     run->options->has_payload ? ingest_payload : NULL);
}

static void *
client_work(void *ctx)
{
    struct run *run = ctx;
    size_t at, batch = run->options->batch;
    int fd = run->post ? ingest_post_connect((uint16_t)run->options->port) : -1;
    bool is_fine = run->post == NULL || fd >= 0;
    while (is_fine && !atomic_load(&run->is_failed) &&
           (at = atomic_fetch_add(&run->next, 1)) * batch < run->count) {
        size_t left = run->count - at * batch;
        double begin = option_now_s();
        is_fine = run->post
                      ? ingest_post_send(run->post, at, fd)
                      : put_batch(run, at * batch, left < batch ? left : batch);
        run->latencies[at] = option_now_s() - begin;
    }
    if (!is_fine)
        atomic_store(&run->is_failed, true);
    if (fd >= 0)
        close(fd);
    return NULL;
}

static double
run_clients(struct run *run)
{
    pthread_t threads[CLIENTS_MAX];
    uint32_t count = 0;
    double begin = option_now_s();
    while (count < run->options->clients &&
           pthread_create(&threads[count], NULL, client_work, run) == 0)
        count++;
    if (count < run->options->clients)
        atomic_store(&run->is_failed, true);
    for (uint32_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return option_now_s() - begin;
}

static bool
measure(struct run *run)
{
    const struct options *options = run->options;
    size_t requests = (run->count + options->batch - 1) / options->batch;
    run->latencies = calloc(requests, sizeof(double));
    if (run->latencies == NULL)
        return false;
    double begin = option_now_s();
    double seconds = run_clients(run);
    if (atomic_load(&run->is_failed))
        return false;
    printf("{\"points\": %zu, \"dim\": %zu, \"batch\": %u, \"clients\": %u, "
           "\"payload\": %s, \"seconds\": %.4f, \"points_per_s\": %.1f",
           run->count, run->base.dim, options->batch, options->clients,
           options->has_payload ? "true" : "false", seconds,
           (double)run->count / seconds);
    if (run->post == NULL && options->is_indexed) {
        if (!shelf_wait_green(&run->shelf))
            return false;
        printf(", \"indexed_s\": %.4f, \"resident\": %llu",
               option_now_s() - begin, (unsigned long long)shelf_resident());
    }
    option_sort(run->latencies, requests);
    printf(", \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
           run->latencies[requests / 2] * 1e6,
           run->latencies[requests - 1 - requests / 100] * 1e6);
    return true;
}

static bool
prepare(struct run *run)
{
    const struct options *options = run->options;
    char error[512];
    if (!npy_read(options->base, &run->base, error, sizeof(error))) {
        fprintf(stderr, "azimuth-bench: %s\n", error);
        return false;
    }
    run->count = options->points > 0 && options->points < run->base.row_count
                     ? options->points
                     : run->base.row_count;
    if (options->port > 0) {
        run->post = ingest_post_create(
            &run->base, run->count, options->batch, options->name,
            options->has_payload ? ingest_payload : NULL);
        return run->post != NULL;
    }
    struct shelf_config config = { .folder = options->folder,
                                   .dim = run->base.dim,
                                   .m = options->m,
                                   .ef_construct = options->ef_construct,
                                   .more = options->more };
    return shelf_create(&run->shelf, &config);
}

int
ingest_command(int argc, char **argv)
{
    struct options options = { .name = "bench",
                               .more = "",
                               .batch = 1000,
                               .clients = 1,
                               .m = 16,
                               .ef_construct = 100 };
    int status = parse_options(argc, argv, &options);
    if (status >= 0)
        return status;
    struct run run = { .options = &options };
    bool is_done = prepare(&run) && measure(&run);
    if (run.shelf.registry != NULL)
        shelf_close(&run.shelf);
    ingest_post_free(run.post);
    free(run.base.values);
    free(run.latencies);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
