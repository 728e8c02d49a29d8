# SPDX-License-Identifier: Apache-2.0
"""What is done on other days, by its tag, on a real API server with a real
Keycloak. There are no nodes and no controllers: the pod is an object whose node
is a listener of the test, and jobs end as the test says. Part of make
check-cluster."""
import base64
import concurrent.futures
import json

import pytest
import yaml
from cluster import cluster  # noqa: F401
from conftest import BUILD, until
from kubelet import Kubelet
from play import (INSTALL, NO_NODES, PLAYBOOKS, changed, keycloak,  # noqa: F401
                  play, told)

DEPLOY = PLAYBOOKS / "10_deploy.yaml"
TARGET = "s3://backups/here"


def on_day2(tag, **more):
    return (DEPLOY, "--tags", tag, "-e", json.dumps(more))


def read(cluster, kind, name, namespace="vectors"):  # noqa: F811
    return json.loads(cluster.must("-n", namespace, "get", kind, name, "-o",
                                   "json").stdout)


def write(cluster, *items):  # noqa: F811
    cluster.must("-n", "vectors", "apply", "-f", "-", text=json.dumps({
        "apiVersion": "v1", "kind": "List", "items": list(items)}))


def secret(name, **texts):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "stringData": texts}


def configuration(cluster, name, key):  # noqa: F811
    return read(cluster, "configmap", name)["data"][key]


@pytest.fixture(scope="module", autouse=True)
def installed(play):  # noqa: F811
    assert changed(play(INSTALL, *NO_NODES)) > 1


def test_limits_the_audit_log_and_policies(play, cluster):  # noqa: F811
    """Each by its tag changes the release alone."""
    done = play(*on_day2("ratelimit", gateway_rate_limit={
        "dashboard": "10r/s", "dashboardBurst": 20}))
    assert changed(done) == 1, done.stdout
    nginx = configuration(cluster, "oauth2-proxy", "nginx.conf")
    assert "zone=user:1m rate=10r/s burst=20 key=user" in nginx
    assert "zone=api" not in nginx
    # The ways in lead to the engine there: nobody would hold it.
    done = play(*on_day2("ratelimit", gateway_rate_limit={"api": "50r/s"}))
    assert done.returncode != 0 and "gateway.rateLimit.api" in done.stdout
    audit = yaml.safe_load(configuration(cluster, "qdrant",
                                         "production.yaml"))["service"]
    assert (audit["audit_log"], audit["audit_reads"]) == ("stderr", False)
    assert changed(play(*on_day2("audit", engine_audit="all"))) == 1
    audit = yaml.safe_load(configuration(cluster, "qdrant",
                                         "production.yaml"))["service"]
    assert audit["audit_reads"] is True
    assert changed(play(*on_day2("netpol", qdrant_network_policy=True))) == 1
    assert cluster.must("-n", "vectors", "get", "networkpolicy", "-o",
                        "name").stdout.count("\n") >= 3
    assert changed(play(*on_day2("netpol"))) == 1 # as the inventory has it
    assert cluster.must("-n", "vectors", "get", "networkpolicy", "-o",
                        "name").stdout == ""


def test_a_new_secret_of_the_client_is_brought(play, cluster):  # noqa: F811
    before = read(cluster, "secret", "oauth2-proxy")["data"]
    done = play(DEPLOY, "--tags", "rotate")
    assert changed(done) == 2, done.stdout # at Keycloak, and here
    after = read(cluster, "secret", "oauth2-proxy")["data"]
    assert {key for key in after if after[key] != before[key]} == {
        "client-secret"}
    text = base64.b64decode(after["client-secret"]).decode()
    assert text not in done.stdout
    again = play(DEPLOY, *NO_NODES)
    assert changed(again) == 0, again.stdout
    assert read(cluster, "secret", "oauth2-proxy")["data"] == after


def template(cluster):  # noqa: F811
    return read(cluster, "statefulset", "qdrant")["spec"]["template"]


def test_a_secret_of_ones_own_rolls_the_pods(play, cluster):  # noqa: F811
    """As a QdrantCluster names it."""
    deploy = on_day2("apikey", qdrant_cluster={
        "kind": "QdrantCluster", "spec": {"config": {"service": {
            "api_key": {"secretKeyRef": {"name": "own", "key": "word"}}}}}})
    early = play(*deploy)
    assert early.returncode != 0 and "changed=0" in early.stdout
    assert "the secret own (key word)" in told(early), early.stdout
    write(cluster, secret("own", word="a-word-of-mine"))
    assert changed(play(*deploy)) == 1
    first = template(cluster)
    names = [item["valueFrom"]["secretKeyRef"]["name"]
             for item in first["spec"]["containers"][0]["env"]
             if item["name"] == "QDRANT__SERVICE__API_KEY"]
    assert names == ["own"]
    assert changed(play(*deploy)) == 0
    write(cluster, secret("own", word="another-word"))
    other = play(*deploy)
    assert changed(other) == 1 and "another-word" not in other.stdout
    second = template(cluster)
    assert second["metadata"]["annotations"] != first["metadata"]["annotations"]
    assert second["spec"] == first["spec"]
    assert changed(play(*on_day2("apikey"))) == 1


def end(cluster, job, what):  # noqa: F811
    """As the controller of jobs would."""
    first = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}[what]
    now = "2026-11-29T00:00:00Z"
    status = {"startTime": now, "conditions": [
        {"type": name, "status": "True", "lastTransitionTime": now}
        for name in (first, what)]}
    if what == "Complete":
        status |= {"completionTime": now, "succeeded": 1}
    cluster.must("-n", "vectors", "patch", "job", job, "--subresource",
                 "status", "--type", "merge", "-p",
                 json.dumps({"status": status}))


def jobs(cluster):  # noqa: F811
    return {item["metadata"]["name"]: item for item in json.loads(
        cluster.must("-n", "vectors", "get", "job", "-o", "json").stdout)[
            "items"]}


def with_job(cluster, run, what, before_the_end=lambda job: None):  # noqa: F811
    """The job that `run` makes, and how `run` ended."""
    known = set(jobs(cluster))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        future = pool.submit(run)
        name = until(lambda: next(iter(set(jobs(cluster)) - known), None) or
                     future.done() and "none", 180)
        assert name != "none", future.result().stdout
        job = jobs(cluster)[name]
        before_the_end(job)
        end(cluster, name, what)
        return job, future.result()


@pytest.fixture
def node(cluster, tmp_path):  # noqa: F811
    certificates = cluster.folder / "certificates"
    kubelet = Kubelet(tmp_path, certificates / "apiserver.crt",
                      certificates / "apiserver.key", [BUILD.resolve()])
    write(cluster, {"apiVersion": "v1", "kind": "Node",
                    "metadata": {"name": "here"}})
    cluster.must("patch", "node", "here", "--subresource", "status", "--type",
                 "merge", "-p", json.dumps({"status": {
                     "addresses": [{"type": "InternalIP",
                                    "address": "127.0.0.1"}],
                     "daemonEndpoints": {"kubeletEndpoint": {
                         "Port": kubelet.port}}}}))
    yield kubelet
    kubelet.stop()


def pod(cluster, name, labels, container, **status):  # noqa: F811
    write(cluster, {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"nodeName": "here", "containers": [
            {"name": container, "image": "image"}]}})
    cluster.must("-n", "vectors", "patch", "pod", name, "--subresource",
                 "status", "--type", "merge", "-p",
                 json.dumps({"status": status}))


def test_a_backup_is_written_and_brought_back(play, cluster, node):  # noqa: F811
    none = play(*on_day2("backup"))
    assert none.returncode != 0 and "has no backup" in told(none)
    assert "changed=0" in none.stdout
    assert changed(play(*on_day2("netpol", qdrant_backup_to=TARGET,
                                 qdrant_backup_secret="bucket"))) == 1
    cron = read(cluster, "cronjob", "qdrant-backup")
    usual = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]

    job, done = with_job(cluster, lambda: play(
        *on_day2("backup"), password="not-asked"), "Complete")
    assert changed(done) == 1, done.stdout
    assert job["metadata"]["ownerReferences"][0]["name"] == "qdrant-backup"
    spec = job["spec"]["template"]["spec"]
    assert spec["containers"][0]["command"] == [
        "azimuthctl", "backup", "--to", TARGET]
    assert spec["containers"] == usual["containers"]

    job, done = with_job(cluster, lambda: play(*on_day2(
        "restore", backup_restore_collections=["docs"],
        backup_restore_overwrite=True)), "Complete")
    assert changed(done) == 1, done.stdout
    spec = job["spec"]["template"]["spec"]
    assert spec["containers"][0]["command"] == [
        "azimuthctl", "restore", "docs", "--from", TARGET, "--spool", "/tmp",
        "--overwrite"]
    assert spec["volumes"] == usual["volumes"]

    def said(job):
        name = f"{job['metadata']['name']}-abcde"
        pod(cluster, name, job["spec"]["selector"]["matchLabels"], "backup",
            phase="Failed")
        node.logs[name, "backup", False] = (
            "azimuthctl: the bucket backups is not there\n")

    job, failed = with_job(cluster, lambda: play(*on_day2("backup")), "Failed",
                           said)
    assert failed.returncode != 0
    assert f"The job {job['metadata']['name']} failed: azimuthctl: the " \
        "bucket backups is not there" in told(failed), failed.stdout


def versions(cluster):  # noqa: F811
    items = json.loads(cluster.must(
        "-n", "vectors", "get", "-o", "json",
        "all,secret,configmap,pvc,ingress").stdout)["items"]
    return {(item["kind"], item["metadata"]["name"]):
            item["metadata"]["resourceVersion"] for item in items}


def test_troubleshoot_names_the_cause_and_no_secret(play, cluster, node):  # noqa: F811
    container = {"name": "qdrant", "image": "azimuth-engine:0.1.0",
                 "imageID": "", "restartCount": 2, "ready": False}
    pod(cluster, "qdrant-0", {
        "app": "qdrant", "app.kubernetes.io/instance": "qdrant"}, "qdrant",
        phase="Running", containerStatuses=[{
            **container, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}])
    node.logs["qdrant-0", "qdrant", False] = "INFO starts\n"
    node.logs["qdrant-0", "qdrant", True] = (
        "INFO starts\nQDRANT__SERVICE__API_KEY=in-a-log-by-accident\n"
        "ERROR cannot open /qdrant/storage: no space left on device\n")
    write(cluster, {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data-qdrant-0"}, "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}}}}, {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "qdrant-x", "labels": {
            "kubernetes.io/service-name": "qdrant"}},
        "addressType": "IPv4", "endpoints": [
            {"addresses": ["10.9.9.9"], "conditions": {"ready": False}}]}, {
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "qdrant-0.1"},
        "involvedObject": {"kind": "Pod", "name": "qdrant-0",
                           "namespace": "vectors"},
        "type": "Warning", "reason": "BackOff",
        "message": "Back-off restarting failed container"})
    cluster.must("-n", "vectors", "patch", "pvc", "data-qdrant-0",
                 "--subresource", "status", "--type", "merge", "-p",
                 '{"status": {"phase": "Pending"}}')
    before = versions(cluster)
    done = play(*on_day2("troubleshoot"), password="not-asked")
    assert changed(done) == 0, done.stdout
    assert versions(cluster) == before
    text = told(done).replace('"', "") # whether it is shown as JSON or YAML
    for words in (
            "status: deployed", "StatefulSet qdrant: 0 of 1 pods are ready",
            "qdrant-0/qdrant is not ready (waiting: CrashLoopBackOff; the one "
            "before ended: Error, exit 1): ERROR cannot open /qdrant/storage: "
            "no space left on device", "the claim data-qdrant-0 is Pending",
            "the service qdrant has no endpoint that is ready",
            "Pod/qdrant-0 BackOff: Back-off restarting failed container",
            "azimuthd 0.1.0", "huge pages", "notAfter="):
        assert words in text, (words, done.stdout)
    assert ["azimuthctl", "doctor"] in [words[:2] for words in node.commands]
    assert "in-a-log-by-accident" not in text
    for name in ("oauth2-proxy", "qdrant-tls-secret"):
        for key, value in read(cluster, "secret", name)["data"].items():
            if key != "tls.crt": # that is for everybody
                assert value not in text, key
                assert base64.b64decode(value).decode() not in done.stdout, key
