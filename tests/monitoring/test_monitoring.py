# SPDX-License-Identifier: Apache-2.0
"""Alert rules and the Grafana dashboard: promtool reads the rules, each fires
when it should and not before, and no query names a metric that nobody has.

  AZIMUTH_BUILD   where azimuthd was built (default: build/)
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/fixture"))

from azimuthd import Engine, program  # noqa: E402

RULES = ROOT / "ingress/monitoring/rules.yaml"
DASHBOARD = ROOT / "ingress/monitoring/grafana.json"
CHART_ALERTS = ROOT / "ingress/helm/qdrant/files/alerts.yaml"
GATEWAY = ROOT / "gateway/ngx_http_azimuth_metrics.c"
GIB = 1 << 30
INSTANCE = 'instance="a"'

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None,
                                    reason="promtool is not installed")


def promtool(*arguments):
    done = subprocess.run(["promtool", *map(str, arguments)],
                          capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def rules():
    return {rule["alert"]: rule
            for group in yaml.safe_load(RULES.read_text())["groups"]
            for rule in group["rules"]}


def bucket(le, values):
    return {f'qdrant_search_latency_seconds_bucket{{{INSTANCE},le="{le}"}}':
            values}


def one(name, values, labels=""):
    more = f",{labels}" if labels else ""
    return {f"{name}{{{INSTANCE}{more}}}": values}


# alert: (series that make it fire, series that do not, labels it adds); the
# values go on for 720 minutes, and it is asked at their end.
CASES = {
    "QdrantHighLatency": (
        bucket("0.1", "0+50x720") | bucket("1", "0+100x720") |
        bucket("+Inf", "0+100x720"),
        bucket("0.1", "0+99x720") | bucket("1", "0+100x720") |
        bucket("+Inf", "0+100x720"), ""),
    "QdrantDiskSpaceLow": (
        one("qdrant_disk_free_bytes", "5x720") |
        one("qdrant_disk_total_bytes", "100x720"),
        one("qdrant_disk_free_bytes", "15x720") |
        one("qdrant_disk_total_bytes", "100x720"), ""),
    "QdrantDiskFullSoon": (
        one("qdrant_disk_free_bytes", "1000-1x720"),
        one("qdrant_disk_free_bytes", "10000-1x720"), ""),
    "QdrantDown": (one("up", "0x720", 'job="qdrant"'),
                   one("up", "1x720", 'job="qdrant"') |
                   one("up", "0x720", 'job="node"'), 'job="qdrant"'),
    "QdrantErrors": (
        one("rest_responses_total", "0+2x720", 'status="500"') |
        one("rest_responses_total", "0+98x720", 'status="200"'),
        one("rest_responses_total", "0+1x720", 'status="500"') |
        one("rest_responses_total", "0+999x720", 'status="200"'), ""),
    "QdrantMemoryNearLimit": (
        one("memory_limited_bytes", f"{95 * GIB}x720") |
        one("memory_limit_bytes", f"{100 * GIB}x720"),
        one("memory_limited_bytes", f"{95 * GIB}x720") |
        one("memory_limit_bytes", "0x720"), ""),
    "QdrantUpdatesRefused": (one("memory_refused_total", "0+1x720"),
                             one("memory_refused_total", "7x720"), ""),
    "QdrantConnectionsRefused": (
        one("http_connections_refused_total", "0+1x720"),
        one("http_connections_refused_total", "7x720"), ""),
    "QdrantOpenFilesNearLimit": (
        one("process_open_fds", "900x720") | one("process_max_fds", "1000x720"),
        one("process_open_fds", "700x720") | one("process_max_fds", "1000x720"),
        ""),
    "QdrantOptimizationsDoNotEnd": (
        one("collection_running_optimizations", "1x720", 'id="c"'),
        one("collection_running_optimizations", "0x300 1x300", 'id="c"'),
        'id="c"'),
    "QdrantRecallLow": (
        one("collection_recall_found_total", "0+9x720", 'id="c"') |
        one("collection_recall_expected_total", "0+10x720", 'id="c"'),
        # Too few to tell, though most are missed.
        one("collection_recall_found_total", "0+1x720", 'id="c"') |
        one("collection_recall_expected_total", "0+2x720", 'id="c"'),
        'id="c"'),
    "GatewayProviderFails": (
        one("azimuth_provider_failures_total", "0+10x720", 'call="token"'),
        one("azimuth_provider_failures_total", "0+1x720", 'call="token"'),
        'call="token"'),
    "GatewayStoreFails": (one("azimuth_store_failures_total", "0+10x720"),
                          one("azimuth_store_failures_total", "0+1x720"), ""),
    "GatewayLoginsFail": (
        one("azimuth_logins_total", "0+3x720", 'result="failed"') |
        one("azimuth_logins_total", "0+9x720", 'result="succeeded"') |
        one("azimuth_logins_total", "0+99x720", 'result="started"'),
        one("azimuth_logins_total", "0+1x720", 'result="failed"') |
        one("azimuth_logins_total", "0+9x720", 'result="succeeded"'), ""),
    "GatewayAuditLinesLost": (
        one("azimuth_audit_lines_lost_total", "0+1x720"),
        one("azimuth_audit_lines_lost_total", "7x720"), ""),
}


def labels_of(text):
    return dict(re.findall(r'(\w+)="([^"]*)"', text))


@needs_promtool
def test_promtool_reads_the_rules():
    status, text = promtool("check", "rules", RULES)
    assert status == 0, text
    assert f"SUCCESS: {len(rules())} rules found" in text


def test_every_alert_has_a_case():
    assert set(CASES) == set(rules())


@needs_promtool
@pytest.mark.parametrize("alert", sorted(CASES))
def test_fires_when_it_should(tmp_path, alert):
    rule = rules()[alert]
    firing, quiet, more = CASES[alert]
    expected = {"exp_labels": {**rule["labels"],
                               **labels_of(f"{INSTANCE},{more}")},
                "exp_annotations": rule["annotations"]}
    tests = [{"interval": "1m",
              "input_series": [{"series": name, "values": values}
                               for name, values in series.items()],
              "alert_rule_test": [{"eval_time": "710m", "alertname": alert,
                                   **({"exp_alerts": alerts} if alerts
                                      else {})}]}
             for series, alerts in ((firing, [expected]), (quiet, []))]
    path = tmp_path / "trial.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES)],
                                    "evaluation_interval": "1m",
                                    "tests": tests}))
    status, text = promtool("test", "rules", path)
    assert status == 0, text


def test_the_charts_alerts_are_these():
    assert CHART_ALERTS.resolve() == RULES.resolve()


# ---- names ----

WORDS = {"sum", "by", "rate", "increase", "histogram_quantile", "max", "min",
         "avg", "count", "predict_linear", "topk", "or", "and", "unless",
         "without", "clamp_max", "on", "ignoring", "group_left", "bool"}


def names_of(expression):
    """Metrics of a query: what is neither a label nor a word of the
    language."""
    text = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"", " ", expression)
    text = re.sub(r"\b(by|without|on|ignoring|group_left)\s*\([^)]*\)", " ",
                  text)
    text = text.replace("$__rate_interval", " ")
    return set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", text)) - WORDS


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Every name that the engine or the gateway has."""
    assert program().exists(), f"{program()} is not built (AZIMUTH_BUILD)"
    engine = Engine(tmp_path_factory.mktemp("engine")).start()
    try:
        engine.create("c", 2)
        engine.upsert("c", [{"id": 1, "vector": [1, 2]}])
        engine.call("POST", "/collections/c/points/query", {"query": [1, 2]})
        text = engine.call("GET", "/metrics").text
    finally:
        engine.kill()
    heads = re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M)
    heads += [(name, "histogram" if name.endswith("_seconds") else "counter")
              for name in re.findall(r'"(azimuth_\w+)"', GATEWAY.read_text())]
    names = {"up"}
    for name, kind in heads:
        names |= {name} if kind != "histogram" else {
            f"{name}_{end}" for end in ("bucket", "sum", "count")}
    return names


def panels():
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"]
            if panel["type"] != "row"]


def test_names_of_a_query():
    assert names_of('sum by (a, le) (rate(x_total{b="c_d"}[5m])) / y > 0.1') \
        == {"x_total", "y"}


def test_rules_name_metrics_that_are_there(known):
    for alert, rule in rules().items():
        assert names_of(rule["expr"]) - known == set(), alert


def test_panels_name_metrics_that_are_there(known):
    assert len(panels()) > 12
    for panel in panels():
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            names = names_of(target["expr"])
            assert names, target
            assert names - known == set(), panel["title"]


@needs_promtool
def test_queries_of_panels_are_promql(tmp_path):
    queries = [target["expr"].replace("$__rate_interval", "5m")
               .replace("$instance", ".*").replace("$collection", ".*")
               for panel in panels() for target in panel["targets"]]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": [
        {"record": f"panel:{number}", "expr": query}
        for number, query in enumerate(queries)]}]}))
    status, text = promtool("check", "rules", path)
    assert status == 0, text


def test_panels_do_not_lie_on_each_other():
    taken, ids = set(), set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        assert panel["id"] not in ids
        ids.add(panel["id"])
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
