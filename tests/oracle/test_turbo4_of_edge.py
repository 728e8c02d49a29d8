# SPDX-License-Identifier: Apache-2.0
"""The datatype turbo4 beside that of qdrant-edge. Rotations differ, so numbers
do: what comes back is as near to what was stored as theirs, scores are as near
to those of the floats, exact searches find as many of the nearest; as dense
vectors and as multivectors, after a kill, too.

  AZIMUTH_ORACLE_ROUNDS   queries for each metric (default: 60)
  AZIMUTH_ORACLE_SEED     the seed (default: 1)
"""
import os

import numpy
import pytest
import qdrant_edge as q

POINTS = 1000
ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", "60"))
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", "1"))
METRICS = {"Cosine": q.Distance.Cosine, "Dot": q.Distance.Dot,
           "Euclid": q.Distance.Euclid, "Manhattan": q.Distance.Manhattan}
DIMS = (128, 200, 384)
# How much worse than theirs may be ours: a grid of 16 even steps takes 1.15 % of
# a vector's square, the best of 16 uneven ones, which is theirs, 0.95 %.
SLACK = 1.2


def unit(rows):
    return rows / numpy.linalg.norm(rows, axis=-1, keepdims=True)


def scores(rows, query, metric):
    if metric == "Cosine":
        return unit(rows) @ unit(query)
    if metric == "Dot":
        return rows @ query
    if metric == "Euclid":
        return numpy.linalg.norm(rows - query, axis=1)
    return numpy.abs(rows - query).sum(axis=1)


def ours_of(engine, name, query):
    return {hit["id"]: hit["score"] for hit in engine.call(
        "POST", f"/collections/{name}/points/query", {
            "query": query, "limit": POINTS,
            "params": {"exact": True}}).result["points"]}


def theirs_of(shard, query):
    return {hit.id: hit.score for hit in shard.query(q.QueryRequest(
        limit=POINTS, query=q.Query.Nearest(query),
        params=q.SearchParams(exact=True)))}


def is_ascending(metric):
    return metric in ("Euclid", "Manhattan")


def nearest(found, metric):
    order = sorted(found, key=lambda i: found[i] if is_ascending(metric)
                   else -found[i])
    return set(order[:10])


def lost_of(back, rows):
    return numpy.linalg.norm(back - rows, axis=1) / numpy.linalg.norm(
        rows, axis=1)


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("metric", METRICS)
def test_turbo4_is_as_good_as_that_of_edge(engine, tmp_path, tally, metric,
                                           dim):
    random = numpy.random.default_rng(SEED + dim)
    name = f"turbo4-{metric}-{dim}"
    rows = (random.normal(0, 1, (POINTS, dim)) +
            random.normal(0, 1, (40, dim))[random.integers(0, 40, POINTS)])
    engine.call("DELETE", f"/collections/{name}")
    answer = engine.call("PUT", f"/collections/{name}", {
        "vectors": {"size": dim, "distance": metric, "datatype": "turbo4"}})
    assert answer.status == 200, answer
    shard = q.EdgeShard.create(str(tmp_path), q.EdgeConfig(
        vectors=q.EdgeVectorParams(
            size=dim, distance=METRICS[metric],
            datatype=q.VectorStorageDatatype.Turbo4)))
    engine.upsert(name, [{"id": i, "vector": row}
                         for i, row in enumerate(rows.tolist())])
    shard.update(q.UpdateOperation.upsert_points(
        [q.Point(id=i, vector=row) for i, row in enumerate(rows.tolist())]))
    wanted = unit(rows) if metric == "Cosine" else rows
    points = engine.get(name, range(POINTS))
    ours = lost_of(numpy.array([points[i]["vector"] for i in range(POINTS)]),
                   wanted)
    records = {record.id: record.vector for record in shard.retrieve(
        list(range(POINTS)), False, True)}
    theirs = lost_of(numpy.array([records[i] for i in range(POINTS)]), wanted)
    assert ours.mean() <= SLACK * theirs.mean(), (ours.mean(), theirs.mean())
    found = {"ours": 0, "theirs": 0}
    off = {"ours": 0.0, "theirs": 0.0}
    for round in range(ROUNDS):
        if round == ROUNDS // 2:
            engine.kill()
            engine.start()
        query = rows[random.integers(POINTS)] + random.normal(0, 1, dim)
        true = dict(enumerate(scores(rows, query, metric).tolist()))
        for who, answer in (("ours", ours_of(engine, name, query.tolist())),
                            ("theirs", theirs_of(shard, query.tolist()))):
            assert len(answer) == POINTS
            found[who] += len(nearest(answer, metric) & nearest(true, metric))
            off[who] += numpy.mean([abs(answer[i] - true[i]) for i in true])
        tally.add(f"query beside edge: turbo4, {metric}")
    assert found["ours"] >= found["theirs"] - 0.05 * 10 * ROUNDS, found
    assert off["ours"] <= SLACK * off["theirs"], off
    engine.call("DELETE", f"/collections/{name}")
