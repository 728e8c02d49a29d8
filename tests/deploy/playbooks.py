# SPDX-License-Identifier: Apache-2.0
"""The playbooks on a real API server with a real Keycloak: installed twice, the
second time without a change; what is broken is named; removed. There are no
nodes: readiness is written by the test. Part of make check-cluster; needs an
ansible with kubernetes.core (AZIMUTH_ANSIBLE: its folder of programs)."""
import base64
import json
import os
import pathlib
import re
import subprocess
import time
import urllib.request

import pytest
import yaml
from azimuthd import free_ports
from cluster import cluster  # noqa: F401
from conftest import ROOT

FOLDER = ROOT / "ansible"
PLAYBOOKS = FOLDER / "40_thinkube/optional/qdrant"
ANSIBLE = pathlib.Path(os.environ.get("AZIMUTH_ANSIBLE", "/usr/bin"))


class Keycloak:
    def __init__(self, folder):
        self.port, = free_ports(1)
        self.folder = folder
        with open(folder / "keycloak.log", "wb") as log:
            self.process = subprocess.Popen(
                ["sh", ROOT / "tests/ansible/keycloak.sh", folder,
                 str(self.port)], stdout=log, stderr=log)
        self.url = f"http://127.0.0.1:{self.port}"

    def wait(self):
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            assert self.process.poll() is None
            try:
                urllib.request.urlopen(f"{self.url}/realms/master", timeout=5)
                return
            except OSError:
                time.sleep(0.5)
        raise AssertionError("Keycloak did not come")

    @property
    def password(self):
        return (self.folder / "secret/keycloak-admin-password").read_text(
            ).strip()

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture(scope="module")
def keycloak(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keycloak")
    (folder / "secret").mkdir()
    (folder / "secret/keycloak-admin-password").write_text("an-admin-word\n")
    (folder / "secret/demo-password").write_text("a-demo-word\n")
    keycloak = Keycloak(folder)
    try:
        keycloak.wait()
        yield keycloak
    finally:
        keycloak.stop()


@pytest.fixture(scope="module")
def play(helm, cluster, keycloak, tmp_path_factory):  # noqa: F811
    folder = tmp_path_factory.mktemp("ansible")
    inventory = folder / "inventory.yaml"
    inventory.write_text(yaml.safe_dump({"k8s_control_plane": {
        "hosts": {"localhost": {
            "ansible_connection": "local",
            "ansible_python_interpreter": str(ANSIBLE / "python")}},
        "vars": {
            "domain_name": "example.com", "kubeconfig": str(cluster.config),
            "helm_bin": str(helm.program), "qdrant_namespace": "vectors",
            "keycloak_url": keycloak.url, "keycloak_realm": "master",
            "admin_username": "admin", "primary_ingress_class": "nginx",
            "harbor_registry": "harbor.example.com"}}}))
    cluster.must("-n", "default", "create", "secret", "tls",
                 "example-com-tls", "--cert",
                 cluster.folder / "certificates/apiserver.crt", "--key",
                 cluster.folder / "certificates/apiserver.key")
    cluster.must("apply", "-f", "-", text=json.dumps({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": "block"}, "provisioner": "example.com/block"}))

    def run(name, *words, password=None, **more):
        return subprocess.run(
            [ANSIBLE / "ansible-playbook", "-i", inventory, name, *words],
            cwd=FOLDER, capture_output=True, text=True, check=False,
            env={**os.environ, **more, "ADMIN_PASSWORD": password or
                 keycloak.password, "ANSIBLE_NOCOLOR": "1",
                 "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
                 "HOME": str(folder), "PATH":
                 f"{ANSIBLE}:{os.environ['PATH']}"})
    return run


def changed(result):
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr
    return int(re.search(r"changed=(\d+)", result.stdout)[1])


INSTALL = PLAYBOOKS / "00_install.yaml"
NO_NODES = ("--skip-tags", "test")


def test_a_wrong_password_changes_nothing(play, cluster):  # noqa: F811
    result = play(INSTALL, password="wrong")
    assert result.returncode != 0
    assert "ADMIN_PASSWORD" in result.stdout
    assert cluster.run("get", "namespace", "vectors").returncode != 0


def test_a_second_run_changes_nothing(play, cluster):  # noqa: F811
    first = play(INSTALL, *NO_NODES)
    assert changed(first) > 3
    secret = cluster.must("-n", "vectors", "get", "secret", "oauth2-proxy",
                          "-o", "yaml").stdout
    second = play(INSTALL, *NO_NODES)
    assert changed(second) == 0, second.stdout
    assert secret == cluster.must("-n", "vectors", "get", "secret",
                                  "oauth2-proxy", "-o", "yaml").stdout
    data = yaml.safe_load(secret)["data"]
    assert set(data) == {"client-secret", "session-key", "identity-key",
                         "valkey-password"}
    for text in data.values():
        assert text not in first.stdout + second.stdout
    names = cluster.must(
        "-n", "vectors", "get", "-o", "name",
        "statefulset,deployment,service,ingress,configmap").stdout
    for name in ("statefulset.apps/qdrant", "deployment.apps/oauth2-proxy",
                 "deployment.apps/ephemeral-valkey", "service/qdrant-headless",
                 "/qdrant-http-ingress", "/qdrant-root-redirect",
                 "/qdrant-api-ingress", "configmap/thinkube-service-config"):
        assert name in names
    tls = cluster.must("-n", "vectors", "get", "secret", "qdrant-tls-secret",
                       "-o", "jsonpath={.type}").stdout
    assert tls == "kubernetes.io/tls"


def pod_template(cluster):  # noqa: F811
    return json.loads(cluster.must(
        "-n", "vectors", "get", "statefulset", "qdrant", "-o", "json").stdout)[
            "spec"]["template"]


def keys_asked_for(cluster):  # noqa: F811
    """{variable: the text of its secret} of the engine's pods."""
    result = {}
    for item in pod_template(cluster)["spec"]["containers"][0]["env"]:
        reference = item.get("valueFrom", {}).get("secretKeyRef")
        if reference:
            data = json.loads(cluster.must(
                "-n", "vectors", "get", "secret", reference["name"], "-o",
                "json").stdout)["data"]
            result[item["name"]] = base64.b64decode(
                data[reference["key"]]).decode()
    return result


def test_keys_stay_until_they_are_removed(play, cluster):  # noqa: F811
    """A run without them opens nothing; a new one restarts the pods."""
    deploy = (PLAYBOOKS / "10_deploy.yaml", *NO_NODES)
    key, read_only = ("QDRANT__SERVICE__API_KEY",
                      "QDRANT__SERVICE__READ_ONLY_API_KEY")
    assert keys_asked_for(cluster) == {}
    given = play(*deploy, "--tags", "apikey", QDRANT_API_KEY="first-word",
                 QDRANT_READ_ONLY_API_KEY="to-look")
    assert changed(given) == 2, given.stdout # the secret and the release
    assert keys_asked_for(cluster) == {key: "first-word", read_only: "to-look"}
    first = pod_template(cluster)
    kept = play(*deploy)
    assert changed(kept) == 0, kept.stdout
    assert pod_template(cluster) == first
    other = play(*deploy, QDRANT_API_KEY="second-word")
    assert changed(other) == 2, other.stdout
    assert keys_asked_for(cluster) == {key: "second-word", read_only: "to-look"}
    assert pod_template(cluster) != first # so that the pods are replaced
    for text in ("first-word", "second-word", "to-look"):
        encoded = base64.b64encode(text.encode()).decode()
        for result in (given, kept, other):
            assert text not in result.stdout and encoded not in result.stdout
    cluster.must("-n", "vectors", "delete", "secret", "qdrant-api-key")
    lost = play(*deploy)
    assert lost.returncode != 0 and "any more" in lost.stdout
    remove = ("-e", '{"engine_keys_remove": ["api-key", "read-only-api-key"]}')
    assert changed(play(*deploy, *remove)) == 1
    assert keys_asked_for(cluster) == {}
    play(*deploy, QDRANT_API_KEY="third-word",
         QDRANT_READ_ONLY_API_KEY="to-look")
    one = play(*deploy, "-e", '{"engine_keys_remove": ["api-key"]}')
    assert changed(one) == 2, one.stdout
    assert keys_asked_for(cluster) == {read_only: "to-look"}
    assert changed(play(*deploy, *remove)) == 2
    assert changed(play(*deploy)) == 0


def test_what_is_not_ready_is_named(play, cluster, tmp_path):  # noqa: F811
    parts = tmp_path / "parts.yaml"
    parts.write_text(yaml.safe_dump([{
        "hosts": "k8s_control_plane", "gather_facts": False, "tasks": [{
            "ansible.builtin.include_role": {
                "name": "verify", "tasks_from": "k8s.yml"},
            "vars": {"verify_retries": 1}}]}]))
    result = play(parts)
    assert result.returncode != 0
    assert "StatefulSet qdrant has" in result.stdout
    for kind, name in (("statefulset", "qdrant"),
                       ("deployment", "oauth2-proxy"),
                       ("deployment", "ephemeral-valkey")):
        cluster.must("-n", "vectors", "patch", kind, name, "--subresource",
                     "status", "--type", "merge", "-p", json.dumps({
                         "status": {"replicas": 1, "readyReplicas": 1}}))
    cluster.must("-n", "vectors", "apply", "-f", "-", text=json.dumps({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data-qdrant-0"}, "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}}}}))
    result = play(parts)
    assert "A claim is not bound" in result.stdout
    cluster.must("-n", "vectors", "patch", "pvc", "data-qdrant-0",
                 "--subresource", "status", "--type", "merge", "-p",
                 '{"status": {"phase": "Bound"}}')
    assert changed(play(parts)) == 0
    cluster.must("-n", "vectors", "delete", "ingress", "qdrant-api-ingress")
    assert "An ingress is missing" in play(parts).stdout


def test_removal_asks_first(play, cluster):  # noqa: F811
    rollback = PLAYBOOKS / "19_rollback.yaml"
    result = play(rollback)
    assert result.returncode != 0 and "confirm_delete" in result.stdout
    cluster.must("-n", "vectors", "get", "statefulset", "qdrant")
    confirmed = ("-e", "confirm_delete=true")
    result = play(rollback, *confirmed)
    assert result.returncode != 0 and "no backup" in result.stdout
    cluster.must("-n", "vectors", "get", "statefulset", "qdrant")
    result = play(rollback, *confirmed, "-e", "rollback_backup_first=false")
    assert changed(result) == 2, result.stdout
    phase = cluster.must("get", "namespace", "vectors", "-o",
                         "jsonpath={.status.phase}").stdout
    assert phase == "Terminating" # nobody is there who would end it
