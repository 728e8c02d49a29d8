/* SPDX-License-Identifier: Apache-2.0
 * A payload index made beside writes. The builder goes through the slots in
 * order, a few under each hold of the build's lock; a change that is written
 * and applied under the same lock updates the index for slots that the builder
 * has passed, and leaves the others to it. So the index holds, at each moment,
 * exactly what the slots below `next_slot` hold; when that is all, it is
 * published, and the wish for it goes from the store in the same batch. */
#include "engine/segment/index_build.h"

#include "base/clock.h"
#include "base/memory.h"
#include "engine/codec/json_pick.h"
#include "engine/codec/json_reader.h"
#include "engine/segment/change_body.h"

#include <assert.h>

/* Slots under one hold of the lock: a writer waits so long. */
#define PIECE_SLOTS 512u
#define PIECE_SIZE  ((size_t)PIECE_SLOTS * 64)
/* With so few left, the rest is done while writers wait. */
#define REST_SLOTS 1024u
/* One step; what takes longer is said so often. */
#define STEP_MS 20u
#define SAY_MS  5000u
/* Larger values are parsed with all that stands beside them. */
#define PICK_SIZE 4096u

/* ---- payloads into an index ---- */

struct filling {
    const struct segment *segment;
    struct payload_index *index;
    struct json_reader *json;
    struct span key; /* of the path's first step */
    const uint32_t *slots;
    enum engine_code code;
    struct error *reterr;
};

static void
fill_one(void *ctx, size_t position, struct span text)
{
    char buffer[PICK_SIZE];
    struct filling *filling = ctx;
    struct span picked = text;
    if (filling->code != ENGINE_OK)
        return;
    if (text.size > 0 &&
        !json_pick(text, &filling->key, 1, buffer, sizeof(buffer), &picked))
        picked = text;
    yyjson_val *payload = json_reader_root(filling->json, picked);
    if (text.size > 0 && payload == NULL)
        filling->code = error_set(filling->reterr, ENGINE_ECORRUPT,
                                  "%s: damaged payload record, or no memory",
                                  filling->segment->path);
    else
        filling->code = payload_index_add(
            filling->index, filling->slots[position], payload, filling->reterr);
}

enum engine_code
index_build_fill(const struct segment *segment, struct payload_index *index,
                 struct json_reader *json, const struct index_slots *slots,
                 struct error *reterr)
{
    struct filling filling = {
        .segment = segment,
        .index = index,
        .json = json,
        .key = payload_index_path(index)->steps[0].key,
        .slots = slots->slots,
        .code = ENGINE_OK,
        .reterr = reterr,
    };
    enum engine_code code =
        payloads_read(&segment->payloads, slots->slots, slots->count, fill_one,
                      &filling, reterr);
    return code == ENGINE_OK ? filling.code : code;
}

/* ---- one build ---- */

/* Goes on to `end` at most. */
static enum engine_code
build_piece(struct segment *segment, struct index_build *build, uint32_t end,
            struct json_reader *json, struct error *reterr)
{
    uint32_t list[PIECE_SLOTS];
    struct index_slots slots = { list, 0 };
    uint64_t used = 0;
    if (!memory_may_grow(PIECE_SIZE, &used))
        return error_memory_limit(reterr, "a payload index", PIECE_SIZE, used,
                                  memory_limit());
    pthread_mutex_lock(&build->lock);
    uint32_t slot = build->next_slot;
    for (uint32_t i = 0; i < PIECE_SLOTS && slot < end; i++, slot++)
        if (ids_is_live(segment->ids, slot))
            list[slots.count++] = slot;
    enum engine_code code =
        index_build_fill(segment, build->index, json, &slots, reterr);
    build->next_slot = slot;
    if (code == ENGINE_OK && build->is_broken)
        code = error_memory(reterr);
    pthread_mutex_unlock(&build->lock);
    return code;
}

/* Its points so far, for the info. Before the last ones all is put in order. */
static enum engine_code
build_note(struct index_build *build, bool is_left, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    pthread_mutex_lock(&build->lock);
    atomic_store(&build->points, payload_index_points(build->index));
    if (!is_left)
        code = payload_index_settle(build->index, reterr);
    pthread_mutex_unlock(&build->lock);
    return code;
}

/* Everything but the last slots, beside writers, for some time. *ret_left:
 * there is more. */
static enum engine_code
build_beside(struct segment *segment, struct index_build *build,
             struct json_reader *json, bool *ret_left, struct error *reterr)
{
    struct segment_reader epoch;
    enum engine_code code = ENGINE_OK;
    uint64_t begin = clock_ms();
    uint32_t end = 0;
    do {
        /* Texts that a change takes away stay until this piece is done. */
        segment_read_begin(segment, &epoch);
        build->end_slot = end = epoch.view->slots_count;
        code = build_piece(segment, build, end, json, reterr);
        segment_read_end(&epoch);
        *ret_left = build->next_slot + REST_SLOTS < end;
    } while (code == ENGINE_OK && *ret_left && clock_ms() - begin < STEP_MS &&
             !atomic_load(&build->is_over));
    return code == ENGINE_OK ? build_note(build, *ret_left, reterr) : code;
}

/* Takes its place, with the rest. */
static enum engine_code
build_end(struct segment *segment, struct index_build *build,
          struct json_reader *json, struct error *reterr)
{
    struct change *change = NULL;
    enum engine_code code = change_begin_upkeep(segment, &change, reterr);
    if (code != ENGINE_OK)
        return code;
    while (code == ENGINE_OK && !atomic_load(&build->is_over) &&
           build->next_slot < segment->slots_count)
        code = build_piece(segment, build, segment->slots_count, json, reterr);
    if (code == ENGINE_OK && !atomic_load(&build->is_over)) {
        segment->build = NULL;
        code = change_put_index(change, build->index, bytes_span(&build->note),
                                reterr);
        if (code == ENGINE_OK)
            build->index = NULL;
        change_put_build(change, NULL, build);
        if (code == ENGINE_OK)
            code = change_commit_upkeep(change, reterr);
    }
    change_end(change);
    return code;
}

/* Nobody waits for it: it comes after the others, from its begin. */
static void
build_put_off(struct segment *segment, struct index_build *build,
              const struct error *error)
{
    struct payload_index *index = NULL;
    pthread_mutex_lock(&segment->writer);
    if (!atomic_load(&build->is_over)) {
        pthread_rwlock_wrlock(&segment->points);
        index_build_rotate(segment, build);
        pthread_rwlock_unlock(&segment->points);
        index = build->index;
        build->index = NULL;
        build->next_slot = 0;
        build->is_broken = false;
        atomic_store(&build->points, 0);
    }
    pthread_mutex_unlock(&segment->writer);
    payload_index_free(index);
    if (!build->has_failed)
        segment_say(segment, "payload index on %.*s waits: %s",
                    (int)build->path.text.size, build->path.text.data,
                    error->text);
    build->has_failed = true;
}

/* Somebody waits and is told. What cannot be taken from the store is tried
 * again at the next start. */
static void
build_give_up(struct segment *segment, struct index_build *build,
              enum engine_code code, const struct error *error)
{
    struct change *change = NULL;
    enum engine_code end = change_begin_upkeep(segment, &change, NULL);
    build->code = code;
    build->error = *error;
    if (end == ENGINE_OK) {
        if (!atomic_load(&build->is_over)) {
            change_put_build(change, NULL, build);
            end = change_commit_upkeep(change, NULL);
        }
        change_end(change);
    }
    pthread_mutex_lock(&segment->writer);
    bool is_left = end != ENGINE_OK && !atomic_load(&build->is_over);
    if (is_left) {
        pthread_rwlock_wrlock(&segment->points);
        index_build_remove(segment, build);
        pthread_rwlock_unlock(&segment->points);
    }
    pthread_mutex_unlock(&segment->writer);
    if (is_left)
        index_build_leave(build); /* the list's use */
}

static void
build_say(struct segment *segment, struct index_build *build)
{
    uint64_t now = clock_ms();
    bool is_over = atomic_load(&build->is_over);
    if (now - build->said_ms < SAY_MS &&
        !(is_over && build->said_ms > build->begin_ms))
        return;
    build->said_ms = now;
    int size = (int)build->path.text.size;
    const char *field = build->path.text.data;
    if (is_over)
        segment_say(segment, "payload index on %.*s: done after %.1f s", size,
                    field, (double)(now - build->begin_ms) / 1000);
    else
        segment_say(segment,
                    "payload index on %.*s: %u of %u points, still at it", size,
                    field, build->next_slot, build->end_slot);
}

/* ---- the list ---- */

/* Begins or goes on with the first; NULL: there is none. */
static struct index_build *
build_first(struct segment *segment)
{
    pthread_mutex_lock(&segment->writer);
    struct index_build *build = segment->builds;
    segment->build = build;
    if (build != NULL)
        atomic_fetch_add(&build->users, 1);
    pthread_mutex_unlock(&segment->writer);
    return build;
}

static enum engine_code
build_step(struct segment *segment, struct index_build *build,
           struct error *reterr)
{
    struct json_reader *json = json_reader_new();
    if (json == NULL)
        return error_memory(reterr);
    bool is_left = true;
    enum engine_code code = ENGINE_OK;
    if (build->begin_ms == 0)
        build->begin_ms = build->said_ms = clock_ms();
    if (build->index == NULL)
        code = index_build_begin(segment, build, reterr);
    if (code == ENGINE_OK && build->next_slot == 0)
        payload_index_bulk(build->index);
    if (code == ENGINE_OK)
        code = build_beside(segment, build, json, &is_left, reterr);
    if (code == ENGINE_OK && !is_left)
        code = build_end(segment, build, json, reterr);
    json_reader_free(json);
    return code;
}

/* The caller holds `building`. */
static enum segment_rest
step(struct segment *segment)
{
    struct error error = { .code = ENGINE_OK };
    enum segment_rest rest = SEGMENT_REST_NONE;
    struct index_build *build = build_first(segment);
    if (build == NULL)
        return rest;
    enum engine_code code = build_step(segment, build, &error);
    if (code == ENGINE_OK)
        build_say(segment, build);
    else if (atomic_load(&build->waiters_count) == 0)
        build_put_off(segment, build, &error);
    else
        build_give_up(segment, build, code, &error);
    index_build_leave(build);
    if (atomic_load(&segment->builds_count) > 0)
        rest = code == ENGINE_OK ? SEGMENT_REST_MORE : SEGMENT_REST_LATER;
    return rest;
}

void
segment_index_work(struct segment *segment, enum segment_rest *ret_rest)
{
    *ret_rest = SEGMENT_REST_NONE;
    if (atomic_load(&segment->builds_count) == 0)
        return;
    *ret_rest = SEGMENT_REST_LATER;
    if (pthread_mutex_trylock(&segment->building) != 0)
        return;
    *ret_rest = step(segment);
    pthread_mutex_unlock(&segment->building);
}

enum engine_code
index_build_finish(struct segment *segment, struct index_build *build,
                   struct error *reterr)
{
    while (!atomic_load(&build->is_over)) {
        pthread_mutex_lock(&segment->building);
        if (!atomic_load(&build->is_over))
            (void)step(segment);
        pthread_mutex_unlock(&segment->building);
    }
    if (build->code != ENGINE_OK && reterr != NULL)
        *reterr = build->error;
    return build->code;
}
