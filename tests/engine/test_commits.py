"""Commits in order; what fails leaves nothing half done."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from harvester.engine.commits import Commits
from harvester.engine.page_result import PageResult
from harvester.errors import DataRefused
from harvester.store import LocalStore
from harvester.store.checkpoint import Checkpoint
from harvester.store.entries import Entry, Header
from harvester.store.journal import Journal
from harvester.store.journal_lines import read_checkpoint, read_entries
from harvester.store.parts import Part
from tests.support import entry

HEADER = Header("items", {}, "f00d", "1.0", "2021-01-01T00:00:00.000Z")


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


@pytest.mark.parametrize("in_groups", [True, False])
def test_in_order(tmp_path: Path, in_groups: bool) -> None:
    """Pages are committed one after the other, and told of when they are."""
    told: list[tuple[int, int]] = []
    folder = tmp_path / "items"

    def on_commit(line: Entry, at: Checkpoint) -> None:
        assert read_checkpoint(folder).seq == line.seq
        told.append((line.seq, at.pages))

    store = LocalStore(tmp_path)
    with store.claim() if in_groups else nullcontext(), store.journal("items", HEADER) as journal:
        commits = Commits(journal, on_commit)
        for seq in range(1, 9):
            commits.add(fetched(folder, seq, done=seq == 8))
        assert told == [(seq, seq) for seq in range(1, 9)]
    assert not list(folder.glob("*.tmp"))


@pytest.mark.parametrize(
    ("each", "stop_at", "expected"),
    [(False, None, [0, 1, 1, 1, 5]), (False, 3, [0, 1, 3, 3, 5]), (True, None, [1, 2, 3, 4, 5])],
)
def test_what_is_made_safe_at_once(
    tmp_path: Path, each: bool, stop_at: int | None, expected: list[int]
) -> None:
    """The last page of a partition or a run, and each where that is asked for."""
    store = LocalStore(tmp_path)
    with store.claim(), store.journal("items", HEADER) as journal:
        commits = Commits(journal, lambda line, at: None, each_at_once=each)
        commits.stop_at = stop_at
        for seq in range(1, 6):
            commits.add(fetched(tmp_path / "items", seq, done=seq == 5))
    assert [line.safe for line in read_entries(tmp_path / "items")] == expected


@pytest.mark.parametrize("seq", [2, 3])
@pytest.mark.parametrize("done", [True, False])
def test_a_commit_that_fails(tmp_path: Path, seq: int, done: bool) -> None:
    """Its error comes out; nothing of the page is there, and those before it are."""
    store = LocalStore(tmp_path)

    def commit_all() -> None:
        with store.claim(), store.journal("items", HEADER) as journal:
            commits = Commits(journal, lambda line, at: None)
            for number in range(1, seq):
                commits.add(fetched(tmp_path / "items", number))
            bad = fetched(tmp_path / "items", seq, done=done)
            assert bad.part is not None
            bad.part.path.mkdir()  # a name that is taken
            commits.add(bad)

    with pytest.raises(DataRefused):
        commit_all()
    assert read_checkpoint(tmp_path / "items").pages == seq - 1
    assert not list((tmp_path / "items").glob("*.tmp"))


def test_an_error_of_who_is_told(tmp_path: Path) -> None:
    """It comes out as it is; the page stays."""

    def on_commit(line: Entry, at: Checkpoint) -> None:
        raise ZeroDivisionError

    with Journal.open(tmp_path, HEADER) as journal:
        commits = Commits(journal, on_commit)
        with pytest.raises(ZeroDivisionError):
            commits.add(fetched(tmp_path, 1))
    assert read_checkpoint(tmp_path).pages == 1
