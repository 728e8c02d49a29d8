# SPDX-License-Identifier: Apache-2.0
"""An S3 server: moto behind a door that checks each signature by botocore's
own code, which moto does not. Prints its port. Run by test_backup.py with the
packages of requirements-s3.txt.

  s3_server.py KEY-ID SECRET REGION

After a line `cut` on its standard input the second part of each upload is
refused, until a line `mend`. Ends with its standard input."""
import hashlib
import io
import sys
import threading

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

key_id, secret, region = sys.argv[1:4]
cuts = wants_token = loses = False


def is_signed(environ, body):
    header = environ.get("HTTP_AUTHORIZATION", "")
    parts = dict(part.strip().split("=", 1) for part in
                 header.partition(" ")[2].split(",") if "=" in part)
    if not parts.get("Credential", "").startswith(key_id + "/"):
        return False
    url = "http://" + environ["HTTP_HOST"] + environ["RAW_URI"]
    names = parts["SignedHeaders"].split(";")
    headers = {n: environ["CONTENT_TYPE"] if n == "content-type" else
               environ["HTTP_" + n.upper().replace("-", "_")] for n in names}
    # The token of a session's keys counts only where it is signed.
    token = headers.get("x-amz-security-token")
    if token != environ.get("HTTP_X_AMZ_SECURITY_TOKEN") or \
            (wants_token and token != "the/session+token="):
        return False
    if headers.get("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
        return False
    request = AWSRequest(environ["REQUEST_METHOD"], url, headers, body)
    request.context["timestamp"] = headers["x-amz-date"]
    auth = S3SigV4Auth(Credentials(key_id, secret), "s3", region)
    canonical = auth.canonical_request(request)
    wanted = auth.signature(auth.string_to_sign(request, canonical), request)
    return wanted == parts["Signature"]


class Door:
    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start):
        size = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(size)
        environ["wsgi.input"] = io.BytesIO(body)
        is_cut = cuts and "partNumber=2" in environ.get("QUERY_STRING", "")
        if is_cut or not is_signed(environ, body):
            start("403 Forbidden", [("Content-Type", "application/xml")])
            code = "AccessDenied" if is_cut else "SignatureDoesNotMatch"
            return [f"<Error><Code>{code}</Code></Error>".encode()]
        if loses and environ["REQUEST_METHOD"] == "POST" and \
                "uploadId=" in environ.get("QUERY_STRING", ""):
            # It is done, and nobody hears of it.
            list(self.app(environ, lambda *_: None))
            start("503 Slow Down", [("Content-Type", "application/xml")])
            return [b"<Error><Code>SlowDown</Code></Error>"]
        return self.app(environ, start)


server = make_server("127.0.0.1", 0, Door(DomainDispatcherApplication(
    create_backend_app)), threaded=True)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
for line in sys.stdin:
    cuts = line.strip() == "cut"
    wants_token = line.strip() == "token"
    loses = line.strip() == "lose"
    print("done", flush=True)
