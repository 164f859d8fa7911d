"""Keeps a harvest in a local folder: the `Store` of every harvest on disk."""

import contextlib
import os
import threading
from collections.abc import Container, Iterable, Iterator
from contextlib import AbstractContextManager
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final

from harvester.store import journal_lines as journals
from harvester.store.claiming import locked, waiting_for
from harvester.store.contract import OnEntry, Survey
from harvester.store.entries import Entry, Header
from harvester.store.inside import opened, reading, refuse_detour, refuse_detours
from harvester.store.journal import Journal
from harvester.store.lock import NAME as LOCK
from harvester.store.lock import Held, held
from harvester.store.no_survey import NoSurvey
from harvester.store.parts import (
    TEMPORARY,
    disk_errors,
    make_folder,
    part_number,
    write_document,
)
from harvester.store.sharing import joined, refuse_former, share
from harvester.store.short_journal import read_finished, read_short
from harvester.store.syncing import Bounds, Syncing

#: Partitions that were put aside before they were harvested again; nobody reads them.
ASIDE: Final = ".aside"
_DOCUMENTS: Final = f"{LOCK}-documents"
_MOST_ASIDE: Final = 1000  # of one partition
_READ_BYTES: Final = 64 * 1024


class LocalStore:
    """A harvest in the folder `root`. `fsync`: whether what is written is forced to the disk.
    `shard` claims one share of it.
    """

    is_far = False

    def __init__(
        self, root: str | os.PathLike[str], *, fsync: bool = True, shard: str = ""
    ) -> None:
        self._shard = shard
        self.root = Path(root)
        self._shown = str(self.root)
        self._fsync = fsync
        self._held: Held | None = None
        self._syncing: Syncing | None = None  # while a run has claimed it
        self._is_worker = False

    @property
    def place(self) -> str:
        """The path of the folder."""
        return self._shown

    @property
    def own(self) -> Path:
        """The folder itself."""
        return self.root

    def path(self, folder: str) -> Path:
        """Where a folder of the harvest lies on the disk."""
        return self.root / folder

    @contextlib.contextmanager
    def claim(self, *, lost: bool = False) -> Iterator[None]:
        """Hold the folder's lock for one run."""
        with locked(self.root, fsync=self._fsync, lost=lost, shard=self._shard) as held:
            refuse_former(self.root, self._shard)
            with self._at_work(held, Bounds()):
                if not self._shard:
                    self._sweep()
                yield

    @contextlib.contextmanager
    def _at_work(self, held: Held, bounds: Bounds) -> Iterator[None]:
        self._held = held
        self._syncing = Syncing(bounds) if self._fsync else None
        try:
            yield
        finally:
            if self._syncing is not None:
                self._syncing.close()
            self._held = self._syncing = None

    def share(self, run: str) -> None:
        """Let worker processes of `run` join the claim that is held."""
        share(self.root, run, self._shard)

    @contextlib.contextmanager
    def join(self, run: str, workers: int) -> Iterator[None]:
        """Write as one of so many workers of `run`, whose driver has claimed the folder."""
        self._is_worker = True
        with joined(self.root, run) as held, self._at_work(held, Bounds().divided(workers)):
            yield

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other shares from writing documents meanwhile."""
        if not self._shard:
            yield
            return
        with waiting_for(lambda: held(self.root, _DOCUMENTS)):
            yield

    def _sweep(self) -> None:
        """Remove what a killed run may have left of documents that it was writing."""
        with disk_errors(self.root):
            for item in self.root.glob(f"*.jsonl{TEMPORARY}"):
                item.unlink()

    def ended_by(self, stop: threading.Event) -> AbstractContextManager[None]:
        """Nothing takes long."""
        return contextlib.nullcontext()

    def look(self) -> None:
        """Raise `FolderLost` where the folder or its lock is not what this run took."""
        if self._held:
            self._held.look()

    def read(self, name: str, most: int = -1) -> bytes | None:
        """A document; `DataRefused` where something else lies there, `DiskError`."""
        path = self.root / name
        with disk_errors(path):
            if not os.path.lexists(path):
                return None
            with reading(path) as file:
                return file.read(most)

    def document(self, name: str) -> BinaryIO | None:
        """A document as a file."""
        path = self.root / name
        with disk_errors(path):
            return reading(path) if os.path.lexists(path) else None

    def write(self, name: str, data: bytes | Iterable[bytes]) -> None:
        """Put a document in its place, durably; raises `DiskError`."""
        write_document(self.root / name, data, fsync=self._fsync)

    def levels(self, name: str) -> Iterator[str]:
        """The names of the folders in `name`, links included, which `reach` refuses."""
        with contextlib.suppress(FileNotFoundError), os.scandir(f"{self._shown}/{name}") as listing:
            yield from (item.name for item in listing if item.is_dir() or item.is_symlink())

    def reach(self, folder: str) -> None:
        """Refuse a way that leads through a link or a file."""
        refuse_detour(self._shown, filter(None, folder.split("/")))

    def journal(
        self,
        folder: str,
        header: Header,
        on_entry: OnEntry = lambda entry: None,
        accepted: Container[str] = (),
        any_parts: bool = False,
        is_new: bool = False,
    ) -> Journal:
        """The partition's journal, recovered; its folder is made where there is none."""
        path = self.root / folder
        self.look()
        made = False  # a look costs next to nothing, whatever `is_new` says
        if not os.path.exists(f"{path}/{journals.JOURNAL}"):  # noqa: PTH110  # sooner
            made = make_folder(path, within=self.root, fsync=self._fsync)
        return Journal.open(
            path,
            header,
            is_new=made,
            fsync=self._fsync,
            on_entry=on_entry,
            accepted=accepted,
            any_parts=any_parts,
            held=self._held,
            syncing=self._syncing,
            exclusive=self._is_worker,
        )

    def put_aside(self, folder: str) -> str:
        """Move a partition's folder out of the harvest, whole; where it is now."""
        below = Path(ASIDE, folder)
        refuse_detours(self.root, self.root / below.parent)
        for number in range(_MOST_ASIDE):
            target = below.with_name(below.name + (f".{number}" if number else ""))
            if not os.path.lexists(self.root / target):
                break
        make_folder(self.root / target.parent, within=self.root, fsync=self._fsync)
        with disk_errors(self.root / folder):
            (self.root / folder).rename(self.root / target)
        return str(target)

    def lent(self, folder: str, *, back: bool = False) -> None:
        """Nothing is believed of a partition that is not looked at."""

    def lines(self, folder: str) -> Iterator[Header | Entry]:
        """The lines of the partition's journal."""
        found = read_short(f"{self._shown}/{folder}")
        return journals.read_lines(self.root / folder) if found is None else found.lines()

    def finished(self, folder: str) -> list[Header | Entry] | None:
        """The lines of a short journal with a last page, where all its parts are in place."""
        found = read_finished(f"{self._shown}/{folder}")
        return None if found is None else [*found.lines()]

    def survey(self, *, whole: bool = False) -> AbstractContextManager[Survey]:
        """Each by itself."""
        return contextlib.nullcontext(NoSurvey(self, whole=whole))

    def is_begun(self, folder: str) -> bool:
        """Whether a journal lies there, or any part."""
        if os.path.exists(f"{self._shown}/{folder}/{journals.JOURNAL}"):  # noqa: PTH110  # sooner
            return True
        path = self.root / folder
        return path.is_dir() and next(parts_on_disk(path), None) is not None

    def last(self, folder: str) -> Entry | None:
        """The last entry; reads the journal's end only."""
        if not os.path.lexists(f"{self._shown}/{folder}/{journals.JOURNAL}"):  # a Path takes longer
            return None
        return journals.read_last(self.root / folder)

    def begins_again(self, folder: str) -> bool:
        """Whether a line may begin the chain again; parses none."""
        return journals.begins_again(self.root / folder)

    def chunks(self, folder: str, part: str, stored_bytes: int) -> Iterator[bytes]:
        """The bytes of a part file, however many there are."""
        # A Path takes 6 µs more, at each of many pages.
        with FileIO(opened(f"{self._shown}/{folder}/{part}")) as file:
            yield from iter(lambda: file.read(_READ_BYTES), b"")

    def beyond(self, folder: str) -> list[str]:
        """The part files that no line names, but for those that a run may just be committing."""
        path = self.root / folder
        if not path.is_dir():
            return []
        found = sorted(parts_on_disk(path))
        if not os.path.lexists(path / journals.JOURNAL):  # which is there before any part
            return [name for _, name in found]
        last = journals.last_part(path)
        return [name for number, name in found if number > last]


def parts_on_disk(folder: Path) -> Iterator[tuple[int, str]]:
    """Number and name of every part file in `folder`, in no order."""
    with os.scandir(folder) as listing:
        for item in listing:
            number = part_number(item.name)
            if number is not None:
                yield number, item.name
