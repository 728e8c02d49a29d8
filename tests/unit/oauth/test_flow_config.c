/* SPDX-License-Identifier: Apache-2.0
 * What nginx -t has to refuse. */
#include "tests/unit/oauth/visit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(flow_config_refuses_what_would_be_unsafe)
{
    struct flow_config good = config;
    struct error error;
    config.base_url = span_of("http://dash.test");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config.base_url = span_of("https://dash.test/path");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.issuer = span_of("http://idp.test");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.scope = span_of("profile openidx");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.cookie_same_site = FLOW_NONE;
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config.cookie_domain = span_of(".test");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_OK);
    config.cookie_domain = span_of("ash.test");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.home_path = span_of("//evil.test");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.lifetime_s = 10;
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.bearer_scopes = span_of("a\nb");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.introspects = true;
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_OK);
    config.client_secret = span_of("");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.client_id = span_of("");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.ring = NULL;
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
}
END_TEST

START_TEST(flow_config_names_each_field_that_is_wrong)
{
    static const struct span bad_hosts[] = { { "a/b", 3 } };
    struct flow_config rows[11];
    static const char *const names[] = {
        "redirect_uri",  "redirect_uri",
        "home_path",     "post_logout_redirect_uri",
        "rd_hosts",      "client_id",
        "client_secret", "scope",
        "cookie_name",   "domain=",
        "idle_s",
    };
    for (size_t i = 0; i < 11; i++)
        rows[i] = config;
    rows[0].base_url = span_of("https://dash.test?x");
    rows[1].base_url = span_of("");
    rows[2].home_path = span_of("https://dash.test:8443/x");
    rows[3].logout_url = span_of("javascript:x");
    rows[4].rd_hosts = bad_hosts;
    rows[4].rd_host_count = 1;
    rows[5].client_id = span_of("a\nb");
    rows[6].client_secret = span_of("\xc3\xa4");
    rows[7].scope = span_of("openid\r\nX");
    rows[8].cookie_name = span_of("a;b");
    rows[9].cookie_domain = span_of("test;x");
    rows[10].idle_s = -1;
    for (size_t i = 0; i < 11; i++) {
        struct error error;
        ck_assert_int_eq(flow_config_check(&rows[i], &error), OAUTH_ECONFIG);
        ck_assert_msg(strstr(error.text, names[i]) != NULL, "%s: %s", names[i],
                      error.text);
    }
}
END_TEST

/* Domain cookies lose the __Host- prefix, in name and on the way back. */
START_TEST(flow_config_with_a_domain_changes_the_prefix)
{
    config.cookie_domain = span_of(".dash.test");
    config.cookie_same_site = FLOW_NONE;
    ck_assert_int_eq(flow_config_check(&config, NULL), OAUTH_OK);
    struct flow_request request = browser("/oauth2/sign_out", "");
    struct span cookie = span_of("__Secure-azimuth=x; __Host-azimuth=y");
    request.cookies = &cookie;
    request.cookie_count = 1;
    unsigned char seed[FLOW_SEED_SIZE] = { 0 };
    flow = flow_create(&config, provider, seed);
    struct flow_event event = { .kind = FLOW_EVENT_REQUEST,
                                .now_s = NOW_S,
                                .request = &request };
    actions = flow_step(flow, &event);
    event =
        (struct flow_event){ .kind = FLOW_EVENT_FETCH_FAILED, .now_s = NOW_S };
    actions = flow_step(flow, &event);
    ck_assert_str_eq(text_of(last()->reply.cookies[0]),
                     "__Secure-azimuth=; Path=/; Domain=.dash.test; "
                     "Max-Age=0; Secure; HttpOnly; SameSite=None");
}
END_TEST

START_TEST(flow_outcomes_have_names)
{
    ck_assert_str_eq(flow_outcome_name(FLOW_WAITING), "waiting");
    ck_assert_str_eq(flow_outcome_name(FLOW_FAILED), "failed");
    size_t count = 0;
    while (flow_identity_headers[count] != NULL)
        count++;
    ck_assert_uint_ge(count, 5);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_config");
    TCase *tcase = tcase_create("flow_config");
    tcase_add_checked_fixture(tcase, visit_setup, visit_teardown);
    tcase_add_test(tcase, flow_config_refuses_what_would_be_unsafe);
    tcase_add_test(tcase, flow_config_names_each_field_that_is_wrong);
    tcase_add_test(tcase, flow_config_with_a_domain_changes_the_prefix);
    tcase_add_test(tcase, flow_outcomes_have_names);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
