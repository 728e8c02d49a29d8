/* SPDX-License-Identifier: Apache-2.0
 * The memory that keeps opened sessions: finding, forgetting, making room, and
 * keeping out what was read before it was forgotten (T45). */
#include "gateway/cache.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static const struct cache_window window = { 1000, 1015 };

/* A key that is spread like a digest. */
static void
make_key(uint64_t number, unsigned char key[CACHE_KEY_SIZE])
{
    uint64_t mixed = (number + 1) * 0x9e3779b97f4a7c15ULL;

    memset(key, 0, CACHE_KEY_SIZE);
    memcpy(key, &mixed, sizeof(mixed));
    memcpy(key + 8, &number, sizeof(number));
}

static uint64_t
make_tag(uint64_t number)
{
    return (number + 1) * 0xc2b2ae3d27d4eb4fULL;
}

static bool
put(struct cache *cache, uint64_t number, const char *value, size_t size)
{
    unsigned char key[CACHE_KEY_SIZE];
    struct cache_mark mark;

    make_key(number, key);
    cache_take_mark(cache, &mark);
    return cache_put(cache,
                     &(struct cache_entry){ key, make_tag(number), 1010, value,
                                            size, false },
                     &mark);
}

static bool
has(struct cache *cache, uint64_t number, const char *value, size_t size)
{
    static unsigned char found[CACHE_VALUE_SIZE_MAX];
    unsigned char key[CACHE_KEY_SIZE];
    size_t found_size = 0;

    make_key(number, key);
    return cache_get(cache, key, &window, found, &found_size) &&
           found_size == size && memcmp(found, value, size) == 0;
}

static struct cache *
make_cache(size_t size)
{
    void *memory = aligned_alloc(64, size);
    struct cache *cache;

    ck_assert_ptr_nonnull(memory);
    memset(memory, 0xa5, size);
    cache = cache_format(memory, size);
    ck_assert_ptr_nonnull(cache);
    return cache;
}

START_TEST(cache_gives_back_what_was_put)
{
    struct cache *cache = make_cache(1 << 20);
    static char large[CACHE_VALUE_SIZE_MAX + 1];

    memset(large, 'x', sizeof(large));
    large[124] = 'y';
    ck_assert(put(cache, 1, "one", 3));
    ck_assert(put(cache, 2, "", 0));
    ck_assert(put(cache, 3, large, CACHE_VALUE_SIZE_MAX));
    ck_assert(put(cache, 4, large, 124));
    ck_assert(put(cache, 5, large, 125));
    ck_assert(!put(cache, 6, large, CACHE_VALUE_SIZE_MAX + 1));
    ck_assert(has(cache, 1, "one", 3));
    ck_assert(has(cache, 2, "", 0));
    ck_assert(has(cache, 3, large, CACHE_VALUE_SIZE_MAX));
    ck_assert(has(cache, 4, large, 124));
    ck_assert(has(cache, 5, large, 125));
    ck_assert(put(cache, 1, "another", 7));
    ck_assert(has(cache, 1, "another", 7));
    ck_assert_uint_eq(cache_count(cache), 5);
    free(cache);
}
END_TEST

START_TEST(cache_drops_what_is_over_or_ends_too_late)
{
    struct cache *cache = make_cache(1 << 20);
    static unsigned char value[CACHE_VALUE_SIZE_MAX];
    unsigned char key[CACHE_KEY_SIZE];
    size_t size;

    make_key(1, key);
    ck_assert(put(cache, 1, "x", 1));
    ck_assert(!cache_get(cache, key, &(struct cache_window){ 1010, 1025 },
                         value, &size));
    ck_assert_uint_eq(cache_count(cache), 0);
    ck_assert(put(cache, 1, "x", 1));
    ck_assert(!cache_get(cache, key, &(struct cache_window){ 900, 915 }, value,
                         &size));
    ck_assert_uint_eq(cache_count(cache), 0);
    free(cache);
}
END_TEST

START_TEST(cache_forgets_by_tag_and_all_at_once)
{
    struct cache *cache = make_cache(1 << 20);
    unsigned char key[CACHE_KEY_SIZE];
    struct cache_mark mark;
    uint64_t i;

    for (i = 0; i < 100; i++) {
        ck_assert(put(cache, i, "x", 1));
    }
    /* A second entry of session 7. */
    make_key(1000, key);
    cache_take_mark(cache, &mark);
    ck_assert(cache_put(
        cache, &(struct cache_entry){ key, make_tag(7), 1010, "z", 1, false },
        &mark));
    cache_forget(cache, make_tag(7));
    cache_forget(cache, make_tag(5000));
    ck_assert(!has(cache, 7, "x", 1));
    ck_assert(!has(cache, 1000, "z", 1));
    ck_assert_uint_eq(cache_count(cache), 99);
    for (i = 0; i < 100; i++) {
        ck_assert(has(cache, i, "x", 1) == (i != 7));
    }
    cache_renew(cache);
    for (i = 0; i < 100; i++) {
        ck_assert(!has(cache, i, "x", 1));
    }
    ck_assert_uint_eq(cache_count(cache), 0);
    ck_assert(put(cache, 7, "x", 1));
    ck_assert(has(cache, 7, "x", 1));
    free(cache);
}
END_TEST

/* What was read before the end of its session may not come in after it. */
START_TEST(cache_keeps_late_fills_out)
{
    struct cache *cache = make_cache(1 << 20);
    unsigned char key[CACHE_KEY_SIZE];
    struct cache_entry entry = { key, make_tag(1), 1010, "x", 1, false };
    struct cache_mark mark;
    uint64_t i;

    make_key(1, key);
    cache_take_mark(cache, &mark);
    cache_forget(cache, make_tag(2));
    ck_assert(cache_put(cache, &entry, &mark)); /* another's end */
    cache_forget(cache, make_tag(1));
    ck_assert(!cache_put(cache, &entry, &mark));
    ck_assert(!has(cache, 1, "x", 1));

    cache_take_mark(cache, &mark);
    cache_renew(cache);
    ck_assert(!cache_put(cache, &entry, &mark));

    /* So many ended that nobody knows which ones. */
    cache_take_mark(cache, &mark);
    for (i = 0; i < 256; i++) {
        cache_forget(cache, make_tag(100 + i));
    }
    ck_assert(cache_put(cache, &entry, &mark));
    cache_forget(cache, make_tag(99));
    ck_assert(!cache_put(cache, &entry, &mark));
    free(cache);
}
END_TEST

/* The bar: a session of ordinary size takes 1 KiB at most, all in all. */
START_TEST(cache_holds_ten_thousand_sessions_in_ten_mib)
{
    struct cache *cache = make_cache((size_t)10 << 20);
    static char value[900];
    uint64_t i;

    memset(value, 'v', sizeof(value));
    ck_assert_uint_ge(cache_capacity(cache), 10000);
    for (i = 0; i < 10000; i++) {
        ck_assert(put(cache, i, value, 700));
    }
    ck_assert_uint_eq(cache_count(cache), 10000);
    for (i = 0; i < 10000; i++) {
        ck_assert(has(cache, i, value, 700));
    }
    free(cache);
}
END_TEST

START_TEST(cache_makes_room_by_dropping_the_oldest)
{
    struct cache *cache = make_cache((size_t)64 << 10);
    static char value[2000];
    size_t capacity = cache_capacity(cache), i;

    memset(value, 'v', sizeof(value));
    for (i = 0; i < capacity + 10; i++) {
        ck_assert(put(cache, i, "x", 1));
    }
    ck_assert_uint_eq(cache_count(cache), capacity);
    for (i = 0; i < capacity + 10; i++) {
        ck_assert(has(cache, i, "x", 1) == (i >= 10));
    }
    /* Large ones take the room of several. */
    for (i = 1000; i < 1100; i++) {
        ck_assert(put(cache, i, value, sizeof(value)));
    }
    ck_assert(has(cache, 1099, value, sizeof(value)));
    ck_assert(!has(cache, 1000, value, sizeof(value)));
    ck_assert_uint_lt(cache_count(cache), capacity);
    free(cache);
}
END_TEST

/* A flood of bad tokens must not push sessions out. */
START_TEST(cache_keeps_minor_entries_small_in_number)
{
    struct cache *cache = make_cache((size_t)64 << 10);
    size_t capacity = cache_capacity(cache), i, count = 0;
    unsigned char key[CACHE_KEY_SIZE];
    struct cache_entry minor = { key, 0, 1010, "bad", 3, true };
    struct cache_mark mark;

    cache_take_mark(cache, &mark);
    for (i = 0; i < capacity / 2; i++) {
        ck_assert(put(cache, i, "x", 1));
    }
    for (i = 0; i < 10 * capacity; i++) {
        make_key(100000 + i, key);
        ck_assert(cache_put(cache, &minor, &mark));
        ck_assert(has(cache, 100000 + i, "bad", 3));
    }
    ck_assert_uint_le(cache_count(cache), capacity / 2 + capacity / 8);
    for (i = 0; i < capacity; i++) {
        ck_assert(put(cache, i, "x", 1)); /* minor ones give way */
    }
    make_key(99999, key);
    ck_assert(!cache_put(cache, &minor, &mark));
    make_key(1, key);
    ck_assert(!cache_put(cache, &minor, &mark)); /* a session is there */
    for (i = 0; i < capacity; i++) {
        count += has(cache, i, "x", 1);
    }
    ck_assert_uint_eq(count, capacity);
    free(cache);
}
END_TEST

/* Long random use against a plain table of what should be there. */
START_TEST(cache_stays_whole_under_random_use)
{
    enum { COUNT = 300, STEPS = 200000 };
    struct cache *cache = make_cache((size_t)64 << 10);
    static char values[COUNT][1200];
    size_t sizes[COUNT] = { 0 };
    bool may_be[COUNT] = { false };
    uint32_t seed = 12345, i, n;

    for (i = 0; i < STEPS; i++) {
        seed = seed * 1664525 + 1013904223;
        n = (seed >> 8) % COUNT;
        switch ((seed >> 20) % 8) {
        case 0:
            cache_forget(cache, make_tag(n));
            may_be[n] = false;
            break;
        case 1:
            if ((seed >> 24) == 7) {
                cache_renew(cache);
                memset(may_be, 0, sizeof(may_be));
            }
            break;
        case 2:
        case 3:
            sizes[n] = (seed >> 4) % sizeof(values[n]);
            memset(values[n], (int)(i & 0xff), sizes[n]);
            ck_assert(put(cache, n, values[n], sizes[n]));
            ck_assert(has(cache, n, values[n], sizes[n]));
            may_be[n] = true;
            break;
        default: {
            unsigned char key[CACHE_KEY_SIZE];
            static unsigned char found[CACHE_VALUE_SIZE_MAX];
            size_t size;

            make_key(n, key);
            if (cache_get(cache, key, &window, found, &size)) {
                ck_assert(may_be[n]);
                ck_assert_uint_eq(size, sizes[n]);
                ck_assert(memcmp(found, values[n], size) == 0);
            }
        }
        }
    }
    free(cache);
}
END_TEST

START_TEST(cache_needs_some_room)
{
    static uint64_t memory[1024];

    ck_assert_ptr_null(cache_format(memory, 100));
    ck_assert_ptr_null(cache_format(memory, 2200));
    ck_assert_ptr_nonnull(cache_format(memory, sizeof(memory)));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("cache");
    TCase *all = tcase_create("cache");

    tcase_add_test(all, cache_gives_back_what_was_put);
    tcase_add_test(all, cache_drops_what_is_over_or_ends_too_late);
    tcase_add_test(all, cache_forgets_by_tag_and_all_at_once);
    tcase_add_test(all, cache_keeps_late_fills_out);
    tcase_add_test(all, cache_holds_ten_thousand_sessions_in_ten_mib);
    tcase_add_test(all, cache_makes_room_by_dropping_the_oldest);
    tcase_add_test(all, cache_keeps_minor_entries_small_in_number);
    tcase_add_test(all, cache_stays_whole_under_random_use);
    tcase_add_test(all, cache_needs_some_room);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
