# SPDX-License-Identifier: Apache-2.0
"""Valgrind over workers that saw everything and then leave (T46, T47)."""

import re
import shutil
import signal
import threading

import pytest

from .. import gateway as gateway_module
from ..gateway import COOKIE, HTML, ROOT, SCRIPT, Browser, wait_until
from ..provider import DISCOVERY, hang, refuse
from . import wire

pytestmark = pytest.mark.skipif(
    len(gateway_module.NGINX) > 1, reason="nginx is wrapped already"
)


@pytest.fixture
def watched(stopped_gateway, monkeypatch):
    """nginx under valgrind, one report for each process."""
    g = stopped_gateway
    assert shutil.which("valgrind"), "install valgrind"
    monkeypatch.setattr(gateway_module, "NGINX", [
        "valgrind", "--quiet", "--trace-children=yes", "--leak-check=full",
        "--show-leak-kinds=definite,indirect", "--num-callers=30",
        "--errors-for-leak-kinds=definite,indirect",
        f"--suppressions={ROOT}/tests/valgrind.supp",
        f"--log-file={g.directory}/valgrind.%p", "nginx",
    ])
    g.settings["workers"] = 1
    # Valgrind is slow, and other programs may be at work.
    g.settings["provider_timeout"] = "8s"
    g.settings["valkey_options"] = "timeout=8s"
    g.h2_port = gateway_module.free_port()
    g.settings["dashboard"] = f"listen 127.0.0.1:{g.h2_port} http2;"
    return g.start()


def verdicts(gateway):
    """What valgrind had to say about each process."""
    said = ""
    for path in gateway.directory.glob("valgrind.*"):
        said += re.sub(r"(?m)^==\d+== ?", "", path.read_text())
    return said.strip()


def walk(gateway, provider, valkey):
    """Each kind of request, answer and failure once."""
    browser = Browser(gateway)
    browser.login()
    for _ in range(2):
        assert browser.get("/x", {**HTML, "X-Auth-Request-User": "a"}
                           ).status == 200
    for target in ("/oauth2/userinfo", "/oauth2/auth", "/oauth2/nothing"):
        browser.get(target, SCRIPT)
    browser.send("OPTIONS", "/x", {
        "Origin": gateway_module.ORIGIN, "Access-Control-Request-Method": "PUT",
    })
    other = Browser(gateway)
    other.get("/x", {**HTML, "Cookie": f"{COOKIE}=forged"})
    for path, answer in (("/token", refuse(400, {"error": "invalid_grant"})),
                         ("/token", refuse(200, b"[" * 5000)),
                         ("/token", refuse(200, b"x" * (1 << 20)))):
        target = other.authorize(other.to_provider())
        provider.script[path] = answer
        assert other.get(target).status in (400, 502, 503)
        provider.script.clear()
    provider.sign = lambda claims: provider.sign_well(claims)[:-8] + "AAAAAAAA"
    assert other.get(other.authorize(other.to_provider())).status == 502
    provider.sign = provider.sign_well
    other.get("/oauth2/callback?code=x&state=" + "y" * 4000)
    wire.http2(gateway.h2_port, [
        (":method", "GET"), (":scheme", "http"), (":path", "/x"),
        (":authority", gateway_module.DASHBOARD),
        ("cookie", f"{COOKIE}={browser.cookies[COOKIE]}"),
    ])
    own = {**HTML, "Sec-Fetch-Site": "same-origin"}
    assert browser.send("POST", "/oauth2/sign_out", own, b"").status == 200
    keys = [k for k in valkey.command("KEYS", "azimuth:session:*").split()
            if k.startswith(b"azimuth")]
    other.login()
    for key in keys:
        valkey.command("SET", key, "tampered")


def leave(gateway, provider, valkey):
    """Clients that go while their question is open, and one that stays."""
    browser = Browser(gateway)
    browser.login()
    provider.script["/token"] = hang
    target = browser.authorize(browser.get("/oauth2/start").get("location"))
    line = "; ".join(f"{k}={v}" for k, v in browser.cookies.items())
    with wire.connected(gateway.port) as s:
        s.sendall(wire.lines(f"GET {target} HTTP/1.1",
                             f"Host: {gateway_module.DASHBOARD}",
                             f"Cookie: {line}"))
        wait_until(lambda: "/token" in provider.calls[-2:])
    valkey.process.send_signal(signal.SIGSTOP)
    thread = threading.Thread(target=lambda: browser.get("/oauth2/userinfo"))
    thread.start()
    wait_until(lambda: not thread.is_alive(), 20)
    valkey.process.send_signal(signal.SIGCONT)


def test_t46_a_worker_that_leaves_has_lost_nothing(
    watched, provider, valkey
):
    walk(watched, provider, valkey)
    leave(watched, provider, valkey)
    watched.stop()
    assert verdicts(watched) == ""


def test_t47_a_worker_that_is_reloaded_has_lost_nothing(
    watched, provider, valkey
):
    old = watched.workers()
    browser = Browser(watched)
    browser.login()
    watched.reload()
    wait_until(lambda: not set(old) & set(watched.workers()), 30)
    assert browser.get("/x").status == 200
    provider.script[DISCOVERY] = refuse(500, {})
    Browser(watched).get("/oauth2/start")
    watched.stop()
    assert verdicts(watched) == ""
