# SPDX-License-Identifier: Apache-2.0
"""T24 to T27: line ends that split headers, and forged identity."""

import urllib.parse

import pytest

from ..gateway import API, COOKIE, DASHBOARD, HTML, ORIGIN
from . import wire

NAMES = ["X-Auth-Request-User", "X-Auth-Request-Email",
         "X-Auth-Request-Groups", "X-Auth-Request-Preferred-Username",
         "X-Auth-Request-Name", "X-Forwarded-User", "X-Forwarded-Email",
         "X-Forwarded-Groups", "X-Forwarded-Preferred-Username",
         "X-Forwarded-Access-Token"]


def ask(site, host, *rows, target="/collections"):
    """A request written by hand; (status, what the upstream got or None)."""
    site.upstream.requests.clear()
    answer = wire.exchange(site.gateway.port, wire.lines(
        f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: close",
        "Accept: */*", *rows,
    ))
    seen = site.upstream.requests
    assert len(seen) <= 1
    return wire.status_of(answer), seen[0] if seen else None


def forged(seen):
    """Headers that carry the attacker's word."""
    return [(k, v) for k, v in seen["headers"] if "admin" in v.lower()
            and (k.replace("_", "-").startswith("x-auth-request")
                 or k.replace("_", "-").startswith("x-forwarded"))]


def users(seen):
    return [v for k, v in seen["headers"] if k == "x-auth-request-user"]


# ---- T24: header splitting --------------------------------------------------

SPLITS = [
    "/a\r\nX-Evil: 1", "/a\nX-Evil: 1", "/a\rX-Evil: 1", "/a\r\n\r\n<html>",
    "/a%0d%0aX-Evil:%201", "/a%250d%250aX-Evil:1", "/\u010d\u010aX-Evil: 1",
    "/a\u560d\u560aX-Evil: 1", "/a\x0bX-Evil", "/a\x0cX-Evil", "/a\x85X-Evil",
    "/a\u2028X-Evil", "/a\x00X-Evil", "/a\x1bX-Evil", "\r\nX-Evil: 1",
]


@pytest.mark.parametrize("rd", SPLITS, ids=range(len(SPLITS)))
def test_t24_rd_splits_no_header(refused, rd):
    browser = refused.browser()
    target = "/oauth2/start?rd=" + urllib.parse.quote(rd, safe="")
    reply = browser.get(target)
    assert reply.status == 302
    assert reply.get("x-evil") is None
    reply = browser.get(browser.authorize(reply.get("location")))
    assert reply.status == 302
    assert reply.get("x-evil") is None
    location = reply.get("location")
    assert location.isascii() and location.isprintable()
    assert "x-evil" not in location.lower() or "%25" in location


@pytest.mark.parametrize("host", [
    f"{DASHBOARD}\tX", f"{DASHBOARD}%0d%0aX-Evil:1", f"{DASHBOARD}/x",
    f"{DASHBOARD}\x0bx", f"{DASHBOARD} x", f"{DASHBOARD}\\x", "\u010d\u010a",
], ids=range(7))
def test_t24_host_splits_no_header(refused, host):
    data = f"GET /dashboard HTTP/1.1\r\nHost: {host}\r\n" \
        "Accept: text/html\r\nConnection: close\r\n\r\n"
    answer = wire.exchange(refused.gateway.port, data.encode("utf-8"))
    assert wire.status_of(answer) in (400, 302)
    assert wire.header_of(answer, "x-evil") == []
    for location in wire.header_of(answer, "location"):
        assert location.startswith((ORIGIN + "/oauth2/", "/oauth2/"))


def test_t24_the_path_of_a_login_splits_no_header(refused):
    for path in ("/a%0d%0aX-Evil:1", "/%C4%8D%C4%8AX-Evil", "/a%0aX-Evil:1",
                 "/a?x=%0d%0aX-Evil:1"):
        reply = refused.browser().get(path)
        assert reply.status == 302
        assert reply.get("x-evil") is None
        assert "\n" not in reply.get("location")


@pytest.mark.parametrize("name", ["name", "email", "preferred_username",
                                  "groups"])
@pytest.mark.parametrize(
    "value", ["a\r\nX-Evil: 1", "a\nb", "\u010d\u010aX-Evil: 1", "a\0b",
              "a\x0bb", "\x1b[31m"],
    ids=range(6),
)
def test_t24_claims_split_no_header(site, name, value):
    site.provider.user[name] = [value] if name == "groups" else value
    browser = site.browser()
    reply = browser.get(site.callback(browser))
    if "\0" in value:
        assert reply.status == 502
        return
    assert reply.status == 302
    for target in ("/dashboard", "/dashboard"):  # cold and warm
        reply = browser.get(target)
        assert reply.status == 200
        seen = dict(reply.json()["headers"])
        assert "x-evil" not in seen
        assert all(v.isascii() and v.isprintable() for v in seen.values())
    reply = browser.get("/oauth2/auth")
    assert reply.status == 202 and reply.get("x-evil") is None
    assert browser.get("/oauth2/userinfo").json()["user"] == "user-0001"


# ---- T25: claims that do not fit a header -----------------------------------

def test_t25_claims_beyond_ascii_are_encoded(site):
    site.provider.user.update(
        name="Ada \u00c5\u4e2d\U0001f600", groups=["a,b", "\u00e4", "50%", " "]
    )
    seen = dict(site.logged_in().get("/dashboard").json()["headers"])
    assert urllib.parse.unquote(seen["x-auth-request-name"]) == (
        "Ada \u00c5\u4e2d\U0001f600"
    )
    groups = seen["x-auth-request-groups"].split(",")
    assert "a%2Cb" in groups and "50%25" in groups


@pytest.mark.parametrize("name", ["name", "email", "preferred_username"])
def test_t25_a_huge_claim_is_left_out_or_refused(site, name):
    site.provider.user[name] = "x" * 4000
    reply = site.logged_in().get("/dashboard")
    assert reply.status == 200
    assert users(reply.json()) == ["user-0001"]
    assert "xxxx" not in reply.text()
    site.provider.user[name] = "x" * (32 << 10)
    browser = site.browser()
    assert browser.get(site.callback(browser)).status == 502
    assert COOKIE not in browser.cookies


def test_t25_very_many_groups(site):
    """Refused or cut by a limit, but never a group that was not given."""
    given = [f"/group-{i}" for i in range(2000)]
    site.provider.user["groups"] = given
    browser = site.browser()
    reply = browser.get(site.callback(browser))
    assert reply.status in (302, 431, 500, 502)
    if reply.status == 302:
        reply = browser.get("/dashboard")
        assert reply.status == 200
        seen = dict(reply.json()["headers"])
        assert set(seen["x-auth-request-groups"].split(",")) <= set(given)


# ---- T26: forged identity ---------------------------------------------------

def variants(name):
    yield name
    yield name.lower()
    yield name.upper()
    yield name.swapcase()
    yield name.replace("-", "_")
    yield name.lower().replace("-", "_", 1)
    yield name[::-1].replace("-", "_", 1)[::-1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("host", [API, DASHBOARD])
def test_t26_forged_identity_is_stripped(site, host, name):
    rows = [f"Cookie: {COOKIE}={site.logged_in().cookies[COOKIE]}"]
    if host == API:
        rows = []
    for variant in variants(name):
        for more in ([], [f"{variant}: Admin2"]):
            status, seen = ask(site, host, *rows, f"{variant}: admin", *more)
            assert status == 200
            assert forged(seen) == [], variant
            assert users(seen) == (["user-0001"] if rows else [])


@pytest.mark.parametrize("host", [API, DASHBOARD])
@pytest.mark.parametrize("row", [
    "X-Auth-Request-User : admin", "X-Auth-Request-User\t: admin",
    " X-Auth-Request-User: admin", "X-Auth-Request-User\0: admin",
    "X-Auth-Request-User", "X-Auth\xadRequest-User: admin",
    "X-A: b\r\n X-Auth-Request-User: admin",
    "X-A: b\nX-Auth-Request-User: admin",
    "X-A: b\rX-Auth-Request-User: admin", ": admin", "X-Auth-Request-User;: a",
], ids=range(11))
def test_t26_forged_identity_in_a_malformed_header(site, host, row):
    rows = [f"Cookie: {COOKIE}={site.logged_in().cookies[COOKIE]}"]
    if host == API:
        rows = []
    status, seen = ask(site, host, *rows, row)
    assert status in (200, 400)
    if seen is not None:
        assert forged(seen) == []
        assert users(seen) == (["user-0001"] if rows else [])


def test_t26_credentials_are_no_identity(site):
    """They pass, for the engine, but change nothing about who it is."""
    cookie = f"Cookie: {COOKIE}={site.logged_in().cookies[COOKIE]}"
    for row in ("Authorization: Basic YWRtaW46YWRtaW4=", "api-key: admin",
                "Remote-User: admin", "X-Remote-User: admin"):
        status, seen = ask(site, DASHBOARD, row)
        assert status == 401 and seen is None
        status, seen = ask(site, DASHBOARD, cookie, row)
        assert status == 200 and users(seen) == ["user-0001"]
        status, seen = ask(site, API, row)
        assert status == 200 and users(seen) == []


def test_t26_the_verdict_of_auth_is_not_the_client_s_word(site):
    browser = site.logged_in()
    forgery = {**HTML, "X-Auth-Request-User": "admin",
               "X-Auth-Request-Email": "admin@x"}
    reply = browser.get("/oauth2/auth", forgery)
    assert reply.all("x-auth-request-user") == ["user-0001"]
    assert reply.all("x-auth-request-email") == ["ada@example.org"]
    assert site.browser().get("/oauth2/auth", forgery).status == 401


# ---- T27: hop by hop, framing, HTTP/2 ---------------------------------------

@pytest.mark.parametrize("row", [
    "Connection: X-Auth-Request-User", "Connection: close, Cookie",
    "Connection: X-Auth-Request-User, X-Auth-Request-Groups, Host",
    "Proxy-Connection: X-Auth-Request-User", "TE: trailers, X-Auth-Request-User",
    "Trailer: X-Auth-Request-User", "Keep-Alive: X-Auth-Request-User",
    "Upgrade: X-Auth-Request-User",
])
def test_t27_hop_by_hop_names_drop_no_identity(site, row):
    cookie = f"Cookie: {COOKIE}={site.logged_in().cookies[COOKIE]}"
    status, seen = ask(site, DASHBOARD, cookie, row)
    assert status == 200
    assert users(seen) == ["user-0001"]
    assert ("x-auth-request-email", "ada@example.org") in [
        (k, v) for k, v in seen["headers"]
    ]


SMUGGLED = wire.lines("GET /admin HTTP/1.1", "Host: x", "Connection: close",
                      "X-Auth-Request-User: admin")
FRAMINGS = {
    "cl-te": ["Content-Length: 4", "Transfer-Encoding: chunked"],
    "te-te": ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
    "te-case": ["Transfer-Encoding: xchunked"],
    "te-space": ["Transfer-Encoding : chunked"],
    "te-tab": ["Transfer-Encoding:\tchunked", "Content-Length: 0"],
    "cl-cl": ["Content-Length: 0", "Content-Length: 60"],
    "cl-plus": ["Content-Length: +0"],
    "cl-list": ["Content-Length: 0, 60"],
    "cl-hex": ["Content-Length: 0x3c"],
    "none": [],
}


@pytest.mark.parametrize("rows", FRAMINGS.values(), ids=FRAMINGS.keys())
def test_t27_a_smuggled_request_is_nobody(site, rows):
    """Whatever the framing: a second request is judged for itself."""
    cookie = f"Cookie: {COOKIE}={site.logged_in().cookies[COOKIE]}"
    site.upstream.requests.clear()
    head = wire.lines("POST /a HTTP/1.1", f"Host: {DASHBOARD}", cookie, *rows)
    wire.exchange(
        site.gateway.port, head + b"0\r\n\r\n" + SMUGGLED, timeout=1,
    )
    for seen in site.upstream.requests:
        assert seen["target"] == "/a"
        assert users(seen) == ["user-0001"]
        assert forged(seen) == []


def h2(site, *more, host=DASHBOARD, path="/collections"):
    site.upstream.requests.clear()
    status = wire.http2(site.h2_port, [
        (":method", "GET"), (":scheme", "http"), (":path", path),
        (":authority", host), *more,
    ])
    return status, site.upstream.requests


@pytest.mark.parametrize("more", [
    [(":path", "/public/x")], [(":authority", API)], [(":method", "POST")],
    [("host", API)], [(":protocol", "websocket")], [(":x", "y")],
    [("x-auth-request-user", "admin")], [("X-Auth-Request-User", "admin")],
    [("x-auth-request-user", "a\r\nx: y")], [("x\r\nx-auth-request-user", "a")],
    [("connection", "x-auth-request-user")], [("transfer-encoding", "chunked")],
    [("cookie", f"{COOKIE}=x"), ("cookie", f"{COOKIE}=y")], [("", "x")],
    [("te", "trailers"), (":path", "/public/")],
], ids=range(15))
def test_t27_http2_header_tricks_without_a_session(refused, more):
    status, _ = h2(refused, *more)
    assert status in (0, 400, 401)


def test_t27_http2_identity_is_the_session_s(site):
    cookie = site.logged_in().cookies[COOKIE]
    for more in ([("x-auth-request-user", "admin")],
                 [("x_auth_request_user", "admin")],
                 [("X-Auth-Request-User", "admin")], []):
        # a browser may cut its cookies into several headers
        status, seen = h2(site, ("cookie", "a=b"),
                          ("cookie", f"{COOKIE}={cookie}"), *more)
        if status in (0, 400):
            assert seen == []
            continue
        assert status == 200
        assert users(seen[0]) == ["user-0001"] and forged(seen[0]) == []
    status, seen = h2(site, ("x-auth-request-user", "admin"), host=API)
    assert status == 200 and users(seen[0]) == []


def test_t27_http2_paths_are_judged_alike(refused):
    for path in ("/dashboard", "//dashboard", "/public/../dashboard", "*",
                 "/public/%2e%2e/dashboard", "http://x/public/", "", "x"):
        status, _ = h2(refused, path=path)
        assert status in (0, 400, 401), path
