# SPDX-License-Identifier: Apache-2.0
"""pytest's `local`: a process with the client's local mode."""
import json
import os
import pathlib
import subprocess
import sys

import pytest
from client_package import installed

PROGRAM = pathlib.Path(__file__).resolve().parent / "local_client.py"


class Local:
    def __init__(self):
        environment = {**os.environ, "PYTHONPATH": str(installed("latest"))}
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=environment)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0


@pytest.fixture
def local():
    local = Local()
    yield local
    local.end()
