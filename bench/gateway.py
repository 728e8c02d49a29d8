# SPDX-License-Identifier: Apache-2.0
"""Throughput and CPU of a logged-in request against plain proxy_pass.

Three ways through one nginx worker to one upstream (another nginx): plain,
the module with a warm session ("hit"), and the module with its shared memory
off, so that each request reads Valkey ("miss"). Runs alternate; the medians of
the ratios are printed. CPU is the worker's own, per request, which other
programs on the machine disturb less than throughput.
"""

import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile

from login.gateway import (
    COOKIE, DASHBOARD, MODULE, Browser, Gateway, Valkey, accepts, free_port,
    wait_until,
)
from login.provider import Provider

BODY = "x" * 130
TICK = os.sysconf("SC_CLK_TCK")


class BenchGateway(Gateway):
    """The dashboard host of the tests, a plain one, and a quiet log."""

    def configuration(self):
        text = super().configuration()
        text = re.sub(r"access_log \S+;", "access_log off;", text)
        text = text.replace("error.log info;", "error.log notice;")
        plain = f"""
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{self.port};
        server_name plain.example.test;
        location / {{ proxy_pass http://engine; }}
    }}
"""
        return text.replace("    upstream engine {", plain +
                            "    upstream engine {", 1)


class Backend:
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
events {{ worker_connections 1024; }}
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


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1]
    fields = fields.split()
    return (int(fields[11]) + int(fields[12])) / TICK


def run(gateway, host, cookie, seconds):
    worker = gateway.workers()[0]
    before = cpu_seconds(worker)
    done = subprocess.run(
        ["wrk", "-t1", "-c32", f"-d{seconds}s", "-H", f"Host: {host}",
         "-H", "Accept: text/html", "-H", f"Cookie: {COOKIE}={cookie}",
         f"http://127.0.0.1:{gateway.port}/dashboard"],
        check=True, capture_output=True, text=True,
    ).stdout
    count = int(re.search(r"(\d+) requests in", done)[1])
    assert "Non-2xx" not in done, done
    assert count >= 1000, done
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1])
    return rate, (cpu_seconds(worker) - before) / count


def measure(directory, zone, arguments):
    provider = Provider(free_port()).start()
    valkey = Valkey(directory).start()
    backend = Backend(directory)
    gateway = BenchGateway(directory, provider, valkey, backend)
    gateway.settings.update(workers=1, zone=zone)
    throughput, cpu = [], []
    try:
        gateway.start()
        browser = Browser(gateway)
        browser.login()
        cookie = browser.cookies[COOKIE]
        ways = ["plain.example.test", DASHBOARD]
        for number in range(-1, arguments.runs):
            ways.reverse()
            got = {w: run(gateway, w, cookie, arguments.seconds) for w in ways}
            if number < 0:
                continue  # warm-up
            plain, ours = got["plain.example.test"], got[DASHBOARD]
            throughput.append(ours[0] / plain[0])
            cpu.append(ours[1] / plain[1])
    finally:
        gateway.stop()
        backend.stop()
        valkey.stop()
        provider.stop()
    return throughput, cpu


def show(name, values):
    print(f"{name}: {statistics.median(values):.3f}  "
          f"(runs {min(values):.3f} to {max(values):.3f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    arguments = parser.parse_args()
    assert MODULE.exists(), f"{MODULE} is not built; set AZIMUTH_BUILD"
    for name, zone in (
        ("warm session", "azimuth_session_zone 1m ttl=5s;"),
        ("read from the store each time", "azimuth_session_zone off;"),
    ):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="azimuth-bench-"))
        try:
            throughput, cpu = measure(directory, zone, arguments)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        show(f"{name}, throughput to plain proxy_pass", throughput)
        show(f"{name}, CPU of nginx per request to plain", cpu)


if __name__ == "__main__":
    main()
