# SPDX-License-Identifier: Apache-2.0
"""An appliance of its own for the tests: free ports, a state directory that
is removed, and an OpenID provider that need not answer (only the tests of
Keycloak start one).

  AZIMUTH_BUILD   where azimuthd and the module were built (default: build/)
  AZIMUTH_CACHE   downloads
"""
import os
import pathlib
import shutil
import ssl
import stat
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
UP_SECONDS = 1500
sys.path.insert(0, str(ROOT / "tests/fixture"))
from names import localhost_names  # noqa: E402
from ports import free_port  # noqa: E402


def fake_program(folder, name, text):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP
               | stat.S_IXOTH)
    return folder


def disk_with(mib, appliance):
    """An environment in which df finds so much space free."""
    programs = fake_program(
        appliance.folder / "bin", "df", "echo header; echo /dev/x 1000000 "
        f"900000 {mib * 1024} 90% /\n")
    return {"PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin"}


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


class Appliance:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.state = self.folder / "state"
        self.secret = self.folder / "client.secret"
        self.secret.write_text("a-secret\n")
        self.secret.chmod(0o600)
        self.port, self.engine_port, self.grpc_port, self.status_port = (
            free_port() for _ in range(4))
        self.domain = "azimuth.localhost"
        self.host = f"qdrant-dashboard.{self.domain}"
        self.api = f"qdrant.{self.domain}"
        self.built = os.environ.get("AZIMUTH_BUILD", str(ROOT / "build"))

    def run(self, *words, **environment):
        done = subprocess.run(
            [ROOT / "appliance", *words, "--state", self.state],
            env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=UP_SECONDS)
        done.said = done.stdout + done.stderr
        return done

    def ports(self):
        return ["--port", str(self.port), "--engine-port",
                str(self.engine_port), "--grpc-port", str(self.grpc_port),
                "--status-port", str(self.status_port)]

    def provider(self):
        return ["--issuer", "https://127.0.0.1:1/realms/none",
                "--client-id", "some-client",
                "--client-secret-file", str(self.secret)]

    def up(self, *words, **environment):
        return self.run("up", "--no-install", *words, **environment)

    def pid(self, name):
        return int((self.state / f"run/{name}.pid").read_text().split()[0])

    def pids(self):
        return {p.stem: int(p.read_text().split()[0])
                for p in (self.state / "run").glob("*.pid")
                if p.stem != "nginx-master"}

    def get(self, host, path, **headers):
        """GET through nginx with our authority: (status, headers, body)."""
        trust = ssl.create_default_context(cafile=self.state / "tls/ca.pem")
        trust.check_hostname = host.endswith(self.domain)
        opener = urllib.request.build_opener(
            NoRedirect, urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=trust))
        request = urllib.request.Request(
            f"https://{host}:{self.port}{path}", headers=headers)
        try:
            answer = opener.open(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers, answer.read()


@pytest.fixture(autouse=True, scope="session")
def names_resolve_to_loopback():
    with localhost_names():
        yield


def is_alive(pid):
    """Runs; a zombie that nobody has waited for does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def make_appliance():
    # Not pytest's own folder: others may not enter it, the children must.
    folder = tempfile.mkdtemp(prefix="azimuth-", dir="/var/tmp")
    os.chmod(folder, 0o755)
    return Appliance(folder)


@pytest.fixture
def appliance():
    """Not started yet."""
    one = make_appliance()
    yield one
    one.run("down")
    shutil.rmtree(one.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def running():
    """Started once, with a provider that does not answer."""
    one = make_appliance()
    try:
        one.first = one.up(*one.ports(), *one.provider())
        assert one.first.returncode == 0, one.first.said
        yield one
    finally:
        one.run("down")
        shutil.rmtree(one.folder, ignore_errors=True)
