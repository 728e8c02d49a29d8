/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a Cookie header, and its value as session ticket and login
 * state. */
#include "oauth/cookie.h"
#include "oauth/session.h"
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

static void
read_header(struct span header)
{
    static struct state state;
    struct session_ticket ticket;
    struct span value = { NULL, 0 };
    if (cookie_find(&header, 1, span_of("x"), &value) != COOKIE_FOUND)
        return;
    assert(value.size > 0 && value.size <= COOKIE_VALUE_SIZE_MAX);
    assert(value.data >= header.data);
    assert(value.data + value.size <= header.data + header.size);
    if (session_ticket_parse(ring(), value, &ticket) == OAUTH_OK)
        assert(value.size == SESSION_TICKET_TEXT_SIZE);
    if (state_open(ring(), value, NOW_S, &state) == OAUTH_OK)
        assert(state.count <= STATE_SLOT_COUNT_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size };
    read_header(text);
    return 0;
}
