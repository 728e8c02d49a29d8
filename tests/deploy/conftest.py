# SPDX-License-Identifier: Apache-2.0
"""The chart as Helm renders it, and kubeconform with schemas in which unknown
fields are errors. tools.sh keeps both in the cache.

  AZIMUTH_BUILD   where azimuthd and the module were built (default: build/)
  AZIMUTH_CACHE   downloads
"""
import json
import os
import pathlib
import subprocess
import sys
import time

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHART = ROOT / "ingress/helm/qdrant"
BUILD = pathlib.Path(os.environ.get("AZIMUTH_BUILD", ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests/fixture"))


def until(question, seconds=60):
    """The first answer that is true; an error when there is none by then."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = question()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError("it did not come")


# A login and the hosts it protects, for the modes that need one.
LOGIN = {
    "gateway": {
        "enabled": True,
        "existingSecret": "oauth2-proxy",
        "oidc": {"issuer": "https://keycloak.example.com/realms/thinkube"}},
    "exposure": {"domain": "example.com", "ingressClassName": "nginx"}}


def merged(*layers):
    result = {}
    for layer in layers:
        for name, value in layer.items():
            if isinstance(value, dict) and isinstance(result.get(name), dict):
                result[name] = merged(result[name], value)
            else:
                result[name] = value
    return result


class Helm:
    def __init__(self, programs, schemas):
        self.program = programs / "helm"
        self.kubeconform = programs / "kubeconform"
        self.schemas = schemas

    def run(self, *words, values=None):
        """values go by standard input."""
        return subprocess.run(
            [self.program, *map(str, words)], input=json.dumps(values or {}),
            capture_output=True, text=True, timeout=120, check=False)

    def template(self, values=None, *words, chart=CHART, namespace="qdrant"):
        return self.run("template", "qdrant", chart, "--namespace", namespace,
                        "--kube-version", "1.33", "--values", "-", *words,
                        values=values)

    def text(self, *arguments, **options):
        result = self.template(*arguments, **options)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def objects(self, *arguments, **options):
        """{(kind, name): object}; a name twice is a fault."""
        result = {}
        for item in yaml.safe_load_all(self.text(*arguments, **options)):
            if item:
                key = item["kind"], item["metadata"]["name"]
                assert key not in result, key
                result[key] = item
        return result

    def refusal(self, values, *words):
        """What Helm says about values that must not pass."""
        result = self.template(values, *words)
        assert result.returncode != 0, "accepted"
        return result.stderr

    def conform(self, text):
        """Complaints of kubeconform: none is an empty list."""
        location = "{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json"
        result = subprocess.run(
            [self.kubeconform, "-strict", "-output", "json",
             "-schema-location", f"{self.schemas}/{location}", "-"],
            input=text, capture_output=True, text=True, timeout=120,
            check=False)
        answer = json.loads(result.stdout)
        return [f"{item['kind']} {item['name']}: {item['msg']}"
                for item in answer["resources"]]


@pytest.fixture(scope="session")
def helm():
    folders = subprocess.run(
        ["sh", pathlib.Path(__file__).parent / "tools.sh"], check=True,
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHON": sys.executable}).stdout.split()
    return Helm(*map(pathlib.Path, folders))
