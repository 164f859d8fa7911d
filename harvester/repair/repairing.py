"""Finds what `verify` finds, and gets those pages again with the journal's own cursors.

A page that is gone or damaged is asked for again with the cursor that its line has, or, where the
line is damaged, the one that the page before leads to. It takes its place only if it leads to where
the page after it begins: the same chain of cursors, without a gap. Where the API no longer gives
it, or the chain would not fit any more, nothing is changed, and the partition must begin anew
(`harvester redo`). What is replaced stays beside what replaces it.
"""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from harvester import __version__
from harvester.config import Config
from harvester.engine import (
    OnEvent,
    PageResult,
    Run,
    iso,
    running,
    secrets_of,
)
from harvester.errors import Interrupted
from harvester.model import Partition
from harvester.repair.bucket_mending import mend_bucket
from harvester.repair.lines import NewJournal, counting, lines, put_aside
from harvester.repair.lost import what_is_lost
from harvester.repair.mended import Anew, AskedAgain, CannotMend, NotNow, Repair
from harvester.results import PartCheck, planned
from harvester.store import (
    JOURNAL,
    TEMPORARY,
    Checkpoint,
    Entry,
    Header,
    LocalStore,
    ObjectStore,
    Part,
    Place,
    Span,
    encode,
    part_number,
    parts_on_disk,
    place_of,
    prepare,
    read_header,
    remove_temporary,
    store_at,
)


def repair(
    config: Config,
    out: Place,
    *,
    deep: bool = False,
    on_event: OnEvent = lambda event: None,
    stop: threading.Event | None = None,
) -> Repair:
    """Mend the harvest in `out`, asking the server for what is lost. Holds the folder's lock.

    `deep` also inflates and parses every page, as `verify` does. Raises `DataRefused` where
    `out` holds another harvest, `FolderLocked`, `RunStopped`, `Interrupted`; pages that were had
    by then are kept.
    """
    stop = stop or threading.Event()
    found = Repair()
    secrets = secrets_of(config)
    store = store_at(out, fsync=config.output.fsync)
    with store.claim(lost=True):
        asked = prepare(store, config, datetime.now(UTC), lost=what_is_lost(store, config))
        with running(config, store, asked, secrets, 1, None, on_event, stop) as run:
            checks = {item.name: PartCheck(item, config, deep=deep) for item in config.resources}
            if isinstance(store, ObjectStore):
                mend_bucket(run, store, asked, checks, found)
                return found
            for partition in planned(store, asked):
                if isinstance(store, LocalStore) and place_of(store.root, partition).is_dir():
                    store.look()
                    check = checks[partition.resource]
                    _Mending(run, store, partition, check, found).mend()
    return found


class _Mending:
    """One partition: its journal is read line by line, and written anew where it has to be."""

    def __init__(
        self, run: Run, store: LocalStore, partition: Partition, check: PartCheck, found: Repair
    ) -> None:
        self._run = run
        self._partition = partition
        self._store = store
        self._folder = place_of(store.root, partition)
        self._check = check
        self._found = found
        self._again = AskedAgain(run, partition, found)
        self._pages = self._again.pages
        self._pages.new_part = partial(Part, self._folder, fsync=run.config.output.fsync)
        self._changed = False
        self._safe = 0  # up to which line all is, by the line before
        self._counts = Span()
        self._created_at = iso(run.now())

    def mend(self) -> None:
        """Mend what can be; note what cannot."""
        try:
            if not (self._folder / JOURNAL).exists():
                if any(parts_on_disk(self._folder)):
                    raise CannotMend("its journal is gone")
                return
            self._clear_temporary()
            self._counts = counting(self._folder)
            with NewJournal(self._folder, fsync=self._run.config.output.fsync) as journal:
                at = Checkpoint()
                for line in self._mended(at):
                    journal.write(line)
                if self._changed:
                    journal.replace()
            self._clear_beyond(at)
        except NotNow:
            pass  # noted as failed; nothing was changed
        except CannotMend as error:
            self._found.note(self._found.anew, Anew(self._partition, str(error)))

    def _mended(self, at: Checkpoint) -> Iterator[bytes]:
        """The lines of the journal as they should be. `at` follows them."""
        damaged = 0
        for line in lines(self._folder):
            if self._run.stop.is_set():
                raise Interrupted("interrupted")
            if line.number == 1:
                here = line.is_sound and line.entry is None
                yield self._header(line.raw, is_sound=here)
            if line.number == 1 and line.entry is None:
                continue
            if line.is_mark:
                yield line.raw
            elif line.entry is None:
                damaged += 1
            else:
                yield from self._lost(at, line.entry)
                yield self._page(at, line.entry, line.raw)
                at.add(line.entry)
                self._safe = line.entry.seq if line.entry.safe is None else line.entry.safe
                damaged = 0
        # What the end of the journal said is asked for again by the next run.
        self._changed |= damaged > 0

    def _header(self, raw: bytes, *, is_sound: bool) -> bytes:
        fingerprint = self._run.sources[self._partition.resource].fingerprint
        partition = self._partition
        wanted = Header(
            partition.resource, partition.labels, fingerprint, __version__, self._created_at
        )
        if not is_sound:
            self._changed = True
            return encode(wanted)
        found = read_header(self._folder) or wanted
        if (found.resource, dict(found.partition)) != (wanted.resource, dict(wanted.partition)):
            raise CannotMend(f"its journal is that of {found.resource} {dict(found.partition)}")
        if found.fingerprint != fingerprint and found.fingerprint not in self._pages.fingerprints:
            raise CannotMend("its pages were asked for in another way than the YAML says now")
        return raw

    def _lost(self, at: Checkpoint, following: Entry) -> Iterator[bytes]:
        """The lines between `at` and the next sound one, asked for again."""
        while at.seq + 1 < following.seq:
            if at.done:
                raise CannotMend(f"line {at.seq + 2} of its journal is lost behind its last page")
            fetched = self._again.page(at)
            if fetched is None and not self._again.is_lost:
                raise NotNow
            if fetched is None:
                raise CannotMend(f"line {at.seq + 2} of its journal is lost, and so is its page")
            message = f"page {at.live_pages + 1}: its line was damaged; asked for again"
            last = at.seq + 2 == following.seq
            fits = not fetched.entry.done and (not last or fetched.entry.next == following.cursor)
            if not fits or fetched.part is None:
                fetched.discard()
                raise CannotMend(
                    f"line {at.seq + 2} of its journal is lost, and its page now leads elsewhere"
                )
            self._put(fetched, at, message)
            yield encode(fetched.entry, self._safe)  # those before it may not be safe
            at.add(fetched.entry)
        if following.seq != at.seq + 1:
            raise CannotMend(f"line {following.seq + 1} of its journal stands twice")
        if not following.redoes and (at.done or (at.seq and at.next != following.cursor)):
            raise CannotMend(f"page {following.seq} does not follow from the one before it")
        if following.part is not None and part_number(following.part) != at.pages + 1:
            raise CannotMend(f"{following.part} is out of order in its journal")

    def _page(self, at: Checkpoint, entry: Entry, raw: bytes) -> bytes:
        """The line of a page whose part is sound, or is again; as it was where it cannot be had."""
        if entry.part is None or not self._counts.counts(entry.seq):
            return raw
        self._found.parts += 1
        problem = next(self._check.problems(self._store, self._pages.folder, entry), None)
        if problem is None:
            return raw
        again = self._again.in_place_of(entry, at, problem)
        if again is None:
            return raw
        fetched, message = again
        new = fetched.entry
        self._put(fetched, at, f"{entry.part}: {message}")
        if new.sha256 == entry.sha256 and new.bytes == entry.bytes:
            return raw
        self._changed = True
        return encode(new.in_place_of(entry), entry.safe)

    def _put(self, fetched: PageResult, at: Checkpoint, message: str) -> None:
        """Let a page take its place; what was there stays beside it."""
        part = fetched.part
        if part is None:
            return
        try:
            part.sync()
            if kept := put_aside(part.path):
                self._found.note(self._found.aside, self._shown(kept))
            part.name()
        except BaseException:
            part.discard()
            raise
        self._found.pages += 1
        self._found.note(self._found.again, f"{self._partition.title}, {message}")
        self._changed |= "its line was damaged" in message

    def _clear_beyond(self, at: Checkpoint) -> None:
        """Put parts aside that no line of the journal names: a run asks for those pages."""
        beyond = sorted(item for item in parts_on_disk(self._folder) if item[0] > at.pages)
        for _, name in beyond:
            if kept := put_aside(self._folder / name):
                self._found.note(self._found.aside, self._shown(kept))

    def _clear_temporary(self) -> None:
        """Remove the pages that were on their way when an earlier repair, or a run, was killed."""
        for path in self._folder.glob("part-*" + TEMPORARY):
            if part_number(path.name.removesuffix(TEMPORARY)) is not None:
                remove_temporary(path.with_name(path.name.removesuffix(TEMPORARY)))

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._store.root))
