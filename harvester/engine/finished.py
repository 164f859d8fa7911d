"""Passes over partitions that are finished and that nothing is left to do for, without a worker.

Of a hundred thousand such, each costs one look at its folder. Whatever might need more than that (a
journal that is long or not all safe, a part that is not in place, another generation that is due)
is left to a worker, which then finds the same as it always did.
"""

from typing import Final, cast

from harvester.engine.attempts import Run, heed
from harvester.engine.counted_in import CountedIn
from harvester.engine.events import PartitionDone
from harvester.engine.refreshing import is_due
from harvester.model import Partition
from harvester.planning import end_of, was_early
from harvester.store import (
    CAPPED,
    SPLIT,
    Checkpoint,
    Entry,
    Fingerprints,
    Header,
    Survey,
    checkpoint_of,
)

_WORK_LEFT: Final = (CAPPED, SPLIT)  # what such a partition gave way to is looked at


class Finished:
    """Tells which partitions of a run need no worker, and has them counted in."""

    def __init__(self, run: Run, counted_in: CountedIn, survey: Survey) -> None:
        self._run = run
        self._survey = survey
        self._counted_in = counted_in
        self._resources = {item.name: item for item in run.config.resources}

    def passed_over(self, partition: Partition, folder: str) -> Checkpoint | None:
        """Where a partition stands that needs no worker; None for all others. Says that it is
        done.
        """
        found = self._survey.lines(folder)
        entries = self._without_work(partition, found) if found is not None else None
        place = self._counted_in.place(partition)
        if entries is None:
            self._counted_in.begun(partition, place)
            return None
        last = next((entry for entry in reversed(entries) if entry.part is not None), None)
        if last is not None:
            heed(self._run, partition.resource, last)
        at = self._counted_in.passed_over(partition, place, folder, entries)
        self._run.emit(PartitionDone(partition, at))
        return at

    def _without_work(
        self, partition: Partition, lines: list[Header | Entry]
    ) -> list[Entry] | None:
        """The lines of a partition that its worker would leave as they are."""
        header, *entries = cast("tuple[Header, *tuple[Entry, ...]]", lines)
        last, end = entries[-1], end_of(partition)
        if last.reason in _WORK_LEFT or any(e.reason and e.accepts for e in entries):
            return None
        if not self._is_asked_so(header, partition) or (end and was_early(entries[0], end)):
            return None
        resource = self._resources[partition.resource]
        if resource.refresh and is_due(resource, checkpoint_of(entries), self._run.now()):
            return None
        return entries

    def _is_asked_so(self, header: Header, partition: Partition) -> bool:
        """Whether a journal is of this partition, and of a question that may be gone on with."""
        if header.resource != partition.resource or header.partition != partition.labels:
            return False
        fingerprint = self._run.sources[partition.resource].fingerprint
        if header.fingerprint == fingerprint:
            return True
        accepted = self._run.fingerprints.get(partition.resource, Fingerprints((fingerprint,)))
        return header.fingerprint in accepted
