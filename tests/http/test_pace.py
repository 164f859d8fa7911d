"""The pace that a server bears: workers and servers in simulated time."""

import heapq
import random
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from harvester.http.pace import Pace
from harvester.http.ratelimit import RateLimit
from harvester.http.retry_budget import RetryBudget
from tests.http.test_ratelimit import Clock, budget

Server = Callable[[float], float | None]  # at a time: None, or the seconds that it asks to wait


def bucket(per_s: float, burst: int, wait_s: float = 1.0) -> Server:
    """So many a second, and so many at once."""
    level, last = float(burst), 0.0

    def answer(now: float) -> float | None:
        nonlocal level, last
        level, last = min(burst, level + (now - last) * per_s), now
        if level < 1:
            return wait_s
        level -= 1
        return None

    return answer


def windows(requests: int, per_s: float) -> Server:
    """So many in each window of the clock; it names the window's end."""
    spent: dict[int, int] = {}

    def answer(now: float) -> float | None:
        window = int(now // per_s)
        spent[window] = spent.get(window, 0) + 1
        return None if spent[window] <= requests else (window + 1) * per_s - now

    return answer


def by_chance(share: float) -> Server:
    """A refusal that has nothing to do with the pace."""
    chance = random.Random(3)
    return lambda now: 1.0 if chance.random() < share else None


def later(first: Server, then: Server, at: float) -> Server:
    """Another server from `at` on."""
    return lambda now: (first if now < at else then)(now)


def work(server: Server, seconds: float, *, paced: bool = True) -> tuple[int, int]:
    """How many answers were well, and how many refusals; each takes eight workers 20 ms."""
    clock = Clock()
    limit = RateLimit((), {"a": ()}, clock, adaptive=paced)
    chance, tie = random.Random(1), count()
    queue = [(0.0, next(tie), -1.0) for _ in range(8)]
    well = refused = 0
    held = 0.0
    while queue[0][0] < seconds:
        clock.now, _, left_at = heapq.heappop(queue)
        after = 0.02
        if left_at < 0:
            wait = limit.take("a")
            after = max(held - clock.now, wait.seconds if wait else 0.02)
            if wait or held > clock.now:
                heapq.heappush(queue, (clock.now + after + chance.random() / 1000, next(tie), -1.0))
            else:
                heapq.heappush(queue, (clock.now + after, next(tie), clock.now))
            continue
        asked = server(clock.now)
        if asked is None:
            well += 1
            limit.accept("a")
        else:
            refused += 1
            limit.slow_down("a", left_at, asked)
            held = max(held, clock.now + asked)
        heapq.heappush(queue, (clock.now, next(tie), -1.0))
    return well, refused


@pytest.mark.parametrize(
    ("server", "seconds", "bears"),
    [
        (lambda: bucket(20, 20), 120, 20),
        (lambda: bucket(20, 1000), 300, 20),
        (lambda: bucket(150, 150), 60, 150),
        (lambda: bucket(1, 1), 900, 1),
        (lambda: windows(60, 60), 3600, 1),
        (lambda: windows(300, 900), 9000, 1 / 3),
    ],
)
def test_what_a_server_bears_is_used_and_hardly_exceeded(
    server: Callable[[], Server], seconds: float, bears: float
) -> None:
    """Four fifths of it and more, and two refusals in a hundred; without a pace they are many."""
    well, refused = work(server(), seconds)
    assert well >= 0.8 * bears * seconds
    assert refused <= 0.022 * well
    _, without = work(server(), seconds, paced=False)
    assert without >= 4 * refused


def test_it_follows_a_server_that_bears_more_or_less() -> None:
    """More is found within a minute, less at once."""
    well, _ = work(later(bucket(10, 10), bucket(200, 200), 60), 120)
    assert well >= 10 * 60 * 0.8 + 200 * 60 * 0.3
    well, refused = work(later(bucket(100, 100), bucket(5, 5), 60), 180)
    assert well >= 100 * 60 * 0.8 + 5 * 120 * 0.7
    assert refused < 60


def test_refusals_by_chance_do_not_stop_a_harvest() -> None:
    """Going slower is of no use there, which is found out."""
    well, _ = work(by_chance(0.1), 300)
    without, _ = work(by_chance(0.1), 300, paced=False)
    assert well >= 0.6 * without


def test_nothing_is_paced_before_a_refusal_and_a_pace_ends() -> None:
    """One that holds nobody back is forgotten."""
    pace = Pace()
    assert all(pace.wait_s(n / 1000) == 0 for n in range(100))
    for n in range(10):
        pace.leave(n / 10)
        pace.accept()
    assert pace.slow_down(1.0, 0.9, 0.0)
    assert not pace.slow_down(1.0, 0.8, 0.0)  # it was under way then
    assert pace.per_s is not None
    now, ended = 2.0, False
    for _ in range(400):
        now += 1.0
        pace.leave(now)
        ended = pace.accept() or ended
    assert ended
    assert pace.per_s is None


def test_budgets_stay_ceilings() -> None:
    """However much a server bears."""
    clock = Clock()
    limit = RateLimit([budget(5, 1)], {"a": ()}, clock)
    for _ in range(50):
        while wait := limit.take("a"):
            clock.now += wait.seconds
        limit.accept("a")
    assert clock.now >= 9


def failing(budget: RetryBudget, clock: Clock, pages: int, tries: int) -> Iterator[float]:
    """The waits of retries of pages that fail so often."""
    for _ in range(pages):
        budget.first()
        for _ in range(tries):
            waited = 0.0
            while wait := budget.retry():
                clock.now += wait
                waited += wait
            yield waited


def test_no_more_than_a_share_are_retries() -> None:
    """The first are free; beyond the share one leaves every ten seconds, or as soon as the longest
    wait of the policy is over.
    """
    clock = Clock()
    assert sum(failing(RetryBudget(0.2, 900, clock), clock, 1000, 0)) == 0
    assert sum(failing(RetryBudget(0.6, 900, clock), clock, 100, 1)) == 0
    waits = list(failing(RetryBudget(0.2, 900, clock), clock, 10, 9))
    assert not any(waits[:20])
    assert sum(wait > 0 for wait in waits) >= 40
    assert max(waits) == 10
    assert max(failing(RetryBudget(0.2, 0.5, clock), clock, 10, 9)) == 0.5
    assert sum(failing(RetryBudget(1.0, 900, clock), clock, 3, 300)) == 0
