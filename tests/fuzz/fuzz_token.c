/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the token endpoint's answer: with status 200 if the first byte
 * is 't', else 400. */
#include "oauth/token.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    check_token(data[0] == 't' ? 200 : 400, rest);
    return 0;
}
