# SPDX-License-Identifier: Apache-2.0
"""Crashes: every test has an engine of its own to kill.

  AZIMUTH_BUILD        where azimuthd was built (default: build/)
  AZIMUTH_CRASH_RUNS   kills in the middle of upserts (default: 100)
"""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent /
                       "fixture"))

from azimuthd import Engine, program  # noqa: E402


@pytest.fixture
def engine_factory(tmp_path):
    assert program().exists(), f"{program()} is not built (AZIMUTH_BUILD)"
    made = []

    def make(folder=None, **options):
        engine = Engine(folder or tmp_path / f"engine-{len(made)}", **options)
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.kill()
