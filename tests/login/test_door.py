# SPDX-License-Identifier: Apache-2.0
"""The door of the callbacks, and those who would keep it shut."""

import contextlib
import socket

import pytest

from .attacks import wire
from .gateway import API, DASHBOARD, Browser, free_port, wait_until
from .test_flood import INSIDE, Door, callbacks_of

STREAMS = 40
CALLBACK = f"/oauth2/callback?code=c&state={'s' * 22}"


@pytest.fixture
def alone(stopped_gateway):
    """One worker, which has patience with clients and none with providers."""
    stopped_gateway.settings.update(
        workers=1, provider_timeout="6s",
        dashboard="lingering_timeout 60s; lingering_time 60s; "
                  "send_timeout 60s; keepalive_timeout 60s;")
    return stopped_gateway


def stay(stack, port, data):
    s = stack.enter_context(wire.connected(port))
    s.sendall(data)
    return s


def test_who_has_an_answer_keeps_no_place_by_an_open_request(alone):
    """The body that was promised never comes."""
    gateway = alone.start()
    promise = wire.lines(f"GET {CALLBACK} HTTP/1.1", f"Host: {DASHBOARD}",
                         "Accept: text/html", "Content-Length: 100000")
    with contextlib.ExitStack() as stack:
        for _ in range(INSIDE):
            s = stay(stack, gateway.port, promise)
            assert wire.status_of(s.recv(1 << 16)) == 400
        Browser(gateway).login()


def requests_of_http2(count):
    block = b"".join(wire.literal(*row) for row in (
        (":method", "GET"), (":scheme", "http"), (":path", CALLBACK),
        (":authority", DASHBOARD), ("accept", "text/html")))
    return b"".join(wire.frame(wire.FRAME_HEADERS, 5, 2 * i + 1, block)
                    for i in range(count))


def closed_window(count):
    """Requests on one connection, which takes headers and no body."""
    settings = (4).to_bytes(2, "big") + (0).to_bytes(4, "big")
    return (wire.PREFACE + wire.frame(wire.FRAME_SETTINGS, 0, 0, settings)
            + requests_of_http2(count))


def heads(s, count):
    """Until as many answers have begun."""
    have = b""
    while count > 0:
        have += s.recv(1 << 16)
        while len(have) >= 9:
            size = 9 + int.from_bytes(have[:3], "big")
            if len(have) < size:
                break
            count -= have[3] == wire.FRAME_HEADERS
            have = have[size:]


def with_http2(gateway):
    port = free_port()
    gateway.settings["servers"] = f"""
        server {{
            listen 127.0.0.1:{port} http2;
            server_name {DASHBOARD};
            send_timeout 60s;
            location /oauth2/ {{ azimuth_endpoint main; }}
        }}
    """
    return port


def test_who_has_an_answer_keeps_no_place_by_a_closed_window(alone):
    """HTTP/2: the page stays in nginx for as long as the client likes."""
    port = with_http2(alone)
    gateway = alone.start()
    with contextlib.ExitStack() as stack:
        heads(stay(stack, port, closed_window(INSIDE)), INSIDE)
        Browser(gateway).login()


def test_who_leaves_at_the_door_leaves_nothing(alone, provider):
    """No code in the log, and no timer that holds up the worker's end."""
    gateway = alone
    gateway.settings["http"] = "log_format all '$request_uri $args $status';"
    gateway.settings["dashboard"] = f"access_log {gateway.access_log} all;"
    gateway.settings["provider_timeout"] = "60s"
    gateway.start()
    callbacks = callbacks_of(gateway, INSIDE + 2)
    with contextlib.ExitStack() as stack:
        door = Door(gateway, provider, stack)
        late = door.fill(callbacks)
        # They wait by now: a later question is answered.
        assert Browser(gateway, API).get("/collections").status == 200
        for s in late:
            s.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: gateway.access_log.read_text().count(" 499") == 2)
        door.gate.opened.set()
        for s in door.sockets[:INSIDE]:
            assert wire.status_of(s.recv(1 << 16)) == 302
    gateway.stop()
    assert "code=" not in gateway.access_log.read_text()


def test_streams_are_reset_at_the_door(alone, provider):
    """Some of a connection's, and a whole connection with all of them."""
    port = with_http2(alone)
    alone.settings["provider_timeout"] = "60s"
    gateway = alone.start()
    callbacks = callbacks_of(gateway, INSIDE)
    resets = b"".join(wire.frame(wire.FRAME_RESET, 0, 4 * i + 1, b"\0\0\0\x08")
                      for i in range(STREAMS // 2))
    settings = wire.frame(wire.FRAME_SETTINGS, 0, 0, b"")
    with contextlib.ExitStack() as stack:
        door = Door(gateway, provider, stack)
        door.fill(callbacks)
        lines = [stay(stack, port, wire.PREFACE + settings
                      + requests_of_http2(STREAMS)) for _ in range(2)]
        assert Browser(gateway, API).get("/collections").status == 200
        lines[0].sendall(resets)
        lines[1].close()
        assert Browser(gateway, API).get("/collections").status == 200
        door.gate.opened.set()
        heads(lines[0], STREAMS // 2)
        for s in door.sockets:
            assert wire.status_of(s.recv(1 << 16)) == 302
    Browser(gateway).login()
