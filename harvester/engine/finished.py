"""Passes over partitions that are finished and that nothing is left to do for, without a worker.

Of a hundred thousand such, each costs one look at its folder. Whatever might need more than that (a
journal that is long or not all safe, a part that is not in place, another generation that is due)
is left to a worker, which then finds the same as it always did.
"""

from typing import Final, cast

from harvester.config import Resource
from harvester.engine.attempts import Run, heed
from harvester.engine.events import PartitionDone
from harvester.engine.refreshing import is_due
from harvester.model import OpenWindows, Partition, split_key
from harvester.planning import crawl_key, end_of, was_early
from harvester.results import KnownBefore
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
    """Tells which partitions of a run need no worker, and counts them in where its end reads on."""

    def __init__(self, run: Run, known: KnownBefore, survey: Survey) -> None:
        self._run = run
        self._survey = survey
        self._known = known
        self._resources = {item.name: item for item in run.config.resources}
        self._in_order = {item.name for item in run.config.resources if _is_in_order(item)}

    def passed_over(self, partition: Partition, folder: str) -> Checkpoint | None:
        """Where a partition stands that needs no worker; None for all others. Says that it is
        done.
        """
        found = self._survey.lines(folder)
        entries = self._without_work(partition, found) if found is not None else None
        in_order = partition.resource in self._in_order
        if in_order:
            self._known.next(partition.resource, known=entries is not None)
        if entries is None:
            return None
        last = next((entry for entry in reversed(entries) if entry.part is not None), None)
        if last is not None:
            heed(self._run, partition.resource, last)
        if in_order:
            at = self._known.standing.take(partition, folder, entries)
        else:
            at = checkpoint_of(entries)
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


def _is_in_order(resource: Resource) -> bool:
    """Whether a run takes the partitions of a resource in the order of its plan, and none appears
    among them while it is on.
    """
    specs = resource.partitions
    if resource.parents or resource.incremental or split_key(specs) or crawl_key(specs):
        return False
    return not any(isinstance(spec, OpenWindows) for spec in specs.values())
