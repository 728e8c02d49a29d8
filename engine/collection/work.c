/* SPDX-License-Identifier: Apache-2.0
 * A collection in the background: linking, syncing the log, checkpoints, each
 * in bounded pieces. The flags that say there is need are cleared before the
 * work, so that a change in between asks again. */
#include "engine/collection/body.h"
#include "engine/segment/change.h"

#include <assert.h>

static bool
is_due(uint64_t last_ms, uint64_t interval_ms, uint64_t now_ms)
{
    return now_ms >= last_ms && now_ms - last_ms >= interval_ms;
}

static uint64_t
left_ms(uint64_t last_ms, uint64_t interval_ms, uint64_t now_ms)
{
    return is_due(last_ms, interval_ms, now_ms)
               ? 0
               : last_ms + interval_ms - now_ms;
}

/* Syncs and checkpoints when it is time; caller holds the upkeep lock. */
static void
upkeep(struct collection *collection, uint64_t now_ms)
{
    uint64_t save_ms = collection->options.checkpoint_interval_ms;
    struct error error = { 0 };
    enum engine_code code = ENGINE_OK;
    if (is_due(atomic_load(&collection->synced_ms),
               atomic_load(&collection->flush_interval_ms), now_ms)) {
        atomic_store(&collection->needs_sync, false);
        segment_tidy(collection->segment);
        code = segment_sync(collection->segment, &error);
        if (code != ENGINE_OK)
            atomic_store(&collection->needs_sync, true);
        atomic_store(&collection->synced_ms, now_ms);
    }
    if (code == ENGINE_OK && save_ms > 0 &&
        is_due(atomic_load(&collection->saved_ms), save_ms, now_ms)) {
        atomic_store(&collection->needs_save, false);
        code = segment_checkpoint(collection->segment, &error);
        if (code != ENGINE_OK)
            atomic_store(&collection->needs_save, true);
        atomic_store(&collection->saved_ms, collection_now_ms());
    }
    if (code != ENGINE_OK && !collection->has_failed_upkeep)
        collection_say(collection, error.text);
    collection->has_failed_upkeep = code != ENGINE_OK;
    collection->upkeep_failure = error;
}

/* How long until sync or checkpoint, when there is need for them. */
static uint64_t
upkeep_left_ms(const struct collection *collection, uint64_t now_ms)
{
    uint64_t wait_ms = UINT64_MAX;
    uint64_t save_ms = collection->options.checkpoint_interval_ms;
    if (atomic_load(&collection->needs_sync))
        wait_ms = left_ms(atomic_load(&collection->synced_ms),
                          atomic_load(&collection->flush_interval_ms), now_ms);
    if (save_ms > 0 && atomic_load(&collection->needs_save)) {
        uint64_t left =
            left_ms(atomic_load(&collection->saved_ms), save_ms, now_ms);
        wait_ms = left < wait_ms ? left : wait_ms;
    }
    return wait_ms;
}

/* Readers leave within that time, mostly. */
#define READERS_MS 2
/* Until an index is tried again, or another thread has made it. */
#define INDEX_MS 1000
/* After a failure, not at once again. */
#define RETRY_MS 1000

/* Closes an empty collection's files when it is time; how long until then. */
static uint64_t
rest_left_ms(struct collection *collection)
{
    uint64_t left = left_ms(atomic_load(&collection->changed_ms),
                            COLLECTION_REST_MS, collection_now_ms());
    if (left > 0)
        return left;
    return segment_rest(collection->segment) ? UINT64_MAX : COLLECTION_REST_MS;
}

void
collection_see_work(struct collection *collection)
{
    struct segment *segment = collection->segment;
    struct segment_state state;
    struct segment_reader reader;
    segment_state(segment, &state);
    segment_read_begin(segment, &reader);
    uint64_t points_count = segment_points_count(&reader);
    segment_read_end(&reader);
    optimizations_see(&collection->optimizations,
                      segment_link_count(segment) + state.builds_count,
                      points_count);
}

static uint64_t
work(struct collection *collection)
{
    uint64_t now_ms = collection_now_ms();
    if (upkeep_left_ms(collection, now_ms) == 0 &&
        pthread_mutex_trylock(&collection->upkeep_lock) == 0) {
        upkeep(collection, now_ms);
        pthread_mutex_unlock(&collection->upkeep_lock);
    }
    enum segment_rest rest, index_rest;
    segment_sweep_filters(collection->segment);
    segment_index_work(collection->segment, &index_rest);
    if (segment_link(collection->segment, COLLECTION_WORK_POINTS, &rest,
                     NULL) != ENGINE_OK)
        return RETRY_MS;
    if (rest == SEGMENT_REST_MORE || index_rest == SEGMENT_REST_MORE)
        return 0;
    /* What the background changed by itself is worth a checkpoint, too. */
    if (rest == SEGMENT_REST_NONE && segment_is_unsaved(collection->segment))
        atomic_store(&collection->needs_save, true);
    if (rest == SEGMENT_REST_NONE && segment_compact_disk(collection->segment))
        return 0;
    uint64_t wait_ms = upkeep_left_ms(collection, collection_now_ms());
    if (rest == SEGMENT_REST_NONE && index_rest == SEGMENT_REST_NONE &&
        segment_may_rest(collection->segment)) {
        uint64_t left = rest_left_ms(collection);
        wait_ms = left < wait_ms ? left : wait_ms;
    }
    if (rest == SEGMENT_REST_LATER && wait_ms > READERS_MS)
        wait_ms = READERS_MS;
    if (rest == SEGMENT_REST_LONG && wait_ms > RETRY_MS)
        wait_ms = RETRY_MS;
    if (index_rest == SEGMENT_REST_LATER && wait_ms > INDEX_MS)
        wait_ms = INDEX_MS;
    /* Due but in other hands: look again soon. */
    return wait_ms == 0 ? RETRY_MS : wait_ms;
}

uint64_t
collection_work(struct collection *collection)
{
    collection_see_work(collection);
    uint64_t wait_ms = work(collection);
    collection_see_work(collection);
    return wait_ms;
}
