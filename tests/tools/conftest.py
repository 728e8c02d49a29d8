# SPDX-License-Identifier: Apache-2.0
"""azimuthctl, run as people run it: by its command line.

  AZIMUTH_BUILD   where azimuthctl and azimuthd were built (default: build/)
"""
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent /
                       "fixture"))

from azimuthd import Engine, program  # noqa: E402

RUN_SECONDS = 120


class Done:
    """What a run left: `code`, `out`, `err`."""

    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    def __repr__(self):
        return f"<exit {self.code}\n{self.out}\n{self.err}>"


def run(*arguments, environment=None, cwd=None):
    names = ("AZIMUTH_URL", "AZIMUTH_API_KEY_FILE", "KUBERNETES_SERVICE_HOST")
    kept = {k: v for k, v in os.environ.items() if k not in names}
    return Done(subprocess.run(
        [str(program().parent / "azimuthctl"), *map(str, arguments)],
        capture_output=True, text=True, timeout=RUN_SECONDS, cwd=cwd,
        env={**kept, **(environment or {})}))


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    engine = Engine(tmp_path_factory.mktemp("engine"))
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def engine_with_key(tmp_path):
    engine = Engine(tmp_path / "engine", "  api_key: secret-of-the-test\n")
    engine.process = None
    try:
        engine.start()
        yield engine
    finally:
        engine.kill()


@pytest.fixture
def ctl(engine):
    """azimuthctl, told where the engine of this session is."""
    def call(*arguments, **more):
        return run(*arguments, environment={
            "AZIMUTH_URL": f"http://127.0.0.1:{engine.port}"}, **more)
    return call
