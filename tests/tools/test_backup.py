# SPDX-License-Identifier: Apache-2.0
"""backup and restore: what was destroyed comes back, point for point, from a
folder and from a bucket; a run that was cut short sends nothing twice."""
import json
import pathlib
import subprocess
import threading
import time
import urllib.parse

import pytest

import once
from azimuthd import Engine
from conftest import run

KEY_ID, SECRET, REGION = "AKIAOFTHETEST", "secret/of+the=test", "us-east-1"
HERE = pathlib.Path(__file__).parent


class Bucket:
    url = "s3://backups/of/the test"

    def __init__(self):
        python = once.venv("s3", HERE / "requirements-s3.txt")
        self.process = subprocess.Popen(
            [str(python), str(HERE / "s3_server.py"), KEY_ID, SECRET, REGION],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        self.port = int(self.process.stdout.readline())
        self.environment = {
            "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}"}

    def tell(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(30)


@pytest.fixture(scope="module")
def bucket():
    bucket = Bucket()
    # A bucket is made once by its owner: with any signed request.
    done = subprocess.run(
        ["curl", "-sS", "-f", "-X", "PUT", "--aws-sigv4",
         f"aws:amz:{REGION}:s3", "--user", f"{KEY_ID}:{SECRET}",
         "-H", "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4"
         "649b934ca495991b7852b855",
         f"http://127.0.0.1:{bucket.port}/backups"],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    yield bucket
    bucket.stop()


@pytest.fixture
def fresh(tmp_path):
    """Engines of this test's own; fresh() gives an empty one."""
    made = []

    def make():
        engine = Engine(tmp_path / f"engine-{len(made)}").start()
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.kill()


def ctl(engine, *arguments, **environment):
    return run(*arguments, environment={
        "AZIMUTH_URL": f"http://127.0.0.1:{engine.port}", **environment})


def fill(engine, name, count=500, start=0):
    if engine.call("GET", f"/collections/{name}").status == 404:
        engine.create(name, 8, "Dot")
    for at in range(start, start + count, 250):
        engine.upsert(name, [
            {"id": n, "vector": [n, 1, 2, 3, 4, 5, 6, n / 7],
             "payload": {"n": n, "text": f"point {n}"}}
            for n in range(at, min(at + 250, start + count))])


def everything(engine, name):
    return engine.scroll_all(name, with_payload=True, with_vector=True)


def test_a_drill_with_a_folder(fresh, tmp_path):
    engine, to = fresh(), tmp_path / "backups"
    fill(engine, "one")
    fill(engine, urllib.parse.quote("two ä b"), 10)
    engine.call("POST", "/collections/aliases", {"actions": [
        {"create_alias": {"collection_name": "one", "alias_name": "uno"}}]})
    done = ctl(engine, "backup", "--to", to)
    assert done.code == 0 and "2 collections" in done.out, done
    assert engine.call("GET", "/collections/one/snapshots").result == []
    before = {n: everything(engine, n) for n in ("one", "uno")}
    engine.kill()
    other = fresh()
    done = ctl(other, "restore", "--from", to)
    assert done.code == 0, done
    assert {n: everything(other, n) for n in ("one", "uno")} == before
    done = ctl(other, "restore", "one", "--from", to)
    assert done.code == 1 and "--overwrite" in done.err, done
    other.call("POST", "/collections/one/points/delete?wait=true",
               {"points": [1, 2, 3]})
    done = ctl(other, "restore", "one", "--from", to, "--overwrite")
    assert done.code == 0 and everything(other, "one") == before["one"], done


def test_a_drill_with_a_bucket_under_writes(fresh, bucket):
    engine = fresh()
    fill(engine, "busy", 2000)
    stop = threading.Event()

    def write():
        at = 2000
        while not stop.is_set():
            fill(engine, "busy", 50, at)
            at += 50

    writer = threading.Thread(target=write)
    writer.start()
    try:
        time.sleep(0.3)
        acknowledged = engine.count("busy")
        done = ctl(engine, "backup", "--to", bucket.url, **bucket.environment)
    finally:
        stop.set()
        writer.join()
    assert done.code == 0, done
    live = {p["id"]: p for p in everything(engine, "busy")}
    engine.kill()
    other = fresh()
    done = ctl(other, "restore", "--from", bucket.url, **bucket.environment)
    assert done.code == 0, done
    back = everything(other, "busy")
    assert len(back) >= acknowledged
    assert all(live[p["id"]] == p for p in back)


def test_a_backup_that_was_cut_goes_on(fresh, bucket):
    engine = fresh()
    engine.create("large", 1024, "Dot")
    for at in range(0, 9000, 500):
        engine.upsert("large", [{"id": n, "vector": [n + 1 / (k + 1) for k in
                                                     range(1024)]}
                                for n in range(at, at + 500)])
    bucket.tell("cut")
    to = bucket.url + "/cut"
    done = ctl(engine, "backup", "--to", to, **bucket.environment)
    assert done.code == 1 and "AccessDenied" in done.err, done
    made = engine.call("GET", "/collections/large/snapshots").result
    assert len(made) == 1
    assert ctl(engine, "restore", "--list", "--from", to,
               **bucket.environment).out == ""
    bucket.tell("mend")
    done = ctl(engine, "backup", "--to", to, **bucket.environment)
    assert done.code == 0 and "going on" in done.err, done
    other = fresh()
    done = ctl(other, "restore", "--from", to, **bucket.environment)
    assert done.code == 0 and other.count("large") == 9000, done


def test_old_sets_go(fresh, tmp_path):
    engine, to = fresh(), tmp_path / "kept"
    fill(engine, "c", 10)
    for _ in range(3):
        done = ctl(engine, "backup", "--to", to, AZIMUTH_BACKUP_KEEP="2")
        assert done.code == 0, done
        time.sleep(1.1)
    listed = ctl(engine, "restore", "--list", "--from", to).out.splitlines()
    assert len(listed) == 2
    assert len(list((to / "c").iterdir())) == 2
    done = ctl(engine, "restore", "--from", to, "--overwrite", "--at",
               listed[0].split()[0])
    assert done.code == 0, done
    done = ctl(engine, "restore", "--from", to, "--at", "19700101T000000Z")
    assert done.code == 1 and "--list" in done.err, done


def test_a_damaged_backup_replaces_nothing(fresh, tmp_path):
    engine, to = fresh(), tmp_path / "damaged"
    fill(engine, "c", 50)
    assert ctl(engine, "backup", "--to", to).code == 0
    before = everything(engine, "c")
    file, = (to / "c").iterdir()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    done = ctl(engine, "restore", "--from", to, "--overwrite")
    assert done.code == 1 and "damaged" in done.err, done
    assert everything(engine, "c") == before
    (to / "index.json").write_text("[]")
    done = ctl(engine, "restore", "--from", to)
    assert done.code == 1 and "not ours" in done.err, done
    done = ctl(engine, "backup", "--to", to)
    assert done.code == 1, done


def damage(engine, name):
    engine.stop()
    for path in (engine.folder / "storage" / "collections").iterdir():
        if json.loads((path / "collection.json").read_text())["name"] == name:
            for manifest in path.rglob("MANIFEST-*"):
                manifest.write_bytes(b"x" * 100)
    engine.start()
    assert engine.call("GET", f"/collections/{name}").status == 500


def test_a_damaged_collection_is_left_out_and_comes_back(fresh, tmp_path):
    engine, to = fresh(), tmp_path / "some"
    for name in ("a", "hurt", "z"):
        fill(engine, name, 50)
    before = everything(engine, "hurt")
    assert ctl(engine, "backup", "--to", to).code == 0
    damage(engine, "hurt")
    time.sleep(1.1)  # sets have their second as a name
    done = ctl(engine, "backup", "--to", to, "--keep", "1")
    assert done.code == 1 and "1 damaged" in done.err, done
    assert "left out" in done.err and "hurt" in done.err
    listed = ctl(engine, "restore", "--list", "--from", to).out.splitlines()
    assert len(listed) == 2
    done = ctl(engine, "backup", "hurt", "--to", to)
    assert done.code == 1 and "damaged" in done.err, done
    first = listed[0].split()[0]
    done = ctl(engine, "restore", "hurt", "--from", to, "--at", first)
    assert done.code == 1 and "--overwrite" in done.err, done
    done = ctl(engine, "restore", "hurt", "--from", to, "--at", first,
               "--overwrite")
    assert done.code == 0, done
    assert everything(engine, "hurt") == before
    assert ctl(engine, "backup", "--to", to).code == 0


def test_an_answer_that_was_lost(fresh, bucket):
    """The parts are together, and only the answer is missing."""
    engine = fresh()
    fill(engine, "c", 500)
    before = everything(engine, "c")
    bucket.tell("lose")
    try:
        done = ctl(engine, "backup", "--to", bucket.url, "--restart",
                   **bucket.environment)
    finally:
        bucket.tell("on")
    assert done.code == 0, done
    engine.call("DELETE", "/collections/c")
    done = ctl(engine, "restore", "c", "--from", bucket.url,
               **bucket.environment)
    assert done.code == 0, done
    assert everything(engine, "c") == before


def test_keys_of_a_session(fresh, bucket):
    engine = fresh()
    fill(engine, "c", 5)
    bucket.tell("token")
    try:
        done = ctl(engine, "backup", "--to", bucket.url, "--restart",
                   **bucket.environment)
        assert done.code == 1 and "SignatureDoesNotMatch" in done.err, done
        with_token = {**bucket.environment,
                      "AWS_SESSION_TOKEN": "the/session+token="}
        done = ctl(engine, "backup", "--to", bucket.url, **with_token)
        assert done.code == 0, done
        done = ctl(engine, "restore", "--overwrite", "--from", bucket.url,
                   **with_token)
        assert done.code == 0 and "session+" not in done.out + done.err, done
    finally:
        bucket.tell("on")


def test_refusals(fresh, bucket, tmp_path):
    engine = fresh()
    fill(engine, "c", 5)
    wrong = {**bucket.environment, "AWS_SECRET_ACCESS_KEY": "wrong"}
    done = ctl(engine, "backup", "--to", bucket.url, **wrong)
    assert done.code == 1 and "SignatureDoesNotMatch" in done.err, done
    assert "wrong" not in done.err
    done = ctl(engine, "backup", "--to", "s3://nowhere/x",
               **bucket.environment)
    assert done.code == 1 and "create the bucket" in done.err, done
    done = ctl(engine, "backup", "--to", "s3://backups/x",
               AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert done.code == 1 and "AWS_ACCESS_KEY_ID" in done.err, done
    file = tmp_path / "file"
    file.write_text("")
    done = ctl(engine, "backup", "--to", file)
    assert done.code == 1, done
    for arguments in (("backup",), ("restore",),
                      ("backup", "--to", "gs://x"),
                      ("backup", "--to", "s3://"),
                      ("backup", "--to", tmp_path, "--keep", "x")):
        assert ctl(engine, *arguments).code == 2, arguments
    done = ctl(engine, "backup", "nowhere", "--to", tmp_path)
    assert done.code == 1 and "doesn't exist" in done.err, done
