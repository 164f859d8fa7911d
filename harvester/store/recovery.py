"""Decides what of a journal's end is to be believed after a kill or a power cut.

A line is trusted once a sound line says that it is safe; what stands above the highest such number
is the tail. A power cut may have lost any of it, in any order, so each of its parts *must* be
looked at byte by byte before its page counts, and nothing behind the first that does not fit may.
What was found whole *must* be written once more before it is called safe: where a sync failed, the
system still shows what the disk does not have, and another sync would report success.
"""

import hashlib
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Final

from harvester.descriptors import read_at, write_at
from harvester.errors import DataRefused
from harvester.patterns import pattern
from harvester.store.entries import MOST_UNSAFE, Entry, safe_in, sound
from harvester.store.inside import alone, reading
from harvester.values import dataclass

_BLOCK_BYTES: Final = 256 * 1024
_SEQ: Final = pattern(rb'\{"seq":(\d{1,18}),')


@dataclass(slots=True)
class Tail:
    """The lines of a journal that nothing says are safe, each with where it begins in the file.

    `claimed` is the highest number that a line names. `lost` counts the pages that a power cut
    took, `cut` the lines that go for it.
    """

    claimed: int = 0
    waiting: deque[tuple[int, Entry]] = field(default_factory=deque)
    cut: int = 0
    lost: int = 0

    def take(self, start: int, entry: Entry) -> Iterator[Entry]:
        """Add a line; those that are trusted by it, in order."""
        self.waiting.append((start, entry))
        return self.claim(entry.seq if entry.safe is None else entry.safe)

    def claim(self, safe: int) -> Iterator[Entry]:
        """Lines up to `safe` are trusted: those of them that were not before, in order."""
        self.claimed = max(self.claimed, safe)
        while self.waiting and self.waiting[0][1].seq <= self.claimed:
            yield self.waiting.popleft()[1]

    @property
    def is_too_long(self) -> bool:
        """Whether no run can have left it."""
        return len(self.waiting) > MOST_UNSAFE

    def cut_at(self, place: int) -> int:
        """Drop the lines from the one at `place` on; where the first of them begins."""
        start = self.waiting[place][0]
        gone = [self.waiting.pop()[1] for _ in range(len(self.waiting) - place)]
        self.cut += len(gone)
        self.lost += sum(entry.part is not None for entry in gone)
        return start


def is_whole(path: Path, entry: Entry) -> bool:
    """Whether the part of a line is there, of its size and with its SHA-256. Raises OSError,
    `DataRefused` for what is no file.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with reading(path) as file:
            if os.fstat(file.fileno()).st_size != entry.stored_bytes:
                return False
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
                size += len(block)
    except FileNotFoundError:
        return False
    return size == entry.stored_bytes and digest.hexdigest() == entry.sha256


def write_again(path: Path, start: int = 0) -> None:
    """Write what a file holds from `start` on into its place once more, and sync it. Whoever kills
    this leaves the file as it was. Raises OSError.
    """
    descriptor = alone(path, os.O_RDWR)
    try:
        while block := read_at(descriptor, _BLOCK_BYTES, start):
            written = 0
            while written < len(block):
                written += write_at(descriptor, block[written:], start + written)
            start += len(block)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def may_be_lost(path: Path, seq: int, damaged: bytes) -> bool:
    """Whether a damaged line, number `seq` of the pages, may be what a power cut left: no sound
    line of the journal says that it was safe, nor did it itself. Raises OSError.
    """
    # One that was synced as soon as it was written is there as it was, or as zeros in its place.
    if b"\0" not in damaged and (b'"safe":%d,' % seq in damaged or b',"done":true,' in damaged):
        return False
    with reading(path) as file:
        next(file, None)  # the first line is safe before there is a page
        for line in file:
            text = sound(line)
            if text is None:
                continue
            safe = safe_in(text)
            if safe is None:  # from before there were numbers: a line was written behind safe ones
                safe = int(found[1]) + 1 if (found := _SEQ.match(text)) else seq
            if safe >= seq:
                return False
    return True


def lines_behind(path: Path, end: int, seq: int) -> int:
    """How many lines of pages, whole or damaged, stand behind place `end` in a journal, which is
    behind line `seq`: what was kept there. One without its newline was not.
    """
    count = highest = 0
    with reading(path) as file:
        file.seek(end)
        for line in file:
            if line.endswith(b"\n") and not line.startswith(b'{"safe":'):
                count += 1
                # Where a newline was lost, lines stand together.
                said = (int(found) - seq for found in _SEQ.findall(line))
                highest = max((each for each in said if each <= MOST_UNSAFE), default=highest)
    return max(count, highest)


def refuse_too_long(tail: Tail, folder: Path) -> None:
    """Raise `DataRefused` for a journal that no run of this program leaves."""
    if tail.is_too_long:
        raise DataRefused(
            f"{folder}: more than {MOST_UNSAFE} lines of the journal say nothing of what is safe, "
            "which no run leaves behind; nothing was changed; `harvester repair` looks at each"
        )
