/* SPDX-License-Identifier: Apache-2.0
 * Hidden fields of our own forms: what may be done, by which session. */
#include "oauth/form.h"

#include "base/base64.h"

#define TOKEN_RAW_SIZE  (1 + SEAL_MAC_SIZE)
#define ACTION_SIZE_MAX 256

_Static_assert(FORM_TOKEN_SIZE == BASE64_TEXT_SIZE(TOKEN_RAW_SIZE),
               "a token has one size");

static void
add_input(struct bytes *out, const struct session_ticket *ticket,
          struct span action)
{
    bytes_init(out, SESSION_ID_SIZE + ACTION_SIZE_MAX);
    bytes_add(out, ticket->id, SESSION_ID_SIZE);
    bytes_add_span(out, action);
}

enum oauth_code
form_token(const struct seal_ring *ring, const struct session_ticket *ticket,
           struct span action, struct bytes *out)
{
    unsigned char raw[TOKEN_RAW_SIZE] = { seal_kid(ring) };
    struct bytes input;
    enum oauth_code code = OAUTH_ENOMEM;
    add_input(&input, ticket, action);
    if (!bytes_failed(&input))
        code = seal_mac(ring, SEAL_FORM, bytes_span(&input), raw + 1);
    if (code == OAUTH_OK)
        base64_encode((struct span){ (const char *)raw, sizeof(raw) }, out);
    bytes_wipe(&input);
    return code;
}

bool
form_token_fits(const struct seal_ring *ring,
                const struct session_ticket *ticket, struct span action,
                struct span token)
{
    unsigned char raw[TOKEN_RAW_SIZE];
    struct bytes input;
    if (!base64_decode_exact(token, raw, sizeof(raw)))
        return false;
    add_input(&input, ticket, action);
    bool fits =
        !bytes_failed(&input) &&
        seal_mac_check(ring, SEAL_FORM, raw[0], bytes_span(&input), raw + 1);
    bytes_wipe(&input);
    return fits;
}
