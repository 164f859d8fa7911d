"""Reads how long a server asks to wait, out of the headers and bodies that say so.

No two say it alike: seconds, milliseconds, an epoch, a date, a duration in words, and the drafts of
a RateLimit header. Pure: the time that an answer came is handed in.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any, Final

from harvester.http.waiting import USED_UP, Wait
from harvester.model import seconds_in
from harvester.patterns import pattern

_EPOCH: Final = 1e9  # a larger reset is epoch seconds, any other seconds from now
_MILLISECONDS: Final = 1e11  # a larger one epoch milliseconds
# Discord sends both: seconds with a fraction, and an epoch that loses it.
_RESETS: Final = (
    "x-ratelimit-reset-after",
    "x-rate-limit-reset",
    "x-ratelimit-reset",
    "ratelimit-reset",
    "x-ratelimit-reset-requests",
)
_REMAINING: Final = (
    "x-rate-limit-remaining",
    "x-ratelimit-remaining",
    "ratelimit-remaining",
    "x-ratelimit-remaining-requests",
)
_ANNOUNCING: Final = {"ratelimit", *_REMAINING}
_MILLISECOND_WAITS: Final = ("retry-after-ms", "x-ms-retry-after-ms")
_MOST_PIECES: Final = 8
_A_NUMBER: Final = pattern(r"[ \t]*[0-9]{1,30}(\.[0-9]{1,9})?([eE]\+?[0-9]{1,2})?[ \t]*")
_UNITS: Final = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def server_wait(headers: Mapping[str, str], now_epoch: float) -> float | None:
    """The seconds that the server asks to wait, 0 or more; None when it names none we understand.

    In this order: Retry-After (RFC 9110 §10.2.3, fractions too), `t` of RateLimit (the IETF
    draft), then the `x-ratelimit-reset` family. The last two say when a window ends, which is a
    reason to wait only if nothing remains in it: a 503 in the middle of a window carries them as
    well. `headers` have lower-case names. Points in time are taken against the response's own
    Date, so that a skewed clock on either side does no harm.
    """
    date = _http_date(headers.get("date", ""))
    now = now_epoch if date is None else date
    exactly = (_number(headers.get(name, "")) for name in _MILLISECOND_WAITS)
    asked = _first_number(
        *(None if wait is None else wait / 1000 for wait in exactly),
        _retry_after(headers.get("retry-after", ""), now),
    )
    if asked is not None or min(_remaining(headers), default=0.0) > 0:
        return asked
    return window_reset(headers, now_epoch)


def window_reset(headers: Mapping[str, str], now_epoch: float) -> float | None:
    """The seconds until the server's present window ends, whatever remains in it."""
    structured = headers.get("ratelimit")
    wait = _structured(structured)[1] if structured else None
    resets = [headers[name] for name in _RESETS if name in headers]
    if wait is None and resets:
        date = _http_date(headers.get("date", ""))
        now = now_epoch if date is None else date
        wait = next((found for text in resets if (found := _reset(text, now)) is not None), None)
    return _first_number(wait)


def exhausted(headers: Mapping[str, str], now_epoch: float) -> Wait | None:
    """The wait that a good answer announces: nothing remains, and the reset is known."""
    if not headers.keys() & _ANNOUNCING:  # as most are; below, each name is looked for
        return None
    if not any(number <= 0 for number in _remaining(headers)):
        return None
    wait = window_reset(headers, now_epoch)
    return Wait(wait, USED_UP) if wait else None


def _remaining(headers: Mapping[str, str]) -> list[float]:
    """What the headers say remains, one number a budget that they tell of."""
    found = [_number(headers[name]) for name in _REMAINING if name in headers]
    if structured := headers.get("ratelimit"):
        found.append(_structured(structured)[0])
    return [number for number in found if number is not None]


def _first_number(*values: float | None) -> float | None:
    return next((max(0.0, value) for value in values if value is not None), None)


def _number(text: str) -> float | None:
    """A plain decimal number, 0 or more."""
    return float(text) if _A_NUMBER.fullmatch(text) else None


def _http_date(text: str) -> float | None:
    """Epoch seconds of a date as HTTP (RFC 9110 section 5.6.7) or ISO 8601 writes it."""
    if not text or _number(text) is not None:
        return None
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(text.strip())
            # Without a zone it is UTC, never the machine's time.
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
    return None


def _retry_after(text: str, now: float) -> float | None:
    """The longest of what it asks for: a proxy may have made a list of two headers."""
    whole = _asked(text, now)
    if whole is not None:
        return whole
    pieces = text.split(",")[:_MOST_PIECES]
    found = [_asked(piece, now) for piece in (*pieces, *map(",".join, pairwise(pieces)))]
    return max((wait for wait in found if wait is not None), default=None)


def _asked(text: str, now: float) -> float | None:
    """Seconds, a date, or a duration in words: `2s`."""
    seconds = _number(text)
    if seconds is not None:
        return seconds
    date = _http_date(text)
    return seconds_in(text) if date is None else date - now


def wait_of(value: Any, now: float, *, milliseconds: bool = False) -> float | None:
    """The seconds to wait by a value of an answer's body, 0 or more: a number of seconds (or of
    milliseconds), an epoch, a date, a duration, or a sentence that names one.
    """
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            value = f"{float(value):f}"
        except (OverflowError, ValueError):
            return None
    if not isinstance(value, str):
        return None
    number = _number(value)
    if milliseconds and number is not None and number <= _EPOCH:
        return number / 1000
    wait = _reset(value, now)
    return _first_number(seconds_in(value) if wait is None else wait)


def longest(*waits: float | None) -> float | None:
    """The longest wait that there is."""
    return max((wait for wait in waits if wait is not None), default=None)


def _reset(text: str, now: float) -> float | None:
    """Epoch seconds, epoch milliseconds, seconds from now, a date or a duration: all are seen."""
    value = _number(text)
    if value is None:
        date = _http_date(text)
        return _duration(text) if date is None else date - now
    if value > _MILLISECONDS:
        return value / 1000 - now
    return value - now if value > _EPOCH else value


def _duration(text: str) -> float | None:
    """A duration such as `6m0s` or `1h30m`, as OpenAI writes its resets."""
    text = text.strip()
    if not re.fullmatch(r"([0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h|d))+", text):
        return None
    return sum(
        float(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9.]+)(ms|[smhd])", text)
    )


def _structured(text: str) -> tuple[float | None, float | None]:
    """What remains, and the seconds until more does, by a RateLimit header.

    Both of the draft's forms are seen: `limit=100, remaining=0, reset=30`, and since 2024 one
    item per policy, `"burst";r=0;t=5, "daily";r=90;t=3600`. Of several, the one that is used up
    counts, and the longest wait of these; else the one with the least left.
    """
    text = re.sub(r'"[^"]*"', "", text)
    found = [
        dict(re.findall(r"\b([a-z]{1,20})\s*=\s*([0-9]{1,15})", item)) for item in text.split(",")
    ]
    policies = [(item.get("r"), item["t"]) for item in found if "t" in item]
    if not policies:
        whole = {name: number for item in found for name, number in item.items()}
        policies = [(whole.get("remaining", whole.get("r")), whole.get("reset"))]
    numbers = [(_number(left or ""), _number(seconds or "")) for left, seconds in policies]
    return min(numbers, key=lambda pair: (pair[0] or 0.0, -(pair[1] or 0.0)))
