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
