# SPDX-License-Identifier: Apache-2.0
"""T28 to T31: ways around the login by path, host, name or claim."""

import posixpath
import urllib.parse

import pytest

from ..gateway import API, COOKIE, DASHBOARD, HTML, ORIGIN, SCRIPT
from . import wire

REDIRECT_URI = ORIGIN + "/oauth2/callback"


def send(site, target, *rows, host=DASHBOARD, method="GET", version="1.1"):
    """A request written by hand; (status, answer, targets at the upstream)."""
    site.upstream.requests.clear()
    answer = wire.exchange(site.gateway.port, wire.lines(
        f"{method} {target} HTTP/{version}",
        *([f"Host: {host}"] if host is not None else []),
        "Connection: close", "Accept: text/html", *rows,
    ))
    return (wire.status_of(answer), answer,
            [seen["target"] for seen in site.upstream.requests])


# ---- T28: paths -------------------------------------------------------------

PROTECTED = [
    "/public/../dashboard", "/public/./../dashboard", "/public//../dashboard",
    "/public/%2e%2e/dashboard", "/public/%2E%2E/dashboard",
    "/public/.%2e/dashboard", "/public/..%2fdashboard",
    "/public/..%2Fdashboard", "/public/%2e%2e%2fdashboard",
    "/public/x/../../dashboard", "/public%2f..%2fdashboard", "//dashboard",
    "///dashboard", "/./dashboard", "/%2fdashboard", "/dashboard;x",
    "/dashboard;/public/", "/dashboard%3b/public/", "/DASHBOARD", "/Dashboard",
    "/dashboard/", "/dashboard%2f", "/dashboard%20", "/dashboard?/public/",
    "/dashboard?x=/healthz", "/dashboard%3f/public/", "/dashboard%23/public/",
    "/dashboard#/public/", "/dashboard/../dashboard", "/dashboard/%2e",
    "/publi", "/public", "/publicx", "/PUBLIC/x", "/%70ublic%5c..%5cdashboard",
    "/healthz/", "/healthz/../dashboard", "/healthz;x", "/HEALTHZ",
    "/healthz%2f", "/healthz%20", "/healthz/dashboard", "/healthz%23",
    "/collections/a/points?x=/public/", "/.well-known/x", "/favicon.ico",
    "/oauth2", "/oauth2%2fx/../../dashboard", "/oauth2/../dashboard",
    "/oauth2/%2e%2e/dashboard", "/oauth2//../../dashboard",
    "/public/..;/../../dashboard", "/%64ashboard", "/d%61shboard",
]


@pytest.mark.parametrize("target", PROTECTED)
def test_t28_a_path_trick_meets_the_login(refused, target):
    status, answer, targets = send(refused, target)
    assert status in (302, 301, 400), answer[:200]
    assert targets == []
    if status == 302:
        location = wire.header_of(answer, "location")[0]
        assert "/oauth2/start" in location


@pytest.mark.parametrize("target", [
    "/dashboard%00", "/dashboard\0", "/public/%00/../dashboard", "dashboard",
    "", "*", "/dash board", "\\dashboard", "http:/dashboard",
    "/../dashboard", "/public/../../dashboard", "/%2e%2e/dashboard",
    "/\x01dashboard", "/dashboard\x7f", "/" + "a" * 70000,
])
def test_t28_a_malformed_target_goes_nowhere(refused, target):
    status, answer, targets = send(refused, target)
    assert status in (0, 302, 400, 404, 414), answer[:200]
    assert targets == []


@pytest.mark.parametrize("target", [
    "/public/%252e%252e/dashboard", "/public/..%252fdashboard",
    "/public/%5c../dashboard", "/public/..%5c..%5cdashboard",
    "/public/x;/../y", "/public/.../dashboard", "/public/%c0%ae%c0%ae/dash",
    "/public/..%c0%afdashboard", "/public/%ef%bc%8e%ef%bc%8e/dashboard",
    "/public/..%00/dashboard", "/public/x/..", "/public/?../dashboard",
    "/healthz?/dashboard", "/healthz?../dashboard",
])
def test_t28_what_an_open_path_lets_through_stays_below_it(site, target):
    """Decoded once, as nginx does, and normalised: open or the login."""
    status, answer, targets = send(site, target)
    assert status in (200, 302, 400), answer[:200]
    for seen in targets:
        path = urllib.parse.unquote_to_bytes(seen.split("?")[0])
        path = posixpath.normpath(path + b"/.") + b"/"
        path = b"/healthz" if path == b"/healthz/" else path
        assert path.startswith(b"/public/") or path == b"/healthz", seen


@pytest.mark.parametrize("target,host,is_open", [
    (f"http://{DASHBOARD}/dashboard", API, False),
    (f"https://{DASHBOARD}/dashboard", API, False),
    (f"http://{DASHBOARD.upper()}/dashboard", API, False),
    (f"http://{API}/collections", DASHBOARD, True),
    (f"http://{DASHBOARD}/public/../dashboard", API, False),
    ("http://unknown.example/dashboard", API, False),
    ("ftp://x/dashboard", DASHBOARD, None),
    ("http:///dashboard", DASHBOARD, None),
    ("http://user@x/dashboard", DASHBOARD, None),
])
def test_t28_an_absolute_target_decides_the_host(site, target, host, is_open):
    status, answer, targets = send(site, target, host=host)
    if is_open:
        assert status == 200 and len(targets) == 1
        return
    assert status in ((302,) if is_open is False else (0, 302, 400))
    assert targets == []


HINTS = [
    "X-Original-URI: /public/x", "X-Original-URL: /healthz",
    "X-Rewrite-URL: /public/x", "X-Forwarded-Uri: /public/x",
    "X-Forwarded-Method: OPTIONS", "X-Forwarded-Prefix: /public",
    "X-Forwarded-Path: /public/", "X-HTTP-Method-Override: OPTIONS",
    "X-HTTP-Method: OPTIONS", "X-Method-Override: OPTIONS",
    "X-Auth-Request-Redirect: /public/x", f"X-Forwarded-Host: {API}",
    f"X-Host: {API}", f"X-Forwarded-Server: {API}", "X-Forwarded-For: 127.0.0.1",
    "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1;host=x;proto=https",
    "X-Envoy-Internal: true", "X-Internal: 1", "Via: 1.1 localhost",
    "X-Accel-Redirect: /public/x", "X-Accel-Internal: /public/x",
    "X-Sendfile: /etc/passwd", "Front-End-Https: on", "Sec-Purpose: prefetch",
    "Content-Type: application/grpc", "Upgrade-Insecure-Requests: 1",
    "Range: bytes=0-1", "If-None-Match: *", "Max-Forwards: 0",
]


@pytest.mark.parametrize("row", HINTS)
def test_t28_headers_that_name_another_path_are_not_believed(refused, row):
    plain = send(refused, "/dashboard")
    status, answer, targets = send(refused, "/dashboard", row)
    assert status == plain[0] == 302
    assert targets == []
    assert wire.header_of(answer, "location") == (
        wire.header_of(plain[1], "location")
    )
    status, answer, _ = send(refused, "/oauth2/auth", row)
    assert status == 401


# ---- T29: host --------------------------------------------------------------

def redirect_uri(answer):
    location = wire.header_of(answer, "location")[0]
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)
    return query["redirect_uri"]


@pytest.mark.parametrize("host,rows", [
    ("evil.example", []), (DASHBOARD.upper(), []), (DASHBOARD + ".", []),
    (DASHBOARD + ":8443", []), (DASHBOARD + ":1", []), ("[::1]", []),
    ("127.0.0.1", []), ("localhost", []), (DASHBOARD + ".evil.example", []),
    ("evil" + DASHBOARD, []), ("", []),
    (DASHBOARD, ["X-Forwarded-Host: evil.example"]),
    (DASHBOARD, ["X-Forwarded-Proto: http"]),
    (DASHBOARD, ["X-Forwarded-Port: 1"]),
    (DASHBOARD, ["Forwarded: host=evil.example;proto=http"]),
    (DASHBOARD, ["X-Original-Host: evil.example"]),
    (DASHBOARD, ["Origin: https://evil.example"]),
    (DASHBOARD, ["Referer: https://evil.example/"]),
], ids=str)
def test_t29_redirect_uri_comes_from_the_configuration(refused, host, rows):
    status, answer, _ = send(refused, "/oauth2/start", *rows, host=host)
    if status == 400:
        return
    assert status == 302
    assert redirect_uri(answer) == [REDIRECT_URI]
    status, answer, _ = send(refused, "/dashboard", *rows, host=host)
    assert status == 302
    location = wire.header_of(answer, "location")[0]
    assert location.startswith((ORIGIN + "/oauth2/start", "/oauth2/start"))
    assert "evil" not in location


@pytest.mark.parametrize("hosts", [
    [DASHBOARD, API], [API, DASHBOARD], [DASHBOARD, DASHBOARD],
    [DASHBOARD + "," + API], [f"{DASHBOARD}@{API}"], [f"{API}#{DASHBOARD}"],
    [f"{DASHBOARD}:x"], [f"{API}/../{DASHBOARD}"], [".."], ["a b"],
], ids=str)
def test_t29_two_hosts_in_one_request(refused, hosts):
    status, answer, targets = send(
        refused, "/dashboard", *(f"Host: {h}" for h in hosts[1:]),
        host=hosts[0],
    )
    assert status in (302, 400), answer[:200]
    assert targets == []


def test_t29_no_host_at_all(refused):
    status, _, targets = send(refused, "/dashboard", host=None)
    assert status == 400 and targets == []
    status, answer, targets = send(
        refused, "/oauth2/start", host=None, version="1.0"
    )
    assert status == 302 and redirect_uri(answer) == [REDIRECT_URI]


# ---- T30 and T31 ------------------------------------------------------------

def test_t30_a_session_means_nothing_on_the_open_host(site):
    cookie = f"Cookie: {COOKIE}={site.logged_in().cookies[COOKIE]}"
    status, _, _ = send(site, "/collections", cookie, host=API)
    assert status == 200
    names = [k for k, _ in site.upstream.requests[0]["headers"]]
    assert not [n for n in names if n.startswith("x-auth-request")]


@pytest.mark.parametrize("name,host,expected", [
    (API, DASHBOARD, 302), (DASHBOARD, API, 200), (None, DASHBOARD, 302),
    ("unknown.example", DASHBOARD, 302), (None, API, 200),
])
def test_t30_the_name_of_the_handshake_opens_nothing(
    site, name, host, expected
):
    answer = wire.exchange_tls(site.tls_port, wire.lines(
        "GET /dashboard HTTP/1.1", f"Host: {host}", "Accept: text/html",
        "Connection: close",
    ), name)
    assert wire.status_of(answer) == expected
    assert len(site.upstream.requests) == (1 if expected == 200 else 0)


@pytest.mark.parametrize("agent", [
    "GoogleHC/1.0", "kube-probe/1.31", "ELB-HealthChecker/2.0",
    "Prometheus/2.53.0", "Blackbox Exporter", "Consul Health Check", "",
    "curl/8", "Mozilla/5.0 (compatible; Googlebot/2.1)", "nginx",
])
def test_t31_no_user_agent_passes(refused, agent):
    browser = refused.browser()
    for kind, expected in ((HTML, 302), (SCRIPT, 401)):
        for target in ("/dashboard", "/collections", "/ping", "/ready"):
            reply = browser.get(target, {**kind, "User-Agent": agent})
            assert reply.status == expected
