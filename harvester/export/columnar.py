"""Reads blocks of plain records straight into Arrow columns, by DuckDB's JSON reader.

No value becomes a Python object, which is several times as fast as `arrow.record_columns`, and
gives the same columns. Two things see to that. Only blocks are read that the first pass has found
plain, with the schema that it made of them: each value is of its column's type, and none is such
that parsers differ (half a surrogate pair, a number beyond every double). And what could differ
nevertheless is not read here: columns that hold JSON text or long integers are made value by value
from the server's spelling, and a block with a key that stands twice in an object is refused.
"""

from contextlib import ExitStack
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, assert_never

import msgspec
import pyarrow as pa

from harvester.export.arrow import arrow_type, column_of
from harvester.export.blocks import Block
from harvester.export.columns import Cast, Column, ListOf, Scalar, Struct, Table, Type
from harvester.export.memory_file import MemoryFile
from harvester.export.sql import sql_text, sql_type

if TYPE_CHECKING:
    import duckdb

_NUL: Final = "\0"
_NULL: Final = msgspec.Raw(b"null")
_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "threads": 1,
    "memory_limit": "256MB",
    "autoinstall_known_extensions": False,
}
#: What the reader's buffers need beyond the longest record.
_SLACK: Final = 64 * 1024
#: Longer records are left to others: the buffers would be as large.
_LONGEST: Final = 8 * 1024 * 1024

_Spelled = msgspec.json.Decoder[list[Any]]


class ColumnReader:
    """Reads the record columns of one table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._direct = {column.key: column for column in _direct(table)}
        self._others = [
            column.key
            for column in table.record
            if column.key is not None and column.key not in self._direct
        ]
        self._spelled = _spelled(self._others)
        self._stack = ExitStack()
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        if not self._direct or self._spelled is None or find_spec("duckdb") is None:
            return self
        import duckdb

        self._refused = duckdb.Error
        self._connection = duckdb.connect(":memory:", config=_SETTINGS)
        self._stack.callback(self._connection.close)
        self._file = self._stack.enter_context(MemoryFile())
        columns = ", ".join(
            f"{sql_text(str(key))}: {sql_text(sql_type(column.type))}"
            for key, column in self._direct.items()
        )
        self._query = (
            f"SELECT * FROM read_json({sql_text(self._file.path)}, columns = {{{columns}}}, "  # noqa: S608  # quoted
            "format = 'newline_delimited', records = true, auto_detect = false, "
            "compression = 'none', hive_partitioning = false, maximum_object_size = "
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def read(self, block: Block) -> list[pa.ChunkedArray] | None:
        """The record columns, in order; None where the block is to be read value by value.

        Raises OSError where there is no space for the block.
        """
        if self._connection is None or not block.plain:
            return None
        longest = max(map(len, block.records))
        if longest > _LONGEST:
            return None
        try:
            others = self._read_others(block)
            self._file.hold(block.lines)
            query = f"{self._query}{longest + _SLACK})"
            direct = self._connection.sql(query).to_arrow_table()
        except (self._refused, msgspec.DecodeError, UnicodeDecodeError):
            return None  # the last: a message that cuts the record in the middle of a character
        if direct.num_rows != len(block):
            return None
        found = dict(zip(self._direct, direct.columns, strict=True)) | others
        return [self._column(column, found, len(block)) for column in self._table.record]

    def _column(self, column: Column, found: dict[Any, Any], count: int) -> pa.ChunkedArray:
        kind = arrow_type(column.type)
        if column.key is None:  # of records that are no objects, which no plain block here has
            return pa.nulls(count, kind)
        return found[column.key].cast(kind)

    def _read_others(self, block: Block) -> dict[str, pa.Array]:
        if not self._others or self._spelled is None:
            return {}
        records = self._spelled.decode(block.array)
        columns = {column.key: column for column in self._table.record}
        return {
            key: column_of(columns[key], [getattr(record, f"f{place}") for record in records])
            for place, key in enumerate(self._others)
        }


def _direct(table: Table) -> list[Column]:
    """The columns that DuckDB reads as they are meant. It does not tell names by their case."""
    found: dict[str, Column] = {}
    for column in () if table.folded else table.record:
        if column.key and _NUL not in column.key and _is_exact(column.type):
            found.setdefault(column.key.casefold(), column)
    return list(found.values())


def _is_exact(kind: Type) -> bool:
    """Whether the reader gives such values as they were sent."""
    match kind:
        case ListOf(items):
            return _is_exact(items)
        case Struct(members):
            return all(_is_exact(member) for _, member in members)
        case Cast():
            return False
        case Scalar():
            return kind not in (Scalar.JSON, Scalar.DECIMAL)
    assert_never(kind)


def _spelled(keys: list[str]) -> _Spelled | None:
    """A decoder of records that keeps these members as they are spelled; None if there is none."""
    try:
        kind = msgspec.defstruct(
            "Spelled",
            [(f"f{place}", msgspec.Raw, _NULL) for place in range(len(keys))],
            rename={f"f{place}": key for place, key in enumerate(keys)},
            gc=False,
        )
    except ValueError:  # a key with a quote, a backslash or a control character
        return None
    return msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]  # made at run time
