# SPDX-License-Identifier: Apache-2.0
"""The engine over its wire. One azimuthd serves the whole session; each test
uses a collection of its own. A test that needs settings or restarts takes
`engine_factory`.

  AZIMUTH_BUILD      where azimuthd was built (default: build/)
  AZIMUTH_CACHE      where client packages are kept (test_clients.py)
  AZIMUTH_PACKAGES   the whole data set (test_recall.py)
"""
import itertools
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent /
                       "fixture"))

from azimuthd import Engine, program  # noqa: E402
import packages  # noqa: E402

_names = itertools.count()


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    assert program().exists(), f"{program()} is not built (AZIMUTH_BUILD)"
    engine = Engine(tmp_path_factory.mktemp("engine"))
    engine.start()
    yield engine
    status = engine.stop()
    assert status == 0, f"exit status {status}:\n{engine.log()}"


@pytest.fixture
def engine_factory(tmp_path):
    made = []

    def make(**options):
        engine = Engine(tmp_path / f"engine-{len(made)}", **options)
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.kill()


@pytest.fixture
def name(engine):
    """A collection name of this test's own; deleted afterwards."""
    name = f"test-{next(_names)}"
    yield name
    engine.call("DELETE", f"/collections/{name}")


@pytest.fixture(scope="session")
def sample():
    return packages.sample()


@pytest.fixture(scope="session")
def debian_packages(engine):
    """The sample as a collection, with an index on some fields."""
    name = "debian_packages"
    engine.create(name, 384)
    for body in packages.sample_bodies():
        answer = engine.call("PUT", f"/collections/{name}/points?wait=true",
                             body)
        assert answer.status == 200, answer
    return name
