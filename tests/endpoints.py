#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds engine/api/ENDPOINTS.md against what tests made the server answer:

    pytest -p calls ...            (AZIMUTH_CALLS=FILE, see fixture/calls.py)
    tests/endpoints.py FILE        says what the table claims wrongly
    tests/endpoints.py --write FILE    rows name the tests that were recorded

A row is right when each of the tests that it names and that ran called it with
success. `--write` names for each row the three most special of the tests that
called it with success: those that call the fewest routes besides. Rows of which
nothing was recorded stay as they are."""
import collections
import json
import pathlib
import re
import sys

TABLE = pathlib.Path(__file__).resolve().parent.parent / \
    "engine/api/ENDPOINTS.md"
METHODS = TABLE.with_name("grpc_methods.c")
NAMED_MAX = 3
ROW = re.compile(r"\| ([A-Z]+ /[^|]*?) \| ([^|]*?) ?\| ([^|]*?) ?\| "
                 r"([^|]*?) ?\|$")


def recorded(path):
    """({call: {test}} with success, how many calls each test makes, tests)"""
    callers, width, tests = collections.defaultdict(set), {}, set()
    for line in open(path, encoding="utf-8"):
        one = json.loads(line)
        tests.add(one["test"])
        width[one["test"]] = max(width.get(one["test"], 0), len(one["calls"]))
        for call in one["calls"]:
            name, _, status = call.rpartition(" ")
            if name.startswith("grpc") and status == "0" or \
                    name.startswith("rest") and status.startswith("2"):
                callers[name].add(one["test"])
    return callers, width, tests


def methods():
    """{REST route of the table: [paths of gRPC methods]}, as the engine has
    them: by the service where one name is in several."""
    paths = collections.defaultdict(list)
    services = dict(re.findall(r'#define (\w) "(/[\w.]+/)"',
                               METHODS.read_text()))
    kinds = {"UPDATE": None, "READ": "POST"}
    for line in METHODS.read_text().splitlines():
        found = re.match(r"    (?:\{|(\w+)\()\s*(\w)?\s*\"([^\"]+)\",\s*"
                         r"(?:(\w+),\s*)?(C)?\s*(?:\"([^\"]*)\")?", line)
        if not found:
            continue
        kind, service, name, method, is_in, path = found.groups()
        if kind == "UPDATE" or kind == "READ":
            service = "P"
        method = (kinds.get(kind) or method or "").removeprefix("REQUEST_")
        whole = name if service is None else services[service] + name
        route = ("/collections/C" if is_in else "") + (path or "")
        paths[f"{method} {route}"].append(whole)
    return paths


def files_of(cell):
    return re.findall(r"`([^`]+)`", cell)


def faults(rows, callers, tests):
    for route, grpc, *cells in rows:
        wanted = ({f"rest {route}"}, {f"grpc {path}" for path in grpc})
        for names, cell in zip(wanted, cells):
            called = set().union(*(callers.get(n, set()) for n in names))
            for test in files_of(cell):
                of_file = {t for t in tests if t == test or
                           t.startswith(test + "::")}
                if of_file and not of_file & called:
                    yield f"{route}: {test} does not call " \
                          f"{' or '.join(sorted(names))}"


def cell_of(names, callers, width, old):
    called = set().union(*(callers.get(name, set()) for name in names))
    if not called:
        return old
    best = sorted(called, key=lambda test: (width[test], test))[:NAMED_MAX]
    return ", ".join(f"`{test}`" for test in best)


def main():
    is_written = sys.argv[1] == "--write"
    callers, width, tests = recorded(sys.argv[-1])
    by_route = methods()
    rows, lines = [], []
    for line in TABLE.read_text().splitlines():
        found = ROW.match(line)
        if found:
            route, names, rest, grpc = found.groups()
            paths = by_route.get(route, [])
            whole = route.replace("/collections/C", "/collections/{name}")
            rows.append((whole, paths, rest, grpc))
            if is_written:
                rest = cell_of({f"rest {whole}"}, callers, width, rest)
                if names:
                    grpc = cell_of({f"grpc {p}" for p in paths}, callers,
                                   width, grpc)
                line = f"| {route} | {names} | {rest} | {grpc} |"
        lines.append(line)
    if is_written:
        TABLE.write_text("\n".join(lines) + "\n")
        return
    wrong = list(faults(rows, callers, tests))
    print("\n".join(wrong + [f"{len(rows)} rows, {len(tests)} tests: "
                             f"{len(wrong)} claims are wrong"]))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
