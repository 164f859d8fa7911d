"""What comes whole and is no page, or a page that somebody could not read: rows 70 to 75.

Through whole harvests from a server that sends what it is told to.
"""

import gzip
import json
import re
import struct
import subprocess
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from isal import igzip

from harvester import iter_records, status
from harvester.config import Limits
from harvester.errors import PageRejected
from harvester.export import export
from harvester.page.body import tee
from tests.fault_server import CLOSE, FaultServer, Steps, chunked, compressed, gzip_page, head, page
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

BROKEN = SECOND[:-1] + b",}"

# --- Row 70: the grammar of every byte ------------------------------------------------------------

RECORDS = b", ".join(b'{"id": %d, "text": "more"}' % n for n in range(3_000))


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(rb'{"path": "C:\dir"}', id="escape"),
        pytest.param(b'{"name": "M\xfcller"}', id="Latin-1"),
        pytest.param(b'{"id": 1,}', id="comma in an object"),
        pytest.param(b'{"id": 01}', id="leading zero"),
        pytest.param(b'{"id": NaN}', id="NaN"),
        pytest.param(b'{"id": nul}', id="nul"),
        pytest.param(b'{"id" 1}', id="no colon"),
        pytest.param(b'{"id": [1 2]}', id="no comma"),
        pytest.param(b"{id: 1}", id="key without quotes"),
        pytest.param(b"{'id': 1}", id="single quotes"),
        pytest.param(b'{"id": 1}, ', id="comma in the array"),
    ],
)
def test_row_70_a_record_that_is_no_json(tmp_path: Path, record: bytes) -> None:
    """Among thousands that are passed over, and at their end."""
    among = b'{"items": [%b, %b, %b], "next": null}' % (RECORDS, record, RECORDS)
    failed(tmp_path / "among", page(among), "valid JSON: .* at byte|in UTF-8", tries=2)
    last = b'{"items": [%b, %b], "next": null}' % (RECORDS, record)
    failed(tmp_path / "last", gzip_page(compressed(last)), "valid JSON|in UTF-8", tries=2)


# --- Row 71: control characters -------------------------------------------------------------------

RAW = {"id": 7, "text": "line one\nline two\ttab\x1b[31m \x00\x7f", "k\ty": ["\r\n", "\\t"]}
CONTROLS = 7


def raw(value: Any) -> bytes:
    """JSON with its control characters raw, as those write it who put JSON together by hand."""
    text = json.dumps(value).replace("\\\\", "\x01")
    for character in "\n\t\r\x1b\0":
        escape = json.dumps(character)[2:-1]
        text = text.replace(f"\\{escape}", character)
    return text.replace("\x01", "\\\\").encode()


@pytest.mark.parametrize("many", [0, 3_000])
@pytest.mark.parametrize("indent", [None, 2])
def test_row_71_raw_control_characters(tmp_path: Path, many: int, indent: int | None) -> None:
    """The page is kept as it came, they are counted, and every reader escapes them."""
    usual = [{"id": n, "text": "more"} for n in range(many)]
    records: list[Any] = [*usual, RAW, *usual, RAW, {"id": 8}]
    text = json.dumps({"items": [1], "next": None}, indent=indent).encode()
    body = text.replace(b"1", b",\n".join(map(raw, records)))
    committed(tmp_path, page(body), kept=body)
    out = tmp_path / "out"
    assert lines(out)[1]["control_characters"] == 2 * CONTROLS
    assert "control_characters" not in lines(out)[0]
    assert status(out).as_dict()["resources"][0]["control_characters"] == 2 * CONTROLS
    assert [json.loads(line) for line in iter_records(out)][2:] == records
    exported = tmp_path / "o.jsonl"
    export(out, exported)
    assert [json.loads(line)["id"] for line in exported.read_text().splitlines()[2:]] == [
        record["id"] for record in records
    ]
    export(out, tmp_path / "o.csv")
    assert "line one\nline two\ttab" in (tmp_path / "o.csv").read_text()
    export(out, tmp_path / "o.parquet")


def test_row_71_in_a_cursor(tmp_path: Path) -> None:
    """It is the cursor that was meant, and asked with."""
    site = Site(first=b'{"items": [1], "next": "a\tb\nc"}')
    with FaultServer(site) as server:
        assert run(tmp_path, server).exit_code == 0
    assert site.targets == ["/items", "/items?cursor=a%09b%0Ac"]


def test_row_71_between_values(tmp_path: Path) -> None:
    """There, none but white space may stand."""
    failed(tmp_path / "vt", page(SECOND.replace(b", ", b",\v", 1)), "control character", tries=2)
    failed(tmp_path / "nul", page(SECOND.replace(b", ", b",\0", 1)), "valid JSON", tries=2)
    committed(tmp_path / "tabs", page(SECOND.replace(b", ", b",\t\r\n")),
              kept=SECOND.replace(b", ", b",\t\r\n"))  # fmt: skip


# --- Row 72: the same body twice ------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(page(BROKEN), id="length"),
        pytest.param([*chunked([BROKEN[:700], BROKEN[700:]])], id="chunks"),
        pytest.param(gzip_page(compressed(BROKEN)), id="gzip"),
        pytest.param(page(b'{"items": [1, 2'), id="half"),
        pytest.param(page(b"Internal error"), id="text"),
        pytest.param(page(b'{"items": [tru]}' + b" " * 100_000), id="much behind it"),
    ],
)
def test_row_72_the_same_body_twice(tmp_path: Path, script: Steps) -> None:
    """A body that was whole was broken before it was sent: the second time is the last."""
    failed(tmp_path, [*script], "valid JSON.*the same came twice", tries=2)


def test_row_72_however_it_is_compressed(tmp_path: Path) -> None:
    """Servers put a time, or letters at random, into the header of their gzip."""
    sent: list[Steps] = []

    def answer(request: object) -> Steps:
        sent.append(gzip_page(gzip.compress(BROKEN, 1 + len(sent), mtime=len(sent))))
        return sent[-1]

    failed(tmp_path, answer, "the same came twice", tries=2)


def test_row_72_another_body_is_tried_again(tmp_path: Path) -> None:
    """What differs may be right the next time, and so may what was cut, or is not there."""
    retried(tmp_path / "differ", page(BROKEN), page(BROKEN + b" "))
    cut: Steps = [head(LONG) + SECOND[:500], CLOSE]
    retried(tmp_path / "cut", cut, cut)
    unframed: Steps = [b"HTTP/1.0 200 OK\r\n\r\n" + SECOND[:500], CLOSE]
    retried(tmp_path / "unframed", unframed, unframed)
    retried(tmp_path / "empty", page(b""), page(b""))


# --- Row 73: something else by its name -----------------------------------------------------------

TYPES = [
    ("text/html; charset=utf-8", b"<!DOCTYPE html><title>Sign in</title>"),
    ("TEXT/HTML", b"\n\n <html>"),
    ("application/xml", b"<?xml version='1.0'?><a/>"),
    ("application/atom+xml", b"<feed/>"),
    ("image/png", b"\x89PNG\r\n\x1a\n\0\0"),
    ("application/pdf", b"%PDF-1.7"),
    ("application/zip", b"PK\x03\x04\0\0\0\0"),
    ("text/csv", b"id,name\n1,x\n"),
]


@pytest.mark.parametrize(("kind", "body"), TYPES, ids=[kind for kind, _ in TYPES])
def test_row_73_no_json_by_its_type(tmp_path: Path, kind: str, body: bytes) -> None:
    """A page to log in, a file: there at the next try too, so there is none."""
    name = kind.partition(";")[0].lower()
    script = page(body, f"Content-Type: {kind}")
    failed(tmp_path, script, f"answered 200 OK with {re.escape(name)}, which is no JSON: ", tries=1)


@pytest.mark.parametrize(
    "kind",
    ["text/html", "text/plain", "application/octet-stream", "application/vnd.api+json", "none", ""],
)
def test_row_73_json_under_any_name(tmp_path: Path, kind: str) -> None:
    """PHP sends text/html unless it is told: what is JSON is a page, and half of it is no other."""
    named = page(SECOND, f"Content-Type: {kind}")
    committed(tmp_path / "whole", named)
    retried(tmp_path / "broken", page(BROKEN, f"Content-Type: {kind}"), good=named)


def test_row_73_a_rule_has_the_first_word(tmp_path: Path) -> None:
    """Where HTML passes, as a page about maintenance does, a rule says so."""
    html = page(b"<html>Back soon", "Content-Type: text/html")
    answers = [html, html, page(SECOND)]
    rule = "{header: {name: content-type, matches: html}, action: retry}"
    text = CONFIG + f"    response_actions: [{rule}]\n"
    with FaultServer(Site(lambda request: answers.pop(0))) as server:
        assert run(tmp_path, server, text=text).exit_code == 0


# --- Row 74: a selector that leads nowhere --------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"results": [1, 2, 3], "count": 3, "next": null}',
         "results \\(3 items\\), count \\(a number\\), next \\(null\\); most likely .* 'results'"),
        (b'{"ok": false, "errors": []}', "ok \\(false\\), errors \\(0 items\\)"),
        (b'{"data": {"list": [{"items": []}], "n": "1"}}',
         "data \\(an object\\), data.list \\(1 item\\); most likely it should be 'data.list'"),
        (b'[{"items": 1}]', "it is 1 item; most likely it should be '\\$'"),
        (b"{}", "it is an empty object; if"),
        (b'"items"', "it is a text; if"),
        (json.dumps({f"k{n}": n for n in range(100)}).encode(), "k11 \\(a number\\), …; if"),
    ],
)  # fmt: skip
def test_row_74_what_the_page_has(tmp_path: Path, body: bytes, told: str) -> None:
    """Two tries, and then it is told what the page has in its place."""
    failed(tmp_path, page(body), told, tries=2)


def test_row_74_an_error_that_passes(tmp_path: Path) -> None:
    """A 200 that says "busy" once is no wrong selector."""
    retried(tmp_path, page(b'{"error": "busy"}'))
    retried(tmp_path / "other", page(b'{"error": "busy"}'), page(b'{"message": "wait"}'))


# --- Row 75: gzip that not everybody reads --------------------------------------------------------

TEXT, EXTRA, NAME, COMMENT, CHECK, RESERVED = 1, 4, 8, 16, 2, 0xE0


def member(data: bytes, flags: int = 0, fill: bytes = b"x") -> bytes:
    """A gzip member whose header has what its flags say (RFC 1952)."""
    header = b"\x1f\x8b\x08" + bytes([flags]) + bytes(5) + b"\xff"
    header += struct.pack("<H", len(fill)) + fill if flags & EXTRA else b""
    header += fill + b"\0" if flags & NAME else b""
    header += fill + b"\0" if flags & COMMENT else b""
    header += struct.pack("<H", zlib.crc32(header) & 0xFFFF) if flags & CHECK else b""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = deflate.compress(data) + deflate.flush()
    return header + packed + struct.pack("<II", zlib.crc32(data), len(data))


ODD = {
    "reserved 5": member(SECOND, 0x20),
    "reserved 7": member(SECOND, 0x80),
    "text": member(SECOND, TEXT),
    "extra": member(SECOND, EXTRA, bytes(9)),
    "large extra": member(SECOND, EXTRA, bytes(60_000)),
    "comment": member(SECOND, COMMENT),
    "check": member(SECOND, CHECK),
    "wrong check": member(SECOND, CHECK)[:10] + b"??" + member(SECOND, CHECK)[12:],
    "long name": member(SECOND, NAME, b"n" * 40_000),
    "everything": member(SECOND, TEXT | EXTRA | NAME | COMMENT | CHECK),
    "the second member": member(SECOND[:900]) + member(SECOND[900:], COMMENT),
    "the first member": member(SECOND[:900], RESERVED) + member(SECOND[900:]) + member(b""),
}


def everybody_reads(path: Path) -> None:
    """`gzip -t`, Python, isal, DuckDB and pandas take the file, and all find the same."""
    subprocess.run(["gzip", "-t", path], check=True)
    assert gzip.decompress(path.read_bytes()) == SECOND
    assert igzip.decompress(path.read_bytes()) == SECOND  # type: ignore[no-untyped-call]
    with duckdb.connect() as connection:
        found = connection.execute("select len(items) from read_json(?)", [str(path)]).fetchall()
    assert found == [(297,)]
    assert len(pd.read_json(path)) == 297


@pytest.mark.parametrize("name", ODD)
def test_row_75_an_odd_gzip_header(tmp_path: Path, name: str) -> None:
    """The page is kept, with a plain header."""
    committed(tmp_path, gzip_page(ODD[name]))
    everybody_reads(folder(tmp_path / "out") / "part-000002.json.gz")
    assert leftovers(tmp_path / "out") == []


@pytest.mark.parametrize("body", [member(SECOND), member(SECOND, NAME, b"page.json")])
def test_row_75_a_usual_header_stays(tmp_path: Path, body: bytes) -> None:
    """The server's own bytes are the part's."""
    committed(tmp_path, gzip_page(body))
    path = folder(tmp_path / "out") / "part-000002.json.gz"
    assert path.read_bytes() == body
    everybody_reads(path)
    assert parts(tmp_path / "out") == [FIRST, SECOND]


def stored(chunks: Iterable[bytes]) -> bytes:
    """What of a gzip body would be the part."""
    return b"".join(part for part, _ in tee(chunks, ["gzip"], Limits()))


@pytest.mark.parametrize("name", ODD)
def test_row_75_wherever_it_is_cut(name: str) -> None:
    """The part does not depend on it; isal itself fails where a header is cut (measured, 1.8)."""
    whole = ODD[name]
    expected = stored([whole])
    sizes = (1, 7, 1000) if len(whole) < 10_000 else (1000,)
    for size in sizes:
        cut = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert stored(cut) == expected
    for end in (0, 1, 2, 9, 11, len(whole) // 2):
        with pytest.raises(PageRejected, match="cut before its end"):
            stored([whole[:end]])


def test_row_75_a_header_without_end() -> None:
    """Is not waited for."""
    with pytest.raises(PageRejected, match="does not end"):
        stored([member(b"", COMMENT)[:10], *[b"c" * 10_000] * 100])
