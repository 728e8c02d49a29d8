# SPDX-License-Identifier: Apache-2.0
"""The engines of search.py, each behind build(base) and search(queries, k, ef).

All get unit vectors and rank by inner product, so they answer the same
question. M is 16 (32 links at level 0) and ef_construction the same for all;
usearch's connectivity is links per upper level, as everybody else's M.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np


class Hnswlib:
    name = "hnswlib"

    def __init__(self, m, ef_construct, threads):
        self.m, self.ef_construct, self.threads = m, ef_construct, threads

    def build(self, base):
        import hnswlib

        index = hnswlib.Index("ip", base.shape[1])
        index.init_index(len(base), M=self.m, ef_construction=self.ef_construct)
        index.add_items(base, num_threads=self.threads)
        self.index = index

    def search(self, queries, k, ef):
        self.index.set_ef(max(ef, k))
        return self.index.knn_query(queries, k, num_threads=self.threads)[0]


class Faiss:
    def __init__(self, m, ef_construct, threads):
        self.m, self.ef_construct, self.threads = m, ef_construct, threads

    def build(self, base):
        import faiss

        faiss.omp_set_num_threads(self.threads)
        self.index = self.make(faiss, base.shape[1])
        self.index.hnsw.efConstruction = self.ef_construct
        self.index.train(base)
        self.index.add(base)

    def search(self, queries, k, ef):
        import faiss

        faiss.omp_set_num_threads(self.threads)
        self.index.hnsw.efSearch = max(ef, k)
        return self.index.search(queries, k)[1]


class FaissFlat(Faiss):
    name = "faiss HNSW"

    def make(self, faiss, dim):
        return faiss.IndexHNSWFlat(dim, self.m, faiss.METRIC_INNER_PRODUCT)


class FaissSq8(Faiss):
    name = "faiss HNSW-SQ8"

    def make(self, faiss, dim):
        return faiss.IndexHNSWSQ(
            dim, faiss.ScalarQuantizer.QT_8bit, self.m,
            faiss.METRIC_INNER_PRODUCT)


class Usearch:
    name = "usearch"

    def __init__(self, m, ef_construct, threads):
        self.m, self.ef_construct, self.threads = m, ef_construct, threads

    def build(self, base):
        from usearch.index import Index

        self.index = Index(
            ndim=base.shape[1], metric="ip", dtype="f32", connectivity=self.m,
            expansion_add=self.ef_construct)
        self.index.add(np.arange(len(base)), base, threads=self.threads)

    def search(self, queries, k, ef):
        self.index.expansion_search = max(ef, k)
        matches = self.index.search(queries, k, threads=self.threads)
        keys = np.asarray(matches.keys).astype(np.int64)
        return keys.reshape(len(queries), k)


class QdrantEdge:
    """Qdrant's own engine in the process; one call per query, as its API is.
    Loading (WAL, segments) is part of its build, as it cannot be left out."""

    name = "qdrant-edge"

    def __init__(self, m, ef_construct, threads):
        self.m, self.ef_construct, self.threads = m, ef_construct, threads
        self.shard, self.folder = None, None

    def build(self, base):
        import qdrant_edge as edge

        self.close()
        self.folder = tempfile.mkdtemp(prefix="azimuth-bench-")
        config = edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(
                size=base.shape[1], distance=edge.Distance.Dot, on_disk=False),
            hnsw_config=edge.HnswIndexConfig(
                m=self.m, ef_construct=self.ef_construct,
                full_scan_threshold=10, max_indexing_threads=self.threads,
                on_disk=False),
            optimizers=edge.EdgeOptimizersConfig(
                default_segment_number=1, indexing_threshold=10,
                max_segment_size=10**9),
            max_search_threads=self.threads)
        self.shard = edge.EdgeShard.create(self.folder, config)
        for begin in range(0, len(base), 1000):
            points = [edge.Point(id=i, vector=base[i].tolist())
                      for i in range(begin, min(begin + 1000, len(base)))]
            self.shard.update(edge.UpdateOperation.upsert_points(points))
        while self.shard.optimize():
            pass

    def _one(self, task):
        import qdrant_edge as edge

        query, k, ef = task
        hits = self.shard.query(edge.QueryRequest(
            limit=k, query=edge.Query.Nearest(query),
            params=edge.SearchParams(hnsw_ef=max(ef, k)),
            with_payload=False, with_vector=False))
        return [hit.id for hit in hits] + [-1] * (k - len(hits))

    def search(self, queries, k, ef):
        tasks = [(query, k, ef) for query in queries.tolist()]
        if self.threads == 1:
            return np.array([self._one(task) for task in tasks])
        with ThreadPoolExecutor(self.threads) as pool:
            return np.array(list(pool.map(self._one, tasks)))

    def close(self):
        if self.shard is not None:
            self.shard.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            self.shard = None


class Azimuth:
    """A program of its own: each call builds and measures all ef at once."""

    name = "azimuth"

    def __init__(self, program, m, ef_construct, threads):
        self.program, self.m = program, m
        self.ef_construct, self.threads = ef_construct, threads

    def run(self, folder, base, queries, k, efs):
        paths = {name: os.path.join(folder, name)
                 for name in ("base.npy", "queries.npy", "r.json", "i.npy")}
        if not os.path.exists(paths["base.npy"]):
            np.save(paths["base.npy"], base)
            np.save(paths["queries.npy"], queries)
        subprocess.run(
            [self.program, "search", "--base", paths["base.npy"],
             "--queries", paths["queries.npy"], "--metric", "cosine",
             "--k", str(k), "--threads", str(self.threads),
             "--m", str(self.m), "--ef-construct", str(self.ef_construct),
             "--ef", ",".join(map(str, efs)), "--repeats", "1",
             "--out", paths["r.json"], "--ids", paths["i.npy"]], check=True)
        with open(paths["r.json"]) as file:
            return json.load(file), np.load(paths["i.npy"])


PEERS = [Hnswlib, FaissFlat, FaissSq8, Usearch, QdrantEdge]


def timed(function, *arguments):
    begin = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - begin, result
