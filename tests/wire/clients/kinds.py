# SPDX-License-Identifier: Apache-2.0
"""Every kind of vector as users of qdrant-client call for it, on real points:
sparse ones, texts by bm25, multivectors, halves and bytes, quantization, dense
and sparse together, tenants. Started and read as scenario.py is:

    python kinds.py URL PREFIX [GRPC_PORT]
"""
import math

import numpy

from scenario import field, main, packages, value
from qdrant_client import QdrantClient, models

BM25 = "Qdrant/bm25"
SMALL = 400


def rows(vector):
    return numpy.asarray(vector, dtype=numpy.float64)


def sparse_of(text):
    """Words of a few letters as indices: hashes that do not matter."""
    counts = {}
    for word in text.lower().split():
        index = sum(ord(c) * 31 ** i for i, c in enumerate(word[:6])) % 5000
        counts[index] = counts.get(index, 0) + 1.0
    return models.SparseVector(indices=list(counts), values=list(
        counts.values()))


def dot(a, b):
    weights = dict(zip(b.indices, b.values))
    common = [v * weights[i] for i, v in zip(a.indices, a.values)
              if i in weights]
    return sum(common) if common else None


def maxsim(query, stored):
    return (query @ stored.T).max(axis=1).sum()


class Kinds:
    def __init__(self, url, prefix, grpc_port=None):
        self.client = QdrantClient(
            url=url, timeout=120, prefer_grpc=grpc_port is not None,
            grpc_port=int(grpc_port or 6334), cloud_inference=True)
        self.prefix = prefix
        self.points = packages.sample()[:SMALL]
        vectors = numpy.array([p["vector"] for p in self.points])
        self.vectors = vectors / numpy.linalg.norm(vectors, axis=1)[:, None]
        self.texts = [p["payload"]["summary"] for p in self.points]
        self.name = None

    def create(self, what, **config):
        self.name = f"{self.prefix}-{what}"
        assert self.client.create_collection(self.name, **config)
        return self.client.get_collection(self.name).config

    def put(self, vector_of):
        """`vector_of(i)` of each point, with its payload."""
        self.client.upsert(self.name, [
            models.PointStruct(id=i, vector=vector_of(i),
                               payload=self.points[i]["payload"])
            for i in range(SMALL)], wait=True)

    def ask(self, query, using=None, limit=10, **more):
        hits = self.client.query_points(self.name, query=query, using=using,
                                        limit=limit, **more).points
        return [(hit.id, hit.score) for hit in hits]

    def check(self, hits, scores, near=1e-4, limit=10):
        """`scores`: of each point, None: it cannot be found."""
        best = sorted((s for s in scores if s is not None), reverse=True)
        assert len(hits) == min(limit, len(best)), (hits, best[:limit])
        for (id, got), wanted in zip(hits, best):
            size = near * max(1.0, abs(wanted))
            assert abs(got - wanted) <= size, (hits, best[:limit])
            assert abs(got - scores[id]) <= size, (id, got, scores[id])

    # ---- sparse ----

    def step_sparse(self):
        config = self.create("sparse", vectors_config={}, sparse_vectors_config={
            "text": models.SparseVectorParams(
                index=models.SparseIndexParams(
                    on_disk=False, datatype=models.Datatype.FLOAT16))})
        index = config.params.sparse_vectors["text"].index
        assert index.datatype == models.Datatype.FLOAT16
        stored = [sparse_of(text) for text in self.texts]
        self.put(lambda i: {"text": stored[i]})
        for i in range(0, SMALL, 40):
            self.check(self.ask(stored[i], "text"),
                       [dot(stored[i], other) for other in stored], 2e-3)
        record, = self.client.retrieve(self.name, [3], with_vectors=True)
        got = record.vector["text"]
        assert dict(zip(got.indices, got.values)) == dict(
            zip(stored[3].indices, stored[3].values))
        assert list(got.indices) == sorted(got.indices)

    def step_sparse_vectors_are_changed(self):
        other = models.SparseVector(indices=[4999], values=[2.5])
        self.client.update_vectors(self.name, [
            models.PointVectors(id=3, vector={"text": other})])
        assert self.ask(models.SparseVector(indices=[4999], values=[2.0]),
                        "text")[0] == (3, 5.0)
        self.client.delete_vectors(self.name, vectors=["text"], points=[3])
        has = models.Filter(must=[models.HasVectorCondition(has_vector="text")])
        assert self.client.count(self.name, has).count == SMALL - 1

    def step_idf(self):
        self.create("idf", vectors_config={}, sparse_vectors_config={
            "text": models.SparseVectorParams(modifier=models.Modifier.IDF)})
        self.put(lambda i: {"text": models.SparseVector(
            indices=[1, 2 + i % 4], values=[1.0, 1.0])})
        query = models.SparseVector(indices=[2], values=[1.0])

        def idf(n, df):
            return math.log((n - df + 0.5) / (df + 0.5) + 1)
        quarter = SMALL // 4
        assert abs(self.ask(query, "text")[0][1] - idf(SMALL, quarter)) < 1e-4
        if not hasattr(models, "IdfCorpusParams"):
            return
        # Points 0 and 4 have index 2, of 0, 1 and 4.
        corpus = models.Filter(must=[models.HasIdCondition(has_id=[0, 1, 4])])
        for params, wanted in (
                (models.SearchParams(idf=models.IdfCorpusParams(
                    corpus=corpus)), idf(3, 2)),
                (models.SearchParams(idf=models.IdfScope.GLOBAL),
                 idf(SMALL, quarter))):
            got = self.ask(query, "text", search_params=params)[0][1]
            assert abs(got - wanted) < 1e-4, (got, wanted)

    # ---- texts ----

    def document(self, text, **options):
        return models.Document(text=text, model=BM25, options=options or None)

    def step_bm25_documents(self):
        self.create("bm25", vectors_config={}, sparse_vectors_config={
            "bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)})
        self.put(lambda i: {"bm25": self.document(self.texts[i])})
        found = 0
        for i in range(0, SMALL, 20):
            found += self.ask(self.document(self.texts[i]), "bm25")[0][0] == i
        assert found >= 15  # some texts are the same
        assert self.ask(self.document("the of and"), "bm25") == []

    def step_bm25_in_german(self):
        texts = ["Die Häuser am Fluss", "Ein Haus in der Stadt",
                 "Der Garten und das Tor"]
        german = {"language": "german"}
        self.client.upsert(self.name, [
            models.PointStruct(id=1000 + i, vector={
                "bm25": self.document(text, **german)})
            for i, text in enumerate(texts)], wait=True)
        hits = self.ask(self.document("das Haus", **german), "bm25")
        assert {id for id, _ in hits} == {1000, 1001}

    # ---- multivectors and datatypes ----

    def multivector(self, datatype, scale, near):
        config = self.create(f"multi-{datatype}", vectors_config={
            "colbert": models.VectorParams(
                size=48, distance=models.Distance.DOT, datatype=datatype,
                multivector_config=models.MultiVectorConfig(
                    comparator=models.MultiVectorComparator.MAX_SIM))})
        assert config.params.vectors["colbert"].multivector_config.comparator \
            == models.MultiVectorComparator.MAX_SIM
        stored = [numpy.trunc(numpy.abs(v.reshape(8, 48)[:1 + i % 8]) * scale)
                  for i, v in enumerate(self.vectors)]
        self.put(lambda i: {"colbert": stored[i].tolist()})
        for i in range(0, SMALL, 50):
            self.check(self.ask(stored[i].tolist(), "colbert"),
                       [maxsim(stored[i], other) for other in stored], near)
        one = stored[7][0]
        self.check(self.ask(one.tolist(), "colbert"),
                   [maxsim(one[None], other) for other in stored], near)
        record, = self.client.retrieve(self.name, [9], with_vectors=True)
        assert numpy.abs(rows(record.vector["colbert"]) - stored[9]).max() < 0.5

    def step_multivectors(self):
        self.multivector(models.Datatype.FLOAT32, 1000, 1e-5)

    def step_multivectors_of_halves(self):
        self.multivector(models.Datatype.FLOAT16, 1000, 1e-5)

    def step_multivectors_of_bytes(self):
        self.multivector(models.Datatype.UINT8, 250, 1e-5)

    def step_halves_and_bytes(self):
        for datatype, scale in ((models.Datatype.FLOAT16, 1.0),
                                (models.Datatype.UINT8, 250.0)):
            self.create(f"dense-{datatype}", vectors_config=models.VectorParams(
                size=384, distance=models.Distance.DOT, datatype=datatype))
            stored = numpy.abs(self.vectors) * scale
            self.put(lambda i: stored[i].tolist())
            kept = (numpy.trunc(stored) if datatype == models.Datatype.UINT8
                    else stored.astype(numpy.float16).astype(float))
            self.check(self.ask(stored[5].tolist()), kept @ kept[5], 1e-4)
            record, = self.client.retrieve(self.name, [5], with_vectors=True)
            assert numpy.abs(rows(record.vector) - kept[5]).max() < 1e-6

    # ---- quantization ----

    def step_quantization(self):
        kinds = (
            models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(
                type=models.ScalarType.INT8, quantile=0.99, always_ram=True)),
            models.ProductQuantization(product=models.ProductQuantizationConfig(
                compression=models.CompressionRatio.X16)),
            models.BinaryQuantization(binary=models.BinaryQuantizationConfig(
                always_ram=True)))
        self.create("codes", vectors_config=models.VectorParams(
            size=384, distance=models.Distance.COSINE, on_disk=True),
            quantization_config=kinds[0])
        self.put(lambda i: self.vectors[i].tolist())
        scores = self.vectors @ self.vectors[11]
        params = models.SearchParams(
            quantization=models.QuantizationSearchParams(
                ignore=False, rescore=True, oversampling=3.0))
        for kind in (*kinds, models.Disabled.DISABLED):
            self.client.update_collection(self.name, quantization_config=kind)
            self.check(self.ask(self.vectors[11].tolist(),
                                search_params=params), scores)
        ignored = models.SearchParams(exact=True, quantization=(
            models.QuantizationSearchParams(ignore=True)))
        self.check(self.ask(self.vectors[11].tolist(), search_params=ignored),
                   scores)

    # ---- dense and sparse together ----

    def step_hybrid_collection(self):
        """As LlamaIndex makes it; LangChain's is alike."""
        self.create("hybrid", vectors_config={
            "text-dense": models.VectorParams(
                size=384, distance=models.Distance.COSINE)},
            sparse_vectors_config={"text-sparse-new": models.SparseVectorParams(
                index=models.SparseIndexParams(),
                modifier=models.Modifier.IDF)})
        self.client.create_payload_index(
            self.name, "section", models.PayloadSchemaType.KEYWORD)
        self.client.upload_points(self.name, [
            models.PointStruct(
                id=i, payload={**self.points[i]["payload"], "doc_id": f"d{i}"},
                vector={"text-dense": self.vectors[i].tolist(),
                        "text-sparse-new": self.document(self.texts[i])})
            for i in range(SMALL)], batch_size=64, wait=True)
        assert self.client.count(self.name).count == SMALL

    def step_hybrid_search_fused_by_the_client(self):
        at = 17
        wanted = self.points[at]["payload"]["section"]
        keep = models.Filter(must=[value("section", wanted)])
        dense, sparse = self.client.query_batch_points(self.name, [
            models.QueryRequest(query=self.vectors[at].tolist(), filter=keep,
                                using="text-dense", limit=20,
                                with_payload=True),
            models.QueryRequest(query=self.document(self.texts[at]),
                                using="text-sparse-new", filter=keep, limit=20,
                                with_payload=True)])
        places = {}
        for answer in (dense.points, sparse.points):
            for place, hit in enumerate(answer):
                assert hit.payload["section"] == wanted
                places[hit.id] = places.get(hit.id, 0) + 1 / (60 + place)
        assert max(places, key=places.get) == at
        self.check([(h.id, h.score) for h in dense.points], [
            float(self.vectors[i] @ self.vectors[at])
            if self.points[i]["payload"]["section"] == wanted else None
            for i in range(SMALL)], limit=20)

    def step_hybrid_points_are_deleted_by_document(self):
        self.client.delete(self.name, models.Filter(
            must=[value("doc_id", "d17")]), wait=True)
        assert self.client.retrieve(self.name, [17]) == []
        hits = self.ask(self.document(self.texts[17]), "text-sparse-new")
        assert 17 not in {id for id, _ in hits}

    # ---- tenants ----

    def step_tenants(self):
        self.create("tenants", vectors_config=models.VectorParams(
            size=384, distance=models.Distance.COSINE),
            hnsw_config=models.HnswConfigDiff(payload_m=16, m=0))
        self.client.create_payload_index(
            self.name, "group_id", models.KeywordIndexParams(
                type=models.KeywordIndexType.KEYWORD, is_tenant=True))
        self.client.upload_points(self.name, [
            models.PointStruct(id=i, vector=self.vectors[i].tolist(),
                               payload={"group_id": f"user_{i % 40}"})
            for i in range(SMALL)], wait=True)
        info = self.client.get_collection(self.name)
        assert info.config.hnsw_config.payload_m == 16
        assert info.config.hnsw_config.m == 0
        schema = info.payload_schema["group_id"]
        assert schema.params.is_tenant and schema.points == SMALL
        for user in (0, 7, 39):
            keep = models.Filter(must=[value("group_id", f"user_{user}")])
            self.check(self.ask(self.vectors[0].tolist(), query_filter=keep), [
                float(self.vectors[i] @ self.vectors[0])
                if i % 40 == user else None for i in range(SMALL)])

    # ---- texts in payloads ----

    def step_text_index_in_a_language(self):
        self.create("texts", vectors_config={})
        self.client.create_payload_index(
            self.name, "t", models.TextIndexParams(
                type=models.TextIndexType.TEXT,
                tokenizer=models.TokenizerType.WORD, lowercase=True,
                min_token_len=2, max_token_len=30, phrase_matching=True,
                stopwords=models.StopwordsSet(
                    languages=[models.Language.FRENCH], custom=["zut"]),
                stemmer=models.SnowballParams(
                    type=models.Snowball.SNOWBALL,
                    language=models.SnowballLanguage.FRENCH)))
        self.client.upsert(self.name, [models.PointStruct(
            id=i, vector={}, payload={"t": text}) for i, text in enumerate(
                ["Les chevaux galopaient dans la plaine", "Le cheval et zut",
                 "Une plaine"])], wait=True)

        def found(match):
            records, _ = self.client.scroll(self.name, models.Filter(
                must=[field("t", match=match)]))
            return {record.id for record in records}
        assert found(models.MatchText(text="galoper la plaine")) == {0}
        assert found(models.MatchText(text="plaines")) == {0, 2}
        assert found(models.MatchPhrase(phrase="une plaine")) == {0, 2}


if __name__ == "__main__":
    main(Kinds)
