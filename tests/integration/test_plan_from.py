"""Windows that are planned beforehand, by a resource that counts what they hold."""

import json
from bisect import bisect_left
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harvester import harvest, iter_records, status, verify
from harvester.errors import ConfigError
from tests.integration.test_caps import DAYS, START, Capped, spread
from tests.killed_often import killed_often
from tests.support import Reply, Scripted, config

YAML = """
version: 1
name: search
client: {base_url: "http://127.0.0.1:1/", retry: {attempts: 2, max_wait: 0.01}}
resources:
  - name: tweets
    path: search
    params: {query: "{query}", since: "{window.start:epoch}", until: "{window.end:epoch}"}
    partitions:
      query: [a, b]
      window: {start: 2021-01-01, end: 2022-01-01, split_above: 100, plan_from: tweets_counts}
    data_selector: items
    key: id
    paginator:
      {type: page_number, page_size: 10, page_size_param: per_page, total_path: total_count}
  - name: tweets_counts
    path: counts
    params: {query: "{query}", since: "{window.start:epoch}", until: "{window.end:epoch}"}
    partitions:
      query: [a, b]
      window: {start: 2021-01-01, end: 2022-01-01, step: 6mo}
    data_selector: data
    paginator: {type: single_page}
output: {fsync: false}
"""


class Counted:
    """A search of two queries with a cap, and the counts of each day."""

    def __init__(self, values: Mapping[str, list[int]]) -> None:
        self.found = {query: Capped(times, 100) for query, times in values.items()}
        self.tells = True

    def __call__(self, path: str, asked: Mapping[str, str]) -> Reply:
        """A page of either."""
        search = self.found[asked["query"]]
        if path == "/search":
            return search(path, asked)
        since, until = int(asked["since"]), int(asked["until"])
        days = [
            {
                "start": datetime.fromtimestamp(day, UTC).isoformat(),
                "end": datetime.fromtimestamp(day + DAYS, UTC).isoformat(),
                "tweet_count": bisect_left(search.values, day + DAYS)
                - bisect_left(search.values, day),
            }
            for day in range(since, until, DAYS)
        ]
        return Reply({"data": days} if self.tells else {"data": [{"start": 1, "end": 2}]})


VALUES = {
    "a": spread(3000),
    "b": [*spread(40), *range(START + 9 * DAYS, START + 10 * DAYS, DAYS // 150)],
}
VALUES["b"].sort()


def searched(asked: list[dict[str, str]]) -> list[dict[str, str]]:
    """The requests to the search."""
    return [one for one in asked if "per_page" in one]


def test_no_window_is_asked_for_that_has_too_many(tmp_path: Path) -> None:
    """But for a count that is above the cap by itself; counts of the same query belong to it."""
    out = tmp_path / "out"
    with Scripted(Counted(VALUES)) as server:
        asked = config(tmp_path, YAML, server.base_url)
        summary = harvest(asked, out=out)
        requests = searched(server.asked)
        assert harvest(asked, out=out).complete
        assert searched(server.asked) == requests
    assert summary.complete
    assert not summary.doubts
    for query, times in VALUES.items():
        found = iter_records(out, resources=["tweets"], partition={"query": query})
        assert [json.loads(each)["at"] for each in found] == times
    pages = [one for one in requests if one["query"] == "a"]
    windows = {one["since"] for one in pages}
    assert len(windows) <= 2 * 3000 / 100
    assert len(pages) <= 3000 / 10 + 2 * len(windows)
    assert len(windows) == sum(one["page"] == "1" for one in pages)
    firsts = [one for one in requests if one["query"] == "b" and one["page"] == "1"]
    assert len(firsts) <= 12  # the day with 150 is asked for once, and halved
    assert verify(out, deep=True).ok
    assert status(out).complete


def test_killed_it_plans_the_same(tmp_path: Path) -> None:
    """Though the counts are others by then: what was split is in the journal."""
    killed_often(tmp_path, YAML, lambda: Counted(VALUES), kills=3)


def test_counts_that_say_nothing(tmp_path: Path) -> None:
    """A record without a count is refused by its name; counts that failed are done without."""
    answer = Counted(VALUES)
    answer.tells = False
    with Scripted(answer) as server:
        summary = harvest(config(tmp_path, YAML, server.base_url), out=tmp_path / "one")
    assert summary.exit_code in (3, 5)
    assert "plan_from: a record of tweets_counts lacks" in str(summary.ended_by or summary.failures)

    def failing(path: str, asked: Mapping[str, str]) -> Reply:
        return Reply({}, 400) if path == "/counts" else answer(path, asked)

    with Scripted(failing) as server:
        summary = harvest(config(tmp_path, YAML, server.base_url), out=tmp_path / "two")
    assert {failure.resource for failure in summary.failures} == {"tweets_counts"}
    assert sum(1 for _ in iter_records(tmp_path / "two", resources=["tweets"])) == 3190


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (("resources[0].partitions.window.plan_from=tweet_counts",), "unknown resource"),
        (("resources[0].partitions.window.plan_from=tweets",), "waits for"),
        (("resources[0].partitions.window.plan_from=[a]",), "the name of a resource that counts"),
        (("resources[1].partitions.window.plan_from=tweets",), "plan_from"),
    ],
)
def test_what_cannot_be_planned_from(tmp_path: Path, changes: tuple[str, ...], told: str) -> None:
    """Is said at load."""
    with pytest.raises(ConfigError, match=told):
        config(tmp_path, YAML, "http://127.0.0.1:1/", *changes)
