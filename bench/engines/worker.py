# SPDX-License-Identifier: Apache-2.0
"""One peer in a process of its own, told what to do by lines of JSON on its
standard input; each is answered by one line. So its memory can be measured and
given back, and rounds of several engines can take turns.

    {"do": "build"} {"do": "load"} {"do": "save"}
    {"do": "search", "setting": S, "threads": N}   ids go to the file `ids`
"""

import importlib
import json
import os
import sys
import time

import numpy as np

from engines.peers import PEERS
from measure.machine import resident

SECONDS_MIN, PASSES_MIN = 0.3, 2


class Worker:
    def __init__(self, options):
        self.options = options
        self.peer = PEERS[options["peer"]](
            options["m"], options["ef_construct"], options["threads"],
            options["folder"])
        self.queries = np.load(options["queries"])
        importlib.import_module(self.peer.module)
        self.before = resident()

    def build(self, _):
        base = np.load(self.options["base"], mmap_mode="r")
        start, cpu_start = time.perf_counter(), time.process_time()
        own = self.peer.build(base) or {}
        return {"build_s": time.perf_counter() - start,
                "build_cpu_s": time.process_time() - cpu_start, **own}

    def load(self, _):
        self.peer.load(self.queries.shape[1])
        return {}

    def save(self, _):
        self.peer.save()
        return {}

    def search(self, order):
        setting, threads, k = (order["setting"], order["threads"],
                               self.options["k"])
        prepare = getattr(self.peer, "prepare", None)
        queries = self.queries
        if prepare is not None:
            queries = prepare(queries, k, setting)
        best, cpu_best, total, passes = float("inf"), float("inf"), 0.0, 0
        while total < SECONDS_MIN or passes < PASSES_MIN:
            start, cpu_start = time.perf_counter(), time.process_time()
            ids = self.peer.search(queries, k, setting, threads)
            seconds = time.perf_counter() - start
            cpu_best = min(cpu_best, time.process_time() - cpu_start)
            best, total = min(best, seconds), total + seconds
            passes += 1
        np.save(self.options["ids"], np.asarray(ids).astype(np.int64))
        return {"qps": len(self.queries) / best,
                "cpu_qps": len(self.queries) * threads / cpu_best,
                "resident": resident() - self.before}


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    worker = Worker(json.loads(sys.argv[1]))
    for line in sys.stdin:
        order = json.loads(line)
        answers.write(json.dumps(getattr(worker, order["do"])(order)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
