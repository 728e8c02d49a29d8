/* SPDX-License-Identifier: Apache-2.0
 * Payload texts in memory: a pointer per slot to a size and its bytes. */
#include "engine/segment/payload.h"

#include <assert.h>
#include <stdatomic.h>
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

typedef _Atomic(struct payload_text *) payload_place;

void
payloads_init(struct payloads *payloads)
{
    slab_init(&payloads->places, sizeof(payload_place),
              _Alignof(payload_place));
    atomic_init(&payloads->text_size, 0);
}

void
payloads_release(struct payloads *payloads)
{
    uint32_t end = slab_capacity(&payloads->places);
    for (uint32_t slot = 0; slot < end; slot++) {
        payload_place *place = slab_row(&payloads->places, slot);
        free(atomic_load_explicit(place, memory_order_relaxed));
    }
    slab_release(&payloads->places);
}

bool
payloads_reserve(struct payloads *payloads, size_t slots_count)
{
    assert(slots_count < UINT32_MAX);
    return slab_reserve(&payloads->places, (uint32_t)slots_count, NULL) ==
           ENGINE_OK;
}

struct payload_text *
payloads_text(const struct payloads *payloads, uint32_t slot)
{
    assert(slot < slab_capacity(&payloads->places));
    payload_place *place = slab_row(&payloads->places, slot);
    return atomic_load_explicit(place, memory_order_acquire);
}

struct span
payloads_get(const struct payloads *payloads, uint32_t slot)
{
    const struct payload_text *text = payloads_text(payloads, slot);
    if (text == NULL)
        return (struct span){ NULL, 0 };
    return (struct span){ text->data, text->size };
}

struct payload_text *
payloads_set(struct payloads *payloads, uint32_t slot,
             struct payload_text *text)
{
    assert(slot < slab_capacity(&payloads->places));
    payload_place *place = slab_row(&payloads->places, slot);
    struct payload_text *old =
        atomic_exchange_explicit(place, text, memory_order_acq_rel);
    size_t added = text == NULL ? 0 : text->size;
    size_t taken = old == NULL ? 0 : old->size;
    atomic_fetch_add(&payloads->text_size, added - taken);
    return old;
}

void
payloads_copy(struct payloads *payloads, uint32_t from, uint32_t to)
{
    struct payload_text *old =
        payloads_set(payloads, to, payloads_text(payloads, from));
    assert(old == NULL);
    (void)old;
}

size_t
payloads_memory(const struct payloads *payloads)
{
    uint32_t end = slab_capacity(&payloads->places);
    return atomic_load(&payloads->text_size) +
           slab_memory(&payloads->places, end).used_size;
}
