# SPDX-License-Identifier: Apache-2.0
"""Changes of payloads and vectors of points that exist."""
import pytest


@pytest.fixture
def collection(engine, name):
    engine.call("PUT", f"/collections/{name}", {"vectors": {
        "a": {"size": 2, "distance": "Dot"},
        "b": {"size": 2, "distance": "Dot"}}})
    engine.upsert(name, [
        {"id": i, "vector": {"a": [i, 0], "b": [0, i]},
         "payload": {"n": i, "o": {"x": 1, "y": [1, {"z": 2}]}}}
        for i in (1, 2, 3)])
    return name


@pytest.fixture
def change(engine, collection):
    def change(method, route, body):
        return engine.call(
            method, f"/collections/{collection}/points{route}?wait=true", body)
    return change


@pytest.fixture
def payload(engine, collection):
    return lambda id: engine.get(collection, [id])[id]["payload"]


@pytest.fixture
def vector(engine, collection):
    return lambda id: engine.get(collection, [id])[id]["vector"]


OTHER = {"x": 1, "y": [1, {"z": 2}]}


def test_set_payload_merges_top_level_keys(change, payload):
    result = change("POST", "/payload", {
        "payload": {"o": 5, "new": [None]}, "points": [1]}).result
    assert result["status"] == "completed"
    assert payload(1) == {"n": 1, "o": 5, "new": [None]}
    assert payload(2) == {"n": 2, "o": OTHER}


def test_set_payload_removes_null_keys(change, payload):
    change("POST", "/payload", {"payload": {"o": None}, "points": [1]})
    assert payload(1) == {"n": 1}


def test_set_payload_by_filter(change, payload):
    change("POST", "/payload", {"payload": {"hit": True}, "filter": {
        "must": [{"key": "n", "range": {"gte": 2}}]}})
    assert "hit" not in payload(1)
    assert payload(2)["hit"] is True and payload(3)["hit"] is True


def test_set_payload_at_a_key(change, payload):
    change("POST", "/payload", {"payload": {"w": 3}, "key": "o",
                                "points": [1]})
    assert payload(1)["o"] == {**OTHER, "w": 3}
    change("POST", "/payload", {"payload": {"v": 4}, "key": "deep.er",
                                "points": [1]})
    assert payload(1)["deep"] == {"er": {"v": 4}}


def test_overwrite_payload(change, payload):
    change("PUT", "/payload", {"payload": {"only": 1}, "points": [1, 2]})
    assert payload(1) == {"only": 1} and payload(2) == {"only": 1}
    assert payload(3)["n"] == 3


def test_delete_payload_removes_paths(change, payload):
    change("POST", "/payload/delete", {
        "keys": ["n", "o.x", "o.y[1].z", "nope"], "points": [1]})
    assert payload(1) == {"o": {"y": [1, {}]}}


def test_delete_payload_refuses_a_bad_path(change):
    answer = change("POST", "/payload/delete", {"keys": ["a["],
                                                "points": [1]})
    assert answer.status == 400


def test_clear_payload(change, payload):
    change("POST", "/payload/clear", {"points": [1]})
    change("POST", "/payload/clear", {"filter": {"must": [
        {"key": "n", "match": {"value": 2}}]}})
    assert payload(1) == {} and payload(2) == {} and payload(3) != {}


@pytest.mark.parametrize("method, route, body", [
    ("POST", "/payload", {"payload": {"k": 1}}),
    ("PUT", "/payload", {"payload": {"k": 1}}),
    ("POST", "/payload/delete", {"keys": ["n"]}),
    ("PUT", "/vectors", None),
    ("POST", "/vectors/delete", {"vector": ["a"]})])
def test_a_missing_id_is_404_after_the_others(change, payload, vector, method,
                                              route, body):
    before = payload(1), vector(1)
    if body is None:
        body = {"points": [{"id": 1, "vector": {"a": [9, 9]}},
                           {"id": 99, "vector": {"a": [9, 9]}}]}
    else:
        body = {**body, "points": [1, 99]}
    answer = change(method, route, body)
    assert answer.status == 404, answer
    assert answer.error == "Not found: No point with id 99 found"
    assert (payload(1), vector(1)) != before


def test_update_vectors_merges_names(change, vector, payload):
    change("PUT", "/vectors", {"points": [{"id": 1,
                                           "vector": {"b": [7, 7]}}]})
    assert vector(1) == {"a": [1, 0], "b": [7, 7]}
    assert payload(1)["n"] == 1


def test_delete_vectors(engine, collection, change, vector):
    change("POST", "/vectors/delete", {"vector": ["a"], "points": [1]})
    change("POST", "/vectors/delete", {"vector": ["b"], "filter": {
        "must": [{"has_id": [2]}]}})
    assert vector(1) == {"b": [0, 1]} and vector(2) == {"a": [2, 0]}
    hits = engine.call("POST", f"/collections/{collection}/points/query",
                       {"query": [1, 1], "using": "a"}).result["points"]
    assert sorted(h["id"] for h in hits) == [2, 3]


def test_an_unknown_vector_name_is_refused(change):
    answer = change("POST", "/vectors/delete", {"vector": ["zz"],
                                                "points": [1]})
    assert answer.status == 400
    assert "Not existing vector name error: zz" in answer.error


def test_changed_vectors_are_found_at_once(engine, collection, change):
    change("PUT", "/vectors", {"points": [
        {"id": 1, "vector": {"a": [1000, 0]}}]})
    hits = engine.call("POST", f"/collections/{collection}/points/query",
                       {"query": [1, 0], "using": "a",
                        "limit": 1}).result["points"]
    assert (hits[0]["id"], hits[0]["score"]) == (1, 1000)
