"""Makes Arrow columns of records, value by value: slower than `columnar`, but takes any record."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, assert_never

import pyarrow as pa

from harvester.export.blocks import Block
from harvester.export.casting import value_of_text
from harvester.export.columns import (
    Cast,
    Column,
    Fixed,
    ListOf,
    Moment,
    Scalar,
    Struct,
    Table,
    Type,
)
from harvester.export.values import json_text, values_of
from harvester.model import as_text
from harvester.page import Record

_TYPES: Final = {
    Scalar.BOOL: pa.bool_(),
    Scalar.INTEGER: pa.int64(),
    Scalar.DECIMAL: pa.decimal128(38, 0),
    Scalar.DOUBLE: pa.float64(),
    Scalar.TEXT: pa.string(),
    Scalar.JSON: pa.string(),
    Moment.DATE: pa.date32(),
    Moment.LOCAL: pa.timestamp("us"),
    Moment.INSTANT: pa.timestamp("us", "UTC"),
}

_Convert = Callable[[Any], Any]


def schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table; JSON is a string there."""
    return pa.schema([pa.field(column.name, arrow_type(column.type)) for column in table.columns])


def partition_columns(table: Table, block: Block) -> list[pa.Array]:
    """The columns of the partition values."""
    return [_partition_column(column, block) for column in table.partition]


def record_columns(table: Table, block: Block) -> list[pa.Array]:
    """The columns of the records."""
    records = values_of(block.records)
    if table.folded:
        return [pa.array(map(json_text, records), pa.string())]
    objects = [record if isinstance(record, dict) else {} for record in records]
    columns = []
    for column in table.record:
        if (key := column.key) is None:
            found = [None if isinstance(record, dict) else record for record in records]
        else:
            found = [record.get(key) for record in objects]
        columns.append(_array(column, found))
    return columns


def column_of(column: Column, values: Sequence[Record]) -> pa.Array:
    """A column of these JSON values."""
    return _array(column, values_of(values))


def _array(column: Column, values: list[Any]) -> pa.Array:
    convert = _converter(column.type)
    return pa.array(map(convert, values) if convert else values, arrow_type(column.type))


def _partition_column(column: Column, block: Block) -> pa.Array:
    values = block.column(str(column.key))
    convert = as_text if column.type is Scalar.TEXT else None
    return pa.array(map(convert, values) if convert else values, arrow_type(column.type))


def arrow_type(kind: Type) -> pa.DataType:
    """A type as Arrow calls it."""
    match kind:
        case ListOf(items):
            return pa.list_(arrow_type(items))
        case Struct(members):
            return pa.struct([pa.field(name, arrow_type(inner)) for name, inner in members])
        case Cast(to):
            return pa.decimal128(38, to.scale) if isinstance(to, Fixed) else _TYPES[to]
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
        case Cast():
            return value_of_text(kind)
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
