# SPDX-License-Identifier: Apache-2.0
import pathlib
import shutil
import tempfile

import pytest

from ..gateway import MODULE
from .site import Site


@pytest.fixture(scope="session")
def shared_site():
    assert MODULE.exists(), f"{MODULE} is not built; set AZIMUTH_BUILD"
    directory = pathlib.Path(tempfile.mkdtemp(prefix="azimuth-attack-"))
    made = Site(directory)
    yield made
    made.stop()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def site(shared_site):
    """For attacks whose harmless half may reach the upstream."""
    shared_site.reset()
    yield shared_site
    assert shared_site.gateway.workers() == shared_site.workers, "one crashed"


@pytest.fixture
def refused(site):
    """For attacks of which nothing may reach the upstream."""
    yield site
    assert site.upstream.requests == []
