"""CSV (RFC 4180): one header over all pages, UTF-8, a line feed after each row.

Null and absent are nothing between two commas, an empty text is `""`. (In a table of one column
both are `""`, since readers skip an empty line.) A text that holds a comma, a
quote or a line break is quoted; whatever is no text stands as the server spelled it, arrays and
objects as JSON. The `csv` module cannot tell null from an empty text in Python 3.11, hence the
few lines of its own here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from harvester.export.columns import Row, Table
from harvester.export.values import members, sound, value_of
from harvester.export.writer import Rows, Writer
from harvester.model import as_text

_BUFFER_BYTES: Final = 1 << 20
#: What is safe only within quotes. Blanks at an end are, but some readers strip them.
_UNSAFE: Final = re.compile(r'[",\r\n]|^\s|\s$|^$')
_NULL: Final = ""
_EMPTY: Final = '""'


class CSV(Writer):
    """A CSV file under one header."""

    suffix = ".csv"

    def add(self, name: str, rows: Rows) -> None:
        """Write the header and the rows."""
        table = rows.table()
        # newline="": a line break within a text stays what it is.
        with self._path.open("w", encoding="utf-8", newline="", buffering=_BUFFER_BYTES) as file:
            file.write(",".join(_quoted(column.name) for column in table.columns) + "\n")
            file.writelines(_lines(table, rows))


def _lines(table: Table, rows: Iterable[Row]) -> Iterator[str]:
    places = {column.key: place for place, column in enumerate(table.record)}
    nothing = [_NULL] * len(table.record)
    own: Mapping[str, Any] | None = None
    front: list[str] = []
    for values, record in rows:
        if values is not own:
            own = values
            front = [_quoted(as_text(values[str(column.key)])) for column in table.partition]
        cells = nothing.copy()
        text = sound(record)
        if table.folded or not text.startswith("{"):
            plain = value_of(record) if text.startswith('"') and not table.folded else None
            cells[places[None]] = _cell(plain, text)
        else:
            for name, plain, raw in members(text):
                cells[places[name]] = _cell(plain, raw)
        yield (",".join(front + cells) or _EMPTY) + "\n"


def _cell(plain: str | None, raw: str) -> str:
    if plain is not None:
        return plain if plain.isalnum() else _quoted(plain)
    return _NULL if raw == "null" else _quoted(raw)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _UNSAFE.search(text) else text
