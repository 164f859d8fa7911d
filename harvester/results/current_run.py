"""Says from outside whether a run is under way, how fast it is, and whether it has stalled.

Whether there is a run, the folder's lock says; what was kept, the journals; the rest is the run's
own note.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harvester.results.run_note import RunNote
from harvester.store import LOCK, holder
from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class UnderWay:
    """The run in a folder, or that there is none. Times are seconds since 1970.

    `pid` is 0 where it is not known. `killed`: the last run ended without a word. `idle_s` is how
    long nothing has been kept that could have been: waits that were announced do not count.
    """

    now: float
    pid: int | None = None
    started_at: float | None = None
    last_commit_at: float | None = None
    note: RunNote | None = None
    killed: bool = False

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self.pid is not None

    @property
    def idle_s(self) -> float:
        """Seconds since the last page, the run's start or the end of an announced wait."""
        if not self.running:
            return 0.0
        waiting = self.note.waiting_until if self.note else None
        since = [self.started_at, self.last_commit_at, waiting]
        return max(0.0, self.now - max((one for one in since if one is not None), default=self.now))

    def stalled(self, after_s: float) -> bool:
        """Whether the run has kept nothing for so long."""
        return self.running and self.idle_s >= after_s

    def as_dict(self, stalled_after_s: float) -> Mapping[str, Any]:
        """The JSON form: the keys that `status --json` adds."""
        note = self.note
        left = note.left_s if note else None
        return {
            "under_way": self.running,
            "pid": self.pid or None,
            "started_at": _iso(self.started_at if self.running else None),
            "last_commit": _iso(self.last_commit_at),
            "idle_s": round(self.idle_s, 1),
            "stalled": self.stalled(stalled_after_s),
            "killed": self.killed,
            "rate": {
                "pages_per_s": round(note.pages_per_s, 3) if note else None,
                "records_per_s": round(note.records_per_s, 3) if note else None,
                "bytes_per_s": round(note.bytes_per_s, 1) if note else None,
            }
            if self.running
            else None,
            "paces_per_s": {name: round(pace, 3) for name, pace in note.paces.items()}
            if note and self.running
            else {},
            "left_s": None if left is None else round(left, 1),
            "eta": None if left is None else _iso(self.now + left),
            "waiting": {"until": _iso(note.waiting_until), "for": note.waiting_for}
            if note and note.waiting_until and note.waiting_until > self.now
            else None,
        }


def under_way(
    out: Path, last_commit: str | None = None, *, clock: Callable[[], float] = time.time
) -> UnderWay:
    """The run in the folder `out`; `last_commit` is when its journals say the last page came."""
    pid, note, now = holder(out), RunNote.read(out), clock()
    committed = _moment(last_commit)
    if pid is None:
        return UnderWay(now, last_commit_at=committed, killed=note is not None)
    if note is not None and note.pid != pid and pid:
        note = None  # of a run before, that was killed
    started = note.started_at if note else _changed(out / LOCK)
    if note and note.last_commit_at:
        committed = max(committed or 0.0, note.last_commit_at)
    return UnderWay(now, pid, started, committed, note)


def _changed(path: Path) -> float | None:
    """When a run wrote its number into the lock."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _moment(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except ValueError:
        return None


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
