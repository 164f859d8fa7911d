"""Records on disk when the last requests left, so that a run begun again keeps its budgets.

Each budget has a ring of times, eight bytes each. A time *must* be written before its request
leaves, so that no kill gives a request back; it is not synced, since a power cut takes longer than
most budgets and costs a wait at worst. Times are by the clock of the machine: one that lies ahead
counts as now, so that a clock set back makes a run wait for one period and no longer.
"""

import json
import os
import stat
import struct
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from harvester.config import Budget
from harvester.descriptors import open_file, without_waiting, write_at
from harvester.store import DurableFile, disk_errors, remove_temporary
from harvester.values import dataclass

NAME: Final = ".request_times"
#: The scope of the budgets of the client, which every resource shares.
SHARED: Final = ""
#: Of one budget; a larger one is remembered by its last requests.
_MOST: Final = 1 << 16
_LARGEST_FILE: Final = 64 << 20
_TIME: Final = struct.Struct("<d")


@dataclass(slots=True)
class Ring:
    """The times of the last requests of one budget. `note` is called under the budgets' lock."""

    size: int
    place: int  # in the file
    times: deque[float] = field(default_factory=deque)  # of runs before, as epochs
    file: int | None = None
    count: int = 0

    def note(self, now: float) -> None:
        """Write down that a request leaves now."""
        if self.file is None:
            return
        at = self.place + _TIME.size * (self.count % self.size)
        self.count += 1
        try:
            write_at(self.file, _TIME.pack(now), at)
        except OSError:  # the pages will tell of a disk in trouble; this costs a wait at most
            self.file = None


class History(Protocol):
    """Knows when requests left before, and writes down when more do."""

    rings: dict[str, list[Ring]]
    now: Callable[[], float]

    def ages(self, ring: Ring) -> list[float]:
        """How long ago the requests of a budget left, the oldest first."""


class Elsewhere:
    """The history of a run that another process writes down: `ages` are those of its budgets, by
    scope; `let_go` is called with the scope and the time of each request.
    """

    def __init__(
        self, ages: Mapping[str, Sequence[Sequence[float]]], let_go: Callable[[str, float], None]
    ) -> None:
        self.now = time.time
        now = self.now()
        self.rings: dict[str, list[Ring]] = {}
        for scope, each in ages.items():
            rings = [Ring(0, 0, deque(now - age for age in times)) for times in each]
            if rings:  # one note is enough for all budgets of a scope
                rings[0] = _Told(0, 0, rings[0].times, scope=scope, let_go=let_go)
            self.rings[scope] = rings

    def ages(self, ring: Ring) -> list[float]:
        """How long ago the requests of a budget left."""
        now = self.now()
        return [max(0.0, now - at) for at in ring.times]


@dataclass(slots=True)
class _Told(Ring):
    scope: str = ""
    let_go: Callable[[str, float], None] = lambda scope, at: None

    def note(self, now: float) -> None:
        """Tell of it."""
        self.let_go(self.scope, now)


class Recent:
    """The rings of a run's budgets, by their scopes; `now` is epoch seconds."""

    def __init__(
        self,
        out: Path,
        budgets: Mapping[str, Sequence[Budget]],
        now: Callable[[], float] = time.time,
        shard: str = "",
    ) -> None:
        """Take over what the run before left in `out`, whose lock is held; raises `DiskError`.
        `shard` is the share of a harvest whose lock is held.
        """
        path = out / (f"{NAME}-{shard}" if shard else NAME)
        self.now = now
        self.rings: dict[str, list[Ring]] = {}
        self._file: int | None = None
        layout = [
            (scope, min(budget.requests, _MOST))
            for scope, each in budgets.items()
            for budget in each
        ]
        if not layout:
            return
        before = _read(path)
        head = json.dumps(layout).encode() + b"\n"
        place = len(head)
        for scope, size in layout:
            ring = Ring(size, place, deque(before.get(scope, ()), maxlen=size))
            ring.count = len(ring.times)
            self.rings.setdefault(scope, []).append(ring)
            place += size * _TIME.size
        self._begin(path, head)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            os.close(self._file)

    def ages(self, ring: Ring) -> list[float]:
        """How long ago the requests of runs before left, the oldest first."""
        now = self.now()
        return sorted((max(0.0, now - at) for at in ring.times), reverse=True)

    def all_ages(self) -> dict[str, list[list[float]]]:
        """The same of every budget, by scope, for whoever lets requests leave elsewhere."""
        return {scope: [self.ages(ring) for ring in rings] for scope, rings in self.rings.items()}

    def note(self, scope: str, at: float) -> None:
        """Write down that a request was let go elsewhere, which spends each budget of a scope."""
        for ring in self.rings.get(scope, ()):
            ring.note(at)

    def _begin(self, path: Path, head: bytes) -> None:
        remove_temporary(path)
        with DurableFile(path, fsync=False) as file:
            file.write(head)
            for rings in self.rings.values():
                for ring in rings:
                    times = b"".join(map(_TIME.pack, ring.times))
                    file.write(times.ljust(ring.size * _TIME.size, b"\0"))
            file.commit()
        with disk_errors(path):
            self._file = open_file(path, os.O_WRONLY)
        for rings in self.rings.values():
            for ring in rings:
                ring.file = self._file


def _read(path: Path) -> dict[str, list[float]]:
    """The times that a run before left, by scope, the oldest first; none where the file is not
    one that a run wrote.
    """
    found: dict[str, list[float]] = {}
    try:
        descriptor = open_file(path, without_waiting(os.O_RDONLY))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_FILE:
                return {}
            for scope, size in json.loads(file.readline()):
                ring = file.read(size * _TIME.size)
                times = [at for (at,) in _TIME.iter_unpack(ring[: len(ring) // 8 * 8])]
                kept = sorted(at for at in times if 0 < at < float("inf"))
                found[scope] = max(found.get(scope, []), kept, key=len)
    except (OSError, ValueError, TypeError, RecursionError, OverflowError, MemoryError):
        return {}
    return found
