# SPDX-License-Identifier: Apache-2.0
"""The store and the provider break while many people work: each of them stays
who they are, and nobody is sent away who need not be."""

import concurrent.futures
import contextlib
import os
import signal
import socket
import struct
import threading

import pytest

from .crowd import Crowd, login_as
from .gateway import API, HTML, Browser, free_port, wait_until
from .provider import Provider, refuse

WORKERS = 4


@pytest.fixture
def crowd(stopped_gateway, provider, valkey):
    stopped_gateway.settings.update(
        workers=WORKERS, zone="azimuth_session_zone 1m ttl=6s;"
    )
    stopped_gateway.start()
    wait_until(lambda: valkey.listeners() == WORKERS)
    return Crowd([stopped_gateway], provider)


class Silence:
    """A handler that takes requests and answers when it is over."""

    def __init__(self):
        self.end = threading.Event()

    def __call__(self, handler):
        self.end.wait(60)
        handler.close_connection = True


def reset(handler):
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, linger
    )
    os.close(handler.connection.detach())
    handler.close_connection = True


def hurt_newcomers_alone(crowd, provider, answer):
    """Sessions have to be refreshed meanwhile, and cannot be."""
    newcomers = [Browser(crowd.gateway) for _ in range(8)]
    refreshes = len(provider.refreshes)
    wait_until(lambda: len(provider.refreshes) >= refreshes + 5)
    provider.script["/token"] = answer
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(
            lambda b: login_as(b, provider, "newcomer"), newcomers
        ))
    assert set(statuses) <= {502, 503}, statuses
    calls = provider.calls.count("/token")
    wait_until(lambda: provider.calls.count("/token") > calls + 4)
    crowd.all_pass()
    del provider.script["/token"]
    assert login_as(newcomers[0], provider, "late") == 302
    crowd.all_pass()


def test_a_bad_provider_hurts_newcomers_alone(crowd, provider):
    provider.access_life = 2
    # After a failure a session is tried again when the zone lets it go.
    crowd.gateway.settings["zone"] = "azimuth_session_zone 1m ttl=1s;"
    crowd.gateway.reload()
    with crowd:
        for answer in (reset, refuse(500, {})):
            hurt_newcomers_alone(crowd, provider, answer)
        answer = Silence()
        try:
            hurt_newcomers_alone(crowd, provider, answer)
        finally:
            answer.end.set()
    assert all(person.logins == 1 for person in crowd.people)


def test_a_store_that_stands_still(crowd, valkey):
    with crowd:
        # All that is kept is new now, so that its time is not over.
        valkey.command("CLIENT", "KILL", "TYPE", "pubsub")
        wait_until(lambda: valkey.listeners() == WORKERS)
        crowd.all_pass()
        valkey.process.send_signal(signal.SIGSTOP)
        crowd.all_pass(5)
        crowd.allowed = {503}
        wait_until(lambda: crowd.seen.get(503, 0) > 48, 30)
        valkey.process.send_signal(signal.SIGCONT)
        crowd.all_pass(5)
        crowd.allowed = set()
        crowd.all_pass(5)
    assert set(crowd.seen) == {503}
    assert all(person.logins == 1 for person in crowd.people)


def test_a_store_that_comes_back_empty_is_one_login(crowd, valkey):
    with crowd:
        crowd.allowed = {503, 302, 401}
        valkey.stop()
        wait_until(lambda: crowd.seen.get(503, 0) > 48, 30)
        valkey.start()
        wait_until(lambda: all(p.logins == 2 for p in crowd.people), 30)
        wait_until(lambda: valkey.listeners() == WORKERS)
        crowd.all_pass()
        crowd.allowed = set()
        crowd.all_pass(5)
    assert all(person.logins == 2 for person in crowd.people)


def test_lost_connections_to_the_store(crowd, valkey):
    with crowd:
        for kind in ("pubsub", "normal") * 4:
            valkey.command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
            wait_until(lambda: valkey.listeners() == WORKERS)
            crowd.all_pass()
    assert all(person.logins == 1 for person in crowd.people)


# ---- one worker, and all that it waits for ---------------------------------


@contextlib.contextmanager
def black_hole(port):
    """A listener whose queue is full: a connection to it never stands."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield


@contextlib.contextmanager
def silence(provider):
    answer = Silence()
    provider.script["/token"] = answer
    try:
        yield
    finally:
        answer.end.set()


@contextlib.contextmanager
def standing_still(valkey):
    valkey.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        valkey.process.send_signal(signal.SIGCONT)


@pytest.fixture
def desk(provider):
    """The token endpoint of the provider, on a port of its own; it keeps no
    connection."""
    def answer(handler):
        provider.token(handler)
        handler.close_connection = True

    one = Provider(free_port())
    one.script["/token"] = answer
    provider.changes["token_endpoint"] = f"{one.issuer}/token"
    yield one.start()
    one.stop()


@pytest.fixture
def patient(stopped_gateway):
    """Waits longer for its peers than a test does for anything."""
    stopped_gateway.settings.update(
        workers=1, zone="azimuth_session_zone off;",
        valkey_options="timeout=60s", provider_timeout="60s",
        provider="connect_timeout 60s;",
    )
    return stopped_gateway


@pytest.mark.parametrize("kind", ["hangs", "hole"])
def test_a_worker_that_waits_for_everything_serves_others(
    patient, desk, valkey, kind
):
    gateway = patient.start()
    member = Browser(gateway)
    member.login()
    visitors = [Browser(gateway) for _ in range(30)]
    targets = [b.authorize(b.to_provider()) for b in visitors]
    if kind == "hole":
        desk.stop()
        quiet = black_hole(desk.port)
    else:
        quiet = silence(desk)
    with concurrent.futures.ThreadPoolExecutor(60) as pool:
        with contextlib.ExitStack() as stack:
            stack.enter_context(quiet)
            stack.enter_context(standing_still(valkey))
            waiting = [pool.submit(b.get, t, timeout=90)
                       for b, t in zip(visitors, targets)]
            waiting += [pool.submit(member.get, "/dashboard", dict(HTML),
                                    timeout=90) for _ in range(30)]
            api = Browser(gateway, API)
            for _ in range(100):
                assert api.get("/collections").status == 200
            assert not any(one.done() for one in waiting)
        statuses = [one.result(90).status for one in waiting]
    assert set(statuses[:30]) <= {502, 503}, statuses
    assert statuses[30:] == [200] * 30, statuses
