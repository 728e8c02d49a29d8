# SPDX-License-Identifier: Apache-2.0
"""The playbooks on a real API server with a real Keycloak: installed twice, the
second time without a change; what is broken is named; removed (what stops them:
refusals.py; other days: day2.py). There are no nodes: readiness is written by
the test. Part of make check-cluster."""
import base64
import json
import subprocess

import pytest
import yaml
from cluster import cluster  # noqa: F401
from conftest import ROOT
from play import (INSTALL, NO_NODES, PLAYBOOKS, changed, keycloak,  # noqa: F401
                  play, told)


def test_a_run_that_was_cut_off_is_finished_by_the_next(play, cluster):  # noqa: F811
    """An API server that ends a run in the middle: a quota without room."""
    cluster.must("create", "namespace", "vectors")
    cluster.must("-n", "vectors", "create", "quota", "none",
                 "--hard=count/deployments.apps=0")
    # Nobody is there who would do that.
    none = {"count/deployments.apps": "0"}
    cluster.must("-n", "vectors", "patch", "quota", "none", "--subresource",
                 "status", "--type", "merge", "-p",
                 json.dumps({"status": {"hard": none, "used": none}}))
    cut = play(INSTALL, *NO_NODES)
    assert cut.returncode != 0
    cluster.must("-n", "vectors", "get", "secret", "oauth2-proxy")
    cluster.must("-n", "vectors", "delete", "quota", "none")


def test_a_second_run_changes_nothing(play, cluster):  # noqa: F811
    first = play(INSTALL, *NO_NODES)
    assert changed(first) > 1
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


def test_a_private_authority_reaches_the_gateway(play, cluster):  # noqa: F811
    authority = cluster.folder / "certificates/apiserver.crt"
    deploy = (PLAYBOOKS / "10_deploy.yaml", *NO_NODES)
    words = ("-e", f"keycloak_ca_file={authority}")
    assert changed(play(*deploy, *words)) == 2
    assert changed(play(*deploy, *words)) == 0
    assert changed(play(*deploy, *words, "--tags", "netpol")) == 0
    told_to = json.loads(cluster.must("-n", "vectors", "get", "configmap",
                                      "keycloak-ca", "-o", "json").stdout)
    assert told_to["data"]["ca.crt"] == authority.read_text()
    gateway = cluster.must("-n", "vectors", "get", "configmap", "oauth2-proxy",
                           "-o", "json").stdout
    assert "trusted_certificate /etc/azimuth/ca/ca.crt" in gateway
    assert changed(play(*deploy)) == 1


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
    everything = (PLAYBOOKS / "10_deploy.yaml", *NO_NODES)
    deploy = (*everything, "--tags", "apikey")
    key, read_only = ("QDRANT__SERVICE__API_KEY",
                      "QDRANT__SERVICE__READ_ONLY_API_KEY")
    assert keys_asked_for(cluster) == {}
    given = play(*deploy, QDRANT_API_KEY="first-word",
                 QDRANT_READ_ONLY_API_KEY="to-look")
    assert changed(given) == 2, given.stdout # the secret and the release
    assert keys_asked_for(cluster) == {key: "first-word", read_only: "to-look"}
    first = pod_template(cluster)
    kept = play(*everything)
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
    assert lost.returncode != 0 and "any more" in told(lost)
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


PARTS = (("statefulset", "qdrant"), ("deployment", "oauth2-proxy"),
         ("deployment", "ephemeral-valkey"))
OBJECTS = (("service", "qdrant"), ("service", "qdrant-headless"),
           ("service", "oauth2-proxy"), ("service", "ephemeral-valkey"),
           ("ingress", "qdrant-http-ingress"),
           ("ingress", "qdrant-root-redirect"),
           ("ingress", "qdrant-api-ingress"))


def set_ready(cluster, kind, name, count):  # noqa: F811
    cluster.must("-n", "vectors", "patch", kind, name, "--subresource",
                 "status", "--type", "merge", "-p", json.dumps({
                     "status": {"replicas": 1, "readyReplicas": count}}))


@pytest.fixture(scope="module")
def parts(play, tmp_path_factory):
    """Of 18_test, what looks at the cluster's objects."""
    book = tmp_path_factory.mktemp("parts") / "parts.yaml"
    book.write_text(yaml.safe_dump([{
        "hosts": "k8s_control_plane", "gather_facts": False, "tasks": [{
            "ansible.builtin.include_role": {
                "name": "verify", "tasks_from": "k8s.yml"},
            "vars": {"verify_retries": 1}}]}]))
    return lambda: play(book)


def test_each_part_that_is_broken_is_named(parts, cluster):  # noqa: F811
    result = parts()
    assert result.returncode != 0
    assert "StatefulSet qdrant has 0 ready pods" in told(result)
    for kind, name in PARTS:
        set_ready(cluster, kind, name, 1)
    cluster.must("-n", "vectors", "apply", "-f", "-", text=json.dumps({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        # As a StatefulSet makes it.
        "metadata": {"name": "data-qdrant-0", "labels": {
            "app.kubernetes.io/instance": "qdrant",
            "app.kubernetes.io/name": "qdrant"}}, "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}}}}))
    # Nobody is there who would see that no pod uses it.
    cluster.must("-n", "vectors", "patch", "pvc", "data-qdrant-0", "--type",
                 "merge", "-p", '{"metadata": {"finalizers": null}}')
    assert "A claim is not bound" in parts().stdout
    cluster.must("-n", "vectors", "patch", "pvc", "data-qdrant-0",
                 "--subresource", "status", "--type", "merge", "-p",
                 '{"status": {"phase": "Bound"}}')
    assert changed(parts()) == 0
    for kind, name in PARTS:
        set_ready(cluster, kind, name, 0)
        result = parts()
        assert result.returncode != 0, name
        assert f"{name} has 0 ready pods" in told(result), result.stdout
        set_ready(cluster, kind, name, 1)


def test_each_object_that_is_missing_is_named(helm, parts, cluster):  # noqa: F811
    """And Helm makes it again, as the message says."""
    for kind, name in OBJECTS:
        cluster.must("-n", "vectors", "delete", kind, name)
        result = parts()
        assert result.returncode != 0, name
        assert f"is missing: {name}" in told(result), result.stdout
        subprocess.run(
            [helm.program, "upgrade", "qdrant", ROOT / "ingress/helm/qdrant",
             "--namespace", "vectors", "--reuse-values"], check=True,
            env=cluster.environment, capture_output=True)
        for part in PARTS:
            set_ready(cluster, *part, 1)
        assert changed(parts()) == 0


def test_removal_asks_first(play, cluster):  # noqa: F811
    rollback = PLAYBOOKS / "19_rollback.yaml"
    result = play(rollback)
    assert result.returncode != 0 and "confirm_delete" in result.stdout
    cluster.must("-n", "vectors", "get", "statefulset", "qdrant")
    confirmed = ("-e", "confirm_delete=true")
    result = play(rollback, *confirmed)
    assert result.returncode != 0 and "no backup" in result.stdout
    cluster.must("-n", "vectors", "get", "statefulset", "qdrant")
    cluster.must("-n", "vectors", "get", "configmap", "thinkube-service-config")
    result = play(rollback, *confirmed, "-e", "rollback_backup_first=false")
    assert changed(result) > 1, result.stdout
    # The namespace was there before, and so it stays.
    assert "it was there before the installation" in told(result)
    assert cluster.must("get", "namespace", "vectors", "-o",
                        "jsonpath={.status.phase}").stdout == "Active"
    left = cluster.must("-n", "vectors", "get", "-o", "name",
                        "all,ingress,configmap,secret,pvc,role").stdout
    assert left.split() == [], left


def test_removal_takes_a_namespace_that_is_ours_alone(play, cluster):  # noqa: F811
    rollback = (PLAYBOOKS / "19_rollback.yaml", "-e", "confirm_delete=true",
                "-e", "rollback_backup_first=false",
                "-e", "qdrant_namespace=mine")
    deploy = (PLAYBOOKS / "10_deploy.yaml", *NO_NODES, "-e",
              "qdrant_namespace=mine")
    assert changed(play(*deploy)) > 1
    cluster.must("-n", "mine", "create", "configmap", "settings")
    cluster.must("-n", "mine", "create", "service", "clusterip", "theirs",
                 "--tcp=80")
    # An operator's: its owner is of a kind that nobody here knows.
    cluster.must("-n", "mine", "apply", "-f", "-", text=json.dumps({
        "apiVersion": "v1", "kind": "Secret", "metadata": {
            "name": "pg-app", "ownerReferences": [{
                "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster",
                "name": "pg", "uid": "6ab1a2ba-0f3e-4b1f-8d07-6d5c9ad2a9f1"}]}}))
    result = play(*rollback)
    assert changed(result) > 1, result.stdout
    assert "it holds theirs, settings, pg-app" in told(result), result.stdout
    theirs = ("service/theirs", "configmap/settings", "secret/pg-app")
    cluster.must("-n", "mine", "get", *theirs)
    cluster.must("-n", "mine", "delete", *theirs)
    assert changed(play(*deploy)) > 1
    assert changed(play(*rollback)) == 2
    phase = cluster.must("get", "namespace", "mine", "-o",
                         "jsonpath={.status.phase}").stdout
    assert phase == "Terminating" # nobody is there who would end it
    again = play(*deploy)
    assert again.returncode != 0 and "is being deleted" in told(again)
    assert "changed=0" in again.stdout
