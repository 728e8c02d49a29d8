/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the payload of an ID token that the provider did sign, so that
 * the claim rules are reached; and as an access token's, for its roles. */
#include "base/base64.h"
#include "oauth/idtoken.h"
#include "oauth/jwt.h"
#include "tests/unit/oauth/forge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NOW_S 1790000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    EVP_PKEY *pkey;
    struct jwks *jwks;
} provider;

static void
make_provider(void)
{
    provider.pkey = forge_ec("P-256");
    char *set = forge_jwks(provider.pkey, "k");
    enum oauth_code code = jwks_parse(span_of(set), &provider.jwks, NULL);
    assert(code == OAUTH_OK);
    free(set);
}

/* Texts of a session end in no control character, whoever wrote them. */
static void
check_text(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        assert((unsigned char)text.data[i] >= 0x20 || text.data[i] == '\n');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error = { 0 };
    struct session session = { 0 };
    if (size > JWT_SIZE_MAX || memchr(data, '\0', size) != NULL)
        return 0;
    if (provider.pkey == NULL)
        make_provider();
    char *payload = strndup((const char *)data, size);
    assert(payload != NULL);
    char *token = forge_token(provider.pkey, "ES256",
                              "{\"alg\":\"ES256\",\"kid\":\"k\"}", payload);
    const struct idtoken_rules rules = {
        .issuer = span_of("https://i.test"),
        .client_id = span_of("me"),
        .nonce = span_of("n"),
        .access_token = span_of(token),
        .code = span_of("c"),
        .jwks = provider.jwks,
        .now_s = NOW_S,
    };
    arena_init(&arena, (size_t)256 << 10);
    enum oauth_code code =
        idtoken_check(span_of(token), &rules, &arena, &session, &error);
    if (code == OAUTH_OK) {
        assert(session.sub.size > 0);
        assert(session.sub.size <= IDTOKEN_SUB_SIZE_MAX);
        idtoken_add_access_roles(&rules, &arena, &session);
        check_text(session.sub);
        check_text(session.name);
        check_text(session.roles);
        check_text(session.groups);
    } else {
        assert(session.sub.size == 0);
        assert(error.code == code && error.text[0] != '\0');
    }
    arena_wipe(&arena);
    free(token);
    free(payload);
    return 0;
}
