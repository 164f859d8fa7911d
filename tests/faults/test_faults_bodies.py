"""Faults of bodies on the wire, by the rows of the table: framing, codings, what is in them."""

import functools
import gzip
import json
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest
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
)
from tests.faults.one_bad_page import (
    CONFIG,
    FIRST,
    LONG,
    SECOND,
    Site,
    committed,
    failed,
    folder,
    leftovers,
    lines,
    parts,
    retried,
    run,
)
from tests.support import ENVIRONMENT, config, write_config

#: The most that a page may cost, whatever is in it.
PEAK_MB = 96

GZIP = compressed(SECOND)


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
