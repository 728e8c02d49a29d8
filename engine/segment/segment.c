/* SPDX-License-Identifier: Apache-2.0
 * Opening, closing and reading a segment. Changes come in through change.c,
 * searches through search.c, loading is in load.c, graphs on disk in graph.c.
 * The store is the truth: everything in memory is made from it by load.c or
 * by the commit that wrote it. */
#include "engine/segment/segment.h"

#include "engine/segment/body.h"
#include "engine/segment/index_build.h"
#include "engine/storage/folder.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_TEXT_SIZE 512

void
segment_say(struct segment *segment, const char *format, ...)
{
    if (segment->report == NULL)
        return;
    char text[REPORT_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    segment->report(segment->report_ctx, text);
}

struct segment_key
segment_key_slot(uint32_t slot)
{
    return (struct segment_key){ .size = 4,
                                 .data = { (char)(slot >> 24),
                                           (char)(slot >> 16),
                                           (char)(slot >> 8), (char)slot } };
}

struct segment_key
segment_key_vector(size_t number, uint32_t slot)
{
    /* The one past the last ends ranges. */
    assert(number <= SEGMENT_VECTORS_MAX);
    return (struct segment_key){
        .size = 6,
        .data = { (char)(number >> 8), (char)number, (char)(slot >> 24),
                  (char)(slot >> 16), (char)(slot >> 8), (char)slot }
    };
}

struct span
segment_key_span(const struct segment_key *key)
{
    return (struct span){ key->data, key->size };
}

void
segment_batch_sequence(struct store_batch *batch, uint64_t sequence)
{
    char raw[8];
    segment_put_u64(sequence, raw);
    store_batch_put(batch, STORE_META, span_of(SEGMENT_META_SEQUENCE),
                    (struct span){ raw, sizeof(raw) });
}

bool
segment_reserve_free(struct segment *segment, size_t more_count)
{
    size_t need = segment->free_count + segment->buried_count + more_count;
    if (need <= segment->free_room)
        return true;
    size_t room = need + need / 2;
    uint32_t *slots = realloc(segment->free_slots, room * sizeof(*slots));
    if (slots == NULL)
        return false;
    segment->free_slots = slots;
    segment->free_room = room;
    return true;
}

#define MUTEXES_COUNT 4

static void
mutexes_of(struct segment *segment, pthread_mutex_t *mutexes[MUTEXES_COUNT])
{
    mutexes[0] = &segment->writer;
    mutexes[1] = &segment->building;
    mutexes[2] = &segment->failure_lock;
    mutexes[3] = &segment->vectors_lock;
}

static void
locks_destroy(struct segment *segment, size_t mutexes_count)
{
    pthread_mutex_t *mutexes[MUTEXES_COUNT];
    mutexes_of(segment, mutexes);
    while (mutexes_count > 0)
        pthread_mutex_destroy(mutexes[--mutexes_count]);
    pthread_rwlock_destroy(&segment->points);
}

static bool
locks_init(struct segment *segment)
{
    pthread_mutex_t *mutexes[MUTEXES_COUNT];
    pthread_rwlockattr_t attr;
    if (pthread_rwlockattr_init(&attr) != 0)
        return false;
    pthread_rwlockattr_setkind_np(&attr,
                                  PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    bool is_ok = pthread_rwlock_init(&segment->points, &attr) == 0;
    pthread_rwlockattr_destroy(&attr);
    if (!is_ok)
        return false;
    mutexes_of(segment, mutexes);
    for (size_t i = 0; i < MUTEXES_COUNT; i++)
        if (pthread_mutex_init(mutexes[i], NULL) != 0) {
            locks_destroy(segment, i);
            return false;
        }
    return true;
}

static enum engine_code
parts_init(struct segment *segment, const struct segment_options *options,
           struct error *reterr)
{
    payloads_init(&segment->payloads);
    filter_cache_init(&segment->filters);
    slotset_init(&segment->free_set);
    segment->path = strdup(options->path);
    segment->ids = ids_new();
    segment->indexes = calloc(SEGMENT_INDEXES_MAX, sizeof(*segment->indexes));
    if (segment->path == NULL || segment->ids == NULL ||
        segment->indexes == NULL)
        return error_memory(reterr);
    return ENGINE_OK;
}

static enum engine_code
directory_open(struct segment *segment, const struct segment_options *options,
               struct error *reterr)
{
    enum engine_code code =
        options->is_existing ? ENGINE_OK : folder_make(segment->path, reterr);
    if (code != ENGINE_OK)
        return code;
    struct bytes path;
    bytes_init(&path, SEGMENT_PATH_SIZE_MAX);
    bytes_addf(&path, "%s/store", segment->path);
    if (bytes_failed(&path))
        code = error_memory(reterr);
    else if (options->is_existing)
        code = segment_open_store(segment, path.data, options, reterr);
    else
        code = store_open(path.data, &segment->store, reterr);
    /* The store syncs what is in its folder, not that there is one. */
    if (code == ENGINE_OK && !segment->is_known_empty)
        code = folder_sync_parent(path.data, reterr);
    bytes_release(&path);
    return code;
}

void
segment_view_options(const struct segment *segment, struct segment_view *view)
{
    for (size_t i = 0; segment_seek(segment, &i); i++) {
        const struct segment_vector_options *options =
            &segment->vectors[i]->options;
        view->vectors[i].vectors = segment->vectors[i];
        view->vectors[i].is_named = true;
        view->vectors[i].ef_construct = options->ef_construct;
        view->vectors[i].full_scan_kib = options->full_scan_kib;
        view->vectors[i].has_idf = options->has_idf;
    }
}

/* The first view, of what was loaded. */
static enum engine_code
view_load(struct segment *segment, struct error *reterr)
{
    struct segment_view *view =
        view_new(segment->vectors_count, segment->slots_count);
    bool is_ok = view != NULL;
    for (uint32_t slot = 0; is_ok && slot < segment->slots_count; slot++) {
        if (ids_is_live(segment->ids, slot))
            is_ok = view_put_live(view, NULL, slot, true);
        for (size_t i = 0; is_ok && segment_seek(segment, &i); i++)
            if (!slotset_has(&segment->vectors[i]->absent, slot))
                is_ok = view_put_vector(view, NULL, i, slot, true);
    }
    if (!is_ok) {
        view_discard(view, NULL);
        return error_memory(reterr);
    }
    segment_view_options(segment, view);
    atomic_store(&segment->view, view);
    return ENGINE_OK;
}

enum engine_code
segment_open(const struct segment_options *options,
             struct segment **ret_segment, struct error *reterr)
{
    assert(options->path != NULL);
    assert(options->vectors_count <= SEGMENT_VECTORS_MAX);
    /* The epoch's places are aligned to cache lines. */
    struct segment *segment =
        aligned_alloc(_Alignof(struct segment), sizeof(*segment));
    if (segment == NULL)
        return error_memory(reterr);
    memset(segment, 0, sizeof(*segment));
    epoch_init(&segment->epoch);
    segment->reclaim_again = UINT32_MAX;
    segment->compact_end = COMPACT_NONE;
    if (!locks_init(segment)) {
        free(segment);
        return error_memory(reterr);
    }
    segment->report = options->report;
    segment->report_ctx = options->report_ctx;
    enum engine_code code = parts_init(segment, options, reterr);
    if (code == ENGINE_OK)
        code = directory_open(segment, options, reterr);
    if (code == ENGINE_OK)
        code = segment_names_open(segment, options, reterr);
    if (code == ENGINE_OK)
        code = segment_load(segment, options, reterr);
    if (code == ENGINE_OK)
        code = segment_load_graphs(segment, reterr);
    if (code == ENGINE_OK)
        code = view_load(segment, reterr);
    if (code != ENGINE_OK) {
        segment_close(segment);
        return code;
    }
    *ret_segment = segment;
    return ENGINE_OK;
}

struct segment_view *
segment_view_now(const struct segment *segment)
{
    return atomic_load_explicit(&segment->view, memory_order_acquire);
}

void
segment_publish(struct segment *segment, struct segment_view *next,
                struct grave *grave)
{
    struct segment_view *old = segment_view_now(segment);
    assert(grave->items_count + view_replaced_count(old, next) <=
           grave->items_room);
    atomic_store(&segment->view, next);
    atomic_fetch_add(&segment->version, 1);
    grave->items_count +=
        view_replaced(old, next, grave->items + grave->items_count);
}

void
segment_close(struct segment *segment)
{
    if (segment == NULL)
        return;
    /* Payloads on disk go from the store with their graves. */
    segment_dig_all(segment);
    if (segment_view_now(segment) != NULL)
        (void)segment_rest(segment); /* the next start need not open it */
    segment_names_close(segment);
    if (segment->store != NULL && segment_sync(segment, NULL) != ENGINE_OK)
        segment_say(segment, "the last changes could not be synced");
    store_close(segment->store);
    for (size_t i = 0; segment_seek(segment, &i); i++) {
        vectors_release(segment->vectors[i]);
        free(segment->vectors[i]);
    }
    for (size_t i = 0; i < segment->indexes_count; i++) {
        payload_index_free(segment->indexes[i].index);
        bytes_release(&segment->indexes[i].note);
    }
    while (segment->builds != NULL) {
        struct index_build *build = segment->builds;
        index_build_remove(segment, build);
        index_build_leave(build);
    }
    view_discard(segment_view_now(segment), NULL);
    filter_cache_release(&segment->filters);
    payloads_release(&segment->payloads);
    ids_free(segment->ids);
    free(segment->indexes);
    free(segment->free_slots);
    slotset_release(&segment->free_set);
    free(segment->path);
    locks_destroy(segment, MUTEXES_COUNT);
    free(segment);
}

void
segment_start_graphs(struct segment *segment)
{
    for (size_t i = 0; segment_seek(segment, &i); i++)
        if (vectors_start_graph(segment->vectors[i], &segment->points, NULL) !=
            ENGINE_OK)
            segment_say(segment, "no memory for a graph yet: scanning");
}

/* Once for each change; back again is a change, too. */
static void
say_place(struct segment *segment, struct vectors *vectors,
          enum segment_place place)
{
    if (place == vectors->next_place || vectors->sparse != NULL)
        return;
    vectors->next_place = place;
    const char *what = place == vectors->options.place ? "stays" : "moves";
    const char *where = place == SEGMENT_ON_DISK ? "disk" : "memory";
    segment_say(segment, "vector \"%.*s\" %s %s %s at the next start",
                (int)vectors->options.name.size, vectors->options.name.data,
                what, place == vectors->options.place ? "in" : "to", where);
}

/* Caller holds the writer mutex. */
static void
configure_vectors(struct segment *segment, struct vectors *vectors,
                  const struct segment_vector_options *options)
{
    assert(options->dim == vectors->options.dim);
    say_place(segment, vectors, options->place);
    pthread_rwlock_wrlock(&vectors->link_lock);
    vectors->options.has_idf = options->has_idf;
    vectors->options.sparse_place = options->sparse_place;
    if (vectors->sparse != NULL)
        sparse_set_place(vectors->sparse, options->sparse_place);
    vectors->options.m = options->m;
    vectors->options.ef_construct = options->ef_construct;
    vectors->options.codes = options->codes;
    vectors->options.full_scan_kib = options->full_scan_kib;
    vectors->options.indexing_kib = options->indexing_kib;
    vectors->options.linkers_max = options->linkers_max;
    if (vectors->graph != NULL)
        hnsw_set_ef_construct(vectors->graph,
                              vectors_params(vectors).ef_construct);
    pthread_rwlock_unlock(&vectors->link_lock);
    if (options->m == 0 && vectors->graph != NULL)
        segment_drop_graph(segment, vectors->number);
    vectors_note_renewal(vectors);
}

void
segment_configure(struct segment *segment,
                  const struct segment_vector_options *options, size_t count)
{
    pthread_mutex_lock(&segment->writer);
    for (size_t i = 0; i < count; i++) {
        size_t number = segment_number_of(segment, options[i].name);
        assert(number != SIZE_MAX);
        configure_vectors(segment, segment->vectors[number], &options[i]);
    }
    const struct segment_view *old = segment_view_now(segment);
    struct segment_view *view = view_next(old, old->slots_count);
    struct grave *grave = grave_new(1, 0);
    if (view == NULL || grave == NULL) {
        segment_say(segment, "no memory for new search options: they count "
                             "from the next start on");
        free(view);
        free(grave);
    } else {
        segment_view_options(segment, view);
        pthread_rwlock_wrlock(&segment->points);
        segment_publish(segment, view, grave);
        pthread_rwlock_unlock(&segment->points);
        segment_bury(segment, grave);
    }
    segment_start_graphs(segment);
    pthread_mutex_unlock(&segment->writer);
}

enum engine_code
segment_sync_to(struct segment *segment, uint64_t ticket, struct error *reterr)
{
    return store_sync_to(segment->store, ticket, reterr);
}

enum engine_code
segment_sync(struct segment *segment, struct error *reterr)
{
    return store_sync(segment->store, reterr);
}

void
segment_tidy(struct segment *segment)
{
    if (pthread_mutex_trylock(&segment->writer) != 0)
        return;
    segment_dig(segment);
    pthread_mutex_unlock(&segment->writer);
}

void
segment_read_begin(struct segment *segment, struct segment_reader *ret_reader)
{
    ret_reader->segment = segment;
    ret_reader->place = epoch_enter(&segment->epoch);
    ret_reader->view = segment_view_now(segment);
}

void
segment_read_end(struct segment_reader *reader)
{
    reader->view = NULL;
    epoch_leave(&reader->segment->epoch, reader->place);
}

uint32_t
segment_find(const struct segment_reader *reader, const struct point_id *id)
{
    struct segment *segment = reader->segment;
    pthread_rwlock_rdlock(&segment->points);
    uint32_t slot = ids_find(segment->ids, id);
    pthread_rwlock_unlock(&segment->points);
    return slot;
}

struct point_id
segment_id(const struct segment_reader *reader, uint32_t slot)
{
    return ids_at(reader->segment->ids, slot);
}

uint64_t
segment_version(const struct segment_reader *reader, uint32_t slot)
{
    return ids_version(reader->segment->ids, slot);
}

enum engine_code
segment_payloads(const struct segment_reader *reader, const uint32_t *slots,
                 size_t count, struct arena *arena, struct span *ret_texts,
                 struct error *reterr)
{
    return payloads_copy_out(&reader->segment->payloads, slots, count, arena,
                             ret_texts, reterr);
}

bool
segment_has_vector(const struct segment_reader *reader, size_t number,
                   uint32_t slot)
{
    const struct segment_view *view = reader->view;
    return slotview_has(view->live, slot)
               ? slotview_has(view->vectors[number].has, slot)
               : vectors_had(segment_reader_vectors(reader, number), slot);
}

/* Rows of other datatypes as rows of floats. */
static enum engine_code
rows_to_floats(const struct vectors *vectors, const void **rows, size_t count,
               struct arena *arena, struct error *reterr)
{
    const struct row_form *form = &vectors->form;
    enum vector_kind kind = vectors->options.kind;
    if (kind == VECTOR_SPARSE || form->datatype == DATATYPE_F32)
        return ENGINE_OK;
    for (size_t i = 0; i < count; i++) {
        if (rows[i] == NULL)
            continue;
        void *floats =
            arena_alloc(arena, vector_row_size(kind, form->dim, rows[i]));
        if (floats == NULL)
            return error_memory(reterr);
        vector_row_load(kind, form, rows[i], floats);
        rows[i] = floats;
    }
    return ENGINE_OK;
}

enum engine_code
segment_vectors(const struct segment_reader *reader, size_t number,
                const uint32_t *slots, size_t count, struct arena *arena,
                const void **ret_rows, struct error *reterr)
{
    struct vectors *vectors = segment_reader_vectors(reader, number);
    for (size_t i = 0; i < count && !vectors->is_on_disk; i++)
        ret_rows[i] = segment_has_vector(reader, number, slots[i])
                          ? vectors_row(vectors, slots[i])
                          : NULL;
    if (!vectors->is_on_disk)
        return rows_to_floats(vectors, ret_rows, count, arena, reterr);
    enum engine_code code =
        vectors_read_rows(vectors, slots, count, arena, ret_rows, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++)
        if (!segment_has_vector(reader, number, slots[i]))
            ret_rows[i] = NULL;
    return code == ENGINE_OK
               ? rows_to_floats(vectors, ret_rows, count, arena, reterr)
               : code;
}

uint64_t
segment_points_count(const struct segment_reader *reader)
{
    return reader->view->live->count;
}

size_t
segment_number_of(const struct segment *segment, struct span name)
{
    for (size_t i = 0; segment_seek(segment, &i); i++)
        if (span_equal(segment->vectors[i]->options.name, name))
            return i;
    return SIZE_MAX;
}

size_t
segment_vectors_count(const struct segment_reader *reader)
{
    return reader->view->vectors_count;
}

bool
segment_vector_is_there(const struct segment_reader *reader, size_t number)
{
    return number < reader->view->vectors_count &&
           reader->view->vectors[number].is_named;
}

size_t
segment_vector_number(const struct segment_reader *reader, struct span name)
{
    for (size_t i = 0; i < reader->view->vectors_count; i++)
        if (reader->view->vectors[i].is_named &&
            span_equal(reader->view->vectors[i].vectors->options.name, name))
            return i;
    return SIZE_MAX;
}

bool
segment_vector_is_unit(const struct segment_reader *reader, size_t number)
{
    const struct vectors *vectors = segment_reader_vectors(reader, number);
    return vectors->options.kind != VECTOR_SPARSE &&
           row_form_is_unit(&vectors->form);
}

bool
segment_vector_has_idf(const struct segment_reader *reader, size_t number)
{
    assert(number < reader->view->vectors_count);
    return reader->view->vectors[number].has_idf;
}

enum vector_kind
segment_vector_kind(const struct segment_reader *reader, size_t number)
{
    return segment_reader_vectors(reader, number)->options.kind;
}

size_t
segment_vector_numbers(const struct segment_reader *reader, size_t number)
{
    const struct vectors *vectors = segment_reader_vectors(reader, number);
    size_t size = vectors_row_size_about(vectors);
    if (vectors->options.kind == VECTOR_SPARSE)
        return size / sizeof(float);
    return size * vectors->options.dim / row_form_size(&vectors->form);
}

uint32_t
segment_vector_dim(const struct segment_reader *reader, size_t number)
{
    return segment_reader_vectors(reader, number)->options.dim;
}

enum metric
segment_vector_metric(const struct segment_reader *reader, size_t number)
{
    return segment_reader_vectors(reader, number)->options.metric;
}

struct span
segment_vector_name(const struct segment_reader *reader, size_t number)
{
    return segment_reader_vectors(reader, number)->options.name;
}

struct segment_vector_state
segment_vector_state(const struct segment_reader *reader, size_t number)
{
    struct vectors *vectors = segment_reader_vectors(reader, number);
    struct segment_vector_state state = {
        .count = reader->view->vectors[number].has->count,
        .waiting_count = queue_count(&vectors->queue),
        .is_renewing = atomic_load(&vectors->is_renewing),
    };
    bool is_indexed =
        atomic_load(&vectors->graph) != NULL || vectors->sparse != NULL;
    if (is_indexed && state.waiting_count < state.count)
        state.indexed_count = state.count - state.waiting_count;
    return state;
}

void
segment_sweep_filters(struct segment *segment)
{
    filter_cache_sweep(&segment->filters, atomic_load(&segment->version));
}

void
segment_state(struct segment *segment, struct segment_state *ret_state)
{
    *ret_state = (struct segment_state){ 0 };
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    for (size_t i = 0; i < reader.view->vectors_count; i++) {
        if (!segment_vector_is_there(&reader, i))
            continue;
        struct segment_vector_state state = segment_vector_state(&reader, i);
        ret_state->vectors_count += state.count;
        ret_state->waiting_count += state.waiting_count;
        ret_state->indexed_count += state.indexed_count;
        ret_state->is_renewing = ret_state->is_renewing || state.is_renewing;
    }
    segment_read_end(&reader);
    ret_state->builds_count = atomic_load(&segment->builds_count);
    pthread_mutex_lock(&segment->failure_lock);
    ret_state->has_failed = segment->has_failed;
    memcpy(ret_state->failure, segment->failure.text,
           sizeof(ret_state->failure));
    pthread_mutex_unlock(&segment->failure_lock);
}

static struct span
span_copy(struct span text, struct arena *arena)
{
    if (text.size == 0)
        return (struct span){ NULL, 0 };
    return (struct span){ arena_strndup(arena, text.data, text.size),
                          text.size };
}

size_t
segment_indexes_count(struct segment *segment)
{
    pthread_rwlock_rdlock(&segment->points);
    size_t count = segment->indexes_count + atomic_load(&segment->builds_count);
    pthread_rwlock_unlock(&segment->points);
    return count;
}

static struct segment_index_info
build_info(const struct index_build *build, struct arena *arena)
{
    return (struct segment_index_info){
        .field = span_copy(build->path.text, arena),
        .kind = build->kind,
        .note = span_copy(bytes_span(&build->note), arena),
        .points = atomic_load(&build->points),
    };
}

/* Of an index that is to replace another one, the other is told: it answers.
 * The caller holds `points`. */
static size_t
indexes_tell(const struct segment *segment, struct arena *arena,
             struct segment_index_info *infos)
{
    size_t count = segment->indexes_count;
    for (size_t i = 0; i < count; i++) {
        const struct segment_index *index = &segment->indexes[i];
        infos[i] = (struct segment_index_info){
            .field = span_copy(payload_index_path(index->index)->text, arena),
            .kind = payload_index_kind(index->index),
            .note = span_copy(bytes_span(&index->note), arena),
            .points = payload_index_points(index->index)
        };
    }
    for (const struct index_build *build = segment->builds; build != NULL;
         build = build->next) {
        size_t at = 0;
        while (at < segment->indexes_count &&
               !span_equal(infos[at].field, build->path.text))
            at++;
        if (at == segment->indexes_count)
            infos[count++] = build_info(build, arena);
    }
    return count;
}

enum engine_code
segment_indexes(struct segment *segment, struct arena *arena,
                const struct segment_index_info **ret_indexes,
                size_t *ret_count, struct error *reterr)
{
    pthread_rwlock_rdlock(&segment->points);
    size_t count = segment->indexes_count + atomic_load(&segment->builds_count);
    struct segment_index_info *infos =
        arena_calloc(arena, count + 1, sizeof(*infos));
    if (infos != NULL)
        count = indexes_tell(segment, arena, infos);
    pthread_rwlock_unlock(&segment->points);
    if (infos == NULL || arena_failed(arena))
        return error_memory(reterr);
    *ret_indexes = infos;
    *ret_count = count;
    return ENGINE_OK;
}
