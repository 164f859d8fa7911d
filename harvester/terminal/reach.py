"""Estimates how far a partition has come, by the times or the ids of its pages. Pure.

A search of a stretch of time that goes through it in order, newest or oldest first, shows by any
of its records how much of the stretch is behind it. Ids will do where they hold the time, as
Twitter's do. Which way the search goes is seen from the pages themselves; one that turns round is
in no order of time, and has no estimate.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final

_TWITTER_MS: Final = 1_288_834_974_657  # where the ids of these two begin to count milliseconds
_DISCORD_MS: Final = 1_420_070_400_000
_LARGEST_ID: Final = 1 << 100  # a nanosecond epoch takes 61 bits, an id of Twitter 63
_LONGEST_S: Final = 1e11  # the year 5138
_TURNED: Final = 0.05  # of the stretch; less is disorder among neighbours


class Reach:
    """The share of a stretch of time (epoch seconds) that is behind a search, 0 to 1.

    `share` is None until two pages show which way it goes, and for good once it has turned.
    `began` is the share at the first page seen.
    """

    def __init__(self, start: float, end: float) -> None:
        self.share: float | None = None
        self.began = 0.0
        self._start, self._end = start, end
        self._first: float | None = None
        self._backward: bool | None = None
        self._turned = False

    def see(self, value: Any) -> None:
        """Take note of a page's value; one that is no time in the stretch tells nothing."""
        now = next((place for place in map(self._place, moments(value)) if place is not None), None)
        if now is None or self._turned:
            return
        if self._first is None:
            self._first = now
        if self._backward is None and now != self._first:
            self._backward = now < self._first
            self.began = self._behind(self._first)
        if self._backward is None:
            return
        behind = self._behind(now)
        self._turned = behind < (self.share or 0.0) - _TURNED
        self.share = None if self._turned else max(behind, self.share or 0.0)

    def _behind(self, place: float) -> float:
        return 1 - place if self._backward else place

    def _place(self, moment: float) -> float | None:
        """Where in the stretch it lies; what is just outside counts as its end."""
        place = (moment - self._start) / (self._end - self._start)
        return min(1.0, max(0.0, place)) if -0.5 <= place <= 1.5 else None


def moments(value: Any) -> Iterator[float]:
    """The epoch seconds that a value may stand for, the likeliest first.

    A date or time as ISO 8601 writes it; an epoch in seconds, milliseconds, micro- or
    nanoseconds; an id of Twitter, Discord or Mastodon. The same number may be several of these.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return
    if isinstance(value, str) and not value.isdecimal():
        yield from _iso(value)
        return
    if isinstance(value, str) and len(value) > 20:
        return
    if isinstance(value, float) and not isfinite(value):
        return
    number = int(value)
    if abs(number) > _LARGEST_ID:  # of any digits: no float could hold it
        return
    if 0 < number < _LONGEST_S:
        yield float(number)
        return
    yield number / 1e3
    if number >= 1 << 40:
        yield ((number >> 22) + _TWITTER_MS) / 1e3
        yield ((number >> 22) + _DISCORD_MS) / 1e3
        yield (number >> 16) / 1e3  # Mastodon's
        yield number / 1e6
        yield number / 1e9


def _iso(text: str) -> Iterator[float]:
    try:
        moment = datetime.fromisoformat(text.strip())
        yield (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return
