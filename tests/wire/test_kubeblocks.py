# SPDX-License-Identifier: Apache-2.0
"""The KubeBlocks walk-through, request by request, with its printed ids and
scores."""
import pytest

NAME = "test_collection"


@pytest.fixture(scope="module")
def transcript(engine):
    engine.call("DELETE", f"/collections/{NAME}")
    answer = engine.call("PUT", f"/collections/{NAME}", """{
        "vectors": {
            "size": 4,
            "distance": "Cosine"
        }
    }""", {"Content-Type": "application/json"})
    assert answer.json["result"] is True
    assert answer.json["status"] == "ok"
    assert isinstance(answer.json["time"], float)
    empty = engine.call("GET", f"/collections/{NAME}")
    answer = engine.call("PUT", f"/collections/{NAME}/points?wait=true", """{
        "points": [
          {"id": 1, "vector": [0.05, 0.61, 0.76, 0.74],
           "payload": {"city": "Berlin" }},
          {"id": 2, "vector": [0.19, 0.81, 0.75, 0.11],
           "payload": {"city": ["Berlin", "London"] }},
          {"id": 3, "vector": [0.36, 0.55, 0.47, 0.94],
           "payload": {"city": ["Berlin", "Moscow"] }},
          {"id": 4, "vector": [0.18, 0.01, 0.85, 0.80],
           "payload": {"city": ["London", "Moscow"] }},
          {"id": 5, "vector": [0.24, 0.18, 0.22, 0.44],
           "payload": {"count": [0] }},
          {"id": 6, "vector": [0.35, 0.08, 0.11, 0.44]}
        ]
    }""", {"Content-Type": "application/json"})
    assert answer.result["status"] == "completed"
    assert isinstance(answer.result["operation_id"], int)
    yield empty
    engine.call("DELETE", f"/collections/{NAME}")


def scores_of(answer):
    return [(hit["id"], hit["score"]) for hit in answer.result]


def assert_scores(got, expected):
    assert [id for id, _ in got] == [id for id, _ in expected]
    for (_, a), (_, b) in zip(got, expected):
        assert a == pytest.approx(b, abs=1e-6)


def test_info_of_a_new_collection_has_the_printed_keys(transcript):
    result = transcript.result
    assert result["status"] == "green"
    assert result["optimizer_status"] == "ok"
    assert result["points_count"] == 0
    assert result["indexed_vectors_count"] == 0
    assert result["segments_count"] >= 1
    assert result["payload_schema"] == {}
    config = result["config"]
    params = config["params"]
    assert params["vectors"] == {"size": 4, "distance": "Cosine"}
    assert params["shard_number"] == 1
    assert params["replication_factor"] == 1
    assert params["write_consistency_factor"] == 1
    assert params["on_disk_payload"] is True
    hnsw = config["hnsw_config"]
    assert (hnsw["m"], hnsw["ef_construct"]) == (16, 100)
    assert hnsw["full_scan_threshold"] == 10000
    assert hnsw["max_indexing_threads"] == 0
    assert hnsw["on_disk"] is False
    optimizer = config["optimizer_config"]
    assert optimizer["deleted_threshold"] == 0.2
    assert optimizer["vacuum_min_vector_number"] == 1000
    assert optimizer["default_segment_number"] == 0
    assert optimizer["max_segment_size"] is None
    assert optimizer["memmap_threshold"] is None
    assert optimizer["flush_interval_sec"] == 5
    wal = config["wal_config"]
    assert (wal["wal_capacity_mb"], wal["wal_segments_ahead"]) == (32, 0)
    assert config["quantization_config"] is None


def test_search_gives_the_printed_ids_and_scores(engine, transcript):
    answer = engine.call("POST", f"/collections/{NAME}/points/search",
                         {"vector": [0.2, 0.1, 0.9, 0.7], "limit": 3})
    assert_scores(scores_of(answer), [(4, 0.99248314), (1, 0.89463294),
                                      (5, 0.8543979)])
    for hit in answer.result:
        assert hit.get("payload") is None
        assert hit.get("vector") is None
        assert isinstance(hit["version"], int)


@pytest.mark.parametrize("is_indexed", [False, True])
def test_filtered_search_gives_the_printed_ids_and_scores(engine, transcript,
                                                          is_indexed):
    if is_indexed:
        answer = engine.call("PUT", f"/collections/{NAME}/index?wait=true",
                             {"field_name": "city", "field_schema": "keyword"})
        assert answer.result["status"] == "completed"
    answer = engine.call("POST", f"/collections/{NAME}/points/search", {
        "filter": {"should": [{"key": "city", "match": {"value": "London"}}]},
        "vector": [0.2, 0.1, 0.9, 0.7], "limit": 3})
    assert_scores(scores_of(answer), [(4, 0.99248314), (2, 0.66603535)])


def test_the_same_search_by_the_query_route(engine, transcript):
    answer = engine.call("POST", f"/collections/{NAME}/points/query",
                         {"query": [0.2, 0.1, 0.9, 0.7], "limit": 3})
    got = [(hit["id"], hit["score"]) for hit in answer.result["points"]]
    assert_scores(got, [(4, 0.99248314), (1, 0.89463294), (5, 0.8543979)])
