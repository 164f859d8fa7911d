"""Divides rows among Parquet files by the values of some columns, one open file at a time.

Rows come in the order of the harvest, where every value may turn up anywhere. They are sorted on
disk, in a DuckDB file of the export's own, which keeps memory flat and gives each value one file,
in the harvest's order, however many values there are.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from harvester.errors import ConfigError
from harvester.export.blocks import Block
from harvester.export.columns import Column, Table
from harvester.export.duckdb_file import insert, settings
from harvester.export.hive import MOST_FOLDERS, folder_name, key_columns
from harvester.export.parquet import marked
from harvester.export.sql import sql_name
from harvester.export.tables import GROUP_BYTES, GROUP_ROWS, groups

if TYPE_CHECKING:
    import duckdb

_STAGED: Final = "staged"
_BATCH: Final = 5000


class Divided:
    """The files that rows of one resource become. `ConfigError` where a column cannot
    divide them.
    """

    def __init__(self, table: Table, names: Sequence[str], resource: str, scratch: Path) -> None:
        self._table, self._names, self._resource = table, names, resource
        self._scratch = scratch

    def write(self, blocks: Iterable[Block], into: Path) -> Iterator[tuple[str, Path]]:
        """Write the files, numbered, into a folder: each with the folder where it belongs, "" for
        none. No rows, no file.
        """
        found = iter(blocks)
        first = next(found, None)
        if first is None:
            return
        blocks = chain((first,), found)
        kinds, path = marked(self._table), into / f"{1:06d}"
        if not self._names:
            _write(path, kinds, groups(self._table, blocks))
            yield "", path
            return
        keys = key_columns(self._table, self._names, self._resource)
        kinds = pa.schema([each for each in kinds if each.name not in self._names])
        for number, (values, tables) in enumerate(self._sorted(keys, blocks), start=1):
            path = into / f"{number:06d}"
            _write(path, kinds, _gathered(tables))
            yield folder_name(keys, values), path

    def _sorted(
        self, keys: Sequence[Column], blocks: Iterable[Block]
    ) -> Iterator[tuple[tuple[Any, ...], Iterator[pa.Table]]]:
        """The rows of each value, in pieces; to be taken before the next."""
        import duckdb

        stage = self._scratch / "stage.duckdb"
        with duckdb.connect(str(stage), config=settings(stage, self._table)) as connection:
            insert(connection, _STAGED, self._table, blocks)
            self._refuse_many(connection, keys)
            order = ", ".join(sql_name(column.name) for column in keys)
            query = f"SELECT * FROM {_STAGED} ORDER BY {order}, rowid"  # noqa: S608  # quoted
            pieces = _pieces(connection.sql(query).to_arrow_reader(_BATCH), keys)
            for values, same in groupby(pieces, key=lambda piece: piece[0]):
                yield values, (piece for _, piece in same)
        stage.unlink()

    def _refuse_many(self, connection: "duckdb.DuckDBPyConnection", keys: Sequence[Column]) -> None:
        names = ", ".join(sql_name(column.name) for column in keys)
        counted = f"SELECT count(*) FROM (SELECT DISTINCT {names} FROM {_STAGED})"  # noqa: S608  # quoted
        [(count,)] = connection.execute(counted).fetchall()
        if count > MOST_FOLDERS:
            flags = " ".join(f"--partition-by {column.name}" for column in keys)
            raise ConfigError(
                f"{flags}: would make {count:,} folders, and {MOST_FOLDERS:,} are the most; choose "
                "columns with fewer values"
            )


def _write(path: Path, kinds: pa.Schema, tables: Iterable[pa.Table]) -> None:
    with pq.ParquetWriter(path, kinds, compression="zstd") as writer:
        for table in tables:
            fitting = table.select(kinds.names).cast(kinds)
            writer.write_table(fitting, row_group_size=GROUP_ROWS)


def _pieces(
    reader: pa.RecordBatchReader, keys: Sequence[Column]
) -> Iterator[tuple[tuple[Any, ...], pa.Table]]:
    """The sorted rows in pieces that have the same values in these columns, with the values."""
    for batch in reader:
        columns = [batch.column(column.name).to_pylist() for column in keys]
        begin = 0
        for values, same in groupby(zip(*columns, strict=True)):
            count = sum(1 for _ in same)
            yield values, pa.Table.from_batches([batch.slice(begin, count)])
            begin += count


def _gathered(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Tables put together until they are worth a row group."""
    found: list[pa.Table] = []
    size = count = 0
    for table in tables:
        found.append(table)
        size, count = size + table.nbytes, count + table.num_rows
        if size >= GROUP_BYTES or count >= GROUP_ROWS:
            yield pa.concat_tables(found)
            found, size, count = [], 0, 0
    if found:
        yield pa.concat_tables(found)
