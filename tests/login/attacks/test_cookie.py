# SPDX-License-Identifier: Apache-2.0
"""T21 and T22: session cookies that are not the one we gave."""

import base64

import pytest

from ..gateway import COOKIE, HTML, SCRIPT

LOGIN_COOKIE = COOKIE + "-login"
BASE64URL = (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)


def cleared(reply):
    """The Set-Cookie that removes the session, with all its attributes."""
    lines = [c for c in reply.all("set-cookie") if c.startswith(COOKIE + "=")]
    if len(lines) != 1:
        return False
    words = [w.strip().lower() for w in lines[0].split(";")]
    return words[0].endswith("=") and {
        "max-age=0", "path=/", "secure", "httponly", "samesite=lax"
    } <= set(words)


def refuse(site, line, is_cleared=True):
    """`line`: the value of Cookie, or several."""
    browser = site.browser()
    reply = browser.get("/dashboard", {**HTML, "Cookie": line})
    assert reply.status == 302, line
    assert "/oauth2/start" in reply.get("location")
    assert cleared(reply) or not is_cleared, line
    reply = browser.get("/collections", {**SCRIPT, "Cookie": line})
    assert reply.status == 401, line
    assert cleared(reply) or not is_cleared, line
    reply = browser.get("/oauth2/auth", {**SCRIPT, "Cookie": line})
    assert reply.status == 401, line
    assert reply.get("x-auth-request-user") is None


def test_t21_a_bit_flipped_at_every_byte(refused):
    good = refused.logged_in().cookies[COOKIE]
    for at, char in enumerate(good):
        for bit in range(6):
            index = BASE64URL.index(char) ^ (1 << bit)
            bad = good[:at] + BASE64URL[index] + good[at + 1:]
            refuse(refused, f"{COOKIE}={bad}")


def test_t21_cut_at_every_place(refused):
    good = refused.logged_in().cookies[COOKIE]
    for size in range(1, len(good)):
        refuse(refused, f"{COOKIE}={good[:size]}")
    refuse(refused, f"{COOKIE}={good[1:]}")


def flipped(good, at, by):
    raw = bytearray(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))
    raw[at] = (raw[at] + by) % 256
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_t21_of_another_key(refused):
    """The key's id stands at one end; every value of it is tried."""
    good = refused.logged_in().cookies[COOKIE]
    for at in (0, 1, -1):
        for by in range(1, 256, 3):
            refuse(refused, f"{COOKIE}={flipped(good, at, by)}")


SPELLINGS = {
    "padded": lambda g: g + "=",
    "padded-twice": lambda g: g + "==",
    "longer": lambda g: g + "AAAA",
    "quoted": lambda g: f'"{g}"',
    "one-quote": lambda g: f'"{g}',
    "space-inside": lambda g: g[:20] + " " + g[20:],
    "tab-inside": lambda g: g[:20] + "\t" + g[20:],
    "percent": lambda g: "%" + format(ord(g[0]), "02x") + g[1:],
    "plus": lambda g: g.replace("-", "+").replace("_", "/") + "=",
    "comma": lambda g: g + ",x",
    "equals": lambda g: "=" + g,
    "upper": lambda g: g.upper(),
    "lower": lambda g: g.lower(),
    "reversed": lambda g: g[::-1],
    "twice-as-long": lambda g: g + g,
    "huge": lambda g: g + "A" * 16384,
    "high-bytes": lambda g: "\xff" * 88,
    "only-a": lambda g: "A" * len(g),
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_t21_spelled_in_another_way(refused, spell):
    good = refused.logged_in().cookies[COOKIE]
    refuse(refused, f"{COOKIE}={spell(good)}")


@pytest.mark.parametrize("lines", [
    lambda g: f"{COOKIE}={g}; {COOKIE}={g}",
    lambda g: f"{COOKIE}={g}; {COOKIE}=x",
    lambda g: f"{COOKIE}=x; {COOKIE}={g}",
    lambda g: f"{COOKIE}={g}; {COOKIE}=",
    lambda g: [f"{COOKIE}={g}", f"{COOKIE}=x"],
    lambda g: [f"{COOKIE}=x", f"{COOKIE}={g}"],
    lambda g: [f"a={i}" for i in range(30)] + [f"{COOKIE}={g}", f"{COOKIE}=y"],
], ids=["same", "behind", "before", "empty", "line", "line-before", "lines"])
def test_t21_two_cookies_of_one_name(refused, lines):
    refuse(refused, lines(refused.logged_in().cookies[COOKIE]))


@pytest.mark.parametrize("name", [
    COOKIE.upper(), COOKIE.lower(), COOKIE + "_0", COOKIE[:-1],
    "__Secure-azimuth", "azimuth", LOGIN_COOKIE, "$" + COOKIE, COOKIE + "[]",
])
def test_t21_a_good_value_under_another_name(refused, name):
    good = refused.logged_in().cookies[COOKIE]
    refuse(refused, f"{name}={good}", is_cleared=False)


def test_t21_the_login_cookie_is_no_session_and_back(refused):
    browser = refused.browser()
    target = refused.callback(browser)
    login = browser.cookies[LOGIN_COOKIE]
    refuse(refused, f"{COOKIE}={login}")
    session = refused.logged_in().cookies[COOKIE]
    refused.provider.calls.clear()
    browser.cookies = {LOGIN_COOKIE: session}
    reply = browser.get(target)
    assert reply.status == 400
    assert refused.redeemed() == 0


def test_t21_200_cookies_and_one_of_ours(site):
    good = site.logged_in().cookies[COOKIE]
    browser = site.browser()
    many = [f"c{i}={i}" for i in range(200)]
    for where in (0, 100, 200):
        line = "; ".join(many[:where] + [f"{COOKIE}={good}"] + many[where:])
        reply = browser.get("/dashboard", {**HTML, "Cookie": line})
        # let in or refused by a limit, but never half: never as nobody
        assert reply.status in (200, 302)
        if reply.status == 200:
            assert ["x-auth-request-user", "user-0001"] in (
                reply.json()["headers"]
            )
    line = "; ".join(many * 40 + [f"{COOKIE}={good}"])
    reply = browser.get("/dashboard", {**HTML, "Cookie": line})
    assert reply.status in (302, 400, 431)


def test_t21_the_header_repeated(site):
    good = site.logged_in().cookies[COOKIE]
    browser = site.browser()
    lines = [f"{COOKIE}={good}", *(f"c{i}=x" for i in range(5))]
    reply = browser.get("/dashboard", {**HTML, "Cookie": lines})
    assert reply.status == 200
    assert good not in reply.text()
    site.upstream.requests.clear()
    lines = [*(f"c{i}=x" for i in range(90)), f"{COOKIE}=y"]
    reply = browser.get("/dashboard", {**HTML, "Cookie": lines})
    assert reply.status == 302
    assert site.upstream.requests == []


@pytest.mark.parametrize("line", [
    "", ";", ";;;;", "=", "=;=", COOKIE, COOKIE + "=", f"{COOKIE}=;", "a",
    f"{COOKIE}==", "\x80\xff", "; ".join(["a"] * 500),
])
def test_t21_cookies_that_are_none(refused, line):
    refuse(refused, line, is_cleared=False)


# ---- T22 --------------------------------------------------------------------

def forget_sessions(site):
    keys = [k for k in site.valkey.command("KEYS", "azimuth:session:*").split()
            if k.startswith(b"azimuth:session:")]
    assert keys
    site.valkey.command("DEL", *keys)


def test_t22_a_good_cookie_without_its_record(refused):
    browser = refused.logged_in()
    good = browser.cookies[COOKIE]
    forget_sessions(refused)
    reply = browser.get("/dashboard")
    assert reply.status == 302 and cleared(reply)
    assert COOKIE not in browser.cookies
    # one login later everything is well; no second removal follows
    reply = browser.login()
    assert not cleared(reply)
    assert browser.cookies[COOKIE] != good
    reply = browser.get("/oauth2/userinfo")
    assert reply.status == 200 and not reply.all("set-cookie")
    browser.cookies = {COOKIE: good}
    assert browser.get("/dashboard").status == 302


def test_t22_a_store_that_forgets_ends_the_circle_at_the_third_round(refused):
    browser = refused.browser()
    rounds = 0
    target = "/dashboard"
    while rounds < 10:
        reply = browser.get(target)
        assert reply.status in (302, 503)
        if reply.status == 503:
            break
        location = reply.get("location")
        if "/authorize?" not in location:
            target = browser.local(location)
            continue
        target = browser.authorize(location)
        assert browser.get(target).status == 302
        rounds += 1
        forget_sessions(refused)
        target = "/dashboard"
    assert reply.status == 503
    assert reply.get("location") is None
    assert "again=1" in reply.text()
    assert rounds == 3
    # a click on the page's link begins anew
    assert browser.get("/oauth2/start?again=1").status == 302


def test_t22_many_logins_do_not_grow_the_cookie(refused):
    """431 and 400 for too large headers cannot be provoked."""
    browser = refused.browser()
    sizes = []
    for i in range(60):
        browser.get(f"/oauth2/start?rd=/{'x' * 900}{i}")
        sizes.append(sum(len(k) + len(v) for k, v in browser.cookies.items()))
    assert max(sizes) < 4096
    assert browser.get(refused.callback(browser)).status == 302
