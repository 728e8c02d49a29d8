# SPDX-License-Identifier: Apache-2.0
"""A scripted OpenID provider that can hang, lie and refuse.

It logs everybody in at once: /authorize answers with a redirect that holds a
code. `script` maps a path ("/token", "/jwks", "/.well-known/...") to a
function that takes the handler and answers instead.
"""

import base64
import hashlib
import http.server
import json
import secrets
import threading
import time
import urllib.parse

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID = "qdrant-dashboard"
CLIENT_SECRET = "the-client-secret-0123456789"
DISCOVERY = "/.well-known/openid-configuration"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider:
    def __init__(self, port, issuer=None, tls=None):
        """`tls`: an ssl.SSLContext; `issuer`: when it differs from where the
        provider listens."""
        self.port = port
        self.tls = tls
        self.issuer = issuer or f"http://127.0.0.1:{port}"
        self.key = rsa.generate_private_key(65537, 2048)
        self.kid = "key-1"
        self.codes = {}
        self.calls = []
        self.script = {}
        self.claims = {}
        self.user = {
            "sub": "user-0001",
            "preferred_username": "ada",
            "email": "ada@example.org",
            "name": "Ada L",
            "groups": ["/engineers", "/readers"],
        }
        self.server = None

    def start(self):
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                provider.answer(self)

            def do_POST(self):
                provider.answer(self)

        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        if self.tls is not None:
            self.server.socket = self.tls.wrap_socket(
                self.server.socket, server_side=True,
                do_handshake_on_connect=False,
            )
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}
        )
        self.thread.start()
        return self

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.thread.join()
            self.server = None

    def answer(self, handler):
        path, _, query = handler.path.partition("?")
        size = int(handler.headers.get("Content-Length") or 0)
        handler.form = dict(
            urllib.parse.parse_qsl(handler.rfile.read(size).decode())
        )
        handler.query = dict(urllib.parse.parse_qsl(query))
        self.calls.append(path)
        routes = {
            DISCOVERY: self.discovery,
            "/jwks": self.jwks,
            "/authorize": self.authorize,
            "/token": self.token,
        }
        try:
            self.script.get(path, routes.get(path, self.unknown))(handler)
        except (BrokenPipeError, ConnectionResetError):
            pass

    @staticmethod
    def send(handler, status, body, content_type="application/json", extra=()):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in extra:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def unknown(self, handler):
        self.send(handler, 404, {"error": "not_found"})

    def metadata(self):
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/logout",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic",
                "client_secret_post",
            ],
        }

    def discovery(self, handler):
        self.send(handler, 200, self.metadata())

    def jwks(self, handler):
        jwk = json.loads(
            jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key())
        )
        jwk.update(kid=self.kid, use="sig", alg="RS256")
        jwk.pop("key_ops", None)
        self.send(handler, 200, {"keys": [jwk]})

    def new_code(self, query):
        code = "code-" + secrets.token_urlsafe(24)
        self.codes[code] = query
        return code

    def authorize(self, handler):
        query = handler.query
        answer = {
            "code": self.new_code(query),
            "state": query["state"],
            "iss": self.issuer,
        }
        location = query["redirect_uri"] + "?" + urllib.parse.urlencode(answer)
        self.send(handler, 302, b"", "text/plain", [("Location", location)])

    def client_is_known(self, handler):
        basic = base64.b64encode(
            f"{CLIENT_ID}:{CLIENT_SECRET}".encode()
        ).decode()
        return (
            handler.headers.get("Authorization") == f"Basic {basic}"
            or handler.form.get("client_secret") == CLIENT_SECRET
        )

    def id_token(self, login):
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "azp": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": login["nonce"],
            "sid": "provider-session-1",
            **self.user,
            **self.claims,
        }
        claims = {k: v for k, v in claims.items() if v is not None}
        return jwt.encode(
            claims, self.key, algorithm="RS256", headers={"kid": self.kid}
        )

    def logout_token(self, header=None, key=None, algorithm="RS256", **claims):
        """A good one about sub and sid, but for what is changed; None takes
        a claim away."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 120,
            "jti": secrets.token_urlsafe(16),
            "events": {
                "http://schemas.openid.net/event/backchannel-logout": {}
            },
            "sub": self.user["sub"],
            "sid": "provider-session-1",
            **claims,
        }
        claims = {k: v for k, v in claims.items() if v is not None}
        header = {"kid": self.kid, "typ": "logout+jwt", **(header or {})}
        return jwt.encode(
            claims, self.key if key is None else key, algorithm=algorithm,
            headers=header,
        )

    def token(self, handler):
        login = self.codes.pop(handler.form.get("code"), None)
        challenge = base64url(
            hashlib.sha256(
                handler.form.get("code_verifier", "").encode()
            ).digest()
        )
        if not self.client_is_known(handler):
            return self.send(handler, 401, {"error": "invalid_client"})
        if (
            login is None
            or login.get("code_challenge_method") != "S256"
            or challenge != login["code_challenge"]
        ):
            return self.send(handler, 400, {"error": "invalid_grant"})
        return self.send(
            handler,
            200,
            {
                "access_token": "access-" + secrets.token_urlsafe(24),
                "token_type": "Bearer",
                "expires_in": 300,
                "refresh_token": "refresh-" + secrets.token_urlsafe(24),
                "id_token": self.id_token(login),
                "scope": "openid profile email",
            },
        )


def hang(handler):
    """Takes the request and never answers."""
    time.sleep(30)


def refuse(status, body, content_type="application/json"):
    def answer(handler):
        Provider.send(handler, status, body, content_type)

    return answer
