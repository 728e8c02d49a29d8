# SPDX-License-Identifier: Apache-2.0
"""Points: upsert, retrieve, delete, scroll, count, search, query."""
import math

import pytest


@pytest.fixture
def collection(engine, name):
    engine.create(name, 2, "Dot")
    engine.upsert(name, [{"id": i, "vector": [i, 1], "payload": {"n": i}}
                         for i in range(1, 11)])
    return name


def post(engine, name, route, body, query=""):
    return engine.call("POST", f"/collections/{name}/points{route}{query}",
                       body)


def ids_of(result):
    return [hit["id"] for hit in result]


def test_upsert_in_batch_form(engine, name):
    engine.create(name, 2, "Dot")
    answer = engine.call("PUT", f"/collections/{name}/points?wait=true", {
        "batch": {"ids": [1, 2], "vectors": [[1, 2], [3, 4]],
                  "payloads": [{"a": 1}, None]}})
    assert answer.result["status"] == "completed"
    got = engine.get(name, [1, 2])
    assert got[1]["vector"] == [1, 2] and got[1]["payload"] == {"a": 1}
    assert got[2]["payload"] == {}


def test_upsert_in_batch_form_of_named_vectors(engine, name):
    engine.call("PUT", f"/collections/{name}", {"vectors": {
        "a": {"size": 2, "distance": "Dot"},
        "b": {"size": 1, "distance": "Dot"}}})
    answer = engine.call("PUT", f"/collections/{name}/points?wait=true", {
        "batch": {"ids": [1, 2],
                  "vectors": {"a": [[1, 2], [3, 4]], "b": [[5], [6]]}}})
    assert answer.result["status"] == "completed"
    assert engine.get(name, [2])[2]["vector"] == {"a": [3, 4], "b": [6]}


def test_upsert_replaces_the_whole_point(engine, collection):
    engine.upsert(collection, [{"id": 1, "vector": [7, 7]}])
    got = engine.get(collection, [1])[1]
    assert got["vector"] == [7, 7] and got["payload"] == {}


def test_the_last_of_equal_ids_wins(engine, collection):
    engine.upsert(collection, [{"id": 1, "vector": [1, 1]},
                               {"id": 1, "vector": [2, 2]}])
    assert engine.get(collection, [1])[1]["vector"] == [2, 2]
    assert engine.count(collection) == 10


def test_operation_ids_rise_and_mark_versions(engine, collection):
    first = engine.upsert(collection, [{"id": 50, "vector": [1, 1]}])
    second = engine.upsert(collection, [{"id": 51, "vector": [1, 1]}])
    assert second["operation_id"] > first["operation_id"]
    hits = post(engine, collection, "/search",
                {"vector": [0, 1], "limit": 20}).result
    versions = {hit["id"]: hit["version"] for hit in hits}
    assert versions[51] == second["operation_id"]
    assert versions[50] == first["operation_id"]


def test_retrieve_defaults_to_ids_only(engine, collection):
    result = post(engine, collection, "", {"ids": [3, 99, 1]}).result
    assert result == [{"id": 3}, {"id": 1}] or result == [{"id": 1},
                                                          {"id": 3}]


def test_get_one_point_has_everything(engine, collection):
    result = engine.call("GET", f"/collections/{collection}/points/3").result
    assert result == {"id": 3, "payload": {"n": 3}, "vector": [3, 1]}


def test_delete_by_ids(engine, collection):
    result = post(engine, collection, "/delete", {"points": [1, 2, 99]},
                  "?wait=true").result
    assert result["status"] == "completed"
    assert engine.count(collection) == 8
    assert engine.call("GET",
                       f"/collections/{collection}/points/1").status == 404


def test_delete_by_filter(engine, collection):
    post(engine, collection, "/delete", {"filter": {"must": [
        {"key": "n", "range": {"gt": 5}}]}}, "?wait=true")
    assert ids_of(engine.scroll_all(collection)) == [1, 2, 3, 4, 5]


def test_scroll_pages_by_id(engine, collection):
    page = post(engine, collection, "/scroll", {"limit": 4}).result
    assert ids_of(page["points"]) == [1, 2, 3, 4]
    assert page["next_page_offset"] == 5
    assert page["points"][0]["payload"] == {"n": 1}
    assert "vector" not in page["points"][0]
    page = post(engine, collection, "/scroll",
                {"limit": 100, "offset": 9, "with_vector": True,
                 "with_payload": False}).result
    assert page == {"points": [{"id": 9, "vector": [9, 1]},
                               {"id": 10, "vector": [10, 1]}],
                    "next_page_offset": None}
    page = post(engine, collection, "/scroll", {}).result
    assert len(page["points"]) == 10
    assert page["next_page_offset"] is None


def test_scroll_orders_numbers_before_uuids(engine, collection):
    uuids = ["00000000-0000-0000-0000-000000000002",
             "00000000-0000-0000-0000-000000000001"]
    engine.upsert(collection, [{"id": u, "vector": [1, 1]} for u in uuids])
    engine.upsert(collection, [{"id": 2 ** 64 - 1, "vector": [1, 1]}])
    ids = ids_of(engine.scroll_all(collection))
    assert ids == [*range(1, 11), 2 ** 64 - 1, *sorted(uuids)]


def test_scroll_with_a_filter(engine, collection):
    page = post(engine, collection, "/scroll", {"limit": 2, "filter": {
        "must_not": [{"key": "n", "match": {"any": [1, 3]}}]}}).result
    assert ids_of(page["points"]) == [2, 4]
    assert page["next_page_offset"] == 5


@pytest.mark.parametrize("exact", [True, False])
def test_count(engine, collection, exact):
    body = {"exact": exact}
    assert post(engine, collection, "/count", body).result == {"count": 10}
    body["filter"] = {"must": [{"key": "n", "range": {"lte": 4}}]}
    count = post(engine, collection, "/count", body).result["count"]
    assert count == 4 if exact else 0 <= count <= 10


def test_search_pages_and_selects(engine, collection):
    body = {"vector": [1, 0], "limit": 3, "offset": 2, "with_payload": True,
            "with_vector": True}
    hits = post(engine, collection, "/search", body).result
    assert ids_of(hits) == [8, 7, 6]
    assert hits[0]["score"] == 8 and hits[0]["payload"] == {"n": 8}
    assert hits[0]["vector"] == [8, 1]
    body = {"vector": [1, 0], "top": 1}
    hits = post(engine, collection, "/search", body).result
    assert ids_of(hits) == [10] and "payload" not in hits[0]


@pytest.mark.parametrize("distance, threshold, expected", [
    ("Dot", 8, [10, 9]), ("Euclid", 2, [10, 9]), ("Manhattan", 2, [10, 9])])
def test_score_threshold_is_strict(engine, name, distance, threshold,
                                   expected):
    engine.create(name, 2, distance)
    engine.upsert(name, [{"id": i, "vector": [i, 0]} for i in range(1, 11)])
    query = [1, 0] if distance == "Dot" else [10, 0]
    for route, body in (("/search", {"vector": query, "limit": 10}),
                        ("/query", {"query": query, "limit": 10})):
        result = post(engine, name, route,
                      {**body, "score_threshold": threshold}).result
        hits = result if route == "/search" else result["points"]
        assert ids_of(hits) == expected


def test_query_by_vector_id_and_nothing(engine, collection):
    result = post(engine, collection, "/query",
                  {"query": [1, 0], "limit": 2}).result
    assert ids_of(result["points"]) == [10, 9]
    result = post(engine, collection, "/query",
                  {"query": {"nearest": [1, 0]}, "limit": 2,
                   "with_payload": ["n"]}).result
    assert result["points"][0]["payload"] == {"n": 10}
    result = post(engine, collection, "/query",
                  {"query": 10, "limit": 3}).result
    assert ids_of(result["points"]) == [9, 8, 7]
    result = post(engine, collection, "/query", {"limit": 2}).result
    assert [(h["id"], h["version"], h["score"]) for h in result["points"]] \
        == [(1, 0, 1), (2, 0, 1)]


def test_query_by_an_id_that_is_missing(engine, collection):
    answer = post(engine, collection, "/query", {"query": 99})
    assert answer.status == 404
    assert answer.error == "Not found: No point with id 99 found"


@pytest.mark.parametrize("exact", [True, False])
def test_search_params_are_taken(engine, collection, exact):
    hits = post(engine, collection, "/search", {
        "vector": [1, 0], "limit": 1,
        "params": {"hnsw_ef": 64, "exact": exact,
                   "indexed_only": False}}).result
    assert ids_of(hits) == [10]


@pytest.mark.parametrize("quantization", [
    {}, {"ignore": True}, {"rescore": True, "oversampling": 2.5},
    {"rescore": False}, {"ignore": False, "rescore": None,
                         "oversampling": None}])
def test_quantization_params_keep_the_scores(engine, collection, quantization):
    hits = post(engine, collection, "/search", {
        "vector": [1, 0], "limit": 1,
        "params": {"quantization": quantization}}).result
    plain = post(engine, collection, "/search",
                 {"vector": [1, 0], "limit": 1}).result
    assert hits == plain


@pytest.mark.parametrize("quantization", [
    {"oversampling": 0.5}, {"oversampling": "2"}, {"ignore": 1}, []])
def test_bad_quantization_params_are_refused(engine, collection, quantization):
    answer = post(engine, collection, "/search", {
        "vector": [1, 0], "limit": 1,
        "params": {"quantization": quantization}})
    assert answer.status in (400, 422)
    assert answer.error


def test_cosine_returns_unit_vectors(engine, name):
    engine.create(name, 4, "Cosine")
    engine.upsert(name, [{"id": 1, "vector": [1, 2, 2, 0]},
                         {"id": 2, "vector": [0, 0, 0, 0]}])
    got = engine.get(name, [1, 2])
    assert got[1]["vector"] == pytest.approx([1 / 3, 2 / 3, 2 / 3, 0],
                                             abs=1e-6)
    assert got[2]["vector"] == [0, 0, 0, 0]
    hits = post(engine, name, "/search",
                {"vector": [10, 20, 20, 0], "limit": 2}).result
    assert [h["score"] for h in hits] == pytest.approx([1, 0], abs=1e-6)


@pytest.mark.parametrize("distance, score", [
    ("Dot", 11), ("Euclid", math.sqrt(8)), ("Manhattan", 4),
    ("Cosine", 11 / (5 * math.sqrt(5)))])
def test_scores_of_each_metric(engine, name, distance, score):
    engine.create(name, 2, distance)
    engine.upsert(name, [{"id": 1, "vector": [3, 4]}])
    hits = post(engine, name, "/search",
                {"vector": [1, 2], "limit": 1}).result
    assert hits[0]["score"] == pytest.approx(score, abs=1e-6)


def test_named_vectors(engine, name):
    engine.call("PUT", f"/collections/{name}", {"vectors": {
        "a": {"size": 2, "distance": "Dot"},
        "b": {"size": 3, "distance": "Euclid"}}})
    engine.upsert(name, [
        {"id": 1, "vector": {"a": [1, 0], "b": [0, 0, 1]}},
        {"id": 2, "vector": {"a": [2, 0]}},
        {"id": 3, "vector": {}}])
    got = engine.get(name, [1, 2, 3])
    assert got[1]["vector"] == {"a": [1, 0], "b": [0, 0, 1]}
    assert got[2]["vector"] == {"a": [2, 0]}
    assert got[3]["vector"] == {}
    hits = post(engine, name, "/search", {
        "vector": {"name": "a", "vector": [1, 0]}, "limit": 9}).result
    assert ids_of(hits) == [2, 1]
    hits = post(engine, name, "/query", {
        "query": [0, 0, 0], "using": "b", "limit": 9,
        "with_vector": ["b"]}).result["points"]
    assert ids_of(hits) == [1]
    assert hits[0]["vector"] == {"b": [0, 0, 1]}
    answer = post(engine, name, "/query", {"query": [1, 0], "limit": 1})
    assert answer.status == 400
    assert "Not existing vector name error" in answer.error


def test_payload_selection(engine, name):
    engine.create(name, 1, "Dot")
    engine.upsert(name, [{"id": 1, "vector": [1], "payload": {
        "a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}], "z": None}}])

    def select(selection):
        return post(engine, name, "/scroll",
                    {"with_payload": selection}).result["points"][0].get(
                        "payload")
    assert select(True)["z"] is None
    assert select(False) is None
    assert select(["a.b"]) == {"a": {"b": 1}}
    assert select({"include": ["a", "l[].x"]}) == {
        "a": {"b": 1, "c": 2}, "l": [{"x": 1}]}
    assert select({"include": ["l.x"]}) == {"l": []}
    assert select({"exclude": ["a.b", "l[].y", "l.x", "z"]}) == {
        "a": {"c": 2}, "l": [{"x": 1}]}
    assert select(["nope"]) == {}
    answer = post(engine, name, "/scroll",
                  {"with_payload": {"includes": ["a"]}})
    assert answer.status == 400
    assert "includes" in answer.error


def test_acknowledged_writes_become_visible(engine, collection):
    result = engine.upsert(collection, [{"id": 77, "vector": [1, 1]}],
                           wait=False)
    assert result["status"] == "acknowledged"
    result = engine.upsert(collection, [{"id": 78, "vector": [1, 1]}])
    assert result["status"] == "completed"
    assert set(engine.get(collection, [77, 78])) == {77, 78}


def test_payload_keeps_every_json_value(engine, name):
    engine.create(name, 1, "Dot")
    payload = {"s": "ü\u0000\n\"\\ 🎈", "i": -2 ** 63, "u": 2 ** 64 - 1,
               "f": 0.1, "e": 1e-300, "t": True, "n": None, "l": [[], [{}]],
               "o": {"": {"a.b": 1}}}
    engine.upsert(name, [{"id": 1, "vector": [1], "payload": payload}])
    assert engine.get(name, [1])[1]["payload"] == payload
