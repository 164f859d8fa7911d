"""Writes a run's events as JSON Lines on stderr, for programs: one object a line, stable names.

Every line has `time` and `event`; the rest is named in `docs/watching.md`. What a person would be
told in words (a note, an error, the last screen) is an event of the kind `message` or `error`.
"""

import contextlib
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TextIO, assert_never

from harvester.engine import (
    AttemptLost,
    BytesArrived,
    Doubted,
    Event,
    PaceChanged,
    PageCommitted,
    PartitionDone,
    PartitionLost,
    PartitionPaused,
    PartitionStarted,
    RunStarted,
    Waiting,
    Warned,
)
from harvester.model import Partition
from harvester.store import Checkpoint
from harvester.terminal.progress import Progress


class JsonLines:
    """Writes them to `file` (stderr)."""

    def __init__(self, progress: Progress, file: TextIO | None = None) -> None:
        self._progress = progress
        self._file = file

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
        """Write one; bytes that arrive are left out."""
        self._progress.take(event)
        named = _named(event)
        if named is not None:
            name, told = named
            write_line(name, told, event.at, self._file)

    def interrupted(self) -> None:
        """The run is about to end; safe in a signal handler."""
        self._progress.ending = True


def write_line(
    name: str, told: Mapping[str, Any], at: datetime | None = None, file: TextIO | None = None
) -> None:
    """One line; that nobody listens does no harm."""
    moment = (at or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = json.dumps({"time": moment, "event": name, **told})
    with contextlib.suppress(OSError):
        print(line, file=file or sys.stderr, flush=True)


def _named(event: Event) -> tuple[str, dict[str, Any]] | None:
    """An event's name and what it tells."""
    match event:
        case BytesArrived():
            return None
        case RunStarted():
            told = {"name": event.name, "folder": event.out, "partitions": event.partitions}
            return "run_started", {**told, "more": event.more}
        case PartitionStarted():
            return "partition_started", {**_of(event.partition), **_kept(event.checkpoint)}
        case PageCommitted():
            return "page_committed", {**_of(event.partition), **_page(event)}
        case Waiting():
            told = {"seconds": round(event.seconds, 3), "reason": event.reason}
            return "waiting", {**_of(event.partition), **told}
        case PaceChanged():
            per_s = None if event.per_s is None else round(event.per_s, 3)
            return "pace", {**_of(event.partition), "requests_per_s": per_s}
        case AttemptLost():
            told = {"attempt": event.attempt, "error": event.error}
            wait = {"wait_s": round(event.wait_s, 3)}
            return "attempt_lost", {**_of(event.partition), **told, **wait}
        case Warned():
            return "warning", {**_of(event.partition), "message": event.message}
        case Doubted():
            told = {"kind": event.doubt.kind, "message": event.doubt.told}
            return "doubt", {**_of(event.partition), **told}
        case PartitionDone():
            told = {"reason": event.checkpoint.reason}
            return "partition_done", {**_of(event.partition), **told, **_kept(event.checkpoint)}
        case PartitionPaused():
            return "partition_paused", {**_of(event.partition), **_kept(event.checkpoint)}
        case PartitionLost():
            return "partition_failed", {**_of(event.partition), "error": event.error}
        case _:
            assert_never(event)


def _of(partition: Partition) -> dict[str, Any]:
    return {"resource": partition.resource, "partition": dict(partition.labels)}


def _kept(at: Checkpoint) -> dict[str, Any]:
    return {"pages": at.live_pages, "records": at.records, "bytes": at.bytes}


def _page(event: PageCommitted) -> dict[str, Any]:
    entry = event.entry
    return {
        "page": entry.seq,
        "part": entry.part,
        "status": entry.status,
        "records": entry.records,
        "bytes": entry.bytes,
        "stored_bytes": entry.stored_bytes,
        "elapsed_s": entry.elapsed_s,
        "attempts": entry.attempts,
        "done": entry.done,
    }
