"""Answers SQL over a harvest: each resource is a view, read from its parts anew for each scan.

Nothing is copied and memory stays flat: a view is a stream of blocks, as an export writes them,
with the columns that a Parquet file would have.
"""

import contextlib
import csv
import io
import itertools
import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harvester.errors import ConfigError
from harvester.export.choice import Choice
from harvester.export.rows import ResourceRows
from harvester.export.snapshot import Snapshot, chosen
from harvester.store import read_asked
from harvester.values import dataclass

if TYPE_CHECKING:
    import duckdb

_LIBRARIES: Final = ("pyarrow", "duckdb")
_ROWS: Final = 1000
_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "threads": 1,
    "memory_limit": "256MB",
    "autoinstall_known_extensions": False,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave: the names of its columns, and its rows, some at a time."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


@contextlib.contextmanager
def answered(out: str | os.PathLike[str], query: str, *, prefix: str = "_") -> Iterator[Answer]:
    """The answer to one SQL query, of which the resources of the harvest in `out` are tables.

    What was committed when this began is in them. Raises `ConfigError` for SQL that is wrong, and
    `DataRefused` where a part is damaged.
    """
    missing = [library for library in _LIBRARIES if find_spec(library) is None]
    if missing:
        raise ConfigError(
            f"sql takes {' and '.join(missing)}, not installed here: "
            "pip install 'api-harvester[export]'"
        )
    import duckdb

    asked = read_asked(Path(out))
    with (
        tempfile.TemporaryDirectory(prefix="harvester-sql-") as home,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(home)
        settings = {**_SETTINGS, "temp_directory": str(folder / "spill")}
        connection = duckdb.connect(":memory:", config=settings)
        stack.callback(connection.close)
        views: list[_View] = []
        for number, resource in enumerate(chosen(asked, (), {})):
            if re.search(rf"\b{re.escape(resource.name)}\b", query, re.IGNORECASE):
                notes = folder / f"pages-{number}.jsonl"
                snapshot = Snapshot(Path(out), asked, resource, {}, notes)
                rows = ResourceRows(snapshot, prefix, (), Choice(), folder / "seen", _silent)
                views.append(_View(stack.enter_context(rows)))
                connection.register(resource.name, views[-1])
        try:
            found = connection.execute(query)
        except duckdb.Error as error:
            _raise_own(views)
            raise ConfigError(f"sql: {error}") from None
        columns = tuple(str(column[0]) for column in found.description or ())
        yield Answer(columns, _rows(found, views))


class _View:
    """A resource as a stream of Arrow tables that begins anew each time it is asked for."""

    def __init__(self, rows: ResourceRows) -> None:
        from harvester.export.arrow import schema

        self._rows = rows
        self._table = rows.exact_table()
        self._schema = schema(self._table)
        self.errors: list[BaseException] = []

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        from harvester.export.tables import Stream, tables

        stream = Stream(self._schema, tables(self._table, self._rows.blocks()), self.errors)
        return stream.reader.__arrow_c_stream__(requested_schema)


def _rows(found: "duckdb.DuckDBPyConnection", views: Sequence[_View]) -> Iterator[tuple[Any, ...]]:
    import duckdb

    while True:
        try:
            some = found.fetchmany(_ROWS) if found.description else []
        except duckdb.Error as error:
            _raise_own(views)
            raise ConfigError(f"sql: {error}") from None
        if not some:
            return
        yield from some


def _raise_own(views: Sequence[_View]) -> None:
    """Raise what went wrong while a view was read, which DuckDB tells in its own words."""
    for view in views:
        for error in view.errors:
            raise error


def _silent(step: object) -> None:
    """Nobody is told how far it has come."""


def lines_of(answer: Answer, *, as_json: bool) -> Iterator[bytes]:
    """An answer as CSV under a header, or as JSON Lines; what JSON has no word for is a text."""
    if as_json:
        for row in answer.rows:
            named = dict(zip(answer.columns, row, strict=True))
            yield json.dumps(named, ensure_ascii=False, default=str).encode() + b"\n"
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in itertools.chain((answer.columns,), answer.rows):
        cells = [
            json.dumps(cell, ensure_ascii=False, default=str)
            if isinstance(cell, list | dict)
            else cell
            for cell in row
        ]
        writer.writerow(cells)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
