# SPDX-License-Identifier: Apache-2.0
"""T46 to T48: clients and workers that leave, and floods."""

import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from ..gateway import (
    COOKIE, DASHBOARD, NGINX, Browser, accepts, free_port, wait_until,
)
from ..provider import DISCOVERY
from . import wire

LOGIN_COOKIE = COOKIE + "-login"


# ---- T46: clients that leave at each point of waiting -----------------------

class Held:
    """Stops an address of the provider until it is let go."""

    def __init__(self, provider, path):
        self.provider, self.path = provider, path
        self.entered, self.gone = threading.Event(), threading.Event()
        plain = {DISCOVERY: provider.discovery, "/jwks": provider.jwks,
                 "/token": provider.token}[path]

        def wait(handler):
            self.entered.set()
            self.gone.wait(10)
            plain(handler)

        provider.script[path] = wait

    def let_go(self):
        self.provider.script.pop(self.path, None)
        self.gone.set()


@pytest.fixture
def counted(stopped_gateway):
    """One worker that tells how many connections it has."""
    g = stopped_gateway
    g.settings["workers"] = 1
    g.settings["zone"] = "azimuth_session_zone off;"
    g.settings["valkey_options"] = "timeout=5s"
    g.settings["provider_timeout"] = "5s"
    g.h2_port = free_port()
    g.settings["dashboard"] = (
        f"listen 127.0.0.1:{g.h2_port} http2;"
        " location = /status { azimuth_auth off; stub_status; }"
    )
    return g.start()


def connections(gateway):
    text = Browser(gateway).get("/status").text()
    return int(re.search(r"Active connections: (\d+)", text)[1])


def depart(gateway, kind, target, cookies, is_there):
    """Sends a request, waits until it waits, and goes."""
    line = "; ".join(f"{k}={v}" for k, v in cookies.items()) or "x=y"
    if kind == "http1":
        port, data = gateway.port, wire.lines(
            f"GET {target} HTTP/1.1", f"Host: {DASHBOARD}",
            "Accept: text/html", f"Cookie: {line}",
        )
    else:
        port, data = gateway.h2_port, wire.request_of_http2([
            (":method", "GET"), (":scheme", "http"), (":path", target),
            (":authority", DASHBOARD), ("accept", "text/html"),
            ("cookie", line),
        ])
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(data)
        wait_until(is_there)
        if kind == "reset":
            s.sendall(wire.frame(wire.FRAME_RESET, 0, 1, b"\0\0\0\x08"))


KINDS = ["http1", "http2", "reset"]


def goes_on(gateway, workers):
    browser = Browser(gateway)
    browser.login()
    assert browser.get("/dashboard").status == 200
    assert gateway.workers() == workers
    wait_until(lambda: connections(gateway) == 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", [DISCOVERY, "/jwks", "/token"])
def test_t46_leaving_while_the_provider_is_asked(
    counted, provider, path, kind
):
    browser = Browser(counted)
    target = "/oauth2/start"
    if path != DISCOVERY:
        target = browser.authorize(browser.to_provider())
    workers = counted.workers()
    held = Held(provider, path)
    depart(counted, kind, target, browser.cookies, held.entered.is_set)
    if kind == "http1":
        wait_until(lambda: "closed connection" in counted.log()
                   or "prematurely" in counted.log())
    held.let_go()
    goes_on(counted, workers)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("point", ["lookup", "auth", "mark", "sign_out"])
def test_t46_leaving_while_the_store_is_asked(counted, valkey, point, kind):
    browser = Browser(counted)
    target = browser.authorize(browser.to_provider())
    cookies = dict(browser.cookies)
    if point != "mark":
        browser.login()
        cookies = dict(browser.cookies)
        target = {"lookup": "/dashboard", "auth": "/oauth2/auth",
                  "sign_out": "/oauth2/sign_out"}[point]
    else:
        Browser(counted).login()  # the documents are there
    workers = counted.workers()
    valkey.process.send_signal(signal.SIGSTOP)
    try:
        for _ in range(5):
            depart(counted, kind, target, cookies, lambda: True)
    finally:
        valkey.process.send_signal(signal.SIGCONT)
    goes_on(counted, workers)


def test_t46_leaving_while_a_head_or_body_is_sent(counted):
    """Bytes of any place of a request, then nothing."""
    workers = counted.workers()
    data = wire.lines("POST /oauth2/sign_out HTTP/1.1", f"Host: {DASHBOARD}",
                      "Content-Length: 100", "Cookie: " + "x" * 40) + b"abc"
    for size in range(1, len(data), 7):
        with socket.create_connection(("127.0.0.1", counted.port), 5) as s:
            s.sendall(data[:size])
    goes_on(counted, workers)


# ---- T47: workers that leave ------------------------------------------------

def test_t47_a_new_binary_takes_over_sessions_and_logins(stopped_gateway):
    """USR2 and QUIT, as a package's upgrade does it."""
    g = stopped_gateway
    text = g.configuration().replace("daemon off;", "daemon on;")
    path = g.directory / "upgrade.conf"
    path.write_text(text)
    binary = shutil.which(NGINX[-1])
    command = [*NGINX[:-1], binary, "-c", str(path), "-p", str(g.directory),
               "-e", str(g.error_log)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    pid_file, old_file = g.directory / "nginx.pid", (
        g.directory / "nginx.pid.oldbin"
    )
    wait_until(lambda: accepts(g.port) and pid_file.exists())
    old = int(pid_file.read_text())
    try:
        browser, pending = Browser(g), Browser(g)
        browser.login()
        target = pending.authorize(pending.to_provider())
        os.kill(old, signal.SIGUSR2)
        wait_until(lambda: old_file.exists() and pid_file.exists()
                   and int(pid_file.read_text()) != old)
        os.kill(old, signal.SIGQUIT)
        wait_until(lambda: not old_file.exists(), 20)
        assert browser.get("/dashboard").status == 200
        assert pending.get(target).status == 302
        assert pending.get("/dashboard").status == 200
    finally:
        for file in (pid_file, old_file):
            if file.exists():
                os.kill(int(file.read_text()), signal.SIGQUIT)
        wait_until(lambda: not pid_file.exists() and not accepts(g.port), 20)
    log = g.log()
    for word in ("open socket", "exited on signal", "[alert]", "Sanitizer"):
        assert word not in log, log


@pytest.mark.parametrize("sign", [signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize("path", [DISCOVERY, "/jwks", "/token"])
def test_t47_leaving_with_a_question_open(
    stopped_gateway, provider, path, sign
):
    """What waits is answered by the old workers, and they go."""
    gateway = stopped_gateway.start()
    browser = Browser(gateway)
    target = "/oauth2/start"
    if path != DISCOVERY:
        target = browser.authorize(browser.to_provider())
    old = gateway.workers()
    held = Held(provider, path)
    replies = []
    thread = threading.Thread(
        target=lambda: replies.append(browser.get(target))
    )
    thread.start()
    wait_until(held.entered.is_set)
    if sign == signal.SIGHUP:
        gateway.reload()
    else:
        gateway.process.send_signal(sign)
        wait_until(lambda: "gracefully shutting down" in gateway.log())
    held.let_go()
    thread.join()
    assert replies[0].status == 302
    if sign == signal.SIGHUP:
        wait_until(lambda: not set(old) & set(gateway.workers()))
    else:
        assert gateway.process.wait(20) == 0
    assert "open socket" not in gateway.log()


# ---- T48: floods ------------------------------------------------------------

def split_answers(data, count):
    statuses = [int(s) for s in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]
    assert len(statuses) == count
    return statuses


def test_t48_pipelined_requests_are_judged_one_by_one(site):
    good = site.logged_in().cookies[COOKIE]
    bad = good[:-1] + ("A" if good[-1] != "A" else "B")
    site.upstream.requests.clear()
    data, expected = b"", []
    for i in range(40):
        cookie = [good, bad, ""][i % 3]
        expected.append(200 if i % 3 == 0 else 401)
        data += wire.lines(
            f"GET /x{i} HTTP/1.1", f"Host: {DASHBOARD}", "Accept: */*",
            f"Cookie: {COOKIE}={cookie}",
            "Connection: close" if i == 39 else "X-A: b",
        )
    answer = wire.exchange(site.gateway.port, data)
    assert split_answers(answer, 40) == expected
    assert [seen["target"] for seen in site.upstream.requests] == (
        [f"/x{i}" for i in range(0, 40, 3)]
    )


def test_t48_a_thousand_logins_begun_at_once(refused):
    """Each answer has its own state; none is refused, nobody is mixed up."""
    begun = []
    for _ in range(500):
        s = socket.create_connection(("127.0.0.1", refused.gateway.port), 10)
        s.sendall(wire.lines(
            "GET /oauth2/start HTTP/1.1", f"Host: {DASHBOARD}",
            "Accept: text/html",
        ) + wire.lines(
            "GET /oauth2/start HTTP/1.1", f"Host: {DASHBOARD}",
            "Accept: text/html", "Connection: close",
        ))
        begun.append(s)
    states = set()
    for s in begun:
        answer = wire.talk(s, b"")
        s.close()
        assert split_answers(answer, 2) == [302, 302]
        states |= set(re.findall(rb"[?&]state=([^&\r]+)", answer))
    assert len(states) == 1000


def test_t48_logins_at_once_are_nobody_else_s(site):
    """Sixteen people at a time; each gets the session of its own name."""
    failures = []
    sign = site.provider.sign_well
    names = {}

    def token(claims):
        return sign({**claims, "sub": names[claims["nonce"]]})

    site.provider.sign = token

    def people(number):
        try:
            for turn in range(10):
                browser = site.browser()
                location = browser.to_provider()
                nonce = re.search(r"[?&]nonce=([^&]+)", location)[1]
                names[nonce] = f"person-{number}-{turn}"
                reply = browser.get(browser.authorize(location))
                assert reply.status == 302, reply.text()
                for _ in range(3):
                    seen = dict(browser.get("/x").json()["headers"])
                    assert seen["x-auth-request-user"] == names[nonce]
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=people, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_t48_a_flood_of_states_in_one_browser(refused):
    """The eldest are forgotten, the last eight work, the cookie is small."""
    browser = refused.browser()
    locations = [browser.get("/oauth2/start").get("location")
                 for _ in range(40)]
    assert len(browser.cookies[LOGIN_COOKIE]) < 4096
    assert browser.get(browser.authorize(locations[0])).status == 400
    assert refused.redeemed() == 0
    for location in locations[-8:]:
        assert browser.get(browser.authorize(location)).status == 302


def test_t48_a_zone_that_is_too_small(stopped_gateway, provider, upstream):
    """Sessions fall out of the shared memory, never onto somebody else."""
    gateway = stopped_gateway
    gateway.settings["zone"] = "azimuth_session_zone 64k ttl=5s;"
    provider.user["groups"] = ["/g" + "x" * 100 for _ in range(20)]
    gateway.start()
    browsers = []
    for i in range(120):
        provider.user["sub"] = f"user-{i:04}"
        browser = Browser(gateway)
        browser.login()
        browsers.append(browser)
    for turn in range(2):
        for i, browser in enumerate(browsers):
            seen = dict(browser.get("/x").json()["headers"])
            assert seen["x-auth-request-user"] == f"user-{i:04}"
