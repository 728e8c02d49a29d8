# SPDX-License-Identifier: Apache-2.0
"""The published client's stubs over TLS through nginx, and over plain gRPC to
the engine behind it; prints what each saw. Arguments: the API host, the port of
HTTPS, the engine's gRPC port. The authority is that of the environment."""
import json
import sys

import grpc
from qdrant_client import grpc as q

host, port, engine_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
NAME = "through-nginx"
SIZE = [("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1)]


def failure(call):
    try:
        call()
    except grpc.RpcError as error:
        return [error.code().name, error.details()]
    return ["OK", ""]


def point(id, vector, **payload):
    return q.PointStruct(
        id=q.PointId(num=id),
        vectors=q.Vectors(vector=q.Vector(dense=q.DenseVector(data=vector))),
        payload={key: q.Value(integer_value=value) if isinstance(value, int)
                 else q.Value(string_value=value)
                 for key, value in payload.items()})


def unary(channel, path, request=b""):
    """A method that the client has no stub for, as bytes."""
    return channel.unary_unary(path)(request, timeout=60)


def run(channel):
    points, collections = q.PointsStub(channel), q.CollectionsStub(channel)
    collections.Delete(q.DeleteCollection(collection_name=NAME))
    collections.Create(q.CreateCollection(
        collection_name=NAME, vectors_config=q.VectorsConfig(
            params=q.VectorParams(size=4, distance=q.Distance.Dot))))
    for begin in range(0, 2000, 500):
        points.Upsert(q.UpsertPoints(collection_name=NAME, wait=True, points=[
            point(i, [i, 1.0, 0.0, 0.0], n=i)
            for i in range(begin, begin + 500)]))
    count = points.Count(q.CountPoints(collection_name=NAME, exact=True))
    found = points.Query(q.QueryPoints(
        collection_name=NAME, limit=3,
        query=q.Query(nearest=q.VectorInput(
            dense=q.DenseVector(data=[1.0, 0.0, 0.0, 0.0]))),
        with_payload=q.WithPayloadSelector(enable=True))).result
    points.Upsert(q.UpsertPoints(collection_name=NAME, wait=True, points=[
        point(9999, [0.0] * 4, text="x" * (4 << 20))]))
    large = points.Get(q.GetPoints(
        collection_name=NAME, ids=[q.PointId(num=9999)],
        with_payload=q.WithPayloadSelector(enable=True))).result[0]
    # ListServices {}, and what it says: names stand in it as they are.
    services = channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")(
            iter([b"\x3a\x00"]), timeout=60)
    seen = {
        "title": q.QdrantStub(channel).HealthCheck(
            q.HealthCheckRequest()).title,
        "uploaded": count.result.count,
        "hits": [hit.id.num for hit in found],
        "payload": {key: value.integer_value
                    for key, value in found[0].payload.items()},
        "large": len(large.payload["text"].string_value),
        "unknown": failure(lambda: points.Count(
            q.CountPoints(collection_name="nowhere"))),
        "bad": failure(lambda: points.Upsert(q.UpsertPoints(
            collection_name=NAME, wait=True, points=[point(1, [1.0])]))),
        # HealthCheckResponse {status 1}
        "health": unary(channel, "/grpc.health.v1.Health/Check")[1],
        "services": next(services).decode(errors="replace"),
    }
    services.cancel()
    collections.Delete(q.DeleteCollection(collection_name=NAME))
    return seen


secure = grpc.secure_channel(
    f"127.0.0.1:{port}", grpc.ssl_channel_credentials(),
    [*SIZE, ("grpc.ssl_target_name_override", host),
     ("grpc.default_authority", host)])
plain = grpc.insecure_channel(f"127.0.0.1:{engine_port}", SIZE)
print(json.dumps({"nginx": run(secure), "engine": run(plain)}))
