# SPDX-License-Identifier: Apache-2.0
"""Snapshots of a collection of about a gigabyte beside `cp` of as many bytes.

azimuthd is filled with the vectors of a set and payloads of random letters,
which hardly compress. Then, in turns: `cp` of the last snapshot and a sync of
the copy; a snapshot, which is synced too; a restore into a new collection,
until a search there is answered. All files are in the page cache, and each is
written to memory that the one before has let go: a virtual machine's that was not
used for a while costs up to four times as much to write to, whoever writes. One
client searches all the time: its latencies are told apart by what goes on beside.
"""

import argparse
import json
import math
import os
import random
import statistics
import string
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLLECTION = "bench"
BATCH = 500


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./appliance bench snapshot", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="real",
                        help="as for ./appliance bench search (real)")
    parser.add_argument("--payload", type=int, default=11000,
                        help="bytes of each point's payload (11000)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle", type=float, default=10,
                        help="seconds of searches with nothing beside (10)")
    parser.add_argument("--pace", type=float, default=0.002,
                        help="seconds between two searches (0.002)")
    parser.add_argument("--out", default=os.path.join(TOP, "bench", "out"))
    arguments = parser.parse_args()
    if arguments.payload < 1 or arguments.rounds < 1:
        parser.error("numbers must be 1 or more")
    return arguments


def fill(engine, data, payload_size):
    numbers = random.Random(1)
    letters = string.ascii_letters + string.digits + "+-"
    pool = "".join(numbers.choices(letters, k=1 << 24))

    def payload():
        at = numbers.randrange(len(pool) - payload_size)
        return pool[at:at + payload_size]

    connection = engine.connect()
    for at in range(0, len(data.base), BATCH):
        rows = data.base[at:at + BATCH].tolist()
        answer = engine.call(
            "PUT", f"/collections/{COLLECTION}/points?wait=false",
            {"points": [{"id": at + i, "vector": row,
                         "payload": {"text": payload()}}
                        for i, row in enumerate(rows)]},
            connection=connection)
        assert answer.status == 200, answer
    connection.close()


class Searcher(threading.Thread):
    """One client; [(end, seconds)] of every search."""

    def __init__(self, engine, data, pace):
        super().__init__(daemon=True)
        self.engine, self.pace = engine, pace
        self.bodies = [json.dumps({"vector": q.tolist(), "limit": 10,
                                   "with_payload": False})
                       for q in data.queries[:200]]
        self.seen, self.is_over = [], False

    def run(self):
        connection = self.engine.connect()
        path = f"/collections/{COLLECTION}/points/search"
        number = 0
        while not self.is_over:
            start = time.perf_counter()
            connection.request("POST", path,
                               self.bodies[number % len(self.bodies)],
                               {"Content-Type": "application/json"})
            reply = connection.getresponse()
            reply.read()
            end = time.perf_counter()
            assert reply.status == 200
            self.seen.append((start, end - start))
            number += 1
            time.sleep(self.pace)
        connection.close()

    def between(self, spans):
        return sorted(took for at, took in self.seen
                      if any(a <= at < b for a, b in spans))


def percentile(values, share):
    if not values:  # over before a search was
        return math.nan
    return values[min(len(values) - 1, int(len(values) * share))]


def timed(what):
    start = time.perf_counter()
    what()
    return start, time.perf_counter()


def copy(path):
    """cp and a sync of the copy; the copy is removed after the clock."""
    target = path + ".copy"

    def run():
        subprocess.run(["cp", path, target], check=True)
        subprocess.run(["sync", target], check=True)

    span = timed(run)
    os.unlink(target)
    return span


def copy_only(path):
    target = path + ".copy"
    span = timed(lambda: subprocess.run(["cp", path, target], check=True))
    subprocess.run(["sync", target], check=True)
    os.unlink(target)
    return span


def measure(engine, data, arguments):
    from measure.machine import say

    spans = {"cp": [], "cp and sync": [], "snapshot": [], "restore": [],
             "idle": []}
    snapshots = f"/collections/{COLLECTION}/snapshots"
    path, info = None, None
    body = {"vector": data.queries[0].tolist(), "limit": 10}

    def snapshot():
        nonlocal info
        info = engine.call("POST", snapshots).result

    def restore():
        answer = engine.call(
            "PUT", "/collections/restored/snapshots/recover",
            {"location": "file://" + path})
        assert answer.status == 200, answer
        assert engine.call("POST", "/collections/restored/points/search",
                           body).status == 200

    searcher = Searcher(engine, data, arguments.pace)
    searcher.start()
    for turn in range(arguments.rounds + 1):
        if path is not None:
            engine.call("DELETE", f"{snapshots}/{os.path.basename(path)}")
        span = timed(snapshot)
        path = os.path.join(
            str(engine.folder), "snapshots", COLLECTION, info["name"])
        if turn == 0:  # what came since the last checkpoint, caches
            continue
        spans["snapshot"].append(span)
        spans["cp"].append(copy_only(path))
        spans["cp and sync"].append(copy(path))
        spans["restore"].append(timed(restore))
        engine.call("DELETE", "/collections/restored")
        time.sleep(2)
        spans["idle"].append(timed(lambda: time.sleep(
            arguments.idle / arguments.rounds)))
        say("  " + ", ".join(f"{name} {s[-1][1] - s[-1][0]:.2f} s"
                             for name, s in spans.items() if name != "idle"))
    searcher.is_over = True
    searcher.join()
    return info["size"], spans, searcher


def report(size, spans, searcher):
    from measure import table

    seconds = {name: statistics.median(b - a for a, b in s)
               for name, s in spans.items()}
    idle = searcher.between(spans["idle"])
    lines, figures = [], {}
    for name, s in spans.items():
        seen = searcher.between(s)
        figures[name] = {
            "seconds": [b - a for a, b in s], "median_s": seconds[name],
            "mb_per_s": size / 1e6 / seconds[name],
            "searches": len(seen), "p50_ms": percentile(seen, 0.5) * 1e3,
            "p99_ms": percentile(seen, 0.99) * 1e3}
        one = figures[name]
        lines.append([
            name, "-" if name == "idle" else f"{seconds[name]:.2f}",
            "-" if name == "idle" else f"{one['mb_per_s']:.0f}",
            "-" if name == "idle" else
            f"{seconds['cp'] / seconds[name]:.2f}",
            "-" if name == "idle" else
            f"{seconds['cp and sync'] / seconds[name]:.2f}",
            f"{one['p50_ms']:.2f}", f"{one['p99_ms']:.2f}",
            table.ratio(one["p99_ms"] / 1e3, percentile(idle, 0.99))])
    print(table.text(
        ["", "s (median)", "MB/s", "speed / cp", "/ cp and sync",
         "search p50, ms", "p99, ms", "p99 / idle"], lines))
    return figures


def main():
    arguments = parse_arguments()
    sys.path.insert(0, os.path.join(TOP, "tests"))
    from fixture.azimuthd import Engine
    from measure import dataset
    from measure.machine import cache_folder, describe, end_by_exception, say

    end_by_exception()
    try:
        data = dataset.load(arguments.set, 1000)
    except (OSError, ValueError) as error:
        sys.exit(f"snapshot: {error}")
    points, dim = data.base.shape
    print(f"{data.name}: {points:,} x {dim}, payloads of "
          f"{arguments.payload:,} bytes")
    with tempfile.TemporaryDirectory(
            prefix="azimuth-bench-",
            dir=cache_folder("bench-run")) as folder:
        engine = Engine(folder).start()
        try:
            engine.create(COLLECTION, dim)
            say("filling")
            fill(engine, data, arguments.payload)
            engine.wait_green(COLLECTION, 7200)
            size, spans, searcher = measure(engine, data, arguments)
        finally:
            engine.kill()
    print(f"snapshot: {size / 1e6:,.0f} MB")
    figures = report(size, spans, searcher)
    os.makedirs(arguments.out, exist_ok=True)
    path = os.path.join(arguments.out, f"snapshot-{data.name}.json")
    with open(path, "w") as file:
        json.dump({**data.describe(), "payload": arguments.payload,
                   "size": size, "machine": describe(), "figures": figures},
                  file, indent=1)
    say(f"figures: {path}")


if __name__ == "__main__":
    main()
