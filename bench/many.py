# SPDX-License-Identifier: Apache-2.0
"""What many collections cost that hold nothing: memory, disk, open files, time
of a start, and what a scrape of /metrics takes with all of them in it.

Collections without points close their files 3 s after their last change; the
figures after the rest and after the start are those that last.

Bars, for 1,000: <= 100 MB resident, < 2 s from start to ready, a scrape < 10 ms.
There is no peer: qdrant-edge has no server. Two to five minutes, nearly all of
it creations, which sync the disk.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RSS_MAX_MB, START_MAX_S, SCRAPE_MAX_MS = 100, 2, 10


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./appliance bench many", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collections", type=int, default=1000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--scrapes", type=int, default=50)
    parser.add_argument("--out", default=os.path.join(TOP, "bench", "out"))
    return parser.parse_args()


def resident_mb(engine):
    with open(f"/proc/{engine.process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024


def disk_mb(folder):
    """What the files take, with what was set aside for logs."""
    return sum(os.lstat(os.path.join(root, name)).st_blocks
               for root, _, names in os.walk(folder)
               for name in names) * 512 / 1e6


def state(engine, step):
    text = engine.call("GET", "/metrics").text
    return {"step": step, "resident_mb": resident_mb(engine),
            "disk_mb": disk_mb(engine.folder),
            "files": int(re.search(r"^process_open_fds (\d+)$", text,
                                   re.M)[1])}


def scrape_ms(engine, count):
    """Median time of a scrape on one connection, and the size of its text."""
    connection, times, size = engine.connect(), [], 0
    for _ in range(count):
        begin = time.perf_counter()
        size = len(engine.call("GET", "/metrics", connection=connection).body)
        times.append((time.perf_counter() - begin) * 1e3)
    connection.close()
    return statistics.median(times), size


def rest(engine, count):
    """Until all have closed their files."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if state(engine, "")["files"] < count:
            return
        time.sleep(0.2)
    raise SystemExit("the collections do not close their files")


def run(engine, arguments):
    steps = [state(engine.start(), "none")]
    connection = engine.connect()
    begin = time.monotonic()
    for number in range(arguments.collections):
        answer = engine.call(
            "PUT", f"/collections/many-{number}",
            {"vectors": {"size": arguments.dim, "distance": "Cosine"}},
            connection=connection)
        assert answer.status == 200, answer
    create_s = time.monotonic() - begin
    connection.close()
    steps.append(state(engine, "created"))
    rest(engine, arguments.collections)
    steps.append(state(engine, "at rest"))
    begin = time.monotonic()
    engine.stop()
    stop_s = time.monotonic() - begin
    begin = time.monotonic()
    engine.start()
    start_s = time.monotonic() - begin
    steps.append(state(engine, "started"))
    median_ms, size = scrape_ms(engine, arguments.scrapes)
    return {"collections": arguments.collections, "steps": steps,
            "create_s": create_s, "stop_s": stop_s, "start_s": start_s,
            "scrape_ms": median_ms, "scrape_bytes": size}


def show(result):
    print(f"{result['collections']} collections without points")
    for step in result["steps"]:
        print(f"  {step['step']:8}  {step['resident_mb']:6.0f} MB resident  "
              f"{step['disk_mb']:8.0f} MB disk  {step['files']:6} files")
    print(f"  created in {result['create_s']:.1f} s, stopped in "
          f"{result['stop_s']:.2f} s")
    print(f"  start to ready {result['start_s']:.2f} s (bar {START_MAX_S} s), "
          f"{result['steps'][-1]['resident_mb']:.0f} MB (bar {RSS_MAX_MB} MB)")
    print(f"  scrape {result['scrape_ms']:.2f} ms, median, "
          f"{result['scrape_bytes']} bytes (bar {SCRAPE_MAX_MS} ms)")


def main():
    arguments = parse_arguments()
    sys.path.insert(0, os.path.join(TOP, "tests"))
    from fixture.azimuthd import Engine
    folder = tempfile.mkdtemp()
    engine = Engine(folder)
    try:
        result = run(engine, arguments)
    finally:
        engine.kill()
        shutil.rmtree(folder)
    show(result)
    os.makedirs(arguments.out, exist_ok=True)
    with open(os.path.join(arguments.out, "many.json"), "w") as file:
        json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
