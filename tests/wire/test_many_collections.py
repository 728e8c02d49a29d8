# SPDX-License-Identifier: Apache-2.0
"""Collections without points close their files after a while, and stay closed
over a restart: many of them cost little. What they say stays the same, and
nothing that was acknowledged is lost by it."""
import pathlib
import re
import shutil
import time

COUNT = 30


def open_files(engine):
    return int(re.search(r"^process_open_fds (\d+)$",
                         engine.call("GET", "/metrics").text, re.M)[1])


def stores(engine):
    return sorted(pathlib.Path(engine.folder).glob(
        "storage/collections/*/shard-0/store"))


def resting(engine):
    return [store for store in stores(engine) if (store / "RESTING").exists()]


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_empty_collections_close_their_files(engine_factory):
    engine = engine_factory().start()
    alone = open_files(engine)
    for number in range(COUNT):
        engine.create(f"c{number}", 2)
    wait_for(lambda: len(resting(engine)) == COUNT)
    assert open_files(engine) < alone + COUNT
    info = engine.call("GET", "/collections/c3").result
    assert (info["status"], info["points_count"]) == ("green", 0)
    assert len(resting(engine)) == COUNT
    assert engine.stop() == 0
    engine.start()
    assert open_files(engine) < alone + COUNT
    assert len(resting(engine)) == COUNT
    assert len(engine.call("GET", "/collections").result["collections"]) == \
        COUNT
    # Reads of nothing need no file; the first point does.
    assert engine.scroll_all("c7") == []
    assert len(resting(engine)) == COUNT
    engine.upsert("c7", [{"id": 1, "vector": [1, 2]}])
    assert len(resting(engine)) == COUNT - 1
    assert engine.count("c7") == 1


def test_a_killed_engine_has_what_was_written_after_a_rest(engine_factory):
    engine = engine_factory().start()
    engine.create("a", 2)
    wait_for(lambda: len(resting(engine)) == 1)
    store = resting(engine)[0]
    kept = store.parent / "kept"
    shutil.copy(store / "RESTING", kept)
    for wait in (True, False):
        engine.upsert("a", [{"id": int(wait), "vector": [1, 2]}], wait=wait)
    assert not (store / "RESTING").exists()
    engine.kill()
    # As if its removal had been lost with the power: it means nothing now.
    shutil.copy(kept, store / "RESTING")
    engine.start()
    assert set(engine.get("a", [0, 1])) == {0, 1}


def test_operation_numbers_go_on(engine_factory):
    engine = engine_factory().start()
    engine.create("a", 2)
    first = engine.upsert("a", [{"id": 1, "vector": [1, 2]}])["operation_id"]
    engine.call("POST", "/collections/a/points/delete?wait=true",
                {"points": [1]}).result
    assert engine.stop() == 0
    engine.start()
    again = engine.upsert("a", [{"id": 1, "vector": [1, 2]}])["operation_id"]
    assert again > first
    assert engine.stop() == 0
    engine.start()
    assert engine.count("a") == 1


def test_payload_indexes_outlive_a_rest(engine_factory):
    engine = engine_factory().start()
    engine.create("a", 2)
    engine.call("PUT", "/collections/a/index?wait=true",
                {"field_name": "k", "field_schema": "keyword"}).result
    before = open_files(engine)
    wait_for(lambda: open_files(engine) < before)
    assert engine.stop() == 0
    engine.start()
    info = engine.call("GET", "/collections/a").result
    assert info["payload_schema"]["k"]["data_type"] == "keyword"
    engine.upsert("a", [{"id": 1, "vector": [1, 2], "payload": {"k": "x"}}])
    assert engine.call("POST", "/collections/a/facet",
                       {"key": "k"}).result["hits"] == [
                           {"value": "x", "count": 1}]


def test_changes_and_deletion_of_one_at_rest(engine_factory):
    engine = engine_factory().start()
    for name in "ab":
        engine.create(name, 2)
    wait_for(lambda: len(resting(engine)) == 2)
    engine.call("PATCH", "/collections/a",
                {"hnsw_config": {"m": 8}, "params": {
                    "on_disk_payload": False}}).result
    assert engine.call("DELETE", "/collections/b").result is True
    assert engine.stop() == 0
    engine.start()
    config = engine.call("GET", "/collections/a").result["config"]
    assert config["hnsw_config"]["m"] == 8
    engine.upsert("a", [{"id": 1, "vector": [1, 2], "payload": {"k": 1}}])
    assert engine.get("a", [1])[1]["payload"] == {"k": 1}
    assert [one["name"] for one in
            engine.call("GET", "/collections").result["collections"]] == ["a"]


def test_vector_names_of_one_at_rest(engine_factory):
    engine = engine_factory().start()
    engine.call("PUT", "/collections/a", {"vectors": {
        name: {"size": 2, "distance": "Dot"} for name in ("x", "y", "z")}})
    # Numbers that are not those of the order any more.
    engine.call("DELETE", "/collections/a/vectors/x?wait=true").result
    engine.call("PUT", "/collections/a/vectors/w?wait=true",
                {"dense": {"size": 3, "distance": "Dot"}}).result
    assert engine.stop() == 0
    engine.start()
    engine.upsert("a", [{"id": 1, "vector": {
        "w": [1, 2, 3], "y": [4, 5], "z": [6, 7]}}])
    assert engine.stop() == 0
    engine.start()
    assert engine.get("a", [1])[1]["vector"] == {
        "w": [1, 2, 3], "y": [4, 5], "z": [6, 7]}


def test_a_snapshot_of_one_at_rest(engine_factory):
    engine = engine_factory().start()
    engine.create("a", 2)
    wait_for(lambda: len(resting(engine)) == 1)
    made = engine.call("POST", "/collections/a/snapshots").result
    assert made["size"] > 0
    engine.upsert("a", [{"id": 1, "vector": [1, 2]}])
    assert engine.count("a") == 1
