# SPDX-License-Identifier: Apache-2.0
"""Random changes and questions to one collection, each compared with the
model. What a request asks is chosen by the seed only, never by an answer, so
that a seed is the same run again."""
import random
import uuid

from model import Model, id_order

BATCH = 24
WORDS = ["red", "green", "blue", "cyan", "plum", "sand"]
INDEXES = {"k": "keyword", "n": "integer", "f": "float", "b": "bool",
           "t": "integer", "o.x": "integer", "parts[].n": "integer"}


def make_ids(kind, count, numbers):
    """A small universe, so that points come, go and come again."""
    if kind == "number":
        return [*range(count - 2), 2 ** 63, 2 ** 64 - 1]
    ids = [str(uuid.UUID(int=numbers.getrandbits(128)))
           for _ in range(count)]
    return ids if kind == "uuid" else [*range(count // 2), *ids[count // 2:]]


class Collection:
    """`vectors`: {name: (dim, distance)}; the name "" is the unnamed one."""

    def __init__(self, name, vectors, ids, seed, config, spread=0.2,
                 zeros=0.02, on_disk=False):
        self.base = f"/collections/{name}"
        self.vectors = vectors
        self.config = config
        self.spread = spread  # of a cluster
        self.zeros = zeros  # part of the vectors
        self.on_disk = on_disk
        self.random = random.Random(seed)
        self.ids = make_ids(*ids, self.random)
        self.model = Model(vectors)
        self.good = self.asked = 0.0
        # Filters are slow in the model: rare where there are many points.
        self.filter_part = 0.5 if len(self.ids) < 2000 else 0.15

    # ---- random parts ----

    def chance(self, part):
        return self.random.random() < part

    def vector(self, name):
        """Clusters with many equal values: ties and duplicates happen."""
        dim, distance = self.vectors[name]
        kind = self.random.random()
        if kind < self.zeros:
            return [0.0] * dim
        if kind < 0.1:
            return [float(self.random.randrange(-1, 2)) for _ in range(dim)]
        centre = random.Random(self.random.randrange(12))
        return [round(centre.uniform(-1, 1) + self.random.gauss(0, self.spread), 4)
                for _ in range(dim)]

    def some_vectors(self):
        return {name: self.vector(name) for name in self.vectors
                if len(self.vectors) == 1 or self.chance(0.8)}

    def on_wire(self, vectors):
        return vectors[""] if "" in vectors else vectors

    def payload(self):
        pick = self.random
        payload = {}
        if self.chance(0.8):
            payload["k"] = pick.choice([*WORDS, pick.sample(WORDS, 2), [],
                                        None])
        if self.chance(0.8):
            payload["n"] = pick.randrange(-20, 100)
        if self.chance(0.5):
            payload["f"] = pick.randrange(1000) / 8
        if self.chance(0.3):
            payload["b"] = pick.choice([True, False, [True, False]])
        if self.chance(0.3):
            payload["t"] = [pick.randrange(10)
                            for _ in range(pick.randrange(4))]
        if self.chance(0.3):
            payload["o"] = {"x": pick.randrange(10), "y": "\u00e9\U0001f600\""}
        if self.chance(0.2):
            payload["parts"] = [{"n": pick.randrange(4)}
                                for _ in range(pick.randrange(3))]
        return payload

    def some_ids(self, most=BATCH):
        return self.random.choices(self.ids, k=1 + self.random.randrange(most))

    def there(self, most=BATCH):
        """Ids that are there, none twice; empty when the model is."""
        ids = self.model.ids()
        if not ids:
            return []
        return self.random.sample(ids, min(len(ids),
                                           1 + self.random.randrange(most)))

    def condition(self, depth):
        pick = self.random
        key = pick.choice([*INDEXES, "missing"])
        word = pick.choice(WORDS)
        number = pick.randrange(-5, 60)
        kind = pick.randrange(12)
        if kind == 0 and depth < 2:
            return self.filter(depth + 1)
        if kind == 1:
            return {"has_id": self.some_ids(60)}
        if kind == 2:
            return {"key": key, "is_empty": self.chance(0.5)}
        if kind == 3:
            return {"key": key, "values_count": {
                pick.choice(["lt", "gte"]): pick.randrange(4)}}
        if kind == 4:
            return {"key": "k", "match": {pick.choice(["any", "except"]):
                                          pick.sample(WORDS, 2)}}
        if kind == 5:
            return {"key": "b", "match": {"value": self.chance(0.5)}}
        if kind <= 7:
            return {"key": pick.choice(["k", "missing"]),
                    "match": {"value": word}}
        if kind <= 9:
            return {"key": pick.choice(["n", "t", "o.x", "parts[].n"]),
                    "match": {"value": pick.randrange(12)}}
        return {"key": pick.choice(["n", "f", "t"]), "range": {
            pick.choice(["lt", "lte"]): number + 20 * self.chance(0.5),
            pick.choice(["gt", "gte"]): number - 15}}

    def filter(self, depth=0):
        filter = {}
        while not filter:
            for name in ("must", "should", "must_not"):
                if self.chance(0.4):
                    filter[name] = [self.condition(depth) for _ in
                                    range(self.random.randrange(1, 3))]
        return filter

    def maybe_filter(self):
        return self.filter() if self.chance(self.filter_part) else None

    def selector(self, limit):
        """By ids, or a filter that selects at most `limit` points now."""
        if self.chance(1 - self.filter_part * 0.8):
            return {"points": self.there()}
        filter = self.filter()
        if len(self.model.matching(filter)) > limit:
            filter = {"must": [{"has_id": self.some_ids()}, filter]}
        return {"filter": filter}

    # ---- changes: (method, path, body, what happens to a model) ----

    def create(self):
        vectors = {name: {"size": dim, "distance": distance,
                          "on_disk": self.on_disk}
                   for name, (dim, distance) in self.vectors.items()}
        return "PUT", self.base, {"vectors": self.on_wire(vectors),
                                  **self.config}, None

    def fill(self):
        """Most of the universe at once, without payload."""
        for at in range(0, len(self.ids), 500):
            points = [(id, self.some_vectors(), {})
                      for id in self.ids[at:at + 450]]
            yield self.upsert_of(points)

    def upsert(self):
        points = []
        for id in self.some_ids(200 if self.chance(0.04) else BATCH):
            vectors = self.some_vectors()
            if id in self.model and self.chance(0.3):
                # The same vectors again: only the payload changes.
                vectors = {name: rows.get(id).tolist()
                           for name, rows in self.model.rows.items()
                           if id in rows.at}
            points.append((id, vectors, self.payload()))
        return self.upsert_of(points)

    def upsert_of(self, points):
        def apply(model):
            for point in points:
                model.upsert(*point)

        if self.chance(0.2) and all("" in v for _, v, _ in points):
            body = {"batch": {"ids": [p[0] for p in points],
                              "vectors": [p[1][""] for p in points],
                              "payloads": [p[2] for p in points]}}
        else:
            body = {"points": [
                {"id": id, "vector": self.on_wire(vectors), "payload": payload}
                for id, vectors, payload in points]}
        return "PUT", "/points", body, apply

    def delete(self):
        if self.chance(0.7):
            selector = {"points": self.some_ids()}
        else:
            selector = self.selector(60)

        def apply(model):
            for id in dict.fromkeys(model.select(selector)):
                model.delete(id)

        return "POST", "/points/delete", selector, apply

    def ebb(self):
        """Nearly all go at once: what remains is moved together."""
        gone = [id for at, id in enumerate(self.ids) if at % 12 != 5]

        def apply(model):
            for id in gone:
                if id in model:
                    model.delete(id)

        return "POST", "/points/delete", {"points": gone}, apply

    def set_payload(self):
        selector, payload = self.selector(200), self.payload()
        payload.pop("k", None) is None or payload.update(
            k=self.random.choice([None, "red"]))

        def apply(model):
            for id in model.select(selector):
                model.set_payload(id, payload)

        return ("POST", "/points/payload", {**selector, "payload": payload},
                apply)

    def overwrite_payload(self):
        selector, payload = self.selector(200), self.payload()

        def apply(model):
            for id in model.select(selector):
                model.overwrite_payload(id, payload)

        return ("PUT", "/points/payload", {**selector, "payload": payload},
                apply)

    def delete_payload(self):
        selector = self.selector(200)
        keys = self.random.sample(["k", "n", "f", "b", "t", "o", "parts"], 2)

        def apply(model):
            for id in model.select(selector):
                model.delete_payload(id, keys)

        return ("POST", "/points/payload/delete", {**selector, "keys": keys},
                apply)

    def clear_payload(self):
        selector = self.selector(100)

        def apply(model):
            for id in model.select(selector):
                model.overwrite_payload(id, {})

        return "POST", "/points/payload/clear", selector, apply

    def update_vectors(self):
        name = self.random.choice([*self.vectors])
        points = [(id, {name: self.vector(name)}) for id in self.there()]

        def apply(model):
            for id, vectors in points:
                model.update_vectors(id, vectors)

        return "PUT", "/points/vectors", {"points": [
            {"id": id, "vector": self.on_wire(vectors)}
            for id, vectors in points]}, apply

    def delete_vectors(self):
        selector = self.selector(60)
        names = [self.random.choice([*self.vectors])]

        def apply(model):
            for id in model.select(selector):
                model.delete_vectors(id, names)

        return ("POST", "/points/vectors/delete",
                {**selector, "vector": names}, apply)

    def batch(self):
        """Operations that do not look at what is there: each sees what the
        ones before it did, and only the engine knows that."""
        operations, applies = [], []
        for _ in range(self.random.randrange(1, 5)):
            if self.chance(0.6):
                _, _, body, apply = self.upsert()
                operations.append({"upsert": body})
            else:
                _, _, body, apply = self.delete()
                operations.append({"delete": body})
            applies.append(apply)

        def apply_all(model):
            for apply in applies:
                apply(model)

        return "POST", "/points/batch", {"operations": operations}, apply_all

    def index(self):
        field, schema = self.random.choice([*INDEXES.items()])
        if self.chance(0.4):
            return "DELETE", f"/index/{field}", None, None
        return "PUT", "/index", {"field_name": field,
                                 "field_schema": schema}, None

    def patch(self):
        """What a graph is made with may change at any time."""
        config = self.config.get("hnsw_config", {})
        places = {}
        if self.chance(0.3):
            places["params"] = {"on_disk_payload": self.chance(0.5)}
        if self.chance(0.3):
            places["vectors"] = {name: {"on_disk": self.chance(0.5)}
                                 for name in self.vectors}
        return "PATCH", "", {
            **places, "hnsw_config": {**config, "ef_construct":
                            self.random.choice([32, 48, 64])},
            "metadata": {"patched": self.random.randrange(100)}}, None

    def change(self):
        kinds = [(30, self.upsert), (14, self.delete), (7, self.set_payload),
                 (5, self.overwrite_payload), (4, self.delete_payload),
                 (2, self.clear_payload), (8, self.update_vectors),
                 (4, self.delete_vectors), (4, self.batch), (3, self.index),
                 (1, self.patch)]
        weights = [weight for weight, _ in kinds]
        make = self.random.choices([make for _, make in kinds], weights)[0]
        method, path, body, apply = make()
        selects = [body.get(key) for key in ("points", "filter")
                   if body is not None and key in body]
        if selects == [[]]:  # nobody is there to be changed
            method, path, body, apply = self.upsert()
        if path != "":
            path += "?wait=" + self.random.choice(["true", "false"])
        return method, self.base + path, body, apply

    # ---- questions ----

    def ask_search(self):
        name = self.random.choice([*self.vectors])
        rows = self.model.rows[name]
        by_id = None
        if rows.ids and self.chance(0.2):
            by_id = self.random.choice(rows.ids)
        ask = {"name": name, "filter": self.maybe_filter(),
               "query": self.vector(name), "exclude": by_id,
               "limit": self.random.choice([1, 3, 10, 10, 30]),
               "offset": self.random.choice([0, 0, 0, 2, 7]),
               "threshold": None, "is_exact": self.chance(0.5)}
        if by_id is not None:
            ask["query"] = rows.get(by_id).tolist()
        elif self.chance(0.15) and rows.ids:
            score = rows.scores(ask["query"])[0]
            ask["threshold"] = float(self.random.choice(score))
        body = {"query": ask["query"] if by_id is None else by_id,
                "using": name, "limit": ask["limit"], "offset": ask["offset"],
                "params": {"exact": ask["is_exact"]}}
        if not ask["is_exact"] and self.chance(0.3):
            body["params"]["hnsw_ef"] = self.random.choice([16, 64, 128])
        if ask["filter"] is not None:
            body["filter"] = ask["filter"]
        if ask["threshold"] is not None:
            body["score_threshold"] = ask["threshold"]
        return ask, body

    def note(self, recall, body):
        if recall is not None and "hnsw_ef" not in body["params"]:
            self.good += recall
            self.asked += 1

    def search(self, pipe):
        ask, body = self.ask_search()
        body["with_payload"] = body["with_vector"] = self.chance(0.1)
        result = self.result(pipe, "/points/query", body)["points"]
        self.note(self.model.check_hits(result, ask), body)
        if body["with_payload"]:
            for hit in result:
                self.model.check_record(hit)

    def search_batch(self, pipe):
        asks = [self.ask_search() for _ in range(self.random.randrange(1, 6))]
        results = self.result(pipe, "/points/query/batch",
                              {"searches": [body for _, body in asks]})
        assert len(results) == len(asks)
        for (ask, body), result in zip(asks, results):
            self.note(self.model.check_hits(result["points"], ask), body)

    def count(self, pipe):
        filter = self.maybe_filter()
        body = {"exact": True}
        if filter is not None:
            body["filter"] = filter
        assert self.result(pipe, "/points/count", body)["count"] == \
            len(self.model.matching(filter))

    def scroll(self, pipe):
        filter = self.maybe_filter()
        limit = self.random.choice([1, 5, 10, 50, 200])
        body = {"limit": limit, "with_payload": self.chance(0.2),
                "with_vector": self.chance(0.1)}
        if filter is not None:
            body["filter"] = filter
        expected = self.model.matching(filter)
        if self.chance(0.5):
            from_id = body["offset"] = self.random.choice(self.ids)
            if from_id in expected:
                expected = expected[expected.index(from_id):]
            else:
                expected = [id for id in expected if id_order(id) >=
                            id_order(from_id)]
        page = self.result(pipe, "/points/scroll", body)
        got = [record["id"] for record in page["points"]]
        assert got == expected[:limit], (got, expected[:limit])
        following = expected[limit] if len(expected) > limit else None
        assert page["next_page_offset"] == following
        for record in page["points"]:
            self.model.check_record(record, body["with_payload"],
                                    body["with_vector"])

    def retrieve(self, pipe):
        ids = self.some_ids()
        records = self.result(pipe, "/points", {
            "ids": ids, "with_payload": True, "with_vector": True})
        assert {r["id"] for r in records} == \
            {id for id in ids if id in self.model}
        for record in records:
            self.model.check_record(record)

    def question(self, pipe):
        ask = self.random.choices(
            [self.search, self.search_batch, self.count, self.scroll,
             self.retrieve], [50, 8, 18, 16, 8])[0]
        ask(pipe)

    def result(self, pipe, path, body):
        status, answer = pipe.call("POST", self.base + path, body)
        assert status == 200, (path, body, answer)
        return answer["result"]

    def check_all(self, pipe):
        """Every point with everything, and counts by every index."""
        self.check_scrolled(self.scroll_all(pipe))
        for filter in ({"must": [{"key": "n", "range": {"gte": -100}}]},
                       {"must": [{"key": "k", "match": {"any": WORDS}}]},
                       {"must_not": [{"key": "t", "is_empty": True}]}):
            count = self.result(pipe, "/points/count",
                                {"filter": filter, "exact": True})["count"]
            assert count == len(self.model.matching(filter)), filter

    def scroll_all(self, pipe):
        records, offset = [], None
        while True:
            page = self.result(pipe, "/points/scroll", {
                "limit": 1000, "offset": offset, "with_payload": True,
                "with_vector": True})
            records += page["points"]
            offset = page["next_page_offset"]
            if offset is None:
                return records

    def check_scrolled(self, records, model=None):
        model = model or self.model
        assert [r["id"] for r in records] == model.ids()
        for record in records:
            model.check_record(record)
