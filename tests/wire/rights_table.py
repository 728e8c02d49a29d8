# SPDX-License-Identifier: Apache-2.0
"""The table of rights: engine/api/RIGHTS.md. Its first three columns are
written by hand (a route, its gRPC methods, what it needs); the others follow
from them and are what test_rights_table.py asks the engine for. What it needs
is `read, part` where a token that shows a part of the collection will do. A new
row needs these three alone before this is run:

  python tests/wire/rights_table.py > new && mv new engine/api/RIGHTS.md
"""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent /
                       "fixture"))

from tokens import encode, signed  # noqa: E402

FILE = pathlib.Path(__file__).resolve().parent.parent.parent / \
    "engine" / "api" / "RIGHTS.md"

KEY = "the-whole-key-7f3a9c5b21d84e60aa17"
ALT = "the-next-key-0d5e8b7f6c4a392115ee"
READER = "the-reading-key-5a5a5a5a"
IDENTITY = bytes(range(32))
HERE, ELSEWHERE = "docs", "users"

NEEDS = ("open", "known", "read", "points", "write", "manage")
WORDS = {"r": "read", "prw": "points", "rw": "write", "m": "manage"}


def jwt(access, key=KEY, **more):
    return signed(key, {"access": access, **more})


def on(name, access):
    return [{"collection": name, "access": access}]


def wants(value):
    return {"collection": ELSEWHERE,
            "matches": [{"key": "name", "value": value}]}


def word(access, key=IDENTITY, seconds=60):
    now = int(time.time())
    return signed(key, {"sub": "u1", "iat": min(now, now + seconds),
                        "exp": now + seconds, "access": access})


# Column: (what is sent, where; the status where it is no good or None; the
# right on the collection; the right on the whole engine)
CREDENTIALS = {
    "nobody": (lambda: None, "key", 401, None, None),
    "wrong key": (lambda: "wrong", "key", 401, None, None),
    "key": (lambda: KEY, "key", None, "manage", "manage"),
    "alt key": (lambda: ALT, "key", None, "manage", "manage"),
    "reading key": (lambda: READER, "key", None, "read", "read"),
    "JWT m": (lambda: jwt("m"), "key", None, "manage", "manage"),
    "JWT m, alt": (lambda: jwt("m", ALT), "key", None, "manage", "manage"),
    "JWT r": (lambda: jwt("r"), "key", None, "read", "read"),
    "JWT C:r": (lambda: jwt(on(HERE, "r")), "key", None, "read", "known"),
    "JWT C:prw": (lambda: jwt(on(HERE, "prw")), "key", None, "points",
                  "known"),
    "JWT C:rw": (lambda: jwt(on(HERE, "rw")), "key", None, "write", "known"),
    "JWT C:rw part": (lambda: jwt([{**on(HERE, "rw")[0],
                                    "payload": {"name": "alice"}}]), "key",
                      None, "write", "known"),
    "JWT other:rw": (lambda: jwt(on(ELSEWHERE, "rw")), "key", None, "known",
                     "known"),
    "JWT []": (lambda: jwt([]), "key", None, "known", "known"),
    "JWT point": (lambda: jwt("m", value_exists=wants("alice")), "key", None,
                  "manage", "manage"),
    "JWT no point": (lambda: jwt("m", value_exists=wants("bob")), "key", 401,
                     None, None),
    "JWT expired": (lambda: jwt("m", exp=int(time.time()) - 60), "key", 403,
                    None, None),
    "JWT forged": (lambda: jwt("m", READER), "key", 403, None, None),
    "JWT none": (lambda: f'{encode({"alg": "none"})}.{encode({})}.', "key",
                 401, None, None),
    "JWT odd": (lambda: jwt([{**on(HERE, "r")[0], "payload": {"a": [1]}}]),
                "key", 401, None, None),
    "person m": (lambda: word("m"), "word", None, "manage", "manage"),
    "person C:r": (lambda: word(on(HERE, "r")), "word", None, "read",
                   "known"),
    "person C:m": (lambda: word(on("do*", "m")), "word", None, "manage",
                   "known"),
    "person other:m": (lambda: word(on(ELSEWHERE, "m")), "word", None,
                       "known", "known"),
    "person expired": (lambda: word("m", seconds=-60), "word", 401, None,
                       None),
    "person forged": (lambda: word("m", KEY.encode()), "word", 401, None,
                      None),
}

TEXT = """\
<!-- SPDX-License-Identifier: Apache-2.0 -->
# Who may call what

Every route and gRPC method, and what becomes of a call under each kind of key,
token and identity while keys, `service.jwt_rbac` and identity keys are set: `+`
it is let in, `401` or `403` (over gRPC UNAUTHENTICATED, PERMISSION_DENIED).
`C` is the collection in the path. `tests/wire/test_rights_table.py` makes every
one of these calls; `tests/guard/rights.sh` fails for a route without a row. The
first three columns are the source, `tests/wire/rights_table.py` writes the rest.
Reflection over gRPC needs what `GET /cluster` needs, and no token with
`value_exists`: it is answered where no point can be looked up.

| column | what comes with the call |
|---|---|
| JWT m, r, C:r ... | a token of `service.api_key` with that `access`; "alt": of `alt_api_key` |
| JWT C:rw part | with `payload` beside it: some of the points |
| JWT [] | with an empty list |
| JWT point, no point | `value_exists` of a point that is, or is not, there |
| JWT forged, none, odd | signed by another key; not signed; with a claim that is not understood |
| person ... | the gateway's `X-Azimuth-Identity`; C:m by the pattern `do*` |

"""


class Row:
    def __init__(self, route, methods, need):
        self.route, self.methods, self.needs = route, methods, need
        self.need, _, more = need.partition(", ")
        assert self.need in NEEDS and more in ("", "part")
        self.method, self.path = route.split(" ")
        self.is_here = self.path.startswith("/collections/C")

    def cell(self, column):
        _, _, bad, here, everywhere = CREDENTIALS[column]
        if self.need == "open":
            return "+"
        if bad:
            return str(bad)
        if column.endswith("part") and self.is_here and \
                not self.needs.endswith("part"):
            return "403"
        has = here if self.is_here else everywhere
        return "+" if NEEDS.index(has) >= NEEDS.index(self.need) else "403"


def read():
    """Rows, and their cells as the file has them."""
    rows, cells = [], []
    for line in FILE.read_text().splitlines():
        parts = [part.strip() for part in line.strip("|").split("|")]
        if len(parts) < 3 or parts[0].split(" ")[0] not in (
                "GET", "PUT", "POST", "PATCH", "DELETE"):
            continue
        rows.append(Row(parts[0], parts[1].split(), parts[2]))
        cells.append(dict(zip(CREDENTIALS, parts[3:])))
    return rows, cells


def text(rows):
    lines = ["| route | gRPC | needs | " + " | ".join(CREDENTIALS) + " |",
             "|---" * (len(CREDENTIALS) + 3) + "|"]
    for row in rows:
        cells = [row.route, " ".join(row.methods), row.needs]
        cells += [row.cell(column) for column in CREDENTIALS]
        lines.append("| " + " | ".join(cells) + " |")
    return TEXT + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text(read()[0]))
