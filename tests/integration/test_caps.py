"""Searches that show only the first results: windows are split until each is whole."""

import json
import random
from bisect import bisect_left
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, iter_records, plan, status, verify
from harvester.errors import ConfigError
from harvester.planning import least
from harvester.repair import begin_again
from tests.killed_often import killed_often
from tests.support import Reply, Scripted, config

START = 1_609_459_200  # 2021-01-01
DAYS = 86_400
YAML = """
version: 1
name: search
client: {{base_url: "http://127.0.0.1:1/", retry: {{attempts: 2, max_wait: 0.01}}}}
resources:
  - name: found
    path: search
    params: {params}
    partitions: {{window: {window}}}
    data_selector: items
    key: id
    paginator: {{type: page_number, page_param: page, page_size: {size}, page_size_param: per_page}}
"""
TIMES = '{since: "{window.start:epoch}", until: "{window.end:epoch}"}'


class Capped:
    """A search over sorted values that shows the first `cap` results, and refuses to go on."""

    def __init__(
        self, values: list[Any], cap: int, *, total: bool = True, most: int | None = None
    ) -> None:
        self.values = values
        self.cap = cap
        self.total = total
        self.most = most  # the largest total that it says

    def __call__(self, path: str, asked: Mapping[str, str]) -> Reply:
        """The page of `since` (included) to `until` (excluded), or of a prefix."""
        first, last = self.between(asked)
        size, page = int(asked["per_page"]), int(asked["page"])
        begins = first + (page - 1) * size
        if self.total and begins - first >= self.cap:
            told = f"Only the first {self.cap} search results are available"
            return Reply({"message": told}, 422)
        shown = range(begins, min(last, begins + size, first + self.cap))
        body: dict[str, Any] = {"items": [{"id": n, "at": self.values[n]} for n in shown]}
        if self.total:
            body["total_count"] = min(last - first, self.most or last - first)
        return Reply(body)

    def between(self, asked: Mapping[str, str]) -> tuple[int, int]:
        """The places of what was asked for."""
        if "prefix" in asked:
            prefix = asked["prefix"]
            return bisect_left(self.values, prefix), bisect_left(self.values, prefix + "~")
        since, until = int(asked["since"]), int(asked["until"])
        return bisect_left(self.values, since), bisect_left(self.values, until)


def spread(number: int, seconds: int = 365 * DAYS, seed: int = 7) -> list[int]:
    """Times at random in a year."""
    chance = random.Random(seed)
    return sorted(START + chance.randrange(seconds) for _ in range(number))


def ids(out: Path) -> list[int]:
    """Those of all records."""
    return sorted(json.loads(record)["id"] for record in iter_records(out))


def yaml(window: str, params: str = TIMES, size: int = 10) -> str:
    """The configuration."""
    return YAML.format(window=window, params=params, size=size)


YEAR = "{start: 2021-01-01, end: 2022-01-01, split_above: 100, total_path: total_count}"


def test_a_window_above_the_cap_is_split_until_all_is_there(tmp_path: Path) -> None:
    """Each record once, and hardly more requests than a perfect plan has."""
    out = tmp_path / "out"
    with Scripted(Capped(spread(20_000), 100)) as server:
        summary = harvest(config(tmp_path, yaml(YEAR), server.base_url), out=out)
    assert summary.complete
    assert summary.exit_code == 0
    assert ids(out) == list(range(20_000))
    assert len(server.asked) <= 2000 * 1.2  # with a cap of 100, chance is large
    assert summary.resources[0].ends["split"] >= 10
    assert not summary.doubts
    assert verify(out, deep=True).ok
    asked = len(server.asked)
    with Scripted(Capped(spread(20_000), 100)) as again:
        assert harvest(config(tmp_path, yaml(YEAR), again.base_url), out=out).complete
    assert not again.asked
    assert asked


def test_records_that_lie_in_one_hour_of_the_year(tmp_path: Path) -> None:
    """Empty windows are few, since no window is split into many at once."""
    values = [START + 200 * DAYS + at for at in range(3600)]
    out = tmp_path / "out"
    with Scripted(Capped(values, 100)) as server:
        summary = harvest(config(tmp_path, yaml(YEAR), server.base_url), out=out)
    assert summary.complete
    assert ids(out) == list(range(3600))
    assert len(server.asked) < 600


def test_a_window_that_cannot_be_split_is_a_gap(tmp_path: Path) -> None:
    """What the API shows of it is kept; it is named everywhere, again by each later run, and a
    smaller `smallest` fills it.
    """
    at = START + 100 * DAYS
    values = sorted([*spread(300), *(at + n % 40 for n in range(250))])
    coarse = YEAR.replace("}", ", smallest: 60s}")
    out = tmp_path / "out"
    with Scripted(Capped(values, 100)) as server:
        summary = harvest(config(tmp_path, yaml(coarse), server.base_url), out=out)
        assert not summary.complete
        assert summary.exit_code == 3
        (failure,) = summary.failures
        assert "split_above (100)" in failure.error
        assert "missing" in failure.error
        asked = len(server.asked)
        again = harvest(config(tmp_path, yaml(coarse), server.base_url), out=out)
        assert again.exit_code == 3
        assert len(again.failures) == 1
        assert len(server.asked) == asked
        (gap,) = status(out).gaps
        assert gap.records == 100
        assert status(out).as_dict()["gaps"][0]["partition"] == dict(gap.partition)
        assert len(ids(out)) < len(values)
        summary = harvest(config(tmp_path, yaml(YEAR), server.base_url), out=out)
    assert summary.complete
    assert ids(out) == list(range(len(values)))
    assert verify(out).ok


def test_without_a_total_a_window_is_split_when_the_cap_is_reached(tmp_path: Path) -> None:
    """The API stops without a word at its cap: what came by then counts no more."""
    window = "{start: 2021-01-01, end: 2022-01-01, split_above: 100}"
    out = tmp_path / "out"
    with Scripted(Capped(spread(900), 100, total=False)) as server:
        summary = harvest(config(tmp_path, yaml(window), server.base_url), out=out)
    assert summary.complete
    assert ids(out) == list(range(900))
    assert verify(out, deep=True).ok


@pytest.mark.parametrize("most", [100, 60])
def test_a_total_that_is_capped_itself_proves_nothing(most: int, tmp_path: Path) -> None:
    """As Elasticsearch's, which never is above 10,000 unless it is asked to be: parts of a window
    whose total was no larger than the cap are no better known than the window. One that says fewer
    than came proves nothing, either.
    """
    out = tmp_path / "out"
    window = YEAR.replace("start", "step: 6mo, start", 1)
    with Scripted(Capped(spread(900), 100, most=most)) as server:
        summary = harvest(config(tmp_path, yaml(window), server.base_url), out=out)
    assert summary.complete
    assert ids(out) == list(range(900))
    assert verify(out).ok


@pytest.mark.parametrize(
    "window",
    [
        "{start: 0, end: 5000, split_above: 100, total_path: total_count}",
        "{start: 0, end: 5000, step: 1000, split_above: 100, total_path: total_count, smallest: 7}",
        "{range: [0, 4999], split_above: 100, total_path: total_count}",
    ],
)
def test_stretches_of_numbers_are_split(window: str, tmp_path: Path) -> None:
    """`{window.start}` and `{window.end}` are numbers."""
    values = sorted(random.Random(3).sample(range(5000), 2000))
    params = '{since: "{window.start}", until: "{window.end}"}'
    out = tmp_path / "out"
    with Scripted(Capped(values, 100)) as server:
        summary = harvest(config(tmp_path, yaml(window, params), server.base_url), out=out)
    assert summary.complete
    assert ids(out) == list(range(2000))
    assert verify(out).ok


def test_prefixes_of_a_key_are_split(tmp_path: Path) -> None:
    """By one sign more at a time."""
    values = sorted(f"{random.Random(n).getrandbits(32):08x}" for n in range(3000))
    window = "{prefixes: 0123456789abcdef, split_above: 100, total_path: total_count}"
    out = tmp_path / "out"
    with Scripted(Capped(values, 100)) as server:
        asked = config(tmp_path, yaml(window, '{prefix: "{window}"}'), server.base_url)
        summary = harvest(asked, out=out)
    assert summary.complete
    assert ids(out) == list(range(3000))


def test_a_run_that_is_killed_plans_the_same(tmp_path: Path) -> None:
    """At any time; each kill costs a request for each partition at work, and no record twice."""
    values = spread(4000)
    killed = killed_often(tmp_path, yaml(YEAR), lambda: Capped(values, 100), kills=6)
    assert verify(killed.out).ok


def test_what_is_harvested_again_keeps_its_parts(tmp_path: Path) -> None:
    """Though it would be split otherwise by now: no record comes to lie in two windows."""
    values, out = spread(900), tmp_path / "out"
    found = Capped(values, 100)
    with Scripted(found) as server:
        asked = config(tmp_path, yaml(YEAR), server.base_url)
        assert harvest(asked, out=out).complete
        found.values = values[:700]
        begin_again(asked, out)
        assert harvest(asked, out=out).complete
    assert ids(out) == list(range(700))
    assert verify(out).ok


def test_parts_that_hold_less_than_the_whole_are_a_doubt(tmp_path: Path) -> None:
    """As where the request asks without the end that the API does not include."""
    params = '{since: "{window.start:epoch}", until: "{window.last:epoch}"}'
    values = [START + at for at in range(3600)]
    hour = YEAR.replace("2022-01-01", "2021-01-01T01:00:00Z")
    out = tmp_path / "out"
    with Scripted(Capped(values, 100)) as server:
        summary = harvest(config(tmp_path, yaml(hour, params), server.base_url), out=out)
    assert [doubt.kind for doubt in summary.doubts] == ["split_missed"]


def test_the_plan_has_the_parts(tmp_path: Path) -> None:
    """Behind the window that they came from."""
    out = tmp_path / "out"
    with Scripted(Capped(spread(500), 100)) as server:
        asked = config(tmp_path, yaml(YEAR), server.base_url)
        assert len(list(plan(asked, out=out))) == 1
        assert harvest(asked, out=out).complete
        labels = [partition.labels["window"] for partition in plan(asked, out=out)]
        (resource,) = asked.resources
        assert least(asked, resource, datetime.now(UTC), tmp_path / "none").partitions == 1
    assert labels[0] == "2021-01-01_2022-01-01"
    assert labels[1].startswith("2021-01-01_")
    assert labels[-1].endswith("_2022-01-01")


@pytest.mark.parametrize(
    ("window", "told"),
    [
        ("{start: 2021-01-01, end: now, split_above: 5}", "how long is a window, where the end"),
        ("{start: 2021-01-01, end: now, open: true, split_above: 5}", "open windows are not split"),
        ("{start: 2021-01-01, end: now, step: 1d, smallest: 1m}", "add split_above"),
        ("{start: 2021-01-01, end: now, step: 1d, split_above: 5, smallest: 1ms}", "whole seconds"),
        ("{start: 2021-01-01, end: now, step: 1d, split_above: 0}", "must be at least 1"),
        ("{start: 5, end: 5, split_above: 10}", "is not after the start, 5"),
        ("{start: 5, end: 9}", "split_above"),
        ("{range: [9, 5], split_above: 10}", "go up"),
        ("{range: [1, 9], step: 2, split_above: 10}", "have no step"),
        ("{range: [1, 9], total_path: n}", "add split_above"),
        ("{prefixes: aba, split_above: 10}", "'a' stands twice"),
    ],
)
def test_what_cannot_be_split_is_refused(window: str, told: str, tmp_path: Path) -> None:
    """With the key that is wrong."""
    with pytest.raises(ConfigError, match=told):
        config(tmp_path, yaml(window), "http://127.0.0.1:1/")
