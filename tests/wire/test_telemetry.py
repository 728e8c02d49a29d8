# SPDX-License-Identifier: Apache-2.0
"""/telemetry by its levels, and what of it is anonymous; /logger."""
import json
import re
import signal
import time


def telemetry(engine, **query):
    text = "&".join(f"{key}={value}" for key, value in query.items())
    return engine.call("GET", f"/telemetry?{text}").result


def test_levels(engine, name):
    engine.create(name, 2)
    engine.upsert(name, [{"id": 1, "vector": [1, 2]}])
    short = telemetry(engine, details_level=0)
    assert set(short) == {"id", "app", "collections", "cluster", "requests"}
    assert re.fullmatch(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}",
                        short["id"])
    assert set(short["collections"]) == {"number_of_collections", "damaged"}
    assert "system" not in short["app"]

    one = telemetry(engine, details_level=1)
    assert set(one) - set(short) == {"memory", "hardware", "search_pool"}
    assert one["search_pool"]["high_cpu_threads"] >= 1
    assert one["app"]["system"]["cores"] >= 1
    assert one["app"]["system"]["ram_size"] > 1000
    assert one["app"]["startup"].endswith("Z")
    assert {"vectors": 1, "optimizers_status": "ok"} in \
        one["collections"]["collections"]

    full = {item["id"]: item for item in
            telemetry(engine, details_level=3)["collections"]["collections"]}
    mine = full[name]
    assert mine["config"]["params"]["vectors"]["size"] == 2
    local = mine["shards"][0]["local"]
    assert (local["num_points"], local["num_vectors"]) == (1, 1)
    assert local["num_vectors_by_name"] == {"": 1}
    assert mine["transfers"] == mine["resharding"] == []


def test_requests_are_counted_by_endpoint(engine, name):
    def count():
        by = telemetry(engine)["requests"]["rest"]["responses"]
        return by.get("GET /collections/{name}", {})

    before = count().get("404", {"count": 0})["count"]
    engine.call("GET", f"/collections/{name}")
    engine.create(name, 2)
    engine.call("GET", f"/collections/{name}")
    after = count()
    assert after["404"]["count"] == after["404"]["fail_count"] == before + 1
    assert after["200"]["count"] >= 1
    assert after["200"]["max_duration_micros"] >= \
        after["200"]["avg_duration_micros"] >= \
        after["200"]["min_duration_micros"] > 0
    assert "grpc" in telemetry(engine)["requests"]


def test_anonymous_telemetry_names_nothing(engine, name):
    engine.call("PUT", f"/collections/{name}", {"vectors": {
        "secretvector": {"size": 2, "distance": "Dot"}}}).result
    engine.upsert(name, [{"id": n, "vector": {"secretvector": [1, 2]}}
                         for n in range(123)])
    found = telemetry(engine, details_level=9, anonymize="true")
    text = json.dumps(found)
    assert name not in text and "secretvector" not in text
    assert 100 in [item["shards"][0]["local"]["num_points"]
                   for item in found["collections"]["collections"]]


def test_the_log_is_changed_while_it_runs(engine_factory, tmp_path):
    path = tmp_path / "engine.log"
    engine = engine_factory(environment={
        "QDRANT__LOGGER__ON_DISK__ENABLED": "true",
        "QDRANT__LOGGER__ON_DISK__LOG_FILE": str(path),
        "QDRANT__LOGGER__ON_DISK__FORMAT": "json"}).start()
    logger = engine.call("GET", "/logger").result
    assert logger == {"log_level": "info", "format": "text", "on_disk": {
        "enabled": True, "log_level": "info", "format": "json"}}
    assert engine.call("POST", "/logger", {
        "on_disk": {"log_level": "DEBUG"}}).result is True
    engine.call("GET", "/collections")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert any(line["level"] == "debug" and "GET /collections" in line["text"]
               for line in lines)
    assert "GET /collections" not in engine.log()
    engine.call("POST", "/logger", {"log_level": "debug", "format": "json"})
    engine.call("GET", "/aliases")
    assert '"level":"debug","text":"GET /aliases' in engine.log()

    # A rotation: the next line is in a new file.
    path.rename(tmp_path / "old.log")
    engine.signal(signal.SIGHUP)
    deadline = time.monotonic() + 20
    while not path.exists() and time.monotonic() < deadline:
        engine.call("GET", "/collections")
        time.sleep(0.05)
    assert "GET /collections" in path.read_text()


def test_what_the_log_cannot_be(engine):
    for body, text in (({"log_level": "loud"}, "unknown level `loud`"),
                       ({"format": "xml"}, "unknown variant `xml`"),
                       ({"log_level": 1}, "log_level"),
                       ({"on_disk": 1}, "on_disk")):
        answer = engine.call("POST", "/logger", body)
        assert answer.status == 400, answer
        assert text in answer.error
    assert engine.call("GET", "/logger").result["log_level"] == "info"
