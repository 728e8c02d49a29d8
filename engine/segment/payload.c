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
#include <unistd.h>

#define READ_SLOTS 1024

/* Threads that load, and bytes of table files for one more of them. */
#define LOAD_THREADS_MAX 8
#define LOAD_PART_SIZE   ((uint64_t)16 << 20)

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

/* One thread's part: the slots from `begin` up to, without, `end`. */
struct loading {
    struct payloads *payloads;
    const struct ids *ids;
    uint32_t begin, end;
    bool is_last; /* and what lies beyond */
    enum engine_code code;
    struct error error;
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

static void *
load_main(void *ctx)
{
    struct loading *loading = ctx;
    struct segment_key begin = segment_key_slot(loading->begin),
                       end = segment_key_slot(loading->end);
    if (loading->is_last)
        end.size = 0;
    loading->code = store_scan_range(
        loading->payloads->store, STORE_PAYLOADS, segment_key_span(&begin),
        segment_key_span(&end), visit_text, loading, &loading->error);
    return NULL;
}

/* As many as have enough to do. */
static uint32_t
threads_for(const struct payloads *payloads, uint32_t slots_count)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t size = store_family_size(payloads->store, STORE_PAYLOADS);
    uint64_t count = 1 + size / LOAD_PART_SIZE;
    if (count > LOAD_THREADS_MAX)
        count = LOAD_THREADS_MAX;
    if (cores > 0 && count > (uint64_t)cores)
        count = (uint64_t)cores;
    if (count > slots_count)
        count = slots_count > 0 ? slots_count : 1;
    return (uint32_t)count;
}

enum engine_code
payloads_load(struct payloads *payloads, const struct ids *ids,
              uint32_t slots_count, struct error *reterr)
{
    assert(atomic_load(&payloads->is_on_disk));
    struct loading parts[LOAD_THREADS_MAX] = { { .payloads = NULL } };
    pthread_t threads[LOAD_THREADS_MAX];
    bool is_started[LOAD_THREADS_MAX] = { false };
    uint32_t count = threads_for(payloads, slots_count);
    for (uint32_t i = 0; i < count; i++) {
        parts[i] = (struct loading){
            .payloads = payloads,
            .ids = ids,
            .begin = (uint32_t)((uint64_t)slots_count * i / count),
            .end = (uint32_t)((uint64_t)slots_count * (i + 1) / count),
            .is_last = i + 1 == count
        };
        /* The last part is this thread's own. */
        if (i + 1 < count)
            is_started[i] =
                pthread_create(&threads[i], NULL, load_main, &parts[i]) == 0;
    }
    enum engine_code code = ENGINE_OK;
    for (uint32_t i = count; i-- > 0;) {
        if (is_started[i])
            pthread_join(threads[i], NULL);
        else
            load_main(&parts[i]);
        if (code == ENGINE_OK && parts[i].code != ENGINE_OK)
            code = error_set(reterr, parts[i].code, "%s", parts[i].error.text);
    }
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
