# SPDX-License-Identifier: Apache-2.0
"""The calls that left the client in 1.16: test_old_routes.py starts it with 1.15
as

    python old_routes.py PORT GRPC_PORT

It prints a list of [what, how many points, what was found, what the query API
finds]."""
import json
import sys

from qdrant_client import QdrantClient, models

NAME = "old-routes"
STRATEGIES = ("average_vector", "best_score", "sum_scores")


def fill(client):
    client.create_collection(NAME, {
        "a": models.VectorParams(size=3, distance=models.Distance.COSINE)})
    client.upsert(NAME, [
        models.PointStruct(
            id=i, vector={"a": [i % 7 - 3.1, i % 5 + 0.5, i * 0.1]},
            payload={"i": i}) for i in range(40)])


def found(points):
    return [[point.id, round(point.score, 4), point.payload, point.vector]
            for point in points]


def recommend(strategy):
    return ({"positive": [1, 2, [0.5, 1.0, 0.0]], "negative": [9],
             "strategy": strategy},
            models.RecommendQuery(recommend=models.RecommendInput(
                positive=[1, 2, [0.5, 1.0, 0.0]], negative=[9],
                strategy=strategy)))


PAIR = models.ContextExamplePair(positive=3, negative=4)
QUERY_PAIR = models.ContextPair(positive=3, negative=4)


def main():
    port, grpc_port = map(int, sys.argv[1:])
    answers = []
    more = {"using": "a", "limit": 6, "offset": 1, "with_payload": True,
            "query_filter": models.Filter(must=[models.FieldCondition(
                key="i", range=models.Range(lt=35))])}
    for prefer in (False, True):
        client = QdrantClient(host="127.0.0.1", port=port, timeout=30,
                              grpc_port=grpc_port, prefer_grpc=prefer,
                              check_compatibility=False)
        if not prefer:
            fill(client)
        for strategy in STRATEGIES:
            old, query = recommend(models.RecommendStrategy(strategy))
            answers.append([
                f"recommend {strategy}",
                found(client.recommend(NAME, **old, **more)),
                found(client.query_points(NAME, query, **more).points)])
        discover = {
            "discover": (
                {"target": 5, "context": [PAIR]},
                models.DiscoverQuery(discover=models.DiscoverInput(
                    target=5, context=[QUERY_PAIR]))),
            "context": ({"context": [PAIR]},
                        models.ContextQuery(context=[QUERY_PAIR]))}
        for what, (old, query) in discover.items():
            answers.append([
                what, found(client.discover(NAME, **old, **more)),
                found(client.query_points(NAME, query, **more).points)])
        requests = [models.RecommendRequest(positive=[i], using="a", limit=3)
                    for i in (1, 2)]
        answers.append([
            "recommend batch",
            sum(map(found, client.recommend_batch(NAME, requests)), []),
            sum((found(client.recommend(NAME, [i], using="a", limit=3,
                                        with_payload=False))
                 for i in (1, 2)), [])])
        requests = [models.DiscoverRequest(target=i, context=[PAIR], using="a",
                                           limit=3) for i in (1, 2)]
        answers.append([
            "discover batch",
            sum(map(found, client.discover_batch(NAME, requests)), []),
            sum((found(client.discover(NAME, target=i, context=[PAIR],
                                       using="a", limit=3, with_payload=False))
                 for i in (1, 2)), [])])
        client.close()
    print(json.dumps(answers))


main()
