# SPDX-License-Identifier: Apache-2.0
"""The gateway on one machine and the engine on another, beside what was there
before; and runs that are cut off between a file and the restart that it asks
for. Real parts, as in test_bare.py; one story, in its order."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from bare import DOMAIN, PASSWORD, USER
from conftest import PLAYBOOKS
from machine import available

pytestmark = pytest.mark.skipif(
    os.environ.get("AZIMUTH_DEPLOY") != "1" or not available(),
    reason="make check-deploy runs it, as root")

INSTALL, DEPLOY = "00_install.yaml", "10_deploy.yaml"
ENGINE_HOST = "engine.internal"
FIRST, SECOND = "the-first-key", "the-second-key"
CUT_SECONDS = 300
THERE_BEFORE = f"""
apt-get -q update >/dev/null
DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \\
    -o Dpkg::Options::=--force-confold install nginx >/dev/null
printf 'server {{ listen 127.0.0.9:%s; return 200 mine; }}\\n' "$port" \\
    >/etc/nginx/sites-enabled/default
systemctl enable -q nginx
systemctl restart nginx
echo 127.0.0.2 {ENGINE_HOST} >>/etc/hosts
"""


def told(done):
    return " ".join(done.out.split())


def run(play, site, playbook, *words, code=0, **environment):
    done = play(site.inventory, playbook, *words,
                **{"ADMIN_PASSWORD": PASSWORD, **environment})
    assert (done.code == 0) == (code == 0), done
    return done


def answer(url, key=None, ca=None):
    request = urllib.request.Request(
        url, headers={} if key is None else {"api-key": key})
    context = ssl.create_default_context(cafile=ca) if ca else None
    try:
        with urllib.request.urlopen(request, context=context) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def statuses(site, *keys):
    return [answer(f"{site.engine}/collections", key)[0] for key in keys]


@pytest.fixture(scope="module")
def neighbour(two):
    """An nginx that serves something else on the gateway's machine."""
    with socket.socket() as one:
        one.bind(("127.0.0.9", 0))
        port = one.getsockname()[1]
    two.sh(f"port={port}; {THERE_BEFORE}")
    two.variables["azimuth_engine_host"] = ENGINE_HOST
    two.write_inventory(two.inventory)

    def says():
        return two.sh("systemctl is-enabled nginx; systemctl is-active nginx"
                      ).split() + [answer(f"http://127.0.0.9:{port}/")[1]]
    return says


def test_1_a_check_before_the_first_run_goes_through(play, two, neighbour):
    done = run(play, two, INSTALL, "--check", "--diff", QDRANT_API_KEY=FIRST)
    assert "Not installed yet" in told(done), done
    for machine in (two.machine, two.second):
        assert not machine.sh("find /etc /var/lib /usr/bin -name '*azimuth*'")


def test_2_an_engine_that_a_network_reaches_asks_for_a_key(
        play, two, neighbour):
    refused = run(play, two, INSTALL, code=1)
    assert refused.changed == 0 and "Give it a key" in told(refused), refused
    done = run(play, two, INSTALL, QDRANT_API_KEY=FIRST)
    assert done.changed > 10 and FIRST not in done.out
    again = run(play, two, INSTALL)
    assert again.changed == 0, again
    assert statuses(two, None, "another", FIRST) == [401, 401, 200]
    assert FIRST not in two.sh("journalctl --no-pager")
    assert FIRST not in two.second.sh("journalctl --no-pager")


def test_3_each_machine_has_its_half(two, neighbour):
    half = "dpkg-query -W -f '${Package}\\n' 'azimuth-*' nginx valkey-server"
    here, there = (set(m.run(half).stdout.split())
                   for m in (two.machine, two.second))
    assert here == {"azimuth-gateway", "nginx", "valkey-server"}
    assert there == {"azimuth-engine", "azimuth-tools"}
    assert neighbour() == ["enabled", "active", "mine"]
    assert two.machine.run("systemctl is-enabled valkey-server").stdout == \
        "disabled\n"
    assert f"{ENGINE_HOST}:{two.engine_port}" in two.sh(
        "cat /etc/azimuth/gateway/nginx.conf")
    scraped = two.sh("cat /etc/azimuth/monitoring/scrape.yaml")
    assert f"127.0.0.1:{two.status_port}" in scraped and \
        "job_name: qdrant" not in scraped
    scraped = two.second.sh("cat /etc/azimuth/monitoring/scrape.yaml")
    assert "credentials_file" in scraped and "azimuth-gateway" not in scraped
    assert two.second.sh("cat /etc/azimuth/monitoring/engine-key") == FIRST
    written = two.second.sh(
        "cat /var/lib/azimuth-discovery/thinkube-service-config.yaml")
    assert f"{ENGINE_HOST}:{two.engine_port}" in written


class NoRedirect(urllib.request.HTTPRedirectHandler):
    to = []

    def redirect_request(self, *words):
        self.to.append(words[-1])


def test_4_people_and_applications_come_through(play, two):
    two.keycloak.add_user()
    person = two.person()
    assert person.log_in(*USER).startswith(two.dashboard)
    assert person.status("/collections") == 200  # by the login, not the key
    url = f"{two.api}/collections"
    assert [answer(url, key, two.ca)[0] for key in (None, FIRST)] == [401, 200]
    if two.https == 443:
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.build_opener(NoRedirect).open(
                f"http://qdrant.{DOMAIN}/collections")
        assert NoRedirect.to == [f"{two.api}/collections"]
    done = run(play, two, "18_test.yaml")
    assert done.changed == 0


def cut(site, environment, when, *words, **more):
    """Ends a run as soon as when() holds, as a lost connection does."""
    process = subprocess.Popen(
        ["ansible-playbook", "-i", str(site.inventory),
         str(PLAYBOOKS / DEPLOY), *words], start_new_session=True,
        env={**environment, "ADMIN_PASSWORD": PASSWORD, **more},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + CUT_SECONDS
    try:
        while not when():
            assert process.poll() is None, process.communicate()[0][-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_5_a_key_that_a_cut_run_left_counts_after_the_next(
        play, two, environment):
    keys = two.second.root / "etc/azimuth/engine.env"
    cut(two, environment, lambda: SECOND in keys.read_text(),
        "--tags", "apikey", QDRANT_API_KEY=SECOND)
    assert statuses(two, FIRST, SECOND) == [200, 401]  # not yet
    done = run(play, two, DEPLOY, "--tags", "apikey")
    assert done.changed > 0 and statuses(two, FIRST, SECOND) == [401, 200]


def served(site):
    return ssl.get_server_certificate(("127.0.0.1", site.https))


def new_certificate(folder):
    folder.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
         f"/CN={DOMAIN}", "-addext", f"subjectAltName=DNS:qdrant.{DOMAIN},"
         f"DNS:qdrant-dashboard.{DOMAIN}", "-keyout", "tls.key", "-out",
         "tls.pem"], check=True, capture_output=True, cwd=folder)
    return folder


def test_6_so_does_a_certificate(play, two, environment, tmp_path):
    folder = new_certificate(tmp_path / "new")
    new = (folder / "tls.pem").read_text()
    two.variables.update(gateway_certificate_file=str(folder / "tls.pem"),
                         gateway_key_file=str(folder / "tls.key"))
    two.write_inventory(two.inventory)
    (two.machine.root / "etc/ssl/box.pem").write_text(new)
    there = two.machine.root / "etc/azimuth/gateway/tls"
    cut(two, environment, lambda: (there / "server.pem").read_text() == new
        and (there / "server.key").read_bytes() ==
        (folder / "tls.key").read_bytes(), "--tags", "ratelimit")
    assert served(two).strip() != new.strip()
    assert run(play, two, DEPLOY, "--tags", "ratelimit").changed > 0
    assert served(two).strip() == new.strip()


def test_7_what_nginx_does_not_take_is_never_put_in_place(play, two):
    files = "cd /etc/azimuth/gateway && find . -type f | sort | xargs md5sum"
    before = two.sh(files)
    done = play(two.changed(gateway_rights=["role=x fly *"]), DEPLOY, "--tags",
                "ratelimit")
    assert done.code != 0 and "a right must be read, write" in told(done), done
    assert "the one that runs was left as it is" in told(done)
    assert two.sh(files) == before
    assert two.machine.run("ls /etc/azimuth/gateway.trial").returncode != 0
    two.sh("systemctl restart azimuth-gateway")
    two.wait_until_ready()


def test_8_data_may_be_elsewhere(play, two):
    """The unit gets the right to write there."""
    two.second.sh("mkdir -p /srv/disk")
    config = {"storage": {"snapshots_path": "/srv/disk/snapshots"}}
    two.variables["engine_config"] = config
    two.write_inventory(two.inventory)
    run(play, two, DEPLOY, "--tags", "apikey")
    made = urllib.request.Request(
        f"{two.engine}/collections/elsewhere", method="PUT",
        data=json.dumps({"vectors": {"size": 2, "distance": "Dot"}}).encode(),
        headers={"api-key": SECOND, "Content-Type": "application/json"})
    urllib.request.urlopen(made).close()
    taken = urllib.request.Request(
        f"{two.engine}/collections/elsewhere/snapshots", method="POST",
        headers={"api-key": SECOND})
    urllib.request.urlopen(taken).close()
    assert "elsewhere" in two.second.sh("find /srv/disk/snapshots -type f")
    assert run(play, two, DEPLOY).changed == 0


def test_9_removal_takes_both_halves_and_nothing_else(play, two, neighbour):
    done = run(play, two, "19_rollback.yaml", "-e", "confirm_delete=true")
    assert SECOND not in done.out
    for machine in (two.machine, two.second):
        assert "azimuth" not in machine.sh(
            "find /etc /var/lib /usr/lib/systemd -name '*azimuth*'"), done
    assert not two.second.sh("find /srv/disk -type f")
    index = pathlib.Path(two.second.root / "var/backups/azimuth/index.json")
    assert "elsewhere" in index.read_text()
    assert neighbour() == ["enabled", "active", "mine"]
    assert run(play, two, "19_rollback.yaml", "-e", "confirm_delete=true",
               "-e", "rollback_backup_first=false").changed == 0
