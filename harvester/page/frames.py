"""Keeps which paths are alive in an open container, and how the records of an array are read.

A path is alive while something of it is left to match. Where all that is wanted of an array's
records are members by their names, a reader takes these out of many records at once.
"""

from collections.abc import Sequence
from dataclasses import field
from itertools import chain
from typing import Any

from harvester.model import Every, Index, Key, Last, Path, Where
from harvester.page.aggregators import Aggregate, Take
from harvester.page.namesakes import EACH
from harvester.page.record_reader import Column, Reader, record_reader
from harvester.page.record_types import Wanted
from harvester.values import dataclass


@dataclass(slots=True)
class Comparison:
    """The target of a filter's left side: opens the element's aggregate when the values agree."""

    where: Where
    aggregate: Aggregate
    take: Take = Take.FIRST

    def put(self, value: Any) -> None:
        """Take in the value that the filter decides by."""
        if self.where.accepts(value):
            self.aggregate.matched = True


@dataclass(frozen=True, slots=True)
class State:
    """A path that is alive in a container: the segments left to match there, and its target."""

    path: Path
    target: Aggregate | Comparison

    def may_match(self, position: int) -> bool:
        """Whether anything of an array from `position` on can make a difference."""
        match self.path[0]:
            case Key():
                return False
            case Index(index) if index < position:
                return False
        return isinstance(self.target, Comparison) or not self.target.is_settled

    @property
    def aggregate(self) -> Aggregate:
        """The aggregate that it is about."""
        return self.target if isinstance(self.target, Aggregate) else self.target.aggregate

    @property
    def wanted(self) -> Wanted | None:
        """What is wanted of each record of an array; None where it takes more than names."""
        first, *rest = self.path
        if not all(isinstance(part, Key | Every) for part in rest):
            return None
        names = tuple(part.name if isinstance(part, Key) else EACH for part in rest)
        if not isinstance(first, Every if EACH in names else Every | Last):
            return None
        take = self.target.take
        if isinstance(self.target, Comparison):
            return None
        if not names and take is Take.COUNT and not self.counts_items:
            return None
        return Wanted(names, counted=take is Take.COUNT, exists=take is Take.EXISTS)

    @property
    def filter(self) -> "Filter | None":
        """By what a filter of the records of an array decides, and what else the paths behind it
        lead to; None where this is no filter, or leads on through more than names.
        """
        first, *rest = self.path
        if not (isinstance(first, Where) and all(isinstance(part, Key) for part in rest)):
            return None
        names = tuple(part.name for part in rest if isinstance(part, Key))
        inner = (Wanted(names, exists=True),) if names else ()
        return Filter(first, (Wanted(first.path), *inner))

    @property
    def counts_items(self) -> bool:
        """Whether each object in an array is one more record."""
        return self.path == (Every(),) and self.target.take is Take.COUNT


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter, and what is wanted of each record: by what it decides, and what it would give, of
    which no key may stand twice.
    """

    where: Where
    wanted: tuple[Wanted, ...]

    def holds_for(self, values: Sequence[Any]) -> bool:
        """Whether it does for any record, by the values that it decides by."""
        if isinstance(self.where.value, str):  # equal to nothing else; found at once
            return self.where.value in values
        return any(map(self.where.accepts, values))


@dataclass(slots=True)
class Frame:
    """An open container on the way to a field."""

    is_map: bool
    states: tuple[State, ...]
    position: str | int = -1
    counting: list[Aggregate] = field(default_factory=list)  # each item here is one record
    seen: set[str] = field(default_factory=set)  # keys that led on: no second time
    # [-1]: newest element, parent
    last: list[tuple[Aggregate, Aggregate]] = field(default_factory=list)
    # filters decided at its end, parent
    gates: list[tuple[Aggregate, Aggregate]] = field(default_factory=list)
    reading: "RecordReading | None" = None  # made when it is first asked for

    def drop_settled(self, position: int) -> None:
        """Let go of the paths that cannot match any more from `position` on, in an array."""
        if not (self.is_map or all(state.may_match(position) for state in self.states)):
            self.states = tuple(state for state in self.states if state.may_match(position))
            self.reading = None

    @property
    def takes_last(self) -> bool:
        """Whether nothing but the last item of this array counts."""
        return all(isinstance(state.path[0], Last) for state in self.states)

    def read_by(self) -> "RecordReading":
        """What reads all that is wanted of the records of this array."""
        if self.reading is None:
            self.reading = RecordReading.of(self)
        return self.reading


@dataclass(frozen=True, slots=True)
class RecordReading:
    """How the records of an array are read: `reader`, None where nothing reads all that is wanted,
    gives a column for each of `states`, and then all that the `filters` want; `counting` count the
    records. Those that a filter holds for are not read so.
    """

    reader: Reader | None
    states: Sequence[State]
    counting: Sequence[State]
    filters: Sequence[Filter]

    @classmethod
    def of(cls, frame: Frame) -> "RecordReading":
        """That of an array."""
        filters = [found for state in frame.states if (found := state.filter)]
        others = [state for state in frame.states if not state.filter]
        states = [state for state in others if not state.counts_items]
        wanted = [state.wanted for state in states]
        reader = None
        if not (frame.is_map or None in wanted):
            filtered = chain.from_iterable(each.wanted for each in filters)
            reader = record_reader((*(each for each in wanted if each), *filtered))
        return cls(reader, states, [state for state in others if state.counts_items], filters)

    def passed(self, columns: Sequence[Column]) -> bool:
        """Whether no filter holds for any record; `columns` are all that were read."""
        at = len(self.states)
        for each in self.filters:
            if each.holds_for(columns[at].values):
                return False
            at += len(each.wanted)
        return True
