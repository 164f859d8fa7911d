"""Adds rows to tables of a DuckDB database that is there already, or begins it.

Rows and ledgers are one transaction, which DuckDB plays back or forgets when the database is
opened after a kill. Ledgers lie in a schema of their own, `_harvester`; other tables are left as
they are.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from harvester.errors import ConfigError, FolderLocked
from harvester.export.duckdb_file import disk_errors_of, insert, memory_of, settings
from harvester.export.growing import GrowingTarget
from harvester.export.ledger import Ledger, ledger_of
from harvester.export.sql import sql_name, sql_type
from harvester.export.superseded import alike, key_columns
from harvester.export.writer import Rows

_INCOMING: Final = "the rows that came"  # no name that a resource would have
_LEDGERS = '"_harvester"."exports"'


class DuckDBTables(GrowingTarget):
    """Tables in the database `target`. `scratch` is a folder for what does not fit in memory."""

    def __init__(self, target: Path, scratch: Path) -> None:
        import duckdb

        self._target = target
        if os.path.lexists(target) and not target.is_file():
            raise ConfigError(f"{target}: is no file; name another target")
        try:
            self._connection = duckdb.connect(
                str(target), config=settings(scratch / "spill.duckdb")
            )
        except duckdb.IOException as error:
            text = str(error).partition("\n")[0]
            if "lock" in text.lower():
                raise FolderLocked(
                    f"{target}: another program has the database open; end it, and try again"
                ) from None
            raise ConfigError(f"{target}: {text}") from None
        self._connection.execute("BEGIN")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the database; what was not committed is forgotten."""
        import duckdb

        with contextlib.suppress(duckdb.Error):
            self._connection.close()

    def ledger(self, name: str, *, force: bool) -> Ledger | None:
        """The ledger of the table; see `GrowingTarget`."""
        if force:
            return None
        run = self._connection.execute
        there = run(
            "SELECT column_name FROM duckdb_columns() WHERE database_name = current_database() "
            "AND schema_name = 'main' AND lower(table_name) = lower(?)",
            [name],
        ).fetchall()
        lines = run(
            f"SELECT line FROM {_LEDGERS} WHERE name = ? ORDER BY position",  # noqa: S608  # a constant
            [name],
        ).fetchall() if self._has_ledgers() else []  # fmt: skip
        if not lines:
            if there:
                raise ConfigError(
                    f"{self._target}: has a table {name} that --append has not made, and was left "
                    "as it is; --force makes that table anew"
                )
            return None
        found = ledger_of((line for (line,) in lines), self._target)
        if {column for (column,) in there} != set(found.columns):
            raise ConfigError(
                f"{self._target}: the table {name} is not as the last export left it; --force "
                "makes it anew"
            )
        return found

    def add(
        self,
        name: str,
        rows: Rows,
        ledger: Ledger,
        added: Sequence[str] = (),
        dedupe: Sequence[str] = (),
    ) -> int:
        """Insert the rows, after the columns that are new, and take out what they replace."""
        import duckdb

        run, table, quoted = self._connection.execute, rows.table(), sql_name(name)
        full = (duckdb.IOException, duckdb.TransactionException, duckdb.OutOfMemoryException)
        with disk_errors_of(*full):
            if ledger.appends == 1:
                run(f"DROP TABLE IF EXISTS {quoted}")
            else:
                types = {column.name: sql_type(column.type) for column in table.columns}
                for column in added:
                    run(f"ALTER TABLE {quoted} ADD COLUMN {sql_name(column)} {types[column]}")
            run(f"SET memory_limit = '{memory_of(table)}MB'")
            keys = key_columns(table, dedupe) if dedupe and ledger.appends > 1 else None
            if keys is None:
                insert(self._connection, name, table, rows.blocks(), make=ledger.appends == 1)
                return 0
            insert(self._connection, _INCOMING, table, rows.blocks())
            come = sql_name(_INCOMING)
            same = alike(keys, "older", "newer")
            [(replaced,)] = run(
                f"DELETE FROM {quoted} AS older USING {come} AS newer WHERE {same}"  # noqa: S608  # quoted
            ).fetchall()
            run(f"INSERT INTO {quoted} BY NAME SELECT * FROM {come}")  # noqa: S608  # quoted
            run(f"DROP TABLE {come}")
        return int(replaced)

    def commit(self, ledgers: Sequence[tuple[str, Ledger]]) -> None:
        """Write the ledgers down, and commit them with the rows."""
        import duckdb
        import pyarrow as pa

        run = self._connection.execute
        with disk_errors_of(duckdb.Error):
            run('CREATE SCHEMA IF NOT EXISTS "_harvester"')
            columns = "name VARCHAR, position BIGINT, line VARCHAR"
            run(f"CREATE TABLE IF NOT EXISTS {_LEDGERS} ({columns})")
            for name, ledger in ledgers:
                lines = list(ledger.lines())
                names, places = [name] * len(lines), list(range(len(lines)))
                found = pa.table({"name": names, "position": places, "line": lines})
                run(f"DELETE FROM {_LEDGERS} WHERE name = ?", [name])  # noqa: S608  # a constant
                self._connection.register("ledger", found)
                run(f"INSERT INTO {_LEDGERS} SELECT * FROM ledger")  # noqa: S608  # a constant
                self._connection.unregister("ledger")
            run("COMMIT")
            run("CHECKPOINT")
            self._connection.close()

    def _has_ledgers(self) -> bool:
        found = self._connection.execute(
            "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() AND "
            "schema_name = '_harvester' AND table_name = 'exports'"
        )
        return bool(found.fetchall())
