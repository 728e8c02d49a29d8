# SPDX-License-Identifier: Apache-2.0
"""kill -9 in the middle of adding and deleting vector names: after each restart
a name is there or not as was answered (that of the request under way may be
either), whole with its rows or new and empty, and nothing else has changed.

  AZIMUTH_NAMES_RUNS   kills (30)
"""
import os
import random
import signal
import threading
import time

RUNS = int(os.environ.get("AZIMUTH_NAMES_RUNS", "30"))
NAMES = ["a", "b", "c"]
POINTS = 50


class Changer(threading.Thread):
    """Adds, fills and deletes names until the engine is gone. `state`: name ->
    what may be there: None, or the value of its rows (0: none yet)."""

    def __init__(self, engine, state, seed):
        super().__init__()
        self.engine, self.state = engine, state
        self.random = random.Random(seed)
        self.value = seed * 100000
        self.done, self.wrong = 0, None

    def step(self, connection):
        name = self.random.choice(NAMES)
        there = next(iter(self.state[name]))
        path = f"/collections/c/vectors/{name}?wait=true"
        if there is None:
            self.state[name] = {None, 0}
            answer = self.engine.call("PUT", path, {"dense": {
                "size": 4, "distance": "Euclid"}}, connection=connection)
            after = 0
        elif self.random.random() < 0.5:
            self.value += 1
            self.state[name] = {there, self.value}
            answer = self.engine.call(
                "PUT", "/collections/c/points/vectors?wait=true",
                {"points": [{"id": i, "vector": {name: [self.value] * 4}}
                            for i in range(POINTS)]}, connection=connection)
            after = self.value
        else:
            self.state[name] = {there, None}
            answer = self.engine.call("DELETE", path, connection=connection)
            after = None
        if answer.status != 200:
            self.wrong = answer
            raise OSError
        self.state[name] = {after}
        self.done += 1

    def run(self):
        connection = self.engine.connect(30)
        try:
            while True:
                self.step(connection)
        except Exception:  # killed; what is wrong stands in `wrong`
            pass
        finally:
            connection.close()


def found(engine):
    vectors = engine.call("GET", "/collections/c").result["config"][
        "params"]["vectors"]
    records = engine.get("c", range(POINTS))
    for i, record in records.items():
        if isinstance(record["vector"], list):  # it has no other
            record["vector"] = {"": record["vector"]}
        assert record["vector"][""] == [i, i]
    values = {}
    for name in NAMES:
        rows = {tuple(record["vector"].get(name, ()))
                for record in records.values()}
        assert len(rows) == 1, (name, rows)
        row = rows.pop()
        values[name] = None if name not in vectors else row[0] if row else 0
        assert name in vectors or row == ()
    return values


def test_names_are_whole_after_a_kill(engine_factory):
    engine = engine_factory().start()
    # "" is one of a map from the start; with a graph for its few points.
    engine.create("c", optimizers_config={"indexing_threshold": 1},
                  hnsw_config={"full_scan_threshold": 10},
                  vectors={"": {"size": 2, "distance": "Euclid"}})
    engine.upsert("c", [{"id": i, "vector": {"": [i, i]}}
                        for i in range(POINTS)])
    state = {name: {None} for name in NAMES}
    numbers, done = random.Random(3), 0
    for run in range(RUNS):
        changer = Changer(engine, state, run + 1)
        changer.start()
        time.sleep(numbers.uniform(0.02, 0.3))
        engine.signal(signal.SIGKILL)
        engine.wait()
        changer.join(60)
        assert changer.wrong is None, changer.wrong
        done += changer.done
        engine.start()
        values = found(engine)
        for name, value in values.items():
            assert value in state[name], (name, value, state[name])
            state[name] = {value}
    assert done > RUNS
    assert engine.stop() == 0
