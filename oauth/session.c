/* SPDX-License-Identifier: Apache-2.0
 * Ticket and record of a session. The record's key needs the cookie's half,
 * its associated data the id: a record moved to another key of the store, or
 * written by another format, does not open. */
#include "oauth/session.h"

#include "base/base64.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define TICKET_FORMAT    1
#define TIME_MAX         ((uint64_t)1 << 53)
#define RECORD_FORMAT    1
#define TICKET_BODY_SIZE (2 + SESSION_ID_SIZE + SESSION_KEY_SIZE)
#define TICKET_SIZE      (TICKET_BODY_SIZE + SEAL_MAC_SIZE)

_Static_assert(SESSION_TICKET_TEXT_SIZE == BASE64_TEXT_SIZE(TICKET_SIZE),
               "the ticket's text has one size");
_Static_assert(SESSION_KEY_SIZE == SEAL_SALT_SIZE, "the key is the salt");

/* Tags are part of the stored format: never reuse one (3 and 4 were times). */
static const struct time_field {
    unsigned char tag;
    size_t offset;
} time_fields[] = {
    { 1, offsetof(struct session, created_s) },
    { 2, offsetof(struct session, auth_s) },
    { 5, offsetof(struct session, expires_s) },
    { 6, offsetof(struct session, access_expires_s) },
    { 7, offsetof(struct session, serial) },
    { 8, offsetof(struct session, refreshed_s) },
    { 20, offsetof(struct session, email_unverified) },
};

static const struct text_field {
    unsigned char tag;
    size_t offset;
} text_fields[] = {
    { 32, offsetof(struct session, sub) },
    { 33, offsetof(struct session, preferred_username) },
    { 34, offsetof(struct session, email) },
    { 35, offsetof(struct session, name) },
    { 36, offsetof(struct session, roles) },
    { 37, offsetof(struct session, groups) },
    { 38, offsetof(struct session, sid) },
    { 39, offsetof(struct session, id_token) },
    { 40, offsetof(struct session, refresh_token) },
    { 41, offsetof(struct session, issuer) },
    { 42, offsetof(struct session, audience) },
    { 43, offsetof(struct session, nonce) },
    { 60, offsetof(struct session, realm_roles) },
    { 61, offsetof(struct session, client_roles) },
    { 62, offsetof(struct session, claims) },
};

#define TIME_FIELD_COUNT (sizeof(time_fields) / sizeof(time_fields[0]))
#define TEXT_FIELD_COUNT (sizeof(text_fields) / sizeof(text_fields[0]))

enum oauth_code
session_ticket_parse(const struct seal_ring *ring, struct span text,
                     struct session_ticket *ret_ticket)
{
    unsigned char raw[TICKET_SIZE];
    enum oauth_code code = OAUTH_ECOOKIE;
    if (!base64_decode_exact(text, raw, sizeof(raw)) || raw[0] != TICKET_FORMAT)
        return OAUTH_ECOOKIE;
    struct span body = { (const char *)raw, TICKET_BODY_SIZE };
    if (seal_mac_check(ring, SEAL_TICKET, raw[1], body,
                       raw + TICKET_BODY_SIZE)) {
        memcpy(ret_ticket->id, raw + 2, SESSION_ID_SIZE);
        memcpy(ret_ticket->key, raw + 2 + SESSION_ID_SIZE, SESSION_KEY_SIZE);
        code = OAUTH_OK;
    }
    OPENSSL_cleanse(raw, sizeof(raw));
    return code;
}

enum oauth_code
session_ticket_format(const struct seal_ring *ring,
                      const struct session_ticket *ticket, struct bytes *out)
{
    unsigned char raw[TICKET_SIZE] = { TICKET_FORMAT, seal_kid(ring) };
    memcpy(raw + 2, ticket->id, SESSION_ID_SIZE);
    memcpy(raw + 2 + SESSION_ID_SIZE, ticket->key, SESSION_KEY_SIZE);
    enum oauth_code code = seal_mac(
        ring, SEAL_TICKET, (struct span){ (const char *)raw, TICKET_BODY_SIZE },
        raw + TICKET_BODY_SIZE);
    if (code == OAUTH_OK) {
        base64_encode((struct span){ (const char *)raw, sizeof(raw) }, out);
        if (bytes_failed(out))
            code = OAUTH_ENOMEM;
    }
    OPENSSL_cleanse(raw, sizeof(raw));
    return code;
}

enum oauth_code
session_store_key(const struct session_ticket *ticket,
                  char ret_key[SESSION_STORE_KEY_SIZE_MAX])
{
    static const char prefix[] = "azimuth:session:";
    unsigned char hash[32];
    unsigned size = 0;
    struct bytes text;
    if (EVP_Digest(ticket->id, SESSION_ID_SIZE, hash, &size, EVP_sha256(),
                   NULL) != 1)
        return OAUTH_EINTERNAL;
    bytes_init(&text, SESSION_STORE_KEY_SIZE_MAX - 1);
    bytes_add_text(&text, prefix);
    base64_encode((struct span){ (const char *)hash, sizeof(hash) }, &text);
    enum oauth_code code = bytes_failed(&text) ? OAUTH_ENOMEM : OAUTH_OK;
    if (code == OAUTH_OK)
        memcpy(ret_key, text.data, text.size + 1);
    bytes_release(&text);
    return code;
}

enum oauth_code
session_cookie_id(struct span text, unsigned char ret_id[SESSION_ID_SIZE])
{
    /* 24 letters are 18 bytes: format, key id, id. */
    unsigned char raw[2 + SESSION_ID_SIZE];
    static_assert(sizeof(raw) % 3 == 0, "no letter is shared with the key");
    if (text.size != SESSION_TICKET_TEXT_SIZE ||
        !base64_decode_exact((struct span){ text.data, sizeof(raw) / 3 * 4 },
                             raw, sizeof(raw)) ||
        raw[0] != TICKET_FORMAT)
        return OAUTH_ECOOKIE;
    memcpy(ret_id, raw + 2, SESSION_ID_SIZE);
    return OAUTH_OK;
}

static struct seal_context
context_of(const struct session_ticket *ticket)
{
    return (struct seal_context){
        .purpose = SEAL_SESSION,
        .salt = ticket->key,
        .aad = { (const char *)ticket->id, SESSION_ID_SIZE },
    };
}

static void
add_field(struct bytes *out, unsigned char tag, struct span value)
{
    bytes_add_char(out, (char)tag);
    bytes_add_u32(out, (uint32_t)value.size);
    bytes_add_span(out, value);
}

enum oauth_code
session_seal(const struct seal_ring *ring, const struct session_ticket *ticket,
             const struct session *session, const unsigned char *nonce,
             struct bytes *out)
{
    struct bytes plain;
    enum oauth_code code = OAUTH_OK;
    const char *base = (const char *)session;
    bytes_init(&plain, SESSION_RECORD_SIZE_MAX);
    bytes_add_char(&plain, RECORD_FORMAT);
    for (size_t i = 0; i < TIME_FIELD_COUNT; i++) {
        int64_t value = 0;
        memcpy(&value, base + time_fields[i].offset, sizeof(value));
        bytes_add_char(&plain, (char)time_fields[i].tag);
        bytes_add_u32(&plain, sizeof(value));
        bytes_add_u64(&plain, (uint64_t)value);
    }
    for (size_t i = 0; i < TEXT_FIELD_COUNT && code == OAUTH_OK; i++) {
        struct span value;
        memcpy(&value, base + text_fields[i].offset, sizeof(value));
        if (value.size > SESSION_FIELD_SIZE_MAX)
            code = OAUTH_ELIMIT;
        else if (value.size > 0)
            add_field(&plain, text_fields[i].tag, value);
    }
    if (code == OAUTH_OK && bytes_failed(&plain))
        code = OAUTH_ELIMIT;
    if (code == OAUTH_OK) {
        struct seal_context context = context_of(ticket);
        code = seal_bytes(ring, &context, bytes_span(&plain), nonce, out);
    }
    bytes_wipe(&plain);
    return code;
}

static uint64_t
number_at(const char *data, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i > 0; i--)
        value = value << 8 | (unsigned char)data[i - 1];
    return value;
}

static bool
set_field(struct session *session, unsigned char tag, struct span value)
{
    char *base = (char *)session;
    for (size_t i = 0; i < TIME_FIELD_COUNT; i++) {
        if (time_fields[i].tag != tag)
            continue;
        if (value.size != 8)
            return false;
        uint64_t raw = number_at(value.data, 8);
        if (raw > TIME_MAX)
            return false;
        int64_t number = (int64_t)raw;
        memcpy(base + time_fields[i].offset, &number, sizeof(number));
        return true;
    }
    for (size_t i = 0; i < TEXT_FIELD_COUNT; i++) {
        if (text_fields[i].tag == tag)
            memcpy(base + text_fields[i].offset, &value, sizeof(value));
    }
    return true;
}

static bool
record_read(struct span plain, struct session *ret_session)
{
    struct session session = { 0 };
    size_t at = 1;
    if (plain.size < 1 || plain.data[0] != RECORD_FORMAT)
        return false;
    while (at < plain.size) {
        if (plain.size - at < 5)
            return false;
        unsigned char tag = (unsigned char)plain.data[at];
        size_t size = (size_t)number_at(plain.data + at + 1, 4);
        at += 5;
        if (size > plain.size - at || size > SESSION_FIELD_SIZE_MAX ||
            !set_field(&session, tag, (struct span){ plain.data + at, size }))
            return false;
        at += size;
    }
    if (session.sub.size == 0 || session.expires_s == 0)
        return false;
    *ret_session = session;
    return true;
}

enum oauth_code
session_open(const struct seal_ring *ring, const struct session_ticket *ticket,
             struct span record, struct bytes *plain,
             struct session *ret_session)
{
    if (record.size > SESSION_RECORD_SIZE_MAX + SEAL_OVERHEAD_SIZE)
        return OAUTH_ECOOKIE;
    struct seal_context context = context_of(ticket);
    enum oauth_code code = seal_open(ring, &context, record, plain);
    if (code != OAUTH_OK)
        return code;
    return record_read(bytes_span(plain), ret_session) ? OAUTH_OK
                                                       : OAUTH_ECOOKIE;
}

bool
session_is_expired(const struct session *session, int64_t now_s)
{
    return now_s >= session->expires_s;
}
