/* SPDX-License-Identifier: Apache-2.0
 * The sealed login cookie. Invariant: what state_seal() writes, state_open()
 * reads, and it never passes STATE_COOKIE_SIZE_MAX. */
#include "oauth/state.h"

#include "base/base64.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <string.h>

#define FORMAT    2
#define TIME_MAX  ((uint64_t)1 << 53)
#define HEAD_SIZE 11
#define SLOT_SIZE                                                              \
    (8 + STATE_ID_SIZE + STATE_NONCE_SIZE + PKCE_SECRET_SIZE +                 \
     STATE_PROVIDER_SIZE + 2)
#define PLAIN_SIZE_MAX (STATE_COOKIE_SIZE_MAX * 3 / 4 - SEAL_OVERHEAD_SIZE)

_Static_assert(HEAD_SIZE + SLOT_SIZE + URL_RD_SIZE_MAX <= PLAIN_SIZE_MAX,
               "the longest rd must fit beside nothing else");

static const struct seal_context context = { .purpose = SEAL_LOGIN };

/* A reader over the opened bytes; a short read is sticky. */
struct reader {
    struct span text;
    size_t at;
    bool is_short;
};

static void
take(struct reader *reader, void *out, size_t size)
{
    if (reader->is_short || size > reader->text.size - reader->at) {
        reader->is_short = true;
        memset(out, 0, size);
        return;
    }
    memcpy(out, reader->text.data + reader->at, size);
    reader->at += size;
}

static uint64_t
take_number(struct reader *reader, size_t size)
{
    unsigned char raw[8] = { 0 };
    uint64_t value = 0;
    assert(size <= sizeof(raw));
    take(reader, raw, size);
    for (size_t i = size; i > 0; i--)
        value = value << 8 | raw[i - 1];
    return value;
}

/* A time; one that no clock ever shows is a broken record. */
static int64_t
take_time(struct reader *reader)
{
    uint64_t value = take_number(reader, 8);
    if (value > TIME_MAX)
        reader->is_short = true;
    return value > TIME_MAX ? 0 : (int64_t)value;
}

static void
take_slot(struct reader *reader, struct state_slot *slot)
{
    slot->begun_s = take_time(reader);
    take(reader, slot->id, sizeof(slot->id));
    take(reader, slot->nonce, sizeof(slot->nonce));
    take(reader, slot->pkce, sizeof(slot->pkce));
    take(reader, slot->provider, sizeof(slot->provider));
    slot->rd_size = (size_t)take_number(reader, 2);
    if (slot->rd_size > sizeof(slot->rd))
        reader->is_short = true;
    else
        take(reader, slot->rd, slot->rd_size);
}

static bool
state_read(struct span plain, int64_t now_s, struct state *state)
{
    struct reader reader = { .text = plain };
    *state = (struct state){ 0 };
    if (take_number(&reader, 1) != FORMAT)
        return false;
    state->finished_count = (unsigned)take_number(&reader, 1);
    state->finished_since_s = take_time(&reader);
    size_t count = (size_t)take_number(&reader, 1);
    if (count > STATE_SLOT_COUNT_MAX)
        return false;
    for (size_t i = 0; i < count && !reader.is_short; i++) {
        struct state_slot *slot = &state->slots[state->count];
        take_slot(&reader, slot);
        int64_t age_s = now_s - slot->begun_s;
        if (!reader.is_short && age_s > -STATE_LOOP_S &&
            age_s < STATE_LIFETIME_S)
            state->count++;
    }
    return !reader.is_short && reader.at == plain.size;
}

enum oauth_code
state_open(const struct seal_ring *ring, struct span text, int64_t now_s,
           struct state *ret_state)
{
    struct bytes sealed;
    struct bytes plain;
    enum oauth_code code = OAUTH_ECOOKIE;
    if (text.size == 0 || text.size > STATE_COOKIE_SIZE_MAX)
        return OAUTH_ECOOKIE;
    bytes_init(&sealed, STATE_COOKIE_SIZE_MAX);
    bytes_init(&plain, STATE_COOKIE_SIZE_MAX);
    if (!base64_decode(text, &sealed))
        goto out;
    code = seal_open(ring, &context, bytes_span(&sealed), &plain);
    if (code == OAUTH_OK && !state_read(bytes_span(&plain), now_s, ret_state)) {
        state_wipe(ret_state);
        code = OAUTH_ECOOKIE;
    }
out:
    bytes_wipe(&plain);
    bytes_release(&sealed);
    return code;
}

static void
drop_oldest(struct state *state)
{
    assert(state->count > 0);
    state->count--;
    memmove(&state->slots[0], &state->slots[1],
            state->count * sizeof(state->slots[0]));
    OPENSSL_cleanse(&state->slots[state->count], sizeof(state->slots[0]));
}

static size_t
plain_size(const struct state *state)
{
    size_t size = HEAD_SIZE;
    for (size_t i = 0; i < state->count; i++)
        size += SLOT_SIZE + state->slots[i].rd_size;
    return size;
}

static void
add_slot(const struct state_slot *slot, struct bytes *out)
{
    assert(slot->rd_size <= sizeof(slot->rd));
    bytes_add_u64(out, (uint64_t)slot->begun_s);
    bytes_add(out, slot->id, sizeof(slot->id));
    bytes_add(out, slot->nonce, sizeof(slot->nonce));
    bytes_add(out, slot->pkce, sizeof(slot->pkce));
    bytes_add(out, slot->provider, sizeof(slot->provider));
    bytes_add_char(out, (char)(unsigned char)(slot->rd_size & 0xff));
    bytes_add_char(out, (char)(unsigned char)(slot->rd_size >> 8));
    bytes_add(out, slot->rd, slot->rd_size);
}

enum oauth_code
state_seal(const struct seal_ring *ring, struct state *state,
           const unsigned char *nonce, struct bytes *out)
{
    struct bytes plain;
    struct bytes sealed;
    while (plain_size(state) > PLAIN_SIZE_MAX)
        drop_oldest(state);
    bytes_init(&plain, PLAIN_SIZE_MAX);
    bytes_init(&sealed, PLAIN_SIZE_MAX + SEAL_OVERHEAD_SIZE);
    bytes_add_char(&plain, FORMAT);
    bytes_add_char(&plain, (char)(unsigned char)state->finished_count);
    bytes_add_u64(&plain, (uint64_t)state->finished_since_s);
    bytes_add_char(&plain, (char)(unsigned char)state->count);
    for (size_t i = 0; i < state->count; i++)
        add_slot(&state->slots[i], &plain);
    enum oauth_code code = OAUTH_ENOMEM;
    if (!bytes_failed(&plain))
        code = seal_bytes(ring, &context, bytes_span(&plain), nonce, &sealed);
    if (code == OAUTH_OK) {
        base64_encode(bytes_span(&sealed), out);
        if (bytes_failed(out))
            code = OAUTH_ENOMEM;
    }
    bytes_wipe(&plain);
    bytes_release(&sealed);
    return code;
}

void
state_add(struct state *state, const struct state_slot *slot)
{
    if (state->count == STATE_SLOT_COUNT_MAX)
        drop_oldest(state);
    state->slots[state->count++] = *slot;
}

bool
state_take(struct state *state, const unsigned char *id,
           struct state_slot *ret_slot)
{
    size_t found = STATE_SLOT_COUNT_MAX;
    for (size_t i = 0; i < state->count; i++) {
        if (CRYPTO_memcmp(state->slots[i].id, id, STATE_ID_SIZE) == 0)
            found = i;
    }
    if (found == STATE_SLOT_COUNT_MAX)
        return false;
    *ret_slot = state->slots[found];
    state->count--;
    memmove(&state->slots[found], &state->slots[found + 1],
            (state->count - found) * sizeof(state->slots[0]));
    OPENSSL_cleanse(&state->slots[state->count], sizeof(state->slots[0]));
    return true;
}

void
state_count_finished(struct state *state, int64_t now_s)
{
    int64_t age_s = now_s - state->finished_since_s;
    if (age_s < 0 || age_s >= STATE_LOOP_S) {
        state->finished_since_s = now_s;
        state->finished_count = 0;
    }
    if (state->finished_count < UINT8_MAX)
        state->finished_count++;
}

bool
state_is_looping(const struct state *state, int64_t now_s)
{
    int64_t age_s = now_s - state->finished_since_s;
    return age_s >= 0 && age_s < STATE_LOOP_S &&
           state->finished_count >= STATE_LOOP_COUNT_MAX;
}

void
state_wipe(struct state *state)
{
    OPENSSL_cleanse(state, sizeof(*state));
}
