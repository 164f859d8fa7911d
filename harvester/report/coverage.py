"""Measures what of the plan has come, along one axis, and where the holes are.

The axis of a resource is its windows of time, else its range of numbers, else the order of its
plan. Partitions that share all but the axis form a row: one query over the months. Rows and bins
are bounded, whatever the plan holds; what goes beyond is summed up, and named so.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Final

from harvester.config import Resource
from harvester.model import Partition, Range, Window, Windows, windows
from harvester.planning import KEY as RUN
from harvester.report.bins import Bins
from harvester.values import dataclass

MOST_ROWS: Final = 8
MOST_BINS: Final = 120
MOST_NAMES: Final = 30  # more bars than this cannot be told apart by name
MOST_STRETCHES: Final = 100
OTHERS: Final = "all others"


class State(StrEnum):
    """How a partition stands; the values are words for people."""

    COMPLETE = "complete"
    EMPTY = "no records"  # complete, and nothing came
    STARTED = "not finished"
    FAILED = "failed"
    PENDING = "not begun"


#: States that leave a hole, the gravest first.
HOLES: Final = (State.FAILED, State.STARTED, State.PENDING)


@dataclass(slots=True)
class Covered:
    """What some partitions hold: records, and how many stand how."""

    records: int = 0
    states: dict[State, int] = field(default_factory=dict)

    def add(self, other: "Covered") -> None:
        """Sum up."""
        self.records += other.records
        for state, number in other.states.items():
            self.states[state] = self.states.get(state, 0) + number

    @property
    def worst(self) -> State | None:
        """The state to show for them all; None where there is no partition."""
        for state in (*HOLES, State.COMPLETE, State.EMPTY):
            if self.states.get(state):
                return state
        return None


@dataclass(slots=True)
class Stretch:
    """Partitions that follow each other in the plan, of one row, in one state."""

    resource: str
    row: str
    state: State
    first: str
    last: str
    partitions: int = 1

    @property
    def where(self) -> str:
        """From where to where, of which row and resource."""
        return " ".join(filter(None, (self.resource, self.row, self._label)))

    @property
    def _label(self) -> str:
        if self.partitions == 1:
            return self.first
        if "_" in self.first and "_" in self.last:  # windows: from the first's start to the end
            start, end = self.first.split("_")[0], self.last.split("_")[-1]
            if start[:2].isdecimal() and end[:2].isdecimal():
                return f"{start}_{end}"
        return f"{self.first} … {self.last}"


class Stretches:
    """The first stretches of one kind, and how many partitions are in those not kept."""

    def __init__(self, *states: State) -> None:
        self.kept: list[Stretch] = []
        self.unlisted = 0
        self._states = states
        self._open: Stretch | None = None

    def add(self, partition: Partition, axis: str | None, row: str, state: State) -> None:
        """Take note of the next partition of the plan."""
        if state not in self._states:
            self._open = None
            return
        label = partition.labels[axis] if axis else " ".join(partition.labels.values())
        last = self._open
        if last and (last.resource, last.row, last.state) == (partition.resource, row, state):
            last.last = label
            last.partitions += 1
        elif len(self.kept) < MOST_STRETCHES:
            self._open = Stretch(partition.resource, row, state, label, label)
            self.kept.append(self._open)
        else:
            self._open = None
            self.unlisted += 1


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin of a row, from `low` to `high` on the axis (epoch seconds on one of time)."""

    low: float
    high: float
    label: str
    covered: Covered


class Coverage:
    """The partitions of one resource along its axis; `now` is when they were planned."""

    def __init__(self, resource: Resource, now: datetime) -> None:
        self.name = resource.name
        self.partitions = 0
        self.axis: str | None = None
        self.rows: dict[str, dict[int, Covered]] = {}
        self.names: list[str] = []
        self.unnamed_rows = 0
        self._order: Bins[Covered] = Bins(Covered, most=MOST_BINS, width=1)
        self._spec: Windows | Range | None = None
        self._last_row = ""
        for kind in (Windows, Range):
            for key, spec in resource.partitions.items():
                if isinstance(spec, kind) and self.axis is None:
                    self.axis, self._spec = key, spec
        if isinstance(self._spec, Windows):
            self._edges, self._labels = _grouped(self._spec, now)
        elif isinstance(self._spec, Range):
            numbers = self._spec.numbers  # len() refuses over 2**63
            self._start, self._step = numbers.start, numbers.step
            count = (numbers[-1] - self._start) // self._step + 1
            self._group = -(-count // MOST_BINS)

    @property
    def is_time(self) -> bool:
        """Whether the axis is one of time."""
        return isinstance(self._spec, Windows)

    def row_of(self, partition: Partition) -> str:
        """The row of a partition: all its keys but the axis (and the number of its run)."""
        return " · ".join(
            f"{key}={label}"
            for key, label in partition.labels.items()
            if key not in (self.axis, RUN)
        )

    def add(self, partition: Partition, row: str, records: int, state: State) -> None:
        """Count a partition in."""
        held = Covered(records, {state: 1})
        if self.axis is None:
            self._order.at(self.partitions).add(held)
            if len(self.names) <= MOST_NAMES:
                self.names.append(" · ".join(partition.labels.values()) or partition.resource)
        else:
            if row not in self.rows and len(self.rows) >= MOST_ROWS:
                self.unnamed_rows += row != self._last_row
                self._last_row, row = row, OTHERS
            bins = self.rows.setdefault(row, {})
            bins.setdefault(self._place(partition), Covered()).add(held)
        self.partitions += 1

    def _place(self, partition: Partition) -> int:
        value = partition.values[self.axis or ""]
        if isinstance(value, Window):
            return max(0, bisect_right(self._edges, value.start.timestamp()) - 1)
        return int((value - self._start) // self._step // self._group)

    @property
    def is_named(self) -> bool:
        """Whether each partition has a bar with its name."""
        return self.axis is None and self.partitions <= MOST_NAMES

    def bars(self, row: str = "") -> Iterator[Bar]:
        """The bins of a row, in the order of the axis; of the whole plan where there is none."""
        if self.axis is None:
            for low, high, covered in self._order:
                first, last = int(low) + 1, min(int(high), self.partitions)
                label = f"partition {first:,}" + (f" to {last:,}" if last > first else "")
                named = self.names[int(low)] if self.is_named else label
                yield Bar(low, high, named, covered)
        elif isinstance(self._spec, Range):
            group, step = self._group, self._step
            for place, covered in sorted(self.rows[row].items()):
                low = self._start + place * group * step
                high = low + group * step
                last = high - step
                label = f"{self.axis} {low:,}" + (f" to {last:,}" if group > 1 else "")
                yield Bar(min(low, high), max(low, high), label, covered)
        else:
            for place, covered in sorted(self.rows[row].items()):
                low, high = self._edges[place], self._edges[place + 1]
                yield Bar(low, high, self._labels[place], covered)


def _grouped(spec: Windows, now: datetime) -> tuple[list[float], list[str]]:
    """The edges of the bins, and what each is called: so many windows a bin that they fit."""
    count = sum(1 for _ in windows(spec, now))
    group = max(1, -(-count // MOST_BINS))
    edges: list[float] = []
    labels: list[str] = []
    start = end = None
    for place, window in enumerate(windows(spec, now)):
        if place % group == 0:
            edges.append(window.start.timestamp())
            start = window.start
        end = window.end
        if start and (place % group == group - 1 or place == count - 1):
            labels.append(Window(start, end).label.replace("_", " to "))
    return [*edges, *([end.timestamp()] if end else [])], labels
