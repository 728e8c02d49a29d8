# SPDX-License-Identifier: Apache-2.0
"""Many points with small vectors and payloads: the real ones again and again,
with fields beside them that are another value each time."""

import datetime
import json
import os
import uuid

import numpy as np

from measure import dataset, families
from measure.machine import cache_folder, say

DIM, SEED, VERSION = 32, 5, 1
# name, type of the payload index, what the values are like
FIELDS = (
    ("section", "keyword", "some 60 words"),
    ("tags", "keyword", "several of 600 words"),
    ("shop", "keyword", "a word for 100 points"),
    ("code", "keyword", "another word each"),
    ("depends", "integer", "small numbers"),
    ("number", "integer", "another number each"),
    ("price", "float", "another number each"),
    ("is_free", "bool", "a third true"),
    ("moment", "datetime", "another each"),
    ("key", "uuid", "another each"),
    ("place", "geo", "another each"),
    ("summary", "text", "six words of 50,000"),
)


def payload(record, at, number, draw):
    """What point `at` has; `draw` are four numbers of 0..1."""
    moment = datetime.datetime(2020, 1, 1) + datetime.timedelta(
        seconds=int(draw[1] * 2e8))
    return {**record, "shop": f"shop-{number // 100}", "code": f"c-{number:07}",
            "number": number, "price": round(draw[0] * 1000, 2) + at * 1e-8,
            "is_free": draw[1] < 1 / 3, "moment": moment.isoformat() + "Z",
            "key": str(uuid.UUID(int=(number << 90) | int(draw[2] * 2**64),
                                 version=4)),
            "place": {"lon": round(draw[2] * 360 - 180, 6),
                      "lat": round(draw[3] * 180 - 90, 6)}}


def make(points, queries=1000):
    """Paths of vectors, queries and payloads, from the cache."""
    folder = os.path.join(cache_folder("bench-data"),
                          f"fields-{VERSION}-{points}")
    paths = [os.path.join(folder, name)
             for name in ("base.npy", "queries.npy", "payloads.jsonl")]
    if os.path.exists(os.path.join(folder, "ready")):
        return paths
    say(f"making {points:,} points")
    os.makedirs(folder, exist_ok=True)
    data = dataset.load("real", 1000)
    random = np.random.default_rng(SEED)
    real = np.array(data.base)
    line = np.linalg.svd(real[:20000] - real.mean(axis=0),
                         full_matrices=False)[2][:DIM].T
    small = real @ line
    rows = small[np.arange(points) % len(small)]
    rows += random.normal(0, small.std() / 3, rows.shape).astype(np.float32)
    rows = dataset.unit(rows)  # float32
    np.save(paths[0], rows)
    np.save(paths[1], dataset.unit(data.queries @ line)[:queries])
    records = families.payloads(data)[0]
    numbers = random.permutation(points)
    with open(paths[2], "w") as file:
        for at in range(points):
            file.write(json.dumps(
                payload(records[at % len(records)], at, int(numbers[at]),
                        random.random(4).tolist()),
                separators=(",", ":")) + "\n")
    open(os.path.join(folder, "ready"), "w").close()
    return paths
