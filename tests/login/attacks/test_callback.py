# SPDX-License-Identifier: Apache-2.0
"""T15 to T20: the way back from the provider, by whom it does not belong to."""

import html
import urllib.parse

import pytest

from ..gateway import COOKIE, HTML, ORIGIN
from ..provider import DISCOVERY
from .site import OTHER

CALLBACK = "/oauth2/callback"
LOGIN_COOKIE = COOKIE + "-login"


def query_of(target):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))


def target_of(query):
    return CALLBACK + "?" + urllib.parse.urlencode(query)


def refuse(site, browser, target, *statuses):
    """A page, no session and no word to the token endpoint."""
    before = browser.cookies.get(COOKIE)
    reply = browser.get(target)
    assert reply.status in (statuses or (400, 403)), (reply.status, target)
    assert reply.get("content-type").startswith("text/html")
    assert reply.get("location") is None
    assert browser.cookies.get(COOKIE) == before
    assert site.redeemed() == 0
    return reply


# ---- T15: state -------------------------------------------------------------

def test_t15_callback_without_the_login_cookie(refused):
    browser = refused.browser()
    target = refused.callback(browser)
    browser.cookies.clear()
    refuse(refused, browser, target)


def test_t15_callback_with_the_state_of_another_browser(refused):
    attacker, victim = refused.browser(), refused.browser()
    target = refused.callback(attacker)
    refused.callback(victim)  # the victim has a login of its own open
    refuse(refused, victim, target)
    # and the victim's own login still works
    assert victim.get(refused.callback(victim)).status == 302


def test_t15_state_used_twice(refused):
    browser = refused.browser()
    target = refused.callback(browser)
    before = dict(browser.cookies)
    assert browser.get(target).status == 302
    assert refused.redeemed() == 1
    refused.provider.calls.clear()
    browser.cookies = dict(before)  # an attacker kept the login cookie
    refuse(refused, browser, target)
    query = query_of(target)
    for code in (query["code"] + "x", "another"):
        browser.cookies = dict(before)
        refuse(refused, browser, target_of({**query, "code": code}))


@pytest.mark.parametrize(
    "change",
    [lambda s: s[:-1] + ("A" if s[-1] != "A" else "B"), lambda s: s[1:],
     lambda s: s + "A", lambda s: s.swapcase(), lambda s: "A" * len(s),
     lambda s: s + "=", lambda s: " " + s, lambda s: s[::-1],
     lambda s: s + "\r\n", lambda s: s + "&state=x"],
    ids=["last", "short", "long", "case", "zero", "padded", "space",
         "reverse", "line", "ampersand"],
)
def test_t15_state_that_was_never_given(refused, change):
    browser = refused.browser()
    query = query_of(refused.callback(browser))
    query["state"] = change(query["state"])
    refuse(refused, browser, target_of(query))


@pytest.mark.parametrize(
    "change",
    [lambda i: None, lambda i: "", lambda i: i + "/", lambda i: i.upper(),
     lambda i: "https://evil.example", lambda i: i + "\0", lambda i: " " + i],
    ids=["absent", "empty", "slash", "case", "evil", "nul", "space"],
)
def test_t15_issuer_of_the_answer(refused, change):
    """RFC 9207: the provider says that it sends iss, so it must be there."""
    browser = refused.browser()
    query = query_of(refused.callback(browser))
    query["iss"] = change(query["iss"])
    refuse(
        refused, browser,
        target_of({k: v for k, v in query.items() if v is not None}),
    )


def test_t15_mix_up_of_two_providers(refused):
    """The login begins at B; the answer is brought to A, and back."""
    here, there = refused.browser(), refused.browser(OTHER)
    location = there.get("/oauth2/start").get("location")
    state = query_of(location)["state"]
    code = refused.other_provider.new_code(query_of(location))
    for issuer in (refused.provider.issuer, refused.other_provider.issuer):
        query = {"code": code, "state": state, "iss": issuer}
        # without and with B's login cookie, which an attacker moves over
        here.cookies.clear()
        refuse(refused, here, target_of(query))
        here.cookies = dict(there.cookies)
        reply = here.get(target_of(query))
        assert reply.status in (400, 403, 502), reply.status
        assert COOKIE not in here.cookies
        assert refused.provider.calls.count("/token") == 0
    query = {"code": code, "state": state, "iss": refused.provider.issuer}
    reply = there.get(target_of(query))
    assert reply.status == 400 and COOKIE not in there.cookies
    assert refused.redeemed() == 0


def test_t15_a_login_cookie_that_is_forged(refused):
    browser = refused.browser()
    target = refused.callback(browser)
    good = browser.cookies[LOGIN_COOKIE]
    for at in range(0, len(good), max(1, len(good) // 40)):
        bad = chr(ord(good[at]) ^ 1)
        browser.cookies = {LOGIN_COOKIE: good[:at] + bad + good[at + 1:]}
        refuse(refused, browser, target)


# ---- T16: parameters --------------------------------------------------------

QUERIES = {
    "none": "",
    "question-mark": "?",
    "ampersands": "?&&&",
    "equals": "?=",
    "semicolons": "?code=a;state={state};iss={iss}",
    "no-state": "?code=a&iss={iss}",
    "empty-state": "?code=a&state=&iss={iss}",
    "no-code": "?state={state}&iss={iss}",
    "empty-code": "?code=&state={state}&iss={iss}",
    "state-twice": "?code=a&state={state}&state={state}&iss={iss}",
    "state-other": "?code=a&state={state}&state=b&iss={iss}",
    "code-twice": "?code=a&code=b&state={state}&iss={iss}",
    "iss-twice": "?code=a&state={state}&iss={iss}&iss=b",
    "state-array": "?code=a&state[]={state}&state={state}&iss={iss}",
    "code-array": "?code[]=a&code=b&state={state}&iss={iss}",
    "code-encoded-twice": "?code=a&%63ode=b&state={state}&iss={iss}",
    "both": "?code=a&error=access_denied&state={state}&iss={iss}",
    "nul-code": "?code=a%00b&state={state}&iss={iss}",
    "nul-state": "?code=a&state={state}%00&iss={iss}",
    "broken-escape": "?code=%zz&state={state}&iss={iss}",
    "cut-escape": "?code=a&state={state}&iss={iss}&error_description=%4",
    "huge-code": "?code=" + "a" * 60000 + "&state={state}&iss={iss}",
    "long-code": "?code=" + "a" * 4100 + "&state={state}&iss={iss}",
    "many": "?" + "&".join(f"a{i}=b" for i in range(500))
            + "&code=a&state={state}&iss={iss}",
    "huge-state": "?code=a&state=" + "s" * 40000 + "&iss={iss}",
    "error-twice": "?error=a&error=b&state={state}&iss={iss}",
    "hash": "?code=a%23&state=%23&iss={iss}",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_t16_parameters_that_can_be_read_in_two_ways(refused, query):
    browser = refused.browser()
    known = query_of(refused.callback(browser))
    query = query.replace("{state}", known["state"]).replace(
        "{iss}", urllib.parse.quote(known["iss"], safe="")
    )
    refuse(refused, browser, CALLBACK + query, 400)


WORDS = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>',
    "a\r\nSet-Cookie: x=y", "</title><svg/onload=alert(1)>", "%n%s%x",
    "{{7*7}}", "\u202eevil", "javascript:alert(1)", "' onclick='x",
]


@pytest.mark.parametrize("name", ["error", "error_description"])
@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
def test_t16_what_the_provider_says_is_escaped(refused, name, words):
    browser = refused.browser()
    known = query_of(refused.callback(browser))
    query = {"error": "access_denied", "state": known["state"],
             "iss": known["iss"], name: words}
    reply = refuse(refused, browser, target_of(query), 400, 403)
    text = reply.body.decode("utf-8", "replace")
    for word in ("<script", "<img", "<svg", "onclick='", 'onerror=alert(1)">'):
        assert word not in text
    assert not [k for k, v in reply.headers if k == "x" or v == "x=y"]
    shown = html.unescape(text)
    assert "access_denied" in shown or name == "error"


def test_t16_unknown_parameters_do_no_harm(refused):
    """Keycloak sends session_state, others scope and authuser."""
    browser = refused.browser()
    target = refused.callback(browser) + "&session_state=x&scope=a+b&x&y="
    assert browser.get(target).status == 302


# ---- T17 to T20 -------------------------------------------------------------

def test_t17_a_stolen_code_does_not_fit_another_login(refused):
    victim, attacker = refused.browser(), refused.browser()
    stolen = query_of(refused.callback(victim))["code"]
    own = query_of(refused.callback(attacker))
    reply = attacker.get(target_of({**own, "code": stolen}))
    assert reply.status == 400, reply.text()
    assert COOKIE not in attacker.cookies
    assert refused.redeemed() == 1  # the provider saw the wrong verifier
    assert attacker.get("/dashboard").status == 302


@pytest.mark.parametrize("has_session", [False, True])
def test_t18_login_csrf_does_not_log_the_victim_in(refused, has_session):
    attacker, victim = refused.browser(), refused.browser()
    refused.provider.user["sub"] = "attacker"
    target = refused.callback(attacker)
    if has_session:
        refused.provider.user["sub"] = "victim"
        victim.login()
    before = victim.cookies.get(COOKIE)
    refused.provider.calls.clear()
    for site in ("cross-site", "same-site"):
        reply = victim.get(target, {**HTML, "Sec-Fetch-Site": site})
        assert reply.status == (302 if has_session else 400)
    assert victim.cookies.get(COOKIE) == before
    assert refused.redeemed() == 0
    if has_session:
        user = victim.get("/oauth2/userinfo").json()["user"]
        assert user == "victim"


def test_t19_a_planted_session_ends_at_the_login(site):
    attacker, victim = site.browser(), site.browser()
    site.provider.user["sub"] = "attacker"
    attacker.login()
    planted = attacker.cookies[COOKIE]
    victim.cookies = {COOKIE: planted}
    assert victim.get("/dashboard").status == 200
    site.provider.user["sub"] = "victim"
    target = victim.authorize(victim.get("/oauth2/start").get("location"))
    assert victim.get(target).status == 302
    assert victim.cookies[COOKIE] != planted
    assert victim.get("/oauth2/userinfo").json()["user"] == "victim"
    # the old one is dead: for its planter, in every worker
    site.upstream.requests.clear()
    for _ in range(8):
        attacker.cookies = {COOKIE: planted}
        assert attacker.get("/dashboard").status == 302
        assert COOKIE not in attacker.cookies
    assert site.upstream.requests == []


def test_t19_a_planted_cookie_that_is_none_is_not_taken_over(refused):
    browser = refused.browser()
    browser.cookies = {COOKIE: "A" * 88}
    browser.login()
    assert browser.cookies[COOKIE] != "A" * 88


def test_t20_a_second_callback_while_logged_in(refused):
    browser = refused.browser()
    first = browser.to_provider("/dashboard?tab=1")
    second = browser.to_provider("/dashboard?tab=2")
    target = browser.authorize(first)
    reply = browser.get(target)
    assert browser.local(reply.get("location")) == "/dashboard?tab=1"
    # the other tab comes back later, and the first is opened again
    reply = browser.get(browser.authorize(second))
    assert reply.status == 302
    assert browser.local(reply.get("location")) == "/dashboard?tab=2"
    reply = browser.get(target)
    assert reply.status == 302
    assert reply.get("location").startswith(ORIGIN + "/")
    assert refused.redeemed() == 2


def test_t15_nothing_is_asked_before_the_state_is_known(refused):
    """Not even the documents of the provider: a flood costs it nothing."""
    browser = refused.browser()
    for i in range(5):
        refuse(refused, browser, target_of(
            {"code": "a", "state": f"s{i}", "iss": refused.provider.issuer}
        ))
    assert refused.provider.calls == []
    assert DISCOVERY not in refused.other_provider.calls
