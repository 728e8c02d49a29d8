/* SPDX-License-Identifier: Apache-2.0
 * What an index says of a few slots, by its column of keys, while it changes:
 * beside a list of what each slot has. */
#include "engine/filter/number_column.h"

#include "base/memory.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

#define SLOTS      6000u
#define VALUES_MAX 3
#define FEW        40u

struct model {
    struct number_index *index;
    int64_t values[SLOTS][VALUES_MAX];
    int counts[SLOTS];
    uint64_t random;
};

static uint64_t
draw(struct model *model, uint64_t end)
{
    model->random =
        model->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (model->random >> 33) % end;
}

static struct model *
model_new(void)
{
    struct model *model = calloc(1, sizeof(*model));
    ck_assert_ptr_nonnull(model);
    model->index = number_index_new(NULL);
    ck_assert_ptr_nonnull(model->index);
    model->random = 42;
    return model;
}

static void
model_free(struct model *model)
{
    number_index_free(model->index);
    free(model);
}

static void
model_add(struct model *model, uint32_t slot, int64_t value)
{
    bool is_added;
    ck_assert_int_eq(number_index_add(model->index,
                                      number_entry_integer(value, slot),
                                      &is_added, NULL),
                     ENGINE_OK);
    if (is_added)
        model->values[slot][model->counts[slot]++] = value;
}

static void
model_clear(struct model *model, uint32_t slot)
{
    for (int i = 0; i < model->counts[slot]; i++)
        number_index_remove(model->index,
                            number_entry_integer(model->values[slot][i], slot));
    model->counts[slot] = 0;
}

static bool
model_holds(const struct model *model, uint32_t slot, int64_t low, int64_t high)
{
    for (int i = 0; i < model->counts[slot]; i++)
        if (model->values[slot][i] >= low && model->values[slot][i] <= high)
            return true;
    return false;
}

/* Both questions, about a few slots, and of them those that have numbers. */
static void
check_few(struct model *model, int64_t low, int64_t high)
{
    uint32_t slots[FEW];
    struct slot_set *within = slot_set_new();
    struct slot_set *in_range = slot_set_new(), *between = slot_set_new();
    for (size_t i = 0; i < FEW; i++) {
        slots[i] = (uint32_t)draw(model, SLOTS);
        slot_set_add(within, slots[i]);
    }
    const struct range range = { .has_gte = true,
                                 .gte = (double)low,
                                 .has_lte = true,
                                 .lte = (double)high };
    const struct number_span span = { low, high };
    ck_assert_int_eq(
        number_index_range(model->index, &range, within, in_range, NULL),
        ENGINE_OK);
    ck_assert_int_eq(
        number_index_between(model->index, span, within, between, NULL),
        ENGINE_OK);
    for (size_t i = 0; i < FEW; i++) {
        bool holds = model_holds(model, slots[i], low, high);
        ck_assert_int_eq(slot_set_contains(in_range, slots[i]), holds);
        ck_assert_int_eq(slot_set_contains(between, slots[i]), holds);
    }
    slot_set_free(within);
    slot_set_free(in_range);
    slot_set_free(between);
}

static void
check_many(struct model *model)
{
    for (int i = 0; i < 40; i++) {
        int64_t low = (int64_t)draw(model, 2000) - 1000;
        check_few(model, low, low + (int64_t)draw(model, 1500));
    }
    check_few(model, -5000, 5000);
}

START_TEST(few_slots_are_right_while_numbers_change)
{
    struct model *model = model_new();
    for (uint32_t slot = 0; slot < SLOTS / 2; slot++)
        model_add(model, slot, (int64_t)draw(model, 2000) - 1000);
    check_many(model);
    ck_assert_uint_ge(number_column_memory(model->index), 8 * SLOTS / 2);
    /* Others come, behind the end of the column, too; some go. */
    for (uint32_t slot = SLOTS / 2; slot < SLOTS; slot++) {
        model_add(model, slot, (int64_t)draw(model, 2000) - 1000);
        model_clear(model, (uint32_t)draw(model, SLOTS));
    }
    check_many(model);
    model_free(model);
}
END_TEST

START_TEST(slots_with_several_numbers_are_right)
{
    struct model *model = model_new();
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        model_add(model, slot, (int64_t)draw(model, 2000) - 1000);
    check_many(model);
    for (int round = 0; round < 4; round++) {
        for (uint32_t slot = 0; slot < SLOTS; slot += 5)
            for (int i = model->counts[slot]; i < VALUES_MAX; i++)
                model_add(model, slot, (int64_t)draw(model, 2000) - 1000);
        check_many(model);
        /* They have one again. */
        for (uint32_t slot = 0; slot < SLOTS; slot += 5) {
            model_clear(model, slot);
            model_add(model, slot, (int64_t)draw(model, 2000) - 1000);
        }
        check_many(model);
    }
    model_free(model);
}
END_TEST

START_TEST(integers_beyond_doubles_are_told_apart)
{
    const int64_t far = INT64_C(1) << 60;
    struct model *model = model_new();
    struct slot_set *within = slot_set_new(), *set = slot_set_new();
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        model_add(model, slot, far + slot % 7);
    slot_set_add(within, 1);
    slot_set_add(within, 2);
    slot_set_add(within, 3);
    const struct number_span span = { far + 2, INT64_MAX };
    ck_assert_int_eq(
        number_index_between(model->index, span, within, set, NULL), ENGINE_OK);
    ck_assert(!slot_set_contains(set, 1));
    ck_assert(slot_set_contains(set, 2));
    ck_assert(slot_set_contains(set, 3));
    slot_set_free(within);
    slot_set_free(set);
    model_free(model);
}
END_TEST

START_TEST(rare_numbers_make_no_column)
{
    struct model *model = model_new();
    for (uint32_t i = 0; i < 1000; i++) {
        bool is_added;
        ck_assert_int_eq(number_index_add(model->index,
                                          number_entry_integer(i, 1000000 + i),
                                          &is_added, NULL),
                         ENGINE_OK);
    }
    check_few(model, 0, 2000);
    ck_assert_uint_eq(number_column_memory(model->index), 0);
    model_free(model);
}
END_TEST

/* Of arrays the column knows all numbers. */
START_TEST(arrays_are_in_the_column)
{
    struct model *model = model_new();
    uint32_t slots[FEW], found[FEW];
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        for (int i = 0; i < VALUES_MAX; i++)
            model_add(model, slot, (int64_t)draw(model, 2000) - 1000);
    const struct number_column *column = number_column_get(model->index);
    ck_assert_ptr_nonnull(column);
    for (int round = 0; round < 200; round++) {
        int64_t low = (int64_t)draw(model, 2000) - 1000;
        int64_t high = low + (int64_t)draw(model, 300);
        const struct number_keys keys = { number_key((double)low),
                                          number_key((double)high) };
        for (size_t i = 0; i < FEW; i++)
            slots[i] = (uint32_t)draw(model, SLOTS);
        size_t count = number_column_pick(column, &keys, slots, FEW, found);
        size_t wanted = 0;
        for (size_t i = 0; i < FEW; i++)
            if (model_holds(model, slots[i], low, high))
                ck_assert_uint_eq(found[wanted++], slots[i]);
        ck_assert_uint_eq(count, wanted);
    }
    model_free(model);
}
END_TEST

START_TEST(no_memory_no_column)
{
    struct model *model = model_new();
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        model_add(model, slot, (int64_t)draw(model, 2000) - 1000);
    memory_limit_set(1);
    check_many(model);
    ck_assert_uint_eq(number_column_memory(model->index), 0);
    memory_limit_set(0);
    check_many(model);
    ck_assert_uint_gt(number_column_memory(model->index), 0);
    model_free(model);
}
END_TEST

static void *
ask_first(void *arg)
{
    struct number_index *index = arg;
    const struct number_column *column = NULL;
    while (column == NULL)
        column = number_column_get(index);
    return (void *)(uintptr_t)column;
}

/* All get the one that one of them made. */
START_TEST(readers_make_one_together)
{
    pthread_t threads[4];
    struct model *model = model_new();
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        model_add(model, slot, slot);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, ask_first, model->index), 0);
    for (size_t i = 0; i < 4; i++) {
        void *column;
        ck_assert_int_eq(pthread_join(threads[i], &column), 0);
        ck_assert_ptr_eq(column, number_column_get(model->index));
    }
    check_many(model);
    model_free(model);
}
END_TEST

/* In the file of the index, and kept true there. */
START_TEST(a_column_of_a_heap_is_right)
{
    struct disk_heap *heap = disk_heap_new("/tmp", DISK_HEAP_COLD);
    struct model *model = model_new();
    number_index_free(model->index);
    model->index = number_index_new(heap);
    for (int round = 0; round < 3; round++) {
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            model_clear(model, slot);
            for (uint64_t i = 0; i <= draw(model, VALUES_MAX); i++)
                model_add(model, slot, (int64_t)draw(model, 2000) - 1000);
        }
        check_many(model);
        ck_assert_uint_gt(number_column_memory(model->index), 0);
    }
    ck_assert_uint_lt(number_index_memory(model->index), 8 * SLOTS);
    model_free(model);
    disk_heap_free(heap);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("number_column");
    TCase *tests = tcase_create("number_column");
    tcase_add_test(tests, few_slots_are_right_while_numbers_change);
    tcase_add_test(tests, slots_with_several_numbers_are_right);
    tcase_add_test(tests, integers_beyond_doubles_are_told_apart);
    tcase_add_test(tests, rare_numbers_make_no_column);
    tcase_add_test(tests, arrays_are_in_the_column);
    tcase_add_test(tests, no_memory_no_column);
    tcase_add_test(tests, readers_make_one_together);
    tcase_add_test(tests, a_column_of_a_heap_is_right);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
