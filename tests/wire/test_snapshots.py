# SPDX-License-Identifier: Apache-2.0
"""Snapshots: made while points change, handed out, restored; what is damaged
or not allowed changes nothing."""
import hashlib
import http.server
import json
import re
import threading
import time

import pytest

from client_package import TRANSPORTS, run_steps

NAME_FORM = r"{}-1-\d{{4}}(-\d\d){{5}}\.snapshot"


def points(count, first=0):
    return [{"id": first + i, "vector": [first + i, 1, 2, 3],
             "payload": {"n": first + i}} for i in range(count)]


@pytest.fixture
def filled(engine, name):
    engine.create(name, 4, "Euclid")
    engine.call("PUT", f"/collections/{name}/index?wait=true",
                {"field_name": "n", "field_schema": "integer"})
    engine.upsert(name, points(100))
    return name


def make(engine, name):
    return engine.call("POST", f"/collections/{name}/snapshots").result


def place(engine, name, snapshot):
    return f"file://{engine.folder}/snapshots/{name}/{snapshot['name']}"


def recover(engine, name, location, **more):
    return engine.call("PUT", f"/collections/{name}/snapshots/recover",
                       {"location": location, **more})


def form(data, before=b"", boundary=b"a-b_c", field=b"snapshot"):
    return (b"--" + boundary + b"\r\n" + before +
            b'Content-Disposition: form-data; name="' + field +
            b'"; filename="x.snapshot"\r\nContent-Type: '
            b"application/octet-stream\r\n\r\n" + data + b"\r\n--" + boundary +
            b"--\r\n")


def upload(engine, name, body, query="", boundary="a-b_c"):
    return engine.call(
        "POST", f"/collections/{name}/snapshots/upload{query}", body,
        {"Content-Type": f"multipart/form-data; boundary={boundary}"})


def download(engine, name, snapshot):
    answer = engine.call("GET",
                         f"/collections/{name}/snapshots/{snapshot['name']}")
    assert answer.status == 200
    return answer


@pytest.fixture(scope="module", params=TRANSPORTS)
def outcome(request, engine):
    return run_steps(engine, "snapshots.py", request.param)


@pytest.mark.parametrize("step", ["create_list_delete", "recover", "shards",
                                  "full", "end"])
def test_both_clients_see_the_same(outcome, step):
    assert outcome[f"step_{step}"] is None, outcome[f"step_{step}"]


def test_no_name_is_given_to_two(engine, filled):
    """The checksum of one that is being made is there before it is."""
    first = make(engine, filled)
    folder = engine.folder / "snapshots" / filled
    stamp = re.search(r"(\d{4}(-\d\d){5})\.snapshot", first["name"])[1]
    begin = time.mktime(time.strptime(stamp, "%Y-%m-%d-%H-%M-%S"))
    others = []
    for second in range(1, 30):
        at = time.strftime("%Y-%m-%d-%H-%M-%S", time.localtime(begin + second))
        others.append(folder / (first["name"].replace(stamp, at) + ".checksum"))
        others[-1].write_text("another's")
    made = make(engine, filled)
    assert made["checksum"] == hashlib.sha256(
        (folder / made["name"]).read_bytes()).hexdigest()
    assert {path.read_text() for path in others} == {"another's"}
    assert made["name"] + ".checksum" not in {path.name for path in others}


def test_made_listed_downloaded_deleted(engine, filled):
    made = make(engine, filled)
    assert re.fullmatch(NAME_FORM.format(filled), made["name"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
                        made["creation_time"])
    path = f"/collections/{filled}/snapshots"
    assert engine.call("GET", path).result == [made]
    answer = download(engine, filled, made)
    assert int(answer.headers["Content-Length"]) == made["size"]
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert hashlib.sha256(answer.body).hexdigest() == made["checksum"]
    kept = engine.folder / "snapshots" / filled / f"{made['name']}.checksum"
    assert kept.read_text() == made["checksum"]
    head = engine.call("HEAD", f"{path}/{made['name']}")
    assert int(head.headers["Content-Length"]) == made["size"]
    assert head.body == b""
    assert engine.call("DELETE", f"{path}/{made['name']}").result is True
    assert engine.call("GET", path).result == [] and not kept.exists()
    for method in ("GET", "DELETE"):
        answer = engine.call(method, f"{path}/{made['name']}")
        assert answer.status == 404
        assert answer.error == f"Not found: Snapshot {made['name']} does " \
            "not exist"


def test_one_point_is_small(engine, name):
    engine.create(name, 4)
    engine.upsert(name, points(1, 1))
    # What was there before does not count, only what is.
    engine.upsert(name, [{"id": 1, "vector": [1, 2, 3, 4],
                          "payload": {"t": "x" * 500_000}}])
    engine.upsert(name, points(1, 1))
    assert make(engine, name)["size"] < 100_000


@pytest.mark.parametrize("bad", [
    "../../x.snapshot", "..%2F..%2Fx.snapshot", ".tmp", ".snapshot",
    "x.snapshot%2F", "x.snapshot%00", "x", "x.checksum",
    "a" * 300 + ".snapshot"])
def test_names_that_are_none(engine, filled, bad):
    for method in ("GET", "DELETE"):
        answer = engine.call(method, f"/collections/{filled}/snapshots/{bad}")
        assert answer.status == 404, answer


@pytest.mark.parametrize("odd", ["..", ".", ".tmp", "%25x", "%2E.x", "a b",
                                 "\u00e4" * 120, "." + "x" * 254,
                                 "x" * 246 + ".snapshot"])
def test_collections_of_any_name(engine, odd):
    from urllib.parse import quote
    path = f"/collections/{quote(odd) if '%' not in odd else odd}"
    if odd in (".", "..", ".tmp"):
        path = "/collections/" + odd.replace(".", "%2E")
    size = {"vectors": {"size": 4, "distance": "Dot"}}
    assert engine.call("PUT", path, size).status == 200
    try:
        engine.call("PUT", f"{path}/points?wait=true", {"points": points(3)})
        made = engine.call("POST", f"{path}/snapshots").result
        assert engine.call("GET", f"{path}/snapshots").result == [made]
        data = engine.call("GET", f"{path}/snapshots/{quote(made['name'])}")
        assert len(data.body) == made["size"]
        below = engine.folder / "snapshots"
        assert [f for f in below.rglob(made["name"])]
    finally:
        engine.call("DELETE", path)


def test_recover_from_a_file(engine, filled):
    made = make(engine, filled)
    engine.upsert(filled, points(50, 100))
    engine.call("POST", f"/collections/{filled}/points/delete?wait=true",
                {"points": [1, 2, 3]})
    assert recover(engine, filled, place(engine, filled, made),
                   checksum=made["checksum"].upper(), priority="snapshot",
                   api_key="ignored").result is True
    assert engine.count(filled) == 100
    assert engine.count(filled, {"must": [
        {"key": "n", "range": {"lt": 10}}]}) == 10
    found = engine.get(filled, range(100))
    assert all(found[i]["payload"] == {"n": i} and
               found[i]["vector"] == [i, 1, 2, 3] for i in range(100))
    # With its index, into a collection that was not there, and it goes on.
    copy = f"{filled}-copy"
    assert recover(engine, copy, place(engine, filled, made)).status == 200
    info = engine.call("GET", f"/collections/{copy}").result
    assert info["payload_schema"]["n"]["data_type"] == "integer"
    engine.upsert(copy, points(1, 1000))
    assert engine.count(copy) == 101 and engine.count(filled) == 100
    engine.call("DELETE", f"/collections/{copy}")


def test_an_alias_stands_for_its_collection(engine, filled):
    alias = f"{filled}-alias"
    engine.call("POST", "/collections/aliases", {"actions": [{
        "create_alias": {"collection_name": filled, "alias_name": alias}}]})
    made = make(engine, alias)
    assert made["name"].startswith(f"{filled}-1-")
    engine.upsert(filled, points(5, 500))
    assert recover(engine, alias, place(engine, filled, made)).status == 200
    assert engine.count(filled) == engine.count(alias) == 100


def test_what_cannot_be_restored_changes_nothing(engine, filled, tmp_path):
    made = make(engine, filled)
    inside = engine.folder / "snapshots" / filled
    good = place(engine, filled, made)
    data = (inside / made["name"]).read_bytes()
    outside = tmp_path / "outside.snapshot"
    outside.write_bytes(data)
    (inside / "link.snapshot").symlink_to(outside)
    (inside / "cut.snapshot").write_bytes(data[:-1])
    (inside / "more.snapshot").write_bytes(data + b"x")
    (inside / "empty.snapshot").write_bytes(b"")
    (inside / "tar.snapshot").write_bytes(b"version.info" + bytes(2000))
    other = f"{filled}-other"
    engine.create(other, 5)
    base = f"file://{inside}"
    for name, location, more, status, text in (
            (filled, f"{base}/none.snapshot", {}, 400, "does not exist"),
            (filled, f"file://{outside}", {}, 403, "outside of the snapshots"),
            (filled, f"{base}/link.snapshot", {}, 403, "outside"),
            (filled, f"{base}/../../azimuthd.yaml", {}, 403, "outside"),
            (filled, str(inside / made["name"]), {}, 400, "location"),
            (filled, "ftp://x/y", {}, 400, "location"),
            (filled, "", {}, 400, "location"),
            (filled, f"{base}/cut.snapshot", {}, 400, "damaged"),
            (filled, f"{base}/more.snapshot", {}, 400, "damaged"),
            (filled, f"{base}/empty.snapshot", {}, 400, "no snapshot"),
            (filled, f"{base}/tar.snapshot", {}, 400, "no snapshot"),
            (filled, good, {"checksum": "0" * 64}, 400,
             "Checksum mismatch: expected 000"),
            (filled, good, {"checksum": "zz"}, 400, "checksum"),
            (filled, good, {"priority": "now"}, 400, "priority"),
            (filled, f"http://127.0.0.1:{engine.port}/none", {}, 400, "404"),
            (filled, "http://127.0.0.1:1/x", {}, 503, "downloaded"),
            (other, good, {}, 400, "not compatible"),
            ("a/b", good, {}, 404, None), ("a:b", good, {}, 422, "name")):
        answer = recover(engine, name, location, **more)
        assert answer.status == status, (location, more, answer)
        if text is not None:
            assert text in answer.error, (text, answer)
    answer = engine.call("PUT", f"/collections/{filled}/snapshots/recover", {})
    assert answer.status == 400 and "location" in answer.error
    assert engine.count(filled) == 100 and engine.count(other) == 0
    assert not list((engine.folder / "snapshots" / ".tmp").iterdir())
    assert not list((engine.folder / "storage" / "staging").iterdir())


def test_every_bit_of_a_snapshot_counts(engine, filled):
    made = make(engine, filled)
    path = engine.folder / "snapshots" / filled / made["name"]
    data = path.read_bytes()
    bad = path.with_name("bad.snapshot")
    steps = max(1, len(data) // 150)
    tried = 0
    for at in [*range(0, 120), *range(120, len(data), steps),
               *range(len(data) - 60, len(data))]:
        spoilt = bytearray(data)
        spoilt[at] ^= 1 << (at % 8)
        bad.write_bytes(spoilt)
        answer = recover(engine, filled, f"file://{bad}")
        assert answer.status in (400, 500), (at, answer)
        assert "snapshot" in answer.error, (at, answer)
        tried += 1
    assert tried > 200 and engine.count(filled) == 100


def test_uploads(engine, filled):
    made = make(engine, filled)
    data = download(engine, filled, made).body
    other = f"{filled}-uploaded"
    query = f"?priority=snapshot&checksum={made['checksum']}"
    assert upload(engine, other, form(data), query).result is True
    assert engine.count(other) == 100
    # Fields before and after it, a quoted boundary.
    body = form(data, b'Content-Disposition: form-data; name="type"\r\n\r\n'
                      b"x\r\n--a-b_c\r\n")
    body = body[:-4] + b'\r\nContent-Disposition: form-data; name="z"\r\n' \
        b"\r\n\r\n--a-b_c--\r\n"
    assert upload(engine, other, body, boundary='"a-b_c"').result is True
    for body, more, status, text in (
            (form(data), "?checksum=" + "0" * 64, 400, "Checksum mismatch"),
            (form(data), "?checksum=x", 400, "checksum"),
            (form(data), "?priority=x", 400, "variant"),
            (form(data[:-9]), "", 400, "damaged"),
            (form(b""), "", 400, "no snapshot"),
            (form(data, field=b"file"), "", 400, "no field `snapshot`"),
            (form(data)[:-12], "", 400, "cut short"),
            (data, "", 400, "begin with its boundary"),
            (b"", "", 400, "multipart"),
            (form(data, b"X: " + b"y" * 70000 + b"\r\n"), "", 400,
             "does not end")):
        answer = upload(engine, other, body, more)
        assert answer.status == status and text in answer.error, (text, answer)
    answer = engine.call("POST", f"/collections/{other}/snapshots/upload",
                         form(data), {"Content-Type": "application/json"})
    assert answer.status == 400 and "multipart" in answer.error
    assert engine.count(other) == 100
    engine.call("DELETE", f"/collections/{other}")


def test_an_upload_has_one_place_and_gives_it_back(engine, filled):
    """More than may be restored at a time, one after another; what is no form is
    told also to who does not wait."""
    data = download(engine, filled, make(engine, filled)).body
    other = f"{filled}-uploaded"
    for query in ("", "?wait=false") * 9:
        answer = upload(engine, other, form(data, field=b"file"), query)
        assert answer.status == 400 and "no field" in answer.error, answer
    for _ in range(9):
        answer = upload(engine, other, form(data[:-9]))
        assert answer.status == 400 and "damaged" in answer.error, answer
    assert engine.call("GET", f"/collections/{other}").status == 404
    assert upload(engine, other, form(data), "?wait=false").status == 202
    deadline = time.monotonic() + 60
    while engine.call("GET", f"/collections/{other}").status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert engine.count(other) == 100
    for _ in range(9):
        assert upload(engine, other, form(data)).result is True
    engine.call("DELETE", f"/collections/{other}")


def test_uploads_past_the_limit_of_bodies(engine_factory):
    """Bodies in memory end at 1 MB here, uploads go to the disk."""
    engine = engine_factory(more_config="  max_request_size_mb: 1\n").start()
    engine.create("big", 256, "Dot")
    import random
    numbers = random.Random(1)
    for at in range(0, 6000, 200):
        engine.upsert("big", [
            {"id": at + i, "vector": [numbers.random() for _ in range(256)]}
            for i in range(200)])
    made = make(engine, "big")
    assert made["size"] > 5_000_000
    data = download(engine, "big", made).body
    assert hashlib.sha256(data).hexdigest() == made["checksum"]
    assert upload(engine, "copy", form(data)).result is True
    assert engine.count("copy") == 6000
    engine.stop()
    engine.environment["QDRANT__STORAGE__SNAPSHOTS_CONFIG__MAX_FILE_SIZE_MB"] \
        = "2"
    engine.start()
    answer = upload(engine, "copy2", form(data))
    assert answer.status == 413 and "max_file_size_mb" in answer.error
    answer = recover(engine, "copy2",
                     f"http://127.0.0.1:{engine.port}/collections/big/"
                     f"snapshots/{made['name']}")
    assert answer.status == 400 and "max_file_size_mb" in answer.error


def test_uploads_without_a_place_are_not_kept(engine_factory):
    """What is refused whatever it holds is told before the body is looked at,
    which is dropped as it comes."""
    engine = engine_factory(environment={
        "QDRANT__STORAGE__MAX_COLLECTIONS": "1"}).start()
    engine.create("one", 4, "Dot")
    answer = engine.call("POST", "/collections/two/snapshots/upload",
                         bytes(3 << 20))
    assert answer.status == 400 and "max_collections" in answer.error
    answer = engine.call("POST", "/collections/two/shards/0/snapshots/upload",
                         bytes(3 << 20))
    assert answer.status == 404 and "`two` doesn't exist" in answer.error
    answer = engine.call("POST", "/collections/one/snapshots/upload", b"x")
    assert answer.status == 400 and "multipart" in answer.error
    made = make(engine, "one")
    data = download(engine, "one", made).body
    assert upload(engine, "one", form(data)).result is True


def test_keys(engine_factory):
    """Who may not upload is told before the body is taken; a key goes to the
    host of the location, and not where that one sends us."""
    engine = engine_factory(more_config="  api_key: secret\n"
                                        "  read_only_api_key: look\n").start()
    key = {"api-key": "secret"}
    assert engine.call("PUT", "/collections/c", {
        "vectors": {"size": 4, "distance": "Dot"}}, key).status == 200
    made = engine.call("POST", "/collections/c/snapshots", headers=key).result
    look = {"api-key": "look"}
    assert engine.call("GET", "/collections/c/snapshots",
                       headers=look).result == [made]
    for method, path in (
            ("POST", "/collections/c/snapshots"), ("POST", "/snapshots"),
            ("POST", "/collections/c/snapshots/upload"),
            ("DELETE", f"/collections/c/snapshots/{made['name']}"),
            ("PUT", "/collections/c/snapshots/recover")):
        assert engine.call(method, path, headers=look).status == 403
        assert engine.call(method, path).status == 401
    seen = []

    class Sender(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, self.headers.get("api-key")))
            if self.path == "/there":
                self.send_response(200)
                self.end_headers()
                return
            self.send_response(302)
            self.send_header("Location", "/there")
            self.end_headers()

        def log_message(self, *_):
            pass

    host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sender)
    threading.Thread(target=host.serve_forever, daemon=True).start()
    location = f"http://127.0.0.1:{host.server_port}/here"
    try:
        answer = engine.call("PUT", "/collections/c/snapshots/recover",
                             {"location": location, "api_key": "k1"}, key)
        assert answer.status == 400 and "redirects" in answer.error
        assert seen == [("/here", "k1")]
        answer = engine.call("PUT", "/collections/c/snapshots/recover",
                             {"location": location}, key)
        assert answer.status == 400 and seen[1:] == [("/here", None),
                                                     ("/there", None)]
    finally:
        host.shutdown()
        host.server_close()
    location = f"http://127.0.0.1:{engine.port}/collections/c/snapshots/" \
        f"{made['name']}"
    answer = engine.call("PUT", "/collections/d/snapshots/recover",
                         {"location": location}, key)
    assert answer.status == 400 and "401" in answer.error
    answer = engine.call("PUT", "/collections/d/snapshots/recover",
                         {"location": location, "api_key": "look"}, key)
    assert answer.status == 200
    assert "k1" not in engine.log() and "secret" not in engine.log()


def test_urls_can_be_turned_off(engine_factory):
    engine = engine_factory(environment={
        "QDRANT__STORAGE__SNAPSHOTS_CONFIG__ALLOW_URLS": "false"}).start()
    answer = recover(engine, "c", "http://127.0.0.1:1/x")
    assert answer.status == 403 and "turned off" in answer.error


def test_shards(engine, filled):
    path = f"/collections/{filled}/shards/0"
    made = engine.call("POST", f"{path}/snapshots").result
    assert made["name"].startswith(f"{filled}-shard-0-")
    assert engine.call("GET", f"{path}/snapshots").result == [made]
    data = engine.call("GET", f"{path}/snapshots/{made['name']}").body
    assert len(data) == made["size"]
    engine.upsert(filled, points(10, 200))
    assert engine.call("PUT", f"{path}/snapshots/recover",
                       {"location": made["name"]}).result is True
    assert engine.count(filled) == 100
    engine.upsert(filled, points(10, 200))
    answer = engine.call("POST", f"{path}/snapshots/upload", form(data), {
        "Content-Type": "multipart/form-data; boundary=a-b_c"})
    assert answer.result is True and engine.count(filled) == 100
    streamed = engine.call("GET", f"{path}/snapshot")
    assert streamed.status == 200
    assert upload(engine, filled, form(streamed.body)).result is True
    assert engine.call("DELETE",
                       f"{path}/snapshots/{made['name']}").result is True
    assert engine.call("GET", f"{path}/snapshots").result == []
    for shard in ("1", "x", "00"):
        answer = engine.call(
            "POST", f"/collections/{filled}/shards/{shard}/snapshots")
        assert answer.status == 404 and "Shard" in answer.error
    answer = engine.call("PUT", "/collections/none/shards/0/snapshots/recover",
                         {"location": "x.snapshot"})
    assert answer.status == 404


def test_without_waiting(engine, filled):
    answer = engine.call("POST",
                         f"/collections/{filled}/snapshots?wait=false")
    assert answer.status == 202
    assert set(answer.json) == {"status", "time"}
    assert answer.json["status"] == "accepted"
    made = []
    while not made or "checksum" not in made[0]:
        made = engine.call("GET", f"/collections/{filled}/snapshots").result
        time.sleep(0.01)
    engine.upsert(filled, points(10, 200))
    answer = engine.call(
        "PUT", f"/collections/{filled}/snapshots/recover?wait=false",
        {"location": place(engine, filled, made[0])})
    assert answer.status == 202
    while engine.count(filled) != 100:
        time.sleep(0.01)
    answer = engine.call("POST", "/collections/none/snapshots?wait=false")
    assert answer.status == 404


def test_the_whole_storage(engine_factory):
    engine = engine_factory().start()
    for name in ("a", "b", "c"):
        engine.create(name, 4, "Dot")
        engine.upsert(name, points(20))
    engine.call("POST", "/collections/aliases", {"actions": [
        {"create_alias": {"collection_name": "b", "alias_name": "bee"}}]})
    # One that came after the list of collections was taken.
    aliases = engine.folder / "storage" / "aliases.json"
    table = json.loads(aliases.read_text())
    table["aliases"]["young"] = "made-later"
    aliases.write_text(json.dumps(table))
    made = engine.call("POST", "/snapshots").result
    assert re.fullmatch(r"full-snapshot-[-0-9]{19}\.snapshot", made["name"])
    assert engine.call("GET", "/snapshots").result == [made]
    data = engine.call("GET", f"/snapshots/{made['name']}").body
    assert hashlib.sha256(data).hexdigest() == made["checksum"]
    answer = recover(engine, "a", f"file://{engine.folder}/snapshots/"
                                  f"{made['name']}")
    assert answer.status == 400 and "whole storage" in answer.error

    # Into another engine, which has one of them already.
    kept = engine.folder / "snapshots" / made["name"]
    other = engine_factory().start()
    other.create("b", 4, "Dot")
    other.stop()
    other.environment["QDRANT__STORAGE_SNAPSHOT"] = str(kept)
    with pytest.raises(RuntimeError, match="already exists"):
        other.start()
    other.process = None
    del other.environment["QDRANT__STORAGE_SNAPSHOT"]
    other.start()  # nothing of it was put in place
    assert [c["name"] for c in other.call("GET", "/collections").result[
        "collections"]] == ["b"]
    other.stop()
    other.environment["QDRANT__STORAGE_SNAPSHOT"] = str(kept)
    other.environment["QDRANT__FORCE_SNAPSHOT"] = "true"
    other.start()
    for name in ("a", "b", "c", "bee"):
        assert other.count(name) == 20
    assert [a["alias_name"] for a in other.call("GET", "/aliases").result[
        "aliases"]] == ["bee"]
    assert "alias young is left out" in other.log()
    assert engine.call("DELETE", f"/snapshots/{made['name']}").result is True
    assert engine.call("GET", "/snapshots").result == []


def test_a_collection_named_as_one_of_the_whole_storage(engine_factory):
    engine = engine_factory().start()
    name = engine.call("POST", "/snapshots").result["name"]
    engine.create(name)
    for path in ("snapshots", "shards/0/snapshots"):
        where = f"/collections/{name}/{path}"
        assert engine.call("GET", where).result == []
        made = engine.call("POST", where).result
        assert engine.call("GET", where).result == [made]
    assert [s["name"] for s in engine.call("GET", "/snapshots").result] == [name]
    assert engine.stop() == 0


def test_consistent_under_writes(engine, filled):
    """A writer counts up in two points of one request, and deletes; each
    snapshot has both or neither, and nothing that was acknowledged later than
    it is missing from what was before."""
    stop, failure, acknowledged = threading.Event(), [], [0]

    def write():
        number = 0
        connection = engine.connect()
        while not stop.is_set():
            number += 1
            answer = engine.call(
                "PUT", f"/collections/{filled}/points?wait=true",
                {"points": [{"id": id, "vector": [number, 0, 0, 0],
                             "payload": {"k": number}} for id in (1, 2)]},
                connection=connection)
            if answer.status != 200:
                failure.append(answer)
                return
            acknowledged[0] = number
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    copy = f"{filled}-copy"
    try:
        for _ in range(8):
            before = acknowledged[0]
            made = make(engine, filled)
            after = acknowledged[0]
            assert recover(engine, copy,
                           place(engine, filled, made)).result is True
            found = engine.get(copy, [1, 2])
            values = {found[id]["payload"].get("k", 0) for id in (1, 2)}
            assert len(values) == 1, values
            assert before <= values.pop() <= after + 1
            assert engine.count(copy) == 100
    finally:
        stop.set()
        writer.join()
        engine.call("DELETE", f"/collections/{copy}")
    assert not failure and acknowledged[0] > 8


def test_reads_go_on_while_one_takes_the_place_of_another(engine, filled):
    made = make(engine, filled)
    location = place(engine, filled, made)
    stop, odd, asked = threading.Event(), [], [0]

    def read():
        connection = engine.connect()
        while not stop.is_set():
            answer = engine.call(
                "POST", f"/collections/{filled}/points/search",
                {"vector": [5, 1, 2, 3], "limit": 3}, connection=connection)
            if answer.status != 200 or answer.result[0]["id"] != 5:
                odd.append(answer)
                return
            asked[0] += 1
        connection.close()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(10):
            assert recover(engine, filled, location).result is True
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert not odd and asked[0] > 30


def test_vector_names_that_came_and_went(engine, name):
    """What a name's rows are found by in the files stays right."""
    size = {"size": 4, "distance": "Euclid"}
    engine.call("PUT", f"/collections/{name}",
                {"vectors": {"a": size, "b": size}})
    engine.call("PUT", f"/collections/{name}/points?wait=true", {"points": [
        {"id": i, "vector": {"a": [i, 0, 0, 1], "b": [i, 0, 0, 2]}}
        for i in range(50)]})
    path = f"/collections/{name}/vectors"
    assert engine.call("DELETE", f"{path}/a?wait=true").status == 200
    assert engine.call("PUT", f"{path}/c?wait=true",
                       {"dense": size}).status == 200
    engine.call("PUT", f"/collections/{name}/points/vectors?wait=true", {
        "points": [{"id": i, "vector": {"c": [i, 0, 0, 3]}}
                   for i in range(50)]})
    before = engine.get(name, range(50))
    made = make(engine, name)
    copy = f"{name}-copy"
    assert recover(engine, copy, place(engine, name, made)).status == 200
    assert engine.get(copy, range(50)) == before
    assert recover(engine, name, place(engine, name, made)).status == 200
    assert engine.get(name, range(50)) == before
    assert before[7]["vector"] == {"b": [7, 0, 0, 2], "c": [7, 0, 0, 3]}
    engine.call("DELETE", f"/collections/{copy}")
