"""A lean HTTP client for load: keep-alive sockets and no more parsing than the answer needs."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Self


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    lines = f"POST {path} HTTP/1.1", "host: bench", "content-type: application/json"
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def with_headers(request: bytes, headers: Mapping[str, str]) -> bytes:
    """The request of `get` or `post` with more headers."""
    first, rest = request.split(b"\r\n", 1)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return first + b"\r\n" + lines.encode() + rest


def split(raw: bytes) -> tuple[int, bytes] | None:
    """(status, body) of a whole answer with a content-length, else None."""
    end = raw.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = raw[:end].lower()
    at = head.find(b"content-length:")
    assert at > 0, f"an answer without content-length: {raw[:200]!r}"
    length = int(head[at + 15 :].split(b"\r\n", 1)[0])
    return (int(raw[9:12]), raw[end + 4 : end + 4 + length]) if len(raw) >= end + 4 + length else None


class Connection:
    """One keep-alive connection, one request at a time."""

    def __init__(self, address: str) -> None:
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.sent = 0.0

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send and wait for the whole answer."""
        self.start(request)
        while (answer := self.step()) is None:
            pass
        return answer

    def start(self, request: bytes) -> None:
        self.sent = time.monotonic()
        self.socket.sendall(request)

    def step(self) -> tuple[int, bytes] | None:
        """Read what is there; the answer once it is whole."""
        data = self.socket.recv(262_144)
        assert data, "the server closed the connection"
        self.buffer += data
        answer = split(self.buffer)
        if answer is not None:
            self.buffer = b""
        return answer

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def saturate(
    address: str, requests: Sequence[bytes], *, connections: int, seconds: float, without: bytes = b"\n\n"
) -> tuple[float, list[float]]:
    """Keep every connection busy for `seconds`: (answers per second, their times in ms).

    All must be 200, and `without` in no body.
    """
    selector = selectors.DefaultSelector()
    opened = [Connection(address) for _ in range(connections)]
    times: list[float] = []
    sent = 0
    for connection in opened:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.start(requests[sent % len(requests)])
        sent += 1
    start = time.monotonic()
    while (now := time.monotonic()) - start < seconds:
        for key, _ in selector.select(1):
            connection = key.data
            answer = connection.step()
            if answer is None:
                continue
            assert answer[0] == 200, answer
            assert without not in answer[1], answer[1][:300]
            times.append((time.monotonic() - connection.sent) * 1000)
            connection.start(requests[sent % len(requests)])
            sent += 1
    for connection in opened:
        connection.close()
    return len(times) / (now - start), times
