/* SPDX-License-Identifier: Apache-2.0
 * Payload texts in memory: a pointer per slot to a size and its bytes. */
#include "engine/segment/payload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct payload_text {
    uint32_t size;
    char data[];
};

struct payload_text *
payload_text_new(struct span text)
{
    assert(text.size > 0 && text.size <= UINT32_MAX);
    struct payload_text *copy = malloc(sizeof(*copy) + text.size);
    if (copy == NULL)
        return NULL;
    copy->size = (uint32_t)text.size;
    memcpy(copy->data, text.data, text.size);
    return copy;
}

void
payload_text_free(struct payload_text *text)
{
    free(text);
}

void
payloads_release(struct payloads *payloads)
{
    for (size_t i = 0; i < payloads->chunks_count; i++) {
        for (size_t k = 0; k < PAYLOADS_CHUNK; k++)
            free(payloads->chunks[i][k]);
        free(payloads->chunks[i]);
    }
    free(payloads->chunks);
    *payloads = (struct payloads){ 0 };
}

bool
payloads_reserve(struct payloads *payloads, size_t slots_count)
{
    size_t need = (slots_count + PAYLOADS_CHUNK - 1) / PAYLOADS_CHUNK;
    if (need > payloads->chunks_room) {
        size_t room = need + need / 2 + 8;
        struct payload_text ***chunks =
            realloc(payloads->chunks, room * sizeof(*chunks));
        if (chunks == NULL)
            return false;
        payloads->chunks = chunks;
        payloads->chunks_room = room;
    }
    while (payloads->chunks_count < need) {
        struct payload_text **chunk = calloc(PAYLOADS_CHUNK, sizeof(*chunk));
        if (chunk == NULL)
            return false;
        payloads->chunks[payloads->chunks_count++] = chunk;
    }
    return true;
}

static struct payload_text **
place_of(const struct payloads *payloads, uint32_t slot)
{
    assert(slot / PAYLOADS_CHUNK < payloads->chunks_count);
    return &payloads->chunks[slot / PAYLOADS_CHUNK][slot % PAYLOADS_CHUNK];
}

struct span
payloads_get(const struct payloads *payloads, uint32_t slot)
{
    const struct payload_text *text = *place_of(payloads, slot);
    if (text == NULL)
        return (struct span){ NULL, 0 };
    return (struct span){ text->data, text->size };
}

void
payloads_set(struct payloads *payloads, uint32_t slot,
             struct payload_text *text)
{
    struct payload_text **place = place_of(payloads, slot);
    if (*place != NULL) {
        payloads->text_size -= (*place)->size;
        free(*place);
    }
    if (text != NULL)
        payloads->text_size += text->size;
    *place = text;
}

void
payloads_move(struct payloads *payloads, uint32_t from, uint32_t to)
{
    struct payload_text **source = place_of(payloads, from);
    struct payload_text **target = place_of(payloads, to);
    assert(*target == NULL);
    *target = *source;
    *source = NULL;
}

size_t
payloads_memory(const struct payloads *payloads)
{
    return payloads->text_size +
           payloads->chunks_count * PAYLOADS_CHUNK * sizeof(void *);
}
