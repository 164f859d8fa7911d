"""Limits how many requests the emulator lets through: in a window, and the pace within it.

Twitter counts an application's requests to each endpoint in windows of 15 minutes that begin with
a request, and caps the requests of one second besides. What it answers to a second request in one
second and to the 301st in a window is the same 429; only `x-rate-limit-remaining` tells them
apart, and a client that waits for the window's end after the first kind stands still.
"""

from collections import deque
from dataclasses import dataclass
from math import ceil
from typing import Literal


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`requests` per window of `window_s` seconds, at most `per_second` (None: any) in one."""

    requests: int = 300
    window_s: float = 900.0
    per_second: int | None = None

    def __post_init__(self) -> None:
        if self.requests < 1 or self.window_s <= 0 or (self.per_second or 1) < 1:
            raise ValueError(f"not a rate limit that lets anything through: {self}")


UNLIMITED = RateLimit(requests=10**9)
"""For tests that are not about rates."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What became of one request, and what the `x-rate-limit-*` headers say of it.

    `reset` is in epoch seconds, rounded up: who waits until then is let through.
    """

    limit: int
    remaining: int
    reset: int
    refused: Literal["window", "second"] | None = None


class Allowance:
    """One endpoint's window. Not thread-safe: its owner holds a lock."""

    def __init__(self, rate_limit: RateLimit) -> None:
        self._rate_limit = rate_limit
        self._ends = float("-inf")
        self._used = 0
        self._last_second: deque[float] = deque(maxlen=rate_limit.per_second or 1)

    def take(self, now: float) -> Ruling:
        """Count a request made at `now` (epoch seconds) and rule on it.

        A request that is refused takes nothing from the window.
        """
        self._turn(now)
        if self._used >= self._rate_limit.requests:
            return self._ruling("window")
        last = self._last_second
        if self._rate_limit.per_second and len(last) == last.maxlen and 0 <= now - last[0] < 1:
            return self._ruling("second")
        last.append(now)
        self._used += 1
        return self._ruling(None)

    def look(self, now: float) -> Ruling:
        """Say how things stand, without counting a request."""
        self._turn(now)
        return self._ruling(None)

    def _turn(self, now: float) -> None:
        if now >= self._ends:
            self._ends, self._used = now + self._rate_limit.window_s, 0

    def _ruling(self, refused: Literal["window", "second"] | None) -> Ruling:
        limit = self._rate_limit.requests
        return Ruling(limit, limit - self._used, ceil(self._ends), refused)
