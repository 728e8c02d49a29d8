# SPDX-License-Identifier: Apache-2.0
"""Random multivectors, queries and filters for comparisons with others."""
import random

DISTANCES = ("Dot", "Cosine", "Euclid", "Manhattan")


class Multivectors:
    """`above_zero`: some numbers are beyond the range of bytes, most are in."""

    def __init__(self, seed, above_zero=False):
        self.above_zero = above_zero
        self.random = random.Random(seed)
        self.dim = self.random.choice((1, 2, 3, 8, 33, 64))
        self.scale = self.random.choice((1.0, 100.0, 1e-3))

    def row(self):
        if self.random.random() < 0.02:
            return [0.0] * self.dim
        if self.above_zero:
            return [self.random.uniform(-10, 280) for _ in range(self.dim)]
        return [self.random.uniform(-1, 1) * self.scale
                for _ in range(self.dim)]

    def rows(self, most):
        return [self.row() for _ in range(self.random.randint(1, most))]

    def point(self, id):
        return {"id": id, "vector": {"m": self.rows(40)},
                "payload": {"n": id % 50}}

    def query(self, points):
        """Some rows, those of a point, or one row as a plain list."""
        kind = self.random.randrange(4)
        if kind == 0:
            return self.random.choice(points)["vector"]["m"]
        if kind == 1:
            return self.row()
        return self.rows(36)


def assert_same(ours, theirs, what, relative=1e-4):
    """Lists of (id, score): the same scores, and the same ids but where
    scores are as good as equal."""
    assert len(ours) == len(theirs), what
    near = relative * max([abs(score) for _, score in theirs] + [1e-6])
    for (_, score), (_, expected) in zip(ours, theirs):
        assert abs(score - expected) <= near, (what, ours, theirs)
    scores = dict(theirs)
    last = theirs[-1][1] if theirs else 0
    for id, score in ours:
        assert abs(scores.get(id, last) - score) <= near, (what, id)
