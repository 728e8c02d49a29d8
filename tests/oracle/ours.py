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


ROUTES = {
    "upsert": ("PUT", ""), "delete": ("POST", "/delete"),
    "set": ("POST", "/payload"), "overwrite": ("PUT", "/payload"),
    "unset": ("POST", "/payload/delete"), "clear": ("POST", "/payload/clear"),
    "vectors": ("PUT", "/vectors"), "unvector": ("POST", "/vectors/delete"),
}


def apply(engine, name, change, wait="true"):
    (kind, body), = change.items()
    method, path = ROUTES[kind]
    if kind == "upsert":
        body = {"points": body}
    return engine.call(method, f"/collections/{name}/points{path}?wait={wait}",
                       body)


def record(found):
    return found.get("payload"), found.get("vector")


def records(engine, name, ids):
    found = engine.call("POST", f"/collections/{name}/points", {
        "ids": ids, "with_payload": True, "with_vector": True})
    return {str(point["id"]): record(point) for point in found.result}


def search(engine, name, bodies):
    found = engine.call("POST", f"/collections/{name}/points/query/batch",
                        {"searches": bodies}).result
    return [[(str(hit["id"]), hit["score"], record(hit))
             for hit in hits["points"]] for hits in found]
