"""A proxy before an object store that loses answers, or answers in the store's place."""

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


def error(code: str) -> bytes:
    """A store's error."""
    return f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()


@dataclass(frozen=True)
class Answer:
    """An answer of the proxy; None as `status` cuts the connection."""

    status: int | None
    code: str = ""
    takes_effect: bool = False


@dataclass
class Proxy:
    """What it has seen. `plan` says what is answered to a method and a path; None: the store."""

    endpoint: str
    counts: Counter[str] = field(default_factory=Counter)
    plan: Callable[[str, str], Answer | None] = lambda method, path: None


@contextmanager
def store_proxy(endpoint: str) -> Iterator[Proxy]:
    """A proxy that ends with the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            listed = self.command == "GET" and "list-type" in self.path
            proxy.counts["LIST" if listed else self.command] += 1
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = proxy.plan(self.command, self.path)
            if answer is None or answer.takes_effect:
                status, headers, data = self._asked(body)
            if answer is None:
                self._say(status, headers, data)
            elif answer.status is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                text = error(answer.code)
                self._say(answer.status, [("content-length", str(len(text)))], text)

        def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            upstream = HTTPConnection(urlsplit(endpoint).netloc, timeout=60)
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            data = answer.read()
            upstream.close()
            length = answer.getheader("content-length") if self.command == "HEAD" else None
            headers = [
                (name, value)
                for name, value in answer.getheaders()
                if name.lower() not in ("connection", "content-length", "transfer-encoding")
            ]
            return answer.status, [*headers, ("content-length", length or str(len(data)))], data

        def _say(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _pass_on  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = Proxy(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
