"""Keeps a harvest in memory, for tests. Gone with the object."""

import contextlib
import shutil
import tempfile
import threading
import weakref
from collections.abc import Container, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import field
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from harvester.errors import ConfigError, DataRefused, FolderLocked, FolderLost
from harvester.store.checkpoint import Checkpoint
from harvester.store.contract import OnEntry, Survey
from harvester.store.counting import entries_in
from harvester.store.entries import Entry, Header
from harvester.store.no_survey import NoSurvey
from harvester.store.parts import JSON_SUFFIX, Part
from harvester.values import dataclass


@dataclass(slots=True)
class _Partition:
    """What is committed of one partition."""

    lines: list[Header | Entry] = field(default_factory=list)
    parts: dict[str, bytes] = field(default_factory=dict)


class MemoryStore:
    """A harvest in memory. Pages on their way lie in a temporary folder."""

    is_far = False

    def __init__(self, place: str = "memory") -> None:
        self._place = place
        self._folder = Path(tempfile.mkdtemp(prefix="harvester-memory-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._claimed = threading.Lock()
        self._documents: dict[str, bytes] = {}
        self._partitions: dict[str, _Partition] = {}

    @property
    def place(self) -> str:
        """What it is called."""
        return self._place

    @property
    def own(self) -> Path:
        """A temporary folder."""
        return self._folder

    @contextlib.contextmanager
    def claim(self, *, lost: bool = False) -> Iterator[None]:
        """Hold the store for one run."""
        if not self._claimed.acquire(blocking=False):
            raise FolderLocked(f"{self.place}: another run is harvesting into this")
        try:
            yield
        finally:
            self._claimed.release()

    def share(self, run: str) -> None:
        """Refuse it: no other process sees this memory."""
        raise ConfigError(
            f"{self.place}: lies in the memory of this process; harvest into a folder"
        )

    def join(self, run: str, workers: int) -> AbstractContextManager[None]:
        """There is no other process that could."""
        raise FolderLost(f"{self.place}: the run that this worker belongs to is over")

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """It has no shares."""
        return contextlib.nullcontext()

    def ended_by(self, stop: threading.Event) -> AbstractContextManager[None]:
        """Nothing takes long."""
        return contextlib.nullcontext()

    def look(self) -> None:
        """Nobody can take it away."""

    def read(self, name: str, most: int = -1) -> bytes | None:
        """A document."""
        data = self._documents.get(name)
        return data if data is None or most < 0 else data[:most]

    def document(self, name: str) -> BinaryIO | None:
        """A document as a file."""
        data = self._documents.get(name)
        return None if data is None else BytesIO(data)

    def write(self, name: str, data: bytes | Iterable[bytes]) -> None:
        """Put a document in its place."""
        self._documents[name] = data if isinstance(data, bytes) else b"".join(data)

    def levels(self, name: str) -> Iterator[str]:
        """The names below `name` that lead to a partition."""
        above = [level for level in name.split("/") if level]
        ways = [way.split("/") for way in self._partitions]
        deeper = [way for way in ways if way[: len(above)] == above and len(way) > len(above)]
        yield from dict.fromkeys(way[len(above)] for way in deeper)

    def reach(self, folder: str) -> None:
        """No way leads elsewhere."""

    def journal(
        self,
        folder: str,
        header: Header,
        on_entry: OnEntry = lambda entry: None,
        accepted: Container[str] = (),
        any_parts: bool = False,
        is_new: bool = False,
    ) -> "MemoryWriter":
        """The writer of a partition."""
        kept = self._partitions.get(folder) or _Partition()
        found = kept.lines[0] if kept.lines else header
        if not isinstance(found, Header) or (found.resource, dict(found.partition)) != (
            header.resource,
            dict(header.partition),
        ):
            raise DataRefused(f"{self.place}/{folder}: this is another partition's")
        if found.fingerprint != header.fingerprint and found.fingerprint not in accepted:
            raise DataRefused(f"{self.place}/{folder}: these pages were asked for in another way")
        if not kept.lines:
            kept.lines.append(header)
        self._partitions[folder] = kept
        return MemoryWriter(kept, found.fingerprint, self.own, on_entry)

    def lent(self, folder: str, *, back: bool = False) -> None:
        """Nothing is believed of a partition that is not looked at."""

    def lines(self, folder: str) -> Iterator[Header | Entry]:
        """The header and the entries."""
        kept = self._partitions.get(folder)
        return iter(kept.lines[:] if kept else ())

    def finished(self, folder: str) -> list[Header | Entry] | None:
        """Not known at once."""
        return None

    def survey(self, *, whole: bool = False) -> AbstractContextManager[Survey]:
        """Each by itself."""
        return contextlib.nullcontext(NoSurvey(self, whole=whole))

    def is_begun(self, folder: str) -> bool:
        """Whether there is such a partition."""
        return folder in self._partitions

    def last(self, folder: str) -> Entry | None:
        """The last entry."""
        kept = self._partitions.get(folder)
        found = kept.lines[-1] if kept and kept.lines else None
        return found if isinstance(found, Entry) else None

    def begins_again(self, folder: str) -> bool:
        """Whether an entry restarts the chain."""
        return any(entry.restarts for entry in entries_in(self.lines(folder)))

    def chunks(self, folder: str, part: str, stored_bytes: int) -> Iterator[bytes]:
        """The bytes of a page, at once."""
        kept = self._partitions.get(folder)
        if kept is None or part not in kept.parts:
            raise FileNotFoundError(f"{self.place}/{folder}/{part}")
        yield kept.parts[part]

    def beyond(self, folder: str) -> list[str]:
        """None: a part is kept with its line."""
        return []


class MemoryWriter:
    """Adds pages to a partition in memory."""

    def __init__(self, kept: _Partition, fingerprint: str, folder: Path, on_entry: OnEntry) -> None:
        self.checkpoint = Checkpoint()
        self.lost = 0
        self.fingerprint = fingerprint
        self._kept = kept
        self._folder = Path(tempfile.mkdtemp(dir=folder))
        for entry in entries_in(iter(kept.lines[:])):
            self._take(entry)
            on_entry(entry)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _take(self, entry: Entry) -> None:
        self.fingerprint = entry.accepts or self.fingerprint
        self.checkpoint.add(entry)

    def look(self) -> None:
        """Nobody can take it away."""

    def part(self, number: int, suffix: str = JSON_SUFFIX) -> Part:
        """A file in a temporary folder."""
        return Part(self._folder, number, suffix, fsync=False)

    def commit(self, entry: Entry, part: Part | None, *, at_once: bool = False) -> None:
        """Keep the page with its line."""
        if entry.part is not None and part is not None:
            self._kept.parts[entry.part] = Path(part.so_far()).read_bytes()
            part.discard()
        self._kept.lines.append(entry)
        self.checkpoint.add(entry)

    def close(self) -> None:
        """Leave nothing of the pages on their way."""
        shutil.rmtree(self._folder, ignore_errors=True)
