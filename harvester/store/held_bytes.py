"""Bounds how many bytes of parts are in memory at once, while they are put.

A part is put by one request, which holds it whole. Few are large; where many are, they wait for
each other, in the order in which they came. Small ones never wait.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: What is no larger does not wait.
SMALL_BYTES: Final = 1 << 20
_MOST_BYTES: Final = 128 << 20


class HeldBytes:
    """Lets so many bytes be held at once, by all threads; what is more than that, alone."""

    def __init__(self, most: int = _MOST_BYTES) -> None:
        self._most = most
        self._held = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def of(self, size: int) -> Iterator[None]:
        """Hold so many in the block, once they may be."""
        if size <= SMALL_BYTES:
            yield
            return
        self._begin(size)
        try:
            yield
        finally:
            with self._changed:
                self._held -= size
                self._changed.notify_all()

    def _begin(self, size: int) -> None:
        mine = object()
        with self._changed:
            self._waiting.append(mine)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is mine and self._has(size))
                self._held += size
            finally:
                self._waiting.remove(mine)
                self._changed.notify_all()

    def _has(self, size: int) -> bool:
        return not self._held or self._held + size <= self._most


#: Of this process.
HELD: Final = HeldBytes()
