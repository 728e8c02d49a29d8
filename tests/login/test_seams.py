# SPDX-License-Identifier: Apache-2.0
"""Where two parts of the gateway meet, and where nginx takes another way than
a request usually does."""

import contextlib
import subprocess
import threading
import time

import pytest

from .attacks import wire
from .gateway import API, COOKIE, DASHBOARD, HTML, Browser, wait_until


def malformed(host, *rows):
    """nginx says 400 before any phase has run."""
    return wire.lines("GET / HTTP/1.1", f"Host: {host}", *rows,
                      "Connection: close", "Content-Length: x")


@pytest.mark.parametrize("host", [DASHBOARD, API])
def test_forged_identity_does_not_pass_by_way_of_an_error(
    stopped_gateway, upstream, host
):
    gateway = stopped_gateway
    page = "error_page 400 = /sorry;"
    gateway.settings["dashboard"] = gateway.settings["api"] = page
    gateway.start()
    browser = Browser(gateway)
    browser.login()
    upstream.requests.clear()
    wire.exchange(gateway.port, malformed(
        host, f"Cookie: {COOKIE}={browser.cookies[COOKIE]}",
        "X-Auth-Request-User: admin", "x-auth-request-groups: admin",
        "X-Azimuth-Identity: admin",
    ))
    assert [r["target"] for r in upstream.requests] == ["/sorry"]
    headers = upstream.requests[0]["headers"]
    assert "admin" not in [value for _, value in headers]
    if host == DASHBOARD:
        assert ["x-auth-request-user", "user-0001"] in headers


@pytest.mark.parametrize("way", ["limit", "deny", "error_page"])
def test_the_code_of_a_refused_callback_is_in_no_log(stopped_gateway, way):
    gateway = stopped_gateway
    log = gateway.directory / "all.log"
    gateway.settings["http"] = (
        "log_format all '$status $request $request_uri $args';"
    )
    how = {
        "limit": "azimuth_rate_limit zone=x:64k rate=1r/m key=address;",
        "deny": "deny all;",
        "error_page": "deny all; error_page 403 = /sorry;",
    }[way]
    gateway.settings["dashboard"] = f"""
        access_log {log} all;
        location = /oauth2/callback {{ {how} azimuth_endpoint main; }}
        location = /sorry {{ azimuth_auth off; proxy_pass http://engine; }}
    """
    gateway.start()
    browser = Browser(gateway)
    callback = browser.authorize(browser.to_provider())
    for _ in range(2):
        browser.get(callback)
    gateway.stop()
    text = log.read_text()
    assert "/oauth2/callback" in text
    assert "code=" not in text and "state=" not in text, text


@pytest.mark.parametrize("row", ["Content-Length: x", "X: " + "x" * 40000])
def test_the_code_of_a_callback_that_nginx_refuses_is_in_no_access_log(
    stopped_gateway, row
):
    gateway = stopped_gateway
    log = gateway.directory / "all.log"
    gateway.settings["http"] = (
        "log_format all '$status $request $request_uri $args';"
    )
    gateway.settings["dashboard"] = f"access_log {log} all;"
    gateway.start()
    browser = Browser(gateway)
    callback = browser.authorize(browser.to_provider())
    wire.exchange(gateway.port, wire.lines(
        f"GET {callback} HTTP/1.1", f"Host: {DASHBOARD}", row,
    ))
    gateway.stop()
    text = log.read_text()
    assert "400 GET /oauth2/callback HTTP/1.1 /oauth2/callback -" in text
    assert "code=" not in text, text


def test_an_if_in_an_endpoint_changes_nothing(stopped_gateway):
    gateway = stopped_gateway
    gateway.settings["dashboard"] = """
        location = /oauth2/userinfo {
            azimuth_endpoint main;
            azimuth_auth off;
            if ($request_method = GET) { set $asked 1; }
        }
        location = /readyz {
            azimuth_health ready;
            azimuth_auth off;
            if ($request_method = GET) { set $asked 1; }
        }
    """
    gateway.start()
    browser = Browser(gateway)
    assert browser.get("/oauth2/userinfo").status == 401
    browser.login()
    assert browser.get("/oauth2/userinfo").status == 200
    assert "valkey" in browser.get("/readyz").json()


def test_a_proxy_inside_an_endpoint_is_no_way_in(stopped_gateway, upstream):
    gateway = stopped_gateway
    gateway.settings["dashboard"] = """
        location /oauth2/u {
            azimuth_endpoint main;
            if ($arg_x) { proxy_pass http://engine; }
            limit_except POST { proxy_pass http://engine; }
        }
    """
    gateway.start()
    for target in ("/oauth2/userinfo?x=1", "/oauth2/unknown?x=1",
                   "/oauth2/userinfo", "/oauth2/unknown"):
        assert Browser(gateway).get(target).status in (401, 404)
    assert upstream.requests == []


def test_our_cookie_is_in_no_variable_either(stopped_gateway, upstream):
    gateway = stopped_gateway
    gateway.settings["dashboard"] = """
        location /copied {
            proxy_set_header X-Copied $http_cookie;
            proxy_pass http://engine;
        }
    """
    gateway.start()
    browser = Browser(gateway)
    browser.login()
    for forged in ({}, {"X-Auth-Request-User": "admin"}):
        cookie = f"a=1; {COOKIE}={browser.cookies[COOKIE]}; b=2"
        reply = browser.get("/copied", {**HTML, **forged, "Cookie": cookie})
        assert reply.status == 200
        assert browser.cookies[COOKIE] not in reply.text()


def test_a_post_without_a_body_over_http2(stopped_gateway):
    gateway = stopped_gateway
    gateway.settings["listen"] = "http2"
    gateway.start()
    done = subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
         "--http2-prior-knowledge", "-X", "POST", "-H", f"Host: {DASHBOARD}",
         "-H", "Sec-Fetch-Site: same-origin", "-H", "Accept: text/html",
         f"http://127.0.0.1:{gateway.port}/oauth2/sign_out"],
        capture_output=True, text=True, timeout=20,
    )
    assert done.stdout in ("200", "302")


def test_logins_that_hang_leave_room_for_refreshes(stopped_gateway, provider):
    """Anybody may begin a login; sessions must not suffer from it."""
    gateway = stopped_gateway
    gateway.settings.update(workers=1, provider_timeout="20s")
    gateway.settings["http"] = "azimuth_refresh required;"
    provider.offer_push()
    provider.access_life = 1
    gateway.start()
    browser = Browser(gateway)
    browser.login()
    may_go = threading.Event()
    provider.script["/par"] = lambda handler: (
        may_go.wait(30), provider.push(handler)
    )
    start = wire.lines("GET /oauth2/start HTTP/1.1", f"Host: {DASHBOARD}",
                       "Accept: text/html")
    over = time.time() + provider.access_life
    wait_until(lambda: time.time() >= over)
    with contextlib.ExitStack() as stack:
        stack.callback(may_go.set)
        for _ in range(300):
            last = stack.enter_context(wire.connected(gateway.port, 15))
            last.sendall(start)
        assert last.recv(1 << 16).startswith(b"HTTP/1.1 503 ")
        provider.access_life = 300
        assert browser.get("/dashboard").status == 200
        assert len(provider.refreshes) == 1


def test_an_endpoint_that_a_page_leads_to_knows_the_session(
    stopped_gateway, upstream
):
    """And logins of other tabs, which are in a cookie, too."""
    gateway = stopped_gateway
    gateway.settings["dashboard"] = """
        location /strict {
            proxy_intercept_errors on;
            error_page 401 = /oauth2/start;
            proxy_pass http://engine;
        }
    """
    gateway.start()
    browser = Browser(gateway)
    tab = browser.to_provider("/other")
    browser.login()
    upstream.status = 401
    again = browser.get("/strict").get("location")
    upstream.status = 200
    for location in (tab, again):
        assert browser.get(browser.authorize(location)).status == 302
    upstream.extra = [("X-Accel-Redirect", "/oauth2/userinfo")]
    reply = browser.get("/strict")
    assert reply.status == 200
    assert "user-0001" in reply.text()
