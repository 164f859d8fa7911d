"""Continues incremental runs from the largest value seen, and names their folders.

Each run after a finished one is a partition of its own, `run=0002_2021-05-01T00:00:00Z`: its
number, and the value it starts at. So a finished run is never touched again, and what a run began
with can be read off its folder for as long as the harvest lives.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote

from harvester.config import Incremental
from harvester.errors import DataRefused
from harvester.model import (
    FINER_EPOCHS,
    Partition,
    as_text,
    is_before,
    is_beyond,
    is_time_like,
    server_time,
)
from harvester.paging import BEYOND, LARGEST, RUN_NOW, RUN_START, SMALLEST
from harvester.patterns import pattern
from harvester.store import (
    Entry,
    Place,
    Store,
    folder_of,
    header_of,
    is_done,
    pages_of,
    store_at,
)
from harvester.values import dataclass

KEY: Final = "run"

_LABEL: Final = pattern(r"([0-9]{4,})_(.*)", re.DOTALL)
_NUMBER: Final = pattern(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_COMPACT: Final = {8: "%Y%m%d", 14: "%Y%m%d%H%M%S"}  # by length; no epoch of today is as long
_TIME: Final = pattern(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:(?P<sep>[Tt ])(?P<minutes>\d\d:\d\d)(?P<seconds>:\d\d)?(?P<fraction>\.\d{1,9})?"
    r"(?P<zone> ?[Zz]|[-+]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class RunStart:
    """The number of a run, from 1, and the value it starts at."""

    number: int
    value: Any

    @property
    def label(self) -> str:
        """The run's name, which sorts by number."""
        return f"{self.number:04d}_{as_text(self.value)}"


def begun(partition: Partition, moment: datetime) -> Partition:
    """A partition with the time at which it was begun, for `{now}` and `{until}`: to the second,
    as times in windows are, since many APIs take no fraction of one.
    """
    whole = moment.replace(microsecond=0)
    return replace(partition, included={**partition.included, RUN_NOW: whole})


def runs(out: Place, base: Partition, incremental: Incremental) -> Iterator[Partition]:
    """The runs that there have been of `base`, in order; the first one where there are none."""
    starts = _starts(store_at(out), base)
    for start in starts or [RunStart(1, incremental.initial_value)]:
        yield _partition(base, start)


class Seen:
    """The largest value that a run has seen, and what is dated beyond the time it was seen at: no
    run can go on from there, since all that is still to come would be missed.
    """

    def __init__(self, start: Any) -> None:
        self._start = start
        self._largest: Any = None
        self._beyond: Any = None
        self._before: Any = None

    def add(self, entry: Entry) -> None:
        """Take in a page."""
        largest, beyond = entry.fields.get(LARGEST), entry.fields.get(BEYOND)
        now = server_time(entry.response.get("date"))
        if now is not None and beyond is None and is_beyond(largest, now):
            largest, beyond = None, largest  # as an earlier version wrote it down
        smallest = entry.fields.get(SMALLEST)
        if is_before(smallest, self._start) and not is_before(self._before, smallest):
            self._before = smallest
        self._largest = _largest((self._largest, largest))
        self._beyond = _largest((self._beyond, beyond))

    @property
    def before(self) -> Any:
        """The smallest value, where it lies before the one that the run was to start at."""
        return self._before

    @property
    def beyond(self) -> Any:
        """The largest value that is dated too far ahead; None where there is none."""
        other = self._start if self._largest is None else self._largest
        return self._beyond if is_time_like(self._beyond, other) else None

    @property
    def largest(self) -> Any:
        """The largest value to go on from; None where there is none."""
        if self._beyond is None or self.beyond is not None:
            return self._largest
        return _largest((self._largest, self._beyond))  # an id that only looks like a time


def next_run(
    out: Place,
    base: Partition,
    incremental: Incremental,
    reveal: Callable[[Any], Any] | None = None,
) -> Partition | None:
    """The run that follows a finished last one; None while the last is not finished.

    It starts at the largest value that the last one saw, less `lookback`, and never before that
    one did; `reveal` gives back what the journal conceals. Raises `DataRefused` where that value is
    none to go on from.
    """
    store = store_at(out)
    starts = _starts(store, base)
    if not starts:
        return None
    last = starts[-1]
    folder = folder_of(store, _partition(base, last))
    if not is_done(store, folder):
        return None
    start = last.value
    seen = Seen(start)
    for entry in pages_of(store, folder):
        seen.add(entry)
    largest = seen.largest if reveal is None else reveal(seen.largest)
    if largest is not None:
        if not isinstance(largest, str | int | float) or isinstance(largest, bool):
            raise DataRefused(
                f"{store.place}/{folder}: {incremental.cursor_path} leads to {largest!r}; a run "
                "can go on from text or a number only"
            )
        start = _larger(start, earlier(largest, incremental.lookback))
    return _partition(base, RunStart(last.number + 1, start))


def earlier(value: Any, seconds: float) -> Any:
    """A time `seconds` before `value`, written as `value` is: an ISO 8601 date or time, a compact
    one (`20210131`, `20210131120000`), or an epoch in seconds, milliseconds, micro- or
    nanoseconds; the last two kinds as a number or as digits. Raises `DataRefused` for anything
    else.
    """
    if not seconds:
        return value
    try:
        if isinstance(value, str) and not value.isdecimal():
            return _earlier_iso(value, timedelta(seconds=seconds))
        text = as_text(value)
        if text.isdecimal() and (form := _COMPACT.get(len(text))):
            moment = datetime.strptime(text, form) - timedelta(seconds=seconds)
            return type(value)(moment.strftime(form))
        return type(value)(_earlier_epoch(value, seconds))
    except (ValueError, TypeError, OverflowError):
        raise DataRefused(
            f"incremental.lookback needs a time to look back from, not {value!r}"
        ) from None


def _earlier_epoch(value: Any, seconds: float) -> int | float:
    number = int(value) if isinstance(value, str) else value
    per_second = next((unit for least, unit in FINER_EPOCHS if number >= least), 1)
    back = seconds * per_second
    return number - (back if isinstance(number, float) else int(back))


def _earlier_iso(value: str, back: timedelta) -> str:
    """Local time less `back`: the zone, and all else about how it is written, stays."""
    found = _TIME.fullmatch(value)
    if found is None:
        raise ValueError(value)
    date, sep, minutes, seconds, fraction, zone = found.groups(default="")
    moment = datetime.fromisoformat(f"{date}T{minutes or '00:00'}{seconds or ':00'}") - back
    if not minutes:
        return moment.date().isoformat()
    clock = moment.strftime("%H:%M:%S" if seconds else "%H:%M")
    return f"{moment.date().isoformat()}{sep}{clock}{fraction}{zone}"


def _starts(store: Store, base: Partition) -> list[RunStart]:
    """The runs on disk, by number. One that was killed before its journal began counts too."""
    folder = folder_of(store, base)
    found = []
    for name in store.levels(folder):
        key, _, text = name.partition("=")
        if key == KEY and (label := _LABEL.fullmatch(_label(store, f"{folder}/{name}", text))):
            found.append(RunStart(int(label[1]), label[2]))
    return sorted(found, key=lambda start: start.number)


def _label(store: Store, folder: str, text: str) -> str:
    """A run's label, from its folder's name; that of a shortened one is in the journal."""
    if "~" in text and (header := header_of(store, folder)):
        return header.partition[KEY]
    return unquote(text)


def _partition(base: Partition, start: RunStart) -> Partition:
    return Partition(
        base.resource,
        {**base.values, KEY: start.label},
        {**base.included, RUN_START: start.value},
        base.cased,
        base.place,
    )


def _largest(values: Iterable[Any]) -> Any:
    found = None
    for value in values:
        if value is not None:
            found = value if found is None else _larger(found, value)
    return found


def _larger(first: Any, second: Any) -> Any:
    """The larger: as numbers where both are, digits in a string included, else as text, which
    puts times that are written alike in their order.
    """
    a, b = as_text(first), as_text(second)
    if _NUMBER.fullmatch(a) and _NUMBER.fullmatch(b):
        return second if Decimal(b) > Decimal(a) else first
    return second if b > a else first
