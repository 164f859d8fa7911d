"""Watches a run once a second and hands what it sees to whoever wants to tell it further."""

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from harvester.engine import Event, PageCommitted, RunStarted
from harvester.model import duration
from harvester.monitoring.metrics import metrics_text, write_metrics
from harvester.results import RunNote, Summary, remove_note
from harvester.terminal import Progress, say

_RATE_S: Final = 60.0  # what rates are taken over
_MOST_ACTIVE: Final = 200  # partitions that a note lists


class Sink(Protocol):
    """What is told of a run: once a second, of a stall, and how it ended."""

    def look(self, note: RunNote, *, stalled: bool) -> None:
        """What there is to see at the moment."""

    def stall(self, note: RunNote, told: str) -> None:
        """The run has just stalled."""

    def ended(self, note: RunNote, summary: Summary | None, told: str) -> None:
        """The run has ended; without a summary in the error that `told` says."""


class Monitor:
    """One run, as the sinks see it. Times are seconds since 1970, by `clock`."""

    def __init__(
        self,
        sinks: Sequence[Sink],
        stalled_after_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sinks = sinks
        self._stalled_after_s = stalled_after_s
        self._clock = clock
        self._started = clock()
        self._out: Path | None = None
        self._last_commit: float | None = None
        self._wait_end = self._started
        self._samples: deque[tuple[float, int, int, int]] = deque([(self._started, 0, 0, 0)])
        self._stalled = False

    def take(self, event: Event) -> None:
        """Note what an event tells."""
        if isinstance(event, PageCommitted):
            self._last_commit = event.at.timestamp()
        elif isinstance(event, RunStarted):
            self._out = Path(event.out)

    def look(self, progress: Progress) -> None:
        """Tell the sinks how it stands."""
        if self._out is None:
            return
        note = self.note(progress)
        idle = note.at - max(self._started, self._last_commit or 0.0, self._wait_end)
        stalled = idle >= self._stalled_after_s
        if stalled and not self._stalled:
            told = f"stalled: no page was kept for {duration(idle)}"
            say(f"warning: {told}")
            for sink in self._sinks:
                sink.stall(note, told)
        self._stalled = stalled
        note.write(self._out)
        for sink in self._sinks:
            sink.look(note, stalled=stalled)

    def ended(self, progress: Progress, summary: Summary) -> None:
        """Tell them how it ended; the note goes."""
        self._over(progress, summary, f"{summary.ended}: {summary.why}")

    def broken(self, progress: Progress, error: BaseException) -> None:
        """Tell them that it ended in an error."""
        if self._out is not None:
            self._over(progress, None, f"failed: {error}")

    def _over(self, progress: Progress, summary: Summary | None, told: str) -> None:
        note = self.note(progress)
        if self._out is not None:
            remove_note(self._out)
        for sink in self._sinks:
            sink.ended(note, summary, told)

    def note(self, progress: Progress) -> RunNote:
        """The run as it is now."""
        now = self._clock()
        pages, records, size = progress.new_pages, progress.new_records, progress.new_bytes
        self._samples.append((now, pages, records, size))
        while len(self._samples) > 2 and self._samples[0][0] < now - _RATE_S:
            self._samples.popleft()
        since, *counted = self._samples[0]
        over = max(1.0, now - since)
        rates = [(a - b) / over for a, b in zip((pages, records, size), counted, strict=True)]
        waiting = progress.everybody_waits()
        if waiting is not None:
            self._wait_end = now + waiting[0]
        return RunNote(
            pid=os.getpid(),
            started_at=self._started,
            at=now,
            pages=pages,
            records=records,
            bytes=size,
            stored_bytes=progress.new_stored_bytes,
            attempts_lost=progress.attempts_lost,
            last_commit_at=self._last_commit,
            pages_per_s=rates[0],
            records_per_s=rates[1],
            bytes_per_s=rates[2],
            left_s=progress.left_s(),
            share=progress.share(),
            waiting_until=None if waiting is None else now + waiting[0],
            waiting_for="" if waiting is None else waiting[1],
            waits_s=dict(progress.waited_s),
            partitions=_partitions(progress),
            paces=dict(progress.paces),
            ending=progress.ending,
            active=_active(progress),
        )


def _partitions(progress: Progress) -> dict[str, int]:
    active = len(progress.active())
    ended = progress.done + progress.lost + progress.paused
    return {
        "complete": progress.done,
        "failed": progress.lost,
        "paused": progress.paused,
        "active": active,
        "pending": max(0, progress.partitions - ended - active),
    }


def _active(progress: Progress) -> tuple[dict[str, object], ...]:
    now = progress.now
    return tuple(
        {
            "resource": each.partition.resource,
            "partition": dict(each.partition.labels),
            "pages": each.pages,
            "records": each.records,
            "share": each.share,
            "doing": each.doing(now),
        }
        for each in progress.active()[:_MOST_ACTIVE]
    )


class MetricsFile:
    """Writes the metrics of a run into a file, every few seconds and at its end."""

    def __init__(self, path: Path, name: str, every_s: float = 5.0) -> None:
        self._path = path
        self._name = name
        self._every_s = every_s
        self._written = float("-inf")
        self._told = False

    def look(self, note: RunNote, *, stalled: bool) -> None:
        """Write them, if it is time to."""
        if note.at - self._written >= self._every_s:
            self._written = note.at
            self._write(metrics_text(self._name, note, stalled=stalled))

    def stall(self, note: RunNote, told: str) -> None:
        """They will say so with the next look."""

    def ended(self, note: RunNote, summary: Summary | None, told: str) -> None:
        """Write the last word."""
        self._write(metrics_text(self._name, note, summary=summary))

    def _write(self, text: str) -> None:
        trouble = write_metrics(self._path, text)
        if trouble and not self._told:
            say(f"warning: {trouble}")
            self._told = True


def monitor(
    *,
    name: str,
    metrics: Path | None = None,
    notify: Sequence[str] = (),
    telemetry: bool = False,
    stalled_after_s: float,
) -> Monitor:
    """A monitor with the sinks that are asked for. Raises `ConfigError` for what cannot be."""
    sinks: list[Sink] = []
    if metrics is not None:
        sinks.append(MetricsFile(metrics, name))
    if notify:
        from harvester.monitoring.notify import Notifier

        sinks.append(Notifier(notify, name))
    if telemetry:
        from harvester.monitoring.telemetry import Telemetry

        sinks.append(Telemetry(name))
    return Monitor(sinks, stalled_after_s)
