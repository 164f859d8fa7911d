"""Keeps the lines of finished partitions that a run has put or read, so that it reads them once.

A run asks for the lines of a partition that parents others several times: to pass it over, for its
children, for its numbers. What is kept is as the store had it at some moment of the run, is of
partitions with a last page only, and of none that somebody may just be writing. A bounded number of
bytes is kept, the newest.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final

from harvester.model import LoopGuard

_MOST_BYTES: Final = 32 << 20


class KnownLines:
    """The lines by folder, between `begin` and `end`. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[str, tuple[bytes, ...]] = {}
        self._bytes = 0
        self._wanted = 0  # by so many that have begun
        self._is_off = False
        self._open: set[str] = set()  # that are being written
        self._touched = LoopGuard(forgets=False)  # that were written to at any time
        self._looks: list[Callable[[str], bool]] = []

    @property
    def is_on(self) -> bool:
        """Whether any are kept."""
        return self._wanted > 0 and not self._is_off

    def begin(self) -> None:
        """Keep lines from now on."""
        with self._lock:
            self._wanted += 1

    def end(self) -> None:
        """Forget all, once each that has begun has ended."""
        with self._lock:
            self._wanted -= 1
            if not self._wanted:
                self._is_off = False
                self._clear()

    def turn_off(self) -> None:
        """Keep none until the end: whoever has begun may change any."""
        with self._lock:
            self._is_off = True
            self._clear()

    def look(self, is_empty: Callable[[str], bool]) -> None:
        """Believe `is_empty` of partitions that nobody has written to since."""
        self._looks.append(is_empty)

    def look_no_more(self, is_empty: Callable[[str], bool]) -> None:
        """Believe it no longer."""
        self._looks.remove(is_empty)

    def is_empty(self, folder: str) -> bool:
        """Whether nothing is known to be there."""
        with self._lock:
            if not self._looks or self._is_off or folder in self._touched:
                return False
        return any(is_empty(folder) for is_empty in self._looks[:])

    def of(self, folder: str) -> tuple[bytes, ...] | None:
        """The lines of a partition; None where they are not known."""
        with self._lock:
            found = self._lines.pop(folder, None)
            if found is not None:
                self._lines[folder] = found  # the newest
            return found

    def opened(self, folder: str) -> None:
        """Somebody begins to write to a partition."""
        with self._lock:
            self._forget(folder)
            self._open.add(folder)
            self._touched.add(folder)

    def closed(self, folder: str, lines: Sequence[bytes] = ()) -> None:
        """Nobody writes to it any more; its lines are `lines`, where they are known."""
        with self._lock:
            self._forget(folder)
            self._open.discard(folder)
        if lines:
            self.add(folder, lines)

    def add(self, folder: str, lines: Sequence[bytes]) -> None:
        """Keep the lines of a partition that has its last page."""
        with self._lock:
            if not self.is_on or folder in self._open or folder in self._lines:
                return
            self._lines[folder] = tuple(lines)
            self._bytes += sum(map(len, lines))
            while self._bytes > _MOST_BYTES:
                self._forget(next(iter(self._lines)))

    def _clear(self) -> None:
        self._bytes = 0
        self._lines.clear()
        self._open.clear()
        if not self._wanted:
            self._touched = LoopGuard(forgets=False)

    def _forget(self, folder: str) -> None:
        self._bytes -= sum(map(len, self._lines.pop(folder, ())))
