# SPDX-License-Identifier: Apache-2.0
"""A fresh machine gets everything by one playbook; then again, broken, and
gone. Real parts: Debian's packages, nginx, Valkey, the engine, Keycloak.
make check-deploy runs it (root, a few minutes)."""
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.parse
import urllib.request

import pytest

from azimuthd import free_ports
from machine import Machine, available

pytestmark = pytest.mark.skipif(
    os.environ.get("AZIMUTH_DEPLOY") != "1" or not available(),
    reason="make check-deploy runs it, as root")

PASSWORD = "an-administrator-of-the-test"
START_SECONDS = 180


class Keycloak:
    def __init__(self, folder, port):
        self.url = f"http://127.0.0.1:{port}"
        secret = folder / "secret"
        secret.mkdir(parents=True)
        (secret / "keycloak-admin-password").write_text(PASSWORD)
        self.log = open(folder / "log.txt", "wb")
        self.process = subprocess.Popen(
            [str(pathlib.Path(__file__).parent / "keycloak.sh"), str(folder),
             str(port)], stdout=self.log, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.call("GET", "/admin/realms")
                break
            except OSError:
                assert self.process.poll() is None, \
                    (folder / "log.txt").read_text()[-2000:]
                assert time.monotonic() < deadline
                time.sleep(0.5)
        self.call("POST", "/admin/realms", {
            "realm": "main", "enabled": True, "sslRequired": "none"})

    def call(self, method, path, body=None):
        form = urllib.parse.urlencode({
            "client_id": "admin-cli", "grant_type": "password",
            "username": "admin", "password": PASSWORD}).encode()
        token = json.load(urllib.request.urlopen(
            f"{self.url}/realms/master/protocol/openid-connect/token",
            form))["access_token"]
        request = urllib.request.Request(
            self.url + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}",
                     "Content-Type": "application/json"})
        text = urllib.request.urlopen(request).read()
        return json.loads(text) if text else None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.log.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Machine, Keycloak, inventory."""
    packages = os.environ.get("AZIMUTH_PACKAGES_DIR")
    assert packages, "AZIMUTH_PACKAGES_DIR names the folder of .deb files"
    folder = tmp_path_factory.mktemp("site")
    keycloak_port, = free_ports(1)
    # Keycloak takes the next one, too.
    ssh, https, status, http, grpc = [
        port for port in free_ports(7)
        if port not in (keycloak_port, keycloak_port + 1)][:5]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
         "/CN=box.test", "-addext", "subjectAltName=DNS:qdrant.box.test,"
         "DNS:qdrant-dashboard.box.test", "-keyout", str(folder / "tls.key"),
         "-out", str(folder / "tls.pem")], check=True, capture_output=True)
    keycloak = Keycloak(folder / "keycloak", keycloak_port)
    machine = Machine(folder / "box", ssh)
    try:
        with machine:
            machine.sh("echo 127.0.0.1 qdrant.box.test "
                       "qdrant-dashboard.box.test >>/etc/hosts")
            (machine.root / "etc/ssl/box.pem").write_bytes(
                (folder / "tls.pem").read_bytes())
            machine.keycloak = keycloak
            machine.api = f"https://qdrant.box.test:{https}"
            machine.engine_port = http
            machine.variables = {
                "ansible_host": "127.0.0.1", "ansible_port": ssh,
                "ansible_user": "root",
                "ansible_ssh_private_key_file": str(machine.key),
                "ansible_ssh_common_args": " ".join(machine.ssh_options()),
                "azimuth_platform": "bare", "azimuth_packages_dir": packages,
                "domain_name": "box.test", "keycloak_url": keycloak.url,
                "keycloak_realm": "main",
                "gateway_certificate_file": str(folder / "tls.pem"),
                "gateway_key_file": str(folder / "tls.key"),
                "gateway_ca_file": "/etc/ssl/box.pem",
                "gateway_https_port": https, "gateway_status_port": status,
                "engine_http_port": http, "engine_grpc_port": grpc,
                "verify_retries": 2}
            machine.inventory = folder / "inventory.json"
            write_inventory(machine)
            yield machine
    finally:
        keycloak.stop()


def write_inventory(machine, **changes):
    path = machine.inventory if not changes else \
        machine.inventory.with_name("changed.json")
    path.write_text(json.dumps({"all": {
        "vars": {**machine.variables, **changes},
        "children": {"azimuth_gateway": {"hosts": {"box": {}}},
                     "azimuth_engine": {"hosts": {"box": {}}}}}}))
    return path


def told(done):
    return re.sub(r"\s+", " ", done.out)


def stops(play, machine, words, password=PASSWORD, **changes):
    done = play(write_inventory(machine, **changes), "00_install.yaml",
                ADMIN_PASSWORD=password)
    assert done.code != 0 and words in told(done), done
    assert done.changed == 0, done
    assert PASSWORD not in done.out


def test_1_what_is_wrong_stops_it_before_anything_changes(play, site, tmp_path):
    stops(play, site, "does not take ADMIN_PASSWORD", password="wrong")
    stops(play, site, "does not answer", keycloak_url="http://127.0.0.1:1")
    stops(play, site, "has no realm nowhere", keycloak_realm="nowhere")
    stops(play, site, "one .deb file each", azimuth_packages_dir=str(tmp_path))
    stops(play, site, "cannot be read",
          gateway_certificate_file=str(tmp_path / "no.pem"))
    stops(play, site, "in use", engine_http_port=site.ssh_port)
    stops(play, site, "keeps no promise", preflight_refused_file_systems=[
        "overlayfs", "ext2/ext3"])
    stops(play, site, "MiB are free", preflight_data_mib_min=10**9)
    site.sh("mkdir -p /etc/azimuth/gateway; "
            "echo mine >/etc/azimuth/gateway/nginx.conf")
    stops(play, site, "Move it away")
    site.sh("rm -r /etc/azimuth")
    assert "azimuth" not in site.sh("find /etc /var/lib -name '*azimuth*'")


def test_2_one_playbook_installs_and_a_second_run_changes_nothing(play, site):
    done = play(site.inventory, "00_install.yaml", ADMIN_PASSWORD=PASSWORD)
    assert done.code == 0 and done.changed > 10, done
    assert PASSWORD not in done.out
    again = play(site.inventory, "00_install.yaml", ADMIN_PASSWORD=PASSWORD)
    assert again.code == 0 and again.changed == 0, again
    looked = play(site.inventory, "00_install.yaml", "--check",
                  ADMIN_PASSWORD=PASSWORD)
    assert looked.code == 0 and looked.changed == 0, looked


def test_3_keycloak_has_what_the_document_says(site):
    realm = site.keycloak.call("GET", "/admin/realms/main")
    headers = realm["browserSecurityHeaders"]
    dashboard = headers["accessControlAllowOrigin"]
    assert dashboard.startswith("https://qdrant-dashboard.box.test")
    assert headers["xFrameOptions"] == f"ALLOW-FROM {dashboard}"
    client, = site.keycloak.call(
        "GET", "/admin/realms/main/clients?clientId=qdrant-dashboard")
    assert sorted(client["webOrigins"]) == sorted(["*", dashboard, "+"])
    assert client["attributes"]["access.token.lifespan"] == "3600"
    assert client["redirectUris"] == [f"{dashboard}/oauth2/callback"]
    assert {m["name"] for m in client["protocolMappers"]} >= {
        "audience-mapper", "realm roles as groups"}


def test_4_units_are_hardened_and_never_root(site):
    for unit in ("engine", "gateway", "sessions"):
        line = site.sh(f"systemd-analyze security --no-pager azimuth-{unit} "
                       "| tail -n 1")
        assert float(re.search(r"[0-9]+\.[0-9]+", line)[0]) <= 3, line
        pid = site.sh(f"systemctl show -P MainPID azimuth-{unit}").strip()
        assert site.sh(f"stat -c %u /proc/{pid}").strip() != "0"
    modes = site.sh("find /etc/azimuth -name '*key*' -o -name '*secret' "
                    "-type f -o -name '*password' | xargs stat -c '%a %F'")
    assert all(line.split()[0] in ("600", "700") for line in
               modes.splitlines()), modes
    log = site.sh("journalctl --no-pager -u 'azimuth-*'")
    secret = site.sh("cat /etc/azimuth/gateway/secret/client-secret").strip()
    assert secret not in log and PASSWORD not in log


def test_5_data_and_services_survive_a_reboot(play, site):
    url = f"http://127.0.0.1:{site.engine_port}/collections/kept"
    for path, body in (("", {"vectors": {"size": 2, "distance": "Dot"}}),
                       ("/points?wait=true", {"points": [
                           {"id": 1, "vector": [1, 2]}]})):
        urllib.request.urlopen(urllib.request.Request(
            url + path, method="PUT", data=json.dumps(body).encode()))
    site.reboot()
    done = play(site.inventory, "18_test.yaml")
    assert done.code == 0, done
    assert json.load(urllib.request.urlopen(url))["result"][
        "points_count"] == 1


@pytest.mark.parametrize("broken, mended, words", [
    ("systemctl stop azimuth-engine", "systemctl start azimuth-engine",
     "azimuth-engine is inactive"),
    ("systemctl stop azimuth-sessions", "systemctl start azimuth-sessions",
     "azimuth-sessions is inactive"),
    ("systemctl stop azimuth-gateway", "systemctl start azimuth-gateway",
     "azimuth-gateway is inactive"),
    ("systemctl kill -s STOP azimuth-sessions",
     "systemctl kill -s CONT azimuth-sessions", "not ready"),
    ("sed -i s/azimuth_auth/#azimuth_auth/ /etc/azimuth/gateway/program/"
     "ui.conf && systemctl reload azimuth-gateway",
     "sed -i s/#azimuth_auth/azimuth_auth/ /etc/azimuth/gateway/program/"
     "ui.conf && systemctl reload azimuth-gateway", "Ask for pages"),
])
def test_6_a_broken_part_is_found(play, site, broken, mended, words):
    site.sh(broken)
    try:
        done = play(site.inventory, "18_test.yaml")
        assert done.code != 0 and words in told(done), done
    finally:
        site.sh(mended)


def test_7_the_test_leaves_nothing(play, site):
    done = play(site.inventory, "18_test.yaml")
    assert done.code == 0 and done.changed == 0, done
    names = json.load(urllib.request.urlopen(
        f"http://127.0.0.1:{site.engine_port}/collections"))["result"]
    assert [c["name"] for c in names["collections"]] == ["kept"]


def test_8_rollback_keeps_a_backup_and_nothing_else(play, site):
    refused = play(site.inventory, "19_rollback.yaml")
    assert refused.code != 0 and refused.changed == 0
    done = play(site.inventory, "19_rollback.yaml", "-e",
                "confirm_delete=true")
    assert done.code == 0, done
    left = site.sh("find / -xdev -name '*azimuth*' -not -path '/proc/*' -not "
                   "-path '/var/lib/apt/*' -not -path '/var/log/journal/*' "
                   "-not -path '/root/.ansible/*'")
    backups = [line for line in left.split() if "/var/backups/azimuth" in line]
    assert backups and "/var/lib/azimuth-engine" not in left, left
    files = site.sh("find /var/backups/azimuth -name '*.jsonl'").split()
    assert files[0].endswith("/kept.jsonl")
    assert '{"end":{"points":1}}' in site.sh(f"cat {files[0]}")
    again = play(site.inventory, "19_rollback.yaml", "-e",
                 "confirm_delete=true")
    assert again.code == 0 and again.changed == 0, again
    assert site.keycloak.call(
        "GET", "/admin/realms/main/clients?clientId=qdrant-dashboard")


