"""Bins that widen, histograms, and partitions along an axis: bounded, and nothing is lost."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.model.partitions import Partition, partitions_of
from harvester.report.bins import Bins, Histogram, Number
from harvester.report.coverage import (
    MOST_BINS,
    MOST_ROWS,
    MOST_STRETCHES,
    OTHERS,
    Coverage,
    State,
    Stretches,
)
from tests.support import ITEMS, config

NOW = datetime(2024, 1, 1, tzinfo=UTC)


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.floats(-1e9, 1e9)), st.integers(2, 50))
def test_bins_keep_every_number(numbers: list[float], most: int) -> None:
    """However far apart the numbers are, in whatever order they come."""
    bins = Bins(Number, most=most, width=0.5)
    for number in numbers:
        bins.at(number).value += 1
    found = list(bins)
    assert len(found) == len(bins) <= most
    assert sum(cell.value for _, _, cell in found) == len(numbers)
    for low, high, cell in found:
        assert cell.value == sum(low <= number < high for number in numbers)


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.floats(0.001, 1e6), min_size=1))
def test_quantiles_are_right_to_within_a_bucket(numbers: list[float]) -> None:
    """A bucket is 15 % wide; the largest is exact."""
    found = Histogram()
    for number in numbers:
        found.add_number(number)
    ordered = sorted(numbers)
    assert found.quantile(1.0) <= found.largest == ordered[-1]
    median = ordered[(len(ordered) - 1) // 2]
    assert median / 1.16 <= found.quantile(0.5) <= median * 1.16
    assert sum(count for _, _, count in found) == len(numbers)


def test_a_number_of_nothing() -> None:
    """A page that took no time, or has no bytes, is counted too."""
    found = Histogram()
    found.add_number(0)
    assert found.count == 1
    assert found.quantile(0.5) == 0


def covered(tmp_path: Path, partitions: str) -> Coverage:
    """The coverage of a plan in which partition number n has n records, the last one failed."""
    text = ITEMS.replace("{shard: [a]}", partitions).replace('"{shard}"', '"{a}{b}"')
    [resource] = config(tmp_path, text, "http://127.0.0.1:1/").resources
    coverage = Coverage(resource, NOW)
    planned = list(partitions_of("items", resource.partitions, NOW))
    for number, partition in enumerate(planned, 1):
        state = State.FAILED if number == len(planned) else State.COMPLETE
        coverage.add(partition, coverage.row_of(partition), number, state)
    assert coverage.partitions == len(planned)
    return coverage


def test_many_windows_share_bins(tmp_path: Path) -> None:
    """A year of days in 120 bins at most, each named by the time it covers; nothing is lost."""
    window = "{a: [x], b: {window: {start: 2022-01-01, end: 2023-01-01, step: 1d}}}"
    coverage = covered(tmp_path, window.replace("{window: ", "").replace("}}}", "}}"))
    bars = list(coverage.bars("a=x"))
    assert coverage.is_time
    assert MOST_BINS / 2 < len(bars) <= MOST_BINS
    assert bars[0].label == "2022-01-01 to 2022-01-05"
    assert bars[0].low == datetime(2022, 1, 1, tzinfo=UTC).timestamp()
    assert bars[-1].high == datetime(2023, 1, 1, tzinfo=UTC).timestamp()
    assert all(left.high == right.low for left, right in pairwise(bars))
    assert sum(bar.covered.records for bar in bars) == 365 * 366 // 2
    assert bars[-1].covered.worst is State.FAILED


def test_a_range_that_counts_down(tmp_path: Path) -> None:
    """Its bars lie in the order of the numbers' own axis."""
    coverage = covered(tmp_path, "{a: {range: [300, 1], step: -1}, b: [x]}")
    bars = list(coverage.bars("b=x"))
    assert bars[0].label == "a 300 to 298"
    assert (bars[0].low, bars[0].high) == (297, 300)
    assert sum(bar.covered.records for bar in bars) == 300 * 301 // 2


def test_rows_beyond_the_most_are_summed_up(tmp_path: Path) -> None:
    """Eight rows have their own chart; how many share the last one is known."""
    values = ", ".join(f"v{number}" for number in range(20))
    coverage = covered(tmp_path, f"{{a: [{values}], b: {{range: [1, 3]}}}}")
    assert len(coverage.rows) == MOST_ROWS + 1
    assert coverage.unnamed_rows == 20 - MOST_ROWS
    others = sum(bar.covered.records for bar in coverage.bars(OTHERS))
    assert others == sum(range(3 * MOST_ROWS + 1, 61))


def test_plain_values_lie_in_the_order_of_the_plan(tmp_path: Path) -> None:
    """A few have their names, many share bins."""
    few = covered(tmp_path, "{a: [x, y, z], b: [u]}")
    assert few.is_named
    assert [bar.label for bar in few.bars()] == ["x · u", "y · u", "z · u"]
    values = ", ".join(f"v{number}" for number in range(500))
    many = covered(tmp_path, f"{{a: [{values}], b: [u]}}")
    bars = list(many.bars())
    assert not many.is_named
    assert len(bars) <= MOST_BINS
    assert bars[0].label == "partition 1 to 8"
    assert bars[-1].label == "partition 497 to 500"
    assert sum(bar.covered.records for bar in bars) == 500 * 501 // 2


def test_stretches_are_joined_and_bounded() -> None:
    """Neighbours in one state are one; those that are too many are counted."""
    found = Stretches(State.FAILED, State.PENDING)
    for number in range(2 * MOST_STRETCHES + 20):
        state = State.FAILED if number % 2 else State.COMPLETE
        state = State.PENDING if number < 10 else state
        found.add(Partition("items", {"n": number}), "n", "", state)
    assert found.kept[0].where == "items 0 … 9"
    assert found.kept[0].partitions == 10
    assert found.kept[1].where == "items 11"
    assert len(found.kept) == MOST_STRETCHES
    assert found.unlisted == 105 - (MOST_STRETCHES - 1)
