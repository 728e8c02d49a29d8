# SPDX-License-Identifier: Apache-2.0
"""Embeddings made by rule, so that no model is fetched and every rank is known:
a text is a bag of its words, each a direction of its own by its hash."""
import hashlib
import math

SIZE = 64
WORDS = 1 << 20


def _digest(word):
    return hashlib.sha256(word.encode()).digest()


def dense(text):
    vector = [0.0] * SIZE
    for word in text.split():
        digest = _digest(word)
        for at in range(SIZE):
            vector[at] += (digest[at % 32] >> (at // 32) & 1) - 0.5
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]


def sparse(text):
    """{index: how often}"""
    counts = {}
    for word in text.split():
        at = int.from_bytes(_digest(word)[:4], "big") % WORDS
        counts[at] = counts.get(at, 0.0) + 1.0
    return counts
