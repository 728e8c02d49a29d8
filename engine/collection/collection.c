/* SPDX-License-Identifier: Apache-2.0
 * One collection: its coming and going, updates and changes of its
 * configuration. Its definition (definition.h) is written last when a
 * collection is made and removed first when it is destroyed: without it there
 * is no collection. */
#include "engine/collection/apply.h"
#include "base/clock.h"
#include "engine/collection/body.h"
#include "engine/collection/config_quantization.h"
#include "engine/collection/definition.h"
#include "engine/collection/strict.h"
#include "engine/storage/folder.h"
#include "engine/storage/store.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE_MAX 8192

static_assert(COLLECTION_CONFIG_SIZE >= 4 * DEFINITION_SIZE_MAX,
              "a configuration is copied a few times as it changes");

/* While too many points wait, an update links so many for each of its own, for
 * so long. */
#define PRESSURE_FACTOR 1
#define PRESSURE_MS     2000

uint64_t
collection_now_ms(void)
{
    return clock_ms();
}

void
collection_say(const struct collection *collection, const char *text)
{
    if (collection->options.report != NULL)
        collection->options.report(collection->options.report_ctx,
                                   collection->name, text);
}

static void
say_from_segment(void *ctx, const char *text)
{
    collection_say(ctx, text);
}

static void
wake(const struct collection *collection)
{
    if (collection->options.wake != NULL)
        collection->options.wake(collection->options.wake_ctx);
}

static enum engine_code
io_error(const char *what, const char *path, struct error *reterr)
{
    int number = errno;
    return error_set(reterr,
                     number == ENOSPC || number == EDQUOT ? ENGINE_ENOSPACE
                                                          : ENGINE_EINTERNAL,
                     "cannot %s %s: %s", what, path, strerror(number));
}

/* ---- coming and going ---- */

static void
collection_free(struct collection *collection)
{
    if (collection == NULL)
        return;
    strict_limits_release(collection->strict);
    pthread_mutex_destroy(&collection->strict_lock);
    arena_release(&collection->config_arena);
    pthread_mutex_destroy(&collection->config_lock);
    pthread_mutex_destroy(&collection->upkeep_lock);
    optimizations_release(&collection->optimizations);
    free(collection->name);
    free(collection->path);
    free(collection);
}

static bool
locks_init(struct collection *collection)
{
    if (!optimizations_init(&collection->optimizations))
        return false;
    pthread_mutex_t *const mutexes[] = { &collection->config_lock,
                                         &collection->upkeep_lock,
                                         &collection->strict_lock };
    for (size_t i = 0; i < sizeof(mutexes) / sizeof(mutexes[0]); i++) {
        if (pthread_mutex_init(mutexes[i], NULL) == 0)
            continue;
        while (i > 0)
            pthread_mutex_destroy(mutexes[--i]);
        optimizations_release(&collection->optimizations);
        return false;
    }
    return true;
}

static struct collection *
collection_new(const struct collection_options *options)
{
    struct collection *collection = calloc(1, sizeof(*collection));
    if (collection == NULL)
        return NULL;
    collection->path = strdup(options->path);
    collection->options = *options;
    if (collection->path == NULL || !locks_init(collection)) {
        free(collection->path);
        free(collection);
        return NULL;
    }
    collection->options.path = collection->path;
    arena_init(&collection->config_arena, COLLECTION_CONFIG_SIZE);
    atomic_store(&collection->synced_ms, collection_now_ms());
    atomic_store(&collection->saved_ms, collection_now_ms());
    atomic_store(&collection->changed_ms, collection_now_ms());
    return collection;
}

struct segment_vector_options *
collection_vector_options(const struct collection_config *config,
                          struct arena *arena)
{
    struct segment_vector_options *options =
        arena_calloc(arena, config->vectors_count + 1, sizeof(*options));
    for (size_t i = 0; options != NULL && i < config->vectors_count; i++) {
        const struct vector_config *vector = &config->vectors[i];
        options[i] = (struct segment_vector_options){
            .name = vector->name,
            .kind = vector->kind,
            .has_idf = vector->has_idf,
            .dim = vector->size,
            .metric = vector->distance,
            .datatype = vector->datatype,
            .m = vector->hnsw.m,
            .has_tenants = vector->hnsw.payload_m > 0,
            .ef_construct = vector->hnsw.ef_construct,
            .full_scan_kib = vector->hnsw.full_scan_threshold,
            .indexing_kib = config->indexing_threshold,
            .linkers_max = vector->hnsw.max_indexing_threads,
            .place = vector->is_on_disk ? SEGMENT_ON_DISK : SEGMENT_IN_MEMORY,
            .sparse_place = vector->sparse_place,
            .codes =
                config_quantization(vector->json, config->quantization_json)
        };
    }
    return options;
}

static uint64_t
flush_interval_ms(const struct collection_config *config)
{
    uint64_t seconds = config->flush_interval_sec;
    return seconds < UINT64_MAX / 1000 ? seconds * 1000 : UINT64_MAX;
}

static enum segment_place
place_of(const struct collection_config *config)
{
    return config->on_disk_payload ? SEGMENT_ON_DISK : SEGMENT_IN_MEMORY;
}

/* Takes `limits`. */
static void
strict_put(struct collection *collection, struct strict_limits *limits)
{
    pthread_mutex_lock(&collection->strict_lock);
    struct strict_limits *old = collection->strict;
    collection->strict = limits;
    atomic_store(&collection->is_strict, limits != NULL);
    pthread_mutex_unlock(&collection->strict_lock);
    strict_limits_release(old);
}

/* Opens the segment of a collection whose configuration is known. */
static enum engine_code
collection_start(struct collection *collection, bool is_existing,
                 struct error *reterr)
{
    const struct collection_config *config = &collection->config;
    struct bytes path;
    enum engine_code code =
        folder_path(collection->path, "shard-0", &path, reterr);
    if (code == ENGINE_OK)
        code = strict_limits_new(config->strict_mode_json, NULL,
                                 &collection->strict, reterr);
    atomic_store(&collection->is_strict, collection->strict != NULL);
    struct segment_vector_options *vectors =
        collection_vector_options(config, &collection->config_arena);
    if (code == ENGINE_OK && vectors == NULL)
        code = error_memory(reterr);
    if (code == ENGINE_OK) {
        struct segment_options options = { .path = path.data,
                                           .is_existing = is_existing,
                                           .vectors = vectors,
                                           .vectors_count =
                                               config->vectors_count,
                                           .payloads = place_of(config),
                                           .must_fit =
                                               collection->options.must_fit,
                                           .report = say_from_segment,
                                           .report_ctx = collection };
        code = segment_open(&options, &collection->segment, reterr);
    }
    bytes_release(&path);
    atomic_store(&collection->flush_interval_ms, flush_interval_ms(config));
    atomic_store(&collection->needs_save, true);
    return code;
}

enum engine_code
collection_create(const struct collection_options *options, struct span name,
                  const struct collection_config *config,
                  struct collection **ret_collection, struct error *reterr)
{
    struct collection *collection = collection_new(options);
    if (collection == NULL)
        return error_memory(reterr);
    enum engine_code code = folder_make(options->path, reterr);
    collection->name = strndup(name.data, name.size);
    collection->name_size = name.size;
    if (code == ENGINE_OK && collection->name == NULL)
        code = error_memory(reterr);
    if (code == ENGINE_OK)
        code = config_copy(config, &collection->config_arena,
                           &collection->config, reterr);
    if (code == ENGINE_OK)
        code = collection_start(collection, false, reterr);
    if (code == ENGINE_OK)
        code = definition_save(options->path, name, config, reterr);
    if (code != ENGINE_OK) {
        segment_close(collection->segment);
        collection_free(collection);
        return code;
    }
    *ret_collection = collection;
    return ENGINE_OK;
}

/* Whether a folder without a definition may hold points: then it was lost, and
 * is not what an interrupted create left. */
static bool
has_points(const char *folder)
{
    struct bytes path;
    bool has = folder_path(folder, "shard-0", &path, NULL) != ENGINE_OK ||
               (access(path.data, F_OK) == 0 && segment_has_points(path.data));
    bytes_release(&path);
    return has;
}

/* Takes name and configuration from the folder. */
static enum engine_code
collection_define(struct collection *collection, struct error *reterr)
{
    struct definition definition;
    enum engine_code code = definition_load(
        collection->path, &collection->config_arena, &definition, reterr);
    if (code == ENGINE_ENOTFOUND && has_points(collection->path))
        return error_set(reterr, ENGINE_ECORRUPT,
                         "%s/collection.json is missing", collection->path);
    if (code != ENGINE_OK)
        return code;
    collection->config = definition.config;
    collection->name = strndup(definition.name.data, definition.name.size);
    collection->name_size = definition.name.size;
    return collection->name == NULL ? error_memory(reterr) : ENGINE_OK;
}

enum engine_code
collection_open(const struct collection_options *options,
                struct collection **ret_collection, struct error *reterr)
{
    struct collection *collection = collection_new(options);
    if (collection == NULL)
        return error_memory(reterr);
    enum engine_code code = collection_define(collection, reterr);
    if (code == ENGINE_OK)
        code = collection_start(collection, true, reterr);
    if (code != ENGINE_OK) {
        collection_free(collection);
        return code;
    }
    *ret_collection = collection;
    return ENGINE_OK;
}

void
collection_close(struct collection *collection)
{
    if (collection == NULL)
        return;
    struct error error;
    if (segment_checkpoint(collection->segment, &error) != ENGINE_OK)
        collection_say(collection, error.text);
    segment_close(collection->segment);
    collection_free(collection);
}

void
collection_discard(struct collection *collection)
{
    if (collection == NULL)
        return;
    segment_close(collection->segment);
    collection_free(collection);
}

struct span
collection_name(const struct collection *collection)
{
    return (struct span){ collection->name, collection->name_size };
}

enum engine_code
collection_destroy(const char *path, struct error *reterr)
{
    struct bytes config, shard, store;
    bytes_init(&shard, PATH_SIZE_MAX);
    bytes_init(&store, PATH_SIZE_MAX);
    enum engine_code code = definition_path(path, &config, reterr);
    if (code == ENGINE_OK && unlink(config.data) != 0 && errno != ENOENT)
        code = io_error("remove", config.data, reterr);
    if (code == ENGINE_OK)
        code = folder_path(path, "shard-0", &shard, reterr);
    if (code == ENGINE_OK)
        code = folder_path(shard.data, "store", &store, reterr);
    if (code == ENGINE_OK)
        code = store_destroy(store.data, reterr);
    if (code == ENGINE_OK)
        code = folder_remove(path, reterr);
    bytes_release(&config);
    bytes_release(&shard);
    bytes_release(&store);
    return code;
}

/* ---- updates ---- */

/* Searches scan what waits: when that is too much, whoever adds points links
 * some, too, in proportion to what was added. */
static void
relieve_pressure(struct collection *collection, size_t points_count)
{
    enum segment_rest rest = SEGMENT_REST_MORE;
    uint64_t begin_ms = collection_now_ms();
    size_t pieces = points_count * PRESSURE_FACTOR / COLLECTION_WORK_POINTS + 1;
    while (rest == SEGMENT_REST_MORE && pieces-- > 0 &&
           segment_is_behind(collection->segment) &&
           collection_now_ms() - begin_ms < PRESSURE_MS)
        if (segment_link(collection->segment, COLLECTION_WORK_POINTS, &rest,
                         NULL) != ENGINE_OK)
            break;
}

enum engine_code
collection_update(struct collection *collection, const struct update *update,
                  const struct update_options *options,
                  struct update_result *ret_result, struct error *reterr)
{
    struct applied applied = { 0 };
    enum engine_code code = collection_check_update(collection, update, reterr);
    bool is_name = update->kind == UPDATE_CREATE_VECTOR ||
                   update->kind == UPDATE_DELETE_VECTOR;
    if (code == ENGINE_OK && is_name)
        code = collection_change_names(collection, update,
                                       &applied.commit.sequence, reterr);
    else if (code == ENGINE_OK)
        code = apply_update(collection->segment, update, options->wait,
                            &applied, reterr);
    if (code != ENGINE_OK)
        return code;
    atomic_store(&collection->needs_sync, true);
    atomic_store(&collection->needs_save, true);
    atomic_store(&collection->changed_ms, collection_now_ms());
    wake(collection);
    if (options->wait)
        code =
            segment_sync_to(collection->segment, applied.commit.ticket, reterr);
    if (code != ENGINE_OK)
        return code;
    if (update->kind == UPDATE_UPSERT || update->kind == UPDATE_VECTORS)
        relieve_pressure(collection, update->points_count);
    if (applied.has_missing && options->wait) {
        char text[POINT_ID_TEXT_SIZE];
        point_id_text(&applied.missing, text);
        return error_set(reterr, ENGINE_ENOTFOUND, "No point with id %s found",
                         text);
    }
    *ret_result =
        (struct update_result){ .operation_id = applied.commit.sequence,
                                .status = options->wait ? UPDATE_COMPLETED
                                                        : UPDATE_ACKNOWLEDGED };
    return ENGINE_OK;
}

enum engine_code
collection_patch(struct collection *collection, yyjson_val *body,
                 struct error *reterr)
{
    struct arena old, arena;
    struct collection_config config;
    arena_init(&arena, COLLECTION_CONFIG_SIZE);
    pthread_mutex_lock(&collection->config_lock);
    enum engine_code code =
        config_patch(&collection->config, body, &arena, &config, reterr);
    struct segment_vector_options *vectors = NULL;
    struct strict_limits *strict = NULL;
    /* Only a patch changes them, and this is the one. */
    if (code == ENGINE_OK)
        code = strict_limits_new(config.strict_mode_json, collection->strict,
                                 &strict, reterr);
    if (code == ENGINE_OK) {
        vectors = collection_vector_options(&config, &arena);
        if (vectors == NULL)
            code = error_memory(reterr);
    }
    /* Harmless when the rest fails: only where they are read from changes. */
    if (code == ENGINE_OK)
        code = segment_place_payloads(collection->segment, place_of(&config),
                                      reterr);
    if (code == ENGINE_OK)
        code = definition_save(collection->path, collection_name(collection),
                               &config, reterr);
    if (code == ENGINE_OK) {
        segment_configure(collection->segment, vectors, config.vectors_count);
        strict_put(collection, strict);
        strict = NULL;
        old = collection->config_arena;
        collection->config_arena = arena;
        collection->config = config;
        atomic_store(&collection->flush_interval_ms,
                     flush_interval_ms(&config));
        arena = old;
    }
    pthread_mutex_unlock(&collection->config_lock);
    strict_limits_release(strict);
    arena_release(&arena);
    if (code == ENGINE_OK)
        wake(collection);
    return code;
}
