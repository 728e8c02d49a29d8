# SPDX-License-Identifier: Apache-2.0
"""The peers with filters. What is not equal is said at each. usearch is not
here: its Python package takes no predicate (2.26)."""

import os
import time

import numpy as np

from engines.peers import FaissHnsw, Hnswlib, QdrantEdge

EF = 128


class FilterHnswlib(Hnswlib):
    """Its filter is a Python function, called for each node that is met: most
    of the time is that call."""

    def index_fields(self, fields):
        return []

    def search_filtered(self, queries, k, family, masks):
        self.index.set_ef(max(EF, k))
        found = np.full((len(queries), k), -1, np.int64)
        for q, query in enumerate(queries):
            passing = masks[q if len(masks) > 1 else 0]
            allowed = None if passing.all() else passing.tolist().__getitem__
            try:
                ids = self.index.knn_query(query[None], k, num_threads=1,
                                           filter=allowed)[0][0]
            except RuntimeError:  # fewer than k were found: none are given
                continue
            found[q, :len(ids)] = ids
        return found


class FilterFaiss(FaissHnsw):
    """A bitmap that is made before the clock starts."""

    def index_fields(self, fields):
        return []

    def search_filtered(self, queries, k, family, masks):
        import faiss

        faiss.omp_set_num_threads(1)
        found = np.empty((len(queries), k), np.int64)
        for q, query in enumerate(queries):
            params = faiss.SearchParametersHNSW(
                sel=self.selectors[q if len(masks) > 1 else 0],
                efSearch=max(EF, k))
            found[q] = self.index.search(query[None], k, params=params)[1][0]
        return found

    def prepare_filters(self, family, masks):
        import faiss

        self.bits = [np.packbits(mask, bitorder="little") for mask in masks]
        self.selectors = [faiss.IDSelectorBitmap(bits) for bits in self.bits]
        if family == [None]:
            self.selectors = [None]


class FilterEdge(QdrantEdge):
    """At its default settings, with payload indexes, one query a call."""

    def config(self, dim):
        import qdrant_edge as edge

        return edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(
                size=dim, distance=edge.Distance.Dot, on_disk=False),
            hnsw_config=edge.HnswIndexConfig(
                m=self.m, ef_construct=self.ef_construct,
                full_scan_threshold=10000,
                max_indexing_threads=self.threads, on_disk=False),
            optimizers=edge.EdgeOptimizersConfig(
                default_segment_number=1, indexing_threshold=10,
                max_segment_size=10**9),
            on_disk_payload=False, max_search_threads=self.threads)

    def build_filtered(self, base, payloads, fields):
        """Fields are indexed before the graph is made, as its manual asks for:
        then the graph has links for them, too."""
        import qdrant_edge as edge

        self.shard = edge.EdgeShard.create(self.folder,
                                           self.config(base.shape[1]))
        for begin in range(0, len(base), 1000):
            self.shard.update(edge.UpdateOperation.upsert_points([
                edge.Point(id=begin + i, vector=row.tolist(),
                           payload=payloads[begin + i])
                for i, row in enumerate(base[begin:begin + 1000])]))
        steps = self.index_fields(fields)
        while self.shard.optimize():
            pass
        return steps

    def index_fields(self, fields):
        import qdrant_edge as edge

        from measure.machine import resident

        steps = []
        for field, kind in fields:
            before, start = resident(), time.perf_counter()
            cpu_start = time.process_time()
            self.shard.update(edge.UpdateOperation.create_field_index(
                field, getattr(edge.PayloadSchemaType, kind.capitalize())))
            steps.append({"field": field,
                          "build_s": time.perf_counter() - start,
                          "build_cpu_s": time.process_time() - cpu_start,
                          "resident": resident() - before})
        return steps

    def prepare_filters(self, family, masks):
        self.filters = [edge_filter(one) for one in family]

    def search_filtered(self, queries, k, family, masks):
        import qdrant_edge as edge

        found = np.full((len(queries), k), -1, np.int64)
        for q, query in enumerate(queries):
            hits = self.shard.query(edge.QueryRequest(
                limit=k, query=edge.Query.Nearest(query.tolist()),
                filter=self.filters[q if len(self.filters) > 1 else 0],
                with_payload=False, with_vector=False))
            found[q, :len(hits)] = [hit.id for hit in hits]
        return found


def edge_filter(one):
    import qdrant_edge as edge

    if one is None:
        return None

    def condition(part):
        if "range" in part:
            return edge.FieldCondition(
                key=part["key"], range=edge.RangeFloat(**part["range"]))
        return edge.FieldCondition(
            key=part["key"], match=edge.MatchValue(part["match"]["value"]))

    return edge.Filter(**{name: [condition(part) for part in parts]
                          for name, parts in one.items()})


PEERS = {"qdrant-edge": FilterEdge, "hnswlib": FilterHnswlib,
         "faiss-hnsw": FilterFaiss}
