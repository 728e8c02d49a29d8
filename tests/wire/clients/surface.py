# SPDX-License-Identifier: Apache-2.0
"""The same calls by the real client over REST, over gRPC and in its own local
mode, which is the model: what they answer must be the same. Started as

    python surface.py PART URL GRPC_PORT

It prints one JSON object: {"compared": N, "differences": [text, ...]}."""
import json
import random
import sys
import uuid

from qdrant_client import QdrantClient, grpc, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse

from congruence import is_same, outcome, plain

NEW = not hasattr(QdrantClient, "search")  # 1.16 and later


class Surface:
    def __init__(self, url, port):
        self.clients = {
            "rest": QdrantClient(url=url, timeout=60),
            "grpc": QdrantClient(url=url, timeout=60, prefer_grpc=True,
                                 grpc_port=port)}
        self.model = QdrantClient(":memory:")
        self.compared = 0
        self.differences = []

    def same(self, what, call, model=True, tidy=plain):
        """call(client, name) by all; the model may not know it. Refusals must
        be alike over REST and gRPC; that the model refuses, too, is enough."""
        results = {kind: outcome(lambda: call(client, f"surface-{kind}"))
                   for kind, client in self.clients.items()}
        if model:
            try:
                results["model"] = ("answer", call(self.model, "surface-model"))
            except (ValueError, KeyError):
                results["model"] = ("refused", None)
        self.compared += 1
        kinds = {kind for kind, _ in results.values()}
        if len(kinds) == 1 and kinds == {"refused"}:
            rest, other = results["rest"][1], results["grpc"][1]
            well = isinstance(other, tuple) and rest[0] in other
        else:
            values = [tidy(value) for _, value in results.values()]
            well = len(kinds) == 1 and all(is_same(values[0], value)
                                           for value in values[1:])
        if not well:
            self.differences.append(f"{what}: {results}"[:2000])
        return results

    def create(self, **more):
        more.setdefault("vectors_config", models.VectorParams(
            size=4, distance=models.Distance.COSINE))
        for kind, client in [*self.clients.items(), ("model", self.model)]:
            name = f"surface-{kind}"
            if client.collection_exists(name):
                client.delete_collection(name)
            client.create_collection(name, **more)

    def every(self, call):
        for kind, client in [*self.clients.items(), ("model", self.model)]:
            call(client, f"surface-{kind}")


# ---- aliases ----

def create_alias(collection, alias):
    return models.CreateAliasOperation(create_alias=models.CreateAlias(
        collection_name=collection, alias_name=alias))


def delete_alias(alias):
    return models.DeleteAliasOperation(
        delete_alias=models.DeleteAlias(alias_name=alias))


def rename_alias(old, new):
    return models.RenameAliasOperation(rename_alias=models.RenameAlias(
        old_alias_name=old, new_alias_name=new))


def suffixes(answer):
    value = plain(answer)
    if not isinstance(value, dict):
        return value
    return sorted(a["alias_name"].rsplit("-", 1)[-1] for a in value["aliases"])


def aliases(s):
    s.create()
    s.every(lambda c, n: c.upsert(n, [models.PointStruct(
        id=1, vector=[1, 0, 0, 0], payload={"a": 1})]))

    def change(*make):
        s.same(f"change {len(s.differences)}", lambda c, n:
               c.update_collection_aliases([m(n) for m in make]))
        s.same("list", lambda c, n: c.get_collection_aliases(n),
               tidy=suffixes)

    change(lambda n: create_alias(n, n + "-one"),
           lambda n: create_alias(n, n + "-two"))
    change(lambda n: rename_alias(n + "-one", n + "-three"),
           lambda n: delete_alias(n + "-two"),
           lambda n: create_alias(n, n + "-four"))
    change(lambda n: create_alias(n, n + "-four"))
    for call in (
            lambda c, n: c.query_points(n + "-three", [1.0, 0, 0, 0],
                                        with_vectors=True).points,
            lambda c, n: c.scroll(n + "-four"),
            lambda c, n: c.retrieve(n + "-four", [1]),
            lambda c, n: c.count(n + "-three"),
            lambda c, n: c.get_collection(n + "-three").points_count,
            lambda c, n: c.get_collection_aliases(n).aliases != [],
            lambda c, n: c.upsert(n + "-four", [models.PointStruct(
                id=2, vector=[0, 1, 0, 0])]).status,
            lambda c, n: c.count(n)):
        s.same("by alias", call)
    # The model finds no aliases for these.
    for call in (lambda c, n: c.collection_exists(n + "-three"),
                 lambda c, n: c.delete_collection(n + "-three"),
                 lambda c, n: c.collection_exists(n)):
        s.same("by alias", call, model=False)
    s.same("no such collection", lambda c, n: c.update_collection_aliases(
        [create_alias("surface-none", n + "-x")]))
    s.same("no such alias", lambda c, n: c.update_collection_aliases(
        [rename_alias(n + "-none", n + "-x")]))
    s.same("deleting none", lambda c, n: c.update_collection_aliases(
        [delete_alias(n + "-none")]), model=False)
    s.same("a collection's name", lambda c, n: c.update_collection_aliases(
        [create_alias(n, n)]), model=False)
    s.every(lambda c, n: c.delete_collection(n))
    s.same("gone with it", lambda c, n: [
        a for a in c.get_aliases().aliases if a.collection_name == n])


# ---- facets and the matrix ----

def facets(s):
    s.create()
    random.seed(7)
    uuids = [str(uuid.UUID(int=random.getrandbits(128))) for _ in range(5)]
    points = []
    for i in range(300):
        payload = {"city": random.choice(["Berlin", "Paris", "\u00c5", ""]),
                   "n": random.choice([-1, 0, 7, 2**60, -2**63]),
                   "ok": random.choice([True, False]),
                   "id": random.choice(uuids), "size": i % 10,
                   "tags": random.sample("abcdef", i % 4),
                   "deep": {"list": [{"k": str(i % 3)}, {"k": str(i % 7)}]}}
        if i % 11 == 0:
            payload = {"size": i % 10}
        points.append(models.PointStruct(
            id=i, vector=[random.random() for _ in range(4)],
            payload=payload))
    s.every(lambda c, n: c.upsert(n, points))
    schemas = {"city": "keyword", "n": "integer", "ok": "bool", "id": "uuid",
               "tags": "keyword", "deep.list[].k": "keyword",
               "size": "integer"}
    for field, schema in schemas.items():
        for kind, client in s.clients.items():
            client.create_payload_index(f"surface-{kind}", field, schema)
    filters = [None, models.Filter(must=[models.FieldCondition(
        key="size", range=models.Range(lt=3))]), models.Filter(
            must_not=[models.FieldCondition(
                key="city", match=models.MatchValue(value="Paris"))]),
        models.Filter(must=[models.HasIdCondition(has_id=[1, 2, 3])]),
        models.Filter(must=[models.FieldCondition(
            key="unindexed", match=models.MatchValue(value=1))])]
    for field in schemas:
        for where in filters:
            for limit in (1, 3, 100):
                s.same(f"facet {field} {limit}", lambda c, n: c.facet(
                    n, field, facet_filter=where, limit=limit, exact=True))
    s.same("default limit", lambda c, n: c.facet(n, "size"))
    for bad in ("unindexed", "a..b", ""):
        s.same("no index", lambda c, n: c.facet(n, bad), model=False)
    s.every(lambda c, n: c.set_payload(n, {"city": "Rome"}, points=[1, 2, 3]))
    s.every(lambda c, n: c.delete(n, points_selector=[4, 5]))
    s.same("after changes", lambda c, n: c.facet(n, "city"))
    for client in s.clients.values():
        assert client.facet("surface-rest", "ok", exact=False).hits


def matrix(s):
    rows = {"plain": models.VectorParams(
        size=4, distance=models.Distance.COSINE),
        "far": models.VectorParams(size=2, distance=models.Distance.EUCLID)}
    s.create(vectors_config=rows, sparse_vectors_config={
        "sparse": models.SparseVectorParams()})
    random.seed(3)
    points = [models.PointStruct(
        id=i if i % 2 else str(uuid.UUID(int=i + 1)),
        vector={"plain": [random.uniform(-1, 1) for _ in range(4)],
                **({"far": [random.random() for _ in range(2)]} if i % 3
                   else {}),
                "sparse": models.SparseVector(
                    indices=[0, i + 1], values=[1.0, random.random()])},
        payload={"half": i % 2}) for i in range(30)]
    s.every(lambda c, n: c.upsert(n, points))
    half = models.Filter(must=[models.FieldCondition(
        key="half", match=models.MatchValue(value=1))])
    # The sample is everything, so that it is the same everywhere. The old
    # model cannot take ids of both kinds.
    for using in ("plain", "far", "sparse"):
        for where in (None, half):
            for limit in (1, 3, 50):
                ask = {"query_filter": where, "limit": limit, "sample": 100,
                       "using": using}
                s.same(f"pairs {ask}", lambda c, n:
                       c.search_matrix_pairs(n, **ask), NEW, sorted_pairs)
                s.same(f"offsets {ask}", lambda c, n:
                       c.search_matrix_offsets(n, **ask), NEW,
                       sorted_offsets)
    for client in s.clients.values():
        some = client.search_matrix_offsets("surface-rest", sample=5, limit=2,
                                            using="plain")
        assert len(some.ids) == 5 and len(some.scores) == 10
        assert all(a != b for a, b in zip(some.offsets_row, some.offsets_col))
    none = models.Filter(must=[models.HasIdCondition(has_id=[1])])
    s.same("one point", lambda c, n: c.search_matrix_pairs(
        n, query_filter=none, using="plain"), NEW)
    for bad in ({"sample": 1}, {"limit": 0}, {"using": "none"},
                {"sample": 10001}):
        ask = {"using": "plain", **bad}
        s.same(f"bad {bad}", lambda c, n: c.search_matrix_pairs(n, **ask),
               model=False)


def sorted_pairs(answer):
    """By row and score: ties come in any order."""
    if not hasattr(answer, "pairs"):
        return plain(answer)
    return sorted([str(p.a), round(p.score, 4)] for p in answer.pairs)


def sorted_offsets(answer):
    if not hasattr(answer, "ids"):
        return plain(answer)
    return [[str(i) for i in answer.ids],
            sorted([row, round(score, 4)] for row, score in
                   zip(answer.offsets_row, answer.scores))]


# ---- conditional updates ----

def has_version(value):
    return models.Filter(must=[models.FieldCondition(
        key="v", match=models.MatchValue(value=value))])


def conditions(s):
    random.seed(11)
    modes = [None, models.UpdateMode.UPSERT, models.UpdateMode.INSERT_ONLY,
             models.UpdateMode.UPDATE_ONLY]
    s.create()

    def points(ids, turn):
        return [models.PointStruct(
            id=i, vector=[i + 1.0, turn, 1.0, 0.0],
            payload={"v": (i + turn) % 3, "turn": turn}) for i in ids]

    def state():
        s.same("state", lambda c, n: c.scroll(
            n, limit=100, with_vectors=True)[0])

    for turn in range(60):
        if turn == 30:
            for kind, client in s.clients.items():
                client.create_payload_index(f"surface-{kind}", "v", "integer")
        ids = random.sample(range(40), random.randrange(1, 12))
        mode = random.choice(modes)
        where = random.choice([None, has_version(turn % 3)])
        new = points(ids, turn)
        kind = turn % 4
        if kind < 2:
            s.same(f"upsert {mode}", lambda c, n: c.upsert(
                n, new, update_filter=where, update_mode=mode).status)
        elif kind == 2:
            s.same("batch", lambda c, n: [r.status for r in
                   c.batch_update_points(n, [models.UpsertOperation(
                       upsert=models.PointsList(
                           points=new, update_filter=where,
                           update_mode=mode)),
                       models.SetPayloadOperation(
                           set_payload=models.SetPayload(
                               payload={"batch": turn},
                               filter=has_version(1)))])])
        else:
            there = [p for p in s.model.retrieve(
                "surface-model", ids, with_payload=False)]
            vectors = [models.PointVectors(id=p.id, vector=[0, 0, turn, p.id])
                       for p in there]
            if vectors:
                s.same("vectors", lambda c, n: c.update_vectors(
                    n, vectors, update_filter=where).status)
        state()


# ---- every operation in one batch, and what goes beside it ----

def batches(s):
    s.create(vectors_config={
        name: models.VectorParams(size=2, distance=models.Distance.DOT)
        for name in ("a", "b")})
    operations = [
        models.UpsertOperation(upsert=models.PointsList(points=[
            models.PointStruct(id=i, vector={"a": [i, 1], "b": [1, i]},
                               payload={"k": i, "z": {"y": i}})
            for i in range(10)])),
        models.UpsertOperation(upsert=models.PointsBatch(batch=models.Batch(
            ids=[20, 21], vectors={"a": [[1, 2], [3, 4]]},
            payloads=[{"k": 1}, {}]))),
        models.UpdateVectorsOperation(update_vectors=models.UpdateVectors(
            points=[models.PointVectors(id=20, vector={"b": [5, 6]})])),
        models.DeleteVectorsOperation(delete_vectors=models.DeleteVectors(
            points=[1, 2], vector=["b"])),
        models.SetPayloadOperation(set_payload=models.SetPayload(
            payload={"s": 1}, points=[3])),
        models.SetPayloadOperation(set_payload=models.SetPayload(
            payload={"y": 2}, points=[4], key="z")),
        models.OverwritePayloadOperation(
            overwrite_payload=models.SetPayload(payload={"o": 1}, points=[5])),
        models.DeletePayloadOperation(delete_payload=models.DeletePayload(
            keys=["z"], points=[6])),
        models.ClearPayloadOperation(
            clear_payload=models.PointIdsList(points=[7])),
        models.DeleteOperation(delete=models.PointIdsList(points=[8])),
        models.DeleteOperation(delete=models.FilterSelector(
            filter=models.Filter(must=[models.FieldCondition(
                key="k", match=models.MatchValue(value=9))]))),
    ]
    s.same("batch", lambda c, n: [
        r.status for r in c.batch_update_points(n, operations)])
    s.same("all", lambda c, n: c.scroll(n, limit=100, with_vectors=True)[0])
    s.same("no operation", lambda c, n: c.batch_update_points(n, []),
           model=False)
    bad = models.UpdateVectorsOperation(update_vectors=models.UpdateVectors(
        points=[models.PointVectors(id=777, vector={"a": [1, 1]})]))
    s.same("stops at the first that fails", lambda c, n:
           c.batch_update_points(n, [operations[4], bad, operations[7]]),
           model=False)
    s.same("all", lambda c, n: c.scroll(n, limit=100, with_vectors=True)[0],
           model=False)
    for ordering in ("weak", "medium", "strong"):
        s.same(ordering, lambda c, n: c.upsert(n, [models.PointStruct(
            id=1, vector={})], ordering=models.WriteOrdering(ordering)).status)
    for consistency in (1, 5, *models.ReadConsistencyType):
        s.same(str(consistency), lambda c, n: c.retrieve(
            n, [1], consistency=consistency), model=False)
    requests = [models.QueryRequest(query=[1.0, 2.0], using="a", limit=k + 1)
                for k in range(3)]
    s.same("queries", lambda c, n: c.query_batch_points(n, requests),
           tidy=lambda answer: [[[p["id"], round(p["score"], 4)] for p in one]
                                for one in plain(answer)])
    s.same("drop", lambda c, n: c.delete_payload_index(n, "none").status,
           model=False)
    shards = s.clients["grpc"].grpc_collections.CollectionClusterInfo(
        grpc.CollectionClusterInfoRequest(collection_name="surface-grpc"))
    if shards.shard_count != 1 or len(shards.local_shards) != 1:
        s.differences.append(str(shards))
    s.same("no wait", lambda c, n: c.upsert(n, [models.PointStruct(
        id=1, vector={})], wait=False).status, model=False)
    if NEW:
        s.same("metadata", lambda c, n: c.update_collection(
            n, metadata={"a": 1, "b": {"c": [1, None, "x"]}}), model=False)
        s.same("metadata", lambda c, n: c.get_collection(n).config.metadata,
               model=False)


# ---- strict mode ----

def strict(s):
    city = models.Filter(must=[models.FieldCondition(
        key="city", match=models.MatchValue(value="Berlin"))])
    config = models.StrictModeConfig(
        enabled=True, max_query_limit=5, max_timeout=7,
        unindexed_filtering_retrieve=False, unindexed_filtering_update=False,
        search_max_hnsw_ef=10, search_allow_exact=False,
        search_max_oversampling=1.5, upsert_max_batchsize=3,
        filter_max_conditions=2, condition_max_size=3, max_points_count=100,
        max_collection_vector_size_bytes=10**9,
        max_collection_payload_size_bytes=10**9,
        read_rate_limit=10000, write_rate_limit=10000,
        multivector_config={"m": models.StrictModeMultivector(max_vectors=2)},
        sparse_config={"s": models.StrictModeSparse(max_length=2)})
    for kind, client in s.clients.items():
        name = f"surface-{kind}"
        if client.collection_exists(name):
            client.delete_collection(name)
        client.create_collection(name, vectors_config={
            "": models.VectorParams(size=2, distance=models.Distance.DOT),
            "m": models.VectorParams(
                size=2, distance=models.Distance.DOT, multivector_config=models
                .MultiVectorConfig(comparator="max_sim"))},
            sparse_vectors_config={"s": models.SparseVectorParams()},
            strict_mode_config=config)

    def same(what, call):
        s.same(what, call, model=False)

    def points(count, **vector):
        return [models.PointStruct(id=i, vector=vector) for i in range(count)]

    def params(**members):
        return lambda c, n: c.query_points(
            n, [1.0, 1.0], limit=1, search_params=models.SearchParams(
                **members)).points

    same("info", lambda c, n: c.get_collection(n).config.strict_mode_config)
    same("upsert", lambda c, n: c.upsert(n, points(3)).status)
    same("too many", lambda c, n: c.upsert(n, points(4)))
    same("multi", lambda c, n: c.upsert(n, points(1, m=[[1.5, 1]] * 3)))
    same("sparse", lambda c, n: c.upsert(n, points(1, s=models.SparseVector(
        indices=[1, 2, 3], values=[1, 2, 3]))))
    same("limit", lambda c, n: c.scroll(n, limit=6))
    same("limit", lambda c, n: c.scroll(n, limit=5))
    same("timeout", lambda c, n: c.count(n, exact=False, timeout=8))
    same("exact", lambda c, n: c.count(n, exact=True))
    same("exact", params(exact=True))
    same("ef", params(hnsw_ef=11))
    same("oversampling", params(quantization=models.QuantizationSearchParams(
        oversampling=2.0)))
    same("well", params(hnsw_ef=10))
    same("index", lambda c, n: c.count(n, count_filter=city, exact=False))
    same("index", lambda c, n: c.delete(n, models.FilterSelector(filter=city)))
    same("conditions", lambda c, n: c.scroll(n, limit=1, scroll_filter=models
         .Filter(must=[models.HasIdCondition(has_id=[i]) for i in range(3)])))
    same("condition", lambda c, n: c.scroll(n, limit=1, scroll_filter=models
         .Filter(must=[models.HasIdCondition(has_id=[1, 2, 3, 4])])))
    same("patch", lambda c, n: c.update_collection(
        n, strict_mode_config=models.StrictModeConfig(read_rate_limit=1)))
    for kind, client in s.clients.items():
        client.scroll(f"surface-{kind}", limit=1)
        try:
            client.scroll(f"surface-{kind}", limit=1)
            s.differences.append(f"{kind}: no limit")
        except ResourceExhaustedResponse as error:
            if not 50 < error.retry_after_s <= 60:
                s.differences.append(f"{kind}: {error.retry_after_s}")


PARTS = {"strict": strict, "aliases": aliases, "facets": facets, "matrix": matrix,
         "conditions": conditions, "batches": batches}


def main():
    part, url, port = sys.argv[1:4]
    surface = Surface(url, int(port))
    PARTS[part](surface)
    print(json.dumps({"compared": surface.compared,
                      "differences": surface.differences}))


main()
