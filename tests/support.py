"""What the tests of the disk side share: configurations, a server of scripted pages, harvests in
processes of their own, and what two folders must have in common.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import pytest

from harvester import load_config
from harvester.config import Config
from harvester.store.entries import Entry

#: Four partitions of the emulator's full-archive search.
SEARCH = """
version: 1
name: search
client:
  base_url: http://127.0.0.1:1/
  auth: {type: bearer, token: demo}
  retry: {attempts: 10, max_wait: 0.01}
resources:
  - name: tweets
    path: tweets/search/all
    params:
      query: "{query}"
      start_time: "{window.start:%Y-%m-%dT%H:%M:%SZ}"
      end_time: "{window.end:%Y-%m-%dT%H:%M:%SZ}"
      max_results: 50
    partitions:
      query: ["from:nasa", "from:esa"]
      window: {start: 2021-01-01, end: 2022-01-01, step: 6mo}
    data_selector: data
    allow_missing: true
    paginator: {type: cursor, cursor_path: meta.next_token, cursor_param: next_token}
concurrency: {partitions: 4}
"""

#: One partition of numbered pages.
NUMBERED = """
version: 1
name: items
client:
  base_url: http://127.0.0.1:1/
  retry: {attempts: 2, max_wait: 0.01}
resources:
  - name: items
    path: items
    data_selector: items
    paginator: {type: page_number}
"""

#: One or more partitions of a `Scripted` server.
ITEMS = """
version: 1
name: items
client:
  base_url: http://127.0.0.1:1/
  retry: {attempts: 3, max_wait: 0.01}
resources:
  - name: items
    path: items
    params: {shard: "{shard}"}
    partitions: {shard: [a]}
    data_selector: data
    paginator: {type: cursor, cursor_path: next, cursor_param: cursor}
"""


def write_config(folder: Path, text: str) -> Path:
    """The YAML in a file."""
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def config(folder: Path, text: str, base_url: str, *changes: str) -> Config:
    """The YAML as a configuration; `changes` are as for `--set`."""
    return load_config(write_config(folder, text), base_url=base_url, set=changes, env={})


# --- A server of scripted pages ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; a `body` that is not bytes becomes JSON. With `hold` set, the second half of the
    body waits for it.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None


Respond = Callable[[str, Mapping[str, str]], Reply]


class Scripted(ThreadingHTTPServer):
    """Answers each request by `respond(path, parameters)`, for the length of a `with` block.

    `asked` lists the parameters of each request, in order; errors inside fail the test.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.asked: list[dict[str, str]] = []
        self.errors: list[BaseException] = []
        super().__init__(("127.0.0.1", 0), _Answering)
        self._listener = threading.Thread(target=self.serve_forever, args=(0.02,))

    def server_bind(self) -> None:
        """Bind without the parent's look-up of the host's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/"

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()
        self._listener.join()
        self.server_close()
        if self.errors and error is None:
            raise RuntimeError("the scripted server failed") from self.errors[0]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what went wrong; a client that went away is nothing wrong."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            self.errors.append(error)


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Scripted

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Say nothing."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = urlsplit(self.path)
        parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.server.asked.append(parameters)
        reply = self.server.respond(parts.path, parameters)
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        own_date = "Date" in reply.headers  # the parent's would stand beside it
        (self.send_response_only if own_date else self.send_response)(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        half = len(body) // 2 if reply.hold else 0
        self.wfile.write(body[:half])
        if reply.hold:
            reply.hold.wait(10)
        self.wfile.write(body[half:])

    do_POST = do_GET  # noqa: N815 - the parent's name


def chain(pages: int, per_page: int = 3) -> Respond:
    """A chain of `pages` pages for every shard, with cursors `2`, `3`, … as text."""

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        number = int(parameters.get("cursor", "1"))
        shard = parameters.get("shard", "")
        data = [{"id": f"{shard}-{number}-{item}"} for item in range(per_page)]
        following = str(number + 1) if number < pages else None
        return Reply({"data": data, "next": following})

    return respond


# --- Harvests in processes -----------------------------------------------------------------------

_ONCE = Path(__file__).with_name("harvest_once.py")
#: Of those processes: the package beside these tests, installed or not.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


def command(path: Path, base_url: str, out: Path, *changes: str) -> list[str]:
    """The command line of a harvest in a process of its own; see harvest_once.py.

    -P: the folder of that script has packages, such as `http`, that are called as Python's own.
    """
    return [sys.executable, "-P", str(_ONCE), str(path), base_url, str(out), *changes]


def run(arguments: Sequence[str], timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its output as text."""
    return subprocess.run(
        arguments, env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout, check=False
    )


def strace(*options: str) -> list[str]:
    """A command line in front of another: strace, which kills or fails system calls on demand."""
    if shutil.which("strace") is None:
        # A newcomer's machine may do without; CI, which installs it, may not.
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse("strace is missing; install it (apt-get install strace), as .ci/run does")
    return ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", *options]


# --- What is on disk -----------------------------------------------------------------------------

#: What two harvests of the same pages may differ in.
_FREE = ("fetched_at", "elapsed_s", "attempts", "response", "crc32", "created_at", "safe")


def kept(out: Path) -> dict[str, Any]:
    """All that a harvest keeps, comparable: of each partition its files' names, its journal
    without times, tries and what was safe when, and the decoded pages.
    """
    return {
        str(path.parent.relative_to(out)): {
            "files": sorted(file.name for file in path.parent.iterdir()),
            "journal": [
                {
                    # Behind the colon stands a salt, which each folder has for itself.
                    key: value.partition(":")[0] if key == "fingerprint" else value
                    for key, value in json.loads(line).items()
                    if key not in _FREE
                }
                for line in path.read_bytes().splitlines()
                if not line.startswith(b'{"safe":')  # says only how far all was safe at an end
            ],
            "pages": [
                gzip.decompress(part.read_bytes()) for part in sorted(path.parent.glob("part-*.gz"))
            ],
        }
        for path in sorted(out.rglob("journal.jsonl"))
    }


def stamps(out: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, time of last change and size of every file under `out`."""
    return {
        str(path.relative_to(out)): (found.st_ino, found.st_mtime_ns, found.st_size)
        for path in sorted(out.rglob("*"))
        if path.is_file() and (found := path.stat())
    }


def entry(seq: int, **changes: Any) -> Entry:
    """The journal entry of page `seq` in a chain of cursors `2`, `3`, …; no part unless given."""
    values: dict[str, Any] = {
        "seq": seq,
        "part": None,
        "request": {"method": "GET", "url": "http://api.example/items"},
        "cursor": None if seq == 1 else str(seq),
        "next": str(seq + 1),
        "done": False,
        "reason": None,
        "status": 200,
        "records": 3,
        "bytes": 100,
        "stored_bytes": 0,
        "sha256": None,
        "fetched_at": "2021-01-01T00:00:00.000Z",
        "elapsed_s": 0.1,
        "attempts": 1,
    }
    return Entry(**{**values, **changes})
