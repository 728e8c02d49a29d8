# SPDX-License-Identifier: Apache-2.0
"""/issues: fields without an index that slow reads were filtered by, with what
would help, until there is such an index, or the collection or the list goes."""
import calendar
import time

import pytest

POINTS = 20000


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """For it a read is slow after a millisecond."""
    from azimuthd import Engine
    engine = Engine(tmp_path_factory.mktemp("issues"),
                    more_config="  slow_query_ms: 1\n").start()
    for name in ("c", "d e"):
        engine.create(name.replace(" ", "%20"), 2, "Dot")
        for begin in range(0, POINTS, 5000):
            engine.upsert(name.replace(" ", "%20"), [
                {"id": i, "vector": [i, 1], "payload": {
                    "a": str(i), "n": {"m": [{"k": i}]}, "b": "x" * 50}}
                for i in range(begin, begin + 5000)])
    yield engine
    assert engine.stop() == 0, engine.log()


@pytest.fixture(autouse=True)
def empty(slow):
    assert slow.call("DELETE", "/issues").result is True
    assert slow.call("GET", "/issues").result == {"issues": []}


def count(engine, condition, name="c"):
    answer = engine.call("POST", f"/collections/{name}/points/count",
                         {"filter": {"must": [condition]}})
    assert answer.status == 200


def issues(engine):
    found = engine.call("GET", "/issues").result["issues"]
    for issue in found:
        at = time.strptime(issue.pop("timestamp"), "%Y-%m-%dT%H:%M:%SZ")
        assert abs(time.time() - calendar.timegm(at)) < 60
    return {issue["id"]: issue for issue in found}


def test_a_field_and_what_would_help(slow):
    for _ in range(2):
        count(slow, {"key": "a", "match": {"value": "7"}})
    assert issues(slow) == {"UNINDEXED_FIELD/c/a": {
        "id": "UNINDEXED_FIELD/c/a",
        "description": "Unindexed field 'a' might be slowing queries down in "
                       "collection 'c'",
        "related_collection": "c",
        "solution": {"immediate": {
            "message": "Create an index on field 'a' of schema \"keyword\" in "
                       "collection 'c'.",
            "action": {"method": "PUT", "uri": "/collections/c/index",
                       "headers": {"content-type": "application/json"},
                       "body": {"field_name": "a",
                                "field_schema": "keyword"}}}}}}


def test_the_advice_solves_it(slow):
    count(slow, {"key": "b", "match": {"value": "7"}}, "d%20e")
    [issue] = issues(slow).values()
    action = issue["solution"]["immediate"]["action"]
    assert action["uri"] == "/collections/d%20e/index"
    assert slow.call(action["method"], action["uri"] + "?wait=true",
                     action["body"], action["headers"]).status == 200
    assert issues(slow) == {}


def test_choices_and_nested_fields(slow):
    count(slow, {"key": "a", "range": {"gt": 1}})
    count(slow, {"nested": {"key": "n.m", "filter": {"must": [
        {"key": "k", "match": {"value": 3}}]}}})
    found = issues(slow)
    assert set(found) == {"UNINDEXED_FIELD/c/a", "UNINDEXED_FIELD/c/n.m[].k"}
    assert [choice["action"]["body"]["field_schema"] for choice in
            found["UNINDEXED_FIELD/c/a"]["solution"]["immediate_choice"]] == \
        ["integer", "float"]


@pytest.mark.parametrize("route, body", [
    ("query", {"query": [1, 0]}), ("search", {"vector": [1, 0], "limit": 3}),
    ("query/groups", {"query": [1, 0], "group_by": "b"}), ("scroll", {})])
def test_every_read_that_filters(slow, route, body):
    answer = slow.call("POST", f"/collections/c/points/{route}", {
        **body, "filter": {"must": [  # another each time: none is kept
            {"key": "a", "match": {"text": f"none for {route}"}}]}})
    assert answer.status == 200
    assert list(issues(slow)) == ["UNINDEXED_FIELD/c/a"]


def test_what_is_quick_or_needs_none_is_no_issue(slow, engine, name):
    count(slow, {"has_id": list(range(POINTS))})
    assert issues(slow) == {}
    # With the default only what takes more than a second is slow.
    engine.create(name, 2)
    engine.upsert(name, [{"id": 1, "vector": [1, 2], "payload": {"a": 1}}])
    engine.call("POST", f"/collections/{name}/points/count",
                {"filter": {"must": [{"key": "a", "match": {"value": 1}}]}})
    assert engine.call("GET", "/issues").result == {"issues": []}


def test_it_goes_with_its_collection(slow):
    slow.create("gone", 2, "Dot")
    slow.upsert("gone", [{"id": i, "vector": [i, 1], "payload": {
        "b": "x" * 50}} for i in range(5000)])
    for _ in range(20):
        count(slow, {"key": "b", "match": {"text": "xy"}}, "gone")
        if issues(slow):
            break
    assert list(issues(slow)) == ["UNINDEXED_FIELD/gone/b"]
    slow.call("DELETE", "/collections/gone")
    assert issues(slow) == {}
