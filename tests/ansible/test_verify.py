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
            {"ansible.builtin.ping": {"data": "logged"}},
            {"ansible.builtin.include_role": {
                "name": "verify", "tasks_from": "api.yml"}}]}]))

    def run(*arguments, **environment):
        return play(inventory, book, "-e",
                    f"verify_api_url=http://127.0.0.1:{engine.port}",
                    *arguments, **environment)
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


# A module tells the log of its host what it was given.
LISTENER = """\
import syslog
def heard(*words):
    with open({path!r}, "a") as out:
        out.write(str(words[-1]) + "\\n")
syslog.syslog = heard
"""


def test_the_key_is_in_no_log(engine, use_api, tmp_path):
    engine.environment = {"QDRANT__SERVICE__API_KEY": "a-key-word"}
    engine.start()
    log, folder = tmp_path / "log", tmp_path / "python"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(LISTENER.format(path=str(log)))
    for key, code in (("a-key-word", 0), ("another-word", 2)):
        done = use_api("-vvv", QDRANT_API_KEY=key, PYTHONPATH=str(folder))
        assert done.code == code, done
        assert key not in done.out
    heard = log.read_text()
    assert "logged" in heard
    assert "a-key-word" not in heard and "another-word" not in heard
    assert "HTTP 401" in told(done), done


def test_an_engine_that_runs_without_its_key_is_named(engine, use_api):
    engine.start()
    done = use_api(QDRANT_API_KEY="a-key-word")
    assert done.code != 0 and "started without the key" in told(done), done
    assert engine.call("GET", "/collections").result["collections"] == []


def test_where_the_gate_asks_for_tokens_the_engine_is_used(engine, use_api):
    """Nothing here gives a token: that one is asked for must be seen."""
    engine.environment = {"QDRANT__SERVICE__API_KEY": "a-key-word"}
    engine.start()
    by_engine = ("-e", "azimuth_platform=bare", "-e",
                 "gateway_api_auth=bearer", "-e",
                 f"engine_http_port={engine.port}")
    done = use_api(*by_engine, QDRANT_API_KEY="a-key-word")
    assert done.code == 0, done
    engine.stop()
    engine.environment = {}
    engine.start()
    opened = use_api(*by_engine)
    assert opened.code != 0 and "asks for a token" in told(opened), opened
