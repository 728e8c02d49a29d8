/* SPDX-License-Identifier: Apache-2.0
 * Qdrant's tokens: which claims are believed, and what they allow. */
#include "engine/api/claims.h"
#include "engine/api/token_cache.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define NOW   1764300000
#define PLAIN "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static const char full[] = "the-api-key-of-this-engine";
static const char alt[] = "x";
static struct jwt_keys keys;
static struct arena arena;
static struct error error;

static void
setup(void)
{
    ck_assert_int_eq(jwt_keys_add(&keys, full, strlen(full)), ENGINE_OK);
    ck_assert_int_eq(jwt_keys_add(&keys, alt, strlen(alt)), ENGINE_OK);
    arena_init(&arena, 1 << 20);
}

static void
teardown(void)
{
    jwt_keys_release(&keys);
    arena_release(&arena);
}

static void
add_base64(struct bytes *out, const void *data, size_t size)
{
    static unsigned char text[JWT_TOKEN_SIZE_MAX];
    ck_assert_uint_lt(size, sizeof(text) / 4 * 3);
    int used = EVP_EncodeBlock(text, data, (int)size);
    for (int i = 0; i < used && text[i] != '='; i++)
        bytes_add_char(out, text[i] == '+'   ? '-'
                            : text[i] == '/' ? '_'
                                             : (char)text[i]);
}

static void
forge(struct bytes *out, const char *header, const char *claims,
      const char *key)
{
    unsigned char mac[32];
    unsigned size = 0;
    bytes_init(out, 32768);
    add_base64(out, header, strlen(header));
    bytes_add_char(out, '.');
    add_base64(out, claims, strlen(claims));
    ck_assert_ptr_nonnull(HMAC(EVP_sha256(), key, (int)strlen(key),
                               (const unsigned char *)out->data, out->size, mac,
                               &size));
    bytes_add_char(out, '.');
    add_base64(out, mac, size);
}

static enum engine_code
verify(const char *claims, struct identity *ret_identity)
{
    struct bytes token;
    forge(&token, PLAIN, claims, full);
    error.text[0] = '\0';
    enum engine_code code = claims_verify(&keys, bytes_span(&token), NOW,
                                          &arena, ret_identity, &error);
    bytes_wipe(&token);
    return code;
}

#define DOCS(more) "{\"access\":[{\"collection\":\"docs\"," more "}]}"

static const struct {
    const char *claims;
    enum right everywhere, docs, other;
} good[] = {
    { "{}", RIGHT_MANAGE, RIGHT_MANAGE, RIGHT_MANAGE },
    { "{\"access\":\"m\"}", RIGHT_MANAGE, RIGHT_MANAGE, RIGHT_MANAGE },
    { "{\"access\":\"r\"}", RIGHT_READ, RIGHT_READ, RIGHT_READ },
    { "{\"access\":[]}", RIGHT_NONE, RIGHT_NONE, RIGHT_NONE },
    { DOCS("\"access\":\"r\""), RIGHT_NONE, RIGHT_READ, RIGHT_NONE },
    { DOCS("\"access\":\"prw\""), RIGHT_NONE, RIGHT_POINTS, RIGHT_NONE },
    { DOCS("\"access\":\"rw\""), RIGHT_NONE, RIGHT_WRITE, RIGHT_NONE },
    { "{\"access\":\"r\",\"exp\":null,\"aud\":\"x\",\"what\":{}}", RIGHT_READ,
      RIGHT_READ, RIGHT_READ },
};

START_TEST(claims_give_rights)
{
    struct identity identity;
    struct span docs = span_of("docs"), other = span_of("doc");
    ck_assert_msg(verify(good[_i].claims, &identity) == ENGINE_OK, "%s: %s",
                  good[_i].claims, error.text);
    ck_assert_int_eq(rights_on(&identity.rights, NULL), good[_i].everywhere);
    ck_assert_int_eq(rights_on(&identity.rights, &docs), good[_i].docs);
    ck_assert_int_eq(rights_on(&identity.rights, &other), good[_i].other);
    ck_assert_uint_eq(identity.wanted.size, 0);
}
END_TEST

static const struct {
    const char *claims;
    enum engine_code code;
    const char *cause;
} bad[] = {
    { "{\"exp\":1764299969}", ENGINE_EFORBIDDEN, "ExpiredSignature" },
    { "{\"nbf\":1764300031}", ENGINE_EFORBIDDEN, "ImmatureSignature" },
    { "{\"exp\":\"1764300090\"}", ENGINE_EINPUT, "`exp`" },
    { "{\"exp\":-1}", ENGINE_EINPUT, "`exp`" },
    { "{\"exp\":1e12}", ENGINE_EINPUT, "`exp`" },
    { "{\"exp\":18446744073709551615}", ENGINE_EINPUT, "`exp`" },
    { "{\"nbf\":\"x\"}", ENGINE_EINPUT, "`nbf`" },
    { "{\"access\":null}", ENGINE_EINPUT, "`access`" },
    { "{\"access\":\"rw\"}", ENGINE_EINPUT, "`access`" },
    { "{\"access\":{}}", ENGINE_EINPUT, "`access`" },
    { DOCS("\"access\":\"m\""), ENGINE_EINPUT, "`access`" },
    { DOCS("\"access\":\"x\""), ENGINE_EINPUT, "`access`" },
    /* not knowing a member must not widen what it may narrow */
    { DOCS("\"access\":\"r\",\"payload\":{\"a\":[1]}"), ENGINE_EINPUT,
      "`access`" },
    { DOCS("\"access\":\"r\",\"payloads\":null"), ENGINE_EINPUT, "`access`" },
    /* the gateway's patterns are no names here */
    { "{\"access\":[{\"collection\":\"*\",\"access\":\"r\"}]}", ENGINE_EINPUT,
      "`access`" },
    { "{\"access\":[{\"collection\":\"a\",\"access\":\"r\"},"
      "{\"collection\":\"a\",\"access\":\"rw\"}]}",
      ENGINE_EINPUT, "twice" },
    { "{\"value_exists\":[]}", ENGINE_EINPUT, "`value_exists`" },
    { "{\"value_exists\":{\"collection\":\"a\"}}", ENGINE_EINPUT,
      "`value_exists`" },
    { "{\"value_exists\":{\"collection\":\"\",\"matches\":[]}}", ENGINE_EINPUT,
      "`value_exists`" },
    { "{\"value_exists\":{\"collection\":\"a\",\"matches\":[{\"key\":\"k\","
      "\"value\":1.5}]}}",
      ENGINE_EINPUT, "`value_exists`" },
    { "{\"value_exists\":{\"collection\":\"a\",\"matches\":[{\"key\":\"k\","
      "\"value\":18446744073709551615}]}}",
      ENGINE_EINPUT, "`value_exists`" },
    { "{\"value_exists\":{\"collection\":\"a\",\"matches\":[],\"more\":1}}",
      ENGINE_EINPUT, "`value_exists`" },
    { "{\"access\":\"r\",\"access\":\"r\"}", ENGINE_EINPUT, "twice" },
    { "{\"access\":\"m\",\"value_exists\":null,\"value_exists\":null}",
      ENGINE_EINPUT, "twice" },
    { "[]", ENGINE_EINPUT, "no JSON object" },
};

START_TEST(claims_that_are_not_understood_are_refused)
{
    struct identity identity;
    enum engine_code code = verify(bad[_i].claims, &identity);
    ck_assert_msg(code == bad[_i].code &&
                      strstr(error.text, bad[_i].cause) != NULL,
                  "%s: %d %s", bad[_i].claims, (int)code, error.text);
}
END_TEST

START_TEST(claims_have_times_with_leeway)
{
    struct identity identity;
    ck_assert_int_eq(
        verify("{\"exp\":1764299970,\"nbf\":1764300030}", &identity),
        ENGINE_OK);
    ck_assert_int_eq(identity.until_s, NOW);
    ck_assert_int_eq(identity.from_s, NOW);
}
END_TEST

START_TEST(claims_want_a_point)
{
    struct identity identity;
    ck_assert_int_eq(
        verify("{\"value_exists\":{\"collection\":\"users\",\"matches\":["
               "{\"key\":\"a.b\",\"value\":\"q\\\"\"},"
               "{\"key\":\"n\",\"value\":-3},"
               "{\"key\":\"is\",\"value\":true}]},\"sub\":\"s\","
               "\"subject\":\"alice\"}",
               &identity),
        ENGINE_OK);
    ck_assert(span_equal_text(identity.wanted_in, "users"));
    ck_assert(span_equal_text(
        identity.wanted, "{\"must\":["
                         "{\"key\":\"a.b\",\"match\":{\"value\":\"q\\\"\"}},"
                         "{\"key\":\"n\",\"match\":{\"value\":-3}},"
                         "{\"key\":\"is\",\"match\":{\"value\":true}}]}"));
    ck_assert(span_equal_text(identity.sub, "alice"));
}
END_TEST

/* Either key signs; no other does; nor does a key that is cut or longer. */
static const struct {
    const char *key, *header;
    enum engine_code code;
} signers[] = {
    { full, PLAIN, ENGINE_OK },
    { alt, PLAIN, ENGINE_OK },
    { alt, "{\"alg\":\"HS256\",\"kid\":\"k\"}", ENGINE_OK },
    { "y", PLAIN, ENGINE_EFORBIDDEN },
    { "the-api-key-of-this-engin", PLAIN, ENGINE_EFORBIDDEN },
    { "the-api-key-of-this-engine1", PLAIN, ENGINE_EFORBIDDEN },
    { full, "{\"alg\":\"HS512\"}", ENGINE_EINPUT },
    { full, "{\"alg\":\"none\"}", ENGINE_EINPUT },
    { full, "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", ENGINE_EINPUT },
};

START_TEST(claims_are_signed_by_our_keys)
{
    struct identity identity;
    struct bytes token;
    forge(&token, signers[_i].header, "{}", signers[_i].key);
    ck_assert_int_eq(claims_verify(&keys, bytes_span(&token), NOW, &arena,
                                   &identity, &error),
                     signers[_i].code);
    bytes_release(&token);
}
END_TEST

/* What was signed before is no part of what is signed now. */
START_TEST(claims_are_checked_by_keys_that_were_used)
{
    static const char *const texts[] = { "{}", "{\"access\":\"r\"}", "{ }" };
    struct identity identity;
    for (unsigned i = 0; i < 9; i++) {
        struct bytes token;
        const char *key = i % 2 == 0 ? full : alt;
        forge(&token, PLAIN, texts[i % 3], key);
        ck_assert_int_eq(claims_verify(&keys, bytes_span(&token), NOW, &arena,
                                       &identity, &error),
                         ENGINE_OK);
        bytes_release(&token);
        forge(&token, PLAIN, texts[i % 3], "another");
        ck_assert_int_eq(claims_verify(&keys, bytes_span(&token), NOW, &arena,
                                       &identity, &error),
                         ENGINE_EFORBIDDEN);
        bytes_release(&token);
    }
}
END_TEST

/* Keys around the size of the hash's block, which longer ones are hashed to. */
START_TEST(claims_are_signed_by_keys_of_any_size)
{
    static const size_t sizes[] = { 1, 31, 32, 63, 64, 65, 127, 128, 200 };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct jwt_keys one = { 0 };
        struct identity identity;
        struct bytes token;
        char key[256];
        memset(key, 'k', sizes[i]);
        key[0] = 'a';
        key[sizes[i]] = '\0';
        ck_assert_int_eq(jwt_keys_add(&one, key, sizes[i]), ENGINE_OK);
        forge(&token, PLAIN, "{}", key);
        ck_assert_int_eq(claims_verify(&one, bytes_span(&token), NOW, &arena,
                                       &identity, &error),
                         ENGINE_OK);
        bytes_release(&token);
        key[sizes[i] - 1] ^= 1;
        forge(&token, PLAIN, "{}", key);
        ck_assert_int_eq(claims_verify(&one, bytes_span(&token), NOW, &arena,
                                       &identity, &error),
                         ENGINE_EFORBIDDEN);
        bytes_release(&token);
        jwt_keys_release(&one);
    }
}
END_TEST

/* Parts of many values: `value` as often as a token has room for. */
static void
fill_parts(struct bytes *token, const char *value)
{
    static char claims[JWT_TOKEN_SIZE_MAX / 4 * 3];
    size_t used = (size_t)snprintf(claims, sizeof(claims), "{\"access\":[");
    size_t room = (JWT_TOKEN_SIZE_MAX - 100) / 4 * 3;
    for (unsigned i = 0; used + 60 + RIGHTS_VALUES_MAX * 8 < room; i++) {
        used += (size_t)snprintf(claims + used, sizeof(claims) - used,
                                 "%s{\"collection\":\"%x\",\"access\":\"r\","
                                 "\"payload\":{",
                                 i == 0 ? "" : ",", i);
        for (unsigned k = 0; k < RIGHTS_VALUES_MAX; k++)
            used += (size_t)snprintf(claims + used, sizeof(claims) - used,
                                     "%s%s", k == 0 ? "" : ",", value);
        used += (size_t)snprintf(claims + used, sizeof(claims) - used, "}}");
    }
    snprintf(claims + used, sizeof(claims) - used, "]}");
    forge(token, PLAIN, claims, full);
    ck_assert_uint_le(token->size, JWT_TOKEN_SIZE_MAX);
    ck_assert_uint_ge(token->size, JWT_TOKEN_SIZE_MAX / 10 * 9);
}

static const char *const small_values[] = { "\"a\":1", "\"a\":\"\"",
                                            "\"a[]\":1", "\"a.b\":1" };

START_TEST(claims_of_the_largest_token_fit)
{
    struct identity identity;
    struct bytes text;
    struct error none;
    fill_parts(&text, small_values[_i]);
    struct token *token = token_new(TOKEN_CLAIMS, bytes_span(&text));
    ck_assert_ptr_nonnull(token);
    ck_assert_int_eq(
        claims_verify(&keys, token->text, NOW, &token->arena, &identity, &none),
        ENGINE_OK);
    ck_assert_uint_gt(token->arena.used_size, TOKEN_KEPT_SIZE_MAX);
    token_release(token);
    /* In less it is known why it does not fit. */
    struct arena small;
    arena_init(&small, TOKEN_KEPT_SIZE_MAX);
    ck_assert_int_eq(
        claims_verify(&keys, bytes_span(&text), NOW, &small, &identity, &none),
        ENGINE_ENOMEM);
    ck_assert(arena_over_cap(&small));
    arena_release(&small);
    bytes_release(&text);
}
END_TEST

static const char *const foreign[] = {
    "", ".", "..", "a.b.c", "foo", "a.b.c.d", "eyJhbGciOiJub25lIn0.e30.",
};

START_TEST(claims_other_texts_are_no_tokens)
{
    struct identity identity;
    ck_assert_int_eq(claims_verify(&keys, span_of(foreign[_i]), NOW, &arena,
                                   &identity, &error),
                     ENGINE_EINPUT);
}
END_TEST

#define LOOP(test, table)                                                      \
    tcase_add_loop_test(tcase, test, 0, (int)(sizeof(table) / sizeof(table[0])))

int
main(void)
{
    Suite *suite = suite_create("claims");
    TCase *tcase = tcase_create("claims");
    tcase_add_checked_fixture(tcase, setup, teardown);
    LOOP(claims_give_rights, good);
    LOOP(claims_that_are_not_understood_are_refused, bad);
    tcase_add_test(tcase, claims_have_times_with_leeway);
    tcase_add_test(tcase, claims_want_a_point);
    LOOP(claims_are_signed_by_our_keys, signers);
    tcase_add_test(tcase, claims_are_checked_by_keys_that_were_used);
    tcase_add_test(tcase, claims_are_signed_by_keys_of_any_size);
    LOOP(claims_of_the_largest_token_fit, small_values);
    LOOP(claims_other_texts_are_no_tokens, foreign);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
