# SPDX-License-Identifier: Apache-2.0
"""Sparse vectors of the real texts, in files of the cache, with held-out texts
as queries.

`bm25`: what the engines' model qdrant/bm25 makes of name, summary and tags; the
queries are summaries, and the vector's modifier is idf.

`learned`: stands in for vectors of a learned model (SPLADE and the like), whose
texts have some hundred entries, most of them words that are not in the text. A
text's own words weigh ln(1 + bm25 * idf); to them come the words of its 8
nearest neighbours (by the real embeddings, IVF-256 with 8 lists) times their
similarity to the fourth, summed; the 30,522 most frequent words count, of a text
the 128 heaviest stay, of a query 32. No modifier. Weights are rounded to 1/100,
as models' are after export. All of it is a function of the set and SEED.
"""
import gzip
import json
import os
import random

import numpy as np

from measure.dataset import FULL
from measure.machine import TOP, cache_folder, say

SEED = 11
VERSION = 1
QUERIES = 1000
VOCABULARY, NEIGHBOURS, OF_TEXT, OF_QUERY = 30_522, 8, 128, 32
NAMES = ("bm25", "learned")


class Csr:
    """Rows of (indices, values), ascending."""

    def __init__(self, rows):
        counts = [len(indices) for indices, _ in rows]
        self.starts = np.concatenate([[0], np.cumsum(counts)]).astype("<u8")
        self.indices = np.concatenate([i for i, _ in rows]).astype("<u4")
        self.values = np.concatenate([v for _, v in rows]).astype("<f4")

    def row(self, at):
        part = slice(int(self.starts[at]), int(self.starts[at + 1]))
        return self.indices[part], self.values[part]

    def __len__(self):
        return len(self.starts) - 1

    def write(self, path):
        with open(path, "wb") as file:
            np.array([len(self), len(self.indices)], "<u8").tofile(file)
            for array in (self.starts, self.indices, self.values):
                array.tofile(file)

    @staticmethod
    def read(path):
        csr = Csr.__new__(Csr)
        with open(path, "rb") as file:
            rows, entries = (int(n) for n in np.fromfile(file, "<u8", 2))
            csr.starts = np.fromfile(file, "<u8", rows + 1)
            csr.indices = np.fromfile(file, "<u4", entries)
            csr.values = np.fromfile(file, "<f4", entries)
        return csr


def _texts():
    folder = os.path.dirname(FULL)
    if not os.path.exists(FULL):
        raise SystemExit("bench sparse: it needs the full real set beside the "
                         f"checkout ({folder})")
    with gzip.open(os.path.join(folder, "packages.jsonl.gz"), "rt") as file:
        return [json.loads(line) for line in file]


def _split(count):
    order = list(range(count))
    random.Random(SEED).shuffle(order)
    return order[QUERIES:], order[:QUERIES]


def _pair(vector):
    return np.array(vector.indices, "u4"), np.array(vector.values, "f4")


def _bm25(packages):
    import qdrant_edge

    model = qdrant_edge.Bm25()
    texts = [f"{p['package']} {p['summary']} {' '.join(p['tags'])}"
             for p in packages]
    return ([_pair(model.embed_document(text)) for text in texts],
            [_pair(model.embed_query(p["summary"])) for p in packages])


def _neighbours():
    import faiss

    vectors = np.load(FULL).astype(np.float32)
    faiss.normalize_L2(vectors)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(vectors.shape[1]),
                               vectors.shape[1], 256,
                               faiss.METRIC_INNER_PRODUCT)
    index.train(vectors[::4])
    index.add(vectors)
    index.nprobe = 8
    return index.search(vectors, NEIGHBOURS + 1)


def _heaviest(words, most):
    kept = sorted(words, key=lambda w: (-words[w], w))[:most]
    kept = sorted(w for w in kept if words[w] >= 0.005)
    return (np.array(kept, "u4"),
            np.round(np.array([words[w] for w in kept], "f4"), 2))


def _learned(documents, base, queries):
    frequency = np.unique(np.concatenate([i for i, _ in documents]),
                          return_counts=True)
    order = np.argsort(-frequency[1], kind="stable")[:VOCABULARY]
    number = {int(frequency[0][at]): rank for rank, at in enumerate(order)}
    idf = {int(frequency[0][at]): np.log(
        len(documents) / frequency[1][at]) for at in order}
    own = [{number[i]: float(np.log1p(v * idf[i]))
            for i, v in zip(indices.tolist(), values.tolist()) if i in number}
           for indices, values in documents]
    similarities, neighbours = _neighbours()

    def expanded(at, most):
        words = dict(own[at])
        for near, like in zip(neighbours[at], similarities[at]):
            if near < 0 or near == at:
                continue
            for word, weight in own[near].items():
                words[word] = words.get(word, 0.0) + weight * float(like) ** 4
        return _heaviest(words, most)

    return ([expanded(at, OF_TEXT) for at in base],
            [expanded(at, OF_QUERY) for at in queries])


def make(name):
    """Paths of the base and the queries of that name."""
    folder = cache_folder(os.path.join("bench-data", f"sparse-{VERSION}"))
    paths = [os.path.join(folder, f"{name}-{what}.csr")
             for what in ("base", "queries")]
    if all(os.path.exists(path) for path in paths):
        return paths
    say(f"making {name} vectors of the real texts")
    packages = _texts()
    base, queries = _split(len(packages))
    documents, questions = _bm25(packages)
    rows = ([documents[at] for at in base], [questions[at] for at in queries])
    if name == "learned":
        rows = _learned(documents, base, queries)
    for path, part in zip(paths, rows):
        Csr([row for row in part if len(row[0]) > 0]).write(path)
    return paths
