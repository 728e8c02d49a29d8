# SPDX-License-Identifier: Apache-2.0
"""Quantization: recall@10 against speed and the bytes of a code, for each kind
of quantization_config, ours beside qdrant-edge with the same one and faiss with
codes of as many bytes, in one run.

All walk over the same vectors with the same M and ef_construction; not and
twice the hits scored again ("rescore", "oversampling"; --again has more); ours
without a word, too: then the index decides how many. One engine is in memory at
a time. `--clock cpu` is the default: other work on the machine moves the wall
clock. By default four kinds, which takes some 10 minutes on the whole set;
`--kinds all --again 0,1,2,4 --queries 1000 --rounds 2` has everything, in an
hour: product codes are learnt."""

import argparse
import json
import os
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Kind: what ours walks on, bits of a component there and at Qdrant.
KINDS = {
    "scalar": ("8", 8), "turbo4": ("4", 4), "binary2": ("2", 2),
    "binary1.5": ("1.5", 1.5), "binary": ("1", 1), "turbo1": ("1", 1),
    "product16": ("2", 2), "product32": ("1", 1), "product64": ("0.5", 0.5),
}
DEFAULT_KINDS = "scalar,turbo4,binary2,binary"
ENGINES = ("azimuth", "qdrant", "faiss")
COLORS = {"azimuth": "#000000", "qdrant": "#d62728", "faiss": "#1f77b4"}
TARGETS = (0.95, 0.99)


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./appliance bench quantization", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="real", metavar="NAME",
                        help="as bench search has them (real)")
    parser.add_argument("--points", type=int, default=0, metavar="N",
                        help="the first N of the set (all)")
    parser.add_argument("--kinds", default=DEFAULT_KINDS, metavar="KIND,..",
                        help=f"{','.join(KINDS)}, or all ({DEFAULT_KINDS})")
    parser.add_argument("--engines", default=",".join(ENGINES),
                        metavar="NAME,..", help=",".join(ENGINES))
    parser.add_argument("--again", default="0,2", metavar="N,...",
                        help="how many times the hits are scored again (0,2)")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--ef", default="32,64,128,256", metavar="N,...")
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--ef-construct", type=int, default=100)
    parser.add_argument("--build-threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="cpu")
    parser.add_argument("--no-peer", action="store_true", help="ours alone")
    parser.add_argument("--out", default=os.path.join(TOP, "bench", "out"))
    arguments = parser.parse_args()
    arguments.ef = [int(ef) for ef in arguments.ef.split(",")]
    arguments.again = [int(again) for again in arguments.again.split(",")]
    arguments.kinds = (list(KINDS) if arguments.kinds == "all"
                       else arguments.kinds.split(","))
    arguments.engines = (["azimuth"] if arguments.no_peer
                         else arguments.engines.split(","))
    for kind in arguments.kinds:
        if kind not in KINDS:
            parser.error(f"no such kind: {kind}")
    for engine in arguments.engines:
        if engine not in ENGINES:
            parser.error(f"no such engine: {engine}")
    return arguments


def load(arguments, folder):
    import numpy as np

    from measure import dataset

    data = dataset.load(arguments.set, arguments.queries)
    if not 0 < arguments.points < len(data.base):
        return data
    path = os.path.join(folder, f"{arguments.set}-{arguments.points}.npy")
    np.save(path, np.concatenate([data.base[:arguments.points],
                                  data.queries]))
    return dataset.load(path, arguments.queries)


def measure(engine, data, arguments):
    """[{ef, again, recall, qps}]; the best of the rounds."""
    from measure.recall import recall

    best = {}
    settings = [(ef, again) for ef in arguments.ef for again in arguments.again]
    if engine.name == "azimuth":
        settings += [ef for ef in arguments.ef]
    for _ in range(arguments.rounds):
        for setting in settings:
            answer, ids = engine.search(setting, 1)
            ef, again = ((setting, "auto") if isinstance(setting, int)
                         else setting)
            qps = answer["cpu_qps" if arguments.clock == "cpu" else "qps"]
            if qps > best.get((ef, again), {"qps": 0})["qps"]:
                best[ef, again] = {
                    "ef": ef, "again": again, "qps": qps,
                    "recall": recall(ids, data.base, data.queries,
                                     data.kth(10))}
    return list(best.values())


def run(data, folder, arguments):
    from engines import PEERS, Azimuth, Peer, Task
    from measure.machine import say

    task = Task(data, 10, arguments.m, arguments.build_threads, folder)
    rows = []
    for kind in arguments.kinds:
        engines = []
        if "azimuth" in arguments.engines:
            engines.append(Azimuth(task, arguments.ef_construct,
                                   ["--code", KINDS[kind][0]]))
        engines += [
            Peer(name, task, arguments.ef_construct)
            for engine, name in (("qdrant", f"qdrant-edge-{kind}"),
                                 ("faiss", f"faiss-{kind}"))
            if engine in arguments.engines and name in PEERS]
        for engine in engines:
            say(f"{kind}: {engine.name}")
            try:
                engine.build()
                points = measure(engine, data, arguments)
            finally:
                engine.close()
            rows.append({"kind": kind, "engine": engine.name.split("-")[0],
                         "build_s": engine.build_seconds(arguments.clock),
                         "bytes": data.base.shape[1] * KINDS[kind][1] / 8,
                         "points": points})
    return rows


def top(row, again):
    return max((p["recall"] for p in row["points"] if p["again"] == again),
               default=None)


def at(row, target):
    from measure.curve import at_recall

    return at_recall(row["points"], target)


def report(rows, data, arguments):
    from measure import table

    lines = []
    for row in rows:
        peer = next((r for r in rows if r["kind"] == row["kind"] and
                     r["engine"] == "qdrant"), None)
        lines.append(
            [row["kind"], row["engine"], f"{row['bytes']:.0f}",
             *(f"{top(row, again):.3f}" if top(row, again) else "-"
               for again in (*arguments.again, "auto")),
             *(table.ratio(at(row, target), at(peer, target))
               if peer and at(row, target) and at(peer, target) else
               (f"{at(row, target):.0f}/s" if at(row, target) else "-")
               for target in TARGETS),
             f"{row['build_s']:.1f}"])
    print(f"\n{data.name}: {len(data.base):,} x {data.base.shape[1]}; best "
          "recall@10 of all ef")
    print(table.text(
        ["kind", "engine", "bytes",
         *(f"again x{a}" for a in arguments.again), "auto",
         *(f"QPS / qdrant @{t}" for t in TARGETS), "build s"], lines))


def draw(rows, title, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    from measure.curve import frontier

    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    columns = min(3, len(kinds))
    lines = (len(kinds) + columns - 1) // columns
    figure, all_axes = pyplot.subplots(
        lines, columns, figsize=(4.6 * columns, 3.5 * lines), squeeze=False,
        sharex=True, sharey=True)
    for axes, kind in zip(all_axes.flat, kinds):
        for row in (r for r in rows if r["kind"] == kind):
            for name, style in (("estimates", "--"), ("rescored", "-")):
                points = frontier([p for p in row["points"]
                                   if (p["again"] == 0) == (style == "--")])
                axes.plot([p["recall"] for p in points],
                          [p["qps"] for p in points], style, marker="o",
                          markersize=3, label=f"{row['engine']}, {name}",
                          color=COLORS[row["engine"]])
        axes.set_title(f"{kind}, {row['bytes']:.0f} bytes", fontsize=9)
        axes.set_yscale("log")
        axes.grid(True, alpha=0.3)
    for axes in all_axes.flat[len(kinds):]:
        axes.axis("off")
    all_axes.flat[0].legend(fontsize=7)
    for axes in all_axes[-1]:
        axes.set_xlabel("recall@10")
    for axes in all_axes[:, 0]:
        axes.set_ylabel("queries per second")
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    figure.savefig(path + ".svg")
    figure.savefig(path + ".png", dpi=100)


def main():
    arguments = parse_arguments()
    from measure.machine import cache_folder, describe, end_by_exception, say

    end_by_exception()
    with tempfile.TemporaryDirectory(prefix="azimuth-bench-",
                                     dir=cache_folder("bench-run")) as folder:
        try:
            data = load(arguments, folder)
            rows = run(data, folder, arguments)
        except (OSError, ValueError, RuntimeError) as error:
            sys.exit(f"quantization: {error}")
        report(rows, data, arguments)
        name = data.name.removesuffix(".npy")
        path = os.path.join(arguments.out, f"quantization-{name}")
        os.makedirs(arguments.out, exist_ok=True)
        with open(path + ".json", "w") as file:
            json.dump({**data.describe(), "clock": arguments.clock,
                       "machine": describe(), "rows": rows}, file, indent=1)
        draw(rows, f"{name}: {len(data.base):,} x {data.base.shape[1]}, M "
             f"{arguments.m}, one thread, {arguments.clock} clock", path)
        say(f"figures: {path}.json, picture: {path}.svg")


if __name__ == "__main__":
    main()
