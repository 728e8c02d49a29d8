# SPDX-License-Identifier: Apache-2.0
"""Failing disks. Each cycle opens a collection, compares all of it with a
ledger, and changes it until a call on one of its files fails, tears a write
or ends the process, or until it is killed. Nothing acknowledged is lost,
nothing is there by half, and every restart without a fault works.

  AZIMUTH_BUILD           where azimuthd was built (default: build/)
  AZIMUTH_FAULT_CYCLES    of one collection (default: 300)
  AZIMUTH_FAULT_ENGINES   of the whole engine (default: 12)
  AZIMUTH_FAULT_SEED      (default: 1); printed
  AZIMUTH_FAULT_FOLDER    where (default: /dev/shm when there, else the
                          folder of the test: killing needs no real disk)
"""
import collections
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time

import pytest
import writer
from azimuthd import program

CYCLES = int(os.environ.get("AZIMUTH_FAULT_CYCLES", "300"))
ENGINES = int(os.environ.get("AZIMUTH_FAULT_ENGINES", "12"))
SEED = int(os.environ.get("AZIMUTH_FAULT_SEED", "1"))
FAULT_EXIT = 99
NOT_OPENED = 3
CALLS = {"write": 60, "sync": 40, "rename": 6, "open": 6, "any": 80}
HOWS = ["EIO", "ENOSPC", "short", "torn", "exit", "after"]
NAME = "faults"


@pytest.fixture
def folder(tmp_path):
    base = os.environ.get("AZIMUTH_FAULT_FOLDER")
    if base is None:
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path
    folder = pathlib.Path(tempfile.mkdtemp(prefix="azimuth-", dir=base))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def built(name):
    path = program().parent / name
    assert path.exists(), f"{path} is not built (AZIMUTH_BUILD)"
    return path


def preload(folder, fault, arm="now"):
    paths = [str(built("tests/fixture/fault_io.so"))]
    before = os.environ.get("LD_PRELOAD")
    return {"LD_PRELOAD": ":".join(paths + ([before] if before else [])),
            "AZIMUTH_FAULT_FOLDER": f"{folder}/", "AZIMUTH_FAULT": fault,
            "AZIMUTH_FAULT_ARM": arm}


def a_fault(numbers):
    call = numbers.choice([*CALLS, "write"])
    return (f"{call}:{numbers.randrange(1, CALLS[call])}:"
            f"{numbers.choice(HOWS)}:{numbers.choice([0, 1, 1, 2])}")


class Cycles:
    """Lives of one collection, one after the other."""

    def __init__(self, folder, numbers):
        self.folder = folder
        self.numbers = numbers
        self.ends = collections.Counter()
        self.last = []

    def life(self, fault, arm, kill_after=None):
        environment = {}
        if fault:
            environment = preload(self.folder / "it", fault, arm)
        process = subprocess.Popen(
            [built("tests/crash/fault-writer"), str(self.folder / "it"),
             str(self.numbers.randrange(1 << 40)), "40"],
            env={**os.environ, **environment}, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace")
        if kill_after is not None:
            process.stdout.readline()  # it is open and compared
            time.sleep(kill_after)
            process.kill()
        said = process.communicate(timeout=120)[1]
        self.last = self.last[-4:] + [(fault, arm, kill_after,
                                       process.returncode, said[-1500:])]
        return process.returncode

    def cycle(self):
        if self.numbers.random() < 0.3:
            code = self.life(None, "now", self.numbers.uniform(0, 0.04))
            assert code in (0, -signal.SIGKILL), self.last
            self.ends["kill -9"] += 1
            return
        arm = "now" if self.numbers.random() < 0.15 else "later"
        fault = a_fault(self.numbers)
        code = self.life(fault, arm)
        # Not to open is right only while the fault is at work.
        allowed = {0, FAULT_EXIT} | ({NOT_OPENED} if arm == "now" else set())
        assert code in allowed, self.last
        self.ends[f"{fault.split(':')[2]} of {fault.split(':')[0]}"] += 1

    def end(self):
        assert self.life(None, "now") == 0, self.last


def ledger_totals(path):
    """(acknowledged points, refused changes); see struct ledger."""
    data = path.read_bytes()
    return tuple(int.from_bytes(data[at:at + 8], "little") for at in (16, 24))


def test_no_acknowledged_change_is_lost_by_faults(folder):
    numbers = random.Random(SEED)
    ends, acknowledged, refused = collections.Counter(), 0, 0
    for first in range(0, CYCLES, 500):
        place = folder / str(first)
        place.mkdir()
        cycles = Cycles(place, numbers)
        # Made without faults: what is not made is not promised.
        cycles.end()
        for _ in range(min(500, CYCLES - first)):
            cycles.cycle()
        cycles.end()
        ends += cycles.ends
        a, b = ledger_totals(place / "it.ledger")
        acknowledged, refused = acknowledged + a, refused + b
        shutil.rmtree(place)
    assert acknowledged > CYCLES
    print(f"\nseed {SEED}: {CYCLES} cycles, {acknowledged} acknowledged point "
          f"changes, 0 lost, {refused} changes refused\n{dict(ends)}")


class Stubborn(writer.Writer):
    """Goes on after a refusal: what was refused may be there or not."""

    def write(self, connection):
        try:
            super().write(connection)
        except AssertionError as refusal:
            if not str(refusal).startswith("status 50"):
                raise
            time.sleep(0.01)


def check_life(engine, state, numbers):
    """Opens without a fault, compares, then writes until the fault hits or
    the kill comes. Writers go on after a refusal."""
    engine.environment = {}
    engine.start()
    there = writer.check(engine, NAME, state)
    writer.check_search(engine, NAME, state)
    assert engine.count(NAME) == there
    assert engine.stop() == 0
    engine.environment = preload(engine.folder / "storage", a_fault(numbers))
    try:
        engine.start()
    except RuntimeError:
        return 0  # the fault came first
    writers = [Stubborn(engine, NAME, 1 + i, 3, state)
               for i in range(3)]
    for thread in writers:
        thread.start()
    time.sleep(numbers.uniform(0.1, 0.5))
    engine.kill()
    for thread in writers:
        thread.join(60)
        assert not thread.is_alive()
        assert not isinstance(thread.failed, AssertionError), thread.failed
    return sum(thread.acknowledged for thread in writers)


def test_the_whole_engine_under_faults(engine_factory, folder):
    numbers = random.Random(SEED)
    engine = engine_factory(folder=folder / "engine").start()
    engine.create(NAME, writer.DIM, "Euclid",
                  hnsw_config={"full_scan_threshold": 10, "m": 8,
                               "ef_construct": 32},
                  optimizers_config={"indexing_threshold": 1})
    assert engine.stop() == 0
    state, acknowledged = {}, 0
    for cycle in range(ENGINES):
        acknowledged += check_life(engine, state, numbers)
        engine.kill()
    engine.environment = {}
    engine.start()
    writer.check(engine, NAME, state)
    assert engine.stop() == 0
    print(f"\nseed {SEED}: {ENGINES} engines, {acknowledged} acknowledged "
          f"changes, 0 lost")
