# SPDX-License-Identifier: Apache-2.0
"""Asking azimuthd for many answers at once."""


def ids_of(engine, name, filters):
    """Ids that match, for each filter, ascending."""
    found = engine.call("POST", f"/collections/{name}/points/query/batch", {
        "searches": [{"filter": value, "limit": 10000} for value in filters]})
    return [[point["id"] for point in hits["points"]] for hits in found.result]


def scroll(engine, name, filter, **body):
    found = engine.call("POST", f"/collections/{name}/points/scroll", {
        "filter": filter, "limit": 100000, "with_payload": False, **body})
    return [point["id"] for point in found.result["points"]]
