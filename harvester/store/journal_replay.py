"""Replay of a journal before more is written to it: what counts, what is left, what does not fit.

Everything is looked at and nothing is changed. Up to the highest number that a sound line names,
all *must* fit, else it is refused; above it `recovery` says what a power cut has lost.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import field
from pathlib import Path

from harvester.descriptors import look, open_folder
from harvester.errors import DataRefused
from harvester.store.checkpoint import Checkpoint
from harvester.store.entries import MOST_UNSAFE, Entry, Header, is_mark, safe_in
from harvester.store.in_flight import read_mark
from harvester.store.inside import in_the_way
from harvester.store.journal_lines import (
    JOURNAL,
    check_name,
    entry_in,
    header_in,
    sound_lines,
    unfit,
)
from harvester.store.parts import JSON_SUFFIX, TEMPORARY, part_name, part_number, part_suffix
from harvester.store.recovery import Tail, is_whole, lines_behind, refuse_too_long
from harvester.values import dataclass

OnEntry = Callable[[Entry], None]


@dataclass(slots=True)
class Replayed:
    """What a journal says before more is written: its lines up to byte `end` count.

    `tail` are those that are not known to be safe, `fingerprint` is of the question that the last
    pages were asked with, `suffix` that of the last part's name. `leftovers` are files that an
    interrupted commit or a power cut has left.
    """

    fingerprint: str
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    suffix: str = JSON_SUFFIX
    end: int = 0
    tail: Tail = field(default_factory=Tail)
    leftovers: list[Path] = field(default_factory=list)


def replayed(
    folder: Path, header: Header, on_entry: OnEntry, accepted: Container[str], *, any_parts: bool
) -> Replayed:
    """Read and check all that lies in `folder`; `on_entry` sees each line that counts, in order.
    `any_parts`: parts may be missing or damaged. Raises `DataRefused`, OSError.
    """
    found = Replayed(header.fingerprint)
    with _opened(folder) as descriptor:
        trusted = _Trusted(folder, descriptor, found, on_entry)
        _read(folder, header, accepted, trusted, any_parts=any_parts)
    if trusted.unfit is not None and not any_parts:
        raise trusted.unfit
    if found.end == 0:
        refuse_orphans(folder)
    found.leftovers = _leftovers(folder, found)
    return found


def refuse_orphans(folder: Path) -> None:
    """Raise `DataRefused` where there are parts, but no journal that names them."""
    with os.scandir(folder) as listing:
        for item in listing:
            if part_number(item.name) is not None:
                raise unfit(folder, f"{item.path}: a part without its {JOURNAL}")


class _Trusted:
    """Takes the lines that count, in order; looks at the sizes of their parts."""

    def __init__(
        self, folder: Path, descriptor: int | None, found: Replayed, on_entry: OnEntry
    ) -> None:
        self.found = found
        self.unfit: DataRefused | None = None  # the first part that is not as its line says
        self._folder = folder
        self._descriptor = descriptor
        self._on_entry = on_entry

    def all(self, entries: Iterable[Entry]) -> None:
        """Take them."""
        for entry in entries:
            if entry.restarts:  # what is superseded may be gone
                self.unfit = None
            elif entry.part is not None and self.unfit is None:
                self.unfit = self._part_fault(entry.part, entry)
            if entry.reason and (asked := entry.accepts):
                self.found.fingerprint = asked
            self.found.checkpoint.add(entry)
            if entry.part is not None:
                self.found.suffix = part_suffix(entry.part)
            self._on_entry(entry)

    def _part_fault(self, name: str, entry: Entry) -> DataRefused | None:
        """What is wrong with a part that is not there, or not as large as its line says; its name
        is found sooner in a folder that is open than by a path.
        """
        try:
            found = look(str(self._folder), name, self._descriptor)  # a Path takes 10 µs
        except FileNotFoundError:
            message = f"{self._folder / name}: this part is in the journal, but not on disk"
            return unfit(self._folder, message)
        if not stat.S_ISREG(found.st_mode):
            return in_the_way(self._folder / name)
        if found.st_size != entry.stored_bytes:
            message = f"{found.st_size:,} bytes on disk, {entry.stored_bytes:,} in the journal"
            return unfit(self._folder, f"{self._folder / name}: {message}")
        return None


def _read(
    folder: Path, header: Header, accepted: Container[str], trusted: _Trusted, *, any_parts: bool
) -> None:
    """Check every sound line; set where the last one that counts ends, and take those that do."""
    path, found, tail = folder / JOURNAL, trusted.found, trusted.found.tail
    end = start = seq = pages = 0
    for number, end, text in sound_lines(path):
        if number == 1:
            found.fingerprint = _fingerprint(path, header_in(path, text), header, accepted)
        elif is_mark(text):
            trusted.all(tail.claim(safe_in(text) or 0))
        else:
            seq += 1
            entry = entry_in(path, number, text, seq)
            if entry.part is not None:
                pages += 1
                check_name(path, number, entry.part, pages)
            trusted.all(tail.take(start, entry))
            refuse_too_long(tail, folder)
        start = end
    if tail.claimed > seq:
        message = f"{path}: says that line {tail.claimed} is safe, but ends at {seq}"
        raise unfit(folder, message)
    behind = lines_behind(path, end, seq) if end else 0
    for place, (_, entry) in enumerate(tail.waiting):
        if not any_parts and entry.part and not is_whole(folder / entry.part, entry):
            end = tail.cut_at(place)
            break
    tail.lost += behind
    found.end = end
    trusted.all(entry for _, entry in tail.waiting)


def _fingerprint(path: Path, found: Header, wanted: Header, accepted: Container[str]) -> str:
    """That of the header found; raises `DataRefused` where it is of other pages."""
    if found.resource != wanted.resource or dict(found.partition) != dict(wanted.partition):
        raise DataRefused(
            f"{path}: this folder belongs to {found.resource} "
            f"{dict(found.partition)}, not to {wanted.resource} {dict(wanted.partition)}"
        )
    if found.fingerprint != wanted.fingerprint and found.fingerprint not in accepted:
        raise DataRefused(
            f"{path}: these pages were asked for in another way (the query, "
            "paths or paginator changed since); put the YAML back, or use another --out"
        )
    return found.fingerprint


def _leftovers(folder: Path, found: Replayed) -> list[Path]:
    """The files that an interrupted commit or a power cut leaves; refuses any part beyond that.
    Notes in the tail what these have cost.
    """
    leftovers = []
    tail, last, done = found.tail, found.checkpoint.pages, found.checkpoint.done
    beyond = last
    following = range(last + 1, last + 1 + _most_beyond(folder, tail))
    newest = part_name(last, found.suffix)
    length = len(newest)
    with os.scandir(folder) as listing:
        for item in listing:
            name = item.name
            if len(name) == length and name <= newest:
                continue  # one of those in the journal, by far the most
            name = name.removesuffix(TEMPORARY)
            number = part_number(name)
            if number is None:
                continue
            # A partition that is done was not asked for another page: none can be left over.
            if name != item.name or (number in following and not done):
                leftovers.append(Path(item.path))
                beyond = beyond if name != item.name else max(beyond, number)
            elif number > last:
                ends = newest if last else "its first line"
                message = f"{item.path}: this part is not in the journal, which ends at {ends}"
                raise unfit(folder, message)
    if tail.lost:  # behind the last line there may be a page that was on its way
        tail.lost = max(tail.lost, beyond - last - 1)
    elif beyond > last + read_mark(folder):
        tail.lost = beyond - last
    return leftovers


def _most_beyond(folder: Path, tail: Tail) -> int:
    """How many parts may lie behind the last line that counts. Where all was safe, one: a page on
    its way, or what a run of before, which wrote so down, had under way.
    """
    if tail.waiting or tail.cut:
        return tail.cut + MOST_UNSAFE
    return read_mark(folder)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    """A descriptor of `folder`, for names in it."""
    descriptor = open_folder(folder)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)
