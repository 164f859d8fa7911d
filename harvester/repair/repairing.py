"""Finds what `verify` finds, and gets those pages again with the journal's own cursors.

A page that is gone or damaged is asked for again with the cursor that its line has, or, where the
line is damaged, the one that the page before leads to. It takes its place only if it leads to where
the page after it begins: the same chain of cursors, without a gap. Where the API no longer gives
it, or the chain would not fit any more, nothing is changed, and the partition must begin anew
(`harvester redo`). What is replaced stays beside what replaces it.
"""

import threading
from collections.abc import Iterator
from dataclasses import field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from harvester import __version__
from harvester.config import Config
from harvester.engine import (
    OnEvent,
    PageResult,
    Pages,
    Run,
    iso,
    running,
    secrets_of,
    with_beginning,
)
from harvester.errors import AttemptFailed, DataRefused, PartitionFailed
from harvester.model import Address, Partition
from harvester.repair.lines import NewJournal, counting, lines, put_aside
from harvester.repair.lost import what_is_lost
from harvester.results import PartCheck, planned, verify
from harvester.store import (
    JOURNAL,
    TEMPORARY,
    Checkpoint,
    Entry,
    Header,
    LocalStore,
    Part,
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
from harvester.values import dataclass

#: More are counted, not listed.
_MOST_LISTED: Final = 1000
#: What a server says of a cursor that it will not know tomorrow either; not of credentials that it
#: does not take now, nor of a budget that is spent.
_LOST: Final = (400, 404, 410, 422)


@dataclass(frozen=True, slots=True)
class Anew:
    """A partition that cannot be mended page by page, and why."""

    partition: Partition
    why: str


@dataclass(slots=True)
class Repair:
    """What a repair did: `again` are parts that are there again, each with what is to be said of
    it; `aside` files that were put aside; `failed` pages that could not be had now.
    """

    parts: int = 0
    pages: int = 0
    again: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    anew: list[Anew] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all that was found is mended."""
        return not self.failed and not self.anew

    def as_dict(self) -> dict[str, Any]:
        """The JSON form that `repair --json` prints."""
        return {
            "ok": self.ok,
            "parts": self.parts,
            "pages": self.pages,
            "again": self.again,
            "aside": self.aside,
            "failed": self.failed,
            "anew": [
                {
                    "resource": item.partition.resource,
                    "partition": dict(item.partition.labels),
                    "why": item.why,
                }
                for item in self.anew
            ],
        }

    def note(self, listed: list[Any], item: Any) -> None:
        """Add to a list, unless it is too long already."""
        if len(listed) < _MOST_LISTED:
            listed.append(item)


def repair(
    config: Config,
    out: Path,
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
    if isinstance(out, Address):
        return _looked_through(config, out, deep=deep)
    secrets = secrets_of(config)
    store = LocalStore(out, fsync=config.output.fsync)
    with store.claim(lost=True):
        asked = prepare(store, config, datetime.now(UTC), lost=what_is_lost(out, config))
        with running(config, store, asked, secrets, 1, None, on_event, stop) as run:
            checks = {item.name: PartCheck(item, config, deep=deep) for item in config.resources}
            for partition in planned(store, asked):
                if place_of(out, partition).is_dir():
                    store.look()
                    _Mending(run, store, partition, checks[partition.resource], found).mend()
    return found


def _looked_through(config: Config, out: Address, *, deep: bool) -> Repair:
    """What is to be said of an object store, where no part is ever put anew: what to harvest again.

    Raises `DataRefused` where it holds another harvest.
    """
    store = store_at(out)
    with store.claim():
        prepare(store, config, datetime.now(UTC))
        seen = verify(store, deep=deep)
    if seen.ok:
        return Repair(parts=seen.parts)
    first = seen.problems[0]
    raise DataRefused(
        f"{store.place}/{first.path}: {first.problem}; no object is ever put in the place of "
        f"another, so what is lost is harvested again whole: harvester redo {store.place} "
        "--resource NAME, with --partition KEY=VALUE for one"
    )


class _CannotMend(Exception):
    """The partition must begin anew; says why."""


class _NotNow(Exception):
    """A page is not to be had now, which says nothing against the next try."""


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
        self._pages = Pages(run, with_beginning(run, partition))
        self._pages.new_part = partial(Part, self._folder, fsync=run.config.output.fsync)
        self._changed = False
        self._safe = 0  # up to which line all is, by the line before
        self._is_lost = False  # the page that could not be had last, for good
        self._counts = Span()
        self._created_at = iso(run.now())

    def mend(self) -> None:
        """Mend what can be; note what cannot."""
        try:
            if not (self._folder / JOURNAL).exists():
                if any(parts_on_disk(self._folder)):
                    raise _CannotMend("its journal is gone")
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
        except _NotNow:
            pass  # noted as failed; nothing was changed
        except _CannotMend as error:
            self._found.note(self._found.anew, Anew(self._partition, str(error)))

    def _mended(self, at: Checkpoint) -> Iterator[bytes]:
        """The lines of the journal as they should be. `at` follows them."""
        damaged = 0
        for line in lines(self._folder):
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
            raise _CannotMend(f"its journal is that of {found.resource} {dict(found.partition)}")
        if found.fingerprint != fingerprint and found.fingerprint not in self._pages.fingerprints:
            raise _CannotMend("its pages were asked for in another way than the YAML says now")
        return raw

    def _lost(self, at: Checkpoint, following: Entry) -> Iterator[bytes]:
        """The lines between `at` and the next sound one, asked for again."""
        while at.seq + 1 < following.seq:
            if at.done:
                raise _CannotMend(f"line {at.seq + 2} of its journal is lost behind its last page")
            fetched = self._fetched(at)
            if fetched is None and not self._is_lost:
                raise _NotNow
            if fetched is None:
                raise _CannotMend(f"line {at.seq + 2} of its journal is lost, and so is its page")
            message = f"page {at.live_pages + 1}: its line was damaged; asked for again"
            last = at.seq + 2 == following.seq
            fits = not fetched.entry.done and (not last or fetched.entry.next == following.cursor)
            if not fits or fetched.part is None:
                fetched.discard()
                raise _CannotMend(
                    f"line {at.seq + 2} of its journal is lost, and its page now leads elsewhere"
                )
            self._put(fetched, at, message)
            yield encode(fetched.entry, self._safe)  # those before it may not be safe
            at.add(fetched.entry)
        if following.seq != at.seq + 1:
            raise _CannotMend(f"line {following.seq + 1} of its journal stands twice")
        if not following.redoes and (at.done or (at.seq and at.next != following.cursor)):
            raise _CannotMend(f"page {following.seq} does not follow from the one before it")
        if following.part is not None and part_number(following.part) != at.pages + 1:
            raise _CannotMend(f"{following.part} is out of order in its journal")

    def _page(self, at: Checkpoint, entry: Entry, raw: bytes) -> bytes:
        """The line of a page whose part is sound, or is again; as it was where it cannot be had."""
        if entry.part is None or not self._counts.counts(entry.seq):
            return raw
        self._found.parts += 1
        problem = next(self._check.problems(self._store, self._pages.folder, entry), None)
        if problem is None:
            return raw
        fetched = self._fetched(at)
        if fetched is None:
            return raw
        if not _same_place(entry, fetched.entry):
            fetched.discard()
            raise _CannotMend(
                f"{entry.part}: {problem}; the API's answer to the same request now leads elsewhere"
            )
        new = fetched.entry
        message = problem
        if new.sha256 != entry.sha256 and new.records != entry.records:
            message += f"; it has {new.records:,} records now, had {entry.records:,}"
        self._put(fetched, at, f"{entry.part}: {message}")
        if new.sha256 == entry.sha256 and new.bytes == entry.bytes:
            return raw
        self._changed = True
        return encode(new.in_place_of(entry), entry.safe)

    def _fetched(self, at: Checkpoint) -> PageResult | None:
        """The page after `at`; None where the server does not give it."""
        try:
            with self._pages.blamed(at):
                return self._pages.judged(self._pages.fetch(at, threading.Event()), at)
        except (PartitionFailed, AttemptFailed) as error:
            self._found.note(self._found.failed, str(error))
            cause = error.__cause__ if isinstance(error, PartitionFailed) else error
            self._is_lost = getattr(cause, "status", None) in _LOST
            return None

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


def _same_place(old: Entry, new: Entry) -> bool:
    """Whether a page that was asked for again stands where the old one stood.

    Tokens may be new with each answer: then as many records in as many bytes tell that it is the
    same page, and the chain goes on as it did.
    """
    if new.part is None or new.restarts:
        return False
    if new.sha256 == old.sha256 or (new.done, new.next) == (old.done, old.next):
        return True
    return (new.records, new.bytes) == (old.records, old.bytes)
