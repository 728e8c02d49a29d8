# SPDX-License-Identifier: Apache-2.0
"""The signed identity: what the upstream gets, who gets which rights, and the
whole way to a real engine that enforces them and writes them down."""

import json
import pathlib
import re
import secrets
import subprocess
import sys
import time

import jwt
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] /
                       "fixture"))

from azimuthd import Engine, program  # noqa: E402

from .gateway import (  # noqa: E402
    API, HTML, ORIGIN, SCRIPT, Browser, Gateway, accepts, free_port,
    wait_until,
)

HEADER = "x-azimuth-identity"
# "claims" is what a provider says about a person
ADMIN = {"sub": "user-admin", "preferred_username": "grace",
         "realm_access": {"roles": ["user", "admin"]}, "groups": []}
READER = {"sub": "user-reader", "preferred_username": "rita",
          "realm_access": {"roles": ["user"]}, "groups": ["/engineers"]}
STRANGER = {"sub": "user-stranger", "preferred_username": "otto",
            "realm_access": {"roles": []}, "groups": []}


def give_key(gateway, *more):
    key = secrets.token_hex(32)
    path = gateway.directory / "identity.key"
    path.write_text("\n".join([key, *more]) + "\n")
    path.chmod(0o600)
    return key, path


def configure(gateway, *lines):
    key, path = give_key(gateway)
    gateway.settings["http"] = "\n".join(
        [f"azimuth_identity_key_file {path};", *lines])
    return key


def log_in(gateway, person):
    gateway.provider.claims = person
    browser = Browser(gateway)
    browser.login()
    return browser


def renew(gateway):
    """Reloads, and waits until no worker knows the old configuration."""
    old = set(gateway.workers())
    gateway.reload()
    wait_until(lambda: not old & set(gateway.workers()))


def tokens(reply):
    return [v for k, v in reply.json()["headers"] if k == HEADER]


def claims(token, key):
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    return jwt.decode(token, bytes.fromhex(key), algorithms=["HS256"])


def access_of(gateway, person, key):
    token, = tokens(log_in(gateway, person).get("/dashboard"))
    return claims(token, key)["access"]


def test_without_a_key_nothing_is_signed(gateway):
    assert tokens(log_in(gateway, ADMIN).get("/dashboard")) == []


def test_the_upstream_is_told_who_asks(stopped_gateway):
    key = configure(stopped_gateway)
    gateway = stopped_gateway.start()
    token, = tokens(log_in(gateway, READER).get("/dashboard"))
    said = claims(token, key)
    assert abs(said["iat"] - time.time()) < 30
    assert said["exp"] - said.pop("iat") == 90 and said.pop("exp")
    assert said == {"iss": ORIGIN, "sub": "user-reader", "name": "rita",
                    "access": "m"}
    assert "azimuth_map" in gateway.test()[1]  # a warning


def test_a_warm_session_signs_nothing(stopped_gateway):
    """One token for all requests of a cached session, in every worker."""
    configure(stopped_gateway)
    stopped_gateway.settings["zone"] = "azimuth_session_zone 1m ttl=30s;"
    browser = log_in(stopped_gateway.start(), ADMIN)
    seen = [tokens(browser.get("/x")) for _ in range(20)]
    assert len(seen[0]) == 1 and seen == [seen[0]] * 20


@pytest.mark.parametrize("zone", ["off", "1m ttl=5s"])
def test_a_client_cannot_send_one(stopped_gateway, zone):
    key = configure(stopped_gateway, "underscores_in_headers on;",
                    "ignore_invalid_headers off;")
    stopped_gateway.settings["zone"] = f"azimuth_session_zone {zone};"
    gateway = stopped_gateway.start()
    browser = log_in(gateway, READER)
    forged = jwt.encode({"sub": "x"}, "k" * 32, algorithm="HS256")
    for name in ("X-Azimuth-Identity", "x-azimuth-identity",
                 "X_Azimuth_Identity", "X-AZIMUTH_Identity",
                 "X.Azimuth.Identity"):
        for _ in range(2):
            reply = browser.get("/x", {**HTML, name: forged})
            token, = tokens(reply)
            assert claims(token, key)["sub"] == "user-reader"
            assert forged not in reply.text()
        reply = Browser(gateway, API).get("/x", {**HTML, name: forged})
        assert reply.status == 200 and forged not in reply.text()
    # Nor can one be taken off on the way.
    token, = tokens(browser.get("/x", {
        **HTML, "Connection": "keep-alive, X-Azimuth-Identity"}))
    assert claims(token, key)["sub"] == "user-reader"


def test_rights_come_from_roles_and_groups(stopped_gateway):
    key = configure(
        stopped_gateway,
        "azimuth_map role=admin manage *;",
        "azimuth_map group=/engineers read docs team-*;",
        "azimuth_map role=user write notes;",
    )
    gateway = stopped_gateway.start()
    assert access_of(gateway, ADMIN, key) == "m"
    assert access_of(gateway, READER, key) == [
        {"collection": "docs", "access": "r"},
        {"collection": "team-*", "access": "r"},
        {"collection": "notes", "access": "prw"},
    ]
    assert access_of(gateway, STRANGER, key) == []


def test_a_provider_may_have_its_own_map(stopped_gateway):
    """A role of one provider may mean nothing at another."""
    key = configure(stopped_gateway, "azimuth_map role=admin manage *;")
    stopped_gateway.settings["provider"] = "map role=admin read a b*;"
    gateway = stopped_gateway.start()
    assert access_of(gateway, ADMIN, key) == [
        {"collection": "a", "access": "r"},
        {"collection": "b*", "access": "r"},
    ]


def test_a_new_map_holds_at_once(stopped_gateway):
    """A session that was cached under the old one is opened again."""
    key = configure(stopped_gateway, "azimuth_map any manage *;")
    stopped_gateway.settings["zone"] = "azimuth_session_zone 1m ttl=30s;"
    gateway = stopped_gateway.start()
    browser = log_in(gateway, READER)
    token, = tokens(browser.get("/x"))
    assert claims(token, key)["access"] == "m"
    text = gateway.settings["http"]
    gateway.settings["http"] = text.replace("manage", "read")
    renew(gateway)
    token, = tokens(browser.get("/x"))
    assert claims(token, key)["access"] == "r"


def test_the_auth_endpoint_answers_with_it(stopped_gateway):
    """For an ingress that asks by auth_request and copies the header."""
    key = configure(stopped_gateway, "azimuth_map any read *;")
    browser = log_in(stopped_gateway.start(), READER)
    reply = browser.get("/oauth2/auth", SCRIPT)
    assert reply.status == 202
    assert claims(reply.get(HEADER), key)["access"] == "r"


def test_a_list_that_fits_no_slot_still_works(stopped_gateway):
    names = [f"collection-with-a-long-name-{i}" for i in range(30)]
    key = configure(stopped_gateway,
                    f"azimuth_map any read {' '.join(names)};")
    browser = log_in(stopped_gateway.start(), READER)
    for _ in range(3):
        token, = tokens(browser.get("/x"))
        assert [g["collection"] for g in claims(token, key)["access"]] == names


def test_keys_and_tokens_are_in_no_log(stopped_gateway):
    key = configure(stopped_gateway)
    stopped_gateway.settings["http"] += "\nerror_log {} debug;".format(
        stopped_gateway.error_log)
    gateway = stopped_gateway.start()
    token, = tokens(log_in(gateway, READER).get("/x"))
    for path in (gateway.error_log, gateway.access_log):
        assert key not in path.read_text()
    assert token not in gateway.access_log.read_text()


MISTAKES = [
    ("azimuth_map role=a read;", "needs who, a right and collections"),
    ("azimuth_map somebody read a;", "role=NAME, group=PATH or any"),
    ("azimuth_map role= read a;", "role=NAME, group=PATH or any"),
    ("azimuth_map role=a delete a;", "read, write or manage"),
    ("azimuth_map role=a read a*b;", "* only at its end"),
    ("azimuth_map role=a read b **;", "* only at its end"),
    ("azimuth_map any read 'a\"b';", "pattern"),
    ("azimuth_map any read {};".format("a" * 256), "255"),
    ("azimuth_map any read {};".format(
        " ".join(f"{i:0100d}" for i in range(20))), "together"),
    ("azimuth_map any read {};".format(
        " ".join(str(i) for i in range(65))), "64"),
]


@pytest.mark.parametrize("line,words", MISTAKES,
                         ids=[m[0][:40] for m in MISTAKES])
def test_a_mistake_is_named_with_file_and_line(stopped_gateway, line, words):
    configure(stopped_gateway, line)
    status, messages = stopped_gateway.test()
    assert status != 0
    found, = [m for m in messages.split("\n") if "[emerg]" in m]
    assert words in found and re.search(r"in \S+test.conf:\d+$", found), found


def test_a_map_that_nobody_enforces_is_refused(stopped_gateway):
    stopped_gateway.settings["http"] = "azimuth_map any read *;"
    status, messages = stopped_gateway.test()
    assert status != 0 and "azimuth_identity_key_file" in messages


@pytest.mark.parametrize("text,mode,words", [
    ("0" * 64 + "\n", 0o644, "chmod 600"),
    ("short\n", 0o600, "64 hexadecimal digits"),
    ("# no key\n", 0o600, "has no key"),
    ("".join(f"{i:064x}\n" for i in range(9)), 0o600, "too many"),
])
def test_a_bad_key_file_is_refused(stopped_gateway, text, mode, words):
    configure(stopped_gateway)
    path = stopped_gateway.directory / "identity.key"
    path.write_text(text)
    path.chmod(mode)
    status, messages = stopped_gateway.test()
    assert status != 0 and words in messages


# ---- towards gRPC -------------------------------------------------------------

class GrpcGateway(Gateway):
    """Both hosts pass /qdrant.Points/ to a gRPC server that is an nginx
    without our module, and says which identity reached it."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.grpc_port = free_port()
        self.grpc = None

    def configuration(self):
        grpc = (f"location /qdrant.Points/ {{ grpc_pass"
                f" grpc://127.0.0.1:{self.grpc_port}; }}")
        return super().configuration().replace(
            "location / {", grpc + "\n        location / {")

    def start(self):
        d = self.directory
        path = d / "grpc.conf"
        path.write_text(f"""
daemon off; pid {d}/grpc.pid; error_log {d}/grpc.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {d}/grpc-body;
    proxy_temp_path {d}/grpc-proxy;
    fastcgi_temp_path {d}/grpc-fastcgi;
    uwsgi_temp_path {d}/grpc-uwsgi;
    scgi_temp_path {d}/grpc-scgi;
    server {{
        listen 127.0.0.1:{self.grpc_port} http2;
        large_client_header_buffers 4 16k;
        location / {{
            add_header X-Identity "$http_x_azimuth_identity" always;
            add_header X-User "$http_x_auth_request_user" always;
            default_type application/grpc;
            return 200 "";
        }}
    }}
}}
""")
        self.grpc = subprocess.Popen(
            ["nginx", "-c", str(path), "-p", str(d), "-e", str(d / "grpc.log")],
            stderr=subprocess.DEVNULL)
        wait_until(lambda: accepts(self.grpc_port))
        return super().start()

    def stop(self):
        super().stop()
        if self.grpc is not None:
            self.grpc.terminate()
            self.grpc.wait()
            self.grpc = None


def test_grpc_gets_the_identity_and_never_a_forged_one(
    directory, provider, valkey, upstream
):
    gateway = GrpcGateway(directory, provider, valkey, upstream)
    key = configure(gateway, "azimuth_map any read docs;")
    forged = {"Content-Type": "application/grpc", "TE": "trailers",
              "X-Azimuth-Identity": "forged", "X-Auth-Request-User": "forged"}
    try:
        gateway.start()
        people = log_in(gateway, READER)
        for _ in range(2):
            reply = people.send("POST", "/qdrant.Points/Search", forged, b"x")
            assert reply.status == 200 and reply.get("x-user") == "user-reader"
            assert claims(reply.get("x-identity"), key)["access"] == [
                {"collection": "docs", "access": "r"}]
        reply = Browser(gateway, API).send("POST", "/qdrant.Points/Search",
                                           forged, b"x")
        assert reply.status == 200
        assert reply.get("x-identity") is reply.get("x-user") is None
    finally:
        gateway.stop()


# ---- with the engine ---------------------------------------------------------

@pytest.fixture
def guarded(directory, provider, valkey):
    """The gateway in front of a real engine that has an API key, too."""
    assert program().exists(), f"{program()} is not built (AZIMUTH_BUILD)"
    made = []

    def make(*lines):
        engine = Engine(directory / "engine", more_config=f"""\
  api_key: only-for-applications
  identity_key_file: {directory}/identity.key
  audit_log: {directory}/audit.log
""")
        gateway = Gateway(directory, provider, valkey, engine)
        configure(gateway, *lines)
        made.extend([engine, gateway])
        engine.start()
        for name in ("docs", "secret"):
            answer = engine.call(
                "PUT", f"/collections/{name}",
                {"vectors": {"size": 2, "distance": "Dot"}},
                {"api-key": "only-for-applications"})
            assert answer.status == 200, answer
        return gateway.start()

    yield make
    if made:
        engine, gateway = made
        gateway.stop()
        assert engine.stop() == 0, engine.log()


def call(browser, method, target, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    return browser.send(method, target, {**SCRIPT, **headers}, data)


def test_roles_decide_what_the_engine_lets_people_do(guarded):
    gateway = guarded("azimuth_map role=admin manage *;",
                      "azimuth_map role=user read docs;")
    grace, rita, otto = (log_in(gateway, person)
                         for person in (ADMIN, READER, STRANGER))
    points = {"points": [{"id": 1, "vector": [1, 0]}]}
    # No API key is needed where somebody is logged in ...
    assert call(grace, "PUT", "/collections/docs/points?wait=true",
                points).status == 200
    assert call(rita, "POST", "/collections/docs/points/query",
                {"query": [1, 0]}).json()["result"]["points"][0]["id"] == 1
    # ... but each right is.
    reply = call(rita, "PUT", "/collections/docs/points", points)
    assert reply.status == 403
    assert reply.json()["status"]["error"] == (
        "Forbidden: rita needs the right \"write\" on collection `docs` and "
        "has \"read\"")
    assert call(rita, "DELETE", "/collections/docs").status == 403
    assert call(rita, "GET", "/collections/secret").status == 403
    assert call(rita, "GET", "/metrics").status == 403
    assert [c["name"] for c in call(rita, "GET", "/collections").json()
            ["result"]["collections"]] == ["docs"]
    assert call(otto, "GET", "/collections").json()["result"] == {
        "collections": []}
    reply = call(otto, "GET", "/collections/docs")
    assert reply.status == 403 and 'and has none' in reply.text()
    # A forged word does not help, on either host.
    forged = jwt.encode({"sub": "user-admin", "access": "m",
                         "iat": int(time.time()),
                         "exp": int(time.time()) + 90}, "k" * 32)
    assert call(rita, "DELETE", "/collections/docs",
                **{"X-Azimuth-Identity": forged}).status == 403
    assert call(Browser(gateway, API), "DELETE", "/collections/docs",
                **{"X-Azimuth-Identity": forged}).status == 401
    assert call(grace, "DELETE", "/collections/docs").json()["result"] is True


def test_the_audit_log_names_the_person(guarded):
    gateway = guarded("azimuth_map role=admin manage *;",
                      "azimuth_map role=user read docs;")
    call(log_in(gateway, READER), "DELETE", "/collections/docs",
         **{"X-Request-Id": "req-1"})
    call(log_in(gateway, ADMIN), "DELETE", "/collections/secret")
    made = [json.loads(line) for line in
            (gateway.directory / "audit.log").read_text().splitlines()]
    deleted = [line for line in made if "DELETE" in line["operation"]]
    for line in deleted:
        line.pop("time")
    assert deleted == [
        {"who": "identity", "sub": "user-reader", "name": "rita",
         "operation": "DELETE /collections/{name}", "collection": "docs",
         "request_id": "req-1", "result": "denied", "status": 403},
        {"who": "identity", "sub": "user-admin", "name": "grace",
         "operation": "DELETE /collections/{name}", "collection": "secret",
         "result": "allowed", "status": 200},
    ]


def test_keys_are_rotated_without_a_gap(guarded):
    gateway = guarded("azimuth_map any read *;")
    engine = gateway.upstream
    path = gateway.directory / "identity.key"
    old = path.read_text().strip()
    browser = log_in(gateway, READER)
    assert call(browser, "GET", "/collections/docs").status == 200
    # The engine learns the new key first, the gateway signs with it next.
    new = secrets.token_hex(32)
    path.write_text(f"{old}\n{new}\n")
    assert engine.stop() == 0
    engine.start()
    assert call(browser, "GET", "/collections/docs").status == 200
    path.write_text(f"{new}\n{old}\n")
    renew(gateway)
    assert call(browser, "GET", "/collections/docs").status == 200
    # All at once, after a leak: what was signed with the old key and is kept
    # with the session is not sent any more.
    path.write_text(secrets.token_hex(32) + "\n")
    assert engine.stop() == 0
    engine.start()
    assert call(browser, "GET", "/collections/docs").status == 401
    renew(gateway)
    assert call(browser, "GET", "/collections/docs").status == 200
