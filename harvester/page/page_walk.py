"""Walks through the JSON of a page that arrives in chunks: value by value, or many items at once.

Nothing is parsed into values. Four ways over the bytes, fastest first:

1. Whole items of an array, a window at a time (`PageWalk._proven`): where the item at the cursor
   opens an object with some key, the last place in the window that opens with the same bytes
   behind a comma is most likely where a later item begins. `array_validator` says whether what
   lies before it are whole items, and gives them as they stand (`Raw`). What is no such text, or
   no JSON at all, is left to the next way, so nothing is taken for a record that the others would
   not take.
2. Whole items, many at a time: one `findall` of one regular expression, `items`, over up to
   `_WINDOW` bytes. It takes items as long as each is whole and a further one follows; its last
   alternative then takes the rest, so it never searches, and can start nowhere wrong.
3. One value, wherever chunks end and however deep (`PageWalk.skip`, `PageWalk.value`): what
   `containers` matches is passed over in one go, the brackets at which it stops are counted.
4. Keys, one by one, where the selector leads through an object.

Measured with CPython 3.11 on one core of a shared server, search results with 720 bytes a record,
MB/s of JSON: the first way 1,250, the second 180, values passed over 210. Also tried: splitting at
`},{` and proving every border by what is left when all but quotes and brackets is deleted, 150 at
best; telling `{}` from `[]` within records, 10 to 20 % less.
"""

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

import msgspec

from harvester.errors import DataRefused
from harvester.model import Key, Path
from harvester.page.array_validator import UNPROVEN, proven
from harvester.page.control_characters import any_in, one_line
from harvester.page.lexemes import BLANKS, SCALARS, TEXT, containers, items

_BOM: Final = b"\xef\xbb\xbf"
_QUOTE, _COMMA, _COLON = b'",:'
ARRAY, _ARRAY_END, OBJECT, _OBJECT_END = b"[]{}"
_LINE_BREAKS: Final = b"\r\n"

_WINDOW: Final = 64 * 1024
"""How many bytes of items are cut in one go: enough to hide the cost of the one item at its end,
few enough to stay in the processor's cache (32 to 512 KiB measured the same within 5 %)."""

_SMALLEST: Final = 2 * 1024
_LARGEST: Final = 256 * 1024
"""Between these the window of what is proven at once grows and shrinks: twice as large after each
success; half as large until something is proven, as where the array ends within it."""

_HEAD: Final = 256
"""An item's first bytes, up to its first colon, are looked for within so many."""

_BESIDE: Final = 16 * 1024
"""What stands beside the records and is longer is none of the words by which an API pages."""

_AFTER_ITEM: Final = b", \t\r\n"
SPACE: Final = b" \t\r\n"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

Record = bytes | msgspec.Raw
"""The bytes of a record: themselves, or as a view into a window of the page."""


class PageWalk:
    """A cursor over JSON that arrives in chunks; it stands outside strings between calls.

    `context` is added to errors: which larger whole the offsets count in.
    """

    def __init__(self, chunks: Iterable[bytes], context: str = "") -> None:
        self._chunks = iter(chunks)
        self._context = context
        self._data = b""
        self._at = 0
        self._offset = 0  # of _data[0] in the page
        self._open = 0  # containers stepped into, not those passed over
        self._kept: list[bytes] | None = None  # chunks of the value being taken, but for the last
        self._start = 0  # of that value in _data

    @property
    def offset(self) -> int:
        """Where the cursor stands, in bytes from the beginning of the page."""
        return self._offset + self._at

    def error(self, problem: str) -> DataRefused:
        """What to raise for a problem at the cursor."""
        return DataRefused(f"{problem} at byte {self.offset}{self._context}")

    def begin(self) -> None:
        """Step over a byte order mark."""
        while len(self._data) < len(_BOM) and self._more():
            pass
        if self._data.startswith(_BOM):
            self._at = len(_BOM)

    def finish(self) -> None:
        """Make sure that nothing is left but white space."""
        while True:
            self._pass(BLANKS)
            if self._at < len(self._data):
                raise self.error("the JSON goes on after its end")
            if not self._more():
                return

    def peek(self) -> int:
        """The next byte that is not white space; the cursor moves to it."""
        if self._at < len(self._data) and self._data[self._at] not in SPACE:
            return self._data[self._at]  # mostly
        while True:
            self._pass(BLANKS)
            if self._at < len(self._data):
                return self._data[self._at]
            self._need_more()

    def skip(self) -> None:
        """Pass over the value that begins at the cursor."""
        first = self.peek()
        if first == _QUOTE:
            self._at += 1
            self._finish_string()
        elif first in (ARRAY, OBJECT):
            self._at += 1
            self._finish_container()
        else:
            self._pass_scalar(first)

    def value(self) -> bytes:
        """Take the value that begins at the cursor."""
        self.peek()
        self._kept, self._start = [], self._at
        self.skip()
        whole = b"".join((*self._kept, self._data[self._start : self._at]))
        self._kept = None
        return one_line(whole)

    def items(self) -> Iterator[bytes]:
        """Take the items of the array that begins at the cursor, one by one."""
        return map(bytes, chain.from_iterable(self.batches()))

    def batches(self) -> Iterator[Sequence[Record]]:
        """Take the items of the array that begins at the cursor, many at a time."""
        going = self._enter(_ARRAY_END)
        size = _WINDOW
        while going:
            items: Sequence[Record] = ()
            if self.peek() == OBJECT:
                items, size = self._proven(size)
            yield items or self._matched()
            if size:
                yield (self.value(),)  # the last one, or one that a window's end or the depth cuts
            going = self._go_on(_ARRAY_END)

    def _proven(self, size: int) -> tuple[Sequence[Record], int]:
        """Take items that another one follows, as many as one window of up to `size` bytes
        proves, maybe none; and the size to go on with. Or take all that are left: size 0.
        """
        data, start = self._data, self._at
        head = data[start : data.find(b":", start, start + _HEAD) + 1]
        while head and size >= _SMALLEST:
            after = data.rfind(head, start + 1, start + size)
            end = _comma_before(data, after)
            if end > start:
                text = b"".join((b"[", memoryview(data)[start:end], b"]"))
                array, found = proven(text)
                if found:
                    whole = len(array) == len(text)
                    self._at = after if whole else start + len(array) - 2  # else at its bracket
                    return _on_lines(array, found), min(2 * size, _LARGEST) if whole else 0
            size = min(size, len(data) - start) // 2
        return (), 2 * _SMALLEST

    def _matched(self) -> Sequence[bytes]:
        """Take items that another one follows, as many as one match finds in a window."""
        end = min(self._at + _WINDOW, len(self._data))
        *found, rest = items().findall(self._data, self._at, end)
        whole = [item.rstrip(_AFTER_ITEM) for item in found]
        if any_in(self._data[self._at : end]):
            whole = [one_line(item) for item in whole]
        self._at = end - len(rest)
        return whole

    def members(self, name: str | None = None) -> Iterator[str]:
        """Stand at the value of the member `name`, or of each, of the object at the cursor; gives
        its key.

        Whoever asks must pass over that value before asking on. A name that comes again raises.
        """
        met = False
        going = self._enter(_OBJECT_END)
        while going:
            key = self._key()
            self.peek()
            if name not in (None, key):
                self.skip()
                going = self._go_on(_OBJECT_END)
                continue
            if met and name is not None:
                raise self.error(f"the key {name!r} stands a second time in one object")
            met = True
            yield key
            going = self._go_on(_OBJECT_END)
            if going and name is not None and self._ends_here(name):
                return

    def beside(self, path: Path) -> dict[str, Any]:
        """Take the members of the object at the cursor, but for what `path` leads to."""
        found: dict[str, Any] = {}
        if self.peek() != OBJECT:
            self.skip()
            return found
        on = path[0].name if isinstance(path[0], Key) else None
        going = self._enter(_OBJECT_END)
        while going:
            key = self._key()
            if key != on:
                text = self.value()
                if len(text) <= _BESIDE:
                    with contextlib.suppress(ValueError, RecursionError):
                        found[key] = json.loads(text, strict=False)
            elif path[1:]:
                found[key] = self.beside(path[1:])
            else:
                self.skip()
            going = self._go_on(_OBJECT_END)
        return found

    def has_members(self) -> bool:
        """Whether the object at the cursor has any; steps into it."""
        return self._enter(_OBJECT_END)

    def _ends_here(self, name: str) -> bool:
        """Pass over the members that are left of an outermost object, where msgspec proves at once
        that they are whole, and none of them is `name`; else stay, and whoever asks looks closer.
        """
        if self._open > 1:
            return False
        with contextlib.suppress(*UNPROVEN):
            if name not in _members(b"{" + self._data[self._at :]):
                self._at, self._open = len(self._data), 0
                return True
        return False

    def _key(self) -> str:
        if self.peek() != _QUOTE:
            raise self.error("expected a key")
        quoted = self.value()
        if self.peek() != _COLON:
            raise self.error("expected ':'")
        self._at += 1
        text = quoted.decode(errors="surrogateescape")
        if "\\" not in text:  # mostly: it says what it is
            return text[1:-1]
        try:
            return str(json.loads(text, strict=False))
        except ValueError:
            raise self.error("malformed key") from None

    def _enter(self, closer: int) -> bool:
        """Step into the container at the cursor; whether it holds anything."""
        self._at += 1
        self._open += 1
        return self.peek() != closer or self._go_on(closer)

    def _go_on(self, closer: int) -> bool:
        """Step over a comma, or out of the container; whether a value has to follow."""
        separator = self.peek()
        if separator not in (_COMMA, closer):
            raise self.error(f"expected ',' or '{chr(closer)}', found {chr(separator)!r}")
        self._at += 1
        self._open -= separator == closer
        return separator == _COMMA

    def _pass_scalar(self, first: int) -> None:
        start = self.offset
        self._pass(SCALARS)
        if self.offset == start:
            raise self.error(f"expected a value, found {chr(first)!r}")
        while self._at == len(self._data):  # it may go on in the next chunk
            if self._open:
                self._need_more()
            elif not self._more():
                return
            self._pass(SCALARS)

    def _finish_container(self) -> None:
        depth = 1
        while depth:
            self._pass(containers())
            if self._at == len(self._data):
                self._need_more()
                continue
            byte = self._data[self._at]
            self._at += 1
            if byte == _QUOTE:  # a string that the chunk's end cuts
                self._finish_string()
            else:
                depth += 1 if byte in (ARRAY, OBJECT) else -1

    def _finish_string(self) -> None:
        while True:
            self._pass(TEXT)
            if self._data.startswith(b'"', self._at):
                self._at += 1
                return
            self._need_more()

    def _pass(self, pattern: re.Pattern[bytes]) -> None:
        """Move past what `pattern` matches here, maybe nothing."""
        if match := pattern.match(self._data, self._at):
            self._at = match.end()

    def _need_more(self) -> None:
        if not self._more():
            self._at = len(self._data)
            raise self.error("the JSON ends too early")

    def _more(self) -> bool:
        """Bring in the next chunk; what lies before the cursor is let go, or kept for `value`."""
        for chunk in self._chunks:
            if self._kept is not None:
                self._kept.append(self._data[self._start : self._at])
            self._data = self._data[self._at :] + chunk
            self._offset += self._at
            self._at = self._start = 0
            return True
        return False


def _comma_before(data: bytes, at: int) -> int:
    """Where the comma stands behind which, but for white space, `at` is; -1 for anything else."""
    at -= 1
    while at > 0 and data[at] in SPACE:
        at -= 1
    return at if at > 0 and data[at] == _COMMA else -1


def _on_lines(array: bytes, items: Sequence[Record]) -> Sequence[Record]:
    """Items that msgspec has proven, each on one line: it lets no line break into a string."""
    if b"\n" in array or b"\r" in array:
        return [bytes(item).translate(None, _LINE_BREAKS) for item in items]
    return items
