"""What goes wrong with pages that are no JSON: rows 109 to 116.

Each page is the second of two, from a real server: the harvest fails in words, keeps the first, and
completes once the server has come to its senses, without a request too many. One harvest has all
pages of a row, each in a partition of its own.
"""

import gzip
import io
import json
import re
import struct
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from harvester import harvest, iter_records, load_config, verify
from harvester.config import Config
from tests.api_server import Answer, ApiServer, Asked
from tests.support import write_config

YAML = """
version: 1
name: formats
client:
  base_url: ORIGIN
  retry: {attempts: 3, max_wait: 0}
  limits: {string_bytes: 100000, record_bytes: 400000, wire_bytes: 50000000}
concurrency: {partitions: 4}
resources:
"""
RESOURCE = """  - name: %s
    path: items
    params: {case: "{case}"}
    partitions: {case: %s}
    %s
    paginator: {type: header_link}
"""
MOST = 400_000


@dataclass(frozen=True)
class Kind:
    """A format: the YAML for it, a good page, its type, and the records of that page."""

    yaml: str
    page: bytes
    type: str
    records: tuple[Any, ...] = ({"id": "1"}, {"id": "2"})

    @property
    def second(self) -> bytes:
        """Another good page: the same with other numbers."""
        return self.page.replace(b"1", b"11").replace(b"2", b"22")


LINES = Kind("format: jsonl", b'{"id": "1"}\n{"id": "2"}\n', "application/x-ndjson")
TABLE = Kind("format: csv", b"id\n1\n2\n", "text/csv")
WIDE = Kind("format: csv", b"id,n\n1,a\n", "text/csv", ({"id": "1", "n": "a"},))
XML = Kind(
    "format: xml\n    data_selector: r.i",
    b"<r><i><id>1</id></i><i><id>2</id></i></r>",
    "application/xml",
)
PDF = Kind(
    'format: {type: raw, content_types: "application/pdf"}', b"%PDF-1.7", "application/pdf", ({},)
)
COLUMNS = Kind(
    "format: {type: json, columns_path: names, rows_path: rows}",
    b'{"names": ["id"], "rows": [["1"], ["2"]]}',
    "application/json",
)


class Case(NamedTuple):
    """A page that is spoilt, what is said of it, and how often it is asked for."""

    kind: Kind
    page: bytes
    told: str
    tries: int = 2
    type: str | None = None  # in the place of the format's own


class Server:
    """Two pages for each case, of which the second is spoilt until it is `healed`."""

    def __init__(self, cases: Mapping[str, Case]) -> None:
        self.cases = cases
        self.healed = False
        self.seconds = Counter[str]()

    def __call__(self, asked: Asked) -> Answer:
        """A page."""
        name = asked.params["case"]
        case = self.cases[name]
        headers = {"Content-Type": case.kind.type}
        if "page" not in asked.params:
            link = f'</items?case={quote(name)}&page=2>; rel="next"'
            return Answer(data=case.kind.page, headers={**headers, "Link": link})
        self.seconds[name] += 1
        if self.healed:
            return Answer(data=case.kind.second, headers=headers)
        return Answer(data=case.page, headers={"Content-Type": case.type or case.kind.type})


def configured(tmp_path: Path, cases: Mapping[str, Case], server: ApiServer) -> Config:
    """A resource for each format, with a partition for each case."""
    kinds: dict[str, list[str]] = {}
    for name, case in cases.items():
        kinds.setdefault(case.kind.yaml, []).append(name)
    resources = "".join(
        RESOURCE % (f"of_{number}", json.dumps(names), yaml)
        for number, (yaml, names) in enumerate(kinds.items())
    )
    text = YAML.replace("ORIGIN", f"{server.origin}/") + resources
    return load_config(write_config(tmp_path, text))


def records_of(out: Path, name: str) -> list[Any]:
    """The records of a case."""
    return [json.loads(line) for line in iter_records(out, partition={"case": name})]


def failed(tmp_path: Path, **cases: Case) -> None:
    """Each second page fails in its words after so many tries; nothing of it stays, the first is
    kept, and the run after that is whole.
    """
    server, out = Server(cases), tmp_path / "out"
    with ApiServer(server) as api:
        config = configured(tmp_path, cases, api)
        summary = harvest(config, out=out)
        assert summary.exit_code == 3
        said = {failure.partition["case"]: failure.error for failure in summary.failures}
        for name, case in cases.items():
            assert re.search(case.told, said.get(name, "kept")), (name, said.get(name))
            assert server.seconds[name] == case.tries, name
        parts = [path for path in out.rglob("*part*") if path.is_file()]
        assert {path.name.partition(".")[0] for path in parts} == {"part-000001"}
        assert len(parts) == len(cases)
        server.healed, asked = True, len(api.asked)
        again = harvest(config, out=out)
        assert again.complete, again.failures
        assert len(api.asked) == asked + len(cases)
    assert verify(out, deep=True).ok
    for name, case in cases.items():
        assert len(records_of(out, name)) == 2 * len(case.kind.records)


def kept(tmp_path: Path, **cases: tuple[Kind, bytes, list[Any]]) -> None:
    """Each second page is right, and has these records."""
    pages = {name: Case(kind, page, "") for name, (kind, page, _) in cases.items()}
    with ApiServer(Server(pages)) as api:
        config = configured(tmp_path, pages, api)
        summary = harvest(config, out=tmp_path / "out")
    assert summary.complete, summary.failures
    for name, (kind, _, records) in cases.items():
        found = records_of(tmp_path / "out", name)
        assert found == [*kind.records, *records], name
    assert verify(tmp_path / "out", deep=True).ok


# --- Row 109: JSON Lines --------------------------------------------------------------------------


def test_row_109_lines_that_are_none(tmp_path: Path) -> None:
    """By the number of the line; no bytes of the page are in the message as Python writes them."""
    failed(
        tmp_path,
        cut=Case(LINES, b'{"id": 1}\n{"id"', "line 2 is not one complete"),
        two_in_a_line=Case(LINES, b'{"id": 1}{"id": 2}\n', "line 1 is not one complete"),
        CR_alone=Case(LINES, b'{"id": 1}\r{"id": 2}\r', "line 1 is not one complete"),
        one_over_lines=Case(LINES, b'{\n "id": 1\n}\n', "line 1 is not one complete"),
        NUL_between=Case(LINES, b'{"id": 1\0}\n', "line 1 is not one complete"),
        NULs_behind=Case(LINES, b'{"id": 1}\n' + bytes(99), "line 2 is not one complete"),
        UTF_16=Case(LINES, '{"id": 1}\n'.encode("utf-16"), "UTF-16"),
        Latin_1=Case(LINES, b'{"id": "M\xfcller"}\n', "invalid bytes in UTF8"),
    )


# --- Row 110: CSV ---------------------------------------------------------------------------------


def test_row_110_tables_that_are_none(tmp_path: Path) -> None:
    """By the number of the line, and what to write in the YAML where it is meant so."""
    failed(
        tmp_path,
        open_quote=Case(WIDE, b'id,n\n1,"a\n2,b\n', "quote that opens in the row of line 2"),
        text_behind_a_quote=Case(WIDE, b'id,n\n1,"a"b\n', "row of line 2: "),
        short_row=Case(WIDE, b"id,n\n1,a\n2\n", "row of line 3 has one value"),
        long_row=Case(WIDE, b"id,n\n1,a,b\n", "row of line 2 has 3 values"),
        NULs_behind=Case(WIDE, b"id,n\n1,a\n" + bytes(9), "row of line 3 has one value"),
        a_name_twice=Case(WIDE, b"id,id\n1,2\n", "header names 'id' twice"),
        no_names=Case(WIDE, b"id,,\n1,2,3\n", "several columns without a name"),
        semicolons=Case(WIDE, b"id;n\n1;2\n", r'say format: \{type: csv, delimiter: ";"\}'),
        tabs=Case(WIDE, b"id\tn\n1\t2\n", r'delimiter: "\\t"'),
        Latin_1=Case(WIDE, b"id,n\n1,\xe4\n", "byte 0xe4 at about"),
    )


# --- Row 111: what is written otherwise, and right ------------------------------------------------


def test_row_111_written_otherwise(tmp_path: Path) -> None:
    """Marks of the byte order, line breaks of all systems, encodings that are named, emptiness, and
    a header that changes: each page's rows have the names of its own.
    """
    utf_16 = '<?xml version="1.0" encoding="UTF-16"?><r><i>ä</i></r>'
    cp1252 = '<?xml version="1.0" encoding="windows-1252"?><r><i>€</i></r>'
    crlf = b'\xef\xbb\xbf<?xml version="1.0"?>\r\n<r><i>a\r\nb</i></r>'
    kept(
        tmp_path,
        lines=(LINES, b'\xef\xbb\xbf{"id": 3}\r\n\r\n\n{"id": 4}', [{"id": 3}, {"id": 4}]),
        separator=(LINES, '{"id": "\u2028"}\n'.encode(), [{"id": "\u2028"}]),
        no_line=(LINES, b"", []),
        rows=(TABLE, b'\xef\xbb\xbfid\r\n"a\r\n""b"\r\n', [{"id": 'a\r\n"b'}]),
        cr=(TABLE, b"id\ra\rb\r", [{"id": "a"}, {"id": "b"}]),
        rows_utf_16=(TABLE, "id\nä\n".encode("utf-16"), [{"id": "ä"}]),
        nul=(TABLE, b"id\na\0b\n", [{"id": "a\0b"}]),
        no_row=(TABLE, b"id\n", []),
        header=(WIDE, b"n,id,more\nb,3,x\n", [{"n": "b", "id": "3", "more": "x"}]),
        xml_utf_16=(XML, utf_16.encode("utf-16"), ["ä"]),
        xml_cp1252=(XML, cp1252.encode("cp1252"), ["€"]),
        xml_crlf=(XML, crlf, ["a\nb"]),
        no_element=(XML, b"<r/>", []),
        type_elsewhere=(XML, b'<!DOCTYPE r SYSTEM "http://127.0.0.1:1/d"><r><i>1</i></r>', ["1"]),
    )


# --- Row 112: another kind of page ----------------------------------------------------------------

SORRY = b"<!DOCTYPE html>\n<html><body>Please log in<br></body></html>\n"


def test_row_112_html_that_says_so(tmp_path: Path) -> None:
    """Is not asked for again."""
    told = "200 OK with text/html, which is no"
    failed(
        tmp_path,
        lines=Case(LINES, SORRY, told, 1, "text/html"),
        rows=Case(TABLE, SORRY, told, 1, "text/html"),
        elements=Case(XML, SORRY, told, 1, "text/html"),
        no_xml=Case(XML, SORRY, "200 OK with application/xml, which is no XML.*base_url", 1),
        file=Case(PDF, SORRY, told, 1, "text/html"),
    )


def test_row_112_under_a_wrong_name(tmp_path: Path) -> None:
    """An error in the place of a page, whatever it is called, is no empty page."""
    failed(
        tmp_path,
        html_as_lines=Case(LINES, SORRY, "line 1 is not one complete"),
        html_as_csv=Case(TABLE, SORRY, "the body is HTML, and no CSV"),
        json_as_csv=Case(TABLE, b'{"error": "quota"}', "the body is JSON, and no CSV"),
        list_as_csv=Case(TABLE, b'\n[{"id": 1}]', "the body is JSON, and no CSV"),
        json_as_xml=Case(XML, b'{"error": "quota"}', "not complete, well-formed XML"),
        another_document=Case(XML, b"<error>quota</error>", "has no 'r.i'"),
        no_rows=Case(COLUMNS, b'{"error": "quota"}', "has no .rows. .*rows_path"),
        lines_as_json=Case(
            COLUMNS,
            b'{"names": 1}\n{"names": 2}',
            "x-ndjson: if it is, say format: jsonl",
            2,
            "application/x-ndjson",
        ),
    )


# --- Row 113: what is too large -------------------------------------------------------------------

LONG = b"x" * (2 * MOST)


def test_row_113_too_large(tmp_path: Path) -> None:
    """Is refused by the name of its limit, at the first try, before it is all there."""
    told = r"limits\.(string_bytes|record_bytes|depth)"
    failed(
        tmp_path,
        line=Case(LINES, b'{"id": "%b"}\n' % LONG, told, 1),
        line_without_an_end=Case(LINES, LONG, told, 1),
        cell=Case(TABLE, b'id\n"%b"\n' % LONG, told, 1),
        row_without_an_end=Case(TABLE, b"id\n%b" % LONG, told, 1),
        quote_without_an_end=Case(TABLE, b'id\n"' + b"x,y\n" * MOST, told, 1),
        text=Case(XML, b"<r><i>%b</i></r>" % LONG, told, 1),
        attribute=Case(XML, b'<r><i a="%b"/></r>' % LONG, told, 1),
        comment=Case(XML, b"<r><!--%b--><i/></r>" % LONG, told, 1),
        depth=Case(XML, b"<r>" + b"<i>" * 999 + b"</i>" * 999 + b"</r>", told, 1),
    )


# --- Row 114: XML ---------------------------------------------------------------------------------

LAUGHS = (
    b'<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'
    b"<r><i>&c;</i></r>"
)


def test_row_114_xml_that_is_none(tmp_path: Path) -> None:
    """Or that would be more than it is: no entity is resolved, no file read, nothing fetched."""
    failed(
        tmp_path,
        billion_laughs=Case(XML, LAUGHS, "declarations of its own", 1),
        a_file=Case(
            XML,
            b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r><i>&x;</i></r>',
            "declarations of its own",
            1,
        ),
        undefined_entity=Case(XML, b"<r><i>&nbsp;</i></r>", "undefined entity", 2),
        cut=Case(XML, b"<r><i>1</i><i>2", "well-formed XML: no element found", 2),
        two_roots=Case(XML, b"<r><i>1</i></r><r/>", "junk after document element", 2),
        NUL=Case(XML, b"<r><i>a\0</i></r>", "not well-formed", 2),
        Latin_1=Case(XML, b"<r><i>\xe4</i></r>", "not well-formed", 2),
        twice=Case(XML, b'<r><i a="1" a="2"/></r>', "duplicate attribute"),
    )


# --- Row 115: archives ----------------------------------------------------------------------------


def archive(*files: tuple[str, bytes], flags: int = 0, crc: int = 0) -> bytes:
    """A zip archive; `flags` are set in its headers, and `crc` makes the checksums wrong."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files:
            file.writestr(name, data)
    whole = bytearray(made.getvalue())
    directory = whole.find(b"PK\x01\x02")
    for flag, check in ((6, 14), (directory + 8, directory + 16)):
        if files and flags:
            struct.pack_into("<H", whole, flag, flags)
        if files and crc:
            whole[check] ^= crc
    return bytes(whole)


def packed(data: bytes, times: int) -> bytes:
    """Gzip within gzip."""
    return data if times == 0 else gzip.compress(packed(data, times - 1))


SMALL = ("a.csv", b"id\n1\n")
ROWS = b"id\n" + b"".join(b"%d\n" % (n * 7919 % 99991) for n in range(9000))


def test_row_115_archives(tmp_path: Path) -> None:
    """That are damaged, or more than one page."""
    pytest.importorskip("stream_unzip")
    failed(
        tmp_path,
        encrypted=Case(TABLE, archive(SMALL, flags=1), "archive is encrypted", 1),
        crc=Case(TABLE, archive(SMALL, crc=255), "damaged, or was cut", 2),
        cut=Case(TABLE, archive(("a.csv", ROWS))[:900], "damaged, or was cut", 2),
        empty=Case(TABLE, archive(), "holds no file", 1),
        folder=Case(TABLE, archive(("a/", b"")), "holds no file", 1),
        several=Case(TABLE, archive(("a.csv", ROWS), ("b.csv", ROWS)), "several files", 1),
        gzip=Case(TABLE, gzip.compress(gzip.compress(ROWS))[:-30], "cut before its end", 3),
        layers=Case(TABLE, packed(ROWS, 5), "packed more than 3 times", 1),
    )


def test_row_115_names_in_archives(tmp_path: Path) -> None:
    """Are names for nothing on the disk; gzip in gzip is one page."""
    pytest.importorskip("stream_unzip")
    row = [{"id": "3"}]
    kept(
        tmp_path,
        up=(TABLE, archive(("../../evil.csv", b"id\n3\n")), row),
        root=(TABLE, archive(("/etc/evil.csv", b"id\n3\n")), row),
        backslash=(TABLE, archive(("a\\..\\evil.csv", b"id\n3\n")), row),
        line_break=(TABLE, archive(("ü\n.csv", b"id\n3\n")), row),
        gzip_in_gzip=(TABLE, packed(b"id\n3\n", 2), row),
    )
    assert list(tmp_path.rglob("*evil*")) == []
    assert not Path("/etc/evil.csv").exists()


# --- Row 116: columns apart from rows -------------------------------------------------------------


def test_row_116_rows_that_do_not_fit(tmp_path: Path) -> None:
    """Are told by their number."""
    failed(
        tmp_path,
        short=Case(COLUMNS, b'{"names": ["a", "b"], "rows": [[1]]}', "row 1 has 1 value", 2),
        long=Case(COLUMNS, b'{"names": ["a"], "rows": [[1, 2]]}', "row 1 has 2 values", 2),
        object=Case(COLUMNS, b'{"names": ["a"], "rows": [{"a": 1}]}', "row 1 is no list", 2),
        null=Case(COLUMNS, b'{"names": ["a"], "rows": [null]}', "row 1 is no list", 2),
        twice=Case(COLUMNS, b'{"names": ["a", "a"], "rows": [[1, 2]]}', "two columns", 1),
        no_names=Case(COLUMNS, b'{"rows": [[1, 2]]}', "no names of columns"),
    )
