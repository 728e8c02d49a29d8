# SPDX-License-Identifier: Apache-2.0
"""Sparse vectors: the 10 best of the real texts, exact, ours beside qdrant-edge
and inverted lists in numpy.

Two sets (measure/texts.py says how they are made): `bm25`, few entries and the
modifier idf, and `learned`, some hundred entries of a text, which stands in for
SPLADE. Every engine answers the same 1,000 held-out queries; the answers are
compared by their scores. Ours goes through the collection (a record of each hit
included, HTTP and JSON not), qdrant-edge is in process, too, by batches of 50,
its Python objects included. Rounds take turns, the best of each counts. About
three minutes on two cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SETS = ("bm25", "learned")
PEERS = ("qdrant-edge", "numpy")
# Ours again, with that index.
INDEXES = {"azimuth-float16": {"datatype": "float16"},
           "azimuth-uint8": {"datatype": "uint8"},
           "azimuth-cold": {"memory": "cold"},
           "azimuth-cached": {"memory": "cached"}}
TOLERANCE = 1e-4


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./appliance bench sparse", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--out", default=os.path.join(TOP, "bench", "out"))
    arguments = parser.parse_args()
    arguments.sets = arguments.sets.split(",")
    arguments.peers = [p for p in arguments.peers.split(",") if p != "none"]
    if not set(arguments.sets) <= set(SETS) or \
            not set(arguments.peers) <= {*PEERS, *INDEXES}:
        parser.error(f"--sets of {SETS}, --peers of {(*PEERS, *INDEXES)} or "
                     "none")
    if not (1 <= arguments.k <= 1000 and arguments.rounds >= 1):
        parser.error("--k is 1 to 1000, --rounds 1 or more")
    return arguments


class Engine:
    def __init__(self, name, set_name, paths, k, folder):
        from measure.machine import program

        self.name = name
        self.ids = os.path.join(folder, f"{name}.ids")
        inside = os.path.join(folder, name)
        os.makedirs(inside)
        idf = set_name == "bm25"
        self.is_ours = name.startswith("azimuth")
        if self.is_ours:
            vector = {"modifier": "idf"} if idf else {}
            if name in INDEXES:
                vector["index"] = INDEXES[name]
            command = [program("bench/azimuth-bench"), "sparse",
                       "--base", paths[0], "--queries", paths[1],
                       "--folder", inside, "--ids", self.ids, "--k", str(k),
                       "--config",
                       '"sparse_vectors": {"s": %s}' % json.dumps(vector)]
        else:
            command = [sys.executable, "-m", "engines.edge_sparse", json.dumps(
                {"peer": name, "base": paths[0], "queries": paths[1], "k": k,
                 "folder": inside, "ids": self.ids, "idf": idf})]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.path.join(TOP, "bench")})
        self.built = self.answer()
        self.rounds = []

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"bench sparse: {self.name} ended with status "
                             f"{self.process.wait()}")
        return json.loads(line)

    def round(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.rounds.append(self.answer())

    def scores(self, k):
        import numpy as np

        if not self.is_ours:
            with open(self.ids) as file:
                return [[score for _, score in hits]
                        for hits in json.load(file)]
        hits = np.fromfile(self.ids, [("id", "<i4"), ("score", "<f4")])
        return [[float(hit["score"]) for hit in query if hit["id"] >= 0]
                for query in hits.reshape(-1, k)]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def differences(ours, theirs):
    """Queries whose scores are not the same."""
    return sum(len(a) != len(b) or any(
        abs(x - y) > TOLERANCE * max(1.0, abs(y)) for x, y in zip(a, b))
        for a, b in zip(ours, theirs))


def measure(name, arguments):
    from measure import texts

    paths = texts.make(name)
    base, queries = (texts.Csr.read(path) for path in paths)
    entries = len(base.indices)
    print(f"{name}: {len(base):,} texts of {entries / len(base):.1f} entries, "
          f"{len(queries):,} queries of "
          f"{len(queries.indices) / len(queries):.1f}")
    rows = []
    with tempfile.TemporaryDirectory(prefix="azimuth-bench-") as folder:
        engines = []
        try:
            for peer in ("azimuth", *arguments.peers):
                engines.append(Engine(peer, name, paths, arguments.k, folder))
            for _ in range(arguments.rounds):
                for engine in engines:
                    engine.round()
            ours = engines[0].scores(arguments.k)
            for engine in engines:
                key = "cpu_s" if arguments.clock == "cpu" else "seconds"
                best = min(r[key] for r in engine.rounds)
                memory = engine.built.get("index_bytes",
                                          engine.built["resident"])
                rows.append({
                    "engine": engine.name, "qps": len(queries) / best,
                    "us": best / len(queries) * 1e6, **engine.built,
                    "bytes_per_entry": memory / entries,
                    "differences": differences(
                        ours, engine.scores(arguments.k))})
        finally:
            for engine in engines:
                engine.close()
    for row in rows:
        row["ratio"] = rows[0]["qps"] / row["qps"]
        print(f"  {row['engine']:15s} {row['qps']:9,.0f} queries/s  "
              f"{row['us']:8.1f} us  ours is {row['ratio']:6.2f} x  "
              f"build {row['build_s']:6.1f} s  "
              f"{row['bytes_per_entry']:5.1f} bytes/entry  "
              f"{row['differences']} other answers")
    return {"set": name, "texts": len(base), "entries": entries, "rows": rows}


def draw(results, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from measure.plot import COLOURS

    figure, axes = pyplot.subplots(1, len(results), squeeze=False,
                                   figsize=(4.6 * len(results), 4.2))
    for axis, result in zip(axes[0], results):
        rows = result["rows"]
        bars = axis.bar([r["engine"] for r in rows], [r["qps"] for r in rows],
                        color=[COLOURS.get(r["engine"], "#888888")
                               for r in rows])
        axis.bar_label(bars, [f"{r['qps']:,.0f}" for r in rows], padding=2)
        axis.set_yscale("log")
        axis.set_ylim(top=axis.get_ylim()[1] * 2)
        axis.set_ylabel("queries per second (log)")
        axis.set_title(f"{result['set']}: {result['texts']:,} texts, "
                       f"{result['entries'] / result['texts']:.0f} entries",
                       fontsize=10)
    figure.tight_layout()
    figure.savefig(path + ".svg")
    figure.savefig(path + ".png", dpi=110)
    pyplot.close(figure)


def main():
    arguments = parse_arguments()
    from measure.machine import end_by_exception

    end_by_exception()
    os.makedirs(arguments.out, exist_ok=True)
    results = [measure(name, arguments) for name in arguments.sets]
    path = os.path.join(arguments.out, "sparse")
    with open(path + ".json", "w") as file:
        json.dump(results, file, indent=1)
    draw(results, path)
    print(f"{path}.json, .svg, .png")


if __name__ == "__main__":
    main()
