/* SPDX-License-Identifier: Apache-2.0
 * Vector names of a living collection: the configuration with one more or less
 * is saved while the segment changes (segment_keep), so that both agree
 * whatever moment a kill takes (engine/segment/vector_names.c). */
#include "engine/collection/body.h"
#include "engine/collection/config_vector.h"
#include "engine/collection/definition.h"
#include "engine/segment/vector_names.h"

#include <assert.h>

/* One change. The caller of those below holds config_lock. */
struct change_name {
    struct collection *collection;
    const struct update *update;
    struct arena arena;              /* of `config` */
    struct collection_config config; /* what it will be */
    bool is_other;                   /* false: nothing changes */
    bool must_wait;                  /* nothing was done: once more */
    uint64_t sequence;
};

static enum engine_code
save(void *ctx, struct error *reterr)
{
    const struct change_name *change = ctx;
    return definition_save(change->collection->path,
                           collection_name(change->collection), &change->config,
                           reterr);
}

static const struct segment_vector_options *
options_of(const struct segment_vector_options *all, size_t count,
           struct span name)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal(all[i].name, name))
            return &all[i];
    assert(!"the vector was just added");
    return NULL;
}

static enum engine_code
create_name(struct change_name *change, struct error *reterr)
{
    const struct vector_config *vector = change->update->vector;
    bool is_same = false;
    enum engine_code code =
        config_vector_add(&change->collection->config, vector, &change->arena,
                          &change->config, &is_same, reterr);
    change->is_other = !is_same;
    if (code != ENGINE_OK || is_same)
        return code;
    struct segment_vector_options *all =
        collection_vector_options(&change->config, &change->arena);
    if (all == NULL)
        return error_memory(reterr);
    struct segment_keep keep = { save, change };
    return segment_vector_create(
        change->collection->segment,
        options_of(all, change->config.vectors_count, vector->name), &keep,
        &change->sequence, &change->must_wait, reterr);
}

static enum engine_code
delete_name(struct change_name *change, struct error *reterr)
{
    struct span name = change->update->names[0];
    enum engine_code code =
        config_vector_remove(&change->collection->config, name, &change->arena,
                             &change->config, &change->is_other, reterr);
    if (code != ENGINE_OK || !change->is_other)
        return code;
    struct segment_keep keep = { save, change };
    return segment_vector_delete(change->collection->segment, name, &keep,
                                 &change->sequence, reterr);
}

/* *ret_must_wait: nothing was done. */
static enum engine_code
change_once(struct collection *collection, const struct update *update,
            uint64_t *ret_sequence, bool *ret_must_wait, struct error *reterr)
{
    struct change_name change = { .collection = collection, .update = update };
    arena_init(&change.arena, COLLECTION_CONFIG_SIZE);
    pthread_mutex_lock(&collection->config_lock);
    enum engine_code code = update->kind == UPDATE_CREATE_VECTOR
                                ? create_name(&change, reterr)
                                : delete_name(&change, reterr);
    if (code == ENGINE_OK && change.is_other && !change.must_wait) {
        struct arena old = collection->config_arena;
        collection->config_arena = change.arena;
        collection->config = change.config;
        change.arena = old;
    }
    pthread_mutex_unlock(&collection->config_lock);
    arena_release(&change.arena);
    *ret_must_wait = change.must_wait;
    if (code == ENGINE_OK)
        *ret_sequence = change.sequence;
    return code;
}

/* It waits for readers without config_lock: who asks for the configuration, or
 * changes it, does not. */
enum engine_code
collection_change_names(struct collection *collection,
                        const struct update *update, uint64_t *ret_sequence,
                        struct error *reterr)
{
    for (;;) {
        bool must_wait = false;
        enum engine_code code =
            change_once(collection, update, ret_sequence, &must_wait, reterr);
        if (code != ENGINE_OK || !must_wait)
            return code;
        segment_names_wait();
    }
}
