# SPDX-License-Identifier: Apache-2.0
"""What a user does with qdrant-client, on real points. Runs with the client
version that PYTHONPATH brings; test_clients.py starts it as

    python scenario.py URL PREFIX [GRPC_PORT]

(with a port: over gRPC) and reads one JSON object from its output:
{step: null or traceback}.
Steps run in order; those after the upload rely on it."""
import json
import pathlib
import sys
import traceback
import warnings

import grpc
import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] /
                       "fixture"))

import packages  # noqa: E402
from qdrant_client import QdrantClient, models  # noqa: E402
from qdrant_client.http.exceptions import UnexpectedResponse  # noqa: E402

DISTANCES = {
    models.Distance.COSINE: lambda a, b: (a @ b.T),
    models.Distance.DOT: lambda a, b: (a @ b.T),
    models.Distance.EUCLID: lambda a, b: -numpy.sqrt(
        ((a[:, None, :] - b[None]) ** 2).sum(-1)),
    models.Distance.MANHATTAN: lambda a, b: -numpy.abs(
        a[:, None, :] - b[None]).sum(-1),
}


def field(key, **test):
    return models.FieldCondition(key=key, **test)


def value(key, value):
    return field(key, match=models.MatchValue(value=value))


STATUSES = {grpc.StatusCode.NOT_FOUND: 404,
            grpc.StatusCode.ALREADY_EXISTS: 409}


def refusal(call):
    """The status in terms of REST, and the server's text."""
    try:
        call()
    except UnexpectedResponse as error:
        return (error.status_code,
                json.loads(error.content)["status"]["error"])
    except grpc.RpcError as error:
        return STATUSES[error.code()], error.details()
    raise AssertionError("it was not refused")


class Scenario:
    def __init__(self, url, prefix, grpc_port=None):
        self.is_grpc = grpc_port is not None
        self.client = QdrantClient(
            url=url, timeout=120, prefer_grpc=self.is_grpc,
            grpc_port=int(grpc_port or 6334))
        self.name = prefix + "-packages"
        self.prefix = prefix
        self.points = packages.sample()
        self.ids = numpy.array([p["id"] for p in self.points])
        self.payloads = {p["id"]: p["payload"] for p in self.points}
        vectors = numpy.array([p["vector"] for p in self.points],
                              dtype=numpy.float32)
        self.vectors = vectors / numpy.linalg.norm(vectors, axis=1)[:, None]

    # ---- expectations by brute force ----

    def expected(self, query, keep=None, limit=10):
        """The best `limit` scores among the points that keep(payload)."""
        scores = self.vectors @ (query / numpy.linalg.norm(query))
        if keep is not None:
            scores = scores[[keep(self.payloads[i]) for i in self.ids]]
        return numpy.sort(scores)[::-1][:limit]

    def check_hits(self, hits, query, keep=None, limit=10):
        expected = self.expected(query, keep, limit)
        assert len(hits) == len(expected), (len(hits), len(expected))
        got = numpy.array([hit.score for hit in hits])
        assert numpy.abs(got - expected).max() < 1e-5, (got, expected)
        for hit in hits:
            assert keep is None or keep(self.payloads[hit.id]), hit
        assert len({hit.id for hit in hits}) == len(hits)

    # ---- steps ----

    def step_create(self):
        if self.client.collection_exists(self.name):
            self.client.delete_collection(self.name)
        assert self.client.create_collection(
            self.name, vectors_config=models.VectorParams(
                size=384, distance=models.Distance.COSINE))
        assert self.client.collection_exists(self.name)
        assert self.name in [
            c.name for c in self.client.get_collections().collections]

    def step_create_again_is_refused(self):
        status, text = refusal(lambda: self.client.create_collection(
            self.name, vectors_config=models.VectorParams(
                size=384, distance=models.Distance.COSINE)))
        assert status == 409
        assert "already exists" in text

    def step_upsert(self):
        for at in range(0, len(self.points), 500):
            result = self.client.upsert(self.name, [
                models.PointStruct(**p) for p in self.points[at:at + 500]])
            assert result.status == models.UpdateStatus.COMPLETED
        assert self.client.count(self.name).count == len(self.points)
        info = self.client.get_collection(self.name)
        assert info.points_count == len(self.points)
        assert info.config.params.vectors.size == 384

    def step_upload_points_in_batches(self):
        name = self.prefix + "-upload"
        self.client.create_collection(
            name, vectors_config=models.VectorParams(
                size=384, distance=models.Distance.COSINE))
        self.client.upload_points(
            name, [models.PointStruct(**p) for p in self.points[:1000]],
            batch_size=100, wait=True)
        assert self.client.count(name).count == 1000
        self.client.delete_collection(name)

    def step_query_points(self):
        for i in range(0, 5000, 250):
            hits = self.client.query_points(
                self.name, query=self.vectors[i].tolist(), limit=10).points
            self.check_hits(hits, self.vectors[i])
            assert hits[0].payload is not None

    def step_query_with_filters(self):
        section = "libs"
        cases = [
            (models.Filter(must=[value("section", section)]),
             lambda p: p.get("section") == section),
            (models.Filter(must_not=[value("section", section)]),
             lambda p: p.get("section") != section),
            (models.Filter(must=[field("depends", range=models.Range(
                gte=5, lt=9))]), lambda p: 5 <= p["depends"] < 9),
            (models.Filter(should=[
                field("section", match=models.MatchAny(any=["net", "web"])),
                field("installed_size_kib", range=models.Range(gt=100000))]),
             lambda p: p["section"] in ("net", "web") or
             p["installed_size_kib"] > 100000),
            (models.Filter(must=[
                field("section", match=models.MatchExcept(
                    **{"except": ["libs", "libdevel"]})),
                models.IsEmptyCondition(is_empty=models.PayloadField(
                    key="tags"))]),
             lambda p: p["section"] not in ("libs", "libdevel") and
             not p.get("tags")),
        ]
        for is_indexed in (False, True):
            if is_indexed:
                for key, schema in (("section", "keyword"),
                                    ("depends", "integer"),
                                    ("installed_size_kib", "float"),
                                    ("tags", "keyword")):
                    self.client.create_payload_index(
                        self.name, key, field_schema=schema)
                schema = self.client.get_collection(self.name).payload_schema
                assert set(schema) == {"section", "depends", "tags",
                                       "installed_size_kib"}
                assert schema["section"].points == len(self.points)
            for filter, keep in cases:
                for i in (0, 1777, 4999):
                    hits = self.client.query_points(
                        self.name, query=self.vectors[i].tolist(),
                        query_filter=filter, limit=10).points
                    self.check_hits(hits, self.vectors[i], keep)
                count = self.client.count(self.name, count_filter=filter)
                assert count.count == sum(map(keep, self.payloads.values()))

    def step_query_by_id(self):
        hits = self.client.query_points(
            self.name, query=int(self.ids[7]), limit=5).points
        assert int(self.ids[7]) not in [hit.id for hit in hits]
        assert len(hits) == 5

    def step_search_of_the_old_client(self):
        if not hasattr(self.client, "search"):
            return
        filter = {"must": [{"key": "section", "match": {"value": "libs"}}]}
        if self.is_grpc:  # which takes no dict in that client
            filter = models.Filter(**filter)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            hits = self.client.search(
                self.name, query_vector=self.vectors[3].tolist(), limit=5,
                query_filter=filter)
        self.check_hits(hits, self.vectors[3],
                        lambda p: p["section"] == "libs", 5)

    def step_scroll(self):
        seen, offset = [], None
        while True:
            page, offset = self.client.scroll(
                self.name, limit=700, offset=offset, with_vectors=False)
            seen += [record.id for record in page]
            if offset is None:
                break
        assert seen == sorted(int(i) for i in self.ids)
        page, _ = self.client.scroll(
            self.name, limit=10000,
            scroll_filter=models.Filter(must=[value("section", "games")]))
        assert {record.id for record in page} == {
            i for i, p in self.payloads.items() if p["section"] == "games"}

    def step_retrieve(self):
        ids = [int(i) for i in self.ids[:3]]
        records = self.client.retrieve(self.name, ids + [10 ** 9],
                                       with_vectors=True)
        assert sorted(r.id for r in records) == sorted(ids)
        for record in records:
            row = list(self.ids).index(record.id)
            assert record.payload == self.payloads[record.id]
            assert numpy.abs(numpy.array(record.vector) -
                             self.vectors[row]).max() < 1e-6

    def step_payload_operations(self):
        name, ids = self.small()
        self.client.set_payload(name, {"a": 1, "b": {"c": 2}}, points=ids)
        self.client.set_payload(name, {"d": 3}, points=ids[:1], key="b")
        got = self.payloads_of(name)
        assert got[1] == {"n": 1, "a": 1, "b": {"c": 2, "d": 3}}, got[1]
        assert got[2] == {"n": 2, "a": 1, "b": {"c": 2}}
        self.client.delete_payload(name, ["b.c", "n"], points=ids[:1])
        assert self.payloads_of(name)[1] == {"a": 1, "b": {"d": 3}}
        self.client.overwrite_payload(name, {"z": [1, None]}, points=[2])
        assert self.payloads_of(name)[2] == {"z": [1, None]}
        self.client.clear_payload(
            name, models.FilterSelector(filter=models.Filter(
                must=[value("n", 3)])))
        assert self.payloads_of(name)[3] == {}
        self.client.delete_collection(name)

    def step_vector_operations(self):
        name, ids = self.small(named=True)
        self.client.update_vectors(name, [
            models.PointVectors(id=1, vector={"a": [0, 0, 0, 1]})])
        record = self.client.retrieve(name, [1], with_vectors=True)[0]
        assert record.vector["a"] == [0, 0, 0, 1]
        assert "b" in record.vector
        self.client.delete_vectors(name, ["a"], points=[1])
        record = self.client.retrieve(name, [1], with_vectors=True)[0]
        assert set(record.vector) == {"b"}
        hits = self.client.query_points(name, query=[0, 0, 0, 1], using="a",
                                        limit=10).points
        assert 1 not in [hit.id for hit in hits]
        hits = self.client.query_points(name, query=[1, 0], using="b",
                                        limit=10, with_vectors=["b"]).points
        assert len(hits) == len(ids)
        assert set(hits[0].vector) == {"b"}
        self.client.delete_collection(name)

    def step_batch_operations(self):
        name, ids = self.small()
        results = self.client.batch_update_points(name, [
            models.UpsertOperation(upsert=models.PointsList(points=[
                models.PointStruct(id=100, vector=[1, 0, 0, 0])])),
            models.SetPayloadOperation(set_payload=models.SetPayload(
                payload={"x": 1}, points=[100])),
            models.DeleteOperation(delete=models.PointIdsList(points=[1]))])
        assert len(results) == 3
        got = self.payloads_of(name)
        assert got[100] == {"x": 1} and 1 not in got
        self.client.delete_collection(name)

    def step_uuids(self):
        name, _ = self.small()
        text = "550E8400-E29B-41D4-A716-446655440000"
        self.client.upsert(name, [
            models.PointStruct(id=text, vector=[1, 0, 0, 0])])
        assert self.client.retrieve(name, [text])[0].id == text.lower()
        page, _ = self.client.scroll(name, limit=100)
        assert page[-1].id == text.lower()
        self.client.delete_collection(name)

    def step_all_metrics(self):
        numbers = numpy.random.default_rng(1)
        base = numbers.normal(size=(300, 24)).astype(numpy.float32)
        queries = numbers.normal(size=(10, 24)).astype(numpy.float32)
        for distance, similarity in DISTANCES.items():
            name = f"{self.prefix}-{distance.value}"
            self.client.create_collection(
                name, vectors_config=models.VectorParams(
                    size=24, distance=distance))
            self.client.upsert(name, models.Batch(
                ids=list(range(300)), vectors=base.tolist()))
            a, b = queries, base
            if distance == models.Distance.COSINE:
                a = a / numpy.linalg.norm(a, axis=1)[:, None]
                b = b / numpy.linalg.norm(b, axis=1)[:, None]
            similar = similarity(a, b)
            for query, row in zip(queries, similar):
                hits = self.client.query_points(
                    name, query=query.tolist(), limit=10).points
                order = numpy.argsort(-row, kind="stable")[:10]
                assert [hit.id for hit in hits] == order.tolist(), distance
                scores = numpy.array([hit.score for hit in hits])
                assert numpy.abs(numpy.abs(row[order]) -
                                 numpy.abs(scores)).max() < 1e-4, distance
            self.client.delete_collection(name)

    def step_quantization_and_datatypes(self):
        name = self.prefix + "-small"
        base = self.vectors[:1500]
        self.client.delete_collection(name)
        self.client.create_collection(
            name, models.VectorParams(
                size=384, distance=models.Distance.COSINE,
                datatype=models.Datatype.FLOAT16),
            optimizers_config=models.OptimizersConfigDiff(
                indexing_threshold=1),
            quantization_config=models.ScalarQuantization(
                scalar=models.ScalarQuantizationConfig(
                    type=models.ScalarType.INT8, quantile=0.95,
                    always_ram=True)))
        self.client.upsert(name, models.Batch(
            ids=list(range(len(base))), vectors=base.tolist()), wait=True)
        product = models.ProductQuantization(
            product=models.ProductQuantizationConfig(
                compression=models.CompressionRatio.X16))
        for config in (models.BinaryQuantization(
                binary=models.BinaryQuantizationConfig()), product):
            self.client.update_collection(name, quantization_config=config)
            got = self.client.get_collection(name).config
            assert got.quantization_config == config, got
            for query in self.vectors[1500:1510]:
                hits = self.client.query_points(
                    name, query.tolist(), limit=5,
                    search_params=models.SearchParams(
                        quantization=models.QuantizationSearchParams(
                            rescore=True, oversampling=20.0))).points
                best = numpy.sort(base @ query)[::-1][:5]
                got = [hit.score for hit in hits]
                assert numpy.abs(got - best).max() < 1e-2, (got, best)
        self.client.update_collection(
            name, quantization_config=models.Disabled.DISABLED)
        got = self.client.get_collection(name).config
        assert got.quantization_config is None, got
        self.client.delete_collection(name)

    def step_delete(self):
        ids = [int(i) for i in self.ids[:10]]
        result = self.client.delete(self.name, ids)
        assert result.status == models.UpdateStatus.COMPLETED
        assert self.client.count(self.name).count == len(self.points) - 10
        assert self.client.retrieve(self.name, ids) == []
        left = sum(p["section"] == "games" for i, p in self.payloads.items()
                   if i not in ids)
        before = self.client.count(self.name).count
        self.client.delete(self.name, models.FilterSelector(
            filter=models.Filter(must=[value("section", "games")])))
        assert self.client.count(self.name).count == before - left
        hits = self.client.query_points(
            self.name, query=self.vectors[0].tolist(), limit=50).points
        assert not {hit.id for hit in hits} & set(ids)

    def step_delete_collection(self):
        assert self.client.delete_collection(self.name)
        assert not self.client.collection_exists(self.name)
        status, text = refusal(lambda: self.client.get_collection(self.name))
        assert status == 404
        assert text == f"Not found: Collection `{self.name}` doesn't exist!"

    # ---- small collections ----

    def small(self, named=False):
        name = self.prefix + "-small"
        config = models.VectorParams(size=4, distance=models.Distance.DOT)
        if named:
            config = {"a": config, "b": models.VectorParams(
                size=2, distance=models.Distance.EUCLID)}
        if self.client.collection_exists(name):
            self.client.delete_collection(name)
        self.client.create_collection(name, vectors_config=config)
        ids = [1, 2, 3, 4]
        self.client.upsert(name, [models.PointStruct(
            id=i, payload={"n": i},
            vector={"a": [i, 0, 0, 0], "b": [i, 1]} if named
            else [i, 0, 0, 0]) for i in ids])
        return name, ids

    def payloads_of(self, name):
        page, _ = self.client.scroll(name, limit=100)
        return {record.id: record.payload for record in page}


def main(made):
    """Runs the steps of `made`, a class."""
    warnings.simplefilter("ignore")
    scenario = made(*sys.argv[1:4])
    outcome = {}
    for step in [name for name in vars(made) if name.startswith("step_")]:
        try:
            getattr(scenario, step)()
            outcome[step] = None
        except Exception:
            outcome[step] = traceback.format_exc()
    print(json.dumps(outcome))


if __name__ == "__main__":
    main(Scenario)
