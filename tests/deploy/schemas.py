#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Strict JSON schemas for kubeconform, from Kubernetes' OpenAPI document and
from CustomResourceDefinitions: unknown fields are errors.

usage: schemas.py FILE... OUT    (swagger.json, or a CRD in YAML)
"""
import json
import pathlib
import sys

import yaml

# The kinds that the chart, the manifests and the tests use.
KINDS = {
    "ConfigMap", "CronJob", "DaemonSet", "Deployment", "Ingress", "Job",
    "Namespace", "NetworkPolicy", "PersistentVolumeClaim", "Pod",
    "PodDisruptionBudget", "Role", "RoleBinding", "Secret", "Service",
    "ServiceAccount", "StatefulSet", "StorageClass", "ClusterRole",
    "ClusterRoleBinding"}
INT_OR_STRING = {"type": ["integer", "string"]}
PREFIX = "#/definitions/"


def strict(schema):
    """A copy in which an object has only the members that are described."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string") or \
            schema.get("format") == "int-or-string":
        return INT_OR_STRING
    result = {}
    for name, value in schema.items():
        if name == "properties":
            result[name] = {k: strict(v) for k, v in value.items()}
        elif name.startswith("x-") or name in ("description", "default",
                                               "format", "nullable"):
            continue
        else:
            result[name] = strict(value)
    if "properties" in result and "additionalProperties" not in result \
            and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result["additionalProperties"] = False
    if schema.get("nullable") and isinstance(result.get("type"), str):
        result["type"] = [result["type"], "null"]
    return result


def references(schema, found):
    if isinstance(schema, list):
        for item in schema:
            references(item, found)
    elif isinstance(schema, dict):
        target = schema.get("$ref")
        if isinstance(target, str):
            found.add(target.removeprefix(PREFIX))
        for item in schema.values():
            references(item, found)


def closure(definitions, name):
    """The definitions that `name` needs, itself left out."""
    result, todo = {}, {name}
    while todo:
        current = todo.pop()
        found = set()
        references(definitions[current], found)
        for other in found - result.keys():
            result[other] = definitions[other]
            todo.add(other)
    return result


def write(out, group, version, kind, schema):
    path = out / f"{group or version}_{version}_{kind.lower()}.json"
    if not path.exists(): # of two releases the one that is named first
        path.write_text(json.dumps(schema))


def typed(schema, group, version, kind):
    """apiVersion and kind are what they say, metadata is an object."""
    api = f"{group}/{version}" if group else version
    properties = schema.setdefault("properties", {})
    properties["apiVersion"] = {"enum": [api]}
    properties["kind"] = {"enum": [kind]}
    return schema


def from_openapi(document, out):
    definitions = {k: strict(v) for k, v in document["definitions"].items()}
    # Either form is accepted for an amount.
    definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {
        "type": ["string", "number"]}
    definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = \
        INT_OR_STRING
    for name, schema in document["definitions"].items():
        for what in schema.get("x-kubernetes-group-version-kind", []):
            if what["kind"] not in KINDS or not name.endswith(what["kind"]):
                continue
            root = typed(json.loads(json.dumps(definitions[name])),
                         what["group"], what["version"], what["kind"])
            root["definitions"] = closure(definitions, name)
            write(out, what["group"], what["version"], what["kind"], root)


def from_crd(document, out):
    spec = document["spec"]
    for version in spec["versions"]:
        schema = strict(version["schema"]["openAPIV3Schema"])
        schema = typed(schema, spec["group"], version["name"],
                       spec["names"]["kind"])
        schema["properties"]["metadata"] = {"type": "object"}
        write(out, spec["group"], version["name"], spec["names"]["kind"],
              schema)


def main():
    out = pathlib.Path(sys.argv[-1])
    out.mkdir(parents=True, exist_ok=True)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for name in sys.argv[1:-1]:
        text = pathlib.Path(name).read_text()
        if name.endswith(".json"):
            from_openapi(json.loads(text), out)
        else:
            from_crd(yaml.load(text, Loader=loader), out)


if __name__ == "__main__":
    main()
