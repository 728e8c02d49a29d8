# SPDX-License-Identifier: Apache-2.0
"""A fresh machine gets everything by one playbook; people and applications use
it; it starts again, is upgraded, broken, and gone. Real parts: Debian's
packages, nginx, Valkey, the engine, Keycloak, Chromium, Qdrant's own client.
make check-deploy runs it (root, some minutes). The tests are one story, in
their order."""
import contextlib
import json
import math
import os
import re
import subprocess
import time

import pytest

import days
import once
from bare import PASSWORD, USER, Visitor, Writer
from conftest import ROOT, keep
from machine import available

pytestmark = pytest.mark.skipif(
    os.environ.get("AZIMUTH_DEPLOY") != "1" or not available(),
    reason="make check-deploy runs it, as root")

BROWSER = ROOT / "tests" / "browser"
WALK_SECONDS = 300
KEPT = "debian_packages"  # the name that login.mjs looks for
UNITS = ("engine", "gateway", "sessions")


def told(done):
    return re.sub(r"\s+", " ", done.out)


def stops(play, site, words, password=PASSWORD, **changes):
    done = play(site.changed(**changes), "00_install.yaml",
                ADMIN_PASSWORD=password)
    assert done.code != 0 and words in told(done), done
    assert done.changed == 0, done
    assert PASSWORD not in done.out


def test_01_what_is_wrong_stops_it_before_anything_changes(
        play, site, tmp_path):
    stops(play, site, "does not take ADMIN_PASSWORD", password="wrong")
    stops(play, site, "does not answer", keycloak_url="http://127.0.0.1:1")
    stops(play, site, "has no realm nowhere", keycloak_realm="nowhere")
    stops(play, site, "one .deb file each", azimuth_packages_dir=str(tmp_path))
    stops(play, site, "cannot be read",
          gateway_certificate_file=str(tmp_path / "no.pem"))
    stops(play, site, "in use", engine_http_port=site.machine.ssh_port)
    stops(play, site, "keeps no promise", preflight_refused_file_systems=[
        "overlayfs", "ext2/ext3"])
    stops(play, site, "MiB are free", preflight_data_mib_min=10**9)
    site.sh("mkdir -p /etc/azimuth/gateway; "
            "echo mine >/etc/azimuth/gateway/nginx.conf")
    stops(play, site, "Move it away")
    site.sh("rm -r /etc/azimuth")
    assert "azimuth" not in site.sh("find /etc /var/lib -name '*azimuth*'")


def test_02_one_playbook_installs_and_a_second_run_changes_nothing(play, site):
    site.sources = site.sh("find /etc/apt -type f | sort")
    done = play(site.inventory, "00_install.yaml", ADMIN_PASSWORD=PASSWORD)
    assert done.code == 0 and done.changed > 10, done
    assert PASSWORD not in done.out
    again = play(site.inventory, "00_install.yaml", ADMIN_PASSWORD=PASSWORD)
    assert again.code == 0 and again.changed == 0, again
    looked = play(site.inventory, "00_install.yaml", "--check",
                  ADMIN_PASSWORD=PASSWORD)
    assert looked.code == 0 and looked.changed == 0, looked


def test_03_keycloak_has_what_the_document_says(site):
    headers = site.keycloak.call("GET", "/admin/realms/main")[
        "browserSecurityHeaders"]
    assert headers["accessControlAllowOrigin"] == site.dashboard
    assert headers["xFrameOptions"] == f"ALLOW-FROM {site.dashboard}"
    client = site.keycloak.client()
    assert sorted(client["webOrigins"]) == sorted(["*", site.dashboard, "+"])
    assert client["attributes"]["access.token.lifespan"] == "3600"
    assert client["redirectUris"] == [f"{site.dashboard}/oauth2/callback"]
    assert {m["name"] for m in client["protocolMappers"]} >= {
        "audience-mapper", "realm roles as groups"}


def main_pid(site, unit):
    return int(site.sh(f"systemctl show -P MainPID azimuth-{unit}"))


def test_04_units_are_hardened_and_never_root(site):
    for unit in UNITS:
        line = site.sh(f"systemd-analyze security --no-pager azimuth-{unit} "
                       "| tail -n 1")
        assert float(re.search(r"[0-9]+\.[0-9]+", line)[0]) <= 3, line
        owner = site.sh(f"stat -c %u /proc/{main_pid(site, unit)}")
        assert owner.strip() != "0"
    # Field 19 of stat: linking in the background makes room for requests.
    threads = site.sh("cut -d ' ' -f 19 "
                      f"/proc/{main_pid(site, 'engine')}/task/*/stat")
    assert any(int(nice) > 0 for nice in threads.split()), threads
    modes = site.sh("find /etc/azimuth -name '*key*' -o -name '*secret' "
                    "-type f -o -name '*password' | xargs stat -c '%a %F'")
    assert all(line.split()[0] in ("600", "700") for line in
               modes.splitlines()), modes
    log = site.sh("journalctl --no-pager -u 'azimuth-*'")
    secret = site.sh("cat /etc/azimuth/gateway/secret/client-secret").strip()
    assert secret not in log and PASSWORD not in log


def log_in_by_chromium(site, folder):
    """login.mjs: to Keycloak's form, the dashboard, a search, sign-out."""
    modules = once.npm("browser", BROWSER)
    done = subprocess.run(
        ["node", str(BROWSER / "login.mjs")], capture_output=True, text=True,
        timeout=WALK_SECONDS, stdin=subprocess.DEVNULL, env={
            **os.environ, "AZIMUTH_MODULES": str(modules),
            "AZIMUTH_SHOTS": str(folder), "AZIMUTH_USER": USER[0],
            "AZIMUTH_PASSWORD": USER[1],
            "AZIMUTH_DASHBOARD_URL": site.dashboard})
    assert done.returncode == 0, done.stdout + done.stderr
    for line in done.stdout.splitlines():
        keep(f"  Chromium: {line}")
    return done.stdout


def direction(number):
    return [math.cos(number / 100), math.sin(number / 100)]


def nearest(site):
    client = site.client()
    found = client.query_points(KEPT, query=direction(3), limit=1).points
    return client.count(KEPT).count, found[0].id, found[0].payload["package"]


def test_05_a_client_writes_and_a_person_logs_in(site, tmp_path):
    site.keycloak.add_user()
    client = site.client()
    from qdrant_client.models import Distance, PointStruct, VectorParams
    client.create_collection(KEPT, vectors_config=VectorParams(
        size=2, distance=Distance.COSINE))
    client.upsert(KEPT, [PointStruct(
        id=n, vector=direction(n), payload={
            "package": f"package-{n}", "summary": f"number {n}"})
        for n in range(200)], wait=True)
    assert nearest(site) == (200, 3, "package-3")
    said = log_in_by_chromium(site, tmp_path)
    assert f"collection {KEPT}: 200 points" in said and "logged in" in said


def test_06_all_of_it_survives_a_reboot(play, site, tmp_path):
    site.reboot()
    done = play(site.inventory, "18_test.yaml")
    assert done.code == 0, done
    assert nearest(site) == (200, 3, "package-3")
    assert "logged in" in log_in_by_chromium(site, tmp_path)


def versions(site):
    return set(site.sh("dpkg-query -W -f '${Version}\\n' 'azimuth-*'").split())


def replaced_code(site):
    """What the gateway's processes still run although it was replaced."""
    return site.sh("cat /proc/*/maps 2>/dev/null | "
                   "grep -E 'r-xp .*(azimuth|nginx).* \\(deleted\\)' || :")


def test_07_an_upgrade_loses_no_session_and_no_write(play, site, packages):
    """Under load: a person stays logged in, and is not refused once; what was
    acknowledged to an application is there, before, during and after."""
    client = site.client()
    from qdrant_client.models import Distance, VectorParams
    client.create_collection("written", vectors_config=VectorParams(
        size=2, distance=Distance.EUCLID))
    person = site.person()
    assert person.log_in(*USER).startswith(site.dashboard)
    old, before = versions(site), {u: main_pid(site, u) for u in UNITS}
    site.variables["azimuth_packages_dir"] = str(packages)
    site.write_inventory(site.inventory)
    with Writer(site, "written") as writer, Visitor(person) as visitor:
        while len(writer.acknowledged) < 50:
            assert not writer.trouble
            time.sleep(0.1)
        done = play(site.inventory, "10_deploy.yaml", "--tags", "upgrade",
                    ADMIN_PASSWORD=PASSWORD)
        at_the_end = len(writer.acknowledged)
        while len(writer.acknowledged) < at_the_end + 50:
            assert not writer.trouble
            time.sleep(0.1)
    assert done.code == 0 and done.changed > 0, done
    assert not visitor.trouble and set(visitor.statuses) == {202}, visitor
    assert versions(site) and not versions(site) & old
    after = {u: main_pid(site, u) for u in UNITS}
    assert after["engine"] != before["engine"]
    assert after["gateway"] != before["gateway"]
    assert after["sessions"] == before["sessions"]
    assert not replaced_code(site)
    points = client.scroll("written", limit=100000)[0]
    assert {p.id for p in points} >= set(writer.acknowledged)
    assert all(p.payload == {"number": p.id} for p in points)
    assert person.is_in() and nearest(site) == (200, 3, "package-3")
    keep(f"  {old} to {versions(site)}: {len(writer.acknowledged)} writes "
         f"acknowledged and there, {len(writer.refused)} refused and "
         f"repeated; session asked {len(visitor.statuses)} times, always 202")
    again = play(site.inventory, "10_deploy.yaml", ADMIN_PASSWORD=PASSWORD)
    assert again.code == 0 and again.changed == 0, again


@pytest.mark.parametrize("step", [
    days.keys_stay_until_they_are_removed,
    lambda play, site: days.a_backup_comes_back(play, site, "written"),
    days.limits_hold, days.reads_are_written_down,
    days.the_clients_secret_is_rotated, days.what_is_wrong_is_told,
], ids=["apikey", "backup-restore", "ratelimit", "audit", "rotate",
        "troubleshoot"])
def test_07_other_days(play, site, step):
    """Each tag of 10_deploy.yaml for what is done later."""
    step(play, site)


def in_machine(broken, mended):
    @contextlib.contextmanager
    def while_broken(site):
        site.sh(broken)
        try:
            yield
        finally:
            site.sh(mended)
    return while_broken


def stopped(unit):
    return in_machine(f"systemctl stop {unit}", f"systemctl start {unit}")


def edited(word, other):
    """The gateway's configuration, loaded."""
    script = ("sed -i 's|{}|{}|' /etc/azimuth/gateway/program/ui.conf && "
              "systemctl reload azimuth-gateway && sleep 1")
    return in_machine(script.format(word, other), script.format(other, word))


@contextlib.contextmanager
def keycloak_away(site):
    site.keycloak.stop()
    try:
        yield
    finally:
        site.keycloak.start()


@contextlib.contextmanager
def keycloak_sends_elsewhere(site):
    client = site.keycloak.client()
    path = f"/admin/realms/main/clients/{client['id']}"
    site.keycloak.call("PUT", path, {
        "redirectUris": ["https://elsewhere.example.com/oauth2/callback"]})
    try:
        yield
    finally:
        site.keycloak.call("PUT", path, {
            "redirectUris": client["redirectUris"]})


@pytest.mark.parametrize("broken, words", [
    pytest.param(stopped("azimuth-engine"), "azimuth-engine is inactive",
                 id="engine-stopped"),
    pytest.param(stopped("azimuth-sessions"), "azimuth-sessions is inactive",
                 id="valkey-stopped"),
    pytest.param(stopped("azimuth-gateway"), "azimuth-gateway is inactive",
                 id="gateway-stopped"),
    pytest.param(keycloak_away, "Is Keycloak running", id="keycloak-stopped"),
    pytest.param(in_machine("systemctl kill -s STOP azimuth-sessions",
                            "systemctl kill -s CONT azimuth-sessions"),
                 "not ready", id="valkey-hangs"),
    pytest.param(edited("azimuth_root_redirect /dashboard;",
                        "azimuth_root_redirect /elsewhere;"),
                 "The redirects are", id="root-leads-elsewhere"),
    pytest.param(edited(" azimuth_auth ", " #azimuth_auth "),
                 "Ask for pages", id="no-login-asked"),
    pytest.param(keycloak_sends_elsewhere, "a redirect address",
                 id="keycloak-knows-another-redirect"),
])
def test_08_a_broken_part_is_found(play, site, broken, words):
    with broken(site):
        done = play(site.inventory, "18_test.yaml")
    site.wait_until_ready()
    assert done.code != 0 and words in told(done), done


def test_09_the_test_leaves_nothing(play, site):
    done = play(site.inventory, "18_test.yaml")
    assert done.code == 0 and done.changed == 0, done
    assert site.collections() == [KEPT, "written"]


def test_10_rollback_keeps_a_backup_and_nothing_else(play, site):
    refused = play(site.inventory, "19_rollback.yaml")
    assert refused.code != 0 and refused.changed == 0
    done = play(site.inventory, "19_rollback.yaml", "-e",
                "confirm_delete=true")
    assert done.code == 0, done
    left = site.sh("find / /run -xdev -name '*azimuth*' -not -path '/proc/*' "
                   "-not -path '/var/lib/apt/*' -not -path "
                   "'/var/log/journal/*' -not -path '/root/.ansible/*'")
    assert set(left.split()) == {"/var/backups/azimuth"}, left
    sets = json.loads(site.sh("cat /var/backups/azimuth/index.json"))["sets"]
    last = max(sets, key=lambda one: one["time"])
    assert {c["name"] for c in last["collections"]} == {KEPT, "written"}
    assert KEPT in site.sh("ls /var/backups/azimuth")
    assert "azimuth" not in site.sh("systemctl list-units --all --no-pager")
    assert site.sources == site.sh("find /etc/apt -type f | sort")
    # The empty disk that a removal leaves mounted is no data to be kept.
    disk = "/var/lib/azimuth-engine/storage"
    site.sh(f"mkdir -p {disk} && mount -t tmpfs none {disk} && "
            f"mkdir {disk}/lost+found")
    again = play(site.inventory, "19_rollback.yaml", "-e",
                 "confirm_delete=true")
    assert again.code == 0 and again.changed == 0, again
    assert site.keycloak.client()["enabled"]
