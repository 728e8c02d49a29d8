/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_SEAL_H
#define OAUTH_SEAL_H

#include "base/bytes.h"
#include "oauth/error.h"

#include <stdint.h>

/* Sealed bytes: AES-256-GCM under keys derived by HKDF-SHA256 (RFC 5869) from
 * the configured secrets.
 *   OFFSET SIZE
 *   0      1    format (1)
 *   1      1    key id, a byte derived from the secret
 *   2      12   nonce
 *   14     n    ciphertext
 *   14+n   16   tag
 * The first secret of a ring seals; every one of them opens. So a secret is
 * rotated by putting the new one in front and keeping the old one until the
 * longest session is over. */

#define SEAL_SECRET_SIZE_MIN  32
#define SEAL_SECRET_COUNT_MAX 8
#define SEAL_SALT_SIZE        32
#define SEAL_NONCE_SIZE       12
#define SEAL_OVERHEAD_SIZE    (2 + SEAL_NONCE_SIZE + 16)
#define SEAL_MAC_SIZE         16

struct seal_ring;

/* What the sealed bytes are for; each gets a key of its own, so that one
 * cookie can never stand in for another. */
enum seal_purpose {
    SEAL_LOGIN,
    SEAL_SESSION,
    SEAL_TICKET,
    SEAL_ROSTER, /* entries of the list of a user's sessions */
    SEAL_FORM,   /* hidden fields of our own forms */
    SEAL_STATE,  /* what a login's `state` carries */
    SEAL_PURPOSE_COUNT
};

/* Makes a ring out of `count` secrets (1..SEAL_SECRET_COUNT_MAX), each at
 * least SEAL_SECRET_SIZE_MIN bytes; the secrets are not kept.
 *   ret_ring  owned by the caller, seal_ring_free()
 * OAUTH_ECONFIG  too few, too many, too short or equal secrets.
 * OAUTH_ENOMEM. The ring is immutable: any thread may use it. */
enum oauth_code seal_ring_create(const struct span *secrets, size_t count,
                                 struct seal_ring **ret_ring,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

/* Wipes and frees; NULL is allowed. */
void seal_ring_free(struct seal_ring *ring);

/* What a seal is bound to besides its key. */
struct seal_context {
    enum seal_purpose purpose;
    const unsigned char *salt; /* SEAL_SALT_SIZE bytes mixed into the key, or
                                  NULL */
    struct span aad;           /* authenticated, not stored */
};

/* Seals `plain` with the ring's first secret and appends the sealed bytes to
 * `out`.
 *   nonce  SEAL_NONCE_SIZE bytes, never used before with the same key and salt
 * OAUTH_ENOMEM  memory, or the maximum of `out`.   OAUTH_EINTERNAL  OpenSSL. */
enum oauth_code
seal_bytes(const struct seal_ring *ring, const struct seal_context *context,
           struct span plain, const unsigned char *nonce, struct bytes *out)
    __attribute__((warn_unused_result));

/* Opens what seal_bytes() made and appends the plain bytes to `out`.
 * OAUTH_ECOOKIE  not ours: format, unknown key id, wrong context or changed.
 * OAUTH_ENOMEM  memory, or the maximum of `out`. `out` is unchanged then. */
enum oauth_code seal_open(const struct seal_ring *ring,
                          const struct seal_context *context,
                          struct span sealed, struct bytes *out)
    __attribute__((warn_unused_result));

/* Key id with which seal_mac() and seal_bytes() work now. */
unsigned char seal_kid(const struct seal_ring *ring);

/* HMAC-SHA256 of `data` under the first secret's key for `purpose`, cut to
 * SEAL_MAC_SIZE bytes. */
enum oauth_code seal_mac(const struct seal_ring *ring,
                         enum seal_purpose purpose, struct span data,
                         unsigned char *ret_mac)
    __attribute__((warn_unused_result));

/* Whether `mac` (SEAL_MAC_SIZE bytes) belongs to `data` under a secret with
 * key id `kid`; compares in constant time. */
bool seal_mac_check(const struct seal_ring *ring, enum seal_purpose purpose,
                    unsigned char kid, struct span data,
                    const unsigned char *mac)
    __attribute__((warn_unused_result));

#endif /* OAUTH_SEAL_H */
