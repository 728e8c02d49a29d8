# SPDX-License-Identifier: Apache-2.0
"""Vectors of each datatype and metric, for azimuthd and for qdrant-edge: the
same values come back, exact searches give the same scores, after a kill, too.

  AZIMUTH_ORACLE_ROUNDS   queries for each datatype and metric (default: 60)
  AZIMUTH_ORACLE_SEED     the seed (default: 1)
"""
import os

import numpy
import pytest
import qdrant_edge as q

POINTS = 120
ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", "60"))
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", "1"))
DATATYPES = {"float32": q.VectorStorageDatatype.Float32,
             "float16": q.VectorStorageDatatype.Float16,
             "uint8": q.VectorStorageDatatype.Uint8}
METRICS = {"Cosine": q.Distance.Cosine, "Dot": q.Distance.Dot,
           "Euclid": q.Distance.Euclid, "Manhattan": q.Distance.Manhattan}
# Tiny, large and odd values, as well as what datatypes cannot hold.
SCALES = (0.001, 1.0, 40.0, 300.0, 3000.0)


def vector(random, dim):
    scale = SCALES[random.integers(len(SCALES))]
    row = random.normal(scale / 2, scale, dim)
    if random.random() < 0.1:
        row[random.integers(dim):] = 0
    if random.random() < 0.1:
        row = numpy.round(row)
    return [float(numpy.float32(x)) for x in row]


def close(a, b, row, query, is_rounded):
    """Sums of floats may cancel each other out."""
    size = numpy.linalg.norm(row) * numpy.linalg.norm(query)
    near = 1e-3 if is_rounded else 2e-5
    return a == pytest.approx(b, rel=near, abs=near + 1e-6 * size)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("datatype", DATATYPES)
def test_a_datatype_answers_as_that_of_edge(engine, tmp_path, tally, datatype,
                                            metric):
    # Unit vectors of halves are rounded from floats that may differ.
    is_rounded = (datatype, metric) == ("float16", "Cosine")
    random = numpy.random.default_rng(SEED)
    dim = int(random.integers(1, 70))
    name = f"datatype-{datatype}-{metric}"
    engine.call("DELETE", f"/collections/{name}")
    answer = engine.call("PUT", f"/collections/{name}", {
        "vectors": {"size": dim, "distance": metric, "datatype": datatype}})
    assert answer.status == 200, answer
    shard = q.EdgeShard.create(str(tmp_path), q.EdgeConfig(
        vectors=q.EdgeVectorParams(size=dim, distance=METRICS[metric],
                                   datatype=DATATYPES[datatype])))
    rows = [vector(random, dim) for _ in range(POINTS)]
    engine.upsert(name, [{"id": i, "vector": row}
                         for i, row in enumerate(rows)])
    shard.update(q.UpdateOperation.upsert_points(
        [q.Point(id=i, vector=row) for i, row in enumerate(rows)]))
    ours = engine.get(name, range(POINTS))
    theirs = {record.id: record.vector for record in shard.retrieve(
        list(range(POINTS)), False, True)}
    for id in range(POINTS):
        assert ours[id]["vector"] == pytest.approx(
            list(theirs[id]), rel=1e-3 if is_rounded else 1e-6,
            abs=1e-7), (id, rows[id])
    for round in range(ROUNDS):
        if round == ROUNDS // 2:
            engine.kill()
            engine.start()
        query = vector(random, dim)
        found = engine.call("POST", f"/collections/{name}/points/query", {
            "query": query, "limit": POINTS,
            "params": {"exact": True}}).result["points"]
        wanted = shard.query(q.QueryRequest(
            limit=POINTS, query=q.Query.Nearest(query),
            params=q.SearchParams(exact=True)))
        ours = {hit["id"]: hit["score"] for hit in found}
        assert len(ours) == len(wanted) == POINTS
        for hit in wanted:
            assert close(ours[hit.id], hit.score, rows[hit.id], query,
                         is_rounded), (
                hit.id, rows[hit.id], query)
        tally.add(f"query beside edge: {datatype}, {metric}")
    engine.call("DELETE", f"/collections/{name}")
