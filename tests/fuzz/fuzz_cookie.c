/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a Cookie header, and its value as session ticket and login
 * state. The first byte chooses: a header, or bytes sealed by our own key, so
 * that the readers behind the seal are reached. */
#include "oauth/base64.h"
#include "oauth/cookie.h"
#include "oauth/session.h"
#include "oauth/state.h"

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

static void
read_record(struct span plain)
{
    struct session_ticket ticket = { .id = { 0 } };
    struct seal_context context = {
        .purpose = SEAL_SESSION,
        .salt = ticket.key,
        .aad = { (const char *)ticket.id, SESSION_ID_SIZE },
    };
    const unsigned char nonce[SEAL_NONCE_SIZE] = { 0 };
    struct session session;
    struct bytes sealed;
    struct bytes opened;
    bytes_init(&sealed, (size_t)128 << 10);
    bytes_init(&opened, SESSION_RECORD_SIZE_MAX);
    enum oauth_code code = seal_bytes(ring(), &context, plain, nonce, &sealed);
    assert(code == OAUTH_OK);
    if (session_open(ring(), &ticket, bytes_span(&sealed), &opened, &session) ==
        OAUTH_OK) {
        assert(session.sub.size > 0);
        bytes_release(&sealed);
        code = session_seal(ring(), &ticket, &session, nonce, &sealed);
        assert(code == OAUTH_OK || code == OAUTH_ELIMIT);
    }
    bytes_release(&sealed);
    bytes_release(&opened);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span rest = { (const char *)data + 1, size - 1 };
    if (data[0] == 's')
        read_state(rest);
    else if (data[0] == 'r')
        read_record(rest);
    else
        read_header(rest);
    return 0;
}
