# SPDX-License-Identifier: Apache-2.0
"""Multivectors over the wire: configuration, points in every form, searches
against MaxSim in plain Python, bad input, restarts and kill -9, memory."""
import math
import random
import time

import pytest

DIM = 8


def config(distance="Dot", size=DIM, **more):
    return {"size": size, "distance": distance,
            "multivector_config": {"comparator": "max_sim"}, **more}


def create(engine, name, vectors, **more):
    answer = engine.call("PUT", f"/collections/{name}",
                         {"vectors": vectors, **more})
    assert answer.status == 200, answer


def post(engine, name, route, body):
    return engine.call("POST", f"/collections/{name}/points{route}", body)


def rows_of(numbers, count, dim=DIM):
    return [[round(numbers.uniform(-1, 1), 3) for _ in range(dim)]
            for _ in range(count)]


def unit(row):
    length = math.sqrt(sum(x * x for x in row))
    return [x / length for x in row] if length else row


def similarity(distance, a, b):
    if distance == "Cosine":
        a, b = unit(a), unit(b)
    if distance == "Euclid":
        return -sum((x - y) ** 2 for x, y in zip(a, b))
    if distance == "Manhattan":
        return -sum(abs(x - y) for x, y in zip(a, b))
    return sum(x * y for x, y in zip(a, b))


def score(distance, query, rows):
    total = sum(max(similarity(distance, q, r) for r in rows) for q in query)
    if distance == "Euclid":
        return math.sqrt(-total)
    return -total if distance == "Manhattan" else total


def best(distance, query, points, limit):
    scores = [(score(distance, query, rows), i) for i, rows in points.items()]
    ascending = distance in ("Euclid", "Manhattan")
    return sorted(scores, key=lambda s: s if ascending else (-s[0], s[1])
                  )[:limit]


def check_search(engine, name, distance, points, numbers, **more):
    query = rows_of(numbers, numbers.randint(1, 20))
    hits = post(engine, name, "/query",
                {"query": query, "limit": 10, **more}).result["points"]
    expected = best(distance, query, points, 10)
    assert len(hits) == len(expected)
    for hit, (right, _) in zip(hits, expected):
        assert hit["score"] == pytest.approx(right, rel=1e-4, abs=1e-4)
        assert hit["score"] == pytest.approx(
            score(distance, query, points[hit["id"]]), rel=1e-4, abs=1e-4)


def test_configuration_is_echoed_kept_and_patched(engine, name):
    create(engine, name, {"m": config(on_disk=True),
                          "d": {"size": 2, "distance": "Dot"}})
    def vectors():
        info = engine.call("GET", f"/collections/{name}").result
        return info["config"]["params"]["vectors"]
    assert vectors()["m"] == config(on_disk=True)
    assert "multivector_config" not in vectors()["d"]
    answer = engine.call("PATCH", f"/collections/{name}",
                         {"vectors": {"m": {"hnsw_config": {"m": 8}}}})
    assert answer.status == 200
    assert vectors()["m"]["multivector_config"] == {"comparator": "max_sim"}


@pytest.mark.parametrize("bad", [{}, {"comparator": "mean"}, 7])
def test_another_comparator_is_refused(engine, name, bad):
    answer = engine.call("PUT", f"/collections/{name}", {"vectors": {
        **config(), "multivector_config": bad}})
    assert answer.status == 400


def test_points_come_back_as_lists_of_lists(engine, name):
    create(engine, name, config(size=2))
    engine.upsert(name, [{"id": 1, "vector": [[1, 2], [3, 4.5]]},
                         {"id": 2, "vector": [5, 6]}])
    batch = {"batch": {"ids": [3], "vectors": [[[1, 0], [0, 1]]]}}
    assert engine.call("PUT", f"/collections/{name}/points?wait=true",
                       batch).status == 200
    got = engine.get(name, [1, 2, 3])
    assert got[1]["vector"] == [[1, 2], [3, 4.5]]
    assert got[2]["vector"] == [[5, 6]]
    assert got[3]["vector"] == [[1, 0], [0, 1]]


def test_vectors_are_updated_and_deleted(engine, name):
    create(engine, name, {"m": config(size=2),
                          "d": {"size": 1, "distance": "Dot"}})
    engine.upsert(name, [{"id": i, "vector": {"m": [[i, 1]], "d": [1]},
                          "payload": {"n": i}} for i in range(1, 5)])
    answer = engine.call("PUT", f"/collections/{name}/points/vectors?wait=true",
                         {"points": [{"id": 1, "vector":
                                      {"m": [[7, 7], [8, 8], [9, 9]]}}]})
    assert answer.status == 200
    got = engine.get(name, [1])[1]
    assert got["vector"] == {"m": [[7, 7], [8, 8], [9, 9]], "d": [1]}
    assert got["payload"] == {"n": 1}
    assert post(engine, name, "/vectors/delete?wait=true",
                {"points": [2], "vector": ["m"]}).status == 200
    assert engine.get(name, [2])[2]["vector"] == {"d": [1]}
    assert engine.count(name, {"must": [{"has_vector": "m"}]}) == 3
    hits = post(engine, name, "/query", {"query": [[1, 0]], "using": "m"})
    assert [h["id"] for h in hits.result["points"]] == [1, 4, 3]


@pytest.mark.parametrize("distance",
                         ["Dot", "Cosine", "Euclid", "Manhattan"])
def test_scores_are_those_of_maxsim(engine, name, distance):
    numbers = random.Random(distance)
    create(engine, name, config(distance))
    points = {i: rows_of(numbers, numbers.randint(1, 40)) for i in range(150)}
    engine.upsert(name, [{"id": i, "vector": rows}
                         for i, rows in points.items()])
    for _ in range(10):
        check_search(engine, name, distance, points, numbers)
    got = engine.get(name, [0])[0]["vector"]
    stored = [unit(r) for r in points[0]] if distance == "Cosine" \
        else points[0]
    for row, right in zip(got, stored):
        assert row == pytest.approx(right, abs=1e-5)


def test_every_way_to_ask(engine, name):
    numbers = random.Random(3)
    create(engine, name, {"m": config()})
    points = {i: rows_of(numbers, 1 + i % 7) for i in range(60)}
    engine.upsert(name, [{"id": i, "vector": {"m": rows},
                          "payload": {"n": i}} for i, rows in points.items()])
    query = rows_of(numbers, 5)
    def ids(body, route="/query"):
        result = post(engine, name, route, body).result
        return [h["id"] for h in
                (result["points"] if isinstance(result, dict) else result)]
    right = best("Dot", query, points, 60)
    assert ids({"query": query, "using": "m", "limit": 10}) == \
        [i for _, i in right[:10]]
    assert ids({"query": {"nearest": query}, "using": "m", "limit": 5,
                "offset": 5}) == [i for _, i in right[5:10]]
    assert ids({"query": query[0], "using": "m", "limit": 3}) == \
        [i for _, i in best("Dot", query[:1], points, 3)]
    others = {i: rows for i, rows in points.items() if i != 7}
    assert ids({"query": 7, "using": "m", "limit": 4}) == \
        [i for _, i in best("Dot", points[7], others, 4)]
    few = {i: rows for i, rows in points.items() if i < 20}
    assert ids({"query": query, "using": "m", "filter": {"must": [
        {"key": "n", "range": {"lt": 20}}]}}) == \
        [i for _, i in best("Dot", query, few, 10)]
    limit = (right[4][0] + right[5][0]) / 2
    assert ids({"query": query, "using": "m", "score_threshold": limit}) == \
        [i for _, i in right[:5]]
    assert ids({"vector": {"name": "m", "vector": query}, "limit": 3},
               "/search") == [i for _, i in right[:3]]
    batch = post(engine, name, "/query/batch", {"searches": [
        {"query": query, "using": "m", "limit": 2, "params": {"exact": True}},
        {"query": query[:1], "using": "m", "limit": 2}]}).result
    assert [h["id"] for h in batch[0]["points"]] == \
        [i for _, i in right[:2]]


BAD = [
    ([[]], 422, "[points[0].vector.?.data: all vectors must be non-empty]"),
    ([[1] * DIM, []], 422,
     "[points[0].vector.?.data: all vectors must be non-empty]"),
    ([[1] * DIM, [1]], 422,
     "[points[0].vector.?.data: all vectors must have the same dimension, "
     "found vector with dimension 1]"),
    ([[1, 2]], 400, "Vector dimension error: expected dim: 8, got 2"),
    ([[1] * DIM, 3], 400, "invalid type: "),
    ([["a"] * DIM], 400, "invalid type: "),
    ([[1e300] * DIM], 400, "out of the range of f32"),
    ([], 422, "must not be empty"),
    ([[[1] * DIM]], 400, "invalid type: "),
    ([[0.5] * DIM] * (1048576 // DIM), 422,
     "Total size of all vectors (1048576) must be less than 1048576"),
]


@pytest.mark.parametrize("vector,status,text", BAD)
def test_bad_multivectors_are_refused(engine, name, vector, status, text):
    create(engine, name, {"m": config()})
    engine.upsert(name, [{"id": 1, "vector": {"m": [[1] * DIM]}}])
    answer = engine.call("PUT", f"/collections/{name}/points?wait=true",
                         {"points": [{"id": 1, "vector": {"m": vector}}]})
    assert answer.status == status and text in answer.error, answer
    asked = post(engine, name, "/query", {"query": vector, "using": "m"})
    assert asked.status == status, asked
    assert engine.get(name, [1])[1]["vector"] == {"m": [[1] * DIM]}


def test_nan_in_the_text_is_refused(engine, name):
    create(engine, name, config())
    answer = engine.call(
        "PUT", f"/collections/{name}/points?wait=true",
        '{"points":[{"id":1,"vector":[[NaN,1,1,1,1,1,1,1]]}]}',
        {"Content-Type": "application/json"})
    assert answer.status == 400 and engine.count(name) == 0


def test_kinds_are_not_mixed(engine, name):
    create(engine, name, {"size": 2, "distance": "Dot"})
    text = "Wrong input: Conversion between multi and regular vectors failed"
    answer = engine.call("PUT", f"/collections/{name}/points?wait=true",
                         {"points": [{"id": 1, "vector": [[1, 2]]}]})
    assert answer.status == 400 and text in answer.error
    answer = post(engine, name, "/query", {"query": [[1, 2]]})
    assert answer.status == 400 and text in answer.error


INDEXED = {"hnsw_config": {"full_scan_threshold": 10},
           "optimizers_config": {"indexing_threshold": 1}}


def test_one_long_distance_ends_at_the_timeout(engine, name):
    """Query and point may have so many sub-vectors that scoring one point
    takes many times the timeout."""
    create(engine, name, {"m": config(size=2)})
    rows = [[1, 2]] * 400_000
    engine.upsert(name, [{"id": 1, "vector": {"m": rows}}])
    for exact in (True, False):
        answer = engine.call(
            "POST", f"/collections/{name}/points/query?timeout=1", {
                "query": rows, "using": "m", "params": {"exact": exact}})
        assert answer.status == 408, answer
        assert "timeout" in answer.error


@pytest.mark.parametrize("distance", ["Dot", "Cosine", "Euclid"])
@pytest.mark.parametrize("on_disk", [False, True])
def test_graph_restart_and_kill(engine_factory, distance, on_disk):
    """Written, changed, killed, started again: the points are what they were,
    and the graph finds them."""
    engine = engine_factory().start()
    numbers = random.Random(11)
    create(engine, "c", config(distance, on_disk=on_disk), **INDEXED)
    points = {i: rows_of(numbers, numbers.randint(1, 12)) for i in range(1500)}
    for begin in range(0, 1500, 500):
        engine.upsert("c", [{"id": i, "vector": points[i]}
                            for i in range(begin, begin + 500)])
    for i in range(0, 1500, 7):
        points[i] = rows_of(numbers, numbers.randint(1, 12))
    engine.upsert("c", [{"id": i, "vector": points[i]}
                        for i in range(0, 1500, 7)])
    gone = list(range(1, 1500, 5))
    post(engine, "c", "/delete?wait=true", {"points": gone})
    for i in gone:
        del points[i]
    engine.wait_green("c")
    def check():
        assert engine.count("c") == len(points)
        for _ in range(2):
            check_search(engine, "c", distance, points, numbers,
                         params={"exact": True})
        found = wanted = 0
        for _ in range(10):
            # As people ask: for something like what is there.
            like = points[numbers.choice(list(points))]
            query = [[x + numbers.gauss(0, 0.2) for x in row]
                     for row in like[:6]]
            hits = post(engine, "c", "/query", {"query": query}).result
            worst = best(distance, query, points, 10)[-1][0]
            sign = -1 if distance == "Euclid" else 1
            found += sum(sign * h["score"] >= sign * worst - 1e-4
                         for h in hits["points"])
            wanted += 10
        assert found >= 0.97 * wanted
        got = engine.get("c", [0, 14])
        if distance != "Cosine":
            assert got[14]["vector"] == points[14]
    check()
    engine.kill()
    engine.start()
    check()
    engine.wait_green("c")
    assert engine.stop() == 0
    engine.start()
    check()
    assert engine.stop() == 0


def test_memory_is_told_and_comes_back(engine_factory):
    """Replaced and deleted multivectors leave none behind."""
    engine = engine_factory().start()
    create(engine, "c", config(), **INDEXED)
    row = [0.5] * DIM
    raw = 500 * 400 * DIM * 4
    def size():
        memory = engine.call("GET", "/collections/c/memory").result
        return memory["vectors"][0]["storage"]["ram_bytes"]
    for _ in range(5):
        engine.upsert("c", [{"id": i, "vector": [row] * 400}
                            for i in range(500)])
    engine.wait_green("c")
    assert raw <= size() <= 3 * raw
    post(engine, "c", "/delete?wait=true", {"filter": {}})
    assert engine.count("c") == 0
    deadline = time.monotonic() + 60
    while size() > raw / 4 and time.monotonic() < deadline:
        # The next change empties the graves.
        engine.upsert("c", [{"id": 1, "vector": row}])
        time.sleep(0.2)
    assert size() <= raw / 4
    assert engine.stop() == 0
