# SPDX-License-Identifier: Apache-2.0
"""Threads that change points until the engine dies under them, and a ledger of
what was acknowledged: each point is in its last acknowledged state, or in the
state of the one request that was under way."""
import json
import random
import threading

DIM = 32
BATCH = 20


def vector_of(id, round):
    numbers = random.Random(id * 1000003 + round)
    return [numbers.uniform(-1, 1) for _ in range(DIM)]


def point_of(id, round):
    return {"id": id, "vector": vector_of(id, round),
            "payload": {"round": round, "text": f"{id}/{round}" * 20}}


class Writer(threading.Thread):
    """Owns the ids first, first + step, ...; nobody else writes them."""

    def __init__(self, engine, name, first, step, state, ids_count=200):
        super().__init__()
        self.engine = engine
        self.name_of = name
        self.ids = [first + i * step for i in range(ids_count)]
        self.state = state  # id -> {rounds that may be there}; None: absent
        self.random = random.Random(first)
        self.round = max([r for i in self.ids for r in state.get(i, {None})
                          if r is not None], default=0)
        self.acknowledged = 0
        self.failed = None

    def run(self):
        connection = self.engine.connect(30)
        try:
            while True:
                self.write(connection)
        except (OSError, json.JSONDecodeError, Exception) as error:
            self.failed = error
        finally:
            connection.close()

    def write(self, connection):
        self.round += 1
        ids = self.random.sample(self.ids, BATCH)
        if self.random.random() < 0.2:
            path, body, after = "/delete", {"points": ids}, None
            method = "POST"
        else:
            path, after, method = "", self.round, "PUT"
            body = {"points": [point_of(id, self.round) for id in ids]}
        for id in ids:
            self.state[id] = self.state.get(id, {None}) | {after}
        answer = self.engine.call(
            method, f"/collections/{self.name_of}/points{path}?wait=true",
            body, connection=connection)
        assert answer.status == 200, f"status {answer.status}: {answer}"
        for id in ids:
            self.state[id] = {after}
        self.acknowledged += len(ids)


def check(engine, name, state, near=1e-6):
    """Every point is as the ledger says; returns how many are there. Settles
    the ledger to what was found. `near`: how far components may be off."""
    there = {p["id"]: p for p in engine.scroll_all(name, with_vector=True)}
    for id, point in there.items():
        round = point["payload"]["round"]
        assert round in state.get(id, ()), \
            f"{id} is of round {round}, not of {state.get(id)}"
        assert point["payload"] == point_of(id, round)["payload"]
        got, expected = point["vector"], vector_of(id, round)
        assert max(abs(a - b) for a, b in zip(got, expected)) < near, id
        state[id] = {round}
    for id, rounds in state.items():
        if id not in there:
            assert None in rounds, f"{id} of round {rounds} is lost"
            state[id] = {None}
    return len(there)


def check_search(engine, name, state, near=1e-3):
    """Points are found by their own vectors, at once."""
    ids = sorted(id for id, rounds in state.items() if rounds != {None})
    for id in ids[::max(1, len(ids) // 20)]:
        round = next(iter(state[id]))
        hits = engine.call("POST", f"/collections/{name}/points/query", {
            "query": vector_of(id, round), "limit": 1}).result["points"]
        assert [hit["id"] for hit in hits] == [id]
        assert abs(hits[0]["score"]) < near
