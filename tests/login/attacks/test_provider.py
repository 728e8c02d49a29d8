# SPDX-License-Identifier: Apache-2.0
"""T36 to T39: a provider that hangs, lies, or is somebody else."""

import gzip
import json
import socket
import threading

import pytest

from ..gateway import API, COOKIE, Browser, wait_until
from ..provider import DISCOVERY, Provider, refuse
from ..test_transport import TlsGateway
from . import forge

PROVIDER_STATUSES = (502, 503)


@pytest.fixture
def lone(stopped_gateway):
    """One worker, so that the open host shares it with the login."""
    stopped_gateway.settings["workers"] = 1
    return stopped_gateway.start()


# ---- T36: the network -------------------------------------------------------

class Silent:
    """Listens at `port`: takes connections and says nothing, or no more."""

    def __init__(self, port, is_full):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.socket.listen(0 if is_full else 16)
        self.peers = []
        if is_full:
            for _ in range(4):  # the queue is full: nobody else gets in
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex(("127.0.0.1", port))
                self.peers.append(s)

    def close(self):
        for s in self.peers:
            s.close()
        self.socket.close()


def ends_while_others_go_on(gateway, target="/oauth2/start"):
    """The login fails in its time; the same worker serves the open host."""
    replies = []
    thread = threading.Thread(
        target=lambda: replies.append(Browser(gateway).get(target))
    )
    thread.start()
    api = Browser(gateway, API)
    served = 0
    while thread.is_alive() and served < 200:
        assert api.get("/collections").status == 200
        served += 1 if replies == [] else 0
    thread.join()
    assert served > 5, "the worker was blocked"
    assert replies[0].status in PROVIDER_STATUSES
    assert replies[0].get("location") is None
    return replies[0]


@pytest.mark.parametrize("is_full", [True, False], ids=["connect", "answer"])
def test_t36_hangs(lone, provider, is_full):
    provider.stop()
    silent = Silent(provider.port, is_full)
    try:
        ends_while_others_go_on(lone)
    finally:
        silent.close()


def test_t36_hangs_in_the_tls_handshake(directory, valkey, upstream, provider):
    provider.stop()
    silent = Silent(provider.port, False)
    provider.issuer = "https://idp.example.test"
    gateway = TlsGateway(directory, provider, valkey, upstream)
    gateway.settings["workers"] = 1
    gateway.settings["provider"] = f"connect_to 127.0.0.1:{provider.port};"
    gateway.start()
    try:
        ends_while_others_go_on(gateway)
    finally:
        gateway.stop()
        silent.close()


def test_t36_speaks_plain_http_where_tls_is_due(
    directory, valkey, upstream, provider
):
    provider.issuer = "https://idp.example.test"
    gateway = TlsGateway(directory, provider, valkey, upstream)
    gateway.settings["provider"] = f"connect_to 127.0.0.1:{provider.port};"
    gateway.start()
    try:
        reply = Browser(gateway).get("/oauth2/start")
        assert reply.status == 503
        assert provider.calls == []
    finally:
        gateway.stop()


def cut(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"issuer":')
    handler.close_connection = True


def reset(handler):
    handler.connection.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
    )
    handler.connection.close()
    handler.close_connection = True


def bomb(handler):
    body = gzip.compress(b" " * (64 << 20))
    Provider.send(handler, 200, body, "application/json",
                  [("Content-Encoding", "gzip")])


def many_interim(handler):
    handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 20000)
    Provider.send(handler, 500, {})


def one_long_header(handler):
    Provider.send(handler, 200, {}, "application/json",
                  [("X-Filler", "y" * (4 << 20))])


def not_http(handler):
    handler.wfile.write(b"\0\1\2\3 this is no HTTP\r\n\r\n")
    handler.close_connection = True


def circle(handler):
    Provider.send(handler, 302, b"", "text/plain",
                  [("Location", handler.path)])


def elsewhere(handler):
    Provider.send(handler, 307, b"", "text/plain",
                  [("Location", "http://169.254.169.254/token")])


def huge_length(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(500 << 20))
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b"x" * 65536)


ANSWERS = {
    "cut": cut, "reset": reset, "bomb": bomb, "interim": many_interim,
    "header": one_long_header, "not-http": not_http, "circle": circle,
    "elsewhere": elsewhere, "length": huge_length,
    "204": refuse(204, b""), "301": refuse(301, b""), "429": refuse(429, {}),
    "500": refuse(500, {}), "html": refuse(200, b"<html>", "text/html"),
    "empty": refuse(200, b""), "invalid": refuse(200, b"{"),
    "nul": refuse(200, b"{}\0"), "two": refuse(200, b"{}{}"),
    "deep": refuse(200, b'{"a":' * 5000), "array": refuse(200, b"[]"),
}


@pytest.mark.parametrize("path", [DISCOVERY, "/jwks", "/token"])
def test_t36_answers_that_are_none(lone, provider, upstream, path):
    """One after another, at each of the three addresses."""
    for name, answer in ANSWERS.items():
        provider.script.clear()
        browser = Browser(lone)
        target = "/oauth2/start"
        if path != DISCOVERY:
            target = browser.authorize(browser.to_provider())
        provider.script[path] = answer
        reply = browser.get(target)
        assert reply.status in PROVIDER_STATUSES, name
        assert COOKIE not in browser.cookies
        assert not [c for c in provider.calls if c.startswith("/latest")]
    provider.script.clear()
    browser = Browser(lone)
    wait_until(lambda: browser.get("/oauth2/start").status == 302)
    browser.login()
    assert upstream.requests == []


# ---- T37: discovery ---------------------------------------------------------

def changed(**more):
    return lambda m: {k: v for k, v in {**m, **more}.items()
                      if v is not None}


DISCOVERIES = {
    "issuer": changed(issuer="https://evil.example"),
    "issuer-slash": lambda m: {**m, "issuer": m["issuer"] + "/"},
    "issuer-case": lambda m: {**m, "issuer": m["issuer"].upper()},
    "issuer-missing": changed(issuer=None),
    "issuer-array": lambda m: {**m, "issuer": [m["issuer"]]},
    **{f"{name}-{number}": changed(**{name: url})
       for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
       for number, url in enumerate([
           None, "", "http://evil.example/x", "file:///etc/passwd",
           "gopher://127.0.0.1:6379/_FLUSHALL", "ftp://evil.example/",
           "//evil.example/x", "/token", "javascript:alert(1)",
           "https://user:x@evil.example/", "https://evil.example:0/",
           "https://evil.example/#x", "https://evil example/", ["https://x/"],
           1, "https://x/" + "a" * 9000, "https://x/\r\nX: y", "ldap://x/",
           "dict://127.0.0.1:11211/", "unix:///run/x.sock",
           "http://127.0.0.1.evil.example/", "http://0x7f.1/", "https://",
       ])},
    "issuer-twice": lambda m: (json.dumps(m)[:-1]
                               + ',"issuer":"https://evil.example"}').encode(),
    "array": lambda m: [m],
    "huge": changed(filler="x" * (1 << 20)),
}


def test_t37_documents_that_are_refused(lone, provider, upstream):
    browser = Browser(lone)
    for name, change in DISCOVERIES.items():
        body = change(provider.metadata())
        provider.script[DISCOVERY] = refuse(200, body)
        reply = browser.get("/oauth2/start")
        assert reply.status in PROVIDER_STATUSES, name
        assert reply.get("location") is None, name
    assert set(provider.calls) == {DISCOVERY}
    assert upstream.requests == []
    provider.script.clear()
    assert browser.get("/oauth2/start").status == 302


# ---- T38: key sets ----------------------------------------------------------

def key_sets():
    good = forge.rsa_jwk(forge.new_rsa(), "key-1", use="sig")
    ec = forge.ec_jwk(forge.new_ec(), "key-1")
    small = forge.rsa_jwk(forge.new_rsa(1024), "key-1")
    return {
        "empty": {"keys": []}, "no-keys": {}, "null": {"keys": None},
        "object": {"keys": {"a": good}}, "array": [good],
        "5000": {"keys": [good] * 5000},
        "1024": {"keys": [small]},
        "512": {"keys": [{**good, "n": good["n"][:86]}]},
        "e-1": {"keys": [{**good, "e": "AQ"}]},
        "e-2": {"keys": [{**good, "e": "Ag"}]},
        "e-0": {"keys": [{**good, "e": "AA"}]},
        "e-huge": {"keys": [{**good, "e": good["n"]}]},
        "n-huge": {"keys": [{**good, "n": good["n"] * 40}]},
        "n-text": {"keys": [{**good, "n": "!!"}]},
        "off-curve": {"keys": [{**ec, "y": ec["x"]}]},
        "infinity": {"keys": [{**ec, "x": "A" * 43, "y": "A" * 43}]},
        "curve": {"keys": [{**ec, "crv": "P-257"}]},
        "oct": {"keys": [{"kty": "oct", "kid": "key-1", "k": "AAAA"}]},
        "private": {"keys": [{**good, "d": good["n"]}]},
        "enc": {"keys": [{**good, "use": "enc"}]},
        "ops": {"keys": [{**good, "use": None, "key_ops": ["sign"]}]},
        "kid-number": {"keys": [{**good, "kid": 1}]},
        "kid-huge": {"keys": [{**good, "kid": "k" * 5000}]},
        "kty": {"keys": [{**good, "kty": "rsa"}]},
        "strings": {"keys": ["key-1", 1, None, []]},
        "deep": b'{"keys":' + b"[" * 3000 + b"]" * 3000 + b"}",
        "twice": b'{"keys":[],"keys":[' + json.dumps(good).encode() + b"]}",
    }


def test_t38_key_sets_that_are_refused(lone, provider, upstream):
    """Before a code is redeemed: the keys are asked for first."""
    for name, body in key_sets().items():
        browser = Browser(lone)
        target = browser.authorize(browser.to_provider())
        provider.script["/jwks"] = refuse(200, body)
        reply = browser.get(target)
        assert reply.status in PROVIDER_STATUSES, name
        assert COOKIE not in browser.cookies, name
        assert provider.calls.count("/token") == 0, name
    provider.script.clear()
    Browser(lone).login()
    assert upstream.requests == []


def test_t38_keys_rotate_under_load(lone, provider):
    """Logins of the old and the new key; each new key is fetched once."""
    Browser(lone).login()
    fetched = provider.calls.count("/jwks")
    old = provider.key
    provider.more_keys = [forge.rsa_jwk(old, "key-1", use="sig")]
    provider.key, provider.kid = forge.new_rsa(), "key-2"
    statuses = []

    def work():
        browser = Browser(lone)
        reply = browser.get(browser.authorize(browser.to_provider()))
        statuses.append(reply.status)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(302) >= 1 and set(statuses) <= {302, 502}
    Browser(lone).login()
    assert provider.calls.count("/jwks") - fetched <= 2
    provider.kid, provider.key = "key-1", old
    Browser(lone).login()


# ---- T39: token answers -----------------------------------------------------

TOKEN_REPLIES = {
    "no-type": {"token_type": None}, "mac": {"token_type": "mac"},
    "type-array": {"token_type": ["Bearer"]}, "type-empty": {"token_type": ""},
    "expires-negative": {"expires_in": -1},
    "expires-text": {"expires_in": "3600"},
    "expires-huge": {"expires_in": 10 ** 18},
    "expires-null": {"expires_in": [300]},
    "no-id-token": {"id_token": None}, "id-token-empty": {"id_token": ""},
    "id-token-object": {"id_token": {}}, "id-token-number": {"id_token": 1},
    "no-access-token": {"access_token": None},
    "access-token-empty": {"access_token": ""},
    "access-token-line": {"access_token": "a\r\nb"},
    "access-token-space": {"access_token": "a b"},
    "access-token-utf8": {"access_token": "\u00e4"},
    "refresh-token-object": {"refresh_token": {}},
    "refresh-token-line": {"refresh_token": "a\nb"},
    "error-too": {"error": "invalid_grant", "id_token": None},
    "huge": {"filler": "x" * (2 << 20)},
}


@pytest.mark.parametrize("change", TOKEN_REPLIES.values(),
                         ids=TOKEN_REPLIES.keys())
def test_t39_token_answers_that_break_a_rule(refused, change):
    refused.provider.token_reply = change
    browser = refused.browser()
    reply = browser.get(refused.callback(browser))
    assert reply.status in PROVIDER_STATUSES, reply.text()
    assert COOKIE not in browser.cookies
    assert refused.redeemed() == 1  # never tried again


@pytest.mark.parametrize("status,body,expected", [
    (400, {"error": "invalid_grant"}, 400),
    (400, {"error": "invalid_grant", "error_description": "<script>x"}, 400),
    (400, {"error": "invalid_request"}, 502), (401, {"error": "x"}, 502),
    (400, {"error": ["invalid_grant"]}, 502), (403, {}, 502),
    (404, {}, 502), (302, {}, 502), (201, {}, 502), (500, {}, 503),
    (503, {}, 503), (429, {}, 503), (400, b"", 502), (400, b"<html>", 502),
])
def test_t39_errors_of_the_token_endpoint(refused, status, body, expected):
    refused.provider.script["/token"] = refuse(status, body)
    browser = refused.browser()
    reply = browser.get(refused.callback(browser))
    assert reply.status == expected, reply.text()
    assert "<script>" not in reply.text()
    assert COOKIE not in browser.cookies
    assert refused.redeemed() == 1


def test_t39_a_lifetime_of_nothing_is_no_error(site):
    """RFC 6749 recommends expires_in and does not require it."""
    for value in (None, 0, 1):
        site.provider.token_reply = {"expires_in": value}
        assert site.logged_in().get("/dashboard").status == 200
