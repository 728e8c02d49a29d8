# SPDX-License-Identifier: Apache-2.0
"""gRPC through the API host of nginx, on the port of HTTPS: the published
client, what it uploads and asks, and what it is told."""
import json
import os
import subprocess
import sys

import pytest

from client_package import CLIENTS, installed


@pytest.fixture(scope="module")
def seen(running):
    """What the client saw, through nginx and beside it."""
    environment = {
        **os.environ, "PYTHONPATH": str(installed("latest")),
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(running.state / "tls/ca.pem")}
    done = subprocess.run(
        [sys.executable, str(CLIENTS / "through_nginx.py"), running.api,
         str(running.port), str(running.grpc_port)],
        capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_everything_is_as_without_nginx(seen):
    assert seen["nginx"] == seen["engine"]


def test_points_go_in_and_come_out(seen):
    through = seen["nginx"]
    assert through["title"] == "qdrant - vector search engine"
    assert through["uploaded"] == 2000
    # In one message, larger than any buffer of nginx.
    assert through["large"] == 4 << 20
    assert through["hits"] == [1999, 1998, 1997]
    assert through["payload"] == {"n": 1999}


def test_failures_keep_their_status_and_text(seen):
    assert seen["nginx"]["unknown"] == [
        "NOT_FOUND", "Not found: Collection `nowhere` doesn't exist!"]
    code, text = seen["nginx"]["bad"]
    assert code == "INVALID_ARGUMENT"
    assert text.startswith("Wrong input: Vector dimension error")


def test_the_health_check_and_reflection_pass(seen):
    assert seen["nginx"]["health"] == 1
    assert "qdrant.Points" in seen["nginx"]["services"]
