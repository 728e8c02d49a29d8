# SPDX-License-Identifier: Apache-2.0
"""Two providers in one nginx: a user of one is nobody to the other."""

import contextlib
import urllib.parse

import pytest

from .attacks import wire
from .gateway import COOKIE, SCRIPT, Browser, free_port, wait_until
from .provider import CLIENT_ID, Provider
from .test_flood import LIMIT, START, Gate

OTHER = "other.example.test"


@pytest.fixture
def two_hosts(stopped_gateway):
    """A second host, whose users come from a second client."""
    g = stopped_gateway
    g.settings["http"] = f"""
    azimuth_provider other {{
        issuer {g.provider.issuer};
        client_id {CLIENT_ID}-other;
        redirect_uri https://{OTHER}/oauth2/callback;
        allow_http_loopback on;
    }}
    server {{
        listen 127.0.0.1:{g.port};
        server_name {OTHER};
        azimuth_auth other;
        location /oauth2/ {{ azimuth_endpoint other; }}
        location / {{ proxy_pass http://engine; }}
    }}
    """
    return g.start()


@pytest.mark.parametrize("target", ["/collections", "/oauth2/auth",
                                    "/oauth2/userinfo"])
def test_a_session_of_another_provider_opens_nothing(two_hosts, target):
    here = Browser(two_hosts)
    here.login()
    assert here.get(target, SCRIPT).status in (200, 202)
    there = Browser(two_hosts, OTHER)
    there.cookies[COOKIE] = here.cookies[COOKIE]
    assert there.get(target, SCRIPT).status == 401
    assert here.get(target, SCRIPT).status in (200, 202)


@pytest.fixture
def other_provider():
    provider = Provider(free_port()).start()
    yield provider
    provider.stop()


@pytest.fixture
def patient(stopped_gateway):
    """One worker, which waits for long; stands before what starts it."""
    stopped_gateway.settings.update(workers=1, provider_timeout="60s")


@pytest.fixture
def shared_cookies(stopped_gateway, other_provider):
    """Two hosts, a provider each, and cookies that both hosts get."""
    g = stopped_gateway
    g.settings["http"] = f"""
    azimuth_cookie domain=.example.test;
    azimuth_provider other {{
        issuer {other_provider.issuer};
        client_id {CLIENT_ID};
        client_secret_file {g.directory}/client.secret;
        redirect_uri https://{OTHER}/oauth2/callback;
        allow_http_loopback on;
    }}
    server {{
        listen 127.0.0.1:{g.port};
        server_name {OTHER};
        azimuth_auth other;
        location /oauth2/ {{ azimuth_endpoint other; }}
        location / {{ proxy_pass http://engine; }}
    }}
    """
    return g.start()


@pytest.mark.parametrize("iss", ["none", "asked", "presented"])
def test_a_state_of_one_provider_is_nothing_to_the_other(
    shared_cookies, provider, other_provider, iss
):
    """T15, mix-up (RFC 9207): a login is begun at one provider and its state
    comes back to the other's address, whatever issuer it names. No token
    endpoint hears of it, and the state is spent."""
    for one in (provider, other_provider):
        one.changes["authorization_response_iss_parameter_supported"] = None
    here = Browser(shared_cookies)
    there = Browser(shared_cookies, OTHER)
    location = there.get("/oauth2/start").get("location")
    assert location.startswith(other_provider.issuer)
    here.cookies = there.cookies
    state = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)
    query = {"code": "code-of-the-attacker", "state": state["state"][0]}
    if iss != "none":
        query["iss"] = (
            other_provider if iss == "asked" else provider
        ).issuer
    reply = here.get("/oauth2/callback?" + urllib.parse.urlencode(query))
    assert reply.status == 400
    assert reply.get("location") is None
    assert "/token" not in provider.calls + other_provider.calls
    there.cookies = here.cookies
    reply = there.get("/oauth2/callback?" + urllib.parse.urlencode(
        {**query, "iss": other_provider.issuer}
    ))
    assert reply.status == 400
    assert "/oauth2/start?retry=1" in reply.forward()
    assert "/token" not in provider.calls + other_provider.calls


def test_logins_at_two_providers_go_on_side_by_side(
    shared_cookies, provider, other_provider
):
    here = Browser(shared_cookies)
    there = Browser(shared_cookies, OTHER)
    there.cookies = here.cookies
    first = here.get("/oauth2/start").get("location")
    second = there.get("/oauth2/start").get("location")
    callback = here.authorize(first)
    assert here.get(callback).status == 302
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(second).query))
    code = other_provider.new_code(query)
    reply = there.get("/oauth2/callback?" + urllib.parse.urlencode(
        {"code": code, "state": query["state"], "iss": other_provider.issuer}
    ))
    assert reply.status == 302, reply.text()
    assert there.get("/dashboard").status == 200


def test_a_provider_that_hangs_leaves_calls_to_the_other(
    patient, shared_cookies, provider, other_provider
):
    """Documents and tokens: a login at the other goes on, to its end."""
    gateway = shared_cookies
    provider.offer_push()
    there = Browser(gateway, OTHER)
    with contextlib.ExitStack() as stack:
        gate = stack.enter_context(Gate(provider, "/par"))
        lines = [stack.enter_context(wire.connected(gateway.port, 60))
                 for _ in range(LIMIT)]
        for line in lines:
            line.sendall(START)
        # The eldest have all that there is for them; the last is told so.
        assert wire.status_of(lines[-1].recv(1 << 16)) == 503
        wait_until(lambda: gate.waiting == LIMIT // 2, 30)
        reply = there.get("/oauth2/start")
        assert reply.status == 302, reply.text()
        location = reply.get("location")
        assert location.startswith(other_provider.issuer)
        query = dict(urllib.parse.parse_qsl(
            urllib.parse.urlsplit(location).query))
        code = other_provider.new_code(query)
        reply = there.get("/oauth2/callback?" + urllib.parse.urlencode({
            "code": code, "state": query["state"],
            "iss": other_provider.issuer}))
        assert reply.status == 302, reply.text()
        assert there.get("/dashboard").status == 200
