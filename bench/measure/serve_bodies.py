# SPDX-License-Identifier: Apache-2.0
"""Bodies of requests as clients make them: JSON, and messages of gRPC. A file
of them is read by `azimuth-bench load` and `decode`."""

import json
import struct

VECTOR_FORM = 101  # Vector.dense


# ---- the wire format of protocol buffers ----

def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def part(field, content):
    """A string, bytes or message."""
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def double(field, value):
    return varint(field << 3 | 1) + struct.pack("<d", value)


def value_of(value):
    """Value of a payload."""
    if value is None:
        return number(1, 0)
    if isinstance(value, bool):
        return number(5, int(value))
    if isinstance(value, float):
        return double(2, value)
    if isinstance(value, int):
        return number(3, value)
    if isinstance(value, str):
        return part(4, value)
    if isinstance(value, dict):
        return part(6, b"".join(entry(1, k, v) for k, v in value.items()))
    return part(7, b"".join(part(1, value_of(item)) for item in value))


def entry(field, key, value):
    return part(field, part(1, key) + part(2, value_of(value)))


def floats(vector):
    return part(1, vector.astype("<f4").tobytes())


# ---- queries ----

def condition(one):
    """FieldCondition of the kinds that families.py makes."""
    out = part(1, one["key"])
    if "match" in one:
        out += part(2, part(1, one["match"]["value"]))
    if "range" in one:
        numbers = {"lt": 1, "gt": 2, "gte": 3, "lte": 4}
        out += part(3, b"".join(double(numbers[key], limit)
                                for key, limit in one["range"].items()))
    return part(1, out)


def filter_of(filter):
    numbers = {"should": 1, "must": 2, "must_not": 3}
    return b"".join(part(numbers[clause], condition(one))
                    for clause, many in filter.items() for one in many)


def json_query(vector, k, filter, payload):
    body = {"query": vector.tolist(), "limit": k, "with_payload": payload}
    if filter is not None:
        body["filter"] = filter
    return json.dumps(body, separators=(",", ":")).encode()


def grpc_query(collection, vector, k, filter, payload):
    out = part(1, collection)
    out += part(3, part(1, part(2, floats(vector))))
    if filter is not None:
        out += part(5, filter_of(filter))
    return out + number(8, k) + part(11, number(1, int(payload)))


# ---- upserts ----

def json_upsert(first, vectors, payloads):
    points = []
    for i, vector in enumerate(vectors):
        point = {"id": first + i, "vector": vector.tolist()}
        if payloads is not None:
            point["payload"] = payloads[i]
        points.append(point)
    return json.dumps({"points": points}, separators=(",", ":")).encode()


def grpc_upsert(collection, first, vectors, payloads):
    out = [part(1, collection), number(2, 1)]
    for i, vector in enumerate(vectors):
        point = part(1, number(1, first + i))
        for key, value in (payloads[i] if payloads is not None else {}).items():
            point += entry(3, key, value)
        dense = part(VECTOR_FORM, floats(vector))
        out.append(part(3, point + part(4, part(1, dense))))
    return b"".join(out)


def write(path, bodies):
    with open(path, "wb") as file:
        for body in bodies:
            file.write(struct.pack("<I", len(body)) + body)
    return path
