# SPDX-License-Identifier: Apache-2.0
"""The same random filters for azimuthd and for qdrant-edge: without payload
indexes, with one of every kind, after changes, after a restart and after a
kill, both find the same; scroll and count do, too.

  AZIMUTH_ORACLE_ROUNDS   filters for each world (default: 300)
  AZIMUTH_ORACLE_SEED     the first world's seed (default: 1)
  AZIMUTH_ORACLE_WORLDS   how many worlds (default: 6)
  AZIMUTH_ORACLE_POINTS   points of each (default: 300)
"""
import json
import os

import edge
import filters
import ours
import pytest

POINTS = int(os.environ.get("AZIMUTH_ORACLE_POINTS", "300"))
BATCH = 50
WORLDS = int(os.environ.get("AZIMUTH_ORACLE_WORLDS", "6"))
ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", "300"))
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", "1"))
NAMES = ("plain", "indexed")
SCHEMAS = (
    "keyword", {"type": "keyword", "prefix": True, "on_disk": True},
    "integer", {"type": "integer", "lookup": True, "range": False},
    {"type": "integer", "lookup": False, "range": True, "on_disk": True},
    "float", "bool", "datetime", "uuid", "geo",
    {"type": "uuid", "is_tenant": True}, {"type": "geo", "on_disk": True}, None)


def create(engine, name, points):
    size = {"size": 2, "distance": "Dot"}
    engine.call("PUT", f"/collections/{name}",
                {"vectors": {"v": size, "w": size}}).result
    engine.upsert(name, points)


def index(engine, world):
    for number, field in enumerate(filters.FIELDS):
        schema = SCHEMAS[(world + number * 3) % len(SCHEMAS)]
        if schema is not None:
            engine.call("PUT", "/collections/indexed/index?wait=true", {
                "field_name": field, "field_schema": schema}).result


class Comparison:
    def __init__(self, engine, shard, part):
        self.engine = engine
        self.shard = shard
        self.part = part

    def filters(self, random, points, rounds, when):
        for begin in range(0, rounds, BATCH):
            made = [{"must": [random.condition(2, POINTS)]}
                    if number % 2 else random.filter(0, POINTS)
                    for number in range(min(BATCH, rounds - begin))]
            expected = [self.shard.ids(value) for value in made]
            for name in NAMES:
                found = ours.ids_of(self.engine, name, made)
                for value, got, wanted in zip(made, found, expected):
                    self.check(value, got, wanted, points, f"{name}, {when}")
            self.others(made[-1], expected[-1])

    def check(self, value, got, wanted, points, where):
        kind = f"filter beside edge: {filters.kind_of_all(value)}"
        self.part.check(kind, got == wanted, lambda: (
            where, json.dumps(value),
            [points[id] for id in sorted(set(got) ^ set(wanted))[:2]]))

    def others(self, value, wanted):
        for name in NAMES:
            got = ours.scroll(self.engine, name, value)
            self.part.check("scroll beside edge", got == wanted,
                            lambda: (name, json.dumps(value)))
            count = self.engine.count(name, value)
            self.part.check("count beside edge",
                            count == len(wanted) == self.shard.count(value),
                            lambda: (name, json.dumps(value)))


@pytest.mark.parametrize("world", range(WORLDS))
def test_filters_find_what_edge_finds(engine, tmp_path, part, world):
    random = filters.Random(SEED * 1000 + world)
    points = [random.point(id) for id in range(POINTS)]
    shard = edge.Shard(tmp_path / "edge")
    shard.upsert(points)
    create(engine, "plain", points)
    create(engine, "indexed", points)
    index(engine, SEED + world)
    comparison = Comparison(engine, shard, part)
    comparison.filters(random, points, ROUNDS // 3, "fresh")
    changed = [random.point(id) for id in range(0, POINTS, 3)]
    for point in changed:
        points[point["id"]] = point
    shard.upsert(changed)
    for name in NAMES:
        engine.upsert(name, changed)
    comparison.filters(random, points, ROUNDS // 3, "changed")
    assert engine.stop() == 0
    engine.start()
    comparison.filters(random, points, ROUNDS // 6, "restarted")
    index(engine, SEED + world + 1)  # of other types
    engine.kill()
    engine.start()
    comparison.filters(random, points, ROUNDS // 6, "killed")
