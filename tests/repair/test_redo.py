"""A partition is harvested again: the old pages count until the new ones are complete."""

import json
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from harvester import harvest, iter_records, status, verify
from harvester.config import Config
from harvester.errors import ConfigError
from harvester.export import export
from harvester.repair import begin_again, repair
from harvester.store.journal_lines import JOURNAL
from harvester.store.parts import part_name
from tests.support import ENVIRONMENT, ITEMS, Reply, Scripted, config

PAGES = 4
KIDS = """
  - name: kids
    path: kids/{item}
    partitions: {item: {resource: items, field: id}}
    data_selector: data
    paginator: {type: single_page}
"""


class Versions:
    """Pages whose records name the version that was asked for; page `held` waits for `go`."""

    def __init__(self) -> None:
        self.version = 1
        self.held = 0
        self.go = threading.Event()

    def __call__(self, path: str, parameters: Mapping[str, str]) -> Reply:
        """A page of two records."""
        number = int(parameters.get("cursor", "1"))
        if number == self.held:
            self.go.wait(20)
        shard = parameters.get("shard", path)
        data = [{"id": f"{shard}{number}v{self.version}"}]
        return Reply({"data": data, "next": str(number + 1) if number < PAGES else None})


@pytest.fixture
def api() -> Iterator[tuple[Scripted, Versions]]:
    """A server of versions."""
    versions = Versions()
    with Scripted(versions) as server:
        yield server, versions
        versions.go.set()


def harvested(tmp_path: Path, server: Scripted, text: str = ITEMS) -> tuple[Config, Path]:
    """Version 1 of two partitions, complete."""
    loaded = config(tmp_path, text, server.base_url, "resources.items.partitions.shard=[a, b]")
    assert harvest(loaded, out=tmp_path / "out").complete
    server.asked.clear()
    return loaded, tmp_path / "out"


def ids(out: Path, *resources: str) -> list[str]:
    """The ids of the records that count."""
    return [json.loads(record)["id"] for record in iter_records(out, resources=resources)]


def whole(version: int, shards: str = "ab") -> list[str]:
    """The ids of a version."""
    return [f"{shard}{number}v{version}" for shard in shards for number in range(1, PAGES + 1)]


def test_all_of_it(tmp_path: Path, api: tuple[Scripted, Versions]) -> None:
    """Each partition anew; superseded pages stay on disk, and nothing but a glob sees them."""
    loaded, out = harvested(tmp_path, api[0])
    api[1].version = 2
    assert begin_again(loaded, out).partitions == 2
    summary = harvest(loaded, out=out)
    assert (summary.complete, summary.resources[0].records) == (True, 2 * PAGES)
    assert ids(out) == whole(2)
    assert verify(out, deep=True).ok
    assert len(list(out.rglob("part-*"))) == 4 * PAGES
    export(out, tmp_path / "all.jsonl")
    assert len((tmp_path / "all.jsonl").read_text().splitlines()) == 2 * PAGES


def test_row_108_old_pages_count_until_the_new_are_complete(
    tmp_path: Path, api: tuple[Scripted, Versions]
) -> None:
    """In between, readers have the old ones, and the harvest is not complete."""
    loaded, out = harvested(tmp_path, api[0])
    api[1].version = 2
    begin_again(loaded, out, resources=["items"], partition={"shard": "a"})
    for pages in range(PAGES):
        assert ids(out) == whole(1)
        assert verify(out, deep=True).ok
        assert not status(out).complete
        assert status(out).resources[0].partitions.pending == 1
        assert harvest(loaded, out=out, max_pages=1).complete is (pages == PAGES - 1)
    assert ids(out) == whole(2, "a") + whole(1, "b")
    assert len(api[0].asked) == PAGES


def test_what_has_begun_goes_on(tmp_path: Path, api: tuple[Scripted, Versions]) -> None:
    """The same command after a stop asks for no page twice."""
    loaded, out = harvested(tmp_path, api[0])
    begin_again(loaded, out)
    harvest(loaded, out=out, max_pages=2)
    assert begin_again(loaded, out).partitions == 0
    assert harvest(loaded, out=out).complete
    assert len(api[0].asked) == 2 * PAGES
    assert begin_again(loaded, out).partitions == 2


@pytest.mark.parametrize("lost", [(2,), (1, 2, 3, 4)])
def test_damaged_pages_are_superseded(
    tmp_path: Path, api: tuple[Scripted, Versions], lost: tuple[int, ...]
) -> None:
    """What is wrong with parts that no longer count stands in nobody's way."""
    loaded, out = harvested(tmp_path, api[0])
    for number in lost:
        (out / "items" / "shard=a" / part_name(number)).unlink()
    api[1].version = 2
    assert begin_again(loaded, out, partition={"shard": "a"}).aside == ()
    assert harvest(loaded, out=out).complete
    assert verify(out, deep=True).ok
    assert repair(loaded, out).pages == 0
    assert ids(out) == whole(2, "a") + whole(1, "b")


def test_damage_in_the_new_generation(tmp_path: Path, api: tuple[Scripted, Versions]) -> None:
    """Another one is begun."""
    loaded, out = harvested(tmp_path, api[0])
    begin_again(loaded, out, partition={"shard": "a"})
    harvest(loaded, out=out, max_pages=2)
    (out / "items" / "shard=a" / part_name(PAGES + 1)).write_bytes(b"")
    assert begin_again(loaded, out, partition={"shard": "a"}).partitions == 1
    assert harvest(loaded, out=out).complete
    assert verify(out, deep=True).ok


def test_a_damaged_journal_is_put_aside(tmp_path: Path, api: tuple[Scripted, Versions]) -> None:
    """With all of its folder, each time under another name."""
    loaded, out = harvested(tmp_path, api[0])
    for again in ("", ".1"):
        journal = out / "items" / "shard=a" / JOURNAL
        journal.write_bytes(journal.read_bytes().replace(b'"seq":2', b'"seq":7'))
        begun = begin_again(loaded, out, partition={"shard": "a"})
        assert begun.aside == (f".aside/items/shard=a{again}",)
        assert harvest(loaded, out=out).complete
        assert verify(out, deep=True).ok
        assert ids(out) == whole(1)


def test_parents_that_begin_again_keep_their_children(
    tmp_path: Path, api: tuple[Scripted, Versions]
) -> None:
    """While parents are harvested again, the children of the old ones are in the plan."""
    loaded, out = harvested(tmp_path, api[0], ITEMS + KIDS)
    kids = ids(out, "kids")
    assert len(kids) == 2 * PAGES
    begin_again(loaded, out, resources=["items"])
    assert ids(out, "kids") == kids
    assert verify(out).ok
    harvest(loaded, out=out, resources=["items"], max_pages=1)
    assert ids(out, "kids") == kids
    assert verify(out).ok
    assert harvest(loaded, out=out).complete
    assert ids(out, "kids") == kids


def test_what_is_not_there(tmp_path: Path, api: tuple[Scripted, Versions]) -> None:
    """A wrong choice is named before anything is written."""
    loaded, out = harvested(tmp_path, api[0])
    before = (out / "items" / "shard=a" / JOURNAL).read_bytes()
    with pytest.raises(ConfigError, match=r"--resource others: .*items"):
        begin_again(loaded, out, resources=["others"])
    with pytest.raises(ConfigError, match="there is no partition shard=z"):
        begin_again(loaded, out, partition={"shard": "z"})
    assert (out / "items" / "shard=a" / JOURNAL).read_bytes() == before


def test_row_108_killed_in_the_middle(tmp_path: Path, api: tuple[Scripted, Versions]) -> None:
    """The command line, killed by SIGKILL and typed again, as a person would."""
    _, out = harvested(tmp_path, api[0])
    api[1].version, api[1].held = 2, 3
    words = [sys.executable, "-m", "harvester", "redo", str(out), "--progress", "plain"]
    process = subprocess.Popen(words, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    while len(api[0].asked) < 6 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert ids(out) == whole(1)
    api[1].held = 0
    api[1].go.set()
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, shlex.join(words) + done.stderr
    assert ids(out) == whole(2)
    assert verify(out, deep=True).ok
