/* SPDX-License-Identifier: Apache-2.0
 * Times f32 rows of two sizes, in sequence and at random, in memory that is
 * larger than a core's own caches; a line through both sizes is the answer.
 * The processor time of the best of some rounds counts, since neighbours only
 * ever make it slower; figures that no machine has are pulled into their
 * limits, so that a hiccup cannot turn plans upside down. */
#include "engine/index/cost.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "engine/kernel/kernel.h"

#define MEMORY_SIZE ((size_t)16 << 20)
#define SHORT_DIM   64u
#define LONG_DIM    768u
#define BATCH       32u
/* Rows per measurement: 1 MiB of short ones, 6 MiB of long ones. */
#define BATCHES 64u
#define ROUNDS  8u
/* Lines of a row that an index fetches ahead. */
#define LINES_MAX 8u

#define BASE_NS_MIN 1.0
#define BASE_NS_MAX 200.0
#define BYTE_NS_MIN 0.005
#define BYTE_NS_MAX 2.0

enum order { ORDER_SEQUENCE, ORDER_RANDOM };

/* A server's core of the day: 15 GB/s in sequence, 12 at random. */
static struct cost known = {
    .sequence = { .base_ns = 5.0, .byte_ns = 0.065 },
    .random = { .base_ns = 15.0, .byte_ns = 0.08 },
};

static uint64_t
now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t
mix(uint64_t x)
{
    x = (x ^ x >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

/* Chooses rows number `batch` * BATCH and on, and asks for them. */
static void
choose(const char *memory, size_t row_size, uint64_t batch, enum order order,
       const void **rows)
{
    size_t rows_count = MEMORY_SIZE / row_size;
    for (uint64_t i = 0; i < BATCH; i++) {
        uint64_t number = batch * BATCH + i;
        if (order == ORDER_RANDOM)
            number = mix(number + 1);
        const char *row = memory + number % rows_count * row_size;
        for (size_t j = 0; j < LINES_MAX && j * 64 < row_size; j++)
            __builtin_prefetch(row + j * 64);
        rows[i] = row;
    }
}

/* ns per row. `begin`: other rows in each round. */
static double
measure(const char *memory, size_t dim, uint64_t begin, enum order order)
{
    const void *rows[2][BATCH];
    float distances[BATCH];
    kernel_rows_fn score =
        kernel_get()->metrics[DATATYPE_F32]->rows[METRIC_DOT];
    size_t row_size = dim * sizeof(float);
    uint64_t start = now_ns(CLOCK_THREAD_CPUTIME_ID);
    choose(memory, row_size, begin, order, rows[0]);
    for (uint64_t i = 0; i < BATCHES; i++) {
        choose(memory, row_size, begin + i + 1, order, rows[(i + 1) % 2]);
        score(memory, rows[i % 2], BATCH, dim, distances);
    }
    return (double)(now_ns(CLOCK_THREAD_CPUTIME_ID) - start) /
           (double)(BATCHES * BATCH);
}

static double
clamp(double value, double least, double most)
{
    return value < least ? least : value > most ? most : value;
}

static struct cost_line
line_through(double short_ns, double long_ns)
{
    const double short_size = SHORT_DIM * sizeof(float);
    const double long_size = LONG_DIM * sizeof(float);
    double byte_ns = clamp((long_ns - short_ns) / (long_size - short_size),
                           BYTE_NS_MIN, BYTE_NS_MAX);
    double base_ns =
        clamp(short_ns - short_size * byte_ns, BASE_NS_MIN, BASE_NS_MAX);
    return (struct cost_line){ base_ns, byte_ns };
}

/* The best of the rounds, by order and size. */
static void
measure_all(const char *memory, uint64_t deadline_ns, double ret_ns[2][2])
{
    static const size_t dims[2] = { SHORT_DIM, LONG_DIM };
    for (uint64_t round = 0; round < ROUNDS; round++) {
        for (int order = 0; order < 2; order++)
            for (int i = 0; i < 2; i++) {
                double ns = measure(memory, dims[i], round * (BATCHES + 1),
                                    (enum order)order);
                if (round == 0 || ns < ret_ns[order][i])
                    ret_ns[order][i] = ns;
            }
        if (now_ns(CLOCK_MONOTONIC) > deadline_ns)
            break;
    }
}

void
cost_measure(void)
{
    uint64_t start = now_ns(CLOCK_MONOTONIC);
    char *memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    madvise(memory, MEMORY_SIZE, MADV_HUGEPAGE);
    memset(memory, 0x3d, MEMORY_SIZE); /* floats of 0.046 */
    double ns[2][2] = { { 0 } };
    measure_all(memory, start + COST_MEASURE_MS_MAX / 2 * 1000000u, ns);
    munmap(memory, MEMORY_SIZE);
    known.sequence = line_through(ns[ORDER_SEQUENCE][0], ns[ORDER_SEQUENCE][1]);
    known.random = line_through(ns[ORDER_RANDOM][0], ns[ORDER_RANDOM][1]);
    assert(known.sequence.byte_ns > 0 && known.random.byte_ns > 0);
}

const struct cost *
cost_get(void)
{
    return &known;
}
