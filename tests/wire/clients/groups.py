# SPDX-License-Identifier: Apache-2.0
"""Groups over REST and over gRPC: test_groups.py starts it as

    python groups.py PORT GRPC_PORT

It prints a list of [what, how many groups, the same or not, what REST said and
what gRPC said]."""
import json
import sys

from qdrant_client import QdrantClient, models

QUERIES = {
    "nearest": {
        "query": [0.4, 0.0], "group_by": "doc", "limit": 4, "group_size": 2,
        "with_payload": True, "with_vectors": True},
    "lookup": {
        "query": [0.4, 0.0], "group_by": "number", "limit": 9,
        "with_lookup": models.WithLookup(collection="books")},
    "by id": {"query": 7, "group_by": "tags", "with_lookup": "books"},
    "fusion": {
        "query": models.FusionQuery(fusion=models.Fusion.RRF),
        "group_by": "doc", "group_size": 1,
        "prefetch": [models.Prefetch(query=[9.4, 0.0]),
                     models.Prefetch(query=[19.4, 0.0])]},
    "formula": {
        "query": models.FormulaQuery(formula=models.SumExpression(
            sum=["$score", models.MultExpression(mult=[2.0, "i"])])),
        "group_by": "doc", "limit": 2,
        "prefetch": [models.Prefetch(query=[9.4, 0.0], limit=60)]},
}
OLD = {
    "search_groups": {"query_vector": [0.4, 0.0], "group_by": "doc",
                      "limit": 3, "group_size": 2},
    "recommend_groups": {"positive": [3], "negative": [50],
                         "group_by": "number", "limit": 3, "group_size": 2,
                         "with_lookup": "books"},
}


def main():
    port, grpc_port = map(int, sys.argv[1:])
    clients = [QdrantClient(host="127.0.0.1", port=port, grpc_port=grpc_port,
                            prefer_grpc=prefer, check_compatibility=False)
               for prefer in (False, True)]
    asked = [("query_points_groups", what, body)
             for what, body in QUERIES.items()]
    asked += [(what, what, body) for what, body in OLD.items()
              if hasattr(clients[0], what)]
    answers = []
    for method, what, body in asked:
        rest, grpc = (getattr(client, method)("parts", **body)
                      for client in clients)
        for answer in rest, grpc:
            for group in answer.groups:
                for hit in group.hits:
                    hit.score = round(hit.score, 4)  # REST has fewer digits
        answers.append([what, len(rest.groups), rest == grpc, repr(rest),
                        repr(grpc)])
    print(json.dumps(answers))


main()
