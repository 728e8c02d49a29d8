# SPDX-License-Identifier: Apache-2.0
"""T33 to T35: odd methods, large bodies, and requests inside requests."""

import pytest

from ..gateway import API, COOKIE, DASHBOARD, HTML, ORIGIN, SCRIPT, Browser
from . import wire

METHODS = ["HEAD", "OPTIONS", "TRACE", "CONNECT", "PUT", "PATCH", "DELETE",
           "POST", "BREW", "get", "PROPFIND", "GETX"]
ENDPOINTS = {
    "start": {"HEAD"}, "callback": set(), "auth": None, "userinfo": {"HEAD"},
    "sign_out": {"POST"}, "nothing": None, "": None,
}


def send(site, method, target, *rows, body=b""):
    return wire.exchange(site.gateway.port, wire.lines(
        f"{method} {target} HTTP/1.1", f"Host: {DASHBOARD}",
        "Connection: close", *rows,
    ) + body)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ENDPOINTS)
def test_t33_methods_of_each_endpoint(refused, name, method):
    browser = refused.browser()
    callback = refused.callback(browser)
    cookies = "; ".join(f"{k}={v}" for k, v in browser.cookies.items())
    target = callback if name == "callback" else f"/oauth2/{name}"
    answer = send(refused, method, target, f"Cookie: {cookies}")
    status = wire.status_of(answer)
    fits = ENDPOINTS[name]
    if name in ("nothing", ""):
        assert status in (400, 404, 405)
    elif name == "auth":
        assert status in (400, 401, 405)
    elif method in fits:
        assert status in (302, 401, 403)
    else:
        assert status in (400, 405), answer[:100]
    assert not [c for c in wire.header_of(answer, "set-cookie")
                if c.startswith(COOKIE + "=") and "Max-Age=0" not in c]
    assert refused.redeemed() == 0
    assert b"TRACE /" not in answer.split(b"\r\n\r\n", 1)[-1]


@pytest.mark.parametrize("method", METHODS)
def test_t33_methods_of_a_protected_page(refused, method):
    answer = send(refused, method, "/dashboard", "Accept: text/html")
    expected = (302,) if method == "HEAD" else (400, 401, 405)
    assert wire.status_of(answer) in expected


def test_t33_a_posted_callback_is_refused(refused):
    """response_mode=form_post was not asked for."""
    browser = refused.browser()
    path, _, query = refused.callback(browser).partition("?")
    for target in (path, f"{path}?{query}"):
        reply = browser.send(
            "POST", target,
            {**HTML, "Content-Type": "application/x-www-form-urlencoded",
             "Sec-Fetch-Site": "cross-site"}, query.encode(),
        )
        assert reply.status == 405
        assert COOKIE not in browser.cookies
    assert refused.redeemed() == 0


LOGOUT_CSRF = {
    "image": {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image",
              "Sec-Fetch-Site": "cross-site", "Accept": "image/*"},
    "frame": {**HTML, "Sec-Fetch-Dest": "iframe",
              "Sec-Fetch-Site": "cross-site"},
    "link": {**HTML, "Sec-Fetch-Site": "cross-site"},
    "sibling": {**HTML, "Sec-Fetch-Site": "same-site"},
    "origin": {"Accept": "text/html", "Origin": "https://evil.example"},
    "null": {"Accept": "text/html", "Origin": "null"},
    "referer": {"Accept": "text/html", "Referer": "https://evil.example/"},
    "look-alike": {"Accept": "text/html",
                   "Referer": f"{ORIGIN}.evil.example/"},
    "path": {"Accept": "text/html",
             "Referer": f"https://evil.example/{ORIGIN}/"},
    "user": {"Accept": "text/html", "Origin": f"{ORIGIN}@evil.example"},
    "silent": {"Accept": "image/*"},
    "silent-page": {"Accept": "text/html"},
    "script": {**SCRIPT, "Sec-Fetch-Site": "cross-site",
               "Origin": "https://evil.example"},
}


@pytest.mark.parametrize("headers", LOGOUT_CSRF.values(),
                         ids=LOGOUT_CSRF.keys())
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_t33_another_site_signs_nobody_out(refused, method, headers):
    browser = refused.logged_in()
    body = b"" if method == "POST" else None
    reply = browser.send(method, "/oauth2/sign_out", headers, body)
    assert reply.status == 403, reply.text()
    assert reply.all("set-cookie") == []
    assert browser.get("/oauth2/userinfo").status == 200


def test_t34_a_gigabyte_is_refused_before_it_is_read(refused):
    for rows in (["Content-Length: 1073741824"],
                 ["Content-Length: 1073741824", "Expect: 100-continue"],
                 ["Transfer-Encoding: chunked", "Expect: 100-continue"]):
        for target in ("/collections/a/points", "/oauth2/auth"):
            answer = wire.answer_head(refused.gateway.port, wire.lines(
                f"POST {target} HTTP/1.1", f"Host: {DASHBOARD}",
                "Connection: close", *rows,
            ))
            assert wire.status_of(answer) == 401, answer[:100]
            assert b"100 Continue" not in answer


@pytest.mark.parametrize("size", ["-1", "99999999999999999999", "1e9", "0x10",
                                  "1 0", "+1", "18446744073709551616"])
def test_t34_sizes_that_are_none(refused, size):
    answer = send(refused, "POST", "/x", f"Content-Length: {size}")
    assert wire.status_of(answer) in (400, 401, 413)


def test_t34_what_a_flooding_client_sends_is_not_kept(refused):
    """The verdict comes while the body still flows."""
    answer = wire.answer_head(refused.gateway.port, wire.lines(
        "PUT /x HTTP/1.1", f"Host: {DASHBOARD}", "Content-Length: 50000000",
    ) + b"x" * 5000000)
    assert wire.status_of(answer) in (0, 401)
    assert list((refused.directory / "body").rglob("*")) == []


# ---- T35: one verdict, however nginx gets there -----------------------------

@pytest.fixture
def inner(stopped_gateway):
    stopped_gateway.settings["dashboard"] = """
        error_page 404 =200 /found;
        error_page 403 = @named;
        location = /found { proxy_pass http://engine; }
        location @named { proxy_pass http://engine; }
        location /files { root /nonexistent; try_files $uri @named; }
        location /index/ { root /nonexistent; index x.html; }
        location /rewritten { rewrite ^ /dashboard last; }
        location /broken { rewrite ^ /dashboard break;
                           proxy_pass http://engine; }
        location /forbidden { return 403; }
        location /missing { return 404; }
        location /outer { auth_request /oauth2/auth;
                          proxy_pass http://engine; }
        location = /inner { internal; proxy_pass http://engine/verdict; }
        location /open/ { azimuth_auth off; error_page 404 = @named;
                          return 404; }
        location /mirrored { mirror /inner; proxy_pass http://engine; }
        location /any { satisfy any; allow 127.0.0.9; deny all;
                        proxy_pass http://engine; }
    """
    return stopped_gateway.start()


INNER = ["/files/x", "/rewritten", "/broken", "/mirrored", "/any", "/dashboard"]


@pytest.mark.parametrize("target", INNER + ["/index/", "/open/x", "/outer"])
def test_t35_no_inner_way_skips_the_login(inner, upstream, target):
    browser = Browser(inner)
    assert browser.get(target).status in (302, 401, 403)
    assert browser.get(target, SCRIPT).status in (401, 403)
    assert upstream.requests == []


@pytest.mark.parametrize("target", INNER)
def test_t35_a_session_is_looked_up_once(inner, upstream, valkey, target):
    browser = Browser(inner)
    browser.login()
    upstream.requests.clear()
    before = store_reads(valkey)
    reply = browser.get(target)
    assert reply.status == 200, reply.text()
    assert store_reads(valkey) - before == 1
    for seen in upstream.requests:
        if seen["target"] == "/verdict":
            continue
        users = [v for k, v in seen["headers"] if k == "x-auth-request-user"]
        assert users == ["user-0001"]


def store_reads(valkey):
    """How often a session was read, by either command for it."""
    text = valkey.command("INFO", "commandstats").decode()
    count = 0
    for line in text.split("\r\n"):
        if line.startswith(("cmdstat_get:", "cmdstat_getex:")):
            count += int(line.split("calls=")[1].split(",")[0])
    return count


def test_t35_two_checkers_must_both_agree(inner, upstream):
    """The inner one sees no cookie of ours any more: closed, not open."""
    browser = Browser(inner)
    assert browser.get("/outer", SCRIPT).status == 401
    browser.login()
    assert browser.get("/outer", SCRIPT).status == 401
    assert upstream.requests == []


def test_t35_api_subrequests_are_judged_by_their_own_cookie(site):
    browser = site.logged_in()
    client = site.browser(API)
    assert client.get("/checked").status == 401
    assert site.upstream.requests == []
    client.cookies = dict(browser.cookies)
    assert client.get("/checked").status == 200
