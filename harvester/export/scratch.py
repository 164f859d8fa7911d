"""Folder in which an export grows until it is complete and is given its name.

An export *must* write into a folder that it has made itself beside the target, under a name that
was free, with a mark in it whose lock it holds; the file *must* be complete and fsynced before it
is renamed, so that a target that exists is complete. What a killed export leaves is such a folder,
and the next export to the same target removes it: by its mark, never by its name alone (a folder
that only looked like one was emptied once, with what its owner had in it).
"""

import contextlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harvester.descriptors import lock as lock_file
from harvester.descriptors import open_file
from harvester.errors import ConfigError, DataRefused, FolderLocked
from harvester.store import disk_errors, name_anew, opened, sync_folder, write_all

MARK: Final = "harvester-export.json"
_ENDING: Final = ".exporting"
_MOST_MARK_BYTES: Final = 8192
_NAME_CHARS: Final = 48  # of the target's, in that of its folder: file systems take 255 bytes


@contextlib.contextmanager
def scratch(target: Path) -> Iterator[Path]:
    """An empty folder beside `target` for one export alone, gone when the block is left.

    Raises `FolderLocked` where another export to it is at work.
    """
    with disk_errors(target):
        home = Path(tempfile.mkdtemp(_ENDING, _prefix(target), target.parent))
    lock = -1
    try:
        with disk_errors(home):
            lock = _marked(home, target)
            _clear(home, target)
            (folder := home / "growing").mkdir()
        yield folder
    finally:
        shutil.rmtree(home, ignore_errors=True)
        if lock >= 0:
            os.close(lock)


def publish(complete: Path, target: Path, *, force: bool) -> None:
    """Make the file `complete` durable as `target`. Raises `ConfigError`, `DiskError`."""
    with disk_errors(target):
        with complete.open("rb") as file:
            os.fsync(file.fileno())
        refuse_existing(target, force=force)  # an export takes a while
        if force:
            complete.replace(target)
        elif not name_anew(complete, target):  # came into being just now
            refuse_existing(target, force=False)
        sync_folder(target.parent)


def refuse_existing(target: Path, *, force: bool) -> None:
    """Raise `ConfigError` where an export must not write."""
    if not target.parent.is_dir():
        raise ConfigError(f"{target}: there is no folder {target.parent}")
    if target.is_dir():
        raise ConfigError(f"{target}: is a folder; name a file")
    if os.path.lexists(target):
        if not force:
            raise ConfigError(f"{target}: exists, and was left as it is; --force replaces it")
        if not (target.is_file() or target.is_symlink()):
            raise ConfigError(f"{target}: is no file, and was left as it is; name another target")


def _prefix(target: Path) -> str:
    """What the names of the folders of exports to `target` begin with."""
    return f".{target.name[:_NAME_CHARS]}."


def _marked(home: Path, target: Path) -> int:
    """Put the mark into `home`; the descriptor that holds its lock, until the process dies."""
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
    mark = open_file(home / MARK, flags, stat.S_IRUSR | stat.S_IWUSR)
    with contextlib.suppress(OSError):  # no locks here: then nothing is ever taken for a left-over
        lock_file(mark)
    write_all(mark, _said(target))
    return mark


def _said(target: Path) -> bytes:
    return json.dumps({"harvester": "export", "target": target.name}).encode() + b"\n"


def _clear(home: Path, target: Path) -> None:
    """Remove what killed exports to `target` left. Raises `FolderLocked` where one lives."""
    prefix = _prefix(target)
    with os.scandir(target.parent) as listing:
        others = [
            Path(item.path)
            for item in listing
            if item.name.startswith(prefix)
            and item.name.endswith(_ENDING)
            and item.name != home.name
            and item.is_dir(follow_symlinks=False)
        ]
    for other in others:
        with contextlib.suppress(FileNotFoundError, DataRefused):  # no mark: not ours
            mark = opened(other / MARK)
            try:
                if os.read(mark, _MOST_MARK_BYTES) == _said(target):
                    _lock(mark, target)
                    shutil.rmtree(other, ignore_errors=True)
            finally:
                os.close(mark)


def _lock(mark: int, target: Path) -> None:
    try:
        lock_file(mark)
    except BlockingIOError:
        raise FolderLocked(
            f"{target}: another export to this target is at work; wait for it to end, or name "
            "another target"
        ) from None
