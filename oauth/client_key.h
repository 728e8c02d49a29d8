/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_CLIENT_KEY_H
#define OAUTH_CLIENT_KEY_H

#include "base/bytes.h"
#include "oauth/error.h"

/* The private key with which we prove who we are (private_key_jwt): RSA of at
 * least 2048 bits signs RS256, EC on P-256 signs ES256 (RFC 7518 section 3).
 * Immutable; may be used by any number of threads. */

#define CLIENT_KEY_PEM_SIZE_MAX ((size_t)16 << 10)
#define CLIENT_KEY_KID_SIZE_MAX 255

struct client_key;

/* Reads a key in PEM form, not encrypted.
 *   kid  what the provider calls it; printable ASCII; empty: not named
 * OAUTH_ECONFIG  no such key, of another kind, too short.   OAUTH_ENOMEM. */
enum oauth_code client_key_create(struct span pem, struct span kid,
                                  struct client_key **ret_key,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* NULL is allowed. */
void client_key_free(struct client_key *key);

/* Appends a compact JWT with these claims (a JSON object, not looked at).
 * OAUTH_EINTERNAL  OpenSSL.   OAUTH_ENOMEM. */
enum oauth_code client_key_sign(const struct client_key *key,
                                struct span claims, struct bytes *out)
    __attribute__((warn_unused_result));

#endif /* OAUTH_CLIENT_KEY_H */
