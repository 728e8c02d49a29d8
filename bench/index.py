# SPDX-License-Identifier: Apache-2.0
"""Payload indexes: how fast they are made, what searches notice meanwhile, and
what memory they take, beside qdrant-edge.

Points have 32 dimensions and the payloads of the real texts again and again,
with fields that are another value each time (measure/fields.py). An index is
made by one thread while another one searches, every second time with a filter;
that is compared with searches alone, by turns, for payloads on disk (the
default) and in memory. Memory is counted for an index of each kind: of ours
what the allocator handed out for it; of qdrant-edge what a process has more in
anonymous memory that loads the same folder with the index than one without it,
its segments optimised before, so that both have their compact form.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TIMED = ("section", "number")
SPEED_MIN, TAIL_MAX, MEMORY_MAX = 1e6, 1.5, 0.5
FILTER = {"must": [{"key": "depends", "range": {"lt": 10}}]}


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./appliance bench index", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--peer-points", type=int, default=0, metavar="N",
                        help="of qdrant-edge, whose memory is compared by the "
                        "point (as many)")
    parser.add_argument("--peers", choices=("qdrant-edge", "none"),
                        default="qdrant-edge")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", default=os.path.join(TOP, "bench", "out"))
    arguments = parser.parse_args()
    arguments.peer_points = arguments.peer_points or arguments.points
    if min(arguments.points, arguments.peer_points, arguments.rounds) < 1:
        parser.error("numbers must be 1 or more")
    return arguments


class Azimuth:
    """azimuth-bench index."""

    def __init__(self, paths, folder):
        from measure.machine import program

        self.process = subprocess.Popen(
            [program("bench/azimuth-bench"), "index", "--base", paths[0],
             "--queries", paths[1], "--payloads", paths[2], "--folder", folder,
             "--m", "8", "--ef-construct", "32", "--filter",
             json.dumps(FILTER)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.built = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("bench index: azimuth-bench ended with status "
                             f"{self.process.wait()}")
        return json.loads(line)

    def do(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def best(rows, key):
    return min(row[key] for row in rows)


def measure_speed(ours, arguments, place):
    """Making by turns with searches alone: the calmest round counts."""
    rounds = {name: [] for name in ("idle", *TIMED)}
    from measure import fields

    kinds = {name: kind for name, kind, _ in fields.FIELDS}
    for _ in range(arguments.rounds):
        rounds["idle"].append(ours.do("idle 2"))
        for name in TIMED:
            rounds[name].append(ours.do(f"beside {name} {kinds[name]}"))
            ours.do(f"drop {name}")
    idle = rounds["idle"]
    return [{
        "payloads": place, "field": name, "kind": kinds[name],
        "points_per_cpu_s": arguments.points / best(rounds[name], "cpu_s"),
        "points_per_s": arguments.points / best(rounds[name], "wall_s"),
        "p99_ratio": best(rounds[name], "p99_us") / best(idle, "p99_us"),
        "cpu_p99_ratio": best(rounds[name], "cpu_p99_us") / best(
            idle, "cpu_p99_us"),
        "rounds": rounds[name], "idle": idle} for name in TIMED]


def measure_memory(ours, arguments):
    """Bytes a point of an index of each kind, and of one that is `on_disk`."""
    from measure import fields

    found = {}
    for place in ("", " cold"):
        for name, kind, _ in fields.FIELDS:
            made = ours.do(f"index {name} {kind}{place}")
            ours.do(f"drop {name}")
            found[name + place] = max(made["allocated"], made["reported"]) / (
                arguments.points)
    return found


def edge(options):
    done = subprocess.run(
        [sys.executable, "-m", "engines.edge_index", json.dumps(options)],
        stdout=subprocess.PIPE, text=True, check=True,
        cwd=os.path.join(TOP, "bench"))
    return json.loads(done.stdout)


def measure_edge(paths, folder, points):
    """The same of the peer, and its processor time for making one."""
    from measure import fields
    from measure.machine import say

    say("  qdrant-edge")
    edge({"do": "build", "folder": folder, "base": paths[0],
          "payloads": paths[2]})
    without = edge({"do": "load", "folder": folder})["anonymous"]
    found, speed = {}, {}
    for name, kind, _ in fields.FIELDS:
        say(f"  qdrant-edge: {name}")
        order = {"folder": folder, "field": name, "kind": kind}
        speed[name] = points / edge({"do": "index", **order})["cpu_s"]
        have = edge({"do": "load", "folder": folder})["anonymous"]
        edge({"do": "drop", **order})
        found[name] = (have - without) / points
    return found, speed


def tables(result):
    from measure import table
    from measure.fields import FIELDS

    print(table.text(
        ["payloads", "index", "points / s of a core", "on the wall",
         "p99 beside / alone", "by processor time"],
        [[row["payloads"], f"{row['field']} ({row['kind']})",
          f"{row['points_per_cpu_s']:,.0f}", f"{row['points_per_s']:,.0f}",
          f"{row['p99_ratio']:.2f}", f"{row['cpu_p99_ratio']:.2f}"]
         for row in result["speed"]]))
    print()
    theirs = result.get("edge_memory", {})
    print(table.text(
        ["index", "values", "bytes a point", "on_disk", "qdrant-edge",
         "ours / its"],
        [[f"{name} ({kind})", what, f"{result['memory'][name]:.1f}",
          f"{result['memory'][name + ' cold']:.1f}",
          f"{theirs[name]:.1f}" if theirs else "-",
          table.ratio(result["memory"][name], theirs.get(name))]
         for name, kind, what in FIELDS]))
    slow = [row for row in result["speed"]
            if row["points_per_cpu_s"] < SPEED_MIN
            or row["cpu_p99_ratio"] > TAIL_MAX]
    big = [name for name, size in theirs.items()
           if result["memory"][name] > MEMORY_MAX * max(size, 0)]
    print(f"\nbelow {SPEED_MIN:,.0f} points / s of a core or above "
          f"{TAIL_MAX} x the p99: {len(slow)}; above {MEMORY_MAX} x the "
          f"memory: {', '.join(big) or 'none'}")


def draw(result, path):
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    from measure.fields import FIELDS
    from measure.plot import COLOURS

    names = [f"{name}\n({kind})" for name, kind, _ in FIELDS]
    figure, axis = pyplot.subplots(figsize=(11, 4.6))
    places = range(len(names))
    axis.bar([at - 0.2 for at in places],
             [result["memory"][name] for name, _, _ in FIELDS], 0.4,
             label="azimuth", color=COLOURS["azimuth"])
    if "edge_memory" in result:
        axis.bar([at + 0.2 for at in places],
                 [max(result["edge_memory"][name], 0)
                  for name, _, _ in FIELDS], 0.4,
                 label="qdrant-edge", color=COLOURS["qdrant-edge"])
    axis.set_xticks(list(places), names, fontsize=7)
    axis.set_ylabel("bytes of memory a point")
    axis.set_title(f"payload indexes, {result['points']:,} points",
                   fontsize=10)
    axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path + ".svg")
    figure.savefig(path + ".png", dpi=110)
    pyplot.close(figure)


def main():
    arguments = parse_arguments()
    from measure import fields
    from measure.machine import describe, end_by_exception

    end_by_exception()
    os.makedirs(arguments.out, exist_ok=True)
    result = {"points": arguments.points, "machine": describe()}
    paths = fields.make(arguments.points)
    with tempfile.TemporaryDirectory(prefix="azimuth-bench-") as folder:
        ours = Azimuth(paths, folder)
        try:
            ours.do("index depends integer")
            result["speed"] = measure_speed(ours, arguments, "on disk")
            ours.do('patch {"params": {"on_disk_payload": false}}')
            result["speed"] += measure_speed(ours, arguments, "in memory")
            ours.do("drop depends")
            result["memory"] = measure_memory(ours, arguments)
        finally:
            ours.close()
    if arguments.peers != "none":
        with tempfile.TemporaryDirectory(prefix="azimuth-bench-") as folder:
            result["edge_points"] = arguments.peer_points
            result["edge_memory"], result["edge_points_per_cpu_s"] = (
                measure_edge(fields.make(arguments.peer_points), folder,
                             arguments.peer_points))
    tables(result)
    path = os.path.join(arguments.out, "index")
    with open(path + ".json", "w") as file:
        json.dump(result, file, indent=1)
    draw(result, path)
    print(f"{path}.json, .svg, .png")


if __name__ == "__main__":
    main()
