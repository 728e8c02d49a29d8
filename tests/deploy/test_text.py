# SPDX-License-Identifier: Apache-2.0
"""Scripts, YAML and alert rules, by the tools that know them."""
import subprocess

import yaml
from conftest import CHART, ROOT

FOLDERS = [ROOT / "ingress/helm", ROOT / "ingress/k8s",
           ROOT / "ingress/kubeblocks", ROOT / "ingress/container",
           ROOT / "tests/deploy"]
RULES = {
    "extends": "default",
    "rules": {"document-start": "disable",
              "line-length": {"max": 160},
              "braces": {"max-spaces-inside": 1},
              "indentation": {"indent-sequences": "whatever"},
              "comments": {"min-spaces-from-content": 1}}}


def files(pattern):
    return sorted(path for folder in FOLDERS for path in folder.rglob(pattern))


def run(*words):
    return subprocess.run([str(word) for word in words], capture_output=True,
                          text=True, check=False)


def test_scripts_are_clean():
    scripts = files("*.sh")
    assert len(scripts) > 3
    result = run("shellcheck", *scripts)
    assert result.returncode == 0, result.stdout


def test_yaml_is_clean():
    """Templates are no YAML before Helm has filled them in."""
    plain = [path for path in files("*.yaml")
             if "templates" not in path.parts]
    assert len(plain) > 5
    result = run("yamllint", "--strict", "-d", yaml.safe_dump(RULES), *plain)
    assert result.returncode == 0, result.stdout


def test_alerts_are_rules_that_fire(tmp_path):
    alerts = CHART / "files/alerts.yaml"
    result = run("promtool", "check", "rules", alerts)
    assert result.returncode == 0, result.stderr
    trial = {
        "rule_files": [str(alerts)],
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m",
            "input_series": [
                # Half of the searches take between 0.1 and 1 seconds.
                *[{"series": 'qdrant_search_latency_seconds_bucket{le="%s"}'
                   % le, "values": f"0+{n}x30"}
                  for le, n in (("0.1", 50), ("1", 100), ("+Inf", 100))],
                {"series": "qdrant_disk_free_bytes", "values": "5x30"},
                {"series": "qdrant_disk_total_bytes", "values": "100x30"}],
            "alert_rule_test": [
                {"eval_time": "4m", "alertname": "QdrantHighLatency"},
                {"eval_time": "20m", "alertname": "QdrantHighLatency",
                 "exp_alerts": [{
                     "exp_labels": {"severity": "warning"},
                     "exp_annotations": {"summary": "Qdrant P95 search "
                                         "latency above 100ms"}}]},
                {"eval_time": "9m", "alertname": "QdrantDiskSpaceLow"},
                {"eval_time": "20m", "alertname": "QdrantDiskSpaceLow",
                 "exp_alerts": [{
                     "exp_labels": {"severity": "critical"},
                     "exp_annotations": {
                         "summary": "Qdrant disk space below 10%"}}]}]}]}
    path = tmp_path / "trial.yaml"
    path.write_text(yaml.safe_dump(trial))
    result = run("promtool", "test", "rules", path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_chart_carries_these_alerts(helm):
    groups = yaml.safe_load((CHART / "files/alerts.yaml").read_text())["groups"]
    rule = helm.objects({"metrics": {"prometheusRule": {"enabled": True}}})[
        "PrometheusRule", "qdrant"]
    assert rule["spec"]["groups"] == groups
    marked = helm.objects({"metrics": {"prometheusRule": {
        "enabled": True, "alertLabels": {"team": "search"}}}})
    for group in marked["PrometheusRule", "qdrant"]["spec"]["groups"]:
        for item in group["rules"]:
            assert item["labels"]["team"] == "search"
