"""Framing and deadlines, byte for byte, against a server that sends exactly what it is told."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3
from urllib3.exceptions import HTTPError

from harvester.errors import HarvesterError, Interrupted, PageRefused, PageRejected
from harvester.http.connection import (
    CHUNK_BYTES,
    StrictHTTPPool,
    StrictHTTPSPool,
    Watch,
    body_chunks,
    watched,
)
from tests.fault_server import (
    CLOSE,
    RESET,
    FaultServer,
    Pause,
    Step,
    Steps,
    answers,
    chunked,
    drip,
    head,
    page,
    self_signed,
    tls,
)

BODY = b'{"items": [1, 2, 3]}'


def never() -> bool:
    """Say that nobody wants to stop."""
    return False


def watch(page_s: float = 5.0, read_s: float = 5.0, stopping: Callable[[], bool] = never) -> Watch:
    """Bound an exchange that begins now."""
    return Watch(time.monotonic, time.monotonic() + page_s, read_s, stopping)


def fetch(pool: urllib3.HTTPConnectionPool, bound: Watch | None = None, target: str = "/") -> bytes:
    """Ask once, and give the unframed body."""
    with watched(bound or watch()):
        response = pool.urlopen(
            "GET", target, preload_content=False, decode_content=False, retries=False
        )
        return b"".join(body_chunks(response))


@contextlib.contextmanager
def serving(*scripts: Steps) -> Iterator[tuple[FaultServer, StrictHTTPPool]]:
    """Run a server that answers with the scripts, and a pool of one connection to it."""
    with (
        FaultServer(answers(*scripts)) as server,
        contextlib.closing(StrictHTTPPool("127.0.0.1", server.port, maxsize=1)) as pool,
    ):
        yield server, pool


def failure(*scripts: Steps, bound: Watch | None = None) -> Exception:
    """Give what a fetch of the scripts raises."""
    with serving(*scripts) as (_, pool), pytest.raises((HarvesterError, HTTPError)) as caught:
        fetch(pool, bound)
    return caught.value


# --- Framing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(page(BODY), id="length"),
        pytest.param(page(BODY, "Content-Length: 20"), id="the same length twice"),
        pytest.param([head("Content-Length: 20, 20"), BODY], id="the same length in a list"),
        pytest.param(chunked([BODY[:3], BODY[3:]]), id="chunks"),
        pytest.param(chunked([bytes([byte]) for byte in BODY]), id="chunks of one byte"),
        pytest.param(
            [head("Transfer-Encoding: chunked"), b"14;x=y\r\n" + BODY + b"\r\n000\r\nX: y\r\n\r\n"],
            id="extension and trailer",
        ),
        pytest.param(
            [head("Transfer-Encoding: Chunked"), b"14 \n" + BODY + b"\n0\n\n"], id="bare newlines"
        ),
        pytest.param([b"HTTP/1.0 200 OK\r\n\r\n" + BODY, CLOSE], id="until closed"),
        pytest.param([head("Connection: close"), BODY, CLOSE], id="close said"),
        pytest.param(
            [head("Connection: close", "Content-Length: 20"), BODY, CLOSE], id="length and close"
        ),
        pytest.param([head(status="100 Continue"), *page(BODY)], id="100 before"),
        pytest.param(
            [head("Link: </style.css>", status="103 Early Hints") * 2, *page(BODY)],
            id="early hints before",
        ),
        pytest.param(
            [head("Content-Length: 3", "Transfer-Encoding: chunked"), b"14\r\n", BODY,
             b"\r\n0\r\n\r\n"],
            id="chunks and a length",
        ),
    ],
)  # fmt: skip
def test_whole_bodies(script: Steps) -> None:
    """Every way in which a body may say its end."""
    with serving([*script]) as (_, pool):
        assert fetch(pool) == BODY


def test_every_beginning_of_an_answer_is_a_cut() -> None:
    """An answer that ends early, anywhere, gives an error and never a body."""
    whole = b"".join(chunked([BODY[:7], BODY[7:]], "Content-Type: application/json"))
    long_page = page(BODY, "Content-Type: application/json")[0]
    for answer in (whole, long_page):
        scripts: list[Steps] = [[answer[:end], CLOSE] for end in range(len(answer))]
        with serving(*scripts) as (_, pool):
            for end in range(len(answer)):
                try:
                    body = fetch(pool)
                except (PageRejected, HTTPError):
                    continue
                pytest.fail(f"{answer[:end]!r} gave {body!r}")


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 20", head("Content-Length: 9"), BODY[:4]])
def test_resets_are_cuts(sent: bytes) -> None:
    """A reset is an error wherever it comes."""
    script: Steps = [head("Content-Length: 20") + sent if sent == BODY[:4] else sent, RESET]
    assert isinstance(failure(script), (PageRejected, HTTPError))


@pytest.mark.parametrize("length", ["abc", "-1", "+20", "20.0", "0x14", "", "2 0", "1e1", "٢٠"])
def test_lengths_that_are_no_numbers(length: str) -> None:
    """A Content-Length is digits and nothing else."""
    raw = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + BODY
    error = failure([raw, CLOSE])
    assert isinstance(error, PageRejected)
    assert "Content-Length" in str(error)


def test_lengths_that_contradict_each_other() -> None:
    """Two lengths are none."""
    for script in (
        [head("Content-Length: 20", "Content-Length: 19"), BODY],
        [head("Content-Length: 20, 19"), BODY],
    ):
        assert isinstance(failure(script), (PageRejected, HTTPError))


@pytest.mark.parametrize("encoding", ["gzip, chunked", "gzip", "identity", "chunked, chunked", "x"])
def test_other_transfer_encodings_are_refused(encoding: str) -> None:
    """Anything but `chunked` is refused by its name."""
    error = failure([head(f"Transfer-Encoding: {encoding}"), b"14\r\n", BODY, b"\r\n0\r\n\r\n"])
    assert isinstance(error, PageRefused)
    assert f"Transfer-Encoding {encoding!r}" in str(error)


@pytest.mark.parametrize(
    "size", [b"-1", b"-5", b"7fffffffffffffff", b"ffffffffffffffffffff", b"0x14", b"", b" 14", b"g"]
)
def test_chunk_sizes_that_are_none(size: bytes) -> None:
    """A chunk size is hexadecimal digits, and fewer than make sense."""
    error = failure([head("Transfer-Encoding: chunked"), size + b"\r\n", BODY, b"\r\n0\r\n\r\n"])
    assert isinstance(error, PageRefused)
    assert "chunk size" in str(error)


@pytest.mark.slow("wall clock")
@pytest.mark.parametrize(
    "script",
    [
        pytest.param([head("Content-Length: 101")], id="length"),
        pytest.param([head("Transfer-Encoding: chunked"), b"65\r\n"], id="chunk"),
        pytest.param([head("Transfer-Encoding: chunked"), b"7ffffffffffffff\r\n"], id="huge chunk"),
        pytest.param(
            [head("Transfer-Encoding: chunked"), b"64\r\n" + b" " * 100 + b"\r\n1\r\n"], id="sum"
        ),
    ],
)
def test_more_is_announced_than_may_come(script: Steps) -> None:
    """It is refused at once: none of it has to be received for that."""
    with serving([*script, Pause(5)]) as (_, pool), watched(watch()):
        response = pool.urlopen("GET", "/", preload_content=False, retries=False)
        began = time.monotonic()
        with pytest.raises(PageRefused, match="100 bytes on the wire"):
            b"".join(body_chunks(response, 100))
        assert time.monotonic() - began < 1


@pytest.mark.parametrize("script", [page(b" " * 100), [*chunked([b" " * 60, b" " * 40])]])
def test_as_much_as_may_come(script: Steps) -> None:
    """The limit itself is no limit broken."""
    with serving(script) as (_, pool), watched(watch()):
        response = pool.urlopen("GET", "/", preload_content=False, retries=False)
        assert b"".join(body_chunks(response, 100)) == b" " * 100


def test_chunk_longer_than_its_size() -> None:
    """What stands where a chunk ends must be its end."""
    for tail in (b"xx\r\n0\r\n\r\n", b"\r\r\r\n0\r\n\r\n"):
        error = failure([head("Transfer-Encoding: chunked"), b"14\r\n" + BODY + tail, CLOSE])
        assert isinstance(error, PageRejected)
        assert "longer than its size" in str(error)


def test_trailers_without_end() -> None:
    """A hundred trailer lines are enough."""
    error = failure([head("Transfer-Encoding: chunked"), b"0\r\n", b"X: y\r\n" * 10_000])
    assert isinstance(error, PageRejected)
    assert "trailer" in str(error)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_body(status: str) -> None:
    """They end with their headers, and the connection goes on."""
    headers = [] if status[:3] == "204" else ["Content-Length: 20"]
    with serving([head(*headers, status=status)], page(BODY)) as (server, pool):
        assert fetch(pool) == b""
        assert fetch(pool) == BODY
        assert server.connections == 1


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (b"A: 1\r\nb:2\r\n", {"a": "1", "b": "2"}),
        (b"A: 1\nB:\t2 \t\n", {"a": "1", "b": "2"}),
        (b"Link: <a>; rel=next\r\nLink: <b>\r\n", {"link": "<a>; rel=next, <b>"}),
        (b"Empty:\r\nLatin: \xe9t\xe9\r\n", {"empty": "", "latin": "\xe9t\xe9"}),
        (b"Folded: 1,\r\n 2\r\nA: 1\r\n", {"folded": "1, 2", "a": "1"}),
        (b"Date: Tue, 24 Nov 2026 09:07:10 GMT\r\n", {"date": "Tue, 24 Nov 2026 09:07:10 GMT"}),
        (b"x" * 60_000 + b": y\r\n", {"x" * 60_000: "y"}),
    ],
)
def test_header_lines(lines: bytes, found: dict[str, str]) -> None:
    """As RFC 9112 writes them, and as older servers do."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + lines + b"\r\n{}"
    with serving([answer]) as (_, pool), watched(watch()):
        response = pool.urlopen("GET", "/", preload_content=False, retries=False)
        headers = {name.lower(): value for name, value in response.headers.itermerged()}
        assert headers == {"content-length": "2", **found}
        assert b"".join(body_chunks(response)) == b"{}"


@pytest.mark.slow("CPU time")
@pytest.mark.parametrize("inside", [b" " * 60_000, b" " * 30_000 + b"\r" + b" " * 30_000])
def test_a_header_line_costs_what_it_is_long(inside: bytes) -> None:
    """No more than its length, whatever is in it: nothing interrupts a regular expression."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nA: 1" + inside + b"2\r\n\r\n" + BODY
    began = time.process_time()
    with serving([answer]) as (_, pool), contextlib.suppress(HTTPError, HarvesterError):
        fetch(pool)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "head_of_it",
    [
        b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 65_536 + b"\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
    ],
    ids=["many", "long", "version", "protocol"],
)
def test_heads_that_are_none(head_of_it: bytes) -> None:
    """No memory is spent on them, and no page comes of them."""
    with serving([head_of_it + b"{}", CLOSE]) as (_, pool), pytest.raises(HTTPError):
        fetch(pool)


@pytest.mark.parametrize(
    ("version", "lines", "kept"),
    [
        (b"HTTP/1.1", b"", True),
        (b"HTTP/1.1", b"Connection: Close\r\n", False),
        (b"HTTP/1.0", b"", False),
        (b"HTTP/1.0", b"Connection: keep-alive\r\n", True),
    ],
)
def test_whether_the_connection_goes_on(version: bytes, lines: bytes, kept: bool) -> None:
    """By the version, and what the head says of it (RFC 9112 section 9.3)."""
    answer = version + b" 200 OK\r\nContent-Length: 2\r\n" + lines + b"\r\n{}"
    with serving([answer], [answer]) as (server, pool):
        assert fetch(pool) == b"{}"
        assert fetch(pool) == b"{}"
        assert server.connections == (1 if kept else 2)


def test_chunks_are_small() -> None:
    """No piece of a body is larger than one read, however large its chunk or length."""
    body = b"x" * (5 * CHUNK_BYTES + 1)
    for script in (page(body), [*chunked([body])]):
        with serving(script) as (_, pool), watched(watch()):
            response = pool.urlopen("GET", "/", preload_content=False, retries=False)
            pieces = [*body_chunks(response)]
        assert max(map(len, pieces)) <= CHUNK_BYTES
        assert b"".join(pieces) == body


# --- Connections ---------------------------------------------------------------------------------


def test_connections_are_kept() -> None:
    """Fifty whole answers take one connection."""
    scripts = [page(BODY) if number % 2 else [*chunked([BODY])] for number in range(50)]
    with serving(*scripts) as (server, pool):
        assert {fetch(pool) for _ in range(50)} == {BODY}
        assert server.connections == 1


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param([head("Content-Length: 21"), BODY, CLOSE], id="cut"),
        pytest.param([head("Content-Length: x"), BODY], id="unread"),
        pytest.param([*page(BODY), *page(b"poison")], id="another answer behind"),
        pytest.param([page(BODY)[0] + b"\r\n"], id="a newline behind"),
        pytest.param([*chunked([BODY]), b"0\r\n\r\n"], id="a second end behind"),
    ],
)
def test_after_an_anomaly_a_fresh_connection(bad: Steps) -> None:
    """What was left over from one answer is never taken for the next."""
    with serving(bad, page(b"[2]")) as (server, pool):
        with contextlib.suppress(PageRejected):
            assert fetch(pool) == BODY
        time.sleep(0.01)  # whatever else was sent has arrived
        assert fetch(pool) == b"[2]"
        assert server.connections == 2


def test_a_body_left_in_the_middle_closes_its_connection() -> None:
    """Giving up on a body must not leave its rest to the next request."""
    with serving(page(b"x" * 10**6), page(BODY)) as (server, pool):
        with watched(watch()):
            response = pool.urlopen("GET", "/", preload_content=False, retries=False)
            chunks = body_chunks(response)
            next(chunks)
            chunks.close()  # type: ignore[attr-defined]  # it is a generator
        assert fetch(pool) == BODY
        assert server.connections == 2


def open_files() -> int:
    """Count this process's open files and sockets."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # no Path: it would open one more


def test_no_socket_is_lost() -> None:
    """Two hundred answers, most of them broken, leave no file open."""
    faults: list[Steps] = [
        [CLOSE],
        [RESET],
        [b"HTTP/1.1 200", CLOSE],
        [head("Content-Length: 9"), b"x", RESET],
        [head("Content-Length: x"), BODY],
        [head("Transfer-Encoding: gzip, chunked")],
        [head("Transfer-Encoding: chunked"), b"-1\r\n"],
        [head(status="204 No Content")],
        page(BODY),
        [*chunked([BODY])],
    ]
    with serving(*(faults * 20), page(BODY)) as (_, pool):
        fetched = 0
        before = 0
        for number in range(200):
            with contextlib.suppress(HarvesterError, HTTPError):
                fetch(pool)
                fetched += 1
            if number == 9:
                before = open_files()
        assert fetched == 60
        # The server is in this process too, and may be a moment behind.
        deadline = time.monotonic() + 2
        while open_files() > before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert open_files() <= before


# --- Time ----------------------------------------------------------------------------------------

DRIPS: dict[str, Callable[[], Iterator[Step]]] = {
    "status line": lambda: drip(b"H"),
    "header": lambda: iter([b"HTTP/1.1 200 OK\r\nX: ", *drip(b"y")]),
    "headers": lambda: iter([b"HTTP/1.1 200 OK\r\n", *drip(b"X: y\r\n", 0.03)]),
    "100 Continue": lambda: drip(head(status="100 Continue")),
    "103 Early Hints": lambda: drip(head("Link: <x>", status="103 Early Hints")),
    "body": lambda: iter([head("Content-Length: 1000000"), *drip(b"x")]),
    "body until closed": lambda: iter([head("Connection: close"), *drip(b"x")]),
    "chunks": lambda: iter([head("Transfer-Encoding: chunked"), *drip(b"1\r\nx\r\n")]),
    "chunk size": lambda: iter([head("Transfer-Encoding: chunked"), *drip(b"0")]),
    "chunk extension": lambda: iter([head("Transfer-Encoding: chunked"), b"1;", *drip(b"x")]),
    "trailer": lambda: iter([head("Transfer-Encoding: chunked"), b"0\r\nX: ", *drip(b"y")]),
    "trailers": lambda: iter([head("Transfer-Encoding: chunked"), b"0\r\n", *drip(b"X: y\r\n")]),
    "nothing": lambda: iter([Pause(60)]),
    "nothing after the headers": lambda: iter([head("Content-Length: 9"), Pause(60)]),
}


@pytest.mark.slow("wall clock")
@pytest.mark.parametrize("where", DRIPS)
def test_deadline_holds_whatever_drips(where: str) -> None:
    """The page's time limit ends a drip anywhere, within half a second, and never in success."""
    began = time.monotonic()
    error = failure([*DRIPS[where]()], bound=watch(page_s=0.3))
    assert 0.3 <= time.monotonic() - began < 0.8
    assert isinstance(error, PageRejected)
    assert "timeout.page" in str(error)


@pytest.mark.slow("wall clock")
@pytest.mark.parametrize("where", ["nothing", "nothing after the headers"])
def test_silence_is_limited_too(where: str) -> None:
    """A server that sends nothing at all is given up after timeout.read."""
    began = time.monotonic()
    error = failure([*DRIPS[where]()], bound=watch(read_s=0.25))
    assert 0.25 <= time.monotonic() - began < 0.75
    assert isinstance(error, PageRejected)
    assert "timeout.read" in str(error)


@pytest.mark.slow("wall clock")
@pytest.mark.parametrize("where", ["nothing", "nothing after the headers", "body", "headers"])
def test_a_wish_to_stop_is_heeded_at_once(where: str) -> None:
    """A read that blocks ends within 0.3 s of the wish."""
    stop = threading.Event()
    timer = threading.Timer(0.1, stop.set)
    began = time.monotonic()
    timer.start()
    error = failure([*DRIPS[where]()], bound=watch(stopping=stop.is_set))
    timer.join()
    assert time.monotonic() - began < 0.1 + 0.3 + 0.1
    assert isinstance(error, Interrupted)


def test_slow_is_not_late() -> None:
    """A page that takes longer than one read's slice, but not too long, is whole."""
    steps: Steps = [head("Content-Length: 20"), Pause(0.25), BODY[:9], Pause(0.25), BODY[9:]]
    with serving(steps) as (_, pool):
        assert fetch(pool) == BODY


# --- TLS -----------------------------------------------------------------------------------------


@pytest.mark.slow("wall clock")
def test_tls(tmp_path: Path) -> None:
    """Over TLS the same holds: whole pages, kept connections, cuts, deadlines, stopping."""
    certificate = self_signed(tmp_path)
    body = b"x" * 10**6
    answer = answers(
        page(body), [*chunked([body])], [head("Content-Length: 9"), b"x", CLOSE],
        [*DRIPS["body"]()], [Pause(60)],
    )  # fmt: skip
    with (
        FaultServer(answer, tls(certificate)) as server,
        contextlib.closing(
            StrictHTTPSPool("127.0.0.1", server.port, maxsize=1, ca_certs=str(certificate[0]))
        ) as pool,
    ):
        assert fetch(pool) == fetch(pool) == body
        assert server.connections == 1
        with pytest.raises(PageRejected, match="cut"):
            fetch(pool)
        began = time.monotonic()
        with pytest.raises(PageRejected, match=r"timeout\.page"):
            fetch(pool, watch(page_s=0.3))
        assert time.monotonic() - began < 0.8
        stop = threading.Event()
        timer = threading.Timer(0.1, stop.set)
        timer.start()
        with pytest.raises(Interrupted):
            fetch(pool, watch(stopping=stop.is_set))
        timer.join()
        assert time.monotonic() - began < 1.5
