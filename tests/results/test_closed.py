"""A window of time is done only once it has closed, by the server's clock too."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, iter_records, status, verify
from harvester.engine.events import Event, Warned
from harvester.model.partitions import Partition
from harvester.model.time_windows import Step, Windows
from harvester.model.window import Window
from harvester.planning.closed_windows import ServerClock, closes_at, end_of, kept_early
from harvester.store import LocalStore
from harvester.store import manifest as folder
from harvester.store.entries import REDONE, RESTARTED
from harvester.store.journal_lines import read_entries
from tests.on_disk import store
from tests.support import Reply, Scripted, config

YAML = """
version: 1
name: days
client: {{base_url: "http://127.0.0.1:1/"}}
resources:
  - name: days
    path: days
    params: {{since: "{{day.start:iso}}"}}
    partitions: {{day: {{start: {start}, end: {end}, step: 1d, settle: {settle}h}}}}
    data_selector: data
"""
#: Midday, so that no window closes while a test runs.
NOW = datetime.now(UTC).replace(microsecond=0)
START = NOW - timedelta(days=3, hours=12)


class Api(Scripted):
    """An API whose clock is `behind`; it says for which day it was asked, if that has come."""

    def __init__(self, behind: timedelta = timedelta(0)) -> None:
        self.behind = behind
        super().__init__(self._answer)

    def _answer(self, path: str, parameters: Mapping[str, str]) -> Reply:
        now = datetime.now(UTC) - self.behind
        asked = datetime.fromisoformat(parameters["since"])
        data = [{"day": parameters["since"]}] if asked <= now else []
        return Reply({"data": data}, headers={"Date": format_datetime(now, usegmt=True)})


def days(tmp_path: Path, server: Scripted, end: str = "now", settle: int = 0) -> Any:
    """The YAML of windows of a day."""
    return config(
        tmp_path,
        YAML.format(start=START.isoformat(), end=end, settle=settle),
        server.base_url,
    )


def came(out: Path) -> list[str]:
    """The days whose records came."""
    return sorted(json.loads(line)["day"][:10] for line in iter_records(out))


def named(count: int) -> list[str]:
    """The first days of the plan."""
    return [f"{START + timedelta(days=day):%Y-%m-%d}" for day in range(count)]


def test_a_clock_behind(tmp_path: Path) -> None:
    """Three days have closed by this machine's clock, one by the server's: only that one is done,
    and told once why; when the others have closed, a run has them.
    """
    out, told = tmp_path / "out", list[Event]()
    with Api(behind=timedelta(days=2)) as server:
        first = harvest(days(tmp_path, server), out=out, on_event=told.append, concurrency=1)
        assert (first.exit_code, came(out)) == (0, named(1))
        assert status(out).complete
        [warned] = [event for event in told if isinstance(event, Warned)]
        assert "waits: its window is complete at" in warned.message
        assert "(this machine's clock is 2 days, 0:00:0" in warned.message
        assert len(server.asked) == 1, "by then the clock is known"
        assert verify(out).ok
        server.behind = timedelta(0)
        assert harvest(days(tmp_path, server), out=out).complete
    assert came(out) == named(3)
    assert verify(out, deep=True).ok
    assert not [e for place in out.rglob("journal.jsonl") for e in read_entries(place.parent) if
                e.reason in (REDONE, RESTARTED)]  # fmt: skip


@pytest.mark.parametrize("day", range(3))
def test_row_87_a_clock_that_ran_ahead_once(tmp_path: Path, day: int) -> None:
    """An earlier version planned a year ahead and marked each day as done. Those that have closed
    since are harvested again, and nothing twice; the plan is of now again, and the rest waits.
    """
    out = tmp_path / "out"
    with Api(behind=timedelta(days=3 - day)) as server:
        asked = days(tmp_path, server)
        with folder.locked(out, fsync=False):
            folder.prepare(out, asked, NOW + timedelta(days=365))
        for number in range(10):
            start = START + timedelta(days=number)
            partition = Partition("days", {"day": Window(start, start + timedelta(days=1))})
            date = {"date": format_datetime(START + timedelta(hours=1), usegmt=True)}
            place = store(out, partition, [{"data": []}], records=[0], response=date)
            header = (place / "journal.jsonl").read_text()
            mark = folder.read_asked(out).fingerprints["days"].now[-1]
            assert '"fingerprint":"f"' in header
            rewrite(place, mark)
        assert not status(out).complete
        assert harvest(asked, out=out, concurrency=1).exit_code == 0
        assert came(out) == named(day)
        server.behind = timedelta(0)
        assert harvest(asked, out=out).complete
        assert folder.read_asked(out).planned_at <= datetime.now(UTC)
        assert came(out) == named(3)
        assert status(out).complete
        requests = len(server.asked)
        assert harvest(asked, out=out).complete
        assert len(server.asked) == requests
    assert verify(out).ok


def rewrite(place: Path, fingerprint: str) -> None:
    """Give the journal in `place` this fingerprint."""
    from dataclasses import replace

    from harvester.store.entries import encode
    from harvester.store.journal_lines import read_header

    path = place / "journal.jsonl"
    header = read_header(place)
    assert header is not None
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join((encode(replace(header, fingerprint=fingerprint)), *lines[1:])))


def test_settle_counts_by_the_servers_clock(tmp_path: Path) -> None:
    """A day that has closed for the server, and not settled, waits too."""
    out = tmp_path / "out"
    with Api(behind=timedelta(hours=11)) as server:
        harvest(days(tmp_path, server, settle=6), out=out)
        assert came(out) == named(2)
        server.behind = timedelta(0)
        harvest(days(tmp_path, server, settle=6), out=out)
    assert came(out) == named(3)


def test_a_fixed_end_in_the_future(tmp_path: Path) -> None:
    """Its windows come as they close."""
    out = tmp_path / "out"
    with Api() as server:
        end = (START + timedelta(days=40)).isoformat()
        assert harvest(days(tmp_path, server, end=end), out=out).complete
        assert len(server.asked) == 3


@pytest.mark.parametrize("date", ["", "soon", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_date_that_nobody_believes(tmp_path: Path, date: str) -> None:
    """A server without a clock is harvested by this machine's."""
    out = tmp_path / "out"
    with Scripted(lambda path, asked: Reply({"data": [1]}, headers={"Date": date})) as server:
        assert harvest(days(tmp_path, server), out=out).complete
        assert len(server.asked) == 3
        assert harvest(days(tmp_path, server), out=out).complete
        assert len(server.asked) == 3


# --- The rules by themselves ---------------------------------------------------------------------


def test_the_servers_clock() -> None:
    """The newest Date counts; nothing is known before the first."""
    clock = ServerClock()
    assert clock.now(NOW) is None
    clock.hear({}, NOW)
    assert clock.now(NOW) is None
    for hours in (5, 2, 9):
        said = format_datetime(NOW - timedelta(hours=hours), usegmt=True)
        clock.hear({"date": said}, NOW)
    assert clock.now(NOW + timedelta(minutes=1)) == NOW - timedelta(hours=2) + timedelta(minutes=1)


def test_the_end_of_a_partition() -> None:
    """The latest of its windows, with the time that it settles; none without windows."""
    early, late = (Window(NOW, NOW + timedelta(days=days)) for days in (1, 2))
    specs = {
        "a": Windows(NOW, None, Step(seconds=86400), timedelta(days=5)),
        "b": Windows(NOW, None, Step(seconds=86400)),
    }
    partition = Partition("days", {"q": "x", "a": early, "b": late})
    assert end_of(partition) == NOW + timedelta(days=2)
    assert closes_at(partition, specs) == NOW + timedelta(days=6)
    plain = Partition("days", {"q": "x"})
    assert end_of(plain) is closes_at(plain, specs) is None


def test_what_was_kept_early(tmp_path: Path) -> None:
    """By the Date of the first page that counts."""
    partition = Partition("days", {"day": Window(NOW - timedelta(days=1), NOW)})
    for name, hours, early in (("a", -1, True), ("b", 1, False)):
        date = {"date": format_datetime(NOW + timedelta(hours=hours), usegmt=True)}
        place = store(tmp_path / name, partition, [{"data": []}] * 2, response=date)
        assert kept_early(LocalStore(place.parent), place.name, partition) is early
    place = store(tmp_path / "c", partition, [{"data": []}])
    assert not kept_early(LocalStore(place.parent), place.name, partition)
    assert not kept_early(LocalStore(tmp_path), "none", partition)
