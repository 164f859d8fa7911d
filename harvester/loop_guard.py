"""The loop guard: a cursor that was asked with before must not be asked with again.

Servers do run in circles, also long ones (A→B→A over seven pages was seen), so comparing with
the last cursor is not enough. Every cursor of the partition is remembered as a 64-bit digest in
an open-addressed table: 16 to 32 bytes a page, where a Python set takes over 80. The table stops
growing at a million cursors (16 MiB); then it starts anew, and a circle is found in its second
round at the latest.

Plans use it too, to name each partition once; there it forgets nothing, however large it grows.
"""

import json
from array import array
from hashlib import blake2b
from typing import Any, Final

_SMALLEST: Final = 1 << 10
_LARGEST: Final = 1 << 21
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class LoopGuard:
    """Remembers cursors. A digest may collide: once in 10^7 harvests of a million pages.

    `forgets` is whether the table starts anew at a million cursors, or grows on.
    """

    def __init__(self, *, forgets: bool = True) -> None:
        self._forgets = forgets
        self._clear(_SMALLEST)

    def add(self, cursor: Any) -> bool:
        """Remember `cursor`; False if it is remembered already."""
        digest = _digest(cursor)
        slot = self._slot(digest)
        if self._table[slot]:
            return False
        self._table[slot] = digest
        self._count += 1
        if 2 * self._count > len(self._table):
            self._grow()
        return True

    def __contains__(self, cursor: Any) -> bool:
        return bool(self._table[self._slot(_digest(cursor))])

    def _slot(self, digest: int) -> int:
        mask = len(self._table) - 1
        slot = digest & mask
        while self._table[slot] not in (0, digest):
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        old = self._table
        if self._forgets and len(old) >= _LARGEST:
            self._clear(_SMALLEST)
            return
        self._clear(2 * len(old))
        for digest in old:
            if digest:
                self._table[self._slot(digest)] = digest
                self._count += 1

    def _clear(self, size: int) -> None:
        self._table = array("Q", [0]) * size
        self._count = 0


def _digest(cursor: Any) -> int:
    digest = blake2b(_canonical(cursor).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") or 1
