"""A chain of cursors that begins again: an expired cursor, a server that keeps the place itself."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, iter_records, status, verify
from harvester.config import Config
from harvester.config.load import parse_config
from harvester.engine.events import Event, Warned
from harvester.results.summary import Summary
from harvester.store.journal_lines import read_checkpoint
from harvester.terminal.progress import Progress
from tests.api_server import Answer, ApiServer, Asked
from tests.support import ENVIRONMENT, command, strace

HARVEST = """
version: 1
name: pods
client:
  base_url: {origin}/
  retry: {{attempts: 3, max_wait: 0.01}}
resources:
  - name: pods
    path: pods
    params: {{page: "{{page}}"}}
    first_params: {{watch: "0"}}
    data_selector: items
    paginator: {{type: cursor, cursor_path: continue, cursor_param: continue}}
    response_actions: [{{status: 410, action: restart}}]
"""
PAGES = 4


class Cluster:
    """Gives cursors that name its generation; `expire` makes those of before worthless.

    `expires` has the numbers of the requests, counted from 1, that find their cursor expired.
    """

    def __init__(self, *expires: int) -> None:
        self.expires = set(expires)
        self.generation = 0
        self.requests = 0

    def __call__(self, asked: Asked) -> Answer:
        """Answer a request for a page."""
        self.requests += 1
        self.generation += self.requests in self.expires
        cursor = asked.params.get("continue", f"{self.generation}.1")
        generation, number = map(int, cursor.split("."))
        assert asked.params["page"] == str(number)
        assert ("watch" in asked.params) == (number == 1)
        if generation != self.generation:
            return Answer({"code": 410, "reason": "Expired"}, 410)
        following = f"{generation}.{number + 1}" if number < PAGES else ""
        return Answer({"items": [cursor], "continue": following})


def run(
    tmp_path: Path, cluster: Cluster, *changes: tuple[str, str], **options: Any
) -> tuple[Summary, list[Event]]:
    """A run into `tmp_path / "out"`, and its events."""
    seen: list[Event] = []
    with ApiServer(cluster) as api:
        config = configured(api, *changes)
        summary = harvest(config, out=tmp_path / "out", on_event=seen.append, **options)
    return summary, seen


def configured(api: ApiServer, *changes: tuple[str, str]) -> Config:
    """The harvest, with texts of the YAML replaced."""
    text = HARVEST.format(origin=api.origin)
    for old, new in changes:
        text = text.replace(old, new)
    return parse_config(text, "test.yaml", env={})


def lines(out: Path) -> list[dict[str, Any]]:
    """The lines of the journal but the first."""
    text = (out / "pods" / "journal.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()[1:]]


def records(out: Path) -> list[Any]:
    """The records that count."""
    return [json.loads(line) for line in iter_records(out)]


def whole(generation: int) -> list[str]:
    """The records of a chain that nothing has disturbed."""
    return [f"{generation}.{number}" for number in range(1, PAGES + 1)]


def test_an_expired_cursor(tmp_path: Path) -> None:
    """The chain begins again; pages already kept stay, are marked, and do not count."""
    summary, seen = run(tmp_path, Cluster(3))
    out = tmp_path / "out"
    assert (summary.exit_code, summary.complete) == (0, True)
    assert records(out) == whole(1)
    assert sorted(path.name[5:11] for path in (out / "pods").glob("part-*")) == [
        f"{number:06d}" for number in range(1, 2 + PAGES + 1)
    ]
    line = lines(out)[2]
    assert {key: line[key] for key in ("seq", "part", "cursor", "next", "done", "reason")} == {
        "seq": 3, "part": None, "cursor": "0.3", "next": None, "done": False, "reason": "restarted",
    }  # fmt: skip
    assert line["status"] == 410
    at = read_checkpoint(out / "pods")
    assert (at.pages, at.superseded_pages, at.live_pages, at.records) == (6, 2, PAGES, PAGES)
    (item,) = summary.resources
    assert (item.pages, item.records, item.requests, item.retries) == (PAGES, PAGES, 7, 1)
    assert status(out).resources[0].records == PAGES
    found = verify(out, deep=True)
    assert (found.ok, found.parts) == (True, 6)
    (warning,) = [event.message for event in seen if isinstance(event, Warned)]
    assert warning.startswith("begins again from its first page (2 pages do not count): ")
    assert "410 Gone" in warning


def test_two_in_one_partition(tmp_path: Path) -> None:
    """Only what came after the last one counts."""
    summary, _ = run(tmp_path, Cluster(3, 6))
    assert summary.complete
    assert records(tmp_path / "out") == whole(2)
    assert read_checkpoint(tmp_path / "out" / "pods").superseded_pages == 4
    assert verify(tmp_path / "out", deep=True).ok


def test_progress_counts_what_counts(tmp_path: Path) -> None:
    """The display goes back with the chain."""
    with ApiServer(Cluster(3)) as api:
        config = configured(api)
        progress = Progress(config)
        harvest(config, out=tmp_path / "out", on_event=progress.take)
    assert (progress.pages, progress.records) == (PAGES, PAGES)
    assert (progress.new_pages, progress.bytes) == (
        PAGES + 2,
        status(tmp_path / "out").resources[0].bytes,
    )


def test_it_does_not_go_on_forever(tmp_path: Path) -> None:
    """Five times; then the partition fails and says so. A later run may try again."""
    cluster = Cluster(*range(3, 100, 2))  # no third request of a chain finds its cursor
    summary, _ = run(tmp_path, cluster)
    assert summary.exit_code == 3
    assert "was begun again 5 times" in summary.failures[0].error
    assert sum(line.get("reason") == "restarted" for line in lines(tmp_path / "out")) == 5
    cluster.expires.clear()
    summary, _ = run(tmp_path, cluster)
    assert summary.complete
    assert records(tmp_path / "out") == whole(cluster.generation)
    assert verify(tmp_path / "out", deep=True).ok


def test_an_expired_first_page_is_an_error(tmp_path: Path) -> None:
    """There is nothing to begin again: the same request would be all."""
    with ApiServer(lambda asked: Answer({}, 410)) as api:
        summary = harvest(configured(api), out=tmp_path / "out")
        assert len(api.asked) == 1
    assert summary.exit_code == 3
    assert "410 Gone" in summary.failures[0].error


def test_a_cursor_may_come_again_in_a_new_chain(tmp_path: Path) -> None:
    """The loop guard begins anew, also when a run is resumed behind the restart."""
    requests = 0

    def api(asked: Asked) -> Answer:
        nonlocal requests
        requests += 1
        if requests == 3:
            return Answer({}, 410)
        number = int(asked.params.get("continue", "1"))
        return Answer({"items": [number], "continue": number + 1 if number < PAGES else None})

    with ApiServer(api) as listening:
        config = configured(listening)
        harvest(config, out=tmp_path / "out", max_pages=3)
        assert harvest(config, out=tmp_path / "out").complete
    assert records(tmp_path / "out") == [1, 2, 3, 4]


@pytest.mark.parametrize("when", range(1, 5))
def test_killed_around_the_line(tmp_path: Path, when: int) -> None:
    """By SIGKILL before each line around the restart: the rerun ends the same."""
    cluster = Cluster(2)
    with ApiServer(cluster) as api:
        path = tmp_path / "config.yaml"
        path.write_text(HARVEST.format(origin=api.origin))
        arguments = command(path, f"{api.origin}/", tmp_path / "out")
        journal = str(tmp_path / "out" / "pods" / "journal.jsonl")
        killing = strace("-P", journal, "-e", f"inject=write:signal=KILL:when={when}")
        killed = subprocess.run(
            [*killing, *arguments], env=ENVIRONMENT, capture_output=True, check=False
        )
        assert killed.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
        again = subprocess.run(arguments, env=ENVIRONMENT, capture_output=True, check=False)
        assert again.returncode == 0, again.stderr
    assert records(tmp_path / "out") == whole(1)
    assert verify(tmp_path / "out", deep=True).ok


# --- Where the server keeps the place ------------------------------------------------------------

ONE_WAY = (
    ("path: pods", "path: pods\n    method: POST\n    idempotent: false"),
    ("cursor_param: continue", "cursor_param: scroll, cursor_may_repeat: true"),
    ("cursor_may_repeat: true", "cursor_may_repeat: true, stop_after_empty_page: true"),
    ('    params: {page: "{page}"}\n    first_params: {watch: "0"}\n', ""),
)  # fmt: skip


class Scroll:
    """Moves on with each request for the same id, whether its answer arrives or not.

    `lost` has the numbers of the requests whose answers are cut off, from 1.
    """

    def __init__(self, *lost: int) -> None:
        self.lost = set(lost)
        self.requests = 0
        self.places: Iterator[int] = iter(())
        self.opened = 0

    def __call__(self, asked: Asked) -> Answer:
        """Answer a request for the next page."""
        self.requests += 1
        if "scroll" not in asked.params:
            self.opened += 1
            self.places = iter(range(1, PAGES + 1))
        number = next(self.places, None)
        if self.requests in self.lost:
            return Answer(text='{"items": [')
        return Answer({"items": [number] if number else [], "continue": f"id-{self.opened}"})


def scrolled(tmp_path: Path, scroll: Scroll, **options: Any) -> tuple[Summary, list[str]]:
    """A run, and what it warned of."""
    with ApiServer(scroll) as api:
        seen: list[Event] = []
        config = configured(api, *ONE_WAY)
        summary = harvest(config, out=tmp_path / "out", on_event=seen.append, **options)
    return summary, [event.message for event in seen if isinstance(event, Warned)]


def test_a_lost_answer_is_no_lost_page(tmp_path: Path) -> None:
    """The request may not be repeated, so the run ends; the next one begins the chain again."""
    scroll = Scroll(3)
    summary, warnings = scrolled(tmp_path, scroll)
    assert (summary.exit_code, scroll.requests, warnings) == (3, 3, [])
    assert "idempotent: false" in summary.failures[0].error
    summary, warnings = scrolled(tmp_path, scroll)
    assert summary.complete
    assert records(tmp_path / "out") == [1, 2, 3, 4]
    assert len(warnings) == 1
    assert verify(tmp_path / "out", deep=True).ok


def test_a_lost_first_answer_is_not_asked_for_again(tmp_path: Path) -> None:
    """FAULTS.md row 36."""
    scroll = Scroll(1)
    summary, _ = scrolled(tmp_path, scroll)
    assert (summary.exit_code, scroll.requests) == (3, 1)


def test_resumed_in_the_middle(tmp_path: Path) -> None:
    """An answer may have been sent that nobody kept: so from the beginning, and saying so."""
    scroll = Scroll()
    scrolled(tmp_path, scroll, max_pages=2)
    scroll.places = iter([4])  # as after an interrupt: the third was sent, and lost
    summary, (warning,) = scrolled(tmp_path, scroll)
    assert summary.complete
    assert records(tmp_path / "out") == [1, 2, 3, 4]
    assert "2 pages do not count" in warning
    assert scroll.opened == 2
    assert (summary.resources[0].pages, summary.resources[0].retries) == (PAGES + 1, 0)
    assert verify(tmp_path / "out", deep=True).ok
    line = next(line for line in lines(tmp_path / "out") if line.get("reason") == "restarted")
    assert (line["status"], line["attempts"], line["cursor"]) == (0, 0, "id-1")


def test_what_is_done_stays_done(tmp_path: Path) -> None:
    """A complete partition is not begun again."""
    scroll = Scroll()
    scrolled(tmp_path, scroll)
    asked = scroll.requests
    assert scrolled(tmp_path, scroll)[0].complete
    assert scroll.requests == asked
