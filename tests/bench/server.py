"""The bench's server, in a process of its own: `python -m tests.bench.server`, one per run.

It must neither be the bottleneck nor lie: bodies are ready before they are asked for, and go out
over raw sockets, a thread a connection, keep-alive, with a true Content-Length. Prints its port
when it is ready, and ends when its stdin does, so it cannot outlive the bench.

| path | gives |
|---|---|
| `/large/BYTES/gzip`, `/large/BYTES/identity` | one page of so many bytes of JSON, or nearly |
| `/shaped/KIND/BYTES/gzip` | one page of such records: `deep`, `geojson`, …; `…/facts`: how many |
| `/search?of=N&next_token=…` | a page of a chain of N; `ms=200` waits before it answers |
| `/numbered?of=N&page=P` | page P of N, counted from 1; behind the last an empty one |
| `/facts?…` | JSON: the sizes of what the other paths give |
| `/seen`, `/forget` | requests since the last `/forget`, the last page asked for, and when the first came by this machine's monotonic clock |
"""  # noqa: E501 - a table's row

import json
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from tests.bench.pages import POSTS, Body, Large, Shaped, empty_page, number_of, search_page

_BLOCK_BYTES = 64 * 1024


@dataclass(slots=True)
class Seen:
    """What was asked for since the last `/forget`."""

    requests: int = 0
    highest_page: int = 0
    first_at_s: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, page: int) -> None:
        """Count a request in."""
        now = time.monotonic()
        with self._lock:
            self.requests += 1
            self.highest_page = max(self.highest_page, page)
            if self.first_at_s is None:
                self.first_at_s = now

    def as_dict(self) -> dict[str, float | None]:
        """What `/seen` answers."""
        return {
            "requests": self.requests,
            "highest_page": self.highest_page,
            "first_at_s": self.first_at_s,
        }


class Server:
    """Answers on loopback until `close`."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._seen = Seen()
        self._large: dict[str, Body] = {}

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        with connection:
            try:
                while True:
                    while b"\r\n\r\n" not in received:
                        more = connection.recv(_BLOCK_BYTES)
                        if not more:
                            return
                        received += more
                    head, _, received = received.partition(b"\r\n\r\n")
                    target = head.split(b" ", 2)[1].decode()
                    _send(connection, self._answer(target))
            except ConnectionError:
                return

    def _answer(self, target: str) -> Body:
        parts = urlsplit(target)
        given = dict(parse_qsl(parts.query))
        of = int(given.get("of", "1"))
        match parts.path.strip("/").split("/"):
            case ["large", size, coding]:
                self._seen.note(0)
                return self._large_body(int(size), coding)
            case ["shaped", kind, size, "facts"]:
                shape = Shaped.near(kind, int(size))
                return _json({"records": shape.records, "bytes": shape.body(gzip=False).size})
            case ["shaped", kind, size, coding]:
                self._seen.note(0)
                return self._shaped_body(kind, int(size), coding)
            case ["search"]:
                page = number_of(given.get("next_token", ""))
                self._seen.note(page)
                _wait(given)
                return search_page(page, of)
            case ["numbered"]:
                page = int(given["page"])
                self._seen.note(page)
                _wait(given)
                return search_page(page - 1, of) if page <= of else empty_page()
            case ["facts"]:
                return _json(_facts(of, int(given["bytes"])))
            case ["seen"]:
                return _json(self._seen.as_dict())
            case ["forget"]:
                self._seen = Seen()
                return _json({})
        raise ValueError(f"nothing is at {target}")

    def _large_body(self, size: int, coding: str) -> Body:
        key = f"{size}/{coding}"
        if key not in self._large:
            self._large[key] = Large.near(size).body(gzip=coding == "gzip")
        return self._large[key]

    def _shaped_body(self, kind: str, size: int, coding: str) -> Body:
        key = f"{kind}/{size}/{coding}"
        if key not in self._large:
            self._large[key] = Shaped.near(kind, size).body(gzip=coding == "gzip")
        return self._large[key]


def _wait(given: dict[str, str]) -> None:
    if "ms" in given:
        time.sleep(int(given["ms"]) / 1000)


def _facts(of: int, size: int) -> dict[str, int]:
    """Sizes of a chain of `of` pages and of a large page; makes both ready."""
    large = Large.near(size)
    chain = [search_page(number, of) for number in range(of)]
    return {
        "page_records": POSTS,
        "chain_wire_bytes": sum(body.size for body in chain),
        "large_records": large.records,
        "large_bytes": large.size,
        "large_wire_bytes": large.body(gzip=True).size,
    }


def _json(value: object) -> Body:
    return Body(((json.dumps(value).encode(), 1),), gzip=False)


def _send(connection: socket.socket, body: Body) -> None:
    coding = "Content-Encoding: gzip\r\n" if body.gzip else ""
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"{coding}Content-Length: {body.size}\r\n\r\n"
    ).encode()
    if body.size <= _BLOCK_BYTES:
        connection.sendall(head + b"".join(body))
        return
    connection.sendall(head)
    for piece in body:
        connection.sendall(piece)


def main() -> None:
    """Serve until stdin ends."""
    server = Server()
    threading.Thread(target=server.serve, daemon=True).start()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
