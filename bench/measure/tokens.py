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

DIM = 128
SEED = 11
VERSION = 1
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


def multivectors(packages, embeddings, has_tags):
    """float32[tokens][DIM] and int64[texts + 1]: where each text begins."""
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
    about = projected(embeddings) * CONTEXT
    rows += np.repeat(about, np.diff(starts), axis=0)
    return _unit(rows).astype(np.float32), starts


def read_packages(folder):
    with gzip.open(os.path.join(folder, "packages.jsonl.gz"), "rt") as file:
        packages = [json.loads(line) for line in file]
    return packages, np.load(os.path.join(folder, "vectors.f16.npy"))
