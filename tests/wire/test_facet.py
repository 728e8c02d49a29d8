# SPDX-License-Identifier: Apache-2.0
"""Facets and the distance matrix: what is refused, and how; test_surface.py
has the answers, beside the model."""
import pytest


@pytest.fixture
def fields(engine, name):
    engine.create(name, 2)
    for field, schema in [("k", "keyword"), ("f", "float"), ("t", "text"),
                          ("r", {"type": "integer", "lookup": False,
                                 "range": True})]:
        engine.call("PUT", f"/collections/{name}/index?wait=true",
                    {"field_name": field, "field_schema": schema})
    engine.upsert(name, [{"id": i, "vector": [1, i],
                          "payload": {"k": "v", "f": 1.5, "t": "v", "r": 1}}
                         for i in range(5)])
    return f"/collections/{name}"


@pytest.mark.parametrize("status, text, body", [
    (400, "Wrong input: No appropriate index for faceting: `f`", {"key": "f"}),
    (400, "Wrong input: No appropriate index for faceting: `t`", {"key": "t"}),
    (400, "Wrong input: No appropriate index for faceting: `r`", {"key": "r"}),
    (400, "Wrong input: No appropriate index for faceting: `x`", {"key": "x"}),
    (400, "Format error in JSON body: missing field `key` at line 1", {}),
    (400, "Format error in JSON body: key: invalid type", {"key": 1}),
    (400, "Format error in JSON body: Invalid json path: 'a..b'",
     {"key": "a..b"}),
    (400, "Format error in JSON body: limit: invalid type",
     {"key": "k", "limit": -1}),
    (422, "Validation error in JSON body: [facet_request.limit: value 0 "
          "invalid, must be 1 or larger]", {"key": "k", "limit": 0}),
    (400, "Wrong input: limit may be at most 100000",
     {"key": "k", "limit": 100001}),
    (400, "Format error in JSON body: exact: invalid type",
     {"key": "k", "exact": 1}),
    (400, "Format error in JSON body: ", {"key": "k", "filter": {"must": 1}}),
])
def test_bad_facets(engine, fields, status, text, body):
    answer = engine.call("POST", fields + "/facet", body)
    assert answer.status == status, answer
    assert answer.error.startswith(text), answer


def test_quotes_in_the_key_do_not_matter(engine, fields):
    answer = engine.call("POST", fields + "/facet", {"key": '"k"'})
    assert answer.result == {"hits": [{"value": "v", "count": 5}]}


def test_spellings_of_a_uuid_are_one_value(engine, name):
    """And many of them are counted at once, not pair by pair."""
    engine.create(name, 2)
    engine.call("PUT", f"/collections/{name}/index?wait=true",
                {"field_name": "u", "field_schema": "uuid"})
    engine.upsert(name, [{"id": i, "vector": {}, "payload": {"u": [
        f"00000000-0000-0000-0000-{i * 10 + k:012x}" for k in range(10)]}}
        for i in range(2000)])
    engine.upsert(name, [
        {"id": 10000, "vector": {}, "payload": {
            "u": "550E8400-E29B-41D4-A716-446655440000"}},
        {"id": 10001, "vector": {}, "payload": {
            "u": "550e8400e29b41d4a716446655440000"}},
        {"id": 10002, "vector": {}, "payload": {"u": "no uuid"}}])
    hits = engine.call("POST", f"/collections/{name}/facet",
                       {"key": "u", "limit": 100000}).result["hits"]
    assert hits[0] == {"value": "550e8400-e29b-41d4-a716-446655440000",
                       "count": 2}
    assert len(hits) == 20001
    # Also where only the best are asked for.
    engine.upsert(name, [{"id": 10003 + i, "vector": {}, "payload": {
        "u": "650e8400-e29b-41d4-a716-446655440000"}} for i in range(3)])
    engine.upsert(name, [{"id": 10010 + i, "vector": {}, "payload": {
        "u": "550e8400-e29b-41d4-a716-446655440000"}} for i in range(2)])
    assert engine.call("POST", f"/collections/{name}/facet", {
        "key": "u", "limit": 1}).result["hits"] == [
            {"value": "550e8400-e29b-41d4-a716-446655440000", "count": 4}]


@pytest.mark.parametrize("status, text, body", [
    (422, "Validation error in JSON body: [search_matrix_request.sample: value "
          "1 invalid, must be 2 or larger]", {"sample": 1}),
    (422, "Validation error in JSON body: [search_matrix_request.limit: value "
          "0 invalid, must be 1 or larger]", {"limit": 0}),
    (400, "Wrong input: sample may be at most 10000", {"sample": 10001}),
    (400, "Wrong input: Not existing vector name error: x", {"using": "x"}),
])
@pytest.mark.parametrize("kind", ["pairs", "offsets"])
def test_bad_matrices(engine, fields, kind, status, text, body):
    answer = engine.call("POST", f"{fields}/points/search/matrix/{kind}", body)
    assert answer.status == status, answer
    assert answer.error.startswith(text), answer


def test_an_empty_matrix(engine, fields):
    path = f"{fields}/points/search/matrix/"
    none = {"filter": {"must": [{"has_id": [1]}]}}
    assert engine.call("POST", path + "pairs", none).result == {"pairs": []}
    assert engine.call("POST", path + "offsets", none).result == {
        "offsets_row": [], "offsets_col": [], "scores": [], "ids": []}
