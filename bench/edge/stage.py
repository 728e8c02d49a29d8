# SPDX-License-Identifier: Apache-2.0
"""What every measurement stands on: an upstream, nginx with a plain host
beside the protected one, and wrk."""

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from login.gateway import (
    API, COOKIE, DASHBOARD, Browser, Gateway, Valkey, accepts, free_port,
    wait_until,
)
from login.provider import Provider

BODY = "x" * 130
PLAIN = "plain.example.test"


class BenchGateway(Gateway):
    """The hosts of the tests, a plain one, and a quiet log."""

    def configuration(self):
        text = super().configuration()
        text = re.sub(r"access_log \S+;", "access_log off;", text)
        text = text.replace("error.log info;", "error.log notice;")
        plain = f"""
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{self.port};
        server_name {PLAIN};
        location / {{ proxy_pass http://engine; }}
    }}
"""
        return text.replace("    upstream engine {", plain +
                            "    upstream engine {", 1)


class Backend:
    """An nginx that answers at once."""

    def __init__(self, directory):
        self.port = free_port()
        path = directory / "backend.conf"
        user = "user root;" if os.getuid() == 0 else ""
        path.write_text(f"""
{user}
worker_processes 1;
daemon off;
pid {directory}/backend.pid;
error_log {directory}/backend.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{self.port};
        location / {{ return 200 "{BODY}"; }}
    }}
}}
""")
        self.process = subprocess.Popen(
            ["nginx", "-c", str(path), "-e", str(directory / "backend.log")]
        )
        wait_until(lambda: accepts(self.port))

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Stage:
    """Everything that one measurement runs on; use it as a context."""

    def __init__(self, provider=None, **settings):
        self.provider = provider or Provider(free_port())
        self.settings = settings

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.directory = pathlib.Path(
                tempfile.mkdtemp(prefix="azimuth-bench-"))
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            self.provider.start()
            stack.callback(self.provider.stop)
            self.valkey_port = free_port()
            self.valkey = Valkey(self.directory).start(
                "--port", str(self.valkey_port), "--bind", "127.0.0.1")
            stack.callback(self.valkey.stop)
            self.backend = Backend(self.directory)
            stack.callback(self.backend.stop)
            self.gateway = BenchGateway(
                self.directory, self.provider, self.valkey, self.backend)
            self.gateway.settings.update(self.settings)
            self.gateway.start()
            stack.callback(self.gateway.stop)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def cookie(self):
        browser = Browser(self.gateway)
        browser.login()
        return f"{COOKIE}={browser.cookies[COOKIE]}"


def processes_below(pid):
    """pid and what it started, all the way down."""
    pids = [pid]
    for one in pids:
        for task in pathlib.Path(f"/proc/{one}/task").iterdir():
            pids += map(int, (task / "children").read_text().split())
    return pids


def cpu_seconds(pids):
    """CPU time of all threads of these processes."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


@dataclasses.dataclass
class Load:
    rate: float  # requests per second
    cpu: float   # seconds of the server's CPU per request
    p99: float   # seconds


UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


def load(port, pid, headers, *, seconds=2, connections=32, path="/dashboard"):
    """wrk against the server `pid` on `port`; nothing but 2xx counts."""
    before = cpu_seconds(processes_below(pid))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}{path}"],
                          check=True, capture_output=True, text=True).stdout
    after = cpu_seconds(processes_below(pid))
    assert "Non-2xx" not in done, done
    assert "Socket errors" not in done, done
    count = int(re.search(r"(\d+) requests in", done)[1])
    assert count >= 100, done
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\n", done)
    return Load(float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1]),
                (after - before) / count, float(p99[1]) * UNITS[p99[2]])


def alternate(ways, runs):
    """Runs the ways in turn, back and forth; one round warms up. `ways` maps a
    name to a function that gives a Load; returns lists by name."""
    results = {name: [] for name in ways}
    names = list(ways)
    for number in range(-1, runs):
        for name in names:
            got = ways[name]()
            if number >= 0:
                results[name].append(got)
        names.reverse()
    return results


__all__ = ["API", "BODY", "Browser", "COOKIE", "DASHBOARD", "Load", "PLAIN",
           "Stage", "alternate", "cpu_seconds", "load", "processes_below",
           "wait_until", "accepts", "free_port"]
