# SPDX-License-Identifier: Apache-2.0
"""T1 to T6: ID tokens whose header, key or signature is not to be believed."""

import json

import pytest

from ..gateway import COOKIE
from . import forge


def refuse_token(site, sign):
    """Logs in with `sign` making the ID token: a page says no."""
    site.provider.sign = sign
    browser = site.browser()
    reply = browser.get(site.callback(browser))
    assert reply.status == 502, (reply.status, reply.text())
    assert reply.get("content-type").startswith("text/html")
    assert COOKIE not in browser.cookies
    assert browser.get("/dashboard").status == 302


def header_of(site, **more):
    header = {"alg": "RS256", "typ": "JWT", "kid": site.provider.kid, **more}
    return {k: v for k, v in header.items() if v is not None}


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", "", None, 0])
def test_t01_alg_none(refused, alg):
    refuse_token(
        refused,
        lambda claims: forge.jws(
            header_of(refused, alg=alg), claims, forge.nothing
        ),
    )


@pytest.mark.parametrize("alg", ["none", "None", "nOnE"])
def test_t01_alg_none_with_a_signature(refused, alg):
    refuse_token(
        refused,
        lambda claims: forge.jws(
            header_of(refused, alg=alg), claims,
            forge.rs256(refused.provider.key),
        ),
    )


@pytest.mark.parametrize(
    "cut",
    [lambda t: t.rsplit(".", 1)[0] + ".",
     lambda t: t.rsplit(".", 1)[0],
     lambda t: t.split(".")[0] + "..",
     lambda t: "." + t.split(".", 1)[1],
     lambda t: t + ".",
     lambda t: t + ".x.y",
     lambda t: t[:-1] + ("A" if t[-1] != "A" else "Q"),
     lambda t: t + "=",
     lambda t: t[:40] + "\n" + t[40:],
     lambda t: "..", lambda t: "x", lambda t: " " + t],
    ids=["unsigned", "two", "header", "headless", "four", "five", "changed",
         "padded", "folded", "dots", "word", "space"],
)
def test_t01_no_three_parts(refused, cut):
    sign = refused.provider.sign_well
    refuse_token(refused, lambda claims: cut(sign(claims)))


def test_t01_signature_of_another_token(refused):
    sign = refused.provider.sign_well

    def swap(claims):
        good = sign(claims)
        evil = sign({**claims, "sub": "admin"})
        return evil.rsplit(".", 1)[0] + "." + good.rsplit(".", 1)[1]

    refuse_token(refused, swap)


@pytest.mark.parametrize("alg", ["HS256", "hs256", "HS384"])
@pytest.mark.parametrize(
    "secret",
    [forge.pem, lambda k: forge.pem(k).rstrip(), forge.der, lambda k: b"",
     lambda k: b"\0", lambda k: b"the-client-secret-0123456789"],
    ids=["pem", "stripped", "der", "empty", "nul", "client"],
)
def test_t02_hmac_with_what_is_public(refused, alg, secret):
    mac = forge.hs256(secret(refused.provider.key))
    refuse_token(
        refused,
        lambda claims: forge.jws(header_of(refused, alg=alg), claims, mac),
    )


@pytest.mark.parametrize(
    "alg",
    ["RS1", "rs256", "RS256 ", "RSA1_5", "EdDSA ", "HS512", "ES256K", "A128KW",
     "dir", ["RS256"], {"RS256": 1}, True],
    ids=str,
)
def test_t03_algorithm_that_is_not_listed(refused, alg):
    refuse_token(
        refused,
        lambda claims: forge.jws(
            header_of(refused, alg=alg), claims,
            forge.rs256(refused.provider.key),
        ),
    )


@pytest.mark.parametrize(
    "alg,kid,key",
    [("RS256", "key-ec", "ec"), ("ES384", "key-ec", "ec"),
     ("ES256", "key-1", "ec"), ("RS256", "key-enc", "enc"),
     ("RS256", "key-wrap", "enc"), ("PS256", "key-ec", "ec")],
)
def test_t03_key_of_another_kind_or_purpose(refused, alg, kid, key):
    signer = refused.keys[key]
    sign = forge.es256(signer) if key == "ec" else forge.rs256(signer)
    refuse_token(
        refused,
        lambda claims: forge.jws(
            header_of(refused, alg=alg, kid=kid), claims, sign
        ),
    )


@pytest.mark.parametrize("kid,key", [("key-ec", "ec"), ("key-twin", "twin")])
def test_t03_the_right_key_of_many_is_taken(site, kid, key):
    alg, sign = "RS256", forge.rs256(site.keys["twin"])
    if key == "ec":
        alg, sign = "ES256", forge.es256(site.keys["ec"])
    site.provider.sign = lambda claims: forge.jws(
        header_of(site, alg=alg, kid=kid), claims, sign
    )
    assert site.logged_in().get("/dashboard").status == 200


KIDS = {
    "sql": "' OR '1'='1' --",
    "path": "../../../../../../etc/passwd",
    "dev": "/dev/null",
    "command": "|id",
    "url": "http://127.0.0.1:1/jwks",
    "nul": "key-1\0",
    "nul-inside": "key\0-1",
    "space": " key-1",
    "case": "KEY-1",
    "huge": "k" * 65536,
    "empty": "",
    "unknown": "key-2",
    "number": 1,
    "array": ["key-1"],
    "object": {"a": "key-1"},
    "null": None,
}


@pytest.mark.parametrize("kid", KIDS.values(), ids=KIDS.keys())
def test_t04_kid_is_no_way_to_another_key(refused, kid):
    evil = forge.rs256(refused.keys["enc"])
    header = {"alg": "RS256", "kid": kid}
    refuse_token(refused, lambda claims: forge.jws(header, claims, evil))
    # At most one look at the key set by each worker, and nowhere else.
    calls = [c for c in refused.provider.calls if c != "/authorize"]
    assert set(calls) <= {"/token", "/jwks",
                          "/.well-known/openid-configuration"}
    assert calls.count("/jwks") <= 2 * len(refused.workers)


def test_t04_unknown_kids_do_not_fetch_the_keys_again_and_again(refused):
    """Each once, and so many a minute in all: those who can make the provider
    say a kid are few, but one of them may be ill."""
    evil = forge.rs256(refused.keys["enc"])
    for i in range(120):
        refuse_token(
            refused,
            lambda claims: forge.jws(
                header_of(refused, kid=f"unknown-{i % 60}"), claims, evil
            ),
        )
    assert refused.provider.calls.count("/jwks") <= 22 * len(refused.workers)


def test_t04_a_third_key_under_a_doubled_kid(refused):
    evil = forge.rs256(refused.keys["enc"])
    refuse_token(
        refused,
        lambda claims: forge.jws(
            header_of(refused, kid="key-twin"), claims, evil
        ),
    )


def embedded(site):
    evil = site.keys["enc"]
    jwk = forge.rsa_jwk(evil, "evil", use="sig", alg="RS256")
    base = site.provider.issuer
    return {
        "jku": {"jku": base + "/evil-keys", "kid": "evil"},
        "jku-known": {"jku": base + "/evil-keys"},
        "x5u": {"x5u": base + "/evil-certificate", "kid": "evil"},
        "x5c": {"x5c": [forge.base64url(forge.der(evil))]},
        "x5t": {"x5t": "AAAA", "x5t#S256": "BBBB"},
        "jwk": {"jwk": jwk},
        "jwk-kid": {"jwk": jwk, "kid": "evil"},
        "jwk-none": {"jwk": {**jwk, "kid": "key-1"}},
    }


@pytest.mark.parametrize(
    "name", ["jku", "jku-known", "x5u", "x5c", "x5t", "jwk", "jwk-kid",
             "jwk-none"],
)
def test_t05_keys_inside_the_token_are_ignored(refused, name):
    more = embedded(refused)[name]
    evil = forge.rs256(refused.keys["enc"])
    refuse_token(
        refused,
        lambda claims: forge.jws(header_of(refused, **more), claims, evil),
    )
    assert not [c for c in refused.provider.calls if "evil" in c]


def test_t05_the_provider_s_own_jku_is_not_followed(site):
    more = embedded(site)["jku-known"]
    site.provider.sign = lambda claims: forge.jws(
        header_of(site, **more), claims, forge.rs256(site.provider.key)
    )
    assert site.logged_in().get("/dashboard").status == 200
    assert not [c for c in site.provider.calls if "evil" in c]


CHANGED_RULES = [
    {"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False},
    {"crit": "x"}, {"crit": None, "x": 1}, {"b64": False}, {"b64": True},
    {"zip": "DEF"}, {"enc": "A128GCM"},
]


@pytest.mark.parametrize("more", CHANGED_RULES, ids=json.dumps)
def test_t06_headers_that_change_the_rules(refused, more):
    header = {"alg": "RS256", "kid": refused.provider.kid, **more}
    key = forge.rs256(refused.provider.key)
    refuse_token(refused, lambda claims: forge.jws(header, claims, key))


def test_t06_an_encrypted_token_where_a_signed_one_is_due(refused):
    header = forge.encoded({"alg": "RSA-OAEP", "enc": "A256GCM"})
    refuse_token(refused, lambda _: f"{header}.QUFB.QUFB.QUFB.QUFB")


def test_t06_a_compressed_bomb(refused):
    import zlib

    bomb = zlib.compress(b'{"sub":"' + b"a" * (8 << 20) + b'"}')[2:-4]
    key = forge.rs256(refused.provider.key)
    refuse_token(
        refused,
        lambda _: forge.jws(header_of(refused, zip="DEF"), bomb, key),
    )
    refuse_token(refused, lambda _: forge.jws(header_of(refused), bomb, key))
