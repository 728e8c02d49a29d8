# SPDX-License-Identifier: Apache-2.0
"""Bearer tokens and API keys: which of them a host takes, what the upstream
is told, and how a call without a good one is refused."""

import base64
import concurrent.futures
import hashlib
import hmac
import json
import shutil
import subprocess
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from .gateway import (
    COOKIE, HTML, ORIGIN, SCRIPT, Browser, free_port, wait_until,
)
from .provider import CLIENT_ID, CLIENT_SECRET, hang, refuse

HOST = "guarded.example.test"
KEY = {"api-key": "a-key-of-the-engine"}
GRPC = {"Content-Type": "application/grpc", "TE": "trailers"}


def guarded(gateway, auth, provider=""):
    """A host in front of the engine that asks for a credential."""
    gateway.settings["provider"] = provider
    gateway.settings["servers"] = f"""
    server {{
        listen 127.0.0.1:{gateway.port};
        server_name {HOST};
        azimuth_cors_origin {ORIGIN};
        {auth}
        location / {{ proxy_pass http://engine; }}
    }}
    """
    gateway.start()
    # A worker that begins to listen to Valkey forgets what it remembered.
    wait_until(
        lambda: gateway.valkey.listeners() == gateway.settings["workers"]
    )
    return Browser(gateway, HOST)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def told(reply):
    assert reply.status == 200, (reply.status, reply.text())
    return dict(reply.json()["headers"])


def challenge(reply):
    lines = reply.all("www-authenticate")
    assert len(lines) == 1 and lines[0].startswith("Bearer realm="), lines
    return lines[0]


@pytest.fixture
def client(stopped_gateway):
    return guarded(stopped_gateway, "azimuth_api_auth bearer main;")


def test_a_token_tells_the_upstream_who_it_is(client, provider):
    token = provider.access_token(realm_access={"roles": ["reader"]})
    for _ in range(3):
        seen = told(client.get("/collections", bearer(token)))
        assert seen["x-auth-request-user"] == "user-0001"
        assert seen["x-auth-request-preferred-username"] == "ada"
        assert "reader" in seen["x-auth-request-groups"]
        assert "authorization" not in seen
    assert provider.calls.count("/jwks") <= 2  # of two workers


def test_a_token_is_not_verified_again_while_it_is_warm(
    stopped_gateway, provider, upstream
):
    """The keys may vanish: a warm verdict needs neither them nor a JWT."""
    stopped_gateway.settings["workers"] = 1
    stopped_gateway.settings["zone"] = "azimuth_session_zone 1m ttl=30s;"
    client = guarded(stopped_gateway, "azimuth_api_auth bearer main;")
    token = provider.access_token()
    assert client.get("/x", bearer(token)).status == 200
    provider.key = rsa.generate_private_key(65537, 2048)
    provider.kid = "key-2"
    new = provider.access_token()
    assert client.get("/x", bearer(new)).status == 200  # keys are replaced
    calls = list(provider.calls)
    assert client.get("/x", bearer(token)).status == 200
    assert provider.calls == calls
    assert client.get("/x", bearer(token[:-8] + "AAAAAAAA")).status == 401


def test_a_cached_verdict_ends_with_the_token(stopped_gateway, provider):
    """It expired 58 s ago: two seconds of the clocks' allowance are left."""
    stopped_gateway.settings["zone"] = "azimuth_session_zone 1m ttl=30s;"
    client = guarded(stopped_gateway, "azimuth_api_auth bearer main;")
    assert client.get("/x", bearer(provider.access_token())).status == 200
    now = int(time.time())
    token = provider.access_token(iat=now - 100, exp=now - 57)
    assert client.get("/x", bearer(token)).status == 200
    wait_until(lambda: client.get("/x", bearer(token)).status == 401)


@pytest.mark.parametrize("header", ["at+jwt", "application/at+jwt", "AT+JWT"])
def test_a_token_of_rfc_9068_is_accepted(client, provider, header):
    token = provider.access_token({"typ": header}, typ=None, azp=None,
                                  client_id="someone")
    assert client.get("/x", bearer(token)).status == 200


def raw(header, payload, signature=b""):
    def part(data):
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    return f"{part(header)}.{part(payload)}.{part(signature)}"


def hs256(provider, secret):
    token = raw({"alg": "HS256", "kid": provider.kid}, claims_of(provider))
    head = token.rsplit(".", 1)[0]
    mac = hmac.new(secret, head.encode(), hashlib.sha256).digest()
    return head + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def claims_of(provider):
    payload = provider.access_token().split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=="))


def public(provider, encoding, form):
    return provider.key.public_key().public_bytes(encoding, form)


def forged(provider):
    """T1-T10 of the attack list, for an access token."""
    claims = claims_of(provider)
    now = int(time.time())
    good = provider.access_token()
    head, body, signature = good.split(".")
    pem = public(provider, serialization.Encoding.PEM,
                 serialization.PublicFormat.SubjectPublicKeyInfo)
    der = public(provider, serialization.Encoding.DER,
                 serialization.PublicFormat.SubjectPublicKeyInfo)
    other = rsa.generate_private_key(65537, 2048)
    make = provider.access_token
    yield from (
        ("T1 none", raw({"alg": "none"}, claims)),
        ("T1 nOnE", raw({"alg": "nOnE", "kid": provider.kid}, claims)),
        ("T1 no signature", f"{head}.{body}."),
        ("T1 two parts", f"{head}.{body}"),
        ("T1 five parts", f"{head}.{body}.{body}.{body}.{signature}"),
        ("T2 pem", hs256(provider, pem)),
        ("T2 der", hs256(provider, der)),
        ("T2 empty", hs256(provider, b"")),
        ("T3 key", make(key=other)),
        ("T3 es256", make(key=ec.generate_private_key(ec.SECP256R1()),
                          algorithm="ES256")),
        ("T4 sql", make({"kid": "' OR 1=1 --"}, key=other)),
        ("T4 path", make({"kid": "../../etc/passwd"}, key=other)),
        ("T5 jku", make({"kid": "x", "jku": provider.issuer + "/evil"},
                        key=other)),
        ("T5 jwk", make({"jwk": {"kty": "RSA"}}, key=other)),
        ("T6 crit", make({"crit": ["exp"]})),
        ("T6 zip", make({"zip": "DEF"})),
        ("T7 slash", make(iss=provider.issuer + "/")),
        ("T7 none", make(iss=None)),
        ("T7 https", make(iss=provider.issuer.replace("http", "https"))),
        ("T8 other", make(aud="other")),
        ("T8 none", make(aud=None)),
        ("T8 case", make(aud=CLIENT_ID.upper())),
        ("T8 nested", make(aud=[[CLIENT_ID]])),
        ("T9 past", make(iat=now - 500, exp=now - 61)),
        ("T9 none", make(exp=None)),
        ("T9 negative", raw_signed(provider, {**claims, "exp": -1})),
        ("T9 huge", raw_signed(provider, {**claims, "exp": 1 << 63})),
        ("T9 text", raw_signed(provider, {**claims, "exp": "9999999999"})),
        ("T9 nbf", make(nbf=now + 120)),
        ("T9 iat", make(iat=now + 120)),
        ("T10 id", make(typ="ID", nonce="n")),
        ("T10 refresh", make(typ="Refresh")),
        ("T10 logout", make(typ="Logout", events={})),
        ("T10 untyped", make(typ=None)),
        ("T10 untyped id", make(typ=None, nonce="n")),
        ("T10 header", make({"typ": "logout+jwt"})),
        ("T10 at id", make({"typ": "at+jwt"}, typ="ID")),
        ("T10 bound", make(cnf={"jkt": "x"})),
        ("T14 sub twice", raw_signed(
            provider, b'{"sub":"a",' + json.dumps(claims).encode()[1:])),
        ("T14 no sub", make(sub=None)),
        ("cut", good[:-3]),
        ("longer", good + "AAAA"),
    )


def raw_signed(provider, payload):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    head = raw({"alg": "RS256", "kid": provider.kid}, payload).rsplit(".", 1)[0]
    signature = provider.key.sign(
        head.encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    return head + "." + base64.urlsafe_b64encode(signature).rstrip(
        b"=").decode()


def test_no_forged_token_passes(client, provider, upstream):
    """T1-T10, T14. Twice: also what is remembered of them is a refusal."""
    assert client.get("/x", bearer(provider.access_token())).status == 200
    upstream.requests.clear()
    calls = len(provider.calls)
    for name, token in forged(provider):
        for _ in range(2):
            reply = client.get("/x", {**HTML, **bearer(token)})
            assert reply.status == 401, name
            assert 'error="invalid_token"' in challenge(reply), name
            assert reply.json()["error"] == "invalid_token", name
            assert reply.get("location") is None
            assert "login_url" not in reply.json()
    assert upstream.requests == []
    # Keys that nobody knows: a few more looks at the key set, nothing else.
    asked = provider.calls[calls:]
    assert set(asked) <= {"/jwks", "/.well-known/openid-configuration"}
    assert asked.count("/jwks") <= 16
    assert client.get("/x", bearer(provider.access_token())).status == 200


def test_a_rotated_key_is_found(client, provider):
    assert client.get("/x", bearer(provider.access_token())).status == 200
    provider.key = rsa.generate_private_key(65537, 2048)
    provider.kid = "key-2"
    assert client.get("/x", bearer(provider.access_token())).status == 200


@pytest.mark.parametrize(
    "value",
    ["Bearer", "Bearer ", "Bearer a b", "Bearer \x01", "Bearer a,b", "bearer =",
     "Bearer " + "a" * 20000],
)
def test_what_is_no_token_is_a_bad_request(stopped_gateway, upstream, value):
    stopped_gateway.settings["http"] = "large_client_header_buffers 4 32k;"
    client = guarded(stopped_gateway, "azimuth_api_auth bearer main;")
    reply = client.get("/x", {"Authorization": value})
    assert reply.status == 400
    if "\x01" not in value:  # nginx refuses that one itself
        assert 'error="invalid_request"' in challenge(reply)
    assert upstream.requests == []


def test_two_authorizations_are_refused(client, provider, upstream):
    token = f"Bearer {provider.access_token()}"
    reply = client.get("/x", {"Authorization": [token, token]})
    assert reply.status == 400
    assert upstream.requests == []


def test_other_schemes_and_nothing_are_no_credential(client, upstream):
    for headers in (HTML, {}, {"Authorization": "Basic dTpw"}, KEY):
        reply = client.get("/x", headers)
        assert reply.status == 401
        assert challenge(reply) == 'Bearer realm="azimuth"'
        assert reply.json()["error"] == "no_credential"
        assert reply.get("location") is None
        assert reply.get("cache-control") == "no-store"
    assert client.get("/x", bearer("an-opaque-one")).status == 401
    assert upstream.requests == []


def test_refusals_can_be_read_by_the_dashboard(client):
    reply = client.get("/x", {"Origin": ORIGIN})
    assert reply.status == 401
    assert reply.get("access-control-allow-origin") == ORIGIN
    assert reply.get("vary") == "Origin"
    preflight = client.send("OPTIONS", "/x", {
        "Origin": ORIGIN, "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization",
    })
    assert preflight.status == 204
    assert preflight.get("access-control-allow-origin") == ORIGIN


def test_audience_client_and_scope_are_configurable(stopped_gateway, provider):
    client = guarded(
        stopped_gateway, "azimuth_api_auth bearer main;",
        """bearer_audience https://api.example.test engine;
           bearer_azp loader indexer;
           bearer_scope points:read;""",
    )

    def status(**claims):
        claims = {"aud": "engine", "azp": "loader",
                  "scope": "openid points:read", **claims}
        return client.get("/x", bearer(provider.access_token(**claims)))

    assert status().status == 200
    assert status(aud=["https://api.example.test"]).status == 200
    assert status(azp=None, client_id="indexer").status == 200
    assert status(scope=None, scp=["points:read"]).status == 200
    assert status(aud=CLIENT_ID).status == 401
    assert status(azp="other").status == 401
    assert status(azp=None).status == 401
    for claims in ({"scope": "openid"}, {"scope": None},
                   {"scope": "points:readers"}):
        reply = status(**claims)
        assert reply.status == 403
        assert 'error="insufficient_scope"' in challenge(reply)
        assert 'scope="points:read"' in challenge(reply)


def test_untyped_tokens_need_a_directive(stopped_gateway, provider):
    client = guarded(stopped_gateway, "azimuth_api_auth bearer main;",
                     "bearer_allow_untyped on;")
    for claims, status in (({}, 200), ({"nonce": "n"}, 401),
                           ({"at_hash": "h"}, 401), ({"events": {}}, 401)):
        token = provider.access_token(typ=None, **claims)
        assert client.get("/x", bearer(token)).status == status, claims


def test_no_token_reaches_a_log(client, provider, stopped_gateway):
    good = provider.access_token()
    bad = provider.access_token(aud="other")
    for token in (good, bad, "opaque-secret-token"):
        client.get("/x", bearer(token))
    logs = stopped_gateway.log() + stopped_gateway.access_log.read_text()
    for token in (good, bad, "opaque-secret-token"):
        assert token.split(".")[-1] not in logs


def test_a_provider_that_hangs_is_no_permission(stopped_gateway, provider):
    """T36: bounded in time; a key set that was fetched goes on being used."""
    provider.script["/jwks"] = hang
    client = guarded(stopped_gateway, "azimuth_api_auth bearer main;")
    reply = client.get("/x", bearer(provider.access_token()))
    assert reply.status == 503
    assert reply.get("retry-after") is not None
    del provider.script["/jwks"]
    wait_until(lambda: client.get(
        "/x", bearer(provider.access_token())).status == 200)


# ---- the dashboard host ---------------------------------------------------


@pytest.fixture
def dashboard(stopped_gateway):
    stopped_gateway.settings["dashboard"] = "azimuth_bearer main;"
    return Browser(stopped_gateway.start())


def test_the_dashboard_takes_sessions_and_tokens(dashboard, provider):
    token = provider.access_token(sub="robot-1")
    seen = told(dashboard.get("/x", bearer(token)))
    assert seen["x-auth-request-user"] == "robot-1"
    dashboard.login()
    assert told(dashboard.get("/x"))["x-auth-request-user"] == "user-0001"
    # The token that is there decides, good or bad.
    seen = told(dashboard.get("/x", {**HTML, **bearer(token)}))
    assert seen["x-auth-request-user"] == "robot-1"
    assert COOKIE in dashboard.cookies
    bad = provider.access_token(aud="other")
    for headers in (HTML, SCRIPT):
        reply = dashboard.get("/x", {**headers, **bearer(bad)})
        assert reply.status == 401
        assert reply.get("location") is None
    assert COOKIE in dashboard.cookies


def test_without_a_token_the_login_is_as_ever(dashboard):
    assert dashboard.get("/x").status == 302
    assert dashboard.get("/x", SCRIPT).status == 401
    # A key of the engine is no business of the login.
    dashboard.login()
    seen = told(dashboard.get("/x", {**SCRIPT, **bearer("engine-key")}))
    assert seen["authorization"] == "Bearer engine-key"


def test_auth_and_userinfo_know_tokens(dashboard, provider):
    token = provider.access_token(sub="robot-1")
    reply = dashboard.get("/oauth2/auth", bearer(token))
    assert reply.status == 202
    assert reply.get("x-auth-request-user") == "robot-1"
    reply = dashboard.get("/oauth2/userinfo", bearer(token))
    assert reply.json()["sub"] == "robot-1"
    bad = provider.access_token(aud="other")
    for path in ("/oauth2/auth", "/oauth2/userinfo"):
        assert dashboard.get(path, bearer(bad)).status == 401


def test_bearer_is_off_by_default(gateway, provider, upstream):
    reply = Browser(gateway).get("/x", bearer(provider.access_token()))
    assert reply.status == 401
    assert upstream.requests == []


# ---- the API host ---------------------------------------------------------


def test_key_mode_lets_keys_through_and_nothing_else(
    stopped_gateway, provider, upstream
):
    client = guarded(stopped_gateway, "azimuth_api_auth key;")
    assert told(client.get("/x", KEY))["api-key"] == KEY["api-key"]
    seen = told(client.get("/x", bearer("engine-key")))
    assert seen["authorization"] == "Bearer engine-key"
    upstream.requests.clear()
    for headers in ({}, HTML, {"api-key": ""}, {"Authorization": "Basic eDp5"},
                    bearer(provider.access_token())):
        reply = client.get("/x", headers)
        assert reply.status == 401, headers
        assert reply.json() == {"error": "no_credential",
                                "message": "an API key is needed"}
        assert challenge(reply)
    big = client.send("PUT", "/x", {}, b"x" * 100000)
    assert big.status == 401
    assert upstream.requests == []
    assert provider.calls == []


def test_key_or_bearer_takes_either(stopped_gateway, provider, upstream):
    client = guarded(stopped_gateway, "azimuth_api_auth key_or_bearer main;")
    token = provider.access_token()
    assert told(client.get("/x", KEY))["api-key"] == KEY["api-key"]
    assert told(client.get("/x", bearer("engine-key")))["authorization"]
    seen = told(client.get("/x", bearer(token)))
    assert seen["x-auth-request-user"] == "user-0001"
    upstream.requests.clear()
    bad = provider.access_token(aud="other")
    for headers in ({}, bearer(bad), {**KEY, **bearer(bad)}):
        assert client.get("/x", headers).status == 401
    assert upstream.requests == []


def test_the_open_host_stays_open(gateway, provider):
    client = Browser(gateway, "api.example.test")
    token = provider.access_token(aud="other")
    seen = told(client.get("/x", bearer(token)))
    assert seen["authorization"] == f"Bearer {token}"
    assert provider.calls == []


def test_a_token_has_the_rights_of_its_roles(stopped_gateway, provider):
    """Signed for the engine, as for a session; never for an API key."""
    path = stopped_gateway.directory / "identity.key"
    path.write_text("a7" * 32 + "\n")
    path.chmod(0o600)
    stopped_gateway.settings["http"] = f"""
        azimuth_identity_key_file {path};
        azimuth_map role=loader write docs;
    """
    client = guarded(stopped_gateway, "azimuth_api_auth key_or_bearer main;")
    token = provider.access_token(
        sub="robot-1", realm_access={"roles": ["loader"]}
    )
    forged = {"X-Azimuth-Identity": "forged"}
    for _ in range(2):  # cold and warm
        seen = told(client.get("/x", {**forged, **bearer(token)}))
        signed = jwt.decode(seen["x-azimuth-identity"],
                            bytes.fromhex("a7" * 32), algorithms=["HS256"])
        assert signed["sub"] == "robot-1"
        assert "docs" in json.dumps(signed["access"])
    seen = told(client.get("/x", {**forged, **KEY}))
    assert "x-azimuth-identity" not in seen


@pytest.mark.parametrize("mode", ["key", "bearer main", "key_or_bearer main"])
def test_grpc_is_refused_in_its_own_words(
    stopped_gateway, upstream, provider, mode
):
    client = guarded(stopped_gateway, f"azimuth_api_auth {mode};")
    reply = client.send("POST", "/qdrant.Points/Search", GRPC, b"\0" * 5)
    assert reply.status == 200
    assert reply.get("content-type") == "application/grpc"
    assert reply.get("grpc-status") == "16"
    assert "needed" in reply.get("grpc-message")
    assert reply.body == b""
    if mode != "key":
        bad = provider.access_token(aud="other")
        reply = client.send("POST", "/q", {**GRPC, **bearer(bad)}, b"")
        assert reply.get("grpc-status") == "16"
    web = {"Content-Type": "application/grpc-web+proto"}
    assert client.send("POST", "/q", web, b"").status == 401
    assert upstream.requests == []
    if "key" in mode:
        assert client.send("POST", "/q", {**GRPC, **KEY}, b"").status == 200


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_grpc_over_http2_gets_trailers_only(stopped_gateway):
    port = free_port()
    stopped_gateway.settings["servers"] = f"""
    server {{
        listen 127.0.0.1:{port} http2;
        azimuth_api_auth key;
        location / {{ proxy_pass http://engine; }}
    }}
    """
    stopped_gateway.start()
    done = subprocess.run(
        ["curl", "-sS", "-i", "--http2-prior-knowledge", "-X", "POST", "-H",
         "Content-Type: application/grpc", "-H", "TE: trailers",
         f"http://127.0.0.1:{port}/qdrant.Points/Search"],
        capture_output=True, check=True, timeout=20,
    )
    lines = done.stdout.decode().lower().split("\r\n")
    assert lines[0].startswith("http/2 200")
    assert "grpc-status: 16" in lines
    assert "content-type: application/grpc" in lines
    assert lines[-1] == ""


# ---- introspection --------------------------------------------------------


class Introspection:
    def __init__(self, provider):
        self.provider = provider
        self.answer = {"active": True, "sub": "robot-7", "aud": CLIENT_ID,
                       "client_id": "a-client", "username": "robot",
                       "token_type": "Bearer", "exp": int(time.time()) + 300}
        self.tokens = []
        self.delay = 0
        provider.script["/introspect"] = self

    def __call__(self, handler):
        assert self.provider.client_is_known(handler)
        self.tokens.append(handler.form["token"])
        time.sleep(self.delay)
        self.provider.send(handler, 200, self.answer)


@pytest.fixture
def introspection(provider):
    return Introspection(provider)


@pytest.fixture
def opaque(stopped_gateway, introspection):
    stopped_gateway.settings["workers"] = 1
    stopped_gateway.settings["zone"] = "azimuth_session_zone 1m ttl=30s;"
    return guarded(stopped_gateway, "azimuth_api_auth bearer main;",
                   "introspection on;")


def test_an_opaque_token_is_put_to_the_provider_once(opaque, introspection):
    for _ in range(5):
        seen = told(opaque.get("/x", bearer("opaque-1")))
        assert seen["x-auth-request-user"] == "robot-7"
        assert "authorization" not in seen
    assert introspection.tokens == ["opaque-1"]
    assert told(opaque.get("/x", bearer("opaque-2")))
    assert introspection.tokens == ["opaque-1", "opaque-2"]


def test_parallel_calls_with_one_token_ask_once(opaque, introspection):
    introspection.delay = 0.3
    assert opaque.get("/x", bearer("warm-up")).status == 200
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(
            lambda _: opaque.get("/x", bearer("opaque-1")).status, range(20)
        ))
    assert replies == [200] * 20
    assert introspection.tokens.count("opaque-1") == 1


def test_a_jwt_is_not_put_to_introspection(opaque, provider, introspection):
    assert opaque.get("/x", bearer(provider.access_token())).status == 200
    assert introspection.tokens == []


def test_what_introspection_does_not_vouch_for_is_refused(
    opaque, introspection, upstream
):
    now = int(time.time())
    good = introspection.answer
    for i, change in enumerate([
        {"active": False}, {"aud": "other"}, {"aud": None}, {"sub": None},
        {"exp": now - 61}, {"nbf": now + 120}, {"iss": "https://evil.test"},
        {"token_type": "refresh_token"}, {"typ": "Refresh"},
        {"cnf": {"jkt": "x"}}, {"exp": "soon"},
    ]):
        answer = {**good, **change}
        introspection.answer = {
            k: v for k, v in answer.items() if v is not None
        }
        for _ in range(2):  # the second is remembered
            reply = opaque.get("/x", bearer(f"opaque-{i}"))
            assert reply.status == 401, change
            assert 'error="invalid_token"' in challenge(reply), change
    assert upstream.requests == []
    assert introspection.tokens.count("opaque-0") == 1


def test_a_refusal_is_forgotten_soon(opaque, introspection):
    introspection.answer, good = {"active": False}, introspection.answer
    assert opaque.get("/x", bearer("opaque-1")).status == 401
    introspection.answer = good
    wait_until(lambda: opaque.get("/x", bearer("opaque-1")).status == 200)


@pytest.mark.parametrize(
    "answer,status",
    [
        (refuse(500, "no", "text/plain"), 503),
        (refuse(401, {"error": "invalid_client"}), 502),
        (refuse(200, {"active": "true"}), 502),
        (refuse(200, "[]"), 502),
        (refuse(200, b"x" * 300000, "text/plain"), 503),
        (hang, 503),
    ],
    ids=["500", "401", "text", "list", "big", "hang"],
)
def test_introspection_that_fails_is_no_permission(
    opaque, provider, upstream, answer, status
):
    provider.script["/introspect"] = answer
    assert opaque.get("/x", bearer("opaque-1")).status == status
    assert upstream.requests == []


def test_introspection_proves_who_we_are(opaque, introspection, provider):
    assert opaque.get("/x", bearer("a+b/c=")).status == 200
    assert introspection.tokens == ["a+b/c="]
    assert CLIENT_SECRET not in opaque.gateway.log()


# ---- what nginx -t says ---------------------------------------------------


@pytest.mark.parametrize(
    "auth,words",
    [
        ("azimuth_api_auth bearer;", "name of a provider"),
        ("azimuth_api_auth bearer nobody;", "nobody"),
        ("azimuth_api_auth key main;", "no provider"),
        ("azimuth_api_auth key; azimuth_bearer main;", "same requests"),
        ("azimuth_api_auth key; azimuth_auth main;", "same requests"),
        ("azimuth_api_auth key; azimuth_api_auth key;", "duplicate"),
        ("azimuth_bearer nobody;", "nobody"),
        ("azimuth_bearer main; azimuth_bearer off;", "duplicate"),
        ("azimuth_bearer;", "arguments"),
    ],
)
def test_mistakes_are_found(stopped_gateway, auth, words):
    stopped_gateway.settings["servers"] = f"""
    server {{ listen 127.0.0.1:{stopped_gateway.port}; server_name x;
             {auth}
             location / {{ proxy_pass http://engine; }} }}"""
    status, messages = stopped_gateway.test()
    assert status != 0
    assert words in messages
    assert "test.conf:" in messages


@pytest.mark.parametrize(
    "setting,words",
    [
        ("introspection maybe;", '"on" or "off"'),
        ("bearer_scope;", "needs a value"),
        ("bearer_audience a; bearer_audience b;", "duplicate"),
        (f"bearer_azp {'x' * 1100};", "too long"),
    ],
)
def test_mistakes_of_a_provider_are_found(stopped_gateway, setting, words):
    stopped_gateway.settings["provider"] = setting
    status, messages = stopped_gateway.test()
    assert status != 0
    assert words in messages
    assert "test.conf:" in messages


def test_introspection_needs_a_secret(stopped_gateway):
    text = stopped_gateway.configuration().replace(
        "allow_http_loopback on;", "allow_http_loopback on; introspection on;"
    )
    lines = [x for x in text.split("\n") if "client_secret_file" not in x]
    status, messages = stopped_gateway.test("\n".join(lines))
    assert status != 0 and "introspection needs" in messages


def test_a_relaxation_warns(stopped_gateway):
    stopped_gateway.settings["provider"] = "bearer_allow_untyped on;"
    status, messages = stopped_gateway.test()
    assert status == 0 and "bearer_allow_untyped" in messages
