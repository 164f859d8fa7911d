"""Doubts: what speaks against a partition that seems complete, each with its figure.

An API can contradict the end that it gives: a total far above what came, a flag that says more.
A *strong* doubt ends the partition as failed, before the page that raised it is committed. A
*weak* one goes into the journal line that ends the partition, and is shown wherever the harvest
is: never once a partition, always as one line for each kind, with a count and an example.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any

from harvester.errors import PageRefused
from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class Doubt:
    """`kind` is a short name that groups, `told` a sentence for people without secrets; where the
    doubt is strong, it says what to do.
    """

    kind: str
    told: str
    strong: bool = False

    def as_dict(self) -> dict[str, str]:
        """The form that the journal keeps; only weak ones come there."""
        return {"kind": self.kind, "told": self.told}


def weak(doubts: Iterable[Doubt]) -> tuple[Doubt, ...]:
    """The doubts that end nothing. Raises `PageRefused` at the first strong one."""
    found = tuple(doubts)
    for doubt in found:
        if doubt.strong:
            raise PageRefused(doubt.told)
    return found


@dataclass(slots=True)
class DoubtGroup:
    """All doubts of one kind in a resource: how many partitions, and the first of them."""

    resource: str
    kind: str
    example: Mapping[str, str]  # the partition; empty where it is about the whole resource
    told: str
    partitions: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The JSON form that `run --json` and `status --json` print."""
        return {
            "resource": self.resource,
            "kind": self.kind,
            "partitions": self.partitions,
            "example": {"partition": dict(self.example), "told": self.told},
        }


@dataclass(slots=True)
class Doubts:
    """The doubts of a harvest, grouped: as many as there are kinds, not partitions."""

    groups: dict[tuple[str, str], DoubtGroup] = field(default_factory=dict)

    def add(
        self, resource: str, example: Mapping[str, str], doubt: Doubt, partitions: int = 1
    ) -> None:
        """Count a doubt in, of one partition or of so many at once."""
        group = self.groups.setdefault(
            (resource, doubt.kind), DoubtGroup(resource, doubt.kind, example, doubt.told)
        )
        group.partitions += partitions

    def __iter__(self) -> Iterator[DoubtGroup]:
        return iter(self.groups.values())
