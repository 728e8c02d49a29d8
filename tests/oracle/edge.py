# SPDX-License-Identifier: Apache-2.0
"""Filters of the REST API as objects of qdrant-edge, and a shard of it."""

import numpy
import qdrant_edge as q

SCHEMAS = {
    "keyword": q.PayloadSchemaType.Keyword,
    "integer": q.PayloadSchemaType.Integer,
    "float": q.PayloadSchemaType.Float,
    "bool": q.PayloadSchemaType.Bool,
    "datetime": q.PayloadSchemaType.Datetime,
    "uuid": q.PayloadSchemaType.Uuid,
    "geo": q.PayloadSchemaType.Geo,
}


TOKENIZERS = {"word": q.TokenizerType.Word, "prefix": q.TokenizerType.Prefix,
              "whitespace": q.TokenizerType.Whitespace}


def text_params(params):
    """Of a `text` index; English is the only language of stopwords and
    stemmer here."""
    params = {name: value for name, value in params.items() if name != "type"}
    params["tokenizer"] = TOKENIZERS[params["tokenizer"]]
    if "stemmer" in params:
        params["stemmer"] = q.SnowballParams(q.SnowballLanguage.English)
    stopwords = params.get("stopwords")
    if stopwords == "english":
        params["stopwords"] = q.Language.English
    elif stopwords:
        params["stopwords"] = q.StopwordsSet(custom=set(stopwords["custom"]))
    return q.TextIndexParams(**params)


def geo_point(value):
    return q.GeoPoint(value["lon"], value["lat"])


def ring(value):
    return [geo_point(point) for point in value["points"]]


def match(value):
    (name, wanted), = value.items()
    if isinstance(wanted, bool):  # a bool of Python's would become 1 or 0
        wanted = numpy.bool_(wanted)
    return {
        "value": q.MatchValue, "any": q.MatchAny, "except": q.MatchExcept,
        "text": q.MatchText, "text_any": q.MatchTextAny,
        "phrase": q.MatchPhrase, "prefix": q.MatchPrefix,
    }[name](wanted)


def value_range(bounds):
    if any(isinstance(bound, str) for bound in bounds.values()):
        return q.RangeDateTime(**bounds)
    return q.RangeFloat(**bounds)


TESTS = {
    "match": match,
    "range": value_range,
    "values_count": lambda bounds: q.ValuesCount(**bounds),
    "is_null": bool,
    "is_empty": bool,
    "geo_bounding_box": lambda v: q.GeoBoundingBox(
        top_left=geo_point(v["top_left"]),
        bottom_right=geo_point(v["bottom_right"])),
    "geo_radius": lambda v: q.GeoRadius(
        center=geo_point(v["center"]), radius=v["radius"]),
    "geo_polygon": lambda v: q.GeoPolygon(
        exterior=ring(v["exterior"]),
        interiors=[ring(r) for r in v.get("interiors") or []]),
}


def condition(value):
    if "key" in value:
        tests = {name: TESTS[name](test) for name, test in value.items()
                 if name != "key"}
        return q.FieldCondition(key=value["key"], **tests)
    if "nested" in value:
        return q.NestedCondition(key=value["nested"]["key"],
                                 filter=filter_of(value["nested"]["filter"]))
    if "has_id" in value:
        return q.HasIdCondition(set(value["has_id"]))
    if "has_vector" in value:
        return q.HasVectorCondition(value["has_vector"])
    if "is_empty" in value:
        return q.IsEmptyCondition(key=value["is_empty"]["key"])
    if "is_null" in value:
        return q.IsNullCondition(key=value["is_null"]["key"])
    if "slice" in value:
        return q.SliceCondition(**value["slice"])
    return filter_of(value)


def filter_of(value):
    clauses = {name: [condition(c) for c in value[name]]
               for name in ("must", "should", "must_not") if name in value}
    if "min_should" in value:
        clauses["min_should"] = q.MinShould(
            conditions=[condition(c) for c in
                        value["min_should"]["conditions"]],
            min_count=value["min_should"]["min_count"])
    return q.Filter(**clauses)


def id_of(record):
    return record.id if isinstance(record.id, int) else str(record.id)


class Shard:
    """Points of the vectors `v` and `w`, two floats each."""

    def __init__(self, path):
        sizes = q.EdgeVectorParams(size=2, distance=q.Distance.Dot)
        self.shard = q.EdgeShard.create(
            str(path), q.EdgeConfig(vectors={"v": sizes, "w": sizes}))

    def upsert(self, points):
        self.shard.update(q.UpdateOperation.upsert_points(
            [q.Point(**point) for point in points]))

    def index(self, field, schema):
        schema = (text_params(schema) if isinstance(schema, dict)
                  else SCHEMAS[schema])
        self.shard.update(q.UpdateOperation.create_field_index(field, schema))

    def ids(self, value):
        found = self.shard.scroll(q.ScrollRequest(
            limit=100000, filter=filter_of(value), with_payload=False,
            with_vector=False))
        return [id_of(record) for record in found[0]]

    def count(self, value):
        return self.shard.count(q.CountRequest(filter=filter_of(value)))
