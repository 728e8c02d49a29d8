# SPDX-License-Identifier: Apache-2.0
"""What azimuth-bench recover does, for qdrant-edge; called by recover.py with
one argument of JSON: {"do": "live"} fills, indexes, flushes, prints and goes on
writing until it is killed; {"do": "load"} opens what is left."""

import json
import sys
import time

import numpy as np

from measure.machine import resident
from measure.recall import TIE, nearest

WINDOW_S = 0.25
WAIT_S = 30
TAIL = 5000


class Run:
    def __init__(self, options):
        import qdrant_edge

        from engines.peers import QdrantEdge

        self.o, self.edge = options, qdrant_edge
        self.base = np.load(options["base"], mmap_mode="r")
        self.queries = np.load(options["queries"])
        self.config = QdrantEdge(options["m"], options["ef_construct"], 2,
                                 options["folder"]).config(self.base.shape[1])
        self.requests = [qdrant_edge.QueryRequest(
            limit=options["k"],
            query=qdrant_edge.Query.Nearest(query.tolist()),
            params=qdrant_edge.SearchParams(hnsw_ef=options["ef"]),
            with_payload=False, with_vector=False) for query in self.queries]
        self.next = 0

    def put(self, count):
        for at in range(0, count, 1000):
            self.shard.update(self.edge.UpdateOperation.upsert_points(
                [self.edge.Point(id=at + i, vector=row.tolist())
                 for i, row in enumerate(self.base[at:at + 1000])]))

    def speed(self):
        begin, count = time.perf_counter(), 0
        while time.perf_counter() - begin < WINDOW_S:
            self.shard.query(self.requests[self.next % len(self.requests)])
            self.next, count = self.next + 1, count + 1
        return count / (time.perf_counter() - begin)

    def recall(self):
        queries = self.queries[:200]
        kth = nearest(self.base, queries, self.o["k"])[:, -1]
        good = 0
        for request, query, worst in zip(self.requests, queries, kth):
            ids = [hit.id for hit in self.shard.query(request)]
            good += np.count_nonzero(self.base[ids] @ query >= worst - TIE)
        return good / (len(queries) * self.o["k"])

    def live(self):
        before = resident()
        self.shard = self.edge.EdgeShard.create(self.o["folder"], self.config)
        start = time.perf_counter()
        self.put(len(self.base))
        filled = time.perf_counter() - start
        while self.shard.optimize():
            pass
        green = time.perf_counter() - start
        self.shard.flush()
        qps = max(self.speed() for _ in range(8))
        got = self.recall()
        self.put(min(TAIL, len(self.base)))
        say({"step": "before", "filled_s": filled, "green_s": green,
             "qps": qps, "recall": got, "resident": resident() - before})
        while True:
            self.put(min(TAIL, len(self.base)))

    def load(self):
        before = resident()
        start = time.perf_counter()
        self.shard = self.edge.EdgeShard.load(self.o["folder"], self.config)
        opened = time.perf_counter() - start
        self.shard.query(self.requests[0])
        answered = time.perf_counter() - start
        # It puts nothing into a graph by itself: the application asks for it.
        while self.shard.optimize():
            pass
        green = time.perf_counter() - start
        while True:
            qps, full = self.speed(), time.perf_counter() - start
            if qps >= 0.9 * self.o["qps"] or full > green + WAIT_S:
                break
        is_full = qps >= 0.9 * self.o["qps"]
        say({"step": "after", "opened_s": opened, "first_answer_s": answered,
             "full_speed_s": full, "is_full": is_full, "green_s": green,
             "qps": max(self.speed() for _ in range(8)),
             "recall": self.recall(), "resident": resident() - before})


def say(line):
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    getattr(Run(options), options["do"])()
