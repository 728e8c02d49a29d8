/* SPDX-License-Identifier: Apache-2.0
 * Vector names that come and go. What is asked for is read as if a collection
 * was made with it alone, so that there is one reader of such objects. */
#include "engine/collection/config_vector.h"

#include "engine/codec/json_reader.h"
#include "engine/collection/command.h"
#include "engine/collection/config_section.h"

#include <assert.h>
#include <string.h>

/* What is longer is no vector's configuration. */
#define TEXT_SIZE_MAX 65536

static const char *const dense_keys[] = { "size", "distance",
                                          "multivector_config", "datatype",
                                          NULL };
static const char *const modifier_keys[] = { "modifier", NULL };
static const char *const datatype_keys[] = { "datatype", NULL };

/* ---- reading ---- */

static enum engine_code
too_long(struct error *reterr)
{
    return error_set(reterr, ENGINE_EINPUT,
                     "the configuration of a vector may have at most %d bytes",
                     TEXT_SIZE_MAX);
}

/* The member of a create body that makes one vector. */
static void
dense_write(struct json_writer *writer, struct span name, struct span params)
{
    json_key(writer, "vectors");
    json_object_begin(writer);
    json_key_span(writer, name);
    json_raw(writer, params);
    json_object_end(writer);
}

/* The same; the datatype of a sparse one is its index's. */
static enum engine_code
sparse_write(struct json_writer *writer, struct span name, yyjson_val *sparse,
             struct arena *arena, struct error *reterr)
{
    const struct span none = { NULL, 0 };
    struct span modifier, datatype;
    enum engine_code code =
        section_merge(none, sparse, modifier_keys, arena, &modifier, reterr);
    if (code == ENGINE_OK)
        code = section_merge(none, sparse, datatype_keys, arena, &datatype,
                             reterr);
    if (code != ENGINE_OK)
        return code;
    struct span params = modifier;
    if (datatype.size > 0) {
        struct bytes text;
        struct json_writer inner;
        bytes_init(&text, TEXT_SIZE_MAX);
        json_writer_init(&inner, &text);
        json_object_begin(&inner);
        json_key(&inner, "index");
        json_raw(&inner, datatype);
        json_object_end(&inner);
        yyjson_doc *index = NULL;
        if (bytes_failed(&text))
            code = too_long(reterr);
        else
            index = json_text_read(bytes_span(&text));
        if (code == ENGINE_OK)
            code = index == NULL
                       ? error_memory(reterr)
                       : section_merge(modifier, yyjson_doc_get_root(index),
                                       NULL, arena, &params, reterr);
        yyjson_doc_free(index);
        bytes_release(&text);
    }
    json_key(writer, "sparse_vectors");
    json_object_begin(writer);
    json_key_span(writer, name);
    json_raw(writer, params.size > 0 ? params : span_of("{}"));
    json_object_end(writer);
    return code;
}

static enum engine_code
body_write(struct json_writer *writer, struct span name, yyjson_val *body,
           struct arena *arena, struct error *reterr)
{
    yyjson_val *dense = yyjson_obj_get(body, "dense");
    yyjson_val *sparse = yyjson_obj_get(body, "sparse");
    if (!yyjson_is_obj(dense) && !yyjson_is_obj(sparse))
        return error_set(reterr, ENGINE_EFORMAT,
                         "data did not match any variant of untagged enum "
                         "VectorNameConfig");
    if (!yyjson_is_obj(dense))
        return sparse_write(writer, name, sparse, arena, reterr);
    uint64_t size = 1;
    struct span params;
    enum engine_code code = section_read_u64(
        dense, "dense", &(struct section_limit){ "size", 1, COMMAND_DIM_MAX },
        &size, reterr);
    if (code == ENGINE_OK)
        code = section_merge((struct span){ NULL, 0 }, dense, dense_keys, arena,
                             &params, reterr);
    if (code == ENGINE_OK && params.size == 0)
        params = span_of("{}");
    if (code == ENGINE_OK)
        dense_write(writer, name, params);
    return code;
}

enum engine_code
config_vector_parse(struct span name, yyjson_val *body, struct arena *arena,
                    struct vector_config *ret_vector, struct error *reterr)
{
    struct bytes text;
    struct json_writer writer;
    yyjson_doc *doc = NULL;
    struct collection_config config = { 0 };
    bytes_init(&text, TEXT_SIZE_MAX);
    json_writer_init(&writer, &text);
    json_object_begin(&writer);
    enum engine_code code = body_write(&writer, name, body, arena, reterr);
    json_object_end(&writer);
    if (code == ENGINE_OK && bytes_failed(&text))
        code = too_long(reterr);
    if (code == ENGINE_OK) {
        doc = json_text_read(bytes_span(&text));
        code = doc == NULL ? error_memory(reterr)
                           : config_parse(yyjson_doc_get_root(doc), arena,
                                          &config, reterr);
    }
    yyjson_doc_free(doc);
    bytes_release(&text);
    if (code != ENGINE_OK)
        return code;
    assert(config.vectors_count == 1);
    *ret_vector = config.vectors[0];
    return ENGINE_OK;
}

/* ---- changing ---- */

static size_t
find(const struct collection_config *config, struct span name)
{
    size_t i = 0;
    while (i < config->vectors_count &&
           !span_equal(config->vectors[i].name, name))
        i++;
    return i;
}

/* What may be changed later is no difference. */
static enum engine_code
compare(const struct vector_config *old, const struct vector_config *new,
        struct error *reterr)
{
    bool was_sparse = old->kind == VECTOR_SPARSE;
    bool is_sparse = new->kind == VECTOR_SPARSE;
    int size = (int)new->name.size;
    const char *name = new->name.size > 0 ? new->name.data : "";
    if (was_sparse != is_sparse)
        return error_set(reterr, ENGINE_EINPUT,
                         "Vector `%.*s` already exists as a %s vector", size,
                         name, was_sparse ? "sparse" : "dense");
    if (old->kind != new->kind || old->size != new->size ||
        old->distance != new->distance || old->datatype != new->datatype ||
        old->has_idf != new->has_idf)
        return error_set(reterr, ENGINE_EINPUT,
                         "%s `%.*s` already exists with a different "
                         "configuration",
                         is_sparse ? "Sparse vector" : "Vector", size, name);
    return ENGINE_OK;
}

/* Dense ones stand before sparse ones. */
static size_t
place_for(const struct collection_config *config, enum vector_kind kind)
{
    size_t i = 0;
    if (kind == VECTOR_SPARSE)
        return config->vectors_count;
    while (i < config->vectors_count &&
           config->vectors[i].kind != VECTOR_SPARSE)
        i++;
    return i;
}

enum engine_code
config_vector_add(const struct collection_config *config,
                  const struct vector_config *vector, struct arena *arena,
                  struct collection_config *ret_config, bool *ret_is_same,
                  struct error *reterr)
{
    size_t at = find(config, vector->name);
    *ret_is_same = at < config->vectors_count;
    if (*ret_is_same)
        return compare(&config->vectors[at], vector, reterr);
    if (config->vectors_count >= CONFIG_VECTORS_MAX)
        return error_set(reterr, ENGINE_EVALID,
                         "[vectors: %zu named vectors, must be %d or fewer]",
                         config->vectors_count + 1, CONFIG_VECTORS_MAX);
    size_t count = config->vectors_count + 1;
    struct vector_config *vectors =
        arena_calloc(arena, count, sizeof(*vectors));
    if (vectors == NULL)
        return error_memory(reterr);
    at = place_for(config, vector->kind);
    for (size_t i = 0; i < config->vectors_count; i++)
        vectors[i + (i >= at)] = config->vectors[i];
    vectors[at] = *vector;
    if (vector->kind != VECTOR_SPARSE)
        vectors[at].hnsw = config->hnsw;
    struct collection_config more = *config;
    more.vectors = vectors;
    more.vectors_count = count;
    /* {size, distance} becomes {"": {size, distance}}. */
    more.is_unnamed = config->is_unnamed && vector->kind == VECTOR_SPARSE;
    return config_copy(&more, arena, ret_config, reterr);
}

enum engine_code
config_vector_remove(const struct collection_config *config, struct span name,
                     struct arena *arena, struct collection_config *ret_config,
                     bool *ret_was_there, struct error *reterr)
{
    size_t at = find(config, name);
    *ret_was_there = at < config->vectors_count;
    if (!*ret_was_there)
        return ENGINE_OK;
    struct collection_config less = *config;
    less.vectors_count--;
    less.vectors =
        arena_calloc(arena, config->vectors_count, sizeof(*less.vectors));
    if (less.vectors == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < less.vectors_count; i++)
        less.vectors[i] = config->vectors[i + (i >= at)];
    less.is_unnamed = config->is_unnamed && name.size > 0;
    return config_copy(&less, arena, ret_config, reterr);
}
