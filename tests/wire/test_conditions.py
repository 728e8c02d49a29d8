# SPDX-License-Identifier: Apache-2.0
"""Conditional updates: what is refused; many writers that take turns by one.
test_surface.py compares what they do with the model."""
import concurrent.futures

import pytest


@pytest.mark.parametrize("status, text, more", [
    (400, "Format error in JSON body: update_mode: unknown variant `never`, "
          "expected one of `upsert`, `insert_only`, `update_only`",
     {"update_mode": "never"}),
    (400, "Format error in JSON body: update_mode: invalid type",
     {"update_mode": 1}),
    (422, "Validation error in JSON body: [update_filter.must[0]",
     {"update_filter": {"must": [{"key": "v"}]}}),
    (400, "Format error in JSON body: unknown field `oops`",
     {"update_filter": {"oops": []}}),
])
def test_bad_conditions(engine, name, status, text, more):
    engine.create(name, 2)
    answer = engine.call("PUT", f"/collections/{name}/points?wait=true",
                         {"points": [{"id": 1, "vector": [1, 1]}], **more})
    assert answer.status == status, answer
    assert answer.error.startswith(text), answer
    assert engine.count(name) == 0


def test_only_one_writer_of_a_version_wins(engine, name):
    """Optimistic locking, the use that the condition is for."""
    engine.create(name, 2)
    engine.upsert(name, [{"id": 1, "vector": [1, 1],
                          "payload": {"v": 0, "by": -1}}])

    def write(by, version):
        engine.call("PUT", f"/collections/{name}/points?wait=true", {
            "points": [{"id": 1, "vector": [by, 1],
                        "payload": {"v": version + 1, "by": by}}],
            "update_filter": {"must": [{"key": "v",
                                        "match": {"value": version}}]}})

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for version in range(10):
            list(pool.map(lambda by: write(by, version), range(8)))
            record = engine.get(name, [1])[1]
            assert record["payload"]["v"] == version + 1
            assert record["vector"] != [1, 1] or record["payload"]["by"] == 1


def test_a_missing_point_is_named_for_vectors(engine, name):
    engine.create(name, 2, "Dot")
    engine.upsert(name, [{"id": 1, "vector": [1, 1], "payload": {"v": 1}}])
    answer = engine.call("PUT", f"/collections/{name}/points/vectors?wait=true",
                         {"points": [{"id": 1, "vector": [2, 2]},
                                     {"id": 2, "vector": [2, 2]}],
                          "update_filter": {"must": [{
                              "key": "v", "match": {"value": 7}}]}})
    assert answer.status == 404
    assert answer.error == "Not found: No point with id 2 found"
    assert engine.get(name, [1])[1]["vector"] == [1, 1]


def test_a_condition_reads_payloads_on_disk(engine, name):
    engine.create(name, 2, "Dot", on_disk_payload=True)
    engine.upsert(name, [{"id": i, "vector": [1, 1], "payload": {"v": i % 2}}
                         for i in range(100)])
    answer = engine.call("PUT", f"/collections/{name}/points?wait=true", {
        "points": [{"id": i, "vector": [2, 2], "payload": {"v": 9}}
                   for i in range(110)],
        "update_filter": {"must_not": [{"key": "v", "match": {"value": 1}}]}})
    assert answer.status == 200, answer
    nine = {"must": [{"key": "v", "match": {"value": 9}}]}
    assert engine.count(name, nine) == 60
    assert engine.count(name) == 110
