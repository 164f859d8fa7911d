"""Opens, locks and reads files by their descriptors, on systems that lack some of what POSIX has.

Each call here is the plain one of the system where the system has it. What stands in its place
elsewhere keeps the promise of the one that it stands for, or says what it cannot keep:

- a lock is by flock, or by the Windows calls behind portalocker. Both die with the process. On
  Windows nobody else can read a file that is locked, so a refusal there names no process;
- a link is refused by O_NOFOLLOW, or by a look before the file is opened, which a link that comes
  in between escapes;
- a folder is synced where it can be opened. Where it cannot (Windows), its names are as durable as
  the file system makes them by itself.
"""

import contextlib
import errno
import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

try:
    import fcntl
except ImportError:  # Windows
    if not TYPE_CHECKING:
        fcntl = None

#: What the system says of a lock that somebody else has.
_TAKEN: Final = (errno.EWOULDBLOCK, errno.EACCES)
_one_at_a_time: Final = threading.Lock()  # where a place and a read are two calls


def open_file(path: Path | str, flags: int, mode: int = 0o666) -> int:
    """The descriptor of a file, in bytes as they are, which no program begun here inherits, and no
    link. Raises OSError: ELOOP for a link.
    """
    flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    if hasattr(os, "O_NOFOLLOW"):
        return os.open(path, flags | os.O_NOFOLLOW, mode)
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISLNK(os.lstat(path).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return os.open(path, flags, mode)


def without_waiting(flags: int) -> int:
    """The same flags for a file that may turn out to be a pipe, which is not waited for."""
    return flags | getattr(os, "O_NONBLOCK", 0)


def open_folder(folder: Path | str) -> int | None:
    """The descriptor of a folder; None where the system opens none. Raises OSError."""
    if not hasattr(os, "O_DIRECTORY"):
        return None
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def look(folder: str, name: str, descriptor: int | None) -> os.stat_result:
    """What lies at a name in a folder, sooner by the folder's descriptor. Raises OSError."""
    if descriptor is None:
        return os.lstat(f"{folder}/{name}")
    return os.stat(name, dir_fd=descriptor, follow_symlinks=False)


def lock(descriptor: int, *, shared: bool = False) -> None:
    """Lock a file until its descriptor is closed, or the process has died, and wait for nobody.

    Raises BlockingIOError where somebody else has it, OSError where there are no locks.
    """
    try:
        if fcntl is None:
            _lock_elsewhere(descriptor, shared=shared)
        else:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            raise BlockingIOError(errno.EWOULDBLOCK, error.strerror) from None
        raise


def _lock_elsewhere(descriptor: int, *, shared: bool) -> None:
    import portalocker  # only here: its import takes longer than many a run

    kind = portalocker.LockFlags.SHARED if shared else portalocker.LockFlags.EXCLUSIVE
    try:
        portalocker.lock(descriptor, kind | portalocker.LockFlags.NON_BLOCKING)
    except portalocker.AlreadyLocked as error:
        raise BlockingIOError(errno.EWOULDBLOCK, str(error)) from None
    except portalocker.LockException as error:
        raise OSError(errno.ENOLCK, str(error)) from None


def read_at(descriptor: int, size: int, at: int) -> bytes:
    """At most `size` bytes of a file from one place on. Raises OSError."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, size, at)
    with _one_at_a_time:
        os.lseek(descriptor, at, os.SEEK_SET)
        return os.read(descriptor, size)


def write_at(descriptor: int, data: bytes | memoryview, at: int) -> int:
    """Write at one place of a file; how many bytes that took. Raises OSError."""
    if hasattr(os, "pwrite"):
        return os.pwrite(descriptor, data, at)
    with _one_at_a_time:
        os.lseek(descriptor, at, os.SEEK_SET)
        return os.write(descriptor, data)
