"""Exports into a target that grows: only what is new, each record once, whatever was killed.

After it the target holds what an export of the whole harvest would hold. Pages that are new are
added; columns that are new are added to the table. Where the rows of before are no longer what the
harvest says (a partition was harvested again, a page was repaired), or where a column needs another
type for the new records, all is written anew, and it is said why.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from harvester.config import AnyResource
from harvester.errors import ConfigError
from harvester.export.casting import CastColumn, Casting
from harvester.export.choice import Choice, refuse_unmet
from harvester.export.duckdb_file import DuckDB
from harvester.export.duckdb_tables import DuckDBTables
from harvester.export.growing import GrowingTarget
from harvester.export.ledger import Ledger, changes
from harvester.export.parquet import Parquet
from harvester.export.rows import ResourceRows
from harvester.export.scratch import scratch
from harvester.export.snapshot import Snapshot
from harvester.export.sql import sql_type
from harvester.export.steps import OnStep
from harvester.export.superseded import refuse_hidden
from harvester.export.targets import WRITERS, refuse_missing, table_names
from harvester.store import Asked, Store, disk_errors
from harvester.values import dataclass

_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """How the rows are to be: what `export` was asked for."""

    partition: Mapping[str, str]
    dedupe: tuple[str, ...]
    prefix: str
    choice: Choice
    keyed: bool  # whether the key of digests was given
    cast: bool
    partition_by: tuple[str, ...]
    append: bool
    force: bool

    def options(self, resource: AnyResource) -> dict[str, Any]:
        """What must be the same each time, as JSON has it."""
        inside = [each.inside.written() for each in resource.chain]
        check = hmac.new(self.choice.secret, b"harvester", hashlib.sha256).hexdigest()[:16]
        return {
            "partition": dict(self.partition),
            "dedupe": list(self.dedupe),
            "prefix": self.prefix,
            "columns": list(self.choice.columns),
            "drop": list(self.choice.drop),
            "hashed": list(self.choice.hashed),
            "hash_key": check if self.choice.hashed and self.keyed else "",
            "cast": self.cast,
            "partition_by": list(self.partition_by),
            **({"inside": inside} if inside else {}),
        }


@dataclass(slots=True)
class Grown:
    """What became of a target: see `Exported`."""

    records: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    replaced: int = 0
    notes: list[str] = field(default_factory=list)
    casts: list[CastColumn] = field(default_factory=list)


def is_growing(
    target: Path, form: str | None, partition_by: Sequence[str], *, append: bool
) -> bool:
    """Whether a target is a folder, or one that is added to. Raises `ConfigError` for what cannot
    be.
    """
    name = target.name.lower()
    known = next((suffix for suffix in WRITERS if name.endswith(suffix) and name != suffix), None)
    if form not in (None, "parquet"):
        raise ConfigError(f"--format {form}: only parquet, for a folder of Parquet files")
    if form is None and not partition_by and not append:
        return False
    if partition_by and len(set(partition_by)) < len(partition_by):
        raise ConfigError(f"--partition-by {partition_by[-1]}: is named twice")
    if known == DuckDB.suffix and form is None and not partition_by:
        return True
    if known is not None and known != Parquet.suffix:
        asked = "--partition-by" if partition_by else "--append" if append else "--format parquet"
        others = "" if partition_by or form else ", or a .duckdb"
        raise ConfigError(f"{target}: {asked} takes a folder of Parquet files{others}")
    return True


def grow(
    store: Store,
    asked: Asked,
    target: Path,
    found: Sequence[AnyResource],
    wish: Wish,
    on_step: OnStep,
) -> Grown:
    """Bring `target` up to date; see `exporting.export`."""
    in_tables = target.name.lower().endswith(DuckDB.suffix) and not wish.partition_by
    refuse_missing(DuckDB if in_tables or wish.partition_by else Parquet)
    _refuse(target, found, wish, in_tables=in_tables)
    with scratch(target) as folder, disk_errors(target):
        place: GrowingTarget = (
            DuckDBTables(target, folder)
            if in_tables
            else ParquetFolderOf(target, folder, wish.partition_by)
        )
        with place:
            job = _Growth(store, asked, target, wish, on_step, folder, place)
            names = table_names(resource.name for resource in found)
            for number, (resource, name) in enumerate(zip(found, names, strict=True)):
                job.take(number, resource, name)
            refuse_unmet(job.unmet)
            job.finish()
    return job.done


def ParquetFolderOf(target: Path, folder: Path, by: Sequence[str]) -> GrowingTarget:  # noqa: N802
    """The folder, whose module needs a library that may be missing."""
    from harvester.export.parquet_folder import ParquetFolder

    return ParquetFolder(target, folder, by)


def _refuse(target: Path, found: Sequence[AnyResource], wish: Wish, *, in_tables: bool) -> None:
    """Raise `ConfigError` for what cannot be added to, before anything is read."""
    if not target.parent.is_dir():
        raise ConfigError(f"{target}: there is no folder {target.parent}")
    if wish.append:
        choice = wish.choice
        refuse_hidden(wish.dedupe, choice.columns, (*choice.drop, *wish.partition_by))
    if wish.append and wish.choice.hashed and not wish.keyed:
        raise ConfigError(
            "--append --hash: each export would have other digests; set HARVESTER_HASH_KEY"
        )
    if not wish.append and not wish.force and os.path.lexists(target) and _holds(target):
        raise ConfigError(
            f"{target}: exists, and was left as it is; --append adds what is new, --force replaces "
            "it"
        )
    if not in_tables and len(found) > 1:
        names = ", ".join(resource.name for resource in found)
        raise ConfigError(
            f"{target}: holds one resource, and there are {names}; choose one with --resource"
        )


def _holds(target: Path) -> bool:
    return not target.is_dir() or any(target.iterdir())


@dataclass(slots=True)
class _Growth:
    store: Store
    asked: Asked
    target: Path
    wish: Wish
    on_step: OnStep
    folder: Path
    place: GrowingTarget
    done: Grown = field(default_factory=Grown)
    ledgers: list[tuple[str, Ledger]] = field(default_factory=list)
    unmet: list[frozenset[tuple[str, str]] | None] = field(default_factory=list)
    any_partition: bool = False

    def take(self, number: int, resource: AnyResource, name: str) -> None:
        """Add what is new of a resource."""
        force = self.wish.force or not self.wish.append
        before = self.place.ledger(name, force=force)
        if before is not None:
            options = self.wish.options(resource)
            before.refuse_others(self.target, self.asked.name, options)
        snapshot = self._snapshot(resource, number, before)
        if before is not None and snapshot.gone:
            self._say_anew(resource, _gone(sorted(snapshot.gone)))
            before = None
            snapshot = self._snapshot(resource, number, None)
        self.any_partition = self.any_partition or bool(snapshot.partitions)
        if not self._add(snapshot, name, before):
            self._add(self._snapshot(resource, number, None), name, None)

    def finish(self) -> None:
        """Let it count."""
        if self.wish.partition and not self.any_partition:
            pairs = ", ".join(f"{key}={value}" for key, value in self.wish.partition.items())
            raise ConfigError(f"no partition here has {pairs}")
        if self.place.mended:
            self.done.notes.insert(0, f"{self.target}: {self.place.mended}")
        if hidden := [name for name in self.wish.partition_by if name.startswith("_")]:
            self.done.notes.append(
                f"{self.target}: pyarrow and pandas pass over folders whose names begin with _, as "
                f"{hidden[0]}=… does, unless told ignore_prefixes; --prefix gives another name"
            )
        if self.ledgers:
            self.place.commit(self.ledgers)

    def _snapshot(self, resource: AnyResource, number: int, before: Ledger | None) -> Snapshot:
        file = self.folder / f"pages-{number}.jsonl"
        held = before.held if before else {}
        return Snapshot(self.store, self.asked, resource, self.wish.partition, file, held)

    def _add(self, snapshot: Snapshot, name: str, before: Ledger | None) -> bool:
        """Write the rows of the snapshot; False where a column needs another type, so that all are
        to be written anew.
        """
        seen = self.folder / f"seen-{name.encode().hex()[:32]}.sqlite"
        seen.unlink(missing_ok=True)
        tallies = before.known.tallies if before else None
        casting = Casting(snapshot.name, tallies) if self.wish.cast else None
        wish = self.wish
        with ResourceRows(
            snapshot, wish.prefix, wish.dedupe, wish.choice, seen, self.on_step, casting
        ) as rows:
            if before is not None:
                rows.remember(before.known)
                self.done.totals[snapshot.name] = before.records
                self.done.records[snapshot.name] = 0
                if not snapshot.records:
                    self._pass(snapshot, name, before)
                    return True
            found = rows.exact_table().columns
            columns = {column.name: sql_type(column.type) for column in found}
            was = before.columns if before is not None and before.records else {}
            added, changed = changes(was, columns)
            if changed:
                self._say_anew(snapshot.name, "; ".join(changed[:_MOST_NAMED]))
                return False
            if was and added:
                self.done.notes.append(
                    f"{snapshot.name}: new columns, which rows of before have not: "
                    f"{', '.join(added)}; read Parquet files with union_by_name = true"
                )
            self._write(rows, snapshot, name, columns, before, added if was else ())
            self.done.casts += casting.told() if casting else ()
        return True

    def _write(
        self,
        rows: ResourceRows,
        snapshot: Snapshot,
        name: str,
        columns: Mapping[str, str],
        before: Ledger | None,
        added: Sequence[str],
    ) -> None:
        told = before if before is not None and before.records else None
        ledger = Ledger(
            self.asked.name,
            snapshot.name,
            self.wish.options(snapshot.resource),
            columns,
            rows.known,
            appends=told.appends + 1 if told else 1,
            held=snapshot.held,
        )
        replaced = self.place.add(name, rows, ledger, added, self.wish.dedupe)
        ledger.records = rows.count + (told.records - replaced if told else 0)
        self.ledgers.append((name, ledger))
        self.unmet.append(None if told else rows.unmet)
        self.done.records[snapshot.name] = rows.count
        self.done.totals[snapshot.name] = ledger.records
        self.done.repeated += rows.repeated
        self.done.replaced += replaced
        notes = (*self.done.notes, *rows.notes, *filter(None, snapshot.told))
        self.done.notes = [*dict.fromkeys(notes)]

    def _pass(self, snapshot: Snapshot, name: str, before: Ledger) -> None:
        """Nothing new: pages without a record, at most."""
        if snapshot.pages and before.records:
            before.held = snapshot.held
            before.appends += 1
            self.ledgers.append((name, before))

    def _say_anew(self, resource: AnyResource | str, why: str) -> None:
        name = resource if isinstance(resource, str) else resource.name
        self.done.notes.append(f"{name}: written anew, since {why}")


def _gone(folders: Sequence[str]) -> str:
    more = f" and {len(folders) - _MOST_NAMED:,} more" if len(folders) > _MOST_NAMED else ""
    named = ", ".join(folders[:_MOST_NAMED])
    return f"pages that were exported no longer count, or were harvested again: {named}{more}"
