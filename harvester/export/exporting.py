"""The export itself: which passes over the records, and what is written with them."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harvester.config import Resource
from harvester.errors import ConfigError
from harvester.export.block_survey import BlockSurvey
from harvester.export.blocks import Block, BlockBuilder, plain_parts
from harvester.export.columns import Table, partition_names, table_of
from harvester.export.repeats import Repeats, key_path
from harvester.export.scratch import publish, refuse_existing, scratch
from harvester.export.snapshot import Snapshot, chosen
from harvester.export.survey import Survey
from harvester.export.targets import refuse_missing, writer_for
from harvester.export.writer import Writer
from harvester.store import disk_errors, read_asked

PREFIX: Final = "_"
_STEP_RECORDS: Final = 5000


@dataclass(frozen=True, slots=True)
class Step:
    """How far an export has come: in which pass, `reading` (what the values look like) or
    `writing`, over which resource, and how many of its committed records.
    """

    phase: str
    resource: str
    records: int
    of_records: int


@dataclass(slots=True)
class Exported:
    """What an export wrote: the records of each resource, and what a person should know."""

    target: Path
    records: dict[str, int] = field(default_factory=dict)
    repeated: int = 0  # records left out, since a newer one has the same key
    notes: list[str] = field(default_factory=list)


OnStep = Callable[[Step], None]


def export(
    out: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    resources: Sequence[str] = (),
    partition: Mapping[str, str] | None = None,
    dedupe: Sequence[str] = (),
    prefix: str = PREFIX,
    force: bool = False,
    on_step: OnStep = lambda step: None,
) -> Exported:
    """Write the records that were committed in `out` when this began into the file `target`.

    The ending of `target` says what it becomes; one that exists is complete. `partition` chooses
    partitions as `iter_records` does. `dedupe` are paths into a record: of records alike there,
    the newest is kept. Partition values get columns, `prefix` before their names. `force` takes
    the place of a file that exists. Raises `ConfigError`, `DataRefused`, `FolderLocked`,
    `DiskError`.
    """
    out, target = Path(out), Path(target)
    writer = writer_for(target)
    for key in dedupe:
        key_path(key)
    refuse_existing(target, force=force)
    writer.check_target(target)
    refuse_missing(writer)
    asked = read_asked(out)
    wanted = dict(partition or {})
    found = chosen(asked, resources, wanted)
    _refuse_several(target, writer, found)
    with scratch(target, force=force) as folder:
        taken = [
            Snapshot(out, asked, resource, wanted, folder / f"pages-{number}.jsonl")
            for number, resource in enumerate(found)
        ]
        if wanted and not any(snapshot.partitions for snapshot in taken):
            pairs = ", ".join(f"{key}={value}" for key, value in wanted.items())
            raise ConfigError(f"no partition here has {pairs}")
        job = _Export(folder, Exported(target), tuple(dedupe), prefix, on_step)
        with disk_errors(target):
            job.write(writer, taken)
        writer.check_target(target)
        publish(job.file, target, force=force)
    return job.done


@dataclass(slots=True)
class _Export:
    folder: Path
    done: Exported
    dedupe: tuple[str, ...]
    prefix: str
    on_step: OnStep

    @property
    def file(self) -> Path:
        """Where the target grows; its own name within, for what a reader's error would say."""
        return self.folder / self.done.target.name

    def write(self, writer: type[Writer], taken: Sequence[Snapshot]) -> None:
        """Write the file, whole."""
        with writer(self.file) as file:
            for number, (snapshot, name) in enumerate(zip(taken, _names(taken), strict=True)):
                with _Rows(self, snapshot, number) as rows:
                    file.add(name, rows)


class _Rows:
    """The rows of one resource: looked through once for the columns and the repeats, then given."""

    def __init__(self, job: _Export, snapshot: Snapshot, number: int) -> None:
        self._job = job
        self._snapshot = snapshot
        self._stack = ExitStack()
        self._repeats = (
            self._stack.enter_context(Repeats(job.folder / f"seen-{number}.sqlite", job.dedupe))
            if job.dedupe
            else None
        )
        self._looked_through = False
        self._plain: list[bytes] = []  # of each block of the first pass, its chunks

    @property
    def resource(self) -> str:
        """The name of the resource."""
        return self._snapshot.name

    @property
    def partition_names(self) -> Mapping[str, str]:
        """The column of each partition key."""
        return partition_names(self._snapshot.keys, self._job.prefix)

    def __enter__(self) -> "_Rows":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def table(self) -> Table:
        """The columns, from all records and partition values."""
        records, partitions = BlockSurvey(), Survey()
        partitions.observe(dict.fromkeys(self._snapshot.keys))
        self._plain = []
        own: Mapping[str, Any] | None = None
        for block in self._look_through():
            for run in block.runs:
                if run.values is not own:
                    own = run.values
                    partitions.observe(own)
            self._plain.append(records.observe(block))
        made = table_of(self._snapshot.name, records.root, partitions.root, self._job.prefix)
        self._job.done.notes += made.notes
        return made

    def _look_through(self) -> Iterator[Block]:
        """The first pass."""
        self._looked_through = True
        position = 0
        for block in self._blocks("reading"):
            if self._repeats:
                for run, values in block.values():
                    for value in values:
                        self._repeats.observe(position, run.fetched_at, value)
                        position += 1
            yield block
        if self._repeats:
            self._check_keys(self._repeats)

    def blocks(self) -> Iterator[Block]:
        """The second pass: the rows, without those that are repeated."""
        if self._repeats and not self._looked_through:
            for _ in self._look_through():
                pass
        repeated = self._repeats.positions() if self._repeats else iter(())
        leave_out = next(repeated, None)
        begin = count = 0
        for number, block in enumerate(self._blocks("writing")):
            pieces = plain_parts(block, self._plain[number]) if self._plain else [block]
            for piece in pieces:
                end = begin + len(piece)
                places = []
                while leave_out is not None and leave_out < end:
                    places.append(leave_out - begin)
                    leave_out = next(repeated, None)
                begin = end
                self._job.done.repeated += len(places)
                count += len(piece) - len(places)
                if len(places) < len(piece):
                    yield piece.without(places)
        self._job.done.records[self._snapshot.name] = count

    def _blocks(self, phase: str) -> Iterator[Block]:
        snapshot, count, told = self._snapshot, 0, 0
        builder = BlockBuilder()
        self._job.on_step(Step(phase, snapshot.name, 0, snapshot.records))
        for page in snapshot:
            for records in snapshot.records_of(page):
                count += len(records)
                yield from builder.add(page.values, page.fetched_at, records)
                if count - told >= _STEP_RECORDS:
                    told = count
                    self._job.on_step(Step(phase, snapshot.name, count, snapshot.records))
        yield from builder.rest()
        self._job.on_step(Step(phase, snapshot.name, count, snapshot.records))

    def _check_keys(self, repeats: Repeats) -> None:
        """Refuse a key that no record has, and tell of records without it."""
        name, keys = self._snapshot.name, " ".join(f"--dedupe {key}" for key in self._job.dedupe)
        if repeats.unkeyed and not repeats.keyed:
            raise ConfigError(f"{name}: {keys}: no record has a value there")
        if repeats.unkeyed:
            self._job.done.notes.append(
                f"{name}: {repeats.unkeyed:,} records have no value at {keys}; all were kept"
            )


def _refuse_several(target: Path, writer: type[Writer], found: Sequence[Resource]) -> None:
    """Raise `ConfigError` for several resources where the target holds one."""
    if writer.holds_several or len(found) == 1:
        return
    names = ", ".join(resource.name for resource in found)
    raise ConfigError(
        f"{target}: holds one resource, and there are {names}; choose one with --resource, or "
        "export to a .duckdb, with a table for each"
    )


def _names(taken: Sequence[Snapshot]) -> list[str]:
    """A name for each resource: its own, unless another differs by its case only."""
    names: list[str] = []
    for snapshot in taken:
        name, count = snapshot.name, 1
        while name.casefold() in map(str.casefold, names):
            count += 1
            name = f"{snapshot.name}_{count}"
        names.append(name)
    return names
