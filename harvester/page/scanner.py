r"""Scans a page once and says what of it must be parsed: `Parse(bytes)`, or `Skipped(items)`.

Most of a page is an array of records that no field looks into. The parser reads at 60 MB/s, far
less with Python called for each event; all that paging needs of such an array is how many items it
has, and where it ends. So the parser's copy of the page lacks them:

    chunks ──► PageScanner ──► Parse(text)     to the parser, which finds the fields
                  │  ▲     └─► Skipped(items)  only counted
                  │  └──────── spare           said after each step: in which container is the
                  │                            parser of no use now, and how to read its items
                  ├─ windows   guess where records end, prove many at once          650+ MB/s
                  ├─ guard     blocks: what is in strings, their limits and numbers'  800 MB/s
                  ├─ brackets  which are open, how deep, how many items between
                  ├─ grammar   the proof of what is skipped, stretch by stretch
                  └─ portions  what the parser could not take, changed

Each of these is below: it takes bytes, says what it found and knows none of the others. A page of
62 bytes, of which the fields are the number of records in `data` and the cursor in `next`:

    {"data":[{"id":1,"t":"a"},{"id":2,"t":"]"},{"id":3}],"next":7}
    └───────┘└──────────────────────────────────────────┘└───────┘
     1        2                                       3   4

1. The lexical pass: the guard makes a block, the brackets follow it (`{[` are open), and the text
   before a comma between values is a portion: `Parse('{"data":[{"id":1,"t":"a"}')`. The parser
   says `spare = Spare(2)`: nothing at depth 2 and below is a field.
2. Behind an item, before `,{"id":`, which is how items begin here: a window. The last place that
   begins so is before the third record, msgspec reads `[{"id":2,"t":"]"}]` and finds one item that
   is JSON: `Skipped(1)`. In a large page it is 64 KiB and a hundred items.
3. No further item begins: the lexical pass again. Its brackets say where depth 2 is left, the
   commas that there is one more item, and the grammar proves `,{"id":3}]`: `Skipped(1)`.
4. The parser gets what closes the container that it has open, `Parse(']')`, and reads on:
   `Parse(',"next":7}')`. Its copy of the page was `{"data":[{"id":1,"t":"a"}],"next":7}`.

Any doubt goes from a window to the lexical pass. Wherever chunks end, the same bytes are judged by
the same rules; no byte is looked at more often than a few times; memory holds a window and a block.
"""

from collections.abc import Generator, Iterator
from typing import Final

from harvester.config import Limits
from harvester.errors import NotJSON
from harvester.page.array_validator import proven
from harvester.page.brackets import (
    Brackets,
    closers_after,
    closing,
    commas_between,
    outside_strings,
    structure,
)
from harvester.page.grammar import Grammar
from harvester.page.guard import (
    Block,
    Guard,
    first_outside,
    last_outside,
    outline,
    without_hidden_quotes,
)
from harvester.page.portions import Portions
from harvester.page.steps import Parse, Skipped, Spare, Step
from harvester.page.utf8 import UTF8Check
from harvester.page.windows import WINDOW, Window, Windows, window

#: The parser is given this much at first, until it is known whether the rest is worth its while;
#: twice as much each time that it was.
_FIRST_PORTION: Final = 128
_LARGEST_PORTION: Final = 64 * 1024
#: The lexical pass is given so much at first, until it is known where items can be skipped.
_FIRST_PIECE: Final = 1024
_LARGEST_PIECE: Final = 128 * 1024
_SPACE: Final = b" \t\r\n"
_CLOSED: Final = (b"}", b"]", b'"')


class PageScanner:
    """Takes the chunks of a page, cut anywhere, and yields its steps.

    Whoever takes a step *must* set `spare` before asking on. Raises `NotJSON` where what is
    skipped, or the text's encoding, is not right, or the page ends in the midst of it; and
    `PageRefused` where a limit stands against it. What is parsed is the parser's to judge.
    """

    def __init__(self, limits: Limits) -> None:
        self.spare: Spare | None = None
        self._guard = Guard(string_bytes=limits.string_bytes, number_chars=limits.number_chars)
        self._brackets = Brackets(limits.depth)
        self._portions = Portions()
        self._grammar = Grammar()
        self._windows = Windows()
        self._utf8 = UTF8Check()
        self._piece = _FIRST_PIECE
        self._portion = _FIRST_PORTION
        self._look = _FIRST_PIECE  # the next item is looked for in so many bytes
        self._held = bytearray()  # stands behind an item; no further one begins in it
        self._enough = 0  # bytes held with which it is worth another look
        self._sent_open = b""  # the brackets that are open where the parser stands
        self._last = b""  # byte that the parser was given, but for blanks
        self._outlined = 0  # bytes of the block's outline that have been read
        self._inside = False  # whether the block's next byte is in a string
        self._base = 0  # the depth of what is being skipped; 0: nothing is
        self._stretch = _FIRST_PIECE  # so much of it is looked at next
        self._skipped = 0  # bytes of it

    @property
    def control_characters(self) -> int:
        """How many stood raw in strings."""
        return self._portions.control_characters + self._grammar.control_characters

    def feed(self, chunk: bytes) -> Iterator[Step]:
        """The steps of one more chunk."""
        text, at = self._with_held(chunk), 0
        while at < len(text):
            end, items = self._ahead(text, at)
            if items:
                yield Skipped(items)
            elif end > at:
                yield from self._lexical(text[at:end])
            else:  # the end of an item, or the beginning of the next, is in what is to come
                self._held += text[at:]
                self._enough = len(self._held) + max(_FIRST_PIECE, len(self._held))
                break
            at = end
        self._utf8.feed(chunk)

    def close(self) -> Iterator[Step]:
        """The last steps; raises `NotJSON` where the page is not complete."""
        yield from self._lexical(bytes(self._held))
        for block in self._guard.close():
            yield from self._block(block)
        self._utf8.close()
        if self._guard.in_string:  # the parser lets an open string behind the document pass
            raise NotJSON("the body is not complete, valid JSON: it ends inside a string")
        if self._base:
            raise NotJSON("the body is not complete, valid JSON: it ends inside the records")
        if rest := self._portions.rest():
            yield Parse(rest)

    # --- Windows: over whole items, many at a time -----------------------------------------------

    def _with_held(self, chunk: bytes) -> bytes:
        if not self._held:
            return chunk
        if len(self._held) + len(chunk) < self._enough:
            self._held += chunk
            return b""
        chunk = b"".join((self._held, chunk))
        self._held.clear()
        return chunk

    def _ahead(self, text: bytes, at: int) -> tuple[int, int]:
        """Where the next step ends, and how many items are skipped by it. None: up to there it is
        the lexical pass's; and where that is `at`, more has to come.
        """
        if not (self._behind_item and self._windows.begins_at(text, at, len(self._brackets))):
            return self._end_of_piece(text, at), 0
        later = self._windows.last(text, at)
        if later > at:
            found = self._windows.before(text, at, later)
            if (step := self._skip(found, at))[0] > at:
                return step
            if found is None or found.items:
                self._windows.miss()
                return later, 0
        # Perhaps the last item of the array.
        if (step := self._skip(window(text, at, at + WINDOW), at))[0] > at:
            return step
        return (at if len(text) - at < WINDOW else len(text)), 0

    def _skip(self, found: Window | None, at: int) -> tuple[int, int]:
        """Skip the items of a window at `at`: where they end, and how many they are; none where
        they are the parser's.
        """
        if not (
            found
            and found.items
            and found.ends_with_bracket
            and self._guard.is_harmless(found.array)
            and found.nests_within(self._brackets.room)
        ):
            return at, 0
        size, items = found.size, len(found.items)
        if self._base:
            self._grammar.leapt(size)
            self._skipped += size
        elif self.spare and self.spare.keeps_last and found.may_end_array:
            if items == 1:
                return at + size, 0
            size, items = found.size_without_last, items - 1
        elif self.spare and self.spare.read and self.spare.read(found.array):
            self._portion, self._piece = _FIRST_PORTION, _FIRST_PIECE
        else:
            return at, 0
        self._windows.hit()
        self._look = _FIRST_PIECE
        self._guard.leapt(size)
        return at + size, items

    @property
    def _skipping(self) -> bool:
        """Whether what comes next may be skipped, and is items of an array."""
        if self._base:
            return self._brackets.is_array(self._base)
        return self.spare is not None and self.spare.read is not None

    @property
    def _behind_item(self) -> bool:
        """Whether none of these items is open."""
        if not (self._windows.trusted and self._skipping and self._guard.between_tokens):
            return False
        if self._base:
            return len(self._brackets) == self._base
        # The parser has been given all of the last item.
        return self.spare is not None and self.spare.depth == len(self._brackets) and (
            self._last in (b"}", b"]") and self._brackets.is_array(self.spare.depth)
        )  # fmt: skip

    def _end_of_piece(self, text: bytes, at: int) -> int:
        """Where a piece for the lexical pass ends that begins at `at`: before an item, if that can
        be told, where items are skipped or are about to be.
        """
        end = len(text)
        if self._base or self._skipping:
            in_item = not self._behind_item and self._skipping and self._windows.trusted
            begins = self._next_item(text, at, in_item=in_item)
            if begins > at:
                return begins
            if in_item and not self._guard.between_tokens:
                return self._windows.next(text, at, end)
            # The next item is not near; or else the array ends, or is not as others are.
            return self._longer_piece(at, end)
        first = self._piece == _FIRST_PIECE
        self._look = _FIRST_PIECE
        self._windows.forget()
        end = self._longer_piece(at, end)
        return self._windows.next(text, at, end) if first else end

    def _longer_piece(self, at: int, end: int) -> int:
        """Where a piece from `at` ends that is twice as long as the last one, `end` at most."""
        size = self._piece
        self._piece = min(2 * size, _LARGEST_PIECE)
        return min(at + size, end)

    def _next_item(self, text: bytes, at: int, *, in_item: bool) -> int:
        """Where behind `at` the comma stands before the next item of the array that is skipped, or,
        if not `in_item`, of the one around it; `at` where that is not near, or cannot be told.
        """
        depth, around = (self.spare.depth, self.spare.around) if self.spare else (0, 0)
        base = (self._base or depth) if in_item else around
        if not (base and self._guard.between_tokens and len(self._brackets) > base) or (
            self._look > _LARGEST_PIECE
        ):
            return at
        plain = without_hidden_quotes(text[at : at + self._look])
        outside = structure(outline(plain), in_string=False).translate(None, b":")
        before, _ = commas_between(outside, len(self._brackets), base)
        if before >= 0:
            return at + first_outside(plain, b",", 0, before)
        self._look *= 2  # until an item is skipped
        return at

    # --- The lexical pass: block by block --------------------------------------------------------

    def _lexical(self, text: bytes) -> Iterator[Step]:
        if text:
            for block in self._guard.feed(text):
                yield from self._block(block)

    def _block(self, block: Block) -> Iterator[Step]:
        at = self._outlined = 0
        self._inside = block.in_string
        while at < len(block.text):
            at = yield from self._pass_over(block, at) if self._base else self._read(block, at)

    def _read(self, block: Block, at: int) -> Generator[Step, None, int]:
        """Let the parser read on from `at`; where it stopped."""
        in_string, whole = self._inside, len(block.text)
        cut, last = (-1, -1) if in_string else self._items(block, at)
        if last > at and self._is_behind_item(block, at):
            yield from self._read_items(block, at, last)
            return last
        if cut <= at:
            cut = self._end_of_values(block, at, in_string)
        complete = cut > at
        cut, open_bytes = (cut, 0) if complete else (whole, block.open_bytes)
        plain = block.plain[at:cut]
        outlined = outline(plain)
        self._outlined += len(outlined)
        self._brackets.follow(outside_strings(outlined, in_string))
        if portion := self._portions.take(
            block.text[at:cut], plain, in_string, open_bytes, complete=complete
        ):
            yield Parse(portion)
        self._last = plain.rstrip(_SPACE)[-1:] or self._last
        self._inside = False  # if anything follows
        if cut < whole and self.spare and not self.spare.read:
            self._begin(self.spare.depth, block.start + cut)
        self._portion = min(2 * self._portion, _LARGEST_PORTION)
        return cut

    def _end_of_values(self, block: Block, at: int, in_string: bool) -> int:
        """Where a portion from `at` ends: before a comma, every value that has begun at this depth
        is complete. Not behind `at` where there is no comma.
        """
        cut, end, whole = -1, at, len(block.text)
        while cut <= at and end < whole:
            end = min(at + max(self._portion, 2 * (end - at)), whole)
            ends_in_string = in_string ^ (block.plain.count(b'"', at, end) % 2 == 1)
            cut = last_outside(block.plain, b",", at, end, ends_in_string)
        return cut

    # --- Items that are read: those of a block, where no window is trusted ------------------------

    def _items(self, block: Block, at: int) -> tuple[int, int]:
        """Where the first and the last comma stand, not at `at`, between items that are read."""
        if not (self.spare and self.spare.read and self._brackets.is_array(self.spare.depth)):
            return -1, -1
        outside = structure(block.outline[self._outlined :], in_string=False)
        outside = outside.translate(None, b":")
        here = self._is_behind_item(block, at)
        before, after = commas_between(outside[here:], len(self._brackets), self.spare.depth)
        if before < 0:
            return -1, -1
        first = first_outside(block.plain, b",", at, before + here)
        end, inside = len(block.plain), block.ends_in_string
        return first, last_outside(block.plain, b",", at, end, inside, after)

    def _is_behind_item(self, block: Block, at: int) -> bool:
        """Whether the parser has been given all of an item, and another follows at `at`."""
        return (
            self.spare is not None
            and len(self._brackets) == self.spare.depth
            and self._portions.are_given
            and self._last not in (b"[", b",")
            and block.text[at : at + _FIRST_PIECE].lstrip(_SPACE)[:1] == b","
        )

    def _read_items(self, block: Block, at: int, end: int) -> Iterator[Step]:
        """Read the items of `block.text[at:end]`, each behind its comma, or let the parser."""
        plain = block.plain[at:end]
        outlined = outline(plain)
        self._outlined += len(outlined)
        self._brackets.follow(outside_strings(outlined, in_string=False))
        text = self._portions.take(block.text[at:end], plain, False, 0, complete=True)
        if self._last not in _CLOSED:
            yield Parse(b" ")  # or the parser does not see that a number is complete
        self._last = plain.rstrip(_SPACE)[-1:]
        array, items = proven(b"".join((b"[", text.lstrip(_SPACE)[1:], b"]")))
        read = self.spare.read if self.spare else None
        if read and len(array) > len(text.strip(_SPACE)) and read(array):
            yield Skipped(len(items))
        else:
            yield Parse(text)

    def _begin(self, base: int, at: int) -> None:
        """Skip what is left of the container at depth `base`, from byte `at` of the page."""
        self._base, self._sent_open, self._skipped = base, bytes(self._brackets), 0
        self._stretch = _FIRST_PIECE
        self._grammar.begin(self._sent_open[base - 1 :], at, self._last)

    def _pass_over(self, block: Block, at: int) -> Generator[Step, None, int]:
        """Skip what no field is in, from `at`; where it ended, or the stretch did."""
        base, depth, in_string = self._base, len(self._brackets), self._inside
        end = self._end_of_stretch(block, at)
        text, plain = block.text[at:end], block.plain[at:end]
        outlined = block.outline[self._outlined :] if end == len(block.text) else outline(plain)
        outside = outside_strings(outlined, in_string)
        inside = in_string ^ (outlined.count(b'"') % 2 == 1)
        yield Skipped(self._brackets.follow(outside, base))
        self._skipped += len(text)
        if len(self._brackets) >= base:
            self._grammar.take(text, plain, bytes(self._brackets)[base - 1 :], in_string=inside)
            self._outlined += len(outlined)
            self._inside = inside
            return end
        closers = closing(self._sent_open[base - 1 :])
        yield Parse(closers)
        self._base, self._last = 0, closers[-1:]
        if self._skipped > _LARGEST_PORTION:
            self._portion = _FIRST_PORTION
        # Where it ended is found from the stretch's end: less is behind it than before.
        closer = closers[-1:]
        after = closers_after(outside, depth, base, closer)
        end = 1 + last_outside(block.plain, closer, at, end, inside, after)
        self._grammar.end(block.text[at:end], block.plain[at:end])
        self._outlined += len(outline(block.plain[at:end]))
        self._inside = False
        return end

    def _end_of_stretch(self, block: Block, at: int) -> int:
        """Where what is skipped at once ends: longer stretches once it has shown to be long."""
        end = block.plain.find(b'"', at + self._stretch)  # between tokens, and in no escape
        self._stretch *= 4
        return end if end >= 0 else len(block.text)
