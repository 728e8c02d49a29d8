/* SPDX-License-Identifier: Apache-2.0
 * Our side of `bench sparse`: a collection of one sparse vector `s`, written by
 * upserts and searched as the server does it but for HTTP and JSON. Each line
 * on its input is one pass over all queries. Vectors come in files of
 * measure/texts.py: u64 rows, u64 entries, u64 starts[rows + 1], u32
 * indices[entries], f32 values[entries]. */
#include "bench/command.h"
#include "bench/option.h"
#include "bench/shelf.h"
#include "bench/timing.h"
#include "engine/segment/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH      1000u
#define ARENA_SIZE ((size_t)256 << 20)
#define K_MAX      1000u

static const char usage[] =
    "usage: azimuth-bench sparse --base F --queries F --folder DIR --ids F\n"
    "  --k N             hits of a query (10)\n"
    "  --config MEMBERS  more of the create body, as JSON\n"
    "Builds, prints what it built, then makes a pass for each line of its\n"
    "standard input and prints seconds; the ids and scores of the last pass "
    "go\n"
    "to --ids: u32 and f32 for each hit, -1 and 0 where there is none.\n";

struct csr {
    uint64_t rows, entries;
    uint64_t *starts;
    uint32_t *indices;
    float *values;
};

static bool
csr_read(const char *path, struct csr *csr)
{
    FILE *file = fopen(path, "rb");
    uint64_t head[2];
    bool is_ok = file != NULL && fread(head, 8, 2, file) == 2;
    if (is_ok) {
        csr->rows = head[0];
        csr->entries = head[1];
        csr->starts = calloc(csr->rows + 1, sizeof(*csr->starts));
        csr->indices = calloc(csr->entries + 1, sizeof(*csr->indices));
        csr->values = calloc(csr->entries + 1, sizeof(*csr->values));
        is_ok = csr->starts != NULL && csr->indices != NULL &&
                csr->values != NULL &&
                fread(csr->starts, 8, csr->rows + 1, file) == csr->rows + 1 &&
                fread(csr->indices, 4, csr->entries, file) == csr->entries &&
                fread(csr->values, 4, csr->entries, file) == csr->entries;
    }
    if (file != NULL)
        fclose(file);
    if (!is_ok)
        fprintf(stderr, "azimuth-bench: cannot read %s\n", path);
    return is_ok;
}

static void
csr_release(struct csr *csr)
{
    free(csr->starts);
    free(csr->indices);
    free(csr->values);
}

static struct named_vector
csr_vector(const struct csr *csr, uint64_t row)
{
    uint64_t start = csr->starts[row];
    return (struct named_vector){ .name = span_of("s"),
                                  .kind = VECTOR_SPARSE,
                                  .values = csr->values + start,
                                  .indices = csr->indices + start,
                                  .dim = csr->starts[row + 1] - start };
}

static bool
put_batch(struct shelf *shelf, const struct csr *base, uint64_t begin,
          uint64_t count)
{
    static struct named_vector vectors[BATCH];
    static struct point points[BATCH];
    struct error error = { .code = ENGINE_OK };
    for (uint64_t i = 0; i < count; i++) {
        vectors[i] = csr_vector(base, begin + i);
        points[i] = (struct point){ .id = { .number = begin + i },
                                    .vectors = &vectors[i],
                                    .vectors_count = 1 };
    }
    struct update update = { .kind = UPDATE_UPSERT,
                             .points = points,
                             .points_count = count };
    struct update_options options = { .wait = true };
    struct update_result result;
    if (collection_update(shelf->collection, &update, &options, &result,
                          &error) == ENGINE_OK)
        return true;
    fprintf(stderr, "azimuth-bench: %s\n", error.text);
    return false;
}

static bool
build(struct shelf *shelf, const struct csr *base)
{
    uint64_t before = shelf_resident();
    double begin = timing_now_s(), cpu = timing_cpu_s();
    for (uint64_t i = 0; i < base->rows; i += BATCH)
        if (!put_batch(shelf, base, i,
                       base->rows - i < BATCH ? base->rows - i : BATCH))
            return false;
    double seconds = timing_now_s() - begin;
    struct segment_memory memory;
    struct arena arena;
    arena_init(&arena, ARENA_SIZE);
    bool is_ok = collection_memory(shelf->collection, &arena, &memory, NULL) ==
                 ENGINE_OK;
    if (is_ok)
        printf("{\"build_s\": %.3f, \"build_cpu_s\": %.3f, "
               "\"index_bytes\": %" PRIu64 ", \"resident\": %" PRIu64 "}\n",
               seconds, timing_cpu_s() - cpu,
               memory.vectors[memory.vectors_count - 1].graph.ram_size,
               shelf_resident() - before);
    fflush(stdout);
    arena_release(&arena);
    return is_ok;
}

static bool
ask(struct shelf *shelf, const struct csr *queries, uint64_t row, uint32_t k,
    FILE *ids)
{
    struct named_vector query = csr_vector(queries, row);
    struct search_command command = { .using = query.name,
                                      .kind = VECTOR_SPARSE,
                                      .vector = query.values,
                                      .indices = query.indices,
                                      .dim = query.dim,
                                      .limit = k };
    struct error error = { .code = ENGINE_OK };
    struct records records;
    struct arena arena;
    arena_init(&arena, ARENA_SIZE);
    bool is_ok = collection_search(shelf->collection, &command, &arena,
                                   &records, &error) == ENGINE_OK;
    if (!is_ok)
        fprintf(stderr, "azimuth-bench: %s\n", error.text);
    for (uint32_t i = 0; is_ok && ids != NULL && i < k; i++) {
        bool has = i < records.count;
        int32_t id = has ? (int32_t)records.items[i].id.number : -1;
        float score = has ? records.items[i].score : 0;
        is_ok = fwrite(&id, 4, 1, ids) == 1 && fwrite(&score, 4, 1, ids) == 1;
    }
    arena_release(&arena);
    return is_ok;
}

static bool
pass(struct shelf *shelf, const struct csr *queries, uint32_t k,
     const char *path)
{
    FILE *ids = path == NULL ? NULL : fopen(path, "wb");
    bool is_ok = path == NULL || ids != NULL;
    double begin = timing_now_s(), cpu = timing_cpu_s();
    for (uint64_t i = 0; is_ok && i < queries->rows; i++)
        is_ok = ask(shelf, queries, i, k, ids);
    double seconds = timing_now_s() - begin, cpu_s = timing_cpu_s() - cpu;
    if (ids != NULL && fclose(ids) != 0)
        is_ok = false;
    if (is_ok && path == NULL)
        printf("{\"seconds\": %.6f, \"cpu_s\": %.6f}\n", seconds, cpu_s);
    fflush(stdout);
    return is_ok;
}

int
sparse_command(int argc, char **argv)
{
    const char *base_path = NULL, *queries_path = NULL, *ids = NULL;
    struct shelf_config config = SHELF_CONFIG_DEFAULT;
    uint32_t k = 10;
    const struct option_row rows[] = {
        { .name = "base", .is_needed = true, .text = &base_path },
        { .name = "queries", .is_needed = true, .text = &queries_path },
        { .name = "folder", .is_needed = true, .text = &config.folder },
        { .name = "ids", .is_needed = true, .text = &ids },
        { .name = "config", .text = &config.more },
        { .name = "k", .number = &k, .max = K_MAX },
    };
    int status =
        option_parse(argc, argv, rows, sizeof(rows) / sizeof(rows[0]), usage);
    if (status >= 0)
        return status;
    struct csr base = { 0 }, queries = { 0 };
    struct shelf shelf = { 0 };
    bool is_ok = csr_read(base_path, &base) &&
                 csr_read(queries_path, &queries) &&
                 shelf_create(&shelf, &config, 2);
    if (is_ok)
        is_ok = build(&shelf, &base) && pass(&shelf, &queries, k, ids);
    for (int c = 0; is_ok && (c = getchar()) != EOF;)
        if (c == '\n')
            is_ok = pass(&shelf, &queries, k, NULL);
    if (shelf.collection != NULL)
        shelf_close(&shelf);
    csr_release(&base);
    csr_release(&queries);
    return is_ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
