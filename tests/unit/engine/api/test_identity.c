/* SPDX-License-Identifier: Apache-2.0
 * The gateway's word: keys from a file, tokens that are believed and tokens
 * that are not (RFC 7515, 7519, 8725). */
#include "engine/api/identity.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fixture/folder.h"
#include "tests/fixture/suite.h"

#define NOW   1764300000
#define PLAIN "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static char directory[64];
static char path[96];
static struct identity_keys *keys;
static struct arena arena;
static struct error error;
static unsigned char key[32], old_key[32], other_key[32];

static void
write_keys(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
    ck_assert_int_eq(chmod(path, mode), 0);
}

static void
setup(void)
{
    char text[256];
    size_t used = (size_t)snprintf(text, sizeof(text), "# two keys\n");
    memset(key, 0xa1, sizeof(key));
    memset(old_key, 0x0F, sizeof(old_key));
    memset(other_key, 0x33, sizeof(other_key));
    for (int i = 0; i < 32; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "a1");
    used += (size_t)snprintf(text + used, sizeof(text) - used, "\n\n");
    for (int i = 0; i < 32; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "0F");
    snprintf(text + used, sizeof(text) - used, " \r\n");
    ck_assert(folder_make("/tmp", "identity", directory, sizeof(directory)));
    snprintf(path, sizeof(path), "%s/key", directory);
    write_keys(text, 0600);
    error.text[0] = '\0';
    keys = NULL;
    ck_assert_msg(identity_keys_read(path, &keys, &error) == ENGINE_OK, "%s",
                  error.text);
    arena_init(&arena, 1 << 20);
}

static void
teardown(void)
{
    identity_keys_free(keys);
    arena_release(&arena);
    folder_remove(directory);
}

static void
add_base64(struct bytes *out, const void *data, size_t size)
{
    unsigned char text[4096];
    int used = EVP_EncodeBlock(text, data, (int)size);
    for (int i = 0; i < used && text[i] != '='; i++)
        bytes_add_char(out, text[i] == '+'   ? '-'
                            : text[i] == '/' ? '_'
                                             : (char)text[i]);
}

/* A token of these parts, signed. `out` is released by the caller. */
static void
forge(struct bytes *out, const char *header, const char *claims,
      const unsigned char *with)
{
    unsigned char mac[32];
    unsigned size = 0;
    bytes_init(out, 16384);
    add_base64(out, header, strlen(header));
    bytes_add_char(out, '.');
    add_base64(out, claims, strlen(claims));
    ck_assert_ptr_nonnull(HMAC(EVP_sha256(), with, 32,
                               (const unsigned char *)out->data, out->size, mac,
                               &size));
    bytes_add_char(out, '.');
    add_base64(out, mac, size);
}

static enum engine_code
verify(struct span token, struct identity *ret_identity)
{
    error.text[0] = '\0';
    return identity_verify(keys, token, NOW, &arena, ret_identity, &error);
}

static const char good[] =
    "{\"iss\":\"https://g\",\"sub\":\"u1\",\"name\":\"Al\\u00efce\","
    "\"iat\":1764300000,\"exp\":1764300090,\"access\":\"m\"}";

START_TEST(identity_believes_each_key_of_the_file)
{
    struct identity identity;
    struct bytes token;
    forge(&token, PLAIN, good, _i == 0 ? key : old_key);
    ck_assert_msg(verify(bytes_span(&token), &identity) == ENGINE_OK, "%s",
                  error.text);
    bytes_wipe(&token);
    ck_assert(span_equal_text(identity.sub, "u1"));
    ck_assert(span_equal_text(identity.name, "Al\303\257ce"));
    ck_assert_int_eq(identity.rights.everywhere, RIGHT_MANAGE);
}
END_TEST

START_TEST(identity_refuses_another_key)
{
    struct identity identity;
    struct bytes token;
    forge(&token, PLAIN, good, other_key);
    ck_assert_int_eq(verify(bytes_span(&token), &identity), ENGINE_EFORBIDDEN);
    ck_assert_ptr_nonnull(strstr(error.text, "not signed"));
    bytes_release(&token);
}
END_TEST

/* Every byte of the token counts: none can be changed. */
START_TEST(identity_refuses_any_changed_byte)
{
    struct identity identity;
    struct bytes token;
    forge(&token, PLAIN, good, key);
    for (size_t i = 0; i < token.size; i++) {
        char was = token.data[i];
        token.data[i] = was == 'A' ? 'B' : 'A';
        ck_assert_int_eq(verify(bytes_span(&token), &identity),
                         ENGINE_EFORBIDDEN);
        token.data[i] = was;
    }
    for (size_t size = 0; size < token.size; size++)
        ck_assert_int_eq(verify((struct span){ token.data, size }, &identity),
                         ENGINE_EFORBIDDEN);
    bytes_release(&token);
}
END_TEST

/* The algorithm is ours, also for one who knows a key. */
static const char *const headers[] = {
    "{\"alg\":\"none\"}",
    "{\"alg\":\"HS384\"}",
    "{\"alg\":\"hs256\"}",
    "{\"typ\":\"JWT\"}",
    "{\"alg\":null}",
    "{\"alg\":\"HS256\",\"crit\":[\"x\"]}",
    "[\"HS256\"]",
    "HS256",
    "",
};

START_TEST(identity_pins_the_algorithm)
{
    struct identity identity;
    struct bytes token;
    forge(&token, headers[_i], good, key);
    ck_assert_int_eq(verify(bytes_span(&token), &identity), ENGINE_EFORBIDDEN);
    bytes_release(&token);
}
END_TEST

START_TEST(identity_refuses_a_token_without_signature)
{
    struct identity identity;
    struct bytes token;
    bytes_init(&token, 4096);
    add_base64(&token, "{\"alg\":\"none\"}", 14);
    bytes_add_char(&token, '.');
    add_base64(&token, good, strlen(good));
    ck_assert_int_eq(verify(bytes_span(&token), &identity), ENGINE_EFORBIDDEN);
    bytes_add_char(&token, '.');
    ck_assert_int_eq(verify(bytes_span(&token), &identity), ENGINE_EFORBIDDEN);
    bytes_release(&token);
}
END_TEST

static const struct {
    const char *claims;
    const char *cause; /* NULL: believed */
} claims[] = {
    /* times: NOW is 1764300000, 5 s of skew either way */
    { "{\"sub\":\"u\",\"iat\":1764299905,\"exp\":1764299995,\"access\":\"r\"}",
      NULL },
    { "{\"sub\":\"u\",\"iat\":1764299904,\"exp\":1764299994,\"access\":\"r\"}",
      "expired 6 s ago" },
    { "{\"sub\":\"u\",\"iat\":1764300005,\"exp\":1764300090,\"access\":\"r\"}",
      NULL },
    { "{\"sub\":\"u\",\"iat\":1764300006,\"exp\":1764300090,\"access\":\"r\"}",
      "6 s in the future" },
    { "{\"sub\":\"u\",\"iat\":1764300000,\"exp\":1764300300,\"access\":\"r\"}",
      NULL },
    { "{\"sub\":\"u\",\"iat\":1764300000,\"exp\":1764300301,\"access\":\"r\"}",
      "lives for more" },
    { "{\"sub\":\"u\",\"exp\":1764300090,\"access\":\"r\"}", "no iat" },
    { "{\"sub\":\"u\",\"iat\":1764300000,\"access\":\"r\"}", "no exp" },
    { "{\"sub\":\"u\",\"iat\":-1,\"exp\":1764300090,\"access\":\"r\"}",
      "no iat" },
    { "{\"sub\":\"u\",\"iat\":1764300000,\"exp\":1e300,\"access\":\"r\"}",
      "no exp" },
    { "{\"sub\":\"u\",\"iat\":1764300000,\"exp\":18446744073709551615,"
      "\"access\":\"r\"}",
      "no exp" },
    { "{\"sub\":\"u\",\"iat\":\"1764300000\",\"exp\":1764300090,"
      "\"access\":\"r\"}",
      "no iat" },
    /* who, and what for */
    { "{\"iat\":1764300000,\"exp\":1764300090,\"access\":\"r\"}", "no sub" },
    { "{\"sub\":\"\",\"iat\":1764300000,\"exp\":1764300090,\"access\":\"r\"}",
      "no sub" },
    { "{\"sub\":7,\"iat\":1764300000,\"exp\":1764300090,\"access\":\"r\"}",
      "no sub" },
    { "{\"sub\":\"u\",\"iat\":1764300000,\"exp\":1764300090}", "access" },
    { "{\"sub\":\"u\",\"iat\":1764300000,\"exp\":1764300090,"
      "\"access\":[{\"collection\":\"a\",\"access\":\"x\"}]}",
      "access" },
    { "[]", "no JSON object" },
    { "{", "no JSON object" },
    { "", "no JSON object" },
};

START_TEST(identity_judges_claims)
{
    struct identity identity;
    struct bytes token;
    forge(&token, PLAIN, claims[_i].claims, key);
    enum engine_code code = verify(bytes_span(&token), &identity);
    if (claims[_i].cause == NULL)
        ck_assert_msg(code == ENGINE_OK, "%s: %s", claims[_i].claims,
                      error.text);
    else
        ck_assert_msg(code == ENGINE_EFORBIDDEN &&
                          strstr(error.text, claims[_i].cause) != NULL,
                      "%s: %s", claims[_i].claims, error.text);
    bytes_release(&token);
}
END_TEST

START_TEST(identity_is_bounded)
{
    struct identity identity;
    struct bytes token;
    char long_claims[1024];
    snprintf(long_claims, sizeof(long_claims),
             "{\"sub\":\"%0*d\",\"iat\":1764300000,\"exp\":1764300090,"
             "\"access\":\"r\"}",
             IDENTITY_SUB_SIZE_MAX + 1, 1);
    forge(&token, PLAIN, long_claims, key);
    ck_assert_int_eq(verify(bytes_span(&token), &identity), ENGINE_EFORBIDDEN);
    bytes_release(&token);

    char spaces[IDENTITY_TOKEN_SIZE_MAX];
    memset(spaces, ' ', sizeof(spaces));
    memcpy(spaces, good, strlen(good));
    spaces[3040] = '\0';
    forge(&token, PLAIN, spaces, key);
    ck_assert_uint_gt(token.size, IDENTITY_TOKEN_SIZE_MAX);
    ck_assert_int_eq(verify(bytes_span(&token), &identity), ENGINE_EFORBIDDEN);
    bytes_release(&token);

    forge(&token, PLAIN, good, key);
    arena_release(&arena);
    arena_init(&arena, 64);
    ck_assert_int_eq(verify(bytes_span(&token), &identity), ENGINE_ENOMEM);
    bytes_release(&token);
}
END_TEST

static const struct {
    const char *text;
    mode_t mode;
    const char *cause;
} files[] = {
    { "", 0600, "has no key" },
    { "# nothing\n\n", 0600, "has no key" },
    { "a1\n", 0600, "line 1: not 64" },
    { "\n"
      "zza1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\n",
      0600, "line 2: not 64" },
    { "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\n",
      0640, "chmod 600" },
    { "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\n",
      0604, "chmod 600" },
};

START_TEST(identity_keys_are_checked)
{
    struct identity_keys *none = NULL;
    write_keys(files[_i].text, files[_i].mode);
    ck_assert_int_eq(identity_keys_read(path, &none, &error), ENGINE_EINPUT);
    ck_assert_msg(strstr(error.text, files[_i].cause) != NULL, "%s",
                  error.text);
    ck_assert_ptr_null(none);
}
END_TEST

START_TEST(identity_keys_have_a_maximum)
{
    struct identity_keys *some = NULL;
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i <= IDENTITY_KEYS_MAX; i++)
        fprintf(file, "%064d\n", i);
    fclose(file);
    ck_assert_int_eq(identity_keys_read(path, &some, &error), ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "more than"));
    snprintf(path, sizeof(path), "%s", directory);
    ck_assert_int_eq(identity_keys_read(path, &some, &error), ENGINE_EINPUT);
    snprintf(path, sizeof(path), "%s/none", directory);
    ck_assert_int_eq(identity_keys_read(path, &some, &error), ENGINE_EINPUT);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("identity");
    TCase *tcase = tcase_create("identity");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, identity_believes_each_key_of_the_file, 0, 2);
    tcase_add_test(tcase, identity_refuses_another_key);
    tcase_add_test(tcase, identity_refuses_any_changed_byte);
    tcase_add_loop_test(tcase, identity_pins_the_algorithm, 0,
                        (int)(sizeof(headers) / sizeof(headers[0])));
    tcase_add_test(tcase, identity_refuses_a_token_without_signature);
    tcase_add_loop_test(tcase, identity_judges_claims, 0,
                        (int)(sizeof(claims) / sizeof(claims[0])));
    tcase_add_test(tcase, identity_is_bounded);
    tcase_add_loop_test(tcase, identity_keys_are_checked, 0,
                        (int)(sizeof(files) / sizeof(files[0])));
    tcase_add_test(tcase, identity_keys_have_a_maximum);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
