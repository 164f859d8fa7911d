"""Reads where a harvest stands and whether what it stored is sound, during a run too."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from harvester.config import Config, Resource
from harvester.errors import AttemptFailed, DataRefused
from harvester.model import Key, Partition, Shard
from harvester.page import Field, Take, format_of
from harvester.paging import RUN_START, paginator_of
from harvester.planning import Plan
from harvester.results.last_run import read_last_run
from harvester.results.standing import KnownBefore, Standing
from harvester.results.summary import Summary
from harvester.store import (
    ASIDE,
    JOURNAL,
    Asked,
    Entry,
    Place,
    Store,
    decoded,
    entries_of,
    folder_of,
    header_of,
    lines_counting,
    part_suffix,
    read_asked,
    store_at,
)

#: More problems than this are counted, not listed.
MOST_PROBLEMS: Final = 1000


def planned(out: Place, asked: Asked, resources: tuple[str, ...] = ()) -> Iterator[Partition]:
    """The partitions that are known in `out`, in order, as the last run planned them."""
    yield from _known(out, asked, asked.planned_at, resources)


def _known(
    out: Place, asked: Asked, moment: datetime, resources: tuple[str, ...] = ()
) -> Iterator[Partition]:
    known = Plan(asked.config, moment, out)
    for resource in asked.config.resources:
        if not resources or resource.name in resources:
            yield from known.partitions(resource)


def status(out: Place, *, shard: Shard | None = None) -> Summary:
    """Where the harvest in `out` stands, or one share of it, by its journals. Raises
    `DataRefused`.
    """
    store = store_at(out)
    return status_beyond(KnownBefore(Standing(store, read_asked(store)), shard), store)


def status_beyond(known: KnownBefore, store: Store) -> Summary:
    """The same, once those partitions are read that are not known yet."""
    asked = read_asked(store)
    noted = read_last_run(store)
    failed = {failure.key for failure in noted.listed}
    plan = Plan(asked.config, asked.planned_at, store)
    for resource in asked.config.resources:
        for partition in known.others(resource.name, plan.partitions(resource)):
            folder = folder_of(store, partition)
            known.standing.take(partition, folder, entries_of(store, folder), failed)
    summary = known.standing.summary(noted)
    summary.shard = known.shard
    return summary


@dataclass(frozen=True, slots=True)
class StoredProblem:
    """Something on disk that is not as it should be; `path` is relative to the folder."""

    path: str
    problem: str


@dataclass(slots=True)
class Verification:
    """What `verify` found in `parts` parts."""

    parts: int = 0
    problems: list[StoredProblem] = field(default_factory=list)

    def add(self, problem: StoredProblem) -> None:
        """Note a problem; beyond `MOST_PROBLEMS` only that there are more."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)
        elif len(self.problems) == MOST_PROBLEMS:
            self.problems.append(StoredProblem("", "there are more problems than are listed"))

    @property
    def ok(self) -> bool:
        """Whether everything is sound."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """The JSON form that `verify --json` prints."""
        return {
            "ok": self.ok,
            "parts": self.parts,
            "problems": [asdict(problem) for problem in self.problems],
        }


def verify(out: Place, *, deep: bool = False) -> Verification:
    """Check every stored page of the harvest in `out` against its journal.

    Always: lines, part numbers, sizes, SHA-256, the chain of cursors, parts that no line names,
    folders that no plan names. `deep` also inflates and parses every page and counts its records
    anew. A partition that is not finished is no problem: it is only not finished.
    Raises `DataRefused` where there is no harvest at all.
    """
    store = store_at(out)
    asked = read_asked(store)
    found = Verification()
    checks = {
        resource.name: _Check(asked, resource, deep=deep) for resource in asked.config.resources
    }
    journals = 0
    for partition in _known(store, asked, asked.planned_until):
        try:
            folder = folder_of(store, partition)
        except DataRefused as error:
            found.add(StoredProblem(partition.path, str(error)))
            continue
        journals += checks[partition.resource].check(store, folder, partition, found)
    for path in _strangers(store, asked, journals):
        found.add(StoredProblem(path, "no partition of the plan lies here"))
    return found


class PartCheck:
    """Whether a part is what its line says. `deep`: also inflated and parsed."""

    def __init__(self, resource: Resource, config: Config, *, deep: bool) -> None:
        self._format = format_of(resource)
        self._records = Field("records", self._format.selector, Take.COUNT)
        self._lists = all(isinstance(segment, Key) for segment in self._records.path)
        self._limits = config.client.limits
        self._deep = deep

    def problems(self, store: Store, folder: str, entry: Entry) -> Iterator[str]:
        """Everything wrong with it, in words; nothing where it is sound."""
        try:
            size, digest = _sha256(store, folder, entry)
        except OSError as error:
            yield f"cannot be read: {error.strerror or error}"
            return
        except DataRefused as error:  # a link, a pipe
            yield str(error).removeprefix(f"{store.place}/{folder}/{entry.part}: ")
            return
        if size != entry.stored_bytes:
            yield f"{size:,} bytes, the journal says {entry.stored_bytes:,}"
        elif digest != entry.sha256:
            yield "its SHA-256 differs from the journal's: the file has changed"
        elif self._deep:
            yield from self._content_problems(store, folder, entry)

    def _content_problems(self, store: Store, folder: str, entry: Entry) -> Iterator[str]:
        page = partial(decoded, store, folder, entry.part or "", entry.stored_bytes)
        size = 0

        def chunks() -> Iterator[bytes]:
            nonlocal size
            for chunk in page():
                size += len(chunk)
                yield chunk

        pages = self._format.stored_as(part_suffix(entry.part or ""))
        try:
            records = pages.check(chunks(), [self._records], self._limits).get("records", 0)
        except (AttemptFailed, OSError) as error:
            yield str(error)
            return
        if size != entry.bytes:
            yield f"{size:,} decoded bytes, the journal says {entry.bytes:,}"
        if records == 1 and entry.records == 0 and self._lists:
            records = int(pages.lone(page()) != 0)
        if records != entry.records:
            yield f"{records:,} records, the journal says {entry.records:,}"


class _Check:
    """The checks of one resource's partitions."""

    def __init__(self, asked: Asked, resource: Resource, *, deep: bool) -> None:
        self._fingerprints = asked.fingerprints[resource.name]
        self._parts = PartCheck(resource, asked.config, deep=deep)
        self._first = paginator_of(resource.paginator).first_cursor()
        incremental = resource.incremental
        self._by_link = bool(incremental and incremental.delta_path and not incremental.param)

    def check(self, store: Store, folder: str, partition: Partition, found: Verification) -> bool:
        """Note everything wrong in one partition's folder; whether it holds pages at all."""
        for name, problem in self._problems(store, folder, partition, found):
            found.add(StoredProblem(f"{folder}/{name}", problem))
        return store.is_begun(folder)

    def _problems(
        self, store: Store, folder: str, partition: Partition, found: Verification
    ) -> Iterator[tuple[str, str]]:
        """File and problem; counts the parts into `found`."""
        journal = JOURNAL
        parts = 0
        before: Entry | None = None
        try:
            header = header_of(store, folder)
            if header is None:
                if store.beyond(folder):
                    yield journal, "missing, but there are parts"
                return
            if header.fingerprint not in self._fingerprints:
                yield journal, "written by another configuration (the fingerprint differs)"
            if dict(header.partition) != partition.labels:
                yield journal, f"written for another partition: {dict(header.partition)}"
            counting = lines_counting(store, folder)
            for entry in entries_of(store, folder):
                for problem in self._chain_problems(partition, before, entry):
                    yield journal, f"page {entry.seq}: {problem}"
                parts += entry.part is not None
                if entry.part is not None and counting.counts(entry.seq):
                    for problem in self._parts.problems(store, folder, entry):
                        yield entry.part, problem
                before = entry
        except DataRefused as error:
            yield journal, str(error).removeprefix(f"{store.place}/{folder}/{journal}").lstrip(": ")
        else:
            for name in store.beyond(folder):
                yield name, "no line of the journal names this part"
        finally:
            found.parts += parts

    def _chain_problems(
        self, partition: Partition, before: Entry | None, entry: Entry
    ) -> Iterator[str]:
        if before is not None and before.done and not entry.redoes:
            yield "stands behind the line that says the partition is done"
        elif before is not None and not before.done and before.next != entry.cursor:
            yield f"was asked with {entry.cursor!r}, but the page before leads to {before.next!r}"
        elif before is None and entry.cursor not in self._firsts(partition):
            yield f"the first page was asked for with {entry.cursor!r}"
        if entry.restarts and entry.next != self._first:
            yield f"begins the chain again, but with {entry.next!r}"

    def _firsts(self, partition: Partition) -> tuple[Any, ...]:
        """What the first page may be asked for with: a delta link too, where the run has one."""
        started = partition.included.get(RUN_START)
        return (self._first,) if started is None or not self._by_link else (self._first, started)


def _sha256(store: Store, folder: str, entry: Entry) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    for chunk in store.chunks(folder, entry.part or "", entry.stored_bytes):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()


def _strangers(store: Store, asked: Asked, journals: int) -> Iterator[str]:
    """Folders with pages that the plan does not name; looked for by name only if the number of
    journals says that there are some, since it takes a set of all planned folders.
    """
    if sum(1 for _ in folders_with_pages(store)) == journals:
        return
    known = {folder_of(store, each) for each in _known(store, asked, asked.planned_until)}
    yield from (folder for folder in folders_with_pages(store) if folder not in known)


def folders_with_pages(store: Store, below: str = "") -> Iterator[str]:
    """The folders that hold pages, in order, but for those put aside."""
    for name in sorted(store.levels(below)):
        if name == ASIDE:
            continue
        folder = f"{below}/{name}" if below else name
        try:
            store.reach(folder)
        except DataRefused:  # a link, which leads to pages of somebody else
            continue
        if store.is_begun(folder):
            yield folder
        yield from folders_with_pages(store, folder)
