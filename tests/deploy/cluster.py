# SPDX-License-Identifier: Apache-2.0
"""The chart, the manifests and the add-ons at a real API server (no
controllers, no nodes): make check-cluster. A namespace in which whatever is not
`restricted` by the pod security standards draws a warning."""
import json
import os
import pathlib
import subprocess
import time

import pytest
import yaml
from azimuthd import free_ports
from conftest import BUILD, CHART, ROOT, merged
from test_chart import EVERYTHING, MODES, PRESETS

APISERVER = pathlib.Path(os.environ["AZIMUTH_APISERVER"]) / "kube-apiserver"


class Cluster:
    def __init__(self, folder):
        self.folder = folder
        self.etcd_port, peer, self.port = free_ports(3)
        self.processes = []
        self.spawn("etcd", "--data-dir", folder / "etcd",
                   "--listen-client-urls",
                   f"http://127.0.0.1:{self.etcd_port}",
                   "--advertise-client-urls",
                   f"http://127.0.0.1:{self.etcd_port}",
                   "--listen-peer-urls", f"http://127.0.0.1:{peer}")
        key = folder / "sa.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True,
                       capture_output=True)
        (folder / "tokens.csv").write_text("token,admin,1,system:masters\n")
        self.spawn(APISERVER, "--etcd-servers",
                   f"http://127.0.0.1:{self.etcd_port}", "--secure-port",
                   self.port, "--bind-address", "127.0.0.1", "--cert-dir",
                   folder / "certificates", "--token-auth-file",
                   folder / "tokens.csv", "--authorization-mode", "RBAC",
                   "--service-account-key-file", key,
                   "--service-account-signing-key-file", key,
                   "--service-account-issuer", "https://kubernetes",
                   "--service-cluster-ip-range", "10.0.0.0/24",
                   "--disable-admission-plugins", "ServiceAccount",
                   # The node of the tests (kubelet.py) speaks WebSockets, as
                   # clients do; SPDY is what a translation would end in.
                   "--feature-gates", "TranslateStreamCloseWebsocketRequests=false")
        self.config = folder / "kubeconfig"
        self.config.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {
                "server": f"https://127.0.0.1:{self.port}",
                "insecure-skip-tls-verify": True}}],
            "users": [{"name": "u", "user": {"token": "token"}}],
            "contexts": [{"name": "c", "context": {
                "cluster": "c", "user": "u"}}]}))
        self.environment = {**os.environ, "KUBECONFIG": str(self.config),
                            "HOME": str(folder)}

    def spawn(self, *words):
        with open(self.folder / f"{pathlib.Path(words[0]).name}.log",
                  "wb") as log:
            self.processes.append(subprocess.Popen(
                [str(word) for word in words], stdout=log, stderr=log))

    def wait(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            assert all(p.poll() is None for p in self.processes)
            if self.run("get", "--raw", "/readyz").stdout == "ok":
                return
            time.sleep(0.5)
        raise AssertionError("the API server is not ready")

    def run(self, *words, text=None):
        return subprocess.run(
            ["kubectl", *map(str, words)], input=text, capture_output=True,
            text=True, env=self.environment, check=False)

    def must(self, *words, text=None):
        result = self.run(*words, text=text)
        assert result.returncode == 0, result.stderr
        return result

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="module")
def cluster(helm, tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.wait()
        cluster.must("apply", "--server-side", "-f", helm.schemas / "crds")
        cluster.must("wait", "--for=condition=Established", "crd", "--all",
                     "--timeout=60s")
        cluster.must("create", "namespace", "qdrant")
        cluster.must("label", "namespace", "qdrant",
                     "pod-security.kubernetes.io/warn=restricted",
                     "pod-security.kubernetes.io/enforce=restricted")
        yield cluster
    finally:
        cluster.stop()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_every_preset_and_mode_is_accepted(helm, cluster, preset, mode):
    more = merged(EVERYTHING, {"updateVolumeFsOwnership": False})
    for values in (MODES[mode], merged(MODES[mode], more)):
        text = helm.text(values, "--values", preset)
        result = cluster.must("apply", "--dry-run=server", "-f", "-",
                              text=text)
        assert "Warning" not in result.stderr, result.stderr


def generations(cluster):
    items = json.loads(cluster.must(
        "-n", "vector-db", "get", "-o", "json",
        "statefulset,cronjob,pdb,service,configmap,servicemonitor").stdout)
    return {(item["kind"], item["metadata"]["name"]): (
        item["metadata"].get("generation"), item.get("spec"))
        for item in items["items"]}


def test_manifests_are_applied_at_once_and_again(cluster):
    folder = ROOT / "ingress/k8s/manifests"
    first = cluster.must("apply", "-f", folder).stdout
    assert first.count("created") == 8 and "namespace/vector-db" in first
    # kubectl says "configured" of defaults, too: the generation tells.
    before = generations(cluster)
    cluster.must("apply", "-f", folder)
    assert generations(cluster) == before
    cluster.must("delete", "-f", folder, "--wait=false")


def test_helm_installs_upgrades_and_removes(helm, cluster):
    """With the secrets' check, a change of resources, and nothing left."""
    def run(*words, values=None):
        result = subprocess.run(
            [helm.program, *map(str, words), "--namespace", "qdrant"],
            input=json.dumps(values or {}), capture_output=True, text=True,
            env=cluster.environment, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    values = merged(MODES["ingress"], {"apiKey": True})
    words = ("upgrade", "--install", "qdrant", CHART, "--values", "-")
    run(*words, values=values)

    def key():
        return cluster.must("-n", "qdrant", "get", "secret", "qdrant-apikey",
                            "-o", "jsonpath={.data.api-key}").stdout

    generated = key()
    assert generated
    run(*words, "--set", "resources.limits.memory=16Gi", values=values)
    assert key() == generated # a new one would lock everybody out
    item = yaml.safe_load(cluster.must(
        "-n", "qdrant", "get", "statefulset", "qdrant", "-o", "yaml").stdout)
    assert item["spec"]["template"]["spec"]["containers"][0]["resources"][
        "limits"]["memory"] == "16Gi"
    run("uninstall", "qdrant", "--wait")
    left = cluster.must("-n", "qdrant", "get", "-o", "name",
                        "all,ingress,secret,networkpolicy").stdout
    assert left == ""


def test_the_pod_registers_by_its_own_rights(helm, cluster, tmp_path):
    """azimuthctl with the chart's service account and command."""
    objects = helm.objects({"discovery": {"enabled": True},
                            "exposure": {"domain": "example.com"}})
    kinds = ("ServiceAccount", "Role", "RoleBinding")
    cluster.must("apply", "-f", "-", text=json.dumps({
        "apiVersion": "v1", "kind": "List", "items": [
            objects[kind, "qdrant-discovery"] for kind in kinds]}))
    account = tmp_path / "account"
    account.mkdir()
    token = cluster.must("-n", "qdrant", "create", "token",
                         "qdrant-discovery").stdout
    (account / "token").write_text(token)
    (account / "namespace").write_text("qdrant")
    authority = cluster.folder / "certificates/apiserver.crt"
    (account / "ca.crt").write_text(authority.read_text())
    command = objects["Deployment", "qdrant-discovery"]["spec"]["template"][
        "spec"]["containers"][0]["command"]
    command = command[:command.index("--watch")]

    def register():
        result = subprocess.run(
            [BUILD.resolve() / command[0], *command[1:], "--driver",
             "kubernetes", "--kube-url", f"https://127.0.0.1:{cluster.port}",
             "--account-dir", account], capture_output=True, text=True,
            check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    assert "registered" in register()
    assert "already" in register()
    item = yaml.safe_load(cluster.must(
        "-n", "qdrant", "get", "configmap", "thinkube-service-config", "-o",
        "yaml").stdout)
    labels = item["metadata"]["labels"]
    assert labels["thinkube.io/managed"] == "true"
    assert labels["thinkube.io/service-type"] == "optional"
    service = yaml.safe_load(item["data"]["service.yaml"])["service"]
    assert (service["type"], service["category"], service["icon"]) == (
        "optional", "ai", "/icons/tk_vector.svg")
    urls = {entry["url"]: entry for entry in service["endpoints"]}
    assert urls.keys() == {
        "https://qdrant-dashboard.example.com", "https://qdrant.example.com",
        "http://qdrant.qdrant.svc.cluster.local:6333",
        "qdrant.qdrant.svc.cluster.local:6334"}
    assert urls["https://qdrant-dashboard.example.com"]["primary"] is True
    assert {item["name"]: item["value"]
            for item in service["environment_variables"]} == {
        "QDRANT_URL": "https://qdrant.example.com",
        "QDRANT_API_URL": "https://qdrant.example.com",
        "QDRANT_DASHBOARD_URL": "https://qdrant-dashboard.example.com",
        "QDRANT_GRPC_HOST": "qdrant.qdrant.svc.cluster.local",
        "QDRANT_GRPC_PORT": "6334"}
    assert service["scaling"] == {
        "resource_type": "statefulset", "resource_name": "qdrant",
        "namespace": "qdrant", "min_replicas": 1, "can_disable": True}
    who = "--as=system:serviceaccount:qdrant:qdrant-discovery"
    for verb, what, answer in (
            ("get", "configmap/thinkube-service-config", "yes"),
            ("patch", "configmap/thinkube-service-config", "yes"),
            ("patch", "configmap/another", "no"), ("list", "configmaps", "no"),
            ("get", "secrets", "no"), ("get", "pods", "no")):
        assert cluster.run("-n", "qdrant", "auth", "can-i", verb, what,
                           who).stdout.strip() == answer, (verb, what)


def test_the_current_add_on_is_accepted(helm, cluster):
    text = helm.text({"cluster": {"create": True}},
                     chart=ROOT / "ingress/kubeblocks/qdrant")
    cluster.must("apply", "--dry-run=server", "-f", "-", text=text)
