"""Part files: whole under their names, or not there at all."""

import errno
import gzip
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harvester.errors import DiskError, RunStopped
from harvester.store.parts import (
    DurableFile,
    Part,
    disk_errors,
    make_folder,
    part_name,
    part_number,
)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (1, "part-000001.json.gz"),
        (999_999, "part-999999.json.gz"),
        (1_000_000, "part-1000000.json.gz"),
    ],
)
def test_names(number: int, name: str) -> None:
    """Six digits, and more where there are more pages."""
    assert part_name(number) == name
    assert part_number(name) == number


@pytest.mark.parametrize(
    "name",
    [
        "part-1.json.gz",
        "part-0000001.json.gz",
        "part-000001.json.gz.tmp",
        "part-000001.json",
        "xpart-000001.json.gz",
        "part-000001.json.gz\n",
        "journal.jsonl",
    ],
)
def test_other_names(name: str) -> None:
    """Every part has one name only."""
    assert part_number(name) is None


def test_a_part_appears_when_it_is_stored(tmp_path: Path) -> None:
    """Until then there is a temporary file; then the name, the size and the hash are the file's."""
    content = gzip.compress(b'{"data":[]}')
    with Part(tmp_path, 7) as part:
        part.write(content[:5])
        part.write(b"")
        part.write(content[5:])
        assert [file.name for file in tmp_path.iterdir()] == ["part-000007.json.gz.tmp"]
        stored = part.store()
    assert [file.name for file in tmp_path.iterdir()] == [stored.name]
    assert (tmp_path / stored.name).read_bytes() == content
    assert stored.stored_bytes == len(content)
    assert stored.sha256 == hashlib.sha256(content).hexdigest()


def test_a_part_that_is_not_stored_leaves_nothing(tmp_path: Path) -> None:
    """An attempt that fails, even after a megabyte."""
    with Part(tmp_path, 1) as part:
        part.write(bytes(1_000_000))
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_same_name_is_replaced_whole(tmp_path: Path) -> None:
    """harvest.json is written anew by each run."""
    path = tmp_path / "harvest.json"
    path.write_text("old and long")
    with DurableFile(path) as file:
        file.write(b"new")
        assert path.read_text() == "old and long"
        file.commit()
    assert path.read_text() == "new"


def test_a_temporary_file_is_never_shared(tmp_path: Path) -> None:
    """O_EXCL: two writers of one part cannot both go on."""
    with (
        Part(tmp_path, 1),
        pytest.raises(DiskError, match=r"part-000001\.json\.gz: File exists"),
    ):
        Part(tmp_path, 1)


def test_a_full_disk_ends_the_run() -> None:
    """An OSError names the file, says that all is safe, and is never taken for a page's fault."""
    path = Path("/harvest/part-000001.json.gz")
    with pytest.raises(DiskError) as caught, disk_errors(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(caught.value) == (
        f"{path}: No space left on device; every page committed so far is safe"
    )
    assert isinstance(caught.value, RunStopped)


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """/dev/full takes no byte: the error comes with the flush at the latest."""
    with Part(tmp_path, 1) as part, Path("/dev/full").open("wb") as full:
        os.dup2(full.fileno(), part._descriptor)
        part.write(b"a few bytes, which are buffered")
        with pytest.raises(DiskError, match="No space left"):
            part.store()
    assert list(tmp_path.iterdir()) == []


def test_folders_are_made_with_all_levels(tmp_path: Path) -> None:
    """And again without harm: partitions are opened side by side and share parents."""
    folder = tmp_path / "items" / "shard=a" / "window=b"
    make_folder(folder, within=tmp_path)
    make_folder(folder, within=tmp_path, fsync=False)
    assert folder.is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(DiskError, match="file"):
        make_folder(tmp_path / "file" / "a", within=tmp_path)


def test_parts_are_known_by_name_before_any_page_is_read() -> None:
    """In a process that has had no use for a page format yet."""
    code = (
        "from harvester.store import part_number as number; "
        "print([number(f'part-000007.{end}') for end in ('json.gz', 'csv.gz', 'json.gz.damaged')])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[7, 7, None]\n"
