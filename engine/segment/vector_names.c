/* SPDX-License-Identifier: Apache-2.0
 * Vector names that come and go. A vector has a number, which stands in the
 * keys of its rows and in the name of its graph's file; META tells the number
 * of each name. States of a number:
 *   free --create--> named --delete--> leaving --no reader, no holder--> free
 * Leaving: writers know it no more, readers that began before still read it.
 * Invariants: the names of META are a superset of those that the segment is
 * opened with, since a name is written before it is kept (segment_keep) and
 * erased after, with its rows; what is too much at the opening goes then. A
 * number is free only when no reader can hold it. */
#include "engine/segment/vector_names.h"

#include "base/blocking.h"
#include "base/memory.h"
#include "engine/segment/body.h"
#include "engine/segment/vector_names_open.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define WAIT_NS 1000000

/* An empty vector: its locks, and the two bits that it takes for each slot. */
#define VECTOR_SIZE   ((uint64_t)64 << 10)
#define SLOT_SIZE_DIV 4u

/* ---- holding ---- */

struct vectors *
segment_hold(struct segment *segment, size_t number)
{
    assert(number < SEGMENT_VECTORS_MAX);
    pthread_mutex_lock(&segment->vectors_lock);
    struct vectors *vectors = segment->vectors[number];
    if (vectors != NULL)
        vectors->holders_count++;
    pthread_mutex_unlock(&segment->vectors_lock);
    return vectors;
}

void
segment_let(struct segment *segment, struct vectors *vectors)
{
    pthread_mutex_lock(&segment->vectors_lock);
    assert(vectors->holders_count > 0);
    vectors->holders_count--;
    pthread_mutex_unlock(&segment->vectors_lock);
}

static bool
is_held(struct segment *segment, const struct vectors *vectors)
{
    pthread_mutex_lock(&segment->vectors_lock);
    bool is_held = vectors->holders_count > 0;
    pthread_mutex_unlock(&segment->vectors_lock);
    return is_held;
}

/* ---- views ---- */

/* Publishes `next`, and what is at `number` from then on. The caller holds the
 * writer mutex. */
static void
publish(struct segment *segment, struct segment_view *next, struct grave *grave,
        size_t number, struct vectors *vectors)
{
    pthread_rwlock_wrlock(&segment->points);
    pthread_mutex_lock(&segment->vectors_lock);
    segment->vectors[number] = vectors;
    if (number >= segment->vectors_count)
        segment->vectors_count = number + 1;
    pthread_mutex_unlock(&segment->vectors_lock);
    segment_publish(segment, next, grave);
    pthread_rwlock_unlock(&segment->points);
    segment_bury(segment, grave);
}

/* ---- leaving ---- */

static void
unlink_graph(const struct segment *segment, size_t number)
{
    struct bytes path;
    if (segment_graph_path(segment, number, &path, NULL) == ENGINE_OK)
        (void)unlink(path.data);
    bytes_release(&path);
}

/* The last step: records, graph, memory and number. On failure it stays as it
 * is. */
static enum engine_code
forget(struct segment *segment, struct vectors *vectors, struct error *reterr)
{
    size_t number = vectors->number;
    struct segment_view *old = segment_view_now(segment);
    struct segment_view *next = view_next(old, old->slots_count);
    struct grave *grave = grave_new(1, 0);
    if (next == NULL || grave == NULL) {
        free(next);
        free(grave);
        return error_memory(reterr);
    }
    enum engine_code code =
        segment_name_erase(segment, vectors->options.name, number, reterr);
    if (code != ENGINE_OK) {
        free(next);
        free(grave);
        return code;
    }
    assert(!next->vectors[number].is_named);
    next->vectors[number].vectors = NULL;
    publish(segment, next, grave, number, NULL);
    unlink_graph(segment, number);
    vectors_release(vectors);
    free(vectors);
    segment->is_number_taken[number] = false;
    atomic_store(&segment->is_number_gone[number], true);
    /* Dead slots that only its graph held. */
    segment->reclaim_slot = 0;
    atomic_store(&segment->is_reclaiming, true);
    memory_settle();
    return ENGINE_OK;
}

/* All that may go now; the caller holds the writer mutex. */
static enum engine_code
forget_all(struct segment *segment, struct error *reterr)
{
    struct vectors **at = &segment->leaving;
    enum engine_code code = ENGINE_OK;
    while (code == ENGINE_OK && *at != NULL) {
        struct vectors *vectors = *at;
        struct vectors *next = vectors->next_leaving;
        if (is_held(segment, vectors) ||
            !epoch_is_over(&segment->epoch, vectors->leave_stamp)) {
            at = &vectors->next_leaving;
            continue;
        }
        code = forget(segment, vectors, reterr);
        if (code == ENGINE_OK)
            *at = next;
    }
    atomic_store(&segment->has_leaving, segment->leaving != NULL);
    return code;
}

enum engine_code
segment_names_work(struct segment *segment, enum segment_rest *ret_rest,
                   struct error *reterr)
{
    *ret_rest = SEGMENT_REST_NONE;
    if (!atomic_load(&segment->has_leaving))
        return ENGINE_OK;
    pthread_mutex_lock(&segment->writer);
    enum engine_code code = forget_all(segment, reterr);
    pthread_mutex_unlock(&segment->writer);
    if (atomic_load(&segment->has_leaving))
        *ret_rest = SEGMENT_REST_LATER;
    return code;
}

void
segment_names_close(struct segment *segment)
{
    if (segment->leaving == NULL)
        return;
    /* What fails is done at the next opening. */
    bool is_done = forget_all(segment, NULL) == ENGINE_OK;
    (void)is_done;
    while (segment->leaving != NULL) {
        struct vectors *vectors = segment->leaving;
        segment->leaving = vectors->next_leaving;
        vectors_release(vectors);
        free(vectors);
    }
    segment_dig_all(segment);
}

/* ---- create ---- */

static bool
is_leaving(const struct segment *segment, struct span name)
{
    for (const struct vectors *vectors = segment->leaving; vectors != NULL;
         vectors = vectors->next_leaving)
        if (span_equal(vectors->options.name, name))
            return true;
    return false;
}

static bool
find_free(const struct segment *segment, size_t *ret_number)
{
    for (size_t i = 0; i < SEGMENT_VECTORS_MAX; i++)
        if (!segment->is_number_taken[i]) {
            *ret_number = i;
            return true;
        }
    return false;
}

void
segment_names_wait(void)
{
    const struct timespec pause = { .tv_nsec = WAIT_NS };
    blocking_begin();
    nanosleep(&pause, NULL);
    blocking_end();
}

/* A free number, unless something of that name still goes away. The caller
 * holds the writer mutex. */
static enum engine_code
number_find(struct segment *segment, struct span name, size_t *ret_number,
            bool *ret_must_wait, struct error *reterr)
{
    enum engine_code code = forget_all(segment, reterr);
    bool is_free = find_free(segment, ret_number);
    if (code == ENGINE_OK && !is_free && segment->leaving == NULL)
        code = error_set(reterr, ENGINE_EINPUT,
                         "a collection holds at most %d vector names",
                         SEGMENT_VECTORS_MAX);
    *ret_must_wait =
        code == ENGINE_OK && (!is_free || is_leaving(segment, name));
    return code;
}

/* All slots below lack it; those that do already stay so. */
static enum engine_code
lack_slots(struct vectors *vectors, uint32_t slots_count, struct error *reterr)
{
    uint32_t slot = atomic_load(&vectors->end_slot);
    enum engine_code code = vectors_reserve(vectors, slots_count, 0, reterr);
    for (; code == ENGINE_OK && slot < slots_count; slot++)
        vectors_lack(vectors, slot);
    return code;
}

/* For the slots of now, which takes a while where they are many: before writers
 * are kept waiting. */
static enum engine_code
back_slots(struct segment *segment, struct vectors *vectors,
           struct error *reterr)
{
    uint64_t used = 0;
    pthread_mutex_lock(&segment->writer);
    uint32_t slots_count = segment->slots_count;
    pthread_mutex_unlock(&segment->writer);
    uint64_t more = VECTOR_SIZE + slots_count / SLOT_SIZE_DIV;
    if (!memory_may_grow(more, &used))
        return error_memory_limit(reterr, "a vector name", more, used,
                                  memory_limit());
    return lack_slots(vectors, slots_count, reterr);
}

/* The caller holds the writer mutex: slots that came since, or went. */
static enum engine_code
back_rest(struct segment *segment, struct vectors *vectors,
          struct error *reterr)
{
    if (segment->slots_count < atomic_load(&vectors->end_slot))
        vectors_cut(vectors, segment->slots_count);
    return lack_slots(vectors, segment->slots_count, reterr);
}

static enum engine_code
make_durable(struct segment *segment, const struct vectors *vectors,
             const struct segment_keep *keep, struct error *reterr)
{
    struct span name = vectors->options.name;
    /* Of one that had the number before; it is a cache in any case. */
    unlink_graph(segment, vectors->number);
    enum engine_code code =
        segment_name_write(segment, name, vectors->number, reterr);
    if (code == ENGINE_OK)
        code = keep->keep(keep->ctx, reterr);
    if (code == ENGINE_OK)
        return ENGINE_OK;
    /* Also what may be there in spite of a failure; else the next opening
     * finds it. */
    if (segment_name_erase(segment, name, vectors->number, NULL) != ENGINE_OK)
        segment->is_number_taken[vectors->number] = true;
    return code;
}

/* The caller holds the writer mutex. Takes `vectors` unless it fails. */
static enum engine_code
create_locked(struct segment *segment, struct vectors *vectors,
              const struct segment_keep *keep, struct error *reterr)
{
    size_t number = vectors->number;
    struct segment_view *old = segment_view_now(segment);
    size_t count =
        old->vectors_count > number ? old->vectors_count : number + 1;
    struct segment_view *next = NULL;
    struct grave *grave = NULL;
    enum engine_code code = back_rest(segment, vectors, reterr);
    if (code == ENGINE_OK) {
        next = view_widen(old, count);
        grave = grave_new(1, 0);
        if (next == NULL || grave == NULL)
            code = error_memory(reterr);
    }
    if (code == ENGINE_OK)
        code = make_durable(segment, vectors, keep, reterr);
    if (code != ENGINE_OK) {
        view_discard(next, old);
        free(grave);
        return code;
    }
    segment->is_number_taken[number] = true;
    /* The options of the others are there already. */
    const struct segment_vector_options *options = &vectors->options;
    struct view_vector *place = &next->vectors[number];
    *place = (struct view_vector){ .vectors = vectors,
                                   .is_named = true,
                                   .has = place->has,
                                   .ef_construct = options->ef_construct,
                                   .full_scan_kib = options->full_scan_kib,
                                   .has_idf = options->has_idf };
    publish(segment, next, grave, number, vectors);
    return ENGINE_OK;
}

enum engine_code
segment_vector_create(struct segment *segment,
                      const struct segment_vector_options *options,
                      const struct segment_keep *keep, uint64_t *ret_sequence,
                      bool *ret_must_wait, struct error *reterr)
{
    size_t number = 0;
    *ret_must_wait = false;
    struct vectors *vectors = calloc(1, sizeof(*vectors));
    if (vectors == NULL)
        return error_memory(reterr);
    enum engine_code code =
        vectors_init(vectors, options, &options->codes, &segment->epoch,
                     segment->path, reterr);
    if (code == ENGINE_OK)
        code = back_slots(segment, vectors, reterr);
    if (code != ENGINE_OK)
        goto out;
    pthread_mutex_lock(&segment->writer);
    code = number_find(segment, options->name, &number, ret_must_wait, reterr);
    if (code == ENGINE_OK && !*ret_must_wait) {
        assert(segment_number_of(segment, options->name) == SIZE_MAX);
        vectors->store = segment->store;
        vectors->number = number;
        code = create_locked(segment, vectors, keep, reterr);
    }
    *ret_sequence = segment->next_sequence - 1;
    pthread_mutex_unlock(&segment->writer);
out:
    if (code != ENGINE_OK || *ret_must_wait) {
        vectors_release(vectors);
        free(vectors);
    }
    return code;
}

/* ---- delete ---- */

enum engine_code
segment_vector_delete(struct segment *segment, struct span name,
                      const struct segment_keep *keep, uint64_t *ret_sequence,
                      struct error *reterr)
{
    pthread_mutex_lock(&segment->writer);
    size_t number = segment_number_of(segment, name);
    assert(number != SIZE_MAX);
    struct vectors *vectors = segment->vectors[number];
    struct segment_view *old = segment_view_now(segment);
    struct segment_view *next = view_next(old, old->slots_count);
    struct grave *grave = NULL;
    enum engine_code code = ENGINE_OK;
    if (next == NULL || !view_clear_vector(next, old, number))
        code = error_memory(reterr);
    if (code == ENGINE_OK) {
        grave = grave_new(view_replaced_count(old, next), 0);
        code = grave == NULL ? error_memory(reterr)
                             : segment_name_count(segment, reterr);
    }
    if (code == ENGINE_OK)
        code = keep->keep(keep->ctx, reterr);
    if (code != ENGINE_OK) {
        view_discard(next, old);
        free(grave);
    } else {
        next->vectors[number].is_named = false;
        publish(segment, next, grave, number, NULL);
        vectors->leave_stamp = epoch_advance(&segment->epoch);
        vectors->next_leaving = segment->leaving;
        segment->leaving = vectors;
        atomic_store(&segment->has_leaving, true);
    }
    *ret_sequence = segment->next_sequence - 1;
    pthread_mutex_unlock(&segment->writer);
    return code;
}
