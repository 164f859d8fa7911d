"""Makes the cells of a CSV file, column by column, of many records at once.

A typed parser takes the records apart: texts become Python strings, anything else stays as it is
spelled. Most columns hold nothing that needs quotes, which one look at all their texts together
says; only the others are looked at cell by cell.
"""

from collections.abc import Sequence
from typing import Any, Final, assert_never

import msgspec

from harvester.export.blocks import Block
from harvester.export.columns import Cast, Column, ListOf, Scalar, Struct, Table
from harvester.export.values import sound, value_of

NULL: Final = ""
_SPELLED_NULL: Final = msgspec.Raw(b"null")
_UNSAFE: Final = '",\r\n'


class CellReader:
    """Reads the cells of the record columns of one table."""

    def __init__(self, table: Table) -> None:
        self._columns = table.record
        self._decoder = None if table.folded else _decoder(table)

    def read(self, block: Block) -> list[Sequence[str]] | None:
        """The cells of each column; None where the block is to be read record by record."""
        if self._decoder is None or not block.plain:
            return None
        try:
            records = self._decoder.decode(block.array)
        except msgspec.DecodeError:  # a record that is no object
            return None
        found = zip(*map(msgspec.structs.astuple, records), strict=True)
        return [
            [NULL] * len(block) if column.key is None else _cells(column, next(found))
            for column in self._columns
        ]


def quoted(text: str) -> str:
    """A text as a cell: within quotes where it is not safe without. Blanks at an end are safe, but
    some readers strip them.
    """
    if '"' in text:
        return '"' + text.replace('"', '""') + '"'
    if "," in text or "\n" in text or "\r" in text or text.strip() != text or not text:
        return f'"{text}"'
    return text


def spelled(text: str) -> str:
    """The cell of a JSON value that is no text."""
    return NULL if text == "null" else quoted(text)


def _cells(column: Column, values: Sequence[Any]) -> Sequence[str]:
    match column.type:
        case Scalar.TEXT | Cast():
            return _texts(values)
        case Scalar.JSON:
            return [
                quoted(value_of(cell)) if cell.startswith(b'"') else spelled(sound(cell))
                for cell in map(bytes, values)
            ]
        case Scalar():
            cells = b"\n".join(values).decode().split("\n")
            return [NULL if cell == "null" else cell for cell in cells]
        case ListOf() | Struct():
            # Doubled, the quotes are right within quotes; without any, `[1]` stands as it is.
            cells = sound(b"\n".join(values)).replace('"', '""').split("\n")
            return [
                f'"{cell}"' if '"' in cell or "," in cell else NULL if cell == "null" else cell
                for cell in cells
            ]
    assert_never(column.type)


def _texts(values: Sequence[str | None]) -> Sequence[str]:
    texts = [value for value in values if value is not None]
    if _all_safe(texts):
        return values if len(texts) == len(values) else [value or NULL for value in values]  # type: ignore[return-value]  # no null
    return [
        NULL if value is None else value if value.isalnum() else quoted(value) for value in values
    ]


def _all_safe(texts: list[str]) -> bool:
    joined = "".join(texts)
    return (
        not any(map(joined.__contains__, _UNSAFE))
        and "" not in texts
        and list(map(str.strip, texts)) == texts
    )


def _decoder(table: Table) -> msgspec.json.Decoder[list[Any]] | None:
    """A decoder of records into these columns; None where there is none."""
    fields: list[tuple[str, Any, Any]] = []
    names = {}
    for place, column in enumerate(table.record):
        if column.key is None:
            continue
        names[f"f{place}"] = column.key
        is_text = column.type is Scalar.TEXT
        kind = (str | None, None) if is_text else (msgspec.Raw, _SPELLED_NULL)
        fields.append((f"f{place}", *kind))
    try:
        found = msgspec.defstruct("Cells", fields, rename=names, gc=False)
    except ValueError:  # a key with a quote, a backslash or a control character
        return None
    return msgspec.json.Decoder(list[found])  # type: ignore[valid-type]  # made at run time
