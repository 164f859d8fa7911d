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
from collections.abc import Callable, Container
from pathlib import Path
from types import TracebackType
from typing import Self

from harvester.errors import DiskError, FolderLost
from harvester.store.checkpoint import Checkpoint
from harvester.store.entries import Entry, Header, encode, encode_mark
from harvester.store.in_flight import read_mark, remove_mark
from harvester.store.inside import alone, in_the_way, is_file
from harvester.store.journal_lines import JOURNAL
from harvester.store.journal_replay import Replayed, refuse_orphans, replayed
from harvester.store.lock import Held, Inode, identity
from harvester.store.parts import (
    JSON_SUFFIX,
    Part,
    disk_errors,
    sync_data,
    sync_folder,
    write_all,
)
from harvester.store.recovery import write_again
from harvester.store.sharing import hold_journal
from harvester.store.syncing import Kept, Syncing


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
                refuse_orphans(folder)
            descriptor = alone(path, os.O_CREAT | os.O_RDWR | os.O_APPEND)
            journal = cls(folder, descriptor, fsync=fsync, syncing=syncing)
            journal._held, journal._place = held, place
            try:
                if exclusive:
                    hold_journal(descriptor, folder)
                if is_new and os.fstat(descriptor).st_size == 0:
                    journal._recover(header, Replayed(header.fingerprint))
                    return journal
                found = replayed(folder, header, on_entry, accepted, any_parts=any_parts)
                journal._recover(header, found)
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
        self.checkpoint.add(entry)
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
        self.checkpoint.add(entry)

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

    def _recover(self, header: Header, found: Replayed) -> None:
        """Remove what an interrupted commit leaves, now that everything else is known to fit, and
        make safe what stays.
        """
        for leftover in found.leftovers:
            if not is_file(leftover):
                raise in_the_way(leftover)
        for leftover in found.leftovers:
            leftover.unlink()
        if os.fstat(self._descriptor).st_size > found.end:
            os.ftruncate(self._descriptor, found.end)
        self.fingerprint, self.checkpoint = found.fingerprint, found.checkpoint
        self._end = found.end
        self._safe, self._named = self.checkpoint.seq, found.tail.claimed
        self.lost = found.tail.lost
        if found.end == 0:
            self._write(encode(header))
        if self._fsync:
            self._make_safe(found)

    def _make_safe(self, found: Replayed) -> None:
        """Force what was found to the disk, where it is not known to be there."""
        waiting = found.tail.waiting
        if waiting:
            for _, entry in waiting:
                if entry.part is not None and is_file(self.folder / entry.part):
                    write_again(self.folder / entry.part)
            write_again(self.folder / JOURNAL, waiting[0][0])
        elif found.end == 0 or not self.checkpoint.done or read_mark(self.folder) > 1:
            sync_data(self._descriptor)
        if found.leftovers or found.end == 0 or waiting:
            sync_folder(self.folder)

    def _write(self, line: bytes) -> None:
        with disk_errors(self.folder / JOURNAL):
            if os.fstat(self._descriptor).st_size != self._end:
                raise FolderLost(
                    f"{self.folder / JOURNAL}: something else has written here since this run "
                    "began; what it wrote was left as it is"
                )
            write_all(self._descriptor, line)
            self._end += len(line)
