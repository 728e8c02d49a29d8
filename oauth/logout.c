/* SPDX-License-Identifier: Apache-2.0
 * The way out: the provider's session is ended by the browser that has it. */
#include "oauth/logout.h"

#include "base/base64.h"
#include "oauth/url.h"

#include <string.h>

static void
add_param(struct bytes *out, const char *name, struct span value)
{
    bytes_add_char(out, '&');
    bytes_add_text(out, name);
    bytes_add_char(out, '=');
    url_encode(value, out);
}

void
logout_url(const struct logout_request *request, struct bytes *out)
{
    bytes_add_text(out, request->endpoint);
    bytes_add_char(out, strchr(request->endpoint, '?') != NULL ? '&' : '?');
    bytes_add_text(out, "client_id=");
    url_encode(request->client_id, out);
    add_param(out, "post_logout_redirect_uri", request->return_url);
    if (request->id_token.size > 0 &&
        request->id_token.size <= LOGOUT_HINT_SIZE_MAX)
        add_param(out, "id_token_hint", request->id_token);
    if (request->state.size > 0)
        add_param(out, "state", request->state);
}

#define STATE_RAW_SIZE (1 + 8 + SEAL_MAC_SIZE)

_Static_assert(LOGOUT_STATE_SIZE == BASE64_TEXT_SIZE(STATE_RAW_SIZE),
               "a state has one size");

/* What the MAC is over: never the length of a form's input (form.h). */
#define STATE_LABEL "out"

struct state_input {
    char label[sizeof(STATE_LABEL) - 1];
    unsigned char time[8];
};

static struct span
input_of(struct state_input *input, const unsigned char *time)
{
    memcpy(input->label, STATE_LABEL, sizeof(input->label));
    memcpy(input->time, time, sizeof(input->time));
    return (struct span){ (const char *)input, sizeof(*input) };
}

enum oauth_code
logout_state(const struct seal_ring *ring, int64_t now_s, struct bytes *out)
{
    unsigned char raw[STATE_RAW_SIZE] = { seal_kid(ring) };
    struct state_input input;
    uint64_t time = (uint64_t)now_s;
    for (size_t i = 0; i < 8; i++)
        raw[1 + i] = (unsigned char)(time >> (8 * i));
    enum oauth_code code =
        seal_mac(ring, SEAL_FORM, input_of(&input, raw + 1), raw + 9);
    if (code == OAUTH_OK)
        base64_encode((struct span){ (const char *)raw, sizeof(raw) }, out);
    return code;
}

bool
logout_state_fits(const struct seal_ring *ring, struct span state,
                  int64_t now_s)
{
    unsigned char raw[STATE_RAW_SIZE];
    struct state_input input;
    uint64_t time = 0;
    if (!base64_decode_exact(state, raw, sizeof(raw)) ||
        !seal_mac_check(ring, SEAL_FORM, raw[0], input_of(&input, raw + 1),
                        raw + 9))
        return false;
    for (size_t i = 8; i > 0; i--)
        time = time << 8 | raw[i];
    return (int64_t)time <= now_s &&
           now_s - (int64_t)time <= LOGOUT_STATE_AGE_S;
}
