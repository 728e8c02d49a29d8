# SPDX-License-Identifier: Apache-2.0
"""One kept connection with as little between test and engine as possible: a
hundred thousand requests should cost the engine's time, not the client's."""
import json


class Pipe:
    def __init__(self, engine):
        self.engine = engine
        self.socket = None
        self.buffer = b""

    def close(self):
        if self.socket is not None:
            self.socket.close()
        self.socket, self.buffer = None, b""

    def send(self, method, path, body=None):
        if self.socket is None:
            self.socket = self.engine.socket()
        data = b"" if body is None else json.dumps(body).encode()
        self.socket.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\n"
            f"Content-Length: {len(data)}\r\n\r\n".encode() + data)

    def more(self):
        block = self.socket.recv(1 << 18)
        if block == b"":
            raise ConnectionError("the engine closed the connection")
        self.buffer += block

    def receive(self):
        """(status, parsed body)"""
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            self.more()
        head = self.buffer[:end].decode().lower()
        size = int(head.split("content-length:")[1].split("\r\n")[0])
        while len(self.buffer) < end + 4 + size:
            self.more()
        body = self.buffer[end + 4:end + 4 + size]
        self.buffer = self.buffer[end + 4 + size:]
        return int(head.split(" ")[1]), json.loads(body)

    def call(self, method, path, body=None):
        self.send(method, path, body)
        return self.receive()
