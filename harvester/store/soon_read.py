"""Keeps small parts that were fetched before they are asked for, so that nobody waits for each.

What is committed never changes under its name, so that what was fetched is as good as what is
there. Each is given once; where there is no place for more, parts are fetched in their turn.
"""

import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from harvester.errors import HarvesterError
from harvester.store.bucket import Bucket
from harvester.store.entries import Entry, Header
from harvester.store.parts import is_raw

_MOST_BYTES: Final = 16 << 20
_MOST_EACH: Final = 256 << 10
_MOST_PARTS: Final = 4  # of a partition: of those with more, others are fetched ahead anyway


class SoonRead:
    """Parts by the folder and the name of each; for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: dict[str, bytes] = {}
        self._bytes = 0  # of those that are there, or on their way

    def fetch(self, bucket: Bucket, folder: str, lines: Iterable[Header | Entry]) -> None:
        """Fetch the first pages of these lines."""
        pages = [line for line in lines if isinstance(line, Entry) and line.part]
        for page in pages[:_MOST_PARTS]:
            name, size = f"{folder}/{page.part}", page.stored_bytes
            if size > _MOST_EACH or is_raw(name) or not self._reserved(name, size):
                return
            data = b""
            with suppress(HarvesterError, OSError):  # who reads it is told
                data = b"".join(bucket.chunks(name, size))
            with self._lock:
                self._bytes -= size + len(self._parts.pop(name, b""))
                if data:
                    self._parts[name] = data
                    self._bytes += len(data)

    def _reserved(self, name: str, size: int) -> bool:
        with self._lock:
            if name in self._parts or self._bytes + size > _MOST_BYTES:
                return False
            self._bytes += size
            return True

    def taken(self, name: str) -> bytes | None:
        """What is there of a part, once; None where it is to be fetched."""
        with self._lock:
            data = self._parts.pop(name, None)
            self._bytes -= len(data or b"")
            return data

    def clear(self) -> None:
        """Keep none of them."""
        with self._lock:
            self._bytes -= sum(map(len, self._parts.values()))
            self._parts.clear()
