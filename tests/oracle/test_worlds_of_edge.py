# SPDX-License-Identifier: Apache-2.0
"""Random collections with vectors of every kind for azimuthd and for
qdrant-edge: searches and filters, records, pages and counts are the same, in
memory without indexes and on disk with indexes, codes and graphs; fresh, after
changes of every kind, a restart, more changes and a kill, and when indexes and
codes are exchanged and all is linked.

  AZIMUTH_ORACLE_ROUNDS   queries, and filters, for each world (default: 150)
  AZIMUTH_ORACLE_SEED     the first world's seed (default: 1)
  AZIMUTH_ORACLE_WORLDS   how many worlds (default: 4)
  AZIMUTH_ORACLE_POINTS   points of each (default: 300)
"""
import json
import os

import filters
import ours
import pytest
from edge_world import Shard
from queries import Queries
from same import difference, recalled, same_record
from test_filters_of_edge import SCHEMAS
from test_texts_of_edge import PARAMETERS
from worlds import World

POINTS = int(os.environ.get("AZIMUTH_ORACLE_POINTS", "300"))
BATCH = 25
CHANGES = 12
RECALL_MIN = 0.99
WORLDS = int(os.environ.get("AZIMUTH_ORACLE_WORLDS", "4"))
ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", "150"))
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", "1"))
NAMES = ("plain", "indexed")
CODES = ({"scalar": {"type": "int8", "always_ram": True}},
         {"product": {"compression": "x4"}}, {"turbo": {}},
         {"binary": {"encoding": "two_bits"}})


def collection(name, world, number):
    """What creates it."""
    is_rich = name == "indexed"
    vectors = {name: dict(params, on_disk=is_rich)
               for name, params in world.dense.items()}
    vectors["m"]["multivector_config"] = {"comparator": "max_sim"}
    if is_rich:
        vectors["q"]["quantization_config"] = CODES[number % len(CODES)]
    return {
        "vectors": vectors,
        "sparse_vectors": {"s": {"index": {"on_disk": is_rich}},
                           "i": {"modifier": "idf"}},
        "hnsw_config": {"full_scan_threshold": 10 if is_rich else 10000},
        "optimizers_config": {"indexing_threshold": 1 if is_rich else 10000},
    }


def text_schema(number):
    return {"type": "text", **PARAMETERS[number % len(PARAMETERS)]}


def index_ours(engine, number, text):
    schemas = {field: SCHEMAS[(number + place * 3) % len(SCHEMAS)]
               for place, field in enumerate(filters.FIELDS)}
    schemas["k"] = "integer"
    schemas["t"] = text
    for field, schema in schemas.items():
        if schema is not None:
            engine.call("PUT", "/collections/indexed/index?wait=true", {
                "field_name": field, "field_schema": schema}).result


class Comparison:
    def __init__(self, engine, shard, world, part):
        self.engine = engine
        self.shard = shard
        self.world = world
        self.part = part
        self.halves = [name for name, params in world.dense.items()
                       if params.get("datatype") == "float16" and
                       params["distance"] == "Cosine"]
        self.has_idf = True  # nothing was changed
        self.recalled = self.wanted = 0  # of walks

    def everything(self, rounds, when):
        self.records(when)
        ids = [id for id in self.world.ids_made
               if len(self.known.get(str(id), ((), ()))[1]) == 6]
        queries = Queries(self.world, ids, self.has_idf)
        for begin in range(0, rounds, BATCH):
            count = min(BATCH, rounds - begin)
            self.queries([queries.one() for _ in range(count)], when)
            self.filters(count, when)
            self.pages()

    def records(self, when):
        """Of every point. What was written is known by edge's word."""
        self.known = self.shard.records(self.world.ids_made)
        for name in NAMES:
            got = ours.records(self.engine, name, self.world.ids_made)
            for id in sorted({*got, *self.known}):
                self.part.check(
                    "record beside edge", id in got and id in self.known and
                    same_record(got[id], self.known[id], self.halves),
                    lambda: (name, when, id, got.get(id), self.known.get(id)))

    def queries(self, made, when):
        bodies = [body for _, body in made]
        every = self.shard.search(bodies, POINTS)
        for name in NAMES:
            found = ours.search(self.engine, name, bodies)
            for (kind, body), got, wanted in zip(made, found, every):
                is_walk = name == "indexed" and not (
                    body.get("params") or {}).get("exact")
                if is_walk and body["using"] not in "si":
                    kind += ", graph"
                differs = difference(got, wanted, body, not is_walk,
                                     self.halves)
                if is_walk:
                    right, most = recalled(got, wanted, body)
                    self.recalled += right
                    self.wanted += most
                self.part.check(kind, differs is None, lambda: (
                    name, when, differs, json.dumps(body)))

    def filters(self, count, when):
        world = self.world
        made = [{"must": [world.condition(2, 0)]} if number % 2
                else world.filter(0, POINTS) for number in range(count)]
        for name in NAMES:
            if name == "indexed":  # only there texts are the same
                made += [world.text_filter() for _ in range(count // 5)]
            found = ours.ids_of(self.engine, name, made)
            for value, got in zip(made, found):
                wanted = self.shard.ids(value)
                self.part.check(
                    "filter of worlds beside edge", got == wanted,
                    lambda: (name, when, json.dumps(value), [
                        (id, self.known[str(id)][0])
                        for id in {*got} ^ {*wanted}][:2]))

    def pages(self):
        """A scroll from somewhere, and a count."""
        world = self.world
        value = world.filter(0, POINTS)
        wanted = self.shard.ids(value)
        begin = world.random.randrange(len(wanted)) if wanted else 0
        size = world.random.randrange(1, 40)
        for name in NAMES:
            page = self.engine.call(
                "POST", f"/collections/{name}/points/scroll", {
                    "filter": value, "limit": size,
                    "offset": wanted[begin] if wanted else None}).result
            after = wanted[begin + size:begin + size + 1] or [None]
            self.part.check(
                "page of a scroll beside edge",
                [p["id"] for p in page["points"]] == wanted[begin:begin + size]
                and page["next_page_offset"] == after[0],
                lambda: (name, json.dumps(value), begin, size))
            self.part.check("count beside edge", self.engine.count(
                name, value) == len(wanted), lambda: (name, value))

    def change(self, count):
        self.has_idf = False
        for _ in range(count):
            change = self.world.change()
            (kind, body), = change.items()
            if kind != "upsert" and "points" in body:
                # With an id that is not there it would be 404.
                body["points"] = self.shard.selected(body)
            if kind == "set" and "key" not in body:
                self.leave_out_nulls(body)
            if kind == "vectors":
                body = {"points": [
                    {"id": id, "vector": {name: self.world.vector(name)
                                          for name in body["names"]}}
                    for id in self.shard.selected(body)]}
            if kind == "upsert" or body.get("points") != []:
                self.both({kind: body})

    def leave_out_nulls(self, body):
        """Where a point has no payload edge keeps the nulls of a change."""
        ids = self.shard.selected(body)
        if not all(found[0] for found in self.shard.records(ids).values()):
            body["payload"] = {name: value for name, value
                               in body["payload"].items() if value is not None}

    def both(self, change):
        self.shard.apply(change)
        for name in NAMES:
            answer = ours.apply(self.engine, name, change)
            assert answer.status == 200, (change, answer)


@pytest.mark.parametrize("number", range(WORLDS))
def test_worlds_are_those_of_edge(engine, tmp_path, part, number):
    number += SEED * 100
    world = World(number, POINTS)
    shard = Shard(tmp_path / "edge", world)
    for name in NAMES:
        engine.call("PUT", f"/collections/{name}",
                    collection(name, world, number)).result
    points = world.points()
    shard.upsert(points)
    for name in NAMES:
        engine.upsert(name, points)
    shard.index("t", text_schema(number))  # else it answers otherwise
    index_ours(engine, number, text_schema(number))
    comparison = Comparison(engine, shard, world, part)
    comparison.everything(ROUNDS // 3, "fresh")
    comparison.change(CHANGES)
    comparison.everything(ROUNDS // 6, "changed")
    assert engine.stop() == 0
    engine.start()
    comparison.everything(ROUNDS // 6, "restarted")
    comparison.change(CHANGES)
    engine.kill()
    engine.start()
    comparison.everything(ROUNDS // 6, "killed")
    # Other indexes and codes on what lives.
    index_ours(engine, number + 1, text_schema(number))
    engine.call("PATCH", "/collections/indexed", {"vectors": {"q": {
        "quantization_config": CODES[(number + 1) % len(CODES)]}}}).result
    for name in NAMES:
        engine.wait_green(name)
    comparison.everything(ROUNDS // 6, "linked")
    assert comparison.recalled >= RECALL_MIN * comparison.wanted
