# SPDX-License-Identifier: Apache-2.0
"""Filters, payload paths and payload indexes that make no sense: each is
refused with status and text, wherever a filter may stand, and changes nothing;
what only looks odd is answered by what it means. Over gRPC, too:
test_grpc_bad_filters.py."""
import json

import pytest
from test_bad_input import collection, is_alive, refused  # noqa: F401

CONDITION = "Format error in JSON body: Expected some form of condition"
PATH = "Format error in JSON body: Invalid json path: '%s'"
MOMENT = ("Format error in JSON body: '%s' does not match accepted datetime "
          "format (RFC3339)")
POINT = ("expected `lat` = %s within [-90;90] and `lon` = %s within "
         "[-180;180]")
SCHEMA = ("Format error in JSON body: data did not match any variant of "
          "untagged enum PayloadFieldSchema")
BAD_PATHS = ("", "a.", "a..b", ".a", "a[", "a[x]", "a[-1]", "a[1.5]", "a]",
             "a[99999999999]", "a b", "[]", "a[].", '"a', '"a"b', 'a"b"', "*",
             "a.*", "a$", "^a", "a|b", "(a)", "\\d+", "a{1}", "a?", "a+", "a/b",
             "a\n", "a\0")


def place(lon, lat):
    return {"lon": lon, "lat": lat}


def ring(*places):
    return {"points": [place(lon, lat) for lon, lat in places]}


def field(**tests):
    return {"key": "a", **tests}


SQUARE = ring((0, 0), (0, 2), (2, 2), (2, 0), (0, 0))
BAD_CONDITIONS = (
    # ---- wrong types ----
    (5, 400, CONDITION), (None, 400, CONDITION), ("x", 400, CONDITION),
    ([], 400, CONDITION), ({"foo": 1}, 400, CONDITION),
    ({"must": 5}, 400, CONDITION), ({"must": [{"foo": 1}]}, 400, CONDITION),
    ({"key": 5, "match": {"value": 1}}, 400, CONDITION),
    (field(), 422, "[%s.filter.must[0]: Validation error: At least one field "
     "condition must be specified [{}]]"),
    (field(match=5), 400, CONDITION), (field(match={}), 400, CONDITION),
    (field(match={"value": 1.5}), 400, CONDITION),
    (field(match={"value": None}), 400, CONDITION),
    (field(match={"value": [1]}), 400, CONDITION),
    (field(match={"value": 2 ** 70}), 400, CONDITION),
    (field(match={"any": 1}), 400, CONDITION),
    (field(match={"any": [1, "a"]}), 400, CONDITION),
    (field(match={"any": [True]}), 400, CONDITION),
    (field(match={"any": [1.5]}), 400, CONDITION),
    (field(match={"except": "x"}), 400, CONDITION),
    (field(match={"text": 5}), 400, CONDITION),
    (field(match={"phrase": []}), 400, CONDITION),
    (field(match={"prefix": 5}), 400, CONDITION),
    (field(match={"regex": "a"}), 400, CONDITION),
    (field(is_null="x"), 400, CONDITION), (field(is_empty=1), 400, CONDITION),
    (field(values_count=5), 400, CONDITION),
    (field(values_count={"gt": -1}), 400, CONDITION),
    (field(values_count={"gt": 1.5}), 400, CONDITION),
    ({"is_null": {}}, 400, CONDITION),
    ({"is_empty": {"key": 5}}, 400, CONDITION),
    ({"has_id": 5}, 400, CONDITION),
    ({"has_id": ["x"]}, 400, 'value "x" is not a valid point ID'),
    ({"has_id": [-1]}, 400, "value -1 is not a valid point ID"),
    ({"has_id": [1.5]}, 400, "is not a valid point ID"),
    ({"has_vector": 5}, 400, CONDITION),
    ({"nested": {"key": "a"}}, 400, CONDITION),
    ({"nested": {"filter": {}}}, 400, CONDITION),
    ({"nested": {"key": "a", "filter": []}}, 400, CONDITION),
    ({"slice": {"total": 2, "index": 2}}, 422, "[%s.filter.must[0].slice.index:"
     " Validation error: the index must be less than the total [{}]]"),
    ({"slice": {"total": 0, "index": 0}}, 422, "[%s.filter.must[0].slice.total:"
     " Validation error: the total must be greater than 0 [{}]]"),
    ({"slice": {"total": -2, "index": 0}}, 400, CONDITION),
    # ---- ranges and dates ----
    (field(range=5), 400, CONDITION),
    (field(range={"gt": True}), 400, CONDITION),
    (field(range={"gt": []}), 400, CONDITION),
    *((field(range={"gt": text}), 400, MOMENT % text) for text in (
        "", "x", "now", "2020-13-01", "2020-02-30", "2021-02-29", "2020",
        "2020-01-01T25:00:00Z", "2020-01-01T00:60:00Z", "20200101",
        "2020-01-01T00:00:00+25:00", "10000-01-01", "12:00:00", "1577836800")),
    (field(range={"gt": "2020-01-01", "lt": 5}), 400, "all numbers, or all"),
    # ---- areas ----
    (field(geo_radius=5), 400, CONDITION),
    (field(geo_radius={"center": place(0, 0)}), 400, CONDITION),
    (field(geo_radius={"center": place(181, 0), "radius": 1}), 400,
     POINT % (0, 181)),
    (field(geo_radius={"center": place(0, -91), "radius": 1}), 400,
     POINT % (-91, 0)),
    (field(geo_radius={"center": place("0", 0), "radius": 1}), 400,
     "a point needs the numbers `lat` and `lon`"),
    (field(geo_bounding_box={"top_left": place(0, 0)}), 400,
     "a point needs the numbers `lat` and `lon`"),
    (field(geo_bounding_box={"top_left": place(0, 90.01),
                             "bottom_right": place(1, 0)}), 400,
     "within [-90;90]"),
    (field(geo_polygon={}), 400, CONDITION),
    (field(geo_polygon={"exterior": ring()}), 400,
     "polygon invalid, the size must be at least 4, got 0"),
    (field(geo_polygon={"exterior": ring((0, 0), (0, 1), (0, 0))}), 400,
     "polygon invalid, the size must be at least 4, got 3"),
    (field(geo_polygon={"exterior": ring((0, 0), (0, 1), (1, 1), (1, 0))}), 400,
     "polygon invalid, the first and the last points should be the same to "
     "form a closed line"),
    (field(geo_polygon={"exterior": SQUARE, "interiors": [
        ring((0, 0), (0, 1), (1, 1), (1, 0))]}), 400,
     "the first and the last points should be the same"),
    (field(geo_polygon={"exterior": SQUARE, "interiors": 5}), 400, CONDITION),
    (field(geo_polygon={"exterior": ring((0, 100), (0, 2), (2, 2),
                                         (0, 100))}), 400, POINT % (100, 0)),
)


def post(engine, name, route, body, method="POST"):
    return engine.call(method, f"/collections/{name}/points{route}", body)


@pytest.mark.parametrize("condition, status, text", BAD_CONDITIONS,
                         ids=lambda value: json.dumps(value)[:60])
def test_a_bad_condition_is_refused_everywhere(engine, collection, condition,
                                               status, text):
    filter = {"must": [condition]}
    for route, where, body in (
            ("/scroll", "scroll_request", {}), ("/count", "count_request", {}),
            ("/query", "internal", {"query": [1, 2, 3, 4]}),
            ("/search", "search_request", {"vector": [1, 2, 3, 4],
                                           "limit": 1})):
        words = text.replace("%s.filter", f"{where}.filter")
        refused(post(engine, collection, route, {**body, "filter": filter}),
                status, words)
    words = text.split("%s.filter")[-1]
    for route, body in (("/delete?wait=true", {}),
                        ("/payload?wait=true", {"payload": {"a": 2}}),
                        ("/payload/clear?wait=true", {}),
                        ("/payload/delete?wait=true", {"keys": ["a"]}),
                        ("/vectors/delete?wait=true", {"vector": [""]})):
        refused(post(engine, collection, route, {**body, "filter": filter}),
                status, words)
    record = engine.get(collection, [1])[1]
    assert record["payload"] == {"a": 1} and "vector" in record


@pytest.mark.parametrize("path", BAD_PATHS, ids=json.dumps)
def test_a_bad_path_is_named(engine, collection, path):
    text = PATH % path.replace("\0", "")
    for condition in ({"key": path, "match": {"value": 1}},
                      {"is_empty": {"key": path}}, {"is_null": {"key": path}}):
        refused(post(engine, collection, "/scroll",
                     {"filter": {"must": [condition]}}), 400, text)
    if path != "[]":  # the array itself
        refused(post(engine, collection, "/scroll", {"filter": {"must": [
            {"nested": {"key": path, "filter": {}}}]}}), 400,
            "Invalid json path")
    refused(post(engine, collection, "/scroll", {"with_payload": [path]}), 400,
            text)
    refused(post(engine, collection, "/payload/delete?wait=true",
                 {"points": [1], "keys": [path]}), 400, text)
    refused(post(engine, collection, "/payload?wait=true", {
        "points": [1], "payload": {"b": 1}, "key": path}), 400, text)
    refused(engine.call("PUT", f"/collections/{collection}/index?wait=true", {
        "field_name": path, "field_schema": "keyword"}), 400, text)
    assert engine.get(collection, [1])[1]["payload"] == {"a": 1}


def test_a_path_of_too_many_steps_or_bytes(engine, collection):
    for path, words in ((".".join("a" * 33), "(too many steps)"),
                        ("a" * 70000, "Invalid json path: 'aaa")):
        refused(post(engine, collection, "/scroll", {"filter": {"must": [
            {"key": path, "match": {"value": 1}}]}}), 400, words)
    ids = post(engine, collection, "/scroll", {"filter": {"must_not": [
        {"key": ".".join("a" * 32), "match": {"value": 1}}]}}).result
    assert [point["id"] for point in ids["points"]] == [1]


@pytest.mark.parametrize("key", [".*", "a+b", "(x|y)", "^$", "[a-z]", "\\w",
                                 "a.b[0]", " ", "é\u0301"])
def test_keys_that_look_like_patterns_are_names(engine, collection, key):
    """In quotes any key is one, and only that one."""
    engine.upsert(collection, [
        {"id": 2, "vector": [1, 2, 3, 4], "payload": {key: "x", "axb": "x"}},
        {"id": 3, "vector": [1, 2, 3, 4], "payload": {"aab": "x", "x": "x"}}])
    for schema in (None, "keyword"):
        if schema is not None:
            engine.call("PUT", f"/collections/{collection}/index?wait=true", {
                "field_name": f'"{key}"', "field_schema": schema}).result
        found = engine.scroll_all(collection, filter={"must": [
            {"key": f'"{key}"', "match": {"value": "x"}}]})
        assert [point["id"] for point in found] == [2]


@pytest.mark.parametrize("number", ["NaN", "-NaN", "Infinity", "-Infinity",
                                    "1e999", "0x1", "+1", ".5"])
def test_what_is_no_number_in_a_filter(engine, collection, number):
    for condition in ('{"key":"a","range":{"gt":%s}}',
                      '{"key":"a","values_count":{"gt":%s}}',
                      '{"key":"a","match":{"value":%s}}',
                      '{"key":"a","geo_radius":{"center":{"lon":%s,"lat":0},'
                      '"radius":1}}',
                      '{"key":"a","geo_radius":{"center":{"lon":0,"lat":0},'
                      '"radius":%s}}'):
        refused(post(engine, collection, "/scroll", '{"filter":{"must":[%s]}}' %
                     (condition % number)), 400, "Format error in JSON body: ",
                "at line 1 column ")


@pytest.mark.parametrize("filter, status, text", [
    (5, 400, "expected struct Filter"), ([], 400, "expected struct Filter"),
    ({"musst": []}, 400, "unknown field `musst`, expected one of `should`, "
     "`min_should`, `must`, `must_not`"),
    ({"min_should": {"conditions": [], "min_count": 0}}, 422,
     "[scroll_request.filter.min_should.min_count: value 0 invalid, must be 1 "
     "or larger]"),
    ({"min_should": {"conditions": []}}, 400, "missing field `min_count`"),
    ({"min_should": {"min_count": 1}}, 400, "missing field `conditions`"),
    ({"min_should": 5}, 400, "MinShould"),
    ({"must": [{"key": "a", "match": {"value": 1}}] * 4097}, 400,
     "`must` has 4097 conditions, at most 4096 are allowed"),
    ({"must": [{"should": [{"must_not": [{"key": "a"}]}]}]}, 422,
     "[scroll_request.filter.must[0].should[0].must_not[0]: Validation error"),
])
def test_a_bad_filter(engine, collection, filter, status, text):
    refused(post(engine, collection, "/scroll", {"filter": filter}), status,
            text)


# ---- odd, and meant ----

def with_index(engine, name, schema, points):
    """A collection with these payloads; `schema`: of the field `a`, or None."""
    if schema is not None:
        engine.call("PUT", f"/collections/{name}/index?wait=true",
                    {"field_name": "a", "field_schema": schema}).result
    engine.upsert(name, [{"id": id, "vector": [1, 2, 3, 4],
                          "payload": {"a": value}}
                         for id, value in points.items()])


def found(engine, name, *conditions):
    ids = [point["id"] for point in engine.scroll_all(
        name, filter={"must": list(conditions)})]
    assert engine.count(name, {"must": list(conditions)}) == len(ids)
    return ids


@pytest.mark.parametrize("schema", [None, "integer", "keyword"])
def test_ten_thousand_values_of_any_and_except(engine, name, schema):
    engine.create(name, 4)
    with_index(engine, name, schema, {1: 3, 2: [99999, 9999], 3: "3",
                                      4: -1, 5: None, 6: 3.5})
    numbers = list(range(10000))
    assert found(engine, name, field(match={"any": numbers})) == [1, 2]
    texts = [str(number) for number in numbers]
    assert found(engine, name, field(match={"any": texts})) == [3]
    assert found(engine, name, {"must_not": [
        field(match={"any": numbers})]}) == [3, 4, 5, 6]
    few = found(engine, name, field(match={"except": numbers}))
    assert 4 in few and 2 in few and 1 not in few and 5 not in few
    refused(post(engine, name, "/scroll", {"filter": {"must": [
        field(match={"any": list(range(65537))})]}}), 400,
        "a match list has 65537 values, at most 65536 are allowed")
    refused(post(engine, name, "/scroll", {"filter": {"must": [
        {"has_id": list(range(65537))}]}}), 400,
        "has_id has 65537 ids, at most 65536 are allowed")


def nested_filter(depth):
    return ('{"filter":' + '{"must":[' * depth +
            '{"key":"a","match":{"value":1}}' + "]}" * depth + "}")


@pytest.mark.parametrize("depth, status", [(10, 200), (60, 200), (64, 400),
                                           (65, 400), (1000, 400)])
def test_deep_filters_name_their_limit(engine, collection, depth, status):
    """As deep as JSON may be nested."""
    answer = post(engine, collection, "/scroll", nested_filter(depth))
    if status == 400:
        refused(answer, 400, "nest", "deeper than")
        return
    assert [point["id"] for point in answer.result["points"]] == [1]


@pytest.mark.parametrize("schema", [None, "geo"])
def test_boxes_reversed_and_over_the_antimeridian(engine, name, schema):
    engine.create(name, 4)
    with_index(engine, name, schema, {
        1: place(179, 1), 2: place(-179, 1), 3: place(0, 1), 4: place(180, 1),
        5: place(-180, 1), 6: place(10, 1), 7: place(0, 90), 8: place(0, -90)})

    def box(left, top, right, bottom):
        return found(engine, name, field(geo_bounding_box={
            "top_left": place(left, top), "bottom_right": place(right, bottom)}))
    assert box(170, 10, -170, -10) == [1, 2, 4, 5]  # over the antimeridian
    assert box(5, 10, -5, -10) == [1, 2, 4, 5, 6]
    assert box(-5, 10, 5, -10) == [3]
    assert box(-5, -10, 5, 10) == []                # top below bottom
    assert box(-180, 90, 180, -90) == [1, 2, 3, 6]  # edges are outside
    assert box(0, 10, 0, -10) == []


@pytest.mark.parametrize("schema", [None, "geo"])
def test_circles_at_poles_and_over_the_antimeridian(engine, name, schema):
    engine.create(name, 4)
    with_index(engine, name, schema, {
        1: place(0, 90), 2: place(180, 89.9), 3: place(-90, 89.9),
        4: place(0, 80), 5: place(179.9, 0), 6: place(-179.9, 0),
        7: place(77, -90)})

    def circle(lon, lat, radius):
        return found(engine, name, field(geo_radius={
            "center": place(lon, lat), "radius": radius}))
    assert circle(0, 90, 20000) == [1, 2, 3]
    assert circle(123, 90, 20000) == [1, 2, 3]   # a pole has no longitude
    assert circle(0, 89.9, 30000) == [1, 2, 3]   # over the pole
    assert circle(180, 0, 20000) == [5, 6]
    assert circle(-180, 0, 20000) == [5, 6]
    assert circle(0, -90, 1) == [7]
    assert circle(0, 0, 3e7) == [1, 2, 3, 4, 5, 6, 7]
    assert circle(0, 90, 0) == [] and circle(0, 90, -5) == []


@pytest.mark.parametrize("schema", [None, "geo"])
def test_polygons_with_holes_and_without_area(engine, name, schema):
    engine.create(name, 4)
    with_index(engine, name, schema, {
        1: place(1, 1), 2: place(3, 3), 3: place(0, 1), 4: place(9, 9),
        5: [place(9, 9), place(1, 1)], 6: {"lon": 1}, 7: "1,1"})

    def polygon(exterior, *interiors):
        return found(engine, name, field(geo_polygon={
            "exterior": exterior, "interiors": list(interiors)}))
    large = ring((0, 0), (0, 4), (4, 4), (4, 0), (0, 0))
    assert polygon(large) == [1, 2, 5]
    assert polygon(large, SQUARE) == [2]
    assert polygon(ring((0, 0), (4, 4), (4, 4), (0, 0))) == []  # no area


@pytest.mark.parametrize("schema", [None, "integer", "float"])
def test_ranges_that_hold_nothing_or_all(engine, name, schema):
    engine.create(name, 4)
    with_index(engine, name, schema, {1: 1, 2: -2 ** 63, 3: 2 ** 63 - 1,
                                      4: [5, -5], 5: "5", 6: None})
    numbers = found(engine, name, field(range={}))
    assert numbers == [1, 2, 3, 4]
    assert found(engine, name, field(range={"foo": 1})) == numbers
    assert found(engine, name, field(range={"gt": 5, "lt": 1})) == []
    assert found(engine, name, field(range={"gte": -1e300, "lte": 1e300})) == \
        numbers
    assert found(engine, name, field(range={"gt": 1e19})) == []
    assert found(engine, name, field(range={"gt": None, "lt": 0})) == [2, 4]


def test_a_vector_that_is_not_there_is_had_by_none(engine, collection):
    assert found(engine, collection, {"has_vector": "nope"}) == []
    assert found(engine, collection, {"has_vector": ""}) == [1]


# ---- payload indexes ----

@pytest.mark.parametrize("schema, status, text", [
    ("nope", 400, SCHEMA + ": unknown type `nope`"), (5, 400, SCHEMA),
    ({}, 400, SCHEMA), ({"type": "nope"}, 400, SCHEMA),
    ({"type": "text", "tokenizer": "nope"}, 400, SCHEMA + ": `tokenizer` must "
     "be prefix, whitespace, word or multilingual"),
    ({"type": "text", "tokenizer": 5}, 400, "`tokenizer`"),
    ({"type": "text", "min_token_len": -1}, 400, "`min_token_len`"),
    ({"type": "text", "stemmer": "english"}, 400, "`stemmer`"),
    ({"type": "text", "stemmer": {"type": "snowball", "language": "x"}}, 400,
     "`stemmer`"),
    ({"type": "text", "stopwords": 5}, 400, "`stopwords`"),
    ({"type": "text", "stopwords": "klingon"}, 400, "klingon"),
    ({"type": "text", "phrase_matching": "yes"}, 400, "`phrase_matching`"),
    ({"type": "keyword", "is_tenant": "x"}, 400, "`is_tenant`"),
    ({"type": "integer", "lookup": False, "range": False}, 422,
     "[field_schema.lookup: Validation error: the 'lookup' and 'range' "
     "capabilities can't be both disabled [{}]]"),
    (None, 400, "Can't auto-detect field type, please specify `field_schema` "
     "in the request"),
])
def test_a_bad_index_is_refused(engine, collection, schema, status, text):
    path = f"/collections/{collection}"
    refused(engine.call("PUT", f"{path}/index?wait=true", {
        "field_name": "a", "field_schema": schema}), status, text)
    assert engine.call("GET", path).result["payload_schema"] == {}
    assert is_alive(engine)


def test_an_index_needs_a_field(engine, collection):
    path = f"/collections/{collection}/index?wait=true"
    refused(engine.call("PUT", path, {"field_schema": "keyword"}), 400,
            "missing field `field_name`")
    refused(engine.call("PUT", path, {"field_name": 5,
                                      "field_schema": "keyword"}), 400,
            "field_name", "string")
