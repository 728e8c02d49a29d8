# SPDX-License-Identifier: Apache-2.0
"""Bad requests of the reference, once: what REST is asked, its status and how
its text begins; and what gRPC is asked, where the same can be said there.
{c} is a collection with the vector "" (4, Dot), a sparse vector "s" and a
multivector "m" (2), and the points 1 and 2; test_errors.py makes it."""
import collections

Bad = collections.namedtuple("Bad", "name status text method path body grpc",
                             defaults=(None,))
C = "/collections/{c}"
V4 = [0.1, 0.2, 0.3, 0.4]
INPUT, REQUEST = "Wrong input: ", "Bad request: "
FORMAT = "Format error in JSON body: "
VALID = "Validation error in JSON body: "
QUERY = "Deserialize error in query parameters: "
MISSING = "Not found: "
D = {"data": V4}
POINT = {"id": {"num": 1}, "vectors": {"vector": {"dense": D}}}


def points(method, **more):
    return ("Points", method, {"collection_name": "{c}", **more})


def collections_(method, **more):
    return ("Collections", method, more)


def vector(*values):
    return {"vectors": {"vector": {"dense": {"data": list(values)}}}}


def must(condition):
    return {"must": [{"field": condition}]}


GONE = "Collection `none` doesn't exist!"
BAD = [
    # ---- what is not there ----
    Bad("no collection", 404, MISSING + GONE, "GET", "/collections/none", None,
        collections_("Get", collection_name="none")),
    Bad("no collection to search", 404, MISSING + GONE, "POST",
        "/collections/none/points/query", {"query": V4},
        ("Points", "Query", {"collection_name": "none", "query": {
            "nearest": {"dense": D}}})),
    Bad("no collection to write", 404, MISSING + GONE, "PUT",
        "/collections/none/points", {"points": [{"id": 1, "vector": V4}]},
        ("Points", "Upsert", {"collection_name": "none", "points": [POINT]})),
    Bad("no collection to change", 404, MISSING + GONE, "PATCH",
        "/collections/none", {"metadata": {"a": 1}},
        collections_("Update", collection_name="none", metadata={
            "a": {"integer_value": 1}})),
    Bad("no collection of aliases", 404, MISSING + GONE, "GET",
        "/collections/none/aliases", None,
        collections_("ListCollectionAliases", collection_name="none")),
    Bad("no collection to count", 404, MISSING + GONE, "POST",
        "/collections/none/points/count", {},
        ("Points", "Count", {"collection_name": "none"})),
    Bad("no collection to facet", 404, MISSING + GONE, "POST",
        "/collections/none/facet", {"key": "k"},
        ("Points", "Facet", {"collection_name": "none", "key": "k"})),
    Bad("no point", 404, MISSING + "Point with id 77 does not exists!", "GET",
        C + "/points/77", None),
    Bad("no point as a query", 404, MISSING + "No point with id 77 found",
        "POST", C + "/points/query", {"query": 77},
        points("Query", query={"nearest": {"id": {"num": 77}}})),
    Bad("no point to set", 404, MISSING + "No point with id 77 found", "POST",
        C + "/points/payload?wait=true",
        {"payload": {"a": 1}, "points": [77]},
        points("SetPayload", wait=True, payload={"a": {"integer_value": 1}},
               points_selector={"points": {"ids": [{"num": 77}]}})),
    Bad("no point to clear", 404, MISSING + "No point with id 77 found", "POST",
        C + "/points/payload/clear?wait=true", {"points": [77]},
        points("ClearPayload", wait=True,
               points={"points": {"ids": [{"num": 77}]}})),
    Bad("no point to give vectors", 404,
        MISSING + "No point with id 77 found", "PUT",
        C + "/points/vectors?wait=true",
        {"points": [{"id": 77, "vector": V4}]},
        points("UpdateVectors", wait=True, points=[
            {"id": {"num": 77}, "vectors": POINT["vectors"]}])),
    Bad("no point to take vectors from", 404,
        MISSING + "No point with id 77 found", "POST",
        C + "/points/vectors/delete?wait=true",
        {"points": [77], "vector": ["s"]},
        points("DeleteVectors", wait=True, vectors={"names": ["s"]},
               points_selector={"points": {"ids": [{"num": 77}]}})),
    Bad("no alias to rename", 404, MISSING + "Alias x does not exists!", "POST",
        "/collections/aliases", {"actions": [{"rename_alias": {
            "old_alias_name": "x", "new_alias_name": "y"}}]},
        collections_("UpdateAliases", actions=[{"rename_alias": {
            "old_alias_name": "x", "new_alias_name": "y"}}])),
    # ---- what is there already ----
    Bad("collection exists", 409, INPUT + "Collection `{c}` already exists!",
        "PUT", C, {"vectors": {"size": 4, "distance": "Dot"}},
        collections_("Create", collection_name="{c}", vectors_config={
            "params": {"size": 4, "distance": "Dot"}})),
    Bad("alias is a collection", 409,
        INPUT + "Collection `{c}` already exists!", "POST",
        "/collections/aliases", {"actions": [{"create_alias": {
            "collection_name": "{c}", "alias_name": "{c}"}}]},
        collections_("UpdateAliases", actions=[{"create_alias": {
            "collection_name": "{c}", "alias_name": "{c}"}}])),
    # ---- vectors ----
    Bad("dimension", 400,
        INPUT + "Vector dimension error: expected dim: 4, got 3", "PUT",
        C + "/points?wait=true", {"points": [{"id": 1, "vector": [1, 2, 3]}]},
        points("Upsert", wait=True, points=[
            {"id": {"num": 1}, **vector(1, 2, 3)}])),
    Bad("dimension of a query", 400,
        INPUT + "Vector dimension error: expected dim: 4, got 3", "POST",
        C + "/points/query", {"query": [1.0, 2, 3]},
        points("Query", query={"nearest": {"dense": {"data": [1, 2, 3]}}})),
    Bad("dimension of a search", 400,
        INPUT + "Vector dimension error: expected dim: 4, got 2", "POST",
        C + "/points/search", {"vector": [1, 2], "limit": 1},
        points("Search", vector=[1, 2], limit=1)),
    Bad("vector name", 400, INPUT + "Not existing vector name error: x",
        "POST", C + "/points/query", {"query": V4, "using": "x"},
        points("Query", query={"nearest": {"dense": D}}, using="x")),
    Bad("vector name of a point", 400,
        INPUT + "Not existing vector name error: x", "PUT",
        C + "/points?wait=true", {"points": [{"id": 1, "vector": {"x": V4}}]},
        points("Upsert", wait=True, points=[{"id": {"num": 1}, "vectors": {
            "vectors": {"vectors": {"x": {"dense": D}}}}}])),
    Bad("vector name of a matrix", 400,
        INPUT + "Not existing vector name error: x", "POST",
        C + "/points/search/matrix/pairs", {"using": "x"},
        points("SearchMatrixPairs", using="x")),
    Bad("sparse for dense", 400, INPUT + "Conversion between sparse and "
        "regular vectors failed", "POST", C + "/points/query",
        {"query": {"indices": [1], "values": [1]}},
        points("Query", query={"nearest": {"sparse": {
            "indices": [1], "values": [1]}}})),
    Bad("dense for sparse", 400, INPUT + "Conversion between sparse and "
        "regular vectors failed", "POST", C + "/points/query",
        {"query": V4, "using": "s"},
        points("Query", query={"nearest": {"dense": D}}, using="s")),
    Bad("multi for dense", 400, INPUT + "Conversion between multi and regular "
        "vectors failed", "POST", C + "/points/query",
        {"query": [[1.5, 2, 3, 4]]},
        points("Query", query={"nearest": {"multi_dense": {
            "vectors": [{"data": [1.5, 2, 3, 4]}]}}})),
    Bad("no vector to delete", 422,
        VALID + "[vector: must specify vector names to delete]", "POST",
        C + "/points/vectors/delete", {"points": [1], "vector": []},
        points("DeleteVectors", vectors={"names": []},
               points_selector={"points": {"ids": [{"num": 1}]}})),
    # ---- ids ----
    Bad("bad id", 400, FORMAT + "value \"x\" is not a valid point ID, valid "
        "values are either an unsigned integer or a UUID", "POST", C + "/points",
        {"ids": ["x"]}, points("Get", ids=[{"uuid": "x"}])),
    Bad("negative id", 400, FORMAT + "value -1 is not a valid point ID", "POST",
        C + "/points", {"ids": [-1]}),
    Bad("bad id in the path", 400, INPUT + "Can not recognize \"x\" as point "
        "id", "GET", C + "/points/x", None),
    # ---- limits and parameters ----
    Bad("limit 0 of query", 422, VALID, "POST", C + "/points/query",
        {"query": V4, "limit": 0},
        points("Query", query={"nearest": {"dense": D}}, limit=0)),
    Bad("limit 0 of scroll", 422, VALID + "[scroll_request.limit: value 0 "
        "invalid, must be 1 or larger]", "POST", C + "/points/scroll",
        {"limit": 0}, points("Scroll", limit=0)),
    Bad("limit 0 of facet", 422, VALID, "POST", C + "/facet",
        {"key": "k", "limit": 0}, points("Facet", key="k", limit=0)),
    Bad("sample 1", 422, VALID, "POST", C + "/points/search/matrix/offsets",
        {"sample": 1}, points("SearchMatrixOffsets", sample=1)),
    Bad("negative limit", 400, FORMAT, "POST", C + "/points/scroll",
        {"limit": -1}),
    Bad("huge limit", 400, REQUEST, "POST", C + "/points/query",
        {"query": V4, "limit": 1000000},
        points("Query", query={"nearest": {"dense": D}}, limit=1000000)),
    Bad("timeout 0", 422, "Validation error in query parameters: [timeout: "
        "value 0 invalid, must be 1 or larger]", "POST",
        C + "/points/count?timeout=0", {},
        points("Count", timeout=0)),
    Bad("timeout of letters", 400, QUERY, "POST", C + "/points/count?timeout=x",
        {}),
    Bad("wait of letters", 400, QUERY + "provided string was not `true` or "
        "`false`", "PUT", C + "/points?wait=x",
        {"points": [{"id": 1, "vector": V4}]}),
    Bad("ordering", 400, QUERY + "unknown variant `x`", "PUT",
        C + "/points?ordering=x", {"points": [{"id": 1, "vector": V4}]}),
    Bad("consistency", 400, QUERY + "failed to parse read consistency", "POST",
        C + "/points/count?consistency=x", {}),
    Bad("consistency 0", 400, INPUT + "read consistency factor can't be zero",
        "POST", C + "/points/count?consistency=0", {},
        points("Count", read_consistency={"factor": 0})),
    Bad("update mode", 400, FORMAT + "update_mode: unknown variant `x`", "PUT",
        C + "/points", {"points": [{"id": 1, "vector": V4}],
                        "update_mode": "x"}),
    # ---- bodies ----
    Bad("no JSON", 400, FORMAT, "POST", C + "/points/count", "{"),
    Bad("a list", 400, FORMAT, "POST", C + "/points/count", "[]"),
    Bad("no body", 400, FORMAT, "POST", C + "/points/count", None),
    Bad("missing field", 400, FORMAT + "missing field `ids` at line 1 column 2",
        "POST", C + "/points", {}),
    Bad("neither points nor batch", 400,
        FORMAT + "Invalid PointInsertOperations format", "PUT", C + "/points",
        {}),
    Bad("empty upsert", 400, REQUEST + "Empty update request", "PUT",
        C + "/points", {"points": []}, points("Upsert", points=[])),
    Bad("no query of that kind", 400, FORMAT + "Expected some form of vector, "
        "id, or a type of query", "POST", C + "/points/query",
        {"query": True}),
    Bad("operations", 400, FORMAT, "POST", C + "/points/batch",
        {"operations": [{"x": {}}]}),
    # ---- filters ----
    Bad("unknown field of a filter", 400, FORMAT + "unknown field `oops`",
        "POST", C + "/points/count", {"filter": {"oops": []}}),
    Bad("condition without a test", 422, VALID, "POST", C + "/points/count",
        {"filter": {"must": [{"key": "k"}]}},
        points("Count", filter=must({"key": "k"}))),
    Bad("no condition", 400, FORMAT + "Expected some form of condition", "POST",
        C + "/points/count", {"filter": {"must": [{"x": 1}]}}),
    Bad("bad path", 400, FORMAT + "Invalid json path: 'a..b'", "POST",
        C + "/points/count",
        {"filter": {"must": [{"key": "a..b", "match": {"value": 1}}]}},
        points("Count", filter=must({"key": "a..b", "match": {"integer": 1}}))),
    Bad("bad moment", 400, FORMAT, "POST", C + "/points/count",
        {"filter": {"must": [{"key": "k", "range": {"gt": "x"}}]}}),
    Bad("bad place", 400, FORMAT, "POST", C + "/points/count",
        {"filter": {"must": [{"key": "k", "geo_radius": {
            "center": {"lon": 400, "lat": 0}, "radius": 1}}]}},
        points("Count", filter=must({"key": "k", "geo_radius": {
            "center": {"lon": 400, "lat": 0}, "radius": 1}}))),
    Bad("min_count 0", 422, VALID, "POST", C + "/points/count",
        {"filter": {"min_should": {"conditions": [{"has_id": [1]}],
                                   "min_count": 0}}},
        points("Count", filter={"min_should": {"conditions": [{"has_id": {
            "has_id": [{"num": 1}]}}], "min_count": 0}})),
    # ---- indexes ----
    Bad("index without a schema", 400, REQUEST + "Can't auto-detect field "
        "type, please specify `field_schema` in the request", "PUT",
        C + "/index", {"field_name": "k"},
        points("CreateFieldIndex", field_name="k")),
    Bad("index of no type", 400, FORMAT + "data did not match any variant of "
        "untagged enum PayloadFieldSchema", "PUT", C + "/index",
        {"field_name": "k", "field_schema": "x"}),
    Bad("facet without an index", 400, INPUT + "No appropriate index for "
        "faceting: `k`", "POST", C + "/facet", {"key": "k"},
        points("Facet", key="k")),
    # ---- configurations ----
    Bad("size 0", 400, FORMAT + "data did not match any variant of untagged "
        "enum VectorsConfig", "PUT", "/collections/new",
        {"vectors": {"size": 0, "distance": "Dot"}}),
    Bad("size 70000", 422, VALID + "[vectors.size: value 70000 invalid, must "
        "be from 1 to 65536]", "PUT", "/collections/new",
        {"vectors": {"size": 70000, "distance": "Dot"}},
        collections_("Create", collection_name="new", vectors_config={
            "params": {"size": 70000, "distance": "Dot"}})),
    Bad("distance", 400, FORMAT, "PUT", "/collections/new",
        {"vectors": {"size": 4, "distance": "x"}}),
    Bad("ef_construct", 422, VALID, "PUT", "/collections/new",
        {"vectors": {"size": 4, "distance": "Dot"},
         "hnsw_config": {"ef_construct": 3}},
        collections_("Create", collection_name="new", vectors_config={
            "params": {"size": 4, "distance": "Dot"}},
            hnsw_config={"ef_construct": 3})),
    Bad("character of a name", 422, "Validation error in path parameters: ",
        "PUT", "/collections/a%3Ab", {"vectors": {"size": 4,
                                                  "distance": "Dot"}}),
    Bad("length of a name", 422, "Validation error in path parameters: ",
        "PUT", "/collections/" + "a" * 256,
        {"vectors": {"size": 4, "distance": "Dot"}},
        collections_("Create", collection_name="a" * 256, vectors_config={
            "params": {"size": 4, "distance": "Dot"}})),
    Bad("patch of an unknown vector", 400, INPUT + "Not existing vector name "
        "error", "PATCH", C, {"vectors": {"x": {"on_disk": True}}},
        collections_("Update", collection_name="{c}", vectors_config={
            "params_map": {"map": {"x": {"on_disk": True}}}})),
]


def fill(value, name):
    """{c} replaced, at any depth."""
    if isinstance(value, str):
        return value.replace("{c}", name)
    if isinstance(value, dict):
        return {fill(k, name): fill(v, name) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [fill(v, name) for v in value]
    return value
