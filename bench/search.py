# SPDX-License-Identifier: Apache-2.0
"""Recall against speed, our engine beside its peers, in one run.

Every engine gets the same unit vectors, threads, M and ef_construction. Rounds
are interleaved (each engine measures all its ef once per round), the best
round counts. Recall@k is tie-aware: a hit counts when its exact similarity is
not worse than the k-th exact one by more than 1e-5. What is printed are
ratios; the figures of this machine are in the JSON only.
"""

import argparse
import glob
import gzip
import json
import os
import platform
import subprocess
import sys
import tempfile
import time

import numpy as np

from engines import PEERS, Azimuth, timed

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FULL_SET = os.path.join(
    TOP, "..", "shared", "data", "debian-packages", "vectors.f16.npy")
TIE = 1e-5
TARGETS = (0.95, 0.99)


def say(text):
    print(text, file=sys.stderr, flush=True)


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="search", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="float array [points][dim] as .npy; "
                        "default: the full set beside the checkout if it is "
                        "there, else the bundled sample of 5,000")
    parser.add_argument("--queries", type=int, default=1000,
                        help="points held out as queries (1000)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--ef-construct", type=int, default=100)
    parser.add_argument("--ef", default="10,16,24,32,48,64,96,128,192,256,384")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="comma list of engines")
    parser.add_argument("--azimuth", help="the azimuth-bench program; "
                        "default: one in the tree, else it is built")
    parser.add_argument("--out", default=os.path.join(TOP, "bench", "out"))
    arguments = parser.parse_args()
    try:
        arguments.ef = [int(ef) for ef in arguments.ef.split(",")]
    except ValueError:
        parser.error("--ef takes numbers with commas between")
    if min(arguments.ef + [arguments.queries, arguments.threads, arguments.k,
                           arguments.rounds]) < 1:
        parser.error("numbers must be 1 or more")
    return arguments


def load_sample():
    vectors = []
    for path in sorted(glob.glob(
            os.path.join(TOP, "share", "sample", "points-*.json.gz"))):
        with gzip.open(path, "rt") as file:
            body = json.load(file)
        vectors += [point["vector"] for point in body["points"]]
    return np.array(vectors)


def load(arguments):
    """Unit vectors: (name, base, queries), split by a fixed seed."""
    path = arguments.data
    if path is None and os.path.exists(FULL_SET):
        path = FULL_SET
    try:
        vectors = load_sample() if path is None else np.load(path)
    except (OSError, ValueError) as error:
        sys.exit(f"search: {error}")
    if vectors.ndim != 2 or len(vectors) <= arguments.queries + arguments.k:
        sys.exit("search: the data must be [points][dim] with more points "
                 "than --queries")
    vectors = vectors.astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-12
    vectors = vectors[np.random.default_rng(7).permutation(len(vectors))]
    name = os.path.basename(path) if path else "share/sample"
    return (name, np.ascontiguousarray(vectors[:-arguments.queries]),
            np.ascontiguousarray(vectors[-arguments.queries:]))


def kth_similarity(base, queries, k):
    kth = np.empty(len(queries), np.float32)
    for at in range(0, len(queries), 200):
        part = queries[at:at + 200] @ base.T
        kth[at:at + 200] = np.partition(part, -k, axis=1)[:, -k]
    return kth


def recall(ids, base, queries, kth):
    ids = np.asarray(ids).astype(np.int64)
    found = (ids >= 0) & (ids < len(base))
    ordered = np.sort(ids, axis=1)
    repeats = np.count_nonzero(
        (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0))
    if repeats:
        say(f"warning: {repeats} ids were returned twice; they count once")
    similarity = np.einsum(
        "qkd,qd->qk", base[np.where(found, ids, 0)], queries)
    good = np.count_nonzero(found & (similarity >= kth[:, None] - TIE))
    return max(0, good - repeats) / ids.size


def find_azimuth(arguments):
    places = [arguments.azimuth] if arguments.azimuth else [
        os.path.join(TOP, "bench", "azimuth-bench"),
        os.path.join(TOP, "build", "bench", "azimuth-bench"),
        os.path.join(arguments.out, "build", "bench", "azimuth-bench")]
    for place in places:
        if os.access(place, os.X_OK):
            return place
    if arguments.azimuth:
        sys.exit(f"search: {arguments.azimuth} is not a program")
    say("building azimuth-bench")
    folder = os.path.join(arguments.out, "build")
    os.makedirs(folder, exist_ok=True)
    configure = os.path.join(TOP, "configure")
    if not os.path.exists(configure):
        subprocess.run(["autoreconf", "-fi"], cwd=TOP, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run([configure, "--quiet"], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["make", "-s", f"-j{os.cpu_count()}",
                    "bench/azimuth-bench"], cwd=folder, check=True)
    return places[-1]


class Row:
    """What one engine has shown so far."""

    def __init__(self, name, efs):
        self.name = name
        self.build_s = float("inf")
        self.recall = dict.fromkeys(efs, 0.0)
        self.qps = dict.fromkeys(efs, 0.0)
        self.more = {}

    def qps_at(self, target):
        """QPS where the curve reaches the recall, between two ef by the
        logarithm; None when it never does."""
        points = sorted((self.recall[ef], self.qps[ef]) for ef in self.qps)
        reached = [qps for got, qps in points if got >= target]
        if not reached:
            return None
        best = max(reached)
        for (low, fast), (high, slow) in zip(points, points[1:]):
            if low < target <= high and fast > slow > 0:
                share = (target - low) / (high - low)
                best = max(best, fast * (slow / fast) ** share)
        return best

    def as_json(self):
        return {"engine": self.name, "build_s": self.build_s, **self.more,
                "curve": [{"ef": ef, "recall": self.recall[ef],
                           "qps": self.qps[ef]} for ef in self.qps],
                "qps_at": {str(t): self.qps_at(t) for t in TARGETS}}


def measure_azimuth(engine, row, folder, data, arguments):
    base, queries, kth = data
    figures, ids = engine.run(folder, base, queries, arguments.k,
                              arguments.ef)
    row.build_s = min(row.build_s, figures["build_s"])
    for at, ef in enumerate(arguments.ef):
        row.qps[ef] = max(row.qps[ef], figures["qps"][at])
        row.recall[ef] = recall(ids[at], base, queries, kth)
    row.more = {key: figures[key] for key in (
        "kernel", "bytes_per_point", "p50_us", "p99_us", "visits", "hops")}


def measure_peer(engine, row, data, arguments):
    base, queries, kth = data
    for ef in arguments.ef:
        seconds, ids = timed(engine.search, queries, arguments.k, ef)
        row.qps[ef] = max(row.qps[ef], len(queries) / seconds)
        row.recall[ef] = recall(ids, base, queries, kth)


def run(arguments, data, folder):
    wanted = [name for name in arguments.only.split(",") if name]
    rows = []
    peers = [peer(arguments.m, arguments.ef_construct, arguments.threads)
             for peer in PEERS if not wanted or peer.name in wanted]
    for peer in peers:
        say(f"building {peer.name}")
        row = Row(peer.name, arguments.ef)
        row.build_s, _ = timed(peer.build, data[0])
        rows.append((peer, row))
    if not wanted or "azimuth" in wanted:
        engine = Azimuth(find_azimuth(arguments), arguments.m,
                         arguments.ef_construct, arguments.threads)
        rows.append((engine, Row(engine.name, arguments.ef)))
    for at in range(arguments.rounds):
        for engine, row in rows:
            say(f"round {at + 1} of {arguments.rounds}: {engine.name}")
            if isinstance(engine, Azimuth):
                measure_azimuth(engine, row, folder, data, arguments)
            else:
                measure_peer(engine, row, data, arguments)
    for peer in peers:
        getattr(peer, "close", lambda: None)()
    return [row for _, row in rows]


def ratio(value, unit):
    return "-" if not value or not unit else f"{value / unit:.2f}"


def print_table(rows):
    by_name = {row.name: row for row in rows}
    unit = by_name.get("hnswlib", rows[0])
    print(f"\nratios, {unit.name} = 1.00 (QPS: more is better; build: less)")
    heads = [f"QPS@{target}" for target in TARGETS] + ["build", "best recall"]
    print(f"{'':16}" + "".join(f"{head:>12}" for head in heads))
    for row in rows:
        cells = [ratio(row.qps_at(t), unit.qps_at(t)) for t in TARGETS]
        cells.append(ratio(row.build_s, unit.build_s))
        cells.append(f"{max(row.recall.values()):.4f}")
        print(f"{row.name:16}" + "".join(f"{cell:>12}" for cell in cells))
    ours = by_name.get("azimuth")
    peers = [row for row in rows if row.name != "azimuth"]
    if ours is None or not peers:
        return
    for target in TARGETS:
        best = max(peers, key=lambda row: row.qps_at(target) or 0)
        print(f"azimuth / best peer at {target}: "
              f"{ratio(ours.qps_at(target), best.qps_at(target))} "
              f"({best.name})")


def draw(rows, title, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 5.5))
    for row in rows:
        is_ours = row.name == "azimuth"
        axes.plot([row.recall[ef] for ef in row.qps], list(row.qps.values()),
                  marker="o", markersize=4, label=row.name,
                  linewidth=2.5 if is_ours else 1.2,
                  color="black" if is_ours else None)
    axes.set_yscale("log")
    axes.set_xlim(left=0.85, right=1.001)
    axes.set_xlabel("recall@k (ties count)")
    axes.set_ylabel("queries per second")
    axes.set_title(title)
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path + ".svg")
    figure.savefig(path + ".png", dpi=120)


def machine():
    with open("/proc/cpuinfo") as file:
        models = [line.split(":")[1].strip() for line in file
                  if line.startswith("model name")]
    commit = subprocess.run(
        ["git", "-C", TOP, "rev-parse", "--short", "HEAD"],
        capture_output=True, text=True, check=False).stdout.strip()
    return {"cpu": models[0] if models else platform.machine(),
            "cpu_count": os.cpu_count(), "load": os.getloadavg()[0],
            "commit": commit, "date": time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                                    time.gmtime())}


def main():
    arguments = parse_arguments()
    name, base, queries = load(arguments)
    data = (base, queries, kth_similarity(base, queries, arguments.k))
    os.makedirs(arguments.out, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="azimuth-bench-") as folder:
        rows = run(arguments, data, folder)
    title = (f"{name}: {len(base):,} x {base.shape[1]}, "
             f"{arguments.threads} thread(s), M {arguments.m}, "
             f"ef_construction {arguments.ef_construct}")
    print(title)
    print_table(rows)
    path = os.path.join(arguments.out, f"search-{arguments.threads}t")
    with open(path + ".json", "w") as file:
        json.dump({"data": name, "points": len(base), "dim": base.shape[1],
                   "queries": len(queries), "k": arguments.k,
                   "threads": arguments.threads, "m": arguments.m,
                   "ef_construct": arguments.ef_construct,
                   "machine": machine(),
                   "engines": [row.as_json() for row in rows]}, file,
                  indent=1)
    draw(rows, title, path)
    print(f"\nfigures: {path}.json, picture: {path}.svg and .png")


if __name__ == "__main__":
    main()
