# SPDX-License-Identifier: Apache-2.0
"""Where things are, and what this machine is."""

import os
import platform
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
OUT = os.path.join(TOP, "bench", "out")


def say(text):
    """Progress, on standard error: results are on standard output."""
    print(text, file=sys.stderr, flush=True)


def end_by_exception():
    """SIGTERM ends as Ctrl-C does: engines are stopped, folders removed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def cache_folder(name):
    """A folder for what can be made again, outside the checkout."""
    top = os.environ.get("AZIMUTH_CACHE")
    if not top:
        top = ("/var/cache/azimuth" if os.geteuid() == 0 else os.path.join(
            os.environ.get("XDG_CACHE_HOME",
                           os.path.expanduser("~/.cache")), "azimuth"))
    folder = os.path.join(top, name)
    os.makedirs(folder, exist_ok=True)
    return folder


def build_folder():
    return os.environ.get("AZIMUTH_BUILD", os.path.join(TOP, "build"))


def program(name):
    """A program of the build, absolute; ends the process when there is none."""
    path = os.path.abspath(os.path.join(build_folder(), name))
    if not os.access(path, os.X_OK):
        sys.exit(f"bench: there is no {path}: make {name} (./appliance bench "
                 f"does it)")
    return path


def memory_free():
    """Bytes that can be had without swapping."""
    with open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0


def resident(pid="self", key="VmRSS"):
    """Bytes of a process in memory; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def folder_size(path):
    """Bytes on disk below a folder (blocks, not lengths: files may be
    allocated ahead or have holes)."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
            except OSError:
                pass
    return total


def describe():
    models = []
    with open("/proc/cpuinfo") as file:
        models = [line.split(":")[1].strip() for line in file
                  if line.startswith("model name")]
    commit = subprocess.run(
        ["git", "-C", TOP, "rev-parse", "--short", "HEAD"],
        capture_output=True, text=True, check=False).stdout.strip()
    return {"cpu": models[0] if models else platform.machine(),
            "cpu_count": os.cpu_count(), "load": os.getloadavg()[0],
            "commit": commit,
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
