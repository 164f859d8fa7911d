"""Copies a whole harvest to another place, each page checked; the same call goes on after a stop.

What is copied is what is committed: each line with its part, in order, by the writer of the other
place, so that a copy is at any moment a harvest that can be read, resumed and gone on with. Lines
that are there *must* be those of the source, else nothing is written.
"""

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import takewhile
from typing import Final

from harvester.config import Resource
from harvester.errors import DataRefused
from harvester.model import url_of
from harvester.planning import copies_of, in_any_order
from harvester.results import LAST_RUN, Looked, in_order
from harvester.store import (
    MANIFEST,
    Asked,
    Entry,
    Header,
    Place,
    Store,
    Survey,
    Writer,
    fetched_ahead,
    folder_of,
    in_turn,
    part_suffix,
    read_asked,
    store_at,
)
from harvester.values import dataclass

_AT_ONCE: Final = 16  # partitions, where a store is far
_AHEAD: Final = 2  # parts of each that are fetched while those before are put
#: What of two lines may differ: where a page lies, and what the disk has of it.
_OWN: Final = {"part": None, "safe": None}


@dataclass(slots=True)
class Copied:
    """What a copy came to: `pages` in all, of which `there` were copied before."""

    partitions: int = 0
    pages: int = 0
    there: int = 0
    stored_bytes: int = 0

    def add(self, other: "Copied") -> None:
        """Count what another copied, too."""
        self.partitions += other.partitions
        self.pages += other.pages
        self.there += other.there
        self.stored_bytes += other.stored_bytes

    def as_dict(self) -> dict[str, int]:
        """The JSON form that `copy --json` prints."""
        return {
            "partitions": self.partitions,
            "pages": self.pages,
            "copied": self.pages - self.there,
            "stored_bytes": self.stored_bytes,
        }


def _refuse_inside(source: str, target: str) -> None:
    """Raise `DataRefused` where one place is the other, or lies in it."""
    begin, end = (url_of(each) or os.path.realpath(each) for each in (source, target))
    if begin == end:
        raise DataRefused(f"{source}: is where it is to be copied to")
    for inner, outer in ((end, begin), (begin, end)):
        if inner.startswith(outer.rstrip("/") + "/"):
            raise DataRefused(f"{inner}: lies inside {outer}; a harvest has its place for itself")


def copy(
    source: Place, target: Place, *, on_copied: Callable[[Copied], None] = lambda copied: None
) -> Copied:
    """Copy the harvest in `source` to `target`, or what is missing there; `on_copied` hears what
    that has come to, partition by partition.

    Raises `DataRefused` where a page of the source is not as its line says, or where the target
    holds another harvest or has gone on since; `FolderLocked`, `DiskError`.
    """
    source, target = store_at(source), store_at(target)
    _refuse_inside(source.place, target.place)
    asked = read_asked(source)
    found = Copied()
    with target.claim():
        _copy_documents(source, target)
        for resource in asked.config.resources:
            for name in copies_of(resource):
                _copy_document(source, target, name)
        for resource in asked.config.resources:
            for each in _copied(source, target, asked, resource):
                found.add(each)
                on_copied(found)
        _copy_document(source, target, LAST_RUN)
    return found


def _copied(source: Store, target: Store, asked: Asked, resource: Resource) -> Iterator[Copied]:
    """Copy the partitions of a resource, many at a time where a store is far, if a copy that was
    stopped is a harvest, whichever of them it has.
    """
    with target.survey() as there:
        yield from _copied_beside(source, target, asked, resource, there)


def _copied_beside(
    source: Store, target: Store, asked: Asked, resource: Resource, there: Survey
) -> Iterator[Copied]:
    at_once = _AT_ONCE if (source.is_far or target.is_far) and in_any_order(resource) else 1
    looks = in_order(source, asked, (resource.name,))
    stop = threading.Event()
    if at_once == 1:
        for one in looks:
            yield _copied_one(source, target, one, stop, is_new=_is_new(target, one, there))
        return

    def work(known: tuple[Looked, bool]) -> Copied:
        one, is_new = known
        return _copied_one(source, target, one, stop, is_new=is_new)

    known = ((one, _is_new(target, one, there)) for one in looks)  # the survey is of this thread
    with (
        ThreadPoolExecutor(at_once, thread_name_prefix="copy") as pool,
        closing(in_turn(pool, work, known, 2 * at_once)) as begun,
    ):
        try:
            for _, copied in begun:
                yield copied.result()
        finally:
            stop.set()


def _is_new(target: Store, one: Looked, there: Survey) -> bool:
    """Whether nothing of a partition is known to have been copied."""
    return not there.has(folder_of(target, one.partition))


def _copied_one(
    source: Store, target: Store, one: Looked, stop: threading.Event, *, is_new: bool
) -> Copied:
    """Copy a partition, if it is begun; no further than to the next page once `stop` is set."""
    found = Copied()
    lines = source.lines(one.folder) if one.lines is None else iter(one.lines)
    header = next(lines, None)
    if isinstance(header, Header):
        target.look()
        there = folder_of(target, one.partition)
        until = takewhile(lambda line: not stop.is_set(), lines)
        _Partition(source, one.folder, until, found).copy(target, there, header, is_new=is_new)
        found.partitions += 1
    return found


def _copy_documents(source: Store, target: Store) -> None:
    """Copy harvest.json, the first of all; refuse a place with another harvest."""
    text, there = source.read(MANIFEST) or b"", target.read(MANIFEST)
    if there is not None and _salt(there) != _salt(text):
        raise DataRefused(
            f"{target.place}: holds another harvest than {source.place}; nothing was copied"
        )
    target.write(MANIFEST, text)


def _salt(text: bytes) -> object:
    """What a harvest.json has of its own: drawn by chance, when the harvest began."""
    value = json.loads(text)
    return value.get("salt") if isinstance(value, dict) else None


def _copy_document(source: Store, target: Store, name: str) -> None:
    document = source.document(name)
    if document is not None:
        with document:
            target.write(name, iter(lambda: document.read(1 << 20), b""))


class _Partition:
    """The copy of one partition. `lines` are those of the source, behind its header."""

    def __init__(
        self, source: Store, folder: str, lines: Iterator[Header | Entry], found: Copied
    ) -> None:
        self._source, self._folder, self._lines, self._found = source, folder, lines, found

    def copy(self, target: Store, folder: str, header: Header, *, is_new: bool) -> None:
        """Copy the lines that are not there, each with its page; `is_new`: none are."""
        place = f"{target.place}/{folder}"

        def seen(entry: Entry) -> None:
            line = next(self._lines, None)
            if not isinstance(line, Entry) or line.but(**_OWN) != entry.but(**_OWN):
                raise DataRefused(
                    f"{place}: line {entry.seq} is not that of {self._source.place}: one of them "
                    "has gone on without the other; copy into a new place"
                )
            if entry.part is not None:
                self._found.pages += 1
                self._found.there += 1

        with target.journal(folder, header, seen, is_new=is_new) as writer:
            rest = (line for line in self._lines if isinstance(line, Entry))
            for line, stored in fetched_ahead(self._source, rest, self._stored, _AHEAD):
                self._add(writer, line, stored)

    def _stored(self, line: Entry) -> tuple[str, str, int] | None:
        return (self._folder, line.part, line.stored_bytes) if line.part else None

    def _add(self, writer: Writer, line: Entry, stored: Iterator[bytes]) -> None:
        if line.part is None:
            writer.commit(line.but(safe=None), None, at_once=line.done)
            return
        number = writer.checkpoint.pages + 1
        with writer.part(number, part_suffix(line.part)) as part:
            try:
                for chunk in stored:
                    part.write(chunk)
            except FileNotFoundError as error:
                raise self._damaged(line, "is gone") from error
            part.hand_over()
        copied = part.described()
        if (copied.stored_bytes, copied.sha256) != (line.stored_bytes, line.sha256):
            part.discard()
            raise self._damaged(line, "is not as its line says")
        writer.commit(line.but(part=copied.name, safe=None), part, at_once=line.done)
        self._found.pages += 1
        self._found.stored_bytes += line.stored_bytes

    def _damaged(self, line: Entry, what: str) -> DataRefused:
        return DataRefused(
            f"{self._source.place}/{self._folder}/{line.part}: {what}; what was copied so far is "
            "sound; see `harvester verify`"
        )
