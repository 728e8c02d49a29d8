# SPDX-License-Identifier: Apache-2.0
"""Multivectors (MaxSim) beside qdrant-edge: recall@k against queries per
second, build time and memory, over the tokens of the real texts
(measure/tokens.py says how they become vectors).

Ours is in process through the server's own calls, log included, HTTP and JSON
not; qdrant-edge is in process, too, asked by its query_batch. Both have the
same M and ef_construction, one thread searches. Rounds of both take turns at
each setting: hnsw_ef, which to us is the number of candidates that are scored
with all sub-vectors. Its graph compares multivectors as such and is slow to
build: 5,000 texts take some minutes, all of them hours.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = os.path.join(TOP, "..", "shared", "data", "debian-packages")
TARGETS = (0.9, 0.95, 0.97, 0.99)
EXACT, DEFAULT = -1, 0


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./appliance bench multivector", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=DATA, metavar="FOLDER",
                        help="packages.jsonl.gz and vectors.f16.npy")
    parser.add_argument("--points", type=int, default=5000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--ef-construct", type=int, default=100)
    parser.add_argument("--candidates", default="32,64,128,256,512,1024",
                        metavar="N,...")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                        help="cpu: a query costs processor time")
    parser.add_argument("--datatype", default="float32",
                        choices=("float32", "float16", "uint8", "turbo4"),
                        help="of ours")
    parser.add_argument("--peers", default="qdrant-edge",
                        help="`none` for ours alone")
    parser.add_argument("--reuse", action="store_true",
                        help="keep the peer's index in the cache")
    parser.add_argument("--out", default=os.path.join(TOP, "bench", "out"))
    arguments = parser.parse_args()
    arguments.candidates = [int(n) for n in arguments.candidates.split(",")]
    if arguments.peers not in ("none", "qdrant-edge"):
        parser.error(f"no such peer: {arguments.peers}")
    if min(arguments.points, arguments.queries, arguments.k, arguments.rounds,
           *arguments.candidates) < 1 or arguments.k > 100:
        parser.error("numbers must be 1 or more, --k at most 100")
    return arguments


class Engine:
    """A process that prints what its build cost, then answers numbers."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.path.join(TOP, "bench")})
        self.built = self.read()
        self.points = []

    def read(self):
        line = self.process.stdout.readline()
        if line == "":
            sys.exit(f"multivector: {self.name} failed")
        return json.loads(line)

    def ask(self, candidates):
        self.process.stdin.write(f"{candidates}\n")
        self.process.stdin.flush()
        return self.read()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def ours(data, folder, arguments):
    from measure.machine import program

    return Engine("azimuth", [
        program("bench/azimuth-bench"), "multivector",
        "--base", data.paths["base"], "--lengths", data.paths["lengths"],
        "--queries", data.paths["queries"],
        "--query-lengths", data.paths["query_lengths"],
        "--folder", os.path.join(folder, "ours"), "--k", str(arguments.k),
        "--m", str(arguments.m), "--datatype", arguments.datatype,
        "--ef-construct", str(arguments.ef_construct)])


def edge(data, folder, arguments):
    return Engine("qdrant-edge", [
        sys.executable, "-m", "engines.edge_multivector", json.dumps({
            **data.paths, "folder": folder, "k": arguments.k,
            "m": arguments.m, "ef_construct": arguments.ef_construct,
            "threads": os.cpu_count()})])


def measure(engine, candidates, data, texts, arguments):
    """The best of the rounds, kept in the engine's points."""
    answer = engine.ask(candidates)
    seconds = answer["cpu_s" if arguments.clock == "cpu" else "seconds"]
    point = next((p for p in engine.points if p["ef"] == candidates), None)
    if point is None:
        point = {"ef": candidates, "qps": 0,
                 "recall": data.recall(answer["ids"], texts, arguments.k)}
        engine.points.append(point)
    point["qps"] = max(point["qps"], len(answer["ids"]) / seconds)


def run(engines, data, arguments):
    from measure.machine import say

    texts = list(data.texts("base"))
    for candidates in [*arguments.candidates, DEFAULT, EXACT]:
        for _ in range(arguments.rounds if candidates != EXACT else 1):
            for engine in engines:
                measure(engine, candidates, data, texts, arguments)
        say(f"  {candidates}: " + ", ".join(
            f"{e.name} {e.points[-1]['recall']:.4f} "
            f"{e.points[-1]['qps']:.0f}/s" for e in engines))


def report(engines, raw):
    from measure import curve, table

    walks = {e.name: [p for p in e.points if p["ef"] > 0] for e in engines}
    rows = [[e.name, *(table.ratio(curve.at_recall(walks[e.name], target), 1, 0)
                       for target in TARGETS)] for e in engines]
    print("\nqueries per second at recall")
    print(table.text(["", *(f"{t:g}" for t in TARGETS)], rows))
    if len(engines) == 2:
        print("\nazimuth / qdrant-edge: " + ", ".join(
            f"{table.ratio(*(curve.at_recall(walks[e.name], t) for e in engines))}"
            f" at {t:g}" for t in TARGETS))
    print()
    print(table.text(
        ["", "default: recall", "QPS", "exact: recall", "QPS", "build, s",
         "memory / raw f32"],
        [[e.name, *(cell for ef in (DEFAULT, EXACT) for p in e.points
                    if p["ef"] == ef
                    for cell in (f"{p['recall']:.4f}", f"{p['qps']:.0f}")),
          f"{e.built['build_s']:.0f}",
          table.ratio(e.built["resident"], raw)] for e in engines]))


def draw(engines, data, arguments):
    from measure import plot

    return plot.draw(
        [(e.name, e.name, [p for p in e.points if p["ef"] > 0])
         for e in engines],
        f"MaxSim, {len(data.lengths):,} texts of "
        f"{data.lengths.mean():.0f} x 128, queries of "
        f"{data.query_lengths.mean():.0f} (one thread, {arguments.clock})",
        os.path.join(arguments.out, "multivector"), low=0.5)


def main():
    arguments = parse_arguments()
    from measure import tokens
    from measure.machine import (cache_folder, describe, end_by_exception,
                                 say)

    end_by_exception()
    if not os.path.exists(os.path.join(arguments.data, "vectors.f16.npy")):
        sys.exit(f"multivector: no data in {arguments.data}")
    data = tokens.load(arguments.data, arguments.points, arguments.queries,
                       arguments.k)
    raw = int(data.lengths.sum()) * tokens.DIM * 4
    print(f"{len(data.lengths):,} texts, {int(data.lengths.sum()):,} x "
          f"{tokens.DIM}: {raw >> 20} MiB")
    os.makedirs(arguments.out, exist_ok=True)
    with tempfile.TemporaryDirectory(
            prefix="azimuth-bench-", dir=cache_folder("bench-run")) as folder:
        engines = [ours(data, folder, arguments)]
        if arguments.peers != "none":
            kept = cache_folder(os.path.join(
                "bench-index", f"multivector-{len(data.lengths)}-"
                f"{arguments.m}-{arguments.ef_construct}")) \
                if arguments.reuse else os.path.join(folder, "edge")
            say("qdrant-edge builds")
            engines.append(edge(data, kept, arguments))
        run(engines, data, arguments)
        for engine in engines:
            engine.end()
    report(engines, raw)
    picture = draw(engines, data, arguments)
    path = os.path.join(arguments.out, "multivector.json")
    with open(path, "w") as file:
        json.dump({"points": len(data.lengths), "k": arguments.k,
                   "clock": arguments.clock, "machine": describe(),
                   "engines": {e.name: {**e.built, "curve": e.points}
                               for e in engines}}, file, indent=1)
    say(f"figures: {path}, {picture}")


if __name__ == "__main__":
    main()
