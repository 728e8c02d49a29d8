# SPDX-License-Identifier: Apache-2.0
"""Rows of multivectors: each datatype gives the answers of what is stored, by
scan and by walk, in memory and on disk, after kill -9, and is as small as it
says; rows on disk that a search reads fit into the memory of requests."""
import numpy
import pytest

DIM = 32
COUNT = 1200
SIZES = {"float16": 2, "uint8": 1}
WALKED = {"hnsw_config": {"full_scan_threshold": 10},
          "optimizers_config": {"indexing_threshold": 1}}


def config(distance, size=DIM, **more):
    return {"size": size, "distance": distance,
            "multivector_config": {"comparator": "max_sim"}, **more}


def unit(rows):
    length = numpy.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / numpy.where(length == 0, 1, length)


def stored(rows, datatype, distance):
    if datatype == "uint8":
        return numpy.clip(numpy.trunc(rows), 0, 255)
    if distance == "Cosine":
        rows = unit(rows)
    return rows.astype(numpy.float32).astype(numpy.float16).astype(float)


def score(query, rows, distance):
    if distance == "Cosine" and rows.max() > 2:
        query, rows = unit(query), unit(rows)  # bytes keep their length
    return (query @ rows.T).max(axis=1).sum()


def points_of(random):
    """Texts of a few topics: sub-vectors near those of their topic."""
    topics = random.uniform(-20, 275, (30, 6, DIM))
    return [topics[random.integers(30)][random.integers(0, 6, size)] +
            random.normal(0, 12, (size, DIM))
            for size in random.integers(1, 10, COUNT)]


def ask(engine, name, query, **params):
    points = engine.call("POST", f"/collections/{name}/points/query", {
        "query": query.tolist(), "limit": 10, "params": params}).result
    return [(hit["id"], hit["score"]) for hit in points["points"]]


def check(engine, name, base, queries, distance):
    """Exact; by a walk with as many candidates as it likes; with few, which
    only a good order of the encodings puts among the best."""
    good = few = 0
    for query in queries:
        scores = numpy.array([score(query, rows, distance) for rows in base])
        best = numpy.sort(scores)[::-1][:10]
        near = 2e-5 * max(1.0, abs(best[0]))
        assert [s for _, s in ask(engine, name, query, exact=True)] == \
            pytest.approx(best.tolist(), abs=near)
        for id, found in ask(engine, name, query):
            assert found == pytest.approx(scores[id], abs=near)
            good += found >= best[-1] - near
        few += sum(found >= best[-1] - near
                   for _, found in ask(engine, name, query, hnsw_ef=100))
    share = 0.93 if distance == "Cosine" else 0.8
    assert few >= share * 10 * len(queries)
    assert good >= 0.97 * 10 * len(queries)


@pytest.mark.parametrize("distance", ["Cosine", "Dot"])
@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("datatype", SIZES)
def test_answers_are_those_of_what_is_stored(engine_factory, datatype, on_disk,
                                             distance):
    engine = engine_factory().start()
    random = numpy.random.default_rng(5)
    rows = points_of(random)
    vectors = config(distance, datatype=datatype, on_disk=on_disk)
    engine.call("PUT", "/collections/c", {"vectors": vectors,
                                          **WALKED}).result
    for begin in range(0, COUNT, 300):
        engine.upsert("c", [{"id": i, "vector": rows[i].tolist()}
                            for i in range(begin, begin + 300)])
    info = engine.wait_green("c")
    assert info["config"]["params"]["vectors"] == vectors
    base = [stored(row, datatype, distance) for row in rows]
    queries = [stored(rows[i] + random.normal(0, 4, rows[i].shape), datatype,
                      distance) for i in range(0, COUNT, COUNT // 12)]
    check(engine, "c", base, queries, distance)
    kept = engine.get("c", range(0, COUNT, 100))
    for id, point in kept.items():
        for row, right in zip(point["vector"], base[id]):
            assert row == pytest.approx(right.tolist(), abs=1e-6)
    size = sum(len(row) for row in rows) * DIM * SIZES[datatype]
    used = engine.call("GET", "/collections/c/memory").result["vectors"][0]
    if not on_disk:
        # Beside the row: its head, and what the allocator rounds up.
        assert size <= used["storage"]["ram_bytes"] <= size * 1.3 + (1 << 17)
    engine.kill()
    engine.start()
    engine.wait_green("c")
    assert engine.get("c", range(0, COUNT, 100)) == kept
    check(engine, "c", base, queries, distance)
    assert engine.stop() == 0


def test_a_point_is_asked_for_by_its_id(engine, name):
    engine.call("PUT", f"/collections/{name}", {
        "vectors": config("Dot", 2, datatype="uint8")}).result
    engine.upsert(name, [{"id": 1, "vector": [[1.9, 2.2], [-3, 400]]},
                         {"id": 2, "vector": [[1, 0]]},
                         {"id": 3, "vector": [[0, 3.7]]}])
    assert engine.get(name, [1])[1]["vector"] == [[1, 2], [0, 255]]
    hits = engine.call("POST", f"/collections/{name}/points/query",
                       {"query": 1}).result["points"]
    assert [(h["id"], h["score"]) for h in hits] == [(3, 771), (2, 1)]


def memory(megabytes):
    return f"  request_memory_mb: {megabytes}\n"


def test_reads_from_disk_fit_into_the_memory_of_requests(engine_factory):
    """64 rows of a megabyte with 16 for all requests: some at a time. With less
    than one row takes the search is refused and says which setting."""
    engine = engine_factory(more_config=memory(16)).start()
    engine.call("PUT", "/collections/c", {
        "vectors": config("Dot", 256, on_disk=True)}).result
    for id in range(64):
        row = [0] * 256
        row[id] = 1
        engine.upsert("c", [{"id": id, "vector": [row] * 1024}])
    query = [0.5] * 256
    query[7] = 2
    body = {"query": query, "params": {"exact": True}, "limit": 3}

    def best():
        answer = engine.call("POST", "/collections/c/points/query", body)
        return [hit["score"] for hit in answer.result["points"]]
    assert best() == [2, 0.5, 0.5]
    assert engine.stop() == 0
    engine.more_config = memory(1)
    engine.start()
    answer = engine.call("POST", "/collections/c/points/query", body)
    assert answer.status == 503, answer
    assert "service.request_memory_mb" in answer.error
    assert engine.stop() == 0
