"""Reads how long to wait from the words of servers. Pure.

`2s`, `6m0s`, `1 hour and 30 minutes`, `PT30S`, `Please try again in 20 seconds.`
"""

import re
from typing import Final

from harvester.patterns import pattern

_DURATION: Final = pattern(
    r"(?<![\d.,:+-])([0-9]{1,12}(?:\.[0-9]{1,9})?)\s?"
    r"(ms|msecs?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-su-z])",
    re.IGNORECASE,
)
_BETWEEN: Final = pattern(r"(?:\s|,|and|t)*", re.IGNORECASE)
_MOST_CHARS: Final = 1000


def seconds_in(text: str) -> float | None:
    """The seconds of the first duration that a text names; None where it names none."""
    total, end = None, 0
    text = text[:_MOST_CHARS]
    for found in _DURATION.finditer(text):
        if total is not None and not _BETWEEN.fullmatch(text, end, found.start()):
            break
        total = (total or 0.0) + float(found[1]) * _unit_s(found[2].lower())
        end = found.end()
    return total


def _unit_s(unit: str) -> float:
    if unit.startswith(("ms", "milli")):
        return 1e-3
    return {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}[unit[0]]
