/* SPDX-License-Identifier: Apache-2.0
 * Every route, most used first. What is not here is 404 with an empty body. */
#include "engine/api/memory.h"
#include "engine/api/rest.h"

/* clang-format off */
#define C "/collections/{name}"
#define IN_C ROUTE_COLLECTION
#define READ (ROUTE_COLLECTION | ROUTE_BODY)
#define WRITE (ROUTE_COLLECTION | ROUTE_BODY | ROUTE_WRITE | ROUTE_LONG)
#define GROW (WRITE | ROUTE_GROWS)
#define LATER(method, pattern) \
    { method, pattern, 0, NULL, NULL, service_unsupported }

const struct route api_routes[] = {
    { REQUEST_POST, C "/points/query", READ, query_query_parse, query_is_long, query_query_run },
    { REQUEST_POST, C "/points/search", READ, query_search_parse, query_is_long, query_search_run },
    { REQUEST_PUT, C "/points", GROW | ROUTE_OWN_BODY, update_upsert_parse, NULL, update_run },
    { REQUEST_POST, C "/points", READ, read_retrieve_parse, read_retrieve_is_long, read_retrieve },
    { REQUEST_GET, C "/points/{id}", IN_C, read_point_parse, read_retrieve_is_long, read_point },
    { REQUEST_POST, C "/points/scroll", READ, read_scroll_parse, read_scroll_is_long, read_scroll },
    { REQUEST_POST, C "/points/count", READ, read_count_parse, read_count_is_long, read_count },
    { REQUEST_POST, C "/points/query/batch", READ, query_query_batch_parse, query_is_long, query_query_batch_run },
    { REQUEST_POST, C "/points/search/batch", READ, query_search_batch_parse, query_is_long, query_search_batch_run },
    { REQUEST_POST, C "/points/delete", WRITE, update_delete_parse, NULL, update_run },
    { REQUEST_POST, C "/points/batch", GROW, update_batch_parse, NULL, update_batch_run },
    { REQUEST_POST, C "/points/payload", GROW, update_set_payload_parse, NULL, update_run },
    { REQUEST_PUT, C "/points/payload", GROW, update_overwrite_payload_parse, NULL, update_run },
    { REQUEST_POST, C "/points/payload/delete", WRITE, update_delete_payload_parse, NULL, update_run },
    { REQUEST_POST, C "/points/payload/clear", WRITE, update_clear_payload_parse, NULL, update_run },
    { REQUEST_PUT, C "/points/vectors", GROW | ROUTE_OWN_BODY, update_vectors_parse, NULL, update_run },
    { REQUEST_POST, C "/points/vectors/delete", WRITE, update_delete_vectors_parse, NULL, update_run },

    { REQUEST_GET, C, IN_C, NULL, NULL, collections_info },
    { REQUEST_PUT, C, ROUTE_BODY | ROUTE_WRITE | ROUTE_LONG, collections_create_parse, NULL, collections_create },
    { REQUEST_PATCH, C, ROUTE_BODY | ROUTE_WRITE | ROUTE_LONG, NULL, NULL, collections_patch },
    { REQUEST_DELETE, C, ROUTE_WRITE | ROUTE_LONG, NULL, NULL, collections_delete },
    { REQUEST_GET, C "/exists", 0, NULL, NULL, collections_exists },
    { REQUEST_PUT, C "/index", WRITE, update_create_index_parse, NULL, update_run },
    { REQUEST_DELETE, C "/index/{field}", IN_C | ROUTE_WRITE | ROUTE_LONG, update_delete_index_parse, NULL, update_run },
    { REQUEST_GET, C "/memory", IN_C | ROUTE_LONG, NULL, NULL, memory_collection },
    { REQUEST_GET, C "/aliases", IN_C, NULL, NULL, collections_aliases },
    { REQUEST_GET, C "/cluster", IN_C, NULL, NULL, collections_cluster },
    { REQUEST_GET, "/collections", 0, NULL, NULL, collections_list },
    { REQUEST_GET, "/aliases", 0, NULL, NULL, collections_aliases },

    { REQUEST_GET, "/", ROUTE_OPEN | ROUTE_RAW, NULL, NULL, service_root },
    { REQUEST_GET, "/healthz", ROUTE_OPEN | ROUTE_RAW, NULL, NULL, service_health },
    { REQUEST_GET, "/livez", ROUTE_OPEN | ROUTE_RAW, NULL, NULL, service_health },
    { REQUEST_GET, "/readyz", ROUTE_OPEN | ROUTE_RAW, NULL, NULL, service_ready },
    { REQUEST_GET, "/metrics", ROUTE_RAW | ROUTE_LONG, NULL, NULL, service_metrics },
    { REQUEST_GET, "/telemetry", ROUTE_LONG, NULL, NULL, service_telemetry },
    { REQUEST_GET, "/cluster", 0, NULL, NULL, service_cluster },
    { REQUEST_GET, "/issues", 0, NULL, NULL, service_issues },
    { REQUEST_DELETE, "/issues", ROUTE_WRITE, NULL, NULL, service_issues_clear },

    LATER(REQUEST_POST, "/collections/aliases"),
    LATER(REQUEST_POST, C "/facet"),
    LATER(REQUEST_POST, C "/points/query/groups"),
    LATER(REQUEST_POST, C "/points/search/groups"),
    LATER(REQUEST_POST, C "/points/search/matrix/pairs"),
    LATER(REQUEST_POST, C "/points/search/matrix/offsets"),
    LATER(REQUEST_POST, C "/points/recommend"),
    LATER(REQUEST_POST, C "/points/recommend/batch"),
    LATER(REQUEST_POST, C "/points/recommend/groups"),
    LATER(REQUEST_POST, C "/points/discover"),
    LATER(REQUEST_POST, C "/points/discover/batch"),
    LATER(REQUEST_PUT, C "/vectors/{vector}"),
    LATER(REQUEST_DELETE, C "/vectors/{vector}"),
    LATER(REQUEST_GET, C "/optimizations"),
    LATER(REQUEST_POST, C "/cluster"),
    LATER(REQUEST_GET, C "/shards"),
    LATER(REQUEST_PUT, C "/shards"),
    LATER(REQUEST_POST, C "/shards/delete"),
    LATER(REQUEST_GET, C "/snapshots"),
    LATER(REQUEST_POST, C "/snapshots"),
    LATER(REQUEST_GET, C "/snapshots/{snapshot}"),
    LATER(REQUEST_DELETE, C "/snapshots/{snapshot}"),
    LATER(REQUEST_POST, C "/snapshots/upload"),
    LATER(REQUEST_PUT, C "/snapshots/recover"),
    LATER(REQUEST_GET, "/snapshots"),
    LATER(REQUEST_POST, "/snapshots"),
};
/* clang-format on */

const size_t api_routes_count = sizeof(api_routes) / sizeof(api_routes[0]);
