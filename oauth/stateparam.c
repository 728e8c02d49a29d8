/* SPDX-License-Identifier: Apache-2.0
 * The sealed `state`. Invariant: what stateparam_add() writes,
 * stateparam_open() reads, and there is one text for each content and nonce:
 * bits that mean nothing are refused. */
#include "oauth/stateparam.h"

#include "base/base64.h"

#include <string.h>

#define FORMAT    1
#define TIME_SIZE 8
#define HEAD_SIZE (2 + TIME_SIZE + STATE_PROVIDER_SIZE)
#define PLAIN_MAX (HEAD_SIZE + STATEPARAM_RD_SIZE_MAX)
#define RAW_MAX   (STATE_ID_SIZE + SEAL_OVERHEAD_SIZE + PLAIN_MAX)

_Static_assert((RAW_MAX * 4 + 2) / 3 <= STATEPARAM_SIZE_MAX,
               "the longest content must fit");

static struct seal_context
context_of(const unsigned char *id)
{
    return (struct seal_context){
        .purpose = SEAL_STATE,
        .aad = { (const char *)id, STATE_ID_SIZE },
    };
}

enum oauth_code
stateparam_add(const struct seal_ring *ring, const struct state_slot *slot,
               const unsigned char *nonce, struct bytes *out)
{
    struct bytes plain;
    struct bytes raw;
    const struct seal_context context = context_of(slot->id);
    bytes_init(&plain, PLAIN_MAX);
    bytes_init(&raw, RAW_MAX);
    bytes_add_char(&plain, FORMAT);
    bytes_add_char(&plain, slot->is_retry ? 1 : 0);
    bytes_add_u64(&plain, (uint64_t)slot->begun_s);
    bytes_add(&plain, slot->provider, sizeof(slot->provider));
    if (slot->rd_size <= STATEPARAM_RD_SIZE_MAX)
        bytes_add(&plain, slot->rd, slot->rd_size);
    bytes_add(&raw, slot->id, sizeof(slot->id));
    enum oauth_code code = OAUTH_ENOMEM;
    if (!bytes_failed(&plain))
        code = seal_bytes(ring, &context, bytes_span(&plain), nonce, &raw);
    if (code == OAUTH_OK) {
        base64_encode(bytes_span(&raw), out);
        code = bytes_failed(out) ? OAUTH_ENOMEM : OAUTH_OK;
    }
    bytes_release(&plain);
    bytes_release(&raw);
    return code;
}

static bool
read_plain(struct span plain, struct state_slot *slot)
{
    const unsigned char *data = (const unsigned char *)plain.data;
    uint64_t begun = 0;
    if (plain.size < HEAD_SIZE || plain.size > PLAIN_MAX || data[0] != FORMAT ||
        data[1] > 1)
        return false;
    for (size_t i = TIME_SIZE; i > 0; i--)
        begun = begun << 8 | data[1 + i];
    slot->is_retry = data[1] == 1;
    if (begun > INT64_MAX)
        return false;
    slot->begun_s = (int64_t)begun;
    memcpy(slot->provider, data + 2 + TIME_SIZE, sizeof(slot->provider));
    slot->rd_size = plain.size - HEAD_SIZE;
    memcpy(slot->rd, data + HEAD_SIZE, slot->rd_size);
    return true;
}

enum oauth_code
stateparam_open(const struct seal_ring *ring, struct span text,
                struct state_slot *ret_slot)
{
    struct bytes raw;
    struct bytes plain;
    enum oauth_code code = OAUTH_ECOOKIE;
    *ret_slot = (struct state_slot){ 0 };
    if (text.size > STATEPARAM_SIZE_MAX)
        return OAUTH_ECOOKIE;
    bytes_init(&raw, STATEPARAM_SIZE_MAX);
    bytes_init(&plain, STATEPARAM_SIZE_MAX);
    if (base64_decode(text, &raw) && raw.size > STATE_ID_SIZE) {
        const struct seal_context context =
            context_of((const unsigned char *)raw.data);
        struct span sealed = { raw.data + STATE_ID_SIZE,
                               raw.size - STATE_ID_SIZE };
        code = seal_open(ring, &context, sealed, &plain);
    }
    if (code == OAUTH_OK && read_plain(bytes_span(&plain), ret_slot))
        memcpy(ret_slot->id, raw.data, sizeof(ret_slot->id));
    else if (code == OAUTH_OK)
        code = OAUTH_ECOOKIE;
    if (code != OAUTH_OK)
        *ret_slot = (struct state_slot){ 0 };
    bytes_release(&plain);
    bytes_release(&raw);
    return code;
}
