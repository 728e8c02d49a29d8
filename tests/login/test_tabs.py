# SPDX-License-Identifier: Apache-2.0
"""Tabs that a browser restores all at once, and forms that stood open."""

import html
import re
import threading
import urllib.parse

import pytest

from .gateway import COOKIE, Browser
from .test_login import query_of

LOGIN_COOKIE = COOKIE + "-login"
TABS = 12


def page(number):
    return f"/dashboard?tab={number}#/collections/c{number}"


def at_once(calls):
    """Each in a thread; what they return, in order."""
    results = [None] * len(calls)

    def run(i):
        results[i] = calls[i]()

    threads = [threading.Thread(target=run, args=(i,))
               for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def start_of(target):
    return "/oauth2/start?rd=" + urllib.parse.quote(target, safe="")


def restored(gateway, browser, count=TABS):
    """Each tab asks with the cookies of before; the last answer's stays."""
    tabs = [Browser(gateway) for _ in range(count)]
    for tab in tabs:
        tab.cookies = dict(browser.cookies)
    replies = at_once([
        (lambda tab=tab, i=i: tab.get(start_of(page(i))))
        for i, tab in enumerate(tabs)
    ])
    for tab in tabs:
        browser.cookies = tab.cookies
    return [reply.get("location") for reply in replies]


def follow(browser, target, rounds=8):
    """Redirects and pages that go on, until a page that stays; its target."""
    for _ in range(rounds):
        reply = browser.get(target.partition("#")[0])
        location = reply.get("location") or reply.forward()
        if location is None:
            return target, reply
        target = (browser.authorize(location) if "/authorize?" in location
                  else browser.local(location))
    raise AssertionError("redirected in a circle")


def test_every_restored_tab_ends_at_its_own_page(gateway, browser):
    """One form is filled in; the others find a session, and go on."""
    locations = restored(gateway, browser)
    for i, location in enumerate(locations):
        target, reply = follow(browser, browser.authorize(location))
        assert reply.status == 200, reply.text()
        assert target == page(i)


def test_restored_tabs_that_come_back_at_once_arrive_too(gateway, browser):
    """The provider's page sends all of them back in the same moment: each is
    at its page, or a click on the link of ours leads there."""
    locations = restored(gateway, browser)
    callbacks = [browser.authorize(location) for location in locations]
    before = dict(browser.cookies)
    tabs = [Browser(gateway) for _ in locations]
    for tab in tabs:
        tab.cookies = dict(before)
    ends = at_once([
        (lambda tab=tab, c=callback: follow(tab, c))
        for tab, callback in zip(tabs, callbacks)
    ])
    for i, (tab, (target, reply)) in enumerate(zip(tabs, ends)):
        if reply.status != 200:
            link = re.search(r'href="([^"]+/oauth2/start[^"]*)"', reply.text())
            target, reply = follow(
                tab, tab.local(html.unescape(link[1]))
            )
        assert reply.status == 200, reply.text()
        assert target == page(i)


def test_the_retry_is_the_browser_s_own_login(gateway, provider, browser):
    """The code that came with a lost state is never redeemed."""
    first, _ = restored(gateway, browser, 2)
    other = Browser(gateway)
    other.get("/oauth2/start")
    browser.cookies[LOGIN_COOKIE] = other.cookies[LOGIN_COOKIE]
    reply = browser.get(browser.authorize(first))
    assert reply.status == 400
    assert browser.local(reply.forward()) == start_of(page(0)).replace(
        "start?", "start?retry=1&")
    assert COOKIE not in browser.cookies
    assert "/token" not in provider.calls


def test_a_lost_retry_is_a_page_with_a_link(gateway, provider, browser):
    """Never a loop, whatever becomes of the cookie."""
    stranger = Browser(gateway)
    stranger.get("/oauth2/start")
    target = "/oauth2/start?retry=1&rd=%2Fdeep"
    location = browser.get(target).get("location")
    browser.cookies[LOGIN_COOKIE] = stranger.cookies[LOGIN_COOKIE]
    reply = browser.get(browser.authorize(location))
    assert reply.status == 400 and reply.forward() is None
    assert "/oauth2/start?rd=%2Fdeep" in reply.text()
    assert "/token" not in provider.calls


def test_blocked_cookies_end_in_a_page_at_once(browser):
    location = browser.get(start_of(page(1))).get("location")
    browser.cookies.clear()
    reply = browser.get(browser.authorize(location))
    assert reply.status == 400 and reply.forward() is None
    assert start_of(page(1)) in html.unescape(reply.text())
    assert "set-cookie" not in {k.lower() for k, _ in reply.headers}


@pytest.mark.parametrize("size", [1, 256, 257, 1024])
def test_state_is_of_a_size_that_providers_keep(browser, size):
    rd = "/" + "x" * (size - 1)
    location = browser.get(start_of(rd)).get("location")
    assert len(query_of(location)["state"]) <= 512
    reply = browser.get(browser.authorize(location))
    assert browser.local(reply.get("location")) == rd
