/* SPDX-License-Identifier: Apache-2.0
 * Sparse vectors in a configuration. Of `index` the datatype and the place count;
 * the rest is taken and echoed and changes nothing: the index is exact at any
 * size, and rows are on disk, as full floats. */
#include "engine/collection/config_sparse.h"

#include "engine/collection/command.h"
#include "engine/collection/config_section.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const sparse_keys[] = { "index", "modifier", NULL };

static bool
is_word(yyjson_val *value, const char *const *words)
{
    bool is_known = section_is_absent(value);
    for (; !is_known && *words != NULL; words++)
        is_known = yyjson_equals_str(value, *words);
    return is_known;
}

static enum datatype
datatype_of(yyjson_val *word)
{
    if (yyjson_equals_str(word, "float16"))
        return DATATYPE_F16;
    return yyjson_equals_str(word, "uint8") ? DATATYPE_U8 : DATATYPE_F32;
}

static enum engine_code
index_read(yyjson_val *index, const char *where, enum datatype *ret_datatype,
           struct error *reterr)
{
    static const char *const datatypes[] = { "float32", "float16", "uint8",
                                             NULL };
    static const char *const places[] = { "cold", "cached", "pinned", NULL };
    const struct section_limit threshold = { "full_scan_threshold", 0,
                                             UINT64_MAX };
    uint64_t unused_count;
    bool unused_flag;
    if (section_is_absent(index))
        return ENGINE_OK;
    if (!yyjson_is_obj(index))
        return error_set(reterr, ENGINE_EFORMAT,
                         "%s.index: invalid type: expected an object", where);
    enum engine_code code =
        section_read_u64(index, where, &threshold, &unused_count, reterr);
    if (code == ENGINE_OK)
        code = section_read_bool(index, where, "on_disk", &unused_flag, reterr);
    if (code != ENGINE_OK)
        return code;
    if (yyjson_equals_str(yyjson_obj_get(index, "datatype"), "turbo4"))
        return error_set(reterr, ENGINE_EFORMAT,
                         "%s.index.datatype: turbo4 is for dense vectors, "
                         "expected one of `float32`, `uint8`, `float16`",
                         where);
    if (!is_word(yyjson_obj_get(index, "datatype"), datatypes))
        return error_set(reterr, ENGINE_EFORMAT,
                         "%s.index.datatype: unknown variant, expected one of "
                         "`float32`, `uint8`, `float16`",
                         where);
    if (!is_word(yyjson_obj_get(index, "memory"), places))
        return error_set(reterr, ENGINE_EFORMAT,
                         "%s.index.memory: must be cold, cached or pinned",
                         where);
    if (!section_is_absent(yyjson_obj_get(index, "datatype")))
        *ret_datatype = datatype_of(yyjson_obj_get(index, "datatype"));
    return ENGINE_OK;
}

/* Checks one vector's object and reads what it has of modifier and index. */
static enum engine_code
vector_read(yyjson_val *object, struct vector_config *vector,
            struct error *reterr)
{
    static const char *const modifiers[] = { "none", "idf", NULL };
    char where[COMMAND_NAME_SIZE_MAX + 32];
    snprintf(where, sizeof(where), "sparse_vectors.%.*s",
             (int)vector->name.size, vector->name.data);
    if (!yyjson_is_obj(object))
        return error_set(reterr, ENGINE_EFORMAT,
                         "%s: invalid type: expected an object", where);
    yyjson_val *modifier = yyjson_obj_get(object, "modifier");
    if (!is_word(modifier, modifiers))
        return error_set(reterr, ENGINE_EFORMAT,
                         "%s.modifier: unknown variant, expected `none` or "
                         "`idf`",
                         where);
    enum engine_code code = index_read(yyjson_obj_get(object, "index"), where,
                                       &vector->datatype, reterr);
    if (code == ENGINE_OK && !section_is_absent(modifier))
        vector->has_idf = yyjson_equals_str(modifier, "idf");
    return code;
}

/* Where the index is to be, by the whole of the vector's object; `memory` wins
 * where it says more than `on_disk`. */
static enum engine_code
place_read(struct vector_config *vector, struct error *reterr)
{
    yyjson_doc *doc = NULL;
    vector->sparse_place = SPARSE_PINNED;
    if (vector->json.size == 0)
        return ENGINE_OK;
    enum engine_code code = json_parse(vector->json, &doc, reterr);
    yyjson_val *index = yyjson_obj_get(yyjson_doc_get_root(doc), "index");
    yyjson_val *memory = yyjson_obj_get(index, "memory");
    if (yyjson_equals_str(memory, "cached"))
        vector->sparse_place = SPARSE_CACHED;
    else if (yyjson_equals_str(memory, "cold") ||
             (!yyjson_is_str(memory) &&
              yyjson_is_true(yyjson_obj_get(index, "on_disk"))))
        vector->sparse_place = SPARSE_COLD;
    yyjson_doc_free(doc);
    return code;
}

static enum engine_code
name_check(const struct collection_config *config, size_t dense_count,
           size_t before, struct span name, struct error *reterr)
{
    if (name.size == 0)
        return error_set(reterr, ENGINE_EINPUT,
                         "Sparse vector name cannot be empty");
    if (name.size > COMMAND_NAME_SIZE_MAX)
        return error_set(reterr, ENGINE_EVALID,
                         "[sparse_vectors: a vector name has %zu bytes, must "
                         "be %d or fewer]",
                         name.size, COMMAND_NAME_SIZE_MAX);
    for (size_t i = 0; i < before; i++) {
        if (!span_equal(config->vectors[i].name, name))
            continue;
        if (i < dense_count)
            return error_set(reterr, ENGINE_EINPUT,
                             "Dense and sparse vector names must be unique - "
                             "duplicate found with '%.*s'",
                             (int)name.size, name.data);
        return error_set(reterr, ENGINE_EFORMAT, "duplicate vector name `%.*s`",
                         (int)name.size, name.data);
    }
    return ENGINE_OK;
}

/* Room behind the dense vectors. */
static enum engine_code
vectors_grow(struct collection_config *config, size_t count,
             struct arena *arena, struct error *reterr)
{
    if (count > CONFIG_VECTORS_MAX)
        return error_set(reterr, ENGINE_EVALID,
                         "[sparse_vectors: %zu named vectors, must be %d or "
                         "fewer]",
                         count, CONFIG_VECTORS_MAX);
    struct vector_config *vectors =
        arena_calloc(arena, count, sizeof(*vectors));
    if (vectors == NULL)
        return error_memory(reterr);
    if (config->vectors_count > 0)
        memcpy(vectors, config->vectors,
               config->vectors_count * sizeof(*vectors));
    config->vectors = vectors;
    config->vectors_count = count;
    return ENGINE_OK;
}

enum engine_code
config_sparse_parse(yyjson_val *map, struct arena *arena,
                    struct collection_config *config, struct error *reterr)
{
    size_t dense_count = config->vectors_count;
    size_t index, count;
    yyjson_val *key, *value;
    if (section_is_absent(map))
        return ENGINE_OK;
    if (!yyjson_is_obj(map))
        return error_set(reterr, ENGINE_EFORMAT,
                         "sparse_vectors: invalid type: expected an object");
    if (yyjson_obj_size(map) == 0)
        return ENGINE_OK;
    enum engine_code code =
        vectors_grow(config, dense_count + yyjson_obj_size(map), arena, reterr);
    if (code != ENGINE_OK)
        return code;
    yyjson_obj_foreach(map, index, count, key, value)
    {
        struct span name = json_span(key);
        struct vector_config *vector = &config->vectors[dense_count + index];
        code =
            name_check(config, dense_count, dense_count + index, name, reterr);
        if (code != ENGINE_OK)
            return code;
        const char *copy = arena_strndup(arena, name.data, name.size);
        if (copy == NULL)
            return error_memory(reterr);
        *vector = (struct vector_config){ .name = { copy, name.size },
                                          .kind = VECTOR_SPARSE,
                                          .distance = METRIC_DOT };
        code = vector_read(value, vector, reterr);
        if (code == ENGINE_OK)
            code = section_merge((struct span){ NULL, 0 }, value, sparse_keys,
                                 arena, &vector->json, reterr);
        if (code == ENGINE_OK)
            code = place_read(vector, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

enum engine_code
config_sparse_patch(yyjson_val *map, struct arena *arena,
                    struct collection_config *config, struct error *reterr)
{
    size_t used = 0;
    if (section_is_absent(map))
        return ENGINE_OK;
    if (!yyjson_is_obj(map))
        return error_set(reterr, ENGINE_EFORMAT,
                         "sparse_vectors: invalid type: expected an object");
    for (size_t i = 0; i < config->vectors_count; i++) {
        struct vector_config *vector = &config->vectors[i];
        if (vector->kind != VECTOR_SPARSE)
            continue;
        yyjson_val *change =
            yyjson_obj_getn(map, vector->name.data, vector->name.size);
        used += change != NULL;
        if (section_is_absent(change))
            continue;
        enum engine_code code = vector_read(change, vector, reterr);
        if (code == ENGINE_OK)
            code = section_merge(vector->json, change, sparse_keys, arena,
                                 &vector->json, reterr);
        if (code == ENGINE_OK)
            code = place_read(vector, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    if (used < yyjson_obj_size(map))
        return error_set(reterr, ENGINE_EINPUT,
                         "Not existing vector name error: a name in "
                         "`sparse_vectors` is not in this collection");
    return ENGINE_OK;
}

void
config_sparse_write(const struct collection_config *config,
                    struct json_writer *writer)
{
    bool is_open = false;
    for (size_t i = 0; i < config->vectors_count; i++) {
        const struct vector_config *vector = &config->vectors[i];
        if (vector->kind != VECTOR_SPARSE)
            continue;
        if (!is_open) {
            json_key(writer, "sparse_vectors");
            json_object_begin(writer);
        }
        is_open = true;
        json_key_span(writer, vector->name);
        json_raw(writer, vector->json.size > 0 ? vector->json : span_of("{}"));
    }
    if (is_open)
        json_object_end(writer);
}
