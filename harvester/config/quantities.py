"""Reads durations, steps, sizes and moments as people write them.

Each function takes a YAML value and either returns what it stands for or raises ValueError with
a whole message: what was expected, with examples, and what was found.

Days are 24 hours and weeks seven days: all times are UTC, which has no daylight saving. Months
and years have no fixed length; only a window's step may be written in them.
"""

import re
from datetime import UTC, datetime
from math import isfinite
from typing import Final

from harvester.config.wording import shown
from harvester.model import Step
from harvester.patterns import pattern

_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_MONTHS: Final = {"mo": 1, "y": 12}
_BYTES: Final = {
    "": 1, "B": 1,
    "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip

#: The text forms, also as the JSON Schema states them (ECMA-262 and Python read them alike).
DURATION_PATTERN: Final = r"^[0-9]+(\.[0-9]+)? ?(ms|s|m|h|d|w)?$"
STEP_PATTERN: Final = r"^([1-9][0-9]* ?(mo|y)|[0-9]+(\.[0-9]+)? ?(ms|s|m|h|d|w)?)$"
SIZE_PATTERN: Final = r"^[0-9]+(\.[0-9]+)? ?([KkMmGgTt][Ii]?[Bb]|[Bb])?$"
MOMENT_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?$"

_MEASURE: Final = pattern(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)")
_LONGEST_S: Final = 100 * 366 * 86400  # a century: more is a slip of the unit, and time stays exact
_MOST_MONTHS: Final = 1200


def seconds(value: object) -> float:
    """Read a duration: `10s`, `15m`, `1h`, `1d`, `1w`, `500ms`; a bare number is seconds.

    Zero is a duration; negative, infinite and over a century are not.
    """
    number, unit = _measure(value) or (None, "")
    if number is not None and unit in _MONTHS:
        raise ValueError(f"a duration has no months or years: use days, got {shown(value)}")
    if number is None or unit not in {"", *_SECONDS}:
        raise ValueError(
            "expected a duration such as 10s, 15m, 1h, 1d, 1w or 500ms "
            f"(a bare number is seconds), got {shown(value)}"
        )
    duration = number * _SECONDS[unit or "s"]
    if duration > _LONGEST_S:
        raise ValueError(f"a duration is at most 100 years, got {shown(value)}")
    return int(duration) if duration == int(duration) else duration


def step(value: object) -> Step:
    """Read the length of a window: a duration above zero, or whole months `1mo`, years `1y`."""
    number, unit = _measure(value) or (None, "")
    if number is None or unit not in {"", *_SECONDS, *_MONTHS}:
        raise ValueError(
            "expected the length of a window such as 1h, 1d, 1w, 1mo or 1y "
            f"(a bare number is seconds), got {shown(value)}"
        )
    if unit in _MONTHS:
        months = number * _MONTHS[unit]
        if months != int(months) or not 0 < months <= _MOST_MONTHS or number != int(number):
            raise ValueError(f"months and years are whole, from 1mo to 100y, got {shown(value)}")
        return Step(months=int(months))
    length = seconds(value)
    if length < 0.001:
        raise ValueError(f"a window is at least one millisecond long, got {shown(value)}")
    return Step(seconds=length)


def step_text(length: Step) -> str | float:
    """Write a step so that `step` reads it back."""
    return f"{length.months}mo" if length.months else length.seconds


def size(value: object) -> int:
    """Read a number of bytes: `65536`, `8MiB`, `8MB`, `64 KiB`. At least one byte, at most 1 EiB.

    `K`, `M`, `G`, `T` without `B` are not units: nobody agrees on which they mean.
    """
    number, unit = _measure(value) or (None, "")
    if number is None or unit.upper() not in _BYTES:
        raise ValueError(
            f"expected a size such as 8MiB, 8MB, 64KiB or a number of bytes, got {shown(value)}"
        )
    total = number * _BYTES[unit.upper()]
    if total != int(total) or not 1 <= total <= 2**60:
        raise ValueError(f"a size is a whole number of bytes, from 1 up, got {shown(value)}")
    return int(total)


def moment(value: object) -> datetime:
    """Read a date or time: ISO 8601, `2021-01-01` or `2021-01-01T12:00:00Z`. UTC if it says no
    zone; the result is in UTC.
    """
    if isinstance(value, str) and re.match(MOMENT_PATTERN, value):
        try:
            read = datetime.fromisoformat(value)
            # A zone can push the first or last day of the calendar out of it.
            return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{shown(value)} is not a date or time: {error}") from None
    raise ValueError(
        f"expected a date or time such as 2021-01-01 or 2021-01-01T12:00:00Z, got {shown(value)}"
    )


def moment_text(time: datetime) -> str:
    """Write a moment so that `moment` reads it back: `2021-01-01T00:00:00Z`."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _measure(value: object) -> tuple[float, str] | None:
    """Split a number and its unit; None where there is no such thing."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return (value, "") if 0 <= value < 2**63 and isfinite(value) else None
    if isinstance(value, str) and (found := _MEASURE.fullmatch(value)) and len(value) <= 40:
        digits, unit = found.groups()
        return (float(digits) if "." in digits else int(digits)), unit
    return None
