# SPDX-License-Identifier: Apache-2.0
"""T41 to T43: a session store that fails, lies, or was written by others."""

import pathlib
import signal
import socket
import threading

import pytest

from ..gateway import API, COOKIE, HTML, SCRIPT, Browser, wait_until

KEY = "azimuth:session:*"


@pytest.fixture
def cold(stopped_gateway):
    """Every request asks the store; a lie is not believed for long."""
    stopped_gateway.settings["zone"] = "azimuth_session_zone off;"
    stopped_gateway.settings["workers"] = 1
    stopped_gateway.settings["valkey_options"] = "timeout=500ms"
    return stopped_gateway.start()


@pytest.fixture
def visitor(cold):
    browser = Browser(cold)
    browser.login()
    return browser


class Liar:
    """Takes the store's place and answers everything with the same bytes."""

    def __init__(self, path, answer):
        self.answer = answer
        self.stop = threading.Event()
        self.asked = 0
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(64)
        self.socket.settimeout(0.05)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        peers = []
        while not self.stop.is_set():
            try:
                peer, _ = self.socket.accept()
            except TimeoutError:
                continue
            worker = threading.Thread(target=self.lie, args=(peer,))
            worker.start()
            peers.append(worker)
        for worker in peers:
            worker.join()
        self.socket.close()

    def lie(self, peer):
        peer.settimeout(0.05)
        with peer:
            while not self.stop.is_set():
                try:
                    if not peer.recv(65536):
                        return
                    self.asked += 1
                    if self.answer is None:
                        return
                    peer.sendall(self.answer)
                except TimeoutError:
                    continue
                except OSError:
                    return

    def close(self):
        self.stop.set()
        self.thread.join()


def worker_memory(gateway):
    pages = [int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
             for pid in gateway.workers()]
    return sum(pages) * 4096


def refuse_a_lie(gateway, valkey, upstream, browser, answer):
    """503 with a page or JSON, and no way to the upstream. A reply of the
    right form is a record that does not open: then the login."""
    cookie = browser.cookies[COOKIE]
    is_record = answer is not None and answer[:1] in b"$=_"
    liar = Liar(valkey.socket, answer)
    upstream.requests.clear()
    memory = worker_memory(gateway)
    try:
        for headers in (HTML, SCRIPT, HTML):
            browser.cookies = {COOKIE: cookie}
            reply = browser.get("/dashboard", headers)
            if is_record and reply.status in (302, 401):
                continue
            assert reply.status == 503, (answer or b"")[:40]
            assert reply.get("location") is None
            assert COOKIE in browser.cookies
        assert upstream.requests == []
        # the open host does not care
        assert Browser(gateway, API).get("/collections").status == 200
        assert worker_memory(gateway) - memory < 48 << 20
    finally:
        liar.close()
        valkey.socket.unlink(missing_ok=True)
        browser.cookies = {COOKIE: cookie}


ERRORS = [
    b"-READONLY You can't write against a read only replica.",
    b"-LOADING Valkey is loading the dataset in memory",
    b"-NOAUTH Authentication required.",
    b"-WRONGPASS invalid username-password pair or user is disabled.",
    b"-NOPERM this user has no permissions to run the 'get' command",
    b"-OOM command not allowed when used memory > 'maxmemory'.",
    b"-MOVED 3999 127.0.0.1:6381", b"-ASK 3999 127.0.0.1:6381",
    b"-CLUSTERDOWN The cluster is down",
    b"-MASTERDOWN Link with MASTER is down",
    b"-BUSY Valkey is busy running a script",
    b"-ERR max number of clients reached", b"-ERR unknown command",
    b"-WRONGTYPE Operation against a key holding the wrong kind of value",
    b"-MISCONF Errors writing to the disk", b"-", b"-<script>alert(1)</script>",
    b"-%n%s%n%s%n", b"-" + b"x" * 100000,
]
LIES = [
    b"+OK", b":1", b":-1", b"*0", b"*1\r\n$1\r\na", b"$-2", b"*-2",
    b"$5\r\nabcdefgh", b"$2147483647\r\nxx", b"$9223372036854775807\r\nx",
    b"$99999999999999999999\r\n", b":99999999999999999999", b"*2147483647",
    b"*1000000\r\n" * 9, b"*1\r\n" * 1000 + b":1", b"*1\r\n" * 100000,
    b"HTTP/1.1 200 OK\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n",
    b"\0" * 64, b"$0", b"%2147483647", b"~1000000\r\n:1", b">2\r\n+a\r\n+b",
    b",nan", b"#t", b"(" + b"9" * 5000, b"=15\r\ntxt:Some string",
    b"+" + b"x" * 3000000, b"$-1\r\n$-1\r\n:5\r\n+x", b"_",
    b"$10000000\r\n" + b"x" * 10000000,
]


def test_t41_errors_of_the_store(cold, valkey, upstream, visitor):
    valkey.stop()
    for answer in ERRORS:
        refuse_a_lie(cold, valkey, upstream, visitor, answer + b"\r\n")
    valkey.start()
    wait_until(lambda: visitor.get("/dashboard").status != 503)
    visitor.login()
    assert visitor.get("/dashboard").status == 200


def test_t43_answers_that_are_none(cold, valkey, upstream, visitor):
    workers = cold.workers()
    valkey.stop()
    for answer in LIES + [None]:
        if answer is not None:
            answer += b"\r\n"
        refuse_a_lie(cold, valkey, upstream, visitor, answer)
        assert cold.workers() == workers, (answer or b"")[:40]
    valkey.start()
    wait_until(lambda: visitor.get("/dashboard").status != 503)
    assert cold.workers() == workers


def test_t41_the_error_is_escaped_and_kept_short(
    cold, valkey, upstream, visitor
):
    valkey.stop()
    liar = Liar(valkey.socket, b"-<b>" + b"y" * 5000 + b"\x1b[2J\r\n")
    try:
        text = visitor.get("/dashboard").text()
        assert "<b>" not in text and "\x1b" not in text
        assert len(text) < 8192
    finally:
        liar.close()


@pytest.mark.parametrize("how", ["stop", "freeze"])
def test_t41_warm_sessions_go_on(
    stopped_gateway, valkey, upstream, provider, how
):
    """Until their time in the shared memory is over; nobody new gets in."""
    stopped_gateway.settings["valkey_options"] = "timeout=300ms"
    gateway = stopped_gateway.start()
    warm, cold, late = (Browser(gateway) for _ in range(3))
    warm.login()
    assert warm.get("/dashboard").status == 200
    cold.login()
    target = late.authorize(late.to_provider())
    if how == "stop":
        valkey.stop()
    else:
        valkey.process.send_signal(signal.SIGSTOP)
    upstream.requests.clear()
    for _ in range(5):
        assert warm.get("/dashboard").status == 200
    assert len(upstream.requests) == 5
    reply = cold.get("/dashboard")
    assert reply.status == 503 and COOKIE in cold.cookies
    assert late.get(target).status == 503 and COOKIE not in late.cookies
    assert provider.calls.count("/token") == 2
    # it does end: then 503, never 302 and never 200
    statuses = []
    wait_until(
        lambda: statuses.append(warm.get("/dashboard").status)
        or statuses[-1] != 200, 8,
    )
    assert statuses[-1] == 503
    if how == "freeze":
        valkey.process.send_signal(signal.SIGCONT)


# ---- T42: records that others wrote -----------------------------------------

def session_key(valkey):
    keys = [k for k in valkey.command("KEYS", KEY).split()
            if k.startswith(b"azimuth:session:")]
    assert len(keys) == 1
    return keys[0]


def value_of(valkey, key):
    """A bulk reply may come in several pieces."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(valkey.socket))
        s.sendall(b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(key), key))
        f = s.makefile("rb")
        size = int(f.readline()[1:])
        return f.read(size)


def tampered(good):
    for at in {*range(0, min(24, len(good))), len(good) // 2,
               *range(len(good) - 20, len(good))}:
        for bit in (1, 128):
            yield good[:at] + bytes([good[at] ^ bit]) + good[at + 1:]
    for size in (0, 1, 12, 16, 28, 44, len(good) // 2, len(good) - 1):
        yield good[:size]
    yield good + b"\0"
    yield good + good
    yield good[::-1]
    yield b"\0" * len(good)
    yield b'{"sub":"admin"}'
    yield b"1"


def test_t42_a_record_that_was_changed(cold, valkey, upstream, visitor):
    key = session_key(valkey)
    good = value_of(valkey, key)
    cookie = visitor.cookies[COOKIE]
    upstream.requests.clear()
    for bad in tampered(good):
        valkey.command("SET", key, bad, "EX", "600")
        visitor.cookies = {COOKIE: cookie}
        reply = visitor.get("/dashboard")
        assert reply.status == 302, bad[:40]
        assert COOKIE not in visitor.cookies
        valkey.command("SET", key, bad, "EX", "600")
        reply = visitor.get("/oauth2/auth", {**SCRIPT, "Cookie":
                                             f"{COOKIE}={cookie}"})
        assert reply.status == 401
        assert reply.get("x-auth-request-user") is None
    assert upstream.requests == []
    assert "does not open" in cold.log()  # said, for whoever has to look
    valkey.command("SET", key, good, "EX", "600")
    visitor.cookies = {COOKIE: cookie}
    assert visitor.get("/dashboard").status == 200


def test_t42_a_record_of_somebody_else(cold, valkey, upstream):
    """Swapped in the store: each opens with its own cookie only."""
    first, second = Browser(cold), Browser(cold)
    first.login()
    key = session_key(valkey)
    own = value_of(valkey, key)
    valkey.command("DEL", key)
    second.login()
    other = session_key(valkey)
    theirs = value_of(valkey, other)
    upstream.requests.clear()
    valkey.command("SET", key, theirs, "EX", "600")
    valkey.command("SET", other, own, "EX", "600")
    assert first.get("/dashboard").status == 302
    assert second.get("/dashboard").status == 302
    assert upstream.requests == []


@pytest.mark.parametrize("words", [
    ("RPUSH", b"a"), ("HSET", b"a", b"b"), ("SADD", b"a"), ("SET", b"7"),
    ("SETBIT", b"80000000", b"1"),
], ids=["list", "hash", "set", "number", "10mb"])
def test_t42_a_value_of_another_kind(cold, valkey, upstream, visitor, words):
    key = session_key(valkey)
    valkey.command("DEL", key)
    valkey.command(words[0], key, *words[1:])
    upstream.requests.clear()
    memory = worker_memory(cold)
    reply = visitor.get("/dashboard")
    assert reply.status in (302, 503)
    assert upstream.requests == []
    assert worker_memory(cold) - memory < 48 << 20

    def comes_in():
        """The connection may be made anew first."""
        visitor.cookies.clear()
        target = visitor.authorize(visitor.to_provider())
        return visitor.get(target).status == 302

    wait_until(comes_in)
    assert visitor.get("/dashboard").status == 200
