/* SPDX-License-Identifier: Apache-2.0
 * Keys and entries of the list of a user's sessions. What is read here comes
 * from the store, which others may be able to write: nothing is believed that
 * the seal does not cover, except the times, which only choose what ends
 * first. */
#include "oauth/roster.h"

#include "base/base64.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

#define NAME_SIZE_MAX ((size_t)16 << 10)
#define TIMES_SIZE    16
#define TIME_MAX      ((uint64_t)1 << 53)
#define FORMAT        1
#define PLAIN_SIZE_MAX                                                         \
    (1 + ROSTER_HASH_SIZE + 2 + ROSTER_ADDRESS_SIZE_MAX + ROSTER_AGENT_SIZE_MAX)

_Static_assert(ROSTER_FIELD_SIZE == BASE64_TEXT_SIZE(ROSTER_HASH_SIZE),
               "a field is a hash");
_Static_assert(TIMES_SIZE + PLAIN_SIZE_MAX + SEAL_OVERHEAD_SIZE <=
                   ROSTER_VALUE_SIZE_MAX,
               "every entry fits");

static const char *const prefixes[] = {
    [ROSTER_USER] = "azimuth:user:",
    [ROSTER_SID] = "azimuth:sid:",
    [ROSTER_LOGOUT] = "azimuth:logout:",
};
static const char session_prefix[] = "azimuth:session:";

static void
add_part(struct bytes *out, struct span part)
{
    bytes_add_u32(out, (uint32_t)part.size);
    bytes_add_span(out, part);
}

static enum oauth_code
hash_of(enum roster_kind kind, const struct roster_name *name,
        unsigned char ret_hash[ROSTER_HASH_SIZE])
{
    struct bytes text;
    unsigned size = 0;
    enum oauth_code code = OAUTH_OK;
    bytes_init(&text, NAME_SIZE_MAX);
    bytes_add_text(&text, prefixes[kind]);
    add_part(&text, name->issuer);
    add_part(&text, name->client_id);
    add_part(&text, name->id);
    if (bytes_failed(&text))
        code = OAUTH_ENOMEM;
    else if (EVP_Digest(text.data, text.size, ret_hash, &size, EVP_sha256(),
                        NULL) != 1)
        code = OAUTH_EINTERNAL;
    bytes_release(&text);
    return code;
}

enum oauth_code
roster_key(enum roster_kind kind, const struct roster_name *name,
           char ret_key[ROSTER_KEY_SIZE_MAX])
{
    unsigned char hash[ROSTER_HASH_SIZE];
    struct bytes key;
    enum oauth_code code = hash_of(kind, name, hash);
    if (code != OAUTH_OK)
        return code;
    bytes_init(&key, ROSTER_KEY_SIZE_MAX - 1);
    bytes_add_text(&key, prefixes[kind]);
    base64_encode((struct span){ (const char *)hash, sizeof(hash) }, &key);
    if (bytes_failed(&key))
        code = OAUTH_ENOMEM;
    else
        memcpy(ret_key, key.data, key.size + 1);
    bytes_release(&key);
    return code;
}

enum oauth_code
roster_sid_hash(const struct roster_name *name,
                unsigned char ret_hash[ROSTER_HASH_SIZE])
{
    return hash_of(ROSTER_SID, name, ret_hash);
}

struct span
roster_field(struct span store_key)
{
    size_t size = sizeof(session_prefix) - 1;
    assert(span_starts(store_key, session_prefix));
    assert(store_key.size == size + ROSTER_FIELD_SIZE);
    return (struct span){ store_key.data + size, ROSTER_FIELD_SIZE };
}

bool
roster_is_field(struct span field)
{
    unsigned char hash[ROSTER_HASH_SIZE];
    return base64_decode_exact(field, hash, sizeof(hash));
}

void
roster_store_key(struct span field, struct bytes *out)
{
    bytes_add_text(out, session_prefix);
    bytes_add_span(out, field);
}

void
roster_add_agent(struct span header, struct bytes *out)
{
    for (size_t i = 0; i < header.size && i < ROSTER_AGENT_SIZE_MAX; i++) {
        char c = header.data[i];
        bytes_add_char(out, c >= 0x20 && c < 0x7f ? c : '?');
    }
}

static void
add_short(struct bytes *out, struct span text, size_t size_max)
{
    size_t size = text.size > size_max ? size_max : text.size;
    bytes_add_char(out, (char)size);
    bytes_add_span(out, (struct span){ text.data, size });
}

/* Key, field and times, to which an entry's seal is bound. */
static void
add_binding(struct bytes *out, struct span key, struct span field,
            struct span times)
{
    bytes_add_span(out, key);
    bytes_add_char(out, '\n');
    bytes_add_span(out, field);
    bytes_add_char(out, '\n');
    bytes_add_span(out, times);
}

enum oauth_code
roster_seal(const struct seal_ring *ring, struct span key,
            const struct roster_entry *entry, const unsigned char *nonce,
            struct bytes *out)
{
    struct bytes plain;
    struct bytes binding;
    size_t at = out->size;
    enum oauth_code code = OAUTH_ENOMEM;
    assert(entry->created_s >= 0 && entry->expires_s >= 0);
    bytes_init(&plain, PLAIN_SIZE_MAX);
    bytes_init(&binding, ROSTER_VALUE_SIZE_MAX);
    bytes_add_char(&plain, FORMAT);
    bytes_add(&plain, entry->sid_hash, ROSTER_HASH_SIZE);
    add_short(&plain, entry->address, ROSTER_ADDRESS_SIZE_MAX);
    add_short(&plain, entry->agent, ROSTER_AGENT_SIZE_MAX);
    bytes_add_u64(out, (uint64_t)entry->created_s);
    bytes_add_u64(out, (uint64_t)entry->expires_s);
    if (bytes_failed(out) || bytes_failed(&plain))
        goto out;
    add_binding(&binding, key, entry->field,
                (struct span){ out->data + at, TIMES_SIZE });
    if (bytes_failed(&binding))
        goto out;
    const struct seal_context context = { .purpose = SEAL_ROSTER,
                                          .aad = bytes_span(&binding) };
    code = seal_bytes(ring, &context, bytes_span(&plain), nonce, out);
out:
    bytes_release(&plain);
    bytes_release(&binding);
    return code;
}

static bool
time_at(const char *data, int64_t *ret_time)
{
    uint64_t value = 0;
    for (size_t i = 8; i > 0; i--)
        value = value << 8 | (unsigned char)data[i - 1];
    if (value > TIME_MAX)
        return false;
    *ret_time = (int64_t)value;
    return true;
}

bool
roster_times(struct span value, struct roster_entry *entry)
{
    int64_t created_s = 0;
    int64_t expires_s = 0;
    if (value.size < TIMES_SIZE || !time_at(value.data, &created_s) ||
        !time_at(value.data + 8, &expires_s))
        return false;
    entry->created_s = created_s;
    entry->expires_s = expires_s;
    return true;
}

/* Cuts one short text off `rest`; false when it is not all there. */
static bool
take_short(struct span *rest, struct span *ret_text)
{
    if (rest->size < 1)
        return false;
    size_t size = (unsigned char)rest->data[0];
    if (size > rest->size - 1)
        return false;
    *ret_text = (struct span){ rest->data + 1, size };
    rest->data += 1 + size;
    rest->size -= 1 + size;
    return true;
}

static enum oauth_code
plain_read(struct span plain, struct arena *arena, struct roster_entry *entry)
{
    struct span address;
    struct span agent;
    size_t head_size = 1 + ROSTER_HASH_SIZE;
    if (plain.size < head_size || plain.data[0] != FORMAT)
        return OAUTH_ECOOKIE;
    struct span rest = { plain.data + head_size, plain.size - head_size };
    if (!take_short(&rest, &address) || !take_short(&rest, &agent))
        return OAUTH_ECOOKIE;
    address = arena_span(arena, address);
    agent = arena_span(arena, agent);
    if (arena_failed(arena))
        return OAUTH_ENOMEM;
    memcpy(entry->sid_hash, plain.data + 1, ROSTER_HASH_SIZE);
    entry->address = address;
    entry->agent = agent;
    entry->is_open = true;
    return OAUTH_OK;
}

enum oauth_code
roster_open(const struct seal_ring *ring, struct span key, struct span value,
            struct arena *arena, struct roster_entry *entry)
{
    struct bytes binding;
    struct bytes plain;
    struct roster_entry read = *entry;
    enum oauth_code code = OAUTH_ENOMEM;
    if (value.size > ROSTER_VALUE_SIZE_MAX || !roster_times(value, &read))
        return OAUTH_ECOOKIE;
    bytes_init(&binding, ROSTER_VALUE_SIZE_MAX);
    bytes_init(&plain, ROSTER_VALUE_SIZE_MAX);
    add_binding(&binding, key, entry->field,
                (struct span){ value.data, TIMES_SIZE });
    if (!bytes_failed(&binding)) {
        const struct seal_context context = { .purpose = SEAL_ROSTER,
                                              .aad = bytes_span(&binding) };
        code = seal_open(
            ring, &context,
            (struct span){ value.data + TIMES_SIZE, value.size - TIMES_SIZE },
            &plain);
    }
    if (code == OAUTH_OK)
        code = plain_read(bytes_span(&plain), arena, &read);
    if (code == OAUTH_OK)
        *entry = read;
    bytes_release(&binding);
    bytes_release(&plain);
    return code;
}
