"""Guesses where records begin and end, and proves that what lies between is whole records.

In an array, what lies before a later place that begins as its records do (`,{"id":`) is most likely
whole records, and `array_validator` says whether it is, and how many. Objects of a list within the
last of them may begin so, too (its labels, say): then what closes the containers that are open
there makes the text whole, and all but the record that it cuts are proven. Which is the case is
remembered by the key that follows, `"name"` or `"user"`. No item can go deeper than it
is long, nor than there are opening brackets about. Any doubt (no such place, no JSON, many
brackets, a run of digits) leaves the text to the lexical pass, so nothing is taken here that the
others would refuse for its strings, numbers, brackets or depth.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from harvester.errors import AttemptFailed
from harvester.page.array_validator import proven
from harvester.page.brackets import Brackets, closing, outside_strings
from harvester.page.guard import outline, without_hidden_quotes
from harvester.patterns import pattern
from harvester.values import dataclass

#: What is proven at once: all of a chunk, and few enough to stay in a core's cache.
WINDOW: Final = 256 * 1024
#: After so many guesses in a row that were wrong, the rest of a page is left to the lexical pass.
_MOST_MISSES: Final = 4
_BEGINNING_TEXT: Final = rb',[ \t\r\n]*+\{[ \t\r\n]*+"[^"\\]{1,64}+"[ \t\r\n]*+:'
_BEGINNING: Final = pattern(_BEGINNING_TEXT)
#: The key that follows the first one of an object, whose value is no container.
_SECOND_KEY: Final = pattern(
    _BEGINNING_TEXT + rb'[ \t\r\n]*+(?:"[^"\\]*+"|[^][{}",]++),[ \t\r\n]*+("[^"\\]{1,64}+")'
)
_SPACE: Final = b" \t\r\n"
_MOST_BLANKS: Final = 64  # looked at behind the last item of a window
#: So deep do the containers lie that are closed to make a text whole.
_MOST_OPEN: Final = 256
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
    """Whole items of an array, proven: `[` and their text and `]`; maybe none."""

    array: bytes
    items: Sequence[msgspec.Raw]
    may_end_array: bool = False  # whether the last of them may be that of the array

    @property
    def size(self) -> int:
        """How many bytes of the page they are, with the comma before the first."""
        return len(self.array) - 1

    @property
    def size_without_last(self) -> int:
        """The same without the last item, of several, which ends with a bracket."""
        return self.array.rindex(b",", 0, self._end - len(self.items[-1]))

    @property
    def ends_with_bracket(self) -> bool:
        """Whether the last item does, and no more than a few blanks follow it."""
        return self.array[self._end - 1] in b"}]"

    @property
    def _end(self) -> int:
        tail = self.array[-_MOST_BLANKS:-1]
        return len(self.array) - 1 - (len(tail) - len(tail.rstrip(_SPACE)))

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
            opening(bytes(item)) <= levels
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


def opening(item: bytes) -> int:
    """How many opening brackets stand in a text, those in strings too: it nests no deeper."""
    return item.count(b"[") + item.count(b"{")


class Windows:
    """What is known of how the records of a page begin, and how often that was wrong."""

    def __init__(self) -> None:
        self._beginning = b""  # of each item, the comma before it included; empty: not known yet
        self._depth = 0  # of the array
        self._misses = 0
        self._closers: dict[bytes, bytes] = {}  # of a place that begins so, by its second key

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
        self._beginning, self._misses, self._closers = b"", 0, {}

    def begins_at(self, chunk: bytes, at: int, depth: int) -> bool:
        """Whether, behind an item of the array at `depth`, the next one begins at `at` in the usual
        way.
        """
        if depth != self._depth:
            self.forget()
            self._depth = depth
        if not self._beginning:
            found = _BEGINNING.match(chunk, at)
            self._beginning = found[0] if found else b""
        return bool(self._beginning) and chunk.startswith(self._beginning, at)

    def last(self, chunk: bytes, at: int) -> int:
        """Where most likely the last item begins of the window at `at`; `at`: there is one only."""
        return chunk.rfind(self._beginning, at, at + WINDOW)

    def before(self, chunk: bytes, at: int, end: int) -> Window | None:
        """The whole items of `chunk[at:end]`, which ends before what begins as an item does; None
        where it does not begin with items of an array.
        """
        second = _SECOND_KEY.match(chunk, end)
        key = second[1] if second else b""
        usual = self._closers.get(key, b"")
        found = _closed(chunk, at, end, usual)
        if found is None:
            closers = _closers(chunk[at:end])
            if closers is not None and closers != usual:
                found = _closed(chunk, at, end, closers)
                self._closers[key] = closers
        return found

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
    text = b"".join((b"[", memoryview(chunk)[at + 1 : end], b"]"))
    array, found = proven(text)
    found_all = len(array) - 1 == end - at  # not where the chunk ends first: `]` may come next
    return Window(array, found, not found_all) if found else None


def _closed(chunk: bytes, at: int, end: int, closers: bytes) -> Window | None:
    """The same, where `closers` make the last item of `chunk[at:end]` whole, if it is not."""
    if not closers:
        return window(chunk, at, end)
    text = b"".join((b"[", memoryview(chunk)[at + 1 : end], closers, b"]"))
    array, items = proven(text)
    if len(array) < len(text):  # it is another array
        return None
    found = Window(array, items)
    if len(items) == 1:
        return Window(b"[]", ())
    return Window(array[: found.size_without_last] + b"]", items[:-1])


def _closers(text: bytes) -> bytes | None:
    """What closes the containers that are open behind a text, which is not inside of a string; None
    where it closes others.
    """
    brackets = Brackets(_MOST_OPEN)
    try:
        brackets.follow(outside_strings(outline(without_hidden_quotes(text)), in_string=False))
    except AttemptFailed:
        return None
    return closing(bytes(brackets))
