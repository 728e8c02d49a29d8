# SPDX-License-Identifier: Apache-2.0
"""Snapshots by the real client. Started as

    python snapshots.py URL PREFIX [GRPC_PORT]

It prints {step: null or traceback}."""
import datetime
import json
import re
import sys
import traceback
import urllib.request

from qdrant_client import QdrantClient, models

URL, PREFIX, *PORT = sys.argv[1:]
client = QdrantClient(url=URL, timeout=60, prefer_grpc=bool(PORT),
                      **({"grpc_port": int(PORT[0])} if PORT else {}))
NAME = f"{PREFIX}-snapshots"


def points(count):
    return [models.PointStruct(id=i, vector=[i, 1, 2, 3], payload={"n": i})
            for i in range(count)]


def is_now(value):
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    value = value.replace(tzinfo=None)
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    return abs((now - value).total_seconds()) < 120


def step_create_list_delete():
    client.create_collection(NAME, models.VectorParams(
        size=4, distance=models.Distance.EUCLID))
    client.upsert(NAME, points(10), wait=True)
    made = client.create_snapshot(NAME)
    assert re.fullmatch(
        rf"{NAME}-\d+-\d\d\d\d-\d\d-\d\d-\d\d-\d\d-\d\d\.snapshot",
        made.name), made
    assert 0 < made.size < 100_000 and is_now(made.creation_time), made
    # The client drops it from gRPC messages.
    assert PORT or re.fullmatch("[0-9a-f]{64}", made.checksum), made
    assert [s.name for s in client.list_snapshots(NAME)] == [made.name]
    listed = client.list_snapshots(NAME)[0]
    assert (listed.size, listed.checksum) == (made.size, made.checksum)
    assert client.delete_snapshot(NAME, made.name)
    assert client.list_snapshots(NAME) == []


def step_recover():
    made = client.create_snapshot(NAME)
    client.upsert(NAME, points(20), wait=True)
    location = f"{URL}/collections/{NAME}/snapshots/{made.name}"
    assert client.recover_snapshot(
        NAME, location, checksum=made.checksum,
        priority=models.SnapshotPriority.SNAPSHOT)
    assert client.count(NAME).count == 10
    assert client.recover_snapshot(f"{NAME}-copy", location)
    found = client.retrieve(f"{NAME}-copy", [7], with_vectors=True)
    assert found[0].vector == [7, 1, 2, 3] and found[0].payload == {"n": 7}
    try:
        client.recover_snapshot(NAME, location, checksum="0" * 64)
    except Exception as e:
        assert "Checksum mismatch" in str(e), e
    else:
        raise AssertionError("a bad checksum was taken")
    assert client.delete_collection(f"{NAME}-copy")


def step_shards():
    made = client.create_shard_snapshot(NAME, 0)
    assert made.name.startswith(f"{NAME}-shard-0-"), made
    assert [s.name for s in client.list_shard_snapshots(NAME, 0)] == [
        made.name]
    client.upsert(NAME, points(30), wait=True)
    assert client.recover_shard_snapshot(NAME, 0, made.name)
    assert client.count(NAME).count == 10
    assert client.delete_shard_snapshot(NAME, 0, made.name)


def step_full():
    made = client.create_full_snapshot()
    assert re.fullmatch(r"full-snapshot-[-0-9]{19}\.snapshot", made.name), made
    assert made.name in [s.name for s in client.list_full_snapshots()]
    with urllib.request.urlopen(f"{URL}/snapshots/{made.name}") as answer:
        assert len(answer.read()) == made.size
    assert client.delete_full_snapshot(made.name)
    assert made.name not in [s.name for s in client.list_full_snapshots()]


def step_end():
    assert client.delete_collection(NAME)


outcome = {}
for name, step in list(globals().items()):
    if name.startswith("step_"):
        try:
            step()
            outcome[name] = None
        except Exception:
            outcome[name] = traceback.format_exc()
print(json.dumps(outcome))
