# SPDX-License-Identifier: Apache-2.0
"""Payload indexes whose values lie in a file: the same answers as those in
memory, before and after changes, a stop and a kill; less memory; switched by
making them again."""
import os
import random
import re
import time

POINTS = 8000
WORDS = [f"word{i}" for i in range(3000)]
FIELDS = {
    "keyword": "keyword", "few": "keyword", "integer": "integer",
    "numbers": "integer", "float": "float", "flag": "bool",
    "moment": "datetime", "place": "geo", "text": "text", "uuid": "uuid"}


def payload(i):
    dice = random.Random(i)
    made = {
        "keyword": f"value {dice.randrange(POINTS)} {'x' * 40}",
        "few": [f"f{dice.randrange(9)}" for _ in range(dice.randrange(4))],
        "integer": dice.randrange(-5000, 5000),
        "numbers": [dice.randrange(1000) for _ in range(dice.randrange(5))],
        "float": dice.random() * 100,
        "flag": dice.random() < 0.3,
        "moment": f"20{dice.randrange(10, 30)}-0{dice.randrange(1, 9)}-01",
        "place": {"lon": dice.uniform(-180, 180),
                  "lat": dice.uniform(-90, 90)},
        "text": " ".join(dice.choices(WORDS, k=20)),
        "uuid": f"{dice.getrandbits(128):032x}",
    }
    if dice.random() < 0.1:
        made[dice.choice(list(made))] = dice.choice([None, "other", 7, []])
    return made


def fill(engine, name, first, last):
    for begin in range(first, last, 2500):
        engine.call("PUT", f"/collections/{name}/points?wait=true", {
            "points": [{"id": i, "vector": {}, "payload": payload(i)}
                       for i in range(begin, min(begin + 2500, last))]}).result


def make(engine, name, params):
    engine.call("PUT", f"/collections/{name}", {"vectors": {}}).result
    fill(engine, name, 0, POINTS)
    index(engine, name, params)


def index(engine, name, params):
    for field, kind in FIELDS.items():
        engine.call("PUT", f"/collections/{name}/index?wait=true", {
            "field_name": field,
            "field_schema": {"type": kind, **params}}).result


def filters(dice):
    sample = payload(dice.randrange(POINTS))
    low = dice.randrange(-6000, 5000)
    text = " ".join(dice.choices(WORDS, k=2))
    yield {"key": "keyword", "match": {"value": str(sample["keyword"])}}
    yield {"key": "few", "match": {"any": ["f1", "f7"]}}
    yield {"key": "few", "match": {"except": [f"f{dice.randrange(9)}"]}}
    yield {"key": "integer", "range": {"gte": low, "lt": low + 900}}
    yield {"key": "integer", "match": {"value": low}}
    yield {"key": "numbers", "range": {"gt": low % 1000, "lte": 990}}
    yield {"key": "float", "range": {"gte": dice.random() * 100}}
    yield {"key": "flag", "match": {"value": dice.random() < 0.5}}
    yield {"key": "moment", "range": {"gte": f"20{dice.randrange(10, 30)}-05-01"}}
    yield {"key": "place", "geo_radius": {
        "center": {"lon": 10, "lat": 50}, "radius": dice.uniform(1e5, 5e6)}}
    yield {"key": "text", "match": {"text": text}}
    yield {"key": "text", "match": {"text_any": text}}
    yield {"key": "uuid", "match": {"value": str(sample["uuid"])}}
    yield {"is_empty": {"key": dice.choice(list(FIELDS))}}
    yield {"is_null": {"key": dice.choice(list(FIELDS))}}


def ids(engine, name, wanted):
    found = engine.call("POST", f"/collections/{name}/points/scroll", {
        "filter": wanted, "limit": 2 * POINTS, "with_payload": False}).result
    return [point["id"] for point in found["points"]]


def assert_same(engine, seed, names):
    dice = random.Random(seed)
    for _ in range(4):
        conditions = list(filters(dice))
        asked = [{"must": [one]} for one in conditions]
        asked += [{"must": dice.sample(conditions, 2),
                   "must_not": dice.sample(conditions, 1)} for _ in range(4)]
        for one in asked:
            answers = [ids(engine, name, one) for name in names]
            assert all(a == answers[0] for a in answers), one
    for field in ("few", "keyword", "integer"):
        counts = [engine.call("POST", f"/collections/{name}/facet", {
            "key": field, "limit": 50, "exact": True,
            "filter": {"must": [{"key": "flag", "match": {"value": True}}]},
        }).result for name in names]
        assert all(c == counts[0] for c in counts), field
    pages = [[p["id"] for p in engine.call(
        "POST", f"/collections/{name}/points/scroll",
        {"order_by": {"key": "integer"}, "limit": 300}).result["points"]]
        for name in names]
    assert all(page == pages[0] for page in pages)


def change(engine, name):
    engine.call("POST", f"/collections/{name}/points/delete?wait=true", {
        "points": list(range(0, POINTS, 7))}).result
    engine.call("POST", f"/collections/{name}/points/payload?wait=true", {
        "payload": {"few": ["f1", "new"], "integer": 77, "text": WORDS[5]},
        "points": list(range(1, POINTS, 7))}).result
    fill(engine, name, POINTS, POINTS + 3000)


def anonymous(engine):
    text = open(f"/proc/{engine.process.pid}/status").read()
    return int(re.search(r"RssAnon:\s+(\d+)", text).group(1)) * 1024


def test_answers_are_those_of_memory_whatever_happens(engine_factory):
    engine = engine_factory().start()
    places = {"a": {"memory": "pinned"}, "b": {"on_disk": True},
              "c": {"memory": "cached"}}
    for name, params in places.items():
        make(engine, name, params)
    names = list(places)
    assert_same(engine, 1, names)
    for name in names:
        change(engine, name)
    assert_same(engine, 2, names)
    engine.stop()
    engine.start()
    assert_same(engine, 3, names)
    engine.kill()
    engine.start()
    assert_same(engine, 4, names)
    for name in names:
        change(engine, name)
    assert_same(engine, 5, names)
    # Nothing of it has a name on the disk.
    left = [file for _, _, files in os.walk(engine.folder)
            for file in files if file.startswith("payload-index")]
    assert left == []


def test_making_it_again_switches(engine, name):
    engine.call("PUT", f"/collections/{name}", {"vectors": {}}).result
    fill(engine, name, 0, 5000)
    one = {"must": [{"key": "integer", "range": {"gte": 0}}]}
    wanted = ids(engine, name, one)
    for params in ({}, {"on_disk": True}, {"memory": "pinned"},
                   {"on_disk": True, "memory": "cached"}, {"on_disk": False},
                   {"memory": "cold"}):
        index(engine, name, params)
        schema = engine.call("GET", f"/collections/{name}").result[
            "payload_schema"]["integer"]
        assert {k: v for k, v in schema.get("params", {}).items()
                if k != "type"} == params
        assert ids(engine, name, one) == wanted
        is_on_disk = (params.get("memory", "cold" if params.get("on_disk")
                                 else "pinned") != "pinned")
        used = disk_of(engine, name)
        assert (used > 0) == is_on_disk, (params, used)


def disk_of(engine, name):
    used = engine.call("GET", f"/collections/{name}/memory").result
    return sum(one["usage"]["disk_bytes"] for one in used["payload_index"])


def test_memory_falls(engine_factory):
    """What the values take is no longer the process's own memory."""
    grown = {}
    for on_disk in (False, True):
        engine = engine_factory().start()
        engine.call("PUT", "/collections/c", {"vectors": {}}).result
        fill(engine, "c", 0, POINTS)
        engine.stop()
        engine.start()
        before = anonymous(engine)
        index(engine, "c", {"on_disk": on_disk})
        engine.stop()
        engine.start()
        time.sleep(0.5)
        grown[on_disk] = anonymous(engine) - before
        engine.stop()
    assert grown[True] < grown[False] / 2, grown
