/* SPDX-License-Identifier: Apache-2.0
 * azimuth-bench rows: the constants of the lower bound, on this machine. What
 * it costs at least to bring a random row of so many bytes to the processor
 * from a set of this size (the rows lie in huge pages; as in a walk, 32 are
 * asked for at once and then read), and to score one that is in the cache. */
#include "bench/command.h"
#include "bench/option.h"
#include "bench/timing.h"
#include "engine/kernel/code.h"
#include "engine/kernel/kernel.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LINE_SIZE    64u
#define HOP_COUNT    32u
#define ROUNDS       7u
#define READS        400000u
#define ROW_SIZE_MAX (1u << 20)
#define HOT_COUNT    16u /* rows that stay in the cache */
#define HOT_ROUNDS   4000u
#define HUGE_SIZE    ((size_t)2 << 20)

static const char usage[] =
    "usage: azimuth-bench rows --rows N --sizes B,B,...\n"
    "Prints nanoseconds for each size, as JSON: a random row, and scoring one\n"
    "in the cache as a code of 8 and 4 bits and as floats.\n"
    "  --rows N        rows of the set (1000000)\n"
    "  --sizes B,...   bytes of a row (64,128,256,384,512,768,1536)\n"
    "  --help\n";

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Reads READS rows at the places given; the sum keeps the reads alive. */
static uint64_t
gather(const unsigned char *rows, size_t row_size, const uint32_t *places)
{
    uint64_t sum = 0;
    for (uint32_t at = 0; at + HOP_COUNT <= READS; at += HOP_COUNT) {
        for (uint32_t i = 0; i < HOP_COUNT; i++) {
            const unsigned char *row = rows + places[at + i] * row_size;
            for (size_t b = 0; b < row_size && b < 8 * LINE_SIZE;
                 b += LINE_SIZE)
                __builtin_prefetch(row + b);
        }
        for (uint32_t i = 0; i < HOP_COUNT; i++) {
            const unsigned char *row = rows + places[at + i] * row_size;
            for (size_t b = 0; b < row_size; b += LINE_SIZE)
                sum += row[b];
        }
    }
    return sum;
}

/* Nanoseconds of one row, the best round; 0 when memory is out. */
static double
row_ns(uint32_t row_count, uint32_t row_size)
{
    /* Rows start on a line, as in the slabs. */
    size_t step = (row_size + LINE_SIZE - 1) / LINE_SIZE * LINE_SIZE;
    size_t size = (step * row_count + HUGE_SIZE - 1) / HUGE_SIZE * HUGE_SIZE;
    unsigned char *rows = aligned_alloc(HUGE_SIZE, size);
    uint32_t *places = calloc(READS, sizeof(*places));
    double best = 0;
    volatile uint64_t kept = 0;
    uint64_t state = 88172645463325252u;
    assert(step >= row_size);
    if (rows != NULL && places != NULL) {
        madvise(rows, size, MADV_HUGEPAGE);
        for (size_t at = 0; at < size; at += LINE_SIZE)
            rows[at] = (unsigned char)at;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            for (uint32_t i = 0; i < READS; i++)
                places[i] = (uint32_t)(next_random(&state) % row_count);
            double begin = timing_now_s();
            kept += gather(rows, step, places);
            double ns = (timing_now_s() - begin) * 1e9 / READS;
            best = round == 0 || ns < best ? ns : best;
        }
    }
    free(rows);
    free(places);
    return best;
}

/* What scores one row; exactly one kernel is set. */
struct scorer {
    code_rows_fn codes;
    kernel_rows_fn floats;
    size_t length; /* lines or components */
};

static double
score_ns(const struct scorer *scorer, uint32_t row_size)
{
    static _Alignas(LINE_SIZE) unsigned char query[ROW_SIZE_MAX];
    unsigned char *memory =
        aligned_alloc(LINE_SIZE, (size_t)HOT_COUNT * (row_size + LINE_SIZE) /
                                     LINE_SIZE * LINE_SIZE);
    const void *rows[HOT_COUNT];
    union {
        int32_t dots[HOT_COUNT];
        float distances[HOT_COUNT];
    } out;
    double best = 0;
    if (memory == NULL)
        return 0;
    memset(memory, 0, (size_t)HOT_COUNT * row_size);
    for (uint32_t i = 0; i < HOT_COUNT; i++)
        rows[i] = memory + (size_t)i * row_size;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        double begin = timing_now_s();
        for (uint32_t i = 0; i < HOT_ROUNDS; i++)
            if (scorer->codes != NULL)
                scorer->codes((const int8_t *)query,
                              (const uint8_t *const *)rows, HOT_COUNT,
                              scorer->length, out.dots);
            else
                scorer->floats(query, rows, HOT_COUNT, scorer->length,
                               out.distances);
        double ns = (timing_now_s() - begin) * 1e9 / (HOT_ROUNDS * HOT_COUNT);
        best = round == 0 || ns < best ? ns : best;
    }
    free(memory);
    return best;
}

/* Codes are whole lines; `size` is rounded up to them. */
static void
print_size(uint32_t row_count, uint32_t size)
{
    const struct kernel *kernel = kernel_get();
    size_t lines = (size + LINE_SIZE - 1) / LINE_SIZE;
    uint32_t whole = (uint32_t)(lines * LINE_SIZE);
    struct scorer of_8 = { .codes = kernel->code->rows[CODE_8],
                           .length = lines };
    struct scorer of_4 = { .codes = kernel->code->rows[CODE_4],
                           .length = lines };
    struct scorer of_floats = {
        .floats = kernel->metrics[DATATYPE_F32]->rows[METRIC_DOT],
        .length = size / sizeof(float),
    };
    printf(", \"%u\": {\"row\": %.2f, \"code8\": %.2f, \"code4\": %.2f, "
           "\"floats\": %.2f}",
           size, row_ns(row_count, size),
           lines <= CODE_8_LINES_MAX ? score_ns(&of_8, whole) : 0,
           lines <= CODE_4_LINES_MAX ? score_ns(&of_4, whole) : 0,
           score_ns(&of_floats, whole));
}

int
rows_command(int argc, char **argv)
{
    struct option_numbers sizes = {
        .values = { 64, 128, 256, 384, 512, 768, 1536 },
        .count = 7,
    };
    uint32_t row_count = 1000000;
    const struct option_row rows[] = {
        { .name = "rows", .number = &row_count, .max = INT32_MAX },
        { .name = "sizes", .numbers = &sizes, .max = ROW_SIZE_MAX },
    };
    int status = option_parse(argc, argv, rows, 2, usage);
    if (status >= 0)
        return status;
    printf("{\"rows\": %u", row_count);
    for (uint32_t i = 0; i < sizes.count; i++)
        print_size(row_count, sizes.values[i]);
    puts("}");
    return EXIT_SUCCESS;
}
