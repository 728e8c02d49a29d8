# SPDX-License-Identifier: Apache-2.0
"""Peers that are down, slow or lying, and clients and workers that leave."""

import os
import signal
import socket
import threading
import time

import pytest

from .gateway import (
    API, COOKIE, DASHBOARD, HTML, SCRIPT, Browser, wait_until,
)
from .provider import DISCOVERY, hang, refuse


def test_a_dead_store_gives_503_with_the_cause(gateway, valkey, browser):
    browser.login()
    valkey.stop()
    other = Browser(gateway)
    other.cookies = {COOKIE: browser.cookies[COOKIE]}
    wait_until(lambda: other.get("/dashboard").status != 200)
    reply = other.get("/dashboard")
    assert reply.status == 503
    assert reply.get("content-type").startswith("text/html")
    assert "Valkey" in reply.text()
    assert str(valkey.socket) not in reply.text()
    assert str(valkey.socket) in gateway.log()
    assert reply.get("location") is None
    assert reply.get("retry-after")
    reply = other.get("/dashboard", SCRIPT)
    assert reply.status == 503
    assert reply.get("content-type") == "application/json"
    # the open host does not care
    assert Browser(gateway, API).get("/collections").status == 200
    assert "store_down" in gateway.log()


def test_a_dead_store_stops_a_login_with_503(gateway, valkey, browser):
    callback = browser.authorize(browser.to_provider())
    valkey.stop()
    reply = browser.get(callback)
    assert reply.status == 503
    assert "Valkey" in reply.text()
    assert COOKIE not in browser.cookies


def test_a_store_that_comes_back_is_used_again(gateway, valkey, browser):
    browser.login()
    valkey.stop()
    time.sleep(0.1)
    other = Browser(gateway)
    callback = other.authorize(other.to_provider())
    assert other.get(callback).status == 503
    valkey.start()
    # The store is empty now: one clean login, no circle.
    time.sleep(2.1)
    other.login()
    assert other.get("/dashboard").status == 200


def test_an_empty_store_leads_to_one_clean_login(gateway, valkey, browser):
    browser.login()
    valkey.command("FLUSHALL")
    time.sleep(6)
    reply = browser.get("/dashboard")
    assert reply.status == 302
    assert COOKIE not in browser.cookies
    browser.login()
    assert browser.get("/dashboard").status == 200


@pytest.fixture
def frozen(valkey):
    valkey.process.send_signal(signal.SIGSTOP)
    yield valkey
    valkey.process.send_signal(signal.SIGCONT)


def test_a_frozen_store_blocks_nobody(stopped_gateway, valkey):
    gateway = stopped_gateway
    gateway.settings["workers"] = 1
    gateway.settings["zone"] = "azimuth_session_zone off;"
    gateway.start()
    browser = Browser(gateway)
    browser.login()
    valkey.process.send_signal(signal.SIGSTOP)
    statuses = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(
                browser.send("GET", "/dashboard", dict(HTML)).status
            )
        )
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    api = Browser(gateway, API)
    for _ in range(20):
        start = time.monotonic()
        assert api.get("/collections").status == 200
        assert time.monotonic() - start < 0.4
    for thread in threads:
        thread.join()
    assert statuses == [503] * 20
    assert "no answer within" in gateway.log()
    valkey.process.send_signal(signal.SIGCONT)
    wait_until(lambda: browser.get("/dashboard").status == 200)


@pytest.mark.parametrize(
    "answer",
    [b"-READONLY You can't write against a read only replica.\r\n",
     b"-LOADING loading the dataset in memory\r\n",
     b"-NOAUTH Authentication required.\r\n",
     b"$2147483647\r\nxx",
     b"*1000000\r\n" * 9,
     b"HTTP/1.1 200 OK\r\n\r\n",
     b":1\r\n",
     b""],
    ids=["readonly", "loading", "noauth", "huge", "nested", "http", "integer",
         "cut"],
)
def test_a_store_that_lies_gives_503(stopped_gateway, valkey, answer):
    gateway = stopped_gateway
    gateway.settings["zone"] = "azimuth_session_zone off;"
    gateway.start()
    browser = Browser(gateway)
    browser.login()
    valkey.stop()
    stop = threading.Event()
    liar = socket.socket(socket.AF_UNIX)
    liar.bind(str(valkey.socket))
    liar.listen(16)
    liar.settimeout(0.1)

    def lie():
        kept = []
        while not stop.is_set():
            try:
                peer, _ = liar.accept()
            except TimeoutError:
                continue
            peer.settimeout(1)
            try:
                peer.recv(4096)
                peer.sendall(answer)
            except OSError:
                pass
            if answer:
                kept.append(peer)
            else:
                peer.close()
        for peer in kept:
            peer.close()

    thread = threading.Thread(target=lie)
    thread.start()
    try:
        for _ in range(4):
            reply = browser.get("/dashboard")
            assert reply.status == 503, reply.text()
            time.sleep(0.1)
    finally:
        stop.set()
        thread.join()
        liar.close()


def test_a_password_is_given_and_a_wrong_one_is_named(stopped_gateway, valkey):
    gateway = stopped_gateway
    valkey.command("CONFIG", "SET", "requirepass", "the-right-word")
    path = gateway.directory / "valkey.password"
    path.write_text("the-right-word\n")
    path.chmod(0o600)
    gateway.settings["valkey_options"] = f"password_file={path} db=3"
    gateway.start()
    browser = Browser(gateway)
    browser.login()
    assert browser.get("/dashboard").status == 200
    path.write_text("a-wrong-word\n")
    gateway.reload()
    other = Browser(gateway)
    callback = other.authorize(other.to_provider())
    reply = other.get(callback)
    assert reply.status == 503
    assert "NOAUTH" in reply.text() or "WRONGPASS" in reply.text()
    assert "wrong-word" not in gateway.log()


def test_a_dead_provider_leaves_sessions_alone(gateway, provider, browser):
    browser.login()
    provider.stop()
    assert browser.get("/dashboard").status == 200
    wait = time.monotonic() + 6
    while time.monotonic() < wait:
        assert browser.get("/dashboard").status == 200
        time.sleep(0.5)


def test_nginx_starts_without_a_provider_and_finds_it_later(
    stopped_gateway, provider
):
    gateway = stopped_gateway
    provider.stop()
    gateway.start()
    browser = Browser(gateway)
    assert Browser(gateway, API).get("/collections").status == 200
    reply = browser.get("/dashboard")
    assert reply.status == 302
    reply = browser.get(browser.local(reply.get("location")))
    assert reply.status == 503
    assert reply.get("content-type").startswith("text/html")
    assert "provider" in reply.text().lower()
    assert reply.get("location") is None
    assert reply.get("retry-after")
    assert provider.issuer in gateway.log()
    provider.start()
    wait_until(lambda: browser.get("/oauth2/start").status == 302, 20)
    browser.login()
    assert browser.get("/dashboard").status == 200


def test_nginx_starts_without_a_store(stopped_gateway, valkey):
    gateway = stopped_gateway
    valkey.stop()
    gateway.start()
    assert Browser(gateway, API).get("/collections").status == 200
    browser = Browser(gateway)
    assert browser.get("/dashboard").status == 302


@pytest.mark.parametrize("path", [DISCOVERY, "/jwks", "/token"])
def test_a_hanging_provider_blocks_nobody(stopped_gateway, provider, path):
    gateway = stopped_gateway
    gateway.settings["workers"] = 1
    gateway.start()
    browser = Browser(gateway)
    if path != DISCOVERY:
        target = browser.authorize(browser.to_provider())
    else:
        target = "/oauth2/start"
    provider.script[path] = hang
    replies = []
    thread = threading.Thread(
        target=lambda: replies.append(browser.get(target))
    )
    thread.start()
    time.sleep(0.2)
    api = Browser(gateway, API)
    for _ in range(20):
        start = time.monotonic()
        assert api.get("/collections").status == 200
        assert time.monotonic() - start < 0.4
    thread.join()
    assert replies[0].status in (502, 503)
    assert provider.issuer in replies[0].text() + gateway.log()


def long_headers(handler):
    handler.send_response(200)
    for i in range(5000):
        handler.send_header(f"X-Filler-{i}", "y" * 100)
    handler.end_headers()


def endless_body(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for _ in range(10000):
        handler.wfile.write(b"1000\r\n" + b" " * 4096 + b"\r\n")


def redirect(handler):
    handler.send_response(302)
    handler.send_header("Location", "http://169.254.169.254/latest")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def one_byte_a_second(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(5):
        handler.wfile.write(b" ")
        time.sleep(1)


@pytest.mark.parametrize("path", [DISCOVERY, "/jwks", "/token"])
@pytest.mark.parametrize(
    "answer",
    [refuse(500, {"error": "x"}), refuse(204, b""), refuse(429, {}),
     refuse(200, b"<html>", "text/html"), refuse(200, b"{"),
     refuse(200, b"[" * 5000), refuse(200, b"x" * (1 << 20)), redirect,
     long_headers, endless_body, one_byte_a_second],
    ids=["500", "204", "429", "html", "cut", "deep", "huge", "redirect",
         "headers", "endless", "slow"],
)
def test_a_lying_provider_is_bounded(gateway, provider, path, answer):
    browser = Browser(gateway)
    target = "/oauth2/start"
    if path != DISCOVERY:
        target = browser.authorize(browser.to_provider())
    provider.script[path] = answer
    start = time.monotonic()
    reply = browser.get(target)
    assert time.monotonic() - start < 4
    assert reply.status in (502, 503), (reply.status, reply.text())
    assert COOKIE not in browser.cookies


def test_a_call_without_a_free_connection_ends_and_spoils_no_other(
    stopped_gateway
):
    """libcurl must not take a full worker for the end of the world."""
    stopped_gateway.settings.update(workers=1, connections=24)
    gateway = stopped_gateway.start()
    begun = (
        f"GET /oauth2/start HTTP/1.1\r\nHost: {DASHBOARD}\r\n"
        "Accept: text/html\r\n"
    ).encode()
    clients = []
    for _ in range(40):
        client = socket.create_connection(("127.0.0.1", gateway.port), 10)
        client.sendall(begun)
        clients.append(client)
        time.sleep(0.02)
    wait_until(lambda: "not enough" in gateway.log())
    time.sleep(0.3)
    clients[0].sendall(b"\r\n")
    answer = clients[0].recv(100)
    for client in clients:
        client.close()
    # 503, unless nginx let somebody go in time.
    assert answer[:13] in (b"HTTP/1.1 503 ", b"HTTP/1.1 302 ")
    browser = Browser(gateway)
    wait_until(lambda: browser.get("/oauth2/start").status == 302)
    # nginx calls it an alert, which the fixture would not stand.
    gateway.error_log.write_text(gateway.log().replace("[alert]", "[full]"))


def test_one_discovery_serves_everybody_who_waits(stopped_gateway, provider):
    gateway = stopped_gateway
    gateway.settings["workers"] = 1
    gateway.start()

    def slow(handler):
        time.sleep(0.4)
        provider.discovery(handler)

    provider.script[DISCOVERY] = slow
    statuses = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(
                Browser(gateway).get("/oauth2/start").status
            )
        )
        for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [302] * 30
    assert provider.calls.count(DISCOVERY) == 1


def leave_early(gateway, target, cookies, delay):
    s = socket.create_connection(("127.0.0.1", gateway.port))
    s.sendall(
        f"GET {target} HTTP/1.1\r\nHost: dash.example.test\r\n"
        f"Accept: text/html\r\nCookie: {cookies}\r\n\r\n".encode()
    )
    time.sleep(delay)
    s.close()


def test_clients_that_leave_while_the_provider_is_asked(
    stopped_gateway, provider
):
    gateway = stopped_gateway
    gateway.settings["workers"] = 1
    gateway.start()
    browser = Browser(gateway)
    targets = ["/oauth2/start"]
    browser2 = Browser(gateway)
    targets.append(browser2.authorize(browser2.to_provider()))
    cookies = "; ".join(f"{k}={v}" for k, v in browser2.cookies.items())

    def slow(handler):
        time.sleep(0.5)
        provider.token(handler)

    provider.script["/token"] = slow
    for _ in range(3):
        leave_early(gateway, targets[1], cookies, 0.1)
    for _ in range(10):
        leave_early(gateway, targets[0], "", 0)
    time.sleep(1)
    provider.script.clear()
    browser.login()
    assert browser.get("/dashboard").status == 200
    assert len(gateway.workers()) == 1


def test_clients_that_leave_while_the_store_is_asked(stopped_gateway, valkey):
    gateway = stopped_gateway
    gateway.settings["workers"] = 1
    gateway.settings["zone"] = "azimuth_session_zone off;"
    gateway.settings["valkey_options"] = "timeout=3s"
    gateway.start()
    browser = Browser(gateway)
    browser.login()
    worker = gateway.workers()
    valkey.process.send_signal(signal.SIGSTOP)
    for _ in range(30):
        leave_early(
            gateway, "/dashboard", f"{COOKIE}={browser.cookies[COOKIE]}", 0.01
        )
    time.sleep(0.2)
    valkey.process.send_signal(signal.SIGCONT)
    assert browser.get("/dashboard").status == 200
    assert gateway.workers() == worker


def test_a_reload_lets_pending_logins_finish(stopped_gateway, provider):
    gateway = stopped_gateway
    gateway.start()
    old = gateway.workers()
    browsers = [Browser(gateway) for _ in range(6)]
    targets = [b.authorize(b.to_provider()) for b in browsers]

    def slow(handler):
        time.sleep(0.8)
        provider.token(handler)

    provider.script["/token"] = slow
    replies = []
    threads = [
        threading.Thread(target=lambda b=b, t=t: replies.append(b.get(t)))
        for b, t in zip(browsers, targets)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    gateway.reload()
    for thread in threads:
        thread.join()
    assert [r.status for r in replies] == [302] * 6
    # Sessions survive, old workers leave.
    for b in browsers:
        assert b.get("/dashboard").status == 200
    wait_until(lambda: not set(old) & set(gateway.workers()), 10)
    assert "open socket" not in gateway.log()


def test_a_reload_while_the_provider_hangs_ends(stopped_gateway, provider):
    gateway = stopped_gateway
    gateway.start()
    old = gateway.workers()
    provider.script[DISCOVERY] = hang
    thread = threading.Thread(
        target=lambda: Browser(gateway).get("/oauth2/start")
    )
    thread.start()
    time.sleep(0.2)
    gateway.reload()
    thread.join()
    wait_until(lambda: not set(old) & set(gateway.workers()), 10)
    assert "open socket" not in gateway.log()


def test_a_fast_stop_with_pending_questions_is_clean(gateway, provider):
    provider.script[DISCOVERY] = hang

    def ask():
        try:
            Browser(gateway).get("/oauth2/start")
        except OSError:
            pass

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.2)
    gateway.process.send_signal(signal.SIGTERM)
    gateway.process.wait(10)
    gateway.process = None
    thread.join()
    log = gateway.log()
    assert "exited on signal" not in log


def test_a_session_ends_when_it_is_idle(stopped_gateway):
    gateway = stopped_gateway
    gateway.settings["http"] = "azimuth_session_lifetime idle=2s absolute=4s;"
    gateway.start()
    browser = Browser(gateway)
    browser.login()
    start = time.monotonic()
    while time.monotonic() - start < 3:
        assert browser.get("/dashboard").status == 200
        time.sleep(0.4)
    time.sleep(1.6)
    assert browser.get("/dashboard").status == 302
    browser.login()
    assert browser.get("/dashboard").status == 200
    time.sleep(3.1)
    assert browser.get("/dashboard").status == 302


def test_a_key_is_rotated_without_a_logout(gateway):
    browser = Browser(gateway)
    browser.login()
    path = gateway.directory / "session.key"
    path.write_text(os.urandom(32).hex() + "\n" + path.read_text())
    gateway.reload()
    time.sleep(5.5)
    assert browser.get("/dashboard").status == 200
    other = Browser(gateway)
    other.login()
    assert other.get("/dashboard").status == 200
    path.write_text(path.read_text().split("\n")[0] + "\n")
    gateway.reload()
    time.sleep(5.5)
    assert browser.get("/dashboard").status == 302
    assert other.get("/dashboard").status == 200


def test_a_full_zone_mixes_nobody_up(stopped_gateway, provider):
    gateway = stopped_gateway
    gateway.settings["zone"] = "azimuth_session_zone 64k ttl=5s;"
    gateway.start()
    browsers = []
    for i in range(80):
        provider.user["sub"] = f"user-{i:04}"
        browser = Browser(gateway)
        browser.login()
        browsers.append(browser)
    for _ in range(2):
        for i, browser in enumerate(browsers):
            seen = browser.get("/dashboard").json()["headers"]
            assert ["x-auth-request-user", f"user-{i:04}"] in seen
