# SPDX-License-Identifier: Apache-2.0
"""Messages that make no sense over gRPC: test_grpc.py starts it as

    python bad_input.py GRPC_PORT

It prints a JSON object: "vectors" and, for "none" and each kind of index of the
field, {name: [code, text]}; "count": how many points there are in the end."""
import json
import sys

import grpc
from qdrant_client import grpc as q

NAME = "bad-input"
NAN = float("nan")


def place(lon, lat):
    return q.GeoPoint(lon=lon, lat=lat)


def ring(*places):
    return q.GeoLineString(points=[place(*each) for each in places])


def field(**tests):
    return q.Condition(field=q.FieldCondition(**{"key": "a", **tests}))


def polygon(*places):
    return field(geo_polygon=q.GeoPolygon(exterior=ring(*places)))


def deep(depth):
    filter = q.Filter(must=[field(match=q.Match(integer=1))])
    for _ in range(depth):
        filter = q.Filter(must=[q.Condition(filter=filter)])
    return q.Condition(filter=filter)


CONDITIONS = {
    "path": field(key="a..b", match=q.Match(integer=1)),
    "empty path": field(key="", match=q.Match(integer=1)),
    "pattern": field(key="a.*", match=q.Match(integer=1)),
    "no test": field(),
    "no match": field(match=q.Match()),
    "nothing": q.Condition(),
    "nan range": field(range=q.Range(gt=NAN)),
    "nan and a number": field(range=q.Range(gt=NAN, lt=5)),
    "infinite range": field(range=q.Range(gt=float("-inf"), lt=float("inf"))),
    "nan radius": field(geo_radius=q.GeoRadius(center=place(0, 0),
                                               radius=NAN)),
    "nan centre": field(geo_radius=q.GeoRadius(center=place(NAN, 0),
                                               radius=1)),
    "far centre": field(geo_radius=q.GeoRadius(center=place(181, 0),
                                               radius=1)),
    "no centre": field(geo_radius=q.GeoRadius(radius=1)),
    "no corner": field(geo_bounding_box=q.GeoBoundingBox(
        top_left=place(0, 0))),
    "reversed box": field(geo_bounding_box=q.GeoBoundingBox(
        top_left=place(0, 0), bottom_right=place(1, 1))),
    "no ring": field(geo_polygon=q.GeoPolygon()),
    "short ring": polygon((0, 0), (1, 1), (0, 0)),
    "open ring": polygon((0, 0), (0, 1), (1, 1), (1, 0)),
    "slice": q.Condition(slice=q.SliceCondition(total=2, index=2)),
    "id": q.Condition(has_id=q.HasIdCondition(has_id=[
        q.PointId(uuid="x")])),
    "forty deep": deep(40),
    "ten thousand": field(match=q.Match(integers=q.RepeatedIntegers(
        integers=range(10000)))),
}


SCHEMAS = {"none": None, "integer": q.FieldTypeInteger,
           "float": q.FieldTypeFloat, "geo": q.FieldTypeGeo}


def sparse(indices, values):
    return q.Vector(sparse=q.SparseVector(indices=indices, values=values))


def multi(*rows):
    return q.Vector(multi_dense=q.MultiDenseVector(vectors=[
        q.DenseVector(data=row) for row in rows]))


VECTORS = {
    "duplicate indices": ("s", sparse([1, 1], [1.0, 2.0])),
    "mismatched lengths": ("s", sparse([1, 2], [1.0])),
    "nan weight": ("s", sparse([1], [NAN])),
    "empty multivector": ("m", multi()),
    "empty row": ("m", multi([1.0, 2.0], [])),
    "rows of other lengths": ("m", multi([1.0, 2.0], [1.0])),
    "nan row": ("m", multi([1.0, NAN])),
    "empty dense": ("v", q.Vector(dense=q.DenseVector(data=[]))),
    "nan dense": ("v", q.Vector(dense=q.DenseVector(data=[NAN, 1.0]))),
}


def outcome(call):
    try:
        return ["OK", call()]
    except grpc.RpcError as error:
        return [error.code().name, error.details()]


def create(channel):
    size = {"size": 2, "distance": q.Dot}
    q.CollectionsStub(channel).Create(q.CreateCollection(
        collection_name=NAME,
        vectors_config=q.VectorsConfig(params_map=q.VectorParamsMap(map={
            "v": q.VectorParams(**size),
            "m": q.VectorParams(**size, multivector_config=q.MultiVectorConfig(
                comparator=q.MaxSim))})),
        sparse_vectors_config=q.SparseVectorConfig(map={
            "s": q.SparseVectorParams()})))


def upsert(points, name, vector):
    return points.Upsert(q.UpsertPoints(
        collection_name=NAME, wait=True, points=[q.PointStruct(
            id=q.PointId(num=1), payload={"a": q.Value(integer_value=1)},
            vectors=q.Vectors(vectors=q.NamedVectors(
                vectors={name: vector})))])).result.status


def main():
    channel = grpc.insecure_channel(f"127.0.0.1:{sys.argv[1]}")
    points = q.PointsStub(channel)
    create(channel)
    outcomes = {"vectors": {
        what: outcome(lambda: upsert(points, name, vector))
        for what, (name, vector) in VECTORS.items()}}
    upsert(points, "v", q.Vector(dense=q.DenseVector(data=[1.0, 2.0])))
    for schema, kind in SCHEMAS.items():
        if kind is not None:
            points.CreateFieldIndex(q.CreateFieldIndexCollection(
                collection_name=NAME, wait=True, field_name="a",
                field_type=kind))
        outcomes[schema] = {what: outcome(lambda: [
            point.id.num for point in points.Scroll(q.ScrollPoints(
                collection_name=NAME, filter=q.Filter(must=[condition]))
            ).result]) for what, condition in CONDITIONS.items()}
    outcomes["count"] = points.Count(q.CountPoints(
        collection_name=NAME, exact=True)).result.count
    print(json.dumps(outcomes))


main()
