# SPDX-License-Identifier: Apache-2.0
"""The provider ends sessions, and a user who leaves everywhere (T44, T33)."""

import http.client
import secrets
import time
import urllib.parse

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .gateway import (
    COOKIE, DASHBOARD, HTML, ORIGIN, SCRIPT, Browser, wait_until,
)
from .provider import base64url, refuse

ADDRESS = "/oauth2/backchannel_logout"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def gateway(stopped_gateway):
    """Without the shared memory: what is over in the store is over here."""
    stopped_gateway.settings["zone"] = "azimuth_session_zone off;"
    return stopped_gateway.start()


def post(gateway, body, headers=None):
    """The provider speaks to us: no browser, no cookie."""
    body = body if isinstance(body, bytes) else body.encode()
    return Browser(gateway).send(
        "POST", ADDRESS, FORM if headers is None else headers, body
    )


def tell(gateway, token):
    return post(gateway, urllib.parse.urlencode({"logout_token": token}))


def is_in(browser):
    return browser.get("/dashboard").status == 200


def refused(reply, status=400):
    assert reply.status == status, reply.text()
    assert reply.get("content-type") == "application/json"
    assert reply.get("cache-control") == "no-store"
    assert reply.json()["message"]
    return reply.json()


def test_the_provider_ends_a_session(gateway, provider, valkey, browser):
    browser.login()
    assert is_in(browser)
    reply = tell(gateway, provider.logout_token())
    assert reply.status == 200, reply.text()
    assert reply.get("cache-control") == "no-store"
    assert reply.body == b""
    assert browser.get("/dashboard").status == 302
    assert b"azimuth:session" not in valkey.command("KEYS", "*")
    assert b"azimuth:user" not in valkey.command("KEYS", "*")


@pytest.mark.parametrize(
    "claims", [{"sid": None}, {"sub": None}, {"exp": None},
               {"aud": ["other", "qdrant-dashboard"]}],
    ids=["sub alone", "sid alone", "no exp", "several aud"],
)
def test_sub_or_sid_alone_are_enough(gateway, provider, browser, claims):
    browser.login()
    assert tell(gateway, provider.logout_token(**claims)).status == 200
    assert browser.get("/dashboard").status == 302


def test_other_sessions_live_on(gateway, provider):
    """sid: the sessions of that session there; sub: all of that user."""
    here, there, other = Browser(gateway), Browser(gateway), Browser(gateway)
    here.login()
    provider.claims = {"sid": "provider-session-2"}
    there.login()
    provider.claims = {"sid": "provider-session-3"}
    provider.user = {**provider.user, "sub": "user-0002"}
    other.login()
    provider.user = {**provider.user, "sub": "user-0001"}
    assert tell(gateway, provider.logout_token()).status == 200
    assert not is_in(here) and is_in(there) and is_in(other)
    # the session of one user under the name of another is nobody's
    token = provider.logout_token(sid="provider-session-3")
    assert tell(gateway, token).status == 200
    assert is_in(there) and is_in(other)
    assert tell(gateway, provider.logout_token(sid=None)).status == 200
    assert not is_in(there) and is_in(other)


def test_a_session_that_has_no_sid_ends_with_its_user(gateway, provider):
    """Which session there it belongs to cannot be told: rather too many."""
    provider.claims = {"sid": None}
    nameless = Browser(gateway)
    nameless.login()
    provider.claims = {"sid": "provider-session-2"}
    other = Browser(gateway)
    other.login()
    assert tell(gateway, provider.logout_token()).status == 200
    assert not is_in(nameless) and is_in(other)


def test_a_logout_token_works_once(gateway, provider, browser):
    token = provider.logout_token()
    browser.login()
    assert tell(gateway, token).status == 200
    browser.login()
    assert "used before" in refused(tell(gateway, token))["message"]
    assert is_in(browser)


NOW = int(time.time())
WRONG = {
    "iss": {"iss": "https://evil.example.test"},
    "no iss": {"iss": None},
    "aud": {"aud": "another-client"},
    "no aud": {"aud": None},
    "nonce": {"nonce": "n"},
    "no events": {"events": None},
    "events is text": {
        "events": "http://schemas.openid.net/event/backchannel-logout"
    },
    "another event": {"events": {"http://schemas.openid.net/event/x": {}}},
    "event is no object": {
        "events": {"http://schemas.openid.net/event/backchannel-logout": 1}
    },
    "no jti": {"jti": None},
    "empty jti": {"jti": ""},
    "number as jti": {"jti": 7},
    "old iat": {"iat": NOW - 3600},
    "future iat": {"iat": NOW + 3600},
    "no iat": {"iat": None},
    "text as iat": {"iat": str(NOW)},
    "over": {"exp": NOW - 600},
    "bad exp": {"exp": "soon"},
    "neither sub nor sid": {"sub": None, "sid": None},
    "number as sub": {"sub": 1},
    "empty sid": {"sid": ""},
    "long sid": {"sid": "s" * 1100},
}


@pytest.fixture(scope="module")
def other_key():
    return rsa.generate_private_key(65537, 2048)


def test_wrong_logout_tokens_are_refused(gateway, provider, browser,
                                         other_key):
    """T44, one login for all of them: the session is alive after each."""
    browser.login()
    for name, claims in WRONG.items():
        reply = tell(gateway, provider.logout_token(**claims))
        assert refused(reply)["error"] == "bad_logout_token", name
        assert is_in(browser), name
    good = provider.logout_token()
    head, payload, signature = good.split(".")
    pem = provider.key.public_key().public_bytes(
        serialization.Encoding.PEM,
        serialization.PublicFormat.SubjectPublicKeyInfo,
    )
    tokens = {
        "alg none": base64url(b'{"alg":"none"}') + f".{payload}.",
        "alg none signed": base64url(b'{"alg":"none"}')
        + f".{payload}.{signature}",
        "hs256": hs256(pem, pyjwt.decode(
            good, options={"verify_signature": False})),
        "other key": provider.logout_token(key=other_key),
        "unknown kid": provider.logout_token({"kid": "nobody"}),
        "id token": provider.id_token({"nonce": "n"}),
        "access token type": provider.logout_token({"typ": "at+jwt"}),
        "changed": f"{head}.{payload[:-2]}AA.{signature}",
        "cut": good[:-10],
        "two parts": f"{head}.{payload}",
        "text": "hello",
        "long": good + "A" * 20000,
    }
    for name, token in tokens.items():
        refused(tell(gateway, token))
        assert is_in(browser), name


def hs256(secret, claims):
    import hashlib
    import hmac
    import json

    head = base64url(b'{"alg":"HS256","kid":"key-1"}')
    text = f"{head}.{base64url(json.dumps(claims).encode())}"
    mac = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64url(mac)}"


def test_wrong_requests_are_refused(gateway, provider, browser):
    browser.login()
    token = provider.logout_token()
    form = urllib.parse.urlencode({"logout_token": token})
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"):
        reply = Browser(gateway).send(method, f"{ADDRESS}?{form}", {})
        assert reply.status == 405, method
        assert reply.get("allow") == "POST"
    # a query is no body
    refused(Browser(gateway).send("POST", f"{ADDRESS}?{form}", FORM, b""))
    refused(post(gateway, form, {"Content-Type": "application/json"}))
    refused(post(gateway, form, {}))
    refused(post(gateway, form + "&" + form))
    refused(post(gateway, "logout_token="))
    refused(post(gateway, "token=" + token))
    refused(post(gateway, "logout_token=%zz"))
    refused(post(gateway, b"\0\xff" * 100))
    refused(post(gateway, "x=1&" * 200 + form))
    assert is_in(browser)


def test_a_long_body_is_refused_unread(gateway, provider, browser):
    browser.login()
    refused(post(gateway, b"logout_token=" + b"a" * (64 << 10)), 413)
    # 1 MB that is announced and never sent: the answer does not wait for it
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port,
                                            timeout=10)
    connection.putrequest("POST", ADDRESS, skip_host=True)
    connection.putheader("Host", DASHBOARD)
    connection.putheader("Content-Type", FORM["Content-Type"])
    connection.putheader("Content-Length", str(1 << 20))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    # and one whose size nobody tells
    reply = Browser(gateway).send(
        "POST", ADDRESS, {**FORM, "Transfer-Encoding": "chunked"}
    )
    assert reply.status == 413
    assert is_in(browser)


def test_a_body_that_comes_in_pieces(gateway, provider, browser):
    browser.login()
    body = urllib.parse.urlencode(
        {"pad": "p" * 9000, "logout_token": provider.logout_token()}
    ).encode()
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port,
                                            timeout=10)
    connection.putrequest("POST", ADDRESS, skip_host=True)
    connection.putheader("Host", DASHBOARD)
    connection.putheader("Content-Type", FORM["Content-Type"])
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    for at in range(0, len(body), 997):
        connection.send(body[at:at + 997])
    reply = connection.getresponse()
    assert reply.status == 200, reply.read()
    connection.close()
    assert not is_in(browser)


def test_new_keys_are_fetched_for_a_logout(gateway, provider, browser,
                                           other_key):
    browser.login()
    provider.key = other_key
    provider.kid = "key-2"
    assert tell(gateway, provider.logout_token()).status == 200
    assert not is_in(browser)


def test_a_logout_waits_for_no_login(gateway, provider):
    """A worker that knows nothing of the provider yet asks for it."""
    assert tell(gateway, provider.logout_token()).status == 200
    assert "/jwks" in provider.calls


def test_a_provider_whose_keys_fail_may_try_again(gateway, provider):
    provider.script["/jwks"] = refuse(500, {})
    reply = refused(tell(gateway, provider.logout_token()), 503)
    assert reply["error"] == "provider_down"


def test_a_dead_store_lets_the_provider_try_again(gateway, provider, valkey,
                                                  browser):
    browser.login()
    for _ in range(4):  # every worker has the keys
        tell(gateway, provider.logout_token(sid="nobody"))
    token = provider.logout_token()
    valkey.stop()
    reply = refused(tell(gateway, token), 503)
    assert reply["error"] == "store_down"
    valkey.start()
    time.sleep(2.1)
    assert tell(gateway, token).status == 200


def test_many_sessions_end_at_once(gateway, provider, valkey):
    browsers = [Browser(gateway) for _ in range(70)]
    for browser in browsers:
        browser.login()
    # 64 at most: each login beyond ended an old one
    alive = [is_in(b) for b in browsers]
    assert sum(alive) == 64 and alive[-1]
    assert tell(gateway, provider.logout_token()).status == 200
    assert b"azimuth:session" not in valkey.command("KEYS", "*")


def test_every_worker_forgets_a_warm_session(stopped_gateway, provider):
    """T44: the news of its end comes long before the zone's own time."""
    stopped_gateway.settings["workers"] = 4
    stopped_gateway.settings["zone"] = "azimuth_session_zone 1m ttl=30s;"
    gateway = stopped_gateway.start()
    browser = Browser(gateway)
    browser.login()
    cookies = dict(browser.cookies)

    def look():
        browser.cookies = dict(cookies)
        return browser.get("/dashboard").status

    assert {look() for _ in range(20)} == {200}
    assert tell(gateway, provider.logout_token()).status == 200
    wait_until(lambda: {look() for _ in range(20)} == {302}, 5)


# ---- front-channel ---------------------------------------------------------

FRONT = "/oauth2/frontchannel_logout"
FRAME = {**HTML, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}


def front(provider, **changes):
    query = {"iss": provider.issuer, "sid": "provider-session-1", **changes}
    query = {k: v for k, v in query.items() if v is not None}
    return FRONT + "?" + urllib.parse.urlencode(query)


def test_front_channel_logout_is_off_by_default(browser, provider):
    browser.login()
    assert browser.get(front(provider), FRAME).status == 404
    assert is_in(browser)


def test_a_frame_of_the_provider_ends_the_session(stopped_gateway, provider):
    stopped_gateway.settings["provider"] = "frontchannel_logout on;"
    stopped_gateway.settings["zone"] = "azimuth_session_zone off;"
    gateway = stopped_gateway.start()
    browser = Browser(gateway)
    browser.login()
    kept = dict(browser.cookies)
    for wrong in ({"iss": "https://evil.example.test"}, {"iss": None},
                  {"sid": None}):
        assert browser.get(front(provider, **wrong), FRAME).status == 400
    reply = browser.get(front(provider, sid="another"), FRAME)
    assert reply.status == 200
    assert is_in(browser)
    # sid and iss alone are not enough: it has to be this browser's session
    assert Browser(gateway).get(front(provider), FRAME).status == 200
    assert is_in(browser)
    assert browser.send("POST", front(provider), FRAME, b"").status == 405
    reply = browser.get(front(provider), FRAME)
    assert reply.status == 200
    assert reply.get("cache-control") == "no-store"
    assert reply.get("x-frame-options") is None
    policy = reply.get("content-security-policy")
    assert policy.endswith(f"frame-ancestors {provider.issuer}")
    assert COOKIE not in browser.cookies
    browser.cookies = kept
    assert not is_in(browser)


# ---- everywhere ------------------------------------------------------------

EVERYWHERE = "/oauth2/sign_out?everywhere=1"
OWN = {**HTML, "Sec-Fetch-Site": "same-origin"}


def test_sign_out_everywhere(gateway, provider):
    browsers = [Browser(gateway) for _ in range(4)]
    for browser in browsers:
        browser.login()
    provider.user = {**provider.user, "sub": "user-0002"}
    other = Browser(gateway)
    other.login()
    first = browsers[0]
    assert first.get(EVERYWHERE, OWN).status == 405
    foreign = {**HTML, "Sec-Fetch-Site": "cross-site"}
    assert first.send("POST", EVERYWHERE, foreign, b"").status == 403
    assert all(is_in(b) for b in browsers)
    assert first.send("POST", EVERYWHERE, OWN, b"").status == 200
    assert COOKIE not in first.cookies
    assert not any(is_in(b) for b in browsers)
    assert is_in(other)


@pytest.mark.parametrize("way", ["sub", "sid", "everywhere"])
def test_a_list_that_is_too_long_ends_as_a_whole(gateway, provider, valkey,
                                                 way):
    """Logins at the same moment do not see each other in the list, and so get
    past the 64 sessions of a user; one read takes 256."""
    browsers = [Browser(gateway) for _ in range(4)]
    for browser in browsers:
        browser.login()
    key = next(k for k in valkey.command("KEYS", "azimuth:user:*").split()
               if k.startswith(b"azimuth:user:"))
    valkey.command("HSET", key, *[
        part for _ in range(1500)
        for part in (base64url(secrets.token_bytes(32)), "x")
    ])
    if way == "everywhere":
        reply = browsers[0].send("POST", EVERYWHERE, OWN, b"")
    else:
        other = {"sub": "sid", "sid": "sub"}[way]
        reply = tell(gateway, provider.logout_token(**{other: None}))
    assert reply.status == 200, reply.text()
    assert not any(is_in(b) for b in browsers)


def test_who_is_nobody_cannot_sign_out_everywhere(gateway, browser):
    reply = browser.send("POST", EVERYWHERE, SCRIPT, b"")
    assert reply.status == 401


def test_who_comes_back_from_a_logout_is_known(stopped_gateway):
    stopped_gateway.settings["provider"] = (
        f"post_logout_redirect_uri {ORIGIN}/oauth2/signed_out;")
    gateway = stopped_gateway.start()
    browser = Browser(gateway)
    browser.login()
    reply = browser.get("/oauth2/sign_out", OWN)
    query = dict(urllib.parse.parse_qsl(
        urllib.parse.urlsplit(reply.get("location")).query))
    assert query["post_logout_redirect_uri"] == f"{ORIGIN}/oauth2/signed_out"
    back = "/oauth2/signed_out?state="
    reply = browser.get(back + query["state"])
    assert reply.status == 200 and "Signed out" in reply.text()
    for state in ("", "x", query["state"][::-1], "A" * 34):
        reply = browser.get(back + state)
        assert reply.status == 302
        assert browser.local(reply.get("location")) == "/"


def test_sign_out_leaves_the_users_other_sessions(gateway, valkey):
    here, there = Browser(gateway), Browser(gateway)
    here.login()
    there.login()
    assert here.send("POST", "/oauth2/sign_out", OWN, b"").status == 200
    assert not is_in(here) and is_in(there)
    keys = valkey.command("KEYS", "azimuth:user:*").split(b"\r\n")
    assert valkey.command("HLEN", keys[2]) == b":1\r\n"
