# SPDX-License-Identifier: Apache-2.0
"""Crashes: every test has an engine of its own to kill.

  AZIMUTH_BUILD        where azimuthd was built (default: build/)
  AZIMUTH_CRASH_RUNS   kills in the middle of upserts (default: 100)
"""
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent /
                       "fixture"))

from azimuthd import Engine, program  # noqa: E402


@pytest.fixture
def engine_factory(tmp_path):
    assert program().exists(), f"{program()} is not built (AZIMUTH_BUILD)"
    made = []

    def make(folder=None, **options):
        engine = Engine(folder or tmp_path / f"engine-{len(made)}", **options)
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.kill()


@pytest.fixture
def disk_of(tmp_path):
    """disk_of(MIB): a folder on a file system of its own, which can be full."""
    folder = tmp_path / "disk"

    def mount(size_mib):
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs",
             str(folder)], capture_output=True, text=True)
        if done.returncode != 0:
            folder.rmdir()
            pytest.skip(f"may not mount a tmpfs: {done.stderr.strip()}")
        return folder

    yield mount
    if folder.exists():
        subprocess.run(["umount", "-l", str(folder)], check=True)
