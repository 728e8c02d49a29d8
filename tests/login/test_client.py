# SPDX-License-Identifier: Apache-2.0
"""How the client proves itself to the provider, and pushed requests."""

import threading

import pytest
from cryptography.hazmat.primitives import serialization

from .gateway import API, COOKIE, Browser, wait_until
from .provider import CLIENT_ID, hang, new_key, refuse


def write_key(gateway, key, mode=0o600):
    path = gateway.directory / "client.key"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    path.chmod(mode)
    return path


def log_in(gateway):
    browser = Browser(gateway)
    browser.login()
    assert browser.get("/dashboard").status == 200
    return browser


@pytest.mark.parametrize(
    "offered,setting,used",
    [
        (["client_secret_basic", "client_secret_post"], "",
         "client_secret_basic"),
        (["client_secret_post"], "", "client_secret_post"),
        (None, "", "client_secret_basic"),
        (["client_secret_post"], "client_auth client_secret_basic;",
         "client_secret_basic"),
        (["client_secret_basic"], "client_auth client_secret_post;",
         "client_secret_post"),
    ],
    ids=["both", "post", "unsaid", "pin-basic", "pin-post"],
)
def test_the_secret_is_given_once_and_as_agreed(
    stopped_gateway, provider, offered, setting, used
):
    provider.changes["token_endpoint_auth_methods_supported"] = offered
    stopped_gateway.settings["provider"] = setting
    log_in(stopped_gateway.start())
    assert provider.proofs == [used]


def test_a_new_secret_holds_after_a_reload(stopped_gateway):
    path = stopped_gateway.directory / "client.secret"
    good = path.read_text()
    path.write_text("the-secret-of-last-year\n")
    gateway = stopped_gateway.start()
    browser = Browser(gateway)
    reply = browser.get(browser.authorize(browser.to_provider()))
    assert reply.status == 502 and "invalid_client" in reply.text()
    path.write_text(good)
    old = set(gateway.workers())
    gateway.reload()
    wait_until(lambda: not old & set(gateway.workers()))
    log_in(gateway)


def test_a_public_client_has_only_pkce(stopped_gateway, provider):
    provider.is_public = True
    stopped_gateway.settings["client"] = "client_auth none;"
    log_in(stopped_gateway.start())
    assert provider.proofs == ["none"]


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_a_key_proves_the_client(stopped_gateway, provider, alg):
    """For each call another proof: the provider takes a jti once."""
    gateway = stopped_gateway
    key = new_key(alg)
    provider.client_key = key.public_key()
    provider.offer_push()
    path = write_key(gateway, key)
    gateway.settings["client"] = f"client_key_file {path} kid=my-key;"
    gateway.start()
    path.unlink()  # it was read by the master
    for _ in range(3):
        log_in(gateway)
    assert provider.proofs == ["private_key_jwt"] * 6
    header, claims = provider.assertion
    assert header == {"alg": alg, "typ": "JWT", "kid": "my-key"}
    assert claims["aud"] == provider.issuer
    assert len(provider.seen_jti) == 6


def test_a_proof_may_be_for_the_endpoint(stopped_gateway, provider):
    gateway = stopped_gateway
    key = new_key("ES256")
    provider.client_key = key.public_key()
    gateway.settings["client"] = (
        f"client_key_file {write_key(gateway, key)};"
        "client_assertion_audience endpoint; client_auth private_key_jwt;"
    )
    log_in(gateway.start())
    header, claims = provider.assertion
    assert "kid" not in header
    assert claims["aud"] == f"{provider.issuer}/token"


def test_another_key_is_no_proof(stopped_gateway, provider):
    gateway = stopped_gateway
    provider.client_key = new_key("ES256").public_key()
    path = write_key(gateway, new_key("ES256"))
    gateway.settings["client"] = f"client_key_file {path};"
    browser = Browser(gateway.start())
    reply = browser.get(browser.authorize(browser.to_provider()))
    assert reply.status == 502
    assert "invalid_client" in reply.text()
    assert COOKIE not in browser.cookies


# ---- pushed requests ------------------------------------------------------


@pytest.mark.parametrize(
    "offers,setting,is_pushed",
    [
        ({}, "", True),
        ({}, "par auto;", True),
        ({}, "par on;", True),
        ({}, "par off;", False),
        ({"require_pushed_authorization_requests": True}, "par off;", True),
        (None, "", False),
        (None, "par off;", False),
    ],
    ids=["offered", "auto", "on", "off", "required", "none", "none-off"],
)
def test_requests_are_pushed_as_agreed(
    stopped_gateway, provider, offers, setting, is_pushed
):
    if offers is not None:
        provider.offer_push(**offers)
    stopped_gateway.settings["provider"] = setting
    browser = Browser(stopped_gateway.start())
    location = browser.to_provider("/deep?link=1")
    if is_pushed:
        assert "nonce=" not in location and "state=" not in location
        assert f"client_id={CLIENT_ID}&request_uri=" in location
    reply = browser.get(browser.authorize(location))
    assert reply.get("location").endswith("/deep?link=1")
    assert browser.get("/dashboard").status == 200
    assert provider.calls.count("/par") == (1 if is_pushed else 0)


def test_a_provider_without_par_is_named_where_it_is_wanted(
    stopped_gateway, provider
):
    stopped_gateway.settings["provider"] = "par on;"
    reply = Browser(stopped_gateway.start()).get("/oauth2/start")
    assert reply.status == 502
    assert "pushed authorization requests" in reply.text()


@pytest.mark.parametrize(
    "answer,status",
    [
        (refuse(500, {}), 503),
        (refuse(429, {}), 503),
        (refuse(400, {"error": "invalid_request"}), 502),
        (refuse(201, b"<html>", "text/html"), 502),
        (refuse(201, {"request_uri": "urn:x\r\nX: y", "expires_in": 60}), 502),
        (refuse(201, {"request_uri": "urn:x"}), 502),
        (refuse(201, b"x" * (1 << 20)), 503),
        (hang, 503),
    ],
    ids=["500", "429", "400", "html", "crlf", "lifetime", "huge", "hang"],
)
def test_a_push_that_fails_ends_the_attempt(
    stopped_gateway, provider, answer, status
):
    """And nothing else waits for it. There is no weaker way to fall back to."""
    provider.offer_push()
    provider.script["/par"] = answer
    stopped_gateway.settings["workers"] = 1
    gateway = stopped_gateway.start()
    replies = []
    thread = threading.Thread(
        target=lambda: replies.append(Browser(gateway).get("/oauth2/start"))
    )
    thread.start()
    wait_until(lambda: "/par" in provider.calls)
    assert Browser(gateway, API).get("/collections").status == 200
    thread.join()
    assert replies[0].status == status, replies[0].text()
    assert replies[0].get("location") is None
    provider.script.pop("/par")
    log_in(gateway)


def test_a_client_that_leaves_during_a_push_does_no_harm(
    stopped_gateway, provider
):
    provider.offer_push()
    go_on = threading.Event()

    def slow(handler):
        go_on.wait(5)
        provider.push(handler)

    provider.script["/par"] = slow
    stopped_gateway.settings["workers"] = 1
    gateway = stopped_gateway.start()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            Browser(gateway).get("/oauth2/start", timeout=0.2)
    go_on.set()
    log_in(gateway)


def test_a_kept_connection_that_died_costs_nobody_a_login(
    stopped_gateway, provider
):
    """The provider closes without saying so; pushes share connections."""

    def close_silently(handler):
        provider.push(handler)
        handler.close_connection = True

    provider.offer_push()
    provider.script["/par"] = close_silently
    stopped_gateway.settings["workers"] = 1
    gateway = stopped_gateway.start()
    for _ in range(5):
        log_in(gateway)
    assert provider.calls.count("/par") == 5
