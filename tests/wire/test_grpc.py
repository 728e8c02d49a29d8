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


@pytest.mark.parametrize("reflection", ["v1", "v1alpha"])
def test_descriptors_are_those_of_the_client(engine, reflection):
    outcome = run("latest", "descriptors.py", engine.grpc_port, reflection)
    assert outcome["missing"] == []
    assert outcome["other"] == []
    assert outcome["lines"] > 1000
    assert "qdrant.Points" in outcome["services"]
    assert outcome["unknown"] == 5
