# SPDX-License-Identifier: Apache-2.0
"""Answers by the local mode of the public client, in a process of its own since
that client brings its own packages. Each line of standard input is one of
  {"create": {"vectors": {..}, "sparse_vectors": {..}}}   as REST
  {"points": [..]}                                        to upsert
  {"filters": [..]}     answered by the ids that match each, ascending
  {"queries": [..]}     bodies, answered by hits [id, score, payload, vectors]
and each line of standard output its answer."""
import json
import sys

from qdrant_client import QdrantClient, models

NAME = "points"


def create(client, body):
    client.create_collection(
        NAME,
        vectors_config={
            name: models.VectorParams.model_validate(params)
            for name, params in body["vectors"].items()},
        sparse_vectors_config={
            name: models.SparseVectorParams.model_validate(params)
            for name, params in body.get("sparse_vectors", {}).items()})


def order(id):
    return (isinstance(id, str), id)


def ids_of(client, value):
    found, _ = client.scroll(NAME, models.Filter.model_validate(value),
                             limit=100000, with_payload=False)
    return sorted((record.id for record in found), key=order)


def selection(value):
    if isinstance(value, dict):
        (name, paths), = value.items()
        return (models.PayloadSelectorInclude(include=paths)
                if name == "include" else
                models.PayloadSelectorExclude(exclude=paths))
    return value


def hits_of(client, body):
    query, value = body["query"], body.get("filter")
    if isinstance(query, dict):
        query = models.SparseVector(**query)
    elif body["using"] == "m" and isinstance(query, list) and \
            not isinstance(query[0], list):
        query = [query]  # one row
    found = client.query_points(
        NAME, query, using=body["using"], limit=body["limit"],
        query_filter=models.Filter.model_validate(value) if value else None,
        score_threshold=body.get("score_threshold"),
        with_payload=selection(body.get("with_payload", False)),
        with_vectors=body.get("with_vector", False))
    return [[hit.id, hit.score, hit.payload,
             None if hit.vector is None else json.loads(
                 hit.model_dump_json())["vector"]]
            for hit in found.points]


def main():
    client = QdrantClient(":memory:")
    for line in sys.stdin:
        (kind, body), = json.loads(line).items()
        answer = []
        if kind == "create":
            create(client, body)
        elif kind == "points":
            client.upsert(NAME, [models.PointStruct(**point)
                                 for point in body])
        elif kind == "filters":
            answer = [ids_of(client, value) for value in body]
        else:
            answer = [hits_of(client, value) for value in body]
        print(json.dumps(answer), flush=True)


main()
