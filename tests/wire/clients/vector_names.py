# SPDX-License-Identifier: Apache-2.0
"""Vector names added and deleted by the real client, over REST and over gRPC;
prints what each saw. Arguments: URL of REST, port of gRPC."""
import json
import re
import sys

import grpc
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

url, grpc_port = sys.argv[1], int(sys.argv[2])


def failure(call):
    try:
        call()
    except UnexpectedResponse as error:
        text = json.loads(error.content)["status"]["error"]
    except grpc.RpcError as error:
        text = error.details()
    else:
        return "no failure"
    # REST has three places where something can be wrong, gRPC one.
    return re.sub(r" in (JSON body|body|path parameters):", ":", text)


def dense(size, distance=models.Distance.DOT):
    return models.DenseVectorNameConfig(
        dense=models.DenseVectorConfig(size=size, distance=distance))


def run(client, name):
    client.create_collection(name, vectors_config=models.VectorParams(
        size=2, distance=models.Distance.DOT))
    client.upsert(name, [models.PointStruct(id=i, vector=[i, 1.0])
                         for i in range(10)])
    words = models.SparseVectorNameConfig(
        sparse=models.SparseVectorConfig(modifier=models.Modifier.IDF))
    seen = {"created": [str(client.create_vector_name(
        name, vector, config).status.value) for vector, config in
        [("image", dense(3)), ("words", words), ("image", dense(3))]]}
    client.update_vectors(name, [models.PointVectors(
        id=i, vector={"image": [float(i), 0.0, 0.0]}) for i in range(4)])
    client.update_vectors(name, [models.PointVectors(id=1, vector={
        "words": models.SparseVector(indices=[5], values=[1.0])})])
    config = client.get_collection(name).config.params
    seen["names"] = sorted([*config.vectors, *(config.sparse_vectors or {})])
    seen["hits"] = [point.id for point in client.query_points(
        name, query=[1.0, 0.0, 0.0], using="image", limit=2).points]
    seen["sparse hits"] = [point.id for point in client.query_points(
        name, query=models.SparseVector(indices=[5], values=[1.0]),
        using="words", limit=2).points]
    seen["other"] = failure(
        lambda: client.create_vector_name(name, "image", dense(4)))
    seen["bad name"] = failure(
        lambda: client.create_vector_name(name, "a|b", dense(4)))
    seen["bad size"] = failure(
        lambda: client.create_vector_name(name, "x", dense(70000)))
    seen["nowhere"] = failure(
        lambda: client.create_vector_name("nowhere", "x", dense(7)))
    if isinstance(client._client._prefer_grpc, bool) and \
            client._client._prefer_grpc:
        # In REST there is no such address.
        seen["no name"] = failure(
            lambda: client.delete_vector_name(name, ""))
    client.create_vector_name(name, "small", models.DenseVectorNameConfig(
        dense=models.DenseVectorConfig(size=3, distance=models.Distance.DOT,
                                       datatype=models.Datatype.TURBO4)))
    client.update_vectors(name, [models.PointVectors(
        id=1, vector={"small": [3.0, 0.0, 4.0]})])
    config = client.get_collection(name).config.params
    seen["datatype"] = config.vectors["small"].datatype.value
    back = client.retrieve(name, [1], with_vectors=["small"])[0].vector["small"]
    seen["is near"] = sum(abs(a - b) for a, b in zip(back, [3, 0, 4])) < 1.5
    client.delete_vector_name(name, "small")
    seen["deleted"] = [str(client.delete_vector_name(
        name, vector).status.value) for vector in ("image", "words")]
    config = client.get_collection(name).config.params
    seen["names after"] = sorted([*config.vectors,
                                  *(config.sparse_vectors or {})])
    client.delete_collection(name)
    return seen


outcome = {}
for kind, prefer_grpc in (("rest", False), ("grpc", True)):
    client = QdrantClient(url=url, grpc_port=grpc_port,
                          prefer_grpc=prefer_grpc, timeout=60,
                          check_compatibility=False)
    outcome[kind] = run(client, "client-names")
    client.close()
print(json.dumps(outcome))
