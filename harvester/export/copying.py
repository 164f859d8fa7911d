"""Copies a whole harvest to another place, each page checked; the same call goes on after a stop.

What is copied is what is committed: each line with its part, in order, by the writer of the other
place, so that a copy is at any moment a harvest that can be read, resumed and gone on with. Lines
that are there *must* be those of the source, else nothing is written.
"""

import json
from collections.abc import Callable, Iterator
from typing import Final

from harvester.errors import DataRefused
from harvester.planning import copies_of
from harvester.results import LAST_RUN, planned
from harvester.store import (
    MANIFEST,
    Entry,
    Header,
    Place,
    Store,
    Writer,
    folder_of,
    part_suffix,
    read_asked,
    store_at,
)
from harvester.values import dataclass

#: What of two lines may differ: where a page lies, and what the disk has of it.
_OWN: Final = {"part": None, "safe": None}


@dataclass(slots=True)
class Copied:
    """What a copy came to: `pages` in all, of which `there` were copied before."""

    partitions: int = 0
    pages: int = 0
    there: int = 0
    stored_bytes: int = 0

    def as_dict(self) -> dict[str, int]:
        """The JSON form that `copy --json` prints."""
        return {
            "partitions": self.partitions,
            "pages": self.pages,
            "copied": self.pages - self.there,
            "stored_bytes": self.stored_bytes,
        }


def copy(
    source: Place, target: Place, *, on_pages: Callable[[int], None] = lambda pages: None
) -> Copied:
    """Copy the harvest in `source` to `target`, or what is missing there; `on_pages` hears how many
    pages are there by now.

    Raises `DataRefused` where a page of the source is not as its line says, or where the target
    holds another harvest or has gone on since; `FolderLocked`, `DiskError`.
    """
    source, target = store_at(source), store_at(target)
    if source.place == target.place:
        raise DataRefused(f"{source.place}: is where it is to be copied to")
    asked = read_asked(source)
    found = Copied()
    with target.claim():
        _copy_documents(source, target)
        for resource in asked.config.resources:
            for name in copies_of(resource):
                _copy_document(source, target, name)
        for partition in planned(source, asked):
            folder = folder_of(source, partition)
            lines = source.lines(folder)
            header = next(lines, None)
            if not isinstance(header, Header):
                continue  # not begun
            target.look()
            there = folder_of(target, partition)
            _Partition(source, folder, lines, found).copy(target, there, header)
            found.partitions += 1
            on_pages(found.pages)
        _copy_document(source, target, LAST_RUN)
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

    def copy(self, target: Store, folder: str, header: Header) -> None:
        """Copy the lines that are not there, each with its page."""
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

        with target.journal(folder, header, seen) as writer:
            for line in self._lines:
                if isinstance(line, Entry):
                    self._add(writer, line)

    def _add(self, writer: Writer, line: Entry) -> None:
        if line.part is None:
            writer.commit(line.but(safe=None), None, at_once=line.done)
            return
        number = writer.checkpoint.pages + 1
        with writer.part(number, part_suffix(line.part)) as part:
            try:
                for chunk in self._source.chunks(self._folder, line.part, line.stored_bytes):
                    part.write(chunk)
            except FileNotFoundError as error:
                raise self._damaged(line, "is gone") from error
            part.hand_over()
        stored = part.described()
        if (stored.stored_bytes, stored.sha256) != (line.stored_bytes, line.sha256):
            part.discard()
            raise self._damaged(line, "is not as its line says")
        writer.commit(line.but(part=stored.name, safe=None), part, at_once=line.done)
        self._found.pages += 1
        self._found.stored_bytes += line.stored_bytes

    def _damaged(self, line: Entry, what: str) -> DataRefused:
        return DataRefused(
            f"{self._source.place}/{self._folder}/{line.part}: {what}; what was copied so far is "
            "sound; see `harvester verify`"
        )
