"""The matrix of faults on the wire, by the rows of the README's table, through whole harvests.

"Retry" is checked by `retried`: the temporary file is gone, the journal is unchanged, and the same
cursor is asked for again. "Fail" is checked by `failed`: exit code 3, and a rerun goes on from the
same cursor. Where a limit of memory or CPU is named, the harvest runs in a process of its own.
"""

import functools
import gzip
import json
import re
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, verify
from harvester.engine.events import AttemptLost, Event, PageCommitted
from harvester.results.summary import Summary
from tests.fault_server import (
    CLOSE,
    RESET,
    FaultServer,
    Pause,
    Request,
    Steps,
    chunked,
    compressed,
    drip,
    gzip_page,
    head,
    page,
    self_signed,
    tls,
)
from tests.support import ENVIRONMENT, config, write_config

CONFIG = """
version: 1
name: faults
client:
  base_url: http://127.0.0.1:1/
  timeout: {connect: 2s, read: 2s, page: 5s}
  retry: {attempts: 3, max_wait: 0}
resources:
  - name: items
    path: items
    data_selector: items
    paginator: {type: cursor, cursor_path: next, cursor_param: cursor}
"""
LINKS = CONFIG.replace(
    "{type: cursor, cursor_path: next, cursor_param: cursor}",
    "{type: json_link, next_url_path: next}",
)
#: The most that a page may cost, whatever is in it.
PEAK_MB = 96

FIRST = b'{"items": [{"id": 1}, {"id": 2}], "next": "c2"}'
SECOND = b'{"items": [' + b", ".join(b'{"id": %d}' % n for n in range(3, 300)) + b'], "next": null}'
GZIP = compressed(SECOND)


@dataclass
class Site:
    """A server whose first page is good; each request after it gets what `answer` gives."""

    answer: Callable[[Request], Steps] = lambda request: page(SECOND)
    first: bytes = FIRST
    requests: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Steps:
        """Answer a request."""
        self.requests.append(request)
        return page(self.first) if len(self.requests) == 1 else self.answer(request)

    @property
    def targets(self) -> list[str]:
        """What was asked for, in order."""
        return [request.target for request in self.requests]


def folder(out: Path) -> Path:
    """Where the only partition is."""
    return out / "items"


def journal(out: Path) -> bytes:
    """The journal as it is on disk."""
    return (folder(out) / "journal.jsonl").read_bytes()


def lines(out: Path) -> list[dict[str, Any]]:
    """The pages in the journal, without lines that say only what is safe."""
    found = [json.loads(line) for line in journal(out).splitlines()[1:]]
    return [line for line in found if "seq" in line]


def parts(out: Path) -> list[bytes]:
    """The pages as they were kept; each part must pass gzip -t."""
    found = sorted(folder(out).glob("part-*.json.gz"))
    assert not found or subprocess.run(["gzip", "-t", *found], check=False).returncode == 0
    return [gzip.decompress(path.read_bytes()) for path in found]


def leftovers(out: Path) -> list[str]:
    """The files that have no business there."""
    return [path.name for path in folder(out).iterdir() if path.suffix == ".tmp"]


def run(
    tmp_path: Path, server: FaultServer, *changes: str, text: str = CONFIG, events: Any = None
) -> Summary:
    """Harvest into tmp_path/out."""
    tmp_path.mkdir(exist_ok=True)
    told: Callable[[Event], None] = events or (lambda event: None)
    return harvest(
        config(tmp_path, text, server.url, *changes), out=tmp_path / "out", on_event=told
    )


def retried(tmp_path: Path, *bad: Steps, good: Steps | None = None, kept: bytes = SECOND) -> None:
    """Each of `bad` in the place of page 2 is thrown away, and page 2 comes in the end."""
    out = tmp_path / "out"
    left = [*bad, good or page(SECOND)]
    site = Site(lambda request: left.pop(0))
    lost: list[str] = []
    before: list[bytes] = []

    def watch(event: Event) -> None:
        if isinstance(event, AttemptLost):
            lost.append(event.error)
            before.append(journal(out))
            assert leftovers(out) == []
            assert len(parts(out)) == 1

    with FaultServer(site) as server:
        summary = run(tmp_path, server, events=watch)
    assert summary.exit_code == 0
    assert len(lost) == len(bad)
    assert len(set(before)) <= 1
    assert journal(out).startswith(b"".join(before[:1]))
    assert site.targets == ["/items"] + ["/items?cursor=c2"] * (len(bad) + 1)
    assert parts(out) == [FIRST, kept]
    assert [line["attempts"] for line in lines(out)] == [1, len(bad) + 1]
    assert verify(out, deep=True).ok


def failed(
    tmp_path: Path, answer: Steps | Callable[[Request], Steps], told: str, *, tries: int
) -> None:
    """Page 2 cannot be had: told so after so many tries, all else unharmed, and a rerun gets it."""
    out = tmp_path / "out"
    always = answer if callable(answer) else functools.partial(_same, [*answer])
    site = Site(always)
    with FaultServer(site) as server:
        summary = run(tmp_path, server)
        assert summary.exit_code == 3
        assert re.search(told, summary.failures[0].error), summary.failures[0].error
        assert summary.failures[0].cursor == "c2"
        assert site.targets == ["/items"] + ["/items?cursor=c2"] * tries
        assert leftovers(out) == []
        assert parts(out) == [FIRST]
        assert len(lines(out)) == 1
        site.answer = lambda request: page(SECOND)
        assert run(tmp_path, server).exit_code == 0
    assert site.targets[tries + 1 :] == ["/items?cursor=c2"]
    assert parts(out) == [FIRST, SECOND]


def _same(steps: Sequence[Any], request: Request) -> Steps:
    return steps


def committed(tmp_path: Path, script: Steps, kept: bytes = SECOND) -> None:
    """Page 2 is taken at the first try."""
    retried(tmp_path, good=script, kept=kept)


#: No limit of time gets in the way, on a machine that has much else to do.
PATIENT = CONFIG.replace("read: 2s, page: 5s", "read: 1m, page: 2m")


def alone(tmp_path: Path, server: FaultServer, text: str = PATIENT) -> dict[str, Any]:
    """Harvest in a process of its own, and give what it measured."""
    script = Path(__file__).parents[1].joinpath("harvest_alone.py")
    path = write_config(tmp_path, text)
    done = subprocess.run(
        [sys.executable, "-P", str(script), str(path), server.url, str(tmp_path / "out")],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


# --- Framing -------------------------------------------------------------------------------------

CHUNKS = b"".join(chunked([SECOND[:1000], SECOND[1000:]]))
NO_LENGTH = b"HTTP/1.0 200 OK\r\n\r\n"
LONG = f"Content-Length: {len(SECOND)}"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([head(LONG) + SECOND[:-1], CLOSE], id="length short by 1"),
        pytest.param([head(LONG), CLOSE], id="no body"),
        pytest.param([head(LONG) + SECOND[:500], RESET], id="reset"),
        pytest.param([CHUNKS[:700], CLOSE], id="in a chunk"),
        pytest.param([CHUNKS[:-5], CLOSE], id="before the last chunk"),
        pytest.param([CHUNKS[:-2], CLOSE], id="before the trailer's end"),
        pytest.param([CHUNKS[:700], RESET], id="reset in a chunk"),
        # The JSON is whole here: nothing but the framing tells.
        pytest.param([head(f"Content-Length: {len(SECOND) + 2}") + SECOND, CLOSE], id="padding"),
        pytest.param(
            [head(f"Content-Length: {len(SECOND) + 2}") + SECOND, RESET], id="reset there"
        ),
        pytest.param([b"".join(chunked([SECOND]))[:-5], CLOSE], id="all but the last chunk"),
    ],
)
def test_row_01_cut(tmp_path: Path, script: Steps) -> None:
    """A body that ends before its framing does is tried again."""
    retried(tmp_path, script)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([NO_LENGTH + SECOND[:-1], CLOSE], id="until closed"),
        pytest.param([NO_LENGTH, CLOSE], id="until closed, nothing"),
        pytest.param([NO_LENGTH + SECOND[:-1], RESET], id="until closed, reset"),
        pytest.param(
            [NO_LENGTH[:-2] + b"Content-Encoding: gzip\r\n\r\n" + GZIP[:-1], CLOSE],
            id="until closed, gzip",
        ),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Ty", CLOSE], id="in a header"),
        pytest.param([b"HTTP/1.1 200 OK\r\nX: y\r\n", CLOSE], id="between headers"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 2", CLOSE], id="in the length"),
        pytest.param([b"HTTP/1.1 20", CLOSE], id="in the status"),
        pytest.param(
            [head("Transfer-Encoding: chunked") + b"%x\r\n%b\r\n0" % (len(SECOND), SECOND), CLOSE],
            id="0 of 0003e8",
        ),
    ],
)
def test_row_02_cut_unnoticed_by_libraries(tmp_path: Path, script: Steps) -> None:
    """Cuts that urllib3 and http.client take for an end are tried again."""
    retried(tmp_path, script)


@pytest.mark.parametrize(
    "lengths",
    [["abc"], ["-1"], [str(len(SECOND)), "5"], [f"{len(SECOND)}, 5"]],
    ids=lambda lengths: " and ".join(lengths),
)
def test_row_03_content_length(tmp_path: Path, lengths: list[str]) -> None:
    """A length that is none, and two that differ, are tried again, and fail in the end."""
    bad: Steps = [head(*(f"Content-Length: {length}" for length in lengths)) + SECOND, CLOSE]
    retried(tmp_path / "retry", bad, bad)
    failed(tmp_path / "fail", bad, "Content-Length", tries=3)


# --- Compression ---------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [-1, -4, -8, len(GZIP) // 2])
@pytest.mark.parametrize("framing", [gzip_page, None])
def test_row_04_gzip_cut(tmp_path: Path, end: int, framing: Any) -> None:
    """A gzip body that ends early in an intact framing is tried again."""
    cut = GZIP[:end]
    retried(tmp_path, gzip_page(cut) if framing else [*chunked([cut], "Content-Encoding: gzip")])


def damaged(data: bytes, at: int) -> bytes:
    """Flip a bit of one byte."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


TWO = compressed(SECOND[:900]) + compressed(SECOND[900:])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(damaged(GZIP, -5), id="CRC"),
        pytest.param(damaged(GZIP, -1), id="size"),
        pytest.param(damaged(GZIP, len(GZIP) // 2), id="data"),
        pytest.param(TWO[:-1], id="second member cut"),
        pytest.param(TWO[:-9], id="second member cut in its data"),
        pytest.param(damaged(TWO, -5), id="second member's CRC"),
        pytest.param(GZIP + b"garbage", id="garbage"),
        pytest.param(GZIP + b"\0\0garbage", id="garbage after zeros"),
        pytest.param(GZIP + b"\x1f\x8b", id="a third of a header"),
    ],
)
def test_row_05_gzip_damaged(tmp_path: Path, body: bytes) -> None:
    """A wrong CRC or size, and anything wrong behind the first member, is tried again."""
    retried(tmp_path, gzip_page(body))


@pytest.mark.parametrize(
    "body", [TWO, GZIP + bytes(1000), TWO + bytes(7), GZIP + compressed(b"")], ids=range(4)
)
def test_row_06_gzip_members(tmp_path: Path, body: bytes) -> None:
    """Two members and zero padding are whole; what is kept are the server's bytes without it."""
    committed(tmp_path, gzip_page(body))
    stored = (folder(tmp_path / "out") / "part-000002.json.gz").read_bytes()
    assert stored == body.rstrip(b"\0") + b"\0" * (len(stored) - len(body.rstrip(b"\0")))
    assert body.startswith(stored)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("br", b"\x0b\x02\x80[]\x03"), ("zstd", b"\x28\xb5\x2f\xfd"), ("gzip, foo", GZIP),
     ("gzip", SECOND)],
    ids=["br", "zstd", "gzip, foo", "gzip on a plain body"],
)  # fmt: skip
def test_row_07_unsupported_coding(tmp_path: Path, encoding: str, body: bytes) -> None:
    """A coding that was not asked for, or is not there, fails at once."""
    failed(tmp_path, page(body, f"Content-Encoding: {encoding}"), "unsupported", tries=1)


def test_row_08_accept_encoding_ignored(tmp_path: Path) -> None:
    """We ask for gzip; a plain body is compressed by us."""
    committed(tmp_path, page(SECOND))
    assert (folder(tmp_path / "out") / "part-000002.json.gz").stat().st_size < len(SECOND) / 2


def test_row_08_gzip_is_all_we_ask_for(tmp_path: Path) -> None:
    """Accept-Encoding names gzip alone, and the answer's bytes are the part's."""
    site = Site(lambda request: gzip_page(GZIP))
    with FaultServer(site) as server:
        assert run(tmp_path, server).exit_code == 0
    assert {request.headers["accept-encoding"] for request in site.requests} == {"gzip"}
    assert (folder(tmp_path / "out") / "part-000002.json.gz").read_bytes() == GZIP


@pytest.mark.slow("memory")
@pytest.mark.parametrize(
    ("size", "told"),
    [
        ("-1", "not a chunk size"),
        ("-5", "not a chunk size"),
        ("7fffffffffffffff", "not a chunk size"),  # 2^63 - 1: no 64-bit counter holds what follows
        ("7ffffffffffffff", "limits.wire_bytes"),
        ("1000000001", "limits.wire_bytes"),  # 64 GiB and a byte
    ],
)
def test_row_09_chunk_sizes(tmp_path: Path, size: str, told: str) -> None:
    """A size that libraries take for "everything" fails at once, in little memory."""

    def endless(request: Request) -> Steps:
        yield head("Transfer-Encoding: chunked") + f"{size}\r\n".encode()
        for _ in range(3000):
            yield b" " * 65536

    failed(tmp_path / "here", endless, told, tries=1)
    with FaultServer(Site(endless)) as server:
        measured = alone(tmp_path, server)
    assert measured["exit_code"] == 3
    assert measured["peak_mb"] < PEAK_MB


def test_row_09_chunks_that_add_up(tmp_path: Path) -> None:
    """Each chunk may be small enough: what counts is what is left of the limit."""
    text = CONFIG.replace("  retry:", "  limits: {wire_bytes: 5000}\n  retry:")
    site = Site(lambda request: [*chunked([b" " * 4000, b" " * 1001])])
    with FaultServer(site) as server:
        summary = run(tmp_path, server, text=text)
    assert summary.exit_code == 3
    assert "announces 1,001 bytes" in summary.failures[0].error
    assert len(site.requests) == 2


@pytest.mark.slow("memory")
def test_row_09_transfer_encoding(tmp_path: Path) -> None:
    """Another transfer coding than chunked fails at once, in little memory."""
    script = chunked([GZIP])
    lied = [b"".join(script).replace(b"chunked", b"gzip, chunked", 1)]
    told = "Transfer-Encoding 'gzip, chunked' is not supported"
    failed(tmp_path / "here", lied, told, tries=1)

    def endless(request: Request) -> Steps:
        yield head("Transfer-Encoding: gzip, chunked") + b"7fffffff\r\n"
        for _ in range(3000):
            yield bytes(65536)

    with FaultServer(Site(endless)) as server:
        measured = alone(tmp_path, server)
    assert measured["exit_code"] == 3
    assert told in measured["errors"][0]
    assert measured["peak_mb"] < PEAK_MB


BOMBS = {
    "JSON": (b'{"items": [0', b',"%b"' % (b"0" * 1021) * 1024, b"]}"),
    "zeros": (b"", bytes(1 << 20), b""),
    "HTML": (b"<!DOCTYPE html>", b"<br><br><br><br>" * 65536, b"</html>"),
    "white space": (b"", b" \n" * (1 << 19), b"[]"),
}


@functools.cache
def bomb(kind: str = "JSON", size: int = 500 << 20) -> bytes:
    """Make `size` bytes as gzip, a five-hundredth of that or less."""
    first, block, last = BOMBS[kind]
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    opening = deflate.compress(first) + deflate.flush(zlib.Z_FULL_FLUSH)
    # After a full flush nothing refers back, so a compressed block may be repeated.
    repeated = deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)
    closing = deflate.compress(last) + deflate.flush()
    times = size // len(block)
    crc = zlib.crc32(first)
    for _ in range(times):
        crc = zlib.crc32(block, crc)
    crc = zlib.crc32(last, crc)
    length = len(first) + times * len(block) + len(last)
    end = crc.to_bytes(4, "little") + length.to_bytes(4, "little")
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + opening + repeated * times + closing + end


def test_the_bomb_is_one() -> None:
    """What the next test throws is whole gzip of whole JSON."""
    small = gzip.decompress(bomb(size=4 << 20))
    assert len(json.loads(small)["items"]) == 4 * 1024 + 1
    assert len(bomb()) < 1_100_000


@pytest.mark.slow("memory")
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        *((kind, "200 OK") for kind in BOMBS),
        *((kind, "302 Found") for kind in ("JSON", "zeros")),
        *((kind, "429 Too Many Requests") for kind in ("JSON", "zeros")),
    ],
)
def test_row_10_gzip_bomb(tmp_path: Path, kind: str, status: str) -> None:
    """500 MB out of 1 MB meet a limit at once, whatever the status, in little memory and time."""
    site = Site(lambda request: gzip_page(bomb(kind), status=status))
    with FaultServer(site) as server:
        measured = alone(tmp_path, server)
    assert measured["exit_code"] == 3
    assert "limit" in measured["errors"][0]
    assert measured["peak_mb"] < PEAK_MB
    assert len(site.requests) == 2


@pytest.mark.slow("memory")
def test_row_10_gzip_bomb_behind_a_redirect(tmp_path: Path) -> None:
    """The body of a redirect that is followed is not even read."""

    def answer(request: Request) -> Steps:
        if "moved" in request.target:
            return page(SECOND)
        return gzip_page(bomb(), "Location: /moved", status="302 Found")

    with FaultServer(Site(answer)) as server:
        measured = alone(tmp_path, server)
    assert measured["exit_code"] == 0
    assert measured["peak_mb"] < PEAK_MB


def test_row_10_what_is_no_bomb(tmp_path: Path) -> None:
    """A page that is no JSON and compresses well is tried again, as any other."""
    html = compressed(b"<br>" * 100_000)
    failed(tmp_path, gzip_page(html), "not complete, valid JSON", tries=2)


# --- Time ----------------------------------------------------------------------------------------

HURRIED = CONFIG.replace("page: 5s", "page: 0.3s").replace("attempts: 3", "attempts: 1")
DRIPS: dict[str, Callable[[], Iterator[Any]]] = {
    "body": lambda: iter([head(LONG), *drip(b" ")]),
    "gzip body": lambda: iter([head(LONG, "Content-Encoding: gzip"), GZIP[:-9], *drip(b"")]),
    "headers": lambda: iter([b"HTTP/1.1 200 OK\r\nX: ", *drip(b"y")]),
    "chunk sizes": lambda: iter([head("Transfer-Encoding: chunked"), *drip(b"0")]),
    "chunks": lambda: iter([head("Transfer-Encoding: chunked"), *drip(b"1\r\n \r\n")]),
    "trailers": lambda: iter([CHUNKS[:-2], *drip(b"X: ")]),
    "100-continue": lambda: drip(head(status="100 Continue")),
    "error body": lambda: iter([head(LONG, status="500 Oops"), *drip(b" ")]),
}


@pytest.mark.slow("wall clock")
@pytest.mark.parametrize("where", DRIPS)
def test_row_11_drip(tmp_path: Path, where: str) -> None:
    """A server that drips forever is given up at the page's deadline."""
    asked: list[float] = []

    def answer(request: Request) -> Steps:
        asked.append(time.monotonic())
        yield from DRIPS[where]()

    with FaultServer(Site(answer)) as server:
        summary = run(tmp_path, server, text=HURRIED)
        took = time.monotonic() - asked[0]
    assert 0.2 < took < 0.8
    assert "timeout.page" in summary.failures[0].error
    assert leftovers(tmp_path / "out") == []
    assert parts(tmp_path / "out") == [FIRST]


@pytest.mark.parametrize("late", [b"", head(LONG)[:30], head(LONG), head(LONG) + SECOND[:-1]])
def test_row_12_watchdog_leaves_no_success(tmp_path: Path, late: bytes) -> None:
    """A page whose last byte comes after the deadline is not kept, though it is whole."""
    whole = head(LONG) + SECOND

    def answer(request: Request) -> Steps:
        yield late
        yield Pause(0.6)
        yield whole[len(late) :]

    with FaultServer(Site(answer)) as server:
        summary = run(tmp_path, server, text=HURRIED)
    assert summary.exit_code == 3
    assert "timeout.page" in summary.failures[0].error
    assert parts(tmp_path / "out") == [FIRST]


# --- JSON ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize(
    ("before", "after"), [(b'{"items": [], "next": ', b"}"), (b'{"items": [1, -', b"]}")]
)
def test_row_13_integer_of_5000_digits(
    tmp_path: Path, before: bytes, after: bytes, size: int
) -> None:
    """It would kill the process; it is rejected, whole and byte by byte, wherever it stands."""
    body = before + b"7" * 5000 + after
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    with FaultServer(Site(lambda request: chunked(pieces))) as server:
        measured = alone(tmp_path, server)
    assert measured["exit_code"] == 3
    assert "limits.number_chars" in measured["errors"][0]


@pytest.mark.slow("memory")
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"items": ['])
def test_row_14_deep_nesting(tmp_path: Path, opening: bytes) -> None:
    """20 MB of openings are rejected in little memory."""

    def answer(request: Request) -> Steps:
        yield head("Connection: close")
        for _ in range(320):
            yield opening * (65536 // len(opening))
        yield CLOSE

    with FaultServer(Site(answer)) as server:
        measured = alone(tmp_path, server)
    assert measured["exit_code"] == 3
    assert "limits.depth" in measured["errors"][0]
    assert measured["peak_mb"] < PEAK_MB


@pytest.mark.slow("memory")
@pytest.mark.parametrize(
    ("before", "filling"),
    [(b'{"items": [], "next": "', b"x"), (b'{"items": [], "next": "', b"\\n"),
     (b'{"items": [], "next": "', "é".encode()), (b'{"items": [], "next": ', b" ")],
    ids=["string", "escapes", "two bytes a character", "white space"],
)  # fmt: skip
@pytest.mark.parametrize("piece", [1400, 65536])
def test_row_15_endless_token(tmp_path: Path, before: bytes, filling: bytes, piece: int) -> None:
    """200 MB where a field is read are rejected within a second of CPU."""

    def answer(request: Request) -> Steps:
        yield head("Connection: close") + before
        for _ in range((200 << 20) // piece):
            yield filling * (piece // len(filling))
        yield CLOSE

    with FaultServer(Site(answer)) as server:
        measured = alone(tmp_path, server)
    assert measured["exit_code"] == 3
    assert "limits.string_bytes" in measured["errors"][0]
    assert measured["cpu_s"] < 1
    assert measured["peak_mb"] < PEAK_MB


@pytest.mark.parametrize(
    ("body", "told", "tries"),
    [
        pytest.param(b'{"items": [], "next": NaN}', "not complete, valid JSON", 2, id="NaN"),
        pytest.param(
            b'{"items": [], "next": 1e99999999999999999999}', "next cannot be kept exactly", 1,
            id="huge exponent",
        ),
        pytest.param(
            b'{"items": [], "next": 1e999999999}', "cannot be kept exactly", 1, id="large exponent"
        ),
        pytest.param(
            rb'{"items": [], "next": "c\ud83d"}', "next holds half a surrogate", 1, id="surrogate"
        ),
        pytest.param(SECOND.decode().encode("utf-16"), "UTF-16", 2, id="UTF-16"),
        pytest.param(SECOND.decode().encode("utf-16-le"), "UTF-16", 2, id="UTF-16 without BOM"),
        pytest.param(b"", "not complete, valid JSON", 3, id="empty"),
        pytest.param(b'{"items": [], "next": "c\xff"}', "valid JSON", 2, id="no UTF-8"),
    ],
)  # fmt: skip
def test_row_16_no_json(tmp_path: Path, body: bytes, told: str, tries: int) -> None:
    """What is no JSON, or no cursor that could be sent back, is rejected in clear words."""
    failed(tmp_path, page(body), told, tries=tries)


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_row_17_byte_by_byte(tmp_path: Path, ascii_only: bool, bom: bytes, coding: str) -> None:
    """A BOM, and escapes and characters split everywhere, are no obstacle; the cursor is exact."""
    cursor = 'ü€😀 \\ " / \n ?&=#+%'
    text = {"items": [{"text": cursor}], "next": cursor}
    body = bom + json.dumps(text, ensure_ascii=ascii_only).encode()
    sent = compressed(body) if coding == "gzip" else body
    script = [*chunked([bytes([byte]) for byte in sent], f"Content-Encoding: {coding}")]
    asked: list[Request] = []

    def answer(request: Request) -> Steps:
        asked.append(request)
        return script if len(asked) == 1 else page(b'{"items": []}')

    with FaultServer(Site(answer)) as server:
        assert run(tmp_path, server).exit_code == 0
    expected = "%C3%BC%E2%82%AC%F0%9F%98%80+%5C+%22+%2F+%0A+%3F%26%3D%23%2B%25"
    assert asked[1].target == f"/items?cursor={expected}"
    assert parts(tmp_path / "out")[1] == body


@pytest.mark.parametrize("tail", [b"<html>Oops</html>", b"\n<!-- 3 ms -->", b'"', b"{}", b"x"])
def test_row_18_json_then_more(tmp_path: Path, tail: bytes) -> None:
    """Valid JSON with anything but white space behind it is rejected."""
    retried(tmp_path, page(SECOND + tail), good=page(SECOND + b" \r\n"), kept=SECOND + b" \r\n")


def test_row_19_decoys(tmp_path: Path) -> None:
    """Only the cursor's own path leads to it."""
    first = b"""{"paging.next": "bad1", "items": [{"next": "bad2", "paging": {"next": "bad3"}}],
      "next": "bad4", "more": {"paging": {"next": "bad5"}}, "paging": {"items": [{"next": "bad6"}],
      "prev": {"next": "bad7"}, "next": "good"}, "paging ": {"next": "bad8"}}"""
    site = Site(first=first)
    with FaultServer(site) as server:
        text = CONFIG.replace("cursor_path: next", "cursor_path: paging.next")
        assert run(tmp_path, server, text=text).exit_code == 0
    assert site.targets == ["/items", "/items?cursor=good"]


@pytest.mark.parametrize("cursor", [2**63, 2**64 + 1, 10**30 + 7, -(2**63) - 1])
def test_row_20_large_cursor(tmp_path: Path, cursor: int) -> None:
    """Every digit is on the wire again, also after a restart."""
    site = Site(first=b'{"items": [1], "next": %d}' % cursor)
    with FaultServer(site) as server:
        for _ in range(2):  # the first run ends after one page
            harvest(config(tmp_path, CONFIG, server.url), out=tmp_path / "out", max_pages=1)
    assert site.targets == ["/items", f"/items?cursor={cursor}"]


@pytest.mark.parametrize(
    "body",
    [b'{"next": "c3", "items": [], "next": "c4"}', b'{"next": null, "items": [], "next": null}'],
)
def test_row_21_cursor_twice(tmp_path: Path, body: bytes) -> None:
    """Which one counts is not for us to guess."""
    failed(tmp_path, page(body), "'next' stands twice", tries=1)


# --- Where requests go ---------------------------------------------------------------------------

KEYED = LINKS.replace(
    "  timeout:", "  auth: {type: api_key, name: X-Api-Key, value: k3y-of-mine}\n  timeout:"
)


def refused_link(tmp_path: Path, link: str, text: str, *changes: str, server: FaultServer) -> str:
    """Harvest where the first page's next link is `link`; give the error."""
    summary = run(tmp_path, server, *changes, text=text)
    assert summary.exit_code == 3
    assert len(server.requests) == 1
    assert "k3y-of-mine" not in str(summary.as_dict())
    # The page is sound, and kept; a rerun goes on from its link, once that is allowed.
    assert len(lines(tmp_path / "out")) == len(parts(tmp_path / "out")) == 1
    return summary.failures[0].error


def linked(link: str) -> bytes:
    """Make a first page that leads to a link."""
    return json.dumps({"items": [1], "next": link}).encode()


@pytest.mark.parametrize("allowed", ["[]", "[127.0.0.1]"])
@pytest.mark.parametrize(
    "link", ["http://127.0.0.1:{other}/items", "http://localhost:{port}/items",
             "https://127.0.0.1:{port}/items", "http://127.0.0.2:{port}/items"],
)  # fmt: skip
def test_row_22_next_on_another_origin(tmp_path: Path, link: str, allowed: str) -> None:
    """Another port, host or scheme gets no request. An allowed host is so on its usual port."""
    site = Site()
    with FaultServer(lambda request: page(SECOND)) as other, FaultServer(site) as server:
        site.first = linked(link.format(other=other.port, port=server.port))
        changes = f"client.allowed_hosts={allowed}"
        error = refused_link(tmp_path, link, KEYED, changes, server=server)
        assert "nor in allowed_hosts" in error
        assert other.requests == []


@pytest.mark.parametrize("kind", ["header_link", "header_cursor", "an object"])
def test_row_22_however_the_link_is_said(tmp_path: Path, kind: str) -> None:
    """A Link header, the URL in a header of its own, and a whole request as STAC gives it."""
    paginators = {
        "header_link": "{type: header_link}",
        "header_cursor": "{type: header_cursor, cursor_header_name: X-Next}",
        "an object": "{type: json_link, next_url_path: next}",
    }
    with FaultServer(lambda request: page(SECOND)) as other:
        link = f"{other.url}items"
        found = {"href": link, "method": "GET"} if kind == "an object" else None
        body = json.dumps({"items": [1], "next": found}).encode()
        site = Site(lambda request: page(body, f'Link: <{link}>; rel="next"', f"X-Next: {link}"))
        site.requests.append(Request(0, b"", b""))  # so that also the first is answered so
        with FaultServer(site) as server:
            text = KEYED.replace("{type: json_link, next_url_path: next}", paginators[kind])
            assert "nor in allowed_hosts" in refused_link(tmp_path, link, text, server=server)
        assert other.requests == []


@pytest.mark.parametrize("allowed", ["[]", '["127.0.0.1:{port}"]'])
def test_row_22_next_down_to_http(tmp_path: Path, allowed: str) -> None:
    """From https nothing leads down to http, not even to an allowed host."""
    certificate = self_signed(tmp_path)
    site = Site()
    with (
        FaultServer(lambda request: page(SECOND)) as plain,
        FaultServer(site, tls(certificate)) as server,
    ):
        site.first = linked(plain.url + "items")
        refused_link(
            tmp_path, plain.url, KEYED, f"client.ca_bundle={certificate[0]}",
            f"client.allowed_hosts={allowed.format(port=plain.port)}", server=server,
        )  # fmt: skip
        assert plain.requests == []


def test_row_22_allowed_afterwards(tmp_path: Path) -> None:
    """Whoever trusts the host says so, and the same command goes on from there."""
    site = Site()
    with FaultServer(lambda request: page(SECOND)) as other, FaultServer(site) as server:
        site.first = linked(f"{other.url}items")
        refused_link(tmp_path, other.url, LINKS, server=server)
        allowed = f"client.allowed_hosts=['127.0.0.1:{other.port}']"
        assert run(tmp_path, server, allowed, text=LINKS).exit_code == 0
        assert len(server.requests) == len(other.requests) == 1
    assert parts(tmp_path / "out") == [site.first, SECOND]


def test_row_22_an_allowed_host_gets_no_credentials(tmp_path: Path) -> None:
    """A host that was allowed gets the request, and the key only if that was said too."""
    for credentials in ("false", "true"):
        site = Site()
        with FaultServer(lambda request: page(SECOND)) as other, FaultServer(site) as server:
            site.first = linked(f"{other.url}items?cursor=2")
            host = f"{{host: '127.0.0.1:{other.port}', credentials: {credentials}}}"
            changes = f"client.allowed_hosts=[{host}]"
            summary = run(tmp_path / credentials, server, changes, text=KEYED)
            assert summary.exit_code == 0
            assert ("x-api-key" in other.requests[0].headers) == (credentials == "true")


@pytest.mark.parametrize("status", ["302 Found", "301 Moved", "303 See Other", "307 Temporary",
                                    "308 Permanent"])  # fmt: skip
@pytest.mark.parametrize("there", ["http://127.0.0.1:{}/items", "//127.0.0.1:{}/items"])
def test_row_23_redirect_to_another_origin(tmp_path: Path, status: str, there: str) -> None:
    """A redirect elsewhere gets no request, so no X-Api-Key."""
    with FaultServer(lambda request: page(SECOND)) as other:
        location = there.format(other.port)
        site = Site(lambda request: page(b"", f"Location: {location}", status=status))
        with FaultServer(site) as server:
            text = KEYED.replace(LINKS.splitlines()[-1], CONFIG.splitlines()[-1])
            summary = run(tmp_path, server, text=text)
        assert summary.exit_code == 3
        assert "redirected to another origin" in summary.failures[0].error
        assert len(site.requests) == 2
        assert site.requests[1].headers["x-api-key"] == "k3y-of-mine"
        assert other.requests == []
    assert parts(tmp_path / "out") == [FIRST]


@pytest.mark.parametrize(
    "link",
    ["file:///etc/passwd", "http://me:pw@127.0.0.1:{port}/items", "//example.org/items",
     "http://127.0.0.1:{port}@example.org/", "ftp://127.0.0.1/", "javascript:alert(1)",
     "http://[::1", "http://127.0.0.1:99999/", "/a\nb",
     "http://127.0.0.1:{port}\\@example.org/", "/\\example.org/", "data:,x"],
)  # fmt: skip
def test_row_24_next_that_is_no_link(tmp_path: Path, link: str) -> None:
    """Another scheme, user information, a foreign `//host` and what is malformed are refused."""
    site = Site()
    with FaultServer(site) as server:
        site.first = linked(link.format(port=server.port))
        refused_link(tmp_path, link, KEYED, server=server)


@pytest.mark.parametrize("token", ["t0ken-of-mine", None])
def test_row_25_netrc_and_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    """Neither is heeded unless it is asked for: the configuration's credentials are sent, or none.

    HTTP_PROXY in capitals too: it is what a server's CGI environment may be made to hold.
    """
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password from-netrc\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    site = Site()
    with FaultServer(lambda request: page(SECOND)) as proxy, FaultServer(site) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        auth = f"client.auth={{type: bearer, token: {token}}}"
        assert run(tmp_path, server, *([auth] if token else [])).exit_code == 0
        assert proxy.requests == []
    sent = [request.headers.get("authorization") for request in site.requests]
    assert sent == [f"Bearer {token}" if token else None] * 2


def test_row_26_redirect_loop(tmp_path: Path) -> None:
    """Five redirects are followed, the sixth fails the page at once."""
    site = Site(lambda request: page(b"", f"Location: {request.target}", status="302 Found"))
    with FaultServer(site) as server:
        summary = run(tmp_path, server)
    assert summary.exit_code == 3
    assert "more than 5 redirects" in summary.failures[0].error
    assert len(site.requests) == 1 + 6
    assert parts(tmp_path / "out") == [FIRST]


@pytest.mark.parametrize("redirects", [1, 5])
def test_row_26_redirects_that_end(tmp_path: Path, redirects: int) -> None:
    """Up to five of them, within the origin, lead to the page."""
    left = [*range(redirects)]

    def answer(request: Request) -> Steps:
        if not left:
            return page(SECOND)
        return page(b"moved", f"Location: /moved?{left.pop()}", status="302 Found")

    with FaultServer(Site(answer)) as server:
        assert run(tmp_path, server).exit_code == 0
    assert parts(tmp_path / "out") == [FIRST, SECOND]


# --- How long to wait ----------------------------------------------------------------------------


class Waits:
    """Answers the first request for each path with a 429 and the headers given for it, and any
    further one with a page. `asked` has the moments of the requests.
    """

    def __init__(self, headers: Mapping[str, Sequence[str]]) -> None:
        self.headers = headers
        self.asked: dict[str, list[float]] = {name: [] for name in headers}

    def __call__(self, request: Request) -> Steps:
        """Answer a request."""
        name = request.target.removeprefix("/")
        self.asked[name].append(time.monotonic())
        if len(self.asked[name]) > 1:
            return page(SECOND)
        return page(b"{}", *self.headers[name], status="429 Too Many Requests")

    def waited(self, name: str) -> float:
        """The time between the first and the second request."""
        first, second = self.asked[name]
        return second - first

    def run(self, tmp_path: Path, server: FaultServer) -> Summary:
        """Harvest all of them at once, as a resource each: a wait holds back its resource."""
        resources = "".join(
            f"  - {{name: {name}, path: {name}, data_selector: items}}\n" for name in self.headers
        )
        text = CONFIG[: CONFIG.index("  - name: items")] + resources
        text = text.replace("max_wait: 0}", "max_wait: 10s, deadline: 1m}")
        asked = config(tmp_path, text, server.url)
        return harvest(asked, out=tmp_path / "out", concurrency=len(self.headers))


def test_row_27_retry_after(tmp_path: Path) -> None:
    """Seconds and dates are waited for; what is neither leaves it to the backoff of 0.5 to 1 s.

    A date is taken against the server's own clock, which is a year behind here; one that is past
    asks for nothing. A wait beyond the deadline ends the partition at once, and it goes on later.
    """
    then = time.time() - 365 * 86400
    waits = Waits(
        {
            "seconds": ["Retry-After: 2"],
            "date": [f"Date: {formatdate(then, usegmt=True)}",
                     f"Retry-After: {formatdate(then + 2, usegmt=True)}"],
            "past": [f"Retry-After: {formatdate(then, usegmt=True)}"],
            "soon": ["Retry-After: soon"],
            "negative": ["Retry-After: -5"],
            "forever": ["Retry-After: 1e12"],
            "forever_long": ["Retry-After: 1000000000000"],
        }
    )  # fmt: skip
    with FaultServer(waits) as server:
        summary = waits.run(tmp_path, server)
        assert summary.exit_code == 3
        assert {failure.resource for failure in summary.failures} == {"forever", "forever_long"}
        assert all("asks to wait" in failure.error for failure in summary.failures)
        assert [len(waits.asked[name]) for name in ("forever", "forever_long")] == [1, 1]
        assert waits.run(tmp_path, server).exit_code == 0
    for name in ("seconds", "date"):
        assert 2 <= waits.waited(name) < 2.5, name
    for name in ("past", "soon", "negative"):
        assert 0.5 <= waits.waited(name) < 1.5, name
    assert verify(tmp_path / "out", deep=True).parts == 7


def test_row_28_reset(tmp_path: Path) -> None:
    """A reset as epoch seconds, milliseconds or seconds from now is the same wait, whatever the
    server's clock says.
    """
    resets: dict[str, Sequence[str]] = {}
    for clock, skew in (("right", 0), ("behind", -3600), ("ahead", 3600)):
        now = int(time.time()) + skew
        date = f"Date: {formatdate(now, usegmt=True)}"
        for form, reset in (("epoch", now + 2), ("delta", 2), ("ms", (now + 2) * 1000)):
            resets[f"{clock}_{form}"] = [
                date, "X-Rate-Limit-Remaining: 0", f"X-Rate-Limit-Reset: {reset}",
            ]  # fmt: skip
    waits = Waits(resets)
    with FaultServer(waits) as server:
        assert waits.run(tmp_path, server).exit_code == 0
    for name in resets:
        assert 2 <= waits.waited(name) < 3, name


# --- What an answer means ------------------------------------------------------------------------


def ruled(*rules: str) -> str:
    """Make a configuration with response_actions."""
    return CONFIG + "    response_actions:\n" + "".join(f"      - {rule}\n" for rule in rules)


@pytest.mark.parametrize(
    ("rule", "body", "tries", "exit_code"),
    [
        ("{when: {path: error.code, equals: 9}, action: retry}", b'{"error": {"code": 9}}', 3, 3),
        ("{when: {path: ok, equals: false}, action: fail}", b'{"ok": false, "items": []}', 1, 3),
        ("{when: {path: ok, equals: false}, action: stop}", b'{"ok": false, "items": []}', 1, 4),
        ("{when: {path: items, exists: false}, action: fail}", b'{"ok": false}', 1, 3),
    ],
)  # fmt: skip
def test_row_29_a_200_that_says_error(
    tmp_path: Path, rule: str, body: bytes, tries: int, exit_code: int
) -> None:
    """A rule sees into a 200, and what it stands against is not committed."""
    site = Site(lambda request: page(body))
    with FaultServer(site) as server:
        summary = run(tmp_path, server, text=ruled(rule))
    assert summary.exit_code == exit_code
    assert len(site.requests) == 1 + tries
    assert parts(tmp_path / "out") == [FIRST]
    assert leftovers(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("script", "told", "tries"),
    [
        pytest.param(
            page(b'{"ok": false}'), "no 'items' \\(resources\\[0\\].data_selector\\)", 2,
            id="ok false",
        ),
        pytest.param(
            page(b"<!DOCTYPE html><p>Log in", "Content-Type: text/html"), "text/html", 1, id="HTML"
        ),
        pytest.param([head(status="204 No Content")], "204 No Content", 1, id="204"),
        pytest.param([head(status="304 Not Modified")], "304 Not Modified", 1, id="304"),
        pytest.param(page(b"", status="202 Accepted"), "202 Accepted", 3, id="202"),
        pytest.param(page(b"{}", status="500 Oops"), "500 Internal", 3, id="500"),
        pytest.param(page(b'{"e": "no"}', status="404 Not Found"), "404 Not Found", 1, id="404"),
        pytest.param(
            page(b"\x0b\x02", "Content-Encoding: br", status="503 Busy"), "503", 3, id="503 in br"
        ),
    ],
)  # fmt: skip
def test_row_29_what_is_no_page(tmp_path: Path, script: Steps, told: str, tries: int) -> None:
    """Without a rule too: no page is kept, and HTTP's own sense says whether to try again."""
    failed(tmp_path, script, told, tries=tries)


def test_row_29_a_cut_page_is_not_taken_for_an_error(tmp_path: Path) -> None:
    """What has not arrived is not absent: no rule may end a partition on half a page."""
    whole = b'{"status": 1, "items": [1, 2, 3], "next": null}'
    answers: list[Steps] = [
        [head(f"Content-Length: {len(whole)}") + whole[:12], CLOSE],
        page(b"<html>down for maintenance</html>"),
        [head("Content-Length: 100", status="403 Forbidden") + b'{"error": ', CLOSE],
        page(whole),
    ]
    site = Site(lambda request: answers.pop(0))
    rules = ruled(
        "{when: {path: items, exists: false}, action: ignore}",
        "{status: 403, when: {path: error, equals: busy}, action: retry}",
        "{status: 403, action: ignore}",
    ).replace("attempts: 3", "attempts: 4")
    with FaultServer(site) as server:
        summary = run(tmp_path, server, text=rules)
    assert summary.exit_code == 0
    assert parts(tmp_path / "out") == [FIRST, whole]


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_row_30_not_allowed(tmp_path: Path, status: str) -> None:
    """Another try would be no better, so there is none; the server's reason is told."""
    script = page(b'{"message": "token expired"}', status=status)
    failed(tmp_path, script, f"{status}.*token expired", tries=1)


RENEWABLE = CONFIG.replace(
    "  timeout:",
    "  auth: {type: session_token, login: {path: /login, json: {user: ann}}, token_path: token}\n"
    "  timeout:",
)


@pytest.mark.parametrize(
    ("status", "rule"),
    [("401 Unauthorized", ""), ("403 Forbidden", "{status: 403, action: reauth}")],
)
@pytest.mark.parametrize("forever", [False, True])
def test_row_30_reauth(tmp_path: Path, status: str, rule: str, forever: bool) -> None:
    """Where the auth can refresh, a refused token is replaced and the page asked for again; where
    new ones are refused too, that is the end.
    """
    tokens: list[str] = []
    pages: list[tuple[str, str]] = []

    def answer(request: Request) -> Steps:
        if request.target == "/login":
            tokens.append(f"t0ken-{len(tokens)}")
            return page(b'{"token": "%b"}' % tokens[-1].encode())
        pages.append((request.target, request.headers["authorization"]))
        if "cursor" not in request.target:
            return page(FIRST)
        if forever or len(tokens) < 2:
            return page(b'{"error": "no longer"}', status=status)
        return page(SECOND)

    out = tmp_path / "out"
    with FaultServer(answer) as server:
        rules = f"    response_actions: [{rule}]\n" if rule else ""
        summary = run(tmp_path, server, text=RENEWABLE + rules)
    assert pages[0] == ("/items", "Bearer t0ken-0")
    asked = [("/items?cursor=c2", f"Bearer {token}") for token in tokens]
    assert pages[1:] == asked
    if forever:
        assert summary.exit_code == 3
        assert "no longer" in summary.failures[0].error
        assert len(tokens) <= 5
        assert (parts(out), len(lines(out))) == ([FIRST], 1)
    else:
        assert summary.exit_code == 0
        assert len(tokens) == 2
        assert parts(out) == [FIRST, SECOND]
    assert leftovers(out) == []


POST = """
version: 1
name: faults
client:
  base_url: http://127.0.0.1:1/
  retry: {attempts: 3, max_wait: 0}
resources:
  - name: items
    path: items
    method: POST
    idempotent: false
    json: {q: 1}
    data_selector: items
    paginator: {type: cursor, cursor_path: next, cursor_body_path: cursor}
"""


@pytest.mark.parametrize("end", [RESET, CLOSE])
@pytest.mark.parametrize("begun", [b"", head(LONG) + SECOND[:50]], ids=["at once", "in the body"])
@pytest.mark.parametrize("pages", [0, 1])
@pytest.mark.parametrize("idempotent", [False, True])
def test_row_36_post(tmp_path: Path, end: Any, begun: bytes, pages: int, idempotent: bool) -> None:
    """A POST that may do something twice is not sent again, on a fresh or on a kept connection.

    The partition fails, with what it has kept; a rerun begins it anew, for the server has moved on.
    """
    scripts: list[Steps] = [*[page(FIRST)] * pages, [begun, end], page(FIRST), page(SECOND)]
    if idempotent and pages:
        del scripts[2]
    seen: list[Any] = []

    def answer(request: Request) -> Steps:
        seen.append(json.loads(request.body))
        return scripts.pop(0)

    out = tmp_path / "out"
    with FaultServer(answer) as server:
        text = POST.replace("idempotent: false", f"idempotent: {str(idempotent).lower()}")
        summary = run(tmp_path, server, text=text)
        first, later = {"q": 1}, {"q": 1, "cursor": "c2"}
        if idempotent:
            assert summary.exit_code == 0
            assert seen == ([first, later, later] if pages else [first, first, later])
            return
        assert summary.exit_code == 3
        assert "not asked again (idempotent: false): run again" in summary.failures[0].error
        assert seen == ([first, later] if pages else [first])
        assert len(lines(out)) == pages
        assert parts(out) == [FIRST] * pages
        assert leftovers(out) == []
        assert run(tmp_path, server, text=text).exit_code == 0
    assert seen[pages + 1 :] == [first, later]
    assert parts(out) == [FIRST] * pages + [FIRST, SECOND]
    assert [line.get("reason") for line in lines(out)] == [
        *[None, "restarted"][: 2 * pages], None, "no_next_cursor",
    ]  # fmt: skip


@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_row_43_closed_while_idle(tmp_path: Path, end: Any) -> None:
    """The server has closed before we ask: the request never reaches it on that connection."""
    site = Site(lambda request: page(SECOND))
    lost: list[Event] = []

    def closing(request: Request) -> Steps:
        return [*site(request), end] if not site.requests else site(request)

    def watch(event: Event) -> None:
        if isinstance(event, PageCommitted):
            time.sleep(0.05)  # so that the server's end has come
        lost.extend([event] if isinstance(event, AttemptLost) else [])

    with FaultServer(closing) as server:
        summary = run(tmp_path, server, events=watch)
        assert server.connections == 2
    assert summary.exit_code == 0
    assert lost == []
    assert [line["attempts"] for line in lines(tmp_path / "out")] == [1, 1]
    assert [request.connection for request in site.requests] == [0, 1]


@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_row_43_stale_connection(tmp_path: Path, end: Any) -> None:
    """A kept connection that the server has given up costs one transparent try."""
    left: list[Steps] = [[end], page(SECOND)]
    site = Site(lambda request: left.pop(0))
    lost: list[Event] = []
    with FaultServer(site) as server:
        summary = run(
            tmp_path, server, events=lambda event: lost.append(event)
            if isinstance(event, AttemptLost) else None,
        )  # fmt: skip
        assert server.connections == 2
    assert summary.exit_code == 0
    assert lost == []
    assert [line["attempts"] for line in lines(tmp_path / "out")] == [1, 1]
    assert [request.connection for request in site.requests] == [0, 0, 1]


# --- Flat memory ---------------------------------------------------------------------------------


@pytest.mark.slow("memory")
@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_a_page_of_300_mb_in_flat_memory(tmp_path: Path, coding: str) -> None:
    """A page costs no more memory for being large."""
    record = b'{"id": %%d, "text": "%b", "n": [1, 2.5]},\n' % (b"The quick brown fox. " * 20)
    block = b"".join(record % number for number in range(2_400))
    times = (300 << 20) // len(block) + 1

    def answer(request: Request) -> Steps:
        pack = compressed if coding == "gzip" else bytes
        between = pack(block)
        yield head("Connection: close", f"Content-Encoding: {coding}") + pack(b'{"items": [\n')
        for _ in range(times):
            yield between
        yield pack(b'{"id": -1}], "next": null}')
        yield CLOSE

    with FaultServer(Site(answer)) as server:
        measured = alone(tmp_path, server)
    assert measured["exit_code"] == 0
    assert measured["peak_mb"] < PEAK_MB
    assert lines(tmp_path / "out")[1]["records"] == 2_400 * times + 1
    assert lines(tmp_path / "out")[1]["bytes"] > 300 << 20


@pytest.mark.slow("wall clock")
@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_a_large_page_that_is_wrong_is_not_waited_for(tmp_path: Path, encoding: str | None) -> None:
    """Where a page is received ahead of its parser, one that is found wrong ends at once: nobody
    waits for the rest, and its connection is not used again.
    """
    body = b'{"items": [' + b'{"id": 1, "name": "x y z"},' * 200_000 + b"}}" + b" " * 600_000
    if encoding:
        body = gzip.compress(body + b"1" * 300_000, 0)[:-400_000]
    lines = [f"Content-Encoding: {encoding}"] if encoding else []
    asked = 0

    def answer(request: Request) -> Steps:
        nonlocal asked
        asked += 1
        if asked == 1:
            yield head("Content-Type: application/json", f"Content-Length: {2**30}", *lines) + body
            yield Pause(30)
        else:
            yield from page(SECOND)

    with FaultServer(Site(answer)) as server:
        patient = CONFIG.replace("read: 2s, page: 5s", "read: 60s, page: 60s")
        began = time.monotonic()
        summary = harvest(config(tmp_path, patient, server.url), out=tmp_path / "out")
        assert time.monotonic() - began < 15
    assert summary.exit_code == 0
    assert asked == 2
    assert leftovers(tmp_path / "out") == []
    assert parts(tmp_path / "out") == [FIRST, SECOND]


@pytest.mark.slow("wall clock")
def test_an_interrupted_page_ends_at_once(tmp_path: Path) -> None:
    """A wish to stop is heeded in the middle of a page that drips, and leaves nothing behind."""
    stop = threading.Event()

    def answer(request: Request) -> Steps:
        yield head(LONG) + SECOND[:100]
        stop.set()
        yield Pause(30)

    with FaultServer(Site(answer)) as server:
        began = time.monotonic()
        summary = harvest(config(tmp_path, CONFIG, server.url), out=tmp_path / "out", stop=stop)
        assert time.monotonic() - began < 1
    assert summary.exit_code == 130
    assert leftovers(tmp_path / "out") == []
    assert parts(tmp_path / "out") == [FIRST]
