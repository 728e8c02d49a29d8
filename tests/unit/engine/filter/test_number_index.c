/* SPDX-License-Identifier: Apache-2.0
 * The ordered index against a plain list: counts and sets of random ranges
 * while numbers come and go, and integers that doubles cannot tell apart. */
#include "engine/filter/number_index.h"

#include "engine/filter/eval.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define SLOTS 20000

static uint32_t
next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(*state >> 33);
}

static void
add(struct number_index *index, struct number_entry entry)
{
    bool is_added = false;
    ck_assert_int_eq(number_index_add(index, entry, &is_added, NULL),
                     ENGINE_OK);
    ck_assert(is_added);
}

/* The answer is right about each 50th slot, whatever it says of others. */
static void
check_within(struct number_index *index, const double *numbers,
             const bool *is_there, const struct range *range)
{
    struct slot_set *within = slot_set_new(), *set = slot_set_new();
    for (uint32_t slot = 3; slot < SLOTS; slot += 50)
        slot_set_add(within, slot);
    ck_assert_int_eq(number_index_range(index, range, within, set, NULL),
                     ENGINE_OK);
    for (uint32_t slot = 3; slot < SLOTS; slot += 50)
        ck_assert_int_eq(slot_set_contains(set, slot),
                         is_there[slot] && range_holds(range, numbers[slot]));
    slot_set_free(within);
    slot_set_free(set);
}

static void
check_range(struct number_index *index, const double *numbers,
            const bool *is_there, const struct range *range)
{
    uint64_t expected = 0;
    struct slot_set *set = slot_set_new();
    ck_assert_int_eq(number_index_range(index, range, NULL, set, NULL),
                     ENGINE_OK);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        bool is_in = is_there[slot] && range_holds(range, numbers[slot]);
        expected += is_in;
        ck_assert_int_eq(slot_set_contains(set, slot), is_in);
    }
    ck_assert_uint_eq(slot_set_count(set), expected);
    ck_assert_uint_eq(number_index_range_count(index, range), expected);
    slot_set_free(set);
    check_within(index, numbers, is_there, range);
}

static void
check_ranges(struct number_index *index, const double *numbers,
             const bool *is_there, uint64_t *random)
{
    struct range all = { .has_lt = false };
    check_range(index, numbers, is_there, &all);
    for (int i = 0; i < 20; i++) {
        double a = next_random(random) % 3000 - 1500.0;
        double b = a + next_random(random) % 1000 - 100.0;
        struct range range = { .gt = a, .gte = a, .lt = b, .lte = b };
        range.has_gt = next_random(random) % 2 == 0;
        range.has_gte = !range.has_gt;
        range.has_lt = next_random(random) % 2 == 0;
        range.has_lte = next_random(random) % 2 == 0;
        check_range(index, numbers, is_there, &range);
    }
}

START_TEST(ranges_agree_with_a_list_while_numbers_change)
{
    static double numbers[SLOTS];
    static bool is_there[SLOTS];
    uint64_t random = 42;
    struct number_index *index = number_index_new(NULL);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        numbers[slot] = (next_random(&random) % 4000 - 2000.0) / 2;
        is_there[slot] = true;
        add(index, number_entry_float(numbers[slot], slot));
    }
    ck_assert_uint_eq(number_index_count(index), SLOTS);
    check_ranges(index, numbers, is_there, &random);
    for (int i = 0; i < SLOTS; i++) {
        uint32_t slot = next_random(&random) % SLOTS;
        number_index_remove(index, number_entry_float(numbers[slot], slot));
        is_there[slot] = false;
    }
    check_ranges(index, numbers, is_there, &random);
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        number_index_remove(index, number_entry_float(numbers[slot], slot));
    ck_assert_uint_eq(number_index_count(index), 0);
    ck_assert_uint_lt(number_index_memory(index), 1 << 16);
    number_index_free(index);
}
END_TEST

START_TEST(rising_numbers_fill_their_blocks)
{
    struct number_index *index = number_index_new(NULL);
    for (uint32_t slot = 0; slot < 100000; slot++)
        add(index, number_entry_integer(slot, slot));
    ck_assert_uint_lt(number_index_memory(index), 100000 * 18);
    number_index_free(index);
}
END_TEST

START_TEST(integers_stay_exact_where_doubles_do_not)
{
    static const int64_t numbers[] = {
        INT64_MIN,
        INT64_MIN + 1,
        -9007199254740993,
        -9007199254740992,
        -1,
        0,
        1,
        9007199254740992,
        9007199254740993,
        9007199254740994,
        INT64_MAX - 1,
        INT64_MAX,
    };
    const uint32_t count = sizeof(numbers) / sizeof(numbers[0]);
    struct number_index *index = number_index_new(NULL);
    for (uint32_t i = 0; i < count; i++)
        add(index, number_entry_integer(numbers[i], i));
    add(index, number_entry_float(9007199254740992.0, 77));
    for (uint32_t i = 0; i < count; i++) {
        struct slot_set *set = slot_set_new();
        ck_assert_int_eq(number_index_integer(index, numbers[i], set, NULL),
                         ENGINE_OK);
        ck_assert_uint_eq(slot_set_count(set), 1);
        ck_assert(slot_set_contains(set, i));
        slot_set_free(set);
    }
    number_index_free(index);
}
END_TEST

START_TEST(zero_has_no_sign)
{
    struct number_index *index = number_index_new(NULL);
    bool is_added;
    add(index, number_entry_float(-0.0, 1));
    ck_assert_int_eq(
        number_index_add(index, number_entry_float(0.0, 1), &is_added, NULL),
        ENGINE_OK);
    ck_assert(!is_added);
    struct range range = { .has_gte = true, .gte = 0.0 };
    ck_assert_uint_eq(number_index_range_count(index, &range), 1);
    range = (struct range){ .has_lt = true, .lt = 0.0 };
    ck_assert_uint_eq(number_index_range_count(index, &range), 0);
    range = (struct range){ .has_lt = true, .lt = __builtin_nan("") };
    ck_assert_uint_eq(number_index_range_count(index, &range), 0);
    number_index_free(index);
}
END_TEST

/* Integers and others, some twice, taken out on the way or later. */
static void
check_bulk(uint32_t count, uint32_t removed_at)
{
    struct number_index *bulk = number_index_new(NULL);
    struct number_index *plain = number_index_new(NULL);
    uint64_t random = 7;
    bool is_added;
    number_index_bulk(bulk);
    for (uint32_t i = 0; i < count; i++) {
        int64_t number = (int64_t)(next_random(&random) % 500) - 250;
        struct number_entry entry =
            number % 3 == 0 ? number_entry_float((double)number + 0.5, i / 2)
                            : number_entry_integer(number, i / 2);
        ck_assert_int_eq(number_index_add(bulk, entry, &is_added, NULL),
                         ENGINE_OK);
        bool is_added_there = false;
        ck_assert_int_eq(number_index_add(plain, entry, &is_added_there, NULL),
                         ENGINE_OK);
        ck_assert_int_eq(is_added, is_added_there);
        if (i == removed_at) {
            number_index_remove(bulk, entry);
            number_index_remove(plain, entry);
        }
    }
    ck_assert_int_eq(number_index_settle(bulk, NULL), ENGINE_OK);
    ck_assert_uint_eq(number_index_count(bulk), number_index_count(plain));
    for (int64_t number = -260; number < 260; number += 7) {
        struct slot_set *a = slot_set_new(), *b = slot_set_new();
        struct range range = { .has_gte = true,
                               .gte = (double)number,
                               .has_lt = true,
                               .lt = (double)number + 9 };
        ck_assert_int_eq(number_index_range(bulk, &range, NULL, a, NULL),
                         ENGINE_OK);
        ck_assert_int_eq(number_index_integer(bulk, number, a, NULL),
                         ENGINE_OK);
        ck_assert_int_eq(number_index_range(plain, &range, NULL, b, NULL),
                         ENGINE_OK);
        ck_assert_int_eq(number_index_integer(plain, number, b, NULL),
                         ENGINE_OK);
        ck_assert_uint_eq(slot_set_count(a), slot_set_count(b));
        ck_assert_uint_eq(slot_set_and_count(a, b), slot_set_count(b));
        slot_set_free(a);
        slot_set_free(b);
    }
    if (removed_at >= count)
        ck_assert_uint_le(number_index_memory(bulk),
                          number_index_memory(plain));
    number_index_free(bulk);
    number_index_free(plain);
}

START_TEST(many_at_once_are_the_same_as_one_by_one)
{
    check_bulk(0, 1);
    check_bulk(1, 2);
    check_bulk(20000, 20000);
    check_bulk(20000, 5001); /* the rest goes one by one */
    check_bulk(400, 0);
}
END_TEST

START_TEST(pages_go_on_where_they_ended)
{
    struct number_index *index = number_index_new(NULL);
    struct number_entry page[100];
    for (uint32_t slot = 0; slot < 1000; slot++)
        add(index, slot % 2 == 0
                       ? number_entry_integer((int64_t)slot - 500, slot)
                       : number_entry_float((double)slot - 500.5, slot));
    for (int turn = 0; turn < 2; turn++) {
        enum number_direction direction =
            turn == 0 ? NUMBER_ASCENDING : NUMBER_DESCENDING;
        struct number_entry from = { 0 };
        if (direction == NUMBER_DESCENDING)
            from = (struct number_entry){ UINT64_MAX, UINT32_MAX, UINT32_MAX };
        size_t total = 0, count;
        double last = direction == NUMBER_ASCENDING ? -1e9 : 1e9;
        while ((count = number_index_page(index, direction, &from, page, 100)) >
               0) {
            bool is_again =
                total > 0 && memcmp(&page[0], &from, sizeof(from)) == 0;
            for (size_t i = is_again; i < count; i++) {
                struct number_value value = number_entry_value(&page[i]);
                ck_assert_int_eq(value.is_integer, page[i].slot % 2 == 0);
                if (value.is_integer)
                    ck_assert_double_eq((double)value.integer, value.real);
                ck_assert(direction == NUMBER_ASCENDING ? value.real > last
                                                        : value.real < last);
                last = value.real;
            }
            total += count - is_again;
            from = page[count - 1];
            if (count == 1)
                break;
        }
        ck_assert_uint_eq(total, 1000);
    }
    number_index_free(index);
}
END_TEST

START_TEST(values_come_back_exactly)
{
    static const int64_t numbers[] = {
        0, -1, INT64_MIN, INT64_MAX, INT64_MAX - 1, INT64_C(9007199254740993)
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct number_entry entry = number_entry_integer(numbers[i], 7);
        struct number_value value = number_entry_value(&entry);
        ck_assert(value.is_integer);
        ck_assert_int_eq(value.integer, numbers[i]);
    }
    struct number_entry entry = number_entry_float(-2.5, 7);
    ck_assert_double_eq(number_entry_value(&entry).real, -2.5);
    ck_assert(!number_entry_value(&entry).is_integer);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("number_index");
    TCase *tcase = tcase_create("number_index");
    tcase_add_test(tcase, ranges_agree_with_a_list_while_numbers_change);
    tcase_add_test(tcase, rising_numbers_fill_their_blocks);
    tcase_add_test(tcase, integers_stay_exact_where_doubles_do_not);
    tcase_add_test(tcase, many_at_once_are_the_same_as_one_by_one);
    tcase_add_test(tcase, zero_has_no_sign);
    tcase_add_test(tcase, pages_go_on_where_they_ended);
    tcase_add_test(tcase, values_come_back_exactly);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
