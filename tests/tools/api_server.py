# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server as far as one ConfigMap needs it: bearer tokens and
server-side apply with field managers. Over plain HTTP."""
import http.server
import json
import threading
import urllib.parse

PATH = "/api/v1/namespaces/qdrant/configmaps/thinkube-service-config"


class Server(http.server.ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.object = None
        self.version = 0
        self.token = "token-1"
        self.refusals = []   # statuses of the requests to come
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def put(self, manager, data):
        """As if another client had written it."""
        self.version += 1
        self.object = {"metadata": {
            "resourceVersion": str(self.version), "labels": {},
            "managedFields": [{"manager": manager}]}, "data": data}

    def edit(self, manager, data):
        """As if it had changed what is there."""
        self.version += 1
        metadata = self.object["metadata"]
        self.object = {"metadata": {
            **metadata, "resourceVersion": str(self.version), "managedFields":
            metadata["managedFields"] + [{"manager": manager}]}, "data": data}

    def apply(self, manager, force, wanted):
        old = self.object
        if old is not None:
            managers = {f["manager"] for f in old["metadata"]["managedFields"]}
            if managers - {manager} and old["data"] != wanted["data"] and \
                    not force:
                return 409, {"message": "Apply failed with 1 conflict: "
                                        "conflict with " + repr(managers)}
        new = {**wanted, "metadata": {
            **wanted["metadata"], "managedFields": [{"manager": manager}]}}
        if old is not None and old["data"] == new["data"] and \
                old["metadata"]["labels"] == new["metadata"]["labels"]:
            return 200, old
        self.version += 1
        new["metadata"]["resourceVersion"] = str(self.version)
        self.object = new
        return (201 if old is None else 200), new


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        server.seen.append((self.command, self.path))
        if server.refusals:
            self.answer(server.refusals.pop(0), {"message": "not now"})
        elif self.headers.get("Authorization") != f"Bearer {server.token}":
            self.answer(401, {"message": "Unauthorized"})
        elif url.path != PATH:
            self.answer(403, {"message": "forbidden"})
        elif self.command == "PATCH":
            assert self.headers["Content-Type"] == \
                "application/apply-patch+yaml"
            self.answer(*server.apply(query["fieldManager"],
                                      query.get("force") == "true",
                                      json.loads(body)))
        elif server.object is None:
            self.answer(404, {"message": "not found"})
        elif self.command == "GET":
            self.answer(200, server.object)
        else:
            server.object = None
            self.answer(200, {"status": "Success"})

    do_GET = do_PATCH = do_DELETE = handle_any
