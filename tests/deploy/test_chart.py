# SPDX-License-Identifier: Apache-2.0
"""What the chart renders is valid in every preset and mode, is named as the
manuals say, and what cannot work is refused before anything is installed."""
import json
import re

import pytest
import yaml
from conftest import CHART, LOGIN, merged

MODES = {
    "none": {},
    "ingress": merged(LOGIN, {"exposure": {"mode": "ingress"}}),
    "gateway-direct": merged(LOGIN, {"exposure": {"mode": "gateway-direct"},
                                     "gateway": {"tls": True}}),
    "httproute": merged(LOGIN, {"exposure": {"mode": "httproute"}}),
    "httproute-envoy": merged(LOGIN, {
        "exposure": {"mode": "httproute", "httproute": {"auth": "envoy"}}}),
}
KEY = {"valueFrom": {"secretKeyRef": {"name": "qdrant-api-key",
                                      "key": "api-key"}}}
EVERYTHING = {
    "metrics": {"serviceMonitor": {"enabled": True},
                "prometheusRule": {"enabled": True}},
    "networkPolicy": {"enabled": True},
    "backup": {"enabled": True, "to": "s3://bucket/prefix",
               "environmentSecret": "s3"},
    "apiKey": KEY, "readOnlyApiKey": "reader",
    "storageClass": {"create": True},
    "serviceExternal": {"enabled": True},
    "snapshotPersistence": {"enabled": True},
    "snapshotRestoration": {
        "enabled": True,
        "snapshots": ["/qdrant/snapshot-restoration/a.snapshot:a"]},
    "ingress": {"enabled": True},
    "cors": {"enabled": True, "allowedOrigins": ["https://a.example.com"]},
    "updateVolumeFsOwnership": True,
    "discovery": {"enabled": True}, "exposure": {"domain": "example.com"},
}
PRESETS = sorted((CHART / "presets").glob("*.yaml"))
ENGINE = ("StatefulSet", "qdrant")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_every_preset_and_mode_is_valid(helm, preset, mode):
    for more in ({}, EVERYTHING):
        text = helm.text(merged(MODES[mode], more), "--values", preset)
        assert helm.conform(text) == []


def test_kubeconform_refuses_what_kubernetes_would(helm):
    text = helm.text({})
    assert helm.conform(text.replace("serviceName: ", "servicename: "))
    assert helm.conform(text.replace("port: 6333", "port: none"))


def test_lint(helm):
    for values in MODES.values():
        result = helm.run("lint", "--strict", CHART, "--values", "-",
                          values=values)
        assert result.returncode == 0, result.stdout + result.stderr


def test_names_of_the_manuals(helm):
    objects = helm.objects(MODES["ingress"])
    for key in (ENGINE, ("Service", "qdrant"), ("Service", "qdrant-headless"),
                ("Deployment", "oauth2-proxy"), ("Service", "oauth2-proxy"),
                ("Deployment", "ephemeral-valkey"),
                ("Service", "ephemeral-valkey")):
        assert key in objects
    pod = objects[ENGINE]["spec"]["template"]["metadata"]["labels"]
    assert pod["app"] == "qdrant"
    assert pod["app.kubernetes.io/name"] == "qdrant"
    assert pod["app.kubernetes.io/instance"] == "qdrant"
    for name in ("oauth2-proxy", "ephemeral-valkey"):
        template = objects["Deployment", name]["spec"]["template"]
        assert template["metadata"]["labels"]["app"] == name
    ports = {port["name"]: port["port"]
             for port in objects["Service", "qdrant"]["spec"]["ports"]}
    assert ports == {"http": 6333, "grpc": 6334, "p2p": 6335}
    assert objects["Service", "oauth2-proxy"]["spec"]["ports"][0][
        "port"] == 80
    headless = objects["Service", "qdrant-headless"]
    assert headless["spec"]["clusterIP"] == "None"
    assert headless["spec"]["publishNotReadyAddresses"] is True


def ingress(host, path, kind, backend, port, annotations):
    spec = {
        "ingressClassName": "nginx",
        "tls": [{"hosts": [host], "secretName": "qdrant-tls-secret"}],
        "rules": [{"host": host, "http": {"paths": [{
            "path": path, "pathType": kind, "backend": {"service": {
                "name": backend, "port": {"number": port}}}}]}}]}
    prefix = "nginx.ingress.kubernetes.io/"
    return spec, {prefix + k: v for k, v in annotations.items()}


def of(item):
    return item["spec"], item["metadata"].get("annotations", {})


def test_ingress_objects_are_the_documented_ones(helm):
    objects = helm.objects(MODES["ingress"])
    traffic = {"proxy-body-size": "0", "backend-protocol": "HTTP"}
    assert of(objects["Ingress", "qdrant-http-ingress"]) == ingress(
        "qdrant-dashboard.example.com", "/", "Prefix", "qdrant", 6333,
        {**traffic, "auth-url": "https://$host/oauth2/auth", "auth-signin":
         "https://$host/oauth2/start?rd=$escaped_request_uri"})
    assert of(objects["Ingress", "qdrant-root-redirect"]) == ingress(
        "qdrant-dashboard.example.com", "/", "Exact", "qdrant", 6333,
        {"permanent-redirect":
         "https://qdrant-dashboard.example.com/dashboard",
         "permanent-redirect-code": "301"})
    assert of(objects["Ingress", "qdrant-api-ingress"]) == ingress(
        "qdrant.example.com", "/", "Prefix", "qdrant", 6333, traffic)
    spec, _ = of(objects["Ingress", "oauth2-proxy-ingress"])
    assert spec["rules"][0]["http"]["paths"][0] == {
        "path": "/oauth2", "pathType": "Prefix", "backend": {"service": {
            "name": "oauth2-proxy", "port": {"number": 80}}}}


@pytest.mark.parametrize("values", [
    {"gateway": {"rights": ["group=team-a manage team-a-*"]}},
    {"apiKey": True}, {"readOnlyApiKey": "to-look"}])
def test_rights_reach_the_engine_behind_an_ingress(helm, values):
    """Without the header the engine would take everybody for the owner, or,
    with a key, would ask people who have logged in for it."""
    objects = helm.objects(merged(MODES["ingress"], values))
    _, annotations = of(objects["Ingress", "qdrant-http-ingress"])
    assert "X-Azimuth-Identity" in annotations[
        "nginx.ingress.kubernetes.io/auth-response-headers"]


BODIES = {"proxy-body-size": "0", "backend-protocol": "HTTP"}


def test_gateway_direct_needs_no_annotation(helm):
    """None that protects; large bodies need one."""
    objects = helm.objects(MODES["gateway-direct"])
    for name, host in (("qdrant-http-ingress", "qdrant-dashboard"),
                       ("qdrant-api-ingress", "qdrant")):
        assert of(objects["Ingress", name]) == ingress(
            f"{host}.example.com", "/", "Prefix", "oauth2-proxy", 80, BODIES)
    assert ("Ingress", "qdrant-root-redirect") not in objects
    alone = helm.objects(merged(MODES["gateway-direct"], {
        "exposure": {"gatewayIngress": False},
        "gateway": {"service": {"type": "LoadBalancer"}}}))
    assert not [key for key in alone if key[0] == "Ingress"]
    # Counters are not for the world.
    assert {port["name"] for port in
            alone["Service", "oauth2-proxy"]["spec"]["ports"]} == {
                "http", "https"}


def test_in_clear_there_is_only_the_way_to_tls(helm):
    """Where clients come to the gateway itself; behind an ingress HTTP is what
    it gets."""
    alone = merged(MODES["gateway-direct"], {
        "exposure": {"gatewayIngress": False},
        "gateway": {"tls": True, "service": {"type": "LoadBalancer"}}})
    text = helm.objects(alone)["ConfigMap", "oauth2-proxy"]["data"][
        "nginx.conf"]
    servers = text.split("\n    server {")[1:]
    clear = [server for server in servers if "listen 8080" in server]
    assert len(clear) == 2 # of no name, and of both names
    assert not [server for server in clear if "proxy_pass" in server]
    assert "return 308 https://$host$request_uri;" in clear[1]
    text = helm.objects(MODES["gateway-direct"])["ConfigMap", "oauth2-proxy"][
        "data"]["nginx.conf"]
    assert "return 308" not in text


def test_limits_by_address_are_wide_where_all_have_one(helm):
    def limit(values):
        text = helm.objects(values)["ConfigMap", "oauth2-proxy"]["data"][
            "nginx.conf"]
        return re.search(r"zone=login:1m rate=(\d+)r/s", text)[1]
    assert limit(MODES["ingress"]) == "50"
    assert limit(merged(MODES["ingress"], {"gateway": {
        "trustedProxies": ["10.0.0.0/8"]}})) == "5"


def test_the_port_of_the_service_is_everybodys(helm):
    objects = helm.objects(merged(MODES["ingress"], EVERYTHING, {"service": {
        "ports": [{"name": "http", "port": 80, "targetPort": 6333}]}}))
    assert objects["Service", "qdrant"]["spec"]["ports"][0]["port"] == 80
    assert "'number': 80" in str(objects["Ingress", "qdrant-api-ingress"])
    assert "qdrant:80;" in objects["ConfigMap", "oauth2-proxy"]["data"][
        "nginx.conf"]
    assert "http://qdrant:80" in str(objects["CronJob", "qdrant-backup"])


def test_routes_lead_through_the_login(helm):
    objects = helm.objects(MODES["httproute"])
    for name in ("qdrant-dashboard-route", "qdrant-api-route"):
        rules = objects["HTTPRoute", name]["spec"]["rules"]
        assert [rule["backendRefs"] for rule in rules] == [
            [{"name": "oauth2-proxy", "port": 80}]]
    objects = helm.objects(MODES["httproute-envoy"])
    policy = objects["SecurityPolicy", "qdrant-dashboard-login"]["spec"]
    assert policy["targetRefs"][0]["name"] == "qdrant-dashboard-route"
    assert policy["extAuth"]["failOpen"] is False
    assert policy["extAuth"]["http"]["path"] == "/oauth2/gate"


def pods(objects):
    for (kind, name), item in objects.items():
        spec = item.get("spec", {})
        if kind == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if "template" in spec:
            yield name, spec["template"]["spec"]
        elif kind == "Pod":
            yield name, spec


def test_no_container_has_more_rights_than_it_needs(helm):
    """One may be root: the one that is there for a chown, on request."""
    found = set()
    objects = helm.objects(merged(MODES["ingress"], EVERYTHING))
    for name, pod in pods(objects):
        found.add(name)
        # One talks to the API server: test_discovery_may_do_one_thing.
        assert pod["automountServiceAccountToken"] is (
            name == "qdrant-discovery"), name
        assert pod["securityContext"]["seccompProfile"] == {
            "type": "RuntimeDefault"}, name
        for container in pod["containers"] + pod.get("initContainers", []):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["capabilities"]["drop"] == ["ALL"], name
            if container["name"] == "ensure-dir-ownership":
                continue
            assert context["runAsNonRoot"] is True, name
            assert context.get("runAsUser") or \
                pod["securityContext"]["runAsUser"], name
    assert found == {"qdrant", "oauth2-proxy", "ephemeral-valkey",
                     "qdrant-backup", "qdrant-discovery",
                     "qdrant-test-db-interaction"}


def test_discovery_may_do_one_thing(helm):
    objects = helm.objects({"discovery": {"enabled": True},
                            "exposure": {"domain": "example.com"}})
    rules = objects["Role", "qdrant-discovery"]["rules"]
    assert [(rule["resources"], rule.get("resourceNames"), rule["verbs"])
            for rule in rules] == [
        (["configmaps"], ["thinkube-service-config"],
         ["get", "patch", "delete"]),
        (["configmaps"], None, ["create"])]
    command = objects["Deployment", "qdrant-discovery"]["spec"]["template"][
        "spec"]["containers"][0]["command"]
    assert command[:2] == ["azimuthctl", "register"]
    assert "https://qdrant-dashboard.example.com" in command
    assert "qdrant.qdrant.svc.cluster.local" in command


def test_a_chart_upgrade_restarts_nothing(helm, tmp_path):
    """Pods carry no version of the chart, and selectors never do."""
    values = merged(MODES["ingress"], EVERYTHING)
    before = helm.objects(values)
    helm.run("package", CHART, "--version", "9.9.9", "--destination", tmp_path)
    after = helm.objects(values, chart=tmp_path / "qdrant-9.9.9.tgz")
    assert before.keys() == after.keys()
    old, new = dict(pods(before)), dict(pods(after))
    assert old == new
    for key, item in before.items():
        template = item.get("spec", {}).get("template")
        if template:
            assert template["metadata"] == after[key]["spec"]["template"][
                "metadata"]
            assert item["spec"]["selector"] == after[key]["spec"]["selector"]


def test_storage_as_asked(helm):
    def claim(persistence):
        spec = helm.objects({"persistence": persistence})[ENGINE]["spec"]
        return spec.get("volumeClaimTemplates")
    plain = claim({})[0]
    assert plain["metadata"]["name"] == "qdrant-storage"
    assert "storageClassName" not in plain["spec"]
    asked = claim({"enabled": True, "storageClass": "fast", "size": "150Gi",
                   "accessMode": "ReadWriteOncePod",
                   "storageVolumeName": "data"})[0]
    assert asked["metadata"]["name"] == "data" # data-qdrant-0
    assert asked["spec"] == {
        "storageClassName": "fast", "accessModes": ["ReadWriteOncePod"],
        "resources": {"requests": {"storage": "150Gi"}}}
    assert claim({"enabled": False}) is None
    mounts = helm.objects({})[ENGINE]["spec"]["template"]["spec"][
        "containers"][0]["volumeMounts"]
    assert {"name": "qdrant-storage", "mountPath": "/qdrant/storage"} in mounts


def test_snapshots_are_put_back_when_a_pod_starts(helm):
    """test_programs.py runs the script."""
    item = "/qdrant/snapshot-restoration/a.snapshot:docs"
    objects = helm.objects({"snapshotRestoration": {
        "enabled": True, "pvcName": "old", "snapshots": [item]}})
    pod = objects[ENGINE]["spec"]["template"]["spec"]
    lifecycle = pod["containers"][0]["lifecycle"]
    assert lifecycle["postStart"]["exec"]["command"] == [
        "/bin/sh", "/qdrant/config/restore.sh", item]
    assert "preStop" in lifecycle
    assert "restore.sh" in objects["ConfigMap", "qdrant"]["data"]
    assert {"name": "snapshot-restoration", "persistentVolumeClaim": {
        "claimName": "old"}} in pod["volumes"]


def test_storage_class_of_the_guide(helm):
    item = helm.objects({"storageClass": {"create": True}})[
        "StorageClass", "qdrant-storage"]
    assert item["provisioner"] == "ebs.csi.aws.com"
    assert item["parameters"] == {
        "type": "gp3", "iops": "3000", "throughput": "125"}
    assert item["volumeBindingMode"] == "WaitForFirstConsumer"
    assert item["allowVolumeExpansion"] is True


def configuration(helm, values):
    return yaml.safe_load(helm.objects(values)["ConfigMap", "qdrant"]["data"][
        "production.yaml"])


def test_grpc_and_cors_have_an_effect(helm):
    assert configuration(helm, {})["service"]["grpc_port"] == 6334
    off = {"service": {"grpc": {"enabled": False}}}
    assert configuration(helm, off)["service"]["grpc_port"] == 0
    assert "grpc" not in {port["name"] for port in helm.objects(off)[
        "Service", "qdrant"]["spec"]["ports"]}
    moved = {"service": {"grpc": {"port": 7334}}}
    assert {"name": "grpc", "port": 7334, "targetPort": 6334,
            "protocol": "TCP"} in helm.objects(moved)[
                "Service", "qdrant"]["spec"]["ports"]
    origins = ["https://a.example.com", "https://b.example.com"]
    cors = {"cors": {"enabled": True, "allowedOrigins": origins}}
    service = configuration(helm, cors)["service"]
    assert service["enable_cors"] is True
    assert service["cors_allowed_origins"] == origins
    gateway = helm.objects(merged(MODES["ingress"], cors))[
        "ConfigMap", "oauth2-proxy"]["data"]["nginx.conf"]
    assert f"azimuth_cors_origin {' '.join(origins)};" in gateway


def test_changed_configuration_rolls_the_pods(helm):
    def sum_of(values):
        return helm.objects(values)[ENGINE]["spec"]["template"]["metadata"][
            "annotations"]["checksum/config"]
    assert sum_of({}) == sum_of({"resources": {"limits": {"cpu": 1}}})
    assert sum_of({}) != sum_of({"cors": {
        "enabled": True, "allowedOrigins": ["https://a.example.com"]}})
    assert sum_of({}) != sum_of({"config": {"log_level": "DEBUG"}})


def variable(objects, name):
    env = objects[ENGINE]["spec"]["template"]["spec"]["containers"][0]["env"]
    return [item["valueFrom"]["secretKeyRef"] for item in env
            if item["name"] == name]


def test_keys_come_from_secrets(helm):
    objects = helm.objects({"apiKey": KEY})
    assert variable(objects, "QDRANT__SERVICE__API_KEY") == [
        {"name": "qdrant-api-key", "key": "api-key"}]
    assert ("Secret", "qdrant-apikey") not in objects
    text = helm.text({"apiKey": "a-key-of-mine",
                      "metrics": {"serviceMonitor": {"enabled": True}},
                      "backup": {"enabled": True, "to": "s3://bucket"}})
    assert "a-key-of-mine" not in text # base64, in the secret alone
    objects = {(item["kind"], item["metadata"]["name"]): item
               for item in yaml.safe_load_all(text) if item}
    assert set(objects["Secret", "qdrant-apikey"]["data"]) == {"api-key"}
    own = {"name": "qdrant-apikey", "key": "api-key"}
    assert variable(objects, "QDRANT__SERVICE__API_KEY") == [own]
    monitor = objects["ServiceMonitor", "qdrant"]["spec"]["endpoints"][0]
    assert monitor["authorization"] == {"type": "Bearer", "credentials": own}
    job = objects["CronJob", "qdrant-backup"]["spec"]["jobTemplate"]["spec"][
        "template"]["spec"]["containers"][0]
    assert job["command"] == ["azimuthctl", "backup", "--to", "s3://bucket"]
    assert {"name": "AZIMUTH_API_KEY_FILE",
            "value": "/etc/azimuth/key/api-key"} in job["env"]
    volumes = objects["CronJob", "qdrant-backup"]["spec"]["jobTemplate"][
        "spec"]["template"]["spec"]["volumes"]
    assert {"name": "key", "secret": {
        "secretName": "qdrant-apikey", "items": [
            {"key": "api-key", "path": "api-key"}]}} in volumes
    generated = helm.objects({"apiKey": True, "readOnlyApiKey": True})
    data = generated["Secret", "qdrant-apikey"]["data"]
    assert set(data) == {"api-key", "read-only-api-key"}
    assert len(set(data.values())) == 2


def test_one_service_is_scraped(helm):
    """Two services with the same pods would count everything twice."""
    objects = helm.objects(merged(
        MODES["ingress"], {"metrics": {"serviceMonitor": {"enabled": True}},
                           "serviceExternal": {"enabled": True}}))
    monitor = objects["ServiceMonitor", "qdrant"]["spec"]
    wanted = monitor["selector"]["matchLabels"]
    assert wanted["app"] == "qdrant"
    fits = [name for (kind, name), item in objects.items()
            if kind == "Service" and
            wanted.items() <= item["metadata"]["labels"].items()]
    assert fits == ["qdrant"]
    assert monitor["endpoints"][0]["port"] == "http"
    assert monitor["endpoints"][0]["path"] == "/metrics"
    assert monitor["endpoints"][0]["interval"] == "30s"


def test_policies_deny_by_default(helm):
    objects = helm.objects(merged(MODES["ingress"], {
        "networkPolicy": {"enabled": True, "ingress": [
            {"from": [{"ipBlock": {"cidr": "192.168.0.0/22"}}],
             "ports": [{"protocol": "TCP", "port": 6333}]}]}}))
    policies = {name: item["spec"] for (kind, name), item in objects.items()
                if kind == "NetworkPolicy"}
    assert policies.keys() == {"qdrant", "oauth2-proxy", "ephemeral-valkey"}
    for policy in policies.values():
        assert policy["policyTypes"] == ["Ingress", "Egress"]
    engine = policies["qdrant"]
    assert {"ipBlock": {"cidr": "192.168.0.0/22"}} in [
        peer for rule in engine["ingress"] for peer in rule["from"]]
    # Peers are the pods themselves, and names are asked for.
    assert [port["port"] for rule in engine["egress"]
            for port in rule["ports"]] == [6333, 6335, 53, 53]
    assert policies["ephemeral-valkey"]["egress"] == []
    assert policies["ephemeral-valkey"]["ingress"] == [{
        "from": [{"podSelector": {"matchLabels": {
            "app": "oauth2-proxy", "app.kubernetes.io/instance": "qdrant"}}}],
        "ports": [{"protocol": "TCP", "port": 6379}]}]


def test_policies_let_every_pod_of_the_chart_do_its_work(helm):
    """Whoever asks the engine is let in by its policy."""
    objects = helm.objects(merged(MODES["ingress"], EVERYTHING))
    allowed = [peer["podSelector"]["matchLabels"]
               for rule in objects["NetworkPolicy", "qdrant"]["spec"][
                   "ingress"] for peer in rule["from"]
               if peer.get("podSelector")]
    labels = {"gateway": objects["Deployment", "oauth2-proxy"]["spec"][
                  "template"]["metadata"]["labels"],
              "backup": objects["CronJob", "qdrant-backup"]["spec"][
                  "jobTemplate"]["spec"]["template"]["metadata"]["labels"],
              "test": objects["Pod", "qdrant-test-db-interaction"][
                  "metadata"]["labels"]}
    for name, have in labels.items():
        assert any(wanted.items() <= have.items() for wanted in allowed), name


def test_replicas_are_spread_and_kept(helm):
    objects = helm.objects({"replicaCount": 3, "independentReplicas": True})
    spread = objects[ENGINE]["spec"]["template"]["spec"][
        "topologySpreadConstraints"]
    assert [item["topologyKey"] for item in spread] == [
        "topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert objects["PodDisruptionBudget", "qdrant"]["spec"][
        "maxUnavailable"] == 1
    assert objects[ENGINE]["spec"]["podManagementPolicy"] == "Parallel"


def test_probes_ask_what_is_open(helm):
    container = helm.objects({"apiKey": "key"})[ENGINE]["spec"]["template"][
        "spec"]["containers"][0]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["startupProbe"]["httpGet"]["path"] == "/livez"
    assert "enabled" not in container["readinessProbe"]


def test_a_mirror_serves_every_image(helm):
    objects = helm.objects(merged(MODES["ingress"], EVERYTHING, {
        "global": {"imageRegistry": "harbor.example.com/library/"},
        "imagePullSecrets": [{"name": "qdrant-registry-creds"}]}))
    for name, pod in pods(objects):
        for container in pod["containers"]:
            assert container["image"].startswith(
                "harbor.example.com/library/"), name
        if "test" not in name:
            assert pod["imagePullSecrets"] == [
                {"name": "qdrant-registry-creds"}]


REFUSED = [
    ({"replicas": 3}, "replicas"),
    ({"persistence": {"sizze": "1Gi"}}, "sizze"),
    ({"persistence": {"size": "much"}}, "size"),
    ({"service": {"type": "Cloud"}}, "type"),
    ({"cors": {"allowedOrigins": ["https://a.example.com/path"]}},
     "allowedOrigins"),
    ({"apiKey": {"valueFrom": {"secretKeyRef": {"name": "x"}}}}, "apiKey"),
    ({"backup": {"enabled": True, "to": "ftp://x"}}, "to"),
    ({"exposure": {"mode": "open"}}, "mode"),
    ({"gateway": {"rights": ["group=a manage *; } evil"]}}, "rights"),
    ({"gateway": {"oidc": {"issuer": "https://x; }"}}}, "issuer"),
    ({"replicaCount": 3}, "does not cluster"),
    ({"exposure": {"mode": "ingress"}}, "exposure.domain"),
    ({"exposure": {"mode": "ingress", "domain": "example.com"}},
     "gateway.enabled"),
    (merged(MODES["ingress"], {"gateway": {"existingSecret": ""}}),
     "gateway.existingSecret"),
    (merged(MODES["ingress"], {"gateway": {"oidc": {"issuer": ""}}}),
     "gateway.oidc.issuer"),
    (merged(MODES["ingress"], {"gateway": {"cookie": {"sameSite": "none"}}}),
     "gateway.cookie.domain"),
    (merged(MODES["ingress"], {"valkey": {"enabled": False}}),
     "valkey.external"),
    (merged(MODES["ingress"], {"gateway": {"apiAuth": "bearer"}}),
     "takes no token of the provider"),
    (merged(MODES["ingress"], {"gateway": {"apiAuth": "key"}}), "set apiKey"),
    (merged(MODES["httproute-envoy"], {"gateway": {"apiAuth": "key"}}),
     "set apiKey"),
    (merged(MODES["ingress"], {"gateway": {"rateLimit": {"api": "9r/s"}}}),
     "gateway.rateLimit.api"),
    ({"config": {"service": {"enable_tls": True}}}, "enable_tls"),
    ({"config": {"service": {"http_port": 7000}}}, "http_port"),
    ({"service": {"ports": [{"name": "http", "port": 80}]}}, "targetPort"),
    ({"service": {"ports": [{"name": "grpc", "port": 6334}]}}, "named http"),
    ({"backup": {"enabled": True}}, "backup.to"),
    ({"backup": {"enabled": True, "to": "/backup"}}, "backup.volume"),
    ({"podDisruptionBudget": {"minAvailable": 1}}, "podDisruptionBudget"),
    ({"discovery": {"enabled": True}}, "exposure.domain"),
    ({"snapshotRestoration": {"enabled": True},
      "lifecycle": {"postStart": {"exec": {"command": ["true"]}}}},
     "postStart"),
]


@pytest.mark.parametrize("values, word", REFUSED,
                         ids=[str(i) for i in range(len(REFUSED))])
def test_what_cannot_work_is_refused(helm, values, word):
    assert word in helm.refusal(values)


def test_the_schema_knows_every_value(helm):
    """Both ways: a value that the schema does not know could not be set."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def compare(part, value, path):
        if "$ref" in part:
            part = schema["definitions"][part["$ref"].split("/")[-1]]
        if not isinstance(value, dict) or "properties" not in part:
            return
        # Helm adds to global what it likes.
        assert part.get("additionalProperties") is False or \
            path in ("", ".global"), path
        for name, item in value.items():
            assert name in part["properties"], f"{path}.{name}"
            compare(part["properties"][name], item, f"{path}.{name}")
    compare(schema, values, "")
    assert schema["additionalProperties"] is False
    assert schema["properties"].keys() == values.keys()


def test_values_of_qdrant_helm_are_accepted(helm):
    """Each key that its users set, with a value of its kind."""
    helm.text({
        "replicaCount": 1, "args": ["--config-path", "/x"],
        "env": [{"name": "A", "value": "b"}],
        "image": {"useUnprivilegedImage": True, "tag": "v1"},
        "imagePullSecrets": [{"name": "a"}],
        "nameOverride": "", "fullnameOverride": "vectors",
        "service": {"type": "NodePort", "additionalLabels": {"a": "b"},
                    "annotations": {"a": "b"}, "loadBalancerIP": "10.0.0.1",
                    "ports": [{"name": "http", "port": 6333,
                               "targetPort": 6333, "protocol": "TCP",
                               "checksEnabled": True, "appProtocol": "http",
                               "nodePort": 30333}]},
        "ingress": {"enabled": True, "ingressClassName": "x",
                    "hosts": [{"host": "a", "paths": [{
                        "path": "/", "pathType": "Prefix",
                        "servicePort": 6333, "serviceName": "b"}]}],
                    "tls": [{"hosts": ["a"], "secretName": "b"}]},
        "livenessProbe": {"enabled": False, "initialDelaySeconds": 5},
        "podAnnotations": {"a": "b"}, "podLabels": {"a": "b"},
        "lifecycle": {}, "updateVolumeFsOwnership": False,
        "nodeSelector": {"a": "b"}, "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {
                "app": '{{ include "qdrant.name" . }}'}}}],
        "persistence": {"accessModes": ["ReadWriteOnce"], "annotations": {},
                        "additionalLabels": {"a": "b"},
                        "storageSubPath": "x", "storageClassName": "y",
                        "volumeAttributesClassName": "z"},
        "snapshotPersistence": {"enabled": True, "storageClassName": "y"},
        "config": {"service": {"max_request_size_mb": 64}},
        "sidecarContainers": [{"name": "a", "image": "b"}],
        "metrics": {"serviceMonitor": {
            "enabled": True, "scrapeInterval": "15s", "scrapeTimeout": "5s",
            "targetPort": "http", "targetPath": "/metrics",
            "metricRelabelings": [{"action": "labeldrop", "regex": "a"}],
            "relabelings": [{"action": "labeldrop", "regex": "a"}],
            "authorization": {"credentials": {"name": "a", "key": "b"}}}},
        "serviceAccount": {"annotations": {"a": "b"}},
        "priorityClassName": "high", "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": 60, "minReadySeconds": 5,
        "podManagementPolicy": "OrderedReady",
        "podDisruptionBudget": {
            "enabled": True, "maxUnavailable": None, "minAvailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow"},
        "additionalVolumes": [{"name": "v", "emptyDir": {}}],
        "additionalVolumeMounts": [{"name": "v", "mountPath": "/v"}],
        "chartTests": {"dbInteraction": {"enabled": False}}})
