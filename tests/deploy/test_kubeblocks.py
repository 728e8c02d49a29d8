# SPDX-License-Identifier: Apache-2.0
"""Both add-ons of KubeBlocks: valid by the CRDs of 0.9 and 1.0, named as the
manual says, and their scripts do what they say on a real engine."""
import os
import subprocess
from urllib.parse import quote

import pytest
from azimuthd import Engine, program
from conftest import ROOT

FOLDER = ROOT / "ingress/kubeblocks"
LEGACY = FOLDER / "qdrant-legacy"
CURRENT = FOLDER / "qdrant"


@pytest.fixture(scope="module")
def legacy(helm):
    return helm.objects(chart=LEGACY, namespace="kb-system")


@pytest.fixture(scope="module")
def current(helm):
    return helm.objects({"cluster": {"create": True}}, chart=CURRENT,
                        namespace="kb-system")


@pytest.mark.parametrize("chart", [LEGACY, CURRENT], ids=["legacy", "v1"])
def test_they_are_valid(helm, chart):
    text = helm.text({"cluster": {"create": True}}, chart=chart)
    assert helm.conform(text) == []
    assert helm.conform(text.replace("volumeName:", "volumename:"))
    result = helm.run("lint", "--strict", chart)
    assert result.returncode == 0, result.stdout


def test_the_definition_is_the_manuals(legacy):
    spec = legacy["ClusterDefinition", "qdrant"]["spec"]
    assert spec["type"] == "qdrant"
    assert spec["connectionCredential"] == {
        "username": "root", "password": "$(RANDOM_PASSWD)",
        "endpoint": "$(SVC_FQDN):$(SVC_PORT_tcp-qdrant)",
        "host": "$(SVC_FQDN)", "port": "$(SVC_PORT_tcp-qdrant)"}
    part = spec["componentDefs"][0]
    assert (part["name"], part["workloadType"], part["characterType"]) == (
        "qdrant", "Stateful", "qdrant")
    assert part["monitor"] == {"builtIn": False, "exporterConfig": {
        "scrapePath": "/metrics", "scrapePort": 6333}}
    assert part["scriptSpecs"] == [{
        "name": "qdrant-scripts", "templateRef": "qdrant-scripts",
        "namespace": "kb-system", "volumeName": "scripts",
        "defaultMode": 0o555}]
    assert part["configSpecs"][0]["templateRef"] == "qdrant-config-template"
    assert part["configSpecs"][0]["volumeName"] == "qdrant-config"
    assert part["volumeTypes"] == [{"name": "data", "type": "data"}]
    assert part["service"]["ports"] == [
        {"name": "tcp-qdrant", "port": 6333, "targetPort": "tcp-qdrant"},
        {"name": "grpc-qdrant", "port": 6334, "targetPort": "grpc-qdrant"}]


def test_the_pod_is_the_manuals(legacy):
    pod = legacy["ClusterDefinition", "qdrant"]["spec"]["componentDefs"][0][
        "podSpec"]
    assert pod["securityContext"]["fsGroup"] == 1001
    assert [item["name"] for item in pod["initContainers"]] == ["qdrant-tools"]
    engine = pod["containers"][0]
    assert {port["name"]: port["containerPort"] for port in
            engine["ports"]} == {"tcp-qdrant": 6333, "grpc-qdrant": 6334,
                                 "tcp-metrics": 9091, "p2p": 6335}
    assert {mount["name"]: mount["mountPath"].rstrip("/")
            for mount in engine["volumeMounts"]} == {
                "qdrant-config": "/qdrant/config", "data": "/qdrant/storage",
                "scripts": "/qdrant/scripts", "annotations":
                "/etc/annotations", "tools": "/qdrant/tools", "tmp": "/tmp"}
    assert engine["args"] == ["/qdrant/scripts/setup.sh"]
    assert engine["lifecycle"]["preStop"]["exec"]["command"] == [
        "/qdrant/scripts/pre-stop.sh"]
    assert {"name": "QDRANT__TELEMETRY_DISABLED", "value": "true"} in \
        engine["env"]
    live, start, ready = (engine[f"{name}Probe"] for name in
                          ("liveness", "startup", "readiness"))
    assert live["httpGet"]["path"] == start["httpGet"]["path"] == "/"
    assert (live["failureThreshold"], live["periodSeconds"],
            live["timeoutSeconds"]) == (3, 15, 10)
    assert (start["failureThreshold"], start["periodSeconds"],
            start["timeoutSeconds"]) == (18, 10, 3)
    assert (ready["failureThreshold"], ready["initialDelaySeconds"],
            ready["periodSeconds"], ready["timeoutSeconds"]) == (2, 5, 15, 3)
    for container in [engine, *pod["initContainers"]]:
        assert container["securityContext"]["runAsNonRoot"] is True


def test_versions_name_images(helm, legacy, current):
    version = legacy["ClusterVersion", "qdrant-0.1.0"]["spec"][
        "componentVersions"][0]["versionsContext"]
    assert version["containers"] == [{
        "name": "qdrant", "image": "docker.io/azimuth-engine:0.1.0"}]
    named = helm.objects(
        {"images": {"registry": "harbor", "repository": "library/qdrant",
                    "tag": "v1.15.4", "tools": {"repository": "library/t"}},
         "clusterVersionOverride": "1.1.0"}, chart=LEGACY)
    version = named["ClusterVersion", "qdrant-1.1.0"]["spec"][
        "componentVersions"][0]["versionsContext"]
    assert version["containers"][0]["image"] == "harbor/library/qdrant:v1.15.4"
    releases = current["ComponentVersion", "qdrant"]["spec"]["releases"]
    assert releases == [{
        "name": "0.1.0", "serviceVersion": "0.1.0",
        "images": {"qdrant": "docker.io/azimuth-engine:0.1.0"}}]


def test_defaults_of_kbcli(current):
    part = current["Cluster", "qdrant"]["spec"]["componentSpecs"][0]
    assert part["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}
    assert part["volumeClaimTemplates"][0]["spec"]["resources"] == {
        "requests": {"storage": "20Gi"}}
    assert current["Cluster", "qdrant"]["spec"]["terminationPolicy"] == \
        "Delete"
    schedule = current["BackupPolicyTemplate",
                       "qdrant-backup-policy-template"]["spec"]["schedules"]
    assert schedule == [{
        "backupMethod": "datafile", "enabled": False,
        "cronExpression": "0 18 * * 0", "retentionPeriod": "7d"}]


def test_one_pod_is_all_that_this_version_allows(current):
    spec = current["ComponentDefinition", "qdrant-0.1.0"]["spec"]
    assert spec["replicasLimit"]["maxReplicas"] == 1


CLUSTER = "cluster:\n  enabled: true\n"


def run(script, *folders, environment=None):
    path = next(folder / "files" / script for folder in folders)
    return subprocess.run(
        ["sh", path], capture_output=True, text=True, check=False,
        timeout=120, env={**os.environ, **(environment or {})})


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = Engine(tmp_path_factory.mktemp("engine"), CLUSTER)
    engine.start()
    yield engine
    assert engine.stop() == 0


def test_the_probes_scripts_ask_the_node(engine):
    here = {"AZIMUTH_URL": f"http://127.0.0.1:{engine.port}"}
    result = run("ready.sh", LEGACY, environment=here)
    assert result.returncode == 0, result.stdout
    result = run("role-probe.sh", CURRENT, environment=here)
    assert (result.returncode, result.stdout) == (0, "leader")
    nobody = {"AZIMUTH_URL": "http://127.0.0.1:1"}
    result = run("ready.sh", LEGACY, environment=nobody)
    assert (result.returncode, result.stdout) == (1, "consensus stopped\n")
    assert run("role-probe.sh", CURRENT, environment=nobody).returncode == 1


def test_probes_have_the_key(tmp_path):
    engine = Engine(tmp_path, CLUSTER,
                    environment={"QDRANT__SERVICE__API_KEY": "a-key"})
    engine.start()
    try:
        here = {"AZIMUTH_URL": f"http://127.0.0.1:{engine.port}",
                "QDRANT__SERVICE__API_KEY": "a-key"}
        assert run("ready.sh", LEGACY, environment=here).returncode == 0
        assert run("role-probe.sh", CURRENT,
                   environment=here).stdout == "leader"
        here["QDRANT__SERVICE__API_KEY"] = "another"
        assert run("ready.sh", LEGACY, environment=here).returncode == 1
    finally:
        engine.stop()


def test_only_the_first_pod_starts(tmp_path):
    """A second one would be another database behind the same service."""
    (tmp_path / "component-replicas").write_text("3")
    words = tmp_path / "last-words"
    result = run("setup.sh", LEGACY, environment={
        "AZIMUTH_ANNOTATIONS": str(tmp_path), "KB_POD_NAME": "q-qdrant-1",
        "AZIMUTH_LAST_WORDS": str(words)})
    assert result.returncode == 1
    assert "does not cluster; 3 replicas" in words.read_text()
    config = tmp_path / "production.yaml"
    config.write_text("storage:\n  nonsense\n  of: it\n")
    result = run("setup.sh", LEGACY, environment={
        "AZIMUTH_ANNOTATIONS": str(tmp_path), "KB_POD_NAME": "q-qdrant-0",
        "AZIMUTH_CONFIG": str(config),
        "PATH": f"{program().parent}:{os.environ['PATH']}"})
    assert str(config) in result.stderr # the engine had its say
    assert run("pre-stop.sh", LEGACY, environment={
        "AZIMUTH_PRE_STOP_SECONDS": "0"}).returncode == 0


DATASAFED = """\
#!/bin/sh
store=$STORE$DATASAFED_BACKEND_BASE_PATH
mkdir -p "$store"
case $1 in
    push) cat >"$store$3" ;;
    pull) cat "$store$2" >"$3" ;;
    list) ls "$store" ;;
    stat) echo "TotalSize: $(cat "$store"/* | wc -c)" ;;
esac
"""


def test_a_backup_comes_back(engine, tmp_path):
    """The scripts of the ActionSet, with a store that is a folder."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "datasafed").write_text(DATASAFED)
    (bin_folder / "datasafed").chmod(0o755)
    names = ["plain", "with space", "näme", "docs[en]", "},{", "x]y"]
    points = [{"id": i, "vector": [i, 1, 0, 1], "payload": {"n": i}}
              for i in range(1, 50)]
    for name in names:
        engine.create(quote(name))
        engine.upsert(quote(name), points)
    environment = {
        "DP_DATASAFED_BIN_PATH": str(bin_folder), "STORE": str(tmp_path),
        "DP_BACKUP_BASE_PATH": "/backup", "DP_DB_HOST": "127.0.0.1",
        "DP_DB_PORT": str(engine.port), "TMPDIR": str(tmp_path),
        "DP_BACKUP_INFO_FILE": str(tmp_path / "info")}
    result = run("backup.sh", CURRENT, environment=environment)
    assert result.returncode == 0, result.stderr
    assert len(list((tmp_path / "backup").iterdir())) == len(names)
    assert '{"totalSize":"' in (tmp_path / "info").read_text()
    before = {}
    for name in names:
        path = f"/collections/{quote(name)}"
        assert engine.call("GET", f"{path}/snapshots").result == []
        before[name] = engine.get(quote(name), range(1, 50))
        assert len(before[name]) == 49
        assert engine.call("DELETE", path).status == 200
    result = run("restore.sh", CURRENT, environment=environment)
    assert result.returncode == 0, result.stderr + result.stdout
    for name in names:
        assert engine.get(quote(name), range(1, 50)) == before[name]
