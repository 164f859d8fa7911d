"""Opens files inside OUT only: no link is followed, and nothing else is emptied or removed.

OUT itself may be a link that its user made, to another disk say. Below it nothing may: a link
would lead reads and writes to files of somebody else (a `.lock` that was one got the number of a
process for its content), and a pipe would hang whoever opens it. So each file *must* be opened by
`opened`, and each folder that is walked into *must* have passed `refuse_detours`.
"""

import errno
import os
import stat
from collections.abc import Iterable
from io import DEFAULT_BUFFER_SIZE, BufferedReader, FileIO
from pathlib import Path
from typing import Final

from harvester.descriptors import open_file, without_waiting
from harvester.errors import DataRefused

#: The refresh tokens of a harvest, and what the name of their lock ends in.
TOKENS: Final = ".tokens.json"
TOKENS_LOCK: Final = ".lock"

_KINDS: Final = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
#: What `open` says of a link (O_NOFOLLOW), of a folder that is to be written, of a pipe that
#: nobody reads and of a socket.
_NO_FILE: Final = (errno.ELOOP, errno.EISDIR, errno.ENXIO)


def opened(path: Path | str, flags: int = os.O_RDONLY, mode: int = 0o666) -> int:
    """The descriptor of the file `path`; no link is followed, and no pipe waited for.

    Raises `DataRefused` for what is no file, OSError as it comes.
    """
    try:
        descriptor = open_file(path, without_waiting(flags), mode)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise in_the_way(path) from None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise in_the_way(path)


def reading(path: Path | str, buffering: int = DEFAULT_BUFFER_SIZE) -> BufferedReader:
    """The file `path`, open to be read; raises as `opened` does."""
    return BufferedReader(FileIO(opened(path)), buffering)


def alone(path: Path, flags: int, mode: int = 0o666) -> int:
    """The same of a file that is written in place: one with a second name (a hard link) is
    refused, since what is written would be found under that name too.
    """
    descriptor = opened(path, flags, mode)
    if os.fstat(descriptor).st_nlink <= 1:
        return descriptor
    os.close(descriptor)
    raise DataRefused(
        f"{path}: has another name elsewhere (a hard link), and writing here would change that "
        f"file too; give this one content of its own: cp {path.name} copy && mv copy {path.name}"
    )


def is_file(path: Path | str) -> bool:
    """Whether a file lies at `path`: a file, and no link to one."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def refuse_detours(out: Path, folder: Path) -> None:
    """Raise `DataRefused` where the way from `out` down to `folder`, which lies in it, leads
    through anything but folders. What is not there yet is no detour.
    """
    refuse_detour(str(out), folder.relative_to(out).parts)


def refuse_detour(place: str, levels: Iterable[str]) -> None:
    """The same of the levels below `place`."""
    for level in levels:
        place = f"{place}/{level}"
        try:
            mode = os.lstat(place).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(mode):
            raise in_the_way(place, "folder")


def in_the_way(path: Path | str, wanted: str = "file") -> DataRefused:
    """The refusal of something that lies where a file or folder of the harvest belongs."""
    found = "something else"
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        pass
    else:
        found = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "a file")
    hint = ""
    if found == "a symbolic link":
        hint = " (the harvest's own folder may be a link, but nothing inside it)"
    return DataRefused(
        f"{path}: {found} lies where a {wanted} of this harvest belongs, and was left as it is"
        f"{hint}; move it away"
    )
