"""Guesses where records begin and end, and proves that what lies between is whole records.

In an array, what lies before a later place that begins as its records do (`,{"id":`) is most likely
whole records, and `array_validator` says whether it is, and how many. No item can go deeper than it
is long, nor than there are opening brackets about. Any doubt (no such place, no JSON, many
brackets, a run of digits) leaves the text to the lexical pass, so nothing is taken here that the
others would refuse for its strings, numbers, brackets or depth.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import msgspec

from harvester.page.array_validator import proven

#: What is proven at once: few enough to stay in a core's cache.
WINDOW: Final = 64 * 1024
#: After so many guesses in a row that were wrong, the rest of a page is left to the lexical pass.
_MOST_MISSES: Final = 4
_BEGINNING: Final = re.compile(rb',[ \t\r\n]*+\{[ \t\r\n]*+"[^"\\]{1,64}+"[ \t\r\n]*+:')
#: Arrays are counted in slices of so many bytes at first: those of 256 levels are well within.
_SLICE: Final = 4 * 1024
#: A level of an object takes as many bytes at least: `{"":}`; one of an array takes two.
_OBJECT_BYTES: Final = 5


@dataclass(frozen=True, slots=True)
class Window:
    """Whole items of an array, proven: `[` and their text and `]`."""

    array: bytes
    items: Sequence[msgspec.Raw]

    @property
    def size(self) -> int:
        """How many bytes of the page they are, with the comma before the first."""
        return len(self.array) - 1

    @property
    def ends_with_bracket(self) -> bool:
        """Whether the last item does."""
        return self.array[-2] in b"}]"

    def nests_within(self, levels: int) -> bool:
        """Whether no item nests deeper, for certain."""
        lengths = [*map(len, self.items)]
        if max(lengths) <= 2 * levels:
            return True
        # Three quarters of the levels for objects, which are counted by the bytes that they take.
        objects = levels * 3 // 4
        usual = objects * _OBJECT_BYTES
        # No usual item reaches into a third slice; larger slices are mostly enough, and cheaper.
        if all(
            self._arrays_in(size) > levels - objects for size in (max(usual, _SLICE), max(usual, 1))
        ):
            usual = 0
        return max(lengths) <= usual or all(
            _opening(bytes(item)) <= levels
            for item, length in zip(self.items, lengths, strict=True)
            if length > usual
        )

    def _arrays_in(self, size: int) -> int:
        """The most arrays that begin in two slices of such a size that follow each other."""
        slices = range(1, len(self.array), size)
        arrays = (self.array.count(b"[", at, at + size) for at in slices)
        return max(map(sum, pairwise((0, *arrays, 0))))


def _opening(item: bytes) -> int:
    """How many opening brackets stand in an item, those in strings too."""
    return item.count(b"[") + item.count(b"{")


class Windows:
    """What is known of how the records of a page begin, and how often that was wrong."""

    def __init__(self) -> None:
        self._beginning = b""  # of each item, the comma before it included; empty: not known yet
        self._misses = 0

    @property
    def trusted(self) -> bool:
        """Whether it is worth another guess."""
        return self._misses < _MOST_MISSES

    def miss(self) -> None:
        """A guess was wrong."""
        self._misses += 1

    def hit(self) -> None:
        """A guess was right."""
        self._misses = 0

    def forget(self) -> None:
        """What comes is something else."""
        self._beginning, self._misses = b"", 0

    def begins_at(self, chunk: bytes, at: int) -> bool:
        """Whether, behind an item, the next one begins at `at` in the usual way."""
        if not self._beginning:
            found = _BEGINNING.match(chunk, at)
            self._beginning = found[0] if found else b""
        return bool(self._beginning) and chunk.startswith(self._beginning, at)

    def last(self, chunk: bytes, at: int) -> int:
        """Where most likely the last item begins of the window at `at`; `at`: there is one only."""
        return chunk.rfind(self._beginning, at, at + WINDOW)

    def next(self, chunk: bytes, at: int, end: int) -> int:
        """Where behind `at` an item begins; `end` where that cannot be told."""
        if self._beginning and (begins := chunk.find(self._beginning, at + 1)) >= 0:
            return begins
        self._beginning = b""  # it may be another array by now
        item = _BEGINNING.search(chunk, at + 1, end)
        return item.start() if item else end


def window(chunk: bytes, at: int, end: int) -> Window | None:
    """The items with which `chunk[at:end]` begins, each behind its comma; None where there are
    none, or no whole ones.
    """
    array, found = proven(b"".join((b"[", memoryview(chunk)[at + 1 : end], b"]")))
    return Window(array, found) if found else None
