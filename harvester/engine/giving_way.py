"""Lets a partition give way to smaller ones: the lines that say so, and when they are written.

Whether a page is above what the API shows, and into what it is split, is judged by `Splits`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harvester.config import Resource
from harvester.engine.page_result import PageResult
from harvester.engine.past_lines import PastLines
from harvester.engine.restarting import Restarting
from harvester.engine.splits import Splits
from harvester.engine.turns import Turns
from harvester.errors import PartitionFailed
from harvester.model import Partition
from harvester.store import CAPPED, RESTARTED, SPLIT, Checkpoint, Entry


class GivingWay:
    """What one partition gives way to."""

    def __init__(
        self,
        resource: Resource,
        partition: Partition,
        past: PastLines,
        turns: Turns,
        restarting: Restarting,
        counted: Callable[[], tuple[str, ...]],
        cursor: Callable[[Checkpoint], Any],
    ) -> None:
        """`counted` gives the parts that another resource has counted; `cursor` is what the page
        after a checkpoint is asked for with.
        """
        self._splits = Splits(resource, partition)
        self._partition = partition
        self._past = past
        self._turns = turns
        self._restarting = restarting
        self._counted = counted
        self._cursor = cursor

    def beforehand(self, at: Checkpoint) -> PageResult | None:
        """The line by which a partition gives way to smaller ones where an earlier run meant to, or
        begins again where it was a gap and can be split by now.
        """
        newest, was_split = self._past.newest, self._past.was_split
        if newest is None:
            parts = self._counted()
            return self._line(at, self._splits.fields(parts)) if parts else None
        if not at.done and newest.restarts and newest.split_into:
            return self._line(at, newest.fields)
        if not at.done and newest.redoes and was_split is not None:
            return self._line(at, was_split.fields)  # its parts stay what they are
        if at.done and at.reason == CAPPED and self._splits.can_split:
            return self._restarting.restarted(at, "what was above the cap can be split by now")
        return None

    def at_page(self, fetched: PageResult, at: Checkpoint) -> Iterator[PageResult]:
        """A page as the journal will have it: itself, or the lines by which the partition gives
        way to smaller ones.
        """
        if not self._splits.is_above(fetched.entry, at):
            if self._splits.is_whole(fetched.entry, at):
                ended = fetched.entry.but(done=True, next=None, reason="total_reached")
                fetched = fetched.with_entry(ended)
            yield fetched
            return
        parts = self._splits.parts()
        if not parts:
            yield self._splits.ended(fetched, at)
            return
        fetched.discard()
        fields = self._splits.fields(parts)
        if at.live_pages:
            first = self._cursor(Checkpoint())
            again = self._turns.line(at, RESTARTED, cursor=at.next, following=first, fields=fields)
            yield again
            at = at.after(again.entry)
        yield self._line(at, fields, fetched.entry)

    def _line(
        self, at: Checkpoint, fields: Mapping[str, Any], said: Entry | None = None
    ) -> PageResult:
        """The line that says into what a partition is split; `said` is that of the page by which
        it was.
        """
        line = self._turns.line(
            at,
            SPLIT,
            cursor=self._cursor(at),
            request=said.request if said else None,
            status=said.status if said else 0,
            attempts=said.attempts if said else 0,
            fields=fields,
        )
        response = said.response if said else {}
        return line.with_entry(line.entry.but(response=response))

    def refuse_gap(self) -> None:
        """Raise `PartitionFailed` where the partition has ended with a gap."""
        newest = self._past.newest
        if newest is not None and newest.done and newest.reason == CAPPED:
            message = next((doubt.told for doubt in newest.doubts if doubt.kind == CAPPED), CAPPED)
            raise PartitionFailed(f"{self._partition.title}: {message}", cursor=None)
