# SPDX-License-Identifier: Apache-2.0
"""Filtered searches: recall and speed by share of points that pass, our engine
beside its peers, in one run.

Ours is a collection with payloads and payload indexes, called in process, at
the default settings; qdrant-edge likewise, with the same payload indexes, which
it has before it makes its graph. hnswlib gets a filter function, faiss a bitmap
(ef 128). usearch's Python package takes no predicate. Families of filters
(measure/families.py): uncorrelated with the vectors; the end of the longest
axis away from the query ("far"); sections and tags, the query's own and others;
AND, OR and NOT of several; a field without an index.

Engines take turns family by family; of the rounds the best counts. Recall@k is
tie-aware, against the exact neighbours among the points that pass. "scan" is
our own exact scan of them, "free" our search without a filter: the bound for
ours is the better of the scan and free / share. What is printed are ratios; the
figures of this machine are in the JSON only.
"""

import argparse
import json
import os
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEER_NAMES = ("qdrant-edge", "hnswlib", "faiss-hnsw")
RECALL_MIN, EDGE_MIN = 0.97, 4.0


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./appliance bench filter", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="real", metavar="NAME",
                        help="as of `bench search` (real)")
    parser.add_argument("--peers", default=",".join(PEER_NAMES),
                        metavar="NAME,...", help="`none` for ours alone "
                        f"({','.join(PEER_NAMES)})")
    parser.add_argument("--points", type=int, metavar="N",
                        help="only the first N of the set")
    parser.add_argument("--queries", type=int, default=300,
                        help="at most 1000 (300)")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--ef-construct", type=int, default=100)
    parser.add_argument("--build-threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                        help="cpu: by processor time, for a machine that "
                        "others use, too (wall)")
    parser.add_argument("--groups", default="", metavar="NAME,...",
                        help="only these groups of families")
    parser.add_argument("--out", default=os.path.join(TOP, "bench", "out"))
    arguments = parser.parse_args()
    arguments.peers = [] if arguments.peers == "none" else [
        name for name in arguments.peers.split(",") if name]
    for name in arguments.peers:
        if name not in PEER_NAMES:
            parser.error(f"no such peer: {name}")
    if min(arguments.queries, arguments.k, arguments.m, arguments.rounds,
           arguments.ef_construct, arguments.build_threads) < 1:
        parser.error("numbers must be 1 or more")
    if arguments.points is not None and arguments.points < 1000:
        parser.error("--points is 1000 or more")
    if arguments.k > 100 or arguments.queries > 1000:
        parser.error("--k is at most 100, --queries 1000")
    return arguments


def make_engines(run):
    from engines.filter import FilterAzimuth, FilterPeer

    return [FilterPeer(name, run) for name in run.arguments.peers] + [
        FilterAzimuth(run)]


def measure(run, engines):
    """[engine][family] -> best answer; of ours also the exact scan."""
    from measure.machine import say

    key = "cpu_qps" if run.arguments.clock == "cpu" else "qps"
    best = {}

    def take(name, number, answer, ids):
        answer["recall"] = run.recall(number, ids)
        answer["speed"] = answer[key]
        if answer["speed"] > best.get((name, number), {"speed": 0})["speed"]:
            best[name, number] = answer

    for at in range(run.arguments.rounds):
        say(f"round {at + 1} of {run.arguments.rounds}")
        for number in range(len(run.families)):
            for engine in engines:
                take(engine.name, number, *engine.search(number))
            take("scan", number, *engines[-1].search(number, "exact"))
    return best


def bound_of(run, best, number):
    """The better of our exact scan and free / share."""
    free = max((best["azimuth", n]["speed"]
                for n, f in enumerate(run.families) if f.group == "free"),
               default=0)
    return max(best["scan", number]["speed"], free * run.families[number].share)


def speed_table(run, best):
    from measure import table

    lines = []
    for number, family in enumerate(run.families):
        ours = best["azimuth", number]
        line = [f"{family.group}: {family.name}", f"{family.share:.4f}",
                f"{ours['recall']:.4f}"]
        for name in run.arguments.peers:
            peer = best[name, number]
            line += [f"{peer['recall']:.3f}",
                     table.ratio(ours["speed"], peer["speed"])]
        line.append(table.ratio(ours["speed"], bound_of(run, best, number)))
        line.append(f"{1e6 / ours['speed']:.0f}")
        lines.append(line)
    heads = ["family", "share", "recall"]
    for name in run.arguments.peers:
        heads += [f"{name}'s", "azimuth / it"]
    return table.text(heads + ["azimuth / bound", "us"], lines)


def index_table(engines):
    from measure import table

    steps = {engine.name: {step["field"]: step for step in engine.indexes}
             for engine in engines if engine.indexes}
    ours = steps["azimuth"]
    edge = steps.get("qdrant-edge", {})
    lines = []
    total = [0, 0]
    for field, step in ours.items():
        line = [field, f"{step['points_per_s']:,.0f}",
                f"{step['resident'] / (1 << 20):.1f}"]
        total[0] += step["resident"]
        if field in edge:
            total[1] += edge[field]["resident"]
            line += [table.ratio(step["build_cpu_s"],
                                 edge[field]["build_cpu_s"]),
                     f"{edge[field]['resident'] / (1 << 20):.1f}"]
        lines.append(line + ["-"] * (5 - len(line)))
    return table.text(
        ["payload index", "points per s and core", "MiB", "time / edge",
         "MiB of edge"], lines) + (
        f"\nmemory of all, azimuth / qdrant-edge: "
        f"{table.ratio(total[0], total[1])}")


def verdict(run, best):
    worst = min(range(len(run.families)),
                key=lambda n: best["azimuth", n]["recall"])
    text = [f"lowest recall {best['azimuth', worst]['recall']:.4f} "
            f"({run.families[worst].group}: {run.families[worst].name}; bar "
            f"{RECALL_MIN})"]
    indexed = [n for n, f in enumerate(run.families)
               if f.group not in ("free", "unindexed")]
    if not indexed:
        return text[0]
    if "qdrant-edge" in run.arguments.peers:
        ratios = {n: best["azimuth", n]["speed"] /
                  best["qdrant-edge", n]["speed"] for n in indexed}
        low = min(ratios, key=ratios.get)
        text.append(f"lowest azimuth / qdrant-edge {ratios[low]:.2f} "
                    f"({run.families[low].group}: {run.families[low].name}; "
                    f"bar {EDGE_MIN})")
    ratios = {n: best["azimuth", n]["speed"] / bound_of(run, best, n)
              for n in indexed}
    low = min(ratios, key=ratios.get)
    text.append(f"lowest azimuth / bound {ratios[low]:.2f} "
                f"({run.families[low].group}: {run.families[low].name})")
    return "\n".join(text)


def write(run, best, engines):
    from measure import filter_plot
    from measure.machine import describe, say

    os.makedirs(run.arguments.out, exist_ok=True)
    path = os.path.join(run.arguments.out, f"filter-{run.data.name}")
    names = [*run.arguments.peers, "azimuth", "scan"]
    families = [{
        "group": family.group, "name": family.name, "share": family.share,
        "bound": bound_of(run, best, number),
        "engines": {name: best[name, number] for name in names}}
        for number, family in enumerate(run.families)]
    with open(path + ".json", "w") as file:
        json.dump({"data": run.data.name, "points": len(run.points),
                   "k": run.arguments.k, "queries": len(run.queries),
                   "clock": run.arguments.clock, "machine": describe(),
                   "indexes": {e.name: e.indexes for e in engines},
                   "families": families}, file, indent=1)
    picture = filter_plot.draw(families, names, f"{run.data.name}: "
                               f"{len(run.points):,} points, one thread", path)
    say(f"figures: {path}.json, picture: {picture}")


def main():
    arguments = parse_arguments()
    from measure import dataset
    from measure.filter_run import Run, first_points
    from measure.machine import cache_folder, end_by_exception, say

    end_by_exception()
    try:
        data = dataset.load(arguments.set, 1000)
    except (OSError, ValueError) as error:
        sys.exit(f"filter: {error}")
    with tempfile.TemporaryDirectory(
            prefix="azimuth-bench-",
            dir=cache_folder("bench-run")) as folder:
        if arguments.points is not None:
            first_points(data, arguments.points, folder)
        say("filters and what passes them")
        run = Run(data, folder, arguments)
        engines = make_engines(run)
        try:
            for engine in engines:
                say(f"building {engine.name}")
                engine.build()
            best = measure(run, engines)
        except (RuntimeError, OSError) as error:
            sys.exit(f"filter: {error}")
        finally:
            for engine in engines:
                engine.close()
    print(f"\n{data.name}: {len(run.points):,} points, {len(run.queries)} "
          f"queries, one thread"
          f"{', by processor time' if arguments.clock == 'cpu' else ''}\n")
    print(speed_table(run, best) + "\n")
    print(index_table(engines) + "\n")
    print(verdict(run, best))
    write(run, best, engines)


if __name__ == "__main__":
    main()
