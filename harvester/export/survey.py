"""Surveys what the values of a resource's records look like, all pages taken together.

A first pass over the records fills a tree of `Shape`s, from which `columns` makes one schema.
Memory is bounded by the distinct keys, and those are bounded too: an object that turns out to be
a map, with ever new keys (`{"2021-01-01": 5, …}`), is folded into one value and looked into no
further, and so is what lies very deep.
"""

from collections.abc import Iterable
from enum import IntFlag
from typing import Any, Final

#: Of one object within a record, and of records themselves.
MOST_KEYS: Final = 256
MOST_COLUMNS: Final = 2000
#: Of all objects together.
MOST_SHAPES: Final = 10_000
#: Readers of nested columns take a while for each level.
DEEPEST: Final = 24
_MOST_SIGNATURES: Final = 4096

#: Up to here every integer is a double as well.
EXACT_DOUBLE: Final = 2**53
INT64: Final = 2**63
_DECIMAL: Final = 10**38


class Kind(IntFlag):
    """The scalars met at one place."""

    NONE = 0
    BOOL = 1
    INT = 2
    WIDE = 4  # an integer that no double holds
    BIG = 8  # one of over 64 bits
    HUGE = 16  # one of over 38 digits
    FLOAT = 32
    TEXT = 64
    NULL = 128


_SCALARS: Final = {bool: Kind.BOOL, float: Kind.FLOAT, str: Kind.TEXT, type(None): Kind.NULL}


class Shape:
    """All that was met at one place: scalars, the items of arrays, the members of objects."""

    __slots__ = ("folded", "items", "kinds", "members", "signatures")

    def __init__(self) -> None:
        self.kinds = Kind.NONE
        self.items: Shape | None = None
        self.members: dict[str, Shape] | None = None
        self.folded = False  # looked into no further; there was an object or an array
        # Of objects seen before, by their keys and types: the names to look into, of integers and
        # of containers. Most records of an API look like one of a few.
        self.signatures: dict[tuple[Any, ...], tuple[list[str], list[str]]] = {}


class Survey:
    """Looks at values one by one; `root` is what they look like so far."""

    def __init__(self) -> None:
        self.root = Shape()
        self._shapes = 1
        self._signatures = 0

    def remember(self, root: Shape) -> None:
        """Begin with what earlier values looked like."""
        self.root, self._shapes = root, _size(root)

    def observe(self, value: Any) -> None:
        """Take a value into account."""
        self._observe(self.root, value, 0)

    def _observe(self, shape: Shape, value: Any, depth: int) -> None:
        kind = type(value)
        if kind is dict:
            self._observe_object(shape, value, depth)
        elif kind is list:
            self._observe_array(shape, value, depth)
        elif kind is int:
            shape.kinds |= _integer(value)
        else:
            shape.kinds |= _SCALARS[kind]

    def _observe_object(self, shape: Shape, value: dict[str, Any], depth: int) -> None:
        if shape.folded:
            return
        signature = (*value, *map(type, value.values()))
        looked_into = shape.signatures.get(signature)
        if looked_into is None:
            looked_into = self._learn(shape, value, signature, depth)
        integers, containers = looked_into
        if shape.folded:
            return
        members = shape.members or {}
        for name in integers:
            if not -EXACT_DOUBLE <= value[name] <= EXACT_DOUBLE:
                members[name].kinds |= _integer(value[name])
        for name in containers:
            self._observe(members[name], value[name], depth + 1)

    def _learn(
        self, shape: Shape, value: dict[str, Any], signature: tuple[Any, ...], depth: int
    ) -> tuple[list[str], list[str]]:
        """Take in an object with keys and types that were not met together before."""
        if shape.members is None:
            shape.members = {}
        new = value.keys() - shape.members.keys()
        keys = len(new) + len(shape.members)
        if depth:
            too_many = keys > MOST_KEYS or len(new) + self._shapes > MOST_SHAPES
        else:
            too_many = keys > MOST_COLUMNS
        if too_many or depth >= DEEPEST:
            self._fold(shape)
            return [], []
        self._shapes += len(new)
        names: tuple[list[str], list[str]] = [], []
        for name, item in value.items():
            member = shape.members.setdefault(name, Shape())
            kind = type(item)
            if kind is int:
                member.kinds |= Kind.INT
                names[0].append(name)
            elif kind is dict or kind is list:
                names[1].append(name)
            else:
                member.kinds |= _SCALARS[kind]
        if self._signatures < _MOST_SIGNATURES:
            self._signatures += 1
            shape.signatures[signature] = names
        return names

    def _observe_array(self, shape: Shape, value: list[Any], depth: int) -> None:
        if shape.folded:
            return
        if depth >= DEEPEST:
            self._fold(shape)
            return
        if shape.items is None:
            shape.items = Shape()
            self._shapes += 1
        for item in value:
            self._observe(shape.items, item, depth + 1)

    def _fold(self, shape: Shape) -> None:
        self._forget(shape)
        shape.folded = True

    def _forget(self, shape: Shape) -> None:
        """Give back what lies within `shape`."""
        for inner in _inner(shape):
            self._forget(inner)
            self._shapes -= 1
        self._signatures -= len(shape.signatures)
        shape.signatures = {}
        shape.members = shape.items = None


def _inner(shape: Shape) -> Iterable[Shape]:
    yield from (shape.members or {}).values()
    if shape.items is not None:
        yield shape.items


def _size(shape: Shape) -> int:
    return 1 + sum(map(_size, _inner(shape)))


def _integer(value: int) -> Kind:
    if -EXACT_DOUBLE <= value <= EXACT_DOUBLE:
        return Kind.INT
    if -INT64 <= value < INT64:
        return Kind.INT | Kind.WIDE
    if -_DECIMAL < value < _DECIMAL:
        return Kind.INT | Kind.WIDE | Kind.BIG
    return Kind.INT | Kind.WIDE | Kind.BIG | Kind.HUGE
