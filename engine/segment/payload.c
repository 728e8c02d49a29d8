/* SPDX-License-Identifier: Apache-2.0
 * Payload texts: in memory a pointer per slot to a size and its bytes; on disk
 * nothing here, the store is asked. What changes where they live holds the
 * writer mutex: a reader looks once at is_on_disk, and its texts stay until it
 * has left. */
#include "engine/segment/payload.h"

#include "engine/segment/body.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define READ_SLOTS 1024

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
    payloads->store = NULL;
    atomic_init(&payloads->is_on_disk, false);
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
    if (atomic_load(&payloads->is_on_disk))
        return true;
    return slab_reserve(&payloads->places, (uint32_t)slots_count, NULL) ==
           ENGINE_OK;
}

void
payloads_cut(struct payloads *payloads, uint32_t slots_count)
{
    if (!atomic_load(&payloads->is_on_disk))
        slab_cut(&payloads->places, slots_count);
}

struct payload_text *
payloads_text(const struct payloads *payloads, uint32_t slot)
{
    if (slot >= slab_capacity(&payloads->places))
        return NULL; /* on disk */
    payload_place *place = slab_row(&payloads->places, slot);
    return atomic_load_explicit(place, memory_order_acquire);
}

/* ---- reading ---- */

struct reading {
    payload_take *take;
    void *ctx;
    size_t begin; /* position of the first key */
};

static void
take_value(void *ctx, size_t position, struct span value)
{
    const struct reading *reading = ctx;
    reading->take(reading->ctx, reading->begin + position, value);
}

/* Keys of one read of many. */
struct read_keys {
    struct segment_key raw[READ_SLOTS];
    struct span spans[READ_SLOTS];
};

static enum engine_code
read_store(const struct payloads *payloads, const uint32_t *slots, size_t count,
           struct reading *reading, struct error *reterr)
{
    struct read_keys *keys = malloc(sizeof(*keys));
    if (keys == NULL)
        return error_memory(reterr);
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && i < count; i += READ_SLOTS) {
        size_t part = count - i < READ_SLOTS ? count - i : READ_SLOTS;
        for (size_t k = 0; k < part; k++) {
            keys->raw[k] = segment_key_slot(slots[i + k]);
            keys->spans[k] = segment_key_span(&keys->raw[k]);
        }
        reading->begin = i;
        code = store_get_many(payloads->store, STORE_PAYLOADS, keys->spans,
                              part, take_value, reading, reterr);
    }
    free(keys);
    return code;
}

static enum engine_code
read_memory(const struct payloads *payloads, const uint32_t *slots,
            size_t count, payload_take *take, void *ctx)
{
    for (size_t i = 0; i < count; i++) {
        const struct payload_text *text = payloads_text(payloads, slots[i]);
        struct span span = { NULL, 0 };
        if (text != NULL)
            span = (struct span){ text->data, text->size };
        take(ctx, i, span);
    }
    return ENGINE_OK;
}

enum engine_code
payloads_read(const struct payloads *payloads, const uint32_t *slots,
              size_t count, payload_take *take, void *ctx, struct error *reterr)
{
    struct reading reading = { take, ctx, 0 };
    return atomic_load(&payloads->is_on_disk)
               ? read_store(payloads, slots, count, &reading, reterr)
               : read_memory(payloads, slots, count, take, ctx);
}

struct copying {
    struct arena *arena; /* NULL: borrow */
    struct span *texts;
};

static void
take_copy(void *ctx, size_t position, struct span text)
{
    struct copying *copying = ctx;
    if (copying->arena != NULL && text.size > 0)
        text.data = arena_strndup(copying->arena, text.data, text.size);
    if (text.data == NULL)
        text.size = 0;
    copying->texts[position] = text;
}

enum engine_code
payloads_copy_out(const struct payloads *payloads, const uint32_t *slots,
                  size_t count, struct arena *arena, struct span *ret_texts,
                  struct error *reterr)
{
    bool is_on_disk = atomic_load(&payloads->is_on_disk);
    struct copying copying = { is_on_disk ? arena : NULL, ret_texts };
    struct reading reading = { take_copy, &copying, 0 };
    enum engine_code code =
        is_on_disk ? read_store(payloads, slots, count, &reading, reterr)
                   : read_memory(payloads, slots, count, take_copy, &copying);
    if (code == ENGINE_OK && arena_failed(arena))
        return error_memory(reterr);
    return code;
}

/* ---- moving between disk and memory ---- */

struct loading {
    struct payloads *payloads;
    const struct ids *ids;
};

/* A kill leaves records of dead slots behind: they are nobody's. */
static enum engine_code
visit_text(void *ctx, struct span key, struct span value, struct error *reterr)
{
    const struct loading *loading = ctx;
    struct payloads *payloads = loading->payloads;
    uint32_t slot = 0;
    for (size_t i = 0; i < key.size; i++)
        slot = slot << 8 | (unsigned char)key.data[i];
    if (key.size != sizeof(slot) || value.size == 0)
        return error_set(reterr, ENGINE_ECORRUPT, "damaged payload record");
    if (!ids_is_live(loading->ids, slot))
        return ENGINE_OK;
    assert(slot < slab_capacity(&payloads->places));
    struct payload_text *text = payload_text_new(value);
    if (text == NULL)
        return error_memory(reterr);
    payload_place *place = slab_row(&payloads->places, slot);
    atomic_store(place, text);
    atomic_fetch_add(&payloads->text_size, value.size);
    return ENGINE_OK;
}

enum engine_code
payloads_load(struct payloads *payloads, const struct ids *ids,
              struct error *reterr)
{
    assert(atomic_load(&payloads->is_on_disk));
    const struct span all = { NULL, 0 };
    struct loading loading = { payloads, ids };
    enum engine_code code = store_scan(payloads->store, STORE_PAYLOADS, all,
                                       visit_text, &loading, reterr);
    if (code != ENGINE_OK)
        payloads_unload(payloads);
    return code;
}

/* Readers go on with the store meanwhile: it and is_on_disk are left alone. */
void
payloads_unload(struct payloads *payloads)
{
    payloads_release(payloads);
    atomic_store(&payloads->text_size, 0);
}

/* ---- the writer ---- */

struct payload_text *
payloads_set(struct payloads *payloads, uint32_t slot,
             struct payload_text *text)
{
    if (atomic_load(&payloads->is_on_disk)) {
        assert(text == NULL);
        return NULL;
    }
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
    if (atomic_load(&payloads->is_on_disk))
        return; /* the batch did */
    struct payload_text *old =
        payloads_set(payloads, to, payloads_text(payloads, from));
    assert(old == NULL);
    (void)old;
}

size_t
payloads_memory(const struct payloads *payloads, size_t *ret_heap)
{
    *ret_heap = atomic_load(&payloads->text_size);
    return *ret_heap + slab_memory(&payloads->places).used_size;
}
