"""Keeps the brackets that are open at the end of a page so far, and counts the items between them.

How, in plain Python at 450 MB/s, all of it calls into C over a whole block: keep quotes, brackets,
commas, colons and what may stand in strings only (`bytes.translate`); drop quotes that are next to
each other, which leaves the parity of all others as it was; the pieces between the quotes that
remain are outside of strings, every second one. There, a comma before a colon stands between
members of an object, any other between items of an array. Whole containers dropped, the innermost
first, leave the brackets without a partner and the commas between them: an array's items are the
commas at its own depth, and one.
"""

from collections.abc import Iterator
from itertools import accumulate
from operator import indexOf
from typing import Final, NoReturn

from harvester.errors import NotJSON, PageRefused
from harvester.patterns import pattern

ARRAY: Final = ord("[")
_COMMA: Final = ord(",")
_ITEMS: Final = pattern(rb"\[,++\]")
_UNPAIRED: Final = pattern(rb"(,*+)([{}\[\]]|\Z)")
_OPENERS: Final = (b"{", b"[")
_OPENER: Final = {b"}": ord("{"), b"]": ARRAY}
_OTHER_PAIR: Final = {b"}": b"[]", b"]": b"{}"}
_NOTHING: Final = b".."  # of no outline
_CLOSERS: Final = bytes.maketrans(b"{[", b"}]")
_STEPS: Final = bytes({ord("{"): 1, ord("["): 1, ord("}"): 255, ord("]"): 255}.get(byte, 0)
                      for byte in range(256))  # fmt: skip


class Brackets:
    """The brackets that are open. Raises `NotJSON` where they do not pair, `PageRefused` where they
    nest deeper than `most`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = bytearray()

    def __len__(self) -> int:
        return len(self._open)

    def __bytes__(self) -> bytes:
        return bytes(self._open)

    @property
    def room(self) -> int:
        """How many levels deeper the page may nest here."""
        return self._most - len(self._open)

    def is_array(self, depth: int) -> bool:
        """Whether what is open at `depth`, from 1, is an array."""
        return self._open[depth - 1] == ARRAY

    def follow(self, outside: bytes, base: int = 0) -> int:
        """Open and close the brackets among `outside`, until the one at depth `base` is closed.
        How many commas stood at that depth.
        """
        start = deepest = len(self._open)
        unpaired, levels = self._without_pairs(outside)
        commas = 0
        for between, bracket in _UNPAIRED.findall(unpaired):
            if len(self._open) == base:
                commas += len(between)
            if bracket in _OPENERS:
                self._open += bracket
                deepest = max(deepest, len(self._open))
            elif bracket and (not self._open or self._open.pop() != _OPENER[bracket]):
                raise NotJSON("the body is not complete, valid JSON: its brackets do not pair")
            elif len(self._open) < base:
                break
        # The deepest pairs need not have been at the deepest place: then one looks closely.
        if deepest + levels > self._most and max(_depths(outside, start)) > self._most:
            self._refuse_depth()
        return commas

    def _without_pairs(self, outside: bytes) -> tuple[bytes, int]:
        """`outside` without the containers that are whole in it, and the most levels they had."""
        rounds, size = 0, -1
        while len(outside) != size:
            size = len(outside)
            outside = outside.replace(b"{}", b"").replace(b"[]", b"")
            if b"[," in outside:
                outside = _ITEMS.sub(b"", outside)
            rounds += 1
            if rounds > self._most + 1:  # each but the last dropped a level, or up to three
                self._refuse_depth()
        return outside, 3 * (rounds - 1)

    def _refuse_depth(self) -> NoReturn:
        raise PageRefused(f"the page nests deeper than {self._most} (client.limits.depth)")


def closing(opened: bytes) -> bytes:
    """What closes the brackets that are open, the innermost first."""
    return bytes(reversed(opened)).translate(_CLOSERS)


def structure(outline: bytes, in_string: bool) -> bytes:
    """The brackets, commas and colons of an outline that are outside of strings."""
    # A text of the same length takes `replace` half the time of a shorter one.
    pieces = outline.replace(b'""', _NOTHING).split(b'"')
    return b"".join(pieces[in_string::2]).translate(None, _NOTHING)


def outside_strings(outline: bytes, in_string: bool) -> bytes:
    """The brackets of an outline that are outside of strings, and the commas between items."""
    return structure(outline, in_string).replace(b",:", b"").translate(None, b":")


def commas_between(structure: bytes, depth: int, base: int) -> tuple[int, int]:
    """How many commas stand before the first one between items of the array at depth `base`, and
    how many after the last, in a stretch that begins at `depth`; -1 where there is none.
    """
    depths = [*_depths(structure, depth)]
    end = indexOf(depths, base - 1) - 1 if min(depths) < base else len(structure)
    commas = ((at, depths[at] == base and structure[at] == _COMMA) for at in range(end))
    first = next((at for at, between in commas if between), -1)
    if first < 0:
        return -1, -1
    last = end - 1
    while depths[last] != base or structure[last] != _COMMA:
        last -= 1
    return structure.count(b",", 0, first), structure.count(b",", last + 1)


def closers_after(outside: bytes, depth: int, base: int, closer: bytes) -> int:
    """How many of `closer` follow the bracket with which depth `base` is left for the first time;
    `depth` brackets are open before `outside`.
    """
    # Fewer to walk: the pairs of the other kind that hold nothing.
    brackets = outside.translate(None, b",").replace(_OTHER_PAIR[closer], b"")
    return brackets[indexOf(_depths(brackets, depth), base - 1) :].count(closer)


def _depths(outside: bytes, depth: int) -> Iterator[int]:
    """How many brackets are open: `depth` at first, then after each byte."""
    steps = memoryview(outside.translate(_STEPS)).cast("b")
    return accumulate(steps, initial=depth)
