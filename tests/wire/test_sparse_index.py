# SPDX-License-Identifier: Apache-2.0
"""The datatype of a sparse index: what comes back is what was sent, scores are
those of the rounded weights, before and after kill -9; an index of halves or
bytes is as small as it says; a PATCH counts from the next start on."""
import numpy
import pytest

COUNT = 30000
INDICES = 400
ENTRIES = 30
# Of a weight up to 4 and of the bytes of an entry beside float32's.
DATATYPES = {"float32": (1e-6, 1), "float16": (4 / 2048, 0.8),
             "uint8": (4 / 255, 0.7)}


@pytest.fixture(scope="module")
def rows():
    random = numpy.random.default_rng(9)
    rows = []
    for _ in range(COUNT):
        indices = numpy.unique((INDICES ** random.random(ENTRIES)).astype(int))
        rows.append((indices, random.uniform(0.01, 4, len(indices))))
    return rows


def fill(engine, name, rows, **index):
    engine.call("PUT", f"/collections/{name}", {
        "sparse_vectors": {"s": {"index": index}}}).result
    for begin in range(0, COUNT, 3000):
        engine.upsert(name, [
            {"id": i, "vector": {"s": {"indices": rows[i][0].tolist(),
                                       "values": rows[i][1].tolist()}}}
            for i in range(begin, begin + 3000)])


def index_size(engine, name):
    memory = engine.call("GET", f"/collections/{name}/memory").result
    return memory["sparse_vectors"][0]["index"]["ram_bytes"]


def dense(rows):
    table = numpy.zeros((COUNT, INDICES + 1))
    for i, (indices, weights) in enumerate(rows):
        table[i, indices] = weights
    return table


def check(engine, name, rows, table, error):
    random = numpy.random.default_rng(2)
    for _ in range(10):
        indices = numpy.unique(random.integers(1, INDICES, 12))
        weights = random.uniform(0.1, 2, len(indices))
        scores = table[:, indices] @ weights
        near = 1e-4 + error * weights.sum()
        hits = engine.call("POST", f"/collections/{name}/points/query", {
            "query": {"indices": indices.tolist(), "values": weights.tolist()},
            "using": "s", "limit": 10}).result["points"]
        assert [hit["score"] for hit in hits] == pytest.approx(
            numpy.sort(scores)[::-1][:10].tolist(), abs=near)
        for hit in hits:
            assert hit["score"] == pytest.approx(scores[hit["id"]], abs=near)
    vector = engine.get(name, [7])[7]["vector"]["s"]
    assert vector["indices"] == rows[7][0].tolist()
    assert vector["values"] == pytest.approx(rows[7][1].tolist(), rel=1e-6)


def test_an_index_of_fewer_bytes(engine_factory, rows):
    engine = engine_factory().start()
    table = dense(rows)
    sizes = {}
    for datatype, (error, _) in DATATYPES.items():
        fill(engine, datatype, rows, datatype=datatype)
        check(engine, datatype, rows, table, error)
        sizes[datatype] = index_size(engine, datatype)
    for datatype, (_, share) in DATATYPES.items():
        assert sizes[datatype] <= share * sizes["float32"]
    engine.kill()
    engine.start()
    for datatype, (error, _) in DATATYPES.items():
        check(engine, datatype, rows, table, error)
    assert engine.stop() == 0


def test_a_change_counts_from_the_next_start_on(engine_factory, rows):
    engine = engine_factory().start()
    fill(engine, "c", rows)
    before = index_size(engine, "c")
    engine.call("PATCH", "/collections/c", {"sparse_vectors": {
        "s": {"index": {"datatype": "uint8"}}}}).result
    # What is not named stays.
    engine.call("PATCH", "/collections/c", {"sparse_vectors": {
        "s": {"index": {"on_disk": True}}}}).result
    assert engine.stop() == 0
    engine.start()
    info = engine.call("GET", "/collections/c").result
    assert info["config"]["params"]["sparse_vectors"] == {
        "s": {"index": {"datatype": "uint8", "on_disk": True}}}
    assert index_size(engine, "c") <= 0.7 * before
    check(engine, "c", rows, dense(rows), 4 / 255)
    assert engine.stop() == 0
