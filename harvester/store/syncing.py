"""Makes kept pages safe, in groups, behind the fetches of those that follow.

A page is kept once its part has its name and its line is written: no kill of the process loses it.
It is safe once the part, its folder and the line are synced. Waiting for that before the next
request took 2 to 5 ms a page on a fast disk, and 30 ms on a slow one.

- Whatever is kept *must* be synced in full before anything says that it is safe: the part, the
  folder that has its name, and the journal that has its line. Their order among each other is free,
  since all of it was written before the group began.
- The tail that is kept and not safe *must* stay within `Bounds`, over the whole run.
- A failed sync *must* end the run, and is never repeated: the kernel may have dropped what a second
  one would call safe.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from harvester.errors import DiskError
from harvester.store.entries import MOST_UNSAFE
from harvester.store.parts import Part
from harvester.values import dataclass

_AT_ONCE: Final = 16  # threads that wait for the disk
_FEW: Final = 3  # syncs that one thread does alone


class Lines(Protocol):
    """The journal that a kept page has its line in."""

    folder: Path

    def sync_lines(self) -> None:
        """Force its lines to the disk; raises OSError."""

    def sync_names(self) -> None:
        """Force the names in its folder to the disk; raises OSError."""

    def made_safe(self, seq: int) -> None:
        """Take note that all up to this line is safe."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be kept and not safe. A group begins at half of it."""

    pages: int = MOST_UNSAFE
    size: int = 64 << 20
    seconds: float = 1.0

    def divided(self, workers: int) -> "Bounds":
        """The share of each of so many processes."""
        return replace(self, pages=max(2, self.pages // workers), size=self.size // workers)


@dataclass(frozen=True, slots=True)
class Kept:
    """A line that is written, with the part that it names, which is still open."""

    lines: Lines
    seq: int
    part: Part | None
    size: int


class Syncing:
    """What is kept and not yet safe, of all partitions of a run."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._changed = threading.Condition()
        self._waiting: deque[Kept] = deque()
        self._group: list[Kept] = []  # that is being synced
        self._since = 0.0  # when the oldest of those that wait was kept
        self._group_since = 0.0
        self._pages = self._size = 0  # kept and not safe, with those that are just being written
        self._urgent = self._closed = False
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None
        self._pool: ThreadPoolExecutor | None = None

    def reserve(self, size: int) -> None:
        """Wait until a page of `size` bytes may be kept; raises what syncing raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or self._fits(size))
            self._raise()
            self._pages += 1
            self._size += size

    def release(self, size: int) -> None:
        """Give back what was reserved for a page that was not kept."""
        with self._changed:
            self._pages -= 1
            self._size -= size
            self._changed.notify_all()

    def add(self, kept: Kept, *, urgent: bool = False) -> None:
        """Let a page be synced that was kept, `urgent` at once."""
        with self._changed:
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting.append(kept)
            self._urgent |= urgent
            self._start()
            if self._is_due() or len(self._waiting) == 1:
                self._changed.notify_all()

    def settle(self, lines: Lines) -> None:
        """Wait until all of a journal is safe; raises what syncing raised."""
        with self._changed:
            if not self._has(lines):
                return
            self._urgent = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._error is not None or not self._has(lines))
            if self._has(lines):
                self._raise()

    def close(self) -> None:
        """End the threads. What was not settled is not safe."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        if self._pool is not None:
            self._pool.shutdown()
        for kept in (*self._group, *self._waiting):
            if kept.part is not None:
                kept.part.close()

    def _fits(self, size: int) -> bool:
        if not self._pages:
            return True
        since = self._group_since if self._group else self._since
        is_old = bool(self._group or self._waiting) and (
            time.monotonic() - since >= self._bounds.seconds
        )
        within = self._pages < self._bounds.pages and self._size + size <= self._bounds.size
        if is_old or not within:
            self._urgent = True
            self._changed.notify_all()
        return within and not is_old

    def _has(self, lines: Lines) -> bool:
        return any(kept.lines is lines for kept in (*self._group, *self._waiting))

    def _raise(self) -> None:
        if isinstance(self._error, DiskError):  # each thread its own
            raise DiskError(str(self._error)) from self._error
        if self._error is not None:
            raise self._error

    def _is_due(self) -> bool:
        return bool(self._waiting) and (
            self._urgent
            or 2 * self._pages >= self._bounds.pages
            or 2 * self._size >= self._bounds.size
            or 2 * (time.monotonic() - self._since) >= self._bounds.seconds
        )

    def _start(self) -> None:
        """Begin with the thread; where none can be had, whoever keeps a page syncs it."""
        if self._thread is not None or self._error is not None:
            return
        thread = threading.Thread(target=self._work, name="syncing", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._take()
            self._done(self._synced())
            self._raise()
        else:
            self._thread = thread

    def _work(self) -> None:
        """Sync one group after the other."""
        while True:
            with self._changed:
                while not self._is_due() or self._error is not None:
                    if self._closed:
                        return
                    half = self._bounds.seconds / 2
                    left = self._since + half - time.monotonic() if self._waiting else None
                    self._changed.wait(None if left is None or self._error else max(left, 0.001))
                self._take()
            error = self._synced()
            with self._changed:
                self._done(error)

    def _take(self) -> None:
        self._group, self._group_since = [*self._waiting], self._since
        self._waiting.clear()
        self._urgent = False

    def _synced(self) -> Exception | None:
        """Sync the group; what went wrong."""
        journals = {id(kept.lines): kept.lines for kept in self._group}.values()
        jobs: deque[tuple[Path, Callable[[], None]]] = deque()
        jobs.extend((each.folder, each.sync_lines) for each in journals)
        jobs.extend((each.folder, each.sync_names) for each in journals)
        jobs.extend((kept.part.path, kept.part.sync) for kept in self._group if kept.part)
        others = [] if len(jobs) <= _FEW else self._helpers(jobs)
        error = _drain(jobs)
        for other in others:
            error = other.result() or error
        return error

    def _helpers(
        self, jobs: deque[tuple[Path, Callable[[], None]]]
    ) -> list[Future[Exception | None]]:
        """Other threads that do the jobs, too, as far as there are any to be had."""
        helpers: list[Future[Exception | None]] = []
        try:
            self._pool = self._pool or ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="sync")
            wanted = min(_AT_ONCE, len(jobs)) - 1
            helpers.extend(self._pool.submit(_drain, jobs) for _ in range(wanted))
        except RuntimeError:
            pass
        return helpers

    def _done(self, error: Exception | None) -> None:
        """Say of the group that it is safe, or why it is not."""
        self._error = error
        if error is None:
            for kept in self._group:
                kept.lines.made_safe(kept.seq)
                self._pages -= 1
                self._size -= kept.size
            self._group = []
        self._changed.notify_all()


def _drain(jobs: deque[tuple[Path, Callable[[], None]]]) -> Exception | None:
    """Do jobs until there are none; the first error, after which no more is begun here."""
    while True:
        try:
            path, job = jobs.popleft()
        except IndexError:
            return None
        try:
            job()
        except DiskError as error:
            return _unsafe(path, getattr(error.__cause__, "strerror", None) or str(error))
        except OSError as error:
            return _unsafe(path, error.strerror or str(error))
        except Exception as error:  # for whoever keeps the next page
            return error


def _unsafe(path: Path, told: str) -> DiskError:
    return DiskError(
        f"{path}: could not be forced to the disk ({told}); the pages that were kept last may not "
        "be safe from a power cut, and the next run looks at them before it goes on"
    )
