/* SPDX-License-Identifier: Apache-2.0
 * API keys and cross-origin headers; identities are in test_identity.c. */
#include "engine/api/access.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/fixture/suite.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static size_t countdown; /* the allocation that fails; 0: none does */
static bool has_failed;

static bool
fails(void)
{
    if (countdown == 0 || --countdown > 0)
        return false;
    has_failed = true;
    return true;
}

void *
__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

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

static struct request request = { .method = REQUEST_GET, .header = header };

static char full[] = "full-key", alt[] = "alt-key", reader[] = "read-key";

/* Asks as the headers say; `ret_caller` is filled in any case. */
static enum access_result
identify(const struct server_config *config, struct caller *ret_caller)
{
    struct error error = { .text = "" };
    struct access *access = NULL;
    ck_assert_int_eq(access_open(config, &access, &error), ENGINE_OK);
    enum access_result result =
        access_identify(access, &request, ret_caller, &error);
    access_close(access);
    ck_assert((result == ACCESS_UNTRUSTED) == (error.text[0] != '\0'));
    return result;
}

START_TEST(access_is_open_without_a_key)
{
    struct server_config config = { .host = NULL };
    struct caller caller;
    headers = NULL;
    ck_assert_int_eq(identify(&config, &caller), ACCESS_GRANTED);
    ck_assert_int_eq(caller.kind, CALLER_ANYONE);
    ck_assert_int_eq(caller.identity.rights.everywhere, RIGHT_MANAGE);
}
END_TEST

static const struct {
    const char *name, *value;
    enum access_result result;
    enum caller_kind kind;
    enum right right;
} keys[] = {
    { "api-key", "full-key", ACCESS_GRANTED, CALLER_KEY, RIGHT_MANAGE },
    { "API-KEY", "alt-key", ACCESS_GRANTED, CALLER_KEY, RIGHT_MANAGE },
    { "authorization", "Bearer full-key", ACCESS_GRANTED, CALLER_KEY,
      RIGHT_MANAGE },
    { "Authorization", "bearer full-key", ACCESS_GRANTED, CALLER_KEY,
      RIGHT_MANAGE },
    { "api-key", "read-key", ACCESS_GRANTED, CALLER_READER, RIGHT_READ },
    { "api-key", "full-ke", ACCESS_INVALID, CALLER_UNKNOWN, RIGHT_UNSET },
    { "api-key", "full-key2", ACCESS_INVALID, CALLER_UNKNOWN, RIGHT_UNSET },
    { "api-key", "", ACCESS_INVALID, CALLER_UNKNOWN, RIGHT_UNSET },
    { "authorization", "Basic full-key", ACCESS_MISSING, CALLER_UNKNOWN,
      RIGHT_UNSET },
    { "x", "full-key", ACCESS_MISSING, CALLER_UNKNOWN, RIGHT_UNSET },
};

START_TEST(access_knows_its_keys)
{
    struct server_config config = { .api_key = full,
                                    .alt_api_key = alt,
                                    .read_only_api_key = reader };
    const char *const pair[] = { keys[_i].name, keys[_i].value, NULL };
    struct caller caller;
    headers = pair;
    ck_assert_int_eq(identify(&config, &caller), keys[_i].result);
    ck_assert_int_eq(caller.kind, keys[_i].kind);
    ck_assert_int_eq(caller.identity.rights.everywhere, keys[_i].right);
}
END_TEST

START_TEST(access_asks_when_only_a_reading_key_is_set)
{
    struct server_config config = { .read_only_api_key = reader };
    struct caller caller;
    headers = NULL;
    ck_assert_int_eq(identify(&config, &caller), ACCESS_MISSING);
}
END_TEST

/* A gateway that narrows rights in front of an engine that cannot check them
 * must not open everything. */
START_TEST(access_refuses_an_identity_that_it_cannot_check)
{
    struct server_config config = { .api_key = full };
    const char *const both[] = { "X-Azimuth-Identity", "a.b.c", "api-key",
                                 "full-key", NULL };
    struct caller caller;
    headers = both;
    ck_assert_int_eq(identify(&config, &caller), ACCESS_UNTRUSTED);
    ck_assert_int_eq(caller.kind, CALLER_UNKNOWN);
    config.api_key = NULL;
    ck_assert_int_eq(identify(&config, &caller), ACCESS_UNTRUSTED);
    ck_assert_int_eq(caller.identity.rights.everywhere, RIGHT_UNSET);
}
END_TEST

/* {"alg":"HS256","typ":"JWT"} . {"access":[{"collection":"docs","access":"r",
 * "payload":{"who":"x"}}],"sub":"a"}, signed with "full-key". */
#define TOKEN                                                                  \
    "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9."                                \
    "eyJhY2Nlc3MiOiBbeyJjb2xsZWN0aW9uIjogImRvY3MiLCAiYWNjZXNzIjo"              \
    "gInIiLCAicGF5bG9hZCI6IHsid2hvIjogIngifX1dLCAic3ViIjogImEifQ."             \
    "UnLdQzvfSNUpRq3EZyowKc9SAIuMxPDhAQU5vIbRg3Y"

/* Who asks is known or not; without memory it is neither. */
START_TEST(access_without_memory_is_no_refusal)
{
    struct server_config config = { .api_key = full, .has_jwt_rbac = true };
    const char *const pair[] = { "api-key", TOKEN, NULL };
    enum access_result result = ACCESS_UNABLE;
    struct error error;
    size_t failures = 0;
    headers = pair;
    for (size_t number = 1; result != ACCESS_GRANTED; number++) {
        struct access *access = NULL;
        struct caller caller;
        ck_assert_int_eq(access_open(&config, &access, &error), ENGINE_OK);
        has_failed = false;
        countdown = number;
        result = access_identify(access, &request, &caller, &error);
        countdown = 0;
        ck_assert_int_eq(result, has_failed ? ACCESS_UNABLE : ACCESS_GRANTED);
        failures += has_failed;
        access_release(&caller);
        access_close(access);
    }
    ck_assert_uint_ge(failures, 2);
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
    tcase_add_test(tcase, access_refuses_an_identity_that_it_cannot_check);
    tcase_add_test(tcase, access_without_memory_is_no_refusal);
    tcase_add_test(tcase, cors_allows_any_origin_by_default);
    tcase_add_test(tcase, cors_with_a_list_echoes_exact_matches_only);
    tcase_add_test(tcase, cors_off_says_nothing);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
