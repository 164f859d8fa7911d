"""What is tried again, after how long, and when it is given up; nobody really waits here."""

import contextlib
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.config import Retry
from harvester.errors import (
    AttemptFailed,
    ConnectionDropped,
    DiskError,
    Interrupted,
    PageRefused,
    PageRejected,
    RunStopped,
)
from harvester.http.retry import Backoff


class Trial:
    """A page that fails as told, on a clock that passes only while sleeping or trying."""

    def __init__(self, *failures: BaseException, takes_s: float = 0.0) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        self.told: list[tuple[int, AttemptFailed]] = []
        self.tries: list[int] = []
        self._failures = list(failures)
        self._takes_s = takes_s

    def sleep(self, attempt: int, seconds: float, error: AttemptFailed) -> None:
        """Let the time pass, and note it."""
        self.now += seconds
        self.waits.append(seconds)
        self.told.append((attempt, error))

    def attempt(self, number: int) -> str:
        """One try."""
        self.tries.append(number)
        self.now += self._takes_s
        if self._failures:
            raise self._failures.pop(0)
        return "page"

    def run(self, rng: random.Random | None = None, **policy: float) -> str:
        """Try as the policy says."""
        retry = Retry.model_validate(policy)
        backoff = Backoff(retry, self.sleep, lambda: self.now, rng or random.Random(1))
        return backoff.call(self.attempt)


class Fixed(random.Random):
    """Jitter at one end of its range."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self._share = share

    def uniform(self, a: float, b: float) -> float:
        """The same share of the range each time."""
        return a + (b - a) * self._share


def rejected(hint_s: float | None = None) -> PageRejected:
    """A failure worth another try."""
    return PageRejected("no", hint_s=hint_s)


def test_first_try() -> None:
    """What succeeds is not tried again."""
    trial = Trial()
    assert trial.run() == "page"
    assert (trial.tries, trial.waits) == ([1], [])


def test_backoff_doubles_up_to_the_cap() -> None:
    """1, 2, 4, … seconds, up to max_wait, between half of it and all of it."""
    failures = [rejected() for _ in range(7)]
    most, least = Trial(*failures), Trial(*failures)
    assert most.run(Fixed(1.0), max_wait=20) == "page"
    assert most.waits == [1, 2, 4, 8, 16, 20, 20]
    assert most.tries == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [attempt for attempt, _ in most.told] == [1, 2, 3, 4, 5, 6, 7]
    assert least.run(Fixed(0.0), max_wait=20) == "page"
    assert least.waits == [0.5, 1, 2, 4, 8, 10, 10]


@pytest.mark.parametrize(
    ("hint", "max_wait", "wait"),
    [
        (None, 900, 1),
        (0, 900, 1),  # a date that is past
        (0.2, 900, 1),
        (2, 900, 2),  # row 27
        (90, 900, 90),
        (1000, 900, 900),
        (5, 0, 0),
    ],
)
def test_the_wait(hint: float | None, max_wait: float, wait: float) -> None:
    """min(cap, max(what the server asks for, backoff))."""
    trial = Trial(rejected(hint))
    assert trial.run(Fixed(1.0), max_wait=max_wait) == "page"
    assert trial.waits == [wait]


def test_attempts() -> None:
    """After the last try its own error comes out, not tenacity's."""
    failures = [rejected() for _ in range(3)]
    trial = Trial(*failures)
    with pytest.raises(PageRejected) as caught:
        trial.run(attempts=3)
    assert caught.value is failures[-1]
    assert trial.tries == [1, 2, 3]
    assert len(trial.waits) == 2  # not after the last
    once = Trial(rejected())
    with pytest.raises(PageRejected):
        once.run(attempts=1)
    assert once.waits == []


def test_deadline() -> None:
    """No try begins after the deadline, and no wait is begun that would pass it."""
    trial = Trial(*(rejected() for _ in range(99)), takes_s=10)
    with pytest.raises(PageRejected):
        trial.run(Fixed(1.0), attempts=99, deadline=54)
    assert trial.waits == [1, 2, 4]  # with 10 s a try that is 47; 8 s more would be 55
    assert trial.tries == [1, 2, 3, 4]


def test_deadline_is_kept_by_the_wait_that_just_fits() -> None:
    """A wait that ends at the deadline is waited."""
    trial = Trial(rejected(60))
    assert trial.run(Fixed(1.0), deadline=60) == "page"
    over = Trial(rejected(60.1))
    with pytest.raises(PageRejected):
        over.run(Fixed(1.0), deadline=60)
    assert over.waits == []


@pytest.mark.parametrize("hint", [1e12, 1e300, 7 * 3600])
def test_a_hint_beyond_the_deadline_ends_at_once(hint: float) -> None:
    """Row 27, 1e12: not cut to the cap and tried in vain; the error still knows the hint."""
    trial = Trial(rejected(hint))
    with pytest.raises(PageRejected) as caught:
        trial.run(max_wait=900, deadline=6 * 3600)
    assert caught.value.hint_s == hint
    assert (trial.tries, trial.waits) == ([1], [])


@pytest.mark.parametrize(
    "error",
    [
        PageRefused("no other try will differ", hint_s=5),
        AttemptFailed("of no kind"),
        RunStopped("a rule"),
        DiskError("full"),
        Interrupted("Ctrl-C"),
        MemoryError(),
        KeyboardInterrupt(),
        SystemExit(3),
        OSError("a bug of ours"),
        ValueError("another"),
    ],
)
def test_nothing_else_is_tried_again(error: BaseException) -> None:
    """Only `PageRejected` is; everything else passes through as it is, also after a retry."""
    for before in ([], [rejected()]):
        trial = Trial(*before, error)
        with pytest.raises(type(error)) as caught:
            trial.run()
        assert caught.value is error
        assert len(trial.tries) == len(before) + 1
        assert len(trial.waits) == len(before)


def test_a_dropped_connection_is_tried_again() -> None:
    """It is a kind of `PageRejected`."""
    assert Trial(ConnectionDropped("gone")).run() == "page"


def test_an_interrupted_sleep_ends_it() -> None:
    """What the sleep raises comes out, and no try follows."""
    trial = Trial(rejected())

    def sleep(attempt: int, seconds: float, error: AttemptFailed) -> None:
        raise Interrupted("now")

    with pytest.raises(Interrupted):
        Backoff(Retry(), sleep, lambda: trial.now).call(trial.attempt)
    assert trial.tries == [1]


@settings(deadline=None)
@given(
    st.lists(st.none() | st.floats(0, 1e13), max_size=12),
    st.integers(1, 12),
    st.floats(0, 2000),
    st.floats(0.001, 30000),
    st.floats(0, 100),
    st.integers(),
)
def test_any_policy(
    hints: Sequence[float | None], attempts: int, cap: float, deadline: float, takes: float,
    seed: int,
) -> None:  # fmt: skip
    """Within attempts, cap and deadline, whatever the server says."""
    failures = [rejected(hint) for hint in hints]
    trial = Trial(*failures, takes_s=takes)
    with contextlib.suppress(PageRejected):
        trial.run(random.Random(seed), attempts=attempts, max_wait=cap, deadline=deadline)
    assert trial.tries == list(range(1, len(trial.waits) + 2))
    assert len(trial.tries) <= attempts
    assert all(0 <= wait <= cap for wait in trial.waits)
    assert sum(trial.waits) + takes * len(trial.waits) <= deadline + 1e-6
    for wait, (_, error) in zip(trial.waits, trial.told, strict=True):
        assert wait >= min(cap, error.hint_s or 0)
