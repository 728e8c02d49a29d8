# SPDX-License-Identifier: Apache-2.0
"""/metrics as a scraper sees it: both families of names, both formats."""
import re
import threading

import pytest

from frames import Peer

LABELS = r'\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\}'
LINE = re.compile(rf"([a-zA-Z_][a-zA-Z0-9_]*)({LABELS})? "
                  r"([0-9.e+-]+|[+-]Inf)"
                  rf"( # {LABELS} [0-9.e+-]+ [0-9.]+)?")
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def scrape(engine, path="/metrics", **headers):
    """(answer, {name: {labels: value}}, {family: type})"""
    answer = engine.call("GET", path, headers=headers)
    assert answer.status == 200, answer
    lines, types = {}, {}
    for line in answer.text.splitlines():
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split()
            assert family not in types, f"{family} comes twice"
            types[family] = kind
        elif not line.startswith("#"):
            match = LINE.fullmatch(line)
            assert match, line
            name, labels, value, _ = match.groups()
            values = lines.setdefault(name, {})
            assert labels not in values, f"{name}{labels} comes twice"
            values[labels] = float(value)
    return answer, lines, types


@pytest.fixture
def filled(engine, name):
    engine.call("PUT", f"/collections/{name}", {"vectors": {
        "a": {"size": 2, "distance": "Dot"},
        "b": {"size": 2, "distance": "Dot"}}}).result
    engine.upsert(name, [{"id": 1, "vector": {"a": [1, 2], "b": [1, 2]}},
                         {"id": 2, "vector": {"a": [1, 2]}}])
    return name


# What a level 1.19 server of one node says, and what its guides ask for.
NAMES = """app_info app_status_recovery_mode collections_total
collections_vector_total collection_points collection_vectors
collection_indexed_only_excluded_points collection_active_replicas_min
collection_active_replicas_max collection_dead_replicas
collection_running_optimizations cluster_enabled rest_responses_total
rest_responses_avg_duration_seconds rest_responses_min_duration_seconds
rest_responses_max_duration_seconds rest_responses_duration_seconds_bucket
memory_active_bytes memory_allocated_bytes memory_metadata_bytes
memory_resident_bytes memory_retained_bytes process_threads process_open_mmaps
system_max_mmaps process_open_fds process_max_fds
process_minor_page_faults_total process_major_page_faults_total
qdrant_collections_total qdrant_vectors_total
qdrant_search_latency_seconds_bucket qdrant_search_latency_seconds_count
qdrant_disk_free_bytes qdrant_disk_total_bytes""".split()


def test_both_families_are_there(engine, filled):
    engine.call("POST", f"/collections/{filled}/points/query",
                {"query": [1, 1], "using": "a"})
    _, lines, types = scrape(engine)
    assert [one for one in NAMES if one not in lines] == []
    assert types["qdrant_grpc_requests_total"] == "counter"
    for name in lines:
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        assert name in types or types.get(family) == "histogram", name
        assert not name.endswith("_total") or types[name] == "counter" or \
            name in ("collections_total", "collections_vector_total",
                     "qdrant_collections_total", "qdrant_vectors_total",
                     "cluster_peers_total")


def test_counts_of_a_collection(engine, filled):
    _, lines, _ = scrape(engine)
    assert lines["collection_points"][f'{{id="{filled}"}}'] == 2
    vectors = lines["collection_vectors"]
    assert vectors[f'{{collection="{filled}",vector="a"}}'] == 2
    assert vectors[f'{{collection="{filled}",vector="b"}}'] == 1
    assert lines["qdrant_vectors_total"][None] >= 3
    assert lines["qdrant_vectors_total"] == lines["collections_vector_total"]


def test_searches_of_both_protocols_count(engine, filled):
    before = scrape(engine)[1]
    engine.call("POST", f"/collections/{filled}/points/query",
                {"query": [1, 1], "using": "a"}).result
    engine.call("POST", f"/collections/{filled}/points/query",
                {"query": [1, 1, 1], "using": "a"})
    with Peer(engine.grpc_port) as peer:
        peer.call("/qdrant.Qdrant/HealthCheck")
    after = scrape(engine)[1]

    def more(name, labels):
        return after[name][labels] - before.get(name, {}).get(labels, 0)

    assert more("qdrant_search_latency_seconds_count", None) == 1
    route = 'method="POST",endpoint="/collections/{name}/points/query"'
    assert more("rest_responses_total", f'{{{route},status="200"}}') == 1
    assert more("rest_responses_total", f'{{{route},status="400"}}') == 1
    method = '/qdrant.Qdrant/HealthCheck",status="0"}'
    assert more("grpc_responses_total", f'{{endpoint="{method}') == 1
    assert more("qdrant_grpc_requests_total", f'{{method="{method}') == 1


def test_requests_by_collection(engine, filled):
    def of(label):
        text = engine.call("GET", "/metrics?per_collection=true").text
        return [line for line in text.splitlines() if
                line.startswith(("rest_responses_", "grpc_responses_")) and
                label in line]
    label = f'collection="{filled}"'
    path = f"/collections/{filled}/points/count"
    for _ in range(3):
        assert engine.call("POST", path, {}).status == 200
    assert engine.call("POST", path, {"filter": 5}).status == 400
    lines = of(label)
    start = ('rest_responses_total{method="POST",'
             'endpoint="/collections/{name}/points/count",status=')
    assert f'{start}"200",{label}}} 3' in lines
    assert f'{start}"400",{label}}} 1' not in lines  # refused before it is known
    assert any("_bucket" in line and 'le="0.001"' in line for line in lines)
    # No line without a collection, none of one that is not there.
    assert of("") == of('collection="')
    engine.call("GET", "/collections/none-of-this-name")
    assert of('collection="none-of-this-name"') == []
    engine.create("gone")
    engine.call("GET", "/collections/gone")
    assert of('collection="gone"') != []
    engine.call("DELETE", "/collections/gone")
    assert of('collection="gone"') == []
    text = engine.call("GET", "/metrics?per_collection=true&anonymize=true")
    assert label not in text.text
    assert engine.call("GET", "/metrics?per_collection=x").status == 400


def counted(engine):
    """Names of collections that requests are counted for."""
    text = engine.call("GET", "/metrics?per_collection=true").text
    return set(re.findall(r'^rest_responses_total.*collection="([^"]+)"', text,
                          re.M))


def change_alias(engine, change, **alias):
    answer = engine.call("POST", "/collections/aliases",
                         {"actions": [{change: alias}]})
    assert answer.status == 200, answer


def test_an_alias_counts_for_its_collection(engine, name):
    engine.create(name)
    for number in range(20):
        alias = f"alias-{name}-{number}"
        change_alias(engine, "create_alias", collection_name=name,
                     alias_name=alias)
        path = f"/collections/{alias}/points/count"
        assert engine.call("POST", path, {}).status == 200
        assert not any(alias in one for one in counted(engine))
        change_alias(engine, "delete_alias", alias_name=alias)
    text = engine.call("GET", "/metrics?per_collection=true").text
    assert re.search(r'points/count",status="200",collection="%s"} 20$' % name,
                     text, re.M)
    # By an alias that goes with it.
    change_alias(engine, "create_alias", collection_name=name,
                 alias_name=f"last-{name}")
    engine.call("POST", f"/collections/last-{name}/points/count", {})
    engine.call("DELETE", f"/collections/{name}")
    assert not any(name in one for one in counted(engine))


def test_requests_beside_a_deletion_leave_nothing(engine):
    is_over = threading.Event()

    def ask():
        connection = engine.connect()
        while not is_over.is_set():
            engine.call("POST", "/collections/brief/points/count", {},
                        connection=connection)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            engine.create("brief")
            engine.call("GET", "/collections/brief")
            assert engine.call("DELETE", "/collections/brief").result is True
            assert "brief" not in counted(engine)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def test_openmetrics_where_it_is_asked_for(engine, filled):
    answer, lines, types = scrape(
        engine, Accept="application/openmetrics-text;version=1.0.0;q=0.8,"
                       "text/plain;version=0.0.4;q=0.2")
    assert answer.headers["Content-Type"] == OPEN
    assert answer.text.endswith("\n# EOF\n")
    assert types["rest_responses"] == "counter"
    assert "rest_responses_total" in lines
    assert "trace_id" not in answer.text
    answer, _, types = scrape(engine)
    assert answer.headers["Content-Type"] == \
        "text/plain; version=0.0.4; charset=utf-8"
    assert "# EOF" not in answer.text
    assert types["rest_responses_total"] == "counter"


def test_exemplars_where_the_configuration_has_them(engine_factory):
    engine = engine_factory(environment={
        "QDRANT__SERVICE__METRICS_EXEMPLARS": "true"}).start()
    trace = "0af7651916cd43dd8448eb211c80319c"
    engine.call("GET", "/collections", headers={
        "traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    engine.call("GET", "/cluster", headers={"x-request-id": "r-1"})
    engine.call("GET", "/aliases", headers={"x-request-id": 'a"b\\c'})
    text = scrape(engine, Accept=OPEN)[0].text
    assert f'# {{trace_id="{trace}"}} ' in text
    assert '# {trace_id="r-1"} ' in text
    assert text.count("trace_id=") == 2
    assert "trace_id" not in scrape(engine)[0].text


def test_a_prefix_before_all_names(engine_factory):
    engine = engine_factory(environment={
        "QDRANT__SERVICE__METRICS_PREFIX": "mine_"}).start()
    _, lines, types = scrape(engine)
    assert lines and all(name.startswith("mine_") for name in lines)
    assert all(name.startswith("mine_") for name in types)


def test_anonymous_names(engine, filled):
    answer, lines, _ = scrape(engine, "/metrics?anonymize=true")
    assert filled not in answer.text
    again = scrape(engine, "/metrics?anonymize=true")[1]
    assert set(lines["collection_points"]) == set(again["collection_points"])


def test_many_collections_are_all_counted(engine_factory):
    engine = engine_factory().start()
    for number in range(40):
        engine.create(f"many-{number}", 2)
    _, lines, _ = scrape(engine)
    assert len(lines["collection_points"]) == 40
    assert lines["collections_total"][None] == 40
    assert lines["qdrant_collections_total"][None] == 40
