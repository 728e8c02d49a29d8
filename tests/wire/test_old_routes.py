# SPDX-License-Identifier: Apache-2.0
"""recommend and discover, alone and in batches, as clients before 1.16 call
them: what they find is what the query API finds, over REST and gRPC."""
import json
import os
import subprocess
import sys

import pytest

from client_package import CLIENTS, installed

KINDS = ("recommend average_vector", "recommend best_score",
         "recommend sum_scores", "discover", "context", "recommend batch",
         "discover batch")


@pytest.fixture(scope="module")
def answers(engine):
    """{transport: {what: (found, the query API's)}}"""
    done = subprocess.run(
        [sys.executable, str(CLIENTS / "old_routes.py"), str(engine.port),
         str(engine.grpc_port)], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(installed("1.15"))})
    assert done.returncode == 0, done.stderr[-4000:]
    found = [(what, (old, new)) for what, old, new in json.loads(done.stdout)]
    count = len(KINDS)
    yield {"REST": dict(found[:count]), "gRPC": dict(found[count:])}
    engine.call("DELETE", "/collections/old-routes")


@pytest.mark.parametrize("transport", ["REST", "gRPC"])
@pytest.mark.parametrize("what", KINDS)
def test_old_routes_find_the_same(answers, transport, what):
    old, new = answers[transport][what]
    assert len(old) == 6
    assert [id for id, *_ in old] == [id for id, *_ in new]
    assert old == new


@pytest.mark.parametrize("what", KINDS)
def test_rest_and_grpc_find_the_same(answers, what):
    assert answers["REST"][what] == answers["gRPC"][what]


def ask(engine, kind, **body):
    return engine.call("POST", f"/collections/old-routes/points/{kind}", body)


def test_bad_requests_are_refused(engine, answers):
    bad = (
        ("recommend", {"limit": 3}, 422, "At least one positive or negative"),
        ("recommend", {"positive": [1], "using": "a"}, 400, "limit"),
        ("recommend", {"positive": [99], "using": "a", "limit": 3}, 404,
         "No point with id 99 found"),
        ("recommend", {"positive": [1], "using": "x", "limit": 3}, 400,
         "Not existing vector name error: x"),
        ("discover", {"limit": 3, "using": "a"}, 400, "target"),
        ("discover", {"target": 99, "context": [], "limit": 3, "using": "a"},
         404, "No point with id 99 found"))
    for kind, body, status, text in bad:
        answer = ask(engine, kind, **body)
        assert (answer.status, text in answer.error) == (status, True), \
            (kind, body, answer.text)
