# SPDX-License-Identifier: Apache-2.0
"""Every point replaced over time, ours beside the peers that can do it.

Starts with half of the set and replaces it by the other half, 10 points at a
time: half of them by an upsert of the same id, half by a delete and a new id.
Shown are recall@k at one ef after each tenth (the graph is left to settle
before), what memory the process took, and the same for a graph built afresh
over the points that are there at the end.

Before that, the latency of searches by one thread while 1,000 points per second
are replaced, in batches and one by one, against the latency without writes:
windows of all three take turns and the calmest of each counts. The p99 of ours
is shown by processor time, too: a tail that is not in it is waiting, for a lock
or for a neighbour on the machine. Writes come by a timetable, whether or not
the last ones are done; the rate reached counts what was acknowledged before its
window ended, and the time of a write begins when it was due.

Ours is in process through the server's own calls, with log and sync
(wait=true), by --writers threads; hnswlib and usearch have no log, qdrant-edge
syncs nothing, each has one writer (Python's lock). hnswlib must not be searched
during inserts. 10 to 15 minutes on two cores with all peers.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WRITING = ("writing", "writing_single")
PEER_NAMES = ("hnswlib", "usearch", "qdrant-edge")


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./appliance bench churn", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="real",
                        help="as for ./appliance bench search (real)")
    parser.add_argument("--peers", default=",".join(PEER_NAMES),
                        metavar="NAME,...", help="`none` for ours alone "
                        f"({','.join(PEER_NAMES)})")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--ef", type=int, default=64)
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--ef-construct", type=int, default=100)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--rate", type=int, default=1000,
                        help="points replaced per second while latencies are "
                        "taken (1000)")
    parser.add_argument("--seconds", type=int, default=15,
                        help="for each of the three latencies; at most what "
                        "half of the points give (15)")
    parser.add_argument("--writers", type=int, default=4,
                        help="threads that write ours (4)")
    parser.add_argument("--out", default=os.path.join(TOP, "bench", "out"))
    arguments = parser.parse_args()
    arguments.peers = [] if arguments.peers == "none" else \
        arguments.peers.split(",")
    for name in arguments.peers:
        if name not in PEER_NAMES:
            parser.error(f"no such peer: {name}")
    if min(arguments.queries, arguments.k, arguments.ef, arguments.m,
           arguments.ef_construct, arguments.batch, arguments.rate,
           arguments.seconds, arguments.writers) < 1 or arguments.k > 100:
        parser.error("numbers must be 1 or more, --k at most 100")
    return arguments


def command_of(name, data, folder, arguments):
    from measure.machine import program

    if name == "azimuth":
        return [program("bench/azimuth-bench"), "churn", "--base",
                data.base_path, "--queries", data.queries_path, "--folder",
                folder, "--k", str(arguments.k), "--ef", str(arguments.ef),
                "--m", str(arguments.m), "--ef-construct",
                str(arguments.ef_construct), "--batch", str(arguments.batch),
                "--rate", str(arguments.rate), "--writers",
                str(arguments.writers), "--seconds", str(arguments.seconds)]
    return [sys.executable, "-m", "engines.churn_worker", json.dumps({
        "peer": name, "base": data.base_path, "queries": data.queries_path,
        "folder": folder, "k": arguments.k, "ef": arguments.ef,
        "m": arguments.m, "ef_construct": arguments.ef_construct,
        "batch": arguments.batch, "rate": arguments.rate,
        "seconds": arguments.seconds})]


def run_one(name, data, arguments):
    from measure.machine import cache_folder, say

    steps = []
    with tempfile.TemporaryDirectory(
            prefix="azimuth-bench-", dir=cache_folder("bench-run")) as folder:
        process = subprocess.Popen(
            command_of(name, data, folder, arguments), stdout=subprocess.PIPE,
            text=True, env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ,
                            "PYTHONPATH": os.path.join(TOP, "bench")})
        for line in process.stdout:
            steps.append(json.loads(line))
            if "recall" in steps[-1]:
                say(f"  {name}: {steps[-1]['replaced']:.0%} replaced, recall "
                    f"{steps[-1]['recall']:.4f}")
        if process.wait() != 0:
            say(f"  {name} failed")
    return steps


def figures_of(steps):
    """What the table shows; None for what a peer cannot do."""
    def of(name, key):
        return next((s.get(key) for s in steps if s["step"] == name), None)

    recalls = [s["recall"] for s in steps if s["step"] in ("step", "end")]
    start, end, fresh = (of(n, "recall") for n in ("start", "end", "fresh"))
    most = max((s["resident"] for s in steps
                if s["step"] in ("step", "end")), default=None)
    return {
        "start": start, "least": min(recalls, default=None), "end": end,
        "fresh": fresh,
        "drift": (end - start) * 100 if end is not None else None,
        "drift_fresh": (end - fresh) * 100 if fresh is not None else None,
        "memory": of("end", "resident") / of("start", "resident")
        if end is not None else None,
        "memory_most": most / of("start", "resident") if most else None,
        "idle": {key: of("idle", key) for key in
                 ("p50_us", "p99_us", "cpu_p99_us")},
        **{kind: {key: of(kind, key) for key in
                  ("p50_us", "p99_us", "cpu_p99_us", "upserts_per_s",
                   "write_p50_us", "write_p99_us")} for kind in WRITING},
    }


def number(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def milliseconds(us):
    return number(us and us / 1000, 2)


def report(found, arguments):
    from measure import table

    print(f"\nrecall@{arguments.k} at ef {arguments.ef}; memory / at the start")
    print(table.text(
        ["", "start", "least", "end", "fresh graph", "end - start, points",
         "end - fresh, points", "memory, end", "memory, most"],
        [[name, number(f["start"], 4), number(f["least"], 4),
          number(f["end"], 4), number(f["fresh"], 4), number(f["drift"], 2),
          number(f["drift_fresh"], 2), number(f["memory"], 3),
          number(f["memory_most"], 3)] for name, f in found.items()]))
    for kind, batch in zip(WRITING, (arguments.batch, 1)):
        print(f"\nsearches while {arguments.rate} points per second are "
              f"replaced, {batch} at a time, / without writes")
        print(table.text(
            ["", "p50", "p99", "p99 of processor time", "replaced per second",
             "write p50, ms", "write p99, ms"],
            [[name, *(table.ratio(f[kind][key], f["idle"][key]) for key in
                      ("p50_us", "p99_us", "cpu_p99_us")),
              number(f[kind]["upserts_per_s"], 0),
              milliseconds(f[kind]["write_p50_us"]),
              milliseconds(f[kind]["write_p99_us"])]
             for name, f in found.items()]))


def main():
    arguments = parse_arguments()
    from measure import dataset
    from measure.machine import describe, end_by_exception, say

    end_by_exception()
    try:
        data = dataset.load(arguments.set, arguments.queries)
    except (OSError, ValueError) as error:
        sys.exit(f"churn: {error}")
    points, dim = data.base.shape
    print(f"{data.name}: {points // 2:,} x {dim} live")
    runs = {}
    for name in [*arguments.peers, "azimuth"]:
        say(name)
        runs[name] = run_one(name, data, arguments)
    report({name: figures_of(steps) for name, steps in runs.items()},
           arguments)
    os.makedirs(arguments.out, exist_ok=True)
    path = os.path.join(arguments.out, f"churn-{data.name}.json")
    with open(path, "w") as file:
        json.dump({**data.describe(), "ef": arguments.ef, "k": arguments.k,
                   "rate": arguments.rate, "machine": describe(),
                   "engines": runs}, file, indent=1)
    say(f"figures: {path}")
    if not all(any(s["step"] == "fresh" for s in steps)
               for steps in runs.values()):
        sys.exit("churn: not every engine came to its end")


if __name__ == "__main__":
    main()
