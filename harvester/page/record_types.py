"""Makes msgspec types that hold only the wanted members of a record, and takes these out again.

What is wanted of a record is a tree. Each of its nodes is a part: an object on the way is a struct
with the wanted members, an array on the way a list, a value at the end comes through a hook, and
what is only counted is not looked into. A key that stands twice in one object must show, though
only the second value is left:

* of values, more came through the hook than are left;
* of objects, more were opened than are left;
* of anything else, the key stands more often in the text than values are left. If all are arrays
  (a list of namesakes, say), these are opened once more, by a type that counts that.
"""

from collections.abc import Sequence
from dataclasses import field
from decimal import Decimal
from itertools import chain
from operator import attrgetter
from typing import Any, Final, Protocol

import msgspec

from harvester.page.namesakes import ABSENT, EACH, Names, is_said_once, is_unsafe, sayings
from harvester.values import dataclass

_SCALARS: Final = frozenset((str, int, Decimal, bool, type(None)))


class NotReadable(Exception):
    """These members cannot be read together: one lies within another, or is the record itself."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The member that `names` lead to within a record; its items are `counted`, or only whether it
    `exists` matters, or else it is taken.
    """

    names: Names
    counted: bool = False
    exists: bool = False


class _Skipped(msgspec.Struct, gc=False):
    """An object of which nothing is wanted."""


_Scalar = str | int | float | bool | None
_Counted = list[msgspec.Raw] | _Skipped | _Scalar
NO_OBJECT: Final = list[msgspec.Raw] | _Scalar


@dataclass(slots=True)
class Reading:
    """What has been found in the text of an array: the values by what was wanted; `lists`, of which
    only openings can tell whether a key stands twice, with how many are left; and whether the items
    are `mixed` with what is no object, or objects on the way are.
    """

    text: bytes
    columns: dict[Wanted, Sequence[Any]] = field(default_factory=dict)
    lists: list[tuple[Names, int]] = field(default_factory=list)
    mixed: bool = False


class Part(Protocol):
    """What is wanted of one place."""

    @property
    def kind(self) -> Any:
        """Its type."""

    @property
    def came(self) -> list[Any] | None:
        """Where its values come, those that are hidden too."""

    def take(self, left: Sequence[Any], reading: Reading) -> bool:
        """Take what is wanted from the values left there; False where there is a doubt."""

    def stand_once(self, left: Sequence[Any], reading: Reading) -> bool:
        """Whether none of these values, members of objects, hides another of the same name."""


class Value:
    """A value that is taken itself."""

    def __init__(self, names: Names, wanted: Sequence[Wanted]) -> None:
        self.kind, self.names = type("Value", (), {}), names
        self.came: list[Any] = []
        self._wanted = wanted
        self._any = all(each.exists for each in wanted)

    def take(self, left: Sequence[Any], reading: Reading) -> bool:
        """As every part."""
        values = self.came.copy()
        reading.columns.update(dict.fromkeys(self._wanted, values))
        return len(values) == len(left) and (
            self._any or _SCALARS.issuperset(map(type, values))
        )  # fmt: skip

    def stand_once(self, left: Sequence[Any], reading: Reading) -> bool:
        """As every part."""
        return True  # `take` sees it


class _Count:
    """A value that is not looked into: of an array, its items count."""

    came = None

    def __init__(self, names: Names, wanted: Sequence[Wanted]) -> None:
        self.kind, self.names = _Counted, names
        self._wanted = wanted

    def take(self, left: Sequence[Any], reading: Reading) -> bool:
        """As every part."""
        reading.columns.update(dict.fromkeys(self._wanted, _counts(left)))
        return True

    def stand_once(self, left: Sequence[Any], reading: Reading) -> bool:
        """As every part."""
        return _is_said_once(self.names, left, reading)


class _Items:
    """An array, of each of whose items something is wanted."""

    came = None

    def __init__(self, names: Names, wanted: Sequence[Wanted], item: Part) -> None:
        self.kind: Any = list[item.kind] | _Scalar  # type: ignore[name-defined]
        self.names = names
        self._wanted = wanted
        self.item = item

    def take(self, left: Sequence[Any], reading: Reading) -> bool:
        """As every part."""
        reading.columns.update(dict.fromkeys(self._wanted, _counts(left) if self._wanted else ()))
        lists = [each for each in left if type(each) is list]
        return self.item.take([*chain.from_iterable(lists)], reading)

    def stand_once(self, left: Sequence[Any], reading: Reading) -> bool:
        """As every part."""
        return _is_said_once(self.names, left, reading)


class Members:
    """An object, or, unless `strict`, anything else, of which nothing is wanted then."""

    def __init__(self, names: Names, parts: dict[str, Part], *, strict: bool) -> None:
        self.names = names
        self.came: list[Any] = []  # once for each object
        namespace = {"__post_init__": lambda _: self.came.append(None)} if _is_named(names) else {}
        places = {name: f"f{number}" for number, name in enumerate(parts)}
        self.only = msgspec.defstruct(
            "Record", [(places[name], part.kind, ABSENT) for name, part in parts.items()],
            rename={place: name for name, place in places.items()}, namespace=namespace,
            frozen=True, eq=False, gc=False,
        )  # fmt: skip
        self.kind: Any = self.only if strict else self.only | NO_OBJECT
        self.is_strict = strict
        self.parts = parts
        self._columns = [(attrgetter(places[name]), part) for name, part in parts.items()]
        self._places = places

    def places_of(self, names: Names) -> tuple[str, ...]:
        """The attributes that lead to a member, as far as no array is on the way."""
        if not names or names[0] is EACH:
            return ()
        part = self.parts[names[0]]
        inner = part.places_of(names[1:]) if isinstance(part, Members) else ()
        return (self._places[names[0]], *inner)

    def take(self, left: Sequence[Any], reading: Reading) -> bool:
        """As every part."""
        objects = self.objects(left)
        reading.mixed |= len(objects) < len(left)
        for get, part in self._columns:
            present = [*map(get, objects)]
            if ABSENT in present:
                present = [each for each in present if each is not ABSENT]
            if not (part.stand_once(present, reading) and part.take(present, reading)):
                return False
        return True

    def objects(self, left: Sequence[Any]) -> Sequence[Any]:
        """Those that are objects."""
        return left if self.is_strict else [each for each in left if type(each) is self.only]

    def stand_once(self, left: Sequence[Any], reading: Reading) -> bool:
        """As every part."""
        objects = len(self.objects(left))
        if len(self.came) != objects:
            return False
        if self.is_strict:
            return True
        said = sayings(self.names[-1], reading.text, no_object=True)
        return said == len(left) - objects


def _is_named(names: Names) -> bool:
    return bool(names) and names[-1] is not EACH


def _counts(left: Sequence[Any]) -> Sequence[Any]:
    """How many records each of these values is."""
    if {*map(type, left)} == {list}:
        return [*map(len, left)]
    return [len(e) if isinstance(e, list) else int(e is not None) for e in left]


def _is_said_once(names: Names, left: Sequence[Any], reading: Reading) -> bool:
    """Whether the text has no more members of the name than are left, or openings will tell."""
    if is_said_once(names[-1], reading.text, len(left)):
        return True
    if EACH in names or not {*map(type, left)} <= {list}:
        return False
    reading.lists.append((names, len(left)))
    return True


@dataclass(slots=True)
class _Node:
    """What is wanted of a place: itself, members of it, or its items."""

    wanted: list[Wanted] = field(default_factory=list)
    members: dict[str, "_Node"] = field(default_factory=dict)
    items: "_Node | None" = None

    def below(self, name: str | None) -> "_Node":
        """The node that is one name further, made if need be."""
        if name is not EACH:
            return self.members.setdefault(name, _Node())
        self.items = self.items or _Node()
        return self.items

    def part(self, names: Names, *, strict: bool) -> Part:
        """What takes it. Raises `NotReadable`."""
        counted = [each.counted for each in self.wanted]
        named = names[-1] if names else None
        is_textual = not strict if self.members else bool(self.items or all(counted))
        if is_textual and named is not EACH and is_unsafe(named):
            raise NotReadable
        if self.members:
            if self.items or self.wanted:
                raise NotReadable
            parts = {
                name: node.part((*names, name), strict=strict)
                for name, node in self.members.items()
            }
            return Members(names, parts, strict=strict)
        if self.items:
            if not all(counted):
                raise NotReadable
            return _Items(names, self.wanted, self.items.part((*names, EACH), strict=strict))
        if any(counted) != all(counted):
            raise NotReadable
        return (_Count if all(counted) else Value)(names, self.wanted)


def record_type(wanted: Sequence[Wanted], *, strict: bool) -> Members:
    """The type of a record with what is wanted of it; unless `strict`, objects on the way, and the
    record itself, may be something else. Raises `NotReadable`.
    """
    root = _Node()
    for each in wanted:
        node = root
        for name in each.names:
            node = node.below(name)
        node.wanted.append(each)
    if not wanted:  # records are only counted
        return Members((), {}, strict=strict)
    part = root.part((), strict=strict)
    if not isinstance(part, Members):
        raise NotReadable
    return part


def parts_of(part: Any) -> list[Part]:
    """A part and all below it."""
    below = [*part.parts.values()] if isinstance(part, Members) else []
    if isinstance(part, _Items):
        below = [part.item]
    return [part, *chain.from_iterable(map(parts_of, below))]
