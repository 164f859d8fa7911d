"""The mark of an older harvest: how many parts a crash may have left beyond the journal."""

from pathlib import Path

import pytest

from harvester.errors import DataRefused
from harvester.store.entries import Header
from harvester.store.in_flight import NAME, read_mark, remove_mark
from harvester.store.journal import Journal
from harvester.store.parts import part_name

HEADER = Header("items", {}, "f00d", "1.0", "2021-01-01T00:00:00.000Z")


def test_no_mark_says_one(tmp_path: Path) -> None:
    """As wherever pages were committed one by one."""
    assert read_mark(tmp_path) == 1
    remove_mark(tmp_path)


@pytest.mark.parametrize(
    ("text", "pages"),
    [(b"2\n", 2), (b"64\n", 64), (b"", 1), (b"\0\0\0", 1), (b"-8", 1), (b"0", 1), (b"65", 64),
     (b"999999", 64), (b"8x", 1)],
)  # fmt: skip
def test_read(tmp_path: Path, text: bytes, pages: int) -> None:
    """It never lets more be removed than a run can have left."""
    (tmp_path / NAME).write_bytes(text)
    assert read_mark(tmp_path) == pages
    (tmp_path / f"{NAME}.tmp").write_bytes(b"torn")
    remove_mark(tmp_path)
    assert not [*tmp_path.iterdir()]


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
    (tmp_path / NAME).write_bytes(b"8\n")
    if beyond > 8:
        with pytest.raises(DataRefused, match="not in the journal"):
            Journal.open(tmp_path, HEADER)
        assert names < {path.name for path in tmp_path.iterdir()}
    else:
        Journal.open(tmp_path, HEADER).close()
        assert [path.name for path in tmp_path.iterdir()] == ["journal.jsonl"]


def test_a_folder_that_is_refused_keeps_it(tmp_path: Path) -> None:
    """Once what was wrong is put right, the mark is needed."""
    with Journal.open(tmp_path, HEADER):
        pass
    (tmp_path / NAME).write_bytes(b"8\n")
    for number in (1, 2):
        (tmp_path / part_name(number)).touch()
    other = Header("items", {}, "beef", "1.0", "2021-01-01T00:00:00.000Z")
    with pytest.raises(DataRefused, match="another way"):
        Journal.open(tmp_path, other)
    assert read_mark(tmp_path) == 8
    Journal.open(tmp_path, HEADER).close()
    assert [path.name for path in tmp_path.iterdir()] == ["journal.jsonl"]
