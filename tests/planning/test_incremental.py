"""Runs that go on from the largest value seen."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, iter_records, status, verify
from harvester.config import Incremental
from harvester.errors import ConfigError, DataRefused
from harvester.model.partitions import Partition
from harvester.planning.incremental import earlier, next_run, runs
from harvester.planning.plans import plan
from tests.on_disk import store
from tests.support import Reply, Scripted, config, stamps

BASE = Partition("updates", {"query": "a b"})
SINCE = Incremental(cursor_path="data[*].t", param="since", initial_value="2020-01-01")


def labels(partitions: Any) -> list[str]:
    """The names of runs."""
    return [partition.labels["run"] for partition in partitions]


def after(out: Path, largest: Any, incremental: Incremental = SINCE) -> str | None:
    """The name of the run that follows one of a page with this largest value."""
    first = next(runs(out, BASE, incremental))
    fields = {} if largest is None else {"largest": largest}
    store(out, first, [{"data": []}], fields=[fields])
    found = next_run(out, BASE, incremental)
    return found.labels["run"] if found else None


def test_the_first_run(tmp_path: Path) -> None:
    """It starts at the initial value, below the partition's folder; nothing follows it yet."""
    [first] = runs(tmp_path, BASE, SINCE)
    assert str(first.folder) == "updates/query=a%20b/run=0001_2020-01-01"
    assert first.included == {"run.start": "2020-01-01"}
    assert next_run(tmp_path, BASE, SINCE) is None


def test_a_finished_run_is_followed(tmp_path: Path) -> None:
    """By one that starts at the largest value of all its pages."""
    [first] = runs(tmp_path, BASE, SINCE)
    pages: list[Any] = [{"data": []}] * 3
    store(tmp_path, first, pages, fields=[{"largest": "2021-03"}, {"largest": "2021-05"}, {}])
    second = next_run(tmp_path, BASE, SINCE)
    assert second is not None
    assert second.labels == {"query": "a b", "run": "0002_2021-05"}
    assert labels(runs(tmp_path, BASE, SINCE)) == ["0001_2020-01-01"], "until it has begun"
    store(tmp_path, second, [{"data": []}], done=False)
    assert labels(runs(tmp_path, BASE, SINCE)) == ["0001_2020-01-01", "0002_2021-05"]
    assert next_run(tmp_path, BASE, SINCE) is None, "the second is to be finished first"


def test_a_run_that_was_killed_before_its_journal(tmp_path: Path) -> None:
    """Its folder says that it has begun, and with what."""
    [first] = runs(tmp_path, BASE, SINCE)
    (tmp_path / first.folder).mkdir(parents=True)
    (tmp_path / BASE.folder / "run=0002_x~").mkdir()
    (tmp_path / BASE.folder / "other").mkdir()
    assert labels(runs(tmp_path, BASE, SINCE)) == ["0001_2020-01-01", "0002_x~"]


def test_runs_beyond_four_digits(tmp_path: Path) -> None:
    """They are in the order of their numbers."""
    for number in ("0999", "9999", "10000"):
        (tmp_path / BASE.folder / f"run={number}_").mkdir(parents=True)
    assert labels(runs(tmp_path, BASE, SINCE)) == ["0999_", "9999_", "10000_"]


def test_a_value_too_long_for_a_folder(tmp_path: Path) -> None:
    """It is read back from the journal."""
    start = Incremental(cursor_path="t", param="since", initial_value="ü" * 100)
    assert after(tmp_path, None, start) == "0002_" + "ü" * 100
    assert labels(runs(tmp_path, BASE, start)) == ["0001_" + "ü" * 100]


@pytest.mark.parametrize(
    ("initial", "largest", "expected"),
    [
        ("2020-01-01", None, "0002_2020-01-01"),  # an empty run
        ("2020-01-01", "2019-12-31", "0002_2020-01-01"),
        (0, 7, "0002_7"),
        (0, "2021-01-01T00:00:00Z", "0002_2021-01-01T00:00:00Z"),
        ("0", 2**63, "0002_9223372036854775808"),
        ("9", "10", "0002_10"),
        (9, 10.5, "0002_10.5"),
        (-5, -3, "0002_-3"),
        ("", "b", "0002_b"),
        (100, "99.5", "0002_100"),
    ],
)
def test_the_largest(tmp_path: Path, initial: Any, largest: Any, expected: str) -> None:
    """Never before the last run's start; numbers as numbers, times as text."""
    assert after(tmp_path, largest, SINCE.model_copy(update={"initial_value": initial})) == expected


@pytest.mark.parametrize("largest", [{"a": 1}, [1], True])
def test_no_value_to_go_on_from(tmp_path: Path, largest: object) -> None:
    """An object would make a run of nonsense."""
    with pytest.raises(DataRefused, match=r"data\[\*\]\.t leads to"):
        after(tmp_path, largest)


def test_lookback(tmp_path: Path) -> None:
    """A run starts before the largest value, but never before the last one did."""
    incremental = SINCE.model_copy(update={"lookback": 86400.0})
    assert after(tmp_path, "2020-01-05", incremental) == "0002_2020-01-04"
    other = tmp_path / "other"
    assert after(other, "2020-01-01", incremental) == "0002_2020-01-01"


@pytest.mark.parametrize(
    ("value", "seconds", "expected"),
    [
        ("2021-03-01", 86400, "2021-02-28"),
        ("2021-03-01", 3600, "2021-02-28"),
        ("2021-03-01T00:00:00Z", 1, "2021-02-28T23:59:59Z"),
        ("2021-03-01T00:00:00+05:30", 86400, "2021-02-28T00:00:00+05:30"),
        ("2021-03-01T00:00:00.123-0800", 60, "2021-02-28T23:59:00.123-0800"),
        ("2021-03-01 00:00:00.123456789", 60, "2021-02-28 23:59:00.123456789"),
        ("2021-03-01T00:00", 60, "2021-02-28T23:59"),
        ("2021-03-01 12:00:00 Z", 60, "2021-03-01 11:59:00 Z"),
        ("20210301", 86400, "20210228"),
        (20210301, 86400, 20210228),
        ("20210301000000", 1, "20210228235959"),
        (1_600_000_000, 60, 1_599_999_940),
        (1_600_000_000.25, 60, 1_599_999_940.25),
        ("1600000000", 60, "1599999940"),
        (1_600_000_000_000, 60, 1_599_999_940_000),
        ("1600000000000", 0.5, "1599999999500"),
        (1_600_000_000_000_000, 1, 1_599_999_999_000_000),
        (1_600_000_000_000_000_000, 1, 1_599_999_999_000_000_000),
        ("what you like", 0, "what you like"),
    ],
)
def test_earlier(value: Any, seconds: float, expected: object) -> None:
    """A time is written as it was, and keeps its type."""
    found = earlier(value, seconds)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("value", ["abc", "", "0001-01-01", "2021-13-01", "12:00", None])
def test_no_time_to_look_back_from(value: Any) -> None:
    """It is refused by name."""
    with pytest.raises(DataRefused, match="lookback needs a time"):
        earlier(value, 86400 * 2)


# --- Runs of a whole harvest ---------------------------------------------------------------------

UPDATES = """
version: 1
name: updates
client:
  base_url: http://127.0.0.1:1/
  retry: {attempts: 1}
resources:
  - name: updates
    path: updates
    params: {of: "{of}"}
    partitions: {of: [a, b]}
    incremental: {cursor_path: "data[*].t", param: since, initial_value: 0}
    data_selector: data
    paginator: {type: page_number, page_size: 2, page_size_param: size, stop_after_short_page: true}
"""


class Updates(Scripted):
    """Records `since` (included) a number, two a page; there are `top` of them in all."""

    def __init__(self) -> None:
        super().__init__(self._page)
        self.top = 5
        self.broken = ""  # whose second page fails

    def _page(self, path: str, parameters: Mapping[str, str]) -> Reply:
        page = int(parameters["page"])
        if parameters["of"] == self.broken and page == 2:
            return Reply({}, status=500)
        times = range(int(parameters["since"]), self.top)
        found = [{"of": parameters["of"], "t": t} for t in times]
        return Reply({"data": found[2 * page - 2 : 2 * page]})


def folders(out: Path) -> list[str]:
    """The runs on disk."""
    return sorted(str(path.relative_to(out / "updates")) for path in out.glob("updates/*/run=*"))


def times(out: Path, **partition: str) -> list[int]:
    """The records' times."""
    return [json.loads(record)["t"] for record in iter_records(out, partition=partition)]


def test_each_run_of_the_harvest_adds_one(tmp_path: Path) -> None:
    """A partition more each, also where nothing is new; what is finished is not touched."""
    out = tmp_path / "out"
    with Updates() as server:
        asked = config(tmp_path, UPDATES, server.base_url)
        assert [p.labels["run"] for p in plan(asked, out=out)] == ["0001_0", "0001_0"]
        summary = harvest(asked, out=out, concurrency=1)
        assert folders(out) == ["of=a/run=0001_0", "of=b/run=0001_0"], "one worker adds one too"
        assert (summary.complete, summary.resources[0].partitions.total) == (True, 2)
        before = stamps(out)
        server.top = 7
        assert [p.labels["run"] for p in plan(asked, out=out)] == ["0001_0", "0002_4"] * 2
        assert status(out).resources[0].partitions.total == 2, "there have been two"
        for _ in range(2):
            assert harvest(asked, out=out).complete
    assert folders(out) == [
        f"of={of}/run={run}" for of in "ab" for run in ("0001_0", "0002_4", "0003_6")
    ]
    after_all = stamps(out)
    kept = {name for name in before if name.startswith("updates/")}
    assert {name: after_all[name] for name in kept} == {name: before[name] for name in kept}
    assert times(out, of="b") == [0, 1, 2, 3, 4, 4, 5, 6, 6]
    assert times(out, run="0002_4", of="a") == [4, 5, 6]
    assert status(out).resources[0].partitions.complete == 6
    assert verify(out, deep=True).as_dict()["problems"] == []
    with pytest.raises(ConfigError, match="unknown partition key 'since'"):
        times(out, since="4")


def test_an_empty_run_is_followed(tmp_path: Path) -> None:
    """By one that starts at the same value."""
    out = tmp_path / "out"
    with Updates() as server:
        asked = config(tmp_path, UPDATES, server.base_url)
        server.top = 0
        for _ in range(2):
            assert harvest(asked, out=out).complete
    assert folders(out)[:2] == ["of=a/run=0001_0", "of=a/run=0002_0"]


def test_an_unfinished_run_comes_first(tmp_path: Path) -> None:
    """It is resumed, and a new one begins with the next run of the harvest."""
    out = tmp_path / "out"
    with Updates() as server:
        asked = config(tmp_path, UPDATES, server.base_url)
        server.broken = "a"
        assert harvest(asked, out=out).exit_code == 3
        server.broken = ""
        assert harvest(asked, out=out).complete
        first = folders(out)
        assert harvest(asked, out=out).complete
    assert first == ["of=a/run=0001_0", "of=b/run=0001_0", "of=b/run=0002_4"]
    assert folders(out)[:2] == ["of=a/run=0001_0", "of=a/run=0002_4"]
    assert times(out, of="a") == [0, 1, 2, 3, 4, 4]


# --- Values that no run can go on from ------------------------------------------------------------

SOON = datetime.now(UTC) - timedelta(days=2)
DATED = """
version: 1
name: dated
client: {base_url: "http://127.0.0.1:1/"}
resources:
  - name: items
    path: items
    data_selector: data
    incremental: {cursor_path: "data[*].u", param: since, initial_value: 0}
"""


def since(tmp_path: Path, *values: Any, initial: Any = 0) -> tuple[str, list[str]]:
    """What the second run asks from, and what the first one's end has against it."""
    data = [{"id": number, "u": value} for number, value in enumerate(values)]
    text = DATED.replace("initial_value: 0", f"initial_value: {json.dumps(initial)}")
    with Scripted(lambda path, asked: Reply({"data": [*data, {"id": "none"}]})) as server:
        asked = config(tmp_path, text, server.base_url)
        first = harvest(asked, out=tmp_path / "out")
        assert first.complete
        harvest(asked, out=tmp_path / "out")
        return server.asked[1]["since"], [doubt.told for doubt in first.doubts]


@pytest.mark.parametrize(
    "odd", [[None], [None, None, {}], [[1], True], [False, {"at": "2099-01-01"}]]
)
def test_row_88_values_that_are_none(tmp_path: Path, odd: list[Any]) -> None:
    """null, absent, true, an object or a list is no value: the others say where to go on."""
    assert since(tmp_path, *odd, "2025-01-02", *odd, "2025-01-01") == ("2025-01-02", [])


@pytest.mark.parametrize(
    ("plausible", "future", "initial"),
    [
        (f"{SOON:%Y-%m-%dT%H:%M:%SZ}", "2099-12-31T00:00:00Z", "2020-01-01T00:00:00Z"),
        (f"{SOON:%Y-%m-%d}", "2099-12-31", "2020-01-01"),
        (int(SOON.timestamp()), 4102444800, 0),
        (str(int(SOON.timestamp())), "4102444800", 0),
        (int(SOON.timestamp() * 1000), 4102444800000, 0),
        (f"{SOON:%Y%m%d}", "20991231", "20200101"),
    ],
    ids=["time", "date", "epoch", "epoch as text", "milliseconds", "compact"],
)
def test_row_88_a_value_in_the_future(
    tmp_path: Path, plausible: Any, future: Any, initial: Any
) -> None:
    """One record dated 2099 does not become what every later run starts at: it is a doubt, with its
    value, and the largest value before the server's now is gone on from.
    """
    start, [told] = since(tmp_path, plausible, future, plausible, initial=initial)
    assert start == str(plausible)
    assert str(future) in told
    assert str(plausible) in told


def test_only_values_in_the_future(tmp_path: Path) -> None:
    """The run that follows starts where this one did."""
    start, [told] = since(tmp_path, "2099-01-01", "2098-01-01", initial="2020-01-01")
    assert (start, "2099-01-01" in told) == ("2020-01-01", True)


@pytest.mark.parametrize("ids", [[5_000_000_001, 5_000_000_000], [41, 7], [2**62, 2**62 + 1]])
def test_large_ids_are_no_times(tmp_path: Path, ids: list[int]) -> None:
    """A run goes on from the largest id, however large."""
    assert since(tmp_path, *ids) == (str(max(ids)), [])


def test_what_an_earlier_version_wrote_down(tmp_path: Path) -> None:
    """A future value stands in its journal as the largest; what a variable held is a mark there."""
    [first] = runs(tmp_path, BASE, SINCE)
    date = {"date": "Mon, 15 Jun 2026 12:00:00 GMT"}
    fields: list[Any] = [{"largest": "2026-05-01"}, {"largest": "2099-01-01"}]
    store(tmp_path, first, [{"data": []}] * 2, fields=fields, response=date)
    second = next_run(tmp_path, BASE, SINCE)
    assert second is not None
    assert second.labels["run"] == "0002_2026-05-01"
    marked = {"largest": "{secret.env.YEAR}-05-01"}
    store(tmp_path, second, [{"data": []}], fields=[marked])
    third = next_run(
        tmp_path, BASE, SINCE, lambda text: str(text).replace("{secret.env.YEAR}", "2026")
    )
    assert third is not None
    assert third.labels["run"] == "0003_2026-05-01"


def test_row_88_null_in_a_keyset(tmp_path: Path) -> None:
    """Records without the key are kept; the others' largest or smallest leads on."""
    keys = [None if number % 4 == 0 else number for number in range(20)]

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        at = int(asked.get("after", -1)) + 1
        return Reply({"data": [{"id": i, "k": keys[i]} for i in range(20)][at : at + 6]})

    text = DATED.replace(
        'incremental: {cursor_path: "data[*].u", param: since, initial_value: 0}',
        'paginator: {type: keyset, cursor_path: "data[*].k", take: max, cursor_param: after}',
    )
    with Scripted(respond) as server:
        assert harvest(config(tmp_path, text, server.base_url), out=tmp_path / "out").complete
    found = [json.loads(line)["id"] for line in iter_records(tmp_path / "out")]
    assert sorted(set(found)) == [*range(20)]


@pytest.mark.parametrize(
    ("values", "doubtful"),
    [
        (["2025-01-01", "2025-02-01"], True),
        (["2025-01-01T00:00:00Z", "2025-01-01T00:00:01Z"], True),
        ([1_700_000_000, 1_700_000_100], True),
        (["7", "12"], True),
        (["2025-02-01", "2025-02-01"], False),
    ],
)
def test_row_63_a_start_that_the_server_ignores(
    tmp_path: Path, values: list[Any], doubtful: bool
) -> None:
    """The second run gets what lies before its start: a doubt, with both values."""
    text = """
version: 1
name: items
client: {base_url: "http://127.0.0.1:1/"}
resources:
  - name: items
    path: items
    data_selector: items
    incremental: {cursor_path: "items[*].u", param: since, initial_value: "0"}
"""
    found = [{"id": number, "u": value} for number, value in enumerate(values)]
    with Scripted(lambda path, asked: Reply({"items": found})) as server:
        asked = config(tmp_path, text, server.base_url)
        first, second = (harvest(asked, out=tmp_path / "out") for _ in range(2))
    assert (first.exit_code, first.doubts) == (0, [])
    assert second.exit_code == 0
    assert [group.kind for group in second.doubts] == ["before_start"] * doubtful
    for group in second.doubts:
        assert f"since={values[1]} was asked for" in group.told
        assert f"is {values[0]}: the server seems to ignore since" in group.told
