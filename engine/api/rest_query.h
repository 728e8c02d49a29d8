/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REST_QUERY_H
#define ENGINE_API_REST_QUERY_H

#include "engine/api/call.h"
#include "engine/collection/query.h"

/* The bodies of searches and queries. Strings are borrowed from the document,
 * everything else is in the request's arena. Any thread. */

/* How much a query asks for, over all its stages. */
struct query_size {
    size_t stages;
    uint64_t candidates;
};

/* One stage of a request: its body, and where it stands for 422 texts. */
struct query_source {
    struct call *call;
    yyjson_val *body;
    const char *where;
    size_t depth; /* prefetches above */
    struct query_size *size;
};

typedef enum engine_code (*query_reader)(const struct query_source *source,
                                         struct search_command *command,
                                         struct error *reterr);

typedef enum engine_code (*query_kind_parser)(const struct query_source *source,
                                              yyjson_val *value,
                                              struct search_command *command,
                                              struct error *reterr);

/* ---- rest_stage.c: a whole body ---- */

/* `query`, `search`, `recommend`, `discover`. ENGINE_EFORMAT, ENGINE_EVALID,
 * ENGINE_EREQUEST, ENGINE_EINPUT with the reference's texts. */
enum engine_code rest_query_read(const struct query_source *source,
                                 struct search_command *command,
                                 struct error *reterr)
    __attribute__((warn_unused_result));
enum engine_code rest_search_read(const struct query_source *source,
                                  struct search_command *command,
                                  struct error *reterr)
    __attribute__((warn_unused_result));
enum engine_code rest_recommend_read(const struct query_source *source,
                                     struct search_command *command,
                                     struct error *reterr)
    __attribute__((warn_unused_result));
enum engine_code rest_discover_read(const struct query_source *source,
                                    struct search_command *command,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- rest_query.c ---- */

/* Whether a route's commands are searches alone or in a batch: no groups. */
bool query_is_plain(const struct route *route);

/* The first search of a call of such a route; NULL: a batch of none. */
struct search_command *query_first(const struct call *call);

/* Strict mode, for each stage; the root pays for the read. Recursion:
 * QUERY_DEPTH_MAX. */
enum engine_code query_check_strict(struct call *call,
                                    const struct search_command *command,
                                    bool is_root, struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- rest_query_kinds.c: what is asked ---- */

/* The value of `query`: a vector, an id, or an object of one kind. Fills the
 * command's vector, point or query. */
enum engine_code
rest_query_value(const struct query_source *source, yyjson_val *value,
                 struct search_command *command, struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- rest_examples.c ---- */

/* An empty one of that kind in command->query. */
enum engine_code
rest_query_new(const struct query_source *source, enum query_kind kind,
               struct search_command *command, struct error *reterr)
    __attribute__((warn_unused_result));

/* ENGINE_EFORMAT with the reference's text for a query that is none. */
enum engine_code rest_query_unknown(struct error *reterr);

/* A vector or an id. `name` is its place in the query for 422 texts. */
enum engine_code rest_example_parse(const struct query_source *source,
                                    yyjson_val *value, const char *name,
                                    struct query_example *ret_example,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* Room for `count`. ENGINE_EREQUEST  too many. */
enum engine_code
rest_examples_alloc(const struct query_source *source, size_t count,
                    struct query_example **ret_examples, struct error *reterr)
    __attribute__((warn_unused_result));

/* The member `name`, which is needed, as the query's target. */
enum engine_code rest_target_parse(const struct query_source *source,
                                   yyjson_val *object, const char *name,
                                   struct query *query, struct error *reterr)
    __attribute__((warn_unused_result));

/* {positive, negative, strategy}; {target, context}; a pair or a list of them;
 * into command->query. */
enum engine_code
rest_recommend_parse(const struct query_source *source, yyjson_val *object,
                     struct search_command *command, struct error *reterr)
    __attribute__((warn_unused_result));
enum engine_code
rest_discover_parse(const struct query_source *source, yyjson_val *object,
                    struct search_command *command, struct error *reterr)
    __attribute__((warn_unused_result));
enum engine_code
rest_context_parse(const struct query_source *source, yyjson_val *value,
                   struct search_command *command, struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- rest_order.c ---- */

/* A path, or {key, direction, start_from}. ENGINE_EFORMAT */
enum engine_code rest_order_parse(yyjson_val *value, struct arena *arena,
                                  struct query_order *ret_order,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- rest_lookup.c ---- */

/* {collection, vector} */
enum engine_code rest_lookup_parse(yyjson_val *value,
                                   struct query_lookup *ret_lookup,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

/* Another collection that the request reads from: registry_release().
 * ENGINE_ENOTFOUND  there is none.
 * ENGINE_EFORBIDDEN  the caller may not read it. */
enum engine_code rest_lookup_acquire(struct call *call, struct span name,
                                     struct collection **ret_collection,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

/* Brings the vectors of points that are in other collections, or have another
 * name, into the command and its prefetches.
 * ENGINE_ENOTFOUND  no such collection, point or vector.
 * ENGINE_EFORBIDDEN  the caller may not read that collection. */
enum engine_code rest_lookup_resolve(struct call *call,
                                     struct search_command *command,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_REST_QUERY_H */
