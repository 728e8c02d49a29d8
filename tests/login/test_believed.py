# SPDX-License-Identifier: Apache-2.0
"""What of a provider's word is believed: algorithms, clocks, its issuer."""

import time
import urllib.parse

import pytest

from .gateway import COOKIE, Browser

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
              "ES384", "ES512", "EdDSA"]


def come_back(browser):
    return browser.get(browser.authorize(browser.to_provider()))


def test_every_safe_algorithm_logs_in(gateway, provider):
    for alg in ALGORITHMS:
        provider.rotate(alg, keeps_old=False)
        browser = Browser(gateway)
        reply = come_back(browser)
        assert reply.status == 302, (alg, reply.text())
        assert browser.get("/dashboard").status == 200, alg


def test_only_configured_algorithms_log_in(stopped_gateway, provider):
    stopped_gateway.settings["provider"] = "id_token_algorithms PS256 EdDSA;"
    gateway = stopped_gateway.start()
    for alg in ALGORITHMS:
        provider.rotate(alg, keeps_old=False)
        browser = Browser(gateway)
        reply = come_back(browser)
        is_allowed = alg in ("PS256", "EdDSA")
        assert reply.status == (302 if is_allowed else 502), alg
        assert (COOKIE in browser.cookies) == is_allowed
    assert "algorithm RS256 is not allowed here" in gateway.log()


@pytest.mark.parametrize(
    "setting,seconds,is_good",
    [("", 30, True), ("", 90, False), ("clock_skew 120s;", 90, True),
     ("clock_skew 120s;", 180, False), ("clock_skew 5s;", 30, False)],
)
@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
def test_clocks_may_differ_as_configured(
    stopped_gateway, provider, setting, seconds, is_good, claim
):
    stopped_gateway.settings["provider"] = setting
    browser = Browser(stopped_gateway.start())
    sign = -1 if claim == "exp" else 1
    provider.claims[claim] = int(time.time()) + sign * seconds
    assert come_back(browser).status == (302 if is_good else 502)
    assert (COOKIE in browser.cookies) == is_good


@pytest.mark.parametrize(
    "promised,setting,status",
    [(None, "", 302), (None, "require_iss off;", 302),
     (None, "require_iss on;", 400), (True, "", 400)],
    ids=["unsaid", "off", "on", "promised"],
)
def test_an_answer_without_issuer(
    stopped_gateway, provider, promised, setting, status
):
    name = "authorization_response_iss_parameter_supported"
    provider.changes[name] = promised
    stopped_gateway.settings["provider"] = setting
    browser = Browser(stopped_gateway.start())
    path, _, query = browser.authorize(browser.to_provider()).partition("?")
    query = dict(urllib.parse.parse_qsl(query))
    query.pop("iss")
    reply = browser.get(path + "?" + urllib.parse.urlencode(query))
    assert reply.status == status
    assert (COOKIE in browser.cookies) == (status == 302)
    assert ("/token" in provider.calls) == (status == 302)
