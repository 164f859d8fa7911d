"""Tells which texts are numbers or times, exactly, and gives their values. Pure.

A text is a number or a time only where nothing of its value is lost:

    INTEGER    `-?[0-9]+` without a zero in front (`007` is a code) and without a plus
    DECIMAL    digits, a point, digits
    EXPONENT   a number with an `e`, where a double has just that value
    DATE       `2021-01-31`
    LOCAL      a date and a time of day without an offset; to the microsecond
    INSTANT    the same with `Z` or an offset, RFC 2822 (`Wed, 10 Oct 2018 20:19:24 GMT`), and
               Twitter's `Wed Oct 10 20:19:24 +0000 2018`
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any, Final

from harvester.patterns import pattern

_LONGEST: Final = 64
_ZEROS: Final = pattern(r"-[0.]+(?:[eE].*)?")
_NUMBER: Final = pattern(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_ISO: Final = pattern(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6}0*)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905  # in order
_DAYS: Final = "Mon Tue Wed Thu Fri Sat Sun".split()  # noqa: SIM905
_SPOKEN: Final = (
    re.compile(
        r"(?P<wd>[A-Z][a-z]{2}) (?P<mon>[A-Z][a-z]{2}) (?P<d>[0-9]{2}) "
        r"(?P<h>[0-9]{2}):(?P<m>[0-9]{2}):(?P<s>[0-9]{2}) (?P<z>[+-][0-9]{4}) (?P<y>[0-9]{4})"
    ),
    re.compile(
        r"(?P<wd>[A-Z][a-z]{2}), (?P<d>[0-9]{1,2}) (?P<mon>[A-Z][a-z]{2}) (?P<y>[0-9]{4}) "
        r"(?P<h>[0-9]{2}):(?P<m>[0-9]{2}):(?P<s>[0-9]{2}) (?P<z>GMT|[+-][0-9]{4})"
    ),
)


class TextKind(Enum):
    """What a text is."""

    EMPTY = "empty"
    INTEGER = "integer"
    DECIMAL = "decimal"
    EXPONENT = "exponent"
    DATE = "date"
    LOCAL = "local"
    INSTANT = "instant"
    OTHER = "other"


def kind_of(text: str) -> TextKind:
    """What a text is; `OTHER` where its value would not be kept exactly."""
    if not text:
        return TextKind.EMPTY
    if len(text) > _LONGEST:
        return TextKind.OTHER
    if found := _NUMBER.fullmatch(text):
        if _ZEROS.fullmatch(text):  # a negative zero is a zero to most readers
            return TextKind.OTHER
        if found[2]:
            return TextKind.EXPONENT if is_double(text) else TextKind.OTHER
        return TextKind.DECIMAL if found[1] else TextKind.INTEGER
    if found := _ISO.fullmatch(text):
        if not found[1]:
            return _if(date.fromisoformat, text, TextKind.DATE)
        if not found[2]:
            return _if(datetime.fromisoformat, text, TextKind.LOCAL)
        return _if(instant_of, text, TextKind.INSTANT)
    if text[0] in "MTWFS":
        return _if(instant_of, text, TextKind.INSTANT)
    return TextKind.OTHER


def is_double(text: str) -> bool:
    """Whether a double has the very value of this number."""
    value = float(text)
    return isfinite(value) and Decimal(repr(value)) == Decimal(text)


def instant_of(text: str) -> datetime:
    """The moment that a text with an offset names, in UTC. Raises ValueError, OverflowError."""
    if text[0].isdigit():
        return datetime.fromisoformat(text).astimezone(UTC)
    for form in _SPOKEN:
        if found := form.fullmatch(text):
            year, month, day = int(found["y"]), _MONTHS.index(found["mon"]) + 1, int(found["d"])
            hour, minute, second = int(found["h"]), int(found["m"]), int(found["s"])
            zone = _zone(found["z"])
            moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
            if _DAYS[moment.weekday()] != found["wd"]:
                raise ValueError(f"{text} was another day of the week")
            return moment.astimezone(UTC)
    raise ValueError(f"{text} is no time")


def _zone(text: str) -> timezone:
    if text == "GMT":
        return UTC
    hours, minutes = int(text[1:3]), int(text[3:])
    if minutes > 59:
        raise ValueError(f"{text} is no offset")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _if(read: Callable[[str], Any], text: str, kind: TextKind) -> TextKind:
    try:
        read(text)
    except (ValueError, OverflowError):
        return TextKind.OTHER
    return kind
