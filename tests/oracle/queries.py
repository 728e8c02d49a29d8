# SPDX-License-Identifier: Apache-2.0
"""Random searches over the vectors of a world: bodies of a query request, and
what kind each is."""

PAYLOADS = (["f"], ["g.h", "m"], ["l[].v"], ["l.d"], ["missing", "k"], ["g"])
NAMES = {"v": "dense", "w": "dense, datatype", "q": "dense, quantized",
         "s": "sparse", "i": "sparse with idf", "m": "multivector"}


class Queries:
    """`ids`: of points that have every vector, for queries by id."""

    def __init__(self, world, ids, has_idf):
        self.world = world
        self.random = world.random
        self.ids = ids
        self.has_corpus = True  # may be asked for
        self.names = "vwqsm" + ("i" if has_idf else "")

    def one(self):
        """(kind, body)"""
        world = self.world
        using = world.one(self.names)
        body = {"query": world.vector(using), "using": using,
                "limit": world.one((1, 3, 10, 10, 10, 50, 1000))}
        kind = [f"query beside edge: {NAMES[using]}"]
        if using == "m" and world.chance(0.2):
            body["query"] = body["query"][0]  # one row as a list
        # With idf edge weighs the vector of an id by what it was before.
        if using != "i" and self.ids and world.chance(0.15):
            body["query"] = world.one(self.ids)
            kind.append("by id")
        if world.chance(0.6):
            body["filter"] = world.filter(1, world.count) \
                if world.chance(0.5) else {"must": [world.condition(2, 0)]}
            kind.append("filter")
        self.limits(body)
        self.params(body, using)
        if "idf" in body.get("params", {}):
            kind.append("corpus")
        self.output(body)
        return ", ".join(kind), body

    def limits(self, body):
        world = self.world
        if world.chance(0.2):
            body["offset"] = self.random.randrange(30)
        if world.chance(0.15):
            size = 30 if body["using"] in "wm" else 3
            body["score_threshold"] = self.random.uniform(-1, size)

    def params(self, body, using):
        world = self.world
        if using == "i" and self.has_corpus and world.chance(0.5):
            body["params"] = {"idf": world.one(("global", {
                "corpus": world.filter(1, world.count)}))}
        elif world.chance(0.4):
            body["params"] = {"exact": True}
        elif using == "q":
            body["params"] = {"quantization": world.one((
                {"rescore": True, "oversampling": 8.0}, {"ignore": True}))}
        elif world.chance(0.2):
            body["params"] = {"hnsw_ef": 400}

    def output(self, body):
        world = self.world
        if world.chance(0.3):
            paths = world.one(PAYLOADS)
            body["with_payload"] = world.one((
                True, False, paths, {"include": paths}, {"exclude": paths}))
        if world.chance(0.3):
            body["with_vector"] = world.one((True, False, ["v"], ["s", "m"]))
