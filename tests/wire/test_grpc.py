# SPDX-License-Identifier: Apache-2.0
"""gRPC beside REST by the real client, and the descriptors that we serve
beside those that it was published with.

  AZIMUTH_ORACLE_ROUNDS   rounds of the comparison (60)
  AZIMUTH_ORACLE_SEED     its seed (1)
"""
import json
import os
import subprocess
import sys

import pytest

from client_package import CLIENTS, installed


def run(version, script, *arguments):
    done = subprocess.run(
        [sys.executable, str(CLIENTS / script), *map(str, arguments)],
        capture_output=True, text=True, timeout=570,
        env={**os.environ, "PYTHONPATH": str(installed(version))})
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("version", ["1.15", "latest"])
def test_rest_and_grpc_agree(engine, version):
    rounds = os.environ.get("AZIMUTH_ORACLE_ROUNDS", 60)
    outcome = run(version, "congruence.py", f"http://127.0.0.1:{engine.port}",
                  engine.grpc_port, os.environ.get("AZIMUTH_ORACLE_SEED", 1),
                  rounds)
    assert outcome["compared"] > 4 * int(rounds)
    assert outcome["differences"] == []


CONDITION = "Expected some form of condition"
BAD_VECTORS = {
    "duplicate indices": "[points[0].vector.indices: Validation error: must be "
                         "unique [{}]]",
    "mismatched lengths": "must be the same length as indices",
    "nan weight": "f32", "nan row": "f32", "nan dense": "f32",
    "empty multivector": "multi vector must not be empty",
    "empty row": "all vectors must be non-empty",
    "rows of other lengths": "all vectors must have the same dimension",
    "empty dense": "dense vector must not be empty",
}
BAD_CONDITIONS = {
    "path": "Invalid json path: 'a..b'", "empty path": "Invalid json path: ''",
    "pattern": "Invalid json path: 'a.*'",
    "no test": "At least one field condition must be specified",
    "no match": "qdrant.Match", "nothing": "qdrant.Condition",
    "nan centre": "within [-180;180]", "far centre": "`lon` = 181 within",
    "no centre": CONDITION, "no corner": CONDITION, "no ring": CONDITION,
    "short ring": "the size must be at least 4, got 3",
    "open ring": "to form a closed line",
    "slice": "the index must be less than the total",
    "id": "is not a valid point ID",
}
ODD_CONDITIONS = {
    "nan range": [], "nan and a number": [], "infinite range": [1],
    "nan radius": [], "reversed box": [], "forty deep": [1],
    "ten thousand": [1],
}


def test_bad_input_is_refused(engine):
    outcome = run("latest", "bad_input.py", engine.grpc_port)
    engine.call("DELETE", "/collections/bad-input")
    for what, text in BAD_VECTORS.items():
        code, said = outcome["vectors"].pop(what)
        assert code == "INVALID_ARGUMENT" and text in said, (what, said)
    assert outcome["vectors"] == {} and outcome["count"] == 1
    for schema in ("none", "integer", "float", "geo"):
        outcomes = outcome[schema]
        for what, text in BAD_CONDITIONS.items():
            code, said = outcomes.pop(what)
            assert code == "INVALID_ARGUMENT" and text in said, (what, said)
        for what, ids in ODD_CONDITIONS.items():
            assert outcomes.pop(what) == ["OK", ids], (schema, what)
        assert outcomes == {}


@pytest.mark.parametrize("reflection", ["v1", "v1alpha"])
def test_descriptors_are_those_of_the_client(engine, reflection):
    outcome = run("latest", "descriptors.py", engine.grpc_port, reflection)
    assert outcome["missing"] == []
    assert outcome["other"] == []
    assert outcome["lines"] > 1000
    assert "qdrant.Points" in outcome["services"]
    assert outcome["unknown"] == 5
