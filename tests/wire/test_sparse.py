# SPDX-License-Identifier: Apache-2.0
"""Sparse vectors over the wire: what comes back, what is refused and how, and
texts that the engine embeds. Whether searches are right is tests/oracle's."""
import pytest

SPARSE = {"indices": [9, 1, 5], "values": [3.0, 2.0, 1.5]}
SORTED = {"indices": [1, 5, 9], "values": [2.0, 1.5, 3.0]}
BM25 = "qdrant/bm25"


@pytest.fixture
def points(engine, name):
    """The path of the points of a collection with dense `v`, sparse `s` and
    `t`."""
    engine.call("PUT", f"/collections/{name}", {
        "vectors": {"v": {"size": 2, "distance": "Dot"}},
        "sparse_vectors": {"s": {}, "t": {"modifier": "idf"}}}).result
    yield f"/collections/{name}/points"
    engine.call("DELETE", f"/collections/{name}")


def upsert(engine, points, vectors):
    return engine.call("PUT", f"{points}?wait=true", {"points": [
        {"id": id, "vector": vector} for id, vector in vectors.items()]})


def vectors_of(engine, points):
    found = engine.call("POST", f"{points}/scroll", {"with_vector": True})
    return {p["id"]: p["vector"] for p in found.result["points"]}


def query(engine, points, query, using, **more):
    found = engine.call("POST", f"{points}/query", {
        "query": query, "using": using, **more})
    return [(p["id"], p["score"]) for p in found.result["points"]]


def test_info_echoes_what_was_given(engine, name):
    sparse = {"s": {"modifier": "idf", "index": {
        "on_disk": True, "full_scan_threshold": 5, "datatype": "float16"}},
        "t": {}}
    path = f"/collections/{name}"
    engine.call("PUT", path, {"sparse_vectors": sparse}).result
    params = engine.call("GET", path).result["config"]["params"]
    assert params["sparse_vectors"] == sparse
    engine.call("PATCH", path, {"sparse_vectors": {
        "t": {"modifier": "idf"}, "s": {"index": {"on_disk": False}}}}).result
    sparse["t"]["modifier"] = "idf"
    sparse["s"]["index"]["on_disk"] = False
    params = engine.call("GET", path).result["config"]["params"]
    assert params["sparse_vectors"] == sparse
    answer = engine.call("PATCH", path, {"sparse_vectors": {"x": {}}})
    assert answer.status == 400
    assert "Not existing vector name" in answer.error


def test_modifier_changes_scores_at_once(engine, points, name):
    upsert(engine, points, {
        1: {"s": SPARSE}, 2: {"s": {"indices": [5], "values": [1.0]}}})
    before = query(engine, points, {"indices": [1], "values": [1.0]}, "s")
    assert before == [(1, 2.0)]
    engine.call("PATCH", f"/collections/{name}", {
        "sparse_vectors": {"s": {"modifier": "idf"}}}).result
    after = query(engine, points, {"indices": [1], "values": [1.0]}, "s")
    # ln((2 - 1 + 0.5) / (1 + 0.5) + 1)
    assert after == [(1, pytest.approx(2 * 0.6931472))]


def test_vectors_come_back_sorted(engine, points):
    empty = {"indices": [], "values": []}
    upsert(engine, points, {1: {"s": SPARSE, "v": [1, 2]}, 2: {"t": empty},
                            3: {}}).result
    assert vectors_of(engine, points) == {
        1: {"s": SORTED, "v": [1.0, 2.0]}, 2: {"t": empty}, 3: {}}
    engine.call("PUT", f"{points}/vectors?wait=true", {"points": [
        {"id": 3, "vector": {"s": SPARSE}}]}).result
    engine.call("POST", f"{points}/vectors/delete?wait=true", {
        "points": [1], "vector": ["s"]}).result
    assert vectors_of(engine, points) == {
        1: {"v": [1.0, 2.0]}, 2: {"t": empty}, 3: {"s": SORTED}}
    has = {"must": [{"has_vector": "s"}]}
    found = engine.call("POST", f"{points}/scroll", {"filter": has})
    assert [p["id"] for p in found.result["points"]] == [3]


def test_batches_of_columns_and_mixed_kinds(engine, points):
    engine.call("PUT", f"{points}?wait=true", {"batch": {
        "ids": [1, 2], "vectors": {
            "v": [[1, 2], [3, 4]],
            "s": [SPARSE, {"text": "quick foxes", "model": BM25}]}}}).result
    assert query(engine, points, {"indices": [9], "values": [1]}, "s") == [
        (1, 3.0)]
    asked = {"text": "fox", "model": BM25}
    assert [id for id, _ in query(engine, points, asked, "s")] == [2]
    asked = {"nearest": asked}
    assert [id for id, _ in query(engine, points, asked, "s")] == [2]


def test_every_way_to_ask(engine, points):
    upsert(engine, points, {
        1: {"s": SPARSE}, 2: {"s": {"indices": [5], "values": [1.0]}},
        3: {"s": {"indices": [7], "values": [1.0]}}}).result
    asked = {"indices": [7, 5], "values": [2, 4]}
    every = [(1, 6.0), (2, 4.0), (3, 2.0)]
    assert query(engine, points, asked, "s") == every
    assert query(engine, points, asked, "s", limit=1, offset=1) == every[1:2]
    assert query(engine, points, asked, "s", score_threshold=2) == every[:2]
    assert query(engine, points, 1, "s") == [(2, 1.5)]
    search = {"vector": {"name": "s", "vector": asked}, "limit": 2}
    found = engine.call("POST", f"{points}/search", search).result
    assert [(p["id"], p["score"]) for p in found] == every[:2]
    found = engine.call("POST", f"{points}/search/batch", {
        "searches": [search, search]}).result
    assert [[p["id"] for p in hits] for hits in found] == [[1, 2], [1, 2]]
    found = engine.call("POST", f"{points}/query/batch", {"searches": [
        {"query": asked, "using": "s"}, {"query": 2, "using": "s"}]}).result
    assert [[p["id"] for p in hits["points"]] for hits in found] == [
        [1, 2, 3], [1]]


LENGTHS = "must be the same length as indices"
KINDS = "Conversion between sparse and regular vectors failed"


@pytest.mark.parametrize("vector, status, text", (
    ({"s": {"indices": [1, 1], "values": [1, 2]}}, 422, "must be unique"),
    ({"s": {"indices": [1, 2], "values": [1]}}, 422, LENGTHS),
    ({"s": {"indices": [4294967296], "values": [1]}}, 400, "0 to 4294967295"),
    ({"s": {"indices": [-1], "values": [1]}}, 400, "0 to 4294967295"),
    ({"s": {"indices": [1], "values": ["a"]}}, 400, "f32"),
    ({"s": {"indices": [1], "values": [1e39]}}, 400, "f32"),
    ({"s": [1.0, 2.0]}, 400, KINDS),
    ({"v": SPARSE}, 400, KINDS),
    ({"x": SPARSE}, 400, "Not existing vector name error: x"),
    ({"v": {"text": "a", "model": BM25}}, 400, KINDS),
    ({"s": {"text": "a", "model": BM25, "options": {"b": 2}}}, 400, "`b`"),
    ({"s": {"text": "a", "model": "other"}}, 500, "InferenceService"),
    ({"s": {"image": "a", "model": "other"}}, 500, "InferenceService"),
    ({"s": {"image": "a", "model": BM25}}, 400, "takes `text`, not `image`"),
    ({"s": {"object": {}, "model": "BM25"}}, 400, "takes `text`, not `object`"),
    ({"s": {"text": 5, "model": BM25}}, 400, "expected `text` to be a text"),
    ({"v": {"text": [], "model": "other"}}, 400, "expected `text` to be"),
    ({"s": {"text": "a", "model": 5}}, 400, "expected `model` to be the name"),
    ({"s": {"text": "a", "model": ""}}, 400, "expected `model` to be the name"),
))
def test_bad_vectors_are_refused(engine, points, vector, status, text):
    answer = upsert(engine, points, {1: vector})
    assert answer.status == status, answer
    assert text in answer.error
    assert vectors_of(engine, points) == {}
    if status == 422 or "f32" in text or "expected `" in text or \
            "takes `" in text:
        (name, vector), = vector.items()
        answer = engine.call("POST", f"{points}/query", {
            "query": vector, "using": name})
        assert answer.status == status and text in answer.error


@pytest.mark.parametrize("body, text", (
    ({"vectors": {"s": {"size": 2, "distance": "Dot"}},
      "sparse_vectors": {"s": {}}},
     "Dense and sparse vector names must be unique - duplicate found with "
     "'s'"),
    ({"sparse_vectors": {"": {}}}, "Sparse vector name cannot be empty"),
    ({"sparse_vectors": {"s": {"modifier": "x"}}}, "s.modifier"),
    ({"sparse_vectors": {"s": {"index": {"datatype": "x"}}}}, "datatype"),
    ({"sparse_vectors": []}, "sparse_vectors"),
))
def test_bad_collections_are_refused(engine, name, body, text):
    answer = engine.call("PUT", f"/collections/{name}", body)
    assert answer.status == 400, answer
    assert text in answer.error
    assert engine.call("GET", f"/collections/{name}").status == 404


def test_a_text_of_too_many_tokens_is_refused(engine, points):
    """What cannot be read again must not be stored."""
    text = " ".join(f"w{i}" for i in range(1_060_000))
    answer = upsert(engine, points,
                    {1: {"s": {"text": text, "model": BM25}}})
    assert answer.status == 400
    assert "entries, at most 1048576 are allowed" in answer.error
    assert vectors_of(engine, points) == {}


def test_points_outlive_restart_and_kill(engine_factory):
    engine = engine_factory()
    engine.start()
    engine.call("PUT", "/collections/c", {"sparse_vectors": {"s": {}}}).result
    points = "/collections/c/points"
    for begin in range(0, 12000, 2000):
        upsert(engine, points, {
            id: {"s": {"indices": [id % 7, 10 + id],
                       "values": [1.0, float(id)]}}
            for id in range(begin, begin + 2000)}).result
    engine.call("POST", f"{points}/delete?wait=true", {
        "points": list(range(0, 12000, 3))}).result
    for end in (engine.kill, engine.stop):
        end()
        engine.start()
        assert engine.count("c") == 8000
        for id in (1, 4097, 11999):
            asked = {"indices": [10 + id], "values": [1]}
            assert query(engine, points, asked, "s") == [(id, float(id))]
        asked = {"indices": [10], "values": [1]}
        assert query(engine, points, asked, "s") == []


def test_a_dense_query_of_sorted_lists_is_refused(engine, points):
    """Enough points that not all lists are new ones: what a query will cost is
    asked before what it is."""
    for begin in range(0, 20000, 2000):
        upsert(engine, points, {
            id: {"s": {"indices": [id % 50, 50 + id % 7],
                       "values": [1.0, 2.0]}}
            for id in range(begin, begin + 2000)}).result
    for path, body in (
            ("query", {"query": [1, 2, 3], "using": "s"}),
            ("query", {"query": [[1, 2], [3, 4]], "using": "s"}),
            ("search", {"vector": {"name": "s", "vector": [1, 2, 3]},
                        "limit": 1})):
        assert engine.call("POST", f"{points}/{path}", body).status == 400
    asked = {"indices": [3], "values": [1]}
    assert len(query(engine, points, asked, "s")) > 0
