# SPDX-License-Identifier: Apache-2.0
"""What 18_test does with the API, on a real engine: it passes, leaves nothing,
and fails where a part of the engine does. tests/ansible/test_bare.py breaks the
units and the login, tests/deploy/playbooks.py the objects of a cluster."""
import re

import pytest
import yaml
from azimuthd import Engine

from conftest import ROOT

INVENTORY = """\
all:
  hosts: {box: {ansible_connection: local}}
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    domain_name: example.com
    verify_retries: 1
"""


@pytest.fixture
def engine(tmp_path):
    engine = Engine(tmp_path / "engine")
    yield engine
    engine.kill()


@pytest.fixture
def use_api(play, engine, tmp_path):
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(INVENTORY)
    book = tmp_path / "book.yaml"
    book.write_text(yaml.safe_dump([{
        "hosts": "all", "gather_facts": False, "tasks": [
            {"ansible.builtin.include_role": {
                "name": "verify", "tasks_from": "api.yml"}}]}]))

    def run(**environment):
        return play(inventory, book, "-e",
                    f"verify_api_url=http://127.0.0.1:{engine.port}",
                    **environment)
    return run


def told(done):
    return re.sub(r"\s+", " ", done.out)


def test_it_uses_the_api_and_leaves_nothing(engine, use_api):
    engine.start()
    engine.create("kept")
    done = use_api()
    assert done.code == 0 and done.changed == 0, done
    names = engine.call("GET", "/collections").result["collections"]
    assert [item["name"] for item in names] == ["kept"]
    metrics = engine.call("GET", "/metrics").text
    assert "/points/query" in metrics # it has searched


def test_it_has_the_key(engine, use_api):
    engine.environment = {"QDRANT__SERVICE__API_KEY": "a-key-word"}
    engine.start()
    assert use_api(QDRANT_API_KEY="a-key-word").code == 0
    refused = use_api()
    assert refused.code != 0 and "401" in told(refused), refused


def test_an_engine_that_is_away_is_named(engine, use_api):
    engine.start()
    engine.stop()
    done = use_api()
    assert done.code != 0 and "Wait for the API" in told(done), done


def test_an_engine_that_takes_no_writes_is_named(engine, use_api):
    engine.environment = {"QDRANT__SERVICE__API_KEY": "a-key-word",
                          "QDRANT__SERVICE__READ_ONLY_API_KEY": "to-look"}
    engine.start()
    done = use_api(QDRANT_API_KEY="to-look")
    assert done.code != 0 and "Create the collection" in told(done), done
    key = {"api-key": "a-key-word"}
    assert engine.call("GET", "/collections", headers=key).result[
        "collections"] == []
