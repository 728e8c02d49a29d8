# SPDX-License-Identifier: Apache-2.0
"""Sparse vectors beside qdrant-edge: collections that are written, changed and
thinned out at random, searched with filters, thresholds, offsets and by id, with
and without the modifier `idf`, before and after restarts and kills. Points come
in the same order but for those of equal scores. With idf some queries count
over a corpus of their own (`params.idf`). No score is 0: whether edge
returns such points depends on the filter. With idf nothing is deleted: edge goes
on counting what is gone.

  AZIMUTH_ORACLE_ROUNDS   searches of each collection (default: 200)
  AZIMUTH_ORACLE_SEED     the seed (default: 1)
"""
import os
import random

import edge
import pytest
import qdrant_edge as q

ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", "200"))
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", "1"))
WRITES = 8          # between them the searches
TOLERANCE = 3e-5
COLLECTIONS = (
    # name, points of a write, indices, entries, whether weights are negative
    ("few", 40, 12, 6, True),
    ("many", 900, 300, 40, False),
    ("wide", 700, 2 ** 32 - 1, 20, True),
    ("long", 1200, 60, 30, False),
)


class Sparse:
    def __init__(self, seed, size, indices, entries, is_signed, keeps):
        self.random = random.Random(seed)
        self.size = size
        self.indices = indices
        self.entries = entries
        self.is_signed = is_signed
        self.keeps = keeps  # nothing goes, no vector is empty
        self.next_id = 0
        self.ids = []
        self.fixed = set()
        self.hot = [self.random.randrange(indices) for _ in range(50)]

    def index(self):
        if self.random.random() < 0.5:
            return self.random.choice(self.hot)
        # Of Zipf's kind: some indices are in most vectors.
        return int(self.indices ** self.random.random()) % self.indices

    def weight(self):
        weight = 0.001 + self.random.random() ** 3 * 4
        return -weight if self.is_signed and self.random.random() < 0.3 \
            else weight

    def vector(self, most=None):
        most = self.entries if most is None else most
        least = 1 if self.keeps else 0
        indices = list({self.index() for _ in
                        range(self.random.randrange(least, most + 1))})
        self.random.shuffle(indices)
        return {"indices": indices, "values": [self.weight() for _ in indices]}

    def vectors(self):
        kind = self.random.random()
        vectors = {"v": [self.random.random(), 1.0]}
        if kind < 0.9 or self.keeps:
            vectors["s"] = self.vector()
        if kind > 0.8 or self.keeps:
            vectors["t"] = self.vector()
        return vectors

    def payload(self):
        return {"n": self.random.randrange(100),
                "k": self.random.choice("abcdefgh")}

    def points(self):
        points = []
        for _ in range(self.random.randrange(1, self.size)):
            if self.ids and self.random.random() < 0.3:
                id = self.random.choice(self.ids)
                if id in self.fixed:
                    continue
            else:
                id = self.next_id
                self.next_id += 1
            points.append({"id": id, "vector": self.vectors(),
                           "payload": self.payload()})
        # The last one of an id counts.
        points = list({point["id"]: point for point in points}.values())
        self.ids = sorted({*self.ids, *(point["id"] for point in points)})
        return points

    def gone_ids(self, share):
        return [] if self.keeps else self.some_ids(share)

    def some_ids(self, share):
        return [id for id in self.ids if self.random.random() < share]

    def filter(self):
        kind = self.random.randrange(6)
        low = self.random.randrange(100)
        return [
            None, None,
            {"must": [{"key": "n", "range": {"gte": low, "lt": low + 30}}]},
            {"must": [{"key": "k", "match": {"value": "c"}}]},
            {"must_not": [{"has_vector": "t"}]},
            {"should": [{"has_id": self.some_ids(0.05)},
                        {"key": "n", "match": {"value": low}}]},
        ][kind]


def edge_vector(vector):
    return (vector if isinstance(vector, list)
            else q.SparseVector(vector["indices"], vector["values"]))


def idf_params(params):
    if params is None:
        return None
    idf = params["idf"]
    return q.SearchParams(idf=q.IdfParams(
        None if idf == "global" else edge.filter_of(idf["corpus"])))


class Shard(edge.Shard):
    def __init__(self, path, modifier):
        sparse = q.EdgeSparseVectorParams(modifier=modifier)
        self.shard = q.EdgeShard.create(str(path), q.EdgeConfig(
            vectors={"v": q.EdgeVectorParams(size=2, distance=q.Distance.Dot)},
            sparse_vectors={"s": sparse, "t": sparse}))

    def upsert(self, points):
        self.shard.update(q.UpdateOperation.upsert_points([
            q.Point(id=point["id"], payload=point["payload"], vector={
                name: edge_vector(vector)
                for name, vector in point["vector"].items()})
            for point in points]))

    def search(self, body):
        query = body["query"]
        if isinstance(query, int):
            query = self.vector(query, body["using"])
        request = q.QueryRequest(
            query=q.Query.Nearest(edge_vector(query), using=body["using"]),
            limit=body["limit"], offset=body.get("offset", 0),
            score_threshold=body.get("score_threshold"),
            filter=edge.filter_of(body["filter"]) if body["filter"] else None,
            params=idf_params(body.get("params")))
        return [(hit.id, hit.score) for hit in self.shard.query(request)]

    def vector(self, id, name):
        record, = self.shard.retrieve([id], with_payload=False, with_vector=True)
        vector = record.vector[name]
        return {"indices": list(vector.indices), "values": list(vector.values)}


def scores_agree(left, right):
    return abs(left - right) <= TOLERANCE * max(1.0, abs(left))


def check(got, expected, every, what):
    """`every`: the score of each point that could be there."""
    assert len(got) == len(expected), what
    for (id, score), (_, wanted) in zip(got, expected):
        assert scores_agree(score, wanted), what
        assert id in every and scores_agree(score, every[id]), what
    assert len({id for id, _ in got}) == len(got), what


def change(sparse, shard, engine, name):
    """One write of any kind to both."""
    path = f"/collections/{name}/points"
    points = sparse.points()
    shard.upsert(points)
    engine.upsert(name, points)
    gone = sparse.gone_ids(0.08)
    if gone:
        shard.shard.update(q.UpdateOperation.delete_points(gone))
        engine.call("POST", f"{path}/delete?wait=true",
                    {"points": gone}).result
        sparse.ids = [id for id in sparse.ids if id not in set(gone)]
    some = [id for id in sparse.some_ids(0.05) if id not in sparse.fixed]
    if some:
        vectors = [(id, sparse.vector()) for id in some]
        shard.shard.update(q.UpdateOperation.update_vectors([
            q.PointVectors(id=id, vector={"s": edge_vector(vector)})
            for id, vector in vectors]))
        engine.call("PUT", f"{path}/vectors?wait=true", {"points": [
            {"id": id, "vector": {"s": vector}}
            for id, vector in vectors]}).result
    # In edge the old entries come back with the next vector.
    some = sparse.gone_ids(0.03)
    sparse.fixed.update(some)
    if some:
        shard.shard.update(q.UpdateOperation.delete_vectors(some, ["t"]))
        engine.call("POST", f"{path}/vectors/delete?wait=true",
                    {"points": some, "vector": ["t"]}).result


def ask(sparse, engine, name, has_idf):
    """A query, ours and without its limits."""
    using = sparse.random.choice("sst")
    body = {"query": sparse.vector(sparse.random.choice((3, 8, 40))),
            "using": using, "filter": sparse.filter(),
            "limit": sparse.random.choice((1, 3, 10, 10, 10, 100))}
    if sparse.random.random() < 0.2:
        body["offset"] = sparse.random.randrange(20)
    if has_idf and sparse.random.random() < 0.4:
        corpus = sparse.filter()
        body["params"] = {"idf": {"corpus": corpus} if corpus else "global"}
    if sparse.random.random() < 0.2:
        body["score_threshold"] = sparse.random.random() * 3
    found = engine.call("POST", f"/collections/{name}/points/query", body)
    return body, [(p["id"], p["score"]) for p in found.result["points"]]


@pytest.mark.parametrize("modifier", (None, "idf"))
@pytest.mark.parametrize("shape", COLLECTIONS, ids=lambda shape: shape[0])
def test_sparse_finds_what_edge_finds(engine, tmp_path, tally, shape,
                                      modifier):
    name, *numbers = shape
    name = f"{name}-{modifier}"
    sparse = Sparse(f"{SEED}-{name}", *numbers, keeps=modifier == "idf")
    shard = Shard(tmp_path / "edge", q.Modifier.Idf if modifier else None)
    of_vector = {"modifier": modifier} if modifier else {}
    engine.call("PUT", f"/collections/{name}", {
        "vectors": {"v": {"size": 2, "distance": "Dot"}},
        "sparse_vectors": {"s": of_vector, "t": of_vector}}).result
    engine.call("PUT", f"/collections/{name}/index?wait=true", {
        "field_name": "n", "field_schema": "integer"}).result
    for write in range(WRITES):
        change(sparse, shard, engine, name)
        if write % 3 == 2:
            if write % 2 == 0:
                engine.kill()
            else:
                assert engine.stop() == 0
            engine.start()
        for _ in range(ROUNDS // WRITES):
            body, got = ask(sparse, engine, name, modifier == "idf")
            expected = shard.search(body)
            every = dict(shard.search({**body, "limit": 100000, "offset": 0,
                                       "score_threshold": None}))
            check(got, expected, every, f"{body}: {got[:5]} {expected[:5]}")
            tally.add(f"query beside edge: sparse, modifier {modifier}")
    for id in sparse.some_ids(0.05):
        ours, = engine.call("POST", f"/collections/{name}/points", {
            "ids": [id], "with_vector": True}).result
        record, = shard.shard.retrieve([id], with_payload=False, with_vector=True)
        assert sorted(ours["vector"]) == sorted(record.vector)
        for using in {"s", "t"} & set(record.vector):
            vector, wanted = ours["vector"][using], record.vector[using]
            assert vector["indices"] == list(wanted.indices)
            assert vector["values"] == pytest.approx(list(wanted.values))
