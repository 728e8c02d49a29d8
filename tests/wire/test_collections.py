# SPDX-License-Identifier: Apache-2.0
"""Collections and payload indexes: create, list, info, patch, delete."""
import json

import pytest


def test_life_of_a_collection(engine, name):
    path = f"/collections/{name}"
    assert engine.call("GET", path + "/exists").result == {"exists": False}
    answer = engine.call("PUT", path, {"vectors": {"size": 4,
                                                   "distance": "Dot"}})
    assert answer.result is True
    assert answer.json["status"] == "ok"
    assert answer.headers["Content-Type"].startswith("application/json")
    assert engine.call("GET", path + "/exists").result == {"exists": True}
    names = [c["name"] for c in
             engine.call("GET", "/collections").result["collections"]]
    assert name in names and names == sorted(names)
    assert engine.call("DELETE", path).result is True
    assert engine.call("DELETE", path).result is False
    assert engine.call("GET", path).status == 404


@pytest.mark.parametrize("vectors", [
    {"size": 4, "distance": "Cosine"},
    {"": {"size": 4, "distance": "Dot"}},
    {"a": {"size": 4, "distance": "Euclid"},
     "b": {"size": 8, "distance": "Manhattan", "on_disk": True,
           "hnsw_config": {"m": 32}}},
    {}])
def test_info_echoes_the_vectors_as_given(engine, name, vectors):
    answer = engine.call("PUT", f"/collections/{name}", {"vectors": vectors})
    assert answer.result is True
    info = engine.call("GET", f"/collections/{name}").result
    assert info["config"]["params"]["vectors"] == vectors


def test_info_has_what_clients_require(engine, name):
    engine.create(name, 4)
    engine.upsert(name, [{"id": i, "vector": [1, 2, 3, 4],
                          "payload": {"k": "v", "n": i}} for i in range(10)])
    info = engine.call("GET", f"/collections/{name}").result
    assert info["status"] == "green"
    assert info["optimizer_status"] == "ok"
    assert info["points_count"] == 10
    assert isinstance(info["indexed_vectors_count"], int)
    assert info["segments_count"] >= 1
    config = info["config"]
    for key in ("deleted_threshold", "vacuum_min_vector_number",
                "default_segment_number", "flush_interval_sec"):
        assert key in config["optimizer_config"]
    for key in ("m", "ef_construct", "full_scan_threshold"):
        assert key in config["hnsw_config"]
    assert config["wal_config"]["wal_capacity_mb"] == 32


def test_configuration_is_kept(engine, name):
    engine.create(name, 4, hnsw_config={"m": 8, "ef_construct": 64},
                  on_disk_payload=False, metadata={"owner": "me"},
                  optimizers_config={"indexing_threshold": 123})
    config = engine.call("GET", f"/collections/{name}").result["config"]
    assert config["hnsw_config"]["m"] == 8
    assert config["hnsw_config"]["ef_construct"] == 64
    assert config["params"]["on_disk_payload"] is False
    assert config["optimizer_config"]["indexing_threshold"] == 123
    assert config["metadata"] == {"owner": "me"}


def test_patch_merges(engine, name):
    engine.create(name, 4, metadata={"a": 1, "b": 2})
    answer = engine.call("PATCH", f"/collections/{name}", {
        "hnsw_config": {"ef_construct": 123},
        "optimizers_config": {"indexing_threshold": 777},
        "metadata": {"a": None, "c": 3}})
    assert answer.result is True
    config = engine.call("GET", f"/collections/{name}").result["config"]
    assert config["hnsw_config"]["ef_construct"] == 123
    assert config["hnsw_config"]["m"] == 16
    assert config["optimizer_config"]["indexing_threshold"] == 777
    assert config["metadata"] == {"b": 2, "c": 3}


@pytest.mark.parametrize("schema, payload, points", [
    ("keyword", ["a", ["b", 1], 5, None], 2),
    ("integer", [1, [2, "x"], "y", 1.5], 2),
    ("float", [1, 1.5, "x", [2.5]], 3),
    ("bool", [True, [False], 1, "true"], 2),
    ({"type": "keyword", "is_tenant": True}, ["a", "b", "c", 1], 3)])
def test_payload_index_counts_its_points(engine, name, schema, payload,
                                         points):
    engine.create(name, 4)
    engine.upsert(name, [{"id": i, "vector": [1, 2, 3, 4],
                          "payload": {"f": value}}
                         for i, value in enumerate(payload)])
    answer = engine.call("PUT", f"/collections/{name}/index?wait=true",
                         {"field_name": "f", "field_schema": schema})
    assert answer.result["status"] == "completed"
    info = engine.call("GET", f"/collections/{name}").result
    kind = schema if isinstance(schema, str) else schema["type"]
    index = info["payload_schema"]["f"]
    assert index["data_type"] == kind
    assert index["points"] == points
    if not isinstance(schema, str):
        assert index["params"] == schema
    answer = engine.call("DELETE", f"/collections/{name}/index/f?wait=true")
    assert answer.result["status"] == "completed"
    assert engine.call("GET",
                       f"/collections/{name}").result["payload_schema"] == {}


def test_an_index_echoes_what_the_api_knows(engine, name):
    engine.create(name, 4)
    answer = engine.call("PUT", f"/collections/{name}/index?wait=true", {
        "field_name": "f", "field_schema": {
            "type": "integer", "lookup": False, "on_disk": None, "x": 1}})
    assert answer.result["status"] == "completed"
    answer = engine.call("PUT", f"/collections/{name}/index?wait=true", {
        "field_name": "g", "field_schema": {
            "type": "integer", "lookup": False, "range": False}})
    assert answer.status == 422, answer
    schema = engine.call("GET", f"/collections/{name}").result
    assert schema["payload_schema"] == {"f": {
        "data_type": "integer", "points": 0,
        "params": {"type": "integer", "lookup": False}}}


def test_an_index_follows_the_points(engine, name):
    engine.create(name, 4)
    engine.call("PUT", f"/collections/{name}/index?wait=true",
                {"field_name": "f", "field_schema": "keyword"})

    def points():
        schema = engine.call("GET", f"/collections/{name}").result
        return schema["payload_schema"]["f"]["points"]

    def count(value):
        return engine.count(name, {"must": [{"key": "f",
                                             "match": {"value": value}}]})
    engine.upsert(name, [{"id": i, "vector": [1, 2, 3, 4],
                          "payload": {"f": "a"}} for i in range(5)])
    assert (points(), count("a")) == (5, 5)
    engine.call("POST", f"/collections/{name}/points/payload?wait=true",
                {"payload": {"f": "b"}, "points": [0]})
    assert (points(), count("a"), count("b")) == (5, 4, 1)
    engine.upsert(name, [{"id": 1, "vector": [1, 2, 3, 4]}])
    assert (points(), count("a")) == (4, 3)
    engine.call("POST", f"/collections/{name}/points/delete?wait=true",
                {"points": [2]})
    assert (points(), count("a")) == (3, 2)


def test_an_index_without_a_schema_is_refused(engine, name):
    engine.create(name, 4)
    answer = engine.call("PUT", f"/collections/{name}/index",
                         {"field_name": "f"})
    assert answer.status == 400
    assert "Can't auto-detect field type, please specify `field_schema`" in \
        answer.error


def test_deleting_an_unknown_index_is_fine(engine, name):
    engine.create(name, 4)
    answer = engine.call("DELETE", f"/collections/{name}/index/f?wait=true")
    assert answer.result["status"] == "completed"


def test_what_is_accepted_is_read_at_the_next_start(engine_factory):
    """As deep as a body may nest, and the most bytes: no request may keep the
    engine from starting."""
    def nested(depth):
        return json.loads('{"a":' * depth + "1" + "}" * depth)

    engine = engine_factory().start()
    vectors = {"size": 4, "distance": "Dot"}
    kept = []
    for depth in range(120, 130):
        answer = engine.call("PUT", f"/collections/m{depth}",
                             {"vectors": vectors, "metadata": nested(depth)})
        assert answer.status == (200 if depth < 128 else 400), answer
        if answer.status == 200:
            kept.append(f"m{depth}")
    engine.create("patched", 4)
    for depth in (126, 127, 128):
        answer = engine.call("PATCH", "/collections/patched",
                             {"metadata": {"b": nested(depth - 1)}})
        assert answer.status == (200 if depth < 128 else 400), answer
    for mebibytes in (15, 17):
        answer = engine.call("PUT", f"/collections/l{mebibytes}", {
            "vectors": vectors, "metadata": {"a": "x" * (mebibytes << 20)}})
        assert answer.status == (200 if mebibytes == 15 else 400), answer
    assert "configuration of a collection may have at most" in answer.error
    kept += ["l15", "patched"]
    before = {name: engine.call("GET", f"/collections/{name}").result["config"]
              for name in kept}
    assert engine.stop() == 0
    engine.start()
    for name in kept:
        after = engine.call("GET", f"/collections/{name}").result["config"]
        assert after == before[name]
    answer = engine.call("PATCH", "/collections/patched",
                         {"metadata": {"c": 1}})
    assert answer.status == 200, answer
    assert engine.call("GET", "/collections/l17").status == 404
    assert engine.stop() == 0


def test_collections_and_indexes_survive_a_restart(engine_factory):
    engine = engine_factory().start()
    engine.create("c", 4, metadata={"a": 1})
    engine.create("dropped", 4)
    engine.upsert("c", [{"id": i, "vector": [i, 1, 0, 0],
                         "payload": {"f": f"v{i % 3}"}} for i in range(100)])
    engine.call("PUT", "/collections/c/index?wait=true",
                {"field_name": "f", "field_schema": "keyword"})
    engine.call("DELETE", "/collections/dropped")
    before = engine.call("GET", "/collections/c").result
    points = engine.scroll_all("c", with_vector=True)
    assert engine.stop() == 0
    engine.start()
    assert engine.call("GET", "/collections").result == {
        "collections": [{"name": "c"}]}
    after = engine.wait_green("c")
    assert after["config"] == before["config"]
    assert after["payload_schema"] == before["payload_schema"]
    assert engine.scroll_all("c", with_vector=True) == points
    assert engine.count("c", {"must": [
        {"key": "f", "match": {"value": "v0"}}]}) == 34
    assert engine.stop() == 0
