"""Gathers, again and again, what the page of `watch` shows of one harvest.

That is how it stands, and how many pages each partition kept over time.

The past comes from the journals, once; from then on only numbers are compared. Both are bounded:
so many partitions, so many pages of the past, and the rest is counted in the table only.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from harvester.model import Partition
from harvester.results import planned, status, under_way
from harvester.store import LocalStore, folder_of, pages_of, progress_of, read_asked

_MOST_ROWS: Final = 60
_MOST_PAST: Final = 100_000  # pages
_BINS: Final = 60
_MOST_LISTED: Final = 20


class LiveState:
    """The harvest in `out`. `clock` gives seconds since 1970. Not for several threads at once."""

    def __init__(
        self, out: Path, stalled_after_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._out = out
        self._stalled_after_s = stalled_after_s
        self._clock = clock
        self._store = LocalStore(out)
        self._titles: dict[str, str] = {}  # these by the partitions' folders
        self._pages: dict[str, int] = {}
        self._times: dict[str, dict[int, int]] = {}  # pages by second
        self._past = 0

    def snapshot(self) -> dict[str, Any]:
        """What there is to show now. Raises `DataRefused` where the harvest is damaged."""
        summary = status(self._out)
        run = under_way(self._out, summary.since)
        note = run.note
        told = summary.as_dict()
        told["failures"] = [
            {**one, "cursor": None} for one in told["failures"][:_MOST_LISTED]
        ]  # which may be long
        return {
            **told,
            **run.as_dict(self._stalled_after_s),
            "folder": str(self._out),
            "now": run.now,
            "share": note.share if note else None,
            "active": list(note.active[:_MOST_LISTED]) if note else [],
            "waits_s": dict(note.waits_s) if note else {},
            "attempts_lost": note.attempts_lost if note else 0,
            "strip": self._strip(until_now=run.running),
        }

    def _strip(self, *, until_now: bool) -> dict[str, Any]:
        """Pages over time, a row for each partition, the latest at the top."""
        asked = read_asked(self._store)
        for partition in islice(planned(self._store, asked), 50 * _MOST_ROWS):
            self._look(partition)
        times = [second for found in self._times.values() for second in found]
        if not times:
            return {"start": None, "end": None, "rows": []}
        start, end = min(times), max(times) + 1
        if until_now:
            end = max(end, int(self._clock()))
        width = max(1.0, (end - start) / _BINS)
        latest = sorted(
            (one for one, found in self._times.items() if found),
            key=lambda one: max(self._times[one]),
            reverse=True,
        )[:_MOST_ROWS]
        rows = []
        for name in latest:
            bins = [0] * _BINS
            for second, count in self._times[name].items():
                bins[min(_BINS - 1, int((second - start) / width))] += count
            rows.append({"title": self._titles[name], "bins": bins})
        return {"start": start, "end": end, "rows": rows}

    def _look(self, partition: Partition) -> None:
        """Note the pages that a partition has kept since the last look."""
        folder = folder_of(self._store, partition)
        known = self._pages.get(folder)
        if known is None:
            found: dict[int, int] = defaultdict(int)
            pages = 0
            for entry in pages_of(self._store, folder):
                pages += 1
                if self._past < _MOST_PAST:
                    self._past += 1
                    found[int(datetime.fromisoformat(entry.fetched_at).timestamp())] += 1
            self._titles[folder] = partition.title
            self._pages[folder], self._times[folder] = pages, found
            return
        pages = progress_of(self._store, folder).live_pages
        if pages > known:
            self._times[folder][int(self._clock())] += pages - known
        self._pages[folder] = pages
