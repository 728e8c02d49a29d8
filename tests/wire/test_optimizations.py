# SPDX-License-Identifier: Apache-2.0
"""/collections/C/optimizations: what waits for a graph is a run that is told
while it goes on and after it."""
import datetime
import json
import os
import subprocess
import sys
import time

from client_package import installed

GRAPH = {"hnsw_config": {"full_scan_threshold": 10},
         "optimizers_config": {"indexing_threshold": 1}}


def ask(engine, name, query=""):
    return engine.call("GET",
                       f"/collections/{name}/optimizations{query}").result


def settled(engine, name):
    """The answer with everything when nothing waits any more."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = ask(engine, name, "?with=queued,completed,idle_segments")
        if not found["running"] and found["completed"]:
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def fill(engine, name, begin=0, count=5000):
    engine.upsert(name, [{"id": i, "vector": [i % 97, i % 89, i % 83, i]}
                         for i in range(begin, begin + count)])


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_a_collection_without_work(engine, name):
    engine.create(name)
    assert ask(engine, name) == {"summary": {
        "queued_optimizations": 0, "queued_segments": 0, "queued_points": 0,
        "idle_segments": 1}, "running": []}
    found = ask(engine, name, "?with=queued,completed,idle_segments")
    assert found["queued"] == [] and found["completed"] == []
    [segment] = found["idle_segments"]
    assert segment["points_count"] == 0
    # Its name stays the same.
    assert ask(engine, name, "?with=idle_segments")["idle_segments"] == [
        segment]


def test_a_run_is_told(engine, name):
    engine.create(name, 4, "Euclid", **GRAPH)
    fill(engine, name)
    found = settled(engine, name)
    run = found["completed"][-1]
    assert run["optimizer"] == "indexing" and run["status"] == "done"
    assert run["segments"][0]["uuid"] == found["idle_segments"][0]["uuid"]
    progress = run["progress"]
    assert progress["done"] == progress["total"] > 0
    assert progress["duration_sec"] >= 0
    assert moment(progress["started_at"]) <= moment(progress["finished_at"])
    assert found["idle_segments"][0]["points_count"] == 5000


def test_one_that_goes_on(engine_factory):
    """So many points that linking takes longer than asking."""
    engine = engine_factory().start()
    engine.create("c", 4, "Euclid", **{**GRAPH, "hnsw_config": {
        "full_scan_threshold": 10, "m": 64, "ef_construct": 500}})
    engine.upsert("c", [{"id": i, "vector": [i % 97, i % 89, i % 83, i]}
                        for i in range(20000)], wait=False)
    running = []
    deadline = time.monotonic() + 30
    while not running and time.monotonic() < deadline:
        running = ask(engine, "c")["running"]
    [run] = running
    assert run["status"] == "optimizing"
    assert "finished_at" not in run["progress"]
    assert run["progress"]["done"] < run["progress"]["total"]
    found = ask(engine, "c", "?with=idle_segments")
    if found["running"]:
        assert found["summary"]["idle_segments"] == 0
        assert found["idle_segments"] == []
    engine.kill()


def test_the_last_sixteen_are_kept(engine, name):
    engine.create(name, 4, "Euclid", **GRAPH)
    fill(engine, name, count=1000)
    last = settled(engine, name)["completed"][0]
    for i in range(20):
        fill(engine, name, 1000 + i, 1)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            newest = settled(engine, name)["completed"][0]
            if newest["uuid"] != last["uuid"]:
                break
        last = newest
    found = ask(engine, name, "?with=completed")["completed"]
    assert len(found) == 16
    assert len({run["uuid"] for run in found}) == 16
    starts = [moment(run["progress"]["started_at"]) for run in found]
    assert starts == sorted(starts, reverse=True)
    # A limit asks for them, too.
    assert len(ask(engine, name, "?completed_limit=3")["completed"]) == 3


def test_bad_parameters(engine, name):
    engine.create(name)
    for query, text in [
            ("with=everything", "unknown variant `everything`, expected one "
                                "of `queued`, `completed`, `idle_segments`"),
            ("completed_limit=-1", "completed_limit")]:
        answer = engine.call(
            "GET", f"/collections/{name}/optimizations?{query}")
        assert answer.status == 400, answer
        assert answer.error.startswith(
            "Deserialize error in query parameters: ") and text in answer.error
    assert engine.call("GET", "/collections/none/optimizations").status == 404


CLIENT = """
import json, sys
from qdrant_client import QdrantClient
client = QdrantClient(url=sys.argv[1], check_compatibility=False)
found = client.get_optimizations(
    sys.argv[2], completed_limit=2, with_=["queued", "idle_segments"])
print(json.dumps([len(found.completed), len(found.idle_segments),
                  found.completed[0].optimizer, found.queued,
                  found.completed[0].status]))
"""


def test_the_published_client_reads_it(engine, name):
    engine.create(name, 4, "Euclid", **GRAPH)
    fill(engine, name)
    settled(engine, name)
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, f"http://127.0.0.1:{engine.port}", name],
        capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(installed("latest"))})
    assert done.returncode == 0, done.stderr
    kept, idle, optimizer, queued, status = json.loads(done.stdout)
    assert 1 <= kept <= 2 and idle == 1
    assert (optimizer, queued, status) == ("indexing", [], "done")
