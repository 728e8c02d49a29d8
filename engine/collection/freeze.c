/* SPDX-License-Identifier: Apache-2.0
 * A collection's files of one moment, by hard links, and whether another
 * collection's could take the place of this one's. */
#include "engine/collection/freeze.h"

#include "engine/collection/body.h"
#include "engine/collection/definition.h"
#include "engine/storage/folder.h"

#define PATH_SIZE_MAX 8192

/* The file is replaced as a whole: a link keeps this one. */
static enum engine_code
link_definition(struct collection *collection, const char *folder,
                struct error *reterr)
{
    struct bytes from, to;
    bytes_init(&to, PATH_SIZE_MAX);
    enum engine_code code = definition_path(collection->path, &from, reterr);
    if (code == ENGINE_OK)
        code = definition_path(folder, &to, reterr);
    if (code == ENGINE_OK)
        code = folder_link(from.data, to.data, reterr);
    bytes_release(&from);
    bytes_release(&to);
    return code;
}

enum engine_code
collection_freeze(struct collection *collection, const char *folder,
                  struct error *reterr)
{
    struct bytes shard;
    bytes_init(&shard, PATH_SIZE_MAX);
    bytes_addf(&shard, "%s/shard-0", folder);
    if (bytes_failed(&shard))
        return error_memory(reterr);
    enum engine_code code = folder_make(folder, reterr);
    if (code == ENGINE_OK)
        code = folder_make(shard.data, reterr);
    pthread_mutex_lock(&collection->upkeep_lock);
    if (code == ENGINE_OK)
        code = segment_checkpoint(collection->segment, reterr);
    if (code == ENGINE_OK)
        code = link_definition(collection, folder, reterr);
    if (code == ENGINE_OK)
        code = segment_freeze(collection->segment, shard.data, reterr);
    pthread_mutex_unlock(&collection->upkeep_lock);
    bytes_release(&shard);
    return code;
}

static const struct vector_config *
vector_find(const struct collection_config *config, struct span name)
{
    for (size_t i = 0; i < config->vectors_count; i++) {
        if (span_equal(config->vectors[i].name, name))
            return &config->vectors[i];
    }
    return NULL;
}

static bool
is_same(const struct vector_config *a, const struct vector_config *b)
{
    return a->kind == b->kind && a->size == b->size &&
           a->distance == b->distance;
}

static enum engine_code
check_same(const struct collection_config *own,
           const struct collection_config *config, struct error *reterr)
{
    const struct vector_config *theirs =
        own->vectors_count < config->vectors_count ? config->vectors
                                                   : own->vectors;
    size_t count = own->vectors_count < config->vectors_count
                       ? config->vectors_count
                       : own->vectors_count;
    for (size_t i = 0; i < count; i++) {
        struct span name = theirs[i].name;
        const struct vector_config *a = vector_find(own, name);
        const struct vector_config *b = vector_find(config, name);
        if (a == NULL || b == NULL || !is_same(a, b))
            return error_set(reterr, ENGINE_EINPUT,
                             "Snapshot is not compatible with existing "
                             "collection: vector `%.*s` has %s",
                             name.size < 128 ? (int)name.size : 128, name.data,
                             a == NULL   ? "no place in the collection"
                             : b == NULL ? "no place in the snapshot"
                                         : "another kind, size or distance");
    }
    if (own->shard_number != config->shard_number)
        return error_set(reterr, ENGINE_EINPUT,
                         "Snapshot is not compatible with existing collection: "
                         "shard_number is %u there and %u here",
                         config->shard_number, own->shard_number);
    return ENGINE_OK;
}

enum engine_code
collection_check_same(struct collection *collection,
                      const struct collection_config *config,
                      struct error *reterr)
{
    pthread_mutex_lock(&collection->config_lock);
    enum engine_code code = check_same(&collection->config, config, reterr);
    pthread_mutex_unlock(&collection->config_lock);
    return code;
}

enum engine_code
collection_check_alike(struct collection *collection,
                       const struct collection *other, struct error *reterr)
{
    assert(collection != other);
    return collection_check_same(collection, &other->config, reterr);
}
