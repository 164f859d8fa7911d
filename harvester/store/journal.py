"""Journal of a partition, written: one line per committed page, the only truth about it.

A part *must* have its name before its line is appended: then the page is kept. It is safe once
part, folder and line are synced, which `syncing` does behind the fetches; each line says up to
which one all was safe when it was written. The first page that a run keeps *must* be safe before
the second has its name: so beyond a journal that ends with all safe, a crash leaves one part.

`Journal.open` first looks at everything. Up to the highest number that a sound line names, all
*must* fit, else it refuses and deletes nothing. Above it `recovery` says what a power cut has lost,
and the journal is cut there. A line that a killed run appended may not be safe yet, so it *must* be
made so before a page is kept behind it.

What a line says is in `entries`; `journal_lines` reads them.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from harvester.descriptors import look, open_folder
from harvester.errors import DataRefused, DiskError, FolderLost
from harvester.store.checkpoint import Checkpoint
from harvester.store.counting import Span
from harvester.store.entries import (
    ACCEPTED,
    MOST_UNSAFE,
    REDONE,
    RESTARTED,
    Entry,
    Header,
    encode,
    encode_mark,
    is_mark,
    safe_in,
)
from harvester.store.in_flight import read_mark, remove_mark
from harvester.store.inside import alone, in_the_way, is_file
from harvester.store.journal_lines import (
    JOURNAL,
    begins_again,
    check_name,
    entry_in,
    has_generation,
    header_in,
    is_done,
    read_checkpoint,
    read_entries,
    read_header,
    read_last,
    read_lines,
    read_pages,
    refuse_later_formats,
    sound_lines,
    span,
    unfit,
)
from harvester.store.lock import Held, Inode, identity
from harvester.store.parts import (
    JSON_SUFFIX,
    TEMPORARY,
    Part,
    disk_errors,
    part_name,
    part_number,
    part_suffix,
    sync_data,
    sync_folder,
    write_all,
)
from harvester.store.recovery import (
    Tail,
    is_whole,
    lines_behind,
    refuse_too_long,
    write_again,
)
from harvester.store.sharing import hold_journal
from harvester.store.syncing import Kept, Syncing

__all__ = [
    "ACCEPTED",
    "JOURNAL",
    "REDONE",
    "RESTARTED",
    "Entry",
    "Header",
    "Journal",
    "Span",
    "begins_again",
    "encode",
    "has_generation",
    "is_done",
    "read_checkpoint",
    "read_entries",
    "read_header",
    "read_last",
    "read_lines",
    "read_pages",
    "refuse_later_formats",
    "span",
]


class Journal:
    """The one writer of a partition's journal. Open it inside the lock of the whole folder."""

    def __init__(
        self, folder: Path, descriptor: int, *, fsync: bool, syncing: Syncing | None = None
    ) -> None:
        self.folder = folder
        self.checkpoint = Checkpoint()
        self.fingerprint = ""  # of the question that its last pages were asked with
        self.lost = 0  # pages that a power cut took, found when it was opened
        self._descriptor = descriptor
        self._fsync = fsync
        self._syncing = syncing
        self._safe = self._named = 0  # up to which line all is; and up to which a line says so
        self._kept = 0  # since all was safe: behind the first page, none until it is, too
        self._held: Held | None = None
        self._place: Inode | None = None
        self._shown = str(folder)
        self._suffix = JSON_SUFFIX  # of the last part's name
        self._end = 0  # of what this run has read and written

    @classmethod
    def open(
        cls,
        folder: Path,
        header: Header,
        *,
        fsync: bool = True,
        on_entry: Callable[[Entry], None] = lambda entry: None,
        accepted: Container[str] = (),
        any_parts: bool = False,
        held: Held | None = None,
        syncing: Syncing | None = None,
        exclusive: bool = False,
        is_new: bool = False,
    ) -> Self:
        """Open, recover and replay; `on_entry` sees each committed page. `any_parts`: parts may be
        missing or damaged, since they are about to be superseded. `held` is what to `look` at.
        `syncing` makes pages safe behind the fetches; without it, each is when it is committed.
        `exclusive`: another process of the run might write here. `is_new`: this run has just made
        the folder, so there is nothing in it to recover.

        Raises `DataRefused` for damage, or when another partition wrote here, or a fingerprint that
        is neither the header's nor an `accepted` one.
        """
        path = folder / JOURNAL
        place = None
        if held is not None:
            with disk_errors(folder):
                place = identity(folder)
        with disk_errors(path):
            if not is_new and not os.path.lexists(path):
                _refuse_orphans(folder)
            descriptor = alone(path, os.O_CREAT | os.O_RDWR | os.O_APPEND)
            journal = cls(folder, descriptor, fsync=fsync, syncing=syncing)
            journal.fingerprint = header.fingerprint
            journal._held, journal._place = held, place
            try:
                if exclusive:
                    hold_journal(descriptor, folder)
                if is_new and os.fstat(descriptor).st_size == 0:
                    journal._recover(header, 0, Tail(), [])
                    return journal
                end, tail = journal._replay(header, on_entry, accepted, any_parts=any_parts)
                journal._recover(header, end, tail, journal._leftovers(tail))
            except BaseException:
                os.close(journal._descriptor)
                raise
            remove_mark(folder)
        return journal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Wait until all is safe, say so, and release the file; raises `DiskError`."""
        try:
            if self._syncing is not None:
                self._syncing.settle(self)
            if self._safe > self._named:  # no page follows that would say so
                with contextlib.suppress(DiskError, FolderLost):
                    self.look()
                    self._write(encode_mark(self._safe))
        finally:
            with disk_errors(self.folder / JOURNAL):
                os.close(self._descriptor)

    def look(self) -> None:
        """Raise `FolderLost` where this is no longer the folder that the run began with."""
        if self._held is not None:
            self._held.look(self._shown, self._place)

    def part(self, number: int, suffix: str = JSON_SUFFIX) -> Part:
        """A file to write page `number` into; nothing of it is part of the harvest yet."""
        return Part(self.folder, number, suffix, fsync=self._fsync)

    def commit(self, entry: Entry, part: Part | None, *, at_once: bool = False) -> None:
        """Keep a page: it gets its name, then its line. `at_once`: it is safe before this returns,
        with all before it. Raises `DiskError`, `DataRefused`, `FolderLost`.
        """
        if self._syncing is None or at_once:
            self._commit_at_once(entry, part)
            return
        if self._kept == 1:
            self._syncing.settle(self)
        size = entry.stored_bytes
        self._syncing.reserve(size)
        try:
            if part is not None:
                part.flush()
                part.rename()
            self._write(encode(entry, self._safe))
        except BaseException:
            self._syncing.release(size)
            raise
        self._named = self._safe
        self._kept += 1
        self.take(entry)
        self._syncing.add(Kept(self, entry.seq, part, size), urgent=self._kept == 1)

    def append(self, *entries: Entry) -> None:
        """Add lines without a page, or whose parts are safe: once this returns, so are they."""
        for entry in entries:
            self._commit_at_once(entry, None)

    def _commit_at_once(self, entry: Entry, part: Part | None) -> None:
        """Its part is safe before its line is written, which therefore says of itself that all up
        to it is: whoever reads it has it.
        """
        if self._syncing is not None:
            self._syncing.settle(self)
        if part is not None:
            part.commit()
        self._write(encode(entry, entry.seq))
        if self._fsync:
            with disk_errors(self.folder / JOURNAL):
                self.sync_lines()
        self._named = self._safe = entry.seq
        self._kept = 0
        self.take(entry)

    def sync_lines(self) -> None:
        """Force the lines to the disk; raises OSError."""
        sync_data(self._descriptor)

    def sync_names(self) -> None:
        """Force the names in the folder to the disk; raises OSError, `FolderLost` where it is no
        longer there.
        """
        try:
            sync_folder(self.folder)
        except (OSError, DiskError):
            self.look()
            raise

    def made_safe(self, seq: int) -> None:
        """Take note that all up to line `seq` is safe."""
        self._safe = max(self._safe, seq)

    def _replay(
        self,
        header: Header,
        on_entry: Callable[[Entry], None],
        accepted: Container[str],
        *,
        any_parts: bool,
    ) -> tuple[int, Tail]:
        """Read and check every sound line; the byte offset behind the last one that counts, and
        the lines at the end that are not known to be safe.
        """
        path = self.folder / JOURNAL
        end = start = seq = pages = 0
        tail, trusted = Tail(), _Trusted(self, on_entry)
        with _opened(self.folder) as folder:
            for number, end, text in sound_lines(path):
                if number == 1:
                    self._check_header(header_in(path, text), header, accepted)
                elif is_mark(text):
                    trusted.all(tail.claim(safe_in(text) or 0), folder)
                else:
                    seq += 1
                    entry = entry_in(path, number, text, seq)
                    if entry.part is not None:
                        pages += 1
                        check_name(path, number, entry.part, pages)
                    trusted.all(tail.take(start, entry), folder)
                    refuse_too_long(tail, self.folder)
                start = end
            self._check_claim(path, tail, seq)
            behind = lines_behind(path, end, seq) if end else 0
            for place, (_, entry) in enumerate(tail.waiting):
                if not any_parts and entry.part and not is_whole(self.folder / entry.part, entry):
                    end = tail.cut_at(place)
                    break
            tail.lost += behind
            trusted.all((entry for _, entry in tail.waiting), folder)
        if trusted.unfit is not None and not any_parts:
            raise trusted.unfit
        if end == 0:
            _refuse_orphans(self.folder)
        return end, tail

    def _check_claim(self, path: Path, tail: Tail, seq: int) -> None:
        if tail.claimed > seq:
            raise unfit(
                self.folder, f"{path}: says that line {tail.claimed} is safe, but ends at {seq}"
            )

    def take(self, entry: Entry) -> None:
        """Go on behind a line."""
        self.checkpoint.add(entry)
        if entry.part is not None:
            self._suffix = part_suffix(entry.part)

    def _recover(self, header: Header, end: int, tail: Tail, leftovers: list[Path]) -> None:
        """Remove what an interrupted commit leaves, now that everything else is known to fit, and
        make safe what stays.
        """
        for leftover in leftovers:
            if not is_file(leftover):
                raise in_the_way(leftover)
        for leftover in leftovers:
            leftover.unlink()
        if os.fstat(self._descriptor).st_size > end:
            os.ftruncate(self._descriptor, end)
        self._end = end
        self._safe, self._named, self.lost = self.checkpoint.seq, tail.claimed, tail.lost
        if end == 0:
            self._write(encode(header))
        if not self._fsync:
            return
        if tail.waiting:
            for _, entry in tail.waiting:
                if entry.part is not None and is_file(self.folder / entry.part):
                    write_again(self.folder / entry.part)
            write_again(self.folder / JOURNAL, tail.waiting[0][0])
        elif end == 0 or not self.checkpoint.done or read_mark(self.folder) > 1:
            sync_data(self._descriptor)
        if leftovers or end == 0 or tail.waiting:
            sync_folder(self.folder)

    def _check_header(self, found: Header, wanted: Header, accepted: Container[str]) -> None:
        if found.resource != wanted.resource or dict(found.partition) != dict(wanted.partition):
            raise DataRefused(
                f"{self.folder / JOURNAL}: this folder belongs to {found.resource} "
                f"{dict(found.partition)}, not to {wanted.resource} {dict(wanted.partition)}"
            )
        self.fingerprint = found.fingerprint
        if found.fingerprint != wanted.fingerprint and found.fingerprint not in accepted:
            raise DataRefused(
                f"{self.folder / JOURNAL}: these pages were asked for in another way (the query, "
                "paths or paginator changed since); put the YAML back, or use another --out"
            )

    def part_fault(self, name: str, entry: Entry, folder: int | None) -> DataRefused | None:
        """What is wrong with a part that is not there, or not as large as its line says; `folder`
        is open: a name is found sooner in it than by a path.
        """
        try:
            found = look(str(self.folder), name, folder)  # a Path takes 10 µs
        except FileNotFoundError:
            message = f"{self.folder / name}: this part is in the journal, but not on disk"
            return unfit(self.folder, message)
        if not stat.S_ISREG(found.st_mode):
            return in_the_way(self.folder / name)
        if found.st_size != entry.stored_bytes:
            message = f"{found.st_size:,} bytes on disk, {entry.stored_bytes:,} in the journal"
            return unfit(self.folder, f"{self.folder / name}: {message}")
        return None

    def _leftovers(self, tail: Tail) -> list[Path]:
        """The files that an interrupted commit or a power cut leaves; refuses any part beyond that.
        Notes in `tail` what these have cost.
        """
        leftovers = []
        last, done = self.checkpoint.pages, self.checkpoint.done
        beyond = last
        following = range(last + 1, last + 1 + _most_beyond(self.folder, tail))
        newest = part_name(last, self._suffix)
        length = len(newest)
        with os.scandir(self.folder) as listing:
            for item in listing:
                name = item.name
                if len(name) == length and name <= newest:
                    continue  # one of those in the journal, by far the most
                name = name.removesuffix(TEMPORARY)
                number = part_number(name)
                if number is None:
                    continue
                # A partition that is done was not asked for another page: none can be left over.
                if name != item.name or (number in following and not done):
                    leftovers.append(Path(item.path))
                    beyond = beyond if name != item.name else max(beyond, number)
                elif number > last:
                    ends = newest if last else "its first line"
                    message = f"{item.path}: this part is not in the journal, which ends at {ends}"
                    raise unfit(self.folder, message)
        if tail.lost:  # behind the last line there may be a page that was on its way
            tail.lost = max(tail.lost, beyond - last - 1)
        elif beyond > last + read_mark(self.folder):
            tail.lost = beyond - last
        return leftovers

    def _write(self, line: bytes) -> None:
        with disk_errors(self.folder / JOURNAL):
            if os.fstat(self._descriptor).st_size != self._end:
                raise FolderLost(
                    f"{self.folder / JOURNAL}: something else has written here since this run "
                    "began; what it wrote was left as it is"
                )
            write_all(self._descriptor, line)
            self._end += len(line)


class _Trusted:
    """Takes the lines that count into a journal, in order; looks at the sizes of their parts."""

    def __init__(self, journal: Journal, on_entry: Callable[[Entry], None]) -> None:
        self._journal = journal
        self._on_entry = on_entry
        self.unfit: DataRefused | None = None  # the first part that is not as its line says

    def all(self, entries: Iterable[Entry], folder: int | None) -> None:
        """Take them; `folder` is open."""
        for entry in entries:
            if entry.restarts:  # what is superseded may be gone
                self.unfit = None
            elif entry.part is not None and self.unfit is None:
                self.unfit = self._journal.part_fault(entry.part, entry, folder)
            if entry.reason and (asked := entry.accepts):
                self._journal.fingerprint = asked
            self._journal.take(entry)
            self._on_entry(entry)


def _most_beyond(folder: Path, tail: Tail) -> int:
    """How many parts may lie behind the last line that counts. Where all was safe, one: a page on
    its way, or what a run of before, which wrote so down, had under way.
    """
    if tail.waiting or tail.cut:
        return tail.cut + MOST_UNSAFE
    return read_mark(folder)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    """A descriptor of `folder`, for names in it."""
    descriptor = open_folder(folder)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _refuse_orphans(folder: Path) -> None:
    with os.scandir(folder) as listing:
        for item in listing:
            if part_number(item.name) is not None:
                raise unfit(folder, f"{item.path}: a part without its {JOURNAL}")
