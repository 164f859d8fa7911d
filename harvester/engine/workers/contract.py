"""States what every place that harvests the partitions of a run must do: `Workers`.

- `submit` *must* give each assignment to one worker at a time, and begin none before there is a
  place for it. Its future *must* end: in the checkpoint, or in what `harvest_partition` raised.
- A worker that dies *must* be known to be dead before its assignments are given to another, unless
  the store fences commits. A partition *must* fail by its own fault only.
- All workers of a run *must* share its budgets, the waits that servers ask for, its tokens and its
  wish to end; `run.emit` *must* get every event, each worker's in order, and all of an
  assignment before its future ends.
- Once `run.stop` is set, assignments *must* end as soon as threads of this process would.
- Leaving the `with` block *must* leave no worker at work.
"""

from concurrent.futures import Future
from types import TracebackType
from typing import Protocol, Self

from harvester.engine.assignment import Assignment
from harvester.store import Checkpoint


class Workers(Protocol):
    """Harvests partitions. Used as a context, from one thread."""

    @property
    def slots(self) -> int:
        """How many assignments are to be submitted and not ended, so that no worker is idle."""

    def __enter__(self) -> Self:
        """The workers themselves."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End them."""

    def submit(self, assignment: Assignment) -> Future[Checkpoint]:
        """Harvest one partition."""

    def begin(self) -> None:
        """Hold no submitted assignment back: nothing more will be submitted until one has ended."""
