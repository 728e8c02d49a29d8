# SPDX-License-Identifier: Apache-2.0
"""A world as a shard of qdrant-edge: changes, queries, records."""
import edge
import qdrant_edge as q

DATATYPES = {"float32": q.VectorStorageDatatype.Float32,
             "float16": q.VectorStorageDatatype.Float16,
             "uint8": q.VectorStorageDatatype.Uint8}


def vector_params(name, params):
    more = {}
    if name == "m":
        more["multivector_config"] = q.MultiVectorConfig(
            comparator=q.MultiVectorComparator.MaxSim)
    if "datatype" in params:
        more["datatype"] = DATATYPES[params["datatype"]]
    return q.EdgeVectorParams(
        size=params["size"], distance=getattr(q.Distance, params["distance"]),
        **more)


def to_edge(vector):
    return (q.SparseVector(vector["indices"], vector["values"])
            if isinstance(vector, dict) else vector)


def from_edge(vector):
    if isinstance(vector, q.SparseVector):
        return {"indices": list(vector.indices), "values": list(vector.values)}
    return [list(row) if isinstance(row, (list, tuple)) else row
            for row in vector]


def record(found):
    """(payload, vectors), None for what was not asked for."""
    vectors = found.vector
    if isinstance(vectors, dict):
        vectors = {name: from_edge(vector) for name, vector in vectors.items()}
    return found.payload, vectors


def payload_selector(value):
    if isinstance(value, dict):
        (name, paths), = value.items()
        return getattr(q.PayloadSelector, name.capitalize())(paths)
    return value


def idf_params(body):
    idf = body.get("params", {}).get("idf")
    if idf is None:
        return None
    return q.IdfParams(corpus=None if idf == "global"
                       else edge.filter_of(idf["corpus"]))


class Shard(edge.Shard):
    def __init__(self, path, world):
        self.shard = q.EdgeShard.create(str(path), q.EdgeConfig(
            vectors={name: vector_params(name, params)
                     for name, params in world.dense.items()},
            sparse_vectors={
                "s": q.EdgeSparseVectorParams(),
                "i": q.EdgeSparseVectorParams(modifier=q.Modifier.Idf)}))

    def upsert(self, points):
        self.shard.update(q.UpdateOperation.upsert_points([
            q.Point(id=point["id"], payload=point["payload"], vector={
                name: to_edge(vector)
                for name, vector in point["vector"].items()})
            for point in points]))

    def apply(self, change):
        (kind, body), = change.items()
        update = q.UpdateOperation
        if kind == "upsert":
            return self.upsert(body)
        if kind == "vectors":
            return self.shard.update(update.update_vectors([
                q.PointVectors(id=point["id"], vector=point["vector"])
                for point in body["points"]]))
        name = {"delete": "delete_points", "set": "set_payload",
                "overwrite": "overwrite_payload", "unset": "delete_payload",
                "clear": "clear_payload", "unvector": "delete_vectors"}[kind]
        if "filter" in body:
            name += "_by_filter"
            where = edge.filter_of(body["filter"])
        else:
            where = body["points"]
        rest = [body[key] for key in ("payload", "keys", "vector", "key")
                if key in body]
        return self.shard.update(getattr(update, name)(where, *rest))

    def selected(self, where):
        """Ids that are there, of those that a selector names."""
        if "filter" in where:
            return self.ids(where["filter"])
        return [edge.id_of(found) for found in self.shard.retrieve(
            where["points"], with_payload=False, with_vector=False)]

    def records(self, ids):
        return {str(found.id): record(found) for found in self.shard.retrieve(
            ids, with_payload=True, with_vector=True)}

    def request(self, body, limit):
        query, filter = body["query"], body.get("filter")
        if isinstance(query, (int, str)):
            found, = self.shard.retrieve([query], False, True)
            filter = {"must_not": [{"has_id": [query]}],
                      **({"must": [filter]} if filter else {})}
            query = from_edge(found.vector[body["using"]])
        return q.QueryRequest(
            query=q.Query.Nearest(to_edge(query), using=body["using"]),
            limit=limit, filter=edge.filter_of(filter) if filter else None,
            score_threshold=body.get("score_threshold"),
            params=q.SearchParams(exact=True, idf=idf_params(body)),
            with_payload=payload_selector(body.get("with_payload")),
            with_vector=body.get("with_vector"))

    def search(self, bodies, limit):
        """All hits up to `limit`, whatever a body's own limit and offset."""
        found = self.shard.query_batch(q.QueryBatchRequest(
            [self.request(body, limit) for body in bodies]))
        return [[(str(hit.id), hit.score, record(hit)) for hit in hits]
                for hits in found]
