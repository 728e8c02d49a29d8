# SPDX-License-Identifier: Apache-2.0
"""upload_collection of a matrix by qdrant-client, in a process whose
PYTHONPATH has it."""

import json
import sys
import time

import numpy as np
from qdrant_client import QdrantClient, models


def main():
    options = json.loads(sys.argv[1])
    vectors = np.concatenate([np.load(path) for path in options["vectors"]])
    payloads = None
    if options["payloads"]:
        with open(options["payloads"]) as file:
            payloads = [json.loads(line) for line in file]
    client = QdrantClient(host="127.0.0.1", port=options["port"],
                          grpc_port=options["grpc_port"], timeout=600,
                          prefer_grpc=options["is_grpc"],
                          check_compatibility=False)
    client.create_collection(options["name"], models.VectorParams(
        size=vectors.shape[1], distance=models.Distance.COSINE))
    begin, cpu = time.perf_counter(), time.process_time()
    client.upload_collection(options["name"], vectors, payload=payloads,
                             ids=range(len(vectors)),
                             batch_size=options["batch"])
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    count = client.count(options["name"], exact=True).count
    assert count == len(vectors), f"{count} of {len(vectors)} are there"
    print(json.dumps({"points": count, "seconds": seconds,
                      "client_cpu_s": cpu}))


if __name__ == "__main__":
    main()
