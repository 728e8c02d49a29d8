# SPDX-License-Identifier: Apache-2.0
"""kill -9 while it writes, and start again.

A process fills a collection, waits until all is in the graph (and, ours, for a
checkpoint), writes 5,000 points again and is killed in the middle of writing
them once more. Another opens the folder: when is the first query answered, when
is one thread as fast as before (within 10 %), when is everything in the graph,
what recall has it, what memory does it take, how large is the folder.

Three rows: ours in process, ours as azimuthd over HTTP (until its first answer,
from the start of the program), qdrant-edge in process. The default set is
1Mx128: about 20 minutes on two cores, most of it building; `--set real` takes
five.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLLECTION = "bench"
ENGINES = ("azimuth", "azimuthd", "qdrant-edge")


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./appliance bench recover", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="1Mx128",
                        help="as for ./appliance bench search (1Mx128)")
    parser.add_argument("--engines", default=",".join(ENGINES),
                        metavar="NAME,...", help=f"({','.join(ENGINES)})")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--ef", type=int, default=64)
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--ef-construct", type=int, default=100)
    parser.add_argument("--settle", type=int, default=70,
                        help="seconds that ours is left alone before the kill, "
                        "for a checkpoint (70)")
    parser.add_argument("--out", default=os.path.join(TOP, "bench", "out"))
    arguments = parser.parse_args()
    arguments.engines = arguments.engines.split(",")
    for name in arguments.engines:
        if name not in ENGINES:
            parser.error(f"no such engine: {name}")
    if min(arguments.k, arguments.ef, arguments.m, arguments.ef_construct,
           arguments.settle) < 1 or arguments.k > 100:
        parser.error("numbers must be 1 or more, --k at most 100")
    return arguments


def lines_of(text):
    return {line["step"]: line for line in map(json.loads,
                                               text.splitlines())}


def run_azimuth(data, folder, arguments):
    from measure.machine import program

    return lines_of(subprocess.run(
        [program("bench/azimuth-bench"), "recover", "--base", data.base_path,
         "--queries", data.queries_path, "--folder", folder, "--k",
         str(arguments.k), "--ef", str(arguments.ef), "--m", str(arguments.m),
         "--ef-construct", str(arguments.ef_construct), "--settle",
         str(arguments.settle)],
        check=True, stdout=subprocess.PIPE, text=True).stdout)


def first_answer(engine, body, seconds):
    """Seconds from now until a search is answered."""
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        try:
            if engine.call("POST", f"/collections/{COLLECTION}/points/search",
                           body).status == 200:
                return time.perf_counter() - start
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.005)
    raise RuntimeError("no answer")


def run_azimuthd(data, folder, arguments):
    """The program itself: start() would wait for readiness, so the clock
    starts before it is called in a way that does not."""
    from fixture.azimuthd import Engine
    from measure.machine import program, resident

    class Patient(Engine):
        def wait_ready(self):
            pass

    points, dim = data.base.shape
    body = {"vector": data.queries[0].tolist(), "limit": arguments.k,
            "params": {"hnsw_ef": arguments.ef}}
    # The interval of the in-process runs; the server's own is longer, and what
    # came since the last checkpoint is linked again.
    environment = {"QDRANT__STORAGE__CHECKPOINT_INTERVAL_SEC": "60"}
    engine = Engine(folder, environment=environment).start()
    try:
        engine.create(COLLECTION, dim, hnsw_config={
            "m": arguments.m, "ef_construct": arguments.ef_construct})
        start = time.perf_counter()
        subprocess.run([program("bench/azimuth-bench"), "ingest", "--base",
                        data.base_path, "--port", str(engine.port), "--name",
                        COLLECTION], check=True, stdout=subprocess.DEVNULL)
        filled = time.perf_counter() - start
        engine.wait_green(COLLECTION, 7200)
        before = {"filled_s": filled,
                  "green_s": time.perf_counter() - start,
                  "resident": resident(engine.process.pid)}
        time.sleep(arguments.settle)
        engine.kill()
        again = Patient(folder, environment=environment)
        again.port, again.grpc_port = engine.port, engine.grpc_port
        engine = again
        start = time.perf_counter()
        engine.start()
        first_answer(engine, body, 600)
        answered = time.perf_counter() - start
        assert engine.count(COLLECTION) == points, "points were lost"
        engine.wait_green(COLLECTION, 7200)
        return {"before": before, "after": {
            "first_answer_s": answered, "green_s": time.perf_counter() - start,
            "resident": resident(engine.process.pid)}}
    finally:
        engine.kill()


def run_edge(data, folder, arguments):
    options = {"base": data.base_path, "queries": data.queries_path,
               "folder": folder, "k": arguments.k, "ef": arguments.ef,
               "m": arguments.m, "ef_construct": arguments.ef_construct}
    environment = {**os.environ, "PYTHONPATH": os.path.join(TOP, "bench")}
    command = [sys.executable, "-m", "engines.edge_recover"]
    living = subprocess.Popen(
        command + [json.dumps({**options, "do": "live"})],
        stdout=subprocess.PIPE, text=True, env=environment)
    line = living.stdout.readline()
    time.sleep(0.05)
    living.kill()
    living.wait()
    if not line:
        raise RuntimeError("qdrant-edge ended early")
    found = lines_of(line)
    found.update(lines_of(subprocess.run(
        command + [json.dumps({**options, "do": "load",
                               "qps": found["before"]["qps"]})],
        check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout))
    return found


RUN = {"azimuth": run_azimuth, "azimuthd": run_azimuthd,
       "qdrant-edge": run_edge}


def number(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def report(runs, raw):
    from measure import table

    lines = []
    for name, run in runs.items():
        before, after = run["before"], run["after"]
        full = after.get("full_speed_s")
        if full is not None and not after["is_full"]:
            full = None
        lines.append([
            name, number(after["first_answer_s"], 2), number(full, 2),
            number(after["green_s"], 2), number(before.get("recall"), 4),
            number(after.get("recall"), 4),
            table.ratio(after.get("qps"), before.get("qps")),
            table.ratio(before["resident"], raw),
            table.ratio(after["resident"], raw),
            table.ratio(run["disk"], raw)])
    print(table.text(
        ["", "first answer, s", "full speed, s", "all in graph, s",
         "recall before", "after", "QPS after / before",
         "memory before / raw", "after / raw", "disk / raw"], lines))


def main():
    arguments = parse_arguments()
    sys.path.insert(0, os.path.join(TOP, "tests"))
    from measure import dataset
    from measure.machine import (
        cache_folder, describe, end_by_exception, folder_size, say)

    end_by_exception()
    try:
        data = dataset.load(arguments.set, 1000)
    except (OSError, ValueError) as error:
        sys.exit(f"recover: {error}")
    points, dim = data.base.shape
    raw = points * dim * 4
    print(f"{data.name}: {points:,} x {dim}")
    runs = {}
    for name in arguments.engines:
        say(name)
        with tempfile.TemporaryDirectory(
                prefix="azimuth-bench-",
                dir=cache_folder("bench-run")) as folder:
            runs[name] = RUN[name](data, folder, arguments)
            runs[name]["disk"] = folder_size(folder)
        say(f"  {runs[name]['after']}")
    report(runs, raw)
    os.makedirs(arguments.out, exist_ok=True)
    path = os.path.join(arguments.out, f"recover-{data.name}.json")
    with open(path, "w") as file:
        json.dump({**data.describe(), "ef": arguments.ef, "k": arguments.k,
                   "machine": describe(), "engines": runs}, file, indent=1)
    say(f"figures: {path}")


if __name__ == "__main__":
    main()
