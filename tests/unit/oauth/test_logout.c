/* SPDX-License-Identifier: Apache-2.0
 * The URL that ends the provider's session. */
#include "oauth/logout.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(logout_names_client_return_and_hint)
{
    struct bytes out;
    struct logout_request request = {
        .endpoint = "https://i.test/logout",
        .client_id = span_of("me"),
        .id_token = span_of("a.b.c"),
        .return_url = span_of("https://d.test/"),
    };
    bytes_init(&out, LOGOUT_URL_SIZE_MAX);
    logout_url(&request, &out);
    ck_assert_str_eq(out.data,
                     "https://i.test/logout?client_id=me&"
                     "post_logout_redirect_uri=https%3A%2F%2Fd.test%2F&"
                     "id_token_hint=a.b.c");
    bytes_release(&out);
    request.endpoint = "https://i.test/logout?a";
    request.id_token.size = 0;
    logout_url(&request, &out);
    ck_assert_ptr_nonnull(strstr(out.data, "logout?a&client_id=me&"));
    ck_assert_ptr_null(strstr(out.data, "id_token_hint"));
    bytes_release(&out);
}
END_TEST

/* A hint past what servers take for a header would break the logout. */
START_TEST(logout_leaves_out_a_huge_hint)
{
    static char huge[LOGOUT_HINT_SIZE_MAX + 1];
    struct bytes out;
    memset(huge, 'a', sizeof(huge));
    struct logout_request request = {
        .endpoint = "https://i.test/logout",
        .id_token = { huge, sizeof(huge) },
    };
    bytes_init(&out, LOGOUT_URL_SIZE_MAX);
    logout_url(&request, &out);
    ck_assert_ptr_null(strstr(out.data, "id_token_hint"));
    bytes_release(&out);
    request.id_token.size--;
    logout_url(&request, &out);
    ck_assert_ptr_nonnull(strstr(out.data, "id_token_hint"));
    ck_assert(!bytes_failed(&out));
    bytes_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/logout");
    TCase *tcase = tcase_create("logout");
    tcase_add_test(tcase, logout_names_client_return_and_hint);
    tcase_add_test(tcase, logout_leaves_out_a_huge_hint);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
