# SPDX-License-Identifier: Apache-2.0
"""recall@10 of the graph against exact search, at the default settings. The
whole set of 77,688 where it is, the sample otherwise. Tie-aware: a hit counts
when its exact score is not worse than the tenth exact score by more than
1e-5 (the set has many exact duplicates)."""
import concurrent.futures
import json
import os

import numpy
import packages
import pytest

NAME = "recall"
QUERIES = int(os.environ.get("AZIMUTH_RECALL_QUERIES", "500"))
BATCH = 1000
TIE = 1e-5


@pytest.fixture(scope="module")
def data():
    whole = packages.whole()
    if whole is not None:
        return whole[0]
    points = packages.sample()
    vectors = numpy.array([p["vector"] for p in points], numpy.float32)
    return vectors


@pytest.fixture(scope="module")
def split(data):
    """(base, queries), unit length; queries are held out."""
    unit = data / numpy.linalg.norm(data, axis=1)[:, None]
    order = numpy.random.default_rng(7).permutation(len(unit))
    return unit[order[QUERIES:]], unit[order[:QUERIES]]


@pytest.fixture(scope="module")
def collection(engine, split):
    base, _ = split
    engine.call("DELETE", f"/collections/{NAME}")
    # A graph even for the sample, which is below the usual threshold.
    engine.create(NAME, base.shape[1], hnsw_config={"full_scan_threshold": 10},
                  optimizers_config={"indexing_threshold": 1})
    connection = engine.connect()
    for at in range(0, len(base), BATCH):
        ids = range(at, min(at + BATCH, len(base)))
        body = json.dumps({"batch": {
            "ids": list(ids),
            "vectors": base[ids.start:ids.stop].tolist()}})
        answer = engine.call("PUT", f"/collections/{NAME}/points?wait=true",
                             body, connection=connection)
        assert answer.status == 200, answer
    connection.close()
    info = engine.wait_green(NAME)
    assert info["points_count"] == len(base)
    assert info["indexed_vectors_count"] == len(base)
    yield NAME
    engine.call("DELETE", f"/collections/{NAME}")


def search(engine, query, **params):
    answer = engine.call("POST", f"/collections/{NAME}/points/query", {
        "query": query.tolist(), "limit": 10, "params": params})
    return [(h["id"], h["score"]) for h in answer.result["points"]]


def test_recall_of_the_graph(engine, collection, split):
    base, queries = split
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda q: search(engine, q), queries))
    good = 0
    for query, hits in zip(queries, found):
        scores = base @ query
        tenth = numpy.partition(scores, -10)[-10]
        assert len(hits) == 10
        good += sum(scores[id] >= tenth - TIE for id, _ in hits)
    recall = good / (10 * len(queries))
    print(f"recall@10 over {len(base)} points: {recall:.4f}")
    assert recall >= 0.99


def test_exact_search_is_exact(engine, collection, split):
    base, queries = split
    for query in queries[:50]:
        scores = base @ query
        expected = numpy.sort(scores)[::-1][:10]
        got = [score for _, score in search(engine, query, exact=True)]
        assert numpy.abs(numpy.array(got) - expected).max() < TIE
