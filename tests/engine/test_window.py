"""Several pages of one partition at a time: the same harvest, sooner, and no more than was said."""

import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, verify
from harvester.engine.events import Event, PageCommitted
from harvester.errors import DiskError
from tests.support import (
    ENVIRONMENT,
    ITEMS,
    Reply,
    Respond,
    Scripted,
    chain,
    command,
    config,
    kept,
    write_config,
)

NUMBERED = ITEMS.replace(
    "{type: cursor, cursor_path: next, cursor_param: cursor}",
    "{type: page_number, page_param: page, page_size: 3, page_size_param: size}",
)
OFFSET = ITEMS.replace(
    "{type: cursor, cursor_path: next, cursor_param: cursor}",
    "{type: offset, limit: 3, limit_param: limit}",
)
FOLDER = Path("items", "shard=a")


class Gauge:
    """Wraps what answers, and sees how many requests are under way at once."""

    def __init__(self, respond: Respond, latency_s: float = 0.02) -> None:
        self._respond = respond
        self._latency_s = latency_s
        self._lock = threading.Lock()
        self._now = self.most = 0

    def __call__(self, path: str, parameters: Mapping[str, str]) -> Reply:
        """Answer, after a while."""
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            time.sleep(self._latency_s)
            return self._respond(path, parameters)
        finally:
            with self._lock:
                self._now -= 1


def numbered(count: int, **extra: Any) -> Respond:
    """So many pages of three records, then empty ones."""

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        number = int(parameters["page"])
        data = [{"id": f"{number}-{item}"} for item in range(3 * (number <= count))]
        return Reply({"data": data, **extra})

    return respond


def offsets(records: int, most: int = 3) -> Respond:
    """So many records, at most so many a page, whatever limit is asked for."""

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        start = int(parameters.get("offset", 0))
        size = min(most, int(parameters["limit"]))
        return Reply({"data": [{"id": n} for n in range(start, min(start + size, records))]})

    return respond


def harvested(
    tmp_path: Path,
    text: str,
    respond: Respond,
    name: str,
    pages: int,
    *changes: str,
    **options: Any,
) -> tuple[Any, list[dict[str, str]], float]:
    """A run into `tmp_path / name`: its summary, what was asked, and the seconds it took."""
    with Scripted(respond) as server:
        asked = config(tmp_path, text, server.base_url, f"concurrency.pages={pages}", *changes)
        began = time.monotonic()
        summary = harvest(asked, out=tmp_path / name, **options)
        return summary, server.asked, time.monotonic() - began


def pages_of(out: Path) -> dict[str, Any]:
    """What a harvest keeps, but for the server's port."""
    found = kept(out)
    for partition in found.values():
        for line in partition["journal"]:
            if "request" in line:
                line["request"]["url"] = line["request"]["url"].partition("/items")[2]
    return found


@pytest.mark.parametrize(
    ("text", "respond"),
    [
        pytest.param(NUMBERED, numbered(20), id="page_number"),
        pytest.param(OFFSET, offsets(61), id="offset"),
        pytest.param(ITEMS, chain(20), id="cursor"),
    ],
)
def test_the_same_harvest(tmp_path: Path, text: str, respond: Respond) -> None:
    """Eight at once keep what one at a time keeps, committed in order."""
    seen: list[Event] = []
    harvested(tmp_path, text, respond, "one", 1)
    summary, _, _ = harvested(tmp_path, text, respond, "eight", 8, on_event=seen.append)
    assert summary.complete
    assert pages_of(tmp_path / "eight") == pages_of(tmp_path / "one")
    assert verify(tmp_path / "eight", deep=True).ok
    committed = [event.entry.seq for event in seen if isinstance(event, PageCommitted)]
    assert committed == list(range(1, len(committed) + 1))


@pytest.mark.parametrize(
    ("text", "respond"),
    [
        pytest.param(NUMBERED, numbered(40), id="page_number"),
        pytest.param(OFFSET, offsets(120), id="offset"),
    ],
)
def test_side_by_side(tmp_path: Path, text: str, respond: Respond) -> None:
    """So many are under way as was said, and beyond the end at most the window less one."""
    gauge = Gauge(respond, 0.1)  # long enough for eight to begin, also on a busy machine
    summary, asked, _ = harvested(tmp_path, text, gauge, "out", 8)
    assert summary.complete
    assert gauge.most == 8
    assert len(asked) - summary.resources[0].pages <= 7
    assert len({tuple(parameters.items()) for parameters in asked}) == len(asked)


def test_one_at_a_time_is_one(tmp_path: Path) -> None:
    """The default asks for a page when the one before is part of the harvest."""
    gauge = Gauge(numbered(5), 0.001)
    _, asked, _ = harvested(tmp_path, NUMBERED, gauge, "out", 1)
    assert (gauge.most, len(asked)) == (1, 6)


def test_a_total_keeps_from_asking_beyond_it(tmp_path: Path) -> None:
    """Where the server says how many pages there are, none beyond is asked for ahead; then one is,
    since the last one was full.
    """
    text = NUMBERED.replace("page_size: 3", "page_size: 3, total_path: pages")
    _, asked, _ = harvested(tmp_path, text, Gauge(numbered(10, pages=10)), "out", 8)
    assert sorted(int(parameters["page"]) for parameters in asked) == list(range(1, 12))


def test_a_total_that_is_too_small_ends_nothing(tmp_path: Path) -> None:
    """Beyond what it claims, pages are asked for one by one until an empty one."""
    text = NUMBERED.replace("page_size: 3", "page_size: 3, total_path: pages")

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        claimed = 4 if int(parameters["page"]) < 4 else 9
        return numbered(8, pages=claimed)(path, parameters)

    summary, _, _ = harvested(tmp_path, text, respond, "out", 4)
    assert (summary.complete, summary.resources[0].records) == (True, 24)


def test_pages_smaller_than_declared(tmp_path: Path) -> None:
    """A server that caps the page size: what was asked ahead is dropped, and nothing is missed."""
    text = OFFSET.replace("limit: 3", "limit: 10")
    summary, asked, _ = harvested(tmp_path, text, offsets(50, most=4), "out", 4)
    assert (summary.complete, summary.resources[0].records) == (True, 50)
    assert len(asked) - summary.resources[0].pages <= 3
    assert not list((tmp_path / "out").rglob("*.tmp"))


def test_a_page_in_the_middle_that_fails(tmp_path: Path) -> None:
    """What is before it is committed, what was fetched behind it is dropped; a rerun goes on."""
    broken = True

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if broken and parameters["page"] == "6":
            return Reply({"error": "no"}, 400)
        return numbered(12)(path, parameters)

    summary, _, _ = harvested(tmp_path, NUMBERED, respond, "out", 4)
    assert (summary.exit_code, summary.resources[0].pages) == (3, 5)
    assert "page 6" in summary.failures[0].error
    assert max(path.name for path in (tmp_path / "out" / FOLDER).iterdir()) == "part-000005.json.gz"
    broken = False
    summary, asked, _ = harvested(tmp_path, NUMBERED, respond, "out", 4)
    assert summary.complete
    assert min(int(parameters["page"]) for parameters in asked) == 6
    harvested(tmp_path, NUMBERED, numbered(12), "whole", 1)
    assert pages_of(tmp_path / "out") == pages_of(tmp_path / "whole")


@pytest.mark.slow("wall clock")
def test_what_lies_beyond_the_end_holds_nothing_up(tmp_path: Path) -> None:
    """A page beyond the last that asks to wait for a minute is not waited for."""

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if int(parameters["page"]) > 6:
            return Reply({}, 503, {"Retry-After": "60"})
        return numbered(5)(path, parameters)

    changes = ("client.retry.max_wait=2m", "client.retry.deadline=10m")
    summary, _, took_s = harvested(tmp_path, NUMBERED, respond, "out", 4, *changes)
    assert summary.complete
    assert took_s < 20


@pytest.mark.parametrize(("text", "respond"), [(NUMBERED, numbered(20)), (ITEMS, chain(20))])
def test_max_pages(tmp_path: Path, text: str, respond: Respond) -> None:
    """No more pages are kept, nor asked for, than a run may add."""
    summary, asked, _ = harvested(tmp_path, text, respond, "out", 8, max_pages=5)
    assert (summary.exit_code, summary.resources[0].pages, len(asked)) == (4, 5, 5)
    summary, asked, _ = harvested(tmp_path, text, respond, "out", 8, max_pages=3)
    assert (summary.resources[0].pages, len(asked)) == (8, 3)


@pytest.mark.parametrize(("text", "respond"), [(NUMBERED, numbered(30)), (ITEMS, chain(30))])
def test_a_wish_to_stop(tmp_path: Path, text: str, respond: Respond) -> None:
    """Ends with what has come, within the window, and with nothing half done left behind."""
    stop = threading.Event()

    def on_event(event: Event) -> None:
        if isinstance(event, PageCommitted) and event.entry.seq == 7:
            stop.set()

    gauge = Gauge(respond)
    summary, _, _ = harvested(tmp_path, text, gauge, "out", 4, on_event=on_event, stop=stop)
    assert summary.exit_code == 130
    assert 7 <= summary.resources[0].pages <= 7 + 3
    assert not list((tmp_path / "out").rglob("*.tmp"))
    assert harvested(tmp_path, text, respond, "out", 4)[0].complete


@pytest.mark.parametrize(("text", "respond"), [(NUMBERED, numbered(12)), (ITEMS, chain(12))])
def test_a_disk_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, respond: Respond
) -> None:
    """A commit that fails, beside a fetch or not, ends the run; the page behind is not kept."""

    def fail(self: Any, entry: Any, part: Any, **options: Any) -> None:
        if entry.seq == 5:
            raise DiskError("no space left")
        commit(self, entry, part, **options)

    from harvester.store.journal import Journal

    commit = Journal.commit
    monkeypatch.setattr(Journal, "commit", fail)
    summary, _, _ = harvested(tmp_path, text, respond, "out", 4)
    assert isinstance(summary.ended_by, DiskError)
    assert summary.resources[0].pages == 4
    assert not list((tmp_path / "out").rglob("*.tmp"))
    monkeypatch.undo()
    assert harvested(tmp_path, text, respond, "out", 4)[0].complete
    harvested(tmp_path, text, respond, "whole", 1)
    assert pages_of(tmp_path / "out") == pages_of(tmp_path / "whole")


@pytest.mark.parametrize("text", [NUMBERED, ITEMS])
def test_killed(tmp_path: Path, text: str) -> None:
    """Whatever was under way, the rerun keeps each page once, and asks for at most those again."""
    whole = numbered(40) if text is NUMBERED else chain(40)
    path = write_config(tmp_path, text)
    harvested(tmp_path, text, whole, "whole", 1)
    path.write_text(text)
    kills = 0
    with Scripted(Gauge(whole, 0.004)) as server:
        arguments = command(path, server.base_url, tmp_path / "out", "concurrency.pages=3")
        while kills < 40:
            process = subprocess.Popen(arguments, env=ENVIRONMENT, stderr=subprocess.PIPE)
            goal = len(server.asked) + 9
            while process.poll() is None and len(server.asked) < goal:
                time.sleep(0.001)
            process.kill()
            _, said = process.communicate()
            if process.returncode == 0:
                break
            assert process.returncode == -9, said.decode()
            kills += 1
        assert kills >= 3
        assert len(server.asked) <= 41 + 2 + 3 * kills
    assert pages_of(tmp_path / "out") == pages_of(tmp_path / "whole")


def test_what_may_be_lost_by_asking(tmp_path: Path) -> None:
    """Where asking moves the server on, a page is committed before the next is asked for."""
    committed: list[int] = []
    asked_at: list[int] = []

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        asked_at.append(len(committed))
        return chain(6)(path, parameters)

    def on_event(event: Event) -> None:
        if isinstance(event, PageCommitted):
            committed.append(event.entry.seq)

    changes = ("resources.items.method=POST", "resources.items.idempotent=false")
    summary, _, _ = harvested(tmp_path, ITEMS, respond, "out", 4, *changes, on_event=on_event)
    assert summary.complete
    assert asked_at == list(range(6))


def test_a_chain_that_may_begin_again(tmp_path: Path) -> None:
    """With a restart rule nothing is asked ahead: several pages would begin the chain again."""
    text = NUMBERED.replace(
        "data_selector: data",
        "data_selector: data\n    response_actions: [{status: 410, action: restart}]",
    )
    gauge = Gauge(numbered(5), 0.002)
    summary, _, _ = harvested(tmp_path, text, gauge, "out", 4)
    assert (summary.complete, gauge.most) == (True, 1)
