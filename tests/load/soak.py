#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A mixed load on one azimuthd for some time, meant for sanitizer builds:
upserts, deletes, payload and vector changes, searches with and without filter,
scrolls, counts, indexes made and dropped, PATCH, collections made and deleted,
info, telemetry and metrics, all at once and on the same collections, with
restarts in between. Fails when an answer is no 2xx or 4xx, when the engine ends
by itself, or when it does not end with status 0.

  soak.py [--seconds 60] [--threads 8] [--restarts 3] [--seed 1]
  AZIMUTH_BUILD   where azimuthd was built (default: build/)
"""
import argparse
import collections
import pathlib
import random
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "fixture"), str(ROOT / "property")]

from azimuthd import Engine  # noqa: E402
from pipe import Pipe  # noqa: E402

IDS = 4000
WORDS = ["red", "green", "blue", "plum"]
SHARED = {
    "shared-a": {"vectors": {"size": 24, "distance": "Cosine"}},
    "shared-b": {"vectors": {"size": 48, "distance": "Euclid",
                             "on_disk": True}},
    "shared-c": {"vectors": {"p": {"size": 16, "distance": "Dot"},
                             "q": {"size": 8, "distance": "Manhattan"}}}}
GRAPH = {"hnsw_config": {"m": 8, "ef_construct": 40,
                         "full_scan_threshold": 10},
         "optimizers_config": {"indexing_threshold": 1}}


class Worker(threading.Thread):
    def __init__(self, engine, number, seed, is_over):
        super().__init__()
        self.pipe = Pipe(engine)
        self.number = number
        self.random = random.Random(seed)
        self.is_over = is_over
        self.answers = collections.Counter()
        self.failure = None

    def run(self):
        try:
            while not self.is_over.is_set():
                self.step()
        except Exception as error:  # told by main
            self.failure = error
        finally:
            self.pipe.close()

    def call(self, method, path, body=None):
        status, answer = self.pipe.call(method, path, body)
        self.answers[status] += 1
        if status >= 500:
            raise AssertionError(f"{method} {path}: {status} {answer}")
        return answer

    # ---- parts ----

    def vector(self, size):
        return [self.random.gauss(0, 1) for _ in range(size)]

    def vectors(self, name):
        config = SHARED[name]["vectors"]
        if "size" in config:
            return self.vector(config["size"])
        return {key: self.vector(value["size"]) for key, value in
                config.items() if self.random.random() < 0.8}

    def query(self, name):
        config = SHARED[name]["vectors"]
        if "size" in config:
            return {"query": self.vector(config["size"])}
        using = self.random.choice([*config])
        return {"query": self.vector(config[using]["size"]), "using": using}

    def filter(self):
        return self.random.choice([
            {"must": [{"key": "k", "match": {
                "value": self.random.choice(WORDS)}}]},
            {"must_not": [{"key": "n", "range": {"lt": 50}}]},
            {"should": [{"key": "k", "match": {"any": WORDS[:2]}},
                        {"key": "n", "range": {"gte": 90}}]},
            {"must": [{"has_id": self.ids(200)}]}])

    def ids(self, most):
        return [self.random.randrange(IDS)
                for _ in range(1 + self.random.randrange(most))]

    def payload(self):
        return {"k": self.random.choice(WORDS),
                "n": self.random.randrange(100),
                "t": "x" * self.random.randrange(200)}

    # ---- steps ----

    def step(self):
        name = self.random.choice([*SHARED])
        base = f"/collections/{name}"
        self.random.choices(
            [self.upsert, self.delete, self.edit, self.search, self.read,
             self.configure, self.own_collection, self.look],
            [24, 8, 8, 34, 16, 3, 1, 3])[0](name, base)

    def upsert(self, name, base):
        wait = self.random.choice(["true", "false"])
        self.call("PUT", f"{base}/points?wait={wait}", {"points": [
            {"id": id, "vector": self.vectors(name),
             "payload": self.payload()} for id in self.ids(40)]})

    def delete(self, name, base):
        body = {"points": self.ids(40)}
        if self.random.random() < 0.1:
            body = {"filter": {"must": [{"has_id": self.ids(60)},
                                        self.filter()]}}
        self.call("POST", f"{base}/points/delete?wait=true", body)

    def edit(self, name, base):
        ids = self.ids(20)
        kind = self.random.randrange(4)
        if kind == 0:
            self.call("POST", f"{base}/points/payload?wait=true",
                      {"payload": self.payload(), "points": ids})
        elif kind == 1:
            self.call("POST", f"{base}/points/payload/clear", {"points": ids})
        elif kind == 2:
            self.call("PUT", f"{base}/points/vectors?wait=true", {"points": [
                {"id": id, "vector": self.vectors(name)} for id in ids]})
        else:
            self.call("POST", f"{base}/points/vectors/delete", {
                "points": ids, "vector": ["q" if name[-1] == "c" else ""]})

    def search(self, name, base):
        body = {**self.query(name), "limit": 1 + self.random.randrange(30),
                "params": {"exact": self.random.random() < 0.2},
                "with_payload": self.random.random() < 0.3,
                "with_vector": self.random.random() < 0.1}
        if self.random.random() < 0.5:
            body["filter"] = self.filter()
        if self.random.random() < 0.2:
            self.call("POST", f"{base}/points/query/batch",
                      {"searches": [body] * 4})
            return
        answer = self.call("POST", f"{base}/points/query", body)
        if "result" in answer:
            ids = [hit["id"] for hit in answer["result"]["points"]]
            assert len(ids) == len(set(ids)), ids

    def read(self, name, base):
        kind = self.random.randrange(3)
        if kind == 0:
            body = {"limit": 200, "with_payload": True, "with_vector": True,
                    "offset": self.random.randrange(IDS)}
            if self.random.random() < 0.5:
                body["filter"] = self.filter()
            self.call("POST", f"{base}/points/scroll", body)
        elif kind == 1:
            self.call("POST", f"{base}/points/count",
                      {"filter": self.filter(),
                       "exact": self.random.random() < 0.7})
        else:
            self.call("POST", f"{base}/points", {
                "ids": self.ids(100), "with_vector": True,
                "with_payload": True})

    def configure(self, name, base):
        field, schema = self.random.choice([("k", "keyword"),
                                            ("n", "integer")])
        kind = self.random.randrange(4)
        if kind == 0:
            self.call("DELETE", f"{base}/index/{field}?wait=true")
        elif kind == 1:
            self.call("PATCH", base, {"hnsw_config": {
                "m": self.random.choice([6, 8, 12]),
                "ef_construct": self.random.choice([32, 64])}})
        else:
            self.call("PUT", f"{base}/index?wait=true", {
                "field_name": field, "field_schema": schema})

    def own_collection(self, name, base):
        base = f"/collections/own-{self.number}"
        self.call("PUT", base, {**SHARED[name], **GRAPH})
        for _ in range(6):
            self.upsert(name, base)
            self.search(name, base)
        self.call("DELETE", base)

    def look(self, name, base):
        self.call("GET", self.random.choice(
            [base, "/collections", "/telemetry?details_level=10"]))


def life(options, engine, seed, totals):
    engine.start()
    is_over = threading.Event()
    workers = [Worker(engine, i, seed * 1000 + i, is_over)
               for i in range(options.threads)]
    for name, config in SHARED.items():
        engine.call("PUT", f"/collections/{name}", {**config, **GRAPH})
    for worker in workers:
        worker.start()
    end = time.monotonic() + options.seconds / (options.restarts + 1)
    while time.monotonic() < end and engine.process.poll() is None and \
            all(worker.is_alive() for worker in workers):
        time.sleep(0.1)
    is_over.set()
    for worker in workers:
        worker.join()
        totals.update(worker.answers)
    failures = [worker.failure for worker in workers if worker.failure]
    code = engine.stop()
    if code != 0 or failures:
        print(engine.log_path.read_text(errors="replace")[-12000:])
        sys.exit(f"seed {seed}: exit status {code}, {failures[:3]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    totals = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="azimuth-soak-") as folder:
        engine = Engine(folder)
        try:
            for run in range(options.restarts + 1):
                life(options, engine, options.seed + run, totals)
        finally:
            engine.kill()
    print(f"seed {options.seed}: {options.seconds:.0f} s, "
          f"{sum(totals.values())} requests, {dict(totals)}")


if __name__ == "__main__":
    main()
