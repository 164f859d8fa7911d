"""When the next request may leave: budgets, holds, and what servers say (rows 27 and 28)."""

import threading
import time
from collections.abc import Mapping, Sequence
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.config import Budget
from harvester.http.ratelimit import RateLimit
from harvester.http.server_waits import exhausted, server_wait, window_reset
from harvester.http.waiting import Wait, at_host
from tests.examples import examples

NOW = 1_700_000_000.0


class Clock:
    """Seconds that pass when told to."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time."""
        return self.now


def budget(requests: int, per: float) -> Budget:
    """A budget of so many requests per so many seconds."""
    return Budget(requests=requests, per=per)


def limit(clock: Clock, client: Sequence[Budget] = (), **resources: Sequence[Budget]) -> RateLimit:
    """A limit with the resources `a` and `b`."""
    return RateLimit(client, {"a": (), "b": (), **resources}, clock)


def leave(rates: RateLimit, clock: Clock, scope: str = "a") -> float:
    """Wait as long as it says, and give the time at which the request left."""
    while wait := rates.take(scope):
        assert wait.seconds > 0
        clock.now += wait.seconds
    return clock.now


# --- Budgets -------------------------------------------------------------------------------------


def test_no_budget() -> None:
    """Without one, nothing waits."""
    clock = Clock()
    rates = limit(clock)
    assert [rates.take("a") for _ in range(100)] == [None] * 100


def test_sliding_log() -> None:
    """The N-th last request must have left a period ago; a refusal takes nothing."""
    clock = Clock(100.0)
    rates = limit(clock, [budget(2, 10)])
    assert rates.take("a") is None
    clock.now = 104
    assert rates.take("b") is None
    assert rates.take("a") == Wait(6, "rate_limit of 2 per 10 s", asked=False)
    assert rates.take("a") == Wait(6, "rate_limit of 2 per 10 s", asked=False)
    clock.now = 110
    assert rates.take("a") is None
    assert rates.take("a") == Wait(4, "rate_limit of 2 per 10 s", asked=False)


def test_several_budgets() -> None:
    """All are kept; the longest wait is told, and one that refuses costs the others nothing."""
    clock = Clock()
    rates = limit(clock, [budget(3, 900), budget(1, 1)], a=[budget(2, 60)])
    assert [leave(rates, clock) for _ in range(4)] == [0, 1, 60, 900]
    clock = Clock()
    rates = limit(clock, [budget(3, 900), budget(1, 1)], a=[budget(2, 60)])
    assert [leave(rates, clock, scope) for scope in "aaba"] == [0, 1, 2, 900]
    clock = Clock()
    rates = limit(clock, [budget(100, 900)], a=[budget(1, 60)])
    assert [leave(rates, clock, scope) for scope in "abba"] == [0, 0, 0, 60]
    clock.now += 1
    assert rates.take("a") == Wait(59, "rate_limit of 1 per 60 s", asked=False)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.sampled_from([0.5, 1.0, 3.0, 10.0])),
        min_size=1, max_size=3,
    ),
    st.lists(st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0, 4.0, 12.0]), min_size=1, max_size=40),
)  # fmt: skip
def test_never_more_and_never_later(budgets: list[tuple[int, float]], pauses: list[float]) -> None:
    """No window holds more requests than its budget, and each leaves as soon as that allows."""
    clock = Clock()
    rates = limit(clock, [budget(*each) for each in budgets])
    left: list[float] = []
    for pause in pauses:
        clock.now += pause
        asked = clock.now
        at = leave(rates, clock)
        earliest = max(
            [asked] + [left[-requests] + per for requests, per in budgets if len(left) >= requests]
        )
        assert at == earliest
        left.append(at)
    for requests, per in budgets:
        for first, beyond in zip(left, left[requests:], strict=False):
            assert beyond - first >= per


def test_hold() -> None:
    """A hold is for one resource, only ever grows, and says why."""
    clock = Clock(50.0)
    rates = limit(clock, [budget(1, 1)])
    rates.hold("a", Wait(10, "the server asked to wait"))
    rates.hold("a", Wait(5, "less"))
    assert rates.take("a") == Wait(10, "the server asked to wait")
    assert rates.take("b") is None
    clock.now = 59.5
    assert rates.take("a") == Wait(0.5, "the server asked to wait")
    clock.now = 60
    assert rates.take("a") is None
    assert rates.take("a") == Wait(1, "rate_limit of 1 per 1 s", asked=False)


def test_hold_and_budget_together() -> None:
    """The longer of the two counts; a clock may have any zero."""
    clock = Clock(-1000.0)
    rates = limit(clock, [budget(1, 5)])
    assert rates.take("a") is None
    rates.hold("a", Wait(2, "hold"))
    assert rates.take("a") == Wait(5, "rate_limit of 1 per 5 s", asked=False)
    rates.hold("a", Wait(9, "hold"))
    assert rates.take("a") == Wait(9, "hold")


def test_a_wait_says_whose_it_is() -> None:
    """A budget of requests a day may keep a harvest waiting longer than a server may."""
    clock = Clock()
    rates = limit(clock, [budget(1, 86400)])
    assert rates.take("a") is None
    assert rates.take("a") == Wait(86400, "rate_limit of 1 per 86400 s", asked=False)
    rates.hold("a", Wait(90000, "the server asked to wait"))
    wait = rates.take("a")
    assert wait is not None
    assert wait.asked


def test_many_threads() -> None:
    """However many workers ask at once, they get no more than there is."""
    clock = Clock()
    rates = limit(clock, [budget(50, 10)], b=[budget(20, 10)])
    taken: list[str] = []
    start = threading.Barrier(8)

    def work(scope: str) -> None:
        start.wait()
        taken.extend(scope for _ in range(200) if rates.take(scope) is None)

    workers = [threading.Thread(target=work, args=("ab"[n % 2],)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(taken) == 50
    assert taken.count("b") <= 20


# --- What the server says ------------------------------------------------------------------------

LATER = formatdate(NOW + 90, usegmt=True)
EARLIER = formatdate(NOW - 90, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        # Retry-After, row 27
        ({"retry-after": "2"}, 2),
        ({"retry-after": "0"}, 0),
        ({"retry-after": " 120 "}, 120),
        ({"retry-after": "0.65"}, 0.65),  # Discord
        ({"retry-after": "1e12"}, 1e12),
        ({"retry-after": "1000000000000"}, 1e12),
        ({"retry-after": LATER}, 90),
        ({"retry-after": EARLIER}, 0),
        ({"retry-after": "Tuesday, 14-Nov-23 22:14:50 GMT"}, 90),  # RFC 850
        ({"retry-after": "Tue Nov 14 22:14:50 2023"}, 90),  # asctime
        ({"retry-after": "Tue, 14 Nov 2023 22:14:50 -0000"}, 90),
        ({"retry-after": "Tue, 14 Nov 2023 23:14:50 +0100"}, 90),
        ({"retry-after": "2023-11-14T22:14:50Z"}, 90),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "120, 240"}, 240),
        ({"retry-after": "NaN"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "\uff11\uff12"}, None),
        # a hint that says nothing leaves the next its word
        ({"retry-after": "soon", "x-ratelimit-reset": "30"}, 30),
        ({"retry-after": "-5", "ratelimit": '"d";r=0;t=30'}, 30),
        ({"retry-after": "7", "x-ratelimit-reset": "30"}, 7),
        ({"ratelimit": '"d";r=0;t=9', "x-rate-limit-reset": "30"}, 9),
        ({"x-ratelimit-reset": "1", "x-ratelimit-reset-after": "0.318"}, 0.318),  # Discord
        # RateLimit in its two forms
        ({"ratelimit": "limit=100, remaining=0, reset=30"}, 30),
        ({"ratelimit": '"default";r=0;t=30'}, 30),
        ({"ratelimit": "default;r=0; t=30"}, 30),
        ({"ratelimit": '"burst";r=0;t=5, "daily";r=90;t=3600'}, 5),
        ({"ratelimit": '"burst";r=0;t=5, "daily";r=0;t=3600'}, 3600),
        ({"ratelimit": '"a;r=3;t=1,b";r=0;t=8'}, 8),
        ({"ratelimit": '"default";r=50'}, None),
        ({"ratelimit": "limit=100"}, None),
        # the end of a window in which something remains is no reason to wait
        ({"ratelimit": '"default";r=50;t=30'}, None),
        ({"ratelimit": "limit=100, remaining=1, reset=30"}, None),
        ({"x-rate-limit-remaining": "9", "x-rate-limit-reset": "60"}, None),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": "60"}, 60),
        ({"x-rate-limit-remaining": "9", "x-rate-limit-reset": "60", "retry-after": "5"}, 5),
        ({"x-rate-limit-remaining": "odd", "x-rate-limit-reset": "60"}, 60),
        # resets, row 28
        ({"x-rate-limit-reset": "1700000060"}, 60),
        ({"x-rate-limit-reset": "1700000060.25"}, 60.25),
        ({"x-rate-limit-reset": "1700000060000"}, 60),
        ({"x-rate-limit-reset": "60"}, 60),
        ({"x-rate-limit-reset": "1699999999"}, 0),
        ({"x-ratelimit-reset": "60"}, 60),
        ({"x-ratelimit-reset": "2023-11-14T22:14:20.000000Z"}, 60),  # Mastodon
        ({"x-ratelimit-reset": "2023-11-14T22:14:20"}, 60),
        ({"x-ratelimit-reset": formatdate(NOW + 60, usegmt=True)}, 60),
        ({"x-ratelimit-reset": "6m0s"}, 360),
        ({"x-ratelimit-reset": "1h2m3.5s"}, 3723.5),
        ({"x-ratelimit-reset-requests": "20ms"}, 0.02),  # OpenAI
        ({"x-ratelimit-reset-requests": "1s"}, 1),
        ({"x-ratelimit-reset-after": "1.25"}, 1.25),  # Discord
        ({"ratelimit-reset": "17"}, 17),
        ({"x-ratelimit-reset": "later"}, None),
        ({"x-ratelimit-reset": "ms"}, None),
    ],
)
def test_server_wait(headers: Mapping[str, str], seconds: float | None) -> None:
    """Each spelling of a wait that was seen, and those that mean nothing."""
    assert server_wait(headers, NOW) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"ratelimit": '"default";r=50;t=30'}, 30),
        ({"ratelimit": '"burst";r=3;t=5, "daily";r=90;t=3600'}, 5),
        ({"ratelimit": '"burst";r=90;t=5, "daily";r=3;t=3600'}, 3600),
        ({"x-rate-limit-remaining": "9", "x-rate-limit-reset": "60"}, 60),
        ({"retry-after": "7"}, None),
    ],
)
def test_window_reset(headers: Mapping[str, str], seconds: float | None) -> None:
    """When the window ends, whatever remains in it; of several, the one with the least left."""
    assert window_reset(headers, NOW) == seconds


@pytest.mark.parametrize("skew", [-3600, 0, 3600, 86400 * 365])
@pytest.mark.parametrize(
    "spell",
    [
        lambda now: {"x-rate-limit-reset": f"{now + 60:.0f}"},
        lambda now: {"x-rate-limit-reset": f"{(now + 60) * 1000:.0f}"},
        lambda now: {"x-rate-limit-reset": "60"},
        lambda now: {"retry-after": formatdate(now + 60, usegmt=True)},
        lambda now: {"retry-after": "60"},
    ],
)
def test_a_skewed_clock_changes_nothing(skew: float, spell: object) -> None:
    """Row 28: points in time are taken against the server's own Date."""
    assert callable(spell)
    headers = {**spell(NOW + skew), "date": formatdate(NOW + skew, usegmt=True)}
    wait = server_wait(headers, NOW)
    assert wait == pytest.approx(60, abs=1)


def test_dates_do_not_depend_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A date without a zone is UTC everywhere."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        for text in ("Tue Nov 14 22:14:50 2023", "Tue, 14 Nov 2023 22:14:50 -0000"):
            assert server_wait({"retry-after": text}, NOW) == 90
    finally:
        monkeypatch.undo()
        time.tzset()


NAMES = [
    "date", "retry-after", "ratelimit", "x-rate-limit-reset", "x-ratelimit-reset",
    "ratelimit-reset", "x-ratelimit-reset-after", "x-ratelimit-reset-requests",
    "x-rate-limit-remaining", "x-ratelimit-remaining", "ratelimit-remaining",
]  # fmt: skip
ODD = st.text(max_size=40) | st.text(alphabet="0123456789.eE+-:,;=rtmsh \"'GMTNovZ", max_size=40)


@examples(300)
@given(st.dictionaries(st.sampled_from(NAMES), ODD, max_size=4))
def test_no_header_makes_it_fail(headers: Mapping[str, str]) -> None:
    """Any text is a wait of 0 or more finite seconds, or none; nothing is raised."""
    wait = server_wait(headers, NOW)
    assert wait is None or 0 <= wait < float("inf")
    announced = exhausted(headers, NOW)
    assert announced is None or announced.seconds > 0


@pytest.mark.parametrize(
    "date",
    [
        "Tue, 14 Nov 0000 22:14:50 GMT",
        "Tue, 14 Nov 2023 22:14:50 +99999999999",
        "Tue, 99 Nov 2023 22:14:50 GMT",
        "0001-01-01T00:00:00+23:59",
        "1 Jan 1 1:1:1 +2359",
        "9" * 5000,
    ],
)
def test_impossible_dates(date: str) -> None:
    """Dates that the standard library stumbles over are no dates."""
    assert server_wait({"retry-after": "5", "date": date}, NOW) == 5
    assert server_wait({"retry-after": date}, NOW) in (None, 0)


@pytest.mark.slow("CPU time")
@pytest.mark.parametrize("name", ["retry-after", "ratelimit", "x-ratelimit-reset"])
@pytest.mark.parametrize(
    "piece", ["a", "1", " ", "=", "a ", "1m", "r=", '"', ",", "1ms", "a,", ":"]
)
def test_hostile_hints_take_linear_time(name: str, piece: str) -> None:
    """Eight times the header takes about eight times as long, not sixty-four."""

    def cost(size: int) -> float:
        headers = {name: (piece * size)[:size]}
        best = float("inf")
        for _ in range(2):
            began = time.process_time()
            server_wait(headers, NOW)
            best = min(best, time.process_time() - began)
        return best

    assert cost(64 * 1024) < 24 * max(cost(8 * 1024), 0.0005)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": "60"}, 60),
        ({"x-rate-limit-remaining": "1", "x-rate-limit-reset": "60"}, None),
        ({"x-ratelimit-remaining": "0"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1699999999"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2023-11-14T22:14:20Z"}, 60),
        ({"ratelimit": '"d";r=0;t=8'}, 8),
        ({"ratelimit": '"d";r=1;t=8'}, None),
        ({"ratelimit": "limit=9, remaining=0, reset=8"}, 8),
        ({"ratelimit": '"burst";r=4;t=5, "daily";r=0;t=3600'}, 3600),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "8"}, 8),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m"}, 60),
    ],
)
def test_exhausted(headers: Mapping[str, str], seconds: float | None) -> None:
    """A good answer that says nothing remains announces the wait of the next request."""
    announced = exhausted(headers, NOW)
    assert (announced and announced.seconds) == seconds


def test_hosts_have_budgets_of_their_own() -> None:
    """By name, with or without a port; `*` is for each of the others, and all are below the
    client's and the resource's.
    """
    clock = Clock()
    hosts = {"slow.example": [budget(1, 10)], "*": [budget(2, 10)]}
    rates = RateLimit([budget(100, 10)], {"a": (), "b": [budget(1, 1)]}, clock, hosts=hosts)

    def waits(host: str, scope: str = "a") -> list[float]:
        found = [rates.take(at_host(scope, host)) for _ in range(3)]
        return [wait.seconds if wait else 0.0 for wait in found]

    assert waits("slow.example") == [0, 10, 10]
    assert waits("slow.example:8443") == [10, 10, 10]
    assert waits("one.example") == [0, 0, 10]
    assert waits("two.example") == [0, 0, 10]
    assert waits("two.example:81", "b") == [0, 1, 1]
    assert rates.take("a") is None
    wait = rates.take(at_host("a", "slow.example"))
    assert wait
    assert wait.reason == "per_host budget of slow.example, 1 per 10 s"
    clock.now = 10.0
    assert waits("slow.example", "b") == [0, 10, 10]


# --- Promised moments ----------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1), st.booleans()), max_size=60))
@examples(200)
def test_promised_moments_may_be_missed_or_late(steps: Sequence[tuple[float, float, bool]]) -> None:
    """No window holds more than the budget, however late each request is for its moment within
    what it asked for; one that nobody came for is nobody's once it is given back.
    """
    clock = Clock()
    rates = limit(clock, [budget(3, 1.0)])
    left: list[float] = []
    missed = 0
    for passes, late_s, comes in steps:
        clock.now += passes
        wait = rates.promise("a", 1.0, late_s, missed)
        if wait.promised and comes:
            left.append(clock.now + wait.seconds + late_s * passes / 2)
        missed = 0 if comes else wait.ticket
    left.sort()
    assert all(later - first > 1 - 1e-9 for first, later in zip(left, left[3:], strict=False))


def test_a_missed_moment_spends_nothing() -> None:
    """A day's quota is there in full, however often somebody comes too late."""
    clock = Clock()
    rates = limit(clock, [budget(3, 86_400)])
    ticket = 0
    for _ in range(50):
        ticket = rates.promise("a", 1.0, 0.0, ticket).ticket
    assert [rates.take("a") for _ in range(2)] == [None, None]
    assert rates.take("a") == Wait(86_400, "rate_limit of 3 per 86400 s", asked=False)
