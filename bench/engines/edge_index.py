# SPDX-License-Identifier: Apache-2.0
"""qdrant-edge with payload indexes, in a process of its own; called by index.py
with one argument of JSON: {"do": "build" | "index" | "load" | "drop", "folder",
...}. Prints one line of JSON.

Its segments are optimised before, so that an index is in its compact, read-only
form, and loading a folder has nothing of building it in memory. Vectors have 4
dimensions: they are loaded with the rest, and only differences count."""

import ctypes
import gc
import json
import sys
import time

BATCH = 1000


def anonymous():
    """Bytes of this process that no file is behind."""
    from measure.machine import resident

    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return resident(key="RssAnon")


def config():
    import qdrant_edge as q

    return q.EdgeConfig(
        vectors=q.EdgeVectorParams(size=4, distance=q.Distance.Dot,
                                   on_disk=True),
        hnsw_config=q.HnswIndexConfig(m=4, ef_construct=8,
                                      full_scan_threshold=10,
                                      max_indexing_threads=2, on_disk=True),
        optimizers=q.EdgeOptimizersConfig(
            default_segment_number=1, indexing_threshold=10,
            max_segment_size=10**9),
        on_disk_payload=True)


def build(options):
    import numpy as np
    import qdrant_edge as q

    shard = q.EdgeShard.create(options["folder"], config())
    base = np.load(options["base"], mmap_mode="r")[:, :4]
    begin, batch = time.perf_counter(), []
    with open(options["payloads"]) as file:
        for at, line in enumerate(file):
            batch.append(q.Point(id=at, vector=base[at].tolist(),
                                 payload=json.loads(line)))
            if len(batch) == BATCH or at + 1 == len(base):
                shard.update(q.UpdateOperation.upsert_points(batch))
                batch = []
    shard.flush()
    while shard.optimize():
        pass
    shard.close()
    return {"build_s": time.perf_counter() - begin}


def load(options):
    import qdrant_edge as q

    shard = q.EdgeShard.load(options["folder"])
    time.sleep(options.get("settle", 1))
    return shard, {"anonymous": anonymous()}


def index(options):
    import qdrant_edge as q

    shard, result = load(options)
    kind = getattr(q.PayloadSchemaType, options["kind"].capitalize())
    begin, cpu = time.perf_counter(), time.process_time()
    shard.update(q.UpdateOperation.create_field_index(options["field"], kind))
    result["wall_s"] = time.perf_counter() - begin
    result["cpu_s"] = time.process_time() - cpu
    result["grown"] = anonymous() - result["anonymous"]
    shard.flush()
    while shard.optimize():
        pass
    shard.close()
    return result


def drop(options):
    import qdrant_edge as q

    shard, _ = load({**options, "settle": 0})
    shard.update(q.UpdateOperation.delete_field_index(options["field"]))
    shard.flush()
    shard.close()
    return {}


def main():
    options = json.loads(sys.argv[1])
    do = {"build": build, "index": index, "drop": drop,
          "load": lambda options: load(options)[1]}
    print(json.dumps(do[options["do"]](options)), flush=True)


if __name__ == "__main__":
    main()
