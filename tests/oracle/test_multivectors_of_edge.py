# SPDX-License-Identifier: Apache-2.0
"""The same multivectors, changes and queries for azimuthd and for qdrant-edge,
under every distance and datatype: both score the same, before and after a
restart, in memory and on disk.

  AZIMUTH_ORACLE_ROUNDS   queries for each world (default: 120)
  AZIMUTH_ORACLE_SEED     the first world's seed (default: 1)
"""
import os

import pytest
import qdrant_edge as q
from multivectors import DISTANCES, Multivectors, assert_same

POINTS = 300
ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", "120"))
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", "1"))


DATATYPES = {"float32": q.VectorStorageDatatype.Float32,
             "float16": q.VectorStorageDatatype.Float16,
             "uint8": q.VectorStorageDatatype.Uint8}


class Shard:
    def __init__(self, folder, distance, dim, datatype):
        folder.mkdir()
        self.shard = q.EdgeShard.create(str(folder), q.EdgeConfig(
            vectors={"m": q.EdgeVectorParams(
                size=dim, distance=getattr(q.Distance, distance),
                datatype=DATATYPES[datatype],
                multivector_config=q.MultiVectorConfig(
                    comparator=q.MultiVectorComparator.MaxSim))}))

    def upsert(self, points):
        self.shard.update(q.UpdateOperation.upsert_points(
            [q.Point(id=p["id"], vector=p["vector"], payload=p["payload"])
             for p in points]))

    def delete(self, ids):
        self.shard.update(q.UpdateOperation.delete_points(ids))

    def vectors(self, ids):
        return {record.id: record.vector["m"] for record in
                self.shard.retrieve(ids, False, True)}

    def query(self, query, limit, below):
        filter = None if below is None else q.Filter(must=[q.FieldCondition(
            key="n", range=q.RangeFloat(lt=below))])
        return [(h.id, h.score) for h in self.shard.query(q.QueryRequest(
            limit=limit, query=q.Query.Nearest(query, using="m"),
            filter=filter, params=q.SearchParams(exact=True)))]


def ours(engine, name, query, limit, below):
    body = {"query": query, "using": "m", "limit": limit}
    if below is not None:
        body["filter"] = {"must": [{"key": "n", "range": {"lt": below}}]}
    hits = engine.call("POST", f"/collections/{name}/points/query", body)
    return [(h["id"], h["score"]) for h in hits.result["points"]]


def change(world, engine, shard, names, points):
    """Some points get other multivectors, some go."""
    changed = [world.point(i) for i in world.random.sample(
        range(POINTS), POINTS // 4)]
    gone = world.random.sample(range(POINTS), POINTS // 10)
    shard.upsert(changed)
    shard.delete(gone)
    for name in names:
        engine.upsert(name, changed)
        assert engine.call(
            "POST", f"/collections/{name}/points/delete?wait=true",
            {"points": gone}).status == 200
    points.update({p["id"]: p for p in changed})
    for i in gone:
        points.pop(i, None)


def compare(world, engine, shard, names, points, rounds):
    for _ in range(rounds):
        query = world.query(list(points.values()))
        limit = world.random.choice((1, 5, 10, 100))
        below = world.random.choice((None, None, 1, 10, 40))
        expected = shard.query(query, limit, below)
        for name in names:
            assert_same(ours(engine, name, query, limit, below), expected,
                        (name, world.dim, limit, below), world.near)


def same_vectors(engine, shard, name, points, near):
    ids = sorted(points)
    theirs = shard.vectors(ids)
    for id, record in engine.get(name, ids).items():
        ours = record["vector"]["m"]
        assert len(ours) == len(theirs[id])
        for a, b in zip(ours, theirs[id]):
            assert a == pytest.approx(list(b), rel=near, abs=near / 10), id


@pytest.mark.parametrize("datatype", DATATYPES)
@pytest.mark.parametrize("distance", DISTANCES)
def test_scores_are_those_of_the_reference(engine, tmp_path, tally,
                                           distance, datatype):
    world = Multivectors(SEED * 10 + DISTANCES.index(distance),
                         above_zero=datatype == "uint8")
    shard = Shard(tmp_path / "edge", distance, world.dim, datatype)
    names = ("memory", "disk")
    for name in names:
        engine.call("DELETE", f"/collections/{name}")
        assert engine.call("PUT", f"/collections/{name}", {"vectors": {"m": {
            "size": world.dim, "distance": distance,
            "on_disk": name == "disk", "datatype": datatype,
            "multivector_config": {"comparator": "max_sim"}}}}).status == 200
    points = {i: world.point(i) for i in range(POINTS)}
    shard.upsert(list(points.values()))
    for name in names:
        engine.upsert(name, list(points.values()))
    change(world, engine, shard, names, points)
    # Unit vectors of halves are rounded from floats that may differ.
    is_rounded = (datatype, distance) == ("float16", "Cosine")
    world.near = 1e-3 if is_rounded else 1e-4
    for name in names:
        same_vectors(engine, shard, name, points, 1e-3 if is_rounded else 1e-6)
    compare(world, engine, shard, names, points, ROUNDS // 2)
    engine.kill()
    engine.start()
    compare(world, engine, shard, names, points, ROUNDS - ROUNDS // 2)
    tally.add(f"query beside edge: multivector, {datatype}, {distance}",
              ROUNDS * len(names))
