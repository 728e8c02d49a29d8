/* SPDX-License-Identifier: Apache-2.0
 * Every route, most used first. What is not here is 404 with an empty body.
 * The third column is the right that it needs: on the collection in its path
 * or, without one, on the engine itself. The two lists and the
 * telemetry (RIGHT_NONE) show what the caller may read. PART: who sees a part
 * of the collection may call it and reaches no other points (part.h). */
#include "engine/api/memory.h"
#include "engine/api/rest.h"

/* clang-format off */
#define C "/collections/{name}"
#define IN_C ROUTE_COLLECTION
#define READ (ROUTE_COLLECTION | ROUTE_BODY)
#define PART ROUTE_PART
#define SEARCH (READ | ROUTE_SEARCH | PART)
#define WRITE (ROUTE_COLLECTION | ROUTE_BODY | ROUTE_LONG)
#define GROW (WRITE | ROUTE_GROWS)
#define LATER(method, pattern, right) \
    { method, pattern, right, 0, NULL, NULL, service_unsupported }

const struct route api_routes[] = {
    { REQUEST_POST, C "/points/query", RIGHT_READ, SEARCH | ROUTE_OWN_BODY, query_query_parse, query_is_long, query_query_run },
    { REQUEST_POST, C "/points/search", RIGHT_READ, SEARCH | ROUTE_OWN_BODY, query_search_parse, query_is_long, query_search_run },
    { REQUEST_PUT, C "/points", RIGHT_POINTS, GROW | ROUTE_OWN_BODY, update_upsert_parse, NULL, update_run },
    { REQUEST_POST, C "/points", RIGHT_READ, READ, read_retrieve_parse, read_retrieve_is_long, read_retrieve },
    { REQUEST_GET, C "/points/{id}", RIGHT_READ, IN_C, read_point_parse, read_retrieve_is_long, read_point },
    { REQUEST_POST, C "/points/scroll", RIGHT_READ, READ | PART, read_scroll_parse, read_scroll_is_long, read_scroll },
    { REQUEST_POST, C "/points/count", RIGHT_READ, READ | PART, read_count_parse, read_count_is_long, read_count },
    { REQUEST_POST, C "/points/query/batch", RIGHT_READ, SEARCH, query_query_batch_parse, query_is_long, query_query_batch_run },
    { REQUEST_POST, C "/points/search/batch", RIGHT_READ, SEARCH, query_search_batch_parse, query_is_long, query_search_batch_run },
    { REQUEST_POST, C "/points/recommend", RIGHT_READ, SEARCH, query_recommend_parse, query_is_long, query_search_run },
    { REQUEST_POST, C "/points/recommend/batch", RIGHT_READ, SEARCH, query_recommend_batch_parse, query_is_long, query_search_batch_run },
    { REQUEST_POST, C "/points/discover", RIGHT_READ, SEARCH, query_discover_parse, query_is_long, query_search_run },
    { REQUEST_POST, C "/points/discover/batch", RIGHT_READ, SEARCH, query_discover_batch_parse, query_is_long, query_search_batch_run },
    { REQUEST_POST, C "/points/query/groups", RIGHT_READ, SEARCH | ROUTE_LONG, groups_query_parse, NULL, groups_run },
    { REQUEST_POST, C "/points/search/groups", RIGHT_READ, SEARCH | ROUTE_LONG, groups_search_parse, NULL, groups_run },
    { REQUEST_POST, C "/points/recommend/groups", RIGHT_READ, SEARCH | ROUTE_LONG, groups_recommend_parse, NULL, groups_run },
    { REQUEST_POST, C "/points/delete", RIGHT_POINTS, WRITE | PART, update_delete_parse, NULL, update_run },
    { REQUEST_POST, C "/points/batch", RIGHT_POINTS, GROW | PART, update_batch_parse, NULL, update_batch_run },
    { REQUEST_POST, C "/points/payload", RIGHT_POINTS, GROW, update_set_payload_parse, NULL, update_run },
    { REQUEST_PUT, C "/points/payload", RIGHT_POINTS, GROW, update_overwrite_payload_parse, NULL, update_run },
    { REQUEST_POST, C "/points/payload/delete", RIGHT_POINTS, WRITE, update_delete_payload_parse, NULL, update_run },
    { REQUEST_POST, C "/points/payload/clear", RIGHT_POINTS, WRITE, update_clear_payload_parse, NULL, update_run },
    { REQUEST_PUT, C "/points/vectors", RIGHT_POINTS, GROW | ROUTE_OWN_BODY, update_vectors_parse, NULL, update_run },
    { REQUEST_POST, C "/points/vectors/delete", RIGHT_POINTS, WRITE | PART, update_delete_vectors_parse, NULL, update_run },

    { REQUEST_POST, C "/facet", RIGHT_READ, READ | ROUTE_LONG | PART, facet_parse, NULL, facet_run },
    { REQUEST_POST, C "/points/search/matrix/pairs", RIGHT_READ, READ | ROUTE_LONG | PART, matrix_parse, NULL, matrix_pairs_run },
    { REQUEST_POST, C "/points/search/matrix/offsets", RIGHT_READ, READ | ROUTE_LONG | PART, matrix_parse, NULL, matrix_offsets_run },

    { REQUEST_GET, C, RIGHT_READ, IN_C, NULL, NULL, collections_info },
    { REQUEST_PUT, C, RIGHT_MANAGE, ROUTE_BODY | ROUTE_LONG, collections_create_parse, NULL, collections_create },
    { REQUEST_PATCH, C, RIGHT_MANAGE, ROUTE_BODY | ROUTE_LONG, NULL, NULL, collections_patch },
    { REQUEST_DELETE, C, RIGHT_MANAGE, ROUTE_LONG, NULL, NULL, collections_delete },
    { REQUEST_GET, C "/exists", RIGHT_READ, PART, NULL, NULL, collections_exists },
    { REQUEST_PUT, C "/index", RIGHT_WRITE, WRITE, update_create_index_parse, NULL, update_run },
    { REQUEST_DELETE, C "/index/{field}", RIGHT_WRITE, IN_C | ROUTE_LONG, update_delete_index_parse, NULL, update_run },
    { REQUEST_PUT, C "/vectors/{vector}", RIGHT_WRITE, GROW, update_create_vector_parse, NULL, update_run },
    { REQUEST_DELETE, C "/vectors/{vector}", RIGHT_WRITE, IN_C | ROUTE_LONG, update_delete_vector_parse, NULL, update_run },
    { REQUEST_GET, C "/optimizations", RIGHT_READ, IN_C, NULL, NULL, optimizations_get },
    { REQUEST_GET, C "/memory", RIGHT_READ, IN_C | ROUTE_LONG, NULL, NULL, memory_collection },
    { REQUEST_GET, C "/aliases", RIGHT_READ, IN_C | PART, NULL, NULL, aliases_list },
    { REQUEST_GET, C "/cluster", RIGHT_READ, IN_C, NULL, NULL, collections_cluster },
    { REQUEST_GET, "/collections", RIGHT_NONE, 0, NULL, NULL, collections_list },
    { REQUEST_GET, "/aliases", RIGHT_NONE, 0, NULL, NULL, aliases_list },
    { REQUEST_POST, "/collections/aliases", RIGHT_MANAGE, ROUTE_BODY | ROUTE_LONG, aliases_change_parse, NULL, aliases_change },

    { REQUEST_GET, C "/snapshots", RIGHT_READ, IN_C | ROUTE_LONG, NULL, NULL, snapshots_list_run },
    { REQUEST_POST, C "/snapshots", RIGHT_WRITE, ROUTE_LONG, NULL, NULL, snapshots_create_call },
    { REQUEST_POST, C "/snapshots/upload", RIGHT_MANAGE, ROUTE_LONG | ROUTE_UPLOAD | ROUTE_GROWS, NULL, NULL, snapshots_upload },
    { REQUEST_PUT, C "/snapshots/recover", RIGHT_MANAGE, ROUTE_BODY | ROUTE_LONG | ROUTE_GROWS, snapshots_recover_parse, NULL, snapshots_recover_call },
    { REQUEST_GET, C "/snapshots/{snapshot}", RIGHT_READ, IN_C | ROUTE_LONG | ROUTE_RAW, NULL, NULL, snapshots_download },
    { REQUEST_DELETE, C "/snapshots/{snapshot}", RIGHT_WRITE, IN_C | ROUTE_LONG, NULL, NULL, snapshots_delete_call },
    { REQUEST_GET, C "/shards/{shard}/snapshots", RIGHT_READ, IN_C | ROUTE_LONG, NULL, NULL, snapshots_list_run },
    { REQUEST_POST, C "/shards/{shard}/snapshots", RIGHT_WRITE, ROUTE_LONG, NULL, NULL, snapshots_create_call },
    { REQUEST_POST, C "/shards/{shard}/snapshots/upload", RIGHT_MANAGE, ROUTE_LONG | ROUTE_UPLOAD | ROUTE_GROWS, NULL, NULL, snapshots_upload },
    { REQUEST_PUT, C "/shards/{shard}/snapshots/recover", RIGHT_MANAGE, ROUTE_BODY | ROUTE_LONG | ROUTE_GROWS, snapshots_recover_parse, NULL, snapshots_recover_call },
    { REQUEST_GET, C "/shards/{shard}/snapshots/{snapshot}", RIGHT_READ, IN_C | ROUTE_LONG | ROUTE_RAW, NULL, NULL, snapshots_download },
    { REQUEST_DELETE, C "/shards/{shard}/snapshots/{snapshot}", RIGHT_WRITE, IN_C | ROUTE_LONG, NULL, NULL, snapshots_delete_call },
    { REQUEST_GET, C "/shards/{shard}/snapshot", RIGHT_READ, ROUTE_LONG | ROUTE_RAW, NULL, NULL, snapshots_stream_call },
    { REQUEST_GET, "/snapshots", RIGHT_READ, ROUTE_LONG, NULL, NULL, snapshots_list_run },
    { REQUEST_POST, "/snapshots", RIGHT_MANAGE, ROUTE_LONG, NULL, NULL, snapshots_create_call },
    { REQUEST_GET, "/snapshots/{snapshot}", RIGHT_READ, ROUTE_LONG | ROUTE_RAW, NULL, NULL, snapshots_download },
    { REQUEST_DELETE, "/snapshots/{snapshot}", RIGHT_MANAGE, ROUTE_LONG, NULL, NULL, snapshots_delete_call },

    { REQUEST_GET, "/", RIGHT_NONE, ROUTE_OPEN | ROUTE_RAW, NULL, NULL, service_root },
    { REQUEST_GET, "/openapi.json", RIGHT_NONE, ROUTE_OPEN | ROUTE_RAW, NULL, NULL, service_openapi },
    { REQUEST_GET, "/dashboard/openapi.json", RIGHT_NONE, ROUTE_OPEN | ROUTE_RAW, NULL, NULL, service_openapi },
    { REQUEST_GET, "/healthz", RIGHT_NONE, ROUTE_OPEN | ROUTE_RAW, NULL, NULL, service_health },
    { REQUEST_GET, "/livez", RIGHT_NONE, ROUTE_OPEN | ROUTE_RAW, NULL, NULL, service_health },
    { REQUEST_GET, "/readyz", RIGHT_NONE, ROUTE_OPEN | ROUTE_RAW, NULL, NULL, service_ready },
    { REQUEST_GET, "/metrics", RIGHT_READ, ROUTE_RAW | ROUTE_LONG, NULL, NULL, service_metrics },
    { REQUEST_GET, "/telemetry", RIGHT_NONE, ROUTE_LONG, NULL, NULL, service_telemetry },
    { REQUEST_GET, "/logger", RIGHT_READ, 0, NULL, NULL, logger_read },
    { REQUEST_POST, "/logger", RIGHT_MANAGE, ROUTE_BODY | ROUTE_LONG, NULL, NULL, logger_change },
    { REQUEST_GET, "/quotas", RIGHT_READ, ROUTE_LONG, NULL, NULL, quotas_read },
    { REQUEST_PUT, "/quotas", RIGHT_MANAGE, ROUTE_BODY | ROUTE_LONG, NULL, NULL, quotas_change },
    { REQUEST_GET, "/cluster", RIGHT_READ, 0, NULL, NULL, service_cluster },
    { REQUEST_GET, "/issues", RIGHT_READ, ROUTE_LONG, NULL, NULL, service_issues },
    { REQUEST_DELETE, "/issues", RIGHT_MANAGE, ROUTE_LONG, NULL, NULL, service_issues_clear },

    LATER(REQUEST_POST, C "/cluster", RIGHT_MANAGE),
    LATER(REQUEST_GET, C "/shards", RIGHT_READ),
    LATER(REQUEST_PUT, C "/shards", RIGHT_MANAGE),
    LATER(REQUEST_POST, C "/shards/delete", RIGHT_MANAGE),
};
/* clang-format on */

const size_t api_routes_count = sizeof(api_routes) / sizeof(api_routes[0]);
