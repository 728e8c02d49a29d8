# SPDX-License-Identifier: Apache-2.0
"""What an API server asks of a node: to run a command in a pod, over a WebSocket
that speaks v4.channel.k8s.io (it runs on this machine), and for a container's
log, which the test writes."""
import base64
import contextlib
import hashlib
import http.server
import json
import os
import shutil
import ssl
import struct
import subprocess
import threading
import urllib.parse

PROTOCOL = "v4.channel.k8s.io"
STDIN, STDOUT, STDERR, ERROR = range(4)


class Channels:
    """Frames of one connection: a byte for the channel, then the data."""

    def __init__(self, reading, writing):
        self.reading = reading
        self.writing = writing
        self.lock = threading.Lock()

    def send(self, channel, data, opcode=2):
        payload = bytes([channel]) + data if opcode == 2 else data
        size = len(payload)
        head = bytes([0x80 | opcode]) + (
            bytes([size]) if size < 126 else
            struct.pack(">BH", 126, size) if size < 65536 else
            struct.pack(">BQ", 127, size))
        with self.lock, contextlib.suppress(OSError): # it may have left
            self.writing.write(head + payload)
            self.writing.flush()

    def receive(self):
        """(opcode, payload); None at the end."""
        head = self.reading.read(2)
        if len(head) < 2:
            return None
        size = head[1] & 127
        if size > 125:
            size = int.from_bytes(self.reading.read(
                2 if size == 126 else 8), "big")
        mask = self.reading.read(4)
        data = self.reading.read(size)
        return head[0] & 15, bytes(
            byte ^ mask[at % 4] for at, byte in enumerate(data))


def status(code):
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": f"command terminated with exit code {code}",
            "details": {"causes": [{"reason": "ExitCode",
                                    "message": str(code)}]}}


def run(command, channels, folder, path):
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, cwd=folder,
        executable=shutil.which(command[0], path=path),
        env={**os.environ, "PATH": path})

    def give():
        while (frame := channels.receive()) is not None and frame[0] != 8:
            if frame[1][:1] == bytes([STDIN]):
                try:
                    process.stdin.write(frame[1][1:])
                    process.stdin.flush()
                except OSError:
                    break # it has read enough
        process.stdin.close()

    def take(pipe, channel):
        while data := pipe.read1(32768):
            channels.send(channel, data)

    threads = [threading.Thread(target=take, args=(pipe, channel))
               for pipe, channel in ((process.stdout, STDOUT),
                                     (process.stderr, STDERR))]
    threading.Thread(target=give, daemon=True).start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    channels.send(ERROR, json.dumps(status(process.wait())).encode())
    channels.send(0, struct.pack(">H", 1000), opcode=8)


class Kubelet:
    """`commands` has what was run; `logs` what containers wrote, by pod,
    container and whether it is the one before; `programs` is where commands are
    looked for first."""

    def __init__(self, folder, certificate, key, programs=None):
        kubelet = self
        self.commands = []
        self.logs = {}
        self.path = os.pathsep.join(
            [*map(str, programs or []), os.environ["PATH"]])

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                query = urllib.parse.parse_qs(url.query)
                verb, _, pod, container = url.path.strip("/").split("/")
                if verb == "containerLogs":
                    self.send_log(kubelet.logs.get(
                        (pod, container, query.get("previous") == ["true"])))
                    return
                command = query["command"]
                kubelet.commands.append(command)
                accept = hashlib.sha1(
                    self.headers["Sec-WebSocket-Key"].encode() +
                    b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
                self.send_response(101)
                self.send_header("Upgrade", "websocket")
                self.send_header("Connection", "Upgrade")
                self.send_header("Sec-WebSocket-Accept",
                                 base64.b64encode(accept).decode())
                self.send_header("Sec-WebSocket-Protocol", PROTOCOL)
                self.end_headers()
                run(command, Channels(self.rfile, self.wfile), folder,
                    kubelet.path)
                self.close_connection = True

            def send_log(self, text):
                body = (text or "no such container").encode()
                self.send_response(404 if text is None else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
