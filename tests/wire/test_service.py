# SPDX-License-Identifier: Apache-2.0
"""Service routes: version, probes, metrics, static files, CORS, settings."""
import signal

import pytest


def test_version_is_not_enveloped(engine):
    answer = engine.call("GET", "/")
    assert answer.status == 200
    assert set(answer.json) <= {"title", "version", "commit"}
    assert answer.json["title"] == "qdrant - vector search engine"


@pytest.mark.parametrize("path, text", [
    ("/healthz", "healthz check passed"), ("/livez", "healthz check passed"),
    ("/readyz", "all shards are ready")])
def test_probes_are_plain_text(engine, path, text):
    answer = engine.call("GET", path)
    assert (answer.status, answer.text) == (200, text)
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_what_the_server_says_of_itself(engine, name):
    engine.create(name, 2)
    assert engine.call("GET", "/cluster").result == {"status": "disabled"}
    shards = engine.call("GET", f"/collections/{name}/cluster").result
    assert shards["shard_count"] == len(shards["local_shards"]) == 1
    assert shards["local_shards"][0]["state"] == "Active"
    assert shards["remote_shards"] == shards["shard_transfers"] == []
    assert engine.call("GET", "/issues").result == {"issues": []}
    assert engine.call("DELETE", "/issues").result is True


def test_telemetry_has_its_levels(engine):
    short = engine.call("GET", "/telemetry").result
    assert {"id", "app", "collections", "cluster", "requests"} <= set(short)
    assert "memory" not in short
    assert short["collections"]["number_of_collections"] >= 0
    long = engine.call("GET", "/telemetry?details_level=1").result
    assert set(short) | {"memory"} <= set(long)
    answer = engine.call("GET", "/telemetry?details_level=x")
    assert answer.status == 400
    assert answer.error.startswith("Deserialize error in query parameters: ")


@pytest.mark.parametrize("method, path", [
    ("GET", "/none"), ("GET", "/locks"), ("POST", "/locks"),
    ("PUT", "/collections"), ("POST", "/collections/x"),
    ("PATCH", "/aliases"), ("DELETE", "/"), ("GET", "/collections/x/y/z"),
    ("TRACE", "/collections"), ("OPTIONS", "/none")])
def test_what_is_no_route_is_404_and_empty(engine_factory, engine, method,
                                           path):
    if method == "OPTIONS":  # CORS would answer it
        engine = engine_factory(more_config="  enable_cors: false\n").start()
    answer = engine.call(method, path)
    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize("path", ["/collections", "/", "/healthz", "/aliases",
                                  "//collections/", "/metrics"])
def test_head_is_get_without_its_body(engine, path):
    answer = engine.call("HEAD", path)
    assert answer.status == 200 and answer.body == b""
    assert answer.headers["Content-Type"] == \
        engine.call("GET", path).headers["Content-Type"]


@pytest.mark.parametrize("method, path", [
    ("PUT", "/collections/{c}/shards")])
def test_what_comes_later_is_refused_by_name(engine, name, method, path):
    engine.create(name, 2)
    answer = engine.call(method, path.replace("{c}", name), {})
    assert answer.status == 400
    assert answer.error.endswith(" is not supported yet")


def test_the_openapi_document_is_served(engine, engine_factory):
    answer = engine.call("GET", "/openapi.json")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    document = answer.json
    assert document["openapi"].startswith("3.")
    assert engine.call("GET", "/dashboard/openapi.json").json == document
    names = set(document["components"]["schemas"])

    def references(value):
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"].rpartition("/")[2]
            value = list(value.values())
        for item in value if isinstance(value, list) else []:
            yield from references(item)

    assert set(references(document)) <= names
    ids = [operation["operationId"] for path in document["paths"].values()
           for operation in path.values()]
    assert len(ids) == len(set(ids))
    # It says nothing of what is stored, so no key is asked for.
    guarded = engine_factory(more_config="  api_key: secret\n").start()
    assert guarded.call("GET", "/openapi.json").status == 200
    assert guarded.call("GET", "/collections").status == 401


def test_metrics_count_real_requests(engine):
    def requests():
        answer = engine.call("GET", "/metrics")
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain")
        values = {}
        for line in answer.text.splitlines():
            if line and not line.startswith("#"):
                key, _, number = line.rpartition(" ")
                values[key] = float(number)
        return values
    before = requests()
    for _ in range(7):
        assert engine.call("GET", "/collections").status == 200
    after = requests()
    assert "collections_total" in after
    key = 'rest_responses_total{method="GET",endpoint="/collections",' \
        'status="200"}'
    assert after[key] - before.get(key, 0) == 7, after


def test_cors_answers_any_origin(engine):
    answer = engine.call("GET", "/collections", headers={
        "Origin": "https://notebook.example"})
    assert answer.headers.get("Access-Control-Allow-Origin") in (
        "*", "https://notebook.example")
    answer = engine.call("OPTIONS", "/collections", headers={
        "Origin": "https://notebook.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "api-key,content-type"})
    assert answer.status in (200, 204), answer
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]


def test_cors_can_be_switched_off(engine_factory):
    engine = engine_factory(more_config="  enable_cors: false\n").start()
    answer = engine.call("GET", "/collections", headers={
        "Origin": "https://notebook.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert engine.stop() == 0


def test_dashboard_is_served_from_its_folder(engine_factory, tmp_path):
    pages = tmp_path / "pages"
    (pages / "assets").mkdir(parents=True)
    (pages / "index.html").write_text("<!doctype html><p>dashboard")
    (pages / "assets" / "a-1.js").write_text("export {};")
    (tmp_path / "secret").write_text("secret")
    engine = engine_factory(
        more_config=f"  static_content_dir: {pages}\n").start()
    for path in ("/dashboard/", "/dashboard/index.html"):
        answer = engine.call("GET", path)
        assert answer.status == 200, path
        assert "<p>dashboard" in answer.text
        assert answer.headers["Content-Type"].startswith("text/html")
    answer = engine.call("GET", "/dashboard/assets/a-1.js")
    assert "javascript" in answer.headers["Content-Type"]
    for path in ("/dashboard/../secret", "/dashboard/%2e%2e/secret",
                 "/dashboard/..%2fsecret", "/dashboard/assets/nope.js"):
        answer = engine.call("GET", path)
        assert b"secret" not in answer.body
        assert answer.status in (400, 403, 404), (path, answer)
    assert engine.stop() == 0


def test_environment_sets_what_the_file_does_not(engine_factory, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    engine = engine_factory(environment={
        "QDRANT__STORAGE__STORAGE_PATH": str(elsewhere)}).start()
    engine.create("c")
    assert elsewhere.exists()
    assert engine.stop() == 0


def test_a_second_process_on_the_same_storage_is_refused(engine_factory):
    engine = engine_factory().start()
    other = engine_factory(environment={
        "QDRANT__STORAGE__STORAGE_PATH": f"{engine.folder}/storage"})
    with pytest.raises(RuntimeError, match="ended with"):
        other.start()
    other.process = None
    assert engine.call("GET", "/readyz").status == 200
    assert engine.stop() == 0


def test_a_port_in_use_is_named(engine_factory):
    engine = engine_factory().start()
    other = engine_factory()
    other.port = engine.port
    with pytest.raises(RuntimeError) as raised:
        other.wait_ready = lambda: None
        other.start()
        status = other.wait(20)
        assert status != 0
        raise RuntimeError(other.log())
    assert str(engine.port) in str(raised.value)
    assert engine.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_with_status_zero(engine_factory, number):
    engine = engine_factory().start()
    engine.create("c")
    engine.signal(number)
    assert engine.wait() == 0


def test_api_key_is_asked_for(engine_factory):
    engine = engine_factory(more_config="  api_key: s3cret\n").start()
    answer = engine.call("GET", "/collections")
    assert answer.status == 401
    assert answer.text == \
        "Must provide an API key or an Authorization bearer token"
    answer = engine.call("GET", "/collections", headers={"api-key": "wrong"})
    assert (answer.status, answer.text) == (401, "Invalid API key or JWT")
    for headers in ({"api-key": "s3cret"},
                    {"Authorization": "Bearer s3cret"}):
        assert engine.call("GET", "/collections",
                           headers=headers).status == 200
    for path in ("/", "/healthz", "/readyz", "/livez"):
        assert engine.call("GET", path).status == 200
    assert engine.stop() == 0


def test_mistakes_of_clients_are_no_errors_of_the_server(engine_factory):
    """Text queries are answered as the reference does, by a 500; a refusal at
    the memory limit is a warning, and so is a limit that nothing fits under."""
    engine = engine_factory(environment={
        "QDRANT__STORAGE__MEMORY_LIMIT_MB": "1"}).start()
    assert engine.call("PUT", "/collections/c", {"vectors": {
        "size": 4, "distance": "Dot"}}).status == 507
    answer = engine.call("POST", "/collections/c/points/query", {
        "query": {"text": "a", "model": "b"}})
    assert answer.status == 500
    assert "InferenceService URL not configured" in answer.error
    log = engine.log()
    assert "memory_limit_mb) of 1 MiB is below" in log
    assert "ENGINE_ENOMEM" in log and "Inference" not in log
    assert not [l for l in log.splitlines() if " error " in l.lower()]
