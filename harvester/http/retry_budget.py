"""Retry budget: no more than a share of a run's requests are retries.

So no run makes an outage worse. The first retries of a run are free, since one page that fails is
no outage. Where nothing gets through at all, one retry still leaves now and then, so that a server
that comes back is noticed; no page is given up for want of a budget, it waits.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

_FREE: Final = 20
_AT_LEAST_EVERY_S: Final = 10.0


class RetryBudget:
    """What all workers of a run share; `share` is that of retries among all requests, 0 to 1."""

    def __init__(
        self,
        share: float,
        longest_s: float,
        clock: Callable[[], float] = time.monotonic,
        processes: int = 1,
    ) -> None:
        """No retry waits for longer than `longest_s` on the budget's account. Each of so many
        `processes` of a run has a budget of its own requests.
        """
        self.share = share
        self._free = _FREE // processes
        self._every_s = min(_AT_LEAST_EVERY_S, longest_s)
        self._clock = clock
        self._lock = threading.Lock()
        self._requests = self._retries = 0
        self._last = clock()
        self._told = False

    def first(self) -> None:
        """A page is asked for, for the first time."""
        with self._lock:
            self._requests += 1

    def tell(self) -> bool:
        """Whether nobody has told yet that it binds."""
        with self._lock:
            told, self._told = self._told, True
        return not told

    def retry(self) -> float:
        """Count a retry in and give 0.0, or how long to wait before asking again."""
        with self._lock:
            now = self._clock()
            allowed = self._retries + 1 <= self._free + self.share * (self._requests + 1)
            left = self._last + self._every_s - now
            if not allowed and left > 0:
                return left
            self._requests += 1
            self._retries += 1
            self._last = now
            return 0.0
