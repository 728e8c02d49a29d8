/* SPDX-License-Identifier: Apache-2.0
 * The cache of believed tokens: what is in it, how much, and what it costs. */
#include "engine/api/token_cache.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct token_cache *cache;

static void
setup(void)
{
    cache = token_cache_new();
    ck_assert_ptr_nonnull(cache);
}

static void
teardown(void)
{
    token_cache_free(cache);
}

static void
put(enum token_kind kind, const char *text, const char *sub)
{
    struct token *token = token_new(kind, span_of(text));
    ck_assert_ptr_nonnull(token);
    token->identity.sub = arena_span(&token->arena, span_of(sub));
    token_cache_put(cache, token);
    token_release(token);
}

static bool
knows(enum token_kind kind, const char *text, const char *sub)
{
    struct token *token = token_cache_get(cache, kind, span_of(text));
    bool is_known = token != NULL && span_equal_text(token->identity.sub, sub);
    token_release(token);
    return is_known;
}

START_TEST(cache_knows_what_was_put_and_nothing_else)
{
    ck_assert(!knows(TOKEN_CLAIMS, "a.b.c", "u1"));
    put(TOKEN_CLAIMS, "a.b.c", "u1");
    ck_assert(knows(TOKEN_CLAIMS, "a.b.c", "u1"));
    ck_assert(!knows(TOKEN_CLAIMS, "a.b.d", "u1"));
    ck_assert(!knows(TOKEN_CLAIMS, "a.b.", "u1"));
    ck_assert(!knows(TOKEN_CLAIMS, "a.b.cc", "u1"));
}
END_TEST

/* A key's token is no word of the gateway, whatever it looks like. */
START_TEST(cache_keeps_kinds_apart)
{
    put(TOKEN_CLAIMS, "a.b.c", "u1");
    ck_assert(!knows(TOKEN_IDENTITY, "a.b.c", "u1"));
    put(TOKEN_IDENTITY, "a.b.c", "u2");
    ck_assert(knows(TOKEN_IDENTITY, "a.b.c", "u2"));
    ck_assert(knows(TOKEN_CLAIMS, "a.b.c", "u1"));
}
END_TEST

START_TEST(cache_takes_the_newer_one)
{
    put(TOKEN_CLAIMS, "a.b.c", "u1");
    put(TOKEN_CLAIMS, "a.b.c", "u2");
    ck_assert(knows(TOKEN_CLAIMS, "a.b.c", "u2"));
}
END_TEST

START_TEST(cache_is_bounded_and_holds_count)
{
    char text[32];
    unsigned known = 0;
    put(TOKEN_CLAIMS, "held", "me");
    struct token *held = token_cache_get(cache, TOKEN_CLAIMS, span_of("held"));
    ck_assert_ptr_nonnull(held);
    for (unsigned i = 0; i < 8 * TOKEN_CACHE_ENTRIES; i++) {
        snprintf(text, sizeof(text), "token-%u", i);
        put(TOKEN_CLAIMS, text, "u");
    }
    for (unsigned i = 0; i < 8 * TOKEN_CACHE_ENTRIES; i++) {
        snprintf(text, sizeof(text), "token-%u", i);
        known += knows(TOKEN_CLAIMS, text, "u");
    }
    ck_assert_uint_le(known, TOKEN_CACHE_ENTRIES);
    ck_assert_uint_ge(known, TOKEN_CACHE_ENTRIES / 2);
    /* Displaced, and still whole for the one who has it. */
    ck_assert(!knows(TOKEN_CLAIMS, "held", "me"));
    ck_assert(span_equal_text(held->identity.sub, "me"));
    token_release(held);
}
END_TEST

START_TEST(cache_leaves_out_what_is_big)
{
    struct token *token = token_new(TOKEN_CLAIMS, span_of("big"));
    ck_assert_ptr_nonnull(token);
    ck_assert_ptr_nonnull(arena_alloc(&token->arena, TOKEN_KEPT_SIZE_MAX));
    token_cache_put(cache, token);
    ck_assert_ptr_null(token_cache_get(cache, TOKEN_CLAIMS, span_of("big")));
    token_release(token);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("token_cache");
    TCase *tcase = tcase_create("token_cache");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, cache_knows_what_was_put_and_nothing_else);
    tcase_add_test(tcase, cache_keeps_kinds_apart);
    tcase_add_test(tcase, cache_takes_the_newer_one);
    tcase_add_test(tcase, cache_is_bounded_and_holds_count);
    tcase_add_test(tcase, cache_leaves_out_what_is_big);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
