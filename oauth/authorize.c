/* SPDX-License-Identifier: Apache-2.0
 * The authorization URL: the first step of a login. */
#include "oauth/authorize.h"

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

static void
add_endpoint(struct bytes *out, const char *endpoint)
{
    bytes_add_text(out, endpoint);
    bytes_add_char(out, strchr(endpoint, '?') != NULL ? '&' : '?');
}

enum oauth_code
authorize_params(const struct authorize_request *request, struct bytes *out)
{
    const struct state_slot *slot = request->slot;
    bytes_add_text(out, "response_type=code");
    add_param(out, "client_id", request->client_id);
    add_param(out, "redirect_uri", request->redirect_uri);
    add_param(out, "scope", request->scope);
    bytes_add_text(out, "&state=");
    bytes_add_span(out, request->state);
    bytes_add_text(out, "&nonce=");
    base64_encode(
        (struct span){ (const char *)slot->nonce, sizeof(slot->nonce) }, out);
    bytes_add_text(out, "&code_challenge_method=S256&code_challenge=");
    enum oauth_code code = pkce_challenge(slot->pkce, out);
    if (code != OAUTH_OK)
        return code;
    return bytes_failed(out) ? OAUTH_ENOMEM : OAUTH_OK;
}

enum oauth_code
authorize_url(const struct authorize_request *request, struct bytes *out)
{
    add_endpoint(out, request->endpoint);
    return authorize_params(request, out);
}

enum oauth_code
authorize_pushed_url(const struct authorize_request *request,
                     struct span request_uri, struct bytes *out)
{
    add_endpoint(out, request->endpoint);
    bytes_add_text(out, "client_id=");
    url_encode(request->client_id, out);
    add_param(out, "request_uri", request_uri);
    return bytes_failed(out) ? OAUTH_ENOMEM : OAUTH_OK;
}
