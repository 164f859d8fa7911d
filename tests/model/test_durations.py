"""Waits in words."""

import pytest

from harvester.model.durations import seconds_in


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2s", 2), ("2 s", 2), ("1.5s", 1.5), ("250ms", 0.25), ("6m0s", 360), ("1h30m", 5400),
        ("30 seconds", 30), ("in 1 second", 1), ("2 minutes", 120), ("1 hour and 30 minutes", 5400),
        ("1 day, 2 hrs", 93600), ("PT30S", 30), ("PT1M30S", 90), ("P1DT2H", 93600),
        ("Rate limit reached for requests. Please try again in 20s. Visit 3d later.", 20),
        ("500 milliseconds", 0.5), ("10 mins", 600), ("3 msecs", 0.003), ("5sec", 5),
        ("soon", None), ("", None), ("5", None), ("-5s", None), ("5 apples", None),
        ("5 months", None), ("2 sins", None), ("12:30:10s", None),
    ],
)  # fmt: skip
def test_first_duration(text: str, seconds: float | None) -> None:
    """Its parts added up; what is none is none."""
    found = seconds_in(text)
    assert found is None if seconds is None else found == pytest.approx(seconds)
