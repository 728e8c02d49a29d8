# SPDX-License-Identifier: Apache-2.0
"""Random queries with prefetches, fusions, formulas, recommendations, discovery,
order and groups, by the public client over REST and gRPC, beside its local
mode.

  AZIMUTH_ORACLE_ROUNDS   queries for each world (default: 60)
  AZIMUTH_ORACLE_SEED     the first world's seed (default: 1)
  AZIMUTH_ORACLE_WORLDS   how many worlds (default: 2)
"""
import json
import os
import pathlib
import subprocess
import sys

import pytest
from client_package import installed
from same import same_payload
from stages import Stages

PROGRAM = pathlib.Path(__file__).resolve().parent / "query_client.py"
POINTS = 120
WORLDS = int(os.environ.get("AZIMUTH_ORACLE_WORLDS", "2"))
ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", "60"))
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", "1"))
BATCH = 20


class Process:
    def __init__(self, engine):
        environment = {**os.environ, "PYTHONPATH": str(installed("latest"))}
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=environment)
        self.ask(connect=[engine.port, engine.grpc_port])

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0


@pytest.fixture
def clients(engine):
    process = Process(engine)
    yield process
    process.end()


def near(a, b, largest):
    return abs(a - b) <= 1e-4 * max(largest, 0.02)


def difference(ours, every, offset, limit, is_ordered=False):
    """What differs from `every`, which is not cut, or None. Equal scores may
    change places, unless they come by their order values."""
    if "error" in ours or "error" in every:
        both = "error" in ours and "error" in every
        return None if both else f"{str(ours)[:300]} beside {str(every)[:300]}"
    theirs = every[offset:offset + limit]
    if len(ours) != len(theirs):
        return f"{len(ours)} hits, not {len(theirs)}"
    largest = max([abs(hit[1]) for hit in every], default=0)
    of_id = {(str(hit[0]), hit[3]): hit for hit in every}
    seen = set()
    for place, (id, score, payload, order) in enumerate(ours):
        key = (str(id), order)
        if key not in of_id or key in seen:
            return f"{id} {order} should not be there"
        seen.add(key)
        _, expected, their_payload, their_order = of_id[key]
        if not near(score, expected, largest):
            return f"{id} has {score}, not {expected}"
        if not near(score, theirs[place][1], largest):
            return f"place {place} has {score}, not {theirs[place][1]}"
        if is_ordered and order != theirs[place][3]:
            return f"place {place} has {order}, not {theirs[place][3]}"
        if not same_payload(payload or {}, their_payload or {}):
            return f"{id} is {payload}, not {their_payload}"
    return None


class Comparison:
    def __init__(self, clients, part, number):
        self.clients = clients
        self.part = part
        self.stages = Stages(number, POINTS)
        clients.ask(create=["points", self.stages.collection()])
        clients.ask(points=["points", self.stages.points()])
        for field, schema in (("u", "float"), ("i", "integer"),
                              ("d", "datetime"), ("colour", "keyword"),
                              ("many", "integer")):
            clients.ask(index=["points", field, schema])

    def compare(self, made):
        """`made`: (kind, method, body)"""
        found = self.clients.ask(queries=[
            [method, "points", body] for _, method, body in made])
        whole = self.clients.ask(queries=[
            [method, "points", self.uncut(body)] for _, method, body in made])
        for place, (kind, _, body) in enumerate(made):
            for name in ("rest", "grpc"):
                differs = difference(
                    found[name][place], whole["local"][place],
                    body.get("offset", 0), body["limit"],
                    kind == "order_by")
                self.part.check(f"{kind} beside the client, {name}",
                                differs is None,
                                lambda: (differs, json.dumps(body)))

    @staticmethod
    def uncut(body):
        body = {**body, "limit": POINTS * 3}
        body.pop("offset", None)
        return body


@pytest.mark.parametrize("number", range(WORLDS))
def test_queries_are_those_of_the_local_mode(clients, part, number):
    comparison = Comparison(clients, part, number + SEED * 100)
    for begin in range(0, ROUNDS, BATCH):
        made = [comparison.stages.query()
                for _ in range(min(BATCH, ROUNDS - begin))]
        comparison.compare([(kind, "query_points", body)
                            for kind, body in made])
