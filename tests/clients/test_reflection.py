# SPDX-License-Identifier: Apache-2.0
"""grpcurl, which knows nothing of the server but what reflection tells it."""
import json
import subprocess

import pytest

import go_programs

SERVICES = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection", "qdrant.Collections",
            "qdrant.Points", "qdrant.Qdrant", "qdrant.Snapshots"]


@pytest.fixture(scope="module")
def ask(engine):
    """ask(*words, body=None): grpcurl's exit status and what it prints."""
    program = go_programs.built() / "grpcurl"

    def ask(*words, body=None):
        data = [] if body is None else ["-d", json.dumps(body)]
        done = subprocess.run(
            [program, "-plaintext", *data, f"127.0.0.1:{engine.grpc_port}",
             *words], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    return ask


def call(ask, method, body=None):
    status, text = ask(method, body=body or {})
    assert status == 0, text
    return json.loads(text)


def test_services_are_listed(ask):
    status, text = ask("list")
    assert (status, text.split()) == (0, SERVICES)


@pytest.mark.parametrize("service", [s for s in SERVICES if "qdrant" in s])
def test_a_service_is_described(ask, service):
    status, methods = ask("list", service)
    assert status == 0 and methods.startswith(service + "."), methods
    status, text = ask("describe", service)
    assert status == 0
    for method in methods.split():
        assert f"rpc {method.rpartition('.')[2]} (" in text


@pytest.mark.parametrize("symbol, part", [
    ("qdrant.Points.Upsert", "rpc Upsert ( .qdrant.UpsertPoints ) returns "
                             "( .qdrant.PointsOperationResponse );"),
    ("qdrant.PointId", "uint64 num = 1;"),
    ("qdrant.Distance", "Cosine = 1;"),
    ("qdrant.Value", "int64 integer_value = 3;")])
def test_a_symbol_is_described(ask, symbol, part):
    status, text = ask("describe", symbol)
    assert status == 0 and part in text, text


def test_what_is_not_there_is_said(ask):
    status, text = ask("describe", "qdrant.Nothing")
    assert status != 0 and "Symbol not found: qdrant.Nothing" in text


def test_calls_by_what_was_described(ask):
    name = "curl"
    config = {"params": {"size": 2, "distance": "Dot"}}
    assert call(ask, "qdrant.Collections/Create", {
        "collection_name": name, "vectors_config": config})["result"] is True
    done = call(ask, "qdrant.Points/Upsert", {
        "collection_name": name, "wait": True, "points": [
            {"id": {"num": number}, "payload": {"n": {"integer_value": number}},
             "vectors": {"vector": {"dense": {"data": [number, 1]}}}}
            for number in (1, 2, 3)]})
    assert done["result"]["status"] == "Completed"
    hits = call(ask, "qdrant.Points/Query", {
        "collection_name": name, "limit": 2, "with_payload": {"enable": True},
        "query": {"nearest": {"dense": {"data": [1, 0]}}}})["result"]
    assert [(hit["id"]["num"], hit["score"]) for hit in hits] == \
        [("3", 3), ("2", 2)]
    assert hits[0]["payload"]["n"]["integerValue"] == "3"
    assert call(ask, "qdrant.Collections/Delete",
                {"collection_name": name})["result"] is True


def test_refusals_have_their_code_and_text(ask):
    status, text = ask("qdrant.Collections/Get",
                       body={"collection_name": "none"})
    assert status != 0 and "Code: NotFound" in text
    assert "Not found: Collection `none` doesn't exist!" in text


def test_health(ask):
    assert call(ask, "grpc.health.v1.Health/Check") == {"status": "SERVING"}
    assert call(ask, "qdrant.Qdrant/HealthCheck")["title"] == \
        "qdrant - vector search engine"
