"""Keeps what a run under way tells of itself in `.run.json`, for `status` from another process.

The note is rewritten every second or two and removed at the run's end, so one that lies there
without a run is of a run that was killed. It is a hint: the lock says whether a run is under way,
the journals what was kept.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, field
from pathlib import Path
from typing import Any, Final, Self

from harvester.descriptors import open_file
from harvester.errors import DataRefused
from harvester.store import reading
from harvester.values import dataclass

NOTE: Final = ".run.json"
_LARGEST: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class RunNote:
    """What one run told last, at the time `at` (seconds since 1970, as all times here).

    `waiting_until` is the end of what everybody waits for, `waiting_for` why; rates are those of
    the last minute; `left_s` is an estimate. `partitions` counts them by state; `active` are those
    that are being worked on. `paces` are the requests a second that the server was found to bear,
    by resource.
    """

    pid: int
    started_at: float
    at: float
    pages: int = 0
    records: int = 0
    bytes: int = 0
    stored_bytes: int = 0
    attempts_lost: int = 0
    last_commit_at: float | None = None
    pages_per_s: float = 0.0
    records_per_s: float = 0.0
    bytes_per_s: float = 0.0
    left_s: float | None = None
    share: float | None = None
    waiting_until: float | None = None
    waiting_for: str = ""
    waits_s: Mapping[str, float] = field(default_factory=dict)
    partitions: Mapping[str, int] = field(default_factory=dict)
    paces: Mapping[str, float] = field(default_factory=dict)
    ending: bool = False
    active: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def read(cls, out: Path) -> Self | None:
        """The note in `out`; None where there is none, or it is not what a run wrote."""
        try:
            with reading(out / NOTE) as file:
                value = json.loads(file.read(_LARGEST))
            note = cls(**{**value, "active": tuple(value.get("active", ()))})
        except (DataRefused, OSError, ValueError, TypeError, AttributeError, RecursionError):
            return None
        numbers = (note.pid, note.started_at, note.at, note.pages, note.records, note.bytes)
        return note if all(_is_number(one) for one in numbers) else None

    def write(self, out: Path) -> None:
        """Put it in its place; what cannot be written is left."""
        path = out / NOTE
        beside = out / f"{NOTE}.tmp"
        with contextlib.suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with os.fdopen(open_file(beside, flags), "w", encoding="utf-8") as file:
                json.dump(asdict(self), file)
            beside.replace(path)


def remove_note(out: Path) -> None:
    """Take the note away: the run has ended, and said how."""
    for name in (NOTE, f"{NOTE}.tmp"):
        with contextlib.suppress(OSError):
            (out / name).unlink(missing_ok=True)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
