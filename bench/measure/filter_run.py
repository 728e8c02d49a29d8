# SPDX-License-Identifier: Apache-2.0
"""What a run of filtered searches asks for, and what the right hits are."""

import json
import os

import numpy as np

from measure import families
from measure.recall import TIE, repeated


def first_points(data, count, folder):
    """Leaves the first points in the set, in a file of their own."""
    data.base = np.asarray(data.base[:count])
    data.base_path = os.path.join(folder, "base.npy")
    np.save(data.base_path, data.base)


class Run:
    """The set, its payloads and families, as files for the engines."""

    def __init__(self, data, folder, arguments):
        self.data, self.folder, self.arguments = data, folder, arguments
        self.queries = data.queries[:arguments.queries]
        self.points, self.families = families.make(data, len(self.queries))
        if arguments.groups:
            self.families = [f for f in self.families
                             if f.group in ("free", *arguments.groups.split(","))]
        self.fields = [field for field in families.INDEXES
                       if field[0] in self.points[0]]
        self.path = {name: os.path.join(folder, name) for name in (
            "queries.npy", "payloads.jsonl", "families.json", "masks.npy")}
        np.save(self.path["queries.npy"], self.queries)
        with open(self.path["payloads.jsonl"], "w") as file:
            file.writelines(json.dumps(p) + "\n" for p in self.points)
        with open(self.path["families.json"], "w") as file:
            json.dump([f.filters for f in self.families], file)
        self.places, masks = [], []
        for family in self.families:
            self.places.append((len(masks), len(family.masks)))
            masks += [np.packbits(mask, bitorder="little")
                      for mask in family.masks]
        np.save(self.path["masks.npy"], np.array(masks))
        self.kth = [self.exact(family) for family in self.families]

    def exact(self, family):
        """Similarity of the k-th exact neighbour that passes, or of the last
        one, and how many there are at most."""
        kth = np.empty(len(self.queries), np.float32)
        most = np.empty(len(self.queries), np.int64)
        base = np.asarray(self.data.base)
        groups = {}
        for q in range(len(self.queries)):
            groups.setdefault(id(family.mask(q)), []).append(q)
        for numbers in groups.values():
            mask = family.mask(numbers[0])
            near = base[mask] @ self.queries[numbers].T
            count = min(self.arguments.k, len(near))
            most[numbers] = count
            kth[numbers] = np.partition(near, -count, axis=0)[-count]
        return kth, most

    def recall(self, number, ids):
        """Share of the right hits; a hit that does not pass ends the run."""
        family, (kth, most) = self.families[number], self.kth[number]
        good = 0
        for q, row in enumerate(ids):
            row = row[row >= 0]
            if not family.mask(q)[row].all():
                raise RuntimeError(f"{family.name}: a hit does not pass")
            near = self.data.base[row] @ self.queries[q]
            good += min(np.count_nonzero(near >= kth[q] - TIE), most[q])
        return (good - repeated(ids)) / most.sum()
