r"""Reads the fields of a small page all at once, where nothing speaks against it.

Most pages are small, and to set up the scanner, the parser and its matcher takes longer than they
are long. So a page of up to `MOST_BYTES` is held until it has come, and msgspec takes out of it, at
1,600 MB/s, what the fields need: members of objects, and the records of an array, to be counted.

It gives what the parser would, or nothing, and then that reads the same bytes. A doubt is whatever
is refused or read otherwise there: a path with more than names, a number with a fraction, a control
character or half a surrogate pair in a string, text that is no UTF-8, a long run of digits, a page
that may nest too deep, a name on a field's way that may stand twice in its object. The last two are
looked for in what is left without the records, in none of which a field ends:

    {"data":[{"id":1},{"id":2}],"meta":{"next":7}}   the page
    {"data":[],"meta":{"next":7}}                    its frame
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import attrgetter
from typing import Any, Final

import msgspec

from harvester.config import Limits
from harvester.errors import AttemptFailed
from harvester.model import Key, Path
from harvester.page.aggregators import Take, usable
from harvester.page.array_validator import UNPROVEN
from harvester.page.brackets import Brackets, outside_strings
from harvester.page.guard import Guard
from harvester.page.matcher import Field
from harvester.page.utf8 import UTF8Check
from harvester.page.windows import Window, opening
from harvester.patterns import pattern
from harvester.values import dataclass

#: The largest page that is held: what one call of the inflater gives.
MOST_BYTES: Final = 128 * 1024
#: After so many pages in a row that were the parser's, it is given all others at once.
_MOST_DOUBTS: Final = 4
#: A frame of so many bytes is parsed where a name comes more often than once.
_PARSED_FRAME: Final = 4 * 1024
#: A page of so many bytes has its brackets counted first.
_COUNTED: Final = 16 * 1024
#: Names that can be written otherwise only with the escapes below.
_PLAIN_NAME: Final = pattern(r"[A-Za-z0-9_.@$-]{1,64}")
_ESCAPED: Final = pattern(
    rb"\\u00(?:2[4dDeE]|3[0-9]|4[0-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])"
)
_INTEGER: Final = pattern(rb"-?(?:0|[1-9][0-9]*)")
_LITERALS: Final = {b"null": None, b"true": True, b"false": False}
_TAKES: Final = (Take.FIRST, Take.LAST, Take.EXISTS, Take.COUNT)
_ABSENT: Final = msgspec.UNSET
_text = msgspec.json.Decoder(str).decode

_Names = tuple[str, ...]


class Doubt(Exception):
    """Nothing is wrong for certain, but the parser has to read it."""


class Fields(tuple[Field, ...]):
    """Fields that are looked for in many pages, and what reads them, which is made once."""

    small: "SmallPages | None"

    def __new__(cls, fields: Sequence[Field]) -> "Fields":
        """Find what reads them, if anything does."""
        made = super().__new__(cls, fields)
        made.small = _made(tuple(fields)) if all(map(_is_plain, fields)) else None
        return made


def small_pages(fields: Sequence[Field]) -> "SmallPages | None":
    """What reads these fields; None where they take more than names."""
    if isinstance(fields, Fields):
        return fields.small
    return _made(tuple(fields)) if all(map(_is_plain, fields)) else None


@dataclass(frozen=True, slots=True)
class Whole:
    """What was read of a whole page: its fields, and its records, the first of which begins at
    `start`. Where there is more than a comma between two of them, `start` is not known.
    """

    fields: dict[str, Any]
    records: Sequence[msgspec.Raw]
    start: int | None

    def first_records(self, most: int) -> Sequence[msgspec.Raw]:
        """The records that end within the first `most` bytes; none where that is not known."""
        start, sizes = self.start, [*accumulate(map(len, self.records))]
        if start is None:
            return ()
        ends = bisect_right(range(len(sizes)), most, key=lambda at: start + sizes[at] + at)
        return self.records[:ends]


class SmallPages:
    """Reads some fields out of whole pages; may be shared by threads. Raises `Doubt` where they are
    more than names to values, and to one array of records.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self._doubts = 0
        counted = [each for each in fields if each.take is Take.COUNT]
        self._counted = [each.name for each in counted]
        others = [each for each in fields if each.take is not Take.COUNT]
        paths = {*map(_names, (each.path for each in counted))}
        ways = {*map(_names, (each.path for each in others))}
        if len(paths) != 1 or () in ways or paths & ways:
            raise Doubt
        [self._records] = paths
        if not self._records:  # an array has no members
            others = []
        wanted = {self._records, *(ways if self._records else ())}
        self._quoted = sorted({b'"%b"' % name.encode() for names in wanted for name in names})
        places: dict[_Names, str] = {}
        kinds = [
            _kind(wanted, self._records, of_records, places)
            for of_records in (list[msgspec.Raw], msgspec.Raw)
        ]
        self._decode, self._decode_whole = (msgspec.json.Decoder(kind).decode for kind in kinds)
        self._found = attrgetter(places[self._records]) if self._records else _itself
        self._places = [_Place(each, attrgetter(places[_names(each.path)])) for each in others]

    @property
    def is_trusted(self) -> bool:
        """Whether it is worth another look."""
        return self._doubts < _MOST_DOUBTS

    def read(self, text: bytes, limits: Limits) -> Whole | None:
        """A whole page, its fields as the parser would give them; None where it must read it."""
        try:
            found = self._read(text, limits)
        except (Doubt, AttemptFailed, AttributeError, *UNPROVEN):
            self._doubts += 1
            return None
        self._doubts = 0
        return found

    def _read(self, text: bytes, limits: Limits) -> Whole:
        guard = Guard(string_bytes=limits.string_bytes, number_chars=limits.number_chars)
        page = self._decode(text)
        records = self._found(page)
        if not (guard.is_harmless(text) and isinstance(records, list)):
            raise Doubt
        found: dict[str, Any] = dict.fromkeys(self._counted, len(records))
        for place in self._places:
            if (value := place.value(page, limits)) is not _ABSENT:
                found[place.field.name] = value
        start, end, packed = self._span(text, records)
        frame = text[:start] + text[end:]
        if _ESCAPED.search(frame) or not self._are_single(frame):
            raise Doubt
        if len(text) > _COUNTED or text.count(b"[") + text.count(b"{") > limits.depth:
            room = limits.depth - len(self._records) - 1
            window = Window(text[start - 1 : end + 1], records)
            if records and not window.nests_within(room):
                raise Doubt
            if opening(frame) > limits.depth:
                _check_depth(frame, guard, limits.depth)
        utf8 = UTF8Check()
        utf8.feed(text)
        utf8.close()
        return Whole(found, records, start if packed else None)

    def _span(self, text: bytes, records: Sequence[msgspec.Raw]) -> tuple[int, int, bool]:
        """Where the records stand in the page, the brackets around them left out, and whether
        nothing but a comma is between each.
        """
        start = 0
        if self._records:
            name = b'"%b"' % self._records[-1].encode()
            start = text.find(name) + len(name)
            if start < len(name):
                raise Doubt
        start = text.find(b"[", start) + 1
        if records:
            first, last = bytes(records[0]), bytes(records[-1])
            end = text.rfind(last) + len(last)
            # What begins no later than they do, ends no earlier, and is as long as they are with a
            # comma between each, is they.
            size = sum(map(len, records)) + len(records) - 1
            if end - start == size and text.startswith(first, start):
                return start, end, True
        whole = bytes(self._found(self._decode_whole(text)))
        if not text.startswith(whole, start - 1):
            raise Doubt
        return start, start + len(whole) - 2, False

    def _are_single(self, frame: bytes) -> bool:
        """Whether no name on a way stands twice in one object."""
        if all(frame.count(name) <= 1 for name in self._quoted):
            return True
        if len(frame) > _PARSED_FRAME:
            return False
        json.loads(frame, object_pairs_hook=_single)
        return True


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a field stands, and what takes it out of a page's objects."""

    field: Field
    get: Callable[[Any], Any]

    def value(self, page: Any, limits: Limits) -> Any:
        """The field as the parser would give it; `_ABSENT` where the page has none."""
        try:
            raw = self.get(page)
        except AttributeError:  # an object on the way is null, or not there
            return _ABSENT
        if raw is _ABSENT:
            return _ABSENT
        text = bytes(raw)
        if self.field.take is Take.EXISTS:
            return _ABSENT if text == b"null" else True
        return usable(_value(text), self.field.path, limits.cursor_bytes)


def _value(text: bytes) -> Any:
    """A text, a whole number, or a literal."""
    if text.startswith(b'"'):
        return _text(text)
    if text in _LITERALS:
        return _LITERALS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    raise Doubt


def _kind(paths: set[_Names], records: _Names, of_records: Any, places: dict[_Names, str]) -> Any:
    """The type of a page in which only what `paths` lead to is read; where each of these ends goes
    into `places`.
    """
    return _below({(path, path) for path in paths}, records, of_records, places, "")


def _below(
    ways: set[tuple[_Names, _Names]],
    records: _Names,
    of_records: Any,
    places: dict[_Names, str],
    prefix: str,
) -> Any:
    """The type of what is at the beginning of these ways: what is left of a path, and the path."""
    ended = [path for left, path in ways if not left]
    if ended:
        if len(ways) > 1:  # one field is within another
            raise Doubt
        places[ended[0]] = prefix.removesuffix(".")
        return of_records if ended[0] == records else msgspec.Raw
    groups: dict[str, set[tuple[_Names, _Names]]] = {}
    for (name, *rest), path in ways:
        groups.setdefault(name, set()).add((tuple(rest), path))
    fields: list[tuple[str, Any, Any]] = []
    rename = {}
    for number, (name, inner) in enumerate(groups.items()):
        place = f"f{number}"
        rename[place] = name
        kind = _below(inner, records, of_records, places, f"{prefix}{place}.")
        is_leaf = kind is msgspec.Raw or kind is of_records
        fields.append((place, kind if is_leaf else kind | None, _ABSENT))
    return msgspec.defstruct("Small", fields, rename=rename, frozen=True, eq=False, gc=False)


def _check_depth(frame: bytes, guard: Guard, most: int) -> None:
    """Raise `PageRefused` where a page without its records nests deeper."""
    brackets = Brackets(most)
    for block in (*guard.feed(frame), *guard.close()):
        brackets.follow(outside_strings(block.outline, block.in_string))


def _single(pairs: Sequence[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise Doubt


def _names(path: Path) -> _Names:
    names = tuple(part.name for part in path if isinstance(part, Key))
    if len(names) != len(path) or not all(map(_PLAIN_NAME.fullmatch, names)):
        raise Doubt
    return names


def _is_plain(field: Field) -> bool:
    return field.take in _TAKES and field.within is None


def _itself(page: Any) -> Any:
    return page


@lru_cache(maxsize=256)
def _made(fields: tuple[Field, ...]) -> SmallPages | None:
    try:
        return SmallPages(fields)
    except Doubt:
        return None
