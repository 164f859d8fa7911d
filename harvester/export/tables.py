"""Turns blocks of records into Arrow tables of bounded size, by columns or else by rows."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Final, Self

import pyarrow as pa

from harvester.export.arrow import partition_columns, record_columns, schema
from harvester.export.blocks import Block
from harvester.export.columnar import ColumnReader
from harvester.export.columns import Table

#: Of a row group: readers skip and share out whole ones.
GROUP_BYTES: Final = 32 * 1024 * 1024
GROUP_ROWS: Final = 250_000


def groups(table: Table, blocks: Iterable[Block]) -> Iterator[pa.Table]:
    """The records in tables, each worth a row group."""
    found: list[pa.Table] = []
    size = count = 0
    for piece in tables(table, blocks):
        found.append(piece)
        size += piece.nbytes
        count += piece.num_rows
        if size >= GROUP_BYTES or count >= GROUP_ROWS:
            yield pa.concat_tables(found)
            found, size, count = [], 0, 0
    if found:
        yield pa.concat_tables(found)


def tables(table: Table, blocks: Iterable[Block]) -> Iterator[pa.Table]:
    """The records in tables of a block or less."""
    arrow = schema(table)
    with ColumnReader(table) as reader:
        for block in blocks:
            columns = reader.read(block)
            if columns is not None:
                yield pa.table(partition_columns(table, block) + columns, schema=arrow)
                continue
            for chunk in block.chunks():  # their Python values take about ten times as much
                columns = partition_columns(table, chunk) + record_columns(table, chunk)
                yield pa.table(columns, schema=arrow)


class Stream:
    """Tables as Arrow's reader has them, for a library that takes them in one by one.

    What is raised while the next one is made does not get through that library as it is; the
    block that this is used as raises it in the place of the library's error.
    """

    def __init__(
        self,
        arrow: pa.Schema,
        found: Iterator[pa.Table],
        errors: list[BaseException] | None = None,
    ) -> None:
        self._found = found
        self._errors: list[BaseException] = [] if errors is None else errors
        self.reader = pa.RecordBatchReader.from_batches(arrow, self._batches())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for raised in self._errors:
            raise raised

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for table in self._found:
                yield from table.to_batches()
        except BaseException as error:
            self._errors.append(error)
            raise
