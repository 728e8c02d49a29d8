/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the query of a callback: one of code and error, whatever else
 * it says. */
#include "oauth/callback.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_query(struct span query)
{
    struct arena arena;
    struct callback back;
    struct error error;
    arena_init(&arena, (size_t)64 << 10);
    if (callback_parse(query, &arena, &back, &error) == OAUTH_OK) {
        assert(back.state.size > 0);
        assert((back.code.size > 0) != (back.error.size > 0));
        assert(memchr(back.state.data, '\0', back.state.size) == NULL);
        enum oauth_code code =
            callback_check_issuer(&back, span_of("https://i"), true, NULL);
        assert((code == OAUTH_OK) ==
               (back.has_iss && span_equal_text(back.iss, "https://i")));
    }
    arena_wipe(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size };
    check_query(text);
    return 0;
}
