# SPDX-License-Identifier: Apache-2.0
"""The least time a walk can take, from its own counters and from constants
measured on this machine in the same run.

A query that scores E codes of b bytes and rescores R rows of B bytes needs at
least E * max(t_row(b), c(b)) + R * max(t_row(B), c(B)): each row has to come to
the processor once and to be scored once. t_row is the time of a random row in
huge pages when 32 are asked for at once, from a set as large as the one that is
searched, so that what caches hold is counted as the walk finds it; c is the
kernel over rows in the cache. Both by azimuth-bench rows. Reading link lists (H
hops), what was visited, the list of candidates and the query's own preparation
are taken as hidden behind it: the bound is low on purpose.
"""

import json
import subprocess

from measure.machine import program


def row_times(points, sizes):
    """{bytes: {"row": ns, "code8": ns, "code4": ns, "floats": ns}}: a random
    row of `points`, and the kernels."""
    command = [program("bench/azimuth-bench"), "rows", "--rows", str(points),
               "--sizes", ",".join(str(size) for size in sorted(set(sizes)))]
    found = json.loads(subprocess.run(
        command, check=True, capture_output=True, text=True).stdout)
    return {size: found[str(size)] for size in set(sizes)}


def least(times, more):
    """The smaller of each figure of two row_times()."""
    return {size: {key: min(ns, more[size][key]) for key, ns in one.items()}
            if size in more else one for size, one in times.items()}


def lower(counters, times):
    """Nanoseconds of one query. `counters`: visits, rescored per query,
    code_bytes and row_bytes of a code and of a full row."""
    code, row = counters["code_bytes"], counters["row_bytes"]
    kernel = "floats" if code == row else (
        "code8" if 2 * row <= 9 * code else "code4")
    return (counters["visits"] * max(times[code]["row"], times[code][kernel]) +
            counters["rescored"] * max(times[row]["row"],
                                       times[row]["floats"]))


def touched(counters):
    """Bytes a query reads: codes, full rows and link lists."""
    return (counters["visits"] * counters["code_bytes"] +
            counters["rescored"] * counters["row_bytes"] +
            counters["hops"] * counters["link_bytes"])
