# SPDX-License-Identifier: Apache-2.0
"""What a careless or hostile peer sends: each is answered with the right
status and text, or cut off, and the engine serves others meanwhile."""
import json
import os
import socket
import time

import pytest

UUID = "550e8400-e29b-41d4-a716-446655440000"


@pytest.fixture
def collection(engine, name):
    engine.create(name, 4)
    engine.upsert(name, [{"id": 1, "vector": [1, 2, 3, 4],
                          "payload": {"a": 1}}])
    return name


def refused(answer, status, *words):
    assert answer.status == status, answer
    body = answer.json
    assert "result" not in body
    assert isinstance(body["time"], (int, float))
    for word in words:
        assert word in body["status"]["error"], answer
    return answer


def is_alive(engine):
    return engine.call("GET", "/readyz").status == 200


# ---- vectors ----

@pytest.mark.parametrize("wait", ["true", "false"])
def test_wrong_dimension_of_an_upsert(engine, collection, wait):
    answer = engine.call(
        "PUT", f"/collections/{collection}/points?wait={wait}",
        {"points": [{"id": 2, "vector": [1, 2, 3]}]})
    refused(answer, 400, "Wrong input: Vector dimension error: expected dim: "
            "4, got 3")
    assert engine.count(collection) == 1


def test_wrong_dimension_of_a_query(engine, collection):
    for route, body in (("search", {"vector": [1, 2], "limit": 1}),
                        ("query", {"query": [1, 2]})):
        answer = engine.call(
            "POST", f"/collections/{collection}/points/{route}", body)
        refused(answer, 400, "Vector dimension error: expected dim: 4, got 2")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999",
                                    "nan", "0x10", "1."])
def test_what_is_no_json_number_in_a_vector(engine, collection, number):
    answer = engine.call(
        "PUT", f"/collections/{collection}/points?wait=true",
        '{"points":[{"id":2,"vector":[1,2,3,%s]}]}' % number)
    refused(answer, 400, "Format error in JSON body: ")
    assert engine.count(collection) == 1


@pytest.mark.parametrize("vector", ['"a"', '["a",1,2,3]', "[null,1,2,3]",
                                    "[true,1,2,3]", "7"])
def test_what_is_no_vector(engine, collection, vector):
    answer = engine.call(
        "PUT", f"/collections/{collection}/points?wait=true",
        '{"points":[{"id":2,"vector":%s}]}' % vector)
    refused(answer, 400, "Format error in JSON body: ")


def test_an_empty_vector(engine, collection):
    answer = engine.call(
        "PUT", f"/collections/{collection}/points?wait=true",
        {"points": [{"id": 2, "vector": []}]})
    refused(answer, 422, "dense vector must not be empty")


def test_a_number_that_overflows_a_float_is_no_crash(engine, collection):
    answer = engine.call(
        "PUT", f"/collections/{collection}/points?wait=true",
        '{"points":[{"id":2,"vector":[1e300,-1e300,1,1]}]}')
    assert answer.status in (200, 400), answer
    assert is_alive(engine)


def test_an_unknown_vector_name(engine, collection):
    answer = engine.call(
        "PUT", f"/collections/{collection}/points?wait=true",
        {"points": [{"id": 2, "vector": {"nope": [1, 2, 3, 4]}}]})
    refused(answer, 400, "Wrong input: Not existing vector name error: nope")
    answer = engine.call("POST", f"/collections/{collection}/points/query",
                         {"query": [1, 2, 3, 4], "using": "nope"})
    refused(answer, 400, "Not existing vector name error: nope")


# ---- collections ----

def test_an_unknown_collection_on_every_route(engine):
    base = "/collections/nowhere"
    for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {}),
            ("PUT", "/points", {"points": [{"id": 1, "vector": [1]}]}),
            ("POST", "/points", {"ids": [1]}),
            ("GET", "/points/1", None),
            ("POST", "/points/scroll", {}),
            ("POST", "/points/count", {}),
            ("POST", "/points/search", {"vector": [1], "limit": 1}),
            ("POST", "/points/query", {"query": [1]}),
            ("POST", "/points/delete", {"points": [1]}),
            ("POST", "/points/payload", {"payload": {}, "points": [1]}),
            ("PUT", "/points/payload", {"payload": {}, "points": [1]}),
            ("POST", "/points/payload/delete", {"keys": ["a"],
                                                "points": [1]}),
            ("POST", "/points/payload/clear", {"points": [1]}),
            ("PUT", "/points/vectors", {"points": [{"id": 1,
                                                    "vector": [1]}]}),
            ("POST", "/points/vectors/delete", {"vector": ["a"],
                                                "points": [1]}),
            ("PUT", "/index", {"field_name": "a",
                               "field_schema": "keyword"})):
        refused(engine.call(method, base + path, body), 404,
                "Not found: Collection `nowhere` doesn't exist!")


def test_deleting_an_unknown_collection_is_false(engine):
    assert engine.call("DELETE", "/collections/nowhere").result is False


def test_creating_a_collection_twice(engine, collection):
    answer = engine.call("PUT", f"/collections/{collection}",
                         {"vectors": {"size": 4, "distance": "Dot"}})
    refused(answer, 409,
            f"Wrong input: Collection `{collection}` already exists!")
    assert engine.count(collection) == 1


@pytest.mark.parametrize("vectors", [
    {"size": 0, "distance": "Dot"}, {"size": 4, "distance": "Dott"},
    {"size": -1, "distance": "Dot"}, {"size": "4", "distance": "Dot"},
    {"distance": "Dot"}, {"size": 4}, 5, "x"])
def test_a_bad_vectors_config(engine, name, vectors):
    answer = engine.call("PUT", f"/collections/{name}", {"vectors": vectors})
    refused(answer, 400, "Format error in JSON body: ")
    assert engine.call("GET", f"/collections/{name}").status == 404


def test_a_dimension_that_is_too_large(engine, name):
    answer = engine.call("PUT", f"/collections/{name}",
                         {"vectors": {"size": 70000, "distance": "Dot"}})
    refused(answer, 422, "Validation error in JSON body: ",
            "vectors.size: value 70000 invalid, must be from 1 to 65536")


@pytest.mark.parametrize("bad", ["a%2Fb", "a%3Ab", "%3Ca", "a%7Cb", "a%3Fb",
                                 "a%2Ab", "a%5Cb", "a%22b"])
def test_a_bad_collection_name(engine, bad):
    answer = engine.call("PUT", f"/collections/{bad}",
                         {"vectors": {"size": 4, "distance": "Dot"}})
    refused(answer, 422, "collection name cannot contain")


def test_a_collection_name_of_256_bytes(engine):
    answer = engine.call("PUT", "/collections/" + "n" * 256,
                         {"vectors": {"size": 4, "distance": "Dot"}})
    refused(answer, 422)


def test_a_collection_name_cannot_leave_the_storage(engine):
    before = sorted(engine.folder.iterdir()), \
        sorted(engine.folder.parent.iterdir())
    for path in ("/collections/..", "/collections/%2e%2e",
                 "/collections/..%2f..%2ftmp"):
        answer = engine.call("PUT", path,
                             {"vectors": {"size": 4, "distance": "Dot"}})
        assert answer.status in (200, 400, 404, 409, 422), answer
        engine.call("DELETE", path)
    after = sorted(engine.folder.iterdir()), \
        sorted(engine.folder.parent.iterdir())
    assert before == after
    assert is_alive(engine)


# ---- bodies ----

@pytest.mark.parametrize("body, line, column", [
    ('{"vector": [1, 2', 1, None), ("{", 1, None), ("nonsense", 1, 1),
    ('{"a":1,}', 1, 7), ('{\n"a": 1\n"b": 2}', 3, 1)])
def test_bad_json_names_its_place(engine, collection, body, line, column):
    answer = engine.call("POST", f"/collections/{collection}/points/search",
                         body)
    refused(answer, 400, "Format error in JSON body: ", f" at line {line} ")
    if column is not None:
        assert answer.error.endswith(f"column {column}"), answer.error


def test_an_empty_body(engine, collection):
    answer = engine.call("POST", f"/collections/{collection}/points/search",
                         "")
    refused(answer, 400, "Format error in JSON body: ",
            "at line 1 column 0")


def test_a_missing_field_is_named(engine, collection):
    answer = engine.call("POST", f"/collections/{collection}/points/search",
                         {"limit": 3})
    refused(answer, 400, "missing field `vector`")
    answer = engine.call("POST", f"/collections/{collection}/points/search",
                         {"vector": [1, 2, 3, 4]})
    refused(answer, 400, "missing field `limit`")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml",
                                  "application/x-www-form-urlencoded", ""])
def test_any_content_type_is_read_as_json(engine, collection, kind):
    answer = engine.call("POST", f"/collections/{collection}/points/count",
                         '{"exact":true}', {"Content-Type": kind})
    assert answer.result == {"count": 1}


def test_limit_zero(engine, collection):
    for route, kind, body in (
            ("search", "search_request", {"vector": [1, 2, 3, 4]}),
            ("scroll", "scroll_request", {})):
        answer = engine.call(
            "POST", f"/collections/{collection}/points/{route}",
            {**body, "limit": 0})
        refused(answer, 422, "Validation error in JSON body: ",
                "limit: value 0 invalid, must be 1 or larger")


def test_timeout_zero(engine, collection):
    answer = engine.call(
        "POST", f"/collections/{collection}/points/count?timeout=0", {})
    refused(answer, 422, "timeout: value 0 invalid, must be 1 or larger")


def test_a_timeout_that_is_no_number(engine, collection):
    answer = engine.call(
        "POST", f"/collections/{collection}/points/count?timeout=x", {})
    refused(answer, 400, "Deserialize error in query parameters: ")


def test_neither_points_nor_batch(engine, collection):
    answer = engine.call("PUT", f"/collections/{collection}/points", {})
    refused(answer, 400, "Invalid PointInsertOperations format")


def test_an_empty_upsert(engine, collection):
    answer = engine.call("PUT", f"/collections/{collection}/points",
                         {"points": []})
    refused(answer, 400, "Bad request: Empty update request")


def test_deeply_nested_json(engine, collection):
    deep = "[" * 100000 + "]" * 100000
    answer = engine.call("PUT", f"/collections/{collection}/points?wait=true",
                         '{"points":[{"id":2,"vector":[1,2,3,4],'
                         '"payload":{"a":%s}}]}' % deep)
    assert answer.status == 400, answer
    assert is_alive(engine)


def test_a_body_that_is_too_large(engine, collection):
    connection = engine.connect()
    size = 40 << 20
    connection.putrequest("PUT", f"/collections/{collection}/points")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    block = b" " * (1 << 20)
    try:
        for _ in range(size // len(block)):
            connection.send(block)
    except OSError:
        pass
    reply = connection.getresponse()
    error = json.loads(reply.read())["status"]["error"]
    connection.close()
    assert reply.status == 400
    assert "32" in error or "33554432" in error, error
    assert is_alive(engine)


# ---- ids ----

@pytest.mark.parametrize("id", [
    0, 18446744073709551615, UUID, UUID.upper(), UUID.replace("-", ""),
    "urn:uuid:" + UUID, "{" + UUID + "}"])
def test_every_spelling_of_an_id(engine, collection, id):
    engine.upsert(collection, [{"id": id, "vector": [1, 2, 3, 4]}])
    plain = UUID if isinstance(id, str) else id
    records = engine.call("POST", f"/collections/{collection}/points",
                          {"ids": [id]}).result
    assert [r["id"] for r in records] == [plain]
    record = engine.call("GET",
                         f"/collections/{collection}/points/{plain}").result
    assert record["id"] == plain
    engine.call("POST", f"/collections/{collection}/points/delete?wait=true",
                {"points": [id]})
    assert engine.count(collection) == 1


@pytest.mark.parametrize("id", ["-1", "1.5", '"1"', '"x"', "true",
                                "18446744073709551616", "[]", "{}",
                                '"%s0"' % UUID])
def test_what_is_no_id(engine, collection, id):
    answer = engine.call(
        "PUT", f"/collections/{collection}/points?wait=true",
        '{"points":[{"id":%s,"vector":[1,2,3,4]}]}' % id)
    refused(answer, 400, "Format error in JSON body: ",
            "is not a valid point ID, valid values are either an unsigned "
            "integer or a UUID")


def test_what_is_no_id_in_a_path(engine, collection):
    answer = engine.call("GET", f"/collections/{collection}/points/abc")
    refused(answer, 400, 'Wrong input: Can not recognize "abc" as point id')


def test_a_point_that_is_missing(engine, collection):
    answer = engine.call("GET", f"/collections/{collection}/points/77")
    refused(answer, 404, "Not found: Point with id 77 does not exists!")


# ---- routes ----

@pytest.mark.parametrize("method, path", [
    ("GET", "/nowhere"), ("POST", "/collections"), ("PUT", "/"),
    ("DELETE", "/collections"), ("GET", "/collections/a/b/c/d"),
    ("PATCH", "/collections/a/points"), ("BREW", "/")])
def test_an_unknown_route_or_method_is_an_empty_404(engine, method, path):
    answer = engine.call(method, path)
    assert answer.status == 404, answer
    assert answer.body == b""


def test_paths_are_normalised(engine, collection):
    for path in (f"//collections/{collection}/points/count/",
                 f"/collections//{collection}/points//count"):
        assert engine.call("POST", path, {}).result == {"count": 1}


# ---- the wire itself ----

def exchange(engine, request, seconds=60):
    """Sends raw bytes; everything that comes back until the end."""
    with engine.socket(seconds) as peer:
        try:
            peer.sendall(request)
        except OSError:
            pass
        data = b""
        try:
            while block := peer.recv(65536):
                data += block
        except OSError:
            pass
        return data


def test_a_header_of_64_kib(engine):
    reply = exchange(engine, b"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " +
                     b"a" * 65536 + b"\r\nConnection: close\r\n\r\n")
    assert reply == b"" or reply.split(b" ")[1] in (b"431", b"400", b"413"), \
        reply[:100]
    assert is_alive(engine)


def test_an_endless_header(engine):
    with engine.socket(60) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n")
        sent = 0
        try:
            while sent < 64 << 20:
                sent += peer.send(b"X-Y: " + b"z" * 1000 + b"\r\n")
        except OSError:
            pass
    assert sent < 64 << 20, "the engine read 64 MiB of headers"
    assert is_alive(engine)


def test_an_endless_chunked_body(engine, collection):
    """Answered or cut before it has eaten much more than its limit."""
    path = f"/collections/{collection}/points"
    sent = 0
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with engine.socket(60) as peer:
        peer.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n".encode())
        peer.settimeout(20)
        try:
            while sent < 512 << 20:
                sent += peer.send(chunk)
        except OSError:
            pass
    assert sent < 512 << 20, "the engine took 512 MiB of one body"
    assert is_alive(engine)


@pytest.mark.parametrize("request_bytes", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\r\n\r\n\r\n",
    b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 100,
    b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    b"POST /collections/x/points/count HTTP/1.1\r\nHost: x\r\n"
    b"Content-Length: 99999999999999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"zz\r\n"])
def test_what_is_no_http(engine, request_bytes):
    with engine.socket(5) as peer:
        peer.sendall(request_bytes)
        peer.shutdown(socket.SHUT_WR)
        try:
            while peer.recv(65536):
                pass
        except OSError:
            pass
    assert is_alive(engine)


def test_no_request_hides_in_the_body_of_another(engine, collection):
    """Two lengths, or a length and a coding: 400, and nothing after it."""
    delete = b"DELETE /collections/%s HTTP/1.1\r\nHost: x\r\n\r\n" % (
        collection.encode())
    for headers in (b"Content-Length: %d\r\nContent-Length: 0" % len(delete),
                    b"Content-Length: %d\r\nTransfer-Encoding: chunked" %
                    (len(delete) + 5),
                    b"Transfer-Encoding: identity",
                    b"Content-Length : %d" % len(delete)):
        reply = exchange(engine, b"POST /collections/%s/points/count HTTP/1.1"
                         b"\r\nHost: x\r\n%s\r\n\r\n0\r\n\r\n%s" %
                         (collection.encode(), headers, delete), 20)
        assert reply.startswith(b"HTTP/1.1 400"), reply
        assert b"Bad request: the headers leave open" in reply, reply
        assert reply.count(b"HTTP/1.1 ") == 1 + reply.count(b"in HTTP/1.1 one")
    assert engine.count(collection) == 1


def test_a_half_closed_connection_is_answered(engine, collection):
    body = b'{"exact":true}'
    with engine.socket(20) as peer:
        peer.sendall(b"POST /collections/%s/points/count HTTP/1.1\r\n"
                     b"Host: x\r\nContent-Length: %d\r\n\r\n%s" %
                     (collection.encode(), len(body), body))
        peer.shutdown(socket.SHUT_WR)
        reply = b""
        while block := peer.recv(65536):
            reply += block
    assert reply.startswith(b"HTTP/1.1 200"), reply
    assert b'"count":1' in reply


def test_a_peer_that_leaves_in_the_middle_changes_nothing(engine, collection):
    for _ in range(50):
        with engine.socket(20) as peer:
            peer.sendall(b"PUT /collections/%s/points?wait=true HTTP/1.1\r\n"
                         b"Host: x\r\nContent-Length: 100000\r\n\r\n"
                         b'{"points":[{"id":5,' % collection.encode())
    assert engine.count(collection) == 1


def test_slow_clients_do_not_hold_others_up(engine, collection):
    """200 connections that send a byte now and then."""
    slow = [engine.socket(60) for _ in range(200)]
    try:
        for peer in slow:
            peer.sendall(b"POST /collections/x/points HTTP/1.1\r\nHo")
        for round in range(3):
            for peer in slow:
                try:
                    peer.sendall(b"s")
                except OSError:
                    pass
            before = time.monotonic()
            assert engine.count(collection) == 1
            assert time.monotonic() - before < 5
    finally:
        for peer in slow:
            peer.close()


def test_a_reader_that_does_not_read_holds_nobody_up(engine, collection):
    engine.upsert(collection, [
        {"id": i, "vector": [1, 2, 3, 4], "payload": {"t": "x" * 1000}}
        for i in range(100, 5000)])
    body = b'{"limit":5000}'
    with engine.socket(60) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(20):
            peer.sendall(b"POST /collections/%s/points/scroll HTTP/1.1\r\n"
                         b"Host: x\r\nContent-Length: %d\r\n\r\n%s" %
                         (collection.encode(), len(body), body))
        for _ in range(20):
            assert engine.count(collection) == 4901
    assert is_alive(engine)


def test_many_requests_on_one_connection(engine, collection):
    connection = engine.connect()
    for _ in range(500):
        answer = engine.call("POST",
                             f"/collections/{collection}/points/count", {},
                             connection=connection)
        assert answer.result == {"count": 1}
    connection.close()


def test_pipelined_requests_are_answered_in_order(engine):
    request = b"GET /collections HTTP/1.1\r\nHost: x\r\n\r\n"
    last = (b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    reply = exchange(engine, request * 10 + last)
    assert reply.count(b"HTTP/1.1 200") == 11
    assert reply.endswith(b"healthz check passed")


def test_no_file_descriptor_is_lost(engine):
    folder = f"/proc/{engine.process.pid}/fd"
    for _ in range(5):
        is_alive(engine)
    time.sleep(0.2)
    before = len(os.listdir(folder))
    for _ in range(300):
        with engine.socket(5) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\n")
    for _ in range(100):
        is_alive(engine)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if len(os.listdir(folder)) <= before + 5:
            break
        time.sleep(0.2)
    assert len(os.listdir(folder)) <= before + 5
