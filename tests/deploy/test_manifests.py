# SPDX-License-Identifier: Apache-2.0
"""ingress/k8s/manifests are what the chart renders, and stand on their own."""
import os
import subprocess

import yaml
from conftest import ROOT

FOLDER = ROOT / "ingress/k8s"
NAMES = {"namespace", "statefulset", "service", "configmap", "pdb",
         "servicemonitor", "backup-cronjob"}


def manifests(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_they_are_the_generated_ones(helm, tmp_path):
    """Else run ingress/k8s/generate.sh."""
    subprocess.run(["sh", FOLDER / "generate.sh", tmp_path], check=True,
                   env={**os.environ, "HELM": str(helm.program)},
                   stderr=subprocess.DEVNULL)
    assert manifests(tmp_path) == manifests(FOLDER / "manifests")


def test_they_have_the_documented_names():
    assert manifests(FOLDER / "manifests").keys() == {
        f"{name}.yaml" for name in NAMES}
    assert (FOLDER / "helm/values.yaml").exists()
    assert (FOLDER / "README.md").exists()


def test_they_are_valid(helm):
    texts = manifests(FOLDER / "manifests")
    assert helm.conform("\n---\n".join(texts.values())) == []


def test_one_apply_is_enough():
    """kubectl applies a folder in the order of names: whatever comes first
    has to bring the namespace."""
    texts = manifests(FOLDER / "manifests")
    first = next(yaml.safe_load_all(texts[min(texts)]))
    assert first["kind"] == "Namespace"
    for text in texts.values():
        for item in yaml.safe_load_all(text):
            assert item["kind"] == "Namespace" or \
                item["metadata"]["namespace"] == first["metadata"]["name"]
            labels = item["metadata"].get("labels", {})
            assert labels.get("app.kubernetes.io/managed-by") != "Helm"


def test_the_guides_sizes():
    texts = manifests(FOLDER / "manifests")
    spec = yaml.safe_load(texts["statefulset.yaml"])["spec"]
    container = spec["template"]["spec"]["containers"][0]
    assert container["resources"] == {
        "requests": {"cpu": "2", "memory": "8Gi"},
        "limits": {"cpu": "4", "memory": "16Gi"}}
    claim = spec["volumeClaimTemplates"][0]["spec"]
    assert claim["resources"]["requests"]["storage"] == "100Gi"
    monitor = yaml.safe_load(texts["servicemonitor.yaml"])
    assert monitor["metadata"]["name"] == "qdrant"
    assert monitor["spec"]["selector"]["matchLabels"]["app"] == "qdrant"
    assert monitor["spec"]["endpoints"][0]["port"] == "http"
    job = [item for item in yaml.safe_load_all(texts["backup-cronjob.yaml"])
           if item["kind"] == "CronJob"][0]
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
