# SPDX-License-Identifier: Apache-2.0
"""The life of a provider's documents: refreshed behind the requests, kept
while the provider is away, rotated under load."""

import itertools
import socket
import threading

import pytest

from .gateway import COOKIE, DASHBOARD, Browser, wait_until
from .provider import DISCOVERY, hang, refuse


def wait_for_calls(provider, path, more):
    """Until `more` further calls of `path` came in."""
    goal = provider.calls.count(path) + more
    wait_until(lambda: provider.calls.count(path) >= goal)


@pytest.fixture
def eager(stopped_gateway):
    """One worker, whose documents are due after a second."""
    stopped_gateway.settings.update(workers=1, provider="document_refresh 1s;")
    return stopped_gateway.start()


def test_documents_are_refreshed_without_a_request(eager, provider):
    Browser(eager).login()
    wait_for_calls(provider, DISCOVERY, 2)
    wait_for_calls(provider, "/jwks", 2)


def test_documents_that_nobody_needed_are_not_fetched(eager, provider):
    assert Browser(eager).get("/oauth2/start").status == 302
    wait_for_calls(provider, DISCOVERY, 2)
    assert "/jwks" not in provider.calls


def test_nobody_waits_for_a_refresh(eager, provider):
    """The documents are old and the provider hangs: logins begin and end."""
    browser = Browser(eager)
    browser.login()
    provider.script[DISCOVERY] = hang
    provider.script["/jwks"] = hang
    wait_for_calls(provider, DISCOVERY, 1)
    wait_until(lambda: "could not be fetched, an older one" in eager.log())
    for _ in range(3):
        Browser(eager).login()


def test_a_change_of_the_provider_is_noticed(eager, provider):
    browser = Browser(eager)
    browser.login()
    provider.changes["authorization_endpoint"] = f"{provider.issuer}/authorize2"
    wait_until(
        lambda: "/authorize2?" in browser.get("/oauth2/start").get("location")
    )
    # a new address of the key set is asked at once
    provider.changes["jwks_uri"] = f"{provider.issuer}/jwks2"
    provider.script["/jwks2"] = provider.jwks
    wait_until(lambda: "/jwks2" in provider.calls)


@pytest.mark.parametrize(
    "answer",
    [refuse(500, {}), refuse(200, b"{"), refuse(200, {"keys": []}),
     refuse(200, {"issuer": "https://evil.example"})],
    ids=["500", "cut", "empty", "issuer"],
)
def test_a_bad_document_never_replaces_a_good_one(eager, provider, answer):
    browser = Browser(eager)
    browser.login()
    provider.script[DISCOVERY] = answer
    provider.script["/jwks"] = answer
    wait_until(lambda: "its discovery document could not" in eager.log())
    wait_until(lambda: "its key set could not" in eager.log())
    browser = Browser(eager)
    browser.login()
    assert browser.get("/dashboard").status == 200


def test_a_fetch_whose_client_left_serves_the_next(stopped_gateway, provider):
    gateway = stopped_gateway
    gateway.settings["workers"] = 1
    gateway.start()
    arrived, go_on = threading.Event(), threading.Event()

    def slow(handler):
        arrived.set()
        go_on.wait(5)
        provider.discovery(handler)

    provider.script[DISCOVERY] = slow
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(
            f"GET /oauth2/start HTTP/1.1\r\nHost: {DASHBOARD}\r\n"
            "Accept: text/html\r\n\r\n".encode()
        )
        assert arrived.wait(5)
    wait_until(lambda: "client prematurely closed" in gateway.log())
    go_on.set()
    provider.script.pop(DISCOVERY)
    wait_until(lambda: Browser(gateway).get("/oauth2/start").status == 302)
    assert provider.calls.count(DISCOVERY) == 1


def test_keys_are_rotated_under_load(gateway, provider):
    """Many logins at once while the provider changes its key: each ends well,
    and each change costs a worker one fetch."""
    failures = []
    done = threading.Event()
    count = [0] * 8
    provider.subs = itertools.count()  # or the 65th session ends the first

    def log_in_again_and_again(index):
        while not done.is_set():
            browser = Browser(gateway)
            try:
                browser.login()
                if browser.get("/dashboard").status != 200:
                    failures.append("no session")
            except AssertionError as failure:
                failures.append(failure)
            count[index] += 1

    threads = [
        threading.Thread(target=log_in_again_and_again, args=(i,))
        for i in range(len(count))
    ]
    for thread in threads:
        thread.start()
    for _ in range(4):
        before = sum(count)
        wait_until(lambda: sum(count) >= before + 20 or failures, 60)
        provider.rotate()
    before = sum(count)
    wait_until(lambda: sum(count) >= before + 20 or failures, 60)
    done.set()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
    assert provider.calls.count("/jwks") <= 5 * gateway.settings["workers"]


def test_a_key_that_is_never_published_costs_one_fetch(
    stopped_gateway, provider
):
    gateway = stopped_gateway
    gateway.settings["workers"] = 1
    gateway.start()
    Browser(gateway).login()
    published = provider.jwks
    keys = (provider.key, provider.alg, provider.kid)
    provider.rotate(kid="../../etc/passwd")

    def old_keys(handler):
        mine = (provider.key, provider.alg, provider.kid)
        provider.key, provider.alg, provider.kid = keys
        published(handler)
        provider.key, provider.alg, provider.kid = mine

    provider.script["/jwks"] = old_keys
    before = provider.calls.count("/jwks")
    for _ in range(3):
        browser = Browser(gateway)
        reply = browser.get(browser.authorize(browser.to_provider()))
        assert reply.status == 502
        assert COOKIE not in browser.cookies
    assert provider.calls.count("/jwks") <= before + 2
    assert "no RS256 key of the provider fits" in gateway.log()
