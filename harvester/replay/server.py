"""Serves a replay over HTTP, on loopback only.

It answers whoever asks on this machine, with what the API had said: status, the headers that the
journal kept, and the stored bytes. No credentials are asked for, and none of those sent is kept.
"""

import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final, Self
from urllib.parse import urlsplit

from harvester.config import Resource, XmlFormat
from harvester.errors import ConfigError
from harvester.model import TemplateError
from harvester.page import content_type_of, format_of
from harvester.paging import paginator_of
from harvester.replay import answers
from harvester.replay.index import Index, StoredPage
from harvester.replay.links import is_absolute, led_back, moved, next_link
from harvester.store import Place, part_suffix

_HOST: Final = "127.0.0.1"
_HOSTS: Final = ("127.0.0.1", "localhost")
_MOST_BODY_BYTES: Final = 16 * 1024 * 1024
_IDLE_S: Final = 120.0
_JSON: Final = {"Content-Type": "application/json"}
_LIMITS: Final = ("x-rate", "ratelimit")
_NO_BODY: Final = (204, 205, 304)

OnUnknown = Callable[[str, str], None]


class Replay:
    """A harvest, served from when the `with` block is entered until it is left.

    `port` 0 takes a free one. `unlimited` leaves out what the API said of its rate limit, which
    clients would wait for again. `on_unknown(method, target)` is called for requests that the
    harvest never made, `on_fault` for an answer that broke off. Raises `DataRefused`, and
    `ConfigError` where the port is taken.
    """

    def __init__(
        self,
        out: Place,
        *,
        port: int = 0,
        unlimited: bool = False,
        on_unknown: OnUnknown = lambda method, target: None,
        on_fault: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.index = Index(out)
        self.unlimited = unlimited
        self.on_unknown = on_unknown
        self.on_fault = on_fault
        try:
            self._server = _Server(port, self)
        except OSError as error:
            self.index.close()
            raise ConfigError(f"port {port}: {error.strerror or error}") from error
        self.origin = f"http://{_HOST}:{self._server.server_port}"
        config = self.index.asked.config
        try:
            path = urlsplit(config.base_url).path
        except TemplateError:  # a variable of the environment, which a reader has not
            path = "/"
        self.base_url = self.origin + path
        #: Resources whose requests no base URL leads here, with their paths.
        self.elsewhere = {
            name: resource.path
            for name, resource in self.index.resources.items()
            if is_absolute(resource.path)
        }
        self.tokens = answers.tokens(config, self.base_url)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.index.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, replay: Replay) -> None:
        self.replay = replay
        super().__init__((_HOST, port), _Answering)

    def server_bind(self) -> None:
        """Bind without the parent's look-up of the host's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = _HOST, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of a damaged part, or of a fault here; a client that went away is neither."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            self.replay.on_fault(f"{type(error).__name__}: {error}")


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_S
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the parent's name
        """Say nothing: `on_unknown` tells what is worth telling."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        replay = self.server.replay
        if not self._is_meant():
            # A page in a browser that calls this machine by a name of its own.
            self._send_value(403, {"error": "this server answers to its own name only"})
            return
        body = self._body()
        if body is None:
            return
        method = "GET" if self.command == "HEAD" else self.command
        headers = {name.lower(): value for name, value in self.headers.items()}
        # An absolute form of the target is what a client sends to a proxy.
        target = urlsplit(self.path)._replace(scheme="", netloc="", fragment="").geturl()
        found = replay.index.find(method, target, body, headers)
        if found is not None and not replay.index.has(found):
            what = f"{found.folder}/{found.part}: this part is gone; see `harvester verify`"
            self._send_value(500, {"error": what})
        elif found is not None:
            self._send_stored(found)
        elif (said := replay.index.said(method, target, body)) is not None:
            self._send_value(200, said[0], said[1])
        elif method == "POST" and (token := replay.tokens.get(urlsplit(target).path)):
            self._send_value(200, token)
        else:
            self._send_unknown(method, target)

    def _is_meant(self) -> bool:
        try:
            return urlsplit(f"//{self.headers.get('Host', _HOST)}").hostname in _HOSTS
        except ValueError:
            return False

    def _body(self) -> bytes | None:
        """The body of the request; None, answered, where it cannot be read."""
        if self.headers.get("Transfer-Encoding"):
            self._refuse(411, "send the body with a Content-Length")
            return None
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > _MOST_BODY_BYTES:
            self._refuse(413, f"a Content-Length up to {_MOST_BODY_BYTES:,} is read")
            return None
        return self.rfile.read(int(length))

    def _refuse(self, status: int, why: str) -> None:
        self.close_connection = True
        self._send_value(status, {"error": why})

    def _send_unknown(self, method: str, target: str) -> None:
        self.server.replay.on_unknown(method, target)
        near = self.server.replay.index.near(method, target)
        self._send_value(
            404,
            {
                "error": "the harvest never asked this, so there is no answer to play back",
                "asked": {"method": method, "url": target},
                "near": near,
            },
        )

    def _send_stored(self, page: StoredPage) -> None:
        replay = self.server.replay
        resource = replay.index.resources[page.resource]
        headers = {
            name: value
            for name, value in page.response.items()
            if not (replay.unlimited and name.startswith(_LIMITS))
        }
        pages = format_of(resource)
        suffix = "" if page.part is None else part_suffix(page.part.rpartition("/")[2])
        kind = {}
        if "Content-Type" not in headers:  # which a file has of its own
            kind["Content-Type"] = content_type_of(suffix) or pages.content_type
        link = next_link(resource, page.following)
        headers |= _paging_headers(resource, page.following, link, replay.origin)
        headers |= _total_header(resource, page.total)
        if page.part is None:
            self._send_made_up(page, resource, headers, kind)
        elif link is not None and is_absolute(link) and not _in_header(resource):
            self._send_chunks(
                page, {**headers, **kind}, led_back(replay.index.decoded(page), link, replay.origin)
            )
        elif pages.is_gzipped and _takes_gzip(self.headers.get("Accept-Encoding", "")):
            length = page.stored_bytes
            self._head(page.status, {**headers, **kind, "Content-Encoding": "gzip"}, length)
            if self.command != "HEAD":
                for chunk in replay.index.stored(page):
                    self.wfile.write(chunk[:length])
                    length -= len(chunk[:length])
        else:
            self._head(page.status, {**headers, **kind}, page.bytes)
            if self.command != "HEAD":
                for chunk in replay.index.decoded(page):
                    self.wfile.write(chunk)

    def _send_made_up(
        self,
        page: StoredPage,
        resource: Resource,
        headers: Mapping[str, str],
        kind: Mapping[str, str],
    ) -> None:
        """What was answered where no part was kept: a status that a rule ignored, or a partition
        that was split.
        """
        if page.total is None:
            body, further = answers.ignored(resource, page.status)
        else:
            body = answers.split(resource, page.total)
            origin = self.server.replay.origin
            further = _paging_headers(resource, answers.FURTHER, answers.FURTHER, origin)
        if isinstance(resource.format, XmlFormat):
            self._send_body(page.status, answers.as_xml(body), {**headers, **further, **kind})
        else:
            self._send_value(page.status, body, {**headers, **further})

    def _send_chunks(
        self, page: StoredPage, headers: Mapping[str, str], chunks: Iterable[bytes]
    ) -> None:
        """A body whose length shows only at its end."""
        framed = self.request_version != "HTTP/1.0"
        self._head(page.status, headers, None, framed=framed)
        if self.command == "HEAD":
            return
        for chunk in filter(None, chunks):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if framed else chunk)
        if framed:
            self.wfile.write(b"0\r\n\r\n")

    def _send_value(
        self, status: int, value: Any, headers: Mapping[str, str] | None = None
    ) -> None:
        self._send_body(status, answers.as_json(value), {**(headers or {}), **_JSON})

    def _send_body(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        body = b"" if status in _NO_BODY else body
        self._head(status, headers, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(
        self, status: int, headers: Mapping[str, str], length: int | None, *, framed: bool = True
    ) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is None and framed:
            self.send_header("Transfer-Encoding", "chunked")
        elif length is None:
            self.close_connection = True
        elif status not in _NO_BODY:
            self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()


def _in_header(resource: Resource) -> bool:
    return paginator_of(resource.paginator).leading_header != ""


def _paging_headers(
    resource: Resource, following: Any, link: str | None, origin: str
) -> dict[str, str]:
    """The headers that lead to the next page: the journal has where they led, not themselves."""
    if following is None:
        return {}
    led = moved(link, origin) if link is not None else None
    headers = paginator_of(resource.paginator).headers_for_replay(following, led)
    return {
        name: value if isinstance(value, str) else answers.as_json(value).decode()
        for name, value in headers.items()
    }


def _total_header(resource: Resource, total: int | None) -> dict[str, str]:
    """The header that has the total, which the journal has among the page's fields."""
    name = resource.paginator.total_header
    if total is None or name is None:
        return {}
    whole = f"items */{total}" if name.lower() == "content-range" else str(total)
    return {name: whole}


def _takes_gzip(accepted: str) -> bool:
    for item in accepted.lower().split(","):
        coding, _, weight = item.partition(";")
        if coding.strip() in ("gzip", "x-gzip"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
