# SPDX-License-Identifier: Apache-2.0
"""What azimuth-bench churn does, for one peer in a process of its own; called
by churn.py with one argument of JSON, prints a line of JSON per step.

Point i of the first half is replaced by row live + i of the base: an even i
under its own id, an odd one by a delete and the id live + i. hnswlib promises
nothing for searches during inserts, so it has no latency while writing."""

import json
import os
import sys
import threading
import time

import numpy as np

from measure.machine import resident
from measure.recall import TIE, nearest

WINDOWS = 5
STEPS = 10


class Hnswlib:
    is_concurrent = False

    def __init__(self, o, dim, live):
        import hnswlib

        self.index = hnswlib.Index("ip", dim)
        self.index.init_index(live + o["batch"], M=o["m"],
                              ef_construction=o["ef_construct"],
                              allow_replace_deleted=True)
        self.index.set_ef(max(o["ef"], o["k"]))

    def put(self, ids, rows):
        self.index.add_items(rows, ids, num_threads=1, replace_deleted=True)

    def replace(self, ids, rows, gone, is_new):
        for old in gone:
            self.index.mark_deleted(old)
        if is_new.any():
            self.index.add_items(rows[is_new], ids[is_new], num_threads=1,
                                 replace_deleted=True)
        if (~is_new).any():
            self.index.add_items(rows[~is_new], ids[~is_new], num_threads=1)

    def settle(self):
        pass

    def search(self, query, k):
        return self.index.knn_query(query, k, num_threads=1)[0][0]


class Usearch:
    is_concurrent = True

    def __init__(self, o, dim, live):
        from usearch.index import Index

        self.index = Index(ndim=dim, metric="ip", dtype="f32",
                           connectivity=o["m"],
                           expansion_add=o["ef_construct"],
                           expansion_search=max(o["ef"], o["k"]))

    def put(self, ids, rows):
        self.index.add(ids, rows, threads=1)

    def replace(self, ids, rows, gone, is_new):
        self.index.remove(np.concatenate([gone, ids[~is_new]]), threads=1)
        self.index.add(ids, rows, threads=1)

    def settle(self):
        pass

    def search(self, query, k):
        return np.asarray(self.index.search(query, k, threads=1).keys)


class QdrantEdge:
    is_concurrent = True

    def __init__(self, o, dim, live):
        import qdrant_edge as edge

        from engines.peers import QdrantEdge as Peer

        self.edge, self.ef = edge, max(o["ef"], o["k"])
        folder = os.path.join(o["folder"], str(time.monotonic_ns()))
        os.makedirs(folder)
        self.shard = edge.EdgeShard.create(folder, Peer(
            o["m"], o["ef_construct"], 2, folder).config(dim))

    def put(self, ids, rows):
        self.shard.update(self.edge.UpdateOperation.upsert_points(
            [self.edge.Point(id=int(i), vector=row.tolist())
             for i, row in zip(ids, rows)]))

    def replace(self, ids, rows, gone, is_new):
        if len(gone):
            self.shard.update(self.edge.UpdateOperation.delete_points(
                [int(i) for i in gone]))
        self.put(ids, rows)

    def settle(self):
        while self.shard.optimize():
            pass

    def search(self, query, k):
        hits = self.shard.query(self.edge.QueryRequest(
            limit=k, query=self.edge.Query.Nearest(query.tolist()),
            params=self.edge.SearchParams(hnsw_ef=self.ef),
            with_payload=False, with_vector=False))
        return np.array([hit.id for hit in hits], np.int64)


PEERS = {"hnswlib": Hnswlib, "usearch": Usearch, "qdrant-edge": QdrantEdge}


class Run:
    def __init__(self, options):
        self.o = options
        self.base = np.load(options["base"])
        self.queries = np.load(options["queries"])
        self.live = len(self.base) // 2
        self.before = resident()
        self.replaced = 0
        self.engine = self.make()

    def make(self):
        return PEERS[self.o["peer"]](self.o, self.base.shape[1], self.live)

    def ids_now(self):
        """(ids, rows of the base) of the live points."""
        i = np.arange(self.live)
        done = i < self.replaced
        ids = np.where(done & (i % 2 == 1), self.live + i, i)
        return ids, np.where(done, self.live + i, i)

    def fill(self):
        ids, rows = self.ids_now()
        for at in range(0, self.live, 1000):
            self.engine.put(ids[at:at + 1000], self.base[rows[at:at + 1000]])
        self.engine.settle()

    def replace(self, count):
        i = np.arange(self.replaced, self.replaced + count)
        self.replaced += count
        is_new = i % 2 == 1
        self.engine.replace(np.where(is_new, self.live + i, i),
                            self.base[self.live + i], i[is_new], is_new)

    def recall(self):
        ids, rows = self.ids_now()
        row_of = np.full(2 * len(self.base), -1)
        row_of[ids] = rows
        kth = nearest(self.base[rows], self.queries, self.o["k"])[:, -1]
        good = 0
        for query, worst in zip(self.queries, kth):
            found = np.unique(row_of[self.engine.search(query, self.o["k"])])
            found = found[found >= 0]
            good += np.count_nonzero(self.base[found] @ query >= worst - TIE)
        return good / (len(self.queries) * self.o["k"])

    def report(self, step):
        self.engine.settle()
        got = self.recall()
        say({"step": step, "replaced": self.replaced / self.live,
             "recall": got, "resident": resident() - self.before})

    def window(self, best, end):
        each = []
        now = time.perf_counter()
        while not each or now < end:
            self.engine.search(self.queries[len(each) % len(self.queries)],
                               self.o["k"])
            after = time.perf_counter()
            each.append(after - now)
            now = after
        p50, p99 = np.percentile(each, [50, 99]) * 1e6
        if not best or p99 < best["p99_us"]:
            best.update(p50_us=p50, p99_us=p99)

    def write(self, count, batch, begin, writes):
        """By a timetable: a late write does not put off those after it."""
        for at in range(0, count, batch):
            due = begin + at / self.o["rate"]
            time.sleep(max(0, due - time.perf_counter()))
            part = min(batch, count - at)
            self.replace(part)
            writes.append((part, due, time.perf_counter()))

    def write_window(self, found, count, batch):
        """Returns what was written before the window ended."""
        writes, begin = [], time.perf_counter()
        writer = threading.Thread(target=self.write,
                                  args=(count, batch, begin, writes))
        end = begin + count / self.o["rate"]
        writer.start()
        self.window(found, end)
        writer.join()
        if len(writes) * batch < count:
            raise RuntimeError("the writer failed")
        found.setdefault("delays", []).extend(
            done - due for _, due, done in writes)
        return sum(part for part, _, done in writes if done <= end)

    def latencies(self):
        kinds = {"writing": self.o["batch"], "writing_single": 1}
        if not self.engine.is_concurrent:
            kinds = {}
        idle, found = {}, {kind: {} for kind in kinds}
        written = dict.fromkeys(kinds, 0)
        count = min(self.o["rate"] * self.o["seconds"] // WINDOWS,
                    self.live // (4 * WINDOWS))
        seconds = count / self.o["rate"]
        for _ in range(WINDOWS):
            self.window(idle, time.perf_counter() + seconds)
            for kind, batch in kinds.items():
                written[kind] += self.write_window(found[kind], count, batch)
        say({"step": "idle", **idle})
        for kind, batch in kinds.items():
            p50, p99 = np.percentile(found[kind].pop("delays"), [50, 99]) * 1e6
            say({"step": kind, **found[kind], "batch": batch,
                 "upserts_per_s": written[kind] / (seconds * WINDOWS),
                 "write_p50_us": p50, "write_p99_us": p99})

    def all(self):
        self.fill()
        self.report("start")
        self.latencies()
        for step in range(1, STEPS + 1):
            if self.replaced > self.live * step // STEPS:
                continue
            while (left := self.live * step // STEPS - self.replaced) > 0:
                self.replace(min(left, self.o["batch"]))
            self.report("end" if step == STEPS else "step")
        self.engine = None
        self.before = resident()
        self.engine = self.make()
        self.fill()
        self.report("fresh")


def say(line):
    ANSWERS.write(json.dumps(line) + "\n")
    ANSWERS.flush()


if __name__ == "__main__":
    ANSWERS = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    Run(json.loads(sys.argv[1])).all()
