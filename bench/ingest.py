# SPDX-License-Identifier: Apache-2.0
"""Acknowledged upserts per second with wait=true, ours beside qdrant-edge.

Batches of 1,000 points by 1, 2 and 4 clients, then single points by 1, 8 and
32, each with and without a payload of 300 bytes, and the time until all points
of the first case are in the graph. Ours is measured twice: over HTTP (an
azimuthd of its own in a temporary folder; requests are made before the clock
starts and written to raw sockets by a program in C) and in process. qdrant-edge
is in process: there is no server of it. It is measured with flush() after each
update (what is acknowledged survives a power loss, as ours does) and without
(it does not). Rounds take turns, the best counts. About five minutes on two
cores, two of them for single points.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLLECTION = "bench"


def parse_numbers(text):
    numbers = [int(part) for part in text.split(",")]
    if min(numbers) < 1:
        raise ValueError(text)
    return numbers


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./appliance bench ingest", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = {"type": parse_numbers, "metavar": "N,..."}
    parser.add_argument("--set", default="real",
                        help="as for ./appliance bench search (real)")
    parser.add_argument("--points", type=int, default=50_000,
                        help="at most, in batches (50000)")
    parser.add_argument("--singles", type=int, default=1_000,
                        help="points upserted one by one (1000)")
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--clients", default="1,2,4", **numbers)
    parser.add_argument("--single-clients", default="1,8,32", **numbers)
    parser.add_argument("--peers", default="qdrant-edge",
                        choices=("qdrant-edge", "none"))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", default=os.path.join(TOP, "bench", "out"))
    arguments = parser.parse_args()
    if min(arguments.points, arguments.singles, arguments.batch,
           arguments.rounds) < 1 or arguments.batch > 4096:
        parser.error("numbers must be 1 or more, --batch at most 4096")
    return arguments


class Case:
    """One row of the table: how many points in which portions; `index`: is it
    one whose indexing is waited for."""

    def __init__(self, points, batch, clients, payload, index=False):
        self.points, self.batch = points, batch
        self.clients, self.payload = clients, payload
        self.index = index

    def label(self):
        return (f"{self.batch} a request, {self.clients} client(s)"
                f"{', payload' if self.payload else ''}")


def cases(arguments):
    found = []
    for payload in (False, True):
        found += [Case(arguments.points, arguments.batch, clients, payload,
                       at == 0 and not payload)
                  for at, clients in enumerate(arguments.clients)]
        found += [Case(arguments.singles, 1, clients, payload)
                  for clients in arguments.single_clients]
    return found


def client(case, data, *target):
    from measure.machine import program

    command = [program("bench/azimuth-bench"), "ingest", "--base",
               data.base_path, "--points", str(case.points), "--batch",
               str(case.batch), "--clients", str(case.clients), *target]
    if case.payload:
        command.append("--payload")
    if case.index and "--folder" in target:
        command.append("--index")
    return json.loads(subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def run_http(case, data, folder):
    from fixture.azimuthd import Engine

    engine = Engine(folder).start()
    try:
        engine.create(COLLECTION, data.base.shape[1])
        start = time.perf_counter()
        figures = client(case, data, "--port", str(engine.port), "--name",
                         COLLECTION)
        made = time.perf_counter() - start - figures["seconds"]
        if case.index:
            engine.wait_green(COLLECTION, 1800)
            figures["indexed_s"] = time.perf_counter() - start - made
        points = min(case.points, len(data.base))
        assert engine.count(COLLECTION) == points, "acknowledged, not there"
    finally:
        engine.stop()
    return figures


def run_inside(case, data, folder):
    return client(case, data, "--folder", folder)


def run_edge(case, data, folder, flush):
    options = {"base": data.base_path, "points": case.points,
               "batch": case.batch, "payload": case.payload, "m": 16,
               "ef_construct": 100, "threads": os.cpu_count(), "flush": flush,
               "index": case.index, "folder": folder}
    done = subprocess.run(
        [sys.executable, "-m", "engines.edge_ingest", json.dumps(options)],
        check=True, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.path.join(TOP, "bench")})
    return json.loads(done.stdout)


# name -> (run, whether it can have several clients)
SIDES = {
    "azimuth HTTP": (run_http, True),
    "azimuth in process": (run_inside, True),
    "edge flushed": (lambda *a: run_edge(*a, True), False),
    "edge unflushed": (lambda *a: run_edge(*a, False), False),
}


def sides_of(arguments):
    return {side: how for side, how in SIDES.items()
            if arguments.peers != "none" or how[1]}


def run_all(arguments, data):
    """{(case label, side): best figures}. qdrant-edge holds the interpreter's
    lock while it works, so more clients give it nothing: its run with one
    stands for all."""
    from measure.machine import cache_folder, say

    best, edge = {}, {}
    sides = sides_of(arguments)
    for at in range(arguments.rounds):
        for case in cases(arguments):
            say(f"round {at + 1} of {arguments.rounds}: {case.label()}")
            for side, (run, has_clients) in sides.items():
                shared = (case.points, case.batch, case.payload, side, at)
                if not has_clients and shared in edge:
                    figures = edge[shared]
                else:
                    with tempfile.TemporaryDirectory(
                            prefix="azimuth-bench-",
                            dir=cache_folder("bench-run")) as folder:
                        figures = run(case, data, folder)
                        edge[shared] = figures
                key = (case.label(), side)
                kept = best.setdefault(key, dict(figures))
                if figures["points_per_s"] > kept["points_per_s"]:
                    kept.update({**figures,
                                 "indexed_s": kept.get("indexed_s")})
                if figures.get("indexed_s"):
                    kept["indexed_s"] = min(figures["indexed_s"],
                                            kept["indexed_s"])
    return best


def report(best, arguments):
    from measure import table

    sides = list(sides_of(arguments))
    labels = [case.label() for case in cases(arguments)]
    for base in sides[2:] or sides[:1]:
        print(f"\npoints acknowledged per second, {base} = 1.00")
        print(table.text(["", *sides], [
            [label, *(table.ratio(best[label, side]["points_per_s"],
                                  best[label, base]["points_per_s"])
                      for side in sides)] for label in labels]))
    print(f"\ntime until all is in the graph, {sides[-1]} = 1.00")
    print(table.text(["", *sides], [
        [case.label(), *(table.ratio(
            best[case.label(), side].get("indexed_s"),
            best[case.label(), sides[-1]].get("indexed_s"))
            for side in sides)] for case in cases(arguments)
        if case.index]))


def main():
    arguments = parse_arguments()
    sys.path.insert(0, os.path.join(TOP, "tests"))
    from measure import dataset
    from measure.machine import describe, end_by_exception, say

    end_by_exception()
    try:
        data = dataset.load(arguments.set, 1000)
    except (OSError, ValueError) as error:
        sys.exit(f"ingest: {error}")
    points, dim = data.base.shape
    print(f"{data.name}: {min(points, arguments.points):,} x {dim}")
    best = run_all(arguments, data)
    report(best, arguments)
    os.makedirs(arguments.out, exist_ok=True)
    path = os.path.join(arguments.out, f"ingest-{data.name}.json")
    with open(path, "w") as file:
        json.dump({**data.describe(), "machine": describe(),
                   "runs": [{"case": label, "engine": side, **figures}
                            for (label, side), figures in best.items()]},
                  file, indent=1)
    say(f"figures: {path}")


if __name__ == "__main__":
    main()
