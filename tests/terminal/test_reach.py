"""How far a partition has come, by times and ids."""

from datetime import UTC, datetime

import pytest

from harvester.terminal.reach import Reach, moments

JANUARY = datetime(2021, 1, 1, tzinfo=UTC).timestamp()
FEBRUARY = datetime(2021, 2, 1, tzinfo=UTC).timestamp()
MIDDLE = (JANUARY + FEBRUARY) / 2


def reach(*values: object) -> Reach:
    """What these values, one a page, tell of January 2021."""
    seen = Reach(JANUARY, FEBRUARY)
    for value in values:
        seen.see(value)
    return seen


def snowflake(moment: float, epoch_ms: int = 1_288_834_974_657) -> int:
    """An id that holds a time."""
    return (round(moment * 1000) - epoch_ms) << 22


@pytest.mark.parametrize(
    "middle",
    [
        "2021-01-16T12:00:00Z", "2021-01-16T13:00:00+01:00", "2021-01-16 12:00:00",
        MIDDLE, int(MIDDLE), str(int(MIDDLE)), int(MIDDLE) * 1000, int(MIDDLE) * 10**6,
        int(MIDDLE) * 10**9, snowflake(MIDDLE), str(snowflake(MIDDLE)),
        snowflake(MIDDLE, 1_420_070_400_000), round(MIDDLE * 1000) << 16,
    ],
    ids=str,
)  # fmt: skip
def test_times_in_every_form(middle: object) -> None:
    """ISO 8601, epochs in four units, ids of Twitter, Discord and Mastodon."""
    assert reach("2021-01-31", middle).share == pytest.approx(0.5, abs=0.001)
    assert reach("2021-01-02", middle).share == pytest.approx(0.5, abs=0.001)


def test_one_page_does_not_tell_which_way() -> None:
    """Nor do two that are the same."""
    assert reach("2021-01-31").share is None
    assert reach("2021-01-31", "2021-01-31").share is None


def test_newest_and_oldest_first() -> None:
    """What is behind is counted from where the pages began."""
    assert reach("2021-01-31", "2021-01-02").share == pytest.approx(30 / 31)
    assert reach("2021-01-02", "2021-01-31").share == pytest.approx(30 / 31)
    assert reach("2021-01-16T12:00Z", "2021-01-02").began == pytest.approx(0.5)


def test_pages_without_a_time_change_nothing() -> None:
    """An empty page, a word, another year, a number beyond all years."""
    told = reach(
        "2021-01-31", None, "soon", True, [1], "1999-01-01", 10**40, "9" * 99, "2021-01-16"
    )
    assert told.share == pytest.approx(16 / 31, abs=0.01)


def test_a_little_disorder_does_no_harm_and_a_turn_ends_it() -> None:
    """Neighbours may be swapped; a search in no order of time has no share."""
    assert reach("2021-01-31", "2021-01-10", "2021-01-11").share == pytest.approx(22 / 31)
    assert reach("2021-01-31", "2021-01-10", "2021-01-20", "2021-01-02").share is None


@pytest.mark.parametrize("value", [None, True, "", "2021-13-01", [], {}, "99999-01-01"], ids=str)
def test_what_is_no_time(value: object) -> None:
    """Gives none."""
    assert list(moments(value)) == []
