/* SPDX-License-Identifier: Apache-2.0
 * Payload indexes that are asked for: the list, and the requests. */
#include "engine/segment/change_body.h"

#include "engine/filter/path.h"
#include "engine/segment/index_build.h"

#include <assert.h>
#include <stdlib.h>

#define PATH_ARENA_SIZE ((size_t)64 << 10)

enum engine_code
index_build_new(const struct segment *segment, const struct index_wish *wish,
                struct index_build **ret_build, struct error *reterr)
{
    struct index_build *build = calloc(1, sizeof(*build));
    if (build == NULL)
        return error_memory(reterr);
    build->kind = wish->kind;
    atomic_init(&build->users, 1);
    arena_init(&build->arena, PATH_ARENA_SIZE);
    bytes_init(&build->note, STORE_VALUE_SIZE_MAX);
    pthread_mutex_init(&build->lock, NULL);
    bytes_add_span(&build->note, wish->note);
    enum engine_code code =
        path_copy(wish->path, &build->arena, &build->path, reterr);
    if (code == ENGINE_OK && bytes_failed(&build->note))
        code = error_memory(reterr);
    /* Refuses parameters before they are kept. */
    if (code == ENGINE_OK)
        code = index_build_begin(segment, build, reterr);
    if (code != ENGINE_OK) {
        index_build_leave(build);
        return code;
    }
    *ret_build = build;
    return ENGINE_OK;
}

enum engine_code
index_build_begin(const struct segment *segment, struct index_build *build,
                  struct error *reterr)
{
    const struct payload_index_wish wish = { &build->path, build->kind,
                                             bytes_span(&build->note),
                                             segment->path };
    return payload_index_make(&wish, &build->index, reterr);
}

void
index_build_leave(struct index_build *build)
{
    if (build == NULL || atomic_fetch_sub(&build->users, 1) > 1)
        return;
    payload_index_free(build->index);
    pthread_mutex_destroy(&build->lock);
    bytes_release(&build->note);
    arena_release(&build->arena);
    free(build);
}

struct index_build *
index_build_find(const struct segment *segment, struct span field)
{
    for (struct index_build *build = segment->builds; build != NULL;
         build = build->next)
        if (span_equal(build->path.text, field))
            return build;
    return NULL;
}

static void
link_last(struct segment *segment, struct index_build *build)
{
    struct index_build **end = &segment->builds;
    while (*end != NULL)
        end = &(*end)->next;
    *end = build;
}

static void
unlink_one(struct segment *segment, struct index_build *build)
{
    struct index_build **place = &segment->builds;
    while (*place != build)
        place = &(*place)->next;
    *place = build->next;
    build->next = NULL;
    if (segment->build == build)
        segment->build = NULL;
}

void
index_build_append(struct segment *segment, struct index_build *build)
{
    link_last(segment, build);
    atomic_fetch_add(&build->users, 1);
    atomic_fetch_add(&segment->builds_count, 1);
}

void
index_build_remove(struct segment *segment, struct index_build *build)
{
    unlink_one(segment, build);
    atomic_fetch_sub(&segment->builds_count, 1);
    atomic_store(&build->is_over, true);
}

void
index_build_rotate(struct segment *segment, struct index_build *build)
{
    unlink_one(segment, build);
    link_last(segment, build);
}

static bool
is_same(const struct index_build *build, const struct index_wish *wish)
{
    return build->kind == wish->kind &&
           span_equal(bytes_span(&build->note), wish->note);
}

/* Puts into `change` what the wish makes of the list. *ret_build: what is to
 * be waited for, with a use for the caller; NULL: there is that very index. */
static enum engine_code
stage_wish(struct change *change, const struct index_wish *wish,
           struct index_build **ret_build, struct error *reterr)
{
    struct index_build *asked =
        index_build_find(change->segment, wish->path->text);
    bool is_there = false;
    if (asked != NULL && is_same(asked, wish)) {
        *ret_build = asked;
        atomic_fetch_add(&asked->users, 1);
        return ENGINE_OK;
    }
    enum engine_code code = change_finds_index(change, wish, &is_there, reterr);
    if (code == ENGINE_OK && !is_there)
        code = index_build_new(change->segment, wish, ret_build, reterr);
    if (code == ENGINE_OK)
        change_put_build(change, *ret_build, asked);
    return code;
}

enum engine_code
segment_index_create(struct segment *segment, const struct index_wish *wish,
                     bool waits, struct change_commit *ret_commit,
                     struct error *reterr)
{
    struct change *change = NULL;
    struct index_build *build = NULL;
    enum engine_code code = change_begin(segment, &change, reterr);
    if (code != ENGINE_OK)
        return code;
    code = stage_wish(change, wish, &build, reterr);
    if (build != NULL && waits)
        atomic_fetch_add(&build->waiters_count, 1);
    /* Every update has a number. */
    if (code == ENGINE_OK)
        code = change_commit(change, ret_commit, reterr);
    change_end(change);
    if (build != NULL && waits) {
        if (code == ENGINE_OK)
            code = index_build_finish(segment, build, reterr);
        atomic_fetch_sub(&build->waiters_count, 1);
    }
    index_build_leave(build);
    return code;
}
