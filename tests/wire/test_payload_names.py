# SPDX-License-Identifier: Apache-2.0
"""Names that come twice in an object of a payload: the last is stored, so that
filters, indexes, rights and clients see the same."""
import json
import struct

import pytest

from frames import Peer, field

MANY = [f"name-{i}" for i in range(100)]


def many(last):
    """100 names, then one of them again."""
    members = [f'"{n}":{i}' for i, n in enumerate(MANY)] + [f'"name-50":{last}']
    return "{" + ",".join(members) + "}"


# As sent, and what is kept of it.
PAYLOADS = [
    ('{"a":1,"a":2}', {"a": 2}),
    ('{"a":2,"b":{"c":1},"b":{"c":7,"c":8}}', {"a": 2, "b": {"c": 8}}),
    ('{"l":[[{"c":1,"c":"x"}]],"a":1,"\\u0061":2}',
     {"l": [[{"c": "x"}]], "a": 2}),
    (many('{"x":1,"x":2}'),
     {n: {"x": 2} if i == 50 else i for i, n in enumerate(MANY)}),
]


def pairs(items):
    assert len({name for name, _ in items}) == len(items), items
    return dict(items)


def stored(engine, name, number=1):
    answer = engine.call("GET", f"/collections/{name}/points/{number}")
    assert answer.status == 200
    # Not by what the parser makes of two.
    return json.loads(answer.text, object_pairs_hook=pairs)["result"]["payload"]


def put(engine, name, sent):
    body = '{"points":[{"id":1,"vector":[1,2],"payload":%s}]}' % sent
    return engine.call("PUT", f"/collections/{name}/points?wait=true",
                       body.encode())


@pytest.fixture
def collection(engine, name):
    engine.create(name, 2, "Dot")
    return name


@pytest.mark.parametrize("sent, kept", PAYLOADS)
def test_the_last_is_stored(engine, collection, sent, kept):
    assert put(engine, collection, sent).status == 200
    assert stored(engine, collection) == kept


@pytest.mark.parametrize("sent, kept", PAYLOADS)
@pytest.mark.parametrize("body", [
    '{"batch":{"ids":[1],"vectors":[[1,2]],"payloads":[%s]}}',
    '{"points":[{"id":1,"vector":[1,2],"payload":%s}],"update_mode":"upsert"}',
])
def test_the_last_is_stored_of_a_batch(engine, collection, body, sent, kept):
    answer = engine.call("PUT", f"/collections/{collection}/points?wait=true",
                         (body % sent).encode())
    assert answer.status == 200
    assert stored(engine, collection) == kept


@pytest.mark.parametrize("sent, kept", PAYLOADS)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_the_last_is_set(engine, collection, method, sent, kept):
    engine.upsert(collection, [{"id": 1, "vector": [1, 2],
                                "payload": {"old": 1}}])
    answer = engine.call(method,
                         f"/collections/{collection}/points/payload?wait=true",
                         ('{"points":[1],"payload":%s}' % sent).encode())
    assert answer.status == 200
    old = {"old": 1} if method == "POST" else {}
    assert stored(engine, collection) == {**old, **kept}


def test_the_last_is_set_at_a_key(engine, collection):
    put(engine, collection, "{}")
    answer = engine.call(
        "POST", f"/collections/{collection}/points/payload?wait=true",
        b'{"points":[1],"key":"deep","payload":{"a":1,"a":2}}')
    assert answer.status == 200
    assert stored(engine, collection) == {"deep": {"a": 2}}


@pytest.mark.parametrize("has_index", [False, True])
def test_filters_see_what_clients_see(engine, collection, has_index):
    if has_index:
        engine.call("PUT", f"/collections/{collection}/index?wait=true",
                    {"field_name": "a", "field_schema": "integer"})
    put(engine, collection, '{"a":1,"a":2}')
    for value, count in ((1, 0), (2, 1)):
        answer = engine.call(
            "POST", f"/collections/{collection}/points/count",
            {"filter": {"must": [{"key": "a", "match": {"value": value}}]}})
        assert answer.result["count"] == count


# ---- gRPC ----

def integer(value):
    return field(3, value)


def entry(number, key, value):
    return field(number, field(1, key) + field(2, value))


def structure(*members):
    return field(6, b"".join(entry(1, *member) for member in members))


def listed(*values):
    return field(7, b"".join(field(1, value) for value in values))


MESSAGES = [
    ([("a", integer(1)), ("a", integer(2))], {"a": 2}),
    ([("a", structure(("b", integer(1)), ("b", integer(2)))),
      ("c", integer(3))], {"a": {"b": 2}, "c": 3}),
    ([("a", listed(structure(("b", integer(1)), ("c", integer(2)),
                             ("b", structure(("d", integer(4)))))))],
     {"a": [{"c": 2, "b": {"d": 4}}]}),
    ([(n, integer(i)) for i, n in enumerate(MANY)] +
     [("name-7", integer(1000))],
     {n: 1000 if i == 7 else i for i, n in enumerate(MANY)}),
    # No name twice in one object, but in several.
    ([("a", structure(("a", integer(1)), ("b", integer(2)))),
      ("b", structure(("a", integer(3)), ("b", integer(4))))],
     {"a": {"a": 1, "b": 2}, "b": {"a": 3, "b": 4}}),
]


@pytest.mark.parametrize("members, kept", MESSAGES)
def test_the_last_of_a_map_is_stored(engine, collection, members, kept):
    vectors = field(1, field(1, struct.pack("<2f", 1, 2)))
    point = (field(1, field(1, 1)) + field(4, vectors) +
             b"".join(entry(3, *member) for member in members))
    with Peer(engine.grpc_port) as peer:
        call = peer.call("/qdrant.Points/Upsert",
                         field(1, collection) + field(2, 1) + field(3, point))
        assert call.status == 0, call.text
    assert stored(engine, collection) == kept


@pytest.mark.parametrize("members, kept", MESSAGES)
def test_the_last_of_a_map_is_set(engine, collection, members, kept):
    put(engine, collection, "{}")
    message = (field(1, collection) + field(2, 1) +
               b"".join(entry(3, *member) for member in members) +
               field(5, field(1, field(1, field(1, 1)))))
    with Peer(engine.grpc_port) as peer:
        call = peer.call("/qdrant.Points/SetPayload", message)
        assert call.status == 0, call.text
    assert stored(engine, collection) == kept
