/* SPDX-License-Identifier: Apache-2.0
 * Token, key or neither. Whether something is a JWT is told by its looks
 * alone, so that a broken token is refused as a token and never taken for a
 * key. */
#include "oauth/credential.h"

#include "oauth/jwt.h"

#include <string.h>
#include <strings.h>

static const char scheme[] = "bearer";

/* token68 of RFC 9110 section 11.2. */
static bool
is_token(struct span text)
{
    size_t size = text.size;
    while (size > 0 && text.data[size - 1] == '=')
        size--;
    if (size == 0 || text.size > JWT_SIZE_MAX)
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || strchr("-._~+/", c) != NULL))
            return false;
    }
    return true;
}

/* Whether it begins with the base64url of "{" and has a dot: compact JOSE of
 * any number of parts. */
static bool
is_jose(struct span text)
{
    if (text.size < 3 || text.data[0] != 'e' ||
        memchr(text.data, '.', text.size) == NULL)
        return false;
    char c = text.data[1];
    return (c >= 'w' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

void
credential_read(struct span authorization, struct span api_key,
                struct credential *ret_credential)
{
    struct credential found = { .bearer = CREDENTIAL_NO_BEARER,
                                .has_key = api_key.size > 0 };
    size_t at = sizeof(scheme) - 1;
    if (authorization.size >= at &&
        strncasecmp(authorization.data, scheme, at) == 0 &&
        (authorization.size == at || authorization.data[at] == ' ')) {
        while (at < authorization.size && authorization.data[at] == ' ')
            at++;
        found.token =
            (struct span){ authorization.data + at, authorization.size - at };
        if (!is_token(found.token))
            found.bearer = CREDENTIAL_BAD;
        else
            found.bearer =
                is_jose(found.token) ? CREDENTIAL_JWT : CREDENTIAL_OPAQUE;
    }
    *ret_credential = found;
}

/* What a refused call should have brought. */
static const char *
wanted(const struct credential_gate *gate)
{
    if (gate->takes_key && gate->takes_bearer)
        return "an API key or an access token is needed";
    return gate->takes_key ? "an API key is needed"
                           : "an access token is needed";
}

enum credential_verdict
credential_route(const struct credential_gate *gate,
                 const struct credential *credential, struct error *reterr)
{
    enum credential_bearer bearer = credential->bearer;
    bool is_opaque = bearer == CREDENTIAL_OPAQUE;
    if (gate->takes_bearer &&
        (bearer == CREDENTIAL_JWT ||
         (is_opaque && gate->introspects && !gate->takes_key)))
        return CREDENTIAL_TO_TOKEN;
    if (gate->takes_key && (credential->has_key || is_opaque))
        return CREDENTIAL_TO_ENGINE;
    if (gate->takes_session && bearer != CREDENTIAL_BAD)
        return CREDENTIAL_TO_SESSION;
    if (bearer == CREDENTIAL_BAD)
        error_set(reterr, OAUTH_EREQUEST,
                  "the Authorization header has no token");
    else if (gate->takes_bearer && is_opaque)
        error_set(reterr, OAUTH_EBEARER, "the token is no JWT");
    else
        error_set(reterr, OAUTH_ENOCREDENTIAL, "%s", wanted(gate));
    return CREDENTIAL_REFUSED;
}
