"""Cuts the text of a CSV page into rows, while it streams by.

Python's csv module reads the rows; it takes whole lines only, and forgets a row that it could not
end. So the lines of a row that is not all there are given to it again, once twice as much of it has
come: the time stays in proportion to the page.
"""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any, Final

from harvester.config import CsvFormat, Limits
from harvester.errors import Malformed
from harvester.page.formats.record_limit import RecordLimit
from harvester.patterns import pattern
from harvester.values import dataclass

#: The csv module's own limit of one value, 128 KiB, is far below what a record may have.
_LARGEST_VALUE: Final = 2**31 - 1
_LAST_LINE: Final = pattern(r".*[\r\n]", re.DOTALL)


class _MoreNeeded(Exception):
    """The lines at hand end before the row does."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row, and the number of the line in which it begins."""

    line: int
    values: list[str]


class Rows:
    """Feed it a page's text; it gives the rows that are complete."""

    def __init__(self, options: CsvFormat, limits: Limits | None) -> None:
        self._limit = RecordLimit(limits)
        self._comment = options.comment
        self._to_skip = options.skip_lines
        self._settings: dict[str, Any] = {
            "delimiter": options.delimiter,
            "quotechar": options.quote,
            "strict": True,
        }
        self._held = ""  # a \r at the end of a chunk, which may be half of a line break
        self._pieces: list[str] = []  # of the line that is not all there
        self._lines: list[str] = []  # of the row that is not all there, as one text
        self._joined = 1  # how many lines the first of these is
        self._size = 0  # of pieces and lines
        self._enough = 0
        self._before = 0  # lines of the rows that were given
        if csv.field_size_limit() < _LARGEST_VALUE:
            csv.field_size_limit(_LARGEST_VALUE)

    def feed(self, text: str) -> list[Row]:
        """The rows that end in the text. Raises `Malformed`, `PageRefused`."""
        text = self._held + text
        self._held = "\r" if text.endswith("\r") else ""
        text = text.removesuffix("\r")
        found = _LAST_LINE.match(text)
        end = found.end() if found else 0
        lines = "".join((*self._pieces, text[:end])) if end else ""
        self._size += len(text)
        if end:
            self._pieces = []
            self._lines += io.StringIO(lines, newline="")
        if end < len(text):
            self._pieces.append(text[end:])
        rows = self._read(ended=False) if end and self._size >= self._enough else []
        self._limit.check(self._size, f"the row in line {self._before + 1:,}")
        return rows

    def close(self) -> list[Row]:
        """The last rows. Raises as `feed` does."""
        rest = "".join((*self._pieces, self._held))
        self._lines += io.StringIO(rest, newline="")
        self._pieces = []
        return self._read(ended=True)

    def _read(self, *, ended: bool) -> list[Row]:
        lines, rows = self._lines, list[Row]()
        given = done = first = 0
        between_rows = True

        def next_lines() -> Iterator[str]:
            nonlocal given, first, between_rows
            while given < len(lines):
                line = lines[given]
                given += 1
                if between_rows and self._is_passed_over(line):
                    continue
                if between_rows:
                    first, between_rows = given, False
                yield line
            if not ended:
                raise _MoreNeeded

        try:
            for values in csv.reader(next_lines(), **self._settings):
                if values:  # a line with nothing on it is no row
                    rows.append(Row(self._number(first), values))
                done, between_rows = given, True
        except _MoreNeeded:
            done = given if between_rows else first - 1
        except csv.Error as error:
            raise self._malformed(self._number(first), error) from error
        self._hold(lines, done)
        return rows

    def _number(self, place: int) -> int:
        """The number of the line that a row begins with, which is the `place`th of those held."""
        return self._before + place + (self._joined - 1 if place > 1 else 0)

    def _hold(self, lines: list[str], done: int) -> None:
        """Keep what follows the first `done` of the lines. All of it is in one row, so all breaks
        between its lines are in quotes, and it may be given to the csv module as one line.
        """
        held = len(lines) - done + (self._joined - 1 if lines and not done else 0)
        if done:
            self._before = self._number(done)
        self._joined = max(1, held)
        self._lines = ["".join(lines[done:])] if held else []
        self._size = sum(map(len, (*self._lines, *self._pieces)))
        self._enough = 2 * self._size if self._lines else 0

    def _is_passed_over(self, line: str) -> bool:
        """Whether a line between two rows is none of the table."""
        if self._to_skip:
            self._to_skip -= 1
            return True
        return self._comment is not None and line.startswith(self._comment)

    def _malformed(self, line: int, error: csv.Error) -> Malformed:
        reason = str(error)
        if "unexpected end of data" in reason:
            told = f"the quote that opens in the row of line {line:,} is not closed"
        else:
            told = f"the row of line {line:,}: {reason}"
        return Malformed(f"the body is no CSV: {told}")
