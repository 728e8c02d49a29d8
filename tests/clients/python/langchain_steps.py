# SPDX-License-Identifier: Apache-2.0
"""What a user of langchain-qdrant does: python langchain_steps.py PORT
GRPC_PORT rest|grpc"""
import math
import sys

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_qdrant import (QdrantVectorStore, RetrievalMode,
                              SparseEmbeddings, SparseVector)
from qdrant_client import QdrantClient, models

import embeddings
import outcome

TEXTS = ["the red fox jumps", "a red car drives", "the blue whale swims",
         "green trees grow", "the red fox sleeps"]
METADATA = [{"animal": text.split()[2], "number": number,
             "is_red": "red" in text} for number, text in enumerate(TEXTS)]


class Dense(Embeddings):
    def embed_documents(self, texts):
        return [embeddings.dense(text) for text in texts]

    def embed_query(self, text):
        return embeddings.dense(text)


class Sparse(SparseEmbeddings):
    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text):
        made = embeddings.sparse(text)
        return SparseVector(indices=list(made), values=list(made.values()))


def red(value=True):
    return models.Filter(must=[models.FieldCondition(
        key="metadata.is_red", match=models.MatchValue(value=value))])


def texts(documents):
    return [document.page_content for document in documents]


class Scenario:
    def __init__(self):
        port, grpc_port, transport = sys.argv[1:]
        self.prefix = f"langchain-{transport}"
        self.options = {"url": f"http://127.0.0.1:{port}",
                        "grpc_port": int(grpc_port),
                        "prefer_grpc": transport == "grpc", "timeout": 60}
        self.client = QdrantClient(**self.options)

    def store(self, name, mode):
        return QdrantVectorStore.from_texts(
            TEXTS, embedding=Dense(), metadatas=METADATA,
            ids=list(range(1, len(TEXTS) + 1)),
            collection_name=f"{self.prefix}-{name}", retrieval_mode=mode,
            sparse_embedding=Sparse(), force_recreate=True, **self.options)

    def step_dense(self):
        self.dense = self.store("dense", RetrievalMode.DENSE)
        hits = self.dense.similarity_search_with_score(TEXTS[0], k=3)
        assert len(hits) == 3
        document, score = hits[0]
        assert document.page_content == TEXTS[0]
        assert document.metadata["animal"] == "fox"
        assert document.metadata["_id"] == 1
        for document, score in hits:
            wanted = sum(a * b for a, b in zip(
                embeddings.dense(TEXTS[0]),
                embeddings.dense(document.page_content)))
            assert math.isclose(score, wanted, abs_tol=1e-5)

    def step_filters_offset_threshold(self):
        found = self.dense.similarity_search("fox", k=5, filter=red(False))
        assert sorted(texts(found)) == sorted([TEXTS[2], TEXTS[3]])
        every = self.dense.similarity_search("red fox", k=5)
        rest = self.dense.similarity_search("red fox", k=5, offset=2)
        assert texts(rest) == texts(every)[2:]
        near = self.dense.similarity_search(TEXTS[1], score_threshold=0.99)
        assert texts(near) == [TEXTS[1]]
        by_vector = self.dense.similarity_search_by_vector(
            embeddings.dense(TEXTS[3]), k=1)
        assert texts(by_vector) == [TEXTS[3]]

    def step_mmr(self):
        found = self.dense.max_marginal_relevance_search(
            TEXTS[0], k=3, fetch_k=5, lambda_mult=0.5)
        assert len(set(texts(found))) == 3
        assert texts(found)[0] == TEXTS[0]
        # The library hands lambda_mult on as diversity: 0 is most alike.
        alike = self.dense.max_marginal_relevance_search(
            TEXTS[0], k=3, fetch_k=5, lambda_mult=0.0)
        assert texts(alike) == texts(
            self.dense.similarity_search(TEXTS[0], k=3))

    def step_retriever(self):
        retriever = self.dense.as_retriever(
            search_kwargs={"k": 1, "filter": red()})
        assert texts(retriever.invoke("car drives a")) == [TEXTS[1]]

    def step_add_get_delete(self):
        uuid = "5c56c793-69f3-4fbf-87e6-c4bf54c28c26"
        ids = self.dense.add_documents(
            [Document("a new owl", metadata={"animal": "owl"})], ids=[uuid])
        assert ids == [uuid]
        got, = self.dense.get_by_ids([uuid])
        assert got.page_content == "a new owl"
        assert self.dense.delete([uuid]) is True
        assert self.dense.get_by_ids([uuid]) == []
        count = self.client.count(self.dense.collection_name).count
        assert count == len(TEXTS)

    def step_sparse(self):
        store = self.store("sparse", RetrievalMode.SPARSE)
        hits = store.similarity_search_with_score("blue whale", k=2)
        assert [(d.page_content, s) for d, s in hits] == [(TEXTS[2], 2.0)]
        found = store.similarity_search("the red", k=5, filter=red(False))
        assert texts(found) == [TEXTS[2]]

    def step_hybrid(self):
        store = self.store("hybrid", RetrievalMode.HYBRID)
        assert texts(store.similarity_search(TEXTS[4], k=1)) == [TEXTS[4]]
        found = store.similarity_search("red fox", k=4, filter=red())
        assert set(texts(found)) == {TEXTS[0], TEXTS[1], TEXTS[4]}
        fused = store.similarity_search(
            TEXTS[2], k=1, hybrid_fusion=models.FusionQuery(
                fusion=models.Fusion.DBSF))
        assert texts(fused) == [TEXTS[2]]

    def step_existing_collection(self):
        again = QdrantVectorStore.from_existing_collection(
            collection_name=self.dense.collection_name, embedding=Dense(),
            **self.options)
        assert texts(again.similarity_search(TEXTS[1], k=1)) == [TEXTS[1]]
        other = QdrantVectorStore.from_documents(
            [Document("named vectors")], Dense(), vector_name="of-its-own",
            collection_name=f"{self.prefix}-named", force_recreate=True,
            distance=models.Distance.EUCLID, **self.options)
        assert texts(other.similarity_search("named", k=1)) == \
            ["named vectors"]

    async def step_async(self):
        ids = await self.dense.aadd_texts(["an async bee"],
                                          [{"animal": "bee"}])
        hits = await self.dense.asimilarity_search_with_score("an async bee",
                                                              k=1)
        assert hits[0][0].page_content == "an async bee"
        found = await self.dense.amax_marginal_relevance_search(
            "an async bee", k=2, fetch_k=5)
        assert len(found) == 2
        assert await self.dense.adelete(ids) is True
        assert await self.dense.aget_by_ids(ids) == []


if __name__ == "__main__":
    outcome.run(Scenario)
