"""Counts, from its events, what one run waited for and which attempts failed."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator

from harvester.engine.events import (
    AttemptLost,
    Event,
    PageCommitted,
    PartitionDone,
    PartitionLost,
    PartitionPaused,
    PartitionStarted,
    Waiting,
)
from harvester.model import Partition
from harvester.results import RunStatistics, ThisRun, count, kind_of
from harvester.store import Checkpoint

_speaking = threading.local()


@contextlib.contextmanager
def speaking_for(who: Hashable, age_s: float) -> Iterator[None]:
    """Let events of this thread be those of another one, of another process, some time ago."""
    _speaking.who, _speaking.age_s = who, age_s
    try:
        yield
    finally:
        del _speaking.who, _speaking.age_s


def _speaker() -> Hashable:
    return getattr(_speaking, "who", None) or threading.get_ident()


def _when() -> float:
    age_s: float = getattr(_speaking, "age_s", 0.0)
    return time.monotonic() - age_s


class RunCounter:
    """Collects the statistics of one run from its events. `since` is when the run began.

    A wait counts for as long as it lasted: until the next event of the thread that waits (several
    may be at one partition), or the run's end. What a worker has kept and not reported before it
    died is known when another takes its partition up.
    """

    def __init__(
        self,
        since: str,
        clock: Callable[[], float] = _when,
        who: Callable[[], Hashable] = _speaker,
    ) -> None:
        self._counted = RunStatistics(since, runs=1)
        self._clock = clock
        self._who = who
        self._began = clock()
        self._waiting: dict[Hashable, tuple[float, float, str]] = {}  # by thread
        self._run = ThisRun(since)
        self._kept: dict[str, Checkpoint] = {}  # of partitions under way in other processes
        self.untold: Counter[str] = Counter()  # pages of each resource

    def take(self, event: Event) -> None:
        """Count an event in."""
        who = self._who()
        self._end_wait(who)
        match event:
            case PageCommitted():
                entry = event.entry
                pages = int(entry.part is not None)
                self._add(pages, entry.records, entry.bytes, entry.stored_bytes)
                if self._kept and (kept := self._kept.get(event.partition.path)):
                    kept.pages += pages
                    kept.records += entry.records
                    kept.bytes += entry.bytes
                    kept.stored_bytes += entry.stored_bytes
            case PartitionStarted():
                self._start(event.partition, event.checkpoint)
            case PartitionDone() | PartitionPaused() | PartitionLost():
                if self._kept:
                    self._kept.pop(event.partition.path, None)
            case Waiting():
                self._waiting[who] = (self._clock(), event.seconds, event.reason)
            case AttemptLost():
                kind = kind_of(event.error)
                count(self._counted.errors, kind, 1)
                why = f"retrying: {kind}"
                self._waiting[who] = (self._clock(), event.wait_s, why)

    def _add(self, pages: int, records: int, size: int, stored: int) -> None:
        run = self._run
        run.pages += pages
        run.records += records
        run.bytes += size
        run.stored_bytes += stored

    def _start(self, partition: Partition, at: Checkpoint) -> None:
        """A worker takes a partition up: what is kept beyond what was told, one had that died."""
        if not hasattr(_speaking, "who"):
            return
        had = self._kept.get(partition.path)
        if had is not None and (pages := at.pages - had.pages) > 0:
            self.untold[partition.resource] += pages
            more = (at.records - had.records, at.bytes - had.bytes)
            self._add(pages, *more, at.stored_bytes - had.stored_bytes)
        self._kept[partition.path] = at.copy()

    def close(self) -> RunStatistics:
        """The statistics, once the run has ended."""
        for who in list(self._waiting):
            self._end_wait(who)
        self._counted.run_s = self._clock() - self._began
        return self._counted

    def this_run(self, requests: int, retries: int) -> ThisRun:
        """What the run did, once it is closed."""
        counted, run = self._counted, self._run
        run.seconds, run.requests, run.retries = counted.run_s, requests, retries
        run.waits_s, run.errors = dict(counted.waits_s), dict(counted.errors)
        return run

    def _end_wait(self, who: Hashable) -> None:
        if who in self._waiting:
            began, seconds, reason = self._waiting.pop(who)
            waited = min(seconds, self._clock() - began)
            if waited > 0:
                count(self._counted.waits_s, reason, waited)
