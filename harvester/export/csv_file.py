"""Writes CSV (RFC 4180): one header over all pages, UTF-8, a line feed after each row.

Null and absent are an empty field, an empty text is `""`. (In a table of one column
both are `""`, since readers skip an empty line.) A text that holds a comma, a
quote or a line break is quoted; whatever is no text stands as the server spelled it, arrays and
objects as JSON. The `csv` module cannot tell null from an empty text in Python 3.11, hence the
few lines of its own here.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from harvester.export.blocks import Block
from harvester.export.cells import NULL, CellReader, quoted, spelled
from harvester.export.columns import Table
from harvester.export.values import members, sound, value_of
from harvester.export.writer import Rows, Writer
from harvester.model import as_text

_BUFFER_BYTES: Final = 1 << 20
_EMPTY: Final = '""'


class CSV(Writer):
    """A CSV file under one header."""

    suffix = ".csv"

    def add(self, name: str, rows: Rows) -> None:
        """Write the header and the rows."""
        table = rows.table()
        # newline="": a line break within a text stays what it is.
        with self._path.open("w", encoding="utf-8", newline="", buffering=_BUFFER_BYTES) as file:
            file.write(",".join(quoted(column.name) for column in table.columns) + "\n")
            for lines in _lines(table, rows.blocks()):
                file.write(lines)


def _lines(table: Table, blocks: Iterable[Block]) -> Iterator[str]:
    reader = CellReader(table)
    for block in (chunk for each in blocks for chunk in each.chunks()):  # few at a time
        front = [
            [quoted(as_text(value)) for value in block.column(str(column.key))]
            for column in table.partition
        ]
        cells = reader.read(block)
        if cells is None:
            cells = list(zip(*_rows(table, block), strict=True))
        found = map(",".join, zip(*front, *cells, strict=True))
        if len(table.columns) == 1:
            found = map(_or_empty, found)
        yield "\n".join((*found, ""))


def _rows(table: Table, block: Block) -> Iterator[list[str]]:
    """The cells of the records, record by record."""
    places = {column.key: place for place, column in enumerate(table.record)}
    nothing = [NULL] * len(table.record)
    for record in block.records:
        cells = nothing.copy()
        text = sound(record)
        if table.folded or not text.startswith("{"):
            plain = value_of(record) if text.startswith('"') and not table.folded else None
            cells[places[None]] = _cell(plain, text)
        else:
            for name, plain, raw in members(text):
                cells[places[name]] = _cell(plain, raw)
        yield cells


def _cell(plain: str | None, raw: str) -> str:
    return spelled(raw) if plain is None else quoted(plain)


def _or_empty(row: str) -> str:
    """A row of one cell: readers skip an empty line."""
    return row or _EMPTY
