/* SPDX-License-Identifier: Apache-2.0
 * Where a message and its REST form differ by more than names. A shape gets the
 * message as an object of its fields; what it returns stands in its place. */
#include "engine/api/grpc_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static yyjson_mut_val *
member(yyjson_mut_val *object, const char *name)
{
    return yyjson_mut_obj_get(object, name);
}

/* Gives a member another name; nothing when it is absent. */
static void
rename_member(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *from,
              const char *to)
{
    yyjson_mut_val *value = yyjson_mut_obj_remove_key(object, from);
    if (value != NULL)
        (void)yyjson_mut_obj_add_val(doc, object, to, value);
}

/* {name: value} -> value: messages that only wrap, and those that are one of
 * several. */
static yyjson_mut_val *
shape_pick(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    yyjson_mut_obj_iter iter;
    (void)doc;
    *why = "one of its fields is needed";
    if (!yyjson_mut_obj_iter_init(object, &iter))
        return NULL;
    yyjson_mut_val *key = yyjson_mut_obj_iter_next(&iter);
    return key == NULL ? NULL : yyjson_mut_obj_iter_get_val(key);
}

static yyjson_mut_val *
shape_value(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    if (yyjson_mut_obj_size(object) == 0 ||
        member(object, "null_value") != NULL)
        return yyjson_mut_null(doc);
    yyjson_mut_val *value = shape_pick(doc, object, why);
    if (yyjson_mut_is_real(value) && !isfinite(yyjson_mut_get_real(value))) {
        *why = "cannot convert to json number";
        return NULL;
    }
    return value;
}

static yyjson_mut_val *
shape_timestamp(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    yyjson_mut_val *seconds = member(object, "seconds");
    yyjson_mut_val *nanos = member(object, "nanos");
    int64_t whole = yyjson_mut_is_uint(seconds)
                        ? (int64_t)yyjson_mut_get_uint(seconds)
                        : yyjson_mut_get_sint(seconds);
    uint64_t part = yyjson_mut_get_uint(nanos);
    time_t time = (time_t)whole;
    struct tm parts;
    char text[64];
    *why = "the moment is out of range";
    if (part > 999999999 || gmtime_r(&time, &parts) == NULL ||
        parts.tm_year < -1899 || parts.tm_year > 9999 - 1900)
        return NULL;
    snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ",
             parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
             parts.tm_hour, parts.tm_min, parts.tm_sec, (unsigned)part);
    return yyjson_mut_strcpy(doc, text);
}

/* ---- vectors ---- */

/* What is refused by the text of multivectors: rest_vector.h. */
static yyjson_mut_val *
empty_multi(yyjson_mut_doc *doc)
{
    return yyjson_mut_raw(doc, "[]");
}

static yyjson_mut_val *
shape_multi(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    yyjson_mut_val *rows = shape_pick(doc, object, why);
    return yyjson_mut_arr_size(rows) > 0 ? rows : empty_multi(doc);
}

/* [f, f, f, f] and 2 -> [[f, f], [f, f]] */
static yyjson_mut_val *
rows_make(yyjson_mut_doc *doc, yyjson_mut_val *data, uint64_t count,
          const char **why)
{
    size_t size = yyjson_mut_arr_size(data);
    yyjson_mut_val *rows = yyjson_mut_arr(doc), *row = NULL;
    yyjson_mut_arr_iter iter;
    *why = "the data do not divide into `vectors_count` vectors";
    if (size == 0)
        return empty_multi(doc);
    if (count == 0 || size % count != 0 || rows == NULL)
        return NULL;
    yyjson_mut_arr_iter_init(data, &iter);
    for (size_t i = 0; i < size; i++) {
        if (i % (size / count) == 0)
            row = yyjson_mut_arr_add_arr(doc, rows);
        yyjson_mut_val *number = yyjson_mut_arr_iter_next(&iter);
        if (!yyjson_mut_arr_add_real(doc, row, yyjson_mut_get_real(number)))
            return NULL;
    }
    return rows;
}

/* The old flat form (data, indices, vectors_count), or one of the new. */
static yyjson_mut_val *
shape_vector(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    static const char *const kinds[] = { "dense",    "sparse", "multi_dense",
                                         "document", "image",  "object" };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        yyjson_mut_val *value = member(object, kinds[i]);
        if (value != NULL)
            return value;
    }
    yyjson_mut_val *data = member(object, "data");
    yyjson_mut_val *count = member(object, "vectors_count");
    if (member(object, "indices") != NULL) {
        rename_member(doc, object, "data", "values");
        return object;
    }
    if (count != NULL)
        return rows_make(doc, data, yyjson_mut_get_uint(count), why);
    return data;
}

/* SearchPoints: the vector, its name and its indices are three fields. */
static yyjson_mut_val *
shape_search(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    yyjson_mut_val *name = yyjson_mut_obj_remove_key(object, "vector_name");
    yyjson_mut_val *indices =
        yyjson_mut_obj_remove_key(object, "sparse_indices");
    (void)why;
    if (indices != NULL) {
        yyjson_mut_val *sparse = yyjson_mut_obj(doc);
        (void)yyjson_mut_obj_add_val(doc, sparse, "indices", indices);
        (void)yyjson_mut_obj_add_val(
            doc, sparse, "values", yyjson_mut_obj_remove_key(object, "vector"));
        (void)yyjson_mut_obj_add_val(doc, object, "vector", sparse);
    }
    if (name != NULL || indices != NULL) {
        yyjson_mut_val *named = yyjson_mut_obj(doc);
        (void)yyjson_mut_obj_add_val(
            doc, named, "name", name != NULL ? name : yyjson_mut_str(doc, ""));
        (void)yyjson_mut_obj_add_val(
            doc, named, "vector", yyjson_mut_obj_remove_key(object, "vector"));
        (void)yyjson_mut_obj_add_val(doc, object, "vector", named);
    }
    return object;
}

/* ---- filters ---- */

static yyjson_mut_val *
shape_condition(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    if (member(object, "field") != NULL || member(object, "filter") != NULL ||
        yyjson_mut_obj_size(object) == 0)
        return shape_pick(doc, object, why);
    return object;
}

static yyjson_mut_val *
shape_field_condition(yyjson_mut_doc *doc, yyjson_mut_val *object,
                      const char **why)
{
    (void)why;
    if (member(object, "range") == NULL)
        rename_member(doc, object, "datetime_range", "range");
    return object;
}

static yyjson_mut_val *
shape_match(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    static const char *const names[][2] = {
        { "keyword", "value" },          { "integer", "value" },
        { "boolean", "value" },          { "keywords", "any" },
        { "integers", "any" },           { "except_keywords", "except" },
        { "except_integers", "except" },
    };
    *why = "one of its fields is needed";
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        rename_member(doc, object, names[i][0], names[i][1]);
    return yyjson_mut_obj_size(object) == 0 ? NULL : object;
}

/* ---- selections ---- */

/* true, {include: [...]}, {exclude: [...]} */
static yyjson_mut_val *
shape_with_payload(yyjson_mut_doc *doc, yyjson_mut_val *object,
                   const char **why)
{
    if (member(object, "enable") != NULL || yyjson_mut_obj_size(object) == 0)
        return shape_pick(doc, object, why);
    return object;
}

/* Which points: `points` or `filter` stand in the body itself. */
static yyjson_mut_val *
shape_selected(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    static const char *const names[] = { "points", "points_selector" };
    (void)why;
    for (size_t i = 0; i < 2; i++) {
        yyjson_mut_val *selector = member(object, names[i]);
        if (!yyjson_mut_is_obj(selector))
            continue;
        (void)yyjson_mut_obj_remove_key(object, names[i]);
        rename_member(doc, selector, "points", "ids");
        yyjson_mut_val *ids = yyjson_mut_obj_remove_key(selector, "ids");
        yyjson_mut_val *filter = yyjson_mut_obj_remove_key(selector, "filter");
        if (ids != NULL)
            (void)yyjson_mut_obj_add_val(doc, object, "points", ids);
        if (filter != NULL)
            (void)yyjson_mut_obj_add_val(doc, object, "filter", filter);
    }
    rename_member(doc, object, "vectors", "vector");
    rename_member(doc, object, "shard_key_selector", "shard_key");
    return object;
}

/* ---- requests ---- */

static yyjson_mut_val *
shape_request(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    static const char *const names[][2] = {
        { "shard_key_selector", "shard_key" },
        { "vectors_config", "vectors" },
        { "sparse_vectors_config", "sparse_vectors" },
        { "search_points", "searches" },
        { "query_points", "searches" },
        { "recommend_points", "searches" },
        { "discover_points", "searches" },
    };
    (void)why;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        rename_member(doc, object, names[i][0], names[i][1]);
    return object;
}

static yyjson_mut_val *
shape_search_request(yyjson_mut_doc *doc, yyjson_mut_val *object,
                     const char **why)
{
    return shape_request(doc, shape_search(doc, object, why), why);
}

/* Ids and vectors of examples are two lists. */
static yyjson_mut_val *
shape_recommend(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    static const char *const names[][2] = {
        { "positive", "positive_vectors" }, { "negative", "negative_vectors" }
    };
    for (size_t i = 0; i < 2; i++) {
        yyjson_mut_val *list = member(object, names[i][0]);
        yyjson_mut_val *more = yyjson_mut_obj_remove_key(object, names[i][1]);
        yyjson_mut_val *item;
        while ((item = yyjson_mut_arr_remove_first(more)) != NULL)
            (void)yyjson_mut_arr_append(list, item);
    }
    return shape_request(doc, object, why);
}

/* No metadata are none, not an empty object. */
static yyjson_mut_val *
shape_collection(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    if (yyjson_mut_obj_size(member(object, "metadata")) == 0)
        (void)yyjson_mut_obj_remove_key(object, "metadata");
    return shape_request(doc, object, why);
}

/* nearest_with_mmr {nearest, mmr} -> {nearest, mmr}; formula {expression,
 * defaults} -> {formula, defaults} */
static yyjson_mut_val *
shape_query(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    yyjson_mut_val *nearest = member(object, "nearest_with_mmr");
    yyjson_mut_val *formula = member(object, "formula");
    *why = "one of its fields is needed";
    if (nearest != NULL)
        return nearest;
    if (formula != NULL) {
        rename_member(doc, formula, "expression", "formula");
        return formula;
    }
    return yyjson_mut_obj_size(object) == 0 ? NULL : object;
}

static yyjson_mut_val *
shape_rrf(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    (void)doc;
    (void)why;
    if (yyjson_mut_arr_size(member(object, "weights")) == 0)
        (void)yyjson_mut_obj_remove_key(object, "weights");
    return object;
}

static yyjson_mut_val *
shape_lookup(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    rename_member(doc, object, "collection_name", "collection");
    rename_member(doc, object, "vector_name", "vector");
    return shape_request(doc, object, why);
}

/* Constants, variables and conditions stand for themselves. */
static yyjson_mut_val *
shape_expression(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    if (member(object, "constant") != NULL ||
        member(object, "variable") != NULL ||
        member(object, "condition") != NULL || yyjson_mut_obj_size(object) == 0)
        return shape_pick(doc, object, why);
    return object;
}

static yyjson_mut_val *
shape_operation(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    *why = "one of its fields is needed";
    rename_member(doc, object, "delete_deprecated", "delete");
    rename_member(doc, object, "delete_points", "delete");
    rename_member(doc, object, "clear_payload_deprecated", "clear_payload");
    return yyjson_mut_obj_size(object) == 0 ? NULL : object;
}

/* ---- configuration ---- */

static yyjson_mut_val *
shape_vector_params(yyjson_mut_doc *doc, yyjson_mut_val *object,
                    const char **why)
{
    yyjson_mut_val *datatype = member(object, "datatype");
    (void)doc;
    (void)why;
    if (datatype != NULL && yyjson_mut_equals_str(datatype, "default"))
        (void)yyjson_mut_obj_remove_key(object, "datatype");
    return object;
}

/* The unnamed vector is the one named "". */
static yyjson_mut_val *
shape_vectors_diff(yyjson_mut_doc *doc, yyjson_mut_val *object,
                   const char **why)
{
    if (member(object, "params") == NULL)
        return shape_pick(doc, object, why);
    rename_member(doc, object, "params", "");
    return object;
}

static yyjson_mut_val *
shape_quantization(yyjson_mut_doc *doc, yyjson_mut_val *object,
                   const char **why)
{
    (void)why;
    if (member(object, "disabled") != NULL)
        return yyjson_mut_str(doc, "Disabled");
    rename_member(doc, object, "turboquant", "turbo");
    return object;
}

static yyjson_mut_val *
shape_optimizers(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    (void)why;
    if (member(object, "max_optimization_threads") == NULL)
        rename_member(doc, object, "deprecated_max_optimization_threads",
                      "max_optimization_threads");
    return object;
}

/* ---- payload indexes ---- */

/* {keyword_index_params: {...}} -> {type: "keyword", ...} */
static yyjson_mut_val *
shape_index_params(yyjson_mut_doc *doc, yyjson_mut_val *object,
                   const char **why)
{
    yyjson_mut_obj_iter iter;
    *why = "one of its fields is needed";
    yyjson_mut_obj_iter_init(object, &iter);
    yyjson_mut_val *key = yyjson_mut_obj_iter_next(&iter);
    if (key == NULL)
        return NULL;
    const char *name = yyjson_mut_get_str(key);
    yyjson_mut_val *params = yyjson_mut_obj_iter_get_val(key);
    (void)yyjson_mut_obj_add_strncpy(doc, params, "type", name,
                                     strcspn(name, "_"));
    return params;
}

static yyjson_mut_val *
shape_text_index(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    yyjson_mut_val *tokenizer = member(object, "tokenizer");
    (void)doc;
    (void)why;
    if (yyjson_mut_equals_str(tokenizer, "unknown"))
        (void)yyjson_mut_obj_remove_key(object, "tokenizer");
    return object;
}

/* {snowball: {language}} -> {type: "snowball", language} */
static yyjson_mut_val *
shape_stemmer(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    yyjson_mut_val *params = member(object, "snowball");
    (void)why;
    if (params == NULL)
        params = yyjson_mut_obj(doc);
    (void)yyjson_mut_obj_add_str(doc, params, "type",
                                 member(object, "snowball") != NULL ? "snowball"
                                                                    : "none");
    return params;
}

/* {} -> "global" */
static yyjson_mut_val *
shape_idf(yyjson_mut_doc *doc, yyjson_mut_val *object, const char **why)
{
    (void)why;
    return member(object, "corpus") != NULL ? object
                                            : yyjson_mut_str(doc, "global");
}

static yyjson_mut_val *
shape_create_vector(yyjson_mut_doc *doc, yyjson_mut_val *object,
                    const char **why)
{
    (void)why;
    rename_member(doc, object, "dense_config", "dense");
    rename_member(doc, object, "sparse_config", "sparse");
    return object;
}

static yyjson_mut_val *
shape_create_index(yyjson_mut_doc *doc, yyjson_mut_val *object,
                   const char **why)
{
    static const char prefix[] = "field_type_";
    yyjson_mut_val *type = yyjson_mut_obj_remove_key(object, "field_type");
    yyjson_mut_val *params =
        yyjson_mut_obj_remove_key(object, "field_index_params");
    const char *word = yyjson_mut_get_str(type);
    (void)why;
    if (params == NULL && word != NULL &&
        strncmp(word, prefix, sizeof(prefix) - 1) == 0)
        params = yyjson_mut_str(doc, word + sizeof(prefix) - 1);
    if (params != NULL)
        (void)yyjson_mut_obj_add_val(doc, object, "field_schema", params);
    return object;
}

#define Q "qdrant."

static const struct {
    const char *name;
    grpc_shape shape;
} shapes[] = {
    { Q "PointId", shape_pick },
    { Q "Value", shape_value },
    { Q "Struct", shape_pick },
    { Q "ListValue", shape_pick },
    { "google.protobuf.Timestamp", shape_timestamp },

    { Q "Vectors", shape_pick },
    { Q "NamedVectors", shape_pick },
    { Q "Vector", shape_vector },
    { Q "DenseVector", shape_pick },
    { Q "MultiDenseVector", shape_multi },
    { Q "SparseIndices", shape_pick },
    { Q "VectorInput", shape_pick },
    { Q "VectorExample", shape_pick },
    { Q "TargetVector", shape_pick },
    { Q "SearchPoints", shape_search_request },
    { Q "SearchPointGroups", shape_search_request },

    { Q "Condition", shape_condition },
    { Q "FieldCondition", shape_field_condition },
    { Q "Match", shape_match },
    { Q "RepeatedStrings", shape_pick },
    { Q "RepeatedIntegers", shape_pick },
    { Q "HasIdCondition", shape_pick },
    { Q "HasVectorCondition", shape_pick },

    { Q "WithPayloadSelector", shape_with_payload },
    { Q "PayloadIncludeSelector", shape_pick },
    { Q "PayloadExcludeSelector", shape_pick },
    { Q "WithVectorsSelector", shape_pick },
    { Q "VectorsSelector", shape_pick },
    { Q "PointsIdsList", shape_pick },
    { Q "ShardKey", shape_pick },
    { Q "ReadConsistency", shape_pick },
    { Q "WriteOrdering", shape_pick },
    { Q "ClearPayloadPoints", shape_selected },
    { Q "DeletePoints", shape_selected },
    { Q "DeletePayloadPoints", shape_selected },
    { Q "DeletePointVectors", shape_selected },
    { Q "SetPayloadPoints", shape_selected },
    { Q "PointsUpdateOperation", shape_operation },
    { Q "PointsUpdateOperation.ClearPayload", shape_selected },
    { Q "PointsUpdateOperation.DeletePayload", shape_selected },
    { Q "PointsUpdateOperation.DeletePoints", shape_selected },
    { Q "PointsUpdateOperation.DeleteVectors", shape_selected },
    { Q "PointsUpdateOperation.OverwritePayload", shape_selected },
    { Q "PointsUpdateOperation.PointStructList", shape_request },
    { Q "PointsUpdateOperation.SetPayload", shape_selected },
    { Q "PointsUpdateOperation.UpdateVectors", shape_request },

    { Q "Query", shape_query },
    { Q "IdfParams", shape_idf },
    { Q "Rrf", shape_rrf },
    { Q "ContextInput", shape_pick },
    { Q "LookupLocation", shape_lookup },
    { Q "Expression", shape_expression },
    { Q "MultExpression", shape_pick },
    { Q "SumExpression", shape_pick },
    { Q "MaxExpression", shape_pick },
    { Q "MinExpression", shape_pick },
    { Q "StartFrom", shape_pick },
    { Q "RecommendPoints", shape_recommend },
    { Q "RecommendPointGroups", shape_recommend },
    { Q "CountPoints", shape_request },
    { Q "DiscoverBatchPoints", shape_request },
    { Q "DiscoverPoints", shape_request },
    { Q "FacetCounts", shape_request },
    { Q "GetPoints", shape_request },
    { Q "QueryBatchPoints", shape_request },
    { Q "QueryPointGroups", shape_request },
    { Q "QueryPoints", shape_request },
    { Q "RecommendBatchPoints", shape_request },
    { Q "ScrollPoints", shape_request },
    { Q "SearchBatchPoints", shape_request },
    { Q "SearchMatrixPoints", shape_request },

    { Q "CreateCollection", shape_collection },
    { Q "UpdateCollection", shape_collection },
    { Q "VectorsConfig", shape_pick },
    { Q "VectorParamsMap", shape_pick },
    { Q "VectorParams", shape_vector_params },
    { Q "VectorsConfigDiff", shape_vectors_diff },
    { Q "VectorParamsDiffMap", shape_pick },
    { Q "SparseVectorConfig", shape_pick },
    { Q "SparseIndexConfig", shape_vector_params },
    { Q "QuantizationConfig", shape_quantization },
    { Q "QuantizationConfigDiff", shape_quantization },
    { Q "BinaryQuantizationQueryEncoding", shape_pick },
    { Q "OptimizersConfigDiff", shape_optimizers },
    { Q "MaxOptimizationThreads", shape_pick },
    { Q "StrictModeMultivectorConfig", shape_pick },
    { Q "StrictModeSparseConfig", shape_pick },

    { Q "CreateVectorNameRequest", shape_create_vector },
    { Q "DenseVectorCreationConfig", shape_vector_params },
    { Q "SparseVectorCreationConfig", shape_vector_params },

    { Q "CreateFieldIndexCollection", shape_create_index },
    { Q "PayloadIndexParams", shape_index_params },
    { Q "TextIndexParams", shape_text_index },
    { Q "StemmingAlgorithm", shape_stemmer },
};

grpc_shape
grpc_shape_find(const char *message_name)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (strcmp(shapes[i].name, message_name) == 0)
            return shapes[i].shape;
    }
    return NULL;
}
