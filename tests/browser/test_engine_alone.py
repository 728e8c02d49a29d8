# SPDX-License-Identifier: Apache-2.0
"""The dashboard of an engine that is opened directly, without a gateway."""
import json
import urllib.error
import urllib.request

import pytest

HUGE = 2**64 - 1


def call(engine, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        engine + path, data=data, method=method,
        headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        pytest.fail(f"{method} {path}: {error.code} {error.read()!r}")


def books():
    titles = ["First steps", "A long way", "Harbour lights", "North wind"]
    for number, title in enumerate(titles, start=1):
        yield {
            "id": number,
            "vector": {"text": [1.0, number / 4, 0.5, 0.1],
                       "shape": [number, 0.0]},
            "payload": {"title": title, "kind": "novel" if number < 4
                        else "poems", "pages": 100 + number,
                        "tags": ["sea", "<b>bold</b>"]},
        }
    yield {
        "id": HUGE,
        "vector": {"text": [0.1, 0.2, 0.3, 0.4], "shape": [9.0, 9.0]},
        "payload": {"title": "The last book", "isbn": 2**53 + 1,
                    "shop": {"open": True, "rooms": [1, [2]]}, "notes": []},
    }


@pytest.fixture
def shelf(engine):
    """Collections `shelf` (named vectors, huge id) and `bare` (empty)."""
    for name in ("shelf", "bare"):
        call(engine, "DELETE", f"/collections/{name}")
    call(engine, "PUT", "/collections/shelf", {"vectors": {
        "text": {"size": 4, "distance": "Cosine"},
        "shape": {"size": 2, "distance": "Euclid"}}})
    call(engine, "PUT", "/collections/bare",
         {"vectors": {"size": 4, "distance": "Dot"}})
    call(engine, "PUT", "/collections/shelf/index?wait=true",
         {"field_name": "kind", "field_schema": "keyword"})
    call(engine, "PUT", "/collections/shelf/points?wait=true",
         {"points": list(books())})
    return engine


def test_page_works_without_a_gateway(walk, shelf):
    said = walk("alone.mjs", AZIMUTH_ENGINE_URL=shelf)
    assert "shown whole" in said
