"""Looks over all partitions in an object store: one listing, then many reads at a time.

What a listing says is kept in a temporary database of SQLite, since there may be a million
partitions, and their plan has another order than their names. It is believed of nothing but where
to look: what is known of a partition is what its parts say, by the same proofs as always. Whatever
is not plain (many parts, segments, a gap, damage, a store that fails) is not known, and whoever
opens the partition by itself finds what there is to say.
"""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import field
from types import TracebackType
from typing import Final, Self

from harvester.errors import HarvesterError
from harvester.store.bucket import Bucket, Found
from harvester.store.entries import Entry, Header
from harvester.store.known_lines import KnownLines
from harvester.store.object_files import FilesOfLines, FilesThere, file_number
from harvester.store.object_lines import (
    SEGMENTS,
    in_order,
    in_sequence,
    line_of,
    own_number,
    part_lines,
)
from harvester.store.object_recap import Seal, repeated
from harvester.values import dataclass

_AT_ONCE: Final = 32
_AHEAD: Final = 128
_MOST_READ: Final = 16  # parts of a partition that are read one by one here
_MOST_PARTS: Final = 99  # of one whose last part may repeat the lines of the others
_ANSWER: Final = 1000
_TABLE: Final = """
CREATE TABLE folders (folder TEXT PRIMARY KEY, files INT, bytes INT, seal TEXT, parts TEXT)
WITHOUT ROWID
"""
_ADD: Final = """
INSERT INTO folders VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET parts = NULL
"""

Lines = list[Header | Entry]


@dataclass(frozen=True, slots=True)
class _Listed:
    """What is to be read of a partition: its parts, or only the `last` of many; `seal` is of those
    before that, `files` pages that are files beside their parts.
    """

    parts: list[Found]
    is_all: bool = True
    seal: str = ""
    files: FilesThere = field(default_factory=FilesThere)


class ObjectSurvey:
    """What is there of the partitions below a URL, as it was when first asked; see `Survey`."""

    ahead = _AHEAD

    def __init__(self, bucket: Bucket, known: KnownLines, *, whole: bool) -> None:
        self._bucket, self._known = bucket, known
        self._whole = whole
        self._listed: dict[str, bool] = {}
        self._database: sqlite3.Connection | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._coming: dict[str, Future[Lines | None]] = {}

    def __enter__(self) -> Self:
        self._known.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._known.end()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        if self._database is not None:
            self._database.close()

    def ask(self, folder: str) -> bool:
        """Begin to read the ends of a partition's parts; whether there is anything of it."""
        if self._known.of(folder):
            return True
        listed = self._listed_of(folder)
        if listed is None or not listed.parts:
            return listed is None
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="survey")
        with suppress(RuntimeError):  # where no thread is to be had, it is read in its turn
            self._coming[folder] = self._pool.submit(self._read, folder, listed)
        return True

    def lines(self, folder: str) -> Lines | None:
        """The lines of a partition, where they are known; of an unfinished one if `whole`."""
        if coming := self._coming.pop(folder, None):
            return coming.result()
        if known := self._known.of(folder):
            listed = None if self._whole else self._listed_of(folder)
            return self._said(folder, known, listed.files if listed else None)
        listed = self._listed_of(folder)
        if listed is not None and listed.parts:
            return self._read(folder, listed)
        return [] if self._whole and listed is not None else None

    def _read(self, folder: str, listed: _Listed) -> Lines | None:
        try:
            return self._lines(folder, listed)
        except HarvesterError:
            return None

    def _lines(self, folder: str, listed: _Listed) -> Lines | None:
        """What the parts say, the last one first; an unfinished partition's only if `whole`."""
        bucket = self._bucket
        parts = in_order(bucket, folder, listed.parts, 0) if listed.is_all else listed.parts
        last = part_lines(bucket, parts[-1])
        end = line_of(bucket, folder, last.lines[-1]) if last.lines else None
        is_done = isinstance(end, Entry) and end.done
        if not is_done and not self._whole:
            return None
        before = repeated(last.before, listed.seal) if last.number > 1 else ()
        if before is None:
            if not listed.is_all:
                return None
            before = tuple(line for found in parts[:-1] for line in part_lines(bucket, found).lines)
        lines = (*before, *last.lines)
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

    def _listed_of(self, folder: str) -> _Listed | None:
        """What there is of a partition; None where that is not known."""
        top, _, below = folder.partition("/")
        if not below:  # a partition by itself costs no less in this way
            return None
        if top not in self._listed:
            self._listed[top] = self._list(top)
        if not self._listed[top] or self._database is None:
            return None
        try:
            query = "SELECT files, bytes, seal, parts FROM folders WHERE folder = ?"
            row = self._database.execute(query, (folder,)).fetchone()
        except sqlite3.Error:
            return None
        if row is None:
            return _Listed([])
        return None if row[3] is None else _unpacked(folder, *row)

    def _list(self, top: str) -> bool:
        """List all below a name; whether that came to its end."""
        try:
            if self._database is None:
                # Nameless: on the disk when it grows, and gone when it is closed.
                self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
                self._database.execute("PRAGMA journal_mode = OFF")
                self._database.execute(_TABLE)
            self._database.execute("BEGIN")
            for answer in _folders(self._bucket, top):
                self._database.executemany(_ADD, [folder.row() for folder in answer])
            self._database.execute("COMMIT")
        except (sqlite3.Error, HarvesterError):
            return False
        return True


class _Folder:
    """What a listing says of one folder."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = self._parts_count = 0
        self._files = FilesThere()
        self._seal = Seal()
        self._parts: list[Found] = []  # the first ones, then the last one alone
        self._is_plain = True

    def add(self, found: Found) -> None:
        """Take in what lies there."""
        self.count += 1
        number = own_number(found.key, self.name)
        if number is None:
            # Anything else but a segment is no reader's business.
            if file_number(found.key, self.name) is not None:
                self._files.add(found.size)
            self._is_plain &= not found.key.startswith(f"{self.name}/{SEGMENTS}/")
            return
        if self._parts:
            self._seal.add(self._parts[-1])
        self._parts_count += 1
        self._is_plain &= number == self._parts_count <= _MOST_PARTS
        if len(self._parts) > _MOST_READ:
            self._parts.pop()
        self._parts.append(found)

    @property
    def has_parts(self) -> bool:
        """Whether it holds any part itself."""
        return self._parts_count > 0

    def is_long(self, last: Found) -> bool:
        """Whether it is worth it to list on from behind its parts, of which `last` is one."""
        return self.count >= _ANSWER and own_number(last.key, self.name) is not None

    def row(self) -> tuple[str, int, int, str, str | None]:
        """The folder, its files, the seal of its parts but the last, its parts; None where it is
        not plain.
        """
        parts = self._parts[-1:] if self._parts_count > _MOST_READ else self._parts
        begins = len(self.name) + 1
        told = "\n".join(f"{each.key[begins:]}\t{each.size}" for each in parts)
        plain = told if self._is_plain else None
        return self.name, self._files.count, self._files.size, str(self._seal), plain


def begun(bucket: Bucket) -> Iterator[str]:
    """The folders that hold parts, in order."""
    for answer in _folders(bucket, ""):
        yield from (folder.name for folder in answer if folder.has_parts)


def _folders(bucket: Bucket, top: str) -> Iterator[list[_Folder]]:
    """What is listed below a name: the folders that end in each answer."""
    now = _Folder("")
    after: str | None = None
    while True:
        for answer in bucket.listing(top, after):
            ended = []
            for found in answer:
                folder = _folder(found.key)
                if folder != now.name:
                    ended.append(now)
                    now = _Folder(folder)
                now.add(found)
            yield [each for each in ended if each.name]
            if now.is_long(answer[-1]):
                break
        else:
            break
        after = f"{now.name}/part-:"  # behind all its parts, whose names go on with a digit
    if now.name:
        yield [now]


def _folder(key: str) -> str:
    """The partition that an object is of."""
    folder, _, _ = key.rpartition("/")
    return folder.removesuffix(f"/{SEGMENTS}")


def _unpacked(folder: str, files: int, size: int, seal: str, parts: str) -> _Listed:
    found = []
    for line in parts.splitlines():
        name, _, digits = line.partition("\t")
        found.append(Found(f"{folder}/{name}", int(digits), ""))
    is_all = len(found) != 1 or own_number(found[0].key, folder) == 1
    return _Listed(found, is_all, seal, FilesThere(files, size))
