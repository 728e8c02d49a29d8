# SPDX-License-Identifier: Apache-2.0
"""The same queries by the public client to its local mode and, over REST and
gRPC, to azimuthd, in a process of its own since that client brings its own
packages. Each line of standard input is one of
  {"connect": [port, grpc_port]}
  {"create": [name, {"vectors": {..}, "sparse_vectors": {..}}]}  as REST
  {"index": [name, field, schema]}
  {"points": [name, [..]]}   to upsert
  {"queries": [[method, name, body]]}   method of the client, body as in REST:
      answered by {"local", "rest", "grpc"}, each a list of answers: hits
      [id, score, payload, order value], groups [id, hits, payload of lookup],
      or {"error"}
and each line of standard output its answer."""
import json
import sys
import warnings

from pydantic import TypeAdapter
from qdrant_client import QdrantClient, models

warnings.simplefilter("ignore")
PREFETCH = TypeAdapter(list[models.Prefetch])
QUERY = TypeAdapter(models.QueryInterface)
PASSED = ("using", "limit", "offset", "group_by", "group_size",
          "score_threshold", "with_payload", "with_vectors", "with_lookup")


class Clients:
    def __init__(self, port, grpc_port):
        options = {"port": port, "grpc_port": grpc_port,
                   "check_compatibility": False, "timeout": 60}
        self.all = {
            "local": QdrantClient(":memory:"),
            "rest": QdrantClient("127.0.0.1", **options),
            "grpc": QdrantClient("127.0.0.1", prefer_grpc=True, **options)}
        self.writers = [self.all["local"], self.all["rest"]]

    def create(self, name, body):
        for client in self.writers:
            client.create_collection(
                name,
                vectors_config={
                    key: models.VectorParams.model_validate(params)
                    for key, params in body["vectors"].items()},
                sparse_vectors_config={
                    key: models.SparseVectorParams.model_validate(params)
                    for key, params in body.get("sparse_vectors", {}).items()})

    def index(self, name, field, schema):
        self.all["rest"].create_payload_index(name, field, schema, wait=True)

    def points(self, name, points):
        for client in self.writers:
            client.upsert(name, [models.PointStruct(**point)
                                 for point in points], wait=True)


def arguments(body):
    made = {key: body[key] for key in PASSED if key in body}
    if "query" in body:
        made["query"] = QUERY.validate_python(body["query"])
    if "prefetch" in body:
        made["prefetch"] = PREFETCH.validate_python(body["prefetch"])
    if "filter" in body:
        made["query_filter"] = models.Filter.model_validate(body["filter"])
    if "params" in body:
        made["search_params"] = models.SearchParams.model_validate(
            body["params"])
    if "lookup_from" in body:
        made["lookup_from"] = models.LookupLocation.model_validate(
            body["lookup_from"])
    return made


def hit(point):
    return [point.id, point.score, point.payload, point.order_value]


def ask(client, method, name, body):
    if method == "scroll":
        made = arguments({"filter": body.get("filter", {})})
        records, _ = client.scroll(
            name, scroll_filter=made["query_filter"], limit=body["limit"],
            order_by=models.OrderBy.model_validate(body["order_by"]))
        return [[record.id, 0, record.payload, record.order_value]
                for record in records]
    found = getattr(client, method)(name, **arguments(body))
    if method == "query_points":
        return [hit(point) for point in found.points]
    return [[group.id, [hit(point) for point in group.hits],
             group.lookup and group.lookup.payload]
            for group in found.groups]


def answer(client, query):
    try:
        return ask(client, *query)
    except Exception as error:  # what a client says about a bad query
        return {"error": f"{type(error).__name__}: {error}"[:500]}


def main():
    clients = None
    for line in sys.stdin:
        (kind, body), = json.loads(line).items()
        found = None
        if kind == "connect":
            clients = Clients(*body)
        elif kind == "queries":
            found = {name: [answer(client, query) for query in body]
                     for name, client in clients.all.items()}
        else:
            getattr(clients, kind)(*body)
        print(json.dumps(found), flush=True)


main()
