# SPDX-License-Identifier: Apache-2.0
"""Engines as processes that build once and then answer rounds of searches."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np

from engines.peers import PEERS
from measure.machine import TOP, program, resident

# A round of one ef: passes over all queries until both are reached; the best
# pass counts. The same rule as in worker.py.
SECONDS_MIN, PASSES_MIN = 0.3, 2




class Task:
    """What all engines of a run are given."""

    def __init__(self, data, k, m, threads, folder):
        self.data, self.k, self.m = data, k, m
        self.threads = threads  # of the build
        self.folder = folder


class Engine:
    """One engine with one ef_construction."""

    is_graph = True

    def __init__(self, name, task, ef_construct):
        self.name, self.task, self.ef_construct = name, task, ef_construct
        self.folder = os.path.join(task.folder, f"{name}-{ef_construct}")
        self.ids = os.path.join(task.folder, f"{name}-{ef_construct}.npy")
        self.process = None
        self.built = None  # build_s and build_cpu_s, at least

    def build_seconds(self, clock):
        """Wall clock, or processor time shared by the threads."""
        if clock == "cpu":
            return self.built["build_cpu_s"] / self.task.threads
        return self.built["build_s"]

    def settings(self, efs):
        return efs

    def _start(self, command):
        path = os.pathsep.join([os.path.join(TOP, "bench"),
                                os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            # Threads of OpenMP that spin while they wait take the processor
            # from those that work, and from the neighbours.
            env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ,
                 "PYTHONPATH": path})

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.process = None
            raise RuntimeError(f"{self.name} ended with status {code}")
        return json.loads(line)

    def _ask(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process = None


class Peer(Engine):
    def __init__(self, name, task, ef_construct):
        super().__init__(name, task, ef_construct)
        self.is_graph = getattr(PEERS[name], "is_graph", True)

    def settings(self, efs):
        return getattr(PEERS[self.name], "settings", lambda x: x)(efs)

    def start(self):
        self._start([sys.executable, "-m", "engines.worker", json.dumps({
            "peer": self.name, "m": self.task.m, "k": self.task.k,
            "ef_construct": self.ef_construct, "threads": self.task.threads,
            "base": self.task.data.base_path,
            "queries": self.task.data.queries_path,
            "folder": self.folder, "ids": self.ids})])

    def build(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.start()
        self.built = self._ask('{"do": "build"}')

    def save(self):
        self._ask('{"do": "save"}')
        with open(self.folder + ".json", "w") as file:
            json.dump(self.built, file)

    def is_saved(self):
        return os.path.exists(self.folder + ".json")

    def load(self):
        with open(self.folder + ".json") as file:
            self.built = json.load(file)
        self.start()
        self._ask('{"do": "load"}')

    def search(self, setting, threads):
        answer = self._ask(json.dumps(
            {"do": "search", "setting": setting, "threads": threads}))
        return answer, np.load(self.ids)


class Azimuth(Engine):
    """azimuth-bench: the calls of our index in C, without a server."""

    def __init__(self, task, ef_construct, options=()):
        super().__init__("azimuth", task, ef_construct)
        self.options = list(options)

    def build(self):
        self._start([
            program("bench/azimuth-bench"), "search", "--ask", "--repeats",
            "1", "--base", self.task.data.base_path, "--queries",
            self.task.data.queries_path, "--k", str(self.task.k), "--m",
            str(self.task.m), "--ef-construct", str(self.ef_construct),
            "--threads", str(self.task.threads), "--ids", self.ids,
            *self.options])
        self.built = self._answer()

    def line(self, setting):
        """ef, or (ef, how many times k hits are scored again)."""
        if isinstance(setting, int):
            return str(setting)
        return f"{setting[0]} {setting[1] * self.task.k}"

    def search(self, setting, threads):
        queries = len(self.task.data.queries)
        best, cpu_best, total, passes = {"qps": 0}, 0.0, 0.0, 0
        while total < SECONDS_MIN or passes < PASSES_MIN:
            answer = self._ask(f"{threads} {self.line(setting)}")
            total, passes = total + queries / answer["qps"], passes + 1
            cpu_best = max(cpu_best, answer["cpu_qps"])
            if answer["qps"] > best["qps"]:
                best = answer
        best["cpu_qps"] = cpu_best
        own = self.task.data.queries.nbytes
        best["resident"] = resident(self.process.pid) - own
        return best, np.load(self.ids)[0]
