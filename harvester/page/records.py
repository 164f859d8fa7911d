"""Cuts the records of one page out of its decoded bytes, exactly as the server wrote them.

Nothing is parsed into values: a record is found by its brackets and strings, so number spelling,
escapes, key order and duplicate keys come out untouched (control characters, which JSON forbids,
come out escaped), and memory holds one window of the page
and the record at its edge. Four ways over the bytes, fastest first:

1. Whole items of an array, a window at a time (`_Page._proven`): where the item at the cursor
   opens an object with some key, the last place in the window that opens with the same bytes
   behind a comma is most likely where a later item begins. `proof` says whether what lies before
   it are whole items, and gives them as they stand (`Raw`). What is no such text, or no JSON at
   all, is left to the next way, so nothing is taken for a record that the others would not take.
2. Whole items, many at a time: one `findall` of one regular expression, `_items`, over up to
   `_WINDOW` bytes. It takes items as long as each is whole and a further one follows; its last
   alternative then takes the rest, so it never searches, and can start nowhere wrong.
3. One value, wherever chunks end and however deep (`_Page.skip`, `_Page.value`): what `_containers`
   matches is passed over in one go, the brackets at which it stops are counted.
4. Keys, one by one, where the selector leads through an object.

Two things make the expressions fast: possessive quantifiers, which never go back (greedy ones
half the speed), and strings that are first tried as "up to a quote with no backslash before it",
a tight loop in C; only those that hold an escaped quote are matched with more care.

Measured with CPython 3.11 on one core of a shared server, search results with 720 bytes a record,
MB/s of JSON: the first way 1,250, the second 180, values passed over 210. Also tried: splitting at
`},{` and proving every border by what is left when all but quotes and brackets is deleted, 150 at
best; telling `{}` from `[]` within records, 10 to 20 % less.
"""

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, islice
from typing import Any, Final

import msgspec

from harvester.errors import DataRefused
from harvester.model import Every, Index, Key, Last, Path, Segment, Where
from harvester.page.array_validator import UNPROVEN, proven
from harvester.page.control_characters import any_in, one_line
from harvester.patterns import pattern

_BOM: Final = b"\xef\xbb\xbf"
_QUOTE, _COMMA, _COLON = b'",:'
_ARRAY, _ARRAY_END, _OBJECT, _OBJECT_END = b"[]{}"
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

_DEPTH: Final = 12
"""How many levels of brackets an expression sees, an item's own included (a level takes about
1 ms at import). Small items that go deeper are cut one by one, at a sixth of the speed."""

_BESIDE: Final = 16 * 1024
"""What stands beside the records and is longer is none of the words by which an API pages."""

_NOTHING: Final = frozenset(
    (b"null", b"false", b"0", b"{}", b"[]", b'""', b'"null"', b'"none"', b'"[]"', b'"{}"',
     b'"false"', b'"0"')
)  # fmt: skip
"""What servers write in the place of a list without items; PHP most of them."""

_NO_ITEMS: Final = frozenset((b"null", b"{}", b"[]", b'""'))
"""What a list holds that has no items, as SQL's json_agg makes it."""

_NULL: Final = frozenset((b"null",))
_LONGEST_NOTHING: Final = 64

_BLANK: Final = rb"[ \t\r\n]*+"
_THEN_COMMA: Final = _BLANK + rb"," + _BLANK + rb"(?=.)"  # with something after it
_THEN_COLON: Final = _BLANK + rb":" + _BLANK + rb"(?=.)"
_GAP: Final = rb'[^"{}\[\]]*+'  # between strings and brackets
_PLAIN: Final = rb'"[^"]*+(?<!\\)"'  # a string that holds no quote
_STRING: Final = (
    rb'"(?:'
    rb'[^"]*+(?:(?<=[^\\]\\)"[^"]*+)*+(?<!\\)"'  # before each quote inside, one backslash
    rb'|[^"\\]*+(?:\\.[^"\\]*+)*+"'  # any string
    rb")"
)
_SCALAR: Final = rb"[-+.0-9A-Za-z]"


def _inside(levels: int) -> bytes:
    """What may stand between brackets, with so many levels of brackets within, each closed."""
    strings = _GAP + rb"(?:" + _PLAIN + _GAP + rb")*+"
    nested = rb"|[{\[]" + _inside(levels - 1) + rb"[}\]]" if levels else b""
    return strings + rb"(?:(?:" + _STRING + nested + rb")" + strings + rb")*+"


_VALUE: Final = (
    rb"(?:[{\[]" + _inside(_DEPTH - 1) + rb"[}\]]|" + _STRING + rb"|" + _SCALAR + rb"++)"
)


@cache
def _containers() -> re.Pattern[bytes]:
    """What stands between brackets, down to `_DEPTH` levels. Compiled when it is first needed."""
    return re.compile(_inside(_DEPTH), re.DOTALL)


@cache
def _items() -> re.Pattern[bytes]:
    """An item and the comma after it, or else all that is left. No group: each would cost 8 %."""
    return re.compile(_VALUE + _THEN_COMMA + rb"|.++", re.DOTALL)


_AFTER_ITEM: Final = b", \t\r\n"
_SPACE: Final = b" \t\r\n"
_TEXT: Final = pattern(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_BLANKS: Final = pattern(_BLANK)
_SCALARS: Final = pattern(_SCALAR + rb"*+")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

Record = bytes | msgspec.Raw
"""The bytes of a record: themselves, or as a view into a window of the page."""


@cache
def _only(name: str) -> re.Pattern[bytes]:
    """A whole object in which one key is `name` and no key has an escape; group 1 is its value."""
    wanted = re.escape(name.encode(errors="surrogatepass"))
    other = rb'"(?!' + wanted + rb'")[^"\\]*+"' + _THEN_COLON + _VALUE
    before = rb"(?:" + other + _THEN_COMMA + rb")*+"
    after = rb"(?:" + _THEN_COMMA + other + rb")*+"
    member = before + rb'"' + wanted + rb'"' + _THEN_COLON + rb"(" + _VALUE + rb")" + after
    return re.compile(rb"\{" + _BLANK + member + _BLANK + rb"\}", re.DOTALL)


def iter_elements(chunks: Iterable[bytes], selector: Path, counted: int = 0) -> Iterator[bytes]:
    r"""The records of a page, each as the server's own bytes on one line, without a line end.

    `chunks` are the page's decoded bytes, UTF-8, cut anywhere; 64 KiB to 1 MiB each is best. A
    byte order mark is dropped. The values at `selector` are taken as `fields.Take.COUNT` counts
    them: an array gives each of its items, `null` gives nothing, anything else is one record; but
    what servers write in the place of an empty list, such as `{}` or `[null]`, gives nothing where
    the page was not `counted` to have records.
    White space around a record is taken off, and so are CR and LF between its tokens; other white
    space stays. Control characters that stand raw in its strings are escaped.

    Records come while the page streams by. Memory holds a window, a chunk and one record; where
    the selector goes on after `[…]`, one item of that array. Raises `DataRefused`, with the
    offset of the byte, where strings or brackets do not pair, an object on the selector's way is
    malformed or holds the wanted key twice, or the page ends too early or goes on after its
    value; a value that the end cuts is not given. Within records brackets are only counted, and
    no other grammar is checked: committed pages have passed that.
    """
    return map(bytes, chain.from_iterable(iter_batches(chunks, selector, counted)))


def iter_lines(chunks: Iterable[bytes], selector: Path, counted: int = 0) -> Iterator[bytes]:
    """The same records as JSON Lines, in blocks of whole lines: no Python statement a record."""
    for records in iter_batches(chunks, selector, counted):
        if records:
            yield b"\n".join((*records, b""))


def iter_places(chunks: Iterable[bytes], levels: int) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """What a page has, down to so many levels of objects: of each value the keys that lead to it,
    the byte that it begins with, and how many items it has, if it is an array.

    Objects come before what is in them. Raises as `iter_elements` does.
    """
    page = _Page(chunks)
    page.begin()
    yield from _places(page, (), levels)
    page.finish()


def _places(
    page: "_Page", keys: tuple[str, ...], levels: int
) -> Iterator[tuple[tuple[str, ...], int, int]]:
    first = page.peek()
    if first == _ARRAY:
        yield keys, first, sum(map(len, page.batches()))
        return
    yield keys, first, 0
    if first == _OBJECT and levels:
        for key in page.members():
            yield from _places(page, (*keys, key), levels - 1)
    else:
        page.skip()


def lone(chunks: Iterable[bytes], selector: Path, *, after_records: bool = True) -> int | bytes:
    """How many records a page has, 1 or 0, that seems to have one where `selector`, which is of
    keys only, leads: `{}`, `false`, `[null]` and the like are none. `[{}]` is none `after_records`
    have shown what the API's records are like. The text of any other scalar, which is neither a
    record nor a list of them.
    """
    page = _Page(chunks)
    page.begin()
    for here in _selected(page, selector):
        first = here.peek()
        if first == _ARRAY:
            words = _NO_ITEMS if after_records else _NULL
            return sum(map(len, islice(_without_nothing(here.batches(), words), 1)))
        if first == _OBJECT:
            return int(here.has_members())
        value = here.value()
        return 0 if _says_nothing(value, _NOTHING) else value
    return 0


def _says_nothing(value: Record, words: frozenset[bytes]) -> bool:
    text = bytes(value)
    return len(text) <= _LONGEST_NOTHING and text.translate(None, _SPACE).lower() in words


def iter_batches(
    chunks: Iterable[bytes], selector: Path, counted: int = 0
) -> Iterator[Sequence[Record]]:
    """The same records, as many at a time as were found together, which may be none."""
    page = _Page(chunks)
    page.begin()
    listed = not counted and all(isinstance(segment, Key) for segment in selector)
    for here in _selected(page, selector):
        if here.peek() == _ARRAY:
            yield from _without_nothing(here.batches()) if listed else here.batches()
        elif not _says_nothing(value := here.value(), _NOTHING if listed else _NULL):
            yield (value,)
    page.finish()


def _without_nothing(
    batches: Iterator[Sequence[Record]], words: frozenset[bytes] = _NO_ITEMS
) -> Iterator[Sequence[Record]]:
    """The items of an array, unless there is one only, and it says that there is none: `[null]`."""
    for first in batches:
        if not first:
            continue
        if len(first) > 1 or not _says_nothing(first[0], words):
            yield first
            break
        for second in batches:
            if second:
                yield first
                yield second
                break
        break
    yield from batches


def without_records(chunks: Iterable[bytes], selector: Path) -> dict[str, Any]:
    """A page without its records: what stands beside them, down to where the selector leads.

    Values longer than `_BESIDE` bytes are left out, and so are those that no text can be made of.
    A page that is no object, or whose records are the page itself, has nothing beside them.
    Raises `DataRefused` as `iter_elements` does.
    """
    page = _Page(chunks)
    page.begin()
    return page.beside(selector) if selector else {}


class _Page:
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
            self._pass(_BLANKS)
            if self._at < len(self._data):
                raise self.error("the JSON goes on after its end")
            if not self._more():
                return

    def peek(self) -> int:
        """The next byte that is not white space; the cursor moves to it."""
        if self._at < len(self._data) and self._data[self._at] not in _SPACE:
            return self._data[self._at]  # mostly
        while True:
            self._pass(_BLANKS)
            if self._at < len(self._data):
                return self._data[self._at]
            self._need_more()

    def skip(self) -> None:
        """Pass over the value that begins at the cursor."""
        first = self.peek()
        if first == _QUOTE:
            self._at += 1
            self._finish_string()
        elif first in (_ARRAY, _OBJECT):
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
            if self.peek() == _OBJECT:
                items, size = self._proven(size)
            yield items or self._matched()
            if size:
                yield (self.value(),)  # the last one, or one that a window's end or _DEPTH cuts
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
        *found, rest = _items().findall(self._data, self._at, end)
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
        if self.peek() != _OBJECT:
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
        self._pass(_SCALARS)
        if self.offset == start:
            raise self.error(f"expected a value, found {chr(first)!r}")
        while self._at == len(self._data):  # it may go on in the next chunk
            if self._open:
                self._need_more()
            elif not self._more():
                return
            self._pass(_SCALARS)

    def _finish_container(self) -> None:
        depth = 1
        while depth:
            self._pass(_containers())
            if self._at == len(self._data):
                self._need_more()
                continue
            byte = self._data[self._at]
            self._at += 1
            if byte == _QUOTE:  # a string that the chunk's end cuts
                self._finish_string()
            else:
                depth += 1 if byte in (_ARRAY, _OBJECT) else -1

    def _finish_string(self) -> None:
        while True:
            self._pass(_TEXT)
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
    while at > 0 and data[at] in _SPACE:
        at -= 1
    return at if at > 0 and data[at] == _COMMA else -1


def _on_lines(array: bytes, items: Sequence[Record]) -> Sequence[Record]:
    """Items that msgspec has proven, each on one line: it lets no line break into a string."""
    if b"\n" in array or b"\r" in array:
        return [bytes(item).translate(None, _LINE_BREAKS) for item in items]
    return items


def _selected(page: _Page, path: Path) -> Iterator[_Page]:
    """Stand at each value that `path` leads to from here; whoever asks must pass over it."""
    if not path:
        yield page
        return
    segment, rest = path[0], path[1:]
    if not isinstance(segment, Key):
        for item in _picked(page, segment):
            inner, left = _descend(item, rest)
            context = f" of an item that ends by byte {page.offset}"
            yield from _selected(_Page((inner,), context), left)
    elif page.peek() == _OBJECT:
        for _ in page.members(segment.name):
            yield from _selected(page, rest)
    else:
        page.skip()


def _descend(item: bytes, path: Path) -> tuple[bytes, Path]:
    """Follow the keys of `path` within an item, as far as one match a key can: 5 times faster."""
    while path and isinstance(path[0], Key) and (found := _only(path[0].name).fullmatch(item)):
        item, path = found[1], path[1:]
    return item, path


def _picked(page: _Page, segment: Segment) -> Iterator[bytes]:
    """The children of the value at the cursor that `segment` selects; passes over the value."""
    first = page.peek()
    if first == _ARRAY:
        children = page.items()
    elif first == _OBJECT and isinstance(segment, Every | Where):
        children = (page.value() for _ in page.members())
    else:
        page.skip()
        return
    match segment:
        case Every():
            yield from children
        case Where():
            yield from (child for child in children if _accepts(segment, child))
        case Index(index):
            yield from (child for place, child in enumerate(children) if place == index)
        case Last():
            last = None
            for last in children:  # noqa: B007  # the loop is there for what it leaves behind
                pass
            if last is not None:
                yield last


def _accepts(where: Where, item: bytes) -> bool:
    """Whether the item's member is the scalar that the filter asks for."""
    path = tuple(map(Key, where.path))
    values = [place.value() for place in _selected(_Page((item,)), path)]
    return any(where.accepts(_scalar(value)) for value in values)


def _scalar(value: bytes) -> object:
    """A scalar's Python value; the bytes themselves, equal to no literal, for anything else."""
    try:
        return value if value[0] in (_ARRAY, _OBJECT) else json.loads(value)
    except ValueError:  # an integer of over 4300 digits, or no JSON
        return value
