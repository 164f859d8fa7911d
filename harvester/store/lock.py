"""Locks a harvest's folder, and checks that it is still the one that was locked.

A run holds `.lock` by flock, which dies with the process, and writes its number there for others
to name. But a lock is on a file, not on a name: who removes `.lock`, or moves or removes the whole
folder, lets the next run begin beside the first. So before each commit, and before anything else
is written, a run *must* look whether OUT, `.lock` in it and the partition's folder are still those
that it began with. Three looks take some 5 µs.
"""

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harvester.descriptors import lock as lock_file
from harvester.descriptors import read_at, write_at
from harvester.errors import DataRefused, FolderLocked, FolderLost
from harvester.store.inside import alone, opened
from harvester.store.parts import disk_errors

NAME: Final = ".lock"
_MOST_BYTES: Final = 32  # the number of a process, with room
#: Network file systems without a lock daemon, and some in user space.
_NO_LOCKS: Final = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_MOST_TRIES: Final = 5
_LOOKERS: Final = 4  # tries, should `holder` be looking
_LOOK_S: Final = 0.02

Inode = tuple[int, int]
"""Device and inode: the same file or folder, whatever it is called."""


def identity(path: Path | str) -> Inode:
    """What lies at `path` now, links followed. Raises OSError."""
    found = os.stat(path)  # noqa: PTH116  # a Path takes 6 µs more, at each page
    return found.st_dev, found.st_ino


class Held:
    """OUT, as the run that locked it found it."""

    def __init__(self, out: Path, lock: Inode) -> None:
        self.out = out
        self._path = str(out)
        self._folder = identity(out)
        self._lock_path = str(out / NAME)
        self._lock = lock

    def look(self, folder: str | None = None, was: Inode | None = None) -> None:
        """Raise `FolderLost` unless OUT and its lock are what they were, and so is `folder`."""
        try:
            same = identity(self._path) == self._folder
            found = os.lstat(self._lock_path)
            locked = (found.st_dev, found.st_ino) == self._lock
        except OSError:
            same, locked = os.path.lexists(self._path), False
        if same and locked:
            if folder is None:
                return
            with contextlib.suppress(OSError):
                if identity(folder) == was:
                    return
            raise FolderLost(f"{folder}: this folder was moved or removed while the run wrote here")
        if same:
            raise FolderLost(
                f"{self._lock_path}: the lock was removed while the run held it, so another run "
                "may be at work in this folder; let .lock be while a run goes on"
            )
        raise FolderLost(f"{self._path}: this folder was moved or removed under the run")


@contextlib.contextmanager
def held(out: Path, name: str = NAME, *, shared: bool = False) -> Iterator[Held]:
    """Hold the lock of the folder `out`, which is there.

    Raises `FolderLocked` when another run has it, `DataRefused` where `.lock` is none, `DiskError`.
    """
    lock, found = _taken(out, name, shared=shared)
    try:
        with disk_errors(out / name):
            os.ftruncate(lock, 0)
            write_at(lock, b"%d\n" % os.getpid(), 0)
        yield Held(out, found)
    finally:
        with contextlib.suppress(OSError):  # all is said and done
            os.close(lock)  # releases the lock, as the death of the process does


@contextlib.contextmanager
def held_by_shard(out: Path, label: str) -> Iterator[Held]:
    """Hold a share of the folder: its own lock, and with all other shares the folder's, which a
    whole run needs alone. `label` is `1of4`; the shares of one folder must all be of as many.
    """
    with held(out, shared=True) as all_of_it, held(out, f"{NAME}-{label}"):
        for path, _ in _shares(out):
            if path.name.rpartition("of")[2] != label.rpartition("of")[2]:
                raise FolderLocked(
                    f"{out}: another run harvests share {path.name.removeprefix(f'{NAME}-')} of "
                    "this folder now, and shares of one harvest must all be of as many; wait for "
                    "it to end, or give the same N to all"
                )
        yield all_of_it


def _shares(out: Path) -> Iterator[tuple[Path, int]]:
    """The locks of shares that are being harvested now, with the process of each."""
    with disk_errors(out):
        paths = sorted(out.glob(f"{NAME}-*of*"))
    for path in paths:
        if (process := _holder(path)) is not None:
            yield path, process


def _taken(out: Path, name: str, *, shared: bool) -> tuple[int, Inode]:
    """The descriptor that holds the lock, and which file it is: the one that is `.lock` now."""
    path = out / name
    for _ in range(_MOST_TRIES):
        with disk_errors(path):
            lock = alone(path, os.O_CREAT | os.O_RDWR)
        try:
            said = _content(lock)
            if len(said) > _MOST_BYTES or said.strip(b"\0\n").strip(b"0123456789"):
                raise DataRefused(
                    f"{path}: holds something else than the number of a process, so it is not the "
                    "lock of a harvest, and was left as it is; move it away"
                )
            _flock(lock, out, name, said, shared=shared)
            mine = os.fstat(lock)
            with contextlib.suppress(FileNotFoundError):
                now = os.lstat(path)
                if (now.st_dev, now.st_ino) == (mine.st_dev, mine.st_ino):
                    return lock, (mine.st_dev, mine.st_ino)
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)  # removed between open and flock: of no use
    raise FolderLocked(f"{path}: is removed again and again; something else is at work here")


def holder(out: Path) -> int | None:
    """The process that harvests into `out` now, 0 where its number is not known; None where there
    is none. Holds the lock itself for some microseconds, for which a run that begins then waits.
    """
    whole = _holder(out / NAME)
    return next((process for _, process in _shares(out)), None) if whole is None else whole


def _holder(path: Path) -> int | None:
    """The process that holds a lock so that nobody else can."""
    try:
        lock = opened(path)
    except (OSError, DataRefused):
        return None
    try:
        lock_file(lock, shared=True)
    except BlockingIOError:
        said = _content(lock).strip(b"\0\n")
        return int(said) if said.isdigit() else 0
    except OSError:
        return None
    finally:
        os.close(lock)
    return None


def _content(lock: int) -> bytes:
    """What a lock says of its holder; nothing where only that one can read it (Windows)."""
    try:
        return read_at(lock, _MOST_BYTES + 1, 0)
    except PermissionError:
        return b""


def _flock(lock: int, out: Path, name: str, said: bytes, *, shared: bool) -> None:
    try:
        for tries_left in reversed(range(_LOOKERS)):
            try:
                lock_file(lock, shared=shared)
                return
            except BlockingIOError:
                if not tries_left:
                    raise
            time.sleep(_LOOK_S)  # whoever only looks whether there is a run lets go at once
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise DataRefused(
                f"{out}: this file system gives no locks ({error.strerror}), without which two "
                "runs could write over each other; harvest to a local disk with --out"
            ) from None
        if not isinstance(error, BlockingIOError):
            with disk_errors(out / NAME):
                raise
        holder = said.decode(errors="replace").strip()
        by = f" (process {holder})" if holder.isdecimal() else ""
        into = "this folder" if name == NAME else f"share {name[len(NAME) + 1 :]} of this folder"
        raise FolderLocked(
            f"{out}: another run{by} is harvesting into {into}; wait for it to end, or "
            "use another --out"
        ) from None
