"""List, detail and one level more: a crawl, killed at any instant, ends as if undisturbed."""

import json
import random
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from harvester import harvest, iter_records, status, verify
from harvester.engine.events import Event, PageCommitted, PartitionDone, RunStarted
from tests.support import ENVIRONMENT, Reply, Scripted, command, config, kept, run, write_config

_WORKERS = 4
CRAWL = """
version: 1
name: crawl
client:
  base_url: http://127.0.0.1:1/
  retry: {attempts: 3, max_wait: 0.01}
concurrency: {partitions: 4}
resources:
  - name: items
    path: items
    params: {shard: "{shard}"}
    partitions: {shard: [a, b, c, d, e, f]}
    data_selector: results
    paginator: {type: json_link, next_url_path: next}
  - name: details
    path: "items/{item}"
    params: {n: "{n}"}
    partitions: {item: {resource: items, field: name, include: {n: n}}}
    data_selector: $
  - name: kinds
    path: "kinds/{kind}"
    partitions: {kind: {resource: details, field: "kinds[*].name"}}
    data_selector: members
    paginator: {type: page_number, total_path: pages}
"""
_PAGES = 3  # of each shard, with two items each


def _respond(path: str, parameters: Mapping[str, str]) -> Reply:
    time.sleep(0.002)
    _, what, *name = path.split("/")
    if what == "kinds":
        [kind], page = name, int(parameters["page"])
        assert set(parameters) == {"page"}
        members = [{"kind": kind, "page": page}] if int(page) <= 2 else []
        return Reply({"members": members, "pages": 2})
    if name:
        shard, number = name[0].split("-")
        n = int(number)
        assert parameters == {"n": number}
        kinds = [{"name": f"{shard}{n}"}] if n == 5 else []
        return Reply({"name": name[0], "kinds": [*kinds, {"name": f"kind {n % 4}"}]})
    shard, page = parameters["shard"], int(parameters.get("page", "1"))
    results = [{"name": f"{shard}-{n}", "n": n} for n in (2 * page - 1, 2 * page)]
    following = f"/items?shard={shard}&page={page + 1}" if page < _PAGES else None
    return Reply({"results": results, "next": following})


#: Six shards of three pages, their 36 items, and of each of ten kinds two pages and an empty one:
#: a total never ends a partition on a full page.
_NEEDED = 6 * _PAGES + 36 + 3 * 10


def test_killed_at_random_instants(tmp_path: Path) -> None:
    """Nothing is lost or doubled, and a kill costs at most a page of each active partition."""
    path = write_config(tmp_path, CRAWL)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with Scripted(_respond) as server:
        assert run(command(path, server.base_url, whole)).returncode == 0
        assert len(server.asked) == _NEEDED
        arguments = command(path, server.base_url, killed)
        kills = _kill_until_complete(arguments, server, seed=3)
        assert kills >= 6
        assert len(server.asked) - _NEEDED <= _NEEDED + kills * _WORKERS
    assert kept(killed) == kept(whole)
    assert list(iter_records(killed)) == list(iter_records(whole))
    assert verify(killed, deep=True).as_dict()["problems"] == []
    assert status(killed).complete
    names = [json.loads(record)["name"] for record in iter_records(killed, resources=["details"])]
    assert sorted(names) == sorted(f"{shard}-{n}" for shard in "abcdef" for n in range(1, 7))


def _kill_until_complete(arguments: list[str], server: Scripted, seed: int) -> int:
    rng = random.Random(seed)
    for kills in range(60):
        process = subprocess.Popen(
            arguments, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        goal = len(server.asked) + rng.randrange(1, 16)
        while process.poll() is None and len(server.asked) < goal:
            time.sleep(0.0005)
        time.sleep(rng.uniform(0, 0.01))
        process.kill()
        _, said = process.communicate()
        if process.returncode == 0:
            return kills
        assert process.returncode == -signal.SIGKILL, said.decode()
    raise AssertionError("not complete after 60 runs")


def test_stopped_after_every_page(tmp_path: Path) -> None:
    """One worker, stopped in good order after each page in turn: not one request more."""
    with Scripted(_respond) as server:
        crawl = config(tmp_path, CRAWL, server.base_url)
        harvest(crawl, out=tmp_path / "whole")
        once = len(server.asked)
        codes: list[int] = []
        while not codes or codes[-1]:
            stop = threading.Event()

            def after_a_page(event: Event, stop: threading.Event = stop) -> None:
                if isinstance(event, PageCommitted):
                    stop.set()

            summary = harvest(
                crawl, out=tmp_path / "out", concurrency=1, on_event=after_a_page, stop=stop
            )
            codes.append(summary.exit_code)
        assert len(server.asked) - once == once
    assert set(codes[:-1]) == {130}
    assert kept(tmp_path / "out") == kept(tmp_path / "whole")


def test_children_do_not_wait_for_all_parents(tmp_path: Path) -> None:
    """A child's page is committed before the last partition of its parents is."""
    events: list[Event] = []
    with Scripted(_respond) as server:
        crawl = config(tmp_path, CRAWL, server.base_url)
        summary = harvest(crawl, out=tmp_path / "out", concurrency=2, on_event=events.append)
        again: list[Event] = []
        harvest(crawl, out=tmp_path / "out", on_event=again.append)
    assert summary.complete
    assert isinstance(events[0], RunStarted)
    assert (events[0].partitions, events[0].more) == (6, True)
    assert isinstance(again[0], RunStarted)
    assert (again[0].partitions, again[0].more) == (6 + 36 + 10, False)
    done = [event.partition.resource for event in events if isinstance(event, PartitionDone)]
    last_parent = len(done) - done[::-1].index("items")
    assert done.count("items") == 6
    assert "kinds" in done[: last_parent // 2]


def test_a_parent_that_fails(tmp_path: Path) -> None:
    """Its children wait for a run in which it is finished; all others are harvested."""
    broken = {"f"}

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if parameters.get("shard") in broken and parameters.get("page") == "2":
            return Reply({}, status=404)
        return _respond(path, parameters)

    with Scripted(respond) as server:
        crawl = config(tmp_path, CRAWL, server.base_url)
        first = harvest(crawl, out=tmp_path / "out")
        assert (first.exit_code, first.complete) == (3, False)
        assert [item.partitions.complete for item in first.resources] == [5, 30, 9]
        assert first.resources[1].partitions.total == 30, "known are those of finished parents"
        broken.clear()
        second = harvest(crawl, out=tmp_path / "out")
    assert (second.exit_code, second.complete) == (0, True)
    assert [item.partitions.complete for item in second.resources] == [6, 36, 10]


def test_only_the_children(tmp_path: Path) -> None:
    """They go by the parents on disk, without asking for one of those again."""
    with Scripted(_respond) as server:
        crawl = config(tmp_path, CRAWL, server.base_url)
        out = tmp_path / "out"
        early = harvest(crawl, out=out, resources=["details"])
        assert (early.exit_code, early.above, len(server.asked)) == (4, ["items"], 0)
        assert early.why == "it takes its values from items, which is not finished"
        assert harvest(crawl, out=out, resources=["items"]).exit_code == 0
        before = len(server.asked)
        summary = harvest(crawl, out=out, resources=["details"])
        assert len(server.asked) - before == 36
    assert not summary.complete, "the kinds are known now, and not harvested"
    assert [item.partitions.pending for item in summary.resources] == [0, 0, 10]
