/* SPDX-License-Identifier: Apache-2.0
 * Sign-out: here and at the provider, for us and for nobody else. */
#include "tests/unit/oauth/visit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(flow_signs_out_here_and_at_the_provider)
{
    log_in("");
    get("/oauth2/sign_out", "");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_DEL);
    ck_assert_str_eq(text_of(last()->session.key), stored_key);
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_SIGNED_OUT);
    ck_assert_ptr_nonnull(
        strstr(reply_header("Location"), ISSUER "/logout?client_id=" CLIENT));
    ck_assert_str_eq(location_param("post_logout_redirect_uri"), BASE_URL "/");
    ck_assert_uint_gt(strlen(location_param("id_token_hint")), 100);
    ck_assert_str_eq(jar[0], "");
    ck_assert_str_eq(jar[1], "");
}
END_TEST

/* T33 */
START_TEST(flow_does_not_sign_out_for_another_site)
{
    log_in("");
    struct flow_request request = browser("/oauth2/sign_out", "");
    request.sec_fetch_site = span_of("cross-site");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 403);
    ck_assert_str_ne(jar[0], "");
    request.sec_fetch_site = (struct span){ NULL, 0 };
    send_request(&request, NOW_S); /* nothing says where it is from */
    ck_assert_int_eq(last()->reply.status, 403);
    request.referer = span_of("https://dash.test:8443.evil.test/");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 403);
    request.referer = span_of(BASE_URL "/dashboard");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    request.method = span_of("DELETE");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 405);
}
END_TEST

START_TEST(flow_gives_a_script_that_signs_out_the_address)
{
    log_in("");
    struct flow_request request = browser("/oauth2/sign_out", "");
    request.method = span_of("POST");
    request.sec_fetch_mode = span_of("cors");
    send_request(&request, NOW_S);
    answer(FLOW_EVENT_SESSION_MISSING, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 200);
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "\"logout_url\":\"" ISSUER));
}
END_TEST

START_TEST(flow_signs_out_here_even_when_all_else_is_down)
{
    log_in("");
    get("/oauth2/sign_out", "");
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_str_eq(jar[0], "");
    struct provider_options options = { .issuer = span_of(ISSUER) };
    provider_free(provider);
    ck_assert_int_eq(provider_create(&options, &provider, NULL), OAUTH_OK);
    get("/oauth2/sign_out", "");
    answer(FLOW_EVENT_FETCH_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 200);
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "Signed out here"));
}
END_TEST

START_TEST(flow_signs_out_here_alone_when_the_provider_offers_no_logout)
{
    get("/oauth2/sign_out", "");
    answer(FLOW_EVENT_FETCHED,
           "{\"issuer\":\"" ISSUER "\","
           "\"authorization_endpoint\":\"" ISSUER "/auth\","
           "\"token_endpoint\":\"" ISSUER "/token\","
           "\"jwks_uri\":\"" ISSUER "/certs\"}",
           NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_SIGNED_OUT);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/");
    config.logout_url = span_of("https://bye.test/");
    get("/oauth2/sign_out", "");
    ck_assert_str_eq(reply_header("Location"), "https://bye.test/");
}
END_TEST

START_TEST(flow_refuses_a_foreign_script_and_asks_a_person)
{
    log_in("");
    struct flow_request request = browser("/oauth2/sign_out", "");
    request.sec_fetch_site = span_of("cross-site");
    request.sec_fetch_mode = span_of("no-cors"); /* an <img> */
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 403);
    ck_assert_str_eq(text_of(last()->reply.content_type), "application/json");
    request.sec_fetch_mode = span_of("navigate");
    send_request(&request, NOW_S);
    ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body),
                                 "<form method=\"post\" action=\"" BASE_URL
                                 "/oauth2/sign_out\""));
    ck_assert_str_ne(jar[0], "");
}
END_TEST

/* A record that does not open is deleted all the same. */
START_TEST(flow_signs_out_of_a_broken_session)
{
    log_in("");
    stored[20] ^= 1;
    get("/oauth2/sign_out", "");
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_DEL);
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_str_eq(jar[0], "");
    memcpy(jar[0], "__Host-azimuth=forged", sizeof("__Host-azimuth=forged"));
    get("/oauth2/sign_out", "");
    ck_assert_int_eq(actions->outcome, FLOW_SIGNED_OUT);
    ck_assert_str_eq(jar[0], "");
}
END_TEST

START_TEST(flow_gives_a_script_an_address_when_the_provider_is_away)
{
    struct flow_request request = browser("/oauth2/sign_out", "");
    request.sec_fetch_mode = span_of("cors");
    send_request(&request, NOW_S);
    answer(FLOW_EVENT_FETCH_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 200);
    ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body),
                                 "\"logout_url\":\"" BASE_URL "/\""));
}
END_TEST

/* RP-Initiated Logout section 3: the state comes back, and is ours. */
START_TEST(flow_knows_who_comes_back_from_a_logout)
{
    begin_login("");
    get("/oauth2/sign_out", "");
    char *query = forge_text("state=%s", location_param("state"));
    get("/oauth2/signed_out", query);
    ck_assert_int_eq(last()->reply.status, 200);
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "of the identity provider"));
    struct flow_request request = browser("/oauth2/signed_out", query);
    send_request(&request, NOW_S + 600);
    ck_assert_int_eq(last()->reply.status, 200);
    send_request(&request, NOW_S + 601);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/dashboard");
    send_request(&request, NOW_S - 1);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/dashboard");
    query[10] = query[10] == 'A' ? 'B' : 'A';
    get("/oauth2/signed_out", query);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/dashboard");
    get("/oauth2/signed_out", "");
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/dashboard");
    free(query);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_leave");
    TCase *tcase = tcase_create("flow_leave");
    tcase_add_checked_fixture(tcase, visit_setup, visit_teardown);
    tcase_add_test(tcase, flow_signs_out_here_and_at_the_provider);
    tcase_add_test(tcase, flow_does_not_sign_out_for_another_site);
    tcase_add_test(tcase, flow_gives_a_script_that_signs_out_the_address);
    tcase_add_test(tcase, flow_signs_out_here_even_when_all_else_is_down);
    tcase_add_test(
        tcase, flow_signs_out_here_alone_when_the_provider_offers_no_logout);
    tcase_add_test(tcase, flow_refuses_a_foreign_script_and_asks_a_person);
    tcase_add_test(tcase, flow_signs_out_of_a_broken_session);
    tcase_add_test(tcase,
                   flow_gives_a_script_an_address_when_the_provider_is_away);
    tcase_add_test(tcase, flow_knows_who_comes_back_from_a_logout);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
