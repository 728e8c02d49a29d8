# SPDX-License-Identifier: Apache-2.0
"""Exact neighbours and recall that counts ties.

A hit is right when its exact similarity is not worse than the k-th exact one
by more than TIE: among equals any choice is right, and float sums differ in
their last digits from engine to engine.
"""

import numpy as np

TIE = 1e-5
BLOCK_BYTES = 256 << 20


def nearest(base, queries, count):
    """Similarities of the `count` nearest rows of `base` for each query,
    descending: float32[queries][count]. Unit vectors in; blocks of BLAS."""
    step = max(1000, BLOCK_BYTES // (4 * len(queries)))
    best = np.full((len(queries), 0), -np.inf, np.float32)
    for at in range(0, len(base), step):
        part = queries @ np.asarray(base[at:at + step]).T
        keep = min(count, part.shape[1])
        part = np.partition(part, part.shape[1] - keep, axis=1)[:, -keep:]
        best = np.concatenate([best, part], axis=1)
        if best.shape[1] > count:
            best = np.partition(best, best.shape[1] - count, 1)[:, -count:]
    return -np.sort(-best, axis=1)


def repeated(ids):
    """How many entries repeat an id of their own row; -1 is no id."""
    ordered = np.sort(ids, axis=1)
    return int(np.count_nonzero(
        (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)))


def recall(ids, base, queries, kth):
    """Share of right hits in ids[queries][k]; `kth` is the similarity of each
    query's k-th exact neighbour. An id that is returned twice counts once, an
    id out of range is wrong."""
    ids = np.asarray(ids).astype(np.int64)
    found = (ids >= 0) & (ids < len(base))
    rows = base[np.where(found, ids, 0).ravel()].reshape(*ids.shape, -1)
    similarity = np.einsum("qkd,qd->qk", rows, queries)
    good = found & (similarity >= np.asarray(kth)[:, None] - TIE)
    wrong_twice = repeated(np.where(good, ids, -1))
    return (np.count_nonzero(good) - wrong_twice) / ids.size
