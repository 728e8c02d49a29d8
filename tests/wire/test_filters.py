# SPDX-License-Identifier: Apache-2.0
"""Random filters on the real sample against a plain Python model of what each
condition means, without and with payload indexes, by count, scroll and
search."""
import os
import random

import numpy
import pytest

from conditions import elements, is_number, matches, values_at

NAME = "filters"
ROUNDS = int(os.environ.get("AZIMUTH_FILTER_ROUNDS", "150"))
INDEXES = {"section": "keyword", "tags": "keyword", "depends": "integer",
           "installed_size_kib": "integer", "download_bytes": "float",
           "o.essential": "bool", "odd": "integer"}
ODD = [None, [], [None], 1, 1.0, "1", True, [1, 2], [1, "x"], {"x": 1}, [[1]],
       2 ** 53 + 1, 2 ** 53, -7, 2.5, [2.5, 3], "", "x"]


# ---- random filters ----

class Filters:
    def __init__(self, points, seed):
        self.random = random.Random(seed)
        self.points = points

    def a_value(self, key):
        """Something that occurs at `key`, mostly."""
        point = self.random.choice(self.points)
        found = elements(values_at(point["payload"], key))
        found = [v for v in found if isinstance(v, (str, int))]
        return self.random.choice(found or ["nope", 12345, True])

    def values(self, key):
        values = [self.a_value(key) for _ in range(self.random.randrange(5))]
        kind = self.random.choice([str, int])
        return [v for v in values if type(v) is kind]

    def bounds(self, key):
        bounds = {}
        for name in ("lt", "gt", "lte", "gte"):
            if self.random.random() < 0.4:
                value = self.a_value(key)
                bounds[name] = value if is_number(value) else 1.5
        return bounds

    def field(self):
        key = self.random.choice([*INDEXES, "parts[].n", "priority",
                                  "missing", "o"])
        kind = self.random.randrange(8)
        if kind <= 1:
            return {"key": key, "match": {"value": self.a_value(key)}}
        if kind == 2:
            return {"key": key, "match": {"any": self.values(key)}}
        if kind == 3:
            return {"key": key, "match": {"except": self.values(key)}}
        if kind == 4:
            return {"key": key, "values_count": {
                self.random.choice(["lt", "gte"]):
                self.random.randrange(12)}}
        if kind == 5:
            return self.random.choice([
                {"key": key, "is_empty": self.random.random() < 0.5},
                {"key": key, "is_null": self.random.random() < 0.5},
                {"is_empty": {"key": key}}, {"is_null": {"key": key}}])
        return {"key": key, "range": self.bounds(key)}

    def condition(self, depth):
        kind = self.random.random()
        if kind < 0.15 and depth < 3:
            return self.filter(depth + 1)
        if kind < 0.2:
            return {"has_id": [self.random.choice(self.points)["id"]
                               for _ in range(200)]}
        if kind < 0.25:
            return {"nested": {"key": "parts", "filter": {"must": [
                {"key": "n", "range": {"gte": self.random.randrange(5)}},
                {"key": "t", "match": {"value":
                                       self.random.choice("ab")}}]}}}
        return self.field()

    def clause(self, depth):
        return [self.condition(depth)
                for _ in range(self.random.randrange(1, 4))]

    def filter(self, depth=0):
        filter = {}
        for name in ("must", "should", "must_not"):
            if self.random.random() < 0.45:
                filter[name] = self.clause(depth)
        if self.random.random() < 0.15:
            filter["min_should"] = {"conditions": self.clause(depth),
                                    "min_count": self.random.randrange(1, 3)}
        return filter


# ---- tests ----

@pytest.fixture(scope="module")
def points(sample):
    """The sample with fields of odd and nested values added."""
    numbers = random.Random(3)
    points = []
    for point in sample:
        payload = dict(point["payload"])
        if numbers.random() < 0.8:
            payload["odd"] = numbers.choice(ODD)
        if numbers.random() < 0.5:
            payload["o"] = {"essential": numbers.choice(
                [True, False, None, "yes", [True, False]])}
        payload["parts"] = [{"n": numbers.randrange(5),
                             "t": numbers.choice("ab")}
                            for _ in range(numbers.randrange(4))]
        points.append({"id": point["id"], "vector": point["vector"],
                       "payload": payload})
    return points


@pytest.fixture(scope="module", params=["unindexed", "indexed"])
def collection(engine, points, request):
    name = f"{NAME}-{request.param}"
    engine.call("DELETE", f"/collections/{name}")
    engine.create(name, 384)
    if request.param == "indexed":
        for key, schema in list(INDEXES.items())[:3]:
            engine.call("PUT", f"/collections/{name}/index?wait=true",
                        {"field_name": key, "field_schema": schema})
    for at in range(0, len(points), 1000):
        engine.upsert(name, points[at:at + 1000])
    if request.param == "indexed":
        for key, schema in list(INDEXES.items())[3:]:
            engine.call("PUT", f"/collections/{name}/index?wait=true",
                        {"field_name": key, "field_schema": schema})
    yield name
    engine.call("DELETE", f"/collections/{name}")


@pytest.fixture(scope="module")
def unit(points):
    vectors = numpy.array([p["vector"] for p in points], numpy.float32)
    return vectors / numpy.linalg.norm(vectors, axis=1)[:, None]


def test_random_filters_agree_with_the_model(engine, collection, points, unit):
    filters = Filters(points, 11)
    by_id = {p["id"]: row for row, p in enumerate(points)}
    for round in range(ROUNDS):
        filter = filters.filter()
        expected = [p["id"] for p in points if matches(filter, p)]
        context = f"round {round}: {filter}"
        assert engine.count(collection, filter) == len(expected), context
        if round % 5 == 0:
            got = engine.scroll_all(collection, filter=filter,
                                    with_payload=False)
            assert [p["id"] for p in got] == sorted(expected), context
        query = unit[round % len(unit)]
        hits = engine.call("POST", f"/collections/{collection}/points/query", {
            "query": query.tolist(), "limit": 10,
            "filter": filter}).result["points"]
        scores = unit[[by_id[id] for id in expected]] @ query
        best = numpy.sort(scores)[::-1][:10]
        assert len(hits) == len(best), context
        got = numpy.array([hit["score"] for hit in hits])
        assert len(best) == 0 or numpy.abs(got - best).max() < 1e-5, context
        assert {hit["id"] for hit in hits} <= set(expected), context


def test_one_condition_at_a_time(engine, collection, points):
    filters = Filters(points, 12)
    for round in range(ROUNDS):
        condition = filters.field()
        for clause in ("must", "must_not"):
            filter = {clause: [condition]}
            expected = sum(matches(filter, p) for p in points)
            assert engine.count(collection, filter) == expected, filter


def test_selective_filters_of_the_graph(engine, points, unit):
    """Small and large fractions on a collection with a graph: the filter must
    not cost recall."""
    name = f"{NAME}-graph"
    engine.call("DELETE", f"/collections/{name}")
    engine.create(name, 384, hnsw_config={"full_scan_threshold": 10},
                  optimizers_config={"indexing_threshold": 1})
    for at in range(0, len(points), 1000):
        engine.upsert(name, points[at:at + 1000])
    for key, schema in INDEXES.items():
        engine.call("PUT", f"/collections/{name}/index?wait=true",
                    {"field_name": key, "field_schema": schema})
    engine.wait_green(name)
    good = total = 0
    for row in range(0, 5000, 50):
        section = points[row]["payload"]["section"]
        limit = [10, 100, 1000, 10000, 100000][row // 50 % 5]
        for filter in ({"must": [{"key": "section",
                                  "match": {"value": section}}]},
                       {"must_not": [{"key": "section",
                                      "match": {"value": section}}]},
                       {"must": [{"key": "installed_size_kib",
                                  "range": {"lt": limit}}]}):
            rows = [i for i, p in enumerate(points) if matches(filter, p)]
            hits = engine.call("POST", f"/collections/{name}/points/query", {
                "query": unit[row].tolist(), "limit": 10,
                "filter": filter}).result["points"]
            assert len(hits) == min(10, len(rows)), filter
            if not hits:
                continue
            scores = numpy.sort(unit[rows] @ unit[row])[::-1]
            tenth = scores[len(hits) - 1]
            good += sum(hit["score"] >= tenth - 1e-5 for hit in hits)
            total += len(hits)
            allowed = {points[i]["id"] for i in rows}
            assert all(hit["id"] in allowed for hit in hits), filter
    engine.call("DELETE", f"/collections/{name}")
    assert good / total >= 0.99
