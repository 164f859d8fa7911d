"""Decides whether a window of time has closed, by the server's clock too.

A window that is asked for before its end has come holds only what there was until then; taken for
done, it would lack the rest for ever. This machine's clock plans windows, and it may run ahead: so
each answer's Date is held against the end of the window that was asked for. What was asked for too
early is not kept; and what an earlier run has kept so, as its journal's dates show, is not done.
"""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from harvester.model import OpenWindows, Partition, Spec, Window, Windows, server_time
from harvester.store import Entry, Store, entries_of

#: Clocks that differ by more are worth a word.
NOTABLE: Final = timedelta(minutes=5)


class ServerClock:
    """What time it is for the server, by the dates of its answers. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ahead: timedelta | None = None  # this machine's clock, of the server's

    def hear(self, headers: Mapping[str, str], now: datetime) -> None:
        """Take in an answer that came `now` by this machine's clock. The newest Date counts: older
        ones come from caches.
        """
        said = server_time(headers.get("date"))
        if said is None:
            return
        self.learn(now - said)

    def learn(self, ahead: timedelta) -> None:
        """Take in by how much this machine's clock was found to be ahead."""
        with self._lock:
            self._ahead = ahead if self._ahead is None else min(self._ahead, ahead)

    def now(self, now: datetime) -> datetime | None:
        """The server's time, where it is `now` by this machine's clock; None where nobody knows."""
        return None if self._ahead is None else now - self._ahead


def closes_at(partition: Partition, specs: Mapping[str, Spec]) -> datetime | None:
    """When the last window of a partition has closed and settled; None where it has none."""
    ends = [
        (value.end, spec.settle)
        for key, value in partition.values.items()
        if isinstance(value, Window) and isinstance(spec := specs.get(key), Windows | OpenWindows)
    ]
    try:
        return max((end + settle for end, settle in ends), default=None)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def end_of(partition: Partition) -> datetime | None:
    """When the last window of a partition ends; None where it has none."""
    found = None
    for value in partition.values.values():
        if isinstance(value, Window) and (found is None or value.end > found):
            found = value.end
    return found


def was_early(entry: Entry, end: datetime) -> bool:
    """Whether the answer of a journal's line came before `end`, by the server's clock."""
    said = server_time(entry.response.get("date"))
    return said is not None and said < end


def kept_early(store: Store, folder: str, partition: Partition) -> bool:
    """Whether the pages of a partition that count were asked for before its window had closed."""
    end = end_of(partition)
    if end is None:
        return False
    first = next(entries_of(store, folder), None)
    if first is None or not was_early(first, end):  # nearly always: one line is enough
        return False
    asked = first
    begins = False
    for entry in entries_of(store, folder):
        if begins:
            asked = entry
        begins = entry.restarts
    return was_early(asked, end)
