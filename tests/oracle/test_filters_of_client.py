# SPDX-License-Identifier: Apache-2.0
"""The same random filters for azimuthd and for the local mode of the public
client, which is a second reading of what filters mean, in Python and without
indexes: without and with indexes here, after changes, a restart and a kill.

  AZIMUTH_ORACLE_ROUNDS   filters for each world (default: 200)
  AZIMUTH_ORACLE_SEED     the first world's seed (default: 1)
  AZIMUTH_ORACLE_WORLDS   how many worlds (default: 3)
"""
import json
import os

import filters
import ours
import pytest
from local_mode import local  # noqa: F401
from test_filters_of_edge import NAMES, create, index

POINTS = 300
BATCH = 50
WORLDS = int(os.environ.get("AZIMUTH_ORACLE_WORLDS", "3"))
ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", "200"))
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", "1"))


class Random(filters.Random):
    several = 0

    def area(self):
        while True:
            area = super().area()
            if "geo_polygon" not in area:
                return area


class Comparison:
    def __init__(self, engine, local, random, part):
        self.engine = engine
        self.local = local
        self.random = random
        self.part = part

    def filters(self, rounds, when):
        random = self.random
        for begin in range(0, rounds, BATCH):
            made = [{"must": [random.condition(2, POINTS)]}
                    if number % 2 else random.filter(0, POINTS)
                    for number in range(min(BATCH, rounds - begin))]
            expected = self.local.ask(filters=made)
            for name in NAMES:
                found = ours.ids_of(self.engine, name, made)
                for value, got, wanted in zip(made, found, expected):
                    kind = filters.kind_of_all(value)
                    self.part.check(
                        f"filter beside the client: {kind}",
                        got == wanted, lambda: (
                            name, when, json.dumps(value),
                            sorted({*got} ^ {*wanted})[:2]))


@pytest.mark.parametrize("world", range(WORLDS))
def test_filters_find_what_the_local_mode_finds(engine, local, part, world):
    random = Random(SEED * 1000 + 500 + world)
    points = [random.point(id) for id in range(POINTS)]
    size = {"size": 2, "distance": "Dot"}
    local.ask(create={"vectors": {"v": size, "w": size}})
    for name in NAMES:
        create(engine, name, points)
    index(engine, SEED + world)
    local.ask(points=points)
    comparison = Comparison(engine, local, random, part)
    comparison.filters(ROUNDS // 4, "fresh")
    changed = [random.point(id) for id in range(0, POINTS, 3)]
    for name in NAMES:
        engine.upsert(name, changed)
    local.ask(points=changed)
    comparison.filters(ROUNDS // 4, "changed")
    assert engine.stop() == 0
    engine.start()
    comparison.filters(ROUNDS // 4, "restarted")
    engine.kill()
    engine.start()
    comparison.filters(ROUNDS // 4, "killed")
