# SPDX-License-Identifier: Apache-2.0
"""Everything at once: writers, searches, scrolls, indexes that come and go,
collections that come and go. No answer may be a server error, every answer is
consistent in itself, and the end state is what the last writes say."""
import os
import random
import threading
import time

import pytest

SECONDS = float(os.environ.get("AZIMUTH_LOAD_SECONDS", "5"))
DIM = 16
IDS = 2000


def vector_of(id, round):
    numbers = random.Random(id * 7919 + round)
    return [numbers.uniform(-1, 1) for _ in range(DIM)]


class Load:
    def __init__(self, engine, name):
        self.engine = engine
        self.name = name
        self.end = time.monotonic() + SECONDS
        self.failures = []
        self.last = {}
        self.answers = 0

    def run(self, workers):
        threads = [threading.Thread(target=self.work, args=(worker, i))
                   for i, worker in enumerate(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not self.failures, self.failures[:3]
        assert self.answers > len(workers)

    def work(self, worker, number):
        connection = self.engine.connect()
        numbers = random.Random(number)
        try:
            while time.monotonic() < self.end and not self.failures:
                worker(connection, numbers, number)
                self.answers += 1
        except Exception as error:
            self.failures.append(f"{worker.__name__}: {error!r}")
        finally:
            connection.close()

    def call(self, connection, method, path, body, allowed=(200,)):
        answer = self.engine.call(method, f"/collections/{self.name}{path}",
                                  body, connection=connection)
        assert answer.status in allowed, answer
        return answer.json.get("result")

    # ---- workers; each writer owns its ids ----

    def writer(self, connection, numbers, number):
        ids = numbers.sample(range(number, IDS, 3), 20)
        if numbers.random() < 0.25:
            self.call(connection, "POST", "/points/delete?wait=true",
                      {"points": ids})
            self.last.update({id: None for id in ids})
        elif numbers.random() < 0.25:
            ids = [id for id in ids if self.last.get(id) is not None]
            self.call(connection, "POST", "/points/payload?wait=true",
                      {"payload": {"mark": number}, "points": ids})
        else:
            round = numbers.randrange(1000)
            self.call(connection, "PUT", "/points?wait=true", {"points": [
                {"id": id, "vector": vector_of(id, round),
                 "payload": {"round": round, "third": f"t{id % 3}"}}
                for id in ids]})
            self.last.update({id: round for id in ids})

    def searcher(self, connection, numbers, _):
        third = numbers.randrange(3)
        filter = numbers.choice([None, {"must": [
            {"key": "third", "match": {"value": f"t{third}"}}]}])
        hits = self.call(connection, "POST", "/points/query", {
            "query": [numbers.uniform(-1, 1) for _ in range(DIM)],
            "limit": 10, "filter": filter, "with_payload": True,
            "params": {"exact": numbers.random() < 0.3}})["points"]
        assert len({hit["id"] for hit in hits}) == len(hits)
        scores = [hit["score"] for hit in hits]
        assert scores == sorted(scores)
        for hit in hits:
            assert hit["payload"]["third"] == f"t{hit['id'] % 3}"
            assert filter is None or hit["id"] % 3 == third

    def scroller(self, connection, numbers, _):
        page = self.call(connection, "POST", "/points/scroll", {
            "limit": 100, "offset": numbers.randrange(IDS),
            "with_vector": True, "filter": numbers.choice([
                None, {"must": [{"key": "round",
                                 "range": {"lt": numbers.randrange(999)}}]}])})
        ids = [point["id"] for point in page["points"]]
        assert ids == sorted(ids)
        for point in page["points"]:
            expected = vector_of(point["id"], point["payload"]["round"])
            assert max(abs(a - b) for a, b in
                       zip(point["vector"], expected)) < 1e-6

    def indexer(self, connection, numbers, _):
        field, schema = numbers.choice([("third", "keyword"),
                                        ("round", "integer")])
        if numbers.random() < 0.5:
            self.call(connection, "PUT", "/index?wait=true",
                      {"field_name": field, "field_schema": schema})
        else:
            self.call(connection, "DELETE", f"/index/{field}?wait=true", None)
        self.call(connection, "GET", "", None)
        time.sleep(0.02)

    def creator(self, connection, numbers, number):
        other = f"{self.name}-other-{number % 2}"
        engine = self.engine
        path = f"/collections/{other}"
        engine.call("PUT", path, {"vectors": {"size": 4, "distance": "Dot"}},
                    connection=connection)
        for method, route, body in (
                ("PUT", "/points?wait=true", {"points": [
                    {"id": 1, "vector": [1, 2, 3, 4]}]}),
                ("POST", "/points/count", {}), ("DELETE", "", None)):
            answer = engine.call(method, path + route, body,
                                 connection=connection)
            assert answer.status in (200, 404), answer


@pytest.mark.parametrize("has_graph", [False, True])
def test_everything_at_once(engine, name, has_graph):
    more = {"hnsw_config": {"full_scan_threshold": 10, "m": 8},
            "optimizers_config": {"indexing_threshold": 1}} if has_graph \
        else {}
    engine.create(name, DIM, "Euclid", **more)
    load = Load(engine, name)
    load.run([load.writer, load.writer, load.writer, load.searcher,
              load.searcher, load.scroller, load.indexer, load.creator,
              load.creator])
    there = {p["id"]: p["payload"]["round"] for p in engine.scroll_all(name)}
    assert there == {id: round for id, round in load.last.items()
                     if round is not None}
    engine.wait_green(name)
    for id in list(there)[:50]:
        hits = engine.call("POST", f"/collections/{name}/points/query", {
            "query": vector_of(id, there[id]), "limit": 1}).result["points"]
        assert hits[0]["score"] < 1e-3
    for third in range(3):
        assert engine.count(name, {"must": [
            {"key": "third", "match": {"value": f"t{third}"}}]}) == \
            sum(id % 3 == third for id in there)


def test_who_waits_for_a_long_search_holds_nobody_up(engine_factory):
    """A deletion waits for the searches of its collection, and a creation of
    the same name for the deletion: others are served meanwhile."""
    engine = engine_factory(environment={
        "QDRANT__STORAGE__PERFORMANCE__MAX_SEARCH_THREADS": "2"}).start()
    for name in ("busy", "other"):
        engine.create(name, DIM, "Euclid")
    for start in range(0, 40000, 10000):
        engine.upsert("busy", [{"id": start + i, "vector": vector_of(i, 0)}
                               for i in range(10000)], wait=False)
    done = []

    def call(*request):
        done.append((request[0], engine.call(*request).status))

    path = "/collections/busy"
    search = {"query": vector_of(1, 1), "limit": 1, "params": {"exact": True}}
    waiting = [
        ("POST", path + "/points/query/batch?timeout=8",
         {"searches": [search] * 10000}),
        ("DELETE", path), ("PUT", path, {"vectors": {"size": 4,
                                                     "distance": "Dot"}})]
    threads = [threading.Thread(target=call, args=request)
               for request in waiting]
    for thread in threads:
        thread.start()
        time.sleep(0.5)
    if not done:
        engine.upsert("other", [{"id": 1, "vector": vector_of(1, 0)}])
        assert not done, "the upsert waited for the search"
    for thread in threads:
        thread.join()
    assert [status for _, status in done if status not in (200, 408)] == []
    assert engine.call("GET", path).result["points_count"] == 0
    assert engine.stop() == 0
