"""Snapshot of the pages that an export is made of: those committed when it began.

An export reads its pages twice or more, a run beside it may commit further ones meanwhile, and a
chain of cursors may begin again. So the pages are noted once, in a file, and memory stays flat.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from harvester.config import AnyResource
from harvester.errors import ConfigError, DataRefused, Malformed
from harvester.export.ledger import Held
from harvester.model import Partition
from harvester.page import Record, format_of
from harvester.planning import Lists, inside_of
from harvester.results import in_order
from harvester.store import Asked, Place, decoded, fetched_ahead, pages_of, store_at
from harvester.values import dataclass

_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class CommittedPage:
    """A page that counts: its partition's values, and what the journal says of it."""

    values: Mapping[str, Any]
    folder: str
    part: str
    stored_bytes: int
    records: int
    fetched_at: str
    list_from: Any = None
    is_known: bool = False  # exported before: read for what comes again behind it


class Snapshot:
    """The committed pages of one resource at one moment.

    `wanted` chooses partitions by their labels; `file` is where the pages are noted. `before` are
    the pages of each partition folder that another export has: they are passed over, and `gone`
    names the folders where they are no longer the first pages that count. `held` are those of
    before and those of this snapshot. Raises `DataRefused` where a journal is damaged.
    """

    def __init__(
        self, out: Place, asked: Asked, resource: AnyResource, wanted: Mapping[str, str],
        file: Path, before: Mapping[str, Held] | None = None,
    ) -> None:  # fmt: skip
        self.name = resource.name
        self.resource = resource
        self.keys = resource.partition_keys
        self.partitions = self.pages = self.records = 0
        self._store = store = store_at(out)
        self._file = file
        self._format = format_of(resource.source)
        self.inside = inside_of(resource)
        self.passed = 0  # records of pages that were gone through, embedded ones in them or not
        self.held: dict[str, Held] = {}
        before = before or {}
        self.gone = set(before)
        self.lists = Lists(resource.source)
        with file.open("w", encoding="utf-8") as notes:
            for found in in_order(store, asked, (resource.source.name,), wanted):
                self.partitions += 1
                folder = found.folder
                notes.write(json.dumps(_values(found.partition)) + "\n")
                held, passed = Held(), before.get(folder, Held())
                for entry in pages_of(store, folder, found.lines):
                    held = held.then(entry)
                    is_known = held.pages <= passed.pages
                    if held == passed:
                        self.gone.discard(folder)
                    if is_known and not self.lists.overlap:
                        continue
                    noted = (
                        folder, entry.part, entry.stored_bytes, entry.records, entry.fetched_at,
                        entry.list_from, is_known,
                    )  # fmt: skip
                    notes.write(json.dumps(noted) + "\n")
                    if not is_known:
                        self.pages += 1
                        self.records += entry.records
                if held.pages:
                    self.held[folder] = held

    @property
    def told(self) -> tuple[str, ...]:
        """What a person should know of what was left out, or not found."""
        return (self.lists.told, self.inside.told if self.inside else "")

    def fetched(self) -> Iterator[tuple[CommittedPage, Iterator[bytes]]]:
        """The pages, each with what is stored of it."""
        return fetched_ahead(
            self._store, self, lambda page: (page.folder, page.part, page.stored_bytes)
        )

    def __iter__(self) -> Iterator[CommittedPage]:
        """The pages in plan order, then page order."""
        values: Mapping[str, Any] = {}
        self.lists.left_out = self.passed = 0
        if self.inside:
            self.inside.begin()
        with self._file.open(encoding="utf-8") as notes:
            for line in notes:
                noted = json.loads(line)
                if isinstance(noted, dict):
                    values = noted
                else:
                    yield CommittedPage(values, *noted)

    def records_of(
        self, page: CommittedPage, stored: Iterator[bytes] | None = None
    ) -> Iterator[Sequence[Record]]:
        """The records of a page, as `iter_records` gives them, some at a time; out of what is
        `stored` of it, if that is there already.

        Raises `DataRefused` where the part is damaged, or holds not as many as were committed.
        """
        count = 0
        self.lists.enter(page.folder, page.list_from)
        shown = f"{self._store.place}/{page.folder}/{page.part}"
        try:
            chunks = decoded(self._store, page.folder, page.part, page.stored_bytes, stored)
            for records in self._format.batches(chunks, page.records):
                count += len(records)
                self.passed += len(records)
                new = [*self.lists.new(records)] if self.lists.overlap else records
                if not page.is_known:
                    yield from self._found_in(new)
        except (Malformed, OSError, ValueError) as error:
            raise DataRefused(f"{shown}: {error}; see `harvester verify`") from error
        if count != page.records:
            raise DataRefused(
                f"{shown}: {count:,} records, the journal says {page.records:,}; see "
                "`harvester verify --deep`"
            )

    def _found_in(self, records: Sequence[Record]) -> Iterator[Sequence[Record]]:
        """The records of the resource in those of a page, some at a time."""
        if self.inside is None:
            yield records
            return
        found = self.inside.of(records)
        while batch := [*islice(found, _BATCH)]:
            yield batch


def chosen(
    asked: Asked, resources: Sequence[str], wanted: Mapping[str, str]
) -> Sequence[AnyResource]:
    """The resources to export. Raises `ConfigError` for a choice that cannot match."""
    known = {resource.name: resource for resource in asked.config.declared}
    for name in resources:
        if name not in known:
            raise ConfigError(f"no resource {name!r} here; there are {', '.join(known)}")
    found = [resource for name, resource in known.items() if not resources or name in resources]
    keys = {key for resource in found for key in resource.partition_keys}
    for key in wanted:
        if key not in keys:
            there = ", ".join(sorted(keys)) or "none"
            raise ConfigError(f"no partition key {key!r} here; there are {there}")
    return [resource for resource in found if wanted.keys() <= set(resource.partition_keys)]


def _values(partition: Partition) -> dict[str, Any]:
    """The values of a partition as JSON has them: a window is its label, as in its folder."""
    labels = partition.labels
    return {
        key: value if isinstance(value, str | int | float | bool) else labels[key]
        for key, value in partition.values.items()
    }
