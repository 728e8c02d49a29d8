/* SPDX-License-Identifier: Apache-2.0
 * What nginx -t has to refuse. */
#include "tests/unit/oauth/visit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

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
    config.client_id = span_of("");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.ring = NULL;
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_config");
    TCase *tcase = tcase_create("flow_config");
    tcase_add_checked_fixture(tcase, visit_setup, visit_teardown);
    tcase_add_test(tcase, flow_config_refuses_what_would_be_unsafe);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
