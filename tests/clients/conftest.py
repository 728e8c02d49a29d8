# SPDX-License-Identifier: Apache-2.0
"""Clients of other languages and the libraries above the Python client, each
from its registry as it is published. One azimuthd serves the whole session.

  AZIMUTH_BUILD   where azimuthd was built (default: build/)
  AZIMUTH_CACHE   where packages and what is built of them are kept
"""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent /
                       "fixture"))

from azimuthd import Engine, program  # noqa: E402


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    assert program().exists(), f"{program()} is not built (AZIMUTH_BUILD)"
    engine = Engine(tmp_path_factory.mktemp("engine")).start()
    yield engine
    status = engine.stop()
    assert status == 0, f"exit status {status}:\n{engine.log()}"
