"""Cuts the records of one page out of its decoded bytes, exactly as the server wrote them.

Nothing is parsed into values: a record is found by its brackets and strings, so number spelling,
escapes, key order and duplicate keys come out untouched (control characters, which JSON forbids,
come out escaped), and memory holds one window of the page and the record at its edge (`page_walk`).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Final

from harvester.model import Key, Path
from harvester.page.page_walk import ARRAY, OBJECT, SPACE, PageWalk, Record
from harvester.page.selecting import selected

_NOTHING: Final = frozenset(
    (b"null", b"false", b"0", b"{}", b"[]", b'""', b'"null"', b'"none"', b'"[]"', b'"{}"',
     b'"false"', b'"0"')
)  # fmt: skip
"""What servers write in the place of a list without items; PHP most of them."""

_NO_ITEMS: Final = frozenset((b"null", b"{}", b"[]", b'""'))
"""What a list holds that has no items, as SQL's json_agg makes it."""

_NULL: Final = frozenset((b"null",))
_LONGEST_NOTHING: Final = 64


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
    page = PageWalk(chunks)
    page.begin()
    yield from _places(page, (), levels)
    page.finish()


def _places(
    page: PageWalk, keys: tuple[str, ...], levels: int
) -> Iterator[tuple[tuple[str, ...], int, int]]:
    first = page.peek()
    if first == ARRAY:
        yield keys, first, sum(map(len, page.batches()))
        return
    yield keys, first, 0
    if first == OBJECT and levels:
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
    page = PageWalk(chunks)
    page.begin()
    for here in selected(page, selector):
        first = here.peek()
        if first == ARRAY:
            words = _NO_ITEMS if after_records else _NULL
            return sum(map(len, islice(_without_nothing(here.batches(), words), 1)))
        if first == OBJECT:
            return int(here.has_members())
        value = here.value()
        return 0 if _says_nothing(value, _NOTHING) else value
    return 0


def _says_nothing(value: Record, words: frozenset[bytes]) -> bool:
    text = bytes(value)
    return len(text) <= _LONGEST_NOTHING and text.translate(None, SPACE).lower() in words


def iter_batches(
    chunks: Iterable[bytes], selector: Path, counted: int = 0
) -> Iterator[Sequence[Record]]:
    """The same records, as many at a time as were found together, which may be none."""
    page = PageWalk(chunks)
    page.begin()
    listed = not counted and all(isinstance(segment, Key) for segment in selector)
    for here in selected(page, selector):
        if here.peek() == ARRAY:
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
    page = PageWalk(chunks)
    page.begin()
    return page.beside(selector) if selector else {}
