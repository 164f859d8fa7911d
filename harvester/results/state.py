"""Reads where a harvest stands and whether what it stored is sound, during a run too."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from harvester.config import Config, Resource
from harvester.errors import AttemptFailed, DataRefused
from harvester.model import Doubts, Key, Partition
from harvester.page import Field, Take, format_of
from harvester.paging import paginator_of
from harvester.planning import Plan, kept_early
from harvester.results.gaps import Gaps
from harvester.results.last_run import read_last_run
from harvester.results.summary import ResourceSummary, Summary
from harvester.results.whole_run import WholeRun
from harvester.store import (
    ASIDE,
    JOURNAL,
    Asked,
    Entry,
    decoded_chunks,
    part_number,
    place_of,
    read_asked,
    read_checkpoint,
    read_entries,
    read_header,
    read_mark,
    reading,
    span,
)

#: More problems than this are counted, not listed.
MOST_PROBLEMS: Final = 1000


def planned(out: Path, asked: Asked, resources: tuple[str, ...] = ()) -> Iterator[Partition]:
    """The partitions that are known in `out`, in order, as the last run planned them."""
    yield from _known(out, asked, asked.planned_at, resources)


def _known(
    out: Path, asked: Asked, moment: datetime, resources: tuple[str, ...] = ()
) -> Iterator[Partition]:
    known = Plan(asked.config, moment, out)
    for resource in asked.config.resources:
        if not resources or resource.name in resources:
            yield from known.partitions(resource)


def status(out: str | os.PathLike[str]) -> Summary:
    """Where the harvest in `out` stands, by its journals. Raises `DataRefused`."""
    out = Path(out)
    asked = read_asked(out)
    noted = read_last_run(out)
    failed = {failure.key for failure in noted.listed}
    open_ones = set()
    doubts, whole, gaps = Doubts(), WholeRun(out, asked.config), Gaps()
    since: str | None = None
    numbers = {resource.name: ResourceSummary(resource.name) for resource in asked.config.resources}
    for partition in planned(out, asked):
        place = place_of(out, partition)
        checkpoint = read_checkpoint(place)
        for split, doubt in gaps.sums(partition, checkpoint):
            doubts.add(split.resource, split.labels, doubt)
        is_gap = gaps.take(partition, checkpoint)
        checkpoint.done = checkpoint.done and not is_gap and not kept_early(place, partition)
        since = max(since or "", checkpoint.at or "") or None
        key = (partition.resource, *partition.labels.values())
        if key in failed and not checkpoint.done and not is_gap:
            open_ones.add(key)
        numbers[partition.resource].add(checkpoint, failed=is_gap or key in open_ones)
        whole.add(partition, checkpoint)
        for doubt in checkpoint.doubts:
            doubts.add(partition.resource, partition.labels, doubt)
    for split, doubt in gaps.close():
        doubts.add(split.resource, split.labels, doubt)
    whole.tell(doubts)
    unlisted = noted.count - Counter(failure.resource for failure in noted.listed)
    for name in numbers.keys() & unlisted.keys():
        counts = numbers[name].partitions
        moved = min(unlisted[name], counts.pending)
        counts.failed += moved
        counts.pending -= moved
    still_failed = [failure for failure in noted.listed if failure.key in open_ones]
    return Summary(
        asked.name,
        list(numbers.values()),
        [*gaps.failures, *still_failed],
        doubts=list(doubts),
        since=since,
        gaps=gaps.listed,
    )


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


def verify(out: str | os.PathLike[str], *, deep: bool = False) -> Verification:
    """Check every stored page of the harvest in `out` against its journal.

    Always: lines, part numbers, sizes, SHA-256, the chain of cursors, parts that no line names,
    folders that no plan names. `deep` also inflates and parses every page and counts its records
    anew. A partition that is not finished is no problem: it is only not finished.
    Raises `DataRefused` where there is no harvest at all.
    """
    out = Path(out)
    asked = read_asked(out)
    found = Verification()
    checks = {
        resource.name: _Check(asked, resource, deep=deep) for resource in asked.config.resources
    }
    journals = 0
    for partition in _known(out, asked, asked.planned_until):
        try:
            folder = place_of(out, partition)
        except DataRefused as error:
            found.add(StoredProblem(str(partition.folder), str(error)))
            continue
        if (folder / JOURNAL).exists():
            journals += 1
        if folder.is_dir():
            for path, problem in checks[partition.resource].problems(folder, partition, found):
                found.add(StoredProblem(str(path.relative_to(out)), problem))
    for path in _strangers(out, asked, journals):
        found.add(StoredProblem(str(path.relative_to(out)), "no partition of the plan lies here"))
    return found


class PartCheck:
    """Whether a part is what its line says. `deep`: also inflated and parsed."""

    def __init__(self, resource: Resource, config: Config, *, deep: bool) -> None:
        self._format = format_of(resource)
        self._records = Field("records", self._format.selector, Take.COUNT)
        self._lists = all(isinstance(segment, Key) for segment in self._records.path)
        self._limits = config.client.limits
        self._deep = deep

    def problems(self, path: Path, entry: Entry) -> Iterator[str]:
        """Everything wrong with it, in words; nothing where it is sound."""
        try:
            size, digest = _sha256(path)
        except OSError as error:
            yield f"cannot be read: {error.strerror or error}"
            return
        except DataRefused as error:  # a link, a pipe
            yield str(error).removeprefix(f"{path}: ")
            return
        if size != entry.stored_bytes:
            yield f"{size:,} bytes, the journal says {entry.stored_bytes:,}"
        elif digest != entry.sha256:
            yield "its SHA-256 differs from the journal's: the file has changed"
        elif self._deep:
            yield from self._content_problems(path, entry)

    def _content_problems(self, path: Path, entry: Entry) -> Iterator[str]:
        size = 0

        def chunks() -> Iterator[bytes]:
            nonlocal size
            for chunk in decoded_chunks(path):
                size += len(chunk)
                yield chunk

        try:
            records = self._format.check(chunks(), [self._records], self._limits).get("records", 0)
        except (AttemptFailed, OSError) as error:
            yield str(error)
            return
        if size != entry.bytes:
            yield f"{size:,} decoded bytes, the journal says {entry.bytes:,}"
        if records == 1 and entry.records == 0 and self._lists:
            records = int(self._format.lone(decoded_chunks(path)) != 0)
        if records != entry.records:
            yield f"{records:,} records, the journal says {entry.records:,}"


class _Check:
    """The checks of one resource's partitions."""

    def __init__(self, asked: Asked, resource: Resource, *, deep: bool) -> None:
        self._fingerprints = asked.fingerprints[resource.name]
        self._parts = PartCheck(resource, asked.config, deep=deep)
        self._first = paginator_of(resource.paginator).first_cursor()

    def problems(
        self, folder: Path, partition: Partition, found: Verification
    ) -> Iterator[tuple[Path, str]]:
        """Everything wrong in one partition's folder; counts its parts into `found`."""
        journal = folder / JOURNAL
        parts = 0
        before: Entry | None = None
        try:
            header = read_header(folder)
            if header is None:
                if any(parts_on_disk(folder)):
                    yield journal, "missing, but there are parts"
                return
            if header.fingerprint not in self._fingerprints:
                yield journal, "written by another configuration (the fingerprint differs)"
            if dict(header.partition) != partition.labels:
                yield journal, f"written for another partition: {dict(header.partition)}"
            counting = span(folder)
            for entry in read_entries(folder):
                for problem in self._chain_problems(before, entry):
                    yield journal, f"page {entry.seq}: {problem}"
                parts += entry.part is not None
                if entry.part is not None and counting.counts(entry.seq):
                    for problem in self._parts.problems(folder / entry.part, entry):
                        yield folder / entry.part, problem
                before = entry
        except DataRefused as error:
            yield journal, str(error).removeprefix(str(journal)).lstrip(": ")
        else:
            done = before is not None and before.done
            for name in _beyond(folder, parts + (0 if done else read_mark(folder))):
                yield folder / name, "no line of the journal names this part"
        finally:
            found.parts += parts

    def _chain_problems(self, before: Entry | None, entry: Entry) -> Iterator[str]:
        if before is not None and before.done and not entry.redoes:
            yield "stands behind the line that says the partition is done"
        elif before is not None and not before.done and before.next != entry.cursor:
            yield f"was asked with {entry.cursor!r}, but the page before leads to {before.next!r}"
        elif before is None and entry.cursor != self._first:
            yield f"the first page was asked for with {entry.cursor!r}"
        if entry.restarts and entry.next != self._first:
            yield f"begins the chain again, but with {entry.next!r}"


def _sha256(path: Path) -> tuple[int, str]:
    with reading(path) as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


def parts_on_disk(folder: Path) -> Iterator[tuple[int, str]]:
    """Number and name of every part file in `folder`, in no order."""
    with os.scandir(folder) as listing:
        for item in listing:
            number = part_number(item.name)
            if number is not None:
                yield number, item.name


def _beyond(folder: Path, last: int) -> list[str]:
    """The parts above number `last`, which may just be waiting for its line in the journal."""
    beyond = sorted(item for item in parts_on_disk(folder) if item[0] > last)
    if beyond:  # a run beside us may have committed them meanwhile
        spare = read_mark(folder)  # before the journal: gone, its lines are there
        checkpoint = read_checkpoint(folder)
        last = checkpoint.pages + (0 if checkpoint.done else spare)
    return [name for number, name in beyond if number > last]


def _strangers(out: Path, asked: Asked, journals: int) -> Iterator[Path]:
    """Folders with pages that the plan does not name; looked for by name only if the number of
    journals says that there are some, since it takes a set of all planned folders.
    """
    if sum(1 for _ in folders_with_pages(out)) == journals:
        return
    known = {place_of(out, partition) for partition in _known(out, asked, asked.planned_until)}
    yield from (place for place in folders_with_pages(out) if place not in known)


def folders_with_pages(out: Path) -> Iterator[Path]:
    """The folders in `out` that hold pages, in order, but for those put aside."""
    for place, folders, names in os.walk(out):
        folders[:] = sorted(name for name in folders if name != ASIDE)
        if _holds_pages(names):
            yield Path(place)


def _holds_pages(names: list[str]) -> bool:
    return JOURNAL in names or any(part_number(name) is not None for name in names)
