# SPDX-License-Identifier: Apache-2.0
"""What stops the playbooks on a real API server with a real Keycloak, before they
change anything. Part of make check-cluster."""
import json
import subprocess

import pytest
from cluster import cluster  # noqa: F401
from play import (INSTALL, PLAYBOOKS, changed, keycloak, play,  # noqa: F401
                  told)


def test_a_wrong_password_changes_nothing(play, cluster):  # noqa: F811
    result = play(INSTALL, password="wrong")
    assert result.returncode != 0
    assert "ADMIN_PASSWORD" in result.stdout
    assert cluster.run("get", "namespace", "vectors").returncode != 0


@pytest.mark.parametrize("more, words", [
    ({"keycloak_url": "http://127.0.0.1:1"}, "does not answer"),
    ({"keycloak_realm": "nowhere"}, "has no realm nowhere"),
    ({"domain_name": "example.org"}, "no secret example-org-tls"),
    ({"domain_name": "example.net"}, "has no tls.crt or no tls.key"),
    ({"kubeconfig": "/nowhere"}, "kubeconfig is '/nowhere', which is no file"),
    ({"primary_ingress_class": "traefik"}, "has no IngressClass traefik"),
    ({"gateway_api_auth": "bearer"}, "leads to the engine itself"),
    ({"gateway_api_auth": "key"}, "set apiKey (in the playbooks QDRANT_API_KEY)"),
    ({"qdrant_values": {"persistence": {"storageClass": "shared"}}},
     "is of nfs.csi.k8s.io"),
    ({"qdrant_storage_class": "none"}, "has no StorageClass none"),
    ({"qdrant_storage_class": "shared"},
     "is of nfs.csi.k8s.io, which keeps no promise"),
    ({"qdrant_cluster": {"kind": "QdrantCluster", "spec": {
        "storageClassNames": {"db": "shared"}}}}, "is of nfs.csi.k8s.io"),
    ({"qdrant_cluster": {"kind": "QdrantCluster", "spec": {"size": 3}}},
     "this version does not cluster"),
    ({"qdrant_values": {"replicaCuont": 1}}, "replicaCuont"),
    ({"qdrant_values": {"replicaCount": 3}}, "this version does not cluster"),
])
def test_what_cannot_be_stops_it_first(play, cluster, more, words):  # noqa: F811
    result = play(INSTALL, "-e", json.dumps(more))
    assert result.returncode != 0 and words in told(result), result.stdout
    assert "changed=0" in result.stdout
    assert cluster.run("get", "namespace", "vectors").returncode != 0


def test_what_another_made_is_left(play, cluster):  # noqa: F811
    cluster.must("create", "namespace", "another")
    cluster.must("-n", "another", "apply", "-f", "-", text=json.dumps({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "qdrant"}, "spec": {
            "serviceName": "qdrant", "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {
                "containers": [{"name": "qdrant", "image": "qdrant"}]}}}}))
    result = play(INSTALL, "-e", "qdrant_namespace=another")
    assert result.returncode != 0
    assert "of another owner" in told(result), result.stdout
    assert "changed=0" in result.stdout
    cluster.must("-n", "another", "delete", "statefulset", "qdrant")
    cluster.must("-n", "another", "create", "service", "clusterip",
                 "oauth2-proxy", "--tcp=80")
    result = play(INSTALL, "-e", "qdrant_namespace=another")
    assert result.returncode != 0
    assert "of another owner" in told(result), result.stdout
    assert "changed=0" in result.stdout


def test_discovery_mends_its_own_and_leaves_others(play, cluster):  # noqa: F811
    cluster.must("create", "namespace", "told")
    cluster.must("-n", "told", "create", "configmap", "thinkube-service-config",
                 "--from-literal=service.yaml=theirs")
    configure = (PLAYBOOKS / "17_configure_discovery.yaml", "-e",
                 "qdrant_namespace=told")
    for book in (configure[0], INSTALL):
        result = play(book, *configure[1:])
        assert result.returncode != 0
        assert "thinkube-service-config that another made" in told(result)
        assert "changed=0" in result.stdout
    cluster.must("-n", "told", "delete", "configmap",
                 "thinkube-service-config")
    assert changed(play(*configure)) == 1
    cluster.must("-n", "told", "patch", "configmap", "thinkube-service-config",
                 "--type", "merge", "-p", '{"data": {"service.yaml": "x"}}')
    assert changed(play(*configure)) == 1
    assert changed(play(*configure)) == 0


def test_a_release_of_another_chart_is_left(play, cluster, helm, tmp_path):  # noqa: F811
    """Qdrant's own has the same name, and Helm would take it for an upgrade."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text(
        "apiVersion: v2\nname: qdrant\nversion: 1.17.1\n")
    (tmp_path / "templates/map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs}\n")
    subprocess.run([helm.program, "install", "qdrant", tmp_path,
                    "--namespace", "upstream", "--create-namespace"],
                   check=True, env=cluster.environment, capture_output=True)
    result = play(INSTALL, "-e", "qdrant_namespace=upstream")
    assert result.returncode != 0
    assert "release qdrant of the chart qdrant-1.17.1" in told(result)
    assert "changed=0" in result.stdout
    cluster.must("-n", "upstream", "get", "configmap", "theirs")
