"""Answers what workers ask of budgets, waits and paces, wherever the run keeps them."""

import time
from collections.abc import Callable, Mapping

from harvester.engine.workers.line import HORIZON_S, KEPT_S, Left
from harvester.http import RateLimit, Wait

#: Hears of the pace of a resource, which binds all workers; None: nobody is held back any more.
TellPace = Callable[[str, float | None], None]


class Budgets:
    """The limits of a run. Any thread may call it."""

    def __init__(self, limit: RateLimit, tell_pace: TellPace) -> None:
        self._limit = limit
        self._tell_pace = tell_pace

    def take(self, scope: str, late_s: float, missed: int) -> Wait:
        """A moment for a request."""
        return self._limit.promise(scope, HORIZON_S, max(0.0, late_s - KEPT_S), missed)

    def hold(self, scope: str, wait: Wait) -> None:
        """Promise no moment before the wait is over."""
        self._limit.hold(scope, wait)

    def slow_down(self, scope: str, age_s: float, wait_s: float) -> tuple[bool, float | None]:
        """A server wants fewer requests than there were when one left so long ago."""
        slower = self._limit.slow_down(scope, time.monotonic() - age_s, wait_s)
        pace = self._limit.pace(scope)
        if slower:
            self._tell_pace(scope, pace)
        return slower, pace

    def count(self, left: Mapping[str, Left], answered: Mapping[str, int]) -> list[str]:
        """Requests that left unasked, and answers that were well; the resources whose pace ends."""
        for scope, each in left.items():
            self._limit.left(scope, each.requests, each.first_s, each.last_s)
        ended = [
            scope
            for scope, answers in answered.items()
            for _ in range(answers)
            if self._limit.accept(scope)
        ]
        for scope in ended:
            self._tell_pace(scope, None)
        return ended
