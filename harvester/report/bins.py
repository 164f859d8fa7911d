"""Bins streams of numbers in bounded memory: bins widen as the range grows. Pure.

A harvest may have a hundred pages in a second or ten million in a year, and neither range is
known before the last page is read. So bins begin narrow, and wherever there would be too many
each two neighbours become one.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import field
from typing import Final, Generic, Protocol, Self, TypeVar

from harvester.values import dataclass

_PER_DECADE: Final = 16  # a bucket is 15 % wide: closer than latencies are ever told
_LEAST: Final = 1e-4


class Cell(Protocol):
    """What a bin holds."""

    def add(self, other: Self) -> None:
        """Take in what a neighbour holds."""


AnyCell = TypeVar("AnyCell", bound=Cell)


class Bins(Generic[AnyCell]):
    """At most `most` bins of equal width over any numbers; bin k covers [k, k + 1) * `width`."""

    def __init__(self, empty: Callable[[], AnyCell], *, most: int, width: float) -> None:
        self.width = width
        self._empty = empty
        self._most = most
        self._cells: dict[int, AnyCell] = {}
        self._first = self._last = 0

    def at(self, number: float) -> AnyCell:
        """The cell of the bin that `number` falls into."""
        cell = self._cells.get(int(number // self.width))
        return self._new(number) if cell is None else cell

    def _new(self, number: float) -> AnyCell:
        place = int(number // self.width)
        if not self._cells:
            self._first = self._last = place
        while max(self._last, place) - min(self._first, place) >= self._most:
            self._widen()
            place = int(number // self.width)
        self._first, self._last = min(self._first, place), max(self._last, place)
        return self._cells.setdefault(place, self._empty())

    def _widen(self) -> None:
        self.width *= 2
        old, self._cells = self._cells, {}
        for place, cell in old.items():
            if (kept := self._cells.get(place // 2)) is None:
                self._cells[place // 2] = cell
            else:
                kept.add(cell)
        self._first //= 2
        self._last //= 2

    def __len__(self) -> int:
        """How many bins there are from the first to the last, the empty ones between included."""
        return self._last - self._first + 1 if self._cells else 0

    def __iter__(self) -> Iterator[tuple[float, float, AnyCell]]:
        """Each bin from the first to the last, as (from, to, cell), the empty ones too."""
        for place in range(self._first, self._first + len(self)):
            cell = self._cells.get(place)
            yield (
                place * self.width,
                (place + 1) * self.width,
                self._empty() if cell is None else cell,
            )


@dataclass(slots=True)
class Histogram:
    """How often numbers of each size came, in buckets of equal ratio; those near 0 are one."""

    buckets: dict[int, int] = field(default_factory=dict)
    count: int = 0
    largest: float = 0.0

    def add_number(self, number: float, times: int = 1) -> None:
        """Count a number, 0 or more."""
        bucket = math.floor(math.log10(max(_LEAST, number)) * _PER_DECADE)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + times
        self.count += times
        if number > self.largest:
            self.largest = number

    def add(self, other: "Histogram") -> None:
        """Count in what another one counted."""
        for bucket, times in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + times
        self.count += other.count
        self.largest = max(self.largest, other.largest)

    def quantile(self, share: float) -> float:
        """The number that `share` (0 to 1) of all are no larger than, to within a bucket."""
        left = share * self.count
        for bucket in sorted(self.buckets):
            left -= self.buckets[bucket]
            if left <= 0:
                return min(10 ** ((bucket + 0.5) / _PER_DECADE), self.largest)
        return self.largest

    def __iter__(self) -> Iterator[tuple[float, float, int]]:
        """Each bucket from the first to the last, as (from, to, count)."""
        if self.buckets:
            for bucket in range(min(self.buckets), max(self.buckets) + 1):
                low, high = 10 ** (bucket / _PER_DECADE), 10 ** ((bucket + 1) / _PER_DECADE)
                yield low, high, self.buckets.get(bucket, 0)


@dataclass(slots=True)
class Number:
    """A cell that holds a count."""

    value: int = 0

    def add(self, other: "Number") -> None:
        """Sum up."""
        self.value += other.value
