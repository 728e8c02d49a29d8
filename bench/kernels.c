/* SPDX-License-Identifier: Apache-2.0
 * Nanoseconds per row of every kernel variant that this CPU has: over rows in
 * the cache, and over rows at random in much memory, prefetched by batches as
 * an index does. Rounds are interleaved over the variants and the best one
 * counts. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "engine/kernel/kernel.h"

#define BATCH       16
#define HOT_SIZE    (16u * 1024u)
#define COLD_SIZE   ((size_t)512 << 20)
#define ROUNDS      7
#define ROUND_NS    3e6
#define NAMES_COUNT (sizeof(names) / sizeof(names[0]))
#define DIMS_COUNT  (sizeof(dims) / sizeof(dims[0]))

static const char *const names[] = { "plain", "avx2", "avx512", "neon",
                                     "dotprod" };
static const size_t dims[] = { 128, 384, 768, 1536 };
static const size_t sizes[DATATYPE_COUNT] = { 4, 2, 1 };
static const char *const types[DATATYPE_COUNT] = { "f32", "f16", "u8" };

static uint64_t seed = 1;

static uint64_t
random_bits(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return seed >> 24;
}

static double
now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Rows that calls of `rows` are made for, without end. */
struct field {
    const char *memory;
    size_t row_size;
    size_t rows_count;
    size_t at; /* of the next row in sequence */
};

static void
field_batch(struct field *field, int is_random, const void **rows)
{
    for (size_t i = 0; i < BATCH; i++) {
        size_t index = is_random ? random_bits() % field->rows_count
                                 : field->at++ % field->rows_count;
        rows[i] = field->memory + index * field->row_size;
        size_t lines = field->row_size / 64;
        for (size_t j = 0; is_random && j < 8 && j < lines; j++)
            __builtin_prefetch((const char *)rows[i] + j * 64);
    }
}

/* ns per row of one round. */
static double
measure(kernel_rows_fn call, const void *query, size_t dim, struct field *field,
        int is_random)
{
    const void *rows[2][BATCH];
    float distances[BATCH];
    volatile float sink = 0;
    double start = now_ns(), spent = 0;
    size_t done = 0;
    field_batch(field, is_random, rows[0]);
    for (size_t turn = 0; spent < ROUND_NS; turn++) {
        for (size_t i = 0; i < 16; i++) {
            field_batch(field, is_random, rows[(i + 1) % 2]);
            call(query, rows[i % 2], BATCH, dim, distances);
            sink += distances[0];
            done += BATCH;
        }
        spent = now_ns() - start;
    }
    return spent / (double)done;
}

/* Ordinary numbers: half of 1/16 .. 1, float of 1/32 .. 1, any byte. */
static void
fill(char *memory, size_t size, int type)
{
    for (size_t i = 0; i + 4 <= size; i += 4) {
        uint32_t bits = (uint32_t)random_bits();
        if (type == DATATYPE_F16)
            bits = 0x2c002c00u + (bits & 0x0fff0fffu);
        if (type == DATATYPE_F32)
            bits = 0x3d000000u + (bits & 0x027fffffu);
        memcpy(memory + i, &bits, sizeof(bits));
    }
}

static void
compare(int type, int metric, size_t dim, char *memory, int is_random)
{
    size_t row_size = dim * sizes[type];
    double best[NAMES_COUNT] = { 0 };
    struct field field = { memory, row_size,
                           (is_random ? COLD_SIZE : HOT_SIZE) / row_size, 0 };
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < NAMES_COUNT; i++) {
            const struct kernel *kernel = kernel_find(names[i]);
            if (kernel == NULL)
                continue;
            double ns = measure(kernel->metrics[type]->rows[metric], memory,
                                dim, &field, is_random);
            if (round == 0 || ns < best[i])
                best[i] = ns;
        }
    printf("%-4s %-10s %5zu  %-6s", types[type],
           kernel_metric_name((enum metric)metric), dim,
           is_random ? "memory" : "cache");
    for (size_t i = 0; i < NAMES_COUNT; i++)
        if (best[i] > 0)
            printf("  %-7s %7.1f", names[i], best[i]);
    printf("\n");
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    int is_random = argc > 1 && strcmp(argv[1], "memory") == 0;
    size_t size = is_random ? COLD_SIZE : HOT_SIZE;
    if (argc > 2 ||
        (argc == 2 && !is_random && strcmp(argv[1], "cache") != 0)) {
        fprintf(stderr, "usage: kernels [cache|memory]\n");
        return EXIT_FAILURE;
    }
    char *memory = aligned_alloc(
        (size_t)2 << 20, size < ((size_t)2 << 20) ? (size_t)2 << 20 : size);
    if (memory == NULL)
        return EXIT_FAILURE;
    madvise(memory, size, MADV_HUGEPAGE);
    for (int type = 0; type < DATATYPE_COUNT; type++) {
        fill(memory, size, type);
        for (int metric = 0; metric < METRIC_COUNT; metric++) {
            if (metric == METRIC_DOT)
                continue;
            for (size_t i = 0; i < DIMS_COUNT; i++)
                compare(type, metric, dims[i], memory, is_random);
        }
    }
    free(memory);
    return EXIT_SUCCESS;
}
