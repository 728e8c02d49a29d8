/* SPDX-License-Identifier: Apache-2.0
 * Refusals in the words of their readers: JSON, RFC 6750, gRPC. */
#include "oauth/refusal.h"

#include <check.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct arena arena;
static struct error error;
static struct flow_reply reply;

static void
setup(void)
{
    arena_init(&arena, (size_t)64 << 10);
}

static void
teardown(void)
{
    arena_release(&arena);
}

static void
fill(enum oauth_code code, const char *text, bool is_bearer, bool is_grpc)
{
    error_set(&error, code, "%s", text);
    const struct refusal refusal = { .cause = &error,
                                     .scope = span_of("points:read"),
                                     .is_bearer = is_bearer,
                                     .is_grpc = is_grpc };
    reply = (struct flow_reply){ 0 };
    refusal_fill(&refusal, &arena, &reply);
    ck_assert(!arena_failed(&arena));
}

static bool
has(const char *name, const char *value)
{
    for (size_t i = 0; i < reply.header_count; i++) {
        if (span_equal_text(reply.headers[i].name, name))
            return span_equal_text(reply.headers[i].value, value);
    }
    return value == NULL;
}

START_TEST(refusal_follows_rfc_6750)
{
    fill(OAUTH_ENOCREDENTIAL, "a token is needed", true, false);
    ck_assert_int_eq(reply.status, 401);
    ck_assert(has("WWW-Authenticate", "Bearer realm=\"azimuth\""));
    ck_assert(span_equal_text(reply.content_type, "application/json"));
    fill(OAUTH_EBEARER, "over", true, false);
    ck_assert_int_eq(reply.status, 401);
    ck_assert(has("WWW-Authenticate",
                  "Bearer realm=\"azimuth\", error=\"invalid_token\", "
                  "error_description=\"over\""));
    ck_assert(span_equal_text(
        reply.body, "{\"error\":\"invalid_token\",\"message\":\"over\"}\n"));
    fill(OAUTH_EREQUEST, "twice", true, false);
    ck_assert_int_eq(reply.status, 400);
    ck_assert(has("WWW-Authenticate",
                  "Bearer realm=\"azimuth\", error=\"invalid_request\", "
                  "error_description=\"twice\""));
    fill(OAUTH_ESCOPE, "small", true, false);
    ck_assert_int_eq(reply.status, 403);
    ck_assert(has("WWW-Authenticate",
                  "Bearer realm=\"azimuth\", error=\"insufficient_scope\", "
                  "error_description=\"small\", scope=\"points:read\""));
}
END_TEST

START_TEST(refusal_challenges_only_where_a_credential_would_help)
{
    fill(OAUTH_EFORBIDDEN, "this needs role=x", true, false);
    ck_assert_int_eq(reply.status, 403);
    ck_assert(has("WWW-Authenticate", NULL));
    fill(OAUTH_EPROVIDER, "down", true, false);
    ck_assert_int_eq(reply.status, 503);
    ck_assert(has("WWW-Authenticate", NULL));
    fill(OAUTH_ENOSESSION, "no session", false, false);
    ck_assert(has("WWW-Authenticate", "Cookie realm=\"azimuth\""));
}
END_TEST

/* A peer's words stay inside the quotes. */
START_TEST(refusal_quotes_what_a_peer_said)
{
    fill(OAUTH_EBEARER, "a\", error=\"b\\ \xc3\xab", true, false);
    ck_assert(has("WWW-Authenticate",
                  "Bearer realm=\"azimuth\", error=\"invalid_token\", "
                  "error_description=\"a?, error=?b? ??\""));
    fill(OAUTH_EBEARER, "50% \xc3\xab", true, true);
    ck_assert(has("grpc-message", "50%25 %C3%AB"));
}
END_TEST

START_TEST(refusal_speaks_grpc)
{
    static const struct {
        enum oauth_code code;
        const char *status;
    } rows[] = {
        { OAUTH_EREQUEST, "3" },   { OAUTH_EBEARER, "16" },
        { OAUTH_EFORBIDDEN, "7" }, { OAUTH_ESCOPE, "7" },
        { OAUTH_EPROVIDER, "14" }, { OAUTH_EDOCUMENT, "14" },
        { OAUTH_EINTERNAL, "13" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fill(rows[i].code, "why", true, true);
        ck_assert_int_eq(reply.status, 200);
        ck_assert(has("grpc-status", rows[i].status));
        ck_assert(has("grpc-message", "why"));
        ck_assert(span_equal_text(reply.content_type, "application/grpc"));
        ck_assert_uint_eq(reply.body.size, 0);
    }
}
END_TEST

START_TEST(refusal_knows_grpc_by_its_type)
{
    ck_assert(refusal_is_grpc(span_of("application/grpc")));
    ck_assert(refusal_is_grpc(span_of("Application/gRPC+proto")));
    ck_assert(refusal_is_grpc(span_of("application/grpc;x=y")));
    ck_assert(!refusal_is_grpc(span_of("application/grpc-web")));
    ck_assert(!refusal_is_grpc(span_of("application/grp")));
    ck_assert(!refusal_is_grpc((struct span){ NULL, 0 }));
}
END_TEST

START_TEST(refusal_notes_that_memory_is_out)
{
    static const struct refusal refusal = { .cause = &error,
                                            .is_bearer = true };
    struct arena small;
    error_set(&error, OAUTH_EBEARER, "why");
    arena_init(&small, 16);
    reply = (struct flow_reply){ 0 };
    refusal_fill(&refusal, &small, &reply);
    ck_assert(arena_failed(&small));
    arena_release(&small);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/refusal");
    TCase *tcase = tcase_create("refusal");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, refusal_follows_rfc_6750);
    tcase_add_test(tcase,
                   refusal_challenges_only_where_a_credential_would_help);
    tcase_add_test(tcase, refusal_quotes_what_a_peer_said);
    tcase_add_test(tcase, refusal_speaks_grpc);
    tcase_add_test(tcase, refusal_knows_grpc_by_its_type);
    tcase_add_test(tcase, refusal_notes_that_memory_is_out);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
