"""A DuckDB database, one table a resource."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb

from harvester.export.arrow import groups
from harvester.export.columns import ListOf, Row, Struct, Table, Type

_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "memory_limit": "512MB",
    "threads": 2,
}

_DISK_FULL: Final = (duckdb.IOException, duckdb.TransactionException, duckdb.OutOfMemoryException)
_GROUP: Final = "the next rows"  # no name that a resource would have


class Database:
    """A new database file. After the block is left it is complete, and has no log beside it."""

    def __init__(self, path: Path, spill: Path) -> None:
        """Raises OSError, as for a full disk."""
        settings = {**_SETTINGS, "temp_directory": str(spill)}
        try:
            self._connection = duckdb.connect(str(path), config=settings)
        except duckdb.Error as error:
            raise OSError(None, str(error).partition("\n")[0]) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._connection.execute("CHECKPOINT")  # nothing stays in a log beside the file
            self._connection.close()
        except duckdb.Error as broken:
            if error is None:
                raise OSError(None, str(broken).partition("\n")[0]) from broken

    def add(self, name: str, table: Table, rows: Iterable[Row]) -> None:
        """Make the table `name` of the rows, in their order. Raises OSError for a full disk."""
        try:
            self._add(name, table, rows)
        except _DISK_FULL as error:
            raise OSError(None, str(error).partition("\n")[0]) from error

    def _add(self, name: str, table: Table, rows: Iterable[Row]) -> None:
        run = self._connection.execute
        columns = ", ".join(
            f"{_quoted(column.name)} {_sql_type(column.type)}" for column in table.columns
        )
        run("BEGIN")
        run(f"CREATE TABLE {_quoted(name)} ({columns})")
        for group in groups(table, rows):
            self._connection.register(_GROUP, group)
            run(f"INSERT INTO {_quoted(name)} SELECT * FROM {_quoted(_GROUP)}")  # noqa: S608  # quoted
            self._connection.unregister(_GROUP)
        run("COMMIT")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _sql_type(kind: Type) -> str:
    match kind:
        case ListOf(items):
            return f"{_sql_type(items)}[]"
        case Struct(members):
            inner = ", ".join(f"{_quoted(name)} {_sql_type(each)}" for name, each in members)
            return f"STRUCT({inner})"
    return kind.value
