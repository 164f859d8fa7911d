"""Row 41 of the matrix of faults: the power is cut, at any moment.

What a disk holds then is what was flushed, and any part of the rest. Here such disks are made from
the system calls of a real harvest, at each of them: needs nothing but strace. Where a file system
can be mounted, a few moments of a real one follow; `python -m tests.power_cut` has more of these.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from harvester import verify
from harvester.store.entries import Header
from harvester.store.journal import Journal
from harvester.store.journal_lines import read_checkpoint, read_header
from tests import power_cut
from tests.kill_matrix import FOLDER, Matrix, matrix
from tests.power_states import Synced
from tests.support import Scripted, chain, stamps


@pytest.fixture(scope="module", params=["group", "page"])
def harvested(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Matrix]:
    """A harvest, whole, and what it must end as."""
    with matrix(tmp_path_factory.mktemp("power"), chain(PAGES), request.param) as steps:
        yield steps


PAGES = 5  # one alone, three that become safe together, and the last


def test_row_41_any_moment(tmp_path: Path, harvested: Matrix) -> None:
    """At each call, and whatever of what was not synced is on the disk: what was safe is there,
    nothing is believed that is not whole, no more than the tail is lost, and that is said. Of one
    in 10 of these disks, a rerun ends as if nothing had happened.
    """
    calls = harvested.calls_on_disk(tmp_path / "traced")
    whole = {path.name: path.read_bytes() for path in (tmp_path / "traced" / FOLDER).iterdir()}
    header = read_header(tmp_path / "traced" / FOLDER)
    assert header
    disk, seen, reruns = Synced(), set(), 0
    for call in calls:
        disk.do(call)
        for left in disk.disks(whole):
            state = hash(frozenset(left.items()))
            if state in seen:
                continue
            seen.add(state)
            recovers(tmp_path / "folder", left, header, whole, disk, call)
            if len(seen) % 10 == 0:
                reruns += 1
                shutil.copytree(tmp_path / "traced", tmp_path / "out")
                replace(tmp_path / "out" / FOLDER, left)
                harvested.completes(tmp_path / "out", f"after {call}")
                shutil.rmtree(tmp_path / "out")
    assert reruns >= 3


def replace(folder: Path, content: dict[str, bytes]) -> None:
    """Let these files be all that lies in a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in content.items():
        (folder / name).write_bytes(data)


def recovers(
    folder: Path, left: dict[str, bytes], header: Header, whole: dict[str, bytes],
    disk: Synced, call: str,
) -> None:  # fmt: skip
    """Open what a power cut left."""
    replace(folder, left)
    before = stamps(folder)
    reading = read_checkpoint(folder).pages  # readers see it as it is, and change nothing
    assert stamps(folder) == before
    with Journal.open(folder, header, fsync=False) as journal:
        pages = journal.checkpoint.pages
        assert disk.safe <= pages <= reading, call
        kept = disk.lines - 1
        assert journal.lost <= max(kept, *disk.named, 0) - pages, call
        assert journal.lost or reading - pages <= 1, call
        if left_parts := [int(name[5:11]) for name in left if name.endswith(".gz")]:
            assert journal.lost or max(left_parts) - pages <= 1, call
    believed = {path.name for path in folder.iterdir()} - {"journal.jsonl"}
    assert len(believed) == pages
    for name in believed:
        assert (folder / name).read_bytes() == whole[name], f"{name} after {call}"


def can_mount(folder: Path) -> bool:
    """Whether an image file can be mounted here: root may, but not in every container."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        return False
    image = folder / "try.img"
    power_cut.make_image(image)
    try:
        with power_cut.mounted(image, folder / "try"):
            return True
    except subprocess.CalledProcessError:
        return False


def test_row_41_copies_of_a_live_image(tmp_path: Path) -> None:
    """A few moments of a real file system. More, and what fsync is for: tests.power_cut."""
    if not can_mount(tmp_path):
        pytest.skip("needs root, mkfs.ext4 and a loop device; test_row_41_any_moment needs none")
    with Scripted(chain(60)) as server:
        expected = power_cut.undisturbed(tmp_path, server)
        images: Sequence[Path] = power_cut.cut(tmp_path, server, 3, 60)
        assert len(images) == 3
        for image in images:
            assert power_cut.survives(tmp_path, image, server, expected) == ""
    assert verify(tmp_path / "whole").parts == 60
