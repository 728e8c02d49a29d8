# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up: writes are refused with the cause, reads go on, nothing
acknowledged is lost, and writes work again when there is space. A small tmpfs
of its own where the test may mount; otherwise a limit on file sizes, which
fails writes the same way but cannot be lifted again."""
import os
import resource
import signal
import subprocess

import pytest

DISK_SIZE_MIB = 192
FILE_SIZE_MAX = 24 << 20
NAME = "full"
TEXT = "x" * 60000


@pytest.fixture
def disk(disk_of):
    return disk_of(DISK_SIZE_MIB)


def fill(engine, rounds=2000):
    """Upserts until one is refused: (ids acknowledged, the refusal)."""
    done = []
    for round in range(rounds):
        ids = list(range(round * 20 + 1, round * 20 + 21))
        answer = engine.call(
            "PUT", f"/collections/{NAME}/points?wait=true", {"points": [
                {"id": id, "vector": [id, 1, 0, 0],
                 "payload": {"t": f"{id}{TEXT}{os.urandom(4).hex()}"}}
                for id in ids]})
        if answer.status != 200:
            return done, answer
        done += ids
    raise AssertionError("the disk never filled up")


def check_refusal(answer):
    assert answer.status in (500, 507), answer
    text = answer.error.lower()
    assert "space" in text or "full" in text or "too large" in text, text


def check_there(engine, done):
    assert engine.count(NAME) >= len(done)
    for at in range(0, len(done), 200):
        got = engine.get(NAME, done[at:at + 200])
        assert set(got) == set(done[at:at + 200])
        for id, record in got.items():
            assert record["payload"]["t"].startswith(f"{id}x")
            assert record["vector"] == [id, 1, 0, 0]
    hits = engine.call("POST", f"/collections/{NAME}/points/search", {
        "vector": [1, 0, 0, 0], "limit": 3}).result
    assert hits[0]["score"] >= max(done)


def test_a_full_disk_refuses_writes_and_loses_nothing(engine_factory, disk):
    ballast = disk / "ballast"
    ballast.write_bytes(b"b" * (64 << 20))
    engine = engine_factory(folder=disk / "engine").start()
    engine.create(NAME, 4, "Dot")
    done, refusal = fill(engine)
    assert done
    check_refusal(refusal)
    check_there(engine, done)
    assert engine.call("GET", "/readyz").status == 200
    ballast.unlink()
    more = {"id": 10 ** 9, "vector": [0, 0, 0, 1]}
    answer = None
    for _ in range(100):
        answer = engine.call("PUT", f"/collections/{NAME}/points?wait=true",
                             {"points": [more]})
        if answer.status == 200:
            break
        subprocess.run(["sleep", "0.2"], check=True)
    assert answer.status == 200, answer
    check_there(engine, done)
    engine.kill()
    engine.start()
    check_there(engine, done)
    assert engine.get(NAME, [10 ** 9])
    assert engine.stop() == 0


def test_a_restart_on_a_full_disk_reads(engine_factory, disk):
    engine = engine_factory(folder=disk / "engine").start()
    engine.create(NAME, 4, "Dot")
    done, refusal = fill(engine)
    check_refusal(refusal)
    engine.kill()
    try:
        engine.start()
    except RuntimeError:
        # It may refuse to start, but must say why.
        engine.process = None
        text = engine.log().lower()
        assert "space" in text, text
        return
    check_there(engine, done)
    engine.kill()


def test_a_limit_on_file_sizes_refuses_writes(engine_factory):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE,
                           (FILE_SIZE_MAX, FILE_SIZE_MAX))

    engine = engine_factory()
    engine.start(preexec=limit)
    engine.create(NAME, 4, "Dot")
    done, refusal = fill(engine)
    assert refusal.status in (500, 507), refusal
    check_there(engine, done)
    engine.kill()
    engine.start()
    check_there(engine, done)
    answer = engine.call("PUT", f"/collections/{NAME}/points?wait=true",
                         {"points": [{"id": 10 ** 9,
                                      "vector": [0, 0, 0, 1]}]})
    assert answer.status == 200, answer
    assert engine.stop() == 0
