# SPDX-License-Identifier: Apache-2.0
"""What is done on other days, without a machine: the report of `--tags
troubleshoot`, its redaction, and the gateway's limits. tests/ansible/test_bare.py
has the whole on a machine, tests/deploy/day2.py on an API server."""
import importlib.util
import json
import pathlib
import re
import tempfile

import pytest
import yaml
from azimuthd import Engine, program

from conftest import INVENTORY, PLAYBOOKS, ROOT

ROLES = ROOT / "ansible/roles"
SECRET = "Zm9vYmFyLXNlY3JldA"


@pytest.fixture(scope="module")
def report():
    path = ROLES / "troubleshoot/filter_plugins/report.py"
    spec = importlib.util.spec_from_file_location("report", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("line", [
    f'GET /oauth2/callback?state=x&code={SECRET} HTTP/1.1',
    f'request: "GET /collections?api-key={SECRET} HTTP/1.1", upstream',
    f"Authorization: Bearer {SECRET}", f"authorization: Basic {SECRET}",
    f"api-key: {SECRET}", f'"api_key":"{SECRET}", "x": 1',
    f"QDRANT__SERVICE__API_KEY={SECRET}",
    f"QDRANT__SERVICE__READ_ONLY_API_KEY=\"{SECRET} more\"",
    f"AWS_SECRET_ACCESS_KEY={SECRET}", f"client-secret: {SECRET}",
    f"Set-Cookie: azimuth={SECRET}; Path=/", f"password = '{SECRET}'",
    f"https://user:{SECRET}@registry.example.com/x",
    f"token eyJhbGciOiJIUzI1NiJ9.{SECRET}.{SECRET}",
])
def test_no_secret_is_shown(report, line):
    for shown in (report.redacted(line),
                  report.with_trouble([line + " failed"])):
        assert SECRET not in " ".join(shown)
        assert shown


@pytest.mark.parametrize("line", [
    "azimuthd: cannot open /var/lib/azimuth-engine/storage: no space left",
    "connect() failed (111: Connection refused) while connecting to upstream",
    "GET /collections/docs/points/query 503", "the secret has no client-secret",
    "2026-11-29T07:00:00Z ERROR storage: the log of docs is damaged at 4096",
])
def test_what_is_no_secret_stays(report, line):
    assert report.redacted(line) == [line]


def show(**state):
    return "\n".join(f"{name}={value}" for name, value in {
        "LoadState": "loaded", "ActiveState": "active", "NRestarts": 0,
        **state}.items())


@pytest.mark.parametrize("state, lines, words", [
    ({}, [], None),
    ({"LoadState": "not-found"}, [], "is not installed"),
    ({"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": 1},
     ["INFO starts", "ERROR port 6333 is in use", "Main process exited"],
     "is failed (exit-code, status 1): ERROR port 6333 is in use"),
    ({"ActiveState": "inactive", "Result": "success", "ExecMainStatus": 0},
     ["INFO stopped"], "is inactive (success, status 0): INFO stopped"),
    ({"NRestarts": 3}, ["FATAL out of memory"],
     "was started again 3 times: FATAL out of memory"),
])
def test_a_unit_that_is_ill_is_named_with_its_cause(report, state, lines,
                                                    words):
    found = report.unit_finding("azimuth-engine", show(**state), lines)
    assert found == ([] if words is None else [f"azimuth-engine {words}"]) or \
        found[0].startswith(f"azimuth-engine {words}"), found


def pod(name, **status):
    return {"metadata": {"name": name, "labels": {"app": "qdrant"}},
            "spec": {"nodeName": "here"}, "status": status}


def container(**more):
    return {"name": "qdrant", "image": "azimuth-engine:0.1.0",
            "restartCount": 0, "ready": True,
            "state": {"running": {"startedAt": "now"}}, **more}


@pytest.mark.parametrize("status, log, words", [
    ({"phase": "Running", "containerStatuses": [container()]}, [], []),
    ({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False",
         "message": "0/3 nodes have enough memory"}]}, [],
     ["qdrant-0 has no node: 0/3 nodes have enough memory"]),
    ({"phase": "Pending", "containerStatuses": [container(
        ready=False, state={"waiting": {
            "reason": "ImagePullBackOff", "message": "no such image"}})]}, [],
     ["is not ready (waiting: ImagePullBackOff, no such image)"]),
    ({"phase": "Running", "containerStatuses": [container(
        ready=False, restartCount=4, state={"waiting": {
            "reason": "CrashLoopBackOff"}}, lastState={"terminated": {
                "reason": "OOMKilled", "exitCode": 137}})]},
     ["INFO starts", "ERROR no space left on the disk"],
     ["the one before ended: OOMKilled, exit 137): "
      "ERROR no space left on the disk"]),
])
def test_a_pod_that_is_ill_is_named_with_its_cause(report, status, log, words):
    found = report.pod_findings(pod("qdrant-0", **status),
                                {"qdrant-0/qdrant": log})
    assert len(found) == len(words), found
    for text, part in zip(found, words, strict=True):
        assert part in text, found


def test_a_release_is_shown_line_by_line(report):
    done = report.report_k8s({"release": {"status": "pending-upgrade",
                                          "revision": "2"}}, 5)
    assert done["seen"]["release"] == ["status: pending-upgrade", "revision: 2"]
    assert "the release is pending-upgrade" in " ".join(done["found"])


def test_a_cluster_without_anything_is_told(report):
    done = report.report_k8s({}, 5)
    assert "there is no release qdrant" in " ".join(done["found"])


@pytest.fixture
def look(play, tmp_path):
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(INVENTORY)

    def run(*words):
        return play(inventory, "10_deploy.yaml", "--tags", "troubleshoot",
                    *words)
    return run


def test_it_looks_where_nothing_is_installed(look, tmp_path):
    """No password is needed, no part has to run, and nothing changes."""
    engine = Engine(tmp_path / "engine")
    engine.start()
    try:
        done = look("-e", f"engine_http_port={engine.port}",
                    "-e", "gateway_status_port=1")
    finally:
        engine.kill()
    told = re.sub(r"\s+", " ", done.out)
    assert done.code == 0 and done.changed == 0, done
    assert f"http://127.0.0.1:{engine.port}/readyz: 200" in told
    assert "http://127.0.0.1:1/readyz says -1" in told
    assert "azimuth-gateway is" in told # not installed, or unknown


def test_a_backup_comes_back(play, environment, tmp_path):
    """By the engine's own key, which no argument and no file keeps."""
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(INVENTORY)
    (tmp_path / "engine.env").write_text(
        "QDRANT__SERVICE__API_KEY=a-key-word\n")
    engine = Engine(tmp_path / "engine")
    engine.environment = {"QDRANT__SERVICE__API_KEY": "a-key-word"}
    key = {"api-key": "a-key-word"}

    def run(tag, **more):
        return play(inventory, "10_deploy.yaml", "--tags", tag, "-e",
                    json.dumps({
                        "engine_http_port": engine.port, **more,
                        "backup_dir": str(tmp_path / "backups"),
                        "engine_keys_file": str(tmp_path / "engine.env")}),
                    PATH=f"{program().parent}:{environment['PATH']}")

    def there():
        return engine.call("GET", "/collections/kept/exists",
                           headers=key).result["exists"]

    engine.start()
    try:
        assert engine.call("PUT", "/collections/kept", {
            "vectors": {"size": 2, "distance": "Dot"}},
            headers=key).status == 200
        done = run("backup")
        assert done.code == 0 and done.changed > 0, done
        assert engine.call("DELETE", "/collections/kept",
                           headers=key).status == 200 and not there()
        back = run("restore")
        assert back.code == 0 and there(), back
        again = run("restore", backup_restore_collections=["kept"])
        assert again.code != 0 and "--overwrite" in again.out, again
        over = run("restore", backup_restore_overwrite=True)
        assert over.code == 0 and there(), over
    finally:
        engine.kill()
    for one in (done, back, again, over):
        assert "a-key-word" not in one.out
    assert not list(pathlib.Path(tempfile.gettempdir()).glob("azimuth-key.*"))


def test_each_tag_of_other_days_does_something():
    """The issue's names, and no other play runs with those that only look."""
    plays = yaml.safe_load((PLAYBOOKS / "10_deploy.yaml").read_text())
    tags = [set(play["tags"]).union(*(
        set(role.get("tags", [])) for role in play.get("roles", [])))
        for play in plays]
    for name in ("apikey", "netpol", "ratelimit", "audit", "rotate", "backup",
                 "restore", "upgrade", "troubleshoot"):
        assert any(name in one for one in tags), name
    for name in ("backup", "restore", "troubleshoot"):
        assert [one for one in tags if name in one] == [{"never", name}]


@pytest.mark.parametrize("limits, dashboard, api", [
    ({}, "rate=300r/s burst=3000", None),
    ({"dashboard": "10r/s", "dashboardBurst": 20, "api": "50r/s"},
     "rate=10r/s burst=20", "rate=50r/s burst=1000"),
    ({"dashboard": ""}, None, None),
])
def test_limits_come_into_the_configuration(play, tmp_path, limits, dashboard,
                                            api):
    """Of the appliance's templates; test_bare.py has nginx judge them."""
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(INVENTORY)
    book = tmp_path / "book.yaml"
    gateway = ROLES / "gateway"
    book.write_text(yaml.safe_dump([{
        "hosts": "box", "gather_facts": False,
        "vars_files": [str(gateway / "defaults/main.yml"),
                       str(gateway / "vars/main.yml")],
        "tasks": [{"ansible.builtin.template": {
            "src": str(gateway / "templates/place.conf.j2"),
            "dest": str(tmp_path / "{{ item }}"), "mode": "0600"},
            "loop": ["ui.conf", "api.conf"]}]}]))
    done = play(inventory, book, "-e", json.dumps({
        "gateway_templates": str(ROOT / "ingress/nginx"),
        "gateway_nginx_version": "1.22.1", "gateway_rate_limit": limits}))
    assert done.code == 0, done
    lines = {name: [x.strip() for x in (tmp_path / name).read_text(
        ).splitlines() if "azimuth_rate_limit" in x and
        ("zone=user" in x or "zone=api" in x)]
        for name in ("ui.conf", "api.conf")}
    assert lines["ui.conf"] == ([] if dashboard is None else [
        f"azimuth_rate_limit zone=user:1m {dashboard} key=user;"])
    assert lines["api.conf"] == ([] if api is None else [
        f"azimuth_rate_limit zone=api:1m {api} key=address;"])
    assert not re.search(r"@[A-Z_]+@", (tmp_path / "api.conf").read_text())
