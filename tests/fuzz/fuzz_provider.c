/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a provider's answer: discovery, key set or token answer, by
 * the first byte. What is refused changes nothing. */
#include "oauth/jwks.h"
#include "oauth/provider.h"
#include "oauth/token.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_document(enum provider_document document, struct span body)
{
    struct provider *provider = NULL;
    struct error error = { 0 };
    const struct provider_options options = {
        .issuer = span_of("https://i.test"),
    };
    enum oauth_code code = provider_create(&options, &provider, &error);
    assert(code == OAUTH_OK);
    code = provider_put(provider, document, 200, body, 1790000000, &error);
    if (code != OAUTH_OK) {
        assert(error.code == code);
        assert(provider_metadata(provider) == NULL);
        assert(provider_jwks(provider) == NULL);
        assert(provider_wants(provider, document, 1790000000));
    } else if (document == PROVIDER_JWKS) {
        assert(provider_jwks(provider)->count > 0);
        assert(provider_jwks(provider)->count <= JWKS_KEY_COUNT_MAX);
    } else {
        assert(provider_metadata(provider)->token_endpoint != NULL);
        assert(provider_url(provider, PROVIDER_JWKS) != NULL);
    }
    provider_free(provider);
}

static void
check_token(int status, struct span body)
{
    struct arena arena;
    struct token_response response;
    struct error error = { 0 };
    arena_init(&arena, (size_t)64 << 10);
    enum oauth_code code =
        token_response_parse(status, body, &arena, &response, &error);
    if (code == OAUTH_OK)
        assert(response.access_token.size > 0 && response.expires_in_s >= 0);
    else
        assert(error.code == code);
    arena_wipe(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span rest = { (const char *)data + 1, size - 1 };
    if (data[0] == 'd')
        check_document(PROVIDER_DISCOVERY, rest);
    else if (data[0] == 'k')
        check_document(PROVIDER_JWKS, rest);
    else
        check_token(data[0] == 't' ? 200 : 400, rest);
    return 0;
}
