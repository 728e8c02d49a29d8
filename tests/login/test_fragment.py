# SPDX-License-Identifier: Apache-2.0
"""The page that looks for what a server never sees. What a browser makes of
it: tests/browser/life.mjs."""

import base64
import hashlib
import html
import re

from .gateway import COOKIE, HTML, ORIGIN, Browser
from .test_login import query_of

WINDOW = {**HTML, "Sec-Fetch-Dest": "document"}


def parts(reply):
    """Where the page goes on to, what it puts a fragment behind, its script."""
    text = reply.text()
    link = re.search(r'<a id="go" href="([^"]+)" data-keep="([^"]+)"', text)
    script, = re.findall("<script>(.*?)</script>", text, re.S)
    return html.unescape(link[1]), html.unescape(link[2]), script


def test_a_window_gets_the_page_and_everybody_else_a_redirect(browser):
    reply = browser.get("/oauth2/start?rd=%2Fdashboard", WINDOW)
    assert reply.status == 200
    assert reply.get("content-type").startswith("text/html")
    assert reply.get("cache-control") == "no-store"
    assert "/authorize?" in parts(reply)[0]
    for headers in (HTML, {"Accept": "text/html"},
                    {**WINDOW, "Sec-Fetch-Dest": "iframe"}):
        assert browser.get("/oauth2/start", headers).status == 302


def test_only_the_page_s_own_script_may_run(browser):
    reply = browser.get("/oauth2/start?rd=%2F%22%3E%3Cscript%3E", WINDOW)
    script = parts(reply)[2]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest())
    policy = [reply.get("content-security-policy")]
    assert policy == reply.all("content-security-policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy[0].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest.decode()}'"
    assert not re.search(r"\son\w+=", reply.text())


def test_the_page_leads_into_the_login_by_both_ways(browser):
    """Without a fragment at once; with one by the address of its own."""
    reply = browser.get("/oauth2/start?rd=%2Fdashboard%3Fa%3Db", WINDOW)
    url, keep, _ = parts(reply)
    ended = browser.get(browser.authorize(url))
    assert ended.get("location") == ORIGIN + "/dashboard?a=b"
    assert COOKIE in browser.cookies
    browser.cookies.clear()
    with_fragment = browser.get(
        browser.local(keep + "%23%2Fcollections%2Fx"), WINDOW
    )
    assert with_fragment.status == 302
    ended = browser.get(browser.authorize(with_fragment.get("location")))
    assert ended.get("location") == (
        ORIGIN + "/dashboard?a=b#/collections/x"
    )


def test_without_scripts_the_page_goes_on_by_itself(browser):
    reply = browser.get("/oauth2/start", WINDOW)
    forward = re.search(
        '<noscript><meta http-equiv="refresh" content="0;url=([^"]+)">'
        "</noscript>", reply.text(),
    )
    url = html.unescape(forward[1])
    assert url == parts(reply)[0]
    assert browser.get(browser.authorize(url)).status == 302


def test_a_provider_s_setting_leaves_the_page_out(stopped_gateway):
    stopped_gateway.settings["provider"] = "preserve_fragment off;"
    browser = Browser(stopped_gateway.start())
    assert browser.get("/oauth2/start", WINDOW).status == 302


def test_a_page_that_is_loaded_again_still_leads_in(browser):
    pages = [browser.get("/oauth2/start", WINDOW) for _ in range(3)]
    states = {query_of(parts(page)[0])["state"] for page in pages}
    assert len(states) == 3
    for page in pages:
        assert browser.get(browser.authorize(parts(page)[0])).status == 302
