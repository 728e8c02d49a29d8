# SPDX-License-Identifier: Apache-2.0
"""Strict mode: each limit at its value and one past it, the texts, the rates,
and that nothing is held while it is off."""
import time

import pytest

from frames import Peer, field

FILTER = {"must": [{"key": "city", "match": {"value": "Berlin"}}]}
VECTOR = [0.1, 0.2, 0.3, 0.4]


@pytest.fixture
def strict(engine, name):
    """Makes the collection, then set(limit=...) turns it on."""
    engine.create(name, 4)
    engine.upsert(name, [{"id": i, "vector": [i, 1, 0, 0],
                          "payload": {"city": "Berlin"}} for i in range(4)])

    def set(**limits):
        answer = engine.call("PATCH", f"/collections/{name}", {
            "strict_mode_config": {"enabled": True, **limits}})
        assert answer.result is True
        return f"/collections/{name}"

    return set


def at_most(value, limit, parameter):
    return (f'Bad request: Limit exceeded {value} > {limit} for "{parameter}". '
            f'Help: Reduce the "{parameter}" parameter to or below {limit}.')


def refused(answer, text, status=400):
    assert answer.status == status, answer
    assert answer.error == text


@pytest.mark.parametrize("route, body", [
    ("points/search", {"vector": VECTOR}), ("points/query", {}),
    ("points/scroll", {}), ("facet", {"key": "city"}),
    ("points/search/matrix/pairs", {})])
def test_the_limit_of_reads(engine, strict, route, body):
    path = strict(max_query_limit=5)
    engine.call("PUT", path + "/index?wait=true",
                {"field_name": "city", "field_schema": "keyword"})
    assert engine.call("POST", f"{path}/{route}",
                       {**body, "limit": 5}).status == 200
    refused(engine.call("POST", f"{path}/{route}", {**body, "limit": 6}),
            at_most(6, 5, "limit"))


@pytest.mark.parametrize("kind", ["pairs", "offsets"])
def test_a_matrix_is_limited_by_all_that_it_asks_for(engine, strict, kind):
    path = strict(max_query_limit=6) + "/points/search/matrix/" + kind
    for body, asked in (({"sample": 3, "limit": 3}, 9), ({"sample": 7}, 7),
                        ({"limit": 7}, 7),
                        ({"sample": 10000, "limit": 2 ** 63}, 2 ** 64 - 1)):
        refused(engine.call("POST", path, body), at_most(asked, 6, "limit"))
    for body in ({}, {"sample": 2, "limit": 3}, {"sample": 6}):
        assert engine.call("POST", path, body).status == 200


def test_a_default_limit_counts(engine, strict):
    path = strict(max_query_limit=9)
    refused(engine.call("POST", path + "/points/scroll", {}),
            at_most(10, 9, "limit"))


def test_timeout(engine, strict):
    path = strict(max_timeout=2) + "/points/count"
    assert engine.call("POST", path + "?timeout=2", {}).status == 200
    assert engine.call("POST", path, {}).status == 200
    refused(engine.call("POST", path + "?timeout=3", {}),
            at_most(3, 2, "timeout"))


@pytest.mark.parametrize("params, limits, text", [
    ({"hnsw_ef": 6}, {"search_max_hnsw_ef": 5}, at_most(6, 5, "hnsw_ef")),
    ({"quantization": {"oversampling": 2}}, {"search_max_oversampling": 1.9},
     at_most(2, 1.9, "oversampling")),
    ({"exact": True}, {"search_allow_exact": False},
     "Bad request: Exact search disabled!. Help: Set exact=false.")])
def test_parameters_of_searches(engine, strict, params, limits, text):
    path = strict()
    body = {"vector": VECTOR, "limit": 1, "params": params}
    assert engine.call("POST", path + "/points/search", body).status == 200
    strict(**limits)
    refused(engine.call("POST", path + "/points/search", body), text)
    refused(engine.call("POST", path + "/points/search/batch",
                        {"searches": [body, body]}), text)
    refused(engine.call("POST", path + "/points/query",
                        {"query": VECTOR, "params": params}), text)


def test_exact_counts_and_facets(engine, strict):
    path = strict(search_allow_exact=False)
    engine.call("PUT", path + "/index?wait=true",
                {"field_name": "city", "field_schema": "keyword"})
    text = "Bad request: Exact search disabled!. Help: Set exact=false."
    refused(engine.call("POST", path + "/points/count", {}), text)
    assert engine.call("POST", path + "/points/count",
                       {"exact": False}).status == 200
    refused(engine.call("POST", path + "/facet",
                        {"key": "city", "exact": True}), text)
    assert engine.call("POST", path + "/facet", {"key": "city"}).status == 200


def test_batches(engine, strict):
    path = strict(search_max_batchsize=2)
    one = {"vector": VECTOR, "limit": 1}
    for count in (1, 2):
        assert engine.call("POST", path + "/points/search/batch",
                           {"searches": [one] * count}).status == 200
    refused(engine.call("POST", path + "/points/search/batch",
                        {"searches": [one] * 3}),
            at_most(3, 2, "search batch size"))


@pytest.mark.parametrize("kind, condition, types", [
    ("keyword", {"match": {"value": "Berlin"}}, "keyword"),
    ("integer", {"match": {"any": [1, 2]}}, "integer"),
    ("bool", {"match": {"value": True}}, "bool"),
    ("uuid", {"match": {"value": "550e8400-e29b-41d4-a716-446655440000"}},
     "keyword, uuid"),
    ("float", {"range": {"gt": 1}}, "float, integer"),
    ("datetime", {"range": {"gt": "2024-01-01"}}, "datetime"),
    ("geo", {"geo_radius": {"center": {"lon": 1, "lat": 1}, "radius": 5}},
     "geo"),
    ("text", {"match": {"text": "b"}}, "text"),
    ("text", {"is_empty": True},
     "bool, datetime, float, geo, integer, keyword, text, uuid")])
def test_filters_need_indexes(engine, strict, kind, condition, types):
    path = strict(unindexed_filtering_retrieve=False)
    text = ("Bad request: Index required but not found for \"f\" of one of the "
            f"following types: [{types}]. Help: Create an index for this key "
            "or use a different filter.")
    for clause in ("must", "should", "must_not"):
        body = {"filter": {clause: [{"key": "f", **condition}]}}
        refused(engine.call("POST", path + "/points/count", body), text)
        refused(engine.call("POST", path + "/points/scroll", body), text)
        refused(engine.call("POST", path + "/points/query", body), text)
    deep = {"must": [{"must_not": [{"key": "f", **condition}]}]}
    refused(engine.call("POST", path + "/points/count", {"filter": deep}), text)
    # Updates are another flag.
    assert engine.call("POST", path + "/points/delete?wait=true",
                       {"filter": deep}).status == 200
    engine.call("PUT", path + "/index?wait=true",
                {"field_name": "f", "field_schema": kind})
    assert engine.call("POST", path + "/points/count",
                       {"filter": deep}).status == 200


def test_nested_fields_need_indexes(engine, strict):
    path = strict(unindexed_filtering_retrieve=False)
    nested = {"must": [{"nested": {"key": "list", "filter": {"must": [
        {"key": "k", "match": {"value": "v"}}]}}}, {"has_id": [1]}]}
    answer = engine.call("POST", path + "/points/count", {"filter": nested})
    assert '"list[].k"' in answer.error
    engine.call("PUT", path + "/index?wait=true",
                {"field_name": "list[].k", "field_schema": "keyword"})
    assert engine.call("POST", path + "/points/count",
                       {"filter": nested}).status == 200


def test_updates_by_filter_need_indexes(engine, strict):
    path = strict(unindexed_filtering_update=False)
    text = ('Bad request: Index required but not found for "city" of one of the '
            "following types: [keyword]. Help: Create an index for this key or "
            "use a different filter.")
    assert engine.call("POST", path + "/points/count",
                       {"filter": FILTER}).status == 200
    for method, route, more in [
            ("POST", "points/delete", {}), ("POST", "points/payload/clear", {}),
            ("POST", "points/payload", {"payload": {"a": 1}}),
            ("PUT", "points/payload", {"payload": {"a": 1}}),
            ("POST", "points/payload/delete", {"keys": ["a"]}),
            ("POST", "points/vectors/delete", {"vector": [""]})]:
        refused(engine.call(method, f"{path}/{route}?wait=true",
                            {"filter": FILTER, **more}), text)
    refused(engine.call("PUT", path + "/points?wait=true", {
        "points": [{"id": 1, "vector": VECTOR}], "update_filter": FILTER}),
        text)
    refused(engine.call("POST", path + "/points/batch?wait=true", {
        "operations": [{"delete": {"filter": FILTER}}]}), text)
    engine.call("PUT", path + "/index?wait=true",
                {"field_name": "city", "field_schema": "keyword"})
    assert engine.call("POST", path + "/points/delete?wait=true",
                       {"filter": FILTER}).status == 200


def test_size_of_filters(engine, strict):
    path = strict(filter_max_conditions=3, condition_max_size=4) + \
        "/points/count"

    def count(conditions, values=1):
        one = {"key": "k", "match": {"any": list(range(values))}}
        return engine.call("POST", path, {"filter": {"must": [
            one] * (conditions - 1) + [{"should": [one]}]}})

    assert count(3, 4).status == 200
    refused(count(4), "Bad request: Filter condition limit reached (4 > 3). "
                      "Help: Reduce the amount of conditions of your filter.")
    refused(count(1, 5), "Bad request: Condition size limit reached (5 > 4). "
                         "Help: Reduce the size of your condition.")
    refused(engine.call("POST", path, {"filter": {"must": [
        {"has_id": [1, 2, 3, 4, 5]}]}}),
        "Bad request: Condition size limit reached (5 > 4). "
        "Help: Reduce the size of your condition.")


def test_size_of_updates(engine, strict):
    path = strict(upsert_max_batchsize=2)
    points = [{"id": i, "vector": VECTOR} for i in range(3)]
    assert engine.call("PUT", path + "/points?wait=true",
                       {"points": points[:2]}).status == 200
    refused(engine.call("PUT", path + "/points", {"points": points}),
            at_most(3, 2, "upsert limit"))
    refused(engine.call("PUT", path + "/points", {"batch": {
        "ids": [1, 2, 3], "vectors": [VECTOR] * 3}}),
        at_most(3, 2, "upsert limit"))
    refused(engine.call("POST", path + "/points/batch", {"operations": [
        {"upsert": {"points": points}}]}), at_most(3, 2, "upsert limit"))
    refused(engine.call("PUT", path + "/points/vectors", {"points": points}),
            at_most(3, 2, "update limit"))


@pytest.mark.parametrize("limits, text", [
    ({"max_points_count": 4}, "Bad request: Max points count limit of 4 "
                              "reached!"),
    ({"max_collection_vector_size_bytes": 64},
     "Bad request: Max vector storage size limit of 6.10352e-05MB reached!"),
    ({"max_collection_payload_size_bytes": 1},
     "Bad request: Max payload storage size limit of 9.53674e-07MB "
     "reached!")])
@pytest.mark.parametrize("on_disk", [False, True])
def test_size_of_collections(engine, strict, name, limits, text, on_disk):
    # Payloads on disk count once they are in a file.
    on_disk = on_disk and "max_collection_payload_size_bytes" not in limits
    path = strict(**limits)
    engine.call("PATCH", path, {"params": {"on_disk_payload": on_disk}})
    refused(engine.call("PUT", path + "/points?wait=true", {
        "points": [{"id": 77, "vector": VECTOR}]}), text)
    assert engine.count(name) == 4
    # Making room is always allowed.
    assert engine.call("POST", path + "/points/delete?wait=true",
                       {"points": [0, 1, 2, 3]}).status == 200
    # What was deleted is given back in the background.
    deadline = time.monotonic() + 30
    while engine.call("PUT", path + "/points?wait=true", {"points": [
            {"id": 77, "vector": VECTOR}]}).status != 200:
        assert time.monotonic() < deadline
        engine.call("POST", path + "/points/delete?wait=true", {"points": [9]})
        time.sleep(0.05)


def test_limits_of_vectors(engine, name):
    path = f"/collections/{name}"
    engine.call("PUT", path, {
        "vectors": {"m": {"size": 2, "distance": "Dot", "multivector_config": {
            "comparator": "max_sim"}}},
        "sparse_vectors": {"s": {}},
        "strict_mode_config": {
            "enabled": True, "multivector_config": {"m": {"max_vectors": 2}},
            "sparse_config": {"s": {"max_length": 3}}}})

    def put(vector):
        return engine.call("PUT", path + "/points?wait=true",
                           {"points": [{"id": 1, "vector": vector}]})

    assert put({"m": [[1.5, 2]] * 2, "s": {
        "indices": [1, 2, 3], "values": [1, 2, 3]}}).status == 200
    answer = put({"m": [[1.5, 2]] * 3})
    assert answer.status == 400
    assert "Multivector 'm' has a limit of 2 vectors, but 3 were provided!" \
        in answer.error
    answer = put({"s": {"indices": [1, 2, 3, 4], "values": [1, 2, 3, 4]}})
    assert answer.status == 400
    assert "Sparse vector 's' has a limit of 3 indices" in answer.error


def test_number_of_indexes(engine, strict):
    path = strict(max_payload_index_count=1) + "/index?wait=true"
    assert engine.call("PUT", path, {"field_name": "a",
                                     "field_schema": "keyword"}).status == 200
    answer = engine.call("PUT", path, {"field_name": "b",
                                       "field_schema": "keyword"})
    assert answer.status == 400
    assert "maximum number of payload indices (1)" in answer.error


def test_memory(engine, strict):
    path = strict(max_resident_memory_percent=100)
    assert engine.call("PUT", path + "/points?wait=true", {
        "points": [{"id": 1, "vector": VECTOR}]}).status == 200


# ---- rates ----

def test_read_rate(engine, strict):
    path = strict(read_rate_limit=2) + "/points/scroll"
    for _ in range(2):
        assert engine.call("POST", path, {}).status == 200
    answer = engine.call("POST", path, {})
    assert answer.status == 429
    assert answer.error.startswith(
        "Rate limiting exceeded: Read rate limit exceeded: Operation requires "
        "1 tokens but only 0.")
    assert 25 < int(answer.headers["Retry-After"]) <= 30
    answer = engine.call("POST", path, {"filter": {"must": [
        {"has_id": [1]}, {"has_id": [2]}]}})
    assert answer.status == 429
    assert "Retry-After" not in answer.headers
    assert answer.error == (
        "Rate limiting exceeded: Read rate limit exceeded, request larger than "
        "rate limiter capacity, please try to split your request")
    # Writes and what is said of the collection go on, and off is off.
    strict(read_rate_limit=2)
    assert engine.call("POST", path, {}).status == 429
    strict(enabled=False)
    for _ in range(5):
        assert engine.call("POST", path, {}).status == 200


def test_write_rate(engine, strict):
    path = strict(write_rate_limit=10)

    def put(count):
        return engine.call("PUT", path + "/points?wait=true", {"points": [
            {"id": i, "vector": VECTOR} for i in range(count)]})

    answer = put(11)
    assert answer.status == 429 and "split your request" in answer.error
    assert put(10).status == 200
    answer = put(10)
    assert answer.status == 429
    assert "Operation requires 10 tokens but only 0." in answer.error
    assert 50 < int(answer.headers["Retry-After"]) <= 60
    assert engine.call("POST", path + "/points/scroll", {}).status == 200


def test_rates_over_grpc(engine, strict):
    name = strict(read_rate_limit=2, write_rate_limit=2).split("/")[-1]
    delete = field(1, name) + field(3, field(1, b"".join(
        field(1, field(1, id)) for id in range(1, 4))))
    with Peer(engine.grpc_port) as peer:
        for _ in range(2):
            assert peer.call("/qdrant.Points/Scroll",
                             field(1, name)).status == 0
        call = peer.call("/qdrant.Points/Scroll", field(1, name))
        assert call.status == 8  # RESOURCE_EXHAUSTED
        assert call.text.startswith(
            "Rate limiting exceeded: Read rate limit exceeded: Operation "
            "requires 1 tokens but only 0.")
        assert 25 < int(call.headers["retry-after"]) <= 30
        # What never works has no time to wait for.
        call = peer.call("/qdrant.Points/Delete", delete)
        assert call.status == 8 and "split your request" in call.text
        assert "retry-after" not in call.headers


# ---- the configuration ----

def test_it_is_kept_and_merged(engine_factory):
    engine = engine_factory()
    engine.start()
    engine.create("c", 4, strict_mode_config={"enabled": True,
                                              "max_query_limit": 3,
                                              "unknown": 1})
    engine.call("PATCH", "/collections/c", {"strict_mode_config": {
        "max_timeout": 5, "max_query_limit": None}})
    expected = {"enabled": True, "max_query_limit": 3, "max_timeout": 5}
    for _ in range(2):
        info = engine.call("GET", "/collections/c").result
        assert info["config"]["strict_mode_config"] == expected
        refused(engine.call("POST", "/collections/c/points/scroll",
                            {"limit": 4}), at_most(4, 3, "limit"))
        engine.kill()
        engine.start()
    assert engine.stop() == 0


@pytest.mark.parametrize("status, limits, text", [
    (422, {"max_resident_memory_percent": 101},
     "max_resident_memory_percent: value 101 invalid, must be from 1 to 100"),
    (422, {"max_query_limit": 0}, "max_query_limit: value 0 invalid"),
    (400, {"enabled": "yes"}, "enabled: invalid type"),
    (400, {"sparse_config": {"s": 5}}, "sparse_config.s: invalid type"),
    (400, {"sparse_config": {"s": {"max_length": "2"}}},
     "sparse_config.max_length: invalid type"),
    (422, {"multivector_config": {"m": {"max_vectors": 0}}},
     "multivector_config.max_vectors: value 0 invalid")])
def test_bad_limits_change_nothing(engine, strict, name, status, limits, text):
    path = strict(max_query_limit=4)
    answer = engine.call("PATCH", path, {"strict_mode_config": limits})
    assert answer.status == status, answer
    assert "strict_mode_config." + text in answer.error
    assert engine.call("GET", path).result["config"]["strict_mode_config"] == {
        "enabled": True, "max_query_limit": 4}


def index(engine, path, field, schema):
    assert engine.call("PUT", path + "/index?wait=true", {
        "field_name": field, "field_schema": schema}).status == 200


def query(formula):
    return {"prefetch": {"query": VECTOR}, "query": {
        "formula": formula, "defaults": {
            "price": 1, "since": "2026-01-01T00:00:00Z",
            "place": {"lon": 1, "lat": 1}}}}


NEEDS = "Index required but not found for \"{}\" of one of the following " \
        "types: [{}]. Help: Create an index for this key or use a different " \
        "formula expression."


@pytest.mark.parametrize("field, types, schema, formula", [
    ("price", "float, integer", "float", {"sum": ["$score", "price"]}),
    ("price", "float, integer", "integer",
     {"gauss_decay": {"x": "price", "target": 3}}),
    ("since", "datetime", "datetime", {"datetime_key": "since"}),
    ("place", "geo", "geo", {"geo_distance": {
        "origin": {"lon": 2, "lat": 2}, "to": "place"}}),
    ("city", "keyword", "keyword", {"mult": [
        2, {"key": "city", "match": {"value": "Berlin"}}]})])
def test_formulas_need_indexes(engine, strict, field, types, schema, formula):
    path = strict(unindexed_filtering_retrieve=False)
    body = query(formula)
    text = "Bad request: " + NEEDS.format(field, types)
    refused(engine.call("POST", path + "/points/query", body), text)
    # Wherever in the tree it stands.
    refused(engine.call("POST", path + "/points/query",
                        {"prefetch": body, "query": VECTOR}), text)
    index(engine, path, field, schema)
    assert engine.call("POST", path + "/points/query", body).status == 200
    strict(unindexed_filtering_retrieve=True)


def test_conditions_of_formulas_have_limits(engine, strict):
    path = strict(condition_max_size=2) + "/points/query"
    many = {"key": "city", "match": {"any": ["a", "b", "c"]}}
    refused(engine.call("POST", path, query(many)),
            "Bad request: Condition size limit reached (3 > 2). Help: Reduce "
            "the size of your condition.")


def test_candidates_of_mmr(engine, strict):
    path = strict(max_query_limit=5) + "/points/query"

    def body(candidates):
        return {"limit": 3, "query": {"nearest": VECTOR, "mmr": {
            "diversity": 0.5, "candidates_limit": candidates}}}
    assert engine.call("POST", path, body(5)).status == 200
    refused(engine.call("POST", path, body(6)),
            at_most(6, 5, "candidates_limit"))


@pytest.mark.parametrize("route", ["query", "search"])
def test_groups_need_an_index_of_values(engine, strict, route):
    path = strict(unindexed_filtering_retrieve=False)
    groups = f"{path}/points/{route}/groups"
    body = {"group_by": "city", "limit": 2, "group_size": 1,
            "query" if route == "query" else "vector": VECTOR}
    help = ". Help: Create an index supporting `match` for this key."
    refused(engine.call("POST", groups, body),
            'Bad request: Index required but not found for "city"' + help)
    index(engine, path, "city", "text")
    refused(engine.call("POST", groups, body),
            'Bad request: Index of type "Text" found for "city"' + help)
    index(engine, path, "city", {"type": "integer", "lookup": False,
                                 "range": True})
    refused(engine.call("POST", groups, body),
            'Bad request: Index of type "Integer" found for "city"' + help)
    index(engine, path, "city", "keyword")
    assert engine.call("POST", groups, body).status == 200


def test_prefetches_of_groups_count_as_asked(engine, strict):
    """They bring more for many groups, which the client did not ask for."""
    path = strict(max_query_limit=5)
    answer = engine.call("POST", path + "/points/query/groups", {
        "group_by": "city", "limit": 5, "group_size": 1,
        "prefetch": {"query": VECTOR, "limit": 5}, "query": VECTOR})
    assert answer.status == 200, answer
