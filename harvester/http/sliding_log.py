"""Counts the requests of one budget, by the latest moment at which each may have been counted.

A request that may leave is not gone: its thread waits for a core, its connection is made, its bytes
travel, and the server gets to it when it can. So, of a budget of N per period, a request counts as

- leaving now, until its bytes are written;
- then as many seconds later than that as its answer is behind the fastest one there was, be it on
  its way still, but no more than `late_s`: what a server does for an answer takes its time, too.

The next may leave when the N-th latest of them is a period ago. Then no window of the server's,
wherever it begins, holds more than N, however busy the machine is: of N + 1 requests, when the last
one was let go, one other must have been counted a period ago.
"""

import math
from collections import deque
from collections.abc import Iterable
from typing import Final

_SMALL_SHARE: Final = 0.01  # of a period, that answers may be uneven by,
_SMALL_S: Final = 0.05  # and no more than that,
_LARGE_SHARE: Final = 0.5  # but where the machine is seen to be late
_AT_FIRST_S: Final = 0.1  # before anything was seen of it
_LATEST_S: Final = 0.25  # what is later has slept, or was stopped
_TIMES: Final = 4  # the server may be as late, and later than what was seen
_HALVED_S: Final = 5.0
_FEW: Final = 10
_FIRST_S: Final = 0.02


class Answers:
    """How soon the answers of one resource begin: the fastest one stands for what none is without,
    the way there and back. Of the first few it may not have been among them.
    """

    __slots__ = ("_count", "_quickest_s")

    def __init__(self, quickest_s: float = math.inf, count: int = 0) -> None:
        self._quickest_s = quickest_s
        self._count = count

    @property
    def quickest_s(self) -> float:
        """So many seconds."""
        return self._quickest_s - (_FIRST_S if self._count < _FEW else 0.0)

    def came(self, after_s: float) -> float:
        """One began; by how much it is faster than any before."""
        self._count += 1
        faster_s = self._quickest_s - after_s
        self._quickest_s = min(after_s, self._quickest_s)
        return 0.0 if faster_s == math.inf else max(faster_s, 0.0)


class Lateness:
    """How late threads are seen to wake up; forgotten soon."""

    def __init__(self) -> None:
        self._seen_s = _AT_FIRST_S
        self._at = -math.inf

    def seen(self, late_s: float, now: float) -> None:
        """A thread that was to wake up has, so much later."""
        late_s = _TIMES * min(late_s, _LATEST_S)
        if late_s > self.within_s(now):
            self._seen_s, self._at = late_s, now

    def within_s(self, now: float) -> float:
        """How late any may be."""
        if self._at == -math.inf:
            self._at = now
        return float(self._seen_s * 0.5 ** ((now - self._at) / _HALVED_S))


class Leaving:
    """A request from its being let go to its answer's head."""

    __slots__ = ("answers", "sent", "taken")

    def __init__(self, taken: float, answers: Answers) -> None:
        self.taken = taken
        self.answers = answers
        self.sent: float | None = None

    def noted(self, now: float, late_s: float) -> float:
        """The latest moment at which it may have been counted, where its answer comes now, or has
        not come yet.
        """
        if self.sent is None:
            return now
        return self.sent + min(max(0.0, now - self.sent - self.answers.quickest_s), late_s)


class SlidingLog:
    """The latest N requests of a budget of N per `per_s` seconds. Called under a lock."""

    def __init__(self, requests: int, per_s: float, before: Iterable[float] = ()) -> None:
        """`before` are the moments of requests of earlier runs, the earliest first."""
        self._requests = requests
        self._per_s = per_s
        self._times = deque(before, maxlen=requests)  # the earliest first
        self._leaving: set[Leaving] = set()
        self._promised = -math.inf  # the last moment: they stay in order

    def promise(self, at: float, late_s: float) -> float:
        """A request leaves then, or so much later; gives the latest time that is noted for it."""
        self._promised = at
        latest = max(at + late_s, self._times[-1] if self._times else -math.inf)
        self._times.append(latest)
        return latest

    def give_back(self, noted: float) -> None:
        """A request that was noted has not left."""
        if noted in self._times:
            self._times.remove(noted)

    def begin(self, leaving: Leaving) -> None:
        """A request may leave."""
        self._leaving.add(leaving)

    def end(self, leaving: Leaving, noted: float) -> None:
        """Its moment is known."""
        self._leaving.discard(leaving)
        times = self._times
        if len(times) == self._requests:
            noted = max(noted, times.popleft())
        at = len(times)
        while at and times[at - 1] > noted:  # nearly always the latest
            at -= 1
        times.insert(at, noted)

    def later(self, by_s: float) -> None:
        """All may have been counted so much later than was noted."""
        self._times = deque((at + by_s for at in self._times), maxlen=self._requests)

    def late_s(self, seen_s: float) -> float:
        """How late a request may be, on a machine that was seen to be so much too late."""
        least = min(_SMALL_S, _SMALL_SHARE * self._per_s)
        return min(max(seen_s, least), _LARGE_SHARE * self._per_s)

    def wait_s(self, now: float, seen_s: float = 0.0) -> float:
        """The seconds until the next may leave."""
        oldest = self._nth_latest(now, self.late_s(seen_s))
        return max(self._promised - now, oldest + self._per_s - now, 0.0)

    def _nth_latest(self, now: float, late_s: float) -> float:
        """The moment of the N-th latest; of those that are known, and those on their way."""
        times, wanted = self._times, self._requests
        if len(times) + len(self._leaving) < wanted:
            return -math.inf
        found = times[-wanted] if len(times) >= wanted else -math.inf
        on_way = sorted((each.noted(now, late_s) for each in self._leaving), reverse=True)
        # So many of those on their way, and the latest of the known: the earliest of these is the
        # N-th latest of all where it is latest.
        for number, moment in enumerate(on_way[:wanted], 1):
            known = wanted - number
            if known <= len(times):
                found = max(found, min(moment, times[-known] if known else math.inf))
        return found
