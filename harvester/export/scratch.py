"""Where an export grows until it is complete, and the step that gives it its name.

An export *must* write into a folder of its own beside the target, whose lock it holds; the file
*must* be complete and fsynced before it is renamed, so that a target that exists is complete. What
a killed export leaves is that folder, and the next one to the same target takes its place.
"""

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harvester.errors import ConfigError, FolderLocked
from harvester.parts import disk_errors, sync_folder

_SUFFIX: Final = ".exporting"


@contextlib.contextmanager
def scratch(target: Path, *, force: bool) -> Iterator[Path]:
    """An empty folder beside `target` for one export alone, gone when the block is left.

    Raises `ConfigError` for a target that exists (unless `force`) or has no folder to lie in, and
    `FolderLocked` where another export to it is at work.
    """
    refuse_existing(target, force=force)
    folder = target.with_name(target.name + _SUFFIX)
    with disk_errors(folder):
        lock = _lock(folder)
    try:
        with disk_errors(folder):
            for left_over in folder.iterdir():
                _remove(left_over)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def publish(complete: Path, target: Path, *, force: bool) -> None:
    """Make the file `complete` durable as `target`. Raises `ConfigError`, `DiskError`."""
    with disk_errors(target):
        with complete.open("rb") as file:
            os.fsync(file.fileno())
        refuse_existing(target, force=force)  # an export takes a while
        complete.rename(target)
        sync_folder(target.parent)


def refuse_existing(target: Path, *, force: bool) -> None:
    """Raise `ConfigError` where an export must not write."""
    if not target.parent.is_dir():
        raise ConfigError(f"{target}: there is no folder {target.parent}")
    if target.is_dir():
        raise ConfigError(f"{target}: is a folder; name a file")
    if os.path.lexists(target) and not force:
        raise ConfigError(f"{target}: exists, and was left as it is; --force replaces it")
    log = target.with_name(target.name + ".wal")
    if target.suffix.lower() == ".duckdb" and log.exists():
        # DuckDB would play it back into whatever database comes to lie beside it.
        raise ConfigError(
            f"{log}: another program has the database open, or died with it; end that program, or "
            "open the database once with DuckDB, and try again"
        )


def _lock(folder: Path) -> int:
    """The descriptor that holds the lock of `folder`, which is made."""
    while True:
        folder.mkdir(exist_ok=True)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.stat(folder).st_ino == os.fstat(lock).st_ino:  # noqa: PTH116  # beside fstat
                return lock
        except FileNotFoundError:  # an export that just ended took the folder away
            pass
        except OSError as error:
            os.close(lock)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise FolderLocked(
                f"{folder}: another export to this target is at work; wait for it to end, or name "
                "another target"
            ) from None
        os.close(lock)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
