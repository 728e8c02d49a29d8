# SPDX-License-Identifier: Apache-2.0
"""T15, T23: what `state` carries is nobody's way in, and nobody's way out."""

import base64
import time
import urllib.parse

import pytest

from ..gateway import COOKIE, HTML, ORIGIN
from .site import OTHER
from .test_callback import LOGIN_COOKIE, query_of, refuse, target_of

HERE = ORIGIN + "/oauth2/start?retry=1"


def begun(site, rd="/deep", host=None):
    """A stranger's login: the callback, and the browser that began it."""
    browser = site.browser(host) if host else site.browser()
    location = browser.get(
        "/oauth2/start?rd=" + urllib.parse.quote(rd, safe="")
    ).get("location")
    return browser, location


def lost(site):
    """A browser with a login of its own open, so that it may retry."""
    browser = site.browser()
    browser.get("/oauth2/start")
    return browser


def test_t15_a_stranger_s_state_leads_to_the_own_login(refused):
    """Refused by a page that goes on to it, no more than a link would do: no
    code is redeemed, no cookie is set, and who logs in is who sits there."""
    stranger, location = begun(refused)
    victim = lost(refused)
    cookies = dict(victim.cookies)
    reply = refuse(refused, victim, stranger.authorize(location))
    assert reply.forward() == HERE + "&rd=%2Fdeep"
    assert victim.cookies == cookies
    assert refused.redeemed() == 0


def test_t15_a_stranger_s_state_beside_a_live_session(refused):
    stranger, location = begun(refused)
    victim = refused.browser()
    victim.login()
    refused.provider.calls.clear()
    session = victim.cookies[COOKIE]
    reply = victim.get(stranger.authorize(location))
    assert reply.get("location") == ORIGIN + "/deep"
    assert victim.cookies[COOKIE] == session
    assert refused.redeemed() == 0


@pytest.mark.parametrize("part", ["id", "format", "kid", "nonce", "sealed",
                                  "tag"])
def test_t15_a_state_that_was_changed_carries_nothing(refused, part):
    at = {"id": 3, "format": 16, "kid": 17, "nonce": 20, "sealed": 40,
          "tag": -1}[part]
    stranger, location = begun(refused)
    query = query_of(stranger.authorize(location))
    raw = bytearray(base64.urlsafe_b64decode(query["state"] + "=="))
    raw[at] ^= 1
    query["state"] = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    for browser in (lost(refused), stranger):
        reply = refuse(refused, browser, target_of(query))
        assert "%2Fdeep" not in reply.text()


def test_t15_the_id_of_one_state_with_what_another_carries(refused):
    """The own open login's id does not open a stranger's sealed part."""
    stranger, location = begun(refused, "/theirs")
    browser, own = begun(refused, "/own")
    query = query_of(browser.authorize(own))
    raw = [base64.urlsafe_b64decode(query_of(one)["state"] + "==")
           for one in (own, location)]
    mixed = raw[0][:16] + raw[1][16:]
    query["state"] = base64.urlsafe_b64encode(mixed).decode().rstrip("=")
    reply = refuse(refused, browser, target_of(query))
    assert "theirs" not in reply.text()


def test_t15_the_bare_id_is_no_state(refused):
    browser, location = begun(refused)
    query = query_of(browser.authorize(location))
    query["state"] = query["state"][:22]
    refuse(refused, browser, target_of(query))


def test_t15_a_login_cookie_is_no_state(refused):
    browser, location = begun(refused)
    query = query_of(browser.authorize(location))
    query["state"] = browser.cookies[LOGIN_COOKIE]
    refuse(refused, browser, target_of(query))


def test_t15_the_state_of_another_host(refused):
    """It is sealed by the same key, and still says nothing here."""
    there, location = begun(refused, "/theirs", OTHER)
    code = refused.other_provider.new_code(query_of(location))
    query = {"code": code, "state": query_of(location)["state"],
             "iss": refused.provider.issuer}
    reply = refuse(refused, lost(refused), target_of(query))
    assert "theirs" not in reply.text()


def test_t15_a_state_is_redeemed_once_however_often_it_comes(refused):
    browser, location = begun(refused)
    target = browser.authorize(location)
    assert browser.get(target).status == 302
    session = dict(browser.cookies)
    assert refused.redeemed() == 1
    for _ in range(3):
        reply = browser.get(target)
        assert reply.get("location") == ORIGIN + "/deep"
    del browser.cookies[COOKIE]
    reply = browser.get(target)
    assert reply.status == 400
    assert reply.forward() == HERE + "&rd=%2Fdeep"
    assert refused.redeemed() == 1
    assert session[COOKIE] not in str(browser.cookies)


@pytest.mark.parametrize("rd", [
    "https://evil.example/", "//evil.example", "/\\evil.example",
    "/%2f%2fevil.example", "javascript:alert(1)", "/oauth2/sign_out",
])
def test_t23_no_state_carries_a_page_off_the_host(refused, rd):
    stranger, location = begun(refused, rd)
    victim = lost(refused)
    reply = refuse(refused, victim, stranger.authorize(location))
    assert reply.forward() in (HERE, HERE + "&rd=%2Fdashboard")
    assert "evil" not in str(reply.headers) + reply.text()


def test_t15_a_circle_of_lost_states_ends(refused):
    """Whatever a stranger does to the cookie in between."""
    browser = lost(refused)
    location = begun(refused)[1]
    rounds = 0
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        reply = browser.get(browser.authorize(location))
        assert reply.status == 400
        if reply.forward() is None:
            break
        rounds += 1
        target = browser.local(reply.forward())
        location = browser.get(target, HTML).get("location")
        browser.cookies = lost(refused).cookies
    assert rounds == 1
    assert refused.redeemed() == 0
