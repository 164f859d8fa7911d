"""Stretches of whole numbers, and prefixes of a key: partitions by another order than time.

Both exist to be split: `{window.start}` and `{window.end}` of a stretch, or the prefix itself, go
into the request, and where an answer is above the API's cap, smaller ones take their place.
"""

import re
from collections.abc import Iterator
from typing import Final

from harvester.patterns import pattern
from harvester.values import dataclass

_LABEL: Final = pattern(r"(-?[0-9]{1,30})_(-?[0-9]{1,30})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Whole numbers [start, end): the start belongs to it, the end does not.

    ValueError where no number lies in it.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"a stretch ends after it starts: {self.start}, {self.end}")

    @property
    def last(self) -> int:
        """The last number of the stretch, for APIs whose ends are inclusive."""
        return self.end - 1

    @property
    def label(self) -> str:
        """`0_1000`."""
        return f"{self.start}_{self.end}"


def stretch_of(label: str) -> Stretch | None:
    """The stretch whose `label` this is; None where it is none."""
    found = _LABEL.fullmatch(label)
    if found is None or int(found[2]) <= int(found[1]):
        return None
    return Stretch(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class PlanFrom:
    """The resource whose records count those of each stretch of time: where a record says the
    `start` and the `end` of what it counts, and how many there are (`count`); None: by names that
    are usual.
    """

    resource: str
    start: str = "start"
    end: str = "end"
    count: str | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """When a partition is split into smaller ones: where the API has more than `above` records for
    it. `total_path` leads to the API's total in a page; None: the paginator's, if it has one.
    `plan_from` says beforehand how many there are.
    """

    above: int
    total_path: str | None = None
    plan_from: PlanFrom | None = None


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of `step` numbers (None: one) from `start` to `end`, which is not part of them; one
    of `smallest` numbers is not split. ValueError for an end that is not after the start.
    """

    start: int
    end: int
    split: Split
    step: int | None = None
    smallest: int = 1

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"the end, {self.end}, is not after the start, {self.start}")

    @property
    def stretches(self) -> Iterator[Stretch]:
        """All of them, in order; the last may be shorter."""
        step = self.step or self.end - self.start
        for start in range(self.start, self.end, step):
            yield Stretch(start, min(self.end, start + step))

    def __len__(self) -> int:
        return -(-(self.end - self.start) // (self.step or self.end - self.start))


@dataclass(frozen=True, slots=True)
class Prefixes:
    """The prefixes of a key whose signs are `signs`: each of these, split into those that are one
    sign longer, up to `longest`.
    """

    signs: str
    split: Split
    longest: int = 16
