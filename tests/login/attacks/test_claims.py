# SPDX-License-Identifier: Apache-2.0
"""T7 to T12 and T14: well-signed ID tokens that say the wrong thing."""

import base64
import hashlib
import json
import time

import pytest

from ..gateway import COOKIE
from . import forge

CLIENT = "qdrant-dashboard"


def signed(site, payload, **more):
    """`payload` (claims or raw JSON), well signed."""
    return forge.jws(
        {"alg": "RS256", "kid": site.provider.kid, **more}, payload,
        forge.rs256(site.provider.key),
    )


def log_in(site):
    browser = site.browser()
    return browser, browser.get(site.callback(browser))


def refuse(site):
    browser, reply = log_in(site)
    assert reply.status == 502, (reply.status, reply.text())
    assert COOKIE not in browser.cookies
    assert browser.get("/dashboard").status == 302


def accept(site):
    browser, reply = log_in(site)
    assert reply.status == 302, (reply.status, reply.text())
    assert browser.get("/dashboard").status == 200


# ---- issuer and audience ----------------------------------------------------

@pytest.mark.parametrize(
    "change",
    [lambda i: i + "/", lambda i: i.upper(), lambda i: "https" + i[4:],
     lambda i: i + " ", lambda i: i + "\0", lambda i: None, lambda i: "",
     lambda i: [i], lambda i: i + "/realms/x", lambda i: i[:-1],
     lambda i: i.replace("127.0.0.1", "localhost"), lambda i: 1],
    ids=["slash", "case", "scheme", "space", "nul", "absent", "empty", "array",
         "longer", "shorter", "alias", "number"],
)
def test_t07_another_issuer(refused, change):
    issuer = change(refused.provider.issuer)
    refused.provider.claims = {"iss": issuer}
    refused.provider.sign = lambda claims: signed(refused, claims)
    refuse(refused)


@pytest.mark.parametrize(
    "claims",
    [{"aud": None}, {"aud": ""}, {"aud": []}, {"aud": "other"},
     {"aud": ["other"]}, {"aud": CLIENT + "x"}, {"aud": CLIENT.upper()},
     {"aud": {"a": CLIENT}}, {"aud": [[CLIENT]]}, {"aud": [1]},
     {"aud": CLIENT + " "}, {"aud": f"other {CLIENT}"},
     {"aud": [CLIENT, "other"], "azp": None},
     {"aud": [CLIENT, "other"], "azp": "other"}, {"azp": "other"},
     {"azp": ""}, {"azp": [CLIENT]}, {"azp": 1}],
    ids=json.dumps,
)
def test_t08_audience_or_azp_of_another_client(refused, claims):
    refused.provider.claims = claims
    refuse(refused)


@pytest.mark.parametrize(
    "claims",
    [{"aud": CLIENT, "azp": None}, {"aud": [CLIENT], "azp": None},
     {"aud": [CLIENT, "other"], "azp": CLIENT}],
    ids=json.dumps,
)
def test_t08_audiences_of_the_specification_pass(site, claims):
    site.provider.claims = claims
    accept(site)


# ---- times ------------------------------------------------------------------

@pytest.mark.parametrize(
    "name,offset",
    [("exp", -61), ("exp", -3600), ("iat", 120), ("iat", 3600), ("nbf", 120)],
)
def test_t09_times_beyond_the_skew(refused, name, offset):
    refused.provider.claims = {name: int(time.time()) + offset}
    refuse(refused)


NO_TIMES = [
    b"null", b'"4102444800"', b"1e300", b"1e400", b"9223372036854775808",
    b"18446744073709551616", b"[4102444800]", b"true", b"{}",
    b"4102444800.5e99", b"NaN", b"Infinity", b"0x7fffffff",
]


@pytest.mark.parametrize(
    "name,text",
    [(n, t) for n in ("exp", "iat", "nbf") for t in NO_TIMES]
    + [("exp", b"0"), ("exp", b"-1")],
    ids=lambda t: t if isinstance(t, str) else t.decode(),
)
def test_t09_times_that_are_no_times(refused, name, text):
    raw = b'"' + name.encode() + b'":' + text

    def sign(claims):
        claims.pop(name, None)
        payload = json.dumps(claims).encode()[:-1] + b"," + raw + b"}"
        return signed(refused, payload)

    refused.provider.sign = sign
    refuse(refused)


@pytest.mark.parametrize("name", ["exp", "iat", "sub", "iss", "aud", "nonce"])
def test_t09_what_an_id_token_must_say(refused, name):
    refused.provider.claims = {name: None}
    refuse(refused)


@pytest.mark.parametrize("name,offset", [("exp", -50), ("iat", 50),
                                         ("nbf", 50)])
def test_t09_a_minute_of_skew_is_forgiven(site, name, offset):
    site.provider.claims = {name: int(time.time()) + offset}
    accept(site)


# ---- kind, nonce, hashes ----------------------------------------------------

LOGOUT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.mark.parametrize(
    "claims",
    [{"typ": "Bearer"}, {"typ": "Refresh"}, {"typ": "Logout"},
     {"typ": "at+jwt"}, {"typ": 1}, {"typ": ""}, {"events": {LOGOUT: {}}},
     {"events": {LOGOUT: {}}, "nonce": None}, {"events": {}},
     {"events": "x"}],
    ids=json.dumps,
)
def test_t10_another_kind_of_token(refused, claims):
    refused.provider.claims = claims
    refuse(refused)


@pytest.mark.parametrize("kind", ["at+jwt", "logout+jwt", "JOSE", "secevent"])
def test_t10_the_kind_in_the_header(refused, kind):
    """Keycloak says it in a claim, RFC 9068 and OIDC logout in the header."""
    refused.provider.sign = lambda claims: signed(refused, claims, typ=kind)
    refuse(refused)


@pytest.mark.parametrize(
    "nonce", [None, "", "x", 1, ["x"], "A" * 43, "n" * 5000], ids=str,
)
def test_t11_nonce_missing_or_wrong(refused, nonce):
    refused.provider.claims = {"nonce": nonce}
    refuse(refused)


def test_t11_nonce_of_an_earlier_login(refused):
    seen = []
    sign = refused.provider.sign_well

    def keep(claims):
        seen.append(sign(claims))
        return seen[0]

    refused.provider.sign = keep
    browser, reply = log_in(refused)
    assert reply.status == 302
    refuse(refused)
    # not even in the browser of the first login
    reply = browser.get(browser.authorize(
        browser.get("/oauth2/start").get("location")
    ))
    assert reply.status == 502
    assert len(seen) == 3


def half(text):
    digest = hashlib.sha256(text.encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@pytest.mark.parametrize("name", ["at_hash", "c_hash"])
@pytest.mark.parametrize(
    "value", [half("another"), "", "x", 1, half("x") + "=", [half("x")],
              half("x")[:8]],
    ids=["other", "empty", "word", "number", "padded", "array", "short"],
)
def test_t12_hashes_that_do_not_fit(refused, name, value):
    refused.provider.claims = {name: value}
    refuse(refused)


def test_t12_hashes_that_fit(site):
    site.provider.token_reply = {"access_token": "access-x"}
    site.provider.claims = {"at_hash": half("access-x")}
    accept(site)
    site.provider.claims = {"at_hash": half("access-y")}
    refuse(site)


# ---- JSON that two readers read in two ways ---------------------------------

def raw_payload(site, change):
    """Signs whatever `change` makes of the claims' JSON."""
    site.provider.sign = lambda claims: signed(
        site, change(json.dumps(claims).encode())
    )


AMBIGUOUS = {
    "sub-twice": lambda t: t[:-1] + b',"sub":"admin"}',
    "sub-escaped": lambda t: t[:-1] + b',"\\u0073ub":"admin"}',
    "nested-twice": lambda t: t[:-1] + b',"a":{"b":1,"b":2}}',
    "utf-8": lambda t: t[:-1] + b',"name2":"\xff\xfe"}',
    "overlong": lambda t: t[:-1] + b',"name2":"\xc0\xaf"}',
    "surrogate": lambda t: t[:-1] + b',"name2":"\\ud800"}',
    "bom": lambda t: b"\xef\xbb\xbf" + t,
    "utf-16": lambda t: t.decode().encode("utf-16"),
    "trailing": lambda t: t + b"x",
    "two-objects": lambda t: t + t,
    "nul-end": lambda t: t + b"\0",
    "cut": lambda t: t[:-1],
    "array": lambda t: b"[" + t + b"]",
    "comment": lambda t: t[:-1] + b"/* */}",
    "comma": lambda t: t[:-1] + b",}",
    "quotes": lambda t: t.replace(b'"', b"'"),
    "depth": lambda t: t[:-1] + b',"a":' + b"[" * 2000 + b"]" * 2000 + b"}",
    "depth-object": lambda t: (
        t[:-1] + b',"a":' + b'{"a":' * 2000 + b"1" + b"}" * 2000 + b"}"
    ),
    "number": lambda t: t[:-1] + b',"a":1e400}',
    "big": lambda t: t[:-1] + b',"a":"' + b"x" * (10 << 20) + b'"}',
    "groups": lambda t: (
        t[:-1] + b',"groups2":[' + b",".join([b'"g"'] * 1000000) + b"]}"
    ),
    "empty": lambda t: b"",
    "word": lambda t: b"null",
}


@pytest.mark.parametrize("change", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_t14_json_that_breaks_a_rule(refused, change):
    raw_payload(refused, change)
    browser, reply = log_in(refused)
    assert reply.status in (502, 503), reply.text()
    assert COOKIE not in browser.cookies


@pytest.mark.parametrize(
    "sub", ["", "a\nb", "a\0b", "\x7f", "s" * 5000, 1, ["a"], {"a": 1}, True],
    ids=lambda s: str(s)[:8].encode("unicode_escape").decode(),
)
def test_t14_a_subject_that_is_none(refused, sub):
    refused.provider.user["sub"] = sub
    refuse(refused)
