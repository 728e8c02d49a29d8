# SPDX-License-Identifier: Apache-2.0
"""Which keys the engine asks for: the tasks that decide, without a cluster or a
machine, and the file of a bare host. tests/deploy/playbooks.py has the whole on
an API server, tests/ansible/test_bare.py on a machine."""
import base64
import json
import os

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


@pytest.fixture
def choose(play, tmp_path):
    """What a run makes of the keys that are there, of those that what runs asks
    for, and of the environment."""
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(INVENTORY)
    result = tmp_path / "result.json"
    book = tmp_path / "book.yaml"
    book.write_text(yaml.safe_dump([{
        "hosts": "all", "gather_facts": False, "tasks": [
            *({"ansible.builtin.include_role": {
                "name": "engine", "tasks_from": name, "public": True}}
              for name in ("inputs.yml", "given.yml", "keys.yml")),
            {"ansible.builtin.copy": {
                "dest": str(result), "mode": "0600",
                "content": "{{ [engine_keys_changed, lookup("
                f"'ansible.builtin.template', '{TEMPLATE}') | from_yaml] "
                "| to_json }}"}}]}]))

    def run(secret, asked=(), remove=(), **environment):
        given = tmp_path / "given.json"
        given.write_text(json.dumps({
            "engine_keys_are": secret, "engine_keys_asked": list(asked),
            "engine_keys_place": "the secret qdrant-api-key",
            "engine_keys_remove": list(remove)}))
        done = play(inventory, book, "-e", f"@{given}", **environment)
        if done.code == 0:
            done.patch, done.values = json.loads(result.read_text())
        return done
    return run


def test_a_run_without_keys_keeps_them(choose):
    secret = encoded(api_key="old", read_only_api_key="older")
    done = choose(secret, secret)
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
    done = choose(secret, secret, ["api-key"])
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
    lost = choose({}, ["api-key"])
    assert lost.code != 0 and "has no api-key any more" in " ".join(
        lost.out.split()), lost
    emptied = choose({"api-key": ""}, ["api-key"])
    assert emptied.code != 0, emptied
    opened = choose({}, ["api-key"], ["api-key"])
    assert opened.code == 0 and "apiKey" not in opened.values, opened
    given = choose({}, ["api-key"], QDRANT_API_KEY="new")
    assert given.patch == encoded(api_key="new"), given


def test_a_key_is_not_given_and_removed_at_once(choose):
    done = choose({}, (), ["api-key"], QDRANT_API_KEY="new")
    assert done.code != 0 and "engine_keys_remove names api-key" in " ".join(
        done.out.split()), done


def test_a_key_that_no_header_carries_is_refused(choose):
    for name in ("QDRANT_API_KEY", "QDRANT_READ_ONLY_API_KEY"):
        done = choose({}, **{name: "two words"})
        assert done.code != 0 and "which no header can carry" in " ".join(
            done.out.split()), done
        assert "two words" not in done.out


ODD = 'a\\b"c\'d$e`f#g;h'


@pytest.fixture
def env_file(play, tmp_path):
    """The tasks that keep a bare host's file."""
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(INVENTORY + """\
  children: {azimuth_engine: {hosts: {box: }}, azimuth_gateway: {hosts: {box: }}}
""")
    path = tmp_path / "engine.env"
    # Says that the unit runs, and writes down what it is asked.
    programs, asked = tmp_path / "programs", tmp_path / "asked"
    programs.mkdir()
    (programs / "systemctl").write_text(
        f'#!/bin/sh\necho "$@" >>{asked}\n'
        'printf "LoadState=loaded\\nActiveState=active\\n"\n')
    (programs / "systemctl").chmod(0o755)
    book = tmp_path / "file.yaml"
    book.write_text(yaml.safe_dump([{
        "hosts": "all", "gather_facts": False,
        "environment": {"PATH": f"{programs}:{os.environ['PATH']}"},
        "tasks": [{"ansible.builtin.include_role": {
            "name": "engine", "tasks_from": name}}
            for name in ("given.yml", "keys_bare.yml")]}]))

    def run(remove=(), **environment):
        asked.write_text("")
        done = play(inventory, book, "-e", json.dumps({
            "engine_keys_file": str(path), "engine_platform": "bare",
            "engine_keys_remove": list(remove)}), **environment)
        done.restarted = "restart azimuth-engine.service" in asked.read_text()
        return done
    run.path = path
    return run


def test_a_bare_host_keeps_the_key_that_is_not_given(env_file):
    done = env_file(QDRANT_API_KEY="first-word",
                    QDRANT_READ_ONLY_API_KEY=ODD)
    assert done.code == 0 and done.restarted, done
    assert env_file.path.stat().st_mode & 0o777 == 0o600
    text = env_file.path.read_text()
    again = env_file()
    assert again.code == 0 and again.changed == 0, again
    same = env_file(QDRANT_READ_ONLY_API_KEY=ODD)
    assert same.code == 0 and same.changed == 0 and not same.restarted, same
    assert env_file.path.read_text() == text
    other = env_file(QDRANT_API_KEY="second-word")
    assert other.code == 0 and other.restarted, other
    kept, = [x for x in text.splitlines() if "READ_ONLY" in x]
    assert sorted(env_file.path.read_text().splitlines()) == sorted([
        "QDRANT__SERVICE__API_KEY=second-word", kept])
    for run in (done, again, same, other):
        assert not [word for word in ("first-word", "second-word", ODD, kept)
                    if word in run.out]


def test_a_bare_hosts_key_goes_when_that_is_said(env_file):
    env_file.path.write_text("QDRANT__SERVICE__API_KEY=a-word\n"
                             "QDRANT__SERVICE__READ_ONLY_API_KEY=to-look\n"
                             "QDRANT__LOG_LEVEL=DEBUG\n")
    done = env_file(["api-key"])
    assert done.code == 0 and done.restarted, done
    assert env_file.path.read_text().splitlines() == [
        "QDRANT__SERVICE__READ_ONLY_API_KEY=to-look",
        "QDRANT__LOG_LEVEL=DEBUG"]
    again = env_file(["api-key"])
    assert again.code == 0 and again.changed == 0, again
