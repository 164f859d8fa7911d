"""Prints plain lines for logs and cron: each with its time, few of them, none ever redrawn."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self, TextIO

from harvester.engine import (
    AttemptLost,
    Event,
    PaceChanged,
    PartitionDone,
    PartitionLost,
    PartitionPaused,
    RunStarted,
    Waiting,
)
from harvester.model import duration, number, one_line, per_second, roughly, size
from harvester.terminal.charset import shown
from harvester.terminal.progress import Progress

_EVERY_S: Final = 10.0
_ENDS_EVERY_S: Final = 1.0  # thousands of partitions may end in a second


def _utc_now() -> datetime:
    return datetime.now(UTC)


class PlainDisplay:
    """Writes lines to `file` (stderr): at the start, when partitions end, and every ten seconds
    while anything moves. `quiet` leaves only failures and warnings.
    """

    def __init__(
        self,
        progress: Progress,
        *,
        quiet: bool = False,
        file: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._progress = progress
        self._quiet = quiet
        self._file = file
        self._clock = clock
        self._now = now
        self._last_line = clock()
        self._ends_shown = float("-inf")
        self._ended_now = 0
        self._wait_shown_until = float("-inf")
        self._pace_shown: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def take(self, event: Event) -> None:
        """Tell of an event, if it is worth a line now."""
        self._progress.take(event)
        if line := self._progress.notice(event) or (None if self._quiet else self._line(event)):
            self._say(line)

    def interrupted(self) -> None:
        """Say that the run is about to end; safe in a signal handler."""
        self._progress.ending = True

    def _line(self, event: Event) -> str | None:
        now = self._clock()
        match event:
            case RunStarted():
                more = " and those that they lead to" if event.more else ""
                partitions = number(event.partitions, "partition") + more
                return f"{event.name}: harvesting {partitions} into {event.out}"
            case PartitionDone() | PartitionPaused() if self._is_news(now):
                self._ends_shown, self._ended_now = now, self._progress.ended_now
                return f"{self._ended(event)}; {self._totals()}"
            case PartitionLost():
                return None  # a notice has said so
            case Waiting() | AttemptLost() if line := self._wait(event, now):
                return line
            case PaceChanged() if line := self._pace(event, now):
                return line
        if now - self._last_line >= _EVERY_S:
            return self._totals()
        return None

    def _is_news(self, now: float) -> bool:
        """Whether the end of a partition gets a line: it ended in this run, and not too soon."""
        ended = self._progress.ended_now > self._ended_now
        return ended and now - self._ends_shown >= _ENDS_EVERY_S

    def _ended(self, event: PartitionDone | PartitionPaused) -> str:
        at = event.checkpoint
        what = f"done ({at.reason})" if isinstance(event, PartitionDone) else "paused"
        came = f"{number(at.live_pages, 'page')}, {number(at.records, 'record')}"
        return f"{what}: {one_line(event.partition.title)}, {came}"

    def _wait(self, event: Waiting | AttemptLost, now: float) -> str | None:
        """A long wait is worth a line, once for all who wait; nothing may follow for minutes."""
        seconds = event.seconds if isinstance(event, Waiting) else event.wait_s
        why = event.reason if isinstance(event, Waiting) else event.error
        if seconds < _EVERY_S or now + seconds <= self._wait_shown_until + _EVERY_S:
            return None
        self._wait_shown_until = now + seconds
        return f"waiting {duration(seconds)}: {one_line(why)}"

    def _pace(self, event: PaceChanged, now: float) -> str | None:
        """The pace of a resource, at most once in ten seconds."""
        resource = event.partition.resource
        if now - self._pace_shown.get(resource, float("-inf")) < _EVERY_S:
            return None
        self._pace_shown[resource] = now
        if event.per_s is None:
            return f"pace: {one_line(resource)} is held back no longer"
        pace = per_second(event.per_s)
        return f"pace: {one_line(resource)}, {pace} at most: the server asked for fewer"

    def _totals(self) -> str:
        progress = self._progress
        waited, left = progress.waiting_s(), progress.left_s()
        pieces = [
            progress.standing(),
            f"{progress.lost:,} failed" if progress.lost else "",
            number(progress.pages, "page"),
            number(progress.records, "record"),
            size(progress.bytes),
            f"{size(progress.rate())}/s",
            progress.pace(),
            f"waited {duration(waited)} ({progress.most_waited_for})" if waited >= 1 else "",
            f"about {roughly(left)} left" if left is not None and left >= 1 else "",
        ]
        return ", ".join(filter(None, pieces))

    def _say(self, line: str) -> None:
        self._last_line = self._clock()
        try:
            stamp = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
            file = self._file or sys.stderr
            print(shown(f"{stamp} {line}", file), file=file, flush=True)
        except OSError:
            self._quiet = True  # nobody listens any more; the harvest goes on
