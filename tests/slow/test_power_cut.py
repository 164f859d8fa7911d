"""Row 41 of the matrix of faults: the power is cut, at any moment.

What a disk holds then is what was flushed, and any part of the rest. Here such disks are made from
the system calls of a real harvest, at each of them: needs nothing but strace. Where a file system
can be mounted, a few moments of a real one follow; `python -m tests.power_cut` has more of these.
"""

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harvester import verify
from tests import power_cut
from tests.kill_matrix import FOLDER, PAGES, Matrix, matrix
from tests.support import Scripted, chain


@pytest.fixture(scope="module")
def harvested(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """A harvest, whole, and what it must end as."""
    with matrix(tmp_path_factory.mktemp("power"), chain(PAGES)) as steps:
        yield steps


@dataclass
class Disk:
    """What of a partition's folder is written, and what of that is flushed, call by call."""

    lines: int = 0  # of the journal
    flushed_lines: int = 0
    names: set[str] = field(default_factory=set)  # of files, created or renamed to
    flushed_names: set[str] = field(default_factory=set)
    flushed_parts: set[str] = field(default_factory=set)

    def do(self, call: str) -> None:
        """Take note of a call, as `Matrix.calls_on_disk` writes it."""
        verb, name = call.split()
        part = name.removesuffix(".tmp")
        match verb, name:
            case "write", "journal.jsonl":
                self.lines += 1
                self.names.add(name)
            case "fdatasync", "journal.jsonl":
                self.flushed_lines = self.lines
            case "write", _:
                self.names.add(name)
                self.flushed_parts.discard(part)
            case "fsync", "folder":
                self.flushed_names = {*self.names}
            case "fsync", _:
                self.flushed_parts.add(part)
            case "link", _:  # the temporary name goes, now or when the folder is opened next
                self.names = {*self.names, part} - {name}
            case _:
                raise AssertionError(call)

    def left(self, whole: Path, *, lines: bool, names: bool, parts: bool) -> dict[str, bytes]:
        """The files as they may be after a power cut, with all that was not flushed, or without."""
        content = {path.name: path.read_bytes() for path in (whole / FOLDER).iterdir()}
        kept = content["journal.jsonl"].splitlines(keepends=True)
        content["journal.jsonl"] = b"".join(kept[: self.lines if lines else self.flushed_lines])
        found = {}
        for name in self.names if names else self.flushed_names:
            part = name.removesuffix(".tmp")
            safe = parts or name == "journal.jsonl" or part in self.flushed_parts
            found[name] = content[part] if safe else b""
        return found


def test_row_41_any_moment(tmp_path: Path, harvested: Matrix) -> None:
    """At each call, and whatever of what was not flushed is on the disk: no journaled part is
    short or missing, and a rerun ends as if nothing had happened.
    """
    calls = harvested.calls_on_disk(tmp_path / "traced")
    assert len(calls) > 6 * PAGES
    disk = Disk()
    whole, out = harvested.folder / "whole", tmp_path / "out"
    seen: list[dict[str, bytes]] = []
    for call in calls:
        disk.do(call)
        for lines, names, parts in itertools.product((False, True), repeat=3):
            left = disk.left(whole, lines=lines, names=names, parts=parts)
            if left in seen:
                continue
            seen.append(left)
            shutil.copytree(whole, out)
            for path in (out / FOLDER).iterdir():
                path.unlink()
            for name, content in left.items():
                (out / FOLDER / name).write_bytes(content)
            harvested.completes(out, f"after {call}: {lines=}, {names=}, {parts=}")
            shutil.rmtree(out)
    assert len(seen) > 3 * PAGES


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
