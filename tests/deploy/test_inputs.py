# SPDX-License-Identifier: Apache-2.0
"""A QdrantCluster and operators' settings become values of the chart: the
filter of the role engine, then Helm. The documents are the manuals', with every
key that they show."""
import importlib.util
import sys
import types

import pytest
import yaml
from conftest import LOGIN, ROOT, merged

PLUGIN = ROOT / "ansible/roles/engine/filter_plugins/chart_values.py"

CLUSTER = """
apiVersion: qdrant.io/v1
kind: QdrantCluster
metadata:
  name: qdrant-a7d8d973
  labels: {cluster-id: a7d8d973, customer-id: acme}
spec:
  id: a7d8d973
  version: v1.15.4
  size: 1
  servicePerNode: true
  suspend: false
  image: {repository: mirror.example.com/qdrant/qdrant, pullPolicy: Always,
          pullSecretName: mirror-creds}
  resources: {cpu: "4", memory: 16Gi, storage: 100Gi, requests: {cpu: "2"}}
  security: {user: 1001, group: 2001, fsGroup: 3001}
  tolerations: [{key: vectors, operator: Exists, effect: NoSchedule}]
  nodeSelector: {disk: ssd}
  config:
    collection: {replication_factor: 1, vectors: {on_disk: true}}
    log_level: DEBUG
    service:
      api_key: {secretKeyRef: {name: keys, key: api-key}}
      read_only_api_key: {secretKeyRef: {name: keys, key: look}}
      jwt_rbac: true
      enable_tls: false
    storage: {performance: {optimizerCPUBudget: 2, asyncScorer: false}}
  service: {type: LoadBalancer, annotations: {lb: internal}}
  ingress: {enabled: true, host: q.example.com, ingressClassName: nginx,
            tls: true, tlsSecretName: q-tls,
            nginx: {allowedSourceRanges: [192.168.0.0/22]}}
  statefulSet: {pods: {annotations: {a: b}, labels: {team: search},
                       extraEnv: [{name: A, value: B}]}}
  storageClassNames: {db: fast, snapshots: slow}
  topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone,
                               whenUnsatisfiable: ScheduleAnyway}]
  podDisruptionBudget: {minAvailable: 1}
"""

RULE = """{from: [{ipBlock: {cidr: 192.168.0.0/22}},
             {podSelector: {matchLabels: {app: client-app}}}],
      ports: [{port: 6333, protocol: TCP}, {port: 6334, protocol: TCP}]}"""

HYBRID = f"""
settings:
  app_environment: kubernetes
  backupHistoryRetentionDays: 2
  operationTimeout: 7200
  handlerTimeout: 21600
  backupTimeout: 12600
  backOff: {{minDelay: 5, maxDelay: 300, increment: 5}}
  clusterManager:
    image: {{repository: qdrant/qdrant-cloud-cluster-manager, tag: 0.1.2}}
    pullInterval: 10
    logSize: 10
    debug: false
    node_selector: {{}}
    tolerations: []
  ingress: {{enabled: false, provider: KubernetesIngress,
            kubernetesIngress: {{ingressClassName: traefik}}}}
  storage: {{snapshot_class: csi-snapclass,
            default_storage_class_names: {{db: fast, snapshot: slow}}}}
  scheduling: {{default_topology_spread_constraints: [],
               default_pod_disruption_budget: {{maxUnavailable: 1}}}}
  qdrant:
    securityContext: {{enabled: false, user: "", fsGroup: "", group: ""}}
    image: {{pull_secret: "", pull_policy: IfNotPresent,
            repository: qdrant/qdrant}}
    log_level: INFO
    networkPolicies:
      ingress: [{RULE}]
      egress: [{{to: [{{namespaceSelector: {{}}}}],
               ports: [{{protocol: UDP, port: 53}}]}}]
"""

PRIVATE = """
operator:
  image: {repository: mirror.example.com/qdrant/operator}
  imagePullSecrets: [{name: mirror-creds}]
  watch: {onlyReleaseNamespace: false, namespaces: [a, b]}
  limitRBAC: true
  settings:
    features:
      clusterManagement:
        storageClass: {database: fast, snapshot: slow}
        qdrant: {image: {repository: mirror.example.com/qdrant/qdrant,
                         pullSecretName: mirror-creds}, logLevel: WARN}
      backupManagement: {snapshots: {volumeSnapshotClass: csi}}
qdrant-cluster-manager:
  image: {repository: mirror.example.com/qdrant/cluster-manager}
qdrant-cluster-exporter:
  image: {repository: mirror.example.com/qdrant/qdrant-cluster-exporter}
"""


class Refusal(Exception):
    pass


@pytest.fixture(scope="module")
def translate():
    """The filter; of Ansible it needs an exception's name alone."""
    errors = types.ModuleType("ansible.errors")
    errors.AnsibleFilterError = Refusal
    kept = {name: sys.modules.get(name) for name in (
        "ansible", "ansible.errors")}
    sys.modules.update({"ansible": types.ModuleType("ansible"),
                        "ansible.errors": errors})
    try:
        spec = importlib.util.spec_from_file_location("chart_values", PLUGIN)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        for name, was in kept.items():
            sys.modules.pop(name)
            if was:
                sys.modules[name] = was
    return lambda text, kind="operator": module.FilterModule().filters()[
        "chart_values"](yaml.safe_load(text), kind)


def rendered(helm, values):
    text = helm.text(merged(LOGIN, values))
    assert helm.conform(text) == []
    return {(item["kind"], item["metadata"]["name"]): item
            for item in yaml.safe_load_all(text) if item}


def test_a_cluster_is_our_release(helm, translate):
    made = translate(CLUSTER, "QdrantCluster")
    assert [line.split(":")[0] for line in made["unused"]] == [
        "spec.servicePerNode"]
    objects = rendered(helm, made["chart"])
    item = objects["StatefulSet", "qdrant"]["spec"]
    pod = item["template"]
    assert pod["metadata"]["labels"]["cluster-id"] == "a7d8d973"
    assert pod["metadata"]["labels"]["app"] == "qdrant"
    assert pod["metadata"]["labels"]["team"] == "search"
    container = pod["spec"]["containers"][0]
    assert container["resources"] == {
        "limits": {"cpu": "4", "memory": "16Gi"},
        "requests": {"cpu": "2", "memory": "16Gi"}}
    assert container["image"].startswith(
        "mirror.example.com/qdrant/azimuth-engine:")
    assert container["securityContext"]["runAsUser"] == 1001
    assert pod["spec"]["securityContext"]["fsGroup"] == 3001
    assert pod["spec"]["imagePullSecrets"] == [{"name": "mirror-creds"}]
    assert pod["spec"]["nodeSelector"] == {"disk": "ssd"}
    secrets = {entry["name"]: entry["valueFrom"]["secretKeyRef"]
               for entry in container["env"] if "secretKeyRef" in
               entry.get("valueFrom", {})}
    assert secrets == {
        "QDRANT__SERVICE__API_KEY": {"name": "keys", "key": "api-key"},
        "QDRANT__SERVICE__READ_ONLY_API_KEY": {"name": "keys", "key": "look"}}
    claims = {claim["metadata"]["name"]: claim["spec"]
              for claim in item["volumeClaimTemplates"]}
    assert [(claim["storageClassName"], claim["resources"]["requests"][
        "storage"]) for claim in claims.values()] == [
            ("fast", "100Gi"), ("slow", "100Gi")]
    assert objects["Service", "qdrant"]["spec"]["type"] == "LoadBalancer"
    way = objects["Ingress", "qdrant"]
    assert way["spec"]["rules"][0]["host"] == "q.example.com"
    assert way["spec"]["tls"] == [{"hosts": ["q.example.com"],
                                   "secretName": "q-tls"}]
    assert "192.168.0.0/22" in way["metadata"]["annotations"].values()
    assert objects["PodDisruptionBudget", "qdrant"]["spec"][
        "minAvailable"] == 1
    config = yaml.safe_load(objects["ConfigMap", "qdrant"]["data"][
        "production.yaml"])
    assert config["service"]["api_version"] == "1.15.4"
    assert config["service"]["jwt_rbac"] is True
    assert config["log_level"] == "DEBUG"
    assert config["storage"]["performance"]["optimizer_cpu_budget"] == 2


def test_the_hybrid_clouds_settings_are_taken_as_they_are(helm, translate):
    made = translate(HYBRID)
    values = made["chart"]
    assert values["persistence"] == {"storageClass": "fast"}
    assert values["exposure"] == {"ingressClassName": "traefik"}
    assert values["config"] == {"log_level": "INFO"}
    assert values["backup"] == {"activeDeadlineSeconds": 12600}
    assert "containerSecurityContext" not in values and "global" not in values
    said = {line.split(": ")[0] for line in made["unused"]}
    assert {"settings.storage.snapshot_class", "settings.backOff.minDelay",
            "settings.qdrant.image.repository"} <= said
    policy = rendered(helm, values)["NetworkPolicy", "qdrant"]["spec"]
    rule = yaml.safe_load(RULE)
    assert rule in policy["ingress"]
    assert translate(f"qdrant: {{networkPolicies: {{ingress: [{RULE}]}}}}")[
        "chart"]["networkPolicy"] == {"enabled": True, "ingress": [rule]}


def test_the_private_clouds_values_are_taken_as_they_are(helm, translate):
    made = translate(PRIVATE)
    values = made["chart"]
    assert values["global"] == {"imageRegistry": "mirror.example.com/qdrant"}
    assert values["config"] == {"log_level": "WARN"}
    said = {line.split(": ")[0] for line in made["unused"]}
    assert "operator.watch.namespaces" in said
    assert "qdrant-cluster-manager" in said
    claims = rendered(helm, values)["StatefulSet", "qdrant"]["spec"][
        "volumeClaimTemplates"]
    assert [claim["spec"]["storageClassName"] for claim in claims] == [
        "fast", "slow"]


def cluster(**spec):
    return yaml.safe_dump({"kind": "QdrantCluster", "spec": spec})


@pytest.mark.parametrize("text, words", [
    (cluster(sise=1), "spec: sise is not known; did you mean size?"),
    (cluster(resources={"ram": "1Gi"}),
     "spec.resources: ram is not known; known here: cpu, memory, requests, "
     "storage"),
    (cluster(resources="big"), "spec.resources: must have names in it"),
    (cluster(size=3), "spec.size: this version does not cluster"),
    (cluster(version="latest"), "spec.version: must be a version of Qdrant"),
    (cluster(suspend=True), "spec.suspend: only false is possible"),
    (cluster(config={"service": {"enable_tls": True}}),
     "spec.config.service.enable_tls: TLS ends in the gateway"),
    (cluster(config={"service": {"api_key": "secret-word"}}),
     "spec.config.service.api_key: name a secret"),
    (cluster(ingress={"enabled": True}), "spec.ingress: host is needed"),
    (cluster(ingress={"hots": "a"}), "spec.ingress: hots is not known; did "
                                     "you mean host?"),
    (cluster(security={"user": 0}), "spec.security: user 0 is root"),
    (cluster(security=5), "spec.security: is of another type here"),
    (cluster(podDisruptionBudget={"selector": {}}), "selector is the chart's"),
    ("kind: QdrantClusterSnapshot", "kind must be QdrantCluster"),
])
def test_a_cluster_that_cannot_be_is_named(translate, text, words):
    with pytest.raises(Refusal) as refusal:
        translate(text, "QdrantCluster")
    assert words in str(refusal.value)
    assert "secret-word" not in str(refusal.value)


@pytest.mark.parametrize("text, words", [
    ("settings: {storage: {default_storage_class_name: a}}",
     "settings.storage: default_storage_class_name is not known; did you mean "
     "default_storage_class_names?"),
    ("opertor: {}", "opertor is not known; did you mean operator?"),
    ("operator: {settings: {features: {clusterManagment: {}}}}",
     "operator.settings.features: clusterManagment is not known; did you mean "
     "clusterManagement?"),
    ("settings: {qdrant: {image: {repository: qdrant}}}",
     "settings.qdrant.image.repository: name a repository"),
    ("[]", "must have names in it"),
])
def test_a_setting_that_cannot_be_is_named(translate, text, words):
    with pytest.raises(Refusal) as refusal:
        translate(text)
    assert words in str(refusal.value)
