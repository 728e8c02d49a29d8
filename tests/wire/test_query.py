# SPDX-License-Identifier: Apache-2.0
"""The query API beyond what the oracle compares: what is refused, order by
values that are equal, other collections, random points."""
import pytest

NAME = "cities"
QUERY = f"/collections/{NAME}/points/query"


@pytest.fixture
def cities(engine):
    engine.call("PUT", f"/collections/{NAME}", {
        "vectors": {"size": 2, "distance": "Dot"}}).result
    engine.upsert(NAME, [
        {"id": id, "vector": [id, 1.0],
         "payload": {"n": id // 3, "many": [id, -id], "p": id / 2}}
        for id in range(1, 31)])
    engine.call("PUT", f"/collections/{NAME}/index?wait=true", {
        "field_name": "n", "field_schema": "integer"}).result
    engine.call("PUT", f"/collections/{NAME}/index?wait=true", {
        "field_name": "many", "field_schema": "integer"}).result
    yield engine
    for name in NAME, "other":
        engine.call("DELETE", f"/collections/{name}").result


def query(engine, **body):
    return engine.call("POST", QUERY, body).result["points"]


def ids(points):
    return [point["id"] for point in points]


REFUSED = [
    ({"prefetch": {}}, 400,
     "Bad request: A query is needed to merge the prefetches. Can't have "
     "prefetches without defining a query."),
    ({"query": {"fusion": "rrf"}}, 400,
     "Wrong input: Validation failed: cannot apply Fusion without prefetches"),
    ({"query": {"formula": 1.0}}, 400,
     "Wrong input: Validation failed: cannot apply Formula without prefetches"),
    ({"query": {"fusion": "rrf"}, "using": "v", "prefetch": {}}, 400,
     "Bad request: Fusion queries cannot be combined with the 'using' field."),
    ({"query": {"order_by": "n"}, "score_threshold": 1}, 400,
     "Bad request: Can't use score_threshold with an order_by query."),
    ({"query": {"order_by": "p"}}, 400,
     "Wrong input: No range index for `order_by` key: `p`. Please create one"),
    ({"query": {"recommend": {}}}, 422,
     "At least one positive or negative vector/id must be provided"),
    ({"query": {"recommend": {"negative": [1]}}}, 400,
     "Bad request: At least one positive vector ID required with this "
     "strategy"),
    ({"query": {"recommend": {"positive": [99]}}}, 404,
     "Not found: No point with id 99 found"),
    ({"query": {"rrf": {"k": 0}}, "prefetch": {}}, 422,
     "[internal.query.rrf.k: value 0 invalid, must be 1 or larger]"),
    ({"query": {"rrf": {"weights": [1, 2]}}, "prefetch": {}}, 400, "weights"),
    ({"query": {"nearest": [1, 2], "mmr": {"diversity": 2}}}, 422,
     "internal.query.mmr.diversity"),
    ({"query": {"sample": "all"}}, 400,
     "Expected some form of vector, id, or a type of query"),
    ({"query": {"fusion": "rrf"}, "prefetch": {"limit": 0}}, 422,
     "[internal.prefetch[0].limit: value 0 invalid, must be 1 or larger]"),
    ({"query": 1, "lookup_from": {"collection": "none"}}, 404,
     "Not found: Collection none not found"),
    ({"query": {"formula": "q"}, "prefetch": {}}, 400,
     "Wrong input: Expected number value for q in the payload and/or in the "
     "formula defaults."),
    ({"query": {"formula": {"div": {"left": 1, "right": 0}}}, "prefetch": {}},
     400, "Wrong input: The expression 1/0 = inf produced a non-finite number"),
]


@pytest.mark.parametrize("body, status, text", REFUSED)
def test_what_cannot_be_is_refused(cities, body, status, text):
    answer = cities.call("POST", QUERY, body)
    assert answer.status == status
    assert text in answer.error


def test_prefetches_have_limits(cities):
    body = {}
    for _ in range(65):
        body = {"prefetch": body, "query": {"fusion": "rrf"}}
    assert cities.call("POST", QUERY, body).status == 422
    assert query(cities, **body["prefetch"]) != []
    answer = cities.call("POST", QUERY, {
        "query": {"fusion": "rrf"}, "prefetch": [{}] * 1025})
    assert answer.status == 400
    assert "at most 1024 prefetches" in answer.error
    answer = cities.call("POST", QUERY, {
        "query": {"fusion": "rrf"}, "prefetch": [{"limit": 100000}] * 11})
    assert answer.status == 400
    assert "at most 1000000 are allowed" in answer.error


def test_equal_values_are_all_there_once(cities):
    for direction in "asc", "desc":
        found = query(cities, query={"order_by": {
            "key": "n", "direction": direction}}, limit=30)
        assert sorted(ids(found)) == list(range(1, 31))
        values = [point["order_value"] for point in found]
        assert values == sorted(values, reverse=direction == "desc")
        assert {point["version"] for point in found} == {0}
        assert {point["score"] for point in found} == {1.0}


def test_each_value_of_a_point_counts(cities):
    found = query(cities, query={"order_by": {"key": "many",
                                              "start_from": -2}}, limit=4)
    assert [(point["id"], point["order_value"]) for point in found] == \
        [(2, -2), (1, -1), (1, 1), (2, 2)]


def test_scrolls_come_in_order(cities):
    path = f"/collections/{NAME}/points/scroll"
    body = {"limit": 5, "order_by": {"key": "n", "direction": "desc"},
            "filter": {"must": [{"key": "n", "range": {"lt": 5}}]}}
    found = cities.call("POST", path, body).result
    assert found["next_page_offset"] is None
    assert [point["order_value"] for point in found["points"]] == \
        [4, 4, 4, 3, 3]
    answer = cities.call("POST", path, {**body, "offset": 3})
    assert answer.status == 400
    assert "Cannot use an `offset` when using `order_by`" in answer.error


def test_examples_elsewhere_are_not_left_out(cities):
    cities.call("PUT", "/collections/other", {
        "vectors": {"far": {"size": 2, "distance": "Cosine"}}}).result
    cities.upsert("other", [{"id": 30, "vector": {"far": [-1.0, 0.0]}}])
    lookup = {"collection": "other", "vector": "far"}
    found = query(cities, query=30, lookup_from=lookup, limit=2)
    assert ids(found) == [1, 2]
    found = query(cities, query={"recommend": {"positive": [30],
                                               "strategy": "sum_scores"}},
                  lookup_from=lookup, limit=30)
    assert ids(found) == list(range(1, 31))
    assert ids(query(cities, query=30, limit=2)) == [29, 28]


def test_examples_of_prefetches_are_left_out(cities):
    found = query(cities, prefetch=[{"query": 30, "limit": 3},
                                    {"query": [1.0, 0.0], "limit": 3}],
                  query={"fusion": "rrf"})
    assert ids(found) == [29, 28, 27]


def test_random_points_are_of_the_filter(cities):
    body = {"query": {"sample": "random"}, "limit": 10}
    assert len({id for _ in range(20) for id in ids(query(cities, **body))}) \
        > 10
    found = query(cities, **body, filter={"must": [
        {"key": "n", "match": {"value": 2}}]})
    assert sorted(ids(found)) == [6, 7, 8]


def test_the_old_routes_ask_the_same(cities):
    base = f"/collections/{NAME}/points"
    body = {"positive": [10, [2.0, 0.0]], "negative": [1], "limit": 3}
    found = cities.call("POST", f"{base}/recommend", body).result
    assert ids(found) == [30, 29, 28]
    assert cities.call("POST", f"{base}/recommend/batch", {
        "searches": [body, body]}).result == [found, found]
    body = {"target": [1.0, 0.0], "limit": 2,
            "context": [{"positive": 30, "negative": 1}]}
    found = cities.call("POST", f"{base}/discover", body).result
    assert ids(found) == [29, 28]
    assert cities.call("POST", f"{base}/discover/batch", {
        "searches": [body]}).result == [found]


def test_a_formula_sees_scores_and_payload(cities):
    found = query(cities, prefetch={"query": [1.0, 0.0], "limit": 3}, query={
        "formula": {"sum": ["$score", {"mult": [-3, "p"]},
                            {"key": "n", "match": {"value": 9}}]}})
    assert [(point["id"], point["score"]) for point in found] == \
        [(28, -13.0), (29, -13.5), (30, -15.0)]
