# SPDX-License-Identifier: Apache-2.0
"""The configuration as somebody meets it at the command line, and what its
defaults do to new collections."""
import os
import subprocess

import pytest

from azimuthd import program


def run(*arguments, **environment):
    return subprocess.run([str(program()), *arguments], capture_output=True,
                          text=True, timeout=60,
                          env={**os.environ, **environment})


def test_a_good_configuration(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("service:\n  http_port: 7\nstorage:\n  node_type: Normal\n")
    done = run("--check-config", "--config-path", str(file))
    assert done.returncode == 0
    assert "line 4: storage.node_type has no effect here" in done.stdout
    assert done.stdout.endswith("the configuration is good\n")
    assert not (tmp_path / "storage").exists()


@pytest.mark.parametrize("text, says", [
    ("service:\n  htpp_port: 7\n",
     'line 2: there is no key "service.htpp_port": did you mean '
     '"service.http_port"?'),
    ("service:\n  http_port: seven\n", "must be a number from 0 to 65535"),
    ("service: [\n", "line 2")])
def test_a_bad_configuration_is_named(tmp_path, text, says):
    file = tmp_path / "config.yaml"
    file.write_text(text)
    for arguments in (["--check-config"], ["--print-config"], []):
        done = run(*arguments, "--config-path", str(file))
        assert done.returncode == 2
        assert says in done.stderr


@pytest.mark.parametrize("key, value, says", [
    ("STORAGE__HNSW_INDEX__M", "many", "storage.hnsw_index.m"),
    ("STORAGE__HNSW_INDEX__M", "+5", "storage.hnsw_index.m"),
    ("STORAGE__HNSW_INDEX__EF_CONSTRUCT", "1",
     "storage.hnsw_index.ef_construct"),
    ("STORAGE__COLLECTION__STRICT_MODE__ENABLED", "7",
     "storage.collection.strict_mode.enabled"),
    ("STORAGE__COLLECTION__QUANTIZATION__SCALAR__TYPE", "int9",
     "storage.collection.quantization.scalar.type")])
def test_defaults_that_make_no_collection_are_named(tmp_path, key, value,
                                                    says):
    environment = {f"QDRANT__{key}": value,
                   "QDRANT__STORAGE__STORAGE_PATH": str(tmp_path / "s"),
                   "QDRANT__SERVICE__HTTP_PORT": "0",
                   "QDRANT__SERVICE__GRPC_PORT": "0"}
    for arguments in (["--check-config"], []):
        done = run(*arguments, **environment)
        assert done.returncode == 2
        assert f"{says}: no collection could be made with it" in done.stderr


def test_an_unknown_variable_is_refused():
    done = run("--check-config", QDRANT__SERVICE__API_KYE="x")
    assert done.returncode == 2
    assert 'did you mean "service.api_key"?' in done.stderr


def test_a_printed_configuration_makes_the_same(tmp_path):
    key = tmp_path / "key"
    key.write_text("a-secret\n")
    key.chmod(0o600)
    first = run("--print-config", QDRANT__SERVICE__API_KEY_FILE=str(key),
                QDRANT__STORAGE__HNSW_INDEX__M="24")
    assert first.returncode == 0
    assert "a-secret" not in first.stdout
    assert '  api_key: null\n' in first.stdout
    assert f'  api_key_file: "{key}"\n' in first.stdout
    assert "#   hnsw_config.m: 24\n" in first.stdout
    file = tmp_path / "config.yaml"
    file.write_text(first.stdout)
    second = run("--print-config", "--config-path", str(file),
                 QDRANT__STORAGE__HNSW_INDEX__M="24")
    assert second.stdout == first.stdout
    masked = run("--print-config", QDRANT__SERVICE__API_KEY="a-secret")
    assert '  api_key: "***"\n' in masked.stdout
    assert "a-secret" not in masked.stdout


def test_defaults_of_new_collections(engine_factory):
    engine = engine_factory(environment={
        "QDRANT__STORAGE__HNSW_INDEX__M": "24",
        "QDRANT__STORAGE__HNSW_INDEX__EF_CONSTRUCT": "64",
        "QDRANT__STORAGE__OPTIMIZERS__INDEXING_THRESHOLD_KB": "123",
        "QDRANT__STORAGE__ON_DISK_PAYLOAD": "false",
        "QDRANT__STORAGE__COLLECTION__QUANTIZATION__SCALAR__TYPE": "int8",
        "QDRANT__STORAGE__COLLECTION__STRICT_MODE__ENABLED": "true",
        "QDRANT__STORAGE__COLLECTION__STRICT_MODE__MAX_QUERY_LIMIT": "7",
        "QDRANT__STORAGE__MAX_COLLECTIONS": "2"}).start()
    vectors = {"size": 2, "distance": "Dot"}
    engine.call("PUT", "/collections/a", {"vectors": vectors}).result
    engine.call("PUT", "/collections/b", {
        "vectors": vectors, "hnsw_config": {"m": 8}, "on_disk_payload": True,
        "quantization_config": {"binary": {}},
        "strict_mode_config": {"max_query_limit": 9}}).result
    a, b = (engine.call("GET", f"/collections/{name}").result["config"]
            for name in "ab")
    assert (a["hnsw_config"]["m"], b["hnsw_config"]["m"]) == (24, 8)
    assert a["hnsw_config"]["ef_construct"] == 64
    assert b["hnsw_config"]["ef_construct"] == 64
    assert a["optimizer_config"]["indexing_threshold"] == 123
    assert a["params"]["on_disk_payload"] is False
    assert b["params"]["on_disk_payload"] is True
    assert a["quantization_config"] == {"scalar": {"type": "int8"}}
    assert b["quantization_config"] == {"binary": {}}
    answer = engine.call("POST", "/collections/a/points/query",
                         {"query": [1, 2], "limit": 8})
    assert "Limit exceeded 8 > 7" in answer.error
    assert b["strict_mode_config"] == {"max_query_limit": 9, "enabled": True}
    refused = engine.call("PUT", "/collections/c", {"vectors": vectors})
    assert refused.status == 400
    assert "storage.max_collections" in refused.error


def test_audit_log_of_qdrants_section(engine_factory, tmp_path):
    engine = engine_factory(environment={
        "QDRANT__AUDIT__ENABLED": "true",
        "QDRANT__AUDIT__DIR": str(tmp_path / "audit")}).start()
    engine.call("GET", "/collections")
    assert '"operation":"GET /collections"' in \
        (tmp_path / "audit" / "audit.log").read_text()
    assert "audit_log_dir_size_bytes " in engine.call("GET", "/metrics").text
