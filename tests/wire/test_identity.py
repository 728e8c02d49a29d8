# SPDX-License-Identifier: Apache-2.0
"""The gateway's identity and what it may do, and the audit log: real requests
with tokens that are good, forged, expired, of another key, or narrow."""
import base64
import calendar
import hashlib
import hmac
import json
import signal
import time

import pytest

KEY = "a1" * 32
OLD_KEY = "0f" * 32
API_KEY = "full-key-of-the-engine"
HEADER = "X-Azimuth-Identity"


def _encode(data):
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(access, key=KEY, header=None, digest="sha256", **claims):
    now = int(time.time())
    body = {"iss": "https://gateway", "sub": "u-1", "name": "alice",
            "iat": now, "exp": now + 90, "access": access, **claims}
    text = (_encode(header or {"alg": "HS256", "typ": "JWT"}) + "." +
            _encode({k: v for k, v in body.items() if v is not None}))
    mac = hmac.new(bytes.fromhex(key), text.encode(), digest).digest()
    return f"{text}.{_encode(mac)}"


def grants(**rights):
    """grants(docs="r") and grants(**{"team-*": "m"})"""
    return [{"collection": k, "access": v} for k, v in rights.items()]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """An engine with an API key, identity keys and an audit log."""
    from azimuthd import Engine
    folder = tmp_path_factory.mktemp("guarded")
    keys = folder / "identity-key"
    keys.write_text(f"{KEY}\n# the one before\n{OLD_KEY}\n")
    keys.chmod(0o600)
    engine = Engine(folder, more_config=f"""\
  api_key: {API_KEY}
  read_only_api_key: reader
  identity_key_file: {keys}
  audit_log: {folder}/audit.log
""")
    engine.audit = folder / "audit.log"
    engine.start()
    key = {"api-key": API_KEY}
    for name in ("docs", "secret"):
        answer = engine.call("PUT", f"/collections/{name}",
                             {"vectors": {"size": 2, "distance": "Dot"}}, key)
        assert answer.status == 200, answer
        answer = engine.call(
            "PUT", f"/collections/{name}/points?wait=true",
            {"points": [{"id": 1, "vector": [1, 0]}]}, key)
        assert answer.status == 200, answer
    yield engine
    status = engine.stop()
    assert status == 0, engine.log()


def ask(engine, method, path, body=None, access=None, made=None, **headers):
    if access is not None:
        made = token(access)
    if made is not None:
        headers[HEADER] = made
    return engine.call(method, path, body, headers)


def lines(engine):
    return [json.loads(line) for line in engine.audit.read_text().splitlines()]


# ---- who is believed --------------------------------------------------------

def test_an_identity_needs_no_api_key(guarded):
    assert ask(guarded, "GET", "/collections/docs").status == 401
    assert ask(guarded, "GET", "/collections/docs", access="m").status == 200
    old = token("m", OLD_KEY)
    assert ask(guarded, "GET", "/collections/docs", made=old).status == 200


def _unsigned(alg):
    made = token("m", header={"alg": alg, "typ": "JWT"})
    return made.rsplit(".", 1)[0] + "."


BAD = {
    "forged": lambda: token("m", "33" * 32),
    "expired": lambda: token("m", iat=int(time.time()) - 100,
                             exp=int(time.time()) - 10),
    "from the future": lambda: token("m", iat=int(time.time()) + 60,
                                     exp=int(time.time()) + 120),
    "for a year": lambda: token("m", exp=int(time.time()) + 31536000),
    "without end": lambda: token("m", exp=None),
    "none": lambda: _unsigned("none"),
    "None": lambda: _unsigned("None"),
    "signed none": lambda: token("m", header={"alg": "none"}),
    "signed HS512": lambda: token("m", header={"alg": "HS512"},
                                  digest="sha512"),
    "without access": lambda: token(None),
    "with Qdrant's old payload": lambda: token(
        [{"collection": "docs", "access": "r", "payload": {"a": 1}}]),
    "api key as key": lambda: token("m", API_KEY.encode().hex()),
    "empty": lambda: "",
    "dots": lambda: "..",
    "text": lambda: "alice",
    "long": lambda: "a" * 5000,
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_identity_is_401_with_its_cause(guarded, kind):
    answer = ask(guarded, "GET", "/collections", made=BAD[kind]())
    assert answer.status == 401, answer
    assert "The JWT in X-Azimuth-Identity" in answer.text
    # Nor does a good key beside it help.
    answer = ask(guarded, "GET", "/collections", made=BAD[kind](),
                 **{"api-key": API_KEY})
    assert answer.status == 401, answer


def test_an_identity_narrows_what_a_key_may_do(guarded):
    answer = ask(guarded, "DELETE", "/collections/docs",
                 access=grants(docs="r"), **{"api-key": API_KEY})
    assert answer.status == 403, answer


def test_an_engine_without_a_key_file_refuses_identities(engine):
    """A gateway that narrows must never meet an engine that lets all pass."""
    answer = engine.call("GET", "/collections", headers={HEADER: token("m")})
    assert answer.status == 401
    assert "identity_key_file" in answer.text


# ---- what is allowed --------------------------------------------------------

C = "/collections/docs"
POINT = {"points": [{"id": 2, "vector": [0, 1]}]}
# method, path, body, the right it needs: r, p(rw), w (rw), m; upper case: on
# the whole engine.
CALLS = [
    ("GET", C, None, "r"),
    ("GET", C + "/exists", None, "r"),
    ("GET", C + "/points/1", None, "r"),
    ("POST", C + "/points", {"ids": [1]}, "r"),
    ("POST", C + "/points/scroll", {"limit": 1}, "r"),
    ("POST", C + "/points/count", {}, "r"),
    ("POST", C + "/points/query", {"query": [1, 0]}, "r"),
    ("POST", C + "/points/query/batch", {"searches": [{"query": [1, 0]}]},
     "r"),
    ("POST", C + "/points/search", {"vector": [1, 0], "limit": 1}, "r"),
    ("POST", C + "/facet", {"key": "indexed"}, "r"),
    ("POST", C + "/points/search/matrix/pairs", {}, "r"),
    ("POST", C + "/points/search/matrix/offsets", {}, "r"),
    ("GET", C + "/aliases", None, "r"),
    ("GET", C + "/cluster", None, "r"),
    ("GET", C + "/memory", None, "r"),
    ("PUT", C + "/points", POINT, "p"),
    ("POST", C + "/points/delete", {"points": [99]}, "p"),
    ("POST", C + "/points/payload", {"payload": {"a": 1}, "points": [1]}, "p"),
    ("POST", C + "/points/batch",
     {"operations": [{"delete": {"points": [99]}}]}, "p"),
    ("PUT", C + "/index", {"field_name": "a", "field_schema": "keyword"}, "w"),
    ("DELETE", C + "/index/a", None, "w"),
    ("PATCH", C, {"optimizers_config": {}}, "m"),
    ("POST", "/collections/aliases", {"actions": []}, "M"),
    ("GET", "/metrics", None, "R"),
    ("GET", "/cluster", None, "R"),
    ("GET", "/issues", None, "R"),
    ("DELETE", "/issues", None, "M"),
]
ORDER = "rpwm"
WORD = {"r": "r", "p": "prw", "w": "rw", "m": "m"}


@pytest.mark.parametrize("right", ORDER)
@pytest.mark.parametrize("scope", ["docs", "doc*", "*", "secret", "doc", "d"])
def test_each_operation_needs_its_right(guarded, scope, right):
    access = grants(**{scope: WORD[right]})
    ask(guarded, "PUT", C + "/index?wait=true",
        {"field_name": "indexed", "field_schema": "keyword"}, grants(docs="m"))
    for method, path, body, need in CALLS:
        is_here = scope == "*" or (need.islower() and scope in ("docs", "doc*"))
        is_allowed = is_here and ORDER.index(right) >= ORDER.index(need.lower())
        answer = ask(guarded, method, path, body, access)
        if is_allowed:
            assert answer.status == 200, (method, path, answer)
        else:
            assert answer.status == 403, (method, path, answer)
            assert "alice needs the right" in answer.error


def test_who_may_not_read_a_collection_does_not_learn_of_it(guarded):
    for name in ("secret", "no-such-collection"):
        for method, path, body in (
                ("GET", f"/collections/{name}", None),
                ("GET", f"/collections/{name}/exists", None),
                ("POST", f"/collections/{name}/points/query", {"query": 1})):
            answer = ask(guarded, method, path, body, grants(docs="m"))
            assert answer.status == 403, answer
            assert f"`{name}`" in answer.error and '"read"' in answer.error


def test_telemetry_shows_what_the_caller_may_read(guarded):
    for access, names in ((grants(docs="r"), {"docs"}), ([], set()),
                          ("r", {"docs", "secret"})):
        answer = ask(guarded, "GET", "/telemetry?details_level=3",
                     access=access)
        found = answer.result["collections"]
        assert found["number_of_collections"] == len(names)
        assert {c["id"] for c in found["collections"]} == names
        assert "secret" in names or "secret" not in answer.text


def test_the_list_shows_what_the_caller_may_read(guarded):
    def names(access):
        found = ask(guarded, "GET", "/collections", access=access).result
        return sorted(c["name"] for c in found["collections"])
    assert names("r") == ["docs", "secret"]
    assert names(grants(docs="r")) == ["docs"]
    assert names(grants(**{"s*": "m"})) == ["secret"]
    assert names([]) == []
    assert names(grants(**{"*": "r"})) == ["docs", "secret"]


def test_a_right_counts_on_the_name_that_is_asked_for(guarded):
    def change(**action):
        assert ask(guarded, "POST", "/collections/aliases",
                   {"actions": [action]}, "m").result is True

    def listed(access):
        found = ask(guarded, "GET", "/aliases", access=access).result
        return {a["alias_name"] for a in found["aliases"]}
    change(create_alias={"collection_name": "secret", "alias_name": "docs-x"})
    try:
        path = "/collections/docs-x"
        assert ask(guarded, "GET", path, access=grants(secret="m")).status == \
            403
        assert ask(guarded, "GET", path, access=grants(
            **{"docs-x": "r"})).status == 200
        # Who may not read the collection does not learn that it has aliases.
        assert listed(grants(docs="r")) == set()
        assert listed(grants(secret="r")) == listed("r") == {"docs-x"}
    finally:
        change(delete_alias={"alias_name": "docs-x"})


def test_a_manager_of_a_prefix_makes_and_deletes_such_collections(guarded):
    team = grants(**{"team-*": "m"})
    body = {"vectors": {"size": 2, "distance": "Dot"}}
    assert ask(guarded, "PUT", "/collections/team-a", body, team).result
    assert ask(guarded, "PUT", "/collections/teama", body, team).status == 403
    # An encoded name is the same name.
    assert ask(guarded, "DELETE", "/collections/team%2Da", access=team).result
    assert ask(guarded, "DELETE", "/collections/%73ecret",
               access=team).status == 403


def test_a_manager_restores_from_the_own_snapshots_alone(guarded):
    """A snapshot of another collection would tell all of its points."""
    key = {"api-key": API_KEY}
    places = {}
    for name in ("docs", "secret"):
        made = guarded.call("POST", f"/collections/{name}/snapshots", {}, key)
        places[name] = f"file://{guarded.folder}/snapshots/{name}/" \
                       f"{made.result['name']}"
    path = "/collections/docs/snapshots/recover"
    absent = places["secret"].replace("secret/", "secret/x")
    texts = set()
    for place in (places["secret"], absent, "file:///etc/passwd",
                  f"file://{guarded.folder}/snapshots/docs/../secret/"
                  + places["secret"].rsplit("/", 1)[1]):
        answer = ask(guarded, "PUT", path, {"location": place},
                     grants(docs="m"))
        assert answer.status == 400, answer
        texts.add(answer.error.replace(place[7:], "PLACE"))
    assert len(texts) == 1, "what is not there is not told from what is"
    answer = ask(guarded, "PUT", path, {"location": "http://127.0.0.1:9/x"},
                 grants(docs="m"))
    assert answer.status == 403, answer
    for access, place in ((grants(docs="m"), places["docs"]),
                          ("m", places["secret"])):
        assert ask(guarded, "PUT", path, {"location": place},
                   access).status == 200


def test_what_is_open_stays_open(guarded):
    for path in ("/", "/healthz", "/livez", "/readyz"):
        assert ask(guarded, "GET", path, made="x").status == 200


def test_a_read_only_key_reads(guarded):
    key = {"api-key": "reader"}
    assert guarded.call("GET", C, headers=key).status == 200
    answer = guarded.call("PUT", C + "/points", POINT, key)
    assert answer.status == 403
    assert answer.error == "Forbidden: Global manage access is required"


def test_a_right_counts_on_the_name_that_was_said(guarded):
    key = {"api-key": API_KEY}

    def change(*actions, **kw):
        return ask(guarded, "POST", "/collections/aliases",
                   {"actions": list(actions)}, **kw)

    def create(alias):
        return {"create_alias": {"collection_name": "secret",
                                 "alias_name": alias}}

    for access in (grants(**{"team-*": "m"}), grants(secret="m"), "r"):
        assert change(create("team-a"), access=access).status == 403
    assert change(create("team-a"), create("hidden"), **key).status == 200
    before = len(lines(guarded))
    narrow = grants(**{"team-*": "r"})
    path = "/collections/team-a"
    assert ask(guarded, "GET", path, access=narrow).status == 200
    assert ask(guarded, "GET", "/collections/secret",
               access=narrow).status == 403
    assert ask(guarded, "GET", path, access=grants(secret="m")).status == 403
    # Other aliases and collections are no business of his.
    assert ask(guarded, "GET", "/aliases", access=narrow).result == {
        "aliases": []}
    assert ask(guarded, "GET", path + "/aliases", access=narrow).result == {
        "aliases": [{"alias_name": "team-a", "collection_name": "secret"}]}
    assert len(ask(guarded, "GET", "/collections/secret/aliases",
                   access=grants(secret="r")).result["aliases"]) == 2
    made = [(line["collection"], line.get("alias_of"), line["result"])
            for line in lines(guarded)[before:] if "collection" in line]
    assert made == [("team-a", "secret", "allowed"),
                    ("secret", None, "denied"), ("team-a", None, "denied"),
                    ("team-a", "secret", "allowed"),
                    ("secret", None, "allowed")]
    assert change(*({"delete_alias": {"alias_name": alias}}
                    for alias in ("team-a", "hidden")), **key).status == 200


# ---- the audit log ----------------------------------------------------------

def test_audit_says_who_did_what(guarded):
    before = len(lines(guarded))
    ask(guarded, "GET", C, access=grants(docs="r"),
        **{"X-Request-Id": "req-7"})
    ask(guarded, "DELETE", C, access=grants(docs="r"))
    ask(guarded, "GET", "/collections", made=BAD["forged"]())
    guarded.call("GET", "/collections", headers={"api-key": API_KEY})
    guarded.call("GET", "/collections/none", headers={"api-key": "reader"})
    guarded.call("GET", "/healthz")
    made = lines(guarded)[before:]
    for line in made:
        at = time.strptime(line.pop("time")[:19], "%Y-%m-%dT%H:%M:%S")
        assert abs(time.time() - calendar.timegm(at)) < 60
    alice = {"who": "identity", "sub": "u-1", "name": "alice"}
    path = "/collections/{name}"
    assert made == [
        {**alice, "operation": f"GET {path}", "collection": "docs",
         "request_id": "req-7", "result": "allowed", "status": 200},
        {**alice, "operation": f"DELETE {path}", "collection": "docs",
         "result": "denied", "status": 403},
        {"who": "unknown", "operation": "GET /collections",
         "result": "denied", "status": 401},
        {"who": "api_key", "operation": "GET /collections",
         "result": "allowed", "status": 200},
        {"who": "read_only_api_key", "operation": f"GET {path}",
         "collection": "none", "result": "allowed", "status": 404},
    ]


def test_audit_names_what_was_looked_up(guarded):
    """Other collections that a search read, each once, and who was refused."""
    before = len(lines(guarded))
    body = {"group_by": "g", "with_lookup": "secret", "prefetch": [
        {"query": 1, "lookup_from": {"collection": "secret"}},
        {"query": 1, "lookup_from": {"collection": "none"}}],
        "query": {"fusion": "rrf"}}
    ask(guarded, "POST", C + "/points/query/groups", body,
        access=grants(**{"docs": "r", "secret": "r", "none": "r"}))
    ask(guarded, "POST", C + "/points/query",
        {"query": 1, "lookup_from": {"collection": "secret"}},
        access=grants(docs="r"))
    looked = [(line["status"], line["result"], line["lookups"])
              for line in lines(guarded)[before:]]
    assert looked == [(404, "allowed", ["secret", "none"]),
                      (403, "denied", ["secret"])]


def test_audit_holds_no_secret(guarded):
    made = token("m", sub="u-secret")
    ask(guarded, "POST", C + "/points/scroll",
        {"filter": {"must": [{"key": "pin", "match": {"value": "4711"}}]}},
        made=made, **{"api-key": API_KEY})
    text = guarded.audit.read_text()
    assert "u-secret" in text
    for secret in (API_KEY, KEY, made, made.split(".")[1], "4711"):
        assert secret not in text and secret not in guarded.log()
    assert guarded.audit.stat().st_mode & 0o137 == 0


def test_audit_is_rotated_by_a_signal(guarded):
    guarded.audit.rename(guarded.audit.with_suffix(".1"))
    guarded.signal(signal.SIGUSR1)
    deadline = time.monotonic() + 10
    while not guarded.audit.exists() and time.monotonic() < deadline:
        ask(guarded, "GET", C, access="r")
    assert lines(guarded)[0]["name"] == "alice"


def test_audit_can_leave_out_what_was_only_read(engine_factory, tmp_path):
    engine = engine_factory(more_config=f"""\
  audit_log: {tmp_path}/audit.log
  audit_reads: false
""").start()
    engine.audit = tmp_path / "audit.log"
    engine.create("docs")
    assert engine.count("docs") == 0
    assert ask(engine, "GET", "/collections", made="x").status == 401
    assert [(line["operation"], line["who"], line["result"])
            for line in lines(engine)] == [
        ("PUT /collections/{name}", "anyone", "allowed"),
        ("GET /collections", "unknown", "denied")]


@pytest.mark.parametrize("config, cause", [
    ("identity_key_file: {folder}/none", "No such file"),
    ("identity_key_file: {folder}/open", "chmod 600"),
    ("identity_key_file: {folder}/short", "line 1"),
    ("audit_log: {folder}", "audit_log"),
])
def test_bad_settings_end_the_start(engine_factory, tmp_path, config, cause):
    (tmp_path / "open").write_text(KEY)
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "short").write_text("abc")
    (tmp_path / "short").chmod(0o600)
    engine = engine_factory(
        more_config="  " + config.format(folder=tmp_path) + "\n")
    with pytest.raises(RuntimeError, match="ended with 2") as caught:
        engine.start()
    engine.process = None
    assert cause in str(caught.value)


def test_grpc_holds_people_to_the_same_rights(guarded):
    from frames import Peer, field
    calls = {"count": ("/qdrant.Points/Count", b""),
             "delete": ("/qdrant.Points/Delete",
                        field(3, field(1, field(1, b"\x08\x01")))),
             "drop": ("/qdrant.Collections/Delete", b"")}

    def status(peer, what, collection, *headers):
        path, more = calls[what]
        return peer.call(path, field(1, collection) + more,
                         list(headers)).status

    reader = (HEADER.lower(), token(grants(docs="r")))
    writer = (HEADER.lower(), token(grants(docs="prw")))
    with Peer(guarded.grpc_port) as peer:
        assert status(peer, "count", "docs", reader) == 0
        assert status(peer, "delete", "docs", reader) == 7
        assert status(peer, "delete", "docs", writer) == 0
        assert status(peer, "drop", "docs", writer) == 7
        # a key beside an identity adds nothing
        assert status(peer, "drop", "docs", writer,
                      ("api-key", API_KEY)) == 7
        for collection in ("secret", "nowhere"):
            assert status(peer, "count", collection, reader) == 7
        forged = (HEADER.lower(), token("m", key="b2" * 32))
        assert status(peer, "count", "docs", forged) == 16
        listed = peer.call("/qdrant.Collections/List", b"", [reader]).message
        assert b"docs" in listed and b"secret" not in listed
