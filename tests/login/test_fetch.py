# SPDX-License-Identifier: Apache-2.0
"""Calls to the provider: through a proxy, within limits, and past a resolver
that hangs."""

import os
import socket
import subprocess
import threading
import urllib.parse

import pytest

from .authority import Authority
from .gateway import API, COOKIE, Browser, Gateway, free_port
from .provider import DISCOVERY, Provider

HOST = "idp.example.test"


class Proxy:
    """An HTTP proxy that takes everybody to one port of loopback."""

    def __init__(self, target, status=200):
        self.target = target
        self.status = status
        self.lines = []
        self.heads = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(
                target=self.handle, args=(client,), daemon=True
            ).start()

    def handle(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            more = client.recv(65536)
            if not more:
                return client.close()
            head += more
        line = head.split(b"\r\n")[0].decode()
        self.lines.append(line)
        self.heads.append(head.decode())
        peer = socket.create_connection(("127.0.0.1", self.target))
        if line.startswith("CONNECT "):
            client.sendall(b"HTTP/1.1 %d x\r\n\r\n" % self.status)
            if self.status != 200:
                peer.close()
                return client.close()
        else:
            peer.sendall(head)
        other = threading.Thread(
            target=self.copy, args=(peer, client), daemon=True
        )
        other.start()
        self.copy(client, peer)
        other.join()
        client.close()
        peer.close()

    @staticmethod
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def test_calls_go_through_the_proxy(stopped_gateway, provider):
    proxy = Proxy(provider.port)
    stopped_gateway.settings["provider"] = (
        f"proxy http://127.0.0.1:{proxy.port};"
    )
    browser = Browser(stopped_gateway.start())
    browser.login()
    assert browser.get("/dashboard").status == 200
    asked = [line.split()[1] for line in proxy.lines]
    assert f"{provider.issuer}/token" in asked
    assert f"{provider.issuer}{DISCOVERY}" in asked
    proxy.stop()


@pytest.fixture
def far(directory, valkey, upstream):
    """A gateway and a TLS provider that only the proxy can reach."""
    authority = Authority(directory)
    provider = Provider(free_port(), f"https://{HOST}", authority.context(HOST))
    provider.start()
    gateway = Gateway(directory, provider, valkey, upstream)
    gateway.settings["provider"] = f"trusted_certificate {authority.file};"
    yield gateway
    gateway.stop()
    provider.stop()


def test_tls_goes_through_the_proxy_unseen(far):
    proxy = Proxy(far.provider.port)
    far.settings["provider"] += f"proxy http://127.0.0.1:{proxy.port};"
    browser = Browser(far.start())
    location = browser.to_provider()
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
    reply = browser.get("/oauth2/callback?" + urllib.parse.urlencode(
        {"code": far.provider.new_code(query), "state": query["state"],
         "iss": far.provider.issuer}
    ))
    assert reply.status == 302, reply.text()
    assert browser.get("/dashboard").status == 200
    assert set(proxy.lines) == {f"CONNECT {HOST}:443 HTTP/1.1"}
    # the client's secret is for the provider alone
    assert far.provider.proofs == ["client_secret_basic"]
    assert not any("authorization" in head.lower() for head in proxy.heads)
    proxy.stop()


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_refuses_is_named(far, status):
    proxy = Proxy(far.provider.port, status)
    far.settings["provider"] += f"proxy http://127.0.0.1:{proxy.port};"
    reply = Browser(far.start()).get("/oauth2/start")
    assert reply.status == 503
    assert far.provider.calls == []
    assert str(status) in reply.text() + far.log()
    proxy.stop()


@pytest.mark.parametrize(
    "count,size", [(200, 10), (90, 600)], ids=["many", "long"]
)
def test_the_header_of_an_answer_has_limits(gateway, provider, count, size):
    """Also where the library itself would take more."""

    def answer(handler):
        body = b'{"issuer":"x"}'
        handler.send_response(200)
        for i in range(count):
            handler.send_header(f"X-{i}", "y" * size)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    provider.script[DISCOVERY] = answer
    reply = Browser(gateway).get("/oauth2/start")
    assert reply.status == 503
    assert "header is too large" in reply.text()


def test_a_connection_that_comes_to_nothing_ends_early(
    directory, valkey, upstream
):
    """A peer that takes the connection and never speaks TLS; the whole call
    would have a minute."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    provider = Provider(port, f"https://{HOST}")
    gateway = Gateway(directory, provider, valkey, upstream)
    gateway.settings["provider_timeout"] = "60s"
    gateway.settings["provider"] = (
        f"connect_timeout 300ms; connect_to 127.0.0.1:{port};"
    )
    gateway.start()
    try:
        reply = Browser(gateway).get("/oauth2/start", timeout=15)
        assert reply.status == 503
        # curl 7: "SSL connection timeout"; 8: "Connection timed out".
        assert "connection time" in reply.text().lower()
    finally:
        gateway.stop()
        listener.close()


SLOW_RESOLVER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int real_t(const char *, const char *, const struct addrinfo *,
                   struct addrinfo **);

int
getaddrinfo(const char *host, const char *service,
            const struct addrinfo *hints, struct addrinfo **result)
{
    if (host != NULL && strcmp(host, "slow.example.test") == 0)
        sleep(8);
    return ((real_t *)dlsym(RTLD_NEXT, "getaddrinfo"))(host, service, hints,
                                                       result);
}
"""


@pytest.mark.skipif(
    "AZIMUTH_WRAP" in os.environ, reason="another library is loaded first"
)
def test_a_resolver_that_hangs_blocks_nobody(
    directory, valkey, upstream, monkeypatch
):
    """The call ends by its own time, and neither its end nor the worker's
    waits for the resolver."""
    source = directory / "slow.c"
    source.write_text(SLOW_RESOLVER)
    library = directory / "slow.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True
    )
    provider = Provider(1, "https://slow.example.test")
    gateway = Gateway(directory, provider, valkey, upstream)
    gateway.settings["workers"] = 1
    monkeypatch.setenv("LD_PRELOAD", str(library))
    gateway.start()
    monkeypatch.delenv("LD_PRELOAD")
    replies = []
    thread = threading.Thread(
        target=lambda: replies.append(Browser(gateway).get("/oauth2/start"))
    )
    thread.start()
    api = Browser(gateway, API)
    answered = 0
    while thread.is_alive():
        # a blocked worker would answer when the resolver wakes up
        assert api.get("/collections", timeout=3).status == 200
        answered += 1
        thread.join(0.05)
    assert replies[0].status == 503
    assert COOKIE not in replies[0].all("set-cookie")
    assert answered > 3
    gateway.process.send_signal(15)
    gateway.process.wait(4)
    gateway.process = None
