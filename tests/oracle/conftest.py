# SPDX-License-Identifier: Apache-2.0
"""Answers beside those of another engine: see test_filters_of_edge.py."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent /
                       "fixture"))

from azimuthd import Engine, program  # noqa: E402


@pytest.fixture
def engine(tmp_path):
    assert program().exists(), f"{program()} is not built (AZIMUTH_BUILD)"
    engine = Engine(tmp_path / "engine").start()
    yield engine
    engine.kill()
