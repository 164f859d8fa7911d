"""Cuts stretches of time into windows: closed ones of one step, or open ones that end at now.

Windows are cut at start + k * step, always counted from the start and never from the window
before, so that 31 January goes to 28 February and then to 31 March, and so that each window is
the same whichever day the plan is made: a later run adds windows and moves none.
"""

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from harvester.model.stretches import Split
from harvester.model.window import Window
from harvester.values import dataclass

#: What two clocks that are kept right may differ by, so that the server's is not before the end.
_APART: Final = timedelta(seconds=2)


#: Stands for the time of a harvest's first run until the plan knows it: no window begins there.
FIRST_RUN: Final = datetime.max.replace(microsecond=0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Step:
    """The length of a window: calendar months or seconds, one of the two above zero."""

    months: int = 0
    seconds: float = 0

    def __post_init__(self) -> None:
        if min(self.months, self.seconds) < 0 or (self.months > 0) == (self.seconds > 0):
            raise ValueError(f"a step is a number of months or of seconds, above zero: {self}")
        if self.seconds > timedelta.max.total_seconds():
            raise ValueError("a step is no longer than the calendar")
        if self.seconds and not timedelta(seconds=self.seconds):
            raise ValueError("a step is at least one microsecond")


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of one step from `start` to `end`; `end` None is now.

    With a fixed end the last window may be shorter. Only windows that have closed are planned:
    those whose end is at most now - `settle`, the time late data may take to arrive. One that is
    still open, or lies in the future, waits for a later run. `split`: one that the API has too much
    for gives way to shorter ones, none shorter than `smallest`. ValueError for times without a
    zone, or an end that is not after the start.
    """

    start: datetime
    end: datetime | None
    step: Step
    settle: timedelta = timedelta(0)
    split: Split | None = None
    smallest: timedelta = timedelta(seconds=1)

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or (self.end is not None and self.end.tzinfo is None):
            raise ValueError(f"windows need times with a zone: {self.start}, {self.end}")
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"the end, {self.end}, is not after the start, {self.start}")
        if self.settle < timedelta(0):
            raise ValueError("settle is not negative")


@dataclass(frozen=True, slots=True)
class OpenWindows:
    """Windows from `start` up to the time of each run, less `settle`; a later run's begin where
    those before have ended, whether these are done or not.

    `step` None is one window a run. `end`, where there is one, is the end of all. `overlap` is how
    far before its start a window asks, but for the first: for records that change late. ValueError
    as for `Windows`.
    """

    start: datetime
    end: datetime | None = None
    step: Step | None = None
    settle: timedelta = timedelta(0)
    overlap: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        Windows(self.start, self.end, self.step or Step(1), self.settle)


def windows(spec: Windows, now: datetime) -> Iterator[Window]:
    """List the planned windows, in order, without gap or overlap, in UTC. See `Windows`."""
    end = None if spec.end is None else spec.end.astimezone(UTC)
    start = _cut(spec, 0)
    for k in range(1, window_count(spec, now) + 1):
        cut = _cut(spec, k)
        stop = cut if end is None else min(cut, end)
        yield Window(start, stop)
        start = stop


def open_windows(spec: OpenWindows, taken: Iterable[Window], now: datetime) -> Iterator[Window]:
    """List the windows of a run at `now`, in order: those `taken` by earlier runs, and what lies
    between and behind them, cut by the step. In UTC, ends on whole seconds.
    """
    at = spec.start.astimezone(UTC).replace(microsecond=0)
    until = _earlier(now.astimezone(UTC).replace(microsecond=0), spec.settle + _APART)
    if spec.end is not None:
        until = min(until, spec.end.astimezone(UTC))
    for window in sorted(taken, key=lambda one: one.start):
        yield from (_asked(spec, one) for one in _filled(spec, at, min(window.start, until)))
        yield _asked(spec, window)
        at = max(at, window.end)
    yield from (_asked(spec, one) for one in _filled(spec, at, until))


def _filled(spec: OpenWindows, start: datetime, end: datetime) -> Iterator[Window]:
    """The stretch from `start` to `end`, by steps; the last may be shorter."""
    if end <= start:
        return
    if spec.step is None:
        yield Window(start, end)
    else:
        yield from windows(Windows(start, end, spec.step), end)


def _asked(spec: OpenWindows, window: Window) -> Window:
    first = window.start <= spec.start.astimezone(UTC)
    return window if first or not spec.overlap else replace(window, overlap=spec.overlap)


def window_of(label: str) -> Window | None:
    """The window whose `label` this is; None where it is none."""
    start, _, end = label.partition("_")
    try:
        return Window(_moment(start), _moment(end))
    except ValueError:
        return None


def _moment(text: str) -> datetime:
    form = "%Y-%m-%dT%H%M%SZ" if "T" in text else "%Y-%m-%d"
    return datetime.strptime(text, form).replace(tzinfo=UTC)


def window_count(spec: Windows, now: datetime) -> int:
    """Count what `windows` gives without listing it."""
    ready = _earlier(now, spec.settle)  # the latest end that a planned window may have
    cuts = range(1, _last_cut(spec) + 1)
    if spec.end is not None and spec.end <= ready:
        return bisect_left(cuts, spec.end, key=lambda k: _cut(spec, k)) + 1
    return bisect_right(cuts, ready, key=lambda k: _cut(spec, k))


def _cut(spec: Windows, k: int) -> datetime:
    """Give start + k steps in UTC; the end of the calendar where that is beyond it."""
    start = spec.start.astimezone(UTC)
    if k > _last_cut(spec):
        return datetime.max.replace(tzinfo=UTC)
    if spec.step.seconds:
        return start + timedelta(seconds=spec.step.seconds) * k
    year, month = divmod(_months(start) + k * spec.step.months, 12)
    return start.replace(
        year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1])
    )


def _last_cut(spec: Windows) -> int:
    """Give the largest k whose cut the calendar (to the year 9999) still holds."""
    start, end = spec.start.astimezone(UTC), datetime.max.replace(tzinfo=UTC)
    if spec.step.seconds:
        return (end - start) // timedelta(seconds=spec.step.seconds)
    return (_months(end) - _months(start)) // spec.step.months


def _months(moment: datetime) -> int:
    return moment.year * 12 + moment.month - 1


def _earlier(now: datetime, settle: timedelta) -> datetime:
    try:
        return now - settle
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)
