"""Writes a DuckDB database with one table a resource."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from harvester.errors import ConfigError
from harvester.export.blocks import Block
from harvester.export.columns import Table, leaves
from harvester.export.sql import sql_name, sql_type
from harvester.export.writer import Rows, Writer

if TYPE_CHECKING:
    import duckdb

#: Enough for tables of a few columns; rows are held until 122,880 of them make a group.
_MEMORY_MB: Final = 128
_NARROW: Final = 16
_COLUMN_MB: Final = 4
_Settings = dict[str, str | bool | int | float | list[str]]
_SETTINGS: Final[_Settings] = {
    "memory_limit": f"{_MEMORY_MB}MB",
    "threads": 1,  # rows come one after the other; a second one costs more than it helps
}

_ROWS: Final = "the rows"  # no name that a resource would have


class DuckDB(Writer):
    """A new database file. After the block is left it is complete, and has no log."""

    suffix = ".duckdb"
    libraries = ("pyarrow", "duckdb")
    holds_several = True
    has_types = True

    def __init__(self, path: Path) -> None:
        import duckdb

        super().__init__(path)
        with disk_errors_of(duckdb.Error):
            self._connection = duckdb.connect(str(path), config=settings(path))

    @classmethod
    def check_target(cls, target: Path) -> None:
        """Refuse a target with a log: DuckDB would play it back into the new database."""
        log = target.with_name(target.name + ".wal")
        if log.exists():
            raise ConfigError(
                f"{log}: another program has the database open, or died with it; end that program, "
                "or open the database once with DuckDB, and try again"
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        import duckdb

        if error is not None:
            with contextlib.suppress(duckdb.Error):
                self._connection.close()
            return
        with disk_errors_of(duckdb.Error):
            self._connection.execute("CHECKPOINT")  # nothing stays in a log
            self._connection.close()

    def add(self, name: str, rows: Rows) -> None:
        """Make the table `name` of the rows, in their order."""
        import duckdb

        table = rows.table()
        full = (duckdb.IOException, duckdb.TransactionException, duckdb.OutOfMemoryException)
        with disk_errors_of(*full):
            self._add(name, table, rows.blocks())

    def _add(self, name: str, table: Table, blocks: Iterable[Block]) -> None:
        run = self._connection.execute
        run(f"SET memory_limit = '{memory_of(table)}MB'")
        run("BEGIN")
        insert(self._connection, name, table, blocks)
        run("COMMIT")


def memory_of(table: Table) -> int:
    """The megabytes that it takes to write a table."""
    wide = sum(leaves(column.type) for column in table.columns) - _NARROW
    return _MEMORY_MB + max(0, wide) * _COLUMN_MB


def settings(path: Path, table: Table | None = None) -> _Settings:
    """How DuckDB is to open a file for the rows of a table."""
    memory = {} if table is None else {"memory_limit": f"{memory_of(table)}MB"}
    return {**_SETTINGS, "temp_directory": str(path.with_name("spill")), **memory}


def insert(
    connection: "duckdb.DuckDBPyConnection",
    name: str,
    table: Table,
    blocks: Iterable[Block],
    *,
    make: bool = True,
) -> None:
    """Put the rows into the table `name`, which is made first, or is there. A transaction that was
    begun is rolled back where the rows raise.
    """
    import duckdb

    from harvester.export.arrow import schema
    from harvester.export.tables import Stream, tables

    run = connection.execute
    if make:
        columns = ", ".join(
            f"{sql_name(column.name)} {sql_type(column.type)}" for column in table.columns
        )
        run(f"CREATE TABLE {sql_name(name)} ({columns})")
    try:
        with Stream(schema(table), tables(table, blocks)) as stream:
            connection.register(_ROWS, stream.reader)
            run(f"INSERT INTO {sql_name(name)} BY NAME SELECT * FROM {sql_name(_ROWS)}")  # noqa: S608  # quoted
    except BaseException:
        with contextlib.suppress(duckdb.Error):
            run("ROLLBACK")
        raise
    finally:
        connection.unregister(_ROWS)


@contextlib.contextmanager
def disk_errors_of(*kinds: type[Exception]) -> Iterator[None]:
    """Raise the OSError that DuckDB's errors of these kinds mean."""
    try:
        yield
    except kinds as error:
        raise OSError(None, str(error).partition("\n")[0]) from error
