"""Reads fields out of many whole records at once, without events (msgspec).

It makes objects with nothing but the wanted members, at the speed of skipping them.

Only what is read as the parser's events would be is taken. Each value comes through a hook, the
ones that a second member of the same name would hide too: where more came than are left, a key
stands twice. Floats come as the digits that were sent. Anything else that is not plain (a member
on the way that is no object, a value that is a container, half a surrogate pair, a control
character) is a doubt: the window goes to the parser.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from harvester.page.aggregators import Matches
from harvester.page.namesakes import ABSENT, Names, openings_type
from harvester.page.record_types import (
    Members,
    NotReadable,
    Reading,
    Value,
    Wanted,
    parts_of,
    record_type,
)
from harvester.values import dataclass

_UNREAD: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError)
_MOST_READERS: Final = 64
_SCALARS: Final = frozenset((str, int, Decimal, bool, type(None)))


@dataclass(frozen=True)
class Column(Matches):
    """The values of one member in the records that have it; and whether the last one does."""

    in_last: bool

    @property
    def last(self) -> Matches:
        """That of the last record, if it has one."""
        return Matches(self.values[-1:] if self.in_last else ())


class RecordReader:
    """Reads the members `wanted` out of arrays of objects. Not for two threads at once."""

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self._forms = [_Form(record_type(wanted, strict=True), wanted)]
        with contextlib.suppress(NotReadable):
            self._forms.append(_Form(record_type(wanted, strict=False), wanted))
        self._openings = _Openings()

    def read(self, array: bytes, *, objects_only: bool = False) -> list[Column] | None:
        """The columns of whole items in brackets, which are JSON; None where there is a doubt."""
        for form in self._forms:
            try:
                items = form.decode(array)
            except msgspec.ValidationError:
                continue
            except _UNREAD:
                return None
            if not items:  # a comma with no item behind it
                return None
            if objects_only and len(form.root.objects(items)) < len(items):
                return None
            reading = Reading(array)
            if not (form.root.take(items, reading) and self._openings.tell(reading)):
                return None
            if form is not self._forms[0] or reading.mixed:
                self._forms.sort(key=lambda each: each.root.is_strict is reading.mixed)
            return form.columns(items[-1], reading)
        return None


class _Form:
    """A decoder of records of one type, with what takes the wanted members out of these."""

    def __init__(self, root: Members, wanted: Sequence[Wanted]) -> None:
        self.root = root
        parts = parts_of(root)
        self._came = [part.came for part in parts if part.came is not None]
        self._wanted = [(each, root.places_of(each.names)) for each in wanted]
        hook = _hook([part for part in parts if isinstance(part, Value)])
        kind = list[root.kind]  # type: ignore[name-defined]
        self._decode = msgspec.json.Decoder(kind, dec_hook=hook, float_hook=Decimal).decode

    def decode(self, array: bytes) -> Sequence[Any]:
        """The records, and whatever else stands between them. Raises what msgspec does."""
        for came in self._came:
            came.clear()
        items: Sequence[Any] = self._decode(array)
        return items

    def columns(self, last: Any, reading: Reading) -> list[Column]:
        """A column for each that was wanted; `last` is the last of the items."""
        made: dict[Wanted, Column] = {}  # one for all that want the same, which compares once
        for each, places in self._wanted:
            if each not in made:
                made[each] = Column(reading.columns[each], _is_in(last, places))
        return [made[each] for each, _ in self._wanted]


class _Openings:
    """Counts the arrays that are opened at a place, where the text does not tell."""

    def __init__(self) -> None:
        self._made: dict[tuple[Names, ...], tuple[Callable[[bytes], Any], list[list[None]]]] = {}

    def tell(self, reading: Reading) -> bool:
        """Whether no array of `reading.lists` hides another of the same name."""
        if not reading.lists:
            return True
        paths = tuple(names for names, _ in reading.lists)
        if paths not in self._made:
            kind, opened = openings_type(paths)
            items = list[kind]  # type: ignore[valid-type]
            self._made[paths] = msgspec.json.Decoder(items).decode, opened
        decode, opened = self._made[paths]
        for each in opened:
            each.clear()
        try:
            decode(reading.text)
        except _UNREAD:
            return False
        return [*map(len, opened)] == [left for _, left in reading.lists]


def _hook(values: Sequence[Value]) -> Callable[[Any, Any], Any]:
    """What notes each value as it comes, and puts a mark into its place: most of the cost."""
    notes = {each.kind: (each.came.append, each.kind()) for each in values}
    if len(notes) == 1:
        [(note, mark)] = notes.values()
        return lambda _, value: mark if note(value) is None else None

    def hook(kind: Any, value: Any) -> Any:
        note, mark = notes[kind]
        note(value)
        return mark

    return hook


def _is_in(record: Any, places: Sequence[str]) -> bool:
    """Whether a record has the member that these attributes lead to."""
    for place in places:
        record = getattr(record, place, ABSENT)
    return record is not ABSENT


class ItemReader:
    """Reads arrays of texts, numbers and the like, whose items themselves are wanted."""

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self._columns = len(wanted)
        self._decode = msgspec.json.Decoder(list[Any], float_hook=Decimal).decode

    def read(self, array: bytes, *, objects_only: bool = False) -> list[Column] | None:
        """As that of a `RecordReader`."""
        if objects_only:
            return None
        try:
            items = self._decode(array)
        except _UNREAD:
            return None
        if not (items and _SCALARS.issuperset(map(type, items))):
            return None
        return [Column(items, in_last=True)] * self._columns


Reader = RecordReader | ItemReader


class _Readers(threading.local):
    """Those of this thread, since making one takes as long as a small page."""

    def __init__(self) -> None:
        self.made: dict[tuple[Wanted, ...], Reader | None] = {}


_readers = _Readers()


def record_reader(wanted: tuple[Wanted, ...]) -> Reader | None:
    """A reader for this thread; None where these members cannot be read together."""
    made = _readers.made
    if wanted not in made:
        if len(made) >= _MOST_READERS:
            made.clear()
        try:
            of_items = wanted and not any(each.names for each in wanted)
            made[wanted] = ItemReader(wanted) if of_items else RecordReader(wanted)
        except NotReadable:
            made[wanted] = None
    return made[wanted]
