# SPDX-License-Identifier: Apache-2.0
"""Made sets that are about as hard as real ones.

A mixture of gaussians: cluster sizes follow Zipf's law, each cluster has its
own width, coordinates have a power-law spectrum within and between clusters,
a random basis hides it, and some rows are exact copies of others. Queries are
drawn from another mixture: half between two clusters, half from clusters of
equal weight, all wider. Everything follows from SEED and VERSION; rows are
made in chunks, so that memory stays small.
"""

import numpy as np

SEED = 20260901
VERSION = 1
CHUNK = 50_000
DUPLICATES = 0.03


class Mixture:
    """`decay` is the exponent of the spectrum (of standard deviations),
    `width` the size of a cluster beside the distance of clusters. Both were
    chosen so that the LID of the queries is near the real set's."""

    def __init__(self, points, dim, decay, width):
        self.points, self.dim, self.width = points, dim, width
        rng = np.random.default_rng([SEED, VERSION, points, dim])
        spectrum = np.arange(1, dim + 1) ** -decay
        self.spectrum = (spectrum / np.linalg.norm(spectrum)).astype(
            np.float32)
        count = max(20, points // 300)
        self.centres = rng.standard_normal(
            (count, dim), np.float32) * self.spectrum
        share = 1.0 / np.arange(1, count + 1) ** 0.7
        self.share = share / share.sum()
        self.widths = (width * rng.lognormal(0, 0.25, count)).astype(
            np.float32)
        basis, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
        self.basis = basis.astype(np.float32)

    def _finish(self, rows):
        rows = rows @ self.basis
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def _around(self, rng, centres, widths):
        noise = rng.standard_normal(centres.shape, np.float32) * self.spectrum
        return self._finish(centres + widths[:, None] * noise)

    def chunks(self):
        """The rows of the base, in order, CHUNK at a time."""
        for at in range(0, self.points, CHUNK):
            rng = np.random.default_rng([SEED, VERSION, 1, at])
            count = min(CHUNK, self.points - at)
            cluster = rng.choice(len(self.centres), count, p=self.share)
            rows = self._around(rng, self.centres[cluster],
                                self.widths[cluster])
            copies = rng.choice(count, int(count * DUPLICATES), replace=False)
            rows[copies] = rows[rng.integers(0, count, len(copies))]
            yield np.ascontiguousarray(rows)

    def queries(self, count):
        rng = np.random.default_rng([SEED, VERSION, 2, count])
        pair = rng.integers(0, len(self.centres), (2, count))
        part = rng.random((count, 1), np.float32)
        part[: count // 2] = 0
        centres = ((1 - part) * self.centres[pair[0]] +
                   part * self.centres[pair[1]])
        return np.ascontiguousarray(self._around(
            rng, centres, 1.1 * self.widths[pair[0]]))
