# SPDX-License-Identifier: Apache-2.0
"""Scripts and YAML, by the tools that know them; alerts reach the chart."""
import subprocess

import yaml
from conftest import CHART, ROOT

FOLDERS = [ROOT / "ingress/helm", ROOT / "ingress/k8s",
           ROOT / "ingress/kubeblocks", ROOT / "ingress/container",
           ROOT / "ingress/monitoring", ROOT / "tests/deploy"]
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


def test_the_engine_may_make_its_background_threads_nicer():
    """A call that the unit refuses is no error: nothing would tell."""
    asked = {"setpriority": "setpriority(", "ioprio_set": "SYS_ioprio_set"}
    sources = "".join(path.read_text()
                      for path in (ROOT / "engine").rglob("*.c"))
    unit = (ROOT / "debian/azimuth-engine.service").read_text()
    filters = [line.partition("=")[2] for line in unit.splitlines()
               if line.startswith("SystemCallFilter=")]
    allowed = filters[-1].split()
    assert filters[-2].startswith("~"), filters  # and these come after it
    for call, text in asked.items():
        assert (text in sources) == (call in allowed), call


def test_the_chart_carries_these_alerts(helm):
    """tests/monitoring says when each fires."""
    groups = yaml.safe_load((CHART / "files/alerts.yaml").read_text())["groups"]
    rule = helm.objects({"metrics": {"prometheusRule": {"enabled": True}}})[
        "PrometheusRule", "qdrant"]
    assert rule["spec"]["groups"] == groups
    marked = helm.objects({"metrics": {"prometheusRule": {
        "enabled": True, "alertLabels": {"team": "search"}}}})
    for group in marked["PrometheusRule", "qdrant"]["spec"]["groups"]:
        for item in group["rules"]:
            assert item["labels"]["team"] == "search"
