# SPDX-License-Identifier: Apache-2.0
"""API keys and the tokens that they sign (service.jwt_rbac), over REST and
gRPC, with the published client where a program would use it; keys from files;
and that no key is seen where it should not be. What each right may do is in
test_rights_table.py."""
import json
import os
import subprocess
import time

import pytest

from azimuthd import program
from certificates import Authority
from frames import Peer, framed, field
from tokens import encode, signed

import grpc  # noqa: E402, of the client that frames found
from qdrant_client import QdrantClient  # noqa: E402

KEY = "the-whole-key-7f3a9c5b21d84e60aa17"
ALT = "the-next-key-0d5e8b7f6c4a392115ee"
READER = "the-reading-key-5a5a5a5a"
SKEW = 30


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """An engine with all keys and tokens, and two collections."""
    from azimuthd import Engine
    folder = tmp_path_factory.mktemp("keyed")
    engine = Engine(folder, more_config=f"""\
  api_key: {KEY}
  alt_api_key: {ALT}
  read_only_api_key: {READER}
  jwt_rbac: true
  audit_log: {folder}/audit.log
log_level: TRACE
""")
    engine.start()
    for name in ("docs", "users"):
        engine.call("PUT", f"/collections/{name}",
                    {"vectors": {"size": 2, "distance": "Dot"}},
                    {"api-key": KEY})
    put(engine, "users", 1, {"name": "alice", "active": True, "level": 3})
    put(engine, "docs", 1, {"text": "hello"})
    yield engine
    assert engine.stop() == 0, engine.log()


def put(engine, name, id, payload):
    answer = engine.call(
        "PUT", f"/collections/{name}/points?wait=true",
        {"points": [{"id": id, "vector": [1, 0], "payload": payload}]},
        {"api-key": KEY})
    assert answer.status == 200, answer


def ask(engine, key, method="GET", path="/collections/docs", body=None):
    """The status with the key in either header, which must agree."""
    first = engine.call(method, path, body, {"api-key": key})
    second = engine.call(method, path, body,
                         {"Authorization": f"Bearer {key}"})
    assert first.status == second.status
    return first


def over_grpc(engine, key, name="docs"):
    """The status of Get over gRPC, by the published client."""
    client = QdrantClient(host="127.0.0.1", port=engine.port,
                          grpc_port=engine.grpc_port, prefer_grpc=True,
                          https=False, api_key=key, check_compatibility=False)
    try:
        client.retrieve(name, [1])
        return grpc.StatusCode.OK
    except grpc.RpcError as error:
        return error.code()
    finally:
        client.close()


# ---- keys -------------------------------------------------------------------

def test_each_key_over_rest_and_grpc(keyed):
    for key in (KEY, ALT, READER):
        assert ask(keyed, key).status == 200
        assert over_grpc(keyed, key) == grpc.StatusCode.OK
    for key in ("wrong", KEY[:-1], KEY + "x", KEY.upper(), " ", "a.b.c"):
        assert ask(keyed, key).status == 401
    assert over_grpc(keyed, "wrong") == grpc.StatusCode.UNAUTHENTICATED
    assert keyed.call("GET", "/collections/docs").status == 401
    point = {"points": [{"id": 9, "vector": [0, 1]}]}
    path = "/collections/docs/points?wait=true"
    assert ask(keyed, READER, "PUT", path, point).status == 403
    assert ask(keyed, ALT, "PUT", path, point).status == 200


def test_keys_from_files(engine_factory, tmp_path):
    files = {}
    for name, key in (("api_key", KEY), ("alt_api_key", ALT),
                      ("read_only_api_key", READER)):
        files[name] = tmp_path / name
        files[name].write_text(key + "\n")
        files[name].chmod(0o640 if name == "alt_api_key" else 0o600)
    config = "".join(f"  {k}_file: {v}\n" for k, v in files.items())
    engine = engine_factory(more_config=config + "  jwt_rbac: true\n")
    engine.start()
    assert engine.call("GET", "/collections").status == 401
    for key in (KEY, ALT, READER, signed(ALT, {"access": "r"})):
        assert ask(engine, key, path="/collections").status == 200
    assert engine.stop() == 0


def refused(engine, *texts):
    with pytest.raises(RuntimeError) as error:
        engine.start()
    engine.process = None
    for text in texts:
        assert text in str(error.value)
    return str(error.value)


def test_bad_key_files_are_refused_by_name(engine_factory, tmp_path):
    file = tmp_path / "key"
    config = f"  api_key_file: {file}\n"
    refused(engine_factory(more_config=config), "service.api_key_file",
            str(file), "No such file")
    file.write_text(KEY)
    file.chmod(0o644)
    refused(engine_factory(more_config=config), str(file), "chmod 600")
    for content in ("", "\n", "two words\n", "one\ntwo\n", "\u00e9"):
        file.write_text(content)
        file.chmod(0o600)
        refused(engine_factory(more_config=config), str(file))
    file.write_text(KEY)
    text = refused(engine_factory(
        more_config=config + "  api_key: other\n"), "service.api_key_file",
        "remove one")
    assert KEY not in text


def test_tokens_need_a_key_that_signs_them(engine_factory):
    refused(engine_factory(more_config="  jwt_rbac: true\n"),
            "service.jwt_rbac", "service.api_key")


def test_the_check_of_a_configuration_looks_into_files(tmp_path):
    def check(**environment):
        return subprocess.run([str(program()), "--check-config"], text=True,
                              capture_output=True, cwd=tmp_path,
                              env={**os.environ, **environment})
    tls = {"QDRANT__SERVICE__ENABLE_TLS": "true"}
    assert check().returncode == 0
    for environment, text in (
            (tls, "tls.cert ./tls/cert.pem: No such file"),
            ({"QDRANT__SERVICE__VERIFY_HTTPS_CLIENT_CERTIFICATE": "true"},
             "needs service.enable_tls"),
            ({"QDRANT__SERVICE__JWT_RBAC": "true"}, "service.jwt_rbac needs"),
            ({"QDRANT__SERVICE__IDENTITY_KEY_FILE": "none"},
             "service.identity_key_file none: No such file"),
            ({"QDRANT__SERVICE__API_KEY_FILE": "none"},
             "service.api_key_file none: No such file")):
        done = check(**environment)
        assert done.returncode == 2 and text in done.stderr, done
    Authority("a").issue(tmp_path / "tls", "one")
    assert check(**tls).returncode == 0


# ---- tokens -----------------------------------------------------------------

def now(seconds=0):
    return int(time.time()) + seconds


def test_who_signs(keyed):
    for key in (KEY, ALT):
        token = signed(key, {"access": "r"})
        for _ in range(2):  # the second time from the cache
            assert ask(keyed, token).status == 200
            assert over_grpc(keyed, token) == grpc.StatusCode.OK
    for key in (READER, "other", KEY[:-1]):
        token = signed(key, {"access": "m"})
        answer = ask(keyed, token)
        assert answer.status == 403 and answer.text == "InvalidSignature"
        assert over_grpc(keyed, token) == grpc.StatusCode.PERMISSION_DENIED


def test_without_the_switch_a_token_is_a_wrong_key(engine_factory):
    engine = engine_factory(more_config=f"  api_key: {KEY}\n").start()
    assert ask(engine, signed(KEY, {"access": "m"}),
               path="/collections").status == 401


@pytest.mark.parametrize("claims,status", [
    ({"exp": 60}, 200), ({"exp": 5 - SKEW}, 200), ({"exp": -5 - SKEW}, 403),
    ({"nbf": -60}, 200), ({"nbf": SKEW - 5}, 200), ({"nbf": SKEW + 60}, 403),
])
def test_times(keyed, claims, status):
    claims = {k: now(v) for k, v in claims.items()}
    assert ask(keyed, signed(KEY, {"access": "r", **claims})).status == status


def test_a_token_that_was_believed_expires(keyed):
    token = signed(KEY, {"access": "r", "exp": now(3 - SKEW)})
    assert ask(keyed, token).status == 200
    deadline = time.monotonic() + 20
    while ask(keyed, token).status == 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    answer = ask(keyed, token)
    assert answer.status == 403 and answer.text == "ExpiredSignature"


@pytest.mark.parametrize("claims", [
    {"access": "rw"}, {"access": None}, {"access": 1}, {"access": {}},
    {"access": [{"collection": "docs"}]},
    {"access": [{"collection": "docs", "access": "m"}]},
    {"access": [{"collection": "*", "access": "r"}]},
    {"access": [{"collection": "docs", "access": "r", "payload": {"a": [1]}}]},
    {"access": [{"collection": "docs", "access": "r"}] * 2},
    {"exp": "soon"}, {"exp": 1e10},
    {"value_exists": {"collection": "users"}},
])
def test_claims_that_are_not_understood(keyed, claims):
    answer = ask(keyed, signed(KEY, claims))
    assert answer.status == 401
    assert answer.text.startswith("Invalid API key or JWT: its claim `")


def test_the_algorithm_is_ours(keyed):
    claims = {"access": "m"}
    for alg in ("none", "None", "HS384", "RS256", "hs256"):
        assert ask(keyed, signed(KEY, claims,
                                 {"alg": alg, "typ": "JWT"})).status == 401
    unsigned = f'{encode({"alg": "none"})}.{encode(claims)}.'
    assert ask(keyed, unsigned).status == 401
    assert ask(keyed, "a" * 20000).status in (401, 431)


def test_a_token_of_many_collections(keyed):
    def token(count):
        return signed(KEY, {"access": [
            {"collection": f"c{i}", "access": "r"} for i in range(count)] +
            on_docs})
    on_docs = [{"collection": "docs", "access": "r"}]
    for _ in range(2):
        assert ask(keyed, token(200)).status == 200
        assert over_grpc(keyed, token(200)) == grpc.StatusCode.OK
    assert ask(keyed, token(256)).status == 401


def test_lists_show_what_a_token_may_read(keyed):
    token = signed(KEY, {"access": [{"collection": "docs", "access": "r"}]})
    answer = ask(keyed, token, path="/collections")
    assert [c["name"] for c in answer.result["collections"]] == ["docs"]


def test_a_lookup_elsewhere_needs_its_own_right(keyed):
    body = {"query": 1, "lookup_from": {"collection": "users"}}
    path = "/collections/docs/points/query"
    narrow = [{"collection": "docs", "access": "r"}]
    both = narrow + [{"collection": "users", "access": "r"}]
    assert ask(keyed, signed(KEY, {"access": narrow}), "POST", path,
               body).status == 403
    assert ask(keyed, signed(KEY, {"access": both}), "POST", path,
               body).status == 200


def wanting(**values):
    return signed(KEY, {"access": "r", "value_exists": {
        "collection": "users",
        "matches": [{"key": k, "value": v} for k, v in values.items()]}})


def test_a_token_that_wants_a_point(keyed):
    good = wanting(name="alice", active=True, level=3)
    assert ask(keyed, good).status == 200
    assert over_grpc(keyed, good) == grpc.StatusCode.OK
    for values in ({"name": "bob"}, {"name": "alice", "level": 4},
                   {"level": "3"}, {"active": False}, {"no": 1}):
        answer = ask(keyed, wanting(**values))
        assert answer.status == 401, answer
        assert "stateful validation failed" in answer.text
    assert over_grpc(keyed, wanting(name="bob")) == \
        grpc.StatusCode.UNAUTHENTICATED
    for name, status in (("nowhere", 403), ("users", 200)):
        some = signed(KEY, {"access": "m", "value_exists": {
            "collection": name, "matches": []}})
        assert ask(keyed, some).status == status
    # Taking the point away takes the right away, at once.
    put(keyed, "users", 2, {"name": "carol"})
    assert ask(keyed, wanting(name="carol")).status == 200
    keyed.call("POST", "/collections/users/points/delete?wait=true",
               {"points": [2]}, {"api-key": KEY})
    assert ask(keyed, wanting(name="carol")).status == 401


def begin_upload(engine, token, size=300 << 20, more=()):
    """A connection with the head of an upload, and no byte of its body."""
    link = engine.socket(10)
    lines = [b"POST /collections/docs/snapshots/upload HTTP/1.1", b"Host: x",
             b"api-key: " + token.encode(), b"Content-Length: %d" % size,
             b"Content-Type: multipart/form-data; boundary=b", *more]
    link.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
    return link


def test_an_upload_is_judged_before_its_body(keyed):
    """Also where a point has to be looked up for it; what is admitted is judged
    once more at the end."""
    def may(**values):
        return signed(KEY, {"access": "m", "value_exists": {
            "collection": "users",
            "matches": [{"key": k, "value": v} for k, v in values.items()]}})

    nowhere = signed(KEY, {"access": "m", "value_exists": {
        "collection": "nowhere", "matches": []}})
    expect = [b"Expect: 100-continue"]
    for token, status in ((may(name="bob"), 401), (nowhere, 403),
                          (wanting(name="alice"), 403)):
        for size, more in ((300 << 20, ()), (1000, expect),
                           (300 << 20, expect)):
            with begin_upload(keyed, token, size, more) as link:
                head = link.recv(65536)
                assert head.startswith(b"HTTP/1.1 %d " % status), head
    with begin_upload(keyed, may(name="alice"), 1000, expect) as link:
        assert link.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        keyed.call("POST", "/collections/users/points/payload?wait=true",
                   {"points": [1], "payload": {"name": "dora"}},
                   {"api-key": KEY})
        link.sendall(bytes(1000))
        assert link.recv(65536).startswith(b"HTTP/1.1 401 ")
    keyed.call("POST", "/collections/users/points/payload?wait=true",
               {"points": [1], "payload": {"name": "alice"}},
               {"api-key": KEY})
    path = "/collections/docs/snapshots/upload"
    made = keyed.call("POST", "/collections/docs/snapshots",
                      headers={"api-key": KEY}).result
    data = keyed.call("GET", f"/collections/docs/snapshots/{made['name']}",
                      headers={"api-key": KEY}).body
    for token, status in ((may(name="alice"), 200), (may(name="bob"), 401)):
        answer = keyed.call("POST", path, (
            b'--b\r\nContent-Disposition: form-data; name="snapshot"\r\n\r\n'
            + data + b"\r\n--b--\r\n"), {
            "api-key": token,
            "Content-Type": "multipart/form-data; boundary=b"})
        assert answer.status == status, answer
    assert not list((keyed.folder / "snapshots" / ".tmp").iterdir())
    audit = (keyed.folder / "audit.log").read_text().splitlines()
    assert json.loads(audit[-1])["result"] == "denied"


def test_the_audit_log_says_who_a_token_is_for(keyed):
    token = signed(KEY, {"access": [{"collection": "docs", "access": "r"}],
                         "sub": "inference", "subject": "alice"})
    assert ask(keyed, token).status == 200
    assert ask(keyed, token, path="/collections/users").status == 403
    audit = (keyed.folder / "audit.log").read_text().splitlines()
    made = [json.loads(line) for line in audit[-4:]]
    assert [(m["who"], m["sub"], m["collection"], m["result"])
            for m in made] == [("jwt", "alice", "docs", "allowed")] * 2 + \
        [("jwt", "alice", "users", "denied")] * 2


def test_reflection_with_a_token_that_wants_a_point(keyed):
    """It is answered without an executor: refused, and nothing ends."""
    path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    for token, status in ((wanting(name="alice"), 7), (KEY, 0)):
        with Peer(keyed.grpc_port) as peer:
            id = peer.begin(path, [("api-key", token)])
            peer.send(id, framed(field(7, "")))
            assert peer.wait(id).status == status
    assert ask(keyed, KEY).status == 200


# ---- where no key is seen ---------------------------------------------------

def test_keys_are_seen_nowhere(engine_factory, tmp_path):
    environment = {"QDRANT__SERVICE__API_KEY": KEY,
                   "QDRANT__SERVICE__ALT_API_KEY": ALT,
                   "QDRANT__SERVICE__READ_ONLY_API_KEY": READER}
    audit = tmp_path / "audit.log"
    engine = engine_factory(environment=environment, more_config=f"""\
  jwt_rbac: true
  audit_log: {audit}
  slow_query_ms: 1
log_level: TRACE
""").start()
    token = signed(KEY, {"access": "r"})
    wrong = "a-wrong-key-that-somebody-sent"
    seen = []
    for key in (KEY, ALT, READER, token, wrong):
        for path in ("/telemetry?details_level=10", "/metrics", "/cluster",
                     "/collections", "/issues", "/", "/nowhere"):
            seen.append(ask(engine, key, path=path).text)
            seen.append(str(engine.call("GET", path, None,
                                        {"api-key": key}).headers))
    pid = engine.process.pid
    for name in ("cmdline", "environ"):  # what ps shows
        seen.append(open(f"/proc/{pid}/{name}", "rb").read().decode())
    assert engine.stop() == 0
    seen.append(engine.log_path.read_text())
    seen.append(audit.read_text())
    for key in (KEY, ALT, READER, token, token.split(".")[2], wrong):
        assert not any(key in text for text in seen), key
    assert os.environ.get("PATH", "") in seen[-3]  # environ was really read
