# SPDX-License-Identifier: Apache-2.0
import shutil
import tempfile
import pathlib

import pytest

from .gateway import MODULE, Browser, Gateway, Upstream, Valkey, free_port
from .provider import Provider


@pytest.fixture
def directory():
    """Short, because a Unix socket's path may have 107 bytes."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="azimuth-login-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def provider():
    p = Provider(free_port()).start()
    yield p
    p.stop()


@pytest.fixture
def upstream():
    u = Upstream()
    yield u
    u.stop()


@pytest.fixture
def valkey(directory):
    v = Valkey(directory).start()
    yield v
    v.stop()


@pytest.fixture
def stopped_gateway(directory, provider, valkey, upstream):
    """Configured, not started: a test may change its settings first."""
    assert MODULE.exists(), f"{MODULE} is not built; set AZIMUTH_BUILD"
    g = Gateway(directory, provider, valkey, upstream)
    yield g
    g.stop()


@pytest.fixture
def gateway(stopped_gateway):
    return stopped_gateway.start()


@pytest.fixture
def browser(gateway):
    return Browser(gateway)
