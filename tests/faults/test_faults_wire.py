"""The matrix of faults, rows 76 to 83: what servers send is read as it is, and budgets hold."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harvester import harvest, iter_records, load_config
from harvester.errors import ConfigError, PageRefused
from harvester.http import reachability as reach
from harvester.results.summary import Summary
from tests.fault_server import (
    CLOSE,
    FaultServer,
    Pause,
    Request,
    Steps,
    compressed,
    page,
    self_signed,
    tls,
)
from tests.support import ENVIRONMENT, command, write_config

CONFIG = """
version: 1
name: wire
client:
  base_url: http://127.0.0.1:1/
  timeout: {connect: 2s, read: 2s, page: 10s}
  retry: {attempts: 2, max_wait: 0}
resources:
  - name: items
    path: items
    paginator: {type: header_link}
"""
HEADER_CURSOR = CONFIG.replace(
    "{type: header_link}",
    "{type: header_cursor, cursor_header_name: X-Next, cursor_param: c}",
)


def run(tmp_path: Path, server: FaultServer, *changes: str, text: str = CONFIG) -> Summary:
    """Harvest into tmp_path/out."""
    tmp_path.mkdir(exist_ok=True)
    loaded = load_config(write_config(tmp_path, text), base_url=server.url, set=changes, env={})
    return harvest(loaded, out=tmp_path / "out")


def ids(tmp_path: Path) -> list[int]:
    """The ids of the records that were kept."""
    return [json.loads(record)["id"] for record in iter_records(tmp_path / "out")]


def records(*numbers: int) -> bytes:
    """A page of such ids."""
    return json.dumps([{"id": number} for number in numbers]).encode()


def raw(body: bytes, *lines: bytes, status: bytes = b"200 OK") -> tuple[bytes]:
    """An answer whose header lines are any bytes."""
    lines = (b"Content-Length: %d" % len(body), b"Server: any", *lines, b"", b"")
    return (b"\r\n".join((b"HTTP/1.1 " + status, *lines)) + body,)


def two_pages(*lines: bytes) -> Callable[[Request], Steps]:
    """Two pages, the first with these lines before its Link."""

    def answer(request: Request) -> Steps:
        if "page=2" in request.target:
            return raw(records(2))
        return raw(records(1), *lines, b'Link: </items?page=2>; rel="next"')

    return answer


# --- Row 76: malformed header lines --------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [b"Content-Security-Policy", b"X-Cache : HIT", b": nothing", b"X-Any: a\r\n  folded",
     b"\xff\xfe", b"X-Nul: \0", b"X-Bare: a\rb", b"Set-Cookie: a=1\r\r\n\tb", b" X-First: 1",
     b"a b c: d"],
    ids=range(10),
)  # fmt: skip
def test_row_76_malformed_header_line(tmp_path: Path, line: bytes) -> None:
    """It costs itself only: the Link behind it leads on."""
    with FaultServer(two_pages(line)) as server:
        assert run(tmp_path, server).exit_code == 0
    assert ids(tmp_path) == [1, 2]


@pytest.mark.parametrize(
    "line", [b"Content-Length : 9", b"Transfer-Encoding chunked", b"A: b\rContent-Length: 9"]
)
def test_row_76_malformed_framing(tmp_path: Path, line: bytes) -> None:
    """What says how long the body is must be well formed."""
    with FaultServer(two_pages(line)) as server:
        summary = run(tmp_path, server)
    assert summary.exit_code == 3
    assert "how long the body is" in summary.failures[0].error


# --- Row 77: bytes beyond ASCII, and headers that come twice --------------------------------------


@pytest.mark.parametrize(
    ("query", "asked"),
    [("q=é".encode(), "q=%C3%A9"), (b"q=\xe9", "q=%E9")],
    ids=["utf-8", "latin-1"],
)
def test_row_77_link_beyond_ascii(tmp_path: Path, query: bytes, asked: str) -> None:
    """The next page is asked for by the bytes that the server sent."""

    def answer(request: Request) -> Steps:
        if "page=2" in request.target:
            return raw(records(2))
        return raw(records(1), b"Link: </items?" + query + b'&page=2>; rel="next"')

    with FaultServer(answer) as server:
        assert run(tmp_path, server).exit_code == 0
    assert server.targets[1] == f"/items?{asked}&page=2"


@pytest.mark.parametrize(
    ("place", "asked"),
    [("/straße?x=é".encode(), "/stra%C3%9Fe?x=%C3%A9"), (b"/stra\xdfe", "/stra%DFe"),
     ("straße".encode(), "/stra%C3%9Fe")],
    ids=["utf-8", "latin-1", "relative"],
)  # fmt: skip
def test_row_77_location_beyond_ascii(tmp_path: Path, place: bytes, asked: str) -> None:
    """A redirect leads to the one place that the server meant."""

    def answer(request: Request) -> Steps:
        if request.target == "/items":
            return raw(b"", b"Location: " + place, status=b"302 Found")
        return raw(records(1))

    with FaultServer(answer) as server:
        assert run(tmp_path, server).exit_code == 0
    assert server.targets == ["/items", asked]


def test_row_77_location_twice(tmp_path: Path) -> None:
    """Two that agree are one; two that differ lead nowhere."""

    def answer(request: Request) -> Steps:
        if request.target == "/items":
            return raw(b"", b"Location: /a", b"Location: /a", status=b"302 Found")
        return raw(b"", b"Location: /b", b"Location: /c", status=b"302 Found")

    with FaultServer(answer) as server:
        summary = run(tmp_path, server)
    assert summary.exit_code == 3
    assert "two Location headers" in summary.failures[0].error
    assert server.targets == ["/items", "/a"]


@pytest.mark.parametrize(
    ("lines", "kept"),
    [((b"X-Next: b", b"x-next: b"), [1, 2]), ((b"X-Next: b", b"X-Next: c"), []),
     ((b"X-Next: b", b"X-Next:"), [])],
    ids=["alike", "different", "one is empty"],
)  # fmt: skip
def test_row_77_cursor_header_twice(
    tmp_path: Path, lines: tuple[bytes, ...], kept: list[int]
) -> None:
    """A cursor that came twice counts only if both agree; no other is ever sent."""

    def answer(request: Request) -> Steps:
        return raw(records(2)) if "c=" in request.target else raw(records(1), *lines)

    with FaultServer(answer) as server:
        summary = run(tmp_path, server, text=HEADER_CURSOR)
    assert ids(tmp_path) == kept
    assert summary.exit_code == (0 if kept else 3)
    assert server.targets in (["/items"], ["/items", "/items?c=b"])


def test_row_77_links_in_two_headers(tmp_path: Path) -> None:
    """Several Link headers are one list (RFC 8288 section 3)."""
    with FaultServer(two_pages(b'Link: </items>; rel="first"')) as server:
        assert run(tmp_path, server).exit_code == 0
    assert ids(tmp_path) == [1, 2]


def test_row_77_cursor_beyond_ascii(tmp_path: Path) -> None:
    """A token in a header is the text that its bytes say."""

    def answer(request: Request) -> Steps:
        if "c=" in request.target:
            return raw(records(2))
        return raw(records(1), "X-Next: café".encode())

    with FaultServer(answer) as server:
        assert run(tmp_path, server, text=HEADER_CURSOR).exit_code == 0
    assert server.targets[1] == "/items?c=caf%C3%A9"


# --- Row 78: a Content-Encoding that names no coding ----------------------------------------------


@pytest.mark.parametrize(
    "coding",
    ["UTF-8", "none", "identity", "binary", "8bit", "ISO-8859-1", "windows-1252",
     "application/json", "identity, utf-8", "charset=utf-8", ""],
)  # fmt: skip
@pytest.mark.parametrize("zipped", [False, True])
def test_row_78_no_coding(tmp_path: Path, coding: str, zipped: bool) -> None:
    """The body is taken as it is, compressed or not."""
    body = compressed(records(1, 2)) if zipped else records(1, 2)
    with FaultServer(lambda request: page(body, f"Content-Encoding: {coding}")) as server:
        assert run(tmp_path, server).exit_code == 0
    assert ids(tmp_path) == [1, 2]


@pytest.mark.parametrize("coding", ["deflate", "compress", "utf-8, br", "hex", "sdch"])
def test_row_78_other_codings(tmp_path: Path, coding: str) -> None:
    """One that there is, or that nobody knows, is unsupported as ever."""
    with FaultServer(lambda request: page(records(1), f"Content-Encoding: {coding}")) as server:
        summary = run(tmp_path, server)
    assert summary.exit_code == 3
    assert "unsupported" in summary.failures[0].error
    assert len(server.requests) == 1


# --- Row 79: what is encoded stays what it is ----------------------------------------------------


@pytest.mark.parametrize(
    ("option", "asked"), [("decode", "/items?t=k%3A5%2B"), ("keep", "/items?t=k%253A5%252B")]
)
def test_row_79_token_cut_out_of_a_url(tmp_path: Path, option: str, asked: str) -> None:
    """It is decoded before it is encoded again, unless the server wants it otherwise."""
    paginator = (
        "{type: cursor, cursor_path: next, cursor_pattern: 't=([^&]+)', cursor_param: t, "
        f"cursor_encoded: {option}}}"
    )
    text = CONFIG.replace("{type: header_link}", f"{paginator}\n    data_selector: items")
    first = {"items": [{"id": 1}], "next": "https://inner.example/items?t=k%3A5%2B&n=1"}
    last = {"items": [{"id": 2}]}
    with FaultServer(
        lambda request: page(json.dumps(last if "t=" in request.target else first).encode())
    ) as server:
        assert run(tmp_path, server, text=text).exit_code == 0
    assert server.targets == ["/items", asked]


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        ("a%2Fb", "/p/a%2Fb/items"),
        ("a/b 100%", "/p/a/b%20100%25/items"),
        ("é?#", "/p/%C3%A9%3F%23/items"),
    ],
)
def test_row_79_value_encoded_already(tmp_path: Path, value: str, asked: str) -> None:
    """`{k|raw}` keeps what is encoded, and encodes what could not be sent."""
    text = CONFIG.replace(
        "path: items", f"path: 'p/{{k|raw}}/items'\n    partitions: {{k: ['{value}']}}"
    )
    with FaultServer(lambda request: page(records(1))) as server:
        assert run(tmp_path, server, text=text).exit_code == 0
    assert server.targets == [asked]


def test_row_79_raw_leads_nowhere_else(tmp_path: Path) -> None:
    """An encoded `..` is one all the same, and only a path takes `|raw`."""
    text = CONFIG.replace("path: items", "path: 'p/{k|raw}/i'\n    partitions: {k: ['%2e%2E']}")
    with FaultServer(lambda request: page(records(1))) as server:
        summary = run(tmp_path, server, text=text)
        assert summary.exit_code == 3
        assert server.requests == []
        text = CONFIG.replace("path: items", "path: i\n    params: {a: '{k|raw}'}\n    "
                              "partitions: {k: [b]}")  # fmt: skip
        with pytest.raises(ConfigError, match=r"only a path takes \|raw"):
            run(tmp_path, server, text=text)


# --- Row 83: redaction is linear, and kept headers are capped -------------------------------------


@pytest.mark.slow("CPU time")
@pytest.mark.parametrize("unit", [b"\\", b"%25", b"+", b"\\u002b", b'"', b"%5c"])
def test_row_83_long_headers(tmp_path: Path, unit: bytes) -> None:
    """60 KB of what a secret may be spelled with cost no more than other headers, and the journal
    keeps their beginning.
    """
    text = CONFIG.replace("client:", 'client:\n  auth: {type: bearer, token: "{env.TOKEN}"}')
    etag = b"ETag: " + unit * (60_000 // len(unit))
    lines = [etag, *(b"X-Rate-%d: 1" % number for number in range(80))]
    written = write_config(tmp_path, text)
    with FaultServer(lambda request: raw(records(1), *lines)) as server:
        loaded = load_config(written, base_url=server.url, env={"TOKEN": "+\\abc/def=ghi"})
        began = time.process_time()
        assert harvest(loaded, out=tmp_path / "out").exit_code == 0
        assert time.process_time() - began < 10  # its square took a minute
    line = (tmp_path / "out/items/journal.jsonl").read_bytes().splitlines()[1]
    kept = json.loads(line)["response"]
    assert len(kept) == 24
    assert 100 < len(kept["etag"]) <= 200
    assert len(line) < 4096


# --- Row 82: budgets hold ------------------------------------------------------------------------

BUDGET = "client.rate_limit={requests: 2, per: 1s}"
PARTITIONS = CONFIG.replace("path: items", "path: items/{k}\n    partitions: {k: {range: [1, 5]}}")
PARTITIONS += "concurrency: {partitions: 5}\n"


def spaced(times: list[float], requests: int, per: float) -> None:
    """No stretch of so much time holds more requests than that; the server's own clock says so."""
    at = sorted(times)
    for first, beyond in zip(at, at[requests:], strict=False):
        assert beyond - first > per - 0.25


class Timed:
    """Notes when each request came, but for those of a token."""

    def __init__(self, answer: Callable[[Request], Steps]) -> None:
        self.times: list[float] = []
        self._answer = answer

    def __call__(self, request: Request) -> Steps:
        """Answer it."""
        if request.target != "/token":
            self.times.append(time.monotonic())
        return self._answer(request)


def test_row_82_slow_token(tmp_path: Path) -> None:
    """Workers that wait for a token take their turn afterwards: no burst."""

    def answer(request: Request) -> Steps:
        if request.target == "/token":
            return [Pause(1.5), *page(b'{"access_token": "a-token-of-the-test", "expires_in": 99}')]
        return page(records(1))

    timed = Timed(answer)
    with FaultServer(timed) as server:
        auth = (
            "auth: {type: oauth2_client_credentials, client_id: a, client_secret: b-secret, "
            f"access_token_url: '{server.url}token'}}"
        )
        text = PARTITIONS.replace("client:", f"client:\n  {auth}")
        assert run(tmp_path, server, BUDGET, text=text).exit_code == 0
    assert len(timed.times) == 5
    spaced(timed.times, 2, 1.0)


def test_row_82_redirects_count(tmp_path: Path) -> None:
    """Each hop is a request, and the time that it waits is none of the page's."""

    def answer(request: Request) -> Steps:
        if request.target.startswith("/real"):
            return page(records(1))
        return raw(b"", b"Location: /real" + request.target.encode(), status=b"302 Found")

    timed = Timed(answer)
    with FaultServer(timed) as server:
        summary = run(
            tmp_path, server, BUDGET, "client.timeout={page: 0.7s}", "concurrency={partitions: 1}",
            text=PARTITIONS,
        )  # fmt: skip
        assert summary.exit_code == 0, summary.failures
    assert len(timed.times) == 10
    spaced(timed.times, 2, 1.0)


def test_row_82_the_free_try_counts(tmp_path: Path) -> None:
    """The server may have counted the request on the connection that it closed."""
    answered: list[str] = []

    def answer(request: Request) -> Steps:
        answered.append(request.target)
        if len(answered) == 2:
            return [CLOSE]
        return page(records(1))

    timed = Timed(answer)
    with FaultServer(timed) as server:
        summary = run(
            tmp_path, server, "client.rate_limit={requests: 1, per: 0.5s}",
            "concurrency={partitions: 1}", text=PARTITIONS,
        )  # fmt: skip
    assert summary.exit_code == 0
    assert len(timed.times) == 6
    spaced(timed.times, 1, 0.5)


@pytest.mark.parametrize("killed", [False, True])
def test_row_82_a_run_begun_again(tmp_path: Path, killed: bool) -> None:
    """It goes on with what its budget has left, also where the run before was killed."""
    processes: list[subprocess.Popen[bytes]] = []

    def answer(request: Request) -> Steps:
        if len(timed.times) == 2 and killed:
            processes[0].kill()
        return page(records(1))

    timed = Timed(answer)
    path = write_config(tmp_path, PARTITIONS)
    budget = "client.rate_limit={requests: 2, per: 3s}"
    few = "resources.items.partitions.k={range: [1, 2]}"
    with FaultServer(timed) as server:
        changes = [budget, "concurrency={partitions: 1}", *([] if killed else [few])]
        first = command(path, server.url, tmp_path / "out", *changes)
        processes.append(subprocess.Popen(first, env=ENVIRONMENT, stdout=subprocess.DEVNULL))
        assert processes[0].wait(60) == (-signal.SIGKILL if killed else 0)
        assert len(timed.times) == 2
        # Not in a process of its own, which on a busy machine begins when the budget is whole.
        loaded = load_config(path, base_url=server.url, set=[budget], env={})
        assert harvest(loaded, out=tmp_path / "out").exit_code == 0
    assert len(timed.times) in (5, 6)
    spaced(timed.times, 2, 3.0)


# --- Row 81: certificates, and servers that nobody reaches ----------------------------------------


def test_row_81_certificate_not_trusted(tmp_path: Path) -> None:
    """One connection, and the key that would mend it."""
    with FaultServer(lambda request: page(records(1)), tls(self_signed(tmp_path))) as server:
        summary = run(tmp_path, server, "client.retry={attempts: 6, max_wait: 0}")
    assert summary.exit_code == 3
    assert re.search(r"not trusted: .*self.signed.*ca_bundle: FILE", summary.failures[0].error)
    assert (server.connections, server.requests) == (1, [])


def test_row_81_certificate_of_another_host(tmp_path: Path) -> None:
    """It is trusted, and is for 127.0.0.1 only."""
    made = self_signed(tmp_path)
    with FaultServer(lambda request: page(records(1)), tls(made)) as server:
        text = CONFIG.replace("client:", f"client:\n  ca_bundle: {made[0]}")
        path = write_config(tmp_path, text)
        loaded = load_config(path, base_url=f"https://localhost:{server.port}/", env={})
        summary = harvest(loaded, out=tmp_path / "out")
        assert run(tmp_path / "out", server, text=text).exit_code == 0
    assert "belongs to another host" in summary.failures[0].error


def test_row_81_plain_where_tls_was_asked_for(tmp_path: Path) -> None:
    """Said at once, with what the URL must begin with."""
    path = write_config(tmp_path, CONFIG)
    changes = ["client.retry={attempts: 6, max_wait: 0}"]
    with plain_answer() as port:
        loaded = load_config(path, base_url=f"https://127.0.0.1:{port}/", set=changes, env={})
        summary = harvest(loaded, out=tmp_path / "out")
    assert summary.exit_code == 3
    assert "begin with http://" in summary.failures[0].error
    assert summary.resources[0].requests == 1


def test_row_81_tls_where_none_was_asked_for(tmp_path: Path) -> None:
    """The other way round: an alert of TLS in the place of a status line."""
    alert = b"\x15\x03\x01\x00\x02\x02\x46"
    with FaultServer(lambda request: [alert, CLOSE]) as server:
        summary = run(tmp_path, server)
    assert summary.exit_code == 3
    assert "begin with https://" in summary.failures[0].error
    assert server.connections == 1


@contextlib.contextmanager
def plain_answer() -> Iterator[int]:
    """The port of a server that answers anything with plain HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with contextlib.suppress(OSError):
                for _ in range(10):
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(4096)
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    ("content", "told"), [(None, "No such file"), (b"no certificate", "no certificate in PEM")]
)
def test_row_81_wrong_ca_bundle(tmp_path: Path, content: bytes | None, told: str) -> None:
    """Said by its key before anything is sent, exit code 2."""
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_bytes(content)
    with FaultServer(lambda request: page(records(1))) as server:
        summary = run(tmp_path, server, f"client.ca_bundle={bundle}")
    assert summary.exit_code == 2
    assert re.search(f"client.ca_bundle: .*{told}", str(summary.ended_by))
    assert server.connections == 0


def unused_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize("proxy", [False, True])
def test_row_81_never_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: bool) -> None:
    """Tried for a while, and not once more for each of the partitions."""
    monkeypatch.setattr(reach, "PATIENCE_S", 1.2)
    gone = f"http://127.0.0.1:{unused_port()}/"
    path = write_config(tmp_path, PARTITIONS)
    changes = ["client.retry={attempts: 50, max_wait: 0.4}", "concurrency={partitions: 1}"]
    if proxy:
        changes.append(f"client.proxy={gone}")
    loaded = load_config(path, base_url=gone, set=changes, env={})
    summary = harvest(loaded, out=tmp_path / "out")
    assert summary.exit_code == 3
    first, *others = [failure.error for failure in summary.failures]
    assert ("no connection to the proxy (client.proxy)" if proxy else "no connection: ") in first
    assert len(others) == 4
    assert all("is the address right (base_url)" in error for error in others)
    assert summary.resources[0].requests < 10


def test_row_81_gone_after_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has answered once is waited for as ever."""
    monkeypatch.setattr(reach, "PATIENCE_S", 0.0)
    clock = Clock()
    reached = reach.Reach(clock)
    reached.answered("http://a")
    assert reached.missed("http://a") is None
    assert reached.missed("http://b") == 0.0
    clock.now = 1.0
    reached.refuse_lost("http://a")
    with pytest.raises(PageRefused, match="a proxy needed"):
        reached.refuse_lost("http://b")
    reached.answered("http://b")
    reached.refuse_lost("http://b")


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


# --- Row 80: how long a server asks to wait -------------------------------------------------------


def waited(
    tmp_path: Path, *lines: str, body: object = None, path: str | None = None, rule: str = ""
) -> float | None:
    """The seconds that one 429 asks to wait, by what the run says of it."""
    text = CONFIG.replace("max_wait: 0", "max_wait: 0, deadline: 1s, attempts: 5")
    text = text.replace("attempts: 2, ", "")
    if path:
        text = text.replace("max_wait: 0,", f"max_wait: 0, retry_after_path: {path},")
    text += rule
    told = json.dumps(body).encode()
    answers = [page(told, *lines, status="429 Too Many Requests"), page(records(1))]
    with FaultServer(lambda request: answers.pop(0)) as server:
        summary = run(tmp_path, server, text=text)
    if summary.exit_code == 0:
        return None
    assert "asks to wait" in summary.failures[0].error
    until = re.search(r"until (\S+)Z", summary.failures[0].error)
    assert until is not None
    moment = datetime.fromisoformat(until[1]).replace(tzinfo=UTC)
    return round((moment - datetime.now(UTC)).total_seconds(), -1)


LONG = {"error": {"retry_after": 90, "wait_ms": 90000, "text": "Please try again in 1m30s."}}


@pytest.mark.parametrize(
    "line",
    ["Retry-After: 90s", "Retry-After: 90, 90", "Retry-After: 1m30s", "Retry-After: 90 seconds",
     "Retry-After: 5\r\nRetry-After: 90", "retry-after-ms: 90000", "x-ms-retry-after-ms: 90000",
     "Retry-After: 2, 90", "Retry-After: PT90S"],
)  # fmt: skip
def test_row_80_retry_after(tmp_path: Path, line: str) -> None:
    """However it is written, and the longest of several."""
    assert waited(tmp_path, line) == 90


@pytest.mark.parametrize("line", ["Retry-After: soon", "Retry-After: , ,", "Retry-After: -5s",
                                  "retry-after-ms: x", "Retry-After: \xe9"])  # fmt: skip
def test_row_80_no_wait(tmp_path: Path, line: str) -> None:
    """What makes no sense is no wait, and raises nothing."""
    assert waited(tmp_path, line) is None


@pytest.mark.parametrize("path", ["error.retry_after", "error.wait_ms", "error.text"])
def test_row_80_wait_in_the_body(tmp_path: Path, path: str) -> None:
    """By its path; the longer of it and the headers."""
    assert waited(tmp_path, body=LONG, path=path) == 90
    assert waited(tmp_path / "b", "Retry-After: 120", body=LONG, path=path) == 120


def test_row_80_wait_by_a_rule(tmp_path: Path) -> None:
    """A rule may name the place of its own answers."""
    rule = "    response_actions: [{status: 429, action: retry, retry_after_path: error.wait_ms}]\n"
    assert waited(tmp_path, body=LONG, rule=rule) == 90


@pytest.mark.parametrize("value", [None, "soon", True, {}, [90], "", -5, 10**400, "1e999"])
def test_row_80_no_wait_in_the_body(tmp_path: Path, value: object) -> None:
    """Anything else there is no wait."""
    assert waited(tmp_path, body={"wait": value}, path="wait") is None
