/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_CREDENTIAL_H
#define OAUTH_CREDENTIAL_H

#include "base/bytes.h"
#include "oauth/error.h"

#include <stdbool.h>

/* What a call brings to be let in: a bearer token (RFC 6750 section 2.1), an
 * API key of the engine, or neither; and which of them a place takes. Pure and
 * without memory: hot path. */

enum credential_bearer {
    CREDENTIAL_NO_BEARER, /* no Authorization, or another scheme */
    CREDENTIAL_JWT,       /* looks like a token of RFC 7519, good or bad */
    CREDENTIAL_OPAQUE,    /* anything else: an API key, or a token that only
                             its provider can read */
    CREDENTIAL_BAD,       /* "Bearer" with nothing, or with what is no token */
};

struct credential {
    enum credential_bearer bearer;
    struct span token; /* JWT, OPAQUE: part of the header's value */
    bool has_key;      /* a header `api-key` that is not empty */
};

/* Reads the values of the one Authorization and the one `api-key` header; NULL
 * data where there is none. A second Authorization is for the host to see. */
void credential_read(struct span authorization, struct span api_key,
                     struct credential *ret_credential);

/* What a place takes. */
struct credential_gate {
    bool takes_session;
    bool takes_bearer;
    bool takes_key;
    bool introspects; /* opaque tokens, too; keys come first */
};

enum credential_verdict {
    CREDENTIAL_TO_TOKEN,   /* the token has to be judged */
    CREDENTIAL_TO_SESSION, /* the session has to be judged */
    CREDENTIAL_TO_ENGINE,  /* the key goes on to the engine, which judges it */
    CREDENTIAL_REFUSED,
};

/* Where the request goes. A token that is there is judged, whatever else is.
 * On CREDENTIAL_REFUSED reterr holds why: OAUTH_EREQUEST, OAUTH_EBEARER or
 * OAUTH_ENOCREDENTIAL. */
enum credential_verdict credential_route(const struct credential_gate *gate,
                                         const struct credential *credential,
                                         struct error *reterr);

#endif /* OAUTH_CREDENTIAL_H */
