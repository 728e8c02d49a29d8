# SPDX-License-Identifier: Apache-2.0
"""Far more logins than people: begun ones are only cookies, finished ones
leave nothing, waiting ones take little, and too many are told so."""

import asyncio
import concurrent.futures
import contextlib
import itertools
import os
import re
import socket
import threading

import pytest

from .attacks import wire
from .crowd import how_many, login_as
from .gateway import API, DASHBOARD, Browser, anonymous, wait_until
from .provider import DISCOVERY, new_key

# What checks memory keeps what was freed, too.
IS_WATCHED = "AZIMUTH_WRAP" in os.environ
LIMIT = 192  # calls to the provider that a worker has for requests
INSIDE = 64  # callbacks that it lets in at once, of one provider
SLACK = 256 << 10  # bytes that the heap of a worker may move by
WAITING = 20 << 10  # bytes of a login that waits; nginx's own are half of it
START = wire.lines("GET /oauth2/start HTTP/1.1", f"Host: {DASHBOARD}",
                   "Accept: text/html")
LAST = wire.lines("GET /oauth2/start HTTP/1.1", f"Host: {DASHBOARD}",
                  "Accept: text/html", "Connection: close")


@pytest.fixture
def alone(stopped_gateway):
    """One worker, which waits for long."""
    stopped_gateway.settings.update(workers=1, provider_timeout="60s")
    return stopped_gateway


def has_grown(memory):
    return not IS_WATCHED and memory[-1] - memory[0] > SLACK


def keys(valkey):
    return valkey.command("KEYS", "*")


class Gate:
    """Holds the calls of a path back until it is opened."""

    def __init__(self, provider, path):
        self.opened = threading.Event()
        self.provider = provider
        self.path = path
        self.counting = threading.Lock()
        self.waiting = 0
        provider.script[path] = self

    def __call__(self, handler):
        provider = self.provider
        with self.counting:
            self.waiting += 1
        self.opened.wait(120)
        answers = {DISCOVERY: provider.discovery, "/par": provider.push,
                   "/token": provider.token}
        answers[self.path](handler)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.opened.set()
        self.provider.script.pop(self.path, None)


def is_clean_refusal(answer):
    return (wire.status_of(answer) == 503
            and wire.header_of(answer, "Retry-After") == ["5"]
            and wire.header_of(answer, "Content-Type")[0].startswith(
                "text/html"))


# ---- the limit of calls -----------------------------------------------------

def callback_of(gateway):
    browser = Browser(gateway)
    target = browser.authorize(browser.to_provider())
    cookies = "; ".join(f"{k}={v}" for k, v in browser.cookies.items())
    return wire.lines(f"GET {target} HTTP/1.1", f"Host: {DASHBOARD}",
                      "Accept: text/html", f"Cookie: {cookies}")


def callbacks_of(gateway, count):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(callback_of, [gateway] * count))


class Door:
    """The token endpoint holds as many callbacks as a worker lets in; further
    ones wait in front of the gateway's door."""

    def __init__(self, gateway, provider, stack):
        self.gateway = gateway
        self.stack = stack
        self.gate = stack.enter_context(Gate(provider, "/token"))
        self.sockets = []

    def send(self, callback):
        s = self.stack.enter_context(wire.connected(self.gateway.port, 60))
        s.sendall(callback)
        self.sockets.append(s)
        return s

    def fill(self, callbacks):
        for callback in callbacks[:INSIDE]:
            self.send(callback)
        wait_until(lambda: self.gate.waiting == INSIDE, 30)
        return [self.send(callback) for callback in callbacks[INSIDE:]]


def test_callbacks_wait_at_the_door_until_there_is_a_place(
    alone, provider, upstream
):
    gateway = alone.start()
    member = Browser(gateway)
    member.login()
    upstream.requests.clear()
    callbacks = callbacks_of(gateway, INSIDE + 40)
    with contextlib.ExitStack() as stack:
        door = Door(gateway, provider, stack)
        late = door.fill(callbacks)
        assert upstream.requests == []
        assert member.get("/dashboard").status == 200
        assert Browser(gateway, API).get("/collections").status == 200
        # Another login begins meanwhile; some people lose their patience.
        assert Browser(gateway).get("/oauth2/start").status == 302
        for s in late[::4]:
            s.shutdown(socket.SHUT_RDWR)
            door.sockets.remove(s)
        assert door.gate.waiting == INSIDE
        upstream.requests.clear()
        door.gate.opened.set()
        for s in door.sockets:
            assert wire.status_of(s.recv(1 << 16)) == 302
    assert upstream.requests == []
    for _ in range(4):
        Browser(gateway).login()


def test_who_waits_too_long_at_the_door_has_spent_nothing(alone, provider):
    alone.settings["provider_timeout"] = "6s"
    gateway = alone.start()
    callbacks = callbacks_of(gateway, INSIDE + 2)
    with contextlib.ExitStack() as stack:
        door = Door(gateway, provider, stack)
        for s in door.fill(callbacks):
            answer = s.recv(1 << 16)
            assert is_clean_refusal(answer), answer
            assert b"Load this page again" in answer
        assert door.gate.waiting == INSIDE
        door.gate.opened.set()
    for callback in callbacks[INSIDE:]:
        assert wire.status_of(
            wire.answer_head(gateway.port, callback)) == 302
    log = gateway.access_log.read_text()
    assert "/oauth2/callback" in log and "code=" not in log


def test_logins_that_hang_as_they_begin_leave_callbacks_alone(alone, provider):
    """Pushed requests have all calls; the state of a callback is spent."""
    provider.offer_push()
    gateway = alone.start()
    callback = callback_of(gateway)
    with contextlib.ExitStack() as stack:
        gate = stack.enter_context(Gate(provider, "/par"))
        for _ in range(LIMIT):
            line = stack.enter_context(wire.connected(gateway.port, 60))
            line.sendall(START)
        wait_until(lambda: gate.waiting == LIMIT, 30)
        assert wire.status_of(
            wire.answer_head(gateway.port, callback)) == 302


def test_a_reload_brings_those_at_the_door_in(alone, provider):
    gateway = alone.start()
    callbacks = callbacks_of(gateway, INSIDE + 10)
    with contextlib.ExitStack() as stack:
        door = Door(gateway, provider, stack)
        door.fill(callbacks)
        # Those that wait are accepted: a later question is answered.
        assert Browser(gateway, API).get("/collections").status == 200
        gateway.reload()
        door.gate.opened.set()
        for s in door.sockets:
            assert wire.status_of(s.recv(1 << 16)) == 302


# ---- what is left of logins -------------------------------------------------

def begin(gateway, count):
    """Logins that nobody goes on with, a hundred per connection."""
    for first in range(0, count, 100):
        size = min(100, count - first)
        answer = wire.exchange(gateway.port, START * (size - 1) + LAST, 30)
        assert answer.count(b"HTTP/1.1 302 ") == size, answer[:300]
        assert answer.count(b"&code_challenge=") == size


def test_logins_that_are_only_begun_take_nothing(alone, valkey):
    gateway = alone.start()
    count = how_many(2000)
    before = keys(valkey)
    memory = []
    for _ in range(3):
        begin(gateway, count)
        memory.append(anonymous(gateway.workers()))
    print(f"\n{count} logins begun and left, three times: {memory} bytes")
    assert not has_grown(memory), memory
    assert keys(valkey) == before


def come_and_go(gateway, provider, count):
    def visit(number):
        browser, user = Browser(gateway), f"visitor-{number}"
        assert login_as(browser, provider, user) == 302
        reply = browser.get("/dashboard")
        assert ["x-auth-request-user", user] in reply.json()["headers"]
        browser.sign_out()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in pool.map(visit, range(count)):
            pass


def test_logins_and_sign_outs_leave_nothing(alone, provider, valkey, upstream):
    gateway = alone.start()
    provider.subs = itertools.count()  # a login may say whose it is
    provider.alg, provider.key = "EdDSA", new_key("EdDSA")
    count = how_many(120)
    memory = []
    for _ in range(3):
        come_and_go(gateway, provider, count)
        memory.append(anonymous(gateway.workers()))
        upstream.requests.clear()
    print(f"\n{count} logins and sign-outs, three times: {memory} bytes")
    assert not has_grown(memory), memory
    assert b"azimuth:session:" not in keys(valkey)


# ---- many at once -----------------------------------------------------------

@pytest.fixture
def wide(alone):
    """Room for all connections, and their number to be read."""
    alone.settings["connections"] = 2 * how_many(400) + 1024
    alone.settings["api"] = "location = /connections { stub_status; }"
    return alone


def at_work(gateway):
    """How many requests are being answered, besides the one that asks."""
    text = Browser(gateway, API).get("/connections").text()
    return int(re.search(r"Writing: (\d+)", text)[1]) - 1


class Crush:
    """Logins begun on connections that are all open before the first asks,
    and stay open until the last has its answer."""

    def __init__(self, gateway, count):
        self.gateway = gateway
        self.count = count
        self.answers = []

    def run(self, meanwhile):
        asyncio.run(self.talk(meanwhile))
        assert len(self.answers) == self.count
        return self.answers

    async def talk(self, meanwhile):
        some = asyncio.Semaphore(256)
        lines = await asyncio.gather(
            *(self.connect(some) for _ in range(self.count))
        )
        try:
            await asyncio.wait_for(asyncio.gather(
                asyncio.to_thread(meanwhile),
                *(self.ask(*line) for line in lines),
            ), 150)
        finally:
            for _, writer in lines:
                writer.transport.abort()

    async def connect(self, some):
        async with some:
            return await asyncio.open_connection("127.0.0.1",
                                                 self.gateway.port)

    async def ask(self, reader, writer):
        writer.write(START)
        self.answers.append(await reader.readuntil(b"\r\n\r\n"))


def is_begun(answer):
    return (wire.status_of(answer) == 302
            and "/authorize?" in wire.header_of(answer, "Location")[0])


def test_everybody_waits_for_the_documents(wide, provider, valkey, upstream):
    count = how_many(400)
    with Gate(provider, DISCOVERY) as gate:
        gateway = wide.start()
        memory = []

        def meanwhile():
            wait_until(lambda: at_work(gateway) == count + 1, 60)
            memory.append(anonymous(gateway.workers()) - before)
            gate.opened.set()

        with wire.connected(gateway.port) as first:
            first.sendall(START)
            wait_until(lambda: at_work(gateway) == gate.waiting == 1)
            before = anonymous(gateway.workers())
            answers = Crush(gateway, count).run(meanwhile)
            assert is_begun(first.recv(1 << 16))
    assert gate.waiting == 1
    assert all(is_begun(answer) for answer in answers)
    print(f"\n{count} logins wait: {memory[0] / count:.0f} bytes each")
    assert IS_WATCHED or memory[0] <= count * WAITING + SLACK
    Browser(gateway).login()
    assert len(upstream.requests) == 0


def test_more_than_the_provider_takes_at_once(wide, provider, upstream):
    count = how_many(400)
    provider.offer_push()
    gateway = wide.start()
    Browser(gateway).login()
    memory = []
    for _ in range(2):
        with Gate(provider, "/par") as gate:
            def meanwhile():
                wait_until(lambda: gate.waiting == at_work(gateway) == LIMIT
                           and len(crush.answers) == count - LIMIT, 60)
                memory.append(anonymous(gateway.workers()))
                gate.opened.set()

            crush = Crush(gateway, count)
            answers = crush.run(meanwhile)
        refused = [a for a in answers if not is_begun(a)]
        assert len(refused) == count - LIMIT
        assert all(is_clean_refusal(a) for a in refused)
    print(f"\n{count} logins at once, twice: {memory} bytes")
    assert not has_grown(memory), memory
    Browser(gateway).login()
    assert len(upstream.requests) == 0
