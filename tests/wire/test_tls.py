# SPDX-License-Identifier: Apache-2.0
"""TLS on both ports: who is served, with which protocol, how certificates
change under open connections, and peers that behave badly."""
import hashlib
import http.client
import json
import os
import random
import signal
import socket
import ssl
import threading
import time

import pytest

from azimuthd import Engine
from certificates import PEM, Authority
from frames import Peer

import grpc  # noqa: E402, of the client that frames found
from qdrant_client import QdrantClient, models  # noqa: E402

SECONDS = 30


class TlsEngine(Engine):
    """Speaks HTTPS; `context` says how."""

    context = None

    def connect(self, seconds=SECONDS):
        return http.client.HTTPSConnection("127.0.0.1", self.port,
                                           timeout=seconds,
                                           context=self.context)

    def tls(self, port, context=None):
        plain = socket.create_connection(("127.0.0.1", port), SECONDS)
        return (context or self.context).wrap_socket(
            plain, server_hostname="localhost")


class World:
    def __init__(self, folder, **more):
        self.folder = folder
        self.authority = Authority("authority")
        self.ca = self.authority.write(folder / "ca.pem")
        self.cert, self.key = self.authority.issue(folder / "tls", "one")
        self.engine = TlsEngine(folder / "engine", more_config=self.config(
            **more))
        self.engine.context = self.trusting()

    def config(self, **more):
        service = "".join(f"  {k}: {v}\n" for k, v in more.items())
        return f"""\
  enable_tls: true
{service}tls:
  cert: {self.cert}
  key: {self.key}
  ca_cert: {self.ca}
"""

    def trusting(self, **alpn):
        context = ssl.create_default_context(cafile=str(self.ca))
        if alpn:
            context.set_alpn_protocols(alpn["alpn"])
        return context


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("tls"))
    world.engine.start()
    yield world
    assert world.engine.stop() == 0, world.engine.log()


def grpc_channel(world, certificate=None):
    root = world.ca.read_bytes()
    pair = [p.read_bytes() for p in certificate] if certificate else [None] * 2
    return grpc.secure_channel(
        f"localhost:{world.engine.grpc_port}",
        grpc.ssl_channel_credentials(root, pair[1], pair[0]))


def health(channel):
    call = channel.unary_unary("/grpc.health.v1.Health/Check",
                               lambda x: x, lambda x: x)
    return call(b"", timeout=SECONDS)


# ---- what is spoken ---------------------------------------------------------

@pytest.mark.parametrize("is_grpc", [False, True])
def test_the_published_client(world, is_grpc, monkeypatch):
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(world.ca))
    client = QdrantClient(host="localhost", port=world.engine.port,
                          grpc_port=world.engine.grpc_port, https=True,
                          prefer_grpc=is_grpc, verify=str(world.ca))
    name = f"client-{is_grpc}"
    client.create_collection(name, vectors_config=models.VectorParams(
        size=64, distance=models.Distance.DOT))
    for first in range(0, 4000, 1000):  # many records of TLS each
        client.upsert(name, [models.PointStruct(
            id=i, vector=[float(i)] * 64, payload={"text": "x" * 500})
            for i in range(first, first + 1000)])
    points, _ = client.scroll(name, limit=4000, with_vectors=True)
    assert [p.id for p in points] == list(range(4000))
    assert client.query_points(name, query=[1.0] * 64,
                               limit=1).points[0].id == 3999
    client.close()


def test_alpn(world):
    for port, offered, chosen in (
            (world.engine.port, ["h2", "http/1.1"], "http/1.1"),
            (world.engine.port, None, None),
            (world.engine.grpc_port, ["h2"], "h2"),
            (world.engine.grpc_port, ["http/1.1", "h2"], "h2")):
        context = world.trusting(alpn=offered) if offered else None
        with world.engine.tls(port, context) as peer:
            assert peer.selected_alpn_protocol() == chosen
    for port, offered in ((world.engine.grpc_port, ["http/1.1"]),
                          (world.engine.port, ["h2"])):
        with pytest.raises(ssl.SSLError):
            world.engine.tls(port, world.trusting(alpn=offered))


@pytest.mark.parametrize("version,is_served", [
    (ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True),
    (ssl.TLSVersion.TLSv1_3, True)])
def test_versions(world, version, is_served):
    context = world.trusting()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    if not is_served:
        with pytest.raises(ssl.SSLError):
            world.engine.tls(world.engine.port, context)
        return
    with world.engine.tls(world.engine.port, context) as peer:
        assert "GCM" in peer.cipher()[0] or "CHACHA20" in peer.cipher()[0]


def test_plain_text_is_not_served(world):
    for port in (world.engine.port, world.engine.grpc_port):
        with socket.create_connection(("127.0.0.1", port), SECONDS) as plain:
            plain.sendall(b"GET /collections HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = plain.recv(1000)
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert answer.endswith(b"use https, or grpcs\n")
            length = int(answer.split(b"Content-Length: ")[1].split()[0])
            assert len(answer.split(b"\r\n\r\n")[1]) == length
    with Peer(world.engine.grpc_port) as peer:
        peer.read_to_the_end()
        assert peer.calls == {}
    assert world.engine.call("GET", "/readyz").status == 200


def test_a_body_in_small_pieces_and_a_half_closed_request(world):
    body = json.dumps({"vectors": {"size": 4, "distance": "Dot"}}).encode()
    head = (b"PUT /collections/pieces HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body))
    with world.engine.tls(world.engine.port) as peer:
        for byte in head + body:
            peer.sendall(bytes([byte]))
        assert peer.recv(1000).startswith(b"HTTP/1.1 200")
    with world.engine.tls(world.engine.port) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        text = b""
        while chunk := peer.recv(1000):
            text += chunk
        assert b"qdrant - vector search engine" in text
        # The end came with a goodbye, not by a cut.
        peer.unwrap()


def test_a_big_file_that_is_read_slowly(world):
    """A snapshot of some MB: more than every buffer on the way holds."""
    engine = world.engine
    engine.create("big")
    engine.upsert("big", [{"id": i, "vector": [i, 1, 2, 3],
                           "payload": {"text": random.randbytes(2000).hex()}}
                          for i in range(3000)])
    made = engine.call("POST", "/collections/big/snapshots?wait=true").result
    kept = engine.connect()
    kept.request("GET", f"/collections/big/snapshots/{made['name']}")
    reply = kept.getresponse()
    assert reply.status == 200
    digest, size = hashlib.sha256(), 0
    while chunk := reply.read(1 << 18):
        digest.update(chunk)
        size += len(chunk)
        time.sleep(0.02)
        if size < 1 << 20:  # others are served meanwhile
            assert engine.call("GET", "/readyz").status == 200
    assert size == made["size"] > 5 << 20
    assert digest.hexdigest() == made["checksum"]
    assert engine.call("GET", "/", connection=kept).status == 200
    kept.close()


# ---- clients with certificates ----------------------------------------------

def test_client_certificates(tmp_path):
    world = World(tmp_path, verify_https_client_certificate="true")
    own = world.authority.issue(tmp_path / "client", "client")
    foreign = Authority("other").issue(tmp_path / "foreign", "client")
    engine = world.engine
    engine.context.load_cert_chain(*own)
    engine.start()
    try:
        assert engine.call("GET", "/collections").status == 200
        assert health(grpc_channel(world, own)) == b"\x08\x01"
        for wrong in (None, foreign):
            context = world.trusting()
            if wrong:
                context.load_cert_chain(*wrong)
            # TLS 1.3 tells it with the first read.
            with pytest.raises((ssl.SSLError, ConnectionError)):
                with engine.tls(engine.port, context) as peer:
                    peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    if not peer.recv(100):
                        raise ConnectionError
            with pytest.raises(grpc.RpcError):
                health(grpc_channel(world, wrong))
    finally:
        assert engine.stop() == 0


# ---- new certificates -------------------------------------------------------

def subject(world):
    with world.engine.tls(world.engine.port) as peer:
        return peer.getpeercert()["subject"][0][0][1]


def wait_for(world, name):
    deadline = time.monotonic() + SECONDS
    while subject(world) != name:
        assert time.monotonic() < deadline, world.engine.log()
        time.sleep(0.1)


def test_new_certificates_while_connections_go_on(tmp_path):
    world = World(tmp_path)
    engine = world.engine.start()
    try:
        assert subject(world) == "one"
        kept = engine.connect()
        channel = grpc_channel(world)
        assert engine.call("GET", "/", connection=kept).status == 200
        assert health(channel) == b"\x08\x01"
        # Put in place: seen without being told.
        world.authority.issue(tmp_path / "tls", "two")
        wait_for(world, "two")
        # A key that does not fit: the old pair stays, and the log says why.
        good = world.cert.read_bytes()
        world.cert.write_bytes(
            Authority("x").certificate.public_bytes(
                PEM))
        engine.signal(signal.SIGHUP)
        deadline = time.monotonic() + SECONDS
        while "goes on with the certificate it has" not in engine.log():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert subject(world) == "two"
        world.cert.write_bytes(good)
        engine.signal(signal.SIGHUP)
        time.sleep(1.5)
        assert subject(world) == "two"
        # The connections from before are the same ones.
        assert engine.call("GET", "/", connection=kept).status == 200
        assert health(channel) == b"\x08\x01"
        kept.close()
        channel.close()
    finally:
        assert engine.stop() == 0


def test_bad_files_are_refused_by_name(tmp_path):
    def why(change):
        world = World(tmp_path / change.__name__)
        change(world)
        with pytest.raises(RuntimeError) as error:
            world.engine.start()
        assert world.engine.process.wait(SECONDS) == 2
        return str(error.value)

    def no_cert(world):
        world.cert.unlink()

    def open_key(world):
        world.key.chmod(0o644)

    def other_key(world):
        Authority("y").issue(world.key.parent, "other")
        world.authority.issue(world.key.parent / "more", "x")
        world.cert.write_bytes(
            (world.key.parent / "more" / "cert.pem").read_bytes())

    def text_as_key(world):
        world.key.write_text("no key\n")

    for change, texts in ((no_cert, ("tls.cert", "No such file")),
                          (open_key, ("tls.key", "chmod 600")),
                          (other_key, ("tls.key",)),
                          (text_as_key, ("tls.key",))):
        (tmp_path / change.__name__).mkdir()
        said = why(change)
        assert all(text in said for text in texts), said
        assert "PRIVATE KEY" not in said


# ---- peers that behave badly ------------------------------------------------

def connections(engine):
    text = engine.call("GET", "/metrics").text
    return int([line for line in text.splitlines()
                if line.startswith("http_connections_open ")][0].split()[1])


def wait_until(holds):
    """Connections are counted when a thread has them, a moment later."""
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_lingers_counts(tmp_path):
    """Clients that do not read an answer: whoever served them is done, but
    their sockets are there, and count towards service.max_connections."""
    world = World(tmp_path, max_connections=4)
    engine = world.engine.start()
    try:
        engine.create("texts")
        engine.upsert("texts", [{"id": 1, "vector": [1, 2, 3, 4],
                                 "payload": {"text": "x" * 250_000}}])
        kept = []
        for _ in range(3):
            plain = socket.socket()
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plain.settimeout(SECONDS)
            plain.connect(("127.0.0.1", engine.port))
            peer = engine.context.wrap_socket(plain,
                                              server_hostname="localhost")
            peer.sendall(b"GET /collections/texts/points/1 HTTP/1.1\r\n"
                         b"Host: x\r\nConnection: close\r\n\r\n")
            assert peer.recv(1) == b"H"
            kept.append(peer)
        assert connections(engine) == 4  # this one, too
        fourth = engine.tls(engine.port)
        for _ in range(20):  # for as long as a sweep takes, and longer
            with pytest.raises(OSError):
                engine.tls(engine.port)
            time.sleep(0.1)
        for peer in kept:
            peer.close()
        fourth.close()
        wait_until(lambda: is_served(engine))
        wait_until(lambda: connections(engine) == 1)
    finally:
        assert engine.stop() == 0, engine.log()


def is_served(engine):
    try:
        return engine.call("GET", "/readyz").status == 200
    except OSError:
        return False


def test_a_file_that_hangs_holds_up_nobody(tmp_path):
    """The certificate becomes a pipe that nobody writes to: only who reads it
    waits."""
    world = World(tmp_path)
    engine = world.engine.start()
    try:
        good = world.cert.read_bytes()
        pipe = world.cert.with_name("pipe")
        os.mkfifo(pipe)
        pipe.rename(world.cert)
        writer = []

        def is_read():
            try:
                writer.append(os.open(world.cert, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:  # ENXIO: nobody reads
                return False
            return True
        wait_until(is_read)
        for _ in range(3):
            assert engine.call("GET", "/readyz").status == 200
            assert health(grpc_channel(world))
        fresh = world.cert.with_name("fresh")
        fresh.write_bytes(good)
        fresh.rename(world.cert)
        os.close(writer[0])
        wait_until(lambda: "TLS goes on with the certificate it has" in
                   engine.log())
    finally:
        assert engine.stop() == 0, engine.log()


def test_handshakes_that_never_end_are_cut(tmp_path):
    world = World(tmp_path)
    engine = world.engine.start()
    try:
        before = connections(engine)
        idle = [socket.create_connection(("127.0.0.1", port), SECONDS)
                for port in (engine.port, engine.grpc_port) * 20]
        for one in idle[::2]:
            one.sendall(b"\x16\x03\x01")
        wait_until(lambda: connections(engine) >= before + 40)
        for one in idle:
            assert one.recv(10) == b""  # within 10 s and a sweep
        wait_until(lambda: connections(engine) <= before + 1)
    finally:
        assert engine.stop() == 0


def test_resets_and_rubbish(world):
    good = threading.Event()

    def rubbish():
        for i in range(60):
            port = (world.engine.port, world.engine.grpc_port)[i % 2]
            with world.engine.tls(port) as peer:
                peer.sendall(b"GET /collections HTTP/1.1\r\nHo")
                raw = socket.socket(fileno=peer.detach())
                if i % 3 == 0:
                    raw.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
                elif i % 3 == 1:
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   b"\x01\0\0\0\0\0\0\0")
                raw.close()
        good.set()

    thread = threading.Thread(target=rubbish)
    thread.start()
    while thread.is_alive():
        assert world.engine.call("GET", "/collections").status == 200
    thread.join()
    assert good.is_set()


def test_an_answer_is_not_lost_to_who_still_sends(world):
    """It is refused by its head; the body is under way all the same."""
    for _ in range(20):
        peer = world.engine.tls(world.engine.port)
        peer.sendall(b"PUT /collections/x/points HTTP/1.1\r\nHost: x\r\n"
                     b"Content-Length: 99999999999\r\n\r\n")
        try:
            for _ in range(40):
                peer.sendall(bytes(16384))
        except OSError:
            pass
        got = b""
        while b"\r\n\r\n" not in got:
            more = peer.recv(65536)
            assert more, "no answer"
            got += more
        assert got.startswith(b"HTTP/1.1 4"), got
        peer.close()


def test_a_drain_answers_what_runs(tmp_path):
    world = World(tmp_path)
    engine = world.engine.start()
    kept = engine.connect()
    assert engine.call("GET", "/", connection=kept).status == 200
    body = json.dumps({"vectors": {"size": 4, "distance": "Dot"}}).encode()
    peer = engine.tls(engine.port)
    peer.sendall(b"PUT /collections/last HTTP/1.1\r\nHost: x\r\n"
                 b"Content-Length: %d\r\n\r\n" % len(body))
    time.sleep(0.2)
    engine.signal(signal.SIGTERM)
    time.sleep(0.2)
    peer.sendall(body)
    assert peer.recv(1000).startswith(b"HTTP/1.1 200")
    peer.close()
    kept.close()
    assert engine.wait() == 0
