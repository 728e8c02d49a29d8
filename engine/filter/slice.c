/* SPDX-License-Identifier: Apache-2.0
 * Even parts of all ids, by a hash that every client can compute. */
#include "engine/filter/slice.h"

#include <assert.h>

struct sip {
    uint64_t v[4];
};

static uint64_t
rotated(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void
sip_round(struct sip *sip)
{
    uint64_t *v = sip->v;
    v[0] += v[1];
    v[1] = rotated(v[1], 13) ^ v[0];
    v[0] = rotated(v[0], 32);
    v[2] += v[3];
    v[3] = rotated(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotated(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotated(v[1], 17) ^ v[2];
    v[2] = rotated(v[2], 32);
}

static void
sip_add(struct sip *sip, uint64_t word)
{
    sip->v[3] ^= word;
    sip_round(sip);
    sip_round(sip);
    sip->v[0] ^= word;
}

static uint64_t
little_endian(const uint8_t *bytes)
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++)
        word |= (uint64_t)bytes[i] << 8 * i;
    return word;
}

uint64_t
slice_of(const struct point_id *id, uint64_t total)
{
    /* "somepseudorandomlygeneratedbytes", as the paper says */
    struct sip sip = {
        { UINT64_C(0x736f6d6570736575), UINT64_C(0x646f72616e646f6d),
          UINT64_C(0x6c7967656e657261), UINT64_C(0x7465646279746573) }
    };
    assert(total > 0);
    if (id->is_uuid) {
        sip_add(&sip, little_endian(id->uuid));
        sip_add(&sip, little_endian(id->uuid + 8));
    } else {
        sip_add(&sip, id->number);
    }
    sip_add(&sip, (uint64_t)(id->is_uuid ? 16 : 8) << 56); /* the length */
    sip.v[2] ^= 0xff;
    for (unsigned i = 0; i < 4; i++)
        sip_round(&sip);
    return (sip.v[0] ^ sip.v[1] ^ sip.v[2] ^ sip.v[3]) % total;
}
