# SPDX-License-Identifier: Apache-2.0
"""Random queries with groups: what the definition makes of the whole list that
the same query gives without groups. (The lists themselves are compared in the
tests beside other engines.)

  AZIMUTH_ORACLE_ROUNDS   queries (default: 100)
  AZIMUTH_ORACLE_SEED     the seed (default: 1)
"""
import json
import os
import random

import pytest

ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", "100"))
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", "1"))
POINTS = 300
KEYS = ("few", "many", "numbers", "mixed", "one", "deep.key", "list[].key",
        "numbers[]", "missing")


class Groups:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, share):
        return self.random.random() < share

    def vector(self):
        return [self.random.gauss(0, 1) for _ in range(4)]

    def payload(self, id):
        some = self.random
        payload = {
            "id": id,
            "few": some.choice("abc"), "many": f"name {some.randrange(60)}",
            "numbers": [some.randrange(-3, 9) for _ in range(some.randrange(4))],
            "mixed": some.choice(("a", 1, 1.5, True, None, "1", [1, "a"], [],
                                  2**63 + 5)),
            "one": 7 if id < POINTS * 0.9 else id,
            "deep": {"key": some.randrange(5)},
            "list": [{"key": some.choice("xyz")} for _ in range(2)]}
        for key in list(payload):
            if self.chance(0.1) and key != "id":
                del payload[key]
        return payload

    def query(self):
        """The query, and whether equal scores are likely."""
        some = self.random
        kind = some.randrange(6)
        if kind < 3:
            return {"query": self.vector()}
        if kind == 3:
            return {"query": some.randrange(POINTS)}
        if kind == 4:
            return {"query": {"recommend": {
                "positive": some.sample(range(POINTS), 2),
                "negative": some.sample(range(POINTS), 1),
                "strategy": some.choice(("average_vector", "best_score",
                                         "sum_scores"))}}}
        return {}

    def body(self):
        some, body = self.random, self.query()
        if self.chance(0.4):
            body["filter"] = {"must": [{"key": "id", "range": {
                "lt": some.randrange(20, POINTS)}}]}
        if self.chance(0.2) and body.get("query") is not None:
            body["score_threshold"] = some.uniform(-1, 1)
        if self.chance(0.3):
            body["with_vector"] = True
        body["with_payload"] = some.choice((True, False, ["few"]))
        return body


def values(payload, key):
    """What can be keys, each once."""
    found = [payload]
    for step in key.removesuffix("[]").split("."):
        name = step.removesuffix("[]")
        found = [value[name] for value in found
                 if isinstance(value, dict) and name in value]
        if step.endswith("[]"):
            found = [inner for value in found if isinstance(value, list)
                     for inner in value]
    flat = [inner for value in found
            for inner in (value if isinstance(value, list) else [value])]
    keys = [(type(value).__name__, value) for value in flat
            if isinstance(value, (str, int)) and not isinstance(value, bool)]
    return list(dict.fromkeys(keys))


def expected(hits, payloads, key, limit, size):
    groups = {}
    for hit in hits:
        for value in values(payloads[hit["id"]], key):
            group = groups.setdefault(value, [])
            if len(group) < size:
                group.append(hit)
    return [(value, found) for (_, value), found in groups.items()][:limit]


def near(a, b):
    return a.keys() == b.keys() and all(
        abs(value - b[name]) < 1e-4 if name == "score" else value == b[name]
        for name, value in a.items())


@pytest.mark.parametrize("is_indexed", [False, True])
def test_groups_are_those_of_the_whole_list(engine, part, is_indexed):
    world = Groups(SEED)
    payloads = {id: world.payload(id) for id in range(POINTS)}
    engine.call("PUT", "/collections/g", {
        "vectors": {"size": 4, "distance": world.random.choice(
            ("Dot", "Cosine", "Euclid", "Manhattan"))}}).result
    engine.upsert("g", [{"id": id, "vector": world.vector(),
                         "payload": payload}
                        for id, payload in payloads.items()])
    if is_indexed:
        for field, schema in (("few", "keyword"), ("many", "keyword"),
                              ("numbers", "integer"), ("one", "integer"),
                              ("deep.key", "integer")):
            engine.call("PUT", "/collections/g/index?wait=true", {
                "field_name": field, "field_schema": schema}).result
    for _ in range(ROUNDS):
        body, key = world.body(), world.random.choice(KEYS)
        limit, size = (world.random.choice((1, 2, 5, 20)) for _ in range(2))
        path = "/collections/g/points/query"
        hits = engine.call("POST", path, {**body, "limit": POINTS})
        groups = engine.call("POST", f"{path}/groups", {
            **body, "group_by": key, "limit": limit, "group_size": size})
        wanted = expected(hits.result["points"], payloads, key, limit, size)
        got = [(group["id"], group["hits"])
               for group in groups.result["groups"]]
        same = [value for value, _ in got] == [value for value, _ in wanted] \
            and all(len(ours) == len(theirs) and all(map(near, ours, theirs))
                    for (_, ours), (_, theirs) in zip(got, wanted))
        part.check("groups beside the whole list", same, lambda: json.dumps(
            [body, key, limit, size, got[:5], wanted[:5]]))
