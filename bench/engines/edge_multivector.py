# SPDX-License-Identifier: Apache-2.0
"""What azimuth-bench multivector does, for qdrant-edge; called by
multivector.py with one argument of JSON. Multivectors become Python objects
before the clock starts; queries go in batches of 50, as in search.py. A folder
that is kept is loaded, not built again."""

import json
import os
import sys
import time

import numpy as np

from measure.machine import resident

BATCH = 250


def texts(rows, lengths):
    rows = np.load(rows, mmap_mode="r")
    lengths = np.load(lengths)[:, 0].astype(np.int64)
    begin = 0
    for length in lengths:
        yield rows[begin:begin + length].tolist()
        begin += length


class Run:
    def __init__(self, options):
        import qdrant_edge as edge

        self.o, self.edge = options, edge
        dim = np.load(options["base"], mmap_mode="r").shape[1]
        self.config = edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(
                size=dim, distance=edge.Distance.Cosine, on_disk=False,
                multivector_config=edge.MultiVectorConfig(
                    comparator=edge.MultiVectorComparator.MaxSim)),
            hnsw_config=edge.HnswIndexConfig(
                m=options["m"], ef_construct=options["ef_construct"],
                full_scan_threshold=10,
                max_indexing_threads=options["threads"], on_disk=False),
            optimizers=edge.EdgeOptimizersConfig(
                default_segment_number=1, indexing_threshold=10,
                max_segment_size=10**9),
            max_search_threads=1)

    def open(self):
        """Figures of the build, also when it was another run's."""
        path = os.path.join(self.o["folder"], "built.json")
        shard = os.path.join(self.o["folder"], "shard")
        before = resident()
        if os.path.exists(path):
            self.shard = self.edge.EdgeShard.load(shard, self.config)
            with open(path) as file:
                return {**json.load(file), "loaded": resident() - before}
        os.makedirs(shard, exist_ok=True)
        self.shard = self.edge.EdgeShard.create(shard, self.config)
        seconds = cpu = 0.0
        points = []
        for number, rows in enumerate(texts(self.o["base"],
                                            self.o["lengths"])):
            points.append(self.edge.Point(id=number, vector=rows))
            if len(points) == BATCH:
                seconds, cpu = self.put(points, seconds, cpu)
                points = []
        if points:
            seconds, cpu = self.put(points, seconds, cpu)
        start, cpu_start = time.perf_counter(), time.process_time()
        while self.shard.optimize():
            pass
        built = {"filled_s": seconds,
                 "build_s": seconds + time.perf_counter() - start,
                 "build_cpu_s": cpu + time.process_time() - cpu_start,
                 "resident": resident() - before}
        self.shard.flush()
        with open(path, "w") as file:
            json.dump(built, file)
        return built

    def put(self, points, seconds, cpu):
        update = self.edge.UpdateOperation.upsert_points(points)
        start, cpu_start = time.perf_counter(), time.process_time()
        self.shard.update(update)
        return (seconds + time.perf_counter() - start,
                cpu + time.process_time() - cpu_start)

    def batches(self, candidates):
        edge = self.edge
        params = edge.SearchParams(exact=True) if candidates < 0 else \
            edge.SearchParams(hnsw_ef=candidates) if candidates > 0 else None
        requests = [edge.QueryRequest(
            limit=self.o["k"], query=edge.Query.Nearest(rows), params=params,
            with_payload=False, with_vector=False)
            for rows in texts(self.o["queries"], self.o["query_lengths"])]
        return [edge.QueryBatchRequest(requests[at:at + 50])
                for at in range(0, len(requests), 50)]

    def round(self, candidates):
        batches = self.batches(candidates)
        start, cpu = time.perf_counter(), time.process_time()
        answers = [self.shard.query_batch(batch) for batch in batches]
        seconds = time.perf_counter() - start
        cpu = time.process_time() - cpu
        return {"candidates": candidates, "seconds": seconds, "cpu_s": cpu,
                "ids": [[hit.id for hit in hits]
                        for answer in answers for hits in answer]}


def main():
    run = Run(json.loads(sys.argv[1]))
    print(json.dumps(run.open()), flush=True)
    for line in sys.stdin:
        print(json.dumps(run.round(int(line))), flush=True)


if __name__ == "__main__":
    main()
