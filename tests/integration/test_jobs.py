"""Asynchronous jobs: made, waited for and downloaded, killed once at each step and run again."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, load_config, plan, status, verify
from harvester.config import parse_resolved
from harvester.engine.check import check_live
from harvester.engine.events import Event, Warned
from harvester.errors import ConfigError
from harvester.repair import repair
from harvester.replay import Replay
from harvester.results import iter_records
from tests.api_server import Answer, ApiServer, Asked
from tests.killed_once import harvested

HEAD = """
version: 1
name: reports
client: {base_url: BASE, retry: {attempts: 2, max_wait: 0.01}}
"""

FILES = (
    HEAD
    + """
resources:
  - name: sales
    job:
      create: {path: jobs, json: {query: sales}}
      poll:
        path: "jobs/{job.id}"
        until: {path: state, equals: done}
        fail: {path: state, in: [failed, aborted]}
        every: 0.01
        for: 2h
      download: {urls_path: files, format: jsonl}
"""
)

INLINE = """
resources:
  - name: sales
    data_selector: rows
    job:
      create: {path: jobs, form: {query: sales}, include: {status: links.self}}
      poll: {path: "{job.status}", until: {path: state, equals: done}, every: 0.01}
    paginator: {type: cursor, cursor_path: next, cursor_param: after}
"""

ROWS = [{"id": n, "name": f"n{n}"} for n in range(9)]


@dataclass
class Api:
    """An API whose jobs are ready at the third poll; `says` is what the first says of each."""

    says: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    polls: dict[str, int] = field(default_factory=dict)
    files: int = 3
    gone: set[str] = field(default_factory=set)
    host: str = ""  # that of the files, where it is another one

    def answer(self, asked: Asked) -> Answer:
        """By the path."""
        kind, _, rest = asked.path.strip("/").partition("/")
        if kind == "jobs" and not rest:
            assert asked.method == "POST"
            self.made.append(f"j {len(self.made) + 1}")  # a blank: it is encoded in a path
            name = self.made[-1].replace(" ", "%20")
            return Answer({"id": self.made[-1], "links": {"self": f"/jobs/{name}"}}, status=201)
        if kind in ("jobs", "documents"):
            return self.polled(rest.replace("%20", " "), asked)
        return self.file(int(rest.split("-")[-1]))

    def polled(self, name: str, asked: Asked) -> Answer:
        """How a job stands; its rows, too."""
        if name in self.gone or name not in self.made:
            return Answer({"error": "no such job"}, status=404)
        count = self.polls[name] = self.polls.get(name, 0) + 1
        if self.says and count == 1 and (said := self.says.pop(0)):
            return Answer({"state": said})
        if count < 3:
            return Answer({"state": "running"}, headers={"Retry-After": "0"})
        at = int(asked.params.get("after", 0))
        host = self.host or asked.origin
        urls = [f"{host}/files/f-{n}?X-Amz-Signature=s3cr3t{count}" for n in range(self.files)]
        page = {"rows": ROWS[at : at + 3], "next": at + 3 if at < 6 else None}
        return Answer({"state": "done", "files": urls, **page})

    def file(self, number: int) -> Answer:
        """Three rows as JSON Lines in gzip."""
        rows = ROWS[number * 3 : number * 3 + 3]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        return Answer(data=gzip.compress(text.encode()), headers={"Content-Type": "binary/octet"})


@pytest.mark.parametrize("kill_at", [1, 3, 6])
def test_files_killed_once_at_each_step(kill_at: int, tmp_path: Path) -> None:
    """While it is made, while it is waited for, and at its files: the same job, each file once."""
    api = Api()
    found = harvested(tmp_path, FILES, api.answer, kill_at=kill_at)
    assert found.of("sales") == ROWS
    assert len(api.made) == (2 if kill_at == 1 else 1), "another job only where none was known"
    files = [asked.path for asked in found.asked if asked.path.startswith("/files/")]
    assert len(files) <= 4, "only the one under way is asked for again"
    journal = (found.out / "sales/journal.jsonl").read_text()
    assert "s3cr3t" not in journal
    reasons = [json.loads(line).get("reason") for line in journal.splitlines()]
    begins = ["job_asked"] * len(api.made)
    assert [one for one in reasons if one] == [*begins, "job_made", "job_ready", "last_file"]
    told = "one may be running at the API that nobody uses; another is made" in found.said
    assert told == (kill_at == 1)


@pytest.mark.parametrize("kill_at", [6])
def test_result_pages_with_a_cursor_killed_once(kill_at: int, tmp_path: Path) -> None:
    """Without `download` the poll's answer is the first page; its URL came with the job."""
    api = Api()
    found = harvested(tmp_path, HEAD + INLINE, api.answer, kill_at=kill_at)
    assert found.of("sales") == ROWS
    assert len(api.made) == 1


def config_of(tmp_path: Path, text: str, origin: str, **env: str) -> Any:
    """A configuration against a server."""
    path = tmp_path / "c.yaml"
    path.write_text(text.replace("BASE", origin), encoding="utf-8")
    return load_config(path, env=env)


def run(tmp_path: Path, api: Api, text: str = FILES) -> tuple[Any, list[Any]]:
    """Harvest in this process: the summary, and the records."""
    with ApiServer(api.answer) as server:
        summary = harvest(config_of(tmp_path, text, server.origin), out=tmp_path / "out")
    return summary, [json.loads(one) for one in iter_records(tmp_path / "out")]


def test_a_job_that_fails_is_begun_anew(tmp_path: Path) -> None:
    """Twice; the third one comes to its end."""
    api = Api(says=["failed", "aborted", ""])
    summary, records = run(tmp_path, api)
    assert summary.complete, summary.failures
    assert records == ROWS
    assert len(api.made) == 3
    assert verify(tmp_path / "out", deep=True).ok


def test_jobs_that_fail_are_bounded_and_the_next_run_makes_another(tmp_path: Path) -> None:
    """Three in a run; what the API said is told."""
    api = Api(says=["failed"] * 3)
    summary, _ = run(tmp_path, api)
    assert summary.exit_code == 3
    assert "the job j 3 failed" in summary.failures[0].error
    assert '"state": "failed"' in summary.failures[0].error
    summary, records = run(tmp_path, api)
    assert summary.complete
    assert records == ROWS


@pytest.mark.parametrize(("status", "is_open"), [(400, False), (503, False), (504, True)])
def test_what_an_answer_says_of_a_job_that_was_asked_for(
    status: int, is_open: bool, tmp_path: Path
) -> None:
    """A refusal made none, so the next run says nothing; behind a gateway nobody knows."""
    api, warned, down = Api(), [], [True]

    def refusing(asked: Asked) -> Answer:
        return Answer({}, status=status) if down[0] else api.answer(asked)

    def listen(event: Event) -> None:
        if isinstance(event, Warned):
            warned.append(event.message)

    with ApiServer(refusing) as server:
        config = config_of(tmp_path, FILES, server.origin)
        assert harvest(config, out=tmp_path / "out").exit_code == 3
        assert verify(tmp_path / "out").ok
        down[0] = False
        assert harvest(config, out=tmp_path / "out", on_event=listen).complete
    assert any("that nobody uses" in each for each in warned) == is_open
    assert len(api.made) == 1


def test_a_job_that_is_gone_when_it_is_resumed_is_begun_anew(tmp_path: Path) -> None:
    """The API forgot it; pages kept of it count no longer."""
    api = Api()
    with ApiServer(api.answer) as server:
        config = config_of(tmp_path, FILES, server.origin)
        assert harvest(config, out=tmp_path / "out", max_pages=1).exit_code != 0
    api.gone.add("j 1")
    summary, records = run(tmp_path, api)
    assert summary.complete, summary.failures
    assert records == ROWS
    assert api.made == ["j 1", "j 2"]
    assert verify(tmp_path / "out").ok


def test_a_job_that_takes_too_long_is_begun_anew(tmp_path: Path) -> None:
    """Its deadline counts from when it was made, over runs."""
    api = Api(says=["running"] * 9)
    api.polls = {f"j {n}": -10_000 for n in range(1, 4)}
    summary, _ = run(tmp_path, api, FILES.replace("for: 2h", "for: 0.05"))
    assert "was not ready after" in summary.failures[0].error
    assert "poll.for" in summary.failures[0].error
    assert len(api.made) == 3
    assert status(tmp_path / "out").waiting[0].job == "j 3"


def test_no_files_are_the_end(tmp_path: Path) -> None:
    """An empty list is an answer; a missing one is not."""
    summary, records = run(tmp_path, Api(files=0))
    assert summary.complete
    assert records == []
    assert summary.resources[0].ends == {"job_empty": 1}
    wrong = FILES.replace("urls_path: files", "urls_path: urls")
    with ApiServer(Api().answer) as server:
        other = harvest(config_of(tmp_path, wrong, server.origin), out=tmp_path / "b")
    assert "nothing at 'urls'" in other.failures[0].error
    assert "job.poll" in other.failures[0].error


def test_files_elsewhere_get_no_credentials_and_may_lapse(tmp_path: Path) -> None:
    """Their host is named; a URL that lapsed is got again, and none stands in the journal."""
    lapsed: list[str] = []
    headers: list[Mapping[str, str]] = []

    def elsewhere(asked: Asked) -> Answer:
        headers.append(asked.headers)
        if asked.path.endswith("f-1") and not lapsed:
            lapsed.append(asked.path)
            return Answer({"Code": "AccessDenied"}, status=403)
        return api.file(int(asked.path[-1]))

    api = Api()
    with ApiServer(elsewhere) as host, ApiServer(api.answer) as server:
        api.host = host.origin.replace("127.0.0.1", "localhost")
        name = api.host.removeprefix("http://")
        auth = f'{{auth: {{type: bearer, token: "{{env.TOKEN}}"}}, allowed_hosts: ["{name}"], '
        text = FILES.replace("{base_url", auth + "base_url", 1)
        config = config_of(tmp_path, text, server.origin, TOKEN="hush-hush-0123")
        summary = harvest(config, out=tmp_path / "out")
        refused = harvest(config_of(tmp_path, FILES, server.origin), out=tmp_path / "b")
        anywhere = FILES.replace("{urls_path:", "{any_host: true, urls_path:")
        found = harvest(config_of(tmp_path, anywhere, server.origin), out=tmp_path / "any")
    assert summary.complete, summary.failures
    assert found.complete
    assert len(lapsed) == 1
    assert all("authorization" not in each for each in headers)
    assert all("authorization" in each.headers for each in server.asked[:3])
    assert "s3cr3t" not in (tmp_path / "out/sales/journal.jsonl").read_text()
    assert "allowed_hosts" in refused.failures[0].error
    assert "s3cr3t" not in refused.failures[0].error


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("{job.id}", "{job.number}", "unknown reference {job.number}: known here are {job.id}"),
        ("query: sales", 'query: "{job.id}"', "there is no job yet"),
        ("    job:\n", "    path: sales\n    job:\n", "create, poll and download; take it out"),
        ("{query: sales}}", "{query: sales}, form: {a: b}}", "one body"),
        ("urls_path: files,", "params: {a: b},", "belongs to path"),
        ("until:", "untill:", "until"),
        ("    job:\n", "    paginator: {type: offset}\n    job:\n", "one after the other"),
    ],
)
def test_what_check_says(before: str, after: str, told: str, tmp_path: Path) -> None:
    """Each fault with its key."""
    with pytest.raises(ConfigError) as refused:
        config_of(tmp_path, FILES.replace(before, after, 1), "http://x.org")
    assert told in str(refused.value)


@pytest.mark.parametrize("text", [FILES, HEAD + INLINE])
def test_read_back(text: str, tmp_path: Path) -> None:
    """harvest.json says what the YAML said."""
    config = config_of(tmp_path, text, "http://x.org")
    tree = config.reference_dict()
    assert parse_resolved(tree, "harvest.json").reference_dict() == tree


def test_check_looks_at_the_result_of_a_job(tmp_path: Path) -> None:
    """One is made, waited for a while, and its first file read."""
    api = Api()
    with ApiServer(api.answer) as server:
        config = config_of(tmp_path, FILES, server.origin)
        (seen,) = check_live(config, sleep=lambda _: None)
        api.polls = {"j 2": -1_000_000}
        slow = config_of(tmp_path, FILES.replace("every: 0.01", "every: 40"), server.origin)
        (waited,) = check_live(slow, sleep=lambda _: None)
        assert next(iter(plan(config))).resource == "sales"
    assert not seen.failed
    assert seen.records == 3
    assert "its job names 3 files, this is the first" in seen.notes
    assert len(api.made) == 2
    assert waited.notes[0].startswith("the job j 2 was made and is not ready yet")
    assert not waited.failed


@pytest.mark.parametrize(
    "text",
    [
        FILES,
        HEAD + INLINE,
        FILES.replace("{urls_path: files,", '{path: "documents/{job.id}", urls_path: "files[*]",'),
    ],
)
def test_jobs_are_played_back(text: str, tmp_path: Path) -> None:
    """`serve` answers for the job with what the journal kept."""
    assert run(tmp_path, Api(), text)[0].complete
    with Replay(tmp_path / "out") as replay:
        config = config_of(tmp_path, text, replay.origin)
        assert harvest(config, out=tmp_path / "b").complete
    assert [*iter_records(tmp_path / "b")] == [*iter_records(tmp_path / "out")]
    assert len([*iter_records(tmp_path / "b")]) == 9


@pytest.mark.parametrize("text", [FILES, HEAD + INLINE])
def test_a_lost_page_of_a_job_is_got_again(text: str, tmp_path: Path) -> None:
    """`repair` asks the same job; one that is gone cannot give it, and is named."""
    api, out = Api(), tmp_path / "out"
    assert run(tmp_path, api, text)[0].complete
    with ApiServer(api.answer) as server:
        config = config_of(tmp_path, text, server.origin)
        for gone in (False, True):
            api.gone = {"j 1"} if gone else set()
            part = next(out.glob("sales/part-000002*.gz"))
            part.write_bytes(b"damaged")
            repaired = repair(config, out)
            assert verify(out, deep=True).ok != gone
            assert repaired.ok != gone
