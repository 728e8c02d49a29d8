# SPDX-License-Identifier: Apache-2.0
"""The benchmarks: their arithmetic, and one small run of each."""
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench"))


@pytest.fixture(scope="session")
def run_bench(tmp_path_factory):
    """run_bench("search", ...): standard output of a program of bench/."""
    build = pathlib.Path(os.environ.get("AZIMUTH_BUILD", ROOT / "build"))
    subprocess.run(["make", "-s", "-C", str(build), "bench/azimuth-bench"],
                   check=True)
    cache = tmp_path_factory.mktemp("cache")
    out = tmp_path_factory.mktemp("out")

    def run(name, *arguments):
        done = subprocess.run(
            [sys.executable, str(ROOT / "bench" / f"{name}.py"), "--out",
             str(out), *arguments],
            capture_output=True, text=True, timeout=300,
            env={**os.environ, "AZIMUTH_BUILD": str(build),
                 "AZIMUTH_CACHE": str(cache)})
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.out, run.cache = out, cache
    return run
