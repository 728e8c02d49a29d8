# SPDX-License-Identifier: Apache-2.0
"""What an attack meets: one nginx, Valkey and provider for all of them."""

from ..authority import Authority
from ..gateway import (
    DASHBOARD, Browser, Gateway, Upstream, Valkey, free_port,
)
from ..provider import CLIENT_ID, Provider
from . import forge

OTHER = "other.example.test"


class Site:
    """Behind the login there are two open locations, /public/ and = /healthz.
    A second host, OTHER, sends its people to a second provider."""

    def __init__(self, directory):
        self.directory = directory
        self.upstream = Upstream()
        self.provider = Provider(free_port())
        self.other_provider = Provider(free_port())
        self.keys = {"enc": forge.new_rsa(), "twin": forge.new_rsa(),
                     "ec": forge.new_ec()}
        self.provider.more_keys = [
            forge.rsa_jwk(self.keys["enc"], "key-enc", use="enc"),
            forge.rsa_jwk(self.keys["enc"], "key-wrap", key_ops=["wrapKey"]),
            forge.rsa_jwk(self.keys["twin"], "key-twin", use="sig"),
            forge.rsa_jwk(self.provider.key, "key-twin", use="sig"),
            forge.ec_jwk(self.keys["ec"], "key-ec", use="sig", alg="ES256"),
        ]
        self.user = dict(self.provider.user)
        self.provider.start()
        self.other_provider.start()
        self.valkey = Valkey(directory).start()
        self.gateway = Gateway(
            directory, self.provider, self.valkey, self.upstream
        )
        self.tls_port = free_port()
        self.h2_port = free_port()
        self.configure()
        self.gateway.start()
        self.workers = self.gateway.workers()

    def configure(self):
        authority = Authority(self.directory)
        certificate, key = authority.server(DASHBOARD)
        port = self.gateway.port
        listen = (
            f"listen 127.0.0.1:{self.tls_port} ssl;"
            f" listen 127.0.0.1:{self.h2_port} http2;"
            f" ssl_certificate {certificate}; ssl_certificate_key {key};"
        )
        self.gateway.settings["dashboard"] = listen + """
        location /public/ { azimuth_auth off; proxy_pass http://engine; }
        location = /healthz { azimuth_auth off; proxy_pass http://engine; }
        """
        self.gateway.settings["api"] = listen
        self.gateway.settings["http"] = f"""
    large_client_header_buffers 8 64k;
    azimuth_provider other {{
        issuer {self.other_provider.issuer};
        client_id {CLIENT_ID};
        client_secret_file {self.directory}/client.secret;
        redirect_uri https://{OTHER}/oauth2/callback;
        timeout 1s;
        allow_http_loopback on;
    }}
    """
        # Behind the dashboard: the first server answers for unknown hosts.
        text = f"""
    server {{
        listen 127.0.0.1:{port};
        server_name {OTHER};
        azimuth_auth other;
        location /oauth2/ {{ azimuth_endpoint other; }}
        location / {{ proxy_pass http://engine; }}
    }}
}}
"""
        plain = self.gateway.configuration
        self.gateway.configuration = lambda: plain().rstrip()[:-1] + text

    def browser(self, host=DASHBOARD):
        return Browser(self.gateway, host)

    def logged_in(self):
        browser = self.browser()
        browser.login()
        return browser

    def callback(self, browser):
        """A callback that would log `browser` in."""
        return browser.authorize(browser.to_provider())

    def redeemed(self):
        """How often a code reached the token endpoint of a provider."""
        return (self.provider.calls + self.other_provider.calls).count(
            "/token"
        )

    def reset(self):
        for provider in (self.provider, self.other_provider):
            provider.script.clear()
            provider.calls.clear()
            provider.claims = {}
            provider.token_reply = {}
            provider.sign = provider.sign_well
            provider.user = dict(self.user)
        self.upstream.requests.clear()
        self.upstream.extra = []
        self.upstream.status = 200

    def stop(self):
        try:
            self.gateway.stop()
        finally:
            self.valkey.stop()
            self.provider.stop()
            self.other_provider.stop()
            self.upstream.stop()
