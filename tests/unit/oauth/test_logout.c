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

START_TEST(logout_state_is_ours_and_fresh)
{
    struct span secrets[2] = { span_of("0123456789abcdef0123456789abcdef"),
                               span_of("fedcba9876543210fedcba9876543210") };
    struct seal_ring *ring = NULL;
    struct seal_ring *other = NULL;
    struct bytes out;
    ck_assert_int_eq(seal_ring_create(secrets, 2, &ring, NULL), OAUTH_OK);
    ck_assert_int_eq(seal_ring_create(secrets + 1, 1, &other, NULL), OAUTH_OK);
    bytes_init(&out, LOGOUT_STATE_SIZE);
    ck_assert_int_eq(logout_state(ring, 1790000000, &out), OAUTH_OK);
    ck_assert_uint_eq(out.size, LOGOUT_STATE_SIZE);
    ck_assert(logout_state_fits(ring, bytes_span(&out), 1790000000));
    ck_assert(logout_state_fits(ring, bytes_span(&out), 1790000600));
    ck_assert(!logout_state_fits(ring, bytes_span(&out), 1790000601));
    ck_assert(!logout_state_fits(ring, bytes_span(&out), 1789999999));
    ck_assert(!logout_state_fits(other, bytes_span(&out), 1790000000));
    for (size_t i = 0; i < out.size; i++) {
        char kept = out.data[i];
        out.data[i] = kept == 'A' ? 'B' : 'A';
        ck_assert(!logout_state_fits(ring, bytes_span(&out), 1790000000));
        out.data[i] = kept;
    }
    struct bytes url;
    struct logout_request request = {
        .endpoint = "https://i.test/logout",
        .state = bytes_span(&out),
    };
    bytes_init(&url, LOGOUT_URL_SIZE_MAX);
    logout_url(&request, &url);
    ck_assert_ptr_nonnull(strstr(strstr(url.data, "&state="), out.data));
    bytes_release(&url);
    bytes_release(&out);
    seal_ring_free(ring);
    seal_ring_free(other);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/logout");
    TCase *tcase = tcase_create("logout");
    tcase_add_test(tcase, logout_names_client_return_and_hint);
    tcase_add_test(tcase, logout_leaves_out_a_huge_hint);
    tcase_add_test(tcase, logout_state_is_ours_and_fresh);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
