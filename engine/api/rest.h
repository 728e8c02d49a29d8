/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REST_H
#define ENGINE_API_REST_H

#include "engine/api/call.h"

/* The parse, is_long and run functions of the route table, by file. */

/* service.c */
#define SERVICE_PEER_ID   1u /* of the only peer */
#define SERVICE_PEER_TEXT API_PEER_TEXT
enum engine_code service_root(struct call *call, struct error *reterr);
enum engine_code service_health(struct call *call, struct error *reterr);
enum engine_code service_ready(struct call *call, struct error *reterr);
enum engine_code service_cluster(struct call *call, struct error *reterr);
enum engine_code service_issues(struct call *call, struct error *reterr);
enum engine_code service_issues_clear(struct call *call, struct error *reterr);
enum engine_code service_openapi(struct call *call, struct error *reterr);
enum engine_code service_unsupported(struct call *call, struct error *reterr);

/* service_metrics.c, telemetry.c, logger.c */
enum engine_code service_metrics(struct call *call, struct error *reterr);
enum engine_code service_telemetry(struct call *call, struct error *reterr);
enum engine_code logger_read(struct call *call, struct error *reterr);
enum engine_code logger_change(struct call *call, struct error *reterr);

/* rest_quotas.c */
enum engine_code quotas_read(struct call *call, struct error *reterr);
enum engine_code quotas_change(struct call *call, struct error *reterr);

/* rest_collections.c */
enum engine_code collections_list(struct call *call, struct error *reterr);
enum engine_code collections_info(struct call *call, struct error *reterr);
enum engine_code collections_exists(struct call *call, struct error *reterr);
enum engine_code collections_create_parse(struct call *call,
                                          struct error *reterr);
enum engine_code collections_create(struct call *call, struct error *reterr);
enum engine_code collections_patch(struct call *call, struct error *reterr);
enum engine_code collections_delete(struct call *call, struct error *reterr);
enum engine_code collections_cluster(struct call *call, struct error *reterr);

/* rest_aliases.c */
enum engine_code aliases_change_parse(struct call *call, struct error *reterr);
enum engine_code aliases_change(struct call *call, struct error *reterr);
enum engine_code aliases_list(struct call *call, struct error *reterr);

/* rest_snapshots.c: of a collection, its shard 0, and the whole storage */
enum engine_code snapshots_list_run(struct call *call, struct error *reterr);
enum engine_code snapshots_create_call(struct call *call, struct error *reterr);
enum engine_code snapshots_download(struct call *call, struct error *reterr);
enum engine_code snapshots_stream_call(struct call *call, struct error *reterr);
enum engine_code snapshots_delete_call(struct call *call, struct error *reterr);
enum engine_code snapshots_recover_parse(struct call *call,
                                         struct error *reterr);
enum engine_code snapshots_recover_call(struct call *call,
                                        struct error *reterr);
enum engine_code snapshots_upload(struct call *call, struct error *reterr);
/* Before its body comes: what will be refused whatever it holds. */
enum engine_code snapshots_upload_begin(struct call *call,
                                        struct error *reterr);

/* rest_facet.c */
enum engine_code facet_parse(struct call *call, struct error *reterr);
enum engine_code facet_run(struct call *call, struct error *reterr);
enum engine_code matrix_parse(struct call *call, struct error *reterr);
enum engine_code matrix_pairs_run(struct call *call, struct error *reterr);
enum engine_code matrix_offsets_run(struct call *call, struct error *reterr);

/* rest_optimizations.c */
enum engine_code optimizations_get(struct call *call, struct error *reterr);

/* rest_vector_name.c */
enum engine_code update_create_vector_parse(struct call *call,
                                            struct error *reterr);
enum engine_code update_delete_vector_parse(struct call *call,
                                            struct error *reterr);

/* rest_update.c: one update, or the operations of a batch */
enum engine_code update_run(struct call *call, struct error *reterr);
enum engine_code update_batch_parse(struct call *call, struct error *reterr);
enum engine_code update_batch_run(struct call *call, struct error *reterr);
enum engine_code update_delete_parse(struct call *call, struct error *reterr);
enum engine_code update_set_payload_parse(struct call *call,
                                          struct error *reterr);
enum engine_code update_overwrite_payload_parse(struct call *call,
                                                struct error *reterr);
enum engine_code update_delete_payload_parse(struct call *call,
                                             struct error *reterr);
enum engine_code update_clear_payload_parse(struct call *call,
                                            struct error *reterr);
enum engine_code update_delete_vectors_parse(struct call *call,
                                             struct error *reterr);

/* rest_index.c */
enum engine_code update_create_index_parse(struct call *call,
                                           struct error *reterr);
enum engine_code update_delete_index_parse(struct call *call,
                                           struct error *reterr);

/* rest_upsert.c */
enum engine_code update_upsert_parse(struct call *call, struct error *reterr);
enum engine_code update_vectors_parse(struct call *call, struct error *reterr);

/* rest_read.c */
enum engine_code read_point_parse(struct call *call, struct error *reterr);
enum engine_code read_point(struct call *call, struct error *reterr);
enum engine_code read_retrieve_parse(struct call *call, struct error *reterr);
bool read_retrieve_is_long(struct call *call);
enum engine_code read_retrieve(struct call *call, struct error *reterr);
enum engine_code read_scroll_parse(struct call *call, struct error *reterr);
bool read_scroll_is_long(struct call *call);
enum engine_code read_scroll(struct call *call, struct error *reterr);
enum engine_code read_count_parse(struct call *call, struct error *reterr);
bool read_count_is_long(struct call *call);
enum engine_code read_count(struct call *call, struct error *reterr);

/* rest_query.c */
enum engine_code query_search_parse(struct call *call, struct error *reterr);
enum engine_code query_search_batch_parse(struct call *call,
                                          struct error *reterr);
enum engine_code query_query_parse(struct call *call, struct error *reterr);
enum engine_code query_query_batch_parse(struct call *call,
                                         struct error *reterr);
enum engine_code query_recommend_parse(struct call *call, struct error *reterr);
enum engine_code query_recommend_batch_parse(struct call *call,
                                             struct error *reterr);
enum engine_code query_discover_parse(struct call *call, struct error *reterr);
enum engine_code query_discover_batch_parse(struct call *call,
                                            struct error *reterr);
bool query_is_long(struct call *call);
enum engine_code query_search_run(struct call *call, struct error *reterr);
enum engine_code query_search_batch_run(struct call *call,
                                        struct error *reterr);
enum engine_code query_query_run(struct call *call, struct error *reterr);
enum engine_code query_query_batch_run(struct call *call, struct error *reterr);

/* rest_groups.c */
enum engine_code groups_query_parse(struct call *call, struct error *reterr);
enum engine_code groups_search_parse(struct call *call, struct error *reterr);
enum engine_code groups_recommend_parse(struct call *call,
                                        struct error *reterr);
enum engine_code groups_run(struct call *call, struct error *reterr);

/* Runs what one of the parsers above read, search by search, and hands each
 * answer to `write`. */
typedef enum engine_code (*query_writer)(struct call *call,
                                         const struct records *records,
                                         struct error *reterr);
enum engine_code query_each(struct call *call, query_writer write,
                            struct error *reterr)
    __attribute__((warn_unused_result));

/* The operations of a batch; an update alone is a struct update. */
struct update_batch {
    size_t count;
    struct update updates[];
};

/* Applies one with the options of the call. */
enum engine_code update_apply(struct call *call, const struct update *update,
                              struct update_result *ret_result,
                              struct error *reterr)
    __attribute__((warn_unused_result));

/* One update's body into a command in the request's arena; also for the
 * operations of a batch. `body` is an object. */
enum engine_code update_upsert_read(struct call *call, yyjson_val *body,
                                    struct update *ret_update,
                                    struct error *reterr)
    __attribute__((warn_unused_result));
enum engine_code update_vectors_read(struct call *call, yyjson_val *body,
                                     struct update *ret_update,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

/* Compact text of a payload object, in the arena.
 * ENGINE_EFORMAT no object; ENGINE_EINPUT past COMMAND_PAYLOAD_SIZE_MAX. */
enum engine_code update_payload_read(struct call *call, yyjson_val *payload,
                                     struct span *ret_text,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_REST_H */
