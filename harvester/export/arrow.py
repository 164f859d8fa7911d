"""Records as Arrow tables, and the Parquet file made of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, assert_never

import pyarrow as pa
import pyarrow.parquet as pq

from harvester.export.columns import Column, ListOf, Row, Scalar, Struct, Table, Type
from harvester.export.values import json_text, values_of
from harvester.model import as_text

#: Of records taken apart at once: their Python values take about ten times as much.
_RECORDS_BYTES: Final = 1 * 1024 * 1024
#: Of a row group: readers skip and share out whole ones.
_GROUP_BYTES: Final = 32 * 1024 * 1024
_GROUP_ROWS: Final = 250_000
_TYPES: Final = {
    Scalar.BOOL: pa.bool_(),
    Scalar.INTEGER: pa.int64(),
    Scalar.DECIMAL: pa.decimal128(38, 0),
    Scalar.DOUBLE: pa.float64(),
    Scalar.TEXT: pa.string(),
    Scalar.JSON: pa.string(),
}

_Convert = Callable[[Any], Any]


def write_parquet(path: Path, table: Table, rows: Iterable[Row]) -> None:
    """Write the rows to a Parquet file, zstd within. What holds JSON text is marked so."""
    marked = pa.schema(
        [
            pa.field(column.name, pa.json_() if column.type is Scalar.JSON else field.type)
            for column, field in zip(table.columns, schema(table), strict=True)
        ]
    )
    with pq.ParquetWriter(path, marked, compression="zstd") as writer:
        for group in groups(table, rows):
            writer.write_table(group.cast(marked), row_group_size=_GROUP_ROWS)


def schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table; JSON is a string there."""
    return pa.schema([pa.field(column.name, _arrow_type(column.type)) for column in table.columns])


def groups(table: Table, rows: Iterable[Row]) -> Iterator[pa.Table]:
    """The rows in Arrow tables of bounded size, each worth a row group."""
    arrow = schema(table)
    batches: list[pa.RecordBatch] = []
    size = count = 0
    for batch in _batches(table, arrow, rows):
        batches.append(batch)
        size += batch.nbytes
        count += batch.num_rows
        if size >= _GROUP_BYTES or count >= _GROUP_ROWS:
            yield pa.Table.from_batches(batches, arrow)
            batches, size, count = [], 0, 0
    if batches:
        yield pa.Table.from_batches(batches, arrow)


def _batches(table: Table, arrow: pa.Schema, rows: Iterable[Row]) -> Iterator[pa.RecordBatch]:
    fill = _Filling(table, arrow)
    partitions: list[Mapping[str, Any]] = []
    records: list[bytes] = []
    size = 0
    for values, record in rows:
        partitions.append(values)
        records.append(record)
        size += len(record)
        if size >= _RECORDS_BYTES:
            yield fill.batch(partitions, values_of(records))
            partitions, records, size = [], [], 0
    if records:
        yield fill.batch(partitions, values_of(records))


class _Filling:
    """Fills the columns of a table; what needs no change costs no Python."""

    def __init__(self, table: Table, arrow: pa.Schema) -> None:
        self._table = table
        self._arrow = arrow
        self._converts = [_converter(column.type) for column in table.record]

    def batch(self, partitions: Sequence[Mapping[str, Any]], records: list[Any]) -> pa.RecordBatch:
        """One batch of all the rows."""
        columns = [
            _partition_column(column, partitions) for column in self._table.partition
        ] + self._record_columns(records)
        arrays = [
            pa.array(values, type=field.type)
            for values, field in zip(columns, self._arrow, strict=True)
        ]
        # Without any column (records `{}` only, no partitions) there would be no rows either.
        return pa.RecordBatch.from_arrays(arrays, schema=self._arrow)

    def _record_columns(self, records: list[Any]) -> list[list[Any]]:
        if self._table.folded:
            return [[json_text(record) for record in records]]
        objects = [record if isinstance(record, dict) else {} for record in records]
        columns = []
        for column, convert in zip(self._table.record, self._converts, strict=True):
            if column.key is None:
                found = [None if isinstance(record, dict) else record for record in records]
            else:
                key = column.key
                found = [record.get(key) for record in objects]
            columns.append(list(map(convert, found)) if convert else found)
        return columns


def _partition_column(column: Column, partitions: Sequence[Mapping[str, Any]]) -> list[Any]:
    values = [values[str(column.key)] for values in partitions]
    return list(map(as_text, values)) if column.type is Scalar.TEXT else values


def _arrow_type(kind: Type) -> pa.DataType:
    match kind:
        case ListOf(items):
            return pa.list_(_arrow_type(items))
        case Struct(members):
            return pa.struct([pa.field(name, _arrow_type(inner)) for name, inner in members])
        case Scalar():
            return _TYPES[kind]
    assert_never(kind)


def _converter(kind: Type) -> _Convert | None:
    """What makes a value fit its type; None where every value fits as it is."""
    match kind:
        case Scalar.JSON:
            return _as_json
        case ListOf(items):
            return _list_converter(_converter(items))
        case Struct(members):
            found = {name: _converter(inner) for name, inner in members}
            return _struct_converter({name: each for name, each in found.items() if each})
        case Scalar():
            return None
    assert_never(kind)


def _as_json(value: Any) -> str | None:
    return None if value is None else json_text(value)


def _list_converter(convert: _Convert | None) -> _Convert | None:
    if convert is None:
        return None
    return lambda value: None if value is None else [convert(item) for item in value]


def _struct_converter(converts: Mapping[str, _Convert]) -> _Convert | None:
    if not converts:
        return None

    def converted(value: Any) -> Any:
        if value is None:
            return None
        changed = {name: each(value[name]) for name, each in converts.items() if name in value}
        return {**value, **changed}

    return converted
