/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the login state behind our own seal, so that its reader is
 * reached: what opens can be sealed and opened again. */
#include "base/base64.h"
#include "oauth/state.h"

#include <assert.h>

#define NOW_S 1790000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct seal_ring *
ring(void)
{
    static struct seal_ring *made;
    struct span secret = span_of("0123456789abcdef0123456789abcdef");
    if (made == NULL) {
        enum oauth_code code = seal_ring_create(&secret, 1, &made, NULL);
        assert(code == OAUTH_OK);
    }
    return made;
}

/* What state_open() takes, state_seal() writes and it takes again. */
static void
read_state(struct span plain)
{
    static struct state state;
    struct seal_context context = { .purpose = SEAL_LOGIN };
    const unsigned char nonce[SEAL_NONCE_SIZE] = { 0 };
    struct bytes sealed;
    struct bytes text;
    bytes_init(&sealed, (size_t)128 << 10);
    bytes_init(&text, STATE_COOKIE_SIZE_MAX);
    enum oauth_code code = seal_bytes(ring(), &context, plain, nonce, &sealed);
    assert(code == OAUTH_OK);
    base64_encode(bytes_span(&sealed), &text);
    if (!bytes_failed(&text) &&
        state_open(ring(), bytes_span(&text), NOW_S, &state) == OAUTH_OK) {
        size_t count = state.count;
        bytes_release(&text);
        code = state_seal(ring(), &state, nonce, &text);
        assert(code == OAUTH_OK);
        code = state_open(ring(), bytes_span(&text), NOW_S, &state);
        assert(code == OAUTH_OK && state.count == count);
    }
    bytes_release(&sealed);
    bytes_release(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size };
    read_state(text);
    return 0;
}
