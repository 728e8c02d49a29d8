/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a provider's discovery document: what is refused changes
 * nothing, what is taken has every address that is needed. */
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
    code = provider_put(provider, PROVIDER_DISCOVERY, 200, body, 1790000000,
                        &error);
    if (code != OAUTH_OK) {
        assert(error.code == code);
        assert(provider_metadata(provider) == NULL);
        assert(provider_jwks(provider) == NULL);
        assert(provider_wants(provider, PROVIDER_DISCOVERY, 1790000000));
    } else {
        assert(provider_metadata(provider)->token_endpoint != NULL);
        assert(provider_url(provider, PROVIDER_JWKS) != NULL);
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
