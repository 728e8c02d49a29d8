# SPDX-License-Identifier: Apache-2.0
"""Sparse indexes whose lists lie in a file: the same answers as those in memory,
before and after changes, a stop and a kill; less memory; a PATCH moves them at
once, while searches go on."""
import os
import random
import re
import threading
import time

import pytest

POINTS = 20000
INDICES = 3000
PLACES = {"a": {"memory": "pinned"}, "b": {"on_disk": True},
          "c": {"memory": "cached"},
          "d": {"memory": "cold", "datatype": "float16"},
          "e": {"datatype": "float16"}}
SAME = (("a", "b", "c"), ("d", "e"))


def vector(seed, entries=40):
    dice = random.Random(seed)
    indices = sorted({int(INDICES ** dice.random()) for _ in range(entries)})
    return {"indices": indices,
            "values": [dice.uniform(0.01, 4) for _ in indices]}


def fill(engine, name, first, last, shift=0):
    for begin in range(first, last, 2500):
        engine.upsert(name, [
            {"id": i, "vector": {"s": vector(i + shift)}}
            for i in range(begin, min(begin + 2500, last))])


def make(engine, name, index, points=POINTS):
    engine.call("PUT", f"/collections/{name}", {
        "sparse_vectors": {"s": {"modifier": "idf", "index": index}}}).result
    fill(engine, name, 0, points)


def patch(engine, name, index):
    engine.call("PATCH", f"/collections/{name}", {
        "sparse_vectors": {"s": {"index": index}}}).result


def hits(engine, name, seed):
    body = {"query": vector(seed, 12), "using": "s", "limit": 20}
    if seed % 3 == 0:
        body["filter"] = {"must": [{"has_id": list(range(0, POINTS, 3))}]}
    found = engine.call("POST", f"/collections/{name}/points/query",
                        body).result["points"]
    assert found, body
    return [(hit["id"], hit["score"]) for hit in found]


def assert_same(engine, seed):
    for names in SAME:
        for i in range(15):
            first, *others = [hits(engine, name, seed * 100 + i)
                              for name in names]
            for other in others:
                assert [score for _, score in other] == pytest.approx(
                    [score for _, score in first], rel=1e-4)
                assert sum(a[0] != b[0] for a, b in zip(first, other)) <= 2


def change(engine, name):
    engine.call("POST", f"/collections/{name}/points/delete?wait=true", {
        "points": list(range(0, POINTS, 3))}).result
    fill(engine, name, 1000, 4000, shift=10**6)
    fill(engine, name, POINTS, POINTS + 6000)


def usage(engine, name):
    memory = engine.call("GET", f"/collections/{name}/memory").result
    return memory["sparse_vectors"][0]["index"]


def wait_green(engine, name):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if engine.call("GET", f"/collections/{name}").result[
                "status"] == "green":
            return
        time.sleep(0.02)
    raise AssertionError("the collection did not become green")


def anonymous(engine):
    text = open(f"/proc/{engine.process.pid}/status").read()
    return int(re.search(r"RssAnon:\s+(\d+)", text).group(1)) * 1024


def test_answers_are_those_of_memory_whatever_happens(engine_factory):
    engine = engine_factory().start()
    for name, index in PLACES.items():
        make(engine, name, index)
    assert_same(engine, 1)
    for name in PLACES:
        change(engine, name)
    assert_same(engine, 2)
    engine.stop()
    engine.start()
    assert_same(engine, 3)
    engine.kill()
    engine.start()
    assert_same(engine, 4)
    for name, index in PLACES.items():
        is_on_disk = index.get("memory", "cold" if "on_disk" in index
                               else "pinned") != "pinned"
        assert (usage(engine, name)["disk_bytes"] > 0) == is_on_disk
    # Nothing of it has a name on the disk.
    left = [file for _, _, files in os.walk(engine.folder)
            for file in files if file.startswith("payload-index")]
    assert left == []


def test_a_patch_moves_it_at_once(engine, name):
    make(engine, name, {})
    wanted = [hits(engine, name, seed) for seed in range(5)]
    pinned = usage(engine, name)
    assert pinned["disk_bytes"] == 0
    failures, is_over = [], threading.Event()

    def read():
        while not is_over.is_set():
            for seed, answer in enumerate(wanted):
                if hits(engine, name, seed) != answer:
                    failures.append(seed)
                    return

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for change, is_on_disk in (
                ({"on_disk": True}, True), ({"on_disk": False}, False),
                ({"memory": "cold"}, True), ({"memory": "cached"}, True),
                ({"on_disk": True}, True), ({"memory": "pinned"}, False)):
            patch(engine, name, change)
            wait_green(engine, name)
            now = usage(engine, name)
            assert (now["disk_bytes"] > 0) == is_on_disk, change
            if is_on_disk:
                assert now["ram_bytes"] < 0.6 * pinned["ram_bytes"], change
            else:
                assert now["ram_bytes"] < 1.1 * pinned["ram_bytes"], change
    finally:
        is_over.set()
        reader.join()
    assert failures == []
    assert engine.call("GET", f"/collections/{name}").result["config"][
        "params"]["sparse_vectors"]["s"]["index"] == {
            "on_disk": True, "memory": "pinned"}


def test_memory_falls(engine_factory):
    """What the lists take is no longer the process's own memory."""
    grown = {}
    for on_disk in (False, True):
        engine = engine_factory().start()
        before = anonymous(engine)
        make(engine, "c", {"on_disk": on_disk}, 5 * 4096 + 1)
        engine.stop()
        engine.start()
        time.sleep(0.5)
        grown[on_disk] = anonymous(engine) - before
        engine.stop()
    size = (5 * 4096) * 33 * 6  # entries, of a number and a weight
    assert grown[False] - grown[True] > 0.5 * size, (grown, size)


def test_a_name_added_later_has_its_place(engine, name):
    make(engine, name, {"on_disk": True}, 100)
    engine.call("PUT", f"/collections/{name}/vectors/later", {
        "sparse": {"modifier": "none"}}).result
    engine.call("PATCH", f"/collections/{name}", {
        "sparse_vectors": {"later": {"index": {"on_disk": True}}}}).result
    for begin in range(0, 6000, 3000):
        engine.upsert(name, [{"id": i, "vector": {"later": vector(i)}}
                             for i in range(begin, begin + 3000)])
    memory = engine.call("GET", f"/collections/{name}/memory").result
    used = {one["name"]: one["index"] for one in memory["sparse_vectors"]}
    assert used["later"]["disk_bytes"] > 0
    assert used["s"]["disk_bytes"] == 0  # all is in the tail
