"""Speaks HTTP/1.1 over loopback: keep-alive, gzip, chunks, and answers broken on purpose.

One thread per connection. What is answered comes from a function, `respond`; this module reads
requests and writes responses, whole or damaged. Stopping closes every connection, wakes every
pause and waits for the threads, so nothing outlives a `with` block.
"""

import socket
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from struct import pack
from threading import Event, Lock, Thread, current_thread
from typing import Any

from harvester.emulator.faults import Fault

_CHUNK = 16 * 1024
_LARGEST_BODY = 1 << 20
_LINGER_0 = pack("ii", 1, 0)  # close() then sends a RST instead of a FIN


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came; `modern`: HTTP/1.1, so the answer may be chunked."""

    method: str
    target: str
    headers: Message
    body: bytes
    modern: bool

    @property
    def takes_gzip(self) -> bool:
        """Whether Accept-Encoding allows gzip (RFC 9110 12.5.3; absent is taken as no)."""
        for item in self.headers.get("accept-encoding", "").lower().split(","):
            coding, _, weight = item.partition(";")
            if coding.strip() in ("gzip", "*"):
                return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
        return False


@dataclass(frozen=True, slots=True)
class Response:
    """An answer and how to spoil it: `body` is as it goes on the wire, `where` from 0 to 1."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    chunked: bool = False
    fault: Fault | None = None
    where: float = 0.0
    before_s: float = 0.0
    halfway_s: float = 0.0


def gzipped(body: bytes) -> bytes:
    """Compress to one gzip member, the same bytes for the same body."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, 31)
    return deflate.compress(body) + deflate.flush()


def framed(response: Response) -> tuple[str, bytes, bool]:
    """Return the framing header, the bytes to send, and whether they are all that it promises."""
    body, fault = response.body, response.fault
    if fault is Fault.CUT_GZIP:
        ends = (len(body) - 1, len(body) - 4, len(body) - 8, int(len(body) * response.where))
        body = body[: max(ends[int(response.where * 4)], 1)]
    if fault is Fault.CUT_LENGTH:
        return f"content-length: {len(body)}", body[: int(len(body) * response.where)], False
    if not response.chunked and fault is not Fault.CUT_CHUNKED:
        return f"content-length: {len(body)}", body, True
    chunks = [body[i : i + _CHUNK] for i in range(0, len(body), _CHUNK)]
    sent = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    if fault is not Fault.CUT_CHUNKED:
        return "transfer-encoding: chunked", sent + b"0\r\n\r\n", True
    end = len(sent) if response.where > 0.75 else int(len(sent) * response.where)
    return "transfer-encoding: chunked", sent[:end], False


class Server(ThreadingHTTPServer):
    """Listens on loopback and answers with `respond`; `errors` holds what went wrong inside."""

    request_queue_size = 128

    def __init__(self, port: int, respond: Callable[[Call], Response]) -> None:
        self.respond = respond
        self.stopping = Event()
        self.errors: list[BaseException] = []
        self.resetting: set[socket.socket] = set()
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._conversations: set[Thread] = set()
        super().__init__(("127.0.0.1", port), Connection)
        self._listener = Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def server_bind(self) -> None:
        """Bind without the parent's look-up of the host's name, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def start(self) -> None:
        """Begin to listen."""
        self._listener.start()

    def stop(self) -> None:
        """Close the listener and all connections, and wait for their threads."""
        self.stopping.set()
        self.shutdown()
        self._listener.join()
        with self._lock:
            connections, conversations = [*self._open], [*self._conversations]
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for conversation in conversations:
            conversation.join()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own that `stop` can find."""
        thread = Thread(target=self._converse, args=(request, client_address), daemon=True)
        with self._lock:
            self._open.add(request)
            self._conversations.add(thread)
        thread.start()

    def _converse(self, request: socket.socket, client_address: Any) -> None:
        self.process_request_thread(request, client_address)
        with self._lock:
            self._conversations.discard(current_thread())

    def shutdown_request(self, request: Any) -> None:
        """Close a connection; one that is to be reset gets no FIN first."""
        with self._lock:
            self._open.discard(request)
        if request in self.resetting:
            self.resetting.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what went wrong, and keep quiet; a client that went away is nothing wrong."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            self.errors.append(error)


class Connection(BaseHTTPRequestHandler):
    """One client's connection, request after request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Say nothing: stderr belongs to the harvest."""

    def _answer(self) -> None:
        length = self.headers.get("content-length", "0")
        size = int(length) if length.isascii() and length.isdecimal() else _LARGEST_BODY + 1
        if size > _LARGEST_BODY or "transfer-encoding" in self.headers:
            self.close_connection = True
            size = 0
        modern = self.request_version == "HTTP/1.1"
        body = self.rfile.read(size)
        self._send(self.server.respond(Call(self.command, self.path, self.headers, body, modern)))

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer  # noqa: N815 - the parent's names

    def _send(self, response: Response) -> None:
        if response.before_s:
            self.server.stopping.wait(response.before_s)
        if response.fault is Fault.RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
            self.server.resetting.add(self.connection)
            self.close_connection = True
            return
        framing, body, whole = framed(response)
        self.close_connection |= not whole
        lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        if self.close_connection and whole:  # a broken answer does not say that it will be
            lines.append("connection: close")
        head = "\r\n".join([*lines, framing, "", ""]).encode("latin-1")
        if self.command == "HEAD":
            body = b""
        half = len(body) // 2 if response.halfway_s else 0
        if half:
            self.wfile.write(head + body[:half])
            self.server.stopping.wait(response.halfway_s)
            self.wfile.write(body[half:])
        else:
            self.wfile.write(head + body)
