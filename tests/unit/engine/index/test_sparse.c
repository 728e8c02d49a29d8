/* SPDX-License-Identifier: Apache-2.0
 * Covers: searches against the sum over all rows, while documents come, are
 * hidden and go, over tails, sealed and merged parts; weights of both signs and
 * extremes; filters; frequencies; a reader of an older view, and one beside the
 * writer; few and many hits; parts in memory and in files, and on their way from
 * one to the other. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/index/sparse.h"
#include "tests/fixture/suite.h"

#define SLOTS   30000u
#define ENTRIES 12u
#define INDICES 400u

static struct epoch epoch;
static const struct sparse_options plain = { .datatype = DATATYPE_F32,
                                             .folder = "/tmp" };
static struct sparse *sparse;
static struct slotview *view;
static uint64_t state;

struct row {
    uint32_t count;
    uint32_t indices[ENTRIES];
    float values[ENTRIES];
    bool is_there; /* added and not forgotten */
    bool is_seen;
};
static struct row rows[SLOTS];

static uint32_t
random_below(uint32_t most)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % most);
}

static float
random_weight(bool is_signed)
{
    float weight = (float)(random_below(1000) + 1) / 250.0f;
    return is_signed && random_below(3) == 0 ? -weight : weight;
}

/* Low indices are in many rows. */
static uint32_t
random_row(struct row *row, bool is_signed)
{
    row->count = 0;
    uint32_t wanted = random_below(ENTRIES + 1), index = 0;
    for (uint32_t i = 0; i < wanted; i++) {
        uint32_t most = 2u << random_below(8);
        index += 1 + random_below(most);
        row->indices[row->count] =
            index % 7 == 0 ? UINT32_MAX - INDICES + index : index;
        if (i > 0 && row->indices[row->count] <= row->indices[row->count - 1])
            continue;
        row->values[row->count++] = random_weight(is_signed);
    }
    return row->count;
}

static void
setup(void)
{
    state = 7;
    memset(rows, 0, sizeof(rows));
    epoch_init(&epoch);
    ck_assert_int_eq(sparse_create(&epoch, &plain, &sparse, NULL), ENGINE_OK);
    view = slotview_next(NULL, SLOTS);
    ck_assert_ptr_nonnull(view);
}

static void
teardown(void)
{
    slotview_discard(view, NULL);
    sparse_free(sparse);
}

static void
see(uint32_t slot, bool is_seen)
{
    ck_assert(slotview_put(view, NULL, slot, is_seen));
    rows[slot].is_seen = is_seen;
}

static void
add(uint32_t slot, bool is_signed)
{
    struct row *row = &rows[slot];
    ck_assert(!row->is_there);
    random_row(row, is_signed);
    struct vector_value value = { VECTOR_SPARSE, row->values, row->count,
                                  row->indices, 0 };
    ck_assert_int_eq(sparse_add(sparse, slot, &value, NULL), ENGINE_OK);
    row->is_there = true;
    see(slot, true);
}

static void
hide(uint32_t slot)
{
    see(slot, false);
    sparse_hide(sparse, slot);
}

static void
forget(uint32_t slot)
{
    sparse_forget(sparse, slot);
    rows[slot].is_there = false;
}

static void
tidy(void)
{
    while (sparse_tidy(sparse))
        ;
}

#define WEIGHT_MAX 4.0
static double weight_error; /* of what the index keeps */

/* False: nothing in common. */
static bool
score(const struct row *query, const struct row *row, double *ret_score)
{
    bool has_common = false;
    *ret_score = 0;
    for (uint32_t i = 0; i < query->count; i++)
        for (uint32_t k = 0; k < row->count; k++)
            if (query->indices[i] == row->indices[k]) {
                has_common = true;
                *ret_score += (double)query->values[i] * (double)row->values[k];
            }
    return has_common;
}

static int
descending(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return (*left < *right) - (*left > *right);
}

static uint64_t allowed[SLOTS / 64 + 1];

static void
check_search(const struct row *query, uint32_t k, bool is_filtered)
{
    static double expected[SLOTS];
    static struct hit hits[SLOTS];
    uint32_t count = 0, found = 0;
    double near = 1e-3;
    struct slot_filter filter = { .view = view };
    for (uint32_t i = 0; i < query->count; i++)
        near += weight_error * fabs((double)query->values[i]);
    if (is_filtered) {
        filter.allowed = allowed;
        filter.allowed_count = SLOTS;
    }
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (rows[slot].is_seen &&
            (!is_filtered || (allowed[slot / 64] >> slot % 64 & 1) != 0))
            count += score(query, &rows[slot], &expected[count]);
    qsort(expected, count, sizeof(expected[0]), descending);
    struct sparse_search search = { .indices = query->indices,
                                    .weights = query->values,
                                    .count = query->count,
                                    .k = k,
                                    .filter = &filter };
    ck_assert_int_eq(sparse_search(sparse, &search, hits, &found, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(found, count < k ? count : k);
    for (uint32_t i = 0; i < found; i++) {
        double real;
        ck_assert(rows[hits[i].slot].is_seen);
        ck_assert(score(query, &rows[hits[i].slot], &real));
        ck_assert(fabs(real + (double)hits[i].distance) < near);
        ck_assert(fabs(expected[i] + (double)hits[i].distance) < near);
        ck_assert(i == 0 || hits[i - 1].distance <= hits[i].distance);
    }
}

static void
check_counts(const struct row *query)
{
    struct slot_filter filter = { .view = view };
    uint32_t counts[ENTRIES], expected[ENTRIES] = { 0 };
    for (uint32_t i = 0; i < query->count; i++)
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            for (uint32_t k = 0; rows[slot].is_seen && k < rows[slot].count;
                 k++)
                expected[i] += rows[slot].indices[k] == query->indices[i];
    sparse_frequencies(sparse, query->indices, query->count, &filter, counts);
    for (uint32_t i = 0; i < query->count; i++)
        ck_assert_uint_eq(counts[i], expected[i]);
}

static void
check(bool is_signed)
{
    struct row query;
    for (int i = 0; i < 12; i++) {
        random_row(&query, is_signed);
        if (query.count == 0)
            continue;
        memset(allowed, 0, sizeof(allowed));
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            if (random_below(10) == 0)
                allowed[slot / 64] |= UINT64_C(1) << (slot % 64);
        check_search(&query, 1u + 9u * (uint32_t)(i % 3), false);
        check_search(&query, i == 0 ? SLOTS : 10, true);
        check_counts(&query);
    }
}

static const double weight_errors[] = {
    [DATATYPE_F32] = 0,
    [DATATYPE_F16] = WEIGHT_MAX * 0x1p-11,
    /* A part may be made of others twice, each time half a step away. */
    [DATATYPE_U8] = 2 * 2 * WEIGHT_MAX / 255,
};

START_TEST(sparse_finds_the_best_of_all_rows)
{
    bool is_signed = _i % 2 == 1;
    uint32_t next = 0;
    enum datatype datatype = (enum datatype)(_i / 2 % DATATYPE_COUNT);
    enum sparse_place place =
        (enum sparse_place)(_i / (2 * (int)DATATYPE_COUNT));
    const struct sparse_options options = { datatype, place, "/tmp" };
    sparse_free(sparse);
    ck_assert_int_eq(sparse_create(&epoch, &options, &sparse, NULL), ENGINE_OK);
    weight_error = weight_errors[datatype];
    check(is_signed);
    for (uint32_t step = 0; step < 6; step++) {
        for (uint32_t i = 0; i < 4000 && next < SLOTS; i++)
            add(next++, is_signed);
        check(is_signed);
        /* Some die, some of those may be used again. */
        for (uint32_t i = 0; i < 1500; i++) {
            uint32_t slot = random_below(next);
            if (rows[slot].is_seen)
                hide(slot);
        }
        check(is_signed);
        for (uint32_t slot = 0; slot < next; slot++)
            if (rows[slot].is_there && !rows[slot].is_seen) {
                forget(slot);
                if (random_below(2) == 0)
                    add(slot, is_signed);
            }
        check(is_signed);
        tidy();
        check(is_signed);
    }
}
END_TEST

/* Parts move one after the other, also under a reader; what they held comes
 * back; each datatype has other arrays. */
START_TEST(sparse_moves_between_memory_and_files)
{
    static const enum sparse_place places[] = { SPARSE_COLD, SPARSE_CACHED,
                                                SPARSE_PINNED, SPARSE_COLD };
    const struct sparse_options options = { (enum datatype)_i, SPARSE_PINNED,
                                            "/tmp" };
    sparse_free(sparse);
    ck_assert_int_eq(sparse_create(&epoch, &options, &sparse, NULL), ENGINE_OK);
    weight_error = weight_errors[_i];
    for (uint32_t slot = 0; slot < 25000; slot++)
        add(slot, true);
    size_t pinned = sparse_memory(sparse);
    ck_assert(!sparse_is_moving(sparse));
    ck_assert_uint_eq(sparse_disk_sizes(sparse).disk_size, 0);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        sparse_set_place(sparse, places[i]);
        ck_assert(sparse_is_moving(sparse));
        uint32_t reader = epoch_enter(&epoch);
        ck_assert(sparse_tidy(sparse));
        ck_assert(sparse_is_moving(sparse));
        check(true);
        tidy(); /* all are there, and still where they were */
        ck_assert(sparse_is_moving(sparse) && sparse_has_retired(sparse));
        epoch_leave(&epoch, reader);
        tidy();
        ck_assert(!sparse_is_moving(sparse) && !sparse_has_retired(sparse));
        check(true);
        size_t disk = sparse_disk_sizes(sparse).disk_size;
        if (places[i] == SPARSE_PINNED) {
            ck_assert_uint_eq(disk, 0);
            ck_assert_uint_ge(sparse_memory(sparse), pinned);
        } else {
            ck_assert_uint_gt(disk, 0);
            ck_assert_uint_lt(sparse_memory(sparse), pinned);
        }
        ck_assert_uint_eq(sparse_disk_sizes(sparse).memory_size, 0);
    }
    /* New parts are there at once. */
    for (uint32_t slot = 25000; slot < SLOTS; slot++)
        add(slot, true);
    ck_assert(!sparse_is_moving(sparse));
    check(true);
}
END_TEST

START_TEST(sparse_is_empty_after_all_is_forgotten)
{
    for (uint32_t slot = 0; slot < 20000; slot++)
        add(slot, false);
    size_t full = sparse_memory(sparse);
    for (uint32_t slot = 0; slot < 20000; slot++) {
        hide(slot);
        forget(slot);
    }
    forget(0); /* again is fine */
    tidy();
    ck_assert_uint_eq(sparse_count(sparse), 0);
    check(false);
    ck_assert_uint_lt(sparse_memory(sparse), full);
}
END_TEST

/* One that was added for a change that failed. */
START_TEST(sparse_forgets_what_was_never_seen)
{
    for (uint32_t slot = 0; slot < 5000; slot++) {
        add(slot, false);
        if (slot % 5 == 0) {
            see(slot, false);
            forget(slot);
        }
    }
    check(false);
    for (uint32_t slot = 0; slot < 5000; slot += 5)
        add(slot, false);
    check(false);
}
END_TEST

/* A reader that went in before keeps its parts while all is replaced. */
START_TEST(sparse_frees_nothing_under_a_reader)
{
    for (uint32_t slot = 0; slot < 4000; slot++)
        add(slot, false);
    uint32_t place = epoch_enter(&epoch);
    for (uint32_t slot = 4000; slot < 25000; slot++)
        add(slot, false);
    check(false);
    epoch_leave(&epoch, place);
    add(25000, false);
    check(false);
}
END_TEST

/* Sums that no float holds are no trap, and come first or last. */
START_TEST(sparse_bears_weights_at_the_ends)
{
    static const float ends[] = { FLT_MAX, -FLT_MAX, FLT_MIN, 1e-45f, -1e-45f };
    uint32_t indices[2] = { 1, 2 };
    struct hit hits[4];
    uint32_t found;
    struct slot_filter filter = { .view = view };
    const struct sparse_options options = { .datatype = (enum datatype)_i };
    sparse_free(sparse);
    ck_assert_int_eq(sparse_create(&epoch, &options, &sparse, NULL), ENGINE_OK);
    for (uint32_t slot = 0; slot < 5000; slot++) {
        float values[2] = { ends[slot % 5], ends[slot / 5 % 5] };
        struct vector_value value = { VECTOR_SPARSE, values, 2, indices, 0 };
        ck_assert_int_eq(sparse_add(sparse, slot, &value, NULL), ENGINE_OK);
        see(slot, true);
    }
    for (uint32_t i = 0; i < 25; i++) {
        float weights[2] = { ends[i % 5], ends[i / 5] };
        struct sparse_search search = { .indices = indices,
                                        .weights = weights,
                                        .count = 2,
                                        .k = 4,
                                        .filter = &filter };
        ck_assert_int_eq(sparse_search(sparse, &search, hits, &found, NULL),
                         ENGINE_OK);
        ck_assert_uint_eq(found, 4);
        for (uint32_t k = 0; k < found; k++)
            ck_assert(!isnan(hits[k].distance));
    }
}
END_TEST

#define STILL 6000u /* slots that nothing happens to */

static _Atomic bool is_over;

/* The same answer each time, whatever is written. */
static void *
read_on(void *ctx)
{
    const struct row *query = ctx;
    struct slot_filter filter = { .view = view };
    struct sparse_search search = { .indices = query->indices,
                                    .weights = query->values,
                                    .count = query->count,
                                    .k = 10,
                                    .filter = &filter };
    struct hit first[10], hits[10];
    uint32_t first_count = 0, count, counts[ENTRIES];
    for (bool is_first = true; is_first || !atomic_load(&is_over);
         is_first = false) {
        uint32_t place = epoch_enter(&epoch);
        bool is_fine =
            sparse_search(sparse, &search, hits, &count, NULL) == ENGINE_OK;
        sparse_frequencies(sparse, query->indices, query->count, &filter,
                           counts);
        epoch_leave(&epoch, place);
        if (is_first) {
            memcpy(first, hits, sizeof(hits));
            first_count = count;
        }
        is_fine = is_fine && count == first_count;
        for (uint32_t i = 0; is_fine && i < count; i++)
            is_fine = fabsf(hits[i].distance - first[i].distance) < 1e-4f;
        if (!is_fine)
            return ctx;
    }
    return NULL;
}

START_TEST(sparse_reads_on_while_it_is_written)
{
    struct row query;
    pthread_t thread;
    void *failed;
    for (uint32_t slot = 0; slot < STILL; slot++)
        add(slot, false);
    do
        random_row(&query, false);
    while (query.count < 4);
    atomic_store(&is_over, false);
    ck_assert_int_eq(pthread_create(&thread, NULL, read_on, &query), 0);
    for (uint32_t round = 0; round < 3; round++) {
        struct row row;
        for (uint32_t slot = STILL; slot < STILL + 9000; slot++) {
            random_row(&row, false);
            struct vector_value value = { VECTOR_SPARSE, row.values, row.count,
                                          row.indices, 0 };
            ck_assert_int_eq(sparse_add(sparse, slot, &value, NULL), ENGINE_OK);
        }
        for (uint32_t slot = STILL; slot < STILL + 9000; slot++)
            sparse_hide(sparse, slot);
        for (uint32_t slot = STILL; slot < STILL + 9000; slot++)
            sparse_forget(sparse, slot);
        sparse_set_place(sparse, round == 1 ? SPARSE_PINNED : SPARSE_COLD);
        tidy();
    }
    atomic_store(&is_over, true);
    ck_assert_int_eq(pthread_join(thread, &failed), 0);
    ck_assert_ptr_null(failed);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/sparse");
    TCase *tcase = tcase_create("sparse");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, sparse_finds_the_best_of_all_rows, 0,
                        2 * DATATYPE_COUNT * SPARSE_PLACES);
    tcase_add_loop_test(tcase, sparse_moves_between_memory_and_files, 0,
                        DATATYPE_COUNT);
    tcase_add_test(tcase, sparse_is_empty_after_all_is_forgotten);
    tcase_add_test(tcase, sparse_forgets_what_was_never_seen);
    tcase_add_test(tcase, sparse_frees_nothing_under_a_reader);
    tcase_add_test(tcase, sparse_reads_on_while_it_is_written);
    tcase_add_loop_test(tcase, sparse_bears_weights_at_the_ends, 0,
                        DATATYPE_COUNT);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
