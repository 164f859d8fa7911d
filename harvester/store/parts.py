"""Writes part files: the only module that makes a file durable.

A part *must* be written whole under a temporary name in its own folder, created with O_EXCL;
it *must* then get its name, which is free, before anything may speak of it. It and its folder
*must* be fsynced before anything says that it is safe: without that a power cut left journaled
parts of 0 bytes (measured, ext4). A failed write, fsync or rename ends the run and is never
retried: after a failed fsync the kernel may have dropped the pages that a second one would call
safe.
"""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from harvester.descriptors import open_file, open_folder
from harvester.errors import DataRefused, DiskError
from harvester.page import has_suffix
from harvester.patterns import pattern
from harvester.values import dataclass

TEMPORARY: Final = ".tmp"
_BUFFER_BYTES: Final = 64 * 1024
_CLOSED: Final = -1
_BESIDE_CHARS: Final = 48  # of a file's name, in that of what it grows as
_PART_NAME: Final = pattern(r"part-(\d{6,})(\.[a-z.]+)")
JSON_SUFFIX: Final = ".json.gz"


def part_name(number: int, suffix: str = JSON_SUFFIX) -> str:
    """The file name of part `number`, counted from 1; `suffix` is that of its format."""
    return f"part-{number:06d}{suffix}"


def part_number(name: str) -> int | None:
    """The number in a part's file name; None for any other name."""
    found = _PART_NAME.fullmatch(name)
    if found is None or not has_suffix(found[2]):
        return None
    number = int(found[1])
    return number if part_name(number, found[2]) == name else None


def part_suffix(name: str) -> str:
    """What a part's file name ends in, `.json.gz`."""
    return name[name.find(".") :] if "." in name else ""


def is_raw(name: str) -> bool:
    """Whether a part is a file as it came, without gzip, by its name."""
    return not name.endswith(".gz")


#: What the system says where a folder lies in a file's place, a file or a link in a folder's.
_IN_THE_WAY: Final = (errno.EISDIR, errno.ENOTDIR, errno.ELOOP)
#: File systems that have no hard links: FAT and exFAT, some in user space, some of the network.
_NO_LINKS: Final = (errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into a `DiskError` that names `path`; or into a `DataRefused`
    where it says that something else lies where a file or a folder of the harvest belongs.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _IN_THE_WAY:
            raise DataRefused(
                f"{error.filename or path}: {error.strerror}: something else lies where the "
                "harvest has a place of its own, and was left as it is; move it away"
            ) from error
        raise DiskError(
            f"{path}: {error.strerror or error}; every page committed so far is safe"
        ) from error


class DurableFile:
    """A file that exists under its name only when it is complete and on disk.

    Leaving the `with` block without `commit` or `hand_over` removes what was written.

    `beside`: it grows under a name that nobody has, since what is called like it with `.tmp` behind
    may be somebody's, outside of a harvest's folder.
    """

    def __init__(
        self, path: Path, *, fsync: bool = True, mode: int = 0o666, beside: bool = False
    ) -> None:
        self.path = path
        self.fsync = fsync
        self._temporary = f"{path}{TEMPORARY}"
        if beside:
            name = f".{path.name[:_BESIDE_CHARS]}.{os.urandom(4).hex()}{TEMPORARY}"
            self._temporary = str(path.with_name(name))
        self._settled = False  # committed, or in other hands
        with disk_errors(path):
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
            self._descriptor = open_file(self._temporary, flags, mode)
            self._inode = os.fstat(self._descriptor).st_ino
        self._waiting = bytearray()  # a chunk of the wire may be a few bytes

    def __enter__(self) -> Self:
        self._settled = False
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._settled:
            self.discard()

    def discard(self) -> None:
        """Remove what was written."""
        # What cannot be removed now is removed when the folder is opened next. Where the folder was
        # moved away, another run's file may have the name by now.
        self._remove()
        with contextlib.suppress(OSError):
            self.close()
        if os.name == "nt":  # where what is open cannot be removed
            self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            if os.lstat(self._temporary).st_ino == self._inode:
                os.unlink(self._temporary)  # noqa: PTH108  # text, not a path: one per page

    def hand_over(self) -> None:
        """Let the file outlive the `with` block: it is whole, and somebody else will `commit` or
        `discard` it.
        """
        self._settled = True

    def write(self, data: bytes) -> None:
        """Append `data`; raises `DiskError`."""
        self._waiting += data
        if len(self._waiting) >= _BUFFER_BYTES:
            self.flush()

    def so_far(self) -> str:
        """Where all that was written can be read, while it has no name yet; raises `DiskError`."""
        self.flush()
        return self._temporary

    def commit(self) -> None:
        """Make the file durable under its own name; raises `DiskError`."""
        self.sync()
        self.name()

    def sync(self) -> None:
        """Force all that was written to the disk, whatever its name is by now; `DiskError`."""
        self.flush()
        with disk_errors(self.path):
            if self.fsync:
                os.fsync(self._descriptor)
            self.close()

    def name(self) -> None:
        """Give the file, which is synced, its own name, durably; raises `DiskError`."""
        self.rename()
        if self.fsync:
            with disk_errors(self.path):
                sync_folder(self.path.parent)

    def flush(self) -> None:
        """Hand all that was written to the system; raises `DiskError`."""
        waiting, self._waiting = self._waiting, bytearray()
        with disk_errors(self.path):
            write_all(self._descriptor, waiting)

    def close(self) -> None:
        """Close the file, once: its number may soon be another's."""
        descriptor, self._descriptor = self._descriptor, _CLOSED
        if descriptor != _CLOSED:
            os.close(descriptor)

    def rename(self) -> None:
        """Give the file its own name, which is durable once its folder is; raises `DiskError`."""
        with disk_errors(self.path):
            os.replace(self._temporary, self.path)  # noqa: PTH105  # as above
            self._settled = True


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part: file name, size in bytes, SHA-256 of the file in hex."""

    name: str
    stored_bytes: int
    sha256: str


class Part(DurableFile):
    """The file of one page, hashed while it is written."""

    def __init__(
        self, folder: Path, number: int, suffix: str = JSON_SUFFIX, *, fsync: bool = True
    ) -> None:
        super().__init__(folder / part_name(number, suffix), fsync=fsync)
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append bytes as they are to be stored; raises `DiskError`."""
        if data:
            super().write(data)
            self._hash.update(data)
            self._size += len(data)

    def rename(self) -> None:
        """Give it its own name, as `DurableFile` does, but never over another file."""
        with disk_errors(self.path):
            if not name_anew(self._temporary, self.path):
                raise DataRefused(
                    f"{self.path}: a file that is no page of this harvest came to lie here, and "
                    "was left as it is; move it away"
                )
            self._settled = True

    def described(self) -> StoredPart:
        """What the file will be once it is committed."""
        return StoredPart(self.path.name, self._size, self._hash.hexdigest())

    def store(self) -> StoredPart:
        """Commit the file and describe it."""
        self.commit()
        return self.described()


def name_anew(file: Path | str, path: Path) -> bool:
    """Give `file` the name `path` instead of its own; False where something has that name.

    A rename would take the place of what is there. A second name, and then the first one gone,
    cannot; and it is as fast (16 µs together, ext4). Raises OSError.
    """
    try:
        os.link(file, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            return False
        os.rename(file, path)  # noqa: PTH104  # text, not a path: one per page
        return True
    with contextlib.suppress(OSError):  # it has its name; the other is removed with the left-overs
        os.unlink(file)  # noqa: PTH108  # as above
    return True


def write_all(descriptor: int, data: bytes | bytearray) -> None:
    """Write all of `data`, however little of it each call takes. Raises OSError."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def remove_temporary(path: Path) -> None:
    """Remove the temporary file that a killed run may have left of `path`; raises `DiskError`."""
    with disk_errors(path), contextlib.suppress(FileNotFoundError):
        path.with_name(path.name + TEMPORARY).unlink()


def sync_data(descriptor: int) -> None:
    """Make the bytes of a file durable, with its times left out where the system can (macOS
    cannot). Raises OSError.
    """
    getattr(os, "fdatasync", os.fsync)(descriptor)


def sync_folder(folder: Path | str) -> None:
    """Make the names in `folder` durable, where the system can. Raises OSError."""
    descriptor = open_folder(folder)
    if descriptor is None:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path, *, within: Path, fsync: bool = True) -> bool:
    """Create `folder` inside the existing folder `within`, durably; raises `DiskError`. Whether it
    was not there, and so holds nothing.

    Every level is made durable, not only those missing: another worker may have made one a
    moment ago, or a run that was killed, and what lies in it is only as safe as its name.
    """
    is_new = False
    place = str(within)
    for level in folder.relative_to(within).parts:
        above, place = place, f"{place}/{level}"
        with disk_errors(Path(place)):
            try:
                os.mkdir(place)  # noqa: PTH102  # a Path takes 10 µs, at each of many partitions
                is_new = True
            except FileExistsError:
                is_new = False
                if not os.path.isdir(place):  # noqa: PTH112  # as above
                    raise
            if fsync:
                sync_folder(above)
    return is_new


def json_document(value: Mapping[str, Any]) -> bytes:
    """A small document of JSON, for people to read, too."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def write_document(path: Path, data: bytes | Iterable[bytes], *, fsync: bool) -> None:
    """Replace a small file, durably; raises `DiskError`."""
    remove_temporary(path)
    with DurableFile(path, fsync=fsync) as file:
        for piece in (data,) if isinstance(data, bytes) else data:
            file.write(piece)
        file.commit()
