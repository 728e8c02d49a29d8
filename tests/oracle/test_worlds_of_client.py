# SPDX-License-Identifier: Apache-2.0
"""Random collections with vectors of every kind for azimuthd and for the local
mode of the public client: searches are the same, without and with indexes,
codes and graphs, fresh, after a restart, and after points are replaced and a
kill.

  AZIMUTH_ORACLE_ROUNDS   queries for each world (default: 50)
  AZIMUTH_ORACLE_SEED     the first world's seed (default: 1)
  AZIMUTH_ORACLE_WORLDS   how many worlds (default: 2)
"""
import json
import os

import ours
import pytest
from local_mode import local  # noqa: F401
from queries import Queries
from same import difference
from test_filters_of_client import Random
from test_worlds_of_edge import NAMES, collection, index_ours, text_schema
from worlds import World

POINTS = 200
BATCH = 25
WORLDS = int(os.environ.get("AZIMUTH_ORACLE_WORLDS", "2"))
ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", "50"))
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", "1"))


class ClientWorld(World, Random):
    """Of what the client understands."""

    def __init__(self, seed, count):
        super().__init__(seed, count)
        for name in "wm":
            del self.dense[name]["datatype"]


class Comparison:
    def __init__(self, engine, local, queries, part):
        self.engine = engine
        self.local = local
        self.queries = queries
        self.part = part

    def search(self, bodies):
        """All that passes, whatever the limits."""
        found = self.local.ask(queries=[
            {**body, "limit": POINTS, "offset": 0} for body in bodies])
        return [[(str(id), score, (payload, vectors))
                 for id, score, payload, vectors in hits] for hits in found]

    def everything(self, rounds, when):
        for begin in range(0, rounds, BATCH):
            made = [self.queries.one()
                    for _ in range(min(BATCH, rounds - begin))]
            bodies = [body for _, body in made]
            every = self.search(bodies)
            for name in NAMES:
                found = ours.search(self.engine, name, bodies)
                for (kind, body), got, wanted in zip(made, found, every):
                    is_walk = name == "indexed" and not (
                        body.get("params") or {}).get("exact")
                    differs = difference(got, wanted, body, not is_walk)
                    self.part.check(
                        kind.replace("beside edge", "beside the client"),
                        differs is None,
                        lambda: (name, when, differs, json.dumps(body)))


@pytest.mark.parametrize("number", range(WORLDS))
def test_worlds_are_those_of_the_local_mode(engine, local, part, number):
    number += SEED * 100 + 50
    world = ClientWorld(number, POINTS)
    points = world.points()
    plain = collection("plain", world, number)
    local.ask(create={key: plain[key] for key in ("vectors", "sparse_vectors")})
    local.ask(points=points)
    for name in NAMES:
        engine.call("PUT", f"/collections/{name}",
                    collection(name, world, number)).result
        engine.upsert(name, points)
    index_ours(engine, number, text_schema(number))
    whole = [point["id"] for point in points if len(point["vector"]) == 6]
    comparison = Comparison(engine, local, Queries(world, whole, True), part)
    comparison.queries.has_corpus = False  # it knows none
    comparison.everything(ROUNDS // 2, "fresh")
    assert engine.stop() == 0
    engine.start()
    comparison.everything(ROUNDS // 4, "restarted")
    changed = [world.point(id) for id in world.ids_made[::3]]
    for name in NAMES:
        engine.upsert(name, changed)
    local.ask(points=changed)
    engine.kill()
    engine.start()
    gone = {point["id"] for point in changed if len(point["vector"]) < 6}
    comparison.queries.ids = [id for id in whole if id not in gone]
    comparison.everything(ROUNDS // 4, "killed")
