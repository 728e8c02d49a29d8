/* SPDX-License-Identifier: Apache-2.0
 * A posting through its forms and back to empty, in memory (0) and in a heap
 * (1). */
#include "engine/filter/posting.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

static struct disk_heap *heap;

static void
use_heap(int i)
{
    heap = i == 0 ? NULL : disk_heap_new("/tmp", DISK_HEAP_COLD);
}

static void
add(struct posting *posting, uint32_t slot, bool expected)
{
    bool is_added = !expected;
    ck_assert_int_eq(posting_add(posting, heap, slot, &is_added, NULL),
                     ENGINE_OK);
    ck_assert_int_eq(is_added, expected);
}

START_TEST(posting_grows_and_shrinks)
{
    struct posting posting = { 0 };
    const uint32_t count = POSTING_FEW_MAX * 3;
    use_heap(_i);
    ck_assert(!posting_contains(&posting, 0));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = i * 7919 % 100003;
        add(&posting, slot, true);
        add(&posting, slot, false);
        ck_assert_uint_eq(posting.count, i + 1);
        struct slot_set *set = slot_set_new();
        posting_or_into(&posting, set);
        ck_assert_uint_eq(slot_set_count(set), i + 1);
        ck_assert_uint_eq(posting_and_count(&posting, set), i + 1);
        slot_set_free(set);
    }
    posting_settle(&posting, heap);
    ck_assert(!posting_contains(&posting, 1));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = i * 7919 % 100003;
        ck_assert(posting_contains(&posting, slot));
        posting_remove(&posting, heap, slot);
        posting_remove(&posting, heap, slot);
        ck_assert(!posting_contains(&posting, slot));
    }
    ck_assert_uint_eq(posting.count, 0);
    ck_assert_uint_eq(posting_memory(&posting), 0);
    disk_heap_free(heap);
}
END_TEST

START_TEST(posting_releases_any_form)
{
    const uint32_t counts[] = { 0, 1, 2, POSTING_FEW_MAX, POSTING_FEW_MAX + 1 };
    use_heap(_i);
    for (size_t i = 0; i < 5; i++) {
        struct posting posting = { 0 };
        for (uint32_t slot = 0; slot < counts[i]; slot++)
            add(&posting, slot, true);
        posting_release(&posting, heap);
        ck_assert_uint_eq(posting.count, 0);
    }
    disk_heap_free(heap);
}
END_TEST

/* Its slots and how many it shares with every third, beside a set. */
static void
check_same(const struct posting *posting, const struct slot_set *wanted,
           const struct slot_set *thirds)
{
    struct slot_set *set = slot_set_new();
    slot_set_add(set, 5); /* what is there stays */
    posting_or_into(posting, set);
    uint64_t extra = slot_set_contains(wanted, 5) ? 0 : 1;
    ck_assert_uint_eq(slot_set_count(set), slot_set_count(wanted) + extra);
    ck_assert_uint_eq(slot_set_and_count(set, wanted), slot_set_count(wanted));
    ck_assert_uint_eq(posting->count, slot_set_count(wanted));
    ck_assert_uint_eq(posting_and_count(posting, thirds),
                      slot_set_and_count(wanted, thirds));
    slot_set_free(set);
}

/* Parts become bits, thin out to few of them, and lists again. */
START_TEST(dense_and_thin_parts_are_right)
{
    const uint32_t slots_max = 400000;
    struct posting posting = { 0 };
    struct slot_set *wanted = slot_set_new(), *thirds = slot_set_new();
    uint64_t random = 3;
    use_heap(_i);
    for (uint32_t slot = 0; slot < slots_max; slot += 3)
        slot_set_add(thirds, slot);
    for (int round = 0; round < 8; round++) {
        bool is_growing = round % 4 < 2;
        for (uint32_t slot = 0; slot < slots_max; slot++) {
            random = random * UINT64_C(6364136223846793005) + 1;
            /* Of the second part few, ever. */
            if ((random >> 33) % (slot >> 16 == 1 ? 400 : 5) != 0)
                continue;
            if (is_growing) {
                add(&posting, slot, !slot_set_contains(wanted, slot));
                slot_set_add(wanted, slot);
            }
        }
        for (uint32_t slot = 0; !is_growing && slot < slots_max; slot++) {
            random = random * UINT64_C(6364136223846793005) + 1;
            if ((random >> 33) % 10 < 2)
                continue;
            posting_remove(&posting, heap, slot);
            slot_set_remove(wanted, slot);
        }
        check_same(&posting, wanted, thirds);
    }
    posting_release(&posting, heap);
    slot_set_free(wanted);
    slot_set_free(thirds);
    disk_heap_free(heap);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("posting");
    TCase *tcase = tcase_create("posting");
    tcase_add_loop_test(tcase, posting_grows_and_shrinks, 0, 2);
    tcase_add_loop_test(tcase, posting_releases_any_form, 0, 2);
    tcase_add_loop_test(tcase, dense_and_thin_parts_are_right, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
