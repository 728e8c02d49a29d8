# SPDX-License-Identifier: Apache-2.0
"""`?explain=true` and the log of slow queries: what they tell, that they tell
no values, and that answers are as ever when nobody asks."""
import re

import pytest

POINTS = 3000


@pytest.fixture
def filled(engine_factory):
    """An engine that logs each query, with a collection `c`."""
    engine = engine_factory(
        environment={"QDRANT__SERVICE__SLOW_QUERY_MS": "1"})
    engine.start()
    engine.create("c", 4)
    engine.upsert("c", [
        {"id": i, "vector": [1.0, i % 7, i % 11, 1.0],
         "payload": {"n": i, "bare": f"secret-{i % 3}"}}
        for i in range(POINTS)])
    engine.call("PUT", "/collections/c/index?wait=true",
                {"field_name": "n", "field_schema": "integer"})
    return engine


def explain(engine, filter, path="query?explain=true"):
    body = {"query": [1.0, 2.0, 3.0, 4.0], "limit": 3}
    if filter is not None:
        body["filter"] = filter
    reply = engine.call("POST", f"/collections/c/points/{path}", body)
    assert reply.status == 200
    return reply.json


def below(bound):
    return {"must": [{"key": "n", "range": {"lt": bound}}]}


def test_indexed_filter_is_explained_exactly(filled):
    first, = explain(filled, below(50))["explain"]
    assert first["plan"] in ("scan", "scan_codes")
    assert first["estimate"] == {"min": 50, "expected": 50, "max": 50}
    assert first["candidates"] == 50 and first["scored"] == 50
    assert first["fields_without_index"] == []
    assert not first["cached"]
    again, = explain(filled, below(50))["explain"]
    assert again["cached"] and again["candidates"] == 50
    filled.upsert("c", [{"id": POINTS, "vector": [1, 2, 3, 4],
                         "payload": {"n": 7}}])
    changed, = explain(filled, below(50))["explain"]
    assert not changed["cached"] and changed["candidates"] == 51


def told(engine, *must, **clauses):
    return explain(engine, {"must": list(must), **clauses})["explain"][0]


def exactly(count):
    return {"min": count, "expected": count, "max": count}


def test_vectors_and_counts_are_planned_exactly(filled):
    """No payload is read for them; what is changed counts at once."""
    counted = {"key": "n", "values_count": {"gte": 1}}
    plan = told(filled, {"has_vector": ""}, counted)
    assert plan["estimate"] == exactly(POINTS)
    filled.upsert("c", [{"id": 5, "vector": {}, "payload": {"n": 5}},
                        {"id": 6, "vector": [1, 1, 1, 1]}])
    plan = told(filled, {"has_vector": ""})
    assert plan["estimate"] == exactly(POINTS - 1)
    plan = told(filled, must_not=[{"has_vector": ""}])
    assert plan["estimate"] == exactly(1)
    plan = told(filled, {"has_vector": "none"})
    assert plan["plan"] == "nothing"
    plan = told(filled, counted)
    assert plan["estimate"] == exactly(POINTS - 1)
    plan = told(filled, {"key": "n", "values_count": {"lt": 1}})
    assert plan["estimate"] == exactly(1)
    assert plan["fields_without_index"] == []
    assert plan["payloads_tested"] == 0


def test_a_slice_is_expected_to_be_as_small_as_it_is(filled):
    plan = told(filled, {"slice": {"total": 100, "index": 3}})
    assert plan["estimate"]["expected"] == POINTS // 100


def test_an_index_bounds_nested_filters(filled):
    filled.upsert("c", [
        {"id": i, "vector": [1, 1, 1, 1],
         "payload": {"l": [{"k": "a" if i < 30 else "b", "v": i},
                           {"k": "c", "v": 1}]}} for i in range(200)])
    filled.call("PUT", "/collections/c/index?wait=true",
                {"field_name": "l[].k", "field_schema": "keyword"})
    inner = {"must": [{"key": "k", "match": {"value": "a"}},
                      {"key": "v", "range": {"lt": 10}}]}
    plan = told(filled, {"nested": {"key": "l", "filter": inner}})
    assert plan["candidates"] == 30
    assert plan["estimate"]["max"] == 30
    hits = explain(filled, {"must": [{"nested": {"key": "l",
                                                 "filter": inner}}]})
    assert all(hit["id"] < 10 for hit in hits["result"]["points"])


def test_field_without_index_is_named(filled):
    filter = {"must": [{"key": "bare", "match": {"value": "secret-1"}}]}
    plan, = explain(filled, filter)["explain"]
    assert plan["fields_without_index"] == ["bare"]
    assert plan["payloads_tested"] > 0


def test_a_sparse_search_is_explained_like_others(filled):
    filled.call("PUT", "/collections/s", {"sparse_vectors": {"t": {}}}).result
    filled.upsert("s", [
        {"id": i, "vector": {"t": {"indices": [1, i + 2], "values": [1, 1]}},
         "payload": {"bare": f"secret-{i % 3}"}} for i in range(100)])
    reply = filled.call("POST", "/collections/s/points/query?explain=true", {
        "query": {"indices": [1], "values": [1]}, "using": "t", "limit": 3,
        "filter": {"must": [{"key": "bare", "match": {"value": "secret-1"}}]}})
    told, = reply.json["explain"]
    assert told["plan"] == "scan" and told["scored"] == 100
    assert told["fields_without_index"] == ["bare"]
    assert told["payloads_tested"] > 0


@pytest.mark.parametrize("is_sparse", [False, True])
def test_rare_matches_without_index_are_all_found(engine, name, is_sparse):
    """Those far from the query, too: payloads are not tested one by one until
    the end, and the next search with this filter need not test any."""
    count = 4000
    vectors = ({"sparse_vectors": {"v": {}}} if is_sparse
               else {"vectors": {"v": {"size": 2, "distance": "Dot"}}})
    engine.call("PUT", f"/collections/{name}", vectors).result

    def vector(i):
        value = float(count - i)
        return ({"indices": [1], "values": [value]} if is_sparse
                else [value, 1.0])
    for begin in range(0, count, 1000):
        engine.upsert(name, [
            {"id": i, "vector": {"v": vector(i)},
             "payload": {"n": i, "kind": i // 3990}}
            for i in range(begin, begin + 1000)])
    search = {"query": vector(count - 1), "using": "v", "limit": 20,
              "filter": {"must": [{"key": "kind", "match": {"value": 1}}]}}
    for _ in range(2):
        reply = engine.call(
            "POST", f"/collections/{name}/points/query?explain=true", search)
        told, = reply.json["explain"]
        ids = [hit["id"] for hit in reply.result["points"]]
        assert ids == list(range(3990, 4000)), told
    assert told["cached"] and told["payloads_tested"] == 0


def test_nothing_matches(filled):
    told, = explain(filled, below(-1))["explain"]
    assert told["plan"] == "nothing" and told["candidates"] == 0


def test_batch_has_an_explanation_for_each(filled):
    query = {"query": [1.0, 2.0, 3.0, 4.0], "limit": 1}
    reply = filled.call("POST",
                        "/collections/c/points/query/batch?explain=true",
                        {"searches": [query, {**query, "filter": below(5)}]})
    assert [told["candidates"] for told in reply.json["explain"]] == [
        POINTS, 5]


def test_answers_are_as_ever_when_nobody_asks(filled):
    assert "explain" not in explain(filled, below(5), "query")
    assert "explain" not in explain(filled, below(5), "query?explain=false")
    bad = filled.call("POST", "/collections/c/points/query?explain=maybe",
                      {"query": [1.0, 2.0, 3.0, 4.0]})
    assert bad.status == 400


def test_slow_queries_are_logged_without_values(filled):
    # Long enough on any machine: all payloads of many searches.
    searches = [{"query": [1.0, 2.0, 3.0, 4.0], "limit": 3, "filter": {
        "must": [{"key": "bare", "match": {"value": f"secret-{i}"}}]}}
        for i in range(100)]
    filled.call("POST", "/collections/c/points/query/batch",
                {"searches": searches})
    log = filled.log()
    assert "slow query" in log and "collection c," in log
    assert re.search(r"plan \w+( and a scan)?, matches \d+ to \d+, candidates "
                     r"\d+( \(cached\))?, payloads tested \d+, scored \d+, "
                     r"looked through \d+, rescored \d+, waiting \d+, expected "
                     r"\d+ us, planned in \d+ us, searched in \d+ us", log)
    assert "field without index bare: a payload index would help" in log
    assert "secret" not in log
