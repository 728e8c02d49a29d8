# SPDX-License-Identifier: Apache-2.0
"""Groups of points by a value of their payload."""
import json
import os
import subprocess
import sys

import pytest

from client_package import CLIENTS, installed

POINTS = 60


@pytest.fixture(scope="module")
def books(engine):
    """60 points on a line; ten documents of six parts, one after another."""
    engine.call("PUT", "/collections/parts", {
        "vectors": {"size": 2, "distance": "Euclid"}})
    engine.call("PUT", "/collections/books", {"vectors": {}})
    engine.upsert("parts", [
        {"id": i, "vector": [i, 0.0],
         "payload": {"doc": f"doc{i % 10}", "number": i % 4 - 1, "i": i,
                     "tags": [f"t{i % 3}", f"t{i % 3}", f"u{i % 2}"],
                     "other": [1.5, True, None, {"doc": 1}][i % 4]}}
        for i in range(POINTS)])
    engine.upsert("books", [
        {"id": i, "vector": {}, "payload": {"title": f"number {i}"}}
        for i in range(3)])
    return engine


def ask(engine, kind, **body):
    return engine.call("POST", f"/collections/parts/points/{kind}/groups",
                       body)


def shape(answer):
    return [(group["id"], [hit["id"] for hit in group["hits"]])
            for group in answer.result["groups"]]


def nearest_first(begin, of):
    """Parts by distance from `begin`, those that pass."""
    return sorted((i for i in range(POINTS) if of(i)),
                  key=lambda i: abs(i - begin))


def test_groups_are_by_their_best_hits(books):
    answer = ask(books, "query", query=[21.2, 0], group_by="doc", limit=3,
                 group_size=2)
    assert shape(answer) == [
        (f"doc{first % 10}",
         nearest_first(21.2, lambda i: i % 10 == first % 10)[:2])
        for first in (21, 22, 20)]
    hit = answer.result["groups"][0]["hits"][0]
    assert set(hit) == {"id", "version", "score"}
    assert hit["score"] == pytest.approx(0.2, abs=1e-5)


def test_defaults_are_ten_groups_of_three(books):
    groups = shape(ask(books, "query", query=[0.4, 0], group_by="doc"))
    assert len(groups) == 10
    assert all(len(hits) == 3 for _, hits in groups)
    assert groups[0] == ("doc0", [0, 10, 20])


def test_integers_are_keys_and_stay_integers(books):
    groups = shape(ask(books, "query", query=[0.4, 0], group_by="number",
                       limit=9, group_size=1))
    assert groups == [(-1, [0]), (0, [1]), (1, [2]), (2, [3])]


def test_a_point_with_several_values_is_in_several_groups(books):
    for key in ("tags", "tags[]"):
        groups = shape(ask(books, "query", query=[0.4, 0], group_by=key,
                           limit=9, group_size=2))
        assert groups == [("t0", [0, 3]), ("u0", [0, 2]), ("t1", [1, 4]),
                          ("u1", [1, 3]), ("t2", [2, 5])]


def test_what_is_no_key_is_in_no_group(books):
    assert shape(ask(books, "query", query=[0.4, 0], group_by="other")) == []
    assert shape(ask(books, "query", query=[0.4, 0], group_by="none")) == []
    groups = shape(ask(books, "query", query=[0.4, 0], group_by="other.doc",
                       group_size=2))
    assert groups == [(1, [3, 7])]


def test_one_group_that_is_nearest_does_not_hide_the_others(engine, name):
    engine.call("PUT", f"/collections/{name}", {
        "vectors": {"size": 1, "distance": "Euclid"}})
    engine.upsert(name, [
        {"id": i, "vector": [i],
         "payload": {"k": 7 if i < 500 else i // 10 * 10}}
        for i in range(600)])
    answer = engine.call("POST", f"/collections/{name}/points/query/groups", {
        "query": [0], "group_by": "k", "limit": 5, "group_size": 3})
    assert shape(answer) == [
        (7, [0, 1, 2]), (500, [500, 501, 502]), (510, [510, 511, 512]),
        (520, [520, 521, 522]), (530, [530, 531, 532])]


def test_filters_thresholds_and_outputs_count(books):
    answer = ask(
        books, "query", query=[0.4, 0], group_by="doc", limit=2, group_size=5,
        filter={"must": [{"key": "i", "range": {"gte": 10}}]},
        score_threshold=25, with_payload=["i"], with_vector=True)
    assert shape(answer) == [("doc0", [10, 20]), ("doc1", [11, 21])]
    hit = answer.result["groups"][0]["hits"][0]
    assert hit["payload"] == {"i": 10} and hit["vector"] == [10.0, 0.0]


def test_every_kind_of_query_has_groups(books):
    by_id = shape(ask(books, "query", query=20, group_by="doc", limit=2,
                      group_size=2))
    assert by_id == [("doc9", [19, 29]), ("doc1", [21, 11])] or \
        {key for key, _ in by_id} == {"doc9", "doc1"}
    without = shape(ask(books, "query", group_by="doc", limit=2))
    assert without == [("doc0", [0, 10, 20]), ("doc1", [1, 11, 21])]
    fused = shape(ask(
        books, "query", query={"fusion": "rrf"}, group_by="doc", limit=4,
        group_size=1, prefetch=[{"query": [0.4, 0], "limit": 2},
                                {"query": [50.4, 0], "limit": 2}]))
    assert len(fused) == 4
    formula = shape(ask(
        books, "query", query={"formula": {"neg": "i"}}, group_by="doc",
        limit=2, group_size=2, prefetch={"query": [30.4, 0], "limit": 10}))
    assert formula[0][1][0] < formula[1][1][0]


def test_the_old_routes(books):
    groups = shape(ask(books, "search", vector=[0.4, 0], group_by="doc",
                       limit=2, group_size=2))
    assert groups == [("doc0", [0, 10]), ("doc1", [1, 11])]
    groups = shape(ask(books, "recommend", positive=[0], group_by="doc",
                       limit=2, group_size=2))
    assert groups == [("doc1", [1, 11]), ("doc2", [2, 12])]


def test_lookup_shows_the_point_of_the_group(books):
    answer = ask(books, "query", query=[0.4, 0], group_by="number", limit=4,
                 group_size=1, with_lookup="books")
    found = [group.get("lookup") for group in answer.result["groups"]]
    assert found == [
        None, {"id": 0, "payload": {"title": "number 0"}},
        {"id": 1, "payload": {"title": "number 1"}},
        {"id": 2, "payload": {"title": "number 2"}}]
    assert "lookup" not in answer.result["groups"][0]
    answer = ask(books, "query", query=[0.4, 0], group_by="number", limit=2,
                 group_size=1,
                 with_lookup={"collection": "books", "with_payload": False})
    assert answer.result["groups"][1]["lookup"] == {"id": 0}


BAD = (
    ({}, 400, "missing field `group_by`"),
    ({"group_by": 1}, 400, "group_by"),
    ({"group_by": "a..b"}, 400, "Invalid json path"),
    ({"group_by": "doc", "group_size": 0}, 422,
     "group_size: value 0 invalid, must be 1 or larger"),
    ({"group_by": "doc", "limit": 0}, 422,
     "limit: value 0 invalid, must be 1 or larger"),
    ({"group_by": "doc", "group_size": 10001, "limit": 1}, 400,
     "at most 10000 points in a group"),
    ({"group_by": "doc", "group_size": 101, "limit": 1000}, 400,
     "100000 in all"),
    ({"group_by": "doc", "with_lookup": 1}, 400, "with_lookup"),
    ({"group_by": "doc", "with_lookup": {}}, 400,
     "missing field `collection`"),
    ({"group_by": "doc", "with_lookup": "nowhere"}, 404,
     "Collection nowhere not found"),
)


@pytest.mark.parametrize("body, status, text", BAD)
def test_bad_requests_are_refused_by_name(books, body, status, text):
    answer = ask(books, "query", query=[0, 0], **body)
    assert answer.status == status
    assert text in answer.error


def test_sizes_are_needed_by_the_old_routes(books):
    answer = ask(books, "search", vector=[0, 0], group_by="doc", limit=3)
    assert answer.status == 400 and "group_size" in answer.error
    answer = ask(books, "search", vector=[0, 0], group_by="doc", group_size=3)
    assert answer.status == 400 and "limit" in answer.error


@pytest.mark.parametrize("version", ["1.15", "latest"])
def test_rest_and_grpc_say_the_same(books, version):
    done = subprocess.run(
        [sys.executable, str(CLIENTS / "groups.py"), str(books.port),
         str(books.grpc_port)], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(installed(version))})
    assert done.returncode == 0, done.stderr[-4000:]
    answers = json.loads(done.stdout)
    assert len(answers) == (7 if version == "1.15" else 5)
    for what, count, is_same, rest, grpc in answers:
        assert count > 0, what
        assert is_same, f"{what}\n{rest}\n{grpc}"
