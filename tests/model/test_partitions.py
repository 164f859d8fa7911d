"""The plan: which partitions, in what order, under which folder; windows over the calendar."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice, pairwise, product
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.model.partitions import (
    Partition,
    Range,
    Spec,
    Values,
    count,
    partitions_of,
)
from harvester.model.time_windows import Step, Windows, windows

NOW = datetime(2021, 6, 15, 12, tzinfo=UTC)
LATE = datetime.max.replace(tzinfo=UTC)  # every window has closed
DAY = 86_400


def utc(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, micro: int = 0
) -> datetime:
    """Make a time in UTC."""
    return datetime(year, month, day, hour, minute, second, micro, UTC)


def labels(spec: Windows, now: datetime | None = None) -> list[str]:
    """The labels of the windows; where no `now` is said, all those of a fixed end have closed."""
    moment = now or (NOW if spec.end is None else LATE)
    return [window.label for window in windows(spec, moment)]


def starts(spec: Windows) -> list[str]:
    """List the dates on which the planned windows start."""
    return [str(window.start.date()) for window in windows(spec, LATE)]


# --- Windows over the calendar -------------------------------------------------------------------


def test_months() -> None:
    """The README's year of months: twelve windows, each ending where the next begins."""
    spec = Windows(utc(2021, 1, 1), utc(2022, 1, 1), Step(months=1))
    months = labels(spec)
    assert len(months) == 12
    assert months[0] == "2021-01-01_2021-02-01"
    assert months[-1] == "2021-12-01_2022-01-01"


def test_month_ends_are_clamped_and_return() -> None:
    """31 January + 1 month is the end of February, + 2 months is 31 March again."""
    spec = Windows(utc(2021, 1, 31), utc(2021, 6, 30), Step(months=1))
    assert starts(spec) == ["2021-01-31", "2021-02-28", "2021-03-31", "2021-04-30", "2021-05-31"]


def test_leap_years() -> None:
    """February has its 29th in 2020 and 2000, and not in 1900."""
    for year, day in ((2020, 29), (2000, 29), (1900, 28), (2021, 28)):
        spec = Windows(utc(year, 1, 31), utc(year, 4, 1), Step(months=1))
        assert starts(spec)[1] == f"{year}-02-{day}"


def test_year_steps_from_a_leap_day() -> None:
    """Years counted from 29 February fall on the 28th and come back to the 29th."""
    spec = Windows(utc(2020, 2, 29), utc(2025, 1, 1), Step(months=12))
    assert starts(spec) == ["2020-02-29", "2021-02-28", "2022-02-28", "2023-02-28", "2024-02-29"]


def test_the_last_window_may_be_shorter() -> None:
    """A fixed end cuts the last window; an end on a cut does not add an empty one."""
    week = Step(seconds=7 * DAY)
    assert labels(Windows(utc(2021, 1, 1), utc(2021, 1, 10), week)) == [
        "2021-01-01_2021-01-08",
        "2021-01-08_2021-01-10",
    ]
    assert labels(Windows(utc(2021, 1, 1), utc(2021, 1, 8), week)) == ["2021-01-01_2021-01-08"]
    assert labels(Windows(utc(2021, 1, 1), utc(2021, 1, 2), week)) == ["2021-01-01_2021-01-02"]


def test_hours_and_fractions() -> None:
    """Windows of hours and of parts of a second keep their exact times."""
    spec = Windows(utc(2021, 1, 1, 18), utc(2021, 1, 2, 6), Step(seconds=6 * 3600))
    assert labels(spec) == ["2021-01-01T180000Z_2021-01-02", "2021-01-02_2021-01-02T060000Z"]
    tenths = list(windows(Windows(utc(2021, 1, 1), utc(2021, 1, 1, 1), Step(seconds=0.1)), NOW))
    assert len(tenths) == 36_000
    assert tenths[3].end == utc(2021, 1, 1, 0, 0, 0, 400_000)


def test_other_zones_become_utc() -> None:
    """Cuts are made in UTC whatever zone the times were given in."""
    zone = timezone(timedelta(hours=2))
    start, end = datetime(2021, 1, 1, 2, tzinfo=zone), datetime(2021, 3, 1, 2, tzinfo=zone)
    planned = list(windows(Windows(start, end, Step(months=1)), NOW))
    assert [w.label for w in planned] == ["2021-01-01_2021-02-01", "2021-02-01_2021-03-01"]
    assert all(w.start.tzinfo is w.end.tzinfo is UTC for w in planned)


def test_until_now_only_closed_windows() -> None:
    """With `end: now` a window is planned the moment it closes, not before."""
    spec = Windows(utc(2021, 6, 13), None, Step(seconds=DAY))
    assert labels(spec, utc(2021, 6, 15)) == ["2021-06-13_2021-06-14", "2021-06-14_2021-06-15"]
    assert labels(spec, utc(2021, 6, 15) - timedelta(microseconds=1)) == ["2021-06-13_2021-06-14"]
    assert labels(spec, utc(2021, 6, 13)) == []
    assert labels(spec, utc(2020, 1, 1)) == []


def test_settle_waits_for_late_data() -> None:
    """A window is planned when it has been closed for `settle`."""
    spec = Windows(utc(2021, 6, 13), None, Step(seconds=DAY), settle=timedelta(hours=1))
    assert labels(spec, utc(2021, 6, 14, 0, 59)) == []
    assert labels(spec, utc(2021, 6, 14, 1)) == ["2021-06-13_2021-06-14"]


def test_a_fixed_end_in_the_future() -> None:
    """Windows that are still open wait, the last one too, and with `settle` a while longer."""
    start, end, month = utc(2021, 5, 1), utc(2021, 7, 10), Step(months=1)
    spec, settled = (Windows(start, end, month, timedelta(days=days)) for days in (0, 1))
    whole = labels(spec, end)
    assert len(whole) == 3
    assert labels(spec, utc(2021, 6, 15)) == ["2021-05-01_2021-06-01"]
    assert labels(spec, end - timedelta(microseconds=1)) == whole[:2]
    assert labels(settled, end) == whole[:2]
    assert labels(settled, utc(2021, 7, 11)) == whole


def test_a_later_run_moves_no_window() -> None:
    """What is planned on one day is the beginning of what is planned on any later day."""
    spec = Windows(utc(2021, 1, 31), None, Step(months=1))
    assert labels(spec, utc(2022, 1, 1))[: len(labels(spec))] == labels(spec)


def test_the_end_of_the_calendar() -> None:
    """Steps beyond the year 9999 and waits before the year 1 end the plan, not the program."""
    last = datetime.max.replace(tzinfo=UTC)
    assert labels(Windows(utc(9999, 11, 30), last, Step(months=1))) == [
        "9999-11-30_9999-12-30",
        "9999-12-30_9999-12-31T235959.999999Z",
    ]
    assert labels(Windows(utc(9999, 12, 31), last, Step(seconds=10.0**13))) == [
        "9999-12-31_9999-12-31T235959.999999Z"
    ]
    assert labels(Windows(utc(2021, 1, 1), None, Step(months=10**9))) == []
    assert labels(Windows(utc(1, 1, 1), None, Step(months=1), timedelta(days=10**6))) == []


TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
STEPS = st.one_of(
    st.builds(Step, months=st.integers(1, 30)),
    st.builds(Step, seconds=st.integers(DAY // 4, 400 * DAY)),
    st.builds(Step, seconds=st.floats(DAY, 40 * DAY)),
)


@st.composite
def window_specs(draw: st.DrawFn) -> Windows:
    """Windows with a fixed end or none, near NOW so that few are planned."""
    start = draw(st.datetimes(datetime(2019, 1, 1), datetime(2022, 1, 1), timezones=st.just(UTC)))
    length = draw(st.none() | st.timedeltas(timedelta(microseconds=1), timedelta(days=800)))
    settle = draw(st.timedeltas(timedelta(0), timedelta(days=60)))
    end = None if length is None else start + length
    return Windows(start, end, draw(STEPS), draw(st.just(timedelta(0)) | st.just(settle)))


@given(window_specs())
def test_windows_tile(spec: Windows) -> None:
    """Windows begin at the start, leave no gap, never overlap, and end where they should."""
    planned = list(windows(spec, NOW))
    assert count({"w": spec}, NOW) == len(planned)
    if planned:
        assert planned[0].start == spec.start
    assert all(before.end == after.start for before, after in pairwise(planned))
    assert all(window.start < window.end for window in planned)
    assert len({window.label for window in planned}) == len(planned)
    assert all(window.end <= NOW - spec.settle for window in planned)
    if spec.end is not None and spec.end <= NOW - spec.settle:
        assert planned[-1].end == spec.end


@given(window_specs())
def test_no_closed_window_is_forgotten(spec: Windows) -> None:
    """The first window that is not planned is one that has not closed, or begins at the end."""
    planned = list(windows(spec, NOW))
    everything = list(windows(Windows(spec.start, spec.end or utc(2030, 1, 1), spec.step), LATE))
    assert everything[: len(planned)] == planned
    if len(everything) > len(planned):
        assert everything[len(planned)].end > NOW - spec.settle


# --- The product ---------------------------------------------------------------------------------


def test_no_keys_one_partition() -> None:
    """A resource without partitions is one partition, straight under its folder."""
    (only,) = partitions_of("tweets", {}, NOW)
    assert only == Partition("tweets", {})
    assert only.folder == PurePosixPath("tweets")
    assert only.title == "tweets"
    assert count({}, NOW) == 1


def test_the_last_key_is_fastest() -> None:
    """Partitions come as the product in the order the keys are written."""
    specs: dict[str, Spec] = {"b": Values(("x", "y")), "a": Range(1, 3)}
    planned = [partition.values for partition in partitions_of("r", specs, NOW)]
    assert planned == [{"b": b, "a": a} for b, a in product("xy", (1, 2, 3))]
    assert [list(values) for values in planned] == [["b", "a"]] * 6


@pytest.mark.parametrize(
    ("spec", "numbers"),
    [
        (Range(1, 3), [1, 2, 3]),
        (Range(5, 5), [5]),
        (Range(1, 10, 4), [1, 5, 9]),
        (Range(3, 1, -1), [3, 2, 1]),
        (Range(10, 0, -5), [10, 5, 0]),
        (Range(-1, 1), [-1, 0, 1]),
    ],
)
def test_ranges_include_both_ends(spec: Range, numbers: list[int]) -> None:
    """A range holds its start and, where a step falls on it, its stop; it may count down."""
    assert [p.values["n"] for p in partitions_of("r", {"n": spec}, NOW)] == numbers
    assert count({"n": spec}, NOW) == len(numbers)


def test_huge_plans_are_lazy() -> None:
    """Counting and beginning a plan of 10**40 partitions takes no time and no memory."""
    specs: dict[str, Spec] = {
        "n": Range(1, 10**30),
        "w": Windows(utc(1, 1, 1), utc(9999, 12, 31), Step(seconds=0.000001)),
    }
    assert count(specs, LATE) == 10**30 * 315_537_811_200 * 10**6
    assert [p.values["n"] for p in islice(partitions_of("r", specs, LATE), 3)] == [1, 1, 1]


@given(
    st.dictionaries(
        st.sampled_from("abcd"),
        st.one_of(
            st.lists(st.integers(), min_size=1, max_size=4, unique=True).map(
                lambda numbers: Values(tuple(numbers))
            ),
            st.builds(Range, st.integers(0, 3), st.integers(3, 6), st.integers(1, 3)),
            st.builds(Windows, st.just(utc(2021, 6, 1)), st.none(), st.just(Step(seconds=5 * DAY))),
        ),
        max_size=3,
    )
)
def test_count_is_the_length(specs: Mapping[str, Spec]) -> None:
    """The count is what listing gives; every partition has its own folder."""
    planned = list(partitions_of("r", specs, NOW))
    assert len(planned) == count(specs, NOW)
    assert len({partition.folder for partition in planned}) == len(planned)


@pytest.mark.parametrize(
    ("build", "arguments"),
    [
        (Values, ((),)),
        (Range, (1, 5, 0)),
        (Range, (5, 1)),
        (Range, (1, 5, -1)),
        (Step, ()),
        (Step, (1, 1)),
        (Step, (-1,)),
        (Step, (0, -1)),
        (Step, (0, float("nan"))),
        (Step, (0, float("inf"))),
        (Step, (0, 1e-9)),
        (Windows, (utc(2021, 1, 1), utc(2021, 1, 1), Step(1))),
        (Windows, (utc(2021, 1, 1), utc(2020, 1, 1), Step(1))),
        (Windows, (utc(2021, 1, 1).replace(tzinfo=None), None, Step(1))),
        (Windows, (utc(2021, 1, 1), utc(2022, 1, 1).replace(tzinfo=None), Step(1))),
        (Windows, (utc(2021, 1, 1), None, Step(1), timedelta(-1))),
    ],
)
def test_specs_that_plan_nothing_sensible(build: type[Any], arguments: tuple[Any, ...]) -> None:
    """Specs that are empty, endless or backwards are refused when they are made."""
    with pytest.raises(ValueError, match=r"\w \w"):
        build(*arguments)


# --- Folders and titles --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("from:nasa", "q=from%3Anasa"),
        ("a/b\\c", "q=a%2Fb%5Cc"),
        ("/", "q=%2F"),
        (".", "q=."),
        ("..", "q=.."),
        ("", "q="),
        ("a=b&c", "q=a%3Db%26c"),
        ("~", "q=%7E"),
        ("\0\n", "q=%00%0A"),
        ("é", "q=%C3%A9"),
        ("e\u0301", "q=e%CC%81"),
        ("\ud800", "q=%ED%A0%80"),
        (True, "q=true"),
        (-7, "q=-7"),
        (1.5, "q=1.5"),
    ],
)
def test_levels(value: Any, level: str) -> None:
    """A level is the key and the percent-encoded value, and never leads anywhere else."""
    folder = Partition("tweets", {"q": value, "n": 1}).folder
    assert folder.parts == ("tweets", level, "n=1")


@pytest.mark.parametrize(
    ("resource", "level"), [("..", "%2E%2E"), (".", "%2E"), ("a/b", "a%2Fb"), ("v1.1", "v1.1")]
)
def test_resources_stay_in_the_folder(resource: str, level: str) -> None:
    """No name of a resource leads out of the harvest's folder."""
    assert Partition(resource, {}).folder.parts == (level,)


def test_window_level() -> None:
    """A window's level is its label."""
    spec = Windows(utc(2021, 1, 1), utc(2021, 1, 2), Step(seconds=DAY // 2))
    first, second = partitions_of("tweets", {"window": spec}, NOW)
    assert first.folder.name == "window=2021-01-01_2021-01-01T120000Z"
    assert second.folder.name == "window=2021-01-01T120000Z_2021-01-02"


def test_long_values_are_shortened_with_a_hash() -> None:
    """Up to 200 bytes a level is whole; over that it is 200 bytes with a hash at its end."""
    assert Partition("r", {"q": "x" * 198}).folder.name == "q=" + "x" * 198
    name = Partition("r", {"q": "x" * 199}).folder.name
    # sha256 of 199 times "x", from sha256sum
    assert name == "q=" + "x" * 181 + "~" + "f18029ae3f973208"
    assert len(name) == 200


@pytest.mark.parametrize("key", ["q", "qq", "qqq"])
def test_a_cut_spares_whole_escapes(key: str) -> None:
    """Wherever the cut falls in %XX, the kept part ends before it."""
    kept, _, digits = Partition("r", {key: "/" * 200}).folder.name.partition("~")
    assert kept == f"{key}=" + "%2F" * ((183 - len(key) - 1) // 3)
    assert len(digits) == 16


def test_long_values_that_begin_alike_stay_apart() -> None:
    """Two long values that differ in their last character have two folders."""
    folders = {Partition("r", {"q": "x" * 500 + end}).folder for end in "abc"}
    assert len(folders) == 3


def test_no_value_can_take_a_shortened_name() -> None:
    """A value spelled like another's shortened level is still in a folder of its own."""
    shortened = Partition("r", {"q": "x" * 500}).folder
    forged = Partition("r", {"q": shortened.name.removeprefix("q=")}).folder
    assert forged != shortened


@given(st.text(max_size=400), st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True))
def test_levels_decode(value: str, key: str) -> None:
    """Whole levels decode to the value; shortened ones to its beginning, cut at a whole %XX."""
    resource, level = Partition("r", {key: value}).folder.parts
    assert level.isascii()
    assert len(level) <= 200
    name, _, encoded = level.partition("=")
    kept, shortened, digits = encoded.partition("~")
    assert (resource, name) == ("r", key)
    assert re.fullmatch(r"(%[0-9A-F]{2}|[A-Za-z0-9_.-])*", kept)
    whole, beginning = value.encode(errors="surrogatepass"), unquote_to_bytes(kept)
    if shortened:
        assert whole.startswith(beginning)
        assert re.fullmatch(r"[0-9a-f]{16}", digits)
        assert len(level) >= 198  # a cut inside %XX costs at most two bytes
    else:
        assert whole == beginning


@given(st.lists(st.text(max_size=300), min_size=2, max_size=2, unique=True))
def test_different_values_have_different_folders(values: list[str]) -> None:
    """No two values share a folder."""
    one, other = (Partition("r", {"q": value}).folder for value in values)
    assert one != other


def test_labels_and_titles() -> None:
    """Labels are the values as text; the title names resource and partition for people."""
    spec = Windows(utc(2021, 1, 1), utc(2021, 2, 1), Step(months=1))
    (partition,) = partitions_of("tweets", {"query": Values(("from:nasa",)), "window": spec}, NOW)
    assert partition.labels == {"query": "from:nasa", "window": "2021-01-01_2021-02-01"}
    assert partition.title == "tweets query=from:nasa window=2021-01-01_2021-02-01"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a b", 'q="a b"'),
        ("", 'q=""'),
        ("été", "q=été"),
        ("a\x1b[31m\n", 'q="a\\u001b[31m\\n"'),
        ("\u2028", 'q="\\u2028"'),
        ("x" * 81, "q=" + "x" * 79 + "…"),
        (True, "q=true"),
    ],
)
def test_titles_fit_a_line(value: Any, shown: str) -> None:
    """A title is one short printable line whatever the value is."""
    assert Partition("r", {"q": value}).title == f"r {shown}"
