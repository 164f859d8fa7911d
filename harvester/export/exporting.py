"""Exports a harvest: decides which passes over the records are needed, and runs them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Final

from harvester.config import AnyResource
from harvester.errors import ConfigError
from harvester.export.appending import Wish, grow, is_growing
from harvester.export.casting import CastColumn, Casting
from harvester.export.choice import Choice, refuse_unmet
from harvester.export.repeats import key_path
from harvester.export.rows import ResourceRows, TableChanged
from harvester.export.scratch import publish, refuse_existing, scratch
from harvester.export.snapshot import Snapshot, chosen
from harvester.export.steps import OnStep
from harvester.export.targets import WRITERS, refuse_missing, table_names, writer_for
from harvester.export.writer import Writer
from harvester.store import Place, disk_errors, read_asked, store_at
from harvester.values import dataclass

PREFIX: Final = "_"


@dataclass(slots=True)
class Exported:
    """What an export wrote: the records of each resource, and what a person should know."""

    target: Path
    records: dict[str, int] = field(default_factory=dict)
    repeated: int = 0  # records left out, since a newer one has the same key
    notes: list[str] = field(default_factory=list)
    casts: list[CastColumn] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)  # where it was added to: all that is there
    replaced: int = 0  # rows of before that gave way to newer ones with the same key


def export(
    out: Place,
    target: str | os.PathLike[str],
    *,
    resources: Sequence[str] = (),
    partition: Mapping[str, str] | None = None,
    dedupe: Sequence[str] = (),
    prefix: str = PREFIX,
    columns: Sequence[str] = (),
    drop: Sequence[str] = (),
    hashed: Sequence[str] = (),
    hash_key: str | None = None,
    cast: bool = False,
    format: str | None = None,  # noqa: A002  # as the option is called
    partition_by: Sequence[str] = (),
    append: bool = False,
    force: bool = False,
    on_step: OnStep = lambda step: None,
) -> Exported:
    """Write the records that were committed in `out` when this began into the file `target`.

    The ending of `target` says what it becomes; one that exists is complete. `partition` chooses
    partitions as `iter_records` does. `dedupe` are paths into a record: of records alike there,
    the newest is kept. Partition values get columns, `prefix` before their names. `columns` are the
    only ones to be exported, `drop` are paths that are not; values at the paths `hashed` become
    digests, the same for the same `hash_key` (none: a new one each time). `cast` gives texts that
    are all numbers, or all times, a type of their own (see `casting`). `force` takes the place of a
    file that exists. `format="parquet"` makes a folder of Parquet files, `partition_by` divides it
    by the values of columns, and `append` adds what is new to it, or to a .duckdb (see
    `appending`). Raises `ConfigError`, `DataRefused`, `FolderLocked`, `DiskError`.
    """
    store, target = store_at(out), Path(target)
    growing = is_growing(target, format, partition_by, append=append)
    for key in dedupe:
        key_path(key)
    choice = Choice(tuple(columns), tuple(drop), tuple(hashed))
    if hash_key is not None:
        choice = replace(choice, secret=hash_key.encode())
    if growing:
        asked = read_asked(store)
        wish = Wish(
            dict(partition or {}), tuple(dedupe), prefix, choice, hash_key is not None, cast,
            tuple(partition_by), append, force,
        )  # fmt: skip
        grown = grow(store, asked, target, chosen(asked, resources, wish.partition), wish, on_step)
        return Exported(
            target, grown.records, grown.repeated, grown.notes, grown.casts, grown.totals,
            grown.replaced,
        )  # fmt: skip
    writer = writer_for(target)
    refuse_existing(target, force=force)
    writer.check_target(target)
    refuse_missing(writer)
    if cast:
        _refuse_cast(target, writer)
    asked = read_asked(store)
    wanted = dict(partition or {})
    found = chosen(asked, resources, wanted)
    _refuse_several(target, writer, found)
    with scratch(target) as folder:
        taken = [
            Snapshot(store, asked, resource, wanted, folder / f"pages-{number}.jsonl")
            for number, resource in enumerate(found)
        ]
        if wanted and not any(snapshot.partitions for snapshot in taken):
            pairs = ", ".join(f"{key}={value}" for key, value in wanted.items())
            raise ConfigError(f"no partition here has {pairs}")
        job = _Export(folder, Exported(target), tuple(dedupe), prefix, choice, on_step, cast)
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
    choice: Choice
    on_step: OnStep
    cast: bool = False

    @property
    def file(self) -> Path:
        """Where the target grows; its own name within, for what a reader's error would say."""
        return self.folder / self.done.target.name

    def write(self, writer: type[Writer], taken: Sequence[Snapshot]) -> None:
        """Write the file, whole."""
        unmet: list[frozenset[tuple[str, str]] | None] = []
        with writer(self.file) as file:
            names = table_names(snapshot.name for snapshot in taken)
            for number, (snapshot, name) in enumerate(zip(taken, names, strict=True)):
                seen = self.folder / f"seen-{number}.sqlite"
                inside = writer.has_types_inside
                casting = Casting(snapshot.name, inside=inside) if self.cast else None
                with ResourceRows(
                    snapshot, self.prefix, self.dedupe, self.choice, seen, self.on_step, casting
                ) as rows:
                    try:
                        file.add(name, rows)
                    except TableChanged:
                        file.add(name, rows)
                self.done.records[snapshot.name] = rows.count
                self.done.repeated += rows.repeated
                notes = (*self.done.notes, *rows.notes, *filter(None, snapshot.told))
                self.done.notes = [*dict.fromkeys(notes)]
                self.done.casts += casting.told() if casting else ()
                unmet.append(rows.unmet)
        refuse_unmet(unmet)


def _refuse_cast(target: Path, writer: type[Writer]) -> None:
    """Raise `ConfigError` where a target has no types to cast to."""
    if not writer.has_types:
        typed = ", ".join(suffix for suffix, kind in WRITERS.items() if kind.has_types)
        raise ConfigError(
            f"{target}: --cast gives columns a type, and a {writer.suffix} has none; leave --cast "
            f"out, or name a file that ends in one of {typed}"
        )


def _refuse_several(target: Path, writer: type[Writer], found: Sequence[AnyResource]) -> None:
    """Raise `ConfigError` for several resources where the target holds one."""
    if writer.holds_several or len(found) == 1:
        return
    names = ", ".join(resource.name for resource in found)
    raise ConfigError(
        f"{target}: holds one resource, and there are {names}; choose one with --resource, or "
        "export to a .duckdb, with a table for each"
    )
