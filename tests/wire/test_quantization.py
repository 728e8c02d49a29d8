# SPDX-License-Identifier: Apache-2.0
"""quantization_config of every kind: what it costs in memory, what it finds with
and without scoring again, and switching it on, off and over on a collection
that is searched and written to meanwhile, over kills."""
import concurrent.futures
import threading

import numpy
import pytest

COUNT = 2500
DIM = 384
QUERIES = 40

# Bytes of a code, and the least recall@10 of a walk without scoring again. The
# sample is small and its points are close together: what a code leaves out
# counts more than in a large set.
KINDS = {
    "scalar": ({"scalar": {"type": "int8", "quantile": 0.99,
                           "always_ram": True}}, 384, 0.97),
    "product_x4": ({"product": {"compression": "x4"}}, 384, 0.97),
    "product_x8": ({"product": {"compression": "x8"}}, 192, 0.85),
    "product_x16": ({"product": {"compression": "x16"}}, 96, 0.65),
    "product_x32": ({"product": {"compression": "x32"}}, 48, 0.5),
    "product_x64": ({"product": {"compression": "x64"}}, 24, 0.3),
    "binary": ({"binary": {"always_ram": False}}, 48, 0.5),
    "binary_1_5": ({"binary": {"encoding": "one_and_half_bits",
                               "query_encoding": "scalar8bits"}}, 72, 0.6),
    "binary_2": ({"binary": {"encoding": "two_bits",
                             "query_encoding": "binary"}}, 96, 0.65),
    "turbo": ({"turbo": {}}, 192, 0.85),
    "turbo_2": ({"turbo": {"bits": "bits2", "memory": "pinned"}}, 96, 0.65),
    "turbo_1": ({"turbo": {"bits": "bits1"}}, 48, 0.5),
}


@pytest.fixture(scope="module")
def split(sample):
    rows = numpy.array([point["vector"] for point in sample], numpy.float32)
    rows /= numpy.linalg.norm(rows, axis=1)[:, None]
    return rows[:COUNT], rows[COUNT:COUNT + QUERIES]


def create(engine, name, quantization=None, **vectors):
    body = {"vectors": {"size": DIM, "distance": "Cosine", **vectors},
            "hnsw_config": {"full_scan_threshold": 10},
            "optimizers_config": {"indexing_threshold": 1}}
    if quantization is not None:
        body["quantization_config"] = quantization
    answer = engine.call("PUT", f"/collections/{name}", body)
    assert answer.status == 200, answer


def info(engine, name):
    return engine.call("GET", f"/collections/{name}").result


def fill(engine, name, base):
    for at in range(0, len(base), 1000):
        engine.upsert(name, [{"id": i, "vector": base[i].tolist()}
                             for i in range(at, min(at + 1000, len(base)))])
    engine.wait_green(name)


def search(engine, name, query, **quantization):
    body = {"query": query.tolist(), "limit": 10}
    if quantization:
        body["params"] = {"quantization": quantization}
    points = engine.call("POST", f"/collections/{name}/points/query", body)
    return [(hit["id"], hit["score"]) for hit in points.result["points"]]


def recall(engine, name, split, **quantization):
    base, queries = split
    good = 0
    for query in queries:
        scores = base @ query
        tenth = numpy.partition(scores, -10)[-10]
        hits = search(engine, name, query, **quantization)
        assert len(hits) == 10
        if quantization.get("rescore") is not False:
            for id, score in hits:
                assert score == pytest.approx(float(scores[id]), abs=1e-5)
        good += sum(scores[id] >= tenth - 1e-5 for id, _ in hits)
    return good / (10 * len(queries))


def codes_size(engine, name):
    memory = engine.call("GET", f"/collections/{name}/memory").result
    return memory["vectors"][0]["quantized"]["ram_bytes"]


ON_DISK = ["scalar", "product_x64", "binary", "turbo_2"]


@pytest.mark.parametrize("kind,on_disk", [
    *((kind, False) for kind in KINDS), *((kind, True) for kind in ON_DISK)])
def test_a_kind_is_as_small_and_as_good_as_promised(engine, name, split, kind,
                                                    on_disk):
    config, size, rough = KINDS[kind]
    create(engine, name, config, on_disk=on_disk)
    fill(engine, name, split[0])
    assert info(engine, name)["config"]["quantization_config"] == config
    # Pages that were touched, and no more.
    assert size * COUNT <= codes_size(engine, name) \
        <= size * COUNT * 1.1 + (1 << 17)
    fine = 0.9 if size == 24 else 0.97
    assert recall(engine, name, split) >= fine
    assert recall(engine, name, split, rescore=True, oversampling=16) >= fine
    # On disk there is nothing else to walk on.
    assert recall(engine, name, split, ignore=True) \
        >= (fine if on_disk else 0.97)
    assert recall(engine, name, split, rescore=False) >= rough
    more = recall(engine, name, split, rescore=True, oversampling=4)
    assert more >= recall(engine, name, split, rescore=True, oversampling=1)


def test_a_vector_has_its_own(engine, name, split):
    answer = engine.call("PUT", f"/collections/{name}", {
        "vectors": {
            "a": {"size": DIM, "distance": "Cosine",
                  "quantization_config": {"binary": {}}},
            "b": {"size": DIM, "distance": "Cosine"}},
        "quantization_config": {"scalar": {"type": "int8"}}})
    assert answer.status == 200, answer
    engine.upsert(name, [{"id": i, "vector": {"a": row, "b": row}}
                         for i, row in enumerate(split[0][:1000].tolist())])
    vectors = engine.call("GET", f"/collections/{name}/memory").result[
        "vectors"]
    sizes = {v["name"]: v["quantized"]["ram_bytes"] for v in vectors}
    assert sizes["a"] < sizes["b"] / 3


def patch(engine, name, quantization):
    answer = engine.call("PATCH", f"/collections/{name}",
                         {"quantization_config": quantization})
    assert answer.status == 200, answer


def per_name(engine, name):
    """Bytes of the codes of each vector, and its own configuration."""
    engine.wait_green(name)
    vectors = engine.call("GET", f"/collections/{name}/memory").result[
        "vectors"]
    params = info(engine, name)["config"]["params"]["vectors"]
    return ({v["name"]: v["quantized"]["ram_bytes"] for v in vectors},
            {key: value.get("quantization_config")
             for key, value in params.items()})


def test_a_vector_is_switched_alone(engine, name, split):
    """Its own configuration is there before the collection's, which the other
    vectors and those that come later follow."""
    dense = {"size": DIM, "distance": "Cosine"}
    engine.call("PUT", f"/collections/{name}", {"vectors": {
        "a": dense, "b": dense}})
    rows = split[0][:1000].tolist()
    engine.upsert(name, [{"id": i, "vector": {"a": row, "b": row}}
                         for i, row in enumerate(rows)])
    slack = 1 << 17

    def about(size, bits):
        assert bits * DIM // 8 * 1000 <= size <= bits * DIM // 8 * 1100 + slack

    def change(**body):
        answer = engine.call("PATCH", f"/collections/{name}", body)
        assert answer.status == 200, answer

    change(vectors={"a": {"quantization_config": KINDS["binary"][0]}})
    sizes, configs = per_name(engine, name)
    about(sizes["a"], 1), about(sizes["b"], 4)
    assert configs == {"a": KINDS["binary"][0], "b": None}
    change(quantization_config=KINDS["scalar"][0])
    sizes, configs = per_name(engine, name)
    about(sizes["a"], 1), about(sizes["b"], 8)
    assert configs == {"a": KINDS["binary"][0], "b": None}
    change(vectors={"a": {"quantization_config": "Disabled"},
                    "b": {"quantization_config": KINDS["turbo_2"][0]}})
    sizes, configs = per_name(engine, name)
    about(sizes["a"], 8), about(sizes["b"], 2)
    assert configs == {"a": None, "b": KINDS["turbo_2"][0]}
    answer = engine.call("PUT", f"/collections/{name}/vectors/c?wait=true",
                         {"dense": dense})
    assert answer.status == 200, answer
    engine.call("PUT", f"/collections/{name}/points/vectors?wait=true", {
        "points": [{"id": i, "vector": {"c": row}}
                   for i, row in enumerate(rows)]})
    about(per_name(engine, name)[0]["c"], 8)
    change(quantization_config="Disabled")
    sizes, _ = per_name(engine, name)
    about(sizes["a"], 4), about(sizes["b"], 2), about(sizes["c"], 4)
    for bad, status in (("x", 400), ({"binary": {"encoding": "x"}}, 400),
                        ({"scalar": {"type": "int8", "quantile": 2}}, 422)):
        answer = engine.call("PATCH", f"/collections/{name}", {
            "vectors": {"a": {"quantization_config": bad}}})
        assert answer.status == status, answer
    for using in "abc":
        hits = engine.call("POST", f"/collections/{name}/points/query", {
            "query": rows[7], "using": using, "limit": 1}).result["points"]
        assert [hit["id"] for hit in hits] == [7]


@pytest.mark.parametrize("on_disk", [False, True])
def test_it_is_switched_while_points_come_and_are_searched(
        engine_factory, split, on_disk):
    """Each kind after the other. No search fails or loses recall, no point is
    lost; at the end a killed engine comes back with the last kind."""
    base, queries = split
    engine = engine_factory().start()
    create(engine, "c", on_disk=on_disk)
    fill(engine, "c", base[:2000])
    stop = threading.Event()

    def write():
        at = 2000
        while not stop.is_set():
            ids = range(at, min(at + 50, COUNT))
            engine.upsert("c", [{"id": i, "vector": base[i].tolist()}
                                for i in ids])
            at = at + 50 if at + 50 < COUNT else 2000
            engine.call("POST", "/collections/c/points/delete?wait=true",
                        {"points": [2000 + at % 477]})

    def read():
        found = wanted = 0
        while not stop.is_set():
            for query in queries:
                scores = base[:2000] @ query
                # What is never deleted, and is among the best surely.
                best = int(scores.argmax())
                if (base @ query >= scores[best] - 1e-6).sum() > 9:
                    continue
                hits = [id for id, _ in search(engine, "c", query)]
                assert len(hits) == 10
                wanted += 1
                found += best in hits
        return found, wanted

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        tasks = [pool.submit(write), pool.submit(read), pool.submit(read)]
        for config, size, _ in [*KINDS.values(), KINDS["turbo"]]:
            patch(engine, "c", config)
            engine.wait_green("c")
            assert info(engine, "c")["config"]["quantization_config"] == config
        patch(engine, "c", "Disabled")
        engine.wait_green("c")
        assert info(engine, "c")["config"]["quantization_config"] is None
        patch(engine, "c", KINDS["binary"][0])
        engine.wait_green("c")
        stop.set()
        for task in tasks[1:]:
            found, wanted = task.result()
            assert wanted > 0 and found >= 0.97 * wanted
        tasks[0].result()
    engine.upsert("c", [{"id": i, "vector": base[i].tolist()}
                        for i in range(2000, COUNT)])
    engine.wait_green("c")
    assert codes_size(engine, "c") < 100 * COUNT
    assert recall(engine, "c", split) >= 0.97
    engine.kill()
    engine.start()
    engine.wait_green("c")
    assert engine.count("c") == COUNT
    assert recall(engine, "c", split) >= 0.97
    assert codes_size(engine, "c") < 100 * COUNT


@pytest.mark.parametrize("delay_ms", [0, 1, 5, 20, 60, 150])
def test_a_kill_while_switching_loses_nothing(engine_factory, split, delay_ms):
    base, _ = split
    engine = engine_factory().start()
    create(engine, "c", {"scalar": {"type": "int8"}})
    fill(engine, "c", base)
    threading.Event().wait(delay_ms / 1000)
    patch(engine, "c", {"binary": {"encoding": "two_bits"}})
    threading.Event().wait(delay_ms / 1000)
    engine.kill()
    engine.start()
    engine.wait_green("c")
    assert engine.count("c") == COUNT
    assert recall(engine, "c", split) >= 0.97
    assert codes_size(engine, "c") < 150 * COUNT
    assert info(engine, "c")["config"]["quantization_config"] == {
        "binary": {"encoding": "two_bits"}}


@pytest.mark.parametrize("config,status", [
    ({"scalar": {}}, 400), ({"scalar": {"type": "int4"}}, 400),
    ({"scalar": {"type": "int8", "quantile": 0.3}}, 422),
    ({"product": {"compression": "x5"}}, 400), ({"binary": 1}, 400),
    ({"binary": {"encoding": "three_bits"}}, 400), ({}, 400),
    ({"turbo": {"bits": "bits3"}}, 400), ("off", 400), ([], 400),
    ({"scalar": {"type": "int8"}, "binary": {}}, 400)])
def test_a_bad_config_is_refused(engine, name, config, status):
    create(engine, name)
    answer = engine.call("PATCH", f"/collections/{name}",
                         {"quantization_config": config})
    assert answer.status == status, answer
    assert info(engine, name)["config"]["quantization_config"] is None
