# SPDX-License-Identifier: Apache-2.0
"""What the OpenAPI document says, tried: bodies and parameters made at random
from its schemas, good ones and ones with a fault, for every operation. No
answer is a failure of the server, and each has the form that is documented.

  AZIMUTH_ORACLE_ROUNDS   bodies for each operation (30)
  AZIMUTH_ORACLE_SEED     of the generator (1)
"""
import os
import random

import pytest

ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", 30))
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", 1))
# Refusals; 507 is the memory limit, which a body may ask for.
REFUSED = {400, 403, 404, 408, 409, 413, 422, 507}
ODD = [None, True, -1, 0, 2**64, 1.5, 1e308, "", "x", "\u00e4\u0000", [], {},
       [[]], [1, "x"], {"x": 1}, "550e8400-e29b-41d4-a716-446655440000"]
CONDITIONS = [
    {"key": "k", "match": {"value": 1}}, {"key": "k", "range": {"gt": 1}},
    {"key": "a.b[]", "match": {"any": ["x"]}}, {"has_id": [1, 2]},
    {"is_empty": {"key": "k"}}, {"is_null": {"key": "k"}},
    {"nested": {"key": "l", "filter": {"must": [{"key": "m", "match": {
        "value": True}}]}}},
    {"key": "k", "values_count": {"gte": 1}}, {"has_vector": ""}]


class Maker:
    def __init__(self, document, seed):
        self.schemas = document["components"]["schemas"]
        self.random = random.Random(seed)

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        if "allOf" not in schema:
            return schema
        parts = [self.resolve(part) for part in schema["allOf"]]
        return {"type": "object",
                "properties": {name: of for part in parts
                               for name, of in part["properties"].items()},
                "required": [name for part in parts
                             for name in part.get("required", ())]}

    def make(self, schema, depth=0):
        if schema.get("$ref", "").endswith("/Condition"):
            return self.random.choice(CONDITIONS)
        if schema.get("$ref", "").endswith(("/Vector", "/Vectors")) and \
                self.random.random() < 0.9:
            return [self.random.random() for _ in range(4)]
        schema = self.resolve(schema)
        if "anyOf" in schema:
            return self.make(self.random.choice(schema["anyOf"]), depth)
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        kind = schema.get("type")
        if kind == "integer":
            low = schema.get("minimum", -5)
            return self.random.choice([low, low + 1, 3 if low <= 3 else low])
        if kind == "number":
            return self.random.choice([0.5, 1.0, -2.25])
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "string":
            if schema.get("format") == "uuid":
                return "550e8400-e29b-41d4-a716-446655440000"
            words = ["k", "a", "openapi"]
            return self.random.choice(
                words if "minLength" in schema else [*words, ""])
        if kind == "array":
            if depth > 5:
                return []
            count = self.random.choice([1, 2, 4])
            return [self.make(schema["items"], depth + 1)
                    for _ in range(count)]
        if kind == "object":
            required = schema.get("required", ())
            properties = schema.get("properties", {})
            # Of what is inside less, so that all of a batch can be good.
            often = 0.3 if depth == 0 else 0.15
            made = {name: self.make(of, depth + 1)
                    for name, of in properties.items()
                    if name in required or
                    (depth < 5 and self.random.random() < often)}
            # One of these has to be there, which schemas do not say.
            for name in ("positive", "target"):
                if name in properties and self.random.random() < 0.9:
                    made[name] = [1, 2] if name == "positive" and \
                        "strategy" in properties else 1
            return made
        return self.random.choice(ODD)

    def spoil(self, value):
        """The same with one odd value somewhere."""
        if isinstance(value, dict) and value and self.random.random() < 0.8:
            key = self.random.choice(sorted(value))
            return {**value, key: self.spoil(value[key])}
        if isinstance(value, list) and value and self.random.random() < 0.8:
            at = self.random.randrange(len(value))
            return [*value[:at], self.spoil(value[at]), *value[at + 1:]]
        return self.random.choice(ODD)

    def fits(self, value, schema):
        """Whether an answer has the documented form."""
        if value is None and schema.get("nullable"):
            return True
        schema = self.resolve(schema)
        if "anyOf" in schema:
            return (value is None and schema.get("nullable", False)) or \
                any(self.fits(value, of) for of in schema["anyOf"])
        if "enum" in schema:
            return value in schema["enum"]
        kind = schema.get("type")
        if kind == "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        if kind == "number":
            return isinstance(value, (int, float)) and \
                not isinstance(value, bool)
        if kind == "boolean":
            return isinstance(value, bool)
        if kind == "string":
            return isinstance(value, str)
        if kind == "array":
            return isinstance(value, list) and all(
                self.fits(item, schema["items"]) for item in value)
        if kind == "object":
            known = schema.get("properties", {})
            return isinstance(value, dict) and \
                set(schema.get("required", ())) <= set(value) and all(
                    self.fits(item, known[name])
                    for name, item in value.items() if name in known)
        return True


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One of its own: what is asked deletes and changes whatever there is."""
    from azimuthd import Engine
    engine = Engine(tmp_path_factory.mktemp("openapi")).start()
    yield engine
    assert engine.stop() == 0, engine.log()


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def prepare(server):
    """A collection with some points; not the one that is made."""
    server.call("DELETE", "/collections/new")
    path = "/collections/openapi"
    info = server.call("GET", path)
    if info.status == 200 and info.result["points_count"] == 4 and \
            "k" in info.result["payload_schema"] and \
            "strict_mode_config" not in info.result["config"]:
        return
    server.call("DELETE", path)
    # Another name, too, so that names of vectors are good now and then.
    server.call("PUT", path, {"vectors": {
        "": {"size": 4, "distance": "Dot"},
        "a": {"size": 2, "distance": "Dot"}}})
    server.call("PUT", path + "/index?wait=true",
                {"field_name": "k", "field_schema": "keyword"})
    server.call("PUT", path + "/points?wait=true", {
        "points": [{"id": i, "vector": [i, 1, 2, 3], "payload": {"k": "v"}}
                   for i in range(4)]})


def a_snapshot(server, path):
    """The name of one that a path with {snapshot} can have, and its file."""
    kept = path.partition("/snapshots")[0] + "/snapshots"
    made = server.call("GET", kept).result
    if not made:
        made = [server.call("POST", kept).result]
    folder = server.folder / "snapshots"
    return made[0]["name"], next(folder.rglob(made[0]["name"]))


def in_path(server, path, one, turn, method):
    if "enum" in one["schema"]:
        return one["schema"]["enum"][0]
    if one["name"] == "snapshot":
        return a_snapshot(server, path)[0]
    name = "new" if method == "PUT" and path == "/collections/{name}" \
        else "openapi"
    return {"name": name, "id": turn % 5}.get(one["name"], "k")


def body_of(server, maker, operation, path, turn):
    """(body, headers) by the schema of the operation."""
    content = operation["requestBody"]["content"]
    if "multipart/form-data" in content:
        data = a_snapshot(server, path)[1].read_bytes()
        return (b'--b\r\nContent-Disposition: form-data; name="snapshot"\r\n'
                b"\r\n" + data + b"\r\n--b--\r\n",
                {"Content-Type": "multipart/form-data; boundary=b"})
    body = maker.make(content["application/json"]["schema"])
    if path.endswith("/snapshots/recover") and turn % 2:
        body = {"location": f"file://{a_snapshot(server, path)[1]}"}
    return (maker.spoil(body) if turn % 3 == 2 else body), None


def is_refusal(answer):
    # The one 500 that is the client's: Qdrant's for a model without a service.
    return answer.status in REFUSED or \
        "InferenceService URL" in answer.text or \
        "snapshots are being made or restored" in answer.text


def test_every_operation_answers_as_documented(server):
    document = server.call("GET", "/openapi.json").json
    maker = Maker(document, SEED)
    answered, refused = set(), 0
    every = {o["operationId"] for _, _, o in operations(document)}
    # Some are rarely good: a few rounds more for what had no luck.
    for turn in range(5 * ROUNDS):
        if turn >= ROUNDS and answered == every:
            break
        for method, path, operation in operations(document):
            prepare(server)
            query = []
            for one in operation.get("parameters", ()):
                if one["in"] == "path":
                    value = in_path(server, path, one, turn, method)
                    path = path.replace("{%s}" % one["name"], str(value))
                elif maker.random.random() < 0.3:
                    value = maker.make(one["schema"])
                    query.append(f"{one['name']}={str(value).lower()}")
            body, headers = None, None
            if "requestBody" in operation:
                body, headers = body_of(server, maker, operation, path, turn)
            where = f"{method} {path}?{'&'.join(query)} {body}"[:2000]
            answer = server.call(
                method, path + ("?" + "&".join(query) if query else ""), body,
                headers)
            if path == "/quotas":  # no limit may hold up what comes next
                assert server.call("PUT", path, {}).status == 200
            ok = operation["responses"]["200"]["content"]
            if answer.status == 200:
                answered.add(operation["operationId"])
                if "application/json" in ok:
                    assert maker.fits(answer.json,
                                      ok["application/json"]["schema"]), \
                        f"{where}: {answer}"
            elif answer.status != 202 or "202" not in operation["responses"]:
                refused += 1
                assert is_refusal(answer), f"{where}: {answer}"
                assert maker.fits(answer.json, {
                    "$ref": "#/components/schemas/Error"}), where
    assert every - answered == set()
    assert refused > 0
