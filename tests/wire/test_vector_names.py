# SPDX-License-Identifier: Apache-2.0
"""Vector names that are added to a collection that has points, and taken away
again. clients/vector_names.py asks by the real client over both transports."""
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from client_package import CLIENTS, installed

DENSE = {"dense": {"size": 3, "distance": "Dot"}}
SPARSE = {"sparse": {"modifier": "idf"}}


def put(engine, name, vector, body):
    return engine.call("PUT",
                       f"/collections/{name}/vectors/{vector}?wait=true", body)


def delete(engine, name, vector):
    return engine.call("DELETE",
                       f"/collections/{name}/vectors/{vector}?wait=true")


def params(engine, name):
    return engine.call("GET", f"/collections/{name}").result["config"][
        "params"]


def query(engine, name, vector, using, limit=3, **more):
    return [point["id"] for point in engine.call(
        "POST", f"/collections/{name}/points/query",
        {"query": vector, "using": using, "limit": limit,
         **more}).result["points"]]


@pytest.fixture
def points(engine, name):
    engine.create(name, 2, "Dot")
    engine.upsert(name, [{"id": i, "vector": [i, 1], "payload": {"i": i}}
                         for i in range(100)])
    return name


def test_a_dense_name_is_used_at_once(engine, points):
    answer = put(engine, points, "image", DENSE)
    assert answer.result["status"] == "completed"
    assert answer.result["operation_id"] > 0
    # What was there lacks it, and the unnamed one is one of a map now.
    assert params(engine, points)["vectors"] == {
        "": {"size": 2, "distance": "Dot"},
        "image": {"size": 3, "distance": "Dot"}}
    has = {"must": [{"has_vector": "image"}]}
    assert engine.count(points, has) == 0
    assert query(engine, points, [1, 0, 0], "image") == []
    assert engine.get(points, [7])[7]["vector"] == [7, 1]
    update = engine.call(
        "PUT", f"/collections/{points}/points/vectors?wait=true",
        {"points": [{"id": i, "vector": {"image": [i, 0, 0]}}
                    for i in range(50)]})
    assert update.status == 200, update
    engine.upsert(points, [{"id": 200, "vector": {"image": [99, 0, 0]}}])
    assert query(engine, points, [1, 0, 0], "image") == [200, 49, 48]
    assert engine.count(points, has) == 51
    assert query(engine, points, [1, 0], "") == [99, 98, 97]
    assert engine.get(points, [7])[7]["vector"] == {"": [7, 1],
                                                    "image": [7, 0, 0]}
    assert engine.call("GET", f"/collections/{points}").result[
        "points_count"] == 101


def test_a_sparse_name(engine, points):
    assert put(engine, points, "words", SPARSE).status == 200
    assert params(engine, points)["sparse_vectors"] == {
        "words": {"modifier": "idf"}}
    # The unnamed vector is still told alone.
    assert params(engine, points)["vectors"] == {"size": 2, "distance": "Dot"}
    engine.upsert(points, [{"id": 1, "vector": {
        "": [1, 1], "words": {"indices": [3], "values": [2]}}}])
    assert query(engine, points, {"indices": [3], "values": [1]},
                 "words") == [1]


def test_a_multivector_and_datatypes(engine, points):
    body = {"dense": {"size": 2, "distance": "Cosine", "datatype": "float16",
                      "multivector_config": {"comparator": "max_sim"}}}
    assert put(engine, points, "rows", body).status == 200
    assert params(engine, points)["vectors"]["rows"] == body["dense"]
    assert put(engine, points, "tokens", {"sparse": {
        "datatype": "float16"}}).status == 200
    assert params(engine, points)["sparse_vectors"]["tokens"] == {
        "index": {"datatype": "float16"}}
    engine.upsert(points, [{"id": 1, "vector": {"rows": [[1, 0], [0, 1]]}}])
    assert query(engine, points, [[1.0, 0.0]], "rows") == [1]


def test_the_same_again_is_nothing_and_another_is_refused(engine, points):
    put(engine, points, "image", DENSE)
    put(engine, points, "words", SPARSE)
    assert put(engine, points, "image", DENSE).status == 200
    assert put(engine, points, "words", SPARSE).status == 200
    for vector, body, text in [
            ("image", {"dense": {"size": 4, "distance": "Dot"}},
             "Wrong input: Vector `image` already exists with a different "
             "configuration"),
            ("words", {"sparse": {}}, "Wrong input: Sparse vector `words` "
             "already exists with a different configuration"),
            ("image", SPARSE,
             "Wrong input: Vector `image` already exists as a dense vector"),
            ("words", DENSE,
             "Wrong input: Vector `words` already exists as a sparse vector")]:
        answer = put(engine, points, vector, body)
        assert (answer.status, answer.error) == (400, text)


@pytest.mark.parametrize("status, text, vector, body", [
    (400, "Format error in JSON body: data did not match any variant of "
          "untagged enum VectorNameConfig", "a", {}),
    (400, "Format error in JSON body: data did not match any variant", "a",
     {"dense": {"size": 3, "distance": "Near"}}),
    (400, "Format error in JSON body: ", "a", {"dense": {"size": "x"}}),
    (422, "Validation error in JSON body: [dense.size: value 0 invalid, must "
          "be from 1 to 65536]", "a", {"dense": {"size": 0,
                                                 "distance": "Dot"}}),
    (422, "Validation error in JSON body: [dense.size: value 65537 invalid",
     "a", {"dense": {"size": 65537, "distance": "Dot"}}),
    (400, "Format error in JSON body: sparse_vectors.a.modifier: unknown", "a",
     {"sparse": {"modifier": "tfidf"}}),
    (422, "Validation error in path parameters: [vector_name: vector name "
          "cannot contain \"|\" char]", "a%7Cb", DENSE),
    (422, "Validation error in path parameters: [vector_name: vector name "
          "must be at most 200 bytes long]", "a" * 201, DENSE),
])
def test_bad_names_and_bodies(engine, points, status, text, vector, body):
    answer = put(engine, points, vector, body)
    assert answer.status == status, answer
    assert answer.error.startswith(text), answer


def test_there_are_256_names_at_most(engine, name):
    engine.create(name, 2)
    tiny = {"dense": {"size": 1, "distance": "Dot"}}
    for i in range(255):
        assert put(engine, name, f"v{i}", tiny).status == 200
    answer = put(engine, name, "one-more", tiny)
    assert answer.status == 422 and "256 or fewer" in answer.error, answer
    # A number that is free again is used again.
    for i in range(3):
        assert delete(engine, name, "v7").status == 200
        assert put(engine, name, "v7", tiny).status == 200
    engine.upsert(name, [{"id": 1, "vector": {"v7": [1], "v254": [2]}}])
    assert engine.get(name, [1])[1]["vector"] == {"v7": [1], "v254": [2]}


def test_a_deleted_name_is_in_no_answer(engine, points):
    put(engine, points, "image", DENSE)
    put(engine, points, "words", SPARSE)
    engine.upsert(points, [{"id": i, "vector": {
        "": [i, 1], "image": [i, 0, 0],
        "words": {"indices": [i], "values": [1]}}} for i in range(100)])
    for vector in ("image", "words"):
        answer = delete(engine, points, vector)
        assert answer.result["status"] == "completed"
        assert engine.count(points,
                            {"must": [{"has_vector": vector}]}) == 0
        answer = engine.call("POST", f"/collections/{points}/points/query",
                             {"query": [1, 0, 0], "using": vector})
        assert (answer.status, answer.error) == (
            400, f"Wrong input: Not existing vector name error: {vector}")
        answer = engine.call(
            "PUT", f"/collections/{points}/points/vectors?wait=true",
            {"points": [{"id": 1, "vector": {vector: [1, 0, 0]}}]})
        assert (answer.status, answer.error) == (
            400, f"Wrong input: Not existing vector name error: {vector}")
    assert engine.get(points, [7])[7]["vector"] == [7, 1]
    assert params(engine, points)["vectors"] == {
        "": {"size": 2, "distance": "Dot"}}
    assert "sparse_vectors" not in params(engine, points)
    # Once more with another configuration: nothing of before is there.
    put(engine, points, "image", {"dense": {"size": 1, "distance": "Euclid"}})
    assert engine.count(points, {"must": [{"has_vector": "image"}]}) == 0
    engine.upsert(points, [{"id": 5, "vector": {"image": [4]}}])
    assert query(engine, points, [0], "image") == [5]
    # An unknown name is no error, as that of an index.
    assert delete(engine, points, "nothing").status == 200
    assert delete(engine, "nowhere", "nothing").status == 404


def test_info_memory_and_strict_mode_follow(engine, name):
    engine.create(name, 2, strict_mode_config={
        "enabled": True, "multivector_config": {"rows": {"max_vectors": 2}}})
    put(engine, name, "rows", {"dense": {
        "size": 2, "distance": "Dot",
        "multivector_config": {"comparator": "max_sim"}}})
    answer = engine.call("PUT", f"/collections/{name}/points?wait=true", {
        "points": [{"id": 1, "vector": {"rows": [[1, 0]] * 3}}]})
    assert answer.status == 400 and "Multivector 'rows' has" in answer.error, answer
    engine.upsert(name, [{"id": 1, "vector": {"rows": [[1.0, 0.0]]}}])
    report = engine.call("GET", f"/collections/{name}/memory").result
    assert '"rows"' in json.dumps(report)
    delete(engine, name, "rows")
    report = engine.call("GET", f"/collections/{name}/memory").result
    assert '"rows"' not in json.dumps(report)


def test_names_change_during_writes_and_searches(engine, name):
    """With graphs, so that linking, sweeps and checkpoints run as well."""
    engine.create(name, 8, "Euclid", hnsw_config={"m": 8, "ef_construct": 32,
                                                  "full_scan_threshold": 10},
                  optimizers_config={"indexing_threshold": 1})
    engine.upsert(name, [{"id": i, "vector": [i] * 8} for i in range(1000)])
    stop, wrong = threading.Event(), []

    def write():
        at = 0
        while not stop.is_set():
            at += 1
            for vector in ({"": [at] * 8, "other": [at] * 4},
                           {"": [at] * 8}):
                answer = engine.call(
                    "PUT", f"/collections/{name}/points?wait=true",
                    {"points": [{"id": 5000 + (at * 50 + i) % 1000,
                                 "vector": vector} for i in range(50)]})
                if answer.status != 200 and "Not existing vector name" not in \
                        answer.error:
                    wrong.append(answer)

    def read():
        while not stop.is_set():
            found = engine.call("POST", f"/collections/{name}/points/query",
                                {"query": [0.0] * 8, "limit": 5,
                                 "filter": {"must": [{"has_id": list(
                                     range(1000))}]}})
            if found.status != 200 or [p["id"] for p in found.result[
                    "points"]] != [0, 1, 2, 3, 4]:
                wrong.append(found)
            found = engine.call("POST", f"/collections/{name}/points/query",
                                {"query": [0.0] * 4, "using": "other",
                                 "limit": 5, "with_vector": True})
            if found.status != 200 and "Not existing vector name" not in \
                    found.error:
                wrong.append(found)

    threads = [threading.Thread(target=f) for f in (write, read, read)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(15):
            assert put(engine, name, "other", {"dense": {
                "size": 4, "distance": "Euclid"}}).status == 200
            time.sleep(0.05)
            assert delete(engine, name, "other").status == 200
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert wrong == []
    assert query(engine, name, [0.0] * 8, "", 3) == [0, 1, 2]


def test_a_deleted_vector_gives_its_space_back(engine_factory):
    engine = engine_factory().start()
    engine.create("c", 2, "Dot")
    put(engine, "c", "big", {"dense": {"size": 1024, "distance": "Dot"}})
    for begin in range(0, 8000, 500):
        engine.upsert("c", [{"id": i, "vector": {
            "": [i, 1], "big": [(i * 31 + k * 17) % 997 / 997
                                for k in range(1024)]}}
            for i in range(begin, begin + 500)])

    def size():
        return sum(f.stat().st_size for f in
                   (engine.folder / "storage").rglob("*.sst"))

    engine.stop()
    engine.start()
    before = size()
    assert before > 20 << 20
    assert delete(engine, "c", "big").status == 200
    deadline = time.monotonic() + 60
    while size() > before / 4 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert size() < before / 4
    assert engine.count("c") == 8000
    assert query(engine, "c", [1, 0], "", 1) == [7999]
    assert engine.stop() == 0


def test_names_survive_a_restart(engine_factory):
    engine = engine_factory().start()
    engine.create("c", 2, "Dot")
    put(engine, "c", "one", DENSE)
    put(engine, "c", "two", SPARSE)
    put(engine, "c", "three", DENSE)
    delete(engine, "c", "one")
    put(engine, "c", "four", {"dense": {"size": 1, "distance": "Dot"}})
    engine.upsert("c", [{"id": 1, "vector": {
        "": [1, 2], "two": {"indices": [1], "values": [2]},
        "three": [1, 2, 3], "four": [9]}}])
    told, point = params(engine, "c"), engine.get("c", [1])
    for end in (engine.stop, engine.kill):
        end()
        engine.start()
        assert params(engine, "c") == told
        assert engine.get("c", [1]) == point
        assert query(engine, "c", [1, 0, 0], "three") == [1]
        assert query(engine, "c", {"indices": [1], "values": [1]},
                     "two") == [1]
    assert engine.stop() == 0


def test_names_are_in_a_snapshot(engine, points):
    """Also one that got the number of another; both before and after it."""
    put(engine, points, "gone", DENSE)
    put(engine, points, "kept", {"dense": {"size": 1, "distance": "Dot"}})
    delete(engine, points, "gone")
    put(engine, points, "words", SPARSE)
    engine.upsert(points, [{"id": i, "vector": {
        "": [i, 1], "kept": [i], "words": {"indices": [i], "values": [1]}}}
        for i in range(20)])
    told, point = params(engine, points), engine.get(points, [7])
    path = f"/collections/{points}/snapshots"
    made = engine.call("POST", path).result["name"]
    place = engine.folder / "snapshots" / points / made
    put(engine, points, "later", DENSE)
    answer = engine.call("DELETE", f"/collections/{points}")
    assert answer.result is True
    answer = engine.call("PUT", f"{path}/recover",
                         {"location": f"file://{place}"})
    assert answer.status == 200, answer
    assert params(engine, points) == told
    assert engine.get(points, [7]) == point
    assert query(engine, points, [1], "kept", 1) == [19]
    put(engine, points, "gone", DENSE)
    assert engine.count(points, {"must": [{"has_vector": "gone"}]}) == 0
    delete(engine, points, "words")
    assert engine.get(points, [7])[7]["vector"] == {"": [7, 1], "kept": [7]}


def run(engine, version):
    done = subprocess.run(
        [sys.executable, str(CLIENTS / "vector_names.py"),
         f"http://127.0.0.1:{engine.port}", str(engine.grpc_port)],
        capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(installed(version))})
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_the_real_client_sees_the_same_over_both_transports(engine):
    outcome = run(engine, "latest")
    seen = outcome["grpc"]
    assert "vector_name: value has 0 bytes" in seen.pop("no name")
    assert outcome["rest"] == seen
    assert seen["created"] == ["completed", "completed", "completed"]
    assert seen["names"] == ["", "image", "words"]
    assert seen["hits"] == [3, 2]
    assert seen["sparse hits"] == [1]
    assert seen["datatype"] == "turbo4" and seen["is near"]
    assert seen["deleted"] == ["completed", "completed"]
    assert seen["names after"] == [""]
    assert "already exists with a different configuration" in seen["other"]
    assert "vector name cannot contain" in seen["bad name"]
    assert "dense.size" in seen["bad size"]
