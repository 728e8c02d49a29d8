# SPDX-License-Identifier: Apache-2.0
"""What Qdrant's private and hybrid clouds read, as values of our chart:

    document | chart_values('QdrantCluster')     a QdrantCluster of qdrant.io/v1
    document | chart_values('operator')          settings of the operator

Gives `chart`, the values, and `unused`: what was said there and has no effect
here, each with why. A name that is in no table fails, with the one that was meant.

In the tables a key leads to a table of what is below it, to the place of its
value in the chart's values, to a function that makes values of it, or to a
reason why it means nothing here.
"""
import difflib
import re

from ansible.errors import AnsibleFilterError


class Unused(str):
    """A reason."""


class Wrong(Exception):
    """What a function says of a value; its place is put before it."""


NO_OPERATOR = Unused("there is no operator: the chart is the whole")
NO_CLUSTER = Unused("one node is a whole database")
NO_CSI = Unused("backups are snapshots of collections: qdrant_backup_to")
WAYS_IN = Unused("qdrant_exposure makes the ways in")


def placed(path, value):
    """{"a": {"b": value}} of "a.b"."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def merged(one, other):
    result = dict(one)
    for name, value in other.items():
        if isinstance(value, dict) and isinstance(result.get(name), dict):
            value = merged(result[name], value)
        result[name] = value
    return result


def size(value):
    if value != 1:
        raise Wrong("this version does not cluster: 1 is all that it allows. "
                    "Give that node more memory (resources)")
    return {"replicaCount": 1}


def version(value):
    """Ours is the image's; clients look at Qdrant's."""
    number = str(value).removeprefix("v")
    if not re.fullmatch(r"\d+\.\d+\.\d+", number):
        raise Wrong("must be a version of Qdrant, such as v1.15.4")
    return placed("config.service.api_version", number)


def off(value):
    if value:
        raise Wrong("only false is possible here")
    return {}


def tls(value):
    if value:
        raise Wrong("TLS ends in the gateway: qdrant_exposure: gateway-direct")
    return {}


def registry(value):
    """REGISTRY/PATH of a mirror, which holds our images by their own names."""
    host, _, name = str(value).rpartition("/")
    if host.split("/")[0] in ("docker.io", "registry.cloud.qdrant.io") or \
            value == "qdrant/qdrant":
        return Unused("that is Qdrant's image; harbor_registry has ours")
    if not host or not name:
        raise Wrong("name a repository: registry.example.com/qdrant/qdrant")
    return placed("global.imageRegistry", host)


def pull_secret(value):
    return {"imagePullSecrets": [{"name": value}] if value else []}


def class_of_snapshots(value):
    return {"snapshotPersistence": {"enabled": True,
                                    "storageClassName": value}
            } if value else {}


def budget(value):
    """Helm has maxUnavailable: null takes it away."""
    known = {"minAvailable", "maxUnavailable", "unhealthyPodEvictionPolicy"}
    for name in value:
        if name == "selector":
            raise Wrong("selector is the chart's own: leave it out")
        if name not in known:
            raise Wrong(unknown(name, known))
    if "minAvailable" in value:
        value = {"maxUnavailable": None, **value}
    return {"podDisruptionBudget": {"enabled": True, **value}} if value else {}


def security(value):
    """Qdrant's document has empty texts for what is not set."""
    known = {"enabled", "user", "group", "fsGroup", "fsUser"}
    for name in value:
        if name not in known:
            raise Wrong(unknown(name, known))
    if not value.get("enabled", True):
        return {}
    numbers = {}
    for name, number in value.items():
        if name != "enabled" and number not in ("", None):
            if not str(number).isdigit():
                raise Wrong(f"{name} must be a number")
            numbers[name] = int(number)
    if numbers.get("user") == 0:
        raise Wrong("user 0 is root: the engine never is")
    result = {}
    for name, place in (("user", "containerSecurityContext.runAsUser"),
                        ("group", "containerSecurityContext.runAsGroup"),
                        ("fsUser", "podSecurityContext.fsGroup"),
                        ("fsGroup", "podSecurityContext.fsGroup")):
        if name in numbers:
            result = merged(result, placed(place, numbers[name]))
    return result


def ingress(value):
    known = {"enabled", "annotations", "ingressClassName", "host", "tls",
             "tlsSecretName", "nginx"}
    for name in value:
        if name not in known:
            raise Wrong(unknown(name, known))
    if not value.get("enabled", True):
        return placed("ingress.enabled", False)
    if not value.get("host"):
        raise Wrong("host is needed: the name that people ask for")
    ranges = (value.get("nginx") or {}).get("allowedSourceRanges") or []
    notes = {**(value.get("annotations") or {})}
    if ranges:
        notes["nginx.ingress.kubernetes.io/whitelist-source-range"] = \
            ",".join(ranges)
    return {"ingress": {
        "enabled": True, "annotations": notes,
        "ingressClassName": value.get("ingressClassName") or "",
        "hosts": [{"host": value["host"], "paths": [{
            "path": "/", "pathType": "Prefix", "servicePort": 6333}]}],
        "tls": [{"hosts": [value["host"]],
                 "secretName": value.get("tlsSecretName") or ""}]
        if value.get("tls") else []}}


def rules(direction):
    return lambda value: {"networkPolicy": {
        "enabled": True, direction: value or []}}


def key(place):
    def reference(value):
        if set(value) != {"secretKeyRef"} or not isinstance(
                value["secretKeyRef"], dict) or not {"name", "key"} <= set(
                value["secretKeyRef"]):
            raise Wrong("name a secret: {secretKeyRef: {name, key}}")
        return {place: {"valueFrom": value}}
    return reference


PERFORMANCE = {
    "optimizerCPUBudget": "config.storage.performance.optimizer_cpu_budget",
    "optimizerCpuBudget": "config.storage.performance.optimizer_cpu_budget",
    "asyncScorer": "config.storage.performance.async_scorer"}

CLUSTER = {
    "apiVersion": Unused(""), "kind": Unused(""), "metadata": Unused(""),
    "status": Unused("it is the operator's"),
    "spec": {
        "id": "podLabels.cluster-id",
        "version": version,
        "size": size,
        "servicePerNode": Unused("qdrant-headless names each pod"),
        "clusterManager": NO_CLUSTER,
        "distributed": NO_CLUSTER,
        "restartAllPodsConcurrently": NO_CLUSTER,
        "suspend": off,
        "pauses": NO_OPERATOR,
        "image": {"repository": registry, "pullPolicy": "image.pullPolicy",
                  "pullSecretName": pull_secret},
        "resources": {"cpu": "resources.limits.cpu",
                      "memory": "resources.limits.memory",
                      "storage": "persistence.size",
                      "requests": {"cpu": "resources.requests.cpu",
                                   "memory": "resources.requests.memory"}},
        "security": security,
        "tolerations": "tolerations",
        "nodeSelector": "nodeSelector",
        "config": {
            "collection": {
                "replication_factor":
                    "config.storage.collection.replication_factor",
                "write_consistency_factor":
                    "config.storage.collection.write_consistency_factor",
                "vectors": {
                    "on_disk": "config.storage.collection.vectors.on_disk"}},
            "log_level": "config.log_level",
            "service": {
                "api_key": key("apiKey"),
                "read_only_api_key": key("readOnlyApiKey"),
                "jwt_rbac": "config.service.jwt_rbac",
                "hide_jwt_dashboard": "config.service.hide_jwt_dashboard",
                "enable_tls": tls},
            "tls": tls,
            "storage": {"performance": PERFORMANCE}},
        "ingress": ingress,
        "service": {"type": "service.type",
                    "annotations": "service.annotations"},
        "statefulSet": {
            "annotations": "additionalAnnotations",
            "pods": {"annotations": "podAnnotations", "labels": "podLabels",
                     "extraEnv": "env"}},
        "storageClassNames": {"db": "persistence.storageClass",
                              "snapshots": class_of_snapshots},
        "topologySpreadConstraints": "topologySpreadConstraints",
        "podDisruptionBudget": budget}}

POLICIES = {"enable": "networkPolicy.enabled", "ingress": rules("ingress"),
            "egress": rules("egress")}
CLASS_OF_INGRESS = {"ingressClassName": "exposure.ingressClassName"}

# The hybrid cloud's document.
QDRANT = {
    "securityContext": security,
    "image": {"pull_secret": pull_secret, "pull_policy": "image.pullPolicy",
              "repository": registry},
    "log_level": "config.log_level",
    "networkPolicies": POLICIES}

# The private cloud's: `features`.
MANAGEMENT = {
    "enable": NO_OPERATOR,
    "storageClass": {"database": "persistence.storageClass",
                     "snapshot": class_of_snapshots},
    "qdrant": {
        "image": {"repository": registry, "pullPolicy": "image.pullPolicy",
                  "pullSecretName": pull_secret},
        "storage": {"performance": PERFORMANCE},
        "logLevel": "config.log_level",
        "securityContext": security,
        "networkPolicies": POLICIES},
    "scheduling": {"topologySpreadConstraints": "topologySpreadConstraints",
                   "podDisruptionBudget": budget},
    "clusterManager": NO_CLUSTER,
    "ingress": {"enable": WAYS_IN, "provider": WAYS_IN,
                "kubernetesIngress": CLASS_OF_INGRESS,
                "qdrantCloudTraefik": WAYS_IN},
    "telemetryTimeout": NO_OPERATOR,
    "maxConcurrentReconciles": NO_OPERATOR,
    "volumeExpansionMode": NO_OPERATOR}

SETTINGS = {
    "app_environment": NO_OPERATOR, "appEnvironment": NO_OPERATOR,
    "logLevel": NO_OPERATOR, "metrics": NO_OPERATOR, "healthz": NO_OPERATOR,
    "controller": NO_OPERATOR,
    "backupHistoryRetentionDays": Unused("backup.keep counts backups"),
    "operationTimeout": NO_OPERATOR, "handlerTimeout": NO_OPERATOR,
    "backupTimeout": "backup.activeDeadlineSeconds",
    "backOff": {"minDelay": NO_OPERATOR, "maxDelay": NO_OPERATOR,
                "increment": NO_OPERATOR},
    "clusterManager": {
        "image": NO_CLUSTER, "pullInterval": NO_CLUSTER,
        "logSize": NO_CLUSTER, "debug": NO_CLUSTER,
        "node_selector": NO_CLUSTER, "tolerations": NO_CLUSTER},
    "ingress": {"enabled": WAYS_IN, "provider": WAYS_IN,
                "kubernetesIngress": CLASS_OF_INGRESS},
    "storage": {"snapshot_class": NO_CSI,
                "default_storage_class_names": {
                    "db": "persistence.storageClass",
                    "snapshot": class_of_snapshots}},
    "scheduling": {
        "default_topology_spread_constraints": "topologySpreadConstraints",
        "default_pod_disruption_budget": budget},
    "qdrant": QDRANT,
    "features": {"clusterManagement": MANAGEMENT,
                 "backupManagement": {
                     "enable": NO_CSI, "scheduledSnapshots": NO_CSI,
                     "restores": NO_CSI,
                     "snapshots": {
                         "enable": NO_CSI, "volumeSnapshotClass": NO_CSI,
                         "retainUnsuccessful": NO_CSI,
                         "maxConcurrentReconciles": NO_CSI}}}}

OPERATOR = {
    "settings": SETTINGS,
    "qdrant": QDRANT,
    "operator": {
        "settings": SETTINGS,
        "watch": {"onlyReleaseNamespace": NO_OPERATOR,
                  "namespaces": NO_OPERATOR},
        **{name: NO_OPERATOR for name in (
            "limitRBAC", "replicaCount", "image", "imagePullSecrets",
            "nameOverride", "fullnameOverride", "serviceAccount",
            "customLabels", "podAnnotations", "podSecurityContext",
            "securityContext", "service", "serviceMonitor", "resources",
            "nodeSelector", "tolerations", "affinity")}},
    "qdrant-cluster-manager": NO_CLUSTER,
    "qdrant-cluster-exporter": Unused("the engine has /metrics")}


def unknown(name, known):
    near = difflib.get_close_matches(str(name), known, 1, 0.6)
    meant = f"did you mean {near[0]}?" if near else \
        f"known here: {', '.join(sorted(known))}"
    return f"{name} is not known; {meant}"


def walk(document, table, path, unused):
    """The values of `document`, whose names are those of `table`."""
    if not isinstance(document, dict):
        raise Wrong(f"{path or 'the document'}: must have names in it")
    values = {}
    for name, value in document.items():
        here = f"{path}.{name}" if path else str(name)
        if name not in table:
            raise Wrong((f"{path}: " if path else "") + unknown(name, table))
        target = table[name]
        if value is None and not isinstance(target, Unused):
            continue # a name whose lines are comments
        try:
            made = walk(value, target, here, unused) \
                if isinstance(target, dict) else made_of(value, target)
        except Wrong as error:
            if isinstance(target, dict):
                raise
            raise Wrong(f"{here}: {error}") from error
        except (AttributeError, TypeError, ValueError) as error:
            raise Wrong(f"{here}: is of another type here") from error
        if isinstance(made, Unused):
            unused += [f"{here}: {made}"] if made else []
        else:
            values = merged(values, made)
    return values


def made_of(value, target):
    if isinstance(target, Unused):
        return target
    return placed(target, value) if isinstance(target, str) else target(value)


def chart_values(document, kind):
    unused = []
    try:
        if kind == "QdrantCluster" and document.get("kind") != kind:
            raise Wrong(f"kind must be {kind}")
        values = walk(document, CLUSTER if kind == "QdrantCluster" else
                      OPERATOR, "", unused)
    except Wrong as error:
        raise AnsibleFilterError(f"{kind}: {error}") from error
    # As the operator does: what is not requested is what is allowed.
    limits = values.get("resources", {}).get("limits", {})
    if limits:
        values["resources"]["requests"] = {
            **limits, **values["resources"].get("requests", {})}
    snapshots = values.get("snapshotPersistence", {})
    if snapshots and "size" in values.get("persistence", {}):
        snapshots["size"] = values["persistence"]["size"]
    return {"chart": values, "unused": unused}


class FilterModule:
    def filters(self):
        return {"chart_values": chart_values}
