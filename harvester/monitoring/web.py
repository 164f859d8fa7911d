"""Serves the page of `watch`, on loopback only: one self-contained page, and events of the state.

They are server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

Another site that is open in the same browser can read nothing: a request whose Host is not this
machine is refused, and the page's policy lets it load nothing and ask nobody but this server.
"""

import json
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from harvester.errors import HarvesterError
from harvester.monitoring.live_state import LiveState

_PAGE: Final = Path(__file__).with_name("watch.html")
_QUIET_S: Final = 15.0  # after which a comment keeps the connection
_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")


class WatchPage:
    """The server, for the length of a `with` block; `url` is where it answers."""

    def __init__(
        self, out: Path, *, port: int = 0, stalled_after_s: float, every_s: float = 1.0
    ) -> None:
        """Raises OSError for a port that is taken."""
        self._state = LiveState(out, stalled_after_s)
        self._every_s = every_s
        self._over = threading.Event()
        self._telling = threading.Condition()
        self._told = ""
        page = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                page._answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._threads = [
            threading.Thread(target=self._server.serve_forever, daemon=True),
            threading.Thread(target=self._look, daemon=True),
        ]

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        self._look_once()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        with self._telling:
            self._telling.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def _look(self) -> None:
        """Look at the harvest as long as the page is served, whoever looks at the page."""
        while not self._over.wait(self._every_s):
            self._look_once()

    def _look_once(self) -> None:
        try:
            told = json.dumps(self._state.snapshot())
        except (HarvesterError, OSError) as error:
            told = json.dumps({"error": str(error)})
        with self._telling:
            self._told = told
            self._telling.notify_all()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        host = (handler.headers.get("Host") or "").rpartition(":")[0]
        try:
            if host not in _HOSTS:
                handler.send_error(HTTPStatus.FORBIDDEN, "only from this machine")
            elif handler.path == "/":
                self._send_page(handler)
            elif handler.path == "/events":
                self._send_events(handler)
            else:
                handler.send_error(HTTPStatus.NOT_FOUND)
        except OSError:
            handler.close_connection = True  # nobody looks any more

    def _send_page(self, handler: BaseHTTPRequestHandler) -> None:
        nonce = secrets.token_urlsafe(16)
        page = _PAGE.read_text(encoding="utf-8").replace("NONCE", nonce)
        body = page.replace('"STATE"', _in_script(self._told)).encode()
        handler.send_response(HTTPStatus.OK)
        handler.send_header("Content-Type", "text/html; charset=utf-8")
        handler.send_header("Content-Length", str(len(body)))
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        for name, value in (
            ("Content-Security-Policy", policy),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
        ):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def _send_events(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(HTTPStatus.OK)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Cache-Control", "no-store")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        last = ""
        while not self._over.is_set():
            told = self._next(last)
            line = f"data: {told}\n\n" if told is not last else ": still here\n\n"
            last = told
            handler.wfile.write(line.encode())
            handler.wfile.flush()

    def _next(self, last: str) -> str:
        """What there is to tell after `last`; that again, where nothing came for a while."""
        with self._telling:
            self._telling.wait_for(lambda: self._over.is_set() or self._told is not last, _QUIET_S)
            return self._told


def _in_script(text: str) -> str:
    """JSON that may stand in a script: nothing in it ends the script, or a string."""
    for odd in "<>&\u2028\u2029":
        text = text.replace(odd, f"\\u{ord(odd):04x}")
    return text
