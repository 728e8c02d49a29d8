# SPDX-License-Identifier: Apache-2.0
"""The same random filters for azimuthd and for the local mode of the public
client, which is a second reading of what filters mean, in Python and without
indexes.

  AZIMUTH_ORACLE_ROUNDS   four times the filters for each world (default: 400)
  AZIMUTH_ORACLE_SEED     the first world's seed (default: 1)

Left out, beside what filters.py names: polygons, since the client takes a point
on the edge for one inside; test_filters_of_edge.py has them.
"""
import json
import os
import pathlib
import subprocess
import sys

import filters
import pytest
from client_package import installed

POINTS = 300
WORLDS = 4
ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", "400")) // 4
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", "1"))
PROGRAM = pathlib.Path(__file__).resolve().parent / "local_client.py"


class Random(filters.Random):
    def area(self):
        while True:
            area = super().area()
            if "geo_polygon" not in area:
                return area

    def condition(self, depth, count):
        if self.chance(0.05):
            total = self.random.randrange(1, 6)
            return {"slice": {"total": total,
                              "index": self.random.randrange(total)}}
        return super().condition(depth, count)


class Local:
    def __init__(self):
        environment = {**os.environ, "PYTHONPATH": str(installed("latest"))}
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=environment)

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0


@pytest.fixture
def local():
    local = Local()
    yield local
    local.end()


def compare(engine, local, random, points):
    for round in range(ROUNDS):
        filter = ({"must": [random.condition(2, POINTS)]} if round % 2
                  else random.filter(0, POINTS))
        expected = local.ask({"filter": filter})
        found = engine.call("POST", "/collections/plain/points/scroll", {
            "filter": filter, "limit": 100000, "with_payload": False}).result
        got = [point["id"] for point in found["points"]]
        odd = sorted(set(got) ^ set(expected))
        assert got == expected, (
            f"{json.dumps(filter)}: {[points[id] for id in odd[:2]]}")


@pytest.mark.parametrize("world", range(WORLDS))
def test_filters_find_what_the_local_mode_finds(engine, local, world):
    random = Random(SEED + 100 + world)
    points = [random.point(id) for id in range(POINTS)]
    size = {"size": 2, "distance": "Dot"}
    engine.call("PUT", "/collections/plain",
                {"vectors": {"v": size, "w": size}}).result
    engine.upsert("plain", points)
    local.ask({"points": points})
    compare(engine, local, random, points)
    changed = [random.point(id) for id in range(0, POINTS, 3)]
    for point in changed:
        points[point["id"]] = point
    engine.upsert("plain", changed)
    local.ask({"points": changed})
    compare(engine, local, random, points)
