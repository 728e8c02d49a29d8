# SPDX-License-Identifier: Apache-2.0
"""Upserts into qdrant-edge in a process of its own; called by ingest.py with
one argument of JSON, prints one line of JSON. Operations are made before the
clock starts. With `flush`, each is followed by flush(), because an update
alone is in its log but not synced: then an acknowledged one survives a power
loss, as ours with wait=true."""

import json
import sys
import time

import numpy as np

from engines.peers import QdrantEdge
from measure.machine import resident

PAYLOAD = {
    "title": "A small document as many collections hold", "lang": "en",
    "year": 2026, "price": 19.95, "is_public": True,
    "tags": ["alpha", "beta", "gamma"],
    "text": "Some hundred characters of plain text that are stored with the "
            "point, given back on request and never looked at by the index "
            "of vectors."}


def operations(edge, base, batch, payload):
    for begin in range(0, len(base), batch):
        yield edge.UpdateOperation.upsert_points([
            edge.Point(id=begin + i, vector=row.tolist(), payload=payload)
            for i, row in enumerate(base[begin:begin + batch])])


def main():
    import qdrant_edge as edge

    options = json.loads(sys.argv[1])
    base = np.load(options["base"], mmap_mode="r")[:options["points"]]
    peer = QdrantEdge(options["m"], options["ef_construct"],
                      options["threads"], options["folder"])
    shard = edge.EdgeShard.create(peer.folder, peer.config(base.shape[1]))
    orders = list(operations(edge, base, options["batch"],
                             PAYLOAD if options["payload"] else None))
    before = resident()
    each = []
    begin = time.perf_counter()
    for order in orders:
        start = time.perf_counter()
        shard.update(order)
        if options["flush"]:
            shard.flush()
        each.append(time.perf_counter() - start)
    seconds = time.perf_counter() - begin
    while options["index"] and shard.optimize():
        pass
    p50, p99 = np.percentile(each, [50, 99]) * 1e6
    print(json.dumps({
        "points_per_s": len(base) / seconds, "seconds": seconds,
        "indexed_s": time.perf_counter() - begin if options["index"] else None,
        "p50_us": p50, "p99_us": p99, "resident": resident() - before}))


if __name__ == "__main__":
    main()
