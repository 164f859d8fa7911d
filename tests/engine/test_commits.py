"""Commits in order, at once or beside the next fetch; what fails leaves nothing half done."""

import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest

from harvester.engine.commits import Commits
from harvester.engine.page_result import PageResult
from harvester.errors import DataRefused, PageRefused
from harvester.store.journal import (
    Checkpoint,
    Entry,
    Header,
    Journal,
    read_checkpoint,
    read_entries,
)
from harvester.store.parts import Part
from tests.support import entry

HEADER = Header("items", {}, "f00d", "1.0", "2021-01-01T00:00:00.000Z")


@pytest.fixture
def pool() -> Iterator[Executor]:
    """The threads to commit on."""
    with ThreadPoolExecutor(4) as executor:
        yield executor


@pytest.fixture(params=[1, 2, 4])
def under_way(request: pytest.FixtureRequest) -> int:
    """At once, one behind the next fetch, and in groups."""
    return int(request.param)


def fetched(folder: Path, seq: int, *, done: bool = False) -> PageResult:
    """A page that is whole, and not yet committed."""
    with Part(folder, seq) as part:
        part.write(f"page {seq}".encode())
        part.hand_over()
    stored = part.described()
    line = entry(
        seq, part=stored.name, stored_bytes=stored.stored_bytes, sha256=stored.sha256, done=done
    )
    return PageResult(part, line=line)


def test_in_order(tmp_path: Path, under_way: int, pool: Executor) -> None:
    """Pages are committed one after the other, and told of when they are."""
    told: list[int] = []

    def tell(line: Entry, at: Checkpoint) -> None:
        assert read_checkpoint(tmp_path).seq >= line.seq
        told.append(line.seq)

    with (
        Journal.open(tmp_path, HEADER) as journal,
        Commits(journal, under_way, pool, tell) as commits,
    ):
        for seq in range(1, 9):
            commits.add(fetched(tmp_path, seq, done=seq == 8))
        assert told == list(range(1, 9))  # nothing follows a page that is the last
    assert [line.seq for line in read_entries(tmp_path)] == told
    assert not list(tmp_path.glob("*.tmp"))


def test_one_at_a_time(tmp_path: Path, pool: Executor) -> None:
    """A page waits until the one before is part of the harvest; the block's end, for the last."""
    release = threading.Event()
    first = threading.Event()

    def tell(line: Entry, at: Checkpoint) -> None:
        first.set()
        assert release.wait(10)

    with Journal.open(tmp_path, HEADER) as journal, Commits(journal, 2, pool, tell) as commits:
        commits.add(fetched(tmp_path, 1))
        second = fetched(tmp_path, 2)
        adding = threading.Thread(target=commits.add, args=(second,))
        assert first.wait(10)
        adding.start()
        adding.join(0.1)
        assert adding.is_alive()
        assert read_checkpoint(tmp_path).seq == 1
        release.set()
        adding.join(10)
    assert read_checkpoint(tmp_path).seq == 2


def test_a_commit_that_fails(tmp_path: Path, under_way: int, pool: Executor) -> None:
    """Its error comes out, also over that of the fetch beside it; the page behind is discarded."""

    def run() -> None:
        with (
            Journal.open(tmp_path, HEADER) as journal,
            Commits(journal, under_way, pool, lambda line, at: None) as commits,
        ):
            commits.add(fetched(tmp_path, 1))
            bad = fetched(tmp_path, 2)
            assert bad.part is not None
            bad.part.path.mkdir()  # a rename onto it fails
            commits.add(bad)
            commits.add(fetched(tmp_path, 3))

    with pytest.raises(DataRefused):
        run()
    # What stands in a group with it may fail with it.
    assert [line.seq for line in read_entries(tmp_path)] == [1][: read_checkpoint(tmp_path).pages]
    assert under_way > 2 or read_checkpoint(tmp_path).pages == 1
    assert not list(tmp_path.glob("*.tmp"))


def test_a_group(tmp_path: Path, pool: Executor) -> None:
    """What has come while the disk was busy goes there together: its lines appear at once."""
    release, first = threading.Event(), threading.Event()
    seen: list[int] = []
    told: list[tuple[int, int]] = []

    def tell(line: Entry, at: Checkpoint) -> None:
        seen.append(read_checkpoint(tmp_path).pages)
        told.append((line.seq, at.pages))
        first.set()
        assert release.wait(10)

    with (
        Journal.open(tmp_path, HEADER) as journal,
        Commits(journal, 5, pool, tell) as commits,
    ):
        commits.add(fetched(tmp_path, 1))
        assert first.wait(10)
        for seq in (2, 3, 4):
            commits.add(fetched(tmp_path, seq))
        fifth = fetched(tmp_path, 5)
        adding = threading.Thread(target=commits.add, args=(fifth,))
        adding.start()
        adding.join(0.1)
        assert adding.is_alive()  # with the one that it would let be fetched, six
        release.set()
        adding.join(10)
    assert seen == [1, 4, 4, 4, 5]
    assert told == [(seq, seq) for seq in range(1, 6)]  # each with what it led to itself


def test_a_group_that_fails_is_no_part_of_the_harvest(tmp_path: Path, pool: Executor) -> None:
    """None of its lines is written; the next run removes what it left, and goes on."""
    release, first = threading.Event(), threading.Event()

    def tell(line: Entry, at: Checkpoint) -> None:
        first.set()
        assert release.wait(10)

    def run() -> None:
        with (
            Journal.open(tmp_path, HEADER) as journal,
            Commits(journal, 5, pool, tell) as commits,
        ):
            commits.add(fetched(tmp_path, 1))
            assert first.wait(10)
            pages = [fetched(tmp_path, seq) for seq in (2, 3, 4)]
            assert pages[2].part is not None
            pages[2].part.path.mkdir()  # a rename onto it fails, when two have been renamed
            for page in pages:
                commits.add(page)
            release.set()

    with pytest.raises(DataRefused):
        run()
    assert read_checkpoint(tmp_path).pages == 1
    left = {"part-000002.json.gz", "part-000003.json.gz", "part-000004.json.gz"}
    assert left < {path.name for path in tmp_path.iterdir()}
    (tmp_path / "part-000004.json.gz").rmdir()
    with Journal.open(tmp_path, HEADER) as journal:
        assert journal.checkpoint.pages == 1
    assert {path.name for path in tmp_path.iterdir()} == {"journal.jsonl", "part-000001.json.gz"}


def test_a_fetch_that_fails(tmp_path: Path, under_way: int, pool: Executor) -> None:
    """What was handed over before is committed all the same."""

    def run() -> None:
        with (
            Journal.open(tmp_path, HEADER) as journal,
            Commits(journal, under_way, pool, lambda line, at: None) as commits,
        ):
            commits.add(fetched(tmp_path, 1))
            raise PageRefused("no")

    with pytest.raises(PageRefused):
        run()
    assert read_checkpoint(tmp_path).pages == 1


def test_an_error_of_who_is_told(tmp_path: Path, pool: Executor) -> None:
    """It comes out as it is, and the page behind is discarded."""

    def tell(line: Entry, at: Checkpoint) -> None:
        raise ZeroDivisionError

    def run() -> None:
        with Journal.open(tmp_path, HEADER) as journal, Commits(journal, 2, pool, tell) as commits:
            commits.add(fetched(tmp_path, 1))
            commits.add(fetched(tmp_path, 2))

    with pytest.raises(ZeroDivisionError):
        run()
    assert not list(tmp_path.glob("*.tmp"))
    assert read_checkpoint(tmp_path).pages == 1


def test_no_thread_can_be_started(tmp_path: Path) -> None:
    """As at a limit on processes: it is told, and nobody waits for a commit that never comes."""

    class Exhausted(ThreadPoolExecutor):
        def submit(self, *args: object, **options: object) -> NoReturn:
            raise RuntimeError("can't start new thread")

    def run() -> None:
        with (
            Journal.open(tmp_path, HEADER) as journal,
            Commits(journal, 4, Exhausted(), lambda line, at: None) as commits,
        ):
            commits.add(fetched(tmp_path, 1))

    with pytest.raises(RuntimeError, match="can't start"):
        run()
    assert [path.name for path in tmp_path.iterdir()] == ["journal.jsonl"]
