/* SPDX-License-Identifier: Apache-2.0
 * A payload index made beside writes. The builder goes through the slots in
 * order, a few under each hold of the build's lock; a change that is written
 * and applied under the same lock updates the index for slots that the builder
 * has passed, and leaves the others to it. So the index holds, at each moment,
 * exactly what the slots below `next_slot` hold; when that is all, it is
 * published. */
#include "engine/segment/change_body.h"

#include "base/memory.h"
#include "engine/codec/json_reader.h"
#include "engine/segment/index_build.h"

#include <assert.h>

/* Slots under one hold of the lock: a writer waits so long. */
#define PIECE_SLOTS 32u
#define PIECE_SIZE  ((size_t)PIECE_SLOTS * 64)
/* With so few left, the rest is done while writers wait. */
#define REST_SLOTS 256u

struct piece {
    struct index_build *build;
    struct json_reader *reader;
    const uint32_t *slots;
    enum engine_code code;
    struct error *reterr;
};

static void
take_one(void *ctx, size_t position, struct span text)
{
    struct piece *piece = ctx;
    if (piece->code != ENGINE_OK)
        return;
    yyjson_val *payload = json_reader_root(piece->reader, text);
    piece->code =
        text.size > 0 && payload == NULL
            ? error_memory(piece->reterr)
            : payload_index_add(piece->build->index, piece->slots[position],
                                payload, piece->reterr);
}

/* Goes on to `end` at most. */
static enum engine_code
build_piece(struct segment *segment, struct index_build *build, uint32_t end,
            struct json_reader *reader, struct error *reterr)
{
    uint32_t slots[PIECE_SLOTS];
    size_t count = 0;
    uint64_t used = 0;
    if (!memory_may_grow(PIECE_SIZE, &used))
        return error_memory_limit(reterr, "a payload index", PIECE_SIZE, used,
                                  memory_limit());
    pthread_mutex_lock(&build->lock);
    uint32_t slot = build->next_slot;
    for (uint32_t i = 0; i < PIECE_SLOTS && slot < end; i++, slot++)
        if (ids_is_live(segment->ids, slot))
            slots[count++] = slot;
    struct piece piece = { build, reader, slots, ENGINE_OK, reterr };
    enum engine_code code = payloads_read(&segment->payloads, slots, count,
                                          take_one, &piece, reterr);
    if (code == ENGINE_OK)
        code = piece.code;
    build->next_slot = slot;
    if (code == ENGINE_OK && build->is_broken)
        code = error_memory(reterr);
    pthread_mutex_unlock(&build->lock);
    return code;
}

/* Everything but the last slots, beside writers. */
static enum engine_code
build_beside(struct segment *segment, struct index_build *build,
             struct json_reader *reader, struct error *reterr)
{
    struct segment_reader epoch;
    enum engine_code code = ENGINE_OK;
    uint32_t end = 0;
    do {
        /* Texts that a change takes away stay until this piece is done. */
        segment_read_begin(segment, &epoch);
        end = epoch.view->slots_count;
        code = build_piece(segment, build, end, reader, reterr);
        segment_read_end(&epoch);
    } while (code == ENGINE_OK && build->next_slot + REST_SLOTS < end);
    return code;
}

static void
build_show(struct segment *segment, struct index_build *build)
{
    pthread_mutex_lock(&segment->writer);
    assert(segment->build == NULL || build == NULL);
    segment->build = build;
    pthread_mutex_unlock(&segment->writer);
}

/* Takes its place, with the rest. */
static enum engine_code
build_end(struct segment *segment, struct index_build *build, struct span note,
          struct json_reader *reader, struct change_commit *ret_commit,
          struct error *reterr)
{
    struct change *change = NULL;
    enum engine_code code = change_begin(segment, &change, reterr);
    if (code != ENGINE_OK)
        return code;
    while (code == ENGINE_OK && build->next_slot < segment->slots_count)
        code =
            build_piece(segment, build, segment->slots_count, reader, reterr);
    segment->build = NULL;
    if (code == ENGINE_OK) {
        code = change_put_index(change, build->index, note, reterr);
        if (code == ENGINE_OK)
            build->index = NULL;
    }
    if (code == ENGINE_OK)
        code = change_commit(change, ret_commit, reterr);
    change_end(change);
    return code;
}

static enum engine_code
build_run(struct segment *segment, struct index_build *build, struct span note,
          struct change_commit *ret_commit, struct error *reterr)
{
    struct json_reader *reader = json_reader_new();
    if (reader == NULL)
        return error_memory(reterr);
    build_show(segment, build);
    enum engine_code code = build_beside(segment, build, reader, reterr);
    if (code == ENGINE_OK)
        code = build_end(segment, build, note, reader, ret_commit, reterr);
    json_reader_free(reader);
    return code;
}

static enum engine_code
index_make(struct segment *segment, const struct payload_path *path,
           enum payload_index_kind kind, struct span note,
           struct change_commit *ret_commit, struct error *reterr)
{
    struct index_build build = { 0 };
    enum engine_code code =
        payload_index_new(path, kind, note, &build.index, reterr);
    if (code != ENGINE_OK)
        return code;
    pthread_mutex_init(&build.lock, NULL);
    code = build_run(segment, &build, note, ret_commit, reterr);
    build_show(segment, NULL);
    pthread_mutex_destroy(&build.lock);
    payload_index_free(build.index);
    return code;
}

/* Whether there is that index already; if not, whether there is room. */
static enum engine_code
index_look(struct segment *segment, const struct payload_path *path,
           enum payload_index_kind kind, struct span note, bool *ret_is_there,
           struct change_commit *ret_commit, struct error *reterr)
{
    struct change *change = NULL;
    enum engine_code code = change_begin(segment, &change, reterr);
    if (code != ENGINE_OK)
        return code;
    code = change_finds_index(change, path->text, kind, note, ret_is_there,
                              reterr);
    /* Every update has a number. */
    if (code == ENGINE_OK && *ret_is_there)
        code = change_commit(change, ret_commit, reterr);
    change_end(change);
    return code;
}

enum engine_code
segment_index_create(struct segment *segment, const struct payload_path *path,
                     enum payload_index_kind kind, struct span note,
                     struct change_commit *ret_commit, struct error *reterr)
{
    bool is_there = false;
    pthread_mutex_lock(&segment->building);
    enum engine_code code =
        index_look(segment, path, kind, note, &is_there, ret_commit, reterr);
    if (code == ENGINE_OK && !is_there)
        code = index_make(segment, path, kind, note, ret_commit, reterr);
    pthread_mutex_unlock(&segment->building);
    return code;
}
