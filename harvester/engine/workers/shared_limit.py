"""Lets a worker's requests leave by the budgets and the pace that all workers of a run share."""

import threading
import time
from collections import Counter
from collections.abc import Iterable

from harvester.engine.workers.line import Line
from harvester.http import RateLimit, Wait, resource_of

_KEPT_S = 0.25  # how late a thread may come for a moment that it was promised


class SharedLimit:
    """`Limit` of a worker: waits that servers ask for are known here, and a moment is asked for
    where a resource has a budget, or its server has asked for fewer requests.
    """

    def __init__(self, line: Line, budgeted: Iterable[str], resources: Iterable[str]) -> None:
        """`budgeted` are the resources that have a budget, their own or the client's."""
        self._line = line
        self._budgeted = frozenset(budgeted)
        self._held = RateLimit((), dict.fromkeys(resources, ()), adaptive=False)
        self._lock = threading.Lock()
        self._paces: dict[str, float | None] = {}  # of those whose server has asked for fewer
        self._answered: Counter[str] = Counter()
        self._left: Counter[str] = Counter()
        self._promises = threading.local()  # each thread's: of which resource, and for when

    def take(self, scope: str) -> Wait | None:
        """A moment for the next request; None: now."""
        resource = resource_of(scope)  # a scope may name a host, too
        wait = self._held.take(resource)
        if wait is not None:
            return wait
        if resource not in self._budgeted and self._paces.get(resource) is None:
            with self._lock:
                self._left[resource] += 1
            return None
        if self._is_promised(scope):
            return None
        wait = self._line.take(scope)
        if wait is not None and wait.promised:
            self._promises.made = scope, time.monotonic() + wait.seconds
        return wait

    def _is_promised(self, scope: str) -> bool:
        """Whether the moment that this thread was promised has come; one that it missed, since a
        server has asked to wait, is lost.
        """
        promised, at = getattr(self._promises, "made", (None, 0.0))
        self._promises.made = None, 0.0
        return promised == scope and -0.02 < time.monotonic() - at < _KEPT_S

    def hold(self, scope: str, wait: Wait) -> None:
        """Bind every worker, this one at once."""
        self._held.hold(scope, wait)
        self._line.hold(scope, wait)

    def heard(self, scope: str, wait: Wait) -> None:
        """Another worker's server asks to wait."""
        self._held.hold(scope, wait)

    def accept(self, scope: str) -> bool:
        """Counted here; the driver hears of it with the next batch, and tells of what follows."""
        with self._lock:
            self._answered[scope] += 1
        return False

    def slow_down(self, scope: str, left_at: float, wait_s: float) -> bool:
        """The driver decides, for all workers."""
        slower, self._paces[scope] = self._line.slow_down(scope, time.monotonic() - left_at, wait_s)
        return slower

    def pace(self, scope: str) -> float | None:
        """As far as it was heard of."""
        return self._paces.get(scope)

    def paced(self, scope: str, per_s: float | None) -> None:
        """The pace of all workers has changed."""
        self._paces[scope] = per_s

    def counted(self) -> tuple[dict[str, int], dict[str, int]]:
        """Requests that left unasked, and good answers, since this was asked last."""
        with self._lock:
            found = dict(self._left), dict(self._answered)
            self._left.clear()
            self._answered.clear()
        return found
