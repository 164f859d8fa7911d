"""Reads pages of CSV: each row is an object of texts, named by the header."""

import codecs
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from harvester.config import CsvFormat, Limits
from harvester.errors import Malformed
from harvester.page.formats.csv_rows import Row, Rows
from harvester.page.page_format import PageFormat, Translator
from harvester.patterns import pattern

#: Where `uneven: keep` puts the values of a row that has more of them than there are columns.
FURTHER: Final = "…"
_OWN: Final = pattern(
    r"(text|application)/(x-)?(csv|comma-separated-values|tsv)|text/tab-separated-values"
    r"|application/[\w.-]+\+csv|application/vnd\.ms-excel"
)
_OTHERS: Final = pattern(
    r"html|json|xml|javascript|pdf|parquet|openxmlformats|^(image|audio|video|font)/"
)
#: What a table hardly begins with, and pages do that were meant for a browser or a program.
_OTHER_TEXT: Final = pattern(
    r"\s*(?:<!doctype\s|<html\b|<\?xml\b|\{\s*(?:\"|\})|\[\s*[\[{\"])", re.IGNORECASE
)
_SHOWN: Final = 60
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BOM_BYTES: Final = 2
_MARK: Final = "\ufeff"


class _Text:
    """Decodes the bytes of a page."""

    def __init__(self, encoding: str | None) -> None:
        self._encoding = encoding
        self._head = b""  # until its beginning tells the encoding
        self._decoder: codecs.IncrementalDecoder | None = None
        self._begun = False
        self._bytes = 0

    def decode(self, chunk: bytes, *, final: bool = False) -> str:
        """The text of the chunk. Raises `Malformed`."""
        if self._decoder is None:
            self._head = chunk = self._head + chunk
            if len(chunk) < _BOM_BYTES and not final:
                return ""
            if self._encoding is None:
                self._encoding = "utf-16" if chunk.startswith(_UTF_16) else "utf-8"
            self._decoder = codecs.getincrementaldecoder(self._encoding)()
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            raise self._malformed(error) from error
        self._bytes += len(chunk)
        if text and not self._begun:
            self._begun = True
            return text.removeprefix(_MARK)
        return text

    def _malformed(self, error: UnicodeDecodeError) -> Malformed:
        byte = error.object[error.start]
        place = self._bytes + error.start + 1
        return Malformed(
            f"the body is no CSV in {self._encoding}: byte 0x{byte:02x} at about {place:,} is none "
            "of its characters; name another, as in format: {type: csv, encoding: latin-1}"
        )


class _Table:
    """Gives the rows of one page as an array of objects."""

    def __init__(self, options: CsvFormat, limits: Limits | None) -> None:
        self._text = _Text(options.encoding)
        self._rows = Rows(options, limits)
        self._columns: Sequence[str] | None = options.columns or None
        self._keeps = options.uneven == "keep"
        self._delimiter = options.delimiter
        self._begun = False

    def feed(self, chunk: bytes) -> bytes:
        """The text of the rows that end in the chunk."""
        return self._objects(self._rows.feed(self._text.decode(chunk)))

    def close(self) -> bytes:
        """The text of the last rows, and the end."""
        rows = self._rows.feed(self._text.decode(b"", final=True)) + self._rows.close()
        text = self._objects(rows)
        if self._columns is None:
            raise Malformed(
                "the body is no CSV: it has no header; if pages never have one, name the columns: "
                "format: {type: csv, columns: […]}"
            )
        return text + (b"]" if self._begun else b"[]")

    def _objects(self, rows: list[Row]) -> bytes:
        if self._columns is None and rows:
            self._columns = _header(rows.pop(0), self._delimiter)
        if not rows:
            return b""
        columns: Any = self._columns
        count = len(columns)
        objects = [
            dict(zip(columns, row.values, strict=True))
            if len(row.values) == count
            else self._uneven(row)
            for row in rows
        ]
        text = msgspec.json.encode(objects)[1:-1]
        first, self._begun = b"," if self._begun else b"[", True
        return first + text

    def _uneven(self, row: Row) -> dict[str, Any]:
        """A row that has more or fewer values than there are columns."""
        columns: Any = self._columns
        values = row.values
        if not self._keeps:
            raise Malformed(
                f"the body is no CSV: the row of line {row.line:,} has {_values(len(values))}, and "
                f"there are {len(columns):,} columns; if that is as it should be, say "
                "format: {type: csv, uneven: keep}"
            )
        found: dict[str, Any] = dict(zip(columns, values, strict=False))
        if further := values[len(columns) :]:
            found[FURTHER] = further
        return found


class CsvPages(PageFormat[CsvFormat], options=CsvFormat):
    """`format: csv`."""

    suffix = ".csv.gz"
    accept = "text/csv, */*;q=0.5"
    content_type = "text/csv"
    proves_itself = False
    proves_its_end = False

    def translator(self, limits: Limits | None = None) -> Translator:
        """Its rows as an array of objects."""
        return _Table(self.options, limits)

    @classmethod
    def is_own(cls, content_type: str) -> bool:
        """Commas, tabs, and what Excel registers for both."""
        return _OWN.fullmatch(content_type) is not None

    def refuses(self, content_type: str, beginning: bytes) -> bool:
        """Any text could be CSV, so what is sent as something else is believed to be that."""
        return _OTHERS.search(content_type) is not None


def _header(row: Row, delimiter: str) -> list[str]:
    """The names of the columns. Raises `Malformed`."""
    if text := _OTHER_TEXT.match(",".join(row.values)):
        kind = "HTML" if "<" in text[0] else "JSON"
        raise Malformed(
            f"the body is {kind}, and no CSV, though the server calls it that: an error, or "
            "a form to log in, most likely"
        )
    if twice := _twice(row.values):
        named = f"names {twice[0]!r} twice" if twice[0] else "leaves several columns without a name"
        raise Malformed(
            f"the body is no CSV that can be read: its header {named}; name the "
            "columns yourself: format: {type: csv, skip_lines: 1, columns: […]}"
        )
    if len(row.values) == 1 and (other := _other_delimiter(row.values[0], delimiter)):
        name = row.values[0][:_SHOWN]
        raise Malformed(
            f"the body is no CSV with {delimiter!r} between its values: its header is one name, "
            f'{name!r}; say format: {{type: csv, delimiter: "{other}"}}, or, if it is one name, '
            "format: {type: csv, skip_lines: 1, columns: […]}"
        )
    return row.values


def _other_delimiter(header: str, delimiter: str) -> str | None:
    """What stands between the names of a header that was read as one, as the YAML writes it."""
    found = next((each for each in ";\t," if each in header and each != delimiter), None)
    return "\\t" if found == "\t" else found


def _twice(names: Iterable[str]) -> list[str]:
    """The first name that comes a second time, if any."""
    seen = set[str]()
    for name in names:
        if name in seen:
            return [name]
        seen.add(name)
    return []


def _values(count: int) -> str:
    return "one value" if count == 1 else f"{count:,} values"
