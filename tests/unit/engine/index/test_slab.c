/* SPDX-License-Identifier: Apache-2.0
 * Covers: rows stay in place while a slab grows, alignment, small first
 * chunks, refusal without memory, readers during growth, the end given back. */
#include "engine/index/slab.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/fixture/suite.h"

START_TEST(slab_rows_never_move)
{
    struct slab slab;
    slab_init(&slab, sizeof(uint64_t), 8);
    uint32_t *first = NULL;
    for (uint32_t count = 1; count <= 1u << 20; count *= 2) {
        ck_assert_int_eq(slab_reserve(&slab, count, NULL), ENGINE_OK);
        ck_assert_uint_ge(slab_capacity(&slab), count);
        if (first == NULL)
            first = slab_row(&slab, 0);
        ck_assert_ptr_eq(slab_row(&slab, 0), first);
        for (uint32_t slot = count / 2; slot < count; slot++) {
            uint64_t *row = slab_row(&slab, slot);
            ck_assert_uint_eq(*row, 0);
            *row = slot;
        }
    }
    for (uint32_t slot = 0; slot < 1u << 20; slot++) {
        uint64_t *row = slab_row(&slab, slot);
        ck_assert_uint_eq(*row, slot);
    }
    slab_release(&slab);
    ck_assert_uint_eq(slab_capacity(&slab), 0);
}
END_TEST

START_TEST(slab_aligns_rows_and_huge_chunks)
{
    struct slab slab;
    slab_init_f32(&slab, 33);
    ck_assert_uint_eq(slab.row_size, 192);
    ck_assert_int_eq(slab_reserve(&slab, 100000, NULL), ENGINE_OK);
    for (uint32_t slot = 0; slot < 100000; slot += 331)
        ck_assert_uint_eq((uintptr_t)slab_row(&slab, slot) % 64, 0);
    uint32_t rows = 1u << slab.first_shift;
    while (rows * slab.row_size < SLAB_HUGE_SIZE)
        rows *= 2;
    ck_assert_uint_eq((uintptr_t)slab_row(&slab, rows) % SLAB_HUGE_SIZE, 0);
    slab_release(&slab);
}
END_TEST

START_TEST(slab_of_a_tiny_collection_costs_little)
{
    struct slab slab;
    slab_init_f32(&slab, 384);
    ck_assert_uint_eq(slab_memory(&slab).reserved_size, 0);
    ck_assert_int_eq(slab_reserve(&slab, 4, NULL), ENGINE_OK);
    ck_assert_uint_le(slab_memory(&slab).reserved_size, SLAB_FIRST_SIZE);
    ck_assert_uint_eq(slab_memory(&slab).used_size, 0);
    memset(slab_row(&slab, 3), 1, 384 * sizeof(float));
    ck_assert_uint_ge(slab_memory(&slab).used_size, 4096);
    ck_assert_uint_le(slab_memory(&slab).used_size, 8192);
    slab_release(&slab);
}
END_TEST

/* Rows that nobody wrote to take address space only. */
START_TEST(slab_counts_rows_that_were_touched)
{
    struct slab slab;
    slab_init(&slab, 4096, 4096);
    ck_assert_int_eq(slab_reserve(&slab, 20000, NULL), ENGINE_OK);
    for (uint32_t slot = 0; slot < 20000; slot += 10000)
        memset(slab_row(&slab, slot), 1, 4096);
    struct memory_report report = slab_memory(&slab);
    ck_assert_uint_ge(report.reserved_size, (size_t)20000 * 4096);
    ck_assert_uint_ge(report.used_size, 2 * 4096);
    ck_assert_uint_le(report.used_size, 3 * SLAB_HUGE_SIZE);
    slab_release(&slab);
}
END_TEST

START_TEST(slab_keeps_what_is_put)
{
    float in[5] = { 1, 2, 3, 4, 5 };
    struct slab slab;
    slab_init_f32(&slab, 5);
    ck_assert_int_eq(slab_reserve(&slab, 5000, NULL), ENGINE_OK);
    for (uint32_t slot = 0; slot < 5000; slot++) {
        in[0] = (float)slot;
        slab_put_f32(&slab, slot, in, 5);
    }
    for (uint32_t slot = 0; slot < 5000; slot++) {
        in[0] = (float)slot;
        ck_assert_mem_eq(slab_f32(&slab, slot), in, sizeof(in));
        ck_assert(slab_f32(&slab, slot)[5] <= 0.0f);
    }
    slab_release(&slab);
}
END_TEST

START_TEST(slab_refuses_what_the_system_cannot_give)
{
    struct slab slab;
    struct error error = { .code = ENGINE_OK };
    slab_init(&slab, 1u << 30, 64);
    ck_assert_int_eq(slab_reserve(&slab, 1, NULL), ENGINE_OK);
    uint32_t before = slab_capacity(&slab);
    ck_assert_int_eq(slab_reserve(&slab, UINT32_MAX, &error), ENGINE_ENOMEM);
    ck_assert_int_eq(error.code, ENGINE_ENOMEM);
    ck_assert_uint_ge(slab_capacity(&slab), before);
    ck_assert_ptr_nonnull(slab_row(&slab, 0));
    slab_release(&slab);
}
END_TEST

static void *
read_rows(void *ctx)
{
    struct slab *slab = ctx;
    uint64_t sum = 0;
    for (uint32_t seen = 0; seen < 400000;) {
        seen = slab_capacity(slab);
        for (uint32_t slot = 0; slot < seen; slot += 997) {
            const uint64_t *row = slab_row(slab, slot);
            sum += *row;
        }
    }
    ck_assert_uint_eq(sum, 0);
    return NULL;
}

START_TEST(slab_is_read_while_it_grows)
{
    struct slab slab;
    pthread_t reader;
    slab_init(&slab, 16, 16);
    ck_assert_int_eq(pthread_create(&reader, NULL, read_rows, &slab), 0);
    for (uint32_t count = 1; count <= 400000; count += 1009)
        ck_assert_int_eq(slab_reserve(&slab, count, NULL), ENGINE_OK);
    ck_assert_int_eq(slab_reserve(&slab, 400000, NULL), ENGINE_OK);
    pthread_join(reader, NULL);
    slab_release(&slab);
}
END_TEST

/* Pages of the rows `begin`..`end`-1 that are in memory. */
static size_t
resident_pages(const struct slab *slab, uint32_t begin, uint32_t end)
{
    size_t count = 0;
    for (uint32_t slot = begin; slot < end;
         slot += (uint32_t)(4096 / slab->row_size)) {
        unsigned char state = 0;
        uintptr_t at = (uintptr_t)slab_row(slab, slot) / 4096 * 4096;
        ck_assert_int_eq(mincore((void *)at, 4096, &state), 0);
        count += state & 1;
    }
    return count;
}

START_TEST(slab_gives_its_end_back)
{
    struct slab slab;
    const uint32_t count = 200000, kept = 30001;
    slab_init(&slab, 64, 64);
    ck_assert_int_eq(slab_reserve(&slab, count, NULL), ENGINE_OK);
    for (uint32_t slot = 0; slot < count; slot++)
        memset(slab_row(&slab, slot), (int)(slot % 255) + 1, 64);
    void *last = slab_row(&slab, count - 1);
    slab_cut(&slab, kept);
    for (uint32_t slot = 0; slot < kept; slot++) {
        const uint8_t *row = slab_row(&slab, slot);
        ck_assert_uint_eq(row[0], slot % 255 + 1);
        ck_assert_uint_eq(row[63], slot % 255 + 1);
    }
    /* All but a piece at most. */
    ck_assert_uint_eq(resident_pages(&slab, kept + SLAB_HUGE_SIZE / 64, count),
                      0);
    ck_assert_uint_ge(slab_capacity(&slab), count);
    ck_assert_ptr_eq(slab_row(&slab, count - 1), last);
    memset(last, 7, 64);
    slab_cut(&slab, 0);
    ck_assert_uint_eq(resident_pages(&slab, 0, count), 0);
    slab_release(&slab);
    slab_cut(&slab, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/slab");
    TCase *tcase = tcase_create("slab");
    tcase_add_test(tcase, slab_rows_never_move);
    tcase_add_test(tcase, slab_aligns_rows_and_huge_chunks);
    tcase_add_test(tcase, slab_of_a_tiny_collection_costs_little);
    tcase_add_test(tcase, slab_counts_rows_that_were_touched);
    tcase_add_test(tcase, slab_keeps_what_is_put);
    tcase_add_test(tcase, slab_refuses_what_the_system_cannot_give);
    tcase_add_test(tcase, slab_is_read_while_it_grows);
    tcase_add_test(tcase, slab_gives_its_end_back);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
