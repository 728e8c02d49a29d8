# SPDX-License-Identifier: Apache-2.0
"""A multivector for each real text, in the manner of late-interaction models:
one unit vector of 128 dimensions per piece of a word, made of what the piece
is (hashed n-grams through a fixed random table) and of what the text is about
(its sentence embedding through a fixed random projection). Nothing is learnt
and nothing is downloaded: the same texts give the same vectors everywhere.

Two pieces of one text have a cosine of about CONTEXT^2, the same piece in two
texts one of about 1 - CONTEXT^2 and more, as with ColBERT."""

import gzip
import json
import os
import re
import zlib

import numpy as np

from measure.dataset import SPLIT_SEED
from measure.machine import cache_folder, say

DIM = 128
SEED = 11
VERSION = 1
HELD_OUT = 1000
CONTEXT = 0.63     # the text's part of a token, by length; the word's is 0.78
PIECE = 5          # letters of a piece of a word
TOKENS_MIN, TOKENS_MAX = 8, 64
TABLE = 1 << 16    # rows that n-grams are hashed to
WORD = re.compile(r"[a-z0-9]+")


def pieces(text):
    """The words of a text in pieces of at most PIECE letters; those that
    continue a word begin with #, as word pieces do."""
    found = []
    for word in WORD.findall(text.lower()):
        found += ["#" * (at > 0) + word[at:at + PIECE]
                  for at in range(0, len(word), PIECE)]
    return found


def text_of(package, has_tags):
    text = f"{package['package'].replace('-', ' ')}: {package['summary']}"
    if has_tags:
        text += " " + " ".join(package["tags"])
    return text


class Table:
    """Unit vectors of pieces, each made once."""

    def __init__(self):
        random = np.random.default_rng([SEED, VERSION])
        self.rows = random.standard_normal((TABLE, DIM)).astype(np.float32)
        self.number = {}
        self.vectors = []

    def look(self, piece):
        number = self.number.get(piece)
        if number is None:
            marked = f"<{piece}>"
            grams = [marked] * 2 + [marked[at:at + 3]
                                    for at in range(len(marked) - 2)]
            vector = self.rows[[zlib.crc32(g.encode()) % TABLE
                                for g in grams]].sum(axis=0)
            number = self.number[piece] = len(self.vectors)
            self.vectors.append(vector / np.linalg.norm(vector))
        return number


def _unit(rows):
    return rows / (np.linalg.norm(rows, axis=-1, keepdims=True) + 1e-12)


def projected(embeddings):
    """Sentence embeddings in DIM dimensions, of unit length. They share a mean
    direction, which tells nothing: it is taken away."""
    random = np.random.default_rng([SEED, VERSION, 1])
    matrix = random.standard_normal((embeddings.shape[1], DIM))
    embeddings = embeddings.astype(np.float32)
    return _unit((embeddings - embeddings.mean(axis=0))
                 @ matrix.astype(np.float32))


def multivectors(packages, about, has_tags):
    """float32[tokens][DIM] and int64[texts + 1]: where each text begins.
    `about`: what the texts are about, of unit length."""
    table, numbers, starts = Table(), [], [0]
    for package in packages:
        found = pieces(text_of(package, has_tags))[:TOKENS_MAX]
        # Short texts are filled up with marks, as queries of ColBERT are.
        found += [f"[{i}]" for i in range(TOKENS_MIN - len(found))]
        numbers += [table.look(piece) for piece in found]
        starts.append(len(numbers))
    starts = np.array(starts)
    rows = np.array(table.vectors, np.float32)[numbers]
    rows *= np.sqrt(1 - CONTEXT ** 2)
    rows += np.repeat(about * CONTEXT, np.diff(starts), axis=0)
    return _unit(rows).astype(np.float32), starts


def read_packages(folder):
    with gzip.open(os.path.join(folder, "packages.jsonl.gz"), "rt") as file:
        packages = [json.loads(line) for line in file]
    return packages, np.load(os.path.join(folder, "vectors.f16.npy"))


# ---- the set ----

def _truth(rows, starts, queries, query_starts, k, chunk=2000):
    """MaxSim of the k best of all texts for each query: float32[queries][k].
    Texts come in pieces that fit the cache."""
    count = len(query_starts) - 1
    best = np.full((count, k), -np.inf, np.float32)
    for begin in range(0, len(starts) - 1, chunk):
        end = min(begin + chunk, len(starts) - 1)
        piece = rows[starts[begin]:starts[end]]
        at = starts[begin:end] - starts[begin]
        similar = np.maximum.reduceat(queries @ piece.T, at, axis=1)
        sums = np.add.reduceat(similar, query_starts[:-1], axis=0)
        best = np.partition(np.hstack([best, sums]), -k, axis=1)[:, -k:]
    return -np.sort(-best, axis=1)


class TokenSet:
    """Paths of float32 .npy files: `base`, `queries` [sub-vectors][DIM] and
    `lengths`, `query_lengths` [texts][1]; scores of the exact neighbours."""

    FILES = ("base", "lengths", "queries", "query_lengths")

    def __init__(self, folder, name):
        self.name = name
        self.paths = {key: os.path.join(folder, key + ".npy")
                      for key in self.FILES}
        self.exact = np.load(os.path.join(folder, "exact.npy"))
        self.lengths = np.load(self.paths["lengths"])[:, 0]
        self.query_lengths = np.load(self.paths["query_lengths"])[:, 0]

    def texts(self, which):
        """float32[length][DIM] of each text; `which`: base or queries."""
        rows = np.load(self.paths[which], mmap_mode="r")
        lengths = self.lengths if which == "base" else self.query_lengths
        begin = 0
        for length in lengths.astype(int):
            yield rows[begin:begin + length]
            begin += length

    def recall(self, ids, texts, k):
        """Tie-aware, as measure.recall; `texts`: a list of the base's."""
        good = 0
        for query, hits, exact in zip(self.texts("queries"), ids, self.exact):
            for hit in set(hits[:k]):
                score = (query @ texts[hit].T).max(axis=1).sum()
                good += score >= exact[k - 1] - 1e-4
        return good / (k * len(self.exact))


def load(data_folder, points, query_count, k):
    """The first `points` texts of a seeded order; the last HELD_OUT are the
    queries, without their tags. Made once, then read from the cache."""
    packages, embeddings = read_packages(data_folder)
    query_count = min(query_count, HELD_OUT)
    points = min(points, len(packages) - HELD_OUT)
    folder = os.path.join(cache_folder("bench-data"),
                          f"tokens-{VERSION}-{points}-{query_count}-{k}")
    if os.path.exists(os.path.join(folder, "ready")):
        return TokenSet(folder, "tokens")
    say("making the multivectors and their exact neighbours")
    os.makedirs(folder, exist_ok=True)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(packages))
    about = projected(embeddings)
    starts = {}
    for which, texts, has_tags in (
            ("base", order[:points], True),
            ("queries", order[-HELD_OUT:][:query_count], False)):
        rows, starts[which] = multivectors([packages[i] for i in texts],
                                           about[texts], has_tags)
        np.save(os.path.join(folder, which + ".npy"), rows)
        lengths = "lengths" if which == "base" else "query_lengths"
        np.save(os.path.join(folder, lengths + ".npy"),
                np.diff(starts[which]).astype(np.float32)[:, None])
    rows = np.load(os.path.join(folder, "base.npy"), mmap_mode="r")
    np.save(os.path.join(folder, "exact.npy"),
            _truth(rows, starts["base"],
                   np.load(os.path.join(folder, "queries.npy")),
                   starts["queries"], k))
    with open(os.path.join(folder, "ready"), "w"):
        pass
    return TokenSet(folder, "tokens")
