# SPDX-License-Identifier: Apache-2.0
"""The way in and the way out."""

import html
import re
import urllib.parse

import pytest

from .gateway import COOKIE, HTML, ORIGIN, SCRIPT, Browser, wait_until
from .provider import DISCOVERY, refuse


def query_of(location):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))


def test_a_browser_is_logged_in_and_lands_where_it_wanted(browser):
    reply = browser.login("/dashboard?collection=a%20b&x=1")
    assert browser.local(reply.get("location")) == (
        "/dashboard?collection=a%20b&x=1"
    )
    assert COOKIE in browser.cookies
    page = browser.get("/dashboard")
    assert page.status == 200
    seen = page.json()["headers"]
    assert ["x-auth-request-user", "user-0001"] in seen
    assert ["x-auth-request-email", "ada@example.org"] in seen
    assert ["x-auth-request-preferred-username", "ada"] in seen
    groups = [v for k, v in seen if k == "x-auth-request-groups"]
    assert groups == ["/engineers,/readers"]


def test_the_login_asks_for_pkce_state_and_nonce(browser):
    query = query_of(browser.to_provider())
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == 43
    assert query["redirect_uri"] == ORIGIN + "/oauth2/callback"
    assert query["response_type"] == "code"
    assert "openid" in query["scope"].split()
    assert query["state"] and query["nonce"]


def test_the_session_cookie_is_locked_to_the_host(browser):
    reply = browser.login()
    line = [c for c in reply.all("set-cookie") if c.startswith(COOKIE + "=")]
    assert len(line) == 1
    words = {w.strip().lower() for w in line[0].split(";")[1:]}
    assert {"secure", "httponly", "path=/", "samesite=lax"} <= words
    assert not any(w.startswith("domain") for w in words)
    assert len(browser.cookies[COOKIE]) <= 128


@pytest.mark.parametrize("words,name,said", [
    ("samesite=strict", COOKIE, {"samesite=strict"}),
    ("domain=.example.test samesite=none", "__Secure-azimuth",
     {"samesite=none", "domain=.example.test"}),
], ids=["strict", "wide"])
def test_a_cookie_is_as_wide_as_it_was_told(
    stopped_gateway, words, name, said
):
    stopped_gateway.settings["http"] = f"azimuth_cookie {words};"
    browser = Browser(stopped_gateway.start())
    reply = browser.get(browser.authorize(browser.to_provider()))
    line, = [c for c in reply.all("set-cookie") if c.startswith(name + "=")]
    seen = {w.strip().lower() for w in line.split(";")[1:]}
    assert seen == {"secure", "httponly", "path=/", "max-age=36000"} | said
    assert browser.get("/dashboard").status == 200


def test_the_upstream_never_sees_our_cookies(browser):
    browser.login()
    browser.cookies["theme"] = "dark"
    page = browser.get("/dashboard")
    cookies = [v for k, v in page.json()["headers"] if k == "cookie"]
    assert cookies == ["theme=dark"]
    # and the same when the answer comes from the shared memory
    page = browser.get("/dashboard")
    cookies = [v for k, v in page.json()["headers"] if k == "cookie"]
    assert cookies == ["theme=dark"]


def test_a_warm_session_needs_no_store(gateway, valkey, browser):
    browser.login()
    first = browser.get("/dashboard").json()
    valkey.stop()
    assert browser.get("/dashboard").json()["headers"] == first["headers"]


def test_userinfo_tells_who_is_logged_in(browser):
    assert browser.get("/oauth2/userinfo", SCRIPT).status == 401
    browser.login()
    reply = browser.get("/oauth2/userinfo", SCRIPT)
    assert reply.status == 200
    assert reply.json()["user"] == "user-0001"
    assert reply.json()["preferredUsername"] == "ada"
    assert reply.json()["email"] == "ada@example.org"


def test_auth_answers_202_or_401(browser):
    assert browser.get("/oauth2/auth").status == 401
    browser.login()
    reply = browser.get("/oauth2/auth")
    assert reply.status == 202
    assert reply.get("x-auth-request-user") == "user-0001"


def test_an_auth_request_of_the_same_nginx_gets_the_verdict(gateway, browser):
    browser.login()
    other = Browser(gateway, "api.example.test")
    assert other.get("/checked").status == 401
    other.cookies = dict(browser.cookies)
    reply = other.get("/checked")
    assert reply.status == 200
    assert reply.get("x-who") == "user-0001"


def test_sign_out_ends_session_and_cookie(gateway, valkey, browser):
    browser.login()
    assert browser.get("/dashboard").status == 200
    stolen = dict(browser.cookies)
    reply = browser.send(
        "POST", "/oauth2/sign_out", {**HTML, "Sec-Fetch-Site": "same-origin"},
        b"",
    )
    # No redirect: it would be the form's, which the policy of the page with
    # the form need not allow. A page of ours goes on.
    assert reply.status == 200
    forward = re.search('http-equiv="refresh" content="0;url=([^"]+)"',
                        reply.text())
    location = html.unescape(forward[1])
    assert location.startswith(gateway.provider.issuer + "/logout?")
    assert "id_token_hint" in query_of(location)
    assert COOKIE not in browser.cookies
    assert browser.get("/dashboard").status == 302
    # whoever kept the cookie has nothing, in no worker
    browser.cookies = stolen
    for _ in range(10):
        assert browser.get("/dashboard").status == 302
        browser.cookies = dict(stolen)
    assert b"azimuth:session" not in valkey.command("KEYS", "*")


def test_another_site_cannot_sign_out(browser):
    browser.login()
    for site in ("cross-site", "same-site"):
        reply = browser.get(
            "/oauth2/sign_out", {**HTML, "Sec-Fetch-Site": site}
        )
        assert reply.status == 403
    assert browser.get("/dashboard").status == 200


def test_a_new_login_gets_a_new_session(valkey, browser):
    browser.login()
    browser.get("/dashboard")
    old = dict(browser.cookies)
    callback = browser.authorize(browser.get("/oauth2/start").get("location"))
    assert browser.get(callback).status == 302
    assert browser.cookies[COOKIE] != old[COOKIE]
    browser.cookies = dict(old)
    wait_until(lambda: browser.get("/dashboard").status == 302)


def test_a_replayed_callback_redeems_no_code(provider, browser):
    callback = browser.authorize(browser.to_provider())
    before = dict(browser.cookies)
    assert browser.get(callback).status == 302
    # Another worker may fetch the provider's documents for itself.
    redeemed = provider.calls.count("/token")
    # logged in: harmless
    assert browser.get(callback).status == 302
    # with the cookies of before the login: used once is used up
    browser.cookies = before
    reply = browser.get(callback)
    assert reply.status == 400
    assert provider.calls.count("/token") == redeemed == 1


def test_a_stolen_callback_is_refused_in_another_browser(
    gateway, provider, browser
):
    callback = browser.authorize(browser.to_provider())
    victim = Browser(gateway)
    calls = len(provider.calls)
    assert victim.get(callback).status == 400
    assert COOKIE not in victim.cookies
    assert len(provider.calls) == calls


def test_a_tampered_state_is_refused(provider, browser):
    callback = browser.authorize(browser.to_provider())
    query = query_of(callback)
    calls = len(provider.calls)
    for change in (
        {"state": query["state"][:3] + "....." + query["state"][8:]},
        {"state": ""},
        {"iss": "https://evil.example"},
    ):
        target = "/oauth2/callback?" + urllib.parse.urlencode(
            {**query, **change}
        )
        assert browser.get(target).status in (400, 403)
    assert len(provider.calls) == calls


def test_an_expired_code_gives_a_page_and_a_way_back(provider, browser):
    callback = browser.authorize(browser.to_provider("/dashboard?x=1"))
    provider.codes.clear()
    reply = browser.get(callback)
    assert reply.status == 400
    assert reply.get("content-type").startswith("text/html")
    assert "/oauth2/start" in reply.text()
    assert COOKIE not in browser.cookies
    browser.login()
    assert browser.get("/dashboard").status == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-client"},
        {"nonce": "of-another-login"},
        {"exp": 1},
        {"sub": None},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_a_bad_id_token_makes_no_session(provider, browser, claims):
    provider.claims = claims
    reply = browser.get(browser.authorize(browser.to_provider()))
    assert reply.status == 502
    assert COOKIE not in browser.cookies


def test_a_key_rotation_is_followed(gateway, provider, browser):
    browser.login()
    from cryptography.hazmat.primitives.asymmetric import rsa

    provider.key = rsa.generate_private_key(65537, 2048)
    provider.kid = "key-2"
    other = Browser(gateway)
    other.login()
    assert other.get("/dashboard").status == 200


def test_a_refusal_at_the_provider_is_told(browser):
    query = query_of(browser.to_provider())
    reply = browser.get(
        "/oauth2/callback?"
        + urllib.parse.urlencode(
            {
                "error": "access_denied",
                "error_description": "<script>alert(1)</script>",
                "state": query["state"],
                "iss": browser.gateway.provider.issuer,
            }
        )
    )
    assert reply.status == 403
    assert "<script>" not in reply.text()
    assert "access_denied" in reply.text()


FOREIGN = [
    "https://evil.example/",
    "http://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/\\/evil.example",
    "/%09/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    ORIGIN + "@evil.example/",
    ORIGIN + ".evil.example/",
    ORIGIN + "evil.example/",
    "https://evil.example#" + ORIGIN,
    "https://evil.example\\@dash.example.test/",
    "javascript:alert(1)",
    "data:text/html,x",
    "//[::1]/",
    "//0x7f.1/",
    "\uff0f\uff0fevil.example",
    " //evil.example",
    "/..//evil.example",
    "/./\\evil.example",
    "/" + "a" * 9000,
]


@pytest.mark.parametrize("rd", FOREIGN, ids=range(len(FOREIGN)))
def test_rd_never_leads_to_a_foreign_host(gateway, rd):
    browser = Browser(gateway)
    reply = browser.get("/oauth2/start?rd=" + urllib.parse.quote(rd, safe=""))
    if reply.status in (400, 414):
        return
    assert reply.status == 302
    reply = browser.get(browser.authorize(reply.get("location")))
    assert reply.status == 302
    target = urllib.parse.urlsplit(reply.get("location"))
    assert f"{target.scheme}://{target.netloc}" == ORIGIN
    assert not target.path.startswith(("//", "/\\"))
    assert "\\" not in target.path and "\t" not in target.path


def test_parallel_tabs_all_arrive(browser):
    locations = [browser.to_provider(f"/dashboard?tab={i}") for i in range(4)]
    for i in (2, 0, 3, 1):
        reply = browser.get(browser.authorize(locations[i]))
        assert reply.status == 302
        if browser.local(reply.get("location")) != f"/dashboard?tab={i}":
            pytest.fail(reply.get("location"))


def test_a_lying_discovery_is_refused(gateway, provider, browser):
    document = provider.metadata()
    document["issuer"] = "https://evil.example"
    provider.script[DISCOVERY] = refuse(200, document)
    reply = browser.get("/oauth2/start")
    assert reply.status == 502
    provider.script.clear()


def test_no_secret_reaches_a_log(stopped_gateway, provider):
    gateway = stopped_gateway
    gateway.settings["http"] = (
        "log_format all '$request $request_uri $args $uri';"
    )
    gateway.settings["dashboard"] = f"access_log {gateway.access_log} all;"
    gateway.start()
    browser = Browser(gateway)
    callback = browser.authorize(browser.to_provider())
    code = query_of(callback)["code"]
    state = query_of(callback)["state"]
    cookies = list(browser.cookies.values())
    browser.get(callback)
    browser.get(callback.replace(code, code + "x"))
    browser.get("/dashboard")
    provider.codes.clear()
    other = Browser(gateway)
    late = other.authorize(other.to_provider())
    provider.codes.clear()
    assert other.get(late).status == 400
    cookies += list(browser.cookies.values())
    session = browser.cookies[COOKIE]
    browser.cookies[COOKIE] = session[:-2] + "xx"
    browser.get("/dashboard")
    gateway.stop()
    logs = gateway.log() + gateway.access_log.read_text()
    from .provider import CLIENT_SECRET

    for secret in (code, state, query_of(late)["code"], CLIENT_SECRET,
                   "access-", "refresh-", "eyJ", *cookies):
        assert secret not in logs, secret[:8]
