# SPDX-License-Identifier: Apache-2.0
"""The same random filters for azimuthd and for qdrant-edge: without payload
indexes, with one of every kind, and after a restart, both find the same.

  AZIMUTH_ORACLE_ROUNDS   filters for each world (default: 400)
  AZIMUTH_ORACLE_SEED     the first world's seed (default: 1)
"""
import json
import os

import edge
import filters
import pytest

POINTS = 300
WORLDS = 6
ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", "400"))
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", "1"))
KINDS = (*edge.SCHEMAS, None)


def create(engine, name, points):
    size = {"size": 2, "distance": "Dot"}
    engine.call("PUT", f"/collections/{name}",
                {"vectors": {"v": size, "w": size}}).result
    engine.upsert(name, points)


def ids(engine, name, filter):
    found = engine.call("POST", f"/collections/{name}/points/scroll", {
        "filter": filter, "limit": 100000, "with_payload": False})
    return [point["id"] for point in found.result["points"]]


def compare(engine, shard, names, random, points, rounds):
    for round in range(rounds):
        filter = ({"must": [random.condition(2, POINTS)]} if round % 2
                  else random.filter(0, POINTS))
        expected = shard.ids(filter)
        for name in names:
            got = ids(engine, name, filter)
            odd = sorted(set(got) ^ set(expected))
            assert got == expected, (
                f"{name}: {json.dumps(filter)}: "
                f"{[points[id] for id in odd[:2]]}")


@pytest.mark.parametrize("world", range(WORLDS))
def test_filters_find_what_edge_finds(engine, tmp_path, world):
    random = filters.Random(SEED + world)
    points = [random.point(id) for id in range(POINTS)]
    shard = edge.Shard(tmp_path / "edge")
    shard.upsert(points)
    create(engine, "plain", points)
    create(engine, "indexed", points)
    for number, field in enumerate(filters.FIELDS):
        kind = KINDS[(world + number * 2) % len(KINDS)]
        if kind is not None:
            engine.call("PUT", "/collections/indexed/index?wait=true", {
                "field_name": field, "field_schema": kind}).result
    names = ("plain", "indexed")
    compare(engine, shard, names, random, points, ROUNDS)
    changed = [random.point(id) for id in range(0, POINTS, 3)]
    for point in changed:
        points[point["id"]] = point
    shard.upsert(changed)
    for name in names:
        engine.upsert(name, changed)
    compare(engine, shard, names, random, points, ROUNDS // 2)
    assert engine.stop() == 0
    engine.start()
    compare(engine, shard, names, random, points, ROUNDS // 2)
