/* SPDX-License-Identifier: Apache-2.0
 * Slots of dead points on their way back. A dead slot is held while a graph or
 * a queue may come by it; then its vector records go from the store and, after
 * a grace period in a grave, the slot to the free list. Invariant: a slot is
 * used again only when no graph, queue, grave or reader knows it. A checkpoint
 * may: the tag of its row tells it (engine/index/README.md), so there is no
 * order to keep between checkpoints and reuse. */
#include "engine/segment/body.h"

#include <assert.h>
#include <stdlib.h>

/* Slots freed, and looked at, in one go: the writer mutex is held. */
#define FREE_MAX 4096u
#define LOOK_MAX 262144u

/* Sets the bits of all slots that wait in a queue or are being linked. */
static bool
mark_queued(struct segment *segment, struct slot_set *set)
{
    for (size_t i = 0; segment_seek(segment, &i); i++) {
        struct queue *queue = &segment->vectors[i]->queue;
        /* Only the holder of the writer mutex makes it longer. */
        size_t count = queue_count(queue);
        uint32_t *slots = malloc((count + 1) * sizeof(*slots));
        if (slots == NULL)
            return false;
        size_t copied = queue_copy(queue, slots, count);
        slot_set_add_many(set, slots, copied < count ? copied : count);
        free(slots);
    }
    return true;
}

/* What dead slots are compared with. */
struct known {
    struct slot_set *free;   /* will be, or cannot be yet: in a queue */
    struct slot_set *buried; /* died, and some reader may still look */
};

static void
known_release(struct known *known)
{
    slot_set_free(known->free);
    slot_set_free(known->buried);
}

static bool
known_init(struct segment *segment, struct known *known)
{
    *known = (struct known){ slot_set_new(), slot_set_new() };
    if (known->free == NULL || known->buried == NULL ||
        !mark_queued(segment, known->free)) {
        known_release(known);
        return false;
    }
    for (const struct grave *grave = segment->graves_first; grave != NULL;
         grave = grave->next)
        for (size_t i = 0; i < grave->slots_count; i++) {
            uint32_t slot = grave->slots[i] & ~GRAVE_SLOT_IS_FREE;
            bool is_free = slot != grave->slots[i];
            slot_set_add_many(is_free ? known->free : known->buried, &slot, 1);
        }
    return true;
}

static bool
is_held(const struct segment *segment, uint32_t slot)
{
    for (size_t i = 0; segment_seek(segment, &i); i++)
        if (vectors_is_held(segment->vectors[i], slot))
            return true;
    return false;
}

/* Gathers dead slots that nothing holds from slot `begin` on; returns where to
 * go on. */
static uint32_t
gather(struct segment *segment, const struct known *known, uint32_t begin,
       struct grave *grave)
{
    uint32_t slot = begin;
    for (; slot < segment->slots_count && slot - begin < LOOK_MAX &&
           grave->slots_count < grave->slots_room;
         slot++) {
        if (ids_is_live(segment->ids, slot) ||
            slotset_has(&segment->free_set, slot) || is_held(segment, slot) ||
            slot_set_contains(known->free, slot))
            continue;
        if (!slot_set_contains(known->buried, slot))
            grave_add_slot(grave, slot, true);
        else if (slot < segment->reclaim_again)
            segment->reclaim_again = slot;
    }
    /* Downwards, so that the lowest slot is taken first. */
    for (size_t i = 0, k = grave->slots_count; i + 1 < k--; i++) {
        uint32_t low = grave->slots[i];
        grave->slots[i] = grave->slots[k];
        grave->slots[k] = low;
    }
    return slot;
}

/* Deletes the vector records of the slots. */
static enum engine_code
forget_rows(struct segment *segment, const struct grave *grave,
            struct error *reterr)
{
    struct store_batch *batch = store_batch_create(segment->store);
    if (batch == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < grave->slots_count; i++)
        for (size_t k = 0; segment_seek(segment, &k); k++) {
            uint32_t slot = grave->slots[i] & ~GRAVE_SLOT_IS_FREE;
            struct segment_key key = segment_key_vector(k, slot);
            store_batch_delete(batch, STORE_VECTORS, segment_key_span(&key));
        }
    enum engine_code code = store_commit(batch, STORE_SYNC_LATER, reterr);
    store_batch_free(batch);
    return code;
}

enum engine_code
segment_reclaim(struct segment *segment, bool has_rows,
                enum segment_rest *ret_rest, struct error *reterr)
{
    uint32_t begin = segment->reclaim_slot;
    *ret_rest = SEGMENT_REST_NONE;
    if (begin >= segment->slots_count)
        return ENGINE_OK;
    struct known known;
    segment_dig(segment);
    if (!known_init(segment, &known))
        return error_memory(reterr);
    struct grave *grave = grave_new(0, FREE_MAX);
    enum engine_code code = ENGINE_OK;
    if (grave == NULL || !segment_reserve_free(segment, FREE_MAX) ||
        slotset_reserve(&segment->free_set, segment->slots_count, NULL) !=
            ENGINE_OK)
        code = error_memory(reterr);
    uint32_t next = begin;
    if (code == ENGINE_OK)
        next = gather(segment, &known, begin, grave);
    if (code == ENGINE_OK && has_rows && grave->slots_count > 0)
        code = forget_rows(segment, grave, reterr);
    known_release(&known);
    if (code != ENGINE_OK) {
        free(grave);
        return code;
    }
    segment_bury(segment, grave);
    segment_dig(segment);
    segment->reclaim_slot = next;
    if (next < segment->slots_count) {
        *ret_rest = SEGMENT_REST_MORE;
    } else if (segment->reclaim_again < segment->slots_count) {
        *ret_rest = SEGMENT_REST_LATER;
        segment->reclaim_slot = segment->reclaim_again;
        segment->reclaim_again = UINT32_MAX;
    }
    return ENGINE_OK;
}

static enum segment_rest
sparse_rest(struct segment *segment)
{
    bool is_moving = false;
    for (size_t i = 0; !is_moving && i < segment->vectors_count; i++) {
        struct vectors *vectors = segment_hold(segment, i);
        if (vectors == NULL)
            continue;
        is_moving =
            vectors->sparse != NULL && atomic_load(&vectors->is_renewing);
        segment_let(segment, vectors);
    }
    return is_moving ? SEGMENT_REST_LONG : SEGMENT_REST_NONE;
}

enum segment_rest
segment_tidy_sparse(struct segment *segment)
{
    bool is_done = false, is_waiting = false;
    if (pthread_mutex_trylock(&segment->writer) != 0)
        return sparse_rest(segment);
    for (size_t i = 0; !is_done && segment_seek(segment, &i); i++) {
        struct vectors *vectors = segment->vectors[i];
        if (vectors->sparse == NULL)
            continue;
        is_done = sparse_tidy(vectors->sparse);
        is_waiting = is_waiting || sparse_has_retired(vectors->sparse);
        vectors_note_renewal(vectors);
    }
    pthread_mutex_unlock(&segment->writer);
    if (is_done)
        return SEGMENT_REST_MORE;
    return is_waiting ? SEGMENT_REST_LATER : sparse_rest(segment);
}
