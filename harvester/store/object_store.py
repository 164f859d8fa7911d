"""Keeps a harvest in an object store: `s3://`, `gs://`, `az://`, and what is like S3.

What is committed is in the parts alone, in `object_writer`; how it is read back in few requests in
`object_lines`. Refresh tokens and spent budgets stay in a folder of this machine.
"""

import contextlib
import getpass
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from harvester.errors import ConfigError, DataRefused
from harvester.store.bucket import Bucket
from harvester.store.claiming import MANIFEST, waiting_for
from harvester.store.contract import OnEntry, Survey
from harvester.store.entries import Entry, Header
from harvester.store.known_lines import KnownLines
from harvester.store.lease import LOCK, PATIENCE_S, Lease, leased
from harvester.store.object_files import STAGED, file_chunks, sweep_staged
from harvester.store.object_lines import (
    SEGMENTS,
    all_lines,
    in_sequence,
    last_committed,
    line_of,
    own_number,
)
from harvester.store.object_mending import ObjectMending
from harvester.store.object_writer import INCOMING, ObjectWriter
from harvester.store.parts import is_raw
from harvester.store.soon_read import SoonRead

_SCRATCH: Final = "scratch"
_MOST_LINES: Final = 1000  # of a partition whose lines are kept while a run is on


class ObjectStore:
    """A harvest below a URL. `options` are those of obstore; `shard` is a lock of its own."""

    is_far = True

    def __init__(
        self,
        url: str,
        options: Mapping[str, str] | None = None,
        *,
        shard: str = "",
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._bucket = Bucket(url, options)
        self._lock = f"{LOCK}-{shard}" if shard else LOCK
        self._patience_s = patience_s
        self._lease: Lease | None = None
        self._own: Path | None = None
        self._known = KnownLines()
        self._soon = SoonRead()
        self._is_shared = False

    @property
    def place(self) -> str:
        """The URL."""
        return self._bucket.place

    @property
    def own(self) -> Path:
        """A folder of this machine that belongs to the URL."""
        if self._own is None:
            state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
            name = hashlib.sha256(self.place.encode()).hexdigest()[:16]
            own = Path(state) / "harvester" / name
            try:
                own.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError:  # as in a container whose files are read-only
                own = Path(tempfile.gettempdir()) / f"harvester-{_owner()}-{name}"
                own.mkdir(exist_ok=True, mode=0o700)
            self._own = own
        return self._own

    @contextlib.contextmanager
    def claim(self, *, lost: bool = False) -> Iterator[None]:
        """Hold the place for one run."""
        self._refuse_strangers(lost=lost)
        with leased(self._bucket, self._lock, self._patience_s) as lease:
            self._lease = lease
            try:
                if self._lock == LOCK and not self._has_shares():
                    self._sweep()
                is_left = sweep_staged(self._bucket)
                self._known.begin()
                yield
                if is_left:  # by a killed run; what this one has put tells what becomes of it
                    sweep_staged(self._bucket)
            finally:
                self._lease = None
                self._known.end()
                self._is_shared = False
                shutil.rmtree(self._scratch(), ignore_errors=True)

    def share(self, run: str) -> None:
        """Let others write: the names of the parts are the fence."""
        if self.place.startswith("memory:"):
            raise ConfigError(
                f"{self.place}: lies in the memory of this process, so that no other "
                "can write there; harvest into a folder or a bucket"
            )
        self._is_shared = True

    @contextlib.contextmanager
    def join(self, run: str, workers: int) -> Iterator[None]:
        """Write as a worker of a run; what lies on this machine is removed at the end."""
        try:
            yield
        finally:
            shutil.rmtree(self._scratch(), ignore_errors=True)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other shares from writing documents meanwhile; a whole run from beginning, too."""
        if self._lock == LOCK:
            yield
            return
        with waiting_for(lambda: leased(self._bucket, LOCK, self._patience_s)):
            yield

    def _refuse_strangers(self, *, lost: bool) -> None:
        if lost or self.read(MANIFEST) is not None:
            return
        for answer in self._bucket.listing(""):
            for found in answer:
                if not found.key.startswith((".", MANIFEST)):
                    raise DataRefused(
                        f"{self.place}: holds {found.key!r} but no {MANIFEST}, so this is not the "
                        "place of a harvest; give an empty or a new one with --out"
                    )

    def _has_shares(self) -> bool:
        """Whether any share is being harvested, or was and its run was killed."""
        found = next(self._bucket.listing("", after=f"{LOCK}-"), [])
        return any(each.key.startswith(f"{LOCK}-") for each in found)

    def _sweep(self) -> None:
        """Remove what runs that were killed have left: no run is on now."""
        for answer in self._bucket.listing(INCOMING):
            for found in answer:
                self._bucket.delete(found.key)
        for item in (self.own / _SCRATCH).glob("*"):
            process = item.name.partition("-")[0]
            if process != str(os.getpid()) and not _lives(process):
                shutil.rmtree(item, ignore_errors=True)

    def _scratch(self) -> Path:
        return self.own / _SCRATCH / f"{os.getpid()}{self._lock.removeprefix(LOCK)}"

    @contextlib.contextmanager
    def ended_by(self, stop: threading.Event) -> Iterator[None]:
        """Let puts of large pages end between two pieces."""
        before, self._bucket.stop = self._bucket.stop, stop
        try:
            yield
        finally:
            self._bucket.stop = before

    def look(self) -> None:
        """Raise `FolderLost` where another run has taken the place over."""
        if self._lease:
            self._lease.look()

    def read(self, name: str, most: int = -1) -> bytes | None:
        """A document."""
        data = self._bucket.get(name)
        return data if data is None or most < 0 else data[:most]

    def document(self, name: str) -> BinaryIO | None:
        """A document as a file."""
        data = self._bucket.get(name)
        return None if data is None else BytesIO(data)

    def write(self, name: str, data: bytes | Iterable[bytes]) -> None:
        """Put a document in its place."""
        self._bucket.replace(name, data if isinstance(data, bytes) else b"".join(data))

    def levels(self, name: str) -> Iterator[str]:
        """The names of what has objects below it, but for what belongs to a partition."""
        for level in self._bucket.levels(name):
            if level not in (SEGMENTS, INCOMING, STAGED):
                yield level

    def reach(self, folder: str) -> None:
        """A key leads nowhere else."""

    def journal(
        self,
        folder: str,
        header: Header,
        on_entry: OnEntry = lambda entry: None,
        accepted: Container[str] = (),
        any_parts: bool = False,
        is_new: bool = False,
    ) -> ObjectWriter:
        """The writer of a partition."""
        scratch = self._scratch()
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._known.opened(folder)
        try:
            return ObjectWriter(
                self._bucket, folder, header, on_entry, accepted, scratch, is_new=is_new,
                any_parts=any_parts, on_close=partial(self._known.closed, folder),
            )  # fmt: skip
        except BaseException:
            self._known.closed(folder)
            raise

    def lent(self, folder: str, *, back: bool = False) -> None:
        """Believe nothing of a partition that another process may be writing to."""
        if not self._is_shared:  # who writes here says so by itself
            return
        if back:
            self._known.closed(folder)
        else:
            self._known.opened(folder)

    def lines(self, folder: str) -> Iterator[Header | Entry]:
        """The header and the entries of what is committed."""
        known = self._known.of(folder)
        if known is None and self._known.is_empty(folder):
            return
        lines = self._read(folder) if known is None else iter(known)
        yield from in_sequence(self._bucket, folder, lines)

    def _read(self, folder: str) -> Iterator[bytes]:
        few: list[bytes] = []
        for line in all_lines(self._bucket, folder):
            if len(few) <= _MOST_LINES:
                few.append(line)
            yield line
        if few and self._known.is_on and len(few) <= _MOST_LINES:
            end = line_of(self._bucket, folder, few[-1])
            if isinstance(end, Entry) and end.done:
                self._known.add(folder, few)

    def finished(self, folder: str) -> list[Header | Entry] | None:
        """Not known at once."""
        return None

    def survey(self, *, whole: bool = False) -> AbstractContextManager[Survey]:
        """One listing for all, and many requests at a time."""
        from harvester.store.object_survey import (
            ObjectSurvey,
        )  # who reads one thing needs no sqlite3

        return ObjectSurvey(self._bucket, self._known, self._soon, whole=whole)

    def begun(self) -> Iterator[str]:
        """The folders that hold parts, by one listing."""
        from harvester.store.object_listing import begun

        yield from begun(self._bucket)

    def is_begun(self, folder: str) -> bool:
        """Whether any part lies there."""
        if self._known.of(folder):
            return True
        first = next(self._bucket.listing(folder), [])
        return any(own_number(found.key, folder) is not None for found in first)

    def last(self, folder: str) -> Entry | None:
        """The last entry, from the last part."""
        lines = self._known.of(folder)
        if lines is None and self._known.is_empty(folder):
            return None
        if lines is None:
            found = last_committed(self._bucket, folder)
            lines = found.lines if found else ()
        if not lines:
            return None
        said = line_of(self._bucket, folder, lines[-1])
        return said if isinstance(said, Entry) else None

    def begins_again(self, folder: str) -> bool:
        """Whether a line restarts the chain."""
        return any(isinstance(line, Entry) and line.restarts for line in self.lines(folder))

    def chunks(self, folder: str, part: str, stored_bytes: int) -> Iterator[bytes]:
        """The bytes of a page, without the lines behind it."""
        if is_raw(part):
            return file_chunks(self._bucket, folder, part, stored_bytes)
        name = f"{folder}/{part}"
        there = self._soon.taken(name)
        return self._bucket.chunks(name, stored_bytes) if there is None else iter((there,))

    def mending(self, folder: str) -> ObjectMending:
        """What `repair` needs of a partition."""
        self._known.turn_off()  # a part may be put in the place of another
        self._soon.clear()
        return ObjectMending(self._bucket, folder)

    def looked_at(self, folder: str) -> ObjectMending | None:
        """The same to look at only; None where there is more than one listing says."""
        found = ObjectMending(self._bucket, folder, few=True)
        return found if found.is_whole else None

    def beyond(self, folder: str) -> list[str]:
        """None: a part is its commit."""
        return []


def _owner() -> str:
    """Who this is, by number where users have one."""
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()


def _lives(process: str) -> bool:
    """Whether a process of this number is there, as any POSIX system says it."""
    if not process.isdigit() or not int(process):
        return False
    if os.name == "nt":  # where a signal, even none, ends a process
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True  # somebody else's; or no number that a process has
    return True
