"""The page loop: from a cursor to a line of the journal, and what is said when that fails."""

import gzip
import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, verify
from harvester.engine.events import (
    AttemptLost,
    Doubted,
    Event,
    PageCommitted,
    PartitionStarted,
    Waiting,
)
from harvester.errors import DiskError
from harvester.results.summary import Summary
from tests.support import ITEMS, Reply, Respond, Scripted, chain, config, stamps

FOLDER = Path("items", "shard=a")


def lines(out: Path) -> list[dict[str, Any]]:
    """The journal's lines, the first one included."""
    return [json.loads(line) for line in (out / FOLDER / "journal.jsonl").read_bytes().splitlines()]


def harvested(
    tmp_path: Path, respond: Respond, *changes: str, **options: Any
) -> tuple[Summary, list[Event], list[dict[str, str]]]:
    """A run into `tmp_path / "out"`; its summary, its events, and what the server was asked."""
    seen: list[Event] = []
    with Scripted(respond) as server:
        asked = config(tmp_path, ITEMS, server.base_url, *changes)
        summary = harvest(asked, out=tmp_path / "out", on_event=seen.append, **options)
    return summary, seen, server.asked


# --- The journal of a partition ------------------------------------------------------------------


def test_a_journal_as_documented(tmp_path: Path) -> None:
    """Every key of a line, against what the server sent and the disk holds."""
    headers = {
        "Date": "Fri, 01 Jan 2021 00:00:00 GMT",
        "ETag": '"abc"',
        "X-Rate-Limit-Remaining": "299",
        "Set-Cookie": "session=1",
    }

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        return Reply(chain(2)(path, parameters).body, headers=headers)

    harvested(tmp_path, respond)
    header, first, last = lines(tmp_path / "out")
    assert header["format"] == 1
    assert header["resource"] == "items"
    assert header["partition"] == {"shard": "a"}
    stored = (tmp_path / "out" / FOLDER / "part-000001.json.gz").read_bytes()
    assert first["seq"] == 1
    assert first["part"] == "part-000001.json.gz"
    assert first["request"]["method"] == "GET"
    assert first["request"]["url"].endswith("/items?shard=a")
    assert last["request"]["url"].endswith("/items?shard=a&cursor=2")
    assert (first["cursor"], first["next"], first["done"]) == (None, "2", False)
    assert (last["cursor"], last["next"], last["done"]) == ("2", None, True)
    assert last["reason"] == "no_next_cursor"
    assert first["records"] == 3
    assert first["bytes"] == len(gzip.decompress(stored))
    assert first["stored_bytes"] == len(stored)
    assert first["sha256"] == hashlib.sha256(stored).hexdigest()
    assert (first["status"], first["attempts"]) == (200, 1)
    assert first["response"]["etag"] == '"abc"'
    assert first["response"]["x-rate-limit-remaining"] == "299"
    assert "set-cookie" not in first["response"]
    assert first["fields"] == {"cursor": "2"}
    assert first["fetched_at"].endswith("Z")


def test_secrets_stay_out_of_the_journal(tmp_path: Path) -> None:
    """Also where the server echoes the key in its next link, which is followed all the same."""
    key = "k3y-0123456789"

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        assert parameters["api_key"] == key
        number = int(parameters.get("page", "1"))
        link = f"/items?shard=a&page={number + 1}&api_key={key}" if number < 3 else None
        return Reply({"data": [number], "next": link})

    summary, _, asked = harvested(
        tmp_path,
        respond,
        f"client.auth={{type: api_key, name: api_key, value: {key}, location: query}}",
        "resources.items.paginator={type: json_link, next_url_path: next}",
    )
    assert summary.complete
    assert len(asked) == 3
    for file in (tmp_path / "out").rglob("*"):
        if file.is_file() and not file.name.startswith("part-"):
            assert key not in file.read_text(), file
    assert verify(tmp_path / "out", deep=True).ok


def test_a_resumed_run_follows_a_concealed_link(tmp_path: Path) -> None:
    """The secret is put back from today's configuration."""
    key = "k3y-0123456789"

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        number = int(parameters.get("page", "1"))
        link = f"/items?shard=a&page={number + 1}&api_key={parameters['api_key']}"
        return Reply({"data": [number], "next": link if number < 3 else None})

    changes = (
        f"client.auth={{type: api_key, name: api_key, value: {key}, location: query}}",
        "resources.items.paginator={type: json_link, next_url_path: next}",
    )
    with Scripted(respond) as server:
        asked = config(tmp_path, ITEMS, server.base_url, *changes)
        harvest(asked, out=tmp_path / "out", max_pages=1)
        other = config(
            tmp_path, ITEMS, server.base_url, changes[0].replace(key, "another-key-1"), changes[1]
        )
        assert harvest(other, out=tmp_path / "out").complete
        assert [request["api_key"] for request in server.asked] == [key, *["another-key-1"] * 2]


def test_a_page_that_is_ignored(tmp_path: Path) -> None:
    """The partition is done without a part, and stays so."""
    rule = "resources.items.response_actions=[{status: 404, action: ignore}]"
    summary, _, _ = harvested(tmp_path, lambda path, parameters: Reply({}, 404), rule)
    assert summary.complete
    _, only = lines(tmp_path / "out")
    assert (only["part"], only["status"], only["reason"]) == (None, 404, "ignored")
    again, _, asked = harvested(tmp_path, chain(1), rule)
    assert again.complete
    assert asked == []


def test_a_complete_partition_is_not_touched(tmp_path: Path) -> None:
    """A rerun opens no part for writing, asks for nothing, and leaves every file as it was."""
    harvested(tmp_path, chain(3))
    before = stamps(tmp_path / "out" / "items")
    summary, seen, asked = harvested(tmp_path, chain(3))
    assert summary.complete
    assert asked == []
    assert stamps(tmp_path / "out" / "items") == before
    assert [event for event in seen if isinstance(event, PageCommitted)] == []


def test_fsync_may_be_turned_off(tmp_path: Path) -> None:
    """The harvest is the same."""
    summary, _, _ = harvested(tmp_path, chain(3), "output.fsync=false")
    assert summary.complete
    assert verify(tmp_path / "out", deep=True).ok


# --- What goes wrong -----------------------------------------------------------------------------


def test_an_attempt_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """The temporary file is gone, the journal unchanged, the same cursor asked with again."""
    bodies = iter([b'{"data": [1], "next"', b'{"data": [1]}'])
    files: list[list[str]] = []
    seen: list[Event] = []

    def on_event(event: Event) -> None:
        seen.append(event)
        if isinstance(event, AttemptLost):
            folder = tmp_path / "out" / FOLDER
            files.append(sorted(file.name for file in folder.iterdir()))

    with Scripted(lambda path, parameters: Reply(next(bodies))) as server:
        asked = config(tmp_path, ITEMS, server.base_url)
        assert harvest(asked, out=tmp_path / "out", on_event=on_event).complete
    assert files == [["journal.jsonl"]]
    assert server.asked == [{"shard": "a"}] * 2
    assert lines(tmp_path / "out")[1]["attempts"] == 2


def test_failures_say_where(tmp_path: Path) -> None:
    """Partition, page, cursor and what the server said, shortened where it is long."""
    long = "x" * 500

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if "cursor" in parameters:
            return Reply({"detail": "no such cursor"}, 400)
        return Reply({"data": [1], "next": long})

    summary, _, _ = harvested(tmp_path, respond)
    [failure] = summary.failures
    assert failure.error.startswith(f"items shard=a, page 2 (cursor {'x' * 79}…): ")
    assert "400 Bad Request" in failure.error
    assert "no such cursor" in failure.error
    assert failure.cursor == long


def test_a_wait_beyond_the_deadline(tmp_path: Path) -> None:
    """Ends the partition, resumably, and says until when; nobody waits."""

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        return Reply({}, 429, {"Retry-After": "86400"})

    summary, _, asked = harvested(tmp_path, respond)
    assert summary.exit_code == 3
    assert "the server asks to wait until 2" in summary.failures[0].error
    assert len(asked) == 1


def test_a_post_that_is_no_read_is_sent_once(tmp_path: Path) -> None:
    """`idempotent: false`: what failed may have been done."""
    summary, _, asked = harvested(
        tmp_path,
        lambda path, parameters: Reply({}, 503),
        "resources.items.method=POST",
        "resources.items.idempotent=false",
    )
    assert summary.exit_code == 3
    assert len(asked) == 1


def test_a_disk_error_is_no_failed_attempt(tmp_path: Path) -> None:
    """It is not retried, and ends the run."""

    def on_event(event: Event) -> None:
        if isinstance(event, PartitionStarted):
            (tmp_path / "out" / FOLDER / "part-000001.json.gz.tmp").mkdir()

    with Scripted(chain(1)) as server:
        asked = config(tmp_path, ITEMS, server.base_url)
        summary = harvest(asked, out=tmp_path / "out", on_event=on_event)
    assert isinstance(summary.ended_by, DiskError)
    assert len(server.asked) == 1


# --- Waits ---------------------------------------------------------------------------------------


def test_a_limit_that_is_used_up_is_respected(tmp_path: Path) -> None:
    """A good page that says nothing remains holds the next request back, and says why."""
    stop = threading.Event()
    seen: list[Event] = []

    def on_event(event: Event) -> None:
        seen.append(event)
        if isinstance(event, Waiting):
            stop.set()

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        headers = {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "600"}
        return Reply(chain(3)(path, parameters).body, headers=headers)

    with Scripted(respond) as server:
        asked = config(tmp_path, ITEMS, server.base_url)
        harvest(asked, out=tmp_path / "out", on_event=on_event, stop=stop)
    assert len(server.asked) == 1
    [waiting] = [event for event in seen if isinstance(event, Waiting)]
    assert waiting.seconds == pytest.approx(600, abs=2)
    assert waiting.reason == "the server's rate limit is used up"


# --- Totals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("total", "told"), [(6, 0), (7, 1), (0, 1)])
def test_totals_are_compared(tmp_path: Path, total: int, told: int) -> None:
    """What the server claimed against what came, once, when the partition is done."""

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        offset = int(parameters["offset"])
        return Reply({"data": [offset] * 3 if offset < 6 else [], "total": total})

    summary, seen, _ = harvested(
        tmp_path,
        respond,
        "resources.items.paginator={type: offset, limit: 3, total_path: total}",
    )
    assert summary.complete
    doubts = [event.doubt.told for event in seen if isinstance(event, Doubted)]
    assert len(doubts) == told
    assert all(f"is {total} records, 6 came" in doubt for doubt in doubts)


@pytest.mark.parametrize(
    ("body", "complete"),
    [
        ({"data": {"children": []}}, True),
        ({"data": {"children": None}}, True),
        ({"data": {"children": [{"data": 1}]}}, True),
        ({"data": {"children": [{"kind": "t3"}]}}, False),
        ({"data": {}}, False),
        ({"error": "no"}, False),
    ],
)
def test_a_wildcard_finds_nothing_in_an_empty_array(
    tmp_path: Path, body: dict[str, Any], complete: bool
) -> None:
    """That is an empty page; one without the array is not as declared."""
    summary, _, _ = harvested(
        tmp_path,
        lambda path, parameters: Reply(body),
        "resources.items.data_selector='data.children[*].data'",
        "resources.items.paginator={type: single_page}",
        "client.retry.attempts=1",
    )
    assert summary.complete is complete
