"""A harvest made by the version at commit 66a19b7 is opened, resumed, verified and exported."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from harvester import harvest, iter_records, load_config, plan, status, verify, write_report
from harvester.config import Config
from harvester.errors import DataRefused
from harvester.export import export
from harvester.replay import Replay
from tests.earlier import ENV, YAML, Api
from tests.support import stamps, write_config

KEPT = Path(__file__).parents[1] / "data" / "earlier"
#: Complete partitions, and all of them, in that harvest.
STOOD = {"items": (1, 3), "details": (4, 4), "pods": (1, 2), "updates": (3, 4), "days": (2, 3)}
#: Records by resource once everything is there: chains of 2, 4 and 2 pages of two; one detail
#: each; three pods a zone; runs of five and three updates (4 is included again), and a third of one
#: for a, whose second was finished; three records a day.
WHOLE = {"items": 16, "details": 16, "pods": 6, "updates": (5 + 3 + 1) + (5 + 3), "days": 9}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A copy of that harvest, to go on with."""
    return shutil.copytree(KEPT, tmp_path / "out")


def asked(tmp_path: Path, api: Api, text: str = YAML) -> Config:
    """Its configuration, with the server that answers now."""
    return load_config(write_config(tmp_path, text), base_url=api.base_url, env=ENV)


def records(out: Path) -> dict[str, list[Any]]:
    """The records by resource, each list in an order of its own."""
    return {
        name: sorted(map(json.loads, iter_records(out, resources=[name])), key=json.dumps)
        for name in WHOLE
    }


def test_it_is_read(out: Path, tmp_path: Path) -> None:
    """Status, verify, records, a report and a replay; nothing of it changes."""
    before = stamps(out)
    found = status(out)
    counts = {item.name: item.partitions for item in found.resources}
    assert {name: (each.complete, each.total) for name, each in counts.items()} == STOOD
    assert [failure.partition for failure in found.failures] == [
        {"shard": "b"},
        {"shard": "c/d"},
        {"zone": "y"},
        {"of": "b", "run": "0002_4"},
        {"window": "2021-01-03_2021-01-04"},
    ]
    assert verify(out, deep=True).as_dict()["problems"] == []
    assert [json.loads(line)["id"] for line in iter_records(out, resources=["items"])] == [
        "a1p", "a1q", "a2p", "a2q", "b1p", "b1q", "b2p", "b2q",
    ]  # fmt: skip
    assert [json.loads(line) for line in iter_records(out, partition={"zone": "x"})] == [
        "x1.1", "x1.2", "x1.3",
    ], "the pages before its chain began again do not count"  # fmt: skip
    write_report(out, tmp_path / "report.html")
    with Replay(out) as replay:
        assert replay.index.pages > 0
    assert stamps(out) == before


def test_it_is_resumed(out: Path, tmp_path: Path) -> None:
    """What is finished is not asked for again, what is open goes on where it stood, and then all
    is as a harvest without failures would have it.
    """
    done = {name: value for name, value in stamps(out).items() if name.startswith("items/shard=a")}
    with Api(well=True, top=7) as api:
        config = asked(tmp_path, api)
        assert len(list(plan(config, out=out))) == 3 + 4 + 2 + 5 + 3
        summary = harvest(config, out=out)
        assert (summary.complete, summary.failures) == (True, [])
        asks = Counter(json.dumps(one) for one in api.asked)
    assert max(asks[one] for one in asks if one != "{}") == 1
    assert {one.get("cursor") for one in api.asked if one.get("shard") == "b"} == {"3", "4"}
    assert {one["cursor"] for one in api.asked if "zone" in one} == {"1.2", "1.3"}
    assert [one["offset"] for one in api.asked if "offset" in one] == ["2"]
    assert {name: value for name, value in stamps(out).items() if name in done} == done
    assert verify(out, deep=True).as_dict()["problems"] == []
    found = records(out)
    assert {name: len(found[name]) for name in WHOLE} == WHOLE
    assert found["pods"] == ["x1.1", "x1.2", "x1.3", "y1.1", "y1.2", "y1.3"]


def test_a_crash_of_that_version_is_cleared_away(out: Path, tmp_path: Path) -> None:
    """A torn last line, a part that no line names, a temporary file."""
    shard = out / "items" / "shard=b"
    with (shard / "journal.jsonl").open("a") as journal:
        journal.write('{"seq": 3, "part"')
    shutil.copy(shard / "part-000002.json.gz", shard / "part-000003.json.gz")
    (shard / "part-000004.json.gz.tmp").write_bytes(b"half")
    with Api(well=True, top=7) as api:
        assert harvest(asked(tmp_path, api), out=out).complete
    assert verify(out, deep=True).as_dict()["problems"] == []
    assert sorted(path.name for path in shard.iterdir()) == [
        "journal.jsonl", *(f"part-{number:06d}.json.gz" for number in range(1, 5)),
    ]  # fmt: skip
    assert len(list(iter_records(out, partition={"shard": "b"}))) == 8


def test_another_question_is_refused(out: Path, tmp_path: Path) -> None:
    """By what that version wrote down of its own."""
    text = YAML.replace("cursor_param: cursor", "cursor_param: other", 1)
    with Api(well=True, top=7) as api, pytest.raises(DataRefused, match="cursor_param"):
        harvest(asked(tmp_path, api, text), out=out)
    assert api.asked == []


@pytest.mark.parametrize("whole", [False, True], ids=["unfinished", "resumed"])
def test_it_is_exported(out: Path, tmp_path: Path, *, whole: bool) -> None:
    """Into a table for each resource, as it stands and once it is whole."""
    if whole:
        with Api(well=True, top=7) as api:
            assert harvest(asked(tmp_path, api), out=out).complete
    done = export(out, tmp_path / "all.duckdb")
    assert done.records == (
        WHOLE if whole else {"items": 8, "details": 4, "pods": 4, "updates": 15, "days": 8}
    )
    with duckdb.connect(str(tmp_path / "all.duckdb"), read_only=True) as database:
        rows = database.sql("SELECT _shard, id FROM items ORDER BY id LIMIT 1").fetchall()
    assert rows == [("a", "a1p")]
    export(out, tmp_path / "days.csv", resources=["days"], dedupe=["day", "n"])
    export(out, tmp_path / "items.jsonl", resources=["items"])
    assert len((tmp_path / "items.jsonl").read_text().splitlines()) == done.records["items"]
