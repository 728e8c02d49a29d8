# SPDX-License-Identifier: Apache-2.0
"""`params.idf`: frequencies over all points or over those of a corpus; what is
wrong is refused."""
import math

import pytest

BAD = [
    ({"idf": "local"}, 400, "unknown variant `local`"),
    ({"idf": 3}, 400, "params.idf"),
    ({"idf": {}}, 400, "missing field `corpus`"),
    ({"idf": {"corpus": {}, "x": 1}}, 400, "unknown field"),
    ({"idf": {"corpus": {"must": [{"key": "a["}]}}}, 400, "Invalid json path"),
]


def create(engine, name, count=12):
    path = f"/collections/{name}"
    engine.call("PUT", path, {
        "vectors": {"v": {"size": 2, "distance": "Dot"}},
        "sparse_vectors": {"t": {"modifier": "idf"}, "s": {}}}).result
    engine.upsert(name, [
        {"id": i, "vector": {"t": {"indices": [1, 2 + i % 3],
                                   "values": [1, 2]}, "v": [1, 2]},
         "payload": {"n": i % 4}} for i in range(count)])


def ask(engine, name, params, using="t", query=None, **more):
    query = query or {"indices": [2], "values": [1]}
    return engine.call("POST", f"/collections/{name}/points/query", {
        "query": query, "using": using, "params": params, **more})


def idf(points, having):
    return math.log((points - having + 0.5) / (having + 0.5) + 1)


def corpus(value):
    return {"idf": {"corpus": {"must": [{"key": "n",
                                         "match": {"value": value}}]}}}


@pytest.mark.parametrize("is_indexed", [False, True])
def test_frequencies_are_those_of_the_corpus(engine, name, is_indexed):
    create(engine, name)
    if is_indexed:
        engine.call("PUT", f"/collections/{name}/index?wait=true", {
            "field_name": "n", "field_schema": "integer"}).result

    def score(params, **more):
        points = ask(engine, name, params, **more).result["points"]
        return points[0]["score"]
    assert score({}) == pytest.approx(2 * idf(12, 4))
    assert score({"idf": "global"}) == pytest.approx(2 * idf(12, 4))
    assert score({"idf": None}) == pytest.approx(2 * idf(12, 4))
    assert score(corpus(1)) == pytest.approx(2 * idf(3, 1))
    assert score(corpus(77)) == pytest.approx(2 * idf(0, 0))
    # The hits need not be of the corpus, nor has the filter to be.
    other = {"must": [{"key": "n", "match": {"value": 0}}]}
    assert score(corpus(1), filter=other) == pytest.approx(2 * idf(3, 1))


@pytest.mark.parametrize("params,status,text", BAD)
def test_bad_idf_is_refused(engine, name, params, status, text):
    create(engine, name, 1)
    answer = ask(engine, name, params)
    assert answer.status == status and text in answer.error, answer


@pytest.mark.parametrize("using,query", [
    ("v", [1, 2]), ("s", {"indices": [1], "values": [1]})])
def test_a_vector_without_the_modifier_is_refused(engine, name, using, query):
    create(engine, name, 1)
    for params in ({"idf": "global"}, corpus(1)):
        answer = ask(engine, name, params, using, query)
        assert answer.status == 400
        assert ("Validation failed: search param `idf` requires a sparse "
                "vector with the `idf` modifier, which vector "
                f"\"{using}\" is not") in answer.error
