"""Reads a journal line by line although it is damaged, and writes it anew as a whole.

A journal is only ever appended to, but for repair. Then the new one *must* be complete, in order
and durable under a temporary name before it takes the place of the old one, which stays beside it
as `journal.jsonl.damaged`; and every part that it names *must* be durable before that.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harvester.store import (
    JOURNAL,
    DurableFile,
    Entry,
    Span,
    disk_errors,
    opened,
    parsed,
    reading,
    remove_temporary,
    sound,
)
from harvester.values import dataclass

#: What a file is called that was taken out of the harvest, and kept.
DAMAGED: Final = ".damaged"
_MOST_KEPT: Final = 1000  # of one file
_HEADER: Final = b'{"format":'
_MARK: Final = b'{"safe":'


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands. `entry` is None for the header, for a line that says only what is safe,
    and for what cannot be read; the first line has one where the header is lost as a whole.
    """

    number: int
    raw: bytes
    entry: Entry | None
    is_sound: bool

    @property
    def is_mark(self) -> bool:
        """Whether it says only up to which line all is safe."""
        return self.is_sound and self.raw.startswith(_MARK)


def lines(folder: Path) -> Iterator[Line]:
    """Every line of the journal in `folder`, damaged or not. Raises `DiskError`."""
    path = folder / JOURNAL
    with disk_errors(path), reading(path) as file:
        for number, raw in enumerate(file, 1):
            text = sound(raw)
            entry = None
            if text is not None and not text.startswith((_HEADER, _MARK)):
                try:
                    entry = parsed(text)
                except ValueError:
                    text = None
            yield Line(number, raw, entry, text is not None)


def counting(folder: Path) -> Span:
    """Which lines count, as far as the sound ones tell; see `journal.span`."""
    begins = newest = 0
    finished: Span | None = None
    for line in lines(folder):
        if line.entry is None:
            continue
        if line.entry.restarts:
            begins = newest = line.entry.seq
        elif line.entry.done:
            finished = Span(begins, line.entry.seq)
    if finished is None:
        return Span(begins, newest=newest)
    return Span(finished.begins, finished.last, newest)


def put_aside(path: Path) -> Path | None:
    """Rename a file that is to be replaced, to a name that is free; None where there is none."""
    for number in range(_MOST_KEPT):
        kept = path.with_name(path.name + DAMAGED + (f".{number}" if number else ""))
        if not os.path.lexists(kept):
            with disk_errors(path):
                try:
                    path.rename(kept)
                except FileNotFoundError:
                    return None
            return kept
    return None


class NewJournal(DurableFile):
    """The journal that takes the place of a damaged one."""

    def __init__(self, folder: Path, *, fsync: bool) -> None:
        remove_temporary(folder / JOURNAL)
        super().__init__(folder / JOURNAL, fsync=fsync)

    def replace(self) -> None:
        """Take the old one's place; that one stays beside it."""
        put_beside(self.path)
        self.commit()


def put_beside(journal: Path) -> None:
    """Keep a copy of a journal that is to be replaced. No second name: a run that is killed here
    must not leave it with two.
    """
    for number in range(_MOST_KEPT):
        kept = journal.with_name(JOURNAL + DAMAGED + (f".{number}" if number else ""))
        with disk_errors(journal), contextlib.suppress(FileExistsError):
            target = opened(kept, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            with os.fdopen(target, "wb") as copy, reading(journal) as original:
                shutil.copyfileobj(original, copy)
            return
