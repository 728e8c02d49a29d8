# SPDX-License-Identifier: Apache-2.0
"""What the server adds to a search: REST and gRPC beside the same searches in
process, in one run.

A collection with payloads and a payload index is made once; azimuthd and
`azimuth-bench filter` (the same calls in process, no server) each open a copy
of it. Queries, k=10, with and without payload, with and without a filter (the
query's own section; a third of the points where a set has none), by 1, 8 and 64
connections of `azimuth-bench load`: one thread that sends prepared bytes, one
request at a time on each connection. It tells the processor time of itself and
of the server. In process the same is asked for, payloads included; the share
outside the index is what a query costs the server beside the search alone.
Bodies are those of the public clients: JSON with all digits of
the numbers, QueryPoints of gRPC.

In the same run and by the same program: /healthz (over gRPC HealthCheck);
decoding of bodies of 1,000 upserts on one core; and upload_collection of the
whole set by qdrant-client (installed the first time; its defaults) over both.
Rounds take turns, the best of each counts. There is no server of qdrant-edge to
compare with. About five minutes on two cores.

Bars: p50 of one connection <= search in process + 2 (REST) or 1.5 (gRPC) round
trips of /healthz; at 64 connections >= 0.70 of the queries that the cores which
the load leaves make in process (also by processor time of a query, which a busy
machine changes less); JSON >= 400 MB/s, protobuf >= 1 GB/s of a core; upload
over gRPC >= 2 times as fast as over REST.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLLECTION = "bench"
PROTOCOLS = ("rest", "grpc")
PATHS = {"rest": f"/collections/{COLLECTION}/points/query",
         "grpc": "/qdrant.Points/Query"}
HEALTHZ = {"rest": "/healthz", "grpc": "/qdrant.Qdrant/HealthCheck"}
ROUND_TRIPS = {"rest": 2.0, "grpc": 1.5}
SHARE_MIN = 0.70
DECODE_MIN = {"rest": 400.0, "grpc": 1000.0}
UPLOAD_MIN = 2.0
# name -> (has a filter, wants payloads)
CASES = {"plain": (False, False), "payload": (False, True),
         "filter": (True, False), "filter, payload": (True, True)}
UPSERT_POINTS = 1000
UPSERT_BODIES = 8


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./appliance bench serve", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="real",
                        help="as for ./appliance bench search (real)")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--connections", default="1,8,64", metavar="N,...",
                        help="the first and last are judged (1,8,64)")
    parser.add_argument("--milliseconds", type=int, default=1500,
                        help="of one measurement (1500)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--upload", default="none,payload", metavar="NAME,...",
                        help="upload vectors alone (none), with payloads "
                        "(payload), or skip it (skip) (none,payload)")
    parser.add_argument("--batch", type=int, default=64,
                        help="of upload_collection; its default (64)")
    parser.add_argument("--out", default=os.path.join(TOP, "bench", "out"))
    arguments = parser.parse_args()
    arguments.connections = [int(n) for n in arguments.connections.split(",")]
    arguments.upload = [u for u in arguments.upload.split(",") if u != "skip"]
    if not set(arguments.upload) <= {"none", "payload"}:
        parser.error("--upload of none, payload, skip")
    if min(arguments.rounds, arguments.milliseconds, arguments.batch,
           *arguments.connections) < 1 or not 1 <= arguments.k <= 100:
        parser.error("numbers must be 1 or more, --k at most 100")
    return arguments


def better(best, key, figures):
    """Of each figure the best: rounds that neighbours disturbed do not
    count."""
    known = best.setdefault(key, dict(figures))
    for name, value in figures.items():
        keep = max if name in ("qps", "cpu_qps", "mb_per_cpu_s",
                               "points_per_cpu_s", "requests") else min
        known[name] = keep(known[name], value)


class Files:
    """The set, its payloads, filters and bodies in a folder."""

    def __init__(self, data, folder, k):
        import numpy as np

        from measure import families, serve_bodies as bodies

        self.data, self.folder = data, folder
        self.points, made = families.make(data, len(data.queries))
        filters = next((f.filters for f in made if f.group == "own section"),
                       None)
        self.index = ("section", "keyword")
        if filters is None:
            self.index = ("rank", "integer")
            limit = len(self.points) // 3
            filters = [{"must": [{"key": "rank", "range": {"lt": limit}}]}]
        self.payloads = self.path("payloads.jsonl")
        with open(self.payloads, "w") as file:
            file.writelines(json.dumps(p) + "\n" for p in self.points)
        self.families = self.path("families.json")
        with open(self.families, "w") as file:
            json.dump([[None], filters], file)
        self.bodies = {}
        for case, (is_filtered, payload) in CASES.items():
            asked = [(q, filters[i % len(filters)] if is_filtered else None)
                     for i, q in enumerate(data.queries)]
            self.bodies["rest", case] = bodies.write(
                self.path(f"rest-{case}"),
                [bodies.json_query(q, k, f, payload) for q, f in asked])
            self.bodies["grpc", case] = bodies.write(
                self.path(f"grpc-{case}"),
                [bodies.grpc_query(COLLECTION, q, k, f, payload)
                 for q, f in asked])
        base = np.asarray(data.base[:UPSERT_BODIES * UPSERT_POINTS])
        for payload in (False, True):
            starts = range(0, len(base), UPSERT_POINTS)
            parts = [(at, base[at:at + UPSERT_POINTS],
                      self.points[at:at + UPSERT_POINTS] if payload else None)
                     for at in starts]
            self.bodies["rest", "upsert", payload] = bodies.write(
                self.path(f"rest-upsert-{payload}"),
                [bodies.json_upsert(*part) for part in parts])
            self.bodies["grpc", "upsert", payload] = bodies.write(
                self.path(f"grpc-upsert-{payload}"),
                [bodies.grpc_upsert(COLLECTION, *part) for part in parts])

    def path(self, name):
        return os.path.join(self.folder, name)


class Inside:
    """azimuth-bench filter: the collection without a server."""

    def __init__(self, files, k, is_made):
        from measure.machine import program

        command = [program("bench/azimuth-bench"), "filter",
                   "--base", files.data.base_path,
                   "--queries", files.data.queries_path,
                   "--payloads", files.payloads, "--families", files.families,
                   "--folder", files.path("inside"),
                   "--ids", files.path("ids.npy"), "--k", str(k)]
        self.process = subprocess.Popen(
            command + (["--made"] if is_made else []), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"azimuth-bench filter ended with status "
                               f"{self.process.wait()}")
        return json.loads(line)

    def ask(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def make_collection(files, k):
    """Fills files.path("inside"), and a copy of it for the server."""
    os.makedirs(files.path("inside"))
    inside = Inside(files, k, False)
    try:
        inside.ask(f"index {files.index[0]} {files.index[1]}")
    finally:
        inside.close()
    shutil.copytree(files.path("inside"),
                    os.path.join(files.path("server"), "storage"))


def run_load(engine, protocol, path, milliseconds, connections, bodies=None):
    from measure.machine import program

    port = engine.port if protocol == "rest" else engine.grpc_port
    command = [program("bench/azimuth-bench"), "load", "--port", str(port),
               "--protocol", "http" if protocol == "rest" else "grpc",
               "--path", path, "--milliseconds", str(milliseconds),
               "--connections", str(connections),
               "--pid", str(engine.process.pid)]
    if bodies is not None:
        command += ["--bodies", bodies]
    return json.loads(subprocess.run(command, check=True, text=True,
                                     stdout=subprocess.PIPE).stdout)


def measure_inside(inside, best):
    """Of each case: latency with one thread, throughput with all cores."""
    for case, (is_filtered, payload) in CASES.items():
        more = " payload" if payload else ""
        for _ in range(3):
            for name, threads in ((case, 1), ((case, "all"), os.cpu_count())):
                figures = inside.ask(f"{int(is_filtered)} default {threads}"
                                     f"{more}")
                figures["cpu_us"] = 1e6 / figures["cpu_qps"]
                better(best, name, figures)


def measure_served(files, engine, arguments):
    """({(protocol, case, connections): figures}, {case: in process},
    {protocol: healthz})."""
    from measure.machine import say

    runs, inside_best, healthz = {}, {}, {}
    inside = Inside(files, arguments.k, True)
    try:
        for at in range(arguments.rounds):
            say(f"round {at + 1} of {arguments.rounds}")
            for protocol in PROTOCOLS:
                better(healthz, protocol, run_load(
                    engine, protocol, HEALTHZ[protocol],
                    arguments.milliseconds, 1))
                measure_inside(inside, inside_best)
                for connections in arguments.connections:
                    for case in CASES:
                        better(runs, (protocol, case, connections), run_load(
                            engine, protocol, PATHS[protocol],
                            arguments.milliseconds, connections,
                            files.bodies[protocol, case]))
    finally:
        inside.close()
    for case in CASES:
        both = inside_best.pop((case, "all"))
        inside_best[case].update(qps=both["qps"], all_cpu_us=both["cpu_us"])
    return runs, inside_best, healthz


def judge(runs, inside, healthz):
    """A list of rows, each with what the bars look at."""
    cores = os.cpu_count()
    rows = []
    for (protocol, case, connections), figures in runs.items():
        search = inside[case]
        index = inside["filter" if CASES[case][0] else "plain"]
        health = healthz[protocol]
        left = cores - min(cores - 0.01,
                           figures["qps"] * figures["load_cpu_us"] * 1e-6)
        rows.append({
            "protocol": protocol, "case": case, "connections": connections,
            "bar": ROUND_TRIPS[protocol], **figures,
            "outside": 1 - index["cpu_us"] / figures["server_cpu_us"],
            "round_trips": (figures["p50_us"] - search["p50_us"]) /
            health["p50_us"],
            "round_trips_cpu": (figures["load_cpu_us"] - search["cpu_us"] +
                                figures["server_cpu_us"]) /
            (health["load_cpu_us"] + health["server_cpu_us"]),
            "of_inside": figures["qps"] / (search["qps"] / cores * left),
            "of_inside_cpu": search["all_cpu_us"] / figures["server_cpu_us"]})
    return rows


def measure_decode(files, rounds):
    from measure.machine import program

    best = {}
    for _ in range(rounds):
        for protocol in PROTOCOLS:
            for payload in (False, True):
                done = subprocess.run(
                    [program("bench/azimuth-bench"), "decode", "--protocol",
                     "http" if protocol == "rest" else "grpc", "--bodies",
                     files.bodies[protocol, "upsert", payload],
                     "--milliseconds", "700"], check=True, text=True,
                    stdout=subprocess.PIPE)
                better(best, (protocol, payload), json.loads(done.stdout))
    return best


def measure_upload(files, folder, arguments):
    from fixture.azimuthd import Engine
    from measure import client
    from measure.machine import say

    if not arguments.upload:
        return {}
    package, best = client.installed(), {}
    for at in range(2):
        for kind in arguments.upload:
            for protocol in PROTOCOLS:
                say(f"upload {at + 1} of 2: {protocol}, payload: {kind}")
                where = os.path.join(folder, f"upload-{protocol}-{kind}-{at}")
                engine = Engine(where).start()
                try:
                    better(best, (protocol, kind), upload_once(
                        files, engine, package, protocol, kind, arguments))
                finally:
                    engine.stop()
                shutil.rmtree(where)
    return best


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def upload_once(files, engine, package, protocol, kind, arguments):
    vectors = [files.data.base_path]
    if kind == "none":
        vectors.append(files.data.queries_path)
    options = {"vectors": vectors, "name": COLLECTION,
               "payloads": files.payloads if kind == "payload" else None,
               "port": engine.port, "grpc_port": engine.grpc_port,
               "is_grpc": protocol == "grpc", "batch": arguments.batch}
    before = cpu_seconds(engine.process.pid)
    done = subprocess.run(
        [sys.executable, os.path.join(TOP, "bench", "engines",
                                      "client_upload.py"),
         json.dumps(options)], check=True, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": package})
    figures = json.loads(done.stdout)
    figures["server_cpu_s"] = cpu_seconds(engine.process.pid) - before
    return figures


# ---- what it prints ----

def report_served(rows, inside, healthz):
    from measure import table

    print("\nround trip of health, p50 in us: " + ", ".join(
        f"{protocol} {figures['p50_us']:.1f} (server "
        f"{figures['server_cpu_us']:.1f} of processor time)"
        for protocol, figures in healthz.items()))
    print("in process: " + "; ".join(
        f"{case} p50 {f['p50_us']:.0f} us, {f['qps']:,.0f}/s with all cores"
        for case, f in inside.items()) + "\n")
    print(table.text(
        ["", "conn.", "QPS", "p50 us", "p99 us", "cpu us", "outside index",
         "round trips", "by cpu", "bar", "/ in process", "by cpu"],
        [[f"{r['protocol']}, {r['case']}", r["connections"],
          f"{r['qps']:,.0f}", f"{r['p50_us']:.0f}", f"{r['p99_us']:.0f}",
          f"{r['server_cpu_us']:.0f}", f"{r['outside']:.2f}",
          f"{r['round_trips']:.2f}", f"{r['round_trips_cpu']:.2f}",
          r["bar"], f"{r['of_inside']:.2f}",
          f"{r['of_inside_cpu']:.2f}"] for r in rows]))


def report_rest(decode, upload):
    from measure import table

    print("\ndecoding of upserts, one core")
    print(table.text(["", "MB/s", "points/s", "bar"], [
        [f"{protocol}{', payload' if payload else ''}",
         f"{figures['mb_per_cpu_s']:,.0f}",
         f"{figures['points_per_cpu_s']:,.0f}", f"{DECODE_MIN[protocol]:.0f}"]
        for (protocol, payload), figures in decode.items()]))
    if not upload:
        return
    print("\nupload_collection by qdrant-client")
    print(table.text(
        ["payload", "", "points/s", "client cpu s", "server cpu s",
         "gRPC / REST"],
        [[kind, protocol, f"{figures['points'] / figures['seconds']:,.0f}",
          f"{figures['client_cpu_s']:.1f}", f"{figures['server_cpu_s']:.1f}",
          table.ratio(upload["rest", kind]["seconds"],
                      upload["grpc", kind]["seconds"])]
         for (protocol, kind), figures in upload.items()]))


def verdict(rows, decode, upload, connections):
    """Lines of what misses its bar."""
    missed = []
    for row in rows:
        name = f"{row['protocol']}, {row['case']}, {row['connections']}"
        if row["connections"] == connections[0] and \
                row["round_trips"] > row["bar"]:
            missed.append(f"{name}: {row['round_trips']:.2f} round trips")
        if row["connections"] == connections[-1] and \
                row["of_inside"] < SHARE_MIN:
            missed.append(f"{name}: {row['of_inside']:.2f} of in process")
    missed += [f"{protocol}{', payload' if payload else ''}: "
               f"{figures['mb_per_cpu_s']:.0f} MB/s"
               for (protocol, payload), figures in decode.items()
               if figures["mb_per_cpu_s"] < DECODE_MIN[protocol]]
    for kind in {kind for _, kind in upload}:
        ratio = upload["rest", kind]["seconds"] / \
            upload["grpc", kind]["seconds"]
        if ratio < UPLOAD_MIN:
            missed.append(f"upload, payload {kind}: {ratio:.2f}")
    return missed


def write(data, arguments, results):
    from measure import serve_plot
    from measure.machine import describe, say

    rows, inside, healthz, decode, upload = results
    os.makedirs(arguments.out, exist_ok=True)
    path = os.path.join(arguments.out, f"serve-{data.name}")
    with open(path + ".json", "w") as file:
        json.dump({**data.describe(), "k": arguments.k, "machine": describe(),
                   "healthz": healthz, "inside": inside, "runs": rows,
                   "decode": [{"protocol": p, "payload": w, **f}
                              for (p, w), f in decode.items()],
                   "upload": [{"protocol": p, "payload": w, **f}
                              for (p, w), f in upload.items()]},
                  file, indent=1)
    picture = serve_plot.draw(rows, inside, healthz, f"{data.name}: "
                              f"{len(data.base):,} points, k={arguments.k}",
                              path)
    say(f"figures: {path}.json, picture: {picture}")


def main():
    arguments = parse_arguments()
    sys.path.insert(0, os.path.join(TOP, "tests"))
    from fixture.azimuthd import Engine
    from measure import dataset
    from measure.machine import cache_folder, end_by_exception, say

    end_by_exception()
    try:
        data = dataset.load(arguments.set, 1000)
    except (OSError, ValueError) as error:
        sys.exit(f"serve: {error}")
    with tempfile.TemporaryDirectory(
            prefix="azimuth-bench-",
            dir=cache_folder("bench-run")) as folder:
        say("bodies, and the collection")
        files = Files(data, folder, arguments.k)
        make_collection(files, arguments.k)
        engine = Engine(files.path("server")).start()
        try:
            engine.wait_green(COLLECTION, 600)
            served = measure_served(files, engine, arguments)
        finally:
            engine.stop()
        say("decoding")
        decode = measure_decode(files, arguments.rounds)
        upload = measure_upload(files, folder, arguments)
    runs, inside, healthz = served
    rows = judge(runs, inside, healthz)
    points, dim = data.base.shape
    print(f"{data.name}: {points:,} x {dim}, k={arguments.k}, load "
          f"{os.getloadavg()[0]:.1f} at the end")
    report_served(rows, inside, healthz)
    report_rest(decode, upload)
    missed = verdict(rows, decode, upload, arguments.connections)
    print("\n" + ("below the bar: " + "; ".join(missed) if missed
                  else "every bar is met"))
    write(data, arguments, (rows, inside, healthz, decode, upload))


if __name__ == "__main__":
    main()
