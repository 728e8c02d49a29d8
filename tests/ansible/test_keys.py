# SPDX-License-Identifier: Apache-2.0
"""Which keys the engine asks for on Kubernetes: the tasks that decide, without
a cluster. tests/deploy/playbooks.py has the whole on an API server."""
import base64
import json

import pytest
import yaml

from conftest import ROOT

TEMPLATE = ROOT / "ansible/roles/engine/templates/values.yaml.j2"
INVENTORY = """\
all:
  hosts: {box: {ansible_connection: local}}
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    domain_name: example.com
    keycloak_url: https://auth.example.com
    keycloak_realm: main
    engine_monitoring: {results: [{resources: []}, {resources: []}]}
    engine_keys_version: "7"
"""


def encoded(**keys):
    return {name.replace("_", "-"): base64.b64encode(text.encode()).decode()
            for name, text in keys.items()}


def asked_for(*keys):
    """The environment of pods that were given these keys."""
    return [{"name": "POD_NAME", "valueFrom": {"fieldRef": {
        "fieldPath": "metadata.name"}}}] + [
        {"name": key, "valueFrom": {"secretKeyRef": {
            "name": "qdrant-api-key", "key": key}}} for key in keys]


@pytest.fixture
def choose(play, tmp_path):
    """What a run makes of a secret, of pods and of the environment."""
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(INVENTORY)
    result = tmp_path / "result.json"
    book = tmp_path / "book.yaml"
    book.write_text(yaml.safe_dump([{
        "hosts": "all", "gather_facts": False, "tasks": [
            *({"ansible.builtin.include_role": {
                "name": "engine", "tasks_from": name, "public": True}}
              for name in ("inputs.yml", "keys.yml")),
            {"ansible.builtin.copy": {
                "dest": str(result), "mode": "0600",
                "content": "{{ [engine_keys_changed, lookup("
                f"'ansible.builtin.template', '{TEMPLATE}') | from_yaml] "
                "| to_json }}"}}]}]))

    def run(secret, pods=(), remove=(), **environment):
        given = tmp_path / "given.json"
        given.write_text(json.dumps({
            "engine_secret_data": secret, "engine_pod_env": list(pods),
            "engine_keys_remove": list(remove)}))
        done = play(inventory, book, "-e", f"@{given}", **environment)
        if done.code == 0:
            done.patch, done.values = json.loads(result.read_text())
        return done
    return run


def test_a_run_without_keys_keeps_them(choose):
    secret = encoded(api_key="old", read_only_api_key="older")
    done = choose(secret, asked_for(*secret))
    assert done.code == 0 and done.patch == {}, done
    for value, key in (("apiKey", "api-key"),
                       ("readOnlyApiKey", "read-only-api-key")):
        assert done.values[value]["valueFrom"]["secretKeyRef"] == {
            "name": "qdrant-api-key", "key": key}
    assert done.values["podAnnotations"] == {"checksum/keys": "7"}


def test_a_new_key_changes_that_one_alone(choose):
    secret = encoded(api_key="old", read_only_api_key="older")
    done = choose(secret, QDRANT_API_KEY="new")
    assert done.patch == encoded(api_key="new"), done
    assert {"apiKey", "readOnlyApiKey"} <= set(done.values)
    assert encoded(api_key="new")["api-key"] not in done.out
    same = choose(secret, QDRANT_API_KEY="old")
    assert same.patch == {}, same


def test_a_key_goes_when_that_is_said(choose):
    secret = encoded(api_key="old", read_only_api_key="older")
    done = choose(secret, asked_for(*secret), ["api-key"])
    assert done.patch == {"api-key": None}, done
    assert "apiKey" not in done.values
    assert "readOnlyApiKey" in done.values
    again = choose(encoded(read_only_api_key="older"), (), ["api-key"])
    assert again.patch == {}, again


def test_without_keys_the_engine_is_open(choose):
    done = choose({})
    assert done.patch == {}, done
    assert not {"apiKey", "readOnlyApiKey", "podAnnotations"} & set(
        done.values)


def test_a_secret_that_went_does_not_open_the_engine(choose):
    lost = choose({}, asked_for("api-key"))
    assert lost.code != 0 and "has no api-key any more" in " ".join(
        lost.out.split()), lost
    emptied = choose({"api-key": ""}, asked_for("api-key"))
    assert emptied.code != 0, emptied
    opened = choose({}, asked_for("api-key"), ["api-key"])
    assert opened.code == 0 and "apiKey" not in opened.values, opened
    given = choose({}, asked_for("api-key"), QDRANT_API_KEY="new")
    assert given.patch == encoded(api_key="new"), given


def test_a_key_is_not_given_and_removed_at_once(choose):
    done = choose({}, (), ["api-key"], QDRANT_API_KEY="new")
    assert done.code != 0 and "engine_keys_remove names api-key" in " ".join(
        done.out.split()), done
