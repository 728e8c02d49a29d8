# SPDX-License-Identifier: Apache-2.0
"""Quotas of the node (storage.quotas, /quotas): a disk that is full enough,
over REST and gRPC; what is kept; what is refused."""
import os

import pytest

from frames import Peer, field

EXHAUSTED = 8
QUOTAS = {"enabled": False, "max_resident_memory_percent": None,
          "max_disk_usage_percent": None, "release_margin_percent": 5}


def disk_percent(engine):
    disk = os.statvfs(engine.folder)
    used = disk.f_blocks - disk.f_bfree
    return used * 100 // (used + disk.f_bavail)


def put(engine, id=1):
    return engine.call("PUT", "/collections/c/points?wait=true", {
        "points": [{"id": id, "vector": [1, 0, 0, 0], "payload": {"a": 1}}]})


def metric(engine):
    return [line for line in engine.call("GET", "/metrics").text.splitlines()
            if line.startswith("quota_exceeded")]


def test_a_full_disk_takes_no_updates_and_answers_reads(engine_factory):
    engine = engine_factory().start()
    engine.create("c")
    assert put(engine).status == 200
    assert metric(engine) == []
    full = {"enabled": True, "max_disk_usage_percent": 1}
    if disk_percent(engine) < 1:
        return  # there is no fuller disk here
    assert engine.call("PUT", "/quotas", full).result is True
    refused = put(engine, 2)
    assert refused.status == 507
    assert refused.error.startswith("Insufficient storage: Disk usage is at ")
    assert "max_disk_usage_percent" in refused.error
    point = b"\x0a\x00"
    with Peer(engine.grpc_port) as peer:
        call = peer.call("/qdrant.Points/Upsert",
                         field(1, "c") + field(3, point))
        assert call.status == EXHAUSTED and "Disk usage" in call.text
        assert peer.call("/qdrant.Points/Count", field(1, "c")).status == 0
    path = "/collections/c/points"
    assert engine.count("c") == 1
    assert engine.call("POST", path + "/query", {"limit": 1}).status == 200
    for method, more, body in (
            ("POST", "/payload", {"payload": {"b": 1}, "points": [1]}),
            ("PUT", "/payload", {"payload": {"b": 1}, "points": [1]}),
            ("PUT", "/vectors", {"points": [{"id": 1, "vector": [0.5] * 4}]}),
            ("POST", "/batch", {"operations": [{"upsert": {"points": []}}]})):
        assert engine.call(method, path + more, body).status == 507
    assert metric(engine) == ['quota_exceeded{resource="disk"} 1']
    # What gives room goes on.
    assert engine.call("POST", path + "/payload/delete?wait=true",
                       {"keys": ["a"], "points": [1]}).status == 200
    assert engine.call("POST", path + "/delete?wait=true",
                       {"points": [1]}).status == 200
    # Other limits count at once, whatever the margin was.
    assert engine.call("PUT", "/quotas", {
        "enabled": True, "max_disk_usage_percent": 100,
        "release_margin_percent": 0}).result is True
    expected = 507 if disk_percent(engine) >= 100 else 200
    assert put(engine, 3).status == expected
    assert engine.stop() == 0


def test_full_memory_takes_no_updates_and_answers_reads(engine_factory):
    engine = engine_factory(environment={
        "QDRANT__STORAGE__MEMORY_LIMIT_MB": "1000"}).start()
    engine.create("c")
    assert put(engine).status == 200
    usage = engine.call("GET", "/quotas").result["usage"]
    percent = usage["resident_memory_percent"]
    assert 1 <= percent < 60
    quotas = {"enabled": True, "max_resident_memory_percent": 1}
    assert engine.call("PUT", "/quotas", quotas).result is True
    refused = put(engine, 2)
    assert refused.status == 507
    assert refused.error.startswith(
        "Insufficient storage: Resident memory usage is at ")
    assert "max_resident_memory_percent" in refused.error
    with Peer(engine.grpc_port) as peer:
        call = peer.call("/qdrant.Points/Upsert",
                         field(1, "c") + field(3, b"\x0a\x00"))
        assert call.status == EXHAUSTED and "Resident memory" in call.text
    assert engine.count("c") == 1
    assert metric(engine) == ['quota_exceeded{resource="memory"} 1']
    quotas["max_resident_memory_percent"] = 90
    assert engine.call("PUT", "/quotas", quotas).result is True
    assert put(engine, 2).status == 200
    assert metric(engine) == ['quota_exceeded{resource="memory"} 0']
    assert engine.stop() == 0


def test_quotas_are_kept(engine_factory):
    engine = engine_factory().start()
    answer = engine.call("GET", "/quotas").result
    assert answer["config"] == QUOTAS
    assert abs(answer["usage"]["disk_usage_percent"] -
               disk_percent(engine)) <= 2
    assert 0 <= answer["usage"]["resident_memory_percent"] <= 100
    change = {"enabled": True, "max_resident_memory_percent": 99,
              "release_margin_percent": 3}
    assert engine.call("PUT", "/quotas?wait=true", change).result is True
    engine.kill()
    engine.environment = {"QDRANT__STORAGE__QUOTAS__ENABLED": "false"}
    engine.start()
    assert engine.call("GET", "/quotas").result["config"] == {
        **QUOTAS, **change}


def test_quotas_of_the_configuration(engine_factory):
    engine = engine_factory(environment={
        "QDRANT__STORAGE__QUOTAS__ENABLED": "true",
        "QDRANT__STORAGE__QUOTAS__MAX_DISK_USAGE_PERCENT": "1"}).start()
    engine.create("c")
    assert put(engine).status == (507 if disk_percent(engine) >= 1 else 200)


@pytest.mark.parametrize("body,text", [
    ({"enabled": 1}, "enabled"), ({"max_disk_usage_percent": 0}, "1 to 100"),
    ({"max_disk_usage_percent": 101}, "1 to 100"),
    ({"max_resident_memory_percent": "a"}, "max_resident_memory_percent"),
    ({"release_margin_percent": 101}, "0 to 100"), ({"x": 1}, "`x`"),
])
def test_bad_quotas(engine, body, text):
    answer = engine.call("PUT", "/quotas", body)
    assert answer.status in (400, 422)
    assert text in answer.error
    assert engine.call("GET", "/quotas").result["config"] == QUOTAS
