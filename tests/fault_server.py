"""A loopback server that sends exactly the bytes it is told to, when it is told to.

An answer is a series of steps: bytes to send, or `Pause`, `RESET`, `CLOSE`. Nothing is added: the
status line, headers and framing are the test's. A connection stays open after its answer, for the
next request on it, unless a step ends it. Every request is kept as it came.

    with FaultServer(answers(page(b"[1]"), [b"HTTP/1.1 200 OK", RESET])) as server:
        ...
    assert server.requests[1].connection == server.requests[0].connection

Leaving the block wakes every pause, closes every socket, waits for the threads, and raises what
went wrong inside.
"""

import contextlib
import enum
import gzip
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import pytest

_LONGEST_REQUEST = 1 << 20
_MOST_CONNECTIONS = 2000
_STUCK_S = 30.0  # a socket that moves no byte for so long is a fault of the test
_LINGER_0 = struct.pack("ii", 1, 0)  # close() then sends a RST instead of a FIN


class End(enum.Enum):
    """How a connection ends."""

    CLOSE = enum.auto()
    RESET = enum.auto()


CLOSE, RESET = End.CLOSE, End.RESET


@dataclass(frozen=True)
class Pause:
    """Send nothing for so many seconds."""

    seconds: float


Step = bytes | Pause | End
Steps = Iterable[Step]


@dataclass(frozen=True)
class Request:
    """A request as it came. `connection` counts from 0."""

    connection: int
    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        """Method, target and version."""
        return self.head.split(b"\r\n", 1)[0].decode()

    @property
    def target(self) -> str:
        """What was asked for."""
        return self.line.split()[1]

    @property
    def headers(self) -> dict[str, str]:
        """The headers, with lower-case names."""
        pairs = (line.split(b":", 1) for line in self.head.strip().split(b"\r\n")[1:])
        return {name.decode().lower(): value.decode().strip() for name, value in pairs}


Answer = Callable[[Request], Steps]


class FaultServer:
    """Answers each request with the steps that `answer` gives for it; `context` makes it TLS."""

    def __init__(
        self,
        answer: Answer,
        context: ssl.SSLContext | None = None,
        *,
        most_connections: int = _MOST_CONNECTIONS,
    ) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.connections = 0
        self.errors: list[BaseException] = []
        self._context = context
        self._most_connections = most_connections
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/"

    @property
    def targets(self) -> list[str]:
        """What was asked for, in order."""
        return [request.target for request in self.requests]

    def __enter__(self) -> Self:
        self._start(self._listen)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        with self._lock, contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()
        if self.errors and error is None:
            raise self.errors[0]

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while not self._stop.is_set() and self.connections < self._most_connections:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the listener was shut down
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number = self.connections
            self.connections += 1  # before it is served: a test may look as soon as it is
            self._start(self._converse, connection, number)

    def _converse(self, connection: socket.socket, number: int) -> None:
        try:
            with contextlib.suppress(ConnectionError, ssl.SSLError, BrokenPipeError):
                if self._context:
                    connection = self._context.wrap_socket(connection, server_side=True)
                with self._lock:
                    self._open.add(connection)
                self._answer_all(connection, number)
        except OSError as error:
            if not self._stop.is_set():
                self.errors.append(error)
        except Exception as error:
            self.errors.append(error)
        finally:
            with self._lock:
                self._open.discard(connection)
                connection.close()

    def _answer_all(self, connection: socket.socket, number: int) -> None:
        with connection.makefile("rb") as stream:
            while not self._stop.is_set() and (request := _request(stream, number)):
                connection.settimeout(_STUCK_S)  # what is to be sent must be taken
                self.requests.append(request)
                for step in self.answer(request):
                    if isinstance(step, End):
                        if step is RESET:
                            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
                        return
                    if isinstance(step, Pause):
                        self._stop.wait(step.seconds)
                    else:
                        connection.sendall(step)
                    if self._stop.is_set():
                        return
                connection.settimeout(None)  # the next request may take its time


def _request(stream: BinaryIO, number: int) -> Request | None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline(_LONGEST_REQUEST)
        if not line:
            return None
        head += line
    request = Request(number, head, b"")
    length = int(request.headers.get("content-length", 0))
    return Request(number, head, stream.read(length))


def answers(*scripts: Steps) -> Answer:
    """Answer the requests with one script each, in order; the last one again for any further."""
    left = [*map(tuple, scripts)]

    def answer(request: Request) -> Steps:
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


def head(*lines: str, status: str = "200 OK") -> bytes:
    """Make a status line and headers, complete."""
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode("latin-1")


def page(body: bytes, *lines: str, status: str = "200 OK") -> tuple[bytes]:
    """Make one answer with a right Content-Length."""
    return (head(*lines, f"Content-Length: {len(body)}", status=status) + body,)


def gzip_page(body: bytes, *lines: str, status: str = "200 OK") -> tuple[bytes]:
    """Make one answer whose body is gzip already."""
    return page(body, "Content-Encoding: gzip", *lines, status=status)


def chunked(chunks: Iterable[bytes], *lines: str) -> Iterator[bytes]:
    """Make one answer in chunks, the last one and the empty trailer included."""
    yield head("Transfer-Encoding: chunked", *lines)
    for chunk in chunks:
        yield b"%x\r\n%b\r\n" % (len(chunk), chunk)
    yield b"0\r\n\r\n"


def drip(data: bytes, every_s: float = 0.02, times: int = 2000) -> Iterator[Step]:
    """Send `data` again and again, slowly: no read ever waits long."""
    for _ in range(times):
        yield data
        yield Pause(every_s)


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1, signed by itself, and its key."""
    made, key = folder / "cert.pem", folder / "key.pem"
    if shutil.which("openssl") is None:
        pytest.fail("openssl is missing; install it (apt-get install openssl)")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", made, "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return made, key


def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """Make a server's context of a certificate and its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def compressed(data: bytes) -> bytes:
    """One gzip member, the same for the same data."""
    return gzip.compress(data, mtime=0)
