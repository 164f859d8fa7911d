"""Lets a worker's requests leave by the budgets and the pace that all workers of a run share."""

import threading
import time
from collections import Counter
from collections.abc import Iterable

from harvester.engine.workers.line import KEPT_S, Batch, Left, Line
from harvester.http import RateLimit, Wait, resource_of
from harvester.values import dataclass

_LATEST_S = 15.0  # that a thread may be late for a moment that it was promised
_CALMER = 0.98  # by moments that were kept, less is allowed for


@dataclass(frozen=True, slots=True)
class _Promise:
    """A moment, as early as it may be by this clock, and how late a request may be for it."""

    scope: str
    at: float
    late_s: float
    ticket: int

    @property
    def is_kept(self) -> bool:
        return time.monotonic() - self.at <= self.late_s


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
        self._left: dict[str, tuple[int, float, float]] = {}  # how many, the first, the last
        self._promises = threading.local()  # each thread's
        self._late_s = KEPT_S

    def take(self, scope: str) -> Wait | None:
        """A moment for the next request; None: now."""
        resource = resource_of(scope)  # a scope may name a host, too
        wait = self._held.take(resource)
        if wait is not None:
            return wait
        if resource not in self._budgeted and self._paces.get(resource) is None:
            now = time.monotonic()
            with self._lock:
                requests, first, _ = self._left.get(resource, (0, now, now))
                self._left[resource] = requests + 1, first, now
            return None
        return self._moment(scope)

    def _moment(self, scope: str) -> Wait | None:
        """None where the moment that this thread was promised has come. One that it is too late
        for, be it since a server has asked to wait or this machine is busy, is given back, and
        for the next it may be later.
        """
        promise: _Promise | None = getattr(self._promises, "made", None)
        self._promises.made = None
        while True:
            if promise is not None and promise.scope == scope and promise.is_kept:
                self._late_s = max(KEPT_S, promise.late_s * _CALMER)
                return None
            if promise is not None:
                self._late_s = min(_LATEST_S, 2 * promise.late_s)
            late_s, asked_at = self._late_s, time.monotonic()
            wait = self._line.take(scope, late_s, promise.ticket if promise else 0)
            if not wait.promised:
                return wait
            promise = _Promise(scope, asked_at + wait.seconds, late_s, wait.ticket)
            if wait.seconds > 0:
                self._promises.made = promise
                return wait

    def sent(self) -> None:
        """In time for its moment: what a thread may be late, and the way, are in the margin."""

    def answered(self) -> None:
        """Which says nothing further."""

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
        """The driver decides, for all workers; first it hears what has happened until now."""
        left, answered = self.counted()
        if left or answered:
            self._line.tell(Batch(left=left, answered=answered))
        slower, self._paces[scope] = self._line.slow_down(scope, time.monotonic() - left_at, wait_s)
        return slower

    def pace(self, scope: str) -> float | None:
        """As far as it was heard of."""
        return self._paces.get(scope)

    def paced(self, scope: str, per_s: float | None) -> None:
        """The pace of all workers has changed."""
        self._paces[scope] = per_s

    def counted(self) -> tuple[dict[str, Left], dict[str, int]]:
        """Requests that left unasked, and good answers, since this was asked last."""
        with self._lock:
            now = time.monotonic()
            left = {
                scope: Left(requests, now - first, now - last)
                for scope, (requests, first, last) in self._left.items()
            }
            found = left, dict(self._answered)
            self._left.clear()
            self._answered.clear()
        return found
