# SPDX-License-Identifier: Apache-2.0
"""Requests that no well-behaved client would send."""

import socket
import ssl

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEADERS, FRAME_SETTINGS, FRAME_RESET, FRAME_GOAWAY = 1, 4, 3, 7


def connected(port, timeout=10):
    return socket.create_connection(("127.0.0.1", port), timeout)


def exchange(port, data, timeout=5):
    """Sends `data`, returns all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        return talk(s, data)


def answer_head(port, data, timeout=5):
    """Sends `data`; the answer's head, without waiting for the close."""
    have = b""
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        try:
            s.sendall(data)
            while b"\r\n\r\n" not in have:
                part = s.recv(1 << 16)
                if not part:
                    break
                have += part
        except (ConnectionResetError, BrokenPipeError):
            pass
    return have


def exchange_tls(port, data, server_name, timeout=5):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout) as raw:
        with context.wrap_socket(raw, server_hostname=server_name) as s:
            return talk(s, data)


def talk(s, data):
    parts = []
    try:
        s.sendall(data)
        while True:
            part = s.recv(1 << 16)
            if not part:
                break
            parts.append(part)
    except (ConnectionResetError, BrokenPipeError, TimeoutError):
        pass
    return b"".join(parts)


def lines(*rows):
    """An HTTP/1 head; each row is text of one line."""
    return "".join(row + "\r\n" for row in rows).encode("latin-1") + b"\r\n"


def status_of(answer):
    """The first status of an HTTP/1 answer; 0 when the peer just closed."""
    if not answer.startswith(b"HTTP/1."):
        return 0
    return int(answer.split(b" ", 2)[1])


def header_of(answer, name):
    """Values of one header of the first answer."""
    head = answer.split(b"\r\n\r\n", 1)[0].decode("latin-1")
    found = []
    for row in head.split("\r\n")[1:]:
        key, _, value = row.partition(":")
        if key.strip().lower() == name.lower():
            found.append(value.strip())
    return found


# ---- HTTP/2 in clear, by hand -----------------------------------------------

def frame(kind, flags, stream, payload):
    return (len(payload).to_bytes(3, "big") + bytes([kind, flags])
            + stream.to_bytes(4, "big") + payload)


def literal(name, value):
    """A header that is not indexed and not compressed (RFC 7541, 6.2.2)."""
    out = b"\x00"
    for text in (name, value):
        text = text.encode("latin-1")
        size = len(text)
        if size < 127:
            out += bytes([size])
        else:
            size -= 127
            out += b"\x7f"
            while size >= 128:
                out += bytes([size % 128 + 128])
                size //= 128
            out += bytes([size])
        out += text
    return out


def request_of_http2(headers):
    """A new connection's bytes up to the end of the request of stream 1."""
    block = b"".join(literal(n, v) for n, v in headers)
    return (PREFACE + frame(FRAME_SETTINGS, 0, 0, b"")
            + frame(FRAME_HEADERS, 5, 1, block))


def http2(port, headers, timeout=5):
    """One request; its status, or 0 when it was refused."""
    data = request_of_http2(headers)
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        s.sendall(data)
        return read_status(s)


def read_status(s):
    indexed = {0x88: 200, 0x89: 204, 0x8a: 206, 0x8b: 304, 0x8c: 400,
               0x8d: 404, 0x8e: 500}
    have = b""
    while True:
        while len(have) >= 9:
            size = int.from_bytes(have[:3], "big")
            if len(have) < 9 + size:
                break
            kind, payload = have[3], have[9:9 + size]
            have = have[9 + size:]
            if kind in (FRAME_RESET, FRAME_GOAWAY):
                return 0
            if kind != FRAME_HEADERS:
                continue
            while payload[0] & 0xe0 == 0x20:  # table size update
                payload = payload[1:]
            if payload[0] in indexed:
                return indexed[payload[0]]
            return int(payload[2:5])
        part = s.recv(1 << 16)
        if not part:
            return 0
        have += part
