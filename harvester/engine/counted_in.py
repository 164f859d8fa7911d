"""Counts partitions in where a run's end reads on, as they are passed over or come to their end.

What a worker brought to its last page stands in its checkpoint, so that the end of the run need not
read it again. Left to that are partitions whose place among others matters, or of which more is to
be said: children with doubts, gaps, split or begun again ones, and windows that may have been asked
for before they had closed.
"""

from collections.abc import Iterable
from typing import Final

from harvester.config import Config, Resource
from harvester.engine.events import Event, PageCommitted
from harvester.model import OpenWindows, Partition, split_key
from harvester.planning import crawl_key, end_of, was_early
from harvester.results import KnownBefore
from harvester.store import CAPPED, SPLIT, Checkpoint, Entry, checkpoint_of

_MORE_TO_SAY: Final = (CAPPED, SPLIT)


class FirstLines:
    """The windows, of those under way, whose first line of all came after they had closed."""

    def __init__(self) -> None:
        self._in_time: set[str] = set()

    def take(self, event: Event) -> None:
        """Look at what a run tells."""
        if isinstance(event, PageCommitted) and event.entry.seq == 1:
            end = end_of(event.partition)
            if end is not None and not was_early(event.entry, end):
                self._in_time.add(event.partition.path)

    def forget(self, partition: Partition) -> bool:
        """Whether that is known of one, which ends now."""
        is_known = partition.path in self._in_time
        self._in_time.discard(partition.path)
        return is_known


class CountedIn:
    """Counts the partitions of one run in. For the thread that hands them out."""

    def __init__(self, config: Config, known: KnownBefore, first: FirstLines) -> None:
        self._known, self._first = known, first
        self._in_order = {item.name for item in config.resources if _is_in_order(item)}
        self._by_name = {item.name for item in config.resources if _is_by_name(item)}
        self._places: dict[str, int] = {}  # of those under way, in the order of their plans

    def place(self, partition: Partition) -> int | None:
        """The place of the next partition that is handed out; None where there is no order."""
        return self._known.next(partition.resource) if self._is_ordered(partition) else None

    def passed_over(
        self, partition: Partition, place: int | None, folder: str, entries: Iterable[Entry]
    ) -> Checkpoint:
        """One that needs no worker; where it stands."""
        if place is None:
            return checkpoint_of(entries)
        self._known.know(partition.resource, place)
        return self._known.standing.take(partition, folder, entries)

    def begun(self, partition: Partition, place: int | None) -> None:
        """One that a worker gets."""
        if place is not None:
            self._places[partition.path] = place

    def left(self, partition: Partition) -> None:
        """One that has not come to its end."""
        self._places.pop(partition.path, None)
        self._first.forget(partition)

    def ended(self, partition: Partition, at: Checkpoint) -> None:
        """One whose worker has come to its last page."""
        place = self._places.pop(partition.path, None)
        in_time = self._first.forget(partition) or end_of(partition) is None
        again = at.superseded_pages or at.redone
        if not in_time or again or at.reason in _MORE_TO_SAY:
            return
        if place is not None:
            self._known.know(partition.resource, place)
        elif partition.resource in self._by_name and not at.doubts:
            self._known.know_by_name(partition)
        else:
            return
        self._known.standing.add(partition, at.copy(), place=place)

    def _is_ordered(self, partition: Partition) -> bool:
        return partition.resource in self._in_order


def _is_in_order(resource: Resource) -> bool:
    """Whether a run takes the partitions of a resource in the order of its plan, and none appears
    among them while it is on.
    """
    return _is_by_name(resource) and not (resource.parents or crawl_key(resource.partitions))


def _is_by_name(resource: Resource) -> bool:
    """Whether a partition of a resource has one name for good, and no parts."""
    specs = resource.partitions
    if resource.incremental or split_key(specs):
        return False
    return not any(isinstance(spec, OpenWindows) for spec in specs.values())
