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

#define PREFETCH_LINES 8 /* the hardware goes on from there */
#define BATCH          16
#define HOT_SIZE       (16u * 1024u)
#define HUGE_SIZE      ((size_t)2 << 20)
#define COLD_SIZE      ((size_t)512 << 20)
#define ROUNDS         7
#define ROUND_NS       3e6
#define NAMES_COUNT    (sizeof(names) / sizeof(names[0]))
#define DIMS_COUNT     (sizeof(dims) / sizeof(dims[0]))

static const char *const names[] = { "plain", "avx2", "avx512", "neon",
                                     "dotprod" };
static const size_t dims[] = { 128, 384, 768, 1536 };
static const size_t sizes[DATATYPE_COUNT] = { 4, 2, 1 };
static const char *const kinds[DATATYPE_COUNT + 1] = { "f32", "f16", "u8",
                                                       "1-bit" };

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
        size_t index = field->at++;
        if (is_random)
            index = (size_t)((random_bits() & UINT32_MAX) * field->rows_count >>
                             32);
        else if (index + 1 == field->rows_count)
            field->at = 0;
        rows[i] = field->memory + index * field->row_size;
        if (!is_random)
            continue;
        const char *line = rows[i];
        const char *end = line + field->row_size;
        for (size_t j = 0; j < PREFETCH_LINES && line < end; j++, line += 64)
            __builtin_prefetch(line);
    }
}

/* One kernel of one variant; exactly one of the two functions is there. */
struct call {
    kernel_rows_fn rows;
    kernel_bits_fn bits;
    size_t length; /* components or words */
};

/* ns per row of one round. */
static double
measure(const struct call *call, const void *query, struct field *field,
        int is_random)
{
    const void *rows[2][BATCH];
    union {
        float distances[BATCH];
        uint32_t counts[BATCH];
    } out;
    double start = now_ns(), spent = 0;
    size_t done = 0;
    field_batch(field, is_random, rows[0]);
    while (spent < ROUND_NS) {
        for (size_t i = 0; i < 16; i++) {
            field_batch(field, is_random, rows[(i + 1) % 2]);
            if (call->rows != NULL)
                call->rows(query, rows[i % 2], BATCH, call->length,
                           out.distances);
            else
                call->bits(query, (const uint64_t *const *)rows[i % 2], BATCH,
                           call->length, out.counts);
            done += BATCH;
        }
        spent = now_ns() - start;
    }
    return spent / (double)done;
}

/* Ordinary numbers: half of 1/16 .. 1, float of 1/32 .. 1, any byte. */
static void
fill(char *memory, size_t size, int kind)
{
    for (size_t i = 0; i + 4 <= size; i += 4) {
        uint32_t bits = (uint32_t)random_bits();
        if (kind == DATATYPE_F16)
            bits = 0x2c002c00u + (bits & 0x0fff0fffu);
        if (kind == DATATYPE_F32)
            bits = 0x3d000000u + (bits & 0x027fffffu);
        memcpy(memory + i, &bits, sizeof(bits));
    }
}

/* The call of a kernel, or none: `kind` is a datatype, or one of the three
 * counts of bits after them; `way` a metric. */
static struct call
find(const char *name, int kind, int way, size_t dim)
{
    const struct kernel *kernel = kernel_find(name);
    struct call call = { .length = dim };
    if (kernel == NULL)
        return call;
    if (kind < DATATYPE_COUNT) {
        call.rows = kernel->metrics[kind]->rows[way];
        return call;
    }
    const struct kernel_bits *bits = kernel->bits;
    call.bits = way == 0 ? bits->xor1 : way == 1 ? bits->and1 : bits->and4;
    call.length = (dim + 63) / 64;
    return call;
}

static void
compare(int kind, int way, size_t dim, char *memory, int is_random)
{
    static const char *const counts[] = { "xor1", "and1", "and4" };
    size_t row_size =
        kind < DATATYPE_COUNT ? dim * sizes[kind] : (dim + 63) / 64 * 8;
    double best[NAMES_COUNT] = { 0 };
    struct field field = { memory, row_size,
                           (is_random ? COLD_SIZE : HOT_SIZE) / row_size, 0 };
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < NAMES_COUNT; i++) {
            struct call call = find(names[i], kind, way, dim);
            if (call.rows == NULL && call.bits == NULL)
                continue;
            double ns = measure(&call, memory, &field, is_random);
            if (round == 0 || ns < best[i])
                best[i] = ns;
        }
    printf("%-5s %-10s %5zu  %-6s", kinds[kind],
           kind < DATATYPE_COUNT ? kernel_metric_name((enum metric)way)
                                 : counts[way],
           dim, is_random ? "memory" : "cache");
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
    if (argc > 2 ||
        (argc == 2 && !is_random && strcmp(argv[1], "cache") != 0)) {
        fprintf(stderr, "usage: kernels [cache|memory]\n");
        return EXIT_FAILURE;
    }
    size_t size = is_random ? COLD_SIZE : HUGE_SIZE;
    char *memory = aligned_alloc(HUGE_SIZE, size);
    if (memory == NULL)
        return EXIT_FAILURE;
    madvise(memory, size, MADV_HUGEPAGE);
    for (int kind = 0; kind <= DATATYPE_COUNT; kind++) {
        fill(memory, size, kind);
        for (int way = 0; way < METRIC_COUNT; way++) {
            if (way == METRIC_COUNT - 1 && kind == DATATYPE_COUNT)
                continue; /* three counts */
            if (way == METRIC_DOT && kind < DATATYPE_U8)
                continue; /* the same as cosine */
            for (size_t i = 0; i < DIMS_COUNT; i++)
                compare(kind, way, dims[i], memory, is_random);
        }
    }
    free(memory);
    return EXIT_SUCCESS;
}
