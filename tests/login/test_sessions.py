# SPDX-License-Identifier: Apache-2.0
"""/oauth2/sessions: a user sees the own sessions and ends them (T19, T22)."""

import html
import re
import urllib.parse

import pytest

from .gateway import COOKIE, HTML, SCRIPT, Browser, wait_until

LIST = "/oauth2/sessions"
OWN = {**HTML, "Sec-Fetch-Site": "same-origin"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def gateway(stopped_gateway):
    stopped_gateway.settings["zone"] = "azimuth_session_zone off;"
    return stopped_gateway.start()


def login(gateway, agent):
    browser = Browser(gateway)
    callback = browser.authorize(browser.to_provider())
    assert browser.get(callback, {**HTML, "User-Agent": agent}).status == 302
    return browser


def sessions(browser):
    reply = browser.get(LIST, SCRIPT)
    assert reply.status == 200, reply.text()
    return reply.json()


def end(browser, token, headers=None):
    body = urllib.parse.urlencode({"end": token}).encode()
    return browser.send(
        "POST", LIST, {**(OWN if headers is None else headers), **FORM}, body
    )


def is_in(browser):
    return browser.get("/dashboard").status == 200


def test_the_list_shows_the_users_sessions(gateway, provider):
    here = login(gateway, "Firefox <b>on</b> Linux")
    there = login(gateway, "Chromium\ton Android")
    provider.user = {**provider.user, "sub": "user-0002"}
    login(gateway, "somebody else's")
    seen = sessions(here)["sessions"]
    assert len(seen) == 2
    own = [s for s in seen if s["this"]]
    rest = [s for s in seen if not s["this"]]
    assert own[0]["user_agent"] == "Firefox <b>on</b> Linux"
    assert rest[0]["user_agent"] == "Chromium?on Android"
    assert own[0]["address"] == "127.0.0.1"
    assert 0 < rest[0]["created_at"] < rest[0]["expires_at"]
    assert "end" not in own[0] and rest[0]["end"]
    page = here.get(LIST)
    assert page.status == 200
    assert page.get("content-type").startswith("text/html")
    assert page.get("cache-control") == "no-store"
    assert "script" not in page.text()
    assert "Firefox &lt;b&gt;on&lt;/b&gt; Linux" in page.text()
    assert "This browser" in page.text()
    assert "somebody" not in page.text()
    assert is_in(there)


def test_the_list_tells_nothing_that_opens_a_session(gateway, valkey):
    here = login(gateway, "here")
    login(gateway, "there")
    text = here.get(LIST).text() + here.get(LIST, SCRIPT).text()
    for key in valkey.command("KEYS", "azimuth:session:*").split(b"\r\n")[2::2]:
        assert key.decode().split(":")[-1] not in text
    assert here.cookies[COOKIE] not in text


def test_without_a_session_there_is_no_list(browser):
    assert browser.get(LIST).status == 302
    assert browser.get(LIST, SCRIPT).status == 401
    reply = end(browser, "x" * 23)
    assert reply.status == 401
    assert browser.send("DELETE", LIST).status == 405


def test_a_form_ends_another_session(gateway):
    here, there = login(gateway, "here"), login(gateway, "there")
    third = login(gateway, "third")
    page = here.get(LIST).text()
    item = next(i for i in page.split("<li>") if "<code>there</code>" in i)
    action = html.unescape(re.search('action="([^"]+)"', item)[1])
    token = re.search('name="end" value="([^"]+)"', item)[1]
    assert here.local(action) == LIST
    reply = end(here, token)
    assert reply.status == 302
    assert here.local(reply.get("location")) == LIST
    assert is_in(here) and not is_in(there) and is_in(third)
    assert [s["user_agent"] for s in sessions(here)["sessions"]] == [
        "here", "third"]
    # the same form again: there is nothing left to end
    assert end(here, token).status == 403


def test_all_others_end(gateway):
    here = login(gateway, "here")
    others = [login(gateway, "other") for _ in range(3)]
    token = sessions(here)["end_others"]
    reply = end(here, token, SCRIPT)
    assert reply.status == 200 and reply.json() == {"ended": 3}
    assert is_in(here) and not any(is_in(b) for b in others)
    assert "end_others" not in sessions(here)


def test_a_form_of_ours_has_an_origin(gateway, browser):
    """Under "no-referrer" browsers send it with "Origin: null", which is no
    proof to whoever knows no Sec-Fetch-Site (Safari before 16.4)."""
    browser.login()
    foreign = {**HTML, "Sec-Fetch-Site": "cross-site"}
    for page in (browser.get("/oauth2/sessions"),
                 browser.get("/oauth2/sign_out", foreign)):
        assert "<form" in page.text()
        assert page.get("referrer-policy") == "same-origin"
    assert browser.get("/oauth2/nothing").get("referrer-policy") == (
        "no-referrer")


def test_nobody_else_can_use_a_form(gateway, provider):
    here, there = login(gateway, "here"), login(gateway, "there")
    provider.user = {**provider.user, "sub": "user-0002"}
    thief = login(gateway, "thief")
    seen = sessions(here)
    token = next(s["end"] for s in seen["sessions"] if not s["this"])
    for site in ("cross-site", "same-site"):
        assert end(here, token, {**HTML, "Sec-Fetch-Site": site}).status == 403
    no_site = {k: v for k, v in HTML.items() if k != "Sec-Fetch-Site"}
    assert end(here, token, no_site).status == 403
    # tokens are bound to the session that saw them
    for other in (thief, there):
        assert end(other, token).status == 403
        assert end(other, seen["end_others"]).status == 403
    for wrong in ("", "x", token[:-1], token + "A", "A" * 23, token[::-1]):
        assert end(here, wrong).status == 403
    assert here.send("POST", LIST, OWN, b"").status == 403
    assert here.send(
        "POST", LIST, {**OWN, **FORM}, b"end=" + b"a" * (64 << 10)
    ).status == 413
    assert is_in(here) and is_in(there) and is_in(thief)


def test_forms_survive_a_new_secret(gateway):
    here, there = login(gateway, "here"), login(gateway, "there")
    token = sessions(here)["end_others"]
    path = gateway.directory / "session.key"
    path.write_text("ab" * 32 + "\n" + path.read_text())
    gateway.reload()
    third = login(gateway, "third")
    assert end(here, token).status == 302
    assert is_in(here) and not is_in(there) and not is_in(third)


def test_sessions_that_are_gone_leave_the_list(gateway, valkey):
    here, there = login(gateway, "here"), login(gateway, "there")
    user = valkey.command("KEYS", "azimuth:user:*").split(b"\r\n")[2]
    for key in valkey.command("KEYS", "azimuth:session:*").split(b"\r\n")[2::2]:
        valkey.command("RENAME", key, "kept")
        if not keeps(here):
            valkey.command("RENAME", "kept", key)
        else:
            valkey.command("DEL", "kept")
    assert not keeps(there)
    assert valkey.command("HLEN", user) == b":2\r\n"
    assert len(sessions(here)["sessions"]) == 1
    # The answer does not wait for that.
    wait_until(lambda: valkey.command("HLEN", user) == b":1\r\n")


def keeps(browser):
    """Whether the session is alive; the cookie stays for a second look."""
    cookies = dict(browser.cookies)
    status = browser.get("/dashboard").status
    browser.cookies = cookies
    return status == 200


def test_a_list_that_was_tampered_with(gateway, valkey):
    """Entries of others do not open; fields that are no hash are nothing."""
    here = login(gateway, "here")
    there = login(gateway, "there")
    user = valkey.command("KEYS", "azimuth:user:*").split(b"\r\n")[2]
    valkey.command("HSET", user, "../../etc", "x" * 100)
    valkey.command("HSET", user, "A" * 43, "y" * 100)
    valkey.command("HSET", user, "B" * 43, "")
    assert len(sessions(here)["sessions"]) == 2
    assert is_in(there)
    valkey.command("SET", "azimuth:session:" + "A" * 43, "z")
    valkey.command("HSET", user, "A" * 43, b"\0" * 100)
    assert len(sessions(here)["sessions"]) == 3
    valkey.command("DEL", user)
    valkey.command("SET", user, "no hash")
    assert here.get(LIST).status == 503
    assert is_in(here)


def test_a_dead_store_has_no_list(gateway, valkey):
    here = login(gateway, "here")
    valkey.stop()
    reply = here.get(LIST)
    assert reply.status == 503
    assert "Valkey" in reply.text()


def test_a_login_ends_with_the_list_that_cannot_be_written(gateway, valkey,
                                                           browser):
    """T22: no session exists that its user could not find."""
    login(gateway, "here")
    user = valkey.command("KEYS", "azimuth:user:*").split(b"\r\n")[2]
    valkey.command("DEL", user)
    valkey.command("SET", user, "no hash")
    callback = browser.authorize(browser.to_provider())
    before = valkey.command("DBSIZE")
    reply = browser.get(callback)
    assert reply.status == 503
    assert COOKIE not in browser.cookies
    keys = valkey.command("KEYS", "azimuth:session:*")
    assert keys.count(b"azimuth:session:") == 1, (before, keys)


def test_a_new_login_replaces_its_own_entry(gateway, valkey):
    """T19: the id is new, and the list has it instead of the old one."""
    here = login(gateway, "here")
    callback = here.authorize(here.get("/oauth2/start").get("location"))
    assert here.get(callback).status == 302
    user = valkey.command("KEYS", "azimuth:user:*").split(b"\r\n")[2]
    assert valkey.command("HLEN", user) == b":1\r\n"
    assert len(sessions(here)["sessions"]) == 1
