/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the login cookie and as what `state` carries, behind our own
 * seal, so that the readers are reached: what opens can be sealed and opened
 * again. And as the text of a `state`. */
#include "base/base64.h"
#include "oauth/state.h"
#include "oauth/stateparam.h"

#include <assert.h>
#include <string.h>

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

/* There is one text for each content. */
static void
reopen_param(struct span text, const unsigned char *nonce)
{
    static struct state_slot slot;
    struct bytes again;
    if (stateparam_open(ring(), text, &slot) != OAUTH_OK)
        return;
    bytes_init(&again, STATEPARAM_SIZE_MAX);
    enum oauth_code code = stateparam_add(ring(), &slot, nonce, &again);
    assert(code == OAUTH_OK && span_equal(bytes_span(&again), text));
    bytes_release(&again);
}

static void
read_param(struct span plain)
{
    const unsigned char id[STATE_ID_SIZE] = "id";
    const unsigned char nonce[SEAL_NONCE_SIZE] = { 0 };
    struct seal_context context = {
        .purpose = SEAL_STATE,
        .aad = { (const char *)id, sizeof(id) },
    };
    struct bytes raw;
    struct bytes text;
    bytes_init(&raw, (size_t)128 << 10);
    bytes_init(&text, (size_t)256 << 10);
    bytes_add(&raw, id, sizeof(id));
    enum oauth_code code = seal_bytes(ring(), &context, plain, nonce, &raw);
    assert(code == OAUTH_OK);
    base64_encode(bytes_span(&raw), &text);
    reopen_param(bytes_span(&text), nonce);
    bytes_release(&raw);
    bytes_release(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct state_slot slot;
    struct span text = { (const char *)data, size };
    read_state(text);
    read_param(text);
    /* Nobody but us writes one that opens. */
    assert(stateparam_open(ring(), text, &slot) == OAUTH_ECOOKIE);
    return 0;
}
