# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the browser tests: Node with playwright-core, an appliance, an
engine on its own. Each can be pointed at something that runs already:

  AZIMUTH_DASHBOARD_URL, AZIMUTH_USER, AZIMUTH_PASSWORD   an appliance
  AZIMUTH_ENGINE_URL                                      an engine
  AZIMUTH_SHOTS     keeps the screenshots (default: pytest's temporary folder)
  AZIMUTH_BUILD     where azimuthd was built (default: build/)
  AZIMUTH_CACHE     downloaded packages
"""
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "fixture"))
import once  # noqa: E402
from ports import free_port  # noqa: E402

UP_SECONDS = 900
WALK_SECONDS = 600


@pytest.fixture(scope="session")
def modules():
    """A folder with playwright-core, installed from the lock file once."""
    return once.npm("browser", HERE)


@pytest.fixture
def walk(modules, tmp_path, request):
    """walk(script, **environment): runs a walk, gives what it said."""
    chromium = os.environ.get("AZIMUTH_CHROMIUM", "/usr/bin/chromium")
    if not os.access(chromium, os.X_OK):
        pytest.fail(f"no {chromium}: apt-get install chromium")
    keep = os.environ.get("AZIMUTH_SHOTS")
    shots = pathlib.Path(keep) if keep else tmp_path
    shots = shots / request.node.name

    def run(script, **environment):
        done = subprocess.run(
            ["node", str(HERE / script)], capture_output=True, text=True,
            timeout=WALK_SECONDS, check=False,
            env={**os.environ, "AZIMUTH_MODULES": str(modules),
                 "AZIMUTH_SHOTS": str(shots), **environment})
        print(done.stdout)
        print(f"screenshots: {shots}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def start_appliance(state):
    """Starts an appliance; gives the environment for the walks."""
    port, keycloak = free_port(), free_port(neighbours=1)
    status = free_port()
    script = str(ROOT / "appliance")
    command = [
        script, "up", "--state", str(state), "--port", str(port),
        "--engine-port", str(free_port()), "--grpc-port", str(free_port()),
        "--keycloak-port", str(keycloak), "--status-port", str(status),
        "--no-install"]
    done = subprocess.run(command, capture_output=True, text=True,
                          timeout=UP_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    secret = state / "secret"
    return {
        "AZIMUTH_DASHBOARD_URL":
            f"https://qdrant-dashboard.azimuth.localhost:{port}",
        "AZIMUTH_USER": "demo",
        "AZIMUTH_PASSWORD": (secret / "demo-password").read_text().strip(),
        "AZIMUTH_KEYCLOAK_URL": f"http://127.0.0.1:{keycloak}",
        "AZIMUTH_ADMIN_PASSWORD":
            (secret / "keycloak-admin-password").read_text().strip(),
        "AZIMUTH_STATUS_URL": f"http://127.0.0.1:{status}",
        "AZIMUTH_STATE": str(state),
        "AZIMUTH_UP": json.dumps(command),
    }


def stop_appliance(state):
    subprocess.run([str(ROOT / "appliance"), "down", "--state", str(state)],
                   check=False, timeout=120)


@pytest.fixture(scope="session")
def appliance(tmp_path_factory):
    """Environment for login.mjs: an appliance that runs, or one of our own."""
    if os.environ.get("AZIMUTH_DASHBOARD_URL"):
        yield {}
        return
    state = tmp_path_factory.mktemp("appliance") / "state"
    try:
        yield start_appliance(state)
    finally:
        stop_appliance(state)


@pytest.fixture
def own_appliance(appliance):
    """One whose parts may be killed and whose configuration may be changed:
    never one that was given."""
    if not appliance:
        pytest.skip("this needs an appliance of its own")
    return appliance


def azimuthd():
    build = pathlib.Path(os.environ.get("AZIMUTH_BUILD", ROOT / "build"))
    program = build / "azimuthd"
    if not os.access(program, os.X_OK):
        pytest.fail(f"no {program}: build first, or set AZIMUTH_BUILD")
    return program


def wait_until_ready(url, process):
    for _ in range(200):
        assert process.poll() is None, "azimuthd ended at start"
        try:
            with urllib.request.urlopen(url + "/readyz", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    pytest.fail("azimuthd did not become ready within 10 s")


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    """URL of an engine that serves dashboard/dist, with nothing in front."""
    if os.environ.get("AZIMUTH_ENGINE_URL"):
        yield os.environ["AZIMUTH_ENGINE_URL"]
        return
    folder = tmp_path_factory.mktemp("engine")
    port = free_port()
    log = open(folder / "log", "w", encoding="utf-8")
    process = subprocess.Popen(
        [azimuthd()], cwd=folder, stdout=log, stderr=subprocess.STDOUT,
        env={**os.environ,
             "QDRANT__SERVICE__HOST": "127.0.0.1",
             "QDRANT__SERVICE__HTTP_PORT": str(port),
             "QDRANT__SERVICE__GRPC_PORT": str(free_port()),
             "QDRANT__SERVICE__STATIC_CONTENT_DIR":
                 str(ROOT / "dashboard/dist"),
             "QDRANT__STORAGE__STORAGE_PATH": str(folder / "storage")})
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()
