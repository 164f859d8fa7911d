"""Gaps: what was asked for and a harvest lacks, as windows above the cap and parts that hold less.

Told from the journals each time, so that it is known as long as the harvest is.
"""

from collections.abc import Iterator

from harvester.model import Doubt, Partition
from harvester.planning import depth_of
from harvester.results.summary import MOST_FAILURES, Failure, Gap
from harvester.store import CAPPED, SPLIT, Checkpoint


class Gaps:
    """Gathers the gaps of a harvest, its partitions taken in the order of the plan."""

    def __init__(self) -> None:
        self.listed: list[Gap] = []
        self._split: _Split | None = None

    def take(self, partition: Partition, at: Checkpoint) -> bool:
        """Take note of a partition; whether it is a gap."""
        if not at.done or at.reason != CAPPED:
            return False
        told = next((doubt.told for doubt in at.doubts if doubt.kind == CAPPED), CAPPED)
        if len(self.listed) < MOST_FAILURES:
            gap = Gap(partition.resource, partition.labels, at.records, told)
            self.listed.append(gap)
        return True

    @property
    def failures(self) -> list[Failure]:
        """The gaps as partitions that failed."""
        return [
            Failure(
                gap.resource,
                gap.partition,
                f"{Partition(gap.resource, gap.partition).title}: {gap.told}",
                None,
            )
            for gap in self.listed
        ]

    def sums(self, partition: Partition, at: Checkpoint) -> Iterator[tuple[Partition, Doubt]]:
        """What speaks against the parts of the partition that was split before this one, if these
        were the last of them.
        """
        if depth_of(partition) == 0:
            yield from self.close()
            if at.done and at.reason == SPLIT:
                self._split = _Split(partition, at)
        elif self._split is not None:
            self._split.add(at)

    def close(self) -> Iterator[tuple[Partition, Doubt]]:
        """The same for the last one."""
        found, self._split = self._split, None
        if found is not None and (doubt := found.doubt()):
            yield found.partition, doubt


class _Split:
    """A partition that was split, and what its parts have."""

    def __init__(self, partition: Partition, at: Checkpoint) -> None:
        self.partition = partition
        self._total = at.total if isinstance(at.total, int) else None
        self._records = 0
        self._done = True

    def add(self, at: Checkpoint) -> None:
        """Count a part in."""
        self._records += at.records
        self._done = self._done and at.done and at.reason != CAPPED

    def doubt(self) -> Doubt | None:
        """That less came with all of the parts than the API said there was."""
        if self._total is None or not self._done or self._records >= self._total:
            return None
        return Doubt(
            "split_missed",
            f"the API's total was {self._total:,} records before it was split, and "
            f"{self._records:,} came with its parts: does the request ask for all of each part "
            "(an end that is not part of it, {window.end}, or one that is, {window.last})?",
        )
