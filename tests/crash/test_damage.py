# SPDX-License-Identifier: Apache-2.0
"""A collection whose files are damaged, or of a newer version: the engine
serves all the others, says what is wrong, and leaves the folder alone until
somebody deletes the collection or mends it."""
import json
import shutil

import pytest

POINTS = 300


def folder_of(engine, name):
    for path in (engine.folder / "storage" / "collections").iterdir():
        text = (path / "collection.json").read_text()
        if json.loads(text)["name"] == name:
            return path
    raise AssertionError(name)


@pytest.fixture
def engine(engine_factory):
    """Three collections, their points in table files (which the second start
    makes out of the log); stopped."""
    engine = engine_factory().start()
    for name in ("first", "hurt", "last"):
        engine.create(name, 8, "Euclid")
        engine.upsert(name, [{"id": i, "vector": [i, 1, 2, 3, 4, 5, 6, 7],
                              "payload": {"n": i}} for i in range(POINTS)])
    engine.stop()
    engine.start()
    engine.stop()
    return engine


def flip(path):
    data = bytearray(path.read_bytes())
    for at in range(0, len(data), 97):
        data[at] ^= 0x5a
    path.write_bytes(data)


def hurt_tables(folder):
    tables = list(folder.rglob("*.sst"))
    assert tables
    for path in tables:
        flip(path)


def hurt_manifest(folder):
    for path in folder.rglob("MANIFEST-*"):
        flip(path)


def lose_current(folder):
    next(folder.rglob("CURRENT")).unlink()


def lose_store(folder):
    shutil.rmtree(folder / "shard-0" / "store")


def lose_definition(folder):
    (folder / "collection.json").unlink()


def hurt_definition(folder):
    (folder / "collection.json").write_text('{"format": 1, "na')


def hurt_config(folder):
    path = folder / "collection.json"
    text = json.loads(path.read_text())
    text["config"] = {"vectors": {"size": "many"}}
    path.write_text(json.dumps(text))


def newer_definition(folder):
    path = folder / "collection.json"
    text = json.loads(path.read_text())
    text["format"] += 1
    path.write_text(json.dumps(text))


NAMED = [hurt_tables, hurt_manifest, lose_current, lose_store, hurt_config,
         newer_definition]
NAMELESS = [lose_definition, hurt_definition]


def files(folder):
    """Names and sizes of all that holds data."""
    return {path.relative_to(folder): path.stat().st_size
            for path in folder.rglob("*")
            if path.suffix in (".sst", ".json") or
            path.name.startswith("MANIFEST-")}


@pytest.mark.parametrize("hurt", NAMED + NAMELESS, ids=lambda f: f.__name__)
def test_one_damaged_collection_keeps_no_other_from_being_served(engine, hurt):
    folder = folder_of(engine, "hurt")
    hurt(folder)
    before = files(folder)
    engine.start()
    name = "hurt" if hurt in NAMED else f"damaged-{folder.name}"

    for other in ("first", "last"):
        assert engine.count(other) == POINTS
    for method, path, body in (
            ("GET", "", None),
            ("POST", "/points/count", {}),
            ("POST", "/points/search", {"vector": [1] * 8, "limit": 1}),
            ("PUT", "/points", {"points": [{"id": 1, "vector": [1] * 8}]})):
        answer = engine.call(method, f"/collections/{name}{path}", body)
        assert answer.status == 500, answer
        assert name in answer.error and str(folder) in answer.error
    if hurt is newer_definition:
        assert "newer version" in answer.error

    # Nobody makes a new one in its place.
    answer = engine.call("PUT", f"/collections/{name}",
                         {"vectors": {"size": 4, "distance": "Dot"}})
    assert answer.status == 409 and str(folder) in answer.error
    assert engine.call("GET", f"/collections/{name}/exists").result["exists"]

    named = engine.call("GET", "/collections").result["collections"]
    assert [c["name"] for c in named] == sorted(["first", name, "last"])
    damaged = engine.call("GET", "/telemetry?details_level=1").result[
        "collections"]["damaged"]
    assert [d["name"] for d in damaged] == [name]
    assert damaged[0]["folder"] == str(folder) and damaged[0]["cause"]
    assert f"collection {name} is damaged" in engine.log()
    assert "snapshot" not in answer.error + damaged[0]["cause"]
    assert "back from a backup" in answer.error
    assert engine.call("GET", "/metrics").status == 200

    # It is left as it is, also by a second start.
    engine.stop()
    assert files(folder) == before
    engine.start()
    assert files(folder) == before

    assert engine.call("DELETE", f"/collections/{name}").result is True
    assert not folder.exists()
    assert engine.call("GET", f"/collections/{name}").status == 404
    engine.create("hurt", 8, "Euclid")
    engine.stop()
    engine.start()
    assert engine.count("hurt") == 0
    for other in ("first", "last"):
        assert engine.count(other) == POINTS


def test_a_mended_folder_is_served_again(engine, tmp_path):
    folder = folder_of(engine, "hurt")
    shutil.copytree(folder, tmp_path / "copy")
    hurt_tables(folder)
    engine.start()
    assert engine.call("GET", "/collections/hurt").status == 500
    engine.stop()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "copy", folder)
    engine.start()
    assert engine.count("hurt") == POINTS
    assert engine.get("hurt", [7])[7]["payload"] == {"n": 7}


def test_two_folders_of_one_name_are_not_mixed(engine):
    """A copy that was left beside the original: one is served."""
    folder = folder_of(engine, "hurt")
    copy = folder.with_name("00000077")
    shutil.copytree(folder, copy)
    engine.start()
    assert engine.count("hurt") == POINTS
    damaged = engine.call("GET", "/telemetry").result["collections"]["damaged"]
    assert len(damaged) == 1
    assert "both hold collection `hurt`" in damaged[0]["cause"]
    assert engine.call("DELETE",
                       f"/collections/{damaged[0]['name']}").result is True
    assert engine.count("hurt") == POINTS


def test_payloads_change_without_reading_vectors_on_disk(engine_factory):
    """Rows that cannot be read any more do not matter to changes that leave
    vectors alone; where a row has to move along, the change is refused and
    nothing of it is there."""
    engine = engine_factory().start()
    name = "disk"
    size = {"size": 64, "distance": "Euclid", "on_disk": True}
    engine.call("PUT", f"/collections/{name}",
                {"vectors": {"a": size, "b": size}}).result
    engine.upsert(name, [{"id": i, "vector": {"a": [i + k for k in range(64)],
                                              "b": [i - k for k in range(64)]},
                          "payload": {"n": i}} for i in range(POINTS)])
    # One vector anew: the other moves along, for many points at once.
    points = [{"id": i, "vector": {"a": [0.5] * 64}} for i in range(100)]
    engine.call("PUT", f"/collections/{name}/points/vectors?wait=true",
                {"points": points}).result
    # The same again changes nothing.
    engine.call("PUT", f"/collections/{name}/points/vectors?wait=true",
                {"points": points}).result
    found = engine.get(name, range(POINTS))
    for i in range(POINTS):
        vector = found[i]["vector"]
        assert vector["a"] == ([0.5] * 64 if i < 100
                               else [i + k for k in range(64)])
        assert vector["b"] == [i - k for k in range(64)]
    for _ in range(2):
        engine.stop()
        engine.start()
    folder = folder_of(engine, name)
    table = max(folder.rglob("*.sst"), key=lambda path: path.stat().st_size)
    data = bytearray(table.read_bytes())
    for at in range(0, len(data) - 4096, 97):
        data[at] ^= 0x5a
    with open(table, "r+b") as file:
        file.write(data)
    engine.call("PUT", f"/collections/{name}/points/payload?wait=true",
                {"points": [7], "payload": {"n": -7}}).result
    engine.call("POST", f"/collections/{name}/points/delete?wait=true",
                {"points": [8]}).result
    found = engine.get(name, [7, 8], vectors=False)
    assert found[7]["payload"] == {"n": -7} and 8 not in found
    answer = engine.call("PUT", f"/collections/{name}/points/vectors",
                         {"points": [{"id": 9, "vector": {"a": [1] * 64}}]})
    assert answer.status == 500, answer
    assert engine.get(name, [9], vectors=False)[9]["payload"] == {"n": 9}


@pytest.mark.parametrize("lost", ["CURRENT", "MANIFEST-*", None])
def test_what_lost_its_definition_is_not_taken_for_unfinished(engine_factory,
                                                              lost):
    """One point in the log is enough, whatever else is gone."""
    engine = engine_factory().start()
    engine.create("hurt", 4, "Euclid")
    engine.upsert("hurt", [{"id": 1, "vector": [1, 2, 3, 4]}])
    engine.kill()
    folder = folder_of(engine, "hurt")
    lose_definition(folder)
    for path in folder.rglob(lost) if lost else ():
        path.unlink()
    logs = {path: path.read_bytes() for path in folder.rglob("*.log")}
    assert any(logs.values())
    engine.start()
    name = f"damaged-{folder.name}"
    assert engine.call("GET", f"/collections/{name}").status == 500
    if lost:
        assert {path: path.read_bytes() for path in logs} == logs
    engine.stop()
    engine.start()
    assert engine.call("DELETE", f"/collections/{name}").result is True
    assert not folder.exists()


def test_a_collection_that_was_being_made_is_removed(engine_factory):
    engine = engine_factory().start()
    engine.create("made", 4, "Euclid")
    engine.kill()
    folder = folder_of(engine, "made")
    lose_definition(folder)
    engine.start()
    assert engine.call("GET", "/collections").result["collections"] == []
    assert not folder.exists()
    assert "interrupted" in engine.log()


def test_no_bit_of_a_marker_lets_another_collection_go(engine_factory):
    """What a restore replaced cannot be taken away, and a bit of the marker
    that names it flips: the restored one is served, the replaced one is not,
    the marker is named, and no other folder is touched. Once nobody is in
    doubt the marker goes."""
    engine = engine_factory().start()
    for value, name in enumerate(("first", "hurt", "last")):
        engine.create(name, 4, "Euclid")
        engine.upsert(name, [{"id": 1, "vector": [value, 1, 2, 3]}])
    snapshot = engine.call("POST", "/collections/hurt/snapshots").result
    engine.upsert("hurt", [{"id": 2, "vector": [5, 6, 7, 8]}])
    replaced = folder_of(engine, "hurt")
    in_the_way = replaced.with_name(replaced.name + ".deleted")
    (in_the_way / "x").mkdir(parents=True)
    engine.call("PUT", "/collections/hurt/snapshots/recover", {
        "location": f"file://{engine.folder}/snapshots/hurt/"
                    f"{snapshot['name']}"}).result
    folders = sorted(replaced.parent.glob("*[0-9]"))
    marker, = replaced.parent.glob("*/restored")
    assert replaced in folders and marker.parent == folders[-1]
    good = marker.read_bytes()
    engine.kill()
    for bit in range(0, 8 * len(good), 5):  # each bit: test_registry.c
        spoilt = bytearray(good)
        spoilt[bit // 8] ^= 1 << bit % 8
        marker.write_bytes(spoilt)
        engine.start()
        assert sorted(replaced.parent.glob("*[0-9]")) == folders, bit
        named = engine.call("GET", "/collections").result["collections"]
        assert [c["name"] for c in named] == [
            f"damaged-{replaced.name}", "first", "hurt", "last"]
        assert engine.count("hurt") == 1
        assert engine.count("first") == engine.count("last") == 1
        assert "restored is damaged" in engine.log()
        answer = engine.call("GET", f"/collections/damaged-{replaced.name}")
        assert answer.status == 500 and str(replaced) in answer.error
        assert marker.read_bytes() == spoilt
        engine.kill()
    engine.start()
    assert engine.call("DELETE", f"/collections/damaged-{replaced.name}"
                       ).result is True
    engine.stop()
    engine.start()
    assert not marker.exists() and not replaced.exists()
    assert engine.count("hurt") == 1
    assert engine.call("GET", "/telemetry").result["collections"].get(
        "damaged", []) == []
