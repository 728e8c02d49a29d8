# SPDX-License-Identifier: Apache-2.0
"""A collection as it should be: points in dictionaries, searches by comparing
with every vector. Nothing here is clever; that is the point."""
import copy
import uuid

import numpy

from conditions import matches

DESCENDING = {"Cosine", "Dot"}
FLOAT_EPSILON = 1.1920929e-07


def id_order(id):
    """Numbers before UUIDs, UUIDs by their bytes."""
    if isinstance(id, int):
        return 0, id
    return 1, uuid.UUID(id).bytes


def stored(vector, distance):
    """What the engine keeps of a vector: of unit length under cosine, unless
    it is that already or has no length."""
    row = numpy.array(vector, numpy.float32)
    if distance != "Cosine":
        return row
    square = float(numpy.sum(row.astype(float) ** 2))
    if square < FLOAT_EPSILON or abs(square - 1) <= 1e-6:
        return row
    return (row.astype(float) / square ** 0.5).astype(numpy.float32)


class Rows:
    """The vectors of one name, as one matrix."""

    def __init__(self, dim, distance):
        self.distance = distance
        self.ids = []
        self.at = {}
        self.matrix = numpy.zeros((64, dim), numpy.float32)

    def put(self, id, row):
        if id not in self.at:
            if len(self.ids) == len(self.matrix):
                self.matrix = numpy.concatenate(
                    [self.matrix, numpy.zeros_like(self.matrix)])
            self.at[id] = len(self.ids)
            self.ids.append(id)
        self.matrix[self.at[id]] = row

    def get(self, id):
        at = self.at.get(id)
        return None if at is None else self.matrix[at]

    def remove(self, id):
        at = self.at.pop(id, None)
        if at is None:
            return
        last = self.ids.pop()
        if last != id:
            self.ids[at] = last
            self.at[last] = at
            self.matrix[at] = self.matrix[len(self.ids)]

    def scores(self, query):
        """(score of every row, by how much an f32 sum may be off)"""
        rows = self.matrix[:len(self.ids)].astype(float)
        query = stored(query, self.distance).astype(float)
        if self.distance in DESCENDING:
            sizes = numpy.abs(rows) @ numpy.abs(query)
            return rows @ query, 1e-5 * numpy.maximum(1, sizes)
        if self.distance == "Euclid":
            scores = numpy.sqrt(((rows - query) ** 2).sum(axis=1))
        else:
            scores = numpy.abs(rows - query).sum(axis=1)
        return scores, 1e-5 * numpy.maximum(1, scores)


class Model:
    """`vectors`: {name: (dim, distance)}, as the collection was created."""

    def __init__(self, vectors):
        self.rows = {name: Rows(*what) for name, what in vectors.items()}
        self.payloads = {}  # id -> payload: the points that are there
        self.order = []
        self.is_sorted = True

    def copy(self):
        return copy.deepcopy(self)

    def __contains__(self, id):
        return id in self.payloads

    def __len__(self):
        return len(self.payloads)

    def ids(self):
        if not self.is_sorted:
            self.order = sorted(self.payloads, key=id_order)
            self.is_sorted = True
        return self.order

    def select(self, selector):
        """The ids that are there, of a list or by a filter."""
        if "points" in selector:
            return [id for id in selector["points"] if id in self]
        return self.matching(selector["filter"])

    def matching(self, filter):
        if filter is None:
            return list(self.ids())
        return [id for id in self.ids() if
                matches(filter, {"id": id, "payload": self.payloads[id]})]

    # ---- changes ----

    def upsert(self, id, vectors, payload):
        if id not in self:
            self.is_sorted = False
        self.payloads[id] = copy.deepcopy(payload)
        for name, rows in self.rows.items():
            if name not in vectors:
                rows.remove(id)
        self.update_vectors(id, vectors)

    def update_vectors(self, id, vectors):
        for name, vector in vectors.items():
            rows = self.rows[name]
            rows.put(id, stored(vector, rows.distance))

    def delete_vectors(self, id, names):
        for name in names:
            self.rows[name].remove(id)

    def delete(self, id):
        del self.payloads[id]
        self.is_sorted = False
        self.delete_vectors(id, self.rows)

    def set_payload(self, id, payload):
        for key, value in payload.items():
            if value is None:
                self.payloads[id].pop(key, None)
            else:
                self.payloads[id][key] = copy.deepcopy(value)

    def overwrite_payload(self, id, payload):
        self.payloads[id] = copy.deepcopy(payload)

    def delete_payload(self, id, keys):
        for key in keys:
            self.payloads[id].pop(key, None)

    # ---- what must come back ----

    def check_record(self, record, has_payload=True, has_vectors=True):
        id = record["id"]
        assert id in self, f"{id} is not there any more"
        if has_payload:
            assert record["payload"] == self.payloads[id], id
        if not has_vectors:
            return
        got = record["vector"]
        got = {"": got} if isinstance(got, list) else got
        expected = {name: rows.get(id) for name, rows in self.rows.items()
                    if id in rows.at}
        assert set(got) == set(expected), (id, set(got), set(expected))
        for name, row in expected.items():
            off = numpy.abs(numpy.array(got[name]) - row).max()
            assert off <= 1e-6 * max(1, numpy.abs(row).max()), (id, name, off)

    def check_hits(self, hits, ask):
        """`ask`: name, query, filter, limit, offset, threshold, exclude and
        is_exact. Returns the tie-aware recall, None where it means nothing."""
        rows = self.rows[ask["name"]]
        scores, offs = rows.scores(ask["query"])
        is_allowed = self.allowed(rows, ask)
        sign = -1 if rows.distance in DESCENDING else 1
        best = numpy.sort(sign * scores[is_allowed])
        got = [hit["id"] for hit in hits]
        assert len(set(got)) == len(got), f"twice in one answer: {got}"
        for hit in hits:
            id, score = hit["id"], hit["score"]
            assert id in self, f"{id} is deleted"
            at = rows.at.get(id)
            assert at is not None and is_allowed[at], f"{id} does not match"
            assert abs(score - scores[at]) <= offs[at], \
                (id, score, scores[at])
        found = [sign * hit["score"] for hit in hits]
        assert found == sorted(found), found
        off = float(offs.max(initial=0))
        if ask["threshold"] is not None:
            return self.check_threshold(found, best, ask, sign, off)
        best = best[ask["offset"]:ask["offset"] + ask["limit"]]
        assert len(found) == len(best), (len(found), len(best))
        if ask["is_exact"]:
            for a, b in zip(found, best):
                assert abs(a - b) <= off, (found, best)
            return None
        if ask["offset"] > 0 or len(best) == 0:
            return None
        return sum(score <= best[-1] + off for score in found) / len(best)

    def allowed(self, rows, ask):
        """bool of every row"""
        is_allowed = numpy.ones(len(rows.ids), bool)
        if ask["filter"] is not None:
            passing = set(self.matching(ask["filter"]))
            is_allowed[:] = [id in passing for id in rows.ids]
        if ask["exclude"] is not None:
            is_allowed[rows.at[ask["exclude"]]] = False
        return is_allowed

    def check_threshold(self, found, best, ask, sign, off):
        bound = sign * ask["threshold"]
        assert all(score < bound + off for score in found), (found, bound)
        if ask["is_exact"]:
            sure = int((best < bound - off).sum())
            maybe = int((best < bound + off).sum())
            sure, maybe = (min(max(n - ask["offset"], 0), ask["limit"])
                           for n in (sure, maybe))
            assert sure <= len(found) <= maybe, (sure, len(found), maybe)
        return None
