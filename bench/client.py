"""An HTTP client that costs next to nothing, so that the server is measured and not the client.

It speaks just enough of HTTP/1.1: keep-alive and ``Content-Length``, on the loopback interface.
"""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Iterator
from typing import Any

_TIMEOUT = 120.0
_READ = 256 * 1024


class Connection:
    """One connection that stays open. A context manager."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        self.send("GET", path)
        return self._answer()

    def post(self, path: str, data: Any) -> tuple[int, bytes]:
        """Status and body of the answer to a JSON body."""
        self.send("POST", path, json.dumps(data).encode())
        return self._answer()

    def send(self, method: str, path: str, body: bytes = b"") -> None:
        """Send a request without waiting for its answer."""
        kind = "Content-Type: application/json\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)

    def receive(self) -> tuple[int, bytes] | None:
        """Read what has come: the answer if that completes it, else None. Raises `ConnectionError`."""
        chunk = self.socket.recv(_READ)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        self._buffer += chunk
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self._buffer[:end]).decode("latin-1").lower().split("\r\n")
        status = int(head[0].split()[1])
        length = next((int(line[15:]) for line in head if line.startswith("content-length:")), 0)
        if len(self._buffer) < end + 4 + length:
            return None
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        self._buffer.clear()
        return status, body

    def _answer(self) -> tuple[int, bytes]:
        while True:
            answer = self.receive()
            if answer is not None:
                return answer


def requests_per_second(port: int, paths: Iterator[str], connections: int, seconds: float) -> tuple[float, int]:
    """Ask for one path after the other on each of some connections.

    Ends after `seconds`, or with the paths. Returns answers a second and bytes of the bodies. Raises `RuntimeError`
    for an answer other than 200.
    """
    count = size = 0
    with selectors.DefaultSelector() as selector:
        open_ones = [Connection(port) for _ in range(connections)]
        started = time.perf_counter()
        try:
            for connection in open_ones:
                if (path := next(paths, None)) is not None:
                    connection.send("GET", path)
                    selector.register(connection.socket, selectors.EVENT_READ, connection)
            while selector.get_map():
                for key, _ in selector.select(_TIMEOUT):
                    connection = key.data
                    answer = connection.receive()
                    if answer is None:
                        continue
                    if answer[0] != 200:
                        raise RuntimeError(f"{answer[0]} {answer[1][:200]!r}")
                    count += 1
                    size += len(answer[1])
                    path = next(paths, None) if time.perf_counter() - started < seconds else None
                    if path is None:
                        selector.unregister(connection.socket)
                    else:
                        connection.send("GET", path)
        finally:
            for connection in open_ones:
                connection.socket.close()
        return count / (time.perf_counter() - started), size
