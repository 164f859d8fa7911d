"""Durations, steps, sizes and moments as people write them."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.config import quantities
from harvester.config.quantities import moment, moment_text, seconds, size, step, step_text
from harvester.model.time_windows import Step


@pytest.mark.parametrize(
    ("written", "meant"),
    [("10s", 10), ("15m", 900), ("1h", 3600), ("1d", 86400), ("1w", 604800), ("500ms", 0.5),
     ("1.5 h", 5400), (30, 30), (0.25, 0.25), ("0s", 0), ("10", 10)],
)  # fmt: skip
def test_durations(written: object, meant: float) -> None:
    """A number and a unit, or seconds."""
    assert seconds(written) == meant


@pytest.mark.parametrize(
    "written", ["soon", "1x", "-5s", -5, True, None, [], "1mo", "1000000d", float("inf"), 10**400,
                "1e5s", "", "s", "1h30m", "9" * 60]
)  # fmt: skip
def test_what_is_no_duration_is_refused(written: object) -> None:
    """Every refusal is a ValueError in whole words."""
    with pytest.raises(ValueError, match="duration"):
        seconds(written)


def test_a_refused_duration_shows_examples() -> None:
    """The message teaches the form."""
    with pytest.raises(ValueError, match=re.escape("such as 10s, 15m, 1h, 1d, 1w or 500ms")):
        seconds("soon")


@pytest.mark.parametrize(
    ("written", "meant"),
    [("1mo", Step(months=1)), ("1y", Step(months=12)), ("1d", Step(seconds=86400)),
     (3600, Step(seconds=3600)), ("6 mo", Step(months=6))],
)  # fmt: skip
def test_steps_read_and_write(written: object, meant: Step) -> None:
    """A step may also be months or years, and survives being written."""
    assert step(written) == meant
    assert step(step_text(meant)) == meant


@pytest.mark.parametrize("written", ["0mo", "1.5mo", 0, "0s", "fast", "101y", True, "2000mo"])
def test_what_is_no_step_is_refused(written: object) -> None:
    """Nothing, part of a month, or no length at all."""
    with pytest.raises(ValueError, match=r"window|months"):
        step(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [(65536, 65536), ("8MiB", 8 << 20), ("8MB", 8_000_000), ("64 kib", 65536), ("1.5KB", 1500),
     ("10B", 10), ("12", 12)],
)  # fmt: skip
def test_sizes(written: object, meant: int) -> None:
    """Decimal and binary units, in either case."""
    assert size(written) == meant


@pytest.mark.parametrize("written", ["8M", "8K", 0, -1, "0.5B", "big", None, 1.5, 2**61, "2000TiB"])
def test_what_is_no_size_is_refused(written: object) -> None:
    """Also units on whose meaning nobody agrees."""
    if written == "2000TiB":
        assert size(written) == 2000 << 40
    else:
        with pytest.raises(ValueError, match="size"):
            size(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("2021-01-01", datetime(2021, 1, 1, tzinfo=UTC)),
     ("2021-01-01T12:00:00Z", datetime(2021, 1, 1, 12, tzinfo=UTC)),
     ("2021-01-01 12:00", datetime(2021, 1, 1, 12, tzinfo=UTC)),
     ("2021-01-01T00:00:00+02:00", datetime(2020, 12, 31, 22, tzinfo=UTC))],
)  # fmt: skip
def test_moments_are_utc(written: str, meant: datetime) -> None:
    """Without a zone it is UTC; with one it is converted."""
    assert moment(written) == meant
    assert moment(written).tzinfo is UTC
    assert moment(moment_text(meant)) == meant


@pytest.mark.parametrize(
    "written",
    [2021, "2021", "2021-13-01", "yesterday", None, "0001-01-01T00:00:00+14:00", "2021-01-01T99"],
)
def test_what_is_no_moment_is_refused(written: object) -> None:
    """Also a zone that leads out of the calendar."""
    with pytest.raises(ValueError, match="date"):
        moment(written)


@given(st.from_regex(quantities.DURATION_PATTERN, fullmatch=True).filter(lambda t: len(t) < 8))
def test_the_schema_and_the_loader_agree_on_durations(written: str) -> None:
    """Whatever short text the pattern of the schema allows is read, unless it is over a century."""
    try:
        assert seconds(written) >= 0
    except ValueError as error:
        assert "100 years" in str(error)  # noqa: PT017 - the other outcome is as good


@given(st.from_regex(quantities.SIZE_PATTERN, fullmatch=True).filter(lambda t: len(t) < 8))
def test_the_schema_and_the_loader_agree_on_sizes(written: str) -> None:
    """Whatever short text the pattern of the schema allows is a size, or is not whole or zero."""
    try:
        assert size(written) >= 1
    except ValueError as error:
        assert "whole number" in str(error)  # noqa: PT017 - the other outcome is as good
