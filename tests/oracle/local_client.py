# SPDX-License-Identifier: Apache-2.0
"""Answers filters by the local mode of the public client, in a process of its
own since that client brings its own packages. Each line of standard input is
{"points": [...]} to upsert or {"filter": {...}}; each line of standard output
the ids that match, ascending."""
import json
import sys

from qdrant_client import QdrantClient, models

NAME = "points"


def main():
    client = QdrantClient(":memory:")
    size = models.VectorParams(size=2, distance=models.Distance.DOT)
    client.create_collection(NAME, vectors_config={"v": size, "w": size})
    for line in sys.stdin:
        request = json.loads(line)
        answer = []
        if "points" in request:
            client.upsert(NAME, [models.PointStruct(**point)
                                 for point in request["points"]])
        else:
            found, _ = client.scroll(
                NAME, models.Filter.model_validate(request["filter"]),
                limit=100000, with_payload=False)
            answer = sorted(record.id for record in found)
        print(json.dumps(answer), flush=True)


main()
