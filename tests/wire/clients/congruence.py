# SPDX-License-Identifier: Apache-2.0
"""The same random operations and filters over REST and over gRPC, by the real
client: each changes a collection of its own, and whatever is read must be the
same. test_grpc.py starts it as

    python congruence.py URL GRPC_PORT SEED ROUNDS

It prints one JSON object: {"compared": N, "differences": [text, ...]}."""
import asyncio
import json
import pathlib
import random
import sys

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "oracle"))

import filters  # noqa: E402
from pydantic import ValidationError  # noqa: E402
from qdrant_client import AsyncQdrantClient, QdrantClient, models  # noqa: E402
from qdrant_client.http.exceptions import UnexpectedResponse  # noqa: E402

COUNT = 200
NAMES = ("congruence-rest", "congruence-grpc")
HTTP_OF = {grpc.StatusCode.INVALID_ARGUMENT: (400, 422),
           grpc.StatusCode.UNIMPLEMENTED: (400,),
           grpc.StatusCode.ALREADY_EXISTS: (409,),
           grpc.StatusCode.RESOURCE_EXHAUSTED: (429,),
           grpc.StatusCode.NOT_FOUND: (404,)}


def outcome(call):
    """What it returned; or that it was refused, and how."""
    try:
        return ("answer", call())
    except UnexpectedResponse as error:
        return ("refused", (error.status_code,))
    except grpc.RpcError as error:
        return ("refused", HTTP_OF.get(error.code(), error.code()))


def plain(answer):
    """As JSON. An empty payload over gRPC is none for the client: a map cannot
    be absent there."""
    if isinstance(getattr(answer, "points", None), list):
        return plain(answer.points)
    if hasattr(answer, "model_dump"):
        values = answer.model_dump(exclude_none=True)
        return plain({key: value for key, value in values.items()
                      if key != "payload" or value != {}})
    if isinstance(answer, dict):
        return {str(k): plain(v) for k, v in answer.items() if v is not None}
    if isinstance(answer, (list, tuple)):
        return [plain(v) for v in answer]
    return answer


def is_same(a, b):
    """1 and 1.0 differ; floats may differ by what f32 text rounds."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(is_same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(is_same, a, b))
    if isinstance(a, float):
        return a == b or abs(a - b) <= 1e-6 * max(abs(a), abs(b))
    return a == b


class Congruence:
    def __init__(self, url, port, seed):
        self.rest = QdrantClient(url=url, timeout=60, cloud_inference=True)
        self.grpc = QdrantClient(url=url, timeout=60, cloud_inference=True,
                                 prefer_grpc=True, grpc_port=port)
        self.clients = (self.rest, self.grpc)
        self.make = filters.Random(seed)
        self.make.several = 0  # the client sends the first over gRPC
        self.random = random.Random(seed)
        self.compared = 0
        self.differences = []

    def both(self, what, call, names=NAMES):
        results = [outcome(lambda: call(client, name))
                   for client, name in zip(self.clients, names)]
        self.compared += 1
        (kind_a, a), (kind_b, b) = results
        if kind_a == "refused" and kind_b == "refused":
            well = a[0] in b if isinstance(b, tuple) else False
        else:
            well = kind_a == kind_b and is_same(plain(a), plain(b))
        if not well:
            self.differences.append(f"{what}:\n  rest {results[0]}\n"
                                    f"  grpc {results[1]}"[:1500])

    def points(self, ids):
        points = [self.make.point(i) for i in ids]
        return [models.PointStruct(**p) for p in points]

    def filter(self):
        """One that this client can say: the old ones know fewer tests."""
        while True:
            value = self.make.filter(count=COUNT)
            try:
                return models.Filter.model_validate(value), value
            except ValidationError:
                pass

    def build(self):
        config = {name: models.VectorParams(
            size=2, distance=models.Distance.EUCLID) for name in "vw"}
        points = self.points(range(COUNT))
        big = models.PointStruct(
            id=2**64 - 1, vector={"v": [1.5, 2.5]},
            payload={"i": 2**53 + 1, "d": 3.0, "n": None, "s": "\u00e4\u0000",
                     "deep": {"a": [[{"b": [1, 2.5, "x"]}]]}})
        uuid = models.PointStruct(
            id="550e8400-e29b-41d4-a716-446655440000", vector={"v": [0, 0]})
        for client, name in zip(self.clients, NAMES):
            if client.collection_exists(name):
                client.delete_collection(name)
            client.create_collection(name, vectors_config=config)
            client.upsert(name, [*points, big, uuid])

    def change(self):
        kind = self.random.randrange(9)
        ids = self.random.sample(range(COUNT), 5)
        payload = self.make.payload()
        if kind == 0:
            points = self.points(ids)
            return "upsert", lambda c, n: c.upsert(n, points)
        if kind == 1:
            return "set", lambda c, n: c.set_payload(n, payload, points=ids)
        if kind == 2:
            return "overwrite", lambda c, n: c.overwrite_payload(
                n, payload, points=ids)
        if kind == 3:
            return "delete keys", lambda c, n: c.delete_payload(
                n, ["f", "g.h"], points=ids)
        if kind == 4:
            return "clear", lambda c, n: c.clear_payload(
                n, points_selector=ids)
        if kind == 5:
            vectors = [models.PointVectors(id=i, vector={"v": [i, -1.5]})
                       for i in ids]
            return "vectors", lambda c, n: c.update_vectors(n, vectors)
        if kind == 6:
            return "delete vectors", lambda c, n: c.delete_vectors(
                n, vectors=["w"], points=ids)
        if kind == 7:
            chosen, value = self.filter()
            return f"set where {value}", lambda c, n: c.set_payload(
                n, {"q": 1.0}, points=chosen)
        points = self.points(ids)
        return "batch", lambda c, n: c.batch_update_points(n, [
            models.UpsertOperation(upsert=models.PointsList(points=points)),
            models.SetPayloadOperation(set_payload=models.SetPayload(
                payload=payload, points=ids[:2])),
            models.DeleteOperation(delete=models.PointIdsList(
                points=ids[4:]))])

    def read(self):
        chosen, value = self.filter()
        vector = [self.random.uniform(-2, 2), self.random.uniform(0, COUNT)]
        payload = self.random.choice(
            [True, False, ["f", "l[].v"],
             models.PayloadSelectorExclude(exclude=["g"])])
        vectors = self.random.choice([True, False, ["w"]])
        self.both(f"count {value}",
                  lambda c, n: c.count(n, count_filter=chosen))
        self.both(f"scroll {value}", lambda c, n: c.scroll(
            n, scroll_filter=chosen, limit=50, with_payload=payload,
            with_vectors=vectors))
        self.both(f"query {vector} {value}", lambda c, n: c.query_points(
            n, query=vector, using="v", query_filter=chosen, limit=20,
            with_payload=payload, with_vectors=vectors,
            search_params=models.SearchParams(exact=True)))
        self.both(f"query without a query {value}",
                  lambda c, n: c.query_points(n, query_filter=chosen, limit=9))

    def fixed(self):
        """What must come back exactly, and what both refuse."""
        ids = [2**64 - 1, "550e8400-e29b-41d4-a716-446655440000", 3]
        self.both("retrieve", lambda c, n: c.retrieve(n, ids,
                                                      with_vectors=True))
        self.both("by id", lambda c, n: c.query_points(n, query=3, using="v"))
        self.both("bad name", lambda c, n: c.query_points(n, query=[1.0, 1.0],
                                                          using="x"))
        self.both("bad size", lambda c, n: c.query_points(n, query=[1.0],
                                                          using="v"))
        self.both("limit 0", lambda c, n: c.query_points(
            n, query=[1.0, 1.0], using="v", limit=0))
        self.both("no such id", lambda c, n: c.query_points(
            n, query=10**12, using="v"))
        self.both("prefetch of nothing there", lambda c, n: c.query_points(
            n, query=[1.0, 1.0], using="v",
            prefetch=models.Prefetch(query=[1.0, 1.0], using="x")))
        self.both("no vectors", lambda c, n: c.upsert(
            n, [models.PointStruct(id=1, vector={"nope": [1.0]})]))
        self.both("info", lambda c, n: {
            **plain(c.get_collection(n)), "indexed_vectors_count": 0})

    def queries(self):
        """Of every kind; the old calls where the client still has them."""
        pair = models.ContextPair(positive=3, negative=[0.5, 1.0])
        prefetch = [models.Prefetch(query=[1.0, 2.0], using="v", limit=5),
                    models.Prefetch(query=4, using="w", limit=5)]
        of_kind = {
            "recommend": models.RecommendQuery(recommend=models.RecommendInput(
                positive=[1, [0.5, 0.5]], negative=[2],
                strategy=models.RecommendStrategy.BEST_SCORE)),
            "discover": models.DiscoverQuery(discover=models.DiscoverInput(
                target=2, context=[pair])),
            "context": models.ContextQuery(context=[pair]),
        }
        for what, query in of_kind.items():
            self.both(what, lambda c, n: c.query_points(n, query=query,
                                                        using="v"))
        merged = {
            "rrf": models.FusionQuery(fusion=models.Fusion.RRF),
            "dbsf": models.FusionQuery(fusion=models.Fusion.DBSF),
            "formula": models.FormulaQuery(
                formula=models.SumExpression(sum=["$score", 0.5]),
                defaults={"$score": 1.5}),
            "nearest": [0.0, 1.0]}
        for what, query in merged.items():
            self.both(f"{what} of prefetches", lambda c, n: c.query_points(
                n, query=query, prefetch=prefetch,
                using="v" if what == "nearest" else None))
        for what, query in merged.items():
            self.both(f"batch with {what}", lambda c, n: c.query_batch_points(
                n, [models.QueryRequest(query=query, prefetch=prefetch[:1],
                                        using="v" if what == "nearest"
                                        else None)] * 2))
        self.both("by the point's other vector", lambda c, n: c.query_points(
            n, query=4, using="v", lookup_from=models.LookupLocation(
                collection=n, vector="w")))
        order = models.OrderBy(key="i", direction=models.Direction.DESC)
        self.both("order without an index", lambda c, n: c.scroll(
            n, order_by=order))
        self.both("nothing to recommend by", lambda c, n: c.query_points(
            n, query=models.RecommendQuery(recommend=models.RecommendInput(
                positive=[])), using="v"))
        if hasattr(self.rest, "recommend"):
            self.old()

    def old(self):
        body = {"positive": [1], "negative": [2, [0.5, 0.5]], "limit": 5,
                "strategy": models.RecommendStrategy.SUM_SCORES, "using": "v"}
        self.both("old recommend", lambda c, n: c.recommend(n, **body))
        self.both("old recommend batch", lambda c, n: c.recommend_batch(
            n, [models.RecommendRequest(**body)] * 2))
        body = {"target": 4, "limit": 5, "using": "v", "context": [
            models.ContextExamplePair(positive=3, negative=[0.5, 1.0])]}
        self.both("old discover", lambda c, n: c.discover(n, **body))
        self.both("old discover batch", lambda c, n: c.discover_batch(
            n, [models.DiscoverRequest(**body)] * 2))

    def indexes(self):
        for field, schema in (("f", "keyword"), ("g.h", "integer"),
                              ("m", "float"), ("l[].v", "geo")):
            self.both(f"index {field}", lambda c, n:
                      c.create_payload_index(n, field, schema))
        self.both("index with params", lambda c, n: c.create_payload_index(
            n, "t", models.TextIndexParams(
                type="text", tokenizer="word", lowercase=True,
                min_token_len=2, stopwords="english")))
        self.both("drop", lambda c, n: c.delete_payload_index(n, "m"))


class Kinds:
    """Every kind of vector and of its configuration."""

    def __init__(self, congruence):
        self.congruence = congruence

    def both(self, what, call):
        self.congruence.both(what, call, [name + "-kinds" for name in NAMES])

    def info(self):
        self.both("info", lambda c, n: {
            **plain(c.get_collection(n)), "indexed_vectors_count": 0})

    def upsert(self, what, vectors, start=0):
        points = [models.PointStruct(id=start + i, vector=vector)
                  for i, vector in enumerate(vectors)]
        self.both(what, lambda c, n: c.upsert(n, points))

    def query(self, what, query, **more):
        self.both(what, lambda c, n: c.query_points(
            n, query=query, with_vectors=True, **more))

    def drop(self):
        self.both("drop", lambda c, n: c.delete_collection(n))

    def sparse(self):
        def vector(*indices):
            return models.SparseVector(indices=list(indices),
                                       values=[1.0 + i for i in indices])

        def text(words):
            return models.Document(text=words, model="qdrant/bm25")

        self.both("create sparse", lambda c, n: c.create_collection(
            n, vectors_config={"d": models.VectorParams(
                size=2, distance=models.Distance.DOT)},
            sparse_vectors_config={"s": models.SparseVectorParams(
                modifier=models.Modifier.IDF,
                index=models.SparseIndexParams(on_disk=False))}))
        self.upsert("upsert sparse", [
            {"d": [i, 1.0], "s": vector(i, i + 5)} for i in range(20)])
        self.query("query sparse", vector(3, 7), using="s")
        self.query("by id", 1, using="s")
        self.upsert("twice an index", [{"s": vector(1, 1)}])
        self.upsert("texts", [{"s": text(f"quick brown fox {i}")}
                              for i in range(3)], 100)
        self.query("query by text", text("quick fox"), using="s")
        self.both("scroll sparse", lambda c, n: c.scroll(
            n, limit=50, with_vectors=["s"]))
        self.both("prefetch", lambda c, n: c.query_points(
            n, query=models.FusionQuery(fusion=models.Fusion.RRF),
            prefetch=[models.Prefetch(query=[1.0, 1.0], using="d"),
                      models.Prefetch(query=vector(3), using="s")]))
        self.info()
        self.drop()

    def multi(self):
        self.both("create multi", lambda c, n: c.create_collection(
            n, vectors_config=models.VectorParams(
                size=2, distance=models.Distance.COSINE,
                multivector_config=models.MultiVectorConfig(
                    comparator=models.MultiVectorComparator.MAX_SIM))))
        self.upsert("upsert multi", [[[1.5, float(i)], [2.5, 3.5]]
                                     for i in range(5)])
        self.query("query multi", [[1.5, 2.5], [3.5, 4.5]])
        self.info()
        self.drop()

    def dense(self, datatype, quantization):
        self.both("create", lambda c, n: c.create_collection(
            n, vectors_config=models.VectorParams(
                size=8, distance=models.Distance.DOT, datatype=datatype,
                quantization_config=quantization, on_disk=True,
                hnsw_config=models.HnswConfigDiff(m=8)),
            optimizers_config=models.OptimizersConfigDiff(
                max_optimization_threads=2, indexing_threshold=100),
            wal_config=models.WalConfigDiff(wal_capacity_mb=1)))
        self.upsert("upsert", [[float(i + k) for k in range(8)]
                               for i in range(10)])
        self.query("query", [1.0] * 8, search_params=models.SearchParams(
            quantization=models.QuantizationSearchParams(
                rescore=True, oversampling=2.0)))
        self.info()
        self.both("patch", lambda c, n: c.update_collection(
            n, quantization_config=models.Disabled.DISABLED,
            vectors_config={"": models.VectorParamsDiff(
                on_disk=False, hnsw_config=models.HnswConfigDiff(m=16))}))
        self.info()
        self.drop()

    def all(self):
        self.sparse()
        self.multi()
        for quantization in (
                None,
                models.ScalarQuantization(
                    scalar=models.ScalarQuantizationConfig(
                        type=models.ScalarType.INT8, quantile=0.5)),
                models.BinaryQuantization(
                    binary=models.BinaryQuantizationConfig(always_ram=True)),
                models.ProductQuantization(
                    product=models.ProductQuantizationConfig(
                        compression=models.CompressionRatio.X16))):
            for datatype in models.Datatype:
                self.dense(datatype, quantization)


async def asynchronous(url, port):
    """The other client class, many calls at once on one channel."""
    client = AsyncQdrantClient(url=url, timeout=60, prefer_grpc=True,
                               grpc_port=port)
    counts = await asyncio.gather(*[client.count(NAMES[1])
                                    for _ in range(300)])
    await client.close()
    return len({c.count for c in counts}) == 1


def main():
    url, port, seed, rounds = sys.argv[1], *map(int, sys.argv[2:5])
    congruence = Congruence(url, port, seed)
    congruence.build()
    congruence.fixed()
    congruence.queries()
    for turn in range(rounds):
        if turn == rounds // 2:
            congruence.indexes()
        if turn % 5 == 0:
            congruence.both(*congruence.change())
        congruence.read()
    congruence.fixed()
    Kinds(congruence).all()
    if not asyncio.run(asynchronous(url, port)):
        congruence.differences.append("counts differ")
    print(json.dumps({"compared": congruence.compared,
                      "differences": congruence.differences}))


if __name__ == "__main__":
    main()
