"""Limits the rate of requests: by the budgets of the YAML, and by what the server says.

A budget of N requests per period is a sliding log: a request may leave when the N-th last one was
counted at least a period ago, for which `sent` and `answered` say when each was on its way. So no
window of the server's, wherever it begins, holds more than N.
One `RateLimit` is shared by every worker of a run.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Final

from harvester.config import Budget
from harvester.http.pace import Pace
from harvester.http.recent_requests import SHARED, History, Recent, Ring
from harvester.http.sliding_log import Answers, Lateness, Leaving, SlidingLog
from harvester.http.waiting import PACED, Wait, host_scope, resource_of, scope_and_host

_MOST_SCOPES: Final = 100_000
_MOST_PROMISED: Final = 10_000  # whose tickets are known


class RateLimit:
    """Budgets shared by all workers of a run; `clock` is monotonic seconds.

    `scope` names who a wait is for: a resource has budgets of its own on top of the client's,
    and a server's "no requests remaining" holds back only the resource that got it.
    """

    def __init__(
        self,
        client: Sequence[Budget],
        resources: Mapping[str, Sequence[Budget]],
        clock: Callable[[], float] = time.monotonic,
        recent: History | None = None,
        adaptive: bool = True,
        margin_s: float = 0.0,
        hosts: Mapping[str, Sequence[Budget]] | None = None,
    ) -> None:
        """`recent` holds the requests of earlier runs; those of this run are added.
        `adaptive` finds the pace that the server bears, of each resource, below the budgets.
        `margin_s` is added to each period: requests of several processes reach the server less
        evenly than they were let go. `hosts` have budgets of their own, `*` each of the others.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._recent = recent

        def logs(scope: str, budgets: Sequence[Budget]) -> list[_Log]:
            rings = recent.rings.get(scope, []) if recent else []
            return [
                _Log(budget, ring, margin_s, before(ring))
                for budget, ring in zip_longest(budgets, rings)
            ]

        def before(ring: Ring | None) -> list[float]:
            return [clock() - age for age in recent.ages(ring)] if recent and ring else []

        shared = logs(SHARED, client)
        self._logs = {name: [*shared, *logs(name, budgets)] for name, budgets in resources.items()}
        self._new_logs = logs
        self._hosts = hosts or {}
        self._of_hosts: dict[str, list[_Log]] = {}
        self._held: dict[str, tuple[float, str]] = {}
        self._paces = {name: Pace() for name in resources} if adaptive else {}
        self._answers: dict[str, Answers] = defaultdict(Answers)
        self._lateness = Lateness()
        self._mine = _Mine()
        self._ticket = 0
        self._promised: dict[int, list[tuple[_Log, float]]] = {}  # the latest, by their tickets

    def take(self, scope: str) -> Wait | None:
        """Take one request from every budget; where one has none left, take nothing and say how
        long to wait before asking again.
        """
        with self._lock:
            now, mine = self._clock(), self._mine
            if mine.leaving is not None:  # that was not sent, or lost its answer
                self._end(now if mine.leaving.sent else mine.leaving.taken)
            if mine.until is not None and now >= mine.until:
                self._lateness.seen(now - mine.until, now)
            logs, wait = self._wait(scope, now)
            mine.until = now + wait.seconds if wait.seconds > 0 else None
            if wait.seconds > 0:
                return wait
            self._note(scope, logs, now)
            if logs:
                mine.leaving, mine.logs = Leaving(now, self._answers[resource_of(scope)]), logs
                for log in logs:
                    log.begin(mine.leaving)
            return None

    def sent(self) -> None:
        """The request of this thread has been written."""
        if self._mine.leaving is not None:
            self._mine.leaving.sent = self._clock()

    def answered(self) -> None:
        """The head of its answer has come, or there will be none."""
        leaving = self._mine.leaving
        if leaving is None:
            return
        with self._lock:
            now = self._clock()
            faster_s = 0.0 if leaving.sent is None else leaving.answers.came(now - leaving.sent)
            if faster_s > 0.0:  # so all before were later than it seemed
                seen_s = self._lateness.within_s(now)
                for log in self._mine.logs:
                    log.later(min(faster_s, log.late_s(seen_s)))
            self._end(now)

    def _end(self, now: float) -> None:
        """The request of this thread has been answered, or was lost. The lock is held."""
        mine = self._mine
        if mine.leaving is not None:
            seen_s = self._lateness.within_s(now)
            for log in mine.logs:
                log.end(mine.leaving, mine.leaving.noted(now, log.late_s(seen_s)))
        mine.leaving, mine.logs = None, ()

    def promise(self, scope: str, within_s: float, late_s: float, missed: int = 0) -> Wait:
        """The same, but a moment that is at most `within_s` ahead is promised, and kept for whoever
        asks, who may be `late_s` later than that. `missed` is the ticket of one that was promised
        and that nobody came for. A server's wish to wait binds all that is not promised yet.
        """
        with self._lock:
            self._give_back(missed)
            now = self._clock()
            logs, wait = self._wait(scope, now)
            if wait.seconds > within_s:
                return wait
            self._ticket += 1
            at = now + wait.seconds
            self._note(scope, logs, at)
            self._promised[self._ticket] = [(log, log.promise(at, late_s)) for log in logs]
            if len(self._promised) > _MOST_PROMISED:
                del self._promised[next(iter(self._promised))]
            return replace(wait, promised=True, ticket=self._ticket)

    def _wait(self, scope: str, now: float) -> "tuple[list[_Log], Wait]":
        """The budgets of a request, and how long it has to wait. The lock is held."""
        logs = self._logs[scope] if scope in self._logs else self._logs_at(scope)
        scope = resource_of(scope)
        until, reason = self._held.get(scope, (now, ""))
        longest = Wait(max(0.0, until - now), reason)
        pace = self._paces.get(scope)
        if pace and (wait := pace.wait_s(now)) > longest.seconds:
            longest = Wait(wait, PACED, asked=False)
        seen_s = self._lateness.within_s(now)
        for log in logs:
            wait = log.wait_s(now, seen_s)
            if wait > longest.seconds:
                longest = Wait(wait, str(log), asked=False)
        return logs, longest

    def _note(self, scope: str, logs: Sequence["_Log"], at: float) -> None:
        """Note that a request leaves then: its pace, and on disk. The lock is held."""
        if pace := self._paces.get(resource_of(scope)):
            pace.leave(at)
        ahead_s = at - self._clock()
        for log in logs:
            if self._recent and log.ring:
                log.ring.note(self._recent.now() + ahead_s)

    def _give_back(self, ticket: int) -> None:
        """Take a request that has not left out of the budgets. The lock is held."""
        for log, latest in self._promised.pop(ticket, ()):
            log.give_back(latest)

    def _logs_at(self, scope: str) -> "list[_Log]":
        """The budgets of a resource, and those of the host that it goes to."""
        resource, host = scope_and_host(scope)
        named = (each for each in (host, host.partition(":")[0]) if each in self._hosts)
        key = next(named, host)
        if host and key not in self._of_hosts:
            budgets = self._hosts.get(key, self._hosts.get("*", ()))
            self._of_hosts[key] = self._new_logs(host_scope(key), budgets)
            for log in self._of_hosts[key]:
                log.host = key
        logs = [*self._logs[resource], *self._of_hosts.get(key, ())]
        if len(self._logs) < _MOST_SCOPES:
            self._logs[scope] = logs
        return logs

    def hold(self, scope: str, wait: Wait) -> None:
        """Let no request of `scope` leave before the wait is over."""
        with self._lock:
            until = self._clock() + wait.seconds
            if scope not in self._held or until > self._held[scope][0]:
                self._held[scope] = (until, wait.reason)

    def accept(self, scope: str) -> bool:
        """A request of `scope` was answered with what it asked for; whether a pace ends by that."""
        with self._lock:
            return scope in self._paces and self._paces[scope].accept()

    def ages(self) -> dict[str, list[list[float]]]:
        """How long ago the requests of each budget left that runs before have sent, by scope."""
        return self._recent.all_ages() if isinstance(self._recent, Recent) else {}

    def note(self, scope: str, at: float) -> None:
        """Write down that a request was let go elsewhere, at this time, by the budgets of a scope:
        that of a resource, or that which all share.
        """
        if isinstance(self._recent, Recent):
            self._recent.note(scope, at)

    def left(self, scope: str, requests: int, first_s: float = 0.0, last_s: float = 0.0) -> None:
        """So many requests of `scope` have left without being asked for here, from `first_s` ago to
        `last_s` ago: another process knew that nothing held them back.
        """
        with self._lock:
            now, step = self._clock(), (first_s - last_s) / max(1, requests - 1)
            for number in range(requests if scope in self._paces else 0):
                self._paces[scope].leave(now - first_s + number * step)

    def slow_down(self, scope: str, left_at: float, wait_s: float) -> bool:
        """A request that left at `left_at` was answered with a wish for fewer, and for a wait;
        whether another pace follows.
        """
        with self._lock:
            pace = self._paces.get(scope)
            return pace is not None and pace.slow_down(self._clock(), left_at, wait_s)

    def pace(self, scope: str) -> float | None:
        """The requests a second that the server was found to bear; None: nothing is known."""
        return self._paces[scope].per_s if scope in self._paces else None


class _Log(SlidingLog):
    """The requests of one budget, here and on disk."""

    def __init__(
        self, budget: Budget, ring: Ring | None, margin_s: float, before: Iterable[float]
    ) -> None:
        super().__init__(budget.requests, budget.per + margin_s, before)
        self._budget = budget
        self.ring = ring
        self.host = ""  # whose budget it is

    def __str__(self) -> str:
        what = f"per_host budget of {self.host}," if self.host else "rate_limit of"
        return f"{what} {self._budget.requests} per {self._budget.per:g} s"


class _Mine(threading.local):
    """What a thread waits for, and its request that is on its way, with the budgets of that."""

    until: float | None = None
    leaving: Leaving | None = None
    logs: Sequence[_Log] = ()
