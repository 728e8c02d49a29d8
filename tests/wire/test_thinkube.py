# SPDX-License-Identifier: Apache-2.0
"""The REST examples of the component document, with 768 dimensions. Its Python
examples are part of clients/scenario.py."""
import random
import time

import pytest

NAME = "my_collection"


def vector(seed):
    numbers = random.Random(seed)
    return [numbers.uniform(-1, 1) for _ in range(768)]


@pytest.fixture(scope="module")
def collection(engine):
    engine.call("DELETE", f"/collections/{NAME}")
    answer = engine.call("PUT", f"/collections/{NAME}",
                         {"vectors": {"size": 768, "distance": "Cosine"}})
    assert answer.result is True
    answer = engine.call("PUT", f"/collections/{NAME}/points", {"points": [
        {"id": 1, "vector": vector(1),
         "payload": {"text": "example document", "category": "tech"}},
        {"id": 2, "vector": vector(2),
         "payload": {"text": "another document", "category": "science"}}]})
    assert answer.result["status"] == "acknowledged"
    # The example does not wait for the points to be visible.
    deadline = time.monotonic() + 10
    while engine.count(NAME) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    yield NAME
    engine.call("DELETE", f"/collections/{NAME}")


def test_health_check(engine):
    answer = engine.call("GET", "/")
    assert answer.status == 200
    assert answer.json["title"] == "qdrant - vector search engine"
    assert answer.json["version"] == "1.19.0"


def test_list_collections(engine, collection):
    result = engine.call("GET", "/collections").result
    assert {"name": NAME} in result["collections"]


def test_search_vectors(engine, collection):
    result = engine.call("POST", f"/collections/{NAME}/points/search", {
        "vector": vector(1), "limit": 10, "with_payload": True,
        "with_vector": False}).result
    assert [hit["id"] for hit in result] == [1, 2]
    assert result[0]["score"] == pytest.approx(1, abs=1e-6)
    assert result[0]["payload"] == {"text": "example document",
                                    "category": "tech"}
    assert "vector" not in result[0]


def test_search_with_filter(engine, collection):
    result = engine.call("POST", f"/collections/{NAME}/points/search", {
        "vector": vector(2),
        "filter": {"must": [{"key": "category", "match": {"value": "tech"}}]},
        "limit": 5}).result
    assert [hit["id"] for hit in result] == [1]
