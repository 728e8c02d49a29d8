# SPDX-License-Identifier: Apache-2.0
"""What a user of llama-index-vector-stores-qdrant does:
python llama_index_steps.py PORT GRPC_PORT rest|grpc"""
import math
import sys

from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition, FilterOperator, MetadataFilter, MetadataFilters,
    VectorStoreQuery, VectorStoreQueryMode)
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import AsyncQdrantClient, QdrantClient, models

import embeddings
import outcome

TEXTS = ["the red fox jumps", "a red car drives", "the blue whale swims",
         "green trees grow", "the red fox sleeps"]


def node_id(number):
    return f"00000000-0000-0000-0000-{number:012}"


def nodes():
    made = []
    for number, text in enumerate(TEXTS):
        node = TextNode(
            id_=node_id(number), text=text, embedding=embeddings.dense(text),
            metadata={"number": number, "weight": number / 2,
                      "kind": text.split()[1]})
        if number == 3:
            node.metadata["extra"] = "x"
        node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(
            node_id=f"doc-{number % 2}")
        made.append(node)
    return made


def sparse(texts):
    made = [embeddings.sparse(text) for text in texts]
    return ([list(one) for one in made], [list(one.values()) for one in made])


def ask(text, k=3, **more):
    return VectorStoreQuery(query_embedding=embeddings.dense(text),
                            query_str=text, similarity_top_k=k, **more)


def test(key, operator, value):
    return MetadataFilter(key=key, operator=operator, value=value)


def numbers(result):
    return [int(node.node_id[-12:]) for node in result.nodes]


OPERATORS = [
    (test("number", FilterOperator.EQ, 2), {2}),
    (test("weight", FilterOperator.EQ, 0.5), {1}),
    (test("number", FilterOperator.GT, 2), {3, 4}),
    (test("number", FilterOperator.GTE, 2), {2, 3, 4}),
    (test("weight", FilterOperator.LT, 1.0), {0, 1}),
    (test("weight", FilterOperator.LTE, 1.0), {0, 1, 2}),
    (test("kind", FilterOperator.NE, "red"), {2, 3}),
    (test("kind", FilterOperator.IN, ["blue", "trees"]), {2, 3}),
    (test("kind", FilterOperator.NIN, ["red", "blue"]), {3}),
    (test("kind", FilterOperator.TEXT_MATCH, "trees"), {3}),
    (test("extra", FilterOperator.IS_EMPTY, None), {0, 1, 2, 4}),
]


class Scenario:
    def __init__(self):
        port, grpc_port, transport = sys.argv[1:]
        self.prefix = f"llama-{transport}"
        options = {"url": f"http://127.0.0.1:{port}",
                   "grpc_port": int(grpc_port),
                   "prefer_grpc": transport == "grpc", "timeout": 60}
        self.client = QdrantClient(**options)
        self.aclient = AsyncQdrantClient(**options)

    def store(self, name, **more):
        return QdrantVectorStore(f"{self.prefix}-{name}", client=self.client,
                                 aclient=self.aclient, **more)

    def hybrid_store(self, name):
        return self.store(name, enable_hybrid=True, sparse_doc_fn=sparse,
                          sparse_query_fn=sparse)

    def step_dense(self):
        self.dense = self.store("dense")
        assert self.dense.add(nodes()) == [node_id(n) for n in range(5)]
        result = self.dense.query(ask(TEXTS[2]))
        assert numbers(result)[0] == 2 and len(result.nodes) == 3
        assert math.isclose(result.similarities[0], 1, abs_tol=1e-5)
        assert result.nodes[0].get_content() == TEXTS[2]
        assert result.nodes[0].metadata["kind"] == "blue"

    def step_metadata_filters(self):
        for filter, expected in OPERATORS:
            found = numbers(self.dense.query(ask(
                "red", 9, filters=MetadataFilters(filters=[filter]))))
            assert set(found) == expected, (filter, found)

    def step_filters_combined(self):
        several = [OPERATORS[2][0], OPERATORS[6][0]]
        for condition, expected in ((FilterCondition.AND, {3}),
                                    (FilterCondition.OR, {2, 3, 4}),
                                    (FilterCondition.NOT, {0, 1})):
            filters = MetadataFilters(filters=several, condition=condition)
            found = numbers(self.dense.query(ask("red", 9, filters=filters)))
            assert set(found) == expected, (condition, found)
            nested = MetadataFilters(filters=[
                filters, test("number", FilterOperator.LT, 4)])
            found = numbers(self.dense.query(ask("red", 9, filters=nested)))
            assert set(found) == expected - {4}, (condition, found)

    def step_by_documents_and_nodes(self):
        found = numbers(self.dense.query(ask("red", 9, doc_ids=["doc-1"])))
        assert set(found) == {1, 3}
        found = numbers(self.dense.query(ask("red", 9,
                                             node_ids=[node_id(4)])))
        assert found == [4]
        got = self.dense.get_nodes(node_ids=[node_id(0), node_id(2)])
        assert sorted(node.node_id for node in got) == [node_id(0), node_id(2)]

    def step_own_filter_and_params(self):
        result = self.dense.query(
            ask("red", 9), qdrant_filters=models.Filter(must_not=[
                models.HasIdCondition(has_id=[node_id(1)])]),
            search_params={"exact": True})
        assert set(numbers(result)) == {0, 2, 3, 4}

    def step_sparse_and_hybrid(self):
        self.hybrid = self.hybrid_store("hybrid")
        self.hybrid.add(nodes())
        found = self.hybrid.query(ask("blue whale", sparse_top_k=9,
                                      mode=VectorStoreQueryMode.SPARSE))
        assert numbers(found) == [2], found
        # The library embeds the metadata with the text: "kind: blue".
        assert found.similarities == [3.0], found.similarities
        for text in TEXTS:
            found = self.hybrid.query(ask(
                text, 2, sparse_top_k=5, hybrid_top_k=2,
                mode=VectorStoreQueryMode.HYBRID))
            assert found.nodes[0].get_content() == text
        found = self.hybrid.query(ask(TEXTS[1], 1))
        assert numbers(found) == [1]
        filters = MetadataFilters(filters=[OPERATORS[7][0]])
        found = self.hybrid.query(ask(
            "the red", 5, sparse_top_k=5, filters=filters,
            mode=VectorStoreQueryMode.HYBRID))
        assert set(numbers(found)) == {2, 3}

    def step_the_same_collection_again(self):
        again = self.hybrid_store("hybrid")
        assert numbers(again.query(ask(TEXTS[3], 1))) == [3]

    def step_payload_indexes(self):
        store = self.store("indexed", payload_indexes=[
            {"field_name": "kind",
             "field_schema": models.PayloadSchemaType.KEYWORD}])
        store.add(nodes())
        schema = self.client.get_collection(
            store.collection_name).payload_schema
        assert {"kind", "doc_id"} <= set(schema)

    def step_delete(self):
        self.dense.delete_nodes(node_ids=[node_id(0)])
        self.dense.delete("doc-1")
        assert self.client.count(self.dense.collection_name).count == 2
        self.dense.delete_nodes(filters=MetadataFilters(
            filters=[OPERATORS[0][0]]))
        assert numbers(self.dense.query(ask("red", 9))) == [4]
        self.dense.clear()
        assert not self.client.collection_exists(self.dense.collection_name)

    async def step_async(self):
        store = self.hybrid_store("async")
        await store.async_add(nodes())
        result = await store.aquery(ask(TEXTS[2], 2))
        assert numbers(result)[0] == 2
        result = await store.aquery(ask(
            TEXTS[4], 2, sparse_top_k=5, hybrid_top_k=2,
            mode=VectorStoreQueryMode.HYBRID))
        assert numbers(result)[0] == 4
        got = await store.aget_nodes(node_ids=[node_id(1)])
        assert [node.node_id for node in got] == [node_id(1)]
        await store.adelete("doc-1")
        await store.adelete_nodes(node_ids=[node_id(0)])
        counted = await self.aclient.count(store.collection_name)
        assert counted.count == 2
        await store.aclear()
        assert not await self.aclient.collection_exists(store.collection_name)


if __name__ == "__main__":
    outcome.run(Scenario)
