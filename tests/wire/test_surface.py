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


@pytest.mark.parametrize("version", ["1.15", "latest"])
@pytest.mark.parametrize("part", ["aliases", "facets", "matrix",
                                  "conditions", "batches", "strict"])
def test_clients_see_the_same_everywhere(engine, version, part):
    if (version, part) == ("1.15", "conditions"):
        pytest.skip("that client cannot say them")
    outcome = run(engine, version, part)
    assert outcome["differences"] == [], "\n".join(outcome["differences"])
    assert outcome["compared"] > 10
