# SPDX-License-Identifier: Apache-2.0
"""Random payloads and random filters over every kind of value.

Left out, because qdrant-edge 0.9.0 answers otherwise than the server that we
follow, or than itself with an index:
  {"is_null": {"key"}}      it also finds a null inside an array
  {"key", "is_null"} and {"key", "is_empty"} on paths with many values
                            any value decides; with an index all do
  match text without index  it cuts texts into words
  match true and false      its Python binding takes them for 1 and 0
  an empty min_should       matches nothing, except beside has_id alone
"""

import random

FIELDS = ("f", "g.h", "l[].v", "m")
UUIDS = ("550e8400-e29b-41d4-a716-446655440000",
         "550e8400-e29b-41d4-a716-446655440001")
STRINGS = ("a", "b", "ab c", "", "2020-01-01", "2020-01-01T00:00:00.000001Z",
           "1999-12-31T23:59:59+01:00", "0001-01-01", *UUIDS)
NUMBERS = (0, 1, 2, -3, 2.5, 1.0, -0.0, 9007199254740993, 9223372036854775807,
           -9223372036854775808)
BOUNDS = (-3, -1, 0, 1, 2, 2.5, 1e16, 1e19, -1e19)
DATES = ("2020-01-01", "2020-01-01T00:00:00.000001Z", "1970-01-01",
         "0001-01-01T00:00:00Z", "9999-12-31 23:59:59.999999")
DEGREES = (0, 1, 2, 1.5, 10, 179, 180, -180, -10, 90, -90, 45.25)


class Random:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, part):
        return self.random.random() < part

    def one(self, choices):
        return self.random.choice(choices)

    def some(self, make, most):
        return [make() for _ in range(self.random.randrange(most + 1))]

    # ---- payloads ----

    def place(self):
        lon, lat = self.one(DEGREES), self.one(DEGREES)
        if self.chance(0.5):
            lon += self.random.uniform(-3, 3)
            lat += self.random.uniform(-3, 3)
        return {"lon": max(-180, min(180, lon)),
                "lat": max(-90, min(90, lat))}

    def scalar(self):
        kind = self.random.randrange(10)
        if kind < 3:
            return self.one(STRINGS)
        if kind < 6:
            return self.one(NUMBERS)
        if kind < 8:
            return self.place()
        return self.one((None, True, False, {}, {"x": 1}, [], [None], [1],
                         {"lon": 1}, {"lon": "1", "lat": 1}))

    def value(self):
        return self.some(self.scalar, 3) if self.chance(0.4) else self.scalar()

    def payload(self):
        payload = {"z": 0}
        if self.chance(0.8):
            payload["f"] = self.value()
        if self.chance(0.8):
            payload["g"] = {"h": self.value()}
        if self.chance(0.8):
            payload["l"] = [{"v": self.value(), "w": w}
                            for w in range(self.random.randrange(3))]
            if self.chance(0.3):
                payload["l"].append({})
        if self.chance(0.8):
            payload["m"] = self.value()
        return payload

    def point(self, id):
        vector = {name: [1.0, float(id)] for name in "vw" if self.chance(0.7)}
        return {"id": id, "vector": vector, "payload": self.payload()}

    # ---- filters ----

    def bounds(self, choices):
        return {name: self.one(choices) for name in ("lt", "gt", "lte", "gte")
                if self.chance(0.4)}

    def ring(self):
        points = [self.place() for _ in range(self.random.randrange(3, 7))]
        return {"points": [*points, points[0]]}

    def area(self):
        kind = self.random.randrange(3)
        if kind == 0:
            return {"geo_bounding_box": {"top_left": self.place(),
                                         "bottom_right": self.place()}}
        if kind == 1:
            return {"geo_radius": {
                "center": self.place(),
                "radius": self.one((0, 1, 1e5, 111195, 5e5, 2e6, 1e7, 3e7))}}
        rings = self.some(self.ring, 2)
        polygon = {"exterior": self.ring()}
        if rings:
            polygon["interiors"] = rings
        return {"geo_polygon": polygon}

    def test(self, is_single=False):
        """`is_single`: the path has one value at most."""
        kind = self.random.randrange(10)
        if kind == 0:
            return {"match": {"value": self.one((*STRINGS, 0, 1, 2,
                                                 9007199254740993))}}
        if kind == 1:
            return {"match": {"any": self.one((
                [self.one(STRINGS) for _ in range(3)], [1, 2], [-3]))}}
        if kind == 2:
            return {"match": {"except": self.one((
                [self.one(STRINGS) for _ in range(3)], [1, 2], [-3]))}}
        if kind == 3:
            return {"range": self.bounds(BOUNDS)}
        if kind == 4:
            return {"range": {**self.bounds(DATES), "gte": self.one(DATES)}}
        if kind == 5:
            return {"values_count": self.bounds((0, 1, 2, 3))}
        if kind == 6:
            return {"is_null": True} if is_single else {"range": {}}
        if kind == 7:
            return {"match": {"prefix": self.one(("", "a", "2020", "550e"))}}
        return self.area()

    def condition(self, depth, count):
        kind = self.random.randrange(12)
        key = self.one((*FIELDS, "missing", "l", "l[]"))
        if kind == 0:
            ids = {self.random.randrange(2 * count) for _ in range(30)}
            return {"has_id": sorted(ids)}
        if kind == 1:
            return {"has_vector": self.one("vw")}
        if kind == 2:
            return {"is_empty": {"key": key}}
        if kind == 3 and depth < 3:
            return {"nested": {"key": "l", "filter": {"must": [
                {"key": self.one(("v", "w")), **self.test()}]}}}
        if kind == 4 and depth < 3:
            return self.filter(depth + 1, count)
        return {"key": key, **self.test("[]" not in key)}

    def filter(self, depth=0, count=1000):
        value = {}
        for name in ("must", "should", "must_not"):
            if self.chance(0.5):
                value[name] = self.some(
                    lambda: self.condition(depth, count), 3)
        if self.chance(0.2):
            value["min_should"] = {
                "conditions": [self.condition(depth, count)] + self.some(
                    lambda: self.condition(depth, count), 3),
                "min_count": self.random.randrange(1, 4)}
        return value
