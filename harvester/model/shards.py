"""Shards: the share that one of several machines has of a harvest's partitions.

Which share a partition is in follows from where its values stand in their keys, so that each
machine finds the same without asking another, and values that are added behind others move none.
"""

import re
from dataclasses import replace
from typing import Final, Self
from zlib import crc32

from harvester.model.partitions import Partition
from harvester.patterns import pattern
from harvester.values import dataclass

MOST_SHARDS: Final = 100_000
_WRITTEN: Final = pattern(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """One share of `count`. `index` counts from 0."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `I/N` says; I counts from 0 or from 1, so that N/N is 0/N. Raises ValueError."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ValueError(
                f"{text!r:.40} is no share of a harvest; write I/N, such as 0/4 to 3/4 (or 1/4 to "
                "4/4) for four machines"
            )
        index, count = int(found[1]), int(found[2])
        if not 1 <= count <= MOST_SHARDS:
            raise ValueError(f"{text.strip()}: N is 1 to {MOST_SHARDS:,}, not {count:,}")
        if index > count:
            raise ValueError(
                f"{text.strip()}: there are shares 0/{count} to {count - 1}/{count}, or 1/{count} "
                f"to {count}/{count}, and none of number {index:,}"
            )
        return cls(index % count, count)

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @property
    def label(self) -> str:
        """The same for the name of a file."""
        return f"{self.index}of{self.count}"

    def has(self, partition: Partition) -> bool:
        """Whether a partition is in this share."""
        return partition.place % self.count == self.index

    def has_first(self) -> bool:
        """Whether this is the share of what cannot be divided, such as a crawl."""
        return self.index == 0


def placed_by_name(partition: Partition) -> Partition:
    """A partition that is placed by what it is: where it stands among others may change."""
    return replace(partition, place=crc32(partition.path.encode()))
