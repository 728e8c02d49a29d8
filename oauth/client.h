/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_CLIENT_H
#define OAUTH_CLIENT_H

#include "base/bytes.h"
#include "oauth/client_key.h"
#include "oauth/discovery.h"
#include "oauth/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Who we are at the provider, and how each call of ours to it proves that
 * (OpenID Connect Core section 9, RFC 6749 section 2.3, RFC 7523). One call
 * carries exactly one proof. */

#define CLIENT_JTI_SIZE    16
#define CLIENT_ASSERTION_S 60 /* how long a signed proof is good for */

enum client_method {
    CLIENT_AUTO,  /* the key when there is one; else the secret, by Basic
                     unless the provider offers POST alone; else nothing */
    CLIENT_BASIC, /* client_secret_basic */
    CLIENT_POST,  /* client_secret_post */
    CLIENT_KEY,   /* private_key_jwt */
    CLIENT_NONE,  /* public: PKCE alone */
};

struct client {
    struct span id;
    struct span secret;           /* empty: none */
    const struct client_key *key; /* NULL: none */
    enum client_method method;
    bool is_for_endpoint; /* aud of a signed proof is the address called, and
                             not the issuer: for providers of the old school */
};

struct client_call {
    const struct provider_metadata *metadata;
    struct span url;          /* where the call goes */
    const unsigned char *jti; /* CLIENT_JTI_SIZE random bytes, never used */
    int64_t now_s;
    bool has_id; /* the form has a client_id already */
};

/* The method's name in metadata and configuration ("client_secret_basic");
 * false: unknown. */
bool client_method_of(struct span name, enum client_method *ret_method);

/* Whether what the method needs is there. OAUTH_ECONFIG. */
enum oauth_code client_check(const struct client *client, struct error *reterr)
    __attribute__((warn_unused_result));

/* Adds the proof to a call: parameters to its form, or the value of an
 * Authorization header (else nothing).
 * OAUTH_EINTERNAL  the key does not sign.   OAUTH_ENOMEM. */
enum oauth_code client_prove(const struct client *client,
                             const struct client_call *call, struct bytes *form,
                             struct bytes *authorization, struct error *reterr)
    __attribute__((warn_unused_result));

/* Appends "name=value", percent-encoded, behind a '&' when needed. */
void client_add_param(struct bytes *form, const char *name, struct span value);

#endif /* OAUTH_CLIENT_H */
