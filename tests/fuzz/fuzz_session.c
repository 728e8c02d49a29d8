/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a session record behind our own seal: what opens names a
 * subject and can be sealed again. */
#include "oauth/session.h"

#include <assert.h>

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
    struct span text = { (const char *)data, size };
    read_record(text);
    return 0;
}
