/* SPDX-License-Identifier: Apache-2.0
 * Discovery and key set with their ages (T37), and what a misbehaving
 * provider can do to good documents: nothing. */
#include "tests/unit/oauth/forge.h"

#include "oauth/jwks.h"
#include "oauth/provider.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define NOW_S 1790000000

static struct provider *provider;
static struct error error;

static void
setup(void)
{
    struct provider_options options = { .issuer = span_of("https://i.test/r") };
    ck_assert_int_eq(provider_create(&options, &provider, NULL), OAUTH_OK);
}

static void
teardown(void)
{
    provider_free(provider);
}

static enum oauth_code
put(const char *body)
{
    return provider_put(provider, PROVIDER_DISCOVERY, 200, span_of(body), NOW_S,
                        &error);
}

#define ENDPOINTS                                                              \
    "\"authorization_endpoint\":\"https://i.test/a\","                         \
    "\"token_endpoint\":\"https://i.test/t\","                                 \
    "\"jwks_uri\":\"https://i.test/k\""
#define GOOD "{\"issuer\":\"https://i.test/r\"," ENDPOINTS

START_TEST(provider_reads_its_discovery)
{
    ck_assert_str_eq(provider_url(provider, PROVIDER_DISCOVERY),
                     "https://i.test/r/.well-known/openid-configuration");
    ck_assert_ptr_null(provider_url(provider, PROVIDER_JWKS));
    ck_assert_ptr_null(provider_metadata(provider));
    ck_assert_int_eq(
        put(GOOD ",\"end_session_endpoint\":\"https://i.test/e\","
                 "\"authorization_response_iss_parameter_supported\":true,"
                 "\"pushed_authorization_request_endpoint\":"
                 "\"https://i.test/p\","
                 "\"require_pushed_authorization_requests\":true,"
                 "\"token_endpoint_auth_methods_supported\":"
                 "[\"client_secret_post\"]}"),
        OAUTH_OK);
    const struct provider_metadata *metadata = provider_metadata(provider);
    ck_assert_str_eq(metadata->issuer, "https://i.test/r");
    ck_assert_str_eq(metadata->authorization_endpoint, "https://i.test/a");
    ck_assert_str_eq(metadata->token_endpoint, "https://i.test/t");
    ck_assert_str_eq(metadata->end_session_endpoint, "https://i.test/e");
    ck_assert_str_eq(provider_url(provider, PROVIDER_JWKS), "https://i.test/k");
    ck_assert_str_eq(metadata->push_endpoint, "https://i.test/p");
    ck_assert(metadata->requires_push);
    ck_assert(metadata->has_iss_parameter);
    ck_assert(!metadata->has_basic_auth);
    ck_assert(metadata->has_post_auth);
    ck_assert_int_eq(put(GOOD "}"), OAUTH_OK);
    ck_assert(provider_metadata(provider)->has_basic_auth);
    ck_assert(!provider_metadata(provider)->has_iss_parameter);
    ck_assert_ptr_null(provider_metadata(provider)->end_session_endpoint);
}
END_TEST

/* A '/' too much is seen at a glance. */
START_TEST(provider_names_the_issuer_that_came)
{
    ck_assert_int_eq(put("{\"issuer\":\"https://i.test/r/\"," ENDPOINTS "}"),
                     OAUTH_EDOCUMENT);
    ck_assert_str_eq(error.text, "discovery: its issuer is 'https://i.test/r/',"
                                 " not 'https://i.test/r'");
    ck_assert_int_eq(put("{" ENDPOINTS "}"), OAUTH_EDOCUMENT);
    ck_assert_ptr_nonnull(strstr(error.text, "its issuer is ''"));
    char *huge =
        forge_text("{\"issuer\":\"https://i.test/%0300d\"," ENDPOINTS "}", 1);
    ck_assert_int_eq(put(huge), OAUTH_EDOCUMENT);
    ck_assert_ptr_nonnull(strstr(error.text, "not 'https://i.test/r'"));
    free(huge);
}
END_TEST

/* T37 */
START_TEST(provider_refuses_bad_discovery_and_keeps_the_good_one)
{
    static const char *const bad[] = {
        "",
        "<html>",
        "{}",
        "{\"issuer\":\"https://i.test/r/\"," ENDPOINTS "}",
        "{\"issuer\":\"https://evil.test\"," ENDPOINTS "}",
        "{\"issuer\":7," ENDPOINTS "}",
        "{" ENDPOINTS "}",
        GOOD ",\"issuer\":\"https://i.test/r\"}",
        "{\"issuer\":\"https://i.test/r\"}",
        GOOD ",\"end_session_endpoint\":\"http://i.test/e\"}",
        GOOD ",\"end_session_endpoint\":\"javascript:alert(1)\"}",
        "{\"issuer\":\"https://i.test/r\","
        "\"authorization_endpoint\":\"https://i.test/a\","
        "\"token_endpoint\":\"file:///etc/passwd\","
        "\"jwks_uri\":\"https://i.test/k\"}",
        "{\"issuer\":\"https://i.test/r\","
        "\"authorization_endpoint\":\"https://i.test/a\","
        "\"token_endpoint\":\"https://i.test/t\","
        "\"jwks_uri\":\"http://127.0.0.1/k\"}",
        "{\"issuer\":\"https://i.test/r\","
        "\"authorization_endpoint\":\"https://i.test/a\","
        "\"token_endpoint\":\"https://i.test/t\","
        "\"jwks_uri\":\"https://localhost/k\"}",
        GOOD ",\"pushed_authorization_request_endpoint\":\"http://i.test/p\"}",
        GOOD ",\"require_pushed_authorization_requests\":true}",
        "{\"issuer\":\"https://i.test/r\","
        "\"authorization_endpoint\":\"https://i.test/a\\r\\nX: y\","
        "\"token_endpoint\":\"https://i.test/t\","
        "\"jwks_uri\":\"https://i.test/k\"}",
    };
    ck_assert_int_eq(put(GOOD "}"), OAUTH_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(put(bad[i]) == OAUTH_EDOCUMENT, "%s", bad[i]);
        ck_assert_str_eq(provider_metadata(provider)->token_endpoint,
                         "https://i.test/t");
    }
    ck_assert_int_eq(provider_put(provider, PROVIDER_DISCOVERY, 302,
                                  span_of(GOOD "}"), NOW_S, &error),
                     OAUTH_EPROVIDER);
    char *huge = forge_text(GOOD ",\"x\":\"%0300000d\"}", 1);
    ck_assert_int_eq(put(huge), OAUTH_EDOCUMENT);
    free(huge);
}
END_TEST

static const struct error down = { OAUTH_EPROVIDER, "no way" };

/* T38: past its refresh age a document is still used, for a day, while the
 * host tries to get a new one; then nothing may be believed any more. */
START_TEST(provider_documents_age)
{
    enum provider_document document = PROVIDER_DISCOVERY;
    ck_assert(provider_wants(provider, document, NOW_S));
    ck_assert(!provider_is_due(provider, document, NOW_S));
    provider_note_failure(provider, document, NOW_S, &down);
    ck_assert(provider_wants(provider, document, NOW_S)); /* nothing at hand */
    ck_assert_int_eq(provider_fetched_s(provider, document), 0);
    ck_assert_str_eq(provider_failure(provider, document)->text, "no way");
    ck_assert_int_eq(put(GOOD "}"), OAUTH_OK);
    ck_assert_ptr_null(provider_failure(provider, document));
    ck_assert(!provider_wants(provider, document, NOW_S));
    ck_assert_int_eq(provider_fetched_s(provider, document), NOW_S);
    int64_t due_s = NOW_S + PROVIDER_REFRESH_S;
    ck_assert(!provider_is_due(provider, document, due_s - 1));
    ck_assert(provider_is_due(provider, document, due_s));
    ck_assert(!provider_wants(provider, document, due_s));
    provider_note_failure(provider, document, due_s, &down);
    ck_assert(!provider_is_due(provider, document, due_s + 1));
    ck_assert(provider_is_due(provider, document, due_s + PROVIDER_RETRY_S));
    int64_t end_s = NOW_S + PROVIDER_STALE_S;
    ck_assert(!provider_wants(provider, document, end_s - 1));
    ck_assert(provider_wants(provider, document, end_s));
    ck_assert(provider_is_due(provider, document, end_s));
    /* the clock went back by a day */
    ck_assert(provider_wants(provider, document, NOW_S - 86400));
    ck_assert(provider_is_due(provider, document, NOW_S - 86400));
}
END_TEST

static enum oauth_code
put_keys(const char *set, int64_t now_s)
{
    return provider_put(provider, PROVIDER_JWKS, 200, span_of(set), now_s,
                        &error);
}

START_TEST(provider_fetches_the_keys_anew_from_a_new_address)
{
    EVP_PKEY *rsa = forge_rsa(2048);
    char *set = forge_jwks(rsa, "k");
    ck_assert_int_eq(put(GOOD "}"), OAUTH_OK);
    ck_assert_int_eq(put_keys(set, NOW_S), OAUTH_OK);
    ck_assert(!provider_is_due(provider, PROVIDER_JWKS, NOW_S));
    ck_assert_int_eq(put("{\"issuer\":\"https://i.test/r\","
                         "\"authorization_endpoint\":\"https://i.test/a\","
                         "\"token_endpoint\":\"https://i.test/t\","
                         "\"jwks_uri\":\"https://i.test/k2\"}"),
                     OAUTH_OK);
    ck_assert(provider_is_due(provider, PROVIDER_JWKS, NOW_S));
    ck_assert_int_eq(put_keys(set, NOW_S), OAUTH_OK);
    ck_assert(!provider_is_due(provider, PROVIDER_JWKS, NOW_S));
    free(set);
    EVP_PKEY_free(rsa);
}
END_TEST

static bool
may(const char *kid, enum provider_source source, int64_t now_s)
{
    return provider_may_refetch(provider, span_of(kid), source, now_s);
}

static void
answer_keys(int64_t now_s)
{
    provider_note_failure(provider, PROVIDER_JWKS, now_s, &down);
}

/* T4: one fetch for all who wait, and none for a kid that was not there. */
START_TEST(provider_looks_for_an_unknown_kid_once)
{
    ck_assert(may("a", PROVIDER_SAYS, NOW_S));
    ck_assert(may("a", PROVIDER_SAYS, NOW_S)); /* under way: shared */
    ck_assert(may("b", CLIENT_SAYS, NOW_S + 1));
    answer_keys(NOW_S + 1);
    ck_assert(!may("a", PROVIDER_SAYS, NOW_S + 2));
    ck_assert(!may("b", CLIENT_SAYS, NOW_S + 2));
    ck_assert(may("c", PROVIDER_SAYS, NOW_S + 2));
    answer_keys(NOW_S + 2);
    /* the provider's own word is tried again soon, a client's is not */
    ck_assert(may("a", PROVIDER_SAYS, NOW_S + 5));
    answer_keys(NOW_S + 5);
    ck_assert(!may("b", CLIENT_SAYS, NOW_S + 6));
    ck_assert(may("b", CLIENT_SAYS, NOW_S + 31));
    answer_keys(NOW_S + 31);
    /* a fetch whose answer nobody took is forgotten */
    ck_assert(may("d", CLIENT_SAYS, NOW_S + 40));
    ck_assert(may("d", CLIENT_SAYS, NOW_S + 40 + PROVIDER_JOIN_S - 1));
    ck_assert(!may("d", CLIENT_SAYS, NOW_S + 49 + PROVIDER_JOIN_S));
}
END_TEST

/* T4: clients with ever new kids cause a handful of fetches in a minute, and
 * leave what a rotation needs. */
START_TEST(provider_gives_clients_a_small_allowance)
{
    unsigned count = 0;
    for (int i = 0; i < 1000; i++) {
        char *kid = forge_text("kid-%d", i);
        int64_t now_s = NOW_S + i / 20;
        if (may(kid, CLIENT_SAYS, now_s)) {
            count++;
            answer_keys(now_s);
        }
        free(kid);
    }
    ck_assert_uint_eq(count, 4);
    ck_assert(may("new", PROVIDER_SAYS, NOW_S + 50));
    answer_keys(NOW_S + 50);
    ck_assert(may("x", CLIENT_SAYS, NOW_S + 60));
}
END_TEST

/* Flows that wait for one fetch: the first hands its answer in. */
START_TEST(provider_counts_answers)
{
    uint32_t count = provider_answer_count(provider, PROVIDER_DISCOVERY);
    ck_assert_int_eq(put(GOOD "}"), OAUTH_OK);
    ck_assert_uint_eq(provider_answer_count(provider, PROVIDER_DISCOVERY),
                      count + 1);
    ck_assert_int_eq(put("{}"), OAUTH_EDOCUMENT);
    ck_assert_uint_eq(provider_answer_count(provider, PROVIDER_DISCOVERY),
                      count + 2);
    ck_assert_int_eq(provider_failure(provider, PROVIDER_DISCOVERY)->code,
                     OAUTH_EDOCUMENT);
}
END_TEST

START_TEST(provider_replaces_keys_by_good_ones_only)
{
    EVP_PKEY *rsa = forge_rsa(2048);
    char *set = forge_jwks(rsa, "k");
    ck_assert_ptr_null(provider_jwks(provider));
    ck_assert_int_eq(
        provider_put(provider, PROVIDER_JWKS, 200, span_of(set), NOW_S, &error),
        OAUTH_OK);
    const struct jwks *jwks = provider_jwks(provider);
    ck_assert_uint_eq(jwks->count, 1);
    ck_assert_int_eq(provider_put(provider, PROVIDER_JWKS, 200,
                                  span_of("{\"keys\":[]}"), NOW_S, &error),
                     OAUTH_EDOCUMENT);
    ck_assert_ptr_eq(provider_jwks(provider), jwks);
    ck_assert_int_eq(
        provider_put(provider, PROVIDER_JWKS, 200, span_of(set), NOW_S, &error),
        OAUTH_OK);
    free(set);
    EVP_PKEY_free(rsa);
}
END_TEST

START_TEST(provider_wants_https_or_loopback_where_allowed)
{
    static const struct {
        const char *issuer;
        bool allows_http;
        bool is_good;
    } rows[] = {
        { "https://i.test/", false, true },
        { "http://i.test", false, false },
        { "http://i.test", true, false },
        { "http://127.0.0.1:8080/realms/r", true, true },
        { "http://127.0.0.1:8080/realms/r", false, false },
        { "https://i.test/?a", false, false },
        { "https://i.test/#a", false, false },
        { "", false, false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct provider *made = NULL;
        struct provider_options options = {
            .issuer = span_of(rows[i].issuer),
            .allows_http = rows[i].allows_http,
        };
        enum oauth_code code = provider_create(&options, &made, &error);
        ck_assert_int_eq(code, rows[i].is_good ? OAUTH_OK : OAUTH_ECONFIG);
        provider_free(made);
        options.discovery_url = span_of("ftp://x");
        ck_assert_int_eq(provider_create(&options, &made, &error),
                         OAUTH_ECONFIG);
    }
    struct provider *made = NULL;
    struct provider_options options = {
        .issuer = span_of("https://i.test/"),
        .discovery_url = span_of("https://inside.test/d"),
    };
    ck_assert_int_eq(provider_create(&options, &made, &error), OAUTH_OK);
    ck_assert_str_eq(provider_url(made, PROVIDER_DISCOVERY),
                     "https://inside.test/d");
    provider_free(made);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/provider");
    TCase *tcase = tcase_create("provider");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, provider_reads_its_discovery);
    tcase_add_test(tcase, provider_names_the_issuer_that_came);
    tcase_add_test(tcase,
                   provider_refuses_bad_discovery_and_keeps_the_good_one);
    tcase_add_test(tcase, provider_documents_age);
    tcase_add_test(tcase, provider_fetches_the_keys_anew_from_a_new_address);
    tcase_add_test(tcase, provider_looks_for_an_unknown_kid_once);
    tcase_add_test(tcase, provider_gives_clients_a_small_allowance);
    tcase_add_test(tcase, provider_counts_answers);
    tcase_add_test(tcase, provider_replaces_keys_by_good_ones_only);
    tcase_add_test(tcase, provider_wants_https_or_loopback_where_allowed);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
