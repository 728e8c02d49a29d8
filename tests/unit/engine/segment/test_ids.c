/* SPDX-License-Identifier: Apache-2.0
 * Covers: finding, moving, removing, order of numbers and UUIDs, growth over
 * several blocks and tables, seeks between ids. */
#include "engine/segment/ids.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct ids *ids;

static void
setup(void)
{
    ids = ids_new();
    ck_assert_ptr_nonnull(ids);
}

static void
teardown(void)
{
    ids_free(ids);
}

static struct point_id
number(uint64_t value)
{
    return (struct point_id){ .number = value };
}

static struct point_id
uuid(uint8_t first, uint8_t last)
{
    struct point_id id = { .is_uuid = true };
    id.uuid[0] = first;
    id.uuid[15] = last;
    return id;
}

static void
bind(struct point_id id, uint32_t slot)
{
    ck_assert(ids_reserve(ids, 1, (size_t)slot + 1));
    ids_bind(ids, &id, slot, slot + 100);
}

START_TEST(ids_find_what_was_bound)
{
    struct point_id seven = number(7), high = number(UINT64_MAX);
    struct point_id letters = uuid(0xab, 0xcd);
    ck_assert_uint_eq(ids_find(ids, &seven), IDS_NO_SLOT);
    bind(seven, 3);
    bind(high, 0);
    bind(letters, 9000);
    ck_assert_uint_eq(ids_find(ids, &seven), 3);
    ck_assert_uint_eq(ids_find(ids, &high), 0);
    ck_assert_uint_eq(ids_find(ids, &letters), 9000);
    ck_assert_uint_eq(ids_version(ids, 9000), 9100);
    struct point_id back = ids_at(ids, 9000);
    ck_assert_int_eq(point_id_compare(&back, &letters), 0);
    ck_assert_uint_eq(ids_count(ids), 3);
    ck_assert(!ids_is_live(ids, 1));
    ck_assert(!ids_is_live(ids, 1u << 30));
}
END_TEST

START_TEST(ids_sort_numbers_before_uuids)
{
    struct point_id sorted[] = { number(0),  number(5),     number(UINT64_MAX),
                                 uuid(0, 0), uuid(0, 0x80), uuid(0xff, 0) };
    for (uint32_t i = 0; i < 6; i++)
        bind(sorted[i], 5 - i);
    struct ids_cursor cursor = ids_seek(ids, NULL);
    uint32_t slot;
    for (uint32_t i = 0; i < 6; i++) {
        ck_assert(ids_next(ids, &cursor, &slot));
        ck_assert_uint_eq(slot, 5 - i);
    }
    ck_assert(!ids_next(ids, &cursor, &slot));
}
END_TEST

START_TEST(ids_move_keeps_id_and_order)
{
    for (uint32_t i = 0; i < 10; i++)
        bind(number(i), i);
    ck_assert(ids_reserve(ids, 0, 11));
    ids_move(ids, 4, 10, 77);
    struct point_id four = number(4);
    ck_assert_uint_eq(ids_find(ids, &four), 10);
    ck_assert_uint_eq(ids_version(ids, 10), 77);
    ck_assert(!ids_is_live(ids, 4));
    ck_assert(!slot_set_contains(ids_live(ids), 4));
    struct ids_cursor cursor = ids_seek(ids, &four);
    uint32_t slot;
    ck_assert(ids_next(ids, &cursor, &slot));
    ck_assert_uint_eq(slot, 10);
    ck_assert(ids_next(ids, &cursor, &slot));
    ck_assert_uint_eq(slot, 5);
}
END_TEST

START_TEST(ids_seek_lands_on_the_next_id)
{
    for (uint32_t i = 0; i < 3000; i++)
        bind(number(10 * (uint64_t)i), i);
    for (uint64_t value = 0; value < 29990; value += 7) {
        struct point_id from = number(value);
        struct ids_cursor cursor = ids_seek(ids, &from);
        uint32_t slot;
        ck_assert(ids_next(ids, &cursor, &slot));
        ck_assert_uint_eq(slot, (value + 9) / 10);
    }
    struct point_id end = number(29991);
    struct ids_cursor cursor = ids_seek(ids, &end);
    uint32_t slot;
    ck_assert(!ids_next(ids, &cursor, &slot));
}
END_TEST

#define MANY 20000

/* Ascending, descending and mixed inserts, then random removals. */
START_TEST(ids_stay_ordered_through_growth_and_removal)
{
    static uint32_t slot_of[MANY];
    static bool is_there[MANY];
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t key = _i == 0   ? i
                       : _i == 1 ? MANY - 1 - i
                                 : (uint32_t)((uint64_t)i * 7919 % MANY);
        ck_assert(ids_reserve(ids, 1, (size_t)i + 1));
        struct point_id id = number(key);
        ids_bind(ids, &id, i, 0);
        slot_of[key] = i;
        is_there[key] = true;
    }
    for (uint32_t i = 0; i < MANY; i += 3) {
        uint32_t key = (uint32_t)((uint64_t)i * 104729 % MANY);
        if (!is_there[key])
            continue;
        ids_unbind(ids, slot_of[key]);
        is_there[key] = false;
    }
    struct ids_cursor cursor = ids_seek(ids, NULL);
    uint32_t slot;
    size_t count = 0;
    for (uint32_t key = 0; key < MANY; key++) {
        struct point_id id = number(key);
        ck_assert_uint_eq(ids_find(ids, &id),
                          is_there[key] ? slot_of[key] : IDS_NO_SLOT);
        if (!is_there[key])
            continue;
        ck_assert(ids_next(ids, &cursor, &slot));
        ck_assert_uint_eq(slot, slot_of[key]);
        count++;
    }
    ck_assert(!ids_next(ids, &cursor, &slot));
    ck_assert_uint_eq(ids_count(ids), count);
    ck_assert_uint_eq(slot_set_count(ids_live(ids)), count);
    size_t heap;
    ck_assert_uint_gt(ids_memory(ids, &heap), count * sizeof(uint32_t));
    ck_assert_uint_ge(heap, count * sizeof(uint32_t));
}
END_TEST

START_TEST(ids_reserved_at_once_take_any_order)
{
    ck_assert(ids_reserve(ids, MANY, MANY));
    for (uint32_t i = 0; i < MANY; i++) {
        struct point_id id = number((uint64_t)i * 31337 % 1000003);
        ids_bind(ids, &id, i, 0);
    }
    struct ids_cursor cursor = ids_seek(ids, NULL);
    uint32_t slot, before = IDS_NO_SLOT;
    while (ids_next(ids, &cursor, &slot)) {
        struct point_id id = ids_at(ids, slot);
        if (before != IDS_NO_SLOT)
            ck_assert_int_lt(ids_compare(ids, before, &id), 0);
        before = slot;
    }
}
END_TEST

/* Most ids go: hash, order and rows become small, and grow again. */
START_TEST(ids_give_memory_back)
{
    const uint32_t count = 60000, kept = 3000;
    ck_assert(ids_reserve(ids, count, count));
    for (uint32_t i = 0; i < count; i++)
        bind(number(7 * (uint64_t)i), i);
    size_t heap = 0, full = ids_memory(ids, &heap);
    for (uint32_t i = 0; i < count; i++)
        if (i % 20 != 3)
            ids_unbind(ids, i);
    uint32_t to = 0;
    for (uint32_t i = kept; i < count; i++) {
        while (i % 20 == 3 && ids_is_live(ids, to))
            to++;
        if (i % 20 == 3)
            ids_move(ids, i, to, 5);
    }
    ids_prepare_smaller(ids);
    struct ids_outgrown outgrown = ids_prepared(ids);
    ids_outgrown_free(&outgrown);
    ids_cut(ids, kept);
    ck_assert_uint_lt(ids_memory(ids, &heap), full / 5);
    for (int round = 0; round < 2; round++) {
        struct ids_cursor cursor = ids_seek(ids, NULL);
        uint32_t slot;
        for (uint32_t i = 3; i < count; i += 20) {
            struct point_id id = number(7 * (uint64_t)i);
            ck_assert(ids_next(ids, &cursor, &slot));
            ck_assert_uint_eq(ids_find(ids, &id), slot);
            ck_assert_int_eq(ids_compare(ids, slot, &id), 0);
            struct point_id gone = number(7 * (uint64_t)i + 7);
            ck_assert_uint_eq(ids_find(ids, &gone), IDS_NO_SLOT);
        }
        if (round == 1)
            break;
        for (uint32_t i = 0; i < count; i++)
            bind(number(7 * (uint64_t)(count + i)), kept + i);
    }
    ck_assert_uint_eq(ids_count(ids), count + kept);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("ids");
    TCase *tcase = tcase_create("ids");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, ids_find_what_was_bound);
    tcase_add_test(tcase, ids_sort_numbers_before_uuids);
    tcase_add_test(tcase, ids_move_keeps_id_and_order);
    tcase_add_test(tcase, ids_seek_lands_on_the_next_id);
    tcase_add_loop_test(tcase, ids_stay_ordered_through_growth_and_removal, 0,
                        3);
    tcase_add_test(tcase, ids_reserved_at_once_take_any_order);
    tcase_add_test(tcase, ids_give_memory_back);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
