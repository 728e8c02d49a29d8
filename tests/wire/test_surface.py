# SPDX-License-Identifier: Apache-2.0
"""What is beside points and queries, by the real client: over REST, over gRPC
and in its local mode (clients/surface.py)."""
import json
import os
import subprocess
import sys

import pytest

from client_package import CLIENTS, installed


def run(engine, version, part):
    done = subprocess.run(
        [sys.executable, str(CLIENTS / "surface.py"), part,
         f"http://127.0.0.1:{engine.port}", str(engine.grpc_port)],
        capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(installed(version))})
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


# Clients of 1.15 know no conditions of updates.
@pytest.mark.parametrize("version, part", [
    (version, part) for version in ("1.15", "latest")
    for part in ("aliases", "facets", "matrix", "conditions", "batches",
                 "strict") if (version, part) != ("1.15", "conditions")])
def test_clients_see_the_same_everywhere(engine, version, part):
    outcome = run(engine, version, part)
    assert outcome["differences"] == [], "\n".join(outcome["differences"])
    assert outcome["compared"] > 10
