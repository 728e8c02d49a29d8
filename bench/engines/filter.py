# SPDX-License-Identifier: Apache-2.0
"""Engines of filter.py as processes."""

import json
import os
import sys

import numpy as np

from engines import Engine, Task
from measure.machine import program

SECONDS_MIN = 0.3


class FilterEngine(Engine):
    def __init__(self, name, run):
        arguments = run.arguments
        super().__init__(name, Task(run.data, arguments.k, arguments.m,
                                    arguments.build_threads, run.folder),
                         arguments.ef_construct)
        self.run = run
        self.indexes = []
        os.makedirs(self.folder)


class FilterPeer(FilterEngine):
    def build(self):
        run = self.run
        self._start([sys.executable, "-m", "engines.filter_worker",
                     json.dumps({
                         "peer": self.name, "m": self.task.m,
                         "k": self.task.k, "threads": self.task.threads,
                         "ef_construct": self.ef_construct,
                         "base": run.data.base_path,
                         "queries": run.path["queries.npy"],
                         "payloads": run.path["payloads.jsonl"],
                         "families": run.path["families.json"],
                         "masks": run.path["masks.npy"],
                         "places": run.places, "fields": run.fields,
                         "points": len(run.points),
                         "folder": self.folder, "ids": self.ids})])
        self.indexes = self._ask('{"do": "build"}')["indexes"]

    def search(self, number):
        answer = self._ask(json.dumps({"do": "search", "family": number}))
        return answer, np.load(self.ids)


class FilterAzimuth(FilterEngine):
    """azimuth-bench filter: the collection in process, without HTTP."""

    def __init__(self, run):
        super().__init__("azimuth", run)

    def build(self):
        run = self.run
        self._start([
            program("bench/azimuth-bench"), "filter",
            "--base", run.data.base_path, "--queries", run.path["queries.npy"],
            "--payloads", run.path["payloads.jsonl"],
            "--families", run.path["families.json"],
            "--folder", os.path.join(self.folder, "storage"),
            "--ids", self.ids, "--k", str(self.task.k),
            "--m", str(self.task.m), "--ef-construct", str(self.ef_construct)])
        self.built = self._answer()
        for field, kind in run.fields:
            step = self._ask(f"index {field} {kind}")
            step["points_per_s"] = len(run.points) / step["build_cpu_s"]
            self.indexes.append({"field": field, **step})

    def search(self, number, how="default"):
        best, total = None, 0.0
        while total < SECONDS_MIN:
            answer = self._ask(f"{number} {how}")
            total += len(self.run.queries) / answer["qps"]
            if best is None:
                best = answer
            best["qps"] = max(best["qps"], answer["qps"])
            best["cpu_qps"] = max(best["cpu_qps"], answer["cpu_qps"])
        return best, np.load(self.ids)[0]
