/* SPDX-License-Identifier: Apache-2.0
 * Tables of what the members of a configuration may be, by Qdrant's API, and
 * one loop over them. */
#include "engine/collection/config_check.h"

#include "engine/collection/config_section.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

enum kind {
    KIND_COUNT,  /* an unsigned integer from `min` */
    KIND_NUMBER, /* from `low` to `high` */
    KIND_FLAG,
    KIND_WORD,     /* one of `words` */
    KIND_THREADS,  /* an unsigned integer or "auto" */
    KIND_NAMES,    /* an object of {`inner`: an unsigned integer from 1} */
    KIND_REQUIRED, /* as KIND_WORD, and it must be there */
};

struct member {
    const char *key;
    enum kind kind;
    uint64_t min, max; /* max 0: none */
    double low, high;
    const char *const *words;
    const char *inner;
};

static const char *const places[] = { "cold", "cached", "pinned", NULL };
static const char *const int8_only[] = { "int8", NULL };
static const char *const ratios[] = { "x4", "x8", "x16", "x32", "x64", NULL };
static const char *const encodings[] = { "one_bit", "two_bits",
                                         "one_and_half_bits", NULL };
static const char *const query_encodings[] = { "default", "binary",
                                               "scalar4bits", "scalar8bits",
                                               NULL };
static const char *const turbo_bits[] = { "bits1", "bits1_5", "bits2", "bits4",
                                          NULL };

static const struct member hnsw[] = {
    { .key = "payload_m", .kind = KIND_COUNT },
    { .key = "inline_storage", .kind = KIND_FLAG },
    { .key = "memory", .kind = KIND_WORD, .words = places },
    { .key = NULL },
};
static const struct member optimizers[] = {
    { .key = "deleted_threshold", .kind = KIND_NUMBER, .low = 0, .high = 1 },
    { .key = "vacuum_min_vector_number", .kind = KIND_COUNT, .min = 100 },
    { .key = "default_segment_number", .kind = KIND_COUNT },
    { .key = "max_segment_size", .kind = KIND_COUNT, .min = 1 },
    { .key = "memmap_threshold", .kind = KIND_COUNT },
    { .key = "max_optimization_threads", .kind = KIND_THREADS },
    { .key = "prevent_unoptimized", .kind = KIND_FLAG },
    { .key = NULL },
};
static const struct member wal[] = {
    { .key = "wal_capacity_mb", .kind = KIND_COUNT, .min = 1 },
    { .key = "wal_segments_ahead", .kind = KIND_COUNT },
    { .key = "wal_retain_closed", .kind = KIND_COUNT },
    { .key = NULL },
};
static const struct member strict_mode[] = {
    { .key = "enabled", .kind = KIND_FLAG },
    { .key = "max_query_limit", .kind = KIND_COUNT, .min = 1 },
    { .key = "max_timeout", .kind = KIND_COUNT, .min = 1 },
    { .key = "unindexed_filtering_retrieve", .kind = KIND_FLAG },
    { .key = "unindexed_filtering_update", .kind = KIND_FLAG },
    { .key = "search_max_hnsw_ef", .kind = KIND_COUNT },
    { .key = "search_allow_exact", .kind = KIND_FLAG },
    { .key = "search_max_oversampling",
      .kind = KIND_NUMBER,
      .low = 0,
      .high = 1e300 },
    { .key = "upsert_max_batchsize", .kind = KIND_COUNT },
    { .key = "search_max_batchsize", .kind = KIND_COUNT },
    { .key = "max_collection_vector_size_bytes", .kind = KIND_COUNT },
    { .key = "read_rate_limit", .kind = KIND_COUNT, .min = 1 },
    { .key = "write_rate_limit", .kind = KIND_COUNT, .min = 1 },
    { .key = "max_collection_payload_size_bytes", .kind = KIND_COUNT },
    { .key = "max_points_count", .kind = KIND_COUNT, .min = 1 },
    { .key = "filter_max_conditions", .kind = KIND_COUNT },
    { .key = "condition_max_size", .kind = KIND_COUNT },
    { .key = "multivector_config", .kind = KIND_NAMES, .inner = "max_vectors" },
    { .key = "sparse_config", .kind = KIND_NAMES, .inner = "max_length" },
    { .key = "max_payload_index_count", .kind = KIND_COUNT },
    { .key = "max_resident_memory_percent",
      .kind = KIND_COUNT,
      .min = 1,
      .max = 100 },
    { .key = NULL },
};

static const struct member scalar[] = {
    { .key = "type", .kind = KIND_REQUIRED, .words = int8_only },
    { .key = "quantile", .kind = KIND_NUMBER, .low = 0.5, .high = 1 },
    { .key = "always_ram", .kind = KIND_FLAG },
    { .key = "memory", .kind = KIND_WORD, .words = places },
    { .key = NULL },
};
static const struct member product[] = {
    { .key = "compression", .kind = KIND_REQUIRED, .words = ratios },
    { .key = "always_ram", .kind = KIND_FLAG },
    { .key = "memory", .kind = KIND_WORD, .words = places },
    { .key = NULL },
};
static const struct member binary[] = {
    { .key = "encoding", .kind = KIND_WORD, .words = encodings },
    { .key = "query_encoding", .kind = KIND_WORD, .words = query_encodings },
    { .key = "always_ram", .kind = KIND_FLAG },
    { .key = "memory", .kind = KIND_WORD, .words = places },
    { .key = NULL },
};
static const struct member turbo[] = {
    { .key = "bits", .kind = KIND_WORD, .words = turbo_bits },
    { .key = "always_ram", .kind = KIND_FLAG },
    { .key = "memory", .kind = KIND_WORD, .words = places },
    { .key = NULL },
};

static enum engine_code
bad_type(const char *where, const char *key, const char *expected,
         struct error *reterr)
{
    return error_set(reterr, ENGINE_EFORMAT,
                     "%s%s%s: invalid type: expected %s", where,
                     key[0] == '\0' ? "" : ".", key, expected);
}

static enum engine_code
number_check(yyjson_val *value, const char *where, const struct member *member,
             struct error *reterr)
{
    if (!yyjson_is_num(value))
        return bad_type(where, member->key, "a number", reterr);
    double number = yyjson_get_num(value);
    if (number >= member->low && number <= member->high)
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EVALID,
                     "[%s.%s: value %g invalid, must be from %g to %g]", where,
                     member->key, number, member->low, member->high);
}

static enum engine_code
word_check(yyjson_val *value, const char *where, const struct member *member,
           struct error *reterr)
{
    char known[128];
    size_t used = 0;
    known[0] = '\0';
    for (const char *const *word = member->words; *word != NULL; word++) {
        if (yyjson_equals_str(value, *word))
            return ENGINE_OK;
        if (used < sizeof(known))
            used += (size_t)snprintf(known + used, sizeof(known) - used,
                                     "%s`%s`", used == 0 ? "" : ", ", *word);
    }
    return error_set(reterr, ENGINE_EFORMAT,
                     "%s.%s: unknown variant, expected one of %s", where,
                     member->key, known);
}

/* {vector: {inner: count}} */
static enum engine_code
names_check(yyjson_val *value, const char *where, const struct member *member,
            struct error *reterr)
{
    char inside[128];
    struct section_limit count = { member->inner, 1, UINT64_MAX };
    size_t index, max;
    uint64_t unused;
    yyjson_val *name, *limits;
    if (!yyjson_is_obj(value))
        return bad_type(where, member->key, "an object", reterr);
    snprintf(inside, sizeof(inside), "%s.%s", where, member->key);
    yyjson_obj_foreach(value, index, max, name, limits)
    {
        if (!yyjson_is_obj(limits))
            return bad_type(inside, unsafe_yyjson_get_str(name), "an object",
                            reterr);
        enum engine_code code =
            section_read_u64(limits, inside, &count, &unused, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

static enum engine_code
member_check(yyjson_val *object, const char *where, const struct member *member,
             struct error *reterr)
{
    struct section_limit count = { member->key, member->min,
                                   member->max > 0 ? member->max : UINT64_MAX };
    yyjson_val *value = yyjson_obj_get(object, member->key);
    uint64_t unused_count;
    bool unused_flag;
    if ((value == NULL || yyjson_is_null(value)) &&
        member->kind != KIND_REQUIRED)
        return ENGINE_OK;
    switch (member->kind) {
    case KIND_COUNT:
        return section_read_u64(object, where, &count, &unused_count, reterr);
    case KIND_NUMBER:
        return number_check(value, where, member, reterr);
    case KIND_FLAG:
        return section_read_bool(object, where, member->key, &unused_flag,
                                 reterr);
    case KIND_WORD:
    case KIND_REQUIRED:
        return word_check(value, where, member, reterr);
    case KIND_THREADS:
        if (yyjson_is_uint(value) || yyjson_equals_str(value, "auto"))
            return ENGINE_OK;
        return bad_type(where, member->key, "an unsigned integer or \"auto\"",
                        reterr);
    case KIND_NAMES:
        return names_check(value, where, member, reterr);
    }
    return ENGINE_OK;
}

/* `object` may be NULL or null: it is absent. */
static enum engine_code
members_check(yyjson_val *object, const char *where,
              const struct member *members, struct error *reterr)
{
    if (object == NULL || yyjson_is_null(object))
        return ENGINE_OK;
    if (!yyjson_is_obj(object))
        return bad_type(where, "", "an object", reterr);
    for (; members->key != NULL; members++) {
        enum engine_code code = member_check(object, where, members, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

/* One of four kinds, each with members of its own, or "Disabled". */
static enum engine_code
quantization_check(yyjson_val *value, struct error *reterr)
{
    static const struct {
        const char *key;
        const char *where;
        const struct member *members;
    } kinds[] = {
        { "scalar", "quantization_config.scalar", scalar },
        { "product", "quantization_config.product", product },
        { "binary", "quantization_config.binary", binary },
        { "turbo", "quantization_config.turbo", turbo },
    };
    size_t count = 0;
    if (value == NULL || yyjson_is_null(value) ||
        yyjson_equals_str(value, "Disabled"))
        return ENGINE_OK;
    if (!yyjson_is_obj(value))
        return bad_type("quantization_config", "", "an object", reterr);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        yyjson_val *kind = yyjson_obj_get(value, kinds[i].key);
        count += kind != NULL && !yyjson_is_null(kind);
        enum engine_code code =
            members_check(kind, kinds[i].where, kinds[i].members, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    if (count == 1)
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EFORMAT,
                     "data did not match any variant of untagged enum "
                     "QuantizationConfig: one of `scalar`, `product`, "
                     "`binary` or `turbo` is expected");
}

static enum engine_code
vector_check(yyjson_val *vector, struct error *reterr)
{
    enum engine_code code = members_check(yyjson_obj_get(vector, "hnsw_config"),
                                          "vectors.hnsw_config", hnsw, reterr);
    if (code == ENGINE_OK)
        code = quantization_check(yyjson_obj_get(vector, "quantization_config"),
                                  reterr);
    return code;
}

/* Both forms: one vector's object, or a map of such. */
static enum engine_code
vectors_check(yyjson_val *vectors, struct error *reterr)
{
    size_t index, count;
    yyjson_val *key, *value, *size = yyjson_obj_get(vectors, "size");
    if (size != NULL && !yyjson_is_obj(size))
        return vector_check(vectors, reterr);
    yyjson_obj_foreach(vectors, index, count, key, value)
    {
        enum engine_code code = vector_check(value, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

enum engine_code
config_check(yyjson_val *body, struct error *reterr)
{
    yyjson_val *optimizers_value = yyjson_obj_get(body, "optimizers_config");
    yyjson_val *quantization = yyjson_obj_get(body, "quantization_config");
    if (optimizers_value == NULL || yyjson_is_null(optimizers_value))
        optimizers_value = yyjson_obj_get(body, "optimizer_config");
    if (quantization == NULL || yyjson_is_null(quantization))
        quantization = yyjson_obj_get(body, "quantization");
    const struct {
        yyjson_val *value;
        const char *where;
        const struct member *members;
    } sections[] = {
        { yyjson_obj_get(body, "hnsw_config"), "hnsw_config", hnsw },
        { optimizers_value, "optimizers_config", optimizers },
        { yyjson_obj_get(body, "wal_config"), "wal_config", wal },
        { yyjson_obj_get(body, "strict_mode_config"), "strict_mode_config",
          strict_mode },
    };
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        enum engine_code code = members_check(
            sections[i].value, sections[i].where, sections[i].members, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    enum engine_code code = quantization_check(quantization, reterr);
    if (code == ENGINE_OK)
        code = vectors_check(yyjson_obj_get(body, "vectors"), reterr);
    return code;
}
