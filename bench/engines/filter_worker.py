# SPDX-License-Identifier: Apache-2.0
"""As worker.py, for searches with filters: {"do": "build"}, then
{"do": "search", "family": N}; ids go to the file `ids`."""

import importlib
import json
import os
import sys
import time

import numpy as np

from engines.filter_peers import PEERS
from measure.machine import resident

SECONDS_MIN = 0.3


class Worker:
    def __init__(self, options):
        self.options = options
        self.peer = PEERS[options["peer"]](
            options["m"], options["ef_construct"], options["threads"],
            options["folder"])
        self.queries = np.load(options["queries"])
        with open(options["families"]) as file:
            self.families = json.load(file)
        self.masks = np.load(options["masks"], mmap_mode="r")
        importlib.import_module(self.peer.module)

    def build(self, _):
        base = np.load(self.options["base"], mmap_mode="r")
        payloads = []
        with open(self.options["payloads"]) as file:
            payloads = [json.loads(line) for line in file]
        before = resident()
        if hasattr(self.peer, "build_filtered"):
            steps = self.peer.build_filtered(base, payloads,
                                             self.options["fields"])
        else:
            self.peer.build(base)
            steps = []
        return {"resident": resident() - before, "indexes": steps}

    def search(self, order):
        number = order["family"]
        first, count = self.options["places"][number]
        masks = [np.unpackbits(bits, bitorder="little")[
            :self.options["points"]].astype(bool)
            for bits in self.masks[first:first + count]]
        family = self.families[number]
        if hasattr(self.peer, "prepare_filters"):
            self.peer.prepare_filters(family, masks)
        best, cpu_best, total = float("inf"), float("inf"), 0.0
        while total < SECONDS_MIN:
            start, cpu_start = time.perf_counter(), time.process_time()
            ids = self.peer.search_filtered(
                self.queries, self.options["k"], family, masks)
            seconds = time.perf_counter() - start
            cpu_best = min(cpu_best, time.process_time() - cpu_start)
            best, total = min(best, seconds), total + seconds
        np.save(self.options["ids"], ids)
        return {"qps": len(self.queries) / best,
                "cpu_qps": len(self.queries) / cpu_best}


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
