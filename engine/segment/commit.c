/* SPDX-License-Identifier: Apache-2.0
 * From a staged change to the store and into memory:
 *   plan    what happens to each point and in which slot it will be
 *   reserve all memory, so that nothing after the commit can fail
 *   write   one batch, with the sequence number
 *   apply   in slices (change_apply.c)
 * Invariant: a living slot's vector records are exactly its vectors; a dead
 * slot has records only as long as a graph walks over its row. */
#include "engine/segment/change_body.h"

#include "base/memory.h"
#include "engine/segment/index_build.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void
plan_act(const struct change *change, struct staged *staged)
{
    const struct segment *segment = change->segment;
    bool was_there = staged->point.slot != SEGMENT_NO_SLOT;
    if (!was_there || !staged->point.is_there) {
        staged->act = was_there                ? STAGED_REMOVE
                      : staged->point.is_there ? STAGED_INSERT
                                               : STAGED_NOTHING;
    }
    bool is_moved = staged->wants_slot;
    for (size_t i = 0; was_there && segment_seek(segment, &i); i++) {
        const struct vectors *vectors = segment->vectors[i];
        const void *old = change_old_vector(change, staged, i);
        const void *new = staged->point.vectors[i];
        if (old != NULL && vectors->graph != NULL)
            staged->is_held = true;
        if (old == new || !staged->point.is_there)
            continue;
        assert(old != CHANGE_UNREAD || new == NULL);
        if (new == NULL)
            is_moved = is_moved || vectors->graph != NULL ||
                       vectors->is_on_disk ||
                       vectors->options.kind == VECTOR_MULTI;
        else if (old == NULL || !vectors_row_equal(vectors, old, new))
            is_moved = true;
        else
            staged->point.vectors[i] = old;
    }
    if (was_there && staged->point.is_there)
        staged->act = is_moved ? STAGED_MOVE : STAGED_KEEP;
}

static enum engine_code
plan_slot(struct change *change, struct staged *staged, struct error *reterr)
{
    const struct segment *segment = change->segment;
    if (change->free_taken < segment->free_count) {
        change->free_taken++;
        staged->new_slot =
            segment->free_slots[segment->free_count - change->free_taken];
        return ENGINE_OK;
    }
    if (change->slots_count >= SEGMENT_SLOTS_MAX)
        return error_set(reterr, ENGINE_ENOSPACE,
                         "a collection holds at most %u points",
                         SEGMENT_SLOTS_MAX);
    staged->new_slot = change->slots_count++;
    return ENGINE_OK;
}

static enum engine_code
plan(struct change *change, size_t *ret_new_count, struct error *reterr)
{
    size_t new_count = 0;
    enum engine_code rows =
        change_read_rows(change, CHANGE_ROWS_COMPARED, reterr);
    if (rows != ENGINE_OK)
        return rows;
    for (size_t i = 0; i < change->staged_count; i++) {
        struct staged *staged = change->staged[i];
        plan_act(change, staged);
        bool is_new =
            staged->act == STAGED_INSERT || staged->act == STAGED_MOVE;
        if (is_new) {
            enum engine_code code = plan_slot(change, staged, reterr);
            if (code != ENGINE_OK)
                return code;
            new_count++;
        }
    }
    *ret_new_count = new_count;
    return change_read_rows(change, CHANGE_ROWS_MOVED, reterr);
}

/* Payloads that go into memory. */
static enum engine_code
make_texts(struct change *change, struct error *reterr)
{
    if (atomic_load(&change->segment->payloads.is_on_disk))
        return ENGINE_OK;
    for (size_t i = 0; i < change->staged_count; i++) {
        struct staged *staged = change->staged[i];
        struct span payload = staged->point.payload;
        if (!staged->point.is_there || !staged->has_new_payload ||
            payload.size == 0)
            continue;
        staged->text = payload_text_new(payload);
        if (staged->text == NULL)
            return error_memory(reterr);
    }
    return ENGINE_OK;
}

/* Old payloads that the batch or the indexes want and that are on disk. */
static enum engine_code
plan_payloads(struct change *change, struct error *reterr)
{
    const struct segment *segment = change->segment;
    if (!atomic_load(&segment->payloads.is_on_disk))
        return ENGINE_OK;
    struct staged **wanted = arena_alloc(
        &change->arena, (change->staged_count + 1) * sizeof(struct staged *));
    if (wanted == NULL)
        return error_memory(reterr);
    size_t count = 0;
    for (size_t i = 0; i < change->staged_count; i++) {
        struct staged *staged = change->staged[i];
        bool is_moved = staged->act == STAGED_MOVE && !staged->has_new_payload;
        if (is_moved || change_is_indexed(segment, staged))
            wanted[count++] = staged;
    }
    enum engine_code code = change_read_payloads(change, wanted, count, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++)
        if (!wanted[i]->has_new_payload)
            wanted[i]->point.payload = wanted[i]->old_payload;
    return code;
}

/* What one point takes beside its rows: id, table and order; links and codes of
 * each vector; its part of bitmaps and queues. */
#define POINT_SIZE        96u
#define POINT_VECTOR_SIZE 256u
#define INDEX_POINT_SIZE  24u
/* An entry of a sparse vector: in the tail, and when that is sealed. */
#define SPARSE_ENTRY_SIZE 20u
/* Beside keys and values, in the batch and in the memtable. */
#define RECORD_SIZE 64u
/* A batch doubles as it grows, and stays until the memtable has a copy. */
#define BATCH_FACTOR 3u

/* Bytes that the change puts into the store. */
static size_t
written_size(const struct change *change)
{
    const struct segment *segment = change->segment;
    size_t size = 0;
    for (size_t i = 0; i < change->staged_count; i++) {
        const struct staged *staged = change->staged[i];
        bool is_new =
            staged->act == STAGED_INSERT || staged->act == STAGED_MOVE;
        size += RECORD_SIZE;
        if (is_new || staged->has_new_payload)
            size += RECORD_SIZE + staged->point.payload.size;
        for (size_t k = 0; is_new && segment_seek(segment, &k); k++)
            if (staged->point.vectors[k] != NULL)
                size +=
                    RECORD_SIZE + vectors_row_size(segment->vectors[k],
                                                   staged->point.vectors[k]);
    }
    return size;
}

static size_t
sparse_growth(const struct segment *segment, const struct staged *staged)
{
    size_t size = 0;
    bool is_new = staged->act == STAGED_INSERT || staged->act == STAGED_MOVE;
    for (size_t i = 0; is_new && segment_seek(segment, &i); i++)
        if (segment->vectors[i]->sparse != NULL &&
            staged->point.vectors[i] != NULL)
            size += vector_row_value(VECTOR_SPARSE, 0, staged->point.vectors[i])
                        .dim *
                    SPARSE_ENTRY_SIZE;
    return size;
}

/* Bytes of new multivectors that stay in memory. */
static size_t
multi_size(const struct change *change)
{
    const struct segment *segment = change->segment;
    size_t size = 0;
    for (size_t k = 0; segment_seek(segment, &k); k++) {
        const struct vectors *vectors = segment->vectors[k];
        if (vectors->options.kind != VECTOR_MULTI || vectors->is_on_disk)
            continue;
        for (size_t i = 0; i < change->staged_count; i++) {
            const struct staged *staged = change->staged[i];
            if (staged->new_slot != SEGMENT_NO_SLOT &&
                staged->point.vectors[k] != NULL)
                size += vectors_row_size(vectors, staged->point.vectors[k]);
        }
    }
    return size;
}

/* Whether the memory limit has room for what the change adds, on its way and
 * for good; deletes are never refused. Before the first copy is made. */
static enum engine_code
growth_check(const struct change *change, struct error *reterr)
{
    const struct segment *segment = change->segment;
    if (!change->asks_memory)
        return ENGINE_OK;
    size_t fresh = change->slots_count - segment->slots_count;
    size_t point_size = POINT_SIZE, kept_size = 0;
    for (size_t i = 0; segment_seek(segment, &i); i++) {
        const struct vectors *vectors = segment->vectors[i];
        point_size += POINT_VECTOR_SIZE;
        if (vectors->options.kind == VECTOR_MULTI) {
            point_size += vectors_tail_row_size(vectors);
            continue;
        }
        point_size += vectors->options.dim;
        if (!vectors->is_on_disk)
            point_size += vectors_row_size_about(vectors);
    }
    kept_size += multi_size(change);
    bool is_on_disk = atomic_load(&segment->payloads.is_on_disk);
    for (size_t i = 0; i < change->staged_count; i++) {
        const struct staged *staged = change->staged[i];
        kept_size += sparse_growth(segment, staged);
        if (!change_is_indexed(segment, staged) && is_on_disk)
            continue;
        kept_size += segment->indexes_count * INDEX_POINT_SIZE;
        if (!is_on_disk && staged->has_new_payload)
            kept_size += staged->point.payload.size;
    }
    size_t more = fresh * point_size + kept_size;
    size_t work = BATCH_FACTOR * written_size(change);
    uint64_t used = 0;
    if ((more == 0 || memory_may_grow(more, &used)) &&
        memory_may_work(work, &used))
        return ENGINE_OK;
    return error_memory_limit(reterr, "the update", more + work, used,
                              memory_limit());
}

static enum engine_code
prepare(struct segment *segment, const struct staged *staged,
        struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    if (staged->new_slot == SEGMENT_NO_SLOT)
        return ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && segment_seek(segment, &i); i++)
        if (staged->point.vectors[i] != NULL)
            code = vectors_prepare(segment->vectors[i], staged->new_slot,
                                   staged->point.vectors[i], reterr);
    return code;
}

/* Memory for everything that applying does. */
static enum engine_code
reserve(struct change *change, size_t new_count, struct error *reterr)
{
    struct segment *segment = change->segment;
    enum engine_code code = ENGINE_OK;
    if (!segment_reserve_free(segment, change->staged_count) ||
        !payloads_reserve(&segment->payloads, change->slots_count) ||
        slotset_reserve(&segment->free_set, change->slots_count, NULL) !=
            ENGINE_OK ||
        !ids_prepare(segment->ids, new_count, change->slots_count))
        return error_memory(reterr);
    pthread_rwlock_wrlock(&segment->points);
    struct ids_outgrown outgrown = ids_prepared(segment->ids);
    pthread_rwlock_unlock(&segment->points);
    ids_outgrown_free(&outgrown);
    for (size_t i = 0; code == ENGINE_OK && segment_seek(segment, &i); i++)
        code = vectors_reserve(segment->vectors[i], change->slots_count,
                               new_count, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < change->staged_count; i++)
        code = prepare(segment, change->staged[i], reterr);
    return code == ENGINE_OK ? change_slice(change, reterr) : code;
}

/* Takes back what reserve() prepared. */
static void
unprepare(struct change *change)
{
    struct segment *segment = change->segment;
    for (size_t i = 0; i < change->staged_count; i++)
        for (size_t k = 0; segment_seek(segment, &k); k++)
            if (change->staged[i]->new_slot != SEGMENT_NO_SLOT)
                vectors_forget(segment->vectors[k],
                               change->staged[i]->new_slot);
}

static void
batch_remove(const struct change *change, const struct staged *staged,
             struct store_batch *batch)
{
    const struct segment *segment = change->segment;
    uint32_t slot = staged->point.slot;
    struct segment_key key = segment_key_slot(slot);
    struct span span = segment_key_span(&key);
    store_batch_delete(batch, STORE_POINTS, span);
    /* One on disk stays as long as readers of the slot: grave.c. */
    if (payloads_text(&segment->payloads, slot) != NULL)
        store_batch_delete(batch, STORE_PAYLOADS, span);
    for (size_t i = 0; segment_seek(segment, &i); i++) {
        /* As for payloads. */
        if (segment->vectors[i]->graph != NULL ||
            segment->vectors[i]->is_on_disk ||
            !vectors_has(segment->vectors[i], slot))
            continue;
        key = segment_key_vector(i, slot);
        store_batch_delete(batch, STORE_VECTORS, segment_key_span(&key));
    }
}

static void
batch_point(const struct staged *staged, uint32_t slot, uint64_t version,
            struct store_batch *batch)
{
    /* On the stack: a record may not be cut by a failed allocation. */
    uint8_t value[SEGMENT_POINT_SIZE_MAX];
    for (size_t i = 0; i < 8; i++)
        value[i] = (uint8_t)(version >> (8 * i));
    size_t size = 8 + point_id_key(&staged->point.id, value + 8);
    struct segment_key key = segment_key_slot(slot);
    store_batch_put(batch, STORE_POINTS, segment_key_span(&key),
                    (struct span){ (const char *)value, size });
}

static void
batch_new(const struct change *change, const struct staged *staged,
          uint64_t version, struct store_batch *batch)
{
    const struct segment *segment = change->segment;
    uint32_t slot = staged->new_slot;
    batch_point(staged, slot, version, batch);
    struct segment_key key = segment_key_slot(slot);
    /* A kill before the graves are emptied leaves records of dead slots
     * behind, also of slots that are beyond the end after the next start. */
    if (staged->point.payload.size > 0)
        store_batch_put(batch, STORE_PAYLOADS, segment_key_span(&key),
                        staged->point.payload);
    else
        store_batch_delete(batch, STORE_PAYLOADS, segment_key_span(&key));
    for (size_t i = 0; segment_seek(segment, &i); i++) {
        const void *row = staged->point.vectors[i];
        key = segment_key_vector(i, slot);
        if (row == NULL) {
            store_batch_delete(batch, STORE_VECTORS, segment_key_span(&key));
            continue;
        }
        struct span record = { row,
                               vectors_row_size(segment->vectors[i], row) };
        store_batch_put(batch, STORE_VECTORS, segment_key_span(&key), record);
    }
}

static void
batch_keep(const struct change *change, const struct staged *staged,
           uint64_t version, struct store_batch *batch)
{
    const struct segment *segment = change->segment;
    uint32_t slot = staged->point.slot;
    batch_point(staged, slot, version, batch);
    struct segment_key key = segment_key_slot(slot);
    if (staged->has_new_payload && staged->point.payload.size > 0)
        store_batch_put(batch, STORE_PAYLOADS, segment_key_span(&key),
                        staged->point.payload);
    else if (staged->has_new_payload)
        store_batch_delete(batch, STORE_PAYLOADS, segment_key_span(&key));
    for (size_t i = 0; segment_seek(segment, &i); i++) {
        if (staged->point.vectors[i] != NULL ||
            change_old_vector(change, staged, i) == NULL)
            continue;
        key = segment_key_vector(i, slot);
        store_batch_delete(batch, STORE_VECTORS, segment_key_span(&key));
    }
}

/* An index, or one that is asked for: `prefix` says which. `kind` and `note`
 * are its value; NULL: it goes. False when memory is out. */
static bool
batch_index_record(struct store_batch *batch, const char *prefix,
                   struct span field, const enum payload_index_kind *kind,
                   const struct bytes *note)
{
    struct bytes key, value;
    bytes_init(&key, STORE_VALUE_SIZE_MAX);
    bytes_init(&value, STORE_VALUE_SIZE_MAX);
    bytes_add_text(&key, prefix);
    bytes_add_span(&key, field);
    if (kind != NULL) {
        bytes_add_char(&value, (char)*kind);
        bytes_add_span(&value, bytes_span(note));
    }
    bool is_ok = !bytes_failed(&key) && !bytes_failed(&value);
    if (is_ok && kind != NULL)
        store_batch_put(batch, STORE_META, bytes_span(&key),
                        bytes_span(&value));
    else if (is_ok)
        store_batch_delete(batch, STORE_META, bytes_span(&key));
    bytes_release(&key);
    bytes_release(&value);
    return is_ok;
}

static enum engine_code
batch_index(const struct change *change, struct store_batch *batch,
            struct error *reterr)
{
    const struct segment *segment = change->segment;
    const struct index_build *new_build = change->new_build;
    bool is_ok = true;
    if (change->drop_position != SIZE_MAX) {
        const struct payload_index *old =
            segment->indexes[change->drop_position].index;
        is_ok = batch_index_record(batch, SEGMENT_META_INDEX,
                                   payload_index_path(old)->text, NULL, NULL);
    }
    if (is_ok && change->new_index != NULL) {
        enum payload_index_kind kind = payload_index_kind(change->new_index);
        is_ok = batch_index_record(batch, SEGMENT_META_INDEX,
                                   payload_index_path(change->new_index)->text,
                                   &kind, &change->new_note);
    }
    if (is_ok && change->old_build != NULL)
        is_ok = batch_index_record(batch, SEGMENT_META_WISH,
                                   change->old_build->path.text, NULL, NULL);
    if (is_ok && new_build != NULL)
        is_ok =
            batch_index_record(batch, SEGMENT_META_WISH, new_build->path.text,
                               &new_build->kind, &new_build->note);
    return is_ok ? ENGINE_OK : error_memory(reterr);
}

uint64_t
change_version(const struct change *change, const struct staged *staged,
               uint64_t sequence)
{
    assert(change->is_upkeep == staged->wants_slot);
    return staged->wants_slot
               ? ids_version(change->segment->ids, staged->point.slot)
               : sequence;
}

static enum engine_code
write_store(struct change *change, uint64_t sequence, struct error *reterr)
{
    struct segment *segment = change->segment;
    struct store_batch *batch = store_batch_create(segment->store);
    if (batch == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < change->staged_count; i++) {
        const struct staged *staged = change->staged[i];
        uint64_t version = change_version(change, staged, sequence);
        if (staged->act == STAGED_REMOVE || staged->act == STAGED_MOVE)
            batch_remove(change, staged, batch);
        if (staged->act == STAGED_INSERT || staged->act == STAGED_MOVE)
            batch_new(change, staged, version, batch);
        if (staged->act == STAGED_KEEP)
            batch_keep(change, staged, version, batch);
    }
    if (!change->is_upkeep)
        segment_batch_sequence(batch, sequence);
    enum engine_code code = batch_index(change, batch, reterr);
    if (code == ENGINE_OK)
        code = store_commit(batch, STORE_SYNC_LATER, reterr);
    store_batch_free(batch);
    return code;
}

static enum engine_code
commit(struct change *change, struct error *reterr)
{
    struct segment *segment = change->segment;
    size_t new_count = 0;
    segment_dig(segment);
    enum engine_code code = plan(change, &new_count, reterr);
    if (code == ENGINE_OK)
        code = plan_payloads(change, reterr);
    if (code == ENGINE_OK)
        code = growth_check(change, reterr);
    if (code == ENGINE_OK)
        code = make_texts(change, reterr);
    if (code == ENGINE_OK)
        code = reserve(change, new_count, reterr);
    if (code != ENGINE_OK) {
        unprepare(change);
        return code;
    }
    uint64_t sequence = segment->next_sequence;
    struct index_build *build = segment->build;
    /* The builder may read the store, and must not see it ahead of memory. */
    if (build != NULL)
        pthread_mutex_lock(&build->lock);
    code = write_store(change, sequence, reterr);
    if (code == ENGINE_OK) {
        if (!change->is_upkeep)
            segment->next_sequence++;
        change_apply(change, sequence);
    } else {
        unprepare(change);
    }
    if (build != NULL)
        pthread_mutex_unlock(&build->lock);
    return code;
}

enum engine_code
change_commit(struct change *change, struct change_commit *ret_commit,
              struct error *reterr)
{
    assert(!change->is_upkeep);
    uint64_t sequence = change->segment->next_sequence;
    enum engine_code code = commit(change, reterr);
    if (code == ENGINE_OK)
        *ret_commit =
            (struct change_commit){ sequence,
                                    store_written(change->segment->store) };
    return code;
}

enum engine_code
change_commit_upkeep(struct change *change, struct error *reterr)
{
    assert(change->is_upkeep);
    return commit(change, reterr);
}
