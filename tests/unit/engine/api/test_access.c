/* SPDX-License-Identifier: Apache-2.0
 * API keys and cross-origin headers. */
#include "engine/api/access.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/fixture/suite.h"

/* A fake request: pairs of header name and value. */
static const char *const *headers;

static const char *
header(const struct request *request, const char *name)
{
    (void)request;
    for (const char *const *at = headers; at != NULL && *at != NULL; at += 2) {
        if (strcasecmp(at[0], name) == 0)
            return at[1];
    }
    return NULL;
}

static const struct request request = { .method = REQUEST_GET,
                                        .header = header };

static char full[] = "full-key", alt[] = "alt-key", reader[] = "read-key";

START_TEST(access_is_open_without_a_key)
{
    struct server_config config = { .host = NULL };
    headers = NULL;
    ck_assert_int_eq(access_check(&config, &request, true), ACCESS_GRANTED);
}
END_TEST

static const struct {
    const char *name, *value;
    bool is_write;
    enum access_result result;
} keys[] = {
    { "api-key", "full-key", true, ACCESS_GRANTED },
    { "API-KEY", "alt-key", true, ACCESS_GRANTED },
    { "authorization", "Bearer full-key", true, ACCESS_GRANTED },
    { "Authorization", "bearer full-key", true, ACCESS_GRANTED },
    { "api-key", "read-key", false, ACCESS_GRANTED },
    { "api-key", "read-key", true, ACCESS_READ_ONLY },
    { "api-key", "full-ke", false, ACCESS_INVALID },
    { "api-key", "full-key2", false, ACCESS_INVALID },
    { "api-key", "", false, ACCESS_INVALID },
    { "authorization", "Basic full-key", false, ACCESS_MISSING },
    { "x", "full-key", false, ACCESS_MISSING },
};

START_TEST(access_knows_its_keys)
{
    struct server_config config = { .api_key = full,
                                    .alt_api_key = alt,
                                    .read_only_api_key = reader };
    const char *const pair[] = { keys[_i].name, keys[_i].value, NULL };
    headers = pair;
    ck_assert_int_eq(access_check(&config, &request, keys[_i].is_write),
                     keys[_i].result);
}
END_TEST

START_TEST(access_asks_when_only_a_reading_key_is_set)
{
    struct server_config config = { .read_only_api_key = reader };
    headers = NULL;
    ck_assert_int_eq(access_check(&config, &request, false), ACCESS_MISSING);
}
END_TEST

static const char *
value_of(const struct reply *reply, const char *name)
{
    for (unsigned i = 0; i < reply->headers_count; i++) {
        if (strcmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    }
    return NULL;
}

START_TEST(cors_allows_any_origin_by_default)
{
    struct server_config config = { .has_cors = true };
    const char *const pair[] = { "origin", "https://a", NULL };
    struct reply reply;
    reply_init(&reply);
    headers = pair;
    access_cors(&config, &request, &reply);
    ck_assert_str_eq(value_of(&reply, "Access-Control-Allow-Origin"), "*");
    reply_release(&reply);
}
END_TEST

START_TEST(cors_with_a_list_echoes_exact_matches_only)
{
    char a[] = "https://a";
    struct server_config config = { .has_cors = true,
                                    .cors_origins = { a },
                                    .cors_origins_count = 1 };
    const char *const good[] = { "origin", "https://a", NULL };
    const char *const bad[] = { "origin", "https://a.evil", NULL };
    struct reply reply;
    reply_init(&reply);
    headers = good;
    access_cors(&config, &request, &reply);
    ck_assert_str_eq(value_of(&reply, "Access-Control-Allow-Origin"),
                     "https://a");
    ck_assert_str_eq(value_of(&reply, "Vary"), "Origin");
    reply_reset(&reply);
    headers = bad;
    access_cors(&config, &request, &reply);
    ck_assert_ptr_null(value_of(&reply, "Access-Control-Allow-Origin"));
    ck_assert_str_eq(value_of(&reply, "Vary"), "Origin");
    reply_release(&reply);
}
END_TEST

START_TEST(cors_off_says_nothing)
{
    struct server_config config = { .has_cors = false };
    const char *const pair[] = { "origin", "https://a", NULL };
    struct reply reply;
    reply_init(&reply);
    headers = pair;
    access_cors(&config, &request, &reply);
    ck_assert_uint_eq(reply.headers_count, 0);
    reply_release(&reply);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("access");
    TCase *tcase = tcase_create("access");
    tcase_add_test(tcase, access_is_open_without_a_key);
    tcase_add_loop_test(tcase, access_knows_its_keys, 0,
                        (int)(sizeof(keys) / sizeof(keys[0])));
    tcase_add_test(tcase, access_asks_when_only_a_reading_key_is_set);
    tcase_add_test(tcase, cors_allows_any_origin_by_default);
    tcase_add_test(tcase, cors_with_a_list_echoes_exact_matches_only);
    tcase_add_test(tcase, cors_off_says_nothing);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
