"""Looks over all partitions in an object store: one listing, then many reads at a time.

What a listing says is kept in a temporary database of SQLite, since there may be a million
partitions, and their plan has another order than their names. It is believed of nothing but where
to look: what is known of a partition is what its segments and its parts say, by the same proofs as
always. Whatever is not plain (very many parts, a segment or a part that is missing, damage, a store
that fails) is not known, and whoever opens the partition by itself finds what there is to say.
"""

import itertools
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Final, Self

from harvester.errors import HarvesterError
from harvester.store.bucket import Bucket
from harvester.store.entries import Entry, Header
from harvester.store.known_lines import KnownLines
from harvester.store.object_files import FilesOfLines, FilesThere
from harvester.store.object_lines import (
    in_order,
    in_sequence,
    line_of,
    part_lines,
    segment_lines,
)
from harvester.store.object_listing import Listed, folders_below
from harvester.store.object_recap import repeated
from harvester.store.soon_read import SoonRead

_AT_ONCE: Final = 32
_AHEAD: Final = 128
_MOST_PAGES: Final = 5_000  # of a partition whose lines are held here
_MOST_AHEAD: Final = 10_000  # pages of those that are asked for ahead
_TABLE: Final = """
CREATE TABLE folders (
    folder TEXT PRIMARY KEY, files INT, bytes INT, seal TEXT, ends TEXT, parts TEXT
) WITHOUT ROWID
"""
_ADD: Final = """
INSERT INTO folders VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET parts = NULL
"""

Lines = list[Header | Entry]


class ObjectSurvey:
    """What is there of the partitions below a URL, as it was when first asked; see `Survey`."""

    ahead = _AHEAD

    def __init__(self, bucket: Bucket, known: KnownLines, soon: SoonRead, *, whole: bool) -> None:
        self._bucket, self._known, self._soon = bucket, known, soon
        self._whole = whole
        self._thread = threading.get_ident()
        self._listed: dict[str, bool] = {}
        self._database: sqlite3.Connection | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._coming: dict[str, Future[Lines | None]] = {}
        self._ahead: dict[str, int] = {}  # how many pages each of those has

    def __enter__(self) -> Self:
        self._known.begin()
        self._known.look(self._is_empty)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._known.look_no_more(self._is_empty)
        self._known.end()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._soon.clear()
        if self._database is not None:
            self._database.close()

    def ask(self, folder: str, *, parts: bool = False) -> bool:
        """Begin to read the ends of a partition's parts, and those `parts`; whether there is
        anything of it.
        """
        if known := self._known.of(folder):
            if parts:
                listed = None if self._whole else self._listed_of(folder)
                files = listed.files if listed else None
                self._begin(folder, len(known), partial(self._said, folder, known, files), parts)
            return True
        listed = self._listed_of(folder)
        if listed is None or listed.is_empty:
            return listed is None
        pages = listed.covered + len(listed.parts)
        self._begin(folder, pages, partial(self._read, folder, listed), parts)
        return True

    def _begin(
        self, folder: str, pages: int, read: Callable[[], Lines | None], parts: bool
    ) -> None:
        """Read in another thread; in its turn, if there is too much or no thread is to be had."""
        if sum(self._ahead.values()) + pages > _MOST_AHEAD:
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="survey")
        with suppress(RuntimeError):
            self._coming[folder] = self._pool.submit(self._came, folder, read, parts)
            self._ahead[folder] = pages

    def _came(self, folder: str, read: Callable[[], Lines | None], parts: bool) -> Lines | None:
        lines = read()
        if parts and lines and isinstance(end := lines[-1], Entry) and end.done:
            self._soon.fetch(self._bucket, folder, lines)
        return lines

    def has(self, folder: str) -> bool:
        """Whether there is anything of a partition, by what is listed of all."""
        listed = self._listed_of(folder)
        return listed is None or not listed.is_empty

    def lines(self, folder: str) -> Lines | None:
        """The lines of a partition, where they are known; of an unfinished one if `whole`."""
        if coming := self._coming.pop(folder, None):
            del self._ahead[folder]
            return coming.result()
        if known := self._known.of(folder):
            listed = None if self._whole else self._listed_of(folder)
            return self._said(folder, known, listed.files if listed else None)
        listed = self._listed_of(folder)
        if listed is not None and not listed.is_empty:
            return self._read(folder, listed)
        return [] if self._whole and listed is not None else None

    def _is_empty(self, folder: str) -> bool:
        """Whether the listing, if there is one by now, has nothing of a partition."""
        if threading.get_ident() != self._thread or not self._listed.get(folder.partition("/")[0]):
            return False
        listed = self._listed_of(folder)
        return listed is not None and listed.is_empty

    def _read(self, folder: str, listed: Listed) -> Lines | None:
        try:
            return self._lines(folder, listed)
        except HarvesterError:
            return None

    def _lines(self, folder: str, listed: Listed) -> Lines | None:
        """What segments and parts say, the last one first; of an unfinished partition only if
        `whole`.
        """
        bucket, segments = self._bucket, listed.segments
        parts = in_order(bucket, folder, listed.parts, listed.covered)
        if listed.covered + len(parts) > _MOST_PAGES:
            return None
        if parts:
            last = part_lines(bucket, parts[-1])
        else:
            last = segment_lines(bucket, folder, *segments.pop())
        end = line_of(bucket, folder, last.lines[-1]) if last.lines else None
        is_done = isinstance(end, Entry) and end.done
        if not is_done and not self._whole:
            return None
        before = repeated(last.before, listed.seal) if len(parts) > 1 else ()
        if before is None:
            before = tuple(line for found in parts[:-1] for line in part_lines(bucket, found).lines)
        early = (segment_lines(bucket, folder, *each).lines for each in segments)
        lines = (*itertools.chain.from_iterable(early), *before, *last.lines)
        said = self._said(folder, lines, listed.files)
        if is_done:
            self._known.add(folder, lines)
        return said

    def _said(self, folder: str, text: tuple[bytes, ...], there: FilesThere | None) -> Lines | None:
        """What all lines of a partition say, if that is wanted; `there` are the files that are
        listed of it.
        """
        lines = list(in_sequence(self._bucket, folder, text))
        if self._whole:
            return lines
        files = FilesOfLines()
        begins_again = False
        for each in lines:
            if isinstance(each, Entry):
                begins_again |= each.restarts
                files.see(each)
        is_plain = isinstance(lines[0], Header) and not begins_again
        return lines if is_plain and files.named == there else None

    def _listed_of(self, folder: str) -> Listed | None:
        """What there is of a partition; None where that is not known."""
        top, _, below = folder.partition("/")
        if not below:  # a partition by itself costs no less in this way
            return None
        if top not in self._listed:
            self._listed[top] = self._list(top)
        if not self._listed[top] or self._database is None:
            return None
        try:
            query = "SELECT * FROM folders WHERE folder = ?"
            row = self._database.execute(query, (folder,)).fetchone()
        except sqlite3.Error:
            return None
        return Listed() if row is None else Listed.of(row)

    def _list(self, top: str) -> bool:
        """List all below a name; whether that came to its end."""
        try:
            if self._database is None:
                # Nameless: on the disk when it grows, and gone when it is closed.
                self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
                self._database.execute("PRAGMA journal_mode = OFF")
                self._database.execute(_TABLE)
            self._database.execute("BEGIN")
            for answer in folders_below(self._bucket, top):
                self._database.executemany(_ADD, [folder.row() for folder in answer])
            self._database.execute("COMMIT")
        except (sqlite3.Error, HarvesterError):
            return False
        return True
