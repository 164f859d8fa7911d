"""Lists of which an API shows only the first records: begun anew behind them, by a value."""

import json
import random
from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from harvester import harvest, iter_records, status, verify
from harvester.errors import ConfigError
from harvester.export import answered, export
from harvester.results import doubles, record_lines
from tests.killed_often import killed_often
from tests.support import Reply, Scripted, config

YAML = """
version: 1
name: lists
client: {base_url: "http://127.0.0.1:1/", retry: {attempts: 2, max_wait: 0.01}}
resources:
  - name: found
    path: search
    params: {sort: updated_at, kind: "{kind}"}
    partitions: {kind: [a, b]}
    data_selector: items
    key: id
    paginator:
      type: offset
      limit: 10
      total_path: total
      restart_after: {records: 100, from: "items[-1].updated_at", into: since}
output: {fsync: false}
"""
ANEW = "restart_after: {records: 100, from: 'items[*].updated_at', into: since}"
PAGES = f"resources[0].paginator={{type: page_number, {ANEW}}}"
CURSORS = f"resources[0].paginator={{type: cursor, cursor_path: next, {ANEW}}}"


class Windowed:
    """Records sorted by a value, of which `cap` from `since` on are shown; others are refused."""

    def __init__(self, values: list[int], cap: int = 100) -> None:
        self.values = values
        self.cap = cap
        self.heeds = True

    def __call__(self, path: str, asked: Mapping[str, str]) -> Reply:
        """The page at an offset, or of a number."""
        since = int(asked.get("since", 0)) if self.heeds else 0
        first, size = bisect_left(self.values, since), int(asked.get("limit", 10))
        offset = int(asked["offset"]) if "offset" in asked else (int(asked["page"]) - 1) * size
        if offset + size > self.cap:
            return Reply({"error": f"Result window is too large, at most {self.cap}"}, 400)
        shown = range(first + offset, min(len(self.values), first + offset + size))
        items = [{"id": f"r{n}", "updated_at": self.values[n]} for n in shown]
        return Reply({"items": items, "total": len(self.values) - first})


def rising(number: int, most_alike: int = 4, seed: int = 3) -> list[int]:
    """Values that rise, some of them alike."""
    chance, found = random.Random(seed), list[int]()
    while len(found) < number:
        found += [(found[-1] if found else 0) + 1] * chance.randint(1, most_alike)
    return found[:number]


def ids(out: Path) -> list[str]:
    """Those of one partition's records, in their order."""
    return [json.loads(line)["id"] for line in iter_records(out, partition={"kind": "a"})]


@pytest.mark.parametrize(
    "changes",
    [
        (),
        ("concurrency.pages=4",),
        (PAGES,),
    ],
)  # fmt: skip
def test_a_list_is_begun_anew_behind_what_is_shown(
    tmp_path: Path, changes: tuple[str, ...]
) -> None:
    """Each record once for who reads; those at the seams lie twice on disk, and are counted."""
    values, out = rising(1234), tmp_path / "out"
    with Scripted(Windowed(values)) as server:
        asked = config(tmp_path, YAML, server.base_url, *changes)
        summary = harvest(asked, out=out)
        needed = len(server.asked)
        assert harvest(asked, out=out).complete
        assert len(server.asked) == needed
    assert summary.complete
    assert not summary.doubts
    assert ids(out) == [f"r{n}" for n in range(1234)]
    again = summary.resources[0].records - 2 * 1234
    assert again >= 2 * 12
    assert needed <= 2 * 1234 / 10 * 1.2
    assert verify(out, deep=True).ok
    assert doubles(out)[0].within == 0
    notes: list[str] = []
    assert b"".join(record_lines(out, on_note=notes.append)).count(b"\n") == 2 * 1234
    assert [note[: note.index(" that")] for note in notes] == [f"found: without {again:,} records"]
    done = export(out, tmp_path / "all.jsonl")
    assert done.records == {"found": 2 * 1234}
    assert f"without {again:,} records that came again" in done.notes[-1]
    assert len((tmp_path / "all.jsonl").read_text().splitlines()) == 2 * 1234


def test_more_alike_than_are_shown_are_a_gap(tmp_path: Path) -> None:
    """Named, with exit code 3, by each run; never a loop. A server that ignores the value is one,
    too.
    """
    values = sorted([*rising(300), *[50] * 130])
    for heeds in (True, False):
        out, server = tmp_path / str(heeds), Windowed(values)
        server.heeds = heeds
        with Scripted(server) as listening:
            asked = config(tmp_path, YAML, listening.base_url)
            summary = harvest(asked, out=out)
            needed = len(listening.asked)
            again = harvest(asked, out=out)
            assert len(listening.asked) == needed
        assert summary.exit_code == again.exit_code == 3
        assert "restart_after" in summary.failures[0].error
        assert "is missing" in summary.failures[0].error
        assert len(status(out).gaps) == 2
        assert needed < 100


def test_a_list_that_is_killed_goes_on_in_the_same_one(tmp_path: Path) -> None:
    """At any time; a kill costs one request, and nothing lies on disk that would not anyway."""
    values = rising(700)
    killed = killed_often(tmp_path, YAML, lambda: Windowed(values), kills=5)
    stored = status(killed.whole).resources[0].records
    assert killed.summary.resources[0].records == stored


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (("resources[0].key=[]",), "needs key"),
        ((CURSORS,), "is for offset and page_number"),
        (("resources[0].paginator.restart_after.into=",), "into"),
        (("resources[0].paginator.restart_after.records=15",), "two pages have 20 records"),
        (("resources[0].partitions={w: {start: 0, end: 9, split_above: 5}}",
          'resources[0].params={a: "{w.start}"}'), "split_above"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(tmp_path: Path, changes: tuple[str, ...], told: str) -> None:
    """Each is said at load."""
    with pytest.raises(ConfigError, match=told):
        config(tmp_path, YAML, "http://127.0.0.1:1/", *changes)


def test_a_page_without_the_value_fails_with_its_path(tmp_path: Path) -> None:
    """Rather than beginning at nothing; what is kept stays."""
    found: Any = Windowed(rising(300))
    with Scripted(found) as server:
        asked = config(
            tmp_path, YAML, server.base_url,
            "resources[0].paginator.restart_after.from=items[-1].updated",
        )  # fmt: skip
        summary = harvest(asked, out=tmp_path / "out")
    assert summary.exit_code == 3
    assert "items[-1].updated, where the page has nothing" in summary.failures[0].error


def test_what_is_appended_later_has_no_record_again(tmp_path: Path) -> None:
    """Though the seam lies between two exports: what was exported before is looked at again."""
    values, out, target = rising(500, 9), tmp_path / "out", tmp_path / "all.duckdb"
    with Scripted(Windowed(values)) as server:
        asked = config(tmp_path, YAML, server.base_url, "resources[0].partitions.kind=[a]")
        for pages in (10, 4, 100):
            harvest(asked, out=out, max_pages=pages)
            export(out, target, append=True)
    with answered(out, "select count(*), count(distinct id) from found") as answer:
        assert [*answer.rows] == [(500, 500)]
    with duckdb.connect(str(target), read_only=True) as database:
        assert database.execute("select count(*), count(distinct id) from found").fetchall() == [
            (500, 500)
        ]
