# SPDX-License-Identifier: Apache-2.0
"""What tests of the playbooks on a cluster share: a Keycloak, and a run with an
inventory that names both. Needs an ansible with kubernetes.core
(AZIMUTH_ANSIBLE: its folder of programs)."""
import fcntl
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


def keep(name, words, done, seconds):
    """A line of the summary, where one is asked for (AZIMUTH_SUMMARY: a file)."""
    if not os.environ.get("AZIMUTH_SUMMARY"):
        return
    test = os.environ.get("PYTEST_CURRENT_TEST", "").split("::")[-1].split(" ")[0]
    recap = re.findall(r"^\S+ +: (ok=.*?) *$", done.stdout, re.M)
    with open(os.environ["AZIMUTH_SUMMARY"], "a", encoding="utf-8") as out:
        out.write(f"{test}: {name} {' '.join(map(str, words))}: exit "
                  f"{done.returncode}, {seconds:.0f} s; "
                  f"{'; '.join(re.sub(' +', ' ', line) for line in recap)}\n")


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
        deadline = time.monotonic() + 600
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
    # Who comes first fills the cache, others wait for that.
    cache = pathlib.Path(os.environ.get("AZIMUTH_CACHE", "/var/cache/azimuth"))
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "keycloak.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        keycloak = Keycloak(folder)
        try:
            if list(cache.glob("keycloak-*-built/built")):
                fcntl.flock(lock, fcntl.LOCK_UN)
            keycloak.wait()
            fcntl.flock(lock, fcntl.LOCK_UN)
            yield keycloak
        finally:
            keycloak.stop()


def storage_class(name, provisioner, **annotations):
    return {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {"name": name, "annotations": annotations},
            "provisioner": provisioner}


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
        "apiVersion": "v1", "kind": "List", "items": [
            storage_class("block", "example.com/block", **{
                "storageclass.kubernetes.io/is-default-class": "true"}),
            storage_class("unmarked", "nfs.csi.k8s.io", **{
                "storageclass.kubernetes.io/is-default-class": "false"}),
            storage_class("shared", "nfs.csi.k8s.io"),
            {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass",
             "metadata": {"name": "nginx"},
             "spec": {"controller": "k8s.io/ingress-nginx"}},
            {"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
             "metadata": {"name": "example-net-tls", "namespace": "default"},
             "stringData": {"tls.crt": "alone"}}]}))

    def run(name, *words, password=None, **more):
        started = time.monotonic()
        done = subprocess.run(
            [ANSIBLE / "ansible-playbook", "-i", inventory, name, *words],
            cwd=FOLDER, capture_output=True, text=True, check=False,
            env={**os.environ, **more, "ADMIN_PASSWORD": password or
                 keycloak.password, "ANSIBLE_NOCOLOR": "1",
                 "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
                 "HOME": str(folder), "PATH":
                 f"{ANSIBLE}:{os.environ['PATH']}"})
        keep(pathlib.Path(name).name, words, done, time.monotonic() - started)
        return done
    return run


def changed(result):
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr
    return int(re.search(r"changed=(\d+)", result.stdout)[1])


INSTALL = PLAYBOOKS / "00_install.yaml"
NO_NODES = ("--skip-tags", "test")


def told(result):
    return re.sub(r"\s+", " ", result.stdout)
