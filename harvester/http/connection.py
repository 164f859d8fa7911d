"""Reads one response's bytes off the socket: strict framing, a deadline for the whole page.

urllib3 and http.client are lenient where a harvest must not be. Measured: a connection cut
inside the headers is a 200 with no bytes; a chunk-size line `0003e8` cut after its first `0` is
the end of the body; a chunk size of `-1` buffers the whole body; the read timeout is per `recv`
and never fires on a drip. So the connection hands out responses whose every `recv` passes through
`_WatchedSocket`, whose header lines must end in a newline, and whose body we unframe ourselves by
RFC 9112 §6-7.
"""

import contextlib
import http.client
import io
import logging
import socket
import ssl
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, Final, Protocol

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from harvester.errors import Interrupted, PageRefused, PageRejected
from harvester.http import headers
from harvester.patterns import pattern
from harvester.values import dataclass

#: What one `recv` may bring: fewer system calls than 64 KiB, no page of memory to speak of.
CHUNK_BYTES: Final = 256 * 1024
#: How long one `recv` may block before the deadline and the wish to stop are looked at again.
_SLICE_S: Final = 0.2
_LINE_BYTES: Final = 8 * 1024
_TRAILER_LINES: Final = 100
_TLS_ALERT: Final = b"\x15\x03"  # what a TLS server says to plain HTTP
_LINE_ENDS: Final = (b"\r\n", b"\n")
_BODILESS: Final = (204, 304)  # whatever their headers say (RFC 9112 section 6.3)
_HEADER_BYTES: Final = 64 * 1024  # a line, and
_HEADER_LINES: Final = 100  # so many of them, as http.client has it
_CHUNK_SIZE = pattern(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")


@dataclass(frozen=True, slots=True)
class Watch:
    """What bounds an exchange. `deadline` is a value of `clock`; `stopping` is asked often, and
    `sent` called when a request has been written.
    """

    clock: Callable[[], float]
    deadline: float
    read_timeout_s: float
    stopping: Callable[[], bool]
    sent: Callable[[], None] = lambda: None


_watch: ContextVar[Watch] = ContextVar("watch")


@contextlib.contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Every response read by this thread inside the block is bound by `watch`."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


def _not_ours(record: logging.LogRecord) -> bool:
    return _watch.get(None) is None


# What these log of a request holds its URL, and that may hold a key; or what it is signed with.
for _name in (
    "urllib3.connection",
    "urllib3.connectionpool",
    "requests_oauthlib.oauth1_auth",
    "oauthlib.oauth1.rfc5849",
    "oauthlib.oauth1.rfc5849.signature",
):
    logging.getLogger(_name).addFilter(_not_ours)


class _WatchedSocket(io.RawIOBase):
    """A socket as a raw stream that raises at the deadline, whatever drips in."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        # Holds a count on the socket: http.client closes its own end of a response that will not
        # be followed by another before the body has been read.
        self._held = sock.makefile("rb", buffering=0)
        self._watch = _watch.get()
        self._timeout = sock.gettimeout()
        self.idle = False
        sock.settimeout(_SLICE_S)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.idle:  # only what has been received may still be looked at
            return None
        watch = self._watch
        silent_since = watch.clock()
        while True:
            if watch.stopping():
                raise Interrupted("stopped while a page was on its way")
            now = watch.clock()
            if now >= watch.deadline:
                raise PageRejected("the page took longer than its time limit (timeout.page)")
            if now - silent_since >= watch.read_timeout_s:
                raise PageRejected(
                    f"the server sent nothing for {watch.read_timeout_s:g} s (timeout.read)"
                )
            try:
                return self._sock.recv_into(buffer)
            except (TimeoutError, ssl.SSLWantReadError):
                continue

    def close(self) -> None:
        if not self.closed:
            # The socket lives on: TLS begins on it after a proxy's answer.
            with contextlib.suppress(OSError):
                self._sock.settimeout(self._timeout)
            self._held.close()
        super().close()


class _StrictLines(io.BufferedReader):
    """Lines end in a newline. At the end of the stream they don't, and that is a cut."""

    def __init__(self, raw: _WatchedSocket) -> None:
        super().__init__(raw, CHUNK_BYTES)
        self._watched = raw
        self.lines = 0

    def leftover(self) -> bytes:
        """What came behind the end of a response. Nothing can be read afterwards."""
        self._watched.idle = True
        return self.peek()

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        self.lines += 1
        if self.lines == 1 and line.startswith(_TLS_ALERT):
            raise PageRefused("the server answers in TLS: its URL must begin with https://")
        if not line.endswith(b"\n") and not (size and 0 < size <= len(line)):
            if not line and self.lines == 1:
                return line  # http.client: "closed connection without response"
            raise PageRejected("the connection was cut inside a header or chunk-size line")
        return line


@dataclass(frozen=True, slots=True)
class _Opened:
    """What http.client makes its stream of."""

    sock: socket.socket

    def makefile(self, mode: str) -> "_StrictLines":
        """The stream."""
        return _StrictLines(_WatchedSocket(self.sock))


class StrictResponse(http.client.HTTPResponse):
    """http.client's response, its head read strictly. `pairs` are the headers as they came."""

    pairs: list[tuple[str, str]]

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        _watch.get().sent()
        super().__init__(_Opened(sock), *args, **options)  # type: ignore[arg-type]  # all it asks for

    def _read_status(self) -> tuple[str, int, str]:
        """Skip every interim answer (RFC 9110 section 15.2), but one that ends HTTP."""
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not in stubs
            if status == HTTPStatus.SWITCHING_PROTOCOLS or not 100 <= status < 200:
                return version, status, reason
            _headers(self.fp)

    def head(self) -> None:
        """Read the head, as http.client does but for its parser, which is one of mail: it takes a
        quarter of the time that a small page needs on the wire.
        """
        version, status, reason = self._read_status()
        self.code = self.status = status
        self.reason = reason.strip()
        if not version.startswith("HTTP/1."):
            raise http.client.UnknownProtocol(version)
        self.version = 10 if version == "HTTP/1.0" else 11
        self.pairs = _headers(self.fp)
        found: dict[str, list[str]] = {}
        for name, value in self.pairs:
            found.setdefault(name.lower(), []).append(value)
        # How long the body is, `body_chunks` finds out; here it counts whether it has an end.
        ends = "transfer-encoding" in found or "content-length" in found
        self.will_close = self._closes(found) or not (ends or status in _BODILESS)
        # urllib3 would say so too, but leave the socket open until the next garbage collection.
        if len(set(_tokens(found.get("content-length", [])))) > 1:
            raise PageRejected("the Content-Length headers contradict each other")

    def _closes(self, found: Mapping[str, list[str]]) -> bool:
        """Whether the connection ends with this answer (RFC 9112 section 9.3)."""
        options = _tokens(found.get("connection", []))
        if self.version == 11:
            return "close" in options
        kept = "keep-alive" in options or "keep-alive" in found
        return not (kept or "keep-alive" in _tokens(found.get("proxy-connection", [])))

    def begin(self) -> None:
        """Read the head, for urllib3."""
        self.head()
        self.headers = self.msg = http.client.HTTPMessage()
        for name, value in self.pairs:
            self.msg[name] = value


def _headers(stream: io.BufferedIOBase) -> list[tuple[str, str]]:
    """The header lines up to the empty one."""
    lines: list[bytes] = []
    while (line := stream.readline(_HEADER_BYTES + 1)).strip(b"\r\n"):
        if len(line) > _HEADER_BYTES:
            raise http.client.LineTooLong("header line")
        if len(lines) == _HEADER_LINES:
            raise http.client.HTTPException(f"more than {_HEADER_LINES} header lines")
        lines.append(line)
    return headers.fields(lines)


class Raw(Protocol):
    """What is used of urllib3's response, or of another."""

    status: int

    @property
    def closed(self) -> bool:
        """Whether nothing can be read of it any more."""

    @property
    def headers(self) -> Any:
        """The headers; `getlist(name)` gives the values of one."""

    def release_conn(self) -> None:
        """Give the connection back: the body has been read to its end."""

    def close(self) -> None:
        """Close the connection: something of the body may be unread."""


class StrictHTTPConnection(HTTPConnection):
    """urllib3's connection with strict responses."""

    response_class = StrictResponse


class StrictHTTPSConnection(HTTPSConnection):
    """urllib3's TLS connection with strict responses."""

    response_class = StrictResponse


class StrictHTTPPool(urllib3.HTTPConnectionPool):
    """A pool of strict connections."""

    ConnectionCls = StrictHTTPConnection


class StrictHTTPSPool(urllib3.HTTPSConnectionPool):
    """A pool of strict TLS connections."""

    ConnectionCls = StrictHTTPSConnection


def body_chunks(response: Raw, limit: int = sys.maxsize) -> Iterator[bytes]:
    """The body as it came, without its framing; then the connection may be used again.

    `limit` is of what the framing may announce: 15 hex digits of a chunk size are 1 EB, and a
    body that will be refused is not worth receiving. Raises `PageRejected` when the framing is
    incomplete or contradicts itself, `PageRefused` above the limit and when the framing is of a
    kind we do not take. Closing the generator early closes the connection, and so do bytes
    behind the body's end.
    """
    original = getattr(response, "_original_response", None)
    stream = getattr(original, "fp", None)
    if original is None or not isinstance(stream, _StrictLines):
        raise PageRejected("the body has been read before")
    clean = False
    try:
        if response.status not in _BODILESS:
            yield from _unframed(response, stream, limit)
        clean = not stream.leftover()
    except OSError as error:
        raise PageRejected(
            f"the connection was cut inside the body: {error.strerror or error}"
        ) from error
    finally:
        if clean:
            original.close()
            response.release_conn()
        else:
            response.close()


def _unframed(response: Raw, stream: _StrictLines, limit: int) -> Iterator[bytes]:
    encodings = _tokens(response.headers.getlist("Transfer-Encoding"))
    if encodings:
        if encodings != ["chunked"]:
            raise PageRefused(f"Transfer-Encoding {', '.join(encodings)!r} is not supported")
        return _chunked(stream, limit)
    lengths = _tokens(response.headers.getlist("Content-Length"))
    if not lengths:
        return _until_closed(stream)
    length = lengths[0]  # there may be more, all the same
    if not (length.isascii() and length.isdecimal() and len(length) < 20):
        raise PageRejected(f"Content-Length {length!r} is not a number")
    return _exactly(stream, _allowed(int(length), limit, limit))


def _allowed(announced: int, left: int, limit: int) -> int:
    if announced > left:
        raise PageRefused(
            f"the body is larger than {limit:,} bytes on the wire (client.limits.wire_bytes): the "
            f"server announces {announced:,} bytes"
        )
    return announced


def _tokens(values: Iterable[str]) -> list[str]:
    return [token.strip().lower() for value in values for token in value.split(",")]


def _exactly(stream: io.BufferedReader, length: int) -> Iterator[bytes]:
    while length:
        chunk = stream.read1(min(length, CHUNK_BYTES))
        if not chunk:
            raise PageRejected(f"the connection was cut {length:,} bytes before the body's end")
        length -= len(chunk)
        yield chunk


def _until_closed(stream: _StrictLines) -> Iterator[bytes]:
    # No length was promised, so only the JSON (and gzip's own end) can tell a cut from an end.
    while chunk := stream.read1(CHUNK_BYTES):
        yield chunk


def _chunked(stream: _StrictLines, limit: int) -> Iterator[bytes]:
    left = limit
    while True:
        line = stream.readline(_LINE_BYTES)
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise PageRefused(f"{line[:20]!r} is not a chunk size (RFC 9112 section 7.1)")
        announced = _allowed(int(size[1], 16), left, limit)
        if not announced:
            break
        left -= announced
        yield from _exactly(stream, announced)
        if stream.readline(3) not in _LINE_ENDS:
            raise PageRejected("a chunk of the body is longer than its size says")
    for _ in range(_TRAILER_LINES):
        if stream.readline(_LINE_BYTES) in _LINE_ENDS:
            return
    raise PageRejected(f"more than {_TRAILER_LINES} trailer lines follow the body")
