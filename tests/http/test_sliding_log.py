"""Requests of one budget that are late on their way: no window holds more, at the server either."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.config import Budget
from harvester.http.ratelimit import RateLimit
from harvester.http.sliding_log import Answers, Lateness, Leaving, SlidingLog
from harvester.http.waiting import Wait
from tests.examples import examples

WAY_S = 0.05  # to the server, and back


@dataclass
class Crowd:
    """Threads that send as soon as they may, each delayed at every step as `delays` say."""

    log: SlidingLog
    delays: Iterator[float]
    answers: Answers = field(default_factory=Answers)
    sent: list[float] = field(default_factory=list)
    counted: list[float] = field(default_factory=list)
    taken: list[float] = field(default_factory=list)

    def run(self, threads: int, until: float) -> None:
        """Let time pass."""
        steps: list[tuple[float, int, str, Leaving]] = [
            (0.0, n, "take", Leaving(0.0, self.answers)) for n in range(threads)
        ]
        number = threads
        while steps:
            now, _, step, leaving = heapq.heappop(steps)
            if now > until:
                return
            at, step = self._do(now, step, leaving)
            leaving = Leaving(at, self.answers) if step == "take" else leaving
            number += 1
            heapq.heappush(steps, (at, number, step, leaving))

    def _do(self, now: float, step: str, leaving: Leaving) -> tuple[float, str]:
        """One step of a thread; when comes the next, and which."""
        match step:
            case "take":
                if wait := self.log.wait_s(now, 1.0):
                    return now + wait + next(self.delays) / 10, "take"
                self.taken.append(now)
                self.log.begin(leaving)
                return now + next(self.delays), "send"
            case "send":
                leaving.sent = now
                self.sent.append(now)
                return now + WAY_S + next(self.delays), "count"
            case "count":
                self.counted.append(now)
                return now + WAY_S, "answer"
        assert leaving.sent is not None
        self.log.end(leaving, leaving.noted(now, self.log.late_s(1.0)))
        return now, "take"


def busiest(moments: Sequence[float], period_s: float) -> int:
    """The most in any window."""
    at = sorted(moments)
    return max(sum(first <= each < first + period_s - 1e-9 for each in at) for first in at)


@examples(60)
@given(
    st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.1, 0.3, 0.45]), min_size=1, max_size=40),
    st.integers(1, 5),
    st.integers(1, 8),
)
def test_no_window_holds_more(delays: list[float], requests: int, threads: int) -> None:
    """However late threads are with sending, and the server with counting."""

    def endlessly() -> Iterator[float]:
        while True:
            yield from delays

    crowd = Crowd(SlidingLog(requests, 1.0), endlessly(), Answers(2 * WAY_S, 10))
    crowd.run(threads, 8.0)
    assert busiest(crowd.sent, 1.0) <= requests
    assert busiest(crowd.counted, 1.0) <= requests


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("requests", [1, 3])
def test_nothing_is_lost_where_nothing_is_late(requests: int, threads: int) -> None:
    """On a quiet machine a budget is used to the last request."""
    crowd = Crowd(SlidingLog(requests, 1.0), iter(lambda: 0.0, 1.0))
    crowd.run(threads, 20.5)
    of_threads = threads * 20 / (2 * WAY_S)
    assert len(crowd.taken) >= min(21 * requests, of_threads)


def test_uneven_answers_cost_a_hundredth() -> None:
    """A server may take its time for an answer; that is not taken for a late request."""
    crowd = Crowd(SlidingLog(1, 1.0), iter(lambda: 0.0, 1.0), Answers(0.001, 10))
    log, now = crowd.log, 0.0
    for _ in range(10):
        assert log.wait_s(now) == 0.0
        leaving = Leaving(now, crowd.answers)
        log.begin(leaving)
        leaving.sent = now
        log.end(leaving, leaving.noted(now + 0.8, log.late_s(0.0)))
        now += log.wait_s(now)
    assert now == pytest.approx(10 * 1.01)


def test_one_that_hangs_takes_one_place() -> None:
    """A connection that is not made holds nobody back but by its own request."""
    log, answers = SlidingLog(3, 1.0), Answers()
    log.begin(Leaving(0.0, answers))
    for now, waits in ((0.0, 0.0), (0.1, 0.9), (1.0, 0.1), (1.1, 0.9), (2.0, 0.1), (2.1, 0.9)):
        assert log.wait_s(now) == 0.0
        leaving = Leaving(now, answers)
        log.begin(leaving)
        leaving.sent = now
        log.end(leaving, leaving.noted(now, 0.0))
        assert log.wait_s(now) == pytest.approx(waits)


def test_a_lateness_is_forgotten() -> None:
    """What was seen once holds for seconds; one who has slept for long says little."""
    lateness = Lateness()
    assert lateness.within_s(100.0) == pytest.approx(0.1)
    lateness.seen(0.2, 100.0)
    assert lateness.within_s(100.0) == pytest.approx(0.8)
    assert lateness.within_s(110.0) == pytest.approx(0.2)
    lateness.seen(3600.0, 110.0)
    assert lateness.within_s(110.0) == pytest.approx(1.0)
    assert lateness.within_s(200.0) < 0.001


def test_a_request_that_was_never_sent() -> None:
    """Its thread comes again, or says that there is no answer: its place is free in a period."""
    now = 0.0
    rates = RateLimit([Budget(requests=1, per=10)], {"a": ()}, lambda: now)
    assert rates.take("a") is None
    now = 3.0
    rates.sent()
    now = 4.0
    assert rates.take("a") == Wait(9.0, "rate_limit of 1 per 10 s", asked=False)
    now = 13.0
    assert rates.take("a") is None
    now = 14.0
    rates.answered()
    now = 23.0
    assert rates.take("a") == Wait(1.0, "rate_limit of 1 per 10 s", asked=False)
