"""Finds records that are repeated, so that each key is exported once: its newest record.

Of the records with one key, that of the page which was fetched last stays, and of two in one page
the later. What was seen lies in a SQLite file, and memory is its page cache, however many keys
there are. The second pass goes through the positions to leave out in their order, and looks
nothing up.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from harvester.errors import ConfigError
from harvester.export.values import json_text
from harvester.model import Path as JSONPath
from harvester.model import find, parse

_CACHE_KIB: Final = 64 * 1024
_DIGEST_BYTES: Final = 16


class Repeats:
    """What was seen so far, by key: JSON values at one or more paths, told apart by kind.

    A record that lacks a path, or has null there, is never a repeat; `unkeyed` counts them.
    """

    def __init__(self, file: Path, keys: Sequence[str]) -> None:
        self._paths = [key_path(key) for key in keys]
        self.keyed = self.unkeyed = 0
        self._database = sqlite3.connect(file, isolation_level=None)
        run = self._database.execute
        run(f"PRAGMA cache_size = -{_CACHE_KIB}")
        for setting in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
            run(f"PRAGMA {setting}")  # the file does not outlive this process
        run("CREATE TABLE seen (key BLOB PRIMARY KEY, fetched_at, position) WITHOUT ROWID")
        run("CREATE TABLE repeated (position INTEGER PRIMARY KEY)")
        run("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._database.close()

    def observe(self, position: int, fetched_at: str, record: Any) -> None:
        """Take the record at `position` (they come in order) into account.

        Raises OSError where the file cannot grow.
        """
        found = [[item for item in find(record, path) if item is not None] for path in self._paths]
        if not all(found):
            self.unkeyed += 1
            return
        self.keyed += 1
        try:
            self._look_up(position, fetched_at, found)
        except sqlite3.OperationalError as error:  # the disk is full
            raise OSError(None, str(error)) from error

    def _look_up(self, position: int, fetched_at: str, found: Any) -> None:
        text = json_text(found).encode()
        key = hashlib.blake2b(text, digest_size=_DIGEST_BYTES).digest()
        run = self._database.execute
        before = run("SELECT fetched_at, position FROM seen WHERE key = ?", (key,)).fetchone()
        if before is None:
            run("INSERT INTO seen VALUES (?, ?, ?)", (key, fetched_at, position))
        elif before[0] <= fetched_at:
            run("INSERT INTO repeated VALUES (?)", (before[1],))
            run("UPDATE seen SET fetched_at = ?, position = ? WHERE key = ?",
                (fetched_at, position, key))  # fmt: skip
        else:
            run("INSERT INTO repeated VALUES (?)", (position,))

    def positions(self) -> Iterator[int]:
        """The positions to leave out, in order."""
        for (position,) in self._database.execute("SELECT position FROM repeated ORDER BY 1"):
            yield position


def key_path(key: str) -> JSONPath:
    """The path that `--dedupe` names. Raises `ConfigError`."""
    try:
        return parse(key)
    except ValueError as error:
        raise ConfigError(f"--dedupe {key}: {error}") from None
