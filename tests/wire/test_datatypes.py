# SPDX-License-Identifier: Apache-2.0
"""Vectors of each datatype: what comes back is what is stored, scores are those
of what is stored, by scan and by walk, in memory and on disk, after a restart;
and the rows are as small as the datatype."""
import numpy
import pytest

COUNT = 3000
DIM = 96
SIZES = {"float32": 4, "float16": 2, "uint8": 1}
METRICS = ["Cosine", "Euclid", "Dot", "Manhattan"]


def unit(rows):
    length = numpy.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / numpy.where(length == 0, 1, length)


def stored(rows, datatype, metric):
    """The rule of each datatype, in numpy."""
    if datatype == "uint8":
        whole = numpy.trunc(numpy.nan_to_num(rows, nan=0))
        return numpy.clip(whole, 0, 255).astype(numpy.float32)
    if metric == "Cosine":
        rows = unit(rows)
    if datatype == "float16":
        rows = rows.astype(numpy.float16)
    return rows.astype(numpy.float32)


def scores(rows, query, metric):
    if metric == "Cosine" and rows.max() > 2:
        return unit(rows) @ unit(query)  # bytes keep their length
    if metric in ("Cosine", "Dot"):
        return rows @ query
    if metric == "Euclid":
        return numpy.linalg.norm(rows - query, axis=1)
    return numpy.abs(rows - query).sum(axis=1)


def best(rows, query, metric, count):
    found = scores(rows.astype(numpy.float64), query.astype(numpy.float64),
                   metric)
    order = found if metric in ("Euclid", "Manhattan") else -found
    return found, numpy.argsort(order, kind="stable")[:count]


@pytest.fixture(scope="module")
def rows():
    """Clusters, so that a walk has something to find; all over the range of
    bytes and a little beyond."""
    random = numpy.random.default_rng(3)
    centres = random.uniform(-20, 275, (40, DIM))
    spread = random.normal(0, 25, (COUNT, DIM))
    return (centres[random.integers(0, 40, COUNT)] + spread).astype(
        numpy.float32)


def fill(engine, name, rows):
    for at in range(0, len(rows), 500):
        engine.upsert(name, [{"id": i, "vector": rows[i].tolist()}
                             for i in range(at, min(at + 500, len(rows)))])


def search(engine, name, query, limit=10, **params):
    points = engine.call("POST", f"/collections/{name}/points/query", {
        "query": query.tolist(), "limit": limit, "params": params}).result
    return [(hit["id"], hit["score"]) for hit in points["points"]]


def check(engine, name, base, queries, metric):
    """Exact searches give the best and their scores; walks nearly all."""
    good = 0
    for query in queries:
        all_scores, wanted = best(base, query, metric, 10)
        size = max(1.0, numpy.abs(all_scores).max())
        found = search(engine, name, query, exact=True)
        assert [s for _, s in found] == pytest.approx(
            all_scores[wanted].tolist(), abs=2e-5 * size)
        walked = search(engine, name, query)
        for id, score in walked:
            assert score == pytest.approx(all_scores[id], abs=2e-5 * size)
        good += len({i for i, _ in walked} & {i for i, _ in found})
    assert good >= 0.97 * 10 * len(queries)


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("datatype", ["float16", "uint8"])
def test_answers_are_those_of_what_is_stored(engine, name, rows, datatype,
                                             metric, on_disk):
    answer = engine.call("PUT", f"/collections/{name}", {
        "vectors": {"size": DIM, "distance": metric, "datatype": datatype,
                    "on_disk": on_disk},
        "hnsw_config": {"full_scan_threshold": 10},
        "optimizers_config": {"indexing_threshold": 1}})
    assert answer.status == 200, answer
    fill(engine, name, rows)
    info = engine.wait_green(name)
    assert info["indexed_vectors_count"] == COUNT
    assert info["config"]["params"]["vectors"]["datatype"] == datatype
    base = stored(rows, datatype, metric)
    points = engine.get(name, range(0, COUNT, 97))
    for id, point in points.items():
        assert point["vector"] == pytest.approx(base[id].tolist(), abs=1e-6)
    queries = stored(rows[5:25] + 7, datatype, metric)
    check(engine, name, base, queries, metric)


@pytest.mark.parametrize("datatype", SIZES)
def test_a_restart_keeps_them(engine_factory, rows, datatype):
    engine = engine_factory().start()
    engine.call("PUT", "/collections/c", {
        "vectors": {"": {"size": DIM, "distance": "Cosine",
                         "datatype": datatype}},
        "hnsw_config": {"full_scan_threshold": 10},
        "optimizers_config": {"indexing_threshold": 1}})
    fill(engine, "c", rows)
    engine.wait_green("c")
    queries = stored(rows[:10] + 3, datatype, "Cosine")
    before = [search(engine, "c", q) for q in queries]
    kept = engine.get("c", range(0, COUNT, 50))
    used = engine.call("GET", "/collections/c/memory").result["vectors"][0]
    size = SIZES[datatype] * DIM * COUNT
    assert size <= used["storage"]["ram_bytes"] <= size * 1.1 + (1 << 17)
    engine.kill()
    engine.start()
    engine.wait_green("c")
    assert engine.get("c", range(0, COUNT, 50)) == kept
    check(engine, "c", stored(rows, datatype, "Cosine"), queries, "Cosine")
    assert [search(engine, "c", q, exact=True) for q in queries]
    assert before


def test_bytes_are_cut_and_clamped(engine, name):
    engine.call("PUT", f"/collections/{name}", {
        "vectors": {"size": 6, "distance": "Dot", "datatype": "uint8"}})
    engine.upsert(name, [
        {"id": 1, "vector": [-3.5, 0.99, 1.99, 254.6, 255.5, 1e9]}])
    assert engine.get(name, [1])[1]["vector"] == [0, 0, 1, 254, 255, 255]


def test_halves_end_at_their_largest(engine, name):
    """There is no infinity in JSON: it would be null, which no client takes."""
    half = {"size": 3, "distance": "Dot", "datatype": "float16"}
    engine.call("PUT", f"/collections/{name}", {"vectors": {
        "d": half,
        "m": {**half, "multivector_config": {"comparator": "max_sim"}}}})
    far = [65519.0, 65520.0, -3e38]
    engine.upsert(name, [{"id": 1, "vector": {"d": far, "m": [far, far]}}])
    kept = [65504, 65504, -65504]
    assert engine.get(name, [1])[1]["vector"] == {"d": kept, "m": [kept, kept]}
    for using, query in (("d", [0, 1, 0]), ("m", [[0, 1, 0]])):
        points = engine.call("POST", f"/collections/{name}/points/query", {
            "query": query, "using": using}).result["points"]
        assert [hit["score"] for hit in points] == [65504]


def test_a_bad_datatype_is_refused(engine, name):
    answer = engine.call("PUT", f"/collections/{name}", {
        "vectors": {"size": 6, "distance": "Dot", "datatype": "int8"}})
    assert answer.status == 400
    assert "untagged enum VectorsConfig" in answer.error
