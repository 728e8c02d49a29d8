# SPDX-License-Identifier: Apache-2.0
"""Aliases: changed in order or not at all, kept over kill -9, gone with their
collection."""
import pytest


def change(engine, *actions):
    return engine.call("POST", "/collections/aliases",
                       {"actions": list(actions)})


def create(collection, alias):
    return {"create_alias": {"collection_name": collection,
                             "alias_name": alias}}


def delete(alias):
    return {"delete_alias": {"alias_name": alias}}


def rename(old, new):
    return {"rename_alias": {"old_alias_name": old, "new_alias_name": new}}


def listed(engine, path="/aliases"):
    return {a["alias_name"]: a["collection_name"]
            for a in engine.call("GET", path).result["aliases"]}


@pytest.fixture
def pair(engine, name):
    engine.create(name, 2)
    other = name + "-other"
    engine.create(other, 2)
    engine.upsert(name, [{"id": 1, "vector": [1, 0]}])
    yield name, other
    engine.call("DELETE", f"/collections/{other}")


def test_every_route_of_a_collection_takes_an_alias(engine, pair):
    name, other = pair
    alias = name + "-alias"
    assert change(engine, create(name, alias)).result is True
    path = f"/collections/{alias}"
    assert engine.call("GET", path).result["points_count"] == 1
    assert engine.call("GET", path + "/exists").result == {"exists": True}
    assert engine.call("GET", path + "/points/1").result["id"] == 1
    assert engine.call("PATCH", path, {"metadata": {"k": 1}}).result is True
    assert engine.call("GET", f"/collections/{name}").result["config"][
        "metadata"] == {"k": 1}
    engine.upsert(alias, [{"id": 2, "vector": [0, 1]}])
    assert engine.count(name) == 2
    assert engine.call("PUT", path + "/index?wait=true", {
        "field_name": "f", "field_schema": "keyword"}).status == 200
    assert listed(engine, path + "/aliases") == {alias: name}
    assert listed(engine, f"/collections/{other}/aliases") == {}
    assert name in [c["name"] for c in engine.call(
        "GET", "/collections").result["collections"]]
    assert alias not in [c["name"] for c in engine.call(
        "GET", "/collections").result["collections"]]


def test_an_alias_moves_in_one_step(engine, pair):
    name, other = pair
    alias = name + "-live"
    assert change(engine, create(name, alias)).result is True
    assert change(engine, delete(alias), create(other, alias)).result is True
    assert listed(engine)[alias] == other
    assert change(engine, create(name, alias)).result is True
    assert listed(engine)[alias] == name
    assert change(engine, rename(alias, alias + "2"),
                  create(other, alias)).result is True
    assert listed(engine)[alias + "2"] == name
    assert listed(engine)[alias] == other


@pytest.mark.parametrize("status, text, make", [
    (404, "Not found: Collection `none` doesn't exist!",
     lambda name: create("none", name + "-x")),
    (404, "Not found: Alias none does not exists!",
     lambda name: rename("none", name + "-x")),
    (409, "Wrong input: Collection `NAME` already exists!",
     lambda name: create(name, name)),
    (409, "Wrong input: Collection `NAME` already exists!",
     lambda name: rename(name + "-a", name)),
    (422, "Validation error in JSON body: [actions.alias_name: collection name "
          "cannot contain \"/\" char]",
     lambda name: create(name, "a/b")),
    (422, "Validation error in JSON body: [actions.alias_name: value has 0 "
          "bytes, must be from 1 to 255]",
     lambda name: create(name, "")),
    (400, "Format error in JSON body: missing field `alias_name` at line 1 ",
     lambda name: {"delete_alias": {}}),
    (400, "Format error in JSON body: data did not match any variant",
     lambda name: {"drop_alias": {}}),
    (400, "Format error in JSON body: alias_name: invalid type: ",
     lambda name: delete(7)),
])
def test_a_change_that_fails_changes_nothing(engine, pair, status, text, make):
    name, other = pair
    assert change(engine, create(name, name + "-a")).result is True
    before = listed(engine)
    answer = change(engine, create(other, name + "-a"),
                    create(other, name + "-b"), make(name))
    assert answer.status == status, answer
    assert answer.error.startswith(text.replace("NAME", name)), answer
    assert listed(engine) == before


def test_deleting_an_alias_that_is_not_there_is_fine(engine):
    assert change(engine, delete("none")).result is True
    assert change(engine).result is True


def test_names_are_one_space(engine, pair):
    name, _ = pair
    alias = name + "-alias"
    assert change(engine, create(name, alias)).result is True
    answer = engine.call("PUT", f"/collections/{alias}",
                         {"vectors": {"size": 2, "distance": "Dot"}})
    assert answer.status == 400
    assert answer.error == (
        f"Wrong input: Can't create collection with name {alias}. Alias with "
        "the same name already exists")
    # Only under its own name is a collection deleted.
    assert engine.call("DELETE", f"/collections/{alias}").result is False
    assert engine.count(name) == 1


def test_aliases_go_with_their_collection(engine, pair):
    name, _ = pair
    alias = name + "-alias"
    assert change(engine, create(name, alias)).result is True
    assert engine.call("DELETE", f"/collections/{name}").result is True
    assert alias not in listed(engine)
    answer = engine.call("GET", f"/collections/{alias}")
    assert answer.status == 404
    assert answer.error == f"Not found: Collection `{alias}` doesn't exist!"
    engine.create(name, 2)
    assert listed(engine, f"/collections/{name}/aliases") == {}


def test_aliases_are_kept_over_kill(engine_factory):
    engine = engine_factory()
    engine.start()
    engine.create("a", 2)
    engine.create("b", 2)
    assert change(engine, create("a", "x"), create("b", "\u00e9 y"),
                  create("b", "z")).result is True
    engine.kill()
    engine.start()
    assert listed(engine) == {"x": "a", "\u00e9 y": "b", "z": "b"}
    assert engine.call("GET", "/collections/x").status == 200
    assert engine.call("DELETE", "/collections/b").result is True
    engine.kill()
    engine.start()
    assert listed(engine) == {"x": "a"}
    assert engine.stop() == 0


def test_a_damaged_file_of_aliases_is_named(engine_factory):
    engine = engine_factory()
    engine.start()
    engine.create("a", 2)
    assert change(engine, create("a", "x")).result is True
    engine.stop()
    path = engine.folder / "storage" / "aliases.json"
    path.write_text("{")
    with pytest.raises(RuntimeError, match="aliases.json is damaged"):
        engine.start()
    engine.process = None
    path.unlink()
    engine.start()
    assert listed(engine) == {}
