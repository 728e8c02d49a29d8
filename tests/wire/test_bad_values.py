# SPDX-License-Identifier: Apache-2.0
"""Values at and beyond the edge: zero and huge vectors, the largest dimension,
ids in every spelling, odd payload keys and strings, payloads of millions of
values, nesting, numbers that do not fit. Each is answered by what it means or
refused with the field and the limit in the text."""
import json

import pytest
from test_bad_input import UUID, collection, is_alive, refused  # noqa: F401

LARGEST = 3.4028235e38


def put(engine, name, points, wait="true"):
    body = points if isinstance(points, (str, bytes)) else {"points": points}
    return engine.call("PUT", f"/collections/{name}/points?wait={wait}", body)


def query(engine, name, **body):
    return engine.call("POST", f"/collections/{name}/points/query", body)


def resident_kib(engine, key):
    with open(f"/proc/{engine.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status
                    if line.startswith(key))


# ---- vectors ----

def test_a_zero_vector_stays_zero_and_scores_zero(engine, collection):
    engine.upsert(collection, [{"id": 2, "vector": [0, 0, 0, 0]}])
    assert engine.get(collection, [2])[2]["vector"] == [0, 0, 0, 0]
    hits = query(engine, collection, query=[0, 0, 0, 0]).result["points"]
    assert {hit["id"]: hit["score"] for hit in hits} == {1: 0, 2: 0}
    hits = query(engine, collection, query=[1, 0, 0, 0]).result["points"]
    assert [hit["id"] for hit in hits] == [1, 2] and hits[1]["score"] == 0


def test_huge_and_tiny_values_keep_their_direction(engine, collection):
    engine.upsert(collection, [{"id": 2, "vector": [3e38] * 4},
                               {"id": 3, "vector": [1e-30, 1e-40, 0, 0]}])
    assert engine.get(collection, [2])[2]["vector"] == [0.5] * 4
    hits = query(engine, collection, query=[1, 1, 1, 1]).result["points"]
    assert hits[0]["id"] == 2 and abs(hits[0]["score"] - 1) < 1e-6
    assert hits[-1]["id"] == 3


@pytest.mark.parametrize("number", ["1e39", "-1e39", "3.5e38"])
def test_what_does_not_fit_a_float_is_named(engine, collection, number):
    refused(put(engine, collection, '{"points":[{"id":2,"vector":[1,%s,1,1]}]}'
                % number), 400, "at position 1 of a vector",
            "out of the range of f32")
    refused(engine.call("POST", f"/collections/{collection}/points/query",
                        '{"query":[1,2,3,%s]}' % number),
            400, "at position 3 of a vector", "out of the range of f32")
    assert engine.count(collection) == 1


@pytest.mark.parametrize("distance, scores", [
    ("Dot", [LARGEST, 3, -LARGEST, -LARGEST]),
    ("Euclid", [0, LARGEST, LARGEST, LARGEST]),
    ("Manhattan", [0, LARGEST, LARGEST, LARGEST])])
def test_a_score_that_overflows_is_the_largest_float(engine, name, distance,
                                                     scores):
    """A number: null would spoil the answer for typed clients. What is no
    number at all (infinity less infinity) comes last."""
    engine.create(name, 2, distance)
    engine.upsert(name, [{"id": 1, "vector": [3e38, 3e38]},
                         {"id": 2, "vector": [1e-38, 0]},
                         {"id": 3, "vector": [-3e38, -3e38]},
                         {"id": 4, "vector": [3e38, -3e38]}])
    hits = query(engine, name, query=[3e38, 3e38]).result["points"]
    assert hits[0]["id"] == 1
    assert [hit["score"] for hit in hits] == pytest.approx(scores)
    hits = query(engine, name, query=[3e38, 3e38],
                 score_threshold=2 if distance == "Dot" else 3e38)
    assert [hit["id"] for hit in hits.result["points"]] == \
        ([1, 2] if distance == "Dot" else [1])


def test_the_largest_dimension_works_and_the_next_is_refused(engine, name):
    engine.create(name, 65536)
    engine.upsert(name, [{"id": 1, "vector": [0.5] * 65536}])
    hits = query(engine, name, query=[1] * 65536).result["points"]
    assert hits[0]["id"] == 1 and abs(hits[0]["score"] - 1) < 1e-5
    refused(engine.call("PUT", f"/collections/{name}-2", {
        "vectors": {"size": 65537, "distance": "Dot"}}), 422,
        "value 65537 invalid, must be from 1 to 65536")


def test_a_vector_that_is_named_twice_comes_once(engine, collection):
    hits = query(engine, collection, query=[1, 2, 3, 4],
                 with_vector=["", ""]).result["points"]
    assert isinstance(hits[0]["vector"], list)


# ---- ids ----

def test_spellings_of_one_uuid_are_one_point(engine, collection):
    engine.upsert(collection, [
        {"id": UUID.upper(), "vector": [1, 0, 0, 0]},
        {"id": "{" + UUID + "}", "vector": [0, 1, 0, 0]},
        {"id": UUID.replace("-", ""), "vector": [0, 0, 1, 0]}])
    assert engine.count(collection) == 2
    assert engine.get(collection, [UUID])[UUID]["vector"] == [0, 0, 1, 0]
    for spelling in (UUID.upper(), "urn:uuid:" + UUID):
        assert engine.count(collection, {"must": [
            {"has_id": [spelling]}]}) == 1
        path = f"/collections/{collection}/points/{spelling}"
        assert engine.call("GET", path).result["id"] == UUID


def test_the_last_of_equal_ids_wins(engine, collection):
    engine.upsert(collection, [
        {"id": 7, "vector": [1, 0, 0, 0], "payload": {"n": 1}},
        {"id": 8, "vector": [1, 0, 0, 0]},
        {"id": 7, "vector": [0, 1, 0, 0], "payload": {"m": 2}}])
    assert engine.count(collection) == 3
    record = engine.get(collection, [7])[7]
    assert record["vector"] == [0, 1, 0, 0] and record["payload"] == {"m": 2}


def test_ids_at_the_ends_sort(engine, collection):
    ids = [0, 2 ** 63, 2 ** 64 - 1, UUID]
    engine.upsert(collection, [{"id": id, "vector": [1, 0, 0, 0]}
                               for id in reversed(ids)])
    got = engine.scroll_all(collection)
    assert [record["id"] for record in got] == [0, 1, *ids[1:]]
    refused(put(engine, collection,
                '{"points":[{"id":18446744073709551616,"vector":[1,1,1,1]}]}'),
            400, "is not a valid point ID")


# ---- payloads ----

@pytest.mark.parametrize("key", ["a.b", "a[0]", "a[]", '"q"', 'a"b', "", "a b",
                                 "é", "\0", "\U0001f600", "k" * 5000])
def test_any_key_comes_back(engine, collection, key):
    engine.upsert(collection, [{"id": 2, "vector": [1, 2, 3, 4],
                                "payload": {key: 1, "n": [key]}}])
    assert engine.get(collection, [2])[2]["payload"] == {key: 1, "n": [key]}


def test_a_quoted_key_finds_what_a_path_does_not(engine, collection):
    engine.upsert(collection, [
        {"id": 2, "vector": [1, 2, 3, 4], "payload": {"a.b": 1}},
        {"id": 3, "vector": [1, 2, 3, 4], "payload": {"a": {"b": 1}}}])
    for key, ids in (('"a.b"', [2]), ("a.b", [3])):
        got = engine.scroll_all(collection, filter={"must": [
            {"key": key, "match": {"value": 1}}]})
        assert [record["id"] for record in got] == ids


@pytest.mark.parametrize("text, what", [
    ('"\\ud83d"', "surrogate"), ('"\\ude00\\ud83d"', "surrogate"),
    (b'"\xff\xfe"', "UTF-8"), (b'"\xed\xa0\x80"', "UTF-8")])
def test_what_is_no_text(engine, collection, text, what):
    text = text.encode() if isinstance(text, str) else text
    refused(put(engine, collection, b'{"points":[{"id":2,"vector":[1,2,3,4],'
                b'"payload":{"a":%s}}]}' % text), 400, what)
    assert engine.count(collection) == 1


def test_a_surrogate_pair_is_one_character(engine, collection):
    put(engine, collection, '{"points":[{"id":2,"vector":[1,2,3,4],"payload":'
        '{"a":"\\ud83d\\ude00"}}]}')
    record = engine.call("GET", f"/collections/{collection}/points/2").result
    assert record["payload"] == {"a": "\U0001f600"}


def test_ten_million_values_are_refused_with_bounded_memory(engine,
                                                            collection):
    values = ",".join(["1"] * 10_000_000)
    body = '{"points":[{"id":2,"vector":[1,2,3,4],"payload":{"a":[%s]}}]}'
    before = resident_kib(engine, "VmHWM")
    refused(put(engine, collection, body % values), 400, "payload",
            "larger than 8388608 bytes")
    # 20 MB of text, 16 bytes for each value, and some room.
    assert resident_kib(engine, "VmHWM") < before + (640 << 10)
    assert engine.count(collection) == 1


def test_four_million_values_are_stored_and_indexed(engine, collection):
    values = ",".join(["7"] * 4_000_000)
    answer = put(engine, collection, '{"points":[{"id":2,"vector":[1,2,3,4],'
                 '"payload":{"a":[%s]}}]}' % values)
    assert answer.status == 200, answer
    engine.call("PUT", f"/collections/{collection}/index?wait=true",
                {"field_name": "a", "field_schema": "integer"}).result
    filter = {"must": [{"key": "a", "match": {"value": 7}}]}
    assert engine.count(collection, filter) == 1
    engine.upsert(collection, [{"id": 2, "vector": [1, 2, 3, 4]}])
    assert engine.count(collection, filter) == 0


@pytest.mark.parametrize("depth", [124, 200, 100000])
def test_nesting_names_its_limit(engine, collection, depth):
    deep = "[" * depth + "]" * depth
    answer = put(engine, collection, '{"points":[{"id":2,"vector":[1,2,3,4],'
                 '"payload":{"a":%s}}]}' % deep)
    if depth > 124:
        refused(answer, 400, "nesting is deeper than 128 levels")
        return
    assert answer.status == 200, answer
    record = engine.call("GET", f"/collections/{collection}/points/2").result
    assert json.dumps(record["payload"]["a"]).replace(" ", "") == deep


# ---- numbers ----

@pytest.mark.parametrize("number, status", [
    ("-1", 400), ("1.5", 400), ("1e3", 400), ('"5"', 400), ("true", 400),
    ("[]", 400), ("18446744073709551616", 400), ("18446744073709551615", 400),
    ("4294967296", 400), ("100001", 400)])
def test_what_is_no_limit(engine, collection, number, status):
    for route, field in (("query", "limit"), ("query", "offset"),
                         ("scroll", "limit")):
        answer = engine.call(
            "POST", f"/collections/{collection}/points/{route}",
            '{"query":[1,2,3,4],"%s":%s}' % (field, number))
        refused(answer, status, field)


@pytest.mark.parametrize("field, number", [
    ("m", "-1"), ("m", "1000000000"), ("m", '"x"'), ("ef_construct", "3"),
    ("ef_construct", "1000000000"), ("full_scan_threshold", "-1"),
    ("max_indexing_threads", "1000000000")])
def test_a_bad_graph_setting_names_its_field(engine, name, field, number):
    answer = engine.call("PUT", f"/collections/{name}",
                         '{"vectors":{"size":4,"distance":"Dot"},'
                         '"hnsw_config":{"%s":%s}}' % (field, number))
    refused(answer, answer.status, f"hnsw_config.{field}")
    assert answer.status in (400, 422)
    assert engine.call("GET", f"/collections/{name}").status == 404


def test_an_enormous_ef_is_cut(engine, collection):
    answer = query(engine, collection, query=[1, 2, 3, 4],
                   params={"hnsw_ef": 2 ** 40})
    assert [hit["id"] for hit in answer.result["points"]] == [1]


def test_empty_lists(engine, collection):
    base = f"/collections/{collection}/points"
    assert engine.call("POST", base, {"ids": []}).result == []
    assert engine.call("POST", f"{base}/query/batch",
                       {"searches": []}).result == []
    assert engine.call("POST", f"{base}/batch",
                       {"operations": []}).result == []
    assert engine.call("POST", f"{base}/delete?wait=true",
                       {"points": []}).result["status"] == "completed"
    refused(put(engine, collection, '{"batch":{"ids":[],"vectors":[]}}'), 400,
            "Empty update request")
    assert is_alive(engine)
