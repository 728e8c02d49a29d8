/* SPDX-License-Identifier: Apache-2.0
 * Sums and writes on the thread beside: what cannot be written is told while
 * blocks are passed, not only at their end. */
#include "engine/snapshot/summer.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fixture/suite.h"

static XXH128_hash_t
sum_of(size_t blocks)
{
    char *data = malloc(blocks * SUMMER_BLOCK_SIZE);
    ck_assert_ptr_nonnull(data);
    memset(data, 'x', blocks * SUMMER_BLOCK_SIZE);
    XXH128_hash_t sum = XXH3_128bits(data, blocks * SUMMER_BLOCK_SIZE);
    free(data);
    return sum;
}

/* More blocks than there are in the ring. */
START_TEST(summer_sums_up_what_is_passed)
{
    struct summer *summer = summer_new(false);
    ck_assert_ptr_nonnull(summer);
    for (size_t i = 0; i < 9; i++) {
        memset(summer_block(summer), 'x', SUMMER_BLOCK_SIZE);
        summer_pass(summer, SUMMER_BLOCK_SIZE);
    }
    XXH128_hash_t sum = summer_sum(summer);
    ck_assert(XXH128_isEqual(sum, sum_of(9)));
    ck_assert_int_eq(summer_check(summer, NULL), ENGINE_OK);
    ck_assert_int_eq(summer_wait(summer, NULL), ENGINE_OK);
    summer_free(summer);
}
END_TEST

/* When the ring has gone round, the first block was written or refused. */
START_TEST(summer_tells_of_a_full_disk_at_once)
{
    struct error error = { .text = "" };
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    struct summer *summer = summer_new(false);
    ck_assert_ptr_nonnull(summer);
    for (size_t i = 0; i < SUMMER_BLOCKS_COUNT; i++) {
        memset(summer_block(summer), 'x', SUMMER_BLOCK_SIZE);
        summer_pass_to(summer, SUMMER_BLOCK_SIZE, fd);
    }
    (void)summer_block(summer);
    ck_assert_int_eq(summer_check(summer, &error), ENGINE_ENOSPACE);
    ck_assert_ptr_nonnull(strstr(error.text, "a file of the snapshot"));
    ck_assert_int_eq(summer_wait(summer, NULL), ENGINE_ENOSPACE);
    ck_assert_int_eq(summer_check(summer, NULL), ENGINE_ENOSPACE);
    summer_free(summer);
    close(fd);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("summer");
    TCase *tcase = tcase_create("summer");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, summer_sums_up_what_is_passed);
    tcase_add_test(tcase, summer_tells_of_a_full_disk_at_once);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
