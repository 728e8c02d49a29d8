# SPDX-License-Identifier: Apache-2.0
"""T32: cross-origin reads by those who are not on the list."""

import pytest

from ..gateway import API, DASHBOARD, ORIGIN, SCRIPT
from . import wire

OTHER_ORIGIN = "https://other.example.test:8443"
FOREIGN = [
    "null", "", "*", "https://evil.example", f"https://{DASHBOARD}.evil.example",
    f"https://evil{DASHBOARD}", f"https://evil.{DASHBOARD}", ORIGIN + "/",
    ORIGIN + ":443", ORIGIN + ":8443", ORIGIN + ".", ORIGIN + "%00",
    ORIGIN + "?x", ORIGIN + "#", ORIGIN + "@evil.example",
    f"http://{DASHBOARD}", f"HTTPS://{DASHBOARD}", ORIGIN.upper(),
    f"https://{DASHBOARD.upper()}", f"https:{DASHBOARD}", DASHBOARD,
    f"//{DASHBOARD}", f"wss://{DASHBOARD}", f"file://{DASHBOARD}",
    ORIGIN + "," + OTHER_ORIGIN, ORIGIN + " " + OTHER_ORIGIN,
    "https://other.example.test", OTHER_ORIGIN + "0", OTHER_ORIGIN[:-1],
    "https://dash_example.test", "https://dashXexample.test",
    "chrome-extension://abcdef", "https://[::1]", "a" * 5000,
]


def allowed(reply):
    return [v for k, v in reply.headers
            if k.startswith("access-control-allow")]


def varies(reply):
    return "origin" in ",".join(reply.all("vary")).lower()


def preflight(origin, more=None):
    return {"Origin": origin, "Access-Control-Request-Method": "DELETE",
            "Access-Control-Request-Headers": "content-type", **(more or {})}


@pytest.mark.parametrize("host", [DASHBOARD, API])
@pytest.mark.parametrize("origin", FOREIGN, ids=range(len(FOREIGN)))
def test_t32_a_foreign_origin_reads_nothing(site, host, origin):
    browser = site.logged_in() if host == DASHBOARD else site.browser(host)
    nobody = site.browser(host)
    site.upstream.requests.clear()
    reply = nobody.send("OPTIONS", "/collections", preflight(origin))
    assert allowed(reply) == []
    if host == DASHBOARD:
        assert site.upstream.requests == []
        assert reply.status in (204, 401, 403, 302)
    for client, headers in ((browser, SCRIPT), (nobody, SCRIPT)):
        reply = client.get("/collections", {**headers, "Origin": origin})
        assert allowed(reply) == []
        assert varies(reply)


@pytest.mark.parametrize("origins", [
    [ORIGIN, "https://evil.example"], ["https://evil.example", ORIGIN],
    [ORIGIN, ORIGIN], [ORIGIN, "null"],
], ids=range(4))
def test_t32_two_origins(refused, origins):
    browser = refused.browser()
    for reply in (
        browser.send("OPTIONS", "/collections", preflight(origins)),
        browser.get("/collections", {**SCRIPT, "Origin": origins}),
    ):
        assert allowed(reply) == []


@pytest.mark.parametrize("origin", [ORIGIN, OTHER_ORIGIN])
@pytest.mark.parametrize("target", [
    "/collections", "/", "/oauth2/userinfo", "/oauth2/auth", "/oauth2/start",
    "/oauth2/callback", "/oauth2/sign_out", "/oauth2/nothing",
])
def test_t32_a_preflight_is_answered_without_a_session(
    refused, origin, target
):
    reply = refused.browser().send("OPTIONS", target, preflight(origin))
    assert reply.status == 204
    assert reply.all("access-control-allow-origin") == [origin]
    assert reply.get("access-control-allow-credentials") == "true"
    assert not reply.all("set-cookie")
    assert varies(reply)


def test_t32_an_options_that_is_no_preflight_needs_a_session(refused):
    browser = refused.browser()
    for headers in ({"Origin": ORIGIN}, {},
                    {"Access-Control-Request-Method": "GET"}):
        reply = browser.send("OPTIONS", "/collections", headers)
        assert reply.status in (401, 204)
        assert reply.status == 401 or "origin" not in headers


def test_t32_a_preflight_with_very_many_headers(refused):
    browser = refused.browser()
    more = {f"X-Filler-{i}": "y" * 50 for i in range(100)}
    names = ",".join(more)
    more["Access-Control-Request-Headers"] = names
    reply = browser.send("OPTIONS", "/x", preflight(ORIGIN, more))
    assert reply.status == 204
    assert reply.get("access-control-allow-headers") in (None, names)
    more["Access-Control-Request-Headers"] = "x" * 20000
    reply = browser.send("OPTIONS", "/x", preflight(ORIGIN, more))
    assert reply.status in (204, 400, 431)
    assert reply.get("access-control-allow-headers") is None


@pytest.mark.parametrize("status", [200, 204, 301, 400, 403, 404, 500, 503])
def test_t32_every_status_can_be_read_by_the_right_origin(site, status):
    """What the upstream says about origins is replaced."""
    site.upstream.status = status
    site.upstream.extra = [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Origin", "https://evil.example"),
    ]
    if status == 204:
        site.upstream.status = 201
    browser = site.logged_in()
    for host, client in ((DASHBOARD, browser), (API, site.browser(API))):
        reply = client.get("/x", {**SCRIPT, "Origin": ORIGIN})
        assert reply.status == site.upstream.status
        assert reply.all("access-control-allow-origin") == [ORIGIN], host
        reply = client.get("/x", {**SCRIPT, "Origin": "https://evil.example"})
        assert allowed(reply) == []


def test_t32_never_a_star_with_credentials(site):
    browser = site.logged_in()
    for origin in (ORIGIN, OTHER_ORIGIN, "null", "https://evil.example"):
        for client in (browser, site.browser(), site.browser(API)):
            for target in ("/x", "/oauth2/userinfo", "/oauth2/sign_out"):
                reply = client.get(target, {**SCRIPT, "Origin": origin,
                                            "Sec-Fetch-Site": "cross-site"})
                assert "*" not in reply.all("access-control-allow-origin")


def test_t32_the_verdicts_of_the_login_can_be_read(refused):
    browser = refused.browser()
    for target, status in (("/x", 401), ("/oauth2/userinfo", 401),
                           ("/oauth2/nothing", 404)):
        reply = browser.get(target, {**SCRIPT, "Origin": ORIGIN})
        assert reply.status == status
        assert reply.all("access-control-allow-origin") == [ORIGIN]
        assert varies(reply)


def test_t32_a_line_end_in_an_origin(refused):
    answer = wire.exchange(refused.gateway.port, (
        f"GET /x HTTP/1.1\r\nHost: {DASHBOARD}\r\nConnection: close\r\n"
        f"Origin: {ORIGIN}\rX-Evil: 1\r\n\r\n"
    ).encode())
    assert wire.status_of(answer) in (400, 401)
    assert wire.header_of(answer, "access-control-allow-origin") == []
    assert wire.header_of(answer, "x-evil") == []
