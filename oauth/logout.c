/* SPDX-License-Identifier: Apache-2.0
 * The way out: the provider's session is ended by the browser that has it. */
#include "oauth/logout.h"

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
}
