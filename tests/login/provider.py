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
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

CLIENT_ID = "qdrant-dashboard"
CLIENT_SECRET = "the-client-secret-0123456789"
DISCOVERY = "/.well-known/openid-configuration"


ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}


def new_key(alg):
    """A private key that signs `alg`."""
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if alg in CURVES:
        return ec.generate_private_key(CURVES[alg]())
    return rsa.generate_private_key(65537, 2048)


def public_jwk(key, alg, kid):
    family = jwt.algorithms.get_default_algorithms()[alg]
    jwk = json.loads(family.to_jwk(key.public_key()))
    jwk.pop("key_ops", None)
    return {**jwk, "kid": kid, "use": "sig", "alg": alg}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider:
    def __init__(self, port, issuer=None, tls=None):
        """`tls`: an ssl.SSLContext; `issuer`: when it differs from where the
        provider listens."""
        self.port = port
        self.tls = tls
        self.issuer = issuer or f"http://127.0.0.1:{port}"
        self.alg = "RS256"
        self.key = new_key(self.alg)
        self.kid = "key-1"
        self.old_keys = []  # published, and not used any more
        self.changes = {}  # of the metadata; None takes a member away
        self.pushed = {}  # request_uri -> what was asked for
        self.is_public = False  # the client has no secret
        self.client_key = None  # public: the client has to prove itself by it
        self.proofs = []  # how the client proved itself, call by call
        self.seen_jti = set()
        self.codes = {}
        self.calls = []
        self.script = {}
        self.claims = {}
        self.subs = None  # itertools.count(): each login is another user's
        self.rotating = threading.Lock()
        self.access_life = 300
        self.refresh_tokens = {}  # token -> login; each is good once
        self.refreshes = []  # token of each call, good or refused
        self.sign = self.sign_well  # claims -> ID token; a test may forge
        self.more_keys = []  # further members of the key set
        self.token_reply = {}  # changes to the token answer; None removes
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
        # a proxy passes the whole address on
        handler.path = handler.path.removeprefix(self.issuer)
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
            "/par": self.push,
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
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/logout",
            "introspection_endpoint": f"{self.issuer}/introspect",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic",
                "client_secret_post",
            ],
            **self.changes,
        }
        return {k: v for k, v in document.items() if v is not None}

    def offer_push(self, **more):
        self.changes.update(
            pushed_authorization_request_endpoint=f"{self.issuer}/par", **more
        )

    def rotate(self, alg=None, kid=None, keeps_old=True):
        """Signs with a new key from now on."""
        old = public_jwk(self.key, self.alg, self.kid)
        key = new_key(alg or self.alg)
        with self.rotating:
            self.old_keys = [old] if keeps_old else []
            self.alg = alg or self.alg
            self.key = key
            self.kid = kid or "key-" + secrets.token_hex(4)

    def discovery(self, handler):
        self.send(handler, 200, self.metadata())

    def jwks(self, handler):
        with self.rotating:
            keys = [public_jwk(self.key, self.alg, self.kid), *self.old_keys,
                    *self.more_keys]
        self.send(handler, 200, {"keys": keys})

    def new_code(self, query):
        code = "code-" + secrets.token_urlsafe(24)
        self.codes[code] = query
        return code

    def push(self, handler):
        """RFC 9126."""
        if not self.client_is_known(handler):
            return self.send(handler, 401, {"error": "invalid_client"})
        if handler.form.get("client_id") != CLIENT_ID:
            return self.send(handler, 400, {"error": "invalid_request"})
        uri = "urn:example:request:" + secrets.token_urlsafe(16)
        self.pushed[uri] = handler.form
        return self.send(handler, 201, {"request_uri": uri, "expires_in": 60})

    def authorize(self, handler):
        query = handler.query
        if "request_uri" in query:
            assert sorted(query) == ["client_id", "request_uri"], query
            query = self.pushed.pop(query["request_uri"])
        elif self.changes.get("require_pushed_authorization_requests"):
            return self.send(handler, 400, {"error": "invalid_request"})
        answer = {
            "code": self.new_code(query),
            "state": query["state"],
            "iss": self.issuer,
        }
        location = query["redirect_uri"] + "?" + urllib.parse.urlencode(answer)
        return self.send(handler, 302, b"", "text/plain", [("Location", location)])

    def client_is_known(self, handler):
        """Notes how the client proved itself; exactly one proof is right."""
        form = handler.form
        found = []
        if handler.headers.get("Authorization"):
            found.append("client_secret_basic")
        if "client_secret" in form:
            found.append("client_secret_post")
        if "client_assertion" in form or "client_assertion_type" in form:
            found.append("private_key_jwt")
        self.proofs.append(" ".join(found) or "none")
        if self.is_public:
            return not found and form.get("client_id") == CLIENT_ID
        if self.client_key is not None:
            return found == ["private_key_jwt"] and self.is_asserted(handler)
        basic = base64.b64encode(
            f"{CLIENT_ID}:{CLIENT_SECRET}".encode()
        ).decode()
        if found == ["client_secret_basic"]:
            return handler.headers.get("Authorization") == f"Basic {basic}"
        return (
            found == ["client_secret_post"]
            and form["client_secret"] == CLIENT_SECRET
        )

    def is_asserted(self, handler):
        """RFC 7523 section 3."""
        endpoint = self.issuer + handler.path
        try:
            assert handler.form["client_assertion_type"] == ASSERTION
            claims = jwt.decode(
                handler.form["client_assertion"], self.client_key,
                algorithms=["RS256", "ES256"], issuer=CLIENT_ID,
                audience=[self.issuer, endpoint],
                options={"require": ["iss", "sub", "aud", "exp", "iat", "jti"]},
            )
            assert claims["sub"] == CLIENT_ID
            assert claims["exp"] - claims["iat"] <= 120
            assert claims["jti"] not in self.seen_jti
        except (AssertionError, jwt.PyJWTError):
            return False
        self.seen_jti.add(claims["jti"])
        self.assertion = (
            jwt.get_unverified_header(handler.form["client_assertion"]), claims
        )
        return True

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
        if self.subs is not None:
            claims["sub"] = login.setdefault("sub", f"user-{next(self.subs)}")
        claims = {k: v for k, v in claims.items() if v is not None}
        return self.sign(claims)

    def sign_well(self, claims):
        with self.rotating:
            key, alg, kid = self.key, self.alg, self.kid
        return jwt.encode(claims, key, algorithm=alg, headers={"kid": kid})

    def access_token(self, header=None, key=None, algorithm="RS256", **claims):
        """As Keycloak makes them; a claim or header of None is left out."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": [CLIENT_ID, "account"],
            "azp": "a-client",
            "typ": "Bearer",
            "iat": now,
            "exp": now + 300,
            "scope": "openid profile",
            **self.user,
            **claims,
        }
        claims = {k: v for k, v in claims.items() if v is not None}
        header = {"kid": self.kid, "typ": "JWT", **(header or {})}
        header = {k: v for k, v in header.items() if v is not None}
        return jwt.encode(
            claims, self.key if key is None else key, algorithm=algorithm,
            headers=header,
        )

    def tokens(self, login, **more):
        refresh_token = "refresh-" + secrets.token_urlsafe(24)
        self.refresh_tokens[refresh_token] = login
        answer = {
            "access_token": "access-" + secrets.token_urlsafe(24),
            "token_type": "Bearer",
            "expires_in": self.access_life,
            "refresh_token": refresh_token,
            "id_token": self.id_token(login),
            "scope": "openid profile email",
            **more,
            **self.token_reply,
        }
        return {k: v for k, v in answer.items() if v is not None}

    def refresh(self, handler):
        """Rotates: a refresh token that was used is refused."""
        token = handler.form.get("refresh_token")
        self.refreshes.append(token)
        if "/refresh" in self.script:
            return self.script["/refresh"](handler)
        return self.refresh_well(handler)

    def refresh_well(self, handler, **more):
        if not self.client_is_known(handler):
            return self.send(handler, 401, {"error": "invalid_client"})
        token = handler.form.get("refresh_token")
        login = self.refresh_tokens.pop(token, None)
        if login is None:
            return self.send(handler, 400, {
                "error": "invalid_grant",
                "error_description": "Session not active",
            })
        return self.send(handler, 200, self.tokens(login, **more))
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
        if handler.form.get("grant_type") == "refresh_token":
            return self.refresh(handler)
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
        return self.send(handler, 200, self.tokens(login))


def hang(handler):
    """Takes the request and never answers."""
    time.sleep(30)


def refuse(status, body, content_type="application/json"):
    def answer(handler):
        Provider.send(handler, status, body, content_type)

    return answer
