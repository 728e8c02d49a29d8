# SPDX-License-Identifier: Apache-2.0
"""The public Python client, oldest and newest that we serve: each installed in
a folder of its own under AZIMUTH_CACHE, and clients/scenario.py run with it."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

CLIENTS = pathlib.Path(__file__).resolve().parent / "clients"
SCENARIO_SECONDS = 570
STEPS = re.findall(r"def (step_\w+)", (CLIENTS / "scenario.py").read_text())


def cache():
    named = os.environ.get("AZIMUTH_CACHE")
    if named:
        return pathlib.Path(named)
    home = os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")
    return pathlib.Path(home) / "azimuth"


def installed(version):
    """The folder with that client; installs it the first time."""
    requirements = CLIENTS / f"requirements-{version}.txt"
    stamp = hashlib.sha256(requirements.read_bytes() +
                           sys.version.encode()).hexdigest()[:16]
    folder = cache() / f"client-{version}-{stamp}"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet",
             "--disable-pip-version-check", "--no-deps",
             "--target", str(folder), "-r", str(requirements)],
            capture_output=True, text=True)
        assert done.returncode == 0, f"pip could not install the client " \
            f"(it reads PIP_INDEX_URL and PIP_CERT):\n{done.stderr[-2000:]}"
        (folder / "ready").touch()
    return folder


@pytest.fixture(scope="module", params=["1.15", "latest"])
def outcome(request, engine):
    """{step: null or traceback}"""
    version = request.param
    environment = {**os.environ, "PYTHONPATH": str(installed(version))}
    done = subprocess.run(
        [sys.executable, str(CLIENTS / "scenario.py"),
         f"http://127.0.0.1:{engine.port}", f"client-{version}"],
        capture_output=True, text=True, env=environment,
        timeout=SCENARIO_SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("step", STEPS)
def test_client(outcome, step):
    assert outcome[step] is None, outcome[step]


def test_no_step_is_left_out(outcome):
    assert list(outcome) == STEPS
