"""Waits for a window to close, by the server's clock, before its partition is asked for.

What was asked for while the window was still open may lack records that came later.
"""

from datetime import timedelta

from harvester.config import Resource
from harvester.engine.attempts import Run
from harvester.engine.page_result import PageResult
from harvester.engine.turns import iso
from harvester.errors import WindowOpen
from harvester.model import Partition
from harvester.planning import NOTABLE, closes_at, end_of, was_early
from harvester.store import Entry


class WindowClosing:
    """When the window of one partition has closed; of one without a window, always."""

    def __init__(self, run: Run, partition: Partition, resource: Resource) -> None:
        self._run = run
        self._end = end_of(partition)
        self._closes_at = closes_at(partition, resource.partitions)

    def was_asked_early(self, began: Entry | None) -> bool:
        """Whether what is kept was asked for before the window had closed, and it has by now;
        `began` is the first line of the chain that counts.
        """
        if self._end is None or self._closes_at is None or began is None:
            return False
        now = self._run.now()
        closed = self._closes_at <= (self._run.server.now(now) or now)
        return closed and was_early(began, self._end)

    def refuse(self) -> None:
        """Raise `WindowOpen` where the server's clock, as far as it is known, says that the window
        has not closed.
        """
        if self._closes_at is None:
            return
        now = self._run.now()
        there = self._run.server.now(now)
        if there is not None and there < self._closes_at:
            off = timedelta(seconds=round((now - there).total_seconds()))
            ahead = f" (this machine's clock is {off} ahead of it)" if off > NOTABLE else ""
            raise WindowOpen(
                f"waits: its window is complete at {iso(self._closes_at)}, and by the server's "
                f"Date it is {iso(there)}{ahead}; a run after that harvests it, and others like it"
            )

    def refuse_page(self, kept: PageResult) -> None:
        """Raise `WindowOpen` where an answer came before the window had closed; leaves nothing."""
        if self._closes_at is None:
            return
        self._run.server.hear(kept.headers, self._run.now())
        try:
            self.refuse()
        except WindowOpen:
            kept.discard()
            raise
