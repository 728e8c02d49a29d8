# SPDX-License-Identifier: Apache-2.0
"""What ends at its timeout, and how that is answered: 408 over REST, over gRPC
DEADLINE_EXCEEDED, by the message's own `timeout` and by `grpc-timeout`,
whichever is over first. Two points of so many sub-vectors that one distance
takes minutes stand for any read that takes too long."""
import struct

import pytest

from frames import Peer, field

OK, INVALID, DEADLINE_EXCEEDED = 0, 3, 4
LATE = "Timeout: "
ROWS = [[1.0, 2.0]] * 400_000


@pytest.fixture(scope="module")
def slow(engine):
    engine.call("PUT", "/collections/slow", {"vectors": {
        "": {"size": 1, "distance": "Dot"},
        "m": {"size": 2, "distance": "Dot", "multivector_config": {
            "comparator": "max_sim"}}}})
    for id in (1, 2):
        engine.upsert("slow", [{"id": id, "vector": {"": [id], "m": ROWS},
                                "payload": {"g": id}}])
    yield "slow"
    engine.call("DELETE", "/collections/slow")


# What asks by the point 1, and so compares it with the point 2.
QUERY = {"query": 1, "using": "m", "params": {"exact": True}}
SEARCHES = {"query": QUERY, "query/batch": {"searches": [QUERY]},
            "query/groups": {**QUERY, "group_by": "g"},
            "recommend": {"positive": [1], "using": "m", "limit": 3,
                          "strategy": "best_score"},
            "search/matrix/pairs": {"using": "m"}}


@pytest.mark.parametrize("route", SEARCHES)
def test_rest_answers_408(engine, slow, route):
    answer = engine.call("POST", f"/collections/{slow}/points/{route}"
                                 "?timeout=1", SEARCHES[route])
    assert answer.status == 408, answer
    assert answer.error.startswith(LATE)
    # Others go on meanwhile and after it.
    assert engine.count(slow) == 2


def test_a_timeout_of_none_is_refused(engine, slow):
    for timeout, status in ((0, 422), (-1, 400), ("x", 400)):
        answer = engine.call(
            "POST", f"/collections/{slow}/points/query?timeout={timeout}", {})
        assert answer.status == status and "timeout" in answer.error, answer


def query_message(*more):
    """QueryPoints{collection_name, query.nearest.id, using}"""
    nearest = field(1, field(1, field(1, 1)))
    return field(1, "slow") + field(3, nearest) + field(4, "m") + b"".join(more)


def batch_message(*more):
    return field(1, "slow") + field(2, query_message()) + b"".join(more)


def groups_message(*more):
    """QueryPointGroups has the same numbers there."""
    return query_message(field(13, "g"), *more)


def recommend_message(*more):
    """QueryPoints{query.recommend{positive.id, strategy: best_score}}"""
    recommend = field(1, field(1, field(1, 1))) + field(3, 1)
    return field(1, "slow") + field(3, field(2, recommend)) + \
        field(4, "m") + b"".join(more)


# Method, message, the number of its `timeout`.
CALLS = {"Query": ("Query", query_message, 15),
         "QueryBatch": ("QueryBatch", batch_message, 4),
         "QueryGroups": ("QueryGroups", groups_message, 16),
         "Query, recommend": ("Query", recommend_message, 15)}


@pytest.mark.parametrize("what", CALLS)
@pytest.mark.parametrize("is_header", [False, True])
def test_grpc_answers_deadline_exceeded(engine, slow, what, is_header):
    method, message, number = CALLS[what]
    headers = [("grpc-timeout", "300m" if is_header else "60S")]
    more = field(number, 60 if is_header else 1)
    with Peer(engine.grpc_port) as peer:
        call = peer.call(f"/qdrant.Points/{method}", message(more), headers)
        assert call.status == DEADLINE_EXCEEDED, call.headers
        assert call.text.startswith(LATE)
        assert call.data == b""
        # The connection is as good as before.
        assert peer.call("/qdrant.Points/Count", field(1, slow)).status == OK


@pytest.mark.parametrize("timeout", ["1n", "1u", "1m"])
def test_grpc_with_no_time_at_all(engine, slow, timeout):
    with Peer(engine.grpc_port) as peer:
        call = peer.call("/qdrant.Points/Query", query_message(),
                         [("grpc-timeout", timeout)])
        assert call.status == DEADLINE_EXCEEDED, call.headers


def test_a_write_is_done_whatever_its_time(engine, slow):
    """What was taken is not half done: it is there, and said to be."""
    point = field(1, field(1, 7)) + field(4, field(1, field(
        101, field(1, struct.pack("<f", 7.0)))))
    with Peer(engine.grpc_port) as peer:
        call = peer.call("/qdrant.Points/Upsert", field(1, slow) + field(
            2, 1) + field(3, point), [("grpc-timeout", "1n")])
        assert call.status == OK, call.headers
    assert list(engine.get(slow, [7])) == [7]
    answer = engine.call(
        "POST", f"/collections/{slow}/points/delete?wait=true&timeout=1",
        {"points": [7]})
    assert answer.result["status"] == "completed"
    assert engine.get(slow, [7]) == {}
