"""Turns rows of values into objects while JSON streams by: `{"columns": […], "rows": [[…]]}`.

Everything but the rows comes out as it came in. A row becomes an object of the same values, each as
it was spelled, by the names of the columns. Rows that come before the names are held until the page
ends, up to the limit of a record.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from harvester.config import Limits
from harvester.errors import Malformed, PageRefused
from harvester.model import Every, Index, Key, Path, canonical
from harvester.page.array_validator import UNPROVEN
from harvester.page.formats.record_limit import RecordLimit
from harvester.patterns import pattern
from harvester.values import dataclass

_TOKEN: Final = pattern(
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]:,]|[^"{}\[\]:,\s]++|\s++|(?P<cut>".*)', re.DOTALL
)
_values = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass(slots=True)
class _Container:
    """An open object or array; `step` is the key or the number of the value that comes, or is."""

    is_object: bool
    step: Any = None
    awaits_key: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as it came, and its number, from 1."""

    text: bytes
    number: int


class Columnar:
    """One page on its way. `names` are those of the columns, where the page has none."""

    def __init__(
        self, columns_at: Path | None, rows_at: Path, names: Sequence[str], limits: Limits | None
    ) -> None:
        self._columns_at = columns_at
        self._rows_at = rows_at
        self._first_row_names = columns_at == (*rows_at, Index(0))
        self._found: list[Any] = list(names)
        self._names: list[bytes] = []
        self._limit = RecordLimit(limits)
        self._open: list[_Container] = []
        self._rest = b""  # a token that is not all there
        self._out: list[bytes | _Row] = []  # rows are among it while no name is known
        self._held = 0
        self._captured: list[bytes] | None = None  # the value that is a row, or has names
        self._captured_at = 0  # how many containers are open around it
        self._is_row = False
        self._rows = 0
        self._drop_comma = False

    def feed(self, chunk: bytes) -> bytes:
        """The text that the chunk completes. Raises `Malformed`, `PageRefused`."""
        data, self._rest = self._rest + chunk, b""
        for found in _TOKEN.finditer(data):
            token = found[0]
            if found["cut"] or (found.end() == len(data) and token[:1] not in b'{}[]:,"'):
                self._rest = token
                self._limit.check(len(token), "a value")
                break
            self._take(token)
        return b"" if self._held else self._text()

    def close(self) -> bytes:
        """The rest. Raises `Malformed`."""
        rest, self._rest = self._rest, b""
        if rest:
            self._take(rest)
        return self._text()

    def _text(self) -> bytes:
        out, self._out, self._held = self._out, [], 0
        return b"".join(self._named(each) if isinstance(each, _Row) else each for each in out)

    def _take(self, token: bytes) -> None:
        """One token: a string, a bracket, a scalar, or the blanks between."""
        around = self._open[-1] if self._open else None
        kind = token[:1]
        if kind in b"{[":
            self._begin()
            self._put(token)
            is_object = kind == b"{"
            self._open.append(_Container(is_object, None if is_object else 0, is_object))
        elif kind in b"}]":
            if self._open:
                self._open.pop()
            self._put(token)
            self._end()
        elif kind == b",":
            if around is not None and around.is_object:
                around.awaits_key = True
            elif around is not None:
                around.step += 1
            if not (self._drop_comma and self._captured is None):
                self._put(token)
            self._drop_comma = False
        elif kind == b":" or token.isspace():
            self._put(token)
        elif around is not None and around.awaits_key and kind == b'"':
            around.step, around.awaits_key = _key(token), False
            self._put(token)
        else:
            self._begin()
            self._put(token)
            self._end()

    def _put(self, token: bytes) -> None:
        if self._captured is None:
            self._out.append(token)
            self._held += len(token) if self._held else 0
        else:
            self._captured.append(token)

    def _begin(self) -> None:
        """A value begins: see whether it is a row, or has names."""
        if self._captured is not None:
            return
        in_array = bool(self._open) and not self._open[-1].is_object
        self._is_row = in_array and self._lies_at((*self._rows_at, Every()))
        if self._is_row or (self._columns_at is not None and self._lies_at(self._columns_at)):
            self._captured, self._captured_at = [], len(self._open)

    def _lies_at(self, path: Path) -> bool:
        if len(path) != len(self._open):
            return False
        return all(
            isinstance(segment, Every)
            or segment == (Key(each.step) if each.is_object else Index(each.step))
            for segment, each in zip(path, self._open, strict=True)
        )

    def _end(self) -> None:
        """A value has ended: if it was captured, it is known by now."""
        if self._captured is None or len(self._open) != self._captured_at:
            return
        text, self._captured = b"".join(self._captured), None
        self._limit.check(len(text), "a row")
        if self._is_row and self._first_row_names and self._open[-1].step == 0:
            self._found, self._drop_comma = _list_of(text), True
        elif self._is_row:
            self._rows += 1
            row = _Row(text, self._rows)
            if self._found and not self._held:
                self._out.append(self._named(row))
            else:
                self._out.append(row)
                self._held += len(text) + 1
                self._limit.check(self._held, _LATE)
        else:
            self._found += _list_of(text)
            self._out.append(text)

    def _named(self, row: _Row) -> bytes:
        """The object of a row. Raises `Malformed`, `PageRefused`."""
        if not self._names:
            self._names = self._encoded()
        try:
            values = _values(row.text)
        except UNPROVEN as error:
            raise Malformed(f"row {row.number:,} is no list of values: {error}") from error
        if len(values) != len(self._names):
            raise Malformed(
                f"row {row.number:,} has {len(values):,} values, and there are "
                f"{len(self._names):,} columns"
            )
        pairs = zip(self._names, values, strict=True)
        return b"{" + b",".join([name + b":" + bytes(value) for name, value in pairs]) + b"}"

    def _encoded(self) -> list[bytes]:
        """The names of the columns, as keys."""
        if not self._found:
            at = canonical(self._columns_at or ())
            raise Malformed(
                f"the page has rows, and no names of columns at {at} (format: columns_path); if it "
                "never has them, name them: format: {type: json, rows_path: …, columns: […]}"
            )
        names = [name if isinstance(name, str) else json.dumps(name) for name in self._found]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise PageRefused(f"two columns of the page are called {twice!r}")
        return [msgspec.json.encode(name) for name in names]


_LATE: Final = (
    "what comes of the rows before the names of their columns (else say format: {type: json, "
    "rows_path: …, columns: […]})"
)


def _key(token: bytes) -> Any:
    try:
        return json.loads(token)
    except ValueError:
        return None  # whoever reads the text says what is wrong


def _list_of(text: bytes) -> list[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the names of the columns are no JSON: {error}") from error
    return value if isinstance(value, list) else [value]
