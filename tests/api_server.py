"""A loopback HTTP server that answers with a function: what the emulations of APIs run on."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request as the server saw it. `query` keeps repeated names in order."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]  # lower-case names
    body: bytes
    origin: str  # of the server, such as http://127.0.0.1:4321
    target: str = ""  # path and query as they were sent

    @property
    def params(self) -> dict[str, str]:
        """The query parameters; a repeated one is a fault of the harvest."""
        found = dict(self.query)
        assert len(found) == len(self.query), f"a parameter is repeated: {self.query}"
        return found

    @property
    def json(self) -> Any:
        """The JSON body."""
        assert self.headers.get("content-type") == "application/json"
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        """The form body."""
        assert self.headers.get("content-type") == "application/x-www-form-urlencoded"
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True)
class Answer:
    """What to answer: `json` as the body, or `text` or `data` where it is none."""

    json: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    data: bytes | None = None


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A harvest that was interrupted closes its connection: nothing to print."""


class ApiServer:
    """Answers every request with `answer(asked)` until left; `asked` holds all requests seen.

    An exception in `answer`, such as a failed assertion about the request, is answered with
    status 400 and raised again when the server is left.
    """

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        self.asked: list[Asked] = []
        self._answer = answer
        self._faults: list[BaseException] = []
        self._lock = threading.Lock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes

            def do_GET(self) -> None:
                api._serve(self)

            def do_POST(self) -> None:
                api._serve(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
                pass

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self._faults:
            raise self._faults[0]

    def _serve(self, connection: BaseHTTPRequestHandler) -> None:
        url = urlsplit(connection.path)
        length = int(connection.headers.get("Content-Length", 0))
        body = connection.rfile.read(length)
        if len(body) < length:  # whoever asked was killed before all of it had left
            return
        asked = Asked(
            connection.command,
            url.path,
            tuple(parse_qsl(url.query, keep_blank_values=True)),
            {name.lower(): value for name, value in connection.headers.items()},
            body,
            self.origin,
            connection.path,
        )
        with self._lock:
            self.asked.append(asked)
            try:
                answer = self._answer(asked)
            except Exception as error:
                self._faults.append(error)
                answer = Answer({"fault": str(error)}, status=400)
        text = json.dumps(answer.json) if answer.text is None else answer.text
        content = text.encode() if answer.data is None else answer.data
        content = b"" if answer.status in (204, 304) else content
        connection.send_response(answer.status)
        if "content-type" not in {name.lower() for name in answer.headers}:
            connection.send_header("Content-Type", "application/json")
        for name, value in answer.headers.items():
            connection.send_header(name, value)
        connection.send_header("Content-Length", str(len(content)))
        connection.end_headers()
        connection.wfile.write(content)
