/* SPDX-License-Identifier: Apache-2.0
 * The limits of strict mode: read once for each configuration, held by whoever
 * checks a request against them, freed by the last. */
#include "engine/collection/strict_body.h"

#include "base/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t
number_of(yyjson_val *object, const char *key)
{
    yyjson_val *value = yyjson_obj_get(object, key);
    return yyjson_is_uint(value) ? yyjson_get_uint(value) : STRICT_NONE;
}

static bool
is_off(yyjson_val *object, const char *key)
{
    return yyjson_is_false(yyjson_obj_get(object, key));
}

/* A new bucket is full. The caller holds the lock of `old`. */
static struct strict_rate
rate_of(yyjson_val *object, const char *key, const struct strict_rate *old)
{
    struct strict_rate rate = { .per_minute = number_of(object, key) };
    if (old != NULL && old->per_minute == rate.per_minute)
        return *old;
    rate.tokens = (double)rate.per_minute;
    rate.filled_ns = clock_ns();
    return rate;
}

static void
read_limits(struct strict_limits *limits, yyjson_val *object)
{
    yyjson_val *oversampling =
        yyjson_obj_get(object, "search_max_oversampling");
    limits->query_limit = number_of(object, "max_query_limit");
    limits->timeout_s = number_of(object, "max_timeout");
    limits->hnsw_ef = number_of(object, "search_max_hnsw_ef");
    limits->upsert_points = number_of(object, "upsert_max_batchsize");
    limits->search_batch = number_of(object, "search_max_batchsize");
    limits->vector_bytes =
        number_of(object, "max_collection_vector_size_bytes");
    limits->payload_bytes =
        number_of(object, "max_collection_payload_size_bytes");
    limits->points = number_of(object, "max_points_count");
    limits->filter_conditions = number_of(object, "filter_max_conditions");
    limits->condition_size = number_of(object, "condition_max_size");
    limits->indexes = number_of(object, "max_payload_index_count");
    limits->memory_percent = number_of(object, "max_resident_memory_percent");
    limits->oversampling = yyjson_is_num(oversampling)
                               ? yyjson_get_num(oversampling)
                               : (double)INFINITY;
    limits->refuses_exact = is_off(object, "search_allow_exact");
    limits->refuses_unindexed_reads =
        is_off(object, "unindexed_filtering_retrieve");
    limits->refuses_unindexed_updates =
        is_off(object, "unindexed_filtering_update");
    limits->multivectors = yyjson_obj_get(object, "multivector_config");
    limits->sparse = yyjson_obj_get(object, "sparse_config");
}

static void
read_rates(struct strict_limits *limits, yyjson_val *object,
           struct strict_limits *old)
{
    if (old != NULL)
        pthread_mutex_lock(&old->lock);
    limits->reads =
        rate_of(object, "read_rate_limit", old == NULL ? NULL : &old->reads);
    limits->writes =
        rate_of(object, "write_rate_limit", old == NULL ? NULL : &old->writes);
    if (old != NULL)
        pthread_mutex_unlock(&old->lock);
}

enum engine_code
strict_limits_new(struct span json, struct strict_limits *old,
                  struct strict_limits **ret_limits, struct error *reterr)
{
    yyjson_doc *doc = NULL;
    *ret_limits = NULL;
    if (json.size == 0)
        return ENGINE_OK;
    enum engine_code code = json_parse(json, &doc, reterr);
    if (code != ENGINE_OK)
        return code;
    yyjson_val *object = yyjson_doc_get_root(doc);
    if (!yyjson_is_true(yyjson_obj_get(object, "enabled"))) {
        yyjson_doc_free(doc);
        return ENGINE_OK;
    }
    struct strict_limits *limits = calloc(1, sizeof(*limits));
    if (limits == NULL || pthread_mutex_init(&limits->lock, NULL) != 0) {
        free(limits);
        yyjson_doc_free(doc);
        return error_memory(reterr);
    }
    atomic_store(&limits->holds, 1);
    limits->doc = doc;
    read_limits(limits, object);
    read_rates(limits, object, old);
    *ret_limits = limits;
    return ENGINE_OK;
}

void
strict_limits_release(struct strict_limits *limits)
{
    if (limits == NULL || atomic_fetch_sub(&limits->holds, 1) > 1)
        return;
    yyjson_doc_free(limits->doc);
    pthread_mutex_destroy(&limits->lock);
    free(limits);
}

/* ---- rates ---- */

static void
rate_fill(struct strict_rate *rate)
{
    uint64_t now = clock_ns();
    double most = (double)rate->per_minute;
    rate->tokens += (double)(now - rate->filled_ns) * most / 60e9;
    rate->filled_ns = now;
    if (rate->tokens > most)
        rate->tokens = most;
}

enum engine_code
strict_rate_take(struct strict_limits *limits, enum strict_use use,
                 uint64_t tokens, struct error *reterr)
{
    struct strict_rate *rate =
        use == STRICT_READ ? &limits->reads : &limits->writes;
    const char *name = use == STRICT_READ ? "Read" : "Write";
    if (rate->per_minute == STRICT_NONE)
        return ENGINE_OK;
    if (tokens > rate->per_minute)
        return error_set(reterr, ENGINE_ERATE,
                         "%s rate limit exceeded, request larger than rate "
                         "limiter capacity, please try to split your request",
                         name);
    pthread_mutex_lock(&limits->lock);
    rate_fill(rate);
    double left = rate->tokens - (double)tokens;
    double had = rate->tokens;
    if (left >= 0)
        rate->tokens = left;
    pthread_mutex_unlock(&limits->lock);
    if (left >= 0)
        return ENGINE_OK;
    uint32_t seconds = (uint32_t)ceil(-left * 60.0 / (double)rate->per_minute);
    enum engine_code code =
        error_set(reterr, ENGINE_ERATE,
                  "%s rate limit exceeded: Operation requires %" PRIu64
                  " tokens but only %.1f were available. Retry after %us",
                  name, tokens, had, seconds);
    if (reterr != NULL)
        reterr->retry_s = seconds;
    return code;
}

/* ---- texts ---- */

enum engine_code
strict_error(struct error *reterr, const char *text, const char *help)
{
    return error_set(reterr, ENGINE_EREQUEST, "%s. Help: %s", text, help);
}

enum engine_code
strict_at_most(uint64_t value, uint64_t limit, const char *name,
               struct error *reterr)
{
    char text[128], help[128];
    if (value <= limit)
        return ENGINE_OK;
    snprintf(text, sizeof(text),
             "Limit exceeded %" PRIu64 " > %" PRIu64 " for \"%s\"", value,
             limit, name);
    snprintf(help, sizeof(help),
             "Reduce the \"%s\" parameter to or below %" PRIu64 ".", name,
             limit);
    return strict_error(reterr, text, help);
}
