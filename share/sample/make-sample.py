#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes points-*.json.gz from the full debian-packages data set.

usage: make-sample.py FOLDER   (holds packages.jsonl.gz and vectors.f16.npy)

Blocks of 25 neighbours in the alphabet are taken at a fixed stride, so that
families of packages (library, -dev, -doc) stay together; a few blocks are
there by name, so that a first query finds something known. The same input
gives the same bytes.
"""
import gzip
import json
import pathlib
import sys

import numpy as np

BLOCK, POINTS, FILES = 25, 5000, 5
NAMED = ("lighttpd", "libxml2-dev", "postgresql", "gcc-12", "oneko")


def rows(names):
    blocks = len(names) // BLOCK
    chosen = {names.index(name) // BLOCK for name in NAMED}
    stride = np.linspace(0, blocks - 1, POINTS // BLOCK, dtype=int)
    for block in stride:
        if len(chosen) < POINTS // BLOCK:
            chosen.add(int(block))
    spare = (b for b in range(blocks) if b not in chosen)
    while len(chosen) < POINTS // BLOCK:
        chosen.add(next(spare))
    return [b * BLOCK + i for b in sorted(chosen) for i in range(BLOCK)]


def main():
    source = pathlib.Path(sys.argv[1])
    target = pathlib.Path(__file__).parent
    with gzip.open(source / "packages.jsonl.gz", "rt") as lines:
        payloads = [json.loads(line) for line in lines]
    vectors = np.load(source / "vectors.f16.npy").astype(np.float32)
    chosen = rows([payload["package"] for payload in payloads])
    for part, ids in enumerate(np.array_split(np.array(chosen), FILES)):
        points = []
        for row in ids.tolist():
            largest = np.abs(vectors[row]).max()
            steps = np.rint(vectors[row] / largest * 127).astype(int)
            vector = ",".join(map(str, steps))
            payload = json.dumps(payloads[row], ensure_ascii=False,
                                 separators=(",", ":"))
            points.append(f'{{"id":{row},"vector":[{vector}],'
                          f'"payload":{payload}}}')
        body = '{"points":[\n' + ",\n".join(points) + "\n]}\n"
        path = target / f"points-{part}.json.gz"
        with open(path, "wb") as raw, gzip.GzipFile(
                fileobj=raw, mode="wb", filename="", mtime=0) as out:
            out.write(body.encode())


if __name__ == "__main__":
    main()
