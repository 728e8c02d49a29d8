# SPDX-License-Identifier: Apache-2.0
"""TLS towards the provider, HTTP/2 from clients, gRPC to the engine."""

import subprocess
import urllib.parse

import pytest

from .authority import Authority
from .gateway import API, COOKIE, DASHBOARD, Browser, Gateway, free_port
from .provider import Provider

HOST = "idp.example.test"


class TlsGateway(Gateway):
    """Finds the provider at its public name, but connects to loopback."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.settings["provider"] = ""

    def configuration(self):
        text = super().configuration()
        return text.replace("allow_http_loopback on;", "")


@pytest.fixture
def authority(directory):
    return Authority(directory)


@pytest.fixture
def secure(directory, valkey, upstream, authority):
    """Makes a gateway and a TLS provider: (certificate's host, days) -> both."""
    made = []

    def make(host=HOST, days=2, trusted=True):
        port = free_port()
        provider = Provider(
            port, f"https://{HOST}/realms/azimuth",
            authority.context(host, days),
        )
        path = "/realms/azimuth"
        provider.script = {
            path + "/.well-known/openid-configuration": provider.discovery,
            path + "/token": provider.token,
            path + "/jwks": provider.jwks,
            path + "/authorize": provider.authorize,
        }
        provider.start()
        gateway = TlsGateway(directory, provider, valkey, upstream)
        gateway.settings["provider"] = f"connect_to 127.0.0.1:{port};" + (
            f"trusted_certificate {authority.file};" if trusted else ""
        )
        made.extend((gateway, provider))
        gateway.start()
        return gateway, provider

    yield make
    for one in made:
        one.stop()


def authorize(provider, location):
    """The provider's answer, without its network."""
    query = dict(
        urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query)
    )
    return "/oauth2/callback?" + urllib.parse.urlencode(
        {"code": provider.new_code(query), "state": query["state"],
         "iss": provider.issuer}
    )


def test_a_login_over_tls_with_an_own_authority(secure):
    gateway, provider = secure()
    browser = Browser(gateway)
    location = browser.get("/oauth2/start?rd=/dashboard").get("location")
    assert location.startswith(f"https://{HOST}/realms/azimuth/authorize?")
    assert browser.get(authorize(provider, location)).status == 302
    assert browser.get("/dashboard").status == 200


def test_the_authority_may_be_unreadable_for_workers(secure, authority):
    """It is read by the master, like the keys."""
    gateway, provider = secure()
    authority.file.unlink()
    browser = Browser(gateway)
    assert browser.get("/oauth2/start").status == 302


@pytest.mark.parametrize(
    "options",
    [{"host": "other.example.test"}, {"days": -1}, {"trusted": False}],
    ids=["name", "expired", "unknown"],
)
def test_a_bad_certificate_is_refused(secure, options):
    gateway, provider = secure(**options)
    reply = Browser(gateway).get("/oauth2/start")
    assert reply.status == 503
    assert "certificate" in reply.text().lower() + gateway.log().lower()
    assert provider.calls == []


class Http2Gateway(Gateway):
    """Adds HTTP/2: with TLS in front, in clear behind."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.certificate, self.key = Authority(self.directory).server(DASHBOARD)
        self.h2_port = free_port()
        self.grpc_port = free_port()

    def configuration(self):
        text = super().configuration()
        text = text.replace(
            f"listen 127.0.0.1:{self.port}",
            f"listen 127.0.0.1:{self.h2_port} ssl http2;"
            f" ssl_certificate {self.certificate};"
            f" ssl_certificate_key {self.key};"
            f" listen 127.0.0.1:{self.port}",
        )
        text = text.replace(
            "location = /checked {",
            f"location /qdrant.Points/ {{"
            f" grpc_pass grpc://127.0.0.1:{self.grpc_port}; }}"
            " location = /checked {",
        )
        grpc = f"""
    server {{
        listen 127.0.0.1:{self.grpc_port} http2;
        location / {{
            add_header X-Seen "[$http_x_auth_request_user]" always;
            add_header X-Content "$http_content_type" always;
            default_type application/grpc;
            return 200 "";
        }}
    }}
"""
        return text.rstrip()[:-1] + grpc + "}\n"


@pytest.fixture
def http2(directory, provider, valkey, upstream):
    g = Http2Gateway(directory, provider, valkey, upstream)
    g.settings["zone"] = "azimuth_session_zone off;"
    g.start()
    yield g
    g.stop()


def curl_command(gateway, host, *arguments):
    return ["curl", "-sS", "-k", "--http2", "-H", f"Host: {host}", *arguments]


def curl(gateway, host, target, *arguments):
    done = subprocess.run(
        curl_command(
            gateway, host, "-i", "--max-time", "10", *arguments,
            f"https://127.0.0.1:{gateway.h2_port}{target}",
        ),
        capture_output=True, text=True,
    )
    return done.stdout


def test_http2_clients_are_judged_alike(http2):
    assert curl(http2, DASHBOARD, "/").startswith("HTTP/2 301")
    assert curl(
        http2, DASHBOARD, "/dashboard", "-H", "Accept: text/html"
    ).startswith("HTTP/2 302")
    assert curl(http2, DASHBOARD, "/dashboard").startswith("HTTP/2 401")
    browser = Browser(http2)
    browser.login()
    cookie = f"Cookie: a=1; {COOKIE}={browser.cookies[COOKIE]}; b=2"
    for _ in range(2):
        answer = curl(
            http2, DASHBOARD, "/dashboard", "-H", cookie, "-H",
            "X-Auth-Request-User: admin",
        )
        assert answer.startswith("HTTP/2 200"), answer
        assert '["cookie", "a=1; b=2"]' in answer
        assert '["x-auth-request-user", "user-0001"]' in answer
        assert "admin" not in answer


def test_many_http2_streams_wait_at_once(http2):
    browser = Browser(http2)
    browser.login()
    http2.valkey.command("CLIENT", "PAUSE", "300", "ALL")
    done = subprocess.run(
        curl_command(
            http2, DASHBOARD, "-o", "/dev/null", "-w", "%{http_code}\n",
            "--parallel", "--max-time", "10",
            "-H", f"Cookie: {COOKIE}={browser.cookies[COOKIE]}",
            f"https://127.0.0.1:{http2.h2_port}/x/[1-40]",
        ),
        capture_output=True, text=True,
    )
    assert done.stdout.split() == ["200"] * 40, done.stderr


def test_http2_clients_that_leave_do_no_harm(http2):
    browser = Browser(http2)
    browser.login()
    workers = http2.workers()
    cookie = f"Cookie: {COOKIE}={browser.cookies[COOKIE]}"
    for _ in range(10):
        http2.valkey.command("CLIENT", "PAUSE", "200", "ALL")
        subprocess.run(
            curl_command(
                http2, DASHBOARD, "--parallel", "--max-time", "0.1",
                "-H", cookie,
                f"https://127.0.0.1:{http2.h2_port}/oauth2/auth?[1-9]",
                f"https://127.0.0.1:{http2.h2_port}/x/[1-9]",
            ),
            capture_output=True,
        )
    http2.valkey.command("CLIENT", "UNPAUSE")
    assert browser.get("/dashboard").status == 200
    assert http2.workers() == workers
    assert "client canceled stream" in http2.log() or (
        "closed connection" in http2.log()
    )


def test_grpc_passes_the_api_host_without_forged_identity(http2):
    answer = curl(
        http2, API, "/qdrant.Points/Search", "-X", "POST", "-H",
        "Content-Type: application/grpc", "-H", "TE: trailers", "-H",
        "X-Auth-Request-User: admin", "--data-binary", "x",
    )
    assert answer.startswith("HTTP/2 200"), answer
    assert "x-seen: []" in answer
    assert "x-content: application/grpc" in answer
