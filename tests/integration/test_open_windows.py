"""Windows that end at the time of the run: each run goes on where those before have ended."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from harvester import harvest, iter_records, plan, status, verify
from harvester.errors import ConfigError, DataRefused
from tests.support import Reply, Scripted, config

YAML = """
version: 1
name: news
client: {{base_url: "http://127.0.0.1:1/"}}
resources:
  - name: news
    path: "news/{{topic}}"
    params: {{since: "{{window.start:epoch}}", until: "{{window.end:epoch}}"}}
    partitions:
      topic: [a, b]
      window: {{start: {start}, end: now, open: true, settle: {settle}h{more}}}
    data_selector: data
    paginator: {{type: page_number}}
"""


def echo(path: str, parameters: Mapping[str, str]) -> Reply:
    """Two pages of one record: what was asked for."""
    more = int(parameters["page"]) < 3
    return Reply({"data": [{"path": path, **parameters}] if more else []})


def spans(out: Path) -> dict[str, list[tuple[int, int]]]:
    """The stretches of time that were asked for, by topic."""
    found: dict[str, set[tuple[int, int]]] = {}
    for record in map(json.loads, iter_records(out)):
        found.setdefault(record["path"], set()).add((int(record["since"]), int(record["until"])))
    return {path: sorted(each) for path, each in found.items()}


@pytest.mark.parametrize("step", ["", ", step: 1d"])
def test_a_run_goes_on_where_the_one_before_ended(step: str, tmp_path: Path) -> None:
    """Interrupted in its first window and resumed later: that window keeps its end, and what has
    passed since lies in windows of its own; no moment is left out or asked for twice. (What a
    day's wait would do, a settle that is a day shorter does.)
    """
    start = (datetime.now(UTC) - timedelta(days=4, hours=12)).replace(microsecond=0)
    text = start.isoformat()
    out = tmp_path / "out"
    with Scripted(echo) as server:
        asked = config(tmp_path, YAML.format(start=text, settle=48, more=step), server.base_url)
        assert not harvest(asked, out=out, max_pages=1).complete
        begun = {path.name for path in out.glob("news/topic=*/window=*")}
        later = config(tmp_path, YAML.format(start=text, settle=24, more=step), server.base_url)
        assert harvest(later, out=out).complete
    assert begun <= {path.name for path in out.glob("news/topic=*/window=*")}
    assert len(begun) == 1 or step
    found = spans(out)
    assert set(found) == {"/news/a", "/news/b"}
    for each in found.values():
        assert each[0][0] == start.timestamp()
        assert all(before[1] == after[0] for before, after in pairwise(each))
        assert abs(each[-1][1] - (datetime.now(UTC) - timedelta(days=1)).timestamp()) < 60
    assert status(out).complete
    assert verify(out).ok


def test_an_overlap_asks_from_before_the_start(tmp_path: Path) -> None:
    """For records that change late; the first window has nothing before it."""
    start = (datetime.now(UTC) - timedelta(days=4)).replace(microsecond=0)
    out = tmp_path / "out"
    more = ", step: 1d, overlap: 1h"
    with Scripted(echo) as server:
        asked = config(
            tmp_path, YAML.format(start=start.isoformat(), settle=0, more=more), server.base_url
        )
        assert harvest(asked, out=out).complete
    first, second, *_ = spans(out)["/news/a"]
    assert (first[0], second[0]) == (start.timestamp(), first[1] - 3600)


def test_a_plan_before_any_run(tmp_path: Path) -> None:
    """One window for each value of the other keys."""
    asked = config(tmp_path, YAML.format(start="2021-01-01", settle=0, more=""), "http://127.0.0.1")
    assert len(list(plan(asked, out=tmp_path / "out"))) == 2


def test_another_start_is_another_question(tmp_path: Path) -> None:
    """Its windows would lie across those that are kept."""
    out = tmp_path / "out"
    with Scripted(echo) as server:
        for day in ("2021-01-01", "2021-01-02"):
            asked = config(tmp_path, YAML.format(start=day, settle=0, more=""), server.base_url)
            if day.endswith("1"):
                assert harvest(asked, out=out).complete
            else:
                with pytest.raises(DataRefused, match="start was 2021-01-01"):
                    harvest(asked, out=out)


def test_open_windows_are_the_last_key(tmp_path: Path) -> None:
    """The values before say which windows there have been."""
    text = YAML.format(start="2021-01-01", settle=0, more="").replace("topic: [a, b]\n", "\n")
    text = text.replace("    data_selector", "      topic: [a, b]\n    data_selector")
    with pytest.raises(ConfigError, match="open windows are the last key"):
        config(tmp_path, text, "http://127.0.0.1")
