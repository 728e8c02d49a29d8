# SPDX-License-Identifier: Apache-2.0
"""Recall against speed, our engine beside its peers, in one run.

Every engine gets the same unit vectors, M and threads and is built with each
ef_construction asked for; of each, its best counts. Rounds take turns: for
one ef every engine is measured before the next ef. Recall@k is tie-aware: a
hit counts when its exact similarity is not worse than the k-th exact one by
more than 1e-5. What is printed are ratios; the figures of this machine are in
the JSON only.

Sets: real (the full set if it lies beside the checkout, else the bundled
sample), 1Mx128, 300kx768, 1Mx768 (made, about as hard as the real one), tiny
(to try it out), or a FILE.npy [points][dim]. On two cores and with all peers
the real set takes 15 to 20 minutes, 1Mx128 an hour, 300kx768 two hours; most of
it is building the peers, which --prepare does beforehand, also on a machine
that is busy, and --reuse then takes. Build times are then of that day: compare
them by --clock cpu.

1Mx768 does not fit into any cache: memory decides. It is measured when 16 GB
are free and left out otherwise: one peer is in memory at a time (3.5 to 8 GB)
beside ours (4 GB for each ef_construction, 3 more while it is built). Indexes
that are kept take some 20 GB of disk; building all peers takes hours:

    ./appliance bench search --prepare --sets 1Mx768 --ef-construct 100
    ./appliance bench search --reuse --sets 1Mx768 --ef-construct 100
"""

import argparse
import json
import os
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEER_NAMES = ("hnswlib", "usearch", "faiss-hnsw", "faiss-sq8", "faiss-ivfpq",
              "qdrant-edge")
TARGETS = (0.95, 0.99)
EQUAL_EF = 64  # graphs are compared by their recall at this ef
EQUAL_RECALL = 0.002  # and count as equal when it differs by less
BIG_SET_FREE = 16 << 30


def parse_numbers(text):
    numbers = [int(part) for part in text.split(",")]
    if min(numbers) < 1:
        raise ValueError(text)
    return numbers


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./appliance bench search", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = {"type": parse_numbers, "metavar": "N,..."}
    parser.add_argument("--sets", default="real", metavar="NAME,...",
                        help="real,1Mx128,300kx768 is `all` (real)")
    parser.add_argument("--peers", default=",".join(PEER_NAMES),
                        metavar="NAME,...", help="`none` for ours alone "
                        f"({','.join(PEER_NAMES)})")
    parser.add_argument("--threads", default="1,2", **numbers,
                        help="thread counts to search with (1,2)")
    parser.add_argument("--build-threads", type=int, metavar="N",
                        help="threads that build (the largest of --threads)")
    parser.add_argument("--ef-construct", default="100,200", **numbers,
                        help="(100,200)")
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--ef", **numbers,
                        default="10,16,24,32,48,64,96,128,192,256,384,512,"
                        "768,1024", help="lengths of the candidate list; "
                        "made sets need the long ones for recall 0.99")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                        help="cpu: by processor time, for a machine that "
                        "others use, too (wall)")
    parser.add_argument("--reuse", action="store_true",
                        help="keep the peers' indexes in the cache and take "
                        "those of an earlier run; their build times are then "
                        "of that run")
    parser.add_argument("--prepare", action="store_true",
                        help="only make the sets, their exact neighbours and "
                        "the peers' indexes that are not there yet, for a "
                        "later run with --reuse and the same --m and "
                        "--build-threads; measures nothing")
    parser.add_argument("--azimuth-options", default="",
                        help="more options for azimuth-bench")
    parser.add_argument("--out", default=os.path.join(TOP, "bench", "out"))
    arguments = parser.parse_args()
    if arguments.sets == "all":
        arguments.sets = "real,1Mx128,300kx768"
    arguments.peers = [] if arguments.peers == "none" else [
        name for name in arguments.peers.split(",") if name]
    for name in arguments.peers:
        if name not in PEER_NAMES:
            parser.error(f"no such peer: {name}")
    if arguments.build_threads is None:
        arguments.build_threads = max(arguments.threads)
    if min(arguments.m, arguments.k, arguments.build_threads, arguments.queries, arguments.rounds) < 1:
        parser.error("numbers must be 1 or more")
    if arguments.k > 100:
        parser.error("--k is at most 100")
    return arguments


class Row:
    """What one engine with one ef_construction has shown so far."""

    def __init__(self, engine, clock):
        self.engine, self.name, self.clock = engine, engine.name, clock
        self.best = {}  # (threads, setting) -> point
        self.resident = 0
        self.times = {}  # ours: bytes -> nanoseconds of a random row

    def take(self, threads, setting, answer, got):
        self.resident = max(self.resident, answer.pop("resident"))
        key = (threads, str(setting))
        if self.clock == "cpu":
            answer["wall_qps"] = answer["qps"]
            answer["qps"] = answer["cpu_qps"]
        if answer["qps"] > self.best.get(key, {"qps": 0})["qps"]:
            name = "ef" if isinstance(setting, int) else "setting"
            self.best[key] = {name: setting, "recall": got, **answer}

    def build_s(self):
        return self.engine.build_seconds(self.clock)

    def points(self, threads):
        return [p for (t, _), p in self.best.items() if t == threads]

    def label(self):
        if not self.engine.is_graph:
            return self.name
        return f"{self.name} efc {self.engine.ef_construct}"


def make_peers(task, arguments):
    from engines import Peer

    engines = []
    for name in arguments.peers:
        for ef_construct in arguments.ef_construct:
            engine = Peer(name, task, ef_construct)
            if engine.is_graph or ef_construct == arguments.ef_construct[0]:
                engines.append(engine)
    return engines


def make_engines(task, arguments):
    from engines import Azimuth

    return make_peers(task, arguments) + [
        Azimuth(task, ef, arguments.azimuth_options.split())
        for ef in arguments.ef_construct]


def fits(data, engines):
    """Whether all engines can stay in memory at once."""
    from measure.machine import memory_free

    points, dim = data.base.shape
    each = points * (dim * 4 + 400) * 1.3
    return len(engines) * each + data.base.nbytes < 0.8 * memory_free()


def measure_one(row, setting, threads, data, k):
    from measure.recall import recall

    answer, ids = row.engine.search(setting, threads)
    row.take(threads, setting, answer,
             recall(ids, data.base, data.queries, data.kth(k)))


def measure_round(rows, data, arguments, are_resident):
    """One round: setting by setting when all engines are in memory, else
    engine by engine."""
    from engines import Azimuth

    orders = [(row, at, setting, threads) for row in rows
              for at, setting in enumerate(row.engine.settings(arguments.ef))
              for threads in arguments.threads]
    if are_resident:
        orders.sort(key=lambda order: (order[1], order[3]))
    was = None
    for row, _, setting, threads in orders:
        if not are_resident and row is not was:
            if was is not None and not isinstance(was.engine, Azimuth):
                was.engine.close()
            if row.engine.process is None:
                row.engine.load()
            was = row
        measure_one(row, setting, threads, data, arguments.k)
    if not are_resident and not isinstance(was.engine, Azimuth):
        was.engine.close()


def row_sizes(row, data):
    """Bytes of a code, a full row and a link list of ours. What the walk reads
    per node follows from the bytes that it says it touched."""
    full, links = data.base.shape[1] * 4, 8 * row.engine.task.m
    point = max(row.best.values(), key=lambda p: p["visits"])
    rest = (point.get("bytes", 0) - point["hops"] * links -
            point.get("rescored", 0) * full)
    code = round(rest / point["visits"]) if rest > 0 else full
    return {"code_bytes": code, "row_bytes": full, "link_bytes": links}


def measure_rows(rows, data):
    """What a random row costs, the best of all rounds as for everybody."""
    from measure import bound

    ours = [row for row in rows if row.name == "azimuth"]
    sizes = {size for row in ours for size in row_sizes(row, data).values()}
    times = bound.row_times(len(data.base), sizes)
    for row in ours:
        row.times = bound.least(times, row.times)


def prepare(data, folder, arguments):
    """Builds and keeps what a later run with --reuse loads, one engine in
    memory at a time."""
    from engines import Task
    from measure.machine import say

    task = Task(data, arguments.k, arguments.m, arguments.build_threads,
                folder)
    for engine in make_peers(task, arguments):
        label = f"{data.name} {engine.name} {engine.ef_construct}"
        if engine.is_saved():
            say(f"{label} is there")
            continue
        say(f"building {label}")
        try:
            engine.build()
            engine.save()
        finally:
            engine.close()
        say(f"  {engine.built['build_s']:.1f} s")


def run(data, folder, arguments):
    from engines import Azimuth, Task
    from measure.machine import say

    task = Task(data, arguments.k, arguments.m, arguments.build_threads,
                folder)
    engines = make_engines(task, arguments)
    are_resident = fits(data, engines)
    if not are_resident:
        say("not all engines fit into memory at once: peers are kept on disk "
            "and loaded for each round")
    try:
        for engine in engines:
            if isinstance(engine, Azimuth):
                say(f"building azimuth, ef_construction {engine.ef_construct}")
                engine.build()
            elif arguments.reuse and engine.is_saved():
                say(f"loading {engine.name} {engine.ef_construct}")
                engine.load()
            else:
                say(f"building {engine.name}, ef_construction "
                    f"{engine.ef_construct}")
                engine.build()
                if arguments.reuse or not are_resident:
                    engine.save()
            say(f"  {engine.built['build_s']:.1f} s")
            if not are_resident and not isinstance(engine, Azimuth):
                engine.close()
        rows = [Row(engine, arguments.clock) for engine in engines]
        for at in range(arguments.rounds):
            say(f"round {at + 1} of {arguments.rounds}")
            measure_round(rows, data, arguments, are_resident)
            measure_rows(rows, data)
    finally:
        for engine in engines:
            engine.close()
    return rows


def best_at(rows, name, threads, target):
    from measure.curve import at_recall

    found = [at_recall(row.points(threads), target) for row in rows
             if row.name == name]
    return max((qps for qps in found if qps), default=None)


def build_ratio(row, rows, threads):
    """Our build time to the recall that this graph has at EQUAL_EF, over its
    own; None where none of our builds has it."""
    from measure.curve import build_to_recall, recall_at_ef

    ours = [(one.build_s(), one.points(threads)) for one in rows
            if one.name == "azimuth"]
    target = recall_at_ef(row.points(threads), EQUAL_EF)
    if target is None or row.name == "azimuth":
        return None
    seconds = build_to_recall(ours, target - EQUAL_RECALL, EQUAL_EF)
    return seconds / row.build_s() if seconds else None


def names_of(rows):
    return list(dict.fromkeys(row.name for row in rows))


def speed_table(rows, threads):
    """QPS of each engine at its best as multiples of hnswlib's, and how often
    ours goes into it."""
    from measure import table

    unit = "hnswlib" if "hnswlib" in names_of(rows) else rows[0].name
    lines = []
    for name in names_of(rows):
        line = [name]
        for target in TARGETS:
            own = best_at(rows, name, threads, target)
            line.append(table.ratio(own, best_at(rows, unit, threads, target)))
        for target in TARGETS:
            own = best_at(rows, name, threads, target)
            line.append(table.ratio(
                best_at(rows, "azimuth", threads, target), own))
        top = max(p["recall"] for row in rows if row.name == name
                  for p in row.points(threads))
        lines.append(line + [f"{top:.4f}"])
    return table.text(
        [f"{threads} thread(s)", *(f"QPS@{t} / {unit}" for t in TARGETS),
         *(f"azimuth / it @{t}" for t in TARGETS), "best recall"], lines)


def size_table(rows, data, threads):
    """Building and memory, one line per build."""
    from measure import table
    from measure.curve import recall_at_ef

    points, dim = data.base.shape
    unit = min(row.build_s() for row in rows)
    lines = []
    for row in rows:
        got = recall_at_ef(row.points(threads), EQUAL_EF)
        lines.append([row.label(), table.ratio(row.build_s(), unit),
                      f"{got:.4f}" if got else "-",
                      table.ratio(build_ratio(row, rows, threads), 1),
                      table.ratio(row.resident / points, dim * 4)])
    return table.text(["", "build / fastest", f"recall at ef {EQUAL_EF}",
                       "azimuth's build to equal recall / it",
                       "memory / raw f32"], lines)


def bounds(rows, data, threads):
    """Ours at each target: counters, bound, and how far above it."""
    from measure import bound, curve

    found = []
    for row in rows:
        if row.name != "azimuth":
            continue
        sizes, times = row_sizes(row, data), row.times
        for target in TARGETS:
            at = {key: curve.at_recall(row.points(threads), target, key)
                  for key in ("qps", "visits", "hops", "rescored")}
            if at["qps"] is None or at["visits"] is None:
                continue
            at = {**sizes, **at, "rescored": at["rescored"] or 0}
            ns = bound.lower(at, times)
            found.append({"ef_construct": row.engine.ef_construct,
                          "recall": target, **at, "t_row_ns": times,
                          "bytes_touched": bound.touched(at), "bound_ns": ns,
                          "ns": threads * 1e9 / at["qps"],
                          "ratio": threads * 1e9 / at["qps"] / ns})
    return found


def bound_table(found):
    from measure import table

    return table.text(
        ["azimuth", "recall", "E", "H", "R", "bytes touched", "time / bound"],
        [[f"efc {f['ef_construct']}", f["recall"], f"{f['visits']:.0f}",
          f"{f['hops']:.0f}", f"{f['rescored']:.0f}",
          f"{f['bytes_touched']:.0f}", f"{f['ratio']:.2f}"] for f in found])


def lid_line(data, real):
    parts = []
    for one in [data] + ([real] if real is not None else []):
        parts.append(f"{one.name}: queries {one.lid['queries']['median']:.1f} "
                     f"({one.lid['queries']['p10']:.0f} to "
                     f"{one.lid['queries']['p90']:.0f}), points "
                     f"{one.lid['points']['median']:.1f}")
    return "LID, median (p10 to p90): " + "; ".join(parts)


def report(rows, data, real, arguments):
    """Prints the tables; returns what the JSON holds beside the curves."""
    points, dim = data.base.shape
    print(f"\n{data.name}: {points:,} x {dim}, M {arguments.m}, "
          f"ef_construction {arguments.ef_construct}, built by "
          f"{arguments.build_threads} thread(s)"
          f"{', by processor time' if arguments.clock == 'cpu' else ''}")
    print(lid_line(data, real))
    more = {"bounds": {}}
    for threads in arguments.threads:
        print("\n" + speed_table(rows, threads))
        peers = [n for n in names_of(rows) if n != "azimuth"]
        for target in TARGETS:
            ours = best_at(rows, "azimuth", threads, target)
            best = max(peers, default=None, key=lambda name: best_at(
                rows, name, threads, target) or 0)
            if ours and best and best_at(rows, best, threads, target):
                print(f"azimuth / best peer at {target}: "
                      f"{ours / best_at(rows, best, threads, target):.2f} "
                      f"({best})")
        more["bounds"][threads] = bounds(rows, data, threads)
        if more["bounds"][threads]:
            print("\n" + bound_table(more["bounds"][threads]))
    print("\n" + size_table(rows, data, max(arguments.threads)))
    return more


def write(rows, data, more, arguments):
    from measure import plot
    from measure.machine import describe, say

    os.makedirs(arguments.out, exist_ok=True)
    points, dim = data.base.shape
    name = data.name.removesuffix(".npy")
    for threads in arguments.threads:
        path = os.path.join(arguments.out, f"search-{name}-{threads}t")
        title = (f"{data.name}: {points:,} x {dim}, {threads} thread(s), "
                 f"M {arguments.m}")
        engines = [{
            "engine": row.name, "ef_construct": row.engine.ef_construct,
            "build_s": row.build_s(),
            "build_to_equal_recall": build_ratio(
                row, rows, max(arguments.threads)),
            "bytes_per_point": row.resident / points,
            "curve": row.points(threads),
            "qps_at": {t: best_at([row], row.name, threads, t)
                       for t in TARGETS}} for row in rows]
        with open(path + ".json", "w") as file:
            json.dump({**data.describe(), "k": arguments.k,
                       "threads": threads, "m": arguments.m,
                       "rounds": arguments.rounds,
                       "clock": arguments.clock, "machine": describe(),
                       "engines": engines,
                       "bounds": more["bounds"][threads]}, file, indent=1)
        picture = plot.draw([
            (one, one, [p for row in rows if row.name == one
                        for p in row.points(threads)])
            for one in names_of(rows)], title, path)
        say(f"figures: {path}.json, picture: {picture}")


def main():
    arguments = parse_arguments()
    from measure import dataset
    from measure.machine import (
        cache_folder, end_by_exception, memory_free, say)

    end_by_exception()
    for name in arguments.sets.split(","):
        if name == "1Mx768" and memory_free() < BIG_SET_FREE:
            say("1Mx768 is left out: less than 16 GB of memory are free")
            continue
        try:
            data = dataset.load(name, arguments.queries)
            real = None
            if name in dataset.MADE and name != "tiny":
                real = dataset.load("real", 1000)
        except (OSError, ValueError) as error:
            sys.exit(f"search: {error}")
        with tempfile.TemporaryDirectory(
                prefix="azimuth-bench-",
                dir=cache_folder("bench-run")) as folder:
            if arguments.reuse or arguments.prepare:
                folder = cache_folder(os.path.join(
                    "bench-index", f"{data.name}-m{arguments.m}-"
                    f"{arguments.build_threads}t"))
            try:
                if arguments.prepare:
                    prepare(data, folder, arguments)
                    continue
                rows = run(data, folder, arguments)
            except (RuntimeError, OSError) as error:
                sys.exit(f"search: {error}")
        more = report(rows, data, real, arguments)
        write(rows, data, more, arguments)


if __name__ == "__main__":
    main()
