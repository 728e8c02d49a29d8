# SPDX-License-Identifier: Apache-2.0
"""The role code_server_env_update on a real API server. The pod is an object,
and its node a listener that runs the commands here, in a folder. Part of make
check-cluster."""
import json
import os
import pathlib
import re
import shlex
import subprocess

import pytest
import yaml
from cluster import cluster  # noqa: F401
from conftest import ROOT
from kubelet import Kubelet

ANSIBLE = pathlib.Path(os.environ.get("AZIMUTH_ANSIBLE", "/usr/bin"))
ODD = "a 'quoted' $HOME \\ word"


def service(cluster, name, variables):  # noqa: F811
    cluster.must("apply", "-f", "-", text=json.dumps({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default",
                     "labels": {"thinkube.io/managed": "true"}},
        "data": {"service.yaml": yaml.safe_dump({"service": {
            "name": name, "environment_variables": variables}})}}))


@pytest.fixture
def update(cluster, tmp_path):  # noqa: F811
    """Runs the role; the home is tmp_path/home."""
    book = tmp_path / "book.yaml"
    book.write_text(yaml.safe_dump([{
        "hosts": "localhost", "connection": "local", "gather_facts": False,
        "vars": {"ansible_python_interpreter": str(ANSIBLE / "python"),
                 "kubeconfig": str(cluster.config),
                 "code_server_env_update_home": str(tmp_path / "home")},
        "roles": ["code_server_env_update"]}]))

    def run():
        result = subprocess.run(
            [ANSIBLE / "ansible-playbook", book, "-vvv"], cwd=ROOT / "ansible",
            capture_output=True, text=True, check=False,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "HOME": str(tmp_path),
                 "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp")})
        assert result.returncode == 0, result.stdout[-6000:] + result.stderr
        return result.stdout, int(re.search(r"changed=(\d+)",
                                            result.stdout)[1])
    return run


@pytest.fixture
def pod(cluster, tmp_path):  # noqa: F811
    certificates = cluster.folder / "certificates"
    kubelet = Kubelet(tmp_path, certificates / "apiserver.crt",
                      certificates / "apiserver.key")
    cluster.must("apply", "-f", "-", text=json.dumps({
        "apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "here"}},
            {"apiVersion": "v1", "kind": "Namespace",
             "metadata": {"name": "code-server"}},
            {"apiVersion": "v1", "kind": "Pod", "metadata": {
                "name": "code-server-0", "namespace": "code-server",
                "labels": {"app": "code-server"}},
             "spec": {"nodeName": "here", "containers": [
                 {"name": "code-server", "image": "code-server"}]}}]}))
    for kind, name, value in (
            ("node", "here", {
                "addresses": [{"type": "InternalIP",
                               "address": "127.0.0.1"}],
                "daemonEndpoints": {"kubeletEndpoint": {
                    "Port": kubelet.port}}}),
            ("pod", "code-server-0", {"phase": "Running"})):
        cluster.must("-n", "code-server", "patch", kind, name,
                     "--subresource", "status", "--type", "merge", "-p",
                     json.dumps({"status": value}))
    yield kubelet
    cluster.must("delete", "namespace", "code-server", "--wait=false")
    kubelet.stop()


def shell_has(home, name):
    """What a new bash of that home has."""
    return subprocess.run(
        ["bash", "-c", f". {shlex.quote(str(home))}/.bashrc; "
         f"printf %s \"${name}\""], capture_output=True, text=True,
        check=True, env={"HOME": str(home), "PATH": os.environ["PATH"]}).stdout


def test_1_without_code_server_nothing_is_done(update):
    assert update()[1] == 0


def test_2_shells_get_the_variables_of_all_services(update, pod, cluster,  # noqa: F811
                                                    tmp_path):
    home = tmp_path / "home"
    cluster.must("-n", "default", "create", "secret", "generic", "another",
                 "--from-literal=word=a-secret-word")
    cluster.must("-n", "kube-system", "create", "secret", "generic", "theirs",
                 "--from-literal=word=not-for-others")
    service(cluster, "qdrant", [
        {"name": "QDRANT_API_URL", "value": "https://qdrant.example.com"},
        {"name": "QDRANT_GRPC_PORT", "value": "6334"}])
    service(cluster, "another", [
        {"name": "ANOTHER_ODD", "value": ODD},
        {"name": "ANOTHER_KEY", "valueFrom": {"secretKeyRef": {
            "namespace": "default", "name": "another", "key": "word"}}},
        {"name": "ANOTHER_GONE", "valueFrom": {"secretKeyRef": {
            "namespace": "default", "name": "gone", "key": "word"}}},
        {"name": "ANOTHERS_KEY", "valueFrom": {"secretKeyRef": {
            "namespace": "kube-system", "name": "theirs", "key": "word"}}},
        {"name": "LD_PRELOAD", "value": "/tmp/mine.so"},
        {"name": "BAD; touch bad", "value": "x"}])
    service(cluster, "empty", None)
    service(cluster, "older", {"OLDER_URL": "a map, as nobody reads it"})
    said, changes = update()
    assert changes > 0
    assert shell_has(home, "QDRANT_API_URL") == "https://qdrant.example.com"
    assert shell_has(home, "QDRANT_GRPC_PORT") == "6334"
    assert shell_has(home, "ANOTHER_ODD") == ODD
    assert shell_has(home, "ANOTHER_KEY") == "a-secret-word"
    assert shell_has(home, "ANOTHER_GONE") == ""
    folder = home / ".config/thinkube"
    fish = (folder / "service-env-cs.fish").read_text()
    assert "set -gx QDRANT_GRPC_PORT '6334'" in fish
    assert "touch" not in fish
    for text in ("LD_PRELOAD", "ANOTHERS_KEY", "not-for-others"):
        assert text not in fish
    for name in ("service-env-cs.sh", "service-env-cs.fish"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
        assert name in (home / (".config/fish/config.fish" if "fish" in name
                                else ".zshrc")).read_text()
    assert "a-secret-word" not in said
    assert not [c for c in pod.commands if "a-secret-word" in " ".join(c)]
    assert update()[1] == 0
    lines = (home / ".bashrc").read_text().splitlines()
    assert len([line for line in lines if "service-env-cs" in line]) == 1
    cluster.must("-n", "default", "delete", "configmap", "qdrant")
    assert update()[1] > 0
    assert shell_has(home, "QDRANT_API_URL") == ""
    assert shell_has(home, "ANOTHER_KEY") == "a-secret-word"
