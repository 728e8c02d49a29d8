# SPDX-License-Identifier: Apache-2.0
"""What an operator does to nginx, and other gateways in front of this one."""

import http.client
import signal
import threading
import time
import urllib.parse

import pytest

from .gateway import (
    COOKIE, DASHBOARD, HTML, ORIGIN, SCRIPT, Browser, Reply, free_port,
    wait_until,
)
from .provider import hang


class Logins:
    """Logins that wait for the provider's token, several at a time."""

    def __init__(self, gateway, provider, count=12):
        self.provider = provider
        self.release = threading.Event()
        self.replies = [None] * count
        provider.script["/token"] = self.slow
        self.browsers = [Browser(gateway) for _ in range(count)]
        callbacks = [b.authorize(b.to_provider()) for b in self.browsers]
        self.threads = [
            threading.Thread(target=self.back, args=(n, callback))
            for n, callback in enumerate(callbacks)
        ]
        before = provider.calls.count("/token")
        for thread in self.threads:
            thread.start()
        wait_until(lambda: provider.calls.count("/token") == before + count)

    def slow(self, handler):
        self.release.wait(20)
        self.provider.token(handler)

    def back(self, number, callback):
        self.replies[number] = self.browsers[number].get(callback)

    def finish(self):
        """Every login ended well and its session is good."""
        self.release.set()
        for thread in self.threads:
            thread.join(20)
        for browser, reply in zip(self.browsers, self.replies):
            assert reply is not None and reply.status == 302, reply
            assert COOKIE in browser.cookies
        self.provider.script.clear()
        for browser in self.browsers:
            assert browser.get("/dashboard").status == 200


@pytest.fixture
def patient(stopped_gateway):
    stopped_gateway.settings["provider_timeout"] = "15s"
    return stopped_gateway.start()


@pytest.fixture
def patient_daemon(stopped_gateway):
    stopped_gateway.settings["daemon"] = "on"
    # What AZIMUTH_WRAP may have set has to reach the new program.
    stopped_gateway.settings["main"] = "env LD_PRELOAD; env ASAN_OPTIONS;"
    stopped_gateway.settings["provider_timeout"] = "15s"
    return stopped_gateway.start()


def test_a_reload_keeps_sessions_and_logins(patient, provider):
    before = Browser(patient)
    before.login()
    begun = Browser(patient)
    callback = begun.authorize(begun.to_provider())
    logins = Logins(patient, provider)
    for _ in range(3):
        patient.reload()
        assert before.get("/dashboard").status == 200
    logins.finish()
    assert begun.get(callback).status == 302
    assert begun.get("/dashboard").status == 200


def test_a_binary_upgrade_keeps_sessions_and_logins(patient_daemon, provider):
    before = Browser(patient_daemon)
    before.login()
    begun = Browser(patient_daemon)
    callback = begun.authorize(begun.to_provider())
    logins = Logins(patient_daemon, provider)
    old = patient_daemon.upgrade()
    try:
        assert before.get("/dashboard").status == 200
        old.send_signal(signal.SIGWINCH)
        wait_until(lambda: "gracefully shutting down" in patient_daemon.log())
        for _ in range(4):
            assert before.get("/dashboard").status == 200
        logins.finish()
    finally:
        old.send_signal(signal.SIGQUIT)
        old.wait(25)
    assert begun.get(callback).status == 302
    for browser in (before, begun):
        assert browser.get("/dashboard").status == 200
    assert "open socket" not in patient_daemon.log()


def test_an_upgrade_can_be_taken_back(patient_daemon):
    browser = Browser(patient_daemon)
    browser.login()
    old = patient_daemon.upgrade()
    new = patient_daemon.process
    old.send_signal(signal.SIGWINCH)
    wait_until(lambda: "gracefully shutting down" in patient_daemon.log())
    old.send_signal(signal.SIGHUP)  # its workers come back
    patient_daemon.process = old
    wait_until(lambda: len(patient_daemon.workers()) > 2)
    new.send_signal(signal.SIGQUIT)
    new.wait(25)
    assert browser.get("/dashboard").status == 200


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM])
def test_nginx_ends_cleanly_with_everything_pending(
    stopped_gateway, provider, valkey, number
):
    """A login that waits for the provider, requests that wait for Valkey, a
    watch over both: the log may not hold "open socket left"."""
    gateway = stopped_gateway
    metrics = free_port()
    gateway.settings["zone"] = "azimuth_session_zone off;"
    gateway.settings["main"] = "worker_shutdown_timeout 3s;"
    gateway.settings["servers"] = (
        f"server {{ listen 127.0.0.1:{metrics}; "
        "location / { azimuth_health ready; } }"
    )
    text = gateway.configuration().replace("worker_shutdown_timeout 20s;", "")
    gateway.configuration = lambda: text
    gateway.start()
    browser = Browser(gateway)
    browser.login()
    provider.script["/token"] = hang
    waiting = Browser(gateway)
    callback = waiting.authorize(waiting.to_provider())
    valkey.command("CLIENT", "PAUSE", "20000", "ALL")
    threads = []
    for who, target in ((waiting, callback), (browser, "/dashboard")):
        thread = threading.Thread(target=quietly, args=(who, target))
        thread.start()
        threads.append(thread)
    connection = http.client.HTTPConnection("127.0.0.1", metrics, timeout=5)
    connection.request("GET", "/")
    connection.getresponse().read()
    connection.close()
    begun = time.monotonic()
    gateway.process.send_signal(number)
    gateway.process.wait(20)
    assert time.monotonic() - begun < 15
    for thread in threads:
        thread.join(20)
    assert "open socket" not in gateway.log()


def quietly(browser, target):
    try:
        browser.get(target)
    except (OSError, http.client.HTTPException):
        pass


# ---- behind other gateways ----------------------------------------------------


@pytest.fixture
def behind(stopped_gateway):
    """Answers another gateway's question on a listener of its own."""
    gateway = stopped_gateway
    gateway.gate = free_port()
    gateway.settings["provider_timeout"] = "10s"
    gateway.settings["servers"] = f"""
        server {{
            listen 127.0.0.1:{gateway.gate};
            server_name _;
            location /oauth2/ {{ azimuth_endpoint main; }}
            location = /healthz {{ azimuth_health live; }}
        }}
    """
    return gateway.start()


def ask(gateway, method, target, headers, cookies=None):
    connection = http.client.HTTPConnection(
        "127.0.0.1", gateway.gate, timeout=10
    )
    headers = dict(headers)
    if cookies:
        headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in cookies.items())
    connection.request(method, target, headers=headers)
    reply = Reply(connection.getresponse())
    connection.close()
    return reply


def logged_in(gateway):
    browser = Browser(gateway)
    browser.login()
    return browser.cookies


def starts_at(reply):
    """The rd of a redirect to our own login."""
    location = reply.get("location")
    assert location.startswith(ORIGIN + "/oauth2/start"), location
    query = urllib.parse.urlsplit(location).query
    return dict(urllib.parse.parse_qsl(query)).get("rd", "/")


INGRESS_NGINX = {
    "Host": "gateway.azimuth.svc",
    "X-Original-URL": f"{ORIGIN}/collections?limit=1",
    "X-Original-Method": "POST",
    "X-Sent-From": "nginx-ingress-controller",
    "X-Real-IP": "192.0.2.7",
    "X-Forwarded-For": "192.0.2.7",
    "X-Auth-Request-Redirect": "/collections?limit=1",
    "X-Auth-Request-User": "forged",
}


def test_ingress_nginx_asks_at_auth(behind):
    """auth-url: never a redirect, whatever the original request was."""
    for headers in (HTML, SCRIPT):
        reply = ask(behind, "GET", "/oauth2/auth", {**headers, **INGRESS_NGINX})
        assert reply.status == 401
        assert reply.get("location") is None
    reply = ask(behind, "GET", "/oauth2/auth", {**HTML, **INGRESS_NGINX},
                logged_in(behind))
    assert reply.status == 202
    assert reply.all("x-auth-request-user") == ["user-0001"]
    assert reply.body == b""


def test_ingress_nginx_signs_in_with_rd(behind):
    """auth-signin: https://HOST/oauth2/start?rd=$escaped_request_uri"""
    browser = Browser(behind)
    rd = urllib.parse.quote("/collections?limit=1", safe="")
    reply = browser.get(f"/oauth2/start?rd={rd}")
    reply = browser.get(browser.authorize(reply.get("location")))
    assert reply.get("location") == f"{ORIGIN}/collections?limit=1"


@pytest.mark.parametrize("forged", [
    {"X-Original-URL": "https://evil.test/"},
    {"X-Original-URI": "/oauth2/auth"},
    {"X-Auth-Request-Redirect": "https://evil.test/"},
    {"X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "http"},
    {"X-Forwarded-Uri": "/public/", "X-Forwarded-Method": "OPTIONS"},
    {"Forwarded": "host=evil.test"},
    {"Host": "evil.test"},
])
def test_forwarded_headers_decide_nothing(behind, forged):
    """T28, T29: same verdict, and a redirect_uri out of the configuration."""
    for path in ("/oauth2/auth", "/oauth2/gate"):
        headers = {**SCRIPT, **INGRESS_NGINX, **forged}
        reply = ask(behind, "GET", path, headers)
        assert reply.status == 401
        assert reply.json()["login_url"] == f"{ORIGIN}/oauth2/start"
    reply = ask(behind, "GET", "/oauth2/start", {**HTML, **forged})
    assert reply.status == 302
    query = urllib.parse.urlsplit(reply.get("location")).query
    assert dict(urllib.parse.parse_qsl(query))["redirect_uri"] == (
        f"{ORIGIN}/oauth2/callback"
    )


def traefik(uri, method="GET"):
    return {
        "Host": "gateway:8080",
        "X-Forwarded-Method": method,
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": DASHBOARD,
        "X-Forwarded-Uri": uri,
        "X-Forwarded-For": "192.0.2.7",
    }


def test_traefik_asks_at_gate(behind):
    """ForwardAuth gives anything but 2xx to the browser as it is."""
    reply = ask(behind, "GET", "/oauth2/gate",
                {**HTML, **traefik("/dashboard?tab=1")})
    assert reply.status == 302
    assert starts_at(reply) == "/dashboard?tab=1"
    reply = ask(behind, "GET", "/oauth2/gate", {**SCRIPT, **traefik("/x")})
    assert reply.status == 401 and reply.json()["login_url"]
    # A form that was sent is not turned into a page silently.
    reply = ask(behind, "GET", "/oauth2/gate",
                {**HTML, **traefik("/form", "POST")})
    assert reply.status == 401 and "<html" in reply.text()
    reply = ask(behind, "GET", "/oauth2/gate",
                {**HTML, **traefik("/dashboard")}, logged_in(behind))
    assert reply.status == 200
    assert reply.get("x-auth-request-user") == "user-0001"
    assert reply.get("x-auth-request-groups") == "/engineers,/readers"


def test_what_traefik_forwards_is_no_open_redirect(behind):
    browser = Browser(behind)
    for uri in ("//evil.test", "/\\evil.test", "https://evil.test/",
                "/%09/evil.test", "/%2f%2fevil.test"):
        reply = ask(behind, "GET", "/oauth2/gate", {**HTML, **traefik(uri)})
        assert reply.status == 302
        reply = browser.get(browser.local(reply.get("location")))
        if reply.status == 302:
            back = browser.get(browser.authorize(reply.get("location")))
            location = back.get("location")
            assert urllib.parse.urlsplit(location).netloc == DASHBOARD
        browser.cookies = {}


def test_envoy_asks_below_gate(behind):
    """ext_authz puts the path behind a prefix and keeps method and query; it
    lets a request pass by 200 and by nothing else."""
    envoy = {"Host": DASHBOARD, "X-Envoy-Internal": "true",
             "Content-Length": "0"}
    reply = ask(behind, "GET", "/oauth2/gate/dashboard?tab=1",
                {**HTML, **envoy})
    assert reply.status == 302
    assert starts_at(reply) == "/dashboard?tab=1"
    for method in ("POST", "PUT", "DELETE"):
        reply = ask(behind, method, "/oauth2/gate/collections/a",
                    {**SCRIPT, **envoy})
        assert reply.status == 401
    cookies = logged_in(behind)
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
        reply = ask(behind, method, "/oauth2/gate/collections/a?b=c",
                    {**SCRIPT, **envoy}, cookies)
        assert reply.status == 200, method
        assert reply.get("x-auth-request-user") == "user-0001"
    # What is not known is said to be empty: Envoy writes over what it gets.
    behind.provider.user = {"sub": "user-0002"}
    reply = ask(behind, "GET", "/oauth2/gate/x", {**SCRIPT, **envoy},
                logged_in(behind))
    assert reply.all("x-auth-request-user") == ["user-0002"]
    for name in ("preferred-username", "email", "name", "groups"):
        assert reply.all(f"x-auth-request-{name}") == [""]
    # The verdict is about the cookie: no path below the prefix is another
    # endpoint, and none gets out of it.
    for path in ("/oauth2/gate/oauth2/userinfo", "/oauth2/gate/%2e%2e/gate/x",
                 "/oauth2/gate/..%2fauth", "/oauth2/gate//x"):
        reply = ask(behind, "GET", path, {**SCRIPT, **envoy})
        assert reply.status in (400, 401), path
    assert ask(behind, "GET", "/oauth2/gatekeeper", SCRIPT).status == 404


@pytest.mark.parametrize("path", [
    "/../sign_out", "/%2e%2e/sign_out", "/x/..%2f..%2fsign_out",
    "/..%2F..%2Fhealthz", "/../../healthz", "/x/../../../healthz?a=b",
])
def test_no_path_gets_out_of_the_gate(behind, path):
    """Envoy appends what the client wrote, and need not normalise it: what is
    200 for anybody outside of the gate must not be leave to pass."""
    for cookies in (None, logged_in(behind)):
        reply = ask(behind, "GET", f"/oauth2/gate{path}",
                    {**SCRIPT, "Accept": "application/json"}, cookies)
        assert reply.status == 400, (reply.status, reply.text())
    assert ask(behind, "GET", "/healthz", {}).status == 200


def test_a_forged_cookie_is_cleared_through_the_gate(behind):
    reply = ask(behind, "GET", "/oauth2/gate", {**HTML, **traefik("/x")},
                {COOKIE: "A" * 88})
    assert reply.status == 302
    assert f"{COOKIE}=;" in reply.get("set-cookie")
