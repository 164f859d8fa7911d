"""State of a partition at work: what it does at the moment, and how much of it is done.

How much is known where the server named a total, or where the pages tell by a time or an id how
far they have come through a window.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from harvester.config import Resource
from harvester.model import Partition, Window, as_text, duration, size
from harvester.paging import (
    CURSOR,
    LARGEST,
    REACHED,
    RUN_START,
    Unit,
    counted_in,
    paginator_of,
    total_of,
)
from harvester.store import Checkpoint
from harvester.terminal.reach import Reach, moments
from harvester.values import dataclass

_MOST_SHARE: Final = 0.99  # of a partition that has not ended


@dataclass(frozen=True, slots=True)
class Paging:
    """How the pages of a resource tell how far they have come: `unit` is what the server's total
    counts, None where that is not known; `tells` names the field of a page that holds a time or an
    id.
    """

    unit: Unit | None
    tells: str | None

    @classmethod
    def of(cls, resource: Resource) -> "Paging":
        """As the resource is declared."""
        tells, paginator = None, paginator_of(resource.paginator)
        if resource.progress_path:
            tells = REACHED
        elif resource.incremental:
            tells = LARGEST
        elif paginator.follows_values:
            tells = CURSOR
        return cls(counted_in(paginator), tells)

    def reach(self, partition: Partition, now: float) -> Reach | None:
        """For a partition that covers a stretch of time: a window, or what is new since a run."""
        if self.tells is None:
            return None
        for value in partition.values.values():
            if isinstance(value, Window):
                return Reach(value.start.timestamp(), value.end.timestamp())
        start = next(moments(partition.included.get(RUN_START)), None)
        return Reach(start, now) if start is not None and start < now else None


@dataclass(slots=True)
class Active:
    """A partition that a worker is at. `share` (0 to 1) is how much of it is behind, where that is
    known; `began` what was at its first page of this run.
    """

    partition: Partition
    title: str
    short_title: str
    paging: Paging
    earlier_pages: int  # committed by earlier runs
    complete: bool  # before this run
    reach: Reach | None = None
    pages: int = 0
    records: int = 0
    bytes: int = 0
    stored_bytes: int = 0
    share: float | None = None
    began: float = 0.0
    arrived: int = 0  # decoded bytes of the page on its way
    until: float = 0.0  # the end of its wait
    reason: str = ""
    retries: bool = False
    shown: bool = False  # whether the wait is long enough to be shown

    def update(self, checkpoint: Checkpoint, fields: Mapping[str, Any] | None = None) -> None:
        """Take over what is committed; `fields` are those of a page just now."""
        self.pages, self.records = checkpoint.live_pages, checkpoint.records
        self.bytes, self.stored_bytes = checkpoint.bytes, checkpoint.stored_bytes
        share = self._counted(total_of(checkpoint))
        if share is None and self.reach is not None and fields is not None:
            self.reach.see(fields.get(self.paging.tells or ""))
            share = self.reach.share
            if self.earlier_pages:
                self.began = self.reach.began
        elif share is not None and fields is None:
            self.began = share
        self.share = share if share is None else min(_MOST_SHARE, share)

    def _counted(self, total: int | Decimal | None) -> float | None:
        """The share by the server's total; None where it named none, or a wrong one."""
        if self.paging.unit is None:
            return None
        came = self.pages if self.paging.unit == "pages" else self.records
        return came / float(total) if total and 0 < came <= total else None

    def waits(self, now: float) -> bool:
        """Whether it waits for long enough to be shown."""
        return self.until > now and (self.retries or self.shown)

    def doing(self, now: float) -> str:
        """What it does at the moment, in words."""
        left = duration(max(1, self.until - now))
        if self.waits(now) and self.retries:
            return f"retrying in {left}: {self.reason.removeprefix('the server answered ')}"
        if self.waits(now):
            return f"waiting {left}: {self.reason}"
        if self.arrived:
            return f"receiving {size(self.arrived)}"
        return f"asking for page {self.pages + 1:,}"

    def doing_briefly(self, now: float) -> str:
        """The same in at most a dozen letters, for a narrow terminal."""
        left = duration(max(1, self.until - now))
        if self.waits(now):
            return f"{'retry' if self.retries else 'wait'} {left}"
        return size(self.arrived) if self.arrived else f"page {self.pages + 1:,}"


def short_label(value: Any) -> str:
    """A value's label; of a window, its beginning."""
    return as_text(value).partition("_")[0] if isinstance(value, Window) else as_text(value)
