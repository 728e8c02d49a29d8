# SPDX-License-Identifier: Apache-2.0
"""A session that ends anywhere is refused everywhere, well before the zone
would have let it go by itself (its ttl is 30 s here)."""

import http.client
import secrets
import shutil
import signal
import time

import pytest

from .gateway import (
    COOKIE, DASHBOARD, HTML, Browser, Gateway, wait_until,
)

WORKERS = 4


def configure(gateway):
    gateway.settings.update(
        workers=WORKERS,
        zone="azimuth_session_zone 1m ttl=30s;",
        http="azimuth_session_lifetime idle=1h;",
        dashboard="add_header X-Worker $pid always;",
        listen="reuseport",
    )


@pytest.fixture
def instances(stopped_gateway, provider, valkey, upstream):
    """Two of nginx with one key and one store."""
    first = stopped_gateway
    folder = first.directory / "second"
    folder.mkdir()
    second = Gateway(folder, provider, valkey, upstream)
    shutil.copy2(first.directory / "session.key", folder)
    for gateway in (first, second):
        configure(gateway)
        gateway.start()
    wait_until(lambda: valkey.listeners() == 2 * WORKERS)
    yield first, second
    second.stop()


@pytest.fixture
def one(stopped_gateway, valkey):
    configure(stopped_gateway)
    stopped_gateway.start()
    wait_until(lambda: valkey.listeners() == WORKERS)
    return stopped_gateway


class Lines:
    """One kept connection to each worker of some instances."""

    def __init__(self, gateways, cookie):
        self.cookie = cookie
        self.lines = {}
        for gateway in gateways:
            wait_until(lambda g=gateway: self.add(g))

    def add(self, gateway):
        line = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=9)
        worker = self.ask(line)[1]
        assert worker
        self.lines.setdefault((gateway.port, worker), line)
        found = [port for port, _ in self.lines if port == gateway.port]
        return len(found) == WORKERS

    def ask(self, line):
        line.request("GET", "/dashboard", headers={
            "Host": DASHBOARD, "Cookie": f"{COOKIE}={self.cookie}", **HTML,
        })
        reply = line.getresponse()
        reply.read()
        return reply.status, reply.headers["X-Worker"]

    def statuses(self):
        return {self.ask(line)[0] for line in self.lines.values()}

    def close(self):
        for line in self.lines.values():
            line.close()


def clone(browser, gateway=None):
    other = Browser(gateway or browser.gateway)
    other.cookies = dict(browser.cookies)
    return other


def gets(valkey):
    text = valkey.command("INFO", "commandstats").decode()
    return text.partition("cmdstat_getex:calls=")[2].partition(",")[0]


def test_a_sign_out_reaches_every_worker_of_every_instance(instances):
    browser = Browser(instances[0])
    browser.login()
    stays = Browser(instances[0])
    stays.login()
    lines = Lines(instances, browser.cookies[COOKIE])
    others = Lines(instances, stays.cookies[COOKIE])
    assert len(lines.lines) == 2 * WORKERS
    assert lines.statuses() == {200}
    assert others.statuses() == {200}
    begun = time.monotonic()
    browser.sign_out()
    wait_until(lambda: lines.statuses() == {302})
    print(f"refused everywhere after {time.monotonic() - begun:.3f} s")
    # It stays so, and nobody else was touched.
    assert lines.statuses() == {302}
    assert others.statuses() == {200}
    lines.close()
    others.close()


def test_a_new_secret_is_known_everywhere_before_it_seals(instances):
    """The recipe for several nginx: below the old one first, then on top."""
    old = (instances[0].directory / "session.key").read_text()
    new = secrets.token_hex(32) + "\n"

    def give(gateway, keys):
        (gateway.directory / "session.key").write_text(keys)
        workers = set(gateway.workers())
        gateway.reload()
        wait_until(lambda: not workers & set(gateway.workers()))

    for gateway in instances:
        give(gateway, old + new)
    before = Browser(instances[1])
    before.login()
    give(instances[0], new + old)
    after = Browser(instances[0])
    after.login()
    for gateway in instances:
        for browser in (before, after):
            assert clone(browser, gateway).get("/dashboard").status == 200


def test_warm_requests_do_not_ask_the_store(one, valkey):
    browser = Browser(one)
    browser.login()
    assert browser.get("/dashboard").status == 200
    before = gets(valkey)
    for _ in range(20):
        assert browser.get("/dashboard").status == 200
    assert gets(valkey) == before


def test_an_end_that_nobody_heard_is_not_missed(one, valkey):
    """Killed in the same breath as the message: the zone is emptied when
    somebody listens again."""
    browser = Browser(one)
    browser.login()
    assert browser.get("/dashboard").status == 200
    key = valkey.command("KEYS", "azimuth:session:*").split(b"\r\n")[2]
    valkey.commands(
        ["CLIENT", "KILL", "TYPE", "pubsub"],
        ["DEL", key],
        ["PUBLISH", "azimuth:revoked", key],
    )
    wait_until(lambda: browser.get("/dashboard").status == 302)
    wait_until(lambda: valkey.listeners() == WORKERS)
    assert "it closed the connection" in one.log()


def test_a_frozen_store_logs_nobody_out_and_is_heard_again(one, valkey):
    browser = Browser(one)
    browser.login()
    assert browser.get("/dashboard").status == 200
    valkey.process.send_signal(signal.SIGSTOP)
    try:
        wait_until(lambda: "no answer to two pings" in one.log())
        assert browser.get("/dashboard").status == 200
    finally:
        valkey.process.send_signal(signal.SIGCONT)
    wait_until(lambda: valkey.listeners() == WORKERS)
    wait_until(lambda: "answers again" in one.log())
    other = clone(browser)
    assert other.get("/dashboard").status == 200
    browser.sign_out()
    wait_until(lambda: other.get("/dashboard").status == 302)


def test_a_dead_store_leaves_warm_sessions_alone(one, valkey):
    browser = Browser(one)
    browser.login()
    assert browser.get("/dashboard").status == 200
    valkey.stop()
    wait_until(lambda: one.log().count("No such file") >= 1)
    for _ in range(20):
        assert browser.get("/dashboard").status == 200


def test_an_empty_store_is_noticed_when_it_comes_back(one, valkey):
    browser = Browser(one)
    browser.login()
    assert browser.get("/dashboard").status == 200
    valkey.stop()
    valkey.start()
    wait_until(lambda: valkey.listeners() == WORKERS)
    wait_until(lambda: browser.get("/dashboard").status == 302)
    browser.login()
    assert browser.get("/dashboard").status == 200


def test_a_reload_leaves_no_listener_behind(one, valkey):
    browser = Browser(one)
    browser.login()
    old = one.workers()
    one.reload()
    wait_until(lambda: not set(old) & set(one.workers()))
    wait_until(lambda: valkey.listeners() == WORKERS)
    other = clone(browser)
    assert other.get("/dashboard").status == 200
    browser.sign_out()
    wait_until(lambda: other.get("/dashboard").status == 302)
    assert "open socket" not in one.log()


def test_workers_that_may_not_listen_keep_sessions_for_a_second(
    stopped_gateway, valkey
):
    gateway = stopped_gateway
    configure(gateway)
    valkey.command("ACL", "SETUSER", "deaf", "on", ">word", "~*", "+@all",
                   "resetchannels")
    path = gateway.directory / "valkey.password"
    path.write_text("word\n")
    path.chmod(0o600)
    gateway.settings["valkey_options"] = (
        f"username=deaf password_file={path} timeout=500ms"
    )
    gateway.start()
    wait_until(lambda: "NOPERM" in gateway.log())
    browser = Browser(gateway)
    browser.login()
    assert browser.get("/dashboard").status == 200
    key = valkey.command("KEYS", "azimuth:session:*").split(b"\r\n")[2]
    valkey.command("DEL", key)
    wait_until(lambda: browser.get("/dashboard").status == 302)
    assert "word" not in gateway.log().replace("password", "")
