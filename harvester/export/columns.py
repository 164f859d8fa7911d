"""Derives the columns of a table from what the values look like. Pure.

One schema over all pages, and no value changed to fit it. Where pages disagree, the type that
holds both exactly is taken, and in the end that is JSON text:

    integers                         INTEGER, of 64 bits; DECIMAL(38,0) for longer ones
    integers and fractions           DOUBLE, if every integer is a double too, else JSON
    other kinds mixed, huge numbers  JSON: `"5"` stays text and `5` a number
    only null, or nothing            TEXT
    arrays, objects                  LIST, STRUCT, typed in turn
    objects that no STRUCT can be    JSON: ever new keys, no key at all, one that is empty or holds
                                     a NUL, keys that differ in case only (DuckDB and Spark do not
                                     tell them apart), very deep ones

JSON text within a LIST or STRUCT is of the type JSON in DuckDB, and a plain string in Parquet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, Final, assert_never

from harvester.errors import ConfigError
from harvester.export.survey import Kind, Shape
from harvester.values import dataclass

#: The column of records that are no objects, or of all of them, folded.
VALUE: Final = "value"
_NAMELESS: Final = "unnamed"
_NUL: Final = "\0"  # ends a name in Arrow's interface to others


Row = tuple[Mapping[str, Any], bytes]
"""The values of a partition, and a record in it as the server wrote it."""


class Scalar(Enum):
    """A column type without an inner structure."""

    BOOL = "BOOLEAN"
    INTEGER = "BIGINT"
    DECIMAL = "DECIMAL(38,0)"
    DOUBLE = "DOUBLE"
    TEXT = "VARCHAR"
    JSON = "JSON"


class Moment(Enum):
    """A type of times."""

    DATE = "DATE"
    LOCAL = "TIMESTAMP"
    INSTANT = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True, slots=True)
class Fixed:
    """Decimal numbers of 38 digits, so many of them behind the point."""

    scale: int


@dataclass(frozen=True, slots=True)
class Cast:
    """Texts that are cast to another type (`casting`)."""

    to: Scalar | Moment | Fixed


@dataclass(frozen=True, slots=True)
class ListOf:
    """An array, all of whose items are of one type."""

    items: "Type"


@dataclass(frozen=True, slots=True)
class Struct:
    """An object with these members, any of which may be absent or null."""

    members: tuple[tuple[str, "Type"], ...]


Type = Scalar | Cast | ListOf | Struct


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `key` is the record's member that it holds; None: the record itself."""

    name: str
    key: str | None
    type: Type


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a resource: those of the partition values, then those of the records.

    `folded`: no record is taken apart, each is one JSON text. `notes` say what a person should
    know: which names were changed.
    """

    partition: tuple[Column, ...]
    record: tuple[Column, ...]
    folded: bool
    notes: tuple[str, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """All of them, in order."""
        return self.partition + self.record

    def in_order(self, names: Sequence[str]) -> "Table":
        """The same, the record columns in the order of their keys in `names`; others behind."""
        places = {name: place for place, name in enumerate(names)}
        last = len(places)
        found = sorted(self.record, key=lambda column: places.get(str(column.key), last))
        return replace(self, record=tuple(found))


def partition_names(keys: Sequence[str], prefix: str) -> dict[str, str]:
    """The column of each partition key."""
    return {key: prefix + key for key in keys}


def collision(name: str, resource: str) -> ConfigError:
    """That a record has a key of its own where the value of a partition was to stand."""
    return ConfigError(
        f"{resource}: a record has its own key {name!r}, which is where a partition value was to "
        "stand; choose another --prefix"
    )


def table_of(resource: str, records: Shape, partition: Shape, prefix: str) -> Table:
    """The columns for records and partition values that look so.

    Raises `ConfigError` where the name of a partition column is that of a record's key.
    """
    values = partition.members or {}
    names = partition_names(list(values), prefix)
    taken = {name.casefold() for name in names.values()}
    keys = {} if records.members is None else records.members
    for key in keys:
        if key.casefold() in taken:
            raise collision(key, resource)
    notes = []
    found = []
    for key, shape in keys.items():
        name = _free(key.replace(_NUL, "\ufffd") or _NAMELESS, taken)
        if name != key:
            notes.append(f"{resource}: the key {key!r} is the column {name!r}")
        found.append(Column(name, key, type_of(shape)))
    if records.folded or records.kinds or records.items is not None or not (found or values):
        whole = Scalar.JSON if records.folded else type_of(records, without_members=True)
        found.append(Column(_free(VALUE, taken), None, whole))
    columns = tuple(
        Column(names[key], key, _partition_type(shape)) for key, shape in values.items()
    )
    return Table(columns, tuple(found), records.folded, tuple(notes))


def type_of(shape: Shape, *, without_members: bool = False) -> Type:
    """The narrowest type that holds all that was met, exactly."""
    members = None if without_members else shape.members
    if shape.folded:
        return Scalar.JSON
    kinds = shape.kinds & ~Kind.NULL
    if (kinds != Kind.NONE) + (shape.items is not None) + (members is not None) > 1:
        return Scalar.JSON
    if shape.items is not None:
        return ListOf(type_of(shape.items))
    if members is not None:
        names = {name.casefold() for name in members}
        odd = not names or "" in names or any(_NUL in name for name in names)
        if odd or len(names) < len(members):
            return Scalar.JSON
        return Struct(tuple((name, type_of(member)) for name, member in members.items()))
    return _scalar(kinds)


def leaves(kind: Type) -> int:
    """How many columns without an inner structure a type comes down to."""
    match kind:
        case ListOf(items):
            return leaves(items)
        case Struct(members):
            return sum(leaves(member) for _, member in members)
        case Scalar() | Cast():
            return 1
    assert_never(kind)


def _partition_type(shape: Shape) -> Type:
    """Values of several kinds are told apart as folders tell them: as text."""
    found = type_of(shape)
    return Scalar.TEXT if found is Scalar.JSON else found


def _scalar(kinds: Kind) -> Scalar:
    numbers = kinds & (Kind.INT | Kind.FLOAT)
    if numbers == kinds & ~(Kind.WIDE | Kind.BIG | Kind.HUGE) and numbers:
        if kinds & Kind.HUGE or (kinds & Kind.FLOAT and kinds & Kind.WIDE):
            return Scalar.JSON
        if kinds & Kind.FLOAT:
            return Scalar.DOUBLE
        return Scalar.DECIMAL if kinds & Kind.BIG else Scalar.INTEGER
    if kinds == Kind.BOOL:
        return Scalar.BOOL
    return Scalar.TEXT if kinds in (Kind.TEXT, Kind.NONE) else Scalar.JSON


def _free(name: str, taken: set[str]) -> str:
    """`name`, or with the first number behind it that makes it one of its own."""
    free, count = name, 1
    while free.casefold() in taken:
        count += 1
        free = f"{name}_{count}"
    taken.add(free.casefold())
    return free
