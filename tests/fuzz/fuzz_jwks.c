/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a provider's key set: what is refused changes nothing, what
 * is taken has keys within the limit. */
#include "oauth/jwks.h"
#include "oauth/provider.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_document(struct span body)
{
    struct provider *provider = NULL;
    struct error error = { 0 };
    const struct provider_options options = {
        .issuer = span_of("https://i.test"),
    };
    enum oauth_code code = provider_create(&options, &provider, &error);
    assert(code == OAUTH_OK);
    code = provider_put(provider, PROVIDER_JWKS, 200, body, 1790000000, &error);
    if (code != OAUTH_OK) {
        assert(error.code == code);
        assert(provider_metadata(provider) == NULL);
        assert(provider_jwks(provider) == NULL);
        assert(provider_wants(provider, PROVIDER_JWKS, 1790000000));
    } else {
        assert(provider_jwks(provider)->count > 0);
        assert(provider_jwks(provider)->count <= JWKS_KEY_COUNT_MAX);
    }
    provider_free(provider);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size };
    check_document(text);
    return 0;
}
