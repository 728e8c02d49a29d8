/* SPDX-License-Identifier: Apache-2.0
 * The writer of signed identities. Nothing reads them here. */
#include "oauth/assertion.h"

#include "base/base64.h"
#include "oauth/json.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define HEADER   "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define MAC_SIZE 32
/* Above what any claims can take, so that failing means memory. */
#define CLAIMS_SIZE_MAX ((size_t)16 << 10)

struct assertion_key {
    unsigned char secret[ASSERTION_KEY_SIZE];
};

enum oauth_code
assertion_key_create(const unsigned char *secret,
                     struct assertion_key **ret_key)
{
    struct assertion_key *key = malloc(sizeof(*key));
    if (key == NULL)
        return OAUTH_ENOMEM;
    memcpy(key->secret, secret, ASSERTION_KEY_SIZE);
    *ret_key = key;
    return OAUTH_OK;
}

void
assertion_key_free(struct assertion_key *key)
{
    if (key == NULL)
        return;
    OPENSSL_cleanse(key, sizeof(*key));
    free(key);
}

static void
add_claims(const struct assertion *assertion, struct bytes *claims)
{
    struct span name = assertion->name;
    if (name.size > ASSERTION_NAME_SIZE)
        name.size = ASSERTION_NAME_SIZE;
    bytes_add_text(claims, "{\"iss\":");
    json_add_text(claims, assertion->issuer);
    bytes_add_text(claims, ",\"sub\":");
    json_add_text(claims, assertion->sub);
    if (name.size > 0) {
        bytes_add_text(claims, ",\"name\":");
        json_add_text(claims, name);
    }
    bytes_addf(claims, ",\"iat\":%lld,\"exp\":%lld,\"access\":",
               (long long)assertion->now_s,
               (long long)assertion->now_s + ASSERTION_LIFE_S);
    bytes_add_span(claims, assertion->access);
    bytes_add_char(claims, '}');
}

enum oauth_code
assertion_write(const struct assertion_key *key,
                const struct assertion *assertion, struct bytes *out,
                struct error *reterr)
{
    unsigned char mac[MAC_SIZE];
    unsigned mac_size = 0;
    struct bytes claims, token;
    enum oauth_code code = OAUTH_OK;
    assert(assertion->sub.size > 0);
    if (assertion->sub.size > ASSERTION_SUB_SIZE_MAX)
        return error_set(reterr, OAUTH_ELIMIT,
                         "the subject is longer than %d bytes",
                         ASSERTION_SUB_SIZE_MAX);
    bytes_init(&claims, CLAIMS_SIZE_MAX);
    bytes_init(&token, 2 * CLAIMS_SIZE_MAX);
    add_claims(assertion, &claims);
    base64_encode(span_of(HEADER), &token);
    bytes_add_char(&token, '.');
    base64_encode(bytes_span(&claims), &token);
    size_t size = token.size + 1 + BASE64_TEXT_SIZE(MAC_SIZE);
    if (bytes_failed(&claims) || bytes_failed(&token))
        code = error_memory(reterr);
    else if (size > ASSERTION_SIZE_MAX)
        code = error_set(reterr, OAUTH_ELIMIT,
                         "the signed identity is longer than %d bytes",
                         ASSERTION_SIZE_MAX);
    else if (HMAC(EVP_sha256(), key->secret, ASSERTION_KEY_SIZE,
                  (const unsigned char *)token.data, token.size, mac,
                  &mac_size) == NULL)
        code = error_set(reterr, OAUTH_EINTERNAL, "HMAC failed");
    if (code == OAUTH_OK) {
        bytes_add_span(out, bytes_span(&token));
        bytes_add_char(out, '.');
        base64_encode((struct span){ (const char *)mac, mac_size }, out);
        if (bytes_failed(out))
            code = error_memory(reterr);
    }
    bytes_release(&claims);
    bytes_wipe(&token);
    return code;
}
