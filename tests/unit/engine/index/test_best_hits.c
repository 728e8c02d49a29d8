/* SPDX-License-Identifier: Apache-2.0
 * Covers: the nearest stay, whatever order they come in. */
#include "engine/index/best_hits.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

#define COUNT 500
#define KEPT  37

static int
compare(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return (x->slot > y->slot) - (x->slot < y->slot);
}

START_TEST(the_nearest_stay)
{
    static struct hit all[COUNT], kept[KEPT];
    srand(3);
    for (int turn = 0; turn < 50; turn++) {
        struct best_hits best = { .hits = kept, .k = KEPT };
        for (uint32_t i = 0; i < COUNT; i++) {
            all[i] = (struct hit){ i, (float)(rand() % 90) };
            best_hits_put(&best, all[i]);
        }
        best_hits_sort(&best);
        qsort(all, COUNT, sizeof(all[0]), compare);
        ck_assert_uint_eq(best.count, KEPT);
        for (size_t i = 0; i < KEPT; i++)
            ck_assert_uint_eq(best.hits[i].slot, all[i].slot);
    }
}
END_TEST

START_TEST(few_are_all_kept)
{
    struct hit kept[4];
    struct best_hits best = { .hits = kept, .k = 4 };
    best_hits_put(&best, (struct hit){ 9, 2.0f });
    best_hits_put(&best, (struct hit){ 1, -1.0f });
    best_hits_sort(&best);
    ck_assert_uint_eq(best.count, 2);
    ck_assert_uint_eq(kept[0].slot, 1);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("best_hits");
    TCase *tcase = tcase_create("best_hits");
    tcase_add_test(tcase, the_nearest_stay);
    tcase_add_test(tcase, few_are_all_kept);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
