"""Writes .xlsx, a workbook with a sheet for each resource, for tables that a person looks at.

Excel has 1,048,576 rows, 16,384 columns and 32,767 characters in a cell; what has more is refused,
never cut. Its numbers are doubles: a longer integer is text there, so that no digit is lost, and
so is whatever would be a formula or a link. Its times have no offset and three digits of a second:
with `--cast`, one with an offset is that of UTC, and what is finer, or before March 1900 (Excel's
calendar has a day too many before), stays text.
"""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from harvester.errors import ConfigError
from harvester.export.blocks import Block
from harvester.export.casting import value_of_text
from harvester.export.columns import Cast, Table
from harvester.export.rows import TableChanged
from harvester.export.values import json_text, values_of
from harvester.export.writer import Rows, Writer
from harvester.model import as_text

_MOST_ROWS: Final = 1_048_576
_MOST_COLUMNS: Final = 16_384
_MOST_CHARS: Final = 32_767
_NAME_CHARS: Final = 31
_EXACT_DIGITS: Final = 15
_FIRST_DAY: Final = date(1900, 3, 1)
_LOOKS: Final = ((date, "yyyy-mm-dd"), (datetime, "yyyy-mm-dd hh:mm:ss.000"))
_EXACT: Final = 10**15  # what Excel shows all the digits of
_BAD_IN_NAMES: Final = str.maketrans(dict.fromkeys("[]:*?/\\", "_"))
_ELSEWHERE: Final = "export to .parquet, .csv or .duckdb instead, or choose with --partition"


class Workbook(Writer):
    """A workbook. Rows are written one by one, and are in no memory afterwards."""

    suffix = ".xlsx"
    libraries = ("xlsxwriter",)
    holds_several = True
    has_types = True
    has_types_inside = False

    def __init__(self, path: Path) -> None:
        import xlsxwriter

        super().__init__(path)
        path.touch()  # what is put together in the end has a name from the beginning
        self._book = xlsxwriter.Workbook(
            str(path), {"constant_memory": True, "tmpdir": str(path.parent)}
        )
        self._names: set[str] = set()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        from xlsxwriter.exceptions import FileCreateError

        if error is not None:
            for sheet in self._book.worksheets():  # which hold their rows in files, open yet
                sheet.row_data_fh.close()
            return
        try:
            self._book.close()
        except FileCreateError as failed:
            cause = failed.args[0] if failed.args else failed
            raise cause if isinstance(cause, OSError) else OSError(None, str(cause)) from failed

    def add(self, name: str, rows: Rows) -> None:
        """Write a sheet of the rows under a header that stays in sight."""
        table = _settled(rows)
        if len(table.columns) > _MOST_COLUMNS:
            raise ConfigError(
                f"{name}: has {len(table.columns):,} columns, and a sheet has at most "
                f"{_MOST_COLUMNS:,}; {_ELSEWHERE}"
            )
        sheet = self._book.add_worksheet(self._sheet_name(name))
        sheet.freeze_panes(1, 0)
        bold = self._book.add_format({"bold": True})
        looks = {kind: self._book.add_format({"num_format": look}) for kind, look in _LOOKS}
        for place, column in enumerate(table.columns):
            _put(sheet, 0, place, column.name, f"{name}: the name of a column", bold)
        for number, line in enumerate(_lines(table, rows.blocks()), start=1):
            if number >= _MOST_ROWS:
                raise ConfigError(
                    f"{name}: has more than the {_MOST_ROWS - 1:,} records that a sheet takes; "
                    f"{_ELSEWHERE}"
                )
            for place, value in enumerate(line):
                if value is not None:
                    look = looks.get(type(value))
                    _put(sheet, number, place, value, f"{name}, record {number:,}", look)

    def _sheet_name(self, name: str) -> str:
        """The name, as far as a sheet may be called so, and no other is."""
        base = name.translate(_BAD_IN_NAMES).strip("'")[:_NAME_CHARS] or "records"
        free, count = base, 1
        while free.casefold() in self._names or free.casefold() == "history":
            count += 1
            tail = f"_{count}"
            free = base[: _NAME_CHARS - len(tail)] + tail
        self._names.add(free.casefold())
        return free


def _settled(rows: Rows) -> Table:
    """The table, once all rows have been looked at: a sheet cannot be begun anew."""
    while True:
        try:
            rows.table()
            for _ in rows.blocks():
                pass
            return rows.table()
        except TableChanged:
            continue


def _lines(table: Table, blocks: Iterator[Block]) -> Iterator[list[Any]]:
    """The cells of each record."""
    for block in blocks:
        front = [map(as_text, block.column(str(column.key))) for column in table.partition]
        for record, *own in zip(values_of(block.records), *front, strict=True):
            yield [*own, *_cells(table, record)]


def _cells(table: Table, record: Any) -> Iterator[Any]:
    is_object = isinstance(record, dict) and not table.folded
    for column in table.record:
        if column.key is None:
            value = None if is_object else record
        else:
            value = record.get(column.key) if is_object else None
        yield _cast(column.type, value) if isinstance(column.type, Cast) else _plain(value)


def _cast(kind: Cast, text: str | None) -> Any:
    """What a cell can hold of a text that is a number or a time; else the text."""
    match value_of_text(kind)(text):
        case Decimal() as value if len(value.as_tuple().digits) <= _EXACT_DIGITS:
            return float(value)
        case datetime() as moment if moment.microsecond % 1000 == 0:
            local = moment.replace(tzinfo=None)  # one with an offset is in UTC by now
            return local if local.date() >= _FIRST_DAY else text
        case date() as day if not isinstance(day, datetime) and day >= _FIRST_DAY:
            return day
        case None:
            return None
        case bool() | int() | float() as number:
            plain = _plain(number)
            return text if isinstance(plain, str) else plain
    return text


def _plain(value: Any) -> Any:
    """What a cell can hold of a value: texts, booleans and numbers are themselves."""
    match value:
        case None | bool() | str():
            return value
        case int() if abs(value) < _EXACT:
            return value
        case float() if value == value and abs(value) != float("inf"):
            return value
        case int() | float():
            return str(value)
    return json_text(value)


def _put(sheet: Any, row: int, place: int, value: Any, where: str, look: Any) -> None:
    """Write a cell as what it is; text is never taken for a formula."""
    if isinstance(value, str):
        if len(value) > _MOST_CHARS:
            raise ConfigError(
                f"{where}: a text has {len(value):,} characters, and a cell at most "
                f"{_MOST_CHARS:,}; leave it out with --drop, or {_ELSEWHERE}"
            )
        sheet.write_string(row, place, value, look)
    elif isinstance(value, date):  # a datetime, too
        sheet.write_datetime(row, place, value, look)
    elif isinstance(value, bool):
        sheet.write_boolean(row, place, value, look)
    else:
        sheet.write_number(row, place, value, look)
