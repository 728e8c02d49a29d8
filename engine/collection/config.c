/* SPDX-License-Identifier: Apache-2.0
 * Create and PATCH bodies to and from struct collection_config. A PATCH is the
 * create body with its changes laid over the sections, so both go through
 * sections_parse(). */
#include "engine/collection/config.h"

#include "engine/collection/command.h"
#include "engine/collection/config_check.h"
#include "engine/collection/config_section.h"
#include "engine/collection/config_sparse.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define VECTORS_VARIANT_TEXT                                                   \
    "data did not match any variant of untagged enum VectorsConfig"

static const char *const hnsw_keys[] = {
    "m",       "ef_construct", "full_scan_threshold", "max_indexing_threads",
    "on_disk", "payload_m",    "inline_storage",      "memory",
    NULL
};
static const char *const optimizer_keys[] = {
    "deleted_threshold",      "vacuum_min_vector_number",
    "default_segment_number", "max_segment_size",
    "memmap_threshold",       "indexing_threshold",
    "flush_interval_sec",     "max_optimization_threads",
    "prevent_unoptimized",    NULL
};
static const char *const wal_keys[] = { "wal_capacity_mb", "wal_segments_ahead",
                                        "wal_retain_closed", NULL };
static const char *const quantization_keys[] = { "scalar", "product", "binary",
                                                 "turbo", NULL };
static const char *const strict_mode_keys[] = {
    "enabled",
    "max_query_limit",
    "max_timeout",
    "unindexed_filtering_retrieve",
    "unindexed_filtering_update",
    "search_max_hnsw_ef",
    "search_allow_exact",
    "search_max_oversampling",
    "upsert_max_batchsize",
    "search_max_batchsize",
    "max_collection_vector_size_bytes",
    "read_rate_limit",
    "write_rate_limit",
    "max_collection_payload_size_bytes",
    "max_points_count",
    "filter_max_conditions",
    "condition_max_size",
    "multivector_config",
    "sparse_config",
    "max_payload_index_count",
    "max_resident_memory_percent",
    NULL
};
static const char *const vector_keys[] = { "size",
                                           "distance",
                                           "on_disk",
                                           "memory",
                                           "datatype",
                                           "hnsw_config",
                                           "quantization_config",
                                           "multivector_config",
                                           NULL };
static const char *const vector_patch_keys[] = { "on_disk", "memory",
                                                 "hnsw_config",
                                                 "quantization_config", NULL };

static yyjson_val *
member_or_alias(yyjson_val *body, const char *key, const char *alias)
{
    yyjson_val *value = yyjson_obj_get(body, key);
    return section_is_absent(value) ? yyjson_obj_get(body, alias) : value;
}

static enum engine_code
object_check(yyjson_val *value, const char *where, struct error *reterr)
{
    if (section_is_absent(value) || yyjson_is_obj(value))
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EFORMAT,
                     "%s: invalid type: expected an object", where);
}

static enum engine_code
hnsw_parse(yyjson_val *object, const char *where, struct hnsw_config *hnsw,
           struct error *reterr)
{
    uint64_t m = hnsw->m, ef_construct = hnsw->ef_construct;
    uint64_t payload_m = hnsw->payload_m;
    uint64_t full_scan = hnsw->full_scan_threshold;
    uint64_t threads = hnsw->max_indexing_threads;
    const struct {
        struct section_limit limit;
        uint64_t *value;
    } members[] = {
        { { "m", 0, 1024 }, &m },
        { { "payload_m", 0, UINT32_MAX }, &payload_m },
        { { "ef_construct", 4, 65536 }, &ef_construct },
        { { "full_scan_threshold", 10, UINT32_MAX }, &full_scan },
        { { "max_indexing_threads", 0, 1024 }, &threads },
    };
    enum engine_code code = object_check(object, where, reterr);
    for (size_t i = 0;
         code == ENGINE_OK && i < sizeof(members) / sizeof(members[0]); i++)
        code = section_read_u64(object, where, &members[i].limit,
                                members[i].value, reterr);
    if (code == ENGINE_OK)
        code =
            section_read_bool(object, where, "on_disk", &hnsw->on_disk, reterr);
    if (code != ENGINE_OK)
        return code;
    hnsw->m = (uint32_t)m;
    hnsw->payload_m = (uint32_t)payload_m;
    hnsw->ef_construct = (uint32_t)ef_construct;
    hnsw->full_scan_threshold = (uint32_t)full_scan;
    hnsw->max_indexing_threads = (uint32_t)threads;
    return ENGINE_OK;
}

/* Replicas are echoed; one machine holds them all. */
static enum engine_code
params_parse(yyjson_val *body, struct collection_config *config,
             struct error *reterr)
{
    uint64_t replicas = config->replication_factor;
    uint64_t consistency = config->write_consistency_factor;
    const struct {
        struct section_limit limit;
        uint64_t *value;
    } members[] = {
        { { "replication_factor", 1, UINT32_MAX }, &replicas },
        { { "write_consistency_factor", 1, UINT32_MAX }, &consistency },
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        enum engine_code code = section_read_u64(body, "", &members[i].limit,
                                                 members[i].value, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    config->replication_factor = (uint32_t)replicas;
    config->write_consistency_factor = (uint32_t)consistency;
    return section_read_bool(body, "", "on_disk_payload",
                             &config->on_disk_payload, reterr);
}

static enum engine_code
optimizers_parse(yyjson_val *object, struct collection_config *config,
                 struct error *reterr)
{
    enum engine_code code = section_read_u64(
        object, "optimizers_config",
        &(struct section_limit){ "indexing_threshold", 0, UINT64_MAX },
        &config->indexing_threshold, reterr);
    if (code != ENGINE_OK)
        return code;
    return section_read_u64(
        object, "optimizers_config",
        &(struct section_limit){ "flush_interval_sec", 0, UINT64_MAX },
        &config->flush_interval_sec, reterr);
}

/* Everything but the vectors, laid over what `config` has. */
static enum engine_code
sections_parse(yyjson_val *body, struct arena *arena,
               struct collection_config *config, struct error *reterr)
{
    yyjson_val *quantization =
        member_or_alias(body, "quantization_config", "quantization");
    bool is_disabled = yyjson_equals_str(quantization, "Disabled");
    /* Another kind takes the place of the old one. */
    if (!section_is_absent(quantization))
        config->quantization_json = (struct span){ NULL, 0 };
    const struct {
        const char *where;
        yyjson_val *value;
        const char *const *keys;
        struct span *text;
    } sections[] = {
        { "hnsw_config", yyjson_obj_get(body, "hnsw_config"), hnsw_keys,
          &config->hnsw_json },
        { "optimizers_config",
          member_or_alias(body, "optimizers_config", "optimizer_config"),
          optimizer_keys, &config->optimizers_json },
        { "wal_config", yyjson_obj_get(body, "wal_config"), wal_keys,
          &config->wal_json },
        { "quantization_config", is_disabled ? NULL : quantization,
          quantization_keys, &config->quantization_json },
        { "strict_mode_config", yyjson_obj_get(body, "strict_mode_config"),
          strict_mode_keys, &config->strict_mode_json },
        { "metadata", yyjson_obj_get(body, "metadata"), NULL,
          &config->metadata_json },
    };
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        enum engine_code code =
            object_check(sections[i].value, sections[i].where, reterr);
        if (code == ENGINE_OK && !section_is_absent(sections[i].value))
            code = section_merge(*sections[i].text, sections[i].value,
                                 sections[i].keys, arena, sections[i].text,
                                 reterr);
        if (code != ENGINE_OK)
            return code;
    }
    enum engine_code code =
        hnsw_parse(sections[0].value, "hnsw_config", &config->hnsw, reterr);
    if (code == ENGINE_OK)
        code = optimizers_parse(sections[1].value, config, reterr);
    return code;
}

static bool
distance_parse(yyjson_val *value, enum metric *ret_metric)
{
    static const struct {
        const char *name;
        enum metric metric;
    } distances[] = {
        { "Cosine", METRIC_COSINE },
        { "Euclid", METRIC_EUCLID },
        { "Dot", METRIC_DOT },
        { "Manhattan", METRIC_MANHATTAN },
    };
    for (size_t i = 0; i < sizeof(distances) / sizeof(distances[0]); i++)
        if (yyjson_equals_str(value, distances[i].name)) {
            *ret_metric = distances[i].metric;
            return true;
        }
    return false;
}

/* False: it is none. */
static bool
datatype_parse(yyjson_val *value, enum datatype *ret_datatype)
{
    *ret_datatype = DATATYPE_F32;
    if (yyjson_equals_str(value, "float16"))
        *ret_datatype = DATATYPE_F16;
    else if (yyjson_equals_str(value, "uint8"))
        *ret_datatype = DATATYPE_U8;
    else if (yyjson_equals_str(value, "turbo4"))
        *ret_datatype = DATATYPE_TURBO4;
    else
        return section_is_absent(value) || yyjson_equals_str(value, "float32");
    return true;
}

/* Where the vectors are to be; `memory` says it in another way, and wins. */
static enum engine_code
place_parse(yyjson_val *object, const char *where, bool *ret_is_on_disk,
            struct error *reterr)
{
    yyjson_val *memory = yyjson_obj_get(object, "memory");
    bool is_on_disk = false;
    enum engine_code code =
        section_read_bool(object, where, "on_disk", &is_on_disk, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!section_is_absent(memory)) {
        is_on_disk = yyjson_equals_str(memory, "cold");
        if (!is_on_disk && !yyjson_equals_str(memory, "cached") &&
            !yyjson_equals_str(memory, "pinned"))
            return error_set(reterr, ENGINE_EFORMAT,
                             "%s.memory: must be cold, cached or pinned",
                             where);
    }
    *ret_is_on_disk = is_on_disk;
    return ENGINE_OK;
}

/* {comparator: "max_sim"} or nothing. */
static enum engine_code
multi_parse(yyjson_val *object, const char *where, enum vector_kind *ret_kind,
            struct error *reterr)
{
    yyjson_val *config = yyjson_obj_get(object, "multivector_config");
    if (section_is_absent(config))
        return ENGINE_OK;
    if (!yyjson_is_obj(config) ||
        !yyjson_equals_str(yyjson_obj_get(config, "comparator"), "max_sim"))
        return error_set(reterr, ENGINE_EFORMAT,
                         "%s.multivector_config.comparator: must be max_sim",
                         where);
    *ret_kind = VECTOR_MULTI;
    return ENGINE_OK;
}

/* Takes the vector's own quantization out of its object. */
static enum engine_code
quantization_drop(struct vector_config *vector, struct arena *arena,
                  struct error *reterr)
{
    yyjson_doc *none = NULL;
    enum engine_code code =
        json_parse(span_of("{\"quantization_config\":null}"), &none, reterr);
    if (code == ENGINE_OK)
        code = section_merge(vector->json, yyjson_doc_get_root(none), NULL,
                             arena, &vector->json, reterr);
    yyjson_doc_free(none);
    return code;
}

static enum engine_code
vector_parse(yyjson_val *object, struct arena *arena,
             struct vector_config *vector, struct error *reterr)
{
    uint64_t size = 0;
    char where[COMMAND_NAME_SIZE_MAX + 32];
    snprintf(where, sizeof(where), "vectors%s%.*s",
             vector->name.size > 0 ? "." : "", (int)vector->name.size,
             vector->name.data);
    yyjson_val *size_value = yyjson_obj_get(object, "size");
    if (!yyjson_is_uint(size_value) || yyjson_get_uint(size_value) == 0 ||
        !distance_parse(yyjson_obj_get(object, "distance"),
                        &vector->distance) ||
        !datatype_parse(yyjson_obj_get(object, "datatype"), &vector->datatype))
        return error_set(reterr, ENGINE_EFORMAT, VECTORS_VARIANT_TEXT);
    enum engine_code code = section_read_u64(
        object, where, &(struct section_limit){ "size", 1, COMMAND_DIM_MAX },
        &size, reterr);
    if (code == ENGINE_OK)
        code = multi_parse(object, where, &vector->kind, reterr);
    if (code == ENGINE_OK)
        code = hnsw_parse(yyjson_obj_get(object, "hnsw_config"),
                          "vectors.hnsw_config", &vector->hnsw, reterr);
    if (code == ENGINE_OK)
        code = place_parse(object, where, &vector->is_on_disk, reterr);
    if (code == ENGINE_OK)
        code = section_merge((struct span){ NULL, 0 }, object, vector_keys,
                             arena, &vector->json, reterr);
    /* "Disabled" is none. */
    if (code == ENGINE_OK &&
        yyjson_is_str(yyjson_obj_get(object, "quantization_config")))
        code = quantization_drop(vector, arena, reterr);
    vector->size = (uint32_t)size;
    return code;
}

static enum engine_code
named_vectors_parse(yyjson_val *map, struct arena *arena,
                    struct collection_config *config, struct error *reterr)
{
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(map, index, count, key, value)
    {
        struct span name = json_span(key);
        if (!yyjson_is_obj(value))
            return error_set(reterr, ENGINE_EFORMAT, VECTORS_VARIANT_TEXT);
        if (name.size > COMMAND_NAME_SIZE_MAX)
            return error_set(reterr, ENGINE_EVALID,
                             "[vectors: a vector name has %zu bytes, must be "
                             "%d or fewer]",
                             name.size, COMMAND_NAME_SIZE_MAX);
        struct vector_config *vector = &config->vectors[index];
        const char *copy = arena_strndup(arena, name.data, name.size);
        if (copy == NULL)
            return error_memory(reterr);
        vector->name = (struct span){ copy, name.size };
        vector->hnsw = config->hnsw;
        enum engine_code code = vector_parse(value, arena, vector, reterr);
        if (code != ENGINE_OK)
            return code;
        for (size_t i = 0; i < index; i++)
            if (span_equal(config->vectors[i].name, vector->name))
                return error_set(reterr, ENGINE_EFORMAT,
                                 "duplicate vector name `%s`", copy);
    }
    return ENGINE_OK;
}

static enum engine_code
vectors_parse(yyjson_val *vectors, struct arena *arena,
              struct collection_config *config, struct error *reterr)
{
    if (section_is_absent(vectors))
        return ENGINE_OK;
    if (!yyjson_is_obj(vectors))
        return error_set(reterr, ENGINE_EFORMAT, VECTORS_VARIANT_TEXT);
    yyjson_val *size = yyjson_obj_get(vectors, "size");
    config->is_unnamed = size != NULL && !yyjson_is_obj(size);
    config->vectors_count = config->is_unnamed ? 1 : yyjson_obj_size(vectors);
    if (config->vectors_count > CONFIG_VECTORS_MAX)
        return error_set(reterr, ENGINE_EVALID,
                         "[vectors: %zu named vectors, must be %d or fewer]",
                         config->vectors_count, CONFIG_VECTORS_MAX);
    if (config->vectors_count == 0)
        return ENGINE_OK;
    config->vectors =
        arena_calloc(arena, config->vectors_count, sizeof(*config->vectors));
    if (config->vectors == NULL)
        return error_memory(reterr);
    if (!config->is_unnamed)
        return named_vectors_parse(vectors, arena, config, reterr);
    config->vectors[0].name = (struct span){ "", 0 };
    config->vectors[0].hnsw = config->hnsw;
    return vector_parse(vectors, arena, &config->vectors[0], reterr);
}

enum engine_code
config_parse(yyjson_val *body, struct arena *arena,
             struct collection_config *ret_config, struct error *reterr)
{
    assert(ret_config != NULL);
    if (!yyjson_is_obj(body))
        return error_set(reterr, ENGINE_EFORMAT,
                         "invalid type: expected struct CreateCollection");
    struct collection_config config = {
        .hnsw = { .m = 16, .ef_construct = 100, .full_scan_threshold = 10000 },
        .shard_number = 1,
        .replication_factor = 1,
        .write_consistency_factor = 1,
        .on_disk_payload = true,
        .indexing_threshold = 10000,
        .flush_interval_sec = 5,
    };
    uint64_t shards = config.shard_number;
    enum engine_code code = section_read_u64(
        body, "", &(struct section_limit){ "shard_number", 1, UINT32_MAX },
        &shards, reterr);
    config.shard_number = (uint32_t)shards;
    if (code == ENGINE_OK)
        code = params_parse(body, &config, reterr);
    if (code == ENGINE_OK)
        code = sections_parse(body, arena, &config, reterr);
    if (code == ENGINE_OK)
        code = vectors_parse(yyjson_obj_get(body, "vectors"), arena, &config,
                             reterr);
    if (code == ENGINE_OK)
        code = config_sparse_parse(yyjson_obj_get(body, "sparse_vectors"),
                                   arena, &config, reterr);
    if (code == ENGINE_OK)
        *ret_config = config;
    return code;
}

static enum engine_code
span_copy(struct span *span, struct arena *arena, struct error *reterr)
{
    if (span->size == 0)
        return ENGINE_OK;
    span->data = arena_strndup(arena, span->data, span->size);
    return span->data == NULL ? error_memory(reterr) : ENGINE_OK;
}

enum engine_code
config_copy(const struct collection_config *config, struct arena *arena,
            struct collection_config *ret_config, struct error *reterr)
{
    struct collection_config copy = *config;
    struct span *spans[] = { &copy.hnsw_json,        &copy.optimizers_json,
                             &copy.wal_json,         &copy.quantization_json,
                             &copy.strict_mode_json, &copy.metadata_json };
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0;
         code == ENGINE_OK && i < sizeof(spans) / sizeof(spans[0]); i++)
        code = span_copy(spans[i], arena, reterr);
    if (code == ENGINE_OK && copy.vectors_count > 0) {
        copy.vectors =
            arena_calloc(arena, copy.vectors_count, sizeof(*copy.vectors));
        if (copy.vectors == NULL)
            return error_memory(reterr);
    }
    for (size_t i = 0; code == ENGINE_OK && i < copy.vectors_count; i++) {
        copy.vectors[i] = config->vectors[i];
        code = span_copy(&copy.vectors[i].name, arena, reterr);
        if (code == ENGINE_OK)
            code = span_copy(&copy.vectors[i].json, arena, reterr);
    }
    if (code == ENGINE_OK)
        *ret_config = copy;
    return code;
}

/* The vector's object with `change` over it. Another kind of quantization
 * takes the place of the old one, and "Disabled" is none. */
static enum engine_code
vector_merge(struct vector_config *vector, yyjson_val *change,
             struct arena *arena, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    yyjson_val *quantization = yyjson_obj_get(change, "quantization_config");
    if (!section_is_absent(quantization))
        code = quantization_drop(vector, arena, reterr);
    if (code == ENGINE_OK)
        code = section_merge(vector->json, change, vector_patch_keys, arena,
                             &vector->json, reterr);
    if (code == ENGINE_OK && yyjson_is_str(quantization))
        code = quantization_drop(vector, arena, reterr);
    return code;
}

/* The vector's own changes lie over the collection's graph settings, which
 * this very PATCH may have changed. */
static enum engine_code
vector_patch(struct vector_config *vector, const struct hnsw_config *hnsw,
             yyjson_val *change, struct arena *arena, struct error *reterr)
{
    enum engine_code code = vector_merge(vector, change, arena, reterr);
    if (code != ENGINE_OK)
        return code;
    yyjson_doc *doc;
    code = json_parse(vector->json, &doc, reterr);
    if (code != ENGINE_OK)
        return code;
    vector->hnsw = *hnsw;
    code = hnsw_parse(yyjson_obj_get(yyjson_doc_get_root(doc), "hnsw_config"),
                      "vectors.hnsw_config", &vector->hnsw, reterr);
    if (code == ENGINE_OK)
        code = place_parse(yyjson_doc_get_root(doc), "vectors",
                           &vector->is_on_disk, reterr);
    yyjson_doc_free(doc);
    return code;
}

static enum engine_code
vectors_patch(yyjson_val *vectors, struct arena *arena,
              struct collection_config *config, struct error *reterr)
{
    enum engine_code code = object_check(vectors, "vectors", reterr);
    size_t used = 0;
    for (size_t i = 0; code == ENGINE_OK && i < config->vectors_count; i++) {
        struct vector_config *vector = &config->vectors[i];
        if (vector->kind == VECTOR_SPARSE)
            continue;
        yyjson_val *change =
            yyjson_obj_getn(vectors, vector->name.data, vector->name.size);
        used += change != NULL;
        code = object_check(change, "vectors", reterr);
        if (code == ENGINE_OK)
            code = vector_patch(vector, &config->hnsw,
                                section_is_absent(change) ? NULL : change,
                                arena, reterr);
    }
    if (code == ENGINE_OK && used < yyjson_obj_size(vectors))
        return error_set(reterr, ENGINE_EINPUT,
                         "Not existing vector name error: a name in `vectors` "
                         "is not in this collection");
    return code;
}

enum engine_code
config_patch(const struct collection_config *config, yyjson_val *body,
             struct arena *arena, struct collection_config *ret_config,
             struct error *reterr)
{
    if (!yyjson_is_obj(body))
        return error_set(reterr, ENGINE_EFORMAT,
                         "invalid type: expected struct UpdateCollection");
    struct collection_config patched;
    enum engine_code code = config_check(body, reterr);
    if (code == ENGINE_OK)
        code = config_copy(config, arena, &patched, reterr);
    if (code == ENGINE_OK)
        code = object_check(yyjson_obj_get(body, "params"), "params", reterr);
    if (code == ENGINE_OK)
        code = params_parse(yyjson_obj_get(body, "params"), &patched, reterr);
    if (code == ENGINE_OK)
        code = sections_parse(body, arena, &patched, reterr);
    if (code == ENGINE_OK)
        code = vectors_patch(yyjson_obj_get(body, "vectors"), arena, &patched,
                             reterr);
    if (code == ENGINE_OK)
        code = config_sparse_patch(yyjson_obj_get(body, "sparse_vectors"),
                                   arena, &patched, reterr);
    if (code == ENGINE_OK)
        *ret_config = patched;
    return code;
}
