# SPDX-License-Identifier: Apache-2.0
"""The same calls by the real client over REST, over gRPC and in its own local
mode, which is the model: what they answer must be the same. Started as

    python surface.py PART URL GRPC_PORT

It prints one JSON object: {"compared": N, "differences": [text, ...]}."""
import json
import sys

from qdrant_client import QdrantClient, models

from congruence import is_same, outcome, plain


class Surface:
    def __init__(self, url, port):
        self.clients = {
            "rest": QdrantClient(url=url, timeout=60),
            "grpc": QdrantClient(url=url, timeout=60, prefer_grpc=True,
                                 grpc_port=port)}
        self.model = QdrantClient(":memory:")
        self.compared = 0
        self.differences = []

    def same(self, what, call, model=True, tidy=plain):
        """call(client, name) by all; the model may not know it. Refusals must
        be alike over REST and gRPC; that the model refuses, too, is enough."""
        results = {kind: outcome(lambda: call(client, f"surface-{kind}"))
                   for kind, client in self.clients.items()}
        if model:
            try:
                results["model"] = ("answer", call(self.model, "surface-model"))
            except (ValueError, KeyError):
                results["model"] = ("refused", None)
        self.compared += 1
        kinds = {kind for kind, _ in results.values()}
        if len(kinds) == 1 and kinds == {"refused"}:
            rest, other = results["rest"][1], results["grpc"][1]
            well = isinstance(other, tuple) and rest[0] in other
        else:
            values = [tidy(value) for _, value in results.values()]
            well = len(kinds) == 1 and all(is_same(values[0], value)
                                           for value in values[1:])
        if not well:
            self.differences.append(f"{what}: {results}"[:2000])
        return results

    def create(self, **more):
        more.setdefault("vectors_config", models.VectorParams(
            size=4, distance=models.Distance.COSINE))
        for kind, client in [*self.clients.items(), ("model", self.model)]:
            name = f"surface-{kind}"
            if client.collection_exists(name):
                client.delete_collection(name)
            client.create_collection(name, **more)

    def every(self, call):
        for kind, client in [*self.clients.items(), ("model", self.model)]:
            call(client, f"surface-{kind}")


# ---- aliases ----

def create_alias(collection, alias):
    return models.CreateAliasOperation(create_alias=models.CreateAlias(
        collection_name=collection, alias_name=alias))


def delete_alias(alias):
    return models.DeleteAliasOperation(
        delete_alias=models.DeleteAlias(alias_name=alias))


def rename_alias(old, new):
    return models.RenameAliasOperation(rename_alias=models.RenameAlias(
        old_alias_name=old, new_alias_name=new))


def suffixes(answer):
    value = plain(answer)
    if not isinstance(value, dict):
        return value
    return sorted(a["alias_name"].rsplit("-", 1)[-1] for a in value["aliases"])


def aliases(s):
    s.create()
    s.every(lambda c, n: c.upsert(n, [models.PointStruct(
        id=1, vector=[1, 0, 0, 0], payload={"a": 1})]))

    def change(*make):
        s.same(f"change {len(s.differences)}", lambda c, n:
               c.update_collection_aliases([m(n) for m in make]))
        s.same("list", lambda c, n: c.get_collection_aliases(n),
               tidy=suffixes)

    change(lambda n: create_alias(n, n + "-one"),
           lambda n: create_alias(n, n + "-two"))
    change(lambda n: rename_alias(n + "-one", n + "-three"),
           lambda n: delete_alias(n + "-two"),
           lambda n: create_alias(n, n + "-four"))
    change(lambda n: create_alias(n, n + "-four"))
    for call in (
            lambda c, n: c.query_points(n + "-three", [1.0, 0, 0, 0],
                                        with_vectors=True).points,
            lambda c, n: c.scroll(n + "-four"),
            lambda c, n: c.retrieve(n + "-four", [1]),
            lambda c, n: c.count(n + "-three"),
            lambda c, n: c.get_collection(n + "-three").points_count,
            lambda c, n: c.get_collection_aliases(n).aliases != [],
            lambda c, n: c.upsert(n + "-four", [models.PointStruct(
                id=2, vector=[0, 1, 0, 0])]).status,
            lambda c, n: c.count(n)):
        s.same("by alias", call)
    # The model finds no aliases for these.
    for call in (lambda c, n: c.collection_exists(n + "-three"),
                 lambda c, n: c.delete_collection(n + "-three"),
                 lambda c, n: c.collection_exists(n)):
        s.same("by alias", call, model=False)
    s.same("no such collection", lambda c, n: c.update_collection_aliases(
        [create_alias("surface-none", n + "-x")]))
    s.same("no such alias", lambda c, n: c.update_collection_aliases(
        [rename_alias(n + "-none", n + "-x")]))
    s.same("deleting none", lambda c, n: c.update_collection_aliases(
        [delete_alias(n + "-none")]), model=False)
    s.same("a collection's name", lambda c, n: c.update_collection_aliases(
        [create_alias(n, n)]), model=False)
    s.every(lambda c, n: c.delete_collection(n))
    s.same("gone with it", lambda c, n: [
        a for a in c.get_aliases().aliases if a.collection_name == n])


PARTS = {"aliases": aliases}


def main():
    part, url, port = sys.argv[1:4]
    surface = Surface(url, int(port))
    PARTS[part](surface)
    print(json.dumps({"compared": surface.compared,
                      "differences": surface.differences}))


main()
