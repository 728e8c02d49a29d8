# SPDX-License-Identifier: Apache-2.0
"""Snapshots and restores that end in the middle, and data that is damaged: the
old state or the new one is there, whole; rubbish is gone after the next start;
what is damaged is named and never served.

  AZIMUTH_BUILD          where azimuthd was built (default: build/)
  AZIMUTH_SNAPSHOT_ENDS  ends of a process in a restore (default: 60)
  AZIMUTH_SNAPSHOT_SEED  (default: 1); printed
"""
import http.client
import os
import random
import threading
import time

import pytest
from azimuthd import program

ENDS = int(os.environ.get("AZIMUTH_SNAPSHOT_ENDS", "60"))
SEED = int(os.environ.get("AZIMUTH_SNAPSHOT_SEED", "1"))
NAME = "c"
POINTS = 200


def points(generation, count=POINTS):
    return [{"id": i, "vector": [i, generation, 2, 3],
             "payload": {"g": generation, "t": f"{i}-{generation}" * 20}}
            for i in range(count)]


def check(engine, allowed, name=NAME):
    """All points are of one of these generations; returns it."""
    found = engine.get(name, range(POINTS))
    assert len(found) == POINTS == engine.count(name)
    generations = {record["payload"]["g"] for record in found.values()}
    assert len(generations) == 1 and generations <= set(allowed), (
        generations, allowed)
    g = generations.pop()
    for id, record in found.items():
        assert record["vector"] == [id, g, 2, 3]
        assert record["payload"]["t"] == f"{id}-{g}" * 20
    hits = engine.call("POST", f"/collections/{name}/points/search",
                       {"vector": [7, g, 2, 3], "limit": 1}).result
    assert hits[0]["id"] == 7
    return g


def check_clean(engine, collections):
    """No folder and no file is left of what was not finished."""
    storage, snapshots = engine.folder / "storage", engine.folder / "snapshots"
    assert not (storage / "staging").exists() or \
        not list((storage / "staging").iterdir())
    assert not list((snapshots / ".tmp").iterdir())
    folders = list((storage / "collections").iterdir())
    assert len(folders) == collections, folders
    for folder in folders:
        assert not list(folder.glob("restor*")), list(folder.iterdir())


def make(engine, name=NAME):
    return engine.call("POST", f"/collections/{name}/snapshots").result


def recover(engine, snapshot, name=NAME, of=NAME):
    return engine.call(
        "PUT", f"/collections/{name}/snapshots/recover",
        {"location": f"file://{engine.folder}/snapshots/{of}/"
                     f"{snapshot['name']}"})


def attempt(call):
    """Its answer; None: the process ended before."""
    try:
        return call()
    except (OSError, http.client.HTTPException):
        return None


@pytest.fixture
def library():
    path = program().parent / "tests" / "fixture" / "fault_io.so"
    if not path.exists():
        pytest.fail(f"{path} is not built: make check builds it", False)
    return str(path)


def fault(engine, library, numbers):
    """Lets the process end at one of its calls, or a call fail."""
    how = numbers.choice(["exit", "exit", "after", "torn", "ENOSPC", "EIO"])
    call = numbers.choice(["any", "any", "rename", "sync", "open", "write"])
    most = {"any": 260, "rename": 30, "sync": 60, "open": 80, "write": 60}
    folder = numbers.choice(["storage", "storage", "snapshots"])
    number = numbers.randrange(1, most[call])
    text = f"{call}:{number}:{how}:1"
    engine.environment = {
        "LD_PRELOAD": ":".join(filter(None, [
            library, os.environ.get("LD_PRELOAD")])),
        "AZIMUTH_FAULT_FOLDER": f"{engine.folder}/{folder}/",
        "AZIMUTH_FAULT": text, "AZIMUTH_FAULT_ARM": "now"}
    return f"{folder} {text}"


def test_an_end_at_any_step_leaves_the_old_or_the_new(engine_factory, library):
    numbers = random.Random(SEED)
    engine = engine_factory().start()
    engine.create(NAME, 4, "Euclid")
    engine.upsert(NAME, points(1))
    now, done, made_count = 1, {"restored": 0, "refused": 0, "ended": 0}, 0
    for turn in range(ENDS):
        kept, of, answer = make(engine), now, None
        engine.upsert(NAME, points(of + 1))
        engine.kill()
        text = fault(engine, library, numbers)
        try:
            engine.start()
        except RuntimeError:
            engine.process = None
        else:
            made = attempt(lambda: engine.call(
                "POST", f"/collections/{NAME}/snapshots"))
            answer = attempt(lambda: recover(engine, kept))
            if answer is None:
                done["ended"] += 1
            else:
                done["restored" if answer.status == 200 else "refused"] += 1
                assert answer.status in (200, 400, 500, 507), (text, answer)
                if answer.status == 200:
                    attempt(lambda: check(engine, {of}))
            made_count += made is not None and made.status == 200
        engine.kill()
        engine.environment = {}
        engine.start()
        is_restored = answer is not None and answer.status == 200
        now = check(engine, {of} if is_restored else {of, of + 1})
        check_clean(engine, 1)
        for snapshot in engine.call(
                "GET", f"/collections/{NAME}/snapshots").result:
            # One that was made under the fault is whole, too.
            assert recover(engine, snapshot, "copy").status == 200, text
            check(engine, {of, of + 1}, "copy")
            assert engine.call("DELETE", f"/collections/{NAME}/snapshots/"
                               f"{snapshot['name']}").status == 200
        engine.call("DELETE", "/collections/copy")
        engine.upsert(NAME, points(now := now + 2))
    print(f"\nseed {SEED}: {done}, {made_count} made under faults")
    assert done["ended"] + done["refused"] > 0


def test_kill_while_others_are_made_and_restored(engine_factory):
    """At any time, with a writer beside."""
    numbers = random.Random(SEED)
    engine = engine_factory().start()
    engine.create(NAME, 4, "Euclid")
    engine.upsert(NAME, points(1))
    kept = make(engine)
    for turn in range(10):
        stop = threading.Event()

        def work():
            while not stop.is_set():
                if attempt(lambda: recover(engine, kept)) is None or \
                        attempt(lambda: make(engine)) is None:
                    return

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(numbers.uniform(0.05, 0.6))
        engine.kill()
        stop.set()
        for thread in threads:
            thread.join()
        engine.start()
        check(engine, {1})
        check_clean(engine, 1)
        for snapshot in engine.call(
                "GET", f"/collections/{NAME}/snapshots").result:
            if snapshot["name"] != kept["name"]:
                assert recover(engine, snapshot).status == 200
                check(engine, {1})
                engine.call("DELETE", f"/collections/{NAME}/snapshots/"
                                      f"{snapshot['name']}")


def test_a_damaged_collection_is_mended_by_its_snapshot(engine_factory):
    engine = engine_factory().start()
    engine.create(NAME, 4, "Euclid")
    engine.upsert(NAME, points(3))
    kept = make(engine)
    engine.stop()
    for path in (engine.folder / "storage").rglob("MANIFEST-*"):
        path.write_bytes(b"x" * 100)
    engine.start()
    assert engine.call("GET", f"/collections/{NAME}").status == 500
    assert recover(engine, kept).result is True
    check(engine, {3})
    engine.stop()
    engine.start()
    check(engine, {3})
    check_clean(engine, 1)


def tables(engine):
    return sorted((engine.folder / "storage").rglob("*.sst"))


def test_a_bit_of_a_table_is_never_served(engine_factory):
    """A flipped bit anywhere in a table file: the collection is refused and
    named, or each answer is as it was, or an error that names the file."""
    engine = engine_factory().start()
    engine.create(NAME, 4, "Euclid", on_disk_payload=True)
    engine.upsert(NAME, points(1))
    kept = make(engine)  # writes the tables
    engine.stop()
    numbers = random.Random(SEED)
    places = [(path, numbers.randrange(path.stat().st_size))
              for path in tables(engine) for _ in range(12)]
    seen = {"refused": 0, "named": 0, "same": 0}
    for path, at in places:
        data = bytearray(path.read_bytes())
        spoilt = bytearray(data)
        spoilt[at] ^= 1 << numbers.randrange(8)
        path.write_bytes(spoilt)
        engine.start()
        answer = engine.call("POST", f"/collections/{NAME}/points", {
            "ids": list(range(POINTS)), "with_vector": True,
            "with_payload": True})
        if engine.call("GET", f"/collections/{NAME}").status == 500:
            seen["refused"] += 1
            assert NAME in answer.error and "damaged" in engine.log()
        elif answer.status != 200:
            seen["named"] += 1
            assert answer.status == 500
            assert str(engine.folder / "storage") in answer.error, answer
        else:
            seen["same"] += 1
            check(engine, {1})
        engine.kill()
        path.write_bytes(data)
        # An open may have written other files; only the tables stay.
        if path not in tables(engine):
            break
    print(f"\nseed {SEED}: {seen}")
    assert seen["refused"] + seen["named"] > 0
    engine.start()
    assert recover(engine, kept).status == 200
    check(engine, {1})


@pytest.fixture
def disk(disk_of):
    return disk_of(160)


def fill_up(path):
    """Takes all that is left of the disk."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass


def is_full(answer):
    assert answer.status == 507, answer
    # A store that was closed for it says so until there is room.
    assert "space" in answer.error.lower() or \
        "after the disk was full" in answer.error, answer
    return True


def big_points(count):
    numbers = random.Random(1)
    return [{"id": i, "vector": [i, 1, 2, 3], "payload": {
        "g": 1, "t": numbers.randbytes(10000).hex()}} for i in range(count)]


def test_a_full_disk_refuses_and_nothing_is_lost(engine_factory, disk):
    """During a snapshot, a restore, a checkpoint and merges: 507, service goes
    on, and all of it works when there is space again."""
    engine = engine_factory(folder=disk / "engine").start()
    engine.create(NAME, 4, "Euclid",
                  hnsw_config={"full_scan_threshold": 10},
                  optimizers_config={"indexing_threshold": 1})
    data = big_points(1200)
    for at in range(0, len(data), 100):
        engine.upsert(NAME, data[at:at + 100])
    kept = make(engine)
    assert kept["size"] > 10 << 20
    ballast = disk / "ballast"

    def check_all():
        assert engine.count(NAME) == len(data)
        found = engine.get(NAME, range(len(data)))
        assert all(found[p["id"]]["payload"] == p["payload"] for p in data)

    fill_up(ballast)
    # The stores' own files have no room either: each of these says so.
    assert is_full(engine.call("POST", f"/collections/{NAME}/snapshots"))
    assert is_full(engine.call("POST", "/snapshots"))
    assert is_full(recover(engine, kept))
    assert is_full(recover(engine, kept, "new"))
    assert engine.call("GET", "/collections/new").status == 404
    blob = b"--b\r\nContent-Disposition: form-data; name=\"snapshot\"\r\n\r\n" \
        + bytes(3 << 20) + b"\r\n--b--\r\n"
    assert is_full(engine.call(
        "POST", "/collections/new/snapshots/upload", blob,
        {"Content-Type": "multipart/form-data; boundary=b"}))
    answer = engine.call("PUT", f"/collections/{NAME}/points?wait=true",
                         {"points": big_points(200)})
    acknowledged = answer.status == 200  # what fits into a recycled log
    assert acknowledged or is_full(answer)
    check_all()
    assert engine.call("GET", "/readyz").status == 200
    check_clean(engine, 1)

    ballast.unlink()
    deadline = time.monotonic() + 60
    while True:
        answer = engine.call("POST", f"/collections/{NAME}/snapshots")
        if answer.status == 200 or time.monotonic() > deadline:
            break
        assert is_full(answer)
        time.sleep(0.2)
    assert answer.status == 200, answer
    assert recover(engine, answer.result).result is True
    check_all()

    # Merges and checkpoints beside a disk that is full again: deletes ask for
    # the first, the end of the process for the second.
    fill_up(ballast)
    answer = engine.call("POST", f"/collections/{NAME}/points/delete?wait=true",
                         {"points": list(range(1000, 1200))})
    if answer.status == 200:
        data = data[:1000]
    else:
        assert is_full(answer)
    time.sleep(1)
    check_all()
    engine.stop()
    ballast.unlink()
    engine.start()
    check_all()
    engine.upsert(NAME, data[:10])
    assert make(engine)["size"] > 0
    assert engine.stop() == 0
