"""Harvests partitions in threads of this process: what a run uses unless it is told otherwise."""

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from harvester.engine.assignment import Assignment
from harvester.engine.attempts import Run
from harvester.engine.partition_runner import harvest_partition
from harvester.store import Checkpoint


class ThreadWorkers:
    """So many threads, which share the objects of the run."""

    def __init__(self, run: Run, partitions: int) -> None:
        self._run = run
        self.slots = partitions
        self._pool = ThreadPoolExecutor(partitions, thread_name_prefix="harvest")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown()

    def submit(self, assignment: Assignment) -> Future[Checkpoint]:
        """Harvest one partition in a thread."""
        return self._pool.submit(harvest_partition, self._run, assignment)

    def begin(self) -> None:
        """Nothing is held back."""
