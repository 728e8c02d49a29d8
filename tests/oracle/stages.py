# SPDX-License-Identifier: Apache-2.0
"""Random collections and queries of all kinds, with prefetches in prefetches.
Scores are seldom equal, so that a list that is cut is the same everywhere:
where many are (context, sparse vectors of examples) it is not cut."""
import json
import random
import re
import uuid

SIZES = {"v": 12, "w": 5, "m": 4}
COLOURS = ("red", "green", "blue", "black", "white")


class Stages:
    def __init__(self, seed, count):
        self.random = random.Random(seed)
        self.count = count
        self.distances = {name: self.one(
            ("Dot", "Cosine", "Euclid", "Manhattan")) for name in "vwm"}
        self.ids = [number if number % 4 else str(uuid.UUID(
            int=self.random.getrandbits(128))) for number in range(count)]

    def one(self, items):
        return self.random.choice(items)

    def chance(self, share):
        return self.random.random() < share

    # ---- points ----

    def collection(self):
        vectors = {name: {"size": size, "distance": self.distances[name]}
                   for name, size in SIZES.items()}
        vectors["m"]["multivector_config"] = {"comparator": "max_sim"}
        return {"vectors": vectors, "sparse_vectors": {"s": {}}}

    def numbers(self, name):
        return [self.random.gauss(0, 1) for _ in range(SIZES[name])]

    def vector(self, name):
        if name == "s":
            indices = self.random.sample(range(30), 12)
            return {"indices": sorted(indices),
                    "values": [self.random.uniform(0.1, 2) for _ in indices]}
        if name == "m":
            return [self.numbers("m")
                    for _ in range(self.random.randint(1, 4))]
        return self.numbers(name)

    def payload(self, place):
        payload = {"u": self.random.uniform(-100, 100),
                   "i": place * 7 - 300,
                   "colour": self.one(COLOURS),
                   "d": f"20{self.random.randrange(10, 30)}-"
                        f"{self.random.randrange(1, 13):02}-11T10:"
                        f"{place // 60:02}:{place % 60:02}Z",
                   "p": {"lon": self.random.uniform(-180, 180),
                         "lat": self.random.uniform(-80, 80)},
                   "many": self.random.sample(range(6), 2),
                   "one": [self.random.uniform(0, 5)]}
        if self.chance(0.5):
            payload["n"] = self.random.uniform(0, 10)
        return payload

    def points(self):
        return [{"id": id, "payload": self.payload(place),
                 "vector": {name: self.vector(name) for name in "vwms"}}
                for place, id in enumerate(self.ids)]

    # ---- parts of queries ----

    def filter(self):
        return self.one((
            {"must": [{"key": "colour",
                       "match": {"any": self.random.sample(COLOURS, 3)}}]},
            {"must_not": [{"key": "colour", "match": {"value": "red"}}]},
            {"must": [{"key": "u", "range": {"gt": -60}}]},
            {"should": [{"key": "n", "range": {"lt": 6}},
                        {"is_empty": {"key": "n"}}]}))

    def example(self, using):
        return self.one(self.ids) if self.chance(0.5) else self.vector(using)

    def examples(self, using, least):
        return [self.example(using)
                for _ in range(self.random.randint(least, 3))]

    def pair(self, using):
        return {"positive": self.example(using),
                "negative": self.example(using)}

    def recommend(self, using):
        strategy = self.one(("average_vector", "best_score", "sum_scores"))
        positive = self.examples(using, 1)
        body = {"positive": positive, "strategy": strategy,
                "negative": [example for example in self.examples(using, 0)
                             if example not in positive]}
        if strategy != "average_vector" and self.chance(0.2):
            body = {"negative": self.examples(using, 1), "strategy": strategy}
        return f"recommend {strategy}", {"recommend": body}

    def feedback(self, using):
        return "relevance feedback", {"relevance_feedback": {
            "target": self.example(using),
            "feedback": [{"example": self.example(using),
                          "score": self.random.uniform(0, 1)}
                         for _ in range(self.random.randint(1, 4))],
            "strategy": {"naive": {"a": 0.7, "b": 1.3, "c": 0.4}}}}

    def mmr(self, using):
        return "mmr", {"nearest": self.example(using), "mmr": {
            "diversity": self.random.random(),
            "candidates_limit": self.random.randint(5, 40)}}

    def by_vectors(self, using, equals=True):
        """(kind, query, whether scores are often equal, if they may be)"""
        kind = self.random.random()
        if not equals and 0.75 <= kind < 0.85:
            kind = 0
        if kind < 0.3:
            return "nearest", self.vector(using), False
        if kind < 0.4:
            return "nearest by id", self.one(self.ids), False
        if kind < 0.65:
            return *self.recommend(using), False
        if kind < 0.75:
            return "discover", {"discover": {
                "target": self.example(using),
                "context": [self.pair(using) for _ in
                            range(self.random.randint(1, 3))]}}, False
        if kind < 0.85:
            return "context", {"context": [
                self.pair(using)
                for _ in range(self.random.randint(1, 3))]}, True
        if kind < 0.93 and using in "vw":
            return *self.feedback(using), False
        return *self.mmr(using), False

    def without_vectors(self):
        kind = self.random.random()
        if kind < 0.5:
            return "by id", None
        return "order_by", {"order_by": self.order()}

    def order(self):
        key = self.one(("u", "i", "d"))
        body = {"key": key, "direction": self.one(("asc", "desc"))}
        if self.chance(0.4):
            body["start_from"] = {
                "u": self.random.uniform(-50, 50),
                "i": self.random.randrange(-300, 400),
                "d": f"20{self.random.randrange(10, 30)}-06-01T00:00:00Z"}[key]
        return body if self.chance(0.9) else key

    # ---- formulas ----

    def expression(self, depth):
        if depth == 0 or self.chance(0.25):
            return self.one((
                self.random.uniform(-3, 3), "$score", "$score[0]", "$score[1]",
                "u", "i", "n", "one",
                {"key": "colour", "match": {"value": "blue"}},
                {"datetime": "2020-01-02T03:04:05Z"}, {"datetime_key": "d"},
                {"geo_distance": {"origin": {"lon": 13.4, "lat": 52.5},
                                  "to": "p"}}))
        inner = lambda: self.expression(depth - 1)  # noqa: E731
        return self.one((
            lambda: {"mult": [inner(), inner()]},
            lambda: {"sum": [inner(), inner(), inner()]},
            lambda: {"neg": inner()}, lambda: {"abs": inner()},
            lambda: {"sqrt": {"abs": inner()}},
            lambda: {"ln": {"sum": [1.5, {"abs": inner()}]}},
            lambda: {"log10": {"sum": [2, {"abs": inner()}]}},
            lambda: {"exp": {"gauss_decay": {"x": inner()}}},
            lambda: {"div": {"left": inner(), "right": inner(),
                             "by_zero_default": 1.0}},
            lambda: {"pow": {"base": {"abs": inner()}, "exponent": 0.5}},
            lambda: {self.one(("lin_decay", "exp_decay", "gauss_decay")): {
                "x": inner(), "target": 1.0, "scale": 1000.0,
                "midpoint": 0.4}}))()

    def formula(self):
        # The score keeps results apart.
        return {"formula": {"sum": [self.expression(3),
                                    {"mult": ["$score", 1e-3]}]},
                "defaults": {"n": 2.5, "$score[1]": 0.25}}

    # ---- queries ----

    def limits(self, body, is_equal):
        body["limit"] = self.count if is_equal else \
            self.one((1, 3, 7, 10, 20, 50))
        if self.chance(0.4):
            body["filter"] = self.filter()

    def leaf(self, equals=True, is_scored=False):
        if not is_scored and self.chance(0.1):
            kind, query = self.without_vectors()
            body = {} if query is None else {"query": query}
            self.limits(body, False)
            return kind, body
        using = self.one("vwms")
        kind, query, is_equal = self.by_vectors(using, equals)
        body = {"query": query, "using": using}
        self.limits(body, is_equal or using == "s")
        return f"{kind} {using}", body

    def prefetch(self, depth, equals, is_scored):
        if depth > 0 and self.chance(0.4):
            return self.stage(depth, equals)[1]
        return self.leaf(equals, is_scored)[1]

    def stage(self, depth, equals=True):
        """(kind, body) of a query with prefetches."""
        kind = self.random.random() if equals else 1
        is_ranked = kind < 0.4 or not equals
        body = {"prefetch": [
            self.prefetch(depth - 1, not is_ranked, kind >= 0.4)
            for _ in range(self.random.randint(1, 3))]}
        if kind < 0.25:
            body["query"], name = {"fusion": "rrf"}, "rrf"
        elif kind < 0.4:
            name = "rrf with weights"
            body["query"] = {"rrf": {"k": self.random.randint(1, 60),
                                     "weights": [self.random.uniform(0, 3)
                                                 for _ in body["prefetch"]]}}
        elif kind < 0.55:
            body["query"], name = {"fusion": "dbsf"}, "dbsf"
        elif kind < 0.75:
            body["query"], name = self.formula(), "formula"
        else:
            using = self.one("vwms")
            name, body["query"], _ = self.by_vectors(using, equals)
            body["using"] = using
        # Ranks of equal scores make scores that are equal in turn.
        self.limits(body, True)
        return f"{name} of prefetches", body

    def leave_out_examples(self, body):
        """The engine leaves examples of any stage out of the whole, local mode
        those of a stage out of that stage."""
        found = json.dumps(body)
        body["filter"] = {
            "must": [body["filter"]] if "filter" in body else [],
            "must_not": [{"has_id": [id for id in self.ids
                                     if self.is_in(id, found)]}]}

    @staticmethod
    def is_in(id, text):
        return re.search(rf"(?<![\w.-]){id}(?![\w.-])", text) is not None

    def query(self):
        depth = self.one((0, 0, 1, 1, 2, 3))
        kind, body = self.stage(depth) if depth > 0 else self.leaf()
        if depth > 0:
            self.leave_out_examples(body)
        body["limit"] = self.one((1, 5, 10, 30))
        if self.chance(0.2):
            body["offset"] = self.random.randrange(8)
        if self.chance(0.15) and "query" in body and \
                "order_by" not in str(body["query"]):
            body["score_threshold"] = self.random.uniform(-1, 1)
        body["with_payload"] = self.chance(0.3)
        return kind, body
