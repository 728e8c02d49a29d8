# SPDX-License-Identifier: Apache-2.0
"""Random payloads and random filters over every kind of value. What is left
out, and why, is in tally.py."""

import random

FIELDS = ("f", "g.h", "l[].v", "m")
# Of single values and of many; some are never there.
SINGLE = ("f", "g.h", "m", "missing", "l", "l[0].v", "l[1].d[0].x", '"f"',
          '"g"."h"', '"a.b"', "l.v", "f.x")
MANY = ("l[].v", "l[]", "l[].d[].x", "f[]", "l[].d")
UUIDS = ("550e8400-e29b-41d4-a716-446655440000",
         "550e8400-e29b-41d4-a716-446655440001")
STRINGS = ("a", "b", "ab c", "", "2020-01-01", "2020-01-01T00:00:00.000001Z",
           "1999-12-31T23:59:59+01:00", "0001-01-01", *UUIDS,
           "550E8400-E29B-41D4-A716-446655440000", "aé日", "true", "1")
NUMBERS = (0, 1, 2, -3, 2.5, 1.0, -0.0, 9007199254740993, 9223372036854775807,
           -9223372036854775808)
BOUNDS = (-3, -1, 0, 1, 2, 2.5, 1e16, 1e19, -1e19)
DATES = ("2020-01-01", "2020-01-01T00:00:00.000001Z", "1970-01-01",
         "0001-01-01T00:00:00Z", "9999-12-31 23:59:59.999999",
         "1999-12-31 23:59", "2000-01-01T00:59:59+02:00")
DEGREES = (0, 1, 2, 1.5, 10, 179, 180, -180, -10, 90, -90, 45.25)
ALONE = {"values_count", "is_null", "is_empty"}  # in a field condition
ANY_LONG = 2000  # values of a long `any`


class Random:
    several = 0.05  # of field conditions have a second test

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

    def part(self, number):
        """An element of `l`."""
        part = {"v": self.value(), "w": number}
        if self.chance(0.5):
            part["d"] = [{"x": self.scalar()} for _ in
                         range(self.random.randrange(3))]
        return part

    def payload(self):
        payload = {"z": 0}
        if self.chance(0.8):
            payload["f"] = self.value()
        if self.chance(0.8):
            payload["g"] = {"h": self.value()}
        if self.chance(0.8):
            payload["l"] = [self.part(w) for w in
                            range(self.random.randrange(3))]
            if self.chance(0.3):
                payload["l"].append(self.one(({}, 1, None, [{"v": 1}])))
        if self.chance(0.8):
            payload["m"] = self.value()
        if self.chance(0.3):
            payload["a.b"] = self.value()
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

    def values(self):
        """Of a match any or except."""
        kind = self.random.randrange(12)
        if kind < 5:
            return [self.one(STRINGS) for _ in range(3)]
        if kind < 9:
            return self.one(([1, 2], [-3], [0, 9223372036854775807]))
        if kind == 9:
            return []
        start = self.random.randrange(-ANY_LONG, 2)
        numbers = range(start, start + ANY_LONG)
        return list(numbers) if kind == 10 else [str(n) for n in numbers]

    def match(self):
        kind = self.random.randrange(5)
        if kind == 0:
            return {"value": self.one((*STRINGS, 0, 1, 2, 9007199254740993))}
        if kind == 1:
            return {"value": self.one((True, False))}
        if kind == 2:
            return {"prefix": self.one(("", "a", "2020", "550e", "aé"))}
        return {self.one(("any", "except")): self.values()}

    def test(self, is_single=False):
        """`is_single`: the path has one value at most."""
        kind = self.random.randrange(10)
        if kind < 3:
            return {"match": self.match()}
        if kind == 3:
            return {"range": self.bounds(BOUNDS)}
        if kind == 4:
            return {"range": {**self.bounds(DATES), "gte": self.one(DATES)}}
        if kind == 5:
            return {"values_count": self.bounds((0, 1, 2, 3))}
        if kind == 6:
            if not is_single:
                return {"range": {}}
            return {self.one(("is_null", "is_empty")): self.chance(0.5)}
        return self.area()

    def tests(self, is_single):
        """Of one field: mostly one, all of them are ORed."""
        tests = self.test(is_single)
        more = self.test(is_single) if self.chance(self.several) else {}
        if not ALONE & {*tests, *more}:
            tests.update(more)
        return tests

    def nested(self, depth):
        """A condition on one element of an array of objects."""
        inner = self.one(("v", "w", "v", "d[].x"))
        conditions = [{"key": inner, **self.test("[]" not in inner)}
                      for _ in range(self.random.randrange(1, 3))]
        if depth < 2 and self.chance(0.3):
            conditions.append({"nested": {"key": "d", "filter": {"must": [
                {"key": "x", **self.test(True)}]}}})
        clause = self.one(("must", "must", "should", "must_not"))
        return {"nested": {"key": self.one(("l", "l", "l[]", "g")),
                           "filter": {clause: conditions}}}

    def ids(self, count):
        return sorted({self.random.randrange(2 * count) for _ in range(30)})

    def key(self):
        return self.one((*FIELDS, self.one(FIELDS), self.one(SINGLE),
                         self.one(MANY)))

    def condition(self, depth, count):
        kind = self.random.randrange(24)
        key = self.key()
        if kind < 2:
            return {"has_id": self.ids(count)}
        if kind < 4:
            return {"has_vector": self.one("vw")}
        if kind < 6:
            return {"is_empty": {"key": key}}
        if kind == 6:
            total = self.random.randrange(1, 6)
            return {"slice": {"total": total,
                              "index": self.random.randrange(total)}}
        if kind < 9 and depth < 3:
            return self.nested(depth)
        if kind < 11 and depth < 3:
            return self.filter(depth + 1, count)
        return {"key": key, **self.tests("[]" not in key)}

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


def kind_of(condition):
    """The name that a condition has in the tally."""
    if "key" not in condition:
        named = [name for name in condition if name in (
            "has_id", "has_vector", "is_empty", "is_null", "slice", "nested")]
        return named[0] if named else "filter"
    names = []
    for name, test in condition.items():
        if name == "match":
            name = f"match {next(iter(test))}"
            if isinstance(test.get("value"), bool):
                name = "match value (bool)"
        elif name == "range" and any(isinstance(bound, str)
                                     for bound in test.values()):
            name = "range (datetime)"
        if name != "key":
            names.append(name)
    return names[0] if len(names) == 1 else "several tests of a field"


def kind_of_all(value):
    """Of a filter: the name of its only condition, or `filter`."""
    conditions = value.get("must", [])
    return (kind_of(conditions[0])
            if len(value) == 1 and len(conditions) == 1 else "filter")
