/* SPDX-License-Identifier: Apache-2.0
 * By the first byte: 't' any bytes as a logout token, refused, or believed
 * only with a signature of the key below, whose private half nobody has any
 * more; 'e' a roster entry's bytes behind our own seal; 'v' without it. */
#include "oauth/logout_token.h"
#include "oauth/roster.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIELD "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static struct jwks *
keys(void)
{
    static struct jwks *jwks;
    static const char text[] =
        "{\"keys\":[{\"kid\":\"e\",\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
        "\"PY1a5H8NBc6ZPDW1Si8tLa9RutFi38lHNFPJZBmKTYc\",\"y\":"
        "\"TGNfFyxad0tlNl8P3bfRzwtMxltizsATbkTQQQXAVrg\"}]}";
    if (jwks == NULL) {
        enum oauth_code code = jwks_parse(span_of(text), &jwks, NULL);
        assert(code == OAUTH_OK && jwks->count == 1);
    }
    return jwks;
}

static void
check_token(struct span text)
{
    struct arena arena;
    struct error error = { 0 };
    struct logout_token token = { 0 };
    const struct logout_token_rules rules = {
        .issuer = span_of("https://i.test"),
        .client_id = span_of("me"),
        .jwks = keys(),
        .now_s = 1790000000,
    };
    arena_init(&arena, (size_t)64 << 10);
    enum oauth_code look = logout_token_look(text, &error);
    enum oauth_code code =
        logout_token_check(text, &rules, &arena, &token, &error);
    if (code == OAUTH_OK) {
        assert(look == OAUTH_OK);
        assert(token.jti.size > 0 && token.sub.size + token.sid.size > 0);
    } else {
        assert(token.jti.size == 0);
        assert(error.code == code && error.text[0] != '\0');
    }
    arena_release(&arena);
}

static void
check_entry(const struct seal_ring *ring, struct span value)
{
    struct arena arena;
    struct roster_entry entry = { .field = span_of(FIELD) };
    arena_init(&arena, 4096);
    enum oauth_code code =
        roster_open(ring, span_of("k"), value, &arena, &entry);
    assert(entry.is_open == (code == OAUTH_OK));
    if (code == OAUTH_OK) {
        assert(entry.address.size <= 255 && entry.agent.size <= 255);
        assert(entry.created_s >= 0 && entry.expires_s >= 0);
    }
    arena_release(&arena);
}

static void
check_sealed(struct span plain, int is_sealed)
{
    static const unsigned char nonce[SEAL_NONCE_SIZE];
    struct span secret = span_of("0123456789abcdef0123456789abcdef");
    struct seal_ring *ring = NULL;
    struct bytes aad;
    struct bytes value;
    enum oauth_code code = seal_ring_create(&secret, 1, &ring, NULL);
    assert(code == OAUTH_OK);
    bytes_init(&aad, 1024);
    bytes_init(&value, ROSTER_VALUE_SIZE_MAX * 2);
    if (is_sealed && plain.size >= 16 && plain.size <= ROSTER_VALUE_SIZE_MAX) {
        bytes_add_text(&aad, "k\n" FIELD "\n");
        bytes_add(&aad, plain.data, 16);
        bytes_add(&value, plain.data, 16);
        const struct seal_context context = { .purpose = SEAL_ROSTER,
                                              .aad = bytes_span(&aad) };
        code = seal_bytes(ring, &context,
                          (struct span){ plain.data + 16, plain.size - 16 },
                          nonce, &value);
        assert(code == OAUTH_OK);
        check_entry(ring, bytes_span(&value));
    } else {
        check_entry(ring, plain);
    }
    bytes_release(&aad);
    bytes_release(&value);
    seal_ring_free(ring);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span rest = { (const char *)data + 1, size - 1 };
    if (data[0] == 't')
        check_token(rest);
    else
        check_sealed(rest, data[0] == 'e');
    return 0;
}
