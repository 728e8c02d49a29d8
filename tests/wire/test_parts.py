# SPDX-License-Identifier: Apache-2.0
"""Tokens that show a part of a collection (`payload` beside `access`): reads
see it alone, over REST and gRPC; deletions reach no further; all else is
refused. Which routes those are is in test_rights_table.py."""
import json

import pytest

from tokens import signed

import frames  # noqa: F401, finds the client
import grpc  # noqa: E402
from qdrant_client import QdrantClient, models  # noqa: E402

KEY = "the-whole-key-7f3a9c5b21d84e60aa17"
POINTS = "/collections/docs/points"
MINE, OTHERS = {1, 2, 3}, {4, 5, 6}
OF_BOB = {"must": [{"key": "owner", "match": {"value": "bob"}}]}
ANY_OWNER = {"should": [{"key": "owner", "match": {"value": name}}
                        for name in ("alice", "bob")]}
REFUSAL = 'This operation is not allowed when "payload" restriction is ' \
    "present for collection "


def token(payload=None, access="rw", *more):
    payload = {"owner": "alice"} if payload is None else payload
    return signed(KEY, {"access": [
        {"collection": "docs", "access": access, "payload": payload}, *more]})


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    from azimuthd import Engine
    folder = tmp_path_factory.mktemp("parts")
    engine = Engine(folder, more_config=f"""\
  api_key: {KEY}
  jwt_rbac: true
  audit_log: {folder}/audit.log
""")
    engine.start()
    fill(engine)
    yield engine
    assert engine.stop() == 0, engine.log()


def fill(engine):
    """Alice has the points 1, 2, 3, bob the others, which are nearer."""
    for name in ("docs", "users"):
        ask(engine, KEY, "DELETE", f"/collections/{name}")
        ask(engine, KEY, "PUT", f"/collections/{name}", {
            "vectors": {"size": 2, "distance": "Dot"},
            "sparse_vectors": {"t": {"modifier": "idf"}}}).result
        ask(engine, KEY, "PUT", f"/collections/{name}/points?wait=true", {
            "points": [{"id": i,
                        "vector": {"": [1, i],
                                   "t": {"indices": [1], "values": [1]}},
                        "payload": {
                            "owner": "alice" if i in MINE else "bob",
                            "n": i, "is": i in MINE,
                            "deep": {"a b": i % 3}}}
                       for i in sorted(MINE | OTHERS)]}).result
    for field, schema in (("owner", "keyword"), ("n", "integer")):
        ask(engine, KEY, "PUT", "/collections/docs/index?wait=true",
            {"field_name": field, "field_schema": schema}).result


@pytest.fixture
def filled(guarded):
    yield guarded
    fill(guarded)


def ask(engine, key, method, path, body=None):
    return engine.call(method, path, body, {"api-key": key})


def ids_in(value):
    """All ids of points in an answer, wherever they stand."""
    if isinstance(value, list):
        return set().union(*map(ids_in, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    own = {value[k] for k in ("id", "a", "b")
           if isinstance(value.get(k), int)}
    return own.union(*map(ids_in, value.values()), value.get("ids", ()))


def left(engine):
    return ids_in(ask(engine, KEY, "POST", POINTS + "/scroll",
                      {"with_payload": False}).result)


READS = {
    "/scroll": {}, "/scroll ordered": {"order_by": "n"},
    "/search": {"vector": [1, 1], "limit": 9},
    "/search/batch": {"searches": [{"vector": [1, 1], "limit": 9}] * 2},
    "/search/groups": {"vector": [1, 1], "limit": 9, "group_by": "owner",
                       "group_size": 9},
    "/query": {"query": [1, 1]}, "/query all": {},
    "/query exact": {"query": [1, 1], "params": {"exact": True}},
    "/query sample": {"query": {"sample": "random"}},
    "/query ordered": {"query": {"order_by": "n"}},
    "/query mmr": {"query": {"nearest": [1, 1], "mmr": {"diversity": 0.5}}},
    "/query best": {"query": {"recommend": {
        "positive": [[1, 1]], "strategy": "best_score"}}},
    "/query context": {"query": {"context": [
        {"positive": [1, 6], "negative": [1, 1]}]}},
    "/query fused": {"query": {"fusion": "rrf"}, "prefetch": [
        {"query": [1, 1]}, {"query": [1, 1], "filter": ANY_OWNER}]},
    "/query formula": {"query": {"formula": "$score"},
                       "prefetch": {"query": [1, 1]}},
    "/query/batch": {"searches": [{"query": [1, 1]}, {}]},
    "/query/groups": {"query": [1, 1], "group_by": "owner", "group_size": 9},
    "/recommend": {"positive": [[1, 1]], "limit": 9},
    "/recommend/batch": {"searches": [{"positive": [[1, 1]], "limit": 9}]},
    "/recommend/groups": {"positive": [[1, 1]], "limit": 9,
                          "group_by": "owner", "group_size": 9},
    "/discover": {"target": [1, 1], "limit": 9},
    "/discover/batch": {"searches": [{"target": [1, 1], "limit": 9}]},
    "/search/matrix/pairs": {"sample": 9, "limit": 9},
    "/search/matrix/offsets": {"sample": 9, "limit": 9},
}


@pytest.mark.parametrize("read", READS)
def test_a_read_sees_the_part_alone(guarded, read):
    path, body = POINTS + read.split(" ")[0], READS[read]
    everything = ask(guarded, KEY, "POST", path, body).result
    assert ids_in(everything) == MINE | OTHERS
    assert ids_in(ask(guarded, token(), "POST", path, body).result) == MINE
    assert ids_in(ask(guarded, token(access="r"), "POST", path,
                      body).result) == MINE


def test_counts_are_those_of_the_part(guarded):
    def count(key, **body):
        return ask(guarded, key, "POST", POINTS + "/count",
                   body).result["count"]
    assert count(KEY) == 6 and count(token()) == 3
    assert count(token(), filter=OF_BOB) == 0
    hits = ask(guarded, token(), "POST", "/collections/docs/facet",
               {"key": "owner"}).result["hits"]
    assert hits == [{"value": "alice", "count": 3}]


@pytest.fixture(scope="module")
def unindexed(guarded):
    """Tenants without an index of whose the points are, and one of mails."""
    path = "/collections/tenants"
    ask(guarded, KEY, "PUT", path, {"vectors": {"size": 2,
                                                "distance": "Dot"}}).result
    ask(guarded, KEY, "PUT", path + "/points?wait=true", {"points": [
        {"id": i, "vector": [1, i], "payload": {
            "owner": "alice" if i < 4 else "bob",
            "mail": "bob@example.org" if i > 4 else "alice@example.org"}}
        for i in range(1, 61)]}).result
    ask(guarded, KEY, "PUT", path + "/index?wait=true",
        {"field_name": "mail", "field_schema": "keyword"}).result
    key = signed(KEY, {"access": [{"collection": "tenants", "access": "r",
                                   "payload": {"owner": "alice"}}]})
    yield key
    ask(guarded, KEY, "DELETE", path)


OF_BOBS_MAIL = {"must": [{"key": "mail",
                          "match": {"value": "bob@example.org"}}]}


@pytest.mark.parametrize("filter,count", [(None, 3), (OF_BOBS_MAIL, 0)])
def test_an_estimate_counts_no_others(guarded, unindexed, filter, count):
    body = {"exact": False, **({"filter": filter} if filter else {})}
    path = "/collections/tenants/points/count"
    assert ask(guarded, unindexed, "POST", path,
               body).result == {"count": count}
    assert ask(guarded, KEY, "POST", path,
               body).result["count"] > 50
    client = QdrantClient(host="127.0.0.1", grpc_port=guarded.grpc_port,
                          prefer_grpc=True, https=False, api_key=unindexed,
                          check_compatibility=False)
    of_bob = None if filter is None else models.Filter(must=[
        models.FieldCondition(key="mail", match=models.MatchValue(
            value="bob@example.org"))])
    assert client.count("tenants", of_bob, exact=False).count == count
    client.close()


@pytest.mark.parametrize("path,body", [
    ("/query", {"query": [1, 1], "filter": OF_BOBS_MAIL}),
    ("/query/batch", {"searches": [{"query": [1, 1]}]}),
    ("/query/groups", {"query": [1, 1], "group_by": "mail"}),
    ("/search", {"vector": [1, 1], "limit": 1}),
])
def test_how_a_search_went_is_not_told(guarded, unindexed, path, body):
    path = "/collections/tenants/points" + path
    answer = ask(guarded, unindexed, "POST", path + "?explain=true", body)
    assert answer.status == 403
    assert answer.error == f"Forbidden: {REFUSAL}tenants"
    assert ask(guarded, unindexed, "POST", path + "?explain=false",
               body).status == 200
    assert "explain" in ask(guarded, KEY, "POST", path + "?explain=true",
                            body).json


@pytest.mark.parametrize("filter,ids", [
    (None, MINE), ({}, MINE), (ANY_OWNER, MINE), (OF_BOB, set()),
    ({"must": [ANY_OWNER]}, MINE), ({"must_not": [OF_BOB]}, MINE),
    ({"must": [{"has_id": [3, 4]}]}, {3}),
    ({"must_not": [{"has_id": [3]}]}, {1, 2}),
    ({"min_should": {"conditions": ANY_OWNER["should"], "min_count": 1}},
     MINE),
    ({"should": [{"must": []}, OF_BOB]}, MINE),
])
def test_no_filter_widens_it(guarded, filter, ids):
    body = {"query": [1, 1], "filter": filter}
    assert ids_in(ask(guarded, token(), "POST", POINTS + "/query",
                      body).result) == ids
    inner = {"query": {"fusion": "rrf"}, "prefetch": body}
    assert ids_in(ask(guarded, token(), "POST", POINTS + "/query",
                      inner).result) == ids


@pytest.mark.parametrize("payload,ids", [
    ({"n": 4}, {4}), ({"is": False}, OTHERS), ({"is": "false"}, set()),
    ({"n": "4"}, set()), ({'deep."a b"': 1}, {1, 4}),
    ({"owner": "bob", 'deep."a b"': 1}, {4}), ({"no": "such"}, set()),
    ({}, MINE | OTHERS),
])
def test_values_of_each_kind(guarded, payload, ids):
    assert ids_in(ask(guarded, token(payload), "POST", POINTS + "/scroll",
                      {}).result) == ids
    # No condition is one, too: what needs all of it is refused.
    assert ask(guarded, token(payload), "GET",
               "/collections/docs").status == 403


def test_null_is_none(guarded):
    whole = signed(KEY, {"access": [
        {"collection": "docs", "access": "r", "payload": None}]})
    assert ask(guarded, whole, "GET", "/collections/docs").status == 200


@pytest.mark.parametrize("payload", [
    [], "owner", 1, {"owner": ["alice"]}, {"owner": {"any": ["alice"]}},
    {"owner": None}, {"n": 1.5}, {"n": 1 << 63}, {"a[": 1}, {"": 1},
    {f"k{i}": i for i in range(65)},
])
def test_a_part_that_is_not_understood(guarded, payload):
    answer = ask(guarded, token(payload), "POST", POINTS + "/scroll", {})
    assert answer.status == 401
    assert "its claim `access` has an item that is not understood" in \
        answer.text


def test_a_token_of_many_values(guarded):
    values = {"owner": "alice", **{f"k{i}": i for i in range(7)}}
    others = [{"collection": f"docs-{i}", "access": "r", "payload": values}
              for i in range(63)]
    key = token(None, "r", *others)
    assert 10000 < len(key) <= 16384
    for _ in range(2):
        assert ids_in(ask(guarded, key, "POST", POINTS + "/scroll",
                          {}).result) == MINE


@pytest.mark.parametrize("path,body", [
    ("", {"ids": [1]}),
    ("/query", {"query": 1}),
    ("/query", {"query": {"nearest": 1}}),
    ("/query", {"query": {"nearest": 1, "mmr": {}}}),
    ("/query", {"query": {"recommend": {"positive": [[1, 1], 1]}}}),
    ("/query", {"query": {"recommend": {"positive": [[1, 1]],
                                        "negative": [9]}}}),
    ("/query", {"query": {"discover": {"target": 1, "context": []}}}),
    ("/query", {"query": {"context": [{"positive": [1, 1],
                                       "negative": 1}]}}),
    ("/query", {"query": {"fusion": "rrf"}, "prefetch": [
        {"query": [1, 1]}, {"query": [1, 1], "prefetch": {"query": 4}}]}),
    ("/query", {"query": {"relevance_feedback": {
        "target": [1, 1], "feedback": [{"example": 4, "score": 1}],
        "strategy": {"naive": {"a": 1, "b": 1, "c": 1}}}}}),
    ("/query", {"query": 1, "lookup_from": {"collection": "users"}}),
    ("/query/batch", {"searches": [{"query": [1, 1]}, {"query": 1}]}),
    ("/query/groups", {"query": 1, "group_by": "owner"}),
    ("/recommend", {"positive": [1], "limit": 1}),
    ("/discover", {"target": 1, "limit": 1}),
])
def test_points_by_their_ids_are_refused(guarded, path, body):
    users = {"collection": "users", "access": "r"}
    answer = ask(guarded, token(None, "rw", users), "POST", POINTS + path,
                 body)
    assert answer.status == 403
    assert answer.error == f"Forbidden: {REFUSAL}docs"


def test_a_lookup_needs_all_of_the_other_collection(guarded):
    lookup = {"query": [1, 1], "group_by": "n", "with_lookup": "users"}
    path = POINTS + "/query/groups"
    whole = {"collection": "users", "access": "r"}
    part = {**whole, "payload": {"owner": "alice"}}
    answer = ask(guarded, token(None, "r", part), "POST", path, lookup)
    assert answer.status == 403
    assert answer.error == f"Forbidden: {REFUSAL}users"
    groups = ask(guarded, token(None, "r", whole), "POST", path,
                 lookup).result["groups"]
    assert {g["id"] for g in groups} == {g["lookup"]["id"]
                                         for g in groups} == MINE


def test_a_corpus_tells_nothing_of_the_others(guarded):
    def score(corpus):
        return ask(guarded, token(), "POST", POINTS + "/query", {
            "query": {"indices": [1], "values": [1]}, "using": "t",
            "params": {"idf": {"corpus": corpus}}}).result["points"][0]
    of_nobody = {"must": [{"key": "owner", "match": {"value": "nobody"}}]}
    assert score(OF_BOB)["score"] == score(of_nobody)["score"]
    assert score(ANY_OWNER)["score"] == score({})["score"]


def test_deletions_reach_the_part_alone(filled):
    for body in ({"points": [1, 4]}, {"filter": {"must": [
            {"key": "n", "match": {"any": [2, 5]}}]}}):
        ask(filled, token(), "POST", POINTS + "/delete?wait=true",
            body).result
    assert left(filled) == {3, 4, 5, 6}
    ask(filled, token(), "POST", POINTS + "/vectors/delete?wait=true",
        {"points": [3, 4], "vector": ["t"]}).result
    has = ids_in(ask(filled, KEY, "POST", POINTS + "/scroll", {
        "filter": {"must": [{"has_vector": "t"}]}}).result)
    assert has == OTHERS
    ask(filled, token(), "POST", POINTS + "/delete?wait=true",
        {"filter": {}}).result
    assert left(filled) == OTHERS


@pytest.mark.parametrize("limit,text", [
    ({"filter_max_conditions": 1}, "Filter condition limit reached"),
    ({"condition_max_size": 1}, "Condition size limit reached (2 > 1)"),
    ({"unindexed_filtering_update": False}, "deep"),
])
def test_a_deletion_by_ids_is_one_by_a_filter_in_strict_mode(
        filled, limit, text):
    ask(filled, KEY, "PATCH", "/collections/docs",
        {"strict_mode_config": {"enabled": True, **limit}}).result
    part = token({"owner": "alice", 'deep."a b"': 1})
    body = {"points": [1, 4]}
    answer = ask(filled, part, "POST", POINTS + "/delete?wait=true", body)
    assert answer.status == 400 and text in answer.text
    assert left(filled) == MINE | OTHERS
    ask(filled, KEY, "POST", POINTS + "/delete?wait=true", body).result


def test_a_batch_is_taken_only_whole(filled):
    path = POINTS + "/batch?wait=true"
    delete = {"delete": {"points": [1, 4]}}
    others = [{"upsert": {"points": [{"id": 7, "vector": [1, 1]}]}},
              {"set_payload": {"points": [1], "payload": {"owner": "bob"}}},
              {"overwrite_payload": {"points": [1], "payload": {}}},
              {"delete_payload": {"points": [1], "keys": ["owner"]}},
              {"clear_payload": {"points": [1]}},
              {"update_vectors": {"points": [{"id": 1, "vector": [1, 1]}]}}]
    for other in others:
        answer = ask(filled, token(), "POST", path,
                     {"operations": [delete, other]})
        assert answer.status == 403
        assert answer.error == f"Forbidden: {REFUSAL}docs"
    assert left(filled) == MINE | OTHERS
    ask(filled, token(), "POST", path, {"operations": [
        delete, {"delete_vectors": {"points": [2, 5], "vector": ["t"]}}]})
    assert left(filled) == {2, 3, 4, 5, 6}


def test_a_part_for_reading_deletes_nothing(guarded):
    answer = ask(guarded, token(access="r"), "POST", POINTS + "/delete",
                 {"points": [1]})
    assert answer.status == 403
    assert answer.error == \
        "Forbidden: Write access to collection docs is required"


def test_lists_name_it_and_telemetry_does_not_tell_of_it(guarded):
    names = ask(guarded, token(), "GET", "/collections").result["collections"]
    assert names == [{"name": "docs"}]
    assert ask(guarded, token(), "GET",
               "/collections/docs/exists").result == {"exists": True}
    told = ask(guarded, token(), "GET", "/telemetry?details_level=10")
    assert "docs" not in json.dumps(told.result["collections"])


def test_the_audit_log_tells_of_a_refusal(guarded):
    assert ask(guarded, token(), "POST", POINTS, {"ids": [1]}).status == 403
    assert ask(guarded, token(), "POST", POINTS + "/query",
               {"query": 1}).status == 403
    lines = (guarded.folder / "audit.log").read_text().splitlines()[-2:]
    assert [json.loads(line)["result"] for line in lines] == ["denied"] * 2


# ---- over gRPC --------------------------------------------------------------

@pytest.fixture(params=["rw", "r"])
def client(guarded, request):
    client = QdrantClient(host="127.0.0.1", grpc_port=guarded.grpc_port,
                          prefer_grpc=True, https=False,
                          api_key=token(access=request.param),
                          check_compatibility=False)
    yield client
    client.close()


def test_reads_over_grpc(client):
    nearest = models.Prefetch(query=[1.0, 1.0])
    rrf = models.FusionQuery(fusion=models.Fusion.RRF)
    for points in (
            client.scroll("docs")[0],
            client.query_points("docs", query=[1.0, 1.0]).points,
            client.query_points("docs", prefetch=nearest, query=rrf).points,
            client.query_points("docs").points,
            client.query_batch_points("docs", [
                models.QueryRequest(query=[1.0, 1.0])])[0].points,
            client.query_points_groups(
                "docs", query=[1.0, 1.0], group_by="owner",
                group_size=9).groups[0].hits):
        assert {point.id for point in points} == MINE
    assert client.count("docs").count == 3
    assert [(h.value, h.count) for h in
            client.facet("docs", "owner").hits] == [("alice", 3)]
    pairs = client.search_matrix_pairs("docs", sample=9, limit=9).pairs
    assert {p.a for p in pairs} | {p.b for p in pairs} == MINE


def test_refusals_over_grpc(client):
    for call in (lambda: client.retrieve("docs", [1]),
                 lambda: client.query_points("docs", query=1),
                 lambda: client.get_collection("docs")):
        with pytest.raises(grpc.RpcError) as error:
            call()
        assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert error.value.details() == f"Forbidden: {REFUSAL}docs"


def test_deletions_over_grpc(filled):
    client = QdrantClient(host="127.0.0.1", grpc_port=filled.grpc_port,
                          prefer_grpc=True, https=False, api_key=token(),
                          check_compatibility=False)
    client.delete("docs", [1, 4])
    client.batch_update_points("docs", [models.DeleteOperation(
        delete=models.PointIdsList(points=[2, 5]))])
    assert left(filled) == {3, 4, 5, 6}
    upsert = models.UpsertOperation(upsert=models.PointsList(
        points=[models.PointStruct(id=9, vector=[1.0, 1.0])]))
    for call in (lambda: client.batch_update_points("docs", [upsert]),
                 lambda: client.upsert("docs", upsert.upsert.points)):
        with pytest.raises(grpc.RpcError) as error:
            call()
        assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert left(filled) == {3, 4, 5, 6}
    client.close()
