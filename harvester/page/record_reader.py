"""Reads fields out of many whole records at once, without events (msgspec).

It makes objects with nothing but the wanted members, at the speed of skipping them.

Only what is read as the parser's events would be is taken. Each value comes through a hook, the
ones that a second member of the same name would hide too: where more came than are left, a key
stands twice. Floats come as the digits that were sent. Anything else that is not plain (a member
on the way that is no object, a value that is a container, half a surrogate pair, a control
character) is a doubt: the window goes to the parser.
"""

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

import msgspec

from harvester.page.aggregators import Matches

_UNREAD: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError)
_MOST_READERS: Final = 64
#: A key that can be written otherwise only with such escapes.
_PLAIN_NAME: Final = re.compile(r"[ !#-.0-\[\]-~]+")
_ESCAPED: Final = re.compile(rb"\\u00[2-7]")
_SCALARS: Final = frozenset((str, int, Decimal, bool, type(None)))
_ABSENT: Final = msgspec.UNSET

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The member that `names` lead to within a record; its items are `counted`, or only whether it
    `exists` matters, or else it is taken.
    """

    names: Names
    counted: bool = False
    exists: bool = False


@dataclass(frozen=True)
class Column(Matches):
    """The values of one member in the records that have it; and whether the last one does."""

    in_last: bool

    @property
    def last(self) -> Matches:
        """That of the last record, if it has one."""
        return Matches(self.values[-1:] if self.in_last else ())


class _Skipped(msgspec.Struct, gc=False):
    """An object of which nothing is wanted."""


_Counted = list[msgspec.Raw] | _Skipped | str | int | float | bool | None


_NoObject = list[msgspec.Raw] | str | int | float | bool | None


class NotReadable(Exception):
    """These members cannot be read together: one lies within another, or is the record itself."""


class RecordReader:
    """Reads the members `wanted` out of arrays of objects. Not for two threads at once."""

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self._came: dict[Any, list[Any]] = {}  # values by the type of their place
        self._on_way: list[_OnWay] = []
        self._places: dict[Wanted, tuple[str, Any]] = {}
        kind = self._struct([(each.names, each) for each in wanted], "", {})
        self._order = tuple(wanted)
        self._columns = [
            (each, kind, attrgetter(place)) for each, (place, kind) in self._places.items()
        ]
        self._kind = kind
        hook = self._hook()
        self._decode, self._decode_mixed = (
            msgspec.json.Decoder(items, dec_hook=hook, float_hook=Decimal).decode
            for items in (list[kind], list[kind | _NoObject])  # type: ignore[valid-type]
        )

    def read(self, array: bytes, *, objects_only: bool = False) -> list[Column] | None:
        """The columns of whole items in brackets, which are JSON; None where there is a doubt."""
        found = self._records(array, objects_only=objects_only)
        if found is None:
            return None
        records, ends_with_record = found
        if not all(each.is_whole(records) for each in self._on_way):
            return None
        columns = {}
        for wanted, kind, get in self._columns:
            left = [*map(get, records)]
            values = self._counts(wanted, left, array) if wanted.counted else self._taken(kind)
            if len(values) != len(left) - left.count(_ABSENT):
                return None
            if not (wanted.exists or _SCALARS.issuperset(map(type, values))):
                return None
            in_last = ends_with_record and left[-1] is not _ABSENT
            columns[wanted] = Column(values, in_last)
        return [columns[wanted] for wanted in self._order]

    def _records(self, array: bytes, *, objects_only: bool) -> tuple[Sequence[Any], bool] | None:
        """The objects among the items, and whether the last item is one."""
        for decode, mixed in ((self._decode, False), (self._decode_mixed, True)):
            for came in self._came.values():
                came.clear()
            for each in self._on_way:
                each.opened.clear()
            try:
                items = decode(array)
            except msgspec.ValidationError:
                if objects_only:
                    return None
            except _UNREAD:
                return None
            else:
                if not items:  # a comma with no item behind it
                    return None
                if not mixed:
                    return items, True
                records = [item for item in items if type(item) is self._kind]
                return records, type(items[-1]) is self._kind
        return None

    def _taken(self, kind: Any) -> Sequence[Any]:
        return self._came[kind].copy()

    def _counts(self, wanted: Wanted, left: Sequence[Any], array: bytes) -> Sequence[Any]:
        """How many records each of these values is; more of them where the key may stand twice."""
        came = array.count(b'"%b"' % wanted.names[-1].encode())
        if {*map(type, left)} == {list}:
            counts = [*map(len, left)]
        else:
            counts = [_count(each) for each in left if each is not _ABSENT]
        escaped = b"\\" in array and _ESCAPED.search(array)
        return counts if came == len(counts) and not escaped else [*counts, 0]

    def _hook(self) -> Callable[[Any, Any], Any]:
        """What notes each value as it comes, and puts a mark into its place: most of the cost."""
        notes = {kind: (came.append, kind()) for kind, came in self._came.items()}
        if len(notes) == 1:
            [(note, mark)] = notes.values()
            return lambda _, value: mark if note(value) is None else None

        def hook(kind: Any, value: Any) -> Any:
            note, mark = notes[kind]
            note(value)
            return mark

        return hook

    def _struct(
        self, below: Sequence[tuple[Names, Wanted]], prefix: str, namespace: dict[str, Any]
    ) -> Any:
        """The type of an object with the wanted members only."""
        groups: dict[str, list[tuple[Names, Wanted]]] = {}
        if not all(names for names, _ in below):
            raise NotReadable
        for names, each in below:
            groups.setdefault(names[0], []).append((names[1:], each))
        fields: list[tuple[str, Any, Any]] = []
        rename = {}
        for number, (name, rest) in enumerate(groups.items()):
            place = f"f{number}"
            rename[place] = name
            if all(names for names, _ in rest):
                fields.append((place, *self._inner(rest, prefix + place)))
            else:
                fields.append((place, self._leaf(rest, prefix + place), _ABSENT))
        return msgspec.defstruct(
            "Record", fields, rename=rename, namespace=namespace, frozen=True, eq=False, gc=False
        )

    def _inner(self, below: Sequence[tuple[Names, Wanted]], place: str) -> tuple[Any, Any]:
        """An object on the way, and what stands for one that is not there."""
        opened: list[None] = []
        counts = {"__post_init__": lambda _: opened.append(None)}
        kind = self._struct(below, f"{place}.", counts)
        absent = kind()
        self._on_way.append(_OnWay(opened, attrgetter(place), absent))
        return kind, absent

    def _leaf(self, ends: Sequence[tuple[Names, Wanted]], place: str) -> Any:
        """The type of a value at which paths end."""
        wanted = [each for _, each in ends]
        counted = wanted[0].counted
        if any(names or each.counted != counted for names, each in ends):
            raise NotReadable
        if counted and not _PLAIN_NAME.fullmatch(wanted[0].names[-1]):
            raise NotReadable
        kind = _Counted if counted else type("Value", (), {})
        if not counted:
            self._came[kind] = []
        self._places.update(dict.fromkeys(wanted, (place, kind)))
        return kind


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


@dataclass(frozen=True, slots=True)
class _OnWay:
    """An object on the way to members: how often one was opened, and how many are left."""

    opened: list[None]
    get: Callable[[Any], Any]
    absent: Any

    def is_whole(self, records: Sequence[Any]) -> bool:
        """Whether no second one hides another."""
        left = [*map(self.get, records)]
        return len(self.opened) == len(left) - left.count(self.absent)


def _count(value: Any) -> int:
    if isinstance(value, list):
        return len(value)
    return 0 if value is None else 1


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
