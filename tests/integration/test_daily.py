"""A run each day adds what is new, and touches nothing else."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from harvester import harvest, iter_records, status, verify
from harvester.engine.events import Event, Warned
from harvester.errors import ConfigError, DataRefused
from harvester.store.manifest import MANIFEST
from tests.support import Reply, Scripted, config, stamps

WINDOWS = """
version: 1
name: days
client: {{base_url: "http://127.0.0.1:1/"}}
resources:
  - name: days
    path: days
    params: {{since: "{{day.start:iso}}", until: "{{day.last:%Y-%m-%d}}"}}
    partitions:
      day: {{start: {start}, end: now, step: 1d, settle: {settle}h}}
    data_selector: data
"""

FILE = """
version: 1
name: listed
client: {base_url: "http://127.0.0.1:1/"}
resources:
  - name: items
    path: "items/{id}"
    params: {n: "{n}"}
    partitions: {id: {file: ids.csv, column: id, include: {n: name}}}
    data_selector: data
"""


def echo(path: str, parameters: Mapping[str, str]) -> Reply:
    """One record: what was asked for."""
    return Reply({"data": [{"path": path, **parameters}]})


def untouched(out: Path, before: dict[str, tuple[int, int, int]]) -> bool:
    """Whether the files of partitions are as they were."""
    after = stamps(out)
    return all(after[name] == stamp for name, stamp in before.items() if "=" in name)


def test_windows_of_days(tmp_path: Path) -> None:
    """A day more each day. (What a day's wait would do, a settle that is a day shorter does.)"""
    # Far from now, so that no window closes while the test runs.
    start = (datetime.now(UTC) - timedelta(days=4, hours=12)).replace(microsecond=0)
    text = start.astimezone(timezone(timedelta(hours=2))).isoformat()
    out = tmp_path / "out"
    with Scripted(echo) as server:
        asked = config(tmp_path, WINDOWS.format(start=text, settle=48), server.base_url)
        assert harvest(asked, out=out).complete
        first, before = len(server.asked), stamps(out)
        asked = config(tmp_path, WINDOWS.format(start=text, settle=24), server.base_url)
        assert server.asked[0]["since"][10:] == f"T{start:%H:%M:%S}Z"
        assert harvest(asked, out=out).complete
        assert len(server.asked) == first + 1
        assert harvest(asked, out=out).complete
        assert len(server.asked) == first + 1, "no day has closed since"
    assert untouched(out, before)
    assert verify(out, deep=True).ok
    assert status(out).resources[0].partitions.total == first + 1


def test_a_file_that_grows(tmp_path: Path) -> None:
    """New values are harvested; those that are gone from the file stay in the harvest."""
    out = tmp_path / "out"
    (tmp_path / "ids.csv").write_text("id,name\n1,a\n2,b\n")
    with Scripted(echo) as server:
        asked = config(tmp_path, FILE, server.base_url)
        assert harvest(asked, out=out).complete
        before = stamps(out)
        assert harvest(asked, out=out).complete
        assert stamps(out)["items.id.values.jsonl"] == before["items.id.values.jsonl"]
        (tmp_path / "ids.csv").write_text("name,id\nc,3\n,2\n")
        assert harvest(asked, out=out).complete
        assert sorted(each["n"] for each in server.asked) == ["a", "b", "c"]
    assert untouched(out, before)
    assert status(out).resources[0].partitions.total == 3


def test_a_file_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers never need it, wherever they are; a run resumes without it, and says so."""
    out = tmp_path / "out"
    (tmp_path / "ids.csv").write_text("id,name\n1,a\n2,b\n")
    told: list[Event] = []
    with Scripted(lambda path, _: echo(path, {}) if path < "/items/2" else Reply(0, 404)) as server:
        asked = config(tmp_path, FILE, server.base_url)
        assert harvest(asked, out=out).exit_code == 3
        (tmp_path / "ids.csv").unlink()
        server.respond = echo
        monkeypatch.chdir("/")
        assert harvest(asked, out=out, on_event=told.append).complete
    assert status(out).complete
    assert verify(out, deep=True).ok
    assert len(list(iter_records(out, partition={"id": "2"}))) == 1
    [warned] = [event for event in told if isinstance(event, Warned)]
    assert "ids.csv is gone" in warned.message


def test_a_file_that_never_was(tmp_path: Path) -> None:
    """Nothing is asked; and what is there of the harvest can be read."""
    out = tmp_path / "out"
    with Scripted(echo) as server:
        asked = config(tmp_path, FILE, server.base_url)
        with pytest.raises(ConfigError, match=r"ids\.csv: cannot be read: No such file"):
            harvest(asked, out=out)
        assert server.asked == []
    assert (out / MANIFEST).exists()
    assert status(out).resources[0].partitions.total == 0
    assert list(iter_records(out)) == []


def test_what_parents_include_may_not_change(tmp_path: Path) -> None:
    """Children would be asked for in another way."""
    text = FILE.replace(
        "{file: ids.csv, column: id, include: {n: name}}",
        "{resource: lists, field: id, include: {n: name}}",
    )
    text += "  - {name: lists, path: lists, data_selector: data}\n"
    with Scripted(echo) as server:
        harvest(config(tmp_path, text, server.base_url), out=tmp_path / "out")
        changed = config(tmp_path, text.replace("n: name", "n: path"), server.base_url)
        with pytest.raises(DataRefused, match="include has changed"):
            harvest(changed, out=tmp_path / "out")
