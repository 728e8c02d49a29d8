# SPDX-License-Identifier: Apache-2.0
"""The recall monitor: searches that were answered are compared with the exact
answer, and counted by collection."""
import random
import re
import time

import pytest

from frames import Peer, field

MONITOR = "QDRANT__SERVICE__RECALL_MONITOR_PERMILLE"
DIM, COUNT = 32, 3000


def recall(engine, name):
    """{"checks": n, "found": n, "expected": n}; {} where nothing was seen."""
    text = engine.call("GET", "/metrics").text
    return {what: int(value) for what, value in re.findall(
        rf'^collection_recall_(\w+)_total{{id="{name}"}} (\d+)$', text, re.M)}


def until(engine, name, checks, ask):
    """Asks until so many were checked."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ask()
        seen = recall(engine, name)
        if seen.get("checks", 0) >= checks:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"only {recall(engine, name)} was checked")


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    from azimuthd import Engine
    engine = Engine(tmp_path_factory.mktemp("watched"),
                    environment={MONITOR: "1000"}).start()
    numbers = random.Random(1)
    for name in ("a", "b", "c"):
        engine.call("PUT", f"/collections/{name}", {
            "vectors": {"size": DIM, "distance": "Cosine"},
            "optimizers_config": {"indexing_threshold": 1}}).result
    engine.upsert("a", [
        {"id": n, "vector": [numbers.gauss(0, 1) for _ in range(DIM)],
         "payload": {"n": n % 7}} for n in range(COUNT)])
    engine.upsert("b", [{"id": n, "vector": [1 + n % 3] * DIM}
                        for n in range(50)])
    engine.wait_green("a")
    yield engine
    assert engine.stop() == 0


def query(engine, name="a", **more):
    vector = [random.gauss(0, 1) for _ in range(DIM)]
    engine.call("POST", f"/collections/{name}/points/query",
                {"query": vector, "limit": 10, **more}).result


def test_searches_are_compared_with_the_exact_answer(watched):
    seen = until(watched, "a", 5, lambda: query(watched))
    assert seen["expected"] == 10 * seen["checks"]
    assert 0.8 * seen["expected"] <= seen["found"] <= seen["expected"]
    assert recall(watched, "c") == {}


def test_filters_and_points_by_id_too(watched):
    before = recall(watched, "a").get("checks", 0)
    until(watched, "a", before + 2, lambda: query(
        watched, filter={"must": [{"key": "n", "match": {"value": 3}}]}))
    before = recall(watched, "a")["checks"]
    until(watched, "a", before + 2, lambda: watched.call(
        "POST", "/collections/a/points/query", {"query": 7}))


def test_grpc_too(watched):
    before = recall(watched, "a").get("checks", 0)
    # SearchPoints: collection_name 1, vector 2 (packed floats), limit 4.
    import struct
    message = (field(1, b"a") + field(2, struct.pack(f"<{DIM}f", *range(DIM))) +
               b"\x20\x05")
    with Peer(watched.grpc_port) as peer:
        until(watched, "a", before + 2,
              lambda: peer.call("/qdrant.Points/Search", message))


def test_equal_points_are_as_good_as_each_other(watched):
    seen = until(watched, "b", 3, lambda: query(watched, "b"))
    assert seen["found"] == seen["expected"]


def test_what_is_exact_anyway_is_not_compared(watched):
    time.sleep(0.5)
    before = recall(watched, "a")
    for _ in range(20):
        query(watched, params={"exact": True})
        watched.call("POST", "/collections/a/points/scroll", {"limit": 1})
        time.sleep(0.02)
    time.sleep(0.3)
    # One that was kept before may have come through.
    assert recall(watched, "a").get("checks", 0) <= before["checks"] + 1


def test_a_deleted_collection_is_gone(watched):
    until(watched, "b", 1, lambda: query(watched, "b"))
    watched.call("DELETE", "/collections/b")
    assert recall(watched, "b") == {}


def test_off(engine_factory):
    engine = engine_factory(environment={MONITOR: "0"}).start()
    engine.create("a", 2)
    engine.upsert("a", [{"id": 1, "vector": [1, 2]}])
    for _ in range(20):
        engine.call("POST", "/collections/a/points/query",
                    {"query": [1, 2]}).result
    assert "collection_recall" not in engine.call("GET", "/metrics").text
