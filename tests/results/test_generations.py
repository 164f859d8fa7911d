"""Generations: what has changed between two of them, and reading an older one."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, iter_records
from harvester.errors import ConfigError
from harvester.repair import begin_again
from harvester.results import GenerationDiff
from tests.support import ENVIRONMENT, Reply, Scripted, config

YAML = """
version: 1
name: works
client: {base_url: "http://127.0.0.1:1/"}
resources:
  - name: works
    path: "works/{year}"
    partitions: {year: [2023, 2024]}
    data_selector: data
    key: id
    paginator: {type: page_number, page_size: 2, page_size_param: size}
"""
FIRST: list[dict[str, Any]] = [
    {"id": 1, "t": "a"},
    {"id": 2, "t": "b"},
    {"id": 3, "t": "c", "gone": 1},
]
SECOND: list[dict[str, Any]] = [
    {"t": "a", "id": 1},
    {"id": 3, "t": 7},
    {"id": 4, "t": "d", "more": {"x": [True]}},
]


class Works:
    """Records in pages of two; those of 2024 can be changed."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = FIRST

    def __call__(self, path: str, asked: Mapping[str, str]) -> Reply:
        """A page."""
        records = self.records if path.endswith("2024") else FIRST
        page = int(asked["page"])
        return Reply({"data": records[2 * page - 2 : 2 * page]})


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A harvest whose second year has a second generation."""
    works = Works()
    with Scripted(works) as server:
        asked = config(tmp_path, YAML, server.base_url)
        folder = tmp_path / "out"
        assert harvest(asked, out=folder).complete
        works.records = SECOND
        begin_again(asked, folder, partition={"year": "2024"})
        assert [json.loads(each) for each in iter_records(folder)][3:] == FIRST
        assert harvest(asked, out=folder).complete
    return folder


def harvester(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command."""
    line = [sys.executable, "-m", "harvester", *arguments]
    return subprocess.run(
        line, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60
    )


def test_what_is_new_gone_and_changed(out: Path) -> None:
    """By key; that keys stand in another order is no change."""
    found = GenerationDiff(out)
    changes = {(each.change, each.key): (each.before, each.after) for each in found}
    assert changes.keys() == {("changed", 3), ("new", 4), ("gone", 2)}
    assert json.loads(changes["changed", 3][0] or b"") == FIRST[2]
    assert json.loads(changes["changed", 3][1] or b"") == SECOND[1]
    (counted,) = found.comparisons
    assert (counted.new, counted.gone, counted.changed, counted.same) == (1, 1, 1, 1)
    assert counted.partitions == 1
    assert counted.fields.as_dict() == {
        "new": ["more", "more.x", "more.x[*]"],
        "lost": ["gone"],
        "retyped": {"t": {"before": ["text"], "after": ["number", "text"]}},
    }


def test_an_older_generation_is_read(out: Path) -> None:
    """Of the partition that has but one, that one."""
    first = [json.loads(each) for each in iter_records(out, generation=1)]
    assert first == FIRST + FIRST
    assert [json.loads(each) for each in iter_records(out, generation=2)] == FIRST + SECOND
    assert [json.loads(each) for each in iter_records(out)] == FIRST + SECOND
    with pytest.raises(ConfigError, match="2 generations at most"):
        list(iter_records(out, generation=3))


def test_the_command(out: Path) -> None:
    """Lines of JSON, and numbers on stderr; --json gives only these."""
    ran = harvester("diff", str(out))
    assert ran.returncode == 0
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [line["change"] for line in lines] == ["changed", "new", "gone"]
    assert lines[2]["partition"] == {"year": "2024"}
    assert lines[2]["after"] is None
    assert "1 new, 1 gone, 1 changed, 1 the same" in ran.stderr
    assert "fields lost: gone" in ran.stderr
    numbers = json.loads(harvester("diff", str(out), "--json").stdout)
    assert numbers["resources"][0]["new"] == 1
    read = harvester("records", str(out), "--generation", "1", "--partition", "year=2024")
    assert [json.loads(line) for line in read.stdout.splitlines()] == FIRST


def test_what_cannot_be_compared(out: Path, tmp_path: Path) -> None:
    """No such resource, partition or generation; no key."""
    assert harvester("diff", str(out), "--resource", "work").returncode == 2
    assert harvester("diff", str(out), "--partition", "year=1999").returncode == 2
    assert harvester("records", str(out), "--generation", "0").returncode == 2
    assert harvester("records", str(out), "--generation", "9").returncode == 2
    none = harvester("diff", str(out), "--from", "7")
    assert none.returncode == 0
    assert "no partition has two such generations" in none.stderr
    with Scripted(Works()) as server:
        asked = config(tmp_path, YAML.replace("    key: id\n", ""), server.base_url)
        harvest(asked, out=tmp_path / "b")
    told = harvester("diff", str(tmp_path / "b"))
    assert told.returncode == 2
    assert "--key id" in told.stderr
