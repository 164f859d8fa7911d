"""Gathers what a worker's threads tell, and sends it in batches.

The bytes of a page on its way are told by their last number. What cannot be sent waits, and so do
those who tell more: the driver's pace is theirs.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from harvester.engine.events import BytesArrived, Event, PartitionStarted
from harvester.engine.exchange_log import LOGGER
from harvester.engine.workers.line import Batch, Line, Told
from harvester.engine.workers.shared_limit import SharedLimit
from harvester.planning import ServerClock
from harvester.values import dataclass

_MOST_WAITING = 500


@dataclass(frozen=True, slots=True)
class Counts:
    """What the threads count, of which the driver hears the differences."""

    requests: Counter[str]
    retries: Counter[str]
    counting: threading.Lock
    server: ServerClock
    limit: SharedLimit


class Reporter:
    """`emit` takes events; `flush` sends all that has been taken by then."""

    def __init__(self, line: Line, counts: Counts, *, at_once: bool) -> None:
        """`at_once`: a partition's beginning is sent before its first request."""
        self._line, self._counts, self._at_once = line, counts, at_once
        self._adding, self._sending = threading.Lock(), threading.Lock()
        self._events: list[tuple[int, float, Event]] = []
        self._exchanges: list[str] = []
        self._requests: Counter[str] = Counter()
        self._retries: Counter[str] = Counter()

    def emit(self, event: Event) -> None:
        """Take an event."""
        told = (threading.get_ident(), time.monotonic(), event)
        with self._adding:
            last = self._events[-1][2] if self._events else None
            if (
                isinstance(event, BytesArrived)
                and isinstance(last, BytesArrived)
                and last.partition == event.partition
            ):
                self._events.pop()
            self._events.append(told)
            many = len(self._events) >= _MOST_WAITING
        if many or (self._at_once and isinstance(event, PartitionStarted)):
            self.flush()

    def exchange(self, text: str) -> None:
        """Take what `-v` shows of an exchange."""
        with self._adding:
            self._exchanges.append(text)

    def flush(self) -> None:
        """Send what was taken, in order."""
        with self._sending:
            with self._adding:
                events, self._events = self._events, []
                exchanges, self._exchanges = self._exchanges, []
            now = time.monotonic()
            counts = self._counts
            with counts.counting:
                requests, retries = Counter(counts.requests), Counter(counts.retries)
            left, answered = counts.limit.counted()
            batch = Batch(
                tuple(Told(thread, now - at, event) for thread, at, event in events),
                _more(requests, self._requests),
                _more(retries, self._retries),
                left,
                answered,
                ahead_of(counts.server),
                tuple(exchanges),
            )
            self._requests, self._retries = requests, retries
            self._line.tell(batch)


def _more(now: Counter[str], before: Counter[str]) -> dict[str, int]:
    return {name: more for name in now if (more := now[name] - before[name])}


def ahead_of(server: ServerClock) -> timedelta | None:
    """By how much this machine's clock is ahead of the server's, as far as that is known."""
    now = datetime.now(UTC)
    there = server.now(now)
    return None if there is None else now - there


class ForwardedLog(logging.Handler):
    """Gives what is logged of exchanges to a reporter."""

    def __init__(self, take: Callable[[str], None]) -> None:
        super().__init__(logging.DEBUG)
        self._take = take

    def emit(self, record: logging.LogRecord) -> None:
        """Hand it on."""
        self._take(record.getMessage())

    def attach(self) -> None:
        """Hear all exchanges of this process."""
        LOGGER.setLevel(logging.DEBUG)
        LOGGER.addHandler(self)

    def detach(self) -> None:
        """Hear no more."""
        LOGGER.removeHandler(self)
