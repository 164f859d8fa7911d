"""Splits partitions beforehand, by the records of a resource that counts them (`plan_from`).

Each record of the counting resource says how many there are from its start to its end. Neighbours
are put together for as long as they have no more than the API shows, so that hardly a window is
asked for that must be split. What no record counts belongs to the window before it. One count that
is above the cap by itself stays a window of its own, and is split as it is asked for.
"""

import json
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from harvester.config import Config, Resource
from harvester.errors import DataRefused
from harvester.model import (
    Partition,
    Path,
    PlanFrom,
    Stretch,
    Window,
    Windows,
    find,
    moment_of,
    parse,
    split_key,
)
from harvester.planning.plans import Plan
from harvester.planning.stored_records import partition_records
from harvester.store import Store

_USUAL: Final = ("count", "tweet_count", "post_count", "doc_count", "total_count", "total")
_MOST_PARTS: Final = 1024  # in one line of a journal; what has more is split in two steps
_REMEMBERED: Final = 4
#: Starts, ends and counts, side by side.
Counts = tuple["array[int]", "array[int]", "array[int]"]


class CountedWindows:
    """What is known beforehand of the partitions of one resource."""

    def __init__(self, config: Config, resource: Resource) -> None:
        found = split_key(resource.partitions)
        self._plan = found[2].plan_from if found else None
        self._config = config
        self._key = found[0] if found else ""
        self._by_time = found is not None and isinstance(found[1], Windows)
        # One with just as many as are shown would be split all the same: its total may be capped.
        self._most = max(1, found[2].above - 1) if found else 1
        self._lock = threading.Lock()
        self._known: dict[tuple[tuple[str, str], ...], Counts] = {}  # by values of other keys

    def parts(self, store: Store, partition: Partition, now: datetime) -> tuple[str, ...]:
        """The labels of the parts that a partition is to be split into before it is asked for;
        none where it need not be, or nothing is known. Raises `DataRefused` for counts that cannot
        be read.
        """
        value = partition.values.get(self._key)
        if self._plan is None or not isinstance(value, Window | Stretch):
            return ()
        others = tuple((k, label) for k, label in partition.labels.items() if k != self._key)
        with self._lock:
            if others not in self._known:
                if len(self._known) == _REMEMBERED:
                    self._known.pop(next(iter(self._known)))
                self._known[others] = self._read(store, others, now)
            starts, ends, counts = self._known[others]
        first, last = _numbers(value)
        cuts = [first, *_cuts(starts, ends, counts, (first, last), self._most), last]
        if len(cuts) - 2 > _MOST_PARTS:
            every = -(-len(cuts) // _MOST_PARTS)
            cuts = [*cuts[:-1:every], last]
        return tuple(_label(value, *pair) for pair in pairwise(cuts)) if len(cuts) > 2 else ()

    def _read(self, store: Store, others: tuple[tuple[str, str], ...], now: datetime) -> Counts:
        """The counts of the partitions that belong to these values of other keys, by their start,
        each start once.
        """
        if self._plan is None:
            raise AssertionError("nothing is counted")
        plan = self._plan
        counting = next(item for item in self._config.resources if item.name == plan.resource)
        paths = [parse(path) for path in (plan.start, plan.end)]
        names = [parse(name) for name in ((plan.count,) if plan.count else _USUAL)]
        wanted = {key: label for key, label in others if key in counting.partition_keys}
        found: dict[int, tuple[int, int]] = {}
        for partition in Plan(self._config, now, store).finished(plan.resource):
            if all(partition.labels[key] == label for key, label in wanted.items()):
                for record in partition_records(store, partition, counting):
                    value = json.loads(record)
                    start, end, count = _counted(value, paths, names, plan, by_time=self._by_time)
                    found[start] = (end, count)
        starts = sorted(found)
        return (
            array("q", starts),
            array("q", (found[start][0] for start in starts)),
            array("q", (found[start][1] for start in starts)),
        )


def _counted(
    record: Any, paths: list[Path], names: list[Path], plan: PlanFrom, *, by_time: bool
) -> tuple[int, int, int]:
    """Where a record's stretch begins and ends, in seconds or numbers, and how many it has."""
    start, end = (_number(next(find(record, path), None), by_time=by_time) for path in paths)
    counts = (next(find(record, name), None) for name in names)
    count = next((one for one in counts if isinstance(one, int) and one >= 0), None)
    if start is None or end is None or end <= start or count is None or isinstance(count, bool):
        told = plan.count or " or ".join(_USUAL)
        raise DataRefused(
            f"plan_from: a record of {plan.resource} lacks a time or number at {plan.start} or "
            f"{plan.end}, or a count at {told}: {str(record)[:200]}"
        )
    return start, end, count


def _number(value: Any, *, by_time: bool) -> int | None:
    if not by_time:
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    moment = moment_of(value)
    return None if moment is None else -int((_EPOCH - moment) // timedelta(seconds=1))


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _numbers(value: Window | Stretch) -> tuple[int, int]:
    if isinstance(value, Stretch):
        return value.start, value.end
    seconds = timedelta(seconds=1)
    return (value.start - _EPOCH) // seconds, -((_EPOCH - value.end) // seconds)


def _cuts(
    starts: "array[int]",
    ends: "array[int]",
    counts: "array[int]",
    within: tuple[int, int],
    above: int,
) -> Iterator[int]:
    """Where to cut, so that no part has more than `above` unless one count alone has."""
    first, last = within
    total, cut = 0, first
    for at in range(bisect_right(ends, first), bisect_left(starts, last)):
        begins, stops, count = max(first, starts[at]), min(last, ends[at]), counts[at]
        if total + count > above and total and begins > cut:
            yield begins
            total, cut = 0, begins
        total += count
        if count > above and stops < last:
            yield stops
            total, cut = 0, stops


def _label(value: Window | Stretch, start: int, end: int) -> str:
    if isinstance(value, Stretch):
        return Stretch(start, end).label
    first, last = _numbers(value)
    return Window(
        value.start if start == first else _EPOCH + timedelta(seconds=start),
        value.end if end == last else _EPOCH + timedelta(seconds=end),
    ).label
