"""Casts columns of texts that are all numbers, or all times, to types of their own.

The rule: a column, or a member at any depth, is cast only if every text in it that is not empty is
a number, or every one a time of the same sort, and the type holds each of them exactly. An empty
text becomes null then. Where one text is anything else the column stays text, every value as the
server wrote it, and is told with how many there are. Values of partitions are never cast.

    texts                            become
    integers                         BIGINT, if all have 64 bits, else DECIMAL(38,0) up to 38 digits
    integers and decimals            DECIMAL(38,S), S the most digits behind a point; where 38
                                     digits do not do, or with exponents, DOUBLE if that is exact
    dates                            DATE
    times without an offset          TIMESTAMP, in microseconds
    times with one                   TIMESTAMP WITH TIME ZONE: the same moment, in UTC
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, assert_never

from harvester.export.blocks import Block
from harvester.export.columns import (
    Cast,
    Column,
    Fixed,
    ListOf,
    Moment,
    Scalar,
    Struct,
    Table,
    Type,
)
from harvester.export.survey import INT64
from harvester.export.text_kinds import TextKind, instant_of, is_double, kind_of
from harvester.export.values import values_of
from harvester.values import dataclass

_DIGITS: Final = 38
_NUMBERS: Final = (TextKind.INTEGER, TextKind.DECIMAL, TextKind.EXPONENT)
_MOMENTS: Final = {
    TextKind.DATE: Moment.DATE,
    TextKind.LOCAL: Moment.LOCAL,
    TextKind.INSTANT: Moment.INSTANT,
}
_SHOWN: Final = 24  # characters of a text that stands against a cast


@dataclass(slots=True)
class Tally:
    """What the texts at one place are: how many of each kind, and what their type must hold."""

    counts: dict[TextKind, int] = field(default_factory=dict)
    first: dict[TextKind, str] = field(default_factory=dict)
    whole: int = 0  # digits before a point, at most
    scale: int = 0  # digits behind one, at most
    long: bool = False  # an integer of over 64 bits
    doubles: bool = True  # each number is one

    def add(self, text: str) -> None:
        """Take a text into account."""
        kind = kind_of(text)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.first.setdefault(kind, text[:_SHOWN])
        if kind in _NUMBERS:
            self._measure(text, kind)

    def _measure(self, text: str, kind: TextKind) -> None:
        if self.doubles:
            self.doubles = is_double(text)
        if kind is TextKind.EXPONENT:
            return
        whole, _, behind = text.lstrip("-").partition(".")
        self.whole, self.scale = max(self.whole, len(whole)), max(self.scale, len(behind))
        if kind is TextKind.INTEGER and len(whole) > 18:
            self.long = self.long or not -INT64 <= int(text) < INT64

    @property
    def texts(self) -> int:
        """How many are not empty."""
        return sum(self.counts.values()) - self.counts.get(TextKind.EMPTY, 0)

    def most(self) -> tuple[tuple[TextKind, ...], int]:
        """The sort of which there are most, and how many."""
        sorts = (_NUMBERS, *((kind,) for kind in _MOMENTS))
        found = {sort: sum(self.counts.get(kind, 0) for kind in sort) for sort in sorts}
        sort = max(found, key=lambda each: found[each])
        return sort, found[sort]

    def type(self) -> Cast | None:
        """The type that holds all texts exactly; None where there is none."""
        sort, count = self.most()
        if not count or count < self.texts:
            return None
        if moment := _MOMENTS.get(sort[0]):
            return Cast(moment)
        if TextKind.EXPONENT not in self.counts and self.whole + self.scale <= _DIGITS:
            if TextKind.DECIMAL in self.counts or self.long:
                return Cast(Fixed(self.scale))
            return Cast(Scalar.INTEGER)
        return Cast(Scalar.DOUBLE) if self.doubles else None


@dataclass(frozen=True, slots=True)
class CastColumn:
    """What became of a column of texts, most of which are numbers or times.

    `after` is the type as DuckDB calls it, VARCHAR where it stayed text; `cast` of the texts are
    of the kind, `empty` are empty, `left` are anything else, such as `example`.
    """

    resource: str
    column: str
    after: str
    cast: int
    empty: int
    left: int
    example: str | None


class Casting:
    """Finds what the texts of a resource are, in one look at all of them, and casts its table."""

    def __init__(
        self, resource: str, tallies: dict[str, Tally] | None = None, *, inside: bool = True
    ) -> None:
        """`tallies` are those of records that were looked at before. `inside`: of texts in lists
        and objects, too.
        """
        self._resource, self._inside = resource, inside
        self.tallies: dict[str, Tally] = tallies or {}
        self._columns: list[Column] = []

    def begin(self, table: Table) -> None:
        """Look for these columns. The table must be of all records."""
        self._columns = [
            column
            for column in table.record
            if column.type is Scalar.TEXT or (self._inside and _has_text(column.type))
        ]

    def observe(self, block: Block) -> None:
        """Take the records of a block into account."""
        if not self._columns:
            return
        for chunk in block.chunks():
            records = values_of(chunk.records)
            objects = [record for record in records if isinstance(record, dict)]
            for column in self._columns:
                if column.key is None:
                    found = [record for record in records if not isinstance(record, dict)]
                else:
                    found = [record.get(column.key) for record in objects]
                self._visit(column.type, found, column.name)

    def table(self, table: Table) -> Table:
        """The same table, cast."""
        cast = tuple(
            replace(column, type=self._cast(column.type, column.name)) for column in table.record
        )
        return replace(table, record=cast)

    def told(self) -> Iterator[CastColumn]:
        """Each place where most texts are numbers or times."""
        from harvester.export.sql import sql_type

        for name, tally in self.tallies.items():
            kind, (sort, count) = tally.type(), tally.most()
            if 2 * count <= tally.texts:
                continue
            others = [text for each, text in tally.first.items() if each not in sort and text]
            yield CastColumn(
                self._resource,
                name,
                sql_type(kind or Scalar.TEXT),
                count,
                tally.counts.get(TextKind.EMPTY, 0),
                tally.texts - count,
                None if kind else next(iter(others), tally.first[sort[0]]),
            )

    def _visit(self, kind: Type, values: Sequence[Any], name: str) -> None:
        match kind:
            case Scalar.TEXT:
                tally = self.tallies.setdefault(name, Tally())
                for text in values:
                    if text is not None:
                        tally.add(text)
            case ListOf(items):
                inner = [item for value in values if value is not None for item in value]
                self._visit(items, inner, f"{name}[*]")
            case Struct(members):
                objects = [value for value in values if value is not None]
                for key, member in members:
                    if _has_text(member):
                        self._visit(member, [each.get(key) for each in objects], f"{name}.{key}")
            case Scalar() | Cast():
                pass
            case _:
                assert_never(kind)

    def _cast(self, kind: Type, name: str) -> Type:
        match kind:
            case Scalar.TEXT:
                tally = self.tallies.get(name)
                return (tally.type() if tally else None) or kind
            case ListOf(items):
                return ListOf(self._cast(items, f"{name}[*]"))
            case Struct(members):
                return Struct(
                    tuple((key, self._cast(each, f"{name}.{key}")) for key, each in members)
                )
            case Scalar() | Cast():
                return kind
        assert_never(kind)


def value_of_text(to: Cast) -> Callable[[str | None], Any]:
    """What makes of a text the value of its type; an empty one is null."""
    read = _READERS[to.to] if isinstance(to.to, Scalar | Moment) else Decimal
    return lambda text: read(text) if text else None


_READERS: Final[Mapping[Scalar | Moment, Callable[[str], Any]]] = {
    Scalar.INTEGER: int,
    Scalar.DOUBLE: float,
    Moment.DATE: date.fromisoformat,
    Moment.LOCAL: datetime.fromisoformat,
    Moment.INSTANT: instant_of,
}


def _has_text(kind: Type) -> bool:
    match kind:
        case ListOf(items):
            return _has_text(items)
        case Struct(members):
            return any(_has_text(each) for _, each in members)
        case Scalar() | Cast():
            return kind is Scalar.TEXT
    assert_never(kind)
