"""Keeps the values of a crawl, each once, in the order in which they were found: on disk.

The order is that of a walk, breadth first: the seeds, then what the first value's pages lead to,
then what the second's do. `expanded` is how far that has been written down: all values up to that
number have been looked into, but for those that were `skipped` since they could not be harvested.

A SQLite file holds it, so that ten million values take no memory. It is a copy of what the journals
and parts say, never the truth: where it is missing, damaged, or of another question, it is made
anew from them.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any, Final, Self

from harvester.errors import DiskError
from harvester.model import as_text
from harvester.values import dataclass

_FORMAT: Final = 1
_WAIT_S: Final = 60
_COMMIT_EVERY_S: Final = 1.0
_CACHE_KIB: Final = 16 * 1024
_TABLES: Final = """
CREATE TABLE node (
    n INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE, json TEXT, small TEXT,
    depth INTEGER NOT NULL, found_by INTEGER NOT NULL, cased INTEGER NOT NULL);
CREATE INDEX node_small ON node (small) WHERE small IS NOT NULL;
CREATE INDEX node_found_by ON node (found_by);
CREATE TABLE skipped (n INTEGER PRIMARY KEY);
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT);
"""


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a crawl: its number, from 1, and how many steps from a seed it was found. `cased`:
    one found before differs from it in case only.
    """

    number: int
    value: Any
    depth: int
    cased: bool


class Frontier:
    """The values of one crawl. One thread uses it; leaving its `with` block closes it."""

    def __init__(self, database: sqlite3.Connection, question: str) -> None:
        """Go on with a database that has the tables."""
        self._database = database
        self._question = question
        self._committed = monotonic()
        self.expanded = int(self._said("expanded") or 0)

    @classmethod
    def open(cls, path: Path, question: str, *, fsync: bool) -> Self:
        """The one in `path`, to be written; begun anew where it is none, damaged, or another's."""
        with contextlib.suppress(sqlite3.Error, ValueError, TypeError):
            if path.is_file() and not path.is_symlink():
                found = cls(_connected(str(path), fsync=fsync), question)
                if found._is_usable():
                    found._begin()
                    return found
                found.close()
        try:
            for name in (path, path.with_name(f"{path.name}-journal")):
                name.unlink(missing_ok=True)
            return cls._begun(_connected(str(path), fsync=fsync), question)
        except (OSError, sqlite3.Error) as error:
            raise DiskError(f"{path}: {error}") from error

    @classmethod
    def copied(cls, path: Path, question: str) -> Self:
        """A copy of the one in `path`, for a reader, in a file that vanishes with it."""
        database = _connected("", fsync=False)
        with contextlib.suppress(sqlite3.Error, ValueError, TypeError):
            if path.is_file() and not path.is_symlink():
                source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", _WAIT_S, uri=True)
                with contextlib.closing(source):
                    source.backup(database)
                found = cls(database, question)
                if found._is_usable():
                    return found
        database.close()
        return cls._begun(_connected("", fsync=False), question)

    @classmethod
    def _begun(cls, database: sqlite3.Connection, question: str) -> Self:
        database.executescript(_TABLES)
        found = cls(database, question)
        found._say("question", question)
        found._say("format", str(_FORMAT))
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write down what is not yet, and close."""
        with contextlib.suppress(sqlite3.Error):  # it can be made anew
            self._write()
        self._database.close()

    # --- Values ----------------------------------------------------------------------------------

    def __len__(self) -> int:
        (found,) = self._database.execute("SELECT coalesce(max(n), 0) FROM node").fetchone()
        return int(found)

    def add(self, values: Iterable[Any], by: int, depth: int) -> None:
        """Add the values that are new, found by number `by` (0: seeds)."""
        for value in values:
            text = as_text(value)
            known = self._database.execute("SELECT 1 FROM node WHERE value = ?", (text,))
            if known.fetchone() is not None:
                continue
            small = text.lower()
            small_or_none = None if small == text.upper() else small
            alike = self._database.execute("SELECT 1 FROM node WHERE small = ?", (small_or_none,))
            row = (
                text,
                None if isinstance(value, str) else json.dumps(value),
                small_or_none,
                depth,
                by,
                small_or_none is not None and alike.fetchone() is not None,
            )
            self._database.execute(
                "INSERT INTO node (value, json, small, depth, found_by, cased) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )

    def node(self, number: int) -> Node | None:
        """Value number `number`; None where there are not so many."""
        row = self._database.execute(
            "SELECT n, value, json, depth, cased FROM node WHERE n = ?", (number,)
        ).fetchone()
        return None if row is None else _node(row)

    def seeds(self) -> Iterator[Node]:
        """The values that nothing led to, in order."""
        yield from self._nodes("WHERE found_by = 0 ORDER BY n")

    def __iter__(self) -> Iterator[Node]:
        yield from self._nodes("ORDER BY n")

    def deepest(self, most: int | None) -> int:
        """How deep the values lie that are asked for."""
        (found,) = self._database.execute(
            "SELECT coalesce(max(depth), 0) FROM node WHERE ? IS NULL OR depth <= ?", (most, most)
        ).fetchone()
        return int(found)

    def within(self, most: int | None) -> int:
        """How many values are asked for."""
        (found,) = self._database.execute(
            "SELECT count(*) FROM node WHERE ? IS NULL OR depth <= ?", (most, most)
        ).fetchone()
        return int(found)

    # --- How far it is written down --------------------------------------------------------------

    def move_to(self, expanded: int, *, skipping: bool = False) -> None:
        """Say that all up to this number is looked into; `skipping`: but for the last one."""
        if skipping:
            self._database.execute("INSERT OR IGNORE INTO skipped VALUES (?)", (expanded,))
        self.expanded = expanded
        if monotonic() - self._committed > _COMMIT_EVERY_S:
            self._write()

    def skip(self, number: int) -> None:
        """Note that a value was passed without what it leads to now."""
        self._database.execute("INSERT OR IGNORE INTO skipped VALUES (?)", (number,))

    def skipped(self) -> list[int]:
        """The values that were passed, in order."""
        return [int(n) for (n,) in self._database.execute("SELECT n FROM skipped ORDER BY n")]

    def cut(self, number: int) -> None:
        """Forget what value `number`, and those behind it, led to."""
        (first,) = self._database.execute(
            "SELECT min(n) FROM node WHERE found_by >= ?", (number,)
        ).fetchone()
        if first is not None:
            self._database.execute("DELETE FROM node WHERE n >= ?", (first,))
        self._database.execute("DELETE FROM skipped WHERE n >= ?", (number,))
        self.expanded = number - 1

    def empty(self) -> None:
        """Forget everything."""
        self._database.execute("DELETE FROM node")
        self._database.execute("DELETE FROM skipped")
        self.expanded = 0

    def _nodes(self, behind: str) -> Iterator[Node]:
        cursor = self._database.cursor()
        cursor.execute(f"SELECT n, value, json, depth, cased FROM node {behind}")  # noqa: S608
        while rows := cursor.fetchmany(1000):
            yield from map(_node, rows)

    def _write(self) -> None:
        self._say("expanded", str(self.expanded))
        self._database.commit()
        self._committed = monotonic()
        self._begin()

    def _begin(self) -> None:
        """Begin to read at once: outside of a transaction each question locks the file anew."""
        self._database.execute("BEGIN")

    def _said(self, key: str) -> str | None:
        found = self._database.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def _say(self, key: str, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))

    def _is_usable(self) -> bool:
        """Whether it is of this question, whole and sound as far as a quick look tells."""
        told = (self._said("question"), self._said("format"))
        return told == (self._question, str(_FORMAT)) and 0 <= self.expanded <= len(self)


def _node(row: tuple[Any, ...]) -> Node:
    number, text, written, depth, cased = row
    value = text if written is None else json.loads(written)
    return Node(int(number), value, int(depth), bool(cased))


def _connected(path: str, *, fsync: bool) -> sqlite3.Connection:
    database = sqlite3.connect(path, _WAIT_S, check_same_thread=False)
    database.execute(f"PRAGMA synchronous = {'NORMAL' if fsync else 'OFF'}")
    database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return database
