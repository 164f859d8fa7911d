"""The times of the last requests: what a run begun again has left of its budgets."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from harvester.config import Budget
from harvester.http.ratelimit import RateLimit
from harvester.http.recent_requests import NAME, Recent


def take(
    out: Path, at: float, times: int, client: Sequence[Budget], a: Sequence[Budget] = ()
) -> float:
    """One run that takes so many requests for `a` at this epoch; how long the next one waits."""
    with Recent(out, {"": client, "a": a}, lambda: at) as recent:
        limit = RateLimit(client, {"a": a}, lambda: 5.0, recent)
        for _ in range(times):
            assert limit.take("a") is None
        wait = limit.take("a")
        return wait.seconds if wait else 0.0


TWO = [Budget(requests=2, per=12)]


def test_a_run_goes_on_with_what_is_left(tmp_path: Path) -> None:
    """Requests of the run before count until their period is over."""
    assert take(tmp_path, 1000.0, 2, TWO) == 12
    assert take(tmp_path, 1003.0, 0, TWO) == 9
    assert take(tmp_path, 1012.0, 2, TWO) == 12
    assert take(tmp_path, 1100.0, 2, TWO) == 12


def test_one_of_each_run(tmp_path: Path) -> None:
    """They add up over any number of runs."""
    budget = [Budget(requests=3, per=10)]
    for number in range(3):
        _one(tmp_path, number, budget)
    assert take(tmp_path, 1003.0, 0, budget) == 7


def _one(out: Path, number: int, budget: Sequence[Budget]) -> None:
    with Recent(out, {"": budget, "a": ()}, lambda: 1000.0 + number) as recent:
        assert RateLimit(budget, {"a": ()}, lambda: 5.0, recent).take("a") is None


def test_the_file_stays_small(tmp_path: Path) -> None:
    """A ring: a million requests take no more room than the budget's last ones."""
    with Recent(tmp_path, {"a": TWO}, lambda: 7.0) as recent:
        (ring,) = recent.rings["a"]
        for number in range(1001):
            ring.note(float(number + 1))
    assert (tmp_path / NAME).stat().st_size < 64
    with Recent(tmp_path, {"a": TWO}, lambda: 1005.0) as recent:
        assert recent.ages(recent.rings["a"][0]) == [5.0, 4.0]


def test_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """Times that lie ahead count as now: one period is waited, once."""
    assert take(tmp_path, 9e9, 2, TWO) == 12
    assert take(tmp_path, 1000.0, 0, TWO) == 12
    with Recent(tmp_path, {"": TWO, "a": ()}, lambda: 1000.0) as recent:
        clock = [0.0]
        limit = RateLimit(TWO, {"a": ()}, lambda: clock[0], recent)
        clock[0] = 12.0
        assert (limit.take("a"), limit.take("a")) == (None, None)
    assert take(tmp_path, 1006.0, 0, TWO) == 6


def test_other_budgets(tmp_path: Path) -> None:
    """A budget may change between runs, and resources have their own."""
    assert take(tmp_path, 1000.0, 2, TWO, [Budget(requests=5, per=60)]) == 12
    assert take(tmp_path, 1001.0, 0, [Budget(requests=1, per=20)]) == 19
    one = [Budget(requests=1, per=100), Budget(requests=2, per=300)]
    assert take(tmp_path, 1100.0, 1, [], one) == 100
    assert take(tmp_path, 1200.0, 1, [], one) == 200


@pytest.mark.parametrize(
    "text",
    [b"", b"null\n", b"[]", b"[[1]]\n", b'[["", 2]]\n\0\0', b'[["", 1e9]]\n', b"\xff\xff",
     b'{"a": 1}\n', b'[["", -1]]\n' + b"\xff" * 64, b'[["", 2]]\n' + b"\xff" * 16,
     b'[["", 99999999999999]]\n'],
)  # fmt: skip
def test_a_file_that_is_none(tmp_path: Path, text: bytes) -> None:
    """It is begun anew."""
    (tmp_path / NAME).write_bytes(text)
    assert take(tmp_path, 1000.0, 2, TWO) == 12


def test_no_link_is_followed(tmp_path: Path) -> None:
    """Neither read nor written through."""
    (tmp_path / "mine").write_text(json.dumps([["", 2]]))
    (tmp_path / NAME).symlink_to(tmp_path / "mine")
    take(tmp_path, 1000.0, 2, TWO)
    assert (tmp_path / "mine").read_text() == '[["", 2]]'
    assert not (tmp_path / NAME).is_symlink()


def test_no_budget_no_file(tmp_path: Path) -> None:
    """Most harvests have none."""
    take(tmp_path, 1000.0, 0, [])
    assert not list(tmp_path.iterdir())
