/* SPDX-License-Identifier: Apache-2.0
 * The URL that starts a login. */
#include "oauth/authorize.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct state_slot slot;
static struct authorize_request request;

static void
setup(void)
{
    request = (struct authorize_request){
        .endpoint = "https://i.test/auth",
        .client_id = span_of("a&b"),
        .redirect_uri = span_of("https://d.test/oauth2/callback"),
        .scope = span_of("openid email"),
        .state = span_of("st-4te"),
        .slot = &slot,
    };
}

static void
teardown(void)
{
}

START_TEST(authorize_asks_for_a_code_with_pkce_state_and_nonce)
{
    struct bytes out;
    bytes_init(&out, AUTHORIZE_URL_SIZE_MAX);
    ck_assert_int_eq(authorize_url(&request, &out), OAUTH_OK);
    ck_assert_str_eq(
        out.data,
        "https://i.test/auth?response_type=code&client_id=a%26b&redirect_uri="
        "https%3A%2F%2Fd.test%2Foauth2%2Fcallback&scope=openid%20email&state="
        "st-4te&nonce=AAAAAAAAAAAAAAAAAAAAAA&"
        "code_challenge_method=S256&code_challenge="
        "DwBzhbb51LfusnSGBa_hqYSgo7-j8BTQnip4TOnlzRo");
    bytes_release(&out);
}
END_TEST

START_TEST(authorize_keeps_a_query_of_the_endpoint)
{
    struct bytes out;
    bytes_init(&out, AUTHORIZE_URL_SIZE_MAX);
    request.endpoint = "https://i.test/auth?p=1";
    ck_assert_int_eq(authorize_url(&request, &out), OAUTH_OK);
    ck_assert_ptr_nonnull(strstr(out.data, "auth?p=1&response_type=code&"));
    bytes_release(&out);
    bytes_init(&out, 100);
    ck_assert_int_eq(authorize_url(&request, &out), OAUTH_ENOMEM);
    bytes_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/authorize");
    TCase *tcase = tcase_create("authorize");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, authorize_asks_for_a_code_with_pkce_state_and_nonce);
    tcase_add_test(tcase, authorize_keeps_a_query_of_the_endpoint);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
