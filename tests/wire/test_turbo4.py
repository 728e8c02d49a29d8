# SPDX-License-Identifier: Apache-2.0
"""The datatype turbo4: 4 bits for each component, rotated, as the vectors
themselves. What comes back is near to what was stored and of the same length;
scores are those of what comes back, by scan and by walk, in memory and on disk,
as multivectors, beside quantization, on names that come later, after kills and
from snapshots; and the rows are as small as that."""
import threading

import numpy
import pytest

COUNT = 2500
QUERIES = 30
METRICS = ["Cosine", "Euclid", "Dot", "Manhattan"]
# 96 is filled up to 128 components, 384 to none.
DIMS = [96, 384]
WALKED = {"hnsw_config": {"full_scan_threshold": 10},
          "optimizers_config": {"indexing_threshold": 1}}


@pytest.fixture(scope="module")
def rows():
    random = numpy.random.default_rng(5)
    centres = random.normal(0, 3, (60, 384))
    spread = random.normal(0, 2, (COUNT + QUERIES, 384))
    return (centres[random.integers(0, 60, len(spread))] + spread).astype(
        numpy.float32)


def create(engine, name, size, distance, quantization=None, **more):
    body = {"vectors": {"size": size, "distance": distance,
                        "datatype": "turbo4", **more}, **WALKED}
    if quantization:
        body["quantization_config"] = quantization
    answer = engine.call("PUT", f"/collections/{name}", body)
    assert answer.status == 200, answer


def fill(engine, name, rows, key=None):
    for at in range(0, len(rows), 500):
        engine.upsert(name, [
            {"id": i, "vector": {key: rows[i].tolist()} if key
             else rows[i].tolist()}
            for i in range(at, min(at + 500, len(rows)))])
    return engine.wait_green(name)


def kept(engine, name, count=COUNT, key=None):
    points = engine.get(name, range(count))
    return numpy.array([points[i]["vector"][key] if key
                        else points[i]["vector"] for i in range(count)])


def unit(rows):
    return rows / numpy.linalg.norm(rows, axis=-1, keepdims=True)


def scores(base, query, metric):
    if metric == "Cosine":
        return base @ unit(query)
    if metric == "Dot":
        return base @ query
    if metric == "Euclid":
        return numpy.linalg.norm(base - query, axis=1)
    return numpy.abs(base - query).sum(axis=1)


def query(engine, name, vector, **more):
    return [(hit["id"], hit["score"]) for hit in engine.call(
        "POST", f"/collections/{name}/points/query",
        {"query": vector, "limit": 10, **more}).result["points"]]


def check(engine, name, base, queries, metric, least=0.97, **more):
    """Exact searches have the scores of what comes back, walks find the same."""
    good = 0
    for vector in queries:
        wanted = scores(base, vector.astype(numpy.float64), metric)
        order = wanted if metric in ("Euclid", "Manhattan") else -wanted
        best = numpy.argsort(order, kind="stable")[:10]
        near = 1e-4 * max(1.0, numpy.abs(wanted).max())
        found = query(engine, name, vector.tolist(), params={"exact": True},
                      **more)
        assert [s for _, s in found] == pytest.approx(
            wanted[best].tolist(), abs=near)
        walked = query(engine, name, vector.tolist(), **more)
        for id, score in walked:
            assert score == pytest.approx(wanted[id], abs=near)
        good += sum(order[id] <= order[best[-1]] + near for id, _ in walked)
    assert good >= least * 10 * len(queries)


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dim", DIMS)
def test_scores_are_those_of_what_comes_back(engine, name, rows, dim, metric,
                                             on_disk):
    create(engine, name, dim, metric, on_disk=on_disk)
    info = fill(engine, name, rows[:COUNT, :dim])
    assert info["indexed_vectors_count"] == COUNT
    assert info["config"]["params"]["vectors"]["datatype"] == "turbo4"
    base = kept(engine, name)
    stored = rows[:COUNT, :dim].astype(numpy.float64)
    stored = unit(stored) if metric == "Cosine" else stored
    lengths = numpy.linalg.norm(stored, axis=1)
    assert numpy.linalg.norm(base, axis=1) == pytest.approx(lengths, rel=1e-4)
    lost = numpy.linalg.norm(base - stored, axis=1) / lengths
    assert 0.02 < lost.mean() < 0.12 and lost.max() < 0.35
    check(engine, name, base, rows[COUNT:, :dim], metric)


def test_what_is_stored_again_stays(engine, name, rows):
    """A vector that was read can be written: nothing is lost twice."""
    create(engine, name, 384, "Dot")
    fill(engine, name, rows[:200])
    before = kept(engine, name, 200)
    fill(engine, name, before)
    assert kept(engine, name, 200) == pytest.approx(before, abs=1e-4)
    assert query(engine, name, 7)[0][0] != 7


@pytest.mark.parametrize("metric,extra", [("Cosine", 0), ("Euclid", 8)])
def test_rows_are_small_and_serve_as_codes(engine_factory, rows, metric,
                                           extra):
    engine = engine_factory().start()
    create(engine, "c", 384, metric)
    fill(engine, "c", rows[:COUNT])
    used = engine.call("GET", "/collections/c/memory").result["vectors"][0]
    size = 208 * COUNT
    assert size <= used["storage"]["ram_bytes"] <= size * 1.1 + (1 << 17)
    codes = used.get("quantized", {"ram_bytes": 0})["ram_bytes"]
    assert codes <= extra * COUNT * 1.1 + (1 << 17)
    base = kept(engine, "c")
    engine.kill()
    engine.start()
    engine.wait_green("c")
    assert (kept(engine, "c") == base).all()
    check(engine, "c", base, rows[COUNT:], metric)


@pytest.mark.parametrize("metric", ["Cosine", "Euclid"])
def test_quantization_is_switched_beside_it(engine_factory, rows, metric):
    """Searches go on, whatever walks go by; over a kill."""
    engine = engine_factory().start()
    create(engine, "c", 384, metric, {"binary": {}})
    fill(engine, "c", rows[:COUNT])
    base = kept(engine, "c")
    stop, failed = threading.Event(), []

    def read():
        while not stop.is_set():
            try:
                check(engine, "c", base, rows[COUNT:COUNT + 5], metric, 0.5)
            except AssertionError as error:
                failed.append(error)
                return

    reader = threading.Thread(target=read)
    reader.start()
    for config in ({"turbo": {"bits": "bits4"}}, {"scalar": {"type": "int8"}},
                   "Disabled", {"turbo": {"bits": "bits1"}},
                   {"product": {"compression": "x8"}}):
        answer = engine.call("PATCH", "/collections/c",
                             {"quantization_config": config})
        assert answer.status == 200, answer
        fill(engine, "c", rows[:100])
        check(engine, "c", base, rows[COUNT:], metric)
    stop.set()
    reader.join()
    assert not failed, failed
    engine.kill()
    engine.start()
    engine.wait_green("c")
    check(engine, "c", base, rows[COUNT:], metric)


def test_points_come_and_go(engine_factory, rows):
    """Sweeps, slots used again, a collection that shrinks, a snapshot."""
    engine = engine_factory().start()
    create(engine, "c", 384, "Dot")
    fill(engine, "c", rows[:COUNT])
    for begin in (0, 900):
        engine.call("POST", "/collections/c/points/delete?wait=true",
                    {"points": list(range(begin, begin + 800))})
        engine.wait_green("c")
    engine.upsert("c", [{"id": i, "vector": rows[i].tolist()}
                        for i in range(300)])
    engine.wait_green("c")
    ids = [*range(300), *range(800, 900), *range(1700, COUNT)]
    assert engine.count("c") == len(ids)
    points = engine.get("c", ids)
    base = numpy.full((COUNT, 384), 0.0)
    for id in ids:
        base[id] = points[id]["vector"]
    vector = rows[COUNT]
    wanted = sorted(ids, key=lambda id: -(base[id] @ vector))[:10]
    found = query(engine, "c", vector.tolist(), params={"exact": True})
    assert [id for id, _ in found] == wanted
    snapshot = engine.call("POST", "/collections/c/snapshots").result["name"]
    engine.call("DELETE", "/collections/c")
    answer = engine.call("PUT", "/collections/c/snapshots/recover?wait=true", {
        "location": f"file://{engine.folder}/snapshots/c/{snapshot}"})
    assert answer.status == 200, answer
    engine.wait_green("c")
    assert engine.get("c", ids) == points
    assert query(engine, "c", vector.tolist(),
                 params={"exact": True}) == found
    info = engine.call("GET", "/collections/c").result["config"]["params"]
    assert info["vectors"]["datatype"] == "turbo4"


@pytest.mark.parametrize("metric", METRICS)
def test_multivectors(engine, name, rows, metric):
    create(engine, name, 96, metric,
           multivector_config={"comparator": "max_sim"})
    random = numpy.random.default_rng(2)
    texts = [rows[random.integers(0, COUNT, random.integers(1, 9)), :96]
             for _ in range(300)]
    engine.upsert(name, [{"id": i, "vector": text.tolist()}
                         for i, text in enumerate(texts)])
    engine.wait_green(name)
    points = engine.get(name, range(len(texts)))
    base = [numpy.array(points[i]["vector"]) for i in range(len(texts))]
    for text, back in zip(texts, base):
        wanted = unit(text) if metric == "Cosine" else text
        lost = numpy.linalg.norm(back - wanted, axis=1)
        assert (lost < 0.35 * numpy.linalg.norm(wanted, axis=1)).all()
    asked = texts[7].astype(numpy.float64) + 0.1
    if metric in ("Cosine", "Dot"):
        best = [sum(max(scores(back, row, metric)) for row in asked)
                for back in base]
    else:
        best = [-sum(min(scores(back, row, metric) if metric == "Manhattan"
                         else scores(back, row, metric) ** 2)
                     for row in asked) for back in base]
    order = numpy.argsort(-numpy.array(best))[:10]
    found = query(engine, name, asked.tolist(), params={"exact": True})
    assert [id for id, _ in found][:3] == order[:3].tolist()
    if metric in ("Cosine", "Dot"):
        assert [s for _, s in found] == pytest.approx(
            [best[i] for i in order], rel=1e-3)


def test_a_name_that_comes_later(engine_factory, rows):
    engine = engine_factory().start()
    engine.create("c", 2, "Dot")
    engine.upsert("c", [{"id": i, "vector": [i, 1]} for i in range(200)])
    path = "/collections/c/vectors/t?wait=true"
    body = {"dense": {"size": 128, "distance": "Cosine", "datatype": "turbo4"}}
    assert engine.call("PUT", path, body).status == 200
    answer = engine.call("PUT", path, {"dense": {
        "size": 128, "distance": "Cosine", "datatype": "uint8"}})
    assert answer.status == 400
    assert "already exists with a different" in answer.error
    assert engine.call("PUT", path, body).status == 200
    answer = engine.call("PUT", "/collections/c/points/vectors?wait=true", {
        "points": [{"id": i, "vector": {"t": rows[i, :128].tolist()}}
                   for i in range(200)]})
    assert answer.status == 200, answer
    base = kept(engine, "c", 200, "t")
    check(engine, "c", base, rows[COUNT:, :128], "Cosine", using="t")
    engine.kill()
    engine.start()
    engine.wait_green("c")
    assert (kept(engine, "c", 200, "t") == base).all()
    found = engine.call("GET", "/collections/c").result["config"]["params"]
    assert found["vectors"]["t"]["datatype"] == "turbo4"


def test_what_takes_vectors_of_points_takes_these(engine, name, rows):
    """By id, recommend, mmr, the matrix; thresholds; writing one vector."""
    create(engine, name, 128, "Euclid")
    fill(engine, name, rows[:400, :128])
    base = kept(engine, name, 400)
    answer = engine.call("PUT", f"/collections/{name}/points/vectors?wait=true",
                         {"points": [{"id": 3, "vector": base[9].tolist()}]})
    assert answer.status == 200, answer
    by_id = query(engine, name, 9, params={"exact": True})
    # The length of the difference of what is the same but for rounding.
    assert by_id[0][0] == 3 and by_id[0][1] < 2e-3 * numpy.linalg.norm(base[9])
    liked = query(engine, name, {"recommend": {
        "positive": [1, 2], "negative": [300]}})
    assert len(liked) == 10 and not {1, 2, 300} & {id for id, _ in liked}
    best = query(engine, name, {"recommend": {
        "positive": [1, 2], "strategy": "sum_scores"}})
    sums = {i: -(numpy.linalg.norm(base[1] - base[i]) ** 2 +
                 numpy.linalg.norm(base[2] - base[i]) ** 2)
            for i in range(400) if i not in (1, 2, 3)}
    wanted = sorted(sums, key=lambda i: -sums[i])[:3]
    assert [id for id, _ in best if id != 3][:3] == wanted
    near = query(engine, name, base[20].tolist(), score_threshold=0.5)
    assert [id for id, _ in near] == [20]
    diverse = query(engine, name, {"nearest": base[5].tolist(),
                                   "mmr": {"diversity": 0.3}})
    assert len(diverse) == 10
    pairs = engine.call("POST", f"/collections/{name}/points/search/matrix/"
                        "pairs", {"sample": 50, "limit": 3}).result["pairs"]
    assert pairs
    for pair in pairs[:20]:
        if 3 in (pair["a"], pair["b"]):
            continue
        assert pair["score"] == pytest.approx(numpy.linalg.norm(
            base[pair["a"]] - base[pair["b"]]), rel=1e-2)


def test_it_is_for_dense_vectors(engine, name):
    sparse = {"s": {"index": {"datatype": "turbo4"}}}
    answer = engine.call("PUT", f"/collections/{name}",
                         {"sparse_vectors": sparse})
    assert answer.status == 400
    assert "sparse_vectors.s.index.datatype: turbo4 is for dense vectors" \
        in answer.error
    create(engine, name, 4, "Dot")
    answer = engine.call("PUT", f"/collections/{name}/vectors/s?wait=true",
                         {"sparse": {"datatype": "turbo4"}})
    assert answer.status == 400 and "turbo4 is for dense" in answer.error


@pytest.mark.parametrize("dim", [1, 2, 7, 33, 3000])
def test_odd_dims_and_vectors(engine, name, dim):
    create(engine, name, dim, "Dot")
    random = numpy.random.default_rng(dim)
    odd = [numpy.zeros(dim), numpy.full(dim, 1e-30), numpy.full(dim, 1e30),
           numpy.eye(dim)[dim // 2], random.normal(0, 1, dim)]
    engine.upsert(name, [{"id": i, "vector": row.tolist()}
                         for i, row in enumerate(odd)])
    points = engine.get(name, range(len(odd)))
    assert points[0]["vector"] == [0.0] * dim
    for i, row in enumerate(odd[1:], 1):
        back = numpy.array(points[i]["vector"])
        lost = numpy.linalg.norm(back - row)
        assert lost <= 0.25 * numpy.linalg.norm(row), i
    assert [id for id, _ in query(engine, name, [1.0] * dim)][0] == 2
