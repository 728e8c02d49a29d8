# SPDX-License-Identifier: Apache-2.0
"""kill -9 in the middle of upserts and deletes, again and again on one storage:
after each restart every acknowledged point is there with its payload and
vector, and search works at once."""
import json
import os
import random
import signal
import time

import writer

RUNS = int(os.environ.get("AZIMUTH_CRASH_RUNS", "100"))
WRITERS = 3
NAME = "crash"


def start_writers(engine, state):
    writers = [writer.Writer(engine, NAME, 1 + i, WRITERS, state)
               for i in range(WRITERS)]
    for thread in writers:
        thread.start()
    return writers


def end_writers(writers):
    for thread in writers:
        thread.join(60)
        assert not thread.is_alive()
        assert not isinstance(thread.failed, AssertionError), thread.failed
    return sum(thread.acknowledged for thread in writers)


def test_no_acknowledged_point_is_lost(engine_factory):
    engine = engine_factory().start()
    # A graph, so that checkpoints and linking are under way as well.
    engine.create(NAME, writer.DIM, "Euclid",
                  hnsw_config={"full_scan_threshold": 10, "m": 8,
                               "ef_construct": 32},
                  optimizers_config={"indexing_threshold": 1})
    engine.call("PUT", f"/collections/{NAME}/index?wait=true",
                {"field_name": "round", "field_schema": "integer"})
    numbers = random.Random(1)
    state, acknowledged = {}, 0
    for run in range(RUNS):
        writers = start_writers(engine, state)
        time.sleep(numbers.uniform(0.02, 0.4))
        engine.signal(signal.SIGKILL)
        engine.wait()
        acknowledged += end_writers(writers)
        engine.start()
        there = writer.check(engine, NAME, state)
        writer.check_search(engine, NAME, state)
        assert engine.count(NAME) == there
        assert engine.count(NAME, {"must": [
            {"key": "round", "range": {"gte": 1}}]}) == there
    assert acknowledged > RUNS * writer.BATCH
    print(f"{RUNS} kills, {acknowledged} acknowledged changes, 0 lost")
    assert engine.stop() == 0


def test_rows_of_4_bits_outlive_a_kill(engine_factory):
    """The same for turbo4, where what comes back is only near: rows of another
    round are not."""
    engine = engine_factory().start()
    answer = engine.call("PUT", f"/collections/{NAME}", {
        "vectors": {"size": writer.DIM, "distance": "Euclid",
                    "datatype": "turbo4"},
        "hnsw_config": {"full_scan_threshold": 10, "m": 8, "ef_construct": 32},
        "optimizers_config": {"indexing_threshold": 1}})
    assert answer.status == 200, answer
    numbers = random.Random(2)
    state, acknowledged = {}, 0
    for run in range(RUNS // 10 + 1):
        writers = start_writers(engine, state)
        time.sleep(numbers.uniform(0.02, 0.4))
        engine.signal(signal.SIGKILL)
        engine.wait()
        acknowledged += end_writers(writers)
        engine.start()
        there = writer.check(engine, NAME, state, 1.0)
        writer.check_search(engine, NAME, state, 1.5)
        assert engine.count(NAME) == there
    assert acknowledged > writer.BATCH
    assert engine.stop() == 0


OTHERS = 6000


def others():
    """Points that only come to go again, as bodies of requests."""
    numbers = random.Random(3)
    for at in range(0, OTHERS, 1000):
        yield json.dumps({"points": [
            {"id": 10 ** 6 + at + i,
             "vector": [round(numbers.uniform(-1, 1), 3)
                        for _ in range(writer.DIM)]}
            for i in range(1000)]})


def test_no_point_is_lost_while_points_are_moved_together(engine_factory):
    """Most points go, the rest gets lower slots: killed in the middle of it,
    with writers about."""
    engine = engine_factory().start()
    engine.create(NAME, writer.DIM, "Euclid",
                  hnsw_config={"full_scan_threshold": 10, "m": 8,
                               "ef_construct": 16},
                  optimizers_config={"indexing_threshold": 1})
    engine.call("PUT", f"/collections/{NAME}/index?wait=true",
                {"field_name": "round", "field_schema": "integer"})
    numbers = random.Random(2)
    bodies, state = list(others()), {}
    end = 10 ** 6 + OTHERS

    def memory():
        return engine.call("GET", f"/collections/{NAME}/memory").result[
            "vectors"][0]["storage"]["ram_bytes"]

    def tide():
        for body in bodies:
            engine.call("PUT", f"/collections/{NAME}/points", body,
                        {"Content-Type": "application/json"}).result
        writers = start_writers(engine, state)
        time.sleep(0.2)
        full = memory()
        engine.call("POST", f"/collections/{NAME}/points/delete?wait=true",
                    {"points": list(range(10 ** 6, end))}).result
        return writers, full

    for run in range(max(1, RUNS // 10)):
        writers, full = tide()
        time.sleep(numbers.uniform(0, 1.5))
        engine.signal(signal.SIGKILL)
        engine.wait()
        end_writers(writers)
        engine.start()
        there = writer.check(engine, NAME, state)
        writer.check_search(engine, NAME, state)
        assert engine.count(NAME) == there
        assert engine.count(NAME, {"must": [
            {"key": "round", "range": {"gte": 1}}]}) == there
    deadline = time.monotonic() + 60
    while memory() > full / 2:
        assert time.monotonic() < deadline, (memory(), full)
        time.sleep(0.1)
    assert writer.check(engine, NAME, state) == engine.count(NAME)
    writer.check_search(engine, NAME, state)
    assert engine.stop() == 0


def test_a_kill_while_a_collection_is_made_leaves_all_or_nothing(
        engine_factory):
    engine = engine_factory().start()
    for run in range(10):
        name = f"c{run}"
        connection = engine.connect(10)
        connection.request("PUT", f"/collections/{name}",
                           '{"vectors":{"size":4,"distance":"Dot"}}')
        time.sleep(run * 0.002)
        engine.signal(signal.SIGKILL)
        engine.wait()
        connection.close()
        engine.start()
        if not engine.call("GET",
                           f"/collections/{name}/exists").result["exists"]:
            engine.create(name)
        engine.upsert(name, [{"id": 1, "vector": [1, 2, 3, 4]}])
        assert engine.count(name) == 1
    assert engine.stop() == 0


def test_a_deleted_collection_does_not_come_back(engine_factory):
    engine = engine_factory().start()
    for run in range(5):
        engine.create("gone")
        engine.upsert("gone", [{"id": 1, "vector": [1, 2, 3, 4]}])
        assert engine.call("DELETE", "/collections/gone").result is True
        engine.signal(signal.SIGKILL)
        engine.wait()
        engine.start()
        assert engine.call("GET", "/collections/gone").status == 404
    assert engine.stop() == 0
