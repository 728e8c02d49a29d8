/* SPDX-License-Identifier: Apache-2.0
 * Vectors that are not kept in memory: rows are read from the store when they
 * are wanted, many at once. A slot's record stays for as long as a reader may
 * know the slot; one that is gone all the same reads as zeros, which is what a
 * walk that still comes by it is told. */
#include "engine/segment/body.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define READ_SLOTS    64
#define SCAN_SIZE     ((size_t)1 << 20)
#define SCAN_ROWS_MIN 16u
#define SCAN_ROWS_MAX 1024u

struct copying {
    char *rows;
    size_t begin;
    size_t size; /* of a row */
    bool is_damaged;
};

static void
take_row(void *ctx, size_t position, struct span value)
{
    struct copying *copying = ctx;
    size_t size = copying->size;
    char *row = copying->rows + (copying->begin + position) * size;
    if (value.data == NULL)
        memset(row, 0, size);
    else if (value.size == size)
        memcpy(row, value.data, size);
    else
        copying->is_damaged = true;
}

enum engine_code
vectors_read(const struct vectors *vectors, const uint32_t *slots, size_t count,
             void *ret_rows, struct error *reterr)
{
    assert(vectors->is_on_disk);
    struct segment_key raw[READ_SLOTS];
    struct span keys[READ_SLOTS];
    struct copying copying = { ret_rows, 0, row_form_size(&vectors->form),
                               false };
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && i < count; i += READ_SLOTS) {
        size_t part = count - i < READ_SLOTS ? count - i : READ_SLOTS;
        for (size_t k = 0; k < part; k++) {
            raw[k] = segment_key_vector(vectors->number, slots[i + k]);
            keys[k] = segment_key_span(&raw[k]);
        }
        copying.begin = i;
        code = store_get_many(vectors->store, STORE_VECTORS, keys, part,
                              take_row, &copying, reterr);
    }
    if (code == ENGINE_OK && copying.is_damaged)
        return error_set(reterr, ENGINE_ECORRUPT,
                         "damaged vector record: stop and put the collection's "
                         "folder back from a backup");
    return code;
}

enum engine_code
vectors_fetch(void *ctx, const uint32_t *slots, uint32_t count, void *ret_rows,
              struct error *reterr)
{
    return vectors_read(ctx, slots, count, ret_rows, reterr);
}

/* ---- exact scans ---- */

/* One scan: rows come in blocks into a small slab, which is scanned. */
struct stream {
    const struct vectors *vectors;
    const struct plain_scan *scan;
    const float *query;
    struct slab block;
    uint32_t rows_max;
    uint32_t *slots; /* of the block */
    char *rows;
    struct hit *found;  /* in the block */
    struct hit *merged; /* room to merge */
    struct hit *hits;   /* best so far */
    uint32_t count;
    uint32_t k;
};

static bool
is_before(const struct hit *a, const struct hit *b)
{
    return a->distance < b->distance ||
           (a->distance == b->distance && a->slot < b->slot);
}

static void
merge(struct stream *stream, uint32_t found_count)
{
    uint32_t i = 0, k = 0, count = 0;
    while (count < stream->k && (i < stream->count || k < found_count)) {
        bool is_old = k >= found_count ||
                      (i < stream->count &&
                       is_before(&stream->hits[i], &stream->found[k]));
        stream->merged[count++] =
            is_old ? stream->hits[i++] : stream->found[k++];
    }
    memcpy(stream->hits, stream->merged, count * sizeof(stream->hits[0]));
    stream->count = count;
}

static enum engine_code
scan_block(struct stream *stream, uint32_t count, struct error *reterr)
{
    size_t size = row_form_size(&stream->vectors->form);
    struct plain_scan scan = { .vectors = &stream->block,
                               .datatype = stream->scan->datatype,
                               .dim = stream->scan->dim,
                               .metric = stream->scan->metric,
                               .slot_end = count,
                               .stopper = stream->scan->stopper };
    if (count == 0)
        return ENGINE_OK;
    enum engine_code code = vectors_read(stream->vectors, stream->slots, count,
                                         stream->rows, reterr);
    if (code != ENGINE_OK)
        return code;
    for (uint32_t i = 0; i < count; i++)
        slab_put(&stream->block, i, stream->rows + i * size, size);
    uint32_t found = 0;
    uint32_t k = stream->k < count ? stream->k : count;
    code = plain_search(&scan, stream->query, k, stream->found, &found, reterr);
    for (uint32_t i = 0; i < found; i++)
        stream->found[i].slot = stream->slots[stream->found[i].slot];
    if (code == ENGINE_OK)
        merge(stream, found);
    return code;
}

static enum engine_code
stream_run(struct stream *stream, struct error *reterr)
{
    const struct plain_scan *scan = stream->scan;
    uint32_t end = scan->slots != NULL ? scan->slot_count : scan->slot_end;
    uint32_t count = 0;
    enum engine_code code = ENGINE_OK;
    for (uint32_t i = scan->slots != NULL ? 0 : scan->slot_begin;
         code == ENGINE_OK && i < end; i++) {
        uint32_t slot = scan->slots != NULL ? scan->slots[i] : i;
        if (!slot_filter_passes(scan->filter, slot))
            continue;
        stream->slots[count++] = slot;
        if (count < stream->rows_max)
            continue;
        code = scan_block(stream, count, reterr);
        count = 0;
    }
    return code == ENGINE_OK ? scan_block(stream, count, reterr) : code;
}

enum engine_code
vectors_scan(const struct vectors *vectors, const struct plain_scan *scan,
             const float *query, uint32_t k, struct arena *arena,
             struct hit *ret_hits, uint32_t *ret_count, struct error *reterr)
{
    if (!vectors->is_on_disk)
        return plain_search(scan, query, k, ret_hits, ret_count, reterr);
    struct stream stream = { .vectors = vectors,
                             .scan = scan,
                             .query = query,
                             .hits = ret_hits,
                             .k = k };
    size_t size = row_form_size(&vectors->form);
    size_t rows = SCAN_SIZE / size;
    stream.rows_max = rows < SCAN_ROWS_MIN   ? SCAN_ROWS_MIN
                      : rows > SCAN_ROWS_MAX ? SCAN_ROWS_MAX
                                             : (uint32_t)rows;
    size_t most = stream.rows_max;
    stream.slots = arena_alloc(arena, most * sizeof(*stream.slots));
    stream.found = arena_alloc(arena, most * sizeof(*stream.found));
    stream.merged = arena_alloc(arena, k * sizeof(*stream.merged));
    stream.rows = malloc(most * size);
    slab_init(&stream.block, size, SLAB_ROW_ALIGN);
    enum engine_code code = ENGINE_OK;
    if (stream.slots == NULL || stream.found == NULL || stream.merged == NULL ||
        stream.rows == NULL)
        code = error_memory(reterr);
    if (code == ENGINE_OK)
        code = slab_reserve(&stream.block, stream.rows_max, reterr);
    if (code == ENGINE_OK)
        code = stream_run(&stream, reterr);
    slab_release(&stream.block);
    free(stream.rows);
    if (code == ENGINE_OK)
        *ret_count = stream.count;
    return code;
}
