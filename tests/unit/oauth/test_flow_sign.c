/* SPDX-License-Identifier: Apache-2.0
 * The signed identity with a verdict: who gets one, and what it says. */
#include "tests/unit/oauth/visit.h"

#include "base/base64.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct assertion_key *key;

static void
setup(void)
{
    static const unsigned char secret[ASSERTION_KEY_SIZE] = { 7 };
    visit_setup();
    ck_assert_int_eq(assertion_key_create(secret, &key), OAUTH_OK);
}

static void
teardown(void)
{
    visit_teardown();
    assertion_key_free(key);
}

static const char *
allowed_header(const char *name)
{
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
    return header_of(last()->allow.headers, last()->allow.header_count, name);
}

/* The claims of a token's text. */
static const char *
claims_of(const char *token)
{
    static char text[4096];
    struct bytes out;
    ck_assert_ptr_nonnull(token);
    const char *from = strchr(token, '.') + 1;
    size_t size = (size_t)(strchr(from, '.') - from);
    bytes_init(&out, sizeof(text) - 1);
    ck_assert(base64_decode((struct span){ from, size }, &out));
    memcpy(text, out.data, out.size);
    text[out.size] = '\0';
    bytes_release(&out);
    return text;
}

static const char *
visit_page(int64_t now_s)
{
    struct flow_request request = browser("/page", "");
    send_request(&request, now_s);
    answer(FLOW_EVENT_SESSION_FOUND, "", now_s);
    return allowed_header("X-Azimuth-Identity");
}

START_TEST(flow_signs_nothing_without_a_key)
{
    log_in("");
    ck_assert_ptr_null(visit_page(NOW_S));
}
END_TEST

START_TEST(flow_signs_who_it_lets_pass)
{
    config.assertion_key = key;
    log_in("");
    const char *claims = claims_of(visit_page(NOW_S + 30));
    ck_assert_ptr_nonnull(strstr(claims, "{\"iss\":\"" BASE_URL "\","
                                         "\"sub\":\"u-1\","));
    ck_assert_ptr_nonnull(strstr(
        claims, "\"iat\":1790000030,\"exp\":1790000120,\"access\":\"m\"}"));
}
END_TEST

START_TEST(flow_signs_the_rights_of_its_rules)
{
    static const struct rights_rule rules[] = {
        { RIGHTS_OF_ROLE, { "no-such-role", 12 }, RIGHTS_MANAGE, { "*", 1 } },
        { RIGHTS_OF_ANY, { NULL, 0 }, RIGHTS_READ, { "docs", 4 } },
    };
    config.assertion_key = key;
    config.rights = rules;
    config.right_count = 1;
    log_in("");
    ck_assert_ptr_nonnull(
        strstr(claims_of(visit_page(NOW_S)), "\"access\":[]}"));
    config.right_count = 2;
    ck_assert_ptr_nonnull(
        strstr(claims_of(visit_page(NOW_S)),
               "\"access\":[{\"collection\":\"docs\",\"access\":\"r\"}]}"));
}
END_TEST

/* For auth_request of any ingress. */
START_TEST(flow_auth_endpoint_answers_with_the_signed_identity)
{
    config.assertion_key = key;
    log_in("");
    get("/oauth2/auth", "");
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 202);
    ck_assert_ptr_nonnull(strstr(claims_of(reply_header("X-Azimuth-Identity")),
                                 "\"sub\":\"u-1\""));
}
END_TEST

/* The host strips it from clients by this list. */
START_TEST(flow_owns_the_name_of_the_signed_identity)
{
    bool is_there = false;
    for (const char *const *at = flow_identity_headers; *at != NULL; at++)
        is_there |= strcmp(*at, "X-Azimuth-Identity") == 0;
    ck_assert(is_there);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_sign");
    TCase *tcase = tcase_create("sign");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, flow_signs_nothing_without_a_key);
    tcase_add_test(tcase, flow_signs_who_it_lets_pass);
    tcase_add_test(tcase, flow_signs_the_rights_of_its_rules);
    tcase_add_test(tcase, flow_auth_endpoint_answers_with_the_signed_identity);
    tcase_add_test(tcase, flow_owns_the_name_of_the_signed_identity);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
