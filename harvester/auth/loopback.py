"""Waits on this machine for the browser that comes back from an authorization server (RFC 8252)."""

import html
import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import TCPServer
from typing import Any, Final
from urllib.parse import urlsplit

from harvester.errors import ConfigError

_SLICE_S: Final = 0.2
_PAGE: Final = "<!doctype html><meta charset=utf-8><title>harvester</title><p>{}"


class Loopback:
    """A server that takes the one request to `redirect_url`, for the length of a `with` block."""

    def __init__(self, redirect_url: str) -> None:
        """Raises `ConfigError` where the port is taken."""
        parts = urlsplit(redirect_url)
        host = parts.hostname or ""
        self._path = parts.path or "/"
        self._came: str | None = None
        self._accepts: Callable[[str], bool] = lambda url: True
        family = socket.AF_INET6 if host == "::1" else socket.AF_INET
        try:
            self._server = _Server(family, host, parts.port or 0, self)
        except OSError as error:
            raise ConfigError(
                f"redirect_url {redirect_url}: cannot be listened at: {error.strerror or error}"
            ) from error
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_port}{parts.path or '/'}"

    def __enter__(self) -> "Loopback":
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.server_close()

    def wait(self, accepts: Callable[[str], bool], deadline: float) -> str | None:
        """The whole URL that the browser was sent to; None where none came by `deadline`, on the
        monotonic clock. What `accepts` refuses is somebody else's, and is answered so.
        """
        self._accepts = accepts
        self._server.timeout = _SLICE_S
        while self._came is None and time.monotonic() < deadline:
            self._server.handle_request()
        return self._came

    def answer(self, target: str) -> tuple[int, str]:
        """What the browser is told."""
        url = f"{self.url}?{urlsplit(target).query}"
        if urlsplit(target).path != self._path or not self._accepts(url):
            return 404, "This is not the page that a login leads to."
        self._came = url
        return 200, "The login has come back to harvester. You may close this page."


class _Server(HTTPServer):
    def __init__(self, family: int, host: str, port: int, loopback: Loopback) -> None:
        self.address_family = family
        self.loopback = loopback
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind without the parent's look-up of the host's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    timeout = 5  # of somebody who connects and says nothing
    server: _Server

    def do_GET(self) -> None:
        """Answer, and keep what came."""
        status, text = self.server.loopback.answer(self.path)
        body = _PAGE.format(html.escape(text)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Nothing: the line would hold the code."""
