# SPDX-License-Identifier: Apache-2.0
"""gRPC below the client library: framing, compression, limits one past each,
floods, flow control, keys and the drain."""
import gzip
import http.client
import re
import signal
import socket
import struct
import time

import pytest

from frames import Peer, field, framed, varint

HEALTH = "/qdrant.Qdrant/HealthCheck"
COUNT = "/qdrant.Points/Count"
CALM = 11  # ENHANCE_YOUR_CALM
INVALID, EXHAUSTED, UNIMPLEMENTED = 3, 8, 12


def frame(kind, flags, stream, payload=b""):
    return (struct.pack(">I", len(payload))[1:] +
            struct.pack(">BBI", kind, flags, stream) + payload)


@pytest.fixture
def peer(engine):
    with Peer(engine.grpc_port) as peer:
        yield peer


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """An engine with small limits."""
    from azimuthd import Engine
    engine = Engine(tmp_path_factory.mktemp("small"),
                    more_config="  max_request_size_mb: 1\n"
                                "  idle_timeout_sec: 2\n").start()
    yield engine
    assert engine.stop() == 0


# ---- answers ----

def test_health(peer):
    call = peer.call(HEALTH)
    assert call.headers[":status"] == "200"
    assert call.headers["content-type"] == "application/grpc"
    assert b"qdrant - vector search engine" in call.message


def test_standard_health(peer):
    assert peer.call("/grpc.health.v1.Health/Check").message == b"\x08\x01"


def test_calls_share_a_connection(peer):
    ids = [peer.begin(HEALTH) for _ in range(50)]
    for id in reversed(ids):
        peer.send(id, framed(b""))
    assert all(peer.wait(id).status == 0 for id in ids)


def test_an_unknown_method_is_named(peer):
    call = peer.call("/qdrant.Points/Guess")
    assert call.status == UNIMPLEMENTED
    assert "/qdrant.Points/Guess" in call.text


def test_error_texts_are_percent_encoded(peer):
    call = peer.call(COUNT, field(1, "50% \u00e4"))
    assert call.status == 5
    assert "`50%25 %C3%A4`" in call.text


@pytest.mark.parametrize("pseudo, status", [
    ({"method": "GET"}, "405"), ({"type": "application/json"}, "415")])
def test_what_is_no_grpc_gets_a_status(peer, pseudo, status):
    id = peer.begin(HEALTH, **pseudo)
    peer.send(id, b"")
    assert peer.wait(id).headers[":status"] == status
    assert peer.is_well()


# ---- framing ----

@pytest.mark.parametrize("data", [
    b"", b"\x00\x00", framed(b"abc")[:-1], framed(b"") + framed(b""),
    framed(b"", flag=2), framed(b"") + b"\x00",
], ids=["nothing", "cut prefix", "cut message", "two", "bad flag", "more"])
def test_bad_framing_is_refused(peer, data):
    id = peer.begin(HEALTH)
    peer.send(id, data)
    assert peer.wait(id).status == INVALID
    assert peer.is_well()


def test_a_message_in_single_bytes(peer):
    id = peer.begin(COUNT)
    for byte in framed(field(1, "nowhere")):
        peer.send(id, bytes([byte]), ends=False)
    peer.send(id, b"")
    assert peer.wait(id).status == 5


@pytest.mark.parametrize("message", [
    b"\x0a", b"\x0a\xff\xff\xff\xff\x0f", b"\xff" * 11, b"\x0b", b"\x07",
    field(2, b"\x0a"), field(2, field(2, b"\xff")), field(1, b"\xff\xfe"),
    field(3, "text"),
], ids=["cut", "too long", "no varint", "group", "type 7", "cut filter",
        "cut inside", "no UTF-8", "another type"])
def test_bad_messages_are_refused(peer, engine, name, message):
    engine.create(name, 4)
    call = peer.call(COUNT, field(1, name) + message)
    assert call.status in (INVALID, 5)
    assert call.text
    assert peer.is_well()


def test_unknown_fields_are_skipped(peer, engine, name):
    engine.create(name, 4)
    call = peer.call(COUNT, field(1, name) + field(900, "later") +
                     field(901, 7))
    assert call.status == 0


def test_deep_filters_are_refused(peer, engine, name):
    engine.create(name, 4)
    for levels in (70, 200, 20000):
        filter = b""
        for _ in range(levels):
            filter = field(2, field(4, filter))
        call = peer.call(COUNT, field(1, name) + field(2, filter))
        assert call.status == INVALID
        assert "nested" in call.text
    assert peer.is_well()


# ---- compression ----

def test_gzip_both_ways(peer):
    call = peer.call(HEALTH, gzip.compress(b""),
                     [("grpc-encoding", "gzip")], flag=1)
    assert call.headers["grpc-encoding"] == "gzip"
    assert call.data[0] == 1
    assert b"qdrant" in gzip.decompress(call.message)


@pytest.mark.parametrize("data, encoding, status", [
    (gzip.compress(b""), "br", UNIMPLEMENTED), (b"no gzip", "gzip", INVALID),
    (gzip.compress(b"x" * 100)[:-5], "gzip", INVALID),
    (gzip.compress(b"") + b"more", "gzip", INVALID)])
def test_bad_compression(peer, data, encoding, status):
    call = peer.call(HEALTH, data, [("grpc-encoding", encoding)], flag=1)
    assert call.status == status
    assert peer.is_well()


def test_a_gzip_bomb_is_refused(small):
    with Peer(small.grpc_port) as peer:
        call = peer.call(HEALTH, gzip.compress(b"\0" * (1 << 20) + b"\0"),
                         [("grpc-encoding", "gzip")], flag=1)
        assert call.status == EXHAUSTED
        assert peer.is_well()


# ---- limits ----

def test_the_message_limit(small):
    with Peer(small.grpc_port) as peer:
        most = field(900, b"x" * ((1 << 20) - 5))
        assert len(most) == 1 << 20
        assert peer.call(COUNT, most).status == 5
        call = peer.call(COUNT, most + b"x")
        assert call.status == EXHAUSTED
        assert "1048577 bytes" in call.text
        assert "service.max_request_size_mb" in call.text
        assert peer.is_well()


def test_the_limit_of_metadata(peer):
    most = 32 << 10
    for more, status in ((-600, 0), (1, EXHAUSTED)):
        call = peer.call(HEALTH, headers=[
            ("x-a", "y" * (most // 2)), ("x-b", "y" * (most // 2 + more))])
        assert call.status == status
    assert peer.is_well()


def test_the_limit_of_streams(peer):
    ids = [peer.begin(HEALTH) for _ in range(256)]
    id = peer.h2.get_next_available_stream_id()
    from hpack import Encoder
    block = Encoder().encode([
        (":method", "POST"), (":scheme", "http"), (":path", HEALTH),
        (":authority", "x"), ("content-type", "application/grpc")])
    peer.raw(frame(1, 4, id, block))
    for one in ids:
        peer.send(one, framed(b""))
    assert all(peer.wait(one).status == 0 for one in ids)


def test_idle_connections_end(small):
    with Peer(small.grpc_port) as peer:
        assert peer.is_well()
        begin = time.monotonic()
        peer.read_to_the_end()
        assert peer.goaway.error_code == 0
        assert time.monotonic() - begin > 1


REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


def test_the_limit_of_a_streams_messages(peer):
    for size, status in ((4092, 0), (4093, EXHAUSTED), (100000, EXHAUSTED)):
        id = peer.begin(REFLECTION)
        peer.send(id, framed(field(900, b"x" * size)))
        assert peer.wait(id).status == status
    assert peer.is_well()


def test_a_streams_message_counts_from_its_arrival(engine, peer):
    id = peer.begin(REFLECTION)
    peer.send(id, framed(field(4, "qdrant.Points")))
    assert peer.wait(id).status == 0
    metrics = engine.call("GET", "/metrics").text
    sums = re.findall(r"^rest_\w+_sum\{[^}]*\} (\S+)$", metrics, re.M)
    assert sums and all(float(one) < 600 for one in sums)


def test_answers_of_a_stream_that_nobody_reads(engine):
    with Peer(engine.grpc_port, updates_windows=False) as deaf:
        id = deaf.begin(REFLECTION)
        ask = framed(field(4, "qdrant.Points"))
        for _ in range(200):
            deaf.send(id, ask, ends=False)
        assert deaf.wait(id).reset is not None
    with Peer(engine.grpc_port) as other:
        assert other.is_well()


# ---- floods ----

def flood(engine, data, turns=40):
    with Peer(engine.grpc_port) as peer:
        assert peer.is_well()
        for _ in range(turns):
            peer.raw(data)
            if peer.is_closed:
                break
        peer.read_to_the_end()
        goaway = peer.goaway
    with Peer(engine.grpc_port) as other:
        assert other.is_well()
    return goaway


@pytest.mark.parametrize("one", [
    frame(6, 0, 0, b"12345678"), frame(4, 0, 0),
    frame(2, 0, 5, b"\0\0\0\0\x10"),
], ids=["PING", "SETTINGS", "PRIORITY"])
def test_floods_of_control_frames(engine, one):
    goaway = flood(engine, one * 100)
    assert goaway is None or goaway.error_code == CALM


def test_a_flood_of_resets(engine):
    from hpack import Encoder
    with Peer(engine.grpc_port) as peer:
        assert peer.is_well()
        encoder = Encoder()
        block = encoder.encode([
            (":method", "POST"), (":scheme", "http"), (":path", HEALTH),
            (":authority", "x"), ("content-type", "application/grpc")])
        for i in range(1, 3000):
            id = 2 * i + 1
            peer.raw(frame(1, 4, id, block) +
                     frame(3, 0, id, b"\0\0\0\x08"))
            if peer.is_closed:
                break
        peer.h2.DEFAULT_MAX_INBOUND_FRAME_SIZE = 1 << 20
        peer.read_to_the_end()
        assert peer.is_closed
    with Peer(engine.grpc_port) as other:
        assert other.is_well()


def test_a_flood_of_empty_data(engine):
    with Peer(engine.grpc_port) as peer:
        id = peer.begin(HEALTH)
        peer.raw(frame(0, 0, id) * 3000)
        peer.read_to_the_end()
        assert peer.goaway is None or peer.goaway.error_code == CALM
    with Peer(engine.grpc_port) as other:
        assert other.is_well()


def test_a_flood_of_continuations(engine):
    with Peer(engine.grpc_port) as peer:
        assert peer.is_well()
        peer.raw(frame(1, 0, 3, b"\x82") + frame(9, 0, 3, b"\x84") * 5000)
        peer.read_to_the_end()
        assert peer.is_closed
    with Peer(engine.grpc_port) as other:
        assert other.is_well()


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 100, b"PRI * HTTP/2.0",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], ids=[
        "HTTP/1.1", "zeros", "half a preface", "TLS"])
def test_what_is_no_http2_is_closed(engine, data):
    with socket.create_connection(("127.0.0.1", engine.grpc_port)) as raw:
        raw.sendall(data)
        raw.shutdown(socket.SHUT_WR)
        raw.settimeout(20)
        while raw.recv(1000):
            pass
    with Peer(engine.grpc_port) as other:
        assert other.is_well()


# ---- flow control ----

def test_a_peer_that_does_not_read_holds_up_nobody(engine, name):
    engine.create(name, 1000)
    for at in range(0, 600, 200):
        engine.call("PUT", f"/collections/{name}/points?wait=true", {
            "points": [{"id": i, "vector": [i] * 1000}
                       for i in range(at, at + 200)]})
    scroll = (field(1, name) + field(4, 1000) +
              field(7, varint(1 << 3) + b"\x01"))
    with Peer(engine.grpc_port, updates_windows=False) as slow:
        id = slow.begin("/qdrant.Points/Scroll")
        slow.send(id, framed(scroll))
        while len(slow.calls[id].data) < 65535:
            assert slow.receive()
        with Peer(engine.grpc_port) as other:
            assert other.is_well()
            whole = other.call("/qdrant.Points/Scroll", scroll)
            assert len(whole.message) > 600 * 4000
        assert not slow.calls[id].is_over
        slow.updates_windows = True
        slow.h2.increment_flow_control_window(1 << 22)
        slow.h2.increment_flow_control_window(1 << 22, id)
        slow.flush()
        assert len(slow.wait(id).message) == len(whole.message)


def test_a_call_that_is_given_up(engine, name):
    engine.create(name, 4)
    with Peer(engine.grpc_port) as peer:
        for _ in range(20):
            id = peer.begin(COUNT)
            peer.send(id, framed(field(1, name) + field(2, b"")))
            peer.h2.reset_stream(id, 8)
            peer.flush()
        assert peer.is_well()


# ---- keys and the end ----

def test_keys(engine_factory):
    engine = engine_factory(more_config="  api_key: full\n"
                                        "  read_only_api_key: reader\n")
    engine.start()
    with Peer(engine.grpc_port) as peer:
        exists = "/qdrant.Collections/CollectionExists"
        create = "/qdrant.Collections/Create"
        assert peer.is_well()
        assert peer.call("/grpc.health.v1.Health/Check").status == 0
        assert peer.call(exists, field(1, "a")).status == 16
        assert peer.call(exists, field(1, "a"),
                         [("api-key", "wrong")]).status == 16
        for header in (("api-key", "full"), ("api-key", "reader"),
                       ("authorization", "Bearer reader")):
            assert peer.call(exists, field(1, "a"), [header]).status == 0
        assert peer.call(create, field(1, "a"),
                         [("api-key", "reader")]).status == 7
        assert peer.call(create, field(1, "a"),
                         [("api-key", "full")]).status == 0


def test_the_drain_says_goodbye(engine_factory):
    engine = engine_factory()
    engine.start()
    with Peer(engine.grpc_port) as peer:
        assert peer.is_well()
        engine.signal(signal.SIGTERM)
        peer.read_to_the_end()
        assert peer.goaway is not None and peer.goaway.error_code == 0
    assert engine.wait() == 0


def test_a_taken_port_is_named(engine, engine_factory):
    other = engine_factory()
    other.grpc_port = engine.grpc_port
    with pytest.raises(RuntimeError) as refused:
        other.start()
    assert "service.grpc_port" in str(refused.value)
    connection = http.client.HTTPConnection("127.0.0.1", engine.port)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
