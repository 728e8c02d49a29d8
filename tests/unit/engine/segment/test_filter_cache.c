/* SPDX-License-Identifier: Apache-2.0
 * Covers: hits of one version only, the bounds of entries and bytes, that what
 * was asked for lately stays. */
#include "engine/segment/filter_cache.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct filter_cache cache;

static void
setup(void)
{
    filter_cache_init(&cache);
}

static void
teardown(void)
{
    filter_cache_release(&cache);
}

static struct passing *
of_one(uint32_t slot, uint32_t slots_count)
{
    struct slot_set *set = slot_set_new();
    slot_set_add(set, slot);
    struct passing *passing = passing_of_set(set, slots_count);
    slot_set_free(set);
    return passing;
}

static void
put(uint32_t number, uint64_t version)
{
    char key[32];
    snprintf(key, sizeof(key), "key %u", number);
    struct passing *passing = of_one(number, 100000);
    filter_cache_put(&cache, span_of(key), version, passing);
    passing_release(passing);
}

static bool
finds(uint32_t number, uint64_t version)
{
    char key[32];
    snprintf(key, sizeof(key), "key %u", number);
    struct passing *passing = filter_cache_find(&cache, span_of(key), version);
    if (passing == NULL)
        return false;
    ck_assert(passing_has(passing, number));
    passing_release(passing);
    return true;
}

START_TEST(entry_holds_for_one_version)
{
    ck_assert(!finds(1, 5));
    put(1, 5);
    ck_assert(finds(1, 5));
    ck_assert(!finds(2, 5));
    /* A reader that looked before the change finds nothing, and harms not. */
    ck_assert(!finds(1, 4));
    ck_assert(finds(1, 5));
    ck_assert(!finds(1, 6));
}
END_TEST

/* Who looks frees nothing: the sweep does, and leaves what holds. */
START_TEST(a_sweep_frees_what_is_out_of_date)
{
    put(1, 5);
    put(2, 6);
    size_t size = filter_cache_state(&cache).size;
    ck_assert(!finds(1, 6));
    ck_assert_ptr_null(filter_cache_peek(&cache, span_of("key 1"), 6));
    ck_assert_uint_eq(filter_cache_state(&cache).size, size);
    filter_cache_sweep(&cache, 6);
    ck_assert_uint_lt(filter_cache_state(&cache).size, size);
    ck_assert(finds(2, 6));
    struct passing *held = filter_cache_find(&cache, span_of("key 2"), 6);
    filter_cache_sweep(&cache, 7);
    ck_assert_uint_eq(filter_cache_state(&cache).size, 0);
    ck_assert(passing_has(held, 2));
    passing_release(held);
}
END_TEST

START_TEST(peeking_is_no_look_up)
{
    put(1, 5);
    ck_assert(finds(1, 5));
    struct passing *passing = filter_cache_peek(&cache, span_of("key 1"), 5);
    ck_assert(passing != NULL && passing_has(passing, 1));
    passing_release(passing);
    ck_assert(filter_cache_peek(&cache, span_of("key 2"), 5) == NULL);
    ck_assert_uint_eq(filter_cache_state(&cache).hits, 1);
    ck_assert_uint_eq(filter_cache_state(&cache).misses, 0);
}
END_TEST

START_TEST(what_is_older_takes_no_place)
{
    put(1, 7);
    put(1, 6);
    ck_assert(finds(1, 7));
    put(1, 8);
    ck_assert(!finds(1, 7));
    ck_assert(finds(1, 8));
}
END_TEST

START_TEST(entries_are_bounded)
{
    put(0, 1);
    for (uint32_t i = 1; i < 3 * FILTER_CACHE_ENTRIES_MAX; i++) {
        put(i, 1);
        ck_assert(finds(0, 1));
    }
    ck_assert(!finds(1, 1));
    ck_assert(finds(3 * FILTER_CACHE_ENTRIES_MAX - 1, 1));
    ck_assert_uint_gt(filter_cache_state(&cache).hits, 0);
}
END_TEST

/* Bitsets of an eighth of the bound each. */
START_TEST(bytes_are_bounded)
{
    uint32_t slots_count = FILTER_CACHE_SIZE_MAX;
    static const char *const keys[] = { "a", "b", "c", "d", "e", "f",
                                        "g", "h", "i", "j", "k" };
    struct slot_set *set = slot_set_new();
    slot_set_add_range(set, 0, slots_count / 2);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct passing *passing = passing_of_set(set, slots_count);
        filter_cache_put(&cache, span_of(keys[i]), 1, passing);
        passing_release(passing);
        ck_assert_uint_le(filter_cache_state(&cache).size,
                          FILTER_CACHE_SIZE_MAX);
    }
    struct passing *last = filter_cache_find(&cache, span_of("k"), 1);
    ck_assert_ptr_nonnull(last);
    passing_release(last);
    ck_assert_ptr_null(filter_cache_find(&cache, span_of("a"), 1));
    slot_set_free(set);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("filter_cache");
    TCase *tcase = tcase_create("filter_cache");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, entry_holds_for_one_version);
    tcase_add_test(tcase, a_sweep_frees_what_is_out_of_date);
    tcase_add_test(tcase, peeking_is_no_look_up);
    tcase_add_test(tcase, what_is_older_takes_no_place);
    tcase_add_test(tcase, entries_are_bounded);
    tcase_add_test(tcase, bytes_are_bounded);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
