# SPDX-License-Identifier: Apache-2.0
"""Random filters in searches over a graph, without payload indexes and with
one of every kind, after changes and a restart: what is found passes the filter
(as scroll says, which the tests beside this one hold against other engines),
nothing is missing where fewer pass than are asked for, and the nearest are
those of the exact search.

  AZIMUTH_ORACLE_ROUNDS   filters for each world (default: 60)
  AZIMUTH_ORACLE_SEED     the first world's seed (default: 1)
"""
import json
import os

import filters
import pytest

POINTS = 3000
DIM = 32
K = 10
WORLDS = 2
ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", "60"))
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", "1"))
KINDS = ("keyword", "integer", "float", "bool", "datetime", "geo", None)
RECALL_MIN = 0.97


def point(random, id):
    """Both vectors, sometimes only one."""
    made = random.point(id)
    made["vector"] = {
        name: [random.random.gauss(0, 1) for _ in range(DIM)]
        for name in made["vector"]}
    return made


def create(engine, name, points):
    size = {"size": DIM, "distance": "Cosine"}
    engine.call("PUT", f"/collections/{name}", {
        "vectors": {"v": size, "w": size},
        "hnsw_config": {"full_scan_threshold": 10},
        "optimizers_config": {"indexing_threshold": 20}}).result
    for at in range(0, len(points), 500):
        engine.upsert(name, points[at:at + 500])


def passing(engine, name, filter):
    found = engine.call("POST", f"/collections/{name}/points/scroll", {
        "filter": filter, "limit": 100000, "with_payload": False,
        "with_vector": False})
    return {point["id"] for point in found.result["points"]}


def nearest(engine, name, query, filter, **params):
    found = engine.call("POST", f"/collections/{name}/points/query", {
        "query": query, "using": "v", "filter": filter, "limit": K,
        "params": params})
    return [(hit["id"], hit["score"]) for hit in found.result["points"]]


def compare(engine, names, random, rounds, tally):
    """How many hits there should be, and how many were right."""
    right = wanted = 0
    for _ in range(rounds):
        filter = random.filter(0, POINTS)
        query = [random.random.gauss(0, 1) for _ in range(DIM)]
        for name in names:
            said = f"{name}: {json.dumps(filter)}"
            allowed = passing(engine, name, filter)
            exact = nearest(engine, name, query, filter, exact=True)
            found = nearest(engine, name, query, filter)
            assert {id for id, _ in found} <= allowed, said
            assert {id for id, _ in exact} <= allowed, said
            assert len(found) == len(exact), said
            assert len({id for id, _ in found}) == len(found), said
            wanted += len(exact)
            right += sum(score >= exact[-1][1] - 1e-5 for _, score in found)
            tally.add("filtered walk beside the exact search")
    return right, wanted


@pytest.mark.parametrize("world", range(WORLDS))
def test_filtered_searches_find_what_exact_ones_find(engine, tally, world):
    random = filters.Random(SEED + world)
    points = [point(random, id) for id in range(POINTS)]
    names = ("plain", "indexed")
    for name in names:
        create(engine, name, points)
    for number, field in enumerate(filters.FIELDS):
        kind = KINDS[(world + number * 2) % len(KINDS)]
        if kind is not None:
            engine.call("PUT", "/collections/indexed/index?wait=true", {
                "field_name": field, "field_schema": kind}).result
    sums = [compare(engine, names, random, ROUNDS, tally)]
    for name in names:
        engine.upsert(name, [point(random, id) for id in range(0, POINTS, 3)])
    sums.append(compare(engine, names, random, ROUNDS // 2, tally))
    assert engine.stop() == 0
    engine.start()
    sums.append(compare(engine, names, random, ROUNDS // 2, tally))
    for right, wanted in sums:
        assert right >= RECALL_MIN * wanted
    for name in names:
        engine.call("DELETE", f"/collections/{name}")
