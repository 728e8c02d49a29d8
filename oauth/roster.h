/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_ROSTER_H
#define OAUTH_ROSTER_H

#include "base/arena.h"
#include "base/bytes.h"
#include "oauth/error.h"
#include "oauth/seal.h"

#include <stdbool.h>
#include <stdint.h>

/* The roster: which sessions a user has, so that all of them can be shown and
 * ended. It is a map in the store, one per user, issuer and client:
 *   key    "azimuth:user:" and base64url of SHA-256 over issuer, client, sub
 *   field  the hash part of a session's store key (session_store_key())
 *   value  OFFSET SIZE
 *          0      8    created_s, little endian
 *          8      8    expires_s
 *          16     n    sealed: u8 format, 32 bytes hash of sid, u8 size and
 *                      bytes of the address, the same for the user agent
 * The seal is bound to key, field and both times, so an entry that was moved
 * or changed does not open. A second key "azimuth:sid:..." leads from the
 * provider's session to the user's key: a logout token may have a sid alone.
 * The keys are plain hashes, not HMACs: a rotated secret must not hide the
 * sessions from whoever ends them. */

#define ROSTER_SESSION_COUNT_MAX 64 /* of one user; then the oldest ends */
#define ROSTER_KEY_SIZE_MAX      64 /* with the NUL */
#define ROSTER_FIELD_SIZE        43
#define ROSTER_HASH_SIZE         32
#define ROSTER_ADDRESS_SIZE_MAX  48
#define ROSTER_AGENT_SIZE_MAX    160
#define ROSTER_VALUE_SIZE_MAX    512

/* What a key is about: a user (`id` is the sub), a session of the provider
 * (the sid), or a logout token that was used (the jti). */
struct roster_name {
    struct span issuer;
    struct span client_id;
    struct span id;
};

enum roster_kind { ROSTER_USER, ROSTER_SID, ROSTER_LOGOUT };

struct roster_entry {
    struct span field; /* ROSTER_FIELD_SIZE bytes */
    int64_t created_s;
    int64_t expires_s; /* over in any case */
    bool is_open;      /* what follows was sealed by us */
    unsigned char sid_hash[ROSTER_HASH_SIZE]; /* zeros: the session has none */
    struct span address; /* of the client, for people to read */
    struct span agent;   /* printable ASCII */
};

/* Writes the key, NUL-terminated.
 * OAUTH_ENOMEM  memory, or names of absurd length.   OAUTH_EINTERNAL. */
enum oauth_code roster_key(enum roster_kind kind,
                           const struct roster_name *name,
                           char ret_key[ROSTER_KEY_SIZE_MAX])
    __attribute__((warn_unused_result));

/* The hash by which entries tell the provider's sessions apart. */
enum oauth_code roster_sid_hash(const struct roster_name *name,
                                unsigned char ret_hash[ROSTER_HASH_SIZE])
    __attribute__((warn_unused_result));

/* The field of a session's store key; borrows from it. */
struct span roster_field(struct span store_key);

/* Whether `field` can be one: whoever else writes into the store must not
 * make us delete keys that are no sessions. */
bool roster_is_field(struct span field);

/* Appends the store key of the session with this field. */
void roster_store_key(struct span field, struct bytes *out);

/* Appends what a person may see of a User-Agent header: printable ASCII, at
 * most ROSTER_AGENT_SIZE_MAX bytes. */
void roster_add_agent(struct span header, struct bytes *out);

/* Seals an entry and appends its value; too long texts are cut.
 *   key    of the user, as roster_key() wrote it
 *   nonce  SEAL_NONCE_SIZE fresh random bytes */
enum oauth_code roster_seal(const struct seal_ring *ring, struct span key,
                            const struct roster_entry *entry,
                            const unsigned char *nonce, struct bytes *out)
    __attribute__((warn_unused_result));

/* Reads the two times of a value, which are not sealed: believed as far as
 * the store is. False when it is no value of ours. */
bool roster_times(struct span value, struct roster_entry *entry);

/* Opens the value of entry->field, which is set by the caller; the rest is
 * written on success, texts copied into `arena`.
 * OAUTH_ECOOKIE  changed, moved, or sealed with a secret that is gone.
 * OAUTH_ENOMEM. */
enum oauth_code roster_open(const struct seal_ring *ring, struct span key,
                            struct span value, struct arena *arena,
                            struct roster_entry *entry)
    __attribute__((warn_unused_result));

#endif /* OAUTH_ROSTER_H */
