/* SPDX-License-Identifier: Apache-2.0
 * Every gRPC method and the route that it is another spelling of. The standard
 * health check and reflection have none in REST: they borrow the rights of
 * /healthz (open) and of /cluster (whoever may read everything). */
#include "engine/api/grpc.h"

/* clang-format off */
#define C "/collections/{name}"
#define P "/qdrant.Points/"
#define S "/qdrant.Collections/"
#define Q "qdrant."
#define PUT REQUEST_PUT
#define POST REQUEST_POST
#define GET REQUEST_GET
#define DELETE REQUEST_DELETE
#define UPDATE(name, method, pattern, message, scan) \
    { P name, method, pattern, Q message, Q "PointsOperationResponse", 2, 0, 0, scan, grpc_update_run }
#define READ(name, pattern, message, answer, time, run) \
    { P name, POST, pattern, Q message, Q answer, time, 0, 0, NULL, run }
#define WHOLE(path, method, pattern, message, answer, time) \
    { path, method, pattern, Q message, Q answer, time, GRPC_WHOLE, 0, NULL, NULL }
#define RESULT(path, method, pattern, message, answer) \
    { path, method, pattern, Q message, Q answer, 2, 0, 0, NULL, NULL }

const struct grpc_method grpc_methods[] = {
    READ("Query", C "/points/query", "QueryPoints", "QueryResponse", 2, grpc_search_run),
    READ("Search", C "/points/search", "SearchPoints", "SearchResponse", 2, grpc_search_run),
    UPDATE("Upsert", PUT, C "/points", "UpsertPoints", grpc_upsert_scan),
    READ("Get", C "/points", "GetPoints", "GetResponse", 2, grpc_get_run),
    READ("Scroll", C "/points/scroll", "ScrollPoints", "ScrollResponse", 3, grpc_scroll_run),
    READ("Count", C "/points/count", "CountPoints", "CountResponse", 2, grpc_count_run),
    READ("QueryBatch", C "/points/query/batch", "QueryBatchPoints", "QueryBatchResponse", 2, grpc_search_batch_run),
    READ("SearchBatch", C "/points/search/batch", "SearchBatchPoints", "SearchBatchResponse", 2, grpc_search_batch_run),
    READ("Recommend", C "/points/recommend", "RecommendPoints", "RecommendResponse", 2, grpc_search_run),
    READ("RecommendBatch", C "/points/recommend/batch", "RecommendBatchPoints", "RecommendBatchResponse", 2, grpc_search_batch_run),
    READ("Discover", C "/points/discover", "DiscoverPoints", "DiscoverResponse", 2, grpc_search_run),
    READ("DiscoverBatch", C "/points/discover/batch", "DiscoverBatchPoints", "DiscoverBatchResponse", 2, grpc_search_batch_run),
    READ("QueryGroups", C "/points/query/groups", "QueryPointGroups", "QueryGroupsResponse", 2, grpc_groups_run),
    READ("SearchGroups", C "/points/search/groups", "SearchPointGroups", "SearchGroupsResponse", 2, grpc_groups_run),
    READ("RecommendGroups", C "/points/recommend/groups", "RecommendPointGroups", "RecommendGroupsResponse", 2, grpc_groups_run),
    UPDATE("Delete", POST, C "/points/delete", "DeletePoints", NULL),
    { P "UpdateBatch", POST, C "/points/batch", Q "UpdateBatchPoints", Q "UpdateBatchResponse", 2, 0, 0, NULL, grpc_update_batch_run },
    UPDATE("SetPayload", POST, C "/points/payload", "SetPayloadPoints", NULL),
    UPDATE("OverwritePayload", PUT, C "/points/payload", "SetPayloadPoints", NULL),
    UPDATE("DeletePayload", POST, C "/points/payload/delete", "DeletePayloadPoints", NULL),
    UPDATE("ClearPayload", POST, C "/points/payload/clear", "ClearPayloadPoints", NULL),
    UPDATE("UpdateVectors", PUT, C "/points/vectors", "UpdatePointVectors", grpc_vectors_scan),
    UPDATE("DeleteVectors", POST, C "/points/vectors/delete", "DeletePointVectors", NULL),
    UPDATE("CreateFieldIndex", PUT, C "/index", "CreateFieldIndexCollection", NULL),
    { P "DeleteFieldIndex", DELETE, C "/index/{field}", Q "DeleteFieldIndexCollection", Q "PointsOperationResponse", 2, 0, 3, NULL, grpc_update_run },

    { P "CreateVectorName", PUT, C "/vectors/{vector}", Q "CreateVectorNameRequest", Q "PointsOperationResponse", 2, 0, 3, NULL, grpc_update_run },
    { P "DeleteVectorName", DELETE, C "/vectors/{vector}", Q "DeleteVectorNameRequest", Q "PointsOperationResponse", 2, 0, 3, NULL, grpc_update_run },

    WHOLE(P "Facet", POST, C "/facet", "FacetCounts", "FacetResponse", 2),
    RESULT(P "SearchMatrixPairs", POST, C "/points/search/matrix/pairs", "SearchMatrixPoints", "SearchMatrixPairsResponse"),
    RESULT(P "SearchMatrixOffsets", POST, C "/points/search/matrix/offsets", "SearchMatrixPoints", "SearchMatrixOffsetsResponse"),

    RESULT(S "Get", GET, C, "GetCollectionInfoRequest", "GetCollectionInfoResponse"),
    WHOLE(S "List", GET, "/collections", "ListCollectionsRequest", "ListCollectionsResponse", 2),
    RESULT(S "Create", PUT, C, "CreateCollection", "CollectionOperationResponse"),
    RESULT(S "Update", REQUEST_PATCH, C, "UpdateCollection", "CollectionOperationResponse"),
    RESULT(S "Delete", DELETE, C, "DeleteCollection", "CollectionOperationResponse"),
    RESULT(S "CollectionExists", GET, C "/exists", "CollectionExistsRequest", "CollectionExistsResponse"),
    RESULT(S "UpdateAliases", POST, "/collections/aliases", "ChangeAliases", "CollectionOperationResponse"),
    WHOLE(S "ListAliases", GET, "/aliases", "ListAliasesRequest", "ListAliasesResponse", 2),
    WHOLE(S "ListCollectionAliases", GET, C "/aliases", "ListCollectionAliasesRequest", "ListAliasesResponse", 2),
    WHOLE(S "CollectionClusterInfo", GET, C "/cluster", "CollectionClusterInfoRequest", "CollectionClusterInfoResponse", 7),

    RESULT("/qdrant.Snapshots/Create", POST, C "/snapshots", "CreateSnapshotRequest", "CreateSnapshotResponse"),
    RESULT("/qdrant.Snapshots/List", GET, C "/snapshots", "ListSnapshotsRequest", "ListSnapshotsResponse"),
    { "/qdrant.Snapshots/Delete", DELETE, C "/snapshots/{snapshot}", Q "DeleteSnapshotRequest", Q "DeleteSnapshotResponse", 1, 0, 2, NULL, NULL },
    RESULT("/qdrant.Snapshots/CreateFull", POST, "/snapshots", "CreateFullSnapshotRequest", "CreateSnapshotResponse"),
    RESULT("/qdrant.Snapshots/ListFull", GET, "/snapshots", "ListFullSnapshotsRequest", "ListSnapshotsResponse"),
    { "/qdrant.Snapshots/DeleteFull", DELETE, "/snapshots/{snapshot}", Q "DeleteFullSnapshotRequest", Q "DeleteSnapshotResponse", 1, 0, 0, NULL, NULL },

    { "/qdrant.Qdrant/HealthCheck", GET, "/", Q "HealthCheckRequest", Q "HealthCheckReply", 0, GRPC_RAW, 0, NULL, grpc_version_run },
    { "/grpc.health.v1.Health/Check", GET, "/healthz", "grpc.health.v1.HealthCheckRequest", "grpc.health.v1.HealthCheckResponse", 0, GRPC_RAW, 0, NULL, grpc_health_run },
    { "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", GET, "/cluster", "grpc.reflection.v1.ServerReflectionRequest", "grpc.reflection.v1.ServerReflectionResponse", 0, GRPC_RAW, 0, NULL, grpc_reflection_run },
    { "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", GET, "/cluster", "grpc.reflection.v1alpha.ServerReflectionRequest", "grpc.reflection.v1alpha.ServerReflectionResponse", 0, GRPC_RAW, 0, NULL, grpc_reflection_run },

    /* not there yet: refused by the name of the route */
    WHOLE(S "UpdateCollectionClusterSetup", POST, C "/cluster", "UpdateCollectionClusterSetupRequest", "UpdateCollectionClusterSetupResponse", 2),
    WHOLE(S "CreateShardKey", PUT, C "/shards", "CreateShardKeyRequest", "CreateShardKeyResponse", 2),
    WHOLE(S "DeleteShardKey", POST, C "/shards/delete", "DeleteShardKeyRequest", "DeleteShardKeyResponse", 2),
    WHOLE(S "ListShardKeys", GET, C "/shards", "ListShardKeysRequest", "ListShardKeysResponse", 2),
};
/* clang-format on */

const size_t grpc_methods_count =
    sizeof(grpc_methods) / sizeof(grpc_methods[0]);
