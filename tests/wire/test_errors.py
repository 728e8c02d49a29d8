# SPDX-License-Identifier: Apache-2.0
"""Bad requests and what they are told, over REST and gRPC alike
(clients/bad_requests.py). Nothing of them changes anything."""
import json
import os
import subprocess
import sys

import pytest

from client_package import CLIENTS, installed

sys.path.insert(0, str(CLIENTS))

from bad_requests import BAD, fill  # noqa: E402

CODES = {400: "INVALID_ARGUMENT", 422: "INVALID_ARGUMENT", 404: "NOT_FOUND",
         409: "ALREADY_EXISTS"}


@pytest.fixture(scope="module")
def collection(engine):
    name = "errors"
    answer = engine.call("PUT", f"/collections/{name}", {
        "vectors": {"": {"size": 4, "distance": "Dot"},
                    "m": {"size": 2, "distance": "Dot", "multivector_config": {
                        "comparator": "max_sim"}}},
        "sparse_vectors": {"s": {}}})
    assert answer.result is True
    engine.upsert(name, [{"id": i, "vector": {"": [i, 1, 2, 3]},
                          "payload": {"a": i}} for i in (1, 2)])
    yield name
    engine.call("DELETE", f"/collections/{name}")


@pytest.fixture(scope="module")
def over_grpc(engine, collection):
    done = subprocess.run(
        [sys.executable, str(CLIENTS / "errors.py"), str(engine.grpc_port),
         collection], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(installed("latest"))})
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def ask(engine, bad, collection):
    return engine.call(bad.method, fill(bad.path, collection),
                       fill(bad.body, collection))


@pytest.mark.parametrize("bad", BAD, ids=[bad.name for bad in BAD])
def test_bad_request(engine, collection, bad):
    before = engine.scroll_all(collection, with_vector=True)
    answer = ask(engine, bad, collection)
    assert answer.status == bad.status, answer
    assert set(answer.json) == {"status", "time"}
    assert set(answer.json["status"]) == {"error"}
    assert answer.error.startswith(fill(bad.text, collection)), answer
    assert engine.scroll_all(collection, with_vector=True) == before
    assert engine.call("GET", "/collections/new/exists").result == {
        "exists": False}


@pytest.mark.parametrize(
    "bad", [bad for bad in BAD if bad.grpc],
    ids=[bad.name for bad in BAD if bad.grpc])
def test_bad_call(engine, collection, over_grpc, bad):
    """The same words, where REST does not speak of JSON, paths and queries."""
    code, text = over_grpc[bad.name]
    assert code == CODES[bad.status], (code, text)
    said = ask(engine, bad, collection).error
    for place in ("in JSON body", "in query parameters", "in path parameters"):
        said = said.replace(place, "in body")
        text = text.replace(place, "in body")
    assert text == said.split(" at line ")[0]


def test_there_are_enough():
    assert len(BAD) >= 60
    assert len({bad.name for bad in BAD}) == len(BAD)
    assert len([bad for bad in BAD if bad.grpc]) >= 40
