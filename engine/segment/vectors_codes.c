/* SPDX-License-Identifier: Apache-2.0
 * The codes of a named vector: made at the opening, and made anew beside those
 * in use when others are wished for. While that goes on, writers put each row
 * into both; the background puts the rows that were there before, in pieces.
 * Then the new ones take the place, and searches that are under way end with
 * the old ones. */
#include "engine/segment/body.h"

#include <assert.h>
#include <stdlib.h>

/* Rows that one thread takes at once. */
#define PIECE_SLOTS 64u

/* Rows of turbo4 in memory are 4-bit codes already. */
static struct slab *
shared_rows(struct vectors *vectors, enum code_kind kind)
{
    bool is_shared = vectors->form.datatype == DATATYPE_TURBO4 &&
                     vectors->options.place == SEGMENT_IN_MEMORY &&
                     kind == CODE_4;
    return is_shared ? &vectors->rows : NULL;
}

static enum engine_code
make(struct vectors *vectors, const struct codes_wish *wish,
     struct codes **ret_codes, struct codes_query *ret_coding,
     struct error *reterr)
{
    struct codes_params params = { .dim = vectors->options.dim,
                                   .metric = vectors->options.metric };
    struct codes *codes;
    if (vectors->options.kind == VECTOR_MULTI) {
        /* Of encodings; quantization_config is about rows. */
        if (vectors->fde == NULL)
            return ENGINE_OK;
        params.dim = fde_size(vectors->fde);
        params.metric = METRIC_DOT;
        params.kind = CODE_4;
    } else if (!codes_choose_for(&params, wish, &params.kind)) {
        return ENGINE_OK;
    } else {
        params.shared = shared_rows(vectors, params.kind);
    }
    enum engine_code code = codes_create(&params, &codes, reterr);
    if (code != ENGINE_OK)
        return code;
    code = codes_query_init(ret_coding, codes, reterr);
    if (code != ENGINE_OK)
        codes_free(codes);
    else
        *ret_codes = codes;
    return code;
}

enum engine_code
vectors_codes_init(struct vectors *vectors, const struct codes_wish *wish,
                   struct error *reterr)
{
    const struct segment_vector_options *options = &vectors->options;
    bool is_on_disk = options->place == SEGMENT_ON_DISK;
    bool has_uses =
        (options->m > 0 || options->has_tenants) && options->indexing_kib > 0;
    struct codes *codes = NULL;
    if (!has_uses && !is_on_disk)
        return ENGINE_OK;
    if (vectors->form.datatype != DATATYPE_F32) {
        vectors->values = malloc(options->dim * sizeof(*vectors->values));
        if (vectors->values == NULL)
            return error_memory(reterr);
    }
    enum engine_code code = ENGINE_OK;
    if (options->kind == VECTOR_MULTI)
        code = vectors_multi_init(vectors, reterr);
    if (code == ENGINE_OK)
        code = make(vectors, wish, &codes, &vectors->coding, reterr);
    if (codes != NULL)
        atomic_store(&vectors->codes_size, codes_row_size(codes));
    vectors->codes = codes;
    return code;
}

bool
vectors_codes_are_outdated(const struct vectors *vectors)
{
    const struct codes *codes = vectors->codes;
    enum code_kind kind;
    return codes != NULL && vectors->next_codes == NULL &&
           vectors->options.kind != VECTOR_MULTI &&
           codes_choose_for(&codes->params, &vectors->options.codes, &kind) &&
           kind != codes->params.kind;
}

enum engine_code
vectors_codes_begin(struct vectors *vectors, struct error *reterr)
{
    struct codes *next = NULL;
    struct codes_query coding = { 0 };
    uint32_t end = atomic_load(&vectors->end_slot);
    if (!vectors_codes_are_outdated(vectors))
        return ENGINE_OK;
    enum engine_code code =
        make(vectors, &vectors->options.codes, &next, &coding, reterr);
    if (code == ENGINE_OK)
        code = codes_reserve(next, end, reterr);
    if (code != ENGINE_OK) {
        codes_query_release(&coding);
        codes_free(next);
        return code;
    }
    pthread_rwlock_wrlock(&vectors->link_lock);
    atomic_store(&vectors->code_slot, 0);
    atomic_store(&vectors->code_end, end);
    vectors->next_codes = next;
    vectors->next_coding = coding;
    pthread_rwlock_unlock(&vectors->link_lock);
    return ENGINE_OK;
}

/* One thread at filling: room for a piece. */
struct filler {
    struct vectors *vectors;
    struct codes_query coding;
    float *values;
    char *rows; /* NULL: they are in memory */
    uint32_t slots[PIECE_SLOTS];
    uint32_t count;
};

static void
filler_release(struct filler *filler)
{
    codes_query_release(&filler->coding);
    free(filler->values);
    free(filler->rows);
}

static enum engine_code
filler_init(struct filler *filler, struct vectors *vectors,
            struct error *reterr)
{
    size_t size = row_form_size(&vectors->form);
    *filler = (struct filler){ .vectors = vectors };
    enum engine_code code =
        codes_query_init(&filler->coding, vectors->next_codes, reterr);
    filler->values = malloc(vectors->form.dim * sizeof(*filler->values));
    if (vectors->is_on_disk)
        filler->rows = malloc(PIECE_SLOTS * size);
    if (code == ENGINE_OK && (filler->values == NULL ||
                              (vectors->is_on_disk && filler->rows == NULL)))
        code = error_memory(reterr);
    if (code != ENGINE_OK)
        filler_release(filler);
    return code;
}

/* Whether a walk or scan may come by the slot. Whoever is in the epoch and sees
 * so knows that its row stays as it is. */
static bool
is_in_use(const struct vectors *vectors, uint32_t slot)
{
    struct hnsw *graph = atomic_load(&vectors->graph);
    return !slotset_has(&vectors->absent, slot) ||
           (graph != NULL && hnsw_is_held(graph, slot));
}

static enum engine_code
fill_piece(struct filler *filler, uint32_t begin, uint32_t end,
           struct error *reterr)
{
    struct vectors *vectors = filler->vectors;
    size_t size = row_form_size(&vectors->form);
    enum engine_code code = ENGINE_OK;
    filler->count = 0;
    for (uint32_t slot = begin; slot < end; slot++)
        if (is_in_use(vectors, slot))
            filler->slots[filler->count++] = slot;
    if (vectors->is_on_disk)
        code = vectors_read(vectors, filler->slots, filler->count, filler->rows,
                            reterr);
    for (uint32_t i = 0; code == ENGINE_OK && i < filler->count; i++) {
        const void *row = filler->rows != NULL
                              ? filler->rows + i * size
                              : slab_row(&vectors->rows, filler->slots[i]);
        codes_put(vectors->next_codes, filler->slots[i],
                  row_form_values(&vectors->form, row, filler->values),
                  &filler->coding);
    }
    return code;
}

enum engine_code
vectors_codes_fill(struct vectors *vectors, size_t slots_max,
                   struct vectors_work *work, struct error *reterr)
{
    struct filler filler;
    uint32_t end = atomic_load(&vectors->code_end);
    uint32_t begin = atomic_load(&vectors->code_slot);
    if (begin >= end)
        return ENGINE_OK;
    enum engine_code code = filler_init(&filler, vectors, reterr);
    if (code != ENGINE_OK)
        return code;
    for (size_t done = 0; code == ENGINE_OK && done < slots_max;
         done += PIECE_SLOTS) {
        begin = atomic_fetch_add(&vectors->code_slot, PIECE_SLOTS);
        if (begin >= end)
            break;
        uint32_t stop = end - begin < PIECE_SLOTS ? end : begin + PIECE_SLOTS;
        code = fill_piece(&filler, begin, stop, reterr);
        work->has_moved = true;
    }
    /* Again from the start: what is done twice is the same. */
    if (code != ENGINE_OK)
        atomic_store(&vectors->code_slot, 0);
    filler_release(&filler);
    return code;
}

size_t
vectors_codes_waiting(const struct vectors *vectors)
{
    uint32_t slot = atomic_load(&vectors->code_slot);
    uint32_t end = atomic_load(&vectors->code_end);
    /* One more: taking their place is work, too. */
    if (vectors->next_codes == NULL)
        return 0;
    return slot < end ? (size_t)(end - slot) + 1 : 1;
}

bool
vectors_codes_are_filled(const struct vectors *vectors)
{
    return vectors->next_codes != NULL &&
           atomic_load(&vectors->code_slot) >= atomic_load(&vectors->code_end);
}

struct codes *
vectors_codes_end(struct vectors *vectors, pthread_rwlock_t *points)
{
    struct codes *old = NULL;
    pthread_rwlock_wrlock(&vectors->link_lock);
    pthread_rwlock_wrlock(points);
    /* Not when a piece failed meanwhile. */
    if (vectors_codes_are_filled(vectors) && vectors->next_graph == NULL) {
        old = vectors->codes;
        atomic_store(&vectors->codes, vectors->next_codes);
        atomic_store(&vectors->codes_size, codes_row_size(vectors->codes));
        codes_query_release(&vectors->coding);
        vectors->coding = vectors->next_coding;
        vectors->next_coding = (struct codes_query){ 0 };
        vectors->next_codes = NULL;
        if (vectors->graph != NULL)
            hnsw_set_codes(vectors->graph, vectors->codes);
        /* A checkpoint has tags of the rows' codes. */
        atomic_fetch_add(&vectors->links, 1);
    }
    pthread_rwlock_unlock(points);
    pthread_rwlock_unlock(&vectors->link_lock);
    return old;
}

void
vectors_codes_release(struct vectors *vectors)
{
    codes_query_release(&vectors->coding);
    codes_query_release(&vectors->next_coding);
    free(vectors->values);
    codes_free(vectors->codes);
    codes_free(vectors->next_codes);
}
