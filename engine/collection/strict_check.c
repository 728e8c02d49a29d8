/* SPDX-License-Identifier: Apache-2.0
 * Requests held against the limits of strict mode. */
#include "base/memory.h"
#include "engine/collection/body.h"
#include "engine/collection/strict_body.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* What an update by filter takes of the write rate. */
#define FILTERED_UPDATE_TOKENS 5

struct strict_limits *
strict_limits_take(struct collection *collection)
{
    if (!atomic_load(&collection->is_strict))
        return NULL;
    pthread_mutex_lock(&collection->strict_lock);
    struct strict_limits *limits = collection->strict;
    if (limits != NULL)
        atomic_fetch_add(&limits->holds, 1);
    pthread_mutex_unlock(&collection->strict_lock);
    return limits;
}

static enum engine_code
check_params(const struct strict_limits *limits,
             const struct search_params *params, struct error *reterr)
{
    char text[128], help[128];
    if (params->oversampling > limits->oversampling) {
        snprintf(text, sizeof(text),
                 "Limit exceeded %g > %g for \"oversampling\"",
                 params->oversampling, limits->oversampling);
        snprintf(help, sizeof(help),
                 "Reduce the \"oversampling\" parameter to or below %g.",
                 limits->oversampling);
        return strict_error(reterr, text, help);
    }
    return strict_at_most(params->hnsw_ef, limits->hnsw_ef, "hnsw_ef", reterr);
}

static enum engine_code
check_read(struct strict_limits *limits, struct segment *segment,
           const struct strict_read *read, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    if (read->has_limit)
        code =
            strict_at_most(read->limit, limits->query_limit, "limit", reterr);
    if (code == ENGINE_OK)
        code = strict_filter_check(limits, segment, read->filter, STRICT_READ,
                                   reterr);
    if (code == ENGINE_OK && read->params != NULL)
        code = strict_filter_check(limits, segment, read->params->idf_corpus,
                                   STRICT_READ, reterr);
    if (code == ENGINE_OK)
        code = strict_query_check(limits, segment, read->query, reterr);
    if (code == ENGINE_OK && read->is_exact && limits->refuses_exact)
        code =
            strict_error(reterr, "Exact search disabled!", "Set exact=false.");
    if (code == ENGINE_OK && read->params != NULL)
        code = check_params(limits, read->params, reterr);
    if (code == ENGINE_OK)
        code = strict_rate_take(limits, STRICT_READ,
                                read->tokens +
                                    strict_filter_conditions(read->filter) +
                                    strict_query_conditions(read->query),
                                reterr);
    return code;
}

enum engine_code
collection_check_read(struct collection *collection,
                      const struct strict_read *read, struct error *reterr)
{
    struct strict_limits *limits = strict_limits_take(collection);
    if (limits == NULL)
        return ENGINE_OK;
    enum engine_code code =
        check_read(limits, collection->segment, read, reterr);
    strict_limits_release(limits);
    return code;
}

enum engine_code
collection_check_batch(struct collection *collection, size_t count,
                       struct error *reterr)
{
    struct strict_limits *limits = strict_limits_take(collection);
    if (limits == NULL)
        return ENGINE_OK;
    enum engine_code code = strict_at_most(count, limits->search_batch,
                                           "search batch size", reterr);
    strict_limits_release(limits);
    return code;
}

enum engine_code
collection_check_timeout(struct collection *collection, uint64_t seconds,
                         struct error *reterr)
{
    struct strict_limits *limits = strict_limits_take(collection);
    if (limits == NULL)
        return ENGINE_OK;
    enum engine_code code =
        strict_at_most(seconds, limits->timeout_s, "timeout", reterr);
    strict_limits_release(limits);
    return code;
}

/* ---- updates ---- */

static enum engine_code
check_memory(const struct strict_limits *limits, struct error *reterr)
{
    char text[160];
    long pages = sysconf(_SC_PHYS_PAGES), page_size = sysconf(_SC_PAGESIZE);
    if (limits->memory_percent == STRICT_NONE || pages <= 0 || page_size <= 0)
        return ENGINE_OK;
    uint64_t percent = memory_look().resident_size * 100 /
                       ((uint64_t)pages * (uint64_t)page_size);
    if (percent < limits->memory_percent)
        return ENGINE_OK;
    snprintf(text, sizeof(text),
             "Resident memory usage is at %" PRIu64
             "%% of total memory, exceeding the configured limit of %" PRIu64
             "%%",
             percent, limits->memory_percent);
    return strict_error(reterr, text,
                        "Reduce memory usage (e.g. delete points or drop "
                        "collections), or raise `max_resident_memory_percent` "
                        "in the strict mode config of this collection.");
}

static enum engine_code
check_room(const struct strict_limits *limits, struct segment *segment,
           struct error *reterr)
{
    struct segment_sizes sizes;
    enum engine_code code = check_memory(limits, reterr);
    if (code != ENGINE_OK)
        return code;
    if (limits->vector_bytes == STRICT_NONE &&
        limits->payload_bytes == STRICT_NONE && limits->points == STRICT_NONE)
        return ENGINE_OK;
    segment_sizes(segment, &sizes);
    if (sizes.vector_bytes >= limits->vector_bytes)
        return error_set(reterr, ENGINE_EREQUEST,
                         "Max vector storage size limit of %gMB reached!",
                         (double)limits->vector_bytes / (1024.0 * 1024.0));
    if (sizes.payload_bytes >= limits->payload_bytes)
        return error_set(reterr, ENGINE_EREQUEST,
                         "Max payload storage size limit of %gMB reached!",
                         (double)limits->payload_bytes / (1024.0 * 1024.0));
    if (sizes.points_count >= limits->points)
        return error_set(reterr, ENGINE_EREQUEST,
                         "Max points count limit of %" PRIu64 " reached!",
                         limits->points);
    return ENGINE_OK;
}

static uint64_t
limit_of_name(yyjson_val *table, struct span name, const char *member)
{
    yyjson_val *value = yyjson_obj_get(
        yyjson_obj_getn(table, name.data == NULL ? "" : name.data, name.size),
        member);
    return yyjson_is_uint(value) ? yyjson_get_uint(value) : STRICT_NONE;
}

static enum engine_code
check_vector(const struct strict_limits *limits,
             const struct named_vector *vector, struct error *reterr)
{
    char text[320];
    int shown = (int)(vector->name.size < 100 ? vector->name.size : 100);
    if (vector->kind == VECTOR_MULTI) {
        uint64_t most =
            limit_of_name(limits->multivectors, vector->name, "max_vectors");
        if (vector->rows <= most)
            return ENGINE_OK;
        snprintf(text, sizeof(text),
                 "Multivector '%.*s' has a limit of %" PRIu64
                 " vectors, but %zu were provided!",
                 shown, vector->name.data, most, vector->rows);
        return strict_error(reterr, text, "Reduce the number of vectors.");
    }
    if (vector->kind == VECTOR_SPARSE) {
        uint64_t most =
            limit_of_name(limits->sparse, vector->name, "max_length");
        if (vector->dim <= most)
            return ENGINE_OK;
        snprintf(text, sizeof(text),
                 "Sparse vector '%.*s' has a limit of %" PRIu64
                 " indices, but %zu were provided!",
                 shown, vector->name.data, most, vector->dim);
        return strict_error(reterr, text, "Reduce the number of indices.");
    }
    return ENGINE_OK;
}

static enum engine_code
check_points(const struct strict_limits *limits, struct segment *segment,
             const struct update *update, struct error *reterr)
{
    enum engine_code code = strict_at_most(
        update->points_count, limits->upsert_points,
        update->kind == UPDATE_UPSERT ? "upsert limit" : "update limit",
        reterr);
    if (code == ENGINE_OK)
        code = check_room(limits, segment, reterr);
    if (limits->multivectors == NULL && limits->sparse == NULL)
        return code;
    for (size_t i = 0; code == ENGINE_OK && i < update->points_count; i++) {
        const struct point *point = &update->points[i];
        for (size_t k = 0; code == ENGINE_OK && k < point->vectors_count; k++)
            code = check_vector(limits, &point->vectors[k], reterr);
    }
    return code;
}

static enum engine_code
check_index_count(const struct strict_limits *limits, struct segment *segment,
                  struct error *reterr)
{
    char text[128];
    size_t count = segment_indexes_count(segment);
    if (count < limits->indexes)
        return ENGINE_OK;
    snprintf(text, sizeof(text),
             "Collection already has the maximum number of payload indices "
             "(%" PRIu64 ")",
             limits->indexes);
    return strict_error(
        reterr, text,
        "Please delete an existing index before creating a new one.");
}

static uint64_t
tokens_of(const struct update *update)
{
    uint64_t count = update->points_count + update->selector.ids_count;
    if (update->selector.filter != NULL)
        return FILTERED_UPDATE_TOKENS;
    return count > 0 ? count : 1;
}

static enum engine_code
check_update(struct strict_limits *limits, struct segment *segment,
             const struct update *update, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    if (update->kind == UPDATE_UPSERT || update->kind == UPDATE_VECTORS)
        code = check_points(limits, segment, update, reterr);
    else if (update->kind == UPDATE_CREATE_INDEX)
        code = check_index_count(limits, segment, reterr);
    else if (update->kind == UPDATE_SET_PAYLOAD ||
             update->kind == UPDATE_OVERWRITE_PAYLOAD)
        code = check_room(limits, segment, reterr);
    if (code == ENGINE_OK)
        code = strict_filter_check(limits, segment, update->selector.filter,
                                   STRICT_WRITE, reterr);
    if (code == ENGINE_OK)
        code = strict_filter_check(limits, segment, update->condition,
                                   STRICT_WRITE, reterr);
    if (code == ENGINE_OK)
        code =
            strict_rate_take(limits, STRICT_WRITE, tokens_of(update), reterr);
    return code;
}

enum engine_code
collection_check_update(struct collection *collection,
                        const struct update *update, struct error *reterr)
{
    struct strict_limits *limits = strict_limits_take(collection);
    if (limits == NULL)
        return ENGINE_OK;
    enum engine_code code =
        check_update(limits, collection->segment, update, reterr);
    strict_limits_release(limits);
    return code;
}
