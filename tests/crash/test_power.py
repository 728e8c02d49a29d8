# SPDX-License-Identifier: Apache-2.0
"""Power loss: what was answered with wait=true is there afterwards, and nothing
is damaged. power.py says what is lost.

  AZIMUTH_POWER_CYCLES   kills of an engine that writes (default: 12)
  AZIMUTH_FAULT_SEED     (default: 1); printed
  AZIMUTH_FAULT_FOLDER   as in test_faults.py
"""
import os
import random
import time

import pytest
import writer
from power import Power
from test_faults import built, folder  # noqa: F401

CYCLES = int(os.environ.get("AZIMUTH_POWER_CYCLES", "12"))
SEED = int(os.environ.get("AZIMUTH_FAULT_SEED", "1"))
NAME = "power"
GRAPH = {"hnsw_config": {"full_scan_threshold": 10, "m": 8,
                         "ef_construct": 32},
         "optimizers_config": {"indexing_threshold": 1,
                               "flush_interval_sec": 1}}


@pytest.fixture
def powered(engine_factory, folder):  # noqa: F811
    """An engine on a disk that forgets, and that disk."""
    engine = engine_factory(folder=folder / "engine")
    storage = folder / "engine" / "storage"
    storage.mkdir(parents=True)
    power = Power(storage, folder / "shadow")

    def start():
        power.begin()
        engine.environment = power.environment(
            built("tests/fixture/fault_io.so"))
        return engine.start()

    def lose(numbers=None):
        engine.kill()
        return power.lose(numbers)

    engine.start_powered, engine.lose = start, lose
    return engine


def names(engine):
    return {c["name"] for c in
            engine.call("GET", "/collections").result["collections"]}


@pytest.mark.parametrize("is_mixed", [False, True])
def test_an_acknowledged_step_survives(powered, is_mixed):
    """A collection, points, a changed configuration, an index, a deletion:
    each is there when the power goes right after its answer."""
    def lose():
        powered.lose(numbers if is_mixed else None)
        powered.start_powered()

    numbers = random.Random(SEED)
    powered.start_powered()
    powered.create(NAME, 4, "Dot", on_disk_payload=False)
    lose()
    assert names(powered) == {NAME}
    powered.upsert(NAME, [{"id": i, "vector": [i, 1, 1, 1],
                           "payload": {"a": i}} for i in range(50)])
    lose()
    assert powered.count(NAME) == 50
    answer = powered.call("PATCH", f"/collections/{NAME}", {
        "hnsw_config": {"ef_construct": 77}})
    assert answer.status == 200, answer
    lose()
    info = powered.call("GET", f"/collections/{NAME}").result
    assert info["config"]["hnsw_config"]["ef_construct"] == 77
    answer = powered.call("PUT", f"/collections/{NAME}/index?wait=true", {
        "field_name": "a", "field_schema": "integer"})
    assert answer.status == 200, answer
    lose()
    info = powered.call("GET", f"/collections/{NAME}").result
    assert set(info["payload_schema"]) == {"a"}
    answer = powered.call(
        "POST", f"/collections/{NAME}/points/delete?wait=true",
        {"points": list(range(10))})
    assert answer.status == 200, answer
    lose()
    assert powered.count(NAME) == 40
    assert powered.count(NAME, {"must": [
        {"key": "a", "range": {"gte": 0}}]}) == 40
    assert powered.call("DELETE", f"/collections/{NAME}").result is True
    lose()
    assert names(powered) == set()
    assert powered.stop() == 0


def test_what_was_acknowledged_survives_while_others_write(powered):
    numbers = random.Random(SEED)
    powered.more_config = ""
    powered.start_powered()
    powered.create(NAME, writer.DIM, "Euclid", **GRAPH)
    state, acknowledged, lost = {}, 0, 0
    for cycle in range(CYCLES):
        writers = [writer.Writer(powered, NAME, 1 + i, 3, state)
                   for i in range(3)]
        for thread in writers:
            thread.start()
        time.sleep(numbers.uniform(0.2, 1.5))
        lost += powered.lose(numbers if cycle % 2 == 1 else None)
        for thread in writers:
            thread.join(60)
            assert not thread.is_alive()
            assert not isinstance(thread.failed, AssertionError), thread.failed
        acknowledged += sum(thread.acknowledged for thread in writers)
        powered.start_powered()
        there = writer.check(powered, NAME, state)
        writer.check_search(powered, NAME, state)
        assert powered.count(NAME) == there
    assert powered.stop() == 0
    assert lost > 0, "the power loss took nothing"
    print(f"\nseed {SEED}: {CYCLES} power losses, {lost} bytes taken, "
          f"{acknowledged} acknowledged changes, 0 lost")
