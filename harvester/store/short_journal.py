"""Reads a short journal in one go: most partitions have few pages, and there may be many of them.

A hundred thousand journals are read at each rerun and by each `status`. What is sound is taken as
it stands; whatever else there is to a journal (torn, damaged, long, of another version) is left to
`journal_lines`, which knows what may be believed of it.
"""

import os
import stat
from collections.abc import Iterator
from typing import Final

from harvester.errors import DataRefused
from harvester.store.entries import (
    FORMAT,
    Entry,
    Header,
    header_of_text,
    is_mark,
    parsed,
    safe_in,
    sound,
)
from harvester.store.in_flight import NAME as MARK
from harvester.store.inside import opened
from harvester.store.journal_lines import JOURNAL
from harvester.store.parts import TEMPORARY, part_number
from harvester.values import dataclass

_MOST_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Short:
    """A sound journal: its header, its entries, and up to which line all is safe. `alone`: the file
    has no other name.
    """

    header: Header
    entries: list[Entry]
    safe: int
    alone: bool

    def lines(self) -> Iterator[Header | Entry]:
        """The header, then the entries."""
        yield self.header
        yield from self.entries


def read_short(folder: str) -> Short | None:
    """The journal in `folder`; None where it is not there, not short, or not sound."""
    try:
        descriptor = opened(f"{folder}/{JOURNAL}")
    except (OSError, DataRefused):
        return None
    try:
        try:
            data = os.read(descriptor, _MOST_BYTES + 1)
            names = os.fstat(descriptor).st_nlink
        finally:
            os.close(descriptor)
    except OSError:
        return None
    if len(data) > _MOST_BYTES or not data.endswith(b"\n"):
        return None
    try:
        return _short(data, alone=names == 1)
    except (ValueError, TypeError, RecursionError):
        return None


def _short(data: bytes, *, alone: bool) -> Short | None:
    first, *others = data.split(b"\n")
    others.pop()
    text = sound(first + b"\n")
    if text is None:
        return None
    header = header_of_text(text)
    if header.format != FORMAT or not isinstance(header.partition, dict):
        return None
    entries: list[Entry] = []
    safe = pages = 0
    for line in others:
        text = sound(line + b"\n")
        if text is None:
            return None
        if is_mark(text):
            safe = max(safe, safe_in(text) or 0)
            continue
        entry = parsed(text)
        pages += entry.part is not None
        if entry.seq != len(entries) + 1:
            return None
        usual = entry.part is None or entry.part == f"part-{pages:06d}.json.gz"
        if not usual and part_number(entry.part or "") != pages:
            return None
        entries.append(entry)
        safe = max(safe, entry.seq if entry.safe is None else entry.safe)
    return Short(header, entries, safe, alone)


def read_finished(folder: str) -> Short | None:
    """The same where its partition has its last page, and whoever opens it as its writer would find
    nothing to do or to refuse: all is safe, each part there in its size, and no other file.
    """
    found = read_short(folder)
    if found is None or not found.alone or not found.entries or not found.entries[-1].done:
        return None
    if found.safe != len(found.entries):
        return None
    sizes: dict[str, int] = {}
    for entry in found.entries:
        if entry.reason and entry.restarts:
            return None
        if entry.part is not None:
            sizes[entry.part] = entry.stored_bytes
    try:
        for name in os.listdir(folder):  # noqa: PTH208  # names are all that is needed
            if name != JOURNAL and name not in sizes and _is_left_over(name):
                return None
        for name, size in sizes.items():
            lies = os.stat(f"{folder}/{name}", follow_symlinks=False)  # noqa: PTH116  # a Path takes 10 µs
            if lies.st_size != size or not stat.S_ISREG(lies.st_mode):
                return None
    except OSError:
        return None
    return found


def _is_left_over(name: str) -> bool:
    """Whether a file that no line names concerns the writer."""
    return name.startswith(MARK) or part_number(name.removesuffix(TEMPORARY)) is not None
