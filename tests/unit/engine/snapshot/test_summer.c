/* SPDX-License-Identifier: Apache-2.0
 * The sum that a thread beside makes is the one of the same bytes. */
#include "engine/snapshot/summer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/snapshot/digest.h"
#include "tests/fixture/suite.h"

/* More blocks than there are in the ring, the last one not full. */
START_TEST(summer_sums_up_what_is_passed)
{
    char text[DIGEST_TEXT_SIZE], expected[DIGEST_TEXT_SIZE];
    struct digest *digest = digest_new();
    struct summer *summer = summer_new();
    ck_assert_ptr_nonnull(digest);
    ck_assert_ptr_nonnull(summer);
    for (size_t i = 0; i < 9; i++) {
        size_t size = SUMMER_BLOCK_SIZE - (i == 8 ? 7 : 0);
        char *block = summer_block(summer);
        memset(block, 'a' + (int)i, size);
        digest_add(digest, block, size);
        summer_pass(summer, size);
    }
    summer_text(summer, text);
    digest_text(digest, expected);
    ck_assert_str_eq(text, expected);
    digest_free(digest);
    summer_free(summer);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("summer");
    TCase *tcase = tcase_create("summer");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, summer_sums_up_what_is_passed);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
