"""Guesses where records begin and end, and proves that what lies between is whole records.

In an array, what lies before a later place that begins as its records do (`,{"id":`) is most likely
whole records, and `array_validator` says whether it is, and how many. No item can go deeper than it
is long, nor than there are opening brackets about. Any doubt (no such place, no JSON, many
brackets, a run of digits) leaves the text to the lexical pass, so nothing is taken here that the
others would refuse for its strings, numbers, brackets or depth.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from harvester.page.array_validator import proven
from harvester.patterns import pattern
from harvester.values import dataclass

#: What is proven at once: all of a chunk, and few enough to stay in a core's cache.
WINDOW: Final = 256 * 1024
#: After so many guesses in a row that were wrong, the rest of a page is left to the lexical pass.
_MOST_MISSES: Final = 4
_BEGINNING: Final = pattern(rb',[ \t\r\n]*+\{[ \t\r\n]*+"[^"\\]{1,64}+"[ \t\r\n]*+:')
#: Arrays are counted in slices of so many bytes at first, of two items at least.
_SLICE: Final = 4 * 1024
#: A level of an object takes as many bytes at least, `{"":}`, but for the innermost; one of an
#: array takes two.
_OBJECT_BYTES: Final = 5
_INNERMOST_BYTES: Final = 2
_ARRAY_BYTES: Final = 2
#: Items of which so many arrays are needed to be too deep are judged many at a time.
_MANY_ARRAYS: Final = 64


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
    def size_without_last(self) -> int:
        """The same without the last item, of several, which ends with a bracket."""
        return self.array.rindex(b",", 0, len(self.array) - 1 - len(self.items[-1]))

    @property
    def ends_with_bracket(self) -> bool:
        """Whether the last item does."""
        return self.array[-2] in b"}]"

    def nests_within(self, levels: int) -> bool:
        """Whether no item nests deeper, for certain."""
        lengths = [*map(len, self.items)]
        longest = max(lengths)
        if longest <= 2 * levels:
            return True
        usual = min(longest, _longest_with(_MANY_ARRAYS, levels))
        arrays = _arrays_needed(usual, levels)
        if usual <= 0 or not any(
            self._has_fewer_arrays(arrays, size) for size in (max(usual, _SLICE), usual)
        ):
            usual = 0
        return longest <= usual or all(
            _opening(bytes(item)) <= levels
            for item, length in zip(self.items, lengths, strict=True)
            if length > usual
        )

    def _has_fewer_arrays(self, most: int, size: int) -> bool:
        """Whether fewer arrays begin in any two slices of such a size that follow each other."""
        before = 0
        for at in range(0, len(self.array), size):
            part = self.array[at : at + size]
            # `replace` looks for a byte as fast as the processor can, `count` one by one.
            here = len(part) - len(part.replace(b"[", b""))
            if before + here >= most:
                return False
            before = here
        return True


def _arrays_needed(size: int, levels: int) -> int:
    """How many arrays an item of `size` bytes has at least that nests deeper than `levels`."""
    missing = (levels + 1) * _OBJECT_BYTES - (_OBJECT_BYTES - _INNERMOST_BYTES) - size
    return -(-missing // (_OBJECT_BYTES - _ARRAY_BYTES))


def _longest_with(arrays: int, levels: int) -> int:
    """The size of the longest item that needs so many arrays to nest deeper than `levels`."""
    deepest = (levels + 1) * _OBJECT_BYTES - (_OBJECT_BYTES - _INNERMOST_BYTES)
    return deepest - arrays * (_OBJECT_BYTES - _ARRAY_BYTES)


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
