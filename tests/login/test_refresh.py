# SPDX-License-Identifier: Apache-2.0
"""Sessions are refreshed at the provider, once, and only it can end them."""

import concurrent.futures
import contextlib
import http.client
import os
import signal
import threading
import time

import jwt
import pytest

from .gateway import COOKIE, DASHBOARD, SCRIPT, Browser, Gateway, wait_until
from .provider import Provider, hang, refuse


def who(reply):
    """The user that the upstream was told."""
    assert reply.status == 200, (reply.status, reply.text())
    headers = dict(reply.json()["headers"])
    return headers["x-auth-request-user"]


def groups(reply):
    assert reply.status == 200, (reply.status, reply.text())
    return dict(reply.json()["headers"]).get("x-auth-request-groups", "")


class Held:
    """A token endpoint that takes a refresh and answers when it may."""

    def __init__(self, provider, answer=None):
        self.answer = answer or provider.refresh_well
        self.has_come = threading.Event()
        self.may_go = threading.Event()
        provider.script["/refresh"] = self

    def __call__(self, handler):
        self.has_come.set()
        assert self.may_go.wait(30)
        self.answer(handler)

    def come(self):
        assert self.has_come.wait(10)

    def go(self):
        self.may_go.set()


@contextlib.contextmanager
def behind(function, *arguments, **more):
    """Runs `function` meanwhile; gives its future."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        yield pool.submit(function, *arguments, **more)


@pytest.fixture
def short(provider):
    """Access tokens that are over after a second."""
    provider.access_life = 1
    return provider


def login_until_over(browser, provider, life=300):
    """Logged in with an access token that is over; the next one lives."""
    browser.login()
    over = time.time() + provider.access_life
    provider.access_life = life
    wait_until(lambda: time.time() >= over)


def let_expire(provider):
    over = time.time() + provider.access_life
    wait_until(lambda: time.time() >= over)


def end_pause(valkey):
    """As if the time after a failed refresh was over."""
    keys = valkey.command("KEYS", "azimuth:refresh:*").split(b"\r\n")
    valkey.command("DEL", *[k for k in keys if k.startswith(b"azimuth:")])


def sessions(valkey):
    return valkey.command("KEYS", "azimuth:session:*").count(
        b"azimuth:session:"
    )


@pytest.fixture
def second_gateway(stopped_gateway, directory, provider, valkey, upstream):
    """Another nginx of the same site: same secret, same store."""
    place = directory / "second"
    place.mkdir()
    g = Gateway(place, provider, valkey, upstream)
    for name in ("session.key", "client.secret"):
        (place / name).write_bytes((directory / name).read_bytes())
    yield g
    g.stop()


def visit_at_once(gateways, cookies, count=100):
    """The users seen by `count` requests at once, over all gateways."""
    gate = threading.Barrier(count)

    def visit(number):
        visitor = Browser(gateways[number % len(gateways)])
        visitor.cookies = dict(cookies)
        gate.wait(30)
        return who(visitor.get("/dashboard"))

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(visit, range(count)))


@pytest.fixture
def both(stopped_gateway, second_gateway):
    """Two instances of four workers each; not started."""
    for gateway in (stopped_gateway, second_gateway):
        gateway.settings.update(workers=4, provider_timeout="5s")
    return stopped_gateway, second_gateway


@pytest.mark.parametrize("seconds", [0, 0.5], ids=["quick", "slow"])
def test_requests_at_expiry_cause_exactly_one_refresh(both, short, seconds):
    """T40: 100 at once; with a slow provider all workers wait for one."""
    browser = Browser([gateway.start() for gateway in both][0])

    def answer(handler):
        time.sleep(seconds)
        short.refresh_well(handler)

    login_until_over(browser, short)
    short.script["/refresh"] = answer
    assert visit_at_once(both, browser.cookies) == ["user-0001"] * 100
    assert len(short.refreshes) == 1


def test_requests_before_expiry_cause_exactly_one_refresh(both, provider):
    """T40: and nobody waits for it."""
    provider.access_life = 10
    for gateway in both:
        gateway.settings["http"] = "azimuth_refresh on at=10%;"
        gateway.start()
    browser = Browser(both[0])
    browser.login()
    held = Held(provider)
    due = time.time() + 1
    wait_until(lambda: time.time() >= due)
    assert visit_at_once(both, browser.cookies) == ["user-0001"] * 100
    held.come()
    held.go()
    wait_until(lambda: any("azimuth: refreshed" in g.log() for g in both))
    assert visit_at_once(both, browser.cookies) == ["user-0001"] * 100
    assert len(provider.refreshes) == 1


def test_each_refresh_token_is_used_once(gateway, short, browser):
    """The provider rotates and refuses a token that was used."""
    browser.login()
    for _ in range(3):
        let_expire(short)
        assert who(browser.get("/dashboard")) == "user-0001"
    assert len(short.refreshes) == 3
    assert len(set(short.refreshes)) == 3


def test_an_old_refresh_token_stays_when_none_comes(gateway, short, browser):
    """T39: an answer without a refresh token, and without an ID token."""
    def answer(handler):
        tokens = short.tokens({"nonce": None})
        del tokens["refresh_token"], tokens["id_token"]
        Provider.send(handler, 200, tokens)

    short.script["/refresh"] = answer
    browser.login()
    for _ in range(2):
        let_expire(short)
        assert who(browser.get("/dashboard")) == "user-0001"
    assert len(short.refreshes) == 2
    assert len(set(short.refreshes)) == 1


def test_a_refresh_outlives_the_client_that_caused_it(
    gateway, short, browser
):
    """T46: its answer, with the rotated token, is not lost."""
    login_until_over(browser, short, life=1)
    held = Held(short)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
    cookie = "; ".join(f"{k}={v}" for k, v in browser.cookies.items())
    connection.request(
        "GET", "/dashboard", headers={"Host": DASHBOARD, "Cookie": cookie}
    )
    held.come()
    connection.close()
    held.go()
    wait_until(lambda: "azimuth: refreshed" in gateway.log())
    assert who(browser.get("/dashboard")) == "user-0001"
    assert len(short.refreshes) == 1
    let_expire(short)
    assert who(browser.get("/dashboard")) == "user-0001"
    assert len(set(short.refreshes)) == 2


@pytest.mark.parametrize("answer", [
    hang,
    refuse(500, {"error": "oops"}),
    refuse(200, b"<html>"),
    refuse(401, {"error": "invalid_client"}),
], ids=["hang", "500", "html", "client"])
def test_a_failed_refresh_leaves_the_session_alone(
    stopped_gateway, short, answer
):
    """T39: the request goes on; when the provider is well again, so is it."""
    stopped_gateway.settings["zone"] = "azimuth_session_zone 1m ttl=1s;"
    gateway = stopped_gateway.start()
    browser = Browser(gateway)
    login_until_over(browser, short, life=300)
    short.script["/refresh"] = answer
    for _ in range(3):
        assert who(browser.get("/dashboard")) == "user-0001"
    # The pause after a failure: nobody hammers a provider in trouble.
    assert len(short.refreshes) == 1
    assert "refresh_failed" in gateway.log()
    del short.script["/refresh"]
    # Later attempts; one may find that the slot in shared memory is warm.
    def is_refreshed():
        assert who(browser.get("/dashboard")) == "user-0001"
        return "azimuth: refreshed" in gateway.log()

    wait_until(is_refreshed, 15)
    assert len(short.refreshes) == 2


def test_a_provider_in_trouble_is_waited_for_once(
    stopped_gateway, short, valkey
):
    """The next attempt is made while requests go on."""
    stopped_gateway.settings.update(
        workers=1, zone="azimuth_session_zone off;", provider_timeout="60s"
    )
    browser = Browser(stopped_gateway.start())
    login_until_over(browser, short)
    short.script["/refresh"] = refuse(503, {})
    assert who(browser.get("/dashboard")) == "user-0001"
    assert len(short.refreshes) == 1
    end_pause(valkey)
    held = Held(short)
    assert who(browser.get("/dashboard")) == "user-0001"
    held.come()
    assert who(browser.get("/dashboard")) == "user-0001"
    held.go()
    wait_until(lambda: "azimuth: refreshed" in stopped_gateway.log())
    assert len(short.refreshes) == 2


def test_one_user_s_failure_shortens_nobody_else_s_wait(
    stopped_gateway, short
):
    stopped_gateway.settings.update(
        workers=1, zone="azimuth_session_zone off;", provider_timeout="60s"
    )
    stopped_gateway.start()
    unlucky, other = Browser(stopped_gateway), Browser(stopped_gateway)
    unlucky.login()
    login_until_over(other, short)
    short.script["/refresh"] = refuse(503, {})
    assert who(unlucky.get("/dashboard")) == "user-0001"

    def slowly(handler):
        time.sleep(1)
        short.refresh_well(handler)

    short.script["/refresh"] = slowly
    assert who(other.get("/dashboard")) == "user-0001"
    assert "azimuth: refreshed" in stopped_gateway.log()


def test_a_late_job_does_not_end_the_lock_of_another(
    gateway, short, browser, valkey
):
    login_until_over(browser, short)
    held = Held(short)
    with behind(browser.get, "/dashboard") as reply:
        held.come()
        key = next(
            k for k in valkey.command("KEYS", "azimuth:*").split(b"\r\n")
            if k.startswith(b"azimuth:refresh:")
        )
        valkey.command("SET", key, "1 of-another", "EX", "60")
        held.go()
        assert who(reply.result()) == "user-0001"
    wait_until(lambda: "azimuth: refreshed" in gateway.log())
    assert b"1 of-another" in valkey.command("GET", key)


def test_a_provider_that_is_gone_ends_no_session(gateway, short, browser):
    login_until_over(browser, short)
    short.stop()
    assert who(browser.get("/dashboard")) == "user-0001"
    assert browser.get("/oauth2/auth").status == 202


def test_the_provider_ends_a_session(gateway, short, browser):
    """User disabled, session ended there: one login, and all is well."""
    login_until_over(browser, short)
    short.refresh_tokens.clear()
    reply = browser.get("/dashboard")
    assert reply.status == 302
    assert "/oauth2/start" in reply.get("location")
    assert len(short.refreshes) == 1
    assert COOKIE not in browser.cookies
    assert "refresh_ended_session" in gateway.log()
    assert "Session not active" in gateway.log()
    browser.login()
    assert who(browser.get("/dashboard")) == "user-0001"


@pytest.mark.parametrize("claims", [
    {"sub": "somebody-else"},
    {"iss": "https://evil.example.test"},
    {"aud": "another-client"},
    {"nonce": "of-another-login"},
])
def test_a_refreshed_id_token_must_be_about_the_same(
    gateway, short, browser, claims
):
    """T13"""
    login_until_over(browser, short)
    short.claims = claims
    assert browser.get("/dashboard", SCRIPT).status == 401
    assert "refresh_ended_session" in gateway.log()


def test_a_refreshed_id_token_must_be_signed(
    gateway, short, browser, valkey
):
    """T13"""
    login_until_over(browser, short)

    def answer(handler):
        tokens = short.tokens({"nonce": None})
        claims = jwt.decode(
            tokens["id_token"], options={"verify_signature": False}
        )
        tokens["id_token"] = jwt.encode(claims, None, algorithm="none")
        Provider.send(handler, 200, tokens)

    short.script["/refresh"] = answer
    assert browser.get("/dashboard").status == 302
    assert sessions(valkey) == 0


def test_a_refreshed_id_token_may_lack_the_nonce(gateway, short, browser):
    """OpenID Connect Core 12.2"""
    login_until_over(browser, short)
    short.claims = {"nonce": None}
    assert who(browser.get("/dashboard")) == "user-0001"
    assert "azimuth: refreshed" in gateway.log()


def test_a_logout_beats_the_refresh_that_is_under_way(
    gateway, short, browser, valkey
):
    """T45"""
    login_until_over(browser, short)
    held = Held(short)
    with behind(Browser.get, browser, "/dashboard") as reply:
        held.come()
        other_tab = Browser(gateway)
        other_tab.cookies = dict(browser.cookies)
        assert other_tab.send("POST", "/oauth2/sign_out", {
            **SCRIPT, "Origin": f"https://{DASHBOARD}",
        }).status == 200
        held.go()
        assert reply.result(20).status == 302
    assert sessions(valkey) == 0
    assert browser.get("/dashboard", SCRIPT).status == 401


@pytest.mark.parametrize("late", [False, True], ids=["fails", "hangs"])
def test_a_logout_beats_a_refresh_that_fails(gateway, short, browser, late):
    """Who waited for it in vain is let in as before, but not without a
    session."""
    login_until_over(browser, short)
    held = Held(short, refuse(500, {"error": "oops"}))
    with behind(Browser.get, browser, "/dashboard") as reply:
        held.come()
        other_tab = Browser(gateway)
        other_tab.cookies = dict(browser.cookies)
        other_tab.sign_out()
        if not late:
            held.go()
        assert reply.result(20).status == 302
        held.go()
    assert browser.get("/dashboard", SCRIPT).status == 401


def test_a_reload_brings_a_refresh_to_its_end(stopped_gateway, short):
    """T47: the old worker leaves, with the rotated token stored."""
    stopped_gateway.settings["provider_timeout"] = "5s"
    browser = Browser(stopped_gateway.start())
    login_until_over(browser, short, life=1)
    held = Held(short)
    workers = set(stopped_gateway.workers())
    with behind(Browser.get, browser, "/dashboard") as reply:
        held.come()
        stopped_gateway.reload()
        held.go()
        assert who(reply.result(20)) == "user-0001"
    wait_until(lambda: not workers & set(stopped_gateway.workers()))
    let_expire(short)
    assert who(browser.get("/dashboard")) == "user-0001"
    assert len(set(short.refreshes)) == 2


def test_a_reload_waits_for_a_refresh_in_the_background(
    stopped_gateway, provider
):
    """T47: also when no request holds the worker back."""
    provider.access_life = 10
    stopped_gateway.settings.update(
        http="azimuth_refresh on at=10%;", provider_timeout="5s"
    )
    browser = Browser(stopped_gateway.start())
    browser.login()
    held = Held(provider)
    workers = set(stopped_gateway.workers())

    def is_under_way():
        assert who(browser.get("/dashboard")) == "user-0001"
        return held.has_come.is_set()

    wait_until(is_under_way)
    stopped_gateway.reload()
    held.go()
    wait_until(lambda: not workers & set(stopped_gateway.workers()))
    assert "azimuth: refreshed" in stopped_gateway.log()
    assert len(provider.refreshes) == 1


def test_new_roles_are_seen_at_once(stopped_gateway, provider):
    """In the background, before the token is over; requests do not wait."""
    provider.access_life = 10
    stopped_gateway.settings["http"] = "azimuth_refresh on at=10%;"
    browser = Browser(stopped_gateway.start())
    browser.login()
    assert groups(browser.get("/dashboard")) == "/engineers,/readers"
    provider.user["groups"] = ["/admins"]
    held = Held(provider)

    def is_under_way():
        assert groups(browser.get("/dashboard")) == "/engineers,/readers"
        return held.has_come.is_set()

    wait_until(is_under_way)
    # While the provider thinks, everybody goes on.
    assert groups(browser.get("/dashboard")) == "/engineers,/readers"
    held.go()
    wait_until(lambda: "azimuth: refreshed" in stopped_gateway.log())
    assert groups(browser.get("/dashboard")) == "/admins"
    assert browser.get("/oauth2/userinfo").json()["groups"] == ["/admins"]
    assert len(provider.refreshes) == 1


def test_a_refresh_is_no_use_of_the_session(gateway, short, browser, valkey):
    """A page that asks who is logged in keeps nobody logged in."""
    browser.login()
    keys = valkey.command("KEYS", "azimuth:session:*").split(b"\r\n")
    key = next(k for k in keys if k.startswith(b"azimuth:"))
    valkey.command("EXPIRE", key, "100")
    let_expire(short)
    short.access_life = 300
    assert browser.get("/oauth2/userinfo").status == 200
    assert len(short.refreshes) == 1
    assert int(valkey.command("TTL", key)[1:].strip()) <= 100


@pytest.mark.parametrize("path", ["/oauth2/auth", "/oauth2/userinfo"])
def test_endpoints_refresh_too(gateway, short, browser, path):
    login_until_over(browser, short)
    assert browser.get(path).status in (200, 202)
    assert len(short.refreshes) == 1


def test_required_lets_nobody_pass_unrefreshed(stopped_gateway, short):
    stopped_gateway.settings["http"] = "azimuth_refresh required;"
    browser = Browser(stopped_gateway.start())
    login_until_over(browser, short)
    short.script["/refresh"] = refuse(500, {})
    for _ in range(2):
        reply = browser.get("/dashboard")
        assert reply.status == 503
        assert "identity provider" in reply.text()
    assert len(short.refreshes) == 1
    del short.script["/refresh"]
    wait_until(lambda: browser.get("/dashboard").status == 200)
    assert len(short.refreshes) == 2


def test_off_asks_nobody(stopped_gateway, short):
    stopped_gateway.settings["http"] = "azimuth_refresh off;"
    browser = Browser(stopped_gateway.start())
    login_until_over(browser, short)
    assert who(browser.get("/dashboard")) == "user-0001"
    assert short.refreshes == []


def test_a_frozen_store_does_not_lose_a_rotated_token(
    gateway, short, browser, valkey
):
    """The answer is there, the store is not: written again until it is."""
    login_until_over(browser, short, life=1)

    def answer(handler):
        os.kill(valkey.process.pid, signal.SIGSTOP)
        short.refresh_well(handler)

    short.script["/refresh"] = answer
    browser.get("/dashboard")
    wait_until(lambda: "no answer within 500 ms" in gateway.log())
    os.kill(valkey.process.pid, signal.SIGCONT)
    del short.script["/refresh"]
    wait_until(lambda: "azimuth: refreshed" in gateway.log())
    let_expire(short)
    assert who(browser.get("/dashboard")) == "user-0001"
    assert len(set(short.refreshes)) == 2


def test_keys_that_rotate_are_fetched_for_a_refresh(gateway, short, browser):
    login_until_over(browser, short)
    fresh = Provider(0)
    short.key, short.kid = fresh.key, "key-2"
    assert who(browser.get("/dashboard")) == "user-0001"
    assert "azimuth: refreshed" in gateway.log()
    assert short.calls.count("/jwks") >= 2


def test_no_token_gets_into_a_log(gateway, short, browser):
    """T52"""
    login_until_over(browser, short, life=1)
    browser.get("/dashboard")
    let_expire(short)
    short.refresh_tokens.clear()
    browser.get("/dashboard")
    text = gateway.log() + gateway.access_log.read_text()
    assert len(short.refreshes) == 2
    for token in short.refreshes:
        assert token not in text
    assert "access-" not in text


@pytest.mark.parametrize("line, message", [
    ("azimuth_refresh maybe;", "on, off or required"),
    ("azimuth_refresh on at=5%;", "at=10% to at=100%"),
    ("azimuth_refresh on at=80;", "at=10% to at=100%"),
    ("azimuth_refresh on at=101%;", "at=10% to at=100%"),
    ("azimuth_refresh off at=80%;", "on, off or required"),
    ("azimuth_refresh on; azimuth_refresh on;", "duplicate"),
])
def test_mistakes_are_found_at_configuration(stopped_gateway, line, message):
    """T50"""
    stopped_gateway.settings["http"] = line
    status, text = stopped_gateway.test()
    assert status != 0
    assert message in text
    assert "test.conf:" in text


def test_off_warns(stopped_gateway):
    stopped_gateway.settings["http"] = "azimuth_refresh off;"
    status, text = stopped_gateway.test()
    assert status == 0
    assert "[warn]" in text
    assert "azimuth_refresh" in text
