/* SPDX-License-Identifier: Apache-2.0
 * azimuth-bench decode: how fast bodies of upserts become commands, by the
 * functions that the server calls, on one thread. */
#include "bench/bodies.h"
#include "bench/command.h"
#include "bench/option.h"
#include "bench/timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/api/call.h"
#include "engine/api/grpc.h"
#include "engine/api/rest.h"

#define ARENA_SIZE ((size_t)1 << 30)

static const char usage[] =
    "usage: azimuth-bench decode --bodies FILE --protocol http|grpc "
    "[options]\n"
    "Decodes bodies of upserts, again and again, and prints JSON.\n"
    "  --bodies FILE      as for azimuth-bench load\n"
    "  --milliseconds N   of processor time (1000)\n"
    "  --help\n";

struct options {
    const char *bodies;
    const char *protocol;
    uint32_t milliseconds;
};

struct sum {
    double size;
    size_t points;
    size_t documents; /* bodies that were read by way of a document */
};

/* False: it is no upsert, or one of gRPC that goes the common way. */
static bool
decode(struct span body, bool is_grpc, struct sum *sum)
{
    struct error error = { .code = ENGINE_OK };
    struct request request = { .body = body, .is_grpc = is_grpc };
    struct call call = { .request = &request };
    arena_init(&request.arena, ARENA_SIZE);
    arena_init(&call.scanned, ARENA_SIZE);
    bool is_read = is_grpc ? grpc_upsert_scan(&call)
                           : update_upsert_parse(&call, &error) == ENGINE_OK;
    const struct update *update = call.command;
    if (is_read)
        sum->points += update->points_count;
    else
        fprintf(stderr, "azimuth-bench: not decoded: %s\n", error.text);
    sum->size += (double)body.size;
    sum->documents += call.doc != NULL;
    yyjson_doc_free(call.doc);
    arena_release(&call.scanned);
    arena_release(&request.arena);
    return is_read;
}

static bool
measure(const struct bodies *bodies, const struct options *options)
{
    bool is_grpc = strcmp(options->protocol, "grpc") == 0;
    double seconds = 0, most = (double)options->milliseconds * 1e-3;
    struct sum sum = { 0 };
    double begin = timing_thread_cpu_s();
    for (size_t at = 0; seconds < most; at++) {
        if (!decode(bodies->items[at % bodies->count], is_grpc, &sum))
            return false;
        seconds = timing_thread_cpu_s() - begin;
    }
    printf("{\"mb_per_cpu_s\": %.1f, \"points_per_cpu_s\": %.0f, "
           "\"documents\": %zu}\n",
           sum.size / seconds * 1e-6, (double)sum.points / seconds,
           sum.documents);
    return true;
}

int
decode_command(int argc, char **argv)
{
    struct options options = { .milliseconds = 1000 };
    struct bodies bodies = { .count = 0 };
    const struct option_row rows[] = {
        { .name = "bodies", .text = &options.bodies, .is_needed = true },
        { .name = "protocol", .text = &options.protocol, .is_needed = true },
        { .name = "milliseconds",
          .number = &options.milliseconds,
          .max = 600000 },
    };
    int status =
        option_parse(argc, argv, rows, sizeof(rows) / sizeof(rows[0]), usage);
    if (status >= 0)
        return status;
    bool is_done =
        bodies_read(options.bodies, &bodies) && measure(&bodies, &options);
    bodies_release(&bodies);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
