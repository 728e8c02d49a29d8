# SPDX-License-Identifier: Apache-2.0
"""The least time a walk can take, from its own counters and from constants
measured on this machine in the same run.

A query that scores E codes of b bytes and rescores R rows of B bytes needs at
least E * t_row(b) + R * t_row(B): each row has to come to the processor once.
t_row is the time of a random row in huge pages when 32 are asked for at once
(azimuth-bench rows), from a set as large as the one that is searched, so that
what caches hold is counted as the walk finds it. Reading link lists (H hops)
and arithmetic are taken as hidden behind it: the bound is low on purpose.
"""

import json
import subprocess

from measure.machine import program


def row_times(points, sizes):
    """{bytes: nanoseconds} of random rows from `points` of them."""
    command = [program("bench/azimuth-bench"), "rows", "--rows", str(points),
               "--sizes", ",".join(str(size) for size in sorted(set(sizes)))]
    found = json.loads(subprocess.run(
        command, check=True, capture_output=True, text=True).stdout)
    return {size: found[str(size)] for size in set(sizes)}


def lower(counters, times):
    """Nanoseconds of one query. `counters`: visits, rescored per query,
    code_bytes and row_bytes of a code and of a full row."""
    return (counters["visits"] * times[counters["code_bytes"]] +
            counters["rescored"] * times[counters["row_bytes"]])


def touched(counters):
    """Bytes a query reads: codes, full rows and link lists."""
    return (counters["visits"] * counters["code_bytes"] +
            counters["rescored"] * counters["row_bytes"] +
            counters["hops"] * counters["link_bytes"])
