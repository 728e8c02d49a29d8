# SPDX-License-Identifier: Apache-2.0
"""Random operations on collections of every metric and kind of id, over HTTP,
compared with a brute-force model after each: exact searches, filters, counts
and pages agree exactly, walks find no deleted point and miss few, and nothing
changes across SIGTERM and kill -9, also in the middle of a request.

  AZIMUTH_BUILD                 where azimuthd was built (default: build/)
  AZIMUTH_PROPERTY_OPERATIONS   requests, over all seeds (default: 10000)
  AZIMUTH_PROPERTY_SEED         the seed (default: 1); printed
"""
import json
import os
import random
import signal
import time

import operations
import pipe as raw

OPERATIONS = int(os.environ.get("AZIMUTH_PROPERTY_OPERATIONS", "10000"))
SEED = int(os.environ.get("AZIMUTH_PROPERTY_SEED", "1"))
RESTART_CHANCE = 1 / 400
HISTORY = 12
GRAPH = {"hnsw_config": {"m": 8, "ef_construct": 48,
                         "full_scan_threshold": 10},
         "optimizers_config": {"indexing_threshold": 1}}
WALK = 4
WALKED = {"optimizers_config": {"indexing_threshold": 1},
          "hnsw_config": {"full_scan_threshold": 10}}
IN_MEMORY = {**GRAPH, "on_disk_payload": False}
NO_GRAPH = {"hnsw_config": {"m": 0}, "on_disk_payload": False}


def collections(seed):
    make = operations.Collection
    return [
        make("cosine", {"": (16, "Cosine")}, ("number", 1500), seed, GRAPH),
        make("dot", {"": (12, "Dot")}, ("uuid", 900), seed + 1, IN_MEMORY),
        make("named", {"a": (8, "Euclid"), "b": (24, "Cosine"),
                       "c": (5, "Manhattan")}, ("mixed", 900), seed + 2,
             GRAPH),
        make("manhattan", {"": (40, "Manhattan")}, ("mixed", 1200), seed + 3,
             GRAPH, on_disk=True),
        # Enough points that walking is cheaper than scanning.
        make("walk", {"": (24, "Euclid")}, ("number", 9000), seed + 5,
             WALKED, spread=0.8, zeros=0.0005),
        make("disk", {"a": (48, "Cosine"), "b": (200, "Euclid")},
             ("number", 700), seed + 6, GRAPH, on_disk=True),
        make("plain", {"": (6, "Euclid")}, ("number", 300), seed + 4,
             NO_GRAPH)]


class Run:
    def __init__(self, engine, seed):
        self.engine = engine
        self.pipe = raw.Pipe(engine)
        self.random = random.Random(seed)
        self.collections = collections(seed * 1000)
        self.history = []
        self.restarts = {"SIGTERM": 0, "SIGKILL": 0, "in a change": 0}
        for each in self.collections:
            self.perform(each, *each.create())
        self.flood()

    def flood(self):
        walk = self.collections[WALK]
        for method, path, body, apply in walk.fill():
            self.perform(walk, method, walk.base + path, body, apply)

    def ebb(self):
        """The big collection shrinks: its points are moved together beside
        what follows."""
        walk = self.collections[WALK]
        method, path, body, apply = walk.ebb()
        self.remember("ebb")
        self.perform(walk, method, walk.base + path, body, apply)

    def perform(self, collection, method, path, body, apply):
        status, answer = self.pipe.call(method, path, body)
        assert status == 200, (method, path, body, answer)
        if apply is not None:
            apply(collection.model)

    def remember(self, request):
        self.history.append(request)
        del self.history[:-HISTORY]

    def change(self, collection):
        request = collection.change()
        self.remember(request[:3])
        self.perform(collection, *request)

    def killed_change(self, collection):
        """All of it is there afterwards, or nothing. A batch of operations
        may end between two of them: it is several changes."""
        request = collection.change()
        while request[1].split("?")[0].endswith("/points/batch"):
            request = collection.change()
        method, path, body, apply = request
        self.remember((method, path, body, "killed"))
        self.pipe.send(method, path, body)
        time.sleep(self.random.choice([0, 0.0005, 0.001, 0.003]))
        self.engine.kill()
        self.pipe.close()
        self.engine.start()
        after = collection.model.copy()
        if apply is not None:
            apply(after)
        records = collection.scroll_all(self.pipe)
        try:
            collection.check_scrolled(records)
        except AssertionError:
            collection.check_scrolled(records, after)
            collection.model = after

    def restart(self):
        kind = self.random.choice([*self.restarts])
        self.restarts[kind] += 1
        self.remember(kind)
        if kind == "in a change":
            self.killed_change(self.random.choice(self.collections))
        else:
            self.engine.signal(getattr(signal, kind))
            code = self.engine.wait()
            assert code == (0 if kind == "SIGTERM" else -signal.SIGKILL)
            self.pipe.close()
            self.engine.start()
        self.check_all()

    def check_all(self):
        for each in self.collections:
            each.check_all(self.pipe)

    def step(self):
        if self.random.random() < RESTART_CHANCE:
            self.restart()
            return
        collection = self.random.choice(self.collections)
        if self.random.random() < 0.4:
            self.change(collection)
        else:
            collection.question(self.pipe)


# After so many requests.
TIDES = {OPERATIONS // 3: Run.ebb, OPERATIONS // 2: Run.flood,
         OPERATIONS * 3 // 4: Run.ebb}


def test_random_operations_agree_with_the_model(engine):
    run = Run(engine, SEED)
    for number in range(OPERATIONS):
        try:
            if number in TIDES:
                TIDES[number](run)
            run.step()
        except BaseException:
            print(f"seed {SEED}, operation {number}, after:")
            for request in run.history:
                print("  ", json.dumps(request)[:2000])
            print(engine.log()[-2000:])
            raise
    run.check_all()
    assert engine.process.poll() is None
    good = sum(each.good for each in run.collections)
    asked = sum(each.asked for each in run.collections)
    for each in run.collections:
        print(f"{each.base}: {len(each.model)} points, recall "
              f"{each.good / max(1, each.asked):.4f} of {each.asked:.0f}")
        assert each.good >= 0.95 * each.asked
    print(f"seed {SEED}: {OPERATIONS} operations, restarts {run.restarts}, "
          f"recall {good / max(1, asked):.4f}")
    assert engine.stop() == 0
