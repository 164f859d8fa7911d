"""Splits a partition that an API has too many records for into smaller ones. Pure.

An API that shows the first 1,000 results of a query gives all of them only where each query has no
more. The total that came with the first page says into how many parts: not halves, since each
level of halves asks once more for every window, but as few as hold, if the records are spread
evenly, no more than the cap with some way to go. Where they are not, the parts that are above the
cap are split again: so no more than `_MOST_PARTS` are made at once, and a year whose records lie in
one day costs some empty windows, not a thousand.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil, exp, log, sqrt
from typing import Any, Final

from harvester.model.stretches import Prefixes, Split, Stretch, Stretches, stretch_of
from harvester.model.time_windows import Windows, window_of
from harvester.model.window import Window

#: How far below the cap the parts are to be, in standard deviations of records spread by chance.
_WAY_TO_GO: Final = 2.3
_MOST_PARTS: Final = 64

#: The specs whose partitions can be split, where they say so.
Splittable = Windows | Stretches | Prefixes


def split_key(specs: Mapping[str, Any]) -> tuple[str, Splittable, Split] | None:
    """The key whose values are split, its spec, and when; None where there is none."""
    for key, spec in specs.items():
        if isinstance(spec, Windows | Stretches | Prefixes) and spec.split is not None:
            return key, spec, spec.split
    return None


def parts_asked(total: int | None, above: int) -> int:
    """Into how many parts a window with `total` records is best split; 2 where nobody knows."""
    if total is None or total <= above:
        return 2
    parts = max(2, ceil(total / above))
    while not _hold(total, parts, above):
        parts += max(1, parts // 256)
    if parts <= _MOST_PARTS:
        return parts
    levels = ceil(log(parts) / log(_MOST_PARTS))
    return ceil(exp(log(parts) / levels) - 1e-9)


def _hold(total: int, parts: int, above: int) -> bool:
    """Whether parts hold no more than the cap, nearly always; half of it is enough for any."""
    mean = total / parts
    return mean <= max(1, above / 2) or mean + _WAY_TO_GO * sqrt(mean * (1 - 1 / parts)) <= above


def split(value: Any, spec: Splittable, total: int | None) -> tuple[str, ...]:
    """The labels of the parts of a value, in order; none where it cannot be split further."""
    match spec:
        case Windows():
            return _of_window(value, spec, spec.split.above if spec.split else 1, total)
        case Stretches():
            cuts = _cuts(value.start, value.end, spec.smallest, spec.split.above, total)
            return tuple(Stretch(*pair).label for pair in pairwise(cuts))
        case Prefixes():
            if len(value) >= spec.longest:
                return ()
            return tuple(value + sign for sign in spec.signs)


def part_of(label: str, spec: Splittable) -> Any:
    """The value that a label of `split` stands for; None where it is none."""
    match spec:
        case Windows():
            return window_of(label)
        case Stretches():
            return stretch_of(label)
        case Prefixes():
            return label or None


def _of_window(window: Window, spec: Windows, above: int, total: int | None) -> tuple[str, ...]:
    unit = timedelta(seconds=1)
    first = window.start.replace(microsecond=0)
    seconds = -((first - window.end) // unit)
    cuts = _cuts(0, seconds, ceil(spec.smallest.total_seconds()), above, total)
    times: list[datetime] = [first + cut * unit for cut in cuts]
    if times:
        times[0], times[-1] = window.start, window.end
    return tuple(Window(*pair).label for pair in pairwise(times))


def _cuts(start: int, end: int, smallest: int, above: int, total: int | None) -> list[int]:
    """Where a stretch is cut, its ends included: no part shorter than `smallest`. None: nowhere."""
    most = (end - start) // smallest
    if most < 2:
        return []
    parts = min(most, parts_asked(total, above))
    steps = [at * most // parts * smallest for at in range(parts)]
    return [start + step for step in steps] + [end]
