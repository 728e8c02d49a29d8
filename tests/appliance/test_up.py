# SPDX-License-Identifier: Apache-2.0
"""./appliance up and what it leaves running."""
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from conftest import disk_with, is_alive
from ports import free_port


def test_up_ends_with_both_hosts_answering(running):
    said = running.first.stdout
    assert f"https://{running.host}:{running.port}" in said
    assert f"https://{running.api}:{running.port}" in said
    assert "curl --cacert" in said
    status, _, body = running.get(running.api, "/")
    assert status == 200 and json.loads(body)["title"]
    status, headers, _ = running.get(running.host, "/")
    assert status == 301 and headers["Location"].endswith("/dashboard")
    status, headers, _ = running.get(
        running.host, "/dashboard", Accept="text/html",
        **{"Sec-Fetch-Mode": "navigate"})
    assert status == 302 and "/oauth2/start" in headers["Location"]


def test_sample_is_there_and_the_printed_query_works(running):
    status, _, body = running.get(running.api, "/collections/debian_packages")
    assert status == 200
    assert json.loads(body)["result"]["points_count"] == 5000
    printed = running.first.stdout.split("a small web server:")[1]
    answer = subprocess.run(["sh", "-c", printed], capture_output=True,
                            text=True, timeout=60)
    found = json.loads(answer.stdout)["result"]["points"]
    assert len(found) == 5
    assert "web server" in json.dumps(found)


def test_provider_elsewhere_starts_no_keycloak(running):
    assert "keycloak" not in running.pids()
    assert "keycloak" not in running.run("status").stdout


def status_of(running, path):
    try:
        answer = urllib.request.urlopen(
            f"http://127.0.0.1:{running.status_port}{path}", timeout=10)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.read().decode()


def test_the_gateway_says_how_it_is(running):
    assert status_of(running, "/healthz") == (200, '{"live":true}\n')
    until = time.monotonic() + 20
    while True:
        status, body = status_of(running, "/readyz")
        said = json.loads(body)
        if said["valkey"]["ready"] and "127.0.0.1" in str(said["providers"]):
            break
        assert time.monotonic() < until, body
        time.sleep(0.1)
    # The provider of these tests is not there.
    assert status == 503 and not said["ready"]
    status, body = status_of(running, "/metrics")
    assert status == 200 and "azimuth_requests_total{outcome=" in body


def test_the_hosts_protect_browsers_and_write_down_denials(running):
    for host in (running.host, running.api):
        _, headers, _ = running.get(host, "/healthz")
        assert headers["Strict-Transport-Security"].startswith("max-age=")
        assert headers.get_all("X-Content-Type-Options") == ["nosniff"]
        assert len(headers["X-Request-Id"]) == 32
    status, headers, _ = running.get(running.host, "/collections?api-key=geheim")
    assert status == 401 and headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    log = running.state / "log"
    last = json.loads((log / "nginx-audit.log").read_text().splitlines()[-1])
    assert last["event"] == "denial" and last["path"] == "/collections"
    assert last["request_id"] == headers["X-Request-Id"]
    until = time.monotonic() + 10
    while last["request_id"] not in (log / "nginx-access.log").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    for name in ("nginx-audit.log", "nginx-access.log"):
        assert "geheim" not in (log / name).read_text()


def test_unknown_host_gets_nothing(running):
    status, _, body = running.get("other.localhost", "/collections")
    assert status == 421 and b"result" not in body


def test_second_up_is_quick_and_changes_nothing(running):
    pids = running.pids()
    leaf = (running.state / "tls/server.pem").read_bytes()
    started = time.monotonic()
    again = running.up()
    assert again.returncode == 0, again.said
    assert "nothing changed" in again.stdout
    assert time.monotonic() - started < 60
    assert running.pids() == pids
    assert (running.state / "tls/server.pem").read_bytes() == leaf
    # The settings of the first time were remembered.
    assert f":{running.port}" in again.stdout


def test_killed_child_is_named_and_comes_back_alone(running):
    before = running.pids()
    os.kill(before["azimuthd"], signal.SIGKILL)
    deadline = time.monotonic() + 30
    while is_alive(before["azimuthd"]) and time.monotonic() < deadline:
        time.sleep(0.1)
    status = running.run("status")
    assert status.returncode == 1
    line = next(l for l in status.stdout.splitlines() if "azimuthd" in l)
    assert "DOWN" in line and "appliance up" in line
    again = running.up()
    assert again.returncode == 0, again.said
    assert "azimuthd was not running" in again.said
    after = running.pids()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"azimuthd"}
    status = running.run("status")
    assert status.returncode == 0, status.said
    # What was stored is still there.
    _, _, body = running.get(running.api, "/collections/debian_packages")
    assert json.loads(body)["result"]["points_count"] == 5000


def workers_of(master):
    """Processes of the session that nginx's master leads, without it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                session = stat.read().rpartition(")")[2].split()[3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(pid) != master == int(session):
            found.append(int(pid))
    return found


def kill_master(appliance):
    master = appliance.pid("nginx")
    workers = workers_of(master)
    assert workers
    os.kill(master, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while is_alive(master) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert all(is_alive(worker) for worker in workers)
    return workers


def test_workers_of_a_killed_nginx_make_room(running):
    before = running.pids()
    workers = kill_master(running)
    assert running.run("status").returncode == 1
    again = running.up()
    assert again.returncode == 0, again.said
    assert "nginx was not running" in again.said
    assert not any(is_alive(worker) for worker in workers)
    after = running.pids()
    assert {name for name in before if before[name] != after[name]} == {
        "nginx"}
    assert running.get(running.api, "/healthz")[0] == 200


def test_child_that_hangs_is_named(running):
    pid = running.pid("azimuthd")
    os.kill(pid, signal.SIGSTOP)
    try:
        status = running.run("status")
        again = running.up()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert status.returncode == 1
    assert "NOT ANSWERING" in status.stdout
    assert "nginx" in status.stdout and "DOWN" not in status.stdout
    assert again.returncode == 1
    assert f"azimuthd (pid {pid}) does not answer" in again.stderr
    assert running.run("status").returncode == 0


def test_what_is_installed_starts_on_a_disk_that_is_nearly_full(running):
    little = running.up(**disk_with(100, running))
    assert little.returncode == 0, little.said
    assert "Little disk space: 100 MiB" in little.stdout
    full = running.up(**disk_with(10, running))
    assert full.returncode == 1 and "no disk space" in full.stderr
    assert running.run("status").returncode == 0


def test_changed_setting_restarts_only_what_it_concerns(running):
    before = running.pids()
    other = running.folder / "other.secret"
    other.write_text("another-secret\n")
    other.chmod(0o600)
    again = running.up("--client-secret-file", str(other))
    assert again.returncode == 0, again.said
    # nginx is told to read its files anew: no connection is lost.
    assert "nginx: its configuration or keys changed, reloaded" in again.stdout
    assert running.pids() == before
    assert running.run("status").returncode == 0
    again = running.up()
    assert "nothing changed" in again.stdout, again.said


def test_busy_port_leaves_what_runs_and_its_settings_alone(running):
    before = running.pids()
    with socket.create_server(("127.0.0.1", 0)) as busy:
        refused = running.up("--port", str(busy.getsockname()[1]))
    assert refused.returncode == 1
    assert "is in use by python" in refused.stderr
    assert running.pids() == before
    again = running.up()
    assert "nothing changed" in again.stdout, again.said
    assert running.get(running.api, "/healthz")[0] == 200


def test_logs_show_one_child_and_refuse_an_unknown_name(running):
    assert "nginx" in running.run("logs", "nginx").stdout
    wrong = running.run("logs", "nothing")
    assert wrong.returncode == 1 and "no log of 'nothing'" in wrong.stderr


def test_certificates_verify_and_keys_are_private(running):
    tls = running.state / "tls"
    subprocess.run(["openssl", "verify", "-CAfile", tls / "ca.pem",
                    "-verify_hostname", running.host, tls / "server.pem"],
                   check=True, capture_output=True)
    limits = subprocess.run(
        ["openssl", "x509", "-in", tls / "ca.pem", "-noout", "-ext",
         "nameConstraints"], check=True, capture_output=True, text=True)
    assert "critical" in limits.stdout
    assert f"DNS:{running.domain}" in limits.stdout
    for key in (tls / "ca.key", tls / "server.key",
                running.state / "secret/session-key",
                running.state / "secret/identity-key",
                running.state / "engine/identity-key",
                running.state / "secret/client-secret"):
        assert key.stat().st_mode & 0o077 == 0, key


def test_what_the_api_host_asks_for_is_an_option(running):
    words = [*running.ports(), *running.provider()]
    keyed = running.up(*words, "--api-auth", "key",
                       QDRANT__SERVICE__API_KEY="k-of-this-test")
    assert keyed.returncode == 0, keyed.said
    assert "api-key: YOUR-KEY" in keyed.stdout
    assert "k-of-this-test" not in keyed.said
    status, _, body = running.get(running.api, "/collections")
    assert status == 401 and b"API key" in body
    status, _, _ = running.get(running.api, "/collections",
                               **{"api-key": "k-of-this-test"})
    assert status == 200
    done = running.up(*words, "--api-auth", "open", "--forget-keys")
    assert done.returncode == 0, done.said
    assert running.get(running.api, "/collections")[0] == 200


def test_rights_are_the_administrators(running):
    """The file is kept as it was changed, and holds after the next up."""
    file = running.state / "rights.conf"
    assert "azimuth_map any manage *;" in file.read_text()
    nginx, engine = running.pid("nginx"), running.pid("azimuthd")
    file.write_text("azimuth_map role=reader read *;\n")
    done = running.up(*running.ports(), *running.provider())
    assert done.returncode == 0, done.said
    assert file.read_text() == "azimuth_map role=reader read *;\n"
    assert "nginx: its configuration or keys changed, reloaded" in done.stdout
    assert running.pid("nginx") == nginx
    assert running.pid("azimuthd") == engine
    file.write_text("azimuth_map role=reader steal *;\n")
    done = running.up(*running.ports(), *running.provider())
    assert done.returncode != 0 and "read, write or manage" in done.said
    # No line at all is no lock, and is said.
    file.write_text("# azimuth_map role=reader read *;\n")
    done = running.up(*running.ports(), *running.provider())
    assert done.returncode == 0, done.said
    assert "whoever logs in may do everything" in done.stdout
    file.unlink()
    done = running.up(*running.ports(), *running.provider())
    assert done.returncode == 0 and "may do everything" not in done.said
    assert "azimuth_map any manage *;" in file.read_text()


def test_the_engine_believes_the_gateway_and_keeps_an_audit_log(running):
    url = f"http://127.0.0.1:{running.engine_port}/collections"
    request = urllib.request.Request(url, headers={"X-Azimuth-Identity": "x"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 401
    assert b"X-Azimuth-Identity" in caught.value.read()
    lines = (running.state / "engine/audit.log").read_text().splitlines()
    last = json.loads(lines[-1])
    assert (last["operation"], last["result"]) == ("GET /collections",
                                                   "denied")


def test_down_leaves_nothing_running(appliance):
    first = appliance.up(*appliance.ports(), *appliance.provider(),
                         "--no-sample")
    assert first.returncode == 0, first.said
    pids = appliance.pids()
    assert set(pids) == {"valkey", "azimuthd", "nginx"}
    down = appliance.run("down")
    assert down.returncode == 0, down.said
    for name, pid in pids.items():
        assert not is_alive(pid), name
    for port in (appliance.port, appliance.engine_port):
        with socket.create_server(("127.0.0.1", port)):
            pass    # nobody holds it
    assert "Nothing was running" in appliance.run("down").stdout
    assert appliance.run("status").returncode == 1
    # Not even the workers of an nginx that was killed.
    again = appliance.up()
    assert again.returncode == 0, again.said
    workers = kill_master(appliance)
    assert "nginx" in appliance.run("down").stdout
    assert not any(is_alive(worker) for worker in workers)


def engine_call(appliance, method, path, body=None, key=None):
    request = urllib.request.Request(
        f"http://127.0.0.1:{appliance.engine_port}{path}", method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json",
                 **({"api-key": key} if key else {})})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_keys_of_the_engine_are_remembered(appliance):
    """An API that had a key is never opened without a word."""
    key = {"QDRANT__SERVICE__API_KEY": "first secret"}
    said = appliance.up(*appliance.ports(), *appliance.provider(),
                        "--no-sample", **key)
    assert said.returncode == 0, said.said
    assert "QDRANT__SERVICE__API_KEY" in said.stdout
    assert engine_call(appliance, "GET", "/collections")[0] == 401
    before = appliance.pids()
    again = appliance.up(QDRANT__LOG_LEVEL="")
    assert "nothing changed" in again.stdout, again.said
    # The sample was not wanted, and still is not.
    assert engine_call(appliance, "GET", "/collections/debian_packages",
                       key="first secret")[0] == 404
    os.kill(before["azimuthd"], signal.SIGKILL)
    while is_alive(before["azimuthd"]):
        time.sleep(0.05)
    again = appliance.up()
    assert again.returncode == 0, again.said
    assert engine_call(appliance, "GET", "/collections")[0] == 401
    assert appliance.run("status").returncode == 0

    # Another key beside it: the engine is started anew with both.
    before = appliance.pids()
    again = appliance.up(QDRANT__LOG_LEVEL="DEBUG")
    assert "azimuthd: its program, configuration or keys changed" \
        in again.stdout
    after = appliance.pids()
    assert {n for n in before if before[n] != after[n]} == {"azimuthd"}
    assert engine_call(appliance, "GET", "/collections")[0] == 401

    kept = [p for p in appliance.state.rglob("*") if p.is_file() and
            b"first secret" in p.read_bytes()]
    assert {p.parent.name for p in kept} == {"secret"}
    assert all(p.stat().st_mode & 0o077 == 0 for p in kept)
    again = appliance.up("--forget-keys")
    assert again.returncode == 0 and "QDRANT__" not in again.stdout
    assert engine_call(appliance, "GET", "/collections")[0] == 200


def test_a_wrong_key_of_the_engine_is_not_remembered(appliance):
    words = (*appliance.ports(), *appliance.provider(), "--no-sample")
    assert appliance.up(*words).returncode == 0
    wrong = appliance.up(QDRANT__SERVICE__MAX_REQUEST_SIZE_MB="much",
                         QDRANT__SERVICE__API_KEY="stays")
    assert wrong.returncode == 1, wrong.said
    # What would not start does not end the one that runs.
    assert engine_call(appliance, "GET", "/collections")[0] == 200
    again = appliance.up()
    assert again.returncode == 0, again.said
    assert "keys given last time: forgotten" in again.stdout
    assert "MAX_REQUEST_SIZE_MB" not in again.stdout
    # The key of the API holds: nothing was opened by a mistake elsewhere.
    assert engine_call(appliance, "GET", "/collections")[0] == 401


def test_damage_and_a_deleted_sample_are_seen(appliance):
    up = [*appliance.ports(), *appliance.provider()]
    assert appliance.up(*up).returncode == 0
    path = "/collections/debian_packages"
    assert engine_call(appliance, "DELETE", path)[0] == 200
    body = {"vectors": {"size": 4, "distance": "Dot"}}
    assert engine_call(appliance, "PUT", "/collections/c", body)[0] == 200
    # Whoever deleted it does not want it back.
    assert appliance.up().returncode == 0
    assert engine_call(appliance, "GET", path)[0] == 404
    assert appliance.run("status").returncode == 0
    appliance.run("down")
    folder, = (appliance.state / "storage").glob("**/collection.json")
    folder.write_text("{")
    again = appliance.up()
    assert again.returncode == 0
    status = appliance.run("status")
    assert status.returncode == 1
    for said in (again.stdout, status.stdout):
        assert f"damaged-{folder.parent.name} in {folder.parent}" in said
        assert "back from a backup" in said


def test_down_spares_a_process_that_only_has_the_pid(appliance):
    (appliance.state / "run").mkdir(parents=True)
    with subprocess.Popen(["sleep", "600"]) as other:
        (appliance.state / "run/azimuthd.pid").write_text(f"{other.pid} 1\n")
        try:
            assert "Nothing was running" in appliance.run("down").stdout
            assert other.poll() is None
        finally:
            other.kill()


def test_own_keycloak_takes_the_demo_user_and_prints_the_password_once(
        appliance):
    keycloak_port = free_port(neighbours=1)
    first = appliance.up(*appliance.ports(), "--keycloak-port",
                         str(keycloak_port), "--no-sample")
    assert first.returncode == 0, first.said
    password = (appliance.state / "secret/demo-password").read_text().strip()
    assert password in first.stdout
    status, _, body = appliance.get(
        f"keycloak.{appliance.domain}",
        "/realms/azimuth/.well-known/openid-configuration")
    assert status == 200
    issuer = f"https://keycloak.{appliance.domain}:{appliance.port}"
    assert json.loads(body)["issuer"] == f"{issuer}/realms/azimuth"
    # The management port is not published; on loopback it says ready.
    urllib.request.urlopen(
        f"http://127.0.0.1:{keycloak_port + 1}/health/ready", timeout=10)
    # Keycloak is there: no space for another one is needed.
    again = appliance.up(**disk_with(300, appliance))
    assert again.returncode == 0 and "nothing changed" in again.stdout
    assert password not in again.stdout
    status = appliance.run("status")
    assert status.returncode == 0 and "keycloak" in status.stdout
    assert password not in status.stdout
    # Another port: the provider is told, or it would refuse to come back.
    appliance.port = free_port()
    moved = appliance.up("--port", str(appliance.port))
    assert moved.returncode == 0, moved.said
    back = urllib.parse.quote(
        f"https://{appliance.host}:{appliance.port}/oauth2/callback")
    status, _, body = appliance.get(
        f"keycloak.{appliance.domain}",
        "/realms/azimuth/protocol/openid-connect/auth?client_id="
        "qdrant-dashboard&response_type=code&scope=openid&redirect_uri="
        f"{back}&code_challenge_method=S256&code_challenge={'A' * 43}")
    assert status == 200 and b"kc-login" in body
