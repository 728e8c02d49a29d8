# SPDX-License-Identifier: Apache-2.0
"""Every endpoint under every kind of key, token and identity, over REST (both
headers) and gRPC, as engine/api/RIGHTS.md says."""
import pytest

import rights_table
from frames import Peer, field
from rights_table import ALT, CREDENTIALS, ELSEWHERE, HERE, IDENTITY, KEY, \
    READER

ROWS, CELLS = rights_table.read()
UNAUTHENTICATED, DENIED = 16, 7
VECTORS = {"vectors": {"size": 2, "distance": "Dot"}}
POINT = {"points": [{"id": 1, "vector": [1, 0], "payload": {"name": "alice"}}]}
SEARCH = {"vector": [1, 0], "limit": 1}
LIKE = {"positive": [[1, 0]], "limit": 1}
TARGET = {"target": [1, 0], "limit": 1}

# What is really done where a call is let in; elsewhere `{}` is sent, and any
# answer but 401 and 403 will do.
BODIES = {
    "POST /collections/C/points/query": {"query": [1, 0]},
    "POST /collections/C/points/search": SEARCH,
    "PUT /collections/C/points": POINT,
    "POST /collections/C/points": {"ids": [1]},
    "GET /collections/C/points/{id}": None,
    "POST /collections/C/points/scroll": {"limit": 1},
    "POST /collections/C/points/count": {},
    "POST /collections/C/points/query/batch": {"searches": [{"query": [1, 0]}]},
    "POST /collections/C/points/search/batch": {"searches": [SEARCH]},
    "POST /collections/C/points/recommend": LIKE,
    "POST /collections/C/points/recommend/batch": {"searches": [LIKE]},
    "POST /collections/C/points/discover": TARGET,
    "POST /collections/C/points/discover/batch": {"searches": [TARGET]},
    "POST /collections/C/points/query/groups": {"query": [1, 0],
                                                "group_by": "name"},
    "POST /collections/C/points/search/groups": {
        **SEARCH, "group_by": "name", "group_size": 1},
    "POST /collections/C/points/recommend/groups": {
        **LIKE, "group_by": "name", "group_size": 1},
    "POST /collections/C/points/delete": {"points": [99]},
    "POST /collections/C/points/batch": {
        "operations": [{"delete": {"points": [99]}}]},
    "POST /collections/C/points/payload": {"payload": {"a": 1},
                                           "points": [1]},
    "PUT /collections/C/points/payload": {"payload": {"name": "alice"},
                                          "points": [1]},
    "POST /collections/C/points/payload/delete": {"keys": ["a"],
                                                  "points": [1]},
    "POST /collections/C/points/payload/clear": {"points": [99]},
    "PUT /collections/C/points/vectors": {
        "points": [{"id": 1, "vector": [1, 0]}]},
    "POST /collections/C/points/search/matrix/pairs": {},
    "POST /collections/C/points/search/matrix/offsets": {},
    "GET /collections/C": None,
    "PATCH /collections/C": {"optimizers_config": {}},
    "DELETE /collections/C": None,
    "GET /collections/C/exists": None,
    "PUT /collections/C/index": {"field_name": "f", "field_schema": "keyword"},
    "DELETE /collections/C/index/{field}": None,
    "GET /collections/C/memory": None,
    "GET /collections/C/aliases": None,
    "GET /collections/C/cluster": None,
    "GET /collections/C/snapshots": None, "GET /snapshots": None,
    "GET /collections": None,
    "GET /aliases": None,
    "POST /collections/aliases": {"actions": []},
    "GET /": None, "GET /healthz": None, "GET /livez": None,
    "GET /readyz": None, "GET /metrics": None, "GET /telemetry": None,
    "GET /logger": None, "POST /logger": {}, "GET /quotas": None,
    "PUT /quotas": {"enabled": False},
    "GET /cluster": None, "GET /issues": None, "DELETE /issues": None,
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    from azimuthd import Engine
    folder = tmp_path_factory.mktemp("rights")
    keys = folder / "identity"
    keys.touch(0o600)
    keys.write_text(IDENTITY.hex() + "\n")
    engine = Engine(folder, more_config=f"""\
  api_key: {KEY}
  alt_api_key: {ALT}
  read_only_api_key: {READER}
  jwt_rbac: true
  identity_key_file: {keys}
""")
    engine.start()
    for name in (HERE, ELSEWHERE):
        restore(engine, name)
    yield engine
    assert engine.stop() == 0, engine.log()


def restore(engine, name=HERE):
    key = {"api-key": KEY}
    path = f"/collections/{name}"
    if engine.call("GET", path, None, key).status != 404:
        return
    assert engine.call("PUT", path, VECTORS, key).status == 200
    assert engine.call("PUT", path + "/points?wait=true", POINT,
                       key).status == 200


def headers(column):
    make, where = CREDENTIALS[column][:2]
    value = make()
    if value is None:
        return [{}]
    if where == "word":
        # An API key beside it changes nothing.
        return [{"X-Azimuth-Identity": value},
                {"X-Azimuth-Identity": value, "api-key": KEY}]
    return [{"api-key": value}, {"Authorization": f"Bearer {value}"}]


def test_the_table_is_as_it_is_written():
    """python tests/wire/rights_table.py > new; mv new engine/api/RIGHTS.md"""
    assert rights_table.FILE.read_text() == rights_table.text(ROWS)
    assert len(ROWS) > 60


@pytest.mark.parametrize("column", CREDENTIALS)
def test_rest(guarded, column):
    wrong, kept = [], guarded.connect()
    for row, cells in zip(ROWS, CELLS):
        path = row.path.replace("/C", f"/{HERE}", 1) if row.is_here \
            else row.path
        path = path.replace("{id}", "1").replace("{field}", "f").replace(
            "{", "x").replace("}", "")
        body = BODIES.get(row.route, {})
        for sent in headers(column):
            answer = guarded.call(row.method, path, body, sent, kept)
            if cells[column] != "+":
                is_right = str(answer.status) == cells[column]
            elif row.route in BODIES:
                is_right = answer.status == 200
            else:
                is_right = answer.status not in (401, 403)
            if not is_right:
                wrong.append((row.route, cells[column], answer))
            if row.need == "manage" and cells[column] == "+":
                restore(guarded)
    kept.close()
    assert wrong == []


@pytest.mark.parametrize("column", CREDENTIALS)
def test_grpc(guarded, column):
    wrong, asked = [], 0
    for sent in headers(column):
        metadata = [(k.lower(), v) for k, v in sent.items()]
        with Peer(guarded.grpc_port) as peer:
            for row, cells in zip(ROWS, CELLS):
                for method in row.methods:
                    message = field(1, HERE) if row.is_here else b""
                    path = f"/{method}" if method.startswith("grpc") \
                        else f"/qdrant.{method}"
                    call = peer.call(path, message, metadata)
                    if "Reflection" in method and column.endswith("point"):
                        expected = DENIED
                    else:
                        expected = {"+": None, "401": UNAUTHENTICATED,
                                    "403": DENIED}[cells[column]]
                    is_denied = call.status in (UNAUTHENTICATED, DENIED)
                    if (call.status != expected if expected else is_denied):
                        wrong.append((method, cells[column], call.status,
                                      call.text))
                    asked += 1
                    if row.need == "manage" and cells[column] == "+":
                        restore(guarded)
    assert wrong == []
    assert asked > 40
