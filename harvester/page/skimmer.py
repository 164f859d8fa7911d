"""Past the records at the speed of memory: the parser's copy of a page without its bulk.

Most of a page is an array of records that no field looks into. ijson reads it at 60 MB/s, far less
with Python called for each event; all that paging needs of it is its end and how many items it
has. So once the parser stands in a container in which nothing but items may be counted, it is
given no more until that container ends; then it gets the brackets that close what it has open.
What is passed over keeps to the limits of `Guard` and of depth here; `Grammar` proves the rest.

How, in plain Python at 450 MB/s, all of it calls into C over a whole block: keep quotes, brackets,
commas, colons and what may stand in strings only (`bytes.translate`); drop quotes that are next to
each other, which leaves the parity of all others as it was; the pieces between the quotes that
remain are outside of strings, every second one. There, a comma before a colon stands between
members of an object, any other between items of an array. Whole containers dropped, the innermost
first, leave the brackets without a partner and the commas between them: an array's items are the
commas at its own depth, and one.
"""

import re
from collections.abc import Iterator
from itertools import accumulate
from operator import indexOf
from typing import Final, NoReturn, Protocol

from harvester.errors import NotJSON, PageRefused
from harvester.page.grammar import Grammar
from harvester.page.guard import Block, last_outside, outline
from harvester.page.portions import Portions

#: The parser is given this much at first, until it is known whether the rest is worth its while;
#: twice as much each time that it was.
_FIRST_PORTION: Final = 128
_LARGEST_PORTION: Final = 64 * 1024
_ITEMS: Final = re.compile(rb"\[,++\]")
_UNPAIRED: Final = re.compile(rb"(,*+)([{}\[\]]|\Z)")
_OPENERS: Final = (b"{", b"[")
_OPENER: Final = {b"}": ord("{"), b"]": ord("[")}
_OTHER_PAIR: Final = {b"}": b"[]", b"]": b"{}"}
_SPACE: Final = b" \t\r\n"
_NOTHING: Final = b".."  # of no outline
_CLOSERS: Final = bytes.maketrans(b"{[", b"}]")
_STEPS: Final = bytes({ord("{"): 1, ord("["): 1, ord("}"): 255, ord("]"): 255}.get(byte, 0)
                      for byte in range(256))  # fmt: skip


class Reader(Protocol):
    """What reads the parser's copy."""

    def send(self, text: bytes) -> None:
        """Parse a portion that is not empty."""

    def idle_depth(self) -> int | None:
        """The depth, from 1, of the outermost open container in which nothing but items may be
        counted; None where the parser is needed.
        """

    def passed_over(self, items: int) -> None:
        """Count items of that container that will not be sent."""

    def look_closer(self, text: bytes) -> None:
        """Parse a whole JSON text beside the page; raise `NotJSON` where it is none."""


class Skimmer:
    """Passes blocks of a page on to `reader`, without what it has no need of.

    Raises `NotJSON` where what is passed over is no JSON, or the page ends in the midst of it;
    `PageRefused` where it nests deeper than `depth`.
    """

    def __init__(self, reader: Reader, depth: int) -> None:
        self._reader = reader
        self._most = depth
        self._portions = Portions()
        self._grammar = Grammar(reader.look_closer)
        self._size = _FIRST_PORTION
        self._open = bytearray()  # the brackets that are open here
        self._sent_open = b""  # and where the parser stands, while its copy is being cut
        self._last = b""  # byte that the parser was given, but for blanks
        self._outlined = 0  # bytes of the block's outline that have been read
        self._base = 0  # the depth of what is being passed over; 0: nothing is
        self._passed = 0  # bytes of it

    @property
    def control_characters(self) -> int:
        """How many stood raw in strings."""
        return self._portions.control_characters + self._grammar.control_characters

    @property
    def passing(self) -> bool:
        """Whether what comes next is being passed over."""
        return self._base > 0

    @property
    def in_array(self) -> bool:
        """Whether what is being passed over are the items of an array."""
        return self._base > 0 and self._open[self._base - 1] == ord("[")

    @property
    def between_items(self) -> bool:
        """Whether none of these items is open."""
        return self.in_array and len(self._open) == self._base

    @property
    def room(self) -> int:
        """How many levels deeper the page may nest here."""
        return self._most - len(self._open)

    def leapt(self, items: int, size: int) -> None:
        """Take note that so many items, in `size` bytes, have been passed over."""
        self._reader.passed_over(items)
        self._grammar.leapt(size)
        self._passed += size

    def feed(self, block: Block) -> None:
        """Take in one more block."""
        at = self._outlined = 0
        while at < len(block.text):
            at = self._pass_over(block, at) if self._base else self._read(block, at)

    def close(self) -> None:
        """Pass on what has been waiting."""
        if self._base:
            raise NotJSON("the body is not complete, valid JSON: it ends inside the records")
        if rest := self._portions.rest():
            self._reader.send(rest)

    def _read(self, block: Block, at: int) -> int:
        """Let the parser read on from `at`; where it stopped."""
        in_string = block.in_string and at == 0
        end, whole = at, len(block.text)
        cut = -1
        while cut <= at and end < whole:
            end = min(at + max(self._size, 2 * (end - at)), whole)
            ends_in_string = in_string ^ (block.plain.count(b'"', at, end) % 2 == 1)
            # Before a comma, every value that has begun at this depth is complete.
            cut = last_outside(block.plain, b",", at, end, ends_in_string)
        complete = cut > at
        cut, open_bytes = (cut, 0) if complete else (whole, block.open_bytes)
        plain = block.plain[at:cut]
        outlined = outline(plain)
        self._outlined += len(outlined)
        self._follow(_outside(outlined, in_string))
        if portion := self._portions.take(
            block.text[at:cut], plain, in_string, open_bytes, complete=complete
        ):
            self._reader.send(portion)
        self._last = plain.rstrip(_SPACE)[-1:] or self._last
        if cut < len(block.text) and (base := self._reader.idle_depth()):
            self._base, self._sent_open, self._passed = base, bytes(self._open), 0
            self._grammar.begin(self._sent_open[base - 1 :], block.start + cut, self._last)
        self._size = min(2 * self._size, _LARGEST_PORTION)
        return cut

    def _pass_over(self, block: Block, at: int) -> int:
        """Pass over what no field is in, from `at`; where it ended, or the block did."""
        base, depth, in_string = self._base, len(self._open), block.in_string and at == 0
        outside = _outside(block.outline[self._outlined :], in_string)
        self._reader.passed_over(self._follow(outside, base))
        self._passed += len(block.text) - at
        if len(self._open) >= base:
            opened, inside = bytes(self._open[base - 1 :]), block.ends_in_string
            self._grammar.take(block.text[at:], block.plain[at:], opened, in_string=inside)
            return len(block.text)
        sent_open = bytes(reversed(self._sent_open[base - 1 :])).translate(_CLOSERS)
        self._reader.send(sent_open)
        self._base = 0
        if self._passed > _LARGEST_PORTION:
            self._size = _FIRST_PORTION
        # Where it ended is found from the block's end: less is behind it than before.
        closer = sent_open[-1:]
        # Fewer to walk: the pairs of the other kind that hold nothing.
        brackets = outside.translate(None, b",").replace(_OTHER_PAIR[closer], b"")
        after = brackets[indexOf(_depths(brackets, depth), base - 1) :].count(closer)
        whole, ends_in_string = len(block.plain), block.ends_in_string
        end = 1 + last_outside(block.plain, closer, at, whole, ends_in_string, after)
        self._grammar.end(block.text[at:end], block.plain[at:end])
        self._outlined = len(block.outline) - len(outline(block.plain[end:]))
        return end

    def _follow(self, outside: bytes, base: int = 0) -> int:
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
        raise PageRefused(f"the page nests deeper than {self._most} (limits.depth)")


def _outside(outline: bytes, in_string: bool) -> bytes:
    """The brackets of an outline that are outside of strings, and the commas between items."""
    # A text of the same length takes `replace` half the time of a shorter one.
    pieces = outline.replace(b'""', _NOTHING).split(b'"')
    outside = b"".join(pieces[in_string::2]).translate(None, _NOTHING)
    return outside.replace(b",:", b"").translate(None, b":")


def _depths(outside: bytes, depth: int) -> Iterator[int]:
    """How many brackets are open: `depth` at first, then after each byte."""
    steps = memoryview(outside.translate(_STEPS)).cast("b")
    return accumulate(steps, initial=depth)
