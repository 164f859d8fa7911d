"""Reads where a harvest stands and whether what it stored is sound, during a run too."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, field
from datetime import datetime
from functools import partial
from typing import Any, Final, cast

from harvester.config import Resource
from harvester.errors import DataRefused
from harvester.model import Partition, Shard
from harvester.paging import RUN_START, paginator_of
from harvester.planning import Plan
from harvester.results.last_run import read_last_run
from harvester.results.part_checks import PartCheck, StoredPart, StoredProblem, Told
from harvester.results.standing import KnownBefore, Standing
from harvester.results.summary import Summary
from harvester.store import (
    ASIDE,
    JOURNAL,
    Asked,
    Entry,
    Header,
    Place,
    ReadAhead,
    Span,
    Store,
    entries_in,
    entries_of,
    folder_of,
    header_of,
    lines_counting,
    read_asked,
    store_at,
)
from harvester.values import dataclass

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


@dataclass(frozen=True, slots=True)
class Looked:
    """A partition that was looked at: its folder, and its lines where they are known already."""

    partition: Partition
    folder: str
    lines: list[Header | Entry] | None


def in_order(
    store: Store,
    asked: Asked,
    resources: tuple[str, ...] = (),
    wanted: Mapping[str, str] | None = None,
) -> Iterator[Looked]:
    """The same as `planned`, for who reads the journals: those of all are read many at a time,
    where a store is far; of those with the `wanted` labels each in its turn.
    """
    if wanted:
        for one in planned(store, asked, resources):
            if has_labels(one, wanted):
                yield Looked(one, folder_of(store, one), None)
        return
    known = Plan(asked.config, asked.planned_at, store)
    for resource in asked.config.resources:
        if resources and resource.name not in resources:
            continue
        with store.survey(whole=True) as survey:
            ahead = ReadAhead(store, survey, partial(next, known.partitions(resource), None))
            while found := ahead.next():
                partition, folder = found
                yield Looked(partition, folder, survey.lines(folder))


def has_labels(partition: Partition, wanted: Mapping[str, str]) -> bool:
    """Whether a partition is one of those that somebody chose by its labels."""
    labels = partition.labels
    return all(labels.get(key) == value for key, value in wanted.items())


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
    with store.survey(whole=True) as survey:
        for resource in asked.config.resources:
            others = known.others(resource.name, plan.partitions(resource))
            ahead = ReadAhead(store, survey, partial(next, others, None))
            while found := ahead.next():
                partition, folder = found
                entries = entries_of(store, folder, survey.lines(folder))
                known.standing.take(partition, folder, entries, failed)
    summary = known.standing.summary(noted)
    summary.shard = known.shard
    return summary


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


def verify(out: Place, *, deep: bool = False, processes: int | None = None) -> Verification:
    """Check every stored page of the harvest in `out` against its journal.

    Always: lines, part numbers, sizes, SHA-256, the chain of cursors, parts that no line names,
    folders that no plan names. `deep` also inflates and parses every page and counts its records
    anew. A partition that is not finished is no problem: it is only not finished. `processes`
    look at parts side by side, as many as there are cores unless it is given; only a program of one
    thread has any.
    Raises `DataRefused` where there is no harvest at all.
    """
    store = store_at(out)
    asked = read_asked(store)
    walk = _Walk(store, asked)
    parts = {
        resource.name: PartCheck(resource, asked.config, deep=deep)
        for resource in asked.config.resources
    }
    found = Verification()
    from harvester.results.side_by_side import side_by_side  # only who verifies needs processes

    for problem in side_by_side(store, parts, walk.items(), processes):
        found.add(problem)
    found.parts = walk.parts
    for path in _strangers(store, asked, walk.journals):
        found.add(StoredProblem(path, "no partition of the plan lies here"))
    return found


class _Walk:
    """Goes through the journals of a harvest: what is wrong with them, and the parts to look at, in
    the order of the plan. Counts `parts`, and the `journals` that there are.
    """

    def __init__(self, store: Store, asked: Asked) -> None:
        self._store = store
        self._asked = asked
        self._checks = {item.name: _Check(asked, item) for item in asked.config.resources}
        self.parts = self.journals = 0

    def items(self) -> Iterator[StoredProblem | StoredPart]:
        """Problems, and parts of which it is not known yet."""
        store = self._store
        with store.survey() as survey:
            known = _known(store, self._asked, self._asked.planned_until)
            ahead = ReadAhead(store, survey, partial(next, known, None))
            while True:
                try:
                    found = ahead.next()
                except DataRefused as error:
                    yield StoredProblem(ahead.at.path if ahead.at else "", str(error))
                    continue
                if found is None:
                    return
                partition, folder = found
                yield from self._of(partition, folder, survey.lines(folder))

    def _of(
        self, partition: Partition, folder: str, whole: list[Header | Entry] | None
    ) -> Iterator[StoredProblem | StoredPart]:
        """Those of one partition; `whole` are its lines if it is finished, nearly always."""
        check = self._checks[partition.resource]
        for name, said in check.problems(self._store, folder, partition, whole):
            if isinstance(said, Entry):
                yield StoredPart(partition.resource, folder, Told.by(said))
            else:
                yield StoredProblem(f"{folder}/{name}", said)
        self.parts += check.parts
        self.journals += check.is_begun


class _Check:
    """The checks of one resource's partitions."""

    def __init__(self, asked: Asked, resource: Resource) -> None:
        self.parts, self.is_begun = 0, False  # of the last partition
        self._fingerprints = asked.fingerprints[resource.name]
        self._first = paginator_of(resource.paginator).first_cursor()
        incremental = resource.incremental
        self._by_link = bool(incremental and incremental.delta_path and not incremental.param)

    def problems(
        self,
        store: Store,
        folder: str,
        partition: Partition,
        whole: list[Header | Entry] | None,
    ) -> Iterator[tuple[str, str | Entry]]:
        """File and problem, or a part that is to be looked at, and its line."""
        journal = JOURNAL
        parts = 0
        before: Entry | None = None
        try:
            header = header_of(store, folder) if whole is None else cast("Header", whole[0])
            if header is None:
                if store.beyond(folder):
                    yield journal, "missing, but there are parts"
                return
            if header.fingerprint not in self._fingerprints:
                yield journal, "written by another configuration (the fingerprint differs)"
            if dict(header.partition) != partition.labels:
                yield journal, f"written for another partition: {dict(header.partition)}"
            counting = lines_counting(store, folder) if whole is None else Span()
            lines = entries_of(store, folder) if whole is None else entries_in(iter(whole))
            for entry in lines:
                for problem in self._chain_problems(partition, before, entry):
                    yield journal, f"page {entry.seq}: {problem}"
                parts += entry.part is not None
                if entry.part is not None and counting.counts(entry.seq):
                    yield entry.part, entry
                before = entry
        except DataRefused as error:
            yield journal, str(error).removeprefix(f"{store.place}/{folder}/{journal}").lstrip(": ")
        else:
            for name in store.beyond(folder) if whole is None else ():
                yield name, "no line of the journal names this part"
        finally:
            self.parts = parts
            self.is_begun = whole is not None or store.is_begun(folder)

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
    from harvester.store import ObjectStore  # most harvests are in a folder

    if isinstance(store, ObjectStore):  # where one listing is enough
        yield from (name for name in store.begun() if not name.startswith(f"{ASIDE}/"))
        return
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
