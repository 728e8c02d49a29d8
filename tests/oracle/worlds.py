# SPDX-License-Identifier: Apache-2.0
"""Random collections with vectors of every kind, and random changes of them.

A change is what its request says: {"upsert": [point]}, {"delete": selector},
{"set" or "overwrite": {"payload", selector, "key"?}},
{"unset": {"keys", selector}}, {"clear": selector},
{"vectors": {"names", selector}}, {"unvector": {"vector", selector}},
where a selector is {"points": [id]} or {"filter": filter}."""
import uuid

import filters

DISTANCES = ("Dot", "Cosine", "Euclid", "Manhattan")
DATATYPES = ("float32", "float16", "uint8")
SPARSE_INDICES = 40
WORDS = ("The", "quick", "Brown", "fox", "jumps", "over", "lazy", "dogs",
         "runs", "running", "a", "and", "don't", "Café", "re-run",
         "ΟΔΥΣΣΕΥΣ", "日本", "ok")
KEYS = ("f", "g.h", "g", "m", "l", "l[0].v", "l[].d", "t", "z", "n.o.p",
        '"a.b"')


class World(filters.Random):
    """`v` and `w` are dense, `q` is one that codes are kept of, `s` is sparse,
    `i` sparse with idf, `m` a multivector. `t` is a text, `k` a number."""

    def __init__(self, seed, count):
        super().__init__(seed)
        self.count = count
        self.dense = {name: {
            "size": self.random.choice((1, 2, 3, 8, 17, 33, 64)),
            "distance": self.one(DISTANCES)} for name in "vwqm"}
        for name in "wm":
            self.dense[name]["datatype"] = self.one(DATATYPES)
        self.ids_made = [self.new_id(number) for number in range(count)]

    def new_id(self, number):
        if number % 5:
            return number if number % 7 else number + 2 ** 63
        return str(uuid.UUID(int=self.random.getrandbits(128)))

    # ---- vectors ----

    def dense_vector(self, name):
        params = self.dense[name]
        if params.get("datatype") == "uint8":
            return [self.random.randrange(256) for _ in range(params["size"])]
        if self.chance(0.02):
            return [0.0] * params["size"]
        if self.chance(0.1):  # equal scores
            return [float(self.random.randrange(-1, 2))
                    for _ in range(params["size"])]
        return [self.random.gauss(0, 1) for _ in range(params["size"])]

    def sparse_vector(self):
        indices = self.random.sample(range(SPARSE_INDICES),
                                     self.random.randrange(1, 12))
        return {"indices": indices,
                "values": [self.random.uniform(0.01, 3) for _ in indices]}

    def vector(self, name):
        if name in "si":
            return self.sparse_vector()
        if name == "m":
            return [self.dense_vector("m") for _ in
                    range(self.random.randint(1, 6))]
        return self.dense_vector(name)

    def vectors(self):
        """A point that has lost a sparse vector would not get it again."""
        return {name: self.vector(name) for name in "vwqsim"
                if name in "si" or self.chance(0.85)}

    # ---- points ----

    def text(self):
        return self.one((" ", ", ")).join(
            self.one(WORDS) for _ in range(self.random.randrange(7)))

    def payload(self):
        payload = super().payload()
        payload["k"] = self.random.randrange(100)
        if self.chance(0.8):
            payload["t"] = self.one((self.text(), self.some(self.text, 3)))
        return payload

    def point(self, id):
        return {"id": id, "vector": self.vectors(), "payload": self.payload()}

    def points(self):
        return [self.point(id) for id in self.ids_made]

    # ---- filters ----

    def ids(self, count):
        return self.random.sample(self.ids_made, 30)

    def condition(self, depth, count):
        if self.chance(0.1):
            return {"key": "k", "range": {
                "gte": self.random.randrange(100),
                "lt": self.random.randrange(120)}}
        if self.chance(0.05):
            return {"has_vector": self.one("vwqsim")}
        return super().condition(depth, count)

    def text_condition(self):
        return {"key": "t", "match": {
            self.one(("text", "text_any", "phrase")):
            " ".join(self.random.sample(WORDS, self.random.randrange(1, 3)))}}

    def text_filter(self):
        """With a text condition somewhere."""
        value = self.filter(1, self.count) if self.chance(0.5) else {}
        value.setdefault(self.one(("must", "must_not", "should")), []).append(
            self.text_condition())
        return value

    # ---- changes ----

    def selector(self):
        if self.chance(0.7):
            return {"points": self.random.sample(self.ids_made, 12)}
        low = self.random.randrange(100)
        few = {"key": "k", "range": {"gte": low, "lt": low + 4}}
        more = {"should": [self.condition(2, 0), self.condition(2, 0)]}
        return {"filter": {"must": [few, *([more] if self.chance(0.5) else
                                           [])]}}

    def some_payload(self):
        payload = {name: value for name, value in self.payload().items()
                   if self.chance(0.4)}
        return payload or {"f": self.value()}

    def change(self):
        kind = self.random.randrange(9)
        where = self.selector()
        if kind == 0:
            return {"upsert": [self.point(id) for id in
                               self.random.sample(self.ids_made, 20)]}
        if kind == 1:
            return {"delete": where}
        if kind == 2:
            return {"set": {"payload": self.some_payload(), **where}}
        if kind == 3:
            return {"set": {"payload": {"x": self.value()}, "key":
                            self.one(("g", "n.o", "g.i[0]")), **where}}
        if kind == 4:
            return {"overwrite": {"payload": self.some_payload(), **where}}
        if kind == 5:
            return {"unset": {"keys": self.random.sample(KEYS, 2), **where}}
        if kind == 6:
            return {"clear": where}
        if kind == 7:
            return {"vectors": {"names": self.random.sample("vwqm", 2),
                                **where}}
        return {"unvector": {"vector": self.random.sample("vwqm", 2),
                             **where}}
