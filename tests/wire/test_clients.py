# SPDX-License-Identifier: Apache-2.0
"""clients/scenario.py run with the public Python client, the oldest and the
newest that we serve, over REST and over gRPC."""
import json
import os
import re
import subprocess
import sys

import pytest

from client_package import CLIENTS, installed

SCENARIO_SECONDS = 570
STEPS = re.findall(r"def (step_\w+)", (CLIENTS / "scenario.py").read_text())


@pytest.fixture(scope="module", params=["1.15", "latest", "1.15-grpc",
                                        "latest-grpc"])
def outcome(request, engine):
    """{step: null or traceback}"""
    version, _, transport = request.param.partition("-")
    ports = [str(engine.grpc_port)] if transport else []
    environment = {**os.environ, "PYTHONPATH": str(installed(version))}
    done = subprocess.run(
        [sys.executable, str(CLIENTS / "scenario.py"),
         f"http://127.0.0.1:{engine.port}", f"client-{request.param}",
         *ports],
        capture_output=True, text=True, env=environment,
        timeout=SCENARIO_SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("step", STEPS)
def test_client(outcome, step):
    assert outcome[step] is None, outcome[step]


def test_no_step_is_left_out(outcome):
    assert list(outcome) == STEPS
