/* SPDX-License-Identifier: Apache-2.0
 * People and machines, our pages and foreign ones. */
#include "oauth/request.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

#define BASE_URL "https://dash.test:8443"

static struct flow_request
get(void)
{
    return (struct flow_request){ .method = { "GET", 3 }, .path = { "/", 1 } };
}

START_TEST(request_kind_believes_sec_fetch_first)
{
    struct flow_request request = get();
    request.accept = span_of("application/json");
    request.requested_with = span_of("XMLHttpRequest");
    request.sec_fetch_mode = span_of("navigate");
    ck_assert_int_eq(request_kind(&request), REQUEST_PAGE);
    request.method = span_of("POST");
    ck_assert_int_eq(request_kind(&request), REQUEST_FORM);
    static const char *const modes[] = { "cors", "no-cors", "same-origin",
                                         "websocket", "" };
    request = get();
    request.accept = span_of("text/html");
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        request.sec_fetch_mode = span_of(modes[i]);
        ck_assert_int_eq(request_kind(&request), REQUEST_CALL);
    }
}
END_TEST

START_TEST(request_kind_falls_back_to_older_signs)
{
    struct flow_request request = get();
    ck_assert_int_eq(request_kind(&request), REQUEST_CALL);
    request.accept = span_of("*/*");
    ck_assert_int_eq(request_kind(&request), REQUEST_CALL);
    request.accept = span_of("application/xhtml+xml, Text/HTML;q=0.9");
    ck_assert_int_eq(request_kind(&request), REQUEST_PAGE);
    request.method = span_of("HEAD");
    ck_assert_int_eq(request_kind(&request), REQUEST_PAGE);
    request.method = span_of("PUT");
    ck_assert_int_eq(request_kind(&request), REQUEST_CALL);
    request.method = span_of("GET");
    request.requested_with = span_of("");
    ck_assert_int_eq(request_kind(&request), REQUEST_CALL);
    request.requested_with = (struct span){ NULL, 0 };
    request.upgrade = span_of("websocket");
    ck_assert_int_eq(request_kind(&request), REQUEST_CALL);
}
END_TEST

START_TEST(request_is_script_only_when_it_says_so)
{
    struct flow_request request = get();
    ck_assert(!request_is_script(&request));
    request.accept = span_of("application/json");
    ck_assert(request_is_script(&request));
    request.accept = span_of("text/html,application/json");
    ck_assert(!request_is_script(&request));
    request.sec_fetch_mode = span_of("cors");
    ck_assert(request_is_script(&request));
    request.sec_fetch_mode = span_of("navigate");
    ck_assert(!request_is_script(&request));
}
END_TEST

START_TEST(request_is_preflight_with_all_three_signs)
{
    struct flow_request request = get();
    request.origin = span_of("https://a.test");
    request.preflight = span_of("POST");
    ck_assert(!request_is_preflight(&request));
    request.method = span_of("OPTIONS");
    ck_assert(request_is_preflight(&request));
    request.origin = (struct span){ NULL, 0 };
    ck_assert(!request_is_preflight(&request));
}
END_TEST

START_TEST(request_is_own_by_site_then_origin_then_referer)
{
    static const struct {
        const char *site;
        const char *origin;
        const char *referer;
        bool is_own;
    } rows[] = {
        { NULL, NULL, NULL, false },
        { "same-origin", NULL, NULL, true },
        { "none", NULL, NULL, true },
        { "same-site", BASE_URL, BASE_URL "/", false },
        { "cross-site", BASE_URL, BASE_URL "/", false },
        { NULL, BASE_URL, NULL, true },
        { NULL, "https://DASH.test:8443", NULL, true },
        { NULL, "null", BASE_URL "/", false },
        { NULL, "https://dash.test", NULL, false },
        { NULL, "http://dash.test:8443", NULL, false },
        { NULL, "https://evil.test", BASE_URL "/", false },
        { NULL, NULL, BASE_URL "/dashboard?a", true },
        { NULL, NULL, BASE_URL ".evil.test/", false },
        { NULL, NULL, "https://dash.test:8443@evil.test/", false },
        { NULL, NULL, "", false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct flow_request request = get();
        if (rows[i].site != NULL)
            request.sec_fetch_site = span_of(rows[i].site);
        if (rows[i].origin != NULL)
            request.origin = span_of(rows[i].origin);
        if (rows[i].referer != NULL)
            request.referer = span_of(rows[i].referer);
        ck_assert_msg(request_is_own(&request, span_of(BASE_URL)) ==
                          rows[i].is_own,
                      "row %zu", i);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/request");
    TCase *tcase = tcase_create("request");
    tcase_add_test(tcase, request_kind_believes_sec_fetch_first);
    tcase_add_test(tcase, request_kind_falls_back_to_older_signs);
    tcase_add_test(tcase, request_is_script_only_when_it_says_so);
    tcase_add_test(tcase, request_is_preflight_with_all_three_signs);
    tcase_add_test(tcase, request_is_own_by_site_then_origin_then_referer);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
