"""The mark of a partition: how many parts a crash may leave beyond the journal."""

from pathlib import Path

import pytest

from harvester.errors import DataRefused
from harvester.store.in_flight import NAME, read_mark, remove_mark, write_mark
from harvester.store.journal import Header, Journal
from harvester.store.parts import part_name
from tests.support import entry

HEADER = Header("items", {}, "f00d", "1.0", "2021-01-01T00:00:00.000Z")


def test_no_mark_says_one(tmp_path: Path) -> None:
    """As wherever pages are committed one by one."""
    assert read_mark(tmp_path) == 1
    remove_mark(tmp_path)


def test_written_and_read(tmp_path: Path) -> None:
    """Also over the mark of a run that was killed."""
    for pages in (2, 64, 8):
        write_mark(tmp_path, pages)
        assert read_mark(tmp_path) == pages
        assert [path.name for path in tmp_path.iterdir()] == [NAME]
    (tmp_path / f"{NAME}.tmp").write_bytes(b"torn")
    remove_mark(tmp_path)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("text", "pages"),
    [(b"", 1), (b"\0\0\0", 1), (b"-8", 1), (b"0", 1), (b"65", 64), (b"999999", 64), (b"8x", 1)],
)
def test_what_no_run_has_written(tmp_path: Path, text: bytes, pages: int) -> None:
    """It never lets more be removed than a run can have left."""
    (tmp_path / NAME).write_bytes(text)
    assert read_mark(tmp_path) == pages


def test_a_run_that_ends_takes_it_away(tmp_path: Path) -> None:
    """From its first group on it is there; and where parts are left, it stays."""
    with Journal.open(tmp_path, HEADER) as journal:
        assert read_mark(tmp_path) == 1
        for _ in range(2):
            journal.allow_beyond(8)
            assert read_mark(tmp_path) == 8
    assert not (tmp_path / NAME).exists()
    with Journal.open(tmp_path, HEADER) as journal:
        journal.allow_beyond(8)
        (tmp_path / part_name(1)).touch()
    assert read_mark(tmp_path) == 8
    with Journal.open(tmp_path, HEADER):
        assert [path.name for path in tmp_path.iterdir()] == ["journal.jsonl"]


@pytest.mark.parametrize("beyond", [2, 8, 9])
def test_what_it_lets_be_removed(tmp_path: Path, beyond: int) -> None:
    """So many parts and no more; without it, one. Where more lie there, none is removed."""
    with Journal.open(tmp_path, HEADER):
        pass
    names = {part_name(number) for number in range(1, beyond + 1)}
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(DataRefused, match="not in the journal"):
        Journal.open(tmp_path, HEADER)
    write_mark(tmp_path, 8)
    if beyond > 8:
        with pytest.raises(DataRefused, match="not in the journal"):
            Journal.open(tmp_path, HEADER)
        assert names < {path.name for path in tmp_path.iterdir()}
    else:
        Journal.open(tmp_path, HEADER).close()
        assert [path.name for path in tmp_path.iterdir()] == ["journal.jsonl"]


def test_a_folder_that_is_refused_keeps_it(tmp_path: Path) -> None:
    """Once what was wrong is put right, the mark is needed."""
    with Journal.open(tmp_path, HEADER) as journal:
        journal.allow_beyond(8)
        for number in (1, 2):
            (tmp_path / part_name(number)).touch()
    other = Header("items", {}, "beef", "1.0", "2021-01-01T00:00:00.000Z")
    with pytest.raises(DataRefused, match="another way"):
        Journal.open(tmp_path, other)
    assert read_mark(tmp_path) == 8
    Journal.open(tmp_path, HEADER).close()
    assert [path.name for path in tmp_path.iterdir()] == ["journal.jsonl"]


def test_a_mark_is_not_taken_away_before_the_lines_are_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill may have come between a last group's lines and their fsync: whoever finds the
    partition done makes them durable, before the parts lie there without a mark.
    """
    with Journal.open(tmp_path, HEADER) as journal:
        journal.append(entry(1, done=True))
    calls: list[bool] = []
    monkeypatch.setattr("os.fdatasync", lambda descriptor: calls.append(read_mark(tmp_path) > 1))
    Journal.open(tmp_path, HEADER).close()
    assert calls == []
    write_mark(tmp_path, 8)
    Journal.open(tmp_path, HEADER).close()
    assert calls == [True]
    assert read_mark(tmp_path) == 1
