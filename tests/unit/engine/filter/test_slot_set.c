/* SPDX-License-Identifier: Apache-2.0
 * Sets of slots: members, algebra, walking, bits. */
#include "engine/filter/slot_set.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

START_TEST(set_keeps_members)
{
    struct slot_set *set = slot_set_new();
    slot_set_add(set, 5);
    slot_set_add(set, UINT32_MAX);
    slot_set_add_range(set, 10, 19);
    ck_assert_uint_eq(slot_set_count(set), 12);
    ck_assert(slot_set_contains(set, UINT32_MAX));
    slot_set_remove(set, 5);
    slot_set_remove(set, 6);
    ck_assert(!slot_set_contains(set, 5));
    ck_assert_uint_gt(slot_set_memory(set), 0);
    struct slot_set *copy = slot_set_copy(set);
    slot_set_remove(copy, 10);
    ck_assert(slot_set_contains(set, 10));
    slot_set_free(copy);
    slot_set_free(set);
    slot_set_free(NULL);
}
END_TEST

START_TEST(set_algebra)
{
    struct slot_set *a = slot_set_new(), *b = slot_set_new();
    slot_set_add_range(a, 0, 99);
    slot_set_add_range(b, 50, 149);
    ck_assert_uint_eq(slot_set_and_count(a, b), 50);
    slot_set_subtract(a, b);
    ck_assert_uint_eq(slot_set_count(a), 50);
    slot_set_or(a, b);
    ck_assert_uint_eq(slot_set_count(a), 150);
    slot_set_and(a, b);
    ck_assert_uint_eq(slot_set_count(a), 100);
    slot_set_free(a);
    slot_set_free(b);
}
END_TEST

START_TEST(cursor_walks_in_order)
{
    struct slot_set *set = slot_set_new();
    uint32_t members[] = { 3, 1, 200000, 70000 };
    slot_set_add_many(set, members, 4);
    struct slot_cursor *cursor = slot_cursor_new(set);
    uint32_t slots[3];
    ck_assert_uint_eq(slot_cursor_next(cursor, slots, 3), 3);
    ck_assert_uint_eq(slots[0], 1);
    ck_assert_uint_eq(slots[2], 70000);
    ck_assert_uint_eq(slot_cursor_next(cursor, slots, 3), 1);
    ck_assert_uint_eq(slots[0], 200000);
    ck_assert_uint_eq(slot_cursor_next(cursor, slots, 3), 0);
    slot_cursor_free(cursor);
    slot_cursor_free(NULL);
    slot_set_free(set);
}
END_TEST

START_TEST(words_carry_the_same_members)
{
    struct slot_set *set = slot_set_new(), *back = slot_set_new();
    uint64_t words[64] = { 0 };
    slot_set_add_range(set, 60, 3000);
    slot_set_add(set, 4095);
    slot_set_add(set, 4096);
    slot_set_to_words(set, words, 64);
    ck_assert_uint_eq(words[0], UINT64_C(0xf) << 60);
    slot_set_add_words(back, words, 64);
    slot_set_remove(set, 4096);
    ck_assert_uint_eq(slot_set_count(back), slot_set_count(set));
    slot_set_subtract(set, back);
    ck_assert_uint_eq(slot_set_count(set), 0);
    slot_set_free(set);
    slot_set_free(back);
}
END_TEST

/* Containers of the bitmap: few slots, many, none, runs and all. */
START_TEST(words_carry_containers_of_all_kinds)
{
    enum { COUNT = 6 * 1024 + 10 };
    static uint64_t words[COUNT], back[COUNT], cut[COUNT];
    uint32_t state = 7;
    for (size_t i = 0; i < COUNT; i++) {
        state = state * 1664525u + 1013904223u;
        if (i < 1024)
            words[i] = i % 100 == 0 ? UINT64_C(1) << (state >> 26) : 0;
        else if (i < 2048)
            words[i] = (uint64_t)state << 32 | state >> 3;
        else if (i >= 3072 && i < 4096)
            words[i] = UINT64_MAX;
        else if (i >= 4096)
            words[i] = i % 300 < 200 ? UINT64_MAX << 7 : 0;
    }
    struct slot_set *set = slot_set_new(), *other = slot_set_new();
    slot_set_add_words(set, words, COUNT);
    uint64_t members = 0;
    for (size_t i = 0; i < COUNT; i++)
        members += (uint64_t)__builtin_popcountll(words[i]);
    ck_assert_uint_eq(slot_set_count(set), members);
    slot_set_to_words(set, back, COUNT);
    ck_assert_mem_eq(back, words, sizeof(words));
    slot_set_to_words(set, cut, 1500);
    ck_assert_mem_eq(cut, words, 1500 * sizeof(words[0]));
    ck_assert_uint_eq(cut[1500], 0);
    slot_set_add_range(other, 10, 300000);
    slot_set_add(other, 0);
    static uint64_t runs[COUNT];
    slot_set_to_words(other, runs, COUNT);
    for (uint32_t slot = 0; slot < COUNT * 64; slot++)
        ck_assert_int_eq((runs[slot / 64] >> (slot % 64) & 1) != 0,
                         slot == 0 || (slot >= 10 && slot <= 300000));
    slot_set_add_words(other, words, COUNT);
    slot_set_subtract(set, other);
    ck_assert_uint_eq(slot_set_count(set), 0);
    slot_set_add_words(set, words, 0);
    ck_assert_uint_eq(slot_set_count(set), 0);
    slot_set_free(set);
    slot_set_free(other);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("slot_set");
    TCase *tcase = tcase_create("slot_set");
    tcase_add_test(tcase, set_keeps_members);
    tcase_add_test(tcase, set_algebra);
    tcase_add_test(tcase, cursor_walks_in_order);
    tcase_add_test(tcase, words_carry_the_same_members);
    tcase_add_test(tcase, words_carry_containers_of_all_kinds);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
