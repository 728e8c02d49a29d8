# SPDX-License-Identifier: Apache-2.0
"""The peers, each behind build, save, load and search.

All get unit vectors and rank by inner product, so they answer the same
question. `m` is links per node on the upper levels, twice as many at level 0
(usearch's connectivity means the same). What is not equal is said at each.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np


class Peer:
    """`folder` is the engine's own, empty before build()."""

    def __init__(self, m, ef_construct, threads, folder):
        self.m, self.ef_construct, self.threads = m, ef_construct, threads
        self.folder = folder
        self.file = os.path.join(folder, "index")


class Hnswlib(Peer):
    name = module = "hnswlib"

    def build(self, base):
        import hnswlib

        self.index = hnswlib.Index("ip", base.shape[1])
        self.index.init_index(len(base), M=self.m,
                              ef_construction=self.ef_construct)
        self.index.add_items(base, num_threads=self.threads)

    def save(self):
        self.index.save_index(self.file)

    def load(self, dim):
        import hnswlib

        self.index = hnswlib.Index("ip", dim)
        self.index.load_index(self.file)

    def search(self, queries, k, ef, threads):
        self.index.set_ef(max(ef, k))
        return self.index.knn_query(queries, k, num_threads=threads)[0]


class Faiss(Peer):
    module = "faiss"

    def build(self, base):
        import faiss

        faiss.omp_set_num_threads(self.threads)
        self.index = self.make(faiss, base)
        self.index.train(np.ascontiguousarray(base))
        self.index.add(np.ascontiguousarray(base))

    def save(self):
        import faiss

        faiss.write_index(self.index, self.file)

    def load(self, dim):
        import faiss

        self.index = faiss.read_index(self.file)

    def search(self, queries, k, ef, threads):
        import faiss

        faiss.omp_set_num_threads(threads)
        self.index.hnsw.efSearch = max(ef, k)
        return self.index.search(queries, k)[1]


class FaissHnsw(Faiss):
    name = "faiss-hnsw"

    def make(self, faiss, base):
        index = faiss.IndexHNSWFlat(base.shape[1], self.m,
                                    faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = self.ef_construct
        return index


class FaissSq8(Faiss):
    """Links and 8-bit codes only, no exact rescoring: its recall has a
    ceiling, its memory is smaller than everybody else's."""

    name = "faiss-sq8"

    def make(self, faiss, base):
        index = faiss.IndexHNSWSQ(
            base.shape[1], faiss.ScalarQuantizer.QT_8bit, self.m,
            faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = self.ef_construct
        return index


class QuantizedFaiss(Faiss):
    """A graph on codes, and the vectors of the best again: a setting is ef and
    how many times k hits are scored again, 0 none. Unit vectors rank the same
    by length as by inner product, which product codes here do not know."""

    def make(self, faiss, base):
        self.inner = self.codes(faiss, base.shape[1])
        self.inner.hnsw.efConstruction = self.ef_construct
        return faiss.IndexRefineFlat(self.inner)

    def search(self, queries, k, setting, threads):
        import faiss

        faiss.omp_set_num_threads(threads)
        ef, again = setting
        self.inner.hnsw.efSearch = max(ef, k * max(again, 1))
        if again == 0:
            return self.inner.search(queries, k)[1]
        return self.index.search(
            queries, k, params=faiss.IndexRefineSearchParameters(
                k_factor=float(again)))[1]


def _scalar(kind, name):
    def codes(self, faiss, dim):
        return faiss.IndexHNSWSQ(dim, getattr(faiss.ScalarQuantizer, name),
                                 self.m)

    return type("QuantizedFaiss", (QuantizedFaiss,),
                {"name": f"faiss-{kind}", "codes": codes})


def _product(kind, bits):
    def codes(self, faiss, dim):
        # Bytes of a code, each of them for as many components.
        return faiss.IndexHNSWPQ(dim, int(dim * bits / 8), self.m)

    return type("QuantizedFaiss", (QuantizedFaiss,),
                {"name": f"faiss-{kind}", "codes": codes})


# The kinds of quantization.py for which faiss has codes of as many bytes.
FAISS_QUANTIZED = [
    _scalar("scalar", "QT_8bit"), _scalar("turbo4", "QT_4bit"),
    _product("binary2", 2), _product("binary", 1), _product("turbo1", 1),
    _product("product16", 2), _product("product32", 1),
    _product("product64", 0.5)]


class FaissIvfPq(Faiss):
    """Inverted lists with 4-bit product codes of two dimensions each, scanned
    by FastScan, refined by the exact vectors. It scans for all queries of one
    call together, which no server can do; ef_construction does not apply."""

    name = "faiss-ivfpq"
    is_graph = False

    def make(self, faiss, base):
        dim = base.shape[1]
        lists = int(max(16, min(4 * len(base) ** 0.5, len(base) / 40)))
        self.quantizer = faiss.IndexFlatIP(dim)
        inner = faiss.IndexIVFPQFastScan(
            self.quantizer, dim, lists, dim // 2, 4,
            faiss.METRIC_INNER_PRODUCT)
        inner.own_fields = False
        self.inner = inner
        return faiss.IndexRefineFlat(inner)

    def load(self, dim):
        super().load(dim)
        import faiss

        self.inner = faiss.downcast_index(self.index.base_index)

    @staticmethod
    def settings(efs):
        """(lists probed, candidates refined per hit), coarse to fine."""
        return [(probe, refine) for probe in
                (1, 2, 4, 8, 16, 32, 64, 128, 256, 512) for refine in (4, 10)]

    def search(self, queries, k, setting, threads):
        import faiss

        faiss.omp_set_num_threads(threads)
        probe, refine = setting
        return self.index.search(
            queries, k, params=faiss.IndexRefineSearchParameters(
                k_factor=refine,
                base_index_params=faiss.IVFSearchParameters(nprobe=probe)))[1]


class Usearch(Peer):
    name, module = "usearch", "usearch.index"

    def make(self, dim):
        from usearch.index import Index

        return Index(ndim=dim, metric="ip", dtype="f32", connectivity=self.m,
                     expansion_add=self.ef_construct)

    def build(self, base):
        self.index = self.make(base.shape[1])
        self.index.add(np.arange(len(base)), np.ascontiguousarray(base),
                       threads=self.threads)

    def save(self):
        self.index.save(self.file)

    def load(self, dim):
        self.index = self.make(dim)
        self.index.load(self.file)

    def search(self, queries, k, ef, threads):
        self.index.expansion_search = max(ef, k)
        matches = self.index.search(queries, k, threads=threads)
        keys = np.asarray(matches.keys).astype(np.int64)
        return keys.reshape(len(queries), k)


class QdrantEdge(Peer):
    """Qdrant's own engine in the process. Loading (log, segments) is part of
    its build, as it cannot be left out; the conversion of rows to Python
    objects is not. Queries go in batches of its own query_batch(), one batch
    per thread at a time."""

    name, module = "qdrant-edge", "qdrant_edge"

    def quantization(self, edge):
        return None

    def config(self, dim):
        import qdrant_edge as edge

        return edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(
                size=dim, distance=edge.Distance.Dot, on_disk=False),
            hnsw_config=edge.HnswIndexConfig(
                m=self.m, ef_construct=self.ef_construct,
                full_scan_threshold=10, max_indexing_threads=self.threads,
                on_disk=False),
            quantization_config=self.quantization(edge),
            optimizers=edge.EdgeOptimizersConfig(
                default_segment_number=1, indexing_threshold=10,
                max_segment_size=10**9),
            max_search_threads=self.threads)

    def build(self, base):
        """Returns its own seconds: those of the calls."""
        import qdrant_edge as edge

        self.shard = edge.EdgeShard.create(self.folder,
                                           self.config(base.shape[1]))
        seconds = cpu = 0.0
        for begin in range(0, len(base), 1000):
            points = [edge.Point(id=begin + i, vector=row.tolist())
                      for i, row in enumerate(base[begin:begin + 1000])]
            update = edge.UpdateOperation.upsert_points(points)
            start, cpu_start = time.perf_counter(), time.process_time()
            self.shard.update(update)
            seconds += time.perf_counter() - start
            cpu += time.process_time() - cpu_start
        start, cpu_start = time.perf_counter(), time.process_time()
        while self.shard.optimize():
            pass
        return {"build_s": seconds + time.perf_counter() - start,
                "build_cpu_s": cpu + time.process_time() - cpu_start}

    def save(self):
        self.shard.flush()

    def load(self, dim):
        import qdrant_edge as edge

        self.shard = edge.EdgeShard.load(self.folder, self.config(dim))

    def params(self, edge, ef):
        return edge.SearchParams(hnsw_ef=ef)

    def prepare(self, queries, k, ef):
        import qdrant_edge as edge

        requests = [edge.QueryRequest(
            limit=k, query=edge.Query.Nearest(query.tolist()),
            params=self.params(edge, max(ef, k)),
            with_payload=False, with_vector=False) for query in queries]
        return [edge.QueryBatchRequest(requests[at:at + 50])
                for at in range(0, len(requests), 50)]

    def search(self, queries, k, ef, threads):
        batches = queries
        if threads == 1:
            answers = [self.shard.query_batch(batch) for batch in batches]
        else:
            with ThreadPoolExecutor(threads) as pool:
                answers = list(pool.map(self.shard.query_batch, batches))
        ids = [[hit.id for hit in hits] + [-1] * (k - len(hits))
               for answer in answers for hits in answer]
        return np.array(ids, dtype=np.int64)


class QuantizedEdge(QdrantEdge):
    """The same with a quantization_config in memory. A setting is ef and how
    many times k hits are scored again: 0 none."""

    def prepare(self, queries, k, setting):
        self.again = setting[1]
        return super().prepare(queries, k, setting[0])

    def params(self, edge, ef):
        return edge.SearchParams(
            hnsw_ef=ef, quantization=edge.QuantizationSearchParams(
                rescore=self.again > 0,
                oversampling=float(max(self.again, 1))))


def _quantized(kind, make):
    return type("QuantizedEdge", (QuantizedEdge,), {
        "name": f"qdrant-edge-{kind}",
        "quantization": lambda self, edge: make(edge)})


# As quantization.py names them: what qdrant-edge is configured with.
QUANTIZED = [_quantized(kind, make) for kind, make in (
    ("scalar", lambda e: e.ScalarQuantizationConfig(
        type=e.ScalarType.Int8, quantile=0.99, always_ram=True)),
    ("turbo4", lambda e: e.TurboQuantQuantizationConfig(
        bits=e.TurboQuantBitSize.Bits4, always_ram=True)),
    ("turbo1", lambda e: e.TurboQuantQuantizationConfig(
        bits=e.TurboQuantBitSize.Bits1, always_ram=True)),
    ("binary2", lambda e: e.BinaryQuantizationConfig(
        encoding=e.BinaryQuantizationEncoding.TwoBits, always_ram=True)),
    ("binary1.5", lambda e: e.BinaryQuantizationConfig(
        encoding=e.BinaryQuantizationEncoding.OneAndHalfBits,
        always_ram=True)),
    ("binary", lambda e: e.BinaryQuantizationConfig(always_ram=True)),
    ("product16", lambda e: e.ProductQuantizationConfig(
        compression=e.CompressionRatio.X16, always_ram=True)),
    ("product32", lambda e: e.ProductQuantizationConfig(
        compression=e.CompressionRatio.X32, always_ram=True)),
    ("product64", lambda e: e.ProductQuantizationConfig(
        compression=e.CompressionRatio.X64, always_ram=True)))]

PEERS = {peer.name: peer for peer in (
    Hnswlib, FaissHnsw, FaissSq8, FaissIvfPq, Usearch, QdrantEdge,
    *QUANTIZED, *FAISS_QUANTIZED)}
