# SPDX-License-Identifier: Apache-2.0
"""The sets that are searched: unit vectors in .npy files of the cache, with
held-out queries and their exact neighbours."""

import glob
import gzip
import hashlib
import json
import os

import numpy as np

from measure import lid, recall, synthetic
from measure.machine import TOP, cache_folder, say

FULL = os.path.join(
    TOP, "..", "shared", "data", "debian-packages", "vectors.f16.npy")
VERSION = 1
SPLIT_SEED = 7

# name -> points, dim, decay, width (see synthetic.Mixture)
MADE = {
    "1Mx128": (1_000_000, 128, 0.5, 0.7),
    "300kx768": (300_000, 768, 0.57, 0.7),
    "1Mx768": (1_000_000, 768, 0.57, 0.7),
    "tiny": (4_000, 32, 0.5, 0.75),
}
NAMES = ("real", *MADE)


class DataSet:
    """Files `base` and `queries` (float32 .npy), similarities of the exact
    neighbours of the queries, LID of queries and points."""

    def __init__(self, name, folder):
        self.name = name
        self.base_path = os.path.join(folder, "base.npy")
        self.queries_path = os.path.join(folder, "queries.npy")
        self.base = np.load(self.base_path, mmap_mode="r")
        self.queries = np.load(self.queries_path)
        truth = np.load(os.path.join(folder, "truth.npz"))
        self.exact = truth["exact"]
        self.lid = {"queries": lid.summary(truth["lid_queries"]),
                    "points": lid.summary(truth["lid_points"])}

    def kth(self, k):
        return self.exact[:, k - 1]

    def describe(self):
        points, dim = self.base.shape
        return {"data": self.name, "points": points, "dim": dim,
                "queries": len(self.queries), "lid": self.lid}


def unit(vectors):
    vectors = vectors.astype(np.float32)
    return vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-12)


def _write_chunks(path, shape, chunks):
    array = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    at = 0
    for chunk in chunks:
        array[at:at + len(chunk)] = chunk
        at += len(chunk)
        if shape[0] > 200_000:
            say(f"  {at:,} of {shape[0]:,} points")
    array.flush()


def _write_split(folder, vectors, query_count):
    if vectors.ndim != 2 or len(vectors) <= query_count + lid.NEIGHBOURS:
        raise ValueError("the data must be [points][dim] with more points "
                         "than --queries and 100")
    vectors = unit(vectors)
    vectors = vectors[np.random.default_rng(SPLIT_SEED).permutation(
        len(vectors))]
    np.save(os.path.join(folder, "base.npy"), vectors[:-query_count])
    np.save(os.path.join(folder, "queries.npy"), vectors[-query_count:])


def _write_truth(folder):
    base = np.load(os.path.join(folder, "base.npy"), mmap_mode="r")
    queries = np.load(os.path.join(folder, "queries.npy"))
    exact = recall.nearest(base, queries, lid.NEIGHBOURS)
    rows = np.random.default_rng(SPLIT_SEED).choice(
        len(base), min(1000, len(base)), replace=False)
    own = recall.nearest(base, np.ascontiguousarray(base[np.sort(rows)]),
                         lid.NEIGHBOURS + 1)[:, 1:]
    np.savez(os.path.join(folder, "truth.npz"), exact=exact,
             lid_queries=lid.from_similarities(exact),
             lid_points=lid.from_similarities(own))


def sample():
    """The bundled points: [5000][384]."""
    vectors = []
    for path in sorted(glob.glob(
            os.path.join(TOP, "share", "sample", "points-*.json.gz"))):
        with gzip.open(path, "rt") as file:
            vectors += [p["vector"] for p in json.load(file)["points"]]
    return np.array(vectors)


def _make(folder, name, path, query_count):
    if name in MADE:
        points, dim, decay, width = MADE[name]
        mixture = synthetic.Mixture(points, dim, decay, width)
        _write_chunks(os.path.join(folder, "base.npy"), (points, dim),
                      mixture.chunks())
        np.save(os.path.join(folder, "queries.npy"),
                mixture.queries(query_count))
    else:
        _write_split(folder, sample() if path is None else np.load(path),
                     query_count)
    say("  exact neighbours")
    _write_truth(folder)


def load(name, query_count):
    """`name` is one of NAMES or a .npy file [points][dim]. "real" is the full
    set if it lies beside the checkout, else the bundled sample. Made once,
    then read from the cache."""
    label, path, key = name, None, f"{VERSION} {query_count}"
    if name in MADE:
        key += f" {MADE[name]} {synthetic.SEED} {synthetic.VERSION}"
    elif name == "real" and not os.path.exists(FULL):
        label = "sample"
    else:
        path = FULL if name == "real" else name
        state = os.stat(path)
        key += f" {os.path.abspath(path)} {state.st_size} {state.st_mtime_ns}"
        label = "real" if name == "real" else os.path.basename(path)
    digest = hashlib.sha256(f"{label} {key}".encode()).hexdigest()[:12]
    folder = os.path.join(cache_folder("bench-data"),
                          f"{label}-{digest}")
    if not os.path.exists(os.path.join(folder, "ready")):
        say(f"making the set {label}")
        os.makedirs(folder, exist_ok=True)
        _make(folder, name, path, query_count)
        with open(os.path.join(folder, "ready"), "w"):
            pass
    return DataSet(label, folder)
