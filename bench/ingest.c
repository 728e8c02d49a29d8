/* SPDX-License-Identifier: Apache-2.0
 * azimuth-bench ingest: acknowledged upserts with wait=true by several clients
 * at once, in process into a folder or over HTTP to a port. */
#include "bench/ingest.h"
#include "bench/command.h"
#include "bench/option.h"
#include "bench/timing.h"

#include <assert.h>
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
    "with --folder:\n" SHELF_USAGE "  --help\n";

struct options {
    const char *base;
    const char *name;
    struct shelf_config shelf;
    uint32_t port;
    uint32_t points;
    uint32_t batch;
    uint32_t clients;
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

/* Exit status, or -1 to go on. */
static int
parse_options(int argc, char **argv, struct options *o)
{
    const struct option_row rows[] = {
        { .name = "base", .text = &o->base, .is_needed = true },
        { .name = "folder", .text = &o->shelf.folder },
        { .name = "port", .number = &o->port, .max = 65535 },
        { .name = "name", .text = &o->name },
        { .name = "points", .number = &o->points, .max = INT32_MAX },
        { .name = "batch", .number = &o->batch, .max = BATCH_MAX },
        { .name = "clients", .number = &o->clients, .max = CLIENTS_MAX },
        { .name = "payload", .flag = &o->has_payload },
        { .name = "index", .flag = &o->is_indexed },
        SHELF_OPTIONS(&o->shelf),
    };
    int status =
        option_parse(argc, argv, rows, sizeof(rows) / sizeof(rows[0]), usage);
    if (status < 0 && (o->shelf.folder == NULL) == (o->port == 0)) {
        fputs(usage, stderr);
        return EXIT_FAILURE;
    }
    return status;
}

static bool
put_batch(struct run *run, size_t first, size_t count)
{
    static _Thread_local uint64_t ids[BATCH_MAX];
    static _Thread_local const float *rows[BATCH_MAX];
    static _Thread_local const char *payloads[BATCH_MAX];
    assert(count <= BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        ids[i] = first + i;
        rows[i] = run->base.values + (first + i) * run->base.dim;
        payloads[i] = ingest_payload;
    }
    return shelf_put(&run->shelf, ids, rows, count,
                     run->options->has_payload ? payloads : NULL);
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
        double begin = timing_now_s();
        is_fine = run->post
                      ? ingest_post_send(run->post, at, fd)
                      : put_batch(run, at * batch, left < batch ? left : batch);
        run->latencies[at] = timing_now_s() - begin;
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
    double begin = timing_now_s();
    while (count < run->options->clients &&
           pthread_create(&threads[count], NULL, client_work, run) == 0)
        count++;
    if (count < run->options->clients)
        atomic_store(&run->is_failed, true);
    for (uint32_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return timing_now_s() - begin;
}

static bool
measure(struct run *run)
{
    const struct options *options = run->options;
    size_t requests = (run->count + options->batch - 1) / options->batch;
    run->latencies = calloc(requests, sizeof(double));
    if (run->latencies == NULL)
        return false;
    double begin = timing_now_s();
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
               timing_now_s() - begin, (unsigned long long)shelf_resident());
    }
    struct timing timing = timing_of(run->latencies, requests);
    printf(", \"p50_us\": %.1f, \"p99_us\": %.1f}\n", timing.p50 * 1e6,
           timing.p99 * 1e6);
    return true;
}

static bool
prepare(struct run *run)
{
    const struct options *options = run->options;
    if (!npy_read(options->base, &run->base))
        return false;
    run->count = options->points > 0 && options->points < run->base.row_count
                     ? options->points
                     : run->base.row_count;
    if (options->port > 0) {
        run->post = ingest_post_create(
            &run->base, run->count, options->batch, options->name,
            options->has_payload ? ingest_payload : NULL);
        return run->post != NULL;
    }
    return shelf_create(&run->shelf, &options->shelf, run->base.dim);
}

int
ingest_command(int argc, char **argv)
{
    struct options options = { .name = "bench",
                               .shelf = SHELF_CONFIG_DEFAULT,
                               .batch = 1000,
                               .clients = 1 };
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
