# SPDX-License-Identifier: Apache-2.0
"""Who passes, what the upstream is told, and cross-origin reads."""

import http.client
import socket

import pytest

from .gateway import (
    API, COOKIE, DASHBOARD, HTML, ORIGIN, SCRIPT, Browser, wait_until,
)

IDENTITY = [
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "X-Auth-Request-Preferred-Username",
    "X-Auth-Request-Anything-New",
    "x-auth-request-user",
    "X_Auth_Request_User",
    "X-Auth_Request-User",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X_Forwarded_User",
    "X-Azimuth-Identity",
    "X_Azimuth_Identity",
]


def told(reply):
    return {k.replace("_", "-"): v for k, v in reply.json()["headers"]}


def test_a_browser_is_sent_to_the_login(browser, upstream):
    for target in ("/dashboard", "/", "/collections", "/x?y=z"):
        if target == "/":
            continue
        reply = browser.get(target)
        assert reply.status == 302
        assert browser.local(reply.get("location")).startswith("/oauth2/start")
        assert reply.get("cache-control") == "no-store"
    assert upstream.requests == []


@pytest.mark.parametrize(
    "method,headers",
    [
        ("GET", SCRIPT),
        ("GET", {"Accept": "application/json"}),
        ("GET", {"Accept": "*/*"}),
        ("GET", {"Accept": "text/html", "X-Requested-With": "XMLHttpRequest"}),
        ("GET", {**SCRIPT, "Upgrade": "websocket", "Connection": "Upgrade"}),
        ("POST", {"Accept": "application/json"}),
        ("PUT", SCRIPT),
        ("DELETE", SCRIPT),
    ],
)
def test_a_machine_gets_401_json(browser, upstream, method, headers):
    body = b"{}" if method in ("POST", "PUT") else None
    reply = browser.send(method, "/collections", headers, body)
    assert reply.status == 401
    assert reply.get("content-type") == "application/json"
    assert reply.get("location") is None
    assert "/oauth2/start" in reply.json()["login_url"]
    assert upstream.requests == []


def test_head_gets_no_body(browser):
    assert browser.send("HEAD", "/dashboard").status == 302
    reply = browser.send("HEAD", "/collections", {"Accept": "*/*"})
    assert reply.status == 401 and reply.body == b""


def test_the_root_is_redirected_without_a_login(browser):
    for method in ("GET", "HEAD"):
        reply = browser.send(method, "/")
        assert reply.status == 301
        assert reply.get("location") == "/dashboard"
    assert browser.get("/?x=1").status == 301
    assert browser.get("/", SCRIPT).status == 301
    assert browser.send("POST", "/", SCRIPT, b"").status == 401
    assert browser.get("/dashboard/").status == 302


def test_a_large_body_is_refused_before_it_is_read(gateway):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
    connection.putrequest("POST", "/upload", skip_host=True)
    connection.putheader("Host", "dash.example.test")
    connection.putheader("Content-Length", str(1 << 30))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert connection.getresponse().status == 401
    connection.close()


def test_nobody_is_asked_for_a_body_that_is_refused(gateway):
    with socket.create_connection(("127.0.0.1", gateway.port), 5) as s:
        s.sendall(
            f"POST /collections HTTP/1.1\r\nHost: {DASHBOARD}\r\n"
            "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        answer = s.recv(1 << 16).decode()
    assert answer.startswith("HTTP/1.1 401 ")
    assert "Connection: close" in answer


def test_a_verdict_inside_an_error_page_keeps_its_status(stopped_gateway):
    stopped_gateway.settings["dashboard"] = """
        error_page 404 =200 @rest;
        location @rest { proxy_pass http://engine; }
        location /open/ { azimuth_auth off; return 404; }
    """
    gateway = stopped_gateway.start()
    reply = Browser(gateway).get("/open/x")
    assert reply.status == 302
    assert Browser(gateway).get("/open/x", SCRIPT).status == 401


def test_forged_identity_is_stripped_on_the_open_host(gateway):
    client = Browser(gateway, API)
    reply = client.get("/collections", {name: "admin" for name in IDENTITY})
    assert reply.status == 200
    assert not [k for k, v in reply.json()["headers"] if v == "admin"]


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_forged_identity_is_replaced_behind_the_login(browser, warm):
    browser.login()
    if warm:
        browser.get("/dashboard")
    reply = browser.get(
        "/dashboard", {**HTML, **{name: "admin" for name in IDENTITY}}
    )
    assert reply.status == 200
    seen = [(k, v) for k, v in reply.json()["headers"]]
    assert not [k for k, v in seen if v == "admin"]
    assert [v for k, v in seen if k == "x-auth-request-user"] == ["user-0001"]


def test_underscores_in_headers_do_not_help(stopped_gateway):
    gateway = stopped_gateway
    gateway.settings["http"] = (
        "underscores_in_headers on; ignore_invalid_headers off;"
    )
    gateway.start()
    for client in (Browser(gateway, API), Browser(gateway)):
        if client.host != API:
            client.login()
        for name in IDENTITY + ["X.Auth.Request.User"]:
            reply = client.get("/x", {**HTML, name: "admin"})
            assert reply.status == 200
            assert not [k for k, v in reply.json()["headers"] if v == "admin"]


def test_the_api_host_is_open_and_takes_any_body(gateway):
    client = Browser(gateway, API)
    body = b"x" * (20 << 20)
    reply = client.send("PUT", "/collections/a/points", {}, body)
    assert reply.status == 200
    assert reply.json()["body_size"] == len(body)
    assert client.send("OPTIONS", "/collections", {}).status == 200


def test_the_api_host_ignores_a_session(gateway, browser):
    browser.login()
    client = Browser(gateway, API)
    client.cookies = dict(browser.cookies)
    seen = told(client.get("/collections"))
    assert "x-auth-request-user" not in seen


def flip(text, at):
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]


def test_a_tampered_cookie_is_refused_and_cleared(browser):
    browser.login()
    good = browser.cookies[COOKIE]
    bad = [flip(good, i) for i in range(0, len(good), 5)]
    bad += [good[:-4], good + "AAAA", '"' + good + '"', "", "A" * 88]
    for value in bad:
        browser.cookies = {COOKIE: value}
        reply = browser.get("/dashboard")
        assert reply.status == 302, value
        assert COOKIE not in browser.cookies
        browser.cookies = {COOKIE: value}
        assert browser.get("/dashboard", SCRIPT).status == 401
    browser.cookies = {COOKIE: good}
    assert browser.get("/dashboard").status == 200


def test_two_session_cookies_are_refused(browser):
    browser.login()
    good = browser.cookies.pop(COOKIE)
    for line in (f"{COOKIE}={good}; {COOKIE}={good}",
                 [f"{COOKIE}={good}", f"{COOKIE}=x"]):
        assert browser.get("/dashboard", {**HTML, "Cookie": line}).status == 302


def test_a_swapped_record_is_refused(gateway, valkey, browser):
    browser.login()
    keys = [k for k in valkey.command("KEYS", "azimuth:session:*").split()
            if k.startswith(b"azimuth")]
    other = Browser(gateway)
    other.login()
    keys2 = [k for k in valkey.command("KEYS", "azimuth:session:*").split()
             if k.startswith(b"azimuth") and k not in keys]
    assert len(keys) == len(keys2) == 1
    assert b"1" in valkey.command("COPY", keys2[0], keys[0], "REPLACE")
    assert browser.get("/dashboard").status == 302
    assert other.get("/dashboard").status == 200


def test_an_internal_redirect_is_judged_once(stopped_gateway):
    gateway = stopped_gateway
    gateway.settings["dashboard"] = """
        error_page 404 = /missing;
        location /missing { proxy_pass http://engine; }
        location /nowhere { root /nonexistent; }
    """
    gateway.start()
    browser = Browser(gateway)
    assert browser.get("/nowhere").status == 302
    browser.login()
    for _ in range(2):
        reply = browser.get("/nowhere")
        assert reply.status == 200
        users = [v for k, v in reply.json()["headers"]
                 if k == "x-auth-request-user"]
        assert users == ["user-0001"]


def test_the_user_is_in_the_access_log(stopped_gateway):
    gateway = stopped_gateway
    log = gateway.directory / "user.log"
    gateway.settings["http"] = "log_format who '$status $azimuth_user';"
    gateway.settings["dashboard"] = f"access_log {log} who;"
    gateway.start()
    browser = Browser(gateway)
    browser.get("/dashboard")
    browser.login()
    browser.get("/dashboard")
    browser.get("/dashboard")
    wait_until(lambda: log.read_text().endswith("200 ada\n200 ada\n"))
    assert log.read_text().startswith("302 -\n")


# ---- cross-origin -----------------------------------------------------------

OTHER = "https://other.example.test:8443"
FOREIGN = [
    "null",
    "https://evil.example",
    "http://dash.example.test",
    "https://dash.example.test:444",
    "https://dash.example.test.evil.example",
    "https://evildash.example.test",
    "https://DASH.example.test",
    ORIGIN + "/",
]


def preflight(origin, method="PUT", asked="content-type,api-key"):
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": asked,
    }


def varies(reply):
    return "origin" in ",".join(reply.all("vary")).lower()


@pytest.mark.parametrize("host", ["dash.example.test", API])
def test_a_preflight_needs_no_login(gateway, upstream, host):
    client = Browser(gateway, host)
    reply = client.send("OPTIONS", "/collections", preflight(ORIGIN))
    assert reply.status == 204
    assert reply.get("access-control-allow-origin") == ORIGIN
    assert reply.get("access-control-allow-credentials") == "true"
    assert "PUT" in reply.get("access-control-allow-methods")
    assert reply.get("access-control-allow-headers") == "content-type,api-key"
    assert varies(reply)
    assert upstream.requests == []


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_origin_gets_nothing(gateway, browser, origin):
    reply = browser.send("OPTIONS", "/collections", preflight(origin))
    assert reply.get("access-control-allow-origin") is None
    assert reply.get("access-control-allow-methods") is None
    browser.login()
    reply = browser.get("/collections", {**SCRIPT, "Origin": origin})
    assert reply.status == 200
    assert reply.get("access-control-allow-origin") is None
    assert reply.get("access-control-allow-credentials") is None
    assert varies(reply)


def test_two_origins_get_nothing(browser):
    headers = {**SCRIPT, "Origin": [ORIGIN, "https://evil.test"]}
    reply = browser.get("/collections", headers)
    assert reply.all("access-control-allow-origin") == []


def test_cors_headers_stand_on_every_status(stopped_gateway, upstream, valkey):
    gateway = stopped_gateway
    gateway.settings["zone"] = "azimuth_session_zone off;"
    gateway.settings["dashboard"] = (
        "location /dead { proxy_pass http://127.0.0.1:1; }"
    )
    gateway.start()
    browser = Browser(gateway)

    def seen(expected, target="/collections"):
        reply = browser.get(target, {**SCRIPT, "Origin": OTHER})
        assert reply.status == expected
        assert reply.all("access-control-allow-origin") == [OTHER]
        assert reply.all("access-control-allow-credentials") == ["true"]
        assert varies(reply)

    seen(401)
    browser.login()
    upstream.extra = [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Credentials", "false"),
    ]
    for status in (200, 404, 403, 500):
        upstream.status = status
        seen(status)
    seen(502, "/dead")
    valkey.stop()
    seen(503)


def test_an_answer_without_an_origin_varies_too(browser):
    browser.login()
    reply = browser.get("/collections")
    assert varies(reply)
    assert reply.get("access-control-allow-origin") is None


def test_odd_preflight_headers_are_not_echoed(browser):
    for asked in ("a" * 2000, "x\x7fy", "a<b>"):
        reply = browser.send(
            "OPTIONS", "/collections", preflight(ORIGIN, asked=asked)
        )
        assert reply.status == 204
        assert reply.get("access-control-allow-headers") is None


def test_a_grpc_type_is_no_pass_for_auth_request(gateway, upstream):
    """A refusal in gRPC's shape would be a 200, which lets a request through."""
    for more in ({}, {"Authorization": "Bearer a.b.c"}):
        stranger = Browser(gateway, API)
        seen = len(upstream.requests)
        reply = stranger.get("/checked", {
            "Content-Type": "application/grpc", "TE": "trailers", **more})
        assert reply.status == 401
        assert len(upstream.requests) == seen
        for path in ("/oauth2/auth", "/oauth2/gate"):
            reply = Browser(gateway).get(path, {
                "Content-Type": "application/grpc", **more})
            assert reply.status >= 300
