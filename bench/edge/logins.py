# SPDX-License-Identifier: Apache-2.0
"""Whole logins per second, with a provider that costs little."""

import os
import pathlib
import re
import subprocess
import urllib.parse

from login.gateway import BUILD
from login.provider import CLIENT_ID

from .stage import COOKIE, DASHBOARD, Stage, accepts, cpu_seconds, free_port, \
    processes_below, wait_until

STUB = BUILD.resolve() / "bench" / "stub-provider"
SCRIPT = pathlib.Path(__file__).with_name("logins.lua")


class StubProvider:
    """In the place of the tests' scripted one."""

    def __init__(self):
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        self.process = subprocess.Popen([STUB, str(self.port), CLIENT_ID])
        wait_until(lambda: accepts(self.port))
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait()


def measure(seconds, connections=64):
    """Logins per second, CPU seconds of nginx per login, and failures."""
    with Stage(provider=StubProvider(), workers=os.cpu_count(),
               provider_timeout="5s") as stage:
        pids = processes_below(stage.gateway.process.pid)
        before = cpu_seconds(pids)
        out = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", SCRIPT,
             f"http://127.0.0.1:{stage.gateway.port}", "--",
             urllib.parse.quote(stage.provider.issuer, safe=""), DASHBOARD,
             COOKIE],
            check=True, capture_output=True, text=True).stdout
        after = cpu_seconds(pids)
    found = re.search(r"logins: (\d+) in (\d+) us, failed: (\d+)", out)
    assert found, out
    count, duration, failed = map(int, found.groups())
    return {"logins_per_s": count / (duration / 1e6),
            "cpu_us": (after - before) / max(count, 1) * 1e6,
            "failed": failed}


def show(seconds):
    got = measure(seconds)
    print(f"logins: {got['logins_per_s']:.0f} per second on "
          f"{os.cpu_count()} cores (provider, Valkey and wrk included), "
          f"{got['cpu_us']:.0f} us of nginx's CPU each, "
          f"{got['failed']} failed")
