# SPDX-License-Identifier: Apache-2.0
"""Payload indexes made in the background: acknowledged at once, seen in the
collection's info, right beside writes, finished after a kill."""
import time

import pytest

POINTS = 30000
FIELDS = [(f"number-{i}", "integer") for i in range(4)] + [
    (f"word-{i}", "keyword") for i in range(4)] + [("text", "text")]


def payload(i):
    return {**{f"number-{k}": i % (10 + k) for k in range(4)},
            **{f"word-{k}": f"w{i % (20 + k)}" for k in range(4)},
            "text": f"some text of {i}", "filling": "x" * 200}


def fill(engine, name, first=0, last=POINTS):
    for begin in range(first, last, 5000):
        engine.call("PUT", f"/collections/{name}/points?wait=true", {
            "points": [{"id": i, "vector": {}, "payload": payload(i)}
                       for i in range(begin, min(begin + 5000, last))]}).result


def make(engine, name, **more):
    engine.call("PUT", f"/collections/{name}", {"vectors": {}, **more}).result
    fill(engine, name)


def ask(engine, name, field, schema, wait="false"):
    return engine.call("PUT", f"/collections/{name}/index?wait={wait}",
                       {"field_name": field, "field_schema": schema}).result


def info(engine, name):
    return engine.call("GET", f"/collections/{name}").result


def wait_green(engine, name):
    end = time.monotonic() + 120
    while info(engine, name)["status"] != "green":
        assert time.monotonic() < end, info(engine, name)
        time.sleep(0.02)
    return info(engine, name)["payload_schema"]


def count(engine, name, key, **condition):
    return engine.call("POST", f"/collections/{name}/points/count", {
        "filter": {"must": [{"key": key, **condition}]},
        "exact": True}).result["count"]


@pytest.mark.parametrize("on_disk", [True, False])
def test_an_index_is_acknowledged_and_seen_before_it_is_whole(
        engine, name, on_disk):
    make(engine, name, on_disk_payload=on_disk)
    operations = []
    for field, schema in FIELDS:
        answer = ask(engine, name, field, schema)
        assert answer["status"] == "acknowledged"
        operations.append(answer["operation_id"])
        seen = info(engine, name)["payload_schema"][field]
        assert seen["data_type"] == schema and 0 <= seen["points"] <= POINTS
        assert count(engine, name, "number-0", match={"value": 3}) == (
            POINTS // 10)
    assert operations == sorted(set(operations))
    schema = wait_green(engine, name)
    assert {f: s["points"] for f, s in schema.items()} == {
        field: POINTS for field, _ in FIELDS}
    assert count(engine, name, "number-3", match={"value": 3}) == len(
        range(3, POINTS, 13))
    assert count(engine, name, "word-3", match={"value": "w5"}) == len(
        range(5, POINTS, 23))


def test_with_wait_it_is_there_when_the_call_returns(engine, name):
    make(engine, name)
    ask(engine, name, "word-1", "keyword")
    answer = ask(engine, name, "number-1", "integer", wait="true")
    assert answer["status"] == "completed"
    assert info(engine, name)["payload_schema"]["number-1"] == {
        "data_type": "integer", "points": POINTS}
    # The one that is asked for again is waited for.
    assert ask(engine, name, "word-1", "keyword", wait="true")[
        "status"] == "completed"
    assert info(engine, name)["payload_schema"]["word-1"]["points"] == POINTS


def test_changes_beside_it_are_in_it(engine, name):
    make(engine, name)
    for field, schema in FIELDS:
        ask(engine, name, field, schema)
    for begin in range(0, POINTS, 3000):
        engine.call("POST", f"/collections/{name}/points/delete?wait=true", {
            "points": list(range(begin, begin + 1000))}).result
        engine.call("POST", f"/collections/{name}/points/payload?wait=true", {
            "payload": {"number-2": 77, "word-2": "changed"},
            "points": list(range(begin + 1000, begin + 2000))}).result
    fill(engine, name, POINTS, POINTS + 5000)
    schema = wait_green(engine, name)
    left = POINTS * 2 // 3 + 5000
    assert {s["points"] for s in schema.values()} == {left}
    assert count(engine, name, "number-2", match={"value": 77}) == POINTS // 3
    assert count(engine, name, "number-2", range={"lt": 77}) == (
        left - POINTS // 3)
    assert count(engine, name, "word-2", match={"value": "changed"}) == (
        POINTS // 3)


def test_one_that_is_dropped_or_replaced_before_it_is_whole(engine, name):
    make(engine, name)
    for field, schema in FIELDS:
        ask(engine, name, field, schema)
    engine.call("DELETE", f"/collections/{name}/index/text?wait=true").result
    assert "text" not in info(engine, name)["payload_schema"]
    ask(engine, name, "number-3", "float")
    ask(engine, name, "number-3", "keyword")
    schema = wait_green(engine, name)
    assert "text" not in schema
    assert schema["number-3"] == {"data_type": "keyword", "points": 0}
    assert count(engine, name, "number-3", match={"value": 3}) == len(
        range(3, POINTS, 13))
    ask(engine, name, "text", "text", wait="true")
    assert wait_green(engine, name)["text"]["points"] == POINTS


def test_a_kill_in_the_middle_is_made_up_for(engine_factory):
    engine = engine_factory().start()
    make(engine, "c")
    ask(engine, "c", "word-0", {"type": "keyword", "is_tenant": True})
    for field, schema in FIELDS[:-1]:
        if field != "word-0":
            ask(engine, "c", field, schema)
    ask(engine, "c", "text", "text")
    engine.call("DELETE", "/collections/c/index/number-0?wait=false").result
    engine.kill()
    engine.start()
    schema = wait_green(engine, "c")
    assert schema["word-0"] == {
        "data_type": "keyword", "points": POINTS,
        "params": {"type": "keyword", "is_tenant": True}}
    assert set(schema) == {field for field, _ in FIELDS} - {"number-0"}
    assert {s["points"] for s in schema.values()} == {POINTS}
    assert count(engine, "c", "word-1", match={"value": "w5"}) == len(
        range(5, POINTS, 21))
    assert engine.stop() == 0
    engine.start()
    assert wait_green(engine, "c") == schema
