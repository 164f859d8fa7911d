"""Finds the rows of an export that newer records of the same key take the place of.

A row is found by the columns that its key stands in, so a target needs no list of all keys. Where
a type says no more (JSON), the text of the value counts. A row without a value there stays.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harvester.errors import ConfigError
from harvester.export.columns import Column, Scalar, Struct, Table
from harvester.export.duckdb_file import disk_errors_of, settings
from harvester.export.repeats import key_path
from harvester.export.sql import sql_name, sql_text
from harvester.model import Key
from harvester.values import dataclass

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH: Final = 5000


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """Where a part of the key stands: a column, and the names that lead to it inside."""

    column: Column
    inside: tuple[str, ...]

    def sql(self, column: str) -> str:
        """Its value, where `column` is how the column is called."""
        found, kind = column, self.column.type
        for at, name in enumerate(self.inside):
            if kind is Scalar.JSON:
                inner = f"json_extract(CAST({found} AS JSON), {_pointer(self.inside[at:])})"
                return f"nullif({inner}, 'null')"
            if not isinstance(kind, Struct) or name not in dict(kind.members):
                return "NULL"
            found, kind = f"{found}.{sql_name(name)}", dict(kind.members)[name]
        return found


def _pointer(names: Sequence[str]) -> str:
    """A way into JSON (RFC 6901), as a text of SQL."""
    return sql_text("".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names))


def names_of(key: str) -> tuple[str, ...]:
    """The names that lead to a key. Raises `ConfigError` for one that leads to several values."""
    path = key_path(key)
    names = tuple(step.name for step in path if isinstance(step, Key))
    if len(names) < len(path):
        raise ConfigError(
            f"--append --dedupe {key}: may lead to several values, by which an exported row cannot "
            "be found; name a single one, such as id or user.id"
        )
    return names


def refuse_hidden(dedupe: Sequence[str], columns: Sequence[str], hidden: Sequence[str]) -> None:
    """Raise `ConfigError` where the rows would not hold the keys: `columns` are those that were
    asked for, `hidden` those that are left out or divide the rows.
    """
    for key in dedupe:
        name, *inside = names_of(key)
        above = {".".join([name, *inside[:count]]) for count in range(len(inside) + 1)}
        if (columns and name not in columns) or above & {*hidden}:
            raise ConfigError(
                f"--append --dedupe {key}: the rows would not hold {key}, by which an older one is "
                "found when a newer comes; keep it in the table"
            )


def key_columns(table: Table, dedupe: Sequence[str]) -> list[KeyColumn] | None:
    """Where the keys stand in a table; None where one stands nowhere, as no record has it."""
    found = []
    for key in dedupe:
        name, *inside = names_of(key)
        column = next((each for each in table.record if each.key == name), None)
        if column is None:
            return None
        found.append(KeyColumn(column, tuple(inside)))
    return found


def alike(keys: Sequence[KeyColumn], one: str, other: str) -> str:
    """The condition that the rows of two tables have the same key."""
    each = [
        f"{key.sql(f'{one}.{sql_name(key.column.name)}')} = "
        f"{key.sql(f'{other}.{sql_name(key.column.name)}')}"
        for key in keys
    ]
    return " AND ".join(each)


class OlderRows:
    """The rows of Parquet files that those of newer files take the place of."""

    def __init__(self, newer: Iterable[Path], keys: Sequence[KeyColumn], scratch: Path) -> None:
        import duckdb

        self._keys = keys
        self._names = list(dict.fromkeys(key.column.name for key in keys))
        self._connection = duckdb.connect(config=settings(scratch / "keys.duckdb"))
        values = self._values("rows")
        where = " AND ".join(f"k{at} IS NOT NULL" for at in range(len(keys)))
        for number, file in enumerate(newer):
            found = f"SELECT * FROM (SELECT DISTINCT {values} FROM rows) WHERE {where}"  # noqa: S608  # quoted
            self._run(file, ("INSERT INTO keys " if number else "CREATE TABLE keys AS ") + found)

    def close(self) -> None:
        """Forget the keys."""
        self._connection.close()

    def places_in(self, file: Path) -> set[int]:
        """The numbers of the rows, from 0."""
        import pyarrow.parquet as pq

        if not {*self._names} <= {*pq.read_schema(file).names}:
            return set()  # from before the first record that has one
        on = " AND ".join(
            f"{key.sql(self._column(key))} = keys.k{at}" for at, key in enumerate(self._keys)
        )
        query = f"SELECT place FROM rows SEMI JOIN keys ON {on}"  # noqa: S608  # quoted
        return {place for (place,) in self._run(file, query)}

    def _values(self, table: str) -> str:
        return ", ".join(
            f"{key.sql(f'{table}.{self._column(key)}')} AS k{at}"
            for at, key in enumerate(self._keys)
        )

    def _column(self, key: KeyColumn) -> str:
        return f"c{self._names.index(key.column.name)}"

    def _run(self, file: Path, query: str) -> list[Any]:
        """Run a query over the columns c0, c1, … of a file, and `place`."""
        import duckdb
        import pyarrow as pa
        import pyarrow.parquet as pq

        with pq.ParquetFile(file) as source, disk_errors_of(duckdb.IOException):
            kinds = [source.schema_arrow.field(name).type for name in self._names]
            fields = [pa.field(f"c{at}", _plain(kind)) for at, kind in enumerate(kinds)]
            kind = pa.schema([*fields, pa.field("place", pa.int64())])
            batches = _numbered(source, self._names, kind)
            self._connection.register("rows", pa.RecordBatchReader.from_batches(kind, batches))
            try:
                return self._connection.execute(query).fetchall()
            finally:
                self._connection.unregister("rows")


def _plain(kind: "pa.DataType") -> "pa.DataType":
    """A type of Arrow without its mark as JSON."""
    return getattr(kind, "storage_type", kind)


def _numbered(source: Any, names: list[str], kind: "pa.Schema") -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa

    place = 0
    for batch in source.iter_batches(_BATCH, columns=names):
        columns = [batch.column(name).cast(kind.field(at).type) for at, name in enumerate(names)]
        places = pa.array(range(place, place + batch.num_rows), pa.int64())
        place += batch.num_rows
        yield pa.RecordBatch.from_arrays([*columns, places], schema=kind)


def without(file: Path, places: set[int], into: Path) -> None:
    """Write a Parquet file again without these rows, as it was in all else. Raises OSError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as source:
        kind = source.schema_arrow
        with pq.ParquetWriter(into, kind, compression="zstd") as writer:
            place = 0
            for group in range(source.num_row_groups):
                table = source.read_row_group(group)
                end = place + table.num_rows
                table = table.filter(pa.array([at not in places for at in range(place, end)]))
                place = end
                if table.num_rows:
                    writer.write_table(table.cast(kind))
