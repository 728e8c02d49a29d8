# SPDX-License-Identifier: Apache-2.0
"""What preflight says of a bare host, a part at a time and without a machine:
many cases are one run, which goes on after each that stopped."""
import http.server
import json
import os
import subprocess
import threading

import pytest
import yaml

from conftest import INVENTORY


@pytest.fixture
def judge(play, tmp_path):
    """judge(part, {name: variables}): what each case was told, or ''."""
    inventory, book = tmp_path / "inventory.yaml", tmp_path / "book.yaml"
    inventory.write_text(INVENTORY)
    result = tmp_path / "result.json"

    def run(part, cases, **environment):
        book.write_text(yaml.safe_dump([{
            "hosts": "all", "gather_facts": False, "vars": {"told": {}},
            "tasks": [{
                "block": [{"ansible.builtin.include_role": {
                    "name": "preflight", "tasks_from": f"{part}.yml"},
                    "vars": variables}],
                "rescue": [{"ansible.builtin.set_fact": {
                    "told": "{{ told | combine({'%s': "
                    "ansible_failed_result.msg}) }}" % name}}]}
                for name, variables in cases.items()] + [{
                    "ansible.builtin.copy": {
                        "dest": str(result), "mode": "0600",
                        "content": "{{ told | to_json }}"}}]}]))
        done = play(inventory, book, **environment)
        assert done.code == 0, done
        told = json.loads(result.read_text())
        return {name: " ".join(told.get(name, "").split()) for name in cases}
    return run


def test_an_engine_that_others_reach_has_a_key(judge, tmp_path):
    here, none = tmp_path / "with-key", tmp_path / "none"
    here.mkdir()
    (here / "engine.env").write_text("QDRANT__SERVICE__API_KEY=old\n")
    away = {"preflight_etc_dir": str(none), "engine_listen": "10.0.0.1"}
    told = judge("engine", {
        "loopback": {"preflight_etc_dir": str(none)},
        "open": away,
        "wildcard": {**away, "engine_listen": "0.0.0.0"},
        "given": {**away, "preflight_engine_key": "new"},
        "kept": {**away, "preflight_etc_dir": str(here)},
        "removed": {**away, "preflight_etc_dir": str(here),
                    "engine_keys_remove": ["api-key"]},
        "allowed": {**away, "engine_open_to_network": True},
        "any_key": {"preflight_etc_dir": str(none),
                    "gateway_api_auth": "key_or_bearer"},
        "a_key": {"preflight_etc_dir": str(here), "gateway_api_auth": "key"},
    })
    stopped = {name for name, words in told.items() if words}
    assert stopped == {"open", "wildcard", "removed", "any_key"}, told
    assert "passes by the login. Give it a key: export QDRANT_API_KEY=" in \
        told["open"] and "engine_open_to_network: true" in told["open"]
    assert "is key_or_bearer, and an engine without a key takes any" in \
        told["any_key"]


def test_a_configuration_of_another_hand_is_not_replaced(judge, tmp_path):
    for name, text in (("ours", "# Written by Ansible.\n"),
                       ("another", "storage: {storage_path: /srv/data}\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "engine.yaml").write_text(text)
    told = judge("engine", {name: {"preflight_etc_dir": str(tmp_path / name)}
                            for name in ("ours", "another", "none")})
    assert not told["ours"] and not told["none"], told
    assert "engine.yaml was not written by this playbook" in told["another"]


def test_every_folder_of_data_is_looked_at(judge, tmp_path):
    data, disk = tmp_path / "data", tmp_path / "disk"
    (data / "snapshots").mkdir(parents=True)
    disk.mkdir()
    (data / "storage").symlink_to(disk)
    base = {"preflight_data_dir": str(data)}
    told = judge("data", {
        "folder": {**base, "preflight_path": str(data)},
        "snapshots": {**base, "preflight_path": f"{data}/snapshots"},
        "link": {**base, "preflight_path": f"{data}/storage"},
        "elsewhere": {**base, "preflight_path": str(disk)},
        "to_come": {**base, "preflight_path": f"{disk}/not/yet"},
        "relative": {**base, "preflight_path": "./storage"},
        "network": {**base, "preflight_path": f"{disk}/x",
                    "preflight_refused_file_systems":
                    "{{ [preflight_file_system.stdout.split()[0]] }}"},
        "small": {**base, "preflight_path": str(disk),
                  "preflight_data_mib_min": 10**9},
    })
    stopped = {name for name, words in told.items() if words}
    assert stopped == {"link", "relative", "network", "small"}, told
    assert f"leads to {disk} by a symbolic link" in told["link"]
    assert f"{disk}/x would be on" in told["network"]


REPLIES = {  # of a realm, and of the login of the administrator
    "away": (503, None), "moved": (301, None), "no_realm": (404, None),
    "http": (200, (403, {"error_description": "HTTPS required"})),
    "often": (200, (429, {})), "broken": (200, (500, {})),
    "wrong": (200, (401, {})), "right": (200, (200, {"access_token": "t"}))}


class FakeKeycloak(http.server.BaseHTTPRequestHandler):
    """/NAME in front of the path chooses the reply."""

    def reply(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        if status == 301:
            self.send_header("Location", "https://auth.example.com/")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.reply(REPLIES[self.path.split("/")[1]][0], {})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply(*REPLIES[self.path.split("/")[1]][1])

    def log_message(self, *_):
        pass


def test_a_keycloak_that_is_not_there_or_not_ready_is_named(judge):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FakeKeycloak)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at = f"http://127.0.0.1:{server.server_port}"
    told = judge("keycloak", {
        **{name: {"preflight_keycloak_url": f"{at}/{name}"}
           for name in REPLIES},
        "nobody": {"preflight_keycloak_url": "http://127.0.0.1:1"},
    }, ADMIN_PASSWORD="a-secret-word")
    server.shutdown()
    for name, words in {
            "away": "answers with HTTP 503 in its place",
            "moved": "leads to https://auth.example.com/. Set keycloak_url",
            "no_realm": "has no realm main",
            "http": "set keycloak_url to its https address",
            "often": "too many logins", "broken": "(HTTP 500",
            "wrong": "does not take ADMIN_PASSWORD",
            "nobody": "does not answer"}.items():
        assert words in told[name], (name, told[name])
    assert told["right"] == ""
    assert "a-secret-word" not in json.dumps(told)


def test_what_the_gateway_needs(judge, tmp_path):
    for name in ("one", "other"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-keyout",
             f"{name}.key", "-out", f"{name}.pem"], check=True,
            capture_output=True, cwd=tmp_path)
    subprocess.run(["openssl", "pkey", "-in", "one.key", "-out", "locked.key",
                    "-aes256", "-passout", "pass:word"], check=True,
                   cwd=tmp_path)

    def files(certificate, key):
        return {"preflight_certificate_file": f"{tmp_path}/{certificate}",
                "preflight_key_file": f"{tmp_path}/{key}"}

    good = files("one.pem", "one.key")
    told = judge("gateway", {
        "good": good,
        "away": {**good, "gateway_engine_host": "engine.invalid"},
        "mixed": files("one.pem", "other.key"),
        "turned": files("one.key", "one.pem"),
        "locked": files("one.pem", "locked.key"),
        "none": files("one.pem", "no.key")})
    if not os.path.exists("/etc/azimuth/gateway/nginx.conf"):
        assert told["good"] == ""
    assert "finds no address of the engine's host, engine.invalid" in \
        told["away"]
    for name in ("mixed", "turned", "locked"):
        assert "is not the key of the certificate in" in told[name], told
    assert told["none"]
