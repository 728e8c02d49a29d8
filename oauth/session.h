/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_SESSION_H
#define OAUTH_SESSION_H

#include "base/arena.h"
#include "base/bytes.h"
#include "oauth/error.h"
#include "oauth/seal.h"

#include <stdint.h>

/* A session is a ticket. The cookie holds a random id and a random key; the
 * store holds, under the hash of the id, the record sealed with a key made of
 * the cookie's key and our secret. Neither half is worth anything alone.
 * Ticket, before base64url:
 *   OFFSET SIZE
 *   0      1    format (1)
 *   1      1    key id
 *   2      16   id
 *   18     32   key
 *   50     16   MAC over all before it: a forged ticket never asks the store
 * Record, before sealing: u8 format, then fields of u8 tag, u32 size, bytes;
 * numbers are i64 little endian; unknown tags are skipped. */

#define SESSION_ID_SIZE            16
#define SESSION_KEY_SIZE           32
#define SESSION_TICKET_TEXT_SIZE   88 /* base64url of 66 bytes */
#define SESSION_STORE_KEY_SIZE_MAX 64
#define SESSION_RECORD_SIZE_MAX    ((size_t)48 << 10)
#define SESSION_FIELD_SIZE_MAX     ((size_t)16 << 10)

struct session_ticket {
    unsigned char id[SESSION_ID_SIZE];
    unsigned char key[SESSION_KEY_SIZE]; /* secret: wipe after use */
};

/* Who is logged in. Times are seconds since 1970; 0 means unknown. Texts are
 * UTF-8 without control characters; absent ones have size 0. */
struct session {
    int64_t created_s;        /* when the login ended here */
    int64_t auth_s;           /* auth_time of the provider */
    int64_t expires_s;        /* over in any case */
    int64_t access_expires_s; /* end of the provider's access token */
    int64_t refreshed_s;      /* when the tokens were given to us */
    int64_t serial;           /* grows with each write of the record */
    struct span sub;
    struct span preferred_username;
    struct span email;
    struct span name;
    struct span roles;        /* one per line, '\n' between */
    struct span groups;       /* one per line, '\n' between */
    struct span realm_roles;  /* likewise; `roles` without those of clients */
    struct span client_roles; /* CLIENT TAB ROLE per line */
    struct span claims;       /* NAME TAB VALUE per line: those asked for */
    int64_t email_unverified; /* 1: the provider says that email is not */
    struct span sid;      /* the provider's session, for back-channel logout */
    struct span issuer;   /* who said all this, */
    struct span audience; /* and to which client: good for no other */
    struct span nonce;    /* of the login, which a later ID token may repeat */
    struct span id_token; /* id_token_hint of a logout */
    struct span refresh_token; /* secret */
};

/* Reads a cookie's text and checks its MAC; ret_ticket is written on success.
 * OAUTH_ECOOKIE  not a ticket of ours. No memory, no store: hot path. */
enum oauth_code session_ticket_parse(const struct seal_ring *ring,
                                     struct span text,
                                     struct session_ticket *ret_ticket)
    __attribute__((warn_unused_result));

/* Appends the cookie's text (SESSION_TICKET_TEXT_SIZE bytes) to `out`. */
enum oauth_code session_ticket_format(const struct seal_ring *ring,
                                      const struct session_ticket *ticket,
                                      struct bytes *out)
    __attribute__((warn_unused_result));

/* Writes the store's key for `ticket`, NUL-terminated text of at most
 * SESSION_STORE_KEY_SIZE_MAX bytes with the NUL: "azimuth:session:" and the
 * base64url of SHA-256 over the id. */
enum oauth_code session_store_key(const struct session_ticket *ticket,
                                  char ret_key[SESSION_STORE_KEY_SIZE_MAX])
    __attribute__((warn_unused_result));

/* The id in the text of a cookie whose MAC nobody checked: to name a session
 * in logs, and to decide nothing. OAUTH_ECOOKIE  not the form of a ticket. */
enum oauth_code session_cookie_id(struct span text,
                                  unsigned char ret_id[SESSION_ID_SIZE])
    __attribute__((warn_unused_result));

/* Seals `session` for the store and appends it to `out`.
 *   nonce  SEAL_NONCE_SIZE fresh random bytes
 * OAUTH_ELIMIT  a field or the whole is too large.   OAUTH_ENOMEM. */
enum oauth_code session_seal(const struct seal_ring *ring,
                             const struct session_ticket *ticket,
                             const struct session *session,
                             const unsigned char *nonce, struct bytes *out)
    __attribute__((warn_unused_result));

/* Opens a stored record.
 *   plain        takes the opened bytes, to which ret_session points; wipe it
 *                when the session is no longer needed
 * OAUTH_ECOOKIE  changed, swapped, of another version, or malformed.
 * OAUTH_ENOMEM. */
enum oauth_code session_open(const struct seal_ring *ring,
                             const struct session_ticket *ticket,
                             struct span record, struct bytes *plain,
                             struct session *ret_session)
    __attribute__((warn_unused_result));

/* Whether the session is over at now_s, however much it is used. (One that is
 * idle for too long is gone from the store: flow.h, struct flow_session.) */
bool session_is_expired(const struct session *session, int64_t now_s);

#endif /* OAUTH_SESSION_H */
