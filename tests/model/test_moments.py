"""Times as APIs write them, and whether one lies in the server's future."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from harvester.model.moments import is_before, is_beyond, is_time_like, server_time

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "beyond"),
    [
        ("2026-06-15T12:00:00Z", False),
        ("2026-06-16", False),
        ("2026-06-16T11:59:59+14:00", False),  # a clock of their own
        ("2026-06-18", True),
        ("2099-12-31T00:00:00Z", True),
        ("9999-12-31", True),
        ("20260615", False),
        ("20991231", True),
        (20991231, True),
        ("20991231235959", True),
        (1781524800, False),
        (4102444800, True),
        ("4102444800", True),
        (Decimal("4102444800.5"), True),
        (1781524800000, False),
        (4102444800000, True),
        (4102444800000000, True),
        (4102444800000000000, True),
        (7, False),
        ("b", False),
        ("20991399", False),  # no date
        (True, False),
        (None, False),
        ({"t": "2099-01-01"}, False),
        ("9" * 5000, False),
        (-5, False),
    ],
)
def test_what_lies_in_the_future(value: Any, beyond: bool) -> None:
    """More than a day ahead, in whatever unit and spelling; what is no time never does."""
    assert is_beyond(value, NOW) is beyond


@pytest.mark.parametrize(
    ("value", "other", "is_time"),
    [
        ("2099-12-31", None, True),
        ("2099-12-31", 5, True),
        (4102444800, 1781524800, True),
        (4102444800, "1781524800", True),
        (4102444800000, 1781524800000, True),
        (4102444800, 1781524800000, False),
        (4102444800, 12, False),  # ids that have grown
        (5_000_000_001, None, False),
        ("20991231", "20260101", True),
        (20991231, 20250999, False),
        ("20991231", "1781524800", False),
    ],
)
def test_a_time_or_an_id(value: Any, other: Any, is_time: bool) -> None:
    """What stands beside a number says whether it is a time."""
    assert is_time_like(value, other) is is_time


@pytest.mark.parametrize(
    ("date", "found"),
    [
        ("Mon, 15 Jun 2026 12:00:00 GMT", NOW),
        ("Mon, 15 Jun 2026 14:00:00 +0200", NOW),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Sat, 01 Jan 2000 00:00:00 GMT", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Mon, 99 Jun 2026 12:00:00 GMT", None),
    ],
)
def test_the_time_of_a_server(date: str | None, found: datetime | None) -> None:
    """A clock that was never set is not believed."""
    assert server_time(date) == found


@pytest.mark.parametrize(
    ("value", "start", "before"),
    [
        (1, 2, True),
        ("1", 2, True),
        (2, "2", False),
        (1.5, "1.6", True),
        ("2025-01-01", "2025-01-02", True),
        ("2025-01-02", "2025-01-02T12:00:00Z", False),
        ("2025-01-02T01:00:00Z", "2025-01-02T02:00:00Z", True),
        ("2025-01-02T01:00:00-02:00", "2025-01-02T02:00:00Z", False),
        ("2025-01-02T01:00:00", "2025-01-02T02:00:00Z", False),
        ("2025-01-01T01:00:00", "2025-01-02T02:00:00Z", True),
        ("2025-01-02Tx", "2025-01-02Ty", False),
        ("a", "b", False),
        (None, 1, False),
        (1, "2025-01-01", False),
        (True, 2, False),
    ],
)
def test_is_before(value: object, start: object, before: bool) -> None:
    """Only where both are numbers, or both times."""
    assert is_before(value, start) is before
