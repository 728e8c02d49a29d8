# SPDX-License-Identifier: Apache-2.0
"""Sparse searches by a peer in a process of its own; called by sparse.py with
one argument of JSON. Prints what it built, then the seconds of one pass over all
queries for each line of its input. Requests are made before the clock starts."""

import json
import sys
import time

import numpy as np

from measure.machine import resident
from measure.texts import Csr

BATCH, ASKED = 1000, 50


class Edge:
    """qdrant-edge, flushed and optimised, by query_batch of 50 (faster than one
    by one)."""

    def __init__(self, base, options):
        import qdrant_edge as q

        modifier = q.Modifier.Idf if options["idf"] else None
        self.q = q
        self.shard = q.EdgeShard.create(options["folder"], q.EdgeConfig(
            sparse_vectors={"s": q.EdgeSparseVectorParams(modifier=modifier)}))
        for begin in range(0, len(base), BATCH):
            self.shard.update(q.UpdateOperation.upsert_points([
                q.Point(id=at, vector={"s": self.vector(base.row(at))},
                        payload={})
                for at in range(begin, min(begin + BATCH, len(base)))]))
        self.shard.flush()
        while self.shard.optimize():
            pass

    def vector(self, row):
        return self.q.SparseVector(row[0].tolist(), row[1].tolist())

    def prepare(self, queries, k):
        requests = [self.q.QueryRequest(
            query=self.q.Query.Nearest(self.vector(queries.row(at)),
                                       using="s"),
            limit=k, with_payload=False, with_vector=False)
            for at in range(len(queries))]
        self.batches = [self.q.QueryBatchRequest(requests[at:at + ASKED])
                        for at in range(0, len(requests), ASKED)]

    def run(self):
        return [[(hit.id, hit.score) for hit in hits]
                for batch in self.batches
                for hits in self.shard.query_batch(batch)]


class Lists:
    """Inverted lists in numpy, every entry added: what is easily made."""

    def __init__(self, base, options):
        rows = np.repeat(np.arange(len(base), dtype=np.int32),
                         np.diff(base.starts.astype(np.int64)))
        order = np.argsort(base.indices, kind="stable")
        indices = base.indices[order]
        self.count, self.idf = len(base), options["idf"]
        self.rows, self.values = rows[order], base.values[order]
        words, begins = np.unique(indices, return_index=True)
        ends = np.append(begins[1:], len(indices))
        self.lists = dict(zip(words.tolist(), zip(begins, ends)))

    def prepare(self, queries, k):
        self.k = k
        self.queries = [queries.row(at) for at in range(len(queries))]

    def ask(self, indices, values):
        scores = np.zeros(self.count, np.float32)
        for index, value in zip(indices.tolist(), values.tolist()):
            if index not in self.lists:
                continue
            begin, end = self.lists[index]
            if self.idf:
                value *= np.log((self.count - (end - begin) + 0.5) /
                                (end - begin + 0.5) + 1)
            scores[self.rows[begin:end]] += (
                np.float32(value) * self.values[begin:end])
        best = np.argpartition(-scores, self.k)[:self.k]
        best = best[np.argsort(-scores[best], kind="stable")]
        return [(int(at), float(scores[at])) for at in best if scores[at] != 0]

    def run(self):
        return [self.ask(*query) for query in self.queries]


def main():
    options = json.loads(sys.argv[1])
    base, queries = Csr.read(options["base"]), Csr.read(options["queries"])
    before = resident()
    begin, cpu = time.perf_counter(), time.process_time()
    peer = {"qdrant-edge": Edge, "numpy": Lists}[options["peer"]](base, options)
    built = {"build_s": time.perf_counter() - begin,
             "build_cpu_s": time.process_time() - cpu,
             "resident": resident() - before}
    peer.prepare(queries, options["k"])
    with open(options["ids"], "w") as file:
        json.dump(peer.run(), file)
    print(json.dumps(built), flush=True)
    for _ in sys.stdin:
        begin, cpu = time.perf_counter(), time.process_time()
        peer.run()
        print(json.dumps({"seconds": time.perf_counter() - begin,
                          "cpu_s": time.process_time() - cpu}), flush=True)


if __name__ == "__main__":
    main()
